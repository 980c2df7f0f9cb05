"""One network, three targets: the six Kinect v2 people, leave-one-subject-out, and what a head more costs.

    GAIT_DATA=<folder of the Kinect v2 walks> python benchmarks/several_targets.py [store]

Prints, for a network with the class alone and with class, speed and side, and for trees fitted a target: the table of
each head, whether it beats its baselines, the class accuracies compared, and the seconds of an epoch.
"""

import os
import sys

import gaitlib
from gaitlib import GaitClassifier, Training
from gaitlib.studies.several_targets import HEADS, with_speed_and_side

TRAINING = Training(epochs=7, batch_size=64, learning_rate=2e-3, schedule="cosine")


def main(store="results/runs"):
    trials = with_speed_and_side(gaitlib.load_trials(os.environ["GAIT_DATA"]))
    models = {
        "compact_gru, gait alone": GaitClassifier("compact_gru", training=TRAINING),
        "compact_gru, three targets": GaitClassifier("compact_gru", training=TRAINING, heads=HEADS),
        "extra_trees": GaitClassifier("extra_trees", heads=HEADS),
    }
    runs = gaitlib.benchmark(
        models, trials, [gaitlib.LeaveOneSubjectOut(validation=False)], store, progress=False, n_jobs=2
    )
    print(runs)
    print(runs.compare())
    for head in HEADS[1:]:
        print(runs.for_head(head))
        table = runs.for_head(head).against_baselines()
        for row in table.dropna(subset="beats its baselines").itertuples():
            print(f"{head}, {row.model}: {table.loc[row.Index, 'in words']}")
    used = runs.resources().groupby("model")[["seconds", "epochs"]].sum()
    print((used["seconds"] / used["epochs"]).rename("seconds an epoch"))


if __name__ == "__main__":
    main(*sys.argv[1:])
