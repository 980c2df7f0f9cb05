import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.skeleton import ANGLES, AddJointAngles, AddVelocity
from gaitlib.trials.conventions import (
    AZURE_KINECT_JOINTS,
    BONES,
    CHEST_NAMES,
    GAIT_ALIASES,
    GAITS,
    KINECT_V2_JOINTS,
    PELVIS_NAMES,
    first_joint,
    gait_name,
    joint_columns,
    mirror_map,
    skeleton_channels,
)

CHANNELS = skeleton_channels(KINECT_V2_JOINTS)
ALL_CHANNELS = (*CHANNELS, *(f"{c}_mps" for c in CHANNELS), *(f"{c}_per_s" for c in CHANNELS), *ANGLES)


@given(st.permutations(ALL_CHANNELS), st.integers(0, 2**32 - 1))
def test_mirroring_twice_changes_nothing(channels, seed):
    values = np.random.default_rng(seed).normal(size=(3, len(channels))).astype(np.float32)
    order, sign = mirror_map(channels)
    once = values[:, order] * sign
    assert not np.array_equal(once, values)
    assert np.array_equal(once[:, order] * sign, values)


def test_mirror_swaps_sides_and_turns_lateral_channels_only():
    order, sign = mirror_map(ALL_CHANNELS)
    for i, name in enumerate(ALL_CHANNELS):
        partner = name.replace("left", "*").replace("right", "left").replace("*", "right")
        assert ALL_CHANNELS[order[i]] == partner
        assert sign[i] == (-1 if "x" in name.split("_") else 1), name


def test_channels_that_the_steps_add_can_be_mirrored(tiny_trials):
    trials = AddJointAngles().fit_transform(AddVelocity().fit_transform(tiny_trials[:1]))
    channels = trials.modality("skeleton").channels
    assert len(channels) == 75 + 75 + 8
    _, sign = mirror_map(channels)
    assert (sign < 0).sum() == 25 + 25


def test_mirror_of_a_one_sided_skeleton_names_the_missing_partner():
    with pytest.raises(GaitDataError, match="'left_knee_x' has no partner 'right_knee_x'"):
        mirror_map(["head_x", "left_knee_x"])


@pytest.mark.parametrize("gait", GAITS)
def test_standard_gait_names_stay(gait):
    assert gait_name(gait) == gait


@pytest.mark.parametrize(
    ("text", "gait"),
    [
        *GAIT_ALIASES.items(),
        ("Stiff-Legged", "stiff_legged"),
        ("stiff legged", "stiff_legged"),
        ("StiffLegged", "stiff_legged"),
        (" NORMAL ", "normal"),
        ("Lurch", "lurching"),
    ],
)
def test_gait_aliases(text, gait):
    assert gait_name(text) == gait


@pytest.mark.parametrize("text", ["moonwalk", "", "normal1", "ant algic"])
def test_unknown_gait_lists_the_known_ones(text):
    with pytest.raises(GaitDataError) as error:
        gait_name(text)
    assert f"'{text}'" in str(error.value)
    assert all(gait in str(error.value) for gait in GAITS)


def test_joint_columns_are_the_x_y_z_of_the_joint():
    for joint in KINECT_V2_JOINTS:
        assert [CHANNELS[c] for c in joint_columns(CHANNELS, joint)] == [f"{joint}_{axis}" for axis in "xyz"]


def test_unknown_joint_lists_the_joints_that_there_are():
    with pytest.raises(GaitDataError, match="no joint 'tail'; it has spine_base, .*right_thumb"):
        joint_columns(CHANNELS, "tail")
    with pytest.raises(GaitDataError, match="no joint 'head'"):
        joint_columns(["head_x", "head_y"], "head")


def test_first_joint_takes_the_first_name_present():
    assert first_joint(CHANNELS, PELVIS_NAMES) == "spine_base"
    assert first_joint(CHANNELS, CHEST_NAMES) == "spine_shoulder"
    assert first_joint(["b_x", "a_x"], ("a", "b")) == "a"
    with pytest.raises(GaitDataError, match="none of the joints tail, fin"):
        first_joint(CHANNELS, ("tail", "fin"))


def test_bones_join_joints_of_the_skeleton_and_come_in_pairs():
    for joints in (KINECT_V2_JOINTS, AZURE_KINECT_JOINTS):
        of_this = [bone for bone in BONES if set(bone) <= set(joints)]
        reached = {of_this[0][0]}
        for _ in of_this:
            reached |= {joint for bone in of_this if reached & set(bone) for joint in bone}
        assert reached == {joint for bone in of_this for joint in bone}  # no loose parts
        assert len(of_this) == len(reached) - 1 >= 18  # and no ring
    left = [(a, b) for a, b in BONES if b.startswith("left")]
    right = {(a.replace("right", "left"), b.replace("right", "left")) for a, b in BONES if b.startswith("right")}
    assert set(left) == right
