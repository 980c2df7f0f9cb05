"""The figure of agreement shows each trial once, and the limits of the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaitlib.errors import GaitDataError
from gaitlib.plots import bland_altman
from gaitlib.results.continuous_scores import limits_of_agreement


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def predictions(n_people=4, n_trials=9):
    rng = np.random.default_rng(0)
    subject = np.repeat(np.arange(n_people), n_trials)
    truth = 70 + rng.normal(size=len(subject))
    truth[5] = np.nan
    told = truth + rng.normal(size=len(subject)) + 2 * rng.normal(size=n_people)[subject]
    return pd.DataFrame({"subject": subject.astype(str), "label": truth, "predicted": told}).assign(
        model="compact_gru", protocol="leave-one-subject-out"
    )


def test_points_and_lines_are_those_of_the_numbers():
    table = predictions()
    axis = bland_altman(table, "heart_rate", "1/min", "SYNTHETIC").axes[0]
    known = table.dropna()
    (points,) = axis.collections[:1]
    expected = np.column_stack([(known["label"] + known["predicted"]) / 2, known["predicted"] - known["label"]])
    np.testing.assert_allclose(points.get_offsets(), expected)
    limits = limits_of_agreement(known["predicted"] - known["label"], known["subject"].to_numpy(dtype=str))
    levels = [line.get_ydata()[0] for line in axis.lines if len(line.get_ydata())]  # the legend's are empty
    assert levels == [*(limits[name] for name in ("bias", "limit high", "limit low")), 0]
    words = [text.get_text() for text in axis.texts]
    assert words == [f"bias {limits['bias']:.3g}", f"upper limit {limits['limit high']:.3g}",
                     f"lower limit {limits['limit low']:.3g}"]  # fmt: skip


def test_the_title_says_data_model_protocol_and_people_and_the_axes_the_unit():
    figure = bland_altman(predictions(), "heart_rate", "1/min", "SYNTHETIC data")
    for words in ("SYNTHETIC data", "heart rate by compact gru", "leave-one-subject-out", "4 people", "35 trials"):
        assert words in figure.get_suptitle()
    axis = figure.axes[0]
    assert axis.get_xlabel() == "mean of predicted and true heart rate (1/min)"
    assert axis.get_ylabel() == "predicted - true (1/min)"


@pytest.mark.parametrize(("n_people", "n_colours"), [(4, 4), (10, 10), (11, 1)])
def test_few_people_have_colours_and_many_are_grey(n_people, n_colours):
    axis = bland_altman(predictions(n_people), "heart_rate").axes[0]
    colours = axis.collections[0].get_facecolors()
    assert len(np.unique(colours[:, :3], axis=0)) == n_colours
    assert (axis.get_legend() is not None) == (n_colours > 1)


def test_one_person_has_no_limits():
    axis = bland_altman(predictions(1), "heart_rate").axes[0]
    assert [text.get_text().split()[0] for text in axis.texts] == ["bias"]


def test_two_models_or_nothing_to_show_are_refused():
    table = predictions()
    for wrong in (pd.concat([table, table.assign(model="gru")]), table.assign(label=np.nan)):
        with pytest.raises(GaitDataError, match="'heart_rate': one model under one protocol"):
            bland_altman(wrong, "heart_rate")
