"""The choices of the notebook on gait signatures."""

import os
from pathlib import Path

import numpy as np
import pytest

from gaitlib.datasets.synthetic.forces import synthetic_forces
from gaitlib.datasets.synthetic.walks import synthetic_trials
from gaitlib.studies import base
from gaitlib.studies import gait_signatures as signatures

QUICK, DEFAULT, FULL = (base.profile(name) for name in ("quick", "default", "full"))


@pytest.fixture(scope="module")
def forces():
    return synthetic_forces(n_subjects=8, n_repetitions=2)


def test_without_data_everything_is_synthetic_and_says_so(monkeypatch):
    monkeypatch.setenv("GAIT_DATA", "synthetic")
    for opened in (signatures.open_forces(QUICK), signatures.open_walks(QUICK)):
        assert opened.name.startswith("SYNTHETIC")


def test_real_forces_are_found_in_the_folder_of_all_data(monkeypatch):
    root = os.environ.get("GAIT_REAL_DATA")
    if not root or not (Path(root) / signatures.FORCES).is_dir():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with the clinical forces")
    monkeypatch.setenv("GAIT_DATA", root)
    assert len(signatures.open_forces(QUICK)) == 970


def test_the_healthy_are_alone_and_labelled_by_person(forces):
    healthy = signatures.healthy_people(forces)
    assert set(healthy.table["disorder"]) == {"healthy"}
    assert (healthy.labels == healthy.subjects).all()
    assert "2 healthy subjects, labelled by subject" in healthy.name


def test_profiles_choose_the_models(forces):
    assert list(signatures.classifiers(QUICK, forces)) == ["linear SVM", "CNN-A"]
    assert set(signatures.classifiers(DEFAULT, forces)) == set(signatures.MODELS)
    assert set(signatures.classifiers(FULL, forces)) == {*signatures.MODELS, *signatures.FULL}
    assert list(signatures.few(signatures.classifiers(QUICK, forces))) == ["linear SVM", "CNN-A"]


def test_people_are_apart_and_classes_even(forces):
    health = forces.labelled_by("disorder")
    protocol = signatures.new_people(DEFAULT, health)
    folds = protocol.folds(health)
    assert len(folds) == 2  # two healthy people
    for fold in folds:
        assert not set(health.subjects[fold.train]) & set(health.subjects[fold.test])
        assert len(set(health.subjects[fold.test][health.labels[fold.test] == "healthy"])) == 1


def test_walks_become_one_cycle_of_joint_angles():
    angles = signatures.joint_angles(synthetic_trials(n_subjects=1, n_walks=1))
    steps = signatures.angle_steps().fit(angles)
    (read,) = steps.transform(angles).inputs.values()
    assert read.shape == (len(angles), 101, 8)
    assert np.abs(read).max() == pytest.approx(1)
