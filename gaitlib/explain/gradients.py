"""Explanations from gradients of the logit: times the input, along a path from nothing, under noise.

The logits of a GRU or LSTM that reads hundreds of frames can have large gradients that say little of what a change of
some size does; :mod:`gaitlib.explain.trust.sanity` shows which explanation to trust.
"""

import functools

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, gradient, in_batches
from gaitlib.explain.inputs import logits_of, target_logit
from gaitlib.perturb.engine import real_values
from gaitlib.preprocessing.samples import STAND_IN_FRAME


def gradient_x_input(network, inputs, target):
    """Gradient of the logit times the value: what each value adds, were the network linear.

    Parameters
    ----------
    network : keras.Model
        Ends in linear logits.
    inputs : dict of str to ndarray
        By the names of the network's inputs, samples first.
    target : ndarray of int (n,)
        The class of each sample whose logit is explained.

    Returns
    -------
    relevance : dict of str to ndarray
        float32, of the shapes of the inputs; zero on padding.
    account : dict
        Empty.

    References
    ----------
    Shrikumar et al. 2016, https://arxiv.org/abs/1605.01713
    """
    gradients = _gradients(network, inputs, target)
    return {name: gradients[name] * x for name, x in _floats(inputs).items()}, {}


def integrated_gradients(network, inputs, target, steps=32):
    """Gradients averaged on the straight way from nothing to the input, times the input.

    Nothing is zero: after ``StandardScaler`` the average frame. The values add up to the logit less the logit at
    nothing, but for the error of the sum over steps.

    Parameters
    ----------
    network, inputs, target
        As in :func:`gradient_x_input`.
    steps : int
        Midpoints of that many equal parts of the way; the source advises 20 to 300.

    Returns
    -------
    relevance : dict of str to ndarray
    account : dict of str to ndarray (n,)
        ``baseline``, the logit at nothing; ``completeness_error``, sum of the values less the rise of the logit.

    Raises
    ------
    GaitDataError
        For fewer than one step.

    Notes
    -----
    "Nothing" is a millionth of the input, not zero: a sequence of zeros would have no frames.

    References
    ----------
    Sundararajan et al. 2017, Axiomatic attribution for deep networks, https://arxiv.org/abs/1703.01365
    """
    if steps < 1:
        raise GaitDataError(f"integrated gradients need at least one step, not {steps}")
    inputs = _floats(inputs)
    total = {name: np.zeros(x.shape, np.float64) for name, x in inputs.items()}
    for k in range(steps):
        on_the_way = {name: x * np.float32((k + 0.5) / steps) for name, x in inputs.items()}
        for name, g in _gradients(network, on_the_way, target).items():
            total[name] += g
    relevance = {name: (total[name] / steps * x).astype(np.float32) for name, x in inputs.items()}
    rows = np.arange(len(target))
    baseline = logits_of(network, {name: x * np.float32(STAND_IN_FRAME) for name, x in inputs.items()})[rows, target]
    rise = logits_of(network, inputs)[rows, target] - baseline
    explained = sum(r.reshape(len(r), -1).sum(axis=1, dtype=np.float64) for r in relevance.values())
    return relevance, {"baseline": baseline, "completeness_error": explained - rise}


def smooth_grad(network, inputs, target, samples=25, sigma=0.15, seed=0):
    """Gradient averaged over noisy copies of the input, times the input.

    Departs from the source, which shows the mean gradient alone: times the input, as the other explanations, it says
    what a value adds and not how steeply the logit would rise.

    Parameters
    ----------
    network, inputs, target
        As in :func:`gradient_x_input`.
    samples : int
        Noisy copies.
    sigma : float
        SD of the gaussian noise, as a share of the range of each sample's own values in each input. Padding gets none.
    seed : int

    Returns
    -------
    relevance : dict of str to ndarray
    account : dict
        Empty.

    Raises
    ------
    GaitDataError
        For fewer than one copy.

    References
    ----------
    Smilkov et al. 2017, SmoothGrad, https://arxiv.org/abs/1706.03825
    """
    if samples < 1:
        raise GaitDataError(f"smooth_grad needs at least one noisy copy, not {samples}")
    rng, inputs = np.random.default_rng(seed), _floats(inputs)
    spread = {name: np.float32(sigma) * _range(x) * real_values(x) for name, x in inputs.items()}
    total = {name: np.zeros(x.shape, np.float64) for name, x in inputs.items()}
    for _ in range(samples):
        noisy = {name: x + spread[name] * rng.standard_normal(x.shape, np.float32) for name, x in inputs.items()}
        for name, g in _gradients(network, noisy, target).items():
            total[name] += g
    return {name: (total[name] / samples * x).astype(np.float32) for name, x in inputs.items()}, {}


def _range(x):
    """Largest less smallest value of each sample, ready to be multiplied with it."""
    axes = tuple(range(1, x.ndim))
    return x.max(axis=axes, keepdims=True) - x.min(axis=axes, keepdims=True)


def _floats(inputs) -> dict[str, np.ndarray]:
    return {name: np.asarray(x, np.float32) for name, x in inputs.items()}


def _gradients(network, inputs, target) -> dict[str, np.ndarray]:
    """Gradient of the target's logit, of the shapes of the inputs."""
    return in_batches(_compiled(network), _floats(inputs), np.asarray(target, np.int32))


@functools.lru_cache(maxsize=4)
def _compiled(network):
    def of_target(inputs, target):
        return gradient(lambda x: target_logit(network, x, target), inputs)

    return compiled(of_target, network)
