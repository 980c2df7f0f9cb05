"""The gap between known and new people is found where it was planted, and only there."""

import numpy as np
import pandas as pd
import pytest
from planted import planted_trials
from sklearn.pipeline import make_pipeline

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, TrialKFold
from gaitlib.evaluation.controls import LENGTH, PERSON
from gaitlib.evaluation.optimism import UngroupedRandomSplit
from gaitlib.models import Builder
from gaitlib.preprocessing import Step, SummaryStatistics
from gaitlib.trials import TrialSet

TREES = {"trees": GaitClassifier(Builder("extra_trees", n_estimators=30))}


def bench(trials, store, models=TREES):
    return gaitlib.benchmark(models, trials, [LeaveOneSubjectOut()], store=store, progress=False)


def two_views(trials):
    """Each walk seen twice, as by two cameras: the second 1 cm to the side, with noise of its own."""
    rng = np.random.default_rng(0)
    both = trials[np.repeat(np.arange(len(trials)), 2)]
    seconds = np.tile([0, 1], len(trials))
    skeleton = both.modality("skeleton")
    values = skeleton.values.copy()
    for i in np.flatnonzero(seconds):
        values[i] = (values[i] + 0.01 + rng.normal(0, 0.01, values[i].shape)).astype(np.float32)
    table = both.table.assign(trial=[f"{t}/{k}" for t, k in zip(both.ids, seconds, strict=True)])
    modalities = {"skeleton": skeleton.__class__(**{**vars(skeleton), "values": values})}
    return TrialSet(table, modalities, trials.name)


@pytest.mark.slow
def test_a_signature_makes_a_gap_and_none_makes_none(tmp_path):
    personal = planted_trials(n_subjects=6, n_walks=6, signature=1.0, class_effect=0.3, seed=1)
    gap = bench(personal, tmp_path / "a").optimism_gap()
    own = gap.table.set_index("protocol").loc[TrialKFold.name]
    assert own["gap"] > 0.2
    assert own["low"] > 0
    clones = planted_trials(n_subjects=6, n_walks=6, signature=0.0, class_effect=1.0, seed=1)
    none = bench(clones, tmp_path / "b").optimism_gap().table.set_index("protocol").loc[TrialKFold.name]
    assert abs(none["gap"]) < 0.1


def test_the_gap_is_paired_over_subjects_and_the_training_size_is_the_same(tiny_trials, tmp_path):
    runs = bench(tiny_trials, tmp_path)
    gap = runs.optimism_gap()
    change = gap.per_subject["trees", TrialKFold.name] - gap.per_subject["trees", LeaveOneSubjectOut.name]
    assert gap.table["gap"].iloc[1] == pytest.approx(change.mean())
    assert "SYNTHETIC" in str(gap)
    folds = {p.name: p.folds(tiny_trials) for p in (LeaveOneSubjectOut(False), TrialKFold(4, False))}
    sizes = {name: np.mean([len(f.train) for f in own]) for name, own in folds.items()}
    assert len(set(sizes.values())) == 1
    stored = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*/*/fold.json")}
    pd.testing.assert_frame_equal(runs.optimism_gap().table, gap.table)  # read, not trained again
    assert {p: p.stat().st_mtime_ns for p in stored} == stored


def test_views_on_both_sides_are_the_third_way_and_called_a_leak(tmp_path):
    trials = two_views(planted_trials(n_subjects=4, n_walks=2, signature=1.0, class_effect=0.1, seed=2))
    gap = bench(trials, tmp_path).optimism_gap()
    accuracy = gap.table.set_index("protocol")["accuracy"]
    assert list(accuracy.index) == [LeaveOneSubjectOut.name, TrialKFold.name, UngroupedRandomSplit.name]
    assert accuracy[UngroupedRandomSplit.name] > accuracy[TrialKFold.name] > accuracy[LeaveOneSubjectOut.name]
    careless = gaitlib.benchmark(TREES, trials, [UngroupedRandomSplit(4)], tmp_path, progress=False, strict=False)
    assert {"walks", "validation"} <= {f.check for f in careless.audit().leaks}
    with pytest.raises(gaitlib.GaitDataError, match="ungrouped K-fold.*walk"):
        gaitlib.benchmark(TREES, trials, [UngroupedRandomSplit(4)], tmp_path, progress=False)


def test_every_trial_is_tested_once_by_the_wrong_way_too(tiny_trials):
    folds = UngroupedRandomSplit(4, seed=3).folds(tiny_trials)
    np.testing.assert_array_equal(np.sort(np.concatenate([f.test for f in folds])), np.arange(len(tiny_trials)))
    for fold in folds:
        parts = np.concatenate([fold.train, fold.validation, fold.test])
        np.testing.assert_array_equal(np.sort(parts), np.arange(len(tiny_trials)))


# -- controls ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_length_that_tells_the_class_and_people_that_can_be_told_are_found(tiny_trials, tmp_path):
    longer = {gait: 10 * k for k, gait in enumerate(tiny_trials.classes)}
    skeleton = tiny_trials.modality("skeleton")
    cut = skeleton.select_frames([slice(0, 5 + longer[y]) for y in tiny_trials.labels])
    table = bench(tiny_trials.with_modality("skeleton", cut), tmp_path / "a").controls().set_index("model")
    assert table.loc[LENGTH, "accuracy"] == 1.0
    assert table.loc[PERSON, "accuracy"] > 0.7
    assert table.loc[PERSON, ["chance", "asked"]].tolist() == [0.25, "who walks"]
    clones = planted_trials(n_subjects=4, n_walks=2, signature=0.0, seed=5)
    controls = bench(clones, tmp_path / "b").controls().set_index("model")
    assert controls.loc[LENGTH, "accuracy"] < 0.45
    assert controls.loc[PERSON, "accuracy"] < 0.6
    assert list(controls.index) == ["trees", LENGTH, PERSON]


class Oracle(Step):
    """Cheats: puts the label itself into the recordings, test or not."""

    def _transform(self, trials):
        m = trials.modality("skeleton")
        code = {y: k for k, y in enumerate(sorted(set("abcdef") | set(trials.classes)))}
        values = m.values.copy()
        for i, y in enumerate(trials.labels):
            values[i] = values[i] * 0 + code[y]
        return trials.with_modality("skeleton", m.__class__(**{**vars(m), "values": values}))


def test_shuffled_labels_find_a_step_that_reads_the_label(tiny_trials, tmp_path):
    steps = make_pipeline(Oracle(), SummaryStatistics())
    cheat = {"cheat": GaitClassifier(Builder("extra_trees", n_estimators=30), steps=steps)}
    receipt = bench(tiny_trials, tmp_path, TREES | cheat).audit(permutations=1)
    verdicts = {f.model: f.verdict for f in receipt.findings if f.check == "shuffled labels"}
    assert verdicts == {"trees": "ok", "cheat": "suspect"}


@pytest.mark.slow
def test_shuffled_labels_are_no_alarm_where_each_subject_has_one_label(tmp_path):
    """Patients against controls: a shuffle within subjects would change nothing."""
    trials = planted_trials(n_subjects=8, n_walks=2, seed=4)
    own = {subject: trials.classes[k % 2] for k, subject in enumerate(sorted(set(trials.subjects)))}
    trials = trials[[own[s] == y for s, y in zip(trials.subjects, trials.labels, strict=True)]]
    runs = bench(trials, tmp_path)
    assert [f.verdict for f in runs.audit(permutations=1).findings if f.check == "shuffled labels"] == ["ok"]


def test_shuffling_moves_whole_walks(tmp_path, monkeypatch):
    trials = two_views(planted_trials(n_subjects=3, n_walks=2))
    runs, seen = bench(trials, tmp_path), []
    monkeypatch.setattr(runs, "_benchmark", lambda trials: seen.append(trials) or runs)
    runs.audit(permutations=1)
    assert seen[0].table.groupby("walk")["label"].nunique().max() == 1
    assert sorted(seen[0].labels) == sorted(trials.labels)
    assert (seen[0].labels != trials.labels).mean() > 0.5


def test_few_trials_get_a_gap_too(tmp_path):
    trials = two_views(planted_trials(n_subjects=3, n_walks=1))
    assert len(bench(trials, tmp_path).optimism_gap().table) == 3
