"""The robustness figure draws the table: a panel a perturbation, a colour a model, bands over subjects."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from gaitlib.errors import GaitDataError
from gaitlib.perturb.recordings import robustness_table
from gaitlib.plots.worse_recordings import robustness

PANELS = {
    "noise": ((0.0, 0.01, 0.05), "m"),
    "frame rate": ((30.0, 15.0, 10.0), "Hz"),
    "mirror": (("as recorded", "mirrored"), ""),
    "missing modality": (("nothing", "skeleton", "pressure"), ""),
}
PROTOCOL = "leave-one-subject-out"


@pytest.fixture
def accuracies():
    rng = np.random.default_rng(0)
    rows = [
        ("SYNTHETIC walks", model, PROTOCOL, name, level, unit, 1 / 6, subject, rng.uniform(0.4, 0.9))
        for name, (levels, unit) in PANELS.items()
        for model in ("compact_gru", "fusion")
        if name != "missing modality" or model == "fusion"
        for level in levels
        for subject in "abcde"
    ]
    columns = ["data", "model", "protocol", "perturbation", "level", "unit", "chance", "subject", "accuracy"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def table(accuracies):
    return robustness_table(accuracies)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def panels(figure):
    return [axis for axis in figure.axes if axis.get_visible()]


def test_a_panel_for_every_perturbation_with_its_unit(table):
    shown = panels(robustness(table))
    assert [a.get_xlabel() for a in shown] == ["noise (m)", "frame rate (Hz)", "mirror", "missing modality"]
    assert [t.get_text() for t in shown[3].get_xticklabels()] == ["nothing", "skeleton", "pressure"]


def test_the_title_says_data_protocol_and_number_of_subjects(table):
    title = robustness(table).get_suptitle()
    assert all(word in title for word in ("SYNTHETIC walks", PROTOCOL, "5 test subjects", "never saw"))


def test_curves_are_the_means_and_bands_the_intervals(table):
    axis = panels(robustness(table))[0]
    own = table.query("perturbation == 'noise' and model == 'fusion'")
    curve, band = axis.lines[1], axis.collections[1].get_paths()[0].vertices
    np.testing.assert_allclose(curve.get_xydata(), own[["level", "accuracy"]].to_numpy(float))
    for level, low, high in own[["level", "low", "high"]].to_numpy(float):
        edges = band[np.isclose(band[:, 0], level), 1]
        assert (edges.min(), edges.max()) == pytest.approx((low, high))
    chance = axis.lines[2]
    assert (chance.get_linestyle(), chance.get_ydata()[0]) == (":", pytest.approx(1 / 6))


def test_words_get_dots_with_their_intervals(table):
    axis = panels(robustness(table))[3]
    own = table.query("perturbation == 'missing modality'")
    (bars,) = axis.collections
    np.testing.assert_allclose(axis.lines[0].get_ydata(), own["accuracy"])
    np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], own[["low", "high"]])


def test_a_model_has_one_colour_everywhere(table):
    figure = robustness(table)
    first, last = panels(figure)[0], panels(figure)[3]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["compact gru", "fusion"]
    legend = [handle.get_color() for handle in figure.legends[0].legend_handles]
    assert [line.get_color() for line in first.lines[:2]] == legend
    assert last.lines[0].get_color() == legend[1]
    assert legend[0] != legend[1]


def test_to_the_right_it_always_gets_worse(table):
    noise, rate, *_ = panels(robustness(table))
    assert not noise.xaxis_inverted()
    assert rate.xaxis_inverted()


def test_another_protocol_is_drawn_by_its_name(table):
    other = table.query("perturbation == 'noise'").assign(protocol="subject K-fold")
    both = pd.concat([table, other])
    assert len(panels(robustness(both))) == 4
    figure = robustness(both, "subject K-fold")
    assert len(figure.axes) == 1
    assert "subject K-fold" in figure.get_suptitle()
    with pytest.raises(GaitDataError, match=r"no protocol 'random' here; there are \['leave-one-subject-out', 'subj"):
        robustness(both, "random")


def test_twenty_models_without_a_spread_can_be_drawn(accuracies):
    one = accuracies.query("model == 'fusion' and subject == 'a'")
    many = pd.concat([one.assign(model=f"model {k}") for k in range(20)])
    figure = robustness(robustness_table(many))
    assert len(figure.legends[0].get_texts()) == 20
    figure.canvas.draw()
