"""Controls beside the models: what the length of a recording tells, and how well the person can be told."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from gaitlib.audit.receipt import Finding
from gaitlib.classifier import GaitClassifier
from gaitlib.models import Builder
from gaitlib.preprocessing import SequenceLength
from gaitlib.protocols.known_people import TrialKFold
from gaitlib.results.scores import share_interval

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
        One row a model and protocol, then the controls: accuracy (mean over subjects), 95 % t interval over
        subjects, chance (the largest class), what was asked, subjects. The length goes through the protocols of the
        runs; the person is told by extra trees under a K-fold over walks, as the person must be known there.
    """
    trials, asked = runs.trials, ", ".join(runs.classes)
    rows = _rows(runs, asked)
    sequences = [name for name, m in trials.modalities.items() if m.kind == "sequence"]
    if sequences:
        steps = Pipeline([("length", SequenceLength(sequences[0]))])
        whole = trials[trials.modality(sequences[0]).present()]
        told = runs.again(models={LENGTH: GaitClassifier(Builder("extra_trees"), steps)}, trials=whole)
        rows += _rows(told, asked)
    walks = trials.table.groupby("subject")["walk"].nunique()
    if len(walks) > 1 and walks.min() > 1:
        folds = TrialKFold(min(PERSON_FOLDS, walks.min()), validation=False)
        told = runs.again(
            models={PERSON: GaitClassifier("extra_trees")},
            trials=trials.labelled_by("subject"),
            protocols=[folds],
            strict=False,
        )
        rows += _rows(told, "who walks")
    return pd.DataFrame(rows)


def permuted_labels(runs, n: int) -> list[Finding]:
    """Train on labels that were shuffled among all walks, and see who still does better than chance.

    Parameters
    ----------
    runs : Runs
    n : int
        How often.

    Returns
    -------
    list of Finding
        One a model, protocol and shuffle: "suspect" where the 95 % t interval over subjects lies above chance, which
        happens to one in forty without any leak.
    """
    findings = []
    for k in range(n):
        walks = runs.trials.table.drop_duplicates("walk")
        of_walk = dict(zip(walks["walk"], walks["label"].sample(frac=1, random_state=k), strict=True))
        table = runs.trials.table.assign(label=runs.trials.table["walk"].map(of_walk))
        name = f"{runs.data}, labels shuffled ({k + 1})"
        for row in _rows(runs.again(trials=replace(runs.trials, table=table, name=name)), "shuffled labels"):
            at_least = row["accuracy"] if np.isnan(row["low"]) else row["low"]  # all subjects alike: no interval
            verdict = "suspect" if at_least > row["chance"] else "ok"
            detail = f"accuracy {row['accuracy']:.3f} on shuffled labels, chance is {row['chance']:.3f}"
            if row["subjects"] < 2:
                verdict, detail = "unseen", f"{detail}; one tested subject gives no interval"
            findings.append(Finding("shuffled labels", row["protocol"], "", verdict, detail, row["model"]))
    return findings


def _rows(runs, asked) -> list[dict]:
    chance = pd.Series(runs.trials.labels).value_counts(normalize=True).max()
    rows = []
    for (model, protocol), accuracy in runs.per_subject().items():
        low, high = share_interval(accuracy)
        rows.append({
            "data": runs.data,
            "model": model,
            "protocol": protocol,
            "asked": asked,
            "accuracy": accuracy.mean(),
            "low": low,
            "high": high,
            "chance": chance,
            "subjects": accuracy.notna().sum(),
        })  # fmt: skip
    return rows
