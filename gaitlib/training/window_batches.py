"""Batches for learning without labels: windows cut from recordings as they are needed, patches hidden by chance."""

from dataclasses import dataclass

import numpy as np

TRAINING, WATCHED = 0, 1  # streams of random numbers
QUIET = 0.01  # a variance, of that of all recordings; what moves less is noise, and not blown up to be learnt


@dataclass(frozen=True, eq=False)
class Masks:
    """Which patches a masked autoencoder sees of windows of ``frames`` frames.

    Attributes
    ----------
    frames, patch : int
        In frames; the last patch may be cut short.
    hidden : float
        Share of the patches that are hidden.
    span : int
        Patches that are hidden together: 1 hides single ones, more hide stretches of time.
    """

    frames: int
    patch: int
    hidden: float
    span: int = 1

    @property
    def n_patches(self) -> int:
        return -(-self.frames // self.patch)

    @property
    def n_visible(self) -> int:
        return min(self.n_patches - 1, max(1, round((1 - self.hidden) * self.n_patches)))

    def draw(self, n: int, rng) -> np.ndarray:
        """Numbers of the visible patches of n windows, ascending, int32 (n, n_visible)."""
        place = np.arange(self.n_patches) + rng.integers(self.span, size=(n, 1))
        noise = rng.random((n, self.n_patches // self.span + 2))
        together = np.take_along_axis(noise, place // self.span, axis=1)
        order = np.argsort(together + 1e-6 * rng.random((n, self.n_patches)), axis=1)
        return np.sort(order[:, : self.n_visible], axis=1).astype(np.int32)

    def hidden_frames(self, visible) -> np.ndarray:
        """Which frames are hidden, bool (n, frames)."""
        shown = np.zeros((len(visible), self.n_patches), dtype=bool)
        np.put_along_axis(shown, visible, True, axis=1)
        return np.repeat(~shown, self.patch, axis=1)[:, : self.frames]

    def compared(self, x, unit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How windows (n, frames, channels) are compared with what is told: mean and SD of the target, and a weight.

        Parameters
        ----------
        x : ndarray (n, frames, channels)
        unit : {"window", "recordings", "patch"}
            See :class:`gaitlib.training.Pretraining`.

        Returns
        -------
        mean, sd : ndarray
            They broadcast against x: the target is ``(x - mean) / sd``.
        weight : ndarray (n, 1)
        """
        n, frames, channels = x.shape
        zero, one = np.zeros((1, 1, 1)), np.ones((1, 1, 1))
        if unit == "recordings":
            return zero, one, np.ones((n, 1))
        if unit == "window":
            return zero, one, 1 / (x.var(axis=1).mean(axis=1, keepdims=True) + QUIET)
        whole = np.pad(x, [(0, 0), (0, self.n_patches * self.patch - frames), (0, 0)], mode="edge")
        patches = whole.reshape(n, self.n_patches, -1)
        mean, sd = patches.mean(axis=2), np.sqrt(patches.var(axis=2) + QUIET)
        mean, sd = (np.repeat(each, self.patch, axis=1)[:, :frames, None] for each in (mean, sd))
        return mean, sd, np.ones((n, 1))


class WindowBatches:
    """Windows from random places of recordings, drawn anew for every batch: memory holds the recordings, no windows.

    What is drawn depends on seed, epoch and step alone, so that a training that was killed goes on as if it had not.

    Parameters
    ----------
    recordings : list of ndarray (frames, channels)
        Each at least ``masks.frames`` long.
    groups : sequence
        Of each recording, as the dataset that it is from.
    masks : Masks
    settings : Pretraining
    scale : tuple of ndarray (channels,)
        Mean and SD by which windows are standardised, after they were augmented.
    channels : sequence of str
    seed : int
    """

    def __init__(self, recordings, groups, masks, settings, scale, channels, seed):
        self.masks, self.settings, self.scale, self.channels, self.seed = masks, settings, scale, tuple(channels), seed
        lengths = np.array([len(r) for r in recordings])
        self._values = np.concatenate(recordings)
        self._first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._places = lengths - masks.frames + 1
        n_windows = np.maximum(1, lengths // masks.frames)
        self._chance = _chances(n_windows, np.asarray(groups), settings.balance)
        self.batch_size = min(settings.batch_size, int(n_windows.sum()))
        self.n_steps = int(n_windows.sum()) // self.batch_size

    def batch(self, epoch: int, step: int) -> tuple:
        """Inputs (a window and its visible patches), target and weights (n, frames) of a step."""
        rng = np.random.default_rng([self.seed, TRAINING, epoch, step])
        recording = rng.choice(len(self._chance), self.batch_size, p=self._chance)
        start = self._first[recording] + (rng.random(self.batch_size) * self._places[recording]).astype(int)
        x = self._values[start[:, None] + np.arange(self.masks.frames)]
        for change in self.settings.augment:
            x = change.apply(x, rng, self.channels)
        return self._hidden(x, rng)

    def fixed(self) -> list[tuple]:
        """Batches of all windows side by side, with masks that stay the same, to watch a training."""
        places = zip(self._first, self._places, strict=True)
        starts = np.concatenate([first + np.arange(0, n, self.masks.frames) for first, n in places])
        rng = np.random.default_rng([self.seed, WATCHED])
        parts = np.array_split(starts, -(-len(starts) // self.settings.batch_size))
        return [self._hidden(self._values[part[:, None] + np.arange(self.masks.frames)], rng) for part in parts]

    def _hidden(self, x, rng):
        mean, sd = self.scale
        x = ((x - mean) / sd).astype(np.float32)
        visible = self.masks.draw(len(x), rng)
        hidden = self.masks.hidden_frames(visible)
        weight = hidden / hidden.mean(axis=1, keepdims=True)  # so that the mean loss is that of a hidden frame
        mean, sd, of_window = self.masks.compared(x, self.settings.compared_in)
        return [x, visible], ((x - mean) / sd).astype(np.float32), (weight * of_window).astype(np.float32)


class SampleBatches:
    """Samples that are given back whole, such as padded windows; each once an epoch, in another order.

    Parameters
    ----------
    x : ndarray (n, frames, channels)
    real : ndarray (n, frames)
        1 on frames that are no padding.
    settings : Pretraining
    seed : int
    """

    def __init__(self, x, real, settings, seed):
        self.x, self.real, self.seed = x, real.astype(np.float32), seed
        self.batch_size = min(settings.batch_size, len(x))
        self.n_steps = len(x) // self.batch_size

    def batch(self, epoch: int, step: int) -> tuple:
        """Inputs, target (the same) and weights (n, frames) of a step."""
        order = np.random.default_rng([self.seed, TRAINING, epoch]).permutation(len(self.x))
        return self._of(order[step * self.batch_size : (step + 1) * self.batch_size])

    def fixed(self) -> list[tuple]:
        """All samples in their order."""
        return [self._of(part) for part in np.array_split(np.arange(len(self.x)), -(-len(self.x) // self.batch_size))]

    def _of(self, rows):
        return self.x[rows], self.x[rows], self.real[rows]


def _chances(n_windows, groups, balance) -> np.ndarray:
    """How often each recording is drawn from: groups by their windows to the power of ``balance``, then by length."""
    chance = n_windows.astype(float)
    for group in np.unique(groups):
        own = groups == group
        total = n_windows[own].sum()
        chance[own] *= total**balance / total
    return chance / chance.sum()
