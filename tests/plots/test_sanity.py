"""The figures that put explanations to the test draw their tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaitlib.explain.trust.faithfulness import LEAST, MOST, RANDOM, area_table, curve_table
from gaitlib.plots.sanity import deletion_curves, randomisation_curves

SHARES = np.linspace(0, 1, 6)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def curves():
    """Two methods and random order, three subjects of two samples; insertion has no least relevant first."""
    rng, rows = np.random.default_rng(0), []
    for test in ("deletion", "insertion"):
        for method, order in (("random", RANDOM), ("lrp", MOST), ("lrp", LEAST), ("smooth_grad", MOST)):
            if test == "insertion" and order == LEAST:
                continue
            for k in range(6):
                level = rng.uniform(0.3, 0.9)
                rows += [("SYNTHETIC walks", test, method, order, s, f"0.{k}", f"s{k // 2}", level, 1) for s in SHARES]
    columns = ["data", "test", "method", "order", "share", "sample", "subject", "probability", "logit"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture(scope="module")
def tables(curves):
    return curve_table(curves), area_table(curves)


@pytest.fixture(scope="module")
def stages():
    rows = [
        ("SYNTHETIC walks", method, stage, layer, stage / 2, 1 - slope * stage, 0.9 - slope * stage, 1 - slope * stage)
        for method, slope in (("lrp", 0.4), ("attention", 0.6))
        for stage, layer in enumerate(("as trained", "logits", "gru"))
    ]
    columns = ["data", "method", "stage", "layer", "randomised", "similarity", "low", "high"]
    return pd.DataFrame(rows, columns=columns).assign(over="3 subjects")


def test_a_panel_a_test_and_a_line_an_order(tables):
    figure = deletion_curves(*tables)
    assert [a.get_title() for a in figure.axes] == ["deletion", "insertion"]
    assert [len(a.lines) for a in figure.axes] == [4, 3]
    assert [a.get_xlabel() for a in figure.axes] == ["values set to neutral (%)", "values brought back (%)"]
    title = figure.get_suptitle()
    assert all(words in title for words in ("SYNTHETIC walks", "3 subjects", "dashed: least relevant first"))
    assert "dashed" not in deletion_curves(*(t.query("test == 'insertion'") for t in tables)).get_suptitle()


def test_lines_are_the_means_and_bands_their_intervals(tables):
    axis, table = deletion_curves(*tables).axes[0], tables[0]
    for line, order, method in zip(axis.lines, (RANDOM, MOST, LEAST), ("random", "lrp", "lrp"), strict=False):
        own = table[(table["test"] == "deletion") & (table["order"] == order) & (table["method"] == method)]
        np.testing.assert_allclose(line.get_ydata(), own["probability"])
        np.testing.assert_allclose(line.get_xdata(), 100 * SHARES)
        assert line.get_linestyle() == ("--" if order == LEAST else "-")
    own = table[(table["test"] == "deletion") & (table["method"] == "random")]
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((own["low"].min(), own["high"].max()))


def test_the_legend_says_what_each_method_is_better_than_random_order(tables):
    axis, areas = deletion_curves(*tables).axes[0], tables[1].set_index(["test", "method"])["gain"]
    words = [text.get_text() for text in axis.get_legend().get_texts()]
    expected = [
        f"{shown}: {areas['deletion', name]:+.3f}" for shown, name in (("lrp", "lrp"), ("smooth grad", "smooth_grad"))
    ]
    assert words == ["random order", *expected]
    colours = [line.get_color() for line in axis.lines]
    assert colours[1] == colours[2] != colours[3]


def test_similarity_falls_layer_by_layer(stages):
    (axis,) = randomisation_curves(stages).axes
    for line, (_, own) in zip(axis.lines, stages.groupby("method", sort=False), strict=False):
        np.testing.assert_allclose(line.get_ydata(), own["similarity"])
    assert [t.get_text() for t in axis.get_xticklabels()] == ["as trained\n0 %", "logits\n50 %", "gru\n100 %"]
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["lrp", "attention"]
    assert axis.get_ylim()[0] < -0.2
    title = randomisation_curves(stages).get_suptitle()
    assert "SYNTHETIC walks" in title and "3 subjects" in title
