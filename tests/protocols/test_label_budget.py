"""Label budgets against brute force: who keeps labels, what is tested, and how larger budgets hold the smaller ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import gaitlib
from gaitlib import (
    LabelBudget,
    LeaveOneGroupOut,
    LeaveOneSubjectOut,
    SubjectHoldout,
    SubjectKFold,
    Target,
    TrialKFold,
    TrialSet,
)

THREE = SubjectKFold(3, validation=False, stratify=True)


def made_of(labels_of, n_walks=3, n_windows=2, order=None, **options):
    """Walks of each person in each of their classes, some windows a walk."""
    rows = [(s, f"{label}{w}", label) for s, labels in labels_of.items() for label in labels for w in range(n_walks)
            for _ in range(n_windows)]  # fmt: skip
    rows = [rows[i] for i in (range(len(rows)) if order is None else order(len(rows)))]
    subject, walk, label = zip(*rows, strict=True)
    return TrialSet.from_arrays({"x": [np.zeros(1)] * len(rows)}, subject=subject, walk=walk, label=label, **options)


def one_class_each(n=18):
    return made_of({f"p{i:02d}": "AB"[i % 2] for i in range(n)})


def all_classes_each(n=9):
    return made_of({f"p{i:02d}": "ABC" for i in range(n)})


def some_classes_each(seed, n=18):
    rng = np.random.default_rng(seed)
    return made_of({f"p{i:02d}": "".join({"ABC"[i % 3], *rng.choice(list("ABC"), 1)}) for i in range(n)})


def labelled(trials, fold):
    """The classes that each person keeps labels of."""
    own = trials.table.iloc[fold.train]
    return own.groupby("subject")["label"].agg(set).to_dict()


# -- people ----------------------------------------------------------------------------------------------


@given(people=st.integers(1, 3), draw=st.integers(0, 50), seed=st.integers(0, 9))
def test_parts_are_those_of_the_protocol_and_people_keep_all_their_labels_or_none(people, draw, seed):
    trials = some_classes_each(seed)
    inner = THREE.folds(trials)
    for fold, whole in zip(LabelBudget(THREE, people, draw=draw).folds(trials), inner, strict=True):
        assert (fold.name, fold.test.tolist(), len(fold.validation)) == (whole.name, whole.test.tolist(), 0)
        assert sorted([*fold.train, *fold.unlabelled]) == whole.train.tolist()
        assert not set(trials.subjects[fold.train]) & set(trials.subjects[fold.unlabelled])
        kept = labelled(trials, fold)
        for label in "ABC":
            assert sum(label in own for own in kept.values()) >= people


@pytest.mark.parametrize("people", [1, 2, 4])
def test_of_one_class_a_person_there_are_so_many_people_a_class(people):
    trials = one_class_each()
    for fold in LabelBudget(THREE, people).folds(trials):
        assert sorted("".join(own) for own in labelled(trials, fold).values()) == ["A"] * people + ["B"] * people


@pytest.mark.parametrize("people", [1, 2, 4])
def test_where_everybody_has_all_classes_there_are_so_many_people(people):
    trials = all_classes_each()
    for fold in LabelBudget(THREE, people).folds(trials):
        assert list(labelled(trials, fold).values()) == [set("ABC")] * people


@given(seed=st.integers(0, 30), draw=st.integers(0, 30), people=st.integers(1, 3))
def test_nobody_keeps_labels_without_need(seed, draw, people):
    """Of the union of the first people of each class, everybody is among the first of a class of theirs: so there are
    at most so many people a class, and those of several classes count for each."""
    trials = some_classes_each(seed)
    for fold in LabelBudget(THREE, people, draw=draw).folds(trials):
        assert people <= len(labelled(trials, fold)) <= 3 * people


@given(seed=st.integers(0, 30), draw=st.integers(0, 30))
def test_larger_budgets_of_a_draw_contain_smaller_ones(seed, draw):
    trials = some_classes_each(seed, n=12)
    inner = SubjectHoldout(validation=False, seed=seed)
    for budgets in ({"people": [1, 2, None]}, {"share": [0.05, 0.25, 0.6, 1.0, None]}):
        ((name, levels),) = budgets.items()
        folds = [LabelBudget(inner, draw=draw, **{name: level}).folds(trials)[0] for level in levels]
        for few, more in zip(folds, folds[1:], strict=False):
            assert set(few.train) <= set(more.train)


def test_draws_folds_and_names_decide_and_the_order_of_trials_does_not():
    trials = one_class_each()
    drawn = [[set(labelled(trials, f)) for f in LabelBudget(THREE, 2, draw=d).folds(trials)] for d in range(5)]
    assert drawn[0] == [set(labelled(trials, f)) for f in clone(LabelBudget(THREE, 2)).folds(trials)]
    assert len({tuple(map(frozenset, one)) for one in drawn}) == 5
    alone = LeaveOneSubjectOut(validation=False)
    order = [frozenset(labelled(trials, f)) for f in LabelBudget(alone, 2).folds(trials)]
    assert len(set(order)) > len(order) / 2, "a fold draws its own people"
    backwards = trials[::-1]
    assert order == [frozenset(labelled(backwards, f)) for f in LabelBudget(alone, 2).folds(backwards)]
    some = LeaveOneSubjectOut(validation=False, n_people=3)
    by_name = {f.name: set(labelled(trials, f)) for f in LabelBudget(some, 2).folds(trials)}
    everybody = {f.name: set(labelled(trials, f)) for f in LabelBudget(alone, 2).folds(trials)}
    assert by_name == {name: everybody[name] for name in by_name}


def test_everybody_is_drawn_about_as_often():
    trials = one_class_each()
    inner = SubjectHoldout(people=["p00", "p01"], validation=False)
    counts = dict.fromkeys(set(trials.subjects) - {"p00", "p01"}, 0)
    for draw in range(200):
        for person in labelled(trials, LabelBudget(inner, 2, draw=draw).folds(trials)[0]):
            counts[person] += 1
    assert len(counts) == 16
    assert all(25 < n < 75 for n in counts.values()), counts  # 50 expected, SD 6


def test_without_a_budget_all_labels_are_kept():
    trials = one_class_each()
    for fold, whole in zip(LabelBudget(THREE).folds(trials), THREE.folds(trials), strict=True):
        assert fold.train.tolist() == whole.train.tolist()
        assert len(fold.unlabelled) == 0


def test_people_without_any_label_are_never_drawn():
    trials = made_of({f"p{i}": "AB"[i % 2] for i in range(12)}, targets={"speed": Target("continuous", [1.0] * 72)})
    trials.table.loc[np.isin(trials.subjects, ["p4", "p5", "p7"]), "label"] = None
    inner = SubjectHoldout(people=["p0", "p1"], validation=False)
    for draw in range(20):
        (fold,) = LabelBudget(inner, 3, draw=draw).folds(trials)
        assert set(trials.subjects[fold.unlabelled]) >= {"p4", "p5", "p7"}
        assert trials.table["label"].iloc[fold.train].notna().all()


def test_where_the_target_is_a_number_so_many_people_keep_it():
    trials = made_of({f"p{i}": "A" for i in range(8)}, targets={"speed": Target("continuous", np.arange(48.0))})
    judged = trials.judged_by("speed")
    for fold in LabelBudget(LeaveOneSubjectOut(validation=False), 2).folds(judged):
        assert len(set(trials.subjects[fold.train])) == 2
    for fold in LabelBudget(LeaveOneSubjectOut(validation=False), share=0.5).folds(judged):
        assert len(set(trials.walks[fold.train])) == round(21 / 2)


# -- a share of the walks --------------------------------------------------------------------------------


@given(share=st.floats(0.01, 1), draw=st.integers(0, 30), seed=st.integers(0, 9))
def test_a_share_of_whole_walks_of_each_class_keeps_labels(share, draw, seed):
    trials = some_classes_each(seed)
    for fold, whole in zip(LabelBudget(THREE, share=share, draw=draw).folds(trials), THREE.folds(trials), strict=True):
        assert sorted([*fold.train, *fold.unlabelled]) == whole.train.tolist()
        assert not set(trials.walks[fold.train]) & set(trials.walks[fold.unlabelled])
        own, every = (trials.table.iloc[part].groupby("label")["walk"].nunique() for part in (fold.train, whole.train))
        assert own.to_dict() == {label: max(1, round(share * n)) for label, n in every.items()}


def test_everybody_comes_once_before_anybody_comes_twice():
    trials = all_classes_each(9)  # three walks a class and person; six people train
    for draw in range(5):
        for share, most in ((1 / 6, 1), (1 / 3, 1), (2 / 3, 2), (0.5, 2)):
            for fold in LabelBudget(THREE, share=share, draw=draw).folds(trials):
                own = trials.table.iloc[fold.train].groupby(["label", "subject"])["walk"].nunique()
                assert own.max() == most
                assert len(own) == 3 * min(6, round(share * 18))


def test_a_walk_with_several_classes_counts_for_each():
    trials = made_of({f"p{i}": "AB" for i in range(8)}, n_walks=4, n_windows=1)
    walks = [f"{s}/{w[-1]}" for s, w in zip(trials.subjects, trials.walks, strict=True)]  # A0 and B0 are one walk
    trials.table["walk"] = walks
    for fold in LabelBudget(SubjectKFold(2, validation=False), share=0.25).folds(trials):
        assert len(set(trials.walks[fold.train])) == 4
        assert len(fold.train) == 8


# -- words and refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "name", "claim"),
    [
        (LabelBudget(THREE, 1, draw=3), "subject K-fold, labels of 1 person a class, draw 3",
         "a new person, from the labels of 1 person a class"),
        (LabelBudget(TrialKFold(validation=False), share=0.05, draw=1),
         "trial K-fold (subjects on both sides), labels of 5 % of the walks of all people, draw 1",
         "a new walk of a known person, from the labels of 5 % of the walks of all people"),
        (LabelBudget(LeaveOneGroupOut("clinic", False), draw=4), "leave-one-group-out (clinic), labels of all people",
         "a new clinic, from the labels of all people"),
    ],
)  # fmt: skip
def test_name_and_claim_say_the_budget(made, name, claim):
    assert (made.name, str(made.claim)) == (name, claim)
    assert made.claim.disjoint == made.protocol.claim.disjoint
    assert made.unit == made.protocol.unit


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (LabelBudget(SubjectKFold(3), 2), "validation would watch labels beyond the budget.*validation=False"),
        (LabelBudget(THREE, 2, 0.5), "people= or share=, not both"),
        (LabelBudget(THREE, 0), "people must be a whole number from 1, not 0"),
        (LabelBudget(THREE, 2.0), "people must be a whole number from 1, not 2.0"),
        (LabelBudget(THREE, True), "people must be a whole number from 1, not True"),
        (LabelBudget(THREE, share=0), "share must be above 0 and up to 1, not 0"),
        (LabelBudget(THREE, share=5), "share must be above 0 and up to 1, not 5"),
        (LabelBudget(THREE, 2, draw=-1), "draw must be a whole number from 0, not -1"),
        (LabelBudget(THREE, 7), "fold fold1: A has 6 training subjects, fewer than the budget"),
    ],
)
def test_what_cannot_be_is_refused(made, words):
    with pytest.raises(gaitlib.GaitDataError, match=words):
        made.folds(one_class_each())
