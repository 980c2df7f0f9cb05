"""Train and test models under protocols, fold by fold, and go on where a stopped benchmark ended."""

import contextlib
import re
import warnings
from dataclasses import asdict, dataclass
from functools import partial

import cloudpickle
import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from tqdm.auto import tqdm

from gaitlib import saving
from gaitlib.audit.checks import audit_learnt, audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.audit.receipt import Receipt
from gaitlib.audit.target_leaks import input_leaks
from gaitlib.classifier import GaitClassifier
from gaitlib.errors import GaitDataError
from gaitlib.estimator import GaitEstimator
from gaitlib.evaluation.fold import FoldOutcome, train_fold
from gaitlib.evaluation.key import describe
from gaitlib.evaluation.processes import NURSERY, ProcessDiedError, dumps
from gaitlib.evaluation.store import RunStore
from gaitlib.evaluation.trained import TrainedRuns
from gaitlib.protocols.folds import Fold
from gaitlib.protocols.new_people import LeaveOneSubjectOut
from gaitlib.results.runs import Run
from gaitlib.results.stored import RUN_COLUMNS, TEXT_COLUMNS, About
from gaitlib.training.device import chosen_device, has_gpu, set_device

CHANGED = "changed on disk after it was written, while the benchmark ran; run it again"
GIVE_UP_AFTER = 3  # folds that failed for one reason
TRIES = 3  # where a worker of a cluster dies with data that no other has
LOST = ("FutureCancelledError", "CancelledError")  # as Dask calls that
_LAST_COPIES = {}  # by the digest of the trials


def benchmark(
    models,
    trials,
    protocols=None,
    store="results/runs",
    seed=0,
    progress=True,
    custom_objects=None,
    n_jobs=None,
    n_threads=1,
    strict=True,
) -> TrainedRuns:
    """Train and test every model under every protocol.

    Each fold is trained in a fresh process and stored the moment it ends; folds that are in the store already are
    read, not trained again. All that learns (steps, network, early stopping) sees the training and validation trials
    of its fold only.

    Parameters
    ----------
    models : str, builder, GaitClassifier, GaitRegressor, or a list or dict of them
        A dict names them; else the model's name is taken. A classifier's own ``validation`` does not count here: the
        protocol says which trials are watched.
    trials : TrialSet
    protocols : sequence of Protocol, optional
        Default: leave-one-subject-out.
    store : path
    seed : int
        Each fold's own seed comes from this one, the classifier's and the fold's name.
    progress : bool
        Show a bar and the receipt of the audit.
    custom_objects : dict, optional
        Your own steps, builders or layers, to load stored classifiers.
    n_jobs : int, optional
        Folds trained at once; -1 takes all cores. Default 1, or what ``joblib.parallel_config`` says: with its
        ``backend="dask"`` the folds are trained by the workers of a Dask cluster.
    n_threads : int
        Threads, and cores, of a fold. Part of a run's key, as it changes the last digits of some models; with equal
        threads the numbers are those of a serial run, whatever ``n_jobs`` is.
    strict : bool
        Raise where the audit sees a leak: in trials and folds before anything is trained, in pretrained steps
        afterwards. Otherwise the receipt tells.

    Returns
    -------
    TrainedRuns
        A fold that fails (its loss is no number, its process is killed) is in ``runs.failures()``; the others go on.
        It is tried again by the next call. A model whose first three folds fail for one reason stops with it. What lies
        in the store and is not what was written there is renamed, named in a warning and in ``runs.skipped``, and
        trained again.

    Raises
    ------
    GaitDataError
        If a protocol cannot be met, a model cannot be built, no model can be trained, a leak is found, or the store
        cannot be written.
    """
    again = partial(
        benchmark, models=models, trials=trials, protocols=protocols, store=store, seed=seed, progress=progress,
        custom_objects=custom_objects, n_jobs=n_jobs, n_threads=n_threads, strict=strict,
    )  # fmt: skip
    protocols = [LeaveOneSubjectOut()] if protocols is None else list(protocols)
    named = _named_models(models)
    judged = trials.judged_by(_primary(named))
    _check_names(protocols, judged)
    folds_of = {protocol.name: protocol.folds(judged) for protocol in protocols}
    about = About.of(trials)
    copies = _copies_of(trials, about.digest)
    found = {p.name: audit_split(judged, p, folds_of[p.name], copies) + input_leaks(trials, p) for p in protocols}
    if strict:
        Receipt(sum(found.values(), []), trials.name).raise_leaks()
    if has_gpu():
        with contextlib.suppress(GaitDataError):  # it has been used already, so its memory is taken
            set_device(**chosen_device())  # else what is built here would take all memory from the folds
    if has_gpu() and effective_n_jobs(n_jobs) > 1:
        raise GaitDataError("folds cannot share a GPU: use n_jobs=1 there")
    planned = [
        (
            name,
            model,
            protocol,
            describe(name, model, trials, about, protocol, folds_of[protocol.name], seed, n_threads),
        )
        for name, model in named.items()
        for protocol in protocols
    ]
    places, missing = [], []
    for name, _, protocol, description in planned:
        label = re.sub(r"[^A-Za-z0-9_]+", "-", f"{name}-{type(protocol).__name__}")
        run = {"model": name, "what": named[name].builder().what, "protocol": protocol.name}
        run |= {"claim": asdict(protocol.claim), "data": asdict(about)}
        run |= {"folds": [fold.name for fold in folds_of[protocol.name]], "heads": named[name].head_names}
        places.append(RunStore(store, label, saving.digest(description), description, run))
        tasks = [_Task(len(places) - 1, name, protocol.name, fold) for fold in folds_of[protocol.name]]
        missing += [task for task in tasks if places[-1].read(task.fold.name) is None]
    cargo, lost_causes = _Cargo(dumps((chosen_device(), named, trials, seed)), n_threads), _LostCauses()
    failed = [{} for _ in places]
    with tqdm(total=len(named) * sum(map(len, folds_of.values())), desc="folds", disable=not progress) as bar:
        bar.update(bar.total - len(missing))
        so_far = {}
        for task, outcome in _train_apart(missing, cargo, n_jobs, lost_causes):
            if isinstance(outcome, FoldOutcome):
                places[task.place].write(task.fold.name, outcome)
                so_far.setdefault(task.place, []).append(outcome.tested)
                bar.set_postfix_str(f"{task.model}, {task.protocol}: {_so_far(so_far[task.place])}")
            else:
                failed[task.place][task.fold.name] = outcome
                places[task.place].note_failure(task.fold.name, outcome)
            lost_causes.add(task.model, outcome)
            bar.update()
    if (reason := lost_causes.of_all(named)) and len(missing) == sum(map(len, folds_of.values())) * len(named):
        raise GaitDataError(f"no fold of any model could be trained; the first: {reason}")
    results = [
        {fold.name: place.read(fold.name) for fold in folds_of[protocol.name] if fold.name not in own}
        for (_, _, protocol, _), place, own in zip(planned, places, failed, strict=True)
    ]
    for own, read in zip(failed, results, strict=True):
        own |= {fold: CHANGED for fold, result in read.items() if result is None}
    reasons = [
        f"{name}, {protocol.name}, fold {fold}: {reason}"
        for (name, _, protocol, _), own in zip(planned, failed, strict=True)
        for fold, reason in own.items()
    ]
    if reasons:
        warnings.warn(f"{len(reasons)} folds failed (runs.failures()), the first: {reasons[0]}", stacklevel=2)
    runs, findings = [], sum(found.values(), [])
    for (name, _, protocol, _), place, own, read in zip(planned, places, failed, results, strict=True):
        folds = [fold for fold in folds_of[protocol.name] if fold.name not in own]
        whole = [read[fold.name] for fold in folds]
        heads = named[name].head_names
        runs.append(Run(name, protocol.name, protocol.claim, whole, own, place.description, heads))
        learnt = [
            finding
            for fold, result in zip(folds, whole, strict=True)
            for finding in audit_learnt(trials, protocol, fold, result.learnt, name)
        ]
        place.keep_audit(Receipt(found[protocol.name] + learnt, trials.name).to_dict())
        findings += learnt
    receipt = Receipt(findings, trials.name)
    if progress:
        print(receipt.brief())
    if strict:
        receipt.raise_leaks()
    set_aside = [entry for place in places for entry in place.set_aside]
    return TrainedRuns(runs, trials, custom_objects, receipt, again, protocols, set_aside)


def _copies_of(trials, digest):
    """Copies among the trials; those of the last trials are kept, as controls and gaps ask about them again."""
    if digest not in _LAST_COPIES:
        _LAST_COPIES.clear()
        _LAST_COPIES[digest] = find_copies(trials)
    return _LAST_COPIES[digest]


@dataclass(frozen=True, eq=False)
class _Task:
    """A fold of a model under a protocol, and where among the stores its results go."""

    place: int
    model: str
    protocol: str
    fold: Fold


class _Cargo:
    """What every fold needs; its size tells Dask to send it once a worker."""

    def __init__(self, content: bytes, n_threads: int):
        self.content = content
        self.n_threads = n_threads

    def __sizeof__(self):
        return len(self.content)


class _LostCauses:
    """Models whose first folds all failed for one reason: the rest is not tried."""

    def __init__(self):
        self._outcomes = {}

    def add(self, model, outcome) -> None:
        """Note how a fold ended: a FoldOutcome, or why it failed."""
        self._outcomes.setdefault(model, []).append(outcome)

    def reason(self, model) -> str:
        """Why the model is given up; empty where it is not."""
        ended = self._outcomes.get(model, [])[:GIVE_UP_AFTER]
        # Numbers, as of an epoch, may differ.
        reasons = {re.sub(r"\d+", "", e) if isinstance(e, str) else None for e in ended}
        return ended[0] if len(ended) == GIVE_UP_AFTER and len(reasons) == 1 and None not in reasons else ""

    def of_all(self, models) -> str:
        """Why the first fold failed, where none of any model was trained; else empty."""
        ended = [e for model in models for e in self._outcomes.get(model, [None])]
        return ended[0] if all(isinstance(e, str) for e in ended) else ""


def _train_apart(tasks, cargo, n_jobs, lost_causes):
    """Train folds in fresh processes; yields each task with its outcome, or why it failed, as they end."""
    # A thread waits for each process. Another joblib backend that the caller has set, such as Dask, wins.
    parallel = Parallel(n_jobs, prefer="threads", return_as="generator_unordered")
    left = {(task.place, task.fold.name): task for task in tasks}
    for tries_left in reversed(range(TRIES)):
        try:
            for task, outcome in parallel(
                delayed(_run_task)(cargo, task, lost_causes.reason(task.model)) for task in list(left.values())
            ):
                del left[task.place, task.fold.name]
                yield task, outcome
            return
        except BaseException as error:  # interrupted, the store cannot be written, or a cluster lost what it was sent
            NURSERY.end_all()
            if not (tries_left and type(error).__name__ in LOST):
                raise


def _run_task(cargo, task, given_up):
    if given_up:
        return task, f"not tried, as the first {GIVE_UP_AFTER} folds failed: {given_up}"
    try:
        return task, NURSERY.run(_train, cargo.content, task.model, task.fold, threads=cargo.n_threads)
    except (GaitDataError, ProcessDiedError) as error:
        return task, str(error)
    except Exception as error:
        return task, f"{type(error).__name__}: {error}"


def _train(content, model, fold):
    device, named, trials, seed = cloudpickle.loads(content)
    set_device(**device)
    return train_fold(named[model], trials, fold, seed)


def _primary(named) -> str:
    """The head by which folds are stratified and models compared; it is that of all."""
    firsts = {name: model.primary for name, model in named.items()}
    if len(set(firsts.values())) > 1:
        said = ", ".join(f"{name}: {head}" for name, head in firsts.items())
        raise GaitDataError(f"the models of a benchmark have one first head, not several ({said}); run them in two")
    return next(iter(firsts.values()))


def _so_far(tables) -> str:
    """How well the primary head did in the folds that have ended."""
    table = pd.concat(tables).dropna(subset="label")
    if pd.api.types.is_numeric_dtype(table["label"]):
        return f"mean error so far {(table['label'] - table['predicted']).abs().mean():.3g}"
    return f"accuracy so far {(table['label'] == table['predicted']).mean():.2f}"


def _check_names(protocols, trials) -> None:
    """Refuse names that could not be told apart in the tables."""
    names = [protocol.name for protocol in protocols]
    if len(set(names)) < len(names):
        raise GaitDataError("two protocols of the same name in one benchmark; run them in two, with their own tables")
    if clash := set(trials.classes) & {*TEXT_COLUMNS, *RUN_COLUMNS}:
        raise GaitDataError(
            f"a class may not be called {', '.join(sorted(clash))}: the tables use that name; give it "
            "another where the labels come from, as walking for walk"
        )


def _named_models(models) -> dict[str, GaitEstimator]:
    if not isinstance(models, (dict, list, tuple)):
        models = [models]
    if not isinstance(models, dict):
        models = [m if isinstance(m, GaitEstimator) else GaitClassifier(m) for m in models]
        names = [m.builder().name for m in models]
        if len(set(names)) < len(names):
            raise GaitDataError(f"two models of the same name in {names}; give a dict that names them")
        models = dict(zip(names, models, strict=True))
    return {n: m if isinstance(m, GaitEstimator) else GaitClassifier(m) for n, m in models.items()}
