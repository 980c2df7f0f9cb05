"""Steps for pose, on a stick figure whose place, size and direction in the picture are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib import GaitDataError
from gaitlib.preprocessing import FillPose, MaskFace, NormalisePose
from gaitlib.preprocessing.pose import body_height
from gaitlib.testing import check_step
from gaitlib.trials.conventions import COCO_JOINTS, FACE_JOINTS, pose_channels

RATE_HZ = 25
FIGURE = {  # body heights in front of and above the middle of the hips, for somebody who walks to the right
    "nose": (0.05, 0.5), "eye": (0.03, 0.55), "ear": (0.0, 0.54), "shoulder": (0.0, 0.35), "elbow": (-0.03, 0.2),
    "wrist": (0.03, 0.05), "hip": (0.0, 0.0), "knee": (0.03, -0.25), "ankle": (0.0, -0.5),
}  # fmt: skip
STANDING = np.array([FIGURE[joint.split("_")[-1]] for joint in COCO_JOINTS])
HEIGHT = np.hypot(0.05, 1.0)


def place(joint):
    return COCO_JOINTS.index(joint)


def truth(n=60):
    """A figure that swings arms and legs about the hips, (frames, 17, 2), y upwards."""
    swing = np.sin(np.arange(n) * 2 * np.pi / RATE_HZ)[:, None]
    body = np.repeat(STANDING[None], n, axis=0)
    for side, sign in (("left", 1), ("right", -1)):
        for joint, far in (("wrist", -0.1), ("knee", 0.06), ("ankle", 0.15)):
            body[:, place(f"{side}_{joint}"), 0] += sign * far * swing[:, 0]
    return body


def picture(body, size=300.0, way=4.0, at=(100.0, 500.0)):
    """What a camera sees: y downwards, walking on by ``way`` body heights in all."""
    moving = np.linspace(0, way, len(body))[:, None] * [1, 0]
    xy = (body + moving[:, None]) * [1, -1] * size + at
    return np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.8)], axis=2)


def trials(*clips, unit="px", rate_hz=RATE_HZ):
    return gaitlib.TrialSet.from_arrays(
        {"pose": [c.reshape(len(c), -1) for c in clips]}, subject=[f"p{i}" for i in range(len(clips))],
        channels=pose_channels(), unit=unit, rate_hz=rate_hz,
    )  # fmt: skip


def after(step, *clips, **options):
    m = step.fit_transform(trials(*clips, **options)).modality("pose")
    assert m.channels == pose_channels()
    return m.values[0].reshape(len(m.values[0]), 17, 3)


def normalised(clip):
    return after(NormalisePose(), clip)


# -- normalising -----------------------------------------------------------------------------------------


def test_the_mid_hip_is_the_origin_body_height_the_unit_and_y_points_up():
    body = truth()
    values = normalised(picture(body))
    ankles = body[:, [place("left_ankle"), place("right_ankle")]].mean(axis=1)
    height = np.median(np.linalg.norm(body[:, 0] - ankles, axis=1))
    assert height == pytest.approx(HEIGHT)
    np.testing.assert_allclose(values[:, :, :2], body / height, atol=1e-6)
    np.testing.assert_allclose(values[:, :, 2], 0.8, atol=1e-7)
    made = NormalisePose().fit_transform(trials(picture(body))).modality("pose")
    assert made.unit == "body heights"


@given(st.floats(20, 900), st.floats(-500, 2000), st.floats(-500, 2000), st.booleans())
def test_place_size_and_direction_in_the_picture_do_not_matter(size, x, y, mirrored):
    clip = picture(truth(30), size, at=(x, y))
    if mirrored:
        clip[:, :, 0] = 1920 - clip[:, :, 0]
    np.testing.assert_allclose(normalised(clip), normalised(picture(truth(30))), atol=2e-4)


@pytest.mark.parametrize("way", [4.0, 0.0])
def test_everybody_walks_to_the_right_and_joints_keep_their_names(way):
    """On a treadmill the knees tell the direction."""
    body = truth()
    body[:, place("left_knee"), 1] += 0.02
    clip = picture(body, way=way)
    clip[:, :, 0] = 1920 - clip[:, :, 0]
    values = normalised(clip)
    assert (values[:, place("nose"), 0] > 0).all()
    assert (values[:, place("left_knee"), 1] > values[:, place("right_knee"), 1]).all()
    np.testing.assert_allclose(values[:, :, :2] * HEIGHT, body, atol=1e-5)


@pytest.mark.parametrize("mirrored", [False, True])
def test_seen_from_the_front_nothing_is_mirrored(mirrored):
    body = truth() * [0.1, 1]
    body[:, [place("left_shoulder"), place("left_hip"), place("left_knee")], 0] += 0.1
    body[:, [place("right_shoulder"), place("right_hip"), place("right_knee")], 0] -= 0.12
    clip = picture(body, way=0.0)
    if mirrored:
        clip[:, :, 0] = 1920 - clip[:, :, 0]
    values = normalised(clip)
    ahead = values[:, place("left_hip"), 0] > values[:, place("right_hip"), 0]
    assert (ahead != mirrored).all()


def test_missing_joints_stay_missing_and_move_nothing_else():
    clip, rng = picture(truth()), np.random.default_rng(0)
    whole = normalised(clip)
    gone = rng.random((60, 17)) < 0.15
    gone[:, place("nose")] = False
    gone[[0, -1]] = False
    gone[20:24, [place("left_hip"), place("right_hip")]] = True
    clip[gone] = (np.nan, np.nan, 0)
    values = normalised(clip)
    np.testing.assert_array_equal(np.isnan(values[:, :, 0]), gone)
    np.testing.assert_array_equal(values[gone][:, 2], 0)
    np.testing.assert_allclose(values[~gone], whole[~gone], atol=0.01)


def test_the_height_is_robust_to_some_wild_frames():
    clip = picture(truth())
    clip[5:15, 0, 1] -= 5000
    assert body_height(clip.reshape(60, -1), pose_channels()) == pytest.approx(300 * HEIGHT)


def test_without_one_ankle_the_other_tells_the_height():
    body = truth()
    clip = picture(body)
    clip[:, place("left_ankle")] = (np.nan, np.nan, 0)
    height = body_height(clip.reshape(60, -1), pose_channels())
    assert height == pytest.approx(300 * np.median(np.linalg.norm(body[:, 0] - body[:, place("right_ankle")], axis=1)))


@pytest.mark.parametrize(
    ("joints", "said"),
    [
        (("left_hip", "right_hip"), "trial0, 'pose': no frame shows a hip"),
        (("nose",), "trial0, 'pose': no frame shows nose and ankle"),
        (("left_ankle", "right_ankle"), "trial0, 'pose': no frame shows nose and ankle"),
    ],
)
def test_a_body_half_out_of_the_picture_is_refused(joints, said):
    clip = picture(truth())
    clip[:, [place(j) for j in joints]] = (np.nan, np.nan, 0)
    with pytest.raises(GaitDataError, match=said):
        normalised(clip)


# -- the face --------------------------------------------------------------------------------------------


def test_eyes_and_ears_are_masked_and_nothing_else():
    clip = picture(truth())
    values = after(MaskFace(), clip)
    face = [place(joint) for joint in FACE_JOINTS]
    assert FACE_JOINTS == ("left_eye", "right_eye", "left_ear", "right_ear")
    np.testing.assert_array_equal(values[:, face], np.broadcast_to([np.nan, np.nan, 0], (60, 4, 3)))
    others = np.delete(np.arange(17), face)
    np.testing.assert_array_equal(values[:, others], clip[:, others].astype(np.float32))


# -- filling ---------------------------------------------------------------------------------------------


def fill(values, **options):
    return after(FillPose(**options), values, unit="body heights")


def test_short_gaps_are_interpolated_and_long_ones_take_the_mean_both_without_confidence():
    pose = np.concatenate([truth(), np.full((60, 17, 1), 0.8)], axis=2).astype(np.float32)
    knee, gone = place("left_knee"), pose.copy()
    gone[10:14, knee] = gone[30:40, knee] = (np.nan, np.nan, 0)
    values = fill(gone, max_gap_s=5 / RATE_HZ)
    line = np.linspace(pose[9, knee, :2], pose[14, knee, :2], 6)[1:-1]
    np.testing.assert_allclose(values[10:14, knee, :2], line, atol=1e-6)
    seen = np.delete(np.arange(60), [*range(10, 14), *range(30, 40)])
    np.testing.assert_allclose(values[30:40, knee, :2], np.tile(pose[seen, knee, :2].mean(axis=0), (10, 1)), atol=1e-6)
    np.testing.assert_array_equal(values[[*range(10, 14), *range(30, 40)], knee, 2], 0)
    np.testing.assert_array_equal(values[seen], pose[seen])
    others = np.delete(np.arange(17), knee)
    np.testing.assert_array_equal(values[:, others], pose[:, others])
    assert fill(gone, max_gap_s=4.9 / RATE_HZ)[10, knee, 0] == pytest.approx(pose[seen, knee, 0].mean(), abs=1e-6)


def test_ends_are_not_carried_on():
    pose = np.concatenate([truth(), np.full((60, 17, 1), 0.8)], axis=2)
    pose[[0, 59], 9] = (np.nan, np.nan, 0)
    values = fill(pose, max_gap_s=1.0)
    np.testing.assert_allclose(values[[0, 59], 9, :2], np.tile(pose[1:59, 9, :2].mean(axis=0), (2, 1)), atol=1e-6)


def test_a_joint_that_was_never_seen_stands_at_the_mid_hip():
    steps = (MaskFace(), NormalisePose(), FillPose())
    made = trials(picture(truth()))
    for step in steps:
        made = step.fit_transform(made)
    values = made.modality("pose").values[0].reshape(60, 17, 3)
    assert np.isfinite(values).all()
    np.testing.assert_array_equal(values[:, 1:5], 0)
    assert [entry.step.split("(")[0] for entry in made.history] == ["MaskFace", "NormalisePose", "FillPose"]
    np.testing.assert_allclose(made.modality("pose").time_s[0], np.arange(60) / RATE_HZ)


def test_a_place_without_confidence_is_no_place():
    pose = np.concatenate([truth(), np.full((60, 17, 1), 0.8)], axis=2)
    pose[20, 9] = (50.0, 50.0, 0)
    pose[25, 9] = (np.nan, np.nan, 0.8)
    values = fill(pose)
    assert np.abs(values[20, 9]).max() < 1
    np.testing.assert_array_equal(values[[20, 25], 9, 2], 0)


# -- contracts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [MaskFace(), NormalisePose(), FillPose(0.1)])
def test_the_contract_of_steps(step):
    rng = np.random.default_rng(0)
    clips = [picture(truth(n)) for n in (30, 40, 50)]
    for clip in clips:
        clip[rng.random(clip.shape[:2]) < 0.05] = (np.nan, np.nan, 0)
    given = trials(*clips)
    if isinstance(step, FillPose):
        given = NormalisePose().fit_transform(given)
    check_step(step, given)


def test_a_trial_without_pose_stays_without():
    both = {"pose": [picture(truth()).reshape(60, -1), None], "emg": [np.ones((9, 1))] * 2}
    made = gaitlib.TrialSet.from_arrays(
        both, subject=["a", "b"], channels={"pose": pose_channels()}, unit={"pose": "px"}, rate_hz={"pose": 25}
    )
    for step in (MaskFace(), NormalisePose(), FillPose()):
        made = step.fit_transform(made)
    assert made.modality("pose").present().tolist() == [True, False]


@pytest.mark.parametrize(
    ("step", "options", "said"),
    [
        (NormalisePose(), {"unit": "body heights"}, "NormalisePose reads a pose in px, 'pose' is in 'body heights'"),
        (
            FillPose(),
            {},
            r"FillPose reads a pose in body heights.* place MaskFace\(\), NormalisePose\(\), FillPose\(\)",
        ),
        (FillPose(), {"unit": "body heights", "rate_hz": None}, "trial0, 'pose': gaps need times"),
        (FillPose(-1), {"unit": "body heights"}, "a longest gap of 0 s or more, not -1"),
        (MaskFace("imu"), {}, "no modality 'imu'"),
    ],
)
def test_what_a_step_cannot_read_is_refused(step, options, said):
    with pytest.raises(GaitDataError, match=said):
        after(step, picture(truth()), **options)


def test_other_channels_are_refused(tiny_trials):
    for step in (MaskFace("skeleton"), NormalisePose("skeleton")):
        with pytest.raises(GaitDataError, match="no joint 'spine_base'|x, y and confidence"):
            step.fit_transform(tiny_trials)
