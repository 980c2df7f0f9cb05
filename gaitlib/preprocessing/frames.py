"""Any scikit-learn transformer, applied to the valid frames of a modality."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, require_finite
from gaitlib.saving import nameable
from gaitlib.trials.modality import object_array


class Frames(Step):
    """Fit a scikit-learn transformer on the pooled frames of the training trials and apply it frame by frame.

    Scalers, PCA, selection and imputers all go through here. Trials are not padded yet, so every frame is a real one.
    For an image the rows are pooled, for static values the trials.

    Parameters
    ----------
    transformer : scikit-learn transformer
        Such as ``StandardScaler()``, ``PCA(20)`` or ``SelectKBest(variance_score, k=75)``.
    modality : str

    Attributes
    ----------
    transformer_ : the fitted transformer
    channels_in_ : tuple of str
        Channel names before it; trials with others are refused.
    channels_ : tuple of str
        Channel names after it.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from gaitlib.trials import TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.full((3, 1), 1.0), np.full((1, 1), 5.0)]}, subject=["a", "b"])
    >>> scaled = Frames(StandardScaler(), modality="emg").fit_transform(trials)
    >>> round(float(scaled.modality("emg").values[1][0, 0]), 3)   # mean 2 over the four frames, SD sqrt(3)
    1.732
    """

    def __init__(self, transformer, modality="skeleton"):
        self.transformer = transformer
        self.modality = modality

    def _learn(self, trials):
        m = trials.modality(self.modality)
        self._require_readable(trials)
        if not m.present().any():
            raise GaitDataError(f"no training trial has '{self.modality}', so Frames has nothing to learn from")
        self.channels_in_ = m.channels
        pooled = np.concatenate([np.atleast_2d(v) for v in m.values[m.present()]])
        self.transformer_ = clone(self.transformer).fit(pooled)
        if np.isnan(pooled).any() and np.isnan(self.transformer_.transform(pooled)).any():
            require_finite(trials, self.modality)  # no imputer: it lets NaN through
        self.channels_ = tuple(str(n) for n in self._names_out(list(m.channels)))

    def _transform(self, trials):
        self._require_readable(trials)
        m = trials.modality(self.modality)
        if m.channels != self.channels_in_:
            raise GaitDataError(
                f"modality '{self.modality}' has other channels than the training trials: "
                f"{', '.join(m.channels)}, not {', '.join(self.channels_in_)}"
            )
        present = m.present()
        rows = [np.atleast_2d(v) for v in m.values[present]]
        values = np.full(len(trials), None, dtype=object)
        if rows:
            changed = np.asarray(self.transformer_.transform(np.concatenate(rows)), np.float32)
            if not np.isfinite(changed).all():
                require_finite(trials, self.modality)
            parts = np.split(changed, np.cumsum([len(r) for r in rows])[:-1])
            values[present] = object_array([p[0] if m.kind == "static" else p for p in parts])
        # A selection keeps the unit; after scaling or PCA there is none.
        unit = m.unit if hasattr(self.transformer_, "get_support") else ""
        return trials.with_modality(self.modality, replace(m, values=values, channels=self.channels_, unit=unit))

    def check_learnt(self):
        super().check_learnt()
        channels = (self.channels_in_, self.channels_)
        if not all(isinstance(c, tuple) and all(isinstance(name, str) for name in c) for c in channels):
            raise GaitDataError("the channels of Frames are no names")
        if not hasattr(self.transformer_, "categories_"):  # to which no number may be known
            made = self.transformer_.transform(np.ones((2, len(self.channels_in_))))
            if made.shape != (2, len(self.channels_)):
                raise GaitDataError(f"Frames makes {made.shape[1]} channels and names {len(self.channels_)}")

    def _require_readable(self, trials):
        """Only a transformer that takes NaN, as an imputer does, may meet it."""
        require_finite(trials, self.modality, nan=not get_tags(self.transformer).input_tags.allow_nan)

    def _names_out(self, names):
        try:
            return self.transformer_.get_feature_names_out(names)
        except AttributeError:
            raise GaitDataError(
                f"{self.transformer!r} does not name its outputs; for a FunctionTransformer give "
                "feature_names_out='one-to-one'"
            ) from None


@nameable
def variance_score(X, y=None) -> np.ndarray:
    """Variance of each column, as a score for :class:`sklearn.feature_selection.SelectKBest`.

    Parameters
    ----------
    X : ndarray (frames, channels)

    Returns
    -------
    ndarray (channels,)
    """
    return np.var(X, axis=0, dtype=np.float64)  # in float32 the sum over many frames loses digits
