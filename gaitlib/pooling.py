"""A logarithmic pool: what several models say as one, and how much each should have its say."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp, softmax

SMALLEST = np.finfo(np.float32).tiny  # networks give float32: what is smaller is 0 there
LARGEST_WEIGHT = 10.0  # trials without a mistake have no finite best one


def pooled(log_proba, weights, of_class) -> np.ndarray:
    """Probabilities of the classes of a logarithmic pool.

    The members' geometric mean, in shares of the weights, is summed over the sides of each class; the sum of the
    weights then makes it surer or less sure. (Taken to that power before, the less likely side would have no say.)

    Parameters
    ----------
    log_proba : ndarray (members, n, columns)
    weights : ndarray (members,)
    of_class : ndarray of bool (columns, n_classes)
        Which columns are a class: one, or one a side.

    Returns
    -------
    ndarray (n, n_classes)

    Examples
    --------
    >>> pooled(np.log([[[0.5, 0.25, 0.25]]]), [2.0], np.array([[True, False], [True, False], [False, True]])).round(3)
    array([[0.9, 0.1]])
    """
    classes = _over_sides(geometric_mean(log_proba, weights), of_class)
    return softmax(np.sum(weights) * classes, axis=1)


def _over_sides(mean, of_class) -> np.ndarray:
    """Log of the sums over the columns of each class, (n, n_classes)."""
    return logsumexp(np.where(of_class, mean[:, :, None], -np.inf), axis=1)


def geometric_mean(log_proba, weights) -> np.ndarray:
    """Log of the members' geometric mean in shares of their weights, (n, columns).

    Parameters
    ----------
    log_proba : ndarray (members, n, columns)
    weights : ndarray (members,)
    """
    total = np.sum(weights)
    shares = np.asarray(weights) / total if total > 0 else np.full(len(log_proba), 1 / len(log_proba))
    return log_softmax(np.tensordot(shares, log_proba, 1), axis=1)


def pool_weights(log_proba, labels, of_class) -> np.ndarray:
    """The weights of a logarithmic pool under which the true classes are most likely.

    Parameters
    ----------
    log_proba : ndarray (members, n, columns)
        Of trials that the members have not learnt from.
    labels : ndarray of int (n,)
        The true class.
    of_class : ndarray of bool (columns, n_classes)

    Returns
    -------
    ndarray (members,)
        0 to 10; never less likely than equal weights of 1 or of 1 / members, which are also what is given where there
        is no trial.

    Examples
    --------
    >>> surely = np.log([[[0.99, 0.01], [0.99, 0.01], [0.01, 0.99], [0.99, 0.01]]])
    >>> pool_weights(surely, [0, 0, 1, 1], np.eye(2, dtype=bool)).round(3)  # 0.99 sure, right three times of four
    array([0.239])
    """
    n_members, labels = len(log_proba), np.asarray(labels)
    if not len(labels):
        return np.full(n_members, 1 / n_members)

    true = np.eye(of_class.shape[1])[labels]

    def loss(weights):
        """Mean negative log likelihood, and its gradient."""
        mean = geometric_mean(log_proba, weights)
        classes = _over_sides(mean, of_class)
        said = log_softmax(np.sum(weights) * classes, axis=1)
        within = np.where(of_class, np.exp(mean[:, :, None] - classes[:, None]), 0)  # of a class, each side's share
        moved = classes + np.einsum("mnc,nck->mnk", log_proba - mean, within)
        return -(true * said).sum() / len(true), ((np.exp(said) - true) * moved).sum(axis=(1, 2)) / len(true)

    starts = [np.full(n_members, 1 / n_members), np.ones(n_members)]
    options, bounds = {"ftol": 1e-12, "gtol": 1e-8}, [(0, LARGEST_WEIGHT)] * n_members
    found = [minimize(loss, w, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x for w in starts]
    return min([*found, *starts], key=lambda w: loss(w)[0])
