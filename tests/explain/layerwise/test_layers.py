"""Layers without memory: sums, pooling, normalisation, attention, shapes, and how normalisations are folded."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from lrp_reference import away_from_zero, epsilon_back, hand_through, randomised

import gaitlib
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import AlphaBeta, Composite, Epsilon, Flat, Gamma, WSquare, ZBox, ZPlus
from gaitlib.models.attentive import AttentionPooling
from gaitlib.models.layers import FrameMask, MeanAndMaxPooling, MeanPooling, ZeroPadding

FRAMES, CHANNELS = 6, 4
TARGET = np.array([0, 1, 1])
EPSILON = 1e-5


def sample(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=(3, *shape)).astype(np.float32)


def padded(lengths=(6, 4, 2)):
    x = sample(FRAMES, CHANNELS)
    x[np.arange(FRAMES) >= np.array(lengths)[:, None]] = 0
    return x


def network_of(body, *shapes):
    """A network of a body between inputs "a", "b", ... and a linear layer, with random weights."""
    inputs = [keras.Input(shape, name=name) for shape, name in zip(shapes, "ab", strict=False)]
    h = body(*inputs)
    h = layers.Flatten(name="before_logits")(h) if len(h.shape) > 2 else h
    return randomised(keras.Model(inputs, layers.Dense(2, name="logits")(h)))


def at_logits(network, x):
    """What the logits read, and the relevance that they hand to it, flat, by the definition."""
    head = network.get_layer("logits")
    read = ops.convert_to_numpy(keras.Model(network.inputs, head.input)(x)).astype(np.float64)
    kernel, bias = (w.astype(np.float64) for w in head.get_weights())
    scores = read @ kernel + bias
    parts = [
        epsilon_back(v, kernel[:, [t]], bias[[t]], s[[t]])[0] for v, t, s in zip(read, TARGET, scores, strict=True)
    ]
    return read, np.array(parts)


def explained(network, *arrays, rules=None):
    """Relevance of the inputs, in their order; all of the logit is accounted for."""
    relevance, account = lrp(network, dict(zip("ab", arrays, strict=False)), TARGET, rules)
    assert np.abs(account["error"]).max() < 1e-4
    return [relevance[name] for name in "ab"[: len(arrays)]]


def close(found, expected, tolerance=1e-4):
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max(), rtol=tolerance)


# -- sums ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("join", [layers.Add(), lambda v: v[0] + v[1], layers.Average()], ids=["Add", "+", "Average"])
def test_terms_take_what_they_added(join):
    a, b = sample(5), sample(5, seed=1)
    network = network_of(lambda *v: join(list(v)), (5,), (5,))
    half = 0.5 if isinstance(join, layers.Average) else 1.0
    read, relevance = at_logits(network, [a, b])
    share = relevance / away_from_zero(read, EPSILON)
    for found, x in zip(explained(network, a, b), (a, b), strict=True):
        close(found, half * x * share)


def test_a_term_may_be_added_to_itself_spread_or_constant():
    a, b = sample(FRAMES, CHANNELS), sample(1, CHANNELS, seed=1)
    network = network_of(lambda a, b: a + a + b + 0.7, (FRAMES, CHANNELS), (1, CHANNELS))
    read, relevance = at_logits(network, [a, b])
    share = (relevance / away_from_zero(read, EPSILON)).reshape(a.shape)
    of_a, of_b = explained(network, a, b)
    close(of_a, 2 * a * share, 1e-3)
    close(of_b, b * share.sum(axis=1, keepdims=True), 1e-3)


def test_a_residual_layer_hands_relevance_to_both_ways():
    inner = layers.Dense(5, name="inner")
    network = network_of(lambda a: layers.Add()([a, inner(a)]), (5,))
    a = sample(5)
    read, relevance = at_logits(network, a)
    share = relevance / away_from_zero(read, EPSILON)
    kernel, bias = inner.get_weights()
    through = np.array(
        [epsilon_back(v, kernel, bias, (v @ kernel + bias) * s)[0] for v, s in zip(a, share, strict=True)]
    )
    close(explained(network, a)[0], a * share + through, 1e-3)


@pytest.mark.parametrize(
    ("pool", "shape"),
    [
        (lambda: layers.AveragePooling1D(2), (FRAMES, CHANNELS)),
        (lambda: layers.AveragePooling1D(3, 2, "same"), (FRAMES, CHANNELS)),
        (lambda: layers.AveragePooling2D(2), (4, 4, 2)),
        (lambda: layers.GlobalAveragePooling1D(), (FRAMES, CHANNELS)),
        (lambda: layers.GlobalAveragePooling2D(), (4, 4, 2)),
    ],
)
def test_averages_share_by_what_was_added(pool, shape):
    a, pool = sample(*shape), pool()
    network = network_of(pool, shape)
    n = int(np.prod(shape))
    weights = ops.convert_to_numpy(pool(np.eye(n, dtype=np.float32).reshape(n, *shape))).reshape(n, -1)
    _, relevance = at_logits(network, a)
    expected = [epsilon_back(v.ravel(), weights, 0, r)[0].reshape(shape) for v, r in zip(a, relevance, strict=True)]
    close(explained(network, a)[0], np.array(expected), 1e-3)


@pytest.mark.parametrize(
    ("pool", "shape"),
    [
        (lambda: layers.MaxPooling1D(2), (FRAMES, CHANNELS)),
        (lambda: layers.MaxPooling2D(2), (4, 4, 2)),
        (lambda: layers.GlobalMaxPooling1D(), (FRAMES, CHANNELS)),
        (lambda: layers.GlobalMaxPooling2D(), (4, 4, 2)),
    ],
)
def test_a_maximum_gives_all_to_the_value_that_won(pool, shape):
    a = sample(*shape)
    network = network_of(pool(), shape)
    read, relevance = at_logits(network, a)
    expected = np.zeros_like(a)
    for i in range(len(a)):
        for value, own in zip(read[i], relevance[i], strict=True):
            expected[i][np.isclose(a[i], value, rtol=0, atol=1e-9)] = own
    close(explained(network, a)[0], expected)


def test_an_average_with_a_mask_gives_padding_none():
    a = padded()
    given = keras.Input((FRAMES, CHANNELS), name="a")
    h = layers.GlobalAveragePooling1D()(given, mask=FrameMask()(given))
    network = randomised(keras.Model(given, layers.Dense(2, name="logits")(h)))
    _, relevance = at_logits(network, a)
    share = relevance / away_from_zero(a.sum(axis=1) / np.array([[6], [4], [2]]), EPSILON)
    close(explained(network, a)[0], a / np.array([6, 4, 2])[:, None, None] * share[:, None], 1e-3)


@pytest.mark.parametrize("pool", [MeanPooling, MeanAndMaxPooling])
def test_pooling_over_real_frames(pool):
    a = padded()
    network = network_of(lambda a: pool()(a, FrameMask()(a)), (FRAMES, CHANNELS))
    read, relevance = at_logits(network, a)
    mean, of_mean = read[:, :CHANNELS], relevance[:, :CHANNELS]
    expected = a / np.array([6, 4, 2])[:, None, None] * (of_mean / away_from_zero(mean, EPSILON))[:, None]
    if pool is MeanAndMaxPooling:
        highest = np.where(a != 0, a, -np.inf).max(axis=1, keepdims=True)
        expected = expected + (a == highest) * relevance[:, None, CHANNELS:]
    close(explained(network, a)[0], expected, 1e-3)


# -- normalisation -------------------------------------------------------------------------------------------


def test_a_layer_normalisation_takes_the_spread_as_fixed():
    a, norm = sample(FRAMES, CHANNELS), layers.LayerNormalization()
    network = network_of(norm, (FRAMES, CHANNELS))
    read, relevance = at_logits(network, a)
    gamma, beta = norm.get_weights()
    spread = np.sqrt(a.var(axis=-1, keepdims=True) + norm.epsilon)
    centre = np.eye(CHANNELS) - 1 / CHANNELS
    expected = np.zeros_like(a)
    for i, t in np.ndindex(3, FRAMES):
        weights = centre / spread[i, t] * gamma
        expected[i, t] = epsilon_back(a[i, t], weights, beta, relevance[i].reshape(FRAMES, CHANNELS)[t])[0]
    close(explained(network, a)[0], expected, 1e-3)


def test_a_normalisation_that_cannot_be_folded_is_a_weight_and_a_bias():
    a, norm = sample(5), layers.BatchNormalization()
    network = network_of(lambda a: layers.ReLU()(norm(a)), (5,))
    gamma, beta, mean, variance = norm.get_weights()
    read, relevance = at_logits(network, a)
    scale = gamma / np.sqrt(variance + norm.epsilon)
    z = a * scale + beta - mean * scale
    close(explained(network, a)[0], a * scale * relevance / away_from_zero(z, EPSILON), 1e-3)


def normalised(make, order, through=None):
    """A network with a normalisation before or after a layer, and the same with the normalisation in its weights."""
    x, y = (keras.Input((FRAMES, CHANNELS), name="a") for _ in range(2))
    layer, norm, single = make(), layers.BatchNormalization(), make()
    h = through(norm(x)) if through else norm(x) if order == "before" else x
    h = layer(h) if order == "before" else norm(layer(x))
    head, same = layers.Dense(2), layers.Dense(2)
    network = randomised(keras.Model(x, head(layers.Flatten()(layers.ReLU()(h)))))
    by_hand = keras.Model(y, same(layers.Flatten()(layers.ReLU()(single(y)))))
    gamma, beta, mean, variance = norm.get_weights()
    scale = gamma / np.sqrt(variance + norm.epsilon)
    shift = beta - mean * scale
    kernel, bias = layer.get_weights()
    if order == "before":
        bias = bias + np.tensordot(shift, kernel.sum(axis=tuple(range(kernel.ndim - 2))), 1)
        kernel = kernel * scale[:, None]
    else:
        kernel, bias = kernel * scale, bias * scale + shift
    single.set_weights([kernel, bias])
    same.set_weights(head.get_weights())
    return network, by_hand


LAYERS = {
    "Dense": lambda: layers.Dense(3),
    "Conv1D": lambda: layers.Conv1D(3, 2, strides=2),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3)),
}


@pytest.mark.parametrize("rule", [Epsilon(), AlphaBeta(), Gamma(), WSquare()], ids=str)
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_folded_normalisation_is_that_of_the_network_folded_by_hand(make, order, rule):
    a = sample(FRAMES, CHANNELS)
    network, by_hand = normalised(make, order)
    np.testing.assert_allclose(network(a), by_hand(a), atol=1e-4)
    close(explained(network, a, rules=rule)[0], explained(by_hand, a, rules=rule)[0], 1e-3)


def test_a_normalisation_is_folded_through_dropout():
    a = sample(FRAMES, CHANNELS)
    network, by_hand = normalised(LAYERS["Conv1D"], "before", layers.Dropout(0.5))
    close(explained(network, a)[0], explained(by_hand, a)[0], 1e-3)
    flat = Composite((("first", Flat()),))  # the convolution is the first layer: the normalisation is part of it
    close(explained(network, a, rules=flat)[0], explained(by_hand, a, rules=flat)[0], 1e-3)


def test_a_normalisation_before_a_padded_convolution_is_no_constant():
    def body(a):
        h = layers.Conv1D(3, 3, padding="same", activation="relu")(layers.BatchNormalization()(a))
        return layers.Conv1D(2, 2, groups=1)(layers.BatchNormalization()(h))

    a = sample(FRAMES, CHANNELS)
    for rule in (Epsilon(), AlphaBeta(), Gamma()):
        explained(network_of(body, (FRAMES, CHANNELS)), a, rules=rule)


def test_a_normalisation_with_two_readers_or_before_a_grouped_convolution_is_not_folded():
    def two(a):
        h = layers.BatchNormalization()(a)
        return layers.Concatenate()([layers.Dense(2, activation="relu")(h), layers.Dense(3)(h)])

    def grouped(a):
        return layers.Conv1D(4, 2, groups=2)(layers.BatchNormalization()(a))

    for body in (two, grouped):
        explained(network_of(body, (FRAMES, CHANNELS)), sample(FRAMES, CHANNELS))


# -- attention -----------------------------------------------------------------------------------------------


def test_attention_hands_relevance_to_the_values_alone():
    a, b = sample(FRAMES, CHANNELS), sample(3, CHANNELS, seed=1)
    attend = layers.MultiHeadAttention(2, 3)
    network = network_of(lambda a, b: attend(b, a), (FRAMES, CHANNELS), (3, CHANNELS))
    _, relevance = at_logits(network, [a, b])
    scores = ops.convert_to_numpy(attend(b, a, return_attention_scores=True)[1]).astype(np.float64)
    (wv, bv), (wo, bo) = attend._value_dense.get_weights(), attend._output_dense.get_weights()
    expected = np.zeros(a.shape)
    for i in range(3):
        values = a[i] @ wv.reshape(CHANNELS, -1) + bv.ravel()  # (keys, heads * size)
        of_values = np.zeros((FRAMES, 2, 3))
        per_head = values.reshape(FRAMES, 2, 3)
        mixed = np.einsum("hts,shk->thk", scores[i], per_head)
        for t in range(3):
            own = relevance[i].reshape(3, CHANNELS)[t]
            of_mixed = epsilon_back(mixed[t].ravel(), wo.reshape(-1, CHANNELS), bo, own)[0].reshape(2, 3)
            share = of_mixed / away_from_zero(mixed[t], EPSILON)
            of_values += per_head * scores[i][:, t].T[:, :, None] * share
        for s in range(FRAMES):
            expected[i, s] = epsilon_back(a[i, s], wv.reshape(CHANNELS, -1), bv.ravel(), of_values[s].ravel())[0]
    of_a, of_b = explained(network, a, b)
    close(of_a, expected, 2e-3)
    np.testing.assert_array_equal(of_b, 0)


def test_attention_pooling_takes_its_weights_as_fixed():
    a, score = padded(), layers.Dense(1, use_bias=False)
    network = network_of(lambda a: AttentionPooling()(a, score(a), FrameMask()(a)), (FRAMES, CHANNELS))
    read, relevance = at_logits(network, a)
    real = (a != 0).any(axis=-1, keepdims=True)
    weight = np.exp(ops.convert_to_numpy(score(a))) * real
    weight = weight / weight.sum(axis=1, keepdims=True)
    close(explained(network, a)[0], a * weight * (relevance / away_from_zero(read, EPSILON))[:, None], 1e-3)


# -- what moves values ---------------------------------------------------------------------------------------

MOVES = {
    "Reshape": lambda a: layers.Reshape((3, 8))(a),
    "Permute": lambda a: layers.Permute((2, 1))(a),
    "ZeroPadding1D": lambda a: layers.ZeroPadding1D(2)(a),
    "Cropping1D": lambda a: layers.Cropping1D((1, 2))(a),
    "Concatenate": lambda a: layers.Concatenate(axis=1)([a, a]),
    "GetItem": lambda a: a[:, ::2],
    "transpose": lambda a: ops.transpose(a, (0, 2, 1)),
    "squeeze": lambda a: ops.squeeze(ops.expand_dims(a, 3), 3),
    "Dropout": lambda a: layers.GaussianNoise(1.0)(layers.SpatialDropout1D(0.5)(a)),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_relevance_goes_back_to_the_place_of_each_value(move):
    """As there is no sum on the way, relevance is value times weight: that of the same network by its gradient."""
    a = sample(FRAMES, CHANNELS)
    network = network_of(move, (FRAMES, CHANNELS))
    head = network.get_layer("logits")
    n = FRAMES * CHANNELS
    places = keras.Model(network.inputs, head.input)(np.eye(n, dtype=np.float32).reshape(n, FRAMES, CHANNELS))
    weights = ops.convert_to_numpy(places) @ head.get_weights()[0]
    close(explained(network, a)[0], a * weights[:, TARGET].T.reshape(a.shape), 1e-3)


@pytest.mark.parametrize(
    "activation", ["relu", "tanh", "sigmoid", "elu", "gelu", "selu", "silu", "leaky_relu", "linear"]
)
def test_an_activation_passes_relevance_on(activation):
    a = sample(5)
    network = network_of(layers.Activation(activation), (5,))
    close(explained(network, a)[0], at_logits(network, a)[1], 1e-3)


def test_padding_gets_none_of_a_rule_that_looks_at_no_values():
    a = padded()

    def body(a):
        mask = FrameMask()(a)
        h = ZeroPadding()(layers.Conv1D(3, 3, padding="same", activation="relu")(a), mask)
        return MeanPooling()(h, mask)

    for rule in (Flat(), ZBox(-3, 3)):
        network = network_of(body, (FRAMES, CHANNELS))
        (found,) = explained(network, a, rules=Composite((("first", rule),)))
        np.testing.assert_array_equal(found[(a == 0).all(axis=-1)], 0)
        assert (found[:, 0] != 0).all()


def test_a_masking_layer_leaves_none_to_padding():
    a = padded()
    (found,) = explained(
        network_of(lambda a: layers.Dense(3)(layers.Masking()(a)), (FRAMES, CHANNELS)), a, rules=Flat()
    )
    np.testing.assert_array_equal(found[(a == 0).all(axis=-1)], 0)
    assert (found[:, 0] != 0).all()


# -- refusals ------------------------------------------------------------------------------------------------

EPSILON_ONLY = {
    "LayerNormalization": lambda a: layers.LayerNormalization(name="mix")(a),
    "MultiHeadAttention": lambda a: layers.MultiHeadAttention(1, 2, name="mix")(a, a),
    "AttentionPooling": lambda a: AttentionPooling(name="mix")(a, layers.Dense(1)(a), FrameMask()(a)),
    "Add": lambda a: layers.Add(name="mix")([a, a]),
    "MeanPooling": lambda a: MeanPooling(name="mix")(a, FrameMask()(a)),
    "BatchNormalization": lambda a: layers.ReLU()(layers.BatchNormalization(name="mix")(a)),
    "AveragePooling1D": lambda a: layers.AveragePooling1D(2, name="mix")(a),
}


@pytest.mark.parametrize("rule", [AlphaBeta(), ZPlus(), Gamma(), Flat(), ZBox()], ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("kind", EPSILON_ONLY)
def test_a_rule_that_is_not_defined_for_a_layer_is_refused_by_name(kind, rule):
    network = network_of(EPSILON_ONLY[kind], (FRAMES, CHANNELS))
    given = Composite(((kind, rule),))
    with pytest.raises(gaitlib.GaitDataError, match=rf"{type(rule).__name__}.*not defined for the {kind} layer 'mix'"):
        lrp(network, {"a": padded()}, TARGET, given)


@keras.saving.register_keras_serializable("tests")
class Own(layers.Layer):
    def call(self, x):
        return ops.square(x)


class OwnDense(layers.Dense):
    """Could do anything in its call."""


NO_RULE = {
    "own layer": (lambda a: Own(name="odd")(a), "'odd' of type Own"),
    "subclass": (lambda a: OwnDense(2, name="odd")(a), "'odd' of type OwnDense"),
    "Multiply": (lambda a: layers.Multiply(name="odd")([a, a]), "'odd' of type Multiply"),
    "product": (lambda a: a * 2.0, "of type Multiply"),
    "softmax": (lambda a: layers.Softmax(name="odd")(a), "'odd' of type Softmax"),
    "softmax activation": (lambda a: layers.Dense(2, "softmax", name="odd")(a), "activation 'softmax' .* 'odd'"),
    "own activation": (lambda a: layers.Activation(lambda x: x * x, name="odd")(a), "'<lambda>' of the layer 'odd'"),
    "norm of frames": (lambda a: layers.LayerNormalization(axis=1, name="odd")(a), "'odd' normalises the axes"),
    "norm of frames in a batch": (lambda a: layers.BatchNormalization(1, name="odd")(a), "'odd' normalises axis 1"),
    "convolution in frames": (lambda a: layers.TimeDistributed(layers.Conv1D(2, 1), name="odd")(a[..., None]), "'odd'"),
}


@pytest.mark.parametrize(("body", "reason"), NO_RULE.values(), ids=NO_RULE)
def test_a_layer_without_a_rule_is_refused_by_name(body, reason):
    with pytest.raises(gaitlib.GaitDataError, match=reason):
        lrp(network_of(body, (FRAMES, CHANNELS)), {"a": padded()}, TARGET)


def test_the_refusal_of_a_layer_names_the_remedy():
    with pytest.raises(gaitlib.GaitDataError, match='Use another method, such as method="integrated_gradients"'):
        hand_through(layers.UnitNormalization(), sample(4), sample(4))
