"""The files of an Empatica E4 wristband, and labels of every second beside them."""

import io
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.number_tables import NO_NUMBER, REMEDY, RowFormat, load_files
from gaitlib.errors import GaitDataError

G_PER_COUNT = 1 / 64
UNIX_TIMES_S = (1e8, 1e11)  # 1973 to 5138; what is larger counts milliseconds
OF_DEVICE = re.compile(r"\d{9,10}_[0-9A-Za-z]+")  # a session as the device names it: start and serial number
SECONDS = {"Participant": "person", "Time(sec)": "second", "HR": "heart_rate", "respr": "respiratory_rate"}
SECONDS |= {"Label": "stress"}


@dataclass(frozen=True)
class Kind:
    """One of the wristband's signals: its file, its name here, channels, unit and the rate at which it is sampled."""

    file: str
    modality: str
    channels: tuple[str, ...]
    unit: str
    rate_hz: float
    scale: float = 1.0

    @property
    def row_format(self) -> RowFormat:
        return RowFormat(b"," * (len(self.channels) - 1), "the start (unix time), the rate (Hz), then a sample a row")


SIGNALS = (
    Kind("BVP", "bvp", ("bvp",), "", 64),
    Kind("EDA", "eda", ("eda",), "uS", 4),
    Kind("ACC", "acc", ("acc_x", "acc_y", "acc_z"), "g", 32, G_PER_COUNT),
    Kind("TEMP", "temperature", ("temperature",), "degC", 4),
)
DERIVED = (Kind("HR", "hr", ("hr",), "1/min", 1),)  # what the device makes of the pulse wave
BEATS = Kind("IBI", "ibi", ("ibi",), "s", np.nan)


@dataclass(frozen=True, eq=False)
class Signal:
    """One signal of a recording.

    Attributes
    ----------
    start_s : float
        Unix time of the first sample.
    values : ndarray (samples, channels), float32
    time_s : ndarray (samples,)
        Seconds since the start.
    rate_hz : float
        NaN where samples are not evenly spaced.
    row : dict
        Of the load report.
    """

    start_s: float
    values: np.ndarray
    time_s: np.ndarray
    rate_hz: float
    row: dict

    @property
    def end_s(self) -> float:
        """One step after the last sample."""
        return self.start_s + len(self.values) / self.rate_hz


@dataclass(frozen=True)
class Place:
    """Whose recording a file belongs to."""

    subject: str
    recording: str
    folder: str


def place_of(tree: FileTree, name: str) -> Place:
    """Person and recording of a file by its folder.

    The folder is the person's; where the device named it, the folder above is, which may hold several.

    Raises
    ------
    GaitDataError
        If no folder says whose it is.
    """
    folder = name.rpartition("/")[0]
    parts = folder.split("/") if folder else [tree.path.stem]
    if not OF_DEVICE.fullmatch(parts[-1]):
        return Place(parts[-1], parts[-1], folder)
    above = parts[-2] if len(parts) > 1 else ""
    if not above or OF_DEVICE.fullmatch(above):
        raise GaitDataError(
            f"{name}: the folder '{parts[-1]}' is named by the device and says not whose it is; put it into a folder "
            "with the person's id: no split can keep people apart without it"
        )
    return Place(above, f"{above}_{parts[-1]}", folder)


def read_signals(tree: FileTree, kind: Kind, names: list[str], skip_bad: bool) -> tuple[dict[str, Signal], list[dict]]:
    """The signal of every file, by file name, and the rows of the load report.

    Start and rate are those of the file; another rate than the device's is said in its row. A number that is not finite
    becomes NaN and is counted.

    Raises
    ------
    GaitDataError
        For the first bad file, naming file, row and column.
    """
    return load_files(tree, names, kind.row_format, lambda *file: _make_signal(kind, *file), skip_bad)


def _make_signal(kind: Kind, name: str, table: np.ndarray, row: dict) -> Signal:
    table = table[: len(table) - row["cut_rows"]]
    if len(table) < 3:
        raise GaitDataError(f"{name}: {len(table)} rows; expected start, rate and samples: the recording is empty")
    starts, rates, values = table[0], table[1], table[2:]
    low, high = UNIX_TIMES_S
    if not (np.ptp(starts) == 0 and low < starts[0] < high):
        hint = "; it looks like milliseconds" if starts[0] >= high else ""
        raise GaitDataError(f"{name}, row 1: expected the start as one unix time in seconds, got {starts}{hint}")
    if not (np.ptp(rates) == 0 and 0 < rates[0] < 1e5):
        raise GaitDataError(f"{name}, row 2: expected one rate in Hz, got {rates}")
    values = (values * kind.scale).astype(np.float32)
    wrong = ~np.isfinite(values)
    values[wrong] = np.nan
    rate_hz = float(rates[0])
    row |= {"rate_hz": rate_hz, "missing": int(wrong.any(axis=1).sum()), "frames_read": len(values)}
    if rate_hz != kind.rate_hz:
        row["reason"] = f"{rate_hz:g} Hz, where the device has {kind.rate_hz:g} Hz"
    return Signal(float(starts[0]), values, np.arange(len(values)) / rate_hz, rate_hz, row)


def read_beats(tree: FileTree, names: list[str], skip_bad: bool) -> tuple[dict[str, Signal], list[dict]]:
    """The intervals between beats of every ``IBI.csv``, each at the second of its beat."""
    made, rows = {}, []
    for name in names:
        row = {"file": name, "status": "ok"}
        try:
            made[name] = _make_beats(tree, name, row)
        except GaitDataError as error:
            if not skip_bad:
                raise GaitDataError(f"{error}; {REMEDY}") from None
            row |= {"status": "skipped", "reason": str(error)}
        rows.append(row)
    return made, rows


def _make_beats(tree: FileTree, name: str, row: dict) -> Signal:
    table = _read_text(tree, name)
    if table.shape[1] != 2:
        raise GaitDataError(f"{name}: {table.shape[1]} columns, expected the second of a beat and its interval")
    start_s = pd.to_numeric(table.columns[0], errors="coerce")
    if not UNIX_TIMES_S[0] < start_s < UNIX_TIMES_S[1]:
        raise GaitDataError(f"{name}, row 1: expected the start as a unix time in seconds, got '{table.columns[0]}'")
    time_s, interval_s = (_numbers(name, table, column) for column in table)
    if not (np.diff(time_s) > 0).all():
        raise GaitDataError(f"{name}, row {np.argmax(np.diff(time_s) <= 0) + 3}: the beat is not later than the last")
    row |= {"frames_read": len(table)}
    return Signal(float(start_s), interval_s[:, None].astype(np.float32), time_s, np.nan, row)


def read_seconds(tree: FileTree, name: str) -> tuple[pd.DataFrame, dict]:
    """The labels of every second, and the row of the load report.

    Returns
    -------
    seconds : pandas.DataFrame
        ``person`` (number), ``second`` (unix time), ``heart_rate``, ``respiratory_rate``, ``stress``; NaN where
        unknown. In the order of time; a second that is there twice is taken once, and counted.

    Raises
    ------
    GaitDataError
        Naming file, row and column; also where two rows of one second disagree.
    """
    table = _read_text(tree, name)
    if lost := [column for column in SECONDS if column not in table]:
        raise GaitDataError(f"{name}: no column '{lost[0]}'; expected {', '.join(SECONDS)}")
    seconds = pd.DataFrame({short: _numbers(name, table, column) for column, short in SECONDS.items()})
    for column, short in SECONDS.items():
        wrong = seconds[short].isna() if short in ("person", "second") else pd.Series(False, seconds.index)
        if short == "stress":
            wrong = seconds[short].notna() & ~seconds[short].isin((0, 1))
        if wrong.any():
            got, row = table.loc[wrong.idxmax(), column], wrong.idxmax() + 2
            expected = "0 or 1" if short == "stress" else "a number"
            raise GaitDataError(f"{name}, row {row}, column '{column}': expected {expected}, got '{got}'")
    different = seconds.drop_duplicates()
    twice = different.duplicated(["person", "second"])
    if twice.any():
        person, second = different.loc[twice.idxmax(), ["person", "second"]]
        raise GaitDataError(
            f"{name}, row {twice.idxmax() + 2}: second {second:.0f} of participant {person:g} is there twice, with "
            "other values; keep the right one"
        )
    row = {"file": name, "status": "ok", "frames_read": len(seconds), "non_advancing": len(seconds) - len(different)}
    if row["non_advancing"]:
        row |= {"status": "repaired", "reason": f"{row['non_advancing']} seconds that are there twice, taken once"}
    return different.sort_values(["person", "second"], kind="stable", ignore_index=True), row


def _read_text(tree: FileTree, name: str) -> pd.DataFrame:
    """A table with a header, all cells as text without blanks around them."""
    try:
        table = pd.read_csv(
            io.BytesIO(tree.read(name).rstrip()), dtype=str, keep_default_na=False, skip_blank_lines=False,
            encoding="utf-8-sig",
        )  # fmt: skip
    except ValueError as error:
        raise GaitDataError(f"{name}: no table with a header ({error})") from None
    if table.empty:
        raise GaitDataError(f"{name}: a header and no rows")
    if not isinstance(table.index, pd.RangeIndex):
        raise GaitDataError(f"{name}: rows of more columns than the header names; write decimal points, not commas")
    return table.rename(columns=str.strip)


def _numbers(name: str, table: pd.DataFrame, column: str) -> np.ndarray:
    """A column as numbers, NaN where it is empty or says so."""
    text = table[column].str.strip()
    numbers = pd.to_numeric(text, errors="coerce").to_numpy(float)
    wrong = ~np.isfinite(numbers) & ~text.isin(NO_NUMBER).to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        raise GaitDataError(f"{name}, row {row + 2}, column '{column}': expected a number, got '{text.iloc[row]}'")
    return numbers
