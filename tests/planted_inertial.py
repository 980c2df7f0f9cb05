"""Inertial recordings of which all is known: tones, a sensor that turns, two kinds of walk."""

import numpy as np
from scipy.spatial.transform import Rotation

import gaitlib
from gaitlib.trials.conventions import ACC_CHANNELS, ACC_UNIT, GYRO_CHANNELS, GYRO_UNIT, IMU_UNIT

G = 9.80665
CHANNELS = {"acc": ACC_CHANNELS, "gyro": GYRO_CHANNELS}
UNITS = {"acc": ACC_UNIT, "gyro": GYRO_UNIT}


def as_recorded(acc, gyro=None, gravity="included", **options):
    """Trials of (values, time_s) pairs, or of pairs and None."""
    sensors = {"acc": acc} if gyro is None else {"acc": acc, "gyro": gyro}
    n = len(acc)
    defaults = {
        "subject": [f"set/{i}" for i in range(n)],
        "targets": {"dataset": ["set"] * n, "place": [""] * n, "gravity": [gravity] * n},
        "channels": {s: CHANNELS[s] for s in sensors},
        "unit": {s: UNITS[s] for s in sensors},
        "time_s": {s: [None if pair is None else pair[1] for pair in pairs] for s, pairs in sensors.items()},
    }
    values = {s: [None if pair is None else pair[0] for pair in pairs] for s, pairs in sensors.items()}
    return gaitlib.TrialSet.from_arrays(values, **defaults | options)


def fused(values, rate_hz=50, gravity="included", channels=ACC_CHANNELS + GYRO_CHANNELS):
    """Trials with one modality "imu"."""
    return gaitlib.TrialSet.from_arrays(
        {"imu": values}, channels=channels, unit=IMU_UNIT if len(channels) == 6 else ACC_UNIT, rate_hz=rate_hz,
        subject=[f"set/{i}" for i in range(len(values))], targets={"gravity": [gravity] * len(values)},
    )  # fmt: skip


def clock(rate_hz, seconds, start_s=0.0):
    return start_s + np.arange(round(rate_hz * seconds)) / rate_hz


def three(wave):
    """The same on three axes."""
    return np.repeat(np.asarray(wave)[:, None], 3, axis=1)


def turning_sensor(seconds, swing_rad, swing_hz, linear_mps2, rate_hz=50, seed=0):
    """A sensor that swings about three axes while it is shaken: values (n, 6), and the shaking as it sees it (n, 3)."""
    rng, time_s = np.random.default_rng(seed), clock(rate_hz, seconds)
    phase = rng.uniform(0, 2 * np.pi, (2, 3))

    def rates(t):
        at_hz = 2 * np.pi * swing_hz * np.array([1, 1.13, 1.26])
        return swing_rad * at_hz * np.cos(np.multiply.outer(t, at_hz) + phase[0])

    fine = 10
    steps = rates((np.arange(len(time_s) * fine) + 0.5) / (rate_hz * fine)) / (rate_hz * fine)
    now, turned = Rotation.random(random_state=seed).as_matrix(), []
    for step in Rotation.from_rotvec(steps).as_matrix().reshape(-1, fine, 3, 3):
        turned.append(now)
        for small in step:
            now = now @ small
    to_earth = Rotation.from_matrix(np.array(turned))
    shaken = linear_mps2 * np.sin(2 * np.pi * np.multiply.outer(time_s, [1, 2, 1]) + phase[1])
    linear = to_earth.apply(shaken, inverse=True)
    acc = linear + to_earth.apply([0, 0, G], inverse=True)
    return np.hstack([acc, rates(time_s)]), linear


def two_walks(n_people=6, rate_hz=100, seconds=8, seed=0, gyro=True):
    """Slow and fast walks of some people, with gravity; a recording of each a person, the same ones at every rate."""
    rng, noise, pairs, labels = np.random.default_rng(seed), np.random.default_rng([seed, rate_hz]), [], []
    for _ in range(n_people):
        for label, hz, size in (("fast", 2.0, 2.0), ("slow", 0.8, 0.7)):
            time_s = clock(rate_hz, seconds + rng.uniform(0, 2))
            wave = np.sin(2 * np.pi * hz * time_s[:, None] + rng.uniform(0, 6, 6)) * [2, 2, 2, 0.5, 0.5, 0.5] * size
            wave += 0.1 * noise.normal(size=wave.shape)
            wave[:, 2] += G
            pairs.append((wave, time_s))
            labels.append(label)
    people = [f"set/{i // 2}" for i in range(len(pairs))]
    turns = [(v[:, 3:], t) for v, t in pairs] if gyro else None
    return as_recorded([(v[:, :3], t) for v, t in pairs], turns, subject=people, label=labels)
