"""What is learnt and what is predicted agree: channels, units, rates, labels, weights and settings; else it is said."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, Training, TrialSet
from gaitlib.models.contract import ends_in_probabilities
from gaitlib.preprocessing import StandardiseTrial, Tensors, TimeNormalise
from gaitlib.trials.modality import object_array

CHANNELS = ("ax", "ay", "az")
LABEL = ["x", "y"] * 10
QUICK = Training(epochs=2)


def walks(order=(0, 1, 2), label=LABEL, rate_hz=50, unit="g", **options):
    """Two classes that differ in the first channel; the channels lie far apart."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(50, 3)) + [10 * (own == "y"), 50, 100] for own in LABEL]
    return TrialSet.from_arrays(
        {"imu": [a[:, list(order)] for a in arrays]}, subject=[f"s{i // 4}" for i in range(20)], label=label,
        channels=[CHANNELS[c] for c in order], rate_hz=rate_hz, unit=unit, **options,
    )  # fmt: skip


def own_network(inputs, heads):
    x = keras.Input(inputs["imu"], name="imu")
    return keras.Model(x, keras.layers.Dense(heads["label"].size)(keras.layers.Flatten()(x)))


MODELS = {
    "extra_trees": GaitClassifier("extra_trees"),
    "linear_svm": GaitClassifier("linear_svm"),
    "minirocket": GaitClassifier(gaitlib.models.Builder("minirocket", n_kernels=84)),
    "a network": GaitClassifier("compact_gru", training=QUICK),
    "steps without scaling": GaitClassifier(
        own_network, Pipeline([("own", StandardiseTrial("imu")), ("tensors", Tensors())]), QUICK
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def fitted(request):
    return MODELS[request.param].fit(walks())


# -- trials like those learnt ----------------------------------------------------------------------------


def test_channels_in_another_order_are_put_in_order(fitted):
    np.testing.assert_array_equal(fitted.predict_proba(walks((2, 0, 1))), fitted.predict_proba(walks()))


def test_other_modalities_beside_those_learnt_change_nothing(fitted):
    more = walks().with_modality("emg", walks().modality("imu"))
    np.testing.assert_array_equal(fitted.predict_proba(more), fitted.predict_proba(walks()))


def changed(**parts):
    trials = walks()
    return trials.with_modality("imu", replace(trials.modality("imu"), **parts))


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (changed(channels=("ax", "ay", "gz")), "has other channels than the training trials: az missing and gz new"),
        (changed(unit="m/s2"), "has the unit 'm/s2', the training trials 'g'"),
        (changed(kind="image"), "has the kind 'image', the training trials 'sequence'"),
        (walks(rate_hz=100), "trial00, 'imu': recorded at 100 Hz, the training trials at 50 Hz"),
    ],
    ids=["channels", "unit", "kind", "rate"],
)
def test_trials_of_another_kind_are_refused(fitted, new, words):
    for ask in (fitted.predict, fitted.predict_proba, fitted.score, fitted.prepare, fitted.predict_samples):
        with pytest.raises(GaitDataError, match=words):
            ask(new)


def test_an_unknown_rate_or_unit_is_not_another_one(fitted):
    np.testing.assert_array_equal(fitted.predict(walks(rate_hz=None, unit=None)), fitted.predict(walks()))


def test_rates_do_not_matter_where_time_is_normalised():
    steps = Pipeline([("points", TimeNormalise(50, "imu")), ("tensors", Tensors(pad=False))])
    model = GaitClassifier("linear", steps, QUICK).fit(walks())
    np.testing.assert_allclose(model.predict_proba(walks(rate_hz=100)), model.predict_proba(walks()), atol=1e-6)


def test_what_must_agree_is_saved_and_loaded(tmp_path):
    model = GaitClassifier.load(GaitClassifier("extra_trees").fit(walks()).save(tmp_path / "saved"))
    with pytest.raises(GaitDataError, match="recorded at 25 Hz"):
        model.predict(walks(rate_hz=25))


# -- labels ----------------------------------------------------------------------------------------------


def test_labels_that_are_equal_as_numbers_are_one_class():
    numbers = [int(own == "y") for own in LABEL]
    model = GaitClassifier("extra_trees").fit(walks(label=numbers))
    floats = np.array(numbers, float)
    assert model.score(walks(label=floats)) == model.score(walks(), floats) == model.score(walks(label=numbers)) == 1
    stop = GaitClassifier("compact_gru", training=QUICK).fit(
        walks(label=numbers)[:12], validation=walks(label=floats)[12:]
    )
    assert "val_loss" in stop.history_


def test_a_class_that_is_only_watched_is_refused():
    with pytest.raises(GaitDataError, match="validation trials of the class 'Y', .*written: x, y"):
        other = ["x" if own == "x" else "Y" for own in LABEL]
        GaitClassifier("compact_gru", training=QUICK).fit(walks()[:12], validation=walks(label=other)[12:])


def test_scikit_learns_predictions_of_probabilities():
    trials, model = walks(), GaitClassifier("extra_trees")
    split = {"groups": trials.subjects, "cv": GroupKFold(5)}
    proba = cross_val_predict(model, trials, trials.labels, method="predict_proba", **split)
    assert (np.array(["x", "y"])[proba.argmax(axis=1)] == trials.labels).all()
    with pytest.raises(GaitDataError, match="y differs"):
        model.fit(trials, np.array([1, 0] * 10))  # not the order in which scikit-learn numbers classes


# -- settings --------------------------------------------------------------------------------------------


def test_a_trial_given_five_times_weighs_five_times():
    trials = walks()
    model = GaitClassifier("compact_gru", training=QUICK, validation=None).fit(trials)
    more = trials[np.r_[np.arange(20), [1] * 4]]
    weight = model._labelled(model.steps_.transform(more), more, None)
    total = np.bincount(weight.target, weight.weight)
    assert total[1] / total[0] == pytest.approx(14 / 10)


@pytest.mark.parametrize("name", ["linear_svm", "minirocket", "majority"])
def test_balanced_classes_change_a_classical_model(name):
    rng = np.random.default_rng(0)
    few = walks()[np.r_[np.arange(0, 20, 2), 1, 3, 5]]
    blurred = few.modality("imu").map(lambda v: v * [0.05, 1, 1] + rng.normal(size=v.shape))
    few = few.with_modality("imu", blurred)
    builder = gaitlib.models.Builder("minirocket", n_kernels=84) if name == "minirocket" else name
    plain, balanced = (
        GaitClassifier(builder, training=Training(class_weight=w)).fit(few).predict_proba(few)[:, 1].mean()
        for w in (None, "balanced")
    )
    assert balanced > plain


def test_weights_reach_the_trees():
    """Trees of few rows end in leaves of one class, whatever the weights; blunt ones do not."""
    rare = walks()[np.r_[np.arange(0, 20, 2), 1]]
    blunt = gaitlib.models.Builder("extra_trees", n_estimators=50, min_samples_leaf=5)
    plain, balanced = (
        GaitClassifier(blunt, training=Training(class_weight=w)).fit(rare).predict_proba(rare)[-1, 1]
        for w in (None, "balanced")
    )
    assert balanced > plain + 0.1


def test_changed_copies_are_learnt_by_classical_models_too():
    def higher(trials):
        m = trials.modality("imu")
        return trials.with_modality("imu", m.map(lambda v: v + np.float32([20, 0, 0])))

    training = Training(augment=[higher])
    model, plain = (GaitClassifier("extra_trees", training=t).fit(walks()) for t in (training, None))
    new = higher(walks())
    assert model.score(new) == 1 > plain.score(new)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        (Training(modality_dropout=0.2), "Training\\(modality_dropout=...\\) has no effect"),
        (Training(encoder="imu"), "Training\\(encoder=...\\) has no effect"),
        (Training(l2=0.1), "Training\\(l2=...\\) has no effect"),
        ([Training(), Training()], "learns in one stage, not in 2"),
    ],
)
def test_settings_that_a_classical_model_cannot_use_are_refused(training, words):
    with pytest.raises(GaitDataError, match=f"'extra_trees' is no network: .*{words}|{words}"):
        GaitClassifier("extra_trees", training=training).fit(walks())


# -- probabilities taken for logits ----------------------------------------------------------------------


def _ending(end):
    def build(inputs, heads):
        x = keras.Input(inputs["imu"], name="imu")
        return keras.Model(x, end(keras.layers.Dense(heads["label"].size)(keras.layers.GlobalAveragePooling1D()(x))))

    return build


def _nested(y):
    z = keras.Input(y.shape[1:])
    return keras.Model(z, keras.layers.Softmax()(z))(y)


ENDS = {
    "layer": lambda y: keras.layers.Softmax()(y),
    "function": lambda y: keras.ops.softmax(y),
    "nested": _nested,
    "lambda": lambda y: keras.layers.Lambda(lambda v: keras.ops.softmax(v), output_shape=y.shape[1:])(y),
    "sigmoid": lambda y: keras.ops.sigmoid(y),
    "behind it": lambda y: keras.layers.Dropout(0.1)(keras.layers.Softmax()(y)),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_network_that_ends_in_probabilities_is_refused(end):
    with pytest.raises(GaitDataError, match="'build' ends in (probabilities|softmax)"):
        GaitClassifier(_ending(end), training=QUICK, validation=None).fit(walks())


@pytest.mark.parametrize("end", [lambda y: y, lambda y: 3 * y, lambda y: keras.ops.log_softmax(y)])
def test_logits_are_taken(end):
    network = _ending(end)({"imu": (50, 3)}, {"label": gaitlib.models.Head("class", 3)})
    assert not ends_in_probabilities(network)


# -- arithmetic ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "level", "sd"), [(90_000, 1000.1, 0.0), (600_000, 9.81, 0.05)])
def test_statistics_of_long_recordings_are_right_to_the_last_digits(n, level, sd):
    x = (level + sd * np.random.default_rng(0).normal(size=(n, 1))).astype(np.float32)
    trials = TrialSet.from_arrays({"imu": [x]}, subject=["a"])
    found = gaitlib.preprocessing.SummaryStatistics().fit_transform(trials).inputs["statistics"][0]
    exact = x.astype(np.longdouble)
    assert found[0] == pytest.approx(float(exact.mean()), rel=1e-7)
    assert found[1] == pytest.approx(float(exact.std()), rel=1e-5, abs=1e-9)
    assert gaitlib.preprocessing.variance_score(x)[0] == pytest.approx(float(exact.var()), rel=1e-5, abs=1e-12)


def test_an_offset_does_not_move_a_spread():
    rng = np.random.default_rng(0)
    small = rng.normal(size=(5000, 1)).astype(np.float32) / 64
    spread = [
        gaitlib.preprocessing.SummaryStatistics().fit_transform(
            TrialSet.from_arrays({"imu": object_array([np.float32(offset) + small])}, subject=["a"])
        ).inputs["statistics"][0, 1]
        for offset in (0, 4096)
    ]  # fmt: skip
    assert spread[1] == pytest.approx(spread[0], rel=1e-3)
