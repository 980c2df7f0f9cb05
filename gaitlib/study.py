"""The choices of the main notebook: which data, how much of it, which models."""

import os
from dataclasses import dataclass
from pathlib import Path

from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import load_trials
from gaitlib.datasets.synthetic import synthetic_trials
from gaitlib.errors import GaitDataError
from gaitlib.evaluation import Protocol, RandomTrialSplit, SubjectHoldout
from gaitlib.training import Training
from gaitlib.trials import TrialSet


@dataclass(frozen=True)
class Profile:
    """How much the main notebook does.

    Attributes
    ----------
    name : {"quick", "default", "full"}
    synthetic : dict
        Size of the synthetic set that stands in where no data are given.
    models : tuple of str
    epochs : int
    """

    name: str
    synthetic: dict
    models: tuple[str, ...]
    epochs: int


PROFILES = {
    p.name: p
    for p in (
        Profile("quick", {"n_subjects": 4, "n_walks": 3}, ("majority", "extra_trees", "compact_gru"), 4),
        Profile(
            "default", {"n_subjects": 12, "n_walks": 5}, ("majority", "extra_trees", "compact_gru", "temporal_cnn"), 15
        ),
        Profile(
            "full",
            {"n_subjects": 12, "n_walks": 20},
            ("majority", "extra_trees", "compact_gru", "baseline", "gru", "temporal_cnn"),
            15,
        ),
    )
}


def profile(name: str | None = None) -> Profile:
    """A profile by name, else by ``$GAIT_PROFILE``, else "default"."""
    name = name or os.environ.get("GAIT_PROFILE") or "default"
    if name not in PROFILES:
        raise GaitDataError(f"GAIT_PROFILE '{name}' is none of {', '.join(PROFILES)}")
    return PROFILES[name]


def results_folder() -> Path:
    """Where figures, tables and runs go: ``$GAIT_RESULTS``, else ``results``."""
    return Path(os.environ.get("GAIT_RESULTS") or "results")


def open_data(path=None, chosen: Profile | None = None) -> TrialSet:
    """The data of the main notebook: the path given, else ``$GAIT_DATA``, else ``data/``, else a synthetic set.

    "synthetic" instead of a path always makes the synthetic set.

    Parameters
    ----------
    path : path, optional
        Folder or .zip.
    chosen : Profile, optional

    Returns
    -------
    TrialSet
    """
    path = path or os.environ.get("GAIT_DATA")
    if path == "synthetic":
        return synthetic_trials(**(chosen or profile()).synthetic)
    folder = Path("data")
    if not path and folder.is_dir() and any(e.name != "README.md" and e.name[0] != "." for e in folder.iterdir()):
        path = folder
    return load_trials(path) if path else synthetic_trials(**(chosen or profile()).synthetic)


def classifiers(chosen: Profile) -> dict[str, GaitClassifier]:
    """The models of a profile with settings for a new person: a fixed number of epochs, the rate falling to zero."""
    training = Training(epochs=chosen.epochs, batch_size=64, schedule="cosine")
    return {name: GaitClassifier(name, training=training) for name in chosen.models}


def watched_protocol(trials) -> Protocol:
    """A protocol that holds validation trials back: of other subjects where there are three, else other walks."""
    return SubjectHoldout() if len(set(trials.subjects)) >= 3 else RandomTrialSplit()
