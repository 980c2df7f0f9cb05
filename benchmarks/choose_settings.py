"""Choose preparation and training for a new person, without ever asking the person who is tested.

Every pair of subjects is left out once and a model is trained on all others. When subject s is the test subject, a
setting is judged by its accuracy on each other subject v, by the models that were trained without s *and* without
v. So the choice made for s used nothing of s. Run it with names of settings, or with none for all; finished
folds are kept in the store. Usage: python benchmarks/choose_settings.py DATA [SETTING ...]
"""

import itertools
import sys

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, Mirror, Training
from gaitlib.preprocessing import (
    AddJointAngles,
    AddVelocity,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    SummaryStatistics,
    Tensors,
)
from gaitlib.protocols.folds import NEW_PERSON, Protocol
from gaitlib.trials.conventions import GAIT_JOINTS, KINECT_V2_JOINTS

JOINTS = [joint for joint in GAIT_JOINTS if joint in KINECT_V2_JOINTS]
STORE = "results/choose_settings"


class LeavePairOut(Protocol):
    """Every pair of subjects is left out once."""

    name = "leave-two-subjects-out (every pair)"
    claim = NEW_PERSON

    def __init__(self, validation=False, seed=0):
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        pairs = itertools.combinations(sorted(set(trials.subjects)), 2)
        return [("+".join(pair), np.flatnonzero(np.isin(trials.subjects.astype(str), pair))) for pair in pairs]


def setting(model="compact_gru", crop=(100, "last"), joints=JOINTS, added=(), mirror=False, **training):
    select = [SelectJoints(joints)] if joints else []
    prepare = [CentrePelvis(), ScaleStature(), *select, *added, Frames(StandardScaler())]
    settings = {"epochs": 30, "batch_size": 64, "schedule": "cosine"} | training
    augment = (Mirror(),) if mirror else ()
    return GaitClassifier(model, make_pipeline(*prepare, Crop(*crop), Tensors()), Training(augment=augment, **settings))


def trees(*added):
    prepare = [CentrePelvis(), ScaleStature(), SelectJoints(JOINTS), *added]
    return GaitClassifier("extra_trees", make_pipeline(*prepare, SummaryStatistics()))


def windows(frames, hop):
    return {"crop": (frames, "sliding", hop), "epochs": 15}


ANGLES = {"added": [AddJointAngles()]}
SETTINGS = {
    "trees": trees(),
    "trees_velocity": trees(AddVelocity()),
    "trees_angles": trees(AddJointAngles()),
    "last100": setting(),
    "last100_velocity": setting(added=[AddVelocity()]),
    "last100_mirror": setting(mirror=True),
    "windows60": setting(**windows(60, 20)),
    "windows60_velocity": setting(added=[AddVelocity()], **windows(60, 20)),
    "windows60_l2": setting(l2=1e-3, **windows(60, 20)),
    "windows60_angles": setting(**ANGLES, **windows(60, 20)),
    "windows40": setting(**windows(40, 15)),
    "windows40_angles": setting(**ANGLES, **windows(40, 15)),
    "windows30_angles": setting(**ANGLES, **windows(30, 10)),
    "cnn_windows60": setting("temporal_cnn", **windows(60, 20)),
    "cnn_windows30_angles": setting("temporal_cnn", **ANGLES, **windows(30, 10)),
    "cnn_windows40_angles": setting("temporal_cnn", **ANGLES, **windows(40, 15)),
}


def main(data, names):
    trials = gaitlib.load_trials(data)
    models = {name: SETTINGS[name] for name in names or SETTINGS}
    accuracy = {}
    for name, model in models.items():
        runs = gaitlib.benchmark({name: model}, trials, [LeavePairOut()], store=STORE, progress=False)
        table = runs.predictions()
        table["correct"] = table["label"] == table["predicted"]
        pairs = table.groupby(["fold", "subject"])["correct"].mean()
        for (pair, judged), value in pairs.items():
            (left_out,) = set(pair.split("+")) - {judged}
            accuracy[name, left_out, judged] = value
        print(name, np.round(np.mean([v for (n, _, _), v in accuracy.items() if n == name]), 3), flush=True)
    print("\nMean accuracy on the other subjects, by test subject left out:")
    chosen = pd.Series(accuracy).groupby(level=[0, 1]).mean().unstack()
    print(chosen.round(3).to_string())
    print("chosen:", chosen.idxmax().to_dict())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
