"""A claim in tables, in words, and on disk."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest
from planted_runs import planted_runs

from gaitlib import RandomTrialSplit, open_runs
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON, Claim
from gaitlib.results import Runs
from gaitlib.results.stored import UNCHECKED, About

COSTS = ("parameters", "epochs", "seconds", "peak_memory_mb", "cpu_percent")
NEW_CLINIC = Claim("a new clinic", ("subject", "clinic"))
NEW_DEVICE = Claim("a known person with a new device", ("device",))


@pytest.fixture(scope="module")
def runs():
    accuracy = pd.DataFrame({"a": [0.9, 0.7, 0.8, 0.6]}, index=list("wxyz"))
    known = planted_runs(accuracy + 0.1, RandomTrialSplit(0.5, validation=False))
    (new,) = planted_runs(accuracy).runs
    new = replace(new, protocol="leave-one-group-out (clinic)", claim=NEW_CLINIC)
    for fold in [*known.runs[0].folds, *new.folds]:
        fold.resources.update(dict.fromkeys(COSTS, 1), threads=1)
    return Runs([*known.runs, new], known.trials)


def test_tables_show_the_words(runs):
    assert runs.table()["claim"].tolist() == ["a new walk of a known person", "a new clinic"]
    assert [run.on_new_people for run in runs.runs] == [False, True]


def test_the_gap_is_said_in_the_words_of_the_claim(runs):
    assert "% of the trials of a new clinic (leave-one-group-out (clinic), 4 subjects" in runs.gap_in_words()


def test_a_card_counts_new_clinics_as_new_people(runs):
    card = runs.model_card("a")
    assert "### In detail: leave-one-group-out (clinic) (a new clinic)" in card
    assert "4 subjects were tested" in card
    assert 'Figures on "a new walk of a known person" do not hold' in card


@pytest.mark.parametrize(
    ("kept", "claim", "new"),
    [
        (asdict(NEW_CLINIC), NEW_CLINIC, True),
        (asdict(NEW_DEVICE), NEW_DEVICE, False),
        ("a new person", NEW_PERSON, True),  # as it was written before
        ("a new walk of a known person", KNOWN_PERSON, False),
        ("nothing: other views", Claim("nothing: other views", ()), False),
    ],
    ids=str,
)
def test_a_stored_claim_keeps_words_and_columns(runs, tmp_path, kept, claim, new):
    run = {"model": "a", "protocol": "p", "claim": kept, "folds": [], "data": asdict(About.of(runs.trials))}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"format": UNCHECKED, "run": run}))
    with pytest.warns(UserWarning, match="1 runs are from before there were checksums.*run the benchmark again"):
        (opened,) = open_runs(tmp_path).runs
    assert (opened.claim, opened.on_new_people) == (claim, new)
