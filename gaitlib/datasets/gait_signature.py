"""Ground-reaction forces and joint angles of 57 healthy people, to tell the person (Horst et al. 2019).

Layout: one MATLAB file, ``Gait_GRF_JA_Label.mat``.

References
----------
Horst F., Lapuschkin S., Samek W., Mueller K.-R., Schoellhorn W. I. (2019). Explaining the unique nature of individual
gait patterns with deep learning. Scientific Reports 9, 2391. https://doi.org/10.1038/s41598-019-38748-8
"""

import time
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.matlab_files import identifier, numbers, one_hot, read_variables, texts
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME = "gait signatures"
FILE_NAME = "Gait_GRF_JA_Label.mat"
FEATURES = {
    "grf": "Feature_GRF_AV",
    "joint_angles": "Feature_JA_Full",
    "joint_angles_lower": "Feature_JA_Lower",
    "joint_angles_flexion": "Feature_JA_X_Full",
    "joint_angles_lower_flexion": "Feature_JA_X_Lower",
}
N_CHANNELS = {
    "grf": 6,
    "joint_angles": 33,
    "joint_angles_lower": 18,
    "joint_angles_flexion": 10,
    "joint_angles_lower_flexion": 6,
}
SUBJECT, GENDER = "Target_SubjectID", "Target_Gender"
N_FRAMES = 101
WOMEN, MEN = 29, 28  # who took part


def recognises(names: list[str]) -> bool:
    """Whether a tree holds the file of this layout."""
    return any(PurePosixPath(name).name == FILE_NAME for name in names)


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read the forces and the joint angles.

    The four sets of joint angles of the study are four modalities: all ("joint_angles"), those of the legs
    ("joint_angles_lower"), flexion and extension alone ("joint_angles_flexion"), and both ("..._lower_flexion"). The
    file's second normalisation of the forces (GRF_JV), which the study does not report, is not read. How the values
    are scaled is not stated in the file, so the unit is empty.

    Parameters
    ----------
    tree : FileTree
    skip_bad : bool
        Has no effect: there is one file.

    Returns
    -------
    TrialSet
        Up to five modalities, (101, channels): 0 to 100 % of a stride. Channels are named by the file; where it
        names none, they are numbered. The label is the subject, as in the study; further columns ``repetition`` (the
        trial's number within its subject, as ordered in the file, from 1) and, where the file has it, ``gender``:
        "female" and "male" where the counts of the study, 29 and 28, tell which is which, else the number in the file.

    Raises
    ------
    GaitDataError
        If the subjects or every feature are absent, or shapes or values are not those of the layout.
    """
    start = time.perf_counter()
    found = [name for name in tree.names if PurePosixPath(name).name == FILE_NAME]
    if len(found) > 1:
        raise GaitDataError(f"{tree.path}: {found[0]} and {found[1]} are the same study; give the path of one")
    name = found[0]
    labels = {feature: f"{feature}_Label" for feature in FEATURES.values()}
    variables = read_variables(tree, name, [SUBJECT], [GENDER, *labels, *labels.values()])
    present = {modality: feature for modality, feature in FEATURES.items() if feature in variables}
    if not present:
        raise GaitDataError(f"{name}: no feature; expected at least one of {', '.join(FEATURES.values())}")
    people = one_hot(name, variables, SUBJECT, (None, None))
    modalities = {}
    for modality, feature in present.items():
        values = numbers(name, variables, feature, (len(people), N_FRAMES, None))
        if values.shape[2] != N_CHANNELS[modality]:
            raise GaitDataError(
                f"{name}: '{feature}' has {values.shape[2]} channels; the study has {N_CHANNELS[modality]}"
            )
        channels = [f"{modality}_{i}" for i in range(values.shape[2])]
        if labels[feature] in variables:
            channels = [identifier(text) for text in texts(name, variables, labels[feature], len(channels))]
        if len(set(channels)) < len(channels):
            raise GaitDataError(f"{name}: '{labels[feature]}' names a channel twice")
        modalities[modality] = Modality(
            "sequence",
            tuple(channels),
            "",
            object_array(list(values.astype(np.float32))),
            object_array([np.arange(N_FRAMES) for _ in people]),
            object_array([None for _ in people]),  # percent of a stride, not seconds
        )
    subjects = pd.Series([f"s{person + 1:02d}" for person in people])
    repetitions = subjects.groupby(subjects).cumcount() + 1
    trials = [f"{subject}/{repetition:02d}" for subject, repetition in zip(subjects, repetitions, strict=True)]
    table = pd.DataFrame({"trial": trials, "subject": subjects, "walk": trials, "label": subjects, "source": name})
    table["repetition"] = repetitions
    if GENDER in variables:
        table["gender"] = _genders(name, variables, subjects)
    frames = N_FRAMES * len(table)
    row = {"file": name, "status": "ok", "frames_read": frames, "frames_kept": frames}
    report = LoadReport.from_rows([row], sorted(set(tree.names) - {name}), time.perf_counter() - start)
    return TrialSet(table, modalities, NAME, report=report)


def _genders(name: str, variables: dict, subjects: pd.Series) -> pd.Series:
    if variables[GENDER].shape[1:] == (1,):
        numbered = numbers(name, variables, GENDER, (len(subjects), 1))[:, 0].astype(int)
    else:
        numbered = one_hot(name, variables, GENDER, (len(subjects), 2)) + 1
    genders = pd.Series(numbered.astype(str))
    held = genders.groupby(subjects).nunique()
    if held.max() > 1:
        raise GaitDataError(f"{name}: the trials of subject {held.idxmax()} differ in '{GENDER}'")
    people = genders.groupby(subjects).first().value_counts()
    if sorted(people) == [MEN, WOMEN]:
        return genders.map({people.idxmax(): "female", people.idxmin(): "male"})
    return genders
