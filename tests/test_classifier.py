"""GaitClassifier: a scikit-learn estimator on whole trials, saved and loaded as one thing."""

import json
import shutil
import zipfile
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from planted import planted_trials
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, Training, TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder, Head
from gaitlib.preprocessing import CentrePelvis, Crop, Frames, Tensors

FAST = Training(epochs=2, batch_size=16, patience=10)


def windows(frames=30, hop=15):
    steps = [("centre", CentrePelvis()), ("scale", Frames(StandardScaler())), ("crop", Crop(frames, "sliding", hop))]
    return Pipeline([*steps, ("tensors", Tensors())])


@pytest.fixture(scope="module")
def fitted(tiny_trials):
    return GaitClassifier(Builder("compact_gru", units=16), steps=windows(), training=FAST, seed=1).fit(tiny_trials)


def test_learns_a_planted_gait_on_a_new_person():
    trials = planted_trials(n_subjects=6, n_walks=4, signature=0.3, class_effect=2, seed=0)
    new = trials.subjects == "s01"
    model = GaitClassifier(
        Builder("compact_gru", units=32), training=Training(epochs=15, batch_size=8, learning_rate=3e-3)
    )
    assert model.fit(trials[~new]).score(trials[new]) > 0.7


def test_one_row_a_trial_is_the_mean_over_its_windows(fitted, tiny_trials):
    proba = fitted.predict_proba(tiny_trials)
    series = fitted.predict_samples(tiny_trials)
    assert proba.shape == (len(tiny_trials), 6)
    assert len(series) > len(tiny_trials)
    for i, trial in enumerate(tiny_trials.ids):
        own = series.loc[series["trial"] == trial, fitted.classes_].to_numpy()
        np.testing.assert_allclose(proba[i], own.mean(axis=0), atol=1e-12)


def test_predictions_follow_the_order_of_the_trials(fitted, tiny_trials):
    order = np.random.default_rng(0).permutation(len(tiny_trials))
    np.testing.assert_allclose(
        fitted.predict_proba(tiny_trials[order]), fitted.predict_proba(tiny_trials)[order], atol=1e-6
    )


def test_a_trial_weighs_once_however_many_windows_it_has(fitted, tiny_trials):
    samples = fitted.steps_.transform(tiny_trials)
    weight = fitted._labelled(samples, tiny_trials, None).weight
    by_trial = np.array([weight[samples.trial == t].sum() for t in tiny_trials.ids])
    assert len({(samples.trial == t).sum() for t in tiny_trials.ids}) > 1
    np.testing.assert_allclose(by_trial, by_trial[0], rtol=1e-5)


def test_balanced_classes_weigh_the_same(fitted, tiny_trials):
    some = tiny_trials[np.flatnonzero((tiny_trials.labels != "normal") | (tiny_trials.subjects == "s01"))]
    samples = fitted.steps_.transform(some)
    labelled = fitted._labelled(samples, some, "balanced")
    total = np.bincount(labelled.target, labelled.weight)
    np.testing.assert_allclose(total, total[0], rtol=1e-5)
    with pytest.raises(GaitDataError, match="neither 'balanced' nor None"):
        fitted._labelled(samples, some, "equal")


def test_validation_subjects_are_not_learnt_from(fitted, tiny_trials):
    subject_of = dict(zip(tiny_trials.ids, tiny_trials.subjects, strict=True))
    learnt = {subject_of[t] for t in fitted.fitted_on_}
    watched = {subject_of[t] for t in fitted.watched_}
    assert len(watched) == 1
    assert not learnt & watched
    assert set(fitted.steps_["scale"].fitted_on_) == set(fitted.fitted_on_)


def test_without_a_patience_nobody_is_held_back(tiny_trials):
    training = Training(epochs=1, batch_size=16)
    model = GaitClassifier(Builder("compact_gru", units=2), windows(), training).fit(tiny_trials)
    assert model.fitted_on_ == tuple(tiny_trials.ids) and not model.watched_
    watching = model.fit(tiny_trials, validation=tiny_trials[:2])  # on request, and for the history alone
    assert watching.watched_ == tuple(tiny_trials.ids[:2]) and len(watching.history_["val_loss"]) == 1


@pytest.mark.slow
def test_another_seed_draws_other_first_weights(tiny_trials):
    def first_weights(seed):
        training = Training(epochs=1, learning_rate=0.0, schedule=None)  # nothing is learnt: they stay as drawn
        model = GaitClassifier(Builder("compact_gru", units=4), windows(), training, validation=None, seed=seed)
        return model.fit(tiny_trials[:12]).network_.get_weights()[0]

    np.testing.assert_array_equal(first_weights(0), first_weights(0))
    assert np.abs(first_weights(0) - first_weights(1)).max() > 1e-3


def test_same_seed_same_model_other_seed_other_model(tiny_trials):
    def proba(seed):
        model = GaitClassifier(Builder("compact_gru", units=8), training=Training(epochs=1), validation=None, seed=seed)
        return model.fit(tiny_trials).predict_proba(tiny_trials)

    first = proba(0)
    np.testing.assert_array_equal(first, proba(0))
    assert np.abs(first - proba(1)).max() > 1e-3


def test_works_with_cross_val_score(tiny_trials):
    model = GaitClassifier(Builder("compact_gru", units=8), training=FAST)
    assert is_classifier(model)
    scores = cross_val_score(
        model, tiny_trials, tiny_trials.labels, groups=tiny_trials.subjects, cv=GroupKFold(2), scoring="f1_macro"
    )
    assert np.isfinite(scores).all()
    assert len(scores) == 2


@pytest.mark.slow
def test_works_with_grid_search_over_step_builder_and_training(tiny_trials):
    grid = {"steps__crop__frames": [20, 40], "model__units": [4], "training__learning_rate": [1e-3]}
    model = GaitClassifier("compact_gru", steps=windows(), training=Training(epochs=1), validation=None)
    search = GridSearchCV(model, grid, cv=GroupKFold(2), error_score="raise")
    search.fit(tiny_trials, tiny_trials.labels, groups=tiny_trials.subjects)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    assert best.network_.inputs[0].shape[1] == search.best_params_["steps__crop__frames"]
    assert any(getattr(layer, "units", None) == 4 for layer in best.network_.layers)


def test_fitted_again_as_another_kind_of_model_it_forgets_the_first(tiny_trials):
    model = GaitClassifier(own_network, training=FAST).fit(tiny_trials)
    model.set_params(model="majority").fit(tiny_trials)
    assert not hasattr(model, "network_")
    assert len(set(model.predict(tiny_trials))) == 1


def test_clone_keeps_parameters_and_drops_what_was_learnt(fitted):
    copy = clone(fitted)
    assert copy.get_params()["model__units"] == 16
    assert copy.get_params()["training__epochs"] == 2
    assert not hasattr(copy, "network_")


@pytest.mark.parametrize("name", ["extra_trees", "majority", "temporal_cnn"])
def test_saved_and_loaded_it_predicts_the_same(name, tiny_trials, tmp_path):
    model = GaitClassifier(name, training=Training(epochs=1)).fit(tiny_trials)
    loaded = GaitClassifier.load(model.save(tmp_path / "model"))
    np.testing.assert_allclose(loaded.predict_proba(tiny_trials), model.predict_proba(tiny_trials), atol=1e-6)
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert loaded.fitted_on_ == model.fitted_on_
    assert loaded.resources_ == model.resources_
    assert not list((tmp_path / "model").glob("*.pkl"))


def test_loading_nothing_or_damage_says_so(fitted, tmp_path):
    with pytest.raises(GaitDataError, match="no such file"):
        GaitClassifier.load(tmp_path)
    folder = fitted.save(tmp_path / "model")
    content = (folder / "network.keras").read_bytes()
    for damaged in (content[:2000], content[:-500] + bytes([content[-500] ^ 255]) + content[-499:]):
        (folder / "network.keras").write_bytes(damaged)
        with pytest.raises(GaitDataError, match="network.keras is damaged"):
            GaitClassifier.load(folder)
    (folder / "network.keras").unlink()
    with pytest.raises(GaitDataError, match="network.keras is missing"):
        GaitClassifier.load(folder)


@pytest.fixture(scope="module")
def majority(tiny_trials, tmp_path_factory):
    """A classical model in a folder without checksums, as somebody writes who wants it believed."""
    folder = GaitClassifier("majority").fit(tiny_trials).save(tmp_path_factory.mktemp("majority") / "model")
    (folder / "contents.json").unlink()
    return folder


@pytest.fixture
def saved(majority, tmp_path):
    """A copy of it to change."""
    return shutil.copytree(majority, tmp_path / "saved")


def rewrite(folder, change):
    content = json.loads((folder / "classifier.json").read_text())
    change(content)
    (folder / "classifier.json").write_text(json.dumps(content))


def as_dict(*pairs):
    return {"dict": [list(pair) for pair in pairs]}


WRONG = {
    "classes_": [None, "abc", {"list": ["a", "b"]}, {"tuple": []}],
    "steps_": [None, "steps", {"list": []}, as_dict(), {"object": "sklearn.preprocessing:StandardScaler"}],
    "history_": [None, 3, "x", {"list": []}, as_dict(["loss", 1]), as_dict([1, {"list": []}])]
    + [as_dict(["loss", {"list": ["a"]}]), as_dict(["loss", {"list": [1]}], ["val", {"list": [1, 2]}])],
    "resources_": [None, {"list": []}, as_dict(["seconds", {"list": []}])],
    "fitted_on_": [None, {"list": ["a"]}, {"tuple": [1]}, "abc"],
    "watched_": [7, {"tuple": [None]}],
    "recorded_": [None, 3, as_dict(["emg", 1]), as_dict(["emg", as_dict(["kind", "sequence"])])],
    "estimator_": [None, 5, "majority", {"list": []}],
    "model": [None, 3, as_dict()],
    "steps": ["steps", 3],
    "training": [3, "x", {"list": [1]}],
    "validation": [3, {"list": []}],
    "seed": ["a", None, 1.5, {"list": []}],
    "progress": [None, 3],
    "has_network": ["yes", True, None],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_parts_that_are_no_fitted_classifiers_are_refused(name, value, saved):
    rewrite(saved, lambda content: content.update({name: value}))
    with pytest.raises(GaitDataError, match="classifier"):
        GaitClassifier.load(saved)


@pytest.mark.parametrize("name", [name for name in WRONG if name not in ("has_network", "recorded_")])
def test_half_a_classifier_is_refused(name, saved):
    rewrite(saved, lambda content: content.pop(name))
    with pytest.raises(GaitDataError, match=r"classifier.json"):
        GaitClassifier.load(saved)
    for content in ("{}", "[]", "3"):
        (saved / "classifier.json").write_text(content)
        with pytest.raises(GaitDataError, match="classifier"):
            GaitClassifier.load(saved)


def test_what_no_classifier_learns_is_refused(saved):
    for name in ("predict", "__class__", "anything_"):
        rewrite(saved, lambda content, name=name: content.update({name: 1}))
        with pytest.raises(GaitDataError, match=f"'{name}' is nothing that a classifier learns"):
            GaitClassifier.load(saved)
        rewrite(saved, lambda content, name=name: content.pop(name))
    GaitClassifier.load(saved)


def dropped_from(content, class_name, attribute):
    """A saved object loses an attribute, wherever it stands."""
    if isinstance(content, dict):
        if str(content.get("object", "")).endswith(f":{class_name}"):
            pairs = content["state"]["dict"]
            pairs[:] = [pair for pair in pairs if pair[0] != attribute]
        content = list(content.values())
    for part in content if isinstance(content, list) else ():
        dropped_from(part, class_name, attribute)


PARTS = [
    ("Frames", "transformer_"), ("Frames", "channels_"), ("StandardScaler", "mean_"), ("StandardScaler", "scale_"),
    ("Tensors", "stand_in_"), ("Crop", "frames"), ("GaitParameters", "median_"),
    ("DummyClassifier", "class_prior_"), ("ExtraTreeClassifier", "tree_"),
]  # fmt: skip


@pytest.mark.parametrize(("class_name", "attribute"), PARTS)
def test_steps_and_models_that_lack_a_part_are_refused(class_name, attribute, fitted, tiny_trials, walks, tmp_path):
    models = {"DummyClassifier": "majority", "GaitParameters": "spatiotemporal", "ExtraTreeClassifier": "extra_trees"}
    model = fitted
    if class_name in models:
        parameters = {} if class_name == "DummyClassifier" else {"n_estimators": 2}
        model = GaitClassifier(Builder(models[class_name], **parameters)).fit(walks)
    folder = model.save(tmp_path / "model")
    GaitClassifier.load(folder)
    (folder / "contents.json").unlink()
    learnt = ("steps_", "estimator_")
    rewrite(folder, lambda content: [dropped_from(content.get(n), class_name, attribute) for n in learnt])
    with pytest.raises(GaitDataError, match="classifier"):
        GaitClassifier.load(folder)


def test_any_changed_byte_is_noticed(tiny_trials, tmp_path):
    """What one may read as another label, weight or id is told by the checksums."""
    folder = GaitClassifier("majority").fit(tiny_trials).save(tmp_path / "model")
    rng = np.random.default_rng(0)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        for place in rng.integers(len(content), size=40):
            file.write_bytes(content[:place] + bytes([content[place] ^ 1 << rng.integers(8)]) + content[place + 1 :])
            with pytest.raises(GaitDataError, match=str(folder)):
                GaitClassifier.load(folder)
        file.write_bytes(content)
    GaitClassifier.load(folder)


def test_a_network_of_another_classifier_is_refused(fitted, tmp_path):
    """With its checksums as an exchange, without them where inputs or classes are others."""
    folder = fitted.save(tmp_path / "model")
    frames, channels = fitted.network_.inputs[0].shape[1:]
    for shape, n_classes, said in (((frames + 10, channels), 6, "reads"), ((frames, channels), 5, "outputs")):
        network = Builder("compact_gru", units=4).build_network(
            {"skeleton": shape}, {"label": Head("class", n_classes)}
        )
        network.save(folder / "network.keras")
        with pytest.raises(GaitDataError, match="not what was saved"):
            GaitClassifier.load(folder)
        (folder / "contents.json").rename(tmp_path / "kept")
        with pytest.raises(GaitDataError, match=f"network.keras.* {said} "):
            GaitClassifier.load(folder)
        (tmp_path / "kept").rename(folder / "contents.json")


def changed_network(file, old, new):
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    config = content["config.json"].decode()
    assert old in config
    content["config.json"] = config.replace(old, new).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.layers", "Lambda"), ("keras.layers", "TFSMLayer"), ("keras.layers", "TorchModuleWrapper"),
        ("keras.layers", "StringLookup"), ("keras.layers", "Wrapper"), ("keras.utils", "get_file"), ("os", "system"),
        ("keras.config", "enable_unsafe_deserialization"), ("keras.src.saving.saving_lib", "load_model"),
        ("gaitlib.saving", "load_state"), ("builtins", "__lambda__"),
    ],
)  # fmt: skip
def test_networks_name_layers_only(module, name, fitted, tmp_path):
    folder = fitted.save(tmp_path / "model")
    (folder / "contents.json").unlink()
    changed_network(
        folder / "network.keras",
        '"module": "keras.layers", "class_name": "Dense"',
        f'"module": "{module}", "class_name": "{name}"',
    )
    with pytest.raises(GaitDataError, match=f"holds '{name}' of '{module}'"):
        GaitClassifier.load(folder)


def test_saving_over_a_network_leaves_nothing_of_it(fitted, tiny_trials, tmp_path):
    fitted.save(tmp_path / "model")
    majority = GaitClassifier("majority").fit(tiny_trials)
    loaded = GaitClassifier.load(majority.save(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(tiny_trials), majority.predict(tiny_trials))


def own_network(inputs, heads):
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    pooled = [layers.GlobalAveragePooling1D()(t) for t in x.values()]
    h = pooled[0] if len(pooled) == 1 else layers.Concatenate()(pooled)
    return keras.Model(x, layers.Dense(heads["label"].size)(h))


def test_an_own_builder_is_used_saved_and_loaded(tiny_trials, tmp_path):
    model = GaitClassifier(own_network, training=FAST).fit(tiny_trials)
    model.save(tmp_path / "model")
    with pytest.raises(GaitDataError, match="custom_objects"):
        GaitClassifier.load(tmp_path / "model")
    loaded = GaitClassifier.load(tmp_path / "model", custom_objects={"own_network": own_network})
    np.testing.assert_allclose(loaded.predict_proba(tiny_trials), model.predict_proba(tiny_trials), atol=1e-6)


def softmax_network(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def wrong_size_network(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size + 1)(layers.GlobalAveragePooling1D()(x)))


def test_a_network_that_ends_in_softmax_or_has_the_wrong_size_is_refused(tiny_trials):
    with pytest.raises(GaitDataError, match="ends in softmax; end in a linear layer"):
        GaitClassifier(softmax_network, training=FAST).fit(tiny_trials)
    with pytest.raises(GaitDataError, match="for 6 classes"):
        GaitClassifier(wrong_size_network, training=FAST).fit(tiny_trials)


def test_stages_follow_each_other_on_the_same_weights(tiny_trials):
    stages = [Training(epochs=2), Training(epochs=1, trainable=["logits"])]
    model = GaitClassifier(Builder("compact_gru", units=8), training=stages, validation=None).fit(tiny_trials)
    assert model.history_["stage"].tolist() == [1, 1, 2]
    assert [layer.name for layer in model.network_.layers if layer.trainable] == ["logits"]


def test_mirror_adds_copies_of_training_trials_only(tiny_trials):
    """Steps stay fitted on the originals, and the mirrored copies are learnt."""
    settings = Training(epochs=1, augment=(gaitlib.Mirror(),))
    plain = GaitClassifier(Builder("compact_gru", units=4), training=Training(epochs=1), validation=None).fit(
        tiny_trials
    )
    mirrored = GaitClassifier(Builder("compact_gru", units=4), training=settings, validation=None).fit(tiny_trials)
    name = "scale_skeleton"
    np.testing.assert_array_equal(plain.steps_[name].transformer_.mean_, mirrored.steps_[name].transformer_.mean_)
    assert np.abs(plain.predict_proba(tiny_trials) - mirrored.predict_proba(tiny_trials)).max() > 1e-4


def test_a_modality_never_heard_of_goes_from_arrays_to_a_benchmark(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.tile(["calm", "tense"], 40)
    emg = [rng.normal(0, 1 if y == "calm" else 3, size=(rng.integers(20, 30), 3)) for y in labels]
    trials = TrialSet.from_arrays({"emg": emg}, rate_hz=100, subject=np.repeat(list("abcdefgh"), 10), label=labels)
    cnn = GaitClassifier("temporal_cnn", training=Training(epochs=20, batch_size=8))
    models = {"trees": GaitClassifier("extra_trees"), "cnn": cnn}
    runs = gaitlib.benchmark(models, trials, [gaitlib.SubjectHoldout()], store=tmp_path, progress=False)
    assert runs.table().set_index("model")["accuracy"].min() > 0.8


def test_bad_requests_are_refused_with_a_reason(tiny_trials, fitted):
    model = GaitClassifier("compact_gru", training=FAST)
    with pytest.raises(GaitDataError, match="y differs"):
        model.fit(tiny_trials, tiny_trials.labels[::-1])
    with pytest.raises(GaitDataError, match="y differs"):
        model.fit(tiny_trials, np.arange(len(tiny_trials)))
    with pytest.raises(GaitDataError, match="only the class 'normal'"):
        model.fit(tiny_trials[tiny_trials.labels == "normal"])
    with pytest.raises(GaitDataError, match="fit needs a TrialSet, not ndarray"):
        model.fit(np.zeros((3, 4)))
    with pytest.raises(GaitDataError, match="only one subject"):
        model.fit(tiny_trials[tiny_trials.subjects == "s01"])
    with pytest.raises(GaitDataError, match="not fitted"):
        model.predict(tiny_trials)
    with pytest.raises(GaitDataError, match="did you mean compact_gru"):
        GaitClassifier("compact_gro").fit(tiny_trials)
    unlabelled = TrialSet.from_arrays({"emg": [np.ones((3, 1))] * 2}, subject=["a", "b"], label=["x", None])
    with pytest.raises(GaitDataError, match="trial1 has no label"):
        model.fit(unlabelled)


# -- missing modalities --------------------------------------------------------------------------------------


def without(trials, name, which=slice(None)):
    """The same trials, some of which lack a modality."""
    m, lost = trials.modality(name), np.zeros(len(trials), bool)
    lost[which] = True
    columns = {part: getattr(m, part) for part in ("values", "frames", "time_s") if getattr(m, part) is not None}
    return trials.with_modality(name, replace(m, **{k: np.where(lost, None, column) for k, column in columns.items()}))


@pytest.fixture(scope="module")
def walks():
    """Synthetic walks with pressure."""
    return gaitlib.synthetic_trials(n_subjects=3, n_walks=2, seed=0)


def hidden_network(inputs, heads):
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    h = layers.Concatenate()([layers.GlobalAveragePooling1D()(t) for t in x.values()])
    return keras.Model(x, layers.Dense(heads["label"].size)(layers.Dense(64, activation="relu")(h)))


def accuracy_without(modality_dropout, walks):
    """Of a network on the trials that it learnt from, whole and without each modality."""
    settings = Training(epochs=60, batch_size=16, learning_rate=5e-3, schedule=None, modality_dropout=modality_dropout)
    steps = gaitlib.recipes.steps_for(walks, None, "angles")  # with posture it leans on the skeleton alone
    model = GaitClassifier(hidden_network, steps, settings, validation=None).fit(walks)
    model.steps_[-1].allow_missing = True
    return model.score(walks), *(model.score(without(walks, name)) for name in ("skeleton", "pressure"))


@pytest.mark.slow
def test_modality_dropout_is_the_remedy_for_a_missing_modality(walks):
    """Measured over four seeds: without the skeleton 0.17 (chance), with the remedy 0.61 or more."""
    whole, by_pressure, by_skeleton = accuracy_without(0.0, walks)
    assert whole == by_skeleton == 1
    assert by_pressure < 0.3
    whole, by_pressure, by_skeleton = accuracy_without(0.4, walks)
    assert whole > 0.9
    assert by_pressure > 0.45
    assert by_skeleton > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", gaitlib.models.available(reads=("sequence", "image"), prepared="windows"))
def test_every_fusion_learns_and_predicts_with_either_modality_missing(name, walks, tmp_path):
    holes = without(without(walks, "skeleton", [0, 5, 20]), "pressure", [1, 7, 21])
    model = GaitClassifier(name, training=Training(epochs=1, patience=10, modality_dropout=0.3)).fit(holes)
    assert np.isfinite(model.history_[["loss", "val_loss"]]).all(axis=None)
    loaded = GaitClassifier.load(model.save(tmp_path / "model"))
    for trials in (holes, without(walks, "skeleton"), without(walks, "pressure")):
        proba = model.predict_proba(trials)
        assert proba.shape == (36, 6)
        assert np.isfinite(proba).all()
        np.testing.assert_allclose(loaded.predict_proba(trials), proba, atol=1e-6)
    assert len(model.predict_samples(without(walks, "skeleton"))) == 36  # no sequence, no windows


@pytest.mark.parametrize("name", gaitlib.models.available(reads=("sequence", "image"), prepared="code"))
def test_every_fusion_of_a_code_does_without_it(name, walks):
    """A code is a sequence of one step; the last frame stands for it here."""
    steps = make_pipeline(
        Frames(StandardScaler()), Crop(1), Frames(StandardScaler(), "pressure"), Tensors(["skeleton", "pressure"])
    )
    model = GaitClassifier(name, steps=steps, training=Training(epochs=1, modality_dropout=0.3), validation=None)
    model.fit(without(without(walks, "skeleton", [0, 5]), "pressure", [1, 7]))
    for lost in ("skeleton", "pressure"):
        assert np.isfinite(model.predict_proba(without(walks, lost))).all()


def test_with_modality_dropout_the_same_seed_gives_the_same_model(walks):
    def proba(seed):
        settings = Training(epochs=2, modality_dropout=0.5)
        model = GaitClassifier(hidden_network, training=settings, validation=None, seed=seed)
        return model.fit(walks).predict_proba(walks)

    first = proba(0)
    np.testing.assert_array_equal(first, proba(0))
    assert np.abs(first - proba(1)).max() > 1e-3


def test_only_a_classifier_that_learns_to_do_without_takes_trials_that_lack_a_modality(walks):
    holes = without(walks, "pressure", [3])
    plain = GaitClassifier(hidden_network, training=FAST)
    with pytest.raises(GaitDataError, match=r"subject01/.* has no 'pressure'; .*Training\(modality_dropout=0.3\)"):
        plain.fit(holes)
    with pytest.raises(GaitDataError, match="has no 'pressure'"):
        plain.fit(walks).predict(holes)
    stages = [Training(epochs=1), Training(epochs=1, modality_dropout=0.2)]
    later = GaitClassifier(hidden_network, training=stages).fit(holes)
    assert np.isfinite(later.predict_proba(holes)).all()
    with pytest.raises(GaitDataError, match="has none of skeleton, pressure"):
        later.predict(without(holes, "skeleton", [3]))
    assert GaitClassifier("extra_trees").fit(holes).score(holes) == 1  # reads the skeleton only
