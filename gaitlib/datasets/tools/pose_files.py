"""Read what detectors of pose write, one clip at a time: COCO, AlphaPose, OpenPose, MediaPipe."""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.number_tables import RowFormat, load_files
from gaitlib.errors import GaitDataError
from gaitlib.trials.conventions import (
    BODY_25_JOINTS,
    COCO_18_JOINTS,
    COCO_JOINTS,
    HALPE_JOINTS,
    MEDIAPIPE_JOINTS,
    coco_places,
)

OPENPOSE = re.compile(r"(\d+)_keypoints\.json$", re.IGNORECASE)
ALPHAPOSE = "alphapose-results.json"  # bears no name of a clip: its folder does
CLIP_ENDINGS = (".json", ".csv")
HALPE_136 = 136  # joints, of which the first are those of Halpe-26
COCO_LIKE = {3 * len(COCO_JOINTS): COCO_JOINTS, 3 * len(HALPE_JOINTS): HALPE_JOINTS, 3 * HALPE_136: HALPE_JOINTS}
OPENPOSE_LIKE = {3 * len(BODY_25_JOINTS): BODY_25_JOINTS, 3 * len(COCO_18_JOINTS): COCO_18_JOINTS}
LARGEST_CONFIDENCE = 2.0  # COCO's annotations write 2 for visible; detectors sometimes a little more than 1
LARGEST_NUMBER = 10**9
KNOWN = (
    "COCO or AlphaPose (a list of {image_id, keypoints}), OpenPose (a folder of <number>_keypoints.json), MediaPipe "
    "(a list of frames with 33 landmarks x, y, visibility, or a .csv of them)"
)


@dataclass(frozen=True, eq=False)
class Detections:
    """All people that a detector found in a clip.

    Attributes
    ----------
    frame : ndarray of int (detections,)
        Not falling; of the video.
    keypoints : ndarray (detections, 17, 3)
        Joints of COCO: x, y in px, confidence 0 to 1; NaN, NaN, 0 where a joint is missing. Each shows one at least.
    n_frames : int
        That were read, those without a person too.
    time_s : ndarray (detections,) or None
        Where the file says it.
    rate_hz : float or None
        Where the file says it.
    """

    frame: np.ndarray
    keypoints: np.ndarray
    n_frames: int
    time_s: np.ndarray | None = None
    rate_hz: float | None = None


def find_clips(names) -> dict[str, list[str]]:
    """The files of each clip by its path, without the ending of a file.

    Raises
    ------
    GaitDataError
        If two clips have one name.
    """
    clips, kinds = {}, {}
    for name in names:
        path = PurePosixPath(name)
        if OPENPOSE.search(name):
            kind = clip = str(path.parent)
        elif path.name.lower() == ALPHAPOSE and len(path.parts) > 1:
            kind, clip = name, str(path.parent)
        elif path.suffix.lower() in CLIP_ENDINGS:
            kind, clip = name, str(path.with_suffix(""))
        else:
            continue
        if (other := kinds.setdefault(clip, kind)) != kind:
            raise GaitDataError(f"'{other}' and '{kind}' are both a clip '{clip}'; keep one")
        clips.setdefault(clip, []).append(name)
    return clips


def read_clip(tree: FileTree, files: list[str], size_px=None) -> Detections:
    """Read one clip; its layout is told by what is in it.

    Parameters
    ----------
    tree : FileTree
    files : list of str
    size_px : (width, height), optional
        Of the picture, for MediaPipe's shares of it.

    Raises
    ------
    GaitDataError
        Naming file, frame and what was expected.
    """
    if OPENPOSE.search(files[0]):
        return _openpose(tree, files)
    (name,) = files
    if name.lower().endswith(".csv"):
        return _mediapipe_csv(tree, name, size_px)
    data, about = _json(name, tree.read(name)), {}
    if isinstance(data, dict):
        about, data = data, data.get("frames", data.get("annotations"))
    if not isinstance(data, list) or not data:
        raise GaitDataError(f"{name}: no list of frames; expected {KNOWN}")
    first = next((entry for entry in data if entry), None)
    rate_hz = _positive(name, about, "rate_hz")
    if isinstance(first, dict) and "keypoints" in first:
        return _coco(name, data, rate_hz)
    if isinstance(first, list) or isinstance(first, dict) and _landmark_key(first):
        size = tuple(_positive(name, about, side) for side in ("width", "height"))
        return _mediapipe(name, data, size if all(size) else size_px, rate_hz)
    seen = ", ".join(map(str, list(first)[:5])) if isinstance(first, dict) else type(first).__name__
    raise GaitDataError(f"{name}: the first frame holds {seen}; expected {KNOWN}")


def _json(name: str, content: bytes):
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GaitDataError(f"{name}: no JSON ({str(error)[:100]}); the file may be half-written") from None


def _positive(name, about: dict, key: str) -> float | None:
    value = about.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LARGEST_NUMBER:
        raise GaitDataError(f"{name}: '{key}' is {str(value)[:50]}, no number above 0")
    return float(value)


def _frame_number(where: str, value) -> int:
    """Of a number, or of a text that ends in one, as frame_0012.png."""
    if isinstance(value, str) and (digits := re.findall(r"\d+", PurePosixPath(value).stem)):
        value = int(digits[-1][-18:])
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LARGEST_NUMBER:
        raise GaitDataError(f"{where}: expected a frame number, got {str(value)[:50]!r}")
    return value


def _joints(wheres: list[str], rows: list, layouts: dict) -> np.ndarray:
    """Rows of numbers as joints of COCO, (rows, 17, 3); the first wrong row is named."""
    n = None
    for where, row in zip(wheres, rows, strict=True):
        if not isinstance(row, list):
            raise GaitDataError(f"{where}: expected a list of key points, got {type(row).__name__}")
        n = len(row) if n is None else n
        if len(row) not in layouts:
            wanted = " or ".join(f"{k} ({k // 3} joints)" for k in layouts)
            raise GaitDataError(f"{where}: {len(row)} numbers, expected {wanted}: x, y and confidence of each joint")
        if len(row) != n:
            raise GaitDataError(f"{where}: {len(row)} numbers where {wheres[0]} has {n}; a clip has one kind of joints")
    return _checked(wheres, _numbers(wheres, rows).reshape(len(rows), -1, 3)[:, coco_places(layouts[n])])


def _numbers(wheres, rows) -> np.ndarray:
    try:
        return np.array(rows, dtype=float)
    except (TypeError, ValueError, OverflowError):
        for where, row in zip(wheres, rows, strict=True):
            try:
                np.array(row, dtype=float)
            except (TypeError, ValueError, OverflowError) as error:
                raise GaitDataError(f"{where}: key points that are no numbers ({error})") from None
        raise GaitDataError(f"{wheres[0]}: frames of different lengths") from None


def _checked(wheres, keypoints) -> np.ndarray:
    """Missing joints as NaN with confidence 0: those without confidence or place, and those at 0, 0."""
    confidence = keypoints[:, :, 2]
    wrong = (confidence > LARGEST_CONFIDENCE) | (np.abs(keypoints[:, :, :2]) > LARGEST_NUMBER).any(axis=2)
    if wrong.any():
        row, joint = np.argwhere(wrong)[0]
        x, y, c = keypoints[row, joint]
        raise GaitDataError(
            f"{wheres[row]}, joint '{COCO_JOINTS[joint]}': x {x:g}, y {y:g}, confidence {c:g}; expected pixels and a "
            "confidence from 0 to 1, joint by joint"
        )
    missing = ~np.isfinite(keypoints).all(axis=2) | (confidence <= 0) | (keypoints[:, :, :2] == 0).all(axis=2)
    keypoints = np.where(missing[:, :, None], (np.nan, np.nan, 0), keypoints)
    keypoints[:, :, 2] = np.minimum(keypoints[:, :, 2], 1)
    return keypoints


def _detections(name, frame, keypoints, n_frames, time_s=None, rate_hz=None) -> Detections:
    """Without those that show no joint."""
    seen = (keypoints[:, :, 2] > 0).any(axis=1)
    if not seen.any():
        raise GaitDataError(f"{name}: no frame shows a person")
    times = None if time_s is None else np.asarray(time_s, float)[seen]
    return Detections(np.asarray(frame, int)[seen], keypoints[seen], n_frames, times, rate_hz)


def _coco(name, entries, rate_hz) -> Detections:
    """A list of detections with their frames, or of frames with one person each."""
    frames, wheres, rows, shown = [], [], [], set()
    for i, entry in enumerate(entries):
        where = f"{name}, entry {i + 1}"
        if not isinstance(entry, dict) or "keypoints" not in entry:
            raise GaitDataError(f"{where}: no 'keypoints'")
        if ("image_id" in entry) != ("image_id" in entries[0]):
            raise GaitDataError(f"{where}: an 'image_id' in some entries only; give it in all or in none")
        frame = _frame_number(where, entry["image_id"]) if "image_id" in entry else i
        if frames and frame < frames[-1]:
            raise GaitDataError(f"{where}: frame {frame} comes after frame {frames[-1]}; sort the entries by image_id")
        shown.add(frame)
        if entry["keypoints"]:
            frames.append(frame)
            wheres.append(f"{where} (frame {frame})")
            rows.append(entry["keypoints"])
    if not rows:
        raise GaitDataError(f"{name}: no frame shows a person")
    return _detections(name, frames, _joints(wheres, rows, COCO_LIKE), len(shown), rate_hz=rate_hz)


def _openpose(tree, files) -> Detections:
    """A folder with a file a frame."""
    numbered = sorted((int(OPENPOSE.search(name)[1][-18:]), name) for name in files)
    clip = str(PurePosixPath(files[0]).parent)
    frames, wheres, rows, last = [], [], [], (-1, "")
    for frame, name in numbered:
        if frame == last[0]:
            raise GaitDataError(f"{last[1]} and {name} are both frame {frame}; a folder holds one clip")
        last = frame, name
        _frame_number(name, frame)
        data = _json(name, tree.read(name))
        people = data.get("people") if isinstance(data, dict) else None
        if not isinstance(people, list):
            raise GaitDataError(f"{name} (frame {frame}): no list 'people', as OpenPose writes it")
        for k, person in enumerate(people):
            if not isinstance(person, dict) or "pose_keypoints_2d" not in person:
                raise GaitDataError(f"{name} (frame {frame}), person {k + 1}: no 'pose_keypoints_2d'")
            frames.append(frame)
            wheres.append(f"{name} (frame {frame}), person {k + 1}")
            rows.append(person["pose_keypoints_2d"])
    if not rows:
        raise GaitDataError(f"{clip}: no frame shows a person")
    return _detections(clip, frames, _joints(wheres, rows, OPENPOSE_LIKE), len(files))


# -- MediaPipe -------------------------------------------------------------------------------------------


def _landmark_key(entry: dict) -> str | None:
    return next((key for key in ("landmarks", "pose_landmarks") if key in entry), None)


def _mediapipe(name, entries, size_px, rate_hz) -> Detections:
    """A list of frames: 33 landmarks each, or several people of 33; None or an empty list for nobody."""
    frames, wheres, rows, times = [], [], [], []
    for i, entry in enumerate(entries):
        frame, time_s, people = i, None, entry
        where = f"{name}, frame {i}"
        if isinstance(entry, dict):
            frame = _frame_number(where, entry.get("frame", i))
            time_s, people = _time_s(where, entry), entry.get(_landmark_key(entry))
        people = people or []
        if not isinstance(people, list):
            raise GaitDataError(f"{where}: expected a list of landmarks, got {type(people).__name__}")
        one = people and (isinstance(people[0], dict) or not (people[0] and isinstance(people[0][0], list | dict)))
        for person in [people] if one else people:
            frames.append(frame)
            times.append(time_s)
            wheres.append(where)
            rows.append(_landmarks(where, person))
    if not rows:
        raise GaitDataError(f"{name}: no frame shows a person")
    keypoints = np.reshape(rows, (-1, len(MEDIAPIPE_JOINTS), 3))
    return _of_mediapipe(name, frames, wheres, keypoints, len(entries), times, size_px, rate_hz)


def _time_s(where, entry: dict) -> float | None:
    for key, factor in (("time_s", 1.0), ("timestamp_ms", 1e-3)):
        if key in entry:
            value = entry[key]
            if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
                raise GaitDataError(f"{where}: '{key}' is {str(value)[:50]!r}, no number")
            return value * factor
    return None


def _landmarks(where, person) -> list:
    """33 times x, y, visibility."""
    n = len(MEDIAPIPE_JOINTS)
    if not isinstance(person, list) or len(person) != n:
        got = f"{len(person)} landmarks" if isinstance(person, list) else type(person).__name__
        raise GaitDataError(f"{where}: {got}, expected {n}")
    made = []
    for k, landmark in enumerate(person):
        if isinstance(landmark, dict):
            landmark = [landmark.get(key) for key in ("x", "y", "visibility")]
        if not isinstance(landmark, list) or len(landmark) not in (3, 4):
            raise GaitDataError(f"{where}, landmark {k}: expected x, y, (z,) visibility")
        made.append([landmark[0], landmark[1], landmark[-1]])
    try:
        return np.array(made, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise GaitDataError(f"{where}: landmarks that are no numbers ({error})") from None


def _of_mediapipe(name, frames, wheres, keypoints, n_frames, times, size_px, rate_hz) -> Detections:
    for where, before, after in zip(wheres[1:], frames, frames[1:], strict=False):
        if after < before:
            raise GaitDataError(f"{where}: frame {after} comes after frame {before}; sort the frames")
    if np.nanmedian(np.abs(keypoints[:, :, :2])) <= 2:  # shares of width and height, not pixels
        if size_px is None:
            raise GaitDataError(
                f"{name}: places are shares of the picture's width and height; give these in px, as columns "
                "'width' and 'height' of the table of clips (or in the .json beside 'frames')"
            )
        keypoints = keypoints * (*size_px, 1)
    keypoints = _checked(wheres, keypoints[:, coco_places(MEDIAPIPE_JOINTS)])
    timed = [time_s is not None for time_s in times]
    if any(timed) and not all(timed):
        raise GaitDataError(f"{wheres[timed.index(False)]}: no time, where other frames have one")
    return _detections(name, frames, keypoints, n_frames, times if all(timed) else None, rate_hz)


def _mediapipe_csv(tree, name, size_px) -> Detections:
    """A row a frame: <landmark>_x, _y, _visibility by name or number, and frame, time_s, timestamp_ms if known."""
    columns = {}

    def row_format(name, first_row):
        cells = [cell.strip().strip('"').lower() for cell in first_row.decode("latin-1").split(",")]
        columns.update({cell: place for place, cell in enumerate(cells)})
        return RowFormat(b"," * (len(cells) - 1), "33 landmarks x, y, visibility", header=True)

    made, rows = load_files(tree, [name], row_format, lambda name, table, row: table, skip_bad=True)
    if not made:
        raise GaitDataError(rows[0]["reason"])
    table, places = made[name], []
    for k, joint in enumerate(MEDIAPIPE_JOINTS):
        for part in ("x", "y", "visibility"):
            place = columns.get(f"{joint}_{part}", columns.get(f"{k}_{part}"))
            if place is None:
                raise GaitDataError(f"{name}, row 1: no column '{joint}_{part}' (or '{k}_{part}')")
            places.append(place)
    keypoints = table[:, places].reshape(len(table), -1, 3)
    numbers = table[:, columns["frame"]] if "frame" in columns else np.arange(len(table))
    if (odd := ~((numbers >= 0) & (numbers < LARGEST_NUMBER) & (numbers % 1 == 0))).any():
        raise GaitDataError(f"{name}, row {odd.argmax() + 2}: the frame is {numbers[odd.argmax()]}, no whole number")
    times = [None] * len(table)
    for column, factor in (("time_s", 1.0), ("timestamp_ms", 1e-3)):
        if column in columns:
            times = list(table[:, columns[column]] * factor)
    if not np.isfinite(keypoints[:, :, :2]).any():
        raise GaitDataError(f"{name}: no frame shows a person")
    wheres = [f"{name}, row {row + 2}" for row in range(len(table))]
    return _of_mediapipe(name, numbers.astype(int).tolist(), wheres, keypoints, len(table), times, size_px, None)
