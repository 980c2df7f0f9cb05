"""Which way of learning without labels is worth it, on which task: variants of pretraining against the same untrained.

All people of all datasets of a folder are dealt into three groups. For each group and variant one encoder learns from
the recordings of the other two, and is asked about every dataset: trees on its codes of whole recordings, with the
labels of two people a class, five draws, told of new people. The encoder as it was drawn is asked the same. So a fold's
encoder serves all tasks. "larger" windows are compared to untrained codes of such windows. Codes are kept in STORE.

Usage: python benchmarks/pretraining_variants.py DATA [STORE] [EPOCHS]
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold

import gaitlib
from gaitlib import Encode, Encoder, LabelBudget, LeaveOneGroupOut, Pretraining
from gaitlib.models import Builder
from gaitlib.preprocessing import SpectralStatistics, SummaryStatistics
from gaitlib.recipes import imu_steps
from gaitlib.training import RotateSensor

PARTS, DRAWS, PEOPLE, SEED = 3, 5, 2, 0
FRAMES, LARGER = 128, 256


def variants(epochs) -> dict[str, tuple[int, Pretraining]]:
    """Length of a window and settings of each; "untrained" ones have a rate of zero."""

    def learning(n=epochs, **settings):
        return Pretraining(n, learning_rate=2e-3, patience=n, **settings)

    untrained = Pretraining(epochs=1, learning_rate=0.0)
    return {
        "untrained": (FRAMES, untrained),
        "untrained, larger": (LARGER, untrained),
        "unit of recordings": (FRAMES, learning(compared_in="recordings")),
        "unit of window": (FRAMES, learning()),
        "larger": (LARGER, learning()),
        "unit of patch": (FRAMES, learning(compared_in="patch")),
        "spans of four": (FRAMES, learning(span=4)),
        "sensor rotated": (FRAMES, learning(augment=(RotateSensor(),))),
        "epochs, three times as many": (FRAMES, learning(3 * epochs)),
        "statistics": (FRAMES, None),
    }


def features(trials, train, frames, pretraining) -> np.ndarray:
    """Of all recordings, by an encoder of the training ones; without pretraining, statistics of the signals."""
    if pretraining is None:
        made = SpectralStatistics(["imu"]).fit(trials).transform(trials)
    else:
        plan = Encoder(Builder("masked_autoencoder", preset="tiny"), [], "imu", frames, frames // 2, pretraining)
        coded = Encode(plan.fit(trials[train]), "trial").fit(trials).transform(trials)
        made = SummaryStatistics(["imu"]).fit(coded).transform(coded)
    (x,) = made.inputs.values()
    return x


def asked(trials, x, part) -> list[dict]:
    """Accuracy of each tested person of each dataset, for the features that people outside a part have taught."""
    rows = []
    for dataset in trials.table["dataset"].unique():
        own = np.flatnonzero((trials.table["dataset"] == dataset) & trials.table["label"].notna())
        task = trials[own]
        for draw in range(DRAWS):
            budget = LabelBudget(LeaveOneGroupOut("part", validation=False), people=PEOPLE, draw=draw)
            fold = next(f for f in budget.folds(task) if set(task.table["part"].iloc[f.test]) == {part})
            y = task.table["label"].to_numpy(dtype=str)
            model = ExtraTreesClassifier(300, class_weight="balanced", n_jobs=2, random_state=draw)
            right = model.fit(x[own[fold.train]], y[fold.train]).predict(x[own[fold.test]]) == y[fold.test]
            told = pd.Series(right).groupby(task.subjects[fold.test]).agg(["sum", "size"]).reset_index(names="subject")
            rows += told.assign(dataset=dataset, draw=draw, part=part).to_dict("records")
    return rows


def difference(rows, others, seed=SEED) -> str:
    """In points over the recordings of the same people, with a percentile interval over people, and draws ahead."""
    key = ["subject", "draw"]
    both = rows.merge(others, on=key, suffixes=("", "_other"))
    gain = (both["sum"] - both["sum_other"]).groupby([both["subject"], both["draw"]]).sum().unstack()
    n = both.groupby("subject")["size"].first()
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(n), (2000, len(n)))
    each = gain.mean(axis=1).reindex(n.index).to_numpy()
    means = each[drawn].sum(axis=1) / n.to_numpy()[drawn].sum(axis=1)
    low, high = 100 * np.percentile(means, [2.5, 97.5])
    return f"{100 * each.sum() / n.sum():5.1f} [{low:5.1f}, {high:5.1f}] {(gain.sum() > 0).sum()} of {DRAWS}"


def main(data, store="results/pretraining_variants", epochs=60):
    trials = _all_labelled(data)
    store = Path(store)
    store.mkdir(parents=True, exist_ok=True)
    tables = {}
    for name, (frames, pretraining) in variants(int(epochs)).items():
        began, rows = time.process_time(), []
        for part in sorted(trials.table["part"].unique()):
            file = store / f"{name.replace(' ', '_').replace(',', '')}-{epochs}-{part}.npy"
            if not file.exists():
                train = (trials.table["part"] != part).to_numpy()
                np.save(file, features(trials, train, frames, pretraining))
            rows += asked(trials, np.load(file), part)
        table = tables[name] = pd.DataFrame(rows)
        print(f"{name}   {time.process_time() - began:.0f} CPU s", flush=True)
        for dataset, own in table.groupby("dataset"):
            against = "untrained, larger" if name == "larger" else "untrained"
            other = tables[against]
            gain = difference(own, other[other["dataset"] == dataset])
            share = own["sum"].sum() / own["size"].sum()
            print(
                f"    {dataset:<10} {own['subject'].nunique():3} people  {share:.3f}   over {against}: {gain}",
                flush=True,
            )


def _all_labelled(data):
    """All sets with their own labels, through the steps that learn nothing; people of each are dealt into parts."""
    trials = gaitlib.load_imu(sorted(Path(data).glob("*.zip")) or data, units="detected")
    for _, step in imu_steps():
        trials = step.fit(trials).transform(trials)
    parts = np.empty(len(trials), dtype=object)
    for dataset in trials.table["dataset"].unique():
        own = np.flatnonzero(trials.table["dataset"] == dataset)
        deal = GroupKFold(PARTS, shuffle=True, random_state=SEED).split(own, groups=trials.subjects[own].astype(str))
        for i, (_, test) in enumerate(deal):
            parts[own[test]] = f"part{i}"
    return replace(trials, table=trials.table.assign(part=parts))


if __name__ == "__main__":
    main(*sys.argv[1:])
