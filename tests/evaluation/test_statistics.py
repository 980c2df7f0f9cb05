"""Intervals and paired differences stand on subjects, and a planted difference is found."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gaitlib
from gaitlib.evaluation import Run, differences, subject_interval
from gaitlib.evaluation.protocols import KNOWN_PERSON, NEW_PERSON


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
