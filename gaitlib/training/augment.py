"""Changed copies of the training trials, which are learnt beside the originals."""

from sklearn.base import BaseEstimator

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
