"""Maps of joints: what is drawn, by plain loops; which joints reach the network; and relevance of what was drawn."""

from math import exp

import numpy as np
import pytest
from keras import ops
from lrp_reference import away_from_zero, hand_through, randomised

import gaitlib
from gaitlib import GaitDataError, recipes
from gaitlib.models import build
from gaitlib.models.heatmaps import REACH, GaussianMaps

PRIOR, SIZE, SIGMA = (1.0, 0.5, 0.0), 4, 0.4
SMALL = {"size": 8, "sigma": 0.15, "filters": (4, 4), "width": 8}
SHAPE = {"pose": (6, 9)}


def poses(n=2, frames=3):
    rng = np.random.default_rng(0)
    x = rng.uniform(-0.6, 0.6, (n, frames, 3, 3))
    x[..., 2] = rng.uniform(0.2, 1, (n, frames, 3))
    return x.reshape(n, frames, 9).astype(np.float32)


def spot(x, y, row, column):
    places = [REACH * ((2 * k + 1) / SIZE - 1) for k in (column, row)]
    return exp(-((x - places[0]) ** 2 + (y - places[1]) ** 2) / (2 * SIGMA**2))


def drawn_slowly(x):
    """Maps (samples, frames, rows, columns, joints)."""
    out = np.zeros((*x.shape[:2], SIZE, SIZE, 3))
    for i, t, r, c, j in np.ndindex(out.shape):
        a, b, confidence = map(float, x[i, t, 3 * j : 3 * j + 3])
        out[i, t, r, c, j] = confidence * spot(a, b, r, c)
    return out


def test_maps_are_those_of_plain_loops():
    x, weights = poses(), np.array(PRIOR) / 1.5
    expected = drawn_slowly(x)
    of_prior = (expected * weights).sum(axis=-1, keepdims=True)
    for prior, alone, whole in (
        (None, False, expected),
        (PRIOR, False, np.concatenate([expected, of_prior], axis=-1)),
        (PRIOR, True, of_prior),
    ):
        layer = GaussianMaps(SIZE, SIGMA, prior, alone)
        found = ops.convert_to_numpy(layer(x))
        np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-6)
        assert layer.compute_output_spec(ops.convert_to_tensor(x)).shape == found.shape


def test_up_is_up_and_a_joint_that_was_not_seen_is_not_drawn():
    x = np.array([[[0.6, -0.6, 1.0, 0.0, 0.6, 0.0, -0.6, 0.6, 1.0]]], np.float32)
    maps = ops.convert_to_numpy(GaussianMaps(SIZE, 0.1)(x))[0, 0]
    assert np.unravel_index(maps[..., 0].argmax(), (SIZE, SIZE)) == (0, 3)  # row, column: low and in front
    assert np.unravel_index(maps[..., 2].argmax(), (SIZE, SIZE)) == (3, 0)
    assert not maps[..., 1].any()


@pytest.mark.parametrize("alone", [False, True])
def test_relevance_of_a_map_goes_to_the_confidence_of_its_joints(alone):
    x = poses(1, 4)
    layer, maps = GaussianMaps(SIZE, SIGMA, PRIOR, alone, every=2), drawn_slowly(x[:, ::2])
    weights = np.concatenate([np.eye(3), np.array(PRIOR)[:, None] / 1.5], axis=1)[:, 3 * alone :]
    relevance = np.random.default_rng(1).normal(size=(1, 2, SIZE, SIZE, weights.shape[1])).astype(np.float32)
    expected = np.zeros((1, 4, 3, 3))
    for i, t, r, c, k in np.ndindex(relevance.shape):
        parts = maps[i, t, r, c] * weights[:, k]
        expected[i, 2 * t, :, 2] += parts * relevance[i, t, r, c, k] / away_from_zero(parts.sum(), 1e-5)
    found, bias, stabiliser = hand_through(layer, x, relevance)
    np.testing.assert_allclose(found, expected.reshape(x.shape), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found.sum() + bias + stabiliser, relevance.sum(), atol=1e-3)


def logits_of(network, x):
    return ops.convert_to_numpy(network(x, training=False))


def test_the_map_alone_is_the_pose_of_the_joints_that_the_prior_weighs():
    x, moved = poses(2, 6), {}
    for alone in (False, True):
        network = randomised(build("heatmap_volume", SHAPE, 2, prior=PRIOR, alone=alone, **SMALL))
        for joint, name in enumerate("abc"):
            other = x.copy()
            other[:, :, 3 * joint] += 0.3
            moved[name, alone] = np.abs(logits_of(network, other) - logits_of(network, x)).max()
    assert moved.pop(("c", True)) == 0
    assert min(moved.values()) > 1e-3


def test_only_the_frames_that_are_drawn_are_read():
    network, x = randomised(build("heatmap_volume", SHAPE, 2, every=3, **SMALL)), poses(1, 6)
    other = x.copy()
    other[:, [1, 2, 4]] = poses(1, 3) / 2
    np.testing.assert_array_equal(logits_of(network, other), logits_of(network, x))
    other[:, 3, 0] += 0.3
    assert np.abs(logits_of(network, other) - logits_of(network, x)).max() > 1e-3


@pytest.mark.parametrize(
    ("channels", "settings", "told"),
    [
        (8, {}, "reads x, y and confidence of joints, and 'pose' has 8 channels"),
        (9, {"alone": True}, "the map of a prior alone needs prior="),
        (9, {"prior": (1.0, 0.5)}, "one weight from 0 up for each joint"),
    ],
)
def test_what_cannot_be_drawn_is_refused(channels, settings, told):
    with pytest.raises(GaitDataError, match=told):
        build("heatmap_volume", {"pose": (6, channels)}, 2, **settings)


def test_recipes_leave_a_pose_unscaled_and_refuse_what_is_none(tiny_trials):
    pose = gaitlib.project_to_pose(tiny_trials[:3])
    steps = recipes.steps_for(pose, "heatmap_volume").fit(pose)
    read, channels = steps.transform(pose).inputs["pose"], steps.transform(pose).channels["pose"]
    hip, ankle = (channels.index(f"left_{joint}_y") for joint in ("hip", "ankle"))
    assert np.abs(read[..., hip]).max() < 0.2  # body heights from the mid hip
    assert -0.7 < np.median(read[..., ankle]) < -0.3
    with pytest.raises(GaitDataError, match="'heatmap_volume' reads a pose, 'skeleton' is none"):
        recipes.steps_for(tiny_trials, "heatmap_volume")
