"""MiniRocket: convolutions of whole sequences with fixed kernels, told apart by a ridge classifier."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib.errors import GaitDataError
from gaitlib.models.registry import register

PENALTIES = np.logspace(-3, 3, 10)  # of the ridge classifier, as published
KERNEL_FRAMES, N_KERNELS = 9, 84


class _MiniRocket(BaseEstimator):
    """MiniRocket features of sequences of one length, and a ridge model on them."""

    ridge = None

    def __init__(self, n_kernels=10_000, random_state=0):
        self.n_kernels = n_kernels
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Learn from sequences (n, frames, channels), their targets (n,) and, if given, their weights (n,).

        Raises
        ------
        GaitDataError
            If aeon is not installed, or X is no array of sequences.
        """
        rocket = _aeon_minirocket()(n_kernels=self.n_kernels, n_jobs=1, random_state=self.random_state)
        features = rocket.fit_transform(_as_aeon_reads(X))
        self.kernels_ = vars(rocket)
        ridge = make_pipeline(StandardScaler(with_mean=False), self.ridge(PENALTIES))
        self.ridge_ = ridge.fit(features, y, **{f"{ridge.steps[-1][0]}__sample_weight": sample_weight})
        return self

    def predict(self, X) -> np.ndarray:
        """The class with the highest decision value, or the value, (n,)."""
        return self.ridge_.predict(self._features(X))

    def _features(self, X):
        rocket, X = _aeon_minirocket()(), _as_aeon_reads(X)
        _check_kernels(rocket, self.kernels_, *X.shape[1:])
        vars(rocket).update(self.kernels_)
        return rocket.transform(X)


class MiniRocketRegressor(RegressorMixin, _MiniRocket):
    """MiniRocket features and ridge regression: as :class:`MiniRocketClassifier`, for numbers."""

    ridge = RidgeCV


class MiniRocketClassifier(ClassifierMixin, _MiniRocket):
    """MiniRocket features of sequences of one length, and a ridge classifier on them.

    Each feature is the share of frames in which the convolution of some channels with one of 84 fixed kernels, at some
    dilation, exceeds a bias. Dilations, channels and biases are drawn from the training sequences. aeon computes them
    (``pip install 'gaitlib[rocket]'``), on one core. It gives decision values, no probabilities.

    Departures from the source: sequences that end in padding (frames of zeros) hold their last real frame instead, so
    that no step in the signal marks their end; where they are shorter than the sequence read, their length can still
    be told. Sequences of 8 k + 1 frames hold their last frame once more, so that machines agree on the dilations. The
    penalty is chosen by leaving out single training samples, as published, not people.

    Parameters
    ----------
    n_kernels : int
        Number of features, rounded down to a multiple of 84.
    random_state : int

    Attributes
    ----------
    classes_ : ndarray
    kernels_ : dict
        State of aeon's fitted ``MiniRocket``.
    ridge_ : sklearn.pipeline.Pipeline
        Fitted scaler and ridge classifier.

    References
    ----------
    Dempster, Schmidt, Webb 2021, MiniRocket, https://doi.org/10.1145/3447548.3467231

    Examples
    --------
    >>> time = np.arange(50)
    >>> X = np.stack([np.sin(time / period + phase) for period in (2, 5) for phase in range(6)])[..., None]
    >>> y = np.repeat(["fast", "slow"], 6)
    >>> MiniRocketClassifier(n_kernels=84).fit(X, y).score(X, y)
    1.0
    """

    ridge = RidgeClassifierCV

    def fit(self, X, y, sample_weight=None) -> "MiniRocketClassifier":
        """Learn from sequences (n, frames, channels), their classes (n,) and, if given, their weights (n,)."""
        super().fit(X, y, sample_weight)
        self.classes_ = self.ridge_.classes_
        return self

    def decision_function(self, X) -> np.ndarray:
        """Decision values (n, n_classes), or (n,) of two classes, where the second is chosen above zero."""
        return self.ridge_.decision_function(self._features(X))


@register(
    "minirocket",
    "Dempster, Schmidt, Webb 2021, https://doi.org/10.1145/3447548.3467231",
    prepared="opening",
    network=False,
    requires={"aeon": "gaitlib[rocket]"},
    tiny={"n_kernels": 200},
)
def minirocket(seed, kind="class", n_kernels=10_000):
    """Ridge classifier on convolutions with fixed kernels; needs aeon. Its probabilities are not calibrated."""
    return (MiniRocketRegressor if kind == "continuous" else MiniRocketClassifier)(n_kernels, random_state=seed)


def _aeon_minirocket():
    """aeon's class, imported late."""
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket
    except ImportError as error:
        raise GaitDataError("'minirocket' needs aeon: pip install 'gaitlib[rocket]'") from error
    return MiniRocket


def _check_kernels(rocket, kernels, n_channels, n_frames) -> None:
    """Refuse kernels that aeon would read beyond: compiled, it does not look, and a file may have brought them.

    Raises
    ------
    GaitDataError
        If they are not those of sequences (n_channels, n_frames), or would replace a method.
    """
    counts, channels, dilations, features, biases = arrays = kernels["parameters"]
    of_one_axis = all(isinstance(a, np.ndarray) and a.ndim == 1 for a in arrays)
    of_numbers = of_one_axis and [a.dtype for a in arrays] == [np.int32] * 4 + [np.float32]
    if (
        not of_numbers
        or any(hasattr(type(rocket), name) for name in kernels)
        or not len(dilations) == len(features) == len(counts) / N_KERNELS
        or min(counts.min(), dilations.min(), features.min() + 1) < 1
        or (KERNEL_FRAMES - 1) * dilations.max() >= n_frames
        or counts.sum(dtype=np.int64) != len(channels)
        or N_KERNELS * features.sum(dtype=np.int64) != len(biases)
        or ((channels < 0) | (channels >= n_channels)).any()
    ):
        raise GaitDataError(f"the kernels of minirocket do not fit {n_frames} frames of {n_channels} channels")


def _as_aeon_reads(X) -> np.ndarray:
    """Padding held, no shorter than a kernel, dilations that all machines agree on, channels before frames."""
    X = np.asarray(X)
    if X.ndim != 3:
        raise GaitDataError(
            f"'minirocket' reads sequences (samples, frames, channels), got {X.shape}; let the steps end in Tensors()"
        )
    frames = max(X.shape[1], KERNEL_FRAMES)
    if (frames - 1) % (KERNEL_FRAMES - 1) == 0:
        # aeon rounds powers of two down up to (frames - 1) / 8. Where that is whole, NumPy's last bit, which depends on
        # the CPU (AVX-512), decides between it and the next lower dilation, and with it every draw that follows.
        frames += 1
    return hold_last_frame(X, frames).transpose(0, 2, 1)


def hold_last_frame(X, frames) -> np.ndarray:
    """Replace the frames of zeros at the end of each sequence by its last real frame.

    Parameters
    ----------
    X : ndarray (n, at most ``frames``, channels)
    frames : int
        Length of the sequences returned.

    Returns
    -------
    ndarray (n, frames, channels)

    Examples
    --------
    >>> hold_last_frame(np.array([[[1.0], [0.0], [2.0], [0.0]]]), 5).ravel().tolist()
    [1.0, 0.0, 2.0, 2.0, 2.0]
    """
    last = X.shape[1] - 1 - X.any(axis=2)[:, ::-1].argmax(axis=1)
    chosen = np.minimum(np.arange(frames), last[:, None])
    return np.take_along_axis(X, chosen[:, :, None], axis=1)
