"""Ten thousand damaged files: refused or valid, never another error, a dead process, or a table changed in silence."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz.py"
FILES = ["kinect", "azure", "clinical", "clinical, packed", "signature", "imu", "store"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "targets"),
    [(6700, FILES), (3400, ["trials", "trees", "svm"]), (300, ["encoder"])],
    ids=["recordings and the store", "files of our own", "encoders"],
)
def test_ten_thousand_damaged_files_end_well(inputs, targets):
    command = [sys.executable, SCRIPT, "--inputs", str(inputs), *targets]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done.stdout)  # the numbers of the inputs, where one ended badly
    assert done.returncode == 0, done.stdout + done.stderr
