"""One flat row a trial, for classical models and controls."""

import numpy as np
from scipy.signal import welch

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.samples import Samples
from gaitlib.preprocessing.step import Step, require_finite, require_trials, sequence
from gaitlib.preprocessing.waveforms import even_rate_hz
from gaitlib.trials.conventions import AXES

STATISTICS = ("mean", "sd", "min", "max", "p10", "median", "p90", "change")
SPECTRUM_S = 5.12  # 256 frames at 50 Hz
OCTAVES_HZ = ((0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16))
SPECTRAL = (*(f"share {low:g}-{high:g} Hz" for low, high in OCTAVES_HZ), "dominant Hz", "spectral entropy")
TINY = np.finfo(float).tiny


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
                rows, told = self._of_sequence(trials, name)
                columns.append(np.stack(rows))
                names += told
            else:
                columns.append(np.stack([v.ravel() for v in m.values]))
                names += [f"{name} {i}" for i in range(columns[-1].shape[1])]
        inputs = np.concatenate(columns, axis=1).astype(np.float32)
        return Samples({"statistics": inputs}, trials.ids, {"statistics": tuple(names)})

    def _of_sequence(self, trials, name) -> tuple[list, list[str]]:
        """A row a trial, and the names of its numbers."""
        m = trials.modality(name)
        return [_summarise(v) for v in m.values], [f"{c} {s}" for s in STATISTICS for c in m.channels]


class SpectralStatistics(SummaryStatistics):
    """Summary statistics and the spectrum of every channel and of the length of every vector: one flat row a trial.

    Three channels ``<name>_x``, ``<name>_y`` and ``<name>_z`` are a vector; its length ``<name>_length`` is described
    as a channel is, and beside it the correlations of its axes, 0 where one does not change. Of each channel there are
    the statistics of :class:`SummaryStatistics`, then from its power spectrum (Welch: mean over windows of 5.12 s that
    overlap by half; a shorter trial is one window, at the same frequencies) the share of the power in octaves from 0.5
    to 16 Hz, the frequency that has most, and the entropy of the spectrum between 0 (one frequency) and 1 (all alike).
    The mean is no part of the spectrum; a channel that does not change has zeros. Whole trials or windows
    (:class:`Crop` before it) are described: frequencies are in Hz, and neither tells how long a recording is.

    Parameters
    ----------
    modalities : sequence of str, optional
        Which to keep; default all. Images and static values are taken as they are.

    Raises
    ------
    GaitDataError
        On ``transform``, where a trial lacks a modality, a number is not finite, or times are missing or uneven.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> wave = np.sin(2 * np.pi * 3 * np.arange(500) / 50)[:, None]
    >>> samples = SpectralStatistics().fit_transform(TrialSet.from_arrays({"emg": [wave]}, rate_hz=50, subject=["a"]))
    >>> told = dict(zip(samples.channels["statistics"], samples.inputs["statistics"][0].tolist()))
    >>> round(told["emg_0 share 2-4 Hz"], 2), round(told["emg_0 dominant Hz"], 1)
    (1.0, 2.9)
    """

    def _of_sequence(self, trials, name):
        m, rows = trials.modality(name), []
        vectors = _vectors(m.channels)
        for trial, values, time_s in zip(trials.ids, m.values, m.time_s, strict=True):
            place = f"{trial}, modality '{name}'"
            if time_s is None or len(time_s) < 2:
                raise GaitDataError(f"{place}: a spectrum needs 2 frames with times or more; give rate_hz= or time_s=")
            v = values.astype(np.float64)
            lengths = [np.linalg.norm(v[:, axes], axis=1) for axes in vectors.values()]
            every = np.column_stack([v, *lengths])
            correlations = [_correlations(v[:, axes]) for axes in vectors.values()]
            spectrum = _of_spectrum(every, even_rate_hz(place, time_s))
            rows.append(np.concatenate([_summarise(every), spectrum, *correlations]))
        channels = (*m.channels, *(f"{vector}_length" for vector in vectors))
        names = [f"{c} {s}" for s in (*STATISTICS, *SPECTRAL) for c in channels]
        return rows, names + [f"{vector} {a}-{b} correlation" for vector in vectors for a, b in ("xy", "xz", "yz")]


def _vectors(channels) -> dict[str, list[int]]:
    """Where x, y and z of each vector stand, by its name."""
    names = [c[:-2] for c in channels if c.endswith("_x")]
    axes = {name: [f"{name}_{axis}" for axis in AXES] for name in names}
    return {name: [channels.index(c) for c in three] for name, three in axes.items() if set(three) <= set(channels)}


def _of_spectrum(v, rate_hz) -> np.ndarray:
    """The numbers named in SPECTRAL of every channel, statistic by statistic."""
    n = max(2, round(SPECTRUM_S * rate_hz))
    hz, power = welch(v, rate_hz, nperseg=min(n, len(v)), nfft=n, axis=0)
    share = power[1:] / np.maximum(power[1:].sum(axis=0), TINY)  # without the mean
    share[:, np.ptp(v, axis=0) == 0] = 0
    hz = hz[1:]
    octaves = [share[(low <= hz) & (hz < high)].sum(axis=0) for low, high in OCTAVES_HZ]
    moves = share.any(axis=0)
    entropy = -(share * np.log(np.maximum(share, TINY))).sum(axis=0) / max(np.log(len(hz)), 1)
    return np.concatenate([*octaves, np.where(moves, hz[share.argmax(axis=0)], 0), entropy])


def _correlations(axes) -> np.ndarray:
    """Of x with y, x with z and y with z."""
    centred = axes - axes.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    between = centred.T @ centred / np.maximum(np.outer(size, size), TINY)
    return between[np.triu_indices(3, 1)]


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
