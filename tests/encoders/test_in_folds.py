"""Encoders in folds: whom they may learn from, how a leak is found, what a classifier keeps of them."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from planted_waves import FRAMES, TINY, plan, waves, whole
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, LabelBudget, SubjectHoldout, Training
from gaitlib.audit.checks import audit_learnt
from gaitlib.audit.receipt import Receipt
from gaitlib.encoders import Encode, Encoder
from gaitlib.evaluation.fold import train_fold
from gaitlib.evaluation.key import describe
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, SummaryStatistics, Tensors
from gaitlib.results.stored import About
from gaitlib.testing import check_step
from gaitlib.training import Pretraining
from gaitlib.trials.digests import recording_digests
from gaitlib.trials.modality import object_array

TUNED = Builder("patch_transformer", **TINY.parameters)
HOLDOUT = SubjectHoldout(n_people=2, validation=False)
USES = ["encode", "start"]


def classifier(use, encoder, **training):
    """A linear model on the features of an encoder, or its network with a head."""
    if use == "encode":
        steps = Pipeline([("encode", Encode(encoder)), ("statistics", SummaryStatistics(["imu"]))])
        return GaitClassifier("linear_svm", steps)
    return GaitClassifier(TUNED, training=Training(1, batch_size=8, start=encoder, **training), validation=None)


@pytest.fixture(scope="module")
def trials():
    return waves(frames=64)


@pytest.fixture(scope="module")
def learnt():
    """A fitted encoder of strangers, with its first weights: no test asks how well it learnt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gaitlib.encoders.pretrained.pretrain_network", lambda *_, **__: pd.DataFrame({"loss": [1.0]}))
        return plan(1).fit(waves(4, frames=64, seed=3, names="other{}"))


@pytest.fixture
def untrained(monkeypatch):
    """Whom something learns from is of interest, not what: no weight moves. Tells the settings of each pretraining."""
    seen = []

    def pretrain_network(network, batches, watched, settings, *_, **__):
        seen.append(settings)
        return pd.DataFrame({"loss": [1.0]})

    def encode(self, windows):
        return np.stack([v.mean(axis=0) for v in windows.modality(self.modality_).values])

    monkeypatch.setattr("gaitlib.encoders.pretrained.pretrain_network", pretrain_network)
    monkeypatch.setattr(Encoder, "encode", encode)
    monkeypatch.setattr("gaitlib.estimator.train_network", lambda *_, **__: pd.DataFrame({"loss": [1.0]}))
    return seen


def told_by(model, trials, fold):
    """What a model says after a fold of whom it learnt from, as the store reads it."""
    learnt = train_fold(model, trials, fold, seed=0).learnt
    steps = [[name, learnt["fitted_on"] if ids is None else ids, people] for name, ids, people in learnt["steps"]]
    return learnt | {"steps": steps}


# -- learning inside the fold ----------------------------------------------------------------------------


@pytest.mark.parametrize("use", USES)
def test_a_plan_learns_from_the_training_and_unlabelled_trials_of_its_fold_alone(use, trials, untrained):
    protocol = LabelBudget(HOLDOUT, people=1)
    (fold,) = protocol.folds(trials)
    learnt = told_by(classifier(use, plan()), trials, fold)
    side = np.concatenate([fold.train, fold.unlabelled])
    assert len(fold.unlabelled)
    assert len(untrained) == 1
    told = [set(ids) for name, ids, _ in learnt["steps"] if name.startswith("Encode")]
    assert told
    assert all(ids == set(trials.ids[side]) for ids in told)
    assert learnt["recordings"] == sorted(frozenset().union(*recording_digests(trials[side])))
    assert learnt["fitted_on"] == trials.ids[fold.train].tolist()
    assert {f.verdict for f in audit_learnt(trials, protocol, fold, learnt)} == {"ok"}


def test_the_draws_of_one_fold_share_what_was_learnt_and_other_folds_do_not(trials, untrained, tmp_path):
    model = classifier("encode", plan(store=tmp_path / "encoders"))
    for n, (base, draw) in enumerate([(HOLDOUT, 0), (HOLDOUT, 1), (SubjectHoldout(n_people=3, validation=False), 0)]):
        (fold,) = LabelBudget(base, people=1, draw=draw).folds(trials)
        train_fold(model, trials, fold, seed=0)
        assert len(untrained) == len(list((tmp_path / "encoders").iterdir())) == [1, 1, 2][n]


def test_unlabelled_trials_reach_an_encoder_as_the_first_step_only(trials, untrained):
    steps = Pipeline([("drop", gaitlib.preprocessing.RepairFrames("imu")), *classifier("encode", plan()).steps.steps])
    with pytest.raises(GaitDataError, match="'encode' learns from unlabelled trials as the first step only"):
        GaitClassifier("linear_svm", steps).fit(trials[:6], unlabelled=trials[6:])


@pytest.mark.parametrize("pretraining", [None, Pretraining(epochs=50)])
def test_what_is_built_once_for_the_key_learns_briefly_and_leaves_nothing(pretraining, trials, untrained, tmp_path):
    encoder = plan(store=tmp_path / "encoders").set_params(pretraining=pretraining)
    model = classifier("encode", encoder)
    described = describe("own", model, trials, About.of(trials), HOLDOUT, HOLDOUT.folds(trials), 0, 1)
    assert [settings.epochs for settings in untrained] == [1]
    assert not list(tmp_path.iterdir())
    assert encoder.pretraining is pretraining  # the plan itself is as it was
    for same in (clone(model), classifier("encode", clone(encoder).set_params(store=None, progress=True))):
        assert describe("own", same, trials, About.of(trials), HOLDOUT, HOLDOUT.folds(trials), 0, 1) == described


def test_a_trial_is_the_sequence_of_its_windows(trials, learnt):
    lost, m = trials[:3], trials[:3].modality("imu")
    lost = lost.with_modality("imu", replace(m, values=object_array([*m.values[:2], None])))
    each, whole = (Encode(learnt, per).fit_transform(lost) for per in ("window", "trial"))
    told, of = whole.modality("imu"), each.modality("imu")
    assert whole.ids.tolist() == trials.ids[:3].tolist()
    assert told.channels == of.channels
    for i, trial in enumerate(trials.ids[:2]):
        own = each.ids == trial
        assert own.sum() > 1
        assert (told.values[i] == np.concatenate(of.values[own])).all()
        assert (told.time_s[i] == np.concatenate(of.time_s[own])).all()
    assert told.present().tolist() == [True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("encoder", [plan(1), whole()], ids=["masked", "whole"])
def test_the_step_keeps_the_contract_of_steps(encoder):
    trials = waves(4, 1, frames=64)
    for per in ("window", "trial"):
        check_step(Encode(encoder.set_params(modality="imu"), per), trials)


# -- planted leaks ---------------------------------------------------------------------------------------


def renamed(trials, trial="{}", subject="{}"):
    names = {"trial": trial, "walk": trial, "subject": subject}
    table = trials.table.assign(**{c: [name.format(v) for v in trials.table[c]] for c, name in names.items()})
    return replace(trials, table=table)


def learnt_from(case, trials):
    """What an encoder is pretrained on, before anything was split."""
    (fold,) = HOLDOUT.folds(trials)
    return {
        "everybody": trials,
        "the same people": renamed(waves(frames=64, seed=8), trial="before/{}"),
        "the same recordings": renamed(trials, "x{}", "y{}"),
        "strangers": waves(frames=64, seed=9, names="stranger{}"),
        "training people": trials[fold.train],
    }[case]


CASES = [
    ("everybody", {"steps": "leak", "recordings of encoders": "leak"}),
    ("the same people", {"steps": "leak"}),
    ("the same recordings", {"steps": "unseen", "recordings of encoders": "leak"}),
    ("strangers", {"steps": "unseen"}),
    ("training people", {}),
]


@pytest.mark.parametrize("use", ["encode", pytest.param("start", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("case", "expected"), CASES, ids=[case for case, _ in CASES])
def test_an_encoder_that_has_learnt_before_is_judged_by_whom_it_saw(case, expected, use, trials, untrained):
    encoder = plan().fit(renamed(learnt_from(case, trials), *(["s/{}"] if case == "strangers" else [])))
    (fold,) = HOLDOUT.folds(trials)
    learnt = told_by(classifier(use, encoder), trials, fold)
    findings = audit_learnt(trials, HOLDOUT, fold, learnt, "own")
    assert {f.check: f.verdict for f in findings if f.verdict != "ok"} == expected
    receipt = Receipt(findings, trials.name)
    if "leak" in expected.values():
        with pytest.raises(GaitDataError, match="own, subject hold-out, fold"):
            receipt.raise_leaks()
    else:
        receipt.raise_leaks()


def test_a_start_is_told_where_no_step_is_the_encoders(trials, untrained):
    """Else its scaler, which is a frozen step, would tell already."""
    steps = Pipeline([
        ("scale", Frames(StandardScaler(), "imu")), ("crop", Crop(FRAMES, modality="imu")), ("tensors", Tensors())
    ])  # fmt: skip
    model = classifier("start", plan().fit(trials)).set_params(steps=steps)
    (fold,) = HOLDOUT.folds(trials)
    findings = audit_learnt(trials, HOLDOUT, fold, told_by(model, trials, fold))
    leaks = {f.check: f.detail for f in findings if f.verdict == "leak"}
    assert set(leaks) == {"steps", "recordings of encoders"}
    assert leaks["steps"].startswith("Encoder(masked_autoencoder) was fitted on trials")


@pytest.mark.slow
def test_a_benchmark_refuses_what_saw_the_tested_people_and_goes_through_without(trials, tmp_path):
    def run(case, use):
        encoder = plan(1).fit(learnt_from(case, trials))
        gaitlib.benchmark({"own": classifier(use, encoder)}, trials, [HOLDOUT], tmp_path, progress=False)

    for case, use, said in [
        ("everybody", "start", "who is tested|which are tested"),
        ("the same recordings", "encode", "recordings of encoders: an encoder has learnt from the recordings"),
    ]:
        with pytest.raises(GaitDataError, match=said):
            run(case, use)
    run("training people", "encode")


# -- what a classifier keeps of its encoder --------------------------------------------------------------


def of_encoder(encoder, network):
    """Weights of the layers that a network shares with an encoder: as they are, and as the encoder learnt them."""
    own = {layer.name: layer.get_weights() for layer in network.layers}
    started = keras.models.clone_model(network)
    encoder.start(started)
    names = [layer.name for layer in network.layers if layer.weights and layer.name != "logits"]
    return [(own[name], started.get_layer(name).get_weights()) for name in names]


@pytest.mark.slow
def test_fine_tuning_moves_the_encoder_which_the_file_and_a_clone_keep(learnt, trials, tmp_path):
    before = [w.copy() for w in learnt.weights_]
    model = classifier("start", learnt, learning_rate=1e-2).fit(trials)
    pairs = of_encoder(learnt, model.network_)
    assert len(pairs) > 4
    assert not any(np.array_equal(a, b) for now, then in pairs for a, b in zip(now, then, strict=True) if a.ndim > 1)
    for a, b in zip(before, learnt.weights_, strict=True):
        np.testing.assert_array_equal(a, b)  # the encoder itself has not changed
    loaded = GaitClassifier.load(model.save(tmp_path))
    np.testing.assert_allclose(loaded.predict_proba(trials), model.predict_proba(trials), atol=1e-6)
    assert loaded.started_from_ == model.started_from_
    assert loaded.started_from_[0][1:] == (learnt.fitted_on_, learnt.fitted_subjects_, learnt.recordings_)
    assert clone(model).training.start is learnt
    assert clone(loaded).training.start.fitted_subjects_ == learnt.fitted_subjects_


@pytest.mark.slow
def test_a_frozen_encoder_stays_as_it_was_to_the_bit(learnt, trials):
    model = classifier("start", learnt, learning_rate=1e-2, trainable=("logits",)).fit(trials)
    for now, then in of_encoder(learnt, model.network_):
        for a, b in zip(now, then, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_search_over_the_rate_starts_from_the_same_encoder(learnt, trials):
    search = GridSearchCV(
        classifier("start", learnt), {"training__learning_rate": [1e-4, 1e-2]}, cv=GroupKFold(2), error_score="raise"
    )
    search.fit(trials, trials.labels, groups=trials.subjects)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.training.start is learnt


@pytest.mark.slow
def test_a_skeleton_is_learnt_without_labels_and_a_classifier_starts_there():
    walks = gaitlib.synthetic_trials(4, 1, seed=0)
    encoder = gaitlib.pretrain(
        Builder("masked_autoencoder", preset="tiny"), walks, frames=40, pretraining=Pretraining(30, batch_size=8)
    )
    assert encoder.modality_ == "skeleton"
    assert encoder.shape_ == (40, 45)  # 15 joints
    assert encoder.history_["correlation"][-1] > 0.1 + encoder.history_["correlation"][0]
    model = GaitClassifier(
        Builder("patch_transformer", preset="tiny"), training=Training(1, start=encoder), validation=None
    )
    proba = model.fit(walks).predict_proba(walks)
    assert proba.shape == (len(walks), 6)
    assert np.isfinite(proba).all()


# -- damaged files ---------------------------------------------------------------------------------------


def sound_and_broken(encoder):
    """What an encoder holds, and what a damaged or forged file could hold in its place."""
    odd = [None, -1, "text", (), [], {}, [3], {"a": 3}]
    for name, held in vars(encoder).items():
        if name in ("steps", "modality", "seed", "store", "progress"):  # what it was asked, of no use to what it learnt
            continue
        allowed = {"frames": [None], "hop": [None, 3], "pretraining": [None], "model": ["text"], "steps_": [[]]}
        allowed |= {"fitted_on_": [()], "fitted_subjects_": [()], "recordings_": [()], "modality_": ["text"]}
        allowed |= {"history_": [{}], "recorded_": [{}]}
        yield from ((name, value) for value in odd if value not in allowed.get(name, []) and value is not held)
    yield "model", "gru"
    yield "modality_", "other"
    yield "shape_", (encoder.shape_[0], 4)
    yield "shape_", (encoder.shape_[0] + 4, 3)
    yield "weights_", encoder.weights_[:-1]
    yield "weights_", [w.T for w in encoder.weights_]
    yield "weights_", [w.astype(complex) for w in encoder.weights_]
    yield "weights_", [w + np.nan for w in encoder.weights_]
    yield "scaler_", encoder.scaler_.transformer_
    yield "steps_", [("a", encoder.scaler_.transformer_)]


@pytest.fixture
def with_parts(learnt):
    """A copy of a fitted encoder with something else in it."""

    def made(**parts):
        copy = Encoder()
        vars(copy).update(vars(learnt) | parts)
        return copy

    return made


@pytest.mark.slow
def test_an_encoder_with_a_part_that_is_none_is_refused_before_it_is_used(learnt, with_parts, tmp_path):
    with_parts().save(tmp_path)
    Encoder.load(tmp_path)
    n = 0
    for name, value in sound_and_broken(learnt):
        with_parts(**{name: value}).save(tmp_path)
        with pytest.raises(GaitDataError, match="damaged") as told:
            Encoder.load(tmp_path)
        assert str(tmp_path) in str(told.value)
        n += 1
    assert n > 80


@pytest.mark.slow
def test_a_classifier_with_a_damaged_encoder_is_refused(learnt, with_parts, trials, untrained, tmp_path):
    started = classifier("start", learnt).fit(trials)
    coded = classifier("encode", learnt).fit(trials)
    first = started.started_from_[0]
    broken = with_parts(weights_=learnt.weights_[:-1])

    def refused(model, said):
        with pytest.raises(GaitDataError, match=said):
            GaitClassifier.load(model.save(tmp_path))

    for origins in (None, [first[:3]], [list(first)], [(3, *first[1:])], [(*first[:3], [])], [(*first[:3], (3,))], "x"):
        model = GaitClassifier()
        vars(model).update(vars(started) | {"started_from_": origins})
        refused(model, "'started_from_' is not what a classifier has there")
    for start, said in [
        (broken, "damaged"),
        ("text", "'training' is not what"),
        (coded.steps_[0], "'training' is not"),
    ]:
        model = GaitClassifier()
        vars(model).update(vars(started) | {"training": Training(start=start)})
        refused(model, said)
    step = coded.steps_[0]
    for name, value, said in [
        ("encoder_", broken, "damaged"),
        ("encoder_", plan(), "missing"),
        ("encoder_", Crop(FRAMES, modality="imu").fit(trials), "holds a Crop, no encoder"),
        ("encoder_", None, "holds a NoneType, no encoder"),
        ("encoder", "text", "holds a str, no encoder"),
    ]:
        kept = getattr(step, name)
        setattr(step, name, value)
        refused(coded, said)
        setattr(step, name, kept)
    GaitClassifier.load(coded.save(tmp_path))
    GaitClassifier.load(started.save(tmp_path))
