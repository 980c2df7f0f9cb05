"""Steps that make recordings comparable point by point: smooth, scale to the body, stretch to one length.

The study (Horst et al. 2019) takes forces through ``LowPass(50)``, ``CutStride()``, ``ScaleBodyWeight()``,
``TimeNormalise()``, ``Frames(StandardScaler())`` and ``Frames(MinMaxScaler((-1, 1)))``, joint angles through the same
with ``LowPass(12)`` for the markers and ``StandardiseTrial()`` for the standard scaler. Here scalers learn in the fold.

References
----------
Horst F., Lapuschkin S., Samek W., Mueller K.-R., Schoellhorn W. I. (2019). Explaining the unique nature of individual
gait patterns with deep learning. Scientific Reports 9, 2391. https://doi.org/10.1038/s41598-019-38748-8
Winter D. A. (2009). Biomechanics and Motor Control of Human Movement, 4th ed. https://doi.org/10.1002/9780470549148
"""

import numbers
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.constants import g
from scipy.interpolate import make_interp_spline
from scipy.signal import butter, sosfiltfilt
from sklearn.preprocessing import scale

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, require_finite, sequence

UNEVEN = 0.1  # of a step may a time lie off the even grid, since files round times to milliseconds
PADDING_PERIODS = 2  # of the cut-off frequency, added at both ends: scipy's default may bend a straight line there
MASS_KG = (5, 300)


class LowPass(Step):
    """Smooth every channel with a Butterworth low-pass, forwards and backwards, so that nothing is shifted in time.

    The study cuts off markers at 12 Hz and forces at 50 Hz, with a filter of second order in both directions. Order
    and cut-off are those of one pass. Two passes square its gain: they have the steepness of a filter of order
    ``2 * order``, and at the cut-off half of the amplitude is left (-6 dB), not 71 % (-3 dB). The source names no
    correction, so none is made. Who wants -3 dB at some frequency (Winter 2009) gives that frequency divided by 0.802
    (second order; well below the Nyquist frequency).

    Parameters
    ----------
    cutoff_hz : float
    order : int
    modality : str

    Raises
    ------
    GaitDataError
        On ``transform``, where a trial has no times, a time lies more than a tenth of a step off the even grid, the
        cut-off is not below half of the frame rate, or the trial is not longer than two periods of the cut-off.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> time_s = np.arange(1000) / 1000
    >>> wave = np.sin(2 * np.pi * 50 * time_s)[:, None]
    >>> trials = TrialSet.from_arrays({"grf": [wave]}, rate_hz=1000, subject=["a"])
    >>> smooth = LowPass(50, modality="grf").fit_transform(trials).modality("grf").values[0]
    >>> round(float(np.abs(smooth[200:800]).max()), 3)
    0.5
    """

    def __init__(self, cutoff_hz, order=2, modality="skeleton"):
        self.cutoff_hz = cutoff_hz
        self.order = order
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        if not (isinstance(self.cutoff_hz, numbers.Real) and 0 < self.cutoff_hz < np.inf):
            raise GaitDataError(f"LowPass needs a cut-off above 0 Hz, not {self.cutoff_hz}")
        if not (isinstance(self.order, numbers.Integral) and self.order >= 1):
            raise GaitDataError(f"LowPass needs a whole number from 1 as its order, not {self.order}")
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None:
                values[i] = self._smooth(f"{trial}, modality '{self.modality}'", values[i], m.time_s[i])
        return trials.with_modality(self.modality, replace(m, values=values))

    def _smooth(self, place, values, time_s) -> np.ndarray:
        return zero_phase(place, values, time_s, self.order, "lowpass", self.cutoff_hz)


class BandPass(Step):
    """Keep a band of frequencies of every channel, by a Butterworth filter forwards and backwards.

    As for :class:`LowPass`, order and cut-offs are those of one pass, and nothing is shifted in time. The defaults are
    those of an electroencephalogram: below lies drift, above muscles and mains hum.

    Parameters
    ----------
    low_hz, high_hz : float
    order : int
    modality : str

    Raises
    ------
    GaitDataError
        On ``transform``, as for :class:`LowPass`; a trial must last longer than two periods of ``low_hz``.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> time_s = np.arange(2560) / 128
    >>> waves = [np.sin(2 * np.pi * hz * time_s) for hz in (0.05, 10, 60)]
    >>> trials = TrialSet.from_arrays({"eeg": [np.column_stack(waves)]}, rate_hz=128, subject=["a"])
    >>> kept = BandPass().fit_transform(trials).modality("eeg").values[0]
    >>> np.abs(kept[640:1920]).max(axis=0).round(1).tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(self, low_hz=0.5, high_hz=45.0, order=4, modality="eeg"):
        self.low_hz = low_hz
        self.high_hz = high_hz
        self.order = order
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        edges = (self.low_hz, self.high_hz)
        if not (all(isinstance(hz, numbers.Real) for hz in edges) and 0 < self.low_hz < self.high_hz < np.inf):
            raise GaitDataError(f"BandPass needs a low and a higher frequency above 0 Hz, not {edges}")
        if not (isinstance(self.order, numbers.Integral) and self.order >= 1):
            raise GaitDataError(f"BandPass needs a whole number from 1 as its order, not {self.order}")
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None:
                place = f"{trial}, modality '{self.modality}'"
                values[i] = zero_phase(place, values[i], m.time_s[i], self.order, "bandpass", edges)
        return trials.with_modality(self.modality, replace(m, values=values))


class ScaleBodyWeight(Step):
    """Divide forces by the weight of the body, mass x 9.80665 m/s^2.

    Each trial is scaled by its own row of the table: nothing is learnt. All channels of the modality are divided, so it
    must hold forces alone.

    Parameters
    ----------
    column : str
        Column of the trial table with the mass in kg.
    modality : str
        Forces in N.

    Raises
    ------
    GaitDataError
        On ``transform``, where the forces are not in N, there is no such column, or the mass of a trial is missing or
        outside of 5 to 300 kg.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> trials = TrialSet.from_arrays({"grf": [np.full((2, 1), 980.665)]}, subject=["a"], unit="N",
    ...                               targets={"body_mass_kg": [80]})
    >>> ScaleBodyWeight().fit_transform(trials).modality("grf").values[0].ravel().tolist()
    [1.25, 1.25]
    """

    def __init__(self, column="body_mass_kg", modality="grf"):
        self.column = column
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_newtons(m, self.modality, "ScaleBodyWeight")
        if self.column not in trials.table:
            raise GaitDataError(
                f"the trial table has no column '{self.column}'; give the mass of every trial in kg, as in "
                f"TrialSet.from_arrays(..., targets={{'{self.column}': [...]}})"
            )
        mass_kg = pd.to_numeric(trials.table[self.column], errors="coerce").to_numpy(float)
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None:
                if not MASS_KG[0] <= mass_kg[i] <= MASS_KG[1]:
                    raise GaitDataError(
                        f"{trial}: '{self.column}' is {trials.table[self.column].iloc[i]}, no mass of a person in kg "
                        f"({MASS_KG[0]} to {MASS_KG[1]}); correct it or remove this trial"
                    )
                values[i] = (values[i] / (mass_kg[i] * g)).astype(np.float32)
        return trials.with_modality(self.modality, replace(m, values=values, unit="body weights"))


class StandardiseTrial(Step):
    """Subtract from every channel its mean over the trial and divide by its standard deviation over the trial.

    The study treats joint angles so: what stays is the form of the curve, without offset and size. Nothing is learnt
    from other trials; to scale by the training trials use ``Frames(StandardScaler())``. A channel that does not change
    becomes 0. The deviation is that of the population, as in ``StandardScaler``.

    Parameters
    ----------
    modality : str
    with_std : bool
        False subtracts the mean only, and the unit stays: of a skeleton this leaves movement without posture.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.array([[1.0, 5], [3, 5]])]}, subject=["a"])
    >>> StandardiseTrial("emg").fit_transform(trials).modality("emg").values[0].tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, modality="skeleton", with_std=True):
        self.modality = modality
        self.with_std = with_std

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        # In double precision the mean of equal float32 numbers is exact, so a constant channel has no deviation at all.
        scaled = m.map(lambda v: scale(v.astype(np.float64), with_std=self.with_std))
        return trials.with_modality(self.modality, replace(scaled, unit="" if self.with_std else m.unit))


class TimeNormalise(Step):
    """Stretch or shrink every trial to the same number of points, from its first frame to its last.

    Interpolation is linear, as in :func:`gaitlib.preprocessing.cycles`: it cannot overshoot. It runs over the true
    times where they are known, else over the original frame numbers. A trial must be what shall fill 0 to 100 %, such
    as one stride (:class:`CutStride`): a walk of several strides is only stretched.

    Every point keeps the number of the original frame nearest to it; where a trial has fewer frames than points,
    numbers repeat. Times, where known, are the true seconds of the points, evenly spaced, so that a later velocity or
    filter is right; the time between points then differs from trial to trial.

    Parameters
    ----------
    n_points : int
        Both ends included; 101 points are 0, 1, ..., 100 %.
    modality : str

    Raises
    ------
    GaitDataError
        On ``transform``, where a trial has a single frame, times that do not advance, or a number that is not finite.

    Examples
    --------
    >>> from gaitlib.trials import TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.array([[0.0], [1], [4]])]}, rate_hz=10, subject=["a"])
    >>> m = TimeNormalise(5, "emg").fit_transform(trials).modality("emg")
    >>> m.values[0].ravel().tolist(), m.time_s[0].tolist()
    ([0.0, 0.5, 1.0, 2.5, 4.0], [0.0, 0.05, 0.1, 0.15..., 0.2])
    """

    at_any_rate = True

    def __init__(self, n_points=101, modality="skeleton"):
        self.n_points = n_points
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        require_finite(trials, self.modality)
        require_points(self)
        values, frames, times = m.values.copy(), m.frames.copy(), m.time_s.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            axis = frames[i] if times[i] is None else times[i]
            if len(axis) < 2 or not (np.diff(axis) > 0).all():
                raise GaitDataError(
                    f"{trial}, modality '{self.modality}': 2 frames with advancing times are needed; use "
                    "RepairFrames() first, or remove this trial"
                )
            points = np.linspace(axis[0], axis[-1], self.n_points)
            nearest = np.rint(np.interp(points, axis, np.arange(len(axis)))).astype(int)
            values[i] = make_interp_spline(axis, values[i], k=1)(points).astype(np.float32)
            frames[i] = frames[i][nearest]
            times[i] = None if times[i] is None else points
        normalised = replace(m, values=values, frames=frames, time_s=times, max_frames=self.n_points)
        return trials.with_modality(self.modality, normalised)


def require_newtons(modality, name, step) -> None:
    """Refuse forces in another unit than N, in the name of the step."""
    if modality.unit != "N":
        raise GaitDataError(f"{step} needs forces in N, '{name}' is in '{modality.unit}'; give raw forces and unit='N'")


def require_points(step) -> None:
    """Refuse fewer than 2 points, in the name of the step."""
    if not (isinstance(step.n_points, numbers.Integral) and step.n_points >= 2):
        raise GaitDataError(f"{type(step).__name__} needs 2 points or more, not {step.n_points}")


def zero_phase(place, values, time_s, order, kind, edges_hz) -> np.ndarray:
    """Filtered forwards and backwards, float32; the highest edge must be below half of the frame rate.

    Parameters
    ----------
    place : str
        Trial and modality, for the errors.
    values : ndarray (frames, channels)
    time_s : ndarray (frames,), or None
    order : int
        Of one pass.
    kind : {"lowpass", "bandpass"}
    edges_hz : float or pair of float
    """
    if time_s is None or len(time_s) < 2:
        raise GaitDataError(f"{place}: a cut-off in Hz needs 2 frames with times or more; give rate_hz= or time_s=")
    rate_hz = even_rate_hz(place, time_s)
    lowest_hz, highest_hz = np.min(edges_hz), np.max(edges_hz)
    if not highest_hz < rate_hz / 2:
        raise GaitDataError(
            f"{place}: {rate_hz:g} frames a second hold frequencies below {rate_hz / 2:g} Hz only; "
            f"a cut-off of {highest_hz:g} Hz must be lower"
        )
    padding = int(np.ceil(PADDING_PERIODS * rate_hz / lowest_hz))
    if len(values) <= padding:
        raise GaitDataError(
            f"{place}: {len(values)} frames are too short for a cut-off of {lowest_hz:g} Hz, which needs more "
            f"than {padding}; remove this trial or raise the cut-off"
        )
    passes = butter(order, edges_hz, kind, fs=rate_hz, output="sos")
    return sosfiltfilt(passes, values, axis=0, padlen=padding).astype(np.float32)


def even_rate_hz(place, time_s) -> float:
    """Frames a second of evenly spaced times, at least two; refuses others, naming the place."""
    grid_s, step_s = np.linspace(time_s[0], time_s[-1], len(time_s), retstep=True)
    if not (step_s > 0 and (np.abs(time_s - grid_s) <= UNEVEN * step_s).all()):
        raise GaitDataError(
            f"{place}: frames are not evenly spaced in time (at most {UNEVEN:.0%} of a step off is allowed); "
            "put them on an even grid first: TimeNormalise(n_points) with as many points as the longest trial has"
        )
    return 1 / step_s
