"""The logits that are explained, from inputs by their names."""

import functools

import numpy as np
from keras import ops

from gaitlib.explain.backend import compiled, in_batches
from gaitlib.models.contract import as_read


def all_logits(network, inputs):
    """Logits of a batch as the network predicts, (batch, n_classes); to be called inside a compiled function."""
    return network(as_read(network, inputs), training=False)


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
