"""Scores of two classes and of many, one class against the rest, and differences of models, people drawn anew."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from gaitlib import GaitDataError, LeaveOneSubjectOut, TrialSet
from gaitlib.results import Run, Runs, one_against_rest, paired_scores
from gaitlib.results.stored import FoldResult
from gaitlib.results.tables import RESOURCES

CLASSES = ["antalgic", "normal", "steppage"]
N_PEOPLE, N_TRIALS = 6, 9


def runs_of(skills, classes=CLASSES, of_one_class=False, lost=(), seed=0):
    """Runs of leave-one-subject-out whose models are as sure of the truth as they are skilled."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat([f"s{i}" for i in range(N_PEOPLE)], N_TRIALS)
    place = np.arange(len(subjects)) // N_TRIALS if of_one_class else np.arange(len(subjects))
    labels = np.array(classes)[place % len(classes)]
    trials = TrialSet.from_arrays({"x": [np.zeros(1)] * len(subjects)}, subject=subjects, label=labels, name="PLANTED")
    protocol = LeaveOneSubjectOut(validation=False)
    runs = []
    for model, skill in skills.items():
        logits = rng.normal(size=(len(trials), len(classes))) + skill * (labels[:, None] == np.array(classes))
        logits += 0.5 * rng.normal(size=(N_PEOPLE, len(classes))).repeat(N_TRIALS, axis=0)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        table = trials.table[["trial", "subject", "walk", "label"]].assign(part="test")
        table = table.assign(predicted=np.array(classes)[p.argmax(axis=1)], **dict(zip(classes, p.T, strict=True)))
        learnt, cost = {"fitted_on": [], "watched": [], "steps": []}, dict.fromkeys(RESOURCES, 1)
        folds = [
            FoldResult(f.name, table.iloc[f.test].reset_index(drop=True), pd.DataFrame(), cost, learnt, folder=None)
            for f in protocol.folds(trials)
        ]
        own = [fold for fold in folds if model not in lost or fold.name != "s1"]
        runs.append(Run(model, protocol.name, protocol.claim, own))
    return Runs(runs, trials)


BY_SKLEARN = {
    "balanced accuracy": lambda t: metrics.balanced_accuracy_score(t["label"], t["predicted"]),
    "macro F1": lambda t: metrics.f1_score(t["label"], t["predicted"], average="macro"),
    "AUROC": lambda t: metrics.roc_auc_score(t["label"] == "steppage", t["steppage"]),
}


def drawn(score, tables, n=25):
    """A score under the first samples of the people, their rows put together as often as they were drawn."""
    weights = np.random.default_rng(0).multinomial(N_PEOPLE, np.full(N_PEOPLE, 1 / N_PEOPLE), 2000)[:n]
    people = [[own for _, own in table.groupby("subject")] for table in tables]
    return np.array([
        [score(pd.concat([own[i] for i in range(N_PEOPLE) for _ in range(w[i])])) for own in people] for w in weights
    ])  # fmt: skip


@pytest.fixture
def few_samples(monkeypatch):
    monkeypatch.setattr("gaitlib.results.intervals.SAMPLES", 25)


@pytest.mark.parametrize(
    "options",
    [{}, {"of_one_class": True}, {"classes": ["normal", "steppage"], "of_one_class": True}],
    ids=["three classes", "one class a person", "two classes, one a person"],
)
def test_scores_and_differences_are_those_of_scikit_learn_on_the_people_drawn(options, few_samples):
    runs = runs_of({"good": 2.0, "poor": 0.5}, **options)
    table = paired_scores(runs, "poor").set_index(["measure", "model"])
    measures = list(BY_SKLEARN)[: 3 if len(runs.classes) == 2 else 2]
    assert set(table.index.get_level_values(0)) == set(measures)
    tables = [own for _, own in runs.tested()]
    for measure in measures:
        score = BY_SKLEARN[measure]
        good, poor = (table.loc[(measure, model)] for model in ("good", "poor"))
        assert [good["score"], poor["score"]] == pytest.approx([score(own) for own in tables])
        if measure == "macro F1" or not options:  # elsewhere a sample may lack a class, which scikit-learn warns of
            samples = drawn(score, tables)
            ends = np.quantile(samples, [0.025, 0.975], axis=0)
            np.testing.assert_allclose(
                [[good["low"], poor["low"]], [good["high"], poor["high"]]], ends, err_msg=measure
            )
            change = samples[:, 0] - samples[:, 1]
            told = good[["difference low", "difference high", "better in"]].astype(float)
            np.testing.assert_allclose(told, [*np.quantile(change, [0.025, 0.975]), (change > 0).mean()])
        assert good["difference"] == pytest.approx(score(tables[0]) - score(tables[1]))
        assert pd.isna(poor["difference"]) and good["against"] == "poor"
    shown = runs.table().set_index("model")
    for measure in measures:  # and they are those of the table
        assert shown.loc["good", measure] == pytest.approx(table.loc[(measure, "good"), "score"])
    if "AUROC" not in measures:
        for measure, end in ((m, e) for m in measures for e in ("low", "high")):
            assert shown.loc["good", f"{measure} {end}"] == pytest.approx(table.loc[(measure, "good"), end])


def test_two_classes_of_every_person_are_scored_person_by_person(few_samples):
    runs = runs_of({"good": 1.5, "poor": 0.5}, classes=["normal", "steppage"])
    tables = [own for _, own in runs.tested()]
    each = [[BY_SKLEARN["AUROC"](own) for _, own in t.groupby("subject")] for t in tables]
    row = paired_scores(runs, "poor").set_index(["measure", "model"]).loc[("AUROC", "good")]
    weights = np.random.default_rng(0).multinomial(N_PEOPLE, np.full(N_PEOPLE, 1 / N_PEOPLE), 25) / N_PEOPLE
    means = weights @ np.transpose(each)
    assert row["score"] == pytest.approx(np.mean(each[0]))
    np.testing.assert_allclose(row[["low", "high"]].astype(float), np.quantile(means[:, 0], [0.025, 0.975]))
    change = means[:, 0] - means[:, 1]
    ends = row[["difference low", "difference high"]].astype(float)
    np.testing.assert_allclose(ends, np.quantile(change, [0.025, 0.975]))
    shown = runs.table().set_index("model").loc["good"]
    assert shown["AUROC"] == pytest.approx(np.mean(each[0])) and shown["over"] == "people"
    assert "PR-AUC" not in shown and "AUROC" not in runs_of({"good": 1.0}).table()


def test_a_model_is_as_good_as_itself_and_only_common_trials_are_paired():
    runs = runs_of({"one": 1.0, "part": 1.0}, lost=["part"])
    table = paired_scores(runs, "one").set_index(["measure", "model"])
    part = table.loc[("macro F1", "part")]
    assert part["people"] == N_PEOPLE - 1 and part["trials"] == (N_PEOPLE - 1) * N_TRIALS
    one, two = (own[own["subject"] != "s1"] for _, own in runs.tested())
    assert part["difference"] == pytest.approx(BY_SKLEARN["macro F1"](two) - BY_SKLEARN["macro F1"](one))
    same = Runs([runs.runs[0], type(runs.runs[0])(**{**vars(runs.runs[0]), "model": "copy"})], runs.trials)
    copy = paired_scores(same, "one").query("model == 'copy'")
    assert (copy[["difference", "difference low", "difference high", "better in"]] == 0).all(axis=None)


def test_what_is_not_there_is_refused():
    runs = runs_of({"one": 1.0})
    with pytest.raises(GaitDataError, match=r"no model 'two' was tested here; there are \['one'\]"):
        paired_scores(runs, "two")
    with pytest.raises(GaitDataError, match="'one' was not run under other"):
        paired_scores(runs, "one", "other")


# -- one class against the rest --------------------------------------------------------------------------


def test_the_rest_is_every_other_class_by_the_probabilities():
    runs = runs_of({"good": 1.5, "poor": 0.5})
    view = one_against_rest(runs, "normal")
    assert (view.kind, view.classes) == ("binary", ["normal", "not normal"]) and "normal against the rest" in view.data
    own, asked = runs.predictions(), view.predictions()
    assert (asked["label"] == np.where(own["label"] == "normal", "normal", "not normal")).all()
    np.testing.assert_allclose(asked["not normal"], own["antalgic"] + own["steppage"])
    assert (asked["predicted"] == np.where(own["normal"] > 0.5, "normal", "not normal")).all()
    shown = view.table().set_index("model").loc["good"]
    of_people = [own for _, own in own[own["model"] == "good"].groupby("subject")]
    assert shown["AUROC"] == pytest.approx(
        np.mean([metrics.roc_auc_score(t["label"] != "normal", 1 - t["normal"]) for t in of_people])
    )
    assert {"AUROC low", "balanced accuracy", "balanced accuracy low"} <= set(shown.index)
    paired = paired_scores(view, "poor")
    assert set(paired["measure"]) == {"AUROC", "balanced accuracy", "macro F1"}
    assert runs.kind == "class" and list(runs.predictions()) == list(own)  # those asked stay as they were


def test_a_class_that_is_not_there_has_no_rest():
    with pytest.raises(GaitDataError, match="'healthy' against the rest needs it"):
        one_against_rest(runs_of({"one": 1.0}), "healthy")
    with pytest.raises(GaitDataError, match="two other classes"):
        one_against_rest(runs_of({"one": 1.0}, classes=["normal", "steppage"]), "normal")
