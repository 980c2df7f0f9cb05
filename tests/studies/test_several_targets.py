"""Walks with gait, speed and side."""

from dataclasses import replace

import numpy as np
from planted import planted_trials

from gaitlib.preprocessing import gait_parameters
from gaitlib.studies.several_targets import with_speed_and_side
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
