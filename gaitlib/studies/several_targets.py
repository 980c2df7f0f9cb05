"""One network, several targets of a walk: which gait, how fast, and whether it was mirrored."""

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from gaitlib.preprocessing import gait_parameters
from gaitlib.targets import Target
from gaitlib.training import Mirror
from gaitlib.trials import TrialSet

HEADS = ("label", "speed", "mirrored")
NORMAL = "normal"


def with_speed_and_side(trials, seed=0, modality="skeleton") -> TrialSet:
    """The walks with two more targets, half of each person's walks of every impaired gait mirrored.

    - ``speed``: metres a second, from the path of the pelvis between the first and the last heel strike
      (:func:`gaitlib.preprocessing.gait_parameters`). It is read before walks are centred on the pelvis; a network that
      reads centred joints must tell it from the way the legs move.
    - ``mirrored``: whether the walk was mirrored. In each of the impaired gaits of these sets one leg is the affected
      one, so this says which; a normal walk has no affected side, and lacks the target.

    Parameters
    ----------
    trials : TrialSet
        With labels, of which "normal" is the one without an affected side, and a raw skeleton.
    seed : int
        Which walks are mirrored; all views of a walk are.
    modality : str

    Returns
    -------
    TrialSet
        Its name says that walks were mirrored.
    """
    table, rng = trials.table, np.random.default_rng(seed)
    mirrored = set()
    for _, own in table[table["label"] != NORMAL].groupby(["subject", "label"]):
        walks = rng.permutation(own["walk"].unique())
        mirrored |= set(walks[: len(walks) // 2])
    is_mirrored = table["walk"].isin(mirrored).to_numpy()
    speed = gait_parameters(trials, modality)["speed_mps"].to_numpy()
    changed = Mirror(modality)(trials)
    for name in trials.modalities:
        values = trials.modality(name).values.copy()
        values[is_mirrored] = changed.modality(name).values[is_mirrored]
        trials = trials.with_modality(name, replace(trials.modality(name), values=values))
    side = np.where(table["label"] == NORMAL, np.nan, is_mirrored.astype(float))
    trials = trials.with_target("speed", Target("continuous", speed, "m/s"))
    trials = trials.with_target("mirrored", Target("binary", side))
    return replace(trials, name=f"{trials.name}, half of the impaired walks mirrored")


def told_of_normal_walks(runs, trials, modality="skeleton") -> pd.DataFrame:
    """A control of the head "mirrored": normal walks have no affected side, so are they told from their mirror images?

    Where they are, the head reads the mirror (where the camera stands, how everybody of these walks leans), whatever it
    reads of the affected leg beside it.

    Parameters
    ----------
    runs : Runs
        Subject-disjoint, of models with the head "mirrored".
    trials : TrialSet
        The benchmarked trials, from :func:`with_speed_and_side`.
    modality : str

    Returns
    -------
    pandas.DataFrame
        AUROC of mirror images among the normal walks of each person (rows) by the models (columns) that never saw that
        person; .5 where they cannot be told.
    """
    side, rows = runs.for_head("mirrored"), {}
    for run in side.runs:
        for fold in run.folds:
            classifier = side.classifier_of(fold)
            normal = trials[np.isin(trials.ids, fold.tested["trial"]) & (trials.labels == NORMAL)]
            for subject in dict.fromkeys(normal.subjects):
                own = normal[normal.subjects == subject]
                said = [classifier.predict_proba(walks)[:, 1] for walks in (own, Mirror(modality)(own))]
                truth = np.repeat([0, 1], len(own))
                rows[run.model, subject] = roc_auc_score(truth, np.concatenate(said))
    return pd.Series(rows).unstack(level=0)
