"""Ensemble: weights learnt on people left out, walks of either side, one thing on disk and in a benchmark."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import planted_trials
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import Ensemble, GaitClassifier, GaitRegressor, LeaveOneSubjectOut, Mirror, SubjectHoldout, TrialSet
from gaitlib.audit.checks import audit_learnt
from gaitlib.classifier_file import checksum
from gaitlib.ensemble_sides import MIRRORED
from gaitlib.errors import GaitDataError
from gaitlib.evaluation.fold import train_fold
from gaitlib.explain import (
    cascading_randomisation,
    deletion,
    distance_from_learnt,
    infidelity,
    predict_over_time,
    relevance,
    zero_out,
)
from gaitlib.explain.one_trial import told_by
from gaitlib.explain.trust.sanity import label_randomisation
from gaitlib.models import Builder
from gaitlib.perturb import PERTURBATIONS, perturbation_curve, robustness
from gaitlib.pooling import LARGEST_WEIGHT, pool_weights
from gaitlib.preprocessing import Frames, SummaryStatistics
from gaitlib.results.calibration import calibration_error, fit_temperature
from gaitlib.results.card import model_card

STEPS = make_pipeline(Frames(StandardScaler()), SummaryStatistics())
TREES = GaitClassifier(Builder("extra_trees", n_estimators=10), steps=STEPS)
SVM = GaitClassifier("linear_svm", steps=STEPS)
MAJORITY = GaitClassifier("majority", steps=STEPS)
LIMPS = ("antalgic", "stiff_legged", "normal")


@pytest.fixture(scope="module")
def limping():
    """5 people of whom each limps, on the left."""
    trials = planted_trials(n_subjects=5, n_walks=2, signature=0.3, class_effect=2, seed=0)
    return trials[np.isin(trials.labels, LIMPS)]


@pytest.fixture(scope="module")
def either(limping):
    """Fitted on the left limps of all but one."""
    model = Ensemble({"trees": TREES, "svm": SVM}, folds=2, affected_side="left")
    return model.fit(limping[limping.subjects != "s01"])


@pytest.fixture
def folder(either, tmp_path):
    return either.save(tmp_path / "model")


def columns(labels, n) -> np.ndarray:
    return np.eye(n, dtype=bool)[labels]


def said_of(labels, right, sure, rng) -> np.ndarray:
    """Log probabilities of three classes: `right` of the trials get their own, always this sure."""
    wrong = (labels + rng.integers(1, 3, len(labels))) % 3
    told = np.where(rng.random(len(labels)) < right, labels, wrong)
    return np.log(np.where(columns(told, 3), sure, (1 - sure) / 2))


# -- weights -------------------------------------------------------------------------------------------------


def loss(weights, log_proba, labels, sides):
    """Mean of the members in log probability, its sides added up, and the whole taken to the power of all weights."""
    mean = np.exp(np.tensordot(np.array(weights) / sum(weights), log_proba, 1))
    p = sum(mean[:, side] for side in sides) ** sum(weights)
    return -np.log(p[np.arange(len(p)), labels] / p.sum(axis=1)).mean()


@pytest.mark.parametrize("sided", [False, True])
def test_weights_are_the_best_of_a_fine_grid(sided):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 80)
    log_proba = np.stack([log_softmax(rng.normal(0, 2, (80, 3)) + s * columns(labels, 3), axis=1) for s in (1, 2)])
    of_class, sides = np.eye(3, dtype=bool), [[0, 1, 2]]
    if sided:  # each class has two sides
        log_proba = log_softmax(np.concatenate([log_proba, rng.normal(-1, 1, (2, 80, 3))], axis=2), axis=2)
        of_class, sides = np.concatenate([of_class, of_class]), [[0, 1, 2], [3, 4, 5]]
    found = pool_weights(log_proba, labels, of_class)
    grid = np.linspace(0.02, 3, 150)
    best = min(((a, b) for a in grid for b in grid), key=lambda w: loss(w, log_proba, labels, sides))
    np.testing.assert_allclose(found, best, atol=0.02)
    assert loss(found, log_proba, labels, sides) <= loss(best, log_proba, labels, sides)


def test_one_member_is_scaled_by_the_temperature_that_is_fitted_elsewhere():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    log_proba = said_of(labels, 0.7, 0.98, rng)
    (weight,) = pool_weights(log_proba[None], labels, np.eye(3, dtype=bool))
    assert weight == pytest.approx(1 / fit_temperature(np.exp(log_proba), labels), rel=1e-3)
    assert weight < 0.6


def test_a_member_of_noise_has_next_to_no_say():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 2000)
    noise = log_softmax(rng.normal(0, 3, (2000, 3)), axis=1)
    good, none = pool_weights(np.stack([said_of(labels, 0.8, 0.8, rng), noise]), labels, np.eye(3, dtype=bool))
    assert good == pytest.approx(1, abs=0.15)
    assert none < 0.05


def test_without_a_mistake_or_a_trial_weights_stay_finite():
    labels = np.arange(6) % 3
    surely = np.where(columns(labels, 3), np.log(0.9), np.log(0.05))[None]
    (weight,) = pool_weights(surely, labels, np.eye(3, dtype=bool))
    assert 5 < weight <= LARGEST_WEIGHT
    np.testing.assert_array_equal(pool_weights(np.zeros((2, 0, 3)), labels[:0], np.eye(3, dtype=bool)), [0.5, 0.5])


def test_members_are_asked_about_people_whom_they_never_saw():
    """Trees that know every walk of the people they learnt from, and nothing of others, are not believed."""
    trials = planted_trials(n_subjects=6, n_walks=2, signature=2, class_effect=0, seed=0)
    model = Ensemble({"trees": TREES}, folds=3).fit(trials)
    in_sample = model.members_["trees"].predict_proba(trials)
    said = model.out_of_fold_.loc["trees"].loc[list(trials.ids)]
    assert (model.classes_[in_sample.argmax(axis=1)] == trials.labels).all()
    assert (said.idxmax(axis=1).to_numpy() == trials.labels).mean() < 0.45
    assert model.weights_["trees"] < 0.3
    new = planted_trials(n_subjects=4, n_walks=2, signature=2, class_effect=0, seed=9)

    def error(proba):
        return calibration_error(proba.max(axis=1), model.classes_[proba.argmax(axis=1)] == new.labels)

    assert error(model.predict_proba(new)) < error(model.members_["trees"].predict_proba(new)) - 0.1


def test_classes_that_only_people_left_out_have_do_not_move_the_weights(limping):
    rare = limping[(limping.labels != "normal") | (limping.subjects == "s01")]
    known = limping[limping.labels != "normal"]
    with_rare, without = (Ensemble({"trees": TREES}, folds=5).fit(trials) for trials in (rare, known))
    assert with_rare.weights_["trees"] > 0.2 * without.weights_["trees"]  # 1e-38 of the rare ones would make it 0
    assert list(with_rare.classes_) == sorted(LIMPS)


# -- predictions ---------------------------------------------------------------------------------------------


def test_it_is_the_weighted_pool_of_its_members(limping):
    model = Ensemble({"trees": TREES, "svm": SVM}, folds=2).fit(limping)
    logs = [np.log(np.maximum(m.predict_proba(limping), 1e-38)) for m in model.members_.values()]
    expected = softmax(sum(w * log for w, log in zip(model.weights_, logs, strict=True)), axis=1)
    np.testing.assert_allclose(model.predict_proba(limping), expected, atol=1e-6)
    order = np.random.default_rng(0).permutation(len(limping))
    np.testing.assert_allclose(model.predict_proba(limping[order]), expected[order], atol=1e-6)
    assert model.fitted_on_ == tuple(limping.ids)
    assert set(model.fitted_subjects_) == set(limping.subjects)
    assert model.resources_["seconds"] > 0
    assert model.resources_["parameters"] is None
    with pytest.raises(GaitDataError, match="learnt no sides: .*affected_side"):
        model.predict_side(limping)


def test_works_with_scikit_learn(limping):
    model = Ensemble({"trees": TREES}, folds=2)
    assert clone(model).set_params(trees__model__n_estimators=3).members["trees"].model.parameters["n_estimators"] == 3
    assert model.members["trees"].model.parameters["n_estimators"] == 10
    options = {"groups": limping.subjects, "cv": GroupKFold(2), "scoring": "f1_macro", "error_score": "raise"}
    assert np.isfinite(cross_val_score(model, limping, limping.labels, **options)).all()


def test_the_seed_of_the_ensemble_is_that_of_its_members(limping):
    one, same, other = (Ensemble([TREES, MAJORITY], folds=2, seed=s).fit(limping) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.predict_proba(limping), same.predict_proba(limping))
    assert one.members_["extra_trees"].seed == same.members_["extra_trees"].seed != other.members_["extra_trees"].seed
    assert one.members_["extra_trees"].seed != one.members_["majority"].seed


# -- either side ---------------------------------------------------------------------------------------------


def test_what_it_says_of_a_mirrored_walk_is_the_same_with_sides_swapped(either, limping):
    seen = Mirror()(limping)
    np.testing.assert_allclose(either.predict_proba(seen), either.predict_proba(limping), atol=1e-6)
    own, other = either.predict_side(limping), either.predict_side(seen)
    swapped = own["side"].map({"left": "right", "right": "left", "none": "none"})
    assert swapped.tolist() == other["side"].tolist()
    np.testing.assert_allclose(own["probability"], other["probability"], atol=1e-6)


def test_it_tells_the_affected_side_of_a_new_person(either, limping):
    new = limping[limping.subjects == "s01"]
    for trials, side in ((new, "left"), (Mirror()(new), "right")):
        told = either.predict_side(trials)
        assert either.score(trials) >= 0.8
        limps = (either.predict(trials) == trials.labels) & (trials.labels != "normal")
        assert set(told["side"][limps]) == {side}
        assert set(told["side"][either.predict(trials) == "normal"]) == {"none"}
        assert told["trial"].tolist() == trials.ids.tolist()
        assert told["probability"].between(0.5, 1).all()


def test_members_learn_walks_and_mirror_images_of_the_same_people(either, limping):
    names = {"antalgic, left", "antalgic, right", "stiff_legged, left", "stiff_legged, right", "normal"}
    learnt = limping[limping.subjects != "s01"]
    for member in either.members_.values():
        assert set(member.classes_) == names
        assert set(member.fitted_on_) == {*learnt.ids, *(learnt.ids + MIRRORED)}
        assert set(member.fitted_subjects_) == set(learnt.subjects)
    assert either.fitted_on_ == tuple(learnt.ids)
    assert set(either.out_of_fold_.index.get_level_values("trial")) == set(learnt.ids)
    np.testing.assert_allclose(either.out_of_fold_.sum(axis=1), 1, atol=1e-6)


def test_what_cannot_be_mirrored_is_refused(limping):
    model = Ensemble({"trees": TREES}, folds=2, affected_side="left")
    values = [np.ones((5, 1)), np.zeros((5, 1))] * 2
    emg = TrialSet.from_arrays({"emg": values}, subject=[*"aabb"], label=[*"xyxy"], rate_hz=10)
    with pytest.raises(GaitDataError, match="needs a modality 'skeleton' to mirror, here are emg"):
        model.fit(emg)
    m = limping.modality("skeleton")
    values = m.values.copy()
    values[3] = None
    with pytest.raises(GaitDataError, match=f"{limping.ids[3]} has no 'skeleton' to mirror"):
        model.fit(limping.with_modality("skeleton", replace(m, values=values)))
    ids = replace(limping, table=limping.table.assign(trial=limping.ids + MIRRORED))
    with pytest.raises(GaitDataError, match="are those of mirror images"):
        model.fit(ids)
    named = limping.table["label"].replace({"stiff_legged": "antalgic, left"})
    with pytest.raises(GaitDataError, match="'antalgic, left' is called as another with its side"):
        model.set_params(symmetric=["antalgic, left"]).fit(replace(limping, table=limping.table.assign(label=named)))


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"members": []}, "give a dict of GaitClassifiers"),
        ({"members": "minirocket"}, "give a dict of GaitClassifiers"),
        ({"members": ["majority", "majority"]}, "two members of the same name"),
        ({"members": {"a__b": TREES}}, "cannot be called 'a__b'"),
        ({"members": {"seed": TREES}}, "cannot be called 'seed'"),
        ({"members": {"a": GaitRegressor("majority", heads=["speed"])}}, "no GaitClassifier of the label alone"),
        ({"members": {"a": GaitClassifier("majority", heads=["label", "speed"])}}, "of the label alone"),
        ({"members": {"a": Ensemble(["majority"])}}, "no GaitClassifier of the label alone"),
        ({"folds": 1}, "folds=1"),
        ({"affected_side": "both"}, "affected_side='both'"),
        ({"symmetric": "normal"}, "give a sequence of classes"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(given, message, limping):
    with pytest.raises(GaitDataError, match=message):
        Ensemble(**({"members": ["majority"]} | given)).fit(limping)


def test_too_few_people_and_watched_trials_are_refused(limping):
    model = Ensemble(["majority"])
    with pytest.raises(GaitDataError, match="all trials are of s01"):
        model.fit(limping[limping.subjects == "s01"])
    with pytest.raises(GaitDataError, match="give the validation trials with the training trials"):
        model.fit(limping, validation=limping)
    with pytest.raises(GaitDataError, match="y differs"):
        model.fit(limping, limping.labels[::-1])
    with pytest.raises(GaitDataError, match="member 'majority', learning from s02: only the class"):
        model.fit(limping[(limping.subjects == "s01") | ((limping.subjects == "s02") & (limping.labels == "normal"))])


@pytest.mark.parametrize("ask", [Ensemble.predict_proba, Ensemble.predict, lambda m, t: m.save("nowhere")])
def test_an_unfitted_one_says_so(ask, limping):
    with pytest.raises(GaitDataError, match="not fitted"):
        ask(Ensemble(["majority"]), limping)


@pytest.mark.parametrize(
    "ask",
    [
        relevance,
        predict_over_time,
        zero_out,
        distance_from_learnt,
        lambda model, trials: model.prepare(trials),
        lambda model, trials: model.predict_prepared({}),
        lambda model, trials: model.predict_samples(trials),
        deletion,
        infidelity,
        cascading_randomisation,
        lambda model, trials: label_randomisation(model, trials, trials),
        perturbation_curve,
        lambda model, trials: model.estimator_,
    ],
)
def test_what_only_a_member_can_tell_is_refused_with_the_way_to_it(ask, either, limping):
    way = r"an Ensemble has no .* explain one of its members, model.members_\['trees'\]"
    with pytest.raises(GaitDataError, match=way):
        ask(either, limping[:1])


def test_a_dashboard_of_it_shows_probabilities_and_says_what_it_cannot(either, limping):
    told = told_by(either, limping[limping.subjects == "s01"][:1], "both")
    assert told.probabilities.sum() == pytest.approx(1)
    assert "explain one of its members" in told.importance
    with pytest.raises(GaitDataError, match="both has learnt from s02"):
        told_by(either, limping[limping.subjects == "s02"][:1], "both")


# -- one thing on disk ---------------------------------------------------------------------------------------


def test_loaded_it_says_the_same(either, folder, limping):
    for kind in (GaitClassifier, Ensemble):
        loaded = kind.load(folder)
        np.testing.assert_array_equal(loaded.predict_proba(limping), either.predict_proba(limping))
        pd.testing.assert_frame_equal(loaded.predict_side(limping), either.predict_side(limping))
    pd.testing.assert_series_equal(loaded.weights_, either.weights_)
    assert loaded.fitted_on_ == either.fitted_on_
    assert loaded.members["trees"].get_params()["model__n_estimators"] == 10
    assert loaded.members["trees"].seed == TREES.seed
    assert sorted(loaded.members_) == ["svm", "trees"]
    with pytest.raises(GaitDataError, match=r"holds a Ensemble; load it with Ensemble.load"):
        GaitRegressor.load(folder)
    with pytest.raises(GaitDataError, match=r"holds a GaitClassifier; load it"):
        Ensemble.load(folder / "member-1")


def test_saving_over_another_model_leaves_nothing_of_it(either, folder, limping):
    either.members_["trees"].save(folder)
    assert type(GaitClassifier.load(folder)) is GaitClassifier
    either.save(folder)
    assert type(GaitClassifier.load(folder)) is Ensemble


def flipped(name):
    def change(folder):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def swapped(folder):
    (folder / "member-1").rename(folder / "other")
    (folder / "member-2").rename(folder / "member-1")
    (folder / "other").rename(folder / "member-2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flipped("ensemble.json"), "ensemble.json is damaged"),
        (flipped("ensemble.npz"), "ensemble.npz is damaged"),
        (flipped("member-1/contents.json"), "member-1/contents.json is damaged"),
        (flipped("member-2/classifier.npz"), "member-2/classifier.npz is damaged"),
        (swapped, "member-1/contents.json is damaged"),
        (lambda f: shutil.rmtree(f / "member-2"), "member-2/contents.json: no such file"),
        (lambda f: (f / "contents.json").unlink(), "contents.json is missing"),
        (lambda f: (f / "ensemble.npz").unlink(), "ensemble.npz is missing"),
        (lambda f: (f / "ensemble.json").unlink(), "contents.json: damaged: it names other files"),
    ],
)
def test_a_damaged_folder_is_refused_by_the_file(change, message, folder):
    change(folder)
    with pytest.raises(GaitDataError, match=message):
        GaitClassifier.load(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", {"list": [1.0, -1.0]}),
        ("members", {"list": []}),
        ("affected_side", "up"),
        ("classes_", "normal"),
        ("folds", "2"),
        ("resources_", 3),
        ("fitted_on_", {"list": []}),
        ("builder", 1),
    ],
)
def test_what_no_ensemble_holds_is_refused_though_checksums_fit(name, value, folder):
    file = folder / "ensemble.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
    contents = json.loads((folder / "contents.json").read_text()) | {"ensemble.json": checksum(file)}
    (folder / "contents.json").write_text(json.dumps(contents))
    with pytest.raises(GaitDataError, match=f"ensemble.json: .*({name}|damaged)"):
        GaitClassifier.load(folder)


# -- in a benchmark ------------------------------------------------------------------------------------------


def learnt_in_a_fold(model, trials):
    protocol = SubjectHoldout(validation=True)
    (fold,) = protocol.folds(trials)
    outcome = train_fold(model, trials, fold, seed=0)
    learnt = outcome.learnt["fitted_on"]
    steps = [(step, ids or learnt, people) for step, ids, people in outcome.learnt["steps"]]  # as they are read again
    return outcome, audit_learnt(trials, protocol, fold, outcome.learnt | {"steps": steps}, "both"), fold


def test_a_fold_tells_what_every_member_learnt_from_and_a_planted_leak_is_found(limping):
    honest = Ensemble({"trees": TREES, "majority": MAJORITY}, folds=2, affected_side="left")
    outcome, found, fold = learnt_in_a_fold(honest, limping)
    assert {f.verdict for f in found} == {"ok"}
    assert set(outcome.learnt["fitted_on"]) == set(limping.ids[np.concatenate([fold.train, fold.validation])])
    assert outcome.learnt["steps"][0][0].startswith("trees: Frames")
    assert {"ensemble.json", "member-1/classifier.npz", "member-2/contents.json"} <= set(outcome.files)
    saw_all = make_pipeline(FrozenEstimator(Frames(StandardScaler()).fit(limping)), SummaryStatistics())
    leaky = Ensemble({"majority": MAJORITY, "trees": clone(TREES).set_params(steps=saw_all)}, folds=2)
    _, found, _ = learnt_in_a_fold(leaky, limping)
    assert [(f.check, f.verdict) for f in found if f.verdict != "ok"] == [("steps", "leak")]


@pytest.mark.slow
def test_a_benchmark_of_it_ends_resumes_and_gives_the_model_back(limping, tmp_path):
    some = limping[limping.subjects < "s04"]
    models = {"both": Ensemble({"trees": TREES, "majority": MAJORITY}, folds=2, affected_side="left")}

    def bench(**changes):
        return gaitlib.benchmark(models, some, [LeaveOneSubjectOut()], store=tmp_path, progress=False, **changes)

    runs = bench()
    assert not [f for f in runs.audit().findings if f.verdict != "ok" and f.fold]
    table = runs.predictions()
    (stored,) = tmp_path.iterdir()
    shutil.rmtree(stored / "s02")
    pd.testing.assert_frame_equal(bench().predictions(), table)
    (stored / "s01" / "classifier" / "member-1" / "classifier.npz").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"member-1/classifier.npz is not what was written"):
        pd.testing.assert_frame_equal(bench().predictions(), table)
    model = runs.classifier_for(some[:1])
    assert isinstance(model, Ensemble)
    assert "s01" not in model.fitted_subjects_
    own = table[table["subject"] == "s01"]
    np.testing.assert_allclose(model.predict_proba(some[some.subjects == "s01"]), own[runs.classes], atol=1e-6)
    assert "both: weighted geometric mean of trees, majority" in model_card(runs, "both")
    told = robustness(runs, perturbations={"noise": PERTURBATIONS["noise"]})
    assert len(told)
    with pytest.raises(GaitDataError, match="explain one of its members"):
        relevance(runs, some)
    models["both"].members["trees"].set_params(model__n_estimators=4)
    bench()
    assert len(list(tmp_path.iterdir())) == 2  # what a member is made of is part of the key


@pytest.mark.slow
def test_a_network_is_a_member_that_holds_back_people_of_its_own(limping):
    training = gaitlib.Training(epochs=1, batch_size=16, patience=10)
    gru = GaitClassifier(Builder("compact_gru", units=4), training=training)
    model = Ensemble({"gru": gru, "trees": TREES}, folds=2).fit(limping)
    assert model.members_["gru"].watched_
    assert not model.watched_
    assert set(model.members_["gru"].fitted_subjects_) <= set(model.fitted_subjects_)
    assert model.resources_["parameters"] == model.members_["gru"].network_.count_params()
    assert model.resources_["epochs"] == 1
    assert zero_out(model.members_["gru"], limping[:1])["importance"].notna().all()
