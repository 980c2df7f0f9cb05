"""Where targets are declared a label may be missing: it is no class, and is dealt evenly too."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib import (
    LeaveOneGroupOut,
    LeaveOneRepetitionOut,
    LeaveOneSubjectOut,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    Target,
    TrialKFold,
    TrialSet,
)
from gaitlib.audit.checks import audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.protocols.folds import Fold
from gaitlib.protocols.validation import cut_validation

EVERY = [
    LeaveOneSubjectOut(), LeaveOneGroupOut("clinic", "subject"), LeaveOneRepetitionOut(), SubjectHoldout(),
    SubjectKFold(3), SubjectKFold(3, stratify=True), TrialKFold(3), RandomTrialSplit(),
]  # fmt: skip


def trials_with(label, n_people=8, declared=True):
    """Six walks of each person; ``label(person, walk)`` may be None."""
    people, walks = np.repeat(np.arange(n_people), 6), np.tile(np.arange(6), n_people)
    targets = {"clinic": list(people % 4), "repetition": list(walks)}
    if declared:
        targets["speed"] = Target("continuous", np.random.default_rng(0).normal(size=len(people)), "m/s")
    labels = [label(p, w) for p, w in zip(people, walks, strict=True)]
    return TrialSet.from_arrays(
        {"x": [np.zeros(1)] * len(people)}, subject=people, walk=walks, label=labels, targets=targets
    )


def some(p, w):
    return [None, "A", "B"][(p + w) % 3]


def none_of_some_people(p, w):
    return None if p >= 5 else "AB"[w % 2]


@pytest.mark.parametrize("made", EVERY, ids=repr)
@pytest.mark.parametrize("label", [some, none_of_some_people, lambda p, w: None])
def test_missing_labels_are_no_class_where_targets_are_declared(made, label):
    trials = trials_with(label)
    folds = made.folds(trials)
    for fold in folds:
        assert len(fold.train)
        assert len(fold.validation)
        everything = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(everything) == list(range(len(trials)))
        assert set(trials[fold.train].classes) == set(trials.classes)


@pytest.mark.parametrize("made", EVERY, ids=repr)
@pytest.mark.parametrize("label", [some, lambda p, w: None])
def test_without_declared_targets_a_missing_label_is_refused_as_ever(made, label):
    with pytest.raises(gaitlib.GaitDataError, match="has no label; leave such trials out"):
        made.folds(trials_with(label, declared=False))


def test_a_single_class_is_refused_with_missing_labels_too():
    with pytest.raises(gaitlib.GaitDataError, match="only the class 'A' is there"):
        LeaveOneSubjectOut().folds(trials_with(lambda p, w: "A" if w else None))


def test_a_class_of_the_tested_alone_is_refused_with_missing_labels_too():
    with pytest.raises(gaitlib.GaitDataError, match="fold 3: no B among the training trials"):
        LeaveOneSubjectOut().folds(trials_with(lambda p, w: None if w else "B" if p == 3 else "A"))


@pytest.mark.parametrize("made", [TrialKFold(3, validation=False), SubjectKFold(4, validation=False, stratify=True)])
def test_unlabelled_trials_are_dealt_evenly(made):
    trials = trials_with(lambda p, w: None if (p < 4 if "subject" in made.name else w % 3 == 0) else "AB"[w % 2])
    unlabelled = [trials.table["label"].iloc[fold.test].isna().sum() for fold in made.folds(trials)]
    assert max(unlabelled) - min(unlabelled) <= 1


@pytest.mark.parametrize("n_lone", [1, 2])
def test_the_random_split_is_made_where_few_walks_have_no_label(n_lone):
    trials = trials_with(lambda p, w: None if p == 0 and w < n_lone else "AB"[w % 2])
    (fold,) = RandomTrialSplit(validation=False).folds(trials)
    assert len(fold.test) == 10


@pytest.mark.parametrize(("labels", "verdict"), [("AAB", "ok"), (["A", None, "B"], "ok"), ("ABB", "suspect")])
@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_copy_without_a_label_has_not_two(labels, verdict, missing):
    one, other = np.random.default_rng(0).normal(size=(2, 80, 2))
    speed = Target("continuous", [1, 2, 3])
    trials = TrialSet.from_arrays({"x": [one, one, other]}, subject=list("aab"), targets={"speed": speed})
    trials.table["label"] = pd.Series([missing if v is None else v for v in labels], dtype=object)
    fold = Fold("f", np.array([2]), np.array([], int), np.array([0, 1]))
    found = audit_split(trials, SubjectHoldout(people="a", validation=False), [fold], find_copies(trials))
    assert {f.check: f.verdict for f in found}["labels"] == verdict


# -- validation ------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 99), n_unlabelled=st.integers(0, 5))
def test_people_without_labels_are_never_watched_and_count_for_nothing(seed, n_unlabelled):
    trials = trials_with(lambda p, w: None if p < n_unlabelled else "AB"[w % 2], n_people=15)
    _, watched = cut_validation(trials, "subject", seed)
    assert not trials.table["label"].iloc[watched].isna().any()
    assert len(set(trials.subjects[watched])) == max(2, round((15 - n_unlabelled) / 5))


@given(seed=st.integers(0, 99), n_people=st.integers(2, 12))
def test_without_any_label_a_fifth_of_the_people_is_watched(seed, n_people):
    trials = trials_with(lambda p, w: None, n_people=n_people)
    train, watched = cut_validation(trials, "subject", seed)
    assert len(set(trials.subjects[watched])) == max(2 if n_people >= 6 else 1, round(n_people / 5))
    assert not set(trials.subjects[watched]) & set(trials.subjects[train])


def test_somebody_is_left_to_learn_from_without_any_label():
    """Two clinics, of one person and of five: watching two people would take both clinics."""
    trials = trials_with(lambda p, w: None, n_people=6)
    trials.table["clinic"] = ["small" if s == "0" else "large" for s in trials.subjects]
    for seed in range(6):
        train, watched = cut_validation(trials, "clinic", seed)
        assert len(train)
        assert len(set(trials.subjects[watched])) >= 2
