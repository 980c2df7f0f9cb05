"""AOPC: the published values from the published curves, changes that stay, and each trial judged by its fold."""

import os
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers
from scipy.io import loadmat
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from gaitlib import GaitClassifier, GaitDataError, TrialSet
from gaitlib.perturb.values import (
    CONDITION,
    PERCENT,
    _share_right,
    aopc,
    aopc_table,
    perturbation_curve,
    perturbation_curves,
)
from gaitlib.preprocessing import Crop, Tensors
from gaitlib.preprocessing.samples import STAND_IN_FRAME
from gaitlib.protocols.folds import KNOWN_PERSON
from gaitlib.results.intervals import subject_interval
from gaitlib.results.runs import Run, Runs
from gaitlib.results.stored import FoldResult
from gaitlib.targets import LearntTarget

PUBLISHED = {"MLP1024": 16.7, "MLP256": 20.8, "MLP64": 27.6, "CNN-A": 18.2, "CNN-C3": 27.5, "SVM": 18.6, "SGD": 45.6}


# -- the number ------------------------------------------------------------------------------------------------


def test_the_published_values_come_from_the_published_curves():
    folder = os.environ.get("GAIT_REAL_DATA")
    if not folder or not (file := Path(folder, "gait_signature", "Fig1.mat")).is_file():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with gait_signature/Fig1.mat")
    curves = loadmat(file)["Acc_StepsOfChange_Output_Mean"]
    assert aopc(curves).round(1).tolist() == list(PUBLISHED.values())


@given(st.lists(st.floats(0, 1), min_size=50, max_size=50))
def test_it_is_50_less_the_sum_of_the_trapezoids(accuracy):
    area = sum((a + b) / 2 for a, b in zip(accuracy, accuracy[1:], strict=False))
    assert aopc(accuracy) == pytest.approx(50 - area)
    assert 1 - 1e-9 <= aopc(accuracy) <= 50


@pytest.mark.parametrize("wrong", [np.ones(49), np.full(50, 50.0), np.full(50, np.nan), 1.0])
def test_only_50_shares_have_an_aopc(wrong):
    with pytest.raises(GaitDataError, match="49 %"):
        aopc(wrong)


# -- what is changed -------------------------------------------------------------------------------------------


HEADS = {"label": LearntTarget("class", ("a", "b"))}


class Reader(GaitClassifier):
    """A classifier that keeps what it reads, and calls everything 'a'."""

    classes_ = np.array(["a", "b"])
    heads, heads_ = None, HEADS

    def __init__(self, trials, steps=None):
        self.steps_ = (steps or make_pipeline(Tensors())).fit(trials)
        self.read = []
        self.network_ = self

    output_shape = (None, 2)

    def predict_on_batch(self, inputs):
        self.read.append({name: np.array(x) for name, x in inputs.items()})
        n = len(next(iter(inputs.values())))
        return np.tile([1.0, 0.0], (n, 1)).astype(np.float32)


def waveforms(n=3, frames=10, seed=0, lengths=None, **more):
    rng = np.random.default_rng(seed)
    values = [rng.uniform(-0.5, 0.5, (f, 2)).astype(np.float32) for f in lengths or [frames] * n]
    arrays = {"grf": values, **more}
    n = len(values)
    return TrialSet.from_arrays(arrays, subject=[f"s{i}" for i in range(n)], label=["a"] * n)


def what_was_read(trials, noise="gaussian", steps=None, **settings):
    """By modality, (50 percentages, samples, ...) of the one repetition."""
    reader = Reader(trials, steps)
    perturbation_curve(reader, trials, noise, repetitions=1, **settings)
    n = len(reader.steps_.transform(trials))
    joined = {name: np.concatenate([r[name] for r in reader.read]) for name in reader.read[0]}
    return {name: x[: 50 * n].reshape(50, n, *x.shape[1:]) for name, x in joined.items()}


@pytest.mark.parametrize("noise", ["gaussian", "pepper", "salt+", "salt-", "shot"])
def test_k_percent_are_changed_and_stay_changed(noise):
    trials = waveforms(n=3, frames=100)  # 200 values: 2 a percent
    read = what_was_read(trials, noise)["grf"]
    given = np.stack(list(trials.modality("grf").values))
    changed = read != given
    assert (changed.sum(axis=(2, 3)) == 2 * PERCENT[:, None]).all()
    for before, after, x, y in zip(changed[:-1], changed[1:], read[:-1], read[1:], strict=True):
        assert after[before].all()
        np.testing.assert_array_equal(x[before], y[before])
    new = read[-1][changed[-1]]
    if noise == "gaussian":
        added = new - given[changed[-1]]
        assert added.std() == pytest.approx(1, abs=0.12)
    else:
        values = {"pepper": {np.float32(STAND_IN_FRAME)}, "salt+": {1}, "salt-": {-1}, "shot": {-1, 1}}[noise]
        assert set(new) == values
    if noise == "shot":
        assert abs(new.mean()) < 0.25
    orders = changed[20].reshape(3, -1)
    assert (orders[0] != orders[1]).any()  # every sample has its own


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_sigma_is_the_sd_of_what_is_added(sigma):
    trials = waveforms(n=4, frames=200)
    read = what_was_read(trials, sigma=sigma)["grf"][-1]
    added = read - np.stack(list(trials.modality("grf").values))
    assert added[added != 0].std() == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("noise", ["salt+", "pepper"])
def test_padding_is_never_touched_and_real_frames_never_pass_for_it(noise):
    trials = waveforms(lengths=[50, 20, 35])
    read = what_was_read(trials, noise)["grf"]
    for i, length in enumerate((50, 20, 35)):
        assert not read[:, i, length:].any()
        assert read[:, i, :length].all()
        changed = (read[:, i, :length] != trials.modality("grf").values[i]).sum(axis=(1, 2))
        np.testing.assert_array_equal(changed, np.rint(PERCENT / 100 * 2 * length))


def test_values_of_all_modalities_share_one_order_and_a_stand_in_stays():
    rng = np.random.default_rng(1)
    feet = [rng.uniform(-0.5, 0.5, (5, 4)).astype(np.float32), None]
    trials = waveforms(n=2, frames=40, feet=feet)
    read = what_was_read(trials, "salt+", make_pipeline(Tensors(allow_missing=True)))
    changed = sum((read[name][:, 0] == 1).sum(axis=(1, 2)) for name in ("grf", "feet"))
    np.testing.assert_array_equal(changed, PERCENT)  # of 100 values
    assert (read["feet"][49, 0] == 1).any()
    assert (read["feet"][:, 1] == read["feet"][0, 1]).all()
    assert (read["grf"][49, 1] == 1).sum() == round(0.49 * 80)


def test_relevance_puts_the_highest_first():
    trials = waveforms(n=2, frames=50)
    relevance = np.random.default_rng(3).permutation(200).reshape(2, 50, 2).astype(float)
    read = what_was_read(trials, "salt+", order=lambda classifier, own: {"grf": relevance})["grf"]
    for percent in (1, 10, 49):
        for i in range(2):
            expected = relevance[i] >= np.sort(relevance[i].ravel())[::-1][percent - 1]
            np.testing.assert_array_equal(read[percent, i] == 1, expected)


def test_equal_relevance_goes_in_random_order():
    trials = waveforms(n=1, frames=50)
    read = what_was_read(trials, "salt+", order=lambda classifier, own: {"grf": np.zeros((1, 50, 2))})["grf"]
    places = np.flatnonzero(read[20, 0].ravel() == 1)
    assert len(places) == 20
    assert places.max() > 40


def test_parts_that_are_predicted_one_after_the_other_change_nothing(monkeypatch):
    trials = waveforms(n=3, frames=20)
    whole = what_was_read(trials)["grf"]
    monkeypatch.setattr(sys.modules[aopc.__module__], "VALUES_AT_ONCE", 500)  # the name is the function's
    reader = Reader(trials)
    perturbation_curve(reader, trials, repetitions=1)
    assert len(reader.read) > 2
    # Each part is padded to whole batches by its last row: take the first rows of each.
    sizes = [3 * len(part) for part in np.array_split(PERCENT, min(50, -(-120 * 50 // 500)))]
    parts = np.concatenate([r["grf"][:n] for r, n in zip(reader.read, sizes, strict=True)])
    np.testing.assert_array_equal(parts.reshape(whole.shape), whole)


def test_seeds_tell_draws_apart():
    trials = waveforms()
    first, again, other = (what_was_read(trials, seed=seed)["grf"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"noise": "salt"}, "salt\\+"),
        ({"sigma": 0}, "above 0"),
        ({"repetitions": 0}, "above 0"),
        ({"order": "relevance"}, "function"),
        ({"order": lambda c, t: {"grf": np.zeros((3, 2, 10))}}, "'grf'"),
        ({"order": lambda c, t: {}}, "'grf'"),
        ({"order": lambda c, t: {"grf": np.full((3, 10, 2), np.nan)}}, "finite"),
    ],
)
def test_wrong_settings_are_refused(settings, why):
    trials = waveforms()
    with pytest.raises(GaitDataError, match=why):
        perturbation_curve(Reader(trials), trials, **settings)


def test_trials_need_labels():
    trials = TrialSet.from_arrays({"grf": [np.ones((3, 1))]}, subject=["s"])
    with pytest.raises(GaitDataError, match="label"):
        perturbation_curve(Reader(trials), trials)


# -- accuracy --------------------------------------------------------------------------------------------------


def one_value_network():
    """Class 'b' where the first value is above 0; all others are not read."""
    x = keras.Input((20, 1), name="x")
    network = keras.Model({"x": x}, layers.Dense(2, name="logits")(layers.Flatten()(x)))
    weights = np.zeros((20, 2), np.float32)
    weights[0] = (-1, 1)
    network.set_weights([weights, np.zeros(2, np.float32)])
    return network


def planted(n=200, subjects=4):
    """Trials whose first value tells the class: -0.5 of 'a', 0.5 of 'b'."""
    labels = np.array(["a", "b"])[np.arange(n) % 2]
    values = np.full((n, 20, 1), 0.1, np.float32)
    values[:, 0, 0] = np.where(labels == "b", 0.5, -0.5)
    return TrialSet.from_arrays({"x": list(values)}, subject=[f"s{i % subjects}" for i in range(n)], label=labels)


def classifier_of(trials, network=None, estimator=None, steps=None):
    classifier = GaitClassifier("linear_svm" if network is None else "gru")
    classifier.classes_, classifier.heads_ = np.array(["a", "b"]), HEADS
    classifier.steps_ = (steps or make_pipeline(Tensors())).fit(trials)
    if network is not None:
        classifier.network_ = network
    else:
        classifier.estimator_ = estimator
    return classifier


def test_accuracy_falls_as_the_one_value_that_counts_is_hit():
    trials = planted()
    classifier = classifier_of(trials, one_value_network())
    curve = perturbation_curve(classifier, trials, "salt-", repetitions=15)
    accuracy = curve.groupby("percent")["accuracy"].mean()
    # Of 'b' the share whose first value was not among the changed is right; of 'a' all.
    expected = 1 - np.rint(PERCENT / 100 * 20) / 20 / 2
    np.testing.assert_allclose(accuracy, expected, atol=0.04)
    assert curve.columns.tolist() == ["subject", "trials", "percent", "accuracy"]
    assert curve["trials"].unique().tolist() == [50]
    over_trials = _share_right(classifier, trials, "salt-", 1.0, "random", 15, 0).mean(axis=0)
    np.testing.assert_allclose(accuracy, over_trials)  # the source's mean, where subjects have as many trials


def test_true_shot_noise_is_milder_than_salt():
    trials = planted()
    trials = trials[trials.labels == "a"]  # salt+ turns every 'a', shot every second
    curves = {
        noise: perturbation_curve(classifier_of(trials, one_value_network()), trials, noise, repetitions=15)
        for noise in ("salt+", "shot")
    }
    lost = {noise: 1 - c.groupby("percent")["accuracy"].mean().to_numpy() for noise, c in curves.items()}
    np.testing.assert_allclose(lost["shot"], lost["salt+"] / 2, atol=0.05)


def test_relevance_order_hits_what_counts_first():
    trials = planted(n=40)
    relevance = np.zeros((40, 20, 1))
    relevance[:, 0] = 1
    classifier = classifier_of(trials, one_value_network())
    curve = perturbation_curve(classifier, trials, "salt-", order=lambda c, t: {"x": relevance}, repetitions=2)
    accuracy = curve.groupby("percent")["accuracy"].mean().to_numpy()
    np.testing.assert_array_equal(accuracy, np.where(PERCENT < 3, 1, 0.5))  # 3 % of 20 values is the first whole one


def test_windows_are_put_together_as_in_predict():
    trials = planted(n=8)
    long = trials.with_modality("x", trials.modality("x").map(lambda v: np.concatenate([v, np.full_like(v, 0.1)])))
    steps = make_pipeline(Crop(20, "sliding", 20, "x"), Tensors())
    classifier = classifier_of(long, one_value_network(), steps=steps)
    curve = perturbation_curve(classifier, long, repetitions=1, sigma=1e-9)
    np.testing.assert_allclose(curve.query("percent == 0")["accuracy"].mean(), classifier.score(long))
    assert (curve["accuracy"] == curve["accuracy"][0]).all()


class Flat(LogisticRegression):
    """A classical model on waveforms as they are."""

    def fit(self, x, y):
        return super().fit(x.reshape(len(x), -1), y)

    def predict_proba(self, x):
        return super().predict_proba(x.reshape(len(x), -1))


def test_classical_models_are_judged_likewise():
    trials = planted()
    x, y = np.stack(list(trials.modality("x").values)), (trials.labels == "b").astype(int)
    classical = classifier_of(trials, estimator=Flat().fit(x, y))
    expected = perturbation_curve(classifier_of(trials, one_value_network()), trials, "salt-", repetitions=2)
    pd.testing.assert_frame_equal(perturbation_curve(classical, trials, "salt-", repetitions=2), expected)


# -- a benchmark -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two folds of known people; the second fold's model has the classes the wrong way round."""
    trials, folder = planted(n=40), tmp_path_factory.mktemp("runs")
    folds = []
    for k in range(2):
        tested, network = trials[np.arange(40) // 20 == k], one_value_network()
        if k:
            network.set_weights([-w for w in network.get_weights()])
        fitted = classifier_of(trials, network)
        fitted.history_, fitted.resources_ = pd.DataFrame(), {}
        fitted.fitted_on_, fitted.watched_ = tuple(trials.ids[np.arange(40) // 20 != k]), ()
        fitted.save(folder / str(k) / "classifier")
        table = tested.table[["trial", "subject", "walk", "label"]].assign(part="test", predicted="a", a=1.0, b=0.0)
        watched = trials.table[["trial", "subject", "walk", "label"]].iloc[:1].assign(part="validation", a=1.0, b=0.0)
        folds.append(FoldResult(f"fold{k}", pd.concat([table, watched]), pd.DataFrame(), {}, {}, folder / str(k)))
    known = Run("one_value", "fold is the trial number", KNOWN_PERSON, folds)
    return Runs([known, Run("failed", "p", KNOWN_PERSON, [], {"fold0": "planted"})], trials)


def test_each_trial_is_judged_by_the_fold_that_tested_it(runs):
    curves = perturbation_curves(runs, "pepper", repetitions=2)
    assert curves.columns.tolist() == [*CONDITION, "subject", "trials", "percent", "accuracy"]
    assert (curves.groupby("subject")["trials"].first() == 10).all()
    assert (curves.query("percent == 0")["accuracy"] == 0.5).all()  # one fold all right, the other all wrong
    (condition,) = curves[CONDITION].drop_duplicates().to_numpy().tolist()
    assert condition[1:] == ["one_value", "fold is the trial number", str(KNOWN_PERSON), "pepper", "random", 0.5]


def test_the_table_has_the_mean_over_subjects_with_its_interval(runs):
    both = pd.concat([perturbation_curves(runs, noise, repetitions=2) for noise in ("salt-", "gaussian")])
    table = aopc_table(both)
    assert table["noise"].tolist() == ["salt-", "gaussian, SD 1"]
    own = both[both["noise"] == "salt-"]
    by_subject = [aopc(c["accuracy"]) for _, c in own.groupby("subject")]
    first = table.iloc[0]
    assert first["AOPC"] == pytest.approx(np.mean(by_subject))
    assert first["AOPC"] == pytest.approx(aopc(own.groupby("percent")["accuracy"].mean()))
    assert (first["low"], first["high"]) == pytest.approx(subject_interval(by_subject))
    assert first["SD"] == pytest.approx(np.std(by_subject, ddof=1))
    assert (first["subjects"], first["trials"], first["accuracy"]) == (4, 40, 0.5)


def test_a_model_without_folds_is_refused(runs):
    for model in ("failed", "unknown"):
        with pytest.raises(GaitDataError, match=f"of {model}"):
            perturbation_curves(runs, model=model)
    assert set(perturbation_curves(runs, repetitions=1)["model"]) == {"one_value"}
