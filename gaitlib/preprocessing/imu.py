"""Steps for inertial sensors: one clock for accelerometer and gyroscope, gravity out, channels free of the mounting.

References
----------
Laidig D., Seel T. (2023). VQF: Highly accurate IMU orientation estimation with bias estimation and magnetic disturbance
rejection. Information Fusion 91, 187-204. https://doi.org/10.1016/j.inffus.2022.10.014
"""

import numbers
from dataclasses import replace

import numpy as np
from scipy.constants import g
from scipy.interpolate import PchipInterpolator, make_interp_spline
from scipy.spatial.transform import Rotation

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.repair import LONGEST_STEP_S
from gaitlib.preprocessing.step import Step, require_finite, sequence
from gaitlib.preprocessing.waveforms import PADDING_PERIODS, UNEVEN, even_rate_hz, zero_phase
from gaitlib.trials.conventions import ACC_CHANNELS, ACC_UNIT, GRAVITY, GYRO_CHANNELS, GYRO_UNIT, IMU_UNIT
from gaitlib.trials.modality import Modality

SENSORS = {"acc": (ACC_CHANNELS, ACC_UNIT), "gyro": (GYRO_CHANNELS, GYRO_UNIT)}
SHORTEST_S = 1.0  # that the clocks must share
ROUNDING = 1e-6  # of a step, when points are counted
ALIAS_ORDER, ALIAS_CUTOFF = 12, 0.9  # of one pass; of half the new rate
SAME_RATE = 1.02  # a rate up to here above the new one is the same, by another clock
SPLINE_ORDER = 5  # of a tone of 15 Hz at 64 samples a second a cubic one misses 2 %, this one 0.2 %

GRAVITY_HZ, GRAVITY_ORDER = 0.3, 4
QUIET_S = 0.5
INCLUDED_FROM, REMOVED_BELOW = 0.7 * g, 0.4 * g  # m/s2, mean acceleration where a recording is quietest


class FuseSensors(Step):
    """Put accelerometer and gyroscope on one even clock, as one modality; the two go.

    Each sensor may have its own rate, start and lost samples. What both recorded is kept: from the later start to the
    earlier end. A faster sensor is first smoothed at its own rate by a Butterworth low-pass of order 12 at 0.9 of half
    the new rate, forwards and backwards, so that what the new rate cannot hold does not come back as another frequency;
    then a spline of fifth order is read at the new times. (``scipy.signal.resample_poly`` needs rates in a ratio of
    small whole numbers and clocks that start together; sensors have neither.) From 200, 100 and 64 Hz to 50 Hz a tone
    that would come back below 20 Hz loses 60 dB or more, and one up to 20 Hz at most 0.5 dB. A slower sensor, such as
    one of 25 Hz, is only interpolated: above half its own rate nothing was measured, and next to nothing is there.

    Lost samples and uneven times are interpolated (monotone, so that nothing overshoots) over at most 0.2 s; a longer
    gap is refused. Every point keeps the number of the frame of the first sensor that is nearest to it.

    Parameters
    ----------
    rate_hz : float
    sensors : sequence of {"acc", "gyro"}
        Modalities that are fused; ``("acc",)`` for recordings without a gyroscope.
    name : str
        Of the fused modality. Its channels are ``acc_x`` to ``gyro_z``.

    Raises
    ------
    GaitDataError
        On ``transform``, where a sensor is missing, has another unit than m/s2 or rad/s, no times, a gap of more than
        0.2 s or a number that is not finite, or where the clocks share less than 1 s.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> arrays = {"acc": [np.ones((400, 3))], "gyro": [np.zeros((201, 3))]}
    >>> trials = TrialSet.from_arrays(
    ...     arrays, rate_hz={"acc": 200, "gyro": 100}, unit={"acc": "m/s2", "gyro": "rad/s"}, subject=["a"],
    ...     channels={"acc": ["acc_x", "acc_y", "acc_z"], "gyro": ["gyro_x", "gyro_y", "gyro_z"]})
    >>> m = FuseSensors().fit_transform(trials).modality("imu")
    >>> m.values[0].shape, m.unit, float(m.time_s[0][-1])
    ((100, 6), 'm/s2 and rad/s', 1.98)
    """

    at_any_rate = True

    def __init__(self, rate_hz=50.0, sensors=("acc", "gyro"), name="imu"):
        self.rate_hz = rate_hz
        self.sensors = sensors
        self.name = name

    def _transform(self, trials):
        self._check_parameters()
        recorded = {sensor: self._sensor(trials, sensor) for sensor in self.sensors}
        values, frames, times = (np.full(len(trials), None, dtype=object) for _ in range(3))
        for i, trial in enumerate(trials.ids):
            values[i], frames[i], times[i] = self._fuse(trial, i, recorded)
        channels = sum((SENSORS[sensor][0] for sensor in self.sensors), ())
        unit = IMU_UNIT if len(self.sensors) == 2 else SENSORS[self.sensors[0]][1]
        others = {name: m for name, m in trials.modalities.items() if name not in self.sensors}
        fused = Modality("sequence", channels, unit, values, frames, times)
        return replace(trials, modalities=others | {self.name: fused})

    def _check_parameters(self):
        if not (isinstance(self.rate_hz, numbers.Real) and 0 < self.rate_hz < np.inf):
            raise GaitDataError(f"FuseSensors needs a rate above 0 Hz, not {self.rate_hz}")
        if tuple(self.sensors) not in (("acc", "gyro"), ("acc",), ("gyro",)):
            raise GaitDataError(f"FuseSensors(sensors={self.sensors}): give ('acc', 'gyro'), ('acc',) or ('gyro',)")

    def _sensor(self, trials, name) -> Modality:
        """A modality with the channels and the unit of its sensor."""
        if name not in trials.modalities:
            raise GaitDataError(
                f"FuseSensors: no modality '{name}' here; there are {', '.join(trials.modalities)}{self._without(name)}"
            )
        m, (channels, unit) = sequence(trials, name), SENSORS[name]
        if m.channels != channels:
            raise GaitDataError(
                f"modality '{name}' has the channels {', '.join(m.channels)}, expected {list(channels)}"
            )
        if m.unit != unit:
            raise GaitDataError(
                f"modality '{name}' is in '{m.unit}', FuseSensors needs {unit}: convert when loading, as in "
                "gaitlib.load_imu(path, units={'acc': 'g', 'gyro': 'deg/s'}), or give from_arrays(unit=...) if it "
                "is that already"
            )
        require_finite(trials, name)
        return m

    def _without(self, name) -> str:
        others = tuple(sensor for sensor in self.sensors if sensor != name)
        return f"; to do without it take FuseSensors(sensors={others!r})" if others else ""

    def _fuse(self, trial, i, recorded) -> tuple:
        """Values, frame numbers and times of one trial; all None where it has no sensor at all."""
        lacking = [sensor for sensor, m in recorded.items() if m.values[i] is None]
        if len(lacking) == len(recorded):
            return None, None, None
        if lacking:
            raise GaitDataError(f"{trial} has no '{lacking[0]}'{self._without(lacking[0])}, or leave this trial out")
        clocks = {sensor: _clock(f"{trial}, modality '{sensor}'", m.time_s[i]) for sensor, m in recorded.items()}
        start_s, end_s = max(t[0] for t in clocks.values()), min(t[-1] for t in clocks.values())
        if end_s - start_s < SHORTEST_S:
            spans = " and ".join(f"'{sensor}' from {t[0]:.6g} to {t[-1]:.6g} s" for sensor, t in clocks.items())
            raise GaitDataError(
                f"{trial}: {spans} share less than {SHORTEST_S:g} s; leave it out, or give all clocks the same start"
            )
        points_s = start_s + np.arange(int((end_s - start_s) * self.rate_hz + ROUNDING) + 1) / self.rate_hz
        values = [
            _resampled(f"{trial}, modality '{sensor}'", m.values[i], clocks[sensor], points_s, self.rate_hz)
            for sensor, m in recorded.items()
        ]
        first = self.sensors[0]
        nearest = np.rint(np.interp(points_s, clocks[first], np.arange(len(clocks[first])))).astype(int)
        return np.hstack(values), recorded[first].frames[i][nearest], points_s


def _clock(place, time_s) -> np.ndarray:
    if time_s is None:
        raise GaitDataError(f"{place}: has no times; give rate_hz= or time_s=")
    if len(time_s) < 2 or not (np.diff(time_s) > 0).all():
        raise GaitDataError(f"{place}: needs 2 samples or more with times that advance; remove this trial")
    return time_s


def _resampled(place, values, time_s, points_s, rate_hz) -> np.ndarray:
    """The values at other times within the clock, float32, without what the new rate cannot hold."""
    steps_s = np.diff(time_s)
    gaps = (steps_s > LONGEST_STEP_S) & (time_s[1:] > points_s[0]) & (time_s[:-1] < points_s[-1])
    if gaps.any():
        at = gaps.argmax()
        raise GaitDataError(
            f"{place}: nothing between {time_s[at]:.6g} and {time_s[at + 1]:.6g} s, and for more than "
            f"{LONGEST_STEP_S:g} s nothing is made up; cut the recording there into two, or leave it out"
        )
    step_s = steps_s[steps_s < 1.5 * np.median(steps_s)].mean()  # without lost samples; files round single steps
    even_s = np.linspace(time_s[0], time_s[-1], round((time_s[-1] - time_s[0]) / step_s) + 1)
    values = values.astype(np.float64)
    if len(even_s) != len(time_s) or (np.abs(time_s - even_s) > UNEVEN * step_s).any():
        values = PchipInterpolator(time_s, values)(even_s)
    if 1 / step_s > SAME_RATE * rate_hz:
        values = zero_phase(place, values, even_s, ALIAS_ORDER, "lowpass", ALIAS_CUTOFF * rate_hz / 2)
    spline = make_interp_spline(even_s - even_s[0], values, SPLINE_ORDER)
    return spline(points_s - even_s[0]).astype(np.float32)


class RemoveGravity(Step):
    """Subtract gravity from accelerations, in the frame of the sensor.

    "orientation": the filter of Laidig & Seel 2023 tells from accelerometer and gyroscope where up is, looking at the
    whole recording (``vqf.offlineVQF``; ``pip install 'gaitlib[imu]'``). How large gravity is, is taken from the
    recording itself, as the mean of the acceleration along up: cheap sensors err by a tenth, and a body that ends at
    rest as it began has no mean acceleration of its own. "lowpass": what is slower than 0.3 Hz, by a Butterworth filter
    of 4th order forwards and backwards; it takes slow movements for gravity, and gravity for movement where the sensor
    turns quickly. "auto": by orientation where the modality has a gyroscope, else by the low-pass.

    Trials whose table says ``gravity`` "removed" are left as they are, and the column says so of all afterwards. Where
    it is empty or not there, each recording is judged by its quietest half second, in which a sensor measures gravity
    or nothing: a mean above 0.7 g is gravity, one below 0.4 g none, and between these the table must say it. (Of 1568
    recordings at foot, waist and wrist, of walks and falls, all are judged rightly.)

    Parameters
    ----------
    method : {"auto", "orientation", "lowpass"}
    modality : str
        On one even clock (:class:`FuseSensors`); accelerations in m/s2, rotation rates in rad/s.

    Raises
    ------
    GaitDataError
        On ``transform``, where vqf is not installed or there is no gyroscope for it, a unit is another, a recording is
        not longer than 6.7 s (for the low-pass), times are uneven, or nobody can tell whether gravity is in.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> at_rest = np.tile([0, 0, 9.8], (500, 1))
    >>> trials = TrialSet.from_arrays({"imu": [at_rest]}, channels=["acc_x", "acc_y", "acc_z"], unit="m/s2", rate_hz=50,
    ...                               subject=["a"], targets={"gravity": ["included"]})
    >>> moved = RemoveGravity().fit_transform(trials)
    >>> float(np.abs(moved.modality("imu").values[0]).max().round(3)), moved.table["gravity"].tolist()
    (0.0, ['removed'])
    """

    def __init__(self, method="auto", modality="imu"):
        self.method = method
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        acc, gyro = _columns(m, self.modality, "RemoveGravity")
        method = self._method(gyro)
        said = _said_of_gravity(trials)
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None or said[i] == "removed":
                continue
            place = f"{trial}, modality '{self.modality}'"
            rate_hz = _rate_hz(place, m.time_s[i])
            if said[i] == "included" or _has_gravity(place, values[i][:, acc], rate_hz):
                gravity = method(place, values[i].astype(np.float64), acc, gyro, m.time_s[i], rate_hz)
                values[i] = values[i].copy()
                values[i][:, acc] -= gravity.astype(np.float32)
        table = trials.table.assign(gravity=np.where(m.present(), "removed", said))
        return replace(trials.with_modality(self.modality, replace(m, values=values)), table=table)

    def _method(self, gyro):
        methods = {"orientation": _by_orientation, "lowpass": _by_low_pass}
        methods["auto"] = methods["orientation" if gyro else "lowpass"]
        if self.method not in methods:
            raise GaitDataError(f"RemoveGravity(method='{self.method}') is none of auto, orientation, lowpass")
        if self.method == "orientation" and not gyro:
            raise GaitDataError(
                f"modality '{self.modality}' has no gyroscope to tell the orientation by; take method='lowpass'"
            )
        return methods[self.method]


def _by_orientation(place, values, acc, gyro, time_s, rate_hz) -> np.ndarray:
    """Gravity (frames, 3) in the frame of the sensor, by its orientation."""
    try:
        from vqf import offlineVQF
    except ImportError as error:
        raise GaitDataError("gravity by orientation needs vqf: pip install 'gaitlib[imu]'") from error
    measured, turned = (np.ascontiguousarray(values[:, columns]) for columns in (acc, gyro))
    w_first = offlineVQF(turned, measured, None, 1 / rate_hz)["quat6D"]
    up = Rotation.from_quat(w_first[:, [1, 2, 3, 0]]).apply([0.0, 0, 1], inverse=True)
    return (measured * up).sum(axis=1).mean() * up


def _by_low_pass(place, values, acc, gyro, time_s, rate_hz) -> np.ndarray:
    """Gravity (frames, 3) as what changes slowly."""
    shortest_s = PADDING_PERIODS / GRAVITY_HZ
    if len(values) <= np.ceil(shortest_s * rate_hz):
        raise GaitDataError(
            f"{place}: {len(values) / rate_hz:.3g} s are too short to tell gravity as what is slower than "
            f"{GRAVITY_HZ} Hz, which needs more than {shortest_s:.2g} s; leave this trial out, or record a gyroscope, "
            "too: RemoveGravity('orientation')"
        )
    return zero_phase(place, values[:, acc], time_s, GRAVITY_ORDER, "lowpass", GRAVITY_HZ)


def _said_of_gravity(trials) -> np.ndarray:
    """What the table says of each trial: "included", "removed", or "" where it does not say."""
    if "gravity" not in trials.table:
        return np.full(len(trials), "", dtype=object)
    said = trials.table["gravity"].fillna("").to_numpy(dtype=object)
    for trial, word in zip(trials.ids, said, strict=True):
        if word not in ("", *GRAVITY):
            raise GaitDataError(f"{trial}: the column 'gravity' says '{word}', which is none of {', '.join(GRAVITY)}")
    return said


def _has_gravity(place, acc, rate_hz) -> bool:
    """Whether accelerations hold gravity, by the half second in which they change least."""
    n = min(len(acc), max(1, round(QUIET_S * rate_hz)))
    windows = np.lib.stride_tricks.sliding_window_view(acc.astype(np.float64), n, axis=0)
    quietest = windows[windows.var(axis=2).sum(axis=1).argmin()]
    mean = np.linalg.norm(quietest.mean(axis=1))
    if REMOVED_BELOW <= mean < INCLUDED_FROM:
        raise GaitDataError(
            f"{place}: nobody can tell whether gravity is in the accelerations (where they change least they are "
            f"{mean:.2g} m/s2); say 'included' or 'removed' in the column 'gravity' of the trial table, as in "
            "TrialSet.from_arrays(..., targets={'gravity': [...]})"
        )
    return mean >= INCLUDED_FROM


class RotationInvariant(Step):
    """Replace the axes of inertial sensors by channels that are the same however the sensor is mounted.

    The lengths of acceleration, rotation rate, and of their changes in time; and the inner product of acceleration and
    rotation rate, which tells how far they point the same way. A constant rotation of the sensor turns all these
    vectors alike and so changes none of the five. Without a gyroscope two are left.

    Parameters
    ----------
    modality : str
        On one even clock (:class:`FuseSensors`).

    Raises
    ------
    GaitDataError
        On ``transform``, where the channels are others, times are missing or uneven, or a number is not finite.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> trials = TrialSet.from_arrays({"imu": [np.tile([3.0, 4, 0], (9, 1))]}, channels=["acc_x", "acc_y", "acc_z"],
    ...                               unit="m/s2", rate_hz=50, subject=["a"])
    >>> m = RotationInvariant().fit_transform(trials).modality("imu")
    >>> m.channels, m.values[0][0].tolist()
    (('acc_length_mps2', 'acc_change_mps3'), [5.0, 0.0])
    """

    def __init__(self, modality="imu"):
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        acc, gyro = _columns(m, self.modality, "RotationInvariant")
        channels = ("acc_length_mps2", "acc_change_mps3")
        if gyro:
            channels += ("gyro_length_radps", "gyro_change_radps2", "acc_along_gyro_mradps3")
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None:
                rate_hz = _rate_hz(f"{trial}, modality '{self.modality}'", m.time_s[i])
                values[i] = _invariant(values[i].astype(np.float64), acc, gyro, rate_hz)
        return trials.with_modality(self.modality, replace(m, values=values, channels=channels, unit=""))


def _invariant(values, acc, gyro, rate_hz) -> np.ndarray:
    vectors = [values[:, columns] for columns in (acc, gyro) if columns]
    changes = [rate_hz * np.gradient(vector, axis=0) for vector in vectors]
    numbers_ = [np.linalg.norm(v, axis=1) for pair in zip(vectors, changes, strict=True) for v in pair]
    if gyro:
        numbers_.append((vectors[0] * vectors[1]).sum(axis=1))
    return np.column_stack(numbers_).astype(np.float32)


def _columns(m, name, step) -> tuple[list[int], list[int]]:
    """Where the axes of the accelerometer and of the gyroscope stand; none of the latter is allowed."""
    found = [[m.channels.index(c) for c in channels if c in m.channels] for channels in (ACC_CHANNELS, GYRO_CHANNELS)]
    if len(found[0]) != 3 or len(found[1]) not in (0, 3):
        raise GaitDataError(
            f"{step} needs {', '.join(ACC_CHANNELS)} (and {', '.join(GYRO_CHANNELS)}), '{name}' has "
            f"{', '.join(m.channels)}; put FuseSensors() before it"
        )
    unit = IMU_UNIT if found[1] else ACC_UNIT
    if m.unit != unit:
        raise GaitDataError(f"{step} needs '{name}' in {unit}, not in '{m.unit}'; put it before steps that scale")
    return found[0], found[1]


def _rate_hz(place, time_s) -> float:
    if time_s is None or len(time_s) < 2:
        raise GaitDataError(f"{place}: needs 2 frames with times or more; give rate_hz= or time_s=")
    return even_rate_hz(place, time_s)
