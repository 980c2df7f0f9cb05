"""What early stopping watches: whole units, and never the last trials of a class."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib.protocols.validation import cut_validation


def table(rows):
    """Trials of (subject, walk, label) rows."""
    subject, walk, label = zip(*rows, strict=True)
    values = [np.zeros(1)] * len(rows)
    return gaitlib.TrialSet.from_arrays({"x": values}, subject=subject, walk=walk, label=label)


def complete(n_subjects, n_walks=1, classes="AB", views=1):
    rows = [
        (f"s{s:02d}", f"{c}{w}", c)
        for s in range(n_subjects)
        for c in classes
        for w in range(n_walks)
        for _ in range(views)
    ]
    return table(rows)


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.integers(0, 2), st.sampled_from("ABC")), min_size=2, max_size=24
)


def n_watched(unit, n_units):
    return max(2 if unit == "subject" and n_units >= 6 else 1, round(n_units / 5))


@pytest.mark.parametrize("unit", ["subject", "walk"])
@given(rows=ROWS, seed=st.integers(0, 99))
def test_a_cut_is_made_exactly_where_one_is_possible(unit, rows, seed):
    trials = table(rows)
    groups, labels = trials.table[unit].to_numpy(), trials.labels
    units = sorted(set(groups))
    n = n_watched(unit, len(units))
    possible = len(units) > 1 and any(
        set(labels[~np.isin(groups, watched)]) == set(labels) for watched in combinations(units, n)
    )
    if not possible:
        with pytest.raises(gaitlib.GaitDataError, match=f"only one {unit}|leaves every class in training"):
            cut_validation(trials, unit, seed)
        return
    train, validation = cut_validation(trials, unit, seed)
    assert sorted([*train, *validation]) == list(range(len(trials)))
    assert not set(groups[train]) & set(groups[validation])
    assert len(set(groups[validation])) == n
    assert set(labels[train]) == set(labels)


@pytest.mark.parametrize(("n_subjects", "watched"), [(2, 1), (3, 1), (5, 1), (6, 2), (7, 2), (12, 2), (13, 3), (20, 4)])
def test_a_fifth_of_the_subjects_and_two_where_six_or_more_train(n_subjects, watched):
    trials = complete(n_subjects)
    _, validation = cut_validation(trials, "subject", seed=0)
    assert len(set(trials.subjects[validation])) == watched


@pytest.mark.parametrize(("n_walks", "watched"), [(3, 1), (5, 2), (10, 4)])
def test_a_fifth_of_the_walks_with_all_their_views(n_walks, watched):
    trials = complete(1, n_walks, views=3)
    _, validation = cut_validation(trials, "walk", seed=0)
    assert len(set(trials.walks[validation])) == watched
    assert len(validation) == 3 * watched


def test_the_only_walk_of_a_class_is_never_watched():
    with pytest.raises(gaitlib.GaitDataError, match="no choice of 1 of 2 walks.*leaves every class in training"):
        cut_validation(complete(1), "walk", seed=0)


def test_where_few_cuts_are_possible_one_is_found_by_every_seed():
    # Ten subjects are each the only one with a gait, so only the other two can be watched.
    own = [(f"only{i}", walk, label) for i in range(10) for walk, label in ((0, f"gait{i}"), (1, "common"))]
    trials = table([*own, ("free1", 0, "common"), ("free2", 0, "common")])
    for seed in range(30):
        _, validation = cut_validation(trials, "subject", seed)
        assert set(trials.subjects[validation]) == {"free1", "free2"}


@given(seed=st.integers(0, 2**31))
def test_the_same_seed_gives_the_same_cut_whatever_else_is_drawn(seed):
    trials = complete(8)
    before = trials.digest()
    first = cut_validation(trials, "subject", seed)
    cut_validation(trials, "walk", seed + 1)
    again = cut_validation(trials, "subject", seed)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert trials.digest() == before


def test_other_seeds_give_other_cuts_and_reach_every_subject():
    trials = complete(8)
    watched = [set(trials.subjects[cut_validation(trials, "subject", seed)[1]]) for seed in range(40)]
    assert set().union(*watched) == set(trials.subjects)


def test_no_unit_watches_nothing():
    train, validation = cut_validation(complete(3), None, seed=0)
    assert train.tolist() == list(range(6))
    assert validation.tolist() == []


@pytest.mark.parametrize("unit", ["subject", "walk"])
def test_one_unit_cannot_be_cut(unit):
    trials = table([("a", 0, "A"), ("a", 0, "B")])
    with pytest.raises(gaitlib.GaitDataError, match=f"only one {unit} to train on.*validation=None"):
        cut_validation(trials, unit, seed=0)


def test_an_unknown_unit_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="validation by clinic: the trial table has no column 'clinic'"):
        cut_validation(complete(3), "clinic", seed=0)
