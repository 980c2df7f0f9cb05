"""Strides cut out of forces, and mean cycles, on recordings and walkers whose every event is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from sklearn.base import clone

import gaitlib
from gaitlib.preprocessing import AddJointAngles, CutStride, MeanCycle, cycles
from gaitlib.studies import gait_recognition as study

PLATES = ["right_vertical", "left_vertical"]


def recording(right, left, n=300):
    """Two plates, each with contacts [start, end) of 700 N on noise of a few newtons."""
    values = np.random.default_rng(0).uniform(-9, 9, (n, 2))
    for column, contacts in enumerate((right, left)):
        for start, end in contacts:
            values[start:end, column] = 700
    return values


def forces(values, **options):
    options = {"unit": "N", "rate_hz": 1000, "channels": PLATES} | options
    return gaitlib.TrialSet.from_arrays({"grf": values}, subject=["a"] * len(values), **options)


# -- CutStride -------------------------------------------------------------------------------------------


@given(
    starts=st.lists(st.integers(1, 100), min_size=1, max_size=4), stance=st.integers(30, 90), shift=st.integers(0, 60)
)
def test_a_stride_runs_from_the_first_plate_to_the_end_of_the_next(starts, stance, shift):
    values = [recording([(s, s + stance)], [(s + shift, s + shift + stance)]) for s in starts]
    m = CutStride().fit_transform(forces(values)).modality("grf")
    for start, frames, kept, was, time_s in zip(starts, m.frames, m.values, values, m.time_s, strict=True):
        assert frames.tolist() == list(range(start, start + shift + stance))
        np.testing.assert_array_equal(kept, was.astype(np.float32)[frames])
        np.testing.assert_allclose(time_s, frames / 1000)


def test_one_plate_gives_the_stance_of_one_foot():
    trials = forces([recording([(20, 90)], [(70, 140)])])
    for plate, frames in (("right_vertical", range(20, 90)), ("left_vertical", range(70, 140))):
        assert CutStride(plate, plate).fit_transform(trials).modality("grf").frames[0].tolist() == list(frames)


def test_of_several_contacts_the_longest_counts():
    trials = forces([recording([(5, 8), (20, 90), (250, 260)], [(10, 12), (70, 140), (200, 240)])])
    assert CutStride().fit_transform(trials).modality("grf").frames[0].tolist() == list(range(20, 140))


def test_the_threshold_must_be_passed_and_can_be_set():
    values = np.zeros((9, 2))
    values[1:8] = [10, 10]  # not above 10 N
    values[3:6] = [10.5, 10.5]
    assert CutStride().fit_transform(forces([values])).modality("grf").frames[0].tolist() == [3, 4, 5]
    assert len(CutStride(threshold_n=9).fit_transform(forces([values])).modality("grf").frames[0]) == 7


@pytest.mark.parametrize(
    "right, left, message",
    [
        ([], [(70, 140)], "trial0, modality 'grf'.*'right_vertical' is never above 10 N"),
        ([(0, 90)], [(70, 140)], "the start of the recording cuts off the contact on 'right_vertical'"),
        ([(20, 90)], [(70, 300)], "the end of the recording cuts off the contact on 'left_vertical'"),
        ([(70, 140)], [(20, 90)], "'left_vertical' does not follow contact on 'right_vertical'"),
        ([(20, 200)], [(70, 140)], "does not follow"),
        ([(70, 140)], [(60, 200)], "does not follow"),
    ],
)
def test_a_recording_without_the_stride_is_refused(right, left, message):
    with pytest.raises(gaitlib.GaitDataError, match=message):
        CutStride().fit_transform(forces([recording(right, left)]))


def test_other_units_and_unknown_plates_are_refused():
    values = [recording([(20, 90)], [(70, 140)])]
    with pytest.raises(gaitlib.GaitDataError, match="CutStride needs forces in N, 'grf' is in 'body weights'"):
        CutStride().fit_transform(forces(values, unit="body weights"))
    with pytest.raises(
        gaitlib.GaitDataError, match="'grf' has no channel 'left'; it has right_vertical, left_vertical"
    ):
        CutStride(second="left").fit_transform(forces(values))


def with_markers(grf=None, markers=None, rate_hz=None):
    """Forces at 1000 Hz and markers at 100 Hz, whose value is their time."""
    grf = [recording([(20, 90)], [(70, 140)])] if grf is None else grf
    return gaitlib.TrialSet.from_arrays(
        {"grf": grf, "markers": [np.arange(30)[:, None] / 100] if markers is None else markers},
        subject=["a"] * len(grf),
        channels={"grf": PLATES},
        unit={"grf": "N", "markers": "m"},
        rate_hz=rate_hz or {"grf": 1000, "markers": 100},
    )


def test_markers_are_cut_to_the_same_seconds():
    after = CutStride(along=["markers"]).fit_transform(with_markers())
    np.testing.assert_allclose(after.modality("markers").values[0][:, 0], np.arange(0.02, 0.1391, 0.01), atol=1e-6)
    assert after.modality("markers").frames[0].tolist() == list(range(2, 14))
    untouched = CutStride().fit_transform(with_markers()).modality("markers")
    assert len(untouched.values[0]) == 30


def test_markers_that_cannot_be_cut_along_are_refused_and_absent_ones_pass():
    step, plates, still = CutStride(along=["markers"]), recording([(20, 90)], [(70, 140)]), np.ones((30, 1))
    for trials in (
        with_markers(grf=[None, plates], markers=[still, still]),
        with_markers(rate_hz={"markers": 100}),
        with_markers(rate_hz={"grf": 1000}),
    ):
        with pytest.raises(gaitlib.GaitDataError, match="trial0: 'markers' can be cut along.*have times"):
            step.fit_transform(trials)
    with pytest.raises(gaitlib.GaitDataError, match="trial0: 'markers' has no frame during the stride"):
        step.fit_transform(with_markers(rate_hz={"grf": 1000, "markers": 1}))
    after = step.fit_transform(with_markers(grf=[plates, plates], markers=[None, still]))
    assert after.modality("markers").values[0] is None
    assert len(after.modality("grf").values[0]) == 120


def test_it_leaves_its_input_keeps_absent_trials_and_names_itself():
    trials = forces([recording([(20, 90)], [(70, 140)]), None])
    before, step = trials.digest(), CutStride()
    after = step.fit_transform(trials)
    assert trials.digest() == before
    assert after.modality("grf").values[1] is None
    assert after.history[0].step.startswith("CutStride(")
    assert clone(step).get_params() == step.get_params()
    assert step.fit_transform(trials[[1, 0]])[[1, 0]].digest() == after.digest()


# -- MeanCycle -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walks():
    """Of which each has a full cycle of both sides, and one has two of a side."""
    trials = AddJointAngles().fit_transform(planted_trials(n_subjects=3, n_walks=1, seed=0))
    _, table = cycles(trials, ["left_knee_deg"])
    sides = table.groupby("trial")["side"].nunique()
    return trials[np.isin(trials.ids, sides.index[sides == 2])]


def test_the_mean_is_that_of_the_cycles_of_the_own_side(walks):
    channels = ["right_knee_deg", "left_knee_deg", "head_z"]
    m = MeanCycle(channels).fit_transform(walks).modality("gait_cycle")
    curves, table = cycles(walks, channels)
    assert table.groupby(["trial", "side"]).size().max() > 1
    for trial, mean in zip(walks.ids, m.values, strict=True):
        for c, side in enumerate(("right", "left", "left")):
            rows = [k for k in range(len(table)) if (table["trial"][k], table["side"][k]) == (trial, side)]
            np.testing.assert_allclose(mean[:, c], sum(curves[k, :, c] for k in rows) / len(rows), rtol=1e-5)


def test_by_default_all_joint_angles_and_the_skeleton_stays(walks):
    after = MeanCycle().fit_transform(walks)
    m = after.modality("gait_cycle")
    assert m.channels == tuple(c for c in walks.modality("skeleton").channels if c.endswith("_deg"))
    assert (m.kind, m.unit, m.max_frames, m.values[0].shape) == ("sequence", "deg", 101, (101, 8))
    assert m.frames[0].tolist() == list(range(101))
    assert all(t is None for t in m.time_s)
    assert after.modality("skeleton") is walks.modality("skeleton")
    assert after.walks.tolist() == walks.walks.tolist()
    assert after.history[-1].step.startswith("MeanCycle(")


def test_a_planted_swing_is_found_in_phase():
    """Strikes 1.1 s apart, a channel that swings with each side's own cycle: the mean cycle is that wave."""
    stride_s, time_s = 1.1, np.arange(0, 6, 0.02)
    zero, joint = np.zeros_like(time_s), {}
    joint["pelvis"] = np.stack([zero, time_s, zero + 1], axis=1)
    for side, turn in (("left", 0.0), ("right", 0.5)):
        ahead = 0.3 * np.cos(2 * np.pi * (time_s / stride_s - turn))
        joint[f"{side}_ankle"] = joint["pelvis"] + np.stack([zero, ahead, zero - 0.9], axis=1)
        joint[f"{side}_foot"] = joint[f"{side}_ankle"]
    swing = {s: 60 + 20 * np.sin(2 * np.pi * (time_s / stride_s - t)) for s, t in (("left", 0), ("right", 0.5))}
    trials = gaitlib.TrialSet.from_arrays(
        {"skeleton": [np.column_stack([*joint.values(), swing["left"], swing["right"]])]},
        channels=[*(f"{j}_{a}" for j in joint for a in "xyz"), "left_knee_deg", "right_knee_deg"],
        unit="m",
        time_s=[time_s],
        subject=["a"],
    )
    mean = MeanCycle(n_points=51).fit_transform(trials).modality("gait_cycle").values[0]
    expected = 60 + 20 * np.sin(2 * np.pi * np.linspace(0, 1, 51))
    np.testing.assert_allclose(mean, np.column_stack([expected, expected]), atol=1.5)  # events lie on 0.01 s


def test_walks_without_a_full_cycle_of_a_side_are_none_and_complete_leaves_them_out(walks):
    m = walks.modality("skeleton")
    short = walks.with_modality(
        "skeleton", m.select_frames([slice(0, 40 if i == 0 else None) for i in range(len(m.values))])
    )
    _, table = cycles(short[0], ["left_knee_deg"])
    assert set(table["side"]) != {"left", "right"}
    after = MeanCycle().fit_transform(short)
    assert after.modality("gait_cycle").present().tolist() == [False] + [True] * (len(walks) - 1)
    assert after.modality("gait_cycle").frames[0] is None
    assert len(study.complete(after)) == len(walks) - 1


def test_only_the_sides_that_are_asked_for_are_needed(walks):
    m = walks.modality("skeleton")
    for end in range(30, 110):
        short = walks[0].with_modality("skeleton", m.take(np.array([0])).select_frames([slice(0, end)]))
        sides = set(cycles(short, ["left_knee_deg"])[1]["side"])
        if len(sides) == 1:
            break
    side = sides.pop()
    other = {"left": "right", "right": "left"}[side]
    for name, there in ((side, True), (other, False)):
        mean = MeanCycle([f"{name}_knee_deg"]).fit_transform(short).modality("gait_cycle")
        assert mean.present().tolist() == [there]


def test_windows_of_one_trial_are_kept_apart(walks):
    """They share its id, yet each has its own mean."""
    twice = walks[[0, 1, 0]]
    m = twice.modality("skeleton").select_frames([slice(None), slice(None), slice(20, None)])
    after = MeanCycle().fit_transform(twice.with_modality("skeleton", m)).modality("gait_cycle")
    assert not np.array_equal(after.values[0], after.values[2])


def test_a_trial_without_a_skeleton_has_no_cycle(walks):
    m = walks.modality("skeleton")
    values = m.values.copy()
    values[1] = None
    after = MeanCycle().fit_transform(walks.with_modality("skeleton", type(m)(**{**vars(m), "values": values})))
    assert not after.modality("gait_cycle").present()[1]


def test_without_angles_or_points_it_is_refused(walks):
    with pytest.raises(gaitlib.GaitDataError, match="AddJointAngles"):
        MeanCycle().fit_transform(planted_trials(n_subjects=1, n_walks=1))
    with pytest.raises(gaitlib.GaitDataError, match="MeanCycle needs 2 points or more, not 1"):
        MeanCycle(n_points=1).fit_transform(walks)
    with pytest.raises(gaitlib.GaitDataError, match="no channel 'left_toe_deg'"):
        MeanCycle(["left_toe_deg"]).fit_transform(walks)


def test_real_walks_give_mean_cycles_that_look_like_knees(real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)
    trials = trials[np.isin(trials.subjects, sorted(set(trials.subjects))[:2])]
    m = MeanCycle().fit_transform(AddJointAngles().fit_transform(trials)).modality("gait_cycle")
    present = pd.Series(m.present()).groupby([trials.labels]).mean()
    assert present.min() > 0.3
    assert m.present().mean() > 0.75
    normal = np.stack(
        [v for v, gait in zip(m.values, trials.labels, strict=True) if v is not None and gait == "normal"]
    )
    knee = normal[:, :, m.channels.index("left_knee_deg")].mean(axis=0)
    assert 60 <= knee.argmin() <= 90  # bent most in swing
    assert knee[:50].min() > knee.min() + 10
