"""Layer-wise relevance propagation: from the logit of a class back to every value that a network read."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops, tree

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import BATCH, compiled, in_batches
from gaitlib.explain.inputs import check_finite, checked, logits_of
from gaitlib.explain.keras_internals import graph_of, nodes_of, once_a_network, predicting, read_inside, run, with_mask
from gaitlib.explain.layerwise import attention, recurrent  # noqa: F401  (each enters its layers)
from gaitlib.explain.layerwise.calls import Call, Compared, handler_of, is_mask, tolerance
from gaitlib.explain.layerwise.layers import normalisation, passed_on
from gaitlib.explain.layerwise.rules import Composite, Share, composite, per_sample
from gaitlib.explain.padding import masked_values
from gaitlib.models.layers import FrameMask, HalfMask, StridedMask, ZeroPadding
from gaitlib.models.patches import ClassMask

FIRST = BATCH // 4  # samples
_NOT_THE_SAME = (
    "'{}' ({}) computed anew is not what it gives in the network (off by {:.1g} of its size), so that its relevance "
    'would be wrong. Use another method, such as method="integrated_gradients"'
)
KERNELS = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.TimeDistributed)
NO_RELEVANCE = (ClassMask, FrameMask, HalfMask, StridedMask, layers.InputLayer)
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
        If the network does not end in linear logits, has a layer without a rule, a rule does not fit a layer, or a
        layer computed anew does not give what it gave in the network.

    References
    ----------
    Bach et al. 2015, https://doi.org/10.1371/journal.pone.0130140.
    """
    inputs, target = checked(network, inputs, target)
    function, walk = _compiled(network, composite(rules))
    relevance, account, apart = in_batches(function, inputs, np.asarray(target, np.int32))
    check_finite(network, account["score"])
    _check_same(walk.compared, apart)
    _check_logits(network, inputs, target, account["score"])
    account = {name: np.asarray(v, np.float64) for name, v in account.items()}
    for name, real in masked_values(network, inputs).items():  # rules that look at no values give padding some
        account["stabiliser"] = account["stabiliser"] + _sums(relevance[name] * ~real)
        relevance[name] = relevance[name] * real
    explained = sum(map(_sums, relevance.values()))
    account["error"] = explained + account["bias"] + account["stabiliser"] - account["score"]
    return relevance, account


def _check_same(compared, apart) -> None:
    """Refuse relevance of anything but the network itself; conservation alone does not tell."""
    for own, distance in zip(compared, apart, strict=True):
        if distance.max() > own.tolerance:
            raise GaitDataError(_NOT_THE_SAME.format(own.layer.name, type(own.layer).__name__, distance.max()))


def _check_logits(network, inputs, target, score) -> None:
    """As :func:`_check_same`, of the whole network and the first samples: for all of them it would run once more."""
    n = min(len(target), FIRST)
    own = logits_of(network, {name: x[:n] for name, x in inputs.items()})[np.arange(n), target[:n]]
    distance = np.abs(own - score[:n]).max() / (np.abs(own).max() + 1e-30)
    if distance > tolerance(network.outputs[0].dtype):
        raise GaitDataError(_NOT_THE_SAME.format(network.name, type(network).__name__, distance))


def _sums(relevance) -> np.ndarray:
    """Sum over the values of each sample, (n,)."""
    return relevance.reshape(len(relevance), -1).sum(axis=1, dtype=np.float64)


@once_a_network
def _compiled(network, rules):
    """A function from inputs and targets to relevance, account and what was compared; and the walk."""
    walk = _Walk(graph_of(network), rules)

    def explain(inputs, target):
        given = [ops.cast(inputs[x.name], "float32") for x in network.inputs]
        walk.compared.clear()
        logits = ops.cast(walk.forward(given), "float32")
        start = logits * ops.one_hot(target, logits.shape[-1], dtype="float32")
        relevance, bias, stabiliser = walk.backward(start)
        account = {"score": per_sample(start), "bias": bias, "stabiliser": stabiliser}
        apart = [own.apart for own in walk.compared]
        return {x.name: r for x, r in zip(network.inputs, relevance, strict=True)}, account, apart

    return compiled(explain, network), walk


@dataclass
class _Step:
    """A node of the graph in one run."""

    node: object
    layer: object
    before: object  # the normalisation folded into what it reads, or None
    after: object  # the one folded into what it gives
    folded: bool  # a normalisation that is part of a neighbour
    first: bool
    inner: object  # the walk through a model that is used as a layer, or None


class _Walk:
    """Forwards through the graph of a network, keeping all values, then backwards with relevance.

    Handlers compute outputs anew, in their own way; ``compared`` holds each against what the layer itself gave.
    """

    def __init__(self, graph, rules: Composite, reads_inputs=True, compared=None):
        self.network = graph
        self.rules = rules
        self.reads_inputs = reads_inputs  # False deep inside another network
        self.compared = [] if compared is None else compared  # models in this one share the list
        self.steps = self._plan()
        self.inside = {id(step.node): step.inner for step in self.steps if step.inner}

    def _plan(self) -> list[_Step]:
        """Every node in the order of computing, with the normalisations that are folded into it."""
        nodes = nodes_of(self.network)
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
            inner = graph_of(n.operation) and _Walk(graph_of(n.operation), self.rules, first, self.compared)
            own = before.get(id(n)), after.get(id(n)), id(n) in folded
            steps.append(_Step(n, n.operation, *own, first, inner))
        return steps

    def forward(self, inputs):
        self.inputs, self.ran = inputs, {}
        return run(self.network, inputs, self._keep)[0]

    def _keep(self, node, read, masks, outputs):
        self.ran[id(node)] = read, masks, outputs
        inner = self.inside.get(id(node))
        if inner is not None:
            again = inner.forward(read_inside(node, read, masks))
            self.compared.append(Compared(node.operation, outputs[0], again))

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
        found = [relevance.get(id(s), 0 * x) for s, x in zip(self.network.inputs, self.inputs, strict=True)]
        return found, bias, stabiliser

    def _share(self, step, given) -> Share:
        if step.inner:
            relevance, *taken = step.inner.backward(given)
            masks = len(step.node.arguments.keras_tensors) - len(relevance)
            return Share([*relevance, *[None] * masks], *taken)
        return (passed_on if step.folded else handler_of(step.layer))(self._call(step), given)

    def _call(self, step) -> Call:
        symbols = step.node.arguments.keras_tensors
        read, masks, _ = self.ran[id(step.node)]
        tensors = [_float(x) for x in read]
        if step.before is not None:
            tensors[0] = _float(self.ran[id(step.before)][0][0])
        norms = [n and normalisation(n.operation, len(tensors[0].shape)) for n in (step.before, step.after)]

        def again(values, **more):
            given = {id(s): with_mask(x, m) for s, x, m in zip(symbols, values, masks, strict=True)}
            arguments, named = step.node.arguments.fill_in(given)
            return tree.map_structure(_float, step.layer(*arguments, **predicting(named) | more))

        output = self.ran[id(step.node if step.after is None else step.after)][2][0]
        told = step.node.arguments.fill_in(dict(zip(map(id, symbols), read, strict=True)))[1].get("mask")
        rule, mask = self.rules.rule_for(step.layer, step.first), masks[0] if told is None else told
        return Call(step.layer, tensors, again, output, rule, mask, *norms, _place_of_value(step.node), self.compared)


def _float(x):
    return x if is_mask(x) else ops.cast(x, "float32")


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
