"""What a fitted encoder holds, checked when it comes from a file."""

import numbers

import numpy as np

from gaitlib.encoders.origins import TOLD
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder
from gaitlib.preprocessing import Frames, Step
from gaitlib.training.pretraining import Pretraining
from gaitlib.trials.alignment import is_recorded


def _is_count(value) -> bool:
    return isinstance(value, numbers.Integral) and value > 0


def _are_names(value) -> bool:
    return isinstance(value, tuple) and all(isinstance(v, str) for v in value)


def _are_steps(value) -> bool:
    return isinstance(value, list) and all(isinstance(n, str) and isinstance(step, Step) for n, step in value)


def _is_history(value) -> bool:
    return isinstance(value, dict) and all(isinstance(v, numbers.Real) for column in value.values() for v in column)


def _is_weight(value) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and bool(np.isfinite(value).all())


HELD = {
    "model": lambda v: isinstance(v, str | Builder),
    "frames": lambda v: v is None or _is_count(v),
    "hop": lambda v: v is None or _is_count(v),
    "pretraining": lambda v: v is None or isinstance(v, Pretraining),
    "fitted_on_": _are_names,
    "fitted_subjects_": _are_names,
    "recordings_": _are_names,
    "learnt_": lambda v: v.keys() == TOLD.keys() and all(isinstance(told, list) for told in v.values()),
    "history_": _is_history,
    "modality_": lambda v: isinstance(v, str),
    "shape_": lambda v: isinstance(v, tuple) and len(v) == 2 and all(map(_is_count, v)),
    "weights_": lambda v: isinstance(v, list) and all(map(_is_weight, v)),
    "steps_": _are_steps,
    "scaler_": lambda v: isinstance(v, Frames),
    "recorded_": is_recorded,
}


def check_contents(encoder) -> None:
    """Refuse what a file gave in place of what ``fit`` gives; weights are compared with the network by who builds it.

    Raises
    ------
    GaitDataError
        If something is missing, of another type, or does not go with the rest.
    """
    for name, is_right in HELD.items():
        if name not in vars(encoder):
            raise GaitDataError(f"'{name}' is missing")
        value = getattr(encoder, name)
        try:
            right = is_right(value)
        except Exception:  # of whatever type the file holds
            right = False
        if not right:
            raise GaitDataError(f"'{name}' is not what an encoder has there: {str(value)[:100]}")
    for _, step in [*encoder.steps_, ("", encoder.scaler_)]:
        step.check_learnt()
    scaled = (encoder.scaler_.modality, encoder.scaler_.transformer_.n_features_in_)
    if scaled != (encoder.modality_, encoder.shape_[1]):
        raise GaitDataError(f"it scales {scaled}, and reads {(encoder.modality_, encoder.shape_[1])}")
    if encoder.frames not in (None, encoder.shape_[0]):
        raise GaitDataError(f"it cuts windows of {encoder.frames} frames, and reads {encoder.shape_[0]}")
