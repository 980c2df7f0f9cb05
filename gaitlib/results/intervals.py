"""Intervals and tests over subjects: people, not trials, are the sample."""

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import GaitDataError

LEVEL = 0.95


def subject_interval(values) -> tuple[float, float]:
    """A 95 % t interval of the mean over subjects.

    A bootstrap over subjects is no better with the few subjects of a gait study: of 4000 samples of 12 normal values,
    its percentile interval held the truth in 91 %, the t interval in 95 %.

    Parameters
    ----------
    values : array (n_subjects,)
        One number a subject.

    Returns
    -------
    low, high : float
        NaN where it cannot be told: fewer than two subjects, or all the same number.

    Examples
    --------
    >>> low, high = subject_interval([0.8, 0.9, 1.0])
    >>> round(low, 3), round(high, 3)
    (0.652, 1.148)
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return np.nan, np.nan
    low, high = stats.t.interval(LEVEL, len(values) - 1, values.mean(), stats.sem(values))
    return float(low), float(high)


def corrected_interval(differences, test_ratio: float) -> tuple[float, float]:
    """A 95 % t interval of a mean difference over the folds of repeated K-fold, corrected for what they share.

    Folds learn from the same trials, and repeats test the same ones again, so their differences are no sample of
    independent values: the plain t interval is too narrow, the more so the more repeats. The variance of the mean of J
    folds is taken as (1 / J + n_test / n_train) times the variance between folds, instead of 1 / J times.

    Parameters
    ----------
    differences : array (n_folds,)
        One number a fold and repeat.
    test_ratio : float
        n_test / n_train: trials that a fold tests for one that it learns from, 1 / (K - 1) for K folds where none are
        held back.

    Returns
    -------
    low, high : float
        NaN where it cannot be told: fewer than two folds, or all the same number.

    References
    ----------
    Nadeau, Bengio 2003, Inference for the generalization error, https://doi.org/10.1023/A:1024068626366

    Examples
    --------
    >>> low, high = corrected_interval([0.02, 0.05, 0.01, 0.04], test_ratio=1)
    >>> round(low, 3), round(high, 3)
    (-0.035, 0.095)
    """
    values = np.asarray(differences, dtype=float)
    n = len(values)
    if n < 2 or np.ptp(values) == 0:
        return np.nan, np.nan
    scale = np.sqrt(values.var(ddof=1) * (1 / n + test_ratio))
    low, high = stats.t.interval(LEVEL, n - 1, values.mean(), scale)
    return float(low), float(high)


def signed_rank_p(differences) -> float:
    """The exact two-sided p of Wilcoxon's signed-rank test: the share of all sign flips with as extreme a rank sum.

    The distribution of the rank sum is built up rank by rank, so it is exact for any number of subjects, with ties and
    zeros. (SciPy's ``wilcoxon`` takes flips one by one: half a second for 12 subjects, and from 14 on a random sample
    of them.)

    Zeros, subjects on whom two models agree, take part in the ranking and are left out of the sum (Pratt 1959).
    Wilcoxon's own way, to drop them first, would count the remaining differences as if nobody had agreed.

    Parameters
    ----------
    differences : array (n_subjects,)

    Returns
    -------
    float
        1 where all differences are zero; 2 / 2^n where n differences have the same sign and none is zero.

    References
    ----------
    Pratt 1959, Remarks on zeros and ties, https://doi.org/10.1080/01621459.1959.10501526

    Examples
    --------
    >>> signed_rank_p([0.1, 0.2, 0.1, 0.3, 0.05, 0.1])
    0.03125
    """
    differences = np.asarray(differences, dtype=float)
    ranks = (2 * stats.rankdata(np.abs(differences))).astype(int)  # twice, as tied ranks are halves
    chances = np.ones(1)  # of each sum of the ranks with a plus
    for rank in ranks[differences != 0]:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    observed = ranks[differences > 0].sum()
    return float(min(1, 2 * min(chances[: observed + 1].sum(), chances[observed:].sum())))


def differences(runs, reference: str, protocol: str | None = None) -> pd.DataFrame:
    """How much better each model is than a reference model, paired over subjects.

    The interval is over people only: other folds or another seed would move it too, and of many comparisons some
    exclude zero by chance.

    Parameters
    ----------
    runs : Runs
    reference : str
        Name of the model that the others are compared with.
    protocol : str, optional
        Default: the first of the reference, subject-disjoint where there is one.

    Returns
    -------
    pandas.DataFrame
        One row a model: data, protocol, accuracy, its difference to the reference (mean over subjects), the 95 %
        interval of that difference, and for how many subjects it was better or worse.

    Raises
    ------
    GaitDataError
        If the reference was not run.
    """
    own = sorted((run for run in runs.runs if run.model == reference), key=lambda run: not run.on_new_people)
    if not own:
        raise GaitDataError(f"no model '{reference}' here; there are {sorted({run.model for run in runs.runs})}")
    protocol = protocol or own[0].protocol
    accuracies = runs.per_subject()
    accuracies = accuracies.xs(protocol, axis=1, level="protocol")
    rows = {}
    for model in accuracies:
        pair = accuracies[[model, reference]].dropna() if model != reference else accuracies[[model]].dropna()
        change = pair[model] - pair[reference]
        low, high = subject_interval(change)
        rows[model] = {
            "data": runs.data,
            "protocol": protocol,
            "accuracy": pair[model].mean(),
            "difference": change.mean(),
            "low": low,
            "high": high,
            "better for": int((change > 0).sum()),
            "worse for": int((change < 0).sum()),
            "subjects": len(pair),
        }
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("accuracy", ascending=False)
