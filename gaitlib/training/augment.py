"""Changed copies of the training trials, which are learnt beside the originals."""

import numpy as np
from sklearn.base import BaseEstimator

from gaitlib.preprocessing.skeleton import joint_triples
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import mirror_map


class Mirror(BaseEstimator):
    """Augmentation: the walk seen in a mirror. Left and right joints swap, lateral coordinates change sign.

    Images are turned left to right too: one walk, one mirror.

    Parameters
    ----------
    modality : str
        A skeleton of raw positions (and velocities).
    """

    def __init__(self, modality="skeleton"):
        self.modality = modality

    def __call__(self, trials: TrialSet) -> TrialSet:
        m = trials.modality(self.modality)
        order, sign = mirror_map(m.channels)
        for name, other in trials.modalities.items():
            if other.kind == "image":
                trials = trials.with_modality(name, other.map(lambda v: v[:, ::-1]))
        return trials.with_modality(self.modality, m.map(lambda v: v[:, order] * sign))


class Turn(BaseEstimator):
    """Augmentation: the walker turned about the vertical, each walk by a constant angle of its own.

    Parameters
    ----------
    max_deg : float
        Angles are drawn evenly from -max_deg to max_deg.
    seed : int
    modality : str
        A skeleton of raw positions.
    """

    def __init__(self, max_deg=15.0, seed=0, modality="skeleton"):
        self.max_deg = max_deg
        self.seed = seed
        self.modality = modality

    def __call__(self, trials: TrialSet) -> TrialSet:
        m = trials.modality(self.modality)
        xs, ys, _ = joint_triples(m.channels, "Turn").T
        drawn = np.random.default_rng(self.seed).uniform(-1, 1, len(trials))
        angles = iter(np.radians(self.max_deg) * drawn[m.present()])

        def turn(v):
            cos, sin = np.cos(angle := next(angles)), np.sin(angle)
            v, x, y = v.copy(), v[:, xs], v[:, ys]
            v[:, xs], v[:, ys] = x * cos - y * sin, x * sin + y * cos
            return v

        return trials.with_modality(self.modality, m.map(turn))
