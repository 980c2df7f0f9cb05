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
    return np.any(list(_broken_rules(values, limit).values()), axis=0)


def _broken_rules(values, limit) -> dict[str, np.ndarray]:
    """Which frames break which rule, bool (frames,), by the rule in words."""
    values = np.asarray(values)
    joint_at_zero = (values.reshape(len(values), values.shape[1] // 3, 3) == 0).all(axis=2)
    size = np.abs(values)
    with np.errstate(invalid="ignore"):
        return {
            "not finite": ~np.isfinite(values).all(axis=1),
            f"beyond {limit:g}": (np.isfinite(values) & (size > limit)).any(axis=1),
            "below 1e-30, which is memory that was never written": ((size > 0) & (size < 1e-30)).any(axis=1),
            "a joint at exactly (0, 0, 0)": joint_at_zero.any(axis=1),
        }


def why_garbage(values, limit: float, joints) -> str:
    """The rule that most frames break, and what is the likely reason.

    Parameters
    ----------
    values : ndarray (frames, 3 * joints)
    limit : float
    joints : sequence of str

    Returns
    -------
    str
        Empty where no frame is garbage.

    Examples
    --------
    >>> why_garbage(np.full((3, 6), 900.0), 20, ["pelvis", "head"])
    '3 of 3 frames are beyond 20; the positions look like millimetres: divide them by 1000'
    """
    values = np.asarray(values)
    broken = {rule: frames.sum() for rule, frames in _broken_rules(values, limit).items()}
    rule, n = max(broken.items(), key=lambda item: item[1], default=("", 0))
    if not n:
        return ""
    said = f"{n} of {len(values)} frames are {rule}".replace("are a joint", "have a joint")
    if rule.startswith("beyond"):
        typical = np.nanmedian(np.abs(values[np.isfinite(values).all(axis=1)]))
        for unit, factor in (("centimetres", 100), ("millimetres", 1000)):
            if limit / 100 < typical / factor < limit / 4:  # where people stand before a camera
                return f"{said}; the positions look like {unit}: divide them by {factor}"
    if rule.startswith("a joint"):
        at_zero = (values.reshape(len(values), -1, 3) == 0).all(axis=2).sum(axis=0)
        joint = joints[at_zero.argmax()]
        return (
            f"{said}, mostly '{joint}': it was never tracked (leave it out of the file's joints) or is the origin of "
            "the positions (give them in the camera's or the world's frame)"
        )
    return said


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


def usable_frames(name: str, time_s, row: dict, why=str) -> np.ndarray:
    """Frames that are no garbage and whose time advances; counts go into a file's row of the report.

    Parameters
    ----------
    name : str
        The file, for the error.
    time_s : ndarray (frames,)
        NaN at garbage frames.
    row : dict
        Gets ``frames_read``, ``garbage``, ``non_advancing``, ``frames_kept`` and ``gaps``.
    why : callable
        Says what is wrong with the garbage, for the error; asked only then.

    Returns
    -------
    ndarray of int (frames kept,)

    Raises
    ------
    GaitDataError
        If under 10 frames are left.
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
    if len(frames) < FEWEST_FRAMES:
        reason = why()
        raise GaitDataError(
            f"{name}: {len(frames)} usable frames of {len(time_s)} ({garbage} garbage, "
            f"{row['non_advancing']} without a later time); expected at least {FEWEST_FRAMES}{reason and f'; {reason}'}"
        )
    return frames
