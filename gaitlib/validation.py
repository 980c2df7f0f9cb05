"""Which training trials early stopping watches: whole subjects or whole walks, never the test fold."""

import numpy as np

from gaitlib.errors import GaitDataError

FRACTION = 0.2
TRIES = 100
FIXED_EPOCHS = "validation=None (in a protocol validation=False) for a fixed number of epochs"


def cut_validation(trials, unit: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split training trials into those that are learnt from and those that are watched.

    A fifth of the units is watched, at least one, at least two subjects where six or more train. Units are drawn
    at random; one without which a class would be missing from training is passed over.

    Parameters
    ----------
    trials : TrialSet
        Training trials with labels.
    unit : {"subject", "walk"} or None
        None watches nothing.
    seed : int

    Returns
    -------
    train, validation : ndarray of int
        Positions among the given trials.

    Raises
    ------
    GaitDataError
        If there is one unit only, or no cut leaves every class in training.
    """
    everything = np.arange(len(trials))
    if unit is None:
        return everything, everything[:0]
    if unit not in ("subject", "walk"):
        raise GaitDataError(f"validation '{unit}' is none of 'subject', 'walk', None")
    groups = trials.table[unit].to_numpy(dtype=str)
    units, unit_of = np.unique(groups, return_inverse=True)
    if len(units) < 2:
        raise GaitDataError(
            f"only one {unit} to train on, so none can be held back to stop training; "
            f"use validation='walk', or {FIXED_EPOCHS}"
        )
    fewest = 2 if unit == "subject" and len(units) >= 6 else 1
    n_watched = max(fewest, round(FRACTION * len(units)))
    classes, class_of = np.unique(trials.labels.astype(str), return_inverse=True)
    has = np.zeros((len(units), len(classes)), dtype=int)
    has[unit_of, class_of] = 1
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        watched, left = [], has.sum(axis=0)  # left: units in training with each class
        for u in rng.permutation(len(units)):
            if len(watched) < n_watched and (left > has[u]).all():
                watched.append(u)
                left = left - has[u]
        if len(watched) == n_watched:
            is_watched = np.isin(unit_of, watched)
            return everything[~is_watched], everything[is_watched]
    raise GaitDataError(
        f"no choice of {n_watched} of {len(units)} {unit}s for validation was found that leaves every class in "
        f"training; record more, or train with {FIXED_EPOCHS}"
    )
