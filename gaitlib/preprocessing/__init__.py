"""Steps from TrialSet to TrialSet, by what they touch. Chain them with scikit-learn's ``make_pipeline``."""

from gaitlib.preprocessing.events import gait_events
from gaitlib.preprocessing.frames import Frames, variance_score
from gaitlib.preprocessing.gait_cycle import GaitParameters, cycles, gait_parameters
from gaitlib.preprocessing.gait_period import CutStrides, gait_periods
from gaitlib.preprocessing.heartbeats import EcgFeatures, PulseFeatures, inverted
from gaitlib.preprocessing.imu import FuseSensors, RemoveGravity, RotationInvariant
from gaitlib.preprocessing.per_subject import ScalePerSubject
from gaitlib.preprocessing.physiology import (
    LevelFeatures,
    MovementFeatures,
    SkinConductanceFeatures,
    channel_quality,
    quality_table,
)
from gaitlib.preprocessing.pose import FillPose, MaskFace, NormalisePose
from gaitlib.preprocessing.samples import Samples, Tensors
from gaitlib.preprocessing.signals import FillMissing, RepairFrames
from gaitlib.preprocessing.skeleton import (
    AddJointAngles,
    AddPelvisMotion,
    AddVelocity,
    AlignHeading,
    BoneDirections,
    CentrePelvis,
    ScaleStature,
    SelectJoints,
)
from gaitlib.preprocessing.statistics import SequenceLength, SpectralStatistics, SummaryStatistics
from gaitlib.preprocessing.step import Step
from gaitlib.preprocessing.stride import CutStride, MeanCycle
from gaitlib.preprocessing.waveforms import BandPass, LowPass, ScaleBodyWeight, StandardiseTrial, TimeNormalise
from gaitlib.preprocessing.windows import Crop

__all__ = [
    "AddJointAngles", "AddPelvisMotion", "AddVelocity", "AlignHeading", "BandPass", "BoneDirections", "CentrePelvis",
    "Crop", "CutStride", "CutStrides",
    "EcgFeatures", "FillMissing", "FillPose", "Frames", "FuseSensors", "GaitParameters", "LevelFeatures", "LowPass",
    "MaskFace", "MeanCycle", "MovementFeatures", "NormalisePose", "PulseFeatures", "RemoveGravity", "RepairFrames",
    "RotationInvariant", "Samples", "ScaleBodyWeight", "ScalePerSubject", "ScaleStature", "SelectJoints",
    "SequenceLength", "SkinConductanceFeatures", "SpectralStatistics", "StandardiseTrial", "Step",
    "SummaryStatistics", "Tensors", "TimeNormalise", "channel_quality", "cycles", "gait_events", "gait_parameters",
    "gait_periods", "inverted", "quality_table", "variance_score",
]  # fmt: skip
