"""The command line, ``python -m gaitlib``."""

import sys

from gaitlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
