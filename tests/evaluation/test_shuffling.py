"""Shuffled labels keep to the level at which labels vary, and show who is recognised instead of a gait."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mutual_info_score

import gaitlib
from gaitlib import SubjectKFold, TrialKFold
from gaitlib.evaluation import shuffling
from gaitlib.evaluation.shuffling import look_alikes, shuffled_labels
from gaitlib.models import Builder

IDS = [f"{side}{k}" for k in range(4) for side in "ab"]


def made(subject, label, walk=None, **values):
    values = values or {"x": [np.zeros(1)] * len(subject)}
    return gaitlib.TrialSet.from_arrays(values, subject=subject, label=label, walk=walk)


# -- the level at which labels vary --------------------------------------------------------------------------


def test_labels_of_people_are_shuffled_among_people():
    subject = np.repeat(list("abcdefgh"), [3, 1, 5, 2, 2, 4, 1, 3])
    trials = made(subject, np.where(subject < "e", "healthy", "patient"))
    new, unit = shuffled_labels(trials)
    assert unit == "subject"
    of_subject = new.table.groupby("subject")["label"].agg(["nunique", "first"])
    assert (of_subject["nunique"] == 1).all()
    assert sorted(of_subject["first"]) == ["healthy"] * 4 + ["patient"] * 4


def test_labels_of_walks_are_shuffled_among_walks_and_those_of_trials_among_trials():
    subject, walk = np.repeat(list("abcd"), 8), np.repeat(np.arange(16), 2).astype(str)
    trials = made(subject, np.repeat(list("xy") * 8, 2), walk)
    new, unit = shuffled_labels(trials)
    assert unit == "walk"
    assert new.table.groupby("walk")["label"].nunique().max() == 1
    assert new.table.groupby("subject")["label"].nunique().max() == 2
    assert sorted(new.labels) == sorted(trials.labels)
    assert shuffled_labels(made(subject, list("xy") * 16, walk))[1] == "trial"


@pytest.mark.parametrize("seed", range(20))
def test_a_shuffle_of_few_people_does_not_give_the_labels_back(seed):
    """Of eight people dealt evenly, one plain shuffle in 35 changes nothing, or swaps the two classes."""
    trials = made(list("abcdefgh"), ["healthy"] * 4 + ["patient"] * 4)
    new, _ = shuffled_labels(trials, seed)
    assert mutual_info_score(trials.labels, new.labels) == pytest.approx(0)


def test_the_same_seed_gives_the_same_shuffle_and_another_another():
    trials = made([f"s{k}" for k in range(30)], list("xyz") * 10)
    first, again, other = (shuffled_labels(trials, seed)[0].labels.tolist() for seed in (0, 0, 1))
    assert first == again != other


# -- two ids, one person -------------------------------------------------------------------------------------


class Told:
    """Stored probabilities of who walks: two trials a subject, by a table of subjects by subjects."""

    def __init__(self, probability):
        self.classes = list(probability)
        self.table = probability

    def predictions(self):
        return pd.concat([self.table, self.table]).rename_axis("label").reset_index()


class Asked:
    def __init__(self, label):
        self.trials = made(IDS, label)


@pytest.fixture
def told(monkeypatch):
    """Sets what trees say of who walks: so much is given to oneself, so much to the other id of the pair."""

    def say(own, other):
        rest = (1 - own - other) / (len(IDS) - 2)
        pair = np.arange(len(IDS)) // 2
        table = np.where(pair[:, None] == pair, other, rest)
        np.fill_diagonal(table, own)
        monkeypatch.setattr(shuffling, "told_people", lambda runs: Told(pd.DataFrame(table, IDS, IDS)))

    return say


def test_ids_that_are_taken_for_each_other_are_one_person(told):
    told(0.45, 0.45)
    assert look_alikes(Asked(list("xxyyxxyy"))) == {"b0": "a0", "b1": "a1", "b2": "a2", "b3": "a3"}


def test_ids_of_two_labels_are_two_people(told):
    told(0.45, 0.45)
    assert look_alikes(Asked(list("xyyyxxyy"))) == {"b1": "a1", "b2": "a2", "b3": "a3"}


@pytest.mark.parametrize(("own", "other"), [(0.8, 0.15), (1 / 8, 1 / 8), (0.25, 0.25)])
def test_people_who_are_told_or_whom_nobody_tells_stay_apart(told, own, other):
    told(own, other)
    assert look_alikes(Asked(list("xxyyxxyy"))) == {}


def test_one_person_under_two_ids_has_one_shuffled_label():
    people = {f"b{k}": f"a{k}" for k in range(4)}
    new, unit = shuffled_labels(made(IDS, list("xxyyxxyy")), 0, people)
    assert unit == "subject"
    assert (new.labels[::2] == new.labels[1::2]).all()
    assert mutual_info_score(new.labels, list("xxyyxxyy")) == pytest.approx(0)


# -- what is found -------------------------------------------------------------------------------------------


def of_people(n_people, n_walks, ids):
    """Recordings in which who walks is plain to see, and labels of the person that nothing tells."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(n_people), n_walks)
    signature = 3 * rng.normal(size=(n_people, 4))
    label = rng.permutation(np.arange(n_people) % 2)
    walks = [signature[p] + 0.3 * rng.normal(size=(30, 4)) for p in person]
    return made([ids(i, p) for i, p in enumerate(person)], np.array(["healthy", "patient"])[label[person]], imu=walks)


def verdicts(trials, protocol, store):
    trees = {"trees": Builder("extra_trees", n_estimators=30)}
    runs = gaitlib.benchmark(trees, trials, [protocol], store, progress=False)
    return [f for f in runs.audit(permutations=1).findings if f.check == "shuffled labels"]


def test_a_model_that_recognises_the_person_is_suspect_where_people_are_known(tmp_path):
    (found,) = verdicts(of_people(10, 4, lambda i, p: f"s{p}"), TrialKFold(2, validation=False), tmp_path)
    assert found.verdict == "suspect"
    assert found.detail.startswith("accuracy 1.000 on labels shuffled among subjects, chance is 0.500")


@pytest.mark.slow
def test_one_person_under_two_ids_is_suspect_on_new_people_too(tmp_path):
    trials = of_people(16, 8, lambda i, p: f"{'ab'[i % 2]}{p:02d}")
    (found,) = verdicts(trials, SubjectKFold(4, validation=False), tmp_path)
    assert found.verdict == "suspect"
    assert (
        "(a00 and b00, a01 and b01, a02 and b02 and 13 more cannot be told apart: taken as one person)" in found.detail
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_people", [12, 5])
def test_people_under_one_id_are_no_alarm(n_people, tmp_path):
    (found,) = verdicts(of_people(n_people, 4, lambda i, p: f"s{p:02d}"), SubjectKFold(3, validation=False), tmp_path)
    assert found.verdict == ("ok" if n_people == 12 else "unseen")
    assert ("5 tested are too few to tell" in found.detail) == (n_people == 5)
