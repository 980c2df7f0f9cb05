"""One flat row a trial, for classical models and controls."""

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.samples import Samples
from gaitlib.preprocessing.step import Step, require_finite, require_trials, sequence

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
    v = v.astype(np.float64)  # in float32 sums over long recordings, and those far from 0, lose digits
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
