"""Thresholds come from validation predictions only, and the audit finds those that do not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from gaitlib import GaitDataError
from gaitlib.audit import Receipt
from gaitlib.audit.threshold_source import audit_thresholds, best_threshold
from gaitlib.results.thresholds import fold_thresholds, predictions_after_thresholds

CLASSES = ["no stress", "stress"]
OF_SKLEARN = {"F1": metrics.f1_score, "balanced accuracy": metrics.balanced_accuracy_score}


def scored(y, called, score):
    hits, false = (called & y).sum(axis=-1), (called & ~y).sum(axis=-1)
    return 2 * hits / (y.sum() + hits + false) if score == "F1" else (hits / y.sum() + 1 - false / (~y).sum()) / 2


def part(rng, n_folds=6, n_trials=40, missing=0.0, one_class=False):
    """Predictions that are not calibrated: positives lie about 0.35, the others about 0.2."""
    fold = np.repeat([f"fold{i}" for i in range(n_folds)], n_trials)
    y = np.zeros(len(fold), bool) if one_class else rng.random(len(fold)) < 0.3
    p = np.clip(0.2 + 0.15 * y + 0.12 * rng.normal(size=len(fold)), 0.001, 0.999)
    label = np.where(rng.random(len(fold)) < missing, None, np.where(y, *reversed(CLASSES)))
    table = {"subject": rng.integers(0, 3, len(fold)).astype(str), "label": label, "fold": fold}
    return pd.DataFrame(table | {"predicted": CLASSES[0], "no stress": 1 - p, "stress": p}).assign(
        model="gru", protocol="leave-one-subject-out", trial=[f"t{i}" for i in range(len(fold))]
    )


@pytest.mark.parametrize("score", OF_SKLEARN)
@given(seed=st.integers(0, 999), n=st.integers(2, 40), ties=st.booleans())
def test_no_threshold_is_better_than_the_best(score, seed, n, ties):
    rng = np.random.default_rng(seed)
    y, p = np.append([True, False], rng.random(n) < 0.4), rng.random(n + 2).round(1 if ties else 6)
    threshold, reached = best_threshold(p, y, score)
    assert reached == pytest.approx(OF_SKLEARN[score](y, p >= threshold))
    assert reached >= scored(y, p >= np.linspace(0, 1, 201)[:, None], score).max() - 1e-9


def test_of_equal_thresholds_the_one_nearest_to_a_half_is_taken():
    assert best_threshold([0.0, 0.2, 0.8, 1.0], [False, True, False, True])[0] in (0.1, 0.9)
    assert best_threshold([0.1, 0.3, 0.6, 0.7], [False, True, False, True])[0] == pytest.approx(0.65)


def test_one_class_has_no_threshold_and_other_scores_are_refused():
    assert np.isnan(best_threshold([0.1, 0.2], [True, True])).all()
    with pytest.raises(GaitDataError, match="maximises balanced accuracy or F1, not 'accuracy'"):
        best_threshold([0.1, 0.2], [True, False], "accuracy")


@pytest.mark.parametrize("score", OF_SKLEARN)
def test_each_fold_has_the_threshold_of_its_own_validation(score):
    rng = np.random.default_rng(0)
    tested, validation = part(rng), part(rng, missing=0.2)
    table = fold_thresholds(tested, validation, CLASSES, score)
    other = fold_thresholds(part(np.random.default_rng(9)), validation, CLASSES, score)
    pd.testing.assert_frame_equal(table, other)  # whatever was tested
    for row in table.itertuples():
        own = validation[(validation["fold"] == row.fold) & validation["label"].notna()]
        assert (row.threshold, row.reached) == best_threshold(own["stress"], own["label"] == "stress", score)
        assert (row.trials, row.people) == (len(own), own["subject"].nunique())
    assert set(table["from"]) == {"validation"}


def test_where_nothing_is_watched_or_one_class_it_is_a_half():
    rng = np.random.default_rng(0)
    tested, validation = part(rng), part(rng, n_folds=2)
    validation.loc[validation["fold"] == "fold1", "label"] = CLASSES[0]
    table = fold_thresholds(tested, validation, CLASSES).set_index("fold")
    assert table["from"].tolist() == ["validation", *["default"] * 5]
    assert table["threshold"].tolist()[1:] == [0.5] * 5
    assert table["trials"].tolist() == [40, 40, 0, 0, 0, 0]
    assert set(fold_thresholds(tested, validation.head(0), CLASSES)["from"]) == {"default"}


def test_predictions_are_called_anew_by_fold_and_probabilities_stay():
    rng = np.random.default_rng(0)
    tested, validation = part(rng), part(rng)
    tested = tested.sample(frac=1, random_state=0)
    tested.iloc[3, tested.columns.get_loc("stress")] = np.nan
    table = fold_thresholds(tested, validation, CLASSES)
    after = predictions_after_thresholds(tested, table, CLASSES)
    threshold = tested["fold"].map(table.set_index("fold")["threshold"])
    expected = np.where(tested["stress"] >= threshold, *reversed(CLASSES)).astype(object)
    assert after["predicted"].isna().tolist() == [i == 3 for i in range(len(after))]
    assert after["predicted"].drop(tested.index[3]).tolist() == np.delete(expected, 3).tolist()
    pd.testing.assert_frame_equal(after[tested.columns.drop("predicted")], tested[tested.columns.drop("predicted")])


# -- the audit -------------------------------------------------------------------------------------------


def verdicts(table, validation, tested, score="balanced accuracy"):
    return [f.verdict for f in audit_thresholds(table, validation, tested, CLASSES, score)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("score", OF_SKLEARN)
def test_honest_thresholds_are_said_to_come_from_validation(seed, score):
    rng = np.random.default_rng(seed)
    tested, validation = part(rng, missing=0.1), part(rng, missing=0.1, n_folds=5)
    findings = audit_thresholds(fold_thresholds(tested, validation, CLASSES, score), validation, tested, CLASSES, score)
    assert [f.verdict for f in findings] == ["ok"] * 6
    n = ((validation["fold"] == "fold0") & validation["label"].notna()).sum()
    assert f"from the validation predictions of the fold: {n} trials of 3 people" in findings[0].detail
    assert findings[5].detail == "0.5, chosen from no predictions"
    assert (findings[0].model, findings[0].fold) == ("gru", "fold0")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("score", OF_SKLEARN)
def test_thresholds_of_the_test_fold_are_leaks(seed, score):
    rng = np.random.default_rng(seed)
    tested, validation = part(rng), part(rng)
    leaking = fold_thresholds(tested, tested, CLASSES, score)
    honest = fold_thresholds(tested, validation, CLASSES, score)
    found = verdicts(leaking, validation, tested, score)
    assert found.count("leak") >= 5  # a fold may have the same threshold in both
    assert set(found) <= {"leak", "ok"}
    coarse = leaking.assign(threshold=[round(t, 3) for t in leaking["threshold"]])
    assert verdicts(coarse, validation, tested, score).count("leak") >= 3
    assert verdicts(honest, validation, tested, score).count("leak") == 0


def test_one_threshold_for_all_from_all_tests_is_a_leak_and_from_nowhere_unseen():
    rng = np.random.default_rng(0)
    tested, validation = part(rng), part(rng)
    pooled, _ = best_threshold(tested["stress"], tested["label"] == "stress")
    table = fold_thresholds(tested, validation, CLASSES)
    assert set(verdicts(table.assign(threshold=pooled), validation, tested)) == {"leak"}
    assert set(verdicts(table.assign(threshold=0.45), validation, tested)) == {"unseen"}
    other = verdicts(table.assign(threshold=np.roll(table["threshold"], 1)), validation, tested)
    assert set(other) <= {"unseen", "leak"}  # that of another fold


def test_a_receipt_refuses_the_leak_with_what_to_do():
    rng = np.random.default_rng(0)
    tested, validation = part(rng), part(rng)
    findings = audit_thresholds(fold_thresholds(tested, tested, CLASSES), validation, tested, CLASSES)
    with pytest.raises(GaitDataError, match="gru, leave-one.*fold fold.: thresholds: .*take the threshold from"):
        Receipt(findings, "SYNTHETIC").raise_leaks()
