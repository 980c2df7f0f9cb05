"""Train and test models under protocols, fold by fold, and go on where a stopped benchmark ended."""

import gc
import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm.auto import tqdm

import gaitlib
from gaitlib import saving
from gaitlib.classifier import GaitClassifier
from gaitlib.errors import GaitDataError
from gaitlib.evaluation.protocols import Fold, LeaveOneSubjectOut, Protocol
from gaitlib.evaluation.results import Run, Runs
from gaitlib.evaluation.store import TEXT_COLUMNS, RunStore
from gaitlib.models import Head

PROBE_TRIALS_A_CLASS = 4


def benchmark(models, trials, protocols=None, store="results/runs", seed=0, progress=True, custom_objects=None) -> Runs:
    """Train and test every model under every protocol.

    Each fold is stored the moment it ends; folds that are in the store already are read, not trained again. All
    that learns (steps, network, early stopping) sees the training and validation trials of its fold only.

    Parameters
    ----------
    models : str, GaitClassifier, or a sequence or dict of them
        A dict names them; else the model's name is taken.
    trials : TrialSet
    protocols : sequence of Protocol, optional
        Default: leave-one-subject-out.
    store : path
    seed : int
        Each fold's own seed comes from this one and the fold's name.
    progress : bool
        Show bars.
    custom_objects : dict, optional
        Your own steps, builders or layers, to load stored classifiers.

    Returns
    -------
    Runs

    Raises
    ------
    GaitDataError
        If a protocol cannot be met or a fold fails, naming model, protocol and fold; finished folds are kept.
    """
    protocols = [LeaveOneSubjectOut()] if protocols is None else list(protocols)
    named = _named_models(models)
    _check_names(protocols, trials)
    for template in named.values():
        saving.check_can_be_saved(template.get_params(deep=False))
    planned = [(protocol, protocol.folds(trials)) for protocol in protocols]
    total = sum(len(folds) for _, folds in planned) * len(named)
    runs = []
    with tqdm(total=total, desc="folds", disable=not progress) as bar:
        for name, template in named.items():
            for protocol, folds in planned:
                results = []
                kept = _store_of(store, name, template, trials, protocol, folds, seed)
                for fold in folds:
                    bar.set_postfix_str(f"{name}, {protocol.name}, {fold.name}")
                    result = kept.read(fold.name)
                    if result is None:
                        result = _run_fold(kept, name, template, trials, protocol, fold, seed, progress)
                        gc.collect()  # Keras models hold themselves in cycles, with the data they were trained on
                    results.append(result)
                    bar.update()
                runs.append(Run(name, protocol.name, protocol.claim, results))
    return Runs(runs, trials.name, trials.classes, custom_objects)


def _check_names(protocols, trials) -> None:
    """Refuse names that could not be told apart in the tables."""
    names = [protocol.name for protocol in protocols]
    if len(set(names)) < len(names):
        raise GaitDataError("two protocols of the same name in one benchmark; run them in two, with their own tables")
    if clash := set(trials.classes) & set(TEXT_COLUMNS):
        raise GaitDataError(
            f"a class may not be called {', '.join(sorted(clash))}: the tables use that name; rename it"
        )


def _named_models(models) -> dict[str, GaitClassifier]:
    if isinstance(models, (str, GaitClassifier)):
        models = [models]
    if not isinstance(models, dict):
        models = {(m if isinstance(m, str) else GaitClassifier._builder(m).name): m for m in models}
    return {n: GaitClassifier(m) if isinstance(m, str) else m for n, m in models.items()}


def _run_fold(kept, name, template, trials, protocol: Protocol, fold: Fold, seed, progress):
    model = clone(template).set_params(
        seed=fold_seed(seed, fold.name), validation=None, progress=f"{name}, {fold.name}" if progress else False
    )
    train, watched = fold.train, fold.validation
    if model._builder().kind == "classical":  # nothing to stop early, so nothing is held back
        train, watched = np.concatenate([train, watched]), watched[:0]
    parts = {"test": fold.test, "validation": watched}
    try:
        model.fit(trials[train], validation=trials[watched] if len(watched) else None)
        predictions = pd.concat(
            [_predictions(model, trials[index], part) for part, index in parts.items() if len(index)],
            ignore_index=True,
        )
    except GaitDataError as error:
        raise GaitDataError(f"{name}, {protocol.name}, fold {fold.name}: {error}") from error
    return kept.write(fold.name, predictions, model, model.resources_ | {"seed": model.seed})


def _predictions(model, trials, part) -> pd.DataFrame:
    proba = pd.DataFrame(model.predict_proba(trials), columns=model.classes_)
    table = trials.table[["trial", "subject", "walk", "label"]].reset_index(drop=True)
    table = table.assign(part=part, predicted=model.classes_[proba.to_numpy().argmax(axis=1)])
    return pd.concat([table, proba], axis=1)


def fold_seed(seed: int, fold_name: str) -> int:
    """The seed of a fold: it does not depend on which folds ran before."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{fold_name}".encode(), digest_size=4).digest(), "big") >> 1


def _store_of(store, name, template, trials, protocol, folds, seed) -> RunStore:
    """The run's folder. Its key covers everything that the result depends on."""
    description = {
        "data": {"name": trials.name, "digest": trials.digest(), "trials": len(trials)},
        "protocol": saving.spec(protocol),
        "folds": {f.name: saving.digest([f.train, f.validation, f.test]) for f in folds},
        "classifier": saving.spec(clone(template).set_params(seed=0, progress=False)),
        "network": _built(template, trials[folds[0].train]),
        "code": _code(),
        "seed": seed,
        "backend": keras.backend.backend(),
        "versions": {p: version(p) for p in ("gaitlib", "keras", "numpy", "scikit-learn", keras.backend.backend())},
    }
    label = re.sub(r"[^A-Za-z0-9_]+", "-", f"{name}-{type(protocol).__name__}")
    return RunStore(store, label, saving.digest(description), description)


def _built(template, training_trials) -> dict:
    """Steps and configuration of the network as built for a few training trials: what really runs, not its name.

    It also finds settings that cannot work before any long training.
    """
    few = np.concatenate(
        [np.flatnonzero(training_trials.labels == c)[:PROBE_TRIALS_A_CLASS] for c in training_trials.classes]
    )
    builder = GaitClassifier._builder(template)
    steps = GaitClassifier._steps(template, training_trials)
    described = {"steps": saving.spec(steps)}
    if builder.kind == "classical":
        return described | {"classical": saving.spec(builder.build_classical(0))}
    samples = clone(steps).fit(training_trials[few]).transform(training_trials[few])
    shapes = {m: x.shape[1:] for m, x in samples.inputs.items()}
    network = builder.build_network(shapes, {"": Head("class", len(training_trials.classes))})
    return described | {"inputs": saving.spec(shapes), "config": saving.digest(_canonical(network))}


def _canonical(network) -> dict:
    """The configuration without layer names, which count what was built before in this process."""
    names = {layer.name: f"layer{i}" for i, layer in enumerate(network.layers)} | {network.name: "network"}

    def rename(value):
        if isinstance(value, dict):
            return {k: rename(v) for k, v in value.items()}
        if isinstance(value, list):
            return [rename(v) for v in value]
        return names.get(value, value) if isinstance(value, str) else value

    return rename(json.loads(network.to_json()))


def _code() -> str:
    """Digest of the package's own code that a result depends on."""
    package = Path(gaitlib.__file__).parent
    parts = ["classifier.py", "conventions.py", "recipes.py", "training.py", "validation.py"]
    files = (
        [package / p for p in parts] + sorted(package.glob("preprocessing/*.py")) + sorted(package.glob("models/*.py"))
    )
    return hashlib.blake2b(b"".join(f.read_bytes() for f in files), digest_size=8).hexdigest()
