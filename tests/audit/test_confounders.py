"""What tells the class beside the movement is found, and nothing where it does not."""

import numpy as np
import pytest

from gaitlib import LeaveOneSubjectOut, TrialSet
from gaitlib.audit.checks import audit_split
from gaitlib.audit.confounders import hidden_signals
from gaitlib.audit.copies import Copies, find_copies

N_PEOPLE = 24


def recorded(rate=lambda ill: 100, frames=lambda ill: 200, change=lambda v, ill: v, device=lambda ill: "a", seed=0):
    """Two walks of each of 24 people, half of them ill; nothing but what is asked for depends on that."""
    rng = np.random.default_rng(seed)
    values, times, labels, devices = [], [], [], []
    for i in range(2 * N_PEOPLE):
        ill = i // 2 % 2 == 1
        v = rng.normal(size=(frames(ill), 3))
        values.append(change(v, ill))
        times.append(np.arange(len(v)) / rate(ill))
        labels.append("ill" if ill else "well")
        devices.append(device(ill))
    people = np.repeat(np.arange(N_PEOPLE), 2)
    return TrialSet.from_arrays(
        {"imu": values}, subject=people, label=labels, time_s=times, targets={"device": devices}
    )


def verdicts(trials) -> dict:
    found = hidden_signals(trials, LeaveOneSubjectOut())
    return {f.check.removeprefix("hidden signals of "): f.verdict for f in found}


def without_channel(v, ill):
    return v * [1, 1, 0] if ill else v


def with_gaps(v, ill):
    v = v.copy()
    v[: 20 if ill else 2, 1] = np.nan
    return v


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("frame rate", {"rate": lambda ill: 50 if ill else 100}),
        ("device", {"device": lambda ill: "new" if ill else "old"}),
        ("missing values", {"change": with_gaps}),
        ("constant channels", {"change": without_channel}),
    ],
)
def test_what_tells_the_class_is_suspect_and_nothing_else(what, changes):
    assert verdicts(recorded(**changes)) == {what: "suspect"}


def test_length_is_told_and_never_suspect():
    assert verdicts(recorded(frames=lambda ill: 150 if ill else 100)) == {"length": "ok"}


@pytest.mark.parametrize("seed", range(10))
def test_what_does_not_depend_on_the_class_is_no_signal(seed):
    rng = np.random.default_rng(seed)
    honest = recorded(
        rate=lambda ill: rng.choice([50, 100]),
        frames=lambda ill: int(rng.integers(100, 200)),
        device=lambda ill: rng.choice(["a", "b", "c"]),
        change=lambda v, ill: with_gaps(v, rng.random() < 0.5),
    )
    assert set(verdicts(honest).values()) == {"ok"}


def test_one_recording_with_two_labels_is_suspect():
    trials = recorded()
    values = list(trials.modality("imu").values)
    values[2] = values[0]
    twice = TrialSet.from_arrays({"imu": values}, subject=trials.subjects, label=trials.labels)
    for made, verdict in ((trials, "ok"), (twice, "suspect")):
        protocol = LeaveOneSubjectOut()
        findings = audit_split(made, protocol, protocol.folds(made), find_copies(made))
        (found,) = [f for f in findings if f.check == "labels"]
        assert found.verdict == verdict
    assert f"{twice.ids[0]} and {twice.ids[2]}" in found.detail


def test_a_walk_with_two_labels_is_suspect_where_others_have_one():
    people, walks = np.repeat(np.arange(30), 2), np.repeat(np.arange(30), 2)
    labels = np.array(["a", "b"])[walks % 2].astype(object)
    values = np.random.default_rng(0).normal(size=(60, 4))
    for changed, verdict in ((slice(0, 1), "suspect"), (slice(0, 60, 2), "ok")):  # of every walk: labels vary within
        own = labels.copy()
        own[changed] = np.where(own[changed] == "a", "b", "a")
        trials = TrialSet.from_arrays({"x": values}, subject=people, walk=walks, label=own)
        empty = find_copies(trials)
        findings = audit_split(trials, LeaveOneSubjectOut(), [], Copies(empty.shared, empty.near))
        assert [f.verdict for f in findings if f.check == "labels"] == [verdict]
