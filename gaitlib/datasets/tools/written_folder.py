"""What all writers of a layout share: a folder of its own, and a mark where its recordings are synthetic."""

from pathlib import Path

from gaitlib.errors import GaitDataError

SYNTHETIC_MARK = "SYNTHETIC.txt"  # stands beside synthetic recordings, so that they are never taken for others


def new_folder(folder) -> Path:
    """The path of a folder that is new or empty; it is not made yet.

    Raises
    ------
    GaitDataError
        If something is there.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise GaitDataError(f"{folder}: there is something already; give a new or empty folder")
    return folder


def make_folder(folder, name: str) -> None:
    """Make the folder, marked where the name of the trials says that they are synthetic."""
    folder.mkdir(parents=True, exist_ok=True)
    if "synthetic" in name.lower():
        (folder / SYNTHETIC_MARK).write_text(f"No recordings of people: {name}.\n")


def synthetic_marks(names) -> set[str]:
    """The marks among the files of a tree; empty where its recordings are not said to be synthetic."""
    return {name for name in names if name.split("/")[-1] == SYNTHETIC_MARK}
