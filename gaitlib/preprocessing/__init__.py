"""Steps from TrialSet to TrialSet, by what they touch. Chain them with scikit-learn's ``make_pipeline``."""

from gaitlib.preprocessing.base import Step
from gaitlib.preprocessing.frames import Frames, variance_score
from gaitlib.preprocessing.signals import FillMissing, RepairFrames
from gaitlib.preprocessing.skeleton import (
    AddJointAngles,
    AddVelocity,
    AlignHeading,
    CentrePelvis,
    ScaleStature,
    SelectJoints,
)
from gaitlib.preprocessing.tensors import Crop, Samples, SummaryStatistics, Tensors

__all__ = [
    "AddJointAngles", "AddVelocity", "AlignHeading", "CentrePelvis", "Crop", "FillMissing", "Frames", "RepairFrames",
    "Samples", "ScaleStature", "SelectJoints", "Step", "SummaryStatistics", "Tensors", "variance_score",
]  # fmt: skip
