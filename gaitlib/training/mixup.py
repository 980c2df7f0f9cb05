"""Samples and their targets mixed in pairs, so that a network learns to be less sure between them."""

from dataclasses import replace

import keras
import numpy as np

from gaitlib.training.batching import LabelledSamples


def one_hot(samples: LabelledSamples, n_classes: int) -> LabelledSamples:
    """The samples with a share of every class as their target, (n, n_classes): only these can be mixed."""
    return replace(samples, target=np.eye(n_classes, dtype=np.float32)[samples.target])


class MixedBatches(keras.utils.PyDataset):
    """Shuffled batches of one size, in which every sample is mixed with another one of its batch.

    Shares are drawn from Beta(alpha, alpha), the larger one for the sample itself; inputs, targets and weights are all
    mixed by them. What is drawn depends on seed and epoch alone.

    Parameters
    ----------
    samples : LabelledSamples
        Of one head; classes by :func:`one_hot`.
    batch_size : int
    alpha : float
    seed : int
    """

    def __init__(self, samples, batch_size, alpha, seed):
        super().__init__()
        self.samples, self.batch_size, self.alpha, self.seed = samples, batch_size, alpha, seed
        self.epoch = 0
        self._draw()

    def _draw(self):
        rng, n = np.random.default_rng([self.seed, self.epoch]), len(self.samples)
        share = rng.beta(self.alpha, self.alpha, n).astype(np.float32)
        self.order, self.share = rng.permutation(n), np.maximum(share, 1 - share)

    def on_epoch_end(self):
        self.epoch += 1
        self._draw()

    def __len__(self):
        return len(self.samples) // self.batch_size

    def __getitem__(self, k):
        rows = slice(k * self.batch_size, (k + 1) * self.batch_size)
        own, share = self.order[rows], self.share[rows]
        other = np.roll(own, 1)

        def mixed(x):
            of_own = share.reshape(-1, *[1] * (x.ndim - 1))
            return of_own * x[own] + (1 - of_own) * x[other]

        s = self.samples
        return keras.tree.map_structure(mixed, (s.inputs, s.target, s.weight))
