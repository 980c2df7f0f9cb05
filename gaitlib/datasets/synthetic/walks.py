"""Openly synthetic walks in the layout of the Azure Kinect and pressure recordings.

Six gaits by their textbook markers, people who differ, a sensor with noise and missed frames. Made to exercise models
and protocols where no recordings are at hand; nothing measured on them says anything about patients.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from gaitlib.datasets.synthetic.body import Body
from gaitlib.datasets.synthetic.footprints import COLUMNS, Sole, footprints_on_plate, pressure_image
from gaitlib.datasets.synthetic.gait_styles import NORMAL, WALK_SPREAD, Style, deviation, gait_style, own_style
from gaitlib.datasets.synthetic.walker import Walker, plan_steps
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, GAITS, mirror_map, skeleton_channels
from gaitlib.trials.modality import Modality, object_array

RATE_HZ, JITTER_S = 30.0, 0.004
ROWS_RANGE = (100, 180)  # rows of a file, whatever the gait
MISSED_RANGE = (0.06, 0.18)  # share of the frames that the sensor missed
NOISE_M = {"trunk": 0.005, "limbs": 0.007, "ends": 0.011}  # SD
LIMBS = ("knee", "ankle", "elbow", "head")
ENDS = ("foot", "wrist", "hand", "hand_tip", "thumb", "nose", "eye", "ear")
NOISE_SD_M = np.array([
    NOISE_M["ends" if joint.endswith(ENDS) else "limbs" if joint.endswith(LIMBS) else "trunk"]
    for joint in AZURE_KINECT_JOINTS
])  # fmt: skip
SMOOTH_FRAMES = 4.0  # SD of the window of the smooth half of the noise
CHANNELS = skeleton_channels(AZURE_KINECT_JOINTS)


@dataclass(frozen=True, eq=False)
class Walk:
    """The exact truth of one synthetic walk.

    Attributes
    ----------
    subject, gait : str
    number : int
        From 1.
    affected_side : {"left", "right"}
    time_s : ndarray (frames,)
        Of the frames that the sensor caught.
    frames : ndarray of int (frames,)
    positions : ndarray (frames, 32, 3)
        Metres, without sensor noise.
    heel_strike_s, toe_off_s : dict of str to ndarray
        By side; those within the recording.
    cadence_steps_per_min, speed_mps, step_width_m : float
    step_length_m, stance_share : dict of str to float
        By side: the step that ends with that side's heel strike; the share of the stride that the foot stands.
    """

    subject: str
    gait: str
    number: int
    affected_side: str
    time_s: np.ndarray
    frames: np.ndarray
    positions: np.ndarray
    heel_strike_s: dict[str, np.ndarray]
    toe_off_s: dict[str, np.ndarray]
    cadence_steps_per_min: float
    step_length_m: dict[str, float]
    step_width_m: float
    speed_mps: float
    stance_share: dict[str, float]


def synthetic_trials(n_subjects=12, n_walks=5, signature=1.0, class_effect=1.0, seed=0) -> TrialSet:
    """Make synthetic walks of six gaits: skeleton and plantar pressure.

    Parameters
    ----------
    n_subjects, n_walks : int
        ``n_walks`` of each gait by each subject. A smaller set is exactly a part of a larger one.
    signature : float
        How much people differ: in build, in general style, and in how each performs each gait. 0 makes clones.
    class_effect : float
        How much the gaits differ in the same way for everybody. 0: everybody walks normally, each "gait" in a way of
        their own that tells nothing about a new person.
    seed : int
        The same seed gives the same trials.

    Returns
    -------
    TrialSet
        Modality "skeleton": 32 Azure Kinect joints, metres, nominally 30 Hz with missing frames; modality "pressure":
        images of 128 x 48 raw integers, row 0 walked over first. The name says that they are synthetic.

    Raises
    ------
    GaitDataError
        If there is nobody to walk.

    Examples
    --------
    >>> trials = synthetic_trials(n_subjects=2, n_walks=1)
    >>> len(trials), trials.modality("skeleton").unit, trials.modality("pressure").values[0].shape
    (12, 'm', (128, 48))
    """
    rows, values, times, frames, images = [], [], [], [], []
    for walk, walker, person, rng in _walks(n_subjects, n_walks, signature, class_effect, seed):
        trial = f"{walk.subject}/{walk.gait}/{walk.number:02d}"
        noisy = walk.positions + _sensor_noise(walk.frames, rng)
        values.append((noisy.reshape(len(noisy), -1).round(6) + 0.0).astype(np.float32))  # no -0.0
        times.append(walk.time_s)
        frames.append(walk.frames)
        footprints = footprints_on_plate(walker, walk.time_s[-1] / 2, person.affected, rng)
        images.append(pressure_image(footprints, person.sole, rng))
        rows.append({"trial": trial, "subject": walk.subject, "walk": trial, "label": walk.gait, "source": ""})
    columns = tuple(f"column_{c:02d}" for c in range(COLUMNS))
    skeleton = Modality("sequence", CHANNELS, "m", object_array(values), object_array(frames), object_array(times))
    pressure = Modality("image", columns, "raw", object_array(images))
    name = f"SYNTHETIC walks, {n_subjects} subject{'s' * (n_subjects > 1)}"
    return TrialSet(pd.DataFrame(rows), {"skeleton": skeleton, "pressure": pressure}, name)


def synthetic_walks(n_subjects=12, n_walks=5, signature=1.0, class_effect=1.0, seed=0):
    """The exact truth behind :func:`synthetic_trials`, walk by walk in the same order.

    Parameters as there.

    Yields
    ------
    Walk

    Examples
    --------
    >>> walk = next(synthetic_walks(n_subjects=1, n_walks=1))
    >>> walk.gait, walk.positions.shape[1:]
    ('normal', (32, 3))
    """
    for walk, *_ in _walks(n_subjects, n_walks, signature, class_effect, seed):
        yield walk


@dataclass(frozen=True)
class _Person:
    name: str
    affected: int  # side: -1 left, 1 right
    body: Body
    sole: Sole
    style: Style


def _walks(n_subjects, n_walks, signature, class_effect, seed):
    """Walk, its Walker, its person and the generator that goes on with the sensors.

    Each person, gait of a person and walk has a generator of its own, so that a smaller set is a part of a larger one.
    """
    if n_subjects < 1 or n_walks < 1:
        raise GaitDataError(f"at least one subject and one walk, not {n_subjects} and {n_walks}")
    for s in range(1, n_subjects + 1):
        person = _person(f"subject{s:02d}", np.random.default_rng([seed, s]), signature)
        for g, gait in enumerate(GAITS, start=1):
            added = gait_style(gait, np.random.default_rng([seed, s, g]), signature, class_effect)
            for w in range(1, n_walks + 1):
                rng = np.random.default_rng([seed, s, g, w])
                style = NORMAL + person.style + added + deviation(rng, WALK_SPREAD)
                yield (*_walk(person, gait, w, style, rng), person, rng)


def _person(name, rng, signature) -> _Person:
    affected = -1 if rng.random() < 0.5 and signature > 0 else 1
    stature_m = 1.72 + signature * rng.normal(0, 0.08)
    body = Body.of(stature_m, 1 + signature * rng.normal(0, 0.03, 12))
    load, arch, forefoot = np.exp(signature * rng.normal(0, [0.12, 0.3, 0.12]))
    return _Person(name, affected, body, Sole(0.152 * stature_m, load, arch, forefoot), own_style(rng, signature))


def _walk(person, gait, number, style, rng) -> tuple[Walk, Walker]:
    n_rows = int(rng.integers(*ROWS_RANGE, endpoint=True))
    missed = 1 + rng.choice(n_rows - 2, int(n_rows * rng.uniform(*MISSED_RANGE)), replace=False)
    frames = np.setdiff1d(np.arange(n_rows), missed)
    time_s = np.arange(n_rows) / RATE_HZ + rng.uniform(-JITTER_S, JITTER_S, n_rows)
    time_s = (time_s - time_s[0])[frames].round(3)
    walker = Walker(style, person.body, plan_steps(style, person.body, n_rows / RATE_HZ, rng))
    positions = walker.positions(time_s)
    if person.affected == -1:
        order, sign = mirror_map(CHANNELS)
        positions = (positions.reshape(len(positions), -1)[:, order] * sign).reshape(positions.shape)
    positions[..., 1] += rng.uniform(-1.5, -0.5) - positions[0, 0, 1]
    heading = Rotation.from_euler("z", rng.normal(0, 2), degrees=True)
    positions = positions @ heading.as_matrix().T + [rng.normal(0, 0.12), 0, 0]
    truth = _truth(person, walker, time_s[-1])
    return Walk(person.name, gait, number, time_s=time_s, frames=frames, positions=positions, **truth), walker


def _truth(person, walker, end_s) -> dict:
    """Events and averages of a walk, in the fields of Walk."""
    steps = walker.steps
    affected, other = ("left", "right") if person.affected == -1 else ("right", "left")
    sides = {"affected": affected, "other": other}
    starts, place = steps.strike_s["affected"], steps.place_m
    rows = np.flatnonzero((starts > starts[0]) & (starts < end_s) & (np.append(starts[1:], np.inf) > 0))
    stride_s = float(np.diff(starts)[rows].mean())
    stride_m = float(np.diff(place["affected"])[rows].mean())
    stance_s = {leg: (steps.off_s[leg] - times[:-1])[rows].mean() for leg, times in steps.strike_s.items()}
    length_m = {
        "affected": (place["affected"][rows] - place["other"][rows - 1]).mean(),
        "other": (place["other"][rows] - place["affected"][rows]).mean(),
    }

    def within(times):
        return times[(times >= 0) & (times <= end_s)]

    return {
        "affected_side": affected,
        "heel_strike_s": {sides[leg]: within(times) for leg, times in steps.strike_s.items()},
        "toe_off_s": {sides[leg]: within(times) for leg, times in steps.off_s.items()},
        "cadence_steps_per_min": 120 / stride_s,
        "step_length_m": {sides[leg]: float(metres) for leg, metres in length_m.items()},
        "step_width_m": walker.style.time("width_m"),
        "speed_mps": stride_m / stride_s,
        "stance_share": {sides[leg]: float(seconds / stride_s) for leg, seconds in stance_s.items()},
    }


def _sensor_noise(frames, rng) -> np.ndarray:
    """Noise (frames, 32, 3), half of its variance white and half smooth."""
    shape = (frames[-1] + 1, *NOISE_SD_M.shape, 3)
    smooth = gaussian_filter1d(rng.normal(size=shape), SMOOTH_FRAMES, axis=0)
    smooth *= np.sqrt(2 * SMOOTH_FRAMES * np.sqrt(np.pi))  # back to a variance of 1
    return (NOISE_SD_M[:, None] * np.sqrt(0.5) * (smooth + rng.normal(size=shape)))[frames]
