"""Recordings that one wave explains, and encoders small enough to learn from them in a test."""

import numpy as np

import gaitlib
from gaitlib.encoders import Encoder
from gaitlib.models import Builder
from gaitlib.training import Pretraining

FRAMES = 32
TINY = Builder("masked_autoencoder", preset="tiny", patch=4, width=16, depth=1, n_heads=2)


def waves(n_subjects=6, n_each=2, frames=120, seed=0, names="person{}"):
    """Three channels that are one wave at three delays, of a pace and a size of each person's own."""
    rng = np.random.default_rng(seed)
    arrays, subject = [], []
    for who in range(n_subjects):
        pace, size = rng.uniform(1.0, 1.5), rng.uniform(1, 2)
        for _ in range(n_each):
            t = np.arange(frames) / 25 + rng.uniform(0, 5)
            arrays.append(size * np.stack([np.sin(2 * np.pi * pace * (t - d)) for d in (0, 0.1, 0.3)], axis=1))
            subject.append(names.format(who))
    return gaitlib.TrialSet.from_arrays(
        {"imu": arrays}, channels=["x", "y", "z"], rate_hz=25, subject=subject, label=["a", "b"] * (len(subject) // 2)
    )


def plan(epochs=3, model=TINY, frames=FRAMES, store=None, **settings):
    """A masked autoencoder that has not learnt yet."""
    pretraining = Pretraining(epochs, batch_size=8, **settings)
    return Encoder(model, steps=[], frames=frames, pretraining=pretraining, store=store and str(store))


def whole(epochs=1, code=4, seed=0):
    """A convolutional autoencoder of windows as they come, that has not learnt yet."""
    pretraining = Pretraining(epochs, batch_size=8, warm_up=0.0, weight_decay=0.0, beta_2=0.999, held_out=0.0)
    builder = Builder("autoencoder", code=code)
    return Encoder(builder, steps=[], modality="skeleton", frames=None, pretraining=pretraining, seed=seed)
