"""Heel strikes and toe offs, from the paths of the feet in front of the pelvis.

References
----------
Zeni J. A., Richards J. G., Higginson J. S. (2008). Two simple methods for determining gait events during treadmill and
overground walking using kinematic data. Gait & Posture 27, 710-714. https://doi.org/10.1016/j.gaitpost.2007.07.007
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.interpolate import make_interp_spline
from scipy.signal import butter, find_peaks, sosfiltfilt

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.skeleton import require_z_up
from gaitlib.preprocessing.step import require_finite, sequence
from gaitlib.trials.conventions import PELVIS_NAMES, first_joint, joint_columns

SIDES = ("left", "right")
GRID_HZ = 100.0
CUT_OFF_HZ = 4.0  # about four times the stride frequency; higher lets the jitter of occluded feet through
LOW_PASS = butter(2, CUT_OFF_HZ, fs=GRID_HZ, output="sos")
PROMINENCE = 0.3  # of the range of the movement to and fro
SHORTEST_S, SHORTEST_M = 0.5, 0.5  # less is no walk with a heading


@dataclass(frozen=True)
class Events:
    """One trial on an even time grid, low-passed, and its events.

    Attributes
    ----------
    time_s : ndarray (n,)
    pelvis_m : ndarray (n,)
        Its way along the heading of the walk.
    ankles_m : dict of str to ndarray (n, 2)
        By side: lateral (right positive) and forward place.
    heel_strike_s, toe_off_s : dict of str to ndarray
        By side; they alternate.
    """

    time_s: np.ndarray
    pelvis_m: np.ndarray
    ankles_m: dict[str, np.ndarray]
    heel_strike_s: dict[str, np.ndarray]
    toe_off_s: dict[str, np.ndarray]

    def stance_share(self, side) -> np.ndarray:
        """Heel strike to toe off as a share of each full cycle."""
        strikes, offs = self.heel_strike_s[side], self.toe_off_s[side]
        if len(strikes) < 2:
            return np.empty(0)
        # An off may come with its strike where a foot is not tracked.
        return (offs[offs >= strikes[0]][: len(strikes) - 1] - strikes[:-1]) / np.diff(strikes)


def gait_events(trials, modality="skeleton") -> pd.DataFrame:
    """Heel strikes and toe offs of every trial, by the coordinate method of Zeni et al. (2008).

    A heel strike is where the ankle is farthest in front of the pelvis, a toe off where the foot joint is farthest
    behind it, along the heading of the walk. Departures from the source: the ankle stands for the heel and the pelvis
    joint for the sacrum, as depth cameras have no such markers; positions are put on an even grid of 100 Hz and
    low-passed at 4 Hz (Butterworth of second order, forwards and backwards), since frames are uneven and occluded feet
    jitter; an extremum counts if its prominence is 30 % of the range of the movement; of two heel strikes without a toe
    off between them (or the other way round) the more extreme one is kept, so that events alternate on each side.

    On the synthetic walks, whose events are known, heel strikes come 0.06 s early in the median (the ankle turns back
    before the foot lands; 0.1 s on the affected side of a stiff-legged walk), toe offs within 0.01 s.

    Parameters
    ----------
    trials : TrialSet
        Raw positions in metres, with times; derived channels may be there too. Alignment is not needed.
    modality : str

    Returns
    -------
    pandas.DataFrame
        One row an event, by trial and time: ``trial``, ``side`` ("left", "right"), ``event`` ("heel_strike",
        "toe_off"), ``frame`` (the nearest, as a position among the trial's frames), ``time_s`` (to 0.01 s). A trial
        of under 0.5 s or 0.5 m has none.

    Raises
    ------
    GaitDataError
        If positions are not metres, were centred, are not finite, or lack advancing times.
    """
    rows = []
    times = trials.modality(modality).time_s
    for trial, time_s, found in zip(trials.ids, times, find_events(trials, modality), strict=True):
        if found is None:
            continue
        events = [
            (event_s, side, event)
            for event, by_side in (("heel_strike", found.heel_strike_s), ("toe_off", found.toe_off_s))
            for side in SIDES
            for event_s in by_side[side]
        ]
        rows += [
            (trial, side, event, int(np.abs(time_s - event_s).argmin()), event_s)
            for event_s, side, event in sorted(events)
        ]
    return pd.DataFrame(rows, columns=["trial", "side", "event", "frame", "time_s"])


def find_events(trials, modality):
    """:class:`Events` of every trial in turn; None for a trial that is too short or lacks the modality."""
    m = sequence(trials, modality)
    require_finite(trials, modality)
    if m.unit != "m":
        raise GaitDataError(f"gait events need positions in metres, '{modality}' is in '{m.unit}'; use the raw trials")
    require_z_up(trials, modality)
    joints = [first_joint(m.channels, PELVIS_NAMES), *(f"{s}_{j}" for s in SIDES for j in ("ankle", "foot"))]
    columns = [joint_columns(m.channels, joint)[:2] for joint in joints]
    for trial, values, time_s in zip(trials.ids, m.values, m.time_s, strict=True):
        if values is None:
            yield None
            continue
        if time_s is None or not (np.diff(time_s) > 0).all():
            raise GaitDataError(f"{trial}: gait events need advancing times; give time_s= or use RepairFrames() first")
        if len(values) > 1 and not values[:, columns[0]].any():
            raise GaitDataError(f"{trial}: the pelvis does not move; find gait events before CentrePelvis()")
        yield _events(time_s, values[:, columns].astype(float))


def _events(time_s, points) -> Events | None:
    """Events of one trial; points (frames, 5, 2) are pelvis, left ankle and foot, right ankle and foot."""
    tenth = max(1, len(points) // 10)
    way = points[-tenth:, 0].mean(axis=0) - points[:tenth, 0].mean(axis=0)
    if time_s[-1] - time_s[0] < SHORTEST_S or np.hypot(*way) < SHORTEST_M:
        return None
    dx, dy = way / np.hypot(*way)
    points = points @ np.array([[dy, dx], [-dx, dy]])  # lateral, forward
    grid_s = np.arange(time_s[0], time_s[-1], 1 / GRID_HZ)
    points = sosfiltfilt(LOW_PASS, make_interp_spline(time_s, points, k=1)(grid_s), axis=0)
    pelvis, ankles, feet = points[:, 0, 1], points[:, 1::2], points[:, 2::2]
    strikes, offs = {}, {}
    for k, side in enumerate(SIDES):
        strike, off = _alternating_peaks(ankles[:, k, 1] - pelvis, pelvis - feet[:, k, 1])
        strikes[side], offs[side] = grid_s[strike], grid_s[off]
    return Events(grid_s, pelvis, dict(zip(SIDES, ankles.swapaxes(0, 1), strict=True)), strikes, offs)


def _alternating_peaks(*signals) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the peaks of two signals, such that they alternate: of a run of one kind the highest is kept."""
    found = [find_peaks(s, prominence=PROMINENCE * np.ptp(np.percentile(s, [5, 95])))[0] for s in signals]
    found = [np.setdiff1d(*pair) for pair in (found, found[::-1])]  # a peak of both at once is neither
    index = np.concatenate(found)
    height = np.concatenate([s[peaks] for s, peaks in zip(signals, found, strict=True)])
    kind = np.repeat([0, 1], [len(peaks) for peaks in found])
    order = np.argsort(index, kind="stable")
    index, height, kind = index[order], height[order], kind[order]
    run = np.cumsum(np.diff(kind, prepend=kind[:1]) != 0)
    by_height = np.lexsort((height, run))
    highest = by_height[np.diff(run[by_height], append=-1) != 0]
    index, kind = index[highest], kind[highest]
    return index[kind == 0], index[kind == 1]
