"""Intervals and paired differences stand on subjects, and a planted difference is found."""

from itertools import combinations_with_replacement, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import gaitlib
from gaitlib.results import Run, differences, subject_interval
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON
from gaitlib.results.intervals import (
    bounded_interval,
    corrected_interval,
    interval_columns,
    limit_in_words,
    signed_rank_p,
)


def test_a_small_sample_gets_the_textbook_t_interval():
    values = np.array([0.81, 0.93, 0.88, 0.97, 0.74, 0.90])
    half = stats.t.ppf(0.975, 5) * values.std(ddof=1) / np.sqrt(6)
    assert subject_interval(values) == pytest.approx((values.mean() - half, values.mean() + half))


@pytest.mark.parametrize("n", [6, 12])
def test_the_interval_holds_the_truth_in_95_of_100_samples(n):
    rng = np.random.default_rng(0)
    held = [low <= 0.8 <= high for low, high in (subject_interval(rng.normal(0.8, 0.1, n)) for _ in range(1000))]
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("values", [[0.9], [0.9, 0.9, 0.9]])
def test_there_is_no_interval_without_a_spread(values):
    assert np.isnan(subject_interval(values)).all()


# -- values between 0 and 1 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "n"), [(0, 6), (1, 6), (5, 6), (6, 6), (1, 2), (37, 40)])
def test_of_zeros_and_ones_the_interval_is_that_of_clopper_and_pearson(right, n):
    exact = stats.binomtest(right, n).proportion_ci(0.95, method="exact")
    assert bounded_interval([1.0] * right + [0.0] * (n - right)) == pytest.approx((exact.low, exact.high), abs=1e-6)


@pytest.mark.parametrize("values", [[0.8, 0.9, 1.0, 0.7, 0.9, 0.95], [0.5, 0.5, 0.5, 1.0], np.linspace(0, 1, 40)])
def test_the_ends_are_quantiles_of_randomly_weighted_means(values):
    weights = np.random.default_rng(0).dirichlet(np.ones(len(values) + 1), 200_000)
    low = np.quantile(weights @ [*values, 0], 0.025)
    high = np.quantile(weights @ [*values, 1], 0.975)
    assert bounded_interval(values) == pytest.approx((low, high), abs=3e-3)


@given(st.lists(st.integers(0, 20).map(lambda right: right / 20), min_size=2, max_size=8))
def test_the_interval_holds_the_mean_of_the_sample_turns_with_it_and_knows_no_order(values):
    low, high = bounded_interval(values)
    assert 0 <= low <= np.mean(values) + 1e-6 and np.mean(values) - 1e-6 <= high <= 1
    assert bounded_interval(values[::-1]) == (low, high)
    assert bounded_interval(1 - np.array(values)) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_subjects_who_are_all_alike_have_an_interval_and_more_of_them_a_narrower_one():
    assert bounded_interval([1.0] * 6) == pytest.approx((0.025 ** (1 / 6), 1))
    assert np.ptp(bounded_interval([0.9] * 12)) < np.ptp(bounded_interval([0.9] * 6)) < 0.5
    assert np.isnan(bounded_interval([0.9])).all()
    assert limit_in_words(6).startswith("6 people can show no accuracy above 0.541: where 46 in 100 people")


@pytest.mark.parametrize("values", [[0.5, 1.1], [-0.1, 0.5], [81, 93], [0.5, np.nan]])
def test_values_that_are_no_shares_are_refused(values):
    with pytest.raises(gaitlib.GaitDataError, match="values between 0 and 1"):
        bounded_interval(values)


def test_rounding_in_single_precision_is_no_reason_to_refuse():
    assert bounded_interval(np.float32([1 + 1e-7, 0.5])) == bounded_interval([1, 0.5])


def covered(points, weights, n=6) -> tuple[float, float]:
    """Exact coverage of the mean of a distribution of a few points, by all samples there are: low end, high end."""
    mean, below, above = points @ weights, 0.0, 0.0
    for drawn in combinations_with_replacement(range(len(points)), n):
        counts = np.bincount(drawn, minlength=len(points))
        low, high = bounded_interval(points[list(drawn)])
        chance = stats.multinomial.pmf(counts, n, weights)
        below, above = below + chance * (low <= mean + 1e-6), above + chance * (high >= mean - 1e-6)
    return below, above


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 200))])
def test_each_end_holds_in_975_of_1000_samples_of_any_distribution_of_three_points(seed):
    """No proof, as there is none: exact coverage, computed for distributions that were drawn at random."""
    rng = np.random.default_rng(seed)
    points, weights = rng.beta(0.5, 0.3, 3), rng.dirichlet(np.full(3, 0.7))
    assert min(covered(points, weights)) > 0.975 - 1e-9


def shares(rng, n_trials):
    return rng.binomial(n_trials, rng.beta(8, 2, len(n_trials))) / n_trials


SCENARIOS = {  # accuracies of n people, and their mean in the population
    "spread": (lambda rng, n: rng.beta(8, 2, n), 0.8),
    "ceiling": (lambda rng, n: rng.beta(30, 1, n), 30 / 31),
    "one in ten fails": (lambda rng, n: rng.binomial(20, np.where(rng.random(n) < 0.1, 0.3, 0.95)) / 20, 0.885),
    "unbalanced trials": (lambda rng, n: shares(rng, rng.choice([4, 10, 40, 300], n)), 0.8),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10, 12])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_few_people_and_the_ceiling_are_covered(scenario, n):
    draw, mean = SCENARIOS[scenario]
    rng = np.random.default_rng(0)
    held = [low <= mean <= high for low, high in (bounded_interval(draw(rng, n)) for _ in range(600))]
    assert np.mean(held) >= 0.94


def test_where_one_person_in_ten_fails_the_t_interval_holds_far_less_often_than_it_says():
    draw, mean = SCENARIOS["one in ten fails"]
    rng = np.random.default_rng(0)
    samples = [interval_columns(draw(rng, 6)) for _ in range(150)]
    assert np.mean([row["low"] <= mean <= row["high"] for row in samples]) >= 0.94
    assert np.mean([row["t_low"] <= mean <= row["t_high"] for row in samples]) < 0.8


def test_a_table_shows_both_intervals_and_leaves_out_subjects_without_a_value():
    row = interval_columns([0.8, 0.9, 1.0, np.nan])
    assert (row["low"], row["high"]) == bounded_interval([0.8, 0.9, 1.0])
    assert (row["t_low"], row["t_high"]) == (pytest.approx(subject_interval([0.8, 0.9, 1.0])[0]), 1)
    assert np.isnan(list(interval_columns([np.nan, np.nan]).values())).all()


# -- repeated folds ------------------------------------------------------------------------------------------

FOLDS = np.array([0.03, 0.05, -0.01, 0.02, 0.04, 0.06, 0.00, 0.01, 0.03, 0.05])


def test_the_corrected_interval_by_hand():
    """Two repeats of 5-fold: n_test / n_train is 20 / 80."""
    half = stats.t.ppf(0.975, 9) * np.sqrt(FOLDS.var(ddof=1) * (1 / 10 + 20 / 80))
    assert corrected_interval(FOLDS, 1 / 4) == pytest.approx((0.028 - half, 0.028 + half))


def test_the_corrected_interval_has_the_moments_of_baycomp():
    baycomp = pytest.importorskip("baycomp")
    mean, variance, degrees = baycomp.CorrelatedTTest.compute_statistics(np.zeros(10), FOLDS, runs=2)
    expected = stats.t.interval(0.95, degrees, mean, np.sqrt(variance))
    assert corrected_interval(FOLDS, 1 / 4) == pytest.approx(expected)


def test_of_repeated_folds_only_the_corrected_interval_holds_the_truth():
    """30 values, each of 10 repeats of 5-fold averages them anew: 50 means know no more than 30 values do."""
    rng = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(400):
        values = rng.normal(0.1, 1, 30)
        means = np.concatenate([rng.permutation(values).reshape(5, 6).mean(axis=1) for _ in range(10)])
        for held, (low, high) in ((plain, subject_interval(means)), (corrected, corrected_interval(means, 1 / 4))):
            held.append(low <= 0.1 <= high)
    assert np.mean(plain) < 0.6
    assert 0.91 < np.mean(corrected) < 0.98


@pytest.mark.parametrize("values", [[0.1], [0.1, 0.1]])
def test_there_is_no_corrected_interval_without_a_spread(values):
    assert np.isnan(corrected_interval(values, 0.5)).all()


# -- signed ranks --------------------------------------------------------------------------------------------


def signed_rank_p_by_enumeration(values):
    """All 2^n sign flips; zeros are ranked and count for neither side."""
    ranks = stats.rankdata(np.abs(values))
    flips = np.array(list(product([-1, 1], repeat=len(values))))
    sums = ((flips * np.abs(values)) > 0) @ ranks
    observed = ranks[np.array(values) > 0].sum()
    return min(1, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_the_p_of_signed_ranks_is_that_of_all_sign_flips(values):
    assert signed_rank_p(values) == signed_rank_p_by_enumeration(values)


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=6))
def test_scipy_gives_the_same_p(values):
    ours = signed_rank_p(values)
    assert stats.wilcoxon(values, zero_method="pratt", method=stats.PermutationMethod()).pvalue == pytest.approx(ours)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=20), st.integers(1, 5))
def test_the_p_does_not_depend_on_side_order_or_unit(values, unit):
    p = signed_rank_p(values)
    assert signed_rank_p(-unit * np.array(values[::-1])) == p
    assert 0 < p <= 1


def test_without_ties_it_is_the_textbook_distribution_also_of_many_subjects():
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    assert signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@pytest.mark.parametrize("n", range(1, 15))
def test_the_smallest_p_halves_with_each_subject(n):
    assert signed_rank_p(np.arange(1, n + 1)) == min(1, 2 / 2**n)


def test_agreement_weakens_the_evidence_of_the_rest():
    """Dropped before ranking (Wilcoxon's own way), the zeros would leave the p of both as it is."""
    differences = [3, 4, 5, 6, 7, -1, -2]
    dropped = stats.wilcoxon([*differences, 0, 0, 0], zero_method="wilcox", method=stats.PermutationMethod()).pvalue
    assert dropped == pytest.approx(signed_rank_p(differences))
    assert signed_rank_p([*differences, 0, 0, 0]) > dropped


# -- differences ---------------------------------------------------------------------------------------------


class TwoModels:
    """Accuracies of four subjects as ``Runs`` gives them; the random split stands first."""

    data = "planted"
    runs = (Run("a", "random", KNOWN_PERSON, []), Run("a", "loso", NEW_PERSON, []), Run("b", "loso", NEW_PERSON, []))

    def per_subject(self):
        table = {("a", "loso"): [0.5, 0.6, 0.7, 0.8], ("b", "loso"): [0.6, 0.7, 0.8, 0.8], ("a", "random"): [1.0] * 4}
        return pd.DataFrame(table, index=list("wxyz")).rename_axis(columns=["model", "protocol"])


def test_differences_are_paired_over_subjects():
    table = differences(TwoModels(), "a")
    assert table.index.tolist() == ["b", "a"]  # best first
    assert table.loc["b", "difference"] == pytest.approx(0.075)
    low, high = subject_interval([0.1, 0.1, 0.1, 0.0])
    assert table.loc["b", ["low", "high"]].tolist() == pytest.approx([low, high])
    assert table.loc["b", ["better for", "worse for", "subjects"]].tolist() == [3, 0, 4]
    assert table.loc["a", "difference"] == 0
    assert table[["data", "protocol"]].drop_duplicates().to_numpy().tolist() == [["planted", "loso"]]


def test_differences_keep_to_one_protocol():
    table = differences(TwoModels(), "a", "random")
    assert table.index.tolist() == ["a"]
    assert table.loc["a", "accuracy"] == 1


def test_an_unknown_reference_lists_the_models():
    with pytest.raises(gaitlib.GaitDataError, match=r"no model 'c' here; there are \['a', 'b'\]"):
        differences(TwoModels(), "c")


def test_a_better_model_is_found_in_real_runs(tiny_trials, tmp_path):
    runs = gaitlib.benchmark(["majority", "extra_trees"], tiny_trials, store=tmp_path, progress=False)
    table = differences(runs, "majority")
    assert table.index[0] == "extra_trees"
    assert table.loc["extra_trees", "low"] > 0
    figure = gaitlib.plots.differences(table, "planted")
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()][0].startswith("extra trees")
