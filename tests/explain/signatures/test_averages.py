"""Gait signatures: averages against loops, planted phases and regions found again, nothing lost on the way."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from scipy.io import loadmat

import gaitlib
from gaitlib import TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.explain.attribution import Relevance
from gaitlib.explain.signatures.averages import signature
from gaitlib.explain.signatures.regions import REGIONS, foot_regions, region_sums
from gaitlib.preprocessing import gait_events
from gaitlib.preprocessing.gait_cycle import cycles
from gaitlib.trials.modality import Modality, object_array

RNG = np.random.default_rng(0)


def explained(trials, name, values, read=None, target=None, channels=None):
    """A Relevance made by hand; what was read are the trials themselves."""
    table = trials.table[["trial", "subject", "label"]].assign(target=trials.labels if target is None else target)
    read = read or trials
    values = object_array([None if v is None else np.asarray(v, np.float32) for v in values])
    channels = channels or read.modality(name).channels
    return Relevance({name: values}, {name: channels}, table, trials, "lrp", read)


@pytest.fixture(scope="module")
def forces():
    """Two classes; "a" has one trial, "b" three, "c" and "d" two each; 11 points, four channels."""
    subjects = list("abbbccdd")
    arrays = [RNG.normal(size=(11, 4)).astype(np.float32) for _ in subjects]
    channels = ["affected_fore_aft", "affected_vertical", "unaffected_fore_aft", "unaffected_vertical"]
    labels = ["ill" if s in "ab" else "well" for s in subjects]
    return TrialSet.from_arrays(
        {"grf": arrays}, subject=subjects, label=labels, channels=channels, rate_hz=100, unit="body weights"
    )


@pytest.fixture(scope="module")
def of_forces(forces):
    return explained(forces, "grf", [RNG.normal(size=(11, 4)) for _ in range(8)])


def test_by_class_everybody_weighs_the_same_and_by_subject_every_trial(forces, of_forces):
    by_class, by_subject = signature(of_forces, phase_of="stance"), signature(of_forces, "subject")
    values, force = np.stack(of_forces.values["grf"]), np.stack(forces.modality("grf").values)
    np.testing.assert_allclose(by_class.relevance[0], (values[0] + values[1:4].mean(axis=0)) / 2, atol=1e-6)
    np.testing.assert_allclose(by_class.signal[0], (force[0] + force[1:4].mean(axis=0)) / 2, atol=1e-6)
    of_people = np.stack([force[0], force[1:4].mean(axis=0)])
    np.testing.assert_allclose(by_class.spread[0], of_people.std(axis=0, ddof=1), atol=1e-6)
    np.testing.assert_allclose(by_subject.relevance[1], values[1:4].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(by_subject.spread[1], force[1:4].std(axis=0, ddof=1), atol=1e-6)
    assert not by_subject.spread[0].any()  # one trial has no spread
    assert by_class.counts.to_numpy().tolist() == [["ill", "ill", 2, 4, 0], ["well", "well", 2, 4, 0]]
    assert (by_class.unit, by_class.phase_of, by_class.phase[5]) == ("body weights", "stance", 50)


def test_a_trial_without_the_modality_is_left_out_and_counted(forces, of_forces):
    values = of_forces.values["grf"].copy()
    values[2] = None
    m = forces.modality("grf")
    lacking = forces.with_modality("grf", replace(m, values=object_array([*m.values[:2], None, *m.values[3:]])))
    found = signature(explained(lacking, "grf", values))
    assert found.counts[["trials", "left_out"]].to_numpy().tolist() == [[3, 1], [4, 0]]
    expected = (values[0] + (values[1] + values[3]) / 2) / 2
    np.testing.assert_allclose(found.relevance[0], expected, atol=1e-6)


def test_the_highest_relevance_is_found_on_each_side(of_forces):
    values = np.zeros((8, 11, 4))
    values[:4, 3, 1], values[:4, 9, 2], values[4:, 0, 0], values[4:, 10, 3] = 5, 2, 4, 3
    values[:, 5] = -9  # what contradicts is no signature
    table = signature(replace(of_forces, values={"grf": object_array(list(values))})).highest()
    assert table.to_numpy().tolist() == [
        ["ill", "affected", "affected_vertical", 30.0, 5.0],
        ["ill", "unaffected", "unaffected_fore_aft", 90.0, 2.0],
        ["well", "affected", "affected_fore_aft", 0.0, 4.0],
        ["well", "unaffected", "unaffected_vertical", 100.0, 3.0],
    ]


def test_channels_that_were_not_read_are_left_out_and_new_ones_shown_as_read(forces, of_forces):
    m = forces.modality("grf")
    names = (*m.channels, "left_knee_deg")
    read = [np.column_stack([v * [0, 1, 0, 1], v[:, 0]]).astype(np.float32) for v in m.values]
    read = forces.with_modality("grf", replace(m, channels=names, values=object_array(read)))
    values = [np.column_stack([v, v[:, 0]]) for v in of_forces.values["grf"]]
    found = signature(explained(forces, "grf", values, read))
    assert found.channels == ("affected_vertical", "unaffected_vertical", "left_knee_deg")
    assert found.unit == "as read by the model"
    np.testing.assert_allclose(found.relevance[1], np.mean(values[4:], axis=0)[:, [1, 3, 4]], atol=1e-6)
    np.testing.assert_allclose(found.signal[1, :, 2], np.mean(m.values[4:], axis=0)[:, 0], atol=1e-6)


def test_a_part_is_taken_in_the_given_order(of_forces):
    whole = signature(of_forces)
    part = whole.select(groups=["well"], channels=["unaffected_vertical", "affected_fore_aft"])
    np.testing.assert_array_equal(part.relevance[0], whole.relevance[1][:, [3, 0]])
    assert part.groups == ["well"]
    with pytest.raises(GaitDataError, match="no channel 'emg' here; there are affected_fore_aft, "):
        whole.select(channels=["emg"])


def test_what_has_no_signature_is_refused_with_a_reason(forces, of_forces):
    with pytest.raises(GaitDataError, match="by='gait' is unknown"):
        signature(of_forces, "gait")
    with pytest.raises(GaitDataError, match="not plain arrays"):
        signature(replace(of_forces, trials=None))
    with pytest.raises(GaitDataError, match="class 'ill' mixes explanations of ill and well: explain target='true'"):
        signature(explained(forces, "grf", of_forces.values["grf"], target=["ill", "well"] * 4))
    with pytest.raises(GaitDataError, match="'emg' was not explained; explained are grf"):
        signature(of_forces, modality="emg")
    with pytest.raises(GaitDataError, match="say modality= one of grf, emg"):
        signature(replace(of_forces, values=of_forces.values | {"emg": None}))
    uneven = TrialSet.from_arrays(
        {"grf": [np.ones((5, 1)), np.ones((7, 1))]}, subject=["a", "b"], label=["x", "y"], rate_hz=9
    )
    with pytest.raises(GaitDataError, match="'grf' have 5 to 7 frames"):
        signature(explained(uneven, "grf", uneven.modality("grf").values))
    static = TrialSet.from_arrays({"age": [[3.0], [4.0]]}, subject=["a", "b"], label=["x", "y"])
    with pytest.raises(GaitDataError, match="neither phase nor place"):
        signature(explained(static, "age", static.modality("age").values))


# -- gait phase -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def walks():
    return planted_trials(n_subjects=2, n_walks=1)


def constant(trials, channel):
    """Relevance of 1 on every frame of a channel."""
    m = trials.modality("skeleton")
    return [np.tile(np.array(m.channels) == channel, (len(v), 1)) for v in m.values]


def test_relevance_over_phase_adds_up_to_what_lies_in_a_cycle(walks):
    """One a frame: the sum over the cycle is the number of its frames, by the events of the channel's own side."""
    for channel in ("left_knee_x", "right_knee_x", "head_x"):
        found = signature(explained(walks, "skeleton", constant(walks, channel)))
        side = "right" if channel.startswith("right") else "left"
        _, table = cycles(walks, ["head_x"])
        table = table[table["side"] == side].merge(walks.table, on="trial")
        seconds = (table["end_s"] - table["start_s"]).groupby([table["label"], table["trial"]]).mean()
        curve = found.relevance[:, :, found.channels.index(channel)]
        assert np.ptp(curve[0]) < 1e-5
        np.testing.assert_allclose(100 * curve[:, 50], 30 * seconds.groupby("label").mean(), rtol=0.03)
        assert np.abs(found.relevance).sum() == pytest.approx(np.abs(curve).sum())


@pytest.mark.parametrize("side", ["left", "right"])
def test_relevance_planted_at_toe_off_is_found_at_the_end_of_stance(walks, side):
    m, channel = walks.modality("skeleton"), f"{side}_foot_z"
    events = gait_events(walks)
    events = events[(events["event"] == "toe_off") & (events["side"] == side)]
    values = constant(walks, channel)
    for trial, own in zip(walks.ids, values, strict=True):
        own &= np.isin(np.arange(len(own)), events.loc[events["trial"] == trial, "frame"])[:, None]
    found = signature(explained(walks, "skeleton", values))
    table = found.highest()
    table = table[table["side"] == side]
    assert set(table["channel"]) == {channel}
    np.testing.assert_allclose(table["phase_percent"], found.stance_percent, atol=8)
    assert list(found.joints().highest().query("side == @side")["channel"]) == [f"{side}_foot"] * 6
    assert m.channels[0].removesuffix("_x") in found.joints().channels


def test_joints_add_up_positions_velocities_and_angles(of_forces):
    channels = ("left_knee_x", "left_knee_y_mps", "left_knee_deg", "head_z")
    found = signature(replace(of_forces, channels={"grf": channels}))
    joints = found.joints()
    assert joints.channels == ("left_knee", "head")
    np.testing.assert_allclose(joints.relevance[..., 0], found.relevance[..., :3].sum(axis=-1))
    assert joints.signal is None


def test_cycles_that_the_model_did_not_read_in_full_do_not_count(walks):
    """Frames outside the crop are zero in what was read; their zero relevance is no finding."""
    m = walks.modality("skeleton")
    crop = [np.clip(np.arange(len(v)) - 4, 0, 1)[:, None] * (np.arange(len(v)) < 55)[:, None] for v in m.values]
    seen = object_array([v * c for v, c in zip(m.values, crop, strict=True)])
    read = walks.with_modality("skeleton", replace(m, values=seen))
    values = [v * c for v, c in zip(constant(walks, "left_knee_x"), crop, strict=True)]
    found = signature(explained(walks, "skeleton", values, read))
    curve = found.relevance[:, :, found.channels.index("left_knee_x")]
    assert np.nanmin(curve) > 0.2  # nothing diluted; NaN where no left cycle was read in full
    assert np.isfinite(curve).any()
    assert (found.counts["trials"] + found.counts["left_out"] == 2).all()
    nothing = walks.with_modality("skeleton", replace(m, values=object_array([0 * v for v in m.values])))
    with pytest.raises(GaitDataError, match="no trial can be used"):
        signature(explained(walks, "skeleton", values, nothing))


def test_most_real_walks_have_a_cycle(real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)[::30]
    found = signature(explained(trials, "skeleton", constant(trials, "left_knee_x")))
    assert found.counts["trials"].sum() > 0.6 * len(trials)
    knee = found.relevance[:, :, found.channels.index("left_knee_x")]
    seconds = 100 * knee.mean(axis=1) / 30
    assert ((seconds > 0.7) & (seconds < 2.5)).all()
    assert ((found.stance_percent > 50) & (found.stance_percent < 80)).all()


# -- pressure ---------------------------------------------------------------------------------------------


def plate(left=(10, 14), right=(70, 30), length=24, rows=128, columns=48, heavy=1.0):
    """Two even footprints, each (first row, first column), 8 columns wide; the right one as heavy as said."""
    image = np.zeros((rows, columns), np.float32)
    for (row, column), load in ((left, 1.0), (right, heavy)):
        image[row : row + length, column : column + 8] = load
    return image


@given(
    st.tuples(st.integers(0, 25), st.integers(0, 38)),
    st.tuples(st.integers(65, 100), st.integers(0, 38)),
    st.sampled_from([0.4, 1.0, 2.5]),
)
def test_feet_are_told_apart_and_cut_in_thirds_wherever_they_stand(behind, ahead, heavy):
    if behind[1] == ahead[1]:
        return
    image = plate(behind, ahead, heavy=heavy)
    region, first_is_right = foot_regions(image), behind[1] > ahead[1]
    for foot, ((row, _), side) in enumerate(zip((behind, ahead), ("left", "right"), strict=True)):
        side = ("right", "left")[foot] if first_is_right else side
        named = [REGIONS[k] for k in region[row : row + 24]]
        assert named == [(side, part) for part in ("heel", "midfoot", "forefoot") for _ in range(8)]


def test_regions_lose_nothing_and_a_spike_moves_nothing():
    image, values = plate(), RNG.normal(size=(128, 48))
    assert region_sums(image, values).sum() == pytest.approx(values.sum())
    spiked = image.copy()
    spiked[120, 2] = spiked[50, 40] = 50
    np.testing.assert_array_equal(foot_regions(spiked), foot_regions(image))
    assert foot_regions(np.zeros((8, 4))) is None


def test_pressure_of_synthetic_walks_lies_under_two_feet_left_first():
    """The generator puts the left foot down first, in the lower rows, whatever the gait."""
    trials = gaitlib.synthetic_trials(n_subjects=2, n_walks=2, seed=3)
    for image in trials.modality("pressure").values:
        region = foot_regions(image)
        assert region[0] == 0 and region[-1] == 5 and (np.diff(region) >= 0).all()
        thirds = np.bincount(region, minlength=6)[[1, 4]]
        assert ((thirds >= 5) & (thirds <= 15)).all()  # a foot of 20 to 30 cm, toes included


def test_relevance_planted_under_the_right_forefoot_is_found_there():
    images = object_array([plate(), plate(left=(14, 12), right=(80, 28)), np.zeros((128, 48), np.float32)])
    table = TrialSet.from_arrays({"x": [np.ones(2)] * 3}, subject=["a", "b", "b"], label=["ill"] * 3)
    trials = table.with_modality("x", Modality("image", tuple(f"c{i}" for i in range(48)), "raw", images))
    values = [np.zeros((128, 48)) for _ in images]
    values[0][86:94, 30:38], values[1][96:104, 28:36] = 1, 2
    found = signature(explained(trials, "x", values))
    assert found.counts[["trials", "left_out"]].to_numpy().tolist() == [[2, 1]]  # nobody stood on the third
    best = found.highest().set_index("side")
    assert best.loc["right", ["region", "relevance", "signal"]].tolist() == ["forefoot", 96, 64]
    assert found.regions["relevance"].sum() == 96
    np.testing.assert_allclose(found.relevance[0], (values[0] + values[1]) / 2)
    assert found.select(groups=["ill"]).regions.equals(found.regions)


# -- published --------------------------------------------------------------------------------------------


def test_the_signature_of_the_published_subject():
    """Figure data of Horst et al. 2019: the subject's highest relevance lies late in stance, in the vertical force."""
    folder = os.environ.get("GAIT_REAL_DATA")
    file = Path(folder or "", "gait_signature", "Fig2.mat")
    if not folder or not file.is_file():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with gait_signature/Fig2.mat")
    mat = loadmat(file)
    features, values = (
        mat[name][0, 0].T.reshape(19, 6, 101).swapaxes(1, 2)
        for name in ("Feature_Output_Export", "RpredAct_Output_Export")
    )
    channels = [f"{s}_{c}" for s in ("first", "second") for c in ("fore_aft", "medio_lateral", "vertical")]
    channels = [c.replace("first", "left").replace("second", "right") for c in channels]
    trials = TrialSet.from_arrays(
        {"grf": list(features)}, subject=["1"] * 19, label=["1"] * 19, channels=channels, rate_hz=100
    )
    found = signature(explained(trials, "grf", values), "subject", phase_of="stance")
    np.testing.assert_allclose(found.relevance[0], values.mean(axis=0), atol=1e-6)
    table = found.highest()
    assert table["channel"].tolist() == ["left_vertical", "right_vertical"]
    assert table["phase_percent"].between(85, 99).all()
