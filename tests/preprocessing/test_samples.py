"""Cutting trials into samples, padding, summary statistics, and what all steps owe scikit-learn."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from planted_inertial import fused, turning_sensor, two_walks
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import preprocessing
from gaitlib.preprocessing import (
    AddJointAngles,
    AddVelocity,
    AlignHeading,
    CentrePelvis,
    Crop,
    FillMissing,
    Frames,
    RepairFrames,
    SelectJoints,
    Step,
    SummaryStatistics,
    Tensors,
)
from gaitlib.preprocessing.samples import Samples, mean_over_samples

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=4)
FRAMES = st.integers(1, 20)


def emg(lengths, n_channels=2, **more):
    """Trial i counts its frames from 1000 * (i + 1), so that every value tells where it is from."""
    values = [1000.0 * (i + 1) + np.arange(n * n_channels).reshape(n, -1) for i, n in enumerate(lengths)]
    return gaitlib.TrialSet.from_arrays({"emg": values, **more}, subject=["a"] * len(values), rate_hz={"emg": 100})


def with_image_and_age(lengths):
    rng = np.random.default_rng(0)
    more = {"pressure": [rng.normal(size=(4, 3)) for _ in lengths], "age": [rng.normal(size=1) for _ in lengths]}
    values = [rng.normal(size=(n, 2)) for n in lengths]
    kinds = {"emg": "sequence", "pressure": "image", "age": "static"}
    return gaitlib.TrialSet.from_arrays({"emg": values, **more}, kind=kinds, subject=["a"] * len(lengths))


# -- Crop ------------------------------------------------------------------------------------------------


@given(lengths=LENGTHS, frames=FRAMES)
def test_last_takes_the_end_of_each_trial(lengths, frames):
    trials = emg(lengths)
    after = Crop(frames, "last", modality="emg").fit_transform(trials)
    for before, value in zip(trials.modality("emg").values, after.modality("emg").values, strict=True):
        np.testing.assert_array_equal(value, before[-frames:])


@given(lengths=LENGTHS, frames=FRAMES)
def test_centre_takes_the_middle_of_each_trial(lengths, frames):
    after = Crop(frames, "centre", modality="emg").fit_transform(emg(lengths)).modality("emg")
    for n, kept in zip(lengths, after.frames, strict=True):
        assert len(kept) == min(frames, n)
        assert np.all(np.diff(kept) == 1)
        left, right = kept[0], n - 1 - kept[-1]
        assert 0 <= right - left <= 1


@given(lengths=LENGTHS, frames=FRAMES, hop=st.integers(1, 20))
def test_sliding_windows_cover_every_frame_of_their_trial(lengths, frames, hop):
    hop = min(hop, frames)
    trials = emg(lengths)
    after = Crop(frames, "sliding", hop, "emg").fit_transform(trials)
    m = after.modality("emg")
    for i, n in enumerate(lengths):
        own = np.flatnonzero(after.ids == trials.ids[i])
        starts = [m.frames[w][0] for w in own]
        assert all(len(m.values[w]) == min(frames, n) for w in own)
        assert set(np.concatenate(m.frames[own])) == set(range(n))
        assert starts[0] == 0
        assert set(np.diff(starts)[:-1]) <= {hop}
        assert all(0 < step <= hop for step in np.diff(starts))
        for w in own:
            np.testing.assert_array_equal(m.values[w], trials.modality("emg").values[i][m.frames[w]])
            np.testing.assert_array_equal(m.time_s[w], m.frames[w] / 100)


def test_sliding_by_hand():
    after = Crop(4, "sliding", hop=3, modality="emg").fit_transform(emg([11, 3])).modality("emg")
    assert [f.tolist() for f in after.frames] == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [7, 8, 9, 10], [0, 1, 2]]


def test_windows_keep_subject_label_and_other_modalities_of_their_trial():
    trials = with_image_and_age([9, 5])
    after = Crop(4, "sliding", hop=4, modality="emg").fit_transform(trials)
    assert after.ids.tolist() == ["trial0"] * 3 + ["trial1"] * 2
    for w, i in enumerate([0, 0, 0, 1, 1]):
        assert after.table.iloc[w].equals(trials.table.iloc[i].rename(w))
        np.testing.assert_array_equal(after.modality("age").values[w], trials.modality("age").values[i])


def test_a_hop_that_would_lose_frames_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="hop"):
        Crop(4, "sliding", hop=5, modality="emg").fit_transform(emg([20]))


@pytest.mark.parametrize("settings", [{"frames": 0}, {"hop": 0}, {"position": "begin"}])
def test_impossible_crops_are_refused(settings):
    with pytest.raises(gaitlib.GaitDataError, match="at least 1|begin"):
        Crop(**{"modality": "emg", **settings}).fit_transform(emg([5]))


def test_a_trial_without_the_modality_stays_one_sample():
    trials = emg([9, 9])
    m = trials.modality("emg")
    for column in (m.values, m.frames, m.time_s):
        column[0] = None
    after = Crop(4, "sliding", hop=4, modality="emg").fit_transform(trials)
    assert after.ids.tolist() == ["trial0", "trial1", "trial1", "trial1"]
    assert after.modality("emg").values[0] is None


# -- Tensors ---------------------------------------------------------------------------------------------


@given(lengths=LENGTHS)
def test_sequences_are_padded_at_the_end_to_the_longest_training_trial(lengths):
    trials = emg(lengths)
    samples = Tensors().fit_transform(trials)
    assert samples.inputs["emg"].shape == (len(lengths), max(lengths), 2)
    for x, before in zip(samples.inputs["emg"], trials.modality("emg").values, strict=True):
        np.testing.assert_array_equal(x[: len(before)], before)
        assert not x[len(before) :].any()
    assert samples.trial.tolist() == trials.ids.tolist()
    assert samples.channels == {"emg": ("emg_0", "emg_1")}


def test_padding_is_zero_after_scaling():
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Tensors())
    x = steps.fit_transform(emg([9, 4])).inputs["emg"]
    assert not x[1, 4:].any()
    assert x[1, :4].any(axis=1).all()


def test_a_crop_sets_the_length_also_where_no_trial_is_as_long():
    assert make_pipeline(Crop(30, modality="emg"), Tensors()).fit_transform(emg([9, 4])).inputs["emg"].shape[1] == 30


def test_images_and_static_values_are_stacked_as_they_are():
    trials = with_image_and_age([9, 5])
    samples = Tensors().fit_transform(trials)
    np.testing.assert_array_equal(samples.inputs["pressure"], np.stack(trials.modality("pressure").values))
    np.testing.assert_array_equal(samples.inputs["age"], np.stack(trials.modality("age").values))
    assert all(x.dtype == np.float32 for x in samples.inputs.values())


def test_chosen_modalities_only():
    samples = Tensors(["age", "emg"]).fit_transform(with_image_and_age([9, 5]))
    assert list(samples.inputs) == ["age", "emg"]
    assert len(samples) == 2


def test_a_last_frame_of_zeros_would_pass_for_padding():
    trials = emg([5, 5])
    trials.modality("emg").values[1][-1] = 0
    with pytest.raises(gaitlib.GaitDataError, match="trial1, 'emg': the last frame is all zero"):
        Tensors().fit_transform(trials)


def test_a_frame_of_zeros_in_the_middle_is_kept():
    trials = emg([5])
    trials.modality("emg").values[0][2] = 0
    np.testing.assert_array_equal(Tensors().fit_transform(trials).inputs["emg"], trials.modality("emg").values[0][None])


def test_a_missing_number_is_refused():
    trials = emg([5, 5])
    trials.modality("emg").values[1][3, 1] = np.nan
    with pytest.raises(gaitlib.GaitDataError, match="trial1, modality 'emg', frame 3, channel 'emg_1'"):
        Tensors().fit_transform(trials)


def test_a_longer_trial_than_in_training_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="trial0, 'emg': 9 frames, the model was made for 8"):
        Tensors().fit(emg([8, 7])).transform(emg([9]))


def test_a_shorter_trial_than_in_training_is_padded_to_the_same_length():
    assert Tensors().fit(emg([8, 7])).transform(emg([2])).inputs["emg"].shape == (1, 8, 2)


@pytest.mark.parametrize("step", [Tensors(), SummaryStatistics()], ids=repr)
def test_a_trial_without_the_modality_is_refused(step):
    trials = emg([5, 5])
    trials.modality("emg").values[1] = None
    with pytest.raises(gaitlib.GaitDataError, match="trial1 has no 'emg'"):
        step.fit_transform(trials)


def without(trials, name, which):
    """The same trials, some of which lack a modality."""
    m = trials.modality(name)
    columns = {part: getattr(m, part) for part in ("values", "frames", "time_s") if getattr(m, part) is not None}
    lost = np.isin(np.arange(len(trials)), which)
    return trials.with_modality(name, replace(m, **{k: np.where(lost, None, column) for k, column in columns.items()}))


def test_where_allowed_a_missing_modality_gets_a_stand_in():
    trials = with_image_and_age([9, 5, 7])
    complete = Tensors().fit_transform(trials)
    holes = without(without(without(trials, "emg", [0]), "pressure", [1]), "age", [2])
    samples = Tensors(allow_missing=True).fit(trials).transform(holes)
    assert samples.inputs["emg"][0].tolist() == [[np.float32(1e-6)] * 2] + [[0.0] * 2] * 8
    assert samples.inputs["pressure"][1].tolist() == [[0.0] * 3] * 4
    assert samples.inputs["age"][2].tolist() == [0.0]
    for lost, (name, x) in enumerate(samples.inputs.items()):
        assert x.dtype == np.float32
        rest = np.arange(3) != lost
        np.testing.assert_array_equal(x[rest], complete.inputs[name][rest])


def test_nothing_changes_where_missing_is_allowed_and_nothing_lacks():
    trials = with_image_and_age([9, 5, 7])
    plain, allowed = (Tensors(allow_missing=a).fit_transform(trials).inputs for a in (False, True))
    assert all(np.array_equal(plain[name], allowed[name]) for name in plain)


def test_a_whole_set_may_lack_a_modality_that_was_trained_on():
    trials = with_image_and_age([9, 5])
    samples = Tensors(allow_missing=True).fit(trials).transform(without(trials, "pressure", [0, 1]))
    assert samples.inputs["pressure"].shape == (2, 4, 3)
    assert not samples.inputs["pressure"].any()


def test_a_trial_that_has_nothing_is_refused():
    trials = without(with_image_and_age([9, 5]), "emg", [1])
    step = Tensors(["emg"], allow_missing=True)
    with pytest.raises(gaitlib.GaitDataError, match="trial1 has none of emg; leave it out"):
        step.fit_transform(trials)
    with pytest.raises(gaitlib.GaitDataError, match="trial1 has none of pressure, emg"):
        Tensors(["pressure", "emg"], allow_missing=True).fit_transform(without(trials, "pressure", [1]))


def test_a_modality_that_no_training_trial_has_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="no training trial has 'emg'"):
        Tensors(allow_missing=True).fit(without(with_image_and_age([9, 5]), "emg", [0, 1]))


@pytest.mark.parametrize("model", ["score_fusion", None])
def test_the_recipes_let_missing_modalities_through(model):
    """Trials that have everything are prepared as ever, and one without its sequence is one sample."""
    trials = gaitlib.synthetic_trials(n_subjects=1, n_walks=2, seed=0)
    holes = without(without(trials, "skeleton", [0, 4]), "pressure", [2, 7])
    steps = gaitlib.recipes.steps_for(trials, model).set_params(tensors__allow_missing=True).fit(trials)
    before, after = steps.transform(trials), steps.transform(holes)
    for i, trial in enumerate(trials.ids):
        old, new = (samples.trial == trial for samples in (before, after))
        assert new.sum() == (1 if i in (0, 4) else old.sum())
        for name, lacking in (("skeleton", (0, 4)), ("pressure", (2, 7))):
            if i in lacking:
                np.testing.assert_array_equal(
                    after.inputs[name][new], np.repeat(steps[-1].stand_in_[name][None], new.sum(), axis=0)
                )
            else:
                np.testing.assert_array_equal(after.inputs[name][new], before.inputs[name][old][: new.sum()])


def test_the_recipes_learn_from_trials_that_lack_a_modality():
    """What each step learns is what it learns from those that have it."""
    trials = gaitlib.synthetic_trials(n_subjects=1, n_walks=2, seed=0)
    holes = without(without(trials, "skeleton", [0, 4]), "pressure", [2, 7])
    steps = gaitlib.recipes.steps_for(trials, "score_fusion").set_params(tensors__allow_missing=True)
    fitted = clone(steps).fit(holes)
    for name, lacking, learnt in (("skeleton", [0, 4], "mean_"), ("pressure", [2, 7], "data_max_")):
        rest = clone(steps).fit(trials[np.setdiff1d(np.arange(12), lacking)])
        found, expected = (getattr(s[f"scale_{name}"].transformer_, learnt) for s in (fitted, rest))
        np.testing.assert_array_equal(found, expected)


def test_tensors_before_fit_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="not fitted"):
        Tensors().transform(emg([5]))


def test_an_unknown_modality_is_refused_with_the_known_ones():
    with pytest.raises(gaitlib.GaitDataError, match="'eeg'.*emg"):
        Tensors(["eeg"]).fit(emg([5]))


def test_rows_of_samples_are_averaged_in_the_order_of_the_trials():
    samples = Samples({}, np.array(["b", "a", "b"], dtype=object), {})
    rows = mean_over_samples(np.array([[1.0, 2], [5, 6], [3, 4]]), samples, ["a", "b"])
    np.testing.assert_array_equal(rows, [[5, 6], [2, 3]])


# -- SummaryStatistics -----------------------------------------------------------------------------------

BY_HAND = {
    "mean": lambda x: sum(x) / len(x),
    "sd": lambda x: (sum((v - sum(x) / len(x)) ** 2 for v in x) / len(x)) ** 0.5,
    "min": min,
    "max": max,
    "p10": lambda x: np.quantile(x, 0.1),
    "median": np.median,
    "p90": lambda x: np.quantile(x, 0.9),
    "change": lambda x: np.mean([abs(b - a) for a, b in zip(x[:-1], x[1:], strict=True)]) if len(x) > 1 else 0,
}


@given(lengths=LENGTHS, seed=st.integers(0, 1000))
def test_every_statistic_of_every_channel_by_hand(lengths, seed):
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=(n, 2)) for n in lengths]
    trials = gaitlib.TrialSet.from_arrays({"emg": values}, channels=["a", "b"], subject=["s"] * len(lengths))
    samples = SummaryStatistics().fit_transform(trials)
    table = dict(zip(samples.channels["statistics"], samples.inputs["statistics"].T, strict=True))
    assert set(table) == {f"{c} {s}" for c in "ab" for s in BY_HAND}
    for name, by_hand in BY_HAND.items():
        for i, v in enumerate(values):
            np.testing.assert_allclose(table[f"a {name}"][i], by_hand(v[:, 0]), atol=1e-5)
            np.testing.assert_allclose(table[f"b {name}"][i], by_hand(v[:, 1]), atol=1e-5)


def test_images_and_static_values_are_laid_flat():
    trials = with_image_and_age([9, 5])
    samples = SummaryStatistics().fit_transform(trials)
    flat = samples.inputs["statistics"]
    assert flat.shape == (2, 8 * 2 + 4 * 3 + 1)
    assert len(samples.channels["statistics"]) == flat.shape[1]
    np.testing.assert_array_equal(flat[1, 16:28], trials.modality("pressure").values[1].ravel())
    np.testing.assert_array_equal(flat[1, 28:], trials.modality("age").values[1])


def test_statistics_of_a_missing_number_are_refused():
    trials = emg([5])
    trials.modality("emg").values[0][3, 1] = np.inf
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'emg', frame 3, channel 'emg_1'"):
        SummaryStatistics().fit_transform(trials)


# -- all steps and scikit-learn --------------------------------------------------------------------------

STEPS = [thing for thing in map(preprocessing.__dict__.get, preprocessing.__all__) if inspect.isclass(thing)]
STEPS = [step for step in STEPS if issubclass(step, Step) and step is not Step]
NEEDED = {
    "Frames": {"transformer": StandardScaler()},
    "LowPass": {"cutoff_hz": 6},
    "MeanCycle": {"channels": ["left_knee_z"]},
    "ScalePerSubject": {"modality": "skeleton"},
    "SelectJoints": {"joints": ["head", "left_knee"]},
}
OF_THE_BODY = ("acc", "bvp", "ecg", "eda", "eeg", "temperature")


def readable_by(step):
    """Walks; inertial sensors, a signal of the body, or two forces and a body mass, for the steps that read those."""
    if step.__name__ == "FuseSensors":
        return two_walks(1)
    if step.__name__ in ("RemoveGravity", "RotationInvariant"):
        return fused([turning_sensor(8, 0.4, 0.5, 3)[0]], gravity="")
    if step.__name__ in ("MaskFace", "NormalisePose", "FillPose"):
        seen = gaitlib.project_to_pose(planted_trials(n_subjects=1, n_walks=1))
        return preprocessing.NormalisePose().fit_transform(seen) if step.__name__ == "FillPose" else seen
    if (modality := inspect.signature(step).parameters.get("modality")) and modality.default in OF_THE_BODY:
        signal = np.random.default_rng(0).normal(size=(1500, 1))
        return gaitlib.TrialSet.from_arrays({modality.default: [signal]}, rate_hz=128, subject=["a"])
    if step.__name__ not in ("CutStride", "ScaleBodyWeight"):
        return planted_trials(n_subjects=1, n_walks=1)
    stance = np.r_[np.zeros(5), np.full(10, 500.0), np.zeros(10)]
    return gaitlib.TrialSet.from_arrays(
        {"grf": [np.column_stack([stance, np.roll(stance, 5)])]}, channels=["right_vertical", "left_vertical"],
        unit="N", rate_hz=100, subject=["a"], targets={"body_mass_kg": [70.0]},
    )  # fmt: skip


def parameters(step):
    return [name for name in inspect.signature(step.__init__).parameters if name not in ("self", "args", "kwargs")]


@pytest.mark.parametrize("step", STEPS)
def test_constructor_parameters_are_stored_untouched(step):
    given = {name: [name] for name in parameters(step)}
    made = step(**given)
    assert all(getattr(made, name) is value for name, value in given.items())
    assert vars(made).keys() == given.keys()


@pytest.mark.parametrize("step", STEPS)
def test_clone_keeps_the_parameters_and_forgets_the_rest(step):
    given = {name: f"my {name}" for name in parameters(step)}
    made = step(**given)
    made.fitted_on_ = ("trial0",)
    copy = clone(made)
    assert copy.get_params(deep=False) == given
    assert not hasattr(copy, "fitted_on_")


@pytest.mark.parametrize("step", STEPS)
def test_parameters_can_be_set(step):
    made = step(**NEEDED.get(step.__name__, {}))
    for name in parameters(step):
        assert getattr(made.set_params(**{name: "new"}), name) == "new"


@pytest.mark.parametrize("step", STEPS)
def test_every_parameter_is_explained(step):
    text = " ".join(
        inspect.cleandoc(base.__doc__ or "") for base in step.__mro__ if base.__module__.startswith("gaitlib")
    )
    assert step.__doc__
    assert [name for name in parameters(step) if name not in text] == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_anything_but_a_trial_set_is_refused(step, method):
    made = step(**NEEDED.get(step.__name__, {})).fit(planted_trials(n_subjects=1, n_walks=1))
    with pytest.raises(gaitlib.GaitDataError, match=f"{step.__name__} works on a TrialSet, not ndarray"):
        getattr(made, method)(np.ones((3, 4)))


@pytest.mark.parametrize("step", STEPS)
def test_no_step_changes_its_input(step):
    trials = readable_by(step)
    before = trials.digest()
    step(**NEEDED.get(step.__name__, {})).fit_transform(trials)
    assert trials.digest() == before


def all_steps():
    return make_pipeline(
        RepairFrames(),
        FillMissing(),
        SelectJoints(["spine_base", "spine_shoulder", "left_hip", "left_knee"]),
        AlignHeading(),
        AddVelocity(),
        CentrePelvis(),
        Frames(StandardScaler()),
        Crop(40, "sliding", hop=20),
        Tensors(),
    )


def test_a_pipeline_of_steps_clones_and_takes_new_parameters():
    trials = planted_trials(n_subjects=2, n_walks=1)
    steps = clone(all_steps().fit(trials)).set_params(crop__frames=30, frames__transformer__with_mean=False)
    samples = steps.fit_transform(trials)
    assert steps.get_params()["frames__transformer__with_mean"] is False
    assert samples.inputs["skeleton"].shape[1:] == (30, 4 * 6)
    assert set(samples.trial) == set(trials.ids)


def test_a_pipeline_learns_from_its_training_trials_only():
    trials = planted_trials(n_subjects=2, n_walks=1)
    train, test = trials[trials.subjects == "s01"], trials[trials.subjects == "s02"]
    after = all_steps()[:-1].fit(train).transform(test)
    learnt_from = [set(entry.fitted_on) for entry in after.history]
    assert learnt_from == [set()] * 6 + [set(train.ids)] + [set()]


def test_angles_and_summary_statistics_fit_into_a_pipeline():
    trials = planted_trials(n_subjects=1, n_walks=1)
    samples = make_pipeline(AddJointAngles(), SummaryStatistics()).fit_transform(trials)
    assert samples.inputs["statistics"].shape == (6, 8 * (75 + 8))


def test_where_nothing_may_be_padded_shorter_trials_are_refused():
    whole = gaitlib.TrialSet.from_arrays({"grf": [np.ones((5, 1)), np.zeros((5, 1))]}, subject=["a", "b"])
    short = gaitlib.TrialSet.from_arrays({"grf": [np.ones((4, 1))]}, subject=["c"])
    steps = Tensors(pad=False).fit(whole)
    assert steps.transform(whole).inputs["grf"].shape == (2, 5, 1)  # a last frame of zeros is one like others
    with pytest.raises(gaitlib.GaitDataError, match=r"4 frames.*just 5.*TimeNormalise\(5, 'grf'\)"):
        steps.transform(short)
