"""Why a model says what it says: the relevance of every value of a trial, frame by frame and channel by channel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd

from gaitlib.classifier import GaitClassifier
from gaitlib.errors import GaitDataError
from gaitlib.explain.attention_maps import attention_weights
from gaitlib.explain.gradients import gradient_x_input, integrated_gradients, smooth_grad
from gaitlib.explain.inputs import by_name, check_finite, check_trials, checked, logits_of
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.linear_models import linear
from gaitlib.explain.occluding import occlusion
from gaitlib.preprocessing.samples import mean_over_samples
from gaitlib.results.runs import Runs
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array

METHODS = {
    "lrp": lrp,
    "gradient_x_input": gradient_x_input,
    "integrated_gradients": integrated_gradients,
    "smooth_grad": smooth_grad,
    "occlusion": occlusion,
    "attention": attention_weights,
}


@dataclass(frozen=True, eq=False)
class Relevance:
    """What every value of some trials speaks for or against a class.

    Attributes
    ----------
    values : dict of str to sequence of ndarray
        By modality one float32 array a trial: (frames of the trial as given, channels) for a sequence, (rows, columns)
        for an image, (channels,) for static values; None where the trial lacks it. Zero where nothing was read. Of
        windows that overlap the mean is meant: values add up to the mean score of the windows. For plain arrays one
        array of the input's shape.
    channels : dict of str to tuple of str
        Names of the last axis: those of the trials, then those that the steps made ("left_knee_deg").
    table : pandas.DataFrame
        One row a trial: trial, subject, label, predicted, target, score (the logit that is explained), relevance (its
        sum) and what the method accounts for; of ``lrp`` bias, stabiliser and error, where
        relevance + bias + stabiliser = score + error.
    trials : TrialSet or None
        As given.
    method : str
    read : TrialSet or None
        What the model read in place of ``trials`` (scaled), in the layout of ``values``.
    """

    values: dict[str, Sequence]
    channels: dict[str, tuple[str, ...]]
    table: pd.DataFrame
    trials: TrialSet | None
    method: str
    read: TrialSet | None = None

    def __len__(self) -> int:
        return len(self.table)

    def frame(self, modality: str, i: int = 0) -> pd.DataFrame:
        """One trial as a table: original frame numbers by channel names."""
        m = self.read.modality(modality)
        index = None if m.frames is None else pd.Index(m.frames[i], name="frame")
        return pd.DataFrame(np.atleast_2d(self.values[modality][i]), index=index, columns=self.channels[modality])

    def __repr__(self) -> str:
        named = "plain arrays" if self.trials is None else self.trials.name
        return f"Relevance ({self.method}) of {len(self)} trials, {named}\n{self.table.describe().loc[['mean', 'max']]}"


def relevance(classifier, inputs, target="predicted", method="lrp", model=None, **settings) -> Relevance:
    """Relevance of every value that a model read.

    Parameters
    ----------
    classifier : GaitClassifier, Runs or keras.Model
        Of the runs of a benchmark each trial is explained by the model that never saw its subject; where the people
        are known by design, by the model that never saw the trial.
    inputs : TrialSet, or dict of str to ndarray
        Arrays for a ``keras.Model``; a single input may be given as it is.
    target : str, or sequence of them
        "predicted", "true", or a class; for a ``keras.Model`` "predicted" or class numbers.
    method : {"lrp", "gradient_x_input", "integrated_gradients", "smooth_grad", "occlusion", "attention"}
    model : str, optional
        Which model of the runs; default the first.
    **settings
        Of the method, such as ``rules="alpha2"`` of :func:`gaitlib.explain.layerwise.propagation.lrp`.

    Returns
    -------
    Relevance
        A value keeps its place through windows, scaling and selection: relevance is that of the scaled value. Steps
        that make new channels (angles, components) give relevance to those.

    Raises
    ------
    GaitDataError
        If a model cannot be explained so, or a class is not known.

    Examples
    --------
    >>> network = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(2, use_bias=False)])
    >>> network.set_weights([np.array([[1.0, 0.0], [2.0, 1.0]])])
    >>> relevance(network, np.array([[3.0, 1.0]], np.float32), target=[0]).values["x"].round(3)
    array([[3., 2.]], dtype=float32)
    """
    if method not in METHODS:
        raise GaitDataError(f"method '{method}' is none of {', '.join(METHODS)}")
    if isinstance(classifier, keras.Model):
        return _of_arrays(classifier, inputs, target, method, settings)
    if not isinstance(inputs, TrialSet):
        raise GaitDataError(f"trials are explained as a TrialSet, not {type(inputs).__name__}; arrays need the network")
    check_trials(inputs)
    if isinstance(classifier, Runs):
        return _of_runs(classifier, inputs, target, method, model, settings)
    if not isinstance(classifier, GaitClassifier) or not hasattr(classifier, "steps_"):
        raise GaitDataError("relevance needs a fitted GaitClassifier, the Runs of a benchmark, or a keras.Model")
    return _of_classifier(classifier, inputs, target, method, settings)


def _of_arrays(network, inputs, target, method, settings) -> Relevance:
    asked = 0 if isinstance(target, str) and target == "predicted" else target
    inputs, number = checked(network, by_name(network, inputs), asked)
    logits = logits_of(network, inputs)
    check_finite(network, logits)
    predicted = logits.argmax(axis=1)
    number = predicted if isinstance(target, str) else number
    values, account = METHODS[method](network, inputs, number, **settings)
    table = pd.DataFrame({"predicted": predicted, "target": number}).assign(**_sums(values), **account)
    return Relevance(values, {}, table, None, method)


def _of_runs(runs, trials, target, method, model, settings) -> Relevance:
    folds = runs.folds_for(trials, model)
    parts = []
    for fold, places in folds:
        own = target if isinstance(target, str) else np.asarray(target, dtype=object)[places]
        parts.append(_of_classifier(runs.classifier_of(fold), trials[places], own, method, settings))
    order = np.argsort(np.concatenate([places for _, places in folds]), kind="stable")
    table = pd.concat([p.table for p in parts], ignore_index=True).iloc[order].reset_index(drop=True)
    values = {
        name: object_array([v for p in parts for v in p.values[name]])[order] for name in parts[0].values
    }  # fmt: skip
    if any(p.channels != parts[0].channels for p in parts):
        raise GaitDataError("the folds selected different channels; explain them one by one, with classifier_for")
    read = trials
    for name in parts[0].values:
        m = parts[0].read.modality(name)
        columns = {
            c: object_array([v for p in parts for v in getattr(p.read.modality(name), c)])[order]
            for c in ("values", "frames", "time_s")
            if getattr(m, c) is not None
        }
        read = read.with_modality(name, replace(m, **columns))
    return Relevance(values, parts[0].channels, table, trials, method, read)


def _of_classifier(classifier, trials, target, method, settings) -> Relevance:
    if not hasattr(classifier, "network_") and method != "lrp":
        raise GaitDataError(f"'{classifier.builder().name}' is no network; linear models have method='lrp' (exact)")
    prepared, samples = classifier.prepare(trials)
    places = pd.Index(trials.ids).get_indexer(samples.trial)
    proba = classifier.predict_prepared(samples.inputs)
    predicted = mean_over_samples(proba, samples, trials.ids).argmax(axis=1)
    number = _target(classifier, trials, target, predicted)
    if hasattr(classifier, "network_"):
        values, account = METHODS[method](classifier.network_, samples.inputs, number[places], **settings)
    else:
        values, account = linear(classifier.estimator_, samples.inputs, number[places], **settings)
    layout = _Layout(trials, prepared, samples, places)
    table = trials.table[["trial", "subject", "label"]].reset_index(drop=True)
    table = table.assign(predicted=classifier.classes_[predicted], target=classifier.classes_[number])
    account = pd.DataFrame({**_sums(values), **account}).groupby(places).mean()
    scattered = {name: layout.scatter(name, v, mean=True) for name, v in values.items()}
    read = trials
    for name in values:
        read = read.with_modality(name, layout.modality(name, layout.scatter(name, samples.inputs[name], mean=False)))
    channels = {name: layout.channels[name] for name in values}
    return Relevance(scattered, channels, table.join(account), trials, method, read)


def _target(classifier, trials, target, predicted) -> np.ndarray:
    """Class number of every trial."""
    if isinstance(target, str) and target == "predicted":
        return predicted
    names = trials.labels if isinstance(target, str) and target == "true" else target
    if np.ndim(names) > 1:
        raise GaitDataError(f"classes of the shape {np.shape(names)}; give one a trial, or one for all")
    if np.ndim(names) == 1 and len(names) != len(trials):
        raise GaitDataError(f"{len(names)} classes for {len(trials)} trials; give one a trial, or one for all")
    names = np.broadcast_to(np.asarray(names, dtype=object), len(trials)).astype(str)
    unknown = sorted(set(names) - set(classifier.classes_))
    if unknown:
        raise GaitDataError(f"the classifier knows no class '{unknown[0]}'; it knows {', '.join(classifier.classes_)}")
    return np.searchsorted(classifier.classes_, names)


def _sums(values) -> dict:
    return {"relevance": sum(v.reshape(len(v), -1).sum(axis=1, dtype=np.float64) for v in values.values())}


class _Layout:
    """Where the values of samples stood in the trials as they were given."""

    def __init__(self, trials, prepared, samples, places):
        self.trials, self.prepared, self.places = trials, prepared, places
        self.windows = np.bincount(places, minlength=len(trials))
        self.channels, self.columns = {}, {}
        for name, own in samples.channels.items():
            known = self._source(name).modality(name).channels if name in prepared.modalities else ()
            known = known if set(known) & set(own) else ()
            self.channels[name] = (*known, *(c for c in own if c not in known))
            self.columns[name] = [self.channels[name].index(c) for c in own]

    def _source(self, name):
        """The trials as given; for a modality that a step has made, as prepared."""
        before = self.trials.modalities.get(name)
        return self.trials if before is not None and before.kind == self.prepared.modality(name).kind else self.prepared

    def scatter(self, name, values, mean):
        """Samples (n_samples, ...) put back: added up, each as one of the windows of its trial, or written over."""
        m = self.prepared.modalities.get(name)
        out = [None] * len(self.trials)
        for sample, (place, own) in enumerate(zip(self.places, values, strict=True)):
            if m is not None and m.values[sample] is None:
                continue
            own = np.atleast_2d(own)
            rows, length = np.arange(len(own)), len(own)
            if m is not None and m.kind == "sequence":
                rows, length = self._rows(m, name, sample, place)
            if out[place] is None:
                out[place] = np.zeros((length, len(self.channels[name])), np.float32)
            index = (rows[:, None], self.columns[name])
            if mean:
                np.add.at(out[place], index, own[: len(rows)] / self.windows[place])
            else:
                out[place][index] = own[: len(rows)]
        static = m is None or m.kind == "static"
        return object_array([v[0] if static and v is not None else v for v in out])

    def _rows(self, m, name, sample, place):
        """Rows of the frames of a sample among those of its trial, and how many the trial has."""
        if self._source(name) is self.prepared:
            return np.arange(len(m.values[sample])), len(m.values[sample])
        given = self.trials.modality(name).frames[place]
        return np.searchsorted(given, m.frames[sample]), len(given)

    def modality(self, name, values) -> Modality:
        """The modality with other values, no longer in its unit."""
        if name not in self.prepared.modalities:
            return Modality("static", self.channels[name], "", values)
        return replace(self._source(name).modality(name), values=values, channels=self.channels[name], unit="")
