"""Figures of pretraining show the numbers they are given: spans, curves, budgets and groups."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from gaitlib.errors import GaitDataError
from gaitlib.plots import embedding_map, label_budget_curves, pretraining_curves, reconstruction
from gaitlib.plots.house_style import PALETTE

CHANNELS = ["acc_x", "acc_y", "acc_z", "gyro_x"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(axis, name):
    """The numbers of the line with that name."""
    (line,) = [line for line in axis.lines if line.get_label() == name]
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


# -- reconstruction --------------------------------------------------------------------------------------


def recordings(n=20):
    original, made, straight = np.random.default_rng(0).normal(size=(3, n, 4))
    hidden = np.zeros(n, dtype=bool)
    hidden[[0, 1, 5, 6, 7, 19]] = True
    return original, made, hidden, straight


def test_each_channel_has_its_lines_over_seconds():
    original, made, hidden, _ = recordings()
    figure = reconstruction(original, made, hidden, 50, CHANNELS, "m/s2", title="SYNTHETIC walk")
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in panels] == ["acc x", "acc y", "acc z", "gyro x"]
    for c, axis in enumerate(panels):
        for name, values in (("original", original), ("reconstruction", made)):
            time_s, y = drawn(axis, name)
            np.testing.assert_allclose(time_s, np.arange(20) / 50)
            np.testing.assert_array_equal(y, values[:, c])
        assert len(axis.lines) == 2
        assert axis.get_ylabel() == "m/s2"
    assert {axis.get_xlabel() for axis in figure.axes} == {"", "time (s)"}
    assert "SYNTHETIC walk" in figure.get_suptitle()
    assert "30% of 20 frames" in figure.get_suptitle()


def test_just_the_hidden_spans_are_shaded():
    original, made, hidden, _ = recordings()
    axis = reconstruction(original, made, hidden, 10, CHANNELS, "g").axes[0]
    spans = sorted((p.get_x(), p.get_x() + p.get_width()) for p in axis.patches)
    np.testing.assert_allclose(spans, [(-0.05, 0.15), (0.45, 0.75), (1.85, 1.95)])
    assert not reconstruction(original, made, ~hidden & hidden, 10, CHANNELS, "g").axes[0].patches


def test_straight_lines_are_drawn_across_hidden_spans_alone():
    original, made, hidden, straight = recordings()
    units = ["m/s2"] * 3 + ["rad/s"]
    axes = reconstruction(original, made, hidden, 10, CHANNELS, units, interpolated=straight).axes
    _, y = drawn(axes[3], "linear interpolation")
    shown = [0, 1, 2, 4, 5, 6, 7, 8, 18, 19]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(y)), shown)
    np.testing.assert_array_equal(y[shown], straight[shown, 3])
    assert [axis.get_ylabel() for axis in axes[:4]] == units


@pytest.mark.parametrize("part", ["original", "reconstructed", "hidden", "channels", "interpolated"])
def test_arrays_that_do_not_fit_are_refused(part):
    original, made, hidden, straight = recordings()
    given = {
        "original": original,
        "reconstructed": made,
        "hidden": hidden,
        "channels": CHANNELS,
        "interpolated": straight,
    }
    with pytest.raises(GaitDataError, match=r"is of shape \(.*\), not \(.*\): frames"):
        reconstruction(**given | {part: given[part][:-1]}, rate_hz=50, unit="g")


# -- curves of pretraining -------------------------------------------------------------------------------


def history(watched=True):
    epoch = np.arange(1, 11)
    table = pd.DataFrame(
        {"epoch": epoch, "loss": 1 / epoch, "correlation": 1 - 1 / epoch, "learning_rate": 1e-3 / epoch}
    )
    if watched:
        table = table.assign(val_loss=(epoch - 7.0) ** 2 / 50, val_correlation=0.5)
    return table


def test_loss_and_correlation_of_both_sides_and_the_rate():
    table = history()
    figure = pretraining_curves(table, "SYNTHETIC IMU")
    for axis, name in zip(figure.axes, ("loss", "correlation"), strict=False):
        for words, column in (("people learnt from", name), ("people held out", f"val_{name}")):
            epoch, y = drawn(axis, words)
            np.testing.assert_array_equal(epoch, table["epoch"])
            np.testing.assert_array_equal(y, table[column])
    np.testing.assert_array_equal(figure.axes[2].lines[0].get_ydata(), table["learning_rate"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "people learnt from", "people held out", "lowest loss of people held out: epoch 7"
    ]  # fmt: skip
    assert [axis.get_xlabel() for axis in figure.axes] == ["epoch"] * 3
    assert figure.get_suptitle() == "SYNTHETIC IMU"


@pytest.mark.parametrize("table", [history(watched=False), history().assign(val_loss=np.nan, val_correlation=np.nan)])
def test_where_nobody_was_held_out_one_line_is_drawn(table):
    figure = pretraining_curves(table)
    assert [len(axis.lines) for axis in figure.axes] == [1, 1, 1]


def test_a_negative_correlation_is_in_the_picture():
    axis = pretraining_curves(history().assign(val_correlation=-0.3)).axes[1]
    assert axis.get_ylim()[0] < -0.3


# -- label budgets ---------------------------------------------------------------------------------------


def budgets(n_models=7, **columns):
    rows = [
        (f"model_{m}", b, 0.5 + 0.1 * k + 0.01 * m)
        for m in range(n_models)
        for k, b in enumerate(["1", "2", "5", "all"])
    ]
    table = pd.DataFrame(rows, columns=["model", "budget", "score"])
    return table.assign(low=table["score"] - 0.1, high=table["score"] + 0.05, **columns)


@pytest.mark.parametrize("n_models", [1, 7])
def test_scores_and_intervals_stand_over_evenly_spaced_budgets(n_models):
    table = budgets(n_models)
    axis = label_budget_curves(table).axes[0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "2", "5", "all"]
    assert axis.get_xticks().tolist() == [0, 1, 2, 3]
    assert axis.get_xlabel() == "labelled people a class"
    looks = set()
    for m in range(n_models):
        own = table[table["model"] == f"model_{m}"]
        x, y = drawn(axis, f"model {m}")
        np.testing.assert_allclose(y, own["score"])
        np.testing.assert_array_equal(np.round(x), range(4))
        segments = np.array(axis.collections[m].get_segments())
        np.testing.assert_allclose(segments[:, :, 0], np.column_stack([x, x]))
        np.testing.assert_allclose(segments[:, :, 1], own[["low", "high"]])
        line = next(line for line in axis.lines if line.get_label() == f"model {m}")
        looks.add((to_hex(line.get_color()), line.get_marker()))
        assert to_hex(axis.collections[m].get_colors()[0]) == to_hex(line.get_color())
    assert len(looks) == n_models, "models can be told apart"
    assert len({drawn(axis, f"model {m}")[0][0] for m in range(n_models)}) == n_models, "beside each other"


def test_a_model_that_lacks_a_budget_keeps_its_places():
    table = budgets(2).drop(index=[4, 6])  # model_1 at 1 and 5
    x, _ = drawn(label_budget_curves(table).axes[0], "model 1")
    assert np.round(x).tolist() == [1, 3]


def test_chance_measure_people_and_draws_are_said_where_they_are_known():
    figure = label_budget_curves(budgets(data="SYNTHETIC", measure="macro F1", people=80, draws=5, chance=0.4))
    axis = figure.axes[0]
    assert [line.get_ydata() for line in axis.lines if line.get_linestyle() == ":"][0] == [0.4, 0.4]
    assert axis.get_ylabel() == "macro F1"
    for words in ("SYNTHETIC", "80 tested", "5 draws", "dotted: chance"):
        assert words in figure.get_suptitle()
    plain = label_budget_curves(budgets(), of="labelled walks", title="mine")
    assert plain.get_suptitle() == "mine\n95 % interval over people"
    assert (plain.axes[0].get_xlabel(), plain.axes[0].get_ylabel()) == ("labelled walks", "score")
    assert len(plain.axes[0].lines) == 7


def test_two_rows_for_one_budget_are_refused():
    with pytest.raises(GaitDataError, match="'model_0' has two rows for the budget 2"):
        label_budget_curves(pd.concat([budgets(1), budgets(1).iloc[1:2]]))


# -- a map -----------------------------------------------------------------------------------------------


def shown(axis):
    """The drawn points with their colours, by place."""
    parts = [c for c in axis.collections if len(c.get_offsets())]
    points = np.concatenate([part.get_offsets() for part in parts])
    colours = [to_hex(c) for part in parts for c in part.get_facecolors()]
    return {tuple(np.round(p, 9)): c for p, c in zip(points.tolist(), colours, strict=True)}


def test_every_panel_has_all_points_in_the_colours_of_their_groups():
    points = np.random.default_rng(0).normal(size=(60, 2))
    groups = {
        "dataset": np.arange(60) % 3,
        "subject": np.arange(60) % 20,
        "label": np.array(list("xy"))[np.arange(60) % 2],
    }
    figure = embedding_map(points, groups, title="SYNTHETIC map")
    for axis, (name, group) in zip(figure.axes, groups.items(), strict=True):
        seen = shown(axis)
        colours = np.array([seen[tuple(np.round(p, 9).tolist())] for p in points])
        for value in set(group):
            assert len(set(colours[group == value])) == 1, f"one colour a {name}"
        assert len(set(colours)) == len(set(group))
        assert axis.get_title(loc="left").startswith(f"{name} ({len(set(group))} groups)")
    assert figure.get_suptitle() == "SYNTHETIC map"


def test_few_groups_have_a_legend_and_of_many_it_is_said_that_there_is_none():
    points = np.random.default_rng(0).normal(size=(60, 2))
    few, many = embedding_map(points, {"label": np.arange(60) % 10, "subject": np.arange(60) % 11}).axes
    assert [text.get_text() for text in few.get_legend().get_texts()] == [str(i) for i in range(10)]
    assert [to_hex(h.get_color()) for h in few.get_legend().legend_handles] == [to_hex(c) for c in PALETTE]
    assert many.get_legend() is None
    assert ["too many for a legend" in text.get_text() for text in many.texts] == [True]
    assert not few.texts


def test_shares_are_in_the_titles():
    points, groups = (
        np.random.default_rng(0).normal(size=(12, 2)),
        {"dataset": list("aabbcc") * 2, "label": list("xy") * 6},
    )
    shares = pd.DataFrame({"column": ["label", "dataset"], "within": ["dataset, subject", ""]})
    shares["corrected share"] = [-0.01, 0.412]
    titles = [axis.get_title(loc="left") for axis in embedding_map(points, groups, shares).axes]
    assert titles == [
        "dataset (3 groups)\nexplains 41 % beyond chance",
        "label (2 groups)\nexplains 0 % beyond dataset, subject",
    ]
    for unknown in (shares.iloc[1:], shares.assign(**{"corrected share": np.nan})):
        (axis,) = embedding_map(points, {"label": groups["label"]}, unknown).axes
        assert axis.get_title(loc="left").endswith("what it explains cannot be told")


def test_trials_without_a_group_are_grey_and_all_are_drawn():
    points = np.random.default_rng(0).normal(size=(9, 2))
    (axis,) = embedding_map(points, {"label": ["x", None, "y"] * 3}).axes
    seen = shown(axis)
    assert [seen[tuple(np.round(p, 9).tolist())] for p in points[1::3]] == ["#cccccc"] * 3
    assert len(seen) == 9
    with pytest.raises(GaitDataError, match="'label' has 8 values for 9 points"):
        embedding_map(points, {"label": list("xxxxyyyy")})
