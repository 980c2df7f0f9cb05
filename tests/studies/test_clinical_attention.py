"""The choices of the notebook on clinical priors."""

import pandas as pd
import pytest

import gaitlib
from gaitlib.studies import base
from gaitlib.studies import clinical_attention as study

QUICK = base.profile("quick")


@pytest.fixture(scope="module")
def opened():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIT_DATA", "synthetic")
        settings = study.open_study(QUICK)
        return settings, study.open_walks(settings, QUICK)


def test_the_study_file_is_read_at_the_size_of_the_profile(opened):
    settings, walks = opened
    assert settings.data["n_subjects"] == QUICK.synthetic["n_subjects"]
    assert walks.name.startswith("SYNTHETIC") and list(walks.modalities) == ["skeleton"]
    assert len(walks) == walks.table["walk"].nunique()
    assert walks.table.groupby(["subject", "label"]).size().eq(2).all()


def test_the_prior_stands_beside_its_controls(opened):
    settings, walks = opened
    pose = gaitlib.project_to_pose(walks[:2], **settings.pose)
    table = study.weights(settings.classifiers(pose), pose.modality("pose").channels)
    names = {"prior", "prior, gated", "prior, uniform", "prior, wrong region", "prior, shuffle 1"}
    assert set(table) == names and table.loc["left_hip", "prior"] == 1 and table.loc["nose", "prior"] == 0


def test_a_new_view_is_learnt_from_no_tested_person_and_no_tested_view(opened):
    settings, walks = opened
    seen, protocol = study.views(walks, settings)["a new person in a new view"]
    for fold in protocol.folds(seen):
        for column in ("subject", "view"):
            assert not set(seen.table[column].iloc[fold.train]) & set(seen.table[column].iloc[fold.test])
    seen, protocol = study.views(walks, settings)["a known person in a new view"]
    assert not seen.table["walk"].duplicated().any() and len(protocol.folds(seen)) == 2


def test_the_place_of_the_prior_counts_shuffles_that_are_as_good():
    names = ["prior", "prior, off", "prior, shuffle 1", "prior, shuffle 2", "prior, shuffle 3"]
    scores = pd.DataFrame({"data": "d", "measure": "m", "model": names, "score": [0.5, 0.9, 0.5, 0.6, 0.4]})
    (told,) = study.among_shuffles(scores)
    assert "(0.500) is number 3 of 4, itself and its shuffles (0.400 to 0.600)" in told


def test_one_trial_of_each_person_and_class_is_explained(opened):
    _, walks = opened
    table = walks.table.iloc[study.one_of_each(walks)]
    assert not table.duplicated(["subject", "label"]).any() and len(table) == len(walks) / 2
