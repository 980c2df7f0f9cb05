"""Planted leaks of each kind are found with their place, and clean benchmarks get a clean receipt."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import (
    LabelBudget,
    LeaveOneGroupOut,
    LeaveOneSubjectOut,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    TrialKFold,
    TrialSet,
)
from gaitlib.audit import threshold_source
from gaitlib.audit.checks import audit_learnt, audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.audit.receipt import CANNOT_SEE, REMEDIES, Finding, Receipt
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import CentrePelvis, Frames
from gaitlib.protocols.folds import Fold
from gaitlib.trials import HistoryEntry
from gaitlib.trials.modality import object_array

EVERY = [LeaveOneSubjectOut(), SubjectKFold(2), SubjectHoldout(), TrialKFold(2), RandomTrialSplit(0.5)]


@pytest.fixture(scope="module")
def trials():
    return planted_trials(n_subjects=4, n_walks=2, seed=0)


@pytest.fixture(scope="module")
def copies(trials):
    return find_copies(trials)


def split(trials, protocol=None, copies=None, folds=None):
    protocol = protocol or LeaveOneSubjectOut()
    return audit_split(trials, protocol, folds or protocol.folds(trials), copies or find_copies(trials))


def bad(findings, *verdicts) -> dict:
    """Check and fold of what is not in order, with the words."""
    return {(f.check, f.fold): f.detail for f in findings if f.verdict in (verdicts or ("leak", "suspect"))}


def learnt(trials, fold, **changes) -> dict:
    """What an honest classifier of a fold says."""
    train, watched = trials.ids[fold.train].tolist(), trials.ids[fold.validation].tolist()
    return {"fitted_on": train, "watched": watched, "steps": [["Scaler", train], ["Crop", []]]} | changes


# -- clean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", EVERY, ids=lambda p: p.name)
def test_clean_benchmarks_have_a_clean_receipt(trials, copies, protocol):
    findings = split(trials, protocol, copies)
    for fold in protocol.folds(trials):
        findings += audit_learnt(trials, protocol, fold, learnt(trials, fold), "gru")
    assert {f.verdict for f in findings} == {"ok"}
    Receipt(findings, trials.name).raise_leaks()


@pytest.mark.parametrize("protocol", EVERY, ids=lambda p: p.name)
def test_real_recordings_have_a_clean_receipt(real_kinect_zip, protocol):
    real = gaitlib.load_trials(real_kinect_zip)[::3]
    assert {f.verdict for f in split(real, protocol)} == {"ok"}


def test_synthetic_walks_have_a_clean_receipt():
    findings = split(gaitlib.synthetic_trials(n_subjects=4, n_walks=2, seed=0))
    assert {f.verdict for f in findings} == {"ok"}


ROWS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9), st.sampled_from("XY")), min_size=4, max_size=60)


@given(rows=ROWS, seed=st.integers(0, 99))
def test_no_protocol_of_gaitlib_splits_a_subject_or_walk(rows, seed):
    subject, walk, label = zip(*rows, strict=True)
    table = TrialSet.from_arrays({"x": [np.zeros(1)] * len(rows)}, subject=subject, walk=walk, label=label)
    copies = find_copies(table)
    for protocol in EVERY:
        try:
            findings = split(table, protocol.set_params(seed=seed), copies)
        except GaitDataError:
            continue
        assert {f.verdict for f in findings if not f.check.startswith("near copies of")} == {"ok"}


# -- cheating protocols ----------------------------------------------------------------------------------


class Moves(LeaveOneSubjectOut):
    """Leave-one-subject-out that moves one trial of the second fold from one part to another."""

    def __init__(self, source="test", target="train", validation=True, seed=0):
        super().__init__(validation, seed)
        self.source = source
        self.target = target

    def folds(self, trials):
        folds = super().folds(trials)
        parts = {part: getattr(folds[1], part) for part in ("train", "validation", "test")}
        moved, parts[self.source] = parts[self.source][0], parts[self.source][1:]
        parts[self.target] = np.append(parts[self.target], moved)
        folds[1] = Fold(folds[1].name, **parts)
        return folds


@pytest.mark.parametrize(
    ("source", "target", "check"),
    [
        ("test", "train", "subjects"),
        ("test", "validation", "subjects"),
        ("train", "test", "subjects"),
        ("train", "validation", "validation"),
        ("validation", "train", "validation"),
    ],
)
def test_a_protocol_that_splits_a_subject_is_found(trials, copies, source, target, check):
    protocol = Moves(source, target)
    moved = trials[getattr(LeaveOneSubjectOut().folds(trials)[1], source)[:1]]
    found = bad(split(trials, protocol, copies))
    assert (check, "s02") in found
    assert f"subject {moved.subjects[0]} both" in found[check, "s02"]
    assert {fold for _, fold in found} == {"s02"}


@pytest.mark.parametrize(("unit", "check"), [("walk", "walks"), ("validation", "validation")])
def test_a_walk_on_two_sides_of_a_trial_protocol_is_found(unit, check):
    trials = planted_trials(n_subjects=6, n_walks=2, seed=0)
    walks = trials.table.groupby(["subject", "label"]).ngroup().astype(str)  # two views each
    trials = replace(trials, table=trials.table.assign(walk=walks))
    fold = TrialKFold(2).folds(trials)[0]
    other = "train" if unit == "validation" else "test"
    one, rest = getattr(fold, other)[:1], getattr(fold, other)[1:]
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test, other: rest}
    parts["validation"] = np.append(parts["validation"], one)
    found = bad(split(trials, TrialKFold(2), folds=[Fold("fold1", **parts)]))
    assert list(found) == [(check, "fold1")]
    assert f"walk {trials.walks[one[0]]} both" in found[check, "fold1"]


def test_the_same_trial_tested_and_learnt_from_is_found(trials, copies):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    both = Fold("s01", np.append(fold.train, fold.test[3]), fold.validation, fold.test)
    found = bad(split(trials, copies=copies, folds=[both]))
    assert trials.ids[fold.test[3]] in found["walks", "s01"]
    assert set(found) == {("subjects", "s01"), ("walks", "s01")}


# -- copies ----------------------------------------------------------------------------------------------


def with_stretch(trials, source, target, change) -> TrialSet:
    """A trial replaced by what is made of another."""
    m = trials.modality("skeleton")
    values = list(m.values)
    values[target] = change(values[source]).astype(np.float32)
    frames = object_array([np.arange(len(v)) for v in values])
    times = object_array([np.arange(len(v)) / 30 for v in values])
    return trials.with_modality("skeleton", replace(m, values=object_array(values), frames=frames, time_s=times))


@pytest.mark.parametrize("change", [np.array, lambda v: v[30:]], ids=["copy", "window"])
def test_a_recording_under_two_subjects_is_found(trials, change):
    leaky = with_stretch(trials, 5, 20, change)  # of s01 and s02
    found = bad(split(leaky))
    # The two walks were of different gaits.
    assert set(found) == {("copies", "s01"), ("copies", "s02"), ("labels", "")}
    assert f"{leaky.ids[5]} and {leaky.ids[20]} (skeleton, 100% of the shorter)" in found["copies", "s01"]


def test_windows_of_one_recording_as_walks_of_their_own_are_found_where_they_are_split():
    trials = planted_trials(n_subjects=4, n_walks=2, seed=0)
    windows = with_stretch(with_stretch(trials, 0, 1, lambda v: v[20:]), 0, 0, lambda v: v[:50])  # both of s01, normal
    found = bad(split(windows, TrialKFold(2)))
    assert {check for check, _ in found} == {"copies"}
    assert f"{windows.ids[0]} and {windows.ids[1]}" in next(iter(found.values()))
    assert not bad(split(windows, LeaveOneSubjectOut()))


def test_a_copy_with_noise_is_suspect():
    trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=2, seed=0)
    leaky = with_stretch(trials, 5, 20, lambda v: v + np.random.default_rng(0).normal(0, 1e-3, v.shape))
    findings = split(leaky)
    assert not bad(findings, "leak")
    found = bad(findings, "suspect")
    assert set(found) == {("near copies", "subject01"), ("near copies", "subject02")}
    assert f"{leaky.ids[5]} and {leaky.ids[20]} (skeleton, ratio 0.0" in found["near copies", "subject01"]


def test_what_cannot_be_judged_is_said():
    arrays = {"emg": np.random.default_rng(0).normal(size=(8, 40, 2))}
    few = TrialSet.from_arrays(arrays, subject=[0, 0, 1, 1, 2, 2, 3, 3], label=list("ab") * 4)
    assert bad(split(few), "unseen") == {
        ("near copies of emg", ""): "8 walks with 20 changing frames are too few; 20 are needed"
    }


# -- files -----------------------------------------------------------------------------------------------


def named(trials, files) -> TrialSet:
    return replace(trials, table=trials.table.assign(source=files))


def test_one_file_under_two_subjects_is_suspect(trials, copies):
    files = [f"{t}.csv" for t in trials.ids]
    assert not bad(split(named(trials, files), copies=copies))
    files[20] = files[5]
    found = bad(split(named(trials, files), copies=copies))
    assert set(found) == {("recording files", "s01"), ("recording files", "s02")}
    assert files[5] in found["recording files", "s01"]


def test_pieces_of_one_file_on_both_sides_are_suspect(trials, copies):
    files = [f"{s}-{c}.csv" for s, c in zip(trials.subjects, trials.labels, strict=True)]  # two walks each
    found = bad(split(named(trials, files), TrialKFold(2), copies))
    assert set(found) == {("recording files", "fold1"), ("recording files", "fold2")}
    assert not bad(split(named(trials, files), LeaveOneSubjectOut(), copies))


def test_a_table_of_all_trials_is_no_recording(trials, copies):
    assert not bad(split(named(trials, ["all.mat"] * len(trials)), copies=copies))
    some = np.where(trials.subjects == "s04", "", "some.mat")
    assert not bad(split(named(trials, some), copies=copies))
    two = trials[np.isin(trials.subjects, ["s01", "s02"])]
    assert not bad(split(named(two, ["both.mat"] * len(two)), LeaveOneSubjectOut(validation=False), copies))


# -- earlier steps ---------------------------------------------------------------------------------------


def test_a_step_fitted_on_everything_before_is_found_in_every_fold(trials, copies):
    scaled = Frames(StandardScaler()).fit(trials).transform(trials)
    for protocol in EVERY:
        findings = split(scaled, protocol, copies)
        assert set(bad(findings)) == {("earlier steps", f.name) for f in protocol.folds(trials)}
    receipt = Receipt(split(scaled, copies=copies), trials.name)
    with pytest.raises(GaitDataError) as error:
        receipt.raise_leaks()
    for words in (
        "leave-one-subject-out, fold s01",
        "earlier steps",
        "Frames",
        trials.ids[0],
        "which are tested",
        "GaitClassifier(steps=",
    ):
        assert words in str(error.value)


def test_a_step_fitted_on_other_trials_of_a_tested_subject_leaks_to_new_people_only(trials, copies):
    first = trials[trials.ids == "s01/normal/01"]
    leaky = replace(trials, history=(HistoryEntry("PCA", tuple(first.ids)),))
    fold = LeaveOneSubjectOut().folds(trials)[0]
    others = Fold("s01", fold.train, fold.validation, fold.test[trials.ids[fold.test] != first.ids[0]])
    found = bad(split(leaky, copies=copies, folds=[others]))
    assert found == {("earlier steps", "s01"): "PCA was fitted on trials s01/normal/01, of a tested subject"}
    learnt_too = np.append(fold.train, np.flatnonzero(trials.ids == first.ids[0]))
    known = Fold("split", learnt_too, fold.validation, others.test)
    assert not bad(split(leaky, RandomTrialSplit(), copies, [known]))


def test_a_step_fitted_on_another_view_of_a_tested_walk_is_found():
    trials = planted_trials(n_subjects=2, n_walks=4, seed=0)
    walks = trials.table["trial"].str[:-1] + (trials.table["trial"].str[-1].astype(int) // 3).astype(str)
    trials = replace(trials, table=trials.table.assign(walk=walks))
    fold = TrialKFold(2).folds(trials)[0]
    view = trials.ids[fold.test[0]]
    tested = Fold("fold1", fold.train, fold.validation, fold.test[1:])
    leaky = replace(trials, history=(HistoryEntry("PCA", (view,)),))
    found = bad(split(leaky, TrialKFold(2), folds=[tested]))
    assert found == {("earlier steps", "fold1"): f"PCA was fitted on trials {view}, of a tested walk"}


def test_a_step_fitted_on_training_trials_or_on_nothing_is_no_leak(trials, copies):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    honest = Frames(StandardScaler()).fit(trials[fold.train]).transform(CentrePelvis().fit_transform(trials))
    assert not bad(split(honest, copies=copies, folds=[fold]), "leak", "suspect", "unseen")


def test_a_step_fitted_on_strangers_is_said_to_be_unknown(trials, copies):
    strange = replace(trials, history=(HistoryEntry("PCA", ("x1", "x2", "x3", "x4")),))
    found = bad(split(strange, copies=copies), "unseen")
    assert set(found) == {("earlier steps", s) for s in set(trials.subjects)}
    assert "x1, x2, x3 and 1 more" in found["earlier steps", "s01"]


def test_a_step_that_saw_a_tested_person_under_other_ids_is_found(trials, copies):
    """An encoder pretrained on other recordings of a person who is tested."""
    seen = replace(trials, history=(HistoryEntry("PCA", ("x1", "x2"), ("s02",)),))
    found = bad(split(seen, copies=copies), "leak")
    assert set(found) == {("earlier steps", "s02")}
    assert "recordings of s02, who is tested, under other ids" in found["earlier steps", "s02"]


# -- what was learnt -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda own, test: {"fitted_on": own["fitted_on"] + test[:1]}, "model"),
        (lambda own, test: {"steps": [*own["steps"], ["Encode", test[:2]]]}, "steps"),
        (lambda own, test: {"watched": own["watched"] + test[:1]}, "early stopping"),
        (lambda own, test: {"watched": own["fitted_on"][:1]}, "early stopping"),
    ],
    ids=["model", "frozen encoder", "stopped by the test", "stopped by what is learnt"],
)
@pytest.mark.parametrize("protocol", [LeaveOneSubjectOut(), TrialKFold(2)], ids=lambda p: p.name)
def test_a_classifier_that_saw_tested_trials_is_found(trials, protocol, change, check):
    fold = protocol.folds(trials)[1]
    own, test = learnt(trials, fold), trials.ids[fold.test].tolist()
    findings = audit_learnt(trials, protocol, fold, own | change(own, test), "gru")
    assert list(bad(findings, "leak")) == [(check, fold.name)]
    with pytest.raises(GaitDataError, match=f"gru, .*fold {fold.name}: {check}: .*{REMEDIES[check][:20]}"):
        Receipt(findings, trials.name).raise_leaks()


def test_validation_subjects_must_not_be_learnt_from(trials):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    own = learnt(trials, fold)
    swapped = own | {"fitted_on": own["fitted_on"] + own["watched"][:1], "watched": own["watched"][1:]}
    found = bad(audit_learnt(trials, LeaveOneSubjectOut(), fold, swapped))
    subject = trials.subjects[fold.validation[0]]
    assert f"subject {subject} both learnt from and watched" in found["early stopping", "s01"]


def test_what_early_stopping_watched_is_said(trials):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    details = {f.check: f.detail for f in audit_learnt(trials, LeaveOneSubjectOut(), fold, learnt(trials, fold))}
    assert details["early stopping"] == "watched 12 trials of 1 subject, none of them tested"
    assert details["model"] == "learnt from 24 trials of 2 subjects, none of them tested"
    fixed = audit_learnt(trials, LeaveOneSubjectOut(), fold, learnt(trials, fold, watched=[]))
    assert fixed[-1].verdict == "ok"
    assert "a fixed number of epochs" in fixed[-1].detail


def test_what_was_not_recorded_is_unseen(trials):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    for nobody in ([], ["stranger"]):
        findings = audit_learnt(trials, LeaveOneSubjectOut(), fold, learnt(trials, fold, fitted_on=nobody))
        assert list(bad(findings, "unseen")) == [("model", "s01")]


def test_a_fitted_classifier_gives_a_clean_receipt(trials):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    model = gaitlib.GaitClassifier("extra_trees").fit(trials[fold.train])
    steps = [[type(step).__name__, list(getattr(step, "fitted_on_", ()))] for _, step in model.steps_.steps]
    own = {"fitted_on": list(model.fitted_on_), "watched": list(model.watched_), "steps": steps}
    assert {f.verdict for f in audit_learnt(trials, LeaveOneSubjectOut(), fold, own)} == {"ok"}


# -- the receipt -----------------------------------------------------------------------------------------


RECEIPT = Receipt(
    [
        Finding("subjects", "loso", "s01", "ok", "apart"),
        Finding("subjects", "loso", "s02", "leak", "subject s02 both", "gru"),
        Finding("subjects", "loso", "s03", "leak", "subject s03 both"),
        Finding("copies", "loso", "s01", "unseen", "who knows"),
        Finding("copies", "loso", "s02", "suspect", "too <alike>"),
        Finding("subjects", "random", "", "ok", "apart"),
    ],
    "SYNTHETIC walks",
)


def test_the_table_has_the_worst_of_each_check_and_protocol():
    table = RECEIPT.table()
    assert table[["protocol", "check", "verdict", "where", "detail"]].to_numpy().tolist() == [
        ["loso", "subjects", "leak", "fold s02 and 1 more", "subject s02 both"],
        ["loso", "copies", "suspect", "fold s02", "too <alike>"],
        ["random", "subjects", "ok", "all folds", "apart"],
    ]
    assert set(table["data"]) == {"SYNTHETIC walks"}


def test_the_print_out_says_what_was_found_and_what_cannot_be_seen():
    text = str(RECEIPT)
    assert text.startswith("Audit of SYNTHETIC walks: 2 leaks")
    assert "  leak     subjects: subject s02 both [fold s02 and 1 more]" in text
    assert text.endswith(CANNOT_SEE[-1])
    assert all(thing in text for thing in CANNOT_SEE)
    shown = RECEIPT._repr_html_()
    assert "too &lt;alike&gt;" in shown
    assert "too <alike>" not in shown


def test_a_receipt_goes_through_json():
    again = Receipt.from_dict(json.loads(json.dumps(RECEIPT.to_dict())))
    assert again == RECEIPT
    assert str(again) == str(RECEIPT)


def test_a_leak_raises_and_counts_the_others():
    assert [f.fold for f in RECEIPT.leaks] == ["s02", "s03"]
    words = r"gru, loso, fold s02: subjects: subject s02 both; keep .* \(1 more leak: see"
    with pytest.raises(GaitDataError, match=words):
        RECEIPT.raise_leaks()


def test_an_empty_receipt_is_no_error():
    empty = Receipt([], "nothing")
    empty.raise_leaks()
    assert empty.table().empty
    assert str(empty).startswith("Audit of nothing: no leak found")


def test_every_check_that_can_leak_has_a_remedy(trials, copies):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    own = learnt(trials, fold) | {"recordings": ["of an encoder"]}
    findings = split(trials, copies=copies) + audit_learnt(trials, LeaveOneSubjectOut(), fold, own)
    clinics = replace(trials, table=trials.table.assign(clinic=trials.subjects))
    findings += split(clinics, LeaveOneGroupOut("clinic"), copies)
    budget = LabelBudget(LeaveOneSubjectOut(validation=False), people=1)
    fold = budget.folds(trials)[0]
    findings += audit_learnt(trials, budget, fold, learnt(trials, fold))
    assert {f.check.split(" of ")[0] for f in findings} | {threshold_source.CHECK} == set(REMEDIES)
