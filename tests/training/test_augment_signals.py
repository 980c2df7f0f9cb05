"""Changed copies of inertial windows: what they keep, and how much they change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_inertial import as_recorded, clock, fused, three, two_walks

import gaitlib
from gaitlib.training import Jitter, RotateSensor, ScaleSignal, WarpTime
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

CHANNELS = ACC_CHANNELS + GYRO_CHANNELS
WINDOWS = np.random.default_rng(0).normal(size=(20, 64, 6)).astype(np.float32) + np.float32([0, 0, 9.8, 0, 0, 0])
ALL = [RotateSensor(), ScaleSignal(), Jitter(), WarpTime()]


def changed(augment, values=WINDOWS, seed=0, channels=CHANNELS):
    return augment.apply(values, np.random.default_rng(seed), channels)


@pytest.mark.parametrize("augment", ALL, ids=repr)
def test_a_batch_keeps_its_shape_and_the_given_one_its_values(augment):
    before = WINDOWS.copy()
    after = changed(augment)
    np.testing.assert_array_equal(WINDOWS, before)
    assert (after.shape, after.dtype) == (WINDOWS.shape, np.float32)
    assert np.abs(after - WINDOWS).max(axis=(1, 2)).min() > 1e-3  # every window
    np.testing.assert_array_equal(changed(augment), after)
    assert not np.array_equal(changed(augment, seed=1), after)
    with pytest.raises(gaitlib.GaitDataError, match=r"expected \(windows, frames, 6 channels\), got \(64, 6\)"):
        changed(augment, WINDOWS[0])
    with pytest.raises(gaitlib.GaitDataError, match="3 channels"):
        changed(augment, channels=ACC_CHANNELS)


@pytest.mark.parametrize("augment", ALL, ids=repr)
def test_copies_of_trials_are_told_by_the_seed(augment):
    trials = two_walks(2)
    before, copy = trials.digest(), augment(trials)
    assert trials.digest() == before != copy.digest()
    assert augment(trials).digest() == copy.digest()
    assert type(augment)(seed=1)(trials).digest() != copy.digest()
    for name in ("acc", "gyro"):
        for a, b in zip(copy.modality(name).values, trials.modality(name).values, strict=True):
            assert a.shape == b.shape
    other = gaitlib.TrialSet.from_arrays({"emg": [np.ones((50, 2))]}, subject=["a"])
    with pytest.raises(gaitlib.GaitDataError, match="changes acc, gyro, imu; there are emg"):
        augment(other)


def test_every_trial_changes_in_its_own_way_and_none_is_made_of_nothing():
    same = (three(np.arange(50.0)) + 1, clock(50, 1))
    copy = RotateSensor()(as_recorded([same, same, None], [same, same, same])).modality("acc").values
    assert np.abs(copy[0] - copy[1]).max() > 1
    assert copy[2] is None


# -- mounted otherwise -----------------------------------------------------------------------------------


@given(seed=st.integers(0, 1000), max_deg=st.floats(1, 180))
def test_both_sensors_turn_alike_by_a_constant_rotation_up_to_the_limit(seed, max_deg):
    after, before = changed(RotateSensor(max_deg), seed=seed).astype(float), WINDOWS.astype(float)
    acc_before, acc = before[..., :3], after[..., :3]
    for one, other in ((0, 0), (3, 3), (0, 3)):  # every inner product, also of different frames and sensors
        expected, found = (v[..., one : one + 3] @ v[..., other : other + 3].swapaxes(1, 2) for v in (before, after))
        np.testing.assert_allclose(found, expected, atol=2e-3)
    turns = np.linalg.lstsq(acc_before[0], acc[0], rcond=None)[0]
    assert np.linalg.det(turns) == pytest.approx(1, abs=1e-4)  # no mirror
    assert np.rad2deg(np.arccos(np.clip((np.trace(turns) - 1) / 2, -1, 1))) <= max_deg + 0.1


def test_any_mounting_is_equally_likely():
    up = np.tile(np.float32([0, 0, 1]), (20_000, 1, 1))
    after = changed(RotateSensor(180), up, channels=ACC_CHANNELS)[:, 0]
    np.testing.assert_allclose(after.mean(axis=0), 0, atol=0.02)  # uniform on the sphere
    np.testing.assert_allclose(after.T @ after / len(after), np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose(np.histogram(after[:, 2], 10, (-1, 1))[0] / len(after), 0.1, atol=0.01)


@pytest.mark.parametrize("channels", [(*GYRO_CHANNELS, *ACC_CHANNELS), ("acc_length", *CHANNELS[1:])])
def test_other_channels_are_not_turned(channels):
    with pytest.raises(gaitlib.GaitDataError, match="RotateSensor turns acc_x.*not " + channels[0]):
        changed(RotateSensor(), channels=channels)


@pytest.mark.parametrize("max_deg", [-1, 181])
def test_an_angle_that_is_none_is_refused(max_deg):
    with pytest.raises(gaitlib.GaitDataError, match="an angle is 0 to 180 degrees"):
        changed(RotateSensor(max_deg))


@pytest.mark.parametrize("augment", [RotateSensor(), ScaleSignal(), WarpTime()], ids=repr)
def test_sensors_as_recorded_change_as_the_fused_one_does(augment):
    time_s = clock(50, 2)
    values = np.random.default_rng(1).normal(size=(100, 6))
    apart = augment(as_recorded([(values[:, :3], time_s)], [(values[:, 3:], time_s)]))
    together = augment(fused([values])).modality("imu").values[0]
    parts = [apart.modality(name).values[0] for name in ("acc", "gyro")]
    np.testing.assert_allclose(np.hstack(parts), together, atol=1e-5)


# -- larger, noisier, faster and slower ------------------------------------------------------------------


def test_a_window_is_scaled_as_a_whole():
    windows = np.ones((20_000, 2, 6), np.float32)
    factor = changed(ScaleSignal(0.2), windows)
    assert np.ptp(factor, axis=(1, 2)).max() == 0
    logarithm = np.log(factor[:, 0, 0])
    assert (logarithm.mean(), logarithm.std()) == pytest.approx((0, 0.2), abs=0.005)


def test_noise_goes_by_what_the_channel_does():
    rng = np.random.default_rng(0)
    windows = np.concatenate(
        [rng.normal(9.8, size=(1, 5000, 1)), rng.normal(0, 5, (1, 5000, 1)), np.full((1, 5000, 1), 3)], 2
    )
    noise = changed(Jitter(0.1), windows, channels=("a", "b", "c"))[0] - windows[0]
    np.testing.assert_allclose(noise.std(axis=0), [0.1, 0.5, 0], rtol=0.05, atol=1e-6)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=0.03)
    assert np.abs(np.corrcoef(noise[:, 0], noise[1:, 1].tolist() + [0])[0, 1]) < 0.05


@given(seed=st.integers(0, 1000), sd=st.floats(0.01, 1.5), frames=st.integers(2, 200))
def test_warped_time_runs_on_between_the_same_ends(seed, sd, frames):
    ramp = np.arange(frames, dtype=np.float32)[None, :, None].repeat(3, axis=0)
    at = changed(WarpTime(sd), ramp, seed, ("t",))[..., 0]
    assert (np.diff(at, axis=1) > -1e-4).all()
    np.testing.assert_allclose(at[:, [0, -1]], [[0, frames - 1]] * 3, atol=1e-3)


def test_a_warped_window_is_interpolated_at_its_places():
    ramp = np.arange(64, dtype=np.float32)[None, :, None].repeat(6, axis=2)
    at = changed(WarpTime(0.3), ramp)[0, :, 0]
    after = changed(WarpTime(0.3), WINDOWS[:1])[0]
    for c in range(6):
        np.testing.assert_allclose(after[:, c], np.interp(at, np.arange(64), WINDOWS[0, :, c]), atol=1e-3)
    assert np.abs(np.diff(at, 2)).max() < 0.1 < np.ptp(np.diff(at))  # the speed changes, and smoothly


def test_without_spread_nothing_changes_and_one_frame_stays():
    for augment in (ScaleSignal(0), Jitter(0), WarpTime(0), RotateSensor(0)):
        np.testing.assert_allclose(changed(augment), WINDOWS, atol=1e-5)
    np.testing.assert_array_equal(changed(WarpTime(), WINDOWS[:, :1]), WINDOWS[:, :1])
