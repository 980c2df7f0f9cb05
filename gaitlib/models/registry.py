"""The list of models: a name, what it reads, where it comes from, and the function that builds it."""

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
from sklearn.base import BaseEstimator

from gaitlib.errors import GaitDataError
from gaitlib.saving import nameable

# How what is read is prepared (recipes.steps_for), and the size of a sequence then, in the study that it comes from. A
# code is what an autoencoder made of a window. The pressure image keeps its 128 rows.
PREPARATIONS = {
    "windows": (150, 75),  # a skeleton in sliding windows; images and other sequences whole
    "joints": (40, 45),  # windows, too, of nothing but the positions of joints: x, y, z or x, y, confidence of each
    "pose": (40, 51),  # windows of a normalised pose as it is, not scaled
    "code": (1, 512),
    "whole": (101, 6),  # waveforms, all of one length
    "opening": None,  # the first seconds
    "statistics": None,  # summary statistics of all sequences and static values
    "gait parameters": None,  # cadence, step lengths and their like
}
IMAGE_SIZE = (128, 48)


@dataclass(frozen=True)
class Head:
    """One thing that a model predicts: ``kind`` is "class", "binary" or "continuous", ``size`` the number of outputs.

    A class has one output (logit) a class, a binary target one logit, a continuous one its standardised value.
    """

    kind: str
    size: int


@dataclass(frozen=True)
class ModelInfo:
    """What the registry knows of a model.

    Attributes
    ----------
    name : str
    build : callable
        ``build(inputs, heads, **parameters) -> keras.Model`` with linear outputs, or for estimators
        ``build(seed, kind, **parameters) -> scikit-learn classifier``, or regressor where the kind is "continuous".
    reads : tuple of str
        Kinds of the modalities that it reads: "sequence", "image", "static", one of each; or "sequences", all of them.
        Summary statistics are taken of all.
    prepared : str
        How they are prepared: one of ``PREPARATIONS``.
    network : bool
        Whether it is a Keras network; else a scikit-learn estimator.
    classifies : bool
        An autoencoder does not: it works inside a step.
    reference : str
    parameters : int or None
        Published number of weights at the inputs of the reference study and six classes; None where there is none.
    jit : bool
        Whether XLA compilation pays on a CPU, as measured.
    requires : dict of str to str
        Packages beyond gaitlib's own, each with what pip installs it by.
    tiny : dict
        Parameters that make it small enough for a test.
    """

    name: str
    build: Callable
    reads: tuple[str, ...]
    prepared: str
    network: bool
    classifies: bool
    reference: str
    parameters: int | None
    jit: bool
    requires: Mapping[str, str]
    tiny: Mapping[str, object]

    @property
    def lacking(self) -> str:
        """What must be installed before it runs, in words; empty where all is there."""
        absent = {package: pip for package, pip in self.requires.items() if not _is_installed(package)}
        return "; ".join(f"'{self.name}' needs {package}: pip install '{pip}'" for package, pip in absent.items())

    def inputs(self, sequence=None, image=IMAGE_SIZE) -> dict[str, tuple]:
        """Shapes that a network can read, by modality; by default those of the study that it comes from."""
        sequences = {"whole": "grf", "pose": "pose"}
        names = {"sequence": sequences.get(self.prepared, "skeleton"), "image": "pressure"}
        sizes = {"sequence": sequence or PREPARATIONS[self.prepared], "image": image}
        kinds = ["sequence" if kind == "sequences" else kind for kind in self.reads]  # it reads one, too
        return {names[kind]: sizes[kind] for kind in kinds}


LABEL = "label"  # the head that tells the class; builders of users get it under this name too
_MODELS: dict[str, ModelInfo] = {}


def register(
    name: str,
    reference: str,
    reads=("sequence",),
    prepared="windows",
    network=True,
    classifies=True,
    parameters: int | None = None,
    jit=False,
    requires=None,
    tiny=None,
):
    """Decorator that enters a builder into the registry, with what :class:`ModelInfo` tells of it."""
    if prepared not in PREPARATIONS:
        raise ValueError(f"preparation '{prepared}' is none of {', '.join(PREPARATIONS)}")

    def enter(function):
        _MODELS[name] = ModelInfo(
            name, function, tuple(reads), prepared, network, classifies, reference, parameters, jit, requires or {},
            tiny or {},
        )  # fmt: skip
        return nameable(function)

    return enter


def available(**wanted) -> list[str]:
    """Names of the registered models, all or those whose entry is as wanted.

    Parameters
    ----------
    **wanted
        Values of :class:`ModelInfo`, such as ``network=True`` or ``reads=("sequence", "image")``.

    Examples
    --------
    >>> "compact_gru" in available(network=True, prepared="windows")
    True
    """
    return sorted(n for n, entry in _MODELS.items() if all(getattr(entry, k) == v for k, v in wanted.items()))


def _is_installed(package) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # None in sys.modules: forbidden
        return False


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
    if not model.network:
        raise GaitDataError(f"'{name}' is no network; use it through GaitClassifier('{name}')")
    if (n_classes is None) == (heads is None):
        raise GaitDataError("give either n_classes= or heads=")
    return model.build(dict(inputs), heads or {LABEL: Head("class", n_classes)}, **parameters)


def summary() -> pd.DataFrame:
    """One row a model: what it reads, how prepared, weights counted from the built network, XLA on a CPU, reference."""
    rows = {}
    for name, entry in sorted(_MODELS.items()):
        rows[name] = {
            "reads": " and ".join(entry.reads),
            "prepared": entry.prepared,
            "parameters": build(name, entry.inputs(), n_classes=6).count_params() if entry.network else None,
            "jit on CPU": entry.jit,
            "reference": entry.reference,
        }
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
    def info(self) -> ModelInfo | None:
        """The entry of a registered model; None for a user's own builder."""
        return info(self.model) if isinstance(self.model, str) else None

    @property
    def classical(self) -> bool:
        """Whether it is a scikit-learn estimator instead of a network."""
        return self.info is not None and not self.info.network

    @property
    def name(self) -> str:
        return self.model if isinstance(self.model, str) else self.model.__name__

    @property
    def what(self) -> str:
        """What a registered model reads and its source, in words."""
        if self.info is None:
            return "a model of one's own"
        return f"reads: {' and '.join(self.info.reads)} ({self.info.prepared}); {self.info.reference}"

    @property
    def jit(self) -> bool:
        return self.info is not None and self.info.jit

    def build_network(self, inputs, heads):
        """The network, reading a dict of arrays by modality name."""
        import keras

        if self.info is not None and not self.info.classifies:
            raise GaitDataError(
                f"'{self.name}' is no classifier: gaitlib.pretrain trains it, and Encode() or Training(start=) use it"
            )
        if isinstance(self.model, str):
            network = build(self.model, inputs, heads=heads, **self.parameters)
        else:
            network = self.model(inputs, heads, **self.parameters)
        return keras.Model({x.name: x for x in network.inputs}, _by_head(network, heads), name=network.name)

    def build_classical(self, seed, kind="class"):
        """The scikit-learn estimator for a target of some kind."""
        if self.info.lacking:
            raise GaitDataError(self.info.lacking)
        return self.info.build(seed, kind, **self.parameters)


def _by_head(network, heads):
    """The outputs of a network: the only one as it is, several by the names of the heads."""
    if len(heads) == 1 or isinstance(network.output, dict):
        return network.output
    if len(network.outputs) != len(heads):
        raise GaitDataError(
            f"'{network.name}' has {len(network.outputs)} outputs for the heads {', '.join(heads)}; make one of each, "
            "as gaitlib.models.layers.add_heads does"
        )
    return dict(zip(heads, network.outputs, strict=True))
