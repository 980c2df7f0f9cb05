"""Calibration error equals its definition; a temperature is found where planted, and test trials never move it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_confidence import CLASSES, confident_runs
from scipy.special import log_softmax, softmax
from sklearn.calibration import calibration_curve

from gaitlib.protocols import LeaveOneSubjectOut
from gaitlib.results.calibration import (
    apply_temperature,
    calibration_table,
    calibration_error,
    fit_temperature,
    predictions_after_temperature,
    reliability_curve,
    temperatures,
)

LOSO = LeaveOneSubjectOut.name
TRIAL = st.tuples(st.floats(0, 1), st.booleans())


# -- calibration error ---------------------------------------------------------------------------------------


@given(st.lists(TRIAL, min_size=1, max_size=60), st.integers(1, 15))
def test_the_error_is_that_of_its_definition(trials, n_bins):
    edges, total = np.linspace(0, 1, n_bins + 1), 0.0
    for k in range(n_bins):
        own = [t for t in trials if edges[k] < t[0] <= edges[k + 1] or (k == 0 and t[0] == 0)]
        if own:
            confidence, correct = np.mean(own, axis=0)
            total += len(own) / len(trials) * abs(correct - confidence)
    assert calibration_error(*zip(*trials, strict=True), n_bins) == pytest.approx(total)


def test_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 500)
    correct = rng.random(500) < confidence**2
    share, mean = calibration_curve(correct, confidence, n_bins=10)
    curve = reliability_curve(confidence, correct)
    np.testing.assert_allclose(curve[["share correct", "confidence"]], np.stack([share, mean], axis=1))
    assert curve["trials"].sum() == 500


def test_an_edge_belongs_to_the_bin_below():
    tenths = [i / 10 for i in range(1, 11)]
    assert reliability_curve(tenths, [True] * 10)["trials"].tolist() == [1] * 10
    assert len(reliability_curve([0.3, 0.300001], [True] * 2)) == 2


def test_planted_overconfidence_is_its_error():
    assert calibration_error([0.9] * 10, [True] * 6 + [False] * 4) == pytest.approx(0.3)


def test_calibrated_predictions_have_an_error_that_falls_with_the_number_of_trials():
    """What the docstring says of its bias."""
    rng = np.random.default_rng(0)

    def mean_error(n, repeats):
        proba = rng.dirichlet(np.full(6, 0.3), (repeats, n))
        true = (proba.cumsum(axis=2) > rng.random((repeats, n, 1))).argmax(axis=2)
        return np.mean(
            [calibration_error(p.max(axis=1), p.argmax(axis=1) == y) for p, y in zip(proba, true, strict=True)]
        )

    assert mean_error(30, 300) == pytest.approx(0.17, abs=0.01)
    assert mean_error(300, 100) == pytest.approx(0.05, abs=0.01)
    assert mean_error(100_000, 1) < 0.01


# -- temperature ---------------------------------------------------------------------------------------------


def calibrated(n, seed=0):
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(4, 0.5), n)
    return proba, (proba.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def nats(proba, labels, temperature):
    logits = np.log(np.maximum(proba, 1e-37)) / temperature
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean()


@pytest.mark.parametrize("planted", [0.3, 0.7, 1.0, 2.0, 5.0])
def test_a_planted_temperature_is_recovered(planted):
    proba, labels = calibrated(4000)
    assert fit_temperature(apply_temperature(proba, 1 / planted), labels) == pytest.approx(planted, rel=0.05)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=20))
def test_no_temperature_is_worse_than_none_or_than_a_grid(rows):
    """Also where a probability is 0, where every label is right, and where every label is wrong."""
    parts = np.array([[a, b, 10] for a, b, _ in rows], dtype=float)
    proba, labels = parts / parts.sum(axis=1, keepdims=True), np.array([y for *_, y in rows])
    found = fit_temperature(proba, labels)
    assert 0.1 <= found <= 10
    assert nats(proba, labels, found) <= nats(proba, labels, 1.0)
    assert nats(proba, labels, found) <= min(nats(proba, labels, t) for t in np.geomspace(0.1, 10, 50)) + 1e-3


def test_where_nothing_can_be_learnt_the_temperature_is_1():
    assert fit_temperature(np.full((5, 4), 0.25), [0, 1, 2, 3, 0]) == 1


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_temperatures_multiply_and_change_no_prediction(first, second):
    proba, _ = calibrated(20)
    both = apply_temperature(apply_temperature(proba, first), second)
    np.testing.assert_allclose(both, apply_temperature(proba, first * second), atol=1e-4)
    np.testing.assert_allclose(both.sum(axis=1), 1)
    np.testing.assert_array_equal(apply_temperature(proba, first).argmax(axis=1), proba.argmax(axis=1))


def test_it_divides_the_logits():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(apply_temperature(softmax(logits, axis=1), 2.0), softmax(logits / 2, axis=1))
    of_rows = apply_temperature(softmax(logits, axis=1), np.arange(1, 6))
    np.testing.assert_allclose(of_rows, softmax(logits / np.arange(1, 6)[:, None], axis=1))


# -- runs ----------------------------------------------------------------------------------------------------


def spoilt(runs, part):
    """The same runs with the trials of one part replaced by others, all wrong and very sure."""
    for run in runs.runs:
        for i, fold in enumerate(run.folds):
            table = fold.predictions.copy()
            own = table["part"] == part
            table.loc[own, CLASSES] = [0.998, 0.001, 0.001]
            table.loc[own, "predicted"], table.loc[own, "label"] = CLASSES[0], CLASSES[1]
            run.folds[i] = replace(fold, predictions=table)
    return runs


def test_test_trials_never_move_a_temperature():
    before = temperatures(confident_runs())
    pd.testing.assert_frame_equal(temperatures(spoilt(confident_runs(), "test")), before)
    assert (temperatures(spoilt(confident_runs(), "validation"))["temperature"] != before["temperature"]).all()


def test_planted_temperatures_are_found_fold_by_fold():
    runs = confident_runs(n_walks=100, sure={"honest": 1.0, "boaster": 3.0, "timid": 0.5})
    found = temperatures(runs).groupby("model")["temperature"]
    for model, planted in (("honest", 1.0), ("boaster", 3.0), ("timid", 0.5)):
        assert found.get_group(model).to_numpy() == pytest.approx(np.full(8, planted), rel=0.25)
    table = calibration_table(runs).set_index(["model", "protocol"]).xs(LOSO, level="protocol")
    assert table["temperature"].to_dict() == pytest.approx({"honest": 1.0, "boaster": 3.0, "timid": 0.5}, rel=0.1)
    wrong = table.loc[["boaster", "timid"]]
    assert (wrong["loss after"] < wrong["loss"]).all()
    assert (wrong["calibration error after"] < wrong["calibration error"] / 2).all()


def test_the_columns_agree_with_each_other_and_with_the_table_of_results():
    runs = confident_runs()
    table, results = calibration_table(runs), runs.table()
    shared = ["data", "model", "protocol", "subjects", "trials", "calibration error", "loss"]
    pd.testing.assert_frame_equal(table[shared], results[shared])
    assert table["folds with temperature"].tolist() == [4] * 4
    assert ((table["low"] < table["over subjects"]) & (table["over subjects"] < table["high"])).all()
    assert (table["over subjects"] > table["calibration error"]).all()  # fewer trials, more bias
    after = predictions_after_temperature(runs)
    pd.testing.assert_frame_equal(
        after.drop(columns=[*CLASSES, "temperature"]), runs.predictions().drop(columns=CLASSES)
    )
    own = after.query("model == 'boaster' and protocol == @LOSO")
    error = calibration_error(own[CLASSES].max(axis=1), own["label"] == own["predicted"])
    assert table.set_index(["model", "protocol"]).loc[("boaster", LOSO), "calibration error after"] == error


def test_nothing_watched_gives_no_temperature_and_changes_nothing():
    runs = confident_runs(watched=False)
    table = calibration_table(runs)
    assert table[["temperature", "calibration error after", "loss after"]].isna().all(axis=None)
    assert (table["folds with temperature"] == 0).all()
    assert table[["calibration error", "over subjects", "loss"]].notna().all(axis=None)
    after = predictions_after_temperature(runs)[CLASSES]
    np.testing.assert_allclose(after, runs.predictions()[CLASSES], atol=1e-12)


@pytest.mark.parametrize("sure", [{"honest": 1.0, "lost": 2.0}, {"lost": 2.0}])
def test_failed_folds_are_no_reason_to_stop(sure):
    some = calibration_table(confident_runs(sure=sure, failed=1)).set_index("model").loc["lost"]
    assert some["folds with temperature"].tolist() == [3, 3]
    lost = calibration_table(confident_runs(sure=sure, failed=4)).set_index("model").loc["lost"]
    assert lost[["subjects", "trials", "folds with temperature"]].to_numpy().tolist() == [[0, 0, 0]] * 2
    assert lost[["calibration error", "loss", "temperature", "loss after"]].isna().all(axis=None)
