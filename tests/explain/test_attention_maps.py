"""The attention of a network: its own weights, counted by hand, and nothing on padding."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

from gaitlib import models
from gaitlib.errors import GaitDataError
from gaitlib.explain.attention_maps import attention_weights
from gaitlib.models.layers import FrameMask, MeanPooling

LENGTHS = (9, 6, 3, 2)


@pytest.fixture(scope="module")
def x():
    x = np.random.default_rng(0).normal(size=(4, 9, 5)).astype(np.float32)
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = 0
    return x


def built(name, **parameters):
    keras.utils.set_random_seed(0)
    network = models.build(name, {"skeleton": (9, 5)}, 3, units=6, **parameters)
    network.set_weights([3 * w for w in network.get_weights()])  # weights that differ from frame to frame
    return network


def frames_of(relevance):
    """Weight of each frame; that it is divided equally among the channels."""
    np.testing.assert_allclose(relevance, relevance[:, :, :1].repeat(5, axis=2))
    return relevance.sum(axis=2)


def test_pooling_attention_is_the_softmax_of_the_scores_of_real_frames(x):
    network = built("gru_attention")
    found, account = attention_weights(network, {"skeleton": x}, np.zeros(4, int))
    scores = keras.Model(network.inputs, network.get_layer("score").output)([x]).numpy()[:, :, 0]
    weights = frames_of(found["skeleton"])
    for own, score, length in zip(weights, scores, LENGTHS, strict=True):
        np.testing.assert_allclose(own[:length], softmax(score[:length]), rtol=1e-4)
        assert not own[length:].any()
    assert np.ptp(weights[0]) > 0.05
    assert account == {}


def test_self_attention_is_the_mean_over_heads_and_real_frames_that_ask(x):
    network = built("attention", n_heads=2, key_size=3)
    weights = frames_of(attention_weights(network, {"skeleton": x}, np.zeros(4, int))[0]["skeleton"])
    layer = network.get_layer("self_attention")
    frames = keras.Model(network.inputs, layer.input[0])([x])
    for own, h, length in zip(weights, frames, LENGTHS, strict=True):
        alone = h[None, :length]  # without its padding
        scores = layer(alone, alone, return_attention_scores=True)[1].numpy()
        np.testing.assert_allclose(own[:length], scores[0].mean(axis=(0, 1)), rtol=1e-4)
        assert not own[length:].any()
    assert np.ptp(weights[0]) > 0.02
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def two_inputs(attended):
    """A sequence and an image with as many rows as the sequence has frames; one of them is attended."""
    inputs = {"skeleton": keras.Input((9, 5), name="skeleton"), "pressure": keras.Input((9, 4), name="pressure")}
    h = layers.Dense(3)(inputs[attended])
    own = layers.MultiHeadAttention(1, 2)(h, h)
    other = layers.Flatten()(inputs["pressure" if attended == "skeleton" else "skeleton"])
    return keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([layers.Flatten()(own), other])))


@pytest.mark.parametrize("attended", ["skeleton", "pressure"])
def test_what_is_not_looked_at_gets_nothing(x, attended):
    given = {"skeleton": x, "pressure": np.ones((4, 9, 4), np.float32)}
    found, _ = attention_weights(two_inputs(attended), given, np.zeros(4, int))
    assert {name: r.shape for name, r in found.items()} == {name: v.shape for name, v in given.items()}
    assert [name for name, r in found.items() if r.any()] == [attended]


def test_a_query_that_is_no_sequence_counts_once(x):
    """One learnt question to all frames: the weights are those of this one."""
    frames = keras.Input((9, 5), name="skeleton")
    mask = FrameMask()(frames)
    asks = layers.Reshape((1, 5))(MeanPooling()(frames, mask))
    attended = layers.MultiHeadAttention(2, 3, name="ask")(asks, frames, key_mask=mask, value_mask=mask)
    network = keras.Model(frames, layers.Dense(2)(layers.Flatten()(attended)))
    weights = frames_of(attention_weights(network, {"skeleton": x}, np.zeros(4, int))[0]["skeleton"])
    mean = np.array([row[:length].mean(axis=0) for row, length in zip(x, LENGTHS, strict=True)])[:, None]
    known = np.arange(9) < np.array(LENGTHS)[:, None]
    _, scores = network.get_layer("ask")(mean, x, key_mask=known, return_attention_scores=True)
    np.testing.assert_allclose(weights, scores.numpy().mean(axis=(1, 2)), rtol=1e-4, atol=1e-7)


def test_networks_without_attention_on_their_frames_are_refused_by_name(x):
    with pytest.raises(GaitDataError, match="'compact_gru' has no attention layer; .*\"lrp\""):
        attention_weights(built("compact_gru"), {"skeleton": x}, np.zeros(4, int))
    frames = keras.Input((9, 5), name="skeleton")
    twice = frames
    for _ in range(2):
        twice = layers.MultiHeadAttention(1, 2)(twice, twice)
    network = keras.Model(frames, layers.Dense(2)(layers.Flatten()(twice)), name="deep")
    with pytest.raises(GaitDataError, match="'deep' has 2 attention layers"):
        attention_weights(network, {"skeleton": x}, np.zeros(4, int))
    fewer = layers.MaxPooling1D(3)(frames)
    few = layers.MultiHeadAttention(1, 2, name="few")(fewer, fewer)
    network = keras.Model(frames, layers.Dense(2)(layers.Flatten()(few)))
    with pytest.raises(GaitDataError, match="'few' does not look at the frames of one input"):
        attention_weights(network, {"skeleton": x}, np.zeros(4, int))


def test_attention_to_joints_is_their_softmax_at_their_frames_and_channels(x):
    name, values = "pose", np.concatenate([x, x], axis=-1)[..., :9]
    network = models.build("pose_cross_attention", {name: values.shape[1:]}, 2, prior=(1.0, 0.5, 2.0), patch=4, width=8)
    relevance, _ = attention_weights(network, {name: values}, np.zeros(len(values), int))
    told = {n: network.get_layer(n).output for n in ("key", "query")}
    told = keras.Model(network.inputs, told).predict({name: values}, verbose=0)
    real = (values != 0).any(axis=-1)
    steps = told["query"].shape[1]
    expected = np.zeros(values.shape)
    for i in range(len(values)):
        asking = [t for t in range(steps) if real[i, 4 * t]]
        for q in asking:
            weight = {(j, t): np.exp(told["query"][i, q] @ told["key"][i, j * steps + t] / 8**0.5)
                      for j in range(3) for t in asking}  # fmt: skip
            for (joint, t), w in weight.items():
                frames = [f for f in range(4 * t, min(4 * t + 4, values.shape[1])) if real[i, f]]
                for f in frames:
                    share = w / sum(weight.values()) / len(asking) / len(frames) / 3
                    expected[i, f, 3 * joint : 3 * joint + 3] += share
    np.testing.assert_allclose(relevance[name], expected, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(relevance[name].sum(axis=(1, 2)), 1, rtol=1e-5)
