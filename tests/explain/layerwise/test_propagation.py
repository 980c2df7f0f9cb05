"""Relevance through whole networks: it adds up to the logit in every registered one, and stays off padding."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers, ops
from lrp_reference import randomised

import gaitlib
from gaitlib.explain import METHODS
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import AlphaBeta, Composite, Epsilon, Flat, WSquare, ZBox
from gaitlib.models import available, build, info

MODULE = importlib.import_module("gaitlib.explain.layerwise.propagation")

# Every network that classifies: a new one is tested without being named here.
NETWORKS = available(network=True, classifies=True)
SIZES = {"windows": (14, 5), "joints": (14, 45), "pose": (14, 51), "code": (1, 5), "whole": (24, 6)}
LENGTHS = np.array([14, 9, 3, 1])
TARGET = np.array([0, 1, 2, 1])
CHANGING = ("lrp", "gradient_x_input", "occlusion")


def registered(name, **parameters):
    return randomised(build(name, shapes_of(name), n_classes=3, **info(name).tiny | parameters))


def shapes_of(name):
    return info(name).inputs(SIZES[info(name).prepared], image=(20, 8))


def inputs_of(name):
    """Four samples; sequences end in padding."""
    rng = np.random.default_rng(1)
    x = {m: rng.normal(size=(4, *shape)).astype(np.float32) for m, shape in shapes_of(name).items()}
    for m in {"skeleton", "pose"} & set(x) if info(name).prepared != "code" else ():
        x[m][np.arange(14) >= LENGTHS[:, None]] = 0
    return x


def on_padding(relevance, x):
    return [relevance[m][(x[m] == 0).all(axis=-1)] for m in x]


def total(relevance):
    return sum(r.reshape(len(r), -1).sum(axis=1, dtype=np.float64) for r in relevance.values())


@pytest.fixture
def step_by_step(monkeypatch):
    """Without compilation, which takes seconds for a recurrent network; the numbers are the same (tested below)."""
    monkeypatch.setattr(MODULE, "compiled", lambda function, network: function)


# -- conservation --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_relevance_bias_and_stabiliser_add_up_to_the_logit(name, step_by_step):
    network, x = registered(name), inputs_of(name)
    relevance, account = lrp(network, x, TARGET)
    logits = ops.convert_to_numpy(network(list(x.values()) if len(x) > 1 else next(iter(x.values())), training=False))
    np.testing.assert_allclose(account["score"], logits[np.arange(4), TARGET], atol=1e-5)
    found = total(relevance) + account["bias"] + account["stabiliser"]
    np.testing.assert_allclose(found, account["score"], atol=1e-3)
    np.testing.assert_allclose(account["error"], found - account["score"], atol=1e-9)
    assert {m: r.shape for m, r in relevance.items()} == {m: v.shape for m, v in x.items()}
    assert all(r.dtype == np.float32 and np.isfinite(r).all() for r in relevance.values())
    assert all(not r.any() for r in on_padding(relevance, x))
    assert all(r[0].any() for r in relevance.values())


@pytest.mark.parametrize("name", ["gru_cnn_fusion", "attention", "bilstm", "cnn_lstm", "cnn_a"])
def test_without_biases_the_inputs_alone_add_up_to_the_logit(name, step_by_step):
    network, x = registered(name), inputs_of(name)
    for v in network.variables:
        if v.name in ("bias", "beta", "moving_mean"):
            v.assign(np.zeros(v.shape))
    relevance, account = lrp(network, x, TARGET)
    np.testing.assert_array_equal(account["bias"], 0)
    assert np.abs(account["stabiliser"]).max() < 1e-2  # of thousands of divisions, epsilon 1e-5 each
    np.testing.assert_allclose(total(relevance) + account["stabiliser"], account["score"], atol=1e-3)


@pytest.mark.parametrize("rule", [Flat(), WSquare(), ZBox(-3.0, 3.0)], ids=str)
@pytest.mark.parametrize(
    "name",
    [n for n in NETWORKS if info(n).prepared == "whole" or info(n).reads == ("image",)] + ["temporal_cnn", "cnn_lstm"],
)
def test_a_first_layer_with_a_rule_of_its_own_keeps_padding_clean(name, rule, step_by_step):
    network, x = registered(name), inputs_of(name)
    relevance, account = lrp(network, x, TARGET, Composite((("first", rule),)))
    assert np.abs(account["error"]).max() < 1e-3
    assert all(not r.any() for r in on_padding(relevance, x))
    assert all(r[0].any() for r in relevance.values())


@pytest.mark.parametrize("preset", ["alpha2", "alpha1", "alpha2 flat", "epsilon zB"])
@pytest.mark.parametrize("name", ["cnn_a", "cnn1d_c8", "pressure_cnn"])
def test_presets_add_up_too(name, preset, step_by_step):
    relevance, account = lrp(registered(name), inputs_of(name), TARGET, preset)
    assert np.abs(account["error"]).max() < 2e-3 * max(1, np.abs(account["stabiliser"]).max())
    assert all(np.isfinite(r).all() for r in relevance.values())


def test_all_networks_are_here():
    assert {"gru_cnn_fusion", "attention", "bilstm", "cnn_lstm", "cnn_a", "cnn1d_c8"} <= set(NETWORKS)


@pytest.mark.parametrize("name", ["gru_cnn_fusion", "cnn_c3"])
def test_compiled_numbers_are_those_of_step_by_step(name, monkeypatch):
    network, x = registered(name), inputs_of(name)
    compiled = lrp(network, x, TARGET)
    monkeypatch.setattr(MODULE, "compiled", lambda function, network: function)
    slow = lrp(registered(name), x, TARGET)
    for m in x:
        np.testing.assert_allclose(compiled[0][m], slow[0][m], atol=1e-4 * np.abs(slow[0][m]).max())


def test_of_a_linear_model_relevance_is_value_times_weight():
    network = registered("linear")
    x = inputs_of("linear")
    weights, bias = network.layers[-1].get_weights()
    relevance, account = lrp(network, x, TARGET, Epsilon(1e-9))
    expected = x["grf"] * weights.T[TARGET].reshape(4, 24, 6)
    np.testing.assert_allclose(relevance["grf"], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(account["bias"], bias[TARGET], rtol=1e-4)


# -- graphs --------------------------------------------------------------------------------------------------


def sample(n=4, shape=(6, 3), seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def test_a_model_as_a_layer_is_gone_through_as_if_its_layers_stood_there():
    parts = [layers.Conv1D(4, 2, activation="relu"), layers.BatchNormalization(), layers.Conv1D(3, 2), layers.Flatten()]
    head = layers.Dense(2)
    a, b, c = (keras.Input((6, 3), name="x") for _ in range(3))
    h = b
    for part in parts:
        h = part(h)
    flat = randomised(keras.Model(b, head(h)))
    inner = keras.Model(c, keras.Sequential(parts)(c), name="inner")
    nested = keras.Model(a, head(inner(a)))
    x = {"x": sample()}
    for rules in (None, "alpha2 flat"):
        one, two = lrp(nested, x, TARGET % 2, rules), lrp(flat, x, TARGET % 2, rules)
        np.testing.assert_allclose(one[0]["x"], two[0]["x"], atol=1e-5 * np.abs(two[0]["x"]).max())
        np.testing.assert_allclose(one[1]["bias"], two[1]["bias"], atol=1e-4)


def test_layers_and_models_may_be_shared_and_have_several_inputs():
    a, b = keras.Input((6, 3), name="a"), keras.Input((6, 3), name="b")
    u, v = keras.Input((6, 3)), keras.Input((6, 3))
    pair = keras.Model([u, v], layers.Add()([layers.Dense(4)(u), layers.Dense(4)(v)]))
    inside = layers.Conv1D(5, 2, activation="relu")
    h = layers.Concatenate()([inside(pair([a, b])), inside(pair([b, a]))])
    network = randomised(keras.Model([a, b], layers.Dense(2)(layers.Flatten()(h))))
    x = {"a": sample(), "b": sample(seed=1)}
    relevance, account = lrp(network, x, TARGET % 2)
    assert np.abs(account["error"]).max() < 1e-4
    swapped, _ = lrp(network, {"a": x["b"], "b": x["a"]}, TARGET % 2)
    assert np.abs(swapped["a"] - relevance["b"]).max() > 1e-3  # the logits tell the two calls apart


def test_a_layer_with_two_readers_gets_the_sum_of_both():
    x = keras.Input((6, 3), name="x")
    h = layers.Flatten()(layers.Conv1D(4, 2, activation="relu")(x))
    one, two = layers.Dense(3, activation="relu"), layers.Dense(4, activation="tanh")
    head = layers.Dense(2)
    network = randomised(keras.Model(x, head(layers.Concatenate()([one(h), two(h)]))))
    kernel, bias = head.get_weights()
    both = lrp(network, {"x": sample()}, TARGET % 2)[0]["x"]
    alone = []
    for rows in (slice(0, 3), slice(3, 7)):  # the other reader says nothing
        only = np.zeros_like(kernel)
        only[rows] = kernel[rows]
        head.set_weights([only, 0 * bias])
        alone.append(lrp(network, {"x": sample()}, TARGET % 2)[0]["x"])
    np.testing.assert_allclose(both, sum(alone), atol=1e-3 * np.abs(both).max())


def test_an_input_that_does_not_reach_the_logits_gets_none():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    layers.Dense(2)(b)
    relevance, account = lrp(
        randomised(keras.Model([a, b], layers.Dense(2)(a))), {"a": sample(4, (3,)), "b": sample(4, (2,))}, TARGET % 2
    )
    np.testing.assert_array_equal(relevance["b"], 0)
    assert np.abs(account["error"]).max() < 1e-4


@pytest.fixture(scope="module")
def small():
    x = keras.Input((6, 3), name="x")
    return randomised(keras.Model(x, layers.Dense(2)(layers.Flatten()(layers.Conv1D(4, 2, activation="relu")(x)))))


def test_numbers_do_not_depend_on_the_batch(small):
    x, target = sample(300), np.arange(300) % 2
    together, account = lrp(small, {"x": x}, target)
    assert len(together["x"]) == len(account["score"]) == 300
    for n in (1, 33, 129):
        few, own = lrp(small, {"x": x[:n]}, target[:n])
        np.testing.assert_allclose(few["x"], together["x"][:n], atol=1e-5)
        np.testing.assert_allclose(own["score"], account["score"][:n], atol=1e-5)


def test_every_sample_is_explained_for_its_own_target(small):
    x = sample(2)
    both = [lrp(small, {"x": x}, np.array([t, t]))[0]["x"] for t in (0, 1)]
    mixed = lrp(small, {"x": x}, np.array([1, 0]))[0]["x"]
    np.testing.assert_allclose(mixed, [both[1][0], both[0][1]], atol=1e-6)


def test_changed_weights_are_seen(small):
    x = {"x": sample()}
    before, _ = lrp(small, x, TARGET % 2)
    weights = small.get_weights()
    small.set_weights([-w if i == 2 else w for i, w in enumerate(weights)])  # the kernel of the logits
    after, account = lrp(small, x, TARGET % 2)
    small.set_weights(weights)
    assert np.abs(after["x"] - before["x"]).max() > 1e-3
    assert np.abs(account["error"]).max() < 1e-4


def test_a_network_of_mixed_precision_gives_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        x = keras.Input((6, 3), name="x", dtype="float32")
        h = layers.BatchNormalization()(layers.Conv1D(4, 2, activation="relu")(x))
        h = layers.Add()([h, layers.GRU(4, return_sequences=True)(h)])
        h = layers.GlobalAveragePooling1D()(layers.MaxPooling1D(2)(layers.MultiHeadAttention(2, 2)(h, h)))
        network = keras.Model(x, layers.Activation("linear", dtype="float32")(layers.Dense(2)(h)))
    finally:
        keras.config.set_dtype_policy("float32")
    relevance, account = lrp(network, {"x": sample()}, TARGET % 2)
    assert relevance["x"].dtype == np.float32
    assert np.isfinite(relevance["x"]).all()
    assert np.abs(account["error"]).max() < 0.1  # the logit itself has 8 bits


# -- the walk is the network ---------------------------------------------------------------------------------


def padded(n=4):
    x = sample(n)
    x[np.arange(6) >= np.array([6, 4, 2, 3])[:, None]] = 0
    return {"x": x}


def attending(masking, frames=6, **settings):
    x = keras.Input((frames, 3), name="x")
    h = layers.Dense(4)(layers.Masking()(x) if masking else x)
    h = layers.MultiHeadAttention(2, 3, name="attend", **settings)(h, h)
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(h)))


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_attention_is_walked_under_the_mask_that_keras_carries(dropout, step_by_step):
    """Relevance is that of each sample cut to its real frames, which need no mask."""
    network, x = randomised(attending(True, dropout=dropout)), padded()
    found, _ = lrp(network, x, TARGET % 2)
    for i, length in enumerate((6, 4, 2, 3)):
        cut = attending(False, length, dropout=dropout)
        cut.set_weights(network.get_weights())
        alone, _ = lrp(cut, {"x": x["x"][i : i + 1, :length]}, TARGET[i : i + 1] % 2)
        np.testing.assert_allclose(found["x"][i, :length], alone["x"][0], atol=1e-5)
        np.testing.assert_array_equal(found["x"][i, length:], 0)


def test_the_mask_goes_with_what_a_model_inside_reads(step_by_step):
    a, inside = keras.Input((6, 3), name="x"), keras.Input((6, 3))
    inner = keras.Model(inside, layers.GRU(3, return_sequences=True)(layers.Dense(4)(inside)))
    last = layers.Dense(2)
    nested = keras.Model(a, last(layers.LSTM(3)(inner(layers.Masking()(a)))))
    b = keras.Input((6, 3), name="x")
    flat = keras.Model(b, last(nested.layers[-2](inner.layers[2](inner.layers[1](layers.Masking()(b))))))
    randomised(nested)
    one, other = (lrp(network, padded(), TARGET % 2)[0]["x"] for network in (nested, flat))
    np.testing.assert_allclose(one, other, atol=1e-6)


@keras.saving.register_keras_serializable("tests")
class Twice(keras.Model):
    """Its graph is not what it computes."""

    def call(self, *args, **kwargs):
        return 2 * super().call(*args, **kwargs)


@pytest.mark.parametrize("inside", [False, True])
def test_a_model_whose_graph_is_not_what_it_computes_is_refused_by_name(inside, step_by_step):
    x = keras.Input((6, 3), name="x")
    own = Twice(x, layers.Dense(2)(layers.Flatten()(x)), name="odd")
    y = keras.Input((6, 3), name="x")
    with pytest.raises(gaitlib.GaitDataError, match=r"'odd' \(Twice\) computed anew is not what it gives"):
        lrp(keras.Model(y, layers.Dense(2)(own(y))) if inside else own, {"x": sample()}, TARGET % 2)


FORGETFUL = {
    "Dense": (lambda x: layers.Dense(3, "relu", name="odd")(x), ("layers", "weight")),
    "LayerNormalization": (lambda x: layers.LayerNormalization(name="odd")(x), ("layers", "weight")),
    "GRU": (lambda x: layers.GRU(3, name="odd")(x), ("recurrent", "weight")),
    "Bidirectional": (lambda x: layers.Bidirectional(layers.LSTM(3), name="odd")(x), ("recurrent", "weight")),
    "MultiHeadAttention": (lambda x: layers.MultiHeadAttention(1, 2, name="odd")(x, x), ("attention", "weight")),
}


@pytest.mark.parametrize("kind", FORGETFUL)
def test_a_layer_computed_otherwise_than_in_the_network_is_refused_by_name(kind, step_by_step, monkeypatch):
    """The fault is planted: the weights of one layer are read a twentieth too large."""
    body, (module, name) = FORGETFUL[kind]
    x = keras.Input((6, 3), name="x")
    h = body(x)
    network = randomised(keras.Model(x, layers.Dense(2, name="logits")(layers.Flatten()(h) if len(h.shape) > 2 else h)))
    lrp(network, {"x": sample()}, TARGET % 2)
    module = importlib.import_module(f"gaitlib.explain.layerwise.{module}")
    right = getattr(module, name)
    odd = {id(v) for v in network.get_layer("odd").variables}
    monkeypatch.setattr(module, name, lambda v: right(v) * (1.05 if id(v) in odd else 1))
    with pytest.raises(gaitlib.GaitDataError, match=rf"'odd' \({kind}\) computed anew .*integrated_gradients"):
        lrp(network, {"x": sample()}, TARGET % 2)


def test_a_sequential_network_that_has_changed_is_explained_as_it_is_now():
    network = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(4, "relu"), layers.Dense(2, name="last")])
    x = {"x": sample(4, (3,))}
    before = [METHODS[m](randomised(network), x, TARGET % 2)[0]["x"] for m in CHANGING]
    network.pop()
    network.add(layers.Dense(2, name="last"))
    network.layers[0].activation = keras.activations.tanh
    other = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(4, "tanh"), layers.Dense(2)])
    other.set_weights(randomised(network, seed=1).get_weights())
    for method, old in zip(CHANGING, before, strict=True):
        found, expected = (METHODS[method](own, x, TARGET % 2)[0]["x"] for own in (network, other))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert np.abs(found - old).max() > 1e-3


# -- refusals ------------------------------------------------------------------------------------------------


def dense_then(*more, **settings):
    x = h = keras.Input((4,), name="x")
    for layer in (layers.Dense(3, **settings), *more):
        h = layer(h)
    return keras.Model(x, h, name="ended")


@pytest.mark.parametrize(
    ("network", "end"),
    [
        (lambda: dense_then(activation="softmax"), "softmax"),
        (lambda: dense_then(activation="sigmoid"), "sigmoid"),
        (lambda: dense_then(layers.Activation("softmax")), "softmax"),
        (lambda: dense_then(layers.Softmax()), "Softmax"),
        (lambda: dense_then(ops.softmax), "Softmax"),
        (lambda: dense_then(ops.sigmoid), "Sigmoid"),
        (lambda: keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")], name="ended"), "softmax"),
    ],
)
def test_a_network_that_mixes_its_classes_at_the_end_is_refused_with_the_remedy(network, end):
    with pytest.raises(gaitlib.GaitDataError, match=f"'ended' ends in {end}.*Dense layer without activation"):
        lrp(network(), {"x": sample(4, (4,))}, TARGET)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="ended")
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def several_outputs():
    x = keras.Input((4,), name="x")
    return keras.Model(x, [layers.Dense(3)(x), layers.Dense(2)(x)], name="ended")


def frames_out():
    x = keras.Input((4, 2), name="x")
    return keras.Model(x, layers.Dense(3)(x), name="ended")


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Subclassed, r"no functional model.*keras.Model\(x, y\)"),
        (lambda: keras.Sequential([layers.Dense(3)], name="ended"), "no functional model"),
        (several_outputs, r"2 outputs; explain one: keras.Model\(network.inputs, network.outputs\[0\]\)"),
        (frames_out, r"relevance needs \(samples, classes\)"),
    ],
)
def test_a_network_without_one_row_of_logits_is_refused(network, reason):
    with pytest.raises(gaitlib.GaitDataError, match=f"'ended'.*{reason}"):
        lrp(network(), {"x": sample(4, (4,))}, TARGET)


def test_a_subclassed_model_as_a_layer_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="no rule for the layer 'ended' of type Subclassed"):
        lrp(dense_then(Subclassed()), {"x": sample(4, (4,))}, TARGET)


@pytest.mark.parametrize("name", ["compact_gru", "attention", "gru_cnn_fusion"])
def test_a_rule_for_convolutions_alone_is_refused_for_recurrent_networks(name, step_by_step):
    with pytest.raises(gaitlib.GaitDataError, match=r"give it Epsilon\(\)"):
        lrp(registered(name), inputs_of(name), TARGET, AlphaBeta())
