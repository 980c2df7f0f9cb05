"""Calls of layers as relevance meets them, and the list of which function handles which layer."""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
from keras import ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import vjp
from gaitlib.explain.layerwise.rules import Epsilon, Rule, Share, per_sample

_HANDLERS: dict[type | str, Callable] = {}


@dataclass(frozen=True)
class Folded:
    """A batch normalisation that has become part of the layer: ``x * scale + shift``, a value a channel."""

    scale: object
    shift: object


TOLERANCE = {"bfloat16": 0.1, "float16": 0.02}  # of layers that compute so
OF_FLOAT32 = 1e-3


class Compared:
    """A layer's own output, held against the same computed anew.

    Attributes
    ----------
    layer : keras.Operation
    apart : tensor (batch,)
        The largest difference in each sample, as a share of the largest value.
    tolerance : float
        What rounding explains.
    """

    def __init__(self, layer, own, again):
        self.layer = layer
        self.tolerance = tolerance(own.dtype)
        own, again = ops.cast(own, "float32"), ops.cast(again, "float32")
        both_nan = ops.logical_and(ops.isnan(own), ops.isnan(again))
        difference, size = (_highest(ops.where(both_nan, 0.0, ops.abs(v))) for v in (own - again, own))
        self.apart = difference / (size + 1e-3 * ops.max(size) + 1e-30)


def tolerance(dtype) -> float:
    """What rounding explains of a difference, as a share of the largest value."""
    return TOLERANCE.get(keras.backend.standardize_dtype(dtype), OF_FLOAT32)


def _highest(x):
    """The largest value of each sample."""
    return ops.max(x, axis=tuple(range(1, len(x.shape)))) if len(x.shape) > 1 else x


@dataclass(frozen=True)
class Call:
    """One call of a layer in a network.

    Attributes
    ----------
    layer : keras.Operation
    tensors : list of tensors
        All that it read, in the order of its arguments; the first carries the relevance unless a handler says else.
    run : callable
        ``run(tensors) -> output``, the call again with other tensors.
    output : tensor
        With a normalisation that is folded into it.
    rule : Rule
    mask : tensor or None
        Which frames are real, as the layer was told.
    before, after : Folded or None
        Batch normalisations that are folded into the layer: of what it reads (``tensors[0]`` is then what the
        normalisation read), and of what it gives.
    place_of_value : int
        Of an attention layer: which of the tensors it weighs.
    compared : list of Compared
        Where :meth:`same` enters what a handler has computed anew.
    """

    layer: object
    tensors: list
    run: Callable
    output: object
    rule: Rule
    mask: object = None
    before: Folded | None = None
    after: Folded | None = None
    place_of_value: int = 0
    compared: list[Compared] = field(default_factory=list)

    @property
    def x(self):
        return self.tensors[0]

    def same(self, again) -> None:
        """Claim that an output computed anew is the layer's own; refused after the run where it is not."""
        self.compared.append(Compared(self.layer, self.output, again))

    def epsilon(self) -> Epsilon:
        """The rule, where a layer is made for the epsilon rule only.

        Raises
        ------
        GaitDataError
            For another rule, naming it and the layer.
        """
        if not isinstance(self.rule, Epsilon):
            raise GaitDataError(
                f"{self.rule} is not defined for the {type(self.layer).__name__} layer '{self.layer.name}': give it "
                f'Epsilon(), as in Composite((("{type(self.layer).__name__}", Epsilon()), ...), default=...)'
            )
        return self.rule

    def only(self, relevance, bias=None, stabiliser=None, place=0):
        """All relevance goes to one of the tensors."""
        none = per_sample(0 * relevance)
        shares = [None] * len(self.tensors)
        shares[place] = relevance
        return Share(shares, none if bias is None else bias, none if stabiliser is None else stabiliser)

    def share(self, affine, x, relevance, place=0):
        """The rule's share for one of the tensors."""
        share = self.rule(affine, x, relevance)
        return self.only(share.relevance, share.bias, share.stabiliser, place)

    def back(self, share):
        """Transposed Jacobian of the call, times a share, for each of the tensors.

        None for masks, and where a tensor that was read twice comes again.
        """
        own = {id(x): x for x in self.tensors if not is_mask(x)}

        def run(values):
            changed = dict(zip(own, values, strict=True))
            return self.run([changed.get(id(x), x) for x in self.tensors])

        found = dict(zip(own, vjp(run, list(own.values()), share), strict=True))
        return [found.pop(id(x), None) for x in self.tensors]


def handles(*layers):
    """Decorator: a function ``(call, relevance) -> Share`` for these types of layers (exactly, no subclasses)."""

    def enter(function):
        _HANDLERS.update(dict.fromkeys(layers, function))
        return function

    return enter


def handler_of(layer) -> Callable:
    """The function that hands relevance through a layer.

    Raises
    ------
    GaitDataError
        If there is none: nothing is passed silently.
    """
    handler = _HANDLERS.get(type(layer)) or _HANDLERS.get(_operation_name(layer))
    if handler is None:
        known = sorted({k.__name__ if isinstance(k, type) else k for k in _HANDLERS})
        raise GaitDataError(
            f"no rule for the layer '{layer.name}' of type {type(layer).__name__}; there are rules for "
            f'{", ".join(known)}. Use another method, such as method="integrated_gradients"'
        )
    return handler


def _operation_name(layer) -> str:
    """How an operation of ``keras.ops`` in a graph (``x + y``) is listed: by name, as its class is not public."""
    module = type(layer).__module__
    return f"ops.{type(layer).__name__}" if module.startswith("keras.src.ops.") else ""


def is_mask(x) -> bool:
    return keras.backend.standardize_dtype(x.dtype) == "bool"


def weight(variable):
    """A layer's variable as a float32 tensor."""
    return ops.cast(ops.convert_to_tensor(variable), "float32")
