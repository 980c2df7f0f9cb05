"""Why a model says what it says: the relevance of every value of a trial, frame by frame and channel by channel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.estimator import GaitEstimator
from gaitlib.explain.attention_maps import attention_weights
from gaitlib.explain.gradients import gradient_x_input, integrated_gradients, smooth_grad
from gaitlib.explain.inputs import by_name, check_finite, check_trials, checked, logits_of
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.linear_models import linear
from gaitlib.explain.occluding import occlusion
from gaitlib.models import LABEL
from gaitlib.preprocessing.samples import mean_over_samples
from gaitlib.results.runs import Runs
from gaitlib.targets import as_labels
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


def relevance(classifier, inputs, target="predicted", method="lrp", model=None, head=None, **settings) -> Relevance:
    """Relevance of every value that a model read.

    Parameters
    ----------
    classifier : GaitClassifier, GaitRegressor, Runs or keras.Model
        Of the runs of a benchmark each trial is explained by the model that never saw its subject; where the people
        are known by design, by the model that never saw the trial.
    inputs : TrialSet, or dict of str to ndarray
        Arrays for a ``keras.Model``; a single input may be given as it is.
    target : str, or sequence of them
        "predicted", "true", or a class; for a ``keras.Model`` "predicted" or class numbers.
    method : {"lrp", "gradient_x_input", "integrated_gradients", "smooth_grad", "occlusion", "attention"}
    model : str, optional
        Which model of the runs; default the first.
    head : str, optional
        Which head; default the first. Explained is the logit of a class; of a binary head its logit, or the negative of
        it where the target is "no"; of a number how far it lies from the mean of the training trials, in its unit.
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
        asked = classifier if head is None else classifier.for_head(head)
        return _of_runs(asked, inputs, target, method, model, settings)
    if not isinstance(classifier, GaitEstimator) or not hasattr(classifier, "steps_"):
        raise GaitDataError("relevance needs a fitted GaitClassifier, the Runs of a benchmark, or a keras.Model")
    return _of_classifier(classifier.for_head(head), inputs, target, method, settings)


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
    told = mean_over_samples(classifier.predict_prepared(samples.inputs), samples, trials.ids)
    about, number, factor = _explained(classifier, trials, target, told)
    network = hasattr(classifier, "network_")
    method_of = METHODS[method] if network else linear
    values, account = method_of(
        classifier.network_ if network else classifier.estimator_, samples.inputs, number[places], **settings
    )
    layout = _Layout(trials, prepared, samples, places)
    table = trials.table[["trial", "subject"]].reset_index(drop=True).assign(**about)
    if factor is not None:
        values = {name: v * factor[places].reshape(-1, *[1] * (v.ndim - 1)) for name, v in values.items()}
        account = {name: v * factor[places] for name, v in account.items()}
    account = pd.DataFrame({**_sums(values), **account}).groupby(places).mean()
    scattered = {name: layout.scatter(name, v, mean=True) for name, v in values.items()}
    read = trials
    for name in values:
        read = read.with_modality(name, layout.modality(name, layout.scatter(name, samples.inputs[name], mean=False)))
    channels = {name: layout.channels[name] for name in values}
    return Relevance(scattered, channels, table.join(account), trials, method, read)


def _explained(classifier, trials, target, told):
    """What stands in the table of each trial, which output is explained, and what it is to be multiplied by."""
    head, learnt = next(iter(classifier.heads_.items()))
    truth = trials.target(head) if head == LABEL or head in trials.kinds else None
    if learnt.kind == "continuous":
        if not (isinstance(target, str) and target in ("predicted", head)):
            raise GaitDataError(f"'{head}' is continuous: its value is explained, not '{target}'; leave target= out")
        values = np.nan if truth is None else truth.values
        about = {"label": values, "predicted": told[:, 0], "target": head}
        return about, np.zeros(len(trials), int), np.full(len(trials), learnt.sd, np.float32)
    labels = np.full(len(trials), None) if truth is None else as_labels(head, truth)
    predicted = told.argmax(axis=1)
    number = _target(classifier, labels, target, predicted)
    about = {
        "label": labels, "predicted": classifier.classes_[predicted], "target": classifier.classes_[number],
    }  # fmt: skip
    if learnt.kind == "binary" and hasattr(classifier, "network_"):  # one logit for both
        return about, np.zeros_like(number), np.where(number == 1, 1.0, -1.0).astype(np.float32)
    return about, number, None


def _target(classifier, labels, target, predicted) -> np.ndarray:
    """Class number of every trial."""
    if isinstance(target, str) and target == "predicted":
        return predicted
    names = labels if isinstance(target, str) and target == "true" else target
    if np.ndim(names) > 1:
        raise GaitDataError(f"classes of the shape {np.shape(names)}; give one a trial, or one for all")
    if np.ndim(names) == 1 and len(names) != len(labels):
        raise GaitDataError(f"{len(names)} classes for {len(labels)} trials; give one a trial, or one for all")
    names = np.broadcast_to(np.asarray(names, dtype=object), len(labels)).astype(str)
    unknown = sorted(set(names) - set(classifier.classes_))
    if unknown:
        raise GaitDataError(f"the classifier knows no class '{unknown[0]}'; it knows {', '.join(classifier.classes_)}")
    return pd.Index(classifier.classes_).get_indexer(names)


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
