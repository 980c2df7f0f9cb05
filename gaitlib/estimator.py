"""Steps + model + training as one scikit-learn estimator of one head or several, saved and loaded as one thing."""

import copy
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from gaitlib import recipes
from gaitlib.classifier_file import ENSEMBLE_FILE, read_classifier, write_classifier
from gaitlib.encoders.origins import fit_steps, origin, started
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL, Builder, Head
from gaitlib.models.classical import fit_weighted, predict_classical
from gaitlib.models.contract import check_network, one_head
from gaitlib.preprocessing.samples import mean_of_trials
from gaitlib.protocols.validation import cut_validation
from gaitlib.targets import LearntTarget
from gaitlib.training import (
    LabelledSamples,
    ResourceMonitor,
    Training,
    concatenated,
    encoder_network,
    network_outputs,
    train_network,
)
from gaitlib.training.settings_of import class_weight_of, refuse_without_effect, stops_early
from gaitlib.trials import TrialSet
from gaitlib.trials.alignment import aligned, of_any_rate, recorded


class GaitEstimator(BaseEstimator):
    """What :class:`gaitlib.GaitClassifier` and :class:`gaitlib.GaitRegressor` share."""

    def __init__(
        self, model="compact_gru", steps=None, training=None, validation="subject", seed=0, progress=False, heads=None
    ):
        self.model = model
        self.steps = steps
        self.training = training
        self.validation = validation
        self.seed = seed
        self.progress = progress
        self.heads = heads

    def set_params(self, **params):
        """As in scikit-learn; ``model__units`` also works where the model is given by its name."""
        if any(key.startswith("model__") for key in params) and not isinstance(self.model, Builder):
            self.model = Builder(params.pop("model", self.model))
        if any(key.startswith("training__") for key in params) and self.training is None:
            self.training = Training()
        return super().set_params(**params)

    # -- learning ----------------------------------------------------------------------------------------

    def fit(self, trials: TrialSet, y=None, validation: TrialSet | None = None, unlabelled: TrialSet | None = None):
        """Learn from trials.

        Parameters
        ----------
        trials : TrialSet
            With the targets of all heads. With several heads a trial may lack some: these weigh nothing for it.
        y : array, optional
            For scikit-learn; must equal the first target.
        validation : TrialSet, optional
            Trials that early stopping watches. Without them some training units are held back (see ``validation``).
        unlabelled : TrialSet, optional
            Further trials of the training side, whose labels are not looked at: an encoder that has not learnt yet
            learns from them, too.

        Raises
        ------
        GaitDataError
            If targets are missing or the first does not equal y, if there is nothing to tell apart, or the loss is no
            number.
        """
        self._check(trials, y)
        for learnt in ("network_", "estimator_", "further_estimators_"):  # of an earlier fit, perhaps another kind
            vars(self).pop(learnt, None)
        builder = self.builder()
        refuse_without_effect(builder, self.stages())
        if validation is None and stops_early(self):
            learnt, watched = cut_validation(trials.judged_by(self.primary), self.validation, self.seed)
            trials, validation = trials[learnt], trials[watched]
        self.heads_ = {name: LearntTarget.of(name, trials.target(name)) for name in self.head_names}
        if self.heads_[self.primary].classes:
            self.classes_ = np.array(self.heads_[self.primary].classes)
        self.fitted_on_ = tuple(trials.ids)
        self.watched_ = () if validation is None else tuple(validation.ids)
        watched_people = () if validation is None else validation.subjects
        self.fitted_subjects_ = tuple(dict.fromkeys([*trials.subjects, *watched_people]))
        keras.utils.set_random_seed(self.seed)
        with ResourceMonitor() as monitor:
            starts = started(self.stages(), trials, unlabelled, self.seed)
            first = next(filter(None, starts), None)
            self.started_from_ = [origin(encoder) for encoder in starts if encoder]
            steps = self.steps_of(trials) if first is None or self.steps is not None else first.pipeline(trials)
            steps.set_params(**{name: self.seed for name in steps.get_params() if name.endswith("__seed")})
            self.steps_ = fit_steps(steps, trials, unlabelled)
            self.recorded_ = of_any_rate(recorded(trials), steps)
            if builder.classical:
                self._fit_classical(builder, trials)
            else:
                self._fit_network(builder, trials, validation, starts)
        weights = None if builder.classical else self.network_.count_params()
        self.resources_ = monitor.used | {"parameters": weights, "epochs": len(self.history_)}
        return self

    def _fit_classical(self, builder, trials):
        (stage,) = self.stages()
        learnt = concatenated(self._learnt_from(trials, self.steps_.transform(trials), stage))
        (features,) = learnt.inputs.values()
        estimators = {}
        for name, target in self.heads_.items():
            encoded, weight = (a if len(self.heads_) == 1 else a[name] for a in (learnt.target, learnt.weight))
            known = weight > 0
            encoded = encoded[known].ravel().astype(np.int32 if target.classes else np.float32)
            alike = class_weight_of(stage.class_weight, name, target) is None and np.ptp(weight[known]) == 0
            estimator = builder.build_classical(self.seed, target.kind)
            estimators[name] = fit_weighted(estimator, features[known], encoded, None if alike else weight[known])
        self.estimator_ = estimators.pop(self.primary)
        if estimators:
            self.further_estimators_ = estimators
        self.history_ = pd.DataFrame()

    def _fit_network(self, builder, trials, validation, starts):
        own = self.steps_.transform(trials)
        keras.utils.set_random_seed(self.seed)  # anew: a step may have trained a network of its own
        shapes = {name: x.shape[1:] for name, x in own.inputs.items()}
        heads = {name: Head(target.kind, target.size) for name, target in self.heads_.items()}
        self.network_ = builder.build_network(shapes, heads)
        if builder.info is None:
            check_network(self.network_, heads, builder.name)
        watched = None
        if validation is not None and len(validation):
            try:
                watched = self._labelled(self.steps_.transform(aligned(validation, self.recorded_)), validation, None)
            except GaitDataError as error:
                raise GaitDataError(f"validation {error}") from error
        history = []
        for i, (stage, encoder) in enumerate(zip(self.stages(), starts, strict=True)):
            if encoder is not None:
                encoder.start(self.network_)
            title = self.progress if isinstance(self.progress, str) else builder.name
            network, train, seen = self.network_, concatenated(self._learnt_from(trials, own, stage)), watched
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
                kinds={name: target.kind for name, target in self.heads_.items()},
            )
            history.append(stage_history.assign(stage=i + 1))
        self.history_ = pd.concat(history, ignore_index=True)

    def _learnt_from(self, trials, own, stage) -> list[LabelledSamples]:
        """The samples of the training trials and of their changed copies."""
        samples = [own, *(self.steps_.transform(augment(trials)) for augment in stage.augment)]
        return [self._labelled(s, trials, stage.class_weight) for s in samples]

    def _labelled(self, samples, trials, class_weight) -> LabelledSamples:
        """Samples with their targets; a trial weighs once a time that it is given, however many windows it has."""
        n_samples, n_given = (pd.Series(ids).value_counts() for ids in (samples.trial, trials.ids))
        weight = (n_given / n_samples).loc[samples.trial].to_numpy(float)
        place = pd.Series(np.arange(len(trials)), index=trials.ids).groupby(level=0).first().loc[samples.trial]
        targets, weights = {}, {}
        if isinstance(class_weight, dict) and (unknown := sorted(set(class_weight) - set(self.heads_))):
            raise GaitDataError(f"class_weight: no head '{unknown[0]}'; there are {', '.join(self.heads_)}")
        for name, target in self.heads_.items():
            encoded, known = (a[place] for a in target.encode(name, trials.target(name)))
            own = np.where(known, weight, 0.0)
            weights[name] = target.weights(encoded, own, class_weight_of(class_weight, name, target))
            targets[name] = encoded if target.kind == "class" else encoded[:, None]
        if len(self.heads_) == 1:
            (targets,), (weights,) = targets.values(), weights.values()
        return LabelledSamples(samples.inputs, targets, weights)

    # -- predicting --------------------------------------------------------------------------------------

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
            raise GaitDataError(f"this {type(self).__name__} is not fitted: call fit(training_trials) first")
        if hasattr(self, "recorded_"):  # saved by an earlier version, it does not know
            trials = aligned(trials, self.recorded_)
        *steps, last = (step for step in self.steps_ if step not in (None, "passthrough"))
        for step in steps:
            trials = step.transform(trials)
        return trials, last.transform(trials)

    def predict_heads(self, trials: TrialSet) -> dict[str, np.ndarray]:
        """What every head says of each trial, in the order given (mean over its samples).

        Returns
        -------
        dict of str to ndarray
            By the name of the head: probabilities (n, n_classes), of a binary target for "no" and "yes"; or values
            (n,) in the unit of the target.
        """
        _, samples = self.prepare(trials)
        return {n: mean_of_trials(v, samples, trials) for n, v in self._predict_prepared(samples.inputs).items()}

    def predict_prepared(self, inputs) -> np.ndarray:
        """Class probabilities (n_samples, n_classes) of samples that went through the steps, or values (n_samples,).

        Parameters
        ----------
        inputs : dict of str to ndarray
            In the layout of the samples of :meth:`prepare`.

        Raises
        ------
        GaitDataError
            If a classical model cannot compute with the values.
        """
        return self._predict_prepared(inputs)[self.primary]

    def _predict_prepared(self, inputs) -> dict[str, np.ndarray]:
        if hasattr(self, "network_"):
            outputs = network_outputs(self.network_, inputs)
            outputs = outputs if isinstance(outputs, dict) else {self.primary: outputs}
            return {name: target.decode(outputs[name]) for name, target in self.heads_.items()}
        (features,) = inputs.values()
        estimators = {self.primary: self.estimator_, **getattr(self, "further_estimators_", {})}
        try:
            return {name: predict_classical(estimators[name], target, features) for name, target in self.heads_.items()}
        except ValueError as error:
            raise GaitDataError(
                f"'{self.builder().name}' cannot predict these trials ({error}); look for values far beyond what it "
                "learnt from, or save it again where it was fitted"
            ) from error

    def for_head(self, name: str | None):
        """The same fitted model as one of a single head, so that all that asks a model can ask this head.

        Parameters
        ----------
        name : str or None
            None for the first.

        Returns
        -------
        GaitClassifier or GaitRegressor

        Raises
        ------
        GaitDataError
            If the model has no such head.
        """
        if name in (None, self.primary) and len(self.heads_) == 1:
            return self
        name = self.primary if name is None else name
        if name not in self.heads_:
            raise GaitDataError(f"no head '{name}'; the model has {', '.join(self.heads_)}")
        target = self.heads_[name]
        view = copy.copy(self)
        view.__class__ = _class_for(target)
        view.heads, view.heads_ = [name], {name: target}
        vars(view).pop("classes_", None)
        if target.classes:
            view.classes_ = np.array(target.classes)
        if hasattr(self, "network_"):
            view.network_ = one_head(self.network_, name)
        else:
            view.estimator_ = self.estimator_ if name == self.primary else self.further_estimators_[name]
            vars(view).pop("further_estimators_", None)
        return view

    # -- one thing on disk -------------------------------------------------------------------------------

    def save(self, folder) -> Path:
        """Save into a folder: JSON and arrays for the steps, ``.keras`` for the network, checksums; no pickle."""
        if not hasattr(self, "steps_"):
            raise GaitDataError(f"this {type(self).__name__} is not fitted: nothing to save")
        return write_classifier(self, folder)

    @classmethod
    def load(cls, folder, custom_objects=None):
        """Load a saved model, also one from somebody else: the files run nothing.

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
        kind, state = _read(folder, custom_objects)
        if not issubclass(kind, cls):
            raise GaitDataError(f"{folder} holds a {kind.__name__}; load it with {kind.__name__}.load(folder)")
        model = kind.__new__(kind)
        vars(model).update(state)
        return model

    # -- helpers -----------------------------------------------------------------------------------------

    @property
    def head_names(self) -> list[str]:
        """What the model tells: names of targets, the primary one first."""
        names = [LABEL] if self.heads is None else [self.heads] if isinstance(self.heads, str) else list(self.heads)
        if not names or len(set(names)) < len(names):
            raise GaitDataError(f"heads={self.heads} must name at least one target, and each once")
        return names

    @property
    def primary(self) -> str:
        """The first head, of which scikit-learn's fit, predict and score speak."""
        return self.head_names[0]

    def builder(self) -> Builder:
        """The builder of the model, with its parameters."""
        return self.model if isinstance(self.model, Builder) else Builder(self.model)

    def steps_of(self, trials) -> Pipeline:
        """The steps, not yet fitted, that these training trials would go through."""
        builder = self.builder()
        start = next((stage.start for stage in self.stages() if stage.start), None)
        if self.steps is not None:
            steps = clone(self.steps)
        elif start is not None:
            steps = start.pipeline(trials)
        else:
            steps = recipes.steps_for(trials, builder.info and builder.name)
        if not builder.classical and any(stage.modality_dropout for stage in self.stages()):
            steps[-1].set_params(allow_missing=True)  # the network learns to do without
        return steps

    def parts(self, trials) -> dict:
        """The models that would learn from training trials, each with what it learns from; of an ensemble, several."""
        return {"": (self, trials)}

    @property
    def fitted_parts(self) -> dict:
        """The fitted models that are asked, by name; of an ensemble its members."""
        return {"": self}

    def stages(self) -> list[Training]:
        """The training settings, stage by stage."""
        stages = self.training or Training()
        return [stages] if isinstance(stages, Training) else list(stages)

    def _check(self, trials, y) -> None:
        """Refuse trials without the targets of the heads, and a first head of the other kind of estimator."""
        if not isinstance(trials, TrialSet):
            raise GaitDataError(f"fit needs a TrialSet, not {type(trials).__name__}; see gaitlib.load_trials")
        names = self.head_names
        targets = {name: trials.target(name) for name in names}
        self._check_primary(targets[names[0]], y)
        for name, target in targets.items():
            if len(names) == 1 and not target.known.all():
                what = "label" if name == LABEL else f"'{name}'"
                raise GaitDataError(f"{trials.ids[~target.known][0]} has no {what}; leave such trials out")


def _read(folder, custom_objects):
    """The class of a saved model, and its attributes."""
    if (Path(folder) / ENSEMBLE_FILE).exists():
        from gaitlib.ensemble import Ensemble  # late, as below
        from gaitlib.ensemble_file import read_ensemble

        return Ensemble, read_ensemble(folder, custom_objects)
    state = read_classifier(folder, custom_objects)
    return _class_for(next(iter(state["heads_"].values()))), state


def _class_for(target: LearntTarget):
    from gaitlib.classifier import GaitClassifier, GaitRegressor  # late: they derive from what is here

    return GaitRegressor if target.kind == "continuous" else GaitClassifier
