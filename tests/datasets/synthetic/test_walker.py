"""The synthetic walker: physics on the exact truth, the markers of the gaits on the noisy skeleton."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score

from gaitlib import GaitDataError, recipes
from gaitlib.datasets.synthetic.gait_styles import PHASE, perry_deg
from gaitlib.datasets.synthetic.walks import NOISE_M, synthetic_trials, synthetic_walks
from gaitlib.preprocessing import AddJointAngles
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, BONES, GAITS, skeleton_channels

JOINT = {name: i for i, name in enumerate(AZURE_KINECT_JOINTS)}
AZURE_BONES = [(JOINT[a], JOINT[b]) for a, b in BONES if a in JOINT and b in JOINT]
SIDES = ("left", "right")
SEED = 0


@pytest.fixture(scope="module")
def trials():
    return synthetic_trials(n_subjects=12, n_walks=3, seed=SEED)


@pytest.fixture(scope="module")
def walks():
    return list(synthetic_walks(n_subjects=12, n_walks=3, seed=SEED))


@pytest.fixture(scope="module")
def clones():
    return synthetic_trials(n_subjects=6, n_walks=3, signature=0, seed=SEED)


def other(side):
    return "left" if side == "right" else "right"


def cycle_phase(walk, side):
    """Phase 0..1 of a leg at every frame; NaN outside its full cycles."""
    strikes = walk.heel_strike_s[side]
    phase = np.interp(walk.time_s, strikes, np.arange(len(strikes)), left=np.nan, right=np.nan)
    return phase % 1


def sagittal_deg(vector):
    """Angle of a hanging segment against the vertical, forward positive."""
    return np.degrees(np.arctan2(vector[:, 1], -vector[:, 2]))


def knee_flexion_deg(joints, side):
    thigh = joints[:, JOINT[f"{side}_hip"]] - joints[:, JOINT[f"{side}_knee"]]
    shank = joints[:, JOINT[f"{side}_ankle"]] - joints[:, JOINT[f"{side}_knee"]]
    cosine = (thigh * shank).sum(1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shank, axis=1)
    return 180 - np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def standing_share(joints, walk, side):
    """Share of the time that the foot joint moves at less than 40 % of the walking speed."""
    y = gaussian_filter1d(joints[:, JOINT[f"{side}_foot"], 1], 1.5)
    pelvis = joints[:, JOINT["pelvis"], 1]
    speed_mps = (pelvis[-1] - pelvis[0]) / walk.time_s[-1]
    return (np.gradient(y, walk.time_s) < 0.4 * speed_mps).mean()


def step_length_m(joints, walk, side):
    """Forward distance of the ankles at the heel strikes of a side."""
    y = [np.interp(walk.heel_strike_s[side], walk.time_s, joints[:, JOINT[f"{s}_ankle"], 1]) for s in SIDES]
    return np.abs(y[0] - y[1]).mean()


def markers(joints, walk) -> dict[str, float]:
    """What tells the gaits apart, measured on the positions of one walk."""
    side = walk.affected_side
    out = 1 if side == "right" else -1
    phase, phase_other = cycle_phase(walk, side), cycle_phase(walk, other(side))
    stance, swing, strike = (phase > 0.12) & (phase < 0.45), (phase > 0.68) & (phase < 0.92), phase < 0.2

    def place(name):
        return joints[:, JOINT[name]]

    def arc_m(leg, chosen, sign):
        return sign * (place(f"{leg}_foot") - place(f"{leg}_hip"))[chosen, 0].mean()

    trunk = place("neck") - place("pelvis")
    forward_deg = np.degrees(np.arctan2(trunk[:, 1], trunk[:, 2]))
    side_deg = np.degrees(np.arctan2(out * trunk[:, 0], trunk[:, 2]))
    foot = place(f"{side}_foot") - place(f"{side}_ankle")
    pitch_deg = np.degrees(np.arctan2(foot[:, 2], np.linalg.norm(foot[:, :2], axis=1)))
    hip_rise_m = place(f"{side}_hip")[:, 2] - place(f"{other(side)}_hip")[:, 2]
    swing_other = (phase_other > 0.68) & (phase_other < 0.92)
    thigh_deg = sagittal_deg(place(f"{side}_knee") - place(f"{side}_hip"))
    return {
        "stance affected - other (share)": standing_share(joints, walk, side)
        - standing_share(joints, walk, other(side)),
        "step other / affected": step_length_m(joints, walk, other(side)) / step_length_m(joints, walk, side),
        "knee flexion in swing (deg)": np.percentile(knee_flexion_deg(joints, side)[swing], 90),
        "outward arc in swing (m)": arc_m(side, swing, out) - arc_m(other(side), swing_other, -out),
        "hip hike in swing (m)": hip_rise_m[swing].mean(),
        "trunk forward after heel strike (deg)": forward_deg[strike].mean() - forward_deg[stance | swing].mean(),
        "hip flexion in swing (deg)": np.percentile(thigh_deg[swing], 90),
        "foot pitch around heel strike (deg)": pitch_deg[(phase > 0.94) | (phase < 0.04)].mean(),
        "pelvis drop in stance (m)": hip_rise_m[stance].mean(),
        "trunk lean to the stance leg (deg)": side_deg[stance].mean(),
    }


def measured(trials, walks) -> pd.DataFrame:
    """Markers of every trial from its noisy skeleton, averaged over the walks of a subject and gait."""
    values = trials.modality("skeleton").values
    rows = [
        {"subject": w.subject, "gait": w.gait, **markers(v.reshape(len(v), -1, 3), w)}
        for v, w in zip(values, walks, strict=True)
    ]
    return pd.DataFrame(rows).groupby(["gait", "subject"]).mean()


@pytest.fixture(scope="module")
def table(trials, walks):
    return measured(trials, walks)


# -- the contract ----------------------------------------------------------------------------------------------------


def test_the_trials_keep_the_contract_of_the_recordings(trials):
    skeleton, pressure = trials.modality("skeleton"), trials.modality("pressure")
    assert trials.name == "SYNTHETIC walks, 12 subjects"
    assert (skeleton.kind, skeleton.unit, skeleton.channels) == (
        "sequence",
        "m",
        skeleton_channels(AZURE_KINECT_JOINTS),
    )
    assert (pressure.kind, pressure.unit, len(pressure.channels)) == ("image", "raw", 48)
    assert trials.ids[0] == trials.walks[0] == "subject01/normal/01"
    assert trials.counts().to_numpy().tolist() == [[3] * len(GAITS)] * 12
    assert set(trials.table["source"]) == {""}
    for values, frames, time_s in zip(skeleton.values, skeleton.frames, skeleton.time_s, strict=True):
        assert values.dtype == np.float32 and values.shape == (len(frames), 96)
        assert np.array_equal(np.array([f"{v:.6f}" for v in values[:3].ravel()], np.float32), values[:3].ravel())
        assert time_s.dtype == np.float64 and np.array_equal(time_s, np.round(time_s, 3))
        assert frames[0] == time_s[0] == 0 and np.abs(time_s - frames / 30).max() < 0.01
        assert (np.diff(frames) > 0).all() and (np.diff(time_s) > 0).all()
        assert 100 <= frames[-1] + 1 <= 180 and 0.05 < 1 - len(frames) / (frames[-1] + 1) < 0.19
        assert -1.6 < values[0, 1] < -0.4


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first, again, another = (synthetic_trials(2, 1, seed=seed).digest() for seed in (3, 3, 4))
    assert first == again != another


def test_a_smaller_set_is_a_part_of_a_larger_one(trials):
    small = synthetic_trials(n_subjects=3, n_walks=2, seed=SEED)
    assert small.digest() == trials[np.isin(trials.ids, small.ids)].digest()


def test_walks_tell_the_truth_behind_the_trials_in_their_order(trials, walks):
    values = trials.modality("skeleton").values
    assert trials.ids.tolist() == [f"{w.subject}/{w.gait}/{w.number:02d}" for w in walks]
    noise = [v.reshape(len(v), -1, 3) - w.positions for v, w in zip(values, walks, strict=True)]
    sd = np.concatenate(noise).std(axis=(0, 2))
    assert np.abs(sd[JOINT["pelvis"]] / NOISE_M["trunk"] - 1) < 0.13
    assert np.abs(sd[JOINT["left_hand"]] / NOISE_M["ends"] - 1) < 0.13


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0)])
def test_nobody_walking_is_refused(sizes):
    with pytest.raises(GaitDataError, match="at least one subject and one walk"):
        synthetic_trials(*sizes)


def test_strong_signatures_and_gaits_still_walk():
    for walk in synthetic_walks(n_subjects=6, n_walks=1, signature=2.5, class_effect=1.5, seed=SEED):
        assert np.isfinite(walk.positions).all() and walk.positions[..., 2].min() > 0.019
        lengths = [np.linalg.norm(walk.positions[:, a] - walk.positions[:, b], axis=1) for a, b in AZURE_BONES]
        assert np.std(lengths, axis=1).max() < 1e-9


# -- physics, on the truth -------------------------------------------------------------------------------------------


def test_bones_keep_their_length(walks, trials):
    for walk, noisy in zip(walks, trials.modality("skeleton").values, strict=True):
        for positions, sd_m in ((walk.positions, 1e-9), (noisy.reshape(len(noisy), -1, 3), 2 * NOISE_M["ends"])):
            lengths = [np.linalg.norm(positions[:, a] - positions[:, b], axis=1) for a, b in AZURE_BONES]
            assert np.std(lengths, axis=1).max() < sd_m


def test_no_joint_is_below_the_floor_and_the_feet_reach_it(walks):
    for walk in walks:
        feet = walk.positions[:, [JOINT["left_foot"], JOINT["right_foot"]], 2]
        assert walk.positions[..., 2].min() > 0.019
        assert (feet.min(axis=0) < 0.021).all()


def test_a_standing_foot_stays_where_it_is(walks):
    for walk in walks:
        for side in SIDES:
            for strike_s in walk.heel_strike_s[side]:
                off_s = min([t for t in walk.toe_off_s[side] if t > strike_s], default=None)
                if off_s is None:
                    continue
                for joint, end in (("ankle", 0.45), ("foot", 1.0)):  # then the heel rises, and the toe still stands
                    share = (walk.time_s - strike_s) / (off_s - strike_s)
                    place = walk.positions[(share > 0.17) & (share < end), JOINT[f"{side}_{joint}"], :2]
                    assert np.linalg.norm(place - place[0], axis=1).max() < 0.02


def test_knees_bend_backwards_only(walks):
    for walk in walks:
        for side in SIDES:
            hip, knee, ankle = (walk.positions[:, JOINT[f"{side}_{j}"]] for j in ("hip", "knee", "ankle"))
            share = ((knee - hip) * (ankle - hip)).sum(1) / ((ankle - hip) ** 2).sum(1)
            assert (knee - (hip + share[:, None] * (ankle - hip)))[:, 1].min() > 0


def test_speed_is_step_length_times_cadence_and_the_pelvis_keeps_to_it(walks):
    for walk in walks:
        expected = np.mean(list(walk.step_length_m.values())) * walk.cadence_steps_per_min / 60
        path_m = np.linalg.norm(walk.positions[-1, 0, :2] - walk.positions[0, 0, :2])
        assert walk.speed_mps == pytest.approx(expected, rel=0.02)
        assert path_m / walk.time_s[-1] == pytest.approx(walk.speed_mps, rel=0.06)


def test_steps_and_stance_are_those_stated(walks):
    for walk in walks:
        for side in SIDES:
            strikes, offs = walk.heel_strike_s[side], walk.toe_off_s[side]
            strikes_of_other = walk.heel_strike_s[other(side)]
            stance = [t - strikes[strikes < t][-1] for t in offs if (strikes < t).any()]
            stride_s = 120 / walk.cadence_steps_per_min
            assert np.mean(stance) / stride_s == pytest.approx(walk.stance_share[side], abs=0.02)
            # Between the flat feet, a little after each heel strike.
            before = [strikes_of_other[strikes_of_other < t][-1:] for t in strikes]
            pairs = [(t, b[0]) for t, b in zip(strikes, before, strict=True) if len(b)]
            here, there = (
                np.interp(np.array(times) + 0.15 * stride_s, walk.time_s, walk.positions[:, JOINT[f"{leg}_ankle"], 1])
                for times, leg in zip(zip(*pairs, strict=True), (side, other(side)), strict=True)
            )
            within = np.array(pairs)[:, 0] + 0.15 * stride_s < walk.time_s[-1]
            assert (here - there)[within].mean() == pytest.approx(walk.step_length_m[side], abs=0.03)


def test_normal_curves_lie_in_the_published_band(trials, walks):
    # Adults differ with an SD of about 5 to 7 degrees (Kadaba et al. 1990, https://doi.org/10.1002/jor.1100080310).
    angles = AddJointAngles().fit_transform(trials).modality("skeleton")
    bins = np.arange(0, 1, 0.05)
    at = np.round(100 * (bins + 0.025)).astype(int)
    mean = {}
    for joint in ("knee", "hip", "ankle"):
        phase, flexion = [], []
        for walk, values in zip(walks, angles.values, strict=True):
            for side in SIDES if walk.gait == "normal" else ():
                phase.append(cycle_phase(walk, side))
                flexion.append(180 - values[:, angles.channels.index(f"{side}_{joint}_deg")])
        phase, flexion = np.concatenate(phase), np.concatenate(flexion)
        mean[joint] = np.array([flexion[(phase >= b) & (phase < b + 0.05)].mean() for b in bins])
    assert PHASE[at[0]] == 0.02
    assert np.abs(mean["knee"] - perry_deg("knee")[at]).max() < 12
    ankle, published = mean["ankle"], perry_deg("ankle")[at]  # the angle of the foot's own axis is a constant apart
    assert np.abs((ankle - ankle.mean()) - (published - published.mean())).max() < 12
    # The chest is beside the hip: that constant sideways angle and the lean of the trunk are in the included angle.
    joints = np.concatenate([w.positions for w in walks if w.gait == "normal"])
    up = joints[:, JOINT["chest"]] - joints[:, JOINT["left_hip"]]
    beside = np.arctan2(up[:, 0], up[:, 2]).mean()
    lean = np.arctan2(up[:, 1], up[:, 2]).mean()
    expected = np.degrees(np.arccos(np.cos(beside) * np.cos(np.radians(perry_deg("thigh")[at]) + lean)))
    assert np.abs(mean["hip"] - expected).max() < 12


# -- markers, on the noisy skeleton ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gait", "marker", "least"),
    [
        ("antalgic", "step other / affected", -0.12),
        ("antalgic", "stance affected - other (share)", -0.03),
        ("stiff_legged", "knee flexion in swing (deg)", -15),
        ("stiff_legged", "outward arc in swing (m)", 0.04),
        ("stiff_legged", "hip hike in swing (m)", 0.012),
        ("lurching", "trunk forward after heel strike (deg)", -4),
        ("steppage", "foot pitch around heel strike (deg)", -12),
        ("steppage", "hip flexion in swing (deg)", 6),
        ("steppage", "knee flexion in swing (deg)", 8),
        ("trendelenburg", "pelvis drop in stance (m)", 0.012),
        ("trendelenburg", "trunk lean to the stance leg (deg)", 4),
    ],
)
def test_each_gait_shows_its_marker(table, gait, marker, least):
    """Against the person's own normal walks: the stated direction in nearly everybody, and more than in other gaits."""
    change = table[marker] - table.loc["normal", marker].reindex(table.index, level="subject")
    direction = np.sign(least)
    assert direction * change[gait].mean() > direction * least
    assert (direction * change[gait] > 0).mean() >= (0.7 if "stance affected" in marker else 0.9)
    others = [g for g in GAITS if g != gait]
    assert direction * change[gait].mean() > 1.5 * max(direction * change[g].mean() for g in others)


def test_the_affected_side_is_drawn_per_person(walks):
    sides = {w.subject: set() for w in walks}
    for walk in walks:
        sides[walk.subject].add(walk.affected_side)
    assert {len(s) for s in sides.values()} == {1}
    assert set.union(*sides.values()) == {"left", "right"}


# -- what models can find --------------------------------------------------------------------------------------------


def statistics(trials):
    """What classical models read of the skeleton."""
    alone = replace(trials, modalities={"skeleton": trials.modality("skeleton")})
    return recipes.steps_for(alone, "extra_trees").fit_transform(alone).inputs["statistics"]


def accuracy(features, labels, groups=None):
    """Of extra trees, for new people where groups are given, else for new walks of known ones."""
    trees = ExtraTreesClassifier(100, random_state=0)
    folds = GroupKFold(6) if groups is not None else StratifiedKFold(6, shuffle=True, random_state=0)
    return cross_val_score(trees, features, labels.astype(str), groups=groups, cv=folds).mean()


def test_a_new_person_is_harder_than_a_new_walk_and_neither_is_easy(trials):
    features = statistics(trials)
    person, walk = accuracy(features, trials.labels, trials.subjects), accuracy(features, trials.labels)
    assert 0.6 < person < walk - 0.04
    assert walk < 1


def test_frame_count_and_duration_say_nothing_about_the_gait(trials):
    skeleton = trials.modality("skeleton")
    length = np.array([[len(t), t[-1]] for t in skeleton.time_s])
    assert accuracy(length, trials.labels, trials.subjects) < 1 / 6 + 0.09  # 3 SD of guessing on 216 trials


@pytest.mark.slow
def test_without_class_effect_a_new_person_shows_no_gait_but_a_known_one_does():
    trials = synthetic_trials(n_subjects=12, n_walks=3, class_effect=0, seed=SEED)
    features = statistics(trials)
    assert accuracy(features, trials.labels, trials.subjects) < 1 / 6 + 0.09
    assert accuracy(features, trials.labels) > 0.3


def test_without_signature_people_are_clones(clones):
    features = statistics(clones)
    assert accuracy(features, clones.subjects) < 1 / 6 + 0.12
    assert accuracy(features, clones.labels, clones.subjects) > 0.95


def test_with_signature_people_are_told_apart(trials):
    assert accuracy(statistics(trials), trials.subjects) > 0.9
