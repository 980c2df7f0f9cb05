"""Shuffled labels: who still does better than chance on them has another source than what is asked for."""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import mutual_info_score

from gaitlib.audit.receipt import Finding
from gaitlib.evaluation.controls import told_people
from gaitlib.results.intervals import bounded_interval
from gaitlib.results.scores import accuracy_by_subject, chance

DRAWN = 20  # shuffles, of which that is taken which says least about the labels as they were
NAMED = 3  # of the people with two ids


def shuffled_labels(trials, seed: int = 0, people: dict | None = None):
    """Labels shuffled at the level at which they vary: among subjects, among walks, or among single trials.

    A label that belongs to the person (patient or healthy) is the same for all trials of a subject, and stays so: were
    it shuffled among walks, recognising the person would help nobody, and a model that does nothing else would pass.

    Parameters
    ----------
    trials : TrialSet
    seed : int
    people : dict of str to str, optional
        Subjects that count as another one, as the two may be one person.

    Returns
    -------
    trials : TrialSet
        The same with other labels, each as often as before among what was shuffled. Of 20 shuffles that is taken which
        says least about the labels as they were, as one of few people may nearly give these back.
    unit : {"subject", "walk", "trial"}
        What was shuffled: the largest of the three that has one label only.
    """
    table = trials.table
    units = {"subject": table["subject"].replace(people or {}), "walk": table["walk"], "trial": table["trial"]}
    unit = next(name for name, own in units.items() if table.groupby(own)["label"].nunique().max() == 1)
    labels = table.groupby(units[unit])["label"].first()
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(labels.to_numpy()) for _ in range(DRAWN)]
    new = min(drawn, key=lambda shuffled: mutual_info_score(labels, shuffled))
    label = units[unit].map(dict(zip(labels.index, new, strict=True)))
    return replace(trials, table=table.assign(label=label)), unit


def permuted_labels(runs, n: int) -> list[Finding]:
    """Train on shuffled labels, and see who still does better than chance.

    Labels that belong to the subject are shuffled among people: subjects whom extra trees cannot tell apart, though
    they tell the two from all others, count as one, as they may be one person under two ids.

    Parameters
    ----------
    runs : Runs
    n : int
        How often.

    Returns
    -------
    list of Finding
        One a model, protocol and shuffle: "suspect" where the 95 % interval over people
        (:func:`gaitlib.results.bounded_interval`) lies above chance, which happens to fewer than one in forty without
        any leak; "unseen" where the people are too few for that, even if all trials were right.
    """
    findings = []
    labels_of = runs.trials.table.groupby("subject")["label"].nunique()
    people = look_alikes(runs) if labels_of.max() == 1 else {}
    for k in range(n):
        trials, unit = shuffled_labels(runs.trials, k, people)
        again = runs.again(trials=replace(trials, name=f"{runs.data}, labels shuffled ({k + 1})"))
        tested = again.predictions().replace({"subject": people})
        for run in again.runs:
            own = tested[(tested["model"] == run.model) & (tested["protocol"] == run.protocol)]
            verdict, detail = _judged(own, unit, people)
            findings.append(Finding("shuffled labels", run.protocol, "", verdict, detail, run.model))
    return findings


def _judged(predictions, unit, people) -> tuple[str, str]:
    """Verdict and detail on one model's predictions of shuffled labels."""
    among = f"labels shuffled among {unit}s"
    if people:
        pairs = [f"{first} and {other}" for other, first in people.items()]
        more = f" and {len(pairs) - NAMED} more" if len(pairs) > NAMED else ""
        among += f" ({', '.join(pairs[:NAMED])}{more} cannot be told apart: taken as one person)"
    if predictions.empty:
        return "unseen", f"all folds failed on {among}"
    accuracy, at_chance = accuracy_by_subject(predictions), chance(predictions)
    detail = f"accuracy {accuracy.mean():.3f} on {among}, chance is {at_chance:.3f}"
    if not bounded_interval(np.ones(len(accuracy)))[0] > at_chance:
        return "unseen", f"{detail}; {len(accuracy)} tested are too few to tell"
    return ("suspect" if bounded_interval(accuracy)[0] > at_chance else "ok"), detail


def look_alikes(runs) -> dict:
    """Subjects of one label whom extra trees take for each other, though they tell the two from all others.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    dict of str to str
        Each subject that looks like an earlier one, and that one. Two are alike where the mean probabilities of one and
        other on their trials add up to more than half of what lies between chance and 1, and that of the wrong one is
        at least half of that of the right one.
    """
    told = told_people(runs)
    if told is None:
        return {}
    subjects = told.classes
    probability = told.predictions().groupby("label")[subjects].mean().reindex(subjects).to_numpy()
    right = np.diag(probability)
    own, crossed = np.add.outer(right, right) / 2, (probability + probability.T) / 2
    told_from_others = own + crossed > (1 + 2 / len(subjects)) / 2
    label = runs.trials.table.groupby("subject")["label"].first().loc[subjects].to_numpy()
    alike = told_from_others & (crossed >= own / 2) & (label[:, None] == label)
    groups = pd.Series(connected_components(alike)[1], subjects)
    first = groups.drop_duplicates().reset_index().set_index(0)["index"]
    return {subject: first[group] for subject, group in groups.items() if first[group] != subject}
