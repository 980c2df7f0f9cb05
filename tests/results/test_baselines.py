"""Baselines against brute force, and what beats them: useless models do not, useful ones do."""

import numpy as np
import pandas as pd
import pytest

from gaitlib import GaitDataError, LeaveOneSubjectOut, Target, TrialSet
from gaitlib.results.against_baselines import baseline_verdicts, differences_to_baselines
from gaitlib.results.baselines import (
    PREVIOUS,
    SAME_SEGMENT,
    TRAINING_MEAN,
    TRAINING_MEDIAN,
    baseline_predictions,
    without_first_minutes,
)
from gaitlib.results.binary_scores import binary_head_scores

CLASSES = ["no stress", "stress"]
FIRST = "own first 2 minutes (known)"


def recorded(n_people=5, n_trials=12, seed=0, missing=0.2, **more):
    """Two walks of windows of 30 s of each person in another order, numbers unequal; some targets are unknown."""
    rng = np.random.default_rng(seed)
    rows = [(p, t) for p in range(n_people) for t in range(n_trials + p)]
    person, t = np.array(rows).T
    order = rng.permutation(len(rows))
    rate = 70 + 8 * rng.normal(size=n_people)[person] + 4 * rng.normal(size=len(rows))
    rate[rng.random(len(rows)) < missing] = np.nan
    stress = (rng.random(len(rows)) < 0.4).astype(float)
    stress[rng.random(len(rows)) < missing] = np.nan
    targets = {
        "rate": Target("continuous", rate[order], "1/min"), "stress": Target("binary", stress[order]),
        "start_s": (30.0 * t)[order], **{name: make(person, t)[order] for name, make in more.items()},
    }  # fmt: skip
    return TrialSet.from_arrays(
        {"ecg": [np.zeros(1)] * len(rows)}, subject=person[order], walk=(t >= 6)[order].astype(int), targets=targets,
        name="SYNTHETIC",
    )  # fmt: skip


STIMULI = {"stimulus": lambda p, t: t // 4, "segment": lambda p, t: t % 4}


def layout(trials, head, say, protocol=None):
    """Predictions of a model under leave-one-subject-out, and the ids that each fold learnt from."""
    protocol = protocol or LeaveOneSubjectOut(validation=False)
    parts, training = [], {}
    for fold in protocol.folds(trials):
        own = trials.table.iloc[fold.test][["trial", "subject", "walk"]].copy()
        own["label"] = trials.table[head].to_numpy()[fold.test]
        own["predicted"] = say(trials, fold)
        parts.append(own.assign(model="model", protocol=protocol.name, fold=fold.name))
        training[fold.name] = [*trials.ids[fold.train], *trials.ids[fold.validation]]
    table = pd.concat(parts)
    if head != "stress":
        return table, training
    return as_binary(table), training


def as_binary(table):
    """From 0, 1 and probabilities to words."""
    words = {0: CLASSES[0], 1: CLASSES[1]}
    p = table["predicted"].to_numpy(dtype=float)
    return table.assign(
        label=table["label"].map(words).where(table["label"].notna(), None),
        predicted=np.array(CLASSES, dtype=object)[(p >= 0.5).astype(int)],
        **{"no stress": 1 - p, "stress": p},
    )


def zero(trials, fold):
    return np.zeros(len(fold.test))


def made(trials, head, minutes=2):
    predictions, training = layout(trials, head, zero)
    return baseline_predictions(trials, head, predictions, training, minutes)


# -- each against brute force ----------------------------------------------------------------------------


def mean_over_people(table, head):
    return table.dropna(subset=[head]).groupby("subject")[head].mean().mean()


@pytest.mark.parametrize("head", ["rate", "stress"])
@pytest.mark.parametrize("seed", range(2))
def test_each_baseline_is_that_of_brute_force(head, seed):
    trials = recorded(seed=seed, **STIMULI)
    found = made(trials, head).set_index(["model", "trial"])
    column = "stress" if head == "stress" else "predicted"
    table = trials.table
    for row in table[table["start_s"] >= 120].itertuples():
        others = table[table["subject"] != row.subject]
        same = others[(others["stimulus"] == row.stimulus) & (others["segment"] == row.segment)]
        own = table[table["subject"] == row.subject].dropna(subset=[head])
        before = own[(own["walk"] == row.walk) & (own["start_s"] < row.start_s)].sort_values("start_s")
        expected = {
            TRAINING_MEAN: mean_over_people(others, head),
            SAME_SEGMENT: mean_over_people(same, head),
            FIRST: own.loc[own["start_s"] < 120, head].mean(),
            PREVIOUS: before[head].iloc[-1] if len(before) else np.nan,
        }
        for name, value in expected.items():
            assert found.loc[(name, row.trial), column] == pytest.approx(value, nan_ok=True), name
    assert set(found.reset_index()["trial"]) == set(table.loc[table["start_s"] >= 120, "trial"])


def test_the_median_weighs_each_person_the_same():
    """Of one person's 9, 9, 9, 9 and others' 1, 2: half of the weight lies at or below 2."""
    rate = Target("continuous", [9.0, 9, 9, 9, 1, 2, 0])
    trials = TrialSet.from_arrays({"x": [np.zeros(1)] * 7}, subject=list("aaaabcd"), targets={"rate": rate})
    predictions, training = layout(trials, "rate", zero)
    found = baseline_predictions(trials, "rate", predictions, training).set_index(["model", "subject"])
    assert found.loc[(TRAINING_MEDIAN, "d"), "predicted"].tolist() == [2]
    assert found.loc[(TRAINING_MEAN, "d"), "predicted"].tolist() == [4]


def test_the_layout_is_that_of_predictions_and_the_scores_apply():
    trials = recorded(**STIMULI)
    predictions, training = layout(trials, "stress", zero)
    found = baseline_predictions(trials, "stress", predictions, training, 2)
    assert set(found) == set(predictions)
    for _, own in found.groupby("model"):
        both = own.merge(predictions, on=["trial", "fold"])
        for column in ("subject", "walk", "protocol"):
            assert (both[f"{column}_x"] == both[f"{column}_y"]).all()
        assert both["label_x"].fillna("-").tolist() == both["label_y"].fillna("-").tolist()
    mean = binary_head_scores(found[found["model"] == TRAINING_MEAN], CLASSES)
    assert mean["AUROC"] == 0.5
    assert 0 < mean["Brier"] < 0.3
    known = found["predicted"].notna()
    assert known.equals(found["stress"].notna())
    assert (found.loc[known, "predicted"] == np.where(found["stress"][known] > 0.5, *reversed(CLASSES))).all()


def test_the_first_minutes_leave_every_row():
    trials = recorded()
    predictions, training = layout(trials, "rate", zero)
    left = without_first_minutes(predictions, trials, 2)
    starts = trials.table.set_index("trial")["start_s"]
    assert starts[left["trial"]].min() == 120
    assert len(left) == (starts >= 120).sum()
    found = baseline_predictions(trials, "rate", predictions, training, 2)
    assert all(set(own["trial"]) == set(left["trial"]) for _, own in found.groupby("model"))


def test_a_baseline_that_does_not_apply_is_not_there():
    trials = recorded()
    assert set(made(trials, "rate", None)["model"]) == {TRAINING_MEAN, TRAINING_MEDIAN, PREVIOUS}
    trials.table.drop(columns="start_s", inplace=True)
    assert set(made(trials, "rate", None)["model"]) == {TRAINING_MEAN, TRAINING_MEDIAN}
    one_film_each = recorded(stimulus=lambda p, t: p, segment=lambda p, t: t)
    assert SAME_SEGMENT not in set(made(one_film_each, "rate")["model"])


def test_of_classes_the_shares_over_people_are_told():
    trials = TrialSet.from_arrays({"x": [np.zeros(1)] * 8}, subject=list("aaaabbcd"), label=list("xxxyyzzx"))
    predictions, training = layout(trials, "label", lambda trials, fold: ["x"] * len(fold.test))
    found = baseline_predictions(trials, "label", predictions, training)
    of_c = found[found["subject"] == "c"].iloc[0]
    assert of_c[["x", "y", "z"]].tolist() == pytest.approx([1.75 / 3, 0.75 / 3, 0.5 / 3])
    assert (of_c["label"], of_c["predicted"]) == ("z", "x")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p, t: (pd.concat([p, p.assign(protocol="other")]), t), "one protocol at a time, not of 2"),
        (lambda p, t: (p, {k: v for k, v in t.items() if k != "3"}), "no training trials are given of the fold '3'"),
        (lambda p, t: (p.assign(trial="who"), t), "the trial who is not among"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, words):
    trials = recorded()
    with pytest.raises(GaitDataError, match=words):
        baseline_predictions(trials, "rate", *change(*layout(trials, "rate", zero)))


def test_minutes_need_starts_and_must_leave_something():
    trials = recorded()
    predictions, _ = layout(trials, "rate", zero)
    with pytest.raises(GaitDataError, match="all tested trials start in the first 99 minutes"):
        without_first_minutes(predictions, trials, 99)
    trials.table.drop(columns="start_s", inplace=True)
    with pytest.raises(GaitDataError, match="need the column 'start_s'"):
        without_first_minutes(predictions, trials, 1)


# -- who beats them --------------------------------------------------------------------------------------


def compared(trials, head, say, minutes=None):
    predictions, training = layout(trials, head, say)
    baselines = baseline_predictions(trials, head, predictions, training, minutes)
    return predictions, baselines, CLASSES if head == "stress" else ()


@pytest.mark.parametrize("head", ["rate", "stress"])
def test_differences_are_those_of_brute_force(head):
    rng = np.random.default_rng(0)
    trials = recorded(**STIMULI)
    predictions, baselines, classes = compared(trials, head, lambda trials, fold: rng.random(len(fold.test)))
    table = differences_to_baselines(predictions, baselines, classes).set_index("baseline")
    for name, other in baselines.groupby("model"):
        both = predictions.merge(other, on=["fold", "trial"], suffixes=("", "_b"))
        both = both[both["label"].notna() & both["predicted_b"].notna()]
        if head == "stress":
            truth = (both["label"] == "stress").astype(float)
            error, baseline = ((both[c] - truth) ** 2 for c in ("stress", "stress_b"))
        else:
            error, baseline = ((both[c] - both["label"]).abs() for c in ("predicted", "predicted_b"))
        change = (error - baseline).groupby(both["subject"]).mean()
        row = table.loc[name]
        assert row["difference"] == pytest.approx(change.mean())
        assert (row["people"], row["trials"]) == (len(change), len(both))
        assert row["error"] - row["baseline error"] == pytest.approx(change.mean())
        assert row["low"] < row["difference"] < row["high"]
        assert row["knows the person"] == (name == PREVIOUS)


def test_a_model_that_is_the_baseline_does_not_beat_it():
    trials = recorded()
    predictions, baselines, _ = compared(trials, "rate", zero)
    same = baselines[baselines["model"] == TRAINING_MEAN].assign(model="copy")
    same["predicted"] *= 1 + 1e-12  # rounding
    (row,) = baseline_verdicts(same, baselines[baselines["model"] == TRAINING_MEAN]).to_dict("records")
    assert (row["beats its baselines"], row["difference"]) == ("no", 0)


def test_a_perfect_model_beats_all_that_is_asked_and_the_words_name_each():
    trials = recorded(missing=0, **STIMULI)
    predictions, baselines, _ = compared(trials, "rate", lambda t, f: t.table["rate"].to_numpy()[f.test], 2)
    (row,) = baseline_verdicts(predictions, baselines).to_dict("records")
    assert row["beats its baselines"] == "yes"
    assert row["error"] == 0
    assert row["best baseline"] in (TRAINING_MEAN, TRAINING_MEDIAN, SAME_SEGMENT)
    asked, beside = row["in words"].split("told true values of the person")
    assert asked.startswith("beats its baselines: yes (")
    assert all(f"{name}: yes" in asked for name in (TRAINING_MEAN, TRAINING_MEDIAN, SAME_SEGMENT))
    assert all(f"{name}: yes" in beside for name in (PREVIOUS, FIRST))


def test_a_model_that_beats_the_mean_and_not_the_same_segment_does_not_beat_its_baselines():
    """The target is that of the film: the model knows half of it, the segment baseline all."""
    rng = np.random.default_rng(0)
    trials = recorded(n_people=10, missing=0, **STIMULI)
    film = 10 * trials.table["stimulus"].to_numpy() + 3 * trials.table["segment"].to_numpy()
    trials = trials.with_target("rate", Target("continuous", film + rng.normal(size=len(trials))))
    predictions, baselines, _ = compared(trials, "rate", lambda t, f: 0.8 * film[f.test] + 4)
    pairs = differences_to_baselines(predictions, baselines).set_index("baseline")["beats"]
    assert (pairs[TRAINING_MEAN], pairs[SAME_SEGMENT]) == ("yes", "no")
    (row,) = baseline_verdicts(predictions, baselines).to_dict("records")
    assert (row["beats its baselines"], row["best baseline"]) == ("no", SAME_SEGMENT)


def test_what_only_the_person_could_tell_is_shown_and_not_asked_for():
    """The target drifts: who knows the previous value is better than any model."""
    trials = recorded(n_people=10, missing=0)
    drift = 5 * trials.table["start_s"].to_numpy() / 30
    trials = trials.with_target("rate", Target("continuous", drift))
    predictions, baselines, _ = compared(trials, "rate", lambda t, f: drift[f.test] + 6 + f.test % 2)
    (row,) = baseline_verdicts(predictions, baselines).to_dict("records")
    assert row["beats its baselines"] == "yes"
    assert row["in words"].endswith(f"{PREVIOUS}: no")


def test_without_a_baseline_there_is_no_verdict():
    predictions, baselines, _ = compared(recorded(), "rate", zero)
    with pytest.raises(GaitDataError, match="'model' has no baseline under leave-one-subject-out"):
        baseline_verdicts(predictions, baselines[baselines["model"] == PREVIOUS])


def useless(kind, rng, head):
    """A constant that has learnt nothing but the distribution, with or without noise."""

    def say(trials, fold):
        known = trials[fold.train].table[head].dropna()
        centre = known.median() if kind == "median" else known.mean()
        noise = {"noise": rng.normal(size=len(fold.test)), "offset": rng.normal()}.get(kind, 0)
        told = centre + 0.2 * known.std() * noise + np.zeros(len(fold.test))
        return np.clip(told, 0, 1) if head == "stress" else told

    return say


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param("rate", "median", marks=slow),
        pytest.param("rate", "mean", marks=slow),
        pytest.param("rate", "noise", marks=slow),
        pytest.param("rate", "offset", marks=slow),
        pytest.param("stress", "offset", marks=slow),
        pytest.param("stress", "mean", marks=slow),
        pytest.param("stress", "noise", marks=slow),
    ],
)
def test_useless_models_beat_nothing_in_twenty_seeds(kind, head):
    """Also where the target is skewed and people have unequal numbers of trials; at most 2 of 20 may."""
    beaten = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        trials = recorded(n_people=10, n_trials=6, seed=seed)
        skewed = np.exp((trials.table["rate"].to_numpy() - 70) / 8)
        trials = trials.with_target("rate", Target("continuous", skewed))
        (row,) = baseline_verdicts(*compared(trials, head, useless(kind, rng, head))).to_dict("records")
        beaten += row["beats its baselines"] == "yes"
    assert beaten <= 2


@slow
@pytest.mark.parametrize("head", ["rate", "stress"])
def test_models_that_know_something_beat_them_in_sixteen_of_twenty_seeds(head):
    beaten = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        trials = recorded(n_people=12, n_trials=20, seed=seed, missing=0)
        truth = trials.table[head].to_numpy()
        told = truth + 5 * rng.normal(size=len(truth))  # the target's own SD is 9
        if head == "stress":  # two normal distributions 0.95 SD apart: AUROC 0.75
            x = 0.95 * truth + rng.normal(size=len(truth))
            told = 1 / (1 + np.exp(-0.95 * (x - 0.475) - np.log(0.4 / 0.6)))
        else:  # as far as it can be trusted
            told = 70 + 0.76 * (told - 70)
        (row,) = baseline_verdicts(*compared(trials, head, lambda t, f, told=told: told[f.test])).to_dict("records")
        beaten += row["beats its baselines"] == "yes"
    assert beaten >= 16
