"""Are the probabilities what they say? Calibration error, and one temperature a fold to mend it."""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from gaitlib.results.intervals import interval_columns
from gaitlib.results.scores import cross_entropy

N_BINS = 10
SMALLEST = np.finfo(np.float32).tiny  # networks give float32: what is smaller is stored as 0
TEMPERATURES = (0.1, 10.0)  # searched; validation trials without a mistake have no finite best one
KEYS = ["model", "protocol", "fold"]
COLUMNS = [
    "data", "model", "protocol", "subjects", "trials", "calibration error", "over subjects", "low", "high", "t_low",
    "t_high", "loss", "folds with temperature", "temperature", "calibration error after", "loss after",
]  # fmt: skip


def reliability_curve(confidence, correct, n_bins=N_BINS) -> pd.DataFrame:
    """How often predictions are right, by how sure they were.

    Parameters
    ----------
    confidence : array (n,)
        Probability of the predicted class.
    correct : array of bool (n,)
    n_bins : int
        Bins of equal width between 0 and 1; the upper edge belongs to the bin.

    Returns
    -------
    pandas.DataFrame
        One row a bin that holds trials: mean ``confidence``, ``share correct``, number of ``trials``.

    Examples
    --------
    >>> reliability_curve([0.55, 0.58, 0.91], [True, False, True]).round(3)
       confidence  share correct  trials
    0       0.565            0.5       2
    1       0.910            1.0       1
    """
    confidence, correct = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    inner_edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    table = pd.DataFrame({"confidence": confidence, "share correct": correct, "trials": 1})
    how = {"confidence": "mean", "share correct": "mean", "trials": "sum"}
    return table.groupby(np.digitize(confidence, inner_edges, right=True)).agg(how).reset_index(drop=True)


def calibration_error(confidence, correct, n_bins=N_BINS) -> float:
    """Expected calibration error of the predicted class: mean gap between confidence and share correct over bins.

    Each bin weighs by its trials. With few trials it is biased upwards, as each bin's share is moved by chance: of
    perfectly calibrated predictions of six classes, 30 trials show 0.17 on average, 300 still 0.05.

    Parameters
    ----------
    confidence : array (n,)
        Probability of the predicted class.
    correct : array of bool (n,)
    n_bins : int
        Of equal width between 0 and 1.

    Returns
    -------
    float
        0 (calibrated) to 1.

    References
    ----------
    Naeini, Cooper, Hauskrecht 2015, doi 10.1609/aaai.v29i1.9602; Guo et al. 2017, doi 10.48550/arXiv.1706.04599.

    Examples
    --------
    >>> round(calibration_error([0.9, 0.9, 0.6, 0.6], [True, True, True, False]), 3)
    0.1
    """
    bins = reliability_curve(confidence, correct, n_bins)
    return float(np.average((bins["share correct"] - bins["confidence"]).abs(), weights=bins["trials"]))


def predicted_class_error(predictions, classes) -> float:
    """The calibration error of a table of predictions: ``label``, ``predicted`` and one column a class."""
    return calibration_error(predictions[classes].max(axis=1), predictions["label"] == predictions["predicted"])


def apply_temperature(proba, temperature) -> np.ndarray:
    """Class probabilities made softer (temperature above 1) or sharper (below): softmax(log p / T).

    Parameters
    ----------
    proba : array (n, n_classes)
    temperature : float or array (n,)

    Returns
    -------
    ndarray (n, n_classes)
        The most probable class stays the same.

    Examples
    --------
    >>> apply_temperature([[0.9, 0.1]], 2).round(2)
    array([[0.75, 0.25]])
    """
    return softmax(_logits(proba) / np.asarray(temperature)[..., None], axis=1)


def fit_temperature(proba, labels) -> float:
    """The temperature that makes given labels most likely.

    Searched between 0.1 and 10: where every label has the highest probability, no finite temperature is the best, and
    the lower end is given.

    Parameters
    ----------
    proba : array (n, n_classes)
        Class probabilities of trials that were neither learnt from nor are tested.
    labels : array of int (n,)
        Column of the true class.

    Returns
    -------
    float
        Never one that makes the labels less likely than the probabilities as they are (temperature 1).

    References
    ----------
    Guo et al. 2017, On calibration of modern neural networks, doi 10.48550/arXiv.1706.04599. There it divides the
    network's logits; log probabilities differ from these by a constant a trial, which softmax takes out again.

    Examples
    --------
    >>> proba = [[0.99, 0.01], [0.99, 0.01], [0.01, 0.99], [0.99, 0.01]]
    >>> round(fit_temperature(proba, [0, 0, 1, 1]), 2)  # 0.99 sure, right three times of four
    4.18
    """
    logits, labels = _logits(proba), np.asarray(labels)[:, None]

    def loss(log_temperature):
        return -np.take_along_axis(log_softmax(logits / np.exp(log_temperature), axis=1), labels, axis=1).mean()

    best = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0


def temperatures(runs) -> pd.DataFrame:
    """The temperature of every fold, fitted on its validation trials only.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    pandas.DataFrame
        model, protocol, fold, temperature (NaN where nothing was watched).
    """
    rows = []
    for run in runs.runs:
        for fold in run.folds:
            watched = fold.predictions[fold.predictions["part"] == "validation"]
            labels = pd.Index(runs.classes).get_indexer(watched["label"])
            fitted = fit_temperature(watched[runs.classes].to_numpy(float), labels) if len(watched) else np.nan
            rows.append((run.model, run.protocol, fold.name, fitted))
    return pd.DataFrame(rows, columns=[*KEYS, "temperature"])


def predictions_after_temperature(runs) -> pd.DataFrame:
    """``runs.predictions()`` with the probabilities after the temperature of each fold, and that temperature.

    Probabilities of folds without a temperature stay as they are.
    """
    table = runs.predictions().merge(temperatures(runs), on=KEYS, how="left")
    table[runs.classes] = apply_temperature(table[runs.classes], table["temperature"].fillna(1.0))
    return table


def calibration_table(runs) -> pd.DataFrame:
    """Calibration of every model under every protocol, before and after one temperature a fold.

    The temperature of a fold is fitted on the stored probabilities of its validation trials; test trials never move
    it. Fitted on one or two people it follows these people and may make things worse, which the last two columns tell.
    A person's own calibration error stands on few trials and is biased upwards (see :func:`calibration_error`): compare
    models by the mean over subjects, do not expect it to reach 0.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    pandas.DataFrame
        One row a model and protocol: ``data``, ``model``, ``protocol``, ``subjects``, ``trials``, ``calibration
        error`` (of all test trials together), ``over subjects`` (mean of each subject's own) with its
        intervals (:func:`gaitlib.results.interval_columns`), ``loss`` (cross-entropy, nats, of all test trials
        together); then ``folds with temperature``, ``temperature``
        (median of these folds), ``calibration error after`` and ``loss after``. NaN where no fold had validation
        trials, or all folds failed.
    """
    before, after = runs.predictions(), predictions_after_temperature(runs)
    rows = []
    for run in runs.runs:
        own = (before["model"] == run.model) & (before["protocol"] == run.protocol)
        row = {"data": runs.data, "model": run.model, "protocol": run.protocol}
        rows.append(row | _before_and_after(before[own], after[own], runs.classes))
    return pd.DataFrame(rows, columns=COLUMNS)


def _before_and_after(before, after, classes) -> dict:
    by_subject = [predicted_class_error(own, classes) for _, own in before.groupby("subject")]
    of_folds = after.groupby("fold")["temperature"].first().dropna()
    row = {"subjects": len(by_subject), "trials": len(before), "folds with temperature": len(of_folds)}
    if len(before):
        row |= {"over subjects": np.mean(by_subject)} | interval_columns(by_subject)
        row |= {"calibration error": predicted_class_error(before, classes), "loss": cross_entropy(before, classes)}
    if len(of_folds):
        row |= {"temperature": of_folds.median()}
        row |= {"calibration error after": predicted_class_error(after, classes), "loss after": cross_entropy(after, classes)}
    return row


def _logits(proba) -> np.ndarray:
    return np.log(np.maximum(np.asarray(proba, dtype=float), SMALLEST))
