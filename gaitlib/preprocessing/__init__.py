"""Steps from TrialSet to TrialSet, by what they touch. Chain them with scikit-learn's ``make_pipeline``."""

from gaitlib.preprocessing.coding import AutoencoderCode
from gaitlib.preprocessing.events import gait_events
from gaitlib.preprocessing.frames import Frames, variance_score
from gaitlib.preprocessing.gait_cycle import GaitParameters, cycles, gait_parameters
from gaitlib.preprocessing.samples import Samples, Tensors
from gaitlib.preprocessing.signals import FillMissing, RepairFrames
from gaitlib.preprocessing.skeleton import (
    AddJointAngles,
    AddVelocity,
    AlignHeading,
    CentrePelvis,
    ScaleStature,
    SelectJoints,
)
from gaitlib.preprocessing.statistics import SequenceLength, SummaryStatistics
from gaitlib.preprocessing.step import Step
from gaitlib.preprocessing.stride import CutStride, MeanCycle
from gaitlib.preprocessing.waveforms import LowPass, ScaleBodyWeight, StandardiseTrial, TimeNormalise
from gaitlib.preprocessing.windows import Crop

__all__ = [
    "AddJointAngles", "AddVelocity", "AlignHeading", "AutoencoderCode", "CentrePelvis", "Crop", "CutStride",
    "FillMissing", "Frames", "GaitParameters", "LowPass", "MeanCycle", "RepairFrames", "Samples", "ScaleBodyWeight",
    "ScaleStature", "SelectJoints", "SequenceLength", "StandardiseTrial", "Step", "SummaryStatistics", "Tensors",
    "TimeNormalise", "cycles", "gait_events", "gait_parameters", "variance_score",
]  # fmt: skip
