"""Controls beside the models: what the length of a recording tells, and how well the person can be told."""

import pandas as pd
from sklearn.pipeline import Pipeline

from gaitlib.classifier import GaitClassifier
from gaitlib.models import Builder
from gaitlib.preprocessing import SequenceLength
from gaitlib.protocols.known_people import TrialKFold
from gaitlib.results.intervals import interval_columns

LENGTH, PERSON = "control: length of the recording alone", "control: who walks, from the same features"
PERSON_FOLDS = 5


def control_table(runs) -> pd.DataFrame:
    """Two questions that every gait table should answer, under its own accuracy.

    How far does one get with the length of the recording alone? It says how the recording was cut, and a model may
    live on it. And how well can the person be told from what the trees read? The better, the more a split with known
    people flatters. What is not in the store yet is trained now.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    pandas.DataFrame
        One row a model and protocol, then the controls: accuracy (mean over subjects) with its 95 % intervals over
        subjects (:func:`gaitlib.results.interval_columns`), chance (the best constant answer, a mean over subjects
        too), what was asked, subjects. The length goes through the protocols of the
        runs; the person is told by extra trees under a K-fold over walks, as the person must be known there.
    """
    runs.require_classes("accuracy to set beside them")
    trials, asked = runs.judged_trials, ", ".join(runs.classes)
    rows = _rows(runs, asked)
    sequences = [name for name, m in trials.modalities.items() if m.kind == "sequence"]
    if sequences:
        steps = Pipeline([("length", SequenceLength(sequences[0]))])
        whole = trials[trials.modality(sequences[0]).present()]
        told = runs.again(models={LENGTH: GaitClassifier(Builder("extra_trees"), steps)}, trials=whole)
        rows += _rows(told, asked)
    if (told := told_people(runs)) is not None:
        rows += _rows(told, "who walks")
    return pd.DataFrame(rows)


def told_people(runs):
    """Runs of extra trees that tell who walks, under a K-fold over walks; None where a subject has one walk only."""
    walks = runs.trials.table.groupby("subject")["walk"].nunique()
    if len(walks) < 2 or walks.min() < 2:
        return None
    folds = TrialKFold(min(PERSON_FOLDS, walks.min()), validation=False)
    models, trials = {PERSON: GaitClassifier("extra_trees")}, runs.trials.labelled_by("subject")
    return runs.again(models=models, trials=trials, protocols=[folds], strict=False)


def _rows(runs, asked) -> list[dict]:
    accuracy = runs.per_subject()
    return [
        {
            "data": runs.data,
            "model": run.model,
            "protocol": run.protocol,
            "asked": asked,
            "accuracy": accuracy[run.model, run.protocol].mean(),
            **interval_columns(accuracy[run.model, run.protocol]),
            "chance": run.chance,
            "subjects": accuracy[run.model, run.protocol].notna().sum(),
        }
        for run in runs.runs
    ]
