"""Linear models of scikit-learn, explained exactly: a value added to the decision what it is times its weight."""

import numpy as np
from sklearn.pipeline import Pipeline

from gaitlib.errors import GaitDataError


def linear(estimator, inputs, target):
    """Relevance of every value for the decision value of the target classes.

    Parameters
    ----------
    estimator : scikit-learn classifier or regressor
        With ``coef_`` and ``intercept_``, or a fitted pipeline that ends in one; its transformers may scale values and
        change their shape, not mix them.
    inputs : dict of str to ndarray
        One array.
    target : ndarray of int (n,)

    Returns
    -------
    relevance : dict of str to ndarray
        Value (as the linear model reads it) times weight, of the shape of the input.
    account : dict of str to ndarray (n,)
        ``score``, the decision value; ``bias``, the intercept; ``stabiliser``, 0; ``error``. Where there are two
        classes, the first has the negative decision value; of a regressor the score is its value.

    Raises
    ------
    GaitDataError
        For an estimator that is not linear in what it reads, also through a transformer that mixes values; or one whose
        decision is not the sum of values times weights of one class (``SVC`` of several classes decides by pairs).
    """
    ((name, x),) = inputs.items()
    x, target = np.asarray(x), np.asarray(target)
    if x.ndim < 2 or len(x) == 0 or not np.isfinite(x).all():
        raise GaitDataError(f"'{name}' needs at least one sample, samples first, and finite values; got {x.shape}")
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    last, read = steps[-1], _read(steps[:-1], x)
    if not hasattr(last, "coef_") or read.size != x.size:
        raise GaitDataError(
            f"{type(last).__name__} is not linear in what it reads, and has no gradient: explain a network or a linear "
            "SVM, or see which inputs matter with perturb.robustness"
        )
    _check_unmixed(steps[:-1], x, name)
    weights = np.atleast_2d(last.coef_)
    bias = np.broadcast_to(last.intercept_, len(weights))
    if len(weights) == 1 and hasattr(last, "decision_function"):
        weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
    _check_decisions(last, read, weights, bias)
    if target.dtype.kind not in "iu" or len(target) != len(x) or not ((target >= 0) & (target < len(weights))).all():
        raise GaitDataError(f"targets are one class number a sample, 0 to {len(weights) - 1}, not {target}")
    values = read * weights[target]
    score = np.einsum("ni,ni->n", read, weights[target]) + bias[target]
    account = {"score": score, "bias": bias[target], "stabiliser": np.zeros(len(x))}
    relevance = values.astype(np.float32).reshape(x.shape)
    account["error"] = relevance.reshape(len(x), -1).sum(axis=1, dtype=np.float64) + account["bias"] - score
    return {name: relevance}, account


def _read(transformers, x) -> np.ndarray:
    """What the linear model reads, a row a sample."""
    for step in transformers:
        x = step.transform(x)
    return np.asarray(x, np.float64).reshape(len(x), -1)


def _check_unmixed(transformers, x, name) -> None:
    """Refuse transformers that mix values: where half of the values come from one sample and half from another, so must
    what is made of them."""
    rng = np.random.default_rng(0)
    other = x + rng.normal(0, x.std() + 1, x.shape).astype(x.dtype)
    chosen = rng.random(x.shape) < 0.5
    mixed = _read(transformers, np.where(chosen, x, other))
    apart = np.where(chosen.reshape(len(x), -1), _read(transformers, x), _read(transformers, other))
    if not np.allclose(mixed, apart, rtol=1e-4, atol=1e-6 * np.abs(apart).max()):
        named = ", ".join(type(step).__name__ for step in transformers)
        raise GaitDataError(f"{named} mixes the values of '{name}', so that no value has a relevance of its own")


def _check_decisions(last, read, weights, bias) -> None:
    """Refuse weights that are not those of the classes."""
    if hasattr(last, "decision_function"):
        own = np.asarray(last.decision_function(read))
        own = np.column_stack([-own, own]) if own.ndim == 1 else own
    else:
        own = np.asarray(last.predict(read)).reshape(len(read), -1)
    found = read @ weights.T + bias
    if own.shape != found.shape or not np.allclose(own, found, rtol=1e-4, atol=1e-6 * (1 + np.abs(found).max())):
        raise GaitDataError(
            f"the decision of {type(last).__name__} is not the sum of values times the weights of one class (SVC "
            "decides between pairs of classes): explain LinearSVC, or LogisticRegression, which weigh class by class"
        )
