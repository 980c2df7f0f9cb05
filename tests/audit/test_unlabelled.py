"""Unlabelled trials may be learnt from: planted leaks among them are found, and an honest budget is clean."""

from dataclasses import replace

import numpy as np
import pytest
from planted import planted_trials

import gaitlib
from gaitlib import LabelBudget, LeaveOneGroupOut, LeaveOneSubjectOut, SubjectHoldout, TrialKFold, TrialSet
from gaitlib.audit.checks import audit_learnt, audit_split
from gaitlib.audit.copies import find_copies
from gaitlib.audit.receipt import Receipt
from gaitlib.trials.digests import recording_digests
from gaitlib.trials.modality import object_array

ONE = LabelBudget(LeaveOneSubjectOut(validation=False), people=1)


@pytest.fixture(scope="module")
def trials():
    return planted_trials(n_subjects=4, n_walks=2, seed=0)


@pytest.fixture(scope="module")
def copies(trials):
    return find_copies(trials)


def found(findings) -> dict:
    return {(f.check, f.fold): f.detail for f in findings if f.verdict != "ok"}


def split(trials, protocol, folds, copies=None):
    return found(audit_split(trials, protocol, folds, copies or find_copies(trials)))


def with_unlabelled(fold, index):
    """The fold with one more unlabelled trial, which stands in its other part, too."""
    return replace(fold, unlabelled=np.append(fold.unlabelled, index))


def honest(trials, fold, **changes) -> dict:
    """A classifier that learnt some labels, after an encoder that learnt from all of the training side."""
    seen = trials[np.union1d(fold.train, fold.unlabelled)]
    encoder = ["Encode", seen.ids.tolist(), sorted(set(seen.subjects))]
    return {"fitted_on": trials.ids[fold.train].tolist(), "watched": [], "steps": [encoder]} | changes


@pytest.mark.parametrize(
    "protocol",
    [ONE, LabelBudget(LeaveOneSubjectOut(validation=False), share=0.1), LabelBudget(TrialKFold(2, False), share=0.5)],
    ids=lambda p: p.name,
)
def test_an_honest_budget_has_a_clean_receipt(trials, copies, protocol):
    for fold in protocol.folds(trials):
        assert len(fold.unlabelled)
        findings = audit_split(trials, protocol, [fold], copies)
        findings += audit_learnt(trials, protocol, fold, honest(trials, fold), "probe")
        assert not found(findings)
        assert "label budget" in {f.check for f in findings}
        Receipt(findings, trials.name).raise_leaks()


# -- what stands on both sides ---------------------------------------------------------------------------


def test_an_unlabelled_trial_of_a_tested_person_is_found(trials, copies):
    """Another recording of the person, of which nothing is tested: the labels are never seen, the person is."""
    fold = ONE.folds(trials)[0]
    moved = replace(fold, test=fold.test[1:], unlabelled=np.append(fold.unlabelled, fold.test[0]))
    leaks = split(trials, ONE, [moved], copies)
    assert set(leaks) == {("subjects", "s01")}
    assert leaks["subjects", "s01"].startswith("subject s01 both tested and learnt from or watched, with trials")


def test_an_unlabelled_view_of_a_tested_walk_is_found(trials, copies):
    walks = trials.table.groupby(["subject", "label"]).ngroup().astype(str)  # two views each
    viewed = replace(trials, table=trials.table.assign(walk=walks))
    protocol = LabelBudget(TrialKFold(2, validation=False), share=0.5)
    fold = protocol.folds(viewed)[0]
    moved = replace(fold, test=fold.test[1:], unlabelled=np.append(fold.unlabelled, fold.test[0]))
    assert set(split(viewed, protocol, [moved], copies)) == {("walks", "fold1")}


def test_an_unlabelled_trial_of_a_tested_group_is_found(trials, copies):
    clinic = np.where(np.isin(trials.subjects, ["s01", "s02"]), "north", "south")
    grouped = replace(trials, table=trials.table.assign(clinic=clinic))
    protocol = LabelBudget(LeaveOneGroupOut("clinic", validation=False), people=1)
    fold = protocol.folds(grouped)[0]
    of_other = np.flatnonzero(grouped.subjects == "s02")
    moved = replace(fold, test=np.setdiff1d(fold.test, of_other), unlabelled=np.append(fold.unlabelled, of_other))
    assert set(split(grouped, protocol, [moved], copies)) == {("groups of clinic", "north")}


def test_an_unlabelled_trial_of_a_watched_person_is_found(trials, copies):
    fold = LeaveOneSubjectOut().folds(trials)[0]
    leaks = split(trials, LeaveOneSubjectOut(), [with_unlabelled(fold, fold.validation[0])], copies)
    assert set(leaks) == {("validation", "s01")}
    assert not split(trials, LeaveOneSubjectOut(), [with_unlabelled(fold, fold.train[0])], copies)


@pytest.mark.parametrize(("noise", "check"), [(0, "copies"), (1e-2, "near copies")])
def test_an_unlabelled_copy_of_a_tested_recording_is_found(noise, check):
    rng = np.random.default_rng(0)
    emg = list(rng.normal(size=(32, 60, 2)).cumsum(axis=1))
    subject, label = np.repeat(list("abcd"), 8), list("xy") * 16
    plain = TrialSet.from_arrays({"emg": emg}, subject=subject, label=label)
    fold = ONE.folds(plain)[0]
    assert not split(plain, ONE, [fold])
    source, target = fold.test[5], fold.unlabelled[7]
    emg[target] = emg[source] + rng.normal(0, noise, (60, 2))
    leaks = split(TrialSet.from_arrays({"emg": emg}, subject=subject, label=label), ONE, [fold])
    assert (check, fold.name) in leaks
    assert plain.ids[target] in leaks[check, fold.name]


def test_an_unlabelled_piece_of_a_tested_file_is_found(trials, copies):
    fold = ONE.folds(trials)[0]
    files = [f"{t}.csv" for t in trials.ids]
    files[fold.unlabelled[3]] = files[fold.test[2]]
    named = replace(trials, table=trials.table.assign(source=files))
    assert set(split(named, ONE, [fold], copies)) == {("recording files", "s01")}


# -- what was learnt from --------------------------------------------------------------------------------


def test_an_encoder_that_learnt_from_a_tested_person_is_found(trials):
    fold = ONE.folds(trials)[0]
    one_walk = trials.ids[fold.test[:1]].tolist()
    (name, ids, people), *_ = honest(trials, fold)["steps"]
    rest = replace(fold, test=fold.test[1:])  # the walk itself is not tested, its person is
    for seen, tested, words in (
        ([name, ids + one_walk, people], fold, "which are tested"),
        ([name, ids + one_walk, people], rest, "of a tested subject"),
        ([name, [*ids, "elsewhere"], [*people, "s01"]], fold, "recordings of s01, who is tested, under other ids"),
    ):
        leaks = found(audit_learnt(trials, ONE, tested, honest(trials, fold, steps=[seen]), "probe"))
        assert set(leaks) == {("steps", "s01")}
        assert words in leaks["steps", "s01"]


@pytest.mark.parametrize("how", ["fitted_on", "watched"])
def test_a_label_beyond_the_budget_is_found(trials, how):
    fold = ONE.folds(trials)[0]
    beyond = trials.ids[fold.unlabelled[:2]].tolist()
    told = honest(trials, fold)
    findings = audit_learnt(trials, ONE, fold, told | {how: told[how] + beyond}, "probe")
    assert set(found(findings)) == {("label budget", "s01")}
    with pytest.raises(gaitlib.GaitDataError, match=f"probe, .*: label budget: the labels of {beyond[0]}, .*only"):
        Receipt(findings, trials.name).raise_leaks()
    plain = SubjectHoldout(people=["s01"], validation=False)
    assert "label budget" not in {
        f.check for f in audit_learnt(trials, plain, plain.folds(trials)[0], honest(trials, fold))
    }


def test_an_encoders_recordings_are_known_beside_a_further_signal_and_not_by_a_sensor_that_was_off(trials):
    (fold, *_) = LeaveOneSubjectOut(validation=False).folds(trials)
    skeleton = trials.modality("skeleton")
    off = replace(skeleton, values=object_array([np.zeros((50, v.shape[1]), np.float32) for v in skeleton.values]))
    moved = skeleton.map(lambda v: v + 1)
    wider = trials.with_modality("further", moved).with_modality("off", off)
    protocol = LeaveOneSubjectOut(validation=False)

    def said(index, what):
        digests = sorted(frozenset().union(*recording_digests(what[index])))
        learnt = {"fitted_on": trials.ids[fold.train].tolist(), "watched": [], "steps": [], "recordings": digests}
        return found(audit_learnt(wider, protocol, fold, learnt))

    assert [check for check, _ in said(fold.test[:1], trials)] == ["recordings of encoders"]
    assert said(fold.train, wider) == {}  # the sensor that was off is the same in all
