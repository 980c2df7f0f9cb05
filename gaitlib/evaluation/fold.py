"""One fold: train on its training trials, predict its test trials, and tell what was learnt from whom."""

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from gaitlib.encoders import Encode
from gaitlib.encoders.origins import origin
from gaitlib.ensemble import Ensemble
from gaitlib.ensemble_sides import recorded_ids
from gaitlib.estimator import GaitEstimator
from gaitlib.protocols.folds import Fold
from gaitlib.targets import as_labels
from gaitlib.training.settings_of import stops_early
from gaitlib.trials import TrialSet


@dataclass(frozen=True, eq=False)
class FoldOutcome:
    """What a trained fold hands to the store.

    Attributes
    ----------
    heads : dict of str to (str, pandas.DataFrame)
        Kind of the target and predictions of every head, the primary one first.
    history : dict of str to list
        One number an epoch.
    resources : dict
    learnt : dict
        ``fitted_on`` and ``watched`` (ids), ``steps``: each that learns, with the ids that it was fitted on (None where
        these are those of ``fitted_on``) and their subjects; and ``recordings``: digests of those that encoders have
        learnt from.
    files : dict of str to bytes
        The saved classifier: its files, by their places in its folder.
    """

    heads: dict[str, tuple[str, pd.DataFrame]]
    history: dict
    resources: dict
    learnt: dict
    files: dict[str, bytes]

    @property
    def tested(self) -> pd.DataFrame:
        """What the primary head says of the test trials."""
        _, table = next(iter(self.heads.values()))
        return table[table["part"] == "test"]


def train_fold(template: GaitEstimator, trials: TrialSet, fold: Fold, seed: int) -> FoldOutcome:
    """Train and test a classifier in a fold."""
    model = clone(template).set_params(seed=fold_seed(seed, template.seed, fold.name), progress=False)
    if not isinstance(model, Ensemble):  # whose members hold back people of their own
        model.set_params(validation=None)
    train, watched = fold.train, fold.validation
    if not _watches(model, trials):
        train, watched = np.concatenate([train, watched]), watched[:0]
    model.fit(
        trials[train],
        validation=trials[watched] if len(watched) else None,
        unlabelled=_without_targets(trials[fold.unlabelled]) if len(fold.unlabelled) else None,
    )
    parts = {"test": fold.test, "validation": watched}
    said = [_predictions(model, trials[index], part) for part, index in parts.items() if len(index)]
    kinds = {name: target.kind for name, target in model.heads_.items()}
    return FoldOutcome(
        {name: (kind, pd.concat([one[name] for one in said], ignore_index=True)) for name, kind in kinds.items()},
        model.history_.to_dict(orient="list"),
        model.resources_ | {"seed": model.seed},
        _learnt(model, trials[fold.test[:1]]),
        _saved(model),
    )


def _without_targets(trials) -> TrialSet:
    """No label and no declared target, so that nothing can learn them by mistake."""
    return replace(trials, table=trials.table.assign(label=None, **dict.fromkeys(trials.kinds, np.nan)))


def _watches(model, trials) -> bool:
    """Whether validation trials serve a purpose: to stop early, or to choose the threshold of a binary head."""
    return stops_early(model) or any(trials.target(head).kind == "binary" for head in model.head_names)


def _predictions(model, trials, part) -> dict[str, pd.DataFrame]:
    """By head a row a trial, also where the target is unknown: true and predicted class or value, probabilities."""
    tables = {}
    for name, told in model.predict_heads(trials).items():
        learnt, target = model.heads_[name], trials.target(name)
        table = trials.table[["trial", "subject", "walk"]].reset_index(drop=True)
        if learnt.kind == "continuous":
            tables[name] = table.assign(label=target.values, part=part, predicted=told)
            continue
        proba = pd.DataFrame(told, columns=learnt.classes)
        label = as_labels(name, target)
        table = table.assign(label=label, part=part, predicted=np.array(learnt.classes)[told.argmax(axis=1)])
        tables[name] = pd.concat([table, proba], axis=1)
    return tables


def _learnt(model, trial) -> dict:
    """Read off a trial that goes through the fitted steps: a pretrained, frozen step tells its own trials there."""
    own, steps, digests = model.fitted_on_, [], set()
    for name, part in model.fitted_parts.items():
        prepared, _ = part.prepare(trial)
        found = [(e.step, e.fitted_on, e.subjects) for e in prepared.history if e.fitted_on]
        # One behind other steps saw what these made, whose digests are not those of recordings.
        encoders = [step.encoder_ for step in list(part.steps_)[:1] if isinstance(step, Encode)]
        started = part.started_from_ + [origin(encoder) for encoder in encoders]
        found += [(step, ids, people) for step, ids, people, _ in started]
        digests.update(*(recordings for *_, recordings in started))
        if part is not model:
            found = [(f"{name}: {step}", recorded_ids(ids), people) for step, ids, people in found]
        steps += found
    return {
        "recordings": sorted(digests),
        "fitted_on": list(own),
        "watched": list(model.watched_),
        "steps": [[name, None if set(ids) == set(own) else list(ids), list(people)] for name, ids, people in steps],
    }


def _saved(model) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def fold_seed(run_seed: int, model_seed: int, fold_name: str) -> int:
    """The seed of a fold: it does not depend on which folds ran before."""
    text = f"{run_seed}/{model_seed}/{fold_name}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
