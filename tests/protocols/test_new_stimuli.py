"""Tested people on tested stimuli only, and some people left out instead of all: against brute force."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import gaitlib
from gaitlib import LeaveOneSubjectOut, SubjectAndStimulusKFold
from gaitlib.audit.checks import audit_split
from gaitlib.audit.copies import find_copies

PARTS = ("train", "validation", "test")


def films(n_people, n_films, seen=lambda p, f: True, n_segments=2):
    """Segments of films that each person saw; every film has segments of both classes."""
    rows = [(f"p{p}", f"film{f}", "AB"[s % 2]) for p in range(n_people) for f in range(n_films) if seen(p, f)
            for s in range(n_segments)]  # fmt: skip
    subject, film, label = zip(*rows, strict=True)
    values = list(np.random.default_rng(0).normal(size=(len(rows), 30, 1)))
    walks = [f"{s}{f}" for s, f, _ in rows]
    return gaitlib.TrialSet.from_arrays(
        {"ecg": values}, subject=subject, label=label, walk=walks, targets={"film": film}
    )


@given(n_people=st.integers(4, 9), n_films=st.integers(3, 7), k=st.integers(2, 4), seed=st.integers(0, 99))
def test_training_holds_all_and_only_other_people_on_other_films(n_people, n_films, k, seed):
    trials = films(n_people, n_films)
    people, film = trials.subjects, trials.table["film"].to_numpy()
    folds = SubjectAndStimulusKFold("film", k, 3, validation=False, seed=seed).folds(trials)
    assert len(folds) == len({fold.name for fold in folds}) == 3 * k
    for fold in folds:
        tested_people, tested_films = set(people[fold.test]), set(film[fold.test])
        both = [i for i in range(len(trials)) if people[i] in tested_people and film[i] in tested_films]
        neither = [i for i in range(len(trials)) if people[i] not in tested_people and film[i] not in tested_films]
        assert fold.test.tolist() == both
        assert fold.train.tolist() == neither
    assert Counter(np.concatenate([fold.test for fold in folds])) == dict.fromkeys(range(len(trials)), 1)
    for kept, n, n_groups in ((people, n_people, k), (film, n_films, 3)):
        sizes = {len(set(kept[fold.test])) for fold in folds}
        assert sizes <= {n // n_groups, -(-n // n_groups)}, "groups of like size"


@given(seed=st.integers(0, 99))
def test_watched_people_are_not_learnt_from_and_watched_on_films_that_are(seed):
    trials = films(9, 4)
    for fold in SubjectAndStimulusKFold("film", 3, 2, seed=seed).folds(trials):
        people = [set(trials.subjects[getattr(fold, part)]) for part in PARTS]
        shown = [set(trials.table["film"].iloc[getattr(fold, part)]) for part in PARTS]
        assert len(set().union(*people)) == sum(map(len, people))
        assert len(people[1]) == 2
        assert shown[0] == shown[1]
        assert not shown[0] & shown[2]


def test_a_cell_that_nobody_saw_is_no_fold_and_all_else_is_tested_once():
    trials = films(6, 6, seen=lambda p, f: (p + f) % 5 != 0)
    folds = SubjectAndStimulusKFold("film", 6, 6, validation=False).folds(trials)
    assert len(folds) == 36 - 8
    assert Counter(np.concatenate([fold.test for fold in folds])) == dict.fromkeys(range(len(trials)), 1)


def test_the_claim_names_both_and_the_audit_finds_no_leak():
    trials, made = films(6, 4), SubjectAndStimulusKFold("film", 3, 2)
    assert (made.name, str(made.claim)) == ("subject and stimulus K-fold (film)", "a new person on a new film")
    findings = audit_split(trials, made, made.folds(trials), find_copies(trials))
    assert "groups of film" in {f.check for f in findings}
    assert not [f for f in findings if f.verdict in ("leak", "suspect")]


class Forgetful(SubjectAndStimulusKFold):
    """Lets everything else train, as other protocols do."""

    def _rest(self, trials, test):
        return np.setdiff1d(np.arange(len(trials)), test)


def test_a_tested_film_that_is_learnt_from_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="subject 'p.' stands on both sides"):
        Forgetful("film", 3, 2).folds(films(6, 4))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (SubjectAndStimulusKFold("video"), "has no column 'video'; it has trial, subject"),
        (SubjectAndStimulusKFold("film", n_splits=7, n_stimulus_splits=2), "needs at least 7 subjects, there are 6"),
        (SubjectAndStimulusKFold("film", n_splits=2), "needs at least 4 values of film, there are 3"),
    ],
)
def test_too_little_to_split_is_refused_with_the_reason(made, words):
    with pytest.raises(gaitlib.GaitDataError, match=words):
        made.folds(films(6, 3))


def test_a_trial_without_a_stimulus_is_refused_by_its_id():
    trials = films(6, 4)
    trials.table.loc[5, "film"] = None
    with pytest.raises(gaitlib.GaitDataError, match=f"{trials.ids[5]} has no film"):
        SubjectAndStimulusKFold("film", 3, 2).folds(trials)


# -- some people of all ----------------------------------------------------------------------------------


@given(n_people=st.integers(1, 7), seed=st.integers(0, 99))
def test_as_many_people_are_left_out_as_asked_each_from_all_others(n_people, seed):
    trials = films(7, 2)
    made = LeaveOneSubjectOut(n_people=n_people, seed=seed)
    folds = made.folds(trials)
    assert len({fold.name for fold in folds}) == n_people
    assert [fold.name for fold in folds] == sorted(fold.name for fold in folds)
    for fold in folds:
        assert fold.test.tolist() == np.flatnonzero(trials.subjects == fold.name).tolist()
        assert len(fold.train) + len(fold.validation) == len(trials) - len(fold.test)
    assert [f.name for f in clone(made).folds(trials)] == [f.name for f in folds]


def test_another_seed_draws_other_people_and_the_name_says_how_many():
    trials = films(7, 2)
    drawn = {tuple(f.name for f in LeaveOneSubjectOut(n_people=3, seed=seed).folds(trials)) for seed in range(9)}
    assert len(drawn) > 4
    assert LeaveOneSubjectOut(n_people=3).name == "leave-one-subject-out (3 people)"
    assert LeaveOneSubjectOut.name == LeaveOneSubjectOut().name == "leave-one-subject-out"


@pytest.mark.parametrize("n_people", [0, 8, 2.5])
def test_an_impossible_number_of_people_is_refused(n_people):
    with pytest.raises(gaitlib.GaitDataError, match="n_people must be a whole number from 1 to 7"):
        LeaveOneSubjectOut(n_people=n_people).folds(films(7, 2))
