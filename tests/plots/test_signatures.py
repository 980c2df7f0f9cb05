"""Signature figures: what is drawn is the mean curve, its colours are the relevance, and the circles are right."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from gaitlib import TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.explain.attribution import Relevance
from gaitlib.explain.signatures.averages import signature
from gaitlib.plots.relevance_maps import joint_phase, pressure_regions
from gaitlib.plots.signatures import COLD_TO_HOT, signatures_of_models
from gaitlib.plots.signatures import signature as draw
from gaitlib.trials.modality import Modality, object_array

CHANNELS = ("left_knee_x", "left_knee_deg", "right_hip_deg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def explained():
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=(21, 3)).cumsum(axis=0).astype(np.float32) for _ in range(6)]
    trials = TrialSet.from_arrays(
        {"angles": walks}, subject=list("aabbcc"), label=["slow"] * 4 + ["fast"] * 2, channels=CHANNELS, rate_hz=50,
        unit="degrees", name="SYNTHETIC curves",
    )  # fmt: skip
    values = object_array([rng.normal(size=(21, 3)).astype(np.float32) for _ in walks])
    return Relevance(
        {"angles": values}, {"angles": CHANNELS}, trials.table.assign(target=trials.labels), trials, "lrp", trials
    )


def coloured(axis):
    (lines,) = (c for c in axis.collections if isinstance(c, LineCollection) and c.get_array() is not None)
    return lines


def circles(axis):
    return [line.get_xydata()[0] for line in axis.lines if line.get_marker() == "o"]


def test_curves_are_the_mean_signal_coloured_by_relevance_on_one_symmetric_scale(explained):
    found = signature(explained)
    figure = draw(found, "GRU, a new person", stance_percent=(0, 60))
    panels = np.array(figure.axes[:6]).reshape(3, 2)
    for (c, g), axis in np.ndenumerate(panels):
        lines = coloured(axis)
        middle = np.array([piece[1] for piece in lines.get_segments()])
        np.testing.assert_allclose(middle, np.column_stack([found.phase, found.signal[g, :, c]]))
        np.testing.assert_array_equal(lines.get_array(), found.relevance[g, :, c])
        assert lines.get_clim() == pytest.approx((-np.abs(found.relevance).max(), np.abs(found.relevance).max()))
    assert sum(len(circles(axis)) for axis in panels.flat) == 4  # two sides of two groups
    best = found.highest().set_index(["group", "side"]).loc[("slow", "right")]
    axis = panels[CHANNELS.index(best["channel"]), found.groups.index("slow")]
    assert circles(axis)[0][0] == best["phase_percent"]
    assert "SYNTHETIC curves\nGRU, a new person\nLRP: mean angles (degrees)" in figure.get_suptitle()
    assert panels[0, 1].get_title(loc="left") == "slow\n2 subjects, 4 trials"


def test_colours_are_black_at_zero_and_read_on_white():
    shades = COLD_TO_HOT([0, 0.5, 1.0])[:, :3]
    assert shades[1].max() < 0.02
    assert shades[0, 2] > 0.9 > 0.3 > shades[0, 0] and shades[2, 0] > 0.9 > 0.3 > shades[2, 2]
    linear = ((shades + 0.055) / 1.055) ** 2.4
    contrast = 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    assert contrast.min() > 1.6


def test_no_circle_where_nothing_supports(explained):
    against = object_array([-np.abs(v) for v in explained.values["angles"]])
    found = signature(
        Relevance({"angles": against}, explained.channels, explained.table, explained.trials, "lrp", explained.trials)
    )
    assert not any(circles(axis) for axis in draw(found).axes)


def test_one_row_a_model_with_a_line_for_each_trial(explained):
    own = signature(explained, "subject", phase_of="stance").select(groups=["b"])
    both = ("gru", "svm_linear")
    figure = signatures_of_models(dict.fromkeys(both, own), dict.fromkeys(both, explained))
    panels = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert [axis.get_ylabel() for axis in panels[::2]] == ["gru", "svm linear"]
    curves = [line for line in panels[1].lines if len(line.get_xdata()) == 21]
    assert len(curves) == 2 * 3
    drawn = np.array([line.get_ydata() for line in curves]).reshape(3, 2, 21)
    np.testing.assert_array_equal(drawn, np.stack(explained.values["angles"][2:4]).transpose(2, 0, 1))
    mean = signature(explained, "subject").select(groups=["b"]).relevance[0]
    pieces = [c for c in panels[0].collections if isinstance(c, LineCollection) and c.get_array() is not None]
    np.testing.assert_array_equal([c.get_array() for c in pieces], mean.T)
    assert "b, 2 trials; each channel over stance (0 to 100 %)" in figure.get_suptitle()
    with pytest.raises(GaitDataError, match="gru: one subject is drawn"):
        signatures_of_models({"gru": signature(explained, "subject")}, {"gru": explained})


def test_joints_by_phase_are_the_sums_of_their_channels(explained):
    found = signature(explained)
    figure = joint_phase(found, "GRU")
    mesh = figure.axes[1].collections[0]
    expected = np.stack([found.relevance[1][:, :2].sum(axis=1), found.relevance[1][:, 2]])
    np.testing.assert_allclose(mesh.get_array().reshape(2, 21), expected)
    assert mesh.get_clim()[0] == -mesh.get_clim()[1]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["left knee", "right hip"]
    with pytest.raises(GaitDataError, match="joints have no one signal"):
        draw(found.joints())


def test_the_sums_of_regions_stand_below_the_plate():
    image = np.zeros((40, 12), np.float32)
    image[2:14, 1:5], image[22:34, 7:11] = 3, 3
    table = TrialSet.from_arrays({"x": [np.ones(2)]}, subject=["a"], label=["ill"])
    trials = table.with_modality("x", Modality("image", tuple(map(str, range(12))), "raw", object_array([image])))
    values = np.zeros((40, 12), np.float32)
    values[31, 8], values[3, 2] = 0.5, -0.25
    found = signature(
        Relevance(
            {"x": [values]}, {"x": tuple(map(str, range(12)))}, table.table.assign(target="ill"), trials, "lrp", trials
        )
    )
    figure = pressure_regions(found)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), values)
    below = figure.axes[1]
    np.testing.assert_allclose(below.images[0].get_array(), [[0, 0.5], [0, 0], [-0.25, 0]], atol=1e-7)
    assert [text.get_text() for text in below.texts] == ["0", "0.5", "0", "0", "-0.25", "0"]
    with pytest.raises(GaitDataError, match="draw them with plots.pressure_regions"):
        draw(found)


def test_too_many_panels_are_refused(explained):
    many = signature(explained).select(channels=list(CHANNELS) * 5)
    with pytest.raises(GaitDataError, match="15 channels and 2 groups are too many to read"):
        draw(many)
    with pytest.raises(GaitDataError, match="need a signature of pressure images"):
        pressure_regions(many)
