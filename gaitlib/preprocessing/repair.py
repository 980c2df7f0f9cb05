"""Find frames that a sensor did not really record. Functions on one trial's arrays."""

import numpy as np

from gaitlib.errors import GaitDataError

LARGEST_COORDINATE_M = 20.0
FEWEST_FRAMES = 10
LONGEST_STEP_S = 0.2  # a longer pause between two frames is counted as a gap


def garbage_frames(values, limit: float) -> np.ndarray:
    """Frames of uninitialised memory, missing numbers, or values out of range.

    A frame is garbage if any value is not finite, larger than ``limit`` in size, or non-zero but below 1e-30
    (memory read as a denormal number), or if any joint stands at exactly (0, 0, 0).

    Parameters
    ----------
    values : ndarray (frames, 3 * joints)
        Joint positions.
    limit : float
        Largest believable size, in the unit of the values.

    Returns
    -------
    ndarray of bool (frames,)
    """
    values = np.asarray(values)
    joint_at_zero = (values.reshape(len(values), values.shape[1] // 3, 3) == 0).all(axis=2)
    size = np.abs(values)
    with np.errstate(invalid="ignore"):
        unbelievable = ~(size <= limit) | ((size > 0) & (size < 1e-30))
    return unbelievable.any(axis=1) | joint_at_zero.any(axis=1)


def unwrap_minute(time_s) -> tuple[np.ndarray, int]:
    """Undo the fall from 59 to 0 of a clock that gives the second within the minute.

    Returns
    -------
    time_s : ndarray (frames,)
        Seconds that go on counting.
    wraps : int
        How many falls by more than half a minute were undone.

    Examples
    --------
    >>> unwrap_minute([59.9, 0.0, 0.1])
    (array([59.9, 60. , 60.1]), 1)
    """
    time_s = np.asarray(time_s, dtype=np.float64)
    wrapped = np.diff(time_s, prepend=time_s[:1]) < -30
    return time_s + 60.0 * np.cumsum(wrapped), int(wrapped.sum())


def advancing_frames(time_s) -> np.ndarray:
    """Frames whose time is later than that of every frame before them, bool (frames,).

    Examples
    --------
    >>> advancing_frames([0.0, 0.1, 0.1, 0.05, 0.2])
    array([ True,  True, False, False,  True])
    """
    time_s = np.asarray(time_s, dtype=np.float64)
    latest = np.fmax.accumulate(np.concatenate([[-np.inf], time_s]))  # fmax passes over NaN, which is never later
    return time_s > latest[:-1]


def count_gaps(time_s) -> int:
    """Pauses of more than 0.2 s between consecutive frames."""
    return int((np.diff(time_s) > LONGEST_STEP_S).sum())


def usable_frames(name: str, time_s, row: dict) -> np.ndarray:
    """Frames that are no garbage and whose time advances; counts go into a file's row of the report.

    Parameters
    ----------
    name : str
        The file, for the error.
    time_s : ndarray (frames,)
        NaN at garbage frames.
    row : dict
        Gets ``frames_read``, ``garbage``, ``non_advancing``, ``frames_kept`` and ``gaps``.

    Returns
    -------
    ndarray of int (frames kept,)

    Raises
    ------
    GaitDataError
        If under 10 frames or under half of them are left.
    """
    frames = np.flatnonzero(advancing_frames(time_s))
    garbage = int(np.isnan(time_s).sum())
    row |= {
        "frames_read": len(time_s) + row.get("cut_rows", 0),
        "garbage": garbage,
        "non_advancing": len(time_s) - garbage - len(frames),
        "frames_kept": len(frames),
        "gaps": count_gaps(time_s[frames]),
    }
    if len(frames) < max(FEWEST_FRAMES, len(time_s) / 2):
        raise GaitDataError(
            f"{name}: {len(frames)} usable frames of {len(time_s)} ({garbage} garbage, "
            f"{row['non_advancing']} without a later time); expected at least {FEWEST_FRAMES} and half of them"
        )
    return frames
