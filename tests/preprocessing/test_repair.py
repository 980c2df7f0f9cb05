import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gaitlib.preprocessing.repair import advancing_frames, count_gaps, garbage_frames, unwrap_minute

ODD = st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1e200, 1e-29, 1e-30, 1e-31, 6.9e-310, 20.0, 20.001])
COORDINATES = st.one_of(ODD, ODD.map(lambda v: -v), st.floats(-3, 3))
TIMES = st.lists(st.one_of(st.floats(0, 59.999), st.sampled_from([0.0, 0.1, 29.9, 30.0, 59.9])), max_size=30)


@given(
    arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=2, max_side=5).map(lambda s: (s[0], 3 * s[1])),
        elements=COORDINATES,
    )
)
def test_garbage_frames_against_a_loop(values):
    expected = []
    for frame in values:
        bad = False
        for v in frame:
            bad |= math.isnan(v) or abs(v) > 20 or 0 < abs(v) < 1e-30
        for j in range(0, len(frame), 3):
            bad |= frame[j] == frame[j + 1] == frame[j + 2] == 0
        expected.append(bad)
    before = values.copy()
    found = garbage_frames(values, 20)
    assert found.dtype == bool
    assert found.tolist() == expected
    np.testing.assert_array_equal(values, before)


def test_garbage_frames_of_float32_and_of_nothing():
    values = np.ones((2, 3), np.float32)
    values[1, 0] = 1e-40
    assert garbage_frames(values, 20).tolist() == [False, True]
    assert garbage_frames(np.empty((0, 75)), 20).tolist() == []


@pytest.mark.parametrize("limit", [1.0, 2.0])
def test_garbage_limit_is_the_callers(limit):
    assert garbage_frames([[1.5, 1.0, 1.0]], limit).tolist() == [limit < 1.5]


@given(TIMES)
def test_unwrap_minute_against_a_loop(times):
    expected, wraps = [], 0
    for i, t in enumerate(times):
        if i and times[i - 1] - t > 30:
            wraps += 1
        expected.append(t + 60 * wraps)
    unwrapped, counted = unwrap_minute(times)
    assert counted == wraps
    assert unwrapped.tolist() == expected


@given(st.floats(0, 59.999), st.lists(st.floats(0.01, 25), max_size=40))
def test_unwrap_minute_undoes_a_clock_within_the_minute(start, steps):
    true = start + np.concatenate([[0], np.cumsum(steps)])
    unwrapped, wraps = unwrap_minute(true % 60)
    np.testing.assert_allclose(unwrapped, true, rtol=0, atol=1e-9)
    assert wraps == true[-1] // 60


@given(st.lists(st.one_of(st.integers(-3, 6).map(float), st.just(math.nan)), max_size=12))
def test_advancing_frames_against_a_loop(times):
    expected, latest = [], -math.inf
    for t in times:
        expected.append(t > latest)
        if t > latest:
            latest = t
    assert advancing_frames(times).tolist() == expected


@given(st.lists(st.floats(0, 100), max_size=30))
def test_advancing_frames_leave_strictly_increasing_times(times):
    kept = np.array(times)[advancing_frames(times)]
    assert (np.diff(kept) > 0).all()
    assert len(kept) == len(set(np.maximum.accumulate(times).tolist())) if times else len(kept) == 0


@given(st.lists(st.sampled_from([0.01, 0.0333, 0.1, 0.19, 0.21, 1.0]), max_size=30))
def test_count_gaps_against_a_loop(steps):
    times = np.concatenate([[5.0], 5.0 + np.cumsum(steps)])
    assert count_gaps(times) == sum(step > 0.2 for step in steps)


def test_nothing_has_no_gap():
    assert count_gaps(np.array([])) == 0
    assert unwrap_minute([])[0].tolist() == []
