"""Horst's layout, written here as the study describes it; the published file is not in any checkout."""

import numpy as np
import pytest
from scipy.io import savemat

import gaitlib
from gaitlib import GaitDataError, LeaveOneRepetitionOut

SIZES = {"GRF_AV": 6, "GRF_JV": 6, "JA_Full": 33, "JA_Lower": 18, "JA_X_Full": 10, "JA_X_Lower": 6}
MODALITIES = {
    "grf": "GRF_AV",
    "joint_angles": "JA_Full",
    "joint_angles_lower": "JA_Lower",
    "joint_angles_flexion": "JA_X_Full",
    "joint_angles_lower_flexion": "JA_X_Lower",
}


def variables_of(people=(0, 1, 2, 1, 0, 2, 2), n_people=3, women=(1,)):
    people = np.array(people)
    made = {
        "Target_SubjectID": np.eye(n_people, dtype="uint8")[people],
        "Target_Gender": np.isin(people, women).astype("uint8")[:, None],
    }
    for i, (feature, n) in enumerate(SIZES.items()):
        made[f"Feature_{feature}"] = np.random.default_rng(i).normal(size=(len(people), 101, n))
        labels = [f"{feature}: Left knee ({c})" for c in range(n)]
        made[f"Feature_{feature}_Label"] = np.array(labels, dtype=object).reshape(1, 1, n)
    return made


def write(folder, variables=None):
    savemat(folder / "Gait_GRF_JA_Label.mat", variables or variables_of())
    return folder


def load(path):
    return gaitlib.load_trials(path, use_cache=False)


def test_every_feature_is_a_modality_with_the_names_of_the_file(tmp_path):
    variables = variables_of()
    trials = load(write(tmp_path, variables))
    assert set(trials.modalities) == set(MODALITIES)
    for modality, feature in MODALITIES.items():
        m = trials.modality(modality)
        assert m.channels == tuple(f"{feature.lower()}_left_knee_{c}" for c in range(SIZES[feature]))
        assert m.kind == "sequence"
        np.testing.assert_array_equal(np.stack(m.values), variables[f"Feature_{feature}"].astype(np.float32))
    assert trials.report.files["status"].tolist() == ["ok"]
    assert load(tmp_path / "Gait_GRF_JA_Label.mat").ids.tolist() == trials.ids.tolist()


def test_the_label_is_the_subject_and_repetitions_count_within_it(tmp_path):
    trials = load(write(tmp_path))
    assert trials.subjects.tolist() == trials.labels.tolist() == ["s01", "s02", "s03", "s02", "s01", "s03", "s03"]
    assert trials.table["repetition"].tolist() == [1, 1, 1, 2, 2, 2, 3]
    assert trials.ids.tolist() == trials.walks.tolist()
    assert trials.ids[-1] == "s03/03"
    folds = LeaveOneRepetitionOut(validation=False).folds(trials)
    assert [fold.test.tolist() for fold in folds] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("two_columns", [False, True])
@pytest.mark.parametrize("n_first", [28, 29])
def test_gender_is_told_by_the_counts_of_the_study(tmp_path, n_first, two_columns):
    variables = variables_of(range(57), 57, women=range(n_first))
    if two_columns:
        variables["Target_Gender"] = np.hstack([variables["Target_Gender"], 1 - variables["Target_Gender"]])
    gender = load(write(tmp_path, variables)).table["gender"]
    assert gender.value_counts().to_dict() == {"female": 29, "male": 28}
    assert (gender[:n_first] == ("female" if n_first == 29 else "male")).all()


def test_gender_of_other_people_keeps_the_number_of_the_file(tmp_path):
    assert load(write(tmp_path)).table["gender"].tolist() == ["0", "1", "0", "1", "0", "0", "0"]
    variables = variables_of()
    variables["Target_Gender"] = np.hstack([variables["Target_Gender"], 1 - variables["Target_Gender"]])
    assert load(write(tmp_path, variables)).table["gender"].tolist() == ["2", "1", "2", "1", "2", "2", "2"]


def test_one_feature_and_the_subject_are_enough(tmp_path):
    whole = variables_of()
    trials = load(write(tmp_path, {key: whole[key] for key in ("Feature_JA_X_Lower", "Target_SubjectID")}))
    assert trials.modality("joint_angles_lower_flexion").channels[:2] == (
        "joint_angles_lower_flexion_0",
        "joint_angles_lower_flexion_1",
    )
    assert set(trials.modalities) == {"joint_angles_lower_flexion"}
    assert "gender" not in trials.table


def edit(**new):
    return lambda variables: variables.update(new)


def drop(*keys):
    return lambda variables: [variables.pop(key) for key in keys]


BAD = {
    "no variable 'Target_SubjectID'": drop("Target_SubjectID"),
    "no feature; expected at least one of Feature_GRF_AV": drop(*(f"Feature_{n}" for n in SIZES if n != "GRF_JV")),
    r"'Feature_JA_Full' has the shape \(6, 101, 33\); expected \(7, 101, any\)": edit(
        Feature_JA_Full=np.ones((6, 101, 33))
    ),
    r"'Feature_JA_Lower' has the shape \(7, 18, 101\)": edit(Feature_JA_Lower=np.ones((7, 18, 101))),
    "'Feature_JA_Lower' has 17 channels; the study has 18": edit(Feature_JA_Lower=np.ones((7, 101, 17))),
    r"'Feature_GRF_AV' is not finite at \(1, 1, 1\)": edit(Feature_GRF_AV=np.full((7, 101, 6), np.inf)),
    "row 1 of 'Target_SubjectID' is not one 1": edit(Target_SubjectID=np.ones((7, 3))),
    "'Feature_GRF_AV_Label' names a channel twice": edit(Feature_GRF_AV_Label=np.array(["a"] * 6, dtype=object)),
    "'Feature_GRF_AV_Label' holds 2 texts in 6 cells": edit(
        Feature_GRF_AV_Label=np.array(["a", "b", 1, 2, 3, 4], dtype=object)
    ),
    r"'Feature_GRF_AV_Label' holds 'f\\x01', no name of a channel": edit(
        Feature_GRF_AV_Label=np.array([*"abcde", "f\x01"], dtype=object)
    ),
    "'Feature_GRF_AV_Label' is a text; expected numbers or a cell array": edit(Feature_GRF_AV_Label="abcdef"),
    "trials of subject s01 differ in 'Target_Gender'": edit(Target_Gender=np.eye(7)[:, :1]),
    r"'Target_Gender' has the shape \(7, 3\)": edit(Target_Gender=np.ones((7, 3))),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_file_is_refused(tmp_path, message):
    variables = variables_of()
    BAD[message](variables)
    with pytest.raises(GaitDataError, match=f"Gait_GRF_JA_Label.mat: .*{message}"):
        load(write(tmp_path, variables))


def test_two_files_of_the_study_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name)
    with pytest.raises(GaitDataError, match="are the same study; give the path of one"):
        load(tmp_path)
