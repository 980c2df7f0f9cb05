"""Zero-out importance: how far a prediction falls when a part of the input is taken away."""

import re

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.perturb.engine import neutral

WHOLE = "whole modality"

_OF_A_JOINT = re.compile(r"_([xyz](_mps|_per_s)?|deg)$")


def zero_out(classifier, trial, target=None) -> pd.DataFrame:
    """Importance of every joint and modality for the prediction of one trial.

    All channels of a group (a joint's positions, velocities and angle) are set to 0 after preparation: the training
    mean after ``StandardScaler``, the training minimum of an image after ``MinMaxScaler``. Importance is the fall of
    the class probability (mean over the trial's windows). Joints share information, so that importances do not add
    up: where one leg tells what the other tells, neither may seem important.

    Parameters
    ----------
    classifier : GaitClassifier
        Fitted, with a network.
    trial : TrialSet
        One trial.
    target : str, optional
        The class whose probability is watched; default the predicted one.

    Returns
    -------
    pandas.DataFrame
        ``modality``, ``group`` (a joint, a channel that belongs to no joint, or ``WHOLE``) and ``importance``
        (-1 to 1, a difference of probabilities), the largest first.

    Raises
    ------
    GaitDataError
        For a classical model (0 is no neutral value among its statistics), for several trials, or a class that the
        classifier does not know.

    Notes
    -----
    Real frames are set to 1e-6, not 0, so that a sequence without its content still has its length.
    """
    if len(trial) != 1:
        raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
    if not hasattr(classifier, "network_"):
        raise GaitDataError("zero-out importance needs a fitted network; classical models have no neutral zero")
    if not hasattr(classifier, "classes_"):
        raise GaitDataError(
            f"'{classifier.primary}' is continuous: ask which values count with gaitlib.explain.relevance"
        )
    classes = list(classifier.classes_)
    if target is not None and target not in classes:
        raise GaitDataError(f"the classifier knows no class '{target}'; it knows {', '.join(classes)}")
    prepared, samples = classifier.prepare(trial)
    inputs = samples.inputs
    parts = [(name, group, columns) for name in inputs for group, columns in _groups(prepared.modality(name)).items()]
    changed = [inputs, *(_without(inputs, name, columns, prepared) for name, _, columns in parts)]
    together = {name: np.concatenate([each[name] for each in changed]) for name in inputs}
    proba = classifier.predict_prepared(together).reshape(len(changed), -1, len(classes)).mean(axis=1)
    column = proba[0].argmax() if target is None else classes.index(target)
    table = pd.DataFrame([part[:2] for part in parts], columns=["modality", "group"])
    table["importance"] = proba[0, column] - proba[1:, column]
    return table.sort_values("importance", ascending=False, ignore_index=True)


def _groups(modality) -> dict[str, list[int]]:
    """Columns of every group; an image is one group."""
    groups = {}
    for i, channel in enumerate(modality.channels if modality.kind != "image" else ()):
        groups.setdefault(_OF_A_JOINT.sub("", channel), []).append(i)
    return groups | {WHOLE: list(range(len(modality.channels)))}


def _without(inputs, name, columns, prepared) -> dict[str, np.ndarray]:
    x = inputs[name].copy()
    is_sequence = prepared.modality(name).kind == "sequence"
    x[..., columns] = neutral(x)[..., columns] if is_sequence else 0
    return inputs | {name: x}
