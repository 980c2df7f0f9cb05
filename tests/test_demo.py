"""The demo: offers what strangers predicted, shows a choice, and works without lists."""

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from planted import planted_trials

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, SubjectHoldout
from gaitlib.demo import Demo
from gaitlib.errors import GaitDataError


@pytest.fixture(scope="module")
def trials():
    return planted_trials(n_subjects=3, n_walks=2)


@pytest.fixture(scope="module")
def runs(trials, tmp_path_factory):
    """Two models of which one was tested on all subjects, the other on one of them."""
    store = tmp_path_factory.mktemp("store")
    parts = [
        gaitlib.benchmark(models, trials, protocols, store=store, progress=False)
        for models, protocols in (
            ({"trees": GaitClassifier("extra_trees")}, [RandomTrialSplit(validation=False), LeaveOneSubjectOut()]),
            ({"majority": "majority"}, [SubjectHoldout()]),
        )
    ]
    return type(parts[0])([run for part in parts for run in part.runs], trials)


@pytest.fixture
def shell():
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def shown(demo):
    with capture_output() as captured:
        demo._ipython_display_()
    return captured.outputs


def lists_of(outputs):
    import ipywidgets

    view = next(o.data for o in outputs if "application/vnd.jupyter.widget-view+json" in o.data)
    box = ipywidgets.widgets.widget._instances[view["application/vnd.jupyter.widget-view+json"]["model_id"]]
    return {child.description: child for child in box.children}


def test_only_what_strangers_predicted_is_offered(runs, trials):
    offered = Demo(runs, trials).offered
    held_out = runs.predictions().query("model == 'majority'")["subject"].unique()
    assert list(offered["model"].unique()) == ["trees", "majority"]
    assert sorted(offered.loc[offered["model"] == "trees", "trial"]) == sorted(trials.ids)
    assert set(offered.loc[offered["model"] == "majority", "subject"]) == set(held_out)
    some = Demo(runs, trials[trials.subjects == "s02"], model="trees").offered
    assert (len(some), set(some["subject"]), set(some["model"])) == (12, {"s02"}, {"trees"})


def test_without_a_subject_disjoint_run_there_is_no_demo(runs, trials):
    random = type(runs)([run for run in runs.runs if not run.on_new_people], runs.trials)
    with pytest.raises(GaitDataError, match=r"add LeaveOneSubjectOut\(\)"):
        Demo(random, trials)
    with pytest.raises(GaitDataError, match="no subject-disjoint run of gru tested"):
        Demo(runs, trials, model="gru")


def test_an_executed_notebook_keeps_pictures_of_the_first_trial(shell, runs, trials):
    demo = Demo(runs, trials)
    lists, picture, moving = shown(demo)
    assert "Run this notebook" in lists.data["text/plain"]
    assert picture.data["image/png"]
    assert f"{demo.offered.loc[0, 'trial']}, " in moving.data["text/html"]


def test_a_choice_replaces_the_pictures(shell, runs, trials):
    outputs = shown(Demo(runs, trials))
    lists = lists_of(outputs)
    assert list(lists) == ["model", "subject", "gait", "trial"]
    with capture_output() as captured:
        lists["gait"].value = "steppage"
    assert [o.update for o in captured.outputs] == [True, True]
    assert [o.transient for o in captured.outputs] == [o.transient for o in outputs[1:]]
    assert "s01/steppage/01, steppage" in captured.outputs[1].data["text/html"]
    assert captured.outputs[0].data["image/png"] != outputs[1].data["image/png"]


def test_each_list_offers_what_those_before_it_leave(shell, runs, trials):
    demo = Demo(runs, trials)
    lists = lists_of(shown(demo))
    with capture_output():
        lists["gait"].value = "lurching"
        lists["subject"].value = "s03"
        assert (lists["gait"].value, lists["trial"].value) == ("lurching", "s03/lurching/01")
        assert lists["trial"].options == ("s03/lurching/01", "s03/lurching/02")
        lists["model"].value = "majority"
        tested = demo.offered.query("model == 'majority'")["subject"].unique()
        assert lists["subject"].options == tuple(tested)
        assert lists["trial"].value == f"{tested[0]}/lurching/01"


def test_one_choice_is_drawn_once(shell, runs, trials):
    lists = lists_of(shown(Demo(runs, trials)))
    with capture_output() as captured:
        lists["model"].value = "majority"  # changes three lists below
    assert len(captured.outputs) == 2


def test_without_ipywidgets_there_are_pictures_and_no_lists(shell, runs, trials, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert [set(o.data) & {"image/png", "text/html"} for o in shown(Demo(runs, trials))] == [
        {"image/png"},
        {"text/html"},
    ]
