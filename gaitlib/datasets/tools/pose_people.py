"""Which of several people in a clip is the one who walks."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaitlib.errors import GaitDataError

STEP, SPEED_PER_S = 0.25, 2.0  # body sizes: how far a person moves from one frame to the next, and in a second
RULES = ("furthest", "largest")
LONGEST_AWAY_S = 1.0  # somebody who comes back later is somebody else
FEWEST_SHARED = 3  # joints by which two poses are compared


def walker(time_s, keypoints, rule="furthest") -> tuple[np.ndarray, int]:
    """The detections of the person who moves furthest across the picture, in sizes of their own, or is the largest.

    Poses of successive times are one person where the joints that both show lie nearest, within what a person can move
    (Hungarian method). How far somebody moves is the diagonal of the box of their middles (the median joint), 5th to
    95th percentile; their size is the median diagonal of the box around their joints. The largest is who has the
    largest sum of sizes over the frames: near to the camera, and for long. Where no moment shows two people, all
    detections are one person's.

    Parameters
    ----------
    time_s : ndarray (detections,)
        Not falling; detections of one frame share it.
    keypoints : ndarray (detections, joints, 3)
        NaN where a joint is not seen; each detection has one that is.
    rule : {"furthest", "largest"}

    Returns
    -------
    index : ndarray of int
        In the order of time.
    n_people : int
        Most people at one moment.

    Raises
    ------
    GaitDataError
        For another rule.
    """
    if rule not in RULES:
        raise GaitDataError(f"walker is {' or '.join(map(repr, RULES))}, not {rule!r}")
    _, first, counts = np.unique(time_s, return_index=True, return_counts=True)
    if counts.max() == 1:
        return np.arange(len(time_s)), 1
    xy = keypoints[:, :, :2]
    sizes = np.linalg.norm(np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1), axis=1)
    people, current = [], []
    for start, n in zip(first, counts, strict=True):
        here = np.arange(start, start + n)
        current = [p for p in current if time_s[start] - time_s[p[-1]] <= LONGEST_AWAY_S]
        far = _apart([p[-1] for p in current], here, time_s, xy, sizes)
        pairs = [(p, h) for p, h in zip(*linear_sum_assignment(far), strict=True) if far[p, h] <= 1]
        for p, h in pairs:
            current[p].append(here[h])
        new = [[here[h]] for h in range(n) if h not in {h for _, h in pairs}]
        people, current = people + new, current + new
    if rule == "largest":
        return np.array(max(people, key=lambda p: sizes[p].sum())), int(counts.max())
    middles = np.nanmedian(xy, axis=1)
    ways = [np.ptp(np.percentile(middles[p], [5, 95], axis=0), axis=0) for p in people]
    moved = [np.hypot(*way) / max(np.median(sizes[p]), 1e-9) for way, p in zip(ways, people, strict=True)]
    return np.array(people[int(np.argmax(moved))]), int(counts.max())


def _apart(before, here, time_s, xy, sizes) -> np.ndarray:
    """How far poses lie apart, of how far a person can move, (before, here); 2 and more means never."""
    far = np.full((len(before), len(here)), 2.0)
    for i, one in enumerate(before):
        within = STEP + SPEED_PER_S * (time_s[here[0]] - time_s[one])
        for k, other in enumerate(here):
            shared = np.isfinite(xy[one] + xy[other]).all(axis=1)
            if shared.sum() >= FEWEST_SHARED:
                gap = np.linalg.norm(xy[one, shared] - xy[other, shared], axis=1).mean()
                far[i, k] = min(gap / max(sizes[one], 1e-9) / within, 2.0)
    return far
