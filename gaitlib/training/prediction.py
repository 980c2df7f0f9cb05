"""Probabilities and logits of a trained network."""

import keras
import numpy as np
from scipy.special import softmax

PREDICT_BATCH = 256


def predict_network(network, inputs) -> np.ndarray:
    """Class probabilities of samples, (n_samples, n_classes)."""
    n = len(next(iter(inputs.values())))
    if n == 0:
        return np.empty((0, network.output_shape[-1]))
    # Whole batches only: each new batch shape would be compiled anew.
    batch_size = PREDICT_BATCH if n > 32 else 32
    rows = np.minimum(np.arange(-(-n // batch_size) * batch_size), n - 1)
    logits = [
        keras.ops.convert_to_numpy(network.predict_on_batch({name: x[part] for name, x in inputs.items()}))
        for part in np.split(rows, len(rows) // batch_size)
    ]
    return softmax(np.concatenate(logits)[:n].astype(np.float64), axis=1)
