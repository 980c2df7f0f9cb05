"""Which model is better, on people that neither has seen: every pair of models, paired over subjects."""

import importlib
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import GaitDataError
from gaitlib.results.comparison import SURE, TESTS, Comparison
from gaitlib.results.intervals import corrected_interval, signed_rank_p, subject_interval
from gaitlib.results.scores import trial_errors

FEWEST_FOR_NEMENYI = 20
ROPE = 0.02  # two points of accuracy
DRAWS = 10_000  # of the posterior: the standard error of its probabilities is at most 0.005
UNITS = 10**12  # to the accuracy 1: in whole numbers 0.9 - 0.8 and 0.8 - 0.7 are ties, as they should be


def compare(
    runs, protocol: str | None = None, rope: float | None = None, test: str = "wilcoxon", score: str | None = None
) -> Comparison:
    """Compare every pair of models under one protocol, paired over subjects.

    Two questions are asked of each pair. Is there a difference? Wilcoxon's signed-rank test, exact over all sign flips,
    Holm's correction over the pairs. Does it matter? The Bayesian signed-rank test (by baycomp, 10 000 draws, fixed
    seed), which tells "as good as equal" from "too few subjects to say". Subjects that only one of the two was tested
    on are left out. Needs the extra ``statistics``.

    Each posterior probability is the share of draws in which that outcome is the most probable of the three. With few
    subjects it is quick to say "equivalent": of simulated models that differ by just the rope (SD 2 points), it called
    11 % so with 6 subjects, 8 % with 12, 5 % with 20. It also sees its own pair only: among four equal models with 6
    subjects, in half of the tables it was 95 % sure of some pair. "Likely" is therefore said only of a model that is
    the best of the whole table with a probability of 0.95 or more (:func:`best_of_all`): in 1 of 100 tables of four equal
    models, but in 8 of 100 of two, where either may come out ahead (``benchmarks/intervals.py``).

    autorank is not used. It chooses its test by tests for normality, which see little in a dozen subjects; of more than
    two models it gives no p to a pair, and goes to Nemenyi's test however few the subjects; and its Wilcoxon test of
    two is one-sided, in the direction that the data show.

    Parameters
    ----------
    runs : Runs
    protocol : str, optional
        Default: the first subject-disjoint one.
    rope : float, optional
        Region of practical equivalence. Of the accuracy a share of the trials, by default 0.02, 2 points; of the Brier
        score by default 0.02; of the mean absolute error it is in the unit of the target and must be given.
    test : {"wilcoxon", "nemenyi"}
        Nemenyi's test is about the mean ranks of all models over the subjects that all of them were tested on.
    score : {"accuracy", "Brier", "MAE"}, optional
        What is compared of each person. Default the accuracy, of continuous heads the mean absolute error. Of errors the
        smaller is the better.

    Returns
    -------
    Comparison

    Raises
    ------
    GaitDataError
        If there are fewer than two models, there is no such protocol, Nemenyi's test is asked of fewer than 20
        subjects, or the packages of the extra are missing.

    See Also
    --------
    gaitlib.results.signed_rank_p, gaitlib.results.corrected_interval

    References
    ----------
    Benavoli et al. 2014, A Bayesian Wilcoxon signed-rank test based on the Dirichlet process,
    https://proceedings.mlr.press/v32/benavoli14.html

    Benavoli, Corani, Mangili 2016, Should we really use post-hoc tests based on mean-ranks?,
    https://jmlr.org/papers/v17/benavoli16a.html
    """
    if test not in TESTS:
        raise GaitDataError(f"test '{test}' is none of {list(TESTS)}")
    score, rope = _asked(runs, score, rope)
    own = _runs_of(runs, protocol)
    protocol, names = own[0].protocol, [run.model for run in own]
    tested = runs.predictions()
    tested = tested[tested["protocol"] == protocol].assign(score=lambda table: _score(table, score, runs.classes))
    accuracy = tested.groupby(["model", "subject"], sort=False)["score"].mean().unstack("model")
    accuracy = accuracy.reindex(columns=names).sort_index().dropna(how="all")
    accuracy = accuracy[accuracy.mean().sort_values(ascending=False, kind="stable").index]
    if test == "nemenyi":
        accuracy = _enough_for_nemenyi(accuracy.dropna())
    by_fold, test_ratio = _by_fold(runs, protocol, tested)
    columns = ["model", "other", "subjects", "difference", "low", "high"]
    columns += ["folds_low", "folds_high"] if by_fold is not None else []
    columns += ["p_nemenyi"] if test == "nemenyi" else ["p", "p_holm"]
    columns += ["p_better", "p_equivalent", "p_worse", "p_best", "verdict"]
    rows = [_pair(accuracy, by_fold, test_ratio, a, b, rope) for a, b in combinations(accuracy, 2)]
    pairs = pd.DataFrame(rows, columns=columns)
    if test == "nemenyi":
        table = _extra("scikit_posthocs").posthoc_nemenyi_friedman(accuracy)
        pairs["p_nemenyi"] = [table.loc[a, b] for a, b in zip(pairs["model"], pairs["other"], strict=True)]
    elif (known := pairs["p"].notna()).any():
        holm = _extra("statsmodels.stats.multitest").multipletests
        pairs.loc[known, "p_holm"] = holm(pairs.loc[known, "p"], method="holm")[1]
    comparison = Comparison(runs.data, protocol, str(own[0].claim), test, rope, accuracy, pairs, score, runs.unit)
    pairs["p_best"] = pairs["model"].map(best_of_all(accuracy))
    pairs["verdict"] = _verdicts(pairs, comparison.told_apart)
    return comparison


def best_of_all(accuracy: pd.DataFrame) -> pd.Series:
    """The posterior probability of each model that no other of the table has a higher mean accuracy.

    One joint posterior of all means, over the subjects that all models were tested on: a multivariate t distribution
    about the observed means, with the covariance of the subjects and n - 1 degrees of freedom, which each difference of
    two models has in the Bayesian t test. Random weights of the subjects (a Bayesian bootstrap) were tried instead:
    with 6 people near the ceiling they were 95 % sure of one of four equal models in 19 % of the tables.

    Parameters
    ----------
    accuracy : pandas.DataFrame
        Subjects by models.

    Returns
    -------
    pandas.Series
        By model; models that are equal in a draw share it. NaN where fewer than two subjects are common.

    References
    ----------
    Benavoli, Corani, Demsar, Zaffalon 2017, Time for a change: a tutorial for comparing multiple classifiers through
    Bayesian analysis, https://jmlr.org/papers/v18/16-305.html

    Examples
    --------
    >>> best_of_all(pd.DataFrame({"a": [0.9, 0.8, 0.9, 0.7], "b": [0.6, 0.6, 0.7, 0.4]})).round(2).tolist()
    [1.0, 0.0]
    """
    common = accuracy.dropna()
    if len(common) < 2:
        return pd.Series(np.nan, accuracy.columns)
    shape = np.cov(common, rowvar=False) / len(common)
    posterior = stats.multivariate_t(common.mean(), shape, len(common) - 1, allow_singular=True, seed=0)
    means = posterior.rvs(DRAWS)
    best = np.isclose(means, means.max(axis=1, keepdims=True), rtol=0, atol=1 / UNITS)
    return pd.Series((best / best.sum(axis=1, keepdims=True)).mean(axis=0), accuracy.columns)


def _verdicts(pairs, told_apart) -> np.ndarray:
    """What to call each pair; undecided too where one large difference stands against many small ones."""
    conditions = {
        "too few subjects": pairs["p_better"].isna(),
        "equivalent": pairs["p_equivalent"] > SURE,
        "different": told_apart & (pairs["p_better"] >= pairs["p_worse"]),
        "undecided": told_apart | (pairs["p_better"] > SURE),
    }
    return np.select(list(conditions.values()), list(conditions), "no evidence")


def _runs_of(runs, protocol) -> list:
    """The runs under a protocol, at least two; by default under the first subject-disjoint one."""
    if protocol is None:
        protocol = next((run.protocol for run in runs.runs if run.on_new_people), None)
        if protocol is None:
            raise GaitDataError(
                "no model was tested on new people; add LeaveOneSubjectOut() to the protocols, or say protocol="
            )
    own = [run for run in runs.runs if run.protocol == protocol]
    if not own:
        raise GaitDataError(f"no protocol '{protocol}' here; there are {sorted({run.protocol for run in runs.runs})}")
    if len(own) < 2:
        raise GaitDataError(f"only '{own[0].model}' was run under {protocol}; to compare, run two models or more")
    return own


def _enough_for_nemenyi(accuracy) -> pd.DataFrame:
    if len(accuracy) < FEWEST_FOR_NEMENYI:
        raise GaitDataError(
            f"Nemenyi's test is refused: {len(accuracy)} subjects were tested by all models, and its p holds for many, "
            f"here at least {FEWEST_FOR_NEMENYI}; also, whether it tells two models apart depends on which others are "
            "in the table (Benavoli, Corani, Mangili 2016, JMLR 17(5)). Use test='wilcoxon'"
        )
    return accuracy


def _asked(runs, score, rope) -> tuple[str, float]:
    """The score that fits the head, and the region of practical equivalence in its unit."""
    fitting = ["MAE"] if runs.kind == "continuous" else ["accuracy", "Brier"]
    score = score or fitting[0]
    if score not in fitting:
        raise GaitDataError(f"score '{score}' is none of '{runs.head}', which is {runs.kind}: {', '.join(fitting)}")
    if score == "MAE":
        if rope is None or rope <= 0:
            raise GaitDataError(f"rope={rope}: say which error of '{runs.head}' does not matter ({runs.unit or 'number'})")
        return score, rope
    rope = ROPE if rope is None else rope
    if not 0 < rope < 1:
        raise GaitDataError(f"rope={rope} is no share of the trials between 0 and 1; 0.02 is 2 points of accuracy")
    return score, rope


def _score(table, score, classes):
    """Of each trial, the higher the better: errors are negative."""
    if score == "accuracy":
        return (table["label"] == table["predicted"]).astype(float)
    return -trial_errors(table, () if score == "MAE" else classes)


def _by_fold(runs, protocol, tested) -> tuple[pd.DataFrame | None, float]:
    """Scores (folds by models, mean over the subjects of a fold), and how many trials a fold tests for one it learns.

    None where every trial is tested once: one value a subject says all, and nothing is shared between repeats.
    """
    if not tested.duplicated(["model", "trial"]).any():
        return None, np.nan
    by_subject = tested.groupby(["model", "fold", "subject"])["score"].mean()
    folds = [fold for run in runs.runs if run.protocol == protocol for fold in run.folds]
    n_learnt = np.mean([len(fold.learnt["fitted_on"]) for fold in folds])  # what is only watched does not count
    test_ratio = tested.groupby(["model", "fold"]).size().mean() / n_learnt
    return by_subject.groupby(["model", "fold"]).mean().unstack("model"), test_ratio


def _pair(accuracy, by_fold, test_ratio, a, b, rope) -> dict:
    """One row of the table; without the numbers that fewer than two subjects cannot give."""
    both = accuracy[[a, b]].dropna()
    if both[a].mean() < both[b].mean():
        a, b = b, a
    names = {"model": a, "other": b, "subjects": len(both)}
    if len(both) < 2:
        return names
    units = ((both[a] - both[b]) * UNITS).round().to_numpy()
    change = units / UNITS
    low, high = subject_interval(change)
    row = {"difference": change.mean(), "low": low, "high": high, "p": signed_rank_p(units)}
    if by_fold is not None:
        of_folds = (by_fold[a] - by_fold[b]).dropna()
        row["folds_low"], row["folds_high"] = corrected_interval(of_folds, test_ratio)
    test = _extra("baycomp").SignedRankTest
    posterior = test.probs(np.zeros(len(units)), units, round(rope * UNITS), nsamples=DRAWS, random_state=0)
    return names | row | dict(zip(("p_worse", "p_equivalent", "p_better"), posterior, strict=True))


def _extra(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise GaitDataError(f"comparing models needs {package}: pip install 'gaitlib[statistics]'") from error
