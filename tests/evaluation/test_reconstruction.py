"""Reconstruction errors are those of the fold in which the person was a stranger."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_trials
from sklearn.base import clone

import gaitlib
from gaitlib import recipes
from gaitlib.encoders import shipped_encoder
from gaitlib.evaluation import masked_reconstruction, reconstruction_errors


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


@pytest.fixture(scope="module")
def shipped():
    pytest.importorskip("vqf")
    return shipped_encoder()


@pytest.mark.parametrize(
    "unit",
    ["window", pytest.param("recordings", marks=pytest.mark.slow), pytest.param("patch", marks=pytest.mark.slow)],
)
def test_hidden_frames_beside_straight_lines_and_the_mean_as_slow_loops_tell_it(shipped, monkeypatch, unit):
    settings = clone(shipped.pretraining).set_params(compared_in=unit)
    monkeypatch.setattr(shipped, "pretraining", settings)
    trials = gaitlib.synthetic_imu(
        2, ["synthetic_foot", "synthetic_wrist"], ["walking", "running"], 1, seconds=6, seed=3
    )
    made = masked_reconstruction(shipped, trials, seed=5)
    windows = shipped.windows(trials)
    told = shipped.reconstruct(windows, seed=5)
    patch, rows = 8, {}
    for i, values in enumerate(windows.modality("imu").values):
        hidden = told.hidden[i]
        assert hidden.reshape(-1, patch).any(axis=1).sum() == hidden.reshape(-1, patch).all(axis=1).sum() == 12
        seen = np.flatnonzero(~hidden)
        straight = np.stack([np.interp(np.arange(len(values)), seen, values[seen, c]) for c in range(6)], axis=1)
        said = values, told.reconstructed[i], straight, np.zeros_like(values)
        weight = 1 / (values.var(axis=0).mean() + 0.01) if unit == "window" else 1.0
        of_unit = np.full(values.shape, weight)
        rows.setdefault(windows.table["dataset"].iloc[i], []).append([one[hidden] for one in (*said, of_unit)])
    assert made.index.tolist() == sorted(rows) == ["synthetic_foot", "synthetic_wrist"]
    for dataset, own in rows.items():
        truth, network, straight, mean, weight = (np.concatenate(part) for part in zip(*own, strict=True))
        errors = [(weight * (truth - one) ** 2).mean() for one in (network, straight, mean)]
        row = made.loc[dataset]
        assert row[["network", "linear interpolation", "mean"]].tolist() == pytest.approx(errors, rel=1e-4)
        assert row["correlation"] == pytest.approx(
            np.mean([np.corrcoef(truth[:, c], network[:, c])[0, 1] for c in range(6)]), abs=1e-4
        )
        assert row["windows"] == len(own) and row["people"] == 2


def test_an_encoder_that_hides_nothing_is_refused(shipped, monkeypatch):
    trials = gaitlib.synthetic_imu(1, ["synthetic_foot"], ["walking"], 1, seconds=3)
    told = shipped.reconstruct(shipped.windows(trials))
    monkeypatch.setattr(shipped, "reconstruct", lambda *_: replace(told, hidden=np.zeros_like(told.hidden)))
    with pytest.raises(gaitlib.GaitDataError, match="only a masked autoencoder hides"):
        masked_reconstruction(shipped, trials)
