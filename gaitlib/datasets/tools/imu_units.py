"""What the numbers of an inertial dataset tell of their units and of gravity.

At rest an accelerometer shows gravity, 1 g or 9.8 m/s2, unless it was removed. Then only the size of the movement is
left: a body part that turns at ``w`` rad/s about a joint ``r`` away is accelerated by about ``w**2 * r``, and ``r`` is
between a hand's breadth and a body's length. Rotation rates of people seldom go beyond 35 rad/s (2000 degrees per
second, the range of most sensors). The first is as good as certain, the others are likely.
"""

from dataclasses import dataclass

import numpy as np
from scipy.constants import g as STANDARD_GRAVITY

from gaitlib.errors import GaitDataError

SCALE = {"g": STANDARD_GRAVITY, "m/s2": 1.0, "deg/s": np.pi / 180, "rad/s": 1.0}
UNITS = {"acc": ("g", "m/s2"), "gyro": ("deg/s", "rad/s")}
WINDOW_S, QUIET = 1.0, 0.1  # the share of a recording's windows that move least
REST = {"g": (0.85, 1.15), "m/s2": (8.3, 11.3)}
OTHER_UNIT = 3.0  # between 1 g and 9.8 m/s2 lies a factor of 9.8; no other factor is expected
REMOVED_BELOW = 0.35  # of the usual peaks
RAD_PEAKS, DEG_PEAKS = (1.0, 35.0), 70.0  # .999 quantile
RADIUS_M = (0.12, 100.0)  # shorter: rather g; a radius beyond the last, or below its inverse, is impossible
NO_G_BEYOND, NO_MS2_BELOW = 8.0, 1.0  # peaks without gravity, .99 quantile


@dataclass(frozen=True)
class Found:
    """What was found, "" where the numbers do not tell, and by what.

    Attributes
    ----------
    units : dict of str to str
        By sensor.
    gravity : str
        "included", "removed" or "".
    rest : float
        Length of the acceleration where the sensor moves least, as recorded; the median over the recordings.
    peaks : dict of str to float
        .99 quantile of the length of the movement's acceleration; .999 of that of the rotation rate.
    evidence : dict of str to str
        In words, by sensor.
    """

    units: dict[str, str]
    gravity: str
    rest: float
    peaks: dict[str, float]
    evidence: dict[str, str]


def find_units(recordings) -> Found:
    """What the recordings of one dataset tell, see :mod:`gaitlib.datasets.tools.imu_units`.

    Parameters
    ----------
    recordings : list of Recording
    """
    rest = float(np.median([_rest(r) for r in recordings]))
    unit = next((u for u, (low, high) in REST.items() if low <= rest <= high), "")
    every = np.concatenate([_length(r.values["acc"]) for r in recordings])
    peak = float(np.quantile(np.abs(every - rest), 0.99))
    gravity = "included" if unit else "removed" if rest < REMOVED_BELOW * peak else ""
    units, peaks, evidence = {"acc": unit}, {"acc": peak}, {"acc": f"at rest its length is {rest:.3g}"}
    turning = [_length(r.values["gyro"]) for r in recordings if "gyro" in r.values]
    if turning:
        peaks["gyro"] = float(np.quantile(np.concatenate(turning), 0.999))
        low, high = RAD_PEAKS
        units["gyro"] = "rad/s" if low <= peaks["gyro"] <= high else "deg/s" if peaks["gyro"] >= DEG_PEAKS else ""
        evidence["gyro"] = f"peaks of {peaks['gyro']:.3g}"
    if gravity == "removed":
        units["acc"] = _unit_by_peaks(peak, peaks.get("gyro"), units.get("gyro"), evidence)
    return Found(units, gravity, rest, peaks, evidence)


def _unit_by_peaks(peak, gyro_peak, gyro_unit, evidence) -> str:
    """The unit of an acceleration without gravity."""
    evidence["acc"] += f", peaks of {peak:.3g}"
    if peak > NO_G_BEYOND or peak < NO_MS2_BELOW:
        return "m/s2" if peak > NO_G_BEYOND else "g"
    if not gyro_unit:
        return ""
    radius_m = peak / (gyro_peak * SCALE[gyro_unit]) ** 2
    evidence["acc"] += f"; as m/s2 they would belong to turns of radius {radius_m:.2g} m"
    return "g" if radius_m < RADIUS_M[0] else "m/s2"


def check_told(dataset: str, told: dict[str, str], found: Found) -> None:
    """Refuse units that the numbers contradict by far.

    Raises
    ------
    GaitDataError
        Naming the evidence.
    """
    why = ""
    acc, gyro = told["acc"], told.get("gyro")
    if found.gravity == "included" and acc != found.units["acc"]:
        sensor, why = "acc", found.evidence["acc"]
    elif gyro == "rad/s" and found.units["gyro"] == "deg/s":
        sensor, why = "gyro", found.evidence["gyro"]
    elif gyro:
        peak_rad = found.peaks["gyro"] * SCALE[gyro]
        radius_m = found.peaks["acc"] * SCALE[acc] / max(peak_rad, 1e-9) ** 2
        if radius_m > RADIUS_M[1]:
            sensor, why = "gyro", f"{found.evidence['gyro']} beside accelerations of {found.peaks['acc']:.3g} {acc}"
    if why:
        raise GaitDataError(
            f"{dataset}: '{told[sensor]}' cannot be the unit of '{sensor}' ({why}); its numbers look like "
            f"'{found.units[sensor] or 'another unit'}': give that in units="
        )


def refuse_other_unit(name: str, recording, found: Found) -> None:
    """Refuse a recording whose gravity is in another unit than that of its dataset.

    Raises
    ------
    GaitDataError
        Naming both.
    """
    if found.gravity != "included":
        return
    rest = _rest(recording)
    if not 1 / OTHER_UNIT < rest / found.rest < OTHER_UNIT:
        raise GaitDataError(
            f"{name}: at rest its acceleration has a length of {rest:.3g}, where the dataset has {found.rest:.3g} "
            f"({found.units['acc']}): another unit, or no gravity; convert the file or give it a dataset of its own"
        )


def _length(values) -> np.ndarray:
    return np.sqrt(np.einsum("...i,...i", values, values, dtype=np.float64))


def _rest(recording) -> float:
    """Length of the mean acceleration of a recording's windows, the median of those in which its length changes least.

    What moves to and fro cancels out in the mean of a window, gravity does not.
    """
    acc = recording.values["acc"].astype(np.float64)
    n = min(max(int(WINDOW_S * recording.rate_hz), 2), len(acc))
    windows = acc[: len(acc) // n * n].reshape(-1, n, 3)
    spreads = _length(windows).std(axis=1)
    return float(np.median(_length(windows.mean(axis=1))[spreads <= np.quantile(spreads, QUIET)]))
