"""Videos: what was found in their frames is what load_pose reads; bad ones say so; nothing stale is used."""

import json
import os
import struct
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import gaitlib
from gaitlib.datasets.tools import landmarker
from gaitlib.datasets.tools.video_frames import frames_at
from gaitlib.trials.conventions import COCO_JOINTS, FACE_JOINTS

cv2 = pytest.importorskip("cv2", reason="pip install 'gaitlib[video]'")
WIDTH, HEIGHT, N = 64, 48, 60


def film(file, n=N, brightness=lambda i: 0, fps=30):
    """A scene that does not change, but for a grey square that walks through it, on top; written as MPEG-4."""
    scene = np.random.default_rng(0).integers(0, 200, (HEIGHT // 8, WIDTH // 8, 3)).repeat(8, 0).repeat(8, 1)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
    for i in range(n):
        picture = scene[:, ::-1] if brightness(i) is None else scene + brightness(i)
        writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    writer.release()
    return file


def person(x, y=0.5):
    """33 landmarks in a column, as shares of the picture."""
    return [[x + 0.002 * k % 5, y + 0.01 * (k - 16), 0.9] for k in range(33)]


@pytest.fixture
def seen(monkeypatch, tmp_path):
    """A landmarker without weights: what ``seen.people(i)`` says of the ith frame; counts how often it was asked."""

    class Seen:
        weights = tmp_path / "weights.task"
        asked = 0
        at_ms = []

        @staticmethod
        def people(i):
            return [person(0.2 + 0.01 * i)]

    @contextmanager
    def instead(model, n_people):
        def find(picture, at_ms):
            Seen.asked += 1
            Seen.at_ms.append(at_ms)
            return Seen.people(len(Seen.at_ms) - 1)

        Seen.at_ms = []
        yield find

    Seen.weights.write_bytes(b"weights")
    monkeypatch.setattr(landmarker, "_landmarker", instead)
    return Seen


def pose(file, seen, **options):
    return gaitlib.pose_from_video(file, seen.weights, progress=False, **options)


def test_what_is_kept_is_what_load_pose_reads_and_is_used_only_for_the_same(seen, tmp_path):
    file = film(tmp_path / "walk.mp4")
    fresh = pose(file, seen)
    m = fresh.modality("pose")
    assert (fresh.subjects.tolist(), m.unit, len(m.values[0])) == (["walk.mp4"], "px", N)
    np.testing.assert_allclose(m.values[0][10, 0], 0.3 * WIDTH, rtol=1e-5)
    np.testing.assert_allclose(m.time_s[0], np.arange(N) / 30, atol=1e-5)
    kept = tmp_path / "walk.mp4.json"
    assert gaitlib.load_pose(kept).digest() == fresh.digest()
    again = pose(file, seen)
    assert again.digest() == fresh.digest() and seen.asked == N
    assert again.report.files.equals(fresh.report.files)
    for change in (
        lambda: seen.weights.write_bytes(b"others"),
        lambda: film(file, brightness=lambda i: 9),
        lambda: kept.unlink(),
    ):
        before = seen.asked
        change()
        pose(file, seen)
        assert seen.asked == before + N
    pose(file, seen, n_people=1)
    assert seen.asked == 5 * N
    pose(file, seen, n_people=1, use_cache=False)
    assert seen.asked == 6 * N


def test_what_somebody_else_wrote_stays_and_a_full_disk_costs_the_cache_only(seen, tmp_path, monkeypatch):
    file = film(tmp_path / "walk.mp4")
    (tmp_path / "walk.mp4.json").write_text("[]")
    trials = pose(file, seen)
    assert "another file of that name is there" in str(trials.report)
    assert (tmp_path / "walk.mp4.json").read_text() == "[]"
    (tmp_path / "walk.mp4.json").unlink()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    trials = pose(file, seen)
    assert "walk.mp4.json was not kept (No space left on device)" in str(trials.report)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["walk.mp4", "weights.task"]


def test_a_folder_needs_a_table_and_its_bad_videos_can_be_left_out(seen, tmp_path):
    film(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(gaitlib.GaitDataError, match="no table of clips"):
        pose(tmp_path, seen)
    (tmp_path / "clips.csv").write_text("clip,subject,label\na.mp4,7,normal\nb.mp4,8,normal\n")
    with pytest.raises(gaitlib.GaitDataError, match=r"b\.mp4: cannot be read as a video; copy it again"):
        pose(tmp_path, seen)
    trials = pose(tmp_path, seen, skip_bad=True)
    assert trials.table[["subject", "label"]].to_numpy().tolist() == [["7", "normal"]]
    assert trials.report.skipped()["file"].tolist() == ["b.mp4.json"]


def test_who_walks_is_told_by_the_rule(seen, tmp_path):
    still = [[x, y, v] for x, y, v in (np.array(person(0)) * [3, 1.2, 1] + [0.7, 0, 0]).tolist()]
    seen.people = staticmethod(lambda i: [still, person(0.2 + 0.005 * i)])
    file = film(tmp_path / "walk.mp4")
    furthest, largest = (pose(file, seen, walker=w).modality("pose").values[0][:, 0] for w in ("furthest", "largest"))
    assert np.ptp(furthest) > 10 and np.ptp(largest) == 0
    assert pose(file, seen).report.files["others"].tolist() == [1]
    with pytest.raises(gaitlib.GaitDataError, match="walker is 'furthest' or 'largest', not 'tallest'"):
        pose(file, seen, walker="tallest")


def test_nobody_and_joints_beyond_the_edges_are_missing_and_counted(seen, tmp_path):
    seen.people = staticmethod(lambda i: [] if i in (0, 20, 21) else [person(0.5, 0.9 if i == 30 else 0.5)])
    trials = pose(film(tmp_path / "walk.mp4"), seen)
    values = trials.modality("pose").values[0].reshape(-1, 17, 3)
    counts = trials.report.files.iloc[0]
    assert counts[["frames_kept", "nobody", "unseen", "outside"]].tolist() == [N - 1, 3, 2, 1]
    assert np.isnan(values[29, -1]).tolist() == [True, True, False] and values[29, -1, 2] == 0  # an ankle
    assert np.isfinite(values[29, 0]).all() and np.isfinite(np.delete(values, [19, 20, 29], axis=0)).all()


def test_of_a_video_with_a_cut_the_longest_shot_is_kept_and_light_is_no_cut(seen, tmp_path):
    file = film(tmp_path / "cut.mp4", 70, lambda i: None if i < 12 else 40 * (i > 40))
    trials = pose(file, seen)
    assert trials.report.files["cuts"].tolist() == [1]
    assert trials.modality("pose").frames[0].tolist() == list(range(12, 70))


def boxes(content, start, end):
    while start < end:
        size, name = struct.unpack(">I4s", content[start : start + 8])
        yield name, start, start + size
        start += size


def patched(file, steps, turned):
    """An .mp4 with other steps from frame to frame (count, ticks), and the flag of a camera on its side."""
    content, outer, (start, end) = file.read_bytes(), [], (0, file.stat().st_size)
    for wanted in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"):
        at, stop = next((a, z) for name, a, z in boxes(content, start, end) if name == wanted)
        outer.append(at)
        start, end = at + 8, stop
    new = struct.pack(">I4sII", 16 + 8 * len(steps), b"stts", 0, len(steps))
    new += b"".join(struct.pack(">II", *step) for step in steps)
    grown = bytearray(content[:at] + new + content[stop:])
    for place in outer[:-1]:
        grown[place : place + 4] = struct.pack(
            ">I", struct.unpack(">I", grown[place : place + 4])[0] + len(new) - stop + at
        )
    if turned:
        matrix = bytes(grown).index(b"tkhd") + 44
        grown[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    file.write_bytes(grown)
    return file


def test_frames_have_the_times_of_the_file_and_stand_upright(seen, tmp_path):
    file = patched(film(tmp_path / "phone.mp4"), [(30, 256), (30, 768)], turned=True)
    trials = pose(file, seen)
    expected = np.cumsum([0] + [256] * 30 + [768] * 29) / 15360
    np.testing.assert_allclose(trials.modality("pose").time_s[0], expected, atol=1e-5)
    np.testing.assert_allclose(seen.at_ms, 1000 * expected, atol=1)
    assert trials.report.files[["rotated", "variable_rate"]].to_numpy().tolist() == [[1, 1]]
    assert json.loads((tmp_path / "phone.mp4.json").read_text())["width"] == HEIGHT
    assert frames_at(file, [5])[5].shape == (WIDTH, HEIGHT, 3)
    plain = pose(film(tmp_path / "plain.mp4"), seen).report.files
    assert plain[["rotated", "variable_rate"]].to_numpy().tolist() == [[0, 0]]


def test_what_cannot_be_used_is_said(seen, tmp_path, monkeypatch):
    file = film(tmp_path / "walk.mp4")
    with pytest.raises(gaitlib.GaitDataError, match="no such video or folder"):
        pose(tmp_path / "other.mp4", seen)
    with pytest.raises(gaitlib.GaitDataError, match="n_people is how many people"):
        pose(file, seen, n_people=0)
    with pytest.raises(gaitlib.GaitDataError, match="there is no frame 99"):
        frames_at(file, [3, 99])
    with pytest.raises(gaitlib.GaitDataError, match="seen from 0.0 to 1.0 s of it; a walk needs at least 1.5 s"):
        pose(film(tmp_path / "short.mp4", 31), seen)
    seen.people = staticmethod(lambda i: [])
    with pytest.raises(gaitlib.GaitDataError, match="nobody is found in its 60 frames"):
        pose(film(tmp_path / "empty.mp4"), seen)
    (tmp_path / "none").mkdir()
    with pytest.raises(gaitlib.GaitDataError, match="no video in it"):
        pose(tmp_path / "none", seen)
    monkeypatch.undo()
    with pytest.raises(gaitlib.GaitDataError, match="no such file of weights; .*ai.google.dev/edge/mediapipe"):
        gaitlib.pose_from_video(file, tmp_path / "no.task", progress=False)
    monkeypatch.setitem(__import__("sys").modules, "mediapipe", None)
    with pytest.raises(gaitlib.GaitDataError, match=r"needs mediapipe: pip install 'gaitlib\[video\]'"):
        gaitlib.pose_from_video(file, seen.weights, progress=False, use_cache=False)


# -- real weights, a real video ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A link to the real video in a folder of its own, the weights, and what is found."""
    folder = Path(os.environ.get("GAIT_REAL_DATA", "nowhere"), "pose")
    if not folder.is_dir():
        pytest.skip("GAIT_REAL_DATA names no folder with pose/demo.mp4")
    file = tmp_path_factory.mktemp("video") / "demo.mp4"
    file.symlink_to(folder / "demo.mp4")
    weights = folder / "pose_landmarker.task"
    return file, weights, gaitlib.pose_from_video(file, weights, progress=False)


@pytest.mark.slow
def test_the_woman_who_walks_is_found_in_a_real_video(demo):
    file, weights, trials = demo
    m = trials.modality("pose")
    assert gaitlib.load_pose(f"{file}.json").digest() == trials.digest()
    assert gaitlib.pose_from_video(file, weights, progress=False).digest() == trials.digest()
    told = trials.report.files.iloc[0]
    assert (told["frames_read"], told["others"], told["cuts"], told["rotated"]) == (230, 1, 0, 0)
    assert 0 < told["nobody"] < 20 and 120 < told["frames_kept"] < 170 and told["outside"] > 0
    body = np.where(m.values[0].reshape(-1, 17, 3)[:, :, 2:] > 0, m.values[0].reshape(-1, 17, 3)[:, :, :2], np.nan)
    joint = {name: body[:, k] for k, name in enumerate(COCO_JOINTS) if name not in FACE_JOINTS}
    assert joint["left_hip"][5, 0] > 1300 and joint["left_hip"][-20, 0] < 300  # she walks to the left
    assert (np.nanmin(body[:, :, 1]) > 400).all()  # beneath the man on the roof
    upright = [
        (joint[f"{side}_{lower}"] - joint[f"{side}_{upper}"])[:, 1]
        for side in ("left", "right")
        for upper, lower in (("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
    ]
    assert np.nanmean(np.array(upright)[:, 2:-20] > 0) > 0.98
    assert np.nanmin(body) >= 0 and np.nanmax(body[..., 0]) <= 1768 and np.nanmax(body[..., 1]) <= 994
    pictures = frames_at(file, m.frames[0][[60]])
    assert next(iter(pictures.values())).shape == (994, 1768, 3)


@pytest.mark.slow
def test_one_command_from_a_video_to_a_class_and_its_picture(demo, tmp_path, capsys):
    from gaitlib.cli import main

    file, weights, _ = demo
    learnt = gaitlib.project_to_pose(gaitlib.synthetic_trials(n_subjects=2, n_walks=1))
    training = gaitlib.Training(epochs=1)
    model = gaitlib.GaitClassifier("pose_cross_attention", training=training, validation=None).fit(learnt)
    model.save(tmp_path / "model")
    given = [
        "predict",
        str(tmp_path / "model"),
        str(file),
        "--weights",
        str(weights),
        "--results",
        str(tmp_path / "said"),
    ]
    assert main(given) == 0
    told = capsys.readouterr().out
    assert "learnt from 12 recordings of 2 people" in told and "SD from the mean of what it learnt from" in told
    picture = cv2.imread(str(tmp_path / "said" / "demo-mp4.png"))
    assert picture.shape[0] > 1000 and picture.std() > 20
