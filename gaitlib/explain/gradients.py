"""Explanations from gradients of the logit: times the input, along a path from nothing, under noise.

The logits of a GRU or LSTM that reads hundreds of frames can have large gradients that say little of what a change of
some size does; :mod:`gaitlib.explain.trust.sanity` shows which explanation to trust.
"""

import hashlib

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, gradient, in_batches
from gaitlib.explain.inputs import checked, logits_of, target_logit
from gaitlib.explain.keras_internals import once_a_network
from gaitlib.explain.padding import check_same_frames, real_values
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

    Raises
    ------
    GaitDataError
        As :func:`gaitlib.explain.inputs.checked` refuses networks, inputs and classes.

    References
    ----------
    Shrikumar et al. 2016, https://arxiv.org/abs/1605.01713
    """
    inputs, target = checked(network, inputs, target)
    gradients, real = in_batches(_compiled(network), inputs, np.int32(target)), real_values(network, inputs)
    return {name: gradients[name] * x * real[name] for name, x in inputs.items()}, {}


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
        For fewer than one step, or where the network would read other frames on the way.

    Notes
    -----
    "Nothing" is a millionth of the input, not zero: a sequence of zeros would have no frames.

    References
    ----------
    Sundararajan et al. 2017, Axiomatic attribution for deep networks, https://arxiv.org/abs/1703.01365
    """
    if steps < 1:
        raise GaitDataError(f"integrated gradients need at least one step, not {steps}")
    inputs, target = checked(network, inputs, target)
    real, slope = real_values(network, inputs), _compiled(network)

    def on_the_way(share):
        return {name: np.where(real[name], x * np.float32(share), x) for name, x in inputs.items()}

    check_same_frames(network, inputs, on_the_way(STAND_IN_FRAME))
    total = {name: np.zeros(x.shape, np.float64) for name, x in inputs.items()}
    for k in range(steps):
        for name, g in in_batches(slope, on_the_way((k + 0.5) / steps), np.int32(target)).items():
            total[name] += g
    relevance = {name: (total[name] / steps * x * real[name]).astype(np.float32) for name, x in inputs.items()}
    rows = np.arange(len(target))
    baseline = logits_of(network, on_the_way(STAND_IN_FRAME))[rows, target]
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
        Together with the values of a sample, of its noise: in another batch it is the same.

    Returns
    -------
    relevance : dict of str to ndarray
    account : dict
        Empty.

    Raises
    ------
    GaitDataError
        For fewer than one copy, or where the network would read other frames under noise.

    References
    ----------
    Smilkov et al. 2017, SmoothGrad, https://arxiv.org/abs/1706.03825
    """
    if samples < 1:
        raise GaitDataError(f"smooth_grad needs at least one noisy copy, not {samples}")
    inputs, target = checked(network, inputs, target)
    real, slope = real_values(network, inputs), _compiled(network)
    spread = {name: np.float32(sigma) * _range(x, real[name]) for name, x in inputs.items()}
    drawn_from = _generators(inputs, real, seed)
    total = {name: np.zeros(x.shape, np.float64) for name, x in inputs.items()}
    for copy in range(samples):
        noisy = {name: x + spread[name] * _noise(drawn_from, real[name]) for name, x in inputs.items()}
        if copy == 0:
            check_same_frames(network, inputs, noisy)
        for name, g in in_batches(slope, noisy, np.int32(target)).items():
            total[name] += g
    return {name: (total[name] / samples * x * real[name]).astype(np.float32) for name, x in inputs.items()}, {}


def _range(x, real):
    """Largest less smallest real value of each sample, ready to be multiplied with it; 0 where there is none."""
    axes = tuple(range(1, x.ndim))
    highest = x.max(axis=axes, keepdims=True, where=real, initial=-np.inf)
    lowest = x.min(axis=axes, keepdims=True, where=real, initial=np.inf)
    return np.maximum(highest - lowest, 0)


def _generators(inputs, real, seed) -> list:
    """A generator for each sample, from its values alone: its neighbours and its padding change none of its noise."""
    found = []
    for i in range(len(next(iter(inputs.values())))):
        content = b"".join(x[i][real[name][i]].tobytes() for name, x in inputs.items())
        digest = hashlib.blake2b(content, digest_size=16).digest()
        found.append(np.random.default_rng([seed, int.from_bytes(digest)]))
    return found


def _noise(generators, real) -> np.ndarray:
    """Gaussian noise on the real values."""
    noise = np.zeros(real.shape, np.float32)
    for own, there, rng in zip(noise, real, generators, strict=True):
        own[there] = rng.standard_normal(np.count_nonzero(there), np.float32)
    return noise


@once_a_network
def _compiled(network):
    """Gradient of the target's logit, of the shapes of the inputs."""

    def of_target(inputs, target):
        return gradient(lambda x: target_logit(network, x, target), inputs)

    return compiled(of_target, network)
