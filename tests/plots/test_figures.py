"""Figures: each is drawn from stored results, says what data it shows, and can be saved."""

import matplotlib.pyplot as plt
import pytest

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, Training, plots, recipes
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder


@pytest.fixture(scope="module")
def runs(tiny_trials, tmp_path_factory):
    small = GaitClassifier(Builder("compact_gru", units=4), training=Training(epochs=2, patience=10))
    protocols = [LeaveOneSubjectOut(), RandomTrialSplit(validation=False)]
    store = tmp_path_factory.mktemp("store")
    models = {"compact_gru": small, "majority": "majority"}
    return gaitlib.benchmark(models, tiny_trials, protocols, store=store, progress=False)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def titled(figure):
    return figure.get_suptitle()


def test_every_title_says_that_the_data_are_synthetic(runs, tiny_trials):
    prepared = recipes.steps_for(tiny_trials)[:2].fit_transform(tiny_trials)
    figures = [
        plots.stick_figures(tiny_trials),
        plots.before_and_after(tiny_trials, prepared, "left_knee_y", "normal"),
        plots.learning_curves(runs, "compact_gru"),
        plots.confusion_matrices(runs, "majority"),
        plots.per_subject(runs),
        plots.per_class(runs),
    ]
    assert all("SYNTHETIC" in titled(figure) for figure in figures)


def test_a_panel_for_every_class_protocol_and_model(runs, tiny_trials):
    assert sum(axis.axison for axis in plots.stick_figures(tiny_trials).axes) == 6
    assert [a.get_title(loc="left").split("\n")[0] for a in plots.confusion_matrices(runs, "majority").axes] == [
        LeaveOneSubjectOut.name,
        RandomTrialSplit.name,
    ]
    assert [axis.get_title() for axis in plots.per_subject(runs).axes] == ["compact gru", "majority"]


def test_walks_told_wrong_are_drawn_with_what_was_told(runs, tiny_trials):
    told = runs.predictions().query("model == 'majority'").head(3)
    figure = plots.told_wrong(tiny_trials, told)
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.axison]
    assert len(titles) == 3 and "walks told wrong" in titled(figure)
    assert all(row.subject in title for row, title in zip(told.itertuples(), titles, strict=True))


def test_dots_are_the_subjects_accuracies(runs):
    figure = plots.per_subject(runs)
    line = figure.axes[1].lines[0]
    accuracy = runs.per_subject()["majority"][LeaveOneSubjectOut.name]
    assert line.get_xdata().tolist() == accuracy.tolist()
    assert list(line.get_ydata()) == list(accuracy.index)


def test_watched_trials_are_drawn_where_there_are_some(runs):
    watched = plots.learning_curves(runs, "compact_gru", LeaveOneSubjectOut.name)
    alone = plots.learning_curves(runs, "compact_gru", RandomTrialSplit.name)
    assert len(watched.axes[0].lines) == 8
    assert len(alone.axes[1].get_legend().get_texts()) == 1


def test_models_without_epochs_are_refused_by_name(runs):
    with pytest.raises(GaitDataError, match="'majority' has no epochs to draw; networks with some: .'compact_gru'"):
        plots.learning_curves(runs, "majority")


def test_save_makes_the_folder_and_hands_the_figure_on(tiny_trials, tmp_path):
    figure = plots.stick_figures(tiny_trials)
    assert plots.save(figure, tmp_path / "figures" / "sticks.png") is figure
    assert (tmp_path / "figures" / "sticks.png").read_bytes().startswith(b"\x89PNG")
