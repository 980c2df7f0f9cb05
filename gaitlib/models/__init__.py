"""The model zoo: ``available()``, ``build(name, inputs, n_classes=)``, ``summary()``."""

import importlib
import pkgutil

from gaitlib.models.priors import Prior
from gaitlib.models.registry import LABEL, Builder, Head, ModelInfo, available, build, info, register, summary

for _file in pkgutil.iter_modules(__path__):  # each enters its models into the registry
    importlib.import_module(f"{__name__}.{_file.name}")

__all__ = ["LABEL", "Builder", "Head", "ModelInfo", "Prior", "available", "build", "info", "register", "summary"]
