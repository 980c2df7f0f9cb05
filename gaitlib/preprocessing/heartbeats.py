"""What the beats of the heart tell, from a pulse wave or an electrocardiogram.

References
----------
Task Force of the European Society of Cardiology (1996). Heart rate variability: standards of measurement, physiological
interpretation and clinical use. Circulation 93, 1043-1065. https://doi.org/10.1161/01.CIR.93.5.1043
"""

import warnings

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.physiology import FOUND_NOTHING, WindowFeatures, neurokit, whole_signal
from gaitlib.preprocessing.step import sequence
from gaitlib.preprocessing.waveforms import even_rate_hz

INTERVAL_S = (0.3, 2.0)  # between two beats: 200 to 30 a minute
INTERVAL_SHARE = 0.3  # of the median may an interval between two beats differ from it
FEWEST_INTERVALS = 4
BREATH_RATE_HZ = 4.0  # at which heart rate is interpolated to find breaths in it
SHORTEST_BREATHING_S = 15


class _BeatFeatures(WindowFeatures):
    """Numbers told by the beats that a subclass finds with ``_beats(nk, signal, rate_hz)``."""

    features = (
        "heart_rate", "mean_nn_ms", "sdnn_ms", "rmssd_ms", "pnn50_percent", "respiratory_rate", "beats_share",
    )  # fmt: skip

    def _tell(self, place, channels, values, rate_hz):
        nk, signal = neurokit(), values[:, _channel(place, channels, self.channel)]
        if len(signal) / rate_hz < FEWEST_INTERVALS * INTERVAL_S[0]:  # neurokit2 fails on less than a beat
            return None
        try:
            beats_s = np.asarray(self._beats(nk, signal, rate_hz)) / rate_hz
        except FOUND_NOTHING:
            return None
        return _tell_beats(beats_s, len(signal) / rate_hz)


class PulseFeatures(_BeatFeatures):
    """What the beats of a pulse wave tell: heart rate, its variability, breaths.

    ``heart_rate`` (1/min, of the mean interval), ``mean_nn_ms``, ``sdnn_ms``, ``rmssd_ms``, ``pnn50_percent`` (Task
    Force 1996), ``respiratory_rate`` (1/min) and ``beats_share``, the share of the window that plausible intervals
    cover: its quality. An interval is plausible between 0.3 and 2 s and within 30 % of the window's median; others are
    left out, and what is told of neighbouring intervals takes plausible neighbours only. Under four there is no number.

    Beats are those of Elgendi et al. (2013), as neurokit2 finds them. A beat is told to a sample: at 64 Hz to 16 ms,
    which is below what ``rmssd_ms`` can mean. Mains hum is filtered away, but for signals of less than some 80 Hz:
    there it folds into the pulse (60 Hz at 64 Hz to 4 Hz), which bears a tenth of its own size. Breaths are the peaks
    of the heart rate's rhythm between 0.1 and 0.4 Hz, which in many people, and in all at times, is weak.

    Parameters
    ----------
    modality : str
        A sequence with times.
    channel : str, optional
        Which channel; default the first.

    Raises
    ------
    GaitDataError
        On ``transform``, if neurokit2 is not installed, a trial has no evenly spaced times, or no such channel.

    References
    ----------
    Elgendi M., Norton I., Brearley M., Abbott D., Schuurmans D. (2013). Systolic peak detection in acceleration
    photoplethysmograms measured from emergency responders in tropical conditions. PLoS ONE 8, e76585.
    https://doi.org/10.1371/journal.pone.0076585
    """

    def __init__(self, modality="bvp", channel=None):
        self.modality = modality
        self.channel = channel

    def _beats(self, nk, signal, rate_hz):
        return nk.ppg_findpeaks(nk.ppg_clean(signal, sampling_rate=rate_hz), sampling_rate=rate_hz)["PPG_Peaks"]


class EcgFeatures(_BeatFeatures):
    """What the beats of an electrocardiogram tell, as :class:`PulseFeatures`.

    R peaks are found by neurokit2. A lead whose R peaks point down is turned over first; :func:`inverted` says which.

    Parameters
    ----------
    modality : str
        A sequence with times.
    channel : str, optional
        Which lead; default the first.

    Raises
    ------
    GaitDataError
        As for :class:`PulseFeatures`.
    """

    def __init__(self, modality="ecg", channel=None):
        self.modality = modality
        self.channel = channel

    def _beats(self, nk, signal, rate_hz):
        upright, _ = nk.ecg_invert(signal, sampling_rate=rate_hz)
        clean = nk.ecg_clean(upright, sampling_rate=rate_hz)
        return nk.ecg_peaks(clean, sampling_rate=rate_hz)[1]["ECG_R_Peaks"]


def inverted(trials, modality="ecg", channel=None) -> np.ndarray:
    """Which trials hold an electrocardiogram on its head, which :class:`EcgFeatures` turns over.

    Returns
    -------
    ndarray of bool (n_trials,)
        False where nothing can be told.

    Raises
    ------
    GaitDataError
        As for :class:`PulseFeatures`.
    """
    nk, m, told = neurokit(), sequence(trials, modality), np.zeros(len(trials), bool)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, (trial, values, time_s) in enumerate(zip(trials.ids, m.values, m.time_s, strict=True)):
            place = f"{trial}, modality '{modality}'"
            whole = None if values is None or len(values) < 2 else whole_signal(values)
            if whole is None or time_s is None:
                continue
            signal, rate_hz = whole[:, _channel(place, m.channels, channel)], even_rate_hz(place, time_s)
            try:
                told[i] = nk.ecg_invert(signal, sampling_rate=rate_hz)[1]
            except FOUND_NOTHING:
                continue
    return told


def _channel(place, channels, name) -> int:
    if name is not None and name not in channels:
        raise GaitDataError(f"{place}: no channel '{name}'; there are {', '.join(channels)}")
    return 0 if name is None else channels.index(name)


def _tell_beats(beats_s, lasts_s) -> list[float] | None:
    """The numbers of :class:`PulseFeatures` from the times of beats; None where there are too few."""
    nn = np.diff(beats_s)
    if not len(nn):
        return None
    low, high = INTERVAL_S
    plausible = (nn >= low) & (nn <= high) & (np.abs(nn - np.median(nn)) <= INTERVAL_SHARE * np.median(nn))
    if plausible.sum() < FEWEST_INTERVALS:
        return None
    kept_ms = 1000 * nn[plausible]
    steps_ms = np.round(1000 * np.diff(nn)[plausible[1:] & plausible[:-1]], 6)  # 50 ms is not more than 50 ms
    rmssd, pnn50 = np.nan, np.nan
    if len(steps_ms):
        rmssd, pnn50 = np.sqrt(np.mean(steps_ms**2)), 100 * np.mean(np.abs(steps_ms) > 50)
    breaths = _breaths_per_min(beats_s[1:][plausible], 60 / nn[plausible])
    mean_ms = kept_ms.mean()
    return [60000 / mean_ms, mean_ms, kept_ms.std(ddof=1), rmssd, pnn50, breaths, kept_ms.sum() / 1000 / lasts_s]


def _breaths_per_min(time_s, heart_rate) -> float:
    """The rate of the rhythm that breathing gives to the heart; NaN where it cannot be told."""
    if time_s[-1] - time_s[0] < SHORTEST_BREATHING_S:
        return np.nan
    nk = neurokit()
    grid_s = np.arange(time_s[0], time_s[-1], 1 / BREATH_RATE_HZ)
    try:
        breathing = nk.ecg_rsp(np.interp(grid_s, time_s, heart_rate), sampling_rate=BREATH_RATE_HZ)
        peaks = nk.rsp_findpeaks(breathing, sampling_rate=BREATH_RATE_HZ)["RSP_Peaks"]
    except FOUND_NOTHING:
        return np.nan
    return 60 * BREATH_RATE_HZ / np.diff(peaks).mean() if len(peaks) > 1 else np.nan
