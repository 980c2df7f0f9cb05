"""What every study chooses: how much is done, where its data and results lie, how many folds run at once."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from gaitlib.datasets import load_trials
from gaitlib.datasets.synthetic.walks import synthetic_trials
from gaitlib.errors import GaitDataError
from gaitlib.training.device import has_gpu
from gaitlib.trials import TrialSet

MEMORY_OF_A_FOLD = 2_500_000_000  # bytes; 1.7 GB were measured at most


@dataclass(frozen=True)
class Profile:
    """How much the main notebook does.

    Attributes
    ----------
    name : {"quick", "default", "full"}
    synthetic : dict
        Size of the synthetic set that stands in where no data are given.
    epochs : int
    watched : bool
        Hold validation subjects (or walks) back and stop early; else all epochs are run at a falling rate.
    folds : int
        Of the subject K-fold.
    thorough : bool
        Also train what takes longest and adds least to the story.
    """

    name: str
    synthetic: dict
    epochs: int
    watched: bool
    folds: int
    thorough: bool = False


PROFILES = {
    p.name: p
    for p in (
        Profile("quick", {"n_subjects": 4, "n_walks": 2}, epochs=1, watched=False, folds=2),
        Profile("default", {"n_subjects": 12, "n_walks": 4}, epochs=7, watched=False, folds=2),
        Profile("full", {"n_subjects": 12, "n_walks": 20}, epochs=100, watched=True, folds=5, thorough=True),
    )
}


def profile(name: str | None = None) -> Profile:
    """A profile by name, else by ``$GAIT_PROFILE``, else "default"."""
    name = name or os.environ.get("GAIT_PROFILE") or "default"
    if name not in PROFILES:
        raise GaitDataError(f"GAIT_PROFILE '{name}' is none of {', '.join(PROFILES)}")
    return PROFILES[name]


def results_folder() -> Path:
    """Where figures, tables and runs go: ``$GAIT_RESULTS``, else ``results`` of the project."""
    return Path(os.environ.get("GAIT_RESULTS") or project() / "results")


def project() -> Path:
    """The folder of ``data`` and ``results``, also for a notebook in ``notebooks``."""
    return Path("..") if Path.cwd().name == "notebooks" else Path()


def data_folder(name) -> Path | None:
    """The folder of one set in ``$GAIT_DATA``, else in ``data``; None where it is not there."""
    root = os.environ.get("GAIT_DATA") or project() / "data"
    folder = Path(root) / name
    return folder if str(root) != "synthetic" and folder.is_dir() else None


def jobs() -> int:
    """Folds trained at once: one a physical core as far as the free memory goes, or one on a GPU."""
    if has_gpu():
        return 1
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count()
    return max(1, min(cores, psutil.virtual_memory().available // MEMORY_OF_A_FOLD))


def open_data(path=None, chosen: Profile | None = None) -> TrialSet:
    """The data of the main notebook: the path given, else ``$GAIT_DATA``, else ``data/``, else a synthetic set.

    "synthetic" instead of a path always makes the synthetic set.

    Parameters
    ----------
    path : path or TrialSet, optional
        Folder or .zip; trials that were loaded or made otherwise are handed on.
    chosen : Profile, optional

    Returns
    -------
    TrialSet
    """
    if isinstance(path, TrialSet):
        return path
    path = path or os.environ.get("GAIT_DATA")
    if path == "synthetic":
        return synthetic_trials(**(chosen or profile()).synthetic)
    folder = project() / "data"
    if not path and folder.is_dir() and any(e.name != "README.md" and e.name[0] != "." for e in folder.iterdir()):
        path = folder
    return load_trials(path) if path else synthetic_trials(**(chosen or profile()).synthetic)
