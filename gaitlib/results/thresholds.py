"""Thresholds of a binary head: each from the validation predictions of its fold, never from the test fold."""

import numpy as np
import pandas as pd

from gaitlib.audit.threshold_source import DEFAULT, best_threshold


def fold_thresholds(tested, validation, classes, score: str = "balanced accuracy") -> pd.DataFrame:
    """The threshold of each fold from which on a trial is called positive, and where it came from.

    Parameters
    ----------
    tested : pandas.DataFrame
        Test predictions of the head; only their folds are read.
    validation : pandas.DataFrame
        Validation predictions in the same layout: ``subject``, ``label``, ``model``, ``protocol``, ``fold`` and one
        column a class. May be empty.
    classes : list of str
        The negative class, then the positive one.
    score : {"balanced accuracy", "F1"}
        What the threshold maximises on the validation predictions
        (:func:`gaitlib.audit.threshold_source.best_threshold`). F1 where the positives are few and what counts.

    Returns
    -------
    pandas.DataFrame
        One row a model, protocol and fold: ``threshold``; ``from``, "validation", or "default" where nothing was
        watched or the watched trials have one class; ``trials`` and ``people`` that were watched with a known target;
        ``score`` and ``reached``, its value on them.
    """
    columns = ["model", "protocol", "fold"]
    watched = dict(list(validation[validation["label"].notna()].groupby(columns, sort=False)))
    rows = []
    for where in tested[columns].drop_duplicates().itertuples(index=False, name=None):
        own = watched.get(where)
        n_trials, n_people = (0, 0) if own is None else (len(own), own["subject"].nunique())
        threshold, reached = np.nan, np.nan
        if own is not None:
            threshold, reached = best_threshold(own[classes[1]], own["label"] == classes[1], score)
        found = not np.isnan(threshold)
        row = dict(zip(columns, where, strict=True)) | {"threshold": threshold if found else DEFAULT}
        row |= {"from": "validation" if found else "default", "trials": n_trials, "people": n_people}
        rows.append(row | {"score": score, "reached": reached})
    return pd.DataFrame(rows, columns=[*columns, "threshold", "from", "trials", "people", "score", "reached"])


def predictions_after_thresholds(predictions, thresholds, classes) -> pd.DataFrame:
    """The predictions with ``predicted`` called anew by the threshold of their fold; the probabilities stay.

    Parameters
    ----------
    predictions : pandas.DataFrame
    thresholds : pandas.DataFrame
        From :func:`fold_thresholds`.
    classes : list of str

    Returns
    -------
    pandas.DataFrame
        A copy, with the column ``threshold``. Rows without a probability stay without a prediction.
    """
    columns = ["model", "protocol", "fold"]
    own = predictions[columns].merge(thresholds[[*columns, "threshold"]], on=columns, how="left", validate="m:1")
    threshold = own["threshold"].to_numpy()
    called = np.array(classes, dtype=object)[(predictions[classes[1]].to_numpy() >= threshold).astype(int)]
    called[np.isnan(threshold) | predictions[classes[1]].isna().to_numpy()] = None
    return predictions.assign(predicted=called, threshold=threshold)
