"""What a clinical prior is worth: a network that reads it beside the walk, and the same with priors that mean nothing.

Real walks of a Kinect v2 (gaits simulated by healthy people) are projected to what a detector would find in a video
from the side; six gaits are told of new people, and normal against impaired from the same predictions. In one table:
the prior, no prior, all joints alike, the joints that it leaves out, and shuffles of it, among which it has a place;
and a network that reads the pose as small maps, with a map of the prior, without, and that map alone.
Trees on statistics of the projected joints and of the joints in space say what the projection costs. Everything is
kept: a stopped run goes on.

Usage: python benchmarks/prior_controls.py DATA [STORE] [SHUFFLES]
"""

import sys
import time

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, Training
from gaitlib.models import Builder, Prior
from gaitlib.preprocessing import Crop, FillPose, Frames, MaskFace, NormalisePose, SummaryStatistics, Tensors
from gaitlib.results import one_against_rest, paired_scores
from gaitlib.studies.clinical_attention import among_shuffles

PRIOR = Prior({"pelvis": 1.0, "hip": 1.0, "knee": 0.5, "ankle": 0.5}, "clinical")
FRAMES, HOP = 48, 24  # 1.6 s, in which there is a stride
GUIDANCE = 0.1
TRAINING = Training(8, 32, learning_rate=2e-3, schedule="cosine")


def walks(data):
    """One recording of each walk, as the camera in front saw it, and as a pose from the side."""
    trials = gaitlib.load_trials(data)
    first = ~trials.table["walk"].duplicated().to_numpy()
    trials = trials[first]
    return trials, prepared(gaitlib.project_to_pose(trials, "side"))


def prepared(pose):
    """Through the steps that learn nothing, once."""
    return make_pipeline(MaskFace(), NormalisePose(), FillPose()).fit_transform(pose)


def networks(channels, n_shuffles) -> dict[str, GaitClassifier]:
    """One a prior."""
    steps = make_pipeline(Frames(StandardScaler(), "pose"), Crop(FRAMES, "sliding", HOP, "pose"), Tensors(["pose"]))
    made = {}
    for name, weights in PRIOR.controls(channels, n_shuffles).items():
        guided = {} if weights is None else {"guidance": GUIDANCE}
        model = Builder("pose_cross_attention", prior=weights, **guided)
        made[f"prior: {name}"] = GaitClassifier(model, steps, TRAINING)
    weights = PRIOR.weights_for(channels)
    others = {
        "gate, prior: clinical": Builder("pose_attention_fusion", prior=weights),
        "maps of joints": Builder("heatmap_volume"),
        "maps of joints, prior: clinical": Builder("heatmap_volume", prior=weights),
        "map of the prior alone: the pose of those joints": Builder("heatmap_volume", prior=weights, alone=True),
    }
    unscaled = make_pipeline(Crop(FRAMES, "sliding", HOP, "pose"), Tensors(["pose"]))
    for name, model in others.items():
        made[name] = GaitClassifier(model, unscaled if model.name == "heatmap_volume" else steps, TRAINING)
    return made


def main(data, store="results/prior_controls", n_shuffles=20):
    trials, pose = walks(data)
    protocols = [LeaveOneSubjectOut(validation=False)]
    trees = {"trees, pose": GaitClassifier("extra_trees", make_pipeline(SummaryStatistics(["pose"])))}
    in_space = gaitlib.benchmark({"trees, 3D": "extra_trees"}, trials, protocols, store, progress=False)
    models = trees | networks(pose.modality("pose").channels, int(n_shuffles))
    for name, model in models.items():
        began = time.time()
        runs = gaitlib.benchmark({name: model}, pose, protocols, store, progress=False, n_jobs=2)
        print(f"{name:<28} {_score(runs):.3f}   {time.time() - began:5.0f} s", flush=True)
    runs = gaitlib.benchmark(models, pose, protocols, store, progress=False, n_jobs=2)
    for each in (in_space, runs):
        print(each.table()[["model", "accuracy", "low", "high", "worst subject", "macro F1"]].to_string(), flush=True)
    for told in (runs, one_against_rest(runs, "normal")):
        scores = paired_scores(told, "prior: clinical")
        print(scores.drop(columns=["data", "protocol", "against"]).to_string(), flush=True)
        print(*among_shuffles(scores, "prior: clinical"), sep="\n", flush=True)


def _score(runs) -> float:
    return float(np.mean(runs.per_subject().to_numpy()))


if __name__ == "__main__":
    main(*sys.argv[1:])
