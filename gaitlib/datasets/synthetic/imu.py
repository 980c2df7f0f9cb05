"""Openly synthetic recordings of inertial sensors on people who walk, run, climb stairs or stand.

A body part moves and turns by a few harmonics of the stride; what a sensor on it measures follows from that by
mechanics, so that acceleration, rotation and gravity belong together. Sizes are of the order that real sensors show,
not fitted to them. Made to exercise models and protocols; nothing measured on them says anything about people.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.constants import g as STANDARD_GRAVITY
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from gaitlib.datasets.imu_recordings import SYNTHETIC_NAME
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import ACC_CHANNELS, ACC_UNIT, GYRO_CHANNELS, GYRO_UNIT
from gaitlib.trials.modality import Modality, object_array

STRIDE_HZ = 0.9
HARMONICS = 4
COURSES = ("roll", "pitch", "yaw", "forward", "side", "up")  # angles about forward, side and up; then positions
# Of a walk, by harmonic of the stride: size (degrees or metres) and phase (cycles).
FOOT = {
    "roll": {1: (6, 0.2), 2: (3, 0.0)}, "pitch": {1: (32, 0.1), 2: (18, 0.35), 3: (7, 0.6)},
    "yaw": {1: (5, 0.4), 2: (2, 0.1)}, "forward": {1: (0.28, 0.0), 2: (0.06, 0.3), 3: (0.01, 0.5)},
    "side": {1: (0.02, 0.1)}, "up": {1: (0.045, 0.25), 2: (0.025, 0.5), 4: (0.002, 0.1)},
}  # fmt: skip
WAIST = {
    "roll": {1: (4, 0.0), 3: (1, 0.2)}, "pitch": {2: (2, 0.1)}, "yaw": {1: (6, 0.2)},
    "forward": {2: (0.01, 0.3), 4: (0.002, 0.1)}, "side": {1: (0.02, 0.25), 3: (0.002, 0.0)},
    "up": {1: (0.002, 0.6), 2: (0.02, 0.0), 4: (0.003, 0.3)},
}  # fmt: skip
WRIST = {
    "roll": {1: (6, 0.3)}, "pitch": {1: (22, 0.5), 2: (5, 0.1)}, "yaw": {1: (8, 0.2)},
    "forward": {1: (0.15, 0.5), 2: (0.03, 0.2)}, "side": {1: (0.02, 0.0)},
    "up": {1: (0.03, 0.2), 2: (0.025, 0.4), 4: (0.002, 0.2)},
}  # fmt: skip
IMPACT_MPS2, IMPACT_HZ, IMPACT_S = 6.0, 12.0, 0.05  # of a strike: size at the foot, ringing, decay

# The knobs of difficulty, all SDs.
PERSON = {"size": 0.25, "pace": 0.08, "phase": 0.04}  # of the log of every harmonic and of the pace, cycles
WALK = {"size": 0.12, "pace": 0.05, "phase": 0.015}  # the same from recording to recording
SWAY_DEG, SWAY_M = 1.5, 0.01
MOUNTING_DEG = 15.0
NOISE = {"acc": 0.05, "gyro": 0.01}  # of each sample, and of the offset of a recording; m/s2, rad/s


@dataclass(frozen=True)
class Sensor:
    """Where a dataset's sensor is, and what it gives."""

    place: str
    rate_hz: float
    gravity: str
    motion: dict
    impact: float  # share of that at the foot
    strikes: int  # felt in a stride


DATASETS = {
    "synthetic_foot": Sensor("left foot", 100.0, "removed", FOOT, 1.0, 1),
    "synthetic_waist": Sensor("waist", 200.0, "included", WAIST, 0.3, 2),
    "synthetic_wrist": Sensor("wrist", 50.0, "included", WRIST, 0.2, 2),
}


@dataclass(frozen=True)
class Activity:
    """How an activity differs from a walk, in logs: pace, size of angles, positions, rise and impacts; how uneven."""

    pace: float = 0.0
    angles: float = 0.0
    positions: float = 0.0
    rise: float = 0.0
    impact: float = 0.0
    uneven: float = 0.0


ACTIVITIES = {
    "walking": Activity(),
    "running": Activity(pace=0.4, angles=0.25, positions=0.1, rise=0.4, impact=0.9),
    "stairs": Activity(pace=-0.12, angles=-0.1, positions=-0.2, rise=0.45, impact=-0.3),
    "standing": Activity(angles=-4.0, positions=-4.0, rise=-4.0, impact=-6.0),
    "healthy": Activity(),
    "impaired": Activity(pace=-0.1, angles=-0.25, positions=-0.15, impact=-0.3, uneven=0.55),
}
CONDITIONS = ("healthy", "impaired")  # a person has one of them


def synthetic_imu(
    n_subjects=12, datasets=tuple(DATASETS), activities=("walking", "running", "stairs", "standing"), n_recordings=2,
    seconds=10.0, signature=1.0, class_effect=1.0, seed=0,
) -> TrialSet:  # fmt: skip
    """Make synthetic recordings of an accelerometer and a gyroscope.

    Parameters
    ----------
    n_subjects : int
        Of each dataset; they are different people. A smaller set is exactly a part of a larger one.
    datasets : sequence of {"synthetic_foot", "synthetic_waist", "synthetic_wrist"}
        Each with its place on the body, its rate (100, 200 and 50 Hz), gravity removed (foot) or included, and its way
        of mounting the sensor.
    activities : sequence of {"walking", "running", "stairs", "standing", "healthy", "impaired"}
        The labels. Of "healthy" and "impaired" (both walks; one uneven, slower and softer) a person has one.
    n_recordings : int
        Of each activity by each person.
    seconds : float
        Length of a recording.
    signature : float
        How much people differ. 0 makes clones.
    class_effect : float
        How much activities differ. 0: all are walks, and nothing can be told.
    seed : int
        The same seed gives the same trials.

    Returns
    -------
    TrialSet
        As :func:`gaitlib.load_imu` gives it: modalities "acc" (m/s2) and "gyro" (rad/s), columns ``dataset``,
        ``place``, ``rate_hz`` and ``gravity``. The name says that they are synthetic.

    Raises
    ------
    GaitDataError
        If nobody moves, or a dataset or an activity is not known.

    Examples
    --------
    >>> trials = synthetic_imu(n_subjects=2, datasets=["synthetic_waist"], n_recordings=1, seconds=2)
    >>> len(trials), trials.ids[0], trials.modality("acc").values[0].shape
    (8, 'synthetic_waist/p01_running1', (400, 3))
    """
    _check(n_subjects, datasets, activities, n_recordings, seconds)
    made = [
        _recording(dataset, person, activity, number, seconds, signature, class_effect, seed)
        for dataset in sorted(datasets)
        for person in range(1, n_subjects + 1)
        for activity in sorted(activities)
        if activity not in CONDITIONS or activity == _condition(person, activities)
        for number in range(1, n_recordings + 1)
    ]
    times = object_array([np.arange(len(acc)) / row["rate_hz"] for row, acc, _ in made])
    frames = object_array([np.arange(len(acc)) for _, acc, _ in made])
    acc = Modality("sequence", ACC_CHANNELS, ACC_UNIT, object_array([acc for _, acc, _ in made]), frames, times)
    gyro = Modality("sequence", GYRO_CHANNELS, GYRO_UNIT, object_array([gyro for *_, gyro in made]), frames, times)
    name = f"{SYNTHETIC_NAME} ({', '.join(sorted(datasets))})"
    return TrialSet(pd.DataFrame([row for row, *_ in made]), {"acc": acc, "gyro": gyro}, name)


def _check(n_subjects, datasets, activities, n_recordings, seconds) -> None:
    if n_subjects < 1 or n_recordings < 1 or not seconds >= 1:
        raise GaitDataError(
            f"at least one subject, one recording and one second, not {n_subjects}, {n_recordings} and {seconds}"
        )
    for what, given, known in (("dataset", datasets, DATASETS), ("activity", activities, ACTIVITIES)):
        if isinstance(given, str) or not len(given) or len(set(given)) < len(given) or set(given) - set(known):
            raise GaitDataError(f"expected a list of one {what} or more, each once, of {', '.join(known)}; not {given}")


def _condition(person: int, activities) -> str:
    there = [c for c in CONDITIONS if c in activities]
    return there[person % len(there)]


def _recording(
    dataset, person, activity, number, seconds, signature, class_effect, seed
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Row of the table, acceleration and rotation rate (samples, 3) of one recording.

    Each dataset, person and recording has a generator of its own, so that a smaller set is a part of a larger one.
    """
    sensor, d, a = DATASETS[dataset], list(DATASETS).index(dataset), list(ACTIVITIES).index(activity)
    own = _deviation(np.random.default_rng([seed, d, person]), PERSON, signature)
    rng = np.random.default_rng([seed, d, person, a, number])
    sizes, phases, pace = (
        of_person + of_walk for of_person, of_walk in zip(own, _deviation(rng, WALK, 1.0), strict=True)
    )
    way = ACTIVITIES[activity]
    n = round(seconds * sensor.rate_hz)
    hertz = STRIDE_HZ * np.exp(pace + class_effect * way.pace)
    wander = gaussian_filter1d(rng.normal(size=n), sensor.rate_hz) * np.sqrt(sensor.rate_hz)
    cycles = rng.random() + np.cumsum(hertz * (1 + 0.03 * wander)) / sensor.rate_hz
    courses = _courses(sensor, cycles, sizes + class_effect * _change(way, sensor), phases)
    courses += _sway(n, sensor.rate_hz, rng)
    force = np.gradient(np.gradient(courses[:, 3:], axis=0), axis=0) * sensor.rate_hz**2
    force[:, 2] += _impacts(sensor, cycles, hertz, np.exp(class_effect * way.impact + sizes[-1, 0]))
    if sensor.gravity == "included":
        force[:, 2] += STANDARD_GRAVITY
    mounted = Rotation.random(random_state=np.random.default_rng([seed, d])) * Rotation.from_rotvec(
        np.deg2rad(MOUNTING_DEG) * rng.normal(size=3)
    )
    turned = Rotation.from_euler("xyz", np.deg2rad(courses[:, :3])) * mounted
    rates = (turned[:-1].inv() * turned[1:]).as_rotvec() * sensor.rate_hz
    measured = {"acc": turned.inv().apply(force), "gyro": np.concatenate([rates, rates[-1:]])}
    acc, gyro = (
        (values + NOISE[s] * (rng.normal(size=3) + rng.normal(size=(n, 3)))).round(5).astype(np.float32)
        for s, values in measured.items()
    )
    subject = f"p{person:02d}"
    trial = f"{dataset}/{subject}_{activity}{number}"
    return {
        "trial": trial, "subject": f"{dataset}/{subject}", "walk": trial, "label": activity, "source": "",
        "dataset": dataset, "place": sensor.place, "rate_hz": sensor.rate_hz, "gravity": sensor.gravity,
    }, acc, gyro  # fmt: skip


def _deviation(rng, spread, factor) -> tuple[np.ndarray, np.ndarray, float]:
    """Of the logs of sizes and of phases (courses, harmonics), and of the log of the pace."""
    shape = len(COURSES), HARMONICS
    sizes, phases = (factor * spread[what] * rng.normal(size=shape) for what in ("size", "phase"))
    return sizes, phases, factor * spread["pace"] * rng.normal()


def _change(way: Activity, sensor: Sensor) -> np.ndarray:
    """What an activity adds to the logs of the sizes (courses, harmonics)."""
    change = np.full((len(COURSES), HARMONICS), way.positions)
    change[:3], change[-1] = way.angles, way.rise or way.positions
    if sensor.place == "waist":  # both steps would be alike: odd harmonics tell one leg from the other
        change[:, ::2] += way.uneven
    else:  # a limb shows it in the shape of its own curve
        change[:, 1] -= way.uneven
    return change


def _courses(sensor: Sensor, cycles, logs, phases) -> np.ndarray:
    """Angles (degrees) and positions (m) over time (samples, 6)."""
    out = np.zeros((len(cycles), len(COURSES)))
    for c, course in enumerate(COURSES):
        for k, (size, phase) in sensor.motion[course].items():
            at = k * cycles + phase + k * phases[c, k - 1]
            out[:, c] += size * np.exp(logs[c, k - 1]) * np.sin(2 * np.pi * at)
    return out


def _sway(n, rate_hz, rng) -> np.ndarray:
    """Slow movement of a body that never stands quite still (samples, 6)."""
    slow = gaussian_filter1d(rng.normal(size=(n, len(COURSES))), rate_hz / 2, axis=0) * np.sqrt(rate_hz)
    return slow * np.repeat([SWAY_DEG, SWAY_M], 3)


def _impacts(sensor: Sensor, cycles, hertz, factor) -> np.ndarray:
    """The ringing of the body after each strike, upwards, m/s2 (samples,)."""
    since_s = (sensor.strikes * cycles % 1) / (sensor.strikes * hertz)
    ringing = np.exp(-since_s / IMPACT_S) * np.cos(2 * np.pi * IMPACT_HZ * since_s)
    return IMPACT_MPS2 * sensor.impact * factor * ringing
