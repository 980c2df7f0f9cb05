"""Scores of a binary head: those of scikit-learn, over people where they have both classes, else pooled."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from gaitlib.results.binary_scores import OVER_PEOPLE, POOLED, binary_head_scores
from gaitlib.results.intervals import bounded_interval

CLASSES = ["no stress", "stress"]
OF_SKLEARN = {
    "AUROC": lambda t: metrics.roc_auc_score(t["y"], t["stress"]),
    "PR-AUC": lambda t: metrics.average_precision_score(t["y"], t["stress"]),
    "share positive": lambda t: t["y"].mean(),
    "F1": lambda t: metrics.f1_score(t["y"], t["called"], zero_division=0),
    "sensitivity": lambda t: metrics.recall_score(t["y"], t["called"]),
    "specificity": lambda t: metrics.recall_score(1 - t["y"], 1 - t["called"]),
    "balanced accuracy": lambda t: metrics.balanced_accuracy_score(t["y"], t["called"]),
}


def table_of(subject, y, probability):
    """Probabilities with ties; NaN in y is an unknown target."""
    y, p = np.asarray(y, dtype=float), np.asarray(probability, dtype=float)
    label = [None if np.isnan(v) else CLASSES[int(v)] for v in y]
    called = np.array(CLASSES, dtype=object)[(p >= 0.5).astype(int)]
    return pd.DataFrame(
        {"subject": list(subject), "label": label, "predicted": called, "no stress": 1 - p, "stress": p, "y": y}
    ).assign(called=(p >= 0.5).astype(int))


def random_table(seed, n_people=6, n_trials=30, skill=1.0, one_class=False):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_people), n_trials)
    y = subject % 2 if one_class else rng.random(len(subject)) < 0.4
    p = stats.norm.cdf(skill * (y - 0.5) + rng.normal(size=len(y)) + 0.3 * rng.normal(size=n_people)[subject])
    return table_of(subject.astype(str), y, p.round(2))


@pytest.mark.parametrize("seed", range(4))
def test_scores_over_people_are_the_means_of_those_of_scikit_learn(seed):
    table = random_table(seed)
    row = binary_head_scores(table, CLASSES)
    people = [own for _, own in table.groupby("subject") if own["y"].nunique() == 2]
    assert (row["over"], row["people with both classes"]) == (OVER_PEOPLE, len(people))
    for name, score in OF_SKLEARN.items():
        each = [score(own) for own in people]
        assert row[name] == pytest.approx(np.mean(each)), name
        if name != "share positive":
            assert (row[f"{name} low"], row[f"{name} high"]) == pytest.approx(bounded_interval(each))
    brier = [metrics.brier_score_loss(own["y"], own["stress"]) for _, own in table.groupby("subject")]
    assert row["Brier"] == pytest.approx(np.mean(brier))
    assert (row["Brier low"], row["Brier high"]) == pytest.approx(bounded_interval(brier))
    assert "share positive low" not in row


@pytest.mark.parametrize("seed", range(4))
def test_pooled_scores_are_those_of_scikit_learn_on_all_trials(seed):
    table = random_table(seed, one_class=True)
    row = binary_head_scores(table, CLASSES)
    assert (row["over"], row["people with both classes"]) == (POOLED, 0)
    for name, score in OF_SKLEARN.items():
        assert row[name] == pytest.approx(score(table)), name
    assert row["AUROC low"] <= row["AUROC"] <= row["AUROC high"]
    assert "AUROC t_low" not in row
    assert row["Brier"] == pytest.approx(metrics.brier_score_loss(table["y"], table["stress"]))


def test_the_bootstrap_takes_the_rows_of_each_person_as_often_as_drawn(monkeypatch):
    monkeypatch.setattr("gaitlib.results.intervals.SAMPLES", 60)
    monkeypatch.setattr("gaitlib.results.binary_scores.AT_ONCE", 25)
    table = random_table(3, n_people=7, n_trials=8, one_class=True)
    row = binary_head_scores(table, CLASSES)
    own = [part for _, part in table.groupby("subject")]
    draws = np.random.default_rng(0).multinomial(7, np.full(7, 1 / 7), 60)
    drawn = [pd.concat([part for part, n in zip(own, counts, strict=True) for _ in range(n)]) for counts in draws]
    for name in ("AUROC", "PR-AUC", "F1"):
        values = [OF_SKLEARN[name](t) for t in drawn if t["y"].nunique() == 2]
        ends = np.quantile(values, [0.025, 0.975])
        assert (row[f"{name} low"], row[f"{name} high"]) == pytest.approx(tuple(ends)), name


@pytest.mark.parametrize(("n_both", "over"), [(1, POOLED), (2, POOLED), (3, OVER_PEOPLE), (6, OVER_PEOPLE)])
def test_over_people_where_half_of_them_have_both_classes(n_both, over):
    table = random_table(1)
    single = table["subject"].astype(int) >= n_both
    table.loc[single, "label"] = CLASSES[0]
    row = binary_head_scores(table, CLASSES)
    assert (row["over"], row["people with both classes"], row["people"]) == (over, n_both, 6)


def test_unknown_targets_are_counted_and_not_scored():
    table = random_table(1)
    for missing in (None, np.nan):
        with_unknown = table.assign(label=table["label"].where(np.arange(len(table)) % 3 > 0, missing))
        row = binary_head_scores(with_unknown, CLASSES)
        rest = binary_head_scores(table[np.arange(len(table)) % 3 > 0], CLASSES)
        assert row.pop("without target") == 60
        assert rest.pop("without target") == 0
        assert row == rest


def test_useless_probabilities_are_chance_and_the_share_of_positives():
    table = random_table(1).assign(stress=0.3, **{"no stress": 0.7})
    row = binary_head_scores(table, CLASSES)
    assert row["AUROC"] == 0.5
    assert row["PR-AUC"] == pytest.approx(row["share positive"])


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_too_little_to_score_gives_nan_and_no_warning(rows, recwarn):
    table = random_table(1)
    few = table[(table["y"] == 1)].head(rows)
    row = binary_head_scores(few, CLASSES)
    assert np.isnan(row["AUROC"])
    assert row["trials"] == rows
    assert not recwarn.list
