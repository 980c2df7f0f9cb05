"""The convolutional autoencoder as an encoder of whole windows: what it codes, gives back and refuses."""

import json

import keras
import numpy as np
import pytest
from planted import planted_trials
from planted_waves import whole
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib import GaitDataError, recipes
from gaitlib.encoders import Encode
from gaitlib.encoders.networks import made
from gaitlib.preprocessing import Crop, Tensors
from gaitlib.trials import TrialSet


def shifted(n=24, frames=32, seed=0):
    """Smooth sequences of 6 channels that one hidden number explains."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 2 * np.pi, frames)[:, None]
    arrays = [np.sin(grid + phase + np.arange(6)).astype(np.float32) for phase in rng.uniform(0, 6, n)]
    return TrialSet.from_arrays({"skeleton": arrays}, subject=[f"s{i % 4}" for i in range(n)])


@pytest.fixture(scope="module")
def learnt():
    return whole(code=8).fit(shifted())


def errors(encoder, trials):
    return encoder.reconstruct(encoder.windows(trials)).errors


def test_the_code_is_one_named_step_that_keeps_its_place_in_the_trial():
    trials = Crop(16, "sliding", 16).fit_transform(shifted(2, frames=64))
    step = Encode(whole()).fit(trials)
    coded = step.transform(trials)
    m, cut = coded.modality("skeleton"), trials.modality("skeleton")
    assert m.channels == ("code_000", "code_001", "code_002", "code_003")
    assert all(v.shape == (1, 4) for v in m.values)
    assert [f[0] for f in m.frames] == [f[0] for f in cut.frames] == [0, 16, 32, 48] * 2
    assert (m.max_frames, m.unit) == (1, "")
    assert coded.history[-1].fitted_on == step.encoder_.fitted_on_ == tuple(dict.fromkeys(trials.ids))


@pytest.mark.slow
def test_it_reconstructs_new_sequences_of_the_same_kind_and_no_others():
    learnt = whole(60, code=8).fit(shifted())
    new = shifted(8, seed=1)
    noise = np.random.default_rng(2).normal(0, 0.7, (8, 32, 6)).astype(np.float32)
    other = TrialSet.from_arrays({"skeleton": list(noise)}, subject=["x"] * 8)
    assert errors(learnt, new).shape == (8,)
    assert errors(learnt, new).mean() < 0.2  # of the variance
    assert errors(learnt, other).mean() > 2 * errors(learnt, new).mean()


@pytest.mark.slow
def test_the_error_is_that_of_a_plain_loop_over_real_frames(learnt):
    short = Crop(20, "last").fit_transform(shifted(3, seed=3))
    scaler = learnt.scaler_.transformer_
    x = np.zeros((3, 32, 6), np.float32)
    for row, v in zip(x, short.modality("skeleton").values, strict=True):
        row[:20] = (v - scaler.mean_) / scaler.scale_
    again = made(learnt).network.predict(x, verbose=0)
    expected = [np.mean((a[:20] - b[:20]) ** 2) for a, b in zip(again, x, strict=True)]
    np.testing.assert_allclose(errors(learnt, short), expected, rtol=1e-4)


def test_padded_frames_count_neither_in_the_scale_nor_in_the_loss(monkeypatch):
    """Beside a longer sequence a short one is padded, and what the network makes of the padding is of no matter."""
    seen = []
    monkeypatch.setattr("gaitlib.training.pretraining._epoch", lambda _, batches, *__: seen.append(batches) or {})
    short, long = shifted(6, frames=24), shifted(2, frames=32, seed=1)
    arrays = [*short.modality("skeleton").values, *long.modality("skeleton").values]
    both = TrialSet.from_arrays({"skeleton": arrays}, subject=list("abcdefgh"))
    encoder = whole().fit(both)
    np.testing.assert_allclose(encoder.scaler_.transformer_.mean_, np.concatenate(arrays).mean(axis=0), atol=1e-6)
    x, target, weight = seen[0].batch(0, 0)
    assert sorted(weight.sum(axis=1)) == [24] * 6 + [32] * 2
    assert not x[weight == 0].any()
    np.testing.assert_array_equal(x, target)
    told = encoder.reconstruct(encoder.windows(both))
    assert told.real.sum(axis=1).tolist() == [24] * 6 + [32] * 2


@pytest.mark.slow
def test_the_same_seed_gives_the_same_code_whatever_was_drawn_before():
    trials = shifted(6)
    keras.utils.set_random_seed(5)
    one = Encode(whole(2, seed=1)).fit_transform(trials)
    keras.utils.set_random_seed(6)
    two = Encode(whole(2, seed=1)).fit_transform(trials)
    other = Encode(whole(2, seed=2)).fit_transform(trials)
    assert one.digest() == two.digest() != other.digest()


def test_other_shapes_are_refused(learnt):
    with pytest.raises(GaitDataError, match="40 frames, the model was made for 32"):
        learnt.encode(learnt.windows(shifted(2, frames=40)))


@pytest.mark.slow
def test_the_default_steps_learn_a_fixed_number_of_epochs_at_a_falling_rate_from_windows():
    trials = planted_trials(3, 1)
    steps = recipes.steps_for(trials, "encoded_gru")
    assert list(steps.named_steps)[-4:] == ["crop_skeleton", "code_skeleton", "scale_code_skeleton", "tensors"]
    few = {"pretraining__epochs": 4, "model__code": 4}
    steps.set_params(**{f"code_skeleton__encoder__{name}": value for name, value in few.items()}).fit(trials)
    encoder = steps["code_skeleton"].encoder_
    assert encoder.fitted_subjects_ == tuple(dict.fromkeys(trials[np.argsort(trials.ids)].subjects))
    assert encoder.history_["epoch"] == [1, 2, 3, 4]
    assert "val_loss" not in encoder.history_  # nobody is watched
    rates = encoder.history_["learning_rate"]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-9 < rates[0] < 1e-3


@pytest.mark.slow
def test_a_network_on_the_code_saves_loads_and_has_a_seed_of_its_own(tmp_path):
    trials = shifted(12)
    trials.table["label"] = ["a", "b"] * 6
    steps = Pipeline([("crop", Crop(32)), ("code", Encode(whole(2, code=6))), ("tensors", Tensors())])
    training = gaitlib.Training(epochs=1)
    first, second = (
        gaitlib.GaitClassifier("encoded_gru", steps, training, validation=None, seed=s).fit(trials) for s in (0, 1)
    )
    assert not np.allclose(first.network_.get_weights()[0], second.network_.get_weights()[0])
    first.save(tmp_path)
    loaded = gaitlib.GaitClassifier.load(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(trials), first.predict_proba(trials), atol=1e-6)


def test_a_classifier_of_before_encoders_is_refused_in_a_sentence_that_helps(tmp_path, monkeypatch):
    monkeypatch.setattr("gaitlib.training.pretraining._epoch", lambda *_: {})
    trials = shifted(4)
    trials.table["label"] = ["a", "b"] * 2
    steps = Pipeline([("code", Encode(whole())), ("tensors", Tensors())])
    gaitlib.GaitClassifier("majority", steps).fit(trials).save(tmp_path)
    (tmp_path / "contents.json").unlink()
    file = tmp_path / "classifier.json"
    text = file.read_text().replace(':Encode"', '.preprocessing:AutoencoderCode"')
    assert "AutoencoderCode" in text
    file.write_text(json.dumps(json.loads(text)))
    with pytest.raises(GaitDataError, match="AutoencoderCode' may not be .* learn again what an earlier version saved"):
        gaitlib.GaitClassifier.load(tmp_path)
