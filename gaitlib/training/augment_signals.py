"""Changed copies of inertial signals, for training alone: mounted otherwise, larger, noisier, faster and slower.

Each works on a batch of windows (``apply``), as pretraining draws them, and on whole trials (``augment(trials)``), as
``Training(augment=[...])`` asks for. Both want **physical values**: a rotation of channels that were standardised one
by one is no rotation of the sensor. Who cuts batches applies them before scaling; ``Training`` does it by itself.

References
----------
Um T. T. et al. (2017). Data augmentation of wearable sensor data for Parkinson's disease monitoring using convolutional
neural networks. ICMI, 216-220. https://doi.org/10.1145/3136755.3136817
"""

from dataclasses import replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation
from sklearn.base import BaseEstimator

from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

MODALITIES = ("acc", "gyro", "imu")  # as recorded, or fused
TURNED_TOGETHER = (ACC_CHANNELS, GYRO_CHANNELS, ACC_CHANNELS + GYRO_CHANNELS)
KNOTS = 5  # between which the speed of a warped window changes


class SignalAugmentation(BaseEstimator):
    """Base: a subclass writes ``_apply(values, rng, channels)``.

    Parameters
    ----------
    seed : int
        Of the copies of whole trials; each trial gets a change of its own.
    """

    alike = True  # whether accelerometer and gyroscope as recorded change in the same way

    def apply(self, values, rng, channels) -> np.ndarray:
        """A changed copy of a batch, each window in a way of its own.

        Parameters
        ----------
        values : ndarray (n, frames, channels)
            Physical values, before scaling.
        rng : numpy.random.Generator
        channels : sequence of str

        Returns
        -------
        ndarray of float32, same shape

        Raises
        ------
        GaitDataError
            If there are other axes than named, or channels that it cannot change.
        """
        values = np.asarray(values, np.float32)
        if values.ndim != 3 or values.shape[2] != len(channels):
            raise GaitDataError(
                f"{type(self).__name__}: expected (windows, frames, {len(channels)} channels), got {values.shape}"
            )
        return self._apply(values, rng, tuple(channels)).astype(np.float32, copy=False)

    def __call__(self, trials: TrialSet) -> TrialSet:
        names = [name for name in MODALITIES if name in trials.modalities]
        if not names:
            raise GaitDataError(
                f"{type(self).__name__} changes {', '.join(MODALITIES)}; there are {', '.join(trials.modalities)}"
            )
        for place, name in enumerate(names):
            m, values = trials.modality(name), trials.modality(name).values.copy()
            for i in np.flatnonzero(m.present()):
                rng = np.random.default_rng([self.seed, i, 0 if self.alike else place])
                values[i] = self.apply(values[i][None], rng, m.channels)[0]
            trials = trials.with_modality(name, replace(m, values=values))
        return trials

    def _apply(self, values, rng, channels):
        raise NotImplementedError


class RotateSensor(SignalAugmentation):
    """The sensor mounted otherwise: accelerations and rotation rates turn by one constant rotation, drawn by window.

    All rotations up to ``max_deg`` are equally likely (uniform on the group of rotations, cut there): 180 is any
    mounting at all. Lengths of vectors stay.

    Parameters
    ----------
    max_deg : float
        Largest angle of the rotation, up to 180.
    seed : int

    Examples
    --------
    >>> window = np.tile(np.float32([3, 4, 0]), (1, 128, 1))
    >>> turned = RotateSensor().apply(window, np.random.default_rng(0), ["acc_x", "acc_y", "acc_z"])
    >>> np.linalg.norm(turned, axis=2).round(3).tolist()[0][:2]
    [5.0, 5.0]
    """

    def __init__(self, max_deg=180.0, seed=0):
        self.max_deg = max_deg
        self.seed = seed

    def _apply(self, values, rng, channels):
        if not 0 <= self.max_deg <= 180:
            raise GaitDataError(f"RotateSensor(max_deg={self.max_deg}): an angle is 0 to 180 degrees")
        if channels not in TURNED_TOGETHER:
            raise GaitDataError(
                f"RotateSensor turns {', '.join(ACC_CHANNELS)}, {', '.join(GYRO_CHANNELS)} or both, in this order and "
                f"before other channels are made of them; not {', '.join(channels)}"
            )
        turns = self._turns(len(values), rng).as_matrix().astype(np.float32)
        vectors = values.reshape(len(values), -1, 3)
        return (vectors @ turns.transpose(0, 2, 1)).reshape(values.shape)

    def _turns(self, n, rng) -> Rotation:
        """Axes uniform on the sphere; of angles, that of a uniform rotation has the density 1 - cos."""
        axes = rng.standard_normal((n, 3))
        angles = np.linspace(0, np.deg2rad(self.max_deg), 1000)
        share = angles - np.sin(angles)
        drawn = np.interp(rng.uniform(0, share[-1], n), share, angles)
        return Rotation.from_rotvec(axes / np.linalg.norm(axes, axis=1, keepdims=True) * drawn[:, None])


class ScaleSignal(SignalAugmentation):
    """A window larger or smaller as a whole: all channels times one factor, whose logarithm is normal around 0.

    Directions, and accelerations beside rotation rates, stay as they were (Um et al. 2017; there the factor itself is
    normal and may turn a signal around).

    Parameters
    ----------
    sd : float
        Of the logarithm of the factor: 0.1 is about 10 %.
    seed : int
    """

    def __init__(self, sd=0.1, seed=0):
        self.sd = sd
        self.seed = seed

    def _apply(self, values, rng, channels):
        return values * np.exp(self.sd * rng.standard_normal((len(values), 1, 1), np.float32))


class Jitter(SignalAugmentation):
    """White noise on every channel, in proportion to how much the channel changes within the window.

    Parameters
    ----------
    sd : float
        Of the noise, in standard deviations of the channel over the window; a channel that does not change stays.
    seed : int
    """

    alike = False

    def __init__(self, sd=0.05, seed=0):
        self.sd = sd
        self.seed = seed

    def _apply(self, values, rng, channels):
        noise = rng.standard_normal(values.shape, np.float32)
        return values + np.float32(self.sd) * values.std(axis=1, keepdims=True) * noise


class WarpTime(SignalAugmentation):
    """A window faster here and slower there: time runs on at a speed that changes smoothly, between the same two ends.

    The logarithm of the speed is normal at 5 places spread evenly over the window, and a cubic spline between them; so
    time never runs back. Values between frames are interpolated linearly. What is faster does not become larger, as
    accelerations of a real person would.

    Parameters
    ----------
    sd : float
        Of the logarithm of the speed.
    seed : int
    """

    def __init__(self, sd=0.2, seed=0):
        self.sd = sd
        self.seed = seed

    def _apply(self, values, rng, channels):
        n, frames, _ = values.shape
        at = self._places(n, frames, rng)
        before = np.minimum(at.astype(np.int64), max(frames - 2, 0))
        share = (at - before).astype(np.float32)[..., None]
        rows, after = np.arange(n)[:, None], np.minimum(before + 1, frames - 1)
        return values[rows, before] * (1 - share) + values[rows, after] * share

    def _places(self, n, frames, rng) -> np.ndarray:
        """Where in the window each frame of its copy lies, (n, frames), from 0 to frames - 1."""
        speed = np.exp(self.sd * rng.standard_normal((n, KNOTS)) @ _between_knots(max(frames - 1, 1)))
        passed = np.cumsum(speed, axis=1) / speed.sum(axis=1, keepdims=True)
        return (frames - 1) * np.hstack([np.zeros((n, 1)), passed])[:, :frames]


def _between_knots(steps) -> np.ndarray:
    """What the value at each knot counts in each step, (knots, steps)."""
    return CubicSpline(np.linspace(0, 1, KNOTS), np.eye(KNOTS))(np.linspace(0, 1, steps)).T
