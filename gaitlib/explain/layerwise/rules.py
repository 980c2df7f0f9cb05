"""How one layer hands relevance back to its inputs: the rules, and which layer takes which.

A rule belongs to a layer that is affine in its inputs, z_j = sum_i x_i w_ij + b_j, and shares the relevance R_j of
every output among the inputs. What goes to the bias, and what the stabiliser of a division takes, is counted beside it.

References
----------
Bach et al. 2015, https://doi.org/10.1371/journal.pone.0130140 (epsilon, alpha-beta).
Montavon et al. 2017, https://doi.org/10.1016/j.patcog.2016.11.008 (z+, zB, w-squared).
Montavon et al. 2019, https://doi.org/10.1007/978-3-030-28954-6_10 (gamma, composites).
Lapuschkin et al. 2017 (flat), https://doi.org/10.1109/ICCVW.2017.197.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from keras import ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import vjp


@dataclass(frozen=True)
class Affine:
    """What a layer computes: ``apply(x, kernel) + bias``; the bias has the shape of the output, or spreads to it."""

    apply: Callable
    kernel: object
    bias: object

    def output(self, x):
        return self.apply(x, self.kernel) + self.bias

    def back(self, x, kernel, share):
        """Every output's share, times the weight of each input, summed over outputs: the transposed map."""
        return vjp(lambda v: self.apply(v, kernel), x, share)


@dataclass(frozen=True)
class Share:
    """Relevance of the inputs, and what of each sample went to the bias and to the stabiliser, (batch,)."""

    relevance: object
    bias: object
    stabiliser: object


class Rule:
    """Base of all rules: called with an :class:`Affine`, its input and the relevance of its output."""

    def __call__(self, affine, x, relevance) -> Share:
        raise NotImplementedError


@dataclass(frozen=True)
class Epsilon(Rule):
    """R_i = sum_j x_i w_ij / (z_j + epsilon sign z_j) R_j: what an input added to the sum, against all that was added.

    Parameters
    ----------
    epsilon : float
        Keeps the division finite and takes a little of the relevance. The study's 1e-5.
    """

    epsilon: float = 1e-5

    def __call__(self, affine, x, relevance):
        z = affine.output(x)
        share = relevance / stabilised(z, self.epsilon)
        return Share(
            x * affine.back(x, affine.kernel, share),
            per_sample(affine.bias * share),
            per_sample(relevance - z * share),
        )


@dataclass(frozen=True)
class AlphaBeta(Rule):
    """R_i = sum_j (alpha (x_i w_ij)+ / z_j+ - beta (x_i w_ij)- / z_j-) R_j: for and against, apart.

    z_j+ and z_j- hold the positive and negative part of the bias, too. Where an output has nothing that speaks against
    it, beta takes nothing and the shares do not add up to R_j: the difference is counted as taken by the stabiliser.

    Parameters
    ----------
    alpha, beta : float
        alpha - beta = 1. The study's 2 and 1.
    epsilon : float
    """

    alpha: float = 2.0
    beta: float = 1.0
    epsilon: float = 1e-5

    def __post_init__(self):
        if abs(self.alpha - self.beta - 1) > 1e-9 or self.beta < 0:
            raise GaitDataError(f"alpha - beta must be 1 and beta 0 or more, not {self.alpha} and {self.beta}")

    def __call__(self, affine, x, relevance):
        total, bias, kept = 0, 0, 0
        for sign, weight in ((1, self.alpha), (-1, -self.beta)):
            if weight == 0:
                continue
            own_bias = _part(affine.bias, sign)
            z = _signed(affine, x, sign) + own_bias
            share = weight * relevance / stabilised(z, self.epsilon, sign)
            total = total + _signed_back(affine, x, sign, share)
            bias, kept = bias + per_sample(own_bias * share), kept + z * share
        return Share(total, bias, per_sample(relevance - kept))


@dataclass(frozen=True)
class ZPlus(AlphaBeta):
    """Only what speaks for an output: alpha-beta with 1 and 0."""

    alpha: float = field(default=1.0, init=False)
    beta: float = field(default=0.0, init=False)


@dataclass(frozen=True)
class Gamma(Rule):
    """Epsilon with contributions that agree with the sign of z_j counted (1 + gamma) times.

    Departs from the source, which is for inputs of 0 and more only: contributions of both signs are told apart by
    their own sign, and a negative output favours its negative ones.
    """

    gamma: float = 0.25
    epsilon: float = 1e-5

    def __call__(self, affine, x, relevance):
        z = affine.output(x)
        total = bias = kept = 0
        for sign in (1, -1):
            chosen = ops.cast(z >= 0 if sign > 0 else z < 0, z.dtype)
            own_bias = affine.bias + self.gamma * _part(affine.bias, sign)
            favoured = z + self.gamma * (_signed(affine, x, sign) + _part(affine.bias, sign))
            share = chosen * relevance / stabilised(favoured, self.epsilon, sign)
            total = total + x * affine.back(x, affine.kernel, share) + self.gamma * _signed_back(affine, x, sign, share)
            bias, kept = bias + per_sample(own_bias * share), kept + favoured * share
        return Share(total, bias, per_sample(relevance - kept))


@dataclass(frozen=True)
class Flat(Rule):
    """Every input that an output sees gets the same share, whatever its value and weight. For a first layer."""

    def __call__(self, affine, x, relevance):
        return _by_weights(affine, x, relevance, ops.ones_like(affine.kernel))


@dataclass(frozen=True)
class WSquare(Rule):
    """Shares by squared weights, whatever the value of the input. For a first layer."""

    def __call__(self, affine, x, relevance):
        return _by_weights(affine, x, relevance, ops.square(affine.kernel))


@dataclass(frozen=True)
class ZBox(Rule):
    """Shares by how far an input is from the end of its range that speaks most against the output. For a first layer.

    R_i = sum_j (x_i w_ij - low w_ij+ - high w_ij-) / (the same, summed over i) R_j. The bias takes nothing.

    Parameters
    ----------
    low, high : float or tuple of float
        Range of the inputs, one for all or one a channel, from the training trials. Default the study's -1 and 1.
    epsilon : float
    """

    low: float | tuple[float, ...] = -1.0
    high: float | tuple[float, ...] = 1.0
    epsilon: float = 1e-5

    def __call__(self, affine, x, relevance):
        positive, negative = _part(affine.kernel, 1), _part(affine.kernel, -1)
        low, high = (ops.broadcast_to(ops.convert_to_tensor(b, x.dtype), ops.shape(x)) for b in (self.low, self.high))
        parts = ((x, affine.kernel), (-low, positive), (-high, negative))
        z = sum(affine.apply(*part) for part in parts)
        share = relevance / stabilised(z, self.epsilon)
        total = sum(v * affine.back(v, kernel, share) for v, kernel in parts)
        return Share(total, per_sample(0 * share), per_sample(relevance - z * share))


@dataclass(frozen=True)
class Composite:
    """Which layer takes which rule.

    Parameters
    ----------
    rules : tuple of (str, Rule)
        A layer's name, its type ("Dense", "Conv1D"), "convolution" for all of them, or "first" for the layers that read
        an input; the first that fits is taken.
    default : Rule
        Of all others.

    Examples
    --------
    >>> composite = Composite((("first", Flat()), ("convolution", AlphaBeta(2, 1))))
    >>> composite.default
    Epsilon(epsilon=1e-05)
    """

    rules: tuple[tuple[str, Rule], ...] = ()
    default: Rule = Epsilon()  # noqa: RUF009  (frozen)

    def rule_for(self, layer, first: bool) -> Rule:
        """The rule of a layer; ``first`` says whether it reads an input of the network."""
        names = {layer.name, type(layer).__name__}
        names |= {"first"} if first else set()
        names |= {"convolution"} if type(layer).__name__.startswith("Conv") else set()
        return next((rule for name, rule in self.rules if name in names), self.default)


def _presets() -> dict[str, Composite]:
    """Horst et al. 2019: epsilon, and alpha 2 in convolutions; Slijepcevic et al. 2021: each with a first layer of its
    own."""
    inner = {"epsilon": (), "alpha2": (("convolution", AlphaBeta(2, 1)),), "alpha1": (("convolution", ZPlus()),)}
    first = {"": (), " flat": (("first", Flat()),), " zB": (("first", ZBox()),)}
    return {a + b: Composite((*of_first, *of_inner)) for a, of_inner in inner.items() for b, of_first in first.items()}


PRESETS = _presets()


def composite(rules) -> Composite:
    """A composite from what a user gives: None, the name of a preset, one rule for all layers, or a composite.

    Raises
    ------
    GaitDataError
        For anything else, with the names that there are.
    """
    if rules is None:
        return Composite()
    if isinstance(rules, Composite):
        return rules
    if isinstance(rules, Rule):
        return Composite(default=rules)
    if isinstance(rules, str) and rules in PRESETS:
        return PRESETS[rules]
    raise GaitDataError(f"rules {rules!r} are none of {', '.join(PRESETS)}, no Rule and no Composite")


def stabilised(z, epsilon, zero_sign=1):
    """z moved away from zero by epsilon."""
    return z + epsilon * ops.where(z == 0, float(zero_sign), ops.sign(z))


def per_sample(x):
    """Sum over all but the first axis."""
    return ops.sum(x, axis=tuple(range(1, len(x.shape))))


def _part(x, sign):
    """Positive or negative part."""
    return ops.maximum(x, 0) if sign > 0 else ops.minimum(x, 0)


def _pairs(affine, x, sign):
    """Inputs and weights whose products have this sign."""
    return (
        (_part(x, 1), _part(affine.kernel, sign)),
        (_part(x, -1), _part(affine.kernel, -sign)),
    )


def _signed(affine, x, sign):
    """Sum of the contributions of one sign."""
    return sum(affine.apply(v, kernel) for v, kernel in _pairs(affine, x, sign))


def _signed_back(affine, x, sign, share):
    return sum(v * affine.back(v, kernel, share) for v, kernel in _pairs(affine, x, sign))


def _by_weights(affine, x, relevance, weights):
    """Shares that do not depend on the values of the inputs."""
    ones = ops.ones_like(x)
    z = affine.apply(ones, weights)
    share = relevance / ops.where(z == 0, 1.0, z)  # no weight at all: nobody to give to
    return Share(affine.back(ones, weights, share), per_sample(0 * share), per_sample(relevance - z * share))
