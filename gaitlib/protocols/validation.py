"""Which training trials early stopping watches: whole subjects, walks or groups, never the test fold."""

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import first_split, units_of

FRACTION = 0.2
TRIES = 100
FIXED_EPOCHS = "validation=None (in a protocol validation=False) for a fixed number of epochs"


def cut_validation(trials, unit: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split training trials into those that are learnt from and those that are watched.

    A fifth of the units is watched, at least one. Units of whole subjects hold at least two subjects where six or more
    train. Units are drawn at random; one without which a class would be missing from training is passed over.

    Parameters
    ----------
    trials : TrialSet
        Training trials with labels.
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
    everything = np.arange(len(trials))
    if unit is None:
        return everything, everything[:0]
    units, unit_of = np.unique(units_of(trials, unit, f"validation by {unit}"), return_inverse=True)
    if walk := first_split(trials, "walk", unit):
        raise GaitDataError(
            f"validation by {unit}: walk '{walk}' has trials in two groups, and would be learnt from and watched; "
            "use validation='walk'"
        )
    if len(units) < 2:
        raise GaitDataError(
            f"only one {unit} to train on, so none can be held back to stop training; "
            f"use validation='{'walk' if unit == 'subject' else 'subject'}', or {FIXED_EPOCHS}"
        )
    n_people = trials.table.groupby(unit_of)["subject"].nunique().to_numpy()  # in each unit
    of_people = unit != "walk" and first_split(trials, "subject", unit) is None
    fewest = 2 if of_people and n_people.sum() >= 6 else 1  # people
    n_watched = max(fewest if unit == "subject" else 1, round(FRACTION * len(units)))
    classes, class_of = np.unique(trials.labels.astype(str), return_inverse=True)
    has = np.zeros((len(units), len(classes)), dtype=int)
    has[unit_of, class_of] = 1
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        watched, people, left = [], 0, has.sum(axis=0)  # left: units in training with each class
        for u in rng.permutation(len(units)):
            if (len(watched) < n_watched or people < fewest) and (left > has[u]).all():
                watched.append(u)
                people += n_people[u]
                left = left - has[u]
        if len(watched) >= n_watched and people >= fewest:
            is_watched = np.isin(unit_of, watched)
            return everything[~is_watched], everything[is_watched]
    people = "" if unit in ("subject", "walk") or fewest == 1 else f", of at least {fewest} subjects,"
    raise GaitDataError(
        f"no choice of {n_watched} of {len(units)} {unit}s{people} for validation was found that leaves every class in "
        f"training; record more, or train with {FIXED_EPOCHS}"
    )
