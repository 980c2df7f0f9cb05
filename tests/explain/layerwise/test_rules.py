"""Every rule against its definition, with the layer unrolled to a matrix."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from keras import layers
from lrp_reference import hand_through, matrix_of, shares

import gaitlib
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import (
    PRESETS,
    AlphaBeta,
    Composite,
    Epsilon,
    Flat,
    Gamma,
    WSquare,
    ZBox,
    ZPlus,
    composite,
)

RULES = [
    Epsilon(), Epsilon(0.1), AlphaBeta(), AlphaBeta(1.5, 0.5), ZPlus(), Gamma(), Gamma(2.0), Flat(), WSquare(),
    ZBox(), ZBox(-4.0, 3.0),
]  # fmt: skip


@st.composite
def layers_and_shapes(draw):
    """How to make a layer that is affine in its input, and the shape of one sample."""
    kind = draw(st.sampled_from(["Dense", "Dense on frames", "TimeDistributed", "Conv1D", "Conv2D", "Conv3D"]))
    outputs, use_bias = draw(st.integers(1, 3)), draw(st.booleans())
    if kind == "Dense":
        return lambda: layers.Dense(outputs, use_bias=use_bias), (draw(st.integers(1, 5)),)
    frames, channels = draw(st.integers(4, 7)), draw(st.integers(1, 3))
    if kind == "Dense on frames":
        return lambda: layers.Dense(outputs, use_bias=use_bias), (frames, channels)
    if kind == "TimeDistributed":
        return lambda: layers.TimeDistributed(layers.Dense(outputs, use_bias=use_bias)), (frames, channels)
    stride, dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    settings = {"strides": stride, "dilation_rate": dilation, "use_bias": use_bias}
    if kind == "Conv1D":
        padding, size = draw(st.sampled_from(["valid", "same", "causal"])), draw(st.integers(1, 2))
        return lambda: layers.Conv1D(outputs, size, padding=padding, **settings), (frames, channels)
    padding, size = draw(st.sampled_from(["valid", "same"])), (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    if kind == "Conv3D":  # whose dilation no CPU trains
        settings = {"strides": stride, "use_bias": use_bias}
        return lambda: layers.Conv3D(outputs, (*size, 1), padding=padding, **settings), (4, 3, 2, channels)
    shape = (frames, draw(st.integers(4, 5)), channels)
    return lambda: layers.Conv2D(outputs, size, padding=padding, **settings), shape


def assert_defined(layer, shape, rule, x, relevance):
    """Relevance of inputs and bias is that of the definition, to the float32 error of its largest terms."""
    found, of_bias, of_stabiliser = hand_through(layer, x, relevance, rule)
    matrix = matrix_of(layer, shape)
    for i in range(len(x)):
        part, terms = shares(rule, x[i].ravel().astype(np.float64), *matrix)
        own = relevance[i].ravel().astype(np.float64)
        expected, size = part @ own, terms @ np.abs(own) + 1e-3
        np.testing.assert_array_less(np.abs(found[i].ravel() - expected[:-1]), 2e-5 * size[:-1].max())
        assert abs(of_bias[i] - expected[-1]) < 2e-5 * size.max() * len(own)
        kept = (1 - part.sum(axis=0)) @ own
        assert abs(of_stabiliser[i] - kept) < 2e-5 * size.max() * len(own)


@pytest.mark.parametrize("rule", RULES, ids=str)
@settings(max_examples=10)
@given(case=layers_and_shapes(), seed=st.integers(0, 10**6), is_whole=st.booleans())
def test_a_rule_shares_relevance_as_it_is_defined(rule, case, seed, is_whole):
    make, shape = case
    layer = make()
    rng = np.random.default_rng(seed)

    def draw(shape):  # whole numbers meet sums of exactly zero, and inputs and weights that are zero
        values = rng.integers(-2, 3, shape) if is_whole else rng.normal(0, 1, shape)
        return values.astype(np.float32)

    layer.build((None, *shape))
    layer.set_weights([draw(w.shape) for w in layer.get_weights()])
    x = draw((2, *shape))
    out = np.abs(layer(x))
    assume(is_whole or out.min() > 1e-3)  # next to nothing, float32 leaves too few digits to divide by
    assert_defined(layer, shape, rule, x, draw(out.shape))


def test_the_range_of_zb_may_be_given_a_channel():
    layer = layers.Conv1D(3, 2, padding="same")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, 5, 2)).astype(np.float32)
    relevance = rng.normal(size=layer(x).shape).astype(np.float32)
    layer.bias.assign(rng.normal(size=3))
    assert_defined(layer, (5, 2), ZBox((-1.0, -2.0), (1.0, 3.0)), x, relevance)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_what_inputs_bias_and_stabiliser_take_is_what_was_there(rule):
    layer, rng = layers.Conv1D(4, 3, bias_initializer="normal"), np.random.default_rng(1)
    x = rng.normal(size=(3, 8, 2))
    relevance = rng.normal(size=(3, 6, 4))
    found, bias, stabiliser = hand_through(layer, x, relevance, rule)
    np.testing.assert_allclose(found.sum((1, 2)) + bias + stabiliser, relevance.sum((1, 2)), atol=2e-4)


@pytest.mark.parametrize("rule", [Flat(), WSquare(), Epsilon(), AlphaBeta(), Gamma(), ZBox()], ids=str)
def test_a_unit_without_weights_loses_its_relevance_to_the_stabiliser(rule):
    layer = layers.Dense(1)
    layer.build((None, 3))
    layer.set_weights([np.zeros((3, 1)), np.zeros(1)])
    found, _, stabiliser = hand_through(layer, np.ones((1, 3)), np.ones((1, 1)), rule)
    if isinstance(rule, Flat):
        np.testing.assert_allclose(found, 1 / 3, rtol=1e-6)  # looks at no weights
    else:
        np.testing.assert_array_equal(found, 0)
        np.testing.assert_allclose(stabiliser, 1, rtol=1e-6)


@pytest.mark.parametrize("rule", [Epsilon(), AlphaBeta(), WSquare()], ids=str)
def test_a_grouped_convolution_takes_every_rule(rule):
    keras.utils.set_random_seed(0)
    layer, rng = layers.Conv1D(4, 2, groups=2, bias_initializer="normal"), np.random.default_rng(0)
    x = rng.normal(size=(2, 5, 4)).astype(np.float32)
    assert_defined(layer, (5, 4), rule, x, rng.normal(size=layer(x).shape).astype(np.float32))


# -- which layer takes which rule ----------------------------------------------------------------------------


def fusion():
    a, b = keras.Input((8, 2), name="a"), keras.Input((6, 5, 1), name="b")
    h = layers.Conv1D(3, 2, activation="relu", name="conv_a")(a)
    h = layers.Flatten()(layers.Conv1D(3, 2, activation="relu", name="inner_a")(h))
    g = layers.Flatten()(layers.Conv2D(2, 2, activation="relu", name="conv_b")(b))
    h = layers.Dense(4, activation="relu", name="joint")(layers.Concatenate()([h, g]))
    return keras.Model([a, b], layers.Dense(2, name="logits")(h))


class Spy(Epsilon):
    """Notes the kernels that it is called with."""

    seen = []

    def __call__(self, affine, x, relevance):
        self.seen.append(tuple(affine.kernel.shape))
        return super().__call__(affine, x, relevance)


def layers_taking(place):
    """Names of the layers to which a composite with one rule for a place gives this rule."""
    network, Spy.seen = fusion(), []
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(2, 8, 2)), "b": rng.normal(size=(2, 6, 5, 1))}
    lrp(network, {k: v.astype(np.float32) for k, v in x.items()}, np.array([0, 1]), Composite(((place, Spy()),)))
    shapes = {tuple(layer.kernel.shape): layer.name for layer in network.layers if hasattr(layer, "kernel")}
    return {shapes[s] for s in Spy.seen}


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("first", {"conv_a", "conv_b"}),
        ("convolution", {"conv_a", "inner_a", "conv_b"}),
        ("Conv1D", {"conv_a", "inner_a"}),
        ("Dense", {"joint", "logits"}),
        ("inner_a", {"inner_a"}),
    ],
)
def test_a_rule_goes_to_the_layers_of_its_place(place, names):
    assert layers_taking(place) == names


def test_the_first_rule_that_fits_is_taken():
    layer = layers.Conv1D(2, 3, name="early")
    both = (("early", Flat()), ("first", ZBox()), ("convolution", ZPlus()))
    assert Composite(both).rule_for(layer, first=True) == Flat()
    assert Composite(both[1:]).rule_for(layer, first=True) == ZBox()
    assert Composite(both[1:]).rule_for(layer, first=False) == ZPlus()
    assert Composite(both[1:], Gamma()).rule_for(layers.Dense(2), first=False) == Gamma()


@pytest.mark.parametrize(
    ("name", "first", "convolution", "dense"),
    [
        ("epsilon", Epsilon(), Epsilon(), Epsilon()),
        ("alpha2", AlphaBeta(2, 1), AlphaBeta(2, 1), Epsilon()),
        ("alpha1 flat", Flat(), ZPlus(), Epsilon()),
        ("epsilon zB", ZBox(-1, 1), Epsilon(), Epsilon()),
        ("alpha2 zB", ZBox(-1, 1), AlphaBeta(2, 1), Epsilon()),
    ],
)
def test_the_presets_are_those_of_the_papers(name, first, convolution, dense):
    of = PRESETS[name].rule_for
    assert (of(layers.Conv2D(2, 3), True), of(layers.Conv2D(2, 3), False)) == (first, convolution)
    assert of(layers.Dense(2), False) == dense


def test_rules_are_given_as_nothing_a_rule_a_name_or_a_composite():
    assert composite(None) == composite("epsilon") == composite(Epsilon()) == Composite()
    own = Composite((("Dense", Gamma()),))
    assert composite(own) is own


@pytest.mark.parametrize("rules", ["alpha7", 3, [Epsilon()]], ids=str)
def test_other_rules_are_refused_with_the_names_there_are(rules):
    with pytest.raises(gaitlib.GaitDataError, match="are none of epsilon, epsilon flat, .*alpha1 zB"):
        composite(rules)


@pytest.mark.parametrize(("alpha", "beta"), [(2, 0), (0.5, -0.5)])
def test_alpha_less_beta_must_be_one(alpha, beta):
    with pytest.raises(gaitlib.GaitDataError, match="alpha - beta must be 1"):
        AlphaBeta(alpha, beta)
