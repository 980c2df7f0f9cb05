"""Scores of a continuous head against examples by hand, scikit-learn and simulations with known variances."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from gaitlib.results.continuous_scores import continuous_head_scores, correlation_within, error_by_subject, limits_of_agreement
from gaitlib.results.intervals import subject_interval


def random_table(seed, n_people=6, n_trials=12):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_people), rng.integers(2, n_trials, n_people))
    truth = 70 + 10 * rng.normal(size=n_people)[subject] + 5 * rng.normal(size=len(subject))
    return pd.DataFrame(
        {"subject": subject.astype(str), "label": truth, "predicted": truth + 4 * rng.normal(size=len(subject)) + 1}
    )


# -- errors ----------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 999))
def test_errors_are_those_of_scikit_learn(seed):
    table = random_table(seed)
    row = continuous_head_scores(table)
    each = [metrics.mean_absolute_error(own["label"], own["predicted"]) for _, own in table.groupby("subject")]
    assert error_by_subject(table).tolist() == pytest.approx(each)
    assert row["MAE"] == pytest.approx(np.mean(each))
    assert (row["MAE low"], row["MAE high"]) == pytest.approx(subject_interval(each))
    assert row["worst person"] == f"{np.argmax(each)} {max(each):.3g}"
    assert row["RMSE"] == pytest.approx(metrics.root_mean_squared_error(table["label"], table["predicted"]))
    assert row["R2"] == pytest.approx(metrics.r2_score(table["label"], table["predicted"]))


def test_a_person_with_many_trials_weighs_no_more():
    table = pd.DataFrame({"subject": ["a"] * 9 + ["b"], "label": 0.0, "predicted": [1.0] * 9 + [5.0]})
    assert continuous_head_scores(table)["MAE"] == 3
    assert continuous_head_scores(table)["bias"] == 3


def test_unknown_targets_are_counted_and_not_scored():
    table = random_table(1)
    gone = np.arange(len(table)) % 4 == 0
    row = continuous_head_scores(table.assign(label=table["label"].mask(gone)))
    rest = continuous_head_scores(table[~gone])
    assert row.pop("without target") == gone.sum()
    assert rest.pop("without target") == 0
    assert row == rest


def test_the_correlation_within_people_is_that_of_centred_values():
    table = random_table(2)
    centred = table.groupby("subject")[["label", "predicted"]].transform(lambda v: v - v.mean())
    assert correlation_within(table) == pytest.approx(np.corrcoef(centred.T)[0, 1])
    who = table.assign(predicted=table.groupby("subject")["label"].transform("mean"))
    assert np.isnan(correlation_within(who))  # who is high is told, when is not
    assert continuous_head_scores(who)["R2"] > 0.3


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_too_little_to_score_gives_nan_and_no_warning(rows, recwarn):
    row = continuous_head_scores(random_table(1).head(rows))
    assert row["trials"] == rows
    assert np.isnan(row["limit low"])
    assert np.isnan(row["MAE low"])
    assert not recwarn.list


# -- agreement -------------------------------------------------------------------------------------------


def test_the_limits_of_an_example_by_hand():
    """Differences 1 3 | 2 6 7 | 8: within 16 / 3; between people (51 / 4 - 16 / 3) / ((6 - 14 / 6) / 2)."""
    found = limits_of_agreement([1, 3, 2, 6, 7, 8], list("aabbbc"))
    within = Fraction(2 + 14, 3)
    between = (Fraction(51, 4) - within) / ((6 - Fraction(14, 6)) / 2)
    half = 1.96 * float(within + between) ** 0.5
    assert found["bias"] == 5
    assert (found["SD within"], found["SD between"]) == pytest.approx((float(within) ** 0.5, float(between) ** 0.5))
    assert (found["limit low"], found["limit high"]) == pytest.approx((5 - half, 5 + half))
    assert (found["bias low"], found["bias high"]) == pytest.approx(subject_interval([2, 5, 8]))


def test_people_who_differ_less_than_chance_have_no_variance_between_them():
    found = limits_of_agreement([-1, 1, -2, 2, -3, 3], list("aabbcc"))
    assert found["SD between"] == 0
    assert found["limit high"] == pytest.approx(1.96 * (28 / 3) ** 0.5)


@pytest.mark.parametrize(("within", "between"), [(2.0, 0.0), (2.0, 3.0), (0.5, 3.0)])
def test_known_variances_are_found_from_unequal_numbers(within, between):
    """Mean of the estimates over simulations, and the share of trials of new people between the mean limits."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        n = rng.integers(1, 30, 30)
        person = np.repeat(np.arange(30), n)
        difference = 1 + between * rng.normal(size=30)[person] + within * rng.normal(size=len(person))
        found.append(limits_of_agreement(difference, person))
    found = pd.DataFrame(found)
    assert found["bias"].mean() == pytest.approx(1, abs=0.15)
    assert (found["SD within"] ** 2).mean() == pytest.approx(within**2, rel=0.05)
    assert (found["SD between"] ** 2).mean() == pytest.approx(between**2, rel=0.1, abs=0.1)
    new = stats.norm(1, np.hypot(within, between))
    held = new.cdf(found["limit high"]) - new.cdf(found["limit low"])
    assert held.mean() == pytest.approx(0.95, abs=0.02)
    covered = (found["bias low"] <= 1) & (found["bias high"] >= 1)
    assert covered.mean() > 0.92


def test_limits_are_wider_than_those_of_independent_differences_where_people_differ():
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(10), [1, 1, 1, 1, 1, 1, 1, 1, 1, 60])
    difference = 3 * rng.normal(size=10)[person] + rng.normal(size=len(person))
    found = limits_of_agreement(difference, person)
    assert found["limit high"] - found["limit low"] > 1.5 * 2 * 1.96 * difference.std(ddof=1)
