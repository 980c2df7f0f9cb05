"""The model zoo: ``available()``, ``build(name, inputs, n_classes=)``, ``summary()``."""

from gaitlib.models import classical, convolutional, recurrent  # noqa: F401  (importing registers)
from gaitlib.models.registry import Builder, Head, ModelInfo, available, build, info, register, summary

__all__ = ["Builder", "Head", "ModelInfo", "available", "build", "info", "register", "summary"]
