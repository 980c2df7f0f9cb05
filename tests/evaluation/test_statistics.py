"""Intervals and paired differences stand on subjects, and a planted difference is found."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gaitlib
from gaitlib.evaluation import differences, subject_interval


def test_a_small_sample_gets_the_textbook_t_interval():
    values = np.array([0.81, 0.93, 0.88, 0.97, 0.74, 0.90])
    half = stats.t.ppf(0.975, 5) * values.std(ddof=1) / np.sqrt(6)
    assert subject_interval(values) == pytest.approx((values.mean() - half, values.mean() + half))


def test_ten_subjects_get_a_bootstrap_that_repeats():
    values = np.linspace(0.5, 1.0, 12)
    low, high = subject_interval(values)
    assert (low, high) == subject_interval(values)
    rng = np.random.default_rng(1)
    means = rng.choice(values, (20_000, 12)).mean(axis=1)
    assert (low, high) == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.01)
    assert values.min() < low < values.mean() < high < values.max()


@pytest.mark.parametrize("n", [6, 12])
def test_the_interval_holds_the_truth_in_95_of_100_samples(n):
    rng = np.random.default_rng(0)
    held = [low <= 0.8 <= high for low, high in (subject_interval(rng.normal(0.8, 0.1, n)) for _ in range(300))]
    assert 0.87 <= np.mean(held) <= 0.99  # a bootstrap of twelve is a little narrow


def test_one_subject_has_no_interval_and_equal_ones_no_width():
    assert np.isnan(subject_interval([0.9])).all()
    assert subject_interval([0.9, 0.9, 0.9]) == (0.9, 0.9)


class TwoModels:
    """Accuracies of four subjects as ``Runs.per_subject`` gives them."""

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
    assert table.loc["a", ["difference", "low", "high"]].tolist() == [0, 0, 0]


def test_differences_keep_to_one_protocol():
    table = differences(TwoModels(), "a", "random")
    assert table.index.tolist() == ["a"]
    assert table.loc["a", "accuracy"] == 1


def test_a_better_model_is_found_in_real_runs(tiny_trials, tmp_path):
    runs = gaitlib.benchmark(["majority", "extra_trees"], tiny_trials, store=tmp_path, progress=False)
    table = differences(runs, "majority")
    assert table.index[0] == "extra_trees"
    assert table.loc["extra_trees", "low"] > 0.2
    figure = gaitlib.plots.differences(table, "planted")
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()][0].startswith("extra trees")
