"""Slow references for relevance: the definitions written out, sample by sample and step by step, in float64 NumPy."""

import keras
import numpy as np
from keras import ops
from scipy.special import erf, expit

from gaitlib.explain.layerwise.calls import Call, handler_of
from gaitlib.explain.layerwise.rules import AlphaBeta, Epsilon, Flat, Gamma, WSquare, ZBox

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))),
    "silu": lambda x: x * expit(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
}


def hand_through(layer, x, relevance, rule=None, **more):
    """Relevance that gaitlib hands through one layer: of its input, and what bias and stabiliser took, as arrays."""
    x = ops.convert_to_tensor(x, "float32")
    call = Call(layer, [x], lambda tensors: layer(*tensors), layer(x), rule or Epsilon(), **more)
    share = handler_of(layer)(call, ops.convert_to_tensor(relevance, "float32"))
    return tuple(ops.convert_to_numpy(v) for v in (share.relevance[0], share.bias, share.stabiliser))


def randomised(network, seed=0):
    """All weights drawn anew, biases and batch statistics, too; variances are positive. The network.

    Kernels are scaled by what they sum over: logits of thousands would only test float32.
    """
    rng = np.random.default_rng(seed)
    for v in network.variables:
        if v.dtype == "float32":
            own = rng.normal(0, 0.5 if len(v.shape) < 2 else np.prod(v.shape[:-1]) ** -0.5, v.shape)
            v.assign(0.5 + own**2 if v.name == "moving_variance" else own)
    return network


def matrix_of(layer, shape):
    """Weights of a layer, linear but for its bias, as a matrix (inputs, outputs); which inputs an output sees; bias.

    Each column is what the layer makes of one input that is 1.
    """
    inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
    trained, n = [v.copy() for v in inner.get_weights()], int(np.prod(shape))
    ones, nothing = np.eye(n, dtype=np.float32).reshape(n, *shape), np.zeros((1, *shape), np.float32)

    def run(x):
        return ops.convert_to_numpy(layer(x)).reshape(len(x), -1).astype(np.float64)

    bias = run(nothing)[0]
    inner.set_weights([trained[0], *(0 * b for b in trained[1:])])  # beside a large bias a small weight loses digits
    weights = run(ones)
    inner.set_weights([np.ones_like(trained[0]), *(0 * b for b in trained[1:])])
    seen = np.round(run(ones))
    inner.set_weights(trained)
    return weights, seen, bias


def shares(rule, x, weights, seen, bias):
    """What part of the relevance of every output a rule gives every input (inputs + 1, outputs), for one sample.

    The bias is one more input, the last, which is always 1. Also the size of the terms of each part.
    """
    x, weights, seen = np.append(x, 1.0), np.vstack([weights, bias]), np.vstack([seen, 0 * bias])
    z = x[:, None] * weights
    if isinstance(rule, ZBox):
        inner, low, high = weights[:-1], np.resize(rule.low, len(x) - 1), np.resize(rule.high, len(x) - 1)
        own = z[:-1] - low[:, None] * np.maximum(inner, 0) - high[:, None] * np.minimum(inner, 0)
        size = np.abs(x[:-1]) + np.abs(low) + np.abs(high)
        share = 1 / away_from_zero(own.sum(axis=0), rule.epsilon)
        return np.vstack([own * share, 0 * bias]), np.vstack([size[:, None] * np.abs(inner * share), 0 * bias])
    part = _shares(rule, z, weights, seen, bias)
    return part, np.abs(part)


def _shares(rule, z, weights, seen, bias):
    if isinstance(rule, Epsilon):
        return z / away_from_zero(z.sum(axis=0), rule.epsilon)
    if isinstance(rule, AlphaBeta):  # ZPlus, too
        speaks_for, against = np.maximum(z, 0), np.minimum(z, 0)
        for_, against_ = speaks_for.sum(axis=0) + rule.epsilon, against.sum(axis=0) - rule.epsilon
        return rule.alpha * speaks_for / for_ - rule.beta * against / against_
    if isinstance(rule, Gamma):
        sign = np.where(z.sum(axis=0) >= 0, 1, -1)
        favoured = z + rule.gamma * np.where(z * sign > 0, z, 0)
        return favoured / (favoured.sum(axis=0) + sign * rule.epsilon)
    given = {Flat: seen, WSquare: np.vstack([weights[:-1] ** 2, 0 * bias])}[type(rule)]
    total = given.sum(axis=0)
    return given / np.where(total == 0, 1, total)


def away_from_zero(z, epsilon):
    return z + np.where(z >= 0, epsilon, -epsilon)


def epsilon_back(values, weights, bias, relevance, epsilon=1e-5):
    """The epsilon rule for ``values @ weights + bias``: relevance of the values, and of the bias."""
    share = relevance / away_from_zero(values @ weights + bias, epsilon)
    return values * (weights @ share), np.sum(bias * share)


# -- recurrent layers, one sample, one step at a time --------------------------------------------------------


def gru(layer, x, relevance, mask=None, epsilon=1e-5):
    """States (frames, units), relevance of x (frames, channels) and of all biases, of one sample.

    ``relevance`` (frames, units) is that of the state after every frame, in the order in which frames are read.
    """
    n, (kernel, recurrent, bias), of_new = layer.units, _weights(layer), ACTIVATIONS[layer.activation.__name__]
    b_in, b_rec = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    order, steps, h = _order(layer, x), [], np.zeros(n)
    for t in order:
        old = h
        if _is_real(mask, t):
            inner = old @ recurrent + b_rec
            z = _sigmoid((x[t] @ kernel + b_in + inner)[:n])
            r = _sigmoid((x[t] @ kernel + b_in + inner)[n : 2 * n])
            read = (x[t] @ kernel + b_in)[2 * n :]
            a = read + (r * inner[2 * n :] if layer.reset_after else (r * old) @ recurrent[:, 2 * n :])
            h = z * old + (1 - z) * of_new(a)
            steps.append((t, old, z, r, a, h))
        else:
            steps.append((t, old, None, None, None, h))
    of_x, of_bias, at_state = np.zeros_like(x), 0.0, np.zeros(n)
    for k in reversed(range(len(steps))):
        t, old, z, r, a, new = steps[k]
        at_state = at_state + relevance[k]
        if z is None:
            continue
        share = at_state / away_from_zero(new, epsilon)
        kept, at_sum = z * old * share, (1 - z) * of_new(a) * share
        # The sum a = x W + r (h U + b_rec) + b_in: gates are weights, not inputs.
        values, gate = np.concatenate([x[t], old]), np.tile(r, (n, 1))
        own_recurrent = recurrent[:, 2 * n :] * (gate if layer.reset_after else r[:, None])
        own_bias = b_in[2 * n :] + (r * b_rec[2 * n :] if layer.reset_after else 0)
        found, bias_share = epsilon_back(values, np.vstack([kernel[:, 2 * n :], own_recurrent]), own_bias, at_sum)
        of_x[t], of_bias = found[: x.shape[1]], of_bias + bias_share
        at_state = kept + found[x.shape[1] :]
    return np.array([s[-1] for s in steps]), of_x, of_bias


def lstm(layer, x, relevance, mask=None, epsilon=1e-5):
    """As :func:`gru`."""
    n, (kernel, recurrent, bias), of_new = layer.units, _weights(layer), ACTIVATIONS[layer.activation.__name__]
    order, steps, h, c = _order(layer, x), [], np.zeros(n), np.zeros(n)
    for t in order:
        old_h, old_c = h, c
        if _is_real(mask, t):
            i, f, a, o = np.split(x[t] @ kernel + h @ recurrent + bias, 4)
            i, f, o = _sigmoid(i), _sigmoid(f), _sigmoid(o)
            c = f * old_c + i * of_new(a)
            h = o * of_new(c)
            steps.append((t, old_h, old_c, i, f, a, c, h))
        else:
            steps.append((t, old_h, old_c, None, None, None, c, h))
    of_x, of_bias, at_state, at_memory = np.zeros_like(x), 0.0, np.zeros(n), np.zeros(n)
    for k in reversed(range(len(steps))):
        t, old_h, old_c, i, f, a, new_c, _ = steps[k]
        at_state = at_state + relevance[k]
        if i is None:
            continue
        share = (at_memory + at_state) / away_from_zero(new_c, epsilon)
        at_memory, at_sum = f * old_c * share, i * of_new(a) * share
        own = slice(2 * n, 3 * n)
        weights = np.vstack([kernel[:, own], recurrent[:, own]])
        found, bias_share = epsilon_back(np.concatenate([x[t], old_h]), weights, bias[own], at_sum)
        of_x[t], of_bias, at_state = found[: x.shape[1]], of_bias + bias_share, found[x.shape[1] :]
    return np.array([s[-1] for s in steps]), of_x, of_bias


def _weights(layer):
    kernel, recurrent, *bias = (np.float64(w) for w in layer.get_weights())
    return kernel, recurrent, bias[0] if bias else np.zeros(kernel.shape[1])


def _order(layer, x):
    return range(len(x) - 1, -1, -1) if layer.go_backwards else range(len(x))


def _is_real(mask, t):
    return mask is None or bool(mask[t])


def _sigmoid(x):
    return expit(x)
