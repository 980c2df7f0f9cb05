"""Steps for signals of the body: what a window of pulse, heart, skin, movement or temperature says in a few numbers.

Each adds a static modality ``<modality>_features``. A window that is too short, flat, without beats or that lacks more
than a tenth of its samples gives NaN (:func:`quality_table` counts them), to be imputed in the folds with
``Frames(SimpleImputer(), "<modality>_features")``. Skin responses here and beats in ``heartbeats.py`` are neurokit2's.

References
----------
Makowski D., Pham T., Lau Z. J., Brammer J. C., Lespinasse F., Pham H., Schoelzel C., Chen S. H. A. (2021). NeuroKit2: a
Python toolbox for neurophysiological signal processing. Behavior Research Methods 53, 1689-1696.
https://doi.org/10.3758/s13428-020-01516-y
"""

import warnings

import numpy as np
import pandas as pd
from scipy.signal import find_peaks, periodogram
from scipy.stats import kurtosis as excess_kurtosis

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, sequence
from gaitlib.preprocessing.waveforms import even_rate_hz
from gaitlib.trials.modality import Modality, object_array

MISSING_SHARE = 0.1  # of a window's samples is interpolated at most
SHORTEST_SKIN_S = 10
FASTEST_SKIN_HZ = 1.0  # skin conductance changes more slowly; above is noise of the sensor
FOUND_NOTHING = (IndexError, ValueError, ZeroDivisionError, KeyError)  # by which neurokit2 says so


class WindowFeatures(Step):
    """Base of the steps that add a static modality: a subclass names its ``features`` and writes ``_tell``."""

    at_any_rate = True
    features: tuple[str, ...] = ()

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        rows = []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of neurokit2, one a window
            for trial, values, time_s in zip(trials.ids, m.values, m.time_s, strict=True):
                place = f"{trial}, modality '{self.modality}'"
                rows.append(None if values is None else self._row(place, m.channels, values, time_s))
        features = Modality("static", self._names(m.channels), "", object_array(rows))
        return trials.with_modality(f"{self.modality}_features", features)

    def _row(self, place, channels, values, time_s) -> np.ndarray:
        told = np.full(len(self._names(channels)), np.nan)
        if time_s is None:
            raise GaitDataError(f"{place}: has no times; give rate_hz= or time_s=")
        if len(values) > 1 and (whole := whole_signal(values)) is not None:
            numbers = self._tell(place, channels, whole, even_rate_hz(place, time_s))
            told = told if numbers is None else np.asarray(numbers, float)
        told = told.astype(np.float32)
        return np.where(np.isinf(told), np.float32(np.nan), told)  # larger than a float32 can tell

    def _names(self, channels) -> tuple[str, ...]:
        return self.features

    def _tell(self, place, channels, values, rate_hz):
        raise NotImplementedError


class SkinConductanceFeatures(WindowFeatures):
    """Level of the skin conductance and its responses.

    ``level`` (mean) and ``slope_per_min``, ``responses_per_min`` and ``response_amplitude`` (mean, from onset to peak;
    0 where there is no response), in the unit of the modality. The signal is smoothed at 1 Hz, its phasic part is what
    is faster than 0.05 Hz, both by neurokit2, and responses are the peaks that rise by ``smallest`` or more. No number
    where the window is flat or under 10 s.

    Parameters
    ----------
    modality : str
        One channel, in microsiemens.
    smallest : float
        What a response rises by at least; the field's limits are 0.01 to 0.05 uS.

    Raises
    ------
    GaitDataError
        On ``transform``, if neurokit2 is not installed or a trial has no evenly spaced times.
    """

    features = ("level", "slope_per_min", "responses_per_min", "response_amplitude")

    def __init__(self, modality="eda", smallest=0.01):
        self.modality = modality
        self.smallest = smallest

    def _tell(self, place, channels, values, rate_hz):
        nk, signal, lasts_s = neurokit(), values[:, 0], len(values) / rate_hz
        if np.ptp(signal) == 0 or lasts_s < SHORTEST_SKIN_S:
            return None
        smooth = nk.signal_filter(signal, sampling_rate=rate_hz, highcut=FASTEST_SKIN_HZ, order=4)
        phasic = nk.eda_phasic(smooth, sampling_rate=rate_hz)["EDA_Phasic"].to_numpy()
        rises = _rises(phasic)
        rises = rises[rises >= self.smallest]
        mean_rise = rises.mean() if len(rises) else 0.0
        return [signal.mean(), _slope_per_min(signal, rate_hz), 60 * len(rises) / lasts_s, mean_rise]


class LevelFeatures(WindowFeatures):
    """Mean, standard deviation and slope a minute of every channel, for what changes slowly, as a temperature.

    A channel that does not change has a slope of 0.

    Parameters
    ----------
    modality : str
    """

    def __init__(self, modality="temperature"):
        self.modality = modality

    def _names(self, channels):
        return tuple(f"{c}_{what}" for c in channels for what in ("mean", "sd", "slope_per_min"))

    def _tell(self, place, channels, values, rate_hz):
        return [n for v in values.T for n in (v.mean(), v.std(), _slope_per_min(v, rate_hz))]


class MovementFeatures(WindowFeatures):
    """How much and how fast something moves: mean and SD of every axis and of their length, and its main frequency.

    ``dominant_hz`` is the highest point of the periodogram of the length of the vector, above 0 Hz; NaN where it does
    not change.

    Parameters
    ----------
    modality : str
        Accelerations; all channels are axes of one vector.
    """

    def __init__(self, modality="acc"):
        self.modality = modality

    def _names(self, channels):
        return (*(f"{c}_{what}" for c in (*channels, "length") for what in ("mean", "sd")), "dominant_hz")

    def _tell(self, place, channels, values, rate_hz):
        length = np.linalg.norm(values, axis=1)
        hz, power = periodogram(length, rate_hz, detrend="constant")
        moves = len(power) > 1 and power[1:].max() > 0 and np.ptp(length) > 0
        numbers = [n for v in (*values.T, length) for n in (v.mean(), v.std())]
        return [*numbers, hz[1 + power[1:].argmax()] if moves else np.nan]


def quality_table(trials) -> pd.DataFrame:
    """How many trials the feature steps could tell something of, a row a static modality.

    Returns
    -------
    pandas.DataFrame
        By modality: ``trials``, ``lacking`` (without the signal), ``without_numbers`` (all NaN: short, flat, beatless),
        ``partly`` (some NaN) and ``subjects`` (with any of these).

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> rows = [np.ones(2), np.array([1, np.nan]), np.full(2, np.nan), None]
    >>> trials = TrialSet.from_arrays({"bvp_features": rows}, subject=["a", "a", "b", "b"])
    >>> quality_table(trials).loc["bvp_features"].to_dict()
    {'trials': 4, 'lacking': 1, 'without_numbers': 1, 'partly': 1, 'subjects': 2}
    """
    rows = {}
    for name, m in trials.modalities.items():
        if m.kind == "static":
            missing = np.array([np.nan if v is None else np.isnan(v).mean() for v in m.values])
            touched = np.isnan(missing) | (missing > 0)
            rows[name] = {
                "trials": len(trials),
                "lacking": int(np.isnan(missing).sum()),
                "without_numbers": int((missing == 1).sum()),
                "partly": int(((missing > 0) & (missing < 1)).sum()),
                "subjects": len(set(trials.subjects[touched])),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def channel_quality(trials, modality="eeg", largest=100.0, kurtosis=5.0) -> pd.DataFrame:
    """Bad channels and artefacts of an electroencephalogram, counted; nothing is changed. Filter it first.

    Parameters
    ----------
    trials : TrialSet
    modality : str
    largest : float
        Farther from its median no brain gets, in the unit of the modality (uV).
    kurtosis : float
        Excess kurtosis above which a channel holds rare large deflections (Delorme et al. 2007).

    Returns
    -------
    pandas.DataFrame
        A row a trial that has the modality: ``trial``, ``subject`` and the number of channels that are ``missing``
        (without a finite number), ``flat``, that have an ``amplitude`` or a ``kurtosis`` artefact, and ``bad``: any.

    References
    ----------
    Delorme A., Sejnowski T., Makeig S. (2007). Enhanced detection of artifacts in EEG data using higher-order
    statistics and independent component analysis. NeuroImage 34, 1443-1449.
    https://doi.org/10.1016/j.neuroimage.2006.11.004
    """
    m = sequence(trials, modality)
    rows = []
    for i in np.flatnonzero(m.present()):
        values = np.where(np.isfinite(m.values[i]), m.values[i], np.nan).astype(np.float64)
        missing = np.isnan(values).all(axis=0)
        values[:, missing] = 0
        flat = ~missing & (np.nanmax(values, axis=0) == np.nanmin(values, axis=0))
        usable = ~missing & ~flat
        far = usable & (np.nanmax(np.abs(values - np.nanmedian(values, axis=0)), axis=0) > largest)
        peaked = np.zeros_like(flat)
        peaked[usable] = excess_kurtosis(values[:, usable], nan_policy="omit") > kurtosis
        counts = {"missing": missing, "flat": flat, "amplitude": far, "kurtosis": peaked}
        counts["bad"] = missing | flat | far | peaked
        rows.append(
            {"trial": trials.ids[i], "subject": trials.subjects[i]} | {k: int(v.sum()) for k, v in counts.items()}
        )
    return pd.DataFrame(rows)


def neurokit():
    """The module neurokit2, or an error that says how to get it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import neurokit2
    except ImportError as error:
        raise GaitDataError("beats and skin responses need neurokit2: pip install 'gaitlib[physiology]'") from error
    return neurokit2


def whole_signal(values) -> np.ndarray | None:
    """In double precision with short gaps interpolated; None where more of a channel is missing."""
    values = np.array(values, dtype=np.float64)
    missing = ~np.isfinite(values)
    if (missing.mean(axis=0) > MISSING_SHARE).any():
        return None
    at = np.arange(len(values))
    for c in np.flatnonzero(missing.any(axis=0)):
        known = ~missing[:, c]
        values[:, c] = np.interp(at, at[known], values[known, c])
    return values


def _rises(phasic) -> np.ndarray:
    """From the trough before it to each peak: the amplitudes of ``neurokit2.eda_peaks``, which takes 60 ms a window."""
    peaks, troughs = find_peaks(phasic)[0], find_peaks(-phasic)[0]
    before = np.searchsorted(troughs, peaks)
    return phasic[peaks[before > 0]] - phasic[troughs[before[before > 0] - 1]]


def _slope_per_min(signal, rate_hz) -> float:
    minutes = np.arange(len(signal)) / rate_hz / 60
    minutes -= minutes.mean()
    return minutes @ (signal - signal.mean()) / (minutes @ minutes)
