"""Every model gets the modalities and features that it reads, and says what is lacking."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_trials
from planted_inertial import two_walks
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib import models, recipes
from gaitlib.models import available
from gaitlib.preprocessing import Crop, SummaryStatistics
from gaitlib.training import RotateSensor, WarpTime
from gaitlib.trials.modality import Modality, object_array

JOINTS, ANGLES = 15, 8


def with_pressure(trials):
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 20, (128, 48)).astype(np.float32) for _ in range(len(trials))]
    columns = tuple(f"column_{c:02d}" for c in range(48))
    return trials.with_modality("pressure", Modality("image", columns, "raw", object_array(maps)))


@pytest.fixture(scope="module")
def both():
    return with_pressure(planted_trials(2, 1))


def inputs(trials, *settings):
    return {name: x.shape[1:] for name, x in recipes.steps_for(trials, *settings).fit_transform(trials).inputs.items()}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("compact_gru", {"skeleton": (40, 3 * JOINTS + ANGLES)}),
        ("pressure_cnn", {"pressure": (128, 48)}),
        ("score_fusion", {"skeleton": (40, 3 * JOINTS + ANGLES), "pressure": (128, 48)}),
        (None, {"skeleton": (40, 3 * JOINTS + ANGLES), "pressure": (128, 48)}),
        ("extra_trees", {"statistics": (8 * (3 * JOINTS + ANGLES),)}),
        ("minirocket", {"skeleton": (100, 3 * JOINTS + ANGLES)}),
    ],
)
def test_a_model_reads_the_modalities_of_its_entry(both, model, expected):
    assert inputs(both, model) == expected


@pytest.mark.parametrize(
    ("features", "channels"), [("positions", 45), ("velocity", 90), ("angles", 53), ("movement", 53), ("variance", 59)]
)
def test_features_choose_the_channels(both, features, channels):
    assert inputs(both, "compact_gru", features)["skeleton"] == (40, channels)


@pytest.mark.parametrize(("model", "sees_posture"), [("compact_gru", False), ("extra_trees", True)])
def test_networks_see_movement_and_no_posture(tiny_trials, model, sees_posture):
    m = tiny_trials.modality("skeleton")
    held = np.zeros(len(m.channels), np.float32)
    held[m.channels.index("head_y")] = 0.3  # bent forward, all the way
    others = tiny_trials.with_modality("skeleton", m.map(lambda v: v + held))
    steps = recipes.steps_for(tiny_trials, model).fit(tiny_trials)
    (one,), (other,) = (steps.transform(t).inputs.values() for t in (tiny_trials, others))
    assert np.allclose(one, other, atol=1e-3) is not sees_posture


def test_principal_components_keep_their_share_of_the_variance(both):
    steps = recipes.steps_for(both, "compact_gru", "pca").fit(both)
    pca = steps["pca_skeleton"].transformer_
    assert pca.explained_variance_ratio_.sum() >= recipes.PCA_VARIANCE > pca.explained_variance_ratio_[:-1].sum()


def test_the_largest_variances_are_chosen_before_scaling_makes_them_equal(both):
    steps = recipes.steps_for(both, "compact_gru", "variance").fit(both)
    placed = steps[:2].transform(both).modality("skeleton")
    variance = np.concatenate(list(placed.values)).var(axis=0)
    chosen = set(steps["select_skeleton"].channels_)
    assert min(v for c, v in zip(placed.channels, variance, strict=True) if c in chosen) >= max(
        [v for c, v in zip(placed.channels, variance, strict=True) if c not in chosen], default=0
    )


def test_every_classifier_of_the_registry_finds_what_it_reads(both):
    others = available(prepared="whole") + available(prepared="pose")
    assert recipes.readable(both) == [n for n in available(classifies=True) if n not in others]
    for name in recipes.readable(both):
        assert recipes.steps_for(both, name).steps[-1][0] in ("tensors", "statistics")


@pytest.mark.parametrize(
    ("model", "lacking"), [("score_fusion", "image"), ("pressure_cnn", "image"), ("gru_cnn_fusion_encoded", "image")]
)
def test_a_missing_modality_is_named(tiny_trials, model, lacking):
    with pytest.raises(gaitlib.GaitDataError, match=f"'{model}' reads one {lacking}, and these trials have skeleton"):
        recipes.steps_for(tiny_trials, model)


def test_unknown_features_list_the_known(tiny_trials):
    with pytest.raises(gaitlib.GaitDataError, match="'colours'.*known are positions, velocity"):
        recipes.steps_for(tiny_trials, "compact_gru", "colours")


@pytest.mark.parametrize("rate_hz", [30, 100])
def test_windows_are_as_long_in_seconds_at_any_rate(rate_hz):
    trials = planted_trials(1, 1)
    m = trials.modality("skeleton")
    other = replace(m, time_s=object_array([np.arange(len(v)) / rate_hz for v in m.values]))
    crop = recipes.steps_for(trials.with_modality("skeleton", other))["crop_skeleton"]
    assert (crop.frames, crop.hop) == (round(4 / 3 * rate_hz), rate_hz // 2)


@pytest.mark.parametrize(
    ("lengths", "rate_hz", "frames"),
    [([600, 90], 100, 333), ([60, 90], 100, 90), ([600, 90], 30, 100), ([600, 90], None, 100)],
)
def test_time_series_models_read_the_first_seconds_of_any_sequence(lengths, rate_hz, frames):
    values = [np.random.default_rng(n).normal(size=(n, 2)) for n in lengths]
    trials = gaitlib.TrialSet.from_arrays({"emg": values}, rate_hz=rate_hz, subject=["a", "b"])
    x = recipes.steps_for(trials, "minirocket").fit_transform(trials).inputs["emg"]
    assert x.shape == (2, frames, 2)
    pooled = np.concatenate(values)
    for sample, v in zip(x, values, strict=True):
        start = (v[:frames] - pooled.mean(axis=0)) / pooled.std(axis=0)
        np.testing.assert_allclose(sample[: len(start)], start, atol=1e-5)
        assert not sample[len(start) :].any()


@pytest.mark.parametrize(
    ("model", "features"), [("encoded_gru", None), ("spatiotemporal", None), ("compact_gru", "pca")]
)
def test_skeleton_features_of_another_signal_are_refused(model, features):
    emg = gaitlib.TrialSet.from_arrays({"emg": [np.ones((50, 2))] * 2}, subject=["a", "b"])
    with pytest.raises(gaitlib.GaitDataError, match="need a skeleton, 'emg' is none"):
        recipes.steps_for(emg, model, features)
    assert recipes.steps_for(emg, "compact_gru").steps[-1][0] == "tensors"


# -- waveforms -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cnn_a", "waveform_svm"])
def test_a_waveform_is_read_whole_and_scaled_by_the_training_trials(model):
    values = np.random.default_rng(0).normal(size=(5, 101, 2))
    trials = gaitlib.TrialSet.from_arrays({"grf": list(values)}, rate_hz=100, subject=list("abcde"))
    x = recipes.steps_for(trials[:4], model).fit(trials[:4]).transform(trials).inputs["grf"]
    low, high = values[:4].min(axis=(0, 1)), values[:4].max(axis=(0, 1))
    np.testing.assert_allclose(x, (values - low) / (high - low) * 2 - 1, atol=1e-5)


@pytest.mark.parametrize("model", ["cnn_a", "waveform_svm"])
def test_sequences_of_several_lengths_are_no_waveforms(model):
    trials = gaitlib.TrialSet.from_arrays({"grf": [np.ones((50, 2)), np.ones((60, 2))]}, subject=["a", "b"])
    with pytest.raises(gaitlib.GaitDataError, match="'grf' have 50 to 60 frames; .*TimeNormalise.n_points=101"):
        recipes.steps_for(trials, model)


@pytest.mark.parametrize("model", ["cnn_a", "waveform_svm"])
def test_of_two_waveforms_one_must_be_chosen(model):
    both = gaitlib.TrialSet.from_arrays({"left": [np.ones((50, 2))], "right": [np.ones((50, 2))]}, subject=["a"])
    with pytest.raises(gaitlib.GaitDataError, match=f"'{model}' reads one sequence, .* left .* right"):
        recipes.steps_for(both, model)


def test_the_studys_training_is_ten_thousand_small_batches_at_three_rates():
    for n_train in (4, 912, 60_000):
        stages = recipes.horst_training(n_train)
        assert [stage.learning_rate for stage in stages] == [5e-3, 1e-3, 5e-4]
        for stage in stages:
            assert (stage.optimizer, stage.batch_size, stage.schedule, stage.clip_norm) == ("sgd", 5, None, None)
            steps = max(1, n_train // 5)
            assert 10_000 <= stage.epochs * steps < 10_000 + steps
            assert 2500 <= stage.patience * steps < 2500 + steps


# -- inertial sensors ------------------------------------------------------------------------------------

PREPARED = ["fuse", "gravity", "smooth_imu"]


@pytest.mark.parametrize(
    ("model", "last", "shape"),
    [
        ("compact_gru", ["scale_imu", "crop_imu", "tensors"], (128, 6)),
        (None, ["scale_imu", "crop_imu", "tensors"], (128, 6)),
        ("minirocket", ["scale_imu", "crop_imu", "tensors"], (128, 6)),
        ("extra_trees", ["statistics"], (8 * 15 + 6,)),
    ],
)
@pytest.mark.parametrize("rate_hz", [100, 64])
def test_inertial_sensors_come_to_one_clock_without_gravity(model, last, shape, rate_hz):
    trials = two_walks(2, rate_hz)
    steps = recipes.steps_for(trials, model)
    assert [name for name, _ in steps.steps] == PREPARED + last
    samples = steps.fit_transform(trials)
    (x,) = samples.inputs.values()
    assert x.shape[1:] == shape
    assert set(samples.trial) == set(trials.ids)
    hop = {"compact_gru": 64, None: 64, "minirocket": 128}.get(model)
    if hop:
        frames = [int((t[-1] - t[0]) * 50 + 1e-6) + 1 for t in trials.modality("acc").time_s]
        assert len(x) == sum(1 + -(-(n - 128) // hop) for n in frames)
        acc = steps[:3].transform(trials).modality("imu").values[0][30:-30, :3]
        assert np.linalg.norm(acc.mean(axis=0)) < 0.5


@pytest.mark.parametrize("gyro", ["no modality", "None in all trials"])
def test_without_a_gyroscope_the_accelerometer_is_read_alone(gyro):
    trials = two_walks(2, gyro=gyro != "no modality")
    if gyro != "no modality":
        m = trials.modality("gyro")
        empty = object_array([None] * len(trials))
        trials = trials.with_modality("gyro", replace(m, values=empty, frames=empty, time_s=empty))
    assert inputs(trials, "compact_gru") == {"imu": (128, 3)}
    assert inputs(trials, "extra_trees") == {"statistics": (4 * 15 + 3,)}


def test_what_was_fused_before_is_scaled_and_cut():
    trials = two_walks(2)
    once = Pipeline(recipes.imu_steps()).fit_transform(trials)
    for model in ("compact_gru", "extra_trees"):
        both = recipes.steps_for(trials, model).fit_transform(trials).inputs
        alone = recipes.steps_for(once, model)
        assert [name for name, _ in alone.steps] == [n for n, _ in recipes.steps_for(trials, model).steps[3:]]
        for name, x in alone.fit_transform(once).inputs.items():
            np.testing.assert_array_equal(x, both[name])


def test_accelerations_of_a_wristband_are_a_signal_like_others():
    acc = two_walks(2, gyro=False).modality("acc")
    trials = two_walks(2, gyro=False).with_modality("acc", replace(acc, unit="g"))
    steps = recipes.steps_for(trials.with_modality("bvp", replace(acc, channels=("a", "b", "c"), unit="")), None)
    assert [name for name, _ in steps.steps] == ["scale_acc", "crop_acc", "scale_bvp", "crop_bvp", "tensors"]
    assert (steps["crop_acc"].position, steps["crop_acc"].frames) == ("last", max(map(len, acc.values)))
    assert inputs(trials, "extra_trees") == {"statistics": (3 * 8,)}


def test_units_of_a_gyroscope_and_accelerometer_are_asked_for():
    trials = two_walks(2)
    trials = trials.with_modality("acc", replace(trials.modality("acc"), unit="g"))
    with pytest.raises(gaitlib.GaitDataError, match="'acc' is in 'g', FuseSensors needs m/s2"):
        inputs(trials, "compact_gru")


def test_static_values_are_read_beside_inertial_sensors():
    trials = two_walks(2)
    age = gaitlib.TrialSet.from_arrays({"age": [[float(i)] for i in range(4)]}, subject=list("abcd")).modality("age")
    assert inputs(trials.with_modality("age", age), None) == {"age": (1,), "imu": (128, 6)}
    assert inputs(trials.with_modality("age", age), "extra_trees") == {"statistics": (8 * 15 + 6 + 1,)}


def test_a_pose_is_made_alike_before_it_is_scaled_and_cut_and_only_once():
    raw = gaitlib.project_to_pose(gaitlib.synthetic_trials(n_subjects=2, n_walks=1)[:6])
    steps = recipes.steps_for(raw, "compact_gru")
    assert list(steps.named_steps)[:5] == ["face_pose", "normalise_pose", "fill_pose", "scale_pose", "crop_pose"]
    x = steps.fit_transform(raw).inputs["pose"]
    assert np.isfinite(x).all() and x.shape[2] == 51
    face = [raw.modality("pose").channels.index(f"left_ear_{part}") for part in "xy"]
    assert (x[:, :, face] == 0).all()
    ready = Pipeline(recipes.pose_steps(raw.modality("pose"))).fit_transform(raw)
    assert list(recipes.steps_for(ready, "compact_gru").named_steps)[0] == "scale_pose"
    np.testing.assert_array_equal(recipes.steps_for(ready, "compact_gru").fit_transform(ready).inputs["pose"], x)
    assert [name for name, _ in recipes.signal_steps(raw)] == ["face_pose", "normalise_pose", "fill_pose"]


def test_a_classifier_tells_walks_of_another_rate():
    fitted = gaitlib.GaitClassifier(models.Builder("extra_trees", n_estimators=10)).fit(two_walks(6))
    other = two_walks(3, rate_hz=64, seed=9)
    assert (fitted.predict(other) == other.labels).all()


@pytest.mark.slow
def test_a_network_learns_inertial_walks_and_their_turned_copies():
    training = gaitlib.Training(epochs=6, learning_rate=0.01, schedule=None, augment=[RotateSensor(20), WarpTime()])
    builder = models.Builder("compact_gru", units=8, dense=8, dropout=0.0)
    fitted = gaitlib.GaitClassifier(builder, training=training, validation=None).fit(two_walks(6))
    again = two_walks(6, rate_hz=200)  # the same walks, by a faster sensor
    assert (fitted.predict(again) == again.labels).all()
    np.testing.assert_allclose(fitted.predict_proba(again), fitted.predict_proba(two_walks(6)), atol=0.1)


def test_a_rate_that_no_step_makes_equal_is_still_refused():
    trials = two_walks(3)
    fused = Pipeline(recipes.imu_steps()).fit_transform(trials)
    fitted = gaitlib.GaitClassifier(models.Builder("extra_trees", n_estimators=10)).fit(fused)
    faster = Pipeline(recipes.imu_steps(rate_hz=100)).fit_transform(two_walks(3, 200))
    with pytest.raises(gaitlib.GaitDataError, match="'imu': recorded at 100 Hz, the training trials at 50 Hz"):
        fitted.predict(faster)


def test_windows_of_a_classical_model_weigh_a_trial_once(monkeypatch):
    given = []
    monkeypatch.setattr(
        "gaitlib.estimator.fit_weighted", lambda e, x, y, weight=None: given.append(weight) or e.fit(x, y)
    )
    rng = np.random.default_rng(0)
    trials = gaitlib.TrialSet.from_arrays(
        {"emg": [rng.normal(size=(n, 2)) for n in (40, 10)]}, subject=["a", "b"], label=["slow", "fast"]
    )
    steps = [("crop", Crop(10, "sliding", 10, "emg")), ("statistics", SummaryStatistics())]
    for positions in ("sliding", "first"):
        steps[0][1].position = positions
        gaitlib.GaitClassifier("majority", Pipeline(steps)).fit(trials)
    np.testing.assert_allclose(given[0], [0.625, 0.625, 0.625, 0.625, 2.5])
    assert given[1] is None


# -- fusion in stages ------------------------------------------------------------------------------------


def weights(model, part):
    return {v.path: np.array(v) for v in model.network_.variables if part(v.path)}


def test_an_encoder_stage_trains_that_encoder_alone(both):
    stages = [gaitlib.Training(epochs=0), gaitlib.Training(epochs=2, encoder="skeleton")]
    before, after = (
        gaitlib.GaitClassifier("gru_cnn2d_fusion", training=stages[:n], validation=None).fit(both) for n in (1, 2)
    )
    changed = {
        path.split("/")[0]
        for (path, a), b in zip(weights(before, bool).items(), weights(after, bool).values(), strict=True)
        if not np.array_equal(a, b)
    }
    assert any(path.startswith("gru") for path in changed)
    assert "skeleton_features" in changed
    assert not any(path.startswith(("conv2d", "pressure", "batch", "logits")) for path in changed)
    assert after.history_["stage"].tolist() == [2, 2]


def test_a_modality_without_encoder_is_refused(both):
    training = gaitlib.Training(epochs=1, encoder="skeleton")
    with pytest.raises(gaitlib.GaitDataError, match="'compact_gru' has no encoder of 'skeleton'"):
        gaitlib.GaitClassifier("compact_gru", training=training, validation=None).fit(both)


def test_own_penalties_stay_unless_a_stage_gives_one(both):
    def penalties(training):
        model = gaitlib.GaitClassifier("gru_cnn_fusion", training=training, validation=None).fit(both)
        return {v.regularizer.l2 for v in model.network_.trainable_variables if v.regularizer is not None}

    assert sorted(penalties(gaitlib.Training(epochs=0))) == pytest.approx([1e-4, 1e-3], rel=1e-6)
    assert penalties(gaitlib.Training(epochs=0, l2=0.0)) == set()


# -- recipes by name -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", recipes.NAMED)
def test_a_recipe_by_name_is_an_untrained_ensemble_of_what_it_says(name):
    recipe, made = recipes.NAMED[name], gaitlib.GaitClassifier.from_recipe(name, folds=3, seed=2)
    assert list(made.members) == list(recipe["members"]) and (made.folds, made.seed) == (3, 2)
    assert made.affected_side == recipe.get("affected_side")
    for own, read in recipe["members"].items():
        member = made.members[own]
        assert member.model == read["model"] and member.validation is None
        assert read.get("training", {}).items() <= (
            member.training.get_params().items() if member.training else {}.items()
        )
        if "features" not in read:
            assert member.steps is None
            continue
        assert member.steps.named_steps["crop"].position == read["position"]
        assert ("bonedirections" in member.steps.named_steps) == (read["features"] == "directions")


def test_an_unknown_recipe_is_refused_with_those_there_are():
    with pytest.raises(gaitlib.GaitDataError, match="no recipe 'best'; there are .*either_side"):
        gaitlib.GaitClassifier.from_recipe("best")


def test_directions_read_like_a_member_of_a_recipe(tiny_trials):
    """The default pipeline with these features makes the channels that the recipes make."""
    default = recipes.steps_for(tiny_trials, "minirocket", "directions")
    own = recipes.member_steps(recipes.NAMED["either_side"]["members"]["directions"])
    a, b = (next(iter(steps.fit_transform(tiny_trials).inputs.values())) for steps in (default, own))
    n = min(a.shape[1], b.shape[1])
    np.testing.assert_allclose(a[:, :n], b[:, :n], atol=1e-5)
