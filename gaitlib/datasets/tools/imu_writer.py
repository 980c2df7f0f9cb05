"""Write inertial recordings in the layout that their loader reads."""

from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.imu_files import LABELS, OWN_COLUMNS, TIME
from gaitlib.datasets.tools.imu_signals import SENSORS
from gaitlib.datasets.tools.written_folder import make_folder, new_folder
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet


def write_imu(trials: TrialSet, folder) -> Path:
    """Write trials as ``<dataset>/<subject>_<session>.csv`` with a ``labels.csv`` a dataset.

    :func:`gaitlib.load_imu` reads equal trials back, digit by digit; units and gravity are not written but told by the
    numbers again. A file ``SYNTHETIC.txt`` in each dataset marks trials whose name says that they are synthetic.

    Parameters
    ----------
    trials : TrialSet
        As :func:`gaitlib.load_imu` and :func:`gaitlib.synthetic_imu` give them, in any order. Further columns of the
        table become columns of ``labels.csv``.
    folder : str or Path
        A new or empty folder.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    GaitDataError
        If the folder holds something, or a trial does not fit the layout; then nothing is written.
    """
    folder = new_folder(folder)
    _check(trials)
    tables = [_table(trials, i) for i in range(len(trials))]
    for dataset, rows in trials.table.groupby("dataset"):
        make_folder(folder / dataset, trials.name)
        _labels(dataset, rows).to_csv(folder / dataset / LABELS, index=False)
    for trial, table in zip(trials.ids, tables, strict=True):
        file = folder / f"{trial}.csv"
        file.parent.mkdir(exist_ok=True)
        table.to_csv(file, index=False)
    return folder


def _check(trials: TrialSet) -> None:
    for name, modality in trials.modalities.items():
        if SENSORS.get(name) != modality.channels:
            raise GaitDataError(
                f"modality '{name}' with {len(modality.channels)} channels: the layout holds 'acc' and 'gyro' as "
                "loaded; write trials before any step changes them"
            )
    if lacking := [c for c in ("dataset", "rate_hz") if c not in trials.table]:
        raise GaitDataError(f"the trials have no column '{lacking[0]}', which the layout needs")
    for _, row in trials.table.iterrows():
        for column in ("trial", "subject"):
            dataset, _, rest = str(row[column]).partition("/")
            if dataset != row["dataset"] or not rest or {"", ".", ".."} & set(rest.split("/")):
                raise GaitDataError(
                    f"{row['trial']}: the layout needs the {column} '{row['dataset']}/...', as loaded; not "
                    f"'{row[column]}'"
                )


def _table(trials: TrialSet, i: int) -> pd.DataFrame:
    """The columns of a file."""
    there = {name: m for name, m in trials.modalities.items() if m.values[i] is not None}
    if "acc" not in there:
        raise GaitDataError(f"{trials.ids[i]}: has no acceleration, which the layout needs")
    clocks = [m.time_s[i] for m in there.values()]
    if any(clock is None or not np.array_equal(clock, clocks[0]) for clock in clocks):
        raise GaitDataError(f"{trials.ids[i]}: the layout has one clock a file; these sensors have two, or none")
    columns = {c: m.values[i][:, k] for m in there.values() for k, c in enumerate(m.channels)}
    return pd.DataFrame({TIME: clocks[0], **columns})


def _labels(dataset: str, rows: pd.DataFrame) -> pd.DataFrame:
    within = len(dataset) + 1
    told = {
        "file": [f"{trial[within:]}.csv" for trial in rows["trial"]],
        "subject": [subject[within:] for subject in rows["subject"]],
        "activity": rows["label"].to_numpy(),
        "sampling_rate_hz": rows["rate_hz"].to_numpy(),
    }
    further = rows.drop(columns=["subject", *OWN_COLUMNS], errors="ignore").dropna(axis=1, how="all")
    return pd.DataFrame(told).assign(**{name: column.to_numpy() for name, column in further.items()})
