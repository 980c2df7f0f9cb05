"""Choose the recipe for a new person on either side, without ever asking the person who is tested.

Every pair of people is left out once, and every person. For the tested person s, what was trained without s *and*
without v tells v: these predictions of the other people weigh the parts of a recipe, set how sure it is, and choose
among the recipes; the chosen one, trained without s, is then asked about s. The list below was written before anything
was trained; what came later stands in ``LATER``. Trained folds are kept and not trained again.
Usage: python benchmarks/choose_recipe.py DATA [PART ...]
"""

import sys

from choose_settings import JOINTS, LeavePairOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, Training
from gaitlib.preprocessing import (
    AddJointAngles,
    AddPelvisMotion,
    AddVelocity,
    BoneDirections,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    SummaryStatistics,
    Tensors,
)
from gaitlib.training import Turn

STORE = "results/choose_recipe"
POSITIONS = [CentrePelvis(), ScaleStature(), SelectJoints(JOINTS)]
ANGLES = [*POSITIONS, AddJointAngles()]
MOTION = [ScaleStature(), AddPelvisMotion(), CentrePelvis()]
DIRECTIONS = [*MOTION, AddJointAngles(), BoneDirections()]
WITH_VELOCITY = [CentrePelvis(), ScaleStature(), AddVelocity(), AddJointAngles(), BoneDirections()]


def statistics(model, features):
    return GaitClassifier(model, make_pipeline(*features, SummaryStatistics()))


def rocket(features, *crop):
    scale = Frames(StandardScaler())
    return GaitClassifier("minirocket", make_pipeline(*features, scale, Crop(*crop or (100, "first")), Tensors()))


def network(model, features, frames=40, hop=15, **training):
    training = {"epochs": 15, "batch_size": 64, "schedule": "cosine"} | training
    steps = make_pipeline(*features, Frames(StandardScaler()), Crop(frames, "sliding", hop), Tensors())
    return GaitClassifier(model, steps, Training(**training))


PARTS = {
    "trees": statistics("extra_trees", ANGLES),  # the default
    "trees_directions": statistics("extra_trees", DIRECTIONS),
    "svm": statistics("linear_svm", ANGLES),  # the default
    "svm_directions": statistics("linear_svm", DIRECTIONS),
    "rocket": rocket(ANGLES),  # the default
    "rocket_last": rocket(ANGLES, 100, "last"),
    "rocket_windows": rocket(ANGLES, 60, "sliding", 30),
    "rocket_velocity": rocket(WITH_VELOCITY),
    "rocket_directions": rocket(DIRECTIONS),
    "rocket_directions_windows": rocket(DIRECTIONS, 60, "sliding", 30),
    "gru": network("compact_gru", ANGLES),  # the default, but a fixed number of epochs
    "gru_directions": network("compact_gru", DIRECTIONS),
    "gru_turned": network("compact_gru", ANGLES, epochs=8, augment=[Turn(15)]),
    "cnn": network("temporal_cnn", ANGLES),
    "cnn_directions": network("temporal_cnn", DIRECTIONS),
    "cnn_directions_long": network("temporal_cnn", DIRECTIONS, 80, 30),
    "graph": network("multiscale_graph", POSITIONS, 48, 24),
}
LATER = {}
RECIPES = {  # parts that are joined; every part alone is a recipe, too
    "rockets": ("rocket", "rocket_directions", "rocket_velocity"),
    "rocket_trees": ("rocket", "trees"),
    "rockets_trees": ("rocket", "rocket_directions", "trees_directions"),
    "networks": ("gru", "cnn", "gru_directions", "cnn_directions"),
    "networks_graph": ("gru", "cnn", "cnn_directions", "graph"),
    "rockets_networks": ("rocket", "rocket_directions", "gru", "cnn_directions"),
    "one_of_each": ("rocket", "trees", "gru", "cnn"),
    "all_directions": ("rocket_directions", "trees_directions", "gru_directions", "cnn_directions"),
}


def trained(trials, parts):
    """The runs of parts with every pair and every person left out."""
    protocols = [LeavePairOut(), LeaveOneSubjectOut(validation=False)]
    return gaitlib.benchmark(parts, trials, protocols, store=STORE, progress=False, n_jobs=2)


def main(data, names):
    trials = gaitlib.load_trials(data)
    every = PARTS | LATER
    for name in names or every:
        runs = trained(trials, {name: every[name]})
        print(runs.table()[["model", "protocol", "accuracy"]].to_string(index=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
