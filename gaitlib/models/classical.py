"""Classical models on summary statistics, gait parameters or waveforms: the bar that a network must clear."""

import numpy as np
from scipy.special import softmax
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.utils.validation import has_fit_parameter

from gaitlib.errors import GaitDataError
from gaitlib.models.registry import register
from gaitlib.saving import nameable


@register(
    "majority",
    "the most frequent class of the training trials",
    reads=("sequence", "static"),
    prepared="statistics",
    network=False,
)
def majority(seed, kind="class"):
    """Always the most frequent class; of numbers the mean."""
    return DummyRegressor() if kind == "continuous" else DummyClassifier(strategy="prior")


@register(
    "extra_trees",
    "Geurts, Ernst, Wehenkel 2006, https://doi.org/10.1007/s10994-006-6226-1",
    reads=("sequence", "static"),
    prepared="statistics",
    network=False,
    tiny={"n_estimators": 10},
)
def extra_trees(seed, kind="class", n_estimators=300, max_features="sqrt", min_samples_leaf=1):
    """Extremely randomised trees on summary statistics of every channel."""
    trees = ExtraTreesRegressor if kind == "continuous" else ExtraTreesClassifier
    return trees(
        n_estimators=n_estimators, max_features=max_features, min_samples_leaf=min_samples_leaf, random_state=seed
    )


@register(
    "linear_svm",
    "Cortes, Vapnik 1995, https://doi.org/10.1007/BF00994018",
    reads=("sequence", "static"),
    prepared="statistics",
    network=False,
)
def linear_svm(seed, kind="class", C=0.001):
    """A linear support vector machine, one class against the rest, on standardised summary statistics.

    Its probabilities are the softmax of its decision values, which is not calibrated. C was chosen on eight synthetic
    sets of ten people, leave-one-subject-out: accuracies of 0.713, 0.720, 0.694, 0.670 and 0.668 for 0.0001 to 1.
    """
    return make_pipeline(StandardScaler(), _linear(seed, kind, C))


@register(
    "spatiotemporal",
    "extra_trees on cadence, speed, step lengths, stance and symmetry",
    prepared="gait parameters",
    network=False,
    tiny={"n_estimators": 10},
)
def spatiotemporal(seed, kind="class", n_estimators=300):
    """What a clinician's stop watch and tape would tell, and no more."""
    return extra_trees(seed, kind, n_estimators)


@register(
    "waveform_svm",
    "Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8 (Linear SVM)",
    prepared="whole",
    network=False,
)
def waveform_svm(seed, kind="class", C=0.1):
    """A linear support vector machine, one class against the rest, on all values of a waveform.

    L2 penalty and squared hinge, as in the source. Its probabilities are the softmax of its decision values, which is
    not calibrated.
    """
    return make_pipeline(FunctionTransformer(flatten), _linear(seed, kind, C))


def _linear(seed, kind, C):
    return (LinearSVR if kind == "continuous" else LinearSVC)(C=C, max_iter=10_000, random_state=seed)


def fit_weighted(estimator, X, y, weight=None):
    """Fit a scikit-learn classifier, or a pipeline that ends in one, with a weight for each row.

    Raises
    ------
    GaitDataError
        If there are weights and the classifier takes none.
    """
    if weight is None:
        return estimator.fit(X, y)
    name, last = estimator.steps[-1] if isinstance(estimator, Pipeline) else ("", estimator)
    if not has_fit_parameter(last, "sample_weight"):
        raise GaitDataError(f"{type(last).__name__} takes no weights; leave class_weight= out")
    return estimator.fit(X, y, **{f"{name}__sample_weight" if name else "sample_weight": weight})


def predict_classical(estimator, target, features) -> np.ndarray:
    """Probabilities (n, n_classes) of a fitted estimator, or values (n,) in the unit of the target.

    Where it has no probabilities they are the softmax of its decision values, not calibrated.

    Parameters
    ----------
    estimator : scikit-learn classifier or regressor
    target : LearntTarget
    features : ndarray, samples first
    """
    if target.kind == "continuous":
        return target.decode(np.asarray(estimator.predict(features), dtype=float).reshape(-1, 1))
    if hasattr(estimator, "predict_proba"):
        given = estimator.predict_proba(features)
    else:
        values = np.asarray(estimator.decision_function(features), dtype=float)
        if values.ndim == 1:  # two classes: the softmax of 0 and d is the logistic function of d
            values = np.column_stack([np.zeros_like(values), values])
        given = softmax(values, axis=1)
    proba = np.zeros((len(features), len(target.classes)))
    proba[:, np.asarray(estimator.classes_, dtype=int)] = given
    return proba


@nameable
def flatten(X) -> np.ndarray:
    """Sequences (n, frames, channels) as rows (n, frames * channels), the channels of a frame side by side.

    Raises
    ------
    GaitDataError
        If X is no array of sequences.
    """
    X = np.asarray(X)
    if X.ndim != 3:
        raise GaitDataError(
            f"'waveform_svm' reads sequences (samples, frames, channels), got {X.shape}; let the steps end in Tensors()"
        )
    return X.reshape(len(X), -1)
