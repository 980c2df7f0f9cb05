"""Clips of walking people as pose: what a detector found in each frame of a video.

Layout: a folder or .zip with ``clips.csv`` (``clip``, ``subject``, ``label``; where they are known ``walk``, ``view``,
``rate_hz``, ``width`` and ``height`` of the picture; further columns become those of the trial table) and each clip
beside it as a file or folder of that name, in any of

- COCO: ``<clip>.json``, a list of frames or detections with 51 ``keypoints`` and, where there are several in a frame or
  frames left out, an ``image_id``;
- AlphaPose: ``<clip>.json`` or ``<clip>/alphapose-results.json``, with 17, 26 or 136 joints;
- OpenPose: ``<clip>/*_<frame number>_keypoints.json``, BODY_25 or COCO-18;
- MediaPipe: ``<clip>.json``, a list of frames with 33 landmarks (x, y, visibility), or ``<clip>.csv`` with columns
  ``nose_x``, ``nose_y``, ``nose_visibility`` and so on. Its places are shares of the picture: width and height must be
  known.

A list of frames may stand under "frames" in a .json that also holds "rate_hz", "width" and "height".

References
----------
Lin T.-Y. and others (2014). Microsoft COCO: common objects in context. ECCV, 740-755.
https://doi.org/10.1007/978-3-319-10602-1_48

Cao Z. and others (2021). OpenPose: realtime multi-person 2D pose estimation using part affinity fields. IEEE
Transactions on Pattern Analysis and Machine Intelligence 43(1), 172-186. https://doi.org/10.1109/TPAMI.2019.2929257

Fang H.-S. and others (2023). AlphaPose: whole-body regional multi-person pose estimation and tracking in real-time.
IEEE Transactions on Pattern Analysis and Machine Intelligence 45(6), 7157-7173. https://doi.org/10.1109/TPAMI.2022.3222784

Bazarevsky V. and others (2020). BlazePose: on-device real-time body pose tracking.
https://doi.org/10.48550/arXiv.2006.10204
"""

import io
import numbers
import posixpath
import time
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from gaitlib.datasets.tools import pose_people
from gaitlib.datasets.tools.files import FileTree, open_tree
from gaitlib.datasets.tools.imu_files import numbers_or_text
from gaitlib.datasets.tools.number_tables import REMEDY
from gaitlib.datasets.tools.pose_files import CLIP_ENDINGS, Detections, find_clips, read_clip
from gaitlib.datasets.tools.written_folder import synthetic_marks
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.repair import FEWEST_FRAMES
from gaitlib.trials import TrialSet
from gaitlib.trials.columns import make_table
from gaitlib.trials.conventions import COCO_JOINTS, PICTURE_UNIT, pose_channels
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME, SYNTHETIC_NAME = "pose clips", "SYNTHETIC pose clips"
TABLE = "clips.csv"
NEEDED = ("clip", "subject", "label")
NUMBERS = ("rate_hz", "width", "height")
OWN_COLUMNS = ("trial", "source")  # of the trial table
LONGEST_AWAY_S = 10.0  # without the walker, within a clip


def recognises(names: list[str]) -> bool:
    """Whether a tree holds a table of clips."""
    return any(PurePosixPath(name).name == TABLE for name in names)


def load_pose(path, table=None, rate_hz=None, skip_bad: bool = False, walker="furthest") -> TrialSet:
    """Load clips of pose; :func:`gaitlib.load_trials` does so without options.

    Whatever the detector, a clip becomes the 17 joints of COCO of one person. A joint that was not found (without
    confidence, or at 0, 0, as detectors write it) is NaN with confidence 0. Of several people the one who moves
    furthest, relative to their size, is taken, or the largest (:func:`gaitlib.datasets.tools.pose_people.walker`).
    Frames in which this person was not found are kept as missing, at the ends of a clip they are cut; the report counts
    both, and the clips with several people. Confidences slightly above 1 become 1.

    Parameters
    ----------
    path : str or Path
        A folder or .zip of clips, or the .json or .csv of a single one, whose name is then its subject's, too.
    table : str, Path or pandas.DataFrame, optional
        The table of clips. Default: ``clips.csv`` in the folder; names of clips are relative to where it is.
    rate_hz : float, optional
        Of the videos, for clips of which neither their file (``time_s``, ``timestamp_ms``, ``rate_hz``) nor a column
        ``rate_hz`` of the table tells it.
    skip_bad : bool
        Leave bad clips out and list them in the report. By default the first bad clip raises.
    walker : {"furthest", "largest"}
        Which of several people is taken; "largest" where somebody walks on the spot, as on a treadmill.

    Returns
    -------
    TrialSet
        Modality "pose" in px, y downwards, 51 channels ``<joint>_x``, ``<joint>_y``, ``<joint>_confidence``. The trial
        is the clip; its walk the column "walk" within the subject, else itself. All clips of a patient share the
        subject, so that protocols for new people never split them.

    Raises
    ------
    GaitDataError
        For the first bad clip, naming file and frame; for clips without a row in the table and rows without a clip.
    """
    if rate_hz is not None and not (isinstance(rate_hz, numbers.Real) and 0 < rate_hz < np.inf):
        raise GaitDataError(f"rate_hz must be a number above 0, not {rate_hz!r}")
    file = Path(path).expanduser()
    if file.suffix.lower() not in CLIP_ENDINGS or not file.is_file():
        return load(open_tree(path), skip_bad, table, rate_hz, walker)
    tree = FileTree(file.parent, [file.name], (), {file.name: file.stat().st_size})
    return load(tree, skip_bad, one_clip(file.stem) if table is None else table, rate_hz, walker)


def one_clip(name: str) -> pd.DataFrame:
    """The table of clips of a single one, of whom nothing is known."""
    return pd.DataFrame({"clip": [name], "subject": [name], "label": [""]})


def load(tree: FileTree, skip_bad: bool = False, table=None, rate_hz=None, walker="furthest") -> TrialSet:
    """Read the clips of a tree: :func:`load_pose`."""
    began = time.perf_counter()
    told, where, folder = _read_table(tree, table)
    inside = {name: name[len(folder) :] for name in tree.names if name.startswith(folder) and name != folder + TABLE}
    clips = find_clips(inside.values())
    marks = synthetic_marks(inside.values())
    used = {name for files in clips.values() for name in files}
    ignored = sorted(set(tree.names) - {name for name, short in inside.items() if short in used | marks} - {where})
    rows, made, kept = [], [], []
    for i, clip in enumerate(told["clip"]):
        key = clip if clip in clips else posixpath.splitext(clip)[0]
        row = {"file": folder + (clips[key][0] if len(clips.get(key, ())) == 1 else key)}
        rows.append(row)
        try:
            if key not in clips:
                raise GaitDataError(f"{where}, row {i + 2}: there is no clip '{clip}'; add it, or take the row out")
            files = [folder + name for name in clips.pop(key)]
            made.append(_make_clip(tree, files, told.iloc[i], rate_hz, walker, row))
            kept.append(i)
        except GaitDataError as error:
            _skip(row, error, skip_bad)
    for key, files in clips.items():
        row = {"file": folder + (files[0] if len(files) == 1 else key)}
        rows.append(row)
        _skip(
            row, GaitDataError(f"{row['file']}: a clip without a row in {where}; add one, with its subject"), skip_bad
        )
    if not made:
        raise GaitDataError(f"{tree.path}: no usable clip; {next((r['reason'] for r in rows), 'the table is empty')}")
    values, frames, times = (object_array(column) for column in zip(*made, strict=True))
    sources = [rows[i]["file"] for i in kept]
    pose = Modality("sequence", pose_channels(), PICTURE_UNIT, values, frames, times)
    report = LoadReport.from_rows(rows, ignored, time.perf_counter() - began)
    return TrialSet(_table(told.iloc[kept], sources), {"pose": pose}, SYNTHETIC_NAME if marks else NAME, report=report)


def _skip(row, error, skip_bad) -> None:
    if not skip_bad:
        raise GaitDataError(f"{error}; {REMEDY}") from None
    row |= {"status": "skipped", "reason": str(error)}


def _read_table(tree: FileTree, table) -> tuple[pd.DataFrame, str, str]:
    """The table of clips as text, its name, and the folder that its clips lie in ("" or ending in "/")."""
    folder = ""
    if isinstance(table, pd.DataFrame):
        where, told = "the table", table.astype(object).where(table.notna(), "").astype(str)
    else:
        if table is None:
            found = [name for name in tree.names if PurePosixPath(name).name == TABLE]
            if len(found) != 1:
                said = f"{len(found)} tables of clips" if found else f"no table of clips ({TABLE}: {', '.join(NEEDED)})"
                raise GaitDataError(f"{tree.path}: {said}; write one, or give it as table=")
            where, content = found[0], tree.read(found[0])
            folder = where[: -len(TABLE)]
        else:
            where = str(table)
            try:
                with open(table, "rb") as file:
                    content = file.read()
            except (OSError, TypeError) as error:
                raise GaitDataError(f"{where}: cannot be read ({error}); give the path of a .csv as table=") from None
        try:
            told = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except ValueError as error:
            raise GaitDataError(f"{where}: no table with a header ({error})") from None
        if not isinstance(told.index, pd.RangeIndex):
            raise GaitDataError(f"{where}: rows of more columns than the header names")
    told = told.rename(columns=lambda c: str(c).strip()).apply(lambda column: column.str.strip())
    return _checked_table(told.reset_index(drop=True), where), where, folder


def _checked_table(told, where) -> pd.DataFrame:
    if lost := [column for column in NEEDED if column not in told]:
        raise GaitDataError(f"{where}, row 1: no column '{lost[0]}' among {', '.join(told)}")
    if not told.columns.is_unique or (clash := [c for c in OWN_COLUMNS if c in told]):
        one = (
            f"'{clash[0]}' would replace that of the trial table" if told.columns.is_unique else "a name is there twice"
        )
        raise GaitDataError(f"{where}, row 1: columns {', '.join(told)}: {one}; rename it")
    for column in ("clip", "subject"):
        if (empty := told[column] == "").any():
            raise GaitDataError(f"{where}, row {empty.argmax() + 2}: no {column}")
    if (twice := told["clip"].duplicated()).any():
        raise GaitDataError(f"{where}, row {twice.argmax() + 2}: '{told['clip'][twice.argmax()]}' is there twice")
    for column in NUMBERS:
        if column in told:
            number = pd.to_numeric(told[column].replace("", np.nan), errors="coerce")
            wrong = (told[column] != "") & ~((number > 0) & (number < np.inf))
            if wrong.any():
                row = wrong.argmax()
                raise GaitDataError(
                    f"{where}, row {row + 2}, column '{column}': no number above 0: {told[column][row]!r}"
                )
            told[column] = number
    return told


def _make_clip(tree, files, told, rate_hz, rule, row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (frames, 51), frame numbers and times of one clip; counts go into its row of the report."""
    size = tuple(told.get(side, np.nan) for side in NUMBERS[1:])
    found = read_clip(tree, files, size if np.isfinite(size).all() else None)
    detected_s = _times(row["file"], found, told.get("rate_hz", np.nan), rate_hz)
    chosen, n_people = pose_people.walker(detected_s, found.keypoints, rule)
    seen, time_s, keypoints = found.frame[chosen], detected_s[chosen], found.keypoints[chosen]
    if len(seen) < FEWEST_FRAMES:
        raise GaitDataError(
            f"{row['file']}: one person is seen in {len(seen)} of {found.n_frames} frames; expected at least "
            f"{FEWEST_FRAMES}"
        )
    if (away := np.diff(time_s) > LONGEST_AWAY_S).any():
        raise GaitDataError(
            f"{row['file']}: nobody from frame {seen[away.argmax()]} to {seen[away.argmax() + 1]}; make two clips of it"
        )
    frames = np.arange(seen[0], seen[-1] + 1, np.gcd.reduce(np.diff(seen)))
    place = np.searchsorted(frames, seen)
    values = np.full((len(frames), len(COCO_JOINTS), 3), (np.nan, np.nan, 0), np.float32)
    values[place] = keypoints
    row |= {
        "status": "ok",
        "frames_read": found.n_frames,
        "frames_kept": len(frames),
        "missing": int((keypoints[:, :, 2] == 0).sum()),
        "unseen": len(frames) - len(seen),
        "others": int(n_people > 1),
    }
    return values.reshape(len(frames), -1), frames, np.interp(frames, seen, time_s)


def _times(file: str, found: Detections, of_table, of_all) -> np.ndarray:
    """The time of each detection (s): by the file, its row of the table, or the rate that is given for all."""
    if found.time_s is None:
        rate_hz = found.rate_hz or (of_table if np.isfinite(of_table) else of_all)
        if rate_hz is None:
            raise GaitDataError(
                f"{file}: nothing tells the frame rate of the video; write it into a column 'rate_hz' of the table of "
                "clips, or give gaitlib.load_pose(path, rate_hz=...)"
            )
        return found.frame / rate_hz
    new = np.diff(found.frame, prepend=-1) > 0
    bad = ~np.isfinite(found.time_s) | (new & (np.diff(found.time_s, prepend=-np.inf) <= 0))
    if bad.any():
        raise GaitDataError(f"{file}, frame {found.frame[bad.argmax()]}: the time does not advance")
    return found.time_s


def _table(told, sources) -> pd.DataFrame:
    walk = None
    if "walk" in told:
        walk = told["walk"].where(told["walk"] != "", told["clip"]).tolist()
    label = [text or None for text in told["label"]]
    others = [column for column in told if column not in (*NEEDED, "walk")]
    table = make_table(told["subject"].tolist(), walk, label, None, told["clip"].tolist(), "refuse")
    added = {c: (told[c] if c in NUMBERS else numbers_or_text(told[c])).to_numpy() for c in others}
    return table.assign(source=sources, **added)
