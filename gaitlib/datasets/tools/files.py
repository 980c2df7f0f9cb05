"""Read the files of a folder, a single .mat, or a .zip (without extracting it)."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gaitlib.errors import GaitDataError
from gaitlib.trials.arrays import LARGEST_RATIO

LARGEST_FILE = 256 * 2**20  # bytes; the largest published file, all trials of a study, has below 73 MB
LARGEST_TREE = 64 * 2**30


@dataclass(frozen=True)
class FileTree:
    """Names (posix, relative) of all files, and how to read one.

    ``fingerprint`` changes whenever a name, size or time of the tree changes.
    """

    path: Path
    names: list[str]
    fingerprint: tuple
    sizes: dict[str, int]
    archive: zipfile.ZipFile | None = None

    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises
        ------
        GaitDataError
            If it cannot be read, is damaged or too large.
        """
        if self.sizes[name] > LARGEST_FILE:
            raise GaitDataError(f"{name}: {self.sizes[name]} bytes; a recording has at most {LARGEST_FILE}")
        try:
            return (self.path / name).read_bytes() if self.archive is None else self.archive.read(name)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise GaitDataError(f"{name}: cannot be read ({error}); copy or download it again") from error
        except Exception as error:  # zlib.error and its kin
            raise GaitDataError(f"{name}: damaged ({error}); copy or download it again") from error


def fingerprint(path) -> tuple:
    """Name, size, and times of the last change of content and of anything (ns) of every file, without opening any.

    The second time also moves where a copy keeps the first.

    Raises
    ------
    GaitDataError
        If there is nothing at that path, or a folder cannot be listed.
    """
    path = resolve(path)
    if path.is_file():
        stat = path.stat()
        return ((path.name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns),)
    try:
        return tuple(sorted(_walk(path)))
    except OSError as error:
        raise GaitDataError(f"{path}: cannot be listed ({error})") from error


def open_tree(path) -> FileTree:
    """Open a folder, .zip or .mat of recordings.

    Raises
    ------
    GaitDataError
        If there is nothing, or the archive is damaged, encrypted, a bomb, or holds names that lead outside it.
    """
    path = resolve(path)
    print_of_files = fingerprint(path)
    if path.is_dir():
        sizes = {name: size for name, size, *_ in print_of_files}
        return FileTree(path, list(sizes), print_of_files, sizes)
    if path.suffix.lower() == ".mat":
        return FileTree(path.parent, [path.name], print_of_files, {path.name: print_of_files[0][1]})
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise GaitDataError(f"{path}: not a readable .zip ({error}); download it again") from error
    members = [m for m in archive.infolist() if not m.is_dir()]
    for member in members:
        if PurePosixPath(member.filename).is_absolute() or ".." in PurePosixPath(member.filename).parts:
            raise GaitDataError(f"{path}: the archive holds '{member.filename}', a path that leads outside it")
        if member.flag_bits & 1:
            raise GaitDataError(f"{path}: '{member.filename}' is encrypted; unpack it and give the folder")
        if member.file_size > LARGEST_RATIO * max(member.compress_size, 1000):
            raise GaitDataError(f"{path}: '{member.filename}' unpacks to over {LARGEST_RATIO} times its size: refused")
    names = [m.filename for m in members]
    if twice := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise GaitDataError(f"{path}: '{twice[0]}' is in the archive twice; keep one, or unpack it and give the folder")
    hidden = [any(part.startswith(".") for part in PurePosixPath(m.filename).parts) for m in members]
    sizes = {m.filename: m.file_size for m, h in zip(members, hidden, strict=True) if not h}
    if sum(sizes.values()) > LARGEST_TREE:
        raise GaitDataError(f"{path}: unpacks to {sum(sizes.values())} bytes, over the limit of {LARGEST_TREE}")
    return FileTree(path, sorted(sizes), print_of_files, sizes, archive)


def resolve(path) -> Path:
    """The folder, .zip or .mat meant by a path; for a folder with nothing but one .zip, that archive."""
    path = Path(path).expanduser()
    if not path.exists():
        raise GaitDataError(f"{path}: no such folder or .zip or .mat; give the path of your recordings")
    if path.is_file() and path.suffix.lower() not in (".zip", ".mat"):
        raise GaitDataError(f"{path}: expected a folder or a .zip, or a .mat of a published study")
    if path.is_dir():
        try:
            entries = [e for e in path.iterdir() if not e.name.startswith(".") and e.name != "README.md"]
        except OSError as error:
            raise GaitDataError(f"{path}: cannot be listed ({error})") from error
        if len(entries) == 1 and entries[0].suffix.lower() == ".zip":
            return entries[0].resolve()
    return path.resolve()


def _walk(folder: Path):
    pending, seen = [str(folder)], set()
    start = len(str(folder)) + 1
    while pending:
        here = pending.pop()
        if (real := os.path.realpath(here)) in seen:  # links that lead in a circle, or to one place twice
            continue
        seen.add(real)
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    pending.append(entry.path)
                elif entry.is_file():
                    stat = entry.stat()
                    yield entry.path[start:].replace(os.sep, "/"), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
