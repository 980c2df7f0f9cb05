"""Groups by any column, claims and named people, against brute force."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import gaitlib
from gaitlib import GroupKFold, LeaveOneGroupOut, LeaveOneSubjectOut, SubjectHoldout, SubjectKFold, TrialKFold
from gaitlib.audit.checks import audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON, Claim, Protocol
from gaitlib.protocols.validation import cut_validation

PARTS = ("train", "validation", "test")


def table(rows):
    """Trials of (subject, clinic, label) rows."""
    subject, clinic, label = zip(*rows, strict=True)
    values = [np.zeros(1)] * len(rows)
    return gaitlib.TrialSet.from_arrays({"x": values}, subject=subject, label=label, targets={"clinic": list(clinic)})


def clinics(sizes, classes="AB", n_trials=1):
    """``sizes[c]`` subjects in clinic c, each with ``n_trials`` trials of every class."""
    rows = [
        (f"c{c}s{s}", f"clinic{c}", k) for c, n in enumerate(sizes) for s in range(n) for k in classes
    ] * n_trials  # fmt: skip
    return table(rows)


SIZES = st.lists(st.integers(1, 4), min_size=3, max_size=7)
SPARSE = st.lists(st.tuples(st.integers(0, 7), st.sampled_from("AAB")), min_size=1, max_size=30).map(
    lambda rows: table([(f"s{s}", f"clinic{s % 3}", label) for s, label in rows])
)


def apart(trials, fold, column, parts=PARTS):
    seen = [set(trials.table[column].iloc[getattr(fold, part)]) for part in parts]
    return len(set().union(*seen)) == sum(map(len, seen))


def n_watched(n_units):
    return max(1, round(n_units / 5))


# -- leaving groups out ----------------------------------------------------------------------------------


@given(sizes=SIZES, seed=st.integers(0, 99))
def test_each_group_is_tested_once_and_splits_neither_group_nor_subject(sizes, seed):
    trials = clinics(sizes)
    folds = LeaveOneGroupOut("clinic", seed=seed).folds(trials)
    own = trials.table["clinic"].to_numpy()
    assert {f.name: f.test.tolist() for f in folds} == {c: np.flatnonzero(own == c).tolist() for c in set(own)}
    assert [f.name for f in folds] == sorted(set(own))
    for fold in folds:
        assert sorted(np.concatenate([getattr(fold, p) for p in PARTS])) == list(range(len(trials)))
        assert apart(trials, fold, "clinic")
        assert apart(trials, fold, "subject")
        assert set(own[fold.train])
        watched, rest = trials[fold.validation], np.concatenate([fold.train, fold.validation])
        assert watched.table["clinic"].nunique() >= n_watched(len(sizes) - 1)
        if len(set(trials.subjects[rest])) >= 6:
            assert watched.table["subject"].nunique() >= 2


@given(trials=SPARSE, seed=st.integers(0, 99))
def test_leaving_a_group_out_is_refused_only_where_it_is_impossible(trials, seed):
    own, labels = trials.table["clinic"].to_numpy(), trials.labels

    def possible(tested):
        rest = own != tested
        others = sorted(set(own[rest]))
        fewest = 2 if len(set(trials.subjects[rest])) >= 6 else 1
        cuts = [set(c) for n in range(1, len(others)) for c in combinations(others, n)]
        good = [
            c for c in cuts
            if set(labels[rest & ~np.isin(own, list(c))]) == set(labels)
            and len(set(trials.subjects[np.isin(own, list(c))])) >= fewest
        ]  # fmt: skip
        return set(labels[rest]) == set(labels) and any(len(c) >= n_watched(len(others)) for c in good)

    if len(set(own)) > 1 and len(set(labels)) > 1 and all(possible(c) for c in set(own)):
        assert len(LeaveOneGroupOut("clinic", seed=seed).folds(trials)) == len(set(own))
    else:
        with pytest.raises(gaitlib.GaitDataError):
            LeaveOneGroupOut("clinic", seed=seed).folds(trials)


@given(sizes=st.lists(st.integers(1, 3), min_size=6, max_size=9), n_splits=st.integers(2, 4), seed=st.integers(0, 99))
def test_each_group_is_dealt_once_a_repeat(sizes, n_splits, seed):
    trials = clinics(sizes)
    folds = GroupKFold("clinic", n_splits, seed=seed, repeats=2, validation="subject").folds(trials)
    assert [f.name for f in folds] == [f"repeat{r}-fold{k + 1}" for r in (1, 2) for k in range(n_splits)]
    for repeat in (folds[:n_splits], folds[n_splits:]):
        assert sorted(np.concatenate([f.test for f in repeat])) == list(range(len(trials)))
        tested = [trials.table["clinic"].iloc[f.test].nunique() for f in repeat]
        assert max(tested) - min(tested) <= 1
    assert all(apart(trials, f, "subject") and apart(trials, f, "clinic", ("train", "test")) for f in folds)


def test_by_subject_they_are_the_subject_protocols():
    trials = clinics([4, 4])
    pairs = [
        (LeaveOneGroupOut("subject", seed=3), LeaveOneSubjectOut(seed=3)),
        (GroupKFold("subject", 4, seed=3, repeats=2), SubjectKFold(4, seed=3, repeats=2)),
    ]
    for by_column, plain in pairs:
        assert (by_column.claim, by_column.unit) == (NEW_PERSON, "subject")
        for a, b in zip(by_column.folds(trials), plain.folds(trials), strict=True):
            assert a.name == b.name
            assert all(np.array_equal(getattr(a, p), getattr(b, p)) for p in PARTS)


def test_the_name_says_the_column_and_the_claim_its_disjoint_columns():
    made = LeaveOneGroupOut("dataset")
    assert (made.name, GroupKFold("clinic").name) == ("leave-one-group-out (dataset)", "group K-fold (clinic)")
    assert made.claim == Claim("a new dataset", ("subject", "dataset"))
    assert (str(made.claim), f"{NEW_PERSON}") == ("a new dataset", "a new person")
    assert (NEW_PERSON.disjoint, KNOWN_PERSON.disjoint) == (("subject",), ("walk",))
    assert made.unit == clone(made).set_params(seed=3).unit == "dataset"


def test_folds_by_group_are_pure():
    trials, made = clinics([2, 3, 2, 1]), GroupKFold("clinic", 2, seed=1)
    before, first = trials.digest(), made.folds(trials)
    GroupKFold("clinic", 2, seed=2).folds(trials)
    for a, b in zip(first, clone(made).folds(trials), strict=True):
        assert all(np.array_equal(getattr(a, p), getattr(b, p)) for p in PARTS)
    assert trials.digest() == before


def test_numbers_may_be_groups():
    trials = clinics([1, 1, 1])
    trials.table["clinic"] = [3, 3, 1, 1, 2, 2]
    assert [f.name for f in LeaveOneGroupOut("clinic").folds(trials)] == ["1", "2", "3"]


# -- refusals --------------------------------------------------------------------------------------------

GROUPED = [LeaveOneGroupOut("clinic"), GroupKFold("clinic", 2)]


@pytest.mark.parametrize("made", GROUPED, ids=lambda p: p.name)
def test_a_subject_in_two_groups_is_refused_with_what_to_do(made):
    trials = clinics([2, 2, 2])
    trials.table.loc[0, "clinic"] = "clinic2"
    with pytest.raises(gaitlib.GaitDataError) as error:
        made.folds(trials)
    for words in (made.name, "subject 'c0s0' has trials in 2 groups (clinic0, clinic2)", "one clinic",
                  "LeaveOneRepetitionOut('clinic')"):  # fmt: skip
        assert words in str(error.value)


@pytest.mark.parametrize("made", GROUPED, ids=lambda p: p.name)
@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_trial_without_a_group_is_refused_by_its_id(made, missing):
    trials = clinics([2, 2, 2])
    trials.table["clinic"] = [*trials.table["clinic"][:3], missing, *trials.table["clinic"][4:]]
    with pytest.raises(gaitlib.GaitDataError, match=rf"\(clinic\): {trials.ids[3]} has no clinic"):
        made.folds(trials)


@pytest.mark.parametrize("made", [LeaveOneGroupOut("ward"), GroupKFold("ward")], ids=lambda p: p.name)
def test_a_column_that_is_not_there_is_refused(made):
    with pytest.raises(gaitlib.GaitDataError, match="has no column 'ward'; it has trial, subject, .*clinic"):
        made.folds(clinics([2, 2, 2]))


def test_too_few_groups_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="needs at least 2 groups of clinic, there is 1"):
        LeaveOneGroupOut("clinic").folds(clinics([4]))
    with pytest.raises(gaitlib.GaitDataError, match="needs at least 5 groups of clinic, there are 3"):
        GroupKFold("clinic").folds(clinics([2, 2, 2]))


def test_a_class_of_one_group_alone_is_refused():
    trials = table([*[(f"{c}{s}", c, k) for c in "xyz" for s in range(3) for k in "AB"], ("z0", "z", "C")])
    with pytest.raises(gaitlib.GaitDataError, match=r"\(clinic\), fold z: no C among the training trials"):
        LeaveOneGroupOut("clinic", validation=False).folds(trials)


# -- validation ------------------------------------------------------------------------------------------


def test_two_groups_leave_none_to_watch_but_subjects():
    trials = clinics([6, 6])
    with pytest.raises(gaitlib.GaitDataError, match="only one clinic to train on.*validation='subject'"):
        LeaveOneGroupOut("clinic").folds(trials)
    for fold in LeaveOneGroupOut("clinic", validation="subject").folds(trials):
        assert apart(trials, fold, "subject")
        assert len(set(trials.subjects[fold.validation])) == 2
    for fold in LeaveOneGroupOut("clinic", validation=False).folds(trials):
        assert len(fold.validation) == 0


@pytest.mark.parametrize(
    "made", [LeaveOneSubjectOut(validation="walk"), LeaveOneGroupOut("clinic", "session")], ids=repr
)
def test_validation_that_would_watch_people_who_are_learnt_from_is_refused(made):
    trials = clinics([2, 2, 2], n_trials=2)
    trials.table["session"] = np.arange(len(trials)) // 12
    with pytest.raises(gaitlib.GaitDataError, match=f"validation by {made.validation} would watch people .*'c0s0'"):
        made.folds(trials)


def test_validation_by_a_coarser_column_keeps_subjects_whole():
    trials = clinics([2, 2, 2, 2])
    for fold in LeaveOneSubjectOut(validation="clinic").folds(trials):
        assert apart(trials, fold, "subject")
        assert apart(trials, fold, "clinic", ("train", "validation"))


@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=8), seed=st.integers(0, 99))
def test_any_column_cuts_validation_with_two_subjects_where_six_train(sizes, seed):
    trials = clinics(sizes)
    fewest = 2 if sum(sizes) >= 6 else 1
    subsets = [c for n in range(1, len(sizes)) for c in combinations(sizes, n)]
    if not any(len(c) >= n_watched(len(sizes)) and sum(c) >= fewest for c in subsets):
        with pytest.raises(gaitlib.GaitDataError, match="of at least 2 subjects"):
            cut_validation(trials, "clinic", seed)
        return
    train, validation = cut_validation(trials, "clinic", seed)
    watched = trials[validation].table
    assert sorted([*train, *validation]) == list(range(len(trials)))
    assert not set(watched["clinic"]) & set(trials[train].table["clinic"])
    assert watched["subject"].nunique() >= fewest
    largest = watched.groupby("clinic")["subject"].nunique().max()
    enough = watched["clinic"].nunique() == n_watched(len(sizes))
    assert enough or watched["subject"].nunique() - largest < fewest  # no group more than it takes


def test_a_column_that_splits_a_walk_cuts_no_validation():
    trials = table([(s, c, k) for s in "abc" for k in "AB" for c in ("left", "right")])
    trials = replace(trials, table=trials.table.assign(walk=np.repeat([f"w{i}" for i in range(6)], 2)))
    with pytest.raises(gaitlib.GaitDataError, match="validation by clinic: walk 'w0' has trials in two groups"):
        cut_validation(trials, "clinic", 0)


def test_a_missing_value_cuts_no_validation():
    trials = clinics([1, 1, 1])
    trials.table.loc[2, "clinic"] = None
    with pytest.raises(gaitlib.GaitDataError, match=f"validation by clinic: {trials.ids[2]} has no clinic"):
        cut_validation(trials, "clinic", 0)


def test_the_cuts_of_earlier_versions_are_the_same():
    trials = clinics([5, 4], n_trials=2)
    watched = {unit: cut_validation(trials, unit, 7)[1].tolist() for unit in ("subject", "walk")}
    assert watched == {"subject": [0, 1, 16, 17, 18, 19, 34, 35], "walk": [0, 4, 9, 10, 18, 28, 29]}


# -- named people ----------------------------------------------------------------------------------------


@given(n_people=st.integers(1, 6), seed=st.integers(0, 99))
def test_as_many_people_as_asked_are_tested(n_people, seed):
    trials = clinics([4, 3])
    made = SubjectHoldout(n_people=n_people, seed=seed, validation=False)
    (fold,) = made.folds(trials)
    assert len(set(trials.subjects[fold.test])) == n_people
    assert apart(trials, fold, "subject", ("train", "test"))
    assert fold.test.tolist() == clone(made).folds(trials)[0].test.tolist()


@given(people=st.sets(st.sampled_from([f"c0s{i}" for i in range(7)]), min_size=1, max_size=5))
def test_just_the_named_people_are_tested(people):
    trials = clinics([7])
    (fold,) = SubjectHoldout(people=sorted(people)).folds(trials)
    assert fold.test.tolist() == [i for i in range(len(trials)) if trials.subjects[i] in people]
    assert apart(trials, fold, "subject")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"people": ["c0s1", "zoe"]}, "no subject 'zoe' here; there are c0s0, c0s1, c0s2"),
        ({"people": []}, "names 0 of 3 subjects"),
        ({"people": ["c0s0", "c0s1", "c0s2"]}, "names 3 of 3 subjects"),
        ({"people": ["c0s0"], "n_people": 1}, "not both"),
        ({"n_people": 0}, "from 1 to 2 where there are 3 subjects, not 0"),
        ({"n_people": 3}, "from 1 to 2 .*, not 3"),
        ({"n_people": 1.5}, "from 1 to 2 .*, not 1.5"),
    ],
)
def test_unknown_names_and_impossible_numbers_are_refused(settings, words):
    with pytest.raises(gaitlib.GaitDataError, match=f"subject hold-out: .*{words}"):
        SubjectHoldout(**settings).folds(clinics([3]))


def test_one_name_may_stand_alone():
    trials = clinics([3])
    assert set(trials.subjects[SubjectHoldout(people="c0s1").folds(trials)[0].test]) == {"c0s1"}


# -- what the results say --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made", [LeaveOneGroupOut("clinic"), LeaveOneGroupOut("clinic", "subject"), GroupKFold("clinic", 2)], ids=repr
)
def test_the_audit_finds_no_leak_in_groups(made):
    values = list(np.random.default_rng(0).normal(size=(24, 30, 2)))
    given = clinics([3, 3, 3, 3])
    trials = gaitlib.TrialSet.from_arrays({"x": values}, subject=given.subjects, label=given.labels)
    trials = replace(trials, table=trials.table.assign(clinic=given.table["clinic"]))
    findings = audit_split(trials, made, made.folds(trials), find_copies(trials))
    assert not [f for f in findings if f.verdict in ("leak", "suspect")]


class Careless(TrialKFold):
    """Claims a new clinic and tests known ones."""

    claim = Claim("a new clinic", ("clinic",))


def test_a_protocol_that_breaks_the_claim_of_a_column_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="clinic 'clinic.' stands on both sides"):
        Careless(2).folds(clinics([3, 3], n_trials=3))


def test_a_protocol_claims_nothing_unless_it_says_so():
    assert Protocol.claim == Claim("nothing", ())
