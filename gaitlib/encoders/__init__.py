"""Encoders: learnt from recordings without labels, used as a step or as the start of a training."""

from gaitlib.encoders.encode_step import Encode
from gaitlib.encoders.networks import Reconstruction
from gaitlib.encoders.pretrained import Encoder, pretrain
from gaitlib.encoders.ready import shipped_encoder

__all__ = ["Encode", "Encoder", "Reconstruction", "pretrain", "shipped_encoder"]
