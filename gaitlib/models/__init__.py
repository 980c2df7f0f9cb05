"""The model zoo: ``available()``, ``build(name, inputs, n_classes=)``, ``summary()``."""

from gaitlib.models import (  # noqa: F401  (each registers its models)
    attention,
    autoencoder,
    classical,
    convolutional,
    fusion,
    recurrent,
    rocket,
    waveform,
)
from gaitlib.models.registry import KINDS, Builder, Head, ModelInfo, available, build, info, register, summary

__all__ = ["KINDS", "Builder", "Head", "ModelInfo", "available", "build", "info", "register", "summary"]
