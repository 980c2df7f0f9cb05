"""Scores of confusion matrices, many at once: those of each person, and of any mixture of people."""

import numpy as np
import pandas as pd


def confusions_of_people(predictions, classes, people) -> np.ndarray:
    """How often each person's trials of a class were called each class, (people, true classes, predicted classes).

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row a trial with ``subject``, ``label`` and ``predicted``.
    classes, people : list of str
    """
    counts = np.zeros((len(people), len(classes), len(classes)))
    codes = (("subject", people), ("label", classes), ("predicted", classes))
    np.add.at(counts, tuple(pd.Categorical(predictions[column], of).codes for column, of in codes), 1)
    return counts


def confusion_score(confusions, score: str) -> np.ndarray:
    """A score of confusion matrices.

    Parameters
    ----------
    confusions : ndarray (..., true classes, predicted classes)
        Counts, or sums of weights.
    score : {"accuracy", "balanced accuracy", "macro F1"}
        Balanced accuracy is the mean sensitivity of the classes that were tested, macro F1 that of the classes that
        were tested or predicted.

    Returns
    -------
    ndarray (...)
        NaN where nothing was tested.

    Examples
    --------
    >>> float(confusion_score(np.array([[3, 1], [0, 1]]), "balanced accuracy"))
    0.875
    """
    right = np.diagonal(confusions, axis1=-2, axis2=-1)
    if score == "accuracy":
        return _share(right.sum(axis=-1), confusions.sum(axis=(-2, -1)))
    tested, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    counts, of = (right, tested) if score == "balanced accuracy" else (2 * right, tested + predicted)
    return _share(np.nan_to_num(_share(counts, of)).sum(axis=-1), (of > 0).sum(axis=-1))


def _share(part, whole) -> np.ndarray:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
