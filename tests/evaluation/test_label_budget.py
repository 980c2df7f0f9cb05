"""A budget of labels in a benchmark: labels of the budget alone are learnt, the rest is handed over without any."""

import numpy as np
import pytest

import gaitlib
from gaitlib import GaitClassifier, GaitRegressor, LabelBudget, SubjectHoldout, Target, TrialSet
from gaitlib.evaluation.fold import train_fold
from gaitlib.evaluation.key import describe
from gaitlib.results.stored import About
from gaitlib.saving import digest

ALL = SubjectHoldout(n_people=1, validation=False)
ONE = LabelBudget(ALL, people=1, draw=2)
SEEN = []


class Recorder(GaitClassifier):
    """Notes what it is given to learn from."""

    def fit(self, trials, y=None, validation=None, unlabelled=None):
        SEEN.append((trials, validation, unlabelled))
        return super().fit(trials, y, validation, unlabelled)


def test_the_rest_is_handed_over_without_its_labels(tiny_trials):
    (fold,) = ONE.folds(tiny_trials)
    SEEN.clear()
    outcome = train_fold(Recorder("majority"), tiny_trials, fold, seed=0)
    ((learnt, watched, unlabelled),) = SEEN
    assert learnt.ids.tolist() == tiny_trials.ids[fold.train].tolist()
    assert unlabelled.ids.tolist() == tiny_trials.ids[fold.unlabelled].tolist()
    assert watched is None
    assert unlabelled.table["label"].isna().all()
    assert unlabelled.classes == []
    assert outcome.learnt["fitted_on"] == learnt.ids.tolist()
    assert set(outcome.tested["trial"]) == set(tiny_trials.ids[fold.test])


def test_without_unlabelled_trials_nothing_is_handed_over(tiny_trials):
    SEEN.clear()
    train_fold(Recorder("majority"), tiny_trials, ALL.folds(tiny_trials)[0], seed=0)
    assert SEEN[0][2] is None


def test_no_declared_target_of_the_rest_is_handed_over():
    rng, n = np.random.default_rng(0), 32
    targets = {"speed": Target("continuous", rng.normal(size=n), "m/s"), "fall": Target("binary", [0, 1] * 16)}
    targets |= {"shoe": Target("class", list("ab") * 16), "clinic": ["north"] * n}
    trials = TrialSet.from_arrays(
        {"emg": rng.normal(size=(n, 20, 1))}, subject=np.repeat(list("abcd"), 8), label=list("xy") * 16, targets=targets
    )
    (fold,) = ONE.folds(trials)
    SEEN.clear()
    train_fold(Recorder("majority", heads=["label", "speed", "fall", "shoe"]), trials, fold, seed=0)
    table = SEEN[0][2].table
    assert table[["label", "speed", "fall", "shoe"]].isna().all(axis=None)
    assert (table["clinic"] == "north").all()
    assert not any(target.known.any() for target in SEEN[0][2].targets.values())


def test_a_benchmark_learns_the_budget_and_says_so(tiny_trials, tmp_path):
    budgets = [LabelBudget(ALL, people=1, draw=d) for d in (0, 1)] + [LabelBudget(ALL)]
    runs = gaitlib.benchmark("majority", tiny_trials, budgets, store=tmp_path, progress=False)
    folds = {p.name: p.folds(tiny_trials)[0] for p in budgets}
    for run in gaitlib.open_runs(tmp_path).runs:
        assert run.folds[0].learnt["fitted_on"] == tiny_trials.ids[folds[run.protocol].train].tolist()
        assert run.on_new_people
        assert "a new person, from the labels of" in str(run.claim)
    assert {f.verdict for f in runs.audit().findings} == {"ok"}
    assert len(list(tmp_path.iterdir())) == 3


def test_a_continuous_target_has_a_budget_of_people(tmp_path):
    rng = np.random.default_rng(0)
    speed = Target("continuous", rng.normal(size=32), "m/s")
    trials = TrialSet.from_arrays(
        {"emg": rng.normal(size=(32, 20, 1))}, subject=np.repeat(list("abcd"), 8), targets={"speed": speed}
    )
    model = GaitRegressor("majority", heads=["speed"])
    runs = gaitlib.benchmark({"constant": model}, trials, [ONE], store=tmp_path, progress=False)
    learnt = runs.runs[0].folds[0].learnt["fitted_on"]
    assert len(learnt) == 8
    assert not runs.audit().leaks


@pytest.mark.parametrize("protocol", [ALL, LabelBudget(ALL)])
def test_folds_without_unlabelled_trials_keep_the_key_of_before(tiny_trials, protocol):
    folds, about = protocol.folds(tiny_trials), About.of(tiny_trials)
    made = describe("m", GaitClassifier("majority"), tiny_trials, about, protocol, folds, 0, 1)["folds"]
    assert made == {f.name: digest([f.train, f.validation, f.test]) for f in folds}


def test_unlabelled_trials_are_part_of_the_key(tiny_trials):
    (fold,) = ONE.folds(tiny_trials)
    fewer = [type(fold)(fold.name, fold.train, fold.validation, fold.test, fold.unlabelled[k:]) for k in (0, 1)]
    about = About.of(tiny_trials)
    keys = [describe("m", GaitClassifier("majority"), tiny_trials, about, ONE, [f], 0, 1)["folds"] for f in fewer]
    assert keys[0] != keys[1]
