"""Networks drawn at random, each beside the plain list of its calls that :mod:`network_reference` reads."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops
from lrp_reference import randomised
from network_reference import Graph, Node

from gaitlib.models.attentive import AttentionPooling
from gaitlib.models.layers import FrameMask, HalfMask, MeanAndMaxPooling, MeanPooling, ZeroPadding

# Of these, relevance is refused by name; all other drawn networks must be explained.
REFUSED = ("Multiply", "Subtract", "Maximum", "Softmax", "UnitNormalization", "SimpleRNN", "Lambda",
           "Bidirectional, sum", "LayerNormalization of frames")  # fmt: skip
# Rules that nothing here draws, and where they are tested.
NOT_DRAWN = {
    "ClassToken": "beside the others, a sum with what is constant (test_propagation, patch_transformer)",
    "SinePositions": "a sum with what is constant (test_propagation, patch_transformer)",
    "Conv3D": "as layers.Conv2D (test_rules)",
    "GaussianMaps": "linear in the confidence (test_heatmaps)",
    "HopsOfJoints": "a sum with fixed weights (test_skeleton_graph)",
    "JointWeights": "a weight a channel (test_pose_attention)",
    "JointPositions": "a sum with what is constant (test_pose_attention)",
    "StepsOfJoints": "moves values (test_pose_attention)",
    "CrossAttention": "weights of frames are fixed (test_pose_attention)",
    "Gated": "the signal takes all (test_pose_attention)",
    "GatedMean": "a weighted sum (test_pose_attention)",
    "LearntAverage": "a weighted sum (test_pose_attention)",
    "PReLU": "an activation as the others, elementwise (test_layers)",
    "LeakyReLU": "an activation as the others",
    "ELU": "an activation as the others",
    "GaussianDropout": "predicts what it reads, as Dropout does",
    "ActivityRegularization": "predicts what it reads, as Dropout does",
    "SpatialDropout2D": "predicts what it reads, as Dropout does",
    "ops.Reshape": "as layers.Reshape",
    "ops.Transpose": "as layers.Permute (test_layers)",
    "ops.Concatenate": "as layers.Concatenate",
    "ops.Squeeze": "moves values (test_layers)",
    "ops.ExpandDims": "moves values (test_layers)",
    "ops.Mean": "as layers.GlobalAveragePooling1D",
    "ops.Sum": "as layers.GlobalAveragePooling1D but for its size",
    "ops.Elu": "an activation as the others",
    "ops.Gelu": "an activation as the others",
    "ops.Relu": "an activation as the others",
    "ops.Tanh": "an activation as the others",
    "ops.Sigmoid": "an activation as the others",
}
SMOOTH = ("tanh", "sigmoid", "elu", "gelu", "selu", "silu", "softplus", "linear", "relu", "leaky_relu", "relu6", "celu")
MASKS = ("none", "FrameMask", "Masking 0", "Masking -1", "Masking 0, any frame")
N = 3  # samples


@dataclass
class Symbol:
    """A value of the network that is being drawn, and its place in the list."""

    place: int
    tensor: object

    @property
    def shape(self):
        return self.tensor.shape[1:]


class Drawn:
    """A network, the list of its calls, samples for it, and what in it is refused.

    Attributes
    ----------
    network : keras.Model
    graph : Graph
    inputs : dict of str to ndarray
    real : dict of str to ndarray of bool
        Which values of the inputs are no padding; ``masked`` are the names of those of which a layer says so.
    kinds : set of str
        All calls in it; ``refused`` are those among them that have no rule.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.graph, self.kinds = Graph(), set()
        self.inputs, self.real, self.masked, symbols = {}, {}, set(), []
        self.seed = self.first_block = seed  # in turn, so that each block comes often; all others at random
        self.to_refuse = REFUSED[seed // 10 % len(REFUSED)] if seed % 10 == 3 else None
        parts = [self._part(name, symbols) for name in ("a", "b")[: 1 + (self.rng.random() < 0.35)]]
        h = self._joined(parts)
        for _ in range(self.rng.integers(0, 3)):
            h = self._vector_block(h)
        h = self.call("Dense", layers.Dense(3, name="logits"), h)
        self.network = randomised(keras.Model(symbols, h.tensor, name=f"drawn_{seed}"), seed)
        self.refused = self.kinds & set(REFUSED)
        in_use = {node.layer for node in self.graph.nodes if node.layer in self.network.layers}
        for node in self.graph.nodes:  # a mask that nothing was told is none
            if node.kind == "FrameMask" and node.layer not in in_use:
                self.masked.discard(symbols[self.graph.inputs.index(node.reads[0])].name)

    # -- calls -----------------------------------------------------------------------------------------------

    def call(self, kind, layer, *read, run=None, mask=None, named=("mask",), refused=None, **settings):
        """Call a layer (or ``run``, of its tensors) on values, with a mask by these names, and note it."""
        tensors = [s.tensor for s in read]
        if run is not None:
            tensor = run(*tensors)
        elif kind in ("Add", "Average", "Concatenate", "Multiply", "Subtract", "Maximum"):
            tensor = layer(tensors)
        elif mask is not None:
            tensor = layer(*tensors, **dict.fromkeys(named, mask.tensor))
        else:
            tensor = layer(*tensors)
        self.kinds |= {refused or kind, f"ops.{kind}" if layer is None else type(layer).__name__}
        self.graph.nodes.append(Node(kind, layer, tuple(s.place for s in read), mask and mask.place, settings))
        return Symbol(len(self.graph.nodes) - 1, tensor)

    def chance(self, p) -> bool:
        return self.rng.random() < p

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def activation(self):
        return SMOOTH[self.rng.integers(len(SMOOTH))]

    # -- inputs ----------------------------------------------------------------------------------------------

    def _input(self, name, shape, symbols):
        x = keras.Input(shape, name=name)
        self.graph.nodes.append(Node("Input"))
        self.graph.inputs.append(len(self.graph.nodes) - 1)
        symbols.append(x)
        return Symbol(len(self.graph.nodes) - 1, x)

    def _part(self, name, symbols):
        """From an input to a vector."""
        kinds = ("sequence", "sequence", "image", "vector")
        kind = "sequence" if self.to_refuse or self.first_block % 4 else self.pick(*kinds)
        if kind == "vector":
            return self._whole(name, (int(self.rng.integers(3, 6)),), symbols)
        if kind == "image":
            h = self._whole(name, (int(self.rng.integers(5, 8)), int(self.rng.integers(4, 7)), 1), symbols)
            for _ in range(self.rng.integers(1, 3)):
                h = self._image_block(h)
            return self._image_end(h)
        frames, channels, mask_kind = int(self.rng.integers(5, 9)), int(self.rng.integers(2, 4)), self.pick(*MASKS)
        x = self._input(name, (frames, channels), symbols)
        self._sequences(name, (N, frames, channels), mask_kind)
        mask, h = None, x
        self.masked |= set() if mask_kind == "none" else {name}
        if mask_kind == "FrameMask":
            mask = self.call("FrameMask", FrameMask(), x)
        elif mask_kind != "none":
            h = self.call("Masking", layers.Masking(-1.0 if "-1" in mask_kind else 0.0), x)
        for _ in range(self.rng.integers(1, 4)):
            h, mask = self._sequence_block(h, mask)
        return self._sequence_end(h, mask)

    def _whole(self, name, shape, symbols):
        self.inputs[name] = self.rng.normal(size=(N, *shape)).astype(np.float32)
        self.real[name] = np.ones((N, *shape), bool)
        return self._input(name, shape, symbols)

    def _sequences(self, name, shape, mask_kind):
        x = self.rng.normal(size=shape).astype(np.float32)
        lengths = np.append(self.rng.integers(2, shape[1], N - 1), shape[1])
        real = np.arange(shape[1]) < lengths[:, None]
        if mask_kind == "Masking 0, any frame":
            real = self.rng.random(shape[:2]) < 0.7
            real[:, self.rng.integers(shape[1])] = True
        x[~real] = -1 if "-1" in mask_kind else 0
        self.inputs[name], self.real[name] = x, np.broadcast_to(real[..., None], shape)

    # -- blocks of sequences ---------------------------------------------------------------------------------

    def _sequence_block(self, h, mask):
        """A block, and the mask that still fits."""
        if self.to_refuse:
            kind, self.to_refuse = self.to_refuse, None
            return self._refused(h, kind), mask
        blocks = [self._dense, self._convolution, self._recurrent, self._normalised, self._attended, self._residual,
                  self._side_by_side, self._only_training, self._pooled, self._moved, self._nested, self._shared,
                  self._activated, self._cut_padding]  # fmt: skip
        number, self.first_block = self.first_block or self.rng.integers(len(blocks)), 0
        return blocks[number % len(blocks)](h, mask)

    def _dense(self, h, mask):
        units, use_bias = int(self.rng.integers(2, 5)), self.chance(0.8)
        dense = layers.Dense(units, self.activation(), use_bias=use_bias)
        if self.chance(0.3):
            return self.call("TimeDistributed", layers.TimeDistributed(dense), h), mask
        return self.call("Dense", dense, h), mask

    def _convolution(self, h, mask):
        frames, channels = h.shape
        size, padding = int(self.rng.integers(1, min(4, frames + 1))), self.pick("same", "causal", "valid")
        strides, dilation = self.pick((1, 1), (2, 1), (1, 2))
        if padding == "valid" and dilation * (size - 1) + 1 > frames:
            padding = "causal"
        groups = channels if self.chance(0.2) and channels > 1 else 1
        filters = groups * int(self.rng.integers(1, 3)) + (groups == 1)
        settings = {"strides": strides, "dilation_rate": dilation, "groups": groups, "use_bias": self.chance(0.8)}
        layer = layers.Conv1D(filters, size, padding=padding, activation=self.activation(), **settings)
        out = self.call("Conv1D", layer, h)
        return out, mask if out.shape[0] == frames and strides == 1 else None

    def _recurrent_layer(self, sequences, **settings):
        drawn = {"units": int(self.rng.integers(2, 4)), "activation": self.pick("tanh", "tanh", "relu", "elu")}
        drawn |= {"use_bias": self.chance(0.8), "go_backwards": self.chance(0.25), "return_sequences": sequences}
        settings = drawn | settings
        if self.chance(0.5):
            return layers.LSTM(**settings)
        return layers.GRU(reset_after=self.chance(0.7), **settings)

    def _recurrent(self, h, mask, sequences=True):
        layer = self._recurrent_layer(sequences)
        if self.chance(0.35):
            other = self._recurrent_layer(sequences, units=layer.units, go_backwards=not layer.go_backwards)
            other = other if layer.go_backwards or self.chance(0.3) else None
            return self.call("Bidirectional", layers.Bidirectional(layer, backward_layer=other), h, mask=mask), mask
        out = self.call(type(layer).__name__, layer, h, mask=mask)
        return out, None if layer.go_backwards else mask  # frames come out in the order in which they were read

    def _normalised(self, h, mask):
        if self.chance(0.4):
            return self.call("LayerNormalization", layers.LayerNormalization(), h), mask
        if self.chance(0.3):  # before a layer with a kernel, perhaps through dropout
            h = self.call("BatchNormalization", layers.BatchNormalization(), h)
            h = self.call("Dropout", layers.Dropout(0.5), h) if self.chance(0.4) else h
            return self.pick(self._dense, self._convolution, self._recurrent)(h, mask)
        if self.chance(0.5):  # behind a linear one
            h = self.call("Dense", layers.Dense(3), h)
        return self.call("BatchNormalization", layers.BatchNormalization(), h), mask

    def _attended(self, h, mask):
        layer = layers.MultiHeadAttention(int(self.rng.integers(1, 3)), 2, dropout=self.pick(0.0, 0.0, 0.1))
        if mask is not None and self.chance(0.7):
            return self.call("MultiHeadAttention", layer, h, h, mask=mask, named=("key_mask", "value_mask")), mask
        if self.chance(0.2):
            run = lambda q, v: layer(q, v, use_causal_mask=True)  # noqa: E731
            return self.call("MultiHeadAttention", layer, h, h, run=run, causal=True), mask
        return self.call("MultiHeadAttention", layer, h, h), mask

    def _residual(self, h, mask):
        """Around a layer that keeps the shape."""
        inner = self.pick(self._attended, self._same_dense)
        out, mask = inner(h, mask)
        if self.chance(0.3):
            return self.call("Add", None, h, out, run=lambda a, b: a + b), mask
        return self.call(*self.pick(("Add", layers.Add()), ("Average", layers.Average())), h, out), mask

    def _same_dense(self, h, mask):
        return self.call("Dense", layers.Dense(h.shape[-1], self.activation()), h), mask

    def _side_by_side(self, h, mask):
        one, _ = self._dense(h, mask)
        other = h if self.chance(0.5) else self._dense(h, mask)[0]
        return self.call("Concatenate", layers.Concatenate(), one, other), mask

    def _only_training(self, h, mask):
        layer = self.pick(
            layers.Dropout(0.5), layers.SpatialDropout1D(0.5), layers.GaussianNoise(1.0), layers.Identity()
        )
        return self.call(type(layer).__name__.replace("Spatial", "").replace("1D", ""), layer, h), mask

    def _pooled(self, h, mask):
        if mask is not None and h.shape[0] > 2:
            h = self.call("MaxPooling1D", layers.MaxPooling1D(2, padding="same"), h)
            return h, self.call("HalfMask", HalfMask(), mask)
        if h.shape[0] < 3:
            return h, mask
        kind = self.pick("MaxPooling1D", "AveragePooling1D")
        layer = getattr(layers, kind)(2, padding=self.pick("same", "valid"), strides=self.pick(1, 2))
        return self.call(kind, layer, h), None

    def _moved(self, h, mask):
        frames, channels = h.shape
        kinds = ("ZeroPadding1D", "Cropping1D", "Permute", "Reshape", "GetItem", "constant")
        kind = kinds[self.seed // 14 % len(kinds)]  # in turn, too
        if kind == "constant":
            return self.call("Add", None, h, run=lambda x: x + 0.5, constant=0.5), mask
        if kind == "GetItem":
            part = slice(None, None, 2) if self.chance(0.5) else slice(1, None)
            return self.call(kind, None, h, run=lambda x: x[:, part], slice=part), None
        if kind == "Cropping1D" and frames < 4:
            kind = "ZeroPadding1D"
        layer = {
            "ZeroPadding1D": lambda: layers.ZeroPadding1D((1, 2)),
            "Cropping1D": lambda: layers.Cropping1D((1, 1)),
            "Permute": lambda: layers.Permute((2, 1)),
            "Reshape": lambda: layers.Reshape((frames * channels, 1) if frames * channels < 16 else (channels, frames)),
        }[kind]()
        return self.call(kind, layer, h), None

    def _nested(self, h, mask):
        """A model as a layer; Keras' own mask may go through it."""
        own = object.__new__(Drawn)
        own.rng, own.kinds, own.graph = self.rng, self.kinds, Graph()
        symbols = []
        inside = own._input("inside", h.shape, symbols)
        blocks = [own._dense, own._convolution, own._recurrent, own._normalised, own._attended, own._only_training]
        out, _ = own.pick(*blocks)(inside, None)
        out = own.pick(own._dense, own._convolution, own._attended)(out, None)[0] if own.chance(0.5) else out
        model = keras.Model(inside.tensor, out.tensor)
        same = out.shape[0] == h.shape[0]
        if not same:  # a mask of another length would go on through Keras
            return h, mask
        tensor = model(h.tensor)
        self.kinds.add("Model")
        self.graph.nodes.append(Node("Model", model, (h.place,), inner=own.graph))
        return Symbol(len(self.graph.nodes) - 1, tensor), mask

    def _shared(self, h, mask):
        """One layer, called twice."""
        layer = layers.Dense(h.shape[-1], self.activation())
        self.kinds.add("shared")
        once = self.call("Dense", layer, h)
        if self.chance(0.5):
            return self.call("Dense", layer, once), mask
        return self.call("Add", layers.Add(), once, self.call("Dense", layer, self._same_dense(h, mask)[0])), mask

    def _activated(self, h, mask):
        if self.chance(0.5):
            return self.call("Activation", layers.ReLU(), h, function="relu"), mask
        function = self.activation()
        return self.call("Activation", layers.Activation(function), h, function=function), mask

    def _cut_padding(self, h, mask):
        if mask is None:
            return self._dense(h, mask)
        h = self.call("Conv1D", layers.Conv1D(3, 3, padding="same", activation="relu"), h)
        return self.call("ZeroPadding", ZeroPadding(), h, mask=mask, named=("frame_mask",)), mask

    def _refused(self, h, kind):
        if kind in ("Multiply", "Subtract", "Maximum"):
            return self.call(kind, getattr(layers, kind)(), h, self._same_dense(h, None)[0])
        if kind == "Bidirectional, sum":
            return self.call("Bidirectional", layers.Bidirectional(layers.GRU(2, return_sequences=True), "sum"), h,
                             refused=kind)  # fmt: skip
        if kind == "LayerNormalization of frames":
            return self.call("LayerNormalization", layers.LayerNormalization(axis=1), h, refused=kind)
        if kind == "SimpleRNN":
            h = self.call(kind, layers.SimpleRNN(3), h)
            return self.call("Reshape", layers.Reshape((3, 1)), h)
        layer = {"Softmax": lambda: layers.Activation("softmax"), "UnitNormalization": layers.UnitNormalization,
                 "Lambda": lambda: layers.Lambda(ops.square)}[kind]()  # fmt: skip
        return self.call(kind, layer, h)

    def _sequence_end(self, h, mask):
        """From a sequence to a vector."""
        if mask is not None and self.chance(0.5):
            kind = self.pick(MeanPooling, MeanAndMaxPooling, AttentionPooling)
            read = [h, self.call("Dense", layers.Dense(1), h)] if kind is AttentionPooling else [h]
            return self.call(kind.__name__, kind(), *read, mask=mask, named=("frame_mask",))
        end = self.pick("recurrent", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "Flatten")
        if end == "recurrent":
            return self._recurrent(h, mask, sequences=False)[0]
        layer = getattr(layers, end)()
        return self.call(end, layer, h, mask=mask if end == "GlobalAveragePooling1D" else None)

    # -- blocks of images and vectors ------------------------------------------------------------------------

    def _image_block(self, h):
        rows, columns, _ = h.shape
        kind = self.pick("Conv2D", "Conv2D", "pool", "pool", "ZeroPadding2D", "Cropping2D", "BatchNormalization")
        if kind == "BatchNormalization":
            return self.call(kind, layers.BatchNormalization(), h)
        if kind == "pool" and min(rows, columns) > 3:
            kind = self.pick("MaxPooling2D", "AveragePooling2D")
            return self.call(kind, getattr(layers, kind)(2, padding=self.pick("same", "valid")), h)
        if kind == "ZeroPadding2D":
            return self.call(kind, layers.ZeroPadding2D(((1, 0), (0, 1))), h)
        if kind == "Cropping2D" and min(rows, columns) > 3:
            return self.call(kind, layers.Cropping2D(((1, 0), (0, 1))), h)
        settings = {
            "padding": self.pick("same", "valid"),
            "strides": self.pick(1, 1, 2),
            "activation": self.activation(),
        }
        return self.call("Conv2D", layers.Conv2D(int(self.rng.integers(2, 4)), (2, min(2, columns)), **settings), h)

    def _image_end(self, h):
        kind = self.pick("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D")
        return self.call(kind, getattr(layers, kind)(), h)

    def _vector_block(self, h):
        kind = self.pick("Dense", "Dense", "BatchNormalization", "LayerNormalization", "Dropout", "residual")
        if kind == "residual":
            return self.call("Add", layers.Add(), h, self._same_dense(h, None)[0])
        if kind == "Dense":
            return self.call(kind, layers.Dense(int(self.rng.integers(3, 6)), self.activation()), h)
        if h.shape[-1] < 2 and kind == "LayerNormalization":
            return h
        layer = layers.Dropout(0.5) if kind == "Dropout" else getattr(layers, kind)()
        return self.call(kind, layer, h)

    def _joined(self, parts):
        if len(parts) == 1:
            return parts[0]
        if self.chance(0.3):
            parts = [self.call("Dense", layers.Dense(3, "tanh"), p) for p in parts]
            return self.call("Add", layers.Add(), *parts)
        return self.call("Concatenate", layers.Concatenate(), *parts)
