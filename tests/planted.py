"""Planted synthetic walks: a stick figure whose gait class and personal style are set one by one.

Made to test honesty, not to look like patients: with a signature and no class effect, a model can only learn who
walks, and an honest protocol must report chance.
"""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import GAITS, KINECT_V2_JOINTS, skeleton_channels
from gaitlib.trials.modality import Modality, object_array

RATE_HZ = 30.0
NOISE_M = 0.01

# Style of a walk, in degrees: how far hips, knees and arms swing on each side, lean of the trunk, drop of the pelvis.
STYLE = (
    "left_hip", "right_hip", "left_knee", "right_knee", "left_arm", "right_arm",
    "lean_forward", "lean_side", "drop",
)  # fmt: skip
NORMAL_STYLE = np.array([24.0, 24, 45, 45, 20, 20, 3, 0, 2])
CLASS_STYLE = {
    "normal": np.zeros(9),
    "antalgic": np.array([-6.0, 2, -6, 0, -4, 0, 2, 2, 0]),
    "stiff_legged": np.array([-4.0, 0, -18, 0, 0, 0, 0, -2, 2]),
    "lurching": np.array([0.0, 0, 0, -4, 0, -4, -8, 0, 0]),
    "steppage": np.array([8.0, 2, 12, 4, 0, 0, 0, 0, 0]),
    "trendelenburg": np.array([0.0, 0, 0, 0, 0, 0, 0, 5, 5]),
}
STYLE_SPREAD = np.array([3.0, 3, 6, 6, 4, 4, 2, 1.5, 1.5])  # SD between people, degrees


def planted_trials(n_subjects=12, n_walks=5, signature=1.0, class_effect=1.0, seed=0) -> TrialSet:
    """Make synthetic skeleton walks of six gaits.

    Parameters
    ----------
    n_subjects, n_walks : int
        ``n_walks`` of each gait by each subject.
    signature : float
        How much people differ: in build, in general style, and in how each performs each gait. 0 makes clones.
    class_effect : float
        How much the gaits differ in the same way for everybody. 0 plants no gait at all.
    seed : int
        The same seed gives the same trials.

    Returns
    -------
    TrialSet
        Modality "skeleton": 25 Kinect v2 joints, metres, 30 Hz, 60 to 110 frames; named synthetic.

    Examples
    --------
    >>> trials = planted_trials(n_subjects=2, n_walks=1)
    >>> len(trials), trials.modality("skeleton").unit
    (12, 'm')
    """
    if n_subjects < 1 or n_walks < 1:
        raise GaitDataError(f"at least one subject and one walk, not {n_subjects} and {n_walks}")
    rng = np.random.default_rng(seed)
    rows, values, times = [], [], []
    digits = max(2, len(str(n_subjects)))
    for s in range(1, n_subjects + 1):
        size = 1 + signature * rng.normal(0, 0.06, size=3)  # trunk, thigh, shank
        cadence_hz = 0.9 + signature * rng.normal(0, 0.06)
        personal = signature * rng.normal(0, 0.7, size=9) * STYLE_SPREAD
        for gait in GAITS:
            own_way = signature * rng.normal(0, 1.0, size=9) * STYLE_SPREAD
            for w in range(1, n_walks + 1):
                walk = f"s{s:0{digits}d}/{gait}/{w:02d}"
                style = NORMAL_STYLE + class_effect * CLASS_STYLE[gait] + personal + own_way
                style = style + rng.normal(0, 0.25, size=9) * STYLE_SPREAD
                time_s = np.arange(rng.integers(60, 111)) / RATE_HZ
                figure = _walk(time_s, style, size, cadence_hz * rng.normal(1, 0.03), rng.uniform(0, 2 * np.pi))
                values.append((figure + rng.normal(0, NOISE_M, figure.shape)).astype(np.float32))
                times.append(time_s)
                rows.append({"trial": walk, "subject": f"s{s:0{digits}d}", "walk": walk, "label": gait, "source": ""})
    frames = object_array([np.arange(len(t)) for t in times])
    channels = skeleton_channels(KINECT_V2_JOINTS)
    skeleton = Modality("sequence", channels, "m", object_array(values), frames, object_array(times))
    return TrialSet(pd.DataFrame(rows), {"skeleton": skeleton}, f"SYNTHETIC planted walks, {n_subjects} subjects")


def _walk(time_s, style, size, cadence_hz, start) -> np.ndarray:
    """Joint positions (frames, 75) of one walk along +y."""
    swing = dict(zip(STYLE, np.radians(style), strict=True))
    trunk, thigh, shank = size * np.array([0.50, 0.42, 0.42])
    phase = 2 * np.pi * cadence_hz * time_s + start
    zero = np.zeros_like(time_s)
    joint = {}

    def along(angle_forward, angle_side, length):
        """A segment that hangs down, turned forward and to the side."""
        return length * np.stack(
            [np.sin(angle_side) + zero, np.sin(angle_forward) + zero, -np.cos(angle_forward) * np.cos(angle_side)], -1
        )

    speed_mps = 4 * cadence_hz * (thigh + shank) * np.sin((swing["left_hip"] + swing["right_hip"]) / 2)
    height = thigh + shank + 0.08 + 0.02 * np.cos(2 * phase)
    joint["spine_base"] = np.stack([0.02 * np.sin(phase), speed_mps * time_s - 1.5, height], -1)
    up = -along(-swing["lean_forward"] + zero, -swing["lean_side"] * np.sin(phase), trunk)
    joint["spine_mid"] = joint["spine_base"] + 0.5 * up
    joint["spine_shoulder"] = joint["spine_base"] + up
    joint["neck"] = joint["spine_base"] + 1.12 * up
    joint["head"] = joint["spine_base"] + 1.45 * up
    for side, sign, turn in (("left", -1, 0.0), ("right", 1, np.pi)):
        leg = swing[f"{side}_hip"] * np.sin(phase + turn)
        flexion = swing[f"{side}_knee"] * (0.15 + 0.85 * np.clip(np.cos(phase + turn), 0, None) ** 2)
        drop = 0.1 * np.sin(swing["drop"]) * np.cos(phase + turn)
        joint[f"{side}_hip"] = joint["spine_base"] + np.stack([zero + sign * 0.09, zero, -0.05 - drop], -1)
        joint[f"{side}_knee"] = joint[f"{side}_hip"] + along(leg, zero, thigh)
        joint[f"{side}_ankle"] = joint[f"{side}_knee"] + along(leg - flexion, zero, shank)
        joint[f"{side}_foot"] = joint[f"{side}_ankle"] + [0, 0.13, -0.05]
        arm = -swing[f"{side}_arm"] * np.sin(phase + turn)
        joint[f"{side}_shoulder"] = joint["spine_shoulder"] + [sign * 0.18, 0, -0.03]
        joint[f"{side}_elbow"] = joint[f"{side}_shoulder"] + along(arm, sign * 0.08, 0.28)
        joint[f"{side}_wrist"] = joint[f"{side}_elbow"] + along(arm + 0.25, sign * 0.05, 0.24)
        joint[f"{side}_hand"] = joint[f"{side}_wrist"] + along(arm + 0.25, zero, 0.06)
        joint[f"{side}_hand_tip"] = joint[f"{side}_wrist"] + along(arm + 0.25, zero, 0.13)
        joint[f"{side}_thumb"] = joint[f"{side}_hand"] + [-sign * 0.03, 0.02, 0]
    return np.concatenate([joint[name] for name in KINECT_V2_JOINTS], axis=1)
