"""Synthetic forces: the layout of the clinical set, people more different than their trials, planted disorders."""

import numpy as np
import pytest

import gaitlib
from gaitlib.datasets.synthetic.forces import CHANNELS, CLASSES, synthetic_forces


def curves(trials):
    return np.stack(trials.modality("grf").values)


def test_layout_is_that_of_the_clinical_set_and_called_synthetic():
    trials = synthetic_forces(n_subjects=8, n_repetitions=2)
    assert trials.name.startswith("SYNTHETIC")
    assert curves(trials).shape == (16, 101, 6)
    assert trials.modality("grf").unit == "body weights"
    assert trials.table.groupby("subject")["repetition"].apply(list).map(tuple).unique().tolist() == [(1, 2)]
    assert set(trials.classes) == set(CLASSES)
    healthy = trials.table["label"] == "healthy"
    assert (trials.table["disorder"] == np.where(healthy, "healthy", "disorder")).all()


def test_the_same_seed_gives_the_same_trials():
    assert synthetic_forces(4, 2, seed=1).digest() == synthetic_forces(4, 2, seed=1).digest()
    assert synthetic_forces(4, 2, seed=1).digest() != synthetic_forces(4, 2, seed=2).digest()


def test_people_differ_more_than_their_trials():
    trials = synthetic_forces(n_subjects=40, n_repetitions=4)
    healthy = trials[trials.labels == "healthy"]
    by_person = curves(healthy).reshape(-1, 4, 101 * 6)
    assert by_person.mean(axis=1).var(axis=0).mean() > 2 * by_person.var(axis=1).mean()


def test_disorders_lower_the_push_off_of_the_affected_foot_most():
    trials = synthetic_forces(n_subjects=80, n_repetitions=1)
    push = {
        foot: {c: curves(trials[trials.labels == c])[:, 75, CHANNELS.index(f"{foot}_fore_aft")].mean() for c in CLASSES}
        for foot in ("affected", "unaffected")
    }
    fall = {foot: push[foot]["healthy"] - push[foot]["ankle"] for foot in push}
    assert fall["affected"] > 0.04 > fall["unaffected"]


def test_too_few_subjects_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="at least 4 subjects"):
        synthetic_forces(n_subjects=3)
