"""Parsed trees, kept as one file each, so that a second load takes no parsing."""

import glob
import hashlib
import os
from pathlib import Path

from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet

TIME_STAMP_NS = 10_000_000  # file systems write the time of the last tick of the system, up to 10 ms ago


def cache_folder() -> Path:
    """Where parsed trees are kept: ``$GAITLIB_CACHE``, else ``~/.cache/gaitlib``."""
    return Path(os.environ.get("GAITLIB_CACHE", "~/.cache/gaitlib")).expanduser()


def cache_file(path: Path, key: tuple) -> Path:
    """The cache file of a tree; its name changes with the key."""
    place = hashlib.blake2b(os.fsencode(path), digest_size=6).hexdigest()
    content = hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()
    return cache_folder() / f"{path.stem[:40]}-{place}-{content}.npz"


def read(file: Path, newest_ns: int) -> TrialSet | None:
    """The cached trials, or None where there are none or the file is damaged (npz carries checksums).

    A cache is as old as the start of the reading that it holds. Where a file of the tree changed at nearly that time
    (``newest_ns``), it may have changed again within the same time stamp: it is read anew.
    """
    if not file.exists() or file.stat().st_mtime_ns < newest_ns + TIME_STAMP_NS:
        return None
    try:
        return TrialSet.load(file)
    except GaitDataError:
        return None


def write(file: Path, trials: TrialSet, started_ns: int) -> None:
    """Keep parsed trials and drop what was kept of an earlier state of the same tree.

    A cache that cannot be written (full disk, read-only home) costs speed only.
    """
    try:
        trials.save(file)
        os.utime(file, ns=(started_ns, started_ns))
        prefix = file.name.rsplit("-", 1)[0]
        for stale in file.parent.glob(f"{glob.escape(prefix)}-*.npz"):
            if stale != file:
                stale.unlink(missing_ok=True)
    except (OSError, GaitDataError):
        return
