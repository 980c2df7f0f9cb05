"""What every explanation needs of a network's inputs: which values are real, what is neutral, the logit explained."""

import functools

import keras
import numpy as np
from keras import ops, tree

from gaitlib.explain.backend import compiled, in_batches
from gaitlib.explain.importance import HAIR


def real_values(x) -> np.ndarray:
    """Which values of the samples are real: all but the all-zero frames at the end, bool, of the shape of x.

    The rows of zeros at the end of an image are left out likewise: nothing was pressed there.

    Parameters
    ----------
    x : ndarray (n, frames, channels, ...), or (n, channels), of which all is real

    Examples
    --------
    >>> real_values(np.array([[[0.0], [2.0], [0.0]]]))[0, :, 0].tolist()
    [True, True, False]
    """
    if x.ndim < 3:
        return np.ones(x.shape, dtype=bool)
    filled = (x != 0).any(axis=tuple(range(2, x.ndim)))
    real = np.maximum.accumulate(filled[:, ::-1], axis=1)[:, ::-1]
    return np.broadcast_to(real.reshape(*real.shape, *[1] * (x.ndim - 2)), x.shape)


def neutral(x) -> np.ndarray:
    """What stands for nothing, float32: zero, the average frame after ``StandardScaler``; a hair more on real frames.

    A real frame of zeros would pass for padding, and the sequence would be shorter.
    """
    return np.where(real_values(x), HAIR if x.ndim > 2 else 0, 0).astype(np.float32)


def all_logits(network, inputs):
    """Logits of a batch as the network predicts, (batch, n_classes); to be called inside a compiled function."""
    in_order = [inputs[x.name] for x in network.inputs]
    structure = network.inputs[0] if isinstance(network, keras.Sequential) else network.input
    return network(tree.pack_sequence_as(structure, in_order), training=False)


def target_logit(network, inputs, target):
    """The logit of the target class of each sample, (batch,); to be called inside a compiled function."""
    logits = ops.cast(all_logits(network, inputs), "float32")
    return ops.sum(logits * ops.one_hot(target, logits.shape[-1], dtype="float32"), axis=1)


def logits_of(network, inputs) -> np.ndarray:
    """Logits of all samples, (n, n_classes), float64."""
    return in_batches(_forward(network), inputs).astype(np.float64)


@functools.lru_cache(maxsize=4)
def _forward(network):
    return compiled(lambda inputs: all_logits(network, inputs), network)
