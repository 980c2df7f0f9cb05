"""Walks with gait, speed and side."""

from dataclasses import replace

import numpy as np
from planted import planted_trials
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib import GaitClassifier
from gaitlib.models import Builder
from gaitlib.preprocessing import SummaryStatistics, gait_parameters
from gaitlib.studies.several_targets import told_of_normal_walks, with_speed_and_side
from gaitlib.training import Mirror


def test_half_of_the_impaired_walks_of_each_person_are_mirrored_and_say_so():
    walks = planted_trials(n_subjects=2, n_walks=4, seed=0)
    made = with_speed_and_side(walks, seed=1)
    side, speed = made.target("mirrored"), made.target("speed")
    assert np.isnan(side.values[walks.labels == "normal"]).all()
    for subject in set(walks.subjects):
        for gait in set(walks.labels) - {"normal"}:
            assert side.values[(walks.subjects == subject) & (walks.labels == gait)].sum() == 2
    mirrored, seen = side.values == 1, Mirror()(walks)
    for given, other, now, turned in zip(
        walks.modality("skeleton").values, seen.modality("skeleton").values, made.modality("skeleton").values, mirrored,
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(now, other if turned else given)
    np.testing.assert_array_equal(speed.values, gait_parameters(walks)["speed_mps"])
    assert speed.unit == "m/s" and "half of the impaired walks mirrored" in made.name


def test_all_views_of_a_walk_are_mirrored_together():
    walks = planted_trials(n_subjects=1, n_walks=4, seed=0)
    twice = walks[np.repeat(np.arange(len(walks)), 2)]
    views = [f"{trial}/{i % 2}" for i, trial in enumerate(twice.ids)]
    twice = replace(twice, table=twice.table.assign(trial=views))
    made = with_speed_and_side(twice)
    assert made.table.groupby("walk")["mirrored"].nunique().max() == 1


def test_a_camera_that_stands_to_one_side_is_told_of_normal_walks_and_a_fair_one_is_not(tmp_path):
    """The control finds a mirror that shows, and nothing where walks and their images are alike."""
    fair = planted_trials(n_subjects=3, n_walks=4, signature=0, seed=0)
    skeleton = fair.modality("skeleton")
    side = np.array([0.2 if c == "left_knee_x" else 0.0 for c in skeleton.channels], np.float32)
    aside = fair.with_modality("skeleton", skeleton.map(lambda v: v + side))
    steps = Pipeline([("statistics", SummaryStatistics(["skeleton"]))])
    model = GaitClassifier(Builder("extra_trees", n_estimators=30), steps, heads=["mirrored", "label"])
    told = {}
    for name, walks in (("fair", fair), ("aside", aside)):
        trials = with_speed_and_side(walks)
        protocols = [gaitlib.LeaveOneSubjectOut(validation=False)]
        runs = gaitlib.benchmark({"trees": model}, trials, protocols, store=tmp_path / name, progress=False)
        told[name] = told_of_normal_walks(runs, trials)["trees"]
        assert sorted(told[name].index) == sorted(set(trials.subjects))
    assert told["aside"].mean() > 0.9 and told["fair"].mean() < 0.75
