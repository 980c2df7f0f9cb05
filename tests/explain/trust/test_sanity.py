"""Explanations put to the test: exact ones pass, those that only show the input are found out."""

import importlib
from copy import copy
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.stats import spearmanr
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib import GaitClassifier, Training, TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.explain.inputs import logits_of
from gaitlib.explain.trust import faithfulness, sanity
from gaitlib.explain.trust.faithfulness import LEAST, MOST, RANDOM, area_table, curve_table, deletion, insertion
from gaitlib.explain.trust.sanity import cascading_randomisation, label_randomisation, sanity_table, similarity
from gaitlib.explain.trust.shaking import infidelity
from gaitlib.models import Builder
from gaitlib.perturb.engine import real_values
from gaitlib.preprocessing import Frames, Tensors
from gaitlib.preprocessing.samples import STAND_IN_FRAME
from gaitlib.protocols.folds import NEW_PERSON
from gaitlib.results.intervals import subject_interval
from gaitlib.results.runs import Run, Runs

PLANTED = 2  # the channel that tells the classes apart
RELEVANCE = importlib.import_module("gaitlib.explain.attribution")  # the module, not the function of this name
NAMES = ("lrp", "gradient_x_input", "integrated_gradients", "smooth_grad", "occlusion")


def planted(n_subjects=6, n_walks=4, seed=0):
    """Walks of two classes that differ in one of four channels, and that only in the middle of the walk."""
    rng = np.random.default_rng(seed)
    values, subjects, labels = [], [], []
    for s in range(n_subjects):
        for w in range(n_walks):
            x = rng.normal(size=(rng.integers(14, 21), 4)).astype(np.float32)
            x[4:10, PLANTED] += 2 if w % 2 else -2
            values, subjects, labels = [*values, x], [*subjects, f"s{s}"], [*labels, ("slow", "fast")[w % 2]]
    return TrialSet.from_arrays({"emg": values}, subject=subjects, label=labels, rate_hz=10, name="SYNTHETIC emg")


SMALL = Builder("gru_attention", units=8, dense=6, dropout=0.0)


@pytest.fixture(scope="module")
def trials():
    return planted()


@pytest.fixture(scope="module")
def fitted(trials):
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Tensors())
    training = Training(epochs=10, learning_rate=0.02, batch_size=4, schedule=None)
    return GaitClassifier(SMALL, steps, training, validation=None).fit(trials[trials.subjects < "s4"])


@pytest.fixture(scope="module")
def unseen(trials, fitted):  # the people that it never saw
    unseen = trials[trials.subjects >= "s4"]
    assert fitted.score(unseen) == 1
    return unseen


@pytest.fixture(scope="module")
def linear():
    """Three logits, linear in 12 values, and samples."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((12,), name="x"), layers.Dense(3)])
    return network, np.random.default_rng(0).normal(size=(40, 12)).astype(np.float32)


@pytest.fixture
def bad_methods(monkeypatch):
    """Explanations that know no network: how large a value is, and nothing at all."""
    for name, factor in (("input", 1), ("nothing", 0)):

        def given(network, inputs, target, factor=factor):
            return {key: factor * np.abs(x) for key, x in inputs.items()}, {}

        monkeypatch.setitem(RELEVANCE.METHODS, name, given)


# -- the methods themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", NAMES)
def test_every_method_finds_the_planted_channel(fitted, unseen, method):
    """Half of all relevance is in one channel of four, and there, where it was planted, it speaks for the class."""
    settings = {"window": (3, 1)} if method == "occlusion" else {}
    found = RELEVANCE.relevance(fitted, unseen, method=method, **settings).values["emg"]
    shares = np.mean([np.abs(r).sum(axis=0) / np.abs(r).sum() for r in found], axis=0)
    assert shares[PLANTED] > 0.4
    assert shares.argmax() == PLANTED
    assert np.mean([r[4:10, PLANTED].sum() for r in found]) > 0.3


# -- randomisation -------------------------------------------------------------------------------------------


def test_similarity_is_spearmans_correlation_of_absolute_values():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6, 30)).round(1)  # with ties
    real = rng.random((6, 30)) < 0.7
    expected = [spearmanr(np.abs(x[r]), np.abs(y[r])).statistic for x, y, r in zip(a, b, real, strict=True)]
    np.testing.assert_allclose(similarity(a, b, real), expected, atol=1e-12)
    assert similarity(a, 0 * b, real).tolist() == [0] * 6


def test_explanations_change_as_the_network_forgets_and_the_input_does_not(fitted, unseen, bad_methods):
    before = fitted.network_.get_weights()
    table = cascading_randomisation(fitted, unseen, ["lrp", "gradient_x_input", "input", "nothing"])
    for weight, was in zip(fitted.network_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, was)
    stages = table[table["method"] == "lrp"]
    learnt = [layer.name for layer in fitted.network_.layers if layer.weights]
    assert stages["layer"].tolist() == [sanity.AS_TRAINED, *learnt[::-1]]
    assert stages["randomised"].iloc[0] == 0
    assert stages["randomised"].iloc[-1] == 1
    assert stages["randomised"].is_monotonic_increasing
    ends = table.groupby("method").last()["similarity"]
    assert table.query("stage == 0 and method != 'nothing'")["similarity"].tolist() == pytest.approx([1, 1, 1])
    assert ends["input"] == pytest.approx(1)
    assert ends["nothing"] == 0
    assert max(ends["lrp"], ends["gradient_x_input"]) < 0.8
    assert (table["over"] == "2 subjects").all()
    assert (table["data"] == "SYNTHETIC emg").all()


def test_one_layer_forgets_after_the_other(fitted, unseen, monkeypatch):
    """The weights met at each stage: those of the layers done are in other places, all others as trained."""
    seen = []

    def spy(network, inputs, target):
        seen.append([layer.get_weights() for layer in network.layers if layer.weights])
        return dict(inputs), {}

    monkeypatch.setitem(RELEVANCE.METHODS, "spy", spy)
    cascading_randomisation(fitted, unseen, "spy")
    trained, stages = seen[0], seen[1:]
    assert len(stages) == len(trained) + 1
    for stage, weights in enumerate(stages):
        for k, (own, was) in enumerate(zip(weights, trained, strict=True)):
            same = all(np.array_equal(a, b) for a, b in zip(own, was, strict=True))
            assert same == (k < len(trained) - stage)
            for a, b in zip(own, was, strict=True):
                np.testing.assert_array_equal(np.sort(a, axis=None), np.sort(b, axis=None))


class Remembers(GaitClassifier):
    taught = []

    def fit(self, trials, y=None, validation=None):
        Remembers.taught.append(trials)
        return super().fit(trials, y, validation)


@pytest.mark.slow
def test_labels_are_shuffled_among_walks_and_explanations_change(trials):
    """Two trials a walk keep one label; the same classes are there as often."""
    train = trials[trials.subjects < "s2"]
    twice = train[np.repeat(np.arange(len(train)), 2)]
    ids = [f"{t}/{k % 2}" for k, t in enumerate(twice.ids)]
    twice = TrialSet(twice.table.assign(trial=ids), twice.modalities, twice.name)
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Tensors())
    training = Training(epochs=20, learning_rate=0.02, batch_size=4, schedule=None)
    classifier = Remembers(SMALL, steps, training, validation=None).fit(twice)
    table = label_randomisation(classifier, twice, trials[trials.subjects >= "s4"], "gradient_x_input")
    given, shuffled = Remembers.taught[-2:]
    assert shuffled.table.groupby("walk")["label"].nunique().max() == 1
    assert sorted(shuffled.labels) == sorted(given.labels)
    assert (shuffled.labels != given.labels).any()
    assert table["method"].tolist() == ["gradient_x_input"]
    assert table["accuracy on shuffled"].iloc[0] > 0.7
    assert table["similarity"].max() < 0.9


# -- deletion and insertion ----------------------------------------------------------------------------------


def test_curves_of_an_exact_explanation_are_as_steep_as_can_be(linear):
    network, x = linear
    curves = deletion(network, x, "gradient_x_input", shares=np.linspace(0, 1, 13))
    wide = curves.pivot_table(index=["sample", "share"], columns="order", values="logit")
    assert (wide[MOST] <= wide[RANDOM] + 1e-5).all()
    assert (wide[RANDOM] <= wide[LEAST] + 1e-5).all()
    ends = wide.groupby("share").mean()
    assert np.ptp(ends.iloc[0]) == pytest.approx(0, abs=1e-6)
    assert np.ptp(ends.iloc[-1]) == pytest.approx(0, abs=1e-5)
    back = insertion(network, x, "gradient_x_input", shares=np.linspace(0, 1, 13))
    wide = back.pivot_table(index=["sample", "share"], columns="order", values="logit")
    assert sorted(wide) == [MOST, RANDOM]
    assert (wide[MOST] >= wide[RANDOM] - 1e-5).all()


@pytest.mark.parametrize("test_of", [deletion, insertion])
def test_the_curve_is_that_of_values_set_one_by_one(linear, test_of):
    network, x = linear
    curves = test_of(network, x, "gradient_x_input", shares=[0, 0.25, 0.5, 1]).query("order == @MOST")
    target = logits_of(network, {"x": x}).argmax(axis=1)
    contributions = x * network.get_weights()[0].T[target]
    for i in (0, 7):
        for share, count in ((0, 0), (0.25, 3), (0.5, 6), (1, 12)):
            first = np.argsort(-contributions[i])[:count]
            changed = x[i].copy() if test_of is deletion else 0 * x[i]
            changed[first] = 0 if test_of is deletion else x[i][first]
            logits = logits_of(network, {"x": changed[None]})[0]
            row = curves[(curves["sample"] == f"0.{i}") & (curves["share"] == share)]
            assert row["logit"].item() == pytest.approx(logits[target[i]], abs=1e-5)
            assert row["probability"].item() == pytest.approx(np.exp(logits - np.logaddexp.reduce(logits))[target[i]])


def test_real_frames_are_taken_to_a_hair_and_padding_is_left_alone(fitted, unseen, monkeypatch):
    given = fitted.steps_.transform(unseen).inputs["emg"]
    real, seen = real_values(given), []

    def spy(network, inputs):
        seen.append(inputs["emg"])
        return logits_of(network, inputs)

    monkeypatch.setattr("gaitlib.explain.trust.parts.logits_of", spy)
    deletion(fitted, unseen, "gradient_x_input", shares=[0, 0.4, 1])
    assert all(not x[~real].any() for x in seen)
    for x in seen[1:]:  # the first asks what is predicted
        changed = x != given
        np.testing.assert_allclose(x[changed], STAND_IN_FRAME)
        share = changed.sum(axis=(1, 2)) / real.sum(axis=(1, 2))
        assert np.isclose(share[:, None], [0, 0.4, 1], atol=0.01).any(axis=1).all()


def test_equal_relevance_stands_in_a_random_order(bad_methods):
    """Else the first values would always go first: here the only ones that matter, and nothing would look good."""
    network = keras.Sequential([keras.Input((12,), name="x"), layers.Dense(2, use_bias=False)])
    network.set_weights([np.outer(np.arange(12) < 3, [1.0, -1.0])])
    x = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    table = area_table(deletion(network, x, "nothing", shares=np.linspace(0, 1, 13)))
    assert abs(table["gain"].item()) < 0.02


def test_areas_are_compared_within_samples_and_intervals_are_over_subjects(fitted, unseen, bad_methods):
    curves = pd.concat(
        [f(fitted, unseen, ["lrp", "input"], shares=np.linspace(0, 1, 11)) for f in (deletion, insertion)]
    )
    table = area_table(curves).set_index(["test", "method"])
    subject_of = dict(zip(curves["sample"], curves["subject"], strict=True))
    areas = {}
    for key, own in curves.groupby(["test", "method", "order", "sample"]):
        p = own.sort_values("share")["probability"].to_numpy()
        areas[key] = (p[0] / 2 + p[1:-1].sum() + p[-1] / 2) / 10
    for (test_name, method), row in table.iterrows():
        gains = {}
        for sample, subject in subject_of.items():
            gain = areas[test_name, "random", RANDOM, sample] - areas[test_name, method, MOST, sample]
            gains.setdefault(subject, []).append(gain if test_name == "deletion" else -gain)
        means = [np.mean(own) for own in gains.values()]
        assert row["gain"] == pytest.approx(np.mean(means))
        assert (row["low"], row["high"]) == pytest.approx(subject_interval(means))
        assert row["over"] == "2 subjects"
    assert table.loc[("deletion", "lrp"), "gain"] > 0.1
    assert table.loc[("deletion", "lrp"), "gain"] > table.loc[("deletion", "input"), "gain"] + 0.05
    assert table.loc[("deletion", "lrp"), "least less most"] > 0.2
    assert table.loc[("insertion", "lrp"), "gain"] > 0
    mean = curve_table(curves).query("test == 'deletion' and method == 'random' and share == 0")
    assert mean["probability"].item() == pytest.approx(fitted.predict_proba(unseen).max(axis=1).mean(), abs=1e-5)


# -- infidelity ----------------------------------------------------------------------------------------------


def test_an_exact_explanation_foretells_every_fall(linear):
    network, x = linear
    table = infidelity(network, x, ["gradient_x_input"]).set_index("method")
    assert table["infidelity"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert table["unexplained"].iloc[0] == pytest.approx(0, abs=1e-6)
    assert table.loc["gradient_x_input, shuffled", "unexplained"] > 0.5


def test_the_scale_of_an_explanation_changes_infidelity_only(linear, monkeypatch):
    network, x = linear
    exact = RELEVANCE.METHODS["gradient_x_input"]

    def tripled(network, inputs, target):
        return {name: 3 * r for name, r in exact(network, inputs, target)[0].items()}, {}

    monkeypatch.setitem(RELEVANCE.METHODS, "tripled", tripled)
    table = infidelity(network, x, "tripled", draws=400, sigma=0.3).set_index("method").loc["tripled"]
    target = logits_of(network, {"x": x}).argmax(axis=1)
    variance = 0.3**2 * ((x * network.get_weights()[0].T[target]) ** 2).sum(axis=1)  # of the fall that comes
    assert table["infidelity"] == pytest.approx(4 * variance.mean(), rel=0.1)
    assert table["unexplained"] == pytest.approx(0, abs=1e-6)
    assert table["over"] == "40 samples"


def test_one_draw_is_refused(linear):
    with pytest.raises(GaitDataError, match="at least two draws, not 1"):
        infidelity(*linear, draws=1)


# -- together ------------------------------------------------------------------------------------------------


def test_the_table_tells_good_from_bad(fitted, unseen, bad_methods, monkeypatch):
    monkeypatch.setattr(faithfulness, "RANDOM_ORDERS", 2)
    methods = {"LRP": {"method": "lrp"}, "few steps": {"method": "integrated_gradients", "steps": 4}}
    table = sanity_table(fitted, unseen, methods | {"input": {"method": "input"}}).set_index("method")
    assert table["gain"].is_monotonic_decreasing
    assert table.index[-1] == "input"
    assert table.loc["LRP", "error"] < 1e-3
    assert table.loc["few steps", "error"] > table.loc["LRP", "error"]
    assert np.isnan(table.loc["input", "error"])
    assert table["similarity"].idxmax() == "input"
    assert table.loc["few steps", "unexplained"] < table.loc["few steps", "unexplained, shuffled"] - 0.2
    assert table.loc["input", "unexplained"] > 0.6
    assert (table["data"] == "SYNTHETIC emg").all()


def test_of_a_benchmark_every_trial_is_judged_by_the_network_that_never_saw_its_subject(fitted, unseen):
    """Two folds of two networks, the second with the first one's logits turned round."""
    turned = copy(fitted)
    turned.network_ = keras.models.clone_model(fitted.network_)
    turned.network_.set_weights(fitted.network_.get_weights())
    last = turned.network_.get_layer("logits")
    last.set_weights([-w for w in last.get_weights()])
    folds = []
    for subject, classifier in (("s4", fitted), ("s5", turned)):
        tested = pd.DataFrame({"trial": unseen.ids, "subject": unseen.subjects, "part": "test"})
        tested = tested[tested["subject"] == subject]
        folds.append(SimpleNamespace(tested=tested, classifier=lambda custom, own=classifier: own))
    runs = Runs([Run("small", "leave-one-subject-out", NEW_PERSON, folds)], unseen)
    curves = deletion(runs, unseen, "gradient_x_input", shares=[0, 1]).query("share == 0 and order == @MOST")
    assert len(curves) == len(unseen)
    for subject, classifier in (("s4", fitted), ("s5", turned)):
        own = unseen[unseen.subjects == subject]
        start = curves.loc[curves["subject"] == subject, "probability"]
        np.testing.assert_allclose(start, classifier.predict_proba(own).max(axis=1), atol=1e-5)
        logits = logits_of(classifier.network_, classifier.steps_.transform(own).inputs).max(axis=1)
        np.testing.assert_allclose(curves.loc[curves["subject"] == subject, "logit"], logits, atol=1e-4)
    assert curve_table(curves)["over"].tolist() == ["2 subjects"]


def test_what_cannot_be_tested_is_refused(trials, fitted):
    with pytest.raises(GaitDataError, match="there are no samples"):
        deletion(fitted, trials[:0])
    with pytest.raises(GaitDataError, match="only a fitted network"):
        deletion(GaitClassifier("majority").fit(trials), trials)
    with pytest.raises(GaitDataError, match="method 'magic' is none of"):
        cascading_randomisation(fitted, trials[:2], "magic")
