"""Read the frames of a video upright, each with its own time, by OpenCV."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gaitlib.errors import GaitDataError

VIDEOS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
INSTALL = "pip install 'gaitlib[video]'"
THINNED = 32  # every so manieth pixel tells whether the scene changes
CUT = 0.3  # 1 - correlation with the frame before: a light that goes on or off (below 0.1) is no cut
UNEVEN = 0.1  # of the median time from one frame to the next


@dataclass
class Video:
    """A video and, once its frames were read, what is to be said of them.

    Attributes
    ----------
    path : Path
    size_px : (width, height)
        Upright.
    n_announced : int
        Frames by the header, which may be wrong or 0.
    rotated_deg : int
        By the rotation flag of the file, which the frames follow.
    time_s : list of float
        Of the frames that were read.
    non_advancing : int
        Frames left out because their time is not later than that of the frame before.
    changes : list of float
        To each frame from that before: 1 - the correlation of their pixels.
    """

    path: Path
    size_px: tuple[int, int] = (0, 0)
    n_announced: int = 0
    rotated_deg: int = 0
    time_s: list = field(default_factory=list)
    non_advancing: int = 0
    changes: list = field(default_factory=list)

    def frames(self):
        """Number, time (s) and picture (height, width, 3; RGB) of each frame, as they are read.

        Raises
        ------
        GaitDataError
            If OpenCV is missing, or the file is no video that it reads.
        """
        capture, cv2 = self._open()
        last_s, thin, number = -np.inf, None, -1
        try:
            while True:
                read, picture = capture.read()
                if not read:
                    break
                number, time_s = number + 1, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if not time_s > last_s:
                    self.non_advancing += 1
                    continue
                before, thin, last_s = thin, picture[::THINNED, ::THINNED].astype(float), time_s
                self.size_px = picture.shape[1::-1]
                self.time_s.append(time_s)
                self.changes.append(0.0 if before is None else _change(before, thin))
                yield number, time_s, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        finally:
            capture.release()
        if not self.time_s:
            raise GaitDataError(f"{self.path}: no frame can be read; {self._remedy()}")

    def cuts(self) -> np.ndarray:
        """Places among the frames that were read at which another scene begins."""
        return np.flatnonzero(np.array(self.changes) > CUT)

    def uneven(self) -> bool:
        """Whether the frame rate varies."""
        steps = np.diff(self.time_s)
        return bool(len(steps) and (np.abs(steps - np.median(steps)) > UNEVEN * np.median(steps)).any())

    def _open(self):
        cv2 = opencv()
        if not self.path.is_file():
            raise GaitDataError(f"{self.path}: no such video")
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise GaitDataError(f"{self.path}: cannot be read as a video; {self._remedy()}")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.n_announced = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.rotated_deg = int(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        return capture, cv2

    def _remedy(self) -> str:
        return "copy it again, or convert it to .mp4 (H.264), for instance with ffmpeg"


def _change(before, after) -> float:
    """1 - the correlation of two pictures; 0 of two without any contrast."""
    before, after = before - before.mean(), after - after.mean()
    sizes = np.linalg.norm(before) * np.linalg.norm(after)
    return 1 - float((before * after).sum() / sizes) if sizes else float((before - after).any())


def frames_at(path, numbers) -> dict[int, np.ndarray]:
    """Some pictures of a video by their frame numbers, (height, width, 3), RGB, upright.

    Raises
    ------
    GaitDataError
        If the file is no video that OpenCV reads, or ends before one of them.
    """
    wanted, found = set(map(int, numbers)), {}
    for number, _, picture in Video(Path(path)).frames():
        if number in wanted:
            found[number] = picture
        if len(found) == len(wanted):
            return found
    raise GaitDataError(f"{path}: there is no frame {min(wanted - set(found))}; this is another video")


def opencv():
    """The module ``cv2``, which mediapipe brings.

    Raises
    ------
    GaitDataError
        If it is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise GaitDataError(f"videos need OpenCV and mediapipe: {INSTALL}") from error
    return cv2
