"""Scores by subject: equal to counting by hand, and to scikit-learn where there is one subject."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score

from gaitlib.results.intervals import bounded_interval
from gaitlib.results.scores import (
    accuracy_by_subject,
    chance,
    class_scores,
    overall_scores,
    sensitivity_and_specificity,
)

CLASSES = ["x", "y", "z"]
ROW = st.tuples(st.sampled_from("abc"), st.sampled_from(CLASSES), st.sampled_from(CLASSES))


def table_of(rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["subject", "label", "predicted"])


def share(hits, of):
    return len(hits) / len(of) if of else np.nan


@given(st.lists(ROW, min_size=1, max_size=40))
def test_sensitivity_and_specificity_are_counted_by_hand(rows):
    sensitivity, specificity = sensitivity_and_specificity(table_of(rows), CLASSES)
    assert list(sensitivity.index) == sorted({s for s, _, _ in rows})
    for subject in sensitivity.index:
        for c in CLASSES:
            own = [(true, called) for s, true, called in rows if s == subject]
            positive, negative = [r for r in own if r[0] == c], [r for r in own if r[0] != c]
            expected = share([r for r in positive if r[1] == c], positive)
            assert sensitivity.loc[subject, c] == pytest.approx(expected, nan_ok=True)
            expected = share([r for r in negative if r[1] != c], negative)
            assert specificity.loc[subject, c] == pytest.approx(expected, nan_ok=True)


def random_table(n, subjects="ab", seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = table_of({k: rng.choice(list(v), n) for k, v in (("subject", subjects), ("label", "xyz"))})
    proba = rng.dirichlet(np.ones(3), n)
    return table.assign(predicted=np.array(CLASSES)[proba.argmax(axis=1)], **dict(zip(CLASSES, proba.T, strict=True)))


def test_one_subject_is_scikit_learn():
    table = random_table(60, "a")
    own = class_scores(table, CLASSES)
    truth, called = table["label"], table["predicted"]
    assert own["sensitivity"].tolist() == pytest.approx(recall_score(truth, called, average=None))
    assert own["precision"].tolist() == pytest.approx(precision_score(truth, called, average=None))
    assert own["F1"].tolist() == pytest.approx(f1_score(truth, called, average=None))
    assert own["trials"].tolist() == [(truth == c).sum() for c in CLASSES]
    others = [recall_score(truth != c, called != c) for c in CLASSES]
    assert own["specificity"].tolist() == pytest.approx(others)
    assert own[["sensitivity low", "specificity high"]].isna().all(axis=None)  # no interval of one person


def test_every_subject_weighs_the_same():
    """One person with ten wrong trials does not outweigh one with a single right one."""
    table = table_of([("a", "x", "y")] * 10 + [("b", "x", "x")])
    own = class_scores(table, CLASSES)
    assert own.loc["x", "sensitivity"] == 0.5
    assert own.loc["y", "specificity"] == 0.5
    assert overall_scores(table.assign(x=0.5, y=0.3, z=0.2), CLASSES)["accuracy"] == 0.5


def test_the_intervals_are_over_subjects_that_have_the_class():
    table = random_table(300, "abcde")
    table = table[(table["subject"] != "a") | (table["label"] != "x")]
    of_subjects = [recall_score(own["label"], own["predicted"], labels=["x"], average=None)[0]
                   for subject, own in table.groupby("subject") if subject != "a"]  # fmt: skip
    half = stats.t.ppf(0.975, 3) * np.std(of_subjects, ddof=1) / 2
    row = class_scores(table, CLASSES).loc["x"]
    assert row["sensitivity"] == pytest.approx(np.mean(of_subjects))
    assert row["sensitivity t_low"] == pytest.approx(max(0, np.mean(of_subjects) - half))
    assert row["sensitivity t_high"] == pytest.approx(np.mean(of_subjects) + half)
    assert tuple(row[["sensitivity low", "sensitivity high"]]) == pytest.approx(bounded_interval(of_subjects))


@pytest.mark.parametrize("always", ["x", "y"])
def test_chance_is_what_the_best_constant_answer_reaches_over_subjects(always):
    """One subject has 30 of 32 trials, all of one class: over trials chance would be 0.94, and nobody reaches it."""
    table = table_of([("a", "x", always)] * 30 + [("b", "y", always), ("c", "y", always)])
    accuracy = accuracy_by_subject(table).mean()
    assert accuracy <= chance(table) == pytest.approx(2 / 3)
    assert (accuracy == chance(table)) == (always == "y")


def test_scores_of_a_table_are_those_of_scikit_learn():
    table = random_table(90, "abc")
    row = overall_scores(table, CLASSES)
    accuracy = [np.mean(own["label"] == own["predicted"]) for _, own in table.groupby("subject")]
    assert accuracy_by_subject(table).tolist() == pytest.approx(accuracy)
    assert row["accuracy"] == pytest.approx(np.mean(accuracy))
    assert row["SD"] == pytest.approx(np.std(accuracy, ddof=1))
    assert (row["low"], row["high"]) == pytest.approx(bounded_interval(accuracy))
    assert row["worst subject"] == f"{'abc'[int(np.argmin(accuracy))]} {min(accuracy):.3f}"
    assert row["macro F1"] == pytest.approx(f1_score(table["label"], table["predicted"], average="macro"))
    assert row["loss"] == pytest.approx(log_loss(table["label"], table[CLASSES].to_numpy()))


def test_a_class_that_nobody_walked_or_named_counts_nowhere():
    table = table_of([("a", "x", "x"), ("a", "y", "y"), ("b", "x", "x"), ("b", "y", "x")]).assign(x=0.5, y=0.5, z=0.0)
    row = overall_scores(table, CLASSES)
    assert row["macro F1"] == pytest.approx(f1_score(table["label"], table["predicted"], average="macro"))
    assert np.isnan(row["sensitivity z"])
    assert row["specificity z"] == 1
    assert class_scores(table, CLASSES).loc["z", ["precision", "F1", "trials"]].tolist() == [
        pytest.approx(np.nan, nan_ok=True),
        pytest.approx(np.nan, nan_ok=True),
        0,
    ]


def test_no_predictions_have_no_scores():
    empty = class_scores(table_of([]), CLASSES)
    assert empty["trials"].tolist() == [0, 0, 0]
    assert empty.drop(columns="trials").isna().all(axis=None)
    assert list(empty) == list(class_scores(random_table(20), CLASSES))
