"""Names shared by all datasets: gaits and their aliases, joints, bones, left-right pairs, axes.

World frame of every skeleton: x lateral, y forward (walking direction), z up, in metres.
A skeleton channel is ``<joint>_<axis>``; derived channels carry their unit (``left_knee_x_mps``, ``left_knee_deg``).
Pose, the joints that a detector sees in a picture, has ``<joint>_x``, ``<joint>_y`` and ``<joint>_confidence``.
"""

import re

import numpy as np

from gaitlib.errors import GaitDataError

AXES = ("x", "y", "z")

GAITS = ("normal", "antalgic", "stiff_legged", "lurching", "steppage", "trendelenburg")
GAIT_ALIASES = {"lurch": "lurching", "stifflegged": "stiff_legged", "stiff": "stiff_legged"}

KINECT_V2_JOINTS = (
    "spine_base", "spine_mid", "neck", "head",
    "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_foot",
    "right_hip", "right_knee", "right_ankle", "right_foot",
    "spine_shoulder", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb",
)  # fmt: skip

AZURE_KINECT_JOINTS = (
    "pelvis", "naval", "chest", "neck",
    "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand", "left_hand_tip", "left_thumb",
    "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand", "right_hand_tip", "right_thumb",
    "left_hip", "left_knee", "left_ankle", "left_foot",
    "right_hip", "right_knee", "right_ankle", "right_foot",
    "head", "nose", "left_eye", "left_ear", "right_eye", "right_ear",
)  # fmt: skip

# The same body part has other names on other cameras; the first name present in a skeleton is taken.
PELVIS_NAMES = ("pelvis", "spine_base")
CHEST_NAMES = ("chest", "spine_shoulder", "spine_chest")

# Joints that carry gait: without hands and face, whose tracking is mostly noise. A skeleton has some of them.
GAIT_JOINTS = ("spine_mid", "naval", "spine_shoulder", "chest", "head") + tuple(
    f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "hip", "knee", "ankle", "foot")
)

# Of both cameras; a skeleton has those whose ends it has.
BONES = (
    ("spine_base", "spine_mid"), ("spine_mid", "spine_shoulder"), ("spine_shoulder", "neck"), ("neck", "head"),
    ("spine_shoulder", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("spine_shoulder", "right_shoulder"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("spine_base", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("left_ankle", "left_foot"),
    ("spine_base", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
    ("right_ankle", "right_foot"),
    ("pelvis", "naval"), ("naval", "chest"), ("chest", "neck"),
    ("neck", "left_clavicle"), ("left_clavicle", "left_shoulder"),
    ("neck", "right_clavicle"), ("right_clavicle", "right_shoulder"),
    ("pelvis", "left_hip"), ("pelvis", "right_hip"),
)  # fmt: skip

# What is mostly noise has bones, too: joints hang together where a network reads all of them.
HAND_AND_FACE_BONES = (
    *((f"{side}_wrist", f"{side}_hand") for side in ("left", "right")),
    *((f"{side}_hand", f"{side}_hand_tip") for side in ("left", "right")),
    *((f"{side}_hand", f"{side}_thumb") for side in ("left", "right")),
    ("head", "nose"),
    *(("nose", f"{side}_eye") for side in ("left", "right")),
    *((f"{side}_eye", f"{side}_ear") for side in ("left", "right")),
)

# Inertial sensors: two modalities as they were recorded, one ("imu") once both are on one clock.
ACC_CHANNELS = tuple(f"acc_{axis}" for axis in AXES)
GYRO_CHANNELS = tuple(f"gyro_{axis}" for axis in AXES)
ACC_UNIT, GYRO_UNIT = "m/s2", "rad/s"
IMU_UNIT = f"{ACC_UNIT} and {GYRO_UNIT}"  # of acc_* and gyro_* beside each other
GRAVITY = ("included", "removed")  # what a column "gravity" of the trial table says of the accelerations

# Pose: the joints of COCO in their order; other detectors find more joints, of which these are kept.
COCO_JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
FACE_JOINTS = COCO_JOINTS[1:5]  # which no skeleton of a depth camera has in full
COCO_BONES = (
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (
        ("shoulder", "hip"), ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"),
    )),
    *(("nose", f"{side}_shoulder") for side in ("left", "right")),
    *(("nose", f"{side}_eye") for side in ("left", "right")),
    *((f"{side}_eye", f"{side}_ear") for side in ("left", "right")),
)  # fmt: skip
POSE_PARTS = ("x", "y", "confidence")
PICTURE_UNIT, BODY_UNIT = "px", "body heights"  # of a pose as it was found (y downwards), and normalised (y upwards)

HALPE_JOINTS = COCO_JOINTS + (
    "head", "neck", "mid_hip", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe",
    "left_heel", "right_heel",
)  # fmt: skip
COCO_18_JOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
    "right_eye", "left_eye", "right_ear", "left_ear",
)  # fmt: skip
BODY_25_JOINTS = COCO_18_JOINTS[:8] + ("mid_hip",) + COCO_18_JOINTS[8:] + (
    "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
MEDIAPIPE_JOINTS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb",
    "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip

# A joint may be written as the cameras' own programs write it: KNEE_LEFT, KneeLeft, HANDTIP_RIGHT, SPINE_NAVEL.
_JOINTS = {*KINECT_V2_JOINTS, *AZURE_KINECT_JOINTS, "spine_chest", "spine_navel"}
_WRITTEN = {joint.replace("_", ""): joint for joint in sorted(_JOINTS)}
_WRITTEN |= {
    joint.replace(f"{side}_", "").replace("_", "") + side: joint
    for joint in _JOINTS
    for side in ("left", "right")
    if joint.startswith(side)
}
_WRITTEN["spinenavel"] = "naval"


def standard_channels(channels) -> tuple[str, ...]:
    """Channels of a skeleton under their standard names, however the camera's own program writes its joints.

    Other channels, and skeletons of which a joint is not known, keep theirs.

    Examples
    --------
    >>> standard_channels(["SpineBase_x", "KNEE_LEFT_y", "SPINE_CHEST.z"])
    ('spine_base_x', 'left_knee_y', 'spine_chest_z')
    """
    parts = [re.fullmatch(r"(.*?)[_. ]?([xyz])", channel, re.IGNORECASE) for channel in channels]
    if not all(parts):
        return tuple(channels)
    joints = [_WRITTEN.get(re.sub(r"[\W_]", "", part[1]).lower()) for part in parts]
    named = tuple(f"{joint}_{part[2].lower()}" for joint, part in zip(joints, parts, strict=True))
    return named if all(joints) and len(set(named)) == len(named) else tuple(channels)


def gait_name(text: str) -> str:
    """The standard name of a gait, whatever way a file or folder spells it.

    Raises
    ------
    GaitDataError
        For a gait that is not known; the message lists the known ones.

    Examples
    --------
    >>> gait_name("Stiff-Legged"), gait_name("lurch")
    ('stiff_legged', 'lurching')
    """
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    name = GAIT_ALIASES.get(name, name)
    if name not in GAITS:
        raise GaitDataError(f"unknown gait '{text}'; known are {', '.join(GAITS)}")
    return name


def skeleton_channels(joints) -> tuple[str, ...]:
    """Channel names of a skeleton: every joint's x, y and z."""
    return tuple(f"{joint}_{axis}" for joint in joints for axis in AXES)


def pose_channels(joints=COCO_JOINTS) -> tuple[str, ...]:
    """Channel names of a pose: every joint's x, y and confidence.

    Examples
    --------
    >>> pose_channels()[:3], len(pose_channels())
    (('nose_x', 'nose_y', 'nose_confidence'), 51)
    """
    return tuple(f"{joint}_{part}" for joint in joints for part in POSE_PARTS)


def coco_places(joints) -> list[int]:
    """Where the joints of COCO stand among those of another detector.

    Examples
    --------
    >>> coco_places(BODY_25_JOINTS)[-2:]  # left and right ankle
    [14, 11]
    """
    return [joints.index(joint) for joint in COCO_JOINTS]


def joint_columns(channels, joint: str, parts=AXES) -> list[int]:
    """Positions of a joint's x, y and z among the channels; of a pose with ``parts=POSE_PARTS``.

    Raises
    ------
    GaitDataError
        If the skeleton has no such joint.
    """
    channels = list(channels)
    try:
        return [channels.index(f"{joint}_{part}") for part in parts]
    except ValueError:
        known = [name[:-2] for name in channels if name.endswith("_x")]
        raise GaitDataError(f"the skeleton has no joint '{joint}'; it has {', '.join(known)}") from None


def first_joint(channels, names) -> str:
    """The first of several alternative joint names that the skeleton has."""
    for name in names:
        if f"{name}_x" in channels:
            return name
    raise GaitDataError(f"the skeleton has none of the joints {', '.join(names)}")


def mirror_map(channels) -> tuple[np.ndarray, np.ndarray]:
    """How channels change when the body is mirrored left to right.

    Left and right swap, and lateral (x) coordinates and velocities and sway change sign:
    ``mirrored = values[:, order] * sign``.

    Examples
    --------
    >>> order, sign = mirror_map(["head_x", "left_foot_z", "right_foot_z"])
    >>> order.tolist(), sign.tolist()
    ([0, 2, 1], [-1.0, 1.0, 1.0])
    """
    channels = list(channels)
    other = {"left": "right", "right": "left"}
    order, sign = [], []
    for name in channels:
        side, _, rest = name.partition("_")
        partner = f"{other[side]}_{rest}" if side in other else name
        if partner not in channels:
            raise GaitDataError(f"cannot mirror: channel '{name}' has no partner '{partner}'")
        order.append(channels.index(partner))
        sign.append(-1.0 if re.search(r"(_x(_mps|_per_s)?|_sway)$", name) else 1.0)
    return np.array(order), np.array(sign, dtype=np.float32)
