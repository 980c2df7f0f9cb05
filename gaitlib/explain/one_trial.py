"""Everything about the prediction of one trial, in one object that figures draw."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.explain.importance import zero_out
from gaitlib.explain.over_time import predict_over_time
from gaitlib.trials import TrialSet


@dataclass(frozen=True)
class Prediction:
    """What a model that never saw the subject makes of one trial.

    Attributes
    ----------
    trial : TrialSet
        The one trial.
    model : str
        Name of the model.
    probabilities : pandas.Series
        By class.
    over_time : pandas.DataFrame or str
        See :func:`predict_over_time`; a sentence where the model cannot tell.
    importance : pandas.DataFrame or str
        See :func:`zero_out`, of the predicted class; a sentence where the model cannot tell.
    """

    trial: TrialSet
    model: str
    probabilities: pd.Series
    over_time: pd.DataFrame | str
    importance: pd.DataFrame | str

    @property
    def predicted(self) -> str:
        """The most probable class."""
        return self.probabilities.idxmax()


def prediction(runs, trial: TrialSet, model: str | None = None) -> Prediction:
    """Ask the model that never saw the subject of a trial what it sees, when and where.

    Parameters
    ----------
    runs : Runs
        With a subject-disjoint run that tested the subject.
    trial : TrialSet
        One trial.
    model : str, optional
        Default the first with a subject-disjoint run.

    Raises
    ------
    GaitDataError
        For several trials, or where no subject-disjoint run tested the subject.
    """
    if len(trial) != 1:
        raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
    runs.require_classes("probabilities")
    classifier = runs.classifier_for(trial, model)
    return told_by(classifier, trial, model or classifier.builder().name)


def told_by(classifier, trial: TrialSet, model: str) -> Prediction:
    """What a fitted classifier makes of one trial of somebody whom it never saw.

    Parameters
    ----------
    classifier : GaitClassifier
    trial : TrialSet
        One trial.
    model : str
        Its name in titles.

    Raises
    ------
    GaitDataError
        For several trials, or where the classifier has learnt from the subject.
    """
    if len(trial) != 1:
        raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
    if has_seen(classifier, trial)[0]:
        raise GaitDataError(
            f"{model} has learnt from {trial.subjects[0]}, so what it says of {trial.ids[0]} shows nothing"
        )
    probabilities = pd.Series(classifier.predict_proba(trial)[0], index=classifier.classes_)
    return Prediction(
        trial,
        model,
        probabilities,
        _or_reason(predict_over_time, classifier, trial),
        _or_reason(zero_out, classifier, trial, probabilities.idxmax()),
    )


def has_seen(classifier, trials: TrialSet) -> np.ndarray:
    """Whether a classifier, its steps or the encoder it started from learnt from the subject of each trial, (n,)."""
    parts = list(classifier.fitted_parts.values())
    steps = [step for part in parts for _, step in part.steps_.steps]
    people = {person for one in (classifier, *steps) for person in getattr(one, "fitted_subjects_", ())}
    people.update(*(whose for part in parts for _, _, whose, _ in getattr(part, "started_from_", [])))
    return np.isin(trials.subjects, list(people)) | np.isin(trials.ids, classifier.fitted_on_)


def _or_reason(ask, *arguments):
    try:
        return ask(*arguments)
    except GaitDataError as reason:
        return str(reason)
