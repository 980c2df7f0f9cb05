"""The autoencoder step: it learns from its training trials only, inside a pipeline that saves and loads."""

import keras
import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib.preprocessing import AutoencoderCode, Crop, Frames
from gaitlib.trials import TrialSet


def waves(n=24, frames=32, seed=0):
    """Smooth sequences of 6 channels that one hidden number explains."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 2 * np.pi, frames)[:, None]
    arrays = [np.sin(grid + phase + np.arange(6)).astype(np.float32) for phase in rng.uniform(0, 6, n)]
    return TrialSet.from_arrays({"skeleton": arrays}, subject=[f"s{i % 4}" for i in range(n)])


@pytest.fixture(scope="module")
def learnt():
    return AutoencoderCode(code=8, epochs=60, batch_size=8).fit(waves())


def test_the_code_is_one_named_step_that_keeps_its_place_in_the_trial(learnt):
    trials = Crop(16, "sliding", 16).fit_transform(waves(2, frames=64))
    step = AutoencoderCode(code=4, epochs=1).fit(trials)
    coded = step.transform(trials)
    m, cut = coded.modality("skeleton"), trials.modality("skeleton")
    assert m.channels == ("code_000", "code_001", "code_002", "code_003")
    assert all(v.shape == (1, 4) for v in m.values)
    assert [f[0] for f in m.frames] == [f[0] for f in cut.frames] == [0, 16, 32, 48] * 2
    assert (m.max_frames, m.unit) == (1, "")
    assert coded.history[-1].fitted_on == tuple(dict.fromkeys(trials.ids))


def test_it_reconstructs_new_sequences_of_the_same_kind_and_no_others(learnt):
    new = waves(8, seed=1)
    noise = np.random.default_rng(2).normal(0, 0.7, (8, 32, 6)).astype(np.float32)
    other = TrialSet.from_arrays({"skeleton": list(noise)}, subject=["x"] * 8)
    power = np.mean([np.mean(v**2) for v in new.modality("skeleton").values])
    error = learnt.reconstruction_error(new)
    assert error.shape == (8,)
    assert error.mean() < 0.2 * power
    assert learnt.reconstruction_error(other).mean() > 2 * error.mean()


def test_the_error_is_that_of_a_plain_loop_over_real_frames(learnt):
    short = Crop(20, "last").fit_transform(waves(3, seed=3))
    x = np.zeros((3, 32, 6), np.float32)
    for row, v in zip(x, short.modality("skeleton").values, strict=True):
        row[:20] = v
    again = learnt._trained().predict({"skeleton": x}, verbose=0)
    expected = [np.mean((a[:20] - b[:20]) ** 2) for a, b in zip(again, x, strict=True)]
    padded = learnt.reconstruction_error(
        gaitlib.TrialSet.from_arrays({"skeleton": [v[:20] for v in x]}, subject=list("abc"))
    )
    np.testing.assert_allclose(padded, expected, rtol=1e-4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_code_whatever_was_drawn_before():
    trials = waves(6)
    keras.utils.set_random_seed(5)
    one = AutoencoderCode(code=4, epochs=2, seed=1).fit_transform(trials)
    keras.utils.set_random_seed(6)
    two = AutoencoderCode(code=4, epochs=2, seed=1).fit_transform(trials)
    other = AutoencoderCode(code=4, epochs=2, seed=2).fit_transform(trials)
    assert one.digest() == two.digest() != other.digest()


def test_other_shapes_are_refused(learnt):
    with pytest.raises(gaitlib.GaitDataError, match="40 frames, the model was made for 32"):
        learnt.transform(waves(2, frames=40))


@pytest.mark.slow
def test_a_network_on_the_code_saves_loads_and_has_a_seed_of_its_own(tmp_path):
    trials = waves(12)
    trials.table["label"] = ["a", "b"] * 6
    steps = [("scale", Frames(StandardScaler())), ("crop", Crop(32)), ("code", AutoencoderCode(code=6, epochs=2))]
    steps = Pipeline([*steps, ("tensors", gaitlib.preprocessing.Tensors())])
    training = gaitlib.Training(epochs=1)
    first, second = (
        gaitlib.GaitClassifier("encoded_gru", steps, training, validation=None, seed=s).fit(trials) for s in (0, 1)
    )
    assert not np.allclose(first.network_.get_weights()[0], second.network_.get_weights()[0])
    first.save(tmp_path)
    loaded = gaitlib.GaitClassifier.load(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(trials), first.predict_proba(trials), atol=1e-6)
