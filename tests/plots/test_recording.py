"""Figures of one person's recording."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaitlib import GaitDataError, Target, TrialSet
from gaitlib.explain.attribution import Relevance
from gaitlib.plots import body_signals, relevance_over_windows

N = 8


@pytest.fixture
def windows():
    rng = np.random.default_rng(0)
    slow = [np.full((20, 1), float(i)) for i in range(N)]
    fast = [rng.normal(size=(320, 2)) * (1 + i) for i in range(N)]
    fast[2] = None
    return TrialSet.from_arrays(
        {"eda": slow, "acc": fast}, rate_hz={"eda": 4, "acc": 64}, unit={"eda": "uS", "acc": "g"}, subject=["a"] * N,
        walk=["a"] * N, name="two signals",
        targets={
            "start_s": [60.0 * i for i in range(N)],
            "stress": Target("binary", [0, 0, 1, 1, 0, None, 0, 0]),
            "heart_rate": Target("continuous", range(60, 60 + N), "1/min"),
        },
    )  # fmt: skip


def test_slow_signals_are_shown_by_their_mean_and_fast_ones_by_their_spread(windows):
    figure = body_signals(windows, "a")
    right = figure.axes[1::2]
    np.testing.assert_allclose(right[0].lines[0].get_ydata(), np.arange(N))
    spread = [np.nan if v is None else v[:, 0].std() for v in windows.modality("acc").values]
    np.testing.assert_allclose(right[1].lines[0].get_ydata(), spread, rtol=1e-5)
    np.testing.assert_allclose(right[2].lines[0].get_ydata(), np.arange(60, 60 + N))
    assert [axis.get_ylabel() for axis in right[:2]] == ["mean", "SD"]
    assert len(right[0].patches) == 2  # two windows of stress
    assert "two signals" in figure.get_suptitle() and "shaded: stress" in figure.get_suptitle()
    plt.close(figure)
    with pytest.raises(GaitDataError, match="no windows of 'b'; there are a"):
        body_signals(windows, "b")


def test_shares_of_relevance_add_up_and_belong_to_these_windows(windows):
    values = {"eda": [np.full((20, 1), 1.0)] * N, "acc": [np.full((30, 2), -0.5)] * N}
    table = pd.DataFrame({"trial": windows.ids, "target": "stress", "score": np.linspace(-1, 1, N)})
    found = Relevance(values, {}, table, windows, "lrp", windows)
    figure = relevance_over_windows(windows, found)
    above, below = figure.axes
    np.testing.assert_allclose(above.lines[0].get_ydata(), np.linspace(-1, 1, N))
    (first, _) = below.collections[:2]
    assert first.get_paths()[0].vertices[:, 1].max() == pytest.approx(20 / 50)
    plt.close(figure)
    with pytest.raises(GaitDataError, match="the relevance of just these"):
        relevance_over_windows(windows[:3], found)
