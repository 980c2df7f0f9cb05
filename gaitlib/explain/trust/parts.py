"""What is put to the test: networks, each with the samples that it is asked about, and their explanations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.explain.attribution import relevance
from gaitlib.explain.inputs import by_name, check_finite, check_trials, checked, logits_of
from gaitlib.explain.padding import neutral, real_values
from gaitlib.perturb.engine import back_to_inputs, side_by_side
from gaitlib.results.runs import Runs
from gaitlib.trials import TrialSet


@dataclass(frozen=True, eq=False)
class Part:
    """A network and the samples that it explains; always for the class that it predicts.

    Attributes
    ----------
    network : keras.Model
    inputs : dict of str to ndarray
    target : ndarray of int (n,)
        The predicted class.
    subject : ndarray (n,)
        None where nobody said.
    data : str
        Name of the trials.
    """

    network: keras.Model
    inputs: dict[str, np.ndarray]
    target: np.ndarray
    subject: np.ndarray
    data: str
    _found: dict = field(default_factory=dict)

    def relevance(self, label: str, settings: Mapping):
        """The explanation of a method, computed once: see :func:`gaitlib.explain.attribution`."""
        if label not in self._found:
            self._found[label] = relevance(self.network, self.inputs, target=self.target, **settings)
        return self._found[label]

    def values(self, label, settings) -> np.ndarray:
        """Relevance of all inputs side by side, (n, n_values)."""
        return side_by_side(self.relevance(label, settings).values)

    def real(self) -> np.ndarray:
        """Which values are no padding, bool (n, n_values)."""
        return side_by_side(real_values(self.network, self.inputs))

    def nothing(self) -> np.ndarray:
        """The neutral value of every value, (n, n_values)."""
        return side_by_side(neutral(self.network, self.inputs))

    def logits(self, values) -> np.ndarray:
        """Logits at other values, given side by side, (n, n_classes)."""
        return logits_of(self.network, back_to_inputs(values, self.inputs))


def parts_of(classifier, inputs, model: str | None = None) -> list[Part]:
    """Networks with their samples.

    Parameters
    ----------
    classifier : GaitClassifier, keras.Model, Runs or list of Part
        Of the runs of a benchmark, every network with the trials that it never saw.
    inputs : TrialSet, or arrays for a keras.Model; not read for a list of Part
    model : str, optional
        Which model of the runs; default the first.

    Raises
    ------
    GaitDataError
        If there is no network, or no sample.
    """
    if isinstance(classifier, list):
        return classifier
    if inputs is None or len(inputs) == 0:
        raise GaitDataError("there are no samples to explain")
    if isinstance(inputs, TrialSet):
        check_trials(inputs)
    if isinstance(classifier, Runs):
        folds = classifier.folds_for(inputs, model)
        return [_of_trials(classifier.classifier_of(fold), inputs[places]) for fold, places in folds]
    if isinstance(classifier, keras.Model):
        return [_part(classifier, by_name(classifier, inputs), None, "plain arrays")]
    return [_of_trials(classifier, inputs)]


def _of_trials(classifier, trials) -> Part:
    if not hasattr(classifier, "network_"):
        raise GaitDataError("only a fitted network can be put to these tests, no classical model")
    _, samples = classifier.prepare(trials)
    subject_of = dict(zip(trials.ids, trials.subjects, strict=True))
    subjects = np.array([subject_of[t] for t in samples.trial], dtype=object)
    return _part(classifier.for_head(None).network_, samples.inputs, subjects, trials.name)


def _part(network, inputs, subject, data) -> Part:
    inputs, _ = checked(network, inputs, 0)
    logits = logits_of(network, inputs)
    check_finite(network, logits)
    subject = np.full(len(logits), None) if subject is None else subject
    return Part(network, inputs, logits.argmax(axis=1), subject, data)


def named_methods(methods) -> dict[str, dict]:
    """Labels and settings of the methods to test.

    Parameters
    ----------
    methods : str, sequence of str, or dict of str to dict
        Names of methods; or labels with the settings of :func:`gaitlib.explain.attribution`, such as
        ``{"LRP, alpha 2": {"method": "lrp", "rules": "alpha2"}}``.
    """
    if isinstance(methods, Mapping):
        return {label: dict(settings) for label, settings in methods.items()}
    return {name: {"method": name} for name in ([methods] if isinstance(methods, str) else methods)}


def rows_of(part, number, **columns) -> pd.DataFrame:
    """One row a sample of a part: its number, its subject, the name of the data and what else is given."""
    samples = [f"{number}.{i}" for i in range(len(part.target))]
    return pd.DataFrame({"sample": samples, "subject": part.subject}).assign(data=part.data, **columns)
