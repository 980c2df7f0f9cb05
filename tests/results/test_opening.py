"""Stored runs open from disk alone: moved, read-only, without trials, without a backend, whatever lies beside them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, open_runs
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder

TREES = GaitClassifier(Builder("extra_trees", n_estimators=10))


@pytest.fixture(scope="module")
def made(tiny_trials, tmp_path_factory):
    """Runs as a benchmark returned them, and their store."""
    store = tmp_path_factory.mktemp("store")
    models = {"trees": TREES, "majority": "majority"}
    protocols = [LeaveOneSubjectOut(validation=False), RandomTrialSplit(validation=False)]
    return gaitlib.benchmark(models, tiny_trials, protocols, store=store, progress=False), store


@pytest.fixture
def store(made, tmp_path):
    """A copy of the store in another place."""
    return shutil.copytree(made[1], tmp_path / "moved")


def by_run(table):
    return table.sort_values(["model", "protocol"], ignore_index=True)


def test_everything_that_is_read_is_what_the_benchmark_returned(made, store):
    runs, opened = made[0], open_runs(store)
    pd.testing.assert_frame_equal(by_run(opened.table()), by_run(runs.table()))
    keys = ["model", "protocol", "trial"]
    pd.testing.assert_frame_equal(
        opened.predictions().sort_values(keys, ignore_index=True),
        runs.predictions().sort_values(keys, ignore_index=True),
    )
    pd.testing.assert_frame_equal(by_run(opened.calibration()), by_run(runs.calibration()))
    assert opened.model_card("trees") == runs.model_card("trees")
    pd.testing.assert_frame_equal(opened.compare().pairs, runs.compare().pairs)
    assert set(opened.audit().findings) == set(runs.audit().findings)
    assert opened.skipped.empty
    assert opened.trials is None


def test_it_writes_nothing_and_loads_no_backend(store, tmp_path):
    code = f"""
import sys, gaitlib
runs = gaitlib.open_runs({str(store)!r})
runs.table(); runs.predictions(); runs.calibration(); runs.compare(); runs.model_card("trees")
gaitlib.plots.per_subject(runs)
print({{"tensorflow", "keras"}} & set(sys.modules))
"""
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*")}
    for p in [*store.rglob("*"), store]:
        os.chmod(p, 0o555 if p.is_dir() else 0o444)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"
    assert {p: p.stat().st_mtime_ns for p in store.rglob("*")} == before


def test_with_the_trials_a_stranger_is_asked(made, store, tiny_trials):
    opened = open_runs(store, tiny_trials, model="trees")
    assert {run.model for run in opened.runs} == {"trees"}
    model = opened.classifier_for(tiny_trials[0])
    assert tiny_trials.subjects[0] not in {t[:3] for t in model.fitted_on_}
    with pytest.raises(GaitDataError, match="no run on just these trials"):
        open_runs(store, tiny_trials[1:])


def test_what_is_damaged_or_something_else_is_named_and_the_rest_opens(store):
    (run,) = store.glob("trees-LeaveOneSubjectOut-*")
    (run / "s02" / "predictions.csv").write_text("{")
    (store / "thesis").mkdir()
    (store / "notes.txt").write_text("")
    (old,) = store.glob("majority-RandomTrialSplit-*")
    kept = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps({k: v for k, v in kept.items() if k not in ("format", "run")}))
    with pytest.warns(UserWarning, match="4 not opened"):
        opened = open_runs(store)
    reasons = opened.skipped.set_index("place")["reason"]
    assert "damaged" in reasons[str(run / "s02")]
    assert "no run of gaitlib" in reasons[str(store / "thesis")]
    assert "no run of gaitlib" in reasons[str(store / "notes.txt")]
    assert "written before runs could be opened" in reasons[str(old)]
    assert opened.table().set_index(["model", "protocol"])["subjects"].loc["trees"].tolist() == [3, 4]
    assert (run / "s02").exists()  # only a benchmark sets it aside


def test_failed_folds_are_told_with_their_reason(tiny_trials, tmp_path):
    hot = GaitClassifier("compact_gru", training=gaitlib.Training(epochs=5, learning_rate=1e38, clip_norm=None))
    with pytest.warns(UserWarning, match="folds failed"):
        models = {"hot": hot, "majority": "majority"}
        runs = gaitlib.benchmark(models, tiny_trials, [gaitlib.SubjectHoldout()], store=tmp_path, progress=False)
    pd.testing.assert_frame_equal(open_runs(tmp_path).failures(), runs.failures())


def test_of_several_data_one_is_chosen(made, store, tiny_trials):
    other = replace(tiny_trials[tiny_trials.subjects != "s04"], name="other walks")
    gaitlib.benchmark("majority", other, store=store, progress=False)
    with pytest.raises(GaitDataError, match="several data, give trials= or data= one of: SYNTHETIC.*; other walks"):
        open_runs(store)
    assert open_runs(store, data="other walks").about.subjects == 3
    assert len(open_runs(store, tiny_trials).runs) == 4


def test_places_without_runs_are_refused(tmp_path):
    with pytest.raises(GaitDataError, match="no such folder; give the store="):
        open_runs(tmp_path / "nowhere")
    with pytest.raises(GaitDataError, match="no run that can be opened"):
        open_runs(tmp_path)
