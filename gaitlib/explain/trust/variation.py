"""Is the same thing relevant in every trial of a person? The coefficient of variation of relevance."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.results.intervals import subject_interval

VARIATION = "coefficient of variation"


def coefficient_of_variation(relevance) -> float:
    """How much relevance varies over the trials of a person, against its size.

    The root of the variance over trials (divided by n - 1), averaged over all inputs, divided by the mean absolute
    value of the mean over trials. The source does not print the formula; this one gives the magnitudes of its table 3
    from the data of its figure 2, to two decimals only with n - 1.

    Parameters
    ----------
    relevance : array (n_trials, ...)
        At least two trials.

    Returns
    -------
    float
        0 where all trials have the same relevance.

    Raises
    ------
    GaitDataError
        For fewer than two trials, values that are not finite, or relevance that is zero everywhere on average.

    References
    ----------
    Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8

    Examples
    --------
    >>> coefficient_of_variation([[1.0, -1.0], [3.0, -1.0]])  # sqrt((2 + 0) / 2) / ((2 + 1) / 2)
    0.666...
    """
    relevance = np.asarray(relevance, dtype=float)
    if relevance.ndim < 2 or len(relevance) < 2:
        raise GaitDataError(f"the variation over trials needs an array of two trials or more, got {relevance.shape}")
    if not np.isfinite(relevance).all():
        raise GaitDataError("relevance holds values that are not finite; explain these trials anew")
    size = np.abs(relevance.mean(axis=0)).mean()
    if size == 0:
        raise GaitDataError("relevance is zero everywhere on average: nothing for it to vary about")
    return float(np.sqrt(relevance.var(axis=0, ddof=1).mean()) / size)


def repeatability(relevances) -> pd.DataFrame:
    """The coefficient of variation of relevance over each subject's trials, for every model.

    It is taken over trials of the same class (a person who walks in six ways has six coefficients, whose mean counts):
    explanations of different gaits may well differ. A model that reads little but noise can be as steady as a good one;
    set it beside the accuracy.

    Parameters
    ----------
    relevances : dict of str to Relevance
        By the name of the model: relevance of labelled trials whose sequences have one length, as waveforms of 101
        points have.

    Returns
    -------
    pandas.DataFrame
        One row a model: ``data``, ``model``, ``coefficient of variation`` (mean over subjects), ``low``, ``high`` (95 %
        t interval, NaN where it cannot be told), ``SD`` over subjects, ``subjects``, ``trials``.

    Raises
    ------
    GaitDataError
        If a subject has a single trial of a class, sequences differ in length, or a modality is missing.
    """
    rows = []
    for name, own in relevances.items():
        by_subject = _by_subject(own, name)
        low, high = np.maximum(subject_interval(by_subject), 0)
        found = {"data": own.trials.name, "model": name, VARIATION: by_subject.mean(), "low": low, "high": high}
        rows.append(found | {"SD": by_subject.std(), "subjects": len(by_subject), "trials": len(own.table)})
    return pd.DataFrame(rows)


def _by_subject(relevance, name) -> pd.Series:
    """Mean over classes of each subject's coefficients."""
    if relevance.trials is None:
        raise GaitDataError(f"'{name}': plain arrays tell no subjects; take relevance(classifier, trials)")
    values = _one_row_a_trial(relevance, name)
    found = []
    for (subject, label), own in relevance.table.reset_index(drop=True).groupby(["subject", "label"], dropna=False):
        if len(own) < 2:
            raise GaitDataError(
                f"'{name}': subject {subject} has one trial of '{label}'; at least two are needed, leave it out"
            )
        found.append((subject, coefficient_of_variation(values[own.index])))
    return pd.DataFrame(found, columns=["subject", VARIATION]).groupby("subject")[VARIATION].mean()


def _one_row_a_trial(relevance, name) -> np.ndarray:
    """All relevances of a trial in one row, (n_trials, n_values)."""
    columns = []
    for modality, own in relevance.values.items():
        trials = relevance.table["trial"]
        gone = [trial for trial, v in zip(trials, own, strict=True) if v is None]
        if gone:
            raise GaitDataError(f"'{name}': {gone[0]} has no '{modality}'; leave such trials out")
        if len({v.shape for v in own}) > 1:
            raise GaitDataError(
                f"'{name}': '{modality}' has trials of {len({v.shape for v in own})} lengths, so that no frame is the "
                "same moment in all; bring them to one length with TimeNormalise() before you train"
            )
        columns.append(np.stack([np.ravel(v) for v in own]))
    return np.concatenate(columns, axis=1)
