"""An Ensemble as a folder: its weights, and a folder a member, whose names come from no file."""

import json
import numbers
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from gaitlib import saving
from gaitlib.classifier import GaitClassifier
from gaitlib.classifier_file import (
    CONTENTS_FILE,
    ENSEMBLE_FILE,
    LEARNT,
    LEARNT_BY_SOME,
    NETWORK_FILE,
    SETTINGS,
    STATE_FILES,
    check_contents,
    checksum,
    read_classifier,
    write_classifier,
)
from gaitlib.ensemble_sides import OTHER, told_apart
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL
from gaitlib.targets import LearntTarget

FILES = (ENSEMBLE_FILE, "ensemble.npz")
KEPT = (
    "folds", "affected_side", "symmetric", "seed", "progress", "classes_", "fitted_on_", "watched_",
    "fitted_subjects_", "resources_",
)  # fmt: skip


def write_ensemble(model, seeds, folder) -> Path:
    """Write a fitted ensemble into a folder: see :meth:`gaitlib.Ensemble.save`.

    Parameters
    ----------
    model : Ensemble
    seeds : dict of str to int
        Of the members as they were given.
    folder : path
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (CONTENTS_FILE, NETWORK_FILE, *STATE_FILES):  # of an earlier model
        (folder / name).unlink(missing_ok=True)
    places = [write_classifier(m, _place(folder, i)) for i, m in enumerate(model.members_.values())]
    state = {name: getattr(model, name) for name in KEPT} | {
        "symmetric": tuple(map(str, model.symmetric)),
        "members": [[name, seeds[name], checksum(p / CONTENTS_FILE)] for name, p in zip(seeds, places, strict=True)],
        "weights": model.weights_.to_numpy(),
    }
    saving.save_state(state, folder / "ensemble")
    (folder / CONTENTS_FILE).write_text(json.dumps({name: checksum(folder / name) for name in FILES}))
    return folder


def read_ensemble(folder, custom_objects=None) -> dict:
    """The attributes of a fitted ensemble: see :meth:`gaitlib.GaitClassifier.load`.

    Raises
    ------
    GaitDataError
        If a file is missing, damaged or not the one that was saved, names what it may not, or if the members are not
        those of one ensemble.
    """
    folder = Path(folder)
    check_contents(folder, FILES)
    state = saving.load_state(folder / "ensemble", custom_objects)
    try:
        _check_state(state)
    except GaitDataError as error:
        raise GaitDataError(f"{folder / ENSEMBLE_FILE}: {error}; save the ensemble again") from error
    except Exception as error:  # what was learnt is of whatever types the file holds
        raise GaitDataError(f"{folder / ENSEMBLE_FILE}: damaged ({type(error).__name__}: {error})") from error
    told, fitted, given = told_apart(state["classes_"], state["affected_side"], state["symmetric"]), {}, {}
    for i, (name, seed, known) in enumerate(state.pop("members")):
        fitted[name] = _member(_place(folder, i), known, set(told.index), custom_objects)
        given[name] = clone(fitted[name]).set_params(seed=seed)
    weights = pd.Series(state.pop("weights"), list(fitted), name="weight")
    heads = {LABEL: LearntTarget("class", tuple(map(str, state["classes_"])))}
    return state | {
        "members": given, "members_": fitted, "weights_": weights, "heads_": heads, "history_": pd.DataFrame(),
    }  # fmt: skip


def _place(folder, i) -> Path:
    return folder / f"member-{i + 1}"


def _member(place, known, told, custom_objects) -> GaitClassifier:
    """A fitted member, if it is the one that was saved."""
    contents = place / CONTENTS_FILE
    if not contents.is_file():
        raise GaitDataError(f"{contents}: no such file; copy the whole folder")
    if checksum(contents) != known:
        raise GaitDataError(f"{contents} is damaged: it is not what was saved; copy the whole folder again")
    state = read_classifier(place, custom_objects)
    if list(state["heads_"]) != [LABEL] or not set(state.get("classes_", ())) <= told:
        raise GaitDataError(f"{place}: a member that tells something else than the ensemble; save the ensemble again")
    member = GaitClassifier()
    vars(member).update(state)
    return member


def _check_state(state) -> None:
    checks = {
        "folds": lambda v: isinstance(v, numbers.Integral),
        "affected_side": lambda v: v in (None, *OTHER),
        "symmetric": LEARNT["fitted_on_"],
        "seed": SETTINGS["seed"],
        "progress": SETTINGS["progress"],
        "classes_": LEARNT_BY_SOME["classes_"],
        "fitted_on_": LEARNT["fitted_on_"],
        "watched_": LEARNT["watched_"],
        "fitted_subjects_": LEARNT_BY_SOME["fitted_subjects_"],
        "resources_": LEARNT["resources_"],
        "members": _are_members,
        "weights": lambda v: v.shape == (len(state["members"]),) and np.isfinite(v).all() and (v >= 0).all(),
    }
    if wrong := sorted(set(checks) ^ set(state)):
        raise GaitDataError(f"'{wrong[0]}' is missing, or nothing that an ensemble learns")
    for name, holds in checks.items():
        if not holds(state[name]):
            raise GaitDataError(f"'{name}' is not what an ensemble has there: {str(state[name])[:100]}")


def _are_members(value) -> bool:
    """Name, seed and checksum of each."""
    return len({name for name, _, _ in value}) == len(value) > 0 and all(
        isinstance(name, str) and isinstance(seed, numbers.Integral) and isinstance(known, str)
        for name, seed, known in value
    )
