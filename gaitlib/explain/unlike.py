"""How far a new recording lies from those that a model learnt from."""

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import Frames


def distance_from_learnt(classifier, trials) -> pd.DataFrame:
    """How many standard deviations the values of trials lie from the mean of the training trials.

    The root mean square over frames and channels of what the model's own ``Frames(StandardScaler())`` makes of them:
    of the training trials together it is 1. Channels that never changed in training are left out. Far from 1 a model
    was never tested; near 1 nothing is proved, as values may be usual one by one and strange together.

    Parameters
    ----------
    classifier : GaitClassifier or GaitRegressor
        Fitted.
    trials : TrialSet

    Returns
    -------
    pandas.DataFrame
        One row a trial: ``trial``, ``distance`` (SD), ``furthest`` (the channel) and ``furthest_distance`` (SD).

    Raises
    ------
    GaitDataError
        If no step scales a modality of these trials so.
    """
    scaled, step = _scaled(classifier, trials)
    m, changes = scaled.modality(step.modality), step.transformer_.var_ > 0
    places = pd.Index(trials.ids).get_indexer(scaled.ids)
    squares = np.zeros((len(trials), changes.sum()))
    for i in range(len(trials)):
        own = [np.atleast_2d(m.values[k])[:, changes] for k in np.flatnonzero(places == i) if m.values[k] is not None]
        squares[i] = np.square(np.concatenate(own), dtype=float).mean(axis=0) if own else np.nan
    furthest = np.nan_to_num(squares).argmax(axis=1)
    return pd.DataFrame(
        {
            "trial": trials.ids,
            "distance": np.sqrt(squares.mean(axis=1)),
            "furthest": np.array(m.channels)[changes][furthest],
            "furthest_distance": np.sqrt(squares[np.arange(len(trials)), furthest]),
        }
    )


def _scaled(classifier, trials):
    """The trials behind the first step that standardises, and this step."""
    for step in classifier.steps_:
        if step in (None, "passthrough"):
            continue
        trials = step.transform(trials)
        if isinstance(step, Frames) and isinstance(step.transformer_, StandardScaler):
            return trials, step
    raise GaitDataError("no step of this model is Frames(StandardScaler()), which would tell how far trials lie")
