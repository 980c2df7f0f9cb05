"""Explanations of networks drawn at random are those of a slow reference in float64, or are refused by name."""

import importlib

import numpy as np
import pytest
from drawn_networks import NOT_DRAWN, REFUSED, Drawn
from network_reference import Relevance, forward, gradients, integrated_gradients, lrp, occlusion

from gaitlib.errors import GaitDataError
from gaitlib.explain import METHODS, PRESETS, AlphaBeta, Composite, Epsilon, Flat, Gamma, WSquare, ZBox, ZPlus
from gaitlib.explain.layerwise.calls import _HANDLERS

TOLERANCE = 1e-4  # of the size of a sample's relevance: its largest value,
AT_LEAST = 0.01  # or this share of the largest logit, in whose last digits smaller relevance lies
ROUNDING = 10  # times what the reference moves by as inputs and weights move in their sixth digit: left out
LEFT_OUT = 0.03  # at most, of the samples
EXPLAINED = 0.85  # at least, of the networks
# One of these each network, beside relevance propagation
OTHERS = (("gradient_x_input", {}), ("integrated_gradients", {"steps": 2}), ("occlusion", {"window": (3, 1)}))
OF_KERNELS = (AlphaBeta(), AlphaBeta(1.5, 0.5), ZPlus(), Gamma(), Epsilon(0.1))
OF_FIRST = (Flat(), WSquare(), ZBox(-3.0, 3.0))
RULES = [
    *PRESETS.values(),
    *(Composite(tuple((kind, rule) for kind in ("Dense", "TimeDistributed", "convolution"))) for rule in OF_KERNELS),
    *(Composite((("first", rule), ("convolution", Gamma()))) for rule in OF_FIRST),
]


@pytest.fixture
def step_by_step(monkeypatch):
    """Every network runs once or twice: compiling would take longer."""
    for name in ("layerwise.propagation", "gradients", "inputs", "padding"):
        monkeypatch.setattr(importlib.import_module(f"gaitlib.explain.{name}"), "compiled", lambda f, network: f)


class Asked:
    """One drawn network, all that was asked about it, and what came of it."""

    def __init__(self, seed):
        self.seed, self.drawn, self.left_out, self.largest = seed, Drawn(seed), 0, {}
        self.inputs = {x.name: self.drawn.inputs[x.name] for x in self.drawn.network.inputs}
        self.real = [self.drawn.real[name] for name in self.inputs]
        self.target = np.arange(len(self.real[0])) % 3
        self.logits = forward(self.drawn.graph, list(self.inputs.values())).output
        fitting = [rules for rules in RULES if Relevance(self.drawn.graph, rules).fits()]
        self.explained = self.agrees("lrp", rules=fitting[seed % len(fitting)])
        method, settings = OTHERS[seed % len(OTHERS)]
        assert self.agrees(method, **settings)

    def agrees(self, method, **settings) -> bool:
        """Whether a method explains the network; what it says must then be what the reference says."""
        try:
            found, _ = METHODS[method](self.drawn.network, self.inputs, self.target, **settings)
        except GaitDataError as refusal:
            assert method == "lrp" and self.drawn.refused, f"{self.seed}: {refusal}"
            assert "no rule for" in str(refusal) or "normalises the axes" in str(refusal)
            return False
        assert not (method == "lrp" and self.drawn.refused), f"{self.seed}: {self.drawn.refused} should be refused"
        expected = self.reference(method, list(self.inputs.values()), **settings)
        size = np.maximum(largest(expected), AT_LEAST * np.abs(self.logits).max())
        apart = largest([a - b for a, b in zip(found.values(), expected, strict=True)])
        wrong = np.flatnonzero(apart > TOLERANCE * size)
        if len(wrong):
            moved = self.reference_nearby(method, settings)
            rounding = ROUNDING * largest([a - b for a, b in zip(moved, expected, strict=True)])
            told = [f"sample {i}: {apart[i] / size[i]:.1g}" for i in wrong if apart[i] > rounding[i]]
            assert not told, (self.seed, method, settings, told)
            self.left_out += len(wrong)
        self.largest[method] = max(np.delete(apart / size, wrong), default=0)
        return True

    def reference_nearby(self, method, settings):
        """The reference for inputs and weights that differ in their sixth digit."""
        rng, network = np.random.default_rng(0), self.drawn.network
        weights = network.get_weights()
        kinds = self.inputs.values(), weights
        arrays, near = ([v * (1 + 1e-6 * rng.normal(size=v.shape)) for v in own] for own in kinds)
        network.set_weights(near)
        try:
            return self.reference(method, arrays, **settings)
        finally:
            network.set_weights(weights)

    def reference(self, method, arrays, rules=None, steps=None, window=None):
        graph = self.drawn.graph
        if method == "lrp":
            masked = [r | (name not in self.drawn.masked) for name, r in zip(self.inputs, self.real, strict=True)]
            return lrp(graph, rules, forward(graph, arrays), masked, self.target)
        if method == "gradient_x_input":
            return [g * x for g, x in zip(gradients(graph, arrays, self.real, self.target), arrays, strict=True)]
        if method == "integrated_gradients":
            return integrated_gradients(graph, arrays, self.real, self.target, steps)
        return occlusion(graph, arrays, self.real, self.target, window)


def largest(arrays) -> np.ndarray:
    """The largest absolute value of each sample."""
    return np.max([np.abs(x).reshape(len(x), -1).max(axis=1) for x in arrays], axis=0)


def summary(asked):
    """Explained, refused, left out, and the largest difference by method; printed where pytest shows it (-s)."""
    apart = {m: [a.largest[m] for a in asked if m in a.largest] for m in METHODS}
    told = ", ".join(f"{m} {max(own):.1g} ({len(own)})" for m, own in apart.items() if own)
    explained, left_out = sum(a.explained for a in asked), sum(a.left_out for a in asked)
    return f"{explained} explained, {len(asked) - explained} refused, {left_out} samples left out; largest: {told}"


@pytest.mark.slow
def test_fifteen_drawn_networks_are_explained_as_by_the_reference_or_refused(step_by_step):
    asked = [Asked(seed) for seed in range(15)]
    print(summary(asked))
    assert sum(a.explained for a in asked) >= EXPLAINED * len(asked)


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_three_hundred_drawn_networks_are_explained_as_by_the_reference_or_refused(half, step_by_step):
    asked = [Asked(seed) for seed in range(half * 150, half * 150 + 150)]
    print(summary(asked))
    assert sum(a.explained for a in asked) >= EXPLAINED * len(asked)
    assert sum(a.left_out for a in asked) <= LEFT_OUT * sum(len(a.target) * len(a.largest) for a in asked)
    drawn = set().union(*(a.drawn.kinds for a in asked))
    known = {layer if isinstance(layer, str) else layer.__name__ for layer in _HANDLERS}
    assert known - drawn == set(NOT_DRAWN)
    assert drawn >= set(REFUSED)
