"""What no explanation takes, refused by name through every public entry."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from planted import planted_trials
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, Training
from gaitlib.errors import GaitDataError
from gaitlib.explain import METHODS, cascading_randomisation, deletion, infidelity, insertion, relevance, sanity_table
from gaitlib.models.contract import ends_in_probabilities
from gaitlib.preprocessing import Crop, Frames, Tensors

X = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
ENTRIES = {
    **{
        name: lambda n, x, t, name=name: METHODS[name](n, x if isinstance(x, dict) else {"x": x}, t) for name in METHODS
    },
    **{f"relevance, {m}": lambda n, x, t, m=m: relevance(n, x, target=t, method=m) for m in METHODS},
}
TRUST = (deletion, insertion, infidelity, cascading_randomisation, sanity_table)


def plain(body=lambda x: layers.Dense(3)(layers.Flatten()(x)), dtype="float32"):
    x = keras.Input((4, 3), name="x", dtype=dtype)
    return keras.Model(x, body(x), name="own")


def softmax_inside(x):
    given = keras.Input((4, 3))
    return keras.Model(given, layers.Softmax()(layers.Dense(3)(layers.Flatten()(given))))(x)


PROBABILITIES = {
    "a model inside": softmax_inside,
    "a function": lambda x: layers.Reshape((3,))(ops.softmax(layers.Dense(3)(layers.Flatten()(x)))),
    "sigmoids": lambda x: layers.Identity()(layers.Dense(3, "sigmoid")(layers.Flatten()(x))),
    "an own function": lambda x: layers.Lambda(lambda z: ops.exp(z) / ops.sum(ops.exp(z), axis=-1, keepdims=True))(
        layers.Dense(3)(layers.Flatten()(x))
    ),
    "a layer before the last": lambda x: layers.Activation("linear")(layers.Dense(3, "softmax")(layers.Flatten()(x))),
}


@pytest.mark.parametrize("body", PROBABILITIES.values(), ids=PROBABILITIES)
def test_networks_that_end_in_probabilities_are_refused_by_all(body):
    network = plain(body)
    for entry in ENTRIES.values():
        with pytest.raises(GaitDataError, match="'own' ends in .*explain the logits"):
            entry(network, X, 0)
    for test in TRUST:
        with pytest.raises(GaitDataError, match="'own' ends in .*explain the logits"):
            test(network, X)


def test_small_logits_are_no_probabilities_and_weights_stay_as_they_are():
    network = plain(
        lambda x: layers.Dense(3, bias_initializer="ones")(layers.LayerNormalization()(layers.Flatten()(x)))
    )
    weights = [0.01 * w + 0.5 * (w.ndim == 1) for w in network.get_weights()]
    network.set_weights(weights)
    y = ops.convert_to_numpy(network(X))
    assert ((y > 0) & (y < 1)).all()
    assert not ends_in_probabilities(network)
    for own, before in zip(network.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(own, before)


def quantised():
    network = plain()
    network.quantize("int8")
    return network


def stateful():
    x = keras.Input(batch_shape=(2, 4, 3), name="x")
    return keras.Model(x, layers.Dense(3)(layers.Bidirectional(layers.LSTM(2, stateful=True, name="lstm"))(x)))


REFUSED = {
    "NaN": (plain, np.where(X > 0, np.nan, X), 0, "'x': a number is not finite"),
    "no sample": (plain, X[:0], 0, r"hold \[0\] samples|no samples"),
    "no batch axis": (plain, X[0], 0, r"one sample alone needs its axis: x\[None\]"),
    "of two lengths": (plain, [X[0], X[1, :2]], 0, "'x' is no array of numbers"),
    "unknown input": (plain, {"x": X, "y": X}, 0, "reads x; give 'y' no more"),
    "missing input": (plain, {"y": X}, 0, "reads x; give 'x' too"),
    "whole numbers": (lambda: plain(dtype="int32"), X, 0, "reads 'x' as int32: relevance is of float values"),
    "quantised": (quantised, X, 0, "is quantised .int8.*before quantize"),
    "stateful": (stateful, X, 0, "is stateful.*stateful=False"),
}
TARGETS = {
    "between classes": (1.7, "class numbers are whole"),
    "NaN": (np.nan, "class numbers are whole"),
    "no class": (3, "class 3 of a network with 3"),
    "a name": ("normal", "class numbers"),
    "none": (None, "class numbers are whole"),
    "a table": ([[0], [1]], "class numbers are whole"),
    "too many": ([0, 1, 2], "3 classes for 2 samples"),
}


@pytest.mark.parametrize(("network", "x", "target", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_explained_is_refused_by_all(network, x, target, reason):
    network = network()
    for name, entry in ENTRIES.items():
        with pytest.raises(GaitDataError, match=reason):
            entry(network, x, target)
            pytest.fail(name)
    for test in TRUST:
        with pytest.raises(GaitDataError, match=reason):
            test(network, x)


@pytest.mark.parametrize(("target", "reason"), TARGETS.values(), ids=TARGETS)
def test_what_is_no_class_is_refused_by_all(target, reason):
    network = plain()
    for entry in ENTRIES.values():
        with pytest.raises(GaitDataError, match=reason):
            entry(network, X, target)


def test_inputs_given_by_name_are_those_of_that_name_in_any_order():
    a, b = keras.Input((4, 3), name="left"), keras.Input((4, 3), name="right")
    h = layers.Concatenate()([layers.Flatten()(a), 2 * layers.Flatten()(b)])
    x = {"right": X, "left": -X}
    one = keras.Model({"left": a, "right": b}, layers.Dense(2)(h))
    other = keras.Model([b, a], one.layers[-1](h))
    for method in ("gradient_x_input", "integrated_gradients", "occlusion", "smooth_grad"):
        found, expected = (METHODS[method](network, x, 1)[0] for network in (one, other))
        for name in x:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def test_a_sample_of_which_the_network_says_nothing_is_named():
    network = plain(lambda x: layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.Masking()(x))))
    x = X.copy()
    x[1] = 0  # nothing but padding: 0 / 0
    for method in ("lrp", "gradient_x_input", "occlusion"):
        with pytest.raises(GaitDataError, match="no finite logit for sample 1; is it all padding"):
            relevance(network, x, method=method)


def linear_network(inputs, heads):
    ((name, shape),) = inputs.items()
    x = keras.Input(shape, name=name)
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(layers.GlobalAveragePooling1D()(x)))


def test_a_trial_that_is_there_twice_is_named():
    trials = planted_trials(n_subjects=2, n_walks=1)
    steps = make_pipeline(Frames(StandardScaler()), Crop(30), Tensors(["skeleton"]))
    model = GaitClassifier(linear_network, steps=steps, training=Training(epochs=1), validation=None).fit(trials)
    for ask in (relevance, deletion, infidelity):
        with pytest.raises(gaitlib.GaitDataError, match="s01/normal/01 is there 2 times; explain each trial once"):
            ask(model, trials[[0, 0, 1]])
    for target in (1.7, [["normal"], ["normal"]]):
        with pytest.raises(gaitlib.GaitDataError, match="knows no class '1.7'|one a trial, or one for all"):
            relevance(model, trials[:2], target)
