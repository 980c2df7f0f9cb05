"""Repeatability: the published magnitudes from the published relevances, planted variation, means over people."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import loadmat

from gaitlib import GaitDataError
from gaitlib.explain.trust.variation import coefficient_of_variation, repeatability
from gaitlib.results.intervals import subject_interval

PUBLISHED = [0.62, 0.81, 1.35, 0.36, 0.46, 4.26, 0.35]  # MLP 1024, 256, 64, CNN-A, CNN-C3, linear SGD, linear SVM


def relevance_of(values, subjects, labels=None, feet=None):
    """Relevance as trials have it, made by hand."""
    trials = [f"t{i}" for i in range(len(subjects))]
    table = pd.DataFrame({"trial": trials, "subject": subjects, "label": labels or ["a"] * len(subjects)})
    found = {"grf": values} | ({} if feet is None else {"feet": feet})
    return SimpleNamespace(values=found, table=table, trials=SimpleNamespace(name="PLANTED"))


def test_the_published_magnitudes_come_from_the_published_relevances():
    folder = os.environ.get("GAIT_REAL_DATA")
    if not folder or not (file := Path(folder, "gait_signature", "Fig2.mat")).is_file():
        pytest.skip("GAIT_REAL_DATA is not set to a folder with gait_signature/Fig2.mat")
    of_models = loadmat(file)["RpredAct_Output_Export"][0]
    assert [round(coefficient_of_variation(values.T), 2) for values in of_models] == PUBLISHED


def test_planted_numbers():
    # Variances over trials 2, 0 and 8, mean sizes 2, 1 and 3.
    assert coefficient_of_variation([[1, -1, 5], [3, -1, 1]]) == pytest.approx(np.sqrt(10 / 3) / 2)


@given(st.integers(2, 6), st.floats(0.01, 100), st.integers(0, 99))
def test_it_has_no_unit_and_no_order(n, factor, seed):
    rng = np.random.default_rng(seed)
    relevance = rng.normal(1, 1, (n, 4, 3))
    found = coefficient_of_variation(relevance)
    assert coefficient_of_variation(-factor * relevance) == pytest.approx(found)
    assert coefficient_of_variation(rng.permutation(relevance)) == pytest.approx(found)
    assert coefficient_of_variation(np.repeat(relevance[:1], n, axis=0)) == pytest.approx(0)


@pytest.mark.parametrize(
    ("relevance", "why"),
    [
        ([[1.0, 2.0]], "two trials"),
        ([1.0, 2.0], "two trials"),
        ([[1.0], [np.nan]], "finite"),
        ([[1.0], [-1.0]], "zero"),
    ],
)
def test_what_has_no_variation_is_refused(relevance, why):
    with pytest.raises(GaitDataError, match=why):
        coefficient_of_variation(relevance)


@pytest.fixture
def planted():
    """Three people, whose trials differ by 0, 1 and 2 from one to the next, by two classes of the last one."""
    values = [np.full((5, 2), v, np.float32) for v in (1, 1, 2, 3, 2, 4, 10, 10)]
    return relevance_of(values, ["s0", "s0", "s1", "s1", "s2", "s2", "s2", "s2"], list("aaaaaabb"))


def test_the_mean_is_over_people_and_classes(planted):
    (row,) = repeatability({"mlp": planted}).to_dict("records")
    sd = 1 / np.sqrt(2)
    by_subject = [0, sd / 2.5, (2 * sd / 3 + 0) / 2]
    assert row["coefficient of variation"] == pytest.approx(np.mean(by_subject))
    low, high = subject_interval(by_subject)
    assert low < 0  # cut: no variation is below zero
    assert (row["low"], row["high"], row["SD"]) == pytest.approx((0, high, np.std(by_subject, ddof=1)))
    assert (row["data"], row["model"], row["subjects"], row["trials"]) == ("PLANTED", "mlp", 3, 8)


def test_all_modalities_count_and_every_model_has_a_row(planted):
    feet = [np.full((4, 10), v, np.float32) for v in (1, 1, 2, 3, 2, 4, 10, 10)]
    more = relevance_of(planted.values["grf"], list(planted.table["subject"]), list("aaaaaabb"), feet)
    still = relevance_of(planted.values["grf"], list(planted.table["subject"]), list("aaaaaabb"), [feet[0]] * 8)
    table = repeatability({"one": planted, "both": more, "steady feet": still}).set_index("model")
    variation = table["coefficient of variation"]
    assert variation["both"] == pytest.approx(variation["one"])
    assert variation["steady feet"] < variation["one"]


def test_rows_of_the_table_may_have_any_index(planted):
    planted.table.index = range(100, 108)
    assert repeatability({"mlp": planted})["trials"].item() == 8


def test_a_single_trial_is_refused_by_the_name_of_its_subject():
    values = [np.ones((5, 2))] * 3
    with pytest.raises(GaitDataError, match="'mlp': subject s1 has one trial"):
        repeatability({"mlp": relevance_of(values, ["s0", "s0", "s1"])})


def test_sequences_need_one_length():
    with pytest.raises(GaitDataError, match="TimeNormalise"):
        repeatability({"gru": relevance_of([np.ones((5, 2)), np.ones((6, 2))], ["s0", "s0"])})


def test_a_missing_modality_is_refused_by_the_name_of_its_trial():
    with pytest.raises(GaitDataError, match="t1 has no 'grf'"):
        repeatability({"gru": relevance_of([np.ones((5, 2)), None], ["s0", "s0"])})


def test_plain_arrays_have_no_people():
    plain = SimpleNamespace(values={"x": np.ones((2, 3))}, table=pd.DataFrame({"target": [0, 0]}), trials=None)
    with pytest.raises(GaitDataError, match="plain arrays"):
        repeatability({"mlp": plain})
