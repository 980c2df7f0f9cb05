"""Results made by hand: runs in which each subject's accuracy is planted, without training anything."""

import numpy as np
import pandas as pd

from gaitlib import LeaveOneSubjectOut, TrialSet
from gaitlib.results import Run, Runs
from gaitlib.results.stored import FoldResult


def planted_runs(accuracy: pd.DataFrame, protocol=None, n_trials=20, name="PLANTED accuracies") -> Runs:
    """Runs whose ``per_subject()`` is the given table.

    Parameters
    ----------
    accuracy : pandas.DataFrame
        Subjects by models; rounded to whole trials. NaN: the fold that tests that subject failed.
    protocol : Protocol, optional
        Default: leave-one-subject-out.
    n_trials : int
        Of each subject, half of them in each of two classes.
    """
    protocol = protocol or LeaveOneSubjectOut(validation=False)
    labels = np.array(["limping", "normal"])[np.arange(n_trials) % 2]
    subjects = np.repeat(accuracy.index.to_numpy(dtype=str), n_trials)
    values = [np.zeros(1)] * len(subjects)
    trials = TrialSet.from_arrays({"x": values}, subject=subjects, label=np.tile(labels, len(accuracy)), name=name)
    table = trials.table[["trial", "subject", "walk", "label"]]
    position = np.tile(np.arange(n_trials), len(accuracy))
    runs = []
    for model in accuracy:
        n_right = np.repeat((accuracy[model] * n_trials).round().to_numpy(), n_trials)
        is_right, is_normal = position < n_right, trials.labels == "normal"
        normal = (is_right == is_normal).astype(float)
        predicted = np.where(normal, "normal", "limping")
        full = table.assign(part="test", predicted=predicted, limping=1 - normal, normal=normal)
        folds, failed = [], {}
        for fold in protocol.folds(trials):
            if np.isnan(n_right[fold.test]).any():
                failed[fold.name] = "planted"
            else:
                tested = full.iloc[fold.test].reset_index(drop=True)
                learnt = {"fitted_on": list(trials.ids[fold.train]), "watched": [], "steps": []}
                folds.append(FoldResult(fold.name, tested, pd.DataFrame(), {}, learnt, folder=None))
        runs.append(Run(model, protocol.name, protocol.claim, folds, failed))
    return Runs(runs, trials)
