"""Check a user's own arrays and make table and modalities of them."""

import numbers

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials.modality import KINDS, Modality, object_array

TABLE_COLUMNS = ("trial", "subject", "walk", "label", "source")


def make_table(subject, walk, label, targets, trial) -> pd.DataFrame:
    targets = dict(targets or {})
    for name in TABLE_COLUMNS:
        if name in targets:
            raise GaitDataError(f"a target '{name}' would replace that column of the trial table; give it another name")
    for name, column in {"subject": subject, "walk": walk, "label": label, "trial": trial, **targets}.items():
        if column is None and name not in ("subject", *targets):
            continue
        if isinstance(column, str) or not hasattr(column, "__len__"):
            raise GaitDataError(f"'{name}' must be a sequence with an entry for each trial, not {column!r}")
        if len(column) != len(subject):
            raise GaitDataError(f"'{name}' has {len(column)} entries for {len(subject)} trials")
    n = len(subject)
    if n == 0:
        raise GaitDataError("no trials given")
    if pd.isna(pd.Series(list(subject), dtype=object)).any():
        raise GaitDataError("every trial needs a subject: without it no split can keep people apart")
    if walk is not None and pd.isna(pd.Series(list(walk), dtype=object)).any():
        raise GaitDataError("every trial needs a walk, or leave walk out if each trial is its own")
    subject = [str(s) for s in subject]
    ids = [f"trial{i:0{len(str(n))}d}" for i in range(n)] if trial is None else [str(t) for t in trial]
    if len(set(ids)) != n:
        repeated = pd.Series(ids)[pd.Series(ids).duplicated()].iloc[0]
        raise GaitDataError(f"trial ids must be unique; '{repeated}' is there twice")
    # A walk number usually counts within a subject.
    walks = ids if walk is None else [f"{s}/{w}" for s, w in zip(subject, walk, strict=True)]
    labels = [None] * n if label is None else [None if pd.isna(v) else str(v) for v in label]
    table = pd.DataFrame({"trial": ids, "subject": subject, "walk": walks, "label": labels, "source": ""})
    return table.assign(**{str(name): list(column) for name, column in targets.items()})


def make_modality(name, values, ids, channels, rate_hz, time_s, unit, kind) -> Modality:
    if len(values) != len(ids):
        raise GaitDataError(f"modality '{name}' has {len(values)} arrays for {len(ids)} trials")
    arrays = []
    for trial, value in zip(ids, values, strict=True):
        try:
            with np.errstate(over="ignore"):  # too large for float32 becomes inf, which the steps repair or refuse
                arrays.append(None if value is None else np.asarray(value, dtype=np.float32))
        except (TypeError, ValueError) as error:
            raise GaitDataError(f"modality '{name}', {trial}: not an array of numbers ({error})") from None
    present = {trial: a for trial, a in zip(ids, arrays, strict=True) if a is not None}
    if not present:
        raise GaitDataError(f"modality '{name}' is None in every trial")
    first = next(iter(present.values()))
    kind = kind or ("static" if first.ndim == 1 else "sequence")
    if kind not in KINDS:
        raise GaitDataError(f"modality '{name}': kind '{kind}' is none of {', '.join(KINDS)}")
    ndim = 1 if kind == "static" else 2
    for trial, a in present.items():
        if a.ndim != ndim or a.size == 0 or a.shape[-1] != first.shape[-1]:
            wide = f"{first.shape[-1]} channels" if first.ndim == ndim else "channels"
            axes = "(channels,)" if kind == "static" else f"(frames, {wide})"
            raise GaitDataError(f"modality '{name}', {trial}: expected a non-empty array {axes}, got {a.shape}")
        if kind == "image" and a.shape != first.shape:
            raise GaitDataError(f"modality '{name}', {trial}: image {a.shape}, others {first.shape}")
    channels = [f"{name}_{i}" for i in range(first.shape[-1])] if channels is None else channels
    channels = tuple(str(c) for c in channels)
    if len(channels) != first.shape[-1] or len(set(channels)) != len(channels):
        raise GaitDataError(f"modality '{name}': {first.shape[-1]} different channel names needed, got {channels}")
    if kind != "sequence":
        return Modality(kind, channels, unit or "", object_array(arrays))
    frames = object_array([None if a is None else np.arange(len(a)) for a in arrays])
    times = _make_times(name, ids, arrays, rate_hz, time_s)
    return Modality(kind, channels, unit or "", object_array(arrays), frames, times)


def _make_times(name, ids, arrays, rate_hz, time_s) -> np.ndarray:
    if time_s is None:
        if rate_hz is not None and not (isinstance(rate_hz, numbers.Real) and 0 < rate_hz < np.inf):
            raise GaitDataError(f"modality '{name}': rate_hz must be a number above 0, not {rate_hz}")
        return object_array([None if a is None or rate_hz is None else np.arange(len(a)) / rate_hz for a in arrays])
    if len(time_s) != len(arrays):
        raise GaitDataError(f"modality '{name}': time_s has {len(time_s)} entries for {len(arrays)} trials")
    times = []
    for trial, a, t in zip(ids, arrays, time_s, strict=True):
        try:
            times.append(None if a is None else np.asarray(t, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise GaitDataError(f"modality '{name}', {trial}: times are no numbers ({error})") from None
        if a is not None and times[-1].shape != (len(a),):
            raise GaitDataError(f"modality '{name}', {trial}: {len(a)} frames but times of shape {times[-1].shape}")
    return object_array(times)
