"""The reliability figure shows the curves of the numbers, before and after the temperature."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from planted_confidence import CLASSES, confident_runs

from gaitlib import LeaveOneSubjectOut, RandomTrialSplit
from gaitlib.errors import GaitDataError
from gaitlib.plots.confidence import reliability
from gaitlib.results.calibration import calibration_table, reliability_curve

LOSO, RANDOM = LeaveOneSubjectOut.name, RandomTrialSplit.name


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def panels(figure):
    return {axis.get_title(): axis for axis in figure.axes if axis.get_title()}


def test_curves_are_those_of_the_predictions():
    runs = confident_runs()
    figure = reliability(runs)
    own = runs.predictions().query("model == 'boaster' and protocol == @LOSO")
    expected = reliability_curve(own[CLASSES].max(axis=1), own["label"] == own["predicted"])
    _, before, after = panels(figure)["boaster"].lines
    np.testing.assert_array_equal(before.get_xydata(), expected[["confidence", "share correct"]])
    assert after.get_xdata().max() < before.get_xdata().max()  # less sure
    table = calibration_table(runs).set_index(["model", "protocol"]).loc[("boaster", LOSO)]
    names = [text.get_text() for text in panels(figure)["boaster"].get_legend().get_texts()]
    assert names == [
        f"{table['calibration error']:.3f} as predicted",
        f"{table['calibration error after']:.3f} after temperature",
    ]


def test_the_title_says_data_protocol_and_subjects():
    for figure, protocol in ((reliability(confident_runs()), LOSO), (reliability(confident_runs(), RANDOM), RANDOM)):
        title = figure.get_suptitle()
        assert "SYNTHETIC runs by hand" in title
        assert f"{protocol}, 4 test subjects" in title


def test_histograms_hold_all_trials_once():
    figure = reliability(confident_runs())
    heights = [patch.get_xy()[:, 1] for axis in figure.axes if not axis.get_title() for patch in axis.patches]
    assert len(heights) == 4  # two models, before and after
    for height in heights:
        assert height[1::2].sum() == pytest.approx(1)


def test_models_that_failed_or_watched_nothing_have_no_panel_and_no_second_curve():
    figure = reliability(confident_runs(failed=4, watched=False))
    assert list(panels(figure)) == ["honest"]
    assert len(panels(figure)["honest"].lines) == 2  # the diagonal and one curve
    with pytest.raises(GaitDataError, match="no predictions under"):
        reliability(confident_runs(sure={"lost": 1.0}, failed=4))


def test_many_models_stand_in_rows():
    sure = {f"model {i}": 1.0 for i in range(5)}
    figure = reliability(confident_runs(n_walks=2, sure=sure))
    assert list(panels(figure)) == list(sure)
    assert sum(axis.axison for axis in figure.axes) == 10
