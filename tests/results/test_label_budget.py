"""Scores by label budget: planted ones are found, people and draws are counted as what they are, pairs are paired."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_runs import planted_runs
from sklearn.metrics import f1_score

from gaitlib import LabelBudget, LeaveOneSubjectOut
from gaitlib.errors import GaitDataError
from gaitlib.results import Runs, budget_differences, budget_table
from gaitlib.saving import spec

ALONE = LeaveOneSubjectOut(validation=False)
PEOPLE = [f"p{i:02d}" for i in range(12)]


def budgets_of(accuracy_of, budgets, n_trials=20):
    """Runs under each (people, draw): accuracies of ``accuracy_of(people, draw)``, subjects by models."""
    runs, trials = [], None
    for people, draw in budgets:
        protocol = LabelBudget(ALONE, people, draw=draw)
        planted = planted_runs(accuracy_of(people, draw), protocol, n_trials)
        trials = planted.trials
        # Each person has both classes here, in halves.
        runs += [replace(run, description={"protocol": spec(protocol)}) for run in planted.runs]
    return Runs(runs, trials)


def flat(**accuracy):
    return pd.DataFrame(accuracy, index=PEOPLE)


EVERY = [(1, 0), (1, 1), (2, 0), (2, 1), (5, 0), (None, 0)]


def rising(people, draw):
    level = {1: 0.5, 2: 0.6, 5: 0.7, None: 0.9}[people]
    return flat(scratch=level, pretrained=level + 0.05 + 0.05 * draw)


def test_one_row_a_model_and_budget_with_the_mean_over_draws():
    table = budget_table(budgets_of(rising, EVERY))
    assert table["budget"].tolist() == ["1", "1", "2", "2", "5", "5", "all", "all"]
    own = table[table["model"] == "pretrained"].set_index("budget")
    np.testing.assert_allclose(own["score"], [0.575, 0.675, 0.75, 0.95])
    np.testing.assert_allclose(own["SD over draws"], [0.05 / np.sqrt(2)] * 2 + [np.nan] * 2)
    assert own["draws"].tolist() == [2, 2, 1, 1]
    assert own["people"].tolist() == [12] * 4
    assert own["trials"].tolist() == [240] * 4
    assert own["chance"].tolist() == [0.5] * 4
    assert own["protocol"].tolist() == [
        "leave-one-subject-out, labels of 1 person a class",
        "leave-one-subject-out, labels of 2 people a class",
        "leave-one-subject-out, labels of 5 people a class",
        "leave-one-subject-out, labels of all people",
    ]
    np.testing.assert_allclose(own[["low", "high"]], own[["score", "score"]], err_msg="all people are alike")


def test_shares_come_after_people_and_all_last():
    protocols = [LabelBudget(ALONE), LabelBudget(ALONE, share=0.25), LabelBudget(ALONE, share=0.05), LabelBudget(ALONE, 2)]
    planted = [planted_runs(flat(gru=0.5), p) for p in protocols]
    runs = [replace(one.runs[0], description={"protocol": spec(p)}) for one, p in zip(planted, protocols, strict=True)]
    assert budget_table(Runs(runs, planted[0].trials))["budget"].tolist() == ["2", "5 %", "25 %", "all"]


def test_the_interval_is_over_people_and_more_draws_do_not_narrow_it():
    rng = np.random.default_rng(0)
    own = pd.Series(rng.uniform(0.3, 1, len(PEOPLE)).round(2), PEOPLE)  # what each person is like in every draw
    once, often = (
        budget_table(budgets_of(lambda people, draw: own.to_frame("gru"), [(2, d) for d in range(n)], 100)).iloc[0]
        for n in (1, 5)
    )
    assert (once["low"], once["high"]) == (often["low"], often["high"])
    width = 2 * 1.96 * own.std(ddof=0) / np.sqrt(len(own))
    np.testing.assert_allclose(once["high"] - once["low"], width, rtol=0.1)


def test_what_changes_with_the_draw_alone_is_in_the_sd_not_in_the_interval():
    row = budget_table(budgets_of(lambda people, draw: flat(gru=0.5 + 0.1 * draw), [(2, d) for d in range(4)])).iloc[0]
    assert row["low"] == row["high"] == pytest.approx(0.65)
    assert row["SD over draws"] == pytest.approx(np.std([0.5, 0.6, 0.7, 0.8], ddof=1))


def test_macro_f1_is_that_of_all_trials_of_a_draw():
    rng = np.random.default_rng(1)
    runs = budgets_of(lambda people, draw: flat(gru=rng.uniform(0.2, 1, 12)), [(2, 0), (2, 1)])
    row = budget_table(runs, "macro F1").iloc[0]
    said = runs.predictions()
    by_draw = [f1_score(own["label"], own["predicted"], average="macro") for _, own in said.groupby("protocol")]
    assert row["score"] == pytest.approx(np.mean(by_draw))
    assert row["low"] < row["score"] < row["high"]
    assert row["chance"] == pytest.approx(1 / 3)  # one of two classes has an F1 of 2/3
    runs.classes = [*runs.classes, "running"]  # that nobody did, and nobody was called
    pd.testing.assert_series_equal(budget_table(runs, "macro F1").iloc[0], row)


def test_people_with_many_trials_weigh_more_as_each_recording_weighs_the_same():
    runs = budgets_of(lambda people, draw: flat(gru=[1.0] + [0.0] * 11), [(2, 0)])
    (run,) = runs.runs
    fewer = [replace(f, predictions=f.predictions[:2]) if f.name != "p00" else f for f in run.folds]
    row = budget_table(Runs([replace(run, folds=fewer)], runs.trials)).iloc[0]
    assert row["score"] == pytest.approx(20 / (20 + 11 * 2))


# -- differences -----------------------------------------------------------------------------------------


def test_a_planted_difference_is_found_in_every_budget():
    table = budget_differences(budgets_of(rising, EVERY), "scratch")
    assert table["model"].tolist() == ["pretrained"] * 4
    assert table["budget"].tolist() == ["1", "2", "5", "all"]
    np.testing.assert_allclose(table["difference"], [0.075, 0.075, 0.05, 0.05])
    assert table["draws ahead"].tolist() == [2, 2, 1, 1]
    np.testing.assert_allclose(table[["low", "high"]], table[["difference", "difference"]])


def test_a_small_difference_in_everybody_is_seen_where_people_differ_much():
    """Paired: what people are like is in both models. Unpaired the interval would be as wide as that of a score."""
    level = np.random.default_rng(0).uniform(0.2, 0.9, 12).round(2)
    runs = budgets_of(lambda people, draw: flat(scratch=level, pretrained=level + 0.05), [(2, 0), (2, 1)], 100)
    row, alone = budget_differences(runs, "scratch").iloc[0], budget_table(runs).iloc[0]
    assert row["low"] == pytest.approx(0.05, abs=0.011)
    assert row["high"] == pytest.approx(0.05, abs=0.011)
    assert alone["high"] - alone["low"] > 0.2


def test_the_interval_of_a_difference_holds_people_averaged_over_draws():
    rng = np.random.default_rng(0)
    gain = rng.choice([-0.1, 0.0, 0.3], (3, 12))
    runs = budgets_of(lambda people, draw: flat(scratch=0.5, pretrained=0.5 + gain[draw]), [(2, d) for d in range(3)])
    row = budget_differences(runs, "scratch").iloc[0]
    of_people = gain.mean(axis=0)
    assert row["difference"] == pytest.approx(of_people.mean())
    draws = np.random.default_rng(5).choice(of_people, (4000, 12)).mean(axis=1)
    np.testing.assert_allclose(row[["low", "high"]].astype(float), np.quantile(draws, [0.025, 0.975]), atol=0.01)
    assert row["SD over draws"] == pytest.approx(gain.mean(axis=1).std(ddof=1))
    assert row["draws ahead"] == (gain.mean(axis=1) > 0).sum()


def test_only_what_both_were_tested_on_counts():
    """The fold of a person failed in one model, a draw in the other, a budget was run for one alone."""

    def accuracy(people, draw):
        table = rising(people, draw)
        if people == 1 and draw == 0:
            table.loc["p03", "scratch"] = np.nan
            table.loc["p03", "pretrained"] = 0  # were it counted, the difference would be smaller
        return table[["scratch"]] if (people, draw) in ((2, 1), (5, 0)) else table

    runs = budgets_of(accuracy, EVERY)
    found = budget_differences(runs, "scratch").set_index("budget")
    assert found.index.tolist() == ["1", "2", "all"]
    assert found["draws"].tolist() == [2, 1, 1]
    assert found["people"].tolist() == [12, 12, 12]
    expected = np.mean([0.05, 0.1])  # of eleven people, and of twelve
    assert found.loc["1", "difference"] == pytest.approx(expected)
    table = budget_table(runs).set_index(["model", "budget"])
    assert table.loc[("scratch", "1"), "failed folds"] == 1
    assert table.loc[("pretrained", "1"), "failed folds"] == 0


@pytest.mark.parametrize("score", ["accuracy", "macro F1"])
def test_a_draw_in_which_few_were_tested_is_no_number_for_the_others(score):
    """Of many samples of people nobody was tested in the first draw."""

    def accuracy(people, draw):
        table = flat(scratch=0.5, pretrained=1.0)
        if draw == 0:
            table.loc["p01":] = np.nan
        return table

    runs = budgets_of(accuracy, [(2, 0), (2, 1)])
    for row in (budget_table(runs, score).iloc[1], budget_differences(runs, "scratch", score).iloc[0]):
        assert np.isfinite(row[["low", "high"]].astype(float)).all()
        assert row["draws"] == 2
        assert row["people"] == 12


def test_a_model_of_which_all_failed_is_said():
    runs = budgets_of(lambda people, draw: flat(gru=0.5, lost=np.nan), [(2, 0)])
    table = budget_table(runs).set_index("model")
    assert np.isnan(table.loc["lost", "score"])
    assert table["failed folds"].to_dict() == {"gru": 0, "lost": 12}
    with pytest.raises(GaitDataError, match="no model was run under a label budget of 'lost'"):
        budget_differences(runs, "lost")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda runs: budget_table(runs, "AUROC"), "score 'AUROC' is none of accuracy, macro F1"),
        (lambda runs: budget_differences(runs, "trees"), "no model was run under a label budget of 'trees'"),
        (lambda runs: budget_table(planted_runs(flat(gru=0.5))), "no run has a label budget"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(GaitDataError, match=words):
        call(budgets_of(rising, [(1, 0)]))
