"""Walks mixed at equal phase: the phase stays, classes stay apart, and nobody else takes part."""

from dataclasses import replace

import numpy as np
import pytest

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, LeaveOneSubjectOut
from gaitlib.evaluation.fold import train_fold
from gaitlib.models import Builder
from gaitlib.preprocessing import gait_periods
from gaitlib.training import PhaseMix, Training
from gaitlib.trials.conventions import skeleton_channels

RATE_HZ = 30
CHANNELS = skeleton_channels(("left_ankle", "right_ankle", "head"))


def walk(period_s, start=0.0, n_s=6.0, mark=0.0):
    """Ankles that swing along y, and a mark at the head."""
    angle = 2 * np.pi * (start + np.arange(round(n_s * RATE_HZ)) / RATE_HZ / period_s)
    values = np.zeros((len(angle), 9))
    values[:, 1], values[:, 4], values[:, 6] = 0.3 * np.cos(angle), -0.3 * np.cos(angle), mark
    return values


def walks(*values, labels=None, **about):
    return gaitlib.TrialSet.from_arrays(
        {"skeleton": list(values)}, channels=CHANNELS, rate_hz=RATE_HZ, unit="m",
        subject=[f"p{i}" for i in range(len(values))], label=labels or ["a"] * len(values), **about,
    )  # fmt: skip


def test_walks_of_other_paces_are_mixed_at_equal_phase():
    trials = walks(walk(1.0, 0.1), walk(1.5, 0.7, 9.0, mark=1.0))
    before, mixed = trials.digest(), PhaseMix(alpha=5)(trials)
    assert trials.digest() == before
    m, plain = mixed.modality("skeleton"), trials.modality("skeleton")
    for i, period_s in enumerate((1.0, 1.5)):
        kept = np.isin(plain.frames[i], m.frames[i])
        own = plain.values[i][kept]
        assert len(own) > 120 and len(own) == len(m.values[i])
        np.testing.assert_allclose(m.values[i][:, :6], own[:, :6], atol=0.03)  # both swing alike at equal phase
        head = m.values[i][:, 6]
        assert np.ptp(head) < 1e-6 and 0.01 < abs(head[0] - own[0, 6]) <= 0.5  # mostly what it was
        assert gait_periods(mixed)["period_s"][i] == pytest.approx(period_s, abs=0.02)
    unaligned = 0.5 * walk(1.0, 0.1) + 0.5 * walk(1.5, 0.7, 9.0)[:180]
    assert np.abs(unaligned[:, :6] - walk(1.0, 0.1)[:, :6]).max() > 0.2  # what this test would see


def test_classes_and_views_are_not_mixed_and_who_is_alone_stays():
    marks = [0.0, 1.0, 10.0, 11.0, 20.0, 30.0, 40.0]
    trials = walks(
        *[walk(1.2, mark=mark) for mark in marks], labels=["a", "a", "b", "b", "c", "a", None]
    )  # fmt: skip
    views = ["side"] * 5 + ["front", "side"]
    trials = replace(trials, table=trials.table.assign(view=views))
    heads = [v[:, 6] for v in PhaseMix(alpha=5)(trials).modality("skeleton").values]
    means = [head.mean() for head in heads]
    assert 0.01 < means[0] < 0.5 < means[1] < 0.99 and 10.01 < means[2] < 10.5 < means[3] < 10.99
    assert means[4:] == [20.0, 30.0, 40.0] and len(heads[4]) == 180


def test_copies_are_told_by_the_seed_and_walks_without_rhythm_stay():
    still = np.zeros((180, 9))
    trials = walks(walk(1.0, mark=1.0), walk(1.1), still, walk(1.0, n_s=1.2))
    once, again, other = (PhaseMix(alpha=2, seed=seed)(trials) for seed in (0, 0, 1))
    assert once.digest() == again.digest() != other.digest()
    np.testing.assert_array_equal(once.modality("skeleton").values[2], still)
    lone = walks(walk(1.0), still)
    assert PhaseMix()(lone).modality("skeleton").values[0].shape == (180, 9)


def test_what_cannot_be_mixed_is_refused(tiny_trials):
    with pytest.raises(GaitDataError, match="in pixels.*NormalisePose"):
        PhaseMix(modality="pose")(gaitlib.project_to_pose(tiny_trials[:2]))
    with pytest.raises(GaitDataError, match="above 0"):
        PhaseMix(alpha=0)(walks(walk(1.0)))
    hole = walk(1.0)
    hole[3, 8] = np.nan
    with pytest.raises(GaitDataError, match="not a finite number"):
        PhaseMix()(walks(hole))


class Watched(PhaseMix):
    """One that remembers whom it was given."""

    given = []

    def __call__(self, trials):
        self.given.append(trials.ids)
        return super().__call__(trials)


def test_only_training_trials_are_mixed(tiny_trials):
    model = GaitClassifier(Builder("extra_trees", n_estimators=5), training=Training(augment=[Watched()]))
    few = tiny_trials[np.isin(tiny_trials.labels, tiny_trials.classes[:2])]
    fold = LeaveOneSubjectOut(validation=False).folds(few)[0]
    Watched.given.clear()
    train_fold(model, few, fold, 0)
    (given,) = Watched.given
    assert set(given) == set(np.array(few.ids)[fold.train]) and len(set(given)) < len(few)
