"""Clips of pose: what each detector writes is read back digit by digit, and what is wrong is named."""

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib import GaitDataError, load_pose, load_trials
from gaitlib.datasets.tools.pose_files import find_clips
from gaitlib.datasets.tools.pose_people import walker
from gaitlib.trials.conventions import (
    BODY_25_JOINTS,
    COCO_18_JOINTS,
    COCO_JOINTS,
    HALPE_JOINTS,
    MEDIAPIPE_JOINTS,
    pose_channels,
)

pytestmark = pytest.mark.filterwarnings("error")

N = 12
ODD = [b"null", b"NaN", b"1e999", b"-1", b"{}", b"[]", b"[[", b"true", b'"a"', b"9" * 30, b",", b"\n"]
BODY = np.random.default_rng(0).uniform(100, 300, (17, 2))


def person(n=N, step=10.0, shift=(0.0, 0.0), seed=0):
    """A body that moves to the right, (frames, 17, 3), rounded as a file would have it."""
    rng = np.random.default_rng(seed)
    xy = BODY + rng.normal(size=(n, 17, 2)) + np.arange(n)[:, None, None] * [step, 0] + shift
    return np.concatenate([xy, rng.uniform(0.2, 1, (n, 17, 1))], axis=2).round(3)


def spread(pose, joints, n=None):
    """Joints of COCO among those of another detector, whose other joints are at odd places."""
    wide = np.full((len(pose), n or len(joints), 3), 7.5)
    for k, joint in enumerate(COCO_JOINTS):
        wide[:, joints.index(joint)] = pose[:, k]
    return wide


def write(folder, clips, rows=None, **columns):
    """Clips by name: what is JSON, the text of a .csv, or a folder of JSON by file name; and their table."""
    for name, content in clips.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    names = sorted(find_clips(clips)) if rows is None else rows
    people = [f"p{i}" for i in range(len(names))]
    table = pd.DataFrame({"clip": names, "subject": people, "label": ["a"] * len(names)} | columns)
    table.to_csv(folder / "clips.csv", index=False)
    return folder


def coco(pose):
    return [{"keypoints": frame.ravel().tolist()} for frame in pose]


def results(*people, first=0, joints=COCO_JOINTS, n=None, text="{}"):
    """Detections of several people with their frames; text makes an image_id a name of a file."""
    wide = [spread(pose, joints, n) for pose in people]
    number = int if text == "{}" else text.format
    return [
        {"image_id": number(first + i), "category_id": 1, "keypoints": pose[i].ravel().tolist(), "score": 2.5}
        for i in range(max(map(len, wide)))
        for pose in wide
        if i < len(pose)
    ]


def openpose(clip, *people, first=0, joints=BODY_25_JOINTS):
    return {
        f"{clip}/video_{first + i:012d}_keypoints.json": {
            "version": 1.3,
            "people": [{"person_id": [-1], "pose_keypoints_2d": spread(p, joints)[i].ravel().tolist()} for p in people],
        }
        for i in range(max(map(len, people)))
    }


def landmarks(pose, size=(1, 1)):
    wide = spread(pose, MEDIAPIPE_JOINTS) / (*size, 1)
    return [
        [{"x": x, "y": y, "z": 0.1, "visibility": v, "presence": 0.9} for x, y, v in frame] for frame in wide.tolist()
    ]


def mediapipe_csv(pose, named=True, extra=""):
    wide = spread(pose, MEDIAPIPE_JOINTS)
    names = MEDIAPIPE_JOINTS if named else range(33)
    lines = [
        ",".join([extra] * bool(extra) + [f"{name}_{part}" for name in names for part in ("x", "y", "z", "visibility")])
    ]
    for i, frame in enumerate(wide):
        cells = [str(i / 25)] * bool(extra)
        lines.append(",".join(cells + [f"{c:.12g}" for x, y, v in frame for c in (x, y, 0.1, v)]))
    return "\n".join(lines) + "\n"


def only(folder, **options):
    m = load_pose(folder, **({"rate_hz": 25} | options)).modality("pose")
    return m.values[0].reshape(-1, 17, 3), m.frames[0], m.time_s[0]


LAYOUTS = {
    "COCO, a frame an entry": lambda p: {"c.json": coco(p)},
    "COCO results": lambda p: {"c.json": results(p)},
    "COCO annotations": lambda p: {"c.json": {"images": [], "annotations": results(p)}},
    "AlphaPose": lambda p: {"c/alphapose-results.json": results(p, text="{}.jpg")},
    "AlphaPose, Halpe-26": lambda p: {"c.json": results(p, joints=HALPE_JOINTS, text="walk2_{:05d}.png")},
    "AlphaPose, Halpe-136": lambda p: {"c.json": results(p, joints=HALPE_JOINTS, n=136, text="{}.jpg")},
    "OpenPose, BODY_25": lambda p: openpose("c", p),
    "OpenPose, COCO-18": lambda p: openpose("c", p, joints=COCO_18_JOINTS),
    "MediaPipe": lambda p: {"c.json": landmarks(p)},
    "MediaPipe, lists": lambda p: {"c.json": [[[x["x"], x["y"], x["visibility"]] for x in f] for f in landmarks(p)]},
    "MediaPipe, frames": lambda p: {"c.json": {"frames": [{"landmarks": f} for f in landmarks(p)]}},
    "MediaPipe, people": lambda p: {"c.json": [{"pose_landmarks": [f]} for f in landmarks(p)]},
    "MediaPipe, .csv": lambda p: {"c.csv": mediapipe_csv(p)},
    "MediaPipe, numbered .csv": lambda p: {"c.csv": mediapipe_csv(p, named=False)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_joints_of_coco_digit_by_digit(layout, tmp_path):
    pose = person()
    values, frames, time_s = only(write(tmp_path, LAYOUTS[layout](pose)))
    np.testing.assert_array_equal(values, pose.astype(np.float32))
    assert frames.tolist() == list(range(N))
    np.testing.assert_allclose(time_s, np.arange(N) / 25)


def test_the_joints_of_each_detector_are_where_its_documentation_says():
    assert (COCO_JOINTS[5], COCO_JOINTS[16]) == ("left_shoulder", "right_ankle")
    assert [MEDIAPIPE_JOINTS.index(j) for j in ("nose", "left_ear", "right_wrist", "left_hip", "right_ankle")] == [
        0, 7, 16, 23, 28,
    ]  # fmt: skip
    some = ("right_shoulder", "left_wrist", "right_ankle", "left_ankle", "left_ear")
    assert [BODY_25_JOINTS.index(j) for j in some] == [2, 7, 11, 14, 18]
    assert [COCO_18_JOINTS.index(j) for j in ("right_hip", "left_ankle", "left_eye")] == [8, 13, 15]
    assert [len(j) for j in (COCO_JOINTS, HALPE_JOINTS, COCO_18_JOINTS, BODY_25_JOINTS, MEDIAPIPE_JOINTS)] == [
        17, 26, 18, 25, 33,
    ]  # fmt: skip


def test_a_table_of_clips_becomes_that_of_the_trials(tmp_path):
    clips = {f"{name}.json": coco(person()) for name in ("one", "two", "three")}
    folder = write(
        tmp_path, clips, ["one.json", "two", "three.mp4"], subject=["7", "7", "8"], label=["ASD", "ASD", ""],
        walk=["1", "1", ""], view=["side", "front", "side"], rate_hz=[30, 30, 60], age=[70, 70, ""],
    )  # fmt: skip
    trials = load_trials(folder)
    assert trials.ids.tolist() == ["one.json", "two", "three.mp4"]
    assert trials.subjects.tolist() == ["7", "7", "8"]
    assert trials.walks.tolist() == ["7/1", "7/1", "8/three.mp4"]
    assert trials.labels[:2].tolist() == ["ASD", "ASD"] and pd.isna(trials.labels[2])
    assert trials.table["source"].tolist() == ["one.json", "two.json", "three.json"]
    assert trials.table["view"].tolist() == ["side", "front", "side"]
    np.testing.assert_array_equal(trials.table["age"], [70, 70, np.nan])
    m = trials.modality("pose")
    assert (m.kind, m.unit, m.channels) == ("sequence", "px", pose_channels())
    assert [t[1] for t in m.time_s] == [1 / 30, 1 / 30, 1 / 60]
    assert trials.name == "pose clips, 2 subjects"
    assert load_trials(folder).digest() == trials.digest()  # from the cache


def test_an_archive_and_a_table_elsewhere_are_read_alike(tmp_path):
    folder = write(tmp_path / "clips", openpose("c", person()))
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, f"clips/{file.relative_to(folder)}")
    plain, packed = load_pose(folder, rate_hz=25), load_pose(tmp_path / "clips.zip", rate_hz=25)
    assert packed.digest() == plain.digest()
    (folder / "clips.csv").rename(tmp_path / "other.csv")
    assert load_pose(folder, tmp_path / "other.csv", 25).digest() == plain.digest()
    assert load_pose(folder, pd.read_csv(tmp_path / "other.csv"), 25).digest() == plain.digest()


@pytest.mark.parametrize("missing", [(0, 0, 0), (0, 0, 0.3), (50, 60, 0), (50, 60, -1), (np.nan, 60, 0.5)])
def test_a_joint_that_was_not_found_is_missing_and_no_zero(missing, tmp_path):
    pose = person()
    pose[3, 9] = missing
    values, *_ = only(write(tmp_path, {"c.json": coco(pose)}))
    np.testing.assert_array_equal(values[3, 9], [np.nan, np.nan, 0])
    assert np.isfinite(np.delete(values, 9, axis=1)).all()
    assert np.isfinite(np.delete(values, 3, axis=0)).all()
    assert load_pose(tmp_path, rate_hz=25).report.files["missing"].tolist() == [1]


def test_confidences_a_little_above_1_are_1(tmp_path):
    pose = person()
    pose[2, 4, 2] = 1.03
    values, *_ = only(write(tmp_path, {"c.json": coco(pose)}))
    assert values[2, 4, 2] == 1


# -- frames and times ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["left out", "empty"])
def test_frames_without_the_walker_are_missing_within_and_cut_at_the_ends(kind, tmp_path):
    pose = person()
    if kind == "left out":
        clip = {"c.json": [e for e in results(pose, first=5) if e["image_id"] != 9]}
    else:
        clip = openpose("c", pose, first=5)
        empty = {f"c/video_{i:012d}_keypoints.json": {"people": []} for i in (3, 4, 9, 17)}
        clip |= empty
    values, frames, time_s = only(write(tmp_path, clip))
    assert frames.tolist() == list(range(5, 17))
    np.testing.assert_allclose(time_s, np.arange(5, 17) / 25)
    np.testing.assert_array_equal(values[4], [[np.nan, np.nan, 0]] * 17)
    np.testing.assert_array_equal(np.delete(values, 4, axis=0), np.delete(pose, 4, axis=0).astype(np.float32))
    report = load_pose(tmp_path, rate_hz=25).report
    assert report.files[["frames_kept", "unseen", "others"]].iloc[0].tolist() == [12, 1, 0]
    assert report.files["frames_read"].tolist() == [11 if kind == "left out" else 15]
    assert report.summary().loc["clips with frames that do not show the walker, kept as missing", "files"] == 1


def test_every_second_frame_is_half_the_rate_without_missing_frames(tmp_path):
    entries = [e | {"image_id": 2 * e["image_id"]} for e in results(person())]
    _, frames, time_s = only(write(tmp_path, {"c.json": entries}))
    assert frames.tolist() == list(range(0, 24, 2))
    np.testing.assert_allclose(np.diff(time_s), 2 / 25)


@pytest.mark.parametrize("key", ["time_s", "timestamp_ms"])
def test_times_of_the_file_win(key, tmp_path):
    times = np.cumsum(np.random.default_rng(0).uniform(0.03, 0.05, N))
    scale = 1000 if key == "timestamp_ms" else 1
    frames = [{key: t * scale, "landmarks": f} for t, f in zip(times, landmarks(person()), strict=True)]
    _, _, time_s = only(write(tmp_path, {"c.json": frames}))
    np.testing.assert_allclose(time_s, times)
    (tmp_path / "c.json").unlink()
    _, _, time_s = only(write(tmp_path, {"c.csv": mediapipe_csv(person(), extra="time_s")}), rate_hz=None)
    np.testing.assert_allclose(time_s, np.arange(N) / 25)


def test_the_rate_is_that_of_the_file_then_the_table_then_the_call(tmp_path):
    clips = {"a.json": {"rate_hz": 50, "frames": coco(person())}, "b.json": coco(person()), "c.json": coco(person())}
    trials = load_pose(write(tmp_path, clips, rate_hz=[10, 20, ""]), rate_hz=40)
    assert [t[1] for t in trials.modality("pose").time_s] == [1 / 50, 1 / 20, 1 / 40]
    with pytest.raises(GaitDataError, match=r"c\.json: nothing tells the frame rate .* column 'rate_hz'"):
        load_pose(tmp_path)


@pytest.mark.parametrize("where", ["table", "file"])
def test_shares_of_the_picture_become_pixels(where, tmp_path):
    pose, size = person(), {"width": 1920, "height": 1080}
    frames = landmarks(pose, size.values())
    if where == "table":
        write(tmp_path, {"c.json": frames}, **{side: [value] for side, value in size.items()})
    else:
        write(tmp_path, {"c.json": {"frames": frames} | size})
    values, *_ = only(tmp_path)
    np.testing.assert_allclose(values, pose, rtol=1e-6)


# -- several people --------------------------------------------------------------------------------------


def jumper(n=N, seed=5):
    pose = person(n, 0, (900, 0), seed)
    pose[:, :, 1] += 60 * np.sin(np.arange(n))[:, None]
    return pose


@pytest.mark.parametrize("layout", ["results", "OpenPose", "MediaPipe"])
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_people_the_one_who_walks_is_taken(layout, order, tmp_path):
    walking = person(step=30)
    people = [walking, jumper()][::order]
    if layout == "results":
        clip = {"c.json": results(*people)}
    elif layout == "OpenPose":
        clip = openpose("c", *people)
    else:
        clip = {"c.json": [list(pair) for pair in zip(*map(landmarks, people), strict=True)]}
    values, *_ = only(write(tmp_path, clip))
    np.testing.assert_array_equal(values, walking.astype(np.float32))
    report = load_pose(tmp_path, rate_hz=25).report
    assert report.files["others"].tolist() == [1]
    assert report.summary().loc["clips with several people, of whom one is kept", "files"] == 1


def test_the_order_of_people_may_change_from_frame_to_frame_and_one_may_be_lost(tmp_path):
    walking, rng = person(40), np.random.default_rng(1)
    entries = []
    for i, both in enumerate(zip(walking, jumper(40), strict=True)):
        for who in rng.permutation(2):
            if (i, who) not in ((11, 0), (12, 0), (20, 1)):
                entries.append({"image_id": i, "keypoints": both[who].ravel().tolist()})
    values, frames, _ = only(write(tmp_path, {"c.json": entries}))
    assert frames.tolist() == list(range(40))
    np.testing.assert_array_equal(values[[11, 12], :, 2], np.zeros((2, 17)))
    kept = np.delete(np.arange(40), [11, 12])
    np.testing.assert_array_equal(values[kept], walking[kept].astype(np.float32))


@pytest.mark.parametrize(("away_s", "n_kept"), [(0.5, 80), (1.5, 50)])
def test_who_comes_back_after_a_second_is_somebody_else(away_s, n_kept):
    walking, waiting = person(80, 10), person(110 + 80, 0, (3000, 0))
    came, n = np.r_[np.arange(30), np.arange(30, 80) + round(25 * away_s)], 80 + round(25 * away_s)
    frame = np.r_[came, np.arange(n)]
    order = np.argsort(frame, kind="stable")
    walking[30:, :, 0] += 10 * 25 * away_s  # went on unseen
    index, _ = walker(frame[order] / 25, np.concatenate([walking, waiting[:n]])[order])
    kept = frame[order][index]
    np.testing.assert_array_equal(kept, came[-n_kept:])


def test_who_appears_far_away_is_somebody_else():
    """One walks off the picture; from the next frame on another stands where nobody could have come to in time."""
    walking, other, waiting = person(30, 10), person(30, 4, (2000, 0), 3), person(60, 0, (900, 900), 4)
    frame = np.r_[np.arange(60), np.arange(60)]
    order = np.argsort(frame, kind="stable")
    index, _ = walker(frame[order] / 25, np.concatenate([walking, other, waiting])[order])
    np.testing.assert_array_equal(order[index], np.arange(30))


def test_how_far_somebody_moves_counts_in_their_own_size():
    """The larger person covers more pixels; the smaller one more of their own sizes."""
    large, small = person(40, 6), person(40, 5, seed=2)
    small[:, :, :2] = small[:, :, :2] * 0.25 + [0, 600] + np.arange(40)[:, None, None] * [3, 0]
    both = np.stack([large, small], axis=1).reshape(-1, 17, 3)
    index, n_people = walker(np.repeat(np.arange(40) / 25, 2), both)
    assert (index.tolist(), n_people) == (list(range(1, 80, 2)), 2)


# -- what is wrong ---------------------------------------------------------------------------------------


def changed(entries, place, **entry):
    return [e | entry if i == place else e for i, e in enumerate(entries)]


def with_text(table, row):
    lines = table.split("\n")
    lines[row - 1] = "walk" + lines[row - 1][lines[row - 1].index(",") :]
    return "\n".join(lines)


WRONG = {
    r"c\.json, entry 4 \(frame 3\): 50 numbers, expected 51 \(17 joints\) or 78 \(26 joints\) or 408": {
        "c.json": changed(results(person()), 3, keypoints=[1.0] * 50)
    },
    r"c\.json, entry 4 \(frame 3\): 78 numbers where .*entry 1 \(frame 0\) has 51": {
        "c.json": changed(results(person()), 3, keypoints=[1.0] * 78)
    },
    r"c\.json, entry 5: frame 1 comes after frame 3; sort": {"c.json": changed(results(person()), 4, image_id=1)},
    r"c\.json, entry 5: expected a frame number, got 'x'": {"c.json": changed(results(person()), 4, image_id="x")},
    r"c\.json, entry 5: expected a frame number, got '-4'": {"c.json": changed(results(person()), 4, image_id=-4)},
    r"c\.json, entry 2 \(frame 1\), joint 'nose': x 0.5, y 0.5, confidence 80; expected pixels": {
        "c.json": changed(results(person()), 1, keypoints=[0.5, 0.5, 80.0] * 17)
    },
    r"c\.json, entry 2 \(frame 1\): key points that are no numbers": {
        "c.json": changed(results(person()), 1, keypoints=["a", 0.5, 0.8] * 17)
    },
    r"c\.json, entry 2 \(frame 1\): expected a list of key points, got dict": {
        "c.json": changed(results(person()), 1, keypoints={"a": 1})
    },
    r"c\.json, entry 3: no 'keypoints'": {"c.json": [*results(person())[:2], {"image_id": 5}]},
    r"c\.json, entry 13: an 'image_id' in some entries only": {"c.json": [*results(person()), *coco(person())]},
    r"c\.json: no JSON .* half-written": {"c.json": "[{"},
    r"c\.json: no list of frames; expected COCO": {"c.json": []},
    r"c\.json: the first frame holds joints; expected COCO": {"c.json": [{"joints": []}]},
    r"c\.json: no frame shows a person": {"c.json": changed([{"keypoints": []}] * 3, 0, keypoints=[])},
    r"c\.json: one person is seen in 5 of 5 frames; expected at least 10": {"c.json": results(person(5))},
    r"c\.json: no frame shows a person;": {"c.json": results(np.zeros((N, 17, 3)))},
    r"c\.json: nobody from frame 11 to 12000; make two clips": {
        "c.json": results(person()) + results(person(), first=12000)
    },
    r"c/video_000000000003_keypoints\.json \(frame 3\), person 1: 6 numbers, expected 75 \(25 joints\) or 54": openpose(
        "c", person()
    )
    | {"c/video_000000000003_keypoints.json": {"people": [{"pose_keypoints_2d": [1.0] * 6}]}},
    r"c/video_000000000003_keypoints\.json \(frame 3\): no list 'people'": openpose("c", person())
    | {"c/video_000000000003_keypoints.json": {}},
    r"c/b_4_keypoints\.json and c/video_000000000004_keypoints\.json are both frame 4": openpose("c", person())
    | {"c/b_4_keypoints.json": {"people": []}},
    r"'c\.csv' and 'c\.json' are both a clip 'c'": {"c.csv": "", "c.json": []},
    r"c\.json, frame 2: 32 landmarks, expected 33": {
        "c.json": [f[: 33 - (i == 2)] for i, f in enumerate(landmarks(person()))]
    },
    r"c\.json, frame 2, landmark 0: expected x, y, \(z,\) visibility": {
        "c.json": [[[1.0]] * 33 if i == 2 else f for i, f in enumerate(landmarks(person()))]
    },
    r"c\.json: places are shares of the picture's width and height": {"c.json": landmarks(person(), (1920, 1080))},
    r"c\.json, frame 5: the time does not advance": {
        "c.json": [{"time_s": min(i, 4) / 25, "landmarks": f} for i, f in enumerate(landmarks(person()))]
    },
    r"c\.json, frame 5: 'time_s' is 'nan', no number": {
        "c.json": [{"time_s": np.nan if i == 5 else i, "landmarks": f} for i, f in enumerate(landmarks(person()))]
    },
    r"c\.json, frame 4: no time, where other frames have one": {
        "c.json": [
            {"landmarks": f} | ({} if i == 4 else {"time_s": i / 25}) for i, f in enumerate(landmarks(person()))
        ]
    },
    r"c\.json, frame 4: frame 2 comes after frame 3": {
        "c.json": [{"frame": 2 if i == 4 else i, "landmarks": f} for i, f in enumerate(landmarks(person()))]
    },
    r"c\.csv: no frame shows a person": {
        "c.csv": mediapipe_csv(person() * np.nan).replace("nan", "").replace("7.5", "")
    },
    r"c\.csv, row 3: the frame is 0.04, no whole number": {"c.csv": mediapipe_csv(person(), extra="frame")},
    r"c\.json: 'rate_hz' is -3, no number above 0": {"c.json": {"rate_hz": -3, "frames": coco(person())}},
    r"c\.csv, row 1: no column 'right_foot_index_visibility'": {
        "c.csv": mediapipe_csv(person()).replace("right_foot_index_visibility", "other")
    },
    r"c\.csv, frame 1: the time does not advance": {
        "c.csv": with_text(mediapipe_csv(person(), extra="time_s"), row=3).replace("walk,", "nan,")
    },
    r"c\.csv, row 3, column 1: expected a number, got 'walk'": {"c.csv": with_text(mediapipe_csv(person()), row=3)},
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG)
def test_a_bad_clip_is_refused_by_file_and_frame(said, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    if "are both a clip" in said:
        write(folder, WRONG[said], ["c"])
    else:
        write(folder, WRONG[said])
    with pytest.raises(GaitDataError, match=said):
        load_pose(folder, rate_hz=25)


def test_bad_clips_are_left_out_when_asked_and_listed(tmp_path):
    write(tmp_path, {"a.json": coco(person()), "b.json": "{", "d.json": coco(person())}, ["a", "b", "gone"])
    trials = load_pose(tmp_path, rate_hz=25, skip_bad=True)
    assert trials.ids.tolist() == ["a"]
    reasons = trials.report.skipped()["reason"].tolist()
    assert [r.split(":")[0] for r in reasons] == ["b.json", "clips.csv, row 4", "d.json"]


TABLES = {
    r"clips\.csv, row 3: there is no clip 'gone'; add it, or take the row out": {"rows": ["c", "gone"]},
    r"d\.json: a clip without a row in clips\.csv; add one, with its subject": {"more": True},
    r"clips\.csv, row 2: no subject": {"subject": [""]},
    r"clips\.csv, row 3: 'c' is there twice": {"rows": ["c", "c"]},
    r"clips\.csv, row 2, column 'rate_hz': no number above 0: '0'": {"rate_hz": ["0"]},
    r"clips\.csv, row 2, column 'width': no number above 0: 'wide'": {"width": ["wide"]},
    r"'source' would replace that of the trial table; rename": {"source": ["x"]},
    r"the subjects 'S1' and 's01' differ only in the way they are written": {
        "more": True, "rows": ["c", "d"], "subject": ["S1", "s01"]
    },
}  # fmt: skip


@pytest.mark.parametrize("said", TABLES)
def test_what_does_not_fit_the_table_is_named(said, tmp_path):
    options = dict(TABLES[said])
    clips = {f"{name}.json": coco(person()) for name in ("c", "d")[: 1 + options.pop("more", False)]}
    write(tmp_path, clips, options.pop("rows", ["c"]), **options)
    with pytest.raises(GaitDataError, match=said):
        load_pose(tmp_path, rate_hz=25)


def test_a_table_must_be_there_with_its_columns(tmp_path):
    write(tmp_path, {"c.json": coco(person())})
    table = pd.read_csv(tmp_path / "clips.csv")
    with pytest.raises(GaitDataError, match="no column 'label' among clip, subject"):
        load_pose(tmp_path, table.drop(columns="label"), 25)
    (tmp_path / "long.csv").write_text("clip,subject,label\nc,p,a,more\n")
    with pytest.raises(GaitDataError, match=r"long.csv: rows of more columns than the header names"):
        load_pose(tmp_path, tmp_path / "long.csv", 25)
    with pytest.raises(GaitDataError, match="nowhere.csv: cannot be read"):
        load_pose(tmp_path, tmp_path / "nowhere.csv", 25)
    with pytest.raises(GaitDataError, match="rate_hz must be a number above 0, not 0"):
        load_pose(tmp_path, rate_hz=0)
    (tmp_path / "clips.csv").unlink()
    with pytest.raises(GaitDataError, match=r"no table of clips \(clips.csv: clip, subject, label\)"):
        load_pose(tmp_path, rate_hz=25)


def test_files_outside_the_folder_of_the_table_are_no_clips_and_synthetic_ones_are_called_so(tmp_path):
    write(tmp_path / "clips", {"c.json": coco(person())})
    (tmp_path / "settings.json").write_text("{}")
    trials = load_pose(tmp_path, rate_hz=25)
    assert (trials.ids.tolist(), trials.report.ignored, trials.name) == (["c"], ["settings.json"], "pose clips")
    (tmp_path / "clips" / "SYNTHETIC.txt").write_text("made")
    trials = load_pose(tmp_path, rate_hz=25)
    assert (trials.report.ignored, trials.name) == (["settings.json"], "SYNTHETIC pose clips")


@given(st.sampled_from(list(LAYOUTS)), st.data())
def test_whatever_happens_to_a_file_clips_are_sound_or_refused(layout, data):
    with tempfile.TemporaryDirectory() as folder:
        folder = write(Path(folder), LAYOUTS[layout](person()))
        file = data.draw(st.sampled_from(sorted(f for f in folder.rglob("*.*") if f.is_file())))
        content = bytearray(file.read_bytes())
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 40))] = data.draw(
            st.binary(max_size=20) | st.sampled_from(ODD)
        )
        file.write_bytes(content)
        try:
            trials = load_pose(folder, rate_hz=25)
        except GaitDataError:
            return
        for values, time_s in zip(trials.modality("pose").values, trials.modality("pose").time_s, strict=True):
            x, y, confidence = np.moveaxis(values.reshape(len(values), 17, 3), 2, 0)
            np.testing.assert_array_equal(np.isnan(x) | np.isnan(y), confidence == 0)
            assert not np.isinf(x).any() and ((confidence >= 0) & (confidence <= 1)).all()
            assert (np.diff(time_s) > 0).all()


def test_clips_named_as_inertial_recordings_are_are_clips(tmp_path):
    write(tmp_path, {"S1/p1_walk.csv": mediapipe_csv(person())}, rate_hz=[25])
    assert gaitlib.load_trials(tmp_path).ids.tolist() == ["S1/p1_walk"]
