"""Folders for what a process needs while it lives: they go with it, at the latest when another one looks."""

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from gaitlib.errors import GaitDataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX = "gaitlib-"
LONGEST_FOR_A_SOCKET = 76  # bytes of a temporary folder's path: the address of a socket in it may have about 100


class Scratch:
    """A new folder among the temporary files; it goes with this object.

    A file in it is locked until the process ends, however it ends, so that :func:`sweep` can tell what is left over.

    Parameters
    ----------
    parent : str, optional
        Default: where temporary files go.

    Attributes
    ----------
    path : Path
    remove : callable
        Removes the folder with all that is in it.
    """

    def __init__(self, parent=None):
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(self.path / "new", os.O_CREAT | os.O_RDWR, 0o600)
        _try_to_lock(lock)
        os.rename(self.path / "new", self.path / "lock")  # only now can it be taken for left over
        self.remove = weakref.finalize(self, _remove, self.path, lock, os.getpid())


def _remove(path: Path, lock: int, owner: int) -> None:
    if os.getpid() == owner:  # not a copy of it, in a process that was forked from it
        shutil.rmtree(path, ignore_errors=True)
    os.close(lock)


def for_sockets() -> Scratch:
    """A new folder whose path is short enough for a socket in it.

    Raises
    ------
    GaitDataError
        If there is none.
    """
    usual = tempfile.gettempdir()
    if fcntl is None or len(os.fsencode(usual)) <= LONGEST_FOR_A_SOCKET:
        return Scratch()
    try:
        return Scratch("/tmp")
    except OSError as error:
        raise GaitDataError(
            f"{usual}: too long a path for a socket, and /tmp cannot be used ({error}); set the environment variable "
            f"TMPDIR to a folder with a path of at most {LONGEST_FOR_A_SOCKET} characters"
        ) from error


def sweep() -> None:
    """Remove the folders of this user's processes that were killed."""
    if fcntl is None:
        return
    for parent in {tempfile.gettempdir(), "/tmp"}:
        for folder in Path(parent).glob(f"{PREFIX}*/"):
            try:
                lock = os.open(folder / "lock", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:  # none of ours, or about to be made or removed
                continue
            if _try_to_lock(lock) and os.lstat(folder).st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _try_to_lock(file: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
