"""Learning without labels: it learns, goes on after a kill, looks at no label, and keeps what it learnt."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from planted_waves import FRAMES, TINY, plan, waves
from sklearn.base import clone

import gaitlib
from gaitlib.encoders import Encoder, pretrain
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder, build
from gaitlib.training.checkpoints import Checkpoints


@pytest.fixture(scope="module", autouse=True)
def step_by_step():
    """Nothing is compiled, which takes longer than these few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def learnt(step_by_step):
    return plan().fit(waves())


def same(one, other):
    assert one.history_ == other.history_
    for a, b in zip(one.weights_, other.weights_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_compiled_or_not_a_killed_training_goes_on_to_the_last_bit(tmp_path, monkeypatch, learnt):
    tf.config.run_functions_eagerly(False)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 1)
        plan(store=str(tmp_path)).fit(waves())
    same(plan(store=str(tmp_path)).fit(waves()), plan().fit(waves()))
    tf.config.run_functions_eagerly(True)


@pytest.mark.slow
def test_it_learns_to_tell_hidden_stretches_of_people_never_seen():
    tf.config.run_functions_eagerly(False)
    encoder = plan(150, learning_rate=3e-3).fit(waves(12))
    tf.config.run_functions_eagerly(True)
    new = waves(4, seed=9)
    told = encoder.reconstruct(encoder.windows(new))
    error = ((told.original - told.reconstructed) ** 2)[told.hidden].mean()
    assert error < 0.3 * (told.original**2)[told.hidden].mean()
    assert encoder.history_["correlation"][-1] > 0.8 > encoder.history_["correlation"][0]


@pytest.mark.slow
def test_the_history_tells_an_epoch_a_row_and_those_watched_are_other_people(learnt):
    assert set(learnt.history_) == {"loss", "correlation", "learning_rate", "val_loss", "val_correlation", "epoch"}
    assert learnt.history_["epoch"] == [1, 2, 3]
    assert learnt.fitted_subjects_ == tuple(f"person{i}" for i in range(6))  # those watched count, too
    assert 0 < len(set(learnt.scaler_.fitted_subjects_)) < 6
    assert len(learnt.recordings_) == 12


@pytest.mark.slow
def test_labels_and_the_order_of_trials_change_nothing(learnt):
    trials = waves()
    order = np.random.default_rng(0).permutation(len(trials))
    shuffled = gaitlib.TrialSet(
        trials.table.assign(label=np.random.default_rng(1).permutation(trials.labels)), trials.modalities
    )[order]
    same(plan().fit(shuffled), learnt)


class Killed(Exception):
    pass


def kill_after(monkeypatch, n_epochs):
    kept = Checkpoints.keep

    def keep(self, state):
        self._kept_at = -np.inf  # the cost of a checkpoint does not put it off
        kept(self, state)
        if len(state.history) == n_epochs:
            raise Killed

    monkeypatch.setattr(Checkpoints, "keep", keep)


@pytest.mark.parametrize(
    "damage", [None, *(pytest.param(what, marks=pytest.mark.slow) for what in ("array", "text", "both"))]
)
def test_a_killed_training_goes_on_to_the_last_bit(tmp_path, monkeypatch, learnt, damage):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_after(patch, 2)
        plan(store=tmp_path).fit(waves())
    (folder,) = tmp_path.iterdir()
    newest = max(folder.glob("*.json"), key=lambda f: len(json.loads(f.read_text())["rest"]["history"]))
    hurt = {None: [], "array": [newest.with_suffix(".npz")], "text": [newest], "both": folder.glob("*.json")}[damage]
    for file in hurt:
        file.write_bytes(file.read_bytes()[:-50])
    if damage:
        with pytest.warns(UserWarning, match="no whole checkpoint"):
            again = plan(store=tmp_path).fit(waves())
    else:
        again = plan(store=tmp_path).fit(waves())
    same(again, learnt)
    assert sorted(f.name for f in folder.iterdir()) == ["encoder.json", "encoder.npz"]


@pytest.mark.slow
def test_what_is_in_the_store_is_not_learnt_again_and_another_plan_is(tmp_path, monkeypatch, learnt):
    plan(store=tmp_path).fit(waves())
    with monkeypatch.context() as patch:
        patch.setattr("gaitlib.encoders.pretrained.pretrain_network", lambda *_, **__: pytest.fail("learnt again"))
        same(plan(store=tmp_path).fit(waves()), learnt)
        with pytest.raises(pytest.fail.Exception):
            plan(store=tmp_path, hidden=0.5).fit(waves())
        with pytest.raises(pytest.fail.Exception):
            plan(store=tmp_path).fit(waves(seed=1))


def test_saved_and_loaded_it_tells_the_same(learnt, tmp_path):
    loaded = Encoder.load(learnt.save(tmp_path))
    windows = learnt.windows(waves(2, seed=5))
    np.testing.assert_array_equal(loaded.encode(loaded.windows(waves(2, seed=5))), learnt.encode(windows))
    assert loaded.fitted_subjects_ == learnt.fitted_subjects_
    same(loaded, learnt)
    text = (tmp_path / "encoder.json").read_text()
    (tmp_path / "encoder.json").write_text(text.replace('"fitted_on_"', '"fitted_in_"'))
    with pytest.raises(GaitDataError, match="fitted_in_|missing"):
        Encoder.load(tmp_path)
    (tmp_path / "encoder.json").write_text(text)
    (tmp_path / "encoder.npz").write_bytes((tmp_path / "encoder.npz").read_bytes()[:-80])
    with pytest.raises(GaitDataError, match="damaged"):
        Encoder.load(tmp_path)


@pytest.mark.slow
def test_mixed_precision_learns_and_goes_on_to_the_last_bit(tmp_path, monkeypatch):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_after(patch, 1)
            plan(2, store=tmp_path).fit(waves())
        again, whole = plan(2, store=tmp_path).fit(waves()), plan(2).fit(waves())
    finally:
        keras.config.set_dtype_policy("float32")
    same(again, whole)
    assert {w.dtype for w in whole.weights_} == {np.dtype("float32")}


def test_a_fitted_encoder_cannot_be_changed_and_a_plan_can(learnt):
    assert clone(learnt) is learnt
    assert learnt.get_params() == {}
    with pytest.raises(ValueError, match="Invalid parameter"):
        learnt.set_params(seed=3)
    assert clone(plan()).set_params(pretraining__epochs=7).pretraining.epochs == 7


@pytest.mark.slow
def test_windows_that_stay_inside_a_recording_are_drawn_and_short_ones_left_out():
    trials = waves()
    mixed = waves(6, frames=20, seed=3, names="short{}")
    both = gaitlib.concat([trials, mixed], names=["long", "short"])
    with pytest.warns(UserWarning, match="12 of 24 recordings are shorter than a window of 32 frames"):
        plan(1).fit(both)
    with pytest.raises(GaitDataError, match="no recording has 32 frames"):
        plan(1).fit(mixed)


def test_a_network_starts_from_it_layer_by_layer_or_is_refused_by_the_name_of_the_layer(learnt):
    network = build("patch_transformer", {"imu": (FRAMES, 3)}, n_classes=2, **TINY.parameters)
    learnt.start(network)
    windows = learnt.windows(waves(2))
    x = np.stack(list(windows.modality("imu").values))
    code = keras.Model(network.inputs, network.get_layer("code").output)([x])
    np.testing.assert_allclose(code, learnt.encode(windows), atol=1e-5)
    wider = build("patch_transformer", {"imu": (FRAMES, 3)}, n_classes=2, **{**TINY.parameters, "width": 32})
    with pytest.raises(GaitDataError, match="'patch_embedding' of .* finds no place"):
        learnt.start(wider)
    with pytest.raises(GaitDataError, match="has no such layer"):
        learnt.start(build("compact_gru", {"imu": (FRAMES, 3)}, n_classes=2))


def test_an_autoencoder_of_whole_windows_is_the_smallest_case():
    encoder = plan(2, Builder("autoencoder", code=4), frames=None, held_out=0.0).fit(waves(3))
    windows = encoder.windows(waves(3, frames=100))
    assert encoder.encode(windows).shape == (6, 4)
    told = encoder.reconstruct(windows)
    assert not told.hidden.any()
    assert told.real.sum(axis=1).tolist() == [100] * 6


@pytest.mark.parametrize(
    ("model", "frames", "settings", "said"),
    [
        (TINY, None, {}, "give frames="),
        (Builder("autoencoder", code=4), 32, {}, "give frames=None"),
        (TINY, 32, {"hidden": 1.0}, "between 0 and 1"),
        (TINY, 32, {"warm_up": 2}, "from 0 to 1"),
        (TINY, 32, {"span": 0}, "at least 1"),
    ],
)
def test_what_means_nothing_is_refused(model, frames, settings, said):
    with pytest.raises(GaitDataError, match=said):
        plan(1, model, frames, **settings).fit(waves())


def test_a_place_or_rate_it_has_not_learnt_from_is_said(learnt):
    trials = waves(2)
    placed = gaitlib.TrialSet(trials.table.assign(place="wrist", rate_hz=25.0), trials.modalities)
    encoder = plan(1).fit(placed)
    other = gaitlib.TrialSet(trials.table.assign(place="waist", rate_hz=25.0), trials.modalities)
    with pytest.warns(UserWarning, match="waist: the encoder has learnt from wrist only"):
        encoder.windows(other)
    with pytest.raises(GaitDataError, match="Encoder has not learnt"):
        plan().windows(trials)
    with pytest.raises(GaitDataError, match="needs a TrialSet"):
        pretrain("masked_autoencoder", None)
