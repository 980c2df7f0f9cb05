"""The store believes nothing that it did not write: whatever changed in a run is named, set aside and made anew."""

import json
import os
import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, open_runs
from gaitlib.models import Builder
from gaitlib.results.stored import as_json, read_json

MODEL = {"trees": GaitClassifier(Builder("extra_trees", n_estimators=3))}


def bench(trials, store, **options):
    protocols = [LeaveOneSubjectOut(validation=False)]
    return gaitlib.benchmark(MODEL, trials, protocols, store=store, progress=False, **options)


@pytest.fixture(scope="module")
def made(tiny_trials, tmp_path_factory):
    """A store with the runs of two seeds."""
    store = tmp_path_factory.mktemp("store")
    first = bench(tiny_trials, store)
    bench(tiny_trials, store, seed=1)
    return first.predictions(), store


@pytest.fixture
def run(made, tmp_path):
    """The folder of the first run, alone, in a copy."""
    (own,) = (p.parent for p in made[1].glob("*/run.json") if json.loads(p.read_text())["seed"] == 0)
    return Path(shutil.copytree(own, tmp_path / "store" / own.name))


def other_run(made, run) -> Path:
    return next(folder for folder in made[1].iterdir() if folder.name != run.name)


def in_text(file, old, new):
    def change(fold, made):
        text = (fold / file).read_text()
        assert old in text
        (fold / file).write_text(text.replace(old, new, 1))

    return change


def in_table(edit):
    def change(fold, made):
        table = pd.read_csv(fold / "predictions.csv", dtype=str)
        edit(table).to_csv(fold / "predictions.csv", index=False)

    return change


def in_json(edit):
    def change(fold, made):
        kept = json.loads((fold / "fold.json").read_text())
        edit(kept)
        (fold / "fold.json").write_text(json.dumps(kept))

    return change


def replaced(path, by):
    def change(fold, made):
        place = fold / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
        place.mkdir() if by is None else place.write_text(by)

    return change


def one_bit(file):
    def change(fold, made):
        content = bytearray((fold / file).read_bytes())
        content[len(content) // 2] ^= 1
        (fold / file).write_bytes(content)

    return change


def copied(which):
    def change(fold, made):
        source = fold.parent / "s01" if which == "fold" else other_run(made, fold.parent) / fold.name
        shutil.rmtree(fold)
        shutil.copytree(source, fold)

    return change


FAULTS = {
    "a label": in_table(lambda t: t.assign(label=t["label"].iloc[::-1].to_numpy())),
    "an id": in_text("predictions.csv", "s02/", "s03/"),
    "a probability": in_table(lambda t: t.assign(normal="0.5")),
    "a doubled row": in_table(lambda t: pd.concat([t, t[:1]])),
    "a lost row": in_table(lambda t: t[1:]),
    "a dropped class": in_table(lambda t: t.drop(columns="lurching")),
    "an empty table": replaced("predictions.csv", ""),
    "a table as a folder": replaced("predictions.csv", None),
    "a fold as a file": lambda fold, made: (shutil.rmtree(fold), fold.write_text("")),
    "no fold.json": lambda fold, made: (fold / "fold.json").unlink(),
    "a lost field": in_json(lambda kept: kept.pop("resources")),
    "text for a number": in_json(lambda kept: kept["resources"].update(seconds="long")),
    "a field that says less": in_json(lambda kept: kept["learnt"].update(fitted_on=[])),
    "a list for all": replaced("fold.json", "[1]"),
    "deep JSON": replaced("fold.json", "[" * 200_000),
    "no text": replaced("fold.json", "\0"),
    "a bit of the classifier": one_bit("classifier/classifier.npz"),
    "a lost file of the classifier": lambda fold, made: (fold / "classifier" / "classifier.json").unlink(),
    "a classifier as a file": replaced("classifier", ""),
    "a fold of another seed": copied("run"),
    "another fold": copied("fold"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fold_that_is_not_what_was_written_is_named_and_missing(made, run, fault):
    FAULTS[fault](run / "s02", made)
    with pytest.warns(UserWarning, match="1 not opened.*s02"):
        opened = open_runs(run.parent)
    assert opened.skipped["place"].tolist() == [str(run / "s02")]
    assert "damaged, or changed since it was written" in opened.skipped["reason"][0]
    assert [fold.name for fold in opened.runs[0].folds] == ["s01", "s03", "s04"]
    assert opened.table()["subjects"].tolist() == [3]


def test_a_benchmark_sets_it_aside_by_name_and_trains_it_anew(made, run, tiny_trials):
    for fold, fault in enumerate(["a label", "a fold as a file", "a fold of another seed", "deep JSON"], start=1):
        FAULTS[fault](run / f"s0{fold}", made)
    (run / "run.json").unlink()
    (run / "audit.json").unlink()
    (run / "audit.json").mkdir()
    (run / "s03.failed.txt").mkdir()
    with pytest.warns(UserWarning) as caught:
        again = bench(tiny_trials, run.parent)
    told = [str(w.message) for w in caught if "set aside as" in str(w.message)]
    assert len(told) == len(again.skipped) == 6
    assert all(any(f"{fold}.damaged-1 and made anew" in line for line in told) for fold in ("s01", "s02", "s03", "s04"))
    pd.testing.assert_frame_equal(again.predictions(), made[0])
    assert {Path(place).name for place in again.skipped["place"]} == {
        *(f"s0{n}.damaged-1" for n in range(1, 5)),
        "audit.json.damaged-1",
        "s03.failed.txt.damaged-1",
    }
    assert all(Path(place).exists() for place in again.skipped["place"])
    FAULTS["a label"](run / "s01", made)
    with pytest.warns(UserWarning, match="set aside as s01.damaged-2"):  # what was set aside earlier stays
        bench(tiny_trials, run.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # all is well now
        pd.testing.assert_frame_equal(open_runs(run.parent).predictions(), made[0])


RUN_FAULTS = {
    "another model": lambda kept: kept["run"].update(model="better"),
    "another claim": lambda kept: kept["run"]["claim"].update(words="a new hospital"),
    "a lost fold": lambda kept: kept["run"]["folds"].remove("s02"),
    "no data": lambda kept: kept["run"].pop("data"),
    "no run": lambda kept: kept.pop("run"),
    "a number for text": lambda kept: kept["run"].update(folds=[1]),
    "no checksum": lambda kept: kept.pop("checksum"),
}


@pytest.mark.parametrize("fault", RUN_FAULTS)
def test_a_changed_description_is_not_opened(run, fault):
    kept = json.loads((run / "run.json").read_text())
    RUN_FAULTS[fault](kept)
    (run / "run.json").write_text(json.dumps(kept))
    with pytest.raises(gaitlib.GaitDataError, match="no run that can be opened.*run.json is damaged: its checksum"):
        open_runs(run.parent)


def test_a_benchmark_mends_the_description_and_says_so(made, run, tiny_trials):
    whole = read_json(run / "run.json")
    for text in ('{"format": 3}', "[" * 200_000, "[]", as_json(whole | {"key": "of another"})):
        (run / "run.json").write_text(text)
        with pytest.warns(UserWarning, match="run.json.*set aside as run.json.damaged-"):
            again = bench(tiny_trials, run.parent)
        pd.testing.assert_frame_equal(again.predictions(), made[0])
        assert read_json(run / "run.json") == whole


def test_a_changed_receipt_is_unseen(run):
    receipt = run / "audit.json"
    assert "unseen" not in open_runs(run.parent).audit().table()["verdict"].tolist()
    for text in (receipt.read_text().replace('"ok"', '"fine"', 1), "[" * 200_000, ""):
        receipt.write_text(text)
        unseen = open_runs(run.parent).audit().table().query("verdict == 'unseen'")
        assert unseen["check"].tolist() == ["receipt"]


def test_folders_and_files_in_each_others_place_stop_nothing(made, run, tiny_trials):
    (run / "s03.failed.txt").mkdir()
    shutil.rmtree(run / "s02")
    (run / "s02.failed.txt").write_bytes(b"s02: \xff")
    assert open_runs(run.parent).failures()["reason"].tolist() == ["\ufffd"]
    shutil.rmtree(run)
    run.write_text("")
    with pytest.warns(UserWarning, match="a file where the folder of a run should be; set aside"):
        pd.testing.assert_frame_equal(bench(tiny_trials, run.parent).predictions(), made[0])


def test_an_unfinished_run_says_so(run):
    shutil.rmtree(run / "s02")
    with pytest.warns(UserWarning, match=r"1 of 4 folds are not there \(s02 ...\): not finished"):
        assert len(open_runs(run.parent).runs[0].folds) == 3


@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_a_fold_that_may_not_be_read_is_named_and_kept(run, tiny_trials):
    (run / "s02" / "fold.json").chmod(0)
    with pytest.warns(UserWarning, match="1 not opened.*s02.*mend its rights"):
        open_runs(run.parent)
    with pytest.raises(gaitlib.GaitDataError, match="finished, but it cannot be read.*mend its rights"):
        bench(tiny_trials, run.parent)


def test_words_of_ours_may_change_without_a_word(made, run, tiny_trials):
    """The sentence about a model is no part of the key: an edition with a better one keeps the folds."""
    kept = read_json(run / "run.json")
    kept["run"]["what"] = "said otherwise"
    (run / "run.json").write_text(as_json(kept))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(bench(tiny_trials, run.parent).predictions(), made[0])
