"""Named settings that work: what is read of each kind of modality, and the default preparation of every model."""

from gaitlib.recipes.defaults import readable, steps_for
from gaitlib.recipes.horst_2019 import horst_training
from gaitlib.recipes.modality_steps import (
    FEATURES,
    PCA_VARIANCE,
    direction_steps,
    imu_sensors,
    imu_steps,
    is_imu,
    is_pose,
    is_skeleton,
    pose_steps,
    signal_steps,
    skeleton_steps,
)
from gaitlib.recipes.named import NAMED, member_steps, named_recipe

__all__ = [
    "FEATURES", "NAMED", "PCA_VARIANCE", "direction_steps", "horst_training", "imu_sensors", "imu_steps", "is_imu",
    "is_pose", "is_skeleton", "member_steps", "named_recipe", "pose_steps", "readable", "signal_steps",
    "skeleton_steps", "steps_for",
]  # fmt: skip
