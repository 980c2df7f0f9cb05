"""Inertial steps, against signals of which the truth is known."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_inertial import G, as_recorded, clock, fused, three, turning_sensor
from scipy.spatial.transform import Rotation

import gaitlib
from gaitlib.preprocessing import FuseSensors, LowPass, RemoveGravity, RotationInvariant
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

EDGE = 50  # frames at either end, where a filter knows one side only


def imu(trials, **options):
    return FuseSensors(**options).fit_transform(trials).modality("imu")


def recorded_tone(rate_hz, hz, start_s=0.0037):
    """A tone on clocks that start apart, and what is left of it."""
    clocks = [clock(rate_hz, 10), clock(rate_hz, 10, start_s)]
    trials = as_recorded(*([(three(np.sin(2 * np.pi * hz * t)), t)] for t in clocks))
    m = imu(trials)
    return m.values[0][EDGE:-EDGE], m.time_s[0][EDGE:-EDGE]


# -- one clock -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [200, 100, 64, 50])
@pytest.mark.parametrize(("hz", "at_most"), [(1, 0.002), (5, 0.002), (10, 0.002), (15, 0.01)])
def test_a_tone_in_the_band_is_kept_at_its_true_times(rate_hz, hz, at_most):
    values, time_s = recorded_tone(rate_hz, hz)
    np.testing.assert_allclose(values, np.sin(2 * np.pi * hz * time_s)[:, None].repeat(6, axis=1), atol=at_most)


@pytest.mark.parametrize("rate_hz", [200, 100, 64, 50])
def test_at_20_hz_half_a_decibel_is_lost_at_most(rate_hz):
    values, _ = recorded_tone(rate_hz, 20)
    assert (20 * np.log10(np.sqrt(2 * (values**2).mean(axis=0))) > -0.5).all()


@pytest.mark.parametrize(("rate_hz", "hz"), [(200, 30), (200, 45), (200, 90), (100, 30), (100, 45), (64, 30), (64, 31)])
def test_a_tone_that_would_come_back_below_20_hz_loses_60_decibels(rate_hz, hz):
    values, _ = recorded_tone(rate_hz, hz)
    assert (20 * np.log10(np.sqrt(2 * (values**2).mean(axis=0))) < -60).all()


def test_a_slower_sensor_is_interpolated():
    values, time_s = recorded_tone(25, 3)
    np.testing.assert_allclose(values, np.sin(2 * np.pi * 3 * time_s)[:, None].repeat(6, axis=1), atol=0.001)


def test_clocks_with_other_rates_and_starts_meet_where_both_recorded():
    acc_s, gyro_s = clock(200, 5, 100.31), clock(64, 5, 99.9)
    trials = as_recorded([(three(np.sin(acc_s)), acc_s)], [(three(np.cos(gyro_s)), gyro_s)])
    m = imu(trials)
    time_s = m.time_s[0]
    assert time_s[0] == 100.31
    np.testing.assert_allclose(np.diff(time_s), 0.02, atol=1e-9)
    assert gyro_s[-1] - 0.02 < time_s[-1] <= gyro_s[-1]
    np.testing.assert_allclose(m.values[0][:, :3], three(np.sin(time_s)), atol=2e-3)
    np.testing.assert_allclose(m.values[0][:, 3:], three(np.cos(time_s)), atol=2e-3)
    nearest = [np.abs(acc_s - t).argmin() for t in time_s]
    assert np.abs(m.frames[0] - nearest).max() <= 1  # halfway between two either is the nearest
    assert np.mean(m.frames[0] == nearest) > 0.4
    assert (m.channels, m.unit) == (ACC_CHANNELS + GYRO_CHANNELS, "m/s2 and rad/s")


def test_frames_keep_the_numbers_of_the_recording():
    time_s = clock(100, 3)
    trials = as_recorded([(three(time_s), time_s)], [(three(time_s), time_s)])
    assert imu(trials).frames[0].tolist() == list(range(0, 300, 2))


@pytest.mark.parametrize("rate_hz", [50, 100])
def test_lost_samples_do_not_shift_what_follows(rate_hz):
    time_s = clock(rate_hz, 8)
    kept = np.delete(np.arange(len(time_s)), [60, 61, 200])
    wave = three(np.sin(2 * np.pi * time_s))
    m = imu(as_recorded([(wave[kept], time_s[kept])], [(wave, time_s)]))
    truth = three(np.sin(2 * np.pi * m.time_s[0]))
    np.testing.assert_allclose(m.values[0][:, :3], truth, atol=0.02)
    np.testing.assert_allclose(m.values[0][5:-5, 3:], truth[5:-5], atol=0.002)


def test_uneven_times_are_put_right():
    even_s = clock(100, 8)
    time_s = even_s + np.random.default_rng(0).uniform(-0.0024, 0.0024, len(even_s))
    wave, at_rest = three(np.sin(2 * np.pi * 5 * time_s)), three(np.zeros(len(even_s)))
    m = imu(as_recorded([(wave, time_s)], [(at_rest, even_s)]))
    error = m.values[0][:, :3] - three(np.sin(2 * np.pi * 5 * m.time_s[0]))
    assert np.abs(error[10:-10]).max() < 0.02
    assert error[10:-10].std() < 0.004


def test_times_rounded_to_milliseconds_are_still_even():
    time_s = clock(64, 8)
    wave = three(np.sin(2 * np.pi * 15 * time_s))
    pair = (wave, time_s.round(3))
    m = imu(as_recorded([pair], [pair]))
    truth = np.sin(2 * np.pi * 15 * m.time_s[0])
    np.testing.assert_allclose(m.values[0][EDGE:-EDGE, 0], truth[EDGE:-EDGE], atol=0.05)


def test_a_gap_is_refused_with_its_place_and_one_before_the_overlap_is_not():
    time_s = clock(50, 8)
    kept = (time_s < 2) | (time_s > 2.3)
    gappy = (three(time_s)[kept], time_s[kept])
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'gyro': nothing between 1.98 and 2.32 s.*cut"):
        imu(as_recorded([(three(time_s), time_s)], [gappy]))
    late_s = clock(50, 5, 3)
    m = imu(as_recorded([(three(late_s), late_s)], [gappy]))
    np.testing.assert_allclose(m.values[0], np.repeat(m.time_s[0][:, None], 6, axis=1), atol=1e-4)


def test_a_missing_sensor_is_named_with_what_to_do():
    time_s = clock(50, 2)
    pair = (three(time_s), time_s)
    with pytest.raises(gaitlib.GaitDataError, match=r"no modality 'gyro' here.*FuseSensors\(sensors=\('acc',\)\)"):
        imu(as_recorded([pair]))
    mixed = as_recorded([pair, pair], [pair, None])
    with pytest.raises(gaitlib.GaitDataError, match=r"trial1 has no 'gyro'.*FuseSensors\(sensors=\('acc',\)\)"):
        imu(mixed)
    m = imu(mixed, sensors=("acc",))
    assert (m.channels, m.unit) == (ACC_CHANNELS, "m/s2")
    assert m.present().all()


def test_the_two_go_and_others_stay():
    time_s = clock(50, 2)
    pair = (three(time_s), time_s)
    trials = as_recorded([pair, None], [pair, None])
    trials = trials.with_modality(
        "age", gaitlib.TrialSet.from_arrays({"age": [[1.0]] * 2}, subject=["a", "b"]).modality("age")
    )
    before = trials.digest()
    after = FuseSensors(name="foot").fit_transform(trials)
    assert list(after.modalities) == ["age", "foot"]
    assert after.modality("foot").values[1] is None
    assert trials.digest() == before


@pytest.mark.parametrize(("sensor", "unit"), [("acc", "g"), ("acc", ""), ("gyro", "deg/s")])
def test_other_units_are_refused_with_how_to_convert(sensor, unit):
    pair = (three(clock(50, 2)), clock(50, 2))
    units = {"acc": "m/s2", "gyro": "rad/s"} | {sensor: unit}
    with pytest.raises(gaitlib.GaitDataError, match=f"'{sensor}' is in '{unit}'.*load_imu.path, units="):
        imu(as_recorded([pair], [pair], unit=units))


def test_clocks_that_hardly_meet_are_refused():
    pairs = [[(three(t), t)] for t in (clock(50, 5), clock(50, 5, 4.5))]
    with pytest.raises(
        gaitlib.GaitDataError, match="trial0: 'acc' from 0 to 4.98 s and 'gyro' from 4.5 to 9.48 s share"
    ):
        imu(as_recorded(*pairs))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate_hz": 0}, "rate above 0 Hz"),
        ({"sensors": ("acc", "mag")}, "give .'acc', 'gyro'."),
        ({"sensors": ()}, "give .'acc', 'gyro'."),
    ],
)
def test_parameters_that_make_no_sense_are_refused(options, message):
    pair = (three(clock(50, 2)), clock(50, 2))
    with pytest.raises(gaitlib.GaitDataError, match=message):
        imu(as_recorded([pair], [pair]), **options)


def test_what_no_clock_can_be_read_from_is_refused():
    time_s = clock(50, 2)
    holes = three(time_s)
    holes[5, 1] = np.nan
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'acc', frame 5, channel 'acc_y': not a finite"):
        imu(as_recorded([(holes, time_s)], [(three(time_s), time_s)]))
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'acc': has no times; give rate_hz="):
        imu(as_recorded([(three(time_s), time_s)], time_s=None), sensors=("acc",))
    names = {"acc": ["x", "y", "z"]}
    with pytest.raises(gaitlib.GaitDataError, match="'acc' has the channels x, y, z, expected"):
        imu(as_recorded([(three(time_s), time_s)], channels=names), sensors=("acc",))


# -- gravity ---------------------------------------------------------------------------------------------


def without_gravity(trials, method="auto"):
    return RemoveGravity(method).fit_transform(trials).modality("imu").values


def error_mps2(values, linear):
    return np.sqrt(((values[:, :3] - linear) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize(
    ("swing_rad", "swing_hz", "by_orientation", "by_low_pass"),
    [(0.5, 0.2, 0.15, 0.9), (0.5, 0.1, 0.15, 0.3), (0.5, 1.0, 0.5, 3.0)],
)
def test_of_a_sensor_that_turns_the_linear_acceleration_is_left(swing_rad, swing_hz, by_orientation, by_low_pass):
    values, linear = turning_sensor(20, swing_rad, swing_hz, 3.0)
    trials = fused([values])
    assert error_mps2(without_gravity(trials, "orientation")[0], linear) < by_orientation
    assert error_mps2(without_gravity(trials, "lowpass")[0], linear) > by_low_pass
    np.testing.assert_array_equal(without_gravity(trials)[0], without_gravity(trials, "orientation")[0])
    np.testing.assert_array_equal(without_gravity(trials)[0][:, 3:], trials.modality("imu").values[0][:, 3:])


@pytest.mark.parametrize("method", ["orientation", "lowpass"])
@pytest.mark.parametrize("gain", [1.0, 0.9])
def test_at_rest_nothing_is_left_whatever_the_gain_of_the_sensor(method, gain):
    up = Rotation.random(random_state=1).apply([0, 0, gain * G])
    trials = fused([np.tile([*up, 0, 0, 0], (500, 1))])
    assert np.abs(without_gravity(trials, method)[0]).max() < 1e-3


def test_without_gyroscope_gravity_is_what_changes_slowly():
    values = turning_sensor(20, 0.5, 0.1, 3.0)[0][:, :3]
    trials = fused([values], channels=ACC_CHANNELS)
    slow = LowPass(0.3, order=4, modality="imu").fit_transform(trials).modality("imu").values[0]
    np.testing.assert_allclose(without_gravity(trials)[0], values - slow, atol=1e-5)
    with pytest.raises(gaitlib.GaitDataError, match="no gyroscope.*take method='lowpass'"):
        without_gravity(trials, "orientation")


def test_short_recordings_need_a_gyroscope():
    values, linear = turning_sensor(4, 0.3, 0.5, 3.0)
    assert error_mps2(without_gravity(fused([values]))[0], linear) < 0.5
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*4 s are too short.*more than 6.7 s; leave"):
        without_gravity(fused([values[:, :3]], channels=ACC_CHANNELS))


def test_the_column_says_what_was_done_and_what_is_removed_stays():
    values = turning_sensor(8, 0.3, 0.5, 3.0)[0]
    trials = fused([values, values])
    trials.table["gravity"] = ["removed", "included"]
    after = RemoveGravity().fit_transform(trials)
    np.testing.assert_array_equal(after.modality("imu").values[0], trials.modality("imu").values[0])
    assert np.abs(after.modality("imu").values[1] - after.modality("imu").values[0]).max() > 5
    assert after.table["gravity"].tolist() == ["removed", "removed"]
    assert trials.table["gravity"].tolist() == ["removed", "included"]
    again = RemoveGravity().fit_transform(after)
    np.testing.assert_array_equal(again.modality("imu").values[1], after.modality("imu").values[1])


@pytest.mark.parametrize("said", ["", None, "no column"])
def test_where_nobody_says_it_the_quietest_half_second_tells(said):
    values, linear = turning_sensor(8, 0.3, 0.5, 3.0)
    values[:50, :3], linear[:50] = values[:50, :3] + 8, linear[:50] + 8  # a rough start
    values[100:150], linear[100:150] = [0, 0, G, 0, 0, 0], 0
    trials = fused([values, np.hstack([linear, values[:, 3:]])], gravity=said)
    if said == "no column":
        del trials.table["gravity"]
    after = RemoveGravity().fit_transform(trials)
    told = fused([values])
    np.testing.assert_array_equal(after.modality("imu").values[0], without_gravity(told)[0])
    np.testing.assert_array_equal(after.modality("imu").values[1], trials.modality("imu").values[1])
    assert after.table["gravity"].tolist() == ["removed", "removed"]


def test_where_nobody_can_tell_the_table_must():
    values = np.tile([0, 0, 0.5 * G, 0, 0, 0], (400, 1))
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*nobody can tell.*4.9 m/s2.*'included' or 'removed'"):
        without_gravity(fused([values], gravity=""))
    assert np.abs(without_gravity(fused([values], gravity="included"))[0]).max() < 1e-3
    with pytest.raises(gaitlib.GaitDataError, match="trial0: the column 'gravity' says 'gone'"):
        without_gravity(fused([values], gravity="gone"))


def test_without_vqf_the_error_gives_the_pip_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "vqf", None)
    values = turning_sensor(8, 0.3, 0.5, 3.0)[0]
    with pytest.raises(gaitlib.GaitDataError, match=r"pip install 'gaitlib\[imu\]'"):
        without_gravity(fused([values]))
    assert np.isfinite(without_gravity(fused([values]), "lowpass")[0]).all()


@pytest.mark.parametrize("step", [RemoveGravity(), RotationInvariant()], ids=repr)
def test_other_channels_and_scaled_ones_are_refused(step):
    other = gaitlib.TrialSet.from_arrays({"imu": [np.ones((100, 2))]}, rate_hz=50, subject=["a"])
    with pytest.raises(gaitlib.GaitDataError, match="needs acc_x.*put FuseSensors"):
        step.fit_transform(other)
    scaled = gaitlib.TrialSet.from_arrays(
        {"imu": [np.ones((100, 3))]}, channels=ACC_CHANNELS, rate_hz=50, subject=["a"]
    )
    with pytest.raises(gaitlib.GaitDataError, match="needs 'imu' in m/s2, not in ''"):
        step.fit_transform(scaled)
    with pytest.raises(gaitlib.GaitDataError, match="2 frames with times or more"):
        step.fit_transform(fused([np.ones((100, 6))], rate_hz=None, gravity=""))


def test_an_unknown_way_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="method='magic'.*none of auto, orientation, lowpass"):
        without_gravity(fused([np.ones((100, 6))]), "magic")


# -- free of the mounting --------------------------------------------------------------------------------

WALK = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_no_mounting_changes_the_invariant_channels(quaternion):
    mounted = Rotation.from_quat(quaternion)
    turned = np.hstack([mounted.apply(WALK[:, :3]), mounted.apply(WALK[:, 3:])])
    before, after = (RotationInvariant().fit_transform(fused([v])).modality("imu").values[0] for v in (WALK, turned))
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


def test_the_invariant_channels_by_hand():
    m = RotationInvariant().fit_transform(fused([WALK])).modality("imu")
    acc, gyro = WALK[:, :3].astype(float), WALK[:, 3:].astype(float)
    told = dict(zip(m.channels, m.values[0][30], strict=True))
    assert told["acc_length_mps2"] == pytest.approx(np.sqrt((acc[30] ** 2).sum()))
    assert told["gyro_length_radps"] == pytest.approx(np.sqrt((gyro[30] ** 2).sum()))
    assert told["acc_change_mps3"] == pytest.approx(25 * np.sqrt(((acc[31] - acc[29]) ** 2).sum()))
    assert told["gyro_change_radps2"] == pytest.approx(25 * np.sqrt(((gyro[31] - gyro[29]) ** 2).sum()))
    assert told["acc_along_gyro_mradps3"] == pytest.approx((acc[30] * gyro[30]).sum())
    assert (m.unit, len(m.channels), len(m.values[0]), len(m.frames[0])) == ("", 5, 60, 60)


def test_turning_one_sensor_alone_is_seen():
    turned = np.hstack([Rotation.from_euler("x", 40, degrees=True).apply(WALK[:, :3]), WALK[:, 3:]])
    before, after = (RotationInvariant().fit_transform(fused([v])).modality("imu").values[0] for v in (WALK, turned))
    assert np.abs(after - before)[:, 4].max() > 0.5
