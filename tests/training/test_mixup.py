"""Samples mixed in pairs: inputs, targets and weights by the same shares, and what that does to a network."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib import GaitDataError, Training
from gaitlib.training import LabelledSamples, network_outputs, train_network
from gaitlib.training.mixup import MixedBatches, one_hot


def telling(n, n_classes=3):
    """Samples whose input is their target, and whose weight is their first input."""
    target = np.arange(n) % n_classes
    x = np.eye(n_classes, dtype=np.float32)[target]
    return LabelledSamples({"x": x}, target, x[:, 0] + 1)


@given(
    n=st.integers(2, 40), batch_size=st.integers(1, 40), alpha=st.sampled_from([0.1, 0.4, 2]), seed=st.integers(0, 9)
)
def test_input_target_and_weight_are_mixed_by_the_same_shares(n, batch_size, alpha, seed):
    made = MixedBatches(one_hot(telling(n), 3), min(n, batch_size), alpha, seed)
    for k in range(len(made)):
        inputs, target, weight = made[k]
        np.testing.assert_array_equal(inputs["x"], target)
        np.testing.assert_allclose(weight, target[:, 0] + 1, atol=1e-6)
        np.testing.assert_allclose(target.sum(axis=1), 1, atol=1e-6)
        assert target.max() <= 1 and (target.max(axis=1) >= 0.5).all()


def test_every_sample_has_the_larger_share_once_an_epoch_in_another_order():
    samples = replace(telling(12), inputs={"x": np.eye(12, dtype=np.float32)})
    made, again = (MixedBatches(one_hot(samples, 3), 4, 0.4, seed=1) for _ in range(2))
    epochs = []
    for _ in range(2):
        x = np.concatenate([made[k][0]["x"] for k in range(len(made))])
        np.testing.assert_array_equal(x, np.concatenate([again[k][0]["x"] for k in range(len(again))]))
        epochs.append(x.argmax(axis=1))
        assert sorted(epochs[-1]) == list(range(12))
        assert ((x > 0).sum(axis=1) == 2).any()
        made.on_epoch_end()
        again.on_epoch_end()
    assert epochs[0].tolist() != epochs[1].tolist()


def trained(kind, mixup):
    """Two groups at -1 and 1, and what a network says at each of them and at 0.3."""
    target, rng = np.repeat([0, 1], 32), np.random.default_rng(0)
    x = (2 * target[:, None] - 1 + 0.1 * rng.normal(size=(64, 1))).astype(np.float32)
    target = target if kind == "class" else target[:, None].astype(np.float32)
    samples = LabelledSamples({"x": x}, target, np.ones(64, np.float32))
    keras.utils.set_random_seed(0)
    inputs = keras.Input((1,), name="x")
    hidden = keras.layers.Dense(16, "tanh")(inputs)
    network = keras.Model({"x": inputs}, keras.layers.Dense(2 if kind == "class" else 1)(hidden))
    settings = Training(40, learning_rate=0.02, mixup=mixup)
    history = train_network(network, samples, samples, settings, seed=0, kinds={"": kind})
    assert history["val_loss"].iloc[-1] < history["val_loss"].iloc[0] / 3
    said = network_outputs(network, {"x": np.float32([[-1], [0.3], [1]])})
    return said[:, -1] - said[:, 0] if kind == "class" else said[:, 0]


@pytest.mark.parametrize("kind", ["class", "binary"])
def test_a_network_trained_so_tells_the_groups_and_is_less_sure_of_them(kind):
    plain, mixed = trained(kind, 0.0), trained(kind, 1.0)
    assert mixed[0] < 0 < mixed[2]
    assert np.ptp(mixed) < np.ptp(plain)


def test_numbers_are_mixed_too():
    assert trained("continuous", 1.0) == pytest.approx([0, 0.65, 1], abs=0.15)


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [({"loss": "squared_error"}, {"": "class"}), ({}, {"label": "class", "speed": "continuous"})],
)
def test_several_heads_and_squared_errors_are_refused(settings, kinds):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    with pytest.raises(GaitDataError, match="mixup is for one head"):
        train_network(network, telling(6), None, Training(1, mixup=0.4, **settings), seed=0, kinds=kinds)
