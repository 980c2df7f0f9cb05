"""Everything that the result of a run depends on; its digest is the key of the run in the store."""

import hashlib
import importlib
import json
import re
from pathlib import Path

import keras
import numpy as np
from sklearn.base import clone

import gaitlib
from gaitlib import saving
from gaitlib.encoders import Encoder
from gaitlib.errors import GaitDataError
from gaitlib.models import Head
from gaitlib.targets import LearntTarget
from gaitlib.training import Pretraining
from gaitlib.training.device import chosen_device, has_gpu

PROBE_TRIALS_A_CLASS = 4
# Where a result is made; all other rooms only split, draw, read or hand on, and their edits retrain nothing
ROOMS_THAT_COMPUTE = ("trials", "preprocessing", "models", "training", "encoders", "recipes")
FILES_THAT_COMPUTE = (
    "targets.py", "estimator.py", "classifier.py", "pooling.py", "ensemble_sides.py", "ensemble.py",
    "evaluation/fold.py",
)  # fmt: skip
VERSIONS = ("gaitlib", "keras", "numpy", "sklearn")


def describe(name, model, trials, about, protocol, folds, seed, n_threads) -> dict:
    """Data, protocol, folds, steps, network, training, code, device and versions, as plain JSON.

    Everything is built once here, before anything is trained: a mistake in the last model costs no hours. ``about`` is
    what is known of the trials (:class:`gaitlib.results.stored.About`), whose digest is computed once a benchmark.
    """
    try:
        parts = model.parts(trials[folds[0].train])
        for part, _ in parts.values():
            saving.check_can_be_saved(part.get_params(deep=False))
            _require_complete(part, trials)
        built = {called: _build_once(part, learnt) for called, (part, learnt) in parts.items()}
    except Exception as error:
        raise GaitDataError(f"{name}, {protocol.name}: cannot be built or kept: {error}") from error
    backend = keras.backend.backend()
    registered = [part.builder().info for part, _ in parts.values()]
    modules = [*VERSIONS, backend, *(module for known in registered if known for module in known.requires)]
    return {
        "data": {"name": trials.name, "digest": about.digest, "trials": len(trials)},
        "protocol": saving.spec(protocol),
        "folds": {f.name: saving.digest(_parts(f)) for f in folds},
        "classifier": saving.spec(_nowhere(model).set_params(progress=False)),
        "built": built.get("", built),  # that of each member of an ensemble, by name
        "code": _code(),
        "seed": seed,
        "device": {
            "backend": backend,
            "gpu": has_gpu(),
            "threads": n_threads,
            "mixed_precision": chosen_device()["mixed_precision"],
        },
        "versions": {module: importlib.import_module(module).__version__ for module in modules},
    }


def _parts(fold) -> list:
    """Unlabelled trials where there are any: folds of before keep their keys."""
    parts = [fold.train, fold.validation, fold.test]
    return [*parts, fold.unlabelled] if len(fold.unlabelled) else parts


def _require_complete(model, trials) -> None:
    """Refuse trials that lack a modality which the model reads, unless it learns to do without."""
    last = model.steps_of(trials)[-1]
    if getattr(last, "allow_missing", False):
        return
    read = [last.modality] if hasattr(last, "modality") else getattr(last, "modalities", None) or trials.modalities
    for name in read:
        present = trials.modalities[name].present() if name in trials.modalities else np.ones(len(trials), bool)
        if not present.all():
            raise GaitDataError(
                f"{trials.ids[~present][0]} and {(~present).sum() - 1} more trials have no '{name}'; leave such trials "
                "out (gaitlib.studies.gait_recognition.complete does) or take a model that does not read it"
            )


def _build_once(model, training_trials) -> dict:
    """Fit the steps on a few training trials and build the network for them: what really runs, not its name."""
    builder = model.builder()
    steps = model.steps_of(training_trials)
    learnt = {name: LearntTarget.of(name, training_trials.target(name)) for name in model.head_names}
    few = training_trials[_few(training_trials.judged_by(model.primary))]
    described = {"steps": saving.spec(_nowhere(steps))}
    briefly = _brief(steps)
    try:
        fitted = briefly.fit(few)
    except ValueError:  # a PCA, say, that needs more rows than these
        fitted = briefly.fit(training_trials)
    saving.check_can_be_saved({"steps": fitted})
    if builder.classical:
        estimators = [saving.spec(builder.build_classical(0, target.kind)) for target in learnt.values()]
        return described | {"classical": estimators}
    shapes = {m: x.shape[1:] for m, x in fitted.transform(few).inputs.items()}
    network = builder.build_network(shapes, {name: Head(target.kind, target.size) for name, target in learnt.items()})
    own = {type(layer) for layer in network.layers if type(layer).__module__.split(".")[0] not in ("keras", "gaitlib")}
    sources = sorted(saving.digest(layer) for layer in own)
    return described | {"inputs": saving.spec(shapes), "config": saving.digest(_canonical(network)), "layers": sources}


def _plans(estimator) -> dict:
    """The encoders in it that have not learnt, by the names of its parameters."""
    return {name: v for name, v in estimator.get_params().items() if isinstance(v, Encoder) and not v.fitted}


def _nowhere(estimator):
    """A copy whose encoders are kept nowhere and learn in silence: neither changes a result."""
    copy = clone(estimator)
    still = {f"{name}__store": None for name in _plans(copy)} | {f"{name}__progress": False for name in _plans(copy)}
    return copy.set_params(**still)


def _brief(steps):
    """The steps as they learn in no time: what learns in epochs gets one, and no encoder is kept for later."""
    brief = _nowhere(steps)
    brief.set_params(**{f"{name}__pretraining": v.pretraining or Pretraining() for name, v in _plans(brief).items()})
    return brief.set_params(**{name: 1 for name in brief.get_params() if name.endswith("__epochs")})


def _few(trials) -> np.ndarray:
    """Positions of the first trials of every class, of all where there are none."""
    groups = [np.flatnonzero(trials.labels == c) for c in trials.classes] or [np.arange(len(trials))]
    return np.concatenate([group[:PROBE_TRIALS_A_CLASS] for group in groups])


def _canonical(network) -> dict:
    """The configuration without layer names, which count what was built before in this process."""
    names = {layer.name: f"layer{i}" for i, layer in enumerate(network.layers)} | {network.name: "network"}

    def rename(value):
        if isinstance(value, dict):
            # A layer inside another (Bidirectional, TimeDistributed) is in no list: its count goes.
            inner = {k: re.sub(r"_\d+$", "", v) for k, v in value.items() if k == "name" and isinstance(v, str)}
            return {k: names.get(v) or inner[k] if k in inner else rename(v) for k, v in value.items()}
        if isinstance(value, list):
            return [rename(v) for v in value]
        return names.get(value, value) if isinstance(value, str) else value

    return rename(json.loads(network.to_json()))


def _code() -> str:
    """Digest of the source of the rooms that compute."""
    package = Path(gaitlib.__file__).parent
    files = [package / name for name in FILES_THAT_COMPUTE]
    files += sorted(f for room in ROOMS_THAT_COMPUTE for f in (package / room).rglob("*.py"))
    return hashlib.blake2b(b"".join(f.read_bytes() for f in files), digest_size=8).hexdigest()
