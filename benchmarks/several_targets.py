"""One network, three targets: the six Kinect v2 people, leave-one-subject-out, and what a head more costs.

    GAIT_DATA=<folder of the Kinect v2 walks> python benchmarks/several_targets.py [store]

Prints, for a network with the class alone and with class, speed and side, and for trees fitted a target: the table of
each head, whether it beats its baselines, the class accuracies compared, whether normal walks are told from their
mirror images, and the seconds of an epoch.
"""

import os
import sys

import gaitlib
from gaitlib.studies import base, physiology
from gaitlib.studies.several_targets import HEADS, told_of_normal_walks, with_speed_and_side


def main(store="results/runs"):
    trials = with_speed_and_side(gaitlib.load_trials(os.environ["GAIT_DATA"]))
    models, protocol = physiology.walkers(base.profile("default")), gaitlib.LeaveOneSubjectOut(validation=False)
    runs = gaitlib.benchmark(models, trials, [protocol], store, progress=False, n_jobs=base.jobs())
    print(runs)
    print(runs.compare())
    for head in HEADS[1:]:
        print(runs.for_head(head))
        table = runs.for_head(head).against_baselines()
        for row in table.dropna(subset="beats its baselines").itertuples():
            print(f"{head}, {row.model}: {table.loc[row.Index, 'in words']}")
    print("mirror images among normal walks, which have no affected side (AUROC by person):")
    print(told_of_normal_walks(runs, trials))
    used = runs.resources().groupby("model")[["seconds", "epochs"]].sum()
    print((used["seconds"] / used["epochs"]).rename("seconds an epoch"))


if __name__ == "__main__":
    main(*sys.argv[1:])
