"""Walks mixed with others of their class at equal phase of the stride, for training alone.

References
----------
Chen K., Xu J., Asada T. et al. (2024). PhaseMix: a periodic motion fusion method for adult spinal deformity
classification. IEEE Access 12, 152358-152376. https://doi.org/10.1109/ACCESS.2024.3479165

Zhang H., Cisse M., Dauphin Y. N., Lopez-Paz D. (2018). mixup: beyond empirical risk minimization. ICLR.
https://doi.org/10.48550/arXiv.1710.09412
"""

from dataclasses import replace

import numpy as np
from scipy.interpolate import make_interp_spline
from sklearn.base import BaseEstimator

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.gait_period import find_rhythms
from gaitlib.preprocessing.step import require_finite, sequence
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import PICTURE_UNIT
from gaitlib.trials.modality import object_array


class PhaseMix(BaseEstimator):
    """Augmentation: every walk mixed with another one of the same class, stride on stride at equal phase.

    The walk keeps its own times; the other one is read where it is at the same phase
    (:func:`gaitlib.preprocessing.gait_periods`) and both are added with the weights w and 1 - w, w the larger part of a
    draw from Beta(alpha, alpha), so a copy is mostly what it was. It ends where one of the two has no more strides.
    A walk without a rhythm, a label or a partner with which it shares a stride stays as it is.

    Departs from the sources: one class at a time, so labels need no mixing and the loss stays that of the common
    training (mixup mixes classes and labels; PhaseMix fuses frames of equal phase within the clips of one patient);
    joints in place of pictures; copies are made once, not in every batch.

    Parameters
    ----------
    alpha : float
        Of the Beta distribution, above 0: the smaller, the less is mixed.
    modality : str
        A skeleton (all walking one way; else after ``AlignHeading()``), or a pose after ``MaskFace(), NormalisePose(),
        FillPose()``. Other modalities stay those of the walk.
    seed : int

    Raises
    ------
    GaitDataError
        When called, of a pose in pixels (two people walk elsewhere in their pictures), missing values, or an alpha
        that is not above 0.
    """

    def __init__(self, alpha=0.4, modality="skeleton", seed=0):
        self.alpha = alpha
        self.modality = modality
        self.seed = seed

    def __call__(self, trials: TrialSet) -> TrialSet:
        m = sequence(trials, self.modality)
        if not self.alpha > 0:
            raise GaitDataError(f"PhaseMix(alpha={self.alpha}): the parameter of a Beta distribution is above 0")
        if m.unit == PICTURE_UNIT:
            raise GaitDataError(
                f"PhaseMix: '{self.modality}' is in pixels, where people stand elsewhere; take the trials through "
                "MaskFace(), NormalisePose(), FillPose() before training (they learn nothing)"
            )
        require_finite(trials, self.modality)
        found = list(find_rhythms(trials, self.modality))
        table = trials.table.reindex(columns=["label", "view"])  # seen from elsewhere, a walk is another
        alike = table.groupby(["label", "view"], dropna=False).ngroup().to_numpy()
        known = table["label"].notna().to_numpy() & [r is not None for r in found]
        values, chosen = m.values.copy(), [slice(None)] * len(trials)
        for i in np.flatnonzero(known):
            rng = np.random.default_rng([self.seed, i])
            others = np.setdiff1d(np.flatnonzero(known & (alike == alike[i])), [i])
            if not len(others):
                continue
            j, weight = rng.choice(others), rng.beta(self.alpha, self.alpha)
            at_s, shared = _at_equal_phase(found[i], m.time_s[i], found[j], m.time_s[j])
            if shared is not None:
                weight, chosen[i] = max(weight, 1 - weight), shared
                other = make_interp_spline(m.time_s[j], m.values[j], k=1)(at_s[shared])
                values[i] = m.values[i].copy()
                values[i][shared] = weight * m.values[i][shared] + (1 - weight) * other
        return trials.with_modality(self.modality, replace(m, values=values).select_frames(object_array(chosen)))


def _at_equal_phase(own, time_s, other, other_s) -> tuple[np.ndarray, slice | None]:
    """When the other walk is at the phase of each frame, and the frames of which both have it; None below a stride."""
    phase, ends = own.phase(time_s), other.phase(other_s[[0, -1]])
    phase = phase - np.rint(phase[[0, -1]].mean() - ends.mean())  # whole strides, so that most overlaps
    shared = np.flatnonzero((phase >= ends[0]) & (phase <= ends[1]))
    if not len(shared) or phase[shared[-1]] - phase[shared[0]] < 1:
        return phase, None
    return other.time_s(phase), slice(shared[0], shared[-1] + 1)
