"""Scores of one model's predictions. People, not trials, are the sample: shares are means over subjects."""

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, precision_recall_fscore_support

from gaitlib.results.confusions import confusion_score, confusions_of_people
from gaitlib.results.intervals import interval_columns, people_drawn, percentile_interval


def accuracy_by_subject(predictions) -> pd.Series:
    """Share of each subject's trials that were classified correctly.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one model under one protocol: one row a trial with ``subject``, ``label`` and ``predicted``.

    Returns
    -------
    pandas.Series
        By subject.
    """
    return (predictions["label"] == predictions["predicted"]).groupby(predictions["subject"]).mean()


def sensitivity_and_specificity(predictions, classes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sensitivity and specificity of every class for every subject.

    Sensitivity is the share of the trials of a class that were called so, specificity the share of all other trials
    that were not.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As in :func:`accuracy_by_subject`.
    classes : list of str

    Returns
    -------
    sensitivity, specificity : pandas.DataFrame
        Subjects by classes; NaN where a subject has no such trial.

    Examples
    --------
    >>> table = pd.DataFrame({"subject": "a", "label": ["x", "x", "y", "z"], "predicted": ["x", "y", "y", "y"]})
    >>> sensitivity, specificity = sensitivity_and_specificity(table, ["x", "y", "z"])
    >>> sensitivity.loc["a"].tolist()
    [0.5, 1.0, 0.0]
    >>> specificity.loc["a"].round(2).tolist()
    [1.0, 0.33, 1.0]
    """
    is_class, is_called = (predictions[c].to_numpy()[:, None] == np.array(classes) for c in ("label", "predicted"))
    right = pd.DataFrame(is_class == is_called, predictions["subject"], classes).astype(float)
    return right.where(is_class).groupby(level=0).mean(), right.where(~is_class).groupby(level=0).mean()


def chance(predictions) -> float:
    """The accuracy of the best constant answer, in the unit of the accuracy: a mean over subjects.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row a trial with ``subject`` and ``label``.

    Returns
    -------
    float
        The class that is most frequent among all trials may do worse, where few subjects have most of its trials.

    Examples
    --------
    >>> chance(pd.DataFrame({"subject": list("aaaabc"), "label": ["x", "x", "x", "x", "y", "y"]}))
    0.6666666666666666
    """
    share = predictions.groupby("subject")["label"].value_counts(normalize=True)
    return float(share.unstack(fill_value=0).mean().max())


def overall_scores(predictions, classes) -> dict:
    """Scores of one model under one protocol, for one row of a table.

    Parameters
    ----------
    predictions : pandas.DataFrame
        At least one row a trial (or walk) with ``subject``, ``label``, ``predicted`` and one column a class.
    classes : list of str

    Returns
    -------
    dict
        As said in :meth:`gaitlib.results.Runs.table`.
    """
    accuracy = accuracy_by_subject(predictions)
    sensitivity, specificity = sensitivity_and_specificity(predictions, classes)
    return {
        "accuracy": accuracy.mean(),
        **interval_columns(accuracy),
        "SD": accuracy.std(ddof=1),
        "worst subject": f"{accuracy.idxmin()} {accuracy.min():.3f}",
        **_with_interval("balanced accuracy", predictions, classes),
        **_with_interval("macro F1", predictions, classes),
        "loss": cross_entropy(predictions, classes),
        **sensitivity.mean().add_prefix("sensitivity "),
        **specificity.mean().add_prefix("specificity "),
        **accuracy.add_prefix("accuracy "),
    }


def _with_interval(score, predictions, classes) -> dict:
    """A score of all trials together, with a percentile bootstrap over people."""
    people = list(predictions["subject"].unique())
    of_people = confusions_of_people(predictions, classes, people)
    drawn = np.tensordot(people_drawn(len(people)), of_people, 1) if len(people) >= 2 else of_people[:0]
    ends = percentile_interval(confusion_score(drawn, score))
    whole = float(confusion_score(of_people.sum(axis=0), score))
    return {score: whole} | dict(zip((f"{score} low", f"{score} high"), ends, strict=True))


def cross_entropy(predictions, classes) -> float:
    """Mean negative logarithm of the probability of the true class, nats."""
    classes = sorted(classes)  # as log_loss takes them to be
    return log_loss(predictions["label"], predictions[classes].to_numpy(), labels=classes)


def trial_errors(predictions, classes=()) -> np.ndarray:
    """The error of each trial: absolute where there are no classes, else its part of the Brier score.

    Of several classes that is half the squared distance of the probabilities from the truth; of two (p - truth)^2.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``label``, and ``predicted`` or one column a class.
    classes : sequence of str
    """
    if not len(classes):
        return np.abs((predictions["predicted"] - predictions["label"]).to_numpy(dtype=float))
    truth = predictions["label"].to_numpy()[:, None] == np.array(classes, dtype=object)
    return ((predictions[list(classes)].to_numpy() - truth) ** 2).sum(axis=1) / 2


def class_scores(predictions, classes) -> pd.DataFrame:
    """Scores of every class for one model under one protocol.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As in :func:`accuracy_by_subject`.
    classes : list of str

    Returns
    -------
    pandas.DataFrame
        As said in :meth:`gaitlib.results.Runs.per_class`.
    """
    table = pd.DataFrame(index=classes)
    shares = sensitivity_and_specificity(predictions, classes)
    for name, by_subject in zip(("sensitivity", "specificity"), shares, strict=True):
        table[name] = by_subject.mean()
        ends = pd.DataFrame([interval_columns(by_subject[c]) for c in classes], classes)
        table = table.join(ends.add_prefix(f"{name} "))
    if predictions.empty:  # every fold failed
        return table.assign(precision=np.nan, F1=np.nan, trials=0)
    precision, _, f1, trials = precision_recall_fscore_support(
        predictions["label"], predictions["predicted"], labels=classes, zero_division=np.nan
    )
    return table.assign(precision=precision, F1=f1, trials=trials)
