"""Check a user's own arrays and make modalities of them."""

import numbers
from collections.abc import Mapping, Set

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials.conventions import standard_channels
from gaitlib.trials.modality import KINDS, Modality, object_array

# Numbers that programs write where nothing was measured
SENTINELS = np.array([-9999, 9999, -999, 999, -99, -99999, 99999, -32768], np.float32)
SLOWEST_STEP_S, FEWEST_STEPS = 2.0, 4  # of as many steps the median tells the unit
UNITS_OF_TIME = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


def make_modality(name, values, ids, channels, rate_hz, time_s, unit, kind) -> Modality:
    """A modality of :meth:`TrialSet.from_arrays`; arrays are copied."""
    if isinstance(values, (Mapping, Set, pd.DataFrame)):
        raise GaitDataError(
            f"modality '{name}' is one {type(values).__name__}; give a list with an array (or None) for each trial"
        )
    if len(values) != len(ids):
        raise GaitDataError(f"modality '{name}' has {len(values)} arrays for {len(ids)} trials")
    values, channels = _by_name(name, values, ids, None if channels is None else list(channels))
    arrays = [None if value is None else _numbers(name, trial, value) for trial, value in zip(ids, values, strict=True)]
    present = {trial: a for trial, a in zip(ids, arrays, strict=True) if a is not None}
    if not present:
        raise GaitDataError(f"modality '{name}' is None in every trial")
    first = next(iter(present.values()))
    kind = kind or ("static" if first.ndim == 1 else "sequence")
    if kind not in KINDS:
        raise GaitDataError(f"modality '{name}': kind '{kind}' is none of {', '.join(KINDS)}")
    _check_shapes(name, present, kind)
    channels = [f"{name}_{i}" for i in range(first.shape[-1])] if channels is None else channels
    channels = tuple(str(c) for c in channels)
    if len(channels) != first.shape[-1] or len(set(channels)) != len(channels):
        turned = "; the arrays look like (channels, frames): give array.T" if len(channels) == len(first) else ""
        raise GaitDataError(
            f"modality '{name}': {first.shape[-1]} different channel names needed, got {channels}{turned}"
        )
    _refuse_sentinels(name, present, channels)
    if kind != "sequence":
        return Modality(kind, channels, unit or "", object_array(arrays))
    frames = object_array([None if a is None else np.arange(len(a)) for a in arrays])
    times = _make_times(name, ids, arrays, rate_hz, time_s)
    return Modality(kind, standard_channels(channels), unit or "", object_array(arrays), frames, times)


def _by_name(name, values, ids, channels) -> tuple[list, list | None]:
    """DataFrames (and Series of static values) with their columns in one order, and the names of these."""
    tables = [i for i, v in enumerate(values) if isinstance(v, (pd.DataFrame, pd.Series))]
    named = [i for i in tables if not isinstance(_names(values[i]), pd.RangeIndex)]
    if not named:
        return list(values), channels
    wanted = list(_names(values[named[0]]) if channels is None else channels)
    out = list(values)
    for i, value in enumerate(values):
        if value is None:
            continue
        if i not in named:
            raise GaitDataError(
                f"modality '{name}', {ids[i]}: has no channel names, where {ids[named[0]]} has; name the columns of all"
            )
        own = list(_names(value))
        if sorted(map(str, own)) != sorted(map(str, wanted)) or len(set(own)) < len(own):
            raise GaitDataError(
                f"modality '{name}', {ids[i]}: has the columns {', '.join(map(str, own))}, expected "
                f"{', '.join(map(str, wanted))} in any order"
            )
        out[i] = value[wanted]
    return out, wanted


def _names(table) -> pd.Index:
    return table.columns if isinstance(table, pd.DataFrame) else table.index


def _numbers(name, trial, value) -> np.ndarray:
    """A float32 copy; masked values become NaN."""
    try:
        if isinstance(value, (Mapping, Set)):
            raise TypeError(f"a {type(value).__name__} has no order")
        if np.iscomplexobj(value):
            raise TypeError("complex numbers; give their size or their parts as channels")
        if isinstance(value, (pd.DataFrame, pd.Series)):
            value = value.to_numpy(dtype=np.float64, na_value=np.nan)
        value = np.ma.filled(np.ma.asanyarray(value, dtype=np.float64), np.nan) if np.ma.isMA(value) else value
        if getattr(value, "dtype", np.dtype(float)).kind in "mM":
            raise TypeError("dates or durations")
        with np.errstate(over="ignore"):  # too large for float32 becomes inf, which the steps repair or refuse
            return np.array(value, dtype=np.float32)  # a copy: the caller may use the memory again
    except (TypeError, ValueError) as error:
        raise GaitDataError(f"modality '{name}', {trial}: not an array of numbers ({error})") from None


def _check_shapes(name, present, kind) -> None:
    first = next(iter(present.values()))
    ndim = 1 if kind == "static" else 2
    n_channels = first.shape[-1] if first.ndim == ndim else None
    for trial, a in present.items():
        if a.ndim != ndim or a.size == 0 or a.shape[-1] != n_channels:
            wide = "channels" if n_channels is None else f"{n_channels} channels"
            axes = f"({wide},)" if kind == "static" else f"(frames, {wide})"
            turned = a.ndim == 2 == ndim and a.shape[0] == first.shape[0]
            hint = "; it looks like (channels, frames): give array.T" if turned else ""
            hint = hint or ("; join joints and axes: array.reshape(len(array), -1)" if a.ndim == 3 else "")
            raise GaitDataError(f"modality '{name}', {trial}: expected a non-empty array {axes}, got {a.shape}{hint}")
        if kind == "image" and a.shape != first.shape:
            raise GaitDataError(f"modality '{name}', {trial}: image {a.shape}, others {first.shape}")


def _refuse_sentinels(name, present, channels) -> None:
    """Refuse what looks like a code for a missing value: one of the usual numbers, far from all others."""
    for trial, a in present.items():
        low, high = np.nanmin(a, initial=np.inf), np.nanmax(a, initial=-np.inf)
        if not np.isin([low, high], SENTINELS).any():
            continue
        for c, column in enumerate(a.T if a.ndim == 2 else a[:, None]):
            code = np.isin(column, SENTINELS)
            others = column[~code & np.isfinite(column)]
            if not len(others):  # a whole channel, or one static value: judged by the other trials
                others = np.concatenate([np.atleast_2d(v)[:, c] for v in present.values()])
                others = others[~np.isin(others, SENTINELS) & np.isfinite(others)]
            if not code.any() or len(np.unique(others)) < 2:
                continue
            far = np.abs(column[code][:, None] - [others.min(), others.max()]).min(axis=1) > np.ptp(others)
            if far.any():
                raise GaitDataError(
                    f"modality '{name}', {trial}, channel '{channels[c]}': {column[code][far][0]:g} stands far from "
                    "all others and looks like a code for a missing one; write NaN instead, and fill it with "
                    "FillMissing() or drop such frames with RepairFrames()"
                )


def _make_times(name, ids, arrays, rate_hz, time_s) -> np.ndarray:
    if time_s is None:
        if rate_hz is not None and not (isinstance(rate_hz, numbers.Real) and 0 < rate_hz < np.inf):
            raise GaitDataError(f"modality '{name}': rate_hz must be a number above 0, not {rate_hz}")
        return object_array([None if a is None or rate_hz is None else np.arange(len(a)) / rate_hz for a in arrays])
    if len(time_s) != len(arrays):
        raise GaitDataError(f"modality '{name}': time_s has {len(time_s)} entries for {len(arrays)} trials")
    return object_array([
        None if a is None else _seconds(name, trial, len(a), t)
        for trial, a, t in zip(ids, arrays, time_s, strict=True)
    ])  # fmt: skip


def _seconds(name, trial, n, times) -> np.ndarray:
    """Times of one trial, checked."""
    where = f"modality '{name}', {trial}"
    try:
        if np.asarray(times).dtype.kind in "mM":
            times = (np.asarray(times) - np.asarray(times).flat[0]) / np.timedelta64(1, "s")
        times = np.array(times, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GaitDataError(f"{where}: times are no numbers ({error})") from None
    if times.shape != (n,):
        raise GaitDataError(f"{where}: {n} frames but times of shape {times.shape}")
    if not np.isfinite(times).all():
        frame = np.flatnonzero(~np.isfinite(times))[0]
        raise GaitDataError(f"{where}, frame {frame}: the time is no number; leave such frames out, or give rate_hz=")
    steps = np.diff(times)
    if (steps <= 0).any():
        frame = np.flatnonzero(steps <= 0)[0] + 1
        how = "all times are the same" if not np.ptp(times) else f"frame {frame}: the time does not advance"
        raise GaitDataError(
            f"{where}, {how}; sort the frames, keep those of gaitlib.preprocessing.repair.advancing_frames(times), or "
            "give rate_hz="
        )
    if len(steps) >= FEWEST_STEPS and (step := np.median(steps)) > SLOWEST_STEP_S:
        unit, factor = next((u for u in UNITS_OF_TIME if step / u[1] < SLOWEST_STEP_S / 10), UNITS_OF_TIME[-1])
        raise GaitDataError(
            f"{where}: {step:g} s from frame to frame; the times look like {unit}: divide them by {factor:g} (where it "
            "is as slow as that, give rate_hz=)"
        )
    return times
