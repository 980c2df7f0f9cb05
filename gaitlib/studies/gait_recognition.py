"""The choices of the main notebook: which data, how much of it, which models, which comparisons."""

import numpy as np

from gaitlib import models, recipes
from gaitlib.classifier import GaitClassifier
from gaitlib.protocols import LeaveOneSubjectOut, Protocol, RandomTrialSplit, SubjectHoldout, SubjectKFold
from gaitlib.studies import published
from gaitlib.studies.base import Profile
from gaitlib.training import Training
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, KINECT_V2_JOINTS, skeleton_channels

CLASSICAL = ("majority", "spatiotemporal", "linear_svm", "extra_trees", "minirocket")
SLOW = "gru_cnn_fusion"  # a minute a fold
CODED_TWICE = "gru_cnn_fusion_encoded"  # it trains the autoencoder of encoded_gru once more
DIRECTIONS = "directions"  # features with a study of their own
SIGNALS = ("sequences",)  # models that read several signals of a body belong to another study
# And so do those that start from an encoder, read a prior beside the walk, or joints alone
ELSEWHERE = (
    "patch_transformer", "pose_attention_fusion", "pose_cross_attention", "skeleton_pressure_cross_attention",
    *models.available(prepared="joints"), *models.available(prepared="pose"),
)  # fmt: skip


def complete(trials) -> TrialSet:
    """The trials that have every modality, so that all models are compared on the same ones."""
    return trials[np.all([m.present() for m in trials.modalities.values()], axis=0)]


def left_out(trials, chosen: Profile) -> str:
    """What models are left out and why, empty where there are none; those on waveforms belong to another study."""
    readable = recipes.readable(trials)
    here = [n for n in models.available(classifies=True) if n not in ELSEWHERE and models.info(n).prepared != "whole"]
    names = [n for n in here if n not in readable]
    sentences = []
    if CODED_TWICE in readable and not chosen.thorough:
        sentences.append(f"{CODED_TWICE} is for the full profile: it trains the autoencoder of encoded_gru once more.")
    if names:
        have = " and ".join(trials.modalities)
        sentences.append(f"These recordings hold {have} only, so {', '.join(names)} are left out.")
    sentences += [f"{n} is left out: {lacking}." for n in readable if (lacking := models.info(n).lacking)]
    return " ".join(sentences)


def training(chosen: Profile, name: str) -> Training:
    """Training settings of a model."""
    if chosen.watched:  # as the reference study trains, but watching other subjects than those tested
        return Training(epochs=chosen.epochs, batch_size=32, schedule="plateau", patience=10)
    if models.info(name).reads == ("image",):  # one sample a trial, where a skeleton gives many windows
        return Training(epochs=4 * chosen.epochs, batch_size=16, learning_rate=3e-3, schedule="cosine")
    return Training(epochs=chosen.epochs, batch_size=64, learning_rate=2e-3, schedule="cosine")


def classifiers(chosen: Profile, trials) -> dict[str, GaitClassifier]:
    """Every model of this study that can read the trials, with the settings of the profile."""
    names = [n for n in recipes.readable(trials) if not models.info(n).lacking and models.info(n).reads != SIGNALS]
    others = ELSEWHERE if chosen.thorough else (*ELSEWHERE, CODED_TWICE)
    return {name: GaitClassifier(name, training=training(chosen, name)) for name in names if name not in others}


def watched_network(chosen: Profile) -> dict[str, GaitClassifier]:
    """A network that holds people back to be watched over all its epochs."""
    settings = training(chosen, "compact_gru").get_params() | {"patience": chosen.epochs}
    return {"compact_gru": GaitClassifier("compact_gru", training=Training(**settings))}


def chosen_few(every: dict[str, GaitClassifier]) -> dict[str, GaitClassifier]:
    """The models that go through all protocols: classical ones and one network."""
    return {name: every[name] for name in (*CLASSICAL, "compact_gru") if name in every}


def fusion(every: dict[str, GaitClassifier]) -> dict[str, GaitClassifier]:
    """The fusion of the reference study, where there is pressure."""
    return {name: every[name] for name in (SLOW,) if name in every}


def contenders(every: dict[str, GaitClassifier]) -> dict[str, GaitClassifier]:
    """The models of the comparison: three classical ones and a network."""
    return {name: every[name] for name in ("linear_svm", "extra_trees", "minirocket", "compact_gru") if name in every}


def once(trials, watched: bool) -> Protocol:
    """A single split in halves: other subjects where there are four, else other walks; ``watched`` holds some back."""
    split = SubjectHoldout if len(set(trials.subjects)) >= 4 else RandomTrialSplit
    return split(test=0.5, validation=watched)


def protocols(chosen: Profile, trials) -> list[Protocol]:
    """A new person, asked in two ways, and beside it the usual random split."""
    folds = min(chosen.folds, len(set(trials.subjects)))
    return [
        LeaveOneSubjectOut(validation=chosen.watched),
        SubjectKFold(folds, validation=chosen.watched),
        RandomTrialSplit(validation=chosen.watched),
    ]


def slow_protocols(chosen: Profile, trials) -> list[Protocol]:
    """Those of a model that takes a minute a fold: fewer folds, unless the profile is thorough."""
    every = protocols(chosen, trials)
    return every if chosen.thorough else every[1:]


def feature_strategies(chosen: Profile, trials, every) -> dict[str, dict[str, GaitClassifier]]:
    """The same network on other features of the skeleton: {network: {name: classifier}}, plain positions first.

    All features for a network that reads the skeleton alone. The fusion, which learns slowly, is asked one question,
    whether its default features are better than positions, unless the profile is thorough.
    """
    found = {}
    for name in ("gru", SLOW):
        if name in recipes.readable(trials):
            shorter = ["positions"] if name == SLOW else [f for f in recipes.FEATURES if f != DIRECTIONS]
            features = recipes.FEATURES if chosen.thorough else shorter
            found[name] = {
                f"{name}, {f}": GaitClassifier(name, recipes.steps_for(trials, name, f), training(chosen, name))
                for f in features
            }
            if len(found[name]) == 1:
                found[name] |= fusion(every)
    return found


def fusion_trainings(chosen: Profile, every) -> dict[str, GaitClassifier]:
    """Skeleton and pressure joined late and early, trained in one step and in three (Jun et al. 2021).

    Three steps run three times as many epochs, the last ones at a third of the rate; the heads under which the encoders
    learn alone are thrown away.
    """
    whole = training(chosen, "score_fusion")
    alone = [Training(**whole.get_params() | {"encoder": modality}) for modality in ("skeleton", "pressure")]
    gentle = Training(**whole.get_params() | {"learning_rate": whole.learning_rate / 3})  # joint fine-tuning
    found = {}
    for name in ("score_fusion", "gru_cnn2d_fusion"):
        found |= {name: every[name], f"{name}, three steps": GaitClassifier(name, training=[*alone, gentle])}
    return found


def published_claims(trials):
    """What others reported on the set that has this skeleton, or None where it is another."""
    by_channels = {
        skeleton_channels(AZURE_KINECT_JOINTS): published.AZURE,
        skeleton_channels(KINECT_V2_JOINTS): published.KINECT,
    }
    channels = trials.modalities["skeleton"].channels if "skeleton" in trials.modalities else ()
    return published.claims(by_channels[channels]) if channels in by_channels else None
