"""The choices of the notebook on signals of the body."""

import os
from pathlib import Path

import pytest

import gaitlib
from gaitlib import GaitClassifier, GaitRegressor
from gaitlib.datasets.synthetic import synthetic_physiology
from gaitlib.studies import base
from gaitlib.studies import physiology as study

QUICK = base.profile("quick")


@pytest.fixture(scope="module")
def featured():
    return study.with_features(synthetic_physiology(n_subjects=4, n_segments=(8, 8), segment_s=10.0))


def test_without_data_the_recordings_are_synthetic_and_went_through_files(monkeypatch):
    monkeypatch.setenv("GAIT_DATA", "synthetic")
    trials = study.open_recordings(QUICK)
    assert trials.name.startswith("SYNTHETIC") and trials.report is not None
    assert study.heads(trials) == ["valence", "arousal", "transition"]


@pytest.mark.slow
def test_real_recordings_are_found_in_the_folder_of_all_data(monkeypatch):
    root = os.environ.get("GAIT_REAL_DATA")
    if not root or not (Path(root) / study.RECORDINGS).is_dir():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with Stress-Predict")
    monkeypatch.setenv("GAIT_DATA", root)
    trials = study.open_recordings(QUICK)
    assert study.heads(trials) == ["stress", "heart_rate", "respiratory_rate"]
    assert len(study.new_people(base.profile("default")).folds(trials.judged_by("stress"))) == 10


def test_the_first_head_chooses_the_kind_of_model(featured):
    assert all(type(m) is GaitRegressor for m in study.models(QUICK, featured).values())
    alone = study.one_signal_each(QUICK, featured, "transition")
    assert list(alone) == ["eeg", "ecg", "gsr"] and all(type(m) is GaitClassifier for m in alone.values())


def test_trees_learn_all_heads_from_the_features(featured, tmp_path):
    trees = study.models(QUICK, featured)["features and trees"]
    split = [gaitlib.SubjectHoldout(test=0.3, validation=False)]
    runs = gaitlib.benchmark({"trees": trees}, featured, split, store=tmp_path, progress=False)
    table = runs.against_baselines()
    assert table["MAE"].notna().all() and study.verdicts(table)[0].startswith("**trees**: beats its baselines:")
    assert len(runs.predictions(head="transition")) == 28  # the first segment of a film has none
