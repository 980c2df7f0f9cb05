"""Smoothing, body weight, trials standardised and stretched: against theory, loops and planted curves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import gaitlib
from gaitlib import saving
from gaitlib.preprocessing import (
    AddVelocity,
    CutStride,
    LowPass,
    MeanCycle,
    ScaleBodyWeight,
    StandardiseTrial,
    TimeNormalise,
)
from gaitlib.trials.modality import object_array

NUMBERS = st.floats(-90, 90, width=32)  # -99 is a code


def forces(values, mass_kg=None, time_s=None, **options):
    """Times are set behind ``from_arrays``, which takes only those that advance."""
    targets = None if mass_kg is None else {"body_mass_kg": mass_kg}
    options = {"unit": "N", "rate_hz": 1000} | options
    trials = gaitlib.TrialSet.from_arrays({"grf": values}, subject=["a"] * len(values), targets=targets, **options)
    if time_s is None:
        return trials
    times = object_array([np.asarray(t, float) for t in time_s])
    return trials.with_modality("grf", replace(trials.modality("grf"), time_s=times))


def changed(step, trials):
    return step.fit_transform(trials).modality("grf")


def wave(frequency_hz, rate_hz=1000, seconds=2.0):
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * time_s)[:, None]


def amplitude(values, frequency_hz, rate_hz=1000):
    """Of a wave of that frequency in phase with the one that went in, read from the middle half."""
    quarter = len(values) // 4
    middle, template = (
        v[quarter : 3 * quarter, 0] for v in (values, wave(frequency_hz, rate_hz, len(values) / rate_hz))
    )
    return float(middle @ template / (template @ template))


# -- LowPass ---------------------------------------------------------------------------------------------


def butterworth_gain(frequency_hz, cutoff_hz, rate_hz, order):
    """Of one pass: the textbook's formula, with frequencies bent by the bilinear transform."""
    ratio = np.tan(np.pi * frequency_hz / rate_hz) / np.tan(np.pi * cutoff_hz / rate_hz)
    return 1 / np.sqrt(1 + ratio ** (2 * order))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("frequency_hz", [10, 40, 50, 80, 200])
def test_the_gain_is_that_of_two_passes(order, frequency_hz):
    after = changed(LowPass(50, order, "grf"), forces([wave(frequency_hz)])).values[0]
    expected = butterworth_gain(frequency_hz, 50, 1000, order) ** 2
    assert amplitude(after, frequency_hz) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("rate_hz, cutoff_hz", [(1000, 50), (250, 12)])
def test_half_is_left_at_the_cut_off_and_three_decibels_at_0802_of_it(rate_hz, cutoff_hz):
    for share, left in ((1, 0.5), (0.802, np.sqrt(0.5))):
        trials = forces([wave(share * cutoff_hz, rate_hz, 4)], rate_hz=rate_hz)
        after = changed(LowPass(cutoff_hz, modality="grf"), trials).values[0]
        assert amplitude(after, share * cutoff_hz, rate_hz) == pytest.approx(left, abs=4e-3)


@given(level=st.floats(-1000, 1000, width=32), slope=st.floats(-10, 10, width=32), cutoff_hz=st.floats(5, 45))
def test_constants_and_straight_lines_pass(level, slope, cutoff_hz):
    line = level + slope * np.arange(200)[:, None] / 100  # 100 Hz
    after = changed(LowPass(cutoff_hz, modality="grf"), forces([line], rate_hz=100)).values[0]
    np.testing.assert_allclose(after, line, atol=1e-3 * abs(slope) + 1e-5 * abs(level) + 1e-6)


def test_a_pulse_is_not_shifted_in_time():
    pulse = np.exp(-0.5 * ((np.arange(501) - 180) / 15) ** 2)[:, None]
    after = changed(LowPass(12, modality="grf"), forces([pulse], rate_hz=250)).values[0][:, 0]
    assert after.argmax() == 180
    np.testing.assert_allclose(after[100:180], after[260:180:-1], atol=1e-5)


def test_noise_goes_and_movement_stays():
    noise = np.random.default_rng(0).normal(0, 1, (2000, 1))
    after = changed(LowPass(12, modality="grf"), forces([3 * wave(1) + noise])).values[0]
    assert np.std(after - 3 * wave(1)) < 0.2


def test_each_trial_has_its_own_rate():
    slow, fast = wave(12, 250, 4), wave(12, 1000, 4)
    times = [np.arange(len(slow)) / 250, np.arange(len(fast)) / 1000]
    after = changed(LowPass(12, modality="grf"), forces([slow, fast], time_s=times)).values
    assert amplitude(after[0], 12, 250) == pytest.approx(0.5, abs=4e-3)
    assert amplitude(after[1], 12, 1000) == pytest.approx(0.5, abs=4e-3)


def test_times_rounded_to_milliseconds_are_even_enough_and_a_lost_frame_is_not():
    time_s = np.round(np.arange(240) / 120, 3)
    changed(LowPass(12, modality="grf"), forces([np.ones((240, 1))], time_s=[time_s]))
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'grf'.*not evenly spaced.*10%.*TimeNormalise"):
        lost = forces([np.ones((239, 1))], time_s=[np.delete(time_s, 100)])
        changed(LowPass(12, modality="grf"), lost)


def test_uneven_frames_can_be_put_on_an_even_grid_first():
    time_s = np.sort(np.random.default_rng(0).uniform(0, 2, 200))
    steps = make_pipeline(TimeNormalise(200, "grf"), LowPass(6, modality="grf"))
    after = steps.fit_transform(forces([time_s[:, None]], time_s=[time_s])).modality("grf")
    np.testing.assert_allclose(after.values[0][:, 0], after.time_s[0], atol=1e-3)


@pytest.mark.parametrize("time_s", [np.zeros(50), np.arange(50.0)[::-1], np.r_[np.arange(49.0), np.nan]])
def test_times_that_do_not_advance_are_refused(time_s):
    with pytest.raises(gaitlib.GaitDataError, match="not evenly spaced"):
        changed(LowPass(0.1, modality="grf"), forces([np.ones((50, 1))], time_s=[time_s]))


@pytest.mark.parametrize(
    "step, options, message",
    [
        (LowPass(50, modality="grf"), {"rate_hz": None}, "trial0.*2 frames with times or more; give rate_hz"),
        (LowPass(50, modality="grf"), {"rate_hz": 100}, "trial0.*below 50 Hz only.*50 Hz must be lower"),
        (LowPass(20, modality="grf"), {"rate_hz": 100}, "trial0.*10 frames are too short.*more than 10"),
        (LowPass(0, modality="grf"), {}, "above 0 Hz"),
        (LowPass(np.nan, modality="grf"), {}, "above 0 Hz"),
        (LowPass("50", modality="grf"), {}, "above 0 Hz"),
        (LowPass(np.inf, modality="grf"), {}, "above 0 Hz"),
        (LowPass(50, 0, "grf"), {}, "whole number from 1 as its order, not 0"),
        (LowPass(50, 2.5, "grf"), {}, "whole number from 1 as its order, not 2.5"),
    ],
)
def test_what_cannot_be_filtered_is_refused(step, options, message):
    with pytest.raises(gaitlib.GaitDataError, match=message):
        changed(step, forces([np.ones((10, 1))], **options))


# -- ScaleBodyWeight -------------------------------------------------------------------------------------


@given(values=arrays(np.float32, (4, 2), elements=NUMBERS), mass_kg=st.floats(5, 300))
def test_forces_become_multiples_of_the_own_weight(values, mass_kg):
    after = changed(ScaleBodyWeight(), forces([values, values], mass_kg=[mass_kg, 50]))
    np.testing.assert_allclose(after.values[0] * mass_kg * 9.80665, values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after.values[1], values / 490.3325, rtol=1e-5, atol=1e-6)
    assert after.unit == "body weights"


def test_mass_may_come_as_text_and_under_another_name():
    trials = gaitlib.TrialSet.from_arrays(
        {"grf": [np.full((2, 1), 490.3325)]}, subject=["a"], unit="N", targets={"kg": ["50"]}
    )
    np.testing.assert_allclose(changed(ScaleBodyWeight("kg"), trials).values[0], 1)


@pytest.mark.parametrize("mass_kg", [np.nan, None, 0, -70, 4.9, 70_000, "seventy", np.inf])
def test_a_mass_that_nobody_has_is_refused(mass_kg):
    with pytest.raises(gaitlib.GaitDataError, match="trial1: 'body_mass_kg' is .*correct it or remove"):
        changed(ScaleBodyWeight(), forces([np.ones((2, 1))] * 2, mass_kg=[70, mass_kg]))


def test_a_mass_is_needed_only_where_there_are_forces():
    after = changed(ScaleBodyWeight(), forces([np.ones((2, 1)), None], mass_kg=[70, np.nan]))
    assert after.values[1] is None


def test_forces_are_scaled_once_and_only_from_newtons():
    trials = forces([np.ones((2, 1))], mass_kg=[70])
    with pytest.raises(gaitlib.GaitDataError, match="in N, 'grf' is in 'body weights'"):
        changed(ScaleBodyWeight(), ScaleBodyWeight().fit_transform(trials))
    with pytest.raises(gaitlib.GaitDataError, match="no column 'body_mass_kg'.*targets="):
        changed(ScaleBodyWeight(), forces([np.ones((2, 1))]))


# -- StandardiseTrial ------------------------------------------------------------------------------------


@given(
    values=arrays(np.float32, (9, 2), elements=st.integers(-50, 50).map(float)),
    offset=st.integers(-100, 100),
    size=st.sampled_from([0.5, 2, 8]),
)
def test_only_the_form_of_a_curve_is_left(values, offset, size):
    after, moved = changed(StandardiseTrial("grf"), forces([values, values * size + offset])).values
    np.testing.assert_allclose(after, moved, atol=1e-5)
    varies = np.ptp(values, axis=0) > 0
    np.testing.assert_allclose(after.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(after.std(axis=0), varies, atol=1e-5)
    np.testing.assert_array_equal(after[:, ~varies], 0)


@given(constant=st.floats(-(2.0**100), 2.0**100, width=32), n=st.integers(1, 300))
def test_a_constant_channel_becomes_zero_whatever_it_is(constant, n):
    after = changed(StandardiseTrial("grf"), forces([np.full((n, 1), constant)]))
    np.testing.assert_array_equal(after.values[0], 0)
    assert after.unit == ""


@pytest.mark.filterwarnings("error")
def test_a_small_movement_on_a_large_offset_is_exact():
    values = (1e6 + np.arange(1001)[:, None] / 8).astype(np.float32)
    exact = values.astype(float) - values.astype(float).mean()
    after = changed(StandardiseTrial("grf"), forces([values])).values[0]
    np.testing.assert_allclose(after, exact / exact.std(), atol=1e-6)


@given(arrays(np.float32, (9, 2), elements=st.floats(-100, 100, width=16)))
def test_without_deviation_size_and_unit_stay(values):
    after = changed(StandardiseTrial("grf", with_std=False), forces([values]))
    np.testing.assert_allclose(after.values[0], values - values.astype(float).mean(axis=0), atol=1e-5)
    assert after.unit == forces([values]).modality("grf").unit != ""


def test_nothing_is_learnt_from_other_trials():
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(20, 2)) for _ in range(3))
    together = changed(StandardiseTrial("grf"), forces([a, b])).values[0]
    np.testing.assert_array_equal(together, changed(StandardiseTrial("grf"), forces([a, 100 * c])).values[0])
    assert StandardiseTrial("grf").fit(forces([a])).fitted_on_ == ()


# -- TimeNormalise ---------------------------------------------------------------------------------------


@given(
    steps=arrays(np.float64, st.integers(1, 40), elements=st.floats(0.01, 1)),
    slopes=arrays(np.float64, 2, elements=st.floats(-10, 10)),
    n_points=st.integers(2, 120),
    timed=st.booleans(),
)
def test_a_straight_line_stays_exact_over_true_times_or_frame_numbers(steps, slopes, n_points, timed):
    axis = np.r_[0.0, np.cumsum(steps)] + 3 if timed else np.arange(len(steps) + 1.0)
    trials = forces([axis[:, None] * slopes], rate_hz=None, time_s=[axis] if timed else None)
    m = changed(TimeNormalise(n_points, "grf"), trials)
    points = np.linspace(axis[0], axis[-1], n_points)
    np.testing.assert_allclose(m.values[0], points[:, None] * slopes, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(m.values[0][[0, -1]], (axis[[0, -1], None] * slopes).astype(np.float32))
    assert m.max_frames == n_points
    if timed:
        np.testing.assert_allclose(m.time_s[0], points)
    else:
        assert m.time_s[0] is None


def interpolated(axis, column, point):
    """One point by hand."""
    k = next(k for k in range(len(axis) - 1) if point <= axis[k + 1])
    share = (point - axis[k]) / (axis[k + 1] - axis[k])
    return (1 - share) * column[k] + share * column[k + 1]


@given(values=arrays(np.float32, st.tuples(st.integers(2, 12), st.just(2)), elements=NUMBERS), seed=st.integers(0, 9))
def test_it_is_linear_interpolation_and_names_the_nearest_frame(values, seed):
    time_s = np.cumsum(np.random.default_rng(seed).uniform(0.1, 1, len(values)))
    m = changed(TimeNormalise(7, "grf"), forces([values], time_s=[time_s]))
    for p, point in enumerate(np.linspace(time_s[0], time_s[-1], 7)):
        point = np.clip(point, time_s[0], time_s[-1])
        expected = [interpolated(time_s, values[:, c].astype(float), point) for c in range(2)]
        np.testing.assert_allclose(m.values[0][p], expected, atol=1e-3)
        distance = np.abs(time_s - point)
        assert distance[m.frames[0][p]] <= distance.min() + 1e-9


def test_as_many_points_as_frames_change_nothing():
    values = np.random.default_rng(0).normal(size=(101, 3)).astype(np.float32)
    m = changed(TimeNormalise(101, "grf"), forces([values]))
    np.testing.assert_allclose(m.values[0], values, atol=1e-6)
    assert m.frames[0].tolist() == list(range(101))


def test_original_frame_numbers_survive_dropped_frames():
    trials = forces([np.arange(6.0)[:, None]], rate_hz=None)
    cut = trials.with_modality("grf", trials.modality("grf").select_frames([np.array([1, 2, 5])]))
    m = changed(TimeNormalise(5, "grf"), cut)
    np.testing.assert_allclose(m.values[0][:, 0], [1, 2, 3, 4, 5])  # over frame numbers, not over rows
    assert m.frames[0].tolist() == [1, 2, 2, 5, 5]


def test_a_later_velocity_is_right():
    time_s = np.array([0, 0.1, 0.3, 0.4, 0.9])
    positions = np.stack([2 * time_s, time_s, 0 * time_s], axis=1)
    trials = gaitlib.TrialSet.from_arrays(
        {"skeleton": [positions]}, channels=["head_x", "head_y", "head_z"], unit="m", time_s=[time_s], subject=["a"]
    )
    after = make_pipeline(TimeNormalise(11), AddVelocity()).fit_transform(trials).modality("skeleton").values[0]
    np.testing.assert_allclose(after[:, 3:], np.tile([2, 1, 0], (11, 1)), atol=1e-4)


@pytest.mark.parametrize(
    "step, options, message",
    [
        (TimeNormalise(1, "grf"), {}, "2 points or more, not 1"),
        (TimeNormalise(10.0, "grf"), {}, "2 points or more, not 10.0"),
        (TimeNormalise(5, "grf"), {"time_s": [[0, 0.1, 0.1]]}, "trial0, modality 'grf'.*advancing times"),
        (TimeNormalise(5, "grf"), {"time_s": [[0, np.nan, 0.1]]}, "trial0.*advancing times"),
    ],
)
def test_what_cannot_be_stretched_is_refused(step, options, message):
    with pytest.raises(gaitlib.GaitDataError, match=message):
        changed(step, forces([np.ones((3, 1))], **options))


def test_a_single_frame_cannot_be_stretched():
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*2 frames"):
        changed(TimeNormalise(5, "grf"), forces([np.ones((1, 1))]))


# -- all of them -----------------------------------------------------------------------------------------

STEPS = [LowPass(50, modality="grf"), ScaleBodyWeight(), StandardiseTrial("grf"), TimeNormalise(11, "grf")]


def several(order=slice(None)):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(n, 2)) for n in (60, 80, 55)]
    return forces([*values, None], mass_kg=[60, 70, 80, 90])[np.arange(4)[order]]


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_a_step_leaves_its_input_and_names_itself_in_the_history(step):
    trials = several()
    before = trials.digest()
    after = step.fit_transform(trials)
    m, was = after.modality("grf"), trials.modality("grf")
    assert trials.digest() == before
    assert m.values[3] is None
    assert m.channels == was.channels
    assert all(v.dtype == np.float32 and len(f) == len(v) for v, f in zip(m.values[:3], m.frames[:3], strict=True))
    assert [entry.step.split("(")[0] for entry in after.history] == [type(step).__name__]
    assert after.history[0].fitted_on == ()
    assert clone(step).get_params() == step.get_params()


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_the_order_of_trials_does_not_matter(step):
    forwards, backwards = step.fit_transform(several()), step.fit_transform(several(slice(None, None, -1)))
    assert forwards.digest() == backwards[::-1].digest()


@pytest.mark.parametrize("step", [s for s in STEPS if not isinstance(s, ScaleBodyWeight)], ids=repr)
def test_missing_numbers_are_refused(step):
    values = np.ones((60, 1))
    values[3] = np.nan
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'grf', frame 3.*FillMissing"):
        step.fit_transform(forces([values]))


@pytest.mark.parametrize("step", STEPS, ids=repr)
def test_only_sequences_are_read(step):
    static = gaitlib.TrialSet.from_arrays({"grf": [np.ones(2)]}, subject=["a"], unit="N")
    with pytest.raises(gaitlib.GaitDataError, match="needs a sequence"):
        step.fit_transform(static)


def test_a_fitted_pipeline_saves_and_loads(tmp_path):
    plates = np.zeros((400, 2))
    plates[50:250, 0] = plates[200:380, 1] = 700
    trials = forces([plates], mass_kg=[70], channels=["right_vertical", "left_vertical"])
    pipeline = make_pipeline(
        LowPass(50, modality="grf"), CutStride(), ScaleBodyWeight(), TimeNormalise(101, "grf"), StandardiseTrial("grf")
    ).fit(trials)
    # MeanCycle reads another modality; its settings go the same way.
    saving.save_state({"pipeline": pipeline.steps, "cycle": MeanCycle(["left_knee_deg"])}, tmp_path / "steps")
    loaded = saving.load_state(tmp_path / "steps")
    again = trials
    for _, step in loaded["pipeline"]:
        again = step.transform(again)
    assert again.digest() == pipeline.transform(trials).digest()
    assert again.modality("grf").values[0].shape == (101, 2)
    assert loaded["cycle"].get_params() == MeanCycle(["left_knee_deg"]).get_params()
