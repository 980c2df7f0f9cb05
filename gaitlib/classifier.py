"""GaitClassifier: steps + model + training as one scikit-learn estimator that saves and loads as one thing."""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline

from gaitlib import recipes
from gaitlib.classifier_file import read_classifier, write_classifier
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL, Builder, Head
from gaitlib.models.classical import fit_weighted
from gaitlib.models.contract import check_network
from gaitlib.preprocessing.samples import mean_over_samples
from gaitlib.protocols.validation import cut_validation
from gaitlib.training import (
    LabelledSamples,
    ResourceMonitor,
    Training,
    encoder_network,
    predict_network,
    train_network,
)
from gaitlib.trials import TrialSet
from gaitlib.trials.alignment import aligned, recorded
from gaitlib.trials.columns import label_text


class GaitClassifier(ClassifierMixin, BaseEstimator):
    """A gait classifier that learns from whole trials and predicts one row a trial.

    Parameters
    ----------
    model : str, callable or Builder
        A registered name, your own ``function(inputs, heads) -> keras.Model``, or ``Builder(name, units=64)``.
    steps : sklearn.pipeline.Pipeline, optional
        Ends in ``Tensors()`` (networks) or ``SummaryStatistics()`` (classical models). Default:
        :func:`gaitlib.recipes.steps_for` the training trials. All steps are fitted on training trials only.
    training : Training or list of Training, optional
        Settings of one stage, or of several that follow each other.
    validation : str or None
        What ``fit`` holds back to stop training, where no validation trials are given: a fifth of the subjects
        ("subject"), of the walks ("walk"), of the units of any column of the table, or nothing. Classical models hold
        nothing back.
    seed : int
        Also given to steps that have a ``seed``.
    progress : str or bool
        Show a progress bar, under this title.

    Attributes
    ----------
    classes_ : ndarray of str
    steps_ : the fitted pipeline
    network_ : keras.Model, or ``estimator_``, the fitted classical model
    history_ : pandas.DataFrame
        One row an epoch; empty for classical models.
    resources_ : dict
        Seconds, peak memory, CPU use, parameters, epochs.
    fitted_on_, watched_ : tuple of str
        Ids of the trials that it learnt from and of those that stopped it.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=2, seed=0)
    >>> model = GaitClassifier("extra_trees").fit(trials[trials.subjects != "subject01"])
    >>> model.predict_proba(trials[:2]).shape
    (2, 6)
    """

    def __init__(self, model="compact_gru", steps=None, training=None, validation="subject", seed=0, progress=False):
        self.model = model
        self.steps = steps
        self.training = training
        self.validation = validation
        self.seed = seed
        self.progress = progress

    def set_params(self, **params):
        """As in scikit-learn; ``model__units`` also works where the model is given by its name."""
        if any(key.startswith("model__") for key in params) and not isinstance(self.model, Builder):
            self.model = Builder(params.pop("model", self.model))
        if any(key.startswith("training__") for key in params) and self.training is None:
            self.training = Training()
        return super().set_params(**params)

    def fit(self, trials: TrialSet, y=None, validation: TrialSet | None = None) -> "GaitClassifier":
        """Learn from trials.

        Parameters
        ----------
        trials : TrialSet
            With labels.
        y : array, optional
            For scikit-learn; must equal the labels.
        validation : TrialSet, optional
            Trials that early stopping watches. Without them some training units are held back (see ``validation``).

        Raises
        ------
        GaitDataError
            If labels are missing or do not equal y, if only one class is there, or the loss is no number.
        """
        labels = self._check(trials, y)
        for learnt in ("network_", "estimator_"):  # of an earlier fit, perhaps of another kind of model
            vars(self).pop(learnt, None)
        builder = self.builder()
        classical = builder.classical
        _refuse_without_effect(builder, self.stages())
        if validation is None and not classical:
            learnt, watched = cut_validation(trials, self.validation, self.seed)
            trials, validation = trials[learnt], trials[watched]
            labels = trials.labels
        self.classes_ = np.unique(labels.astype(str))
        self.fitted_on_ = tuple(trials.ids)
        self.watched_ = () if validation is None else tuple(validation.ids)
        keras.utils.set_random_seed(self.seed)
        with ResourceMonitor() as monitor:
            steps = self.steps_of(trials)
            steps.set_params(**{name: self.seed for name in steps.get_params() if name.endswith("__seed")})
            self.steps_ = steps.fit(trials)
            self.recorded_ = _of_any_rate(recorded(trials), steps)
            if classical:
                self._fit_classical(builder, trials)
            else:
                self._fit_network(builder, trials, validation)
        weights = None if classical else self.network_.count_params()
        self.resources_ = monitor.used | {"parameters": weights, "epochs": len(self.history_)}
        return self

    def _fit_classical(self, builder, trials):
        (stage,) = self.stages()
        learnt = _concatenate(self._learnt_from(trials, self.steps_.transform(trials), stage))
        (features,) = learnt.inputs.values()
        weight = None if stage.class_weight is None else learnt.weight
        self.estimator_ = fit_weighted(builder.build_classical(self.seed), features, learnt.target, weight)
        self.history_ = pd.DataFrame()

    def _fit_network(self, builder, trials, validation):
        own = self.steps_.transform(trials)
        keras.utils.set_random_seed(self.seed)  # anew: a step may have trained a network of its own
        shapes = {name: x.shape[1:] for name, x in own.inputs.items()}
        self.network_ = builder.build_network(shapes, {LABEL: Head("class", len(self.classes_))})
        if builder.info is None:
            check_network(self.network_, len(self.classes_), builder.name)
        watched = None
        if validation is not None and len(validation):
            if unknown := sorted(set(validation.labels.astype(str)) - set(self.classes_)):
                raise GaitDataError(
                    f"validation trials of the class '{unknown[0]}', which no training trial has; leave them out, or "
                    f"check how the labels are written: {', '.join(self.classes_)}"
                )
            watched = self._labelled(self.steps_.transform(aligned(validation, self.recorded_)), validation, None)
        history = []
        for i, stage in enumerate(self.stages()):
            title = self.progress if isinstance(self.progress, str) else builder.name
            network, train, seen = self.network_, _concatenate(self._learnt_from(trials, own, stage)), watched
            if stage.encoder is not None:
                network = encoder_network(self.network_, stage.encoder)
                train, seen = train.only(stage.encoder), seen and seen.only(stage.encoder)
            stage_history = train_network(
                network,
                train,
                seen,
                stage,
                seed=self.seed + i,
                jit=builder.jit,
                progress=title if self.progress else None,
                stand_in=getattr(self.steps_[-1], "stand_in_", None),
            )
            history.append(stage_history.assign(stage=i + 1))
        self.history_ = pd.concat(history, ignore_index=True)

    def _learnt_from(self, trials, own, stage) -> list[LabelledSamples]:
        """The samples of the training trials and of their changed copies."""
        samples = [own, *(self.steps_.transform(augment(trials)) for augment in stage.augment)]
        return [self._labelled(s, trials, stage.class_weight) for s in samples]

    def _labelled(self, samples, trials, class_weight) -> LabelledSamples:
        """Samples with class numbers; a trial weighs once a time that it is given, however many windows it has."""
        target = np.searchsorted(self.classes_, _label_of(samples.trial, trials)).astype(np.int32)
        n_samples, n_given = (pd.Series(ids).value_counts() for ids in (samples.trial, trials.ids))
        weight = (n_given / n_samples).loc[samples.trial].to_numpy(float)
        if class_weight == "balanced":
            total = np.bincount(target, weight, minlength=len(self.classes_))
            weight = weight / np.maximum(total, 1e-12)[target]
        elif class_weight is not None:
            raise GaitDataError(f"class_weight '{class_weight}' is neither 'balanced' nor None")
        return LabelledSamples(samples.inputs, target, (weight / weight.mean()).astype(np.float32))

    def prepare(self, trials: TrialSet) -> tuple:
        """What the model reads of trials.

        Returns
        -------
        prepared : TrialSet
            After all steps but the last: one entry a sample, in the same order.
        samples : Samples
            The arrays that the last step makes of it.

        Raises
        ------
        GaitDataError
            If nothing was fitted, or the trials have other channels, kinds, units or rates than those learnt.
        """
        if not hasattr(self, "steps_"):
            raise GaitDataError("this GaitClassifier is not fitted: call fit(training_trials) first")
        if hasattr(self, "recorded_"):  # saved by an earlier version, it does not know
            trials = aligned(trials, self.recorded_)
        *steps, last = (step for step in self.steps_ if step not in (None, "passthrough"))
        for step in steps:
            trials = step.transform(trials)
        return trials, last.transform(trials)

    def predict_prepared(self, inputs) -> np.ndarray:
        """Class probabilities of samples that went through the steps, (n_samples, n_classes).

        Parameters
        ----------
        inputs : dict of str to ndarray
            In the layout of the samples of :meth:`prepare`.

        Raises
        ------
        GaitDataError
            If a classical model cannot compute with the values.
        """
        if hasattr(self, "network_"):
            return predict_network(self.network_, inputs)
        (features,) = inputs.values()
        proba = np.zeros((len(features), len(self.classes_)))
        try:
            proba[:, self.estimator_.classes_] = _probabilities(self.estimator_, features)
        except ValueError as error:
            raise GaitDataError(
                f"'{self.builder().name}' cannot predict these trials ({error}); look for values far beyond what it "
                "learnt from, or save it again where it was fitted"
            ) from error
        return proba

    def predict_samples(self, trials: TrialSet) -> pd.DataFrame:
        """Class probabilities of every sample (window), in the order they were cut.

        Returns
        -------
        pandas.DataFrame
            ``trial`` and one column a class.
        """
        _, samples = self.prepare(trials)
        proba = self.predict_prepared(samples.inputs)
        return pd.DataFrame(proba, columns=self.classes_).assign(trial=samples.trial)

    def predict_proba(self, trials: TrialSet) -> np.ndarray:
        """Class probabilities, one row a trial in the order given (mean over its samples), (n, n_classes)."""
        _, samples = self.prepare(trials)
        proba = self.predict_prepared(samples.inputs)
        if len(samples) == len(trials):
            return proba
        return mean_over_samples(proba, samples, trials.ids)

    def predict(self, trials: TrialSet) -> np.ndarray:
        """The most probable class of each trial."""
        best = self.predict_proba(trials).argmax(axis=1)
        return self.classes_[best]

    def score(self, trials: TrialSet, y=None) -> float:
        """Share of trials classified correctly."""
        labels = trials.labels if y is None else [label_text(value) for value in y]
        return float(accuracy_score(np.asarray(labels, dtype=str), self.predict(trials)))

    # -- one thing on disk -------------------------------------------------------------------------------

    def save(self, folder) -> Path:
        """Save into a folder: JSON and arrays for the steps, ``.keras`` for the network, checksums; no pickle."""
        if not hasattr(self, "steps_"):
            raise GaitDataError("this GaitClassifier is not fitted: nothing to save")
        return write_classifier(self, folder)

    @classmethod
    def load(cls, folder, custom_objects=None) -> "GaitClassifier":
        """Load a saved classifier, also one from somebody else: the files run nothing.

        Parameters
        ----------
        folder : path
        custom_objects : dict of str to object, optional
            Your own steps, layers, augmentations or builders, by name.

        Raises
        ------
        GaitDataError
            If the folder holds none, is damaged, asks for what a file may not, or needs parts that are not given.
        """
        model = cls()
        vars(model).update(read_classifier(folder, custom_objects))
        return model

    # -- helpers -----------------------------------------------------------------------------------------

    def builder(self) -> Builder:
        """The builder of the model, with its parameters."""
        return self.model if isinstance(self.model, Builder) else Builder(self.model)

    def steps_of(self, trials) -> Pipeline:
        """The steps, not yet fitted, that these training trials would go through."""
        builder = self.builder()
        steps = recipes.steps_for(trials, builder.info and builder.name) if self.steps is None else clone(self.steps)
        if not builder.classical and any(stage.modality_dropout for stage in self.stages()):
            steps[-1].set_params(allow_missing=True)  # the network learns to do without
        return steps

    def stages(self) -> list[Training]:
        """The training settings, stage by stage."""
        stages = self.training or Training()
        return [stages] if isinstance(stages, Training) else list(stages)

    def _check(self, trials, y) -> np.ndarray:
        if not isinstance(trials, TrialSet):
            raise GaitDataError(f"fit needs a TrialSet, not {type(trials).__name__}; see gaitlib.load_trials")
        labels = trials.labels
        unlabelled = pd.isna(pd.Series(labels))
        if unlabelled.any():
            raise GaitDataError(f"{trials.ids[unlabelled][0]} has no label; leave such trials out")
        if y is not None and not _same_labels(y, labels):
            raise GaitDataError("y differs from the labels of the trials; a TrialSet brings its own labels")
        if len(set(labels)) < 2:
            raise GaitDataError(f"only the class '{labels[0]}' to learn from; at least two are needed")
        return labels


def _probabilities(estimator, features) -> np.ndarray:
    """Probabilities of a classical model; where it has none, the softmax of its decision values, not calibrated."""
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(features)
    values = np.asarray(estimator.decision_function(features), dtype=float)
    if values.ndim == 1:  # two classes: the softmax of 0 and d is the logistic function of d
        values = np.column_stack([np.zeros_like(values), values])
    return softmax(values, axis=1)


def _same_labels(y, labels) -> bool:
    """Whether y says what the labels say, also by the numbers that scikit-learn gives to classes."""
    if len(y) != len(labels):
        return False
    if [label_text(value) for value in y] == list(labels):
        return True
    pairs = {(value, label) for value, label in zip(np.asarray(y).tolist(), labels, strict=True)}
    in_order = [label for _, label in sorted(pairs)] if np.asarray(y).dtype.kind in "iu" else [None]
    return in_order == sorted(set(labels))


def _of_any_rate(learnt, steps) -> dict:
    """Rates are not compared where a step brings a modality to one length or reads true times."""
    free = {step.modality for step in steps if getattr(step, "at_any_rate", False)}
    return {name: one | {"rates_hz": None} if name in free else one for name, one in learnt.items()}


def _refuse_without_effect(builder, stages) -> None:
    """Settings that a classical model would pass over in silence."""
    if not builder.classical:
        return
    if len(stages) > 1:
        raise GaitDataError(f"'{builder.name}' is no network: it learns in one stage, not in {len(stages)}")
    for setting in ("l2", "trainable", "encoder", "modality_dropout"):
        if getattr(stages[0], setting):
            raise GaitDataError(f"'{builder.name}' is no network: Training({setting}=...) has no effect; leave it out")


def _label_of(trial_ids, trials) -> np.ndarray:
    by_id = dict(zip(trials.ids, trials.labels.astype(str), strict=True))
    return np.array([by_id[t] for t in trial_ids], dtype=str)


def _concatenate(parts) -> LabelledSamples:
    inputs = {name: np.concatenate([p.inputs[name] for p in parts]) for name in parts[0].inputs}
    return LabelledSamples(inputs, np.concatenate([p.target for p in parts]), np.concatenate([p.weight for p in parts]))
