"""Shares of regions: what is drawn is what the table says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from gaitlib import plots

TABLE = pd.DataFrame(
    [(label, region, prior, 0.5, share, share - 0.05, share + 0.05)
     for region, prior, shares in (("head", 0.0, (0.4, 0.3)), ("knee", 1.0, (0.6, 0.7)))
     for label, share in zip(("normal", "stiff_legged"), shares, strict=True)],
    columns=["label", "region", "prior", "alike", "share", "low", "high"],
)  # fmt: skip


def test_a_row_a_region_and_a_colour_a_class():
    figure = plots.region_shares(TABLE, "SYNTHETIC: attention")
    (axis,) = figure.axes
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["head", "knee"]
    drawn = {line.get_label(): line for line in axis.lines}
    for name, shares in (("normal", [40, 60]), ("stiff legged", [30, 70])):
        np.testing.assert_allclose(drawn[name].get_xdata(), shares)
        np.testing.assert_array_equal(np.round(drawn[name].get_ydata()), [0, 1])
    prior, alike, *intervals = (np.array(c.get_segments())[:, :, 0] for c in axis.collections)
    np.testing.assert_allclose(prior, [[0, 0], [100, 100]])
    np.testing.assert_allclose(alike, 50)
    np.testing.assert_allclose(intervals[1], [[25, 35], [65, 75]])
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["prior", "all joints alike", "normal", "stiff legged"]
    assert "SYNTHETIC" in figure.get_suptitle()
    plt.close(figure)
