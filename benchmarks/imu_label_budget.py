"""What labels are worth with an encoder that learnt without them: models by number of labelled people, on new people.

In each fold an encoder learns without labels from all recordings of a folder but those of the tested people: from the
other datasets and the training side of the dataset that is asked about. Its labels are given for 1, 2, 5 and all people
a class, five draws each, and for 5 and 25 % of the walks of all people. Networks train a fixed number of steps. A probe
of the encoder as it was drawn, before it learnt anything, says what its features are worth without any pretraining.
Everything is kept: a stopped run goes on where it was, and the draws of a fold share its encoder.

"transfer": the encoder learns from the other datasets only. "across": no recording of the tested dataset is learnt
from, neither with labels nor without; for DATASET "falls", fall or daily activity in all sets that have such codes.

Usage: python benchmarks/imu_label_budget.py DATA DATASET [people | walks | transfer | across] [STORE]
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import Encode, Encoder, GaitClassifier, LabelBudget, LeaveOneGroupOut, Pretraining, SubjectKFold, Training
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, SpectralStatistics, SummaryStatistics, Tensors
from gaitlib.recipes import imu_steps
from gaitlib.results import budget_differences, budget_table

FRAMES, HOP = 128, 64
DRAWS, PEOPLE, SHARES = 5, (2, 1, 5), (0.05, 0.25)
STEPS, BATCH = 400, 32  # of a network, in all; at least ten and at most forty times through its windows
FALLS = "falls"
PRESET = {"preset": "tiny"}
PRETRAINING = Pretraining(epochs=100, learning_rate=2e-3, patience=25)


def prepared(data, dataset):
    """All recordings through the steps, which learn nothing; labels of one dataset only."""
    trials = gaitlib.load_imu(sorted(Path(data).glob("*.zip")) or data, units="detected")
    for _, step in imu_steps():
        trials = step.fit(trials).transform(trials)
    label = trials.table["label"].astype("string")
    if dataset == FALLS:
        own = label.str.fullmatch(r"[DF]\d\d").fillna(False)
        label = label.str[0].map({"F": "fall", "D": "daily activity"})
    else:
        own = trials.table["dataset"] == dataset
    if not own.any():
        raise SystemExit(f"no '{dataset}' there; there are {', '.join(trials.table['dataset'].unique())}, {FALLS}")
    beside = sorted(set(trials.table.loc[~own, "dataset"]))
    table = trials.table.assign(label=label.astype(object).where(own, None))
    return replace(trials, table=table, name=f"{dataset}, beside it without labels {', '.join(beside)}")


def planned(pretraining, store) -> Encoder:
    """An encoder that learns in each fold, and is kept for the draws of it."""
    model = Builder("masked_autoencoder", **PRESET)
    return Encoder(model, [], "imu", FRAMES, HOP, pretraining, store=str(store / "encoders"))


def models(plan, n_windows, store) -> dict[str, GaitClassifier]:
    """The models of the table, for so many labelled windows in a fold."""
    epochs = int(np.clip(STEPS * BATCH / n_windows, 10, 40))

    def training(rate, **settings):
        return Training(epochs, BATCH, learning_rate=rate, schedule="cosine", class_weight="balanced", **settings)

    windows = Crop(FRAMES, "sliding", HOP, "imu")
    untrained = planned(Pretraining(epochs=1, learning_rate=0.0), store)
    coded, by_chance = (
        make_pipeline(Encode(one), Frames(StandardScaler(), "imu"), Tensors(["imu"])) for one in (plan, untrained)
    )
    signal = make_pipeline(Frames(StandardScaler(), "imu"), windows, Tensors(["imu"]))
    apart = make_pipeline(Crop(FRAMES, "sliding", FRAMES, "imu"), Tensors(["imu"]))
    transformer, balanced = Builder("patch_transformer", **PRESET), Training(class_weight="balanced")
    return {
        "linear probe": GaitClassifier("linear", coded, training(3e-3, l2=1e-3)),
        "linear probe, untrained encoder": GaitClassifier("linear", by_chance, training(3e-3, l2=1e-3)),
        "frozen + head": GaitClassifier(Builder("mlp", n_layers=2, units=64), coded, training(1e-3)),
        "fine-tuned": GaitClassifier(transformer, None, training(1e-3, start=plan)),
        "transformer from scratch": GaitClassifier(transformer, signal, training(1e-3)),
        "cnn from scratch": GaitClassifier("temporal_cnn", signal, training(1e-3)),
        "trees": GaitClassifier("extra_trees", make_pipeline(SpectralStatistics(["imu"])), balanced),
        "trees on codes": GaitClassifier(
            "extra_trees", make_pipeline(Encode(plan, "trial"), SummaryStatistics(["imu"])), balanced
        ),
        "trees on codes, untrained encoder": GaitClassifier(
            "extra_trees", make_pipeline(Encode(untrained, "trial"), SummaryStatistics(["imu"])), balanced
        ),
        "minirocket": GaitClassifier(Builder("minirocket", n_kernels=2000), apart, balanced),
    }


def budgets(inner, which) -> list[LabelBudget]:
    """All labels first: there each fold's encoder learns, which all draws then share."""
    if which == "across":
        return [LabelBudget(LeaveOneGroupOut("dataset", validation=False))]
    few = {"people": [{"people": n} for n in PEOPLE], "walks": [{"share": s} for s in SHARES]}[which]
    return [LabelBudget(inner), *(LabelBudget(inner, **one, draw=d) for one in few for d in range(DRAWS))]


def main(data, dataset, which="people", store="results/imu_label_budget"):
    store = Path(store) / dataset
    trials = prepared(data, dataset)
    plan = planned(PRETRAINING, store)
    if which == "transfer":
        others = trials[(trials.table["dataset"] != dataset).to_numpy()]
        plan, which = plan.fit(others), "people"
        store = store / "transfer"
    inner = SubjectKFold(5, validation=False, stratify=True)
    lengths = pd.Series([len(v) for v in trials.modality("imu").values])
    n_windows = np.maximum(1, np.ceil((lengths - FRAMES) / HOP) + 1)
    began = time.time()
    for protocol in budgets(inner, which):
        labelled = np.mean([n_windows[fold.train].sum() for fold in protocol.folds(trials)])
        for name, model in models(plan, labelled, store).items():
            cpu, wall = _cpu_s(), time.time()
            runs = gaitlib.benchmark({name: model}, trials, [protocol], str(store / "runs"), progress=False, n_jobs=2)
            accuracy = np.mean(runs.predictions()["label"] == runs.predictions()["predicted"])
            line = {"protocol": protocol.name, "model": name, "accuracy": accuracy, "failed": len(runs.failures())}
            line |= {"cpu_s": round(_cpu_s() - cpu), "wall_s": round(time.time() - wall)}
            print(json.dumps(line), flush=True)
    print(f"{(time.time() - began) / 60:.0f} minutes for what was not there yet", flush=True)
    runs = gaitlib.open_runs(str(store / "runs"))
    for score in ("accuracy", "macro F1"):
        print(budget_table(runs, score).to_string(), flush=True)
        print(budget_differences(runs, "transformer from scratch", score).to_string(), flush=True)
    print(budget_differences(runs, "trees").to_string(), flush=True)


def _cpu_s() -> float:
    """Of this process and the children that have ended."""
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main(*sys.argv[1:])
