"""Find the people in each frame of a video by MediaPipe's Pose Landmarker."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from gaitlib.datasets.tools.video_frames import INSTALL, Video
from gaitlib.errors import GaitDataError

MODELS_PAGE = "https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker#models"
SHORTEST_S = 1.5  # a little more than a stride


def find_people(path, model, n_people: int, progress: bool) -> dict:
    """All people in all frames of the longest shot of a video, in the layout of MediaPipe that ``load_pose`` reads.

    Parameters
    ----------
    path : Path
    model : Path
    n_people : int
        At most in one frame.
    progress : bool

    Returns
    -------
    dict
        ``width``, ``height``, ``frames`` (each ``frame``, ``time_s``, ``pose_landmarks``: a list of 33 times x, y,
        visibility a person) and ``found``: counts for a report.

    Raises
    ------
    GaitDataError
        If something is not installed, the video cannot be read, or shows nobody for as long as a stride takes.
    """
    video, frames = Video(path), []
    with _landmarker(model, n_people) as find, tqdm(desc=path.name, unit="frame", disable=not progress) as bar:
        at_ms = -1
        for number, time_s, picture in video.frames():
            bar.total = max(video.n_announced, number + 1)
            at_ms = max(round(1000 * time_s), at_ms + 1)  # whole and rising, or the landmarker refuses
            people = [_as_seen(person) for person in find(picture, at_ms)]
            frames.append({"frame": number, "time_s": round(time_s, 6), "pose_landmarks": people})
            bar.update()
    cuts = video.cuts()
    _keep_longest_shot(frames, cuts)
    seen_s = [frame["time_s"] for frame in frames if frame["pose_landmarks"]]
    if not seen_s:
        raise GaitDataError(f"{path}: nobody is found in its {len(frames)} frames; give a video of one who walks")
    if seen_s[-1] - seen_s[0] < SHORTEST_S:
        where = "its longest shot" if len(cuts) else "it"
        raise GaitDataError(
            f"{path}: somebody is seen from {seen_s[0]:.1f} to {seen_s[-1]:.1f} s of {where}; a walk needs at least "
            f"{SHORTEST_S} s, better 2 to 10"
        )
    width, height = video.size_px
    found = {
        "nobody": sum(not frame["pose_landmarks"] for frame in frames),
        "cuts": len(cuts),
        "rotated": int(video.rotated_deg != 0),
        "variable_rate": int(video.uneven()),
        "non_advancing": video.non_advancing,
    }
    return {"width": width, "height": height, "found": found, "frames": frames}


@contextmanager
def _landmarker(model: Path, n_people: int):
    """Gives a function from a picture and its time (ms) to 33 times x, y, visibility of each person in it."""
    if not model.is_file():
        raise GaitDataError(
            f"{model}: no such file of weights; download one, such as pose_landmarker_full.task, from "
            f"{MODELS_PAGE}, and give its path"
        )
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import BaseOptions, vision
    except ImportError as error:
        raise GaitDataError(f"finding people in a video needs mediapipe: {INSTALL}") from error
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
        num_poses=n_people,
    )
    try:
        made = vision.PoseLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise GaitDataError(
            f"{model}: no weights that MediaPipe's Pose Landmarker reads ({str(error)[:100]}); such files come from "
            f"{MODELS_PAGE}"
        ) from error

    def find(picture, at_ms):
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
        people = made.detect_for_video(image, at_ms).pose_landmarks
        return [[(mark.x, mark.y, mark.visibility) for mark in person] for person in people]

    with made:
        yield find


def _as_seen(person) -> list:
    """x, y, visibility of each landmark; what lies beyond the edges of the picture is a guess: not visible."""
    told = []
    for x, y, visibility in person:
        inside = 0 <= x <= 1 and 0 <= y <= 1
        told.append([round(x, 6), round(y, 6), max(round(visibility, 4), 1e-4) if inside else 0.0])
    return told


def _keep_longest_shot(frames, cuts) -> None:
    """Take the people out of the frames of all shots but the one that shows somebody in most frames, in place."""
    edges = [0, *cuts.tolist(), len(frames)]
    shots = list(zip(edges, edges[1:], strict=False))
    longest = max(shots, key=lambda shot: sum(bool(f["pose_landmarks"]) for f in frames[slice(*shot)]))
    for place in np.setdiff1d(np.arange(len(frames)), np.arange(*longest)):
        frames[place]["pose_landmarks"] = []


def as_json(found: dict) -> bytes:
    """What :func:`find_people` found, a frame a line."""
    head = json.dumps({key: value for key, value in found.items() if key != "frames"})
    frames = ",\n".join(json.dumps(frame, separators=(",", ":")) for frame in found["frames"])
    return f'{head[:-1]}, "frames": [\n{frames}\n]}}\n'.encode()
