"""Gait events, parameters and cycles, checked on walkers whose every event is known, and on real walks."""

from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from planted import planted_trials

import gaitlib
from gaitlib import plots, saving
from gaitlib.datasets.synthetic.walks import synthetic_walks
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import (
    AddJointAngles,
    CentrePelvis,
    GaitParameters,
    ScaleStature,
    cycles,
    gait_events,
    gait_parameters,
)
from gaitlib.preprocessing.events import SIDES
from gaitlib.preprocessing.gait_cycle import PARAMETERS
from gaitlib.trials.conventions import mirror_map, skeleton_channels

JOINTS = ("pelvis", *(f"{side}_{joint}" for side in SIDES for joint in ("ankle", "foot")))
CHANNELS = skeleton_channels(JOINTS)


@dataclass(frozen=True)
class MarchingWalker:
    """A pelvis that moves evenly, feet that stand still and swing evenly: every number of the gait is known."""

    stride_s: float = 1.1
    speed_mps: float = 1.0
    left_step: float = 0.5  # its length as a share of the stride length
    right_strike: float = 0.5  # when the right foot strikes, as a share of the stride
    stance_share: float = 0.65
    width_m: float = 0.16
    start: float = 0.3  # in cycles

    def strike_phase(self, side):
        """Cycles from time 0 to a heel strike."""
        return (self.right_strike if side == "right" else 0) - self.start

    def positions(self, time_s):
        stride_m, zero = self.speed_mps * self.stride_s, np.zeros_like(time_s)
        joint = {"pelvis": np.stack([zero, self.speed_mps * time_s, zero + 0.9], -1)}
        for side, sign, ahead in (("left", -1, 0.0), ("right", 1, 1 - self.left_step)):
            strides, share = np.divmod(time_s / self.stride_s - self.strike_phase(side), 1)
            swing = np.maximum(share - self.stance_share, 0) / (1 - self.stance_share)
            place = stride_m * (strides + swing + ahead + 0.3 - self.start)
            joint[f"{side}_ankle"] = np.stack([zero + sign * self.width_m / 2, place, zero + 0.1], -1)
            joint[f"{side}_foot"] = joint[f"{side}_ankle"] + [0, 0.12, -0.08]
        return np.concatenate([joint[name] for name in JOINTS], axis=1)

    def events_s(self, duration_s):
        """Of each side and kind, those at least 0.4 strides from the ends."""
        margin_s, strides = 0.4 * self.stride_s, np.arange(-2, 30)
        times = {
            (side, event): (strides + self.strike_phase(side) + later) * self.stride_s
            for side in SIDES
            for event, later in (("heel_strike", 0), ("toe_off", self.stance_share))
        }
        return {key: t[(t > margin_s) & (t < duration_s - margin_s)] for key, t in times.items()}

    def parameters(self):
        share, stride_m = self.stance_share, self.speed_mps * self.stride_s
        length = (self.left_step * stride_m, (1 - self.left_step) * stride_m)
        step_s = ((1 - self.right_strike) * self.stride_s, self.right_strike * self.stride_s)
        unlike = [200 * abs(a - b) / (a + b) for a, b in (length, (share, share), step_s)]
        numbers = [120 / self.stride_s, self.speed_mps, *length, self.width_m, share, share, *step_s, *unlike]
        return pd.Series(numbers, index=PARAMETERS)


def recorded(walkers, duration_s=6.0, noise_m=0.0, heading_deg=0.0, lost=0.0, seed=0):
    """Trials as a camera of 30 Hz gives them: noise, lost frames and a few milliseconds of jitter."""
    rng = np.random.default_rng(seed)
    cos, sin = np.cos(np.radians(heading_deg)), np.sin(np.radians(heading_deg))
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    values, times = [], []
    for walker in walkers:
        time_s = np.arange(0, duration_s, 1 / 30)
        time_s = time_s[(rng.random(len(time_s)) >= lost) | (time_s == 0)] + 10
        seen_s = time_s + (rng.uniform(-0.004, 0.004, len(time_s)) if noise_m else 0)
        joints = walker.positions(seen_s - 10) + rng.normal(0, noise_m, (len(time_s), 15))
        values.append((joints.reshape(-1, 5, 3) @ turn).reshape(-1, 15))
        times.append(seen_s)
    return gaitlib.TrialSet.from_arrays(
        {"skeleton": values}, channels=CHANNELS, time_s=times, unit="m", subject=["a"] * len(values), name="marching"
    )


def errors_s(found, walker, duration_s, first_s=10.0):
    """Signed errors of all events, after a check that each was found once and that none was invented."""
    errors = []
    for key, truth in walker.events_s(duration_s).items():
        times = found.loc[(found["side"] + found["event"]) == "".join(key), "time_s"].to_numpy() - first_s
        nearest = np.abs(times[:, None] - truth).argmin(axis=0)
        assert len(set(nearest)) == len(truth)
        margin_s = 0.45 * walker.stride_s
        assert len(truth) >= ((times > margin_s) & (times < duration_s - margin_s)).sum()
        errors.append(times[nearest] - truth)
    return np.concatenate(errors)


walkers = st.builds(
    MarchingWalker,
    stride_s=st.floats(0.9, 1.8),
    speed_mps=st.floats(0.5, 1.6),
    left_step=st.floats(0.4, 0.6),
    right_strike=st.floats(0.42, 0.58),
    stance_share=st.floats(0.55, 0.72),
    width_m=st.floats(-0.1, 0.3),
    start=st.floats(0, 1),
)


# -- events ----------------------------------------------------------------------------------------------


@given(walker=walkers, heading_deg=st.floats(-180, 180))
def test_clean_events_are_found_within_about_a_frame(walker, heading_deg):
    found = gait_events(recorded([walker], heading_deg=heading_deg))
    assert np.abs(errors_s(found, walker, 6.0)).max() < 0.04


@given(walker=walkers, seed=st.integers(0, 1000))
def test_events_survive_noise_and_lost_frames(walker, seed):
    found = gait_events(recorded([walker], noise_m=0.01, lost=0.12, seed=seed))
    errors = np.abs(errors_s(found, walker, 6.0))
    assert np.median(errors) < 0.035
    assert errors.max() < 0.1


@given(seed=st.integers(0, 1000), n_frames=st.integers(2, 200), noise=st.floats(0.001, 0.5))
@example(seed=1, n_frames=48, noise=0.125)  # a strike and a toe off at one moment
def test_events_alternate_on_each_side_whatever_the_input(seed, n_frames, noise):
    rng = np.random.default_rng(seed)
    path = np.linspace(0, 3, n_frames)[:, None] * np.tile([0, 1.0, 0], 5)
    values = path + rng.normal(0, noise, (n_frames, 15)).cumsum(axis=0) + rng.normal(0, noise, (n_frames, 15))
    trials = gaitlib.TrialSet.from_arrays(
        {"skeleton": [values]}, channels=CHANNELS, rate_hz=30, unit="m", subject=["a"]
    )
    for _, events in gait_events(trials).groupby("side"):
        assert (events["time_s"].diff().dropna() > 0).all()
        assert (events["event"] != events["event"].shift()).all()
    stance = gait_parameters(trials)[["stance_share_left", "stance_share_right"]].to_numpy()
    assert ((stance > 0) & (stance < 1) | np.isnan(stance)).all()


def test_an_event_names_the_nearest_frame_and_events_come_in_order():
    trials = recorded([MarchingWalker(), MarchingWalker(stride_s=1.4)], lost=0.3)
    found = gait_events(trials)
    assert found["trial"].drop_duplicates().tolist() == trials.ids.tolist()
    for trial, time_s in zip(trials.ids, trials.modality("skeleton").time_s, strict=True):
        own = found[found["trial"] == trial]
        assert own["time_s"].is_monotonic_increasing
        distance = np.abs(own["time_s"].to_numpy()[:, None] - time_s)
        assert (distance[np.arange(len(own)), own["frame"]] == distance.min(axis=1)).all()


def test_trials_do_not_touch_each_other():
    trials = planted_trials(n_subjects=1, n_walks=1)
    together = gait_parameters(trials)[list(PARAMETERS)]
    alone = pd.concat([gait_parameters(trial) for trial in trials], ignore_index=True)[list(PARAMETERS)]
    pd.testing.assert_frame_equal(together, alone)


# -- parameters ------------------------------------------------------------------------------------------


@given(walker=walkers, heading_deg=st.floats(-180, 180))
def test_parameters_of_a_clean_walk_are_those_of_the_walker(walker, heading_deg):
    found = gait_parameters(recorded([walker], heading_deg=heading_deg)).iloc[0]
    error = (found[list(PARAMETERS)].astype(float) - walker.parameters()).abs()
    assert error["cadence_steps_per_min"] < 1.5
    assert error["speed_mps"] < 0.005
    assert error[[p for p in PARAMETERS if p.endswith("_m")]].max() < 0.005
    assert error[["step_time_left_s", "step_time_right_s"]].max() < 0.02
    assert error[["stance_share_left", "stance_share_right"]].max() < 0.07  # the low-pass rounds the corners
    assert error["step_length_asymmetry_percent"] < 1
    assert error[["stance_asymmetry_percent", "step_time_asymmetry_percent"]].max() < 6


def test_heel_strikes_are_counted_on_both_sides():
    trials = recorded([MarchingWalker()])
    strikes = gait_events(trials)["event"].eq("heel_strike").sum()
    assert gait_parameters(trials)["heel_strikes"].tolist() == [strikes]
    assert strikes >= 10


def test_a_mirrored_walker_swaps_its_sides():
    trials = recorded([MarchingWalker(right_strike=0.45, left_step=0.4)], noise_m=0.005)
    m = trials.modality("skeleton")
    order, sign = mirror_map(m.channels)
    mirrored = trials.with_modality("skeleton", m.map(lambda v: v[:, order] * sign))
    swap = {"left": "right", "right": "left"}
    swapped = {p: "_".join(swap.get(part, part) for part in p.split("_")) for p in PARAMETERS}
    before, after = (gait_parameters(t)[list(PARAMETERS)] for t in (trials, mirrored))
    pd.testing.assert_frame_equal(after, before.rename(columns=swapped)[list(PARAMETERS)], atol=1e-6)


def test_short_standing_and_absent_walks_are_nan_and_no_error():
    walk, m = recorded([MarchingWalker()] * 5), recorded([MarchingWalker()] * 5).modality("skeleton")
    m = m.select_frames([slice(0, 10), slice(0, 1), slice(None), slice(None), slice(0, 40)])
    m.values[2] = m.values[2] - np.tile(m.values[2][:, :3], 5) + np.float32(0.5)  # walks on the spot
    m.values[3] = m.frames[3] = m.time_s[3] = None
    trials = walk.with_modality("skeleton", m)
    table = gait_parameters(trials)
    assert table["heel_strikes"].tolist()[:4] == [0, 0, 0, 0]
    assert table.loc[:3, list(PARAMETERS)].isna().all(axis=None)
    assert table.loc[4, "heel_strikes"] > 0
    assert np.isnan(table.loc[4, "cadence_steps_per_min"])
    assert np.isfinite(table.loc[4, "step_width_m"])
    assert set(gait_events(trials)["trial"]) == {trials.ids[4]}


def test_prepared_positions_are_refused_with_the_remedy():
    trials = planted_trials(n_subjects=1, n_walks=1)
    with pytest.raises(GaitDataError, match="metres.*body lengths"):
        gait_parameters(ScaleStature().fit_transform(trials))
    with pytest.raises(GaitDataError, match="before CentrePelvis"):
        gait_parameters(CentrePelvis().fit_transform(trials))


def test_missing_numbers_and_times_are_refused_by_name():
    trials = recorded([MarchingWalker()])
    m = trials.modality("skeleton")
    holed = m.map(lambda v: np.where(np.arange(15) == 4, np.nan, v))
    with pytest.raises(GaitDataError, match="'left_ankle_y'.*FillMissing"):
        gait_events(trials.with_modality("skeleton", holed))
    timeless = replace(m, time_s=np.array([None], dtype=object))
    with pytest.raises(GaitDataError, match="time"):
        gait_events(trials.with_modality("skeleton", timeless))


# -- cycles ----------------------------------------------------------------------------------------------


def test_a_cycle_goes_from_heel_strike_to_heel_strike():
    walker = MarchingWalker()
    values, table = cycles(recorded([walker]), ["pelvis_y", "left_ankle_y"], n_points=51)
    assert values.shape == (len(table), 51, 2)
    np.testing.assert_allclose(table["end_s"] - table["start_s"], walker.stride_s, atol=0.02)
    np.testing.assert_allclose(table["stance_share"], walker.stance_share, atol=0.05)
    way = np.linspace(table["start_s"] - 10, table["end_s"] - 10, 51, axis=1) * walker.speed_mps
    np.testing.assert_allclose(values[..., 0], way, atol=1e-3)
    for row, curve in zip(table.itertuples(), values[..., 1], strict=True):
        if row.side == "left":
            assert np.ptp(curve[2 : int(51 * walker.stance_share) - 2]) < 0.01  # stands, then swings a stride ahead
            assert curve[-1] - curve[0] == pytest.approx(walker.speed_mps * walker.stride_s, abs=0.05)


def test_every_full_cycle_is_there_once():
    trials = planted_trials(n_subjects=2, n_walks=1)
    _, table = cycles(trials, ["head_z"])
    strikes = gait_events(trials).query("event == 'heel_strike'")
    for (trial, side), own in strikes.groupby(["trial", "side"]):
        found = table[(table["trial"] == trial) & (table["side"] == side)]
        assert found["start_s"].tolist() == own["time_s"].tolist()[:-1]
        assert found["end_s"].tolist() == own["time_s"].tolist()[1:]
    assert len(table) == (strikes.groupby(["trial", "side"]).size() - 1).sum() > 20


def test_derived_channels_are_cut_by_the_events_of_the_raw_positions():
    trials = planted_trials(n_subjects=1, n_walks=1)
    angles = AddJointAngles().fit_transform(trials)
    m = angles.modality("skeleton")
    values, table = cycles(angles, ["left_knee_deg"])
    assert table.equals(cycles(trials)[1])
    knee = {t: (s, v[:, m.channels.index("left_knee_deg")]) for t, s, v in zip(angles.ids, m.time_s, m.values)}  # noqa: B905
    for curve, row in zip(values[..., 0], table.itertuples(), strict=True):
        expected = np.interp(np.linspace(row.start_s, row.end_s, 101), *knee[row.trial])
        np.testing.assert_allclose(curve, expected, rtol=1e-4)


def test_no_cycle_and_no_such_channel():
    trials = recorded([MarchingWalker()], duration_s=1.0)
    values, table = cycles(trials)
    assert values.shape == (0, 101, 15)
    assert table.empty
    with pytest.raises(GaitDataError, match="'tail_x'"):
        cycles(trials, ["tail_x"])


# -- step ------------------------------------------------------------------------------------------------


def test_the_step_adds_the_parameters_and_leaves_the_rest():
    trials = planted_trials(n_subjects=2, n_walks=2)
    before = trials.digest()
    after = GaitParameters().fit_transform(trials)
    assert trials.digest() == before
    added = after.modality("gait_parameters")
    assert (added.kind, added.channels, added.unit) == ("static", PARAMETERS, "")
    table = gait_parameters(trials)[list(PARAMETERS)].to_numpy(np.float32)
    rows = np.stack(list(added.values))
    np.testing.assert_array_equal(rows[np.isfinite(table)], table[np.isfinite(table)])
    assert after.modality("skeleton") is trials.modality("skeleton")


def test_missing_parameters_are_the_medians_of_the_training_trials_only():
    trials = recorded([MarchingWalker(stride_s=s) for s in (1.0, 1.1, 1.3, 1.6)])
    m = trials.modality("skeleton").select_frames([slice(None)] * 3 + [slice(0, 10)])
    trials = trials.with_modality("skeleton", m)
    step = GaitParameters().fit(trials[:3])
    filled = step.transform(trials).modality("gait_parameters").values[3]
    expected = gait_parameters(trials[:3])[list(PARAMETERS)].median()
    np.testing.assert_allclose(filled, expected, rtol=1e-6)
    assert filled[0] == pytest.approx(120 / 1.1, abs=1.5)
    assert step.fitted_on_ == tuple(trials.ids[:3])


def test_a_trial_without_skeleton_has_no_parameters():
    trials = recorded([MarchingWalker()] * 2)
    m = trials.modality("skeleton")
    m.values[1] = m.frames[1] = m.time_s[1] = None
    values = GaitParameters().fit_transform(trials).modality("gait_parameters").values
    assert values[1] is None
    assert np.isfinite(values[0]).all()


def test_training_trials_without_a_cycle_are_refused():
    with pytest.raises(GaitDataError, match="no training trial gives 'cadence_steps_per_min'"):
        GaitParameters().fit(recorded([MarchingWalker()], duration_s=1.0))


def test_a_fitted_step_is_saved_and_loaded(tmp_path):
    trials = planted_trials(n_subjects=1, n_walks=1)
    step = GaitParameters().fit(trials)
    saving.save_state({"step": step}, tmp_path / "step")
    again = saving.load_state(tmp_path / "step")["step"]
    assert again.transform(trials).digest() == step.transform(trials).digest()


# -- figures ---------------------------------------------------------------------------------------------


def test_figures_name_their_data_and_draw_what_was_found():
    trials = AddJointAngles().fit_transform(planted_trials(n_subjects=3, n_walks=1))
    curves = plots.gait_cycle_curves(trials, ["left_knee_deg", "right_knee_deg"])
    assert "SYNTHETIC" in curves.get_suptitle()
    values, table = cycles(trials, ["right_knee_deg"])
    table = table.merge(trials.table, on="trial")
    own = table[(table["side"] == "right") & (table["label"] == "antalgic")]
    means = [values[rows, :, 0].mean(axis=0) for rows in own.groupby("subject").groups.values()]
    drawn = {line.get_label(): line.get_ydata() for line in curves.axes[1].lines}
    np.testing.assert_allclose(drawn["antalgic"], np.mean(means, axis=0), rtol=1e-5)

    events = plots.events_over_time(trials[0])
    assert "SYNTHETIC" in events.get_suptitle()
    marked = sum(len(line.get_xdata()) for axis in events.axes for line in axis.lines if line.get_marker() in "v^")
    assert marked == len(gait_events(trials[0]))
    plt.close("all")


def test_figures_refuse_what_they_cannot_draw():
    with pytest.raises(GaitDataError, match="one trial, not 2"):
        plots.events_over_time(recorded([MarchingWalker()] * 2))
    with pytest.raises(GaitDataError, match="no walk has a full gait cycle"):
        plots.gait_cycle_curves(recorded([MarchingWalker()], duration_s=1.0), ["pelvis_y"])


# -- synthetic walks with events of their own ------------------------------------------------------------


@pytest.fixture(scope="module")
def synthetic():
    size = {"n_subjects": 4, "n_walks": 1, "seed": 0}
    return list(synthetic_walks(**size)), gaitlib.synthetic_trials(**size)


def test_events_of_synthetic_walks(synthetic):
    errors, true, invented = {"heel_strike": [], "toe_off": []}, 0, 0
    walks, trials = synthetic
    by_trial = dict(iter(gait_events(trials).groupby("trial")))
    for walk, trial in zip(walks, trials.ids, strict=True):
        first, last = walk.time_s[[0, -1]] + [0.25, -0.25]
        for (side, event), found in by_trial[trial].groupby(["side", "event"])["time_s"]:
            truth = getattr(walk, f"{event}_s")[side]
            distance = found.to_numpy()[:, None] - truth
            inner = (truth > first) & (truth < last)
            true += inner.sum()
            errors[event] += np.abs(distance[:, inner]).min(axis=0).tolist()
            invented += (found.between(first, last).to_numpy() & (np.abs(distance).min(axis=1) > 0.25)).sum()
    strike, off = (np.array(e) for e in errors.values())
    assert true > 150
    assert np.median(strike) < 0.08  # the ankle turns back before the foot lands
    assert np.median(off) < 0.02
    assert np.percentile(off, 95) < 0.06
    assert ((strike > 0.25).sum() + (off > 0.25).sum()) / true < 0.03
    assert invented / true < 0.02


def test_parameters_of_synthetic_walks(synthetic):
    walks, trials = synthetic
    found = gait_parameters(trials)
    truth = pd.DataFrame([
        {"cadence_steps_per_min": w.cadence_steps_per_min, "speed_mps": w.speed_mps, "step_width_m": w.step_width_m}
        | {f"step_length_{side}_m": w.step_length_m[side] for side in SIDES}
        | {f"stance_share_{side}": w.stance_share[side] for side in SIDES}
        for w in walks
    ])  # fmt: skip
    error = (found[truth.columns] - truth).abs()
    assert error.notna().all(axis=None)
    limits = {
        "cadence_steps_per_min": 1.0, "speed_mps": 0.02, "step_width_m": 0.01, "step_length_left_m": 0.01,
        "step_length_right_m": 0.01, "stance_share_left": 0.08, "stance_share_right": 0.08,
    }  # fmt: skip
    assert (error.median() < pd.Series(limits)).all()
    assert (error.quantile(0.95) < 3 * pd.Series(limits)).all()


# -- real walks ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_walks(real_kinect_zip):
    return gaitlib.load_trials(real_kinect_zip)


def test_real_walks_are_in_the_range_of_people(real_walks):
    table = gait_parameters(real_walks)
    assert table["heel_strikes"].min() >= 2
    assert table["cadence_steps_per_min"].notna().mean() > 0.99
    by_gait = table.groupby("label")[list(PARAMETERS)].median()
    normal = by_gait.loc["normal"]
    assert 90 < normal["cadence_steps_per_min"] < 125
    assert 0.8 < normal["speed_mps"] < 1.5
    assert 0.58 < normal["stance_share_left"] < 0.68
    assert 0.58 < normal["stance_share_right"] < 0.68
    assert normal["speed_mps"] > 1.3 * by_gait["speed_mps"].drop("normal").max()
    for asymmetry in ("step_length_asymmetry_percent", "step_time_asymmetry_percent", "stance_asymmetry_percent"):
        assert by_gait[asymmetry].idxmin() == "normal"
    assert by_gait["step_length_asymmetry_percent"].idxmax() == "antalgic"
    step_m = table[["step_length_left_m", "step_length_right_m"]].mean(axis=1)
    by_steps_mps = step_m * table["cadence_steps_per_min"] / 60
    assert 0.95 < (by_steps_mps / table["speed_mps"]).median() < 1.05


def test_two_cameras_see_the_same_walk(real_walks):
    table = gait_parameters(real_walks)[list(PARAMETERS)].assign(walk=real_walks.walks)
    numbers = ["cadence_steps_per_min", "speed_mps", "step_length_left_m", "step_length_right_m"]
    apart = table.groupby("walk")[numbers].agg(lambda pair: abs(pair.iloc[0] - pair.iloc[-1])).median()
    assert (apart < table[numbers].std() / 4).all()
