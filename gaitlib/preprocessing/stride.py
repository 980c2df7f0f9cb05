"""Steps that take one stride out of a walk: by the forces under the feet, or as the mean of its gait cycles.

References
----------
Horst F., Lapuschkin S., Samek W., Mueller K.-R., Schoellhorn W. I. (2019). Explaining the unique nature of individual
gait patterns with deep learning. Scientific Reports 9, 2391. https://doi.org/10.1038/s41598-019-38748-8
"""

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.gait_cycle import cycles
from gaitlib.preprocessing.step import Step, require_finite, sequence
from gaitlib.preprocessing.waveforms import require_newtons, require_points
from gaitlib.trials.modality import Modality, object_array


class CutStride(Step):
    """Cut a force recording from the heel strike on one plate to the toe off on the next.

    A foot is on a plate while the vertical force (upwards positive) is above the threshold. Where a plate is touched
    several times, the longest contact counts: shorter ones are spikes, or a foot that only grazed the plate. The stride
    of the study runs from right heel strike to left toe off. ``CutStride("right_vertical", "right_vertical")`` cuts
    the stance of one foot.

    Parameters
    ----------
    first, second : str
        Channels of vertical force: the stride begins with contact on the first and ends with contact on the second.
    threshold_n : float
        In newtons. Smooth before (:class:`LowPass`), scale after (:class:`ScaleBodyWeight`).
    modality : str
        Forces in N.
    along : sequence of str
        Further sequences, such as the skeleton, that are cut to the same seconds, so that they stay in step.

    Raises
    ------
    GaitDataError
        On ``transform``, where the forces are not in N, a plate is never touched, a contact is cut off by the start or
        end of the recording, or the second does not follow the first.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> forces = np.array([[0, 0], [500, 0], [700, 0], [400, 300], [0, 700], [0, 400], [0, 0]])
    >>> trials = TrialSet.from_arrays({"grf": [forces]}, channels=["right_vertical", "left_vertical"],
    ...                               rate_hz=10, unit="N", subject=["a"])
    >>> CutStride().fit_transform(trials).modality("grf").frames[0].tolist()
    [1, 2, 3, 4, 5]
    """

    def __init__(self, first="right_vertical", second="left_vertical", threshold_n=10.0, modality="grf", along=()):
        self.first = first
        self.second = second
        self.threshold_n = threshold_n
        self.modality = modality
        self.along = along

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        require_newtons(m, self.modality, "CutStride")
        unknown = [c for c in (self.first, self.second) if c not in m.channels]
        if unknown:
            raise GaitDataError(f"'{self.modality}' has no channel '{unknown[0]}'; it has {', '.join(m.channels)}")
        chosen = object_array([
            None if v is None else self._stride(f"{trial}, modality '{self.modality}'", v, m.channels)
            for trial, v in zip(trials.ids, m.values, strict=True)
        ])  # fmt: skip
        for name in self.along:
            trials = trials.with_modality(name, self._cut_along(trials, name, m, chosen))
        return trials.with_modality(self.modality, m.select_frames(chosen))

    def _stride(self, place, values, channels) -> slice:
        start, first_end = self._contact(place, values, channels, self.first)
        second_start, end = self._contact(place, values, channels, self.second)
        if second_start < start or end < first_end:
            raise GaitDataError(
                f"{place}: contact on '{self.second}' does not follow contact on '{self.first}'; name the plates in "
                "the order in which they were stepped on, or remove this trial"
            )
        return slice(start, end)

    def _contact(self, place, values, channels, channel) -> tuple[int, int]:
        """First frame of the longest contact and the frame after its last."""
        on = values[:, channels.index(channel)] > self.threshold_n
        edges = np.flatnonzero(np.diff(on, prepend=False, append=False)).reshape(-1, 2)
        if not len(edges):
            raise GaitDataError(
                f"{place}: '{channel}' is never above {self.threshold_n:g} N; a vertical force in N, upwards positive, "
                "is needed; else remove this trial"
            )
        start, end = edges[np.argmax(np.diff(edges, axis=1))]
        if start == 0 or end == len(on):
            raise GaitDataError(
                f"{place}: the {'start' if start == 0 else 'end'} of the recording cuts off the contact on "
                f"'{channel}'; remove this trial, or leave CutStride out if it was cut before"
            )
        return int(start), int(end)

    def _cut_along(self, trials, name, forces, chosen) -> Modality:
        """Another sequence, cut to the seconds of the stride."""
        m = sequence(trials, name)
        kept = []
        for i, trial in enumerate(trials.ids):
            time_s, force_s, stride = m.time_s[i], forces.time_s[i], chosen[i]
            if m.values[i] is None:
                kept.append(None)
                continue
            if stride is None or force_s is None or time_s is None:
                raise GaitDataError(
                    f"{trial}: '{name}' can be cut along with '{self.modality}' only where both are there and have "
                    "times; give rate_hz= or time_s=, or leave this trial out"
                )
            inside = (time_s >= force_s[stride][0]) & (time_s <= force_s[stride][-1])
            if not inside.any():
                raise GaitDataError(f"{trial}: '{name}' has no frame during the stride; are both on the same clock?")
            kept.append(inside)
        return m.select_frames(kept)


class MeanCycle(Step):
    """Add the mean gait cycle of every trial as a new sequence, with 0 to 100 % of the cycle as its axis.

    Channels of the right side are averaged over the cycles from right heel strike to right heel strike, all others over
    those of the left. A trial without a full cycle of each side that is asked for gets None. Those are not just any
    trials: a fast walker takes fewest strides before a camera (of 1440 Kinect v2 recordings of six people 1280 give all
    joint angles, but only 144 of the 240 normal ones). Place the step after :class:`AddJointAngles` and before steps
    that centre or scale.

    Parameters
    ----------
    channels : sequence of str, optional
        Default: the joint angles (``..._deg``).
    n_points : int
    modality : str
        The skeleton, raw positions in metres, with times; it stays.
    into : str
        Name of the new modality. Its frames are numbered by point; it has no times.

    Raises
    ------
    GaitDataError
        On ``transform``, as :func:`gaitlib.preprocessing.cycles`, or where there are no joint angles.

    Examples
    --------
    >>> import gaitlib
    >>> from gaitlib.preprocessing import AddJointAngles
    >>> trials = AddJointAngles().fit_transform(gaitlib.synthetic_trials(n_subjects=1, n_walks=1))
    >>> m = MeanCycle(["left_knee_deg", "right_knee_deg"]).fit_transform(trials).modality("gait_cycle")
    >>> m.values[0].shape, m.unit
    ((101, 2), 'deg')
    """

    at_any_rate = True

    def __init__(self, channels=None, n_points=101, modality="skeleton", into="gait_cycle"):
        self.channels = channels
        self.n_points = n_points
        self.modality = modality
        self.into = into

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_points(self)
        channels = tuple(c for c in m.channels if c.endswith("_deg")) if self.channels is None else tuple(self.channels)
        if not channels:
            raise GaitDataError(f"'{self.modality}' has no joint angles; use AddJointAngles() first, or name channels")
        sides = np.array(["right" if c.startswith("right_") else "left" for c in channels])
        values = object_array([self._mean(trial, channels, sides) for trial in trials])
        points = object_array([None if v is None else np.arange(self.n_points) for v in values])
        times = object_array([None] * len(trials))
        unit = "deg" if all(c.endswith("_deg") for c in channels) else m.unit
        mean = Modality("sequence", channels, unit, values, points, times, max_frames=self.n_points)
        return trials.with_modality(self.into, mean)

    def _mean(self, trial, channels, sides) -> np.ndarray | None:
        curves, table = cycles(trial, channels, self.n_points, self.modality)
        if not np.isin(sides, table["side"]).all():
            return None
        return np.column_stack([curves[table["side"] == side, :, c].mean(axis=0) for c, side in enumerate(sides)])
