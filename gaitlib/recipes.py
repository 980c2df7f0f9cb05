"""Named settings that work."""

import os
from dataclasses import dataclass
from pathlib import Path

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gaitlib.conventions import CHEST_NAMES, PELVIS_NAMES
from gaitlib.datasets import load_trials
from gaitlib.datasets.synthetic import synthetic_trials
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import (
    AddVelocity,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SummaryStatistics,
    Tensors,
)
from gaitlib.trials import TrialSet


def is_skeleton(modality) -> bool:
    """Whether a modality has the joints that the skeleton steps need."""
    return all(any(f"{n}_x" in modality.channels for n in names) for names in (PELVIS_NAMES, CHEST_NAMES))


def steps_for(trials, classical: bool = False) -> Pipeline:
    """The default pipeline for the modalities of some training trials.

    Skeletons are centred on the pelvis, scaled by body length and get velocities; sequences and static values are
    standardised and images scaled to 0..1, per channel, by training frames. A network reads the last 100 frames of
    a skeleton (of other sequences: as many as the longest training trial has); classical models read summary
    statistics of the whole trial.

    Parameters
    ----------
    trials : TrialSet
        Training trials; only names, kinds and lengths are looked at.
    classical : bool

    Returns
    -------
    sklearn.pipeline.Pipeline
    """
    steps = []
    for name, m in trials.modalities.items():
        if m.kind == "sequence" and is_skeleton(m):
            steps += [
                (f"centre_{name}", CentrePelvis(name)),
                (f"stature_{name}", ScaleStature(name)),
                (f"velocity_{name}", AddVelocity(name)),
            ]
        if classical:
            continue
        scaler = MinMaxScaler() if m.kind == "image" else StandardScaler()
        steps.append((f"scale_{name}", Frames(scaler, name)))
        if m.kind == "sequence":
            longest = max(len(v) for v in m.values if v is not None)
            steps.append((f"crop_{name}", Crop(100 if is_skeleton(m) else longest, "last", modality=name)))
    last = ("statistics", SummaryStatistics()) if classical else ("tensors", Tensors())
    return Pipeline([*steps, last])


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
        Profile("quick", {"n_subjects": 4, "n_walks": 3}, ("majority", "extra_trees", "compact_gru"), 3),
        Profile("default", {"n_subjects": 12, "n_walks": 5}, ("majority", "extra_trees", "compact_gru"), 20),
        Profile(
            "full",
            {"n_subjects": 12, "n_walks": 20},
            ("majority", "extra_trees", "compact_gru", "baseline", "gru", "temporal_cnn"),
            20,
        ),
    )
}


def profile(name: str | None = None) -> Profile:
    """A profile by name, else by ``$GAIT_PROFILE``, else "default"."""
    name = name or os.environ.get("GAIT_PROFILE") or "default"
    if name not in PROFILES:
        raise GaitDataError(f"GAIT_PROFILE '{name}' is none of {', '.join(PROFILES)}")
    return PROFILES[name]


def open_data(path=None, chosen: Profile | None = None) -> TrialSet:
    """The data of the main notebook: the path given, else ``$GAIT_DATA``, else ``data/``, else a synthetic set.

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
    folder = Path("data")
    if not path and folder.is_dir() and any(e.name != "README.md" and e.name[0] != "." for e in folder.iterdir()):
        path = folder
    return load_trials(path) if path else synthetic_trials(**(chosen or profile()).synthetic)
