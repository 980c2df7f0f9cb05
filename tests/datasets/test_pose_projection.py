"""Skeletons seen as pose, against a camera computed by hand and noise that is recovered."""

from dataclasses import replace

import numpy as np
import pytest

import gaitlib
from gaitlib import GaitDataError, LeaveOneSubjectOut, project_to_pose
from gaitlib.datasets.pose_projection import CAMERA_M, DOUBT, FOCAL_PX, MIDDLE_PX
from gaitlib.preprocessing import FillPose, MaskFace, NormalisePose
from gaitlib.preprocessing.pose import body_height
from gaitlib.trials.conventions import (
    AZURE_KINECT_JOINTS,
    COCO_JOINTS,
    FACE_JOINTS,
    KINECT_V2_JOINTS,
    pose_channels,
    skeleton_channels,
)

SHOWN = [joint for joint in COCO_JOINTS if joint not in FACE_JOINTS]


def place(joint):
    return COCO_JOINTS.index(joint)


def seen(trials, i=0):
    m = trials.modality("pose")
    return m.values[i].reshape(len(m.values[i]), 17, 3)


def walking(points, n=40, joints=KINECT_V2_JOINTS, way_m=2.0, turn_deg=0.0, **options):
    """Somebody who stands stiffly at the given joints (others at the pelvis) and is moved along +y, then all turned."""
    body = np.zeros((n, len(joints), 3)) + [0.0, 0.0, 0.9]
    body[:, joints.index("spine_mid" if "spine_mid" in joints else "naval")] += [0, 0, 0.2]
    body[:, joints.index("spine_shoulder" if "spine_shoulder" in joints else "chest")] += [0, 0, 0.5]
    for joint, xyz in points.items():
        body[:, joints.index(joint)] = xyz
    body[:, :, 1] += np.linspace(0, way_m, n)[:, None]
    turn = np.radians(turn_deg)
    turned = body @ np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return gaitlib.TrialSet.from_arrays(
        {"skeleton": [turned.reshape(n, -1)]}, channels=skeleton_channels(joints), unit="m", rate_hz=30, subject=["a"],
        label=["normal"], walk=["w"], **options,
    )  # fmt: skip


BODY = {
    "head": (0.02, 0.05, 1.6), "left_shoulder": (-0.2, 0, 1.4), "right_shoulder": (0.2, 0, 1.4),
    "left_hip": (-0.1, 0, 0.9), "right_hip": (0.1, 0, 0.9), "left_knee": (-0.1, 0.1, 0.5), "right_knee": (0.1, 0, 0.5),
    "left_ankle": (-0.1, 0.2, 0.1), "right_ankle": (0.1, -0.2, 0.1), "left_elbow": (-0.3, -0.1, 1.1),
    "right_elbow": (0.3, 0.1, 1.1), "left_wrist": (-0.3, -0.1, 0.9), "right_wrist": (0.3, 0.2, 0.9),
}  # fmt: skip


# -- the camera ------------------------------------------------------------------------------------------


def test_from_the_side_the_walk_goes_to_the_right_as_computed_by_hand():
    pose = seen(project_to_pose(walking(BODY), noise=0))
    for joint in SHOWN:
        x, y, z = BODY["head" if joint == "nose" else joint]
        depth_m = CAMERA_M - x  # the camera stands on the right side
        right = MIDDLE_PX[0] + FOCAL_PX * (y + np.linspace(0, 2, 40) - 1) / depth_m  # the pelvis goes from -1 to 1 m
        np.testing.assert_allclose(pose[:, place(joint), 0], right, rtol=1e-5)
        np.testing.assert_allclose(pose[:, place(joint), 1], MIDDLE_PX[1] - FOCAL_PX * (z - 0.9) / depth_m, rtol=1e-5)
    np.testing.assert_array_equal(pose[:, [place(j) for j in SHOWN], 2], 1)


def test_from_the_front_the_left_side_is_on_the_right_and_the_body_grows():
    pose = seen(project_to_pose(walking(BODY), "front", noise=0))
    for joint in SHOWN:
        x, y, z = BODY["head" if joint == "nose" else joint]
        depth_m = CAMERA_M + 2 - np.linspace(0, 2, 40) - y
        np.testing.assert_allclose(pose[:, place(joint), 0], MIDDLE_PX[0] - FOCAL_PX * x / depth_m, rtol=1e-5)
        np.testing.assert_allclose(pose[:, place(joint), 1], MIDDLE_PX[1] - FOCAL_PX * (z - 0.9) / depth_m, rtol=1e-5)
    assert (pose[:, place("left_hip"), 0] > pose[:, place("right_hip"), 0]).all()


def test_eyes_and_ears_are_missing_whatever_the_skeleton_has():
    face = [place(joint) for joint in FACE_JOINTS]
    azure = {("nose" if joint == "head" else joint): xyz for joint, xyz in BODY.items()}
    for trials in (walking(BODY), walking(azure, joints=AZURE_KINECT_JOINTS)):
        pose = seen(project_to_pose(trials))
        np.testing.assert_array_equal(pose[:, face], np.broadcast_to([np.nan, np.nan, 0], (40, 4, 3)))
    exact = seen(project_to_pose(walking(azure, joints=AZURE_KINECT_JOINTS), noise=0))
    np.testing.assert_allclose(exact, seen(project_to_pose(walking(BODY), noise=0)), rtol=1e-5)


@pytest.mark.parametrize("turn_deg", [30, 90, 200])
@pytest.mark.parametrize("view", ["side", "front", 40])
def test_the_camera_turns_with_the_way_that_is_walked(turn_deg, view):
    straight, turned = (project_to_pose(walking(BODY, turn_deg=t), view, noise=0) for t in (0, turn_deg))
    np.testing.assert_allclose(seen(turned), seen(straight), atol=0.01)


@pytest.mark.parametrize("angle", [10, 60, 90, 135])
def test_a_mirrored_body_seen_from_the_other_side_is_the_mirrored_picture(angle):
    other = {"left": "right", "right": "left"}
    mirrored = {
        "_".join([other.get(j.split("_")[0], j.split("_")[0]), *j.split("_")[1:]]): (-x, y, z)
        for j, (x, y, z) in BODY.items()
    }
    ours = seen(project_to_pose(walking(BODY), angle, noise=0))
    theirs = seen(project_to_pose(walking(mirrored), -angle, noise=0))
    for joint in SHOWN:
        side, _, rest = joint.partition("_")
        partner = place(f"{other[side]}_{rest}" if side in other else joint)
        x, y, _ = theirs[:, partner].T
        np.testing.assert_allclose(ours[:, place(joint), :2].T, [2 * MIDDLE_PX[0] - x, y], rtol=1e-5)


def test_after_normalising_both_sides_walk_to_the_right(tiny_trials):
    for view in ("side", -90):
        pose = NormalisePose().fit_transform(project_to_pose(tiny_trials[:4], view, noise=0))
        for i in range(4):
            knees = seen(pose, i)[:, [place("left_knee"), place("right_knee")], 0]
            ankles = seen(pose, i)[:, [place("left_ankle"), place("right_ankle")], 0]
            assert (knees - ankles / 2).mean() > 0  # knees bend forwards


# -- trials ----------------------------------------------------------------------------------------------


def test_several_views_of_a_walk_stay_one_walk_and_one_person(tiny_trials):
    trials = tiny_trials[::6]
    both = project_to_pose(trials, ["side", "front", 45.0])
    assert both.table["view"].unique().tolist() == ["side", "front", "45"]
    assert len(set(both.ids)) == 3 * len(trials)
    np.testing.assert_array_equal(both.walks, np.tile(trials.walks, 3))
    np.testing.assert_array_equal(both.subjects, np.tile(trials.subjects, 3))
    np.testing.assert_array_equal(both.labels, np.tile(trials.labels, 3))
    for fold in LeaveOneSubjectOut().folds(both):
        assert not set(both.walks[fold.train]) & set(both.walks[fold.test])
    for view in ("side", 45):
        alone, among = project_to_pose(trials, view), both[both.table["view"] == str(view)]
        np.testing.assert_array_equal(alone.ids, among.ids)
        np.testing.assert_array_equal(seen(alone, 3), seen(among, 3))
    m, skeleton = alone.modality("pose"), trials.modality("skeleton")
    assert list(both.modalities) == ["pose"]
    assert (m.unit, m.channels) == ("px", pose_channels())
    for ours, theirs in ((m.time_s, skeleton.time_s), (m.frames, skeleton.frames)):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)
    assert both.name == f"{trials.name}, seen as pose (side, front, 45)"


def test_what_is_drawn_goes_by_seed_trial_and_view(tiny_trials):
    trials = tiny_trials[:3]
    whole = project_to_pose(trials, seed=1)
    assert whole.digest() == project_to_pose(trials, seed=1).digest()
    np.testing.assert_array_equal(seen(project_to_pose(trials[1:2], seed=1)), seen(whole, 1))
    assert not np.array_equal(seen(whole), seen(project_to_pose(trials, seed=2)), equal_nan=True)


# -- noise -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    """Long walks from the side: exact, and with the noise of each level."""
    trials = walking(BODY, n=3000)
    return {noise: seen(project_to_pose(trials, noise=noise)) for noise in (0, 0.01, 0.02)}


@pytest.mark.parametrize("noise", [0.01, 0.02])
def test_the_noise_is_that_which_was_asked_for(noisy, noise):
    height = body_height(noisy[0].reshape(len(noisy[0]), -1), pose_channels())
    error = (noisy[noise] - noisy[0])[:, :, :2] / height
    ankles = error[:, [place("left_ankle"), place("right_ankle")]]
    ankles[np.abs(ankles) > 0.12] = np.nan  # legs taken for each other
    error[:, [place("left_ankle"), place("right_ankle")]] = ankles

    def sd(joint, frames=slice(None)):
        return np.sqrt(np.nanmean(error[frames, place(joint)] ** 2))

    for joint in ("right_shoulder", "right_elbow", "right_wrist", "right_ankle"):
        assert sd(joint) == pytest.approx(noise, rel=0.06)  # in plain sight
    assert sd("left_ankle") == pytest.approx(1.5 * noise, rel=0.06)  # 0.1 m behind, half of what is the far side
    middle = slice(1200, 1800)  # where the body is not seen obliquely
    assert sd("left_shoulder", middle) == pytest.approx(2.95 * noise, rel=0.08)  # 0.2 m behind, hidden by the right one
    upper = [place(joint) for joint in SHOWN[:7]]
    length, confidence = np.linalg.norm(error[:, upper], axis=2), noisy[noise][:, upper, 2]
    ok = np.isfinite(length) & (confidence > 0)
    np.testing.assert_allclose(confidence[ok], np.exp(-length[ok] / DOUBT), atol=1e-3)


def test_joints_are_missing_in_short_spells_more_often_with_more_noise(noisy):
    def spells(noise, joints):
        gone = np.isnan(noisy[noise][:, [place(j) for j in joints], 0])
        np.testing.assert_array_equal(gone, noisy[noise][:, [place(j) for j in joints], 2] == 0)
        return gone.mean(), (np.diff(gone.astype(int), axis=0) == 1).sum()

    near = [joint for joint in SHOWN if joint.startswith("right") and joint != "right_hip"]
    share, n = spells(0.01, near)
    twice, _ = spells(0.02, near)
    assert 0.008 < share < 0.025  # a spell of 0.15 s in 10 s
    assert 1.4 * share < twice < 3 * share
    assert 3 < share * 3000 * len(near) / n < 7  # frames a spell
    assert spells(0.01, ["left_shoulder", "left_hip"])[0] > 1.3 * share


def test_legs_are_seldom_taken_for_each_other_and_then_whole(noisy):
    swapped = {}
    for side, other in (("left", "right"), ("right", "left")):
        ours, theirs = (noisy[0][:, [place(f"{s}_{j}") for j in ("knee", "ankle")], 0] for s in (side, other))
        found = noisy[0.01][:, [place(f"{side}_{j}") for j in ("knee", "ankle")], 0]
        swapped[side] = np.abs(found - theirs) < np.abs(found - ours)
    both = swapped["left"][:, 1] & swapped["right"][:, 1]
    assert 0.002 < both.mean() < 0.02
    sure = np.isfinite(noisy[0.01][:, [place("left_ankle"), place("right_ankle")], 0]).all(axis=1)
    np.testing.assert_array_equal(swapped["left"][sure, 1], swapped["right"][sure, 1])


# -- what is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"view": "back"}, "view is 'front' or 'side' or an angle in degrees, not 'back'"),
        ({"view": np.nan}, "not nan"),
        ({"view": True}, "not True"),
        ({"view": ["side", 90]}, "one or several different ones"),
        ({"view": []}, "one or several different ones"),
        ({"noise": -0.1}, "noise is an SD in body heights, 0 or more, not -0.1"),
    ],
)
def test_a_wrong_request_is_refused(options, said):
    with pytest.raises(GaitDataError, match=said):
        project_to_pose(walking(BODY), **options)


def test_skeletons_that_cannot_be_projected_are_refused(tiny_trials):
    m = tiny_trials.modality("skeleton")
    with pytest.raises(GaitDataError, match="the pelvis does not move"):
        project_to_pose(walking(BODY, way_m=0))
    untimed = tiny_trials[:1].with_modality("skeleton", replace(m.take([0]), time_s=np.array([None], object)))
    with pytest.raises(GaitDataError, match="a detector's noise needs times; give rate_hz= or time_s=, or noise=0"):
        project_to_pose(untimed)
    assert len(project_to_pose(untimed, noise=0)) == 1
    lying = m.map(lambda v: v.reshape(len(v), -1, 3)[:, :, [0, 2, 1]].reshape(len(v), -1))
    with pytest.raises(GaitDataError, match="the chest stands above the pelvis along y"):
        project_to_pose(tiny_trials.with_modality("skeleton", lying))
    with pytest.raises(GaitDataError, match="needs positions in metres, 'skeleton' is in 'cm'"):
        project_to_pose(tiny_trials.with_modality("skeleton", m.map(lambda v: v, unit="cm")))
    few = [c for c in m.channels if not c.startswith("left_knee")]
    without = m.map(lambda v: v[:, [m.channels.index(c) for c in few]], few)
    with pytest.raises(GaitDataError, match="no joint 'left_knee'"):
        project_to_pose(tiny_trials.with_modality("skeleton", without))
    with pytest.raises(GaitDataError, match="frame 3, channel 'spine_base_x': not a finite number"):
        bad = m.values[0].copy()
        bad[3, 0] = np.nan
        project_to_pose(tiny_trials[:1].with_modality("skeleton", m.take([0]).map(lambda _: bad)))


# -- real walks ------------------------------------------------------------------------------------------


def stride_s(time_s, forward):
    """The strongest period between 0.7 and 3 s of how far one ankle is ahead of the other."""
    grid_s = np.arange(time_s[0], time_s[-1], 0.02)
    signal = np.interp(grid_s, time_s, forward)
    periods = np.arange(0.7, 3, 0.02)
    waves = np.exp(-2j * np.pi * grid_s[:, None] / periods)
    return periods[np.abs((signal - signal.mean()) @ waves).argmax()]


def test_real_walks_become_plausible_pictures(real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)[::24]
    pose = project_to_pose(trials)
    m, skeleton = pose.modality("pose"), trials.modality("skeleton")
    for step in (MaskFace(), NormalisePose(), FillPose()):
        pose = step.fit_transform(pose)
    ankles = [skeleton.channels.index(f"{side}_ankle_y") for side in ("left", "right")]
    apart = []
    for i, time_s in enumerate(m.time_s):
        raw, clean = m.values[i].reshape(-1, 17, 3), seen(pose, i)
        x, y, _ = np.moveaxis(raw, 2, 0)
        assert ((x > 0) & (x < 1920) | np.isnan(x)).all() and ((y > 0) & (y < 1080) | np.isnan(y)).all()
        lowest = np.fmax(y[:, place("left_ankle")], y[:, place("right_ankle")])
        assert np.nanmin(lowest - y[:, place("nose")]) > 150  # y downwards
        assert np.nanmean(x[-9:, place("right_hip")]) > np.nanmean(x[:9, place("right_hip")]) + 200
        assert np.isfinite(clean).all() and np.abs(clean[:, :, :2]).max() < 1.2
        in_picture = stride_s(time_s, clean[:, place("left_ankle"), 0] - clean[:, place("right_ankle"), 0])
        in_space = stride_s(time_s, skeleton.values[i][:, ankles[0]] - skeleton.values[i][:, ankles[1]])
        apart.append(abs(in_picture / in_space - 1))
    assert np.median(apart) < 0.02 and np.mean(np.array(apart) < 0.1) > 0.9
