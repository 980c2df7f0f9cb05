"""Steps for pose, the joints of one person in a picture: x, y and confidence of each, NaN and 0 where it was not seen.

Place them as ``MaskFace(), NormalisePose(), FillPose()``.
"""

import numbers
from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.repair import LONGEST_STEP_S
from gaitlib.preprocessing.step import Step, sequence
from gaitlib.trials.conventions import BODY_UNIT, FACE_JOINTS, PICTURE_UNIT, POSE_PARTS, joint_columns

SIDES = ("left", "right")
TRAVEL = 0.5  # body heights, from which on the way tells where somebody faces
SIDE_ON = 0.12  # body heights between the shoulders, below which somebody is seen from the side


class _PoseStep(Step):
    """A step with one parameter, the name of the modality."""

    def __init__(self, modality="pose"):
        self.modality = modality

    def _pose(self, trials, unit=None):
        """The modality, and its columns (joints, 3): x, y and confidence.

        Raises
        ------
        GaitDataError
            If its channels are not those of a pose, or its unit is another.
        """
        m, own = sequence(trials, self.modality), type(self).__name__
        columns = np.array([joint_columns(m.channels, c[:-2], POSE_PARTS) for c in m.channels if c.endswith("_x")])
        if columns.size != len(m.channels):
            raise GaitDataError(f"{own} reads x, y and confidence of joints only, as gaitlib.load_pose gives them")
        if unit is not None and m.unit != unit:
            order = "MaskFace(), NormalisePose(), FillPose()"
            raise GaitDataError(f"{own} reads a pose in {unit}, '{self.modality}' is in '{m.unit}'; place {order}")
        return m, columns


class MaskFace(_PoseStep):
    """Take eyes and ears out: NaN with confidence 0.

    No skeleton has them, and how well they are seen tells where a recording comes from. The nose stays.

    Parameters
    ----------
    modality : str
    """

    def _transform(self, trials):
        m, _ = self._pose(trials)
        face = [joint_columns(m.channels, j, POSE_PARTS) for j in FACE_JOINTS if f"{j}_x" in m.channels]

        def mask(v):
            v = v.copy()
            for *xy, confidence in face:
                v[:, xy], v[:, confidence] = np.nan, 0
            return v

        return trials.with_modality(self.modality, m.map(mask))


class NormalisePose(_PoseStep):
    """Make picture coordinates comparable: mid hip as the origin, body height as the unit, walking to the right.

    - **Origin**: the middle of the hips, frame by frame. A hip that is not seen is interpolated for this (at the ends
      the nearest is held); it stays missing as a joint.
    - **Unit**: the body height of the clip, :func:`body_height`.
    - **Facing**: the picture is mirrored where the mid hip travels to the left, from the first to the last tenth of
      the frames. Where it travels less than half a body height (a treadmill) and the body is seen from the side
      (shoulders less than 0.12 body heights apart in x, in the mean), where the knees bend to the left. Seen from the
      front nothing is mirrored. Joints keep their names: the left knee stays the left knee. (The knees of projected
      Kinect walks, side view, tell 99 of 100 directions, the head in front of the hips no more than chance.)
    - **y** points upwards.

    Missing joints stay missing. Each clip is measured by itself: nothing is learnt from others.

    Parameters
    ----------
    modality : str
        In pixels, y downwards.

    Raises
    ------
    GaitDataError
        On ``transform``, where the unit is another, or a clip never shows a hip, or nose and ankle in one frame.
    """

    def _transform(self, trials):
        m, columns = self._pose(trials, PICTURE_UNIT)
        x, y = columns[:, 0], columns[:, 1]
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            found = values[i].astype(float)
            origin = self._mid_hip(trial, found, m.channels, m.frames[i])
            height = body_height(found, m.channels)
            if not height > 0:
                raise GaitDataError(
                    f"{trial}, '{self.modality}': no frame shows nose and ankle, so there is no body height; leave "
                    "this clip out"
                )
            facing = _facing(found, m.channels, origin[:, 0], height)
            found[:, x] = facing * (found[:, x] - origin[:, :1]) / height
            found[:, y] = (origin[:, 1:] - found[:, y]) / height
            values[i] = found.astype(np.float32)
        return trials.with_modality(self.modality, replace(m, values=values, unit=BODY_UNIT))

    def _mid_hip(self, trial, found, channels, frames) -> np.ndarray:
        """Where the middle of the hips is, (frames, 2)."""
        hips = []
        for side in SIDES:
            hip = _place(found, channels, f"{side}_hip")
            seen = np.isfinite(hip).all(axis=1)
            if seen.any():
                hips.append(np.column_stack([np.interp(frames, frames[seen], axis[seen]) for axis in hip.T]))
        if not hips:
            raise GaitDataError(f"{trial}, '{self.modality}': no frame shows a hip; leave this clip out")
        return np.mean(hips, axis=0)


def _facing(found, channels, origin_x, height) -> int:
    """1 where somebody faces the right, or it cannot be told, -1 where the left."""
    tenth = max(1, len(origin_x) // 10)
    travel = origin_x[-tenth:].mean() - origin_x[:tenth].mean()
    if abs(travel) >= TRAVEL * height:
        return 1 if travel > 0 else -1
    left, right = (_place(found, channels, f"{side}_shoulder") for side in SIDES)
    if not _mean(np.abs(left - right)[:, 0]) < SIDE_ON * height:
        return 1
    bend = np.concatenate([_knee_bend(found, channels, side) for side in SIDES])
    return -1 if _mean(bend) < 0 else 1


def _knee_bend(found, channels, side) -> np.ndarray:
    """How far to the right of the line from hip to ankle the knee lies, (frames,)."""
    hip, knee, ankle = (_place(found, channels, f"{side}_{joint}") for joint in ("hip", "knee", "ankle"))
    (leg_x, leg_y), (x, y) = (ankle - hip).T, (knee - hip).T
    return (x * leg_y - y * leg_x) / np.maximum(np.hypot(leg_x, leg_y), 1e-9)


def _place(values, channels, joint) -> np.ndarray:
    """x and y of a joint, (frames, 2), float64."""
    return values[:, joint_columns(channels, joint, POSE_PARTS)[:2]].astype(float)


def _mean(numbers) -> float:
    """Of those that are there; NaN where none is."""
    known = numbers[np.isfinite(numbers)]
    return known.mean() if len(known) else np.nan


def body_height(values, channels) -> float:
    """Length from the nose to the middle of the ankles in a picture, the median over the frames that show them.

    About 0.9 of the stature. An ankle that is not seen is left out of the middle.

    Parameters
    ----------
    values : ndarray (frames, channels)
        NaN where a joint is not seen.
    channels : sequence of str

    Returns
    -------
    float
        In the unit of the values; NaN where no frame shows nose and ankle.
    """
    nose, *ankles = (_place(values, channels, joint) for joint in ("nose", "left_ankle", "right_ankle"))
    seen = [np.isfinite(ankle).all(axis=1) for ankle in ankles]
    total = sum(np.where(s[:, None], ankle, 0) for s, ankle in zip(seen, ankles, strict=True))
    whole = (seen[0] | seen[1]) & np.isfinite(nose).all(axis=1)
    middle = total[whole] / (1 * seen[0] + seen[1])[whole, None]
    return float(np.median(np.linalg.norm(nose[whole] - middle, axis=1))) if whole.any() else np.nan


class FillPose(_PoseStep):
    """Give missing joints a place, so that a network can read them; their confidence is 0 and says that it is one.

    Over a short gap each coordinate is interpolated linearly in time. What is still missing stands at the mean place of
    the joint in the clip, a joint that was never seen at the origin (the mid hip).

    Parameters
    ----------
    max_gap_s : float
        Longest time from the frame before a gap to the frame behind it that is interpolated.
    modality : str
        Normalised: at places in the picture, which somebody walks through, the mean of a joint means nothing.

    Raises
    ------
    GaitDataError
        On ``transform``, where the unit is another or times are missing.
    """

    def __init__(self, max_gap_s=LONGEST_STEP_S, modality="pose"):
        self.max_gap_s = max_gap_s
        self.modality = modality

    def _transform(self, trials):
        if not (isinstance(self.max_gap_s, numbers.Real) and 0 <= self.max_gap_s < np.inf):
            raise GaitDataError(f"FillPose needs a longest gap of 0 s or more, not {self.max_gap_s}")
        m, columns = self._pose(trials, BODY_UNIT)
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            if m.time_s[i] is None:
                raise GaitDataError(f"{trial}, '{self.modality}': gaps need times; give rate_hz= or time_s=")
            values[i] = values[i].copy()
            for *xy, confidence in columns:
                seen = np.isfinite(values[i][:, xy]).all(axis=1) & (values[i][:, confidence] > 0)
                values[i][:, xy] = self._filled(values[i][:, xy], seen, m.time_s[i])
                values[i][~seen, confidence] = 0
        return trials.with_modality(self.modality, replace(m, values=values))

    def _filled(self, xy, seen, time_s) -> np.ndarray:
        """The coordinates of one joint, (frames, 2)."""
        if not seen.any():
            return np.zeros_like(xy)
        known_s = time_s[seen]
        after = np.searchsorted(known_s, time_s)  # the seen frame at or behind each frame
        inside = (after > 0) & (after < len(known_s))
        gap_s = np.where(inside, known_s[after * inside] - known_s[after * inside - 1], np.inf)
        short = ~seen & (gap_s <= self.max_gap_s + 1e-6)
        filled = np.where(seen[:, None], xy, xy[seen].mean(axis=0, dtype=float))
        for k in range(2):
            filled[short, k] = np.interp(time_s[short], known_s, xy[seen, k])
        return filled
