"""Every protocol against brute force, on complete and on random tables."""

from itertools import combinations
from math import ceil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_runs import planted_runs
from sklearn.base import clone

import gaitlib
from gaitlib import (
    LeaveOneRepetitionOut,
    LeaveOneSubjectOut,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    TrialKFold,
)
from gaitlib.audit.checks import audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON

NEW = [LeaveOneSubjectOut, SubjectKFold, SubjectHoldout]
KNOWN = [TrialKFold, RandomTrialSplit]
EVERY = [*NEW, *KNOWN]
EXHAUSTIVE = [LeaveOneSubjectOut, SubjectKFold, TrialKFold]
REPEATABLE = [SubjectKFold, TrialKFold]
SEEDED = [SubjectKFold, SubjectHoldout, TrialKFold, RandomTrialSplit]


def table(rows):
    """Trials of (subject, walk, label) rows."""
    subject, walk, label = zip(*rows, strict=True)
    values = [np.zeros(1)] * len(rows)
    return gaitlib.TrialSet.from_arrays({"x": values}, subject=subject, walk=walk, label=label)


def rows_of(counts, views=(1,)):
    """``counts[s][c]`` walks of subject s in class c, with the numbers of views taken in turn."""
    rows = []
    for s, of_subject in enumerate(counts):
        for c, n in enumerate(of_subject):
            for w in range(n):
                rows += [(f"s{s:02d}", f"{c}-{w}", "ABC"[c])] * views[len(rows) % len(views)]
    return rows


def complete(n_subjects=8, n_classes=3, n_walks=3, views=(1, 2, 1, 3)):
    return table(rows_of([[n_walks] * n_classes] * n_subjects, views))


VIEWS = st.lists(st.integers(1, 4), min_size=1, max_size=5)
COMPLETE = st.builds(complete, st.integers(5, 9), st.integers(2, 3), st.integers(2, 4), VIEWS)
SPARSE = (
    st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=7)
    .filter(lambda counts: np.sum(counts) > 0)
    .flatmap(lambda counts: VIEWS.map(lambda views: table(rows_of(counts, views))))
)


def check_fold(protocol, fold, trials):
    """What holds for every fold of every protocol."""
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(trials)))
    assert all(len(p) for p in parts.values())
    column = {"subject": trials.subjects, "walk": trials.walks}
    for unit in {"walk", protocol.unit}:
        seen = [set(column[unit][p]) for p in parts.values()]
        assert len(set().union(*seen)) == sum(map(len, seen)), f"a {unit} is on two sides"
    assert set(trials.labels[fold.train]) == set(trials.labels)
    units = column[protocol.unit]
    n = len(set(units[fold.train]) | set(units[fold.validation]))
    fewest = 2 if protocol.unit == "subject" and n >= 6 else 1
    assert len(set(units[fold.validation])) == max(fewest, round(n / 5))


def same(folds, others):
    return all(
        a.name == b.name and all(np.array_equal(getattr(a, p), getattr(b, p)) for p in ("train", "validation", "test"))
        for a, b in zip(folds, others, strict=True)
    )


# -- every protocol --------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", EVERY)
@given(trials=COMPLETE, seed=st.integers(0, 99))
def test_complete_tables_are_split_cleanly(protocol, trials, seed):
    made = protocol(seed=seed) if protocol is not TrialKFold else protocol(n_splits=3, seed=seed)
    folds = made.folds(trials)
    for fold in folds:
        check_fold(made, fold, trials)
    if protocol in EXHAUSTIVE:
        assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(trials)))
    else:
        assert len(folds) == 1
    assert len({fold.name for fold in folds}) == len(folds)


@pytest.mark.parametrize("protocol", EVERY)
@given(trials=SPARSE, seed=st.integers(0, 99))
def test_sparse_tables_are_split_cleanly_or_refused(protocol, trials, seed):
    made = protocol(seed=seed).set_params(**{"n_splits": 2} if protocol in (SubjectKFold, TrialKFold) else {})
    try:
        folds = made.folds(trials)
    except gaitlib.GaitDataError:
        return
    for fold in folds:
        check_fold(made, fold, trials)


def can_leave_one_out(trials):
    """By brute force: whether each subject leaves every class behind, also when others are watched."""
    subjects, labels = trials.subjects, trials.labels
    for tested in set(subjects):
        others = sorted(set(subjects) - {tested})
        n = max(2 if len(others) >= 6 else 1, round(len(others) / 5))
        left = (labels[~np.isin(subjects, [tested, *watched])] for watched in combinations(others, n))
        if not any(set(rest) == set(labels) for rest in left):
            return False
    return len(set(labels)) > 1


@given(trials=SPARSE, seed=st.integers(0, 99))
def test_leaving_one_subject_out_is_refused_only_where_it_is_impossible(trials, seed):
    if can_leave_one_out(trials):
        assert len(LeaveOneSubjectOut(seed=seed).folds(trials)) == len(set(trials.subjects))
    else:
        with pytest.raises(gaitlib.GaitDataError):
            LeaveOneSubjectOut(seed=seed).folds(trials)


@pytest.mark.parametrize("protocol", EVERY)
def test_folds_are_pure(protocol):
    trials = complete()
    made, before = protocol(seed=1), trials.digest()
    first = made.folds(trials)
    protocol(seed=2).folds(trials)
    made.folds(complete(5))
    assert same(first, made.folds(trials))
    assert same(first, clone(made).folds(trials))
    assert trials.digest() == before


@pytest.mark.parametrize("protocol", SEEDED)
def test_another_seed_tests_other_trials(protocol):
    trials = complete()
    tested = {tuple(protocol(seed=seed).folds(trials)[0].test) for seed in range(10)}
    assert len(tested) > 1


def test_another_seed_watches_other_subjects_of_the_same_folds():
    a, b = (LeaveOneSubjectOut(seed=seed).folds(complete()) for seed in (0, 1))
    assert all(np.array_equal(x.test, y.test) for x, y in zip(a, b, strict=True))
    assert any(not np.array_equal(x.validation, y.validation) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("protocol", EVERY)
def test_without_validation_all_the_rest_is_learnt_from(protocol):
    trials = complete()
    with_it, without = protocol().folds(trials), protocol(validation=False).folds(trials)
    for a, b in zip(with_it, without, strict=True):
        np.testing.assert_array_equal(a.test, b.test)
        assert len(b.validation) == 0
        assert sorted([*a.train, *a.validation]) == b.train.tolist()


@pytest.mark.parametrize("protocol", NEW)
def test_subject_protocols_claim_a_new_person(protocol):
    assert (protocol.claim, protocol.unit) == (NEW_PERSON, "subject")


@pytest.mark.parametrize("protocol", KNOWN)
def test_trial_protocols_claim_a_known_person_only_and_show_it(protocol):
    assert (protocol.claim, protocol.unit) == (KNOWN_PERSON, "walk")
    trials = complete()
    fold = protocol().folds(trials)[0]
    assert set(trials.subjects[fold.test]) & set(trials.subjects[fold.train])


# -- brute force -----------------------------------------------------------------------------------------


@given(trials=COMPLETE)
def test_each_subject_is_left_out_once_under_its_name(trials):
    tested = {fold.name: fold.test.tolist() for fold in LeaveOneSubjectOut().folds(trials)}
    assert tested == {s: [i for i in range(len(trials)) if trials.subjects[i] == s] for s in set(trials.subjects)}


@pytest.mark.parametrize(("n_subjects", "n_splits", "sizes"), [(8, 4, [2] * 4), (7, 3, [2, 2, 3]), (5, 5, [1] * 5)])
def test_subject_folds_are_of_like_size(n_subjects, n_splits, sizes):
    trials = complete(n_subjects)
    folds = SubjectKFold(n_splits, seed=3).folds(trials)
    assert sorted(len(set(trials.subjects[fold.test])) for fold in folds) == sizes


@pytest.mark.parametrize(("share", "n_tested"), [(0.25, 2), (0.3, 3), (0.5, 4)])
def test_the_holdout_is_the_asked_share_of_the_subjects(share, n_tested):
    trials = complete(8)
    (fold,) = SubjectHoldout(share).folds(trials)
    assert len(set(trials.subjects[fold.test])) == n_tested


@given(n_walks=st.integers(1, 4), share=st.sampled_from([0.2, 0.25, 0.4]), seed=st.integers(0, 99))
def test_the_random_split_tests_the_asked_share_of_each_class(n_walks, share, seed):
    trials = complete(6, 3, n_walks)
    (fold,) = RandomTrialSplit(share, seed=seed).folds(trials)
    tested = trials[fold.test].table.groupby("label")["walk"].nunique()
    assert tested.sum() == ceil(share * 18 * n_walks)
    assert all(abs(n - share * 6 * n_walks) < 1 for n in tested)


@given(n_walks=st.integers(1, 4), n_splits=st.integers(2, 5), seed=st.integers(0, 99))
def test_trial_folds_hold_like_shares_of_each_class(n_walks, n_splits, seed):
    trials = complete(6, 3, n_walks, views=(2,))
    for fold in TrialKFold(n_splits, seed=seed).folds(trials):
        tested = trials[fold.test].table.groupby("label")["walk"].nunique()
        assert set(tested.index) == set("ABC")
        assert all(abs(n - 6 * n_walks / n_splits) < 1 for n in tested)


def test_the_random_split_mixes_subjects_over_seeds():
    trials = complete(4)
    tested = [set(trials.walks[RandomTrialSplit(seed=seed).folds(trials)[0].test]) for seed in range(30)]
    assert set().union(*tested) == set(trials.walks)


# -- subjects of one class -------------------------------------------------------------------------------


def one_class_each(n_subjects, n_walks=(2, 3)):
    """``n_subjects[c]`` subjects with each class alone, and ``n_walks`` in turn."""
    classes = np.repeat(np.arange(len(n_subjects)), n_subjects)
    walks = np.resize(n_walks, len(classes))
    return table(rows_of(walks[:, None] * (classes[:, None] == np.arange(len(n_subjects)))))


@given(n_subjects=st.lists(st.integers(4, 9), min_size=2, max_size=3), seed=st.integers(0, 99))
def test_stratified_folds_hold_like_shares_of_the_subjects_of_each_class(n_subjects, seed):
    trials, made = one_class_each(n_subjects, (3,)), SubjectKFold(3, seed=seed, stratify=True)
    folds = made.folds(trials)
    for fold in folds:
        check_fold(made, fold, trials)
        tested = trials[fold.test].table.groupby("label")["subject"].nunique()
        assert all(abs(tested.get(c, 0) - n / 3) < 1 for c, n in zip("ABC", n_subjects, strict=False))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(trials)))


def test_without_stratification_a_class_may_be_missing_from_a_fold():
    trials = one_class_each([4, 20])
    missed = {False: 0, True: 0}
    for stratify in missed:
        for seed in range(10):
            folds = SubjectKFold(4, seed=seed, stratify=stratify).folds(trials)
            missed[stratify] += sum(len(set(trials.labels[fold.test])) < 2 for fold in folds)
    assert missed[True] == 0 < missed[False]


@given(trials=st.one_of(COMPLETE, SPARSE), n_splits=st.integers(2, 4), seed=st.integers(0, 99))
def test_stratified_subject_folds_are_clean_or_refused(trials, n_splits, seed):
    made = SubjectKFold(n_splits, seed=seed, stratify=True)
    try:
        folds = made.folds(trials)
    except gaitlib.GaitDataError:
        return
    for fold in folds:
        check_fold(made, fold, trials)


def test_stratified_subjects_are_dealt_anew_each_repeat():
    made = SubjectKFold(2, repeats=3, stratify=True, validation=False)
    tested = {tuple(fold.test) for fold in made.folds(one_class_each([6, 6]))}
    assert len(tested) == 6


# -- repetitions -----------------------------------------------------------------------------------------


def numbered(n_subjects=6, n_repetitions=3, views=2):
    """Every subject's trials ``1 .. n`` in two views each; the label is the subject."""
    rows = [(f"s{s}", w, f"s{s}") for w in range(n_repetitions) for s in range(n_subjects) for _ in range(views)]
    trials = table(rows)
    trials.table["repetition"] = [w + 1 for _, w, _ in rows]
    return trials


@given(st.integers(2, 8), st.integers(3, 5), st.integers(1, 3), st.integers(0, 99))
def test_each_repetition_of_everybody_is_tested_once(n_subjects, n_repetitions, views, seed):
    trials, made = numbered(n_subjects, n_repetitions, views), LeaveOneRepetitionOut(seed=seed)
    folds = made.folds(trials)
    assert [fold.name for fold in folds] == [str(r + 1) for r in range(n_repetitions)]
    for fold in folds:
        check_fold(made, fold, trials)
        assert fold.test.tolist() == np.flatnonzero(trials.table["repetition"] == int(fold.name)).tolist()
        assert set(trials.subjects[fold.test]) == set(trials.subjects[fold.train])


def test_repetitions_are_a_known_person_and_may_stand_in_another_column():
    trials = numbered()
    trials.table["session"] = np.where(trials.table["repetition"] < 3, "morning", "noon")
    made = LeaveOneRepetitionOut("session", validation=False)
    assert (made.claim, made.unit) == (KNOWN_PERSON, "walk")
    assert "subjects on both sides" in made.name
    assert [(fold.name, len(fold.test)) for fold in made.folds(trials)] == [("morning", 24), ("noon", 12)]


def test_the_audit_finds_no_leak_where_the_person_is_the_label():
    values = list(np.random.default_rng(0).normal(size=(36, 30, 4)))
    given = numbered()
    trials = gaitlib.TrialSet.from_arrays({"x": values}, subject=given.subjects, walk=given.walks)
    trials.table["repetition"] = given.table["repetition"]
    trials, made = trials.labelled_by("subject"), LeaveOneRepetitionOut()
    findings = audit_split(trials, made, made.folds(trials), find_copies(trials))
    verdicts = {finding.check: finding.verdict for finding in findings}
    assert verdicts["subjects"] == verdicts["walks"] == verdicts["validation"] == "ok"
    assert not {"leak", "suspect"} & set(verdicts.values())


def test_repetitions_that_are_absent_or_unknown_are_refused():
    trials = numbered()
    with pytest.raises(gaitlib.GaitDataError, match="leave-one-repetition-out .* has no column 'session'"):
        LeaveOneRepetitionOut("session").folds(trials)
    trials.table["repetition"] = trials.table["repetition"].where(trials.ids != trials.ids[4])
    with pytest.raises(gaitlib.GaitDataError, match=f"{trials.ids[4]} has no repetition"):
        LeaveOneRepetitionOut().folds(trials)


def test_a_person_with_one_repetition_would_not_be_known():
    trials = numbered()
    trials = trials[(trials.subjects != "s3") | (trials.table["repetition"] == 2)]
    with pytest.raises(gaitlib.GaitDataError, match="all trials of s3 have the same repetition"):
        LeaveOneRepetitionOut().folds(trials)


def test_a_walk_whose_views_have_two_numbers_is_refused():
    trials = numbered()
    trials.table.loc[0, "repetition"] = 2
    with pytest.raises(gaitlib.GaitDataError, match=f"walk '{trials.walks[0]}' stands on both sides"):
        LeaveOneRepetitionOut().folds(trials)


# -- repeats -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", REPEATABLE)
@given(trials=COMPLETE, n_splits=st.integers(2, 4), repeats=st.integers(2, 4), seed=st.integers(0, 99))
def test_each_repeat_tests_each_trial_once(protocol, trials, n_splits, repeats, seed):
    made = protocol(n_splits, seed=seed, repeats=repeats)
    folds = made.folds(trials)
    assert [f.name for f in folds] == [f"repeat{r + 1}-fold{k + 1}" for r in range(repeats) for k in range(n_splits)]
    for fold in folds:
        check_fold(made, fold, trials)
    for first in range(0, len(folds), n_splits):
        tested = np.concatenate([fold.test for fold in folds[first : first + n_splits]])
        assert sorted(tested) == list(range(len(trials)))


@pytest.mark.parametrize("protocol", REPEATABLE)
def test_repeats_deal_anew_and_the_first_as_without_repeats(protocol):
    trials = complete(n_subjects=12)
    alone = protocol(4, seed=3).folds(trials)
    repeated = protocol(4, seed=3, repeats=5).folds(trials)
    assert [fold.name for fold in alone] == ["fold1", "fold2", "fold3", "fold4"]
    assert [fold.test.tolist() for fold in alone] == [fold.test.tolist() for fold in repeated[:4]]
    dealt = {frozenset(tuple(fold.test) for fold in repeated[r : r + 4]) for r in range(0, 20, 4)}
    assert len(dealt) == 5
    other = protocol(4, seed=4, repeats=5).folds(trials)
    assert not dealt & {frozenset(tuple(fold.test) for fold in other[r : r + 4]) for r in range(0, 20, 4)}


@pytest.mark.parametrize("protocol", REPEATABLE)
def test_repeats_are_a_parameter_as_scikit_learn_has_them(protocol):
    made = protocol().set_params(repeats=2)
    assert (protocol().repeats, made.get_params()["repeats"]) == (1, 2)
    assert same(made.folds(complete()), clone(made).folds(complete()))


@pytest.mark.parametrize("protocol", REPEATABLE)
def test_no_repeat_at_all_is_refused(protocol):
    with pytest.raises(gaitlib.GaitDataError, match="needs at least one repeat, not 0"):
        protocol(2, repeats=0).folds(complete())


def test_a_subjects_accuracy_is_the_mean_over_repeats():
    accuracy = pd.DataFrame({"a": [0.9, 0.8, 0.7, 0.6]}, index=list("wxyz"))
    protocol = SubjectKFold(2, validation=False, repeats=3)
    runs = planted_runs(accuracy, protocol, n_trials=10)
    in_repeat_2 = [fold for fold in runs.runs[0].folds if fold.name.startswith("repeat2")]
    for fold in in_repeat_2:
        fold.predictions["predicted"] = fold.predictions["label"]  # all right in one of three
    expected = (2 * accuracy["a"] + 1) / 3
    assert len(in_repeat_2) == 2
    assert runs.per_subject()["a", protocol.name].to_dict() == pytest.approx(expected.to_dict())


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [LeaveOneSubjectOut(), SubjectKFold(2), SubjectHoldout()], ids=repr)
def test_one_subject_is_no_new_person(protocol):
    with pytest.raises(gaitlib.GaitDataError, match="needs at least 2 subjects, there is 1"):
        protocol.folds(complete(1))


@pytest.mark.parametrize("protocol", [LeaveOneSubjectOut(), SubjectKFold(4)], ids=repr)
def test_a_class_that_one_subject_has_cannot_be_tested_on_a_new_person(protocol):
    trials = table([*rows_of([[2, 2]] * 4), ("s03", "c", "C")])
    with pytest.raises(gaitlib.GaitDataError, match="no C among the training trials"):
        protocol.folds(trials)


@pytest.mark.parametrize("seed", range(10))
def test_a_holdout_is_refused_where_it_takes_a_class_from_training(seed):
    protocol, without = SubjectHoldout(0.5, seed=seed), table(rows_of([[2, 2]] * 4))
    trials = table([*rows_of([[2, 2]] * 4), ("s03", "c", "C")])
    if "s03" in without.subjects[protocol.folds(without)[0].test]:
        with pytest.raises(gaitlib.GaitDataError, match="no C among the training trials"):
            protocol.folds(trials)
    else:
        check_fold(protocol, protocol.folds(trials)[0], trials)


def test_a_missing_class_is_said_with_protocol_and_fold():
    trials = table([*rows_of([[2, 2]] * 4), ("s03", "c", "C")])
    with pytest.raises(gaitlib.GaitDataError, match="leave-one-subject-out, fold s03: no C among"):
        LeaveOneSubjectOut().folds(trials)


@pytest.mark.parametrize("protocol", KNOWN)
def test_a_class_with_one_walk_cannot_be_on_both_sides(protocol):
    trials = table([*rows_of([[5, 5]] * 2), ("s00", "c", "C"), ("s00", "c", "C")])
    with pytest.raises(gaitlib.GaitDataError, match="walks of each class; 'C' has 1"):
        protocol().folds(trials)


def test_more_folds_than_subjects_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="subject K-fold needs at least 9 subjects, there are 8"):
        SubjectKFold(9).folds(complete(8))


def test_more_folds_than_walks_of_a_class_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="needs at least 7 walks of each class; 'A' has 6"):
        TrialKFold(7).folds(complete(2, n_walks=3))


@pytest.mark.parametrize(
    "protocol",
    [
        SubjectKFold(1),
        TrialKFold(1),
        SubjectHoldout(0.99),
        SubjectHoldout(1.5),
        RandomTrialSplit(1.5),
        RandomTrialSplit(0.99),
    ],
    ids=repr,
)
def test_impossible_settings_are_refused_in_the_name_of_the_protocol(protocol):
    with pytest.raises(gaitlib.GaitDataError) as error:
        protocol.folds(complete(2))
    assert str(error.value).startswith(protocol.name)


@pytest.mark.parametrize("protocol", EVERY)
def test_unlabelled_trials_are_refused_by_name(protocol):
    rows = rows_of([[3, 3]] * 6)
    rows[4] = (*rows[4][:2], None)
    with pytest.raises(gaitlib.GaitDataError, match="trial04 has no label"):
        protocol().folds(table(rows))


@pytest.mark.parametrize("protocol", EVERY)
def test_a_walk_of_two_people_is_refused_by_name(protocol):
    trials = complete()
    trials.table.loc[0, "walk"] = trials.walks[-1]
    with pytest.raises(gaitlib.GaitDataError, match=f"walk '{trials.walks[-1]}' has trials of two subjects"):
        protocol().folds(trials)


@pytest.mark.parametrize("protocol", EVERY)
def test_one_class_is_refused(protocol):
    with pytest.raises(gaitlib.GaitDataError, match="only the class 'A'"):
        protocol().folds(complete(8, n_classes=1))


@pytest.mark.parametrize("protocol", EVERY)
def test_no_trials_are_refused(protocol):
    with pytest.raises(gaitlib.GaitDataError, match="no trials"):
        protocol().folds(complete()[[]])


def test_two_subjects_leave_none_to_watch():
    with pytest.raises(gaitlib.GaitDataError, match="only one subject to train on.*validation=False"):
        LeaveOneSubjectOut().folds(complete(2))
    assert len(LeaveOneSubjectOut(validation=False).folds(complete(2))) == 2
