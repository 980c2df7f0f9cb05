"""What is lost on the way from joints in space to a pose in a picture, and what a camera elsewhere costs.

Real walks of a Kinect v2, six gaits, people never seen: trees on statistics and the temporal network of the prior's
comparison read the joints in space; the same projected to a picture without any error of a detector, and with it; from
the front; both views learnt and both tested. Then a view that was not learnt: of new people, and, as the contrast that
says nothing of a patient, of people who were learnt from. Everything is kept: a stopped run goes on.

Usage: python benchmarks/pose_views.py DATA [STORE]
"""

import sys
from dataclasses import replace

from prior_controls import FRAMES, HOP, PRIOR, TRAINING, prepared, walks
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneRepetitionOut, LeaveOneSubjectOut, SubjectAndStimulusKFold
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, SummaryStatistics, Tensors
from gaitlib.recipes import skeleton_steps
from gaitlib.studies.clinical_attention import VIEWS, seen_once

NEW_PERSON = LeaveOneSubjectOut(validation=False)


def conditions(trials) -> dict[str, tuple]:
    """Trials and protocol of each row."""
    in_space = Pipeline(skeleton_steps(trials.modality("skeleton"), "skeleton", "variance")).fit_transform(trials)
    both = prepared(gaitlib.project_to_pose(trials, VIEWS))
    n = trials.table["subject"].nunique()
    return {
        "in space": (in_space, NEW_PERSON),
        "side, exact": (prepared(gaitlib.project_to_pose(trials, "side", noise=0)), NEW_PERSON),
        "side": (prepared(gaitlib.project_to_pose(trials, "side")), NEW_PERSON),
        "front": (prepared(gaitlib.project_to_pose(trials, "front")), NEW_PERSON),
        "both views learnt": (both, NEW_PERSON),
        "new person, new view": (both, SubjectAndStimulusKFold("view", n, len(VIEWS), validation=False)),
        "known person, new view": (seen_once(both), LeaveOneRepetitionOut("view", validation=False)),
    }


def models(trials) -> dict[str, GaitClassifier]:
    """The two readers, for one kind of trials."""
    (name,) = trials.modalities
    steps = make_pipeline(Frames(StandardScaler(), name), Crop(FRAMES, "sliding", HOP, name), Tensors([name]))
    network = Builder("pose_cross_attention", prior=PRIOR.weights_for(trials.modality(name).channels))
    return {
        "trees": GaitClassifier("extra_trees", make_pipeline(SummaryStatistics([name]))),
        "network": GaitClassifier(network, steps, TRAINING),
    }


def main(data, store="results/pose_views"):
    trials, _ = walks(data)
    for condition, (seen, protocol) in conditions(trials).items():
        seen = replace(seen, name=condition)
        runs = gaitlib.benchmark(models(seen), seen, [protocol], f"{store}/{condition}", progress=False, n_jobs=2)
        table = runs.table()[["protocol", "model", "accuracy", "low", "high", "macro F1"]]
        print(condition, table.to_string(index=False, header=False), sep="\n", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
