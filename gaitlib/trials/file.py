"""A TrialSet as one file of arrays, without pickle."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport
from gaitlib.trials.trialset import HistoryEntry, TrialSet


def write_trials(trials: TrialSet, path) -> Path:
    """Write everything to one ``.npz`` file (no pickle); the write is atomic.

    Returns
    -------
    pathlib.Path
        The file: the given path, with ``.npz`` added where it does not end so.

    Raises
    ------
    GaitDataError
        If the table holds something else than numbers, text and truth values.
    """
    path = Path(path)
    path = path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")
    columns, meta = {}, {"format": 1, "name": trials.name, "modalities": {}}
    meta["table"] = {name: _plain_list(trials.table[name]) for name in trials.table}
    meta["history"] = [[entry.step, list(entry.fitted_on), list(entry.subjects)] for entry in trials.history]
    meta["report"] = None if trials.report is None else trials.report.to_dict()
    for name, m in trials.modalities.items():
        meta["modalities"][name] = [m.kind, list(m.channels), m.unit, m.max_frames]
        for part in ("values", "frames", "time_s"):
            column = getattr(m, part)
            if column is not None:
                columns[f"{name}/{part}"] = column
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(partial, "w") as archive:
            for name, column in columns.items():
                _write_column(archive, name, column)
            _write_array(archive, "meta", [np.frombuffer(json.dumps(meta).encode(), np.uint8)])
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read_trials(path) -> TrialSet:
    """Read a file written by :func:`write_trials`.

    Raises
    ------
    GaitDataError
        If the file is missing, damaged or something else.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        meta = json.loads(arrays["meta"].tobytes())
        modalities = {}
        for name, (kind, channels, unit, max_frames) in meta["modalities"].items():
            columns = {
                part: _unpack(arrays[f"{name}/{part}/data"], arrays[f"{name}/{part}/shapes"])
                for part in ("values", "frames", "time_s")
                if f"{name}/{part}/data" in arrays
            }
            modalities[name] = Modality(kind, tuple(channels), unit, **columns, max_frames=max_frames)
        report = meta["report"] and LoadReport.from_dict(meta["report"])
        history = tuple(HistoryEntry(step, *map(tuple, learnt)) for step, *learnt in meta["history"])
        return TrialSet(pd.DataFrame(meta["table"]), modalities, meta["name"], history, report)
    except FileNotFoundError:
        raise GaitDataError(f"{path}: no such file") from None
    except Exception as error:  # a damaged zip can raise nearly anything
        raise GaitDataError(f"{path}: not a TrialSet file, or damaged ({error})") from error


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


def _unpack(data, shapes) -> np.ndarray:
    sizes = np.where(shapes[:, 0] < 0, 0, np.prod(shapes, axis=1))
    ends = np.cumsum(sizes)
    if len(shapes) and ends[-1] != len(data):
        raise ValueError("array sizes do not add up")
    return object_array([
        None if shape[0] < 0 else data[end - size : end].reshape(shape)
        for shape, size, end in zip(shapes, sizes, ends, strict=True)
    ])  # fmt: skip
