"""Which training trials early stopping watches: whole subjects or whole walks, never the test fold."""

import numpy as np

from gaitlib.errors import GaitDataError

FRACTION = 0.2
TRIES = 100


def cut_validation(trials, unit: str | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split training trials into those that are learnt from and those that are watched.

    A fifth of the units is watched, at least one, at least two subjects where six or more train. Units are drawn
    at random until the trials that remain hold every class.

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
    units = np.unique(groups)
    if len(units) < 2:
        raise GaitDataError(
            f"only one {unit} to train on, so none can be held back to stop training; "
            "use validation='walk', or validation=None for a fixed number of epochs"
        )
    fewest = 2 if unit == "subject" and len(units) >= 6 else 1
    n_watched = max(fewest, round(FRACTION * len(units)))
    classes = set(trials.labels)
    rng = np.random.default_rng(seed)
    for _ in range(TRIES):
        watched = np.isin(groups, rng.permutation(units)[:n_watched])
        if set(trials.labels[~watched]) == classes:
            return everything[~watched], everything[watched]
    raise GaitDataError(
        f"no choice of {n_watched} of {len(units)} {unit}s for validation leaves every class in training; "
        "record more, or train with validation=None for a fixed number of epochs"
    )
