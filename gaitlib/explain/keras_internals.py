"""All that explanations know of the inside of Keras: its graphs, the masks that it attaches, what a network is made of.

None of it is public in Keras; ``tests/explain/test_keras_internals.py`` pins it.
"""

import functools
import json

import keras
from keras import ops, tree
from keras.src.backend import get_keras_mask, set_keras_mask

# -- masks that Keras attaches to tensors --------------------------------------------------------------------


def mask_of(x):
    """The mask that Keras has attached to a tensor, or None."""
    return get_keras_mask(x)


def with_mask(x, mask):
    """A copy of a tensor that carries a mask; the tensor itself keeps its own."""
    copy = ops.copy(x)
    set_keras_mask(copy, mask)
    return copy


# -- graphs --------------------------------------------------------------------------------------------------


def graph_of(model):
    """The functional model in a model: itself, or what a Sequential one holds; None for any other layer."""
    return getattr(model, "_functional", None) or (model if hasattr(model, "_nodes_by_depth") else None)


def nodes_of(graph) -> list:
    """The calls of operations in a graph, in the order in which Keras makes them."""
    depths = graph._nodes_by_depth
    return [node for depth in sorted(depths, reverse=True) for node in depths[depth] if not node.is_input]


def maker_of(symbol):
    """The call that gives a symbolic tensor."""
    operation, index, _ = symbol._keras_history
    return operation._inbound_nodes[index]


def run(graph, inputs, seen) -> list:
    """Run a graph call by call, as Keras does when it predicts.

    Parameters
    ----------
    graph : keras.Model
        From :func:`graph_of`.
    inputs : list of tensors
        In the order of ``graph.inputs``, with their masks.
    seen : callable
        ``seen(node, read, masks, outputs)`` is told of each call: the tensors that it read, in the order of
        ``node.arguments.keras_tensors``, and the masks that they carried before it, as attention takes them off.

    Returns
    -------
    list of tensors
        In the order of ``graph.outputs``.
    """
    values = dict(zip(map(id, graph.inputs), inputs, strict=True))
    for node in nodes_of(graph):
        read = [values[id(s)] for s in node.arguments.keras_tensors]
        masks = [mask_of(x) for x in read]
        arguments, named = node.arguments.fill_in(values)
        outputs = tree.flatten(node.operation(*arguments, **predicting(named)))
        values.update(zip(map(id, node.outputs), outputs, strict=True))
        seen(node, read, masks, outputs)
    return [values[id(s)] for s in graph.outputs]


def read_inside(node, read, masks) -> list:
    """What the graph of a model reads that is called as a layer, with the masks that it is told, or else carried."""
    n = len(graph_of(node.operation).inputs)
    told = tree.flatten(node.arguments.kwargs.get("mask"))
    value_of = dict(zip(map(id, node.arguments.keras_tensors), read, strict=True))
    told = [value_of.get(id(m)) for m in told] if len(told) == n else [None] * n
    return [with_mask(x, m if t is None else t) for x, m, t in zip(read[:n], masks[:n], told, strict=True)]


def predicting(named: dict) -> dict:
    """Arguments of a call, as they are when a network predicts."""
    return named | {"training": False} if "training" in named else named


# -- what a network is made of -------------------------------------------------------------------------------


def layers_of(network) -> list:
    """All layers of a network, also those in nested models and in wrappers."""
    return network._flatten_layers(include_self=False)


def is_quantised(layer) -> bool:
    """Whether a layer computes with whole numbers (``quantize("int8")``)."""
    return getattr(layer, "quantization_mode", None) is not None


def once_a_network(make):
    """Decorator: what ``make(network, *more)`` makes is kept, until layers of the network or their settings change.

    New weights in the same layers are no change: whatever is made reads them when it runs.
    """

    @functools.lru_cache(maxsize=4)
    def kept(network, state, *more):
        return make(network, *more)

    @functools.wraps(make)
    def current(network, *more):
        return kept(network, _state(network), *more)

    return current


def _state(network):
    """Graphs (a Sequential makes another one where a layer comes or goes), variables, and settings."""
    graphs = tuple(g for g in map(graph_of, [network, *layers_of(network)]) if g is not None)
    try:
        settings = json.dumps(network.get_config(), default=str)
    except NotImplementedError:  # a layer of one's own that tells none
        settings = None
    return graphs, tuple(map(id, network.variables)), settings


def is_layer(operation) -> bool:
    """Whether an operation of a graph is a layer, not a function of ``keras.ops``."""
    return isinstance(operation, keras.Layer)
