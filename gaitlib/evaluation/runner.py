"""Train and test models under protocols, fold by fold, and go on where a stopped benchmark ended."""

import gc
import hashlib
import importlib
import json
import os
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.base import clone
from tqdm.auto import tqdm

import gaitlib
from gaitlib import saving
from gaitlib.classifier import GaitClassifier
from gaitlib.errors import GaitDataError
from gaitlib.evaluation.protocols import Fold, LeaveOneSubjectOut, Protocol
from gaitlib.evaluation.results import Run, Runs
from gaitlib.evaluation.store import RUN_COLUMNS, TEXT_COLUMNS, RunStore
from gaitlib.models import Head
from gaitlib.training import has_gpu, thread_count

PROBE_TRIALS_A_CLASS = 4
ONE_THREAD = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
READERS = ("results", "over_time", "reconstruction", "statistics", "__init__")
VERSIONS = ("gaitlib", "keras", "numpy", "sklearn")


def benchmark(
    models, trials, protocols=None, store="results/runs", seed=0, progress=True, custom_objects=None, n_jobs=1
) -> Runs:
    """Train and test every model under every protocol.

    Each fold is stored the moment it ends; folds that are in the store already are read, not trained again. All
    that learns (steps, network, early stopping) sees the training and validation trials of its fold only.

    Parameters
    ----------
    models : str, builder, GaitClassifier, or a list or dict of them
        A dict names them; else the model's name is taken. A classifier's own ``validation`` does not count here: the
        protocol says which trials are watched.
    trials : TrialSet
    protocols : sequence of Protocol, optional
        Default: leave-one-subject-out.
    store : path
    seed : int
        Each fold's own seed comes from this one, the classifier's and the fold's name.
    progress : bool
        Show bars.
    custom_objects : dict, optional
        Your own steps, builders or layers, to load stored classifiers.
    n_jobs : int
        Folds trained at once on a CPU, each in a process with one thread (of TensorFlow; JAX takes what it likes); -1
        takes all cores. 1 trains here, one fold after the other, with all threads. The number of threads is part of a
        run's key, as it changes the last digits of some models.

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
    folds_of = {protocol.name: protocol.folds(trials) for protocol in protocols}
    for protocol in protocols:
        _check_history(trials, protocol, folds_of[protocol.name])
    # Everything is built once before anything is trained: a mistake in the last model costs no hours.
    n_jobs = effective_n_jobs(n_jobs)
    if n_jobs > 1 and has_gpu():
        raise GaitDataError("folds cannot share a GPU: use n_jobs=1 there")
    threads = thread_count() if n_jobs == 1 else 1
    planned = [
        (name, model, protocol, _describe(name, model, trials, protocol, folds_of[protocol.name], seed, threads))
        for name, model in named.items()
        for protocol in protocols
    ]
    stores, missing = [], []
    for name, model, protocol, description in planned:
        label = re.sub(r"[^A-Za-z0-9_]+", "-", f"{name}-{type(protocol).__name__}")
        kept = RunStore(store, label, saving.digest(description), description)
        stores.append(kept)
        folds = folds_of[protocol.name]
        missing += [(kept, name, model, protocol, fold) for fold in folds if kept.read(fold.name) is None]
    with tqdm(total=len(named) * sum(map(len, folds_of.values())), desc="folds", disable=not progress) as bar:
        bar.update(bar.total - len(missing))
        if n_jobs == 1:
            for kept, name, model, protocol, fold in missing:
                bar.set_postfix_str(f"{name}, {protocol.name}, {fold.name}")
                _run_fold(kept, name, model, trials, protocol, fold, seed, progress)
                gc.collect()  # Keras models hold themselves in cycles, with the data they were trained on
                bar.update()
        else:
            for place in _run_in_processes(missing, trials, seed, n_jobs):
                bar.set_postfix_str(place)
                bar.update()
    runs = []
    for (name, _, protocol, _), kept in zip(planned, stores, strict=True):
        results = [kept.read(fold.name) for fold in folds_of[protocol.name]]
        runs.append(Run(name, protocol.name, protocol.claim, results))
    return Runs(runs, trials.name, trials.classes, custom_objects)


def _run_in_processes(missing, trials, seed, n_jobs):
    """Train folds in processes of one thread each; yields the place of each as it ends."""
    jobs = (delayed(_run_fold_there)(*fold, trials, seed) for fold in missing)
    with warnings.catch_warnings():
        # joblib replaces a process whose memory has grown, as that of Keras does; nothing is lost by it
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        with parallel_config("loky", inner_max_num_threads=1):
            yield from Parallel(n_jobs, return_as="generator_unordered")(jobs)


def _run_fold_there(kept, name, model, protocol, fold, trials, seed) -> str:
    os.environ.update(ONE_THREAD)  # read when the backend runs its first operation
    _run_fold(kept, name, model, trials, protocol, fold, seed, progress=False)
    gc.collect()
    return f"{name}, {protocol.name}, {fold.name}"


def _check_names(protocols, trials) -> None:
    """Refuse names that could not be told apart in the tables."""
    names = [protocol.name for protocol in protocols]
    if len(set(names)) < len(names):
        raise GaitDataError("two protocols of the same name in one benchmark; run them in two, with their own tables")
    if clash := set(trials.classes) & {*TEXT_COLUMNS, *RUN_COLUMNS}:
        raise GaitDataError(f"a class may not be called {', '.join(sorted(clash))}: the tables use that name")


def _check_history(trials, protocol, folds) -> None:
    """Refuse trials that went through a step which had learnt from trials that are now tested."""
    for fold in folds:
        tested = set(trials.ids[fold.test])
        for entry in trials.history:
            if tested & set(entry.fitted_on):
                raise GaitDataError(
                    f"{protocol.name}, fold {fold.name}: the trials have been through {entry.step}, which was fitted "
                    "on trials of this test fold; give the raw trials and put that step into GaitClassifier(steps=...)"
                )


def _named_models(models) -> dict[str, GaitClassifier]:
    if not isinstance(models, (dict, list, tuple)):
        models = [models]
    if not isinstance(models, dict):
        models = [m if isinstance(m, GaitClassifier) else GaitClassifier(m) for m in models]
        names = [m.builder().name for m in models]
        if len(set(names)) < len(names):
            raise GaitDataError(f"two models of the same name in {names}; give a dict that names them")
        models = dict(zip(names, models, strict=True))
    return {n: m if isinstance(m, GaitClassifier) else GaitClassifier(m) for n, m in models.items()}


def _run_fold(kept, name, template, trials, protocol: Protocol, fold: Fold, seed, progress):
    model = clone(template).set_params(
        seed=fold_seed(seed, template.seed, fold.name),
        validation=None,
        progress=f"{name}, {fold.name}" if progress else False,
    )
    train, watched = fold.train, fold.validation
    if model.builder().classical:  # nothing to stop early, so nothing is held back
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
    kept.write(fold.name, predictions, model, model.resources_ | {"seed": model.seed})


def _predictions(model, trials, part) -> pd.DataFrame:
    proba = pd.DataFrame(model.predict_proba(trials), columns=model.classes_)
    table = trials.table[["trial", "subject", "walk", "label"]].reset_index(drop=True)
    table = table.assign(part=part, predicted=model.classes_[proba.to_numpy().argmax(axis=1)])
    return pd.concat([table, proba], axis=1)


def fold_seed(run_seed: int, model_seed: int, fold_name: str) -> int:
    """The seed of a fold: it does not depend on which folds ran before."""
    text = f"{run_seed}/{model_seed}/{fold_name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def _describe(name, model, trials, protocol, folds, seed, threads) -> dict:
    """Everything that the result of a run depends on; its digest is the key of the run in the store."""
    try:
        saving.check_can_be_saved(model.get_params(deep=False))
        _require_complete(model, trials)
        built = _build_once(model, trials[folds[0].train])
    except Exception as error:
        raise GaitDataError(f"{name}, {protocol.name}: cannot be built or kept: {error}") from error
    backend = keras.backend.backend()
    return {
        "data": {"name": trials.name, "digest": trials.digest(), "trials": len(trials)},
        "protocol": saving.spec(protocol),
        "folds": {f.name: saving.digest([f.train, f.validation, f.test]) for f in folds},
        "classifier": saving.spec(clone(model).set_params(progress=False)),
        "built": built,
        "code": _code(),
        "seed": seed,
        "device": {"backend": backend, "gpu": has_gpu(), "threads": threads},
        "versions": {module: importlib.import_module(module).__version__ for module in (*VERSIONS, backend)},
    }


def _require_complete(model, trials) -> None:
    """Refuse trials that lack a modality which the model reads."""
    read = getattr(model.steps_of(trials)[-1], "modalities", None) or trials.modalities
    for name in read:
        present = trials.modalities[name].present() if name in trials.modalities else np.ones(len(trials), bool)
        if not present.all():
            raise GaitDataError(
                f"{trials.ids[~present][0]} and {(~present).sum() - 1} more trials have no '{name}'; leave such trials "
                "out (gaitlib.study.complete does) or take a model that does not read it"
            )


def _build_once(model, training_trials) -> dict:
    """Fit the steps on a few training trials and build the network for them: what really runs, not its name."""
    builder = model.builder()
    steps = model.steps_of(training_trials)
    first = [np.flatnonzero(training_trials.labels == c)[:PROBE_TRIALS_A_CLASS] for c in training_trials.classes]
    few = training_trials[np.concatenate(first)]
    described = {"steps": saving.spec(steps)}
    briefly = clone(steps)
    briefly.set_params(**{name: 1 for name in briefly.get_params() if name.endswith("__epochs")})
    try:
        fitted = briefly.fit(few)
    except ValueError:  # a PCA, say, that needs more rows than these
        fitted = briefly.fit(training_trials)
    saving.check_can_be_saved({"steps": fitted})
    if builder.classical:
        return described | {"classical": saving.spec(builder.build_classical(0))}
    shapes = {m: x.shape[1:] for m, x in fitted.transform(few).inputs.items()}
    network = builder.build_network(shapes, {"": Head("class", len(training_trials.classes))})
    own = {type(layer) for layer in network.layers if type(layer).__module__.split(".")[0] not in ("keras", "gaitlib")}
    sources = sorted(saving.digest(layer) for layer in own)
    return described | {"inputs": saving.spec(shapes), "config": saving.digest(_canonical(network)), "layers": sources}


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
    """Digest of the package's own code, less what only draws or reads results."""
    package = Path(gaitlib.__file__).parent
    readers = {package / f"{name}.py" for name in ("study", "published", "demo")}
    readers |= {package / "evaluation" / f"{name}.py" for name in READERS}
    readers |= {*package.glob("plots/*.py"), *package.glob("explain/*.py")}
    files = sorted(set(package.rglob("*.py")) - readers)
    return hashlib.blake2b(b"".join(f.read_bytes() for f in files), digest_size=8).hexdigest()
