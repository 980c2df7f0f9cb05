"""Steps for 3D skeletons, checked against known motions and figures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from scipy.spatial.transform import Rotation
from sklearn.pipeline import make_pipeline

import gaitlib
from gaitlib import Mirror
from gaitlib.preprocessing import (
    AddJointAngles,
    AddPelvisMotion,
    AddVelocity,
    AlignHeading,
    BoneDirections,
    CentrePelvis,
    ScaleStature,
    SelectJoints,
)
from gaitlib.preprocessing.skeleton import ANGLES, PELVIS_MOTION, body_length_m, included_angle_deg, position_columns
from gaitlib.trials.conventions import skeleton_channels
from gaitlib.trials.modality import object_array

EVERY_STEP = [
    SelectJoints(["left_knee", "head"]),
    AlignHeading(),
    CentrePelvis(),
    ScaleStature(),
    AddVelocity(),
    AddJointAngles(),
    AddPelvisMotion(),
    BoneDirections(),
]
LEG_AND_TRUNK = (
    "spine_base",
    "spine_shoulder",
    *(f"{s}_{j}" for s in ("left", "right") for j in ("hip", "knee", "ankle")),
)
WALKS = planted_trials(n_subjects=1, n_walks=1, seed=0)


def skeleton(arrays, joints=("spine_base",), unit="m", **options):
    channels = skeleton_channels(joints)
    subject = ["a"] * len(arrays)
    return gaitlib.TrialSet.from_arrays({"skeleton": arrays}, channels=channels, unit=unit, subject=subject, **options)


def standing(n_frames=3, left_thigh=0.40, right_thigh=0.44):
    """A figure with a trunk of 0.5 m, the given thighs and shanks of 0.4 m."""
    points = {"spine_base": (0, 0, 1), "spine_shoulder": (0, 0, 1.5)}
    for side, x, thigh in (("left", -0.1, left_thigh), ("right", 0.1, right_thigh)):
        points[f"{side}_hip"] = (x, 0, 1)
        points[f"{side}_knee"] = (x, thigh, 1)
        points[f"{side}_ankle"] = (x, thigh, 0.6)
    return np.tile(np.concatenate([points[j] for j in LEG_AND_TRUNK]).astype(np.float32), (n_frames, 1))


def values(trials, i=0):
    return trials.modality("skeleton").values[i]


def changed(trials, function):
    m = trials.modality("skeleton")
    return trials.with_modality("skeleton", m.map(function))


def turned(trials, angle):
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return changed(trials, lambda v: (v.reshape(len(v), -1, 3) @ turn.T).reshape(v.shape))


# -- every step ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
def test_the_input_is_not_changed(step):
    before = WALKS.digest()
    step.fit_transform(WALKS)
    assert WALKS.digest() == before


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
def test_frame_numbers_times_and_table_survive(step):
    late = WALKS.with_modality("skeleton", WALKS.modality("skeleton").select_frames([slice(5, None)] * len(WALKS)))
    after = step.fit_transform(late)
    assert after.table.equals(late.table)
    for i in range(len(late)):
        np.testing.assert_array_equal(after.modality("skeleton").frames[i], late.modality("skeleton").frames[i])
        np.testing.assert_array_equal(after.modality("skeleton").time_s[i], late.modality("skeleton").time_s[i])


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
def test_values_stay_float32_with_one_name_a_column(step):
    m = step.fit_transform(WALKS).modality("skeleton")
    assert all(v.dtype == np.float32 and v.shape[1] == len(m.channels) for v in m.values)
    assert len(set(m.channels)) == len(m.channels)


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
def test_a_trial_without_skeleton_passes(step):
    full, m = WALKS[:2], WALKS[:2].modality("skeleton")
    m = m.take(np.arange(2))
    for column in (m.values, m.frames, m.time_s):
        column[0] = None
    after = step.fit_transform(full.with_modality("skeleton", m))
    assert values(after, 0) is None
    np.testing.assert_array_equal(values(after, 1), values(step.fit_transform(full), 1))


@pytest.mark.parametrize("step", EVERY_STEP, ids=repr)
def test_an_image_is_no_skeleton(step):
    image = gaitlib.TrialSet.from_arrays({"skeleton": [np.ones((4, 3))]}, subject=["a"], kind="image")
    with pytest.raises(gaitlib.GaitDataError, match="needs a sequence"):
        step.fit_transform(image)


@pytest.mark.parametrize("step", [AlignHeading(), CentrePelvis(), ScaleStature(), AddVelocity()], ids=repr)
def test_position_channels_keep_their_names(step):
    after = step.fit_transform(WALKS).modality("skeleton").channels
    assert after[:75] == WALKS.modality("skeleton").channels


# -- SelectJoints ----------------------------------------------------------------------------------------


def test_selected_joints_come_in_the_order_asked_for():
    after = SelectJoints(["right_knee", "head"]).fit_transform(WALKS).modality("skeleton")
    before = WALKS.modality("skeleton")
    assert after.channels == skeleton_channels(["right_knee", "head"])
    expected = values(WALKS)[:, [before.channels.index(c) for c in after.channels]]
    np.testing.assert_array_equal(after.values[0], expected)


def test_an_unknown_joint_is_refused_with_the_known_ones():
    with pytest.raises(gaitlib.GaitDataError, match="'tail'.*spine_base"):
        SelectJoints(["tail"]).fit_transform(WALKS)


def test_selecting_no_joint_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="at least one joint"):
        SelectJoints([]).fit_transform(WALKS)


# -- AddVelocity -----------------------------------------------------------------------------------------


@given(
    steps=st.lists(st.integers(1, 8), min_size=2, max_size=20),
    coefficients=st.lists(st.tuples(*[st.integers(-4, 4)] * 3), min_size=3, max_size=3),
)
def test_velocity_of_a_quadratic_motion_on_uneven_times_is_exact(steps, coefficients):
    time_s = np.concatenate([[0], np.cumsum(steps)]) / 16
    a, b, c = np.array(coefficients, dtype=float).T
    t = time_s[:, None]
    after = AddVelocity().fit_transform(skeleton([a + b * t + c * t**2], time_s=[time_s])).modality("skeleton")
    assert after.channels[3:] == ("spine_base_x_mps", "spine_base_y_mps", "spine_base_z_mps")
    np.testing.assert_allclose(after.values[0][:, 3:], b + 2 * c * t, atol=1e-4)


def test_each_trial_has_the_velocity_of_its_own_times():
    ramp = np.arange(5.0)[:, None] * np.ones(3)
    trials = skeleton([ramp, ramp], time_s=[np.arange(5), np.arange(5) / 2])
    after = AddVelocity().fit_transform(trials).modality("skeleton")
    np.testing.assert_allclose(after.values[0][:, 3:], 1)
    np.testing.assert_allclose(after.values[1][:, 3:], 2)


def test_positions_stay_beside_their_velocities():
    after = AddVelocity().fit_transform(WALKS)
    np.testing.assert_array_equal(values(after)[:, :75], values(WALKS))


def test_velocities_of_other_units_are_not_called_metres_per_second():
    after = AddVelocity().fit_transform(ScaleStature().fit_transform(WALKS)).modality("skeleton")
    assert after.channels[75] == "spine_base_x_per_s"


def test_derived_channels_get_no_velocity():
    after = AddVelocity().fit_transform(AddJointAngles().fit_transform(WALKS)).modality("skeleton")
    assert after.channels == (
        *WALKS.modality("skeleton").channels,
        *ANGLES,
        *(f"{c}_mps" for c in WALKS.modality("skeleton").channels),
    )


def test_velocity_without_times_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*need times"):
        AddVelocity().fit_transform(skeleton([np.ones((5, 3))]))


@pytest.mark.parametrize("time_s", [[0, 1], [0, 1, 1, 2], [0, 2, 1, 3], [0, np.nan, 1, 2]])
def test_velocity_with_few_or_standing_times_is_refused(time_s):
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*3 frames with advancing times"):
        still = skeleton([np.ones((len(time_s), 3))])
        timed = replace(still.modality("skeleton"), time_s=object_array([np.array(time_s, float)]))
        AddVelocity().fit_transform(still.with_modality("skeleton", timed))


# -- CentrePelvis ----------------------------------------------------------------------------------------


def test_centring_subtracts_the_pelvis_of_each_frame():
    before = values(WALKS).reshape(-1, 25, 3)
    after = values(CentrePelvis().fit_transform(WALKS)).reshape(-1, 25, 3)
    np.testing.assert_array_equal(after, before - before[:, :1])


def test_centring_takes_the_other_name_of_the_pelvis():
    trials = skeleton([np.arange(12.0).reshape(2, 6)], joints=("head", "pelvis"))
    np.testing.assert_array_equal(values(CentrePelvis().fit_transform(trials)), [[-3, -3, -3, 0, 0, 0]] * 2)


def test_centring_leaves_velocities_and_angles_alone():
    before = AddJointAngles().fit_transform(AddVelocity().fit_transform(WALKS))
    after = CentrePelvis().fit_transform(before)
    np.testing.assert_array_equal(values(after)[:, 75:], values(before)[:, 75:])


def test_centring_without_a_pelvis_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="pelvis, spine_base"):
        CentrePelvis().fit_transform(skeleton([np.ones((2, 3))], joints=("head",)))


# -- ScaleStature ----------------------------------------------------------------------------------------


def test_body_length_is_trunk_and_averaged_leg():
    trials = skeleton([standing()], joints=LEG_AND_TRUNK)
    np.testing.assert_allclose(body_length_m(trials.modality("skeleton")), [0.5 + 0.42 + 0.40], rtol=1e-5)


def test_body_length_is_not_moved_by_one_wild_frame():
    wild = standing(5)
    wild[2] *= 7
    trials = skeleton([standing(5), wild], joints=LEG_AND_TRUNK)
    usual, moved = body_length_m(trials.modality("skeleton"))
    assert usual == moved


@given(k=st.floats(0.2, 5))
def test_a_body_k_times_as_large_looks_the_same(k):
    small, large = ScaleStature().fit_transform(WALKS), ScaleStature().fit_transform(changed(WALKS, lambda v: k * v))
    for i in range(len(WALKS)):
        np.testing.assert_allclose(values(large, i), values(small, i), atol=1e-4)


def test_scaled_bodies_have_length_one_and_say_so():
    m = ScaleStature().fit_transform(WALKS).modality("skeleton")
    np.testing.assert_allclose(body_length_m(m), 1, rtol=1e-5)
    assert m.unit == "body lengths"


def test_scaling_leaves_velocities_and_angles_alone():
    before = AddJointAngles().fit_transform(AddVelocity().fit_transform(WALKS))
    after = ScaleStature().fit_transform(before)
    np.testing.assert_array_equal(values(after)[:, 75:], values(before)[:, 75:])
    assert not np.allclose(values(after)[:, :75], values(before)[:, :75])


@pytest.mark.parametrize("bad", [0.0, np.nan])
def test_a_body_without_length_is_refused(bad):
    trials = skeleton([standing(), standing() * bad], joints=LEG_AND_TRUNK)
    with pytest.raises(gaitlib.GaitDataError, match="trial1.*body length"):
        ScaleStature().fit_transform(trials)


# -- AlignHeading ----------------------------------------------------------------------------------------


@given(angle=st.floats(-np.pi, np.pi))
def test_any_turn_about_the_vertical_is_undone(angle):
    straight, again = AlignHeading().fit_transform(WALKS), AlignHeading().fit_transform(turned(WALKS, angle))
    for i in range(len(WALKS)):
        np.testing.assert_allclose(values(again, i), values(straight, i), atol=1e-4)


def test_an_aligned_pelvis_walks_forward():
    aligned = AlignHeading().fit_transform(turned(WALKS, 2.0))
    for v in aligned.modality("skeleton").values:
        tenth = len(v) // 10
        dx, dy, _ = v[-tenth:, :3].mean(axis=0) - v[:tenth, :3].mean(axis=0)
        assert abs(dx) < 1e-4
        assert dy > 1


def test_aligning_keeps_heights_and_distances():
    before, after = (values(t).reshape(-1, 25, 3) for t in (WALKS, AlignHeading().fit_transform(turned(WALKS, 1.0))))
    np.testing.assert_array_equal(after[..., 2], before[..., 2])
    np.testing.assert_allclose(
        np.linalg.norm(after - after[:, :1], axis=2), np.linalg.norm(before - before[:, :1], axis=2), atol=1e-4
    )


def test_aligning_goes_by_names_not_by_the_order_of_channels():
    names = WALKS.modality("skeleton").channels
    order = sorted(range(75), key=lambda c: names[c][-1])  # all x, then all y, then all z
    shuffled = changed(turned(WALKS, 1.0), lambda v: v[:, order])
    m = shuffled.modality("skeleton").map(lambda v: v, [names[c] for c in order])
    after = AlignHeading().fit_transform(shuffled.with_modality("skeleton", m))
    expected = values(AlignHeading().fit_transform(turned(WALKS, 1.0)))[:, order]
    np.testing.assert_allclose(values(after), expected, atol=1e-5)


def test_a_still_pelvis_has_no_heading():
    with pytest.raises(gaitlib.GaitDataError, match="s01/normal/01.*does not move"):
        AlignHeading().fit_transform(CentrePelvis().fit_transform(WALKS))


def test_aligning_after_added_channels_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="before the steps that add channels"):
        AlignHeading().fit_transform(AddVelocity().fit_transform(WALKS))


# -- AddJointAngles --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "c", "degrees"),
    [((1, 0, 0), (0, 2, 0), 90), ((1, 0, 0), (1, 0, 1), 45), ((3, 0, 0), (-1, 0, 0), 180), ((1, 1, 0), (2, 2, 0), 0)],
)
def test_angle_of_a_known_triangle(a, c, degrees):
    b = np.array([[5.0, -2.0, 1.0]])
    np.testing.assert_allclose(included_angle_deg(b + a, b, b + c), degrees, atol=1e-6)


@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.1, 10),
    shift=st.tuples(*[st.floats(-10, 10)] * 3),
)
def test_angles_do_not_depend_on_turn_scale_and_place(seed, scale, shift):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, 6, 3))
    turn = Rotation.random(rng=rng)
    moved = [scale * turn.apply(p) + shift for p in (a, b, c)]
    np.testing.assert_allclose(included_angle_deg(*moved), included_angle_deg(a, b, c), atol=1e-4)


@pytest.mark.parametrize("empty", ["first", "second"])
def test_a_segment_without_length_has_no_angle(empty):
    b, far = np.zeros((2, 3)), np.ones((2, 3))
    near = np.array([[0.0, 0, 0], [0, 0, 1]])
    angle = included_angle_deg(near, b, far) if empty == "first" else included_angle_deg(far, b, near)
    assert np.isnan(angle).tolist() == [True, False]


def test_added_angles_are_those_of_the_named_joints():
    figure = np.concatenate([standing(), np.tile(np.float32([-0.1, 0.5, 0.6, 0.1, 0.5, 0.6]), (3, 1))], axis=1)
    arm = np.tile(np.float32([-0.1, 0, 1.5, -0.4, 0, 1.5, 0.1, 0, 1.5, 0.1, 0, 1.8]), (3, 1))
    joints = (*LEG_AND_TRUNK, "left_foot", "right_foot")
    joints += ("left_shoulder", "left_elbow", "right_shoulder", "right_elbow")
    trials = skeleton([np.concatenate([figure, arm], axis=1)], joints=joints)
    m = AddJointAngles().fit_transform(trials).modality("skeleton")
    angle = dict(zip(m.channels, m.values[0][0], strict=True))
    assert m.channels[-len(ANGLES) :] == tuple(ANGLES)
    assert angle["left_knee_deg"] == angle["right_knee_deg"] == pytest.approx(90, abs=1e-3)
    assert angle["left_ankle_deg"] == angle["right_ankle_deg"] == pytest.approx(90, abs=1e-3)
    assert angle["left_hip_deg"] == angle["right_hip_deg"] == pytest.approx(90, abs=1e-3)
    assert angle["left_shoulder_deg"] == pytest.approx(90, abs=1e-3)  # arm to the side
    assert angle["right_shoulder_deg"] == pytest.approx(180, abs=0.1)  # arm overhead


def test_angles_do_not_depend_on_the_steps_before():
    plain = AddJointAngles().fit_transform(WALKS)
    for step in (CentrePelvis(), ScaleStature(), AlignHeading()):
        after = AddJointAngles().fit_transform(step.fit_transform(WALKS))
        np.testing.assert_allclose(values(after)[:, 75:], values(plain)[:, 75:], atol=0.02)


def test_position_columns_are_told_by_name():
    assert position_columns(["a_x", "a_x_mps", "left_knee_deg", "a_z", "x"]) == [0, 3]


# -- which way is up -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "sign", "up"),
    [
        ((0, 2, 1), (1, 1, 1), "y"),
        ((2, 1, 0), (1, 1, 1), "x"),
        ((0, 2, 1), (1, -1, 1), "-y"),
        ((0, 1, 2), (1, 1, -1), "-z"),
    ],
)
def test_a_skeleton_that_stands_along_another_axis_is_refused(order, sign, up):
    trials = planted_trials(2, 1)
    m = trials.modality("skeleton")
    turned = m.map(lambda v: (v.reshape(len(v), -1, 3)[..., list(order)] * np.array(sign)).reshape(v.shape))
    other = trials.with_modality("skeleton", turned)
    with pytest.raises(gaitlib.GaitDataError, match=f"the chest stands above the pelvis along {up}; z must point up"):
        gaitlib.recipes.steps_for(other)
    with pytest.raises(gaitlib.GaitDataError, match="z must point up"):
        gaitlib.preprocessing.gait_events(other)
    gaitlib.recipes.steps_for(trials)


def test_pelvis_motion_is_that_of_the_room_and_survives_centring():
    time_s = np.arange(60) / 30
    joint = np.column_stack([0.1 * time_s + 0.02 * np.sin(9 * time_s), 1.2 * time_s, 1 + 0.01 * np.cos(9 * time_s)])
    trials = skeleton([joint.astype(np.float32)], rate_hz=30)
    told = values(CentrePelvis().fit_transform(AddPelvisMotion().fit_transform(trials)))[:, 3:]
    straight = np.polynomial.Polynomial.fit(time_s, joint[:, 0], 1)(time_s)
    assert np.allclose(told[:, 0], joint[:, 2] - np.median(joint[:, 2]), atol=1e-6)
    assert np.allclose(told[:, 1], joint[:, 0] - straight, atol=1e-6)
    assert np.allclose(told[:, 2], 1.2, atol=1e-4)


def test_motion_directions_and_angles_of_a_mirrored_walk_are_those_of_the_walk_mirrored():
    """Also where the steps came before the mirror: sway changes sides."""
    steps = make_pipeline(ScaleStature(), AddPelvisMotion(), CentrePelvis(), AddJointAngles(), BoneDirections())
    before, after = steps.fit_transform(Mirror()(WALKS)), Mirror()(steps.fit_transform(WALKS))
    for i in range(len(WALKS)):
        np.testing.assert_allclose(values(before, i), values(after, i), atol=1e-3)
    assert np.ptp(values(before)[:, after.modality("skeleton").channels.index("pelvis_sway")]) > 0.01


def test_the_motion_of_a_centred_pelvis_is_refused_and_so_is_a_second_one():
    with pytest.raises(gaitlib.GaitDataError, match="before CentrePelvis"):
        AddPelvisMotion().fit_transform(CentrePelvis().fit_transform(WALKS))
    with pytest.raises(gaitlib.GaitDataError, match="once"):
        AddPelvisMotion().fit_transform(AddPelvisMotion().fit_transform(WALKS))


def test_bone_directions_do_not_know_the_length_of_a_limb():
    figures = [standing(left_thigh=0.30), standing(left_thigh=0.55)]
    short, tall = (BoneDirections().fit_transform(skeleton([f], LEG_AND_TRUNK)) for f in figures)
    assert np.array_equal(values(short), values(tall))
    m = short.modality("skeleton")
    thigh = [m.channels.index(f"left_knee_{axis}") for axis in "xyz"]
    assert values(short)[0, thigh].tolist() == [0, 1, 0]
    assert np.allclose(np.linalg.norm(values(short).reshape(3, -1, 3), axis=2), 1)


def test_a_bone_without_a_length_has_no_direction_and_derived_channels_stay():
    figure = standing()
    figure[:, -3:] = figure[:, -6:-3]  # the right ankle in the right knee
    rising = AddPelvisMotion().fit_transform(skeleton([figure], LEG_AND_TRUNK, rate_hz=30))
    told = BoneDirections().fit_transform(rising)
    channels = told.modality("skeleton").channels
    assert channels[-3:] == PELVIS_MOTION
    assert not values(told)[:, channels.index("right_ankle_x") : channels.index("right_ankle_z") + 1].any()


def test_joints_without_a_bone_between_them_are_refused():
    trials = skeleton([np.ones((3, 6))], ("head", "left_foot"))
    with pytest.raises(gaitlib.GaitDataError, match="no two joints with a bone"):
        BoneDirections().fit_transform(trials)
