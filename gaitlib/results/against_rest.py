"""One class of many against all others, from the probabilities that were stored."""

import copy
from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError


def one_against_rest(runs, one: str = "normal"):
    """The same runs, asked whether a trial is of one class or of any other: a binary question to the same predictions.

    The probability of the rest is 1 minus that of the class, and a trial is called so from 0.5 on;
    ``.at_thresholds()`` takes thresholds of the validation trials instead. The rest ("not normal") is the positive
    class. No model learnt this question: one that did may answer it better.

    Parameters
    ----------
    runs : Runs
        Of a head with three classes or more.
    one : str
        Such as the gait that is not impaired.

    Returns
    -------
    Runs
        With the tables and figures of a binary head, without trials.

    Raises
    ------
    GaitDataError
        If there is no such class, or fewer than three.
    """
    runs.require_classes("one class against the rest")
    if one not in runs.classes or len(runs.classes) < 3:
        raise GaitDataError(f"'{one}' against the rest needs it and two other classes; there are {runs.classes}")
    classes = [one, f"not {one}"]

    def asked(fold):
        return replace(fold, predictions=_merged(fold.predictions, runs.classes, classes))

    view = copy.copy(runs)
    view.runs = [replace(run, folds=[asked(fold) for fold in run.folds]) for run in runs.runs]
    view.kind, view.classes, view.trials = "binary", classes, None
    view.data = f"{runs.data}, {one} against the rest"
    return view


def _merged(predictions, every, classes):
    one, rest = classes
    p_rest = 1 - predictions[one]
    known, called = predictions["label"].notna(), np.where(p_rest >= 0.5, rest, one)
    told = {"label": predictions["label"].where(~known | (predictions["label"] == one), rest), "predicted": called}
    return predictions.drop(columns=every).assign(**told, **{one: 1 - p_rest, rest: p_rest})
