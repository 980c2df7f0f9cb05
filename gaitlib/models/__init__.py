"""The model zoo: ``available()``, ``build(name, inputs, n_classes=)``, ``summary()``."""

from gaitlib.models import attention, autoencoder, classical, convolutional, fusion, recurrent  # noqa: F401  (registers)
from gaitlib.models.registry import KINDS, Builder, Head, ModelInfo, available, build, info, register, summary

__all__ = ["KINDS", "Builder", "Head", "ModelInfo", "available", "build", "info", "register", "summary"]
