"""What a network must end in: linear outputs, one a class; of several heads each by its name."""

import keras
import numpy as np

from gaitlib.errors import GaitDataError

PROBES = 8
SCALES = (1.0, 10.0)  # of the random inputs: probabilities stay probabilities, logits grow


def check_network(network, heads, name) -> None:
    """Refuse a network that does not end in linear outputs of the right size, for every head.

    Parameters
    ----------
    network : keras.Model
    heads : dict of str to Head
    name : str

    Raises
    ------
    GaitDataError
        Also where its outputs are probabilities, by whatever layer, function or nested model.
    """
    for head, own in heads.items():
        _check_output(network if len(heads) == 1 else one_head(network, head), own.size, name)


def one_head(network, name):
    """The part of a network of several heads that gives one of them; its weights are the same.

    Parameters
    ----------
    network : keras.Model
        With a dict of outputs.
    name : str
    """
    return keras.Model(network.input, network.output[name], name=network.name)


def _check_output(network, size, name) -> None:
    if network.output_shape[-1] != size:
        raise GaitDataError(f"'{name}' has outputs {network.output_shape} for {size} classes")
    last = network.layers[-1]
    if getattr(getattr(last, "activation", None), "__name__", "linear") != "linear":
        raise GaitDataError(f"'{name}' ends in {last.activation.__name__}; end in a linear layer (logits)")
    if ends_in_probabilities(network):
        raise GaitDataError(
            f"'{name}' ends in probabilities (softmax or sigmoid, perhaps in a nested model or a function); end in a "
            "linear layer (logits)"
        )


def ends_in_probabilities(network, shapes=None) -> bool:
    """Whether the outputs of random inputs all are probabilities: between 0 and 1, or of sum 1 over the classes.

    Asks the numbers, as no look at the layers sees into functions and subclassed models. Small logits may lie between
    0 and 1 by chance: what is found must hold for other weights, too (the network's own stay as they are).

    Parameters
    ----------
    network : keras.Model
    shapes : dict of str to tuple of int, optional
        Of one sample, by input, where the network leaves a length open.
    """
    rng, shapes = np.random.default_rng(0), shapes or {x.name: x.shape[1:] for x in network.inputs}
    drawn = [{name: scale * rng.normal(size=(PROBES, *shape)) for name, shape in shapes.items()} for scale in SCALES]
    probes = {name: np.concatenate([each[name] for each in drawn]).astype(np.float32) for name in shapes}
    y = keras.ops.convert_to_numpy(network(as_read(network, probes), training=False))
    if not (_sums_to_one(y) or ((y > 0) & (y < 1 + 1e-6)).all()):
        return False
    first = as_read(network, {name: x[:PROBES] for name, x in probes.items()})
    shaken = ((v, 3 * rng.normal(size=v.shape)) for v in network.trainable_variables)
    others = [v.value + keras.ops.cast(by, v.dtype) for v, by in shaken]
    fixed = [v.value for v in network.non_trainable_variables]
    y = keras.ops.convert_to_numpy(network.stateless_call(others, fixed, first, training=False)[0])
    y = y[np.isfinite(y).all(axis=-1)]
    return _sums_to_one(y) or bool(((y >= 0) & (y < 1 + 1e-6)).all())


def _sums_to_one(y) -> bool:
    return bool((y >= 0).all() and np.allclose(y.sum(axis=-1), 1, atol=1e-3))


def as_read(network, inputs):
    """Inputs by name, in the structure that the network was made with: Keras warns of any other.

    Parameters
    ----------
    network : keras.Model
    inputs : dict
        One entry for each of ``network.inputs``, by its name.
    """
    structure = network.inputs[0] if isinstance(network, keras.Sequential) else network.input
    return keras.tree.pack_sequence_as(structure, [inputs[x.name] for x in network.inputs])
