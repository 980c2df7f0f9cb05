"""Gradient explanations: exact where the truth is known, and blind to padding."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from gaitlib import models
from gaitlib.errors import GaitDataError
from gaitlib.explain.gradients import gradient_x_input, integrated_gradients, smooth_grad
from gaitlib.explain.inputs import logits_of
from gaitlib.models.layers import FrameMask
from gaitlib.perturb.engine import neutral, real_values

ALL = (gradient_x_input, integrated_gradients, smooth_grad)


def only(function, network, x, target, **settings):
    """Relevance of a network with one input, and the account."""
    relevance, account = function(network, {network.inputs[0].name: x}, np.asarray(target), **settings)
    ((_, values),) = relevance.items()
    return values, account


def sequences(n=5, frames=9, channels=4, seed=0):
    """Sequences of several lengths, padded; one ends in a real frame whose neighbours are zero."""
    x = np.random.default_rng(seed).normal(size=(n, frames, channels)).astype(np.float32)
    for i in range(n):
        x[i, frames - i :] = 0
    x[1, 2:5] = 0
    return x


@pytest.fixture(scope="module")
def gru():
    keras.utils.set_random_seed(0)
    return models.build("compact_gru", {"skeleton": (9, 4)}, 3, units=6, dense=5)


def formula(function, shape=(2,)):
    """A network of two logits: 0, and a formula of its input."""
    x = keras.Input(shape, name="x")
    y = ops.reshape(function(x), (-1, 1))
    return keras.Model(x, layers.Concatenate()([0 * y, y]))


@pytest.mark.parametrize("method", ALL)
def test_on_a_linear_network_relevance_is_value_times_weight(method):
    x = sequences(200)
    network = keras.Sequential([keras.Input(x.shape[1:], name="x"), layers.Flatten(), layers.Dense(3)])
    kernel = np.random.default_rng(1).normal(size=(36, 3)).astype(np.float32)
    network.layers[-1].set_weights([kernel, np.ones(3)])
    target = np.arange(200) % 3
    found, _ = only(method, network, x, target)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, x * kernel.T[target].reshape(x.shape), rtol=1e-4, atol=1e-6)


def test_a_product_is_shared_equally_along_the_path_and_counted_twice_by_the_gradient():
    network, x = formula(lambda x: x[:, 0] * x[:, 1]), np.array([[2.0, 5], [-1, 4]], np.float32)
    along, account = only(integrated_gradients, network, x, [1, 1])
    np.testing.assert_allclose(along, [[5, 5], [-2, -2]], rtol=1e-5)
    np.testing.assert_allclose(account["completeness_error"], 0, atol=1e-5)
    np.testing.assert_allclose(only(gradient_x_input, network, x, [1, 1])[0], [[10, 10], [-4, -4]], rtol=1e-5)


def test_the_midpoint_rule_has_its_known_error():
    """On x^3 the midpoint rule of k steps gives 1 - 1 / (4 k^2) of the integral."""
    network, x = formula(lambda x: x[:, 0] ** 3 + 1), np.array([[2.0, 7]], np.float32)
    for steps in (1, 2, 10):
        found, account = only(integrated_gradients, network, x, [1], steps=steps)
        np.testing.assert_allclose(found, [[8 * (1 - 1 / (4 * steps**2)), 0]], rtol=1e-5)
        assert account["completeness_error"] == pytest.approx(-8 / (4 * steps**2), abs=1e-5)
        assert account["baseline"] == pytest.approx(1)


def test_integrated_gradients_of_a_recurrent_network_add_up_to_the_rise_of_the_logit(gru):
    x, target = 2 * sequences(), np.array([0, 1, 2, 0, 1])
    found, account = only(integrated_gradients, gru, x, target, steps=100)
    rise = logits_of(gru, {"skeleton": x}) - logits_of(gru, {"skeleton": neutral(x)})
    np.testing.assert_allclose(found.sum(axis=(1, 2)), rise[np.arange(5), target], atol=1e-4)
    np.testing.assert_allclose(account["completeness_error"], 0, atol=1e-4)
    few = only(integrated_gradients, gru, x, target, steps=2)[1]["completeness_error"]
    assert np.abs(few).max() > 10 * np.abs(account["completeness_error"]).max()


def counts_frames(x):
    """The number of real frames, times the sum of all values."""
    return ops.sum(ops.cast(FrameMask()(x), "float32"), axis=1) * ops.sum(x, axis=(1, 2))


@pytest.mark.parametrize("method", ALL)
def test_a_sequence_keeps_its_frames_on_the_way_and_under_noise(method):
    """Where the number of frames counts, noise on the padding would change it, and a start from zeros would lose it."""
    x = sequences()
    found, account = only(method, formula(counts_frames, (9, 4)), x, np.ones(5, int))
    np.testing.assert_allclose(found, x * np.arange(9, 4, -1)[:, None, None], rtol=1e-4, atol=1e-5)
    frames_only = formula(lambda x: ops.sum(ops.cast(FrameMask()(x), "float32"), axis=1), (9, 4))
    found, account = only(method, frames_only, x, np.ones(5, int))
    assert not found.any()
    if account:
        np.testing.assert_array_equal(account["baseline"], np.arange(9, 4, -1))


@pytest.mark.parametrize("method", ALL)
def test_padding_has_no_relevance_and_changes_none(gru, method):
    x = sequences()
    found, _ = only(method, gru, x, np.zeros(5, int))
    assert not found[~real_values(x)].any()
    assert np.abs(found[real_values(x) & (x != 0)]).min() > 0
    wider = models.build("compact_gru", {"skeleton": (14, 4)}, 3, units=6, dense=5)
    wider.set_weights(gru.get_weights())
    again, _ = only(method, wider, np.pad(x, ((0, 0), (0, 5), (0, 0))), np.zeros(5, int))
    np.testing.assert_allclose(again[:, :9], found, atol=1e-6)


def test_smooth_grad_averages_the_gradient_over_noise_of_a_share_of_the_range():
    """The mean slope of x^3 under noise of SD s is 3 (x^2 + s^2); the range of the sample is 4."""
    network, x = formula(lambda x: x[:, 0] ** 3), np.tile(np.float32([1, 5]), (1000, 1))
    x[:, 1] += np.arange(1000) * 1e-5  # equal samples would have equal noise
    for sigma in (0.0, 0.25, 0.5):
        found, account = only(smooth_grad, network, x, [1] * 1000, samples=10, sigma=sigma)
        assert found[:, 0].mean() == pytest.approx(3 * (1 + (4 * sigma) ** 2), rel=0.05)
        assert not found[:, 1].any()
        assert account == {}


def test_smooth_grad_is_the_same_for_the_same_seed(gru):
    first, again, other = (only(smooth_grad, gru, sequences(), [0] * 5, samples=2, seed=s)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_smooth_grad_of_a_sample_is_the_same_in_any_batch(gru):
    x = sequences()
    found, _ = only(smooth_grad, gru, x, [0] * 5, samples=3)
    for rows in ([4, 3, 2, 1, 0], [2], [1, 1, 3]):
        np.testing.assert_allclose(
            only(smooth_grad, gru, x[rows], [0] * len(rows), samples=3)[0], found[rows], atol=1e-6
        )


def test_all_inputs_of_a_fusion_model_get_their_relevance():
    inputs = {"skeleton": (9, 4), "pressure": (16, 6)}
    network = models.build("gru_cnn_fusion", inputs, 3, project=6, units=(5, 4), filters=(4, 4), dense=5)
    image = np.random.default_rng(0).uniform(size=(5, 16, 6)).astype(np.float32)
    given = {"pressure": image, "skeleton": sequences()}  # not in the order of the network
    found, account = integrated_gradients(network, given, np.zeros(5, int), steps=64)
    assert {name: r.shape for name, r in found.items()} == {"skeleton": (5, 9, 4), "pressure": (5, 16, 6)}
    assert all(r.any() for r in found.values())
    np.testing.assert_allclose(account["completeness_error"], 0, atol=5e-3)


def test_numbers_of_nothing_are_refused(gru):
    with pytest.raises(GaitDataError, match="at least one step, not 0"):
        only(integrated_gradients, gru, sequences(), [0] * 5, steps=0)
    with pytest.raises(GaitDataError, match="at least one noisy copy, not 0"):
        only(smooth_grad, gru, sequences(), [0] * 5, samples=0)
