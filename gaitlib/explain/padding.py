"""Which values of an input a network takes for padding, and whether that stays so where values are moved."""

import numpy as np
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, in_batches
from gaitlib.explain.keras_internals import (
    graph_of,
    is_layer,
    nodes_of,
    once_a_network,
    read_inside,
    run,
)
from gaitlib.explain.layerwise.calls import is_mask
from gaitlib.models.layers import FrameMask
from gaitlib.perturb import engine

UNCHANGED = (layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.GaussianNoise,
             layers.GaussianDropout, layers.Identity)  # fmt: skip


def real_values(network, inputs) -> dict[str, np.ndarray]:
    """Which values are no padding.

    Padding is what every ``Masking`` or ``FrameMask`` that reads an input leaves out; of an input that none reads, the
    all-zero frames at its end.

    Parameters
    ----------
    network : keras.Model
    inputs : dict of str to ndarray

    Returns
    -------
    dict of str to ndarray of bool
        Of the shapes of the inputs.

    Raises
    ------
    GaitDataError
        If two such layers differ about a frame.
    """
    masked = masked_values(network, inputs)
    return {name: masked[name] if name in masked else engine.real_values(x) for name, x in inputs.items()}


def masked_values(network, inputs) -> dict[str, np.ndarray]:
    """As :func:`real_values`, of the inputs alone that a ``Masking`` or ``FrameMask`` reads."""
    found = {}
    for name, layer in _maskers(graph_of(network), {id(x): x.name for x in network.inputs}):
        x = inputs[name]
        if isinstance(layer, FrameMask):
            own = engine.real_values(x)
        else:
            own = np.broadcast_to((x != np.float32(layer.mask_value)).any(axis=-1, keepdims=True), x.shape)
        if name in found and not np.array_equal(own, found[name]):
            raise GaitDataError(
                f"'{layer.name}' takes other frames of '{name}' for padding than another layer of '{network.name}': "
                "explain a network in which one mask says which frames are real"
            )
        found[name] = own
    return found


def neutral(network, inputs) -> dict[str, np.ndarray]:
    """What stands for nothing (:func:`gaitlib.perturb.engine.neutral`); padding stays what it is."""
    real = real_values(network, inputs)
    return {name: np.where(real[name], engine.neutral(x), x) for name, x in inputs.items()}


def check_same_frames(network, inputs, moved) -> None:
    """Refuse to move values where a network then reads other frames: their coming and going would be explained, too.

    Raises
    ------
    GaitDataError
        With the remedy.
    """
    n = len(next(iter(inputs.values())))
    both = in_batches(_frames_read(network), {name: np.concatenate([x, moved[name]]) for name, x in inputs.items()})
    if any(not np.array_equal(mask[:n], mask[n:]) for mask in both):
        raise GaitDataError(
            f"'{network.name}' masks other frames once values are changed, as this method does: pad sequences with "
            'zeros at the end and put Masking(0) right behind the input, or use method="gradient_x_input"'
        )


def _maskers(graph, names):
    """Layers that say which values of an input are real, with the input's name; ``names`` are those of symbols."""
    for node in nodes_of(graph):
        symbols, inner = node.arguments.keras_tensors, graph_of(node.operation)
        if inner is not None:
            own = {id(x): names[id(s)] for x, s in zip(inner.inputs, symbols, strict=False) if id(s) in names}
            yield from _maskers(inner, own)
        elif id(symbols[0]) in names and isinstance(node.operation, layers.Masking | FrameMask):
            yield names[id(symbols[0])], node.operation
        elif id(symbols[0]) in names and type(node.operation) in UNCHANGED:
            names = names | {id(node.outputs[0]): names[id(symbols[0])]}


@once_a_network
def _frames_read(network):
    """From inputs to all masks that layers of the network are told."""

    def masks_of(inputs):
        told = {}

        def seen(node, read, masks, outputs):
            if not is_layer(node.operation):
                return
            own = [m for m in masks if m is not None] + [x for x in read if is_mask(x)]
            told.update({id(m): m for m in own})
            inner = graph_of(node.operation)
            if inner is not None:
                run(inner, read_inside(node, read, masks), seen)

        graph = graph_of(network)
        run(graph, [inputs[x.name] for x in network.inputs], seen)
        return list(told.values())

    return compiled(masks_of, network)
