"""What is taken out of a modality before anything is learnt: named steps, by its kind."""

from gaitlib.preprocessing import (
    AddJointAngles,
    AddPelvisMotion,
    AddVelocity,
    BoneDirections,
    CentrePelvis,
    FillPose,
    FuseSensors,
    LowPass,
    MaskFace,
    NormalisePose,
    RemoveGravity,
    ScaleStature,
    SelectJoints,
    StandardiseTrial,
)
from gaitlib.preprocessing.skeleton import ANGLES
from gaitlib.trials.conventions import (
    ACC_CHANNELS,
    ACC_UNIT,
    BODY_UNIT,
    CHEST_NAMES,
    GAIT_JOINTS,
    GYRO_CHANNELS,
    IMU_UNIT,
    PELVIS_NAMES,
    PICTURE_UNIT,
    pose_channels,
)

POSE_UNITS = (PICTURE_UNIT, BODY_UNIT)
IMU_RATE_HZ, IMU_LOW_PASS_HZ = 50.0, 20.0
TOP_SHARE = 75 / 96  # of the channels, the reference study's choice
PCA_VARIANCE = 0.95

# What a network reads of a skeleton, as a word for recipes and tables.
FEATURES = {
    "positions": "pelvis-centred positions of 15 joints, divided by body length",
    "velocity": "positions, and their velocities",
    "angles": "positions, and the angles at knees, hips, ankles and shoulders",
    "movement": "positions and angles, each less its mean over the walk: no posture",
    "directions": "directions of all bones, the same angles, and the motion of the pelvis through the room",
    "variance": f"positions of all joints, the {TOP_SHARE:.0%} of channels with the largest variance",
    "pca": f"principal components of all positions, {PCA_VARIANCE:.0%} of the variance",
    "autoencoder": "the code of an autoencoder of all positions, one step long",
}


def is_skeleton(modality) -> bool:
    """Whether a modality is a sequence with the joints that the skeleton steps need."""
    joints = (PELVIS_NAMES, CHEST_NAMES)
    return modality.kind == "sequence" and all(any(f"{n}_x" in modality.channels for n in names) for names in joints)


def skeleton_steps(modality, name: str, features: str = "angles") -> list:
    """Named steps that take place and stature out of a skeleton and choose what is read of it.

    None of them learns from other trials. Angles are left out where a skeleton lacks a joint that they need.

    Parameters
    ----------
    modality : Modality
    name : str
    features : str
        One of ``FEATURES``.
    """
    if features == "directions":
        return direction_steps(name, angles=_has_angles(modality))
    steps = [(f"centre_{name}", CentrePelvis(name)), (f"stature_{name}", ScaleStature(name))]
    if features in ("variance", "pca", "autoencoder"):
        return steps
    joints = [joint for joint in GAIT_JOINTS if f"{joint}_x" in modality.channels]
    steps.append((f"joints_{name}", SelectJoints(joints, name)))
    if features in ("angles", "movement") and _has_angles(modality):
        steps.append((f"angles_{name}", AddJointAngles(name)))
    if features == "movement":
        steps.append((f"movement_{name}", StandardiseTrial(name, with_std=False)))
    if features == "velocity":
        steps.append((f"velocity_{name}", AddVelocity(name)))
    return steps


def direction_steps(name: str = "skeleton", angles: bool = True) -> list:
    """Named steps that leave of a skeleton the directions of its bones, its angles and how the pelvis moves.

    Whoever has long thighs looks like whoever has short ones.

    Parameters
    ----------
    name : str
        Of the skeleton.
    angles : bool
        False for skeletons that lack a joint which these need.
    """
    steps = {"stature": ScaleStature(name), "motion": AddPelvisMotion(name), "centre": CentrePelvis(name)}
    if angles:
        steps["angles"] = AddJointAngles(name)
    return [(f"{step}_{name}", made) for step, made in (steps | {"bones": BoneDirections(name)}).items()]


def _has_angles(modality) -> bool:
    needed = {joint for triple in ANGLES.values() for joint in triple} - {"chest"}
    return all(f"{joint}_x" in modality.channels for joint in needed)


def is_pose(modality) -> bool:
    """Whether a modality is a sequence of joints in a picture, as found or normalised."""
    return modality.kind == "sequence" and modality.channels == pose_channels() and modality.unit in POSE_UNITS


def pose_steps(modality, name: str = "pose") -> list:
    """Named steps that take eyes and ears, place and size out of a pose and fill what was not seen.

    None of them learns from other trials. A pose that is normalised already was prepared by somebody and stays.

    Parameters
    ----------
    modality : Modality
    name : str
    """
    if modality.unit == BODY_UNIT:
        return []
    steps = {"face": MaskFace(name), "normalise": NormalisePose(name), "fill": FillPose(modality=name)}
    return [(f"{step}_{name}", made) for step, made in steps.items()]


def is_imu(modality) -> bool:
    """Whether a modality is a sequence of accelerations in m/s2, alone or with rotation rates in rad/s beside them."""
    layouts = {(ACC_CHANNELS, ACC_UNIT), (ACC_CHANNELS + GYRO_CHANNELS, IMU_UNIT)}
    return modality.kind == "sequence" and (modality.channels, modality.unit) in layouts


def imu_sensors(trials) -> tuple[str, ...]:
    """The modalities, "acc" alone or with "gyro", that trials of inertial sensors hold as recorded; none of others.

    A gyroscope that no trial has does not count. Accelerations in g without one, as a wristband gives them beside its
    pulse, are a signal like others.
    """
    acc, gyro = (trials.modalities.get(name) for name in ("acc", "gyro"))
    turns = gyro is not None and gyro.channels == GYRO_CHANNELS and gyro.present().any()
    if acc is None or acc.channels != ACC_CHANNELS or not (turns or is_imu(acc)):
        return ()
    return ("acc", "gyro") if turns else ("acc",)


def imu_steps(sensors=("acc", "gyro"), rate_hz: float = IMU_RATE_HZ) -> list:
    """Named steps that put inertial sensors on one clock, as the modality "imu", and take gravity and noise out.

    None of them learns from other trials: who fits many models may take all trials through them once, before any split.

    Parameters
    ----------
    sensors : sequence of {"acc", "gyro"}
    rate_hz : float

    Examples
    --------
    >>> [name for name, _ in imu_steps()]
    ['fuse', 'gravity', 'smooth_imu']
    """
    return [
        ("fuse", FuseSensors(rate_hz, sensors)),
        ("gravity", RemoveGravity()),
        ("smooth_imu", LowPass(IMU_LOW_PASS_HZ, order=4, modality="imu")),
    ]


def signal_steps(trials, name: str | None = None) -> list:
    """Named steps from recordings to what an encoder reads, without scaling and windows; none of them learns.

    Inertial sensors go through :func:`imu_steps`, a pose through :func:`pose_steps`, a skeleton is centred and scaled
    by body length and loses hands and face, other sequences stay as they are.

    Parameters
    ----------
    trials : TrialSet
    name : str, optional
        The modality that will be read.
    """
    sensors = imu_sensors(trials)
    if sensors and name in (None, "imu"):
        return imu_steps(sensors)
    for own, m in trials.modalities.items():
        if name in (None, own) and (is_skeleton(m) or is_pose(m)):
            return skeleton_steps(m, own, "positions") if is_skeleton(m) else pose_steps(m, own)
    return []
