"""The choices of ``notebooks/clinical_attention.ipynb``; its models stand in ``configs/clinical_attention.yaml``."""

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import project_to_pose
from gaitlib.models.priors import joints_of
from gaitlib.protocols import LeaveOneRepetitionOut, LeaveOneSubjectOut, SubjectAndStimulusKFold
from gaitlib.recipes import pose_steps
from gaitlib.studies import base
from gaitlib.study_file import Study, read_study
from gaitlib.trials import TrialSet

FILE = "clinical_attention.yaml"
WALKS = "kinect_v2_pathological"  # folder of the set, in the folder of all data
GUIDED = "prior"  # the model of the file that is explained
SHUFFLES = {"quick": 1, "default": 4, "full": 20}
EVERY = {"quick": 1, "default": 2, "full": 1}  # which of the walks of a person and gait
EPOCHS = {"quick": 1, "default": 8, "full": 8}
VIEWS = ["side", "front"]


def open_study(chosen: base.Profile) -> Study:
    """The study file at the size of the profile; on ``kinect_v2_pathological`` of the folder of all data if there."""
    changes = [f"models.{GUIDED}.controls={SHUFFLES[chosen.name]}", f"training.epochs={EPOCHS[chosen.name]}"]
    if chosen.name == "quick":
        changes.append("protocols=[{SubjectKFold: {n_splits: 2, validation: false}}]")
    if folder := base.data_folder(WALKS):
        changes.append(f"data={{path: '{folder}'}}")
    elif not chosen.thorough:
        changes += [f"data.{name}={value}" for name, value in chosen.synthetic.items()]
    return read_study(base.project() / "configs" / FILE, changes)


def open_walks(study: Study, chosen: base.Profile) -> TrialSet:
    """One recording of each walk (another camera adds no walk); all walks in the full profile only."""
    trials = study.recordings()
    trials = trials[~trials.table["walk"].duplicated().to_numpy()]
    number = trials.table.groupby(["subject", "label"], sort=False).cumcount().to_numpy()
    return trials[number % EVERY[chosen.name] == 0]


def as_read(walks, study: Study) -> TrialSet:
    """The walks as a pose, without eyes and ears, in body heights, gaps filled; none of these steps learns."""
    pose = project_to_pose(walks, **study.pose)
    return Pipeline(pose_steps(pose.modality("pose"))).fit_transform(pose)


def weights(models, channels) -> pd.DataFrame:
    """Weight of each joint (rows) under the prior and its controls."""
    given = {name: model.builder().parameters.get("prior") for name, model in models.items() if name.startswith(GUIDED)}
    return pd.DataFrame({name: one for name, one in given.items() if one is not None}, index=joints_of(channels))


def views(walks, study: Study) -> dict[str, tuple]:
    """Trials and protocol of five questions: what is seen of a walk, and by which cameras it was learnt."""
    alone, both = (project_to_pose(walks, **{**study.pose, "view": view}) for view in (study.pose["view"], VIEWS))
    new, n = LeaveOneSubjectOut(validation=False), walks.table["subject"].nunique()
    return {
        "in space": (walks, new),
        "from the side": (alone, new),
        "both views learnt": (both, new),
        "a new person in a new view": (both, SubjectAndStimulusKFold("view", n, len(VIEWS), validation=False)),
        "a known person in a new view": (seen_once(both), LeaveOneRepetitionOut("view", validation=False)),
    }


def seen_once(both) -> TrialSet:
    """Each walk from one of the views only, in turn, so that another view of a person is another walk, too."""
    number = both.table.groupby(["subject", "label", "view"], sort=False).cumcount() % len(VIEWS)
    return both[(number == both.table["view"].map(VIEWS.index)).to_numpy()]


def trees() -> dict[str, GaitClassifier]:
    """Trees on statistics of whatever is seen."""
    return {"trees": GaitClassifier("extra_trees")}


def among_shuffles(scores, prior=GUIDED) -> list[str]:
    """In a sentence a measure, which place a prior takes among itself and its shuffles.

    Parameters
    ----------
    scores : pandas.DataFrame
        Of :func:`gaitlib.results.paired_scores`, of one or several questions.
    prior : str
        The model that reads it; models with "shuffle" in their name read its shuffles.
    """
    told = []
    for (data, measure), own in scores.groupby(["data", "measure"], sort=False):
        score = own.set_index("model")["score"]
        shuffled = score[score.index.str.contains("shuffle")]
        place, n = 1 + int((shuffled >= score[prior]).sum()), len(shuffled) + 1
        told.append(
            f"{data}, {measure}: the prior ({score[prior]:.3f}) is number {place} of {n}, itself and its shuffles "
            f"({shuffled.min():.3f} to {shuffled.max():.3f}). One that means nothing is first in one of {n} cases."
        )
    return told


def one_of_each(trials, seed: int = 0) -> np.ndarray:
    """Positions of one trial of each person and class, which are explained."""
    order = np.random.default_rng(seed).permutation(len(trials))
    table = trials.table.iloc[order]
    return np.sort(order[~table.duplicated(["subject", "label"]).to_numpy()])
