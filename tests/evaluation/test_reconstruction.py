"""Reconstruction errors are those of the fold in which the person was a stranger."""

import numpy as np
import pytest
from planted import planted_trials

import gaitlib
from gaitlib import recipes
from gaitlib.evaluation import reconstruction_errors


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    trials = planted_trials(3, 2)
    few = {"pretraining__epochs": 8, "model__code": 32}
    steps = recipes.steps_for(trials, "encoded_gru")
    steps.set_params(**{f"code_skeleton__encoder__{name}": value for name, value in few.items()})
    model = gaitlib.GaitClassifier("encoded_gru", steps, gaitlib.Training(epochs=1))
    protocols = [gaitlib.LeaveOneSubjectOut(validation=False), gaitlib.RandomTrialSplit(validation=False)]
    store = tmp_path_factory.mktemp("store")
    return trials, gaitlib.benchmark({"encoded_gru": model}, trials, protocols, store, progress=False)


@pytest.mark.slow
def test_every_subject_is_judged_by_an_autoencoder_that_never_saw_it(coded):
    trials, runs = coded
    errors = reconstruction_errors(runs, trials)
    assert errors.index.tolist() == sorted(set(trials.subjects))
    for subject, row in errors.iterrows():
        stranger = runs.classifier_for(trials[trials.subjects == subject][0]).steps_
        step = stranger["code_skeleton"]
        assert not set(step.fitted_on_) & set(trials.ids[trials.subjects == subject])
        before = stranger[: list(stranger.named_steps).index("code_skeleton")]
        own = step.encoder_.windows(before.transform(trials[trials.subjects == subject]))
        told = step.encoder_.reconstruct(own)
        squared = ((told.original - told.reconstructed) ** 2).mean(axis=2)
        expected = np.mean([one[real].mean() for one, real in zip(squared, told.real, strict=True)])
        assert row["new person"] == pytest.approx(expected)
        frames = np.concatenate(list(own.modality("skeleton").values))
        assert row["mean frame"] == pytest.approx(float((frames**2).mean()))
    assert errors["training people"].mean() < errors["new person"].mean()


def test_a_model_without_autoencoder_is_refused(tiny_trials, tmp_path):
    runs = gaitlib.benchmark(["majority"], tiny_trials, store=tmp_path, progress=False)
    with pytest.raises(gaitlib.GaitDataError, match="'majority' hold 0 encoders"):
        reconstruction_errors(runs, tiny_trials, "majority")
    with pytest.raises(gaitlib.GaitDataError, match="no subject-disjoint run of 'encoded_gru'"):
        reconstruction_errors(runs, tiny_trials)
