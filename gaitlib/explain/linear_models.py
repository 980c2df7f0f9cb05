"""Linear models of scikit-learn, explained exactly: a value added to the decision what it is times its weight."""

import numpy as np
from sklearn.pipeline import Pipeline

from gaitlib.errors import GaitDataError


def linear(estimator, inputs, target):
    """Relevance of every value for the decision value of the target classes.

    Parameters
    ----------
    estimator : scikit-learn classifier
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
        classes, the first has the negative decision value.

    Raises
    ------
    GaitDataError
        For an estimator that is not linear.
    """
    ((name, x),) = inputs.items()
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
    last, read = steps[-1], x
    for step in steps[:-1]:
        read = step.transform(read)
    read = np.asarray(read, np.float64).reshape(len(x), -1)
    if not hasattr(last, "coef_") or read.size != x.size:
        raise GaitDataError(
            f"{type(last).__name__} is not linear in what it reads, and has no gradient: explain a network or a linear "
            "SVM, or see which inputs matter with perturb.robustness"
        )
    weights, bias = last.coef_, last.intercept_
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
    values = read * weights[target]
    score = np.einsum("ni,ni->n", read, weights[target]) + bias[target]
    account = {"score": score, "bias": bias[target], "stabiliser": np.zeros(len(x))}
    relevance = values.astype(np.float32).reshape(x.shape)
    account["error"] = relevance.reshape(len(x), -1).sum(axis=1, dtype=np.float64) + account["bias"] - score
    return {name: relevance}, account
