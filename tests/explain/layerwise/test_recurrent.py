"""Recurrent layers against a reference that takes one step of one sample at a time."""

import keras
import lrp_reference
import numpy as np
import pytest
from keras import layers, ops
from lrp_reference import hand_through

import gaitlib
from gaitlib.explain.layerwise.calls import Folded
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import AlphaBeta, Epsilon, Flat, Gamma, ZBox, ZPlus

FRAMES, CHANNELS, UNITS = 6, 3, 4
LENGTHS = (6, 4, 1)
MASK = np.arange(FRAMES) < np.array(LENGTHS)[:, None]
REFERENCE = {layers.GRU: lrp_reference.gru, layers.LSTM: lrp_reference.lstm}


def built(layer):
    rng = np.random.default_rng(0)
    layer.build((None, FRAMES, CHANNELS))
    layer.set_weights([rng.normal(0, 0.6, w.shape) for w in layer.get_weights()])
    return layer


def sample(shape=(3, FRAMES, CHANNELS), seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def at_states(layer, relevance):
    """Relevance of the output, as that of the states after each frame."""
    if layer.return_sequences:
        return relevance
    given = np.zeros((len(relevance), FRAMES, UNITS))
    given[:, -1] = relevance
    return given


def reference(layer, x, relevance, mask=None):
    """States, relevance of x and of the biases, of all samples; ``relevance`` is of the states."""
    of = REFERENCE[type(layer)]
    masks = [None] * len(x) if mask is None else mask
    parts = [of(layer, *v) for v in zip(x.astype(np.float64), relevance.astype(np.float64), masks, strict=True)]
    return tuple(np.array(v) for v in zip(*parts, strict=True))


def assert_as_defined(layer, mask=None, tolerance=2e-3):
    x = sample()
    output = ops.convert_to_numpy(layer(x, mask=mask))
    relevance = sample(output.shape, seed=2)
    found, bias, stabiliser = hand_through(layer, x, relevance, mask=mask)
    states, expected, of_bias = reference(layer, x, at_states(layer, relevance), mask)
    np.testing.assert_allclose(output, states if layer.return_sequences else states[:, -1], atol=1e-6)
    size = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=tolerance * size, rtol=tolerance)
    np.testing.assert_allclose(bias, of_bias, atol=tolerance * size, rtol=tolerance)
    total = relevance.reshape(len(x), -1).sum(axis=1)
    np.testing.assert_allclose(found.sum((1, 2)) + bias + stabiliser, total, atol=1e-4 * size)
    return found


@pytest.mark.parametrize("mask", [None, MASK], ids=["all frames", "padded"])
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("kind", ["gru", "gru, reset before", "lstm"])
def test_relevance_goes_back_step_by_step(kind, return_sequences, mask):
    make = layers.LSTM if kind == "lstm" else layers.GRU
    more = {"reset_after": False} if "before" in kind else {}
    found = assert_as_defined(built(make(UNITS, return_sequences=return_sequences, **more)), mask)
    if mask is not None:
        np.testing.assert_array_equal(found[~mask], 0)
        assert (np.abs(found[mask]).sum(axis=-1) > 0).all()


@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("make", [layers.GRU, layers.LSTM])
def test_a_layer_may_read_backwards_and_have_no_bias(make, return_sequences):
    layer = built(make(UNITS, return_sequences=return_sequences, go_backwards=True, use_bias=False))
    assert_as_defined(layer)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all frames", "padded"])
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("make", [layers.GRU, layers.LSTM])
def test_each_direction_takes_its_own_half(make, return_sequences, mask):
    both = built(layers.Bidirectional(make(UNITS, return_sequences=return_sequences)))
    x = sample()
    output = ops.convert_to_numpy(both(x, mask=mask))
    relevance = sample(output.shape, seed=2)
    if return_sequences and mask is not None:
        np.testing.assert_array_equal(output[~mask], 0)
        relevance[~mask] = 0
    found, bias, _ = hand_through(both, x, relevance, mask=mask)
    expected, of_bias = 0, 0
    for inner, half in zip((both.forward_layer, both.backward_layer), np.split(relevance, 2, axis=-1), strict=True):
        read = half[:, ::-1] if inner.go_backwards and return_sequences else half
        parts = reference(inner, x, at_states(inner, read), mask)
        expected, of_bias = expected + parts[1], of_bias + parts[2]
    size = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=2e-3 * size, rtol=2e-3)
    np.testing.assert_allclose(bias, of_bias, atol=2e-3 * size, rtol=2e-3)


@pytest.mark.parametrize("mask", [None, MASK], ids=["all frames", "padded"])
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequences", "last"])
def test_the_first_direction_may_be_the_one_that_goes_backwards(return_sequences, mask):
    """Keras turns the frames of the second, whichever way it reads."""
    back, there = (layers.GRU(UNITS, return_sequences=return_sequences, go_backwards=b) for b in (True, False))
    both, x = built(layers.Bidirectional(back, backward_layer=there)), sample()
    relevance = sample(ops.shape(both(x, mask=mask)), seed=2)
    if return_sequences and mask is not None:
        relevance[:] = 0
        relevance[:, -1] = 1  # in the first half the frame read last, in the second (turned) the one read first
    found, _, _ = hand_through(both, x, relevance, mask=mask)
    halves = relevance[..., :UNITS], relevance[..., UNITS:]
    halves = (halves[0], halves[1][:, ::-1]) if return_sequences else halves
    if return_sequences and mask is not None:  # padding has no state to give relevance to
        halves = halves[0] * mask[:, ::-1, None], halves[1] * mask[..., None]
    inner = both.forward_layer, both.backward_layer
    parts = [reference(own, x, at_states(own, r), mask)[1] for own, r in zip(inner, halves, strict=True)]
    size = np.abs(sum(parts)).max()
    np.testing.assert_allclose(found, sum(parts), atol=2e-3 * size, rtol=2e-3)


def test_two_directions_may_differ_in_size():
    both = built(layers.Bidirectional(layers.GRU(4), backward_layer=layers.LSTM(2, go_backwards=True)))
    x, relevance = sample(), sample((3, 6), seed=2)
    found, bias, stabiliser = hand_through(both, x, relevance)
    np.testing.assert_allclose(found.sum((1, 2)) + bias + stabiliser, relevance.sum(axis=1), atol=1e-3)


@pytest.mark.parametrize("make", [layers.GRU, layers.LSTM])
def test_a_normalisation_before_is_part_of_the_kernel(make):
    layer, scale, shift = built(make(UNITS)), np.array([2.0, -0.5, 1.5]), np.array([0.3, 1.0, -0.2])
    x, relevance = sample(), sample((3, UNITS), seed=2)
    before = Folded(*(ops.convert_to_tensor(v, "float32") for v in (scale, shift)))
    found, bias, _ = hand_through(layer, x, relevance, before=before)
    by_hand = built(make(UNITS))
    kernel, recurrent, own_bias = layer.get_weights()
    own_bias = np.atleast_2d(own_bias)
    own_bias[0] += shift @ kernel
    by_hand.set_weights([kernel * scale[:, None], recurrent, own_bias if make is layers.GRU else own_bias[0]])
    expected, of_bias, _ = hand_through(by_hand, x, relevance)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(bias, of_bias, rtol=1e-3, atol=1e-4)


def test_frames_that_the_mask_leaves_out_in_the_middle_carry_the_state():
    mask = np.array([[1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 1]], bool)
    for layer in (built(layers.GRU(UNITS)), built(layers.LSTM(UNITS, return_sequences=True))):
        np.testing.assert_array_equal(assert_as_defined(layer, mask)[~mask], 0)


# -- through a whole network ---------------------------------------------------------------------------------


def test_the_mask_of_a_masking_layer_is_the_one_that_is_handed_over():
    x = sample()
    x[~MASK] = 0
    given = keras.Input((FRAMES, CHANNELS), name="x")
    h = layers.LSTM(UNITS, return_sequences=True)(layers.Masking()(given))
    h = layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 3)(h, h))
    network = lrp_reference.randomised(keras.Model(given, layers.Dense(2)(h)))
    relevance, account = lrp(network, {"x": x}, np.array([0, 1, 1]))
    np.testing.assert_array_equal(relevance["x"][~MASK], 0)
    assert np.abs(account["error"]).max() < 1e-4
    alone, _ = lrp(network, {"x": x[1:2, :]}, np.array([1]))
    np.testing.assert_allclose(alone["x"][0], relevance["x"][1], atol=1e-5)


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [AlphaBeta(), ZPlus(), Gamma(), Flat(), ZBox()], ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("make", [layers.GRU, layers.LSTM, lambda n, **k: layers.Bidirectional(layers.GRU(n), **k)])
def test_gates_take_the_epsilon_rule_alone(make, rule):
    layer = built(make(UNITS, name="memory"))
    with pytest.raises(gaitlib.GaitDataError, match=r"not defined for the \w+ layer 'memory': give it Epsilon\(\)"):
        hand_through(layer, sample(), sample(layer(sample()).shape), rule)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (lambda: layers.GRU(UNITS, activation="softmax", name="memory"), "activation 'softmax' of the layer 'memory'"),
        (lambda: layers.LSTM(UNITS, recurrent_activation="hard_sigmoid", name="memory"), "'memory' has gates"),
        (lambda: layers.SimpleRNN(UNITS, name="memory"), "no rule for the layer 'memory' of type SimpleRNN"),
        (lambda: layers.Bidirectional(layers.SimpleRNN(UNITS), name="memory"), r"Bidirectional\(SimpleRNN\) 'memory'"),
        (lambda: layers.Bidirectional(layers.GRU(UNITS), "sum", name="memory"), "'memory' with merge_mode='sum'"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(layer, reason):
    layer = built(layer())
    with pytest.raises(gaitlib.GaitDataError, match=reason):
        hand_through(layer, sample(), sample(layer(sample()).shape), Epsilon())


def test_a_stateful_layer_is_refused():
    layer = layers.GRU(UNITS, stateful=True, name="memory")
    with pytest.raises(gaitlib.GaitDataError, match="stateful layer 'memory'"):
        hand_through(layer, sample(), sample((3, UNITS)))


def test_a_first_state_is_refused_and_so_is_the_use_of_a_last_one():
    x, h = keras.Input((FRAMES, CHANNELS), name="x"), keras.Input((UNITS,), name="h")
    network = keras.Model([x, h], layers.Dense(2)(layers.GRU(UNITS, name="memory")(x, initial_state=h)))
    with pytest.raises(gaitlib.GaitDataError, match="first state that is given to 'memory'"):
        lrp(network, {"x": sample(), "h": sample((3, UNITS))}, np.zeros(3, int))
    _, state = layers.GRU(UNITS, return_state=True, name="memory")(x)
    with pytest.raises(gaitlib.GaitDataError, match="'memory', of which more than the first output is used"):
        lrp(keras.Model(x, layers.Dense(2)(state)), {"x": sample()}, np.zeros(3, int))
