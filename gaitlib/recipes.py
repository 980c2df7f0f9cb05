"""Named settings that work: the default preparation of each kind of modality."""

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gaitlib.conventions import CHEST_NAMES, GAIT_JOINTS, PELVIS_NAMES
from gaitlib.preprocessing import (
    AddJointAngles,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    SummaryStatistics,
    Tensors,
)
from gaitlib.preprocessing.skeleton import ANGLES

WINDOW_FRAMES, HOP_FRAMES = 40, 15  # at 30 Hz a little more than one gait cycle, and half a second


def is_skeleton(modality) -> bool:
    """Whether a modality has the joints that the skeleton steps need."""
    return all(any(f"{n}_x" in modality.channels for n in names) for names in (PELVIS_NAMES, CHEST_NAMES))


def skeleton_steps(modality, name: str) -> list:
    """Named steps that take place, stature and badly tracked joints out of a skeleton and add joint angles.

    None of them learns from other trials. Angles are left out where a skeleton lacks a joint that they need.
    """
    joints = [joint for joint in GAIT_JOINTS if f"{joint}_x" in modality.channels]
    needed = {joint for triple in ANGLES.values() for joint in triple} - {"chest"}
    return [
        (f"centre_{name}", CentrePelvis(name)),
        (f"stature_{name}", ScaleStature(name)),
        (f"joints_{name}", SelectJoints(joints, name)),
        *([(f"angles_{name}", AddJointAngles(name))] if needed <= set(joints) else []),
    ]


def steps_for(trials, classical: bool = False) -> Pipeline:
    """The default pipeline for the modalities of some training trials.

    Skeletons are centred on the pelvis and scaled by body length, lose hands and face, and get joint angles;
    sequences and static values are standardised and images scaled to 0..1, per channel, by training frames. A network
    reads windows of a skeleton (of other sequences: as many frames as the longest training trial has); classical
    models read summary statistics of the whole trial. How the skeleton settings were chosen:
    ``benchmarks/choose_settings.py``.

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
        skeleton = m.kind == "sequence" and is_skeleton(m)
        steps += skeleton_steps(m, name) if skeleton else []
        if classical:
            continue
        scaler = MinMaxScaler() if m.kind == "image" else StandardScaler()
        steps.append((f"scale_{name}", Frames(scaler, name)))
        if m.kind == "sequence":
            longest = max(len(v) for v in m.values if v is not None)
            windows, whole = Crop(WINDOW_FRAMES, "sliding", HOP_FRAMES, name), Crop(longest, "last", modality=name)
            steps.append((f"crop_{name}", windows if skeleton else whole))
    last = ("statistics", SummaryStatistics()) if classical else ("tensors", Tensors())
    return Pipeline([*steps, last])
