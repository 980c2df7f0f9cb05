"""From the samples that a network read back to the trials: frames, channels, windows, folds."""

import keras
import numpy as np
import pytest
from keras import layers
from planted import planted_trials
from planted_waves import whole
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import gaitlib
from gaitlib import Encode, GaitClassifier, LeaveOneSubjectOut, Training
from gaitlib.explain.attribution import relevance
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import Epsilon
from gaitlib.preprocessing import AddJointAngles, Crop, Frames, SelectJoints, Tensors
from gaitlib.preprocessing.frames import variance_score
from gaitlib.protocols import TrialKFold
from gaitlib.trials.modality import Modality, object_array

FIT = {"training": Training(epochs=1), "validation": None}
EXACT = Epsilon(1e-9)
JOINTS = ["spine_base", "left_knee"]


@pytest.fixture(scope="module")
def trials():
    """Two subjects with a skeleton and a small pressure image."""
    skeletons = planted_trials(n_subjects=2, n_walks=1)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 20, (8, 6)).astype(np.float32) for _ in skeletons]
    pressure = Modality("image", tuple(f"column_{c:02d}" for c in range(6)), "raw", object_array(images))
    return skeletons.with_modality("pressure", pressure)


def linear_network(inputs, heads):
    """Logits are linear in the mean over frames of every channel."""
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    means = [layers.GlobalAveragePooling1D()(v) for v in x.values()]
    h = layers.Concatenate()(means) if len(means) > 1 else means[0]
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits", bias_initializer="normal")(h))


def fit(trials, *steps, model=linear_network):
    return GaitClassifier(model, steps=make_pipeline(*steps), **FIT).fit(trials)


def scaled(frames=30, position="last", hop=20, modalities=("skeleton",)):
    return Frames(StandardScaler()), Crop(frames, position, hop), Tensors(list(modalities))


def sums(values):
    return np.array([0 if v is None else v.sum(dtype=np.float64) for v in values])


def assert_adds_up(found):
    table = found.table
    np.testing.assert_allclose(table["relevance"] + table["bias"] + table["stabiliser"], table["score"], atol=1e-3)
    np.testing.assert_allclose(sum(sums(v) for v in found.values.values()), table["relevance"], atol=1e-3)


# -- back to frames and channels -----------------------------------------------------------------------------


def test_a_crop_is_put_back_in_its_place(trials):
    model = fit(trials, *scaled())
    found = relevance(model, trials, rules=EXACT)
    given = trials.modality("skeleton")
    (kernel, _), scaler = model.network_.get_layer("logits").get_weights(), model.steps_[0].transformer_
    assert_adds_up(found)
    assert found.channels["skeleton"] == given.channels
    target = np.searchsorted(model.classes_, found.table["target"])
    for i, v in enumerate(given.values):
        own = found.values["skeleton"][i]
        assert (own.shape, own.dtype) == (v.shape, np.float32)
        np.testing.assert_array_equal(own[:-30], 0)
        read = scaler.transform(v[-30:])
        np.testing.assert_allclose(own[-30:], read * kernel[:, target[i]] / 30, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(found.read.modality("skeleton").values[i][-30:], read, atol=1e-4)
        np.testing.assert_array_equal(found.read.modality("skeleton").values[i][:-30], 0)


def test_windows_that_overlap_are_averaged(trials):
    model = fit(trials, *scaled(30, "sliding", 20))
    found = relevance(model, trials[:3], rules=EXACT)
    assert_adds_up(found)
    (kernel, _), scaler = model.network_.get_layer("logits").get_weights(), model.steps_[0].transformer_
    target = np.searchsorted(model.classes_, found.table["target"])
    for i, v in enumerate(trials[:3].modality("skeleton").values):
        end = len(v) - 30
        starts = [*range(0, end, 20), end]
        times_read = np.sum([(np.arange(len(v)) >= s) & (np.arange(len(v)) < s + 30) for s in starts], axis=0)
        expected = scaler.transform(v) * kernel[:, target[i]] / 30 * times_read[:, None] / len(starts)
        np.testing.assert_allclose(found.values["skeleton"][i], expected, rtol=1e-3, atol=1e-6)


def test_channels_that_a_step_left_out_are_zero(trials):
    for step in (SelectJoints(JOINTS), Frames(SelectKBest(variance_score, k=5))):
        model = fit(trials, step, *scaled())
        found = relevance(model, trials[:2])
        kept = model.steps_.transform(trials[:2]).channels["skeleton"]
        is_kept = np.isin(found.channels["skeleton"], kept)
        assert found.channels["skeleton"] == trials.modality("skeleton").channels
        assert is_kept.sum() == len(kept) < 75
        np.testing.assert_array_equal(found.values["skeleton"][0][:, ~is_kept], 0)
        assert found.values["skeleton"][0][-30:, is_kept].all()
        assert_adds_up(found)


def test_channels_that_a_step_made_stand_behind(trials):
    found = relevance(fit(trials, AddJointAngles(), *scaled()), trials[:2])
    given = trials.modality("skeleton").channels
    assert found.channels["skeleton"][:75] == given
    assert all(c.endswith("_deg") for c in found.channels["skeleton"][75:])
    assert found.values["skeleton"][0].shape[1] == len(found.channels["skeleton"]) > 75
    assert found.values["skeleton"][0][-30:, 75:].any()
    assert_adds_up(found)


def test_components_take_the_place_of_the_channels(trials):
    found = relevance(fit(trials, Frames(PCA(3)), *scaled()), trials[:2])
    assert found.channels["skeleton"] == ("pca0", "pca1", "pca2")
    assert found.values["skeleton"][0].shape == (len(trials.modality("skeleton").values[0]), 3)
    assert_adds_up(found)


def test_the_code_of_an_autoencoder_is_explained_itself(trials):
    steps = (Crop(32), Encode(whole()), Tensors(["skeleton"]))
    found = relevance(fit(trials, *steps), trials[:2])
    assert len(found.channels["skeleton"]) == 4
    assert_adds_up(found)


def test_an_image_and_a_sequence_share_one_logit(trials):
    steps = (Frames(MinMaxScaler(), modality="pressure"), *scaled(modalities=("skeleton", "pressure")))
    found = relevance(fit(trials, *steps), trials)
    assert_adds_up(found)
    assert [v.shape for v in found.values["pressure"]] == [(8, 6)] * len(trials)
    assert found.channels["pressure"] == trials.modality("pressure").channels
    frame = found.frame("skeleton", 1)
    assert frame.index.name == "frame"
    assert frame.index.tolist() == trials.modality("skeleton").frames[1].tolist()
    assert frame.columns.tolist() == list(trials.modality("skeleton").channels)
    np.testing.assert_array_equal(frame, found.values["skeleton"][1])
    assert found.frame("pressure").shape == (8, 6)
    assert "lrp" in repr(found)


def test_a_modality_that_a_trial_lacks_has_none(trials):
    pressure = trials.modality("pressure")
    some = object_array([None if i == 1 else v for i, v in enumerate(pressure.values)])
    lacking = trials.with_modality("pressure", Modality("image", pressure.channels, "raw", some))
    steps = (Frames(StandardScaler()), Crop(30), Tensors(["skeleton", "pressure"], allow_missing=True))
    found = relevance(fit(trials, *steps), lacking[:3])
    assert found.values["pressure"][1] is None
    assert found.values["pressure"][0].shape == (8, 6)
    assert found.read.modality("pressure").values[1] is None
    assert_adds_up(found)


# -- targets -------------------------------------------------------------------------------------------------


def test_the_class_that_is_explained_is_the_one_asked_for(trials):
    model = fit(trials, *scaled())
    some = trials[:4]
    proba = model.predict_proba(some)
    predicted = relevance(model, some)
    assert predicted.table["target"].tolist() == predicted.table["predicted"].tolist() == model.predict(some).tolist()
    assert predicted.table["trial"].tolist() == some.ids.tolist()
    assert relevance(model, some, "true").table["target"].tolist() == some.labels.tolist()
    assert set(relevance(model, some, "antalgic").table["target"]) == {"antalgic"}
    each = ["normal", "antalgic", "normal", "steppage"]
    assert relevance(model, some, each).table["target"].tolist() == each
    scores = np.column_stack([relevance(model, some, c).table["score"] for c in model.classes_])
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, proba, atol=1e-4)


def test_one_trial_is_explained_as_among_others(trials):
    model = fit(trials, *scaled(30, "sliding", 20))
    together, alone = relevance(model, trials), relevance(model, trials[3:4])
    assert len(alone) == 1
    np.testing.assert_allclose(alone.values["skeleton"][0], together.values["skeleton"][3], atol=1e-5)


def test_what_cannot_be_explained_is_refused(trials):
    model = fit(trials, *scaled())
    for target in ("limping", ["normal", "limping"], ["normal"] * 3):
        with pytest.raises(gaitlib.GaitDataError, match="limping|3 classes for 2 trials"):
            relevance(model, trials[:2], target)
    with pytest.raises(gaitlib.GaitDataError, match="method 'magic' is none of lrp"):
        relevance(model, trials, method="magic")
    with pytest.raises(gaitlib.GaitDataError, match="arrays need the network"):
        relevance(model, np.zeros((3, 30, 75)))
    with pytest.raises(gaitlib.GaitDataError, match="fitted GaitClassifier"):
        relevance(GaitClassifier(), trials)
    with pytest.raises(gaitlib.GaitDataError, match="no trials"):
        relevance(model, trials[:0])


# -- classical models ----------------------------------------------------------------------------------------


def test_a_linear_svm_is_explained_exactly_and_a_forest_not_at_all(trials):
    found = relevance(GaitClassifier("linear_svm").fit(trials), trials)
    assert_adds_up(found)
    assert found.table["predicted"].tolist() == found.trials.labels.tolist()
    (values,) = found.values.values()
    assert values[0].shape == (len(next(iter(found.channels.values()))),)
    with pytest.raises(gaitlib.GaitDataError, match="no gradient"):
        relevance(GaitClassifier("extra_trees").fit(trials), trials)
    with pytest.raises(gaitlib.GaitDataError, match="linear models have method='lrp'"):
        relevance(GaitClassifier("linear_svm").fit(trials), trials, method="gradient_x_input")


# -- the runs of a benchmark ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(trials, tmp_path_factory):
    models = {"linear": GaitClassifier("linear", steps=make_pipeline(*scaled()), **FIT)}
    protocols = [TrialKFold(2, validation=False), LeaveOneSubjectOut(validation=False)]
    store = tmp_path_factory.mktemp("store")
    return gaitlib.benchmark(models, planted_trials(2, 2), protocols, store=store, n_jobs=1, progress=False)


def test_each_trial_is_explained_by_the_model_that_never_saw_its_subject(runs):
    trials = runs.trials[::-3]
    found = relevance(runs, trials)
    assert found.table["trial"].tolist() == trials.ids.tolist()
    assert_adds_up(found)
    for i in (0, len(trials) - 1):
        model = runs.classifier_for(trials.ids[i])
        assert trials.subjects[i] not in {t.split("/")[0] for t in model.fitted_on_}
        own = relevance(model, trials[i : i + 1])
        np.testing.assert_allclose(found.values["skeleton"][i], own.values["skeleton"][0], atol=1e-5)
        read = own.read.modality("skeleton").values[0]
        np.testing.assert_array_equal(found.read.modality("skeleton").values[i], read)


def test_where_people_are_known_each_trial_is_explained_by_the_fold_that_tested_it(runs):
    known = type(runs)([r for r in runs.runs if not r.on_new_people], runs.trials, runs._custom_objects)
    trials = runs.trials[:5]
    found = relevance(known, trials)
    (run,) = known.runs
    for fold in run.folds:
        model = known.classifier_of(fold)
        tested = fold.predictions.query("part == 'test'")["trial"]
        for i in np.flatnonzero(np.isin(trials.ids, tested)):
            own = relevance(model, trials[i : i + 1])
            np.testing.assert_allclose(found.values["skeleton"][i], own.values["skeleton"][0], atol=1e-5)


def test_runs_that_did_not_test_a_trial_are_refused(runs):
    with pytest.raises(gaitlib.GaitDataError, match="tested s03"):
        relevance(runs, planted_trials(3, 1))
    with pytest.raises(gaitlib.GaitDataError, match="no finished run of unknown here"):
        relevance(runs, runs.trials, model="unknown")


# -- plain networks ------------------------------------------------------------------------------------------


def two_inputs():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    return keras.Model([a, b], layers.Dense(4)(layers.Concatenate()([a, b])))


def test_a_plain_network_is_explained_from_arrays():
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(5, 3)), "b": rng.normal(size=(5, 2))}
    network = two_inputs()
    found = relevance(network, x, target=[0, 1, 2, 3, 0])
    direct, account = lrp(network, {k: v.astype(np.float32) for k, v in x.items()}, np.array([0, 1, 2, 3, 0]))
    for name in x:
        np.testing.assert_array_equal(found.values[name], direct[name])
    np.testing.assert_array_equal(found.table["score"], account["score"])
    assert found.trials is None
    logits = np.hstack([x["a"], x["b"]]) @ network.layers[-1].get_weights()[0]
    assert relevance(network, x).table["target"].tolist() == logits.argmax(axis=1).tolist()
    assert relevance(network, x, target=2).table["target"].tolist() == [2] * 5


@pytest.mark.parametrize(
    ("inputs", "target", "reason"),
    [
        ({"a": np.ones((2, 3))}, "predicted", "give 'b' too"),
        ({"a": np.ones((2, 3)), "b": np.ones((2, 2))}, "normal", "a plain network knows no class names"),
        ({"a": np.ones((2, 3)), "b": np.ones((2, 2))}, 4, "class 4 of a network with 4 classes"),
        ({"a": np.ones((2, 3)), "b": np.ones((2, 2))}, [0, -1], "class -1 of a network with 4 classes"),
        ({"a": np.ones((2, 3)), "b": np.ones((2, 2))}, [0, 1, 2], "3 classes for 2 samples"),
    ],
)
def test_a_plain_network_refuses_by_name(inputs, target, reason):
    with pytest.raises(gaitlib.GaitDataError, match=reason):
        relevance(two_inputs(), inputs, target)


@pytest.mark.parametrize(
    ("x", "target", "reason"),
    [
        (
            np.ones((30, 3)),
            "predicted",
            r"'x' has the shape \(30, 3\); the network reads \(samples, 30, 3\); one sample",
        ),
        (np.ones((2, 20, 3)), "predicted", r"has the shape \(2, 20, 3\); the network reads"),
        (np.ones((0, 30, 3)), "predicted", r"hold \[0\] samples"),
        (np.full((2, 30, 3), np.nan), "predicted", "'x': a number is not finite"),
        (np.ones((2, 30, 3)), 0.5, "target 0.5: class numbers are whole"),
    ],
    ids=["no batch axis", "other frames", "none", "NaN", "half a class"],
)
def test_arrays_that_the_network_does_not_read_are_refused_and_others_told_in_silence(x, target, reason, recwarn):
    given = keras.Input((30, 3), name="x")
    network = keras.Model(given, layers.Dense(2)(layers.Flatten()(given)))
    with pytest.raises(gaitlib.GaitDataError, match=reason):
        relevance(network, x, target=target)
    relevance(network, np.ones((2, 30, 3)), target=[0, 1])
    assert not [w for w in recwarn if "structure of `inputs`" in str(w.message)]
