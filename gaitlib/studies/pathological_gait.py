"""The choices of ``notebooks/pathological_gait_benchmark.ipynb``: how well a gait of a new person can be told."""

from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import load_trials
from gaitlib.datasets.synthetic.walks import synthetic_trials
from gaitlib.ensemble import Ensemble
from gaitlib.models import Builder
from gaitlib.protocols import LeaveOneSubjectOut, Protocol, SubjectKFold
from gaitlib.recipes import NAMED, member_steps, steps_for
from gaitlib.studies import base
from gaitlib.training import Mirror, Training
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import (
    CHEST_NAMES,
    KINECT_V2_JOINTS,
    PELVIS_NAMES,
    first_joint,
    joint_columns,
    skeleton_channels,
)

WALKS = "kinect_v2_pathological"  # folder of the set, in the folder of all data
FOLDS = {"quick": 2, "default": 3, "full": 5}  # in which the people of the training side are asked about
EPOCHS = {"quick": 1, "default": 8, "full": 15}
KERNELS = {"quick": 500, "default": 10_000, "full": 10_000}
BEST, EITHER, PLAIN, NETWORK = "kinect_v2_best", "either_side", "minirocket", "compact_gru"


def open_walks(chosen: base.Profile) -> TrialSet:
    """Skeletons, of real walks where the set is there; one recording of each walk, all in the full profile only."""
    folder = base.data_folder(WALKS)
    trials = load_trials(folder) if folder else synthetic_trials(**chosen.synthetic)
    trials = replace(trials, modalities={"skeleton": trials.modality("skeleton")})
    return trials if chosen.thorough else trials[~trials.table["walk"].duplicated().to_numpy()]


def protocol(chosen: base.Profile) -> Protocol:
    """Every person is tested by models that have not seen them."""
    return SubjectKFold(2, validation=False) if chosen.name == "quick" else LeaveOneSubjectOut(validation=False)


def classifiers(chosen: base.Profile) -> dict[str, GaitClassifier]:
    """Models of the registry as anybody would take them, for a fixed number of epochs where they are networks."""
    networks = {name: GaitClassifier(name, training=_training(chosen)) for name in (NETWORK, "multiscale_graph")}
    classical = {name: GaitClassifier(name) for name in ("linear_svm", "extra_trees")}
    return {**classical, PLAIN: GaitClassifier(_rocket(chosen)), **networks}


def with_posture(chosen: base.Profile, trials) -> dict[str, GaitClassifier]:
    """The recurrent network on positions and angles as they are, where it reads them less their mean over the walk."""
    steps = steps_for(trials, NETWORK, "angles")
    return {f"{NETWORK}, with posture": GaitClassifier(NETWORK, steps, _training(chosen))}


def one_change_each(chosen: base.Profile, trials) -> dict[str, GaitClassifier]:
    """From MiniRocket as anybody would take it to the recipes, a change at a time; some read a Kinect v2 alone."""
    directions = member_steps(NAMED[EITHER]["members"]["directions"])
    copies = Training(augment=[Mirror()])
    members = {
        "positions, calibrated": GaitClassifier(_rocket(chosen)),
        "directions": GaitClassifier(_rocket(chosen), directions),
        "directions, mirrored copies": GaitClassifier(_rocket(chosen), directions, copies),
    }
    found = {name: Ensemble({"rocket": member}, FOLDS[chosen.name]) for name, member in members.items()}
    of_kinect_v2 = trials.modality("skeleton").channels == skeleton_channels(KINECT_V2_JOINTS)
    for name in (EITHER, BEST) if of_kinect_v2 else (EITHER,):
        found[name] = GaitClassifier.from_recipe(name, folds=FOLDS[chosen.name])
        for member in found[name].members.values():
            member.set_params(model=_rocket(chosen))
    return found


def _training(chosen) -> Training:
    return Training(epochs=EPOCHS[chosen.name], batch_size=64, learning_rate=2e-3, schedule="cosine")


def _rocket(chosen) -> Builder:
    return Builder(PLAIN, n_kernels=KERNELS[chosen.name])


def recorded_and_mirrored(table) -> pd.DataFrame:
    """Accuracy of each model, mean and worst person, as recorded and mirrored, from a table of robustness."""
    by = table.groupby(["model", "level"], sort=False)["accuracy"]
    return by.agg(["mean", "min"]).unstack("level").rename(columns={"mean": "accuracy", "min": "worst person"})


def wrong_walks(predictions) -> pd.DataFrame:
    """Walks of a model that were told wrong, the surest first, with how sure of what it was."""
    classes = sorted(set(predictions["label"]))
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    return wrong.assign(sure=wrong[classes].max(axis=1)).sort_values("sure", ascending=False)


def by_person(trials) -> list[TrialSet]:
    """The trials of each person."""
    return [trials[trials.subjects == person] for person in sorted(set(trials.subjects))]


def sway(trials) -> pd.DataFrame:
    """How far pelvis and trunk tilt to the side in a walk, degrees: medians by person and gait.

    The middle 90 % of the angle of the line between the hips and of that from pelvis to chest, in the frontal plane.
    """
    m = trials.modality("skeleton")
    names = ("left_hip", "right_hip", first_joint(m.channels, PELVIS_NAMES), first_joint(m.channels, CHEST_NAMES))
    places = [joint_columns(m.channels, name) for name in names]
    rows = []
    for values in m.values:
        left, right, pelvis, chest = (values[:, place] for place in places)
        across, up = left - right, chest - pelvis
        tilts = np.degrees([np.arctan2(across[:, 2], np.abs(across[:, 0])), np.arctan2(up[:, 0], up[:, 2])])
        rows.append(np.ptp(np.percentile(tilts, [5, 95], axis=1), axis=0))
    table = pd.DataFrame(rows, columns=["pelvis (deg)", "trunk (deg)"]).assign(
        subject=trials.subjects, label=trials.labels
    )
    return table.groupby(["subject", "label"]).median().unstack("label")
