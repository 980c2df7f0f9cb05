"""The list of models: a name, what it reads, where it comes from, and the function that builds it."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from sklearn.base import BaseEstimator

from gaitlib.errors import GaitDataError

# Kinds of networks by what they read, with the sizes of the reference study. A code is what an autoencoder made of a
# sequence; the pressure image keeps its 128 rows. Waveforms have the size of the clinical forces.
SEQUENCE, IMAGE, CODE = {"skeleton": (150, 75)}, {"pressure": (128, 48)}, {"skeleton": (1, 512)}
REFERENCE_INPUTS = {
    "sequence": SEQUENCE,
    "image": IMAGE,
    "fusion": SEQUENCE | IMAGE,
    "code": CODE,
    "code fusion": CODE | IMAGE,
    "autoencoder": SEQUENCE,
    "waveform": {"grf": (101, 6)},
}
CLASSICAL = ("classical", "gait parameters", "time series", "flat waveform")
KINDS = (*REFERENCE_INPUTS, *CLASSICAL)


@dataclass(frozen=True)
class Head:
    """One thing that a model predicts: ``kind`` is "class", ``size`` the number of classes."""

    kind: str
    size: int


@dataclass(frozen=True)
class ModelInfo:
    """What the registry knows of a model.

    Attributes
    ----------
    name, kind : str
        The kind says what it reads: "sequence" one sequence, "image" one image, "fusion" both, "code" and "code
        fusion" the code of an autoencoder instead of the sequence, "waveform" one sequence of one fixed length.
        "classical" is a scikit-learn estimator on summary statistics, "gait parameters" one on cadence, step lengths
        and their like, "time series" one on the frames of one sequence, "flat waveform" one on all values of a
        waveform.
    build : callable
        ``build(inputs, heads, **parameters) -> keras.Model`` with linear outputs, or for classical models
        ``build(seed, **parameters) -> scikit-learn classifier``.
    reference : str
    parameters : int or None
        Published number of weights at the inputs of the reference study and six classes; None where there is none.
    jit : bool
        Whether XLA compilation pays on a CPU, as measured.
    """

    name: str
    kind: str
    build: Callable
    reference: str
    parameters: int | None
    jit: bool


LABEL = "label"  # the head that tells the class; builders of users get it under this name too
_MODELS: dict[str, ModelInfo] = {}


def register(name: str, kind: str, reference: str, parameters: int | None = None, jit: bool = False):
    """Decorator that enters a builder into the registry."""
    if kind not in KINDS:
        raise ValueError(f"kind '{kind}' is none of {KINDS}")

    def enter(function):
        _MODELS[name] = ModelInfo(name, kind, function, reference, parameters, jit)
        return function

    return enter


def available(kind: str | None = None) -> list[str]:
    """Names of the registered models, of one kind or all.

    Examples
    --------
    >>> "compact_gru" in available("sequence")
    True
    """
    return sorted(name for name, info in _MODELS.items() if kind in (None, info.kind))


def info(name: str) -> ModelInfo:
    """What is known of a model.

    Raises
    ------
    GaitDataError
        For an unknown name; the message lists near names and all names.

    Examples
    --------
    >>> info("compact_grru")
    Traceback (most recent call last):
    ...
    gaitlib.errors.GaitDataError: unknown model 'compact_grru'; did you mean compact_gru? Known: ...
    """
    if name in _MODELS:
        return _MODELS[name]
    near = difflib.get_close_matches(str(name), _MODELS, n=3)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise GaitDataError(f"unknown model '{name}'; {hint}Known: {', '.join(available())}")


def build(
    name: str, inputs: Mapping[str, tuple], n_classes=None, heads: Mapping[str, Head] | None = None, **parameters
):
    """Build an uncompiled network with named inputs and linear outputs.

    Parameters
    ----------
    name : str
        One of :func:`available`.
    inputs : dict of str to tuple
        Shape of every input without the batch, such as ``{"skeleton": (150, 75)}``.
    n_classes : int, optional
        Shorthand for one class head.
    heads : dict of str to Head, optional
    **parameters
        Of the builder, such as ``units=64``.

    Returns
    -------
    keras.Model

    Raises
    ------
    GaitDataError
        For an unknown name, a classical model, or inputs that the model cannot read.
    """
    model = info(name)
    if model.kind in CLASSICAL:
        raise GaitDataError(f"'{name}' is no network; use it through GaitClassifier('{name}')")
    if (n_classes is None) == (heads is None):
        raise GaitDataError("give either n_classes= or heads=")
    return model.build(dict(inputs), heads or {LABEL: Head("class", n_classes)}, **parameters)


def summary() -> pd.DataFrame:
    """One row a model: kind, weights counted from the built model, whether XLA is used on a CPU, reference."""
    rows = {}
    for name in available():
        model = _MODELS[name]
        weights = None
        if model.kind not in CLASSICAL:
            weights = build(name, REFERENCE_INPUTS[model.kind], n_classes=6).count_params()
        rows[name] = {"kind": model.kind, "parameters": weights, "jit on CPU": model.jit, "reference": model.reference}
    return pd.DataFrame.from_dict(rows, orient="index").astype({"parameters": "Int64"})


class Builder(BaseEstimator):
    """A model name, or your own builder function, with its parameters; scikit-learn can search over them.

    Parameters
    ----------
    model : str or callable
        A registered name, or ``function(inputs, heads, **parameters) -> keras.Model``.
    **parameters
        Handed to the builder.

    Examples
    --------
    >>> Builder("gru", units=64).get_params()
    {'model': 'gru', 'units': 64}
    """

    def __init__(self, model, **parameters):
        self.model = model
        self.parameters = parameters

    def get_params(self, deep=True):
        return {"model": self.model, **self.parameters}

    def set_params(self, **parameters):
        self.model = parameters.pop("model", self.model)
        self.parameters = {**self.parameters, **parameters}
        return self

    def __repr__(self):
        name = self.model if isinstance(self.model, str) else self.model.__name__
        return f"Builder({', '.join([name, *(f'{k}={v!r}' for k, v in self.parameters.items())])})"

    @property
    def kind(self) -> str | None:
        """Kind of a registered model; None for a user's own builder."""
        return info(self.model).kind if isinstance(self.model, str) else None

    @property
    def classical(self) -> bool:
        """Whether it is a scikit-learn estimator instead of a network."""
        return self.kind in CLASSICAL

    @property
    def name(self) -> str:
        return self.model if isinstance(self.model, str) else self.model.__name__

    @property
    def what(self) -> str:
        """Kind and source of a registered model, in words."""
        if not isinstance(self.model, str):
            return "a model of one's own"
        known = info(self.model)
        return f"kind: {known.kind}; {known.reference}"

    @property
    def jit(self) -> bool:
        return isinstance(self.model, str) and info(self.model).jit

    def build_network(self, inputs, heads):
        """The network, reading a dict of arrays by modality name."""
        import keras

        if self.kind == "autoencoder":
            raise GaitDataError("'autoencoder' is no classifier; it works inside the step AutoencoderCode()")
        if isinstance(self.model, str):
            network = build(self.model, inputs, heads=heads, **self.parameters)
        else:
            network = self.model(inputs, heads, **self.parameters)
        return keras.Model({x.name: x for x in network.inputs}, network.output, name=network.name)

    def build_classical(self, seed):
        return info(self.model).build(seed, **self.parameters)
