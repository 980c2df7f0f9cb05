"""Comparisons: planted differences are found, none is invented, and the sentences say what the numbers do."""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_runs import planted_runs
from scipy import stats

import gaitlib
from gaitlib import LeaveOneSubjectOut, RandomTrialSplit, SubjectKFold
from gaitlib.errors import GaitDataError
from gaitlib.results import Runs, subject_interval
from gaitlib.results.pairs import best_of_all, compare
from gaitlib.results.intervals import corrected_interval, signed_rank_p
from gaitlib.models import Builder

LOSO = LeaveOneSubjectOut.name


def drawn(n_subjects, seed=0, n_trials=50, **extra):
    """Accuracies of models that are right on 70 % of the trials, plus an extra each; subjects differ (SD 8 points)."""
    rng = np.random.default_rng(seed)
    own = rng.normal(0.7, 0.08, n_subjects)
    chances = {model: np.clip(own + more, 0, 1) for model, more in extra.items()}
    index = [f"s{i:02d}" for i in range(n_subjects)]
    return pd.DataFrame({model: rng.binomial(n_trials, p) / n_trials for model, p in chances.items()}, index)


def made(n_trials=50, protocol=None, **accuracies):
    """A comparison of models with the given accuracies of subjects s00, s01, ..."""
    n = len(next(iter(accuracies.values())))
    table = pd.DataFrame(accuracies, index=[f"s{i:02d}" for i in range(n)])
    return compare(planted_runs(table, protocol, n_trials))


def only(comparison):
    (pair,) = comparison.pairs.itertuples()
    (sentence,) = comparison.sentences()
    return pair, sentence


# -- planted truths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_is_better_by_ten_points_is_found_among_three(seed):
    comparison = compare(planted_runs(drawn(12, seed, n_trials=200, a=0, better=0.1, b=0), n_trials=200))
    verdicts = comparison.pairs.set_index(["model", "other"])["verdict"].to_dict()
    assert verdicts.pop(("better", "a")) == verdicts.pop(("better", "b")) == "different"
    assert list(verdicts.values())[0] != "different"
    found = comparison.pairs.set_index("model").loc[["better"], ["difference", "low", "high"]]
    assert found["difference"].between(0.06, 0.14).all()
    assert (found["low"] < 0.1).all() and (found["high"] > 0.1).all()


@pytest.mark.slow
def test_a_model_with_noise_is_not_told_apart_from_itself():
    verdicts = [compare(planted_runs(drawn(12, seed, a=0, b=0), n_trials=50)).pairs["verdict"][0] for seed in range(6)]
    assert "different" not in verdicts


def test_nothing_is_found_more_often_than_promised_in_many_pairs():
    """All pairs of four equal models: Holm keeps any false find to 5 in 100."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(100):
        accuracy = pd.DataFrame(rng.binomial(20, 0.7, (12, 4)) / 20)
        ps = sorted(signed_rank_p((accuracy[a] - accuracy[b]).round(9)) for a in range(4) for b in range(a))
        found += 6 * ps[0] < 0.05
    assert found <= 10


def test_pairs_are_those_of_the_subjects_of_both_models():
    comparison = made(a=[0.9, 0.8, np.nan, 0.7, 0.6], b=[0.5, np.nan, 0.9, 0.6, 0.4])
    pair, _ = only(comparison)
    assert (pair.model, pair.other, pair.subjects) == ("a", "b", 3)
    assert pair.difference == pytest.approx(np.mean([0.4, 0.1, 0.2]))
    assert (pair.low, pair.high) == pytest.approx(subject_interval([0.4, 0.1, 0.2]))
    assert pair.p == 2 / 2**3
    assert comparison.n_subjects == 5


def test_the_first_of_a_pair_is_better_even_where_it_is_worse_overall():
    """By their own means b is ahead of a, as it was not tested on the hard subject; on common ones a is."""
    pair, _ = only(made(a=[0.9, 0.9, 0.1], b=[0.8, 0.8, np.nan]))
    assert (pair.model, pair.other) == ("a", "b")
    assert pair.difference == pytest.approx(0.1)


def test_equal_differences_are_ties_whatever_the_floats():
    """0.9 - 0.8 is less than 0.8 - 0.7 in floats; as ties, the p of one dissenter of four is 5/8 twice."""
    pair, _ = only(made(a=[0.9, 0.8, 0.3, 0.5], b=[0.8, 0.7, 0.2, 0.6], n_trials=10))
    assert pair.p == 10 / 16


def test_holm_by_hand():
    a, b = np.full(8, 0.9), np.array([0.8, 0.7, 0.82, 0.76, 0.72, 0.84, 0.88, 0.66])
    pairs = made(a=a, b=b, c=b[::-1], d=b - [0.02, 0.02, 0.02, 0.02, 0.02, 0.02, -0.02, -0.02]).pairs
    by_hand, largest = {}, 0
    for k, (i, p) in enumerate(sorted(pairs["p"].items(), key=lambda item: item[1])):
        by_hand[i] = largest = min(1, max(largest, (len(pairs) - k) * p))
    assert len(set(by_hand.values())) >= 3
    assert pairs["p_holm"].to_dict() == pytest.approx(by_hand)


def test_posterior_probabilities_are_those_of_baycomp_the_right_way_round():
    from baycomp import SignedRankTest

    a, b = np.array([42, 35, 36, 40, 33]), np.array([40, 36, 35, 37, 30])  # of 50 trials: one is the rope, no rounding
    pair, _ = only(made(a=a / 50, b=b / 50))
    exact = SignedRankTest.probs(b, a, 1, nsamples=50_000, random_state=1)
    assert (pair.p_worse, pair.p_equivalent, pair.p_better) == pytest.approx(exact, abs=0.02)
    assert pair.p_better > 0.5


def test_the_same_runs_give_the_same_numbers_and_leave_the_global_seed_alone():
    runs = planted_runs(drawn(8, a=0, b=0.03, c=0.05), n_trials=50)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = compare(runs), compare(runs)
    pd.testing.assert_frame_equal(first.pairs, second.pairs)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_a_wider_region_makes_models_equivalent():
    runs = planted_runs(drawn(12, a=0, b=0.02), n_trials=50)
    narrow, wide = (compare(runs, rope=rope).pairs["p_equivalent"][0] for rope in (0.01, 0.3))
    assert narrow < 0.5 < wide == 1


# -- best of the table ---------------------------------------------------------------------------------------


def equal_models(rng, n_subjects, n_models=4):
    """Accuracies of models that are equally good on every subject, of 20 trials each."""
    return pd.DataFrame(rng.binomial(20, rng.beta(8, 2, n_subjects), (n_models, n_subjects)).T / 20)


def test_the_best_of_two_is_the_bayesian_t_test():
    accuracy = drawn(9, a=0, b=0.04)
    change = accuracy["b"] - accuracy["a"]
    by_hand = stats.t.sf(0, len(change) - 1, change.mean(), stats.sem(change))
    assert best_of_all(accuracy).to_dict() == pytest.approx({"a": 1 - by_hand, "b": by_hand}, abs=0.015)
    assert 0.6 < by_hand < 0.999


def test_one_of_the_models_is_the_best_and_copies_share_it():
    accuracy = drawn(7, a=0, b=0.02, c=0.02).assign(copy=lambda t: t["c"])
    best = best_of_all(accuracy)
    assert best.sum() == pytest.approx(1)
    assert best["copy"] == best["c"] > 0.05
    assert best_of_all(accuracy[:1]).isna().all()
    holes = accuracy.copy()
    holes.loc["s00", "a"] = np.nan
    assert best_of_all(holes).equals(best_of_all(accuracy[1:]))  # subjects that all were tested on


@pytest.mark.parametrize("n", [6, 10, 12])
def test_of_four_equal_models_none_is_likely_the_best(n):
    rng = np.random.default_rng(0)
    assert np.mean([best_of_all(equal_models(rng, n)).max() >= 0.95 for _ in range(40)]) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10, 12])
def test_of_400_tables_of_four_equal_models_few_speak_of_a_likely_best(n):
    """Without this probability, half of the tables did; with it "likely" cannot stand more often than it is reached."""
    rng = np.random.default_rng(1)
    assert np.mean([best_of_all(equal_models(rng, n)).max() >= 0.95 for _ in range(400)]) <= 0.05


def test_what_is_likely_of_its_pair_alone_is_not_called_so():
    """Four equal models, six subjects: the first such table."""
    rng = np.random.default_rng(0)
    tables = (compare(planted_runs(equal_models(rng, 6).add_prefix("m"))) for _ in range(20))
    comparison = next(table for table in tables if table.pairs["p_better"].max() > 0.95)
    assert not any("likely" in sentence for sentence in comparison.sentences())
    said = np.array(comparison.sentences())[comparison.pairs["p_better"] > 0.95]
    assert all("but among 4 models some pair is by chance (p = " in s and " best of all 4) = 0." in s for s in said)


# -- repeated folds ------------------------------------------------------------------------------------------


def test_repeated_folds_get_the_interval_of_nadeau_and_bengio():
    accuracy = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.9, 0.6, 0.8], "b": [0.8, 0.8, 0.5, 0.6, 0.7, 0.7]}, list("uvwxyz"))
    protocol = SubjectKFold(3, validation=False, repeats=4)
    runs = planted_runs(accuracy, protocol, n_trials=10)
    change = accuracy["a"] - accuracy["b"]
    by_fold = [change[np.unique(runs.trials.subjects[fold.test])].mean() for fold in protocol.folds(runs.trials)]
    assert len(by_fold) == 12
    comparison = compare(runs)
    pair, _ = only(comparison)
    assert (pair.folds_low, pair.folds_high) == pytest.approx(corrected_interval(by_fold, 1 / 2))
    assert (pair.low, pair.high) == pytest.approx(subject_interval(change))  # each subject counts once
    assert pair.p == signed_rank_p(change.round(9))
    assert "other folds of these subjects" in str(comparison)
    assert "subject K-fold, repeated (a new person)" in comparison.title


def test_watched_trials_do_not_count_as_learnt():
    accuracy = drawn(6, a=0, b=0.1)
    widths = []
    for validation in (False, True):
        pair, _ = only(compare(planted_runs(accuracy, SubjectKFold(3, validation=validation, repeats=4))))
        widths.append(pair.folds_high - pair.folds_low)
    assert widths[1] > widths[0]


def test_a_subject_of_few_trials_weighs_as_much_in_a_fold_as_one_of_many():
    protocol = SubjectKFold(3, validation=False, repeats=2)
    full = planted_runs(drawn(6, a=0, b=0.1), protocol)
    runs, accuracy = [], {}
    for run in full.runs:
        tables = [fold.predictions for fold in run.folds]
        tables = [table[(table["subject"] != "s00") | (table.index % 4 == 0)] for table in tables]
        folds = [replace(fold, predictions=table) for fold, table in zip(run.folds, tables, strict=True)]
        runs.append(replace(run, folds=folds))
        right = [(table["label"] == table["predicted"]).groupby(table["subject"]).mean() for table in tables]
        accuracy[run.model] = np.array([of_subjects.mean() for of_subjects in right])
    pair, _ = only(compare(Runs(runs, full.trials)))
    expected = corrected_interval(
        accuracy["b"] - accuracy["a"], np.mean([len(t) for t in tables]) / (len(full.trials) * 2 / 3)
    )
    assert (pair.model, pair.other) == ("b", "a")
    assert (pair.folds_low, pair.folds_high) == pytest.approx(expected)


def test_folds_that_are_not_repeated_get_none():
    comparison = compare(planted_runs(drawn(6, a=0, b=0.1), SubjectKFold(3, validation=False)))
    assert "folds_low" not in comparison.pairs
    assert "other folds and other seeds would move them too" in str(comparison)


def test_failed_repeats_are_left_out_of_both_models():
    """A fold that one model failed says nothing about the pair."""
    runs = planted_runs(drawn(6, a=0, b=0.1), SubjectKFold(3, validation=False, repeats=2))
    a, b = runs.runs
    lame = Runs([replace(a, folds=a.folds[:-1], failed={a.folds[-1].name: "died"}), b], runs.trials)
    alike = Runs([replace(run, folds=run.folds[:-1]) for run in (a, b)], runs.trials)
    columns = ["folds_low", "folds_high"]
    pd.testing.assert_frame_equal(compare(lame).pairs[columns], compare(alike).pairs[columns])


# -- sentences -----------------------------------------------------------------------------------------------


def test_six_subjects_and_three_models_are_out_of_reach():
    comparison = made(a=[0.9] * 6, b=[0.5, 0.52, 0.54, 0.56, 0.58, 0.6], c=[0.6, 0.58, 0.5, 0.54, 0.52, 0.62])
    assert comparison.pairs["p_holm"].min() == pytest.approx(3 * 2 / 2**6)  # the smallest there is
    assert all(s.endswith("; with 6 subjects no pair can reach 0.05 after correction") for s in comparison.sentences())
    assert "is likely to beat" in comparison.sentences()[0] and "P(a best of all 3) = 1.00" in comparison.sentences()[0]
    assert comparison.pairs["verdict"].tolist() == ["undecided", "undecided", "no evidence"]


def test_six_subjects_and_two_models_are_within_reach():
    pair, sentence = only(made(a=[0.9] * 6, b=[0.5, 0.52, 0.54, 0.56, 0.58, 0.6]))
    assert pair.p == pair.p_holm == 2 / 2**6
    assert pair.verdict == "different"
    assert sentence.startswith(
        "a beats b by 35.0 points over 6 subjects (p = 0.031 after correction, 95 % interval 31.1"
    )
    assert sentence.endswith("P(a better by more than 2 points) = 1.00")


@pytest.mark.parametrize(
    ("n_models", "n_subjects", "found"),
    [(2, 5, False), (2, 6, True), (3, 6, False), (3, 7, True), (5, 8, False), (5, 9, True)],
)
def test_out_of_reach_is_said_exactly_where_the_clearest_difference_is_not_found(n_models, n_subjects, found):
    """One model beats the first by a clear margin on every subject: the smallest p that there can be."""
    rng = np.random.default_rng(0)
    models = {f"m{k}": rng.permutation(n_subjects) / 50 for k in range(n_models - 1)}
    comparison = made(best=np.full(n_subjects, 0.98), **models)
    assert (comparison.p_corrected.min() < 0.05) == found
    assert bool(comparison.out_of_reach) != found


def test_no_evidence():
    pair, sentence = only(made(a=[0.9, 0.7, 0.8, 0.6, 0.7, 0.8], b=[0.8, 0.8, 0.7, 0.7, 0.6, 0.78]))
    assert pair.verdict == "no evidence"
    expected = f"no evidence that a beats b; P(a better by more than 2 points) = {pair.p_better:.2f}"
    assert sentence == expected  # of one pair, six subjects could have shown a difference


def test_equivalence_with_a_small_but_consistent_difference():
    b = np.array([0.5, 0.6, 0.7, 0.8, 0.5, 0.6, 0.7, 0.8])
    pair, sentence = only(made(a=b + 0.01, b=b, n_trials=100))
    assert pair.verdict == "equivalent" and pair.p_holm == 2 / 2**8
    assert sentence.startswith("a and b are practically equivalent; P(no more than 2 points apart) = 1.00")
    assert "the difference of 1.0 points is small, but consistent (p = 0.008 after correction)" in sentence
    assert np.isnan(pair.low)  # all subjects say the same: no spread, no interval


def test_a_model_and_its_copy_are_equivalent():
    pair, sentence = only(made(a=[0.5, 0.6, 0.7, 0.8], b=[0.5, 0.6, 0.7, 0.8]))
    assert (pair.difference, pair.p, pair.p_equivalent) == (0, 1, 1)
    assert sentence == "a and b are practically equivalent; P(no more than 2 points apart) = 1.00"


def test_a_mean_against_the_ranks_is_no_win():
    """One subject for whom a is far better makes up for eleven for whom b is a little better."""
    b = np.linspace(0.5, 0.9, 12)
    a = b - 0.04
    a[0] = 1
    pair, sentence = only(made(a=a, b=b))
    assert pair.difference > 0 and pair.p_holm < 0.05
    assert pair.verdict == "undecided"
    assert sentence.startswith("a is better by 0.5 points on average, but b for most subjects (p = 0.033 after")


def test_a_clear_difference_that_is_the_same_for_all_has_no_interval():
    pair, sentence = only(made(a=[0.9] * 8, b=[0.6] * 8))
    assert "a beats b by 30.0 points over 8 subjects (p = 0.008 after correction); P(" in sentence


@pytest.mark.parametrize(("b", "n"), [([np.nan] * 3, "0 subjects"), ([0.5, np.nan, np.nan], "1 subject")])
def test_pairs_of_too_few_subjects_say_so_and_do_not_count_for_holm(b, n):
    comparison = made(a=[0.9, 0.8, 0.9], b=b, c=[0.5, 0.6, 0.55])
    pairs = comparison.pairs.set_index(["model", "other"])
    assert pairs.loc[("a", "c"), "p_holm"] == pairs.loc[("a", "c"), "p"] == 0.25
    assert (pairs["verdict"] == "too few subjects").sum() == 2
    lost = pairs[pairs["verdict"] == "too few subjects"]
    assert lost[["difference", "low", "high", "p", "p_holm", "p_better"]].isna().all(axis=None)
    assert f"a and b cannot be compared: {n} tested by both, at least 2 needed" in comparison.sentences()


def test_models_that_failed_everywhere_are_no_crash():
    comparison = made(a=[np.nan] * 3, b=[np.nan] * 3)
    assert comparison.n_subjects == 0
    assert comparison.sentences() == ["a and b cannot be compared: 0 subjects tested by both, at least 2 needed"]
    assert comparison.out_of_reach == ""


def test_what_is_printed_says_data_protocol_subjects_and_never_speaks_of_a_ranking():
    accuracy = drawn(12, **{"<a>": 0, "b": 0.1})
    comparison = compare(planted_runs(accuracy, name="SYNTHETIC & planted"))
    said, page = str(comparison), comparison._repr_html_()
    assert said.startswith(f"SYNTHETIC & planted\n{LOSO} (a new person), 12 subjects: Wilcoxon signed-rank")
    assert "SYNTHETIC &amp; planted" in page and "<a>" not in page and "&lt;a&gt;" in page
    for text in (said, page):
        assert "ranking" not in text.lower()
        assert "other folds and other seeds would move them too" in text


# -- Nemenyi -------------------------------------------------------------------------------------------------


def test_nemenyi_of_few_subjects_is_refused_with_the_reason():
    runs = planted_runs(drawn(19, a=0, b=0.1))
    with pytest.raises(GaitDataError, match="19 subjects.*at least 20.*which others are in the table.*'wilcoxon'"):
        compare(runs, test="nemenyi")


def test_nemenyi_counts_only_subjects_that_all_models_were_tested_on():
    accuracy = drawn(20, a=0, b=0.1)
    accuracy.loc["s03", "b"] = np.nan
    with pytest.raises(GaitDataError, match="19 subjects"):
        compare(planted_runs(accuracy), test="nemenyi")


def test_nemenyi_is_the_studentised_range_of_mean_ranks():
    accuracy = drawn(24, n_trials=200, a=0, b=0.1, c=0.02)
    comparison = compare(planted_runs(accuracy, n_trials=200), test="nemenyi")
    mean_ranks = stats.rankdata(accuracy.to_numpy(), axis=1).mean(axis=0)
    ranks = dict(zip(accuracy.columns, mean_ranks, strict=True))
    for pair in comparison.pairs.itertuples():
        q = abs(ranks[pair.model] - ranks[pair.other]) / np.sqrt(3 * 4 / (6 * 24)) * np.sqrt(2)
        assert pair.p_nemenyi == pytest.approx(stats.studentized_range.sf(q, 3, np.inf))
    assert comparison.p_corrected.equals(comparison.pairs["p_nemenyi"])
    assert "p_holm" not in comparison.pairs
    assert comparison.pairs["verdict"][0] == "different" and "b beats" in comparison.sentences()[0]
    assert "Nemenyi" in str(comparison)


# -- what is compared, and refusals --------------------------------------------------------------------------


def test_the_first_protocol_with_new_people_is_taken_unless_another_is_named():
    accuracy = drawn(6, a=0, b=0.1)
    known = planted_runs(accuracy, RandomTrialSplit(0.5, validation=False))
    new = planted_runs(accuracy)
    both = Runs([*known.runs, *new.runs], new.trials)
    assert compare(both).protocol == LOSO
    other = compare(both, RandomTrialSplit.name)
    assert other.protocol == RandomTrialSplit.name
    assert "a new walk of a known person" in str(other)
    with pytest.raises(GaitDataError, match=r"no model was tested on new people; add LeaveOneSubjectOut\(\)"):
        compare(known)


def test_an_unknown_protocol_lists_those_that_there_are():
    with pytest.raises(GaitDataError, match=f"no protocol 'loso' here; there are .'{LOSO}'"):
        compare(planted_runs(drawn(6, a=0, b=0)), "loso")


def test_one_model_cannot_be_compared():
    with pytest.raises(GaitDataError, match=f"only 'a' was run under {LOSO}"):
        compare(planted_runs(drawn(6, a=0)))


@pytest.mark.parametrize("rope", [0, -0.1, 2])
def test_a_region_in_points_is_refused(rope):
    with pytest.raises(GaitDataError, match=f"rope={rope} is no share.*0.02 is 2 points"):
        compare(planted_runs(drawn(6, a=0, b=0)), rope=rope)


def test_an_unknown_test_is_refused():
    with pytest.raises(GaitDataError, match="test 't-test' is none of .'wilcoxon', 'nemenyi'"):
        compare(planted_runs(drawn(6, a=0, b=0)), test="t-test")


@pytest.mark.parametrize(
    ("missing", "test"),
    [("baycomp", "wilcoxon"), ("statsmodels.stats.multitest", "wilcoxon"), ("scikit_posthocs", "nemenyi")],
)
def test_a_missing_package_gives_the_pip_line(monkeypatch, missing, test):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(GaitDataError, match=r"pip install 'gaitlib\[statistics\]'"):
        compare(planted_runs(drawn(20, a=0, b=0)), test=test)


def test_a_better_model_is_found_in_real_runs(tiny_trials, tmp_path):
    models = {"majority": "majority", "trees": Builder("extra_trees", n_estimators=20)}
    runs = gaitlib.benchmark(models, tiny_trials, store=tmp_path, progress=False)
    pair, sentence = only(compare(runs))
    assert (pair.model, pair.other, pair.p_holm) == ("trees", "majority", 2 / 2**4)
    assert "with 4 subjects no pair can reach 0.05" in sentence
