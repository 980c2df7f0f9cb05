"""What clinicians look at as weights of joints: regions of every layout, controls, and what is refused."""

import numpy as np
import pytest

from gaitlib import GaitDataError
from gaitlib.models.priors import REGIONS, Prior, joints_of, regions_of
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, COCO_JOINTS, KINECT_V2_JOINTS, MEDIAPIPE_JOINTS

COCO = list(COCO_JOINTS)
FACE = [*COCO[1:5], "left_eye_inner", "right_eye_outer", "mouth_left", "mouth_right"]
LAYOUTS = {"coco": COCO, "kinect v2": KINECT_V2_JOINTS, "azure": AZURE_KINECT_JOINTS, "mediapipe": MEDIAPIPE_JOINTS}
CLINICAL = Prior({"pelvis": 1.0, "hip": 1.0, "knee": 0.5, "ankle": 0.5}, "clinical")


def channels_of(joints):
    return [f"{joint}_{axis}" for joint in joints for axis in "xyz"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_region_is_there_and_on_both_sides_in_every_layout(layout):
    joints = list(LAYOUTS[layout])
    for region in REGIONS:
        weights = Prior({region: 2.0}).weights_for(channels_of(joints))
        found = {joint for joint, weight in zip(joints, weights, strict=True) if weight}
        assert found and set(weights) == {0.0, 2.0}
        assert {j for j in found if j.startswith("left_")} == {
            j.replace("right_", "left_") for j in found if j.startswith("right_")
        }


def test_the_own_joints_of_a_region_go_before_what_stands_nearest():
    def of(region, joints):
        weights = Prior({region: 1.0}).weights_for(channels_of(joints))
        return [joint for joint, weight in zip(joints, weights, strict=True) if weight]

    assert of("pelvis", KINECT_V2_JOINTS) == ["spine_base"]
    assert of("pelvis", COCO) == of("lumbar", COCO) == ["left_hip", "right_hip"]
    assert of("foot", COCO) == ["left_ankle", "right_ankle"]
    assert of("foot", KINECT_V2_JOINTS) == ["left_foot", "right_foot"]


def test_a_joint_in_two_regions_has_the_higher_weight_and_a_named_one_its_own():
    given = {"pelvis": 0.2, "hip": 0.7, "left_hip": 0.1}
    weights = dict(zip(COCO, Prior(given).weights_for(channels_of(COCO)), strict=True))
    assert (weights["left_hip"], weights["right_hip"]) == (0.1, 0.7)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_controls_weigh_as_much_keep_both_sides_alike_and_differ(layout):
    joints = list(LAYOUTS[layout])
    controls = CLINICAL.controls(channels_of(joints), n_shuffles=20)
    prior = np.array(controls.pop("clinical"))
    assert controls.pop("off") is None
    assert [name for name in controls if "shuffle" not in name] == ["uniform", "wrong region"]
    assert len(controls) == 22
    assert len({tuple(np.round(w, 9)) for w in (*controls.values(), tuple(prior))}) == 23
    for name, weights in controls.items():
        assert sum(weights) == pytest.approx(prior.sum()), name
        by_joint = dict(zip(joints, weights, strict=True))
        assert all(w == by_joint[j.replace("left_", "right_")] for j, w in by_joint.items() if j.startswith("left_"))
        assert all(by_joint.get(joint, 0) == 0 for joint in FACE), name
    assert not (np.array(controls["wrong region"]) * prior).any()
    assert controls == {k: v for k, v in CLINICAL.controls(channels_of(joints), 20).items() if k in controls}


def test_where_few_shuffles_exist_they_are_told_once():
    controls = Prior({"hip": 1.0}).controls(channels_of(["nose", "left_hip", "right_hip", "left_knee", "right_knee"]))
    assert [name for name in controls if "shuffle" in name] == ["shuffle 1", "shuffle 2"]


def test_a_prior_of_all_joints_has_no_wrong_region():
    everywhere = Prior({"nose": 1.0, "hip": 2.0}).controls(channels_of(["nose", "left_hip", "right_hip"]))
    assert "wrong region" not in everywhere


BAD = {
    "a number": (3, "a weight a region or joint"),
    "nothing": ({}, "a weight a region or joint"),
    "by class": ({"normal": {"hip": 1}, "limp": {"knee": 1}}, "the same for every class and person"),
    "by person": ({"hip": [1.0, 0.5]}, "the same for every class and person"),
    "a word": ({"hip": "much"}, "not a number from 0 up"),
    "true": ({"hip": True}, "not a number from 0 up"),
    "negative": ({"hip": -1.0}, "not a number from 0 up"),
    "no number": ({"hip": float("nan")}, "not a number from 0 up"),
    "nowhere": ({"hip": 0.0}, "weighs nothing"),
}


@pytest.mark.parametrize(("weights", "reason"), BAD.values(), ids=BAD)
def test_what_is_no_prior_is_refused(weights, reason, tmp_path):
    with pytest.raises(GaitDataError, match=reason):
        Prior(weights)


def test_regions_and_channels_that_are_not_there_are_named():
    with pytest.raises(GaitDataError, match=r"'hipp' is no region \(head, .*none of the joints nose, left_knee"):
        Prior({"hipp": 1}).weights_for(channels_of(["nose", "left_knee"]))
    with pytest.raises(GaitDataError, match="no joint of the region 'hip'"):
        Prior({"hip": 1}).weights_for(channels_of(["nose", "left_knee"]))
    for channels in (["a_x", "a_y"], ["a_x", "a_y", "b_x"], ["x", "y", "z"]):
        with pytest.raises(GaitDataError, match="three channels a joint"):
            joints_of(channels)


def test_a_file_gives_its_name_and_says_what_is_wrong_with_it(tmp_path):
    file = tmp_path / "gait_clinic.yaml"
    file.write_text("pelvis: 1.0\nknee: 0.5\n")
    assert Prior.read(file) == Prior({"pelvis": 1.0, "knee": 0.5}, "gait_clinic")
    for text in ("pelvis: much", "- pelvis", "pelvis: [", "pelvis: {normal: 1}"):
        file.write_text(text)
        with pytest.raises(GaitDataError, match="gait_clinic.yaml"):
            Prior.read(file)
    with pytest.raises(GaitDataError, match="nowhere.yaml"):
        Prior.read(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_joint_is_in_one_region_the_one_that_a_prior_means(layout):
    joints = list(LAYOUTS[layout])
    *regions, (last, _) = (found := regions_of(joints)).items()
    assert sorted(joint for own in found.values() for joint in own) == sorted(joints) and last == "elsewhere"
    assert [name for names, _ in regions for name in names.split(", ")] == list(REGIONS)
    for names, own in regions:
        for name in names.split(", "):
            weights = Prior({name: 1.0}).weights_for(channels_of(joints))
            meant = {joint for joint, weight in zip(joints, weights, strict=True) if weight}
            assert meant == ({name} if name in joints else set(own)) and meant <= set(own)  # a joint has its own weight
