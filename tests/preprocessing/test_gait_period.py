"""The period of a walk, and strides cut by it, on ankles whose every phase is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gaitlib
from gaitlib import GaitDataError
from gaitlib.preprocessing import CutStrides, cycles, gait_periods
from gaitlib.preprocessing.gait_period import find_rhythms
from gaitlib.testing import check_step
from gaitlib.trials.conventions import POSE_PARTS, pose_channels, skeleton_channels

ANKLES = ("left_ankle", "right_ankle")
RATE_HZ = 30


def ankles(phase, way=0.0, noise=0.0, seed=0):
    """Both ankles in space, (frames, 2, 3): the left is farthest in front at whole phases; steps are not sines."""
    out = np.zeros((len(phase), 2, 3))
    for k, turn in enumerate((phase, phase + 0.5)):
        angle = 2 * np.pi * turn
        out[:, k, 1] = 0.3 * np.cos(angle) + 0.05 * np.cos(3 * angle) + way * phase
        out[:, k, 2] = 0.1 + 0.06 * np.maximum(0, -np.sin(angle))
        out[:, k, 0] = 0.1 * (-1) ** (k + 1)
    return out + noise * np.random.default_rng(seed).normal(size=out.shape)


def seconds(n_s, rate_hz=RATE_HZ):
    return np.arange(round(n_s * rate_hz) + 1) / rate_hz


def skeletons(*walks, times=None, **about):
    values = [None if w is None else w.reshape(len(w), -1) for w in walks]
    time_s = times or [None if w is None else np.arange(len(w)) / RATE_HZ for w in walks]
    return gaitlib.TrialSet.from_arrays(
        {"skeleton": values}, channels=skeleton_channels(ANKLES), time_s={"skeleton": time_s}, unit="m",
        **{"subject": [f"p{i}" for i in range(len(walks))]} | about,
    )  # fmt: skip


def period_of(walk, time_s):
    return gait_periods(skeletons(walk, times=[time_s]))["period_s"][0]


@settings(max_examples=25, deadline=None)
@given(period_s=st.floats(0.8, 2.4), start=st.floats(0, 1), turn=st.floats(0, 3), rate_hz=st.sampled_from([25, 30, 60]))
def test_the_period_is_found_from_any_side(period_s, start, turn, rate_hz):
    time_s = seconds(2.7 * period_s, rate_hz)
    walk = ankles(start + time_s / period_s, way=1.2, noise=0.01)
    cos, sin = np.cos(turn), np.sin(turn)
    seen = walk @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    assert period_of(seen, time_s) == pytest.approx(period_s, rel=0.03)


def test_strides_begin_where_the_left_foot_is_farthest_in_front():
    time_s = seconds(6)
    (found,) = find_rhythms(skeletons(ankles(time_s / 1.2 - 0.25, way=1.2)), "skeleton")
    np.testing.assert_allclose(found.starts_s, 0.3 + 1.2 * np.arange(5), atol=0.015)
    np.testing.assert_allclose(found.phase(time_s), time_s / 1.2 - 0.25, atol=0.03)
    np.testing.assert_allclose(found.time_s(found.phase(time_s)), time_s, atol=1e-9)
    assert found.regularity > 0.95
    missed = type(found)(found.period_s, found.regularity, np.delete(found.starts_s, 2))
    np.testing.assert_allclose(missed.phase(time_s), found.phase(time_s), atol=0.02)


def test_ankles_that_were_not_seen_are_passed_over():
    time_s = seconds(6)
    walk = ankles(time_s / 1.3)[:, :, [1, 2, 0]]  # from the side: x is forwards
    walk[..., 2] = 0.9
    walk[20:24, 0], walk[60:63, 1, 0] = (5.0, 5.0, 0.0), np.nan  # elsewhere, without confidence; and missing
    channels = pose_channels(ANKLES)
    trials = gaitlib.TrialSet.from_arrays(
        {"pose": [walk.reshape(len(walk), -1)]}, channels=channels, rate_hz=RATE_HZ, unit="px", subject=["a"]
    )
    assert channels[2].endswith(POSE_PARTS[2])
    assert gait_periods(trials, "pose")["period_s"][0] == pytest.approx(1.3, rel=0.01)


def test_where_nothing_recurs_nothing_is_said():
    still, short = np.ones((90, 2, 3)), ankles(seconds(1) / 0.8)
    noise = ankles(np.zeros(90), noise=0.01)
    once = ankles(np.clip(seconds(4) - 1.5, 0, 1))  # one stride between two times of standing
    table = gait_periods(skeletons(still, short, noise, once, None))
    assert table["period_s"].isna().all() and table["regularity"].isna().all() and (table["strides"] == 0).all()


def test_what_has_no_times_or_ankles_is_refused():
    walk = ankles(seconds(3)).reshape(-1, 6)
    untimed = gaitlib.TrialSet.from_arrays({"skeleton": [walk]}, channels=skeleton_channels(ANKLES), subject=["a"])
    with pytest.raises(GaitDataError, match="advancing times"):
        gait_periods(untimed)
    other = gaitlib.TrialSet.from_arrays({"emg": [np.ones((50, 2))]}, rate_hz=30, subject=["a"])
    with pytest.raises(GaitDataError, match="no joint 'left_ankle'"):
        gait_periods(other, "emg")


# -- strides ---------------------------------------------------------------------------------------------


def test_every_stride_is_the_same_cycle_whatever_the_pace():
    walks = [ankles(seconds(6) / period_s - 0.4) for period_s in (1.0, 1.5)]
    cut = CutStrides(41).fit_transform(skeletons(*walks))
    m = cut.modality("skeleton")
    assert (np.array(cut.ids) == cut.ids[0]).sum() == 5  # starts at 0.4, 1.4, ..., 5.4 s
    truth = ankles(np.linspace(0, 1, 41)).reshape(41, -1)
    for values in m.values:
        assert values.shape == (41, 6) and m.max_frames == 41
        np.testing.assert_allclose(values, truth, atol=0.03)
    lengths = [t[-1] - t[0] for t in m.time_s]
    np.testing.assert_allclose(sorted(set(np.round(lengths, 1))), [1.0, 1.5])


def test_no_trial_is_lost_and_the_period_is_that_of_the_training_trials():
    train = skeletons(*[ankles(seconds(6) / period_s) for period_s in (1.0, 1.2, 1.4)])
    step = CutStrides(25).fit(train)
    assert step.period_s_ == pytest.approx(1.2, abs=0.02)
    standing, brief = np.ones((90, 2, 3)), np.ones((19, 2, 3))
    between = ankles(0.55 + seconds(1.5) / 1.0)  # a start at 0.45 s and at 1.45 s: one stride
    after = ankles(0.3 + seconds(1.6) / 1.0)  # a start at 0.7 s: a period fits before or behind it
    trials = skeletons(standing, brief, between, after, None)
    cut = step.transform(trials)
    m = cut.modality("skeleton")
    assert list(dict.fromkeys(cut.ids)) == list(trials.ids) and m.values[-1] is None
    assert [len(v) for v in m.values[:-1]] == [25, 13, 25, 25]
    assert m.time_s[0][-1] == pytest.approx(step.period_s_)
    assert step.period_s_ == pytest.approx(1.2, abs=0.02)
    with pytest.raises(GaitDataError, match="no training trial of 'skeleton' has a period"):
        CutStrides().fit(skeletons(standing))


def test_it_is_a_step(tiny_trials):
    check_step(CutStrides(20), tiny_trials[:6])


def test_real_walks_have_the_period_of_their_heel_strikes(real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)
    trials = trials[~trials.table["walk"].duplicated().to_numpy()][::6]
    _, table = cycles(trials, ["left_knee_z"])
    stride_s = (table["end_s"] - table["start_s"]).groupby(table["trial"]).median().reindex(trials.ids).to_numpy()
    for view, share in ((None, 0.95), ("side", 0.9)):
        seen = trials if view is None else gaitlib.project_to_pose(trials, view)
        found = gait_periods(seen, next(iter(seen.modalities)))["period_s"].to_numpy()
        off = np.abs(found / stride_s - 1)
        assert np.isfinite(off).mean() > 0.95
        assert (off[np.isfinite(off)] < 0.05).mean() > share, view
