"""Intervals over subjects: people, not trials, are the sample."""

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95
FEWEST_FOR_BOOTSTRAP = 10


def subject_interval(values, seed: int = 0) -> tuple[float, float]:
    """A 95 % interval of the mean over subjects.

    A t interval below ten subjects, else a bootstrap over subjects (percentiles of 9999 resamples).

    Parameters
    ----------
    values : array (n_subjects,)
        One number a subject.
    seed : int

    Returns
    -------
    low, high : float
        NaN for fewer than two subjects; both the mean where all values are equal.

    Examples
    --------
    >>> low, high = subject_interval([0.8, 0.9, 1.0])
    >>> round(low, 3), round(high, 3)
    (0.652, 1.148)
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    if np.ptp(values) == 0:
        return values[0], values[0]
    if len(values) < FEWEST_FOR_BOOTSTRAP:
        return stats.t.interval(LEVEL, len(values) - 1, values.mean(), stats.sem(values))
    found = stats.bootstrap((values,), np.mean, confidence_level=LEVEL, method="percentile", rng=seed)
    return tuple(found.confidence_interval)


def differences(runs, reference: str, protocol: str | None = None) -> pd.DataFrame:
    """How much better each model is than a reference model, paired over subjects.

    Parameters
    ----------
    runs : Runs
    reference : str
        Name of the model that the others are compared with.
    protocol : str, optional
        Default: the first protocol of the reference.

    Returns
    -------
    pandas.DataFrame
        One row a model: accuracy, its difference to the reference (mean over subjects), the 95 % interval of that
        difference, and for how many subjects it was better or worse.
    """
    accuracies = runs.per_subject()
    protocol = protocol or accuracies[reference].columns[0]
    accuracies = accuracies.xs(protocol, axis=1, level="protocol")
    rows = {}
    for model in accuracies:
        pair = accuracies[[model, reference]].dropna() if model != reference else accuracies[[model]].dropna()
        change = pair[model] - pair[reference]
        low, high = subject_interval(change)
        rows[model] = {
            "accuracy": pair[model].mean(),
            "difference": change.mean(),
            "low": low,
            "high": high,
            "better for": int((change > 0).sum()),
            "worse for": int((change < 0).sum()),
            "subjects": len(pair),
        }
    return pd.DataFrame.from_dict(rows, orient="index").sort_values("accuracy", ascending=False)
