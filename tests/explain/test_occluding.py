"""Occlusion: the fall of the logit, counted one window at a time, and blind to padding."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from gaitlib import models
from gaitlib.errors import GaitDataError
from gaitlib.explain.inputs import logits_of
from gaitlib.explain.occluding import occlusion
from gaitlib.models.layers import FrameMask

HAIR = 1e-6


@pytest.fixture(scope="module")
def gru():
    keras.utils.set_random_seed(0)
    return models.build("compact_gru", {"skeleton": (9, 4)}, 3, units=6, dense=5)


def sequences(n):
    x = np.random.default_rng(0).normal(size=(n, 9, 4)).astype(np.float32)
    for i in range(n):
        x[i, 9 - i % 7 :] = 0
    return x


@pytest.mark.parametrize("n", [1, 5, 60, 300])
@pytest.mark.parametrize("window", [(2, 3), (1, 1), (4, 2)])
def test_every_window_has_its_fall_of_the_logit(gru, n, window):
    """One by one, however many samples share a batch."""
    x, target = sequences(n), np.arange(n) % 3
    found = occlusion(gru, {"skeleton": x}, target, window=window)[0]["skeleton"]
    full = logits_of(gru, {"skeleton": x})
    for frame in range(0, 9, window[0]):
        for channel in range(0, 4, window[1]):
            part = (slice(None), slice(frame, frame + window[0]), slice(channel, channel + window[1]))
            covered = x.copy()
            covered[part] = np.where(np.cumsum(x.any(axis=2)[:, ::-1], axis=1)[:, ::-1, None] > 0, HAIR, 0)[:, part[1]]
            fall = (full - logits_of(gru, {"skeleton": covered}))[np.arange(n), target]
            np.testing.assert_allclose(found[part].sum(axis=(1, 2)), fall, atol=1e-6)
            own = found[part].reshape(n, -1)
            same = np.where(own != 0, own, own.max(axis=1, keepdims=True) + own.min(axis=1, keepdims=True))
            np.testing.assert_allclose(same, same[:, :1].repeat(same.shape[1], 1), atol=1e-7)
    assert not found[np.arange(9) >= 9 - (np.arange(n) % 7)[:, None]].any()


def test_on_a_linear_network_single_values_have_value_times_weight():
    network = keras.Sequential([keras.Input((9, 4), name="x"), layers.Flatten(), layers.Dense(1, use_bias=False)])
    x = sequences(3)
    found = occlusion(network, {"x": x}, np.zeros(3, int), window=(1, 1))[0]["x"]
    np.testing.assert_allclose(found, x * network.get_weights()[0].reshape(9, 4), atol=1e-5)


def test_covered_frames_still_count_as_frames():
    """Nothing but the number of frames is read: covering a frame, or all of them, must not matter."""
    x = keras.Input((9, 4), name="x")
    frames = ops.sum(ops.cast(FrameMask()(x), "float32"), axis=1, keepdims=True)
    network = keras.Model(x, layers.Dense(2)(frames))
    for window in ((2, 4), (9, 4)):
        assert not occlusion(network, {"x": sequences(8)}, np.zeros(8, int), window=window)[0]["x"].any()


def test_inputs_can_have_windows_of_their_own_and_static_values_stand_alone():
    shapes = {"skeleton": (9, 4), "pressure": (6, 4), "body": (3,)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    flat = layers.Concatenate()([layers.Flatten()(x) for x in inputs.values()])
    network = keras.Model(inputs, layers.Dense(2, use_bias=False)(flat))
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=(2, *shape)).astype(np.float32) for name, shape in shapes.items()}
    found, account = occlusion(network, given, np.array([0, 1]), window={"pressure": (3, 2)})
    kernel = network.get_weights()[0]
    exact = {}
    for name, part in zip(shapes, np.split(kernel, [36, 60]), strict=True):
        exact[name] = given[name] * part.T[[0, 1]].reshape(2, *shapes[name])
    np.testing.assert_allclose(found["body"], exact["body"], atol=1e-5)
    blocks = exact["pressure"].reshape(2, 2, 3, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(found["pressure"], blocks.repeat(3, axis=1).repeat(2, axis=2), atol=1e-5)
    channels = exact["skeleton"].mean(axis=1, keepdims=True)  # ten frames of one channel, of the nine there are
    np.testing.assert_allclose(found["skeleton"], channels.repeat(9, axis=1), atol=1e-5)
    assert account == {}


def test_windows_that_cannot_be_are_refused(gru):
    given = {"skeleton": sequences(2)}
    with pytest.raises(GaitDataError, match="a window is for 'emg'; the inputs are skeleton"):
        occlusion(gru, given, np.zeros(2, int), window={"emg": (1, 1)})
    for window in (5, (0, 1), (1, 2, 3)):
        with pytest.raises(GaitDataError, match="window of 'skeleton' is .*give frames and channels"):
            occlusion(gru, given, np.zeros(2, int), window=window)
