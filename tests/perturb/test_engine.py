"""What curves over changed values share: real values, one row a sample and back, orders, and changes that stay."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib.perturb.engine import back_to_inputs, changed_step_by_step, neutral, places, real_values, side_by_side
from gaitlib.perturb.tables import accuracy_table, level_table
from gaitlib.preprocessing.samples import STAND_IN_FRAME
from gaitlib.results.intervals import interval_columns, subject_interval


def test_frames_behind_the_last_that_is_not_zero_are_padding_where_no_length_is_known():
    x = np.zeros((3, 4, 2), np.float32)
    x[0, [0, 2], 1] = 1
    x[1] = 1
    assert real_values(x)[..., 0].sum(axis=1).tolist() == [3, 4, 0]
    assert (real_values(x)[..., 0] == real_values(x)[..., 1]).all()
    assert real_values(x, [1, 0, 4])[..., 0].sum(axis=1).tolist() == [1, 0, 4]
    assert real_values(np.zeros((2, 5))).all()
    assert real_values(np.zeros((2, 5)), [5, 0]).all(axis=1).tolist() == [True, False]


def test_neutral_keeps_the_length_of_a_sequence():
    x = np.array([[[3.0], [0.0], [2.0], [0.0]]])
    np.testing.assert_array_equal(neutral(x).ravel(), np.float32([STAND_IN_FRAME] * 3 + [0]))
    assert not neutral(np.ones((2, 3))).any()


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_values_side_by_side_come_back_as_they_were(n, levels, seed):
    rng = np.random.default_rng(seed)
    inputs = {"grf": rng.normal(size=(n, 5, 2)), "feet": rng.normal(size=(n, 3, 4)), "age": rng.normal(size=(n, 1))}
    flat = side_by_side(inputs)
    assert flat.shape == (n, 23)
    back = back_to_inputs(np.stack([flat * k for k in range(levels)]), inputs)
    for name, x in inputs.items():
        np.testing.assert_array_equal(back[name], np.concatenate([x * k for k in range(levels)]))


def test_the_most_relevant_come_first_and_what_is_not_real_last():
    relevance = np.array([[1.0, 9.0, 3.0, 7.0]])
    real = np.array([[True, False, True, True]])
    assert places(relevance, real, np.random.default_rng(0)).tolist() == [[2, 3, 1, 0]]
    ties = [places(np.zeros((1, 4)), real, np.random.default_rng(seed))[0] for seed in range(20)]
    assert all(place[1] == 3 for place in ties)
    assert len({tuple(place) for place in ties}) > 3


@pytest.mark.parametrize("parts", [None, 1, 2, 99])
def test_more_and_more_real_values_change_and_stay_changed(parts):
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(2, 3, 10))
    real = np.arange(10) < np.array([[10], [5], [0]])
    shares = np.linspace(0, 1, 5)
    steps = list(changed_step_by_step(start, end, places(start, real, rng), real, shares, parts))
    assert len(steps) == min(5, parts or 5)
    values = np.concatenate(steps)
    changed = values != start
    assert changed.sum(axis=2).tolist() == [[0, 0, 0], [2, 1, 0], [5, 2, 0], [8, 4, 0], [10, 5, 0]]  # halves to even
    assert (values[changed] == np.broadcast_to(end, values.shape)[changed]).all()
    assert (changed[1:] >= changed[:-1]).all()
    assert not changed[:, ~real].any()


def test_means_are_over_subjects_and_over_samples_where_nobody_is_known():
    table = pd.DataFrame({"level": 0, "sample": list("abc"), "subject": ["s", "s", "t"], "share": [0.2, 0.4, 0.9]})
    (row,) = level_table(table, ["level"], "share").to_dict("records")
    assert row["share"] == pytest.approx(0.6)
    assert (row["low"], row["high"]) == pytest.approx(subject_interval([0.3, 0.9]))
    assert row["over"] == "2 subjects"
    cut = level_table(table, ["level"], "share", 0, 1).iloc[0]
    assert (cut["low"], cut["high"]) == (0, 1)
    (row,) = level_table(table.assign(subject=None), ["level"], "share").to_dict("records")
    assert (row["share"], row["over"]) == (pytest.approx(0.5), "3 samples")


def test_accuracies_have_the_interval_that_holds_and_the_t_interval_beside_it():
    table = pd.DataFrame({"level": [0, 0, 1, 1], "subject": list("stst"), "accuracy": [0.4, 0.9, 1.0, 1.0]})
    spread, alike = accuracy_table(table, ["level"]).to_dict("records")
    assert spread == pytest.approx({"level": 0, "accuracy": 0.65, "subjects": 2} | interval_columns([0.4, 0.9]))
    assert (spread["t_low"], spread["t_high"]) == (0, 1)
    assert 0 < alike["low"] < alike["high"] == 1
    assert np.isnan(alike["t_low"])
