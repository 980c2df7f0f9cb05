"""The last steps: cut trials into samples and turn them into the arrays that a network reads."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.base import Step, require_finite, require_trials, sequence


@dataclass(frozen=True, eq=False)
class Samples:
    """What a model reads.

    Attributes
    ----------
    inputs : dict of str to ndarray
        One float32 array a modality, (n_samples, frames, channels), padded with zeros at the end.
    trial : ndarray of str (n_samples,)
        The trial that each sample was cut from.
    channels : dict of str to tuple of str
    """

    inputs: dict[str, np.ndarray]
    trial: np.ndarray
    channels: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.trial)


class Crop(Step):
    """Cut sequences to a number of frames; shorter trials stay as they are.

    Parameters
    ----------
    frames : int
    position : {"last", "centre", "sliding"}
        "last": the end of the walk; "centre": its middle; "sliding": windows over all of it, each a sample that
        points to its trial. The last window ends with the last frame, so no frame is lost.
    hop : int
        Frames from one sliding window to the next, at most ``frames``.
    modality : str
        The sequence that is cut; others are left as they are.
    """

    def __init__(self, frames=100, position="last", hop=25, modality="skeleton"):
        self.frames = frames
        self.position = position
        self.hop = hop
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        if self.frames < 1 or self.hop < 1:
            raise GaitDataError(f"Crop needs at least 1 frame and hop, got {self.frames} and {self.hop}")
        lengths = [0 if v is None else len(v) for v in m.values]
        if self.position == "last":
            starts = [[max(0, n - self.frames)] for n in lengths]
        elif self.position == "centre":
            starts = [[max(0, n - self.frames) // 2] for n in lengths]
        elif self.position == "sliding":
            if self.hop > self.frames:
                raise GaitDataError(f"Crop: a hop of {self.hop} would lose frames between windows of {self.frames}")
            ends = [max(0, n - self.frames) for n in lengths]
            starts = [[*range(0, end, self.hop), end] for end in ends]
        else:
            raise GaitDataError(f"Crop position '{self.position}' is none of last, centre, sliding")
        windows = trials[np.repeat(np.arange(len(trials)), [len(s) for s in starts])]
        chosen = [slice(start, start + self.frames) for own in starts for start in own]
        cut = windows.modality(self.modality).select_frames(chosen)
        return windows.with_modality(self.modality, replace(cut, max_frames=self.frames))


class Tensors(Step):
    """Turn a TrialSet into :class:`Samples`: one array a modality, sequences padded with zeros at the end.

    Sequences are padded to the length set by :class:`Crop`, else to the longest training trial. Models find the
    padding by its zeros, so the last real frame must not be all zero: this is checked, and scaling ensures it.

    Parameters
    ----------
    modalities : sequence of str, optional
        Which to keep; default all.

    Raises
    ------
    GaitDataError
        Where a number is not finite, a trial lacks a modality or is longer than the padded length, or a
        sequence ends in a frame of zeros.
    """

    def __init__(self, modalities=None):
        self.modalities = modalities

    def fit(self, trials, y=None):
        super().fit(trials)
        names = list(trials.modalities) if self.modalities is None else list(self.modalities)
        self.frames_ = {}
        for name in names:
            m = trials.modality(name)
            longest = max((len(v) for v in m.values if v is not None), default=0)
            self.frames_[name] = (m.max_frames or longest) if m.kind == "sequence" else None
        return self

    def transform(self, trials) -> Samples:
        require_trials(self, trials)
        if not hasattr(self, "frames_"):
            raise GaitDataError("Tensors is not fitted: call fit(training_trials) first")
        inputs = {name: self._stack(trials, name, frames) for name, frames in self.frames_.items()}
        return Samples(inputs, trials.ids, {name: trials.modality(name).channels for name in self.frames_})

    def _stack(self, trials, name, frames):
        require_finite(trials, name)
        m = trials.modality(name)
        if not m.present().all():
            lacking = trials.ids[~m.present()][0]
            raise GaitDataError(f"{lacking} has no '{name}'; leave such trials out or train without that modality")
        if frames is None:
            return np.stack(list(m.values))
        out = np.zeros((len(trials), frames, len(m.channels)), np.float32)
        for i, (trial, values) in enumerate(zip(trials.ids, m.values, strict=True)):
            if len(values) > frames:
                raise GaitDataError(
                    f"{trial}, '{name}': {len(values)} frames, the model was made for {frames}; "
                    "put Crop() before Tensors()"
                )
            if not values[-1].any():
                raise GaitDataError(
                    f"{trial}, '{name}': the last frame is all zero and would pass for padding; "
                    f"scale first with Frames(StandardScaler(), modality='{name}')"
                )
            out[i, : len(values)] = values
        return out


STATISTICS = ("mean", "sd", "min", "max", "p10", "median", "p90", "change")


class SummaryStatistics(Step):
    """Turn a TrialSet into :class:`Samples` of one flat row a trial, for classical models.

    A sequence gives mean, SD, minimum, maximum, 10th, 50th and 90th percentile and mean absolute change from frame
    to frame of every channel; images and static values are taken as they are. Length is left out on purpose:
    it says more about the recording than about the gait.

    Parameters
    ----------
    modalities : sequence of str, optional
        Which to keep; default all.
    """

    def __init__(self, modalities=None):
        self.modalities = modalities

    def transform(self, trials) -> Samples:
        require_trials(self, trials)
        columns, names = [], []
        for name in trials.modalities if self.modalities is None else self.modalities:
            m = trials.modality(name)
            require_finite(trials, name)
            if not m.present().all():
                raise GaitDataError(f"{trials.ids[~m.present()][0]} has no '{name}'; leave such trials out")
            if m.kind == "sequence":
                columns.append(np.stack([_summarise(v) for v in m.values]))
                names += [f"{c} {s}" for s in STATISTICS for c in m.channels]
            else:
                columns.append(np.stack([v.ravel() for v in m.values]))
                names += [f"{name} {i}" for i in range(columns[-1].shape[1])]
        inputs = np.concatenate(columns, axis=1).astype(np.float32)
        return Samples({"statistics": inputs}, trials.ids, {"statistics": tuple(names)})


def _summarise(v) -> np.ndarray:
    change = np.abs(np.diff(v, axis=0)).mean(axis=0) if len(v) > 1 else np.zeros(v.shape[1])
    percentiles = np.percentile(v, [10, 50, 90], axis=0)
    return np.concatenate([v.mean(axis=0), v.std(axis=0), v.min(axis=0), v.max(axis=0), *percentiles, change])


def mean_over_samples(values, samples: Samples, trial_ids) -> np.ndarray:
    """Average rows of samples that belong to the same trial, in the order of the given trial ids."""
    frame = pd.DataFrame(values).groupby(np.asarray(samples.trial, dtype=str)).mean()
    return frame.loc[[str(t) for t in trial_ids]].to_numpy()
