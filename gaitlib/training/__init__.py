"""Train a network: settings, batches, the loop, the device, and what it costs."""

from gaitlib.training.augment import Mirror, Turn
from gaitlib.training.augment_phase import PhaseMix
from gaitlib.training.augment_signals import Jitter, RotateSensor, ScaleSignal, SignalAugmentation, WarpTime
from gaitlib.training.batching import LabelledSamples, batches, concatenated
from gaitlib.training.loop import encoder_network, train_network
from gaitlib.training.modality_dropout import ModalityDropout
from gaitlib.training.prediction import network_outputs, predict_network
from gaitlib.training.pretraining import Pretraining
from gaitlib.training.resources import ResourceMonitor
from gaitlib.training.settings import Training

__all__ = [
    "Jitter",
    "LabelledSamples",
    "Mirror",
    "ModalityDropout",
    "PhaseMix",
    "Pretraining",
    "ResourceMonitor",
    "RotateSensor",
    "ScaleSignal",
    "SignalAugmentation",
    "Training",
    "Turn",
    "WarpTime",
    "batches",
    "concatenated",
    "encoder_network",
    "network_outputs",
    "predict_network",
    "train_network",
]
