"""A slow reference for whole networks: forwards and relevance in float64 NumPy, from a plain list of calls.

Nothing here asks Keras or gaitlib to compute: layers are only asked for their weights and settings, rules for their
numbers. A call is a :class:`Node`; :mod:`drawn_networks` writes the list beside the network that it draws.
"""

from dataclasses import dataclass, field

import numpy as np
from lrp_reference import ACTIVATIONS, away_from_zero, gru, lstm, shares

from gaitlib.explain import Epsilon

KERNELS = ("Dense", "TimeDistributed", "Conv1D", "Conv2D")
RECURRENT = ("GRU", "LSTM", "Bidirectional")
SAME_VALUES = ("Dropout", "GaussianNoise", "Reshape", "Flatten", "Permute", "ZeroPadding1D", "ZeroPadding2D", "Masking",
               "ZeroPadding")  # fmt: skip
ONLY_PREDICT = ("Dropout", "GaussianNoise", "Identity")  # what trains otherwise
CARRIES_MASK = ("Dense", "TimeDistributed", "BatchNormalization", "LayerNormalization", "Activation", "GRU", "LSTM",
                "Bidirectional", "Softmax", "UnitNormalization")  # fmt: skip


TAKES_MASK = ("TimeDistributed", "BatchNormalization", "GRU", "LSTM", "Bidirectional", "SimpleRNN",
              "GlobalAveragePooling1D")  # as an argument of its call  # fmt: skip


@dataclass
class Node:
    """A call: of which kind, of which layer, of which values (places in the list), told which mask."""

    kind: str
    layer: object = None
    reads: tuple[int, ...] = ()
    mask: int | None = None
    settings: dict = field(default_factory=dict)
    inner: "Graph | None" = None


@dataclass
class Graph:
    """Calls in their order; the first ones are the inputs, the last one gives the output."""

    nodes: list[Node] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)


class Value:
    """An array, samples first, and the masks that Keras lets travel with it.

    ``mask`` is the one that is attached when the network runs; attention takes it off what it reads, also for those who
    read it later. ``noted`` is the one that was attached when the network was built: Keras notes it as an argument of
    layers that take a mask, and attention takes none off.
    """

    def __init__(self, array, mask=None, noted=None, attached=None):
        self.array, self.noted, self.attached = array, noted, [mask] if attached is None else attached

    @property
    def mask(self):
        return self.attached[0]

    def inside(self):
        """As a model that is used as a layer reads it: built without masks; one that was noted is attached again."""
        if self.noted is not None:
            self.attached[0] = self.noted
        return Value(self.array, attached=self.attached)


def weights(layer) -> list:
    return [np.asarray(w, np.float64) for w in layer.get_weights()]


# -- forwards ------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What was computed: all arrays in the order of the calls, the masks that each was told, and the models inside."""

    arrays: list
    masks: dict = field(default_factory=dict)
    inner: dict = field(default_factory=dict)
    last: Value | None = None

    @property
    def output(self):
        return self.arrays[-1]


def forward(graph, inputs) -> Run:
    """All values, from arrays (or values) of the inputs."""
    values, run = [None] * len(graph.nodes), Run([None] * len(graph.nodes))
    for place, x in zip(graph.inputs, inputs, strict=True):
        values[place] = x if isinstance(x, Value) else Value(np.asarray(x, np.float64))
    for place, node in enumerate(graph.nodes):
        if node.kind != "Input":
            values[place] = _call(place, node, [values[i] for i in node.reads], values, run)
        run.arrays[place] = values[place].array
    run.last = values[-1]
    return run


def _call(place, node, read, values, run):
    if node.kind in ONLY_PREDICT:
        return read[0]
    if node.kind == "Model":
        run.inner[place] = forward(node.inner, [v.inside() for v in read])
        return Value(run.inner[place].output, run.inner[place].last.mask)
    arrays, masks, noted = ([getattr(v, name) for v in read] for name in ("array", "mask", "noted"))
    told = masks[0] if noted[0] is None or node.kind not in TAKES_MASK else noted[0]
    told = told if node.mask is None else values[node.mask].array
    run.masks[place] = {"told": told, "carried": masks}
    array = FORWARD[node.kind](node, arrays, run.masks[place])
    if node.kind == "MultiHeadAttention":
        for v in read:
            v.attached[0] = None
        return Value(array, masks[0], noted[0])
    if node.kind in TAKES_MASK:
        masks, noted = [told], noted if node.mask is None else [told]
    return Value(array, _passed_on(node, arrays, masks), _passed_on(node, arrays, noted))


def _passed_on(node, arrays, masks):
    kind, layer = node.kind, node.layer
    if kind == "Masking":
        return _unmasked(layer, arrays[0])
    if kind in RECURRENT and not layer.return_sequences:
        return None
    if kind in ("Add", "Average", "Multiply", "Subtract", "Maximum") and layer is not None:
        return None if any(m is None for m in masks) else np.any(masks, axis=0)
    if kind == "Concatenate" and layer is not None and any(m is not None for m in masks):
        parts = [np.ones(a.shape, bool) if m is None else np.broadcast_to(m[..., None], a.shape)
                 for a, m in zip(arrays, masks, strict=True)]  # fmt: skip
        return np.concatenate(parts, axis=layer.axis).any(axis=-1)
    return masks[0] if kind in CARRIES_MASK and node.layer is not None else None


def _unmasked(layer, x):
    return (x != layer.mask_value).any(axis=-1)


def frame_mask(x):
    """Up to the last frame that is not all zero."""
    return np.array([[t <= max(np.flatnonzero(own.any(axis=1)), default=-1) for t in range(len(own))] for own in x])


def kernel_map(node):
    """What a layer with a kernel computes, but for its bias and activation: a function of x and kernel."""
    layer = node.layer
    if node.kind == "Conv1D":
        return lambda x, k: _conv1d(x, k, layer)
    if node.kind == "Conv2D":
        return lambda x, k: _conv2d(x, k, layer)
    return lambda x, k: x @ k


def _spread(n, size, stride, dilation, padding):
    """Zeros before and after n frames, and how many windows there are."""
    reach = dilation * (size - 1) + 1
    if padding == "same":
        outputs = -(-n // stride)
        total = max((outputs - 1) * stride + reach - n, 0)
        return total // 2, total - total // 2, outputs
    before = reach - 1 if padding == "causal" else 0
    return before, 0, (n + before - reach) // stride + 1


def _conv1d(x, kernel, layer):
    (stride,), (dilation,), groups = layer.strides, layer.dilation_rate, layer.groups
    before, after, outputs = _spread(x.shape[1], len(kernel), stride, dilation, layer.padding)
    x = np.pad(x, ((0, 0), (before, after), (0, 0)))
    own = np.split(kernel, groups, axis=2)
    return np.stack([
        np.concatenate([
            sum(part[:, t * stride + k * dilation] @ w[k] for k in range(len(kernel)))
            for part, w in zip(np.split(x, groups, axis=2), own, strict=True)
        ], axis=1)
        for t in range(outputs)
    ], axis=1)  # fmt: skip


def _conv2d(x, kernel, layer):
    ends = [_spread(x.shape[1 + a], kernel.shape[a], layer.strides[a], layer.dilation_rate[a], layer.padding)
            for a in (0, 1)]  # fmt: skip
    x = np.pad(x, ((0, 0), ends[0][:2], ends[1][:2], (0, 0)))
    out = np.zeros((len(x), ends[0][2], ends[1][2], kernel.shape[-1]))
    for i, j in np.ndindex(out.shape[1:3]):
        for k, m in np.ndindex(kernel.shape[:2]):
            row = i * layer.strides[0] + k * layer.dilation_rate[0]
            out[:, i, j] += x[:, row, j * layer.strides[1] + m * layer.dilation_rate[1]] @ kernel[k, m]
    return out


def _inner(node):
    return node.layer.layer if node.kind == "TimeDistributed" else node.layer


def _with_kernel(node, read, masks):
    kernel, *bias = weights(_inner(node))
    return _activation(_inner(node))(kernel_map(node)(read[0], kernel) + (bias[0] if bias else 0))


def _activation(layer):
    return ACTIVATIONS[layer.activation.__name__]


def normal(layer):
    """Scale and shift of a batch normalisation."""
    gamma, beta, mean, variance = weights(layer)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, beta - mean * scale


def _layer_norm(node, read, masks):
    gamma, beta = weights(node.layer)
    x, axis = read[0], int(np.ravel(node.layer.axis)[0])
    shape = [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]
    spread = np.sqrt(x.var(axis=axis, keepdims=True) + node.layer.epsilon)
    return (x - x.mean(axis=axis, keepdims=True)) / spread * gamma.reshape(shape) + beta.reshape(shape)


def _recurrent(node, read, masks):
    return np.stack([_states(node.layer, own, None if masks["told"] is None else masks["told"][i])[0]
                     for i, own in enumerate(read[0])])  # fmt: skip


def _states(layer, x, mask, relevance=None):
    """Output of one sample, and relevance of x, if that of the output is given."""
    of = {"GRU": gru, "LSTM": lstm}[type(layer).__name__]
    real = np.ones(len(x), bool) if mask is None else mask
    order = slice(None, None, -1) if layer.go_backwards else slice(None)
    hides = real[order, None] if layer.zero_output_for_mask else 1
    at_states = np.zeros((len(x), layer.units))
    if relevance is not None and layer.return_sequences:
        at_states = relevance * hides
    elif relevance is not None:
        at_states[-1] = relevance * (hides[-1] if layer.zero_output_for_mask else 1)
    states, of_x, _ = of(layer, x, at_states, real)
    states = states * hides
    return (states if layer.return_sequences else states[-1]), of_x


def _both(node, read, masks):
    return np.stack([_both_states(node.layer, own, None if masks["told"] is None else masks["told"][i])[0]
                     for i, own in enumerate(read[0])])  # fmt: skip


def _both_states(layer, x, mask, relevance=None):
    there, back = layer.forward_layer, layer.backward_layer
    turned = slice(None, None, -1) if back.return_sequences else slice(None)
    halves = (None, None)
    if relevance is not None:
        halves = relevance[..., : there.units], relevance[..., there.units :][turned]
    one, other = _states(there, x, mask, halves[0]), _states(back, x, mask, halves[1])
    parts = one[0], other[0][turned]
    output = parts[0] + parts[1] if layer.merge_mode == "sum" else np.concatenate(parts, axis=-1)
    return output, one[1] + other[1]


def _simple_rnn(node, read, masks):
    kernel, recurrent, bias = weights(node.layer)
    state, real = np.zeros((len(read[0]), node.layer.units)), masks["told"]
    for t in range(read[0].shape[1]):
        new = np.tanh(read[0][:, t] @ kernel + state @ recurrent + bias)
        state = new if real is None else np.where(real[:, t, None], new, state)
    return state


def _softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _attention_parts(node, read, masks):
    """Weights of the frames (batch, heads, queries, keys) and values (batch, keys, heads, size)."""
    query, value, layer = read[0], read[1], node.layer
    wq, bq, wk, bk, wv, bv = (w for part in (layer._query_dense, layer._key_dense, layer._value_dense)
                              for w in weights(part))  # fmt: skip
    q = np.einsum("btd,dhk->bthk", query, wq) + bq
    k = np.einsum("bsd,dhk->bshk", value, wk) + bk
    v = np.einsum("bsd,dhk->bshk", value, wv) + bv
    scores = np.einsum("bthk,bshk->bhts", q, k) / np.sqrt(layer.key_dim)
    seen = np.ones((len(query), query.shape[1], value.shape[1]), bool)
    of_query, of_value = masks["carried"]
    if of_query is not None:
        seen = seen & of_query[:, :, None]
    if node.mask is not None:
        of_value = masks["told"]
    if of_value is not None:
        seen = seen & of_value[:, None, :]
    if node.settings.get("causal"):
        seen = seen & np.tril(np.ones(seen.shape[1:], bool))
    share = _softmax(np.where(seen[:, None], scores, -1e30))  # equal shares for a query that may look nowhere,
    return (share * seen[:, None] if layer.dropout else share), v  # but with dropout Keras gives it none


def _attention(node, read, masks):
    share, v = _attention_parts(node, read, masks)
    kernel, bias = weights(node.layer._output_dense)
    return np.einsum("bhts,bshk,hko->bto", share, v, kernel) + bias


def _attention_pooling(node, read, masks):
    share = _softmax(np.where(masks["told"][..., None], read[1], -1e30), axis=1)
    return (read[0] * share).sum(axis=1)


def _mean_over(x, mask):
    real = np.ones(x.shape[:2]) if mask is None else mask.astype(float)
    return (x * real[..., None]).sum(axis=1) / real.sum(axis=1)[:, None]


def _mean_and_max(node, read, masks):
    x, real = read[0], masks["told"]
    return np.concatenate([_mean_over(x, real), np.where(real[..., None], x, -np.inf).max(axis=1)], axis=1)


def _windows(x, layer, axes):
    """Every window of a pooling layer: its output place, and its slice of x."""
    ends = [_spread(x.shape[1 + a], layer.pool_size[a], layer.strides[a], 1, layer.padding) for a in range(axes)]
    for place in np.ndindex(*(e[2] for e in ends)):
        starts = [p * layer.strides[a] - ends[a][0] for a, p in enumerate(place)]
        yield place, tuple(slice(max(s, 0), s + layer.pool_size[a]) for a, s in enumerate(starts))


def _pool(node, read, masks):
    x, axes = read[0], 2 if node.kind.endswith("2D") else 1
    function = np.max if node.kind.startswith("Max") else np.mean
    found = {
        place: function(x[:, *own], axis=tuple(range(1, 1 + axes))) for place, own in _windows(x, node.layer, axes)
    }
    shape = [max(p[a] for p in found) + 1 for a in range(axes)]
    out = np.zeros((len(x), *shape, x.shape[-1]))
    for place, own in found.items():
        out[:, *place] = own
    return out


def _moved(node, x):
    """What moves values and changes none; where x holds numbers of places, what comes in from nowhere is -1."""
    layer, kind = node.layer, node.kind
    if kind in ("Reshape", "Flatten"):
        return x.reshape(len(x), *(node.layer.target_shape if kind == "Reshape" else (-1,)))
    if kind == "Permute":
        return x.transpose(0, *layer.dims)
    if kind == "GetItem":
        return x[:, node.settings["slice"]]
    if kind.startswith("Cropping"):
        sides = np.reshape(layer.cropping, (-1, 2))
        return x[:, *(slice(a, x.shape[1 + i] - b) for i, (a, b) in enumerate(sides))]
    sides = [tuple(s) for s in np.reshape(layer.padding, (-1, 2))]
    return np.pad(x, [(0, 0), *sides, (0, 0)], constant_values=-1 if x.dtype == int else 0)


def _length(x):
    return np.sqrt(np.maximum((x**2).sum(axis=-1, keepdims=True), 1e-12))


MOVES = ("Reshape", "Flatten", "Permute", "GetItem", "Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D")
FORWARD = {
    **dict.fromkeys(KERNELS, _with_kernel),
    **dict.fromkeys(MOVES, lambda node, read, masks: _moved(node, read[0])),
    **dict.fromkeys(("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"), _pool),
    "BatchNormalization": lambda node, read, masks: read[0] * normal(node.layer)[0] + normal(node.layer)[1],
    "LayerNormalization": _layer_norm,
    "Activation": lambda node, read, masks: ACTIVATIONS[node.settings["function"]](read[0]),
    "GRU": _recurrent,
    "LSTM": _recurrent,
    "Bidirectional": _both,
    "MultiHeadAttention": _attention,
    "AttentionPooling": _attention_pooling,
    "FrameMask": lambda node, read, masks: frame_mask(read[0]),
    "HalfMask": lambda node, read, masks: read[0][:, ::2],
    "Masking": lambda node, read, masks: read[0] * _unmasked(node.layer, read[0])[..., None],
    "ZeroPadding": lambda node, read, masks: read[0] * masks["told"][..., None],
    "MeanPooling": lambda node, read, masks: _mean_over(read[0], masks["told"]),
    "MeanAndMaxPooling": _mean_and_max,
    "GlobalAveragePooling1D": lambda node, read, masks: _mean_over(read[0], masks["told"]),
    "GlobalAveragePooling2D": lambda node, read, masks: read[0].mean(axis=(1, 2)),
    "GlobalMaxPooling1D": lambda node, read, masks: read[0].max(axis=1),
    "GlobalMaxPooling2D": lambda node, read, masks: read[0].max(axis=(1, 2)),
    "Add": lambda node, read, masks: sum(read) + node.settings.get("constant", 0),
    "Average": lambda node, read, masks: sum(read) / len(read),
    "Concatenate": lambda node, read, masks: np.concatenate(read, axis=node.layer.axis),
    # Without a rule: relevance is refused, gradients and occlusion are not.
    "Multiply": lambda node, read, masks: read[0] * read[1],
    "Subtract": lambda node, read, masks: read[0] - read[1],
    "Maximum": lambda node, read, masks: np.maximum(*read),
    "Softmax": lambda node, read, masks: _softmax(read[0]),
    "UnitNormalization": lambda node, read, masks: (
        read[0] / np.sqrt(np.maximum((read[0] ** 2).sum(axis=-1, keepdims=True), 1e-12))
    ),
    "SimpleRNN": _simple_rnn,
    "Lambda": lambda node, read, masks: read[0] ** 2,
}


# -- relevance -----------------------------------------------------------------------------------------------


class Relevance:
    """Relevance of one sample through a graph: which call takes which rule, and what it hands back."""

    def __init__(self, graph, composite, from_input=True):
        self.graph, self.composite = graph, composite
        self.readers = {i: [p for p, n in enumerate(graph.nodes) if i in n.reads] for i in range(len(graph.nodes))}
        self.before, self.after = {}, {}
        for place, node in enumerate(graph.nodes):
            if node.kind == "BatchNormalization":
                self._fold(place, node)
        self.folded = {*self.before.values(), *self.after.values()}
        self.first = {p for p in range(len(graph.nodes)) if from_input and self._is_first(p)}
        self.inner = {p: Relevance(n.inner, composite, p in self.first)
                      for p, n in enumerate(graph.nodes) if n.inner is not None}  # fmt: skip

    def _fold(self, place, node):
        """A normalisation is part of the linear layer before it, else of the one layer with a kernel behind it."""
        source, last = node.reads[0], len(self.graph.nodes) - 1
        before = self.graph.nodes[source]
        if (
            before.kind in KERNELS
            and _inner(before).activation.__name__ == "linear"
            and self.readers[source] == [place]
        ):
            self.after[source] = place
            return
        reader = place
        while reader != last and len(self.readers[reader]) == 1:
            (reader,) = self.readers[reader]
            following = self.graph.nodes[reader]
            if following.kind in (*KERNELS, *RECURRENT):
                if getattr(following.layer, "groups", 1) == 1:
                    self.before[reader] = place
                return
            if following.kind != "Dropout":
                return

    def _is_first(self, place):
        source = self.graph.nodes[place].reads[0] if self.graph.nodes[place].reads else None
        while source is not None and source not in self.graph.inputs:
            if self.graph.nodes[source].kind not in SAME_VALUES and source not in self.folded:
                return False
            source = self.graph.nodes[source].reads[0]
        return source is not None

    def rule(self, place):
        """The first that fits, else the default."""
        node = self.graph.nodes[place]
        names = {node.kind, getattr(node.layer, "name", None)}
        names |= {"first"} if place in self.first else set()
        names |= {"convolution"} if node.kind.startswith("Conv") else set()
        return next((rule for name, rule in self.composite.rules if name in names), self.composite.default)

    def fits(self):
        """Whether every call takes the rule that it would get: only kernels take all of them."""
        moves = (*MOVES, *ONLY_PREDICT, "Input", "FrameMask", "HalfMask", "Masking", "ZeroPadding", "Activation",
                 "Concatenate", "MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D")  # fmt: skip
        own = all(
            node.kind in (*KERNELS, *moves) or p in self.folded or isinstance(self.rule(p), Epsilon)
            for p, node in enumerate(self.graph.nodes) if node.kind != "Model"
        )  # fmt: skip
        return own and all(inner.fits() for inner in self.inner.values())

    def of_inputs(self, run, i, start):
        """Relevance of every input of sample i, from that of the output."""
        found = {len(self.graph.nodes) - 1: start}
        for place in reversed(range(len(self.graph.nodes))):
            node = self.graph.nodes[place]
            if node.kind in ("Input", "FrameMask", "HalfMask") or place not in found:
                continue
            relevance = found.pop(place)
            for source, own in zip(node.reads, self._back(place, node, run, i, relevance), strict=True):
                if own is not None:
                    found[source] = found.get(source, 0) + own
        return [found.get(p, np.zeros_like(run.arrays[p][i])) for p in self.graph.inputs]

    def _back(self, place, node, run, i, relevance):
        if node.kind == "Model":
            return self.inner[place].of_inputs(run.inner[place], i, relevance)
        if place in self.folded or node.kind in (*ONLY_PREDICT, "Activation"):
            return [relevance]
        values, masks = run.arrays, run.masks[place]
        read = [values[s][i] for s in node.reads]
        own_mask = None if masks["told"] is None else masks["told"][i]
        if node.kind in KERNELS:
            return [self._kernel(place, node, values, i, relevance)]
        if node.kind in RECURRENT:
            return [self._recurrent(place, node, values, i, own_mask, relevance)]
        if node.kind in ("Masking", "ZeroPadding"):
            real = _unmasked(node.layer, read[0]) if node.kind == "Masking" else own_mask
            return [relevance * real[:, None]]
        if node.kind in (*MOVES, "Concatenate"):
            return _moved_back(node, read, relevance)
        if node.kind == "BatchNormalization":
            scale, shift = normal(node.layer)
            z = read[0] * scale + shift
            return [read[0] * scale * relevance / away_from_zero(z, 1e-5)]
        if node.kind in ("Add", "Average"):
            z = FORWARD[node.kind](node, read, None)
            share = relevance / away_from_zero(z, 1e-5) / (len(read) if node.kind == "Average" else 1)
            return [_unspread(v * share, v.shape) for v in read]
        if node.kind == "MultiHeadAttention":
            return [None, _attention_back(node, values, masks, i, relevance)]
        return [_by_matrix(node, read, own_mask, relevance), *[None] * (len(read) - 1)]

    def _kernel(self, place, node, values, i, relevance):
        """The layer as a matrix, a row a value that it reads."""
        x, run = values[node.reads[0]][i], kernel_map(node)
        kernel, *bias = weights(_inner(node))
        n = x.size
        ones = np.eye(n).reshape(n, *x.shape)
        matrix, seen = run(ones, kernel).reshape(n, -1), run(ones, np.ones_like(kernel)).reshape(n, -1)
        b = np.resize(bias[0], matrix.shape[1]) if bias else np.zeros(matrix.shape[1])
        if place in self.before:
            normalisation = self.graph.nodes[self.before[place]]
            x = values[normalisation.reads[0]][i]
            scale, shift = (np.resize(v, n) for v in normal(normalisation.layer))
            matrix, b = matrix * scale[:, None], shift @ matrix + b
        if place in self.after:
            scale, shift = (np.resize(v, len(b)) for v in normal(self.graph.nodes[self.after[place]].layer))
            matrix, b = matrix * scale, b * scale + shift
        part, _ = shares(self.rule(place), x.ravel(), matrix, seen, b)
        return (part @ relevance.ravel())[:-1].reshape(x.shape)

    def _recurrent(self, place, node, values, i, mask, relevance):
        """A normalisation before it is part of its kernel and bias."""
        layer, x = node.layer, values[node.reads[0]][i]
        if place in self.before:
            normalisation = self.graph.nodes[self.before[place]]
            x = values[normalisation.reads[0]][i]
            layer = Normalised.of(layer, *normal(normalisation.layer))
        return (_both_states if node.kind == "Bidirectional" else _states)(layer, x, mask, relevance)[1]


class Normalised:
    """A recurrent layer that reads ``x * scale + shift``, as one that reads x."""

    def __init__(self, layer, scale, shift):
        self.__dict__.update({k: getattr(layer, k) for k in ("units", "go_backwards", "return_sequences", "use_bias",
            "zero_output_for_mask", "activation")}, reset_after=getattr(layer, "reset_after", None))  # fmt: skip
        kernel, recurrent, *bias = weights(layer)
        own = bias[0] if bias else np.zeros(kernel.shape[1])
        more = shift @ kernel
        own = own + (np.stack([more, 0 * more]) if own.ndim == 2 else more)
        self._weights, self.use_bias = [kernel * scale[:, None], recurrent, own], True
        self.__class__ = type(type(layer).__name__, (Normalised,), {})

    def get_weights(self):
        return self._weights

    @classmethod
    def of(cls, layer, scale, shift):
        if type(layer).__name__ != "Bidirectional":
            return cls(layer, scale, shift)
        both = type("Bidirectional", (), {"merge_mode": layer.merge_mode})()
        both.forward_layer, both.backward_layer = (
            cls(part, scale, shift) for part in (layer.forward_layer, layer.backward_layer)
        )
        return both


def _moved_back(node, read, relevance):
    """Numbers of places in place of values show where each went."""
    ends = np.cumsum([0, *(x.size for x in read)])
    numbers = [np.arange(a, a + x.size).reshape(1, *x.shape) for a, x in zip(ends[:-1], read, strict=True)]
    if node.kind == "Concatenate":
        came_from = np.concatenate(numbers, axis=node.layer.axis)
    else:
        came_from = _moved(node, numbers[0])
    found, came_from = np.zeros(ends[-1] + 1), came_from.ravel()
    np.add.at(found, came_from, relevance.ravel())  # what came from nowhere (-1) lands at the end
    return [found[a:b].reshape(x.shape) for a, b, x in zip(ends[:-1], ends[1:], read, strict=True)]


def _unspread(x, shape):
    """Sum over the axes along which a value was repeated."""
    axes = tuple(a for a, (n, own) in enumerate(zip(x.shape, shape, strict=True)) if n != own)
    return x.sum(axis=axes, keepdims=True) if axes else x


def _by_matrix(node, read, mask, relevance):
    """What is a sum with fixed weights, or picks a winner: its weights for this sample as a matrix; epsilon."""
    x, kind = read[0], node.kind
    n = x.size
    masks = {"told": None if mask is None else np.repeat(mask[None], n, axis=0), "carried": [None]}
    ones = np.eye(n).reshape(n, *x.shape)
    if kind in ("MaxPooling1D", "MaxPooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"):
        return _to_winners(node, x, relevance)
    if kind == "MeanAndMaxPooling":
        channels = x.shape[1]
        mean = _epsilon(x, _mean_over(ones, masks["told"]), 0, relevance[:channels])
        return mean + _to_highest(np.where(mask[:, None], x, -np.inf), relevance[channels:])
    if kind == "LayerNormalization":
        gamma, beta = weights(node.layer)
        spread = np.sqrt(x.var(axis=-1, keepdims=True) + node.layer.epsilon)
        return _epsilon(x, (ones - ones.mean(axis=-1, keepdims=True)) / spread * gamma, np.resize(beta, n), relevance)
    if kind == "AttentionPooling":
        share = _softmax(np.where(mask[:, None], read[1], -1e30), axis=0)
        return _epsilon(x, (ones * share).sum(axis=1), 0, relevance)
    return _epsilon(x, FORWARD[kind](node, [ones], masks), 0, relevance)


def _epsilon(x, matrix, bias, relevance):
    matrix = matrix.reshape(x.size, -1)
    share = relevance.ravel() / away_from_zero(x.ravel() @ matrix + bias, 1e-5)
    return (x.ravel() * (matrix @ share)).reshape(x.shape)


def _to_highest(x, relevance):
    won = x == x.max(axis=0)
    return won / won.sum(axis=0) * relevance


def _to_winners(node, x, relevance):
    if node.kind.startswith("Global"):
        flat = x.reshape(-1, x.shape[-1])
        return _to_highest(flat, relevance).reshape(x.shape)
    found, axes = np.zeros_like(x), x.ndim - 1
    for place, own in _windows(x[None], node.layer, axes):
        flat = x[own].reshape(-1, x.shape[-1])
        gained = np.zeros_like(flat)
        gained[flat.argmax(axis=0), np.arange(flat.shape[1])] = relevance[place]
        found[own] += gained.reshape(x[own].shape)
    return found


def _attention_back(node, values, masks, i, relevance):
    """Backwards through the output projection, the weighted mean and the projection of the values."""
    read = [values[s] for s in node.reads]
    share, projected = (v[i] for v in _attention_parts(node, read, masks))
    wv, (wo, bo) = weights(node.layer._value_dense)[0], weights(node.layer._output_dense)
    mixed = np.einsum("hts,shk->thk", share, projected)
    out = np.einsum("thk,hko->to", mixed, wo) + bo
    of_mixed = mixed * np.einsum("to,hko->thk", relevance / away_from_zero(out, 1e-5), wo)
    of_projected = projected * np.einsum("thk,hts->shk", of_mixed / away_from_zero(mixed, 1e-5), share)
    return read[1][i] * np.einsum("shk,dhk->sd", of_projected / away_from_zero(projected, 1e-5), wv)


def lrp(graph, composite, run, real, target) -> list:
    """Relevance of every input for the logits of the targets; what is not ``real`` gets none."""
    walk = Relevance(graph, composite)
    start = np.eye(run.output.shape[1])[target] * run.output
    rows = [walk.of_inputs(run, i, own) for i, own in enumerate(start)]
    return [np.stack(own) * there for own, there in zip(zip(*rows, strict=True), real, strict=True)]


# -- slopes and falls ----------------------------------------------------------------------------------------


def gradients(graph, inputs, real, target, h=1e-5) -> list:
    """Slope of each sample's logit along every real value, by central differences; 0 on padding."""
    moved, places = [[], []], []
    for k, there in enumerate(real):
        for i in np.argwhere(there):
            places.append((k, *i))
    n = len(target)
    rows = np.array([p[1] for p in places])
    for sign, own in ((1, moved[0]), (-1, moved[1])):
        for k, x in enumerate(inputs):
            copies = np.asarray(x, np.float64)[rows]
            for row, (which, _, *place) in enumerate(places):
                if which == k:
                    copies[row, *place] += sign * h
            own.append(copies)
    up, down = (forward(graph, own).output[np.arange(len(rows)), target[rows]] for own in moved)
    found = [np.zeros((n, *np.shape(x)[1:])) for x in inputs]
    for (which, *place), slope in zip(places, (up - down) / (2 * h), strict=True):
        found[which][*place] = slope
    return found


def integrated_gradients(graph, inputs, real, target, steps) -> list:
    total = [0.0] * len(inputs)
    for k in range(steps):
        way = [np.where(there, x * np.float64((k + 0.5) / steps), x) for x, there in zip(inputs, real, strict=True)]
        total = [t + g for t, g in zip(total, gradients(graph, way, real, target), strict=True)]
    return [t / steps * x for t, x in zip(total, inputs, strict=True)]


def occlusion(graph, inputs, real, target, window) -> list:
    """Each real value's part of the fall when its window is covered; by windows side by side."""

    def logit(arrays):
        return forward(graph, arrays).output[np.arange(len(target)), target]

    full, found = logit(inputs), [np.zeros(np.shape(x)) for x in inputs]
    for k, (x, there) in enumerate(zip(inputs, real, strict=True)):
        sizes = window if x.ndim > 2 else (1,)
        for start in np.ndindex(*(-(-n // s) for n, s in zip(x.shape[1:], sizes, strict=False))):
            place = (slice(None), *(slice(a * s, a * s + s) for a, s in zip(start, sizes, strict=False)))
            covered = np.array(x, np.float64)
            covered[place] = np.where(there[place], 1e-6 if x.ndim > 2 else 0, covered[place])
            fall = full - logit([covered if j == k else y for j, y in enumerate(inputs)])
            number = there[place].reshape(len(x), -1).sum(axis=1)
            spread = (fall / np.maximum(number, 1)).reshape(-1, *[1] * (x.ndim - 1))
            found[k][place] = there[place] * spread
    return found
