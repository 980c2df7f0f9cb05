"""Named settings that work."""

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gaitlib.conventions import CHEST_NAMES, PELVIS_NAMES
from gaitlib.preprocessing import (
    AddVelocity,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SummaryStatistics,
    Tensors,
)


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
