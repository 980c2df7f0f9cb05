"""The tables of stored runs: everything in one row, failed folds beside it, and nothing breaks where all failed."""

import numpy as np
import pandas as pd
import pytest
from planted_confidence import CLASSES, confident_runs

from gaitlib.errors import GaitDataError
from gaitlib.protocols import LeaveOneSubjectOut, RandomTrialSplit
from gaitlib.results.calibration import calibration_error
from gaitlib.results.intervals import interval_columns

LOSO, RANDOM = LeaveOneSubjectOut.name, RandomTrialSplit.name


@pytest.fixture(scope="module")
def runs():
    return confident_runs()


def test_one_row_tells_everything_of_a_model_and_protocol(runs):
    table, accuracies = runs.table(), runs.per_subject()
    assert table[["model", "protocol"]].to_numpy().tolist() == [
        [model, protocol] for model in ("honest", "boaster") for protocol in (LOSO, RANDOM)
    ]
    for _, row in table.iterrows():
        accuracy = accuracies[row["model"], row["protocol"]]
        assert [row[f"accuracy {s}"] for s in accuracy.index] == accuracy.tolist()
        assert row[["low", "high", "t_low", "t_high"]].to_dict() == pytest.approx(interval_columns(accuracy))
        assert row["low"] < row["accuracy"] == pytest.approx(accuracy.mean())
        of_classes = runs.per_class(row["model"], row["protocol"])
        for score in ("sensitivity", "specificity"):
            assert [row[f"{score} {c}"] for c in CLASSES] == of_classes[score].tolist()
        own = runs.predictions().query("model == @row.model and protocol == @row.protocol")
        error = calibration_error(own[CLASSES].max(axis=1), own["label"] == own["predicted"])
        assert row["calibration error"] == error
        assert row["subjects"] == 4
        assert row["trials"] == len(own) == 220


def test_costs_are_put_together_over_folds(runs):
    row = runs.table().iloc[0]
    assert row[["parameters", "epochs", "seconds", "memory (MB)", "CPU (%)"]].tolist() == [1234, 7.5, 8.0, 503.0, 99.0]


def test_a_boaster_is_as_often_right_and_worse_calibrated(runs):
    table = runs.table().set_index(["model", "protocol"])
    assert table.loc[("boaster", LOSO), "accuracy"] == pytest.approx(table.loc[("honest", LOSO), "accuracy"], abs=0.1)
    assert table.loc[("boaster", LOSO), "calibration error"] > table.loc[("honest", LOSO), "calibration error"] + 0.05


def test_views_of_a_walk_count_once(runs):
    views = confident_runs()
    for run in views.runs:
        for fold in run.folds:
            fold.predictions["walk"] = fold.predictions["subject"] + fold.predictions["label"]
    assert views.table(per="walk")["walks"].tolist() == [11] * 4
    with pytest.raises(GaitDataError, match="per 'view' is neither"):
        views.table(per="view")


def test_the_short_table_is_short_and_names_failures_only_where_there_are_some(runs):
    for shown in (repr(runs), runs._repr_html_()):
        assert "SYNTHETIC runs by hand" in shown
        assert "worst subject" in shown
        assert not any(wide in shown for wide in ("sensitivity", "accuracy s0", "failed folds"))
    assert max(map(len, repr(runs).splitlines())) < 170
    broken = confident_runs(failed=1)
    assert "failed folds" in repr(broken)
    assert "failed folds" in broken._repr_html_()


def test_failed_folds_are_counted_listed_and_left_out(runs):
    broken = confident_runs(failed=1)
    table = broken.table()
    assert table["failed folds"].tolist() == [0, 0, 1, 1]
    assert table["subjects"].tolist() == [4, 4, 3, 3]
    pd.testing.assert_frame_equal(table[:2], runs.table()[:2])
    assert np.isnan(table["accuracy s0"].iloc[2])
    failures = broken.failures()
    assert failures[["model", "protocol", "fold"]].to_numpy().tolist() == [["boaster", p, "s0"] for p in (LOSO, RANDOM)]
    assert failures["reason"].str.contains("no longer a finite number").all()
    assert list(runs.failures()) == list(failures)
    assert runs.failures().empty


@pytest.mark.parametrize("sure", [{"honest": 1.0, "lost": 2.0}, {"lost": 2.0}])
def test_nothing_breaks_where_all_folds_of_a_model_failed(sure, tmp_path):
    broken = confident_runs(sure=sure, failed=4)
    lost = broken.table().set_index("model").loc["lost"]
    scored = [
        "accuracy",
        "low",
        "worst subject",
        "macro F1",
        "loss",
        "calibration error",
        "sensitivity normal",
        "seconds",
    ]
    assert lost[scored].isna().all(axis=None)
    assert lost[["subjects", "trials", "failed folds"]].to_numpy().tolist() == [[0, 0, 4]] * 2
    assert broken.per_subject()["lost"].isna().all(axis=None)
    assert (broken.confusion("lost") == 0).all(axis=None)
    assert broken.per_class("lost")["sensitivity"].isna().all()
    assert list(broken.predictions()) == list(confident_runs().predictions())
    assert "nan" not in broken.gap_in_words()
    assert "lost" in repr(broken) + broken._repr_html_()
    broken.save_tables(tmp_path)
    assert len(pd.read_csv(tmp_path / "failures.csv")) == 8


def test_saved_tables_hold_what_the_tables_say(runs, tmp_path):
    runs.save_tables(tmp_path)
    saved = {file.stem: pd.read_csv(file) for file in tmp_path.iterdir()}
    assert set(saved) == {"models", "predictions", "per_subject", "per_class", "confusion", "failures"}
    np.testing.assert_allclose(saved["models"]["high"], runs.table()["high"])
    own = saved["per_class"].query("model == 'honest' and protocol == @LOSO").set_index("class")
    expected = runs.per_class("honest", LOSO)
    np.testing.assert_allclose(own[list(expected)], expected)
    assert saved["confusion"][CLASSES].sum().sum() == 4 * 220
    assert all("data" in table for table in saved.values())


def test_unknown_models_and_protocols_list_those_that_are_there(runs):
    with pytest.raises(GaitDataError, match=r"no model 'gru' here; there are \['boaster', 'honest'\]"):
        runs.per_class("gru")
    with pytest.raises(GaitDataError, match=f"'honest' has no protocol 'other'; it has .'{LOSO}'"):
        runs.confusion("honest", "other")
