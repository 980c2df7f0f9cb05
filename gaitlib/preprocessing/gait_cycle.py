"""What gait events tell about a walk: spatiotemporal parameters, symmetry, and phase as an axis.

References
----------
Robinson R. O., Herzog W., Nigg B. M. (1987). Use of force platform variables to quantify the effects of chiropractic
manipulation on gait symmetry. Journal of Manipulative and Physiological Therapeutics 10, 172-176.
"""

import numpy as np
import pandas as pd
from scipy.interpolate import make_interp_spline

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.events import GRID_HZ, SIDES, find_events
from gaitlib.preprocessing.step import Step, sequence
from gaitlib.trials.modality import Modality, object_array

STANDING_S = 0.4  # a foot stands flat for about as long after its heel strike
PARAMETERS = (
    "cadence_steps_per_min", "speed_mps", "step_length_left_m", "step_length_right_m", "step_width_m",
    "stance_share_left", "stance_share_right", "step_time_left_s", "step_time_right_s",
    "step_length_asymmetry_percent", "stance_asymmetry_percent", "step_time_asymmetry_percent",
)  # fmt: skip


def gait_parameters(trials, modality="skeleton") -> pd.DataFrame:
    """Cadence, speed, steps, stance and symmetry of every trial, from :func:`gait_events`.

    Numbers that occur several times in a walk (a step, a stride) are given as their median.

    Parameters
    ----------
    trials : TrialSet
    modality : str

    Returns
    -------
    pandas.DataFrame
        One row a trial: ``trial``, ``subject``, ``label`` and

        - ``heel_strikes``: how many were found, both sides;
        - ``cadence_steps_per_min``: 120 / median stride time, strides of both sides pooled;
        - ``speed_mps``: way of the pelvis along the heading between the first and the last heel strike;
        - ``step_length_left_m``: how far ahead of the standing right foot the left one comes to stand, where a foot
          stands being the median place of its ankle in the 0.4 s after heel strike;
        - ``step_width_m``: lateral distance of the same places, negative where the feet cross;
        - ``stance_share_left``: heel strike to toe off as a share of the cycle, 0 to 1; early heel strikes make it
          about 0.05 too long on the synthetic walks;
        - ``step_time_left_s``: from right heel strike to the left one that follows;
        - ``..._asymmetry_percent``: symmetry index of Robinson et al. (1987) without its sign,
          200 |L - R| / (L + R), 0 where both sides are alike.

        NaN where the walk is too short for a number, or a trial lacks the modality.

    Raises
    ------
    GaitDataError
        As :func:`gait_events`.

    Examples
    --------
    >>> import gaitlib
    >>> table = gait_parameters(gaitlib.synthetic_trials(n_subjects=1, n_walks=1))
    >>> table.columns[:5].tolist()
    ['trial', 'subject', 'label', 'heel_strikes', 'cadence_steps_per_min']
    """
    table = trials.table[["trial", "subject", "label"]].reset_index(drop=True)
    walks = list(find_events(trials, modality))
    table["heel_strikes"] = [0 if w is None else sum(len(w.heel_strike_s[side]) for side in SIDES) for w in walks]
    return table.join(pd.DataFrame([_parameters(w) for w in walks], columns=PARAMETERS, dtype=float))


def cycles(trials, channels=None, n_points=101, modality="skeleton") -> tuple[np.ndarray, pd.DataFrame]:
    """Every full gait cycle, from a heel strike to the next of the same side, with phase 0 to 100 % as its axis.

    Parameters
    ----------
    trials : TrialSet
        With raw positions; the channels may be derived ones, as after ``AddJointAngles().fit_transform(trials)``.
    channels : sequence of str, optional
        Default all.
    n_points : int
        Points from 0 to 100 %, both included; interpolated linearly.
    modality : str

    Returns
    -------
    values : ndarray (n_cycles, n_points, n_channels), float32
    table : pandas.DataFrame
        One row a cycle: ``trial``, ``side``, ``start_s``, ``end_s``, ``stance_share``.

    Raises
    ------
    GaitDataError
        As :func:`gait_events`, or if there is no such channel.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=1, n_walks=1)
    >>> values, table = cycles(trials, ["left_knee_z"])
    >>> values.shape == (len(table), 101, 1)
    True
    """
    m = sequence(trials, modality)
    channels = list(m.channels if channels is None else channels)
    unknown = [c for c in channels if c not in m.channels]
    if unknown:
        raise GaitDataError(f"'{modality}' has no channel '{unknown[0]}'; it has {', '.join(m.channels)}")
    columns = [m.channels.index(c) for c in channels]
    phase = np.linspace(0, 1, n_points)
    values, rows = [np.empty((0, n_points, len(columns)), np.float32)], []
    for i, (trial, walk) in enumerate(zip(trials.ids, find_events(trials, modality), strict=True)):
        for side in SIDES if walk is not None else ():
            strikes, share = walk.heel_strike_s[side], walk.stance_share(side)
            if len(share):
                start, end = strikes[:-1], strikes[1:]
                curve = make_interp_spline(m.time_s[i], m.values[i][:, columns], k=1)
                values.append(curve(start[:, None] + phase * (end - start)[:, None]).astype(np.float32))
                rows += zip([trial] * len(share), [side] * len(share), start, end, share, strict=True)
    return np.concatenate(values), pd.DataFrame(rows, columns=["trial", "side", "start_s", "end_s", "stance_share"])


class GaitParameters(Step):
    """Add the gait parameters of every trial as a static modality "gait_parameters".

    Those of :func:`gait_parameters` but for the number of heel strikes, which says more about the recording than about
    the gait. What a walk is too short for is filled with the median of the training trials. Place it before steps that
    centre or scale.

    Parameters
    ----------
    modality : str
        The skeleton, raw positions in metres.

    Attributes
    ----------
    median_ : ndarray (n_parameters,)
    """

    at_any_rate = True

    def __init__(self, modality="skeleton"):
        self.modality = modality

    def _learn(self, trials):
        median = gait_parameters(trials, self.modality)[list(PARAMETERS)].median()
        if median.isna().any():
            raise GaitDataError(
                f"no training trial gives '{median.index[median.isna()][0]}': GaitParameters needs walks of two full "
                "gait cycles and more"
            )
        self.median_ = median.to_numpy()

    def check_learnt(self):
        super().check_learnt()
        if np.shape(self.median_) != (len(PARAMETERS),) or not np.isfinite(self.median_).all():
            raise GaitDataError(f"the medians of GaitParameters are not {len(PARAMETERS)} numbers")

    def _transform(self, trials):
        rows = gait_parameters(trials, self.modality)[list(PARAMETERS)].to_numpy()
        rows = np.where(np.isnan(rows), self.median_, rows).astype(np.float32)
        present = trials.modality(self.modality).present()
        values = object_array([row if has else None for row, has in zip(rows, present, strict=True)])
        return trials.with_modality("gait_parameters", Modality("static", PARAMETERS, "", values))


def _median(numbers) -> float:
    return float(np.median(numbers)) if len(numbers) else np.nan


def _asymmetry_percent(left, right) -> float:
    return 200 * abs(left - right) / (left + right) if left + right > 0 else np.nan


def _parameters(walk) -> list[float]:
    """The numbers named in PARAMETERS."""
    if walk is None or not any(map(len, walk.heel_strike_s.values())):
        return [np.nan] * len(PARAMETERS)
    strikes_s = np.concatenate([walk.heel_strike_s[side] for side in SIDES])
    places_m = np.concatenate([_places_m(walk, side) for side in SIDES])
    on_right = np.repeat([False, True], [len(walk.heel_strike_s[side]) for side in SIDES])
    order = np.argsort(strikes_s)
    strikes_s, places_m, on_right = strikes_s[order], places_m[order], on_right[order]

    steps_s, steps_m, feet_change = np.diff(strikes_s), np.diff(places_m, axis=0), np.diff(on_right)
    to_left, to_right = feet_change & ~on_right[1:], feet_change & on_right[1:]
    lengths = [_median(steps_m[chosen, 1]) for chosen in (to_left, to_right)]
    times = [_median(steps_s[chosen]) for chosen in (to_left, to_right)]
    shares = [_median(walk.stance_share(side)) for side in SIDES]
    width_m = _median(np.where(to_right, 1, -1)[feet_change] * steps_m[feet_change, 0])
    stride_s = _median(np.concatenate([np.diff(walk.heel_strike_s[side]) for side in SIDES]))
    way = np.diff(np.interp(strikes_s[[0, -1]], walk.time_s, walk.pelvis_m))[0]
    duration_s = strikes_s[-1] - strikes_s[0]
    return [
        120 / stride_s,
        way / duration_s if duration_s > 0 else np.nan,
        *lengths,
        width_m,
        *shares,
        *times,
        *(_asymmetry_percent(*pair) for pair in (lengths, shares, times)),
    ]


def _places_m(walk, side) -> np.ndarray:
    """Where the foot stands after each heel strike: median place of the ankle, (strikes, 2), lateral and forward."""
    first = np.searchsorted(walk.time_s, walk.heel_strike_s[side])
    n = int(STANDING_S * GRID_HZ)
    return np.array([np.median(walk.ankles_m[side][i : i + n], axis=0) for i in first]).reshape(-1, 2)
