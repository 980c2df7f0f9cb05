"""A model card says what the tables say, what the data are, and what is not known."""

import re
from dataclasses import replace

import pytest
from planted_confidence import CLASSES, confident_runs

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, SubjectHoldout, Training
from gaitlib.errors import GaitDataError
from gaitlib.results.calibration import calibration_table
from gaitlib.results.card import model_card
from gaitlib.models import Builder
from gaitlib.results import Runs

LOSO, HOLDOUT, RANDOM = LeaveOneSubjectOut.name, SubjectHoldout.name, RandomTrialSplit.name


@pytest.fixture(scope="module")
def trained(tiny_trials, tmp_path_factory):
    """A network and a classical model out of a real store."""
    small = GaitClassifier(Builder("compact_gru", units=4), training=Training(epochs=2, patience=10))
    store = tmp_path_factory.mktemp("store")
    models, protocols = {"small": small, "trees": "extra_trees"}, [RandomTrialSplit(), SubjectHoldout(0.5)]
    return gaitlib.benchmark(models, tiny_trials, protocols, store=store, progress=False)


def row_of(table, model, protocol):
    return table.set_index(["model", "protocol"]).loc[(model, protocol)]


def lines_with(card, text):
    return [line for line in card.splitlines() if text in line]


@pytest.mark.parametrize("model", ["honest", "boaster"])
def test_the_figures_are_those_of_the_tables(model):
    runs = confident_runs()
    card = model_card(runs, model)
    for protocol in (LOSO, RANDOM):
        row = row_of(runs.table(), model, protocol)
        (line,) = lines_with(card, f"| {protocol} |")
        assert f"{row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f}) | " in line
        assert f"| {row['t_low']:.3f} to {row['t_high']:.3f} | {row['worst subject']} |" in line
        assert f"| {row['claim']} | 4 | 220 |" in line
    scores = runs.per_class(model, LOSO)
    for name, row in scores.iterrows():
        (line,) = lines_with(card, f"| {name} |")
        assert f"{row['sensitivity']:.3f} ({row['sensitivity low']:.3f} to {row['sensitivity high']:.3f})" in line
        assert line.endswith(f"| {row['precision']:.3f} | {row['F1']:.3f} | {row['trials']:.0f} |")
    for subject, accuracy in runs.per_subject()[model, LOSO].items():
        assert f"{subject} {accuracy:.3f}" in lines_with(card, "Accuracy of every subject")[0]
    row = row_of(calibration_table(runs), model, LOSO)
    assert f"calibration error {row['calibration error']:.3f}, loss {row['loss']:.3f} nats; after" in card
    assert f"median {row['temperature']:.2f}" in card
    assert "Fitting 4 folds took 8.0 s in all and 503 MB at most, 1 thread a fold." in card


def test_the_most_frequent_confusion_is_the_largest_cell_off_the_diagonal():
    runs = confident_runs()
    counts = runs.confusion("honest", LOSO)
    (line,) = lines_with(model_card(runs, "honest"), "Most frequent mistakes")
    listed = re.findall(r"(\w+) taken for (\w+) \((\d+) of (\d+)\)", line)
    off = sorted((counts.loc[a, b] for a in CLASSES for b in CLASSES if a != b), reverse=True)
    assert [int(n) for *_, n, _ in listed] == off[:5]
    assert all(counts.loc[true, called] == int(n) for true, called, n, _ in listed)
    assert all(counts.loc[true].sum() == int(total) for true, *_, total in listed)


def test_the_new_person_stands_first_and_the_known_one_beside(trained):
    """Also where the random split was run first."""
    card = model_card(trained, "small")
    assert card.index(f"| {HOLDOUT} |") < card.index(f"| {RANDOM} |")
    assert f"### In detail: {HOLDOUT} (a new person)" in card
    assert "do not hold for a new person" in card
    only_known = confident_runs()
    only_known.runs = [run for run in only_known.runs if not run.on_new_people]
    assert "Never tested on a new person" in model_card(only_known, "honest")


def test_what_the_store_knows_is_told(trained):
    card = model_card(trained, "small")
    assert "- `compact_gru`, reads: sequence (windows); " in card
    assert gaitlib.models.info("compact_gru").reference in card
    assert "- settings: units = 4" in card
    assert f"- {row_of(trained.table(), 'small', HOLDOUT)['parameters']:,} weights; 2 epochs" in card
    assert "CentrePelvis" in lines_with(card, "- steps before it")[0]
    assert f"gaitlib {gaitlib.__version__}" in card.split("## Software")[1]
    assert " on a CPU with tensorflow, " in card or " on a GPU with " in card


def test_a_classical_model_has_no_weights_and_no_temperature(trained):
    card = model_card(trained, "trees")
    assert "- `extra_trees`, reads: sequence and static (statistics)" in card
    assert "weights" not in card
    assert "No trials were watched, so no temperature was fitted." in card


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("SYNTHETIC walks, 3 subjects", "made by a program. Nothing here was measured on a person."),
        ("Kinect v2 pathological gaits (simulated by healthy people)", "no patient was recorded"),
        ("my data", "the data do not say whether these are gaits of patients"),
    ],
)
def test_what_the_gaits_are_is_said_or_said_to_be_unknown(name, said):
    runs = confident_runs()
    runs.data = name
    card = model_card(runs, "honest")
    assert f"**{name}: " in card
    assert said in card
    assert "Not a diagnosis" in card


def test_failed_folds_are_listed_and_nothing_else_breaks():
    card = model_card(confident_runs(failed=1), "boaster")
    assert f"| {LOSO} | s0 | the loss is no longer a finite number |" in card
    assert "nan" not in card.lower()
    lost = model_card(confident_runs(failed=4), "boaster")
    assert "In detail" not in lost
    assert "Never tested on a new person" in lost
    assert "nan" not in lost.lower()


def test_tables_stay_tables():
    runs = confident_runs(failed=1)
    runs.runs[-1].failed["s0"] = "a | b\nand more"
    (line,) = lines_with(model_card(runs, "boaster"), "and more")
    assert line.endswith("| a \\| b and more |")


NASTY = "<script>alert(1)</script>[x](javascript:1)`|\n# heading"


def test_names_from_the_data_are_text():
    """In every place where a name can stand."""
    runs = confident_runs(sure={NASTY: 1.0}, failed=1)
    about = replace(runs.about, name=NASTY, classes=[c + NASTY for c in CLASSES], modalities=[NASTY])
    description = {
        "classifier": {"params": {"model": {"params": {"model": NASTY, NASTY: NASTY}}}},
        "run": {"what": NASTY},
        "built": {"steps": {"params": {"steps": [["a", {"class": f"x:{NASTY}"}]]}}},
        "device": {"gpu": False, "backend": NASTY},
        "versions": {NASTY: NASTY},
    }
    for run in runs.runs:
        for fold in run.folds:
            table = fold.predictions
            for column in ("subject", "label", "predicted"):
                table[column] = table[column].astype(str) + NASTY
            table.rename(columns={c: c + NASTY for c in CLASSES}, inplace=True)
    changed = {"failed": {NASTY: NASTY}, "description": description}
    runs = [replace(run, protocol=f"{run.protocol} {NASTY}", **changed) for run in runs.runs]
    runs = Runs(runs, about=about)
    assert "<script" not in runs._repr_html_()
    card = model_card(runs, NASTY)
    assert card.count("&lt;script&gt;") > 20
    assert "<" not in card
    assert not re.search(r"(?<!\\)[\[\]]", card)
    assert "\n# heading" not in card


def test_an_unknown_model_lists_those_that_were_run():
    with pytest.raises(GaitDataError, match=r"no model 'gru' here; there are \['boaster', 'honest'\]"):
        model_card(confident_runs(), "gru")
