"""The graph network over joints: which joints hang together, by plain search, and what its layers compute."""

from itertools import product

import numpy as np
import pytest
from keras import ops
from lrp_reference import away_from_zero, hand_through, randomised

import gaitlib
from gaitlib import GaitDataError, recipes
from gaitlib.models import build
from gaitlib.models.skeleton_graph import BODIES, GAIT_BODY, HopsOfJoints, bones_between, hop_graphs
from gaitlib.trials.conventions import (
    AZURE_KINECT_JOINTS,
    COCO_JOINTS,
    GAIT_JOINTS,
    KINECT_V2_JOINTS,
    skeleton_channels,
)

TINY = {"filters": 8, "blocks": 1, "scales": 2, "dense": 8}
CHAIN = ((0, 1), (1, 2), (2, 3))


def distances(bones, n):
    """Bones from joint to joint, by stepping from neighbour to neighbour; n where there is no way."""
    far = np.full((n, n), n)
    for start in range(n):
        ring, k = {start}, 0
        while ring:
            for joint in ring:
                far[start, joint] = min(far[start, joint], k)
            around = {b for a, b in [*bones, *((b, a) for a, b in bones)] if a in ring}
            ring, k = {joint for joint in around if far[start, joint] == n}, k + 1
    return far


@pytest.mark.parametrize("joints", [KINECT_V2_JOINTS, AZURE_KINECT_JOINTS, COCO_JOINTS, GAIT_BODY], ids=len)
def test_all_joints_of_a_body_hang_together_and_left_as_right(joints):
    bones = bones_between(joints)
    assert (distances(bones, len(joints)) < len(joints)).all()
    named = {frozenset((joints[a], joints[b])) for a, b in bones}
    other = {"left": "right", "right": "left"}
    mirrored = {frozenset("_".join([other.get(j.split("_")[0], j.split("_")[0]), *j.split("_")[1:]]) for j in pair)
                for pair in named}  # fmt: skip
    assert mirrored == named


def test_all_joints_of_a_camera_have_its_bones_and_no_others():
    for joints, bones in BODIES:
        own = {tuple(sorted((joints.index(a), joints.index(b)))) for a, b in bones if {a, b} <= set(joints)}
        assert bones_between(joints) == tuple(sorted(own))


def test_a_joint_that_is_left_out_is_a_way():
    found = bones_between(["left_hip", "left_ankle", "right_hip", "spine_mid", "head"])
    assert found == ((0, 1), (0, 2), (0, 3), (2, 3), (3, 4))  # spine_base joins three


@pytest.mark.parametrize("joints", [["left_hip", "tail"], ["left_hip", "left_hip"], ["spine_base", "pelvis"]], ids=str)
def test_joints_of_no_one_body_are_refused(joints):
    with pytest.raises(GaitDataError, match="no body has the joints"):
        bones_between(joints)


def test_matrices_of_hops_are_those_of_a_search():
    bones = bones_between(KINECT_V2_JOINTS)
    far, graphs = distances(bones, 25), hop_graphs(bones, 25, 5)
    for k in range(5):
        there = (far == k) | np.eye(25, dtype=bool)
        for i, j in product(range(25), repeat=2):
            expected = there[i, j] / np.sqrt(there[i].sum() * there[j].sum())
            assert graphs[k, i, j] == pytest.approx(expected, rel=1e-6)


def test_hops_and_their_relevance_are_those_of_plain_loops():
    rng = np.random.default_rng(0)
    layer, x = HopsOfJoints(CHAIN, 3), rng.normal(size=(2, 3, 4, 2)).astype(np.float32)
    layer.build(x.shape)
    layer.learnt.assign(rng.normal(size=(3, 4, 4)))
    mixing = hop_graphs(CHAIN, 4, 3) + np.asarray(layer.learnt)
    output, expected = ops.convert_to_numpy(layer(x)), np.zeros(x.shape)
    relevance = rng.normal(size=output.shape).astype(np.float32)
    for k, i, j, c in product(range(3), range(4), range(4), range(2)):
        out = 2 * k + c
        told = sum(mixing[k, i, other] * x[:, :, other, c] for other in range(4))
        np.testing.assert_allclose(output[:, :, i, out], told, rtol=1e-4, atol=1e-5)
        share = relevance[:, :, i, out] / away_from_zero(told.astype(float), 1e-5)
        expected[:, :, j, c] += mixing[k, i, j] * x[:, :, j, c] * share
    found, bias, _ = hand_through(layer, x, relevance)
    np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)
    np.testing.assert_array_equal(bias, 0)


@pytest.mark.parametrize("joints", [KINECT_V2_JOINTS, AZURE_KINECT_JOINTS, COCO_JOINTS, GAIT_BODY], ids=len)
def test_the_joints_of_a_known_body_are_told_by_their_number(joints):
    network = build("multiscale_graph", {"skeleton": (6, 3 * len(joints))}, 2, **TINY)
    assert network.get_layer("hops0").bones == bones_between(joints)


def test_other_joints_are_named():
    network = build("multiscale_graph", {"skeleton": (6, 6)}, 2, joints=["left_hip", "left_knee"], **TINY)
    assert network.get_layer("hops0").bones == ((0, 1),)


@pytest.mark.parametrize(("channels", "joints"), [(53, None), (6, None), (9, ["left_hip"]), (8, ["left_hip"] * 2)])
def test_channels_that_are_no_known_joints_are_refused(channels, joints):
    with pytest.raises(GaitDataError, match=f"'skeleton' has {channels} channels.*15, 17, 25, 32 joints are known"):
        build("multiscale_graph", {"skeleton": (6, channels)}, 2, joints=joints)


def test_a_joint_reaches_those_within_its_bones_and_no_others():
    network = randomised(build("multiscale_graph", {"skeleton": (4, 45)}, 2, **TINY))
    layer = network.get_layer("hops0")
    layer.learnt.assign(np.zeros(layer.learnt.shape))
    knee, x = GAIT_BODY.index("left_knee"), np.zeros((1, 2, 15, 8), np.float32)
    x[:, :, knee] = 1
    reached = ops.convert_to_numpy(layer(x)).any(axis=(0, 1, 3))
    assert {GAIT_BODY[i] for i in np.flatnonzero(reached)} == {"left_hip", "left_knee", "left_ankle"}


def test_recipes_leave_the_joints_that_are_told_by_their_number(tiny_trials):
    for trials in (tiny_trials, gaitlib.synthetic_trials(1, 1)):
        read = recipes.steps_for(trials, "multiscale_graph").fit(trials).transform(trials).channels["skeleton"]
        own = [joint for joint in GAIT_JOINTS if f"{joint}_x" in trials.modality("skeleton").channels]
        assert read == skeleton_channels(own)
        assert [j for j in own if j in GAIT_BODY[3:]] == list(GAIT_BODY[3:])  # the trunk's names differ, not its places
        assert len(own) == len(GAIT_BODY)
    with pytest.raises(GaitDataError, match="features 'angles' of 'multiscale_graph'"):
        recipes.steps_for(tiny_trials, "multiscale_graph", "angles")
    pose = gaitlib.project_to_pose(tiny_trials)
    assert recipes.steps_for(pose, "multiscale_graph").fit(pose).transform(pose).inputs["pose"].shape[2] == 51
