"""Classical models find what is planted, and nothing where nothing is; they save, and say what they need."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import gaitlib
from gaitlib.models import Builder
from gaitlib.models.rocket import PENALTIES, MiniRocketClassifier, hold_last_frame
from gaitlib.preprocessing import Crop, Tensors

NEW = ["linear_svm", Builder("minirocket", n_kernels=1000)]
CLASSES = 6


def left_out(trials, model, n_test=2):
    """A model fitted on all but the last subjects, and the trials of those."""
    test = np.isin(trials.subjects, sorted(set(trials.subjects))[-n_test:])
    return gaitlib.GaitClassifier(model).fit(trials[~test]), trials[test]


def waves(n=30, frames=60, channels=2, seed=0):
    """Sequences of noise on waves, whose class sets the period."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    phase = rng.uniform(0, 2 * np.pi, (n, 1, channels))
    wave = np.sin(np.arange(frames)[None, :, None] / (1.5 + y[:, None, None]) + phase)
    return wave + rng.normal(0, 0.3, (n, frames, channels)), y


def emg_trials(lengths, channels=1, rate_hz=100, seed=0):
    rng = np.random.default_rng(seed)
    label = ["slow" if i % 2 else "fast" for i in range(len(lengths))]
    values = [
        np.sin(np.arange(n)[:, None] / (4 if name == "slow" else 2)) + rng.normal(0, 0.1, (n, channels))
        for n, name in zip(lengths, label, strict=True)
    ]
    subject = [f"s{i // 2 % 4}" for i in range(len(lengths))]
    return gaitlib.TrialSet.from_arrays({"emg": values}, rate_hz=rate_hz, subject=subject, label=label)


# -- what they learn -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", NEW, ids=str)
def test_a_planted_gait_is_found_in_people_never_seen(model):
    fitted, test = left_out(planted_trials(6, 3, signature=0.3, seed=1), model)
    assert fitted.score(test) > 0.8


@pytest.mark.parametrize("model", NEW, ids=str)
def test_where_no_gait_is_planted_people_never_seen_are_guessed(model):
    fitted, test = left_out(planted_trials(8, 3, class_effect=0, seed=1), model, n_test=4)
    assert fitted.score(test) < 0.4  # 72 trials at a chance of 1/6


@pytest.mark.parametrize("model", ["linear_svm", "minirocket"])
def test_real_walks_of_a_person_never_seen_are_told_far_above_chance(model, real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)
    fitted, test = left_out(trials[::6], model, n_test=1)
    assert fitted.score(test) > 0.6


def test_majority_gives_the_shares_of_the_training_classes():
    trials = emg_trials([20] * 8)[[0, 1, 2, 4, 6]]  # four fast, one slow
    fitted = gaitlib.GaitClassifier("majority").fit(trials)
    np.testing.assert_allclose(fitted.predict_proba(trials), [[0.8, 0.2]] * 5)


# -- probabilities of models that have none --------------------------------------------------------------


@pytest.mark.parametrize("model", NEW, ids=str)
def test_probabilities_are_the_softmax_of_the_decision_values(model, tiny_trials):
    fitted, test = left_out(tiny_trials, model, n_test=1)
    (features,) = fitted.steps_.transform(test).inputs.values()
    values = np.exp(fitted.estimator_.decision_function(features).astype(float))
    proba = fitted.predict_proba(test)
    np.testing.assert_allclose(proba, values / values.sum(axis=1, keepdims=True))
    assert fitted.predict(test).tolist() == fitted.classes_[fitted.estimator_.predict(features)].tolist()


@pytest.mark.parametrize("model", NEW, ids=str)
def test_of_two_classes_they_are_the_logistic_function(model, tiny_trials):
    two = tiny_trials[np.isin(tiny_trials.labels, ["normal", "lurching"])]
    fitted, test = left_out(two, model, n_test=1)
    (features,) = fitted.steps_.transform(test).inputs.values()
    second = expit(fitted.estimator_.decision_function(features).astype(float))
    np.testing.assert_allclose(fitted.predict_proba(test), np.column_stack([1 - second, second]))
    assert fitted.predict(test).tolist() == fitted.classes_[fitted.estimator_.predict(features)].tolist()
    assert fitted.score(test) > 0.5


# -- one thing on disk, one thing by seed ----------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, CLASSES])
@pytest.mark.parametrize("model", NEW, ids=str)
def test_saved_and_loaded_they_predict_the_same_bits(model, classes, tiny_trials, tmp_path):
    some = tiny_trials[np.isin(tiny_trials.labels, tiny_trials.classes[:classes])]
    fitted, test = left_out(some, model)
    fitted.save(tmp_path / "model")
    loaded = gaitlib.GaitClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(test), fitted.predict_proba(test))
    assert fitted.predict_proba(test).shape == (len(test), classes)


@pytest.mark.parametrize("model", NEW, ids=str)
def test_the_same_seed_gives_the_same_bits(model, tiny_trials):
    (a, test), (b, _) = left_out(tiny_trials, model), left_out(tiny_trials, model)
    np.testing.assert_array_equal(a.predict_proba(test), b.predict_proba(test))


def test_another_seed_draws_other_kernels():
    X, y = waves()
    a, b = (MiniRocketClassifier(84, random_state=seed).fit(X, y).decision_function(X) for seed in (0, 1))
    assert not np.array_equal(a, b)


def test_a_clone_has_the_settings_and_nothing_learnt():
    X, y = waves()
    copy = clone(MiniRocketClassifier(n_kernels=84, random_state=3).fit(X, y))
    assert copy.get_params() == {"n_kernels": 84, "random_state": 3}
    assert not hasattr(copy, "classes_")


def test_the_seed_of_the_classifier_is_that_of_the_model():
    assert Builder("minirocket", n_kernels=84).build_classical(7).random_state == 7
    assert Builder("linear_svm", C=0.5).build_classical(7)[-1].get_params()["random_state"] == 7
    assert Builder("linear_svm", C=0.5).build_classical(7)[-1].C == 0.5


# -- MiniRocket ------------------------------------------------------------------------------------------


def test_it_is_aeons_transformer_and_a_ridge_classifier():
    from aeon.transformations.collection.convolution_based import MiniRocket

    (X, y), (new, _) = waves(), waves(seed=1)
    rocket = MiniRocket(n_kernels=500, random_state=0)
    features = rocket.fit_transform(X.transpose(0, 2, 1))
    ridge = make_pipeline(StandardScaler(with_mean=False), RidgeClassifierCV(PENALTIES)).fit(features, y)
    expected = ridge.decision_function(rocket.transform(new.transpose(0, 2, 1)))
    ours = MiniRocketClassifier(n_kernels=500).fit(X, y)
    np.testing.assert_array_equal(ours.decision_function(new), expected)
    np.testing.assert_array_equal(ours.predict(new), expected.argmax(axis=1))


@given(data=st.data())
def test_padding_is_replaced_by_the_last_real_frame(data):
    lengths = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    frames = max(lengths) + data.draw(st.integers(0, 3))
    wanted = frames + data.draw(st.integers(0, 3))
    X = np.zeros((len(lengths), frames, 2))
    expected = np.zeros((len(lengths), wanted, 2))
    for i, n in enumerate(lengths):
        X[i, :n, data.draw(st.integers(0, 1))] = np.arange(1, n + 1)
        X[i, : n - 1][data.draw(st.integers(0, 5)) :] = 0  # frames of zeros before the last real one stay
        expected[i, :n] = X[i, :n]
        expected[i, n:] = X[i, n - 1]
    before = X.copy()
    np.testing.assert_array_equal(hold_last_frame(X, wanted), expected)
    np.testing.assert_array_equal(X, before)


def test_a_padded_sequence_is_judged_as_one_that_stands_still():
    X, y = waves()
    model = MiniRocketClassifier(n_kernels=84).fit(X, y)
    padded, held = X.copy(), X.copy()
    padded[:, 40:] = 0
    held[:, 40:] = X[:, 39:40]
    np.testing.assert_array_equal(model.decision_function(padded), model.decision_function(held))
    assert not np.array_equal(model.decision_function(padded), model.decision_function(X))


def test_constant_channels_do_no_harm():
    X, y = waves()
    steady = np.concatenate([X, np.full_like(X, 3.0)], axis=2)
    assert MiniRocketClassifier(n_kernels=1000).fit(steady, y).score(steady, y) == 1
    dead = np.full_like(X, 3.0)
    assert np.isfinite(MiniRocketClassifier(n_kernels=84).fit(dead, y).decision_function(dead)).all()


@pytest.mark.parametrize("n_kernels", [84, 1000])
def test_a_single_channel_is_enough(n_kernels):
    (X, y), (new, truth) = waves(channels=1), waves(channels=1, seed=1)
    assert MiniRocketClassifier(n_kernels=n_kernels).fit(X, y).score(new, truth) > 0.9


def test_a_sequence_of_another_sensor_needs_no_settings():
    trials = emg_trials([70, 90, 60, 80, 120, 50, 75, 85])
    fitted, test = left_out(trials, "minirocket", n_test=1)
    assert fitted.score(test) == 1
    assert fitted.score(emg_trials([500, 500])) == 1  # longer than any training trial


def test_trials_shorter_than_a_kernel_are_held():
    trials = emg_trials([5, 4, 6, 5, 5, 3, 1, 5])
    fitted = gaitlib.GaitClassifier(Builder("minirocket", n_kernels=84)).fit(trials)
    assert fitted.steps_.transform(trials).inputs["emg"].shape[1] == 6
    assert np.isfinite(fitted.predict_proba(trials)).all()


def test_windows_of_a_trial_are_averaged():
    trials = emg_trials([70, 90, 60, 80, 120, 50, 75, 85])
    steps = make_pipeline(Crop(30, "sliding", 10, "emg"), Tensors())
    fitted = gaitlib.GaitClassifier(Builder("minirocket", n_kernels=84), steps).fit(trials)
    windows = fitted.predict_samples(trials)
    assert len(windows) > len(trials)
    means = windows.groupby("trial")[["fast", "slow"]].mean().loc[trials.ids]
    np.testing.assert_allclose(fitted.predict_proba(trials), means)


def test_summary_statistics_are_no_sequences(tiny_trials):
    steps = gaitlib.recipes.steps_for(tiny_trials, "extra_trees")
    with pytest.raises(gaitlib.GaitDataError, match=r"reads sequences .*got \(48, .*let the steps end in Tensors"):
        gaitlib.GaitClassifier("minirocket", steps).fit(tiny_trials)


def test_two_sequences_must_be_chosen_from(tiny_trials):
    skeleton = tiny_trials.modality("skeleton")
    both = tiny_trials.with_modality("second", replace(skeleton))
    with pytest.raises(gaitlib.GaitDataError, match="'minirocket' reads one sequence"):
        gaitlib.GaitClassifier("minirocket").fit(both)


KERNELS = {
    "channels beyond": lambda p: (p[0], p[1] + 100, *p[2:]),
    "channels before": lambda p: (p[0], p[1] - 1, *p[2:]),
    "dilation": lambda p: (*p[:2], p[2] + 1000, *p[3:]),
    "counts": lambda p: (p[0] + 1, *p[1:]),
    "features": lambda p: (*p[:3], p[3] * 10, p[4]),
    "biases": lambda p: (*p[:4], p[4][:1]),
    "types": lambda p: (p[0].astype(float), *p[1:]),
    "axes": lambda p: (*p[:4], p[4][:, None]),
}


@pytest.mark.parametrize("change", KERNELS.values(), ids=KERNELS)
def test_kernels_that_aeon_would_read_beyond_are_refused(change):
    X, y = waves(frames=40)
    model = MiniRocketClassifier(n_kernels=84).fit(X, y)
    model.kernels_ = {**model.kernels_, "parameters": change(model.kernels_["parameters"])}
    with pytest.raises(gaitlib.GaitDataError, match="kernels of minirocket do not fit"):
        model.predict(X)


@pytest.fixture
def without_aeon(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "aeon"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aeon", None)


def test_without_aeon_the_pip_line_is_given(without_aeon):
    with pytest.raises(gaitlib.GaitDataError, match=r"needs aeon: pip install 'gaitlib\[rocket\]'"):
        gaitlib.GaitClassifier("minirocket").fit(emg_trials([20] * 4))
    with pytest.raises(gaitlib.GaitDataError, match="needs aeon"):
        Builder("minirocket").build_classical(0)  # before anything is trained


def test_without_aeon_all_else_works(without_aeon):
    assert "minirocket" in gaitlib.models.available(prepared="opening")
    assert gaitlib.models.summary().loc["minirocket", "prepared"] == "opening"
    trials = emg_trials([20] * 8)
    assert gaitlib.GaitClassifier("linear_svm").fit(trials).score(trials) == 1


# -- waveforms -------------------------------------------------------------------------------------------


def waveform_trials(n=40, frames=30, seed=0):
    """Trials of one length; the second class is higher in the middle, in one channel of three."""
    rng = np.random.default_rng(seed)
    second = np.arange(n) % 2 == 1
    values = np.sin(np.linspace(0, np.pi, frames))[None, :, None] + rng.normal(0, 0.2, (n, frames, 3))
    values[second, 10:15, 2] += 0.8
    label = np.where(second, "high", "low").tolist()
    return gaitlib.TrialSet.from_arrays({"grf": list(values)}, subject=[f"s{i // 4}" for i in range(n)], label=label)


def test_the_waveform_svm_is_the_published_one_on_values_scaled_by_training_trials(tmp_path):
    trials = waveform_trials()
    fitted = gaitlib.GaitClassifier("waveform_svm").fit(trials[:32])
    values = np.stack(list(trials.modality("grf").values))
    low, high = values[:32].min(axis=(0, 1)), values[:32].max(axis=(0, 1))
    x = ((values - low) / (high - low) * 2 - 1).astype(np.float32).reshape(40, -1)
    svm = LinearSVC(C=0.1, penalty="l2", loss="squared_hinge", max_iter=10_000, random_state=0)
    svm.fit(x[:32], (trials.labels[:32] == "low").astype(int))
    second = expit(svm.decision_function(x[32:]))
    np.testing.assert_allclose(fitted.predict_proba(trials[32:])[:, 1], second, atol=1e-5)
    assert fitted.score(trials[32:]) >= 7 / 8
    assert Builder("waveform_svm", C=3).build_classical(7)[-1].C == 3
    fitted.save(tmp_path)
    loaded = gaitlib.GaitClassifier.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(trials), fitted.predict_proba(trials))


def test_the_waveform_svm_reads_sequences_only(tiny_trials):
    with pytest.raises(gaitlib.GaitDataError, match=r"'waveform_svm' reads sequences .*got \(48, "):
        gaitlib.GaitClassifier("waveform_svm", gaitlib.recipes.steps_for(tiny_trials, "extra_trees")).fit(tiny_trials)


@pytest.mark.parametrize("frames", [9, 17, 25, 97])  # (frames - 1) / 8 is whole: the largest dilation
def test_the_last_bit_of_a_power_does_not_choose_the_kernels(frames, monkeypatch):
    (X, y), logspace = waves(frames=frames), np.logspace

    def decision_values(error):
        def on_another_machine(*args, **kwargs):
            powers = logspace(*args, **kwargs)
            powers[1:] *= 1 + error  # 2 ** 0 is 1 everywhere
            return powers

        monkeypatch.setattr(np, "logspace", on_another_machine)
        return MiniRocketClassifier(n_kernels=500).fit(X, y).decision_function(X)

    np.testing.assert_array_equal(decision_values(-1e-15), decision_values(1e-15))
