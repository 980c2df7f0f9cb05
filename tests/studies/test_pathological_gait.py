"""The choices of the notebook on the recipes."""

import numpy as np
import pandas as pd
import pytest

import gaitlib
from gaitlib.studies import base
from gaitlib.studies import pathological_gait as study
from gaitlib.trials.conventions import skeleton_channels

QUICK = base.profile("quick")


@pytest.fixture(scope="module")
def walks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIT_DATA", "synthetic")
        return study.open_walks(QUICK)


def test_one_recording_of_each_walk_and_nothing_but_the_skeleton(walks):
    assert list(walks.modalities) == ["skeleton"]
    assert not walks.table["walk"].duplicated().any()


def test_people_are_never_watched_and_never_learnt_from_when_tested(walks):
    for name in ("quick", "default"):
        for fold in study.protocol(base.profile(name)).folds(walks):
            assert not len(fold.validation)
            assert not set(walks.subjects[fold.test]) & set(walks.subjects[fold.train])


def test_the_network_with_posture_reads_the_same_otherwise(walks):
    (other,) = study.with_posture(QUICK, walks).values()
    usual = study.classifiers(QUICK)[study.NETWORK].steps_of(walks)
    assert [n for n, _ in usual.steps if n != "movement_skeleton"] == [n for n, _ in other.steps.steps]
    assert "movement_skeleton" in usual.named_steps


def test_each_row_of_the_ablation_changes_one_thing(walks):
    rows = study.one_change_each(QUICK, walks)
    assert list(rows) == ["positions, calibrated", "directions", "directions, mirrored copies", study.EITHER]
    plain, copies, either = (next(iter(rows[name].members.values())) for name in list(rows)[1:])
    names = [[type(step).__name__ for _, step in model.steps.steps] for model in (plain, copies, either)]
    assert names[0] == names[1] == names[2]
    assert plain.training is None and [type(a).__name__ for a in copies.training.augment] == ["Mirror"]
    assert rows[study.EITHER].affected_side == "right" and rows["directions"].affected_side is None
    assert {model.folds for model in rows.values()} == {study.FOLDS["quick"]}


def test_mean_and_worst_person_stand_beside_each_other_as_recorded_and_mirrored():
    table = pd.DataFrame({
        "model": ["a"] * 4, "level": ["as recorded", "mirrored"] * 2, "subject": [1, 1, 2, 2],
        "accuracy": [1.0, 0.5, 0.6, 0.3],
    })  # fmt: skip
    by = study.recorded_and_mirrored(table)
    assert by.loc["a", ("accuracy", "mirrored")] == pytest.approx(0.4)
    assert by.loc["a", ("worst person", "as recorded")] == 0.6


def test_the_surest_mistake_comes_first():
    table = pd.DataFrame({
        "label": ["a", "b", "a"], "predicted": ["b", "b", "b"], "a": [0.4, 0.1, 0.2], "b": [0.6, 0.9, 0.8]
    })  # fmt: skip
    assert study.wrong_walks(table).index.tolist() == [2, 0]


def test_all_trials_of_a_person_are_together(walks):
    parts = study.by_person(walks)
    assert sum(map(len, parts)) == len(walks) and all(len(set(part.subjects)) == 1 for part in parts)


def test_sway_is_the_tilt_that_was_planted():
    phase = np.linspace(0, 20 * np.pi, 2001)
    points = {
        "spine_base": (0, 0, 1),
        "spine_shoulder": (0, 0, 1.5),
        "left_hip": (-0.1, 0, 1),
        "right_hip": (0.1, 0, 1),
    }
    joints = {name: np.tile(np.array(point, float), (len(phase), 1)) for name, point in points.items()}
    joints["spine_shoulder"][:, 0] = 0.5 * np.tan(np.radians(4 * np.sin(phase)))
    joints["left_hip"][:, 2] += 0.2 * np.tan(np.radians(3 * np.sin(phase)))
    trials = gaitlib.TrialSet.from_arrays(
        {"skeleton": [np.column_stack(list(joints.values()))]}, channels=skeleton_channels(list(joints)), rate_hz=30,
        subject=["a"], label=["x"],
    )  # fmt: skip
    inner = 2 * np.sin(np.radians(0.45 * 180))  # the middle 90 % of a sine of height 1
    assert study.sway(trials).loc["a"].tolist() == pytest.approx([3 * inner, 4 * inner], rel=0.01)


@pytest.mark.slow
def test_the_recipe_for_either_side_goes_through_a_benchmark(walks, tmp_path):
    rows = {study.EITHER: study.one_change_each(QUICK, walks)[study.EITHER]}
    runs = gaitlib.benchmark(rows, walks, [study.protocol(QUICK)], tmp_path, progress=False)
    assert runs.table()["accuracy"].iloc[0] > 1 / 6
    assert set(runs.classifier_for(walks[0]).predict_side(walks[:6])["side"]) <= {"left", "right", "none"}
