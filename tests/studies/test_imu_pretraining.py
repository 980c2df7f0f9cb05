"""The choices of the notebook on encoders of inertial recordings."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gaitlib
from gaitlib import GaitDataError, LabelBudget
from gaitlib.encoders.origins import learnt
from gaitlib.evaluation.fold import fold_seed
from gaitlib.preprocessing import FuseSensors
from gaitlib.studies import base
from gaitlib.studies import imu_pretraining as study
from gaitlib.trials.joining import stacked

QUICK = base.profile("quick")


@pytest.fixture(scope="module")
def trials():
    made = gaitlib.synthetic_imu(
        4, ["synthetic_foot", "synthetic_wrist"], ["walking", "healthy", "impaired"], 2, seconds=4, class_effect=2
    )
    return FuseSensors().fit_transform(made)


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("GAIT_RESULTS", str(tmp_path))


def test_without_data_the_recordings_are_synthetic_and_say_so(monkeypatch):
    monkeypatch.setenv("GAIT_DATA", "synthetic")
    recorded = study.open_recordings(QUICK)
    assert recorded.name.startswith("SYNTHETIC") and study.notes(recorded) == ["openly synthetic: made, not loaded"]
    table = study.overview(recorded)
    assert table["people"].tolist() == [8] * 3 and table["rate (Hz)"].tolist() == [100, 200, 50]
    assert study.one_of_each(recorded) == [f"synthetic_{place}/p01_impaired1" for place in ("foot", "waist", "wrist")]


def test_files_are_found_in_the_folder_of_all_data_and_alone(trials, monkeypatch, tmp_path):
    made = gaitlib.synthetic_imu(2, ["synthetic_foot"], ["walking", "running"], 1, seconds=3)
    gaitlib.datasets.write_imu(made, tmp_path / "imu")
    for given in (tmp_path, tmp_path / "imu"):
        monkeypatch.setenv("GAIT_DATA", str(given))
        found = study.open_recordings(QUICK)
        assert found.ids.tolist() == made.ids.tolist() and any("gravity" in note for note in study.notes(found))


def test_a_question_has_labels_of_one_dataset_and_all_the_others_without(trials):
    tasks = study.tasks(trials)
    assert list(tasks) == [
        "synthetic_foot: healthy or impaired", "synthetic_wrist: healthy or impaired",
        "synthetic_foot: which activity", "synthetic_wrist: which activity",
    ]  # fmt: skip
    for name, task in tasks.items():
        known = study.labelled(task)
        assert len(task) == len(trials) and set(known.table["dataset"]) == {name.partition(":")[0]}
        assert set(known.labels) == ({"walking"} if "which" in name else {"healthy", "impaired"})
    table = study.classes_of(tasks)
    assert table["recordings"][0] == "healthy 4 of 2 people, impaired 4 of 2 people"
    assert table["without a label"].tolist() == [24] * 4


def test_codes_of_falls_become_two_classes_and_stay_apart_by_their_codes(trials):
    table = trials.table
    code = table["label"].map({"walking": "D01", "healthy": "D02", "impaired": "F03"})
    codes = code.where(table["dataset"] == "synthetic_foot", table["label"])
    coded = gaitlib.TrialSet(table.assign(label=codes), trials.modalities)
    tasks = study.tasks(coded)
    falls = study.labelled(tasks["synthetic_foot: fall or daily activity"])
    assert dict(zip(falls.ids, falls.labels, strict=True)) == {
        i: "fall" if "impaired" in i else "daily activity" for i in trials.ids if "foot" in i
    }
    assert study.labelled(tasks["synthetic_foot: which activity or fall"]).classes == ["D01", "D02", "F03"]


@pytest.mark.slow
def test_what_learnt_before_the_benchmark_is_what_its_folds_learn(trials, tmp_path):
    """So the table of reconstructions and the label budget speak of the same encoders, and none learns twice."""
    task = study.tasks(trials)["synthetic_foot: healthy or impaired"]
    before = study.encoders_of_folds(QUICK, task)
    kept = sorted((tmp_path / "encoders").iterdir())
    assert len(kept) == len(before) == 2
    for fold in LabelBudget(study.new_people(QUICK), people=1, draw=3).folds(task):
        encoder, tested = before[fold.name]
        assert not set(encoder.fitted_subjects_) & set(tested.subjects)
        assert set(tested.subjects) == set(task.subjects[fold.test])
        everything = stacked(task[fold.train], task[fold.unlabelled])
        again = learnt(study.plan(QUICK), everything, fold_seed(0, 0, fold.name))
        assert again.fitted_on_ == encoder.fitted_on_
        for a, b in zip(again.weights_, encoder.weights_, strict=True):
            np.testing.assert_array_equal(a, b)
    assert sorted((tmp_path / "encoders").iterdir()) == kept
    shown = study.example(encoder, tested)
    assert shown["original"].shape == (128, 6) and shown["rate_hz"] == 50 and tested.ids[0] in shown["title"]
    features = study.embedding(encoder, tested)
    alone = study.embedding(encoder, tested[2])
    np.testing.assert_allclose(features[2], alone[0], atol=1e-5)
    assert features.shape == (len(tested), 64)


def test_renamed_people_are_the_same_people_under_other_names(trials):
    other = study.renamed(trials)
    assert not set(other.subjects) & set(trials.subjects) and not set(other.ids) & set(trials.ids)
    assert len(set(zip(other.subjects, trials.subjects, strict=True))) == len(set(trials.subjects))
    assert other.modalities is trials.modalities or other.modalities == trials.modalities


def test_networks_learn_equally_many_batches_and_trees_weigh_classes(monkeypatch):
    chosen = base.profile("default")
    monkeypatch.setitem(study.EFFORTS, "default", replace(study.EFFORTS["default"], steps=200, epochs=(3, 20)))
    few, many, most = (study.networks_and_trees(chosen, study.plan(QUICK), n) for n in (400, 1600, 10_000))
    assert [made[study.SCRATCH].training.epochs for made in (few, many, most)] == [16, 4, 3]
    assert few["fine-tuned"].training.start.model.parameters == few[study.SCRATCH].model.parameters
    assert all(model.training.class_weight == "balanced" for model in few.values())


def test_many_classes_are_counted_and_a_label_is_one_of_its_dataset(trials):
    many = [f"D0{i % 6}" for i in range(len(trials))]
    coded = gaitlib.TrialSet(trials.table.assign(label=many), trials.modalities)
    row = study.classes_of(study.tasks(coded)).query("question.str.contains('which')").iloc[0]
    assert row["classes"] == 6 and row["recordings"].count("people") == 4 and row["recordings"].endswith(", ...")
    known = study.known_of(trials)
    assert set(known["label"]) == {
        f"synthetic_{where}/{what}" for where in ("foot", "wrist") for what in ("walking", "healthy", "impaired")
    }


def test_what_a_benchmark_refuses_is_told_and_silence_is_an_error(trials, monkeypatch):
    def refuse(*_):
        raise GaitDataError("it has met p01")

    for said in (refuse, lambda *_: []):
        monkeypatch.setattr(study, "_probes", said)
        if said is refuse:
            assert study.refusal(QUICK, trials, None) == "it has met p01"
        else:
            with pytest.raises(AssertionError, match="was not refused"):
                study.refusal(QUICK, trials, None)


def test_the_quick_profile_leaves_out_what_is_slow_and_keeps_what_is_compared(trials, monkeypatch):
    asked = []
    monkeypatch.setattr(study, "_benchmark", lambda made, _, protocols: asked.append((list(made), len(protocols))))
    task = study.tasks(trials)["synthetic_foot: healthy or impaired"]
    monkeypatch.setitem(study.EFFORTS, "quick", replace(study.EFFORTS["quick"], budgets=(1,)))
    study.label_budgets(QUICK, task)
    assert asked == [(["trees", study.SCRATCH, study.PROBE, "fine-tuned"], 1)]


@pytest.mark.slow
def test_real_recordings_ask_the_questions_of_their_sets(monkeypatch):
    root = os.environ.get("GAIT_REAL_DATA")
    if not root or not (Path(root) / "imu").is_dir():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with inertial recordings")
    monkeypatch.setenv("GAIT_DATA", root)
    recorded = study.open_recordings(QUICK)
    assert list(study.tasks(recorded)) == [
        "ipol2019: healthy or orthopedic", "sisfall: fall or daily activity", "weda_fall: fall or daily activity",
        "sisfall: which activity or fall", "weda_fall: which activity or fall",
    ]  # fmt: skip
    first = study.labelled(study.tasks(recorded)["ipol2019: healthy or orthopedic"])
    assert len(first) == 353 and len(study.new_people(base.profile("default")).folds(first)) == 2
