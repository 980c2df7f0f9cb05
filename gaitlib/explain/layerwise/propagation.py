"""Layer-wise relevance propagation: from the logit of a class back to every value that a network read."""

import functools
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops, tree
from keras.src.backend import get_keras_mask, set_keras_mask  # Keras makes neither public

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, in_batches
from gaitlib.explain.layerwise import attention, recurrent  # noqa: F401  (each enters its layers)
from gaitlib.explain.layerwise.calls import Call, handler_of, is_mask
from gaitlib.explain.layerwise.layers import normalisation, passed_on
from gaitlib.explain.layerwise.rules import Composite, Share, composite, per_sample
from gaitlib.models.layers import FrameMask, HalfMask, ZeroPadding

KERNELS = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.TimeDistributed)
NO_RELEVANCE = (FrameMask, HalfMask, layers.InputLayer)
KEEPS = (layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D)  # between a normalisation and its layer
SAME_VALUES = (*KEEPS, layers.Reshape, layers.Flatten, layers.Permute, layers.ZeroPadding1D, layers.ZeroPadding2D,
               layers.Masking, layers.GaussianNoise, ZeroPadding)  # fmt: skip


def lrp(network, inputs, target, rules=None):
    """Relevance of every input value for the logits of the target classes.

    Parameters
    ----------
    network : keras.Model
        Functional or Sequential, one output of linear logits.
    inputs : dict of str to ndarray
    target : ndarray of int (n,)
        The class of each sample whose logit is explained.
    rules : str, Rule or Composite, optional
        Name of a preset, one rule for all layers, or which layer takes which; default epsilon of 1e-5 everywhere.

    Returns
    -------
    relevance : dict of str to ndarray
        Of the shape of each input.
    account : dict of str to ndarray (n,)
        ``score``, the logit; ``bias`` and ``stabiliser``, what biases and the stabilisers of divisions took (and
        padding, of rules that give it some); ``error`` = sum of the relevance + bias + stabiliser - score.

    Raises
    ------
    GaitDataError
        If the network does not end in linear logits, has a layer without a rule, or a rule does not fit a layer.

    References
    ----------
    Bach et al. 2015, https://doi.org/10.1371/journal.pone.0130140.
    """
    check_logits(network)
    names = [x.name for x in network.inputs]
    function = _compiled(network, composite(rules))
    relevance, account = in_batches(function, {name: inputs[name] for name in names}, np.asarray(target, np.int32))
    account = {name: np.asarray(v, np.float64) for name, v in account.items()}
    explained = sum(r.reshape(len(r), -1).sum(axis=1, dtype=np.float64) for r in relevance.values())
    account["error"] = explained + account["bias"] + account["stabiliser"] - account["score"]
    return relevance, account


@functools.lru_cache(maxsize=4)
def _compiled(network, rules):
    walk = _Walk(network, rules)

    def explain(inputs, target):
        given = [ops.cast(inputs[x.name], "float32") for x in network.inputs]
        logits = ops.cast(walk.forward(given), "float32")
        start = logits * ops.one_hot(target, logits.shape[-1], dtype="float32")
        relevance, bias, stabiliser = walk.backward(start)
        relevance, cut = _without_padding(network, given, relevance)
        account = {"score": per_sample(start), "bias": bias, "stabiliser": stabiliser + cut}
        return {x.name: r for x, r in zip(network.inputs, relevance, strict=True)}, account

    return compiled(explain, network)


def _without_padding(network, inputs, relevance):
    """Padding gets none: rules that look at no values give it some."""
    masked = {id(node.input_tensors[0]) for layer in network.layers if isinstance(layer, FrameMask)
              for node in layer._inbound_nodes}  # fmt: skip
    kept, cut = [], 0
    for symbol, x, r in zip(network.inputs, inputs, relevance, strict=True):
        own = r * ops.cast(FrameMask()(x)[..., None], r.dtype) if id(symbol) in masked else r
        kept, cut = [*kept, own], cut + per_sample(r - own)
    return kept, cut


def check_logits(network) -> None:
    """Refuse a network that does not end in one layer of linear logits.

    Raises
    ------
    GaitDataError
        With the remedy.
    """
    if _graph(network) is None:
        raise GaitDataError(
            f"'{network.name}' is no functional model: relevance needs its graph; build it as keras.Model(x, y)"
        )
    if len(network.outputs) != 1:
        raise GaitDataError(
            f"'{network.name}' has {len(network.outputs)} outputs; explain one: keras.Model(network.inputs, "
            "network.outputs[0])"
        )
    last = network.outputs[0]._keras_history.operation
    function = getattr(last, "activation", None)
    ends = None if function in (None, keras.activations.linear) else getattr(function, "__name__", str(function))
    if ends or type(last).__name__ in ("Softmax", "Sigmoid"):
        raise GaitDataError(
            f"'{network.name}' ends in {ends or type(last).__name__}, which mixes the classes: explain the logits, "
            "from a model that ends in a Dense layer without activation (apply softmax outside)"
        )
    if len(network.output_shape) != 2:
        raise GaitDataError(f"'{network.name}' gives {network.output_shape}; relevance needs (samples, classes)")


def _graph(model):
    """The functional model in a model: itself, or what a Sequential one holds; None for any other layer."""
    return getattr(model, "_functional", None) or (model if hasattr(model, "_nodes_by_depth") else None)


@dataclass
class _Step:
    """A node of the graph in one run."""

    node: object
    layer: object
    before: object  # the normalisation folded into what it reads, or None
    after: object  # the one folded into what it gives
    folded: bool  # a normalisation that is part of a neighbour
    reads: object  # what carries the relevance: the symbol before the folded normalisation
    first: bool
    inner: object  # the walk through a model that is used as a layer, or None


class _Walk:
    """Forwards through the graph of a network, keeping all values, then backwards with relevance."""

    def __init__(self, network, rules: Composite, reads_inputs=True):
        self.network = _graph(network)
        self.rules = rules
        self.reads_inputs = reads_inputs  # False deep inside another network
        self.steps = self._plan()

    def _plan(self) -> list[_Step]:
        """Every node in the order of computing, with the normalisations that are folded into it."""
        depths = self.network._nodes_by_depth
        nodes = [n for depth in sorted(depths, reverse=True) for n in depths[depth] if not n.is_input]
        made = {id(t): n for n in nodes for t in n.outputs}
        readers = {}
        for n in nodes:
            for t in dict.fromkeys(map(id, n.arguments.keras_tensors)):
                readers.setdefault(t, []).append(n)
        outputs = {id(t) for t in self.network.outputs}
        before, after = {}, {}
        for n in nodes:
            if type(n.operation) is layers.BatchNormalization:
                source = made.get(id(n.arguments.keras_tensors[0]))
                target = _next_layer(n, readers, outputs)
                if source is not None and _is_linear(source.operation) and len(readers[id(source.outputs[0])]) == 1:
                    after[id(source)] = n
                elif target is not None:
                    before[id(target)] = n
        folded = {id(n) for n in (*before.values(), *after.values())}
        inputs = {id(t) for t in self.network.inputs}
        steps = []
        for n in nodes:
            first = self.reads_inputs and _reads_input(n, made, inputs, folded)
            inner = _graph(n.operation) and _Walk(n.operation, self.rules, first)
            own = before.get(id(n)), after.get(id(n)), id(n) in folded
            steps.append(_Step(n, n.operation, *own, n.arguments.keras_tensors[0], first, inner))
        return steps

    def forward(self, inputs):
        self.values = dict(zip(map(id, self.network.inputs), inputs, strict=True))
        self.masks = {}
        for step in self.steps:
            arguments, named = step.node.arguments.fill_in(self.values)
            named = _predicting(named)
            mask = named.get("mask")
            first = self.values[id(step.reads)]
            self.masks[id(step.node)] = get_keras_mask(first) if mask is None else mask
            if step.inner:
                outputs = [step.inner.forward([self.values[id(s)] for s in step.node.arguments.keras_tensors])]
            else:
                outputs = tree.flatten(step.layer(*arguments, **named))
            self.values.update(zip(map(id, step.node.outputs), outputs, strict=True))
        return self.values[id(self.network.outputs[0])]

    def backward(self, start):
        relevance, bias, stabiliser = {id(self.network.outputs[0]): start}, per_sample(0 * start), per_sample(0 * start)
        for step in reversed(self.steps):
            if any(id(x) in relevance for x in step.node.outputs[1:]):
                raise GaitDataError(f"no rule for '{step.layer.name}', of which more than the first output is used")
            given = relevance.pop(id(step.node.outputs[0]), None)
            if given is None or isinstance(step.layer, NO_RELEVANCE):
                continue
            share = self._share(step, given)
            bias, stabiliser = bias + share.bias, stabiliser + share.stabiliser
            for symbol, own in zip(step.node.arguments.keras_tensors, share.relevance, strict=True):
                if own is not None:
                    relevance[id(symbol)] = relevance[id(symbol)] + own if id(symbol) in relevance else own
        none = [0 * self.values[id(x)] for x in self.network.inputs]
        found = [relevance.get(id(x), n) for x, n in zip(self.network.inputs, none, strict=True)]
        return found, bias, stabiliser

    def _share(self, step, given) -> Share:
        if step.inner:
            return Share(*step.inner.backward(given))
        return (passed_on if step.folded else handler_of(step.layer))(self._call(step), given)

    def _call(self, step) -> Call:
        symbols = step.node.arguments.keras_tensors
        tensors = [_float(self.values[id(s)]) for s in symbols]
        if step.before is not None:
            tensors[0] = _float(self.values[id(step.before.arguments.keras_tensors[0])])
        norms = [n and normalisation(n.operation, len(tensors[0].shape)) for n in (step.before, step.after)]

        def run(values, **more):
            for symbol, own in zip(symbols, values, strict=True):  # masks that Keras attaches to values
                set_keras_mask(own, get_keras_mask(self.values[id(symbol)]))
            arguments, named = step.node.arguments.fill_in(dict(zip(map(id, symbols), values, strict=True)))
            return tree.map_structure(_float, step.layer(*arguments, **_predicting(named) | more))

        output = self.values[id(step.node.outputs[0])]
        rule = self.rules.rule_for(step.layer, step.first)
        mask, place = self.masks[id(step.node)], _place_of_value(step.node)
        return Call(step.layer, tensors, run, output, rule, mask, *norms, place)


def _float(x):
    return x if is_mask(x) else ops.cast(x, "float32")


def _predicting(named: dict) -> dict:
    return named | {"training": False} if "training" in named else named


def _is_linear(layer) -> bool:
    """Whether nothing stands between the kernel of a layer and what follows it."""
    inner = layer.layer if isinstance(layer, layers.TimeDistributed) else layer
    return type(layer) in KERNELS and getattr(inner, "activation", None) is keras.activations.linear


def _next_layer(node, readers, outputs):
    """The one layer with a kernel that reads a normalisation, perhaps through dropout; None where there is none."""
    while True:
        own = readers.get(id(node.outputs[0]), [])
        if len(own) != 1 or id(node.outputs[0]) in outputs:
            return None
        (node,) = own
        if type(node.operation) in (*KERNELS, layers.GRU, layers.LSTM, layers.Bidirectional):
            return node if getattr(node.operation, "groups", 1) == 1 else None
        if type(node.operation) not in KEEPS:
            return None


def _reads_input(node, made, inputs, folded) -> bool:
    """Whether a layer reads an input of the network, perhaps in another shape, or with a folded normalisation."""
    while id(node.arguments.keras_tensors[0]) not in inputs:
        node = made[id(node.arguments.keras_tensors[0])]
        if type(node.operation) not in SAME_VALUES and id(node) not in folded:
            return False
    return True


def _place_of_value(node) -> int:
    """Where the values of an attention layer stand among its tensors."""
    arguments = node.arguments
    value = arguments.kwargs.get("value", arguments.args[1] if len(arguments.args) > 1 else None)
    return next((i for i, symbol in enumerate(arguments.keras_tensors) if symbol is value), 0)
