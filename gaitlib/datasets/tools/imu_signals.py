"""One inertial recording: its clock, missing values, dead and saturated channels. Repaired and counted, or refused."""

from dataclasses import dataclass

import numpy as np

from gaitlib.datasets.tools.imu_files import LABELS, TIME
from gaitlib.errors import GaitDataError
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

SENSORS = {"acc": ACC_CHANNELS, "gyro": GYRO_CHANNELS}
FEWEST_ROWS = 8
LARGEST = 1e6  # in any unit; what is beyond is no measurement
LONGEST_FILLED_S = 0.1
POSSIBLE_HZ = (2.0, 10_000.0)  # where no rate is told
RATE_TOLERANCE = 0.05  # by which the times may differ from the rate that is told
MOST_REPEATED = 0.01  # of the times; where more repeat, they are too coarse or wrong
GAP = 1.5  # steps
PLATEAU, OF_RANGE = 3, 0.999  # samples in a row, this near to the largest value of the dataset


@dataclass(eq=False)
class Recording:
    """What the sensors gave.

    Attributes
    ----------
    values : dict of str to ndarray (frames, 3), float32
        By sensor, "acc" and, where there is a gyroscope that works, "gyro".
    time_s : ndarray (frames,)
        Since the first frame.
    frames : ndarray of int (frames,)
        Rows of the file, from 0.
    rate_hz : float
    row : dict
        Of the load report.
    """

    values: dict[str, np.ndarray]
    time_s: np.ndarray
    frames: np.ndarray
    rate_hz: float
    row: dict


def make_recording(
    name: str, table: np.ndarray, columns: tuple[str, ...], told_hz: float, row: dict, first_row: int
) -> Recording:
    """A recording of the numbers of a file.

    Parameters
    ----------
    name : str
    table : ndarray (rows, columns)
    columns : tuple of str
    told_hz : float
        From the label file, NaN where it is not told.
    row : dict
        Of the load report; counts are added to it.
    first_row : int
        The row of the file that the table starts at, from 1, for errors.

    Raises
    ------
    GaitDataError
        For a recording that cannot be used, naming row and channel.
    """
    table = table[: len(table) - row["cut_rows"]]
    row["frames_read"] = len(table)
    if len(table) < FEWEST_ROWS:
        raise GaitDataError(f"{name}: {len(table)} rows; a recording has at least {FEWEST_ROWS}")
    sensors = [s for s, channels in SENSORS.items() if channels[0] in columns]
    values = table[:, [columns.index(channel) for s in sensors for channel in SENSORS[s]]]
    values[~(np.abs(values) < LARGEST)] = np.nan
    sensors = _that_measured(name, values, sensors, row)
    values = values[:, : 3 * len(sensors)]
    frames = np.arange(len(values))
    if TIME in columns:
        time_s, rate_hz, kept = _clock(name, table[:, columns.index(TIME)], told_hz, row, first_row)
        values, frames = values[kept], frames[kept]
    elif np.isnan(told_hz):
        raise GaitDataError(
            f"{name}: no column '{TIME}' and no rate; give 'sampling_rate_hz' of this file in {LABELS} of its dataset"
        )
    else:
        time_s, rate_hz = np.arange(len(values)) / told_hz, told_hz
    names = [channel for s in sensors for channel in SENSORS[s]]
    kept = _fill(name, values, names, time_s, rate_hz, row, frames + first_row)
    values, time_s, frames = values[kept].astype(np.float32), time_s[kept], frames[kept]
    row["frames_kept"] = len(values)
    split = {s: np.ascontiguousarray(values[:, 3 * i : 3 * i + 3]) for i, s in enumerate(sensors)}
    return Recording(split, time_s, frames, rate_hz, row)


def _that_measured(name, values, sensors, row) -> list[str]:
    """The sensors without a gyroscope of which a channel has one value only, or none: it was broken or off.

    Raises
    ------
    GaitDataError
        If it is so with the accelerometer.
    """
    still = ~(np.fmin.reduce(values, axis=0) < np.fmax.reduce(values, axis=0))
    if still[:3].any():
        raise GaitDataError(
            f"{name}: column '{ACC_CHANNELS[int(still.argmax())]}' has the same value, or none, in all rows; the "
            "accelerometer was broken or off"
        )
    if not still.any():
        return sensors
    row["dead_gyroscope"] = 1
    return sensors[:1]


def _clock(name, stamps, told_hz, row, first_row) -> tuple[np.ndarray, float, np.ndarray]:
    """Seconds since the first frame, the rate, and which frames are kept (bool)."""
    wrong = ~np.isfinite(stamps)
    if wrong.any():
        raise GaitDataError(
            f"{name}, row {wrong.argmax() + first_row}, column '{TIME}': not a time; remove such rows, or the column "
            f"if 'sampling_rate_hz' is in {LABELS}"
        )
    steps = np.diff(stamps)
    if (steps < 0).any():
        i = int((steps < 0).argmax())
        raise GaitDataError(
            f"{name}, row {i + 1 + first_row}: time goes back from {stamps[i]:g} to {stamps[i + 1]:g} s; sort the "
            "rows, or split the file where a second recording starts"
        )
    repeated = steps == 0
    if repeated.all():
        raise GaitDataError(f"{name}: the time is {stamps[0]:g} in all rows; expected seconds")
    step_s = float(np.median(steps[~repeated]))
    line_s = float(np.polyfit(np.arange(len(stamps)), stamps - stamps[0], 1)[0])
    rates = [1 / step_s, 1 / line_s]
    if not np.isnan(told_hz) and all(abs(rate / told_hz - 1) > RATE_TOLERANCE for rate in rates):
        hint = next(
            (f"; the times look like {unit}" for unit, n in _UNITS if abs(rates[0] * n / told_hz - 1) < 0.1), ""
        )
        raise GaitDataError(
            f"{name}: {LABELS} tells {told_hz:g} Hz, the times {rates[0]:.4g} Hz{hint}; correct the one that is wrong"
        )
    if np.isnan(told_hz) and not POSSIBLE_HZ[0] <= rates[0] <= POSSIBLE_HZ[1]:
        raise GaitDataError(
            f"{name}: by its times it was recorded at {rates[0]:.4g} Hz; they are to be seconds: convert them, or give "
            f"'sampling_rate_hz' in {LABELS} and remove the column"
        )
    everything = np.ones(len(stamps), bool)
    if repeated.any():
        for rate_hz, off in _even_clocks(stamps, steps, told_hz, *rates):
            if np.abs(off).max() <= 0.55 * steps.max():  # half a step is what rounding does
                row["rounded_times"] = int(repeated.sum())
                return np.arange(len(stamps)) / rate_hz, _plain(rate_hz), everything
        if repeated.mean() > MOST_REPEATED:
            i = int(repeated.argmax())
            raise GaitDataError(
                f"{name}, row {i + 1 + first_row}: the time {stamps[i]:g} s is there again, as are {repeated.sum()} of "
                f"{len(stamps)}; write more digits, or remove the column and give 'sampling_rate_hz' in {LABELS}"
            )
        everything[1:] = ~repeated
        row["non_advancing"] = int(repeated.sum())
    time_s = stamps[everything] - stamps[0]
    row["gaps"] = int((np.diff(time_s) > GAP * step_s).sum())
    return time_s, _plain(told_hz if not np.isnan(told_hz) else 1 / step_s), everything


def _even_clocks(stamps, steps, told_hz, usual_hz, line_hz):
    """Rates that the times may have been rounded from, and how far the times are off such a clock."""
    number = np.arange(len(stamps))
    for rate_hz in (told_hz, usual_hz):
        yield rate_hz, stamps - stamps[0] - number / rate_hz
    if (steps == 0).mean() > MOST_REPEATED and steps.max() * usual_hz < GAP:
        off = stamps - number / line_hz
        yield line_hz, off - (off.max() + off.min()) / 2


_UNITS = (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))


def _plain(rate_hz) -> float:
    """A rate without the last digits, which come from the rounding of times."""
    return float(f"{rate_hz:.6g}")


def _fill(name, values, names, time_s, rate_hz, row, rows) -> np.ndarray:
    """Fill short gaps by straight lines, in place; which frames are left once the ends without numbers are cut."""
    missing = np.isnan(values)
    if not missing.any():
        return np.ones(len(values), bool)
    known = np.flatnonzero(~missing.any(axis=1))
    if len(known) < FEWEST_ROWS:
        raise GaitDataError(f"{name}: {len(known)} rows with a number in every channel; a recording has at least "
                            f"{FEWEST_ROWS}")  # fmt: skip
    inside = np.zeros(len(values), bool)
    inside[known[0] : known[-1] + 1] = True
    row["garbage"] = int((~inside).sum())
    for c in np.flatnonzero(missing[inside].any(axis=0)):
        gone = missing[:, c] & inside
        starts, ends = _runs(gone)
        longest = int(np.argmax(ends - starts))
        if (ends - starts)[longest] > max(LONGEST_FILLED_S * rate_hz, 1):
            raise GaitDataError(
                f"{name}, rows {rows[starts[longest]]} to {rows[ends[longest] - 1]}, column '{names[c]}': no number "
                f"for longer than {LONGEST_FILLED_S:g} s; split the file there"
            )
        values[gone, c] = np.interp(time_s[gone], time_s[~missing[:, c]], values[~missing[:, c], c])
    row["filled"] = int(missing[inside].any(axis=1).sum())
    return inside


def _runs(mask) -> tuple[np.ndarray, np.ndarray]:
    """Where runs of True start, and one after where they end."""
    change = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1)


def count_saturated(recordings: list[Recording]) -> None:
    """Count the frames at the end of a sensor's range, in the rows of the report.

    A channel that stays for three samples or more at the largest value of the whole dataset has hit the limit of its
    sensor: what was beyond is lost. The values are kept.
    """
    for sensor in SENSORS:
        there = [r for r in recordings if sensor in r.values]
        limit = OF_RANGE * max((np.abs(r.values[sensor]).max() for r in there), default=0)
        for r in there:
            high = np.abs(r.values[sensor]) >= limit
            if high.any():
                runs = [_runs(channel) for channel in high.T]
                n = sum(int((e - s)[e - s >= PLATEAU].sum()) for s, e in runs)
                r.row["saturated"] = r.row.get("saturated", 0) + n
