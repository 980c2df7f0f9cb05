"""Steps for any sampled signal: bad frames and missing numbers."""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import repair
from gaitlib.preprocessing.skeleton import joint_triples
from gaitlib.preprocessing.step import Step, sequence


class RepairFrames(Step):
    """Drop frames that a skeleton sensor did not really record.

    Steps: frames of garbage (:func:`gaitlib.preprocessing.repair.garbage_frames`) go, then, where times are known,
    frames whose time does not advance. Loaders of published sets have done this already.

    Parameters
    ----------
    modality : str
        A sequence of joint positions.
    limit : float
        Largest believable coordinate, in the unit of the modality.
    """

    def __init__(self, modality="skeleton", limit=20.0):
        self.modality = modality
        self.limit = limit

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        columns = joint_triples(m.channels, "RepairFrames").ravel()
        chosen = []
        for trial, values, time_s in zip(trials.ids, m.values, m.time_s, strict=True):
            if values is None:
                chosen.append(None)
                continue
            frames = np.flatnonzero(~repair.garbage_frames(values[:, columns], self.limit))
            if time_s is not None:
                frames = frames[repair.advancing_frames(time_s[frames])]
            if len(frames) == 0:
                raise GaitDataError(
                    f"{trial}, modality '{self.modality}': no usable frame left; put RepairFrames() before "
                    "CentrePelvis(), or remove this trial"
                )
            chosen.append(frames)
        return trials.with_modality(self.modality, m.select_frames(chosen))


class FillMissing(Step):
    """Interpolate NaN and inf over short runs of frames; refuse longer ones.

    Within a trial each channel is interpolated linearly over the original frame numbers; at the ends the nearest value
    is held. Nothing is ever replaced by 0.

    Parameters
    ----------
    modality : str
    longest : int
        Longest run of missing frames that is filled.

    Raises
    ------
    GaitDataError
        On ``transform``, where a run is longer or a channel has no finite value.
    """

    def __init__(self, modality="skeleton", longest=10):
        self.modality = modality
        self.longest = longest

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None and not np.isfinite(values[i]).all():
                values[i] = self._fill(trial, values[i], m.frames[i], m.channels)
        return trials.with_modality(self.modality, replace(m, values=values))

    def _fill(self, trial, values, frames, channels):
        values = values.copy()
        for c, channel in enumerate(channels):
            known = np.isfinite(values[:, c])
            run, place = _longest_run(~known), f"{trial}, modality '{self.modality}', channel '{channel}'"
            if not known.any():
                raise GaitDataError(f"{place}: no finite value to interpolate from; remove this trial or channel")
            if run > self.longest:
                raise GaitDataError(
                    f"{place}: {run} missing frames in a row, at most {self.longest} are filled; "
                    "raise FillMissing(longest=...) or remove this trial"
                )
            values[:, c] = np.interp(frames, frames[known], values[known, c])
        return values


def _longest_run(flags) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
