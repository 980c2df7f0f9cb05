"""Outputs and probabilities of a trained network."""

import keras
import numpy as np
from scipy.special import softmax

PREDICT_BATCH = 256


def predict_network(network, inputs) -> np.ndarray:
    """Class probabilities of samples of a network with one class head, (n_samples, n_classes)."""
    return softmax(network_outputs(network, inputs), axis=1)


def network_outputs(network, inputs):
    """The linear outputs for samples, float64: an array (n_samples, size), or a dict of them by head."""
    n = len(next(iter(inputs.values())))
    if n == 0:
        return keras.tree.map_structure(lambda y: np.empty((0, y.shape[-1])), network.output)
    # Whole batches only: each new batch shape would be compiled anew.
    batch_size = PREDICT_BATCH if n > 32 else 32
    rows = np.minimum(np.arange(-(-n // batch_size) * batch_size), n - 1)
    outputs = [
        network.predict_on_batch({name: x[part] for name, x in inputs.items()})
        for part in np.split(rows, len(rows) // batch_size)
    ]

    def together(*parts):
        return np.concatenate([keras.ops.convert_to_numpy(y) for y in parts])[:n].astype(np.float64)

    return keras.tree.map_structure(together, *outputs)
