"""Scores of a continuous head: errors of people, and how far predictions and true values lie apart."""

import numpy as np

from gaitlib.results.binary_scores import known
from gaitlib.results.intervals import subject_interval

NORMAL = 1.96  # standard deviations to either side hold 95 % of normal values


def error_by_subject(predictions):
    """Mean absolute error of each person, in the unit of the target; rows without a true value are left out.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one model under one protocol: one row a trial with ``subject``, ``label`` and ``predicted``.

    Returns
    -------
    pandas.Series
        By subject.
    """
    scored = known(predictions)
    return (scored["predicted"] - scored["label"]).abs().groupby(scored["subject"]).mean()


def limits_of_agreement(difference, subject) -> dict:
    """Bias of repeated measurements, and the limits between which 95 % of the differences lie.

    The true value changes from trial to trial. Differences of one person are like one another, so their variance has
    two parts, found by a one-way analysis of variance on person with unequal numbers of trials: within people, and
    between them, which is 0 where the estimate is negative. The limits are the bias -+ 1.96 times the root of their
    sum, which is what a trial of a new person will show. The plain standard deviation of all differences is too small
    where people differ. Of people who differ twice as much as their
    trials do, the limits of 12 hold 93 % of the trials of new people, those of 30 hold 94 % (``benchmarks/verdicts.py``):
    read them as estimates.

    Parameters
    ----------
    difference : array (n_trials,)
        Predicted minus true value.
    subject : array (n_trials,)

    Returns
    -------
    dict
        ``bias``, with ``bias low`` and ``bias high``, its 95 % t interval over people; ``limit low``, ``limit high``;
        ``SD within``, ``SD between``. NaN where they cannot be told: fewer than two people, or one trial each.

    Notes
    -----
    The source takes the mean of all differences as the bias. Here it is the mean over people of their means, as
    everywhere in this package: a person with many trials weighs no more.

    References
    ----------
    Bland, Altman 2007, Agreement between methods of measurement with multiple observations per individual,
    https://doi.org/10.1080/10543400701329422

    Examples
    --------
    >>> found = limits_of_agreement([1.0, 3.0, 2.0, 6.0, 7.0, 8.0], list("aabbbc"))
    >>> {name: round(found[name], 3) for name in ("bias", "bias low", "bias high")}
    {'bias': 5.0, 'bias low': -2.452, 'bias high': 12.452}
    >>> {name: round(found[name], 3) for name in ("limit low", "limit high", "SD within", "SD between")}
    {'limit low': -1.002, 'limit high': 11.002, 'SD within': 2.309, 'SD between': 2.011}
    """
    difference, (names, person) = np.asarray(difference, dtype=float), np.unique(subject, return_inverse=True)
    n, n_people = len(difference), len(names)
    counts = np.bincount(person)
    means = np.bincount(person, difference) / counts
    bias = means.mean() if n_people else np.nan
    low, high = subject_interval(means)
    found = {"bias": bias, "bias low": low, "bias high": high}
    if n_people < 2 or n == n_people:
        return found | dict.fromkeys(["limit low", "limit high", "SD within", "SD between"], np.nan)
    within = ((difference - means[person]) ** 2).sum() / (n - n_people)
    between_squares = (counts * (means - difference.mean()) ** 2).sum() / (n_people - 1)
    typical = (n - (counts**2).sum() / n) / (n_people - 1)  # trials of a person, where numbers are unequal
    between = max(0.0, (between_squares - within) / typical)
    half = NORMAL * np.sqrt(within + between)
    found |= {"limit low": bias - half, "limit high": bias + half}
    found |= {"SD within": np.sqrt(within), "SD between": np.sqrt(between)}
    return {name: float(value) for name, value in found.items()}


def correlation_within(predictions) -> float:
    """Correlation of predicted and true values within people: whether the ups and downs of a person are told.

    Both are centred on each person's mean first, so that to know who is high and who is low earns nothing.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As in :func:`error_by_subject`.

    Returns
    -------
    float
        NaN where predictions or true values do not vary within anybody.

    References
    ----------
    Bland, Altman 1995, Calculating correlation coefficients with repeated observations: part 1, correlation within
    subjects, https://doi.org/10.1136/bmj.310.6977.446
    """
    scored = known(predictions)
    values = scored[["label", "predicted"]].astype(float)
    apart = values - values.groupby(scored["subject"]).transform("mean")
    (a, both), (_, b) = apart.T.to_numpy() @ apart.to_numpy()
    smallest = (1e-9 * values.abs().to_numpy().max(initial=0)) ** 2 * len(values)  # rounding of equal values
    return float(both / np.sqrt(a * b)) if min(a, b) > smallest else np.nan


def continuous_head_scores(predictions) -> dict:
    """Scores of a continuous head of one model under one protocol, for one row of a table.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row a trial with ``subject``, ``label`` and ``predicted``, both numbers in the unit of the target. Rows
        without a true value are not scored.

    Returns
    -------
    dict
        ``people``, ``trials``, ``without target``; ``MAE``, the mean over people of their mean absolute errors, with
        ``MAE low``, ``MAE high`` (t interval over people), ``SD`` between them and ``worst person``; ``RMSE`` and
        ``R2`` of all trials together (against the mean of these very trials, so 0 is what nobody could know); ``r
        within people`` (:func:`correlation_within`); bias and limits (:func:`limits_of_agreement`).

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"subject": list("aabb"), "label": [1.0, 2, 3, 4], "predicted": [1.0, 3, 3, 6]})
    >>> row = continuous_head_scores(table)
    >>> row["MAE"], row["worst person"], row["R2"]
    (0.75, 'b 1', 0.0)
    """
    scored = known(predictions)
    error = error_by_subject(scored)
    low, high = subject_interval(error)
    truth, difference = scored["label"].to_numpy(dtype=float), (scored["predicted"] - scored["label"]).to_numpy(float)
    spread = ((truth - truth.mean()) ** 2).sum() if len(truth) else 0.0
    return {
        "people": len(error),
        "trials": len(scored),
        "without target": int(predictions["label"].isna().sum()),
        "MAE": float(error.mean()),
        "MAE low": low,
        "MAE high": high,
        "SD": float(error.std(ddof=1)),
        "worst person": f"{error.idxmax()} {error.max():.3g}" if len(error) else "",
        "RMSE": float(np.sqrt((difference**2).mean())) if len(truth) else np.nan,
        "R2": float(1 - (difference**2).sum() / spread) if spread > 0 else np.nan,
        "r within people": correlation_within(scored),
        **limits_of_agreement(difference, scored["subject"].to_numpy(dtype=str)),
    }
