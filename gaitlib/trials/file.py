"""A TrialSet as one file of arrays, without pickle."""

import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.targets import Target, numbers_of
from gaitlib.trials.arrays import read_arrays
from gaitlib.trials.columns import TABLE_COLUMNS
from gaitlib.trials.modality import KINDS, Modality, object_array
from gaitlib.trials.report import LoadReport
from gaitlib.trials.trialset import HistoryEntry, TrialSet

FORMAT = 1
PARTS = ("values", "frames", "time_s")


def write_trials(trials: TrialSet, path) -> Path:
    """Write everything to one ``.npz`` file (no pickle); the write is atomic.

    Returns
    -------
    pathlib.Path
        The file: the given path, with ``.npz`` added where it does not end so.

    Raises
    ------
    GaitDataError
        If the table holds something else than numbers, text and truth values, or the file cannot be written.
    """
    path = Path(path)
    path = path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")
    columns, meta = {}, {"format": FORMAT, "name": trials.name, "modalities": {}}
    meta["table"] = {name: _plain_list(trials.table[name]) for name in trials.table}
    meta["kinds"] = {name: list(kind) for name, kind in trials.kinds.items()}
    meta["history"] = [[entry.step, list(entry.fitted_on), list(entry.subjects)] for entry in trials.history]
    meta["report"] = None if trials.report is None else trials.report.to_dict()
    for name, m in trials.modalities.items():
        meta["modalities"][name] = [m.kind, list(m.channels), m.unit, m.max_frames]
        for part in PARTS:
            column = getattr(m, part)
            if column is not None:
                columns[f"{name}/{part}"] = column
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w") as archive:
            for name, column in columns.items():
                _write_column(archive, name, column)
            _write_array(archive, "meta", [np.frombuffer(json.dumps(meta).encode(), np.uint8)])
        os.replace(partial, path)
    except OSError as error:
        raise GaitDataError(
            f"{path}: cannot be written ({error}); free space or save elsewhere; a file that was there is kept"
        ) from error
    finally:
        _remove(partial)
    return path


def read_trials(path) -> TrialSet:
    """Read a file written by :func:`write_trials`.

    Raises
    ------
    GaitDataError
        If the file is missing, damaged or something else, or its parts do not fit each other, by the name of the part.
    """
    try:
        arrays = read_arrays(path)
        meta = json.loads(arrays.pop("meta").tobytes())
        if meta["format"] != FORMAT:
            raise ValueError(f"format {meta['format']} is of another version")
        table = _read_table(meta["table"])
        modalities = {name: _read_modality(name, m, arrays, table["trial"]) for name, m in meta["modalities"].items()}
        if arrays:
            raise ValueError(f"'{next(iter(arrays))}' belongs to no modality")
        report = meta["report"] and LoadReport.from_dict(meta["report"])
        history = tuple(HistoryEntry(step, *map(tuple, learnt)) for step, *learnt in meta["history"])
        _require_text("name", meta["name"])
        for entry in history:
            _require_text("history", entry.step, *entry.fitted_on, *entry.subjects)
        return TrialSet(table, modalities, meta["name"], history, report, _read_kinds(meta.get("kinds", {}), table))
    except FileNotFoundError:
        raise GaitDataError(f"{path}: no such file") from None
    except Exception as error:  # a damaged zip can raise nearly anything
        raise GaitDataError(f"{path}: not a TrialSet file, or damaged ({error})") from error


def _read_table(columns) -> pd.DataFrame:
    """The trial table: ids are text, all columns are of one length, and a trial is of one person."""
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError(f"columns of the table of {sorted({len(column) for column in columns.values()})} trials")
    for name in TABLE_COLUMNS:
        _require_text(f"table, column '{name}'", *(v for v in columns[name] if v is not None or name != "label"))
    table = pd.DataFrame(columns)
    people = table.groupby("trial")[["subject", "walk"]].nunique()
    if (two := (people > 1).any(axis=1)).any():
        raise ValueError(f"'{two.idxmax()}' is the trial of two people, or of two walks")
    return table


def _read_kinds(kinds, table) -> dict[str, tuple[str, str]]:
    """Kind and unit of the targets, whose columns hold what their kind says; files of earlier versions have none."""
    for name, (kind, unit) in kinds.items():
        target = Target(kind, table[name], unit)
        if kind == "class":
            _require_text(f"table, target '{name}'", unit, *target.values[target.known])
        else:
            numbers_of(name, kind, target.values)
    return {name: (kind, unit) for name, (kind, unit) in kinds.items()}


def _read_modality(name, about, arrays, ids) -> Modality:
    """A modality of a file, whose arrays it takes out of those read."""
    kind, channels, unit, max_frames = about
    where = f"modality '{name}'"
    _require_text(f"{where}, channels", *channels)
    _require_text(f"{where}, unit", unit)
    if kind not in KINDS or len(set(channels)) < len(channels):
        raise ValueError(f"{where}: a {kind!r} of {len(set(channels))} different channels, named {len(channels)}")
    if max_frames is not None and type(max_frames) is not int:
        raise ValueError(f"{where}: at most {max_frames!r} frames")
    columns = {}
    for part in PARTS:
        if f"{name}/{part}/data" in arrays:
            data, shapes = arrays.pop(f"{name}/{part}/data"), arrays.pop(f"{name}/{part}/shapes")
            columns[part] = _unpack(f"{where}, {part}", data, shapes, len(ids))
    for i, trial in enumerate(ids):
        _check_trial(f"{where}, {trial}", kind, len(channels), max_frames, **{k: v[i] for k, v in columns.items()})
    return Modality(kind, tuple(channels), unit, **columns, max_frames=max_frames)


def _check_trial(where, kind, n_channels, max_frames, values, frames=None, time_s=None) -> None:
    """Frame numbers and times belong to the frames of one array of numbers."""
    if values is None:
        if frames is not None or time_s is not None:
            raise ValueError(f"{where}: frames or times without values")
        return
    if values.dtype.kind != "f" or values.ndim != (1 if kind == "static" else 2) or values.shape[-1] != n_channels:
        raise ValueError(f"{where}: {values.dtype} {values.shape} as a {kind} of {n_channels} channels")
    if kind == "sequence" and max_frames is not None and len(values) > max_frames:
        raise ValueError(f"{where}: {len(values)} frames, at most {max_frames} were kept")
    if frames is not None and (frames.shape != (len(values),) or frames.dtype.kind not in "iu"):
        raise ValueError(f"{where}: {frames.dtype} frame numbers {frames.shape} for {len(values)} frames")
    if time_s is not None and (time_s.shape != (len(values),) or time_s.dtype.kind != "f"):
        raise ValueError(f"{where}: {time_s.dtype} times {time_s.shape} for {len(values)} frames")
    if time_s is not None and not (np.isfinite(time_s).all() and (np.diff(time_s) > 0).all()):
        raise ValueError(f"{where}: the times do not advance")


def _require_text(where, *values) -> None:
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{where}: {value!r} is no text")


def _remove(partial) -> None:
    try:
        partial.unlink(missing_ok=True)
    except OSError:  # where it could not be made, it cannot be looked for either
        return


def _plain_list(column: pd.Series) -> list:
    """A table column as JSON can hold it; what is missing is None, or NaN among floats."""
    if column.dtype.kind != "f":
        column = column.astype(object).where(column.notna(), None)
    values = [v.item() if isinstance(v, np.generic) else v for v in column.tolist()]
    for value in values:
        if not isinstance(value, str | bool | int | float | None):
            raise GaitDataError(
                f"column '{column.name}' of the trial table holds {value!r}, which a TrialSet file cannot; "
                "make it numbers or text"
            )
    return values


def _write_column(archive, name, column) -> None:
    """The arrays of a column end to end, and their shapes; a trial without one has -1."""
    present = [a for a in column if a is not None]
    ndim = present[0].ndim if present else 1
    shapes = np.array([(-1,) * ndim if a is None else a.shape for a in column]).reshape(len(column), ndim)
    _write_array(archive, f"{name}/data", present)
    _write_array(archive, f"{name}/shapes", [shapes], shapes.shape)


def _write_array(archive, name, parts, shape=None) -> None:
    """One array of an .npz file from its parts, of which no second copy is made in memory."""
    dtype = np.result_type(*parts) if parts else np.dtype(float)
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
    header["shape"] = (sum(part.size for part in parts),) if shape is None else shape
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for part in parts:
            member.write(np.ascontiguousarray(part, dtype).tobytes())


def _unpack(where, data, shapes, n_trials) -> np.ndarray:
    of_trials = shapes.ndim == 2 and len(shapes) == n_trials and (shapes.dtype.kind in "iu" or not n_trials)
    if data.ndim != 1 or not of_trials:
        raise ValueError(f"{where}: {len(shapes)} arrays for {n_trials} trials")
    shapes = [tuple(shape) for shape in shapes.tolist()]
    if any(min(shape) < 0 and set(shape) != {-1} for shape in shapes):
        raise ValueError(f"{where}: an array of negative size")
    sizes = [0 if shape[0] < 0 else math.prod(shape) for shape in shapes]
    if sum(sizes) != len(data):
        raise ValueError(f"{where}: array sizes do not add up")
    ends = np.cumsum(sizes, dtype=int)
    return object_array([
        None if shape[0] < 0 else data[end - size : end].reshape(shape)
        for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ])  # fmt: skip
