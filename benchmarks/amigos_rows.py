"""The four published rows of AMIGOS, and a fifth of new films, on openly synthetic files in its very layout.

Synthetic recordings of 37 people are written as ``Data_Preprocessed_Pxx.mat`` and read back. Trees on features of the
signals tell valence, arousal and transitions under each protocol, an LSTM network on the signals under the first;
thresholds come from validation. Beside them stands what can be said without any signal: its transitions are called at
0.5, which is never reached, hence "always a transition". The published figures are of other recordings, and no output
in their repository supports them. Nothing here says anything about people.

Usage: python benchmarks/amigos_rows.py [TABLE.csv]
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
from planted_targets import InThisProcess
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib import GaitRegressor, LeaveOneSubjectOut, SubjectAndStimulusKFold, SubjectHoldout, Training
from gaitlib.datasets import load_amigos, write_amigos
from gaitlib.evaluation import runner
from gaitlib.models import Builder
from gaitlib.preprocessing import Frames, SummaryStatistics
from gaitlib.results.binary_scores import binary_head_scores
from gaitlib.studies.physiology import FILM as HEADS
from gaitlib.studies.physiology import with_features

PEOPLE, SEGMENTS, SEGMENT_S = 37, (4, 4, 4, 6), 10.0
HELD_OUT = [f"p{person:02d}" for person in range(31, 38)]
PROTOCOLS = {
    "30-7": SubjectHoldout(people=HELD_OUT),
    "LOSO-10": LeaveOneSubjectOut(n_people=10),
    "LOSO-25": LeaveOneSubjectOut(n_people=25),
    "LOSO-all": LeaveOneSubjectOut(),
    "new people on new films": SubjectAndStimulusKFold(n_stimulus_splits=len(SEGMENTS)),
}
SCORES = ["valence MAE", "arousal MAE", "combined MAE", "transition F1"]
PUBLISHED = {
    "30-7": (0.060, 0.088, 0.074, 0.300),
    "LOSO-10": (0.078, 0.094, 0.086, 0.267),
    "LOSO-25": (0.082, 0.098, 0.090, 0.245),
    "LOSO-all": (0.089, 0.105, 0.097, 0.221),
}


def read_back(people=PEOPLE, segments=SEGMENTS):
    """Synthetic recordings, through files of the layout."""
    with tempfile.TemporaryDirectory() as folder:
        return load_amigos(write_amigos(gaitlib.synthetic_physiology(people, segments, SEGMENT_S), folder))


def trees(features) -> GaitRegressor:
    impute = [(f"impute_{name}", Frames(SimpleImputer(keep_empty_features=True), name)) for name in features]
    steps = Pipeline([*impute, ("statistics", SummaryStatistics(features))])
    return GaitRegressor(Builder("extra_trees", n_estimators=50, min_samples_leaf=5), steps, heads=HEADS)


def network() -> GaitRegressor:
    training = Training(8, 32, learning_rate=3e-3, schedule="cosine", class_weight={"transition": {"transition": 8}})
    return GaitRegressor(Builder("multimodal_lstm", form="one_layer"), training=training, heads=HEADS)


def rows_of(runs, approach) -> pd.DataFrame:
    """Of one protocol a row a model and baseline: the published columns."""
    mae = {head: runs.for_head(head).against_baselines().set_index("model") for head in ("valence", "arousal")}
    called = runs.for_head("transition").at_thresholds(score="F1")
    table = called.against_baselines().set_index("model")
    rows = pd.DataFrame({f"{head} MAE": own["MAE"] for head, own in mae.items()}, index=mae["valence"].index)
    rows["combined MAE"] = rows.mean(axis=1)
    rows["transition F1"], rows["over"] = table["F1"], table["over"]
    for head, own in {**mae, "transition": table}.items():
        rows[f"{head}: beats its baselines"] = own["beats its baselines"]
    said = called.predictions()
    always = binary_head_scores(said.assign(predicted=called.classes[1]), called.classes)
    rows.loc["always a transition", ["transition F1", "over"]] = always["F1"], always["over"]
    rows = rows.rename_axis("model").reset_index().assign(people=runs.predictions()["subject"].nunique())
    rows.insert(0, "approach", approach)
    return rows


def main(csv=None):
    runner.NURSERY = InThisProcess()
    start = time.process_time()
    signals = read_back()
    trials = with_features(signals)
    features = [name for name in trials.modalities if name.endswith("_features")]
    trials = replace(trials, modalities={name: trials.modality(name) for name in features})
    print(f"{signals.name}: {len(signals)} segments ({time.process_time() - start:.0f} CPU s)", flush=True)
    print(signals.report.files["status"].value_counts().to_string(), flush=True)
    found = []
    with tempfile.TemporaryDirectory() as store:
        for approach, protocol in PROTOCOLS.items():
            runs = gaitlib.benchmark({"features and trees": trees(features)}, trials, [protocol], store, progress=False)
            found.append(rows_of(runs, approach))
            if approach == "30-7":
                net = gaitlib.benchmark({"multimodal_lstm": network()}, signals, [protocol], store, progress=False)
                found.append(rows_of(net, approach).query("model == 'multimodal_lstm'"))
            if approach in PUBLISHED:
                published = dict(zip(SCORES, PUBLISHED[approach], strict=True))
                found.append(
                    pd.DataFrame([{"approach": approach, "model": "published, other recordings", **published}])
                )
            people = ", ".join(sorted(set(runs.predictions()["subject"])))
            print(f"{approach}: {protocol.name}, {protocol.claim}; {people} ({time.process_time() - start:.0f} CPU s)",
                  flush=True)  # fmt: skip
    table = pd.concat(found, ignore_index=True).assign(data=signals.name)
    print(f"\n{signals.name}\n{table.drop(columns='data').round(3).fillna('').to_string(index=False)}")
    if csv:
        Path(csv).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(csv, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
