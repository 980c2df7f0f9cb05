"""Which training trials early stopping watches: whole subjects, walks or groups, never the test fold."""

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import any_split, codes_of, first_split, units_of

FRACTION = 0.2
TRIES = 100
FIXED_EPOCHS = "validation=None (in a protocol validation=False) for a fixed number of epochs"


def cut_validation(trials, unit: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split training trials into those that are learnt from and those that are watched.

    A fifth of the units is watched, at least one. Units of whole subjects hold at least two subjects where six or more
    train. Units are drawn at random; one without which a class would be missing from training is passed over. Units
    without any label train and count for nothing here, unless no trial has one (its target is a number).

    Parameters
    ----------
    trials : TrialSet
        Training trials; a missing label is no class.
    unit : str or None
        A column of the trial table, as "subject" or "walk"; None watches nothing.
    seed : int

    Returns
    -------
    train, validation : ndarray of int
        Positions among the given trials.

    Raises
    ------
    GaitDataError
        If there is no such column, a trial has no value in it, it splits a walk, there is one unit only, or no cut
        leaves every class in training.
    """
    return ValidationCut(trials, unit).among(np.arange(len(trials)), seed)


class ValidationCut:
    """As :func:`cut_validation` for many parts of the same trials, whose columns are read once."""

    def __init__(self, trials, unit: str | None):
        self.trials = trials
        self.unit = unit
        if unit is not None:
            self._unit = codes_of(trials, unit, f"validation by {unit}")
            self._walk, self._subject = (codes_of(trials, column) for column in ("walk", "subject"))
            self._label = codes_of(trials, "label")

    def among(self, positions, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Train and validation, as positions among the given positions."""
        everything, unit = np.arange(len(positions)), self.unit
        if unit is None:
            return everything, everything[:0]
        if (self._unit[positions] < 0).any():
            units_of(self.trials[positions], unit, f"validation by {unit}")  # says who
        units, unit_of = np.unique(self._unit[positions], return_inverse=True)
        subject, walk = self._subject[positions], self._walk[positions]
        if any_split(walk, unit_of):
            split = first_split(self.trials[positions], "walk", unit)
            raise GaitDataError(
                f"validation by {unit}: walk '{split}' has trials in two groups, and would be learnt from and watched; "
                "use validation='walk'"
            )
        if len(units) < 2:
            raise GaitDataError(
                f"only one {unit} to train on, so none can be held back to stop training; "
                f"use validation='{'walk' if unit == 'subject' else 'subject'}', or {FIXED_EPOCHS}"
            )
        n_subjects = subject.max() + 1
        n_people = np.bincount(np.unique(unit_of * n_subjects + subject) // n_subjects)  # in each unit
        has = _holdings(unit_of, self._label[positions])
        told = np.flatnonzero(has[:, 1:].any(axis=1)) if has.shape[1] > 1 else np.arange(len(units))
        of_people = unit != "walk" and not any_split(subject, unit_of)
        fewest = 2 if of_people and n_people[told].sum() >= 6 else 1  # people
        n_watched = max(fewest if unit == "subject" else 1, round(FRACTION * len(told)))
        watched = _drawn(has[told], n_people[told], n_watched, fewest, seed)
        if watched is None:
            people = "" if unit in ("subject", "walk") or fewest == 1 else f", of at least {fewest} subjects,"
            raise GaitDataError(
                f"no choice of {n_watched} of {len(told)} {unit}s{people} for validation was found that leaves every "
                f"class in training; record more, or train with {FIXED_EPOCHS}"
            )
        is_watched = np.isin(unit_of, told[watched])
        return everything[~is_watched], everything[is_watched]


def _holdings(unit_of, label) -> np.ndarray:
    """What each unit (rows) has: a trial at all, and a trial of each known class (0 and 1); -1 is no class."""
    classes, label_of = np.unique(label, return_inverse=True)
    has = np.zeros((unit_of.max() + 1, len(classes)), dtype=int)
    has[unit_of, label_of] = 1
    return np.column_stack([np.ones(len(has), dtype=int), has[:, classes >= 0]])


def _drawn(has, n_people, n_watched, fewest, seed) -> list | None:
    """Units that are watched: how many of how many people; none takes the last of what it has (columns) with it."""
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        watched, people, left = [], 0, has.sum(axis=0)  # left: units in training with each class
        for u in rng.permutation(len(has)):
            if (len(watched) < n_watched or people < fewest) and (left > has[u]).all():
                watched.append(u)
                people += n_people[u]
                left = left - has[u]
        if len(watched) >= n_watched and people >= fewest:
            return watched
    return None
