"""Intervals and tests over subjects: people, not trials, are the sample."""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq

from gaitlib.errors import GaitDataError

LEVEL = 0.95
SAMPLES = 2000  # of the people, in a bootstrap
ROUNDING = 1e-6  # of single precision
TINY = np.finfo(float).tiny


def subject_interval(values) -> tuple[float, float]:
    """A 95 % t interval of the mean over subjects.

    A bootstrap over subjects is no better with the few subjects of a gait study: of 4000 samples of 12 normal values,
    its percentile interval held the truth in 91 %, the t interval in 95 %. Of accuracies near 1, or where one person in
    ten fails, it holds less than it says: there :func:`bounded_interval` does.

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


def bounded_interval(values) -> tuple[float, float]:
    """A 95 % interval of the mean over subjects of values between 0 and 1, whatever their distribution.

    One more subject is imagined, whose value is 1 for the upper end and 0 for the lower. Each end is the quantile
    (0.975, 0.025) of the mean of all values under random weights that are uniform over all ways to share 1 among them.
    Of values that are all 0 or 1 it is the interval of Clopper and Pearson.

    Parameters
    ----------
    values : array (n_subjects,)
        One number between 0 and 1 a subject.

    Returns
    -------
    low, high : float
        NaN of fewer than two subjects. Of subjects who are all alike there is an interval, too: somebody unlike them
        may just not have been met.

    Raises
    ------
    GaitDataError
        If a value lies outside 0 to 1.

    Notes
    -----
    That it holds the mean in 95 % of samples is proven for values of 0 and 1 and conjectured for all others; no
    counterexample is known, and here none was found (``benchmarks/intervals.py``). Of the bounds with a proof, that of
    Anderson and the betting of Waudby-Smith and Ramdas were 13 to 60 % wider with 6 to 12 people. The source draws the
    weights at random; here the probability of each mean is computed, by the recursion of B-splines: the mean under
    such weights has the distribution whose density is the B-spline with the values as knots.

    References
    ----------
    Learned-Miller, Thomas 2019, A new confidence interval for the mean of a bounded random variable,
    https://doi.org/10.48550/arXiv.1905.06208

    Examples
    --------
    >>> low, high = bounded_interval([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])  # six people without a mistake
    >>> round(low, 3), high
    (0.541, 1.0)
    """
    values = np.asarray(values, dtype=float)
    if not ((values > -ROUNDING) & (values < 1 + ROUNDING)).all():
        raise GaitDataError(f"values between 0 and 1 are needed, got {values}; subject_interval takes any")
    if len(values) < 2:
        return np.nan, np.nan
    values = np.clip(values, 0, 1)
    return 1 - _upper_bound(1 - values), _upper_bound(values)


def _upper_bound(values) -> float:
    knots = np.sort(np.append(values, 1.0))
    if knots[0] == 1:
        return 1.0
    return brentq(lambda mean: _chance_above(mean, knots) - (1 - LEVEL) / 2, knots[0], 1, xtol=1e-7)


def _chance_above(mean, knots) -> float:
    """The probability that the mean of sorted values under uniform random weights lies above a number.

    Cox and de Boor's recursion: that of some values is between those without the smallest and without the largest.
    """
    chance = (knots > mean).astype(float)
    for n in range(1, len(knots)):
        smallest, largest = knots[:-n], knots[n:]
        share = (mean - smallest) / np.maximum(largest - smallest, TINY)  # where both are equal, so are the chances
        chance = chance[1:] + share * (chance[:-1] - chance[1:])
    return chance[0]


def people_drawn(n_people: int) -> np.ndarray:
    """How often each person is in each of 2000 samples of as many people, the same for all who ask.

    Returns
    -------
    ndarray (2000, n_people)
        Whole numbers as floats; rows sum to the number of people.

    Examples
    --------
    >>> drawn = people_drawn(6)
    >>> drawn.shape, set(drawn.sum(axis=1)) == {6.0}
    ((2000, 6), True)
    """
    return np.random.default_rng(0).multinomial(n_people, np.full(n_people, 1 / n_people), SAMPLES).astype(float)


def percentile_interval(draws) -> tuple[float, float]:
    """The middle 95 % of a score over samples of the people; samples in which it does not exist (NaN) are left out.

    With a dozen people it is somewhat narrow: :func:`subject_interval` says how much.

    Parameters
    ----------
    draws : ndarray (n_samples,)

    Returns
    -------
    low, high : float
        NaN of fewer than two samples.
    """
    draws = draws[~np.isnan(draws)]
    if len(draws) < 2:
        return np.nan, np.nan
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def interval_columns(values) -> dict:
    """The intervals of a mean accuracy as every table shows them: first the one that holds, beside it the narrower one.

    Parameters
    ----------
    values : array (n_subjects,)
        Accuracy, sensitivity or another number between 0 and 1 of each subject. Subjects without one (NaN) are left
        out.

    Returns
    -------
    dict
        ``low``, ``high``: :func:`bounded_interval`. ``t_low``, ``t_high``: :func:`subject_interval`, cut at 0 and 1,
        which holds where accuracies spread like normal values, far from 1 and with nobody far below the others.

    Examples
    --------
    >>> {name: round(end, 3) for name, end in interval_columns([0.8, 0.9, 1.0, np.nan]).items()}
    {'low': 0.262, 'high': 0.987, 't_low': 0.652, 't_high': 1.0}
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    ends = [*bounded_interval(values), *np.clip(subject_interval(values), 0, 1)]
    return dict(zip(("low", "high", "t_low", "t_high"), map(float, ends), strict=True))


def limit_in_words(n_subjects: int) -> str:
    """What so many people cannot show, however well a model does on all of them.

    Examples
    --------
    >>> limit_in_words(6).split(": ")[0]
    '6 people can show no accuracy above 0.541'
    """
    if not n_subjects >= 2:
        return "An interval over people needs two of them or more."
    low, _ = bounded_interval(np.ones(n_subjects))
    return (
        f"{n_subjects} people can show no accuracy above {low:.3f}: where {100 * (1 - low):.0f} in 100 people are "
        f"never classified correctly, {n_subjects} without a mistake are still met once in 40 times."
    )


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
