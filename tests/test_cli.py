"""One command from recordings to tables, figures and a card; stopped it goes on; what is wrong is one line."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gaitlib
from gaitlib.cli import main
from gaitlib.datasets import write_azure_pressure

CONFIGS = Path(__file__).parents[1] / "configs"
STUDY = """\
data: {loader: synthetic_trials, n_subjects: 3, n_walks: 1}
models: [extra_trees, majority]
results: %s
"""


@pytest.fixture
def study(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(STUDY % (tmp_path / "made"))
    return str(file)


@pytest.mark.slow
def test_a_study_ends_in_tables_figures_and_cards_and_goes_on_where_it_was(study, tmp_path, capsys):
    assert main(["run", study]) == 0
    told = capsys.readouterr().out
    assert "SYNTHETIC" in told and "leave-one-subject-out" in told
    made = tmp_path / "made"
    files = {str(f.relative_to(made)) for f in made.rglob("*") if f.is_file() and "runs" not in f.parts}
    assert {"cards/extra_trees.md", "figures/confusion_extra_trees.png", "tables/models.csv"} <= files
    folds = {
        f: f.stat().st_mtime_ns
        for f in (made / "runs").rglob("*")
        if f.is_file() and f.parent.parent.parent.name == "runs"
    }
    assert main(["run", study, "--models"]) == 0
    assert {f: f.stat().st_mtime_ns for f in folds} == folds  # nothing was trained again
    assert set(gaitlib.GaitClassifier.load(made / "models" / "extra_trees").fitted_subjects_) == {
        f"subject0{n}" for n in (1, 2, 3)
    }
    capsys.readouterr()
    assert main(["show", str(made)]) == 0
    shown = capsys.readouterr().out
    table = pd.read_csv(made / "tables" / "models.csv")
    assert all(f"{accuracy:.3f}" in shown for accuracy in table["accuracy"])


def test_a_dry_run_estimates_and_leaves_nothing(study, tmp_path, capsys):
    assert main(["run", study, "--dry-run", "--set", "models=[majority]"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"leave-one-subject-out\s+majority\s+3\s+\d+\s+6", told)
    assert not (tmp_path / "made").exists()


PERSON = "protocols=[{LeaveOneSubjectOut: {validation: false, n_people: 1}}]"
FEW = ("training.epochs=1", "models=[extra_trees, temporal_cnn]")
WALKS = ("data.n_subjects=2", "data.n_walks=1")
QUICK = {  # what makes a study small
    "clinical_attention": [*WALKS, "training.epochs=1", "models.prior.controls=null"],
    "gait_recognition": [*WALKS, "models.compact_gru.training.epochs=1"],
    "gait_signatures": [
        "data.n_subjects=8", "data.n_repetitions=1", "training.epochs=1", "models=[waveform_svm, cnn_a]",
        "protocols=[{SubjectKFold: {n_splits: 2, validation: false, stratify: true}}]",
    ],
    "imu_pretraining": ["data.n_subjects=4", "data.seconds=4", "data.datasets=[synthetic_foot]", *FEW],
    "pathological_gait_benchmark": [
        "data.n_subjects=3", "data.n_walks=1", "models={either_side: {recipe: either_side}}", PERSON,
    ],
    "physiology": ["data.n_subjects=6", "data.n_segments=[2, 2, 2]", "training.epochs=1", PERSON],
    "which_model": [
        "data.n_subjects=2", "data.n_walks=2", "models=[linear_svm, extra_trees]",
        "protocols=[{LeaveOneSubjectOut: {validation: false}}, {TrialKFold: {n_splits: 2, validation: false}}]",
    ],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_study_that_ships_runs(file, tmp_path):
    small = [*QUICK[file.stem], "n_jobs=1", f"results={tmp_path}"]
    assert main(["run", str(file), *[f"--set={change}" for change in small]]) == 0
    assert (tmp_path / "tables" / "models.csv").exists()


@pytest.mark.slow
def test_a_saved_model_says_what_it_thinks_of_new_recordings_and_warns_of_known_people(tmp_path, capsys):
    trials = gaitlib.synthetic_trials(n_subjects=3, n_walks=2)
    first = ~trials.table.duplicated(["subject", "label"]).to_numpy()
    known = trials.subjects != "subject03"
    model = gaitlib.GaitClassifier("extra_trees", validation=None).fit(trials[first & known])
    model.save(tmp_path / "model")
    few = trials[[*np.flatnonzero(~first & known)[:2], *np.flatnonzero(~known)[:2]]]  # other recordings of the known
    write_azure_pressure(few, tmp_path / "recordings")
    out = tmp_path / "said"
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "recordings"), "--results", str(out)]) == 0
    assert "2 of 4 are of people whom the model has learnt from" in capsys.readouterr().out
    table = pd.read_csv(out / "predictions.csv")
    assert table["of a known person"].tolist() == [True, True, False, False]
    assert set(table["predicted"]) <= set(trials.classes)
    assert len(list(out.glob("*.png"))) == 2  # of new people only


def test_what_is_wrong_is_one_line_and_status_one(study, tmp_path, capsys):
    assert main(["run", study, "--set", "modls=3"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("gaitlib: ") and "did you mean models" in told and told.count("\n") == 1
    assert main(["show", str(tmp_path / "nowhere")]) == 1
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 1


@pytest.mark.slow
def test_it_is_a_command(study):
    command = [sys.executable, "-m", "gaitlib", "run", study, "--set", "seed=-1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 1
    assert "small.yaml, --set: 'seed' is a whole number from 0, not -1" in done.stderr
    assert "Traceback" not in done.stderr
