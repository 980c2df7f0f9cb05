"""Figures of comparisons: what is drawn are the numbers of the comparison, and the titles say what they are."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from planted_runs import planted_runs

from gaitlib import LeaveOneSubjectOut, SubjectKFold
from gaitlib.errors import GaitDataError
from gaitlib.plots.comparison import critical_difference, pairs
from gaitlib.plots.house_style import HONEST
from gaitlib.results.pairs import compare

ACCURACY = pd.DataFrame(
    {
        "extra_trees": [0.9, 0.92, 0.88, 0.94, 0.9, 0.86, 0.96, 0.84],
        "gru": [0.7, 0.68, 0.74, 0.7, 0.62, 0.66, 0.8, 0.58],
        "lstm": [0.68, 0.7, 0.72, 0.72, 0.66, 0.64, 0.78, 0.6],
    },
    index=[f"s{i}" for i in range(8)],
)
NAME = "SYNTHETIC accuracies"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def comparison():
    return compare(planted_runs(ACCURACY, n_trials=50, name=NAME))


@pytest.mark.parametrize("figure_of", [critical_difference, pairs])
def test_titles_say_data_protocol_subjects_and_test_and_never_speak_of_a_ranking(comparison, figure_of, tmp_path):
    figure = figure_of(comparison)
    title = figure.get_suptitle()
    for said in (NAME, LeaveOneSubjectOut.name, "a new person", "8 subjects", "Wilcoxon", "Holm"):
        assert said in title
    assert "ranking" not in title
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def texts_of(axis):
    return [text.get_text() for text in axis.texts]


def test_average_ranks_stand_beside_the_models(comparison):
    ranks = ACCURACY.rank(axis=1, ascending=False).mean()
    axis = critical_difference(comparison).axes[0]
    for model, rank in ranks.items():
        assert any(model.replace("_", " ") in text and f"({rank:.2f})" in text for text in texts_of(axis))


def bars(figure):
    """The x of the models that each bar joins."""
    return [sorted(line.get_xdata()) for line in figure.axes[0].lines if same_color(line.get_color(), HONEST)]


def test_a_bar_joins_the_models_that_are_not_told_apart(comparison):
    figure = critical_difference(comparison)
    ranks = ACCURACY.rank(axis=1, ascending=False).mean()
    assert bars(figure) == [sorted(ranks[["gru", "lstm"]])]
    assert "joined: not told apart" in figure.get_suptitle()


def test_with_four_subjects_all_models_are_joined():
    figure = critical_difference(compare(planted_runs(ACCURACY[:4], n_trials=50)))
    assert [len(bar) for bar in bars(figure)] == [3]


def test_ranks_are_of_subjects_that_all_models_were_tested_on():
    accuracy = ACCURACY.copy()
    accuracy.loc["s7", "gru"] = np.nan
    figure = critical_difference(compare(planted_runs(accuracy, n_trials=50)))
    assert "(7)" in figure.get_suptitle()
    accuracy["gru"] = np.nan
    with pytest.raises(GaitDataError, match="no subject was tested by all models"):
        critical_difference(compare(planted_runs(accuracy)))


def test_equal_models_are_drawn():
    equal = compare(planted_runs(pd.DataFrame({"a": [0.5, 0.6], "b": [0.5, 0.6]}, index=["x", "y"])))
    assert bars(critical_difference(equal)) == [[1.5, 1.5]]


def test_a_missing_package_gives_the_pip_line(comparison, monkeypatch):
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    with pytest.raises(GaitDataError, match=r"pip install 'gaitlib\[statistics\]'"):
        critical_difference(comparison)


def test_dots_lines_and_texts_are_those_of_the_pairs(comparison):
    axis, beside = pairs(comparison).axes
    dots, lines = axis.collections[1], axis.collections[0]
    table = comparison.pairs
    np.testing.assert_allclose(dots.get_offsets()[:, 0], 100 * table["difference"])
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    np.testing.assert_allclose(ends, 100 * table[["low", "high"]])
    labels = dict(zip(axis.get_yticks(), (t.get_text() for t in axis.get_yticklabels()), strict=True))
    places = dots.get_offsets()[:, 1]
    assert [labels[y] for y in places] == [
        f"{a} minus {b}".replace("_", " ") for a, b in zip(table["model"], table["other"], strict=True)
    ]
    for place, pair in zip(places, table.itertuples(), strict=True):
        beside_it = [text.get_text() for text in beside.texts if text.get_position()[1] == place]
        expected = [f"{p:.2f}" for p in (pair.p_worse, pair.p_equivalent, pair.p_better)]
        assert beside_it == [*expected, pair.verdict]


def test_pairs_that_are_told_apart_are_coloured(comparison):
    dots = pairs(comparison).axes[0].collections[1]
    told_apart = [same_color(colour, HONEST) for colour in dots.get_facecolors()]
    assert told_apart == (comparison.pairs["verdict"] == "different").tolist() == [True, True, False]


def test_the_band_is_the_region_of_practical_equivalence(comparison):
    figure = pairs(comparison)
    band = figure.axes[0].patches[0]
    assert (band.get_x(), band.get_width()) == (-2, 4)
    assert "no more than 2 points apart" in figure.get_suptitle()


def test_repeated_folds_have_a_second_interval():
    repeated = compare(planted_runs(ACCURACY, SubjectKFold(4, validation=False, repeats=2), n_trials=50))
    axis = pairs(repeated).axes[0]
    ends = np.array([segment[:, 0] for segment in axis.collections[2].get_segments()])
    np.testing.assert_allclose(ends, 100 * repeated.pairs[["folds_low", "folds_high"]])
    assert "Nadeau-Bengio" in axis.get_xlabel()


def test_pairs_without_numbers_have_a_row_without_them():
    accuracy = ACCURACY.assign(gru=np.nan)
    beside = pairs(compare(planted_runs(accuracy, n_trials=50))).axes[1]
    assert texts_of(beside).count("-") == 2 * 3
    assert texts_of(beside).count("too few subjects") == 2
