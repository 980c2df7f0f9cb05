"""Videos of walking people as pose, by MediaPipe's Pose Landmarker.

References
----------
Bazarevsky V. and others (2020). BlazePose: on-device real-time body pose tracking.
https://doi.org/10.48550/arXiv.2006.10204
"""

import hashlib
import importlib.metadata
import json
import numbers
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gaitlib.datasets import pose
from gaitlib.datasets.tools import landmarker, video_frames
from gaitlib.datasets.tools.files import FileTree, fingerprint
from gaitlib.datasets.tools.video_frames import INSTALL, VIDEOS
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import POSE_PARTS

CLIP = ".json"  # added to the name of a video: the name of what was found in it
MODEL = "pose_landmarker.task"


def pose_from_video(
    path,
    model=MODEL,
    table=None,
    walker="furthest",
    n_people=2,
    skip_bad: bool = False,
    progress: bool = True,
    use_cache: bool = True,
) -> TrialSet:
    """Pose of the person who walks in a video, or in each video of a folder.

    MediaPipe's Pose Landmarker finds up to ``n_people`` people in each frame, in its video mode. What it finds is kept
    beside the video as ``<video>.json``, in MediaPipe's layout, and read as :func:`gaitlib.load_pose` reads it (which
    can be asked for that file, too): joints of COCO of the one who walks, frames without this person missing. Joints
    beyond the edges of the picture, which the landmarker guesses, are missing. Frames have the times that the file
    gives them, also where its frame rate varies, and are upright, as its rotation flag says. Of a video with cuts the
    shot is kept that shows people longest.

    Nothing is smoothed here. The landmarker itself smooths over time where it looks for one person only
    (``n_people=1``), and then holds on to the first whom it finds, whether this one walks or not.

    Parameters
    ----------
    path : str or Path
        A video, or a folder of videos with a table of clips as :func:`gaitlib.load_pose` reads it.
    model : str or Path
        File of weights, from https://ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker#models.
    table : str, Path or pandas.DataFrame, optional
        Of the clips: ``clip`` (the name of the video), ``subject``, ``label`` and further columns. Default:
        ``clips.csv`` in the folder; a single video is its own subject, without a label.
    walker : {"furthest", "largest"}
        Which of several people is taken: who moves furthest, in sizes of their own, or who is the largest in the
        picture (on a treadmill).
    n_people : int
        How many people are looked for in a frame; each takes time.
    skip_bad : bool
        Leave bad videos out and list them in the report. By default the first bad one raises.
    progress : bool
    use_cache : bool
        Take what is kept beside a video where video, weights, settings and this code are the same, and keep it. Where
        it cannot be written, a note of the report says so.

    Returns
    -------
    TrialSet
        As of :func:`gaitlib.load_pose`: modality "pose" in px, y downwards. The report counts what was found.

    Raises
    ------
    GaitDataError
        If mediapipe or the weights are missing, a video cannot be read, or shows nobody for 1.5 s.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise GaitDataError(f"{path}: no such video or folder")
    if isinstance(n_people, bool) or not isinstance(n_people, numbers.Integral) or n_people < 1:
        raise GaitDataError(f"n_people is how many people are looked for, 1 or more, not {n_people!r}")
    if path.is_file():
        names, table = [path.name], pose.one_clip(path.name) if table is None else table
        folder = path.parent
    else:
        folder, names = path, [name for name, *_ in fingerprint(path) if is_video(name)]
        if not names:
            raise GaitDataError(f"{path}: no video in it; known endings are {', '.join(VIDEOS)}")
    tables = {pose.TABLE: (path / pose.TABLE).stat().st_size} if table is None and (path / pose.TABLE).is_file() else {}
    files = [*tables, *(name + CLIP for name in names)]
    tree = _Videos(folder, files, (), tables, None, Path(model).expanduser(), int(n_people), progress, use_cache)
    loaded = pose.load(tree, skip_bad, table, walker=walker)
    return replace(loaded, report=_with_counts(loaded, tree))


def is_video(path) -> bool:
    """Whether the ending of a file is that of a video."""
    return Path(path).suffix.lower() in VIDEOS


def holds_videos(path) -> bool:
    """Whether a path is a video, or a folder with one, and so is read by :func:`pose_from_video`."""
    path = Path(path).expanduser()
    return any(is_video(name) for name, *_ in fingerprint(path)) if path.is_dir() else is_video(path)


def file_of(path, trial) -> Path:
    """The video that a trial of :func:`pose_from_video` comes from."""
    path = Path(path).expanduser()
    return path / trial.table["source"].iloc[0].removesuffix(CLIP) if path.is_dir() else path


@dataclass(frozen=True)
class _Videos(FileTree):
    """Videos as the files that a detector would have written of them: read one, and people are looked for."""

    model: Path = Path(MODEL)
    n_people: int = 2
    progress: bool = True
    use_cache: bool = True
    counts: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)

    def read(self, name: str) -> bytes:
        if name in self.sizes:  # the table
            return super().read(name)
        video, file = self.path / name.removesuffix(CLIP), self.path / name
        key = self._key(video)
        found = _kept(file) if self.use_cache else None
        if found is None or found["made_from"] != key:
            found = landmarker.find_people(video, self.model, self.n_people, self.progress) | {"made_from": key}
            if self.use_cache:
                self._keep(file, landmarker.as_json(found))
        self.counts[name] = found["found"]
        return landmarker.as_json(found)

    def _key(self, video) -> dict:
        """All that the result depends on; the weights may no longer be there."""
        try:
            with open(video, "rb") as file:
                content = hashlib.file_digest(file, "blake2b").hexdigest()[:32]
        except OSError as error:
            raise GaitDataError(f"{video}: cannot be read ({error.strerror})") from error
        code = b"".join(Path(m.__file__).read_bytes() for m in (landmarker, video_frames))
        weights = self.model.read_bytes() if self.model.is_file() else b""
        return {
            "video": content,
            "weights": _digest(weights),
            "n_people": self.n_people,
            "code": _digest(code),
            "mediapipe": _version(),
        }

    def _keep(self, file, content) -> None:
        """Write beside the video what was found; what somebody else wrote there stays."""
        try:
            if file.exists() and _kept(file) is None:
                raise OSError("another file of that name is there")
            with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as folder:
                (Path(folder) / file.name).write_bytes(content)
                os.replace(Path(folder) / file.name, file)
        except OSError as error:
            reason = error.strerror or error
            self.notes.append(f"{file} was not kept ({reason}): people will be looked for again the next time")


def _kept(file) -> dict | None:
    """What :meth:`_Videos._keep` wrote before; None where that is damaged, missing or somebody else's."""
    try:
        told = json.loads(file.read_bytes())
        return told if {"made_from", "found", "frames"} <= set(told) else None
    except (OSError, ValueError, TypeError):
        return None


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _version() -> str:
    try:
        return importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError as error:
        raise GaitDataError(f"finding people in a video needs mediapipe: {INSTALL}") from error


def _with_counts(loaded, tree):
    """The report, with what was found in each video."""
    report, m = loaded.report, loaded.modality("pose")
    of_file = dict(zip(loaded.table["source"], map(_frames_outside, m.values), strict=True))
    files = report.files.copy()
    for count in ("nobody", "cuts", "rotated", "variable_rate", "non_advancing"):
        files[count] = [tree.counts.get(name, {}).get(count, 0) for name in files["file"]]
    files["outside"] = [of_file.get(name, 0) for name in files["file"]]
    return replace(report, files=files, notes=(*report.notes, *tree.notes))


def _frames_outside(values) -> int:
    """Frames that show some joints of the walker: the landmarker places all, so others are beyond the edges."""
    seen = np.isfinite(values[:, :: len(POSE_PARTS)])
    return int((seen.any(axis=1) & ~seen.all(axis=1)).sum())
