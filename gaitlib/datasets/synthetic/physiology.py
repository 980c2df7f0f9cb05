"""Openly synthetic EEG, ECG and skin conductance of people who watch film clips, in the layout of AMIGOS.

Beats and skin-conductance responses have the shapes of neurokit2; the EEG is coloured noise. How much the body tells of
what a person feels, and how much of it is common to all who watch the same film, are set. Made to exercise models and
protocols; nothing measured on them says anything about people.

References
----------
Makowski D., Pham T., Lau Z. J. and others (2021). NeuroKit2: A Python toolbox for neurophysiological signal processing.
Behavior Research Methods 53, 1689-1696. https://doi.org/10.3758/s13428-020-01516-y
"""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve

from gaitlib.datasets import amigos
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array

RATING_SD = 0.15
VIDEO_SHARE, PERSISTENCE = 0.4, 0.9  # of a rating's variance; from segment to segment of the rest
FILM_SHARE = 0.7  # of what a film evokes, the same in all its segments
GAIN_SPREAD = 0.3  # SD of the log of how strongly a person's body answers
# How far the body moves by one SD of a rating at effect 1, in SDs of what it does anyway. That of a change is chosen so
# that a linear model on the true responses has an AUROC of .75 for transitions: tests/datasets/synthetic.
FELT, STARTLED = 0.8, 2.75
N_EEG = len(amigos.CHANNELS["eeg"])
EEG_UV = {"background": 10.0, "alpha": 6.0, "beta": 3.0}
BANDS_HZ = {"alpha": (8, 12), "beta": (15, 25)}
SCR_S, SCR_US = 9, 0.3  # length of a skin-conductance response, median size
BREATHS_HZ, SINUS_ARRHYTHMIA = 0.25, 0.03


@dataclass(frozen=True)
class Response:
    """How a body answers, an array (segments,) each but for ``log_beta``: what the signals are made from.

    Attributes
    ----------
    heart_rate_bpm : ndarray
        Rises with arousal.
    skin_conductance_us : ndarray
        Level, rises with arousal.
    responses_per_min : ndarray
        Skin-conductance responses; more where a rating changed from the segment before.
    log_alpha : ndarray
        Log of the amplitude between 8 and 12 Hz, rises with valence.
    log_beta : ndarray (segments, 14)
        Log of the amplitude between 15 and 25 Hz, by channel: what the film evokes.
    """

    heart_rate_bpm: np.ndarray
    skin_conductance_us: np.ndarray
    responses_per_min: np.ndarray
    log_alpha: np.ndarray
    log_beta: np.ndarray


def synthetic_physiology(
    n_subjects=8, n_segments=(4, 4, 4, 4, 8, 8), segment_s=20.0, effect=1.0, stimulus_effect=0.5, seed=0
) -> TrialSet:
    """Make synthetic recordings of people who watch the same videos.

    Parameters
    ----------
    n_subjects : int
    n_segments : sequence of int
        Rated segments of each video: short videos and long ones. A smaller set is exactly a part of a larger one.
    segment_s : float
        Length of a segment, whole samples at 128 Hz.
    effect : float
        How strongly a person's body shows what is rated in the segment: heart rate and skin conductance arousal, the
        EEG between 8 and 12 Hz valence, skin-conductance responses a change. People differ in their level and in how
        strongly they answer. 0: the signals hold nothing of it.
    stimulus_effect : float
        From 0 to 1: share of the ratings' variance that is common to all who watch the same segment, and, times the
        usual spread, how much each film evokes in everybody's signals that has nothing to do with the ratings: the EEG
        between 15 and 25 Hz, heart rate and skin conductance tell which film it is. With this effect alone a model
        recognises a film that it has seen others watch, and fails on a new one.
    seed : int
        The same seed gives the same trials.

    Returns
    -------
    TrialSet
        As :func:`gaitlib.load_amigos` gives it. The name says that they are synthetic.

    Raises
    ------
    GaitDataError
        If nobody watches anything, a size does not fit, or neurokit2 is not installed.

    Examples
    --------
    >>> trials = synthetic_physiology(n_subjects=2, n_segments=(2, 3), segment_s=1)
    >>> len(trials), list(trials.targets)[:3], trials.modality("eeg").values[0].shape
    (10, ['valence', 'arousal', 'transition'], (128, 14))
    """
    frames = _samples(n_subjects, n_segments, segment_s, effect, stimulus_effect)
    beat, scr = _shapes()
    rows, values = [], {name: [] for name in amigos.CHANNELS}
    for row, response, rng in _watched(n_subjects, n_segments, effect, stimulus_effect, seed):
        signals = {"eeg": _eeg(response, frames, rng), "ecg": _ecg(response, frames, beat, rng)}
        signals["gsr"] = _gsr(response, frames, scr, rng)
        for segment in range(len(row["valence"])):
            rows.append(_segment_row(row, segment, frames))
            for name, signal in signals.items():
                values[name].append(signal[segment * frames : (segment + 1) * frames].astype(np.float32))
    numbers, times = np.arange(frames), np.arange(frames) / amigos.RATE_HZ
    clock = object_array([numbers] * len(rows)), object_array([times] * len(rows))
    modalities = {
        name: Modality("sequence", channels, amigos.UNITS[name], object_array(values[name]), *clock)
        for name, channels in amigos.CHANNELS.items()
    }
    name = f"{amigos.SYNTHETIC_NAME}, {n_subjects} subject{'s' * (n_subjects > 1)}"
    kinds = amigos.kinds_of([*amigos.RATED, "transition", *amigos.SELF_RATED])
    return TrialSet(pd.DataFrame(rows), modalities, name, kinds=kinds)


def synthetic_responses(
    n_subjects=8, n_segments=(4, 4, 4, 4, 8, 8), segment_s=20.0, effect=1.0, stimulus_effect=0.5, seed=0
) -> pd.DataFrame:
    """The exact truth behind :func:`synthetic_physiology`: how each body answers in each trial.

    Parameters as there.

    Returns
    -------
    pandas.DataFrame
        The table of the trials, and beside it the fields of :class:`Response`; ``log_beta`` is the mean over the
        channels.

    Examples
    --------
    >>> synthetic_responses(n_subjects=1, n_segments=(2,))[["trial", "heart_rate_bpm"]].round().values.tolist()
    [['p01/video01/00', 65.0], ['p01/video01/01', 75.0]]
    """
    frames = _samples(n_subjects, n_segments, segment_s, effect, stimulus_effect)
    rows = []
    for row, response, _ in _watched(n_subjects, n_segments, effect, stimulus_effect, seed):
        for segment in range(len(row["valence"])):
            told = {f.name: float(np.mean(getattr(response, f.name)[segment])) for f in fields(response)}
            rows.append(_segment_row(row, segment, frames) | told)
    return pd.DataFrame(rows)


def _samples(n_subjects, n_segments, segment_s, effect, stimulus_effect) -> int:
    """Samples of a segment."""
    if n_subjects < 1 or len(n_segments) < 1 or min(n_segments) < 1:
        raise GaitDataError(f"at least one subject, and a segment of each video; not {n_subjects} and {n_segments}")
    if effect < 0 or not 0 <= stimulus_effect <= 1:
        raise GaitDataError(f"effect is from 0, stimulus_effect from 0 to 1; not {effect:g} and {stimulus_effect:g}")
    if not segment_s > 0 or segment_s * amigos.RATE_HZ % 1:
        raise GaitDataError(f"segment_s is a number of whole samples at {amigos.RATE_HZ:g} Hz, not {segment_s:g} s")
    return int(segment_s * amigos.RATE_HZ)


def _shapes() -> tuple[np.ndarray, np.ndarray]:
    """A heart beat over its cycle, and a skin-conductance response, each with a peak of 1, by neurokit2."""
    try:
        import neurokit2
    except ImportError:
        raise GaitDataError("synthetic physiology needs neurokit2: pip install 'gaitlib[physiology]'") from None
    a_second = 1000
    beats = neurokit2.ecg_simulate(
        duration=10, sampling_rate=a_second, heart_rate=60, method="simple", noise=0, random_state=0
    )
    beat = beats[4 * a_second : 5 * a_second]
    scr = neurokit2.eda_simulate(
        duration=SCR_S, sampling_rate=int(amigos.RATE_HZ), scr_number=1, noise=0, drift=0, random_state=0
    )
    return beat / beat.max(), (scr - scr.min()) / np.ptp(scr)


def _watched(n_subjects, n_segments, effect, stimulus_effect, seed):
    """Ratings, responses and the generator that goes on with the signals, of each person and video.

    Each film, person and video of a person has a generator of its own, so that a smaller set is a part of a larger one.
    """
    films = [_film(n, np.random.default_rng([seed, 0, v])) for v, n in enumerate(n_segments, start=1)]
    for person in range(1, n_subjects + 1):
        own = np.random.default_rng([seed, person])
        level, gain = own.normal(size=4), np.exp(GAIN_SPREAD * own.normal(size=4))
        for v, (n, film) in enumerate(zip(n_segments, films, strict=True), start=1):
            rng = np.random.default_rng([seed, person, v])
            shared, evoked = film
            felt = np.sqrt(stimulus_effect) * shared + np.sqrt(1 - stimulus_effect) * _course(n, 2, rng)
            valence, arousal = RATING_SD * felt.T
            response = _response(felt, effect * gain, level, stimulus_effect * evoked, rng)
            yield _video_row(person, v, valence, arousal, rng), response, rng


def _film(n, rng) -> tuple[np.ndarray, np.ndarray]:
    """What everybody feels (segments, 2), and what it evokes in everybody's signals (segments, 2 + channels)."""
    shared = _course(n, 2, rng)
    same, own = rng.normal(size=2 + N_EEG), rng.normal(size=(n, 2 + N_EEG))
    return shared, np.sqrt(FILM_SHARE) * same + np.sqrt(1 - FILM_SHARE) * own


def _course(n, k, rng) -> np.ndarray:
    """Feelings (segments, k) of variance 1 over one video: a level, and what persists from segment to segment."""
    level, noise = rng.normal(size=k), rng.normal(size=(n, k))
    course = noise.copy()
    for i in range(1, n):
        course[i] = PERSISTENCE * course[i - 1] + np.sqrt(1 - PERSISTENCE**2) * noise[i]
    return np.sqrt(VIDEO_SHARE) * level + np.sqrt(1 - VIDEO_SHARE) * course


def _response(felt, gain, level, evoked, rng) -> Response:
    """What a body does in each segment: its level, what is felt, what the film evokes, and all else."""
    valence, arousal = felt.T
    change = np.abs(np.diff(felt, axis=0, prepend=felt[:1])).max(axis=1)
    moved = gain * np.column_stack([FELT * arousal, FELT * arousal, STARTLED * change, FELT * valence])
    moved += rng.normal(size=moved.shape)
    moved[:, :2] += evoked[:, :2]
    return Response(
        heart_rate_bpm=np.clip(72 + 8 * level[0] + 4 * moved[:, 0], 45, 130),
        skin_conductance_us=np.exp(1 + 0.4 * level[1] + 0.15 * moved[:, 1]),
        responses_per_min=np.exp(1 + 0.3 * level[2] + 0.5 * moved[:, 2]),
        log_alpha=0.3 * level[3] + 0.3 * moved[:, 3],
        log_beta=0.5 * evoked[:, 2:] + 0.2 * rng.normal(size=(len(felt), N_EEG)),
    )


def _video_row(person, video, valence, arousal, rng) -> dict:
    """Ratings of one person and video: those of the segments, and the person's own from 1 to 9."""
    said = dict(zip(amigos.SELF_RATED, rng.uniform(1, 9, len(amigos.SELF_RATED)), strict=True))
    for target, rated in {"self_arousal": arousal, "self_valence": valence}.items():
        said[target] = np.clip(5 + 2 * rated.mean() / RATING_SD + rng.normal(), 1, 9)
    return {
        "person": person,
        "stimulus": f"video{video:02d}",
        "valence": valence,
        "arousal": arousal,
        "transition": amigos.transitions(valence, arousal),
        **{target: float(value.round(1)) for target, value in said.items()},
    }


def _segment_row(row, segment, frames) -> dict:
    return {
        **amigos.trial_row(row["person"], row["stimulus"], segment),
        "source": "",
        "stimulus": row["stimulus"],
        "segment": segment,
        "start_s": segment * frames / amigos.RATE_HZ,
        **{target: float(row[target][segment]) for target in (*amigos.RATED, "transition")},
        **{target: row[target] for target in amigos.SELF_RATED},
    }


def _eeg(response, frames, rng) -> np.ndarray:
    """Coloured noise (samples, 14) with more or less of two bands, uV."""
    n = frames * len(response.log_alpha)
    spectrum = fft.rfft(rng.standard_normal((n, N_EEG), dtype=np.float32), axis=0)
    hertz = fft.rfftfreq(n, 1 / amigos.RATE_HZ)[:, None].astype(np.float32)

    def noise(shape):
        made = fft.irfft(spectrum * shape, n, axis=0)
        return made / max(made.std(), 1e-9)  # a very short recording may have no such frequency

    eeg = EEG_UV["background"] * noise(1 / np.sqrt(np.maximum(hertz, 0.5)))
    logs = {"alpha": np.repeat(response.log_alpha[:, None], N_EEG, axis=1), "beta": response.log_beta}
    for band, (low, high) in BANDS_HZ.items():
        eeg += EEG_UV[band] * noise((low <= hertz) & (hertz <= high)) * np.repeat(np.exp(logs[band]), frames, axis=0)
    return eeg


def _ecg(response, frames, beat, rng) -> np.ndarray:
    """Two leads (samples, 2): beats one after the other, at the heart rate of each segment."""
    n = frames * len(response.heart_rate_bpm)
    breath = np.sin(2 * np.pi * (BREATHS_HZ * np.arange(n) / amigos.RATE_HZ + rng.random()))
    hertz = np.repeat(response.heart_rate_bpm / 60, frames) * (1 + SINUS_ARRHYTHMIA * breath)
    cycles = rng.random() + np.cumsum(hertz) / amigos.RATE_HZ
    lead = np.interp(cycles, np.arange(len(beat)) / len(beat), beat, period=1)
    return np.column_stack([lead, 0.7 * lead]) + rng.normal(0, 0.03, (n, 2))


def _gsr(response, frames, scr, rng) -> np.ndarray:
    """Skin conductance (samples, 1): a level, and responses at random times."""
    level = gaussian_filter1d(np.repeat(response.skin_conductance_us, frames), frames / 20)
    minutes = frames / amigos.RATE_HZ / 60
    starts = np.zeros(len(level))
    for segment, n in enumerate(rng.poisson(response.responses_per_min * minutes)):
        at = segment * frames + rng.integers(0, frames, n)
        np.add.at(starts, at, SCR_US * np.exp(rng.normal(0, 0.4, n)))
    phasic = fftconvolve(starts, scr)[: len(level)]
    return (level + phasic + rng.normal(0, 0.005, len(level)))[:, None]
