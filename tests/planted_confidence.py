"""Results made by hand: runs of models whose confidence is planted, without training anything."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from gaitlib import LeaveOneSubjectOut, RandomTrialSplit, TrialSet
from gaitlib.results import Run, Runs
from gaitlib.results.stored import FoldResult

CLASSES = ["antalgic", "normal", "steppage"]
SKILL = 1.5


def confident_runs(n_subjects=4, n_walks=20, sure=None, watched=True, failed=0, seed=0) -> Runs:
    """Two protocols of models whose probabilities are calibrated but for a temperature.

    Parameters
    ----------
    n_subjects, n_walks : int
        ``n_walks`` of each of three classes by each subject, one class less by the first.
    sure : dict of str to float
        By model, the temperature that would calibrate it: above 1 is too sure.
    watched : bool
        Whether each fold has validation trials, those of the next subject.
    failed : int
        Folds of the last model that failed, in each protocol.
    seed : int
    """
    rng = np.random.default_rng(seed)
    walks = [(f"s{s}", c) for s in range(n_subjects) for c in CLASSES[: 2 if s == 0 else 3] for _ in range(n_walks)]
    subject, label = zip(*walks, strict=True)
    values = [np.ones((2, 3))] * len(walks)
    trials = TrialSet.from_arrays({"skeleton": values}, subject=subject, label=label, name="SYNTHETIC runs by hand")
    subjects, sure = sorted(set(subject)), sure or {"honest": 1.0, "boaster": 3.0}
    runs = []
    for model, temperature in sure.items():
        lost = subjects[:failed] if model == list(sure)[-1] else []
        for protocol in (LeaveOneSubjectOut, RandomTrialSplit):
            folds = []
            for i, name in enumerate(subjects):
                parts = {"test": name} | ({"validation": subjects[(i + 1) % n_subjects]} if watched else {})
                tables = [_predict(trials[trials.subjects == s], part, temperature, rng) for part, s in parts.items()]
                resources = {"seconds": 2.0, "peak_memory_mb": 500.0 + i, "cpu_percent": 99.0, "threads": 1}
                resources |= {"parameters": 1234, "epochs": 6 + i}
                predictions = pd.concat(tables, ignore_index=True)
                folds.append(FoldResult(name, predictions, pd.DataFrame(), resources, {}, Path("nowhere", name)))
            reasons = dict.fromkeys(lost, "the loss is no longer a finite number")
            runs.append(Run(model, protocol.name, protocol.claim, folds[len(lost) :], reasons))
    return Runs(runs, trials)


def _predict(trials, part, temperature, rng) -> pd.DataFrame:
    """A noisy observation around the true class, told ``temperature`` times too loud."""
    true = np.array([CLASSES.index(c) for c in trials.labels])
    evidence = rng.normal(size=(len(true), len(CLASSES)))
    evidence[np.arange(len(true)), true] += SKILL
    proba = pd.DataFrame(softmax(temperature * SKILL * evidence, axis=1), columns=CLASSES)
    table = trials.table[["trial", "subject", "walk", "label"]]
    return table.assign(part=part, predicted=proba.idxmax(axis=1)).join(proba)
