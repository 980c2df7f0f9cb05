"""A GaitClassifier as a folder: JSON and arrays for its steps, ``.keras`` for its network, no pickle."""

import hashlib
import json
import math
import numbers
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from gaitlib import saving
from gaitlib.encoders import Encoder
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL, Builder
from gaitlib.models.network_file import load_network
from gaitlib.preprocessing import Step, Tensors
from gaitlib.targets import KINDS, LearntTarget
from gaitlib.training import Training
from gaitlib.trials.alignment import is_recorded

NETWORK_FILE = "network.keras"
CONTENTS_FILE = "contents.json"  # checksums of the others
ENSEMBLE_FILE = "ensemble.json"  # where the folder holds several classifiers, as one
STATE_FILES = ("classifier.json", "classifier.npz")


def write_classifier(model, folder) -> Path:
    """Write a fitted classifier into a folder: see :meth:`gaitlib.GaitClassifier.save`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v for k, v in vars(model).items() if k != "network_"}
    state["history_"] = model.history_.to_dict(orient="list")
    state["heads_"] = {name: asdict(target) for name, target in model.heads_.items()}
    for name in (NETWORK_FILE, CONTENTS_FILE, ENSEMBLE_FILE):  # of an earlier one
        (folder / name).unlink(missing_ok=True)
    saving.save_state(state | {"has_network": hasattr(model, "network_")}, folder / "classifier")
    if hasattr(model, "network_"):
        model.network_.save(folder / NETWORK_FILE)
    files = [name for name in (*STATE_FILES, NETWORK_FILE) if (folder / name).exists()]
    (folder / CONTENTS_FILE).write_text(json.dumps({name: checksum(folder / name) for name in files}))
    return folder


def read_classifier(folder, custom_objects=None) -> dict:
    """The attributes of a fitted classifier: see :meth:`gaitlib.GaitClassifier.load`.

    Raises
    ------
    GaitDataError
        If a file is missing, damaged or not the one that was saved, names what it may not, or if the parts are not
        those of one fitted classifier.
    """
    folder = Path(folder)
    if (folder / CONTENTS_FILE).exists():  # folders of earlier versions have none
        check_contents(folder, STATE_FILES, {NETWORK_FILE})
    state = saving.load_state(folder / "classifier", custom_objects)
    has_network = state.pop("has_network", False)
    try:
        state = _with_heads(state)
        _check_state(state, has_network)
    except GaitDataError as error:
        raise GaitDataError(f"{folder / STATE_FILES[0]}: {error}; save the classifier again") from error
    except Exception as error:  # what was learnt is of whatever types the file holds
        raise GaitDataError(f"{folder / STATE_FILES[0]}: damaged ({type(error).__name__}: {error})") from error
    state["history_"] = pd.DataFrame(state["history_"])
    if has_network:
        if not (folder / NETWORK_FILE).exists():
            raise GaitDataError(f"{folder}: {NETWORK_FILE} is missing; copy the whole folder")
        state["network_"] = load_network(folder / NETWORK_FILE, custom_objects)
        _check_network(state, folder / NETWORK_FILE)
    return state


def checksum(file) -> str:
    """Of the content of a file."""
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


def check_contents(folder, needed, optional=frozenset()) -> None:
    """Compare the files of a saved model with their checksums.

    Raises
    ------
    GaitDataError
        If there are others, or one is missing or not what was saved.
    """
    try:
        contents = json.loads((folder / CONTENTS_FILE).read_text())
        pairs = [(folder / name, known) for name, known in contents.items()]
    except FileNotFoundError:
        raise GaitDataError(f"{folder}: no such file: {CONTENTS_FILE} is missing; copy the whole folder") from None
    except Exception as error:  # not JSON, not text, nested without end
        raise GaitDataError(f"{folder / CONTENTS_FILE}: damaged ({error}); copy the whole folder again") from None
    if not set(needed) <= set(contents) <= {*needed, *optional}:
        raise GaitDataError(f"{folder / CONTENTS_FILE}: damaged: it names other files; copy the whole folder again")
    for file, known in pairs:
        if not file.exists():
            raise GaitDataError(f"{folder}: no such file: {file.name} is missing; copy the whole folder")
        if not file.is_file() or checksum(file) != known:
            raise GaitDataError(f"{file} is damaged: it is not what was saved; copy the whole folder again")


# -- what a fitted classifier is made of ----------------------------------------------------------------


def _is_text(value) -> bool:
    return isinstance(value, str)


def _are_ids(value) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


def _is_training(value) -> bool:
    stages = [value] if isinstance(value, Training) else value
    return value is None or (
        isinstance(stages, list | tuple) and all(isinstance(s, Training) and _is_start(s.start) for s in stages)
    )


def _is_start(value) -> bool:
    """No encoder, a plan, or a fitted one, whose parts are looked at."""
    if isinstance(value, Encoder) and value.fitted:
        value.check_learnt()
    return value is None or isinstance(value, Encoder)


def _are_classes(value) -> bool:
    array = isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.ndim == 1
    return array and len(value) > 1 and len(set(value)) == len(value)


def _are_heads(value) -> bool:
    """What :class:`LearntTarget` holds, by the names of the targets."""

    def one(target):
        return (
            target.kind in KINDS
            and isinstance(target.classes, tuple)
            and all(map(_is_text, (target.unit, *target.classes)))
            and (len(target.classes) == 0) == (target.kind == "continuous")
            and (len(target.classes) == 2 or target.kind != "binary")
            and (list(target.classes) == sorted(target.classes) or target.kind != "class")
            and all(isinstance(v, numbers.Real) and math.isfinite(v) for v in (target.mean, target.sd))
            and target.sd > 0
        )

    return isinstance(value, dict) and len(value) > 0 and all(_is_text(n) and one(t) for n, t in value.items())


def _is_history(value) -> bool:
    """Columns of one length: numbers, and None or NaN where there is none."""
    columns = isinstance(value, dict) and all(_is_text(name) and isinstance(c, list) for name, c in value.items())
    return (
        columns
        and len({len(column) for column in value.values()}) < 2
        and all(v is None or isinstance(v, numbers.Real) for column in value.values() for v in column)
    )


def _are_resources(value) -> bool:
    return isinstance(value, dict) and all(_is_text(k) and (v is None or _is_plain(v)) for k, v in value.items())


def _is_plain(value) -> bool:
    return isinstance(value, str | numbers.Real)


def _are_origins(value) -> bool:
    """Of each encoder that a training started from: its name, trial ids, people and digests of recordings."""
    return isinstance(value, list) and all(
        isinstance(one, tuple) and len(one) == 4 and _is_text(one[0]) and all(map(_are_ids, one[1:])) for one in value
    )


SETTINGS = {
    "model": lambda v: _is_text(v) or callable(v) or isinstance(v, Builder),
    "steps": lambda v: v is None or isinstance(v, BaseEstimator),
    "training": _is_training,
    "validation": lambda v: v is None or _is_text(v),
    "seed": lambda v: isinstance(v, numbers.Integral),
    "progress": lambda v: isinstance(v, str | bool),
    "heads": lambda v: v is None or _is_text(v) or (isinstance(v, list | tuple) and all(map(_is_text, v))),
}
LEARNT = {
    "heads_": _are_heads,
    "fitted_on_": _are_ids,
    "watched_": _are_ids,
    "steps_": lambda v: isinstance(v, Pipeline),
    "history_": _is_history,
    "resources_": _are_resources,
}
LEARNT_BY_SOME = {
    "fitted_subjects_": _are_ids,  # files of earlier versions have none
    "started_from_": _are_origins,
    "classes_": _are_classes,
    "recorded_": is_recorded,
    "estimator_": lambda v: isinstance(v, BaseEstimator),
    "further_estimators_": lambda v: (
        isinstance(v, dict) and all(_is_text(n) and isinstance(e, BaseEstimator) for n, e in v.items())
    ),
}


def _with_heads(state) -> dict:
    """The state with its heads as targets; files from before there were heads have one, the label."""
    known = state.get("heads_", {LABEL: {"kind": "class", "classes": tuple(map(str, state.get("classes_", ())))}})
    return {"heads": None} | state | {"heads_": {name: LearntTarget(**target) for name, target in known.items()}}


def _check_state(state, has_network) -> None:
    needed = SETTINGS | LEARNT
    if not isinstance(has_network, bool) or has_network == ("estimator_" in state):
        raise GaitDataError("it needs either a network or a classical model")
    if missing := sorted(set(needed) - set(state)):
        raise GaitDataError(f"'{missing[0]}' is missing, so it is no fitted classifier")
    if unknown := sorted(set(state) - set(needed) - set(LEARNT_BY_SOME)):
        raise GaitDataError(f"'{unknown[0]}' is nothing that a classifier learns")
    for name, value in state.items():
        if not (needed | LEARNT_BY_SOME)[name](value):
            raise GaitDataError(f"'{name}' is not what a classifier has there: {str(value)[:100]}")
    _check_heads(state)
    *_, (_, last) = state["steps_"].steps
    for name, step in state["steps_"].steps:
        if step in (None, "passthrough") and step is not last:
            continue
        if not hasattr(step, "transform"):
            raise GaitDataError(f"the step '{name}' is a {type(step).__name__}, which transforms nothing")
        if isinstance(step, Step):
            step.check_learnt()
    if not has_network:
        first, *further = state["heads_"].items()
        others = state.get("further_estimators_", {})
        if set(others) != {name for name, _ in further}:
            raise GaitDataError(f"classical models for {list(others)} beside the heads {list(state['heads_'])}")
        for name, target in (first, *further):
            _check_estimator(others.get(name, state["estimator_"]), target, last)


def _check_heads(state) -> None:
    """The first head is that of the classes; the names are those of the settings."""
    heads = state["heads_"]
    first = next(iter(heads.values()))
    if tuple(state.get("classes_", ())) != first.classes:
        raise GaitDataError(f"'classes_' are not those of the first head of the classifier: {first.classes}")
    named = (
        [LABEL] if state["heads"] is None else [state["heads"]] if _is_text(state["heads"]) else list(state["heads"])
    )
    if named != list(heads):
        raise GaitDataError(f"the classifier was asked for the heads {named} and learnt {list(heads)}")


def _check_estimator(estimator, target, last) -> None:
    """A classical model gives a number for each of its classes, which are among those learnt; or one value."""
    if target.kind == "continuous":
        probe = _probe(estimator, last)
        if probe is not None and np.asarray(estimator.predict(probe)).size != 1:
            raise GaitDataError("the classical model gives more than one value")
        return
    n_classes = len(target.classes)
    numbers_of = np.asarray(estimator.classes_)
    if numbers_of.dtype.kind not in "iu" or len(set(numbers_of)) < len(numbers_of):
        raise GaitDataError("the classes of the classical model are no numbers of classes")
    if len(numbers_of) == 0 or numbers_of.min() < 0 or numbers_of.max() >= n_classes:
        raise GaitDataError(f"the classical model tells {numbers_of} apart, the classifier {n_classes} classes")
    probe = _probe(estimator, last)
    if probe is not None:
        ask = getattr(estimator, "predict_proba", None) or estimator.decision_function
        given = np.asarray(ask(probe))
        if given.size not in (len(numbers_of), len(numbers_of) - 1):
            raise GaitDataError(f"the classical model gives {given.size} numbers for {len(numbers_of)} classes")


def _probe(estimator, last):
    """One sample of zeros to ask a classical model; None where it does not say how many values it reads."""
    if not hasattr(estimator, "n_features_in_"):
        return None
    sizes = [s.shape for s in last.stand_in_.values()] if isinstance(last, Tensors) else [(estimator.n_features_in_,)]
    return np.zeros((1, *sizes[0]))


def _check_network(state, file) -> None:
    """A network reads what the last step makes, and gives one number a class, one for any other head."""
    network, last, heads = state["network_"], state["steps_"][-1], state["heads_"]
    outputs = network.output if isinstance(network.output, dict) else {next(iter(heads)): network.output}
    sizes = {name: y.shape[-1] for name, y in outputs.items()}
    if sizes != {name: target.size for name, target in heads.items()}:
        raise GaitDataError(f"{file} has outputs {sizes} for the heads { ({n: t.size for n, t in heads.items()}) }")
    if isinstance(last, Tensors):
        made = {name: stand_in.shape for name, stand_in in last.stand_in_.items()}
        read = {x.name: tuple(x.shape[1:]) for x in network.inputs}
        if made.keys() != read.keys() or not all(_fits(made[name], read[name]) for name in read):
            raise GaitDataError(f"{file} reads {read}, the steps make {made}; copy the whole folder again")


def _fits(made, read) -> bool:
    return len(made) == len(read) and all(wanted in (None, size) for size, wanted in zip(made, read, strict=True))
