"""The three kinds of targets, and all that hangs on a kind: encoding, missing values, weights, losses, decoding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from gaitlib.errors import GaitDataError

KINDS = ("class", "binary", "continuous")


@dataclass(frozen=True, eq=False)
class Target:
    """Something that is to be told of each trial.

    Attributes
    ----------
    kind : {"class", "binary", "continuous"}
        One of several classes; whether something is so (1, True) or not (0, False); or a number.
    values : sequence, length n_trials
        None or NaN where unknown: a missing target weighs nothing in training and is not scored.
    unit : str
        Of a continuous target.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.ones((9, 1))] * 3}, subject=["a", "a", "b"],
    ...                               targets={"speed": Target("continuous", [1.2, None, 0.8], "m/s")})
    >>> trials.target("speed").values.tolist(), trials.target("speed").unit
    ([1.2, nan, 0.8], 'm/s')
    """

    kind: str
    values: Sequence
    unit: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise GaitDataError(f"a target is {', '.join(KINDS)}, not '{self.kind}'")
        if self.unit and self.kind != "continuous":
            raise GaitDataError(f"a {self.kind} target has no unit ('{self.unit}')")

    @property
    def known(self) -> np.ndarray:
        """Which trials have it, bool (n_trials,)."""
        return ~pd.isna(np.asarray(self.values, dtype=object))


def numbers_of(name: str, kind: str, values) -> np.ndarray:
    """The values of a binary or continuous target, float64 with NaN where unknown.

    Raises
    ------
    GaitDataError
        If a value is no number, is infinite or, of a binary target, neither 0 nor 1.
    """
    found = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if value is None or value is pd.NA or value is np.ma.masked:
            continue
        if not isinstance(value, (int, float, np.number, np.bool_)):
            raise GaitDataError(f"target '{name}', trial {i}: {value!r} is no number; give None where it is unknown")
        found[i] = value
    if np.isinf(found).any():
        raise GaitDataError(f"target '{name}', trial {np.argmax(np.isinf(found))}: infinite; give None where unknown")
    if kind == "binary" and (wrong := found[~np.isin(found, (0, 1)) & ~np.isnan(found)]).size:
        raise GaitDataError(
            f"binary target '{name}' is 0 or 1, not {wrong[0]:g}; for more than two use Target('class')"
        )
    return found


def binary_classes(name: str) -> list[str]:
    """What the two sides of a binary target are called in tables, the negative one first."""
    return [f"no {name}", name]


def as_labels(name: str, target: Target) -> np.ndarray:
    """The class of each trial in words, None where unknown; of continuous targets there are none.

    Examples
    --------
    >>> as_labels("fall", Target("binary", [1, 0, np.nan])).tolist()
    ['fall', 'no fall', None]
    """
    if target.kind == "continuous":
        return np.full(len(target.values), None)
    if target.kind == "class":
        return np.array([None if pd.isna(v) else v for v in target.values], dtype=object)
    words = binary_classes(name)
    return np.array([None if np.isnan(v) else words[int(v)] for v in target.values], dtype=object)


def classes_of(name: str, target: Target) -> list[str]:
    """The classes of a target in the order of its probabilities; none of a continuous one."""
    if target.kind == "binary":
        return binary_classes(name)
    return sorted({str(v) for v in as_labels(name, target) if v is not None})


@dataclass(frozen=True)
class LearntTarget:
    """What a model knows of a target from its training trials, and how its outputs are read.

    Attributes
    ----------
    kind, unit : str
    classes : tuple of str
        Of a class or binary target; those of a binary one are "no <name>" and "<name>".
    mean, sd : float
        Of a continuous target: networks learn it standardised.
    """

    kind: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    unit: str = ""

    @classmethod
    def of(cls, name: str, target: Target) -> "LearntTarget":
        """Learn from the target of training trials.

        Raises
        ------
        GaitDataError
            If no trial has it, or all have the same.
        """
        known = pd.Series(as_labels(name, target) if target.kind != "continuous" else target.values).dropna()
        if known.empty:
            raise GaitDataError(f"no training trial has the target '{name}'; leave that head out, or add such trials")
        if known.nunique() < 2:
            what = f"'{known.iloc[0]}'" if target.kind == "continuous" else f"the class '{known.iloc[0]}'"
            raise GaitDataError(f"only {what} to learn '{name}' from; at least two are needed")
        if target.kind == "continuous":
            return cls("continuous", (), float(known.mean()), float(known.std(ddof=0)), target.unit)
        return cls(target.kind, tuple(classes_of(name, target)))

    @property
    def size(self) -> int:
        """How many outputs a network has for it."""
        return len(self.classes) if self.kind == "class" else 1

    def encode(self, name: str, target: Target) -> tuple[np.ndarray, np.ndarray]:
        """What a model is to give for each trial, and whether it is known; what is unknown is 0.

        Returns
        -------
        encoded : ndarray (n_trials,)
            Class numbers (int32), 0 or 1, or standardised values (float32).
        known : ndarray of bool (n_trials,)

        Raises
        ------
        GaitDataError
            If a class was not among those learnt.
        """
        known = target.known
        if self.kind == "continuous":
            values = np.where(known, np.asarray(target.values, dtype=float), self.mean)
            return ((values - self.mean) / self.sd).astype(np.float32), known
        labels = as_labels(name, target)[known]
        code = pd.Index(self.classes).get_indexer(labels)
        if (code < 0).any():
            of_head = "" if name == "label" else f" of '{name}'"
            raise GaitDataError(
                f"trials of the class '{labels[code < 0][0]}'{of_head}, which no training trial has; leave them "
                f"out, or check how the labels are written: {', '.join(self.classes)}"
            )
        encoded = np.zeros(len(known), np.int32 if self.kind == "class" else np.float32)
        encoded[known] = code
        return encoded, known

    def weights(self, encoded, weight, balance) -> np.ndarray:
        """Weights of samples after those of their classes, of mean 1 over what is known.

        Parameters
        ----------
        encoded, weight : ndarray (n,)
            The weight of what is unknown is 0.
        balance : "balanced", dict of class to float, or None
            "balanced" lets every class weigh the same.
        """
        if balance is not None and self.kind == "continuous":
            raise GaitDataError("class_weight: a continuous target has no classes; leave it out")
        if balance == "balanced":
            total = np.bincount(encoded.astype(int), weight, minlength=len(self.classes))
            weight = weight / np.maximum(total, 1e-12)[encoded.astype(int)]
        elif isinstance(balance, dict):
            if unknown := sorted(set(balance) - set(self.classes)):
                raise GaitDataError(f"class_weight: no class '{unknown[0]}'; there are {', '.join(self.classes)}")
            weight = weight * np.array([balance.get(c, 1.0) for c in self.classes])[encoded.astype(int)]
        elif balance is not None:
            raise GaitDataError(f"class_weight '{balance}' is neither 'balanced' nor None, nor weights by class")
        known = weight > 0
        return (weight / weight[known].mean()).astype(np.float32) if known.any() else weight.astype(np.float32)

    def decode(self, outputs) -> np.ndarray:
        """Probabilities (n, n_classes), or values (n,) in the unit of the target.

        Parameters
        ----------
        outputs : ndarray (n, size)
            The linear outputs of a network.
        """
        outputs = np.asarray(outputs, dtype=np.float64)
        if self.kind == "class":
            return softmax(outputs, axis=1)
        if self.kind == "binary":
            yes = expit(outputs[:, 0])
            return np.column_stack([1 - yes, yes])
        return outputs[:, 0] * self.sd + self.mean
