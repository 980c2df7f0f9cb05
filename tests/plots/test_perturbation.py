"""Figure 3 draws the curves: a line a model with its AOPC, a panel a noise and order."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaitlib.errors import GaitDataError
from gaitlib.perturb.values import PERCENT, aopc, aopc_table, perturbation_table
from gaitlib.plots.perturbation import perturbation_curves
from gaitlib.results.intervals import bounded_interval

PROTOCOL = "subject K-fold"


@pytest.fixture(scope="module")
def curves():
    rng = np.random.default_rng(0)
    rows = [
        ("SYNTHETIC forces", model, PROTOCOL, "a new person", noise, "random", 0.25, s, 5, p, (1 - p / 60) * top)
        for noise in ("gaussian, SD 1", "shot", "salt+")
        for model, best in (("mlp", 1.0), ("linear_svm", 0.8))
        for s, top in (("s1", best), ("s2", best * rng.uniform(0.5, 1)), ("s3", best * rng.uniform(0.5, 1)))
        for p in PERCENT
    ]
    names = "data model protocol claim noise order chance subject trials percent accuracy"
    return pd.DataFrame(rows, columns=names.split())


@pytest.fixture(scope="module")
def tables(curves):
    return perturbation_table(curves), aopc_table(curves)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_panel_for_every_noise_with_its_name(tables):
    figure = perturbation_curves(*tables)
    assert [a.get_title() for a in figure.axes] == [
        "gaussian, SD 1; random order", "shot; random order", "salt+; random order",
    ]  # fmt: skip
    assert len(perturbation_curves(*(t[t["noise"] == "shot"] for t in tables)).axes) == 1


def test_the_title_says_data_protocol_and_number_of_subjects(tables):
    title = perturbation_curves(*tables).get_suptitle()
    assert all(word in title for word in ("SYNTHETIC forces", PROTOCOL, "a new person", "3 test subjects"))


def test_lines_are_means_and_the_legend_has_their_aopc(curves, tables):
    axis = perturbation_curves(*tables).axes[0]
    chance, *lines = axis.lines
    assert chance.get_ydata()[0] == 0.25
    for line, model in zip(lines, ("mlp", "linear_svm"), strict=True):
        own = curves[(curves["noise"] == "gaussian, SD 1") & (curves["model"] == model)]
        mean = own.groupby("percent")["accuracy"].mean()
        np.testing.assert_allclose(line.get_xydata(), np.column_stack([PERCENT, mean]))
        assert line.get_label() == f"{aopc(mean):.1f}  {model.replace('_', ' ')}"
    assert [t.get_text() for t in axis.get_legend().get_texts()] == [line.get_label() for line in lines]
    assert (axis.get_xlim(), axis.get_ylim()[0]) == ((0, 50), 0)


def test_bands_are_intervals_over_subjects(curves, tables):
    band = perturbation_curves(*tables).axes[0].collections[0].get_paths()[0].vertices
    own = curves[(curves["noise"] == "gaussian, SD 1") & (curves["model"] == "mlp") & (curves["percent"] == 20)]
    edges = band[band[:, 0] == 20, 1]
    assert (edges.min(), edges.max()) == pytest.approx(bounded_interval(own["accuracy"]))


def test_many_models_are_told_apart(tables):
    own = [table[table["model"] == "mlp"] for table in tables]
    many = [pd.concat([table.assign(model=f"model {k}") for k in range(15)]) for table in own]
    lines = perturbation_curves(*many).axes[0].lines[1:]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 15


def test_an_unknown_protocol_is_refused(tables):
    with pytest.raises(GaitDataError, match=PROTOCOL):
        perturbation_curves(*tables, protocol="none")
