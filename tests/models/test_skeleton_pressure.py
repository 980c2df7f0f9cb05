"""The walk that asks the pressure: how many places it may look at, what it reads of them, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops
from lrp_reference import randomised

from gaitlib import GaitDataError
from gaitlib.explain.attention_maps import attention_weights
from gaitlib.models import build, info
from gaitlib.training.loop import encoder_network

NAME = "skeleton_pressure_cross_attention"
SHAPES, TINY = {"skeleton": (10, 5), "pressure": (16, 8)}, {"patch": 4, "width": 8, "filters": (8, 8)}


@pytest.fixture(scope="module")
def network():
    return randomised(build(NAME, SHAPES, 3, **TINY))


def inputs():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(2, *shape)).astype(np.float32) for shape in SHAPES.values()]


def test_keys_are_the_places_of_the_plate_and_the_whole_of_it(network):
    places, whole, tokens = (network.get_layer(n).output for n in ("places", "pressure_features", "whole_and_places"))
    places, whole, tokens = (
        ops.convert_to_numpy(v) for v in keras.Model(network.inputs, [places, whole, tokens])(inputs())
    )
    assert places.shape == (2, 4 * 2, 8)
    np.testing.assert_allclose(tokens[:, 1:], places)
    np.testing.assert_allclose(tokens[:, 0], places.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(whole, places.mean(axis=1), rtol=1e-5)
    full = build(NAME, info(NAME).inputs(), 6)
    assert full.get_layer("key").output.shape[1] == 16 * 6 + 1


def test_what_is_found_is_asked_by_each_step_and_added_to_the_walk(network):
    layer = network.get_layer("cross_attention")
    wanted = ("value", "key", "query", "conv3", "add")
    parts = keras.Model(network.inputs, [network.get_layer(n).output for n in wanted])(inputs())
    value, key, query, walk, added = (ops.convert_to_numpy(v).astype(float) for v in parts)
    found = np.zeros_like(walk)
    for i, step in np.ndindex(2, 3):
        score = np.exp(key[i] @ query[i, step] / np.sqrt(8))
        found[i, step] = score @ value[i] / score.sum()
    np.testing.assert_allclose(added, walk.mean(axis=1) + found.mean(axis=1), rtol=1e-4, atol=1e-5)
    assert layer.prior is None


@pytest.mark.parametrize("modality", SHAPES)
def test_either_encoder_can_be_trained_alone(network, modality):
    assert encoder_network(network, modality).output_shape == (None, 3)


def test_its_attention_is_refused_where_frames_or_joints_are_asked_for(network):
    given = dict(zip(SHAPES, inputs(), strict=True))
    with pytest.raises(GaitDataError, match="'cross_attention' looks at places of an image.*use another method"):
        attention_weights(network, given, np.zeros(2, int))
