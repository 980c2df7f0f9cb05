"""Several targets from one model: each head by itself, together, on disk and through a benchmark."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_regressor
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, GaitRegressor, Target, Training, TrialSet
from gaitlib.evaluation.optimism import UngroupedRandomSplit
from gaitlib.explain import relevance
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, Frames, Tensors
from gaitlib.testing import check_builder
from gaitlib.training import LabelledSamples, train_network

HEADS = ["label", "speed", "limp"]
FAST = Training(epochs=2, batch_size=8)


def walks(n_subjects=4, each=6, seed=0) -> TrialSet:
    """Signals of which the first channel tells the class, the second a speed and the third, by its sign, a limp."""
    rng = np.random.default_rng(seed)
    n = n_subjects * each
    level = rng.normal(size=(n, 3))
    label = np.where(level[:, 0] > 0, "fast", "slow")
    label[::each], label[1::each] = "fast", "slow"
    values = [rng.normal(size=(12, 3)) / 4 + own for own in level]
    speed, limp = 1 + 0.2 * level[:, 1], (level[:, 2] > 0).astype(float)
    limp[::each], limp[1::each] = 1, 0
    speed[2::each], limp[3::each] = np.nan, np.nan
    return TrialSet.from_arrays(
        {"emg": values},
        channels=["a", "b", "c"],
        rate_hz=50,
        subject=np.repeat([f"s{i}" for i in range(n_subjects)], each),
        label=label,
        targets={"speed": Target("continuous", speed, "m/s"), "limp": Target("binary", limp)},
        name="planted heads",
    )


def small(heads=None, training=FAST, model="compact_gru", **settings):
    kind = GaitRegressor if heads and heads[0] == "speed" else GaitClassifier
    return kind(Builder(model, units=4), training=training, validation=None, heads=heads, **settings)


@pytest.fixture(scope="module")
def trials():
    return walks()


@pytest.fixture(scope="module")
def fitted(trials):
    return small(HEADS).fit(trials)


# -- learning --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_second_head_of_weight_0_changes_no_bit_of_the_first(trials):
    alone = small().fit(trials)
    beside = small(["label", "limp"], Training(epochs=2, batch_size=8, head_weights={"limp": 0})).fit(trials)
    for a, b in zip(alone.network_.get_weights(), beside.network_.get_weights(), strict=False):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(alone.predict_proba(trials), beside.predict_proba(trials))
    assert not np.array_equal(alone.predict_proba(trials), small(["label", "limp"]).fit(trials).predict_proba(trials))


@pytest.mark.slow
def test_what_stands_where_a_target_is_missing_changes_no_weight(trials, fitted):
    samples = fitted._labelled(fitted.steps_.transform(trials), trials, None)
    missing = {name: samples.weight[name] == 0 for name in HEADS}
    assert {name: int(own.sum()) for name, own in missing.items()} == {"label": 0, "speed": 4, "limp": 4}
    other = {name: target.copy() for name, target in samples.target.items()}
    other["speed"][missing["speed"]], other["limp"][missing["limp"]] = 1e3, 1
    weights = []
    for target in (samples.target, other):
        keras.utils.set_random_seed(0)
        network = keras.models.clone_model(fitted.network_)
        train_network(
            network, LabelledSamples(samples.inputs, target, samples.weight), None, FAST, seed=0,
            kinds={"label": "class", "speed": "continuous", "limp": "binary"},
        )  # fmt: skip
        weights.append(network.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_head_learns_what_was_planted():
    trials = walks(n_subjects=8, each=12)
    new = np.isin(trials.subjects, ["s0", "s1"])
    model = small(HEADS, Training(epochs=60, batch_size=16, learning_rate=0.02, schedule="cosine"))
    model.fit(trials[~new])
    assert {name: model.for_head(name).score(trials[new]) > 0.7 for name in HEADS} == dict.fromkeys(HEADS, True)


@pytest.mark.slow
def test_a_head_that_cannot_be_told_comes_to_weigh_less_than_one_that_can():
    trials = walks(n_subjects=8, each=12)
    noise = np.random.default_rng(5).normal(size=len(trials))
    told = trials.with_target("noise", Target("continuous", noise))
    settings = Training(epochs=40, batch_size=16, learning_rate=0.02, head_weights="uncertainty")
    model = small(["label", "speed", "noise"], settings).fit(told)
    last = model.history_.iloc[-1]
    assert last["speed_weight"] > 2 * last["noise_weight"] and np.isfinite(last["loss"])
    assert set(model.predict_heads(told)) == {"label", "speed", "noise"}


@pytest.mark.parametrize("name", ["extra_trees", "linear_svm", "minirocket"])
def test_a_classical_model_is_fitted_a_head_on_the_trials_that_have_it(name):
    trials = walks(n_subjects=8, each=12)
    new = np.isin(trials.subjects, ["s0", "s1"])
    tiny = {"minirocket": {"n_kernels": 200}, "linear_svm": {"C": 1.0}}.get(name, {"n_estimators": 50})
    model = GaitClassifier(Builder(name, **tiny), heads=HEADS).fit(trials[~new])
    assert {head: model.for_head(head).score(trials[new]) > 0.5 for head in HEADS} == dict.fromkeys(HEADS, True)


def test_the_first_head_is_the_one_that_scikit_learn_asks(trials):
    model = GaitRegressor(Builder("extra_trees", n_estimators=5), heads=["speed", "label"])
    assert is_regressor(model)
    known = trials[trials.target("speed").known]
    scores = cross_val_score(model, known, known.target("speed").values, groups=known.subjects, cv=GroupKFold(4))
    assert np.isfinite(scores).all()
    binary = GaitClassifier("majority", heads=["limp"]).fit(trials[trials.target("limp").known])
    assert binary.classes_.tolist() == ["no limp", "limp"] and set(binary.predict(trials)) <= {"no limp", "limp"}


@pytest.mark.parametrize(
    ("made", "heads", "message"),
    [
        (GaitClassifier, ["speed"], "'speed' is continuous: use GaitRegressor"),
        (GaitRegressor, ["limp"], "'limp' is binary: use GaitClassifier"),
        (GaitClassifier, ["limp"], "trial.* has no 'limp'; leave such trials out"),
        (GaitClassifier, ["pace"], "no target 'pace' here; there are label, speed, limp"),
        (GaitClassifier, [], "must name at least one target"),
        (GaitClassifier, ["label", "label"], "each once"),
    ],
)
def test_heads_that_cannot_be_learnt_are_refused_by_name(made, heads, message, trials):
    with pytest.raises(GaitDataError, match=message):
        made("majority", heads=heads).fit(trials)


def test_a_head_without_a_target_in_training_is_refused_by_name(trials):
    nothing = trials.with_target("limp", Target("binary", [None] * len(trials)))
    with pytest.raises(GaitDataError, match="no training trial has the target 'limp'"):
        small(HEADS).fit(nothing)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"head_weights": {"pace": 1}}, "head_weights: no head 'pace'"),
        ({"head_weights": dict.fromkeys(HEADS, 0)}, "one of them above"),
        ({"head_weights": {"limp": -1}}, "0 or more"),
        ({"head_weights": "equal"}, "dict of numbers by head, or 'uncertainty'"),
        ({"class_weight": {"pace": "balanced"}}, "class_weight: no head 'pace'"),
        ({"class_weight": {"speed": "balanced"}}, "continuous target has no classes"),
        ({"loss": "squared_error"}, "not for binary targets"),
    ],
)
def test_settings_of_heads_that_make_no_sense_are_refused(setting, message, trials):
    with pytest.raises(GaitDataError, match=message):
        small(HEADS, Training(epochs=1, **setting)).fit(trials)


@pytest.mark.slow
def test_an_encoder_can_be_trained_alone_under_all_heads():
    rng = np.random.default_rng(0)
    both = TrialSet.from_arrays(
        {"emg": list(rng.normal(size=(16, 12, 3))), "plate": list(rng.random((16, 8, 6)))},
        kind={"plate": "image"}, subject=np.repeat(list("abcd"), 4), label=["x", "y"] * 8,
        targets={"speed": Target("continuous", rng.normal(size=16))},
    )  # fmt: skip
    scale = [(name, Frames(StandardScaler(), name)) for name in ("emg", "plate")]
    steps = Pipeline([*scale, ("crop", Crop(12, modality="emg")), ("tensors", Tensors())])
    stages = [Training(epochs=1, encoder="emg"), Training(epochs=1)]
    builder = Builder("gru_cnn2d_fusion", units=4, dense=4, filters=(2, 2, 2, 2, 2))
    model = GaitClassifier(builder, steps, stages, validation=None, heads=["label", "speed"]).fit(both)
    assert set(model.predict_heads(both)) == {"label", "speed"} and model.history_["stage"].tolist() == [1, 2]


# -- on disk ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["compact_gru", "extra_trees"])
def test_several_heads_survive_saving(name, trials, fitted, tmp_path):
    model = fitted if name == "compact_gru" else GaitClassifier(Builder(name, n_estimators=5), heads=HEADS).fit(trials)
    loaded = GaitClassifier.load(model.save(tmp_path / "model"))
    assert loaded.heads_ == model.heads_
    for head, said in model.predict_heads(trials).items():
        np.testing.assert_allclose(loaded.predict_heads(trials)[head], said, atol=1e-6)


def test_a_regressor_is_no_classifier_on_disk_either(trials, tmp_path):
    folder = GaitRegressor("majority", heads=["speed"]).fit(trials[trials.target("speed").known]).save(tmp_path / "m")
    assert isinstance(GaitRegressor.load(folder), GaitRegressor)
    with pytest.raises(GaitDataError, match="holds a GaitRegressor; load it with GaitRegressor.load"):
        GaitClassifier.load(folder)


def test_one_head_of_several_predicts_as_it_does_among_them(trials, fitted):
    for head, said in fitted.predict_heads(trials).items():
        view = fitted.for_head(head)
        one = view.predict(trials) if head == "speed" else view.predict_proba(trials)
        np.testing.assert_allclose(one, said, atol=1e-6)
    assert fitted.primary == "label" and len(fitted.heads_) == 3  # the model itself is as it was
    with pytest.raises(GaitDataError, match="no head 'pace'; the model has label, speed, limp"):
        fitted.for_head("pace")


def test_builders_of_ones_own_make_an_output_a_head(trials):
    def forgetful(inputs, heads):
        ((name, shape),) = inputs.items()
        x = keras.Input(shape, name=name)
        return keras.Model(x, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))

    with pytest.raises(GaitDataError, match="has 1 outputs for the heads label, speed, limp; make one of each"):
        GaitClassifier(forgetful, training=FAST, validation=None, heads=HEADS).fit(trials)
    check_builder(Builder("compact_gru", units=4), {"emg": (12, 3)})


# -- explained -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", HEADS)
def test_relevance_of_any_head_adds_up_to_what_it_says(head, trials, fitted):
    found = relevance(fitted, trials[:6], head=head).table
    whole = found["relevance"] + found["bias"] + found["stabiliser"]
    np.testing.assert_allclose(whole, found["score"] + found["error"], rtol=1e-3, atol=1e-4)
    said = fitted.for_head(head)
    if head == "speed":
        np.testing.assert_allclose(found["score"] + said.heads_["speed"].mean, said.predict(trials[:6]), rtol=1e-4)
    if head == "limp":
        logit = np.log(said.predict_proba(trials[:6]) / said.predict_proba(trials[:6])[:, ::-1])
        number = said.predict_proba(trials[:6]).argmax(axis=1)
        np.testing.assert_allclose(found["score"], logit[np.arange(6), number], rtol=1e-4)
        against = relevance(fitted, trials[:6], target="no limp", head=head)
        np.testing.assert_allclose(against.table["score"], logit[:, 0], rtol=1e-4, atol=1e-6)


def test_a_number_has_no_other_target(trials, fitted):
    with pytest.raises(GaitDataError, match="'speed' is continuous: its value is explained"):
        relevance(fitted, trials[:2], target="fast", head="speed")


def test_a_linear_regressor_is_explained_exactly(trials):
    model = GaitRegressor("linear_svm", heads=["speed"]).fit(trials[trials.target("speed").known])
    found = relevance(model, trials).table
    np.testing.assert_allclose(found["score"] + model.heads_["speed"].mean, model.predict(trials), rtol=1e-4)
    np.testing.assert_allclose(found["relevance"] + found["bias"], found["score"] + found["error"], atol=1e-5)


# -- through a benchmark -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(trials, tmp_path_factory):
    models = {"gru": small(HEADS), "trees": GaitClassifier(Builder("extra_trees", n_estimators=5), heads=HEADS[:2])}
    return gaitlib.benchmark(models, trials, store=tmp_path_factory.mktemp("runs"), progress=False)


def test_every_head_has_its_table_and_is_scored_where_it_is_known(runs, trials):
    assert runs.head == "label" and runs.table()["trials"].tolist() == [24, 24]
    speed = runs.table(head="speed").set_index("model")
    said = runs.predictions(head="speed").query("model == 'gru'")
    assert len(said) == 20 and speed.loc["gru", "trials"] == 20
    error = (said["label"] - said["predicted"]).abs().groupby(said["subject"]).mean()
    assert speed.loc["gru", "MAE"] == pytest.approx(error.mean())
    truth = dict(zip(trials.ids, trials.target("speed").values, strict=True))
    assert said["label"].tolist() == [truth[t] for t in said["trial"]]
    limp = runs.for_head("limp")
    assert limp.table()["model"].tolist() == ["gru"] and limp.classes == ["no limp", "limp"]
    assert limp.confusion("gru").to_numpy().sum() == 20
    own = limp.predictions()
    p = own["limp"].where(own["label"] == "limp", own["no limp"])
    assert limp.table()["loss"].iloc[0] == pytest.approx(-np.log(p).mean(), rel=1e-6)
    with pytest.raises(GaitDataError, match="no model has a head 'pace'; there are label, speed, limp"):
        runs.for_head("pace")
    with pytest.raises(GaitDataError, match="'speed' is continuous: it has no confusion matrix"):
        runs.for_head("speed").confusion("gru")


def test_stored_heads_open_with_the_same_tables(runs, trials, tmp_path):
    place = runs.runs[0].folds[0].folder.parent.parent
    opened = gaitlib.open_runs(place, trials)
    for head in HEADS:
        ours, theirs = (r.table(head=head).sort_values("model", ignore_index=True) for r in (runs, opened))
        pd.testing.assert_frame_equal(ours, theirs[ours.columns])
    model = opened.for_head("limp").classifier_for(trials.ids[0])
    assert list(model.heads_) == ["limp"]
    assert relevance(opened, trials[:2], head="speed").table["target"].tolist() == ["speed", "speed"]


def test_a_changed_prediction_of_a_further_head_is_noticed(runs, trials, tmp_path):
    import shutil

    place = shutil.copytree(runs.runs[0].folds[0].folder.parent, tmp_path / "run")
    file = next(place.glob("s0*/predictions-2.csv"))
    file.write_text(file.read_text().replace("s0", "s1", 1))
    with pytest.warns(UserWarning, match="predictions-2.csv is not what was written"):
        gaitlib.open_runs(place)


def test_models_of_other_first_heads_do_not_share_a_benchmark(trials, tmp_path):
    models = {"a": GaitClassifier("majority"), "b": GaitRegressor("majority", heads=["speed", "label"])}
    with pytest.raises(GaitDataError, match="one first head, not several"):
        gaitlib.benchmark(models, trials, store=tmp_path, progress=False)


def test_errors_are_compared_in_the_unit_of_the_target(runs):
    speed = runs.for_head("speed")
    with pytest.raises(GaitDataError, match="say which error of 'speed' does not matter"):
        speed.compare()
    said = str(speed.compare(rope=0.05))
    assert "0.05 m/s" in said and "points" not in said
    with pytest.raises(GaitDataError, match="score 'accuracy' is none of 'speed'"):
        speed.compare(rope=0.05, score="accuracy")
    assert "Brier" in str(runs.compare(score="Brier"))


def test_models_stand_beside_their_baselines_with_a_verdict(runs):
    for head, score in (("label", "accuracy"), ("speed", "MAE"), ("limp", "Brier")):
        table = runs.for_head(head).against_baselines()
        assert "mean of the training people" in set(table["model"])
        assert set(table["beats its baselines"].dropna()) <= {"yes", "no", "unclear"} and table[score].notna().all()


@pytest.mark.slow
def test_a_threshold_of_validation_is_ok_and_one_of_the_test_fold_a_leak(trials, tmp_path):
    model = GaitClassifier(Builder("compact_gru", units=4), training=FAST, heads=["limp", "label"])
    runs = gaitlib.benchmark({"gru": model}, walks(n_subjects=6, each=10), store=tmp_path, progress=False)
    honest = runs.at_thresholds()
    verdicts = {f.verdict for f in honest.audit().findings if f.check == "thresholds"}
    assert verdicts == {"ok"} and "limp" in honest.predictions()
    best = []
    for fold, own in runs.predictions().groupby("fold"):
        tried = pd.Series({t: _balanced(own, t) for t in np.unique(own["limp"]) - 1e-6})
        best.append({"model": "gru", "protocol": own["protocol"].iloc[0], "fold": fold, "threshold": tried.idxmax()})
    found = runs.at_thresholds(pd.DataFrame(best)).audit().leaks
    assert found and {finding.check for finding in found} == {"thresholds"}
    with pytest.raises(GaitDataError, match="only binary heads have a threshold"):
        runs.for_head("label").thresholds()


def test_classical_models_hold_people_back_where_a_threshold_is_needed(tmp_path):
    trees = Builder("extra_trees", n_estimators=5)
    models = {head: {head: GaitClassifier(trees, heads=[head])} for head in ("label", "limp")}
    for head, model in models.items():
        protocol, made = gaitlib.SubjectHoldout(people=["s0"]), walks(n_subjects=6, each=10)
        made = made[made.target("limp").known]
        runs = gaitlib.benchmark(model, made, [protocol], store=tmp_path, progress=False)
        (fold,) = protocol.folds(made)
        held_back = fold.validation if head == "limp" else []
        ((own,),) = (run.folds for run in runs.runs)
        learnt = np.setdiff1d([*fold.train, *fold.validation], held_back).astype(int)
        assert set(own.learnt["fitted_on"]) == set(made.ids[learnt])
        assert set(own.learnt["watched"]) == set(made.ids[held_back] if len(held_back) else [])
    assert runs.thresholds()["from"].tolist() == ["validation"]


def _balanced(own, threshold):
    called, positive = own["limp"] >= threshold, own["label"] == "limp"
    return ((called & positive).sum() / positive.sum() + (~called & ~positive).sum() / (~positive).sum()) / 2


def test_an_input_that_holds_the_target_is_found_by_the_audit(tmp_path):
    """As the heart rate of a wristband is its own target, one second late."""
    trials = walks(n_subjects=4, each=12)
    speed = pd.Series(trials.target("speed").values).ffill().bfill().to_numpy()
    late = np.roll(speed, 1)
    hidden = TrialSet.from_arrays(
        {"emg": list(trials.modality("emg").values), "hr": [np.full((5, 1), v) for v in late]},
        rate_hz={"emg": 50, "hr": 1}, subject=trials.subjects, walk=["one"] * len(trials), label=trials.labels,
        targets={"speed": trials.target("speed")},
    )  # fmt: skip
    runs = gaitlib.benchmark(
        GaitClassifier("majority", heads=["label", "speed"]), hidden, store=tmp_path, progress=False
    )
    found = [f for f in runs.audit().findings if f.verdict == "suspect" and "'hr" in f.detail]
    assert found and "leave it out of the inputs" in found[0].detail


def test_the_gap_is_that_of_the_people_whom_both_protocols_tested(trials, tmp_path):
    model = GaitClassifier(Builder("extra_trees", n_estimators=5), heads=["label", "speed"])
    protocols = [gaitlib.LeaveOneSubjectOut(validation=False, n_people=2), UngroupedRandomSplit(2, validation=False)]
    runs = gaitlib.benchmark({"trees": model}, trials, protocols, store=tmp_path, progress=False, strict=False)
    said = runs.predictions(head="speed")
    people = set(said.loc[said["protocol"] == protocols[0].name, "subject"])
    known = said[(said["protocol"] == protocols[1].name) & said["subject"].isin(people)]
    error = (known["label"] - known["predicted"]).abs().groupby(known["subject"]).mean().mean()
    words = runs.for_head("speed").gap_in_words()
    assert "2 subjects" in words and f"says {error:.3g} of the same people" in words
