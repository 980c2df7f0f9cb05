"""The choices of ``notebooks/gait_signatures.ipynb``: which data, which models, how long they learn."""

import re
from dataclasses import replace

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from gaitlib import recipes
from gaitlib.classifier import GaitClassifier
from gaitlib.datasets import load_trials
from gaitlib.datasets.synthetic.forces import synthetic_forces
from gaitlib.datasets.synthetic.walks import synthetic_trials
from gaitlib.models import Builder
from gaitlib.preprocessing import AddJointAngles, Frames, MeanCycle, Tensors
from gaitlib.preprocessing.skeleton import ANGLES
from gaitlib.protocols import LeaveOneRepetitionOut, LeaveOneSubjectOut, SubjectKFold
from gaitlib.studies import base
from gaitlib.training import Training
from gaitlib.trials import TrialSet

FORCES, WALKS = "clinical_grf", "kinect_v2_pathological"  # folders of the two sets, in the folder of all data
CYCLE = "gait_cycle"
MODELS = {
    "linear SVM": Builder("waveform_svm"),
    "linear": Builder("linear"),
    "MLP(3, 256)": Builder("mlp", units=256),
    "CNN-A": Builder("cnn_a"),
    "CNN-C3": Builder("cnn_c3"),
}
FULL = {
    "MLP(3, 64)": Builder("mlp", units=64),
    "MLP(3, 768)": Builder("mlp", units=768),
    "MLP(3, 1024)": Builder("mlp", units=1024),
    "CNN-A3": Builder("cnn_a3"),
    "Cnn1DC8": Builder("cnn1d_c8"),
}
SYNTHETIC = {"quick": (8, 3), "default": (48, 5), "full": (194, 5)}  # subjects and repetitions


def open_forces(chosen: base.Profile) -> TrialSet:
    """Ground-reaction forces: ``clinical_grf`` in the folder ``$GAIT_DATA`` (else ``data``), else synthetic ones."""
    folder = base.data_folder(FORCES)
    return load_trials(folder) if folder else synthetic_forces(*SYNTHETIC[chosen.name])


def open_walks(chosen: base.Profile) -> TrialSet:
    """Skeletons: ``kinect_v2_pathological`` in the folder ``$GAIT_DATA`` (else ``data``), else the synthetic walker."""
    folder = base.data_folder(WALKS)
    return load_trials(folder) if folder else synthetic_trials(**chosen.synthetic)


def training(chosen: base.Profile, n_train: int):
    """How the networks learn: in the full profile as in the source, else in seconds a fold."""
    if chosen.name == "full":
        return recipes.horst_training(n_train)
    return Training(2 if chosen.name == "quick" else 20, 32, learning_rate=3e-3, schedule="cosine")


def classifiers(chosen: base.Profile, trials, steps=None) -> dict[str, GaitClassifier]:
    """The models of the study; "full" adds the larger ones, "quick" keeps two."""
    models = MODELS | (FULL if chosen.name == "full" else {})
    models = {name: models[name] for name in ("linear SVM", "CNN-A")} if chosen.name == "quick" else models
    settings = training(chosen, int(0.8 * len(trials)))
    return {name: GaitClassifier(model, steps, settings) for name, model in models.items()}


def healthy_people(forces) -> TrialSet:
    """The healthy alone, labelled by person: nobody can be told by a disorder."""
    own = forces[forces.labels == "healthy"]
    name = re.sub(r"\d+ subjects", f"{len(set(own.subjects))} healthy subjects", forces.name)
    return replace(own, name=name).labelled_by("subject")


def few(models: dict) -> dict:
    """One model of each family, for tasks that are asked beside the main one."""
    return {name: models[name] for name in ("linear SVM", "linear", "MLP(3, 256)", "CNN-A") if name in models}


def new_people(chosen: base.Profile, trials) -> SubjectKFold:
    """Ten folds of people with the classes dealt evenly; nothing is watched, but in the full profile."""
    smallest = trials.table.groupby("label")["subject"].nunique().min()
    return SubjectKFold(min(10, smallest), validation=chosen.watched, stratify=True)


def known_people(chosen: base.Profile) -> LeaveOneRepetitionOut:
    """The fold is the number of the trial: every person is known by the other trials."""
    return LeaveOneRepetitionOut(validation=chosen.watched)


def joint_angles(trials) -> TrialSet:
    """Mean joint angles of every walk over the gait cycle, (101, 8); walks without a full cycle are left out."""
    made = Pipeline([("angles", AddJointAngles()), ("cycle", MeanCycle(list(ANGLES), into=CYCLE))]).fit_transform(
        trials
    )
    return made[made.modality(CYCLE).present()]


def angle_steps() -> Pipeline:
    """Scaling of the joint angles to -1..1, learnt in the fold."""
    return Pipeline([("scale", Frames(MinMaxScaler((-1, 1)), CYCLE)), ("tensors", Tensors([CYCLE], pad=False))])


def new_walkers(chosen: base.Profile) -> LeaveOneSubjectOut:
    """The walks have few people: each is left out once."""
    return LeaveOneSubjectOut(validation=chosen.watched)
