"""The last steps: cut trials into samples and turn them into the arrays that a network reads."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.base import Step, require_finite, require_trials, sequence

STAND_IN_FRAME = 1e-6  # next to nothing, yet no padding


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
    position : {"first", "last", "centre", "sliding"}
        "first": the start of the walk; "last": its end; "centre": its middle; "sliding": windows over all of it, each a
        sample that points to its trial. The last window ends with the last frame, so no frame is lost.
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
        if self.position == "first":
            starts = [[0] for _ in lengths]
        elif self.position == "last":
            starts = [[max(0, n - self.frames)] for n in lengths]
        elif self.position == "centre":
            starts = [[max(0, n - self.frames) // 2] for n in lengths]
        elif self.position == "sliding":
            if self.hop > self.frames:
                raise GaitDataError(f"Crop: a hop of {self.hop} would lose frames between windows of {self.frames}")
            ends = [max(0, n - self.frames) for n in lengths]
            starts = [[*range(0, end, self.hop), end] for end in ends]
        else:
            raise GaitDataError(f"Crop position '{self.position}' is none of first, last, centre, sliding")
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
    allow_missing : bool
        Give a modality that a trial lacks its stand-in, as long as the trial has another. Only a network that was
        trained so (``Training(modality_dropout=...)``) knows what a stand-in means.
    pad : bool
        False refuses sequences that are shorter than the training trials, for models that take every point for itself.

    Attributes
    ----------
    stand_in_ : dict of str to ndarray
        What the network reads, by modality, where there is nothing: an image of zeros (after scaling to 0..1 a plate
        that nobody touched), static values of zero (after standardising those of the average person), a sequence of
        one frame of 1e-6 and padding behind it. A sequence of padding alone would have no frame to attend to or to
        average.

    Raises
    ------
    GaitDataError
        Where a number is not finite, a trial lacks a modality or is longer than the padded length, or a
        sequence ends in a frame of zeros.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> arrays = {"emg": [np.ones((3, 1)), None], "age": [None, np.ones(1)]}
    >>> samples = Tensors(allow_missing=True).fit_transform(TrialSet.from_arrays(arrays, subject=["a", "b"]))
    >>> samples.inputs["emg"][1].ravel().tolist(), samples.inputs["age"].ravel().tolist()
    ([9.99...e-07, 0.0, 0.0], [0.0, 1.0])
    """

    def __init__(self, modalities=None, allow_missing=False, pad=True):
        self.modalities = modalities
        self.allow_missing = allow_missing
        self.pad = pad

    def fit(self, trials, y=None):
        super().fit(trials)
        self.stand_in_ = {}
        for name in trials.modalities if self.modalities is None else self.modalities:
            m = trials.modality(name)
            present = m.values[m.present()]
            if len(present) == 0:
                raise GaitDataError(f"no training trial has '{name}', so there is nothing to learn from")
            shape = present[0].shape
            if m.kind == "sequence":
                shape = (m.max_frames or max(len(v) for v in present), len(m.channels))
            self.stand_in_[name] = np.zeros(shape, np.float32)
            if m.kind == "sequence":
                self.stand_in_[name][0] = STAND_IN_FRAME
        return self

    def transform(self, trials) -> Samples:
        require_trials(self, trials)
        if not hasattr(self, "stand_in_"):
            raise GaitDataError("Tensors is not fitted: call fit(training_trials) first")
        self._require_present(trials)
        inputs = {name: self._stack(trials, name) for name in self.stand_in_}
        return Samples(inputs, trials.ids, {name: trials.modality(name).channels for name in self.stand_in_})

    def _require_present(self, trials):
        """Refuse trials that lack a modality or, where that is allowed, all of them."""
        present = {name: trials.modality(name).present() for name in self.stand_in_}
        if self.allow_missing:
            something = np.any(list(present.values()), axis=0)
            if not something.all():
                raise GaitDataError(f"{trials.ids[~something][0]} has none of {', '.join(present)}; leave it out")
            return
        for name, there in present.items():
            if not there.all():
                raise GaitDataError(
                    f"{trials.ids[~there][0]} has no '{name}'; leave such trials out, train without that modality, or "
                    "train a network to do without it: Training(modality_dropout=0.3)"
                )

    def _stack(self, trials, name):
        require_finite(trials, name)
        m, stand_in = trials.modality(name), self.stand_in_[name]
        if m.kind != "sequence":
            return np.stack([stand_in if values is None else values for values in m.values])
        out = np.zeros((len(trials), len(stand_in), len(m.channels)), np.float32)
        for i, (trial, values) in enumerate(zip(trials.ids, m.values, strict=True)):
            if values is None:
                out[i] = stand_in
                continue
            if len(values) > len(stand_in):
                raise GaitDataError(
                    f"{trial}, '{name}': {len(values)} frames, the model was made for {len(stand_in)}; "
                    "put Crop() before Tensors()"
                )
            if len(values) < len(stand_in) and not self.pad:
                raise GaitDataError(
                    f"{trial}, '{name}': {len(values)} frames, the model reads just {len(stand_in)}; bring all to "
                    f"one length with TimeNormalise({len(stand_in)}, '{name}')"
                )
            if self.pad and not values[-1].any():
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


class SequenceLength(Step):
    """Turn a TrialSet into :class:`Samples` of how long a sequence lasts, and nothing else: a control.

    What a classifier makes of this it knows from the recording, not from the movement. Frames are counted, and where
    all training trials have times, the seconds from the first frame to the last stand beside them.

    Parameters
    ----------
    modality : str
        The sequence that is measured.

    Raises
    ------
    GaitDataError
        Where a trial lacks the sequence, or the times that the training trials have.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.ones((51, 2)), np.ones((81, 2))]}, rate_hz=100, subject=["a", "b"])
    >>> samples = SequenceLength("emg").fit_transform(trials)
    >>> samples.channels["length"], samples.inputs["length"].round(2).tolist()
    (('frames', 'seconds'), [[51.0, 0.5], [81.0, 0.8...]])
    """

    def __init__(self, modality="skeleton"):
        self.modality = modality

    def fit(self, trials, y=None):
        super().fit(trials)
        self.timed_ = bool(_timed(sequence(trials, self.modality)).all())
        return self

    def transform(self, trials) -> Samples:
        require_trials(self, trials)
        if not hasattr(self, "timed_"):
            raise GaitDataError("SequenceLength is not fitted: call fit(training_trials) first")
        m = sequence(trials, self.modality)
        measured = _timed(m) if self.timed_ else m.present()
        if not measured.all():
            lacking = f"{'times of ' if self.timed_ else ''}'{self.modality}'"
            raise GaitDataError(f"{trials.ids[~measured][0]} has no {lacking}; leave such trials out")
        columns = {"frames": [len(v) for v in m.values]}
        if self.timed_:
            columns["seconds"] = [t[-1] - t[0] for t in m.time_s]
        lengths = np.column_stack(list(columns.values())).astype(np.float32)
        return Samples({"length": lengths}, trials.ids, {"length": tuple(columns)})


def _timed(m) -> np.ndarray:
    return np.array([t is not None for t in m.time_s], dtype=bool)


def mean_over_samples(values, samples: Samples, trial_ids) -> np.ndarray:
    """Average rows of samples that belong to the same trial, in the order of the given trial ids."""
    frame = pd.DataFrame(values).groupby(np.asarray(samples.trial, dtype=str)).mean()
    return frame.loc[[str(t) for t in trial_ids]].to_numpy()
