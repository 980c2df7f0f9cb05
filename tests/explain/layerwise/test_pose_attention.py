"""Relevance through the layers of priors and poses: by their definitions in plain loops, and conserved in the whole."""

import keras
import numpy as np
import pytest
from keras import ops
from lrp_reference import away_from_zero, randomised

from gaitlib.explain.layerwise.calls import Call, handler_of
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import Epsilon
from gaitlib.models import build
from gaitlib.models.pose_attention import (
    CrossAttention,
    Gated,
    GatedMean,
    JointPositions,
    JointWeights,
    LearntAverage,
    StepsOfJoints,
)

EPSILON = 1e-5
FRAMES, PRIOR = 16, (1.0, 0.5, 0.0)
X = np.random.default_rng(0).normal(size=(3, FRAMES, 9)).astype(np.float32)


def handed_through(layer, *tensors):
    """What goes in, what comes out, relevance of the output and that of each input."""
    tensors = [ops.convert_to_tensor(t) for t in tensors]
    output = layer(*tensors)
    relevance = np.random.default_rng(1).normal(size=output.shape).astype(np.float32)
    call = Call(layer, tensors, lambda again: layer(*again), output, Epsilon(EPSILON))
    share = handler_of(layer)(call, ops.convert_to_tensor(relevance))
    found = [None if r is None else ops.convert_to_numpy(r) for r in share.relevance]
    return ops.convert_to_numpy(output), relevance, found


def test_a_weight_and_a_place_keep_relevance_where_it_is():
    output, relevance, (found,) = handed_through(JointWeights(PRIOR), X)
    weights = np.repeat(PRIOR, 3)
    np.testing.assert_allclose(output, X * weights, rtol=1e-6)
    np.testing.assert_allclose(found, relevance * output / away_from_zero(output, EPSILON), rtol=1e-3)
    assert (found[..., 6:] == 0).all()
    tokens = X[:, :6, :4]
    output, relevance, (found,) = handed_through(JointPositions(3), tokens)
    np.testing.assert_allclose(found, tokens * relevance / away_from_zero(output, EPSILON), rtol=2e-3, atol=1e-5)


def test_tokens_of_joints_are_stretches_of_their_channels_and_hand_relevance_back_there():
    output, relevance, (found,) = handed_through(StepsOfJoints(4), X)
    assert output.shape == (3, 3 * 4, 12)
    for joint in range(3):
        for step in range(4):
            place = slice(step * 4, step * 4 + 4), slice(joint * 3, joint * 3 + 3)
            for sample in range(3):
                np.testing.assert_array_equal(output[sample, joint * 4 + step].reshape(4, 3), X[sample][place])
                np.testing.assert_array_equal(relevance[sample, joint * 4 + step].reshape(4, 3), found[sample][place])


def test_attention_takes_its_weights_as_fixed():
    rng = np.random.default_rng(2)
    values, keys = rng.normal(size=(2, 2, 6, 4)).astype(np.float32)
    queries = rng.normal(size=(2, 3, 4)).astype(np.float32)
    mask = np.array([[True] * 6, [True, True, False] * 2])
    layer, asks = CrossAttention(), np.ones((2, 3), bool)
    output, relevance, found = handed_through(layer, values, keys, queries, mask, asks)
    assert all(r is None for r in found[1:])
    expected = np.zeros_like(values)
    for i in range(2):
        for q in range(3):
            weight = np.array([np.exp(queries[i, q] @ k / 2) * real for k, real in zip(keys[i], mask[i], strict=True)])
            weight /= weight.sum()
            told = sum(w * v for w, v in zip(weight, values[i], strict=True))
            np.testing.assert_allclose(output[i, q], told, rtol=1e-4)
            for t in range(6):
                expected[i, t] += weight[t] * values[i, t] * relevance[i, q] / away_from_zero(told, EPSILON)
    np.testing.assert_allclose(found[0], expected, rtol=5e-3, atol=1e-4)
    assert (found[0][1, [2, 5]] == 0).all()


def test_gates_are_fixed_and_signals_share_by_what_they_add():
    a, b = X[..., :4], X[..., 4:8]
    gate = 1 / (1 + np.exp(-X[..., :4]))
    _, relevance, (of_signal, of_gate) = handed_through(Gated(), a, gate)
    np.testing.assert_array_equal(of_signal, relevance)
    assert of_gate is None
    output, relevance, (of_a, of_b, of_gate) = handed_through(GatedMean(), a, b, gate)
    share = relevance / away_from_zero(output, EPSILON)
    np.testing.assert_allclose(of_a, a * gate * share, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(of_b, b * (1 - gate) * share, rtol=2e-3, atol=1e-4)
    assert of_gate is None
    output, relevance, (of_a, of_b) = handed_through(LearntAverage(), a, b)
    share = relevance / away_from_zero(output, EPSILON)
    np.testing.assert_allclose(of_a, a / 2 * share, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(of_b, b / 2 * share, rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("pose_cross_attention", {})]
    + [
        pytest.param("pose_attention_fusion", {"fusion": f}, marks=pytest.mark.slow)
        for f in ("gate", "squeeze", "add", "concatenate", "late")
    ],
    ids=lambda v: v if isinstance(v, str) else v.get("fusion", ""),
)
def test_relevance_of_the_whole_adds_up_to_the_logit(name, settings):
    network = randomised(build(name, {"pose": (FRAMES, 9)}, n_classes=2, prior=PRIOR, patch=4, width=8, **settings))
    relevance, account = lrp(network, {"pose": X}, np.zeros(3, int))
    logit = ops.convert_to_numpy(network(X))[:, 0]
    told = relevance["pose"].sum(axis=(1, 2)) + sum(account[part] for part in ("bias", "stabiliser"))
    np.testing.assert_allclose(told, logit, rtol=2e-2, atol=2e-2)
    assert keras.backend.standardize_dtype(relevance["pose"].dtype) == "float32"
