"""Steps from TrialSet to TrialSet, by what they touch. Chain them with scikit-learn's ``make_pipeline``."""

from gaitlib.preprocessing.autoencoder_code import AutoencoderCode
from gaitlib.preprocessing.base import Step
from gaitlib.preprocessing.events import gait_events
from gaitlib.preprocessing.frames import Frames, variance_score
from gaitlib.preprocessing.gait_cycle import GaitParameters, cycles, gait_parameters
from gaitlib.preprocessing.signals import FillMissing, RepairFrames
from gaitlib.preprocessing.skeleton import (
    AddJointAngles,
    AddVelocity,
    AlignHeading,
    CentrePelvis,
    ScaleStature,
    SelectJoints,
)
from gaitlib.preprocessing.tensors import Crop, Samples, SequenceLength, SummaryStatistics, Tensors

__all__ = [
    "AddJointAngles", "AddVelocity", "AlignHeading", "AutoencoderCode", "CentrePelvis", "Crop", "FillMissing",
    "Frames", "GaitParameters", "RepairFrames", "Samples", "ScaleStature", "SelectJoints", "SequenceLength", "Step",
    "SummaryStatistics", "Tensors", "cycles", "gait_events", "gait_parameters", "variance_score",
]  # fmt: skip
