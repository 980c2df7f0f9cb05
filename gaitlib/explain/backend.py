"""Gradients, compilation and batches: the only file of the explanations that knows TensorFlow or JAX."""

import keras
import numpy as np
from keras import tree

BATCH = 128  # a recurrent layer keeps all its gates and states of a batch


def vjp(function, x, cotangent):
    """Transposed Jacobian of a function at x, times a cotangent; to be called inside a compiled function.

    Parameters
    ----------
    function : callable
        From ``x`` (a tensor or a list of tensors) to one tensor.
    x, cotangent : tensor
        The cotangent has the shape of the output.

    Returns
    -------
    tensor, or list of tensors
        Of the shape of ``x``; zeros where the output does not depend on it.
    """
    if keras.backend.backend() == "jax":
        import jax

        return jax.vjp(function, x)[1](cotangent)[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x, output_gradients=cotangent, unconnected_gradients=tf.UnconnectedGradients.ZERO)


def gradient(function, inputs: dict) -> dict:
    """Gradient of the sum of what a function gives, with respect to every input of a dict."""
    names = list(inputs)

    def of_list(values):
        return keras.ops.sum(function(dict(zip(names, values, strict=True))))

    return dict(zip(names, vjp(of_list, list(inputs.values()), keras.ops.ones(())), strict=True))


def compiled(function, network):
    """Compile a function of tensors that runs a network.

    The weights are read at every call: a network that is trained on, or randomised, is not compiled anew.
    """
    if keras.backend.backend() != "jax":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    import jax

    variables = network.variables

    @jax.jit
    def with_weights(weights, *arguments):
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            return function(*arguments)

    return lambda *arguments: with_weights([v.value for v in variables], *arguments)


def in_batches(function, *arrays, batch_size=BATCH):
    """Run a compiled function over all samples.

    Batches have one size, so that nothing is compiled twice: the last one is filled up with its last sample.

    Parameters
    ----------
    function : callable
        Of tensors (or dicts of them) to tensors (or dicts of them), all with samples first.
    *arrays : ndarray or dict of str to ndarray
        At least one sample.
    batch_size : int
        Fewer than a quarter of it are run in batches of a quarter.

    Returns
    -------
    Of what the function gives, as ndarrays (n_samples, ...).
    """
    n = len(tree.flatten(arrays)[0])
    size = batch_size if n > batch_size // 4 else batch_size // 4
    rows = np.minimum(np.arange(-(-n // size) * size), n - 1)
    parts = []
    for part in np.split(rows, len(rows) // size):
        own = tree.map_structure(lambda x, part=part: keras.ops.convert_to_tensor(x[part]), arrays)
        parts.append(tree.map_structure(keras.ops.convert_to_numpy, function(*own)))
    return tree.map_structure(lambda *pieces: np.concatenate(pieces)[:n], *parts)
