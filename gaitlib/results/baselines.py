"""What can be said of a head without any signal: baselines on the same folds, in the layout of predictions."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.targets import as_labels, classes_of

TRAINING_MEAN = "mean of the training people"
TRAINING_MEDIAN = "median of the training people"
SAME_SEGMENT = "same stimulus segment, training people"
FIRST_MINUTES = "own first {:g} minutes (known)"
PREVIOUS = "own previous true value (known)"
KNOWS_THE_PERSON = "(known)"  # in the name of what is told true values of the tested person


def without_first_minutes(predictions, trials, minutes: float) -> pd.DataFrame:
    """Predictions without the trials that a baseline learns a person's own mean from: they leave every row of a table.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row a trial with ``trial``.
    trials : TrialSet
        Its table has ``start_s``, as :func:`baseline_predictions` says.
    minutes : float

    Raises
    ------
    GaitDataError
        If the table has no such column, or nothing is left.
    """
    early = trials.ids[_starts(trials) < 60 * minutes]
    left = predictions[~predictions["trial"].isin(early)]
    if len(predictions) and left.empty:
        raise GaitDataError(f"all tested trials start in the first {minutes:g} minutes; take fewer minutes")
    return left


def baseline_predictions(trials, head: str, predictions, training, minutes: float | None = None) -> pd.DataFrame:
    """What each baseline says of the tested trials of one protocol, so that the scores of a model apply to it.

    - "mean of the training people": of the training trials of the fold, the mean over people of their means. Of classes
      it is their shares, as probabilities; the most frequent one is predicted.
    - "median of the training people", where the target is continuous: of the training trials, where those of each
      person weigh as much as those of any other. Of a skewed target it has a smaller absolute error than the mean, and
      a model that has learnt nothing but this would seem to beat the mean.
    - "same stimulus segment, training people": the same mean over the training trials of the same ``stimulus`` and
      ``segment``, where the table has both columns. Nothing where no training person has met that segment.
    - "own first n minutes (known)": the mean of the person's own true values in trials that start in the first minutes.
    - "own previous true value (known)": that of the last trial before, in the same walk, of which it is known.

    The last two are told true values of the tested person, which no model is: their names end in "(known)". Where they
    know nothing, as of the first trial of a walk, ``predicted`` and the probabilities are NaN, and the trial is not
    scored.

    Parameters
    ----------
    trials : TrialSet
        All trials, with the target. ``start_s`` in its table: seconds from the start of the person's recording to that
        of the trial. Where it counts from the start of each walk, the first minutes of each walk are meant. Without it
        there is no previous value and there are no first minutes.
    head : str
        "label" or the name of a target.
    predictions : pandas.DataFrame
        Of that head, of one model or several under one protocol: ``trial``, ``protocol``, ``fold``, and one column a
        class unless the target is continuous.
    training : dict of str to sequence of str
        By name of fold the ids of the trials that were learnt from and watched
        (``FoldResult.learnt["fitted_on"] + ["watched"]``).
    minutes : float, optional
        The first minutes of a person, from which the own mean comes. Those trials are in no row given back; take them
        from the rows of the models too (:func:`without_first_minutes`).

    Returns
    -------
    pandas.DataFrame
        In the layout of ``predictions``, the name of the baseline in ``model``.

    Raises
    ------
    GaitDataError
        If predictions of several protocols are given, of trials or folds that are not there, or minutes without
        ``start_s``.
    """
    protocols = predictions["protocol"].unique()
    if len(protocols) != 1:
        raise GaitDataError(f"baselines of one protocol at a time, not of {len(protocols)} ({', '.join(protocols)})")
    if minutes is not None:
        predictions = without_first_minutes(predictions, trials, minutes)
    tested = predictions.drop_duplicates(["fold", "trial"])[["trial", "fold"]]
    kind, classes, values = _values(trials, head)
    place = pd.Index(trials.ids)
    where = place.get_indexer(tested["trial"])
    if (where < 0).any():
        raise GaitDataError(f"the trial {tested['trial'].iloc[np.argmin(where)]} is not among these trials")
    if lost := sorted(set(tested["fold"]) - set(training)):
        raise GaitDataError(f"no training trials are given of the fold '{lost[0]}'")
    learnt = {fold: place.get_indexer(pd.unique(np.asarray(training[fold], dtype=object))) for fold in set(tested["fold"])}
    found = {TRAINING_MEAN: _of_training(trials, values, learnt, tested["fold"], where, [])}
    if kind == "continuous":
        found[TRAINING_MEDIAN] = _median_of_training(trials, values, learnt, tested["fold"])
    if {"stimulus", "segment"} <= set(trials.table):
        own = _of_training(trials, values, learnt, tested["fold"], where, ["stimulus", "segment"])
        found |= {SAME_SEGMENT: own} if not np.isnan(own).all() else {}
    if "start_s" in trials.table:
        found[PREVIOUS] = _previous(trials, values)[where]
        if minutes is not None:
            early = (_starts(trials) < 60 * minutes) & ~np.isnan(values).any(axis=1)
            mean = pd.DataFrame(values[early]).groupby(trials.subjects[early]).mean()
            found[FIRST_MINUTES.format(minutes)] = mean.reindex(trials.subjects[where]).to_numpy()
    about = trials.table.iloc[where][["trial", "subject", "walk"]].reset_index(drop=True)
    about["label"] = values[where, 0] if kind == "continuous" else as_labels(head, trials.target(head))[where]
    about = about.assign(protocol=protocols[0], fold=tested["fold"].to_numpy())
    return pd.concat([_as_predictions(about.assign(model=n), v, classes) for n, v in found.items()], ignore_index=True)


def _values(trials, head) -> tuple[str, list[str], np.ndarray]:
    """Kind, classes and numbers (n_trials, 1 or n_classes) whose means are what is predicted; NaN where unknown."""
    target = trials.target(head)
    if target.kind == "continuous":
        return target.kind, [], np.asarray(target.values, dtype=float)[:, None]
    labels = as_labels(head, target)
    classes = classes_of(head, target)
    values = (labels[:, None] == np.array(classes, dtype=object)).astype(float)
    values[~target.known] = np.nan
    return target.kind, classes, values


def _starts(trials) -> np.ndarray:
    if "start_s" not in trials.table:
        raise GaitDataError("first minutes need the column 'start_s' in the trial table: seconds since the start")
    return trials.table["start_s"].to_numpy(dtype=float)


def _of_training(trials, values, learnt, fold, where, columns) -> np.ndarray:
    """For each tested trial the mean over the training people of its fold, of trials that agree with it in columns."""
    numbers = pd.DataFrame(values)
    keys = [np.zeros(len(trials)), *(trials.table[column].to_numpy() for column in columns)]
    found = np.full((len(where), values.shape[1]), np.nan)
    for name, positions in learnt.items():
        positions = positions[positions >= 0]
        positions = positions[~np.isnan(values[positions]).any(axis=1)]
        own = numbers.iloc[positions].groupby([*(key[positions] for key in keys), trials.subjects[positions]]).mean()
        mean = own.groupby(level=list(range(len(keys)))).mean()
        mean.index = pd.MultiIndex.from_tuples([v if isinstance(v, tuple) else (v,) for v in mean.index])
        asked = (fold == name).to_numpy()
        wanted = pd.MultiIndex.from_arrays([key[where[asked]] for key in keys])
        found[asked] = mean.reindex(wanted).to_numpy()
    return found


def _median_of_training(trials, values, learnt, fold) -> np.ndarray:
    found = np.full((len(fold), 1), np.nan)
    for name, positions in learnt.items():
        positions = positions[positions >= 0]
        positions = positions[~np.isnan(values[positions, 0])]
        if len(positions):
            number = pd.factorize(trials.subjects[positions])[0]
            weight = 1 / np.bincount(number)[number]
            order = np.argsort(values[positions, 0])
            middle = np.searchsorted(weight[order].cumsum(), weight.sum() / 2)
            found[(fold == name).to_numpy()] = values[positions[order[middle]], 0]
    return found


def _previous(trials, values) -> np.ndarray:
    """The last known values before each trial, in its walk."""
    order = np.argsort(_starts(trials), kind="stable")
    numbers, walk = pd.DataFrame(values[order], index=order), trials.walks[order]
    return numbers.groupby(walk).ffill().groupby(walk).shift().sort_index().to_numpy()


def _as_predictions(about, values, classes) -> pd.DataFrame:
    if not classes:
        return about.assign(predicted=values[:, 0])
    unknown = np.isnan(values).any(axis=1)
    called = np.array(classes, dtype=object)[np.argmax(np.nan_to_num(values), axis=1)]
    called[unknown] = None
    return about.assign(predicted=called, **dict(zip(classes, values.T, strict=True)))
