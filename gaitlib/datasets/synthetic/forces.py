"""Synthetic ground-reaction forces in the layout of the clinical set, to try the study without data."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array

CLASSES = ("healthy", "ankle", "knee", "hip")
FEET, AXES = ("affected", "unaffected"), ("fore_aft", "medio_lateral", "vertical")
CHANNELS = tuple(f"{foot}_{axis}" for foot in FEET for axis in AXES)
N_POINTS = 101

# A stance as eight numbers: heights of the two vertical peaks and of the valley between them (body weights), braking,
# propulsion, push to the side, and how early (percent of stance) the first and the second peak come.
NORMAL = np.array([1.08, 1.10, 0.75, 0.18, 0.20, 0.05, 23.0, 77.0])
BETWEEN_PEOPLE = np.array([0.05, 0.05, 0.06, 0.03, 0.03, 0.012, 2.0, 2.0])
BETWEEN_TRIALS = np.array([0.02, 0.02, 0.02, 0.01, 0.01, 0.004, 0.7, 0.7])
AFFECTED = {  # what a class changes under the affected foot; the other foot gets a fifth of it
    "healthy": np.zeros(8),
    "ankle": np.array([-0.02, -0.12, 0.06, -0.01, -0.08, 0.0, 0.0, -3.0]),
    "knee": np.array([-0.08, -0.05, 0.14, -0.06, -0.03, 0.0, 3.0, -1.0]),
    "hip": np.array([-0.10, -0.03, 0.08, -0.04, -0.04, 0.015, 2.0, 0.0]),
}


def synthetic_forces(n_subjects=24, n_repetitions=5, seed=0) -> TrialSet:
    """Make synthetic ground-reaction forces of both feet over the stance phase.

    People differ in how they load their feet, disorders lower and flatten the curves of the affected foot, and trials
    of a person differ a little. The effects are set by hand: nothing about patients can be learnt from them.

    Parameters
    ----------
    n_subjects : int
        At least four: they are dealt to the four classes in turn.
    n_repetitions : int
        Trials of each.
    seed : int

    Returns
    -------
    TrialSet
        As the clinical set gives it: modality "grf", (101, 6), body weights; columns ``repetition`` and ``disorder``.

    Examples
    --------
    >>> trials = synthetic_forces(n_subjects=4, n_repetitions=2)
    >>> trials.classes, trials.modality("grf").values[0].shape
    (['ankle', 'healthy', 'hip', 'knee'], (101, 6))
    """
    if n_subjects < len(CLASSES) or n_repetitions < 1:
        raise GaitDataError(f"at least 4 subjects and 1 repetition, not {n_subjects} and {n_repetitions}")
    rng = np.random.default_rng(seed)
    rows, values = [], []
    for s in range(1, n_subjects + 1):
        subject, name = f"subject{s:03d}", CLASSES[s % len(CLASSES)]
        person = NORMAL + BETWEEN_PEOPLE * rng.normal(size=8)
        severity = rng.uniform(0.5, 1.5)
        feet = [person + share * severity * AFFECTED[name] + 0.3 * BETWEEN_PEOPLE * rng.normal(size=8)
                for share in (1.0, 0.2)]  # fmt: skip
        for r in range(1, n_repetitions + 1):
            curves = [_stance(foot + BETWEEN_TRIALS * rng.normal(size=8)) for foot in feet]
            values.append(np.concatenate(curves, axis=1).astype(np.float32))
            trial = f"{subject}/{r}"
            rows.append({"trial": trial, "subject": subject, "walk": trial, "label": name, "source": "",
                         "repetition": r, "disorder": "healthy" if name == "healthy" else "disorder"})  # fmt: skip
    frames = object_array([np.arange(N_POINTS) for _ in values])
    times = object_array([None] * len(values))
    grf = Modality("sequence", CHANNELS, "body weights", object_array(values), frames, times)
    return TrialSet(pd.DataFrame(rows), {"grf": grf}, f"SYNTHETIC ground-reaction forces, {n_subjects} subjects")


def _stance(numbers) -> np.ndarray:
    """Fore-aft, medio-lateral and vertical force over the stance, (101, 3)."""
    first, second, valley, braking, propulsion, side, early, late = numbers
    percent = np.arange(N_POINTS, dtype=float)
    ends = np.clip(percent / 12, 0, 1) * np.clip((100 - percent) / 12, 0, 1)  # weight comes and goes in an eighth
    heights = np.interp(percent, [0, early, (early + late) / 2, late, 100], [first, first, valley, second, second])
    smooth = np.convolve(np.pad(heights, 8, "edge"), np.hanning(17) / np.hanning(17).sum(), "valid")
    vertical = smooth * np.sin(np.pi / 2 * ends) ** 2
    along = np.where(percent < 50, -braking, propulsion) * np.abs(np.sin(2 * np.pi * percent / 100))
    return np.column_stack([along, side * ends, vertical])
