"""Robustness: each perturbation does what it says, and each subject is judged by the model that never saw it."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from planted import planted_trials
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, LeaveOneSubjectOut, Mirror, RandomTrialSplit, Training
from gaitlib.models import Builder
from gaitlib.perturb.recordings import PERTURBATIONS, Perturbation, robustness, robustness_table
from gaitlib.preprocessing import CentrePelvis, SelectJoints, SequenceLength, SummaryStatistics
from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON
from gaitlib.results.intervals import bounded_interval, subject_interval
from gaitlib.results.runs import Run, Runs
from gaitlib.results.stored import FoldResult
from gaitlib.trials.conventions import joint_columns

LOSO = LeaveOneSubjectOut.name
TREES = GaitClassifier(Builder("extra_trees", n_estimators=30))
ARMS = ["left_elbow", "left_wrist", "right_elbow", "right_wrist"]
LEGS = ["left_knee", "left_ankle", "left_foot", "right_knee", "right_ankle", "right_foot"]


def small_fusion(inputs, heads):
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(t) for t in x.values()])
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(pooled))


def feet_network(inputs, heads):
    x = keras.Input(inputs["pressure"], name="pressure")
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(layers.GlobalAveragePooling1D()(x)))


FUSION = GaitClassifier(small_fusion, training=Training(epochs=3, batch_size=8, learning_rate=0.01))
OWN = {"small_fusion": small_fusion}


def fold_of(name, model, trials, tested, folder):
    """A finished fold as the store gives it, trained on all other trials, the first of which count as watched."""
    fitted = clone(model).set_params(validation=None).fit(trials[~tested])
    parts = []
    for part, own in (("test", trials[tested]), ("validation", trials[~tested][:5])):
        table = own.table[["trial", "subject", "walk", "label"]].assign(part=part, predicted=fitted.predict(own))
        table[fitted.classes_] = fitted.predict_proba(own)
        parts.append(table)
    table = pd.concat(parts, ignore_index=True)
    fitted.save(folder / name / "classifier")
    return FoldResult(
        name=name, predictions=table, history=fitted.history_, resources={}, learnt={}, folder=folder / name
    )


def leave_one_out(name, model, trials, folder):
    folds = [fold_of(s, model, trials, trials.subjects == s, folder / name) for s in sorted(set(trials.subjects))]
    return Run(name, LOSO, NEW_PERSON, folds)


@pytest.fixture(scope="module")
def walks():
    """Synthetic walks with pressure."""
    return gaitlib.synthetic_trials(n_subjects=3, n_walks=2, seed=0)


@pytest.fixture(scope="module")
def runs(walks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    models = {"trees": TREES, "fusion": FUSION}
    return Runs([leave_one_out(name, model, walks, folder) for name, model in models.items()], walks, OWN)


@pytest.fixture(scope="module")
def accuracies(runs):
    return robustness(runs)


def changed(trials, name, level, seed=0):
    return PERTURBATIONS[name].change(trials, level, np.random.default_rng(seed))


def skeletons(trials):
    return trials.modality("skeleton").values


# -- each perturbation by itself -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_first_level_changes_nothing(walks, name):
    first, *worse = PERTURBATIONS[name].levels(walks)
    assert changed(walks, name, first).digest() == walks.digest()
    assert all(changed(walks, name, level).digest() != walks.digest() for level in worse)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_trials_given_stay_as_they_are_and_keep_their_table(walks, name):
    before = walks.digest()
    after = changed(walks, name, PERTURBATIONS[name].levels(walks)[-1])
    assert walks.digest() == before
    assert after.table.equals(walks.table)


@pytest.mark.parametrize("name", [name for name in PERTURBATIONS if name != "missing modality"])
def test_trials_without_a_skeleton_are_let_through(walks, name):
    holes = changed(walks, "missing modality", "skeleton")
    after = changed(holes, name, PERTURBATIONS[name].levels(walks)[-1])
    assert not after.modality("skeleton").present().any()


def test_noise_has_the_planted_size_on_joints_only(tiny_trials):
    angles = gaitlib.preprocessing.AddJointAngles().fit_transform(tiny_trials)
    before, after = (np.concatenate(list(skeletons(t))) for t in (angles, changed(angles, "noise", 0.02)))
    difference = after - before
    assert difference[:, :75].std() == pytest.approx(0.02, rel=0.01)
    assert abs(difference[:, :75].mean()) < 1e-4
    assert not difference[:, 75:].any()  # angles


def test_dropped_joints_move_with_the_pelvis_as_they_stood_in_the_first_frame(tiny_trials):
    m = tiny_trials.modality("skeleton")
    joints = [channel[:-2] for channel in m.channels if channel.endswith("_x") and channel != "spine_base_x"]
    lost_before = [set()] * len(tiny_trials)
    for n in (1, 2, 8):
        after = skeletons(changed(tiny_trials, "dropped joints", n))
        lost = []
        for old, new in zip(m.values, after, strict=True):
            pelvis = old[:, joint_columns(m.channels, "spine_base")]
            np.testing.assert_array_equal(new[:, joint_columns(m.channels, "spine_base")], pelvis)
            moved = {j for j in joints if not np.array_equal(*(v[:, joint_columns(m.channels, j)] for v in (old, new)))}
            for joint in moved:
                seen_from_pelvis = new[:, joint_columns(m.channels, joint)] - pelvis
                np.testing.assert_allclose(seen_from_pelvis, np.tile(seen_from_pelvis[0], (len(new), 1)), atol=1e-5)
                np.testing.assert_allclose(new[0], old[0], atol=1e-6)
            lost.append(moved)
        assert {len(joints) for joints in lost} == {n}
        assert all(a <= b for a, b in zip(lost_before, lost, strict=True))  # a level goes on from the one before
        lost_before = lost
    assert len(set.union(*lost)) > 8  # drawn anew for every trial


def test_dropped_frames_go_with_their_times(walks):
    m, kept_before = walks.modality("skeleton"), None
    for share in (0.1, 0.5):
        after = changed(walks, "dropped frames", share).modality("skeleton")
        for i, frames in enumerate(after.frames):
            assert len(frames) == len(m.frames[i]) - round(share * len(m.frames[i]))
            place = np.searchsorted(m.frames[i], frames)
            assert (np.diff(place) > 0).all()
            np.testing.assert_array_equal(after.values[i], m.values[i][place])
            np.testing.assert_array_equal(after.time_s[i], m.time_s[i][place])
            assert kept_before is None or set(frames) <= set(kept_before[i])
        kept_before = after.frames


def test_a_slower_camera_takes_every_nth_frame_of_each_trial_at_its_own_rate(tiny_trials):
    """Half of the trials are of a camera of 90 Hz, the others of 30 Hz."""
    m = tiny_trials.modality("skeleton")
    times = m.time_s.copy()
    times[::2] = [t / 3 for t in times[::2]]
    mixed = tiny_trials.with_modality("skeleton", replace(m, time_s=times))
    own_hz = np.where(np.arange(len(mixed)) % 2, 30, 90)
    for n in PERTURBATIONS["frame rate"].levels(mixed):
        after = changed(mixed, "frame rate", n)
        rates_hz = [1 / np.median(np.diff(t)) for t in after.modality("skeleton").time_s]
        np.testing.assert_allclose(rates_hz, own_hz / n)
        for old, new in zip(skeletons(mixed), skeletons(after), strict=True):
            np.testing.assert_array_equal(new, old[::n])
        assert (n == 1) == (after.digest() == mixed.digest())


def test_the_mirror_is_that_of_the_augmentation(walks):
    assert changed(walks, "mirror", "mirrored").digest() == Mirror()(walks).digest()


def test_a_modality_is_taken_from_all_but_those_that_have_no_other(walks):
    holes = walks.with_modality("pressure", walks.modality("pressure").map(np.copy))
    holes.modality("pressure").values[3] = None
    after = changed(holes, "missing modality", "skeleton").modality("skeleton")
    assert np.flatnonzero(after.present()).tolist() == [3]
    assert [t is None for t in after.time_s] == [i != 3 for i in range(len(walks))]


# -- what fits -----------------------------------------------------------------------------------------------


def fitting(trials):
    return {name for name, perturbation in PERTURBATIONS.items() if perturbation.levels(trials)}


def test_what_does_not_fit_the_data_is_left_out(walks, tiny_trials):
    m = tiny_trials.modality("skeleton")
    emg = gaitlib.TrialSet.from_arrays({"emg": [np.ones((9, 2))]}, rate_hz=100, subject=["a"])
    feet = replace(walks, modalities={"pressure": walks.modality("pressure")})
    left_only = gaitlib.preprocessing.SelectJoints(["spine_base", "spine_shoulder", "left_knee"])
    assert fitting(walks) == set(PERTURBATIONS)
    assert fitting(tiny_trials) == set(PERTURBATIONS) - {"missing modality"}
    assert fitting(emg) == {"dropped frames"}
    assert fitting(feet) == set()
    assert "noise" not in fitting(tiny_trials.with_modality("skeleton", replace(m, unit="mm")))
    assert "mirror" not in fitting(left_only.fit_transform(tiny_trials))


def test_a_model_of_gait_parameters_is_tested_on_the_skeleton_that_they_come_from(walks, tmp_path):
    fold = fold_of("s", GaitClassifier("spatiotemporal"), walks, walks.subjects == "subject01", tmp_path)
    some = {name: PERTURBATIONS[name] for name in ("mirror", "missing modality")}
    found = robustness(Runs([Run("spatiotemporal", LOSO, NEW_PERSON, [fold])], walks), perturbations=some)
    assert found["level"].tolist() == ["as recorded", "mirrored"]


def test_a_model_of_another_sequence_is_not_tested_on_the_skeleton(tiny_trials, tmp_path):
    emg = replace(tiny_trials.modality("skeleton"), channels=tuple(f"emg_{i}" for i in range(75)), unit="mV")
    trials = tiny_trials.with_modality("emg", emg)
    model = clone(TREES).set_params(steps=make_pipeline(SequenceLength("emg")))
    fold = fold_of("length", model, trials, trials.subjects == "s01", tmp_path)
    found = robustness(Runs([Run("length", LOSO, NEW_PERSON, [fold])], trials))
    assert set(found["perturbation"]) == {"dropped frames"}


def test_a_model_that_reads_pressure_only_has_nothing_to_be_tested_on(walks, tmp_path):
    model = GaitClassifier(
        feet_network, steps=gaitlib.recipes.steps_for(walks, "pressure_cnn"), training=Training(epochs=1)
    )
    fold = fold_of("feet", model, walks, walks.subjects == "subject01", tmp_path)
    runs = Runs([Run("feet", LOSO, NEW_PERSON, [fold])], walks, {"feet_network": feet_network})
    with pytest.raises(GaitDataError, match="none of noise, .*, missing modality fits what these models read"):
        robustness(runs)


@pytest.mark.slow
def test_only_networks_of_several_modalities_meet_a_missing_one(walks, accuracies, tmp_path):
    both = clone(TREES).set_params(steps=make_pipeline(SummaryStatistics(["skeleton", "pressure"])))
    run = Run("both", LOSO, NEW_PERSON, [fold_of("both", both, walks, walks.subjects == "subject01", tmp_path)])
    found = set(robustness(Runs([run], walks))["perturbation"])
    assert found == set(PERTURBATIONS) - {"missing modality"}
    missing = accuracies[accuracies["perturbation"] == "missing modality"]
    assert set(missing["model"]) == {"fusion"}
    assert missing["level"].unique().tolist() == ["nothing", "skeleton", "pressure"]


# -- who judges ----------------------------------------------------------------------------------------------


def test_unperturbed_trials_give_the_stored_accuracy_exactly(runs, accuracies):
    stored = runs.predictions().assign(correct=lambda t: t["label"] == t["predicted"])
    stored = stored.groupby(["model", "subject"])["correct"].mean()
    for (model, name), own in accuracies.groupby(["model", "perturbation"]):
        first = own[own["level"] == own["level"].iloc[0]].set_index("subject")["accuracy"]
        assert first.to_dict() == stored[model].to_dict(), name


@pytest.mark.parametrize("model", ["trees", "fusion"])
@pytest.mark.parametrize(("name", "level"), [("mirror", "mirrored"), ("frame rate", None)])
def test_trial_by_trial_the_model_that_never_saw_the_subject_says_the_same(runs, walks, accuracies, model, name, level):
    level = level or PERTURBATIONS[name].levels(walks)[-1]
    by_hand = {subject: [] for subject in accuracies["subject"].unique()}
    for trial in walks:
        judge = runs.classifier_for(trial, model)
        for learnt in getattr(judge, "recorded_", {}).values():
            learnt["rates_hz"] = None  # which it refuses elsewhere
        subject_of = dict(zip(walks.ids, walks.subjects, strict=True))
        assert trial.subjects[0] not in {subject_of[t] for t in judge.fitted_on_}
        by_hand[trial.subjects[0]].append(judge.predict(changed(trial, name, level))[0] == trial.labels[0])
    own = accuracies.query("model == @model and perturbation == @name and level == @level").set_index("subject")
    assert own["accuracy"].to_dict() == {subject: np.mean(correct) for subject, correct in by_hand.items()}


def test_a_network_that_never_lacked_a_modality_gets_the_stand_in(runs, walks, accuracies):
    for fold in runs.runs[1].folds:
        classifier = runs.classifier_of(fold)
        assert classifier.steps_[-1].allow_missing is False  # as stored
        classifier.steps_[-1].allow_missing = True
        own = walks[walks.subjects == fold.name]
        for lost in walks.modalities:
            correct = [classifier.predict(changed(t, "missing modality", lost))[0] == t.labels[0] for t in own]
            found = accuracies.query("perturbation == 'missing modality' and level == @lost and subject == @fold.name")
            assert found["accuracy"].item() == np.mean(correct)


def test_protocols_that_know_the_subjects_are_left_out(runs, walks):
    known = replace(runs.runs[0], protocol=RandomTrialSplit.name, claim=KNOWN_PERSON)
    perturbations = {"mirror": PERTURBATIONS["mirror"]}
    both = robustness(Runs([known, runs.runs[0]], walks, OWN), perturbations=perturbations)
    assert set(both["protocol"]) == {LOSO}
    with pytest.raises(GaitDataError, match=r"add LeaveOneSubjectOut\(\) to the protocols"):
        robustness(Runs([known], walks, OWN))


def test_failed_folds_are_passed_over(runs, walks):
    whole, dead = runs.runs[0], replace(runs.runs[1], folds=[], failed={"subject01": "killed"})
    part = replace(whole, folds=whole.folds[1:], failed={"subject01": "killed"})
    found = robustness(Runs([part, dead], walks, OWN), perturbations={"mirror": PERTURBATIONS["mirror"]})
    assert set(found["subject"]) == {"subject02", "subject03"}
    assert set(found["model"]) == {"trees"}


def test_a_subject_in_several_folds_counts_by_its_trials(walks, tmp_path):
    """A good and a bad model test different numbers of trials of one subject."""
    own = np.flatnonzero(walks.subjects == "subject01")
    halves = [("few", TREES, own[:3]), ("many", GaitClassifier("majority"), own[3:])]
    folds = [fold_of(name, model, walks, np.isin(np.arange(36), part), tmp_path) for name, model, part in halves]
    runs = Runs([Run("mixed", "two halves", NEW_PERSON, folds)], walks)
    found = robustness(runs, perturbations={"mirror": PERTURBATIONS["mirror"]})
    tested = [fold.predictions.query("part == 'test'") for fold in folds]
    correct = [(table["label"] == table["predicted"]).to_numpy() for table in tested]
    assert found.loc[found["level"] == "as recorded", "accuracy"].tolist() == [np.concatenate(correct).mean()]
    assert np.concatenate(correct).mean() != np.mean([c.mean() for c in correct])


# -- planted truths ------------------------------------------------------------------------------------------


def holding(joints):
    """A perturbation that holds these joints still, seen from the pelvis."""

    def change(trials, level, rng):
        m = trials.modality("skeleton")
        pelvis = joint_columns(m.channels, "spine_base")

        def hold(v):
            v = v.copy()
            for joint in joints if level else ():
                columns = joint_columns(m.channels, joint)
                v[:, columns] = v[:, pelvis] + (v[0, columns] - v[0, pelvis])
            return v

        return trials.with_modality("skeleton", m.map(hold))

    return Perturbation(change, lambda trials: (0, 1))


@pytest.fixture(scope="module")
def planted():
    """Gaits that a new person can be told by."""
    return planted_trials(n_subjects=3, n_walks=4, signature=0.2, class_effect=2, seed=0)


def test_a_model_that_reads_only_arms_survives_legs_that_are_not_tracked(planted, tmp_path):
    own = []
    for name, joints in (("arms", ARMS), ("legs", LEGS)):
        steps = make_pipeline(CentrePelvis(), SelectJoints(joints), SummaryStatistics())
        own.append(leave_one_out(name, clone(TREES).set_params(steps=steps), planted, tmp_path))
    runs = Runs(own, planted)
    held = robustness(runs, perturbations={"arms held": holding(ARMS), "legs held": holding(LEGS)})
    accuracy = held.pivot_table(index=["model", "perturbation", "subject"], columns="level", values="accuracy")
    fall = accuracy[0] - accuracy[1]
    assert (fall["arms", "legs held"] == 0).all()
    assert (fall["legs", "arms held"] == 0).all()
    assert fall["arms", "arms held"].mean() > 0.2
    assert fall["legs", "legs held"].mean() > 0.2


def test_accuracy_falls_to_chance_where_noise_buries_the_walk(planted, tmp_path):
    runs = Runs([leave_one_out("trees", TREES, planted, tmp_path)], planted)
    loud = replace(PERTURBATIONS["noise"], levels=lambda trials: (0.0, 10.0))
    table = robustness_table(robustness(runs, "trees", {"noise": loud})).set_index("level")
    assert table.loc[0.0, "accuracy"] > 0.9
    assert table.loc[10.0, "accuracy"] == pytest.approx(1 / 6, abs=0.1)
    assert table["chance"].unique().tolist() == [1 / 6]


# -- tables --------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_table_and_another_seed_another(runs, accuracies):
    drawn = {name: PERTURBATIONS[name] for name in ("noise", "dropped joints")}
    again = robustness(runs, "trees", drawn)
    first = accuracies[(accuracies["model"] == "trees") & accuracies["perturbation"].isin(drawn)]
    pd.testing.assert_frame_equal(again, first.reset_index(drop=True), check_dtype=False)
    assert not robustness(runs, "trees", drawn, seed=1)["accuracy"].equals(again["accuracy"])


def test_the_table_is_tidy(accuracies):
    columns = ["data", "model", "protocol", "perturbation", "level", "unit", "chance", "subject", "accuracy"]
    assert list(accuracies) == columns
    assert not accuracies.duplicated(columns[:-1]).any()
    assert accuracies.groupby(columns[:6])["subject"].nunique().unique().tolist() == [3]
    assert "SYNTHETIC" in accuracies["data"].iloc[0]


def test_the_mean_stands_on_subjects_with_their_interval():
    frame = pd.DataFrame({
        "data": "d", "model": "m", "protocol": "p", "perturbation": "noise", "level": [0.0] * 3 + [0.1] * 3,
        "unit": "m", "chance": 0.5, "subject": list("abc") * 2, "accuracy": [0.9, 0.8, 0.7, 0.5, 0.5, 0.5],
    })  # fmt: skip
    table = robustness_table(frame)
    assert table["accuracy"].tolist() == pytest.approx([0.8, 0.5])
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx(bounded_interval([0.9, 0.8, 0.7]))
    assert table.loc[0, ["t_low", "t_high"]].tolist() == pytest.approx(np.clip(subject_interval([0.9, 0.8, 0.7]), 0, 1))
    assert table.loc[1, ["t_low", "t_high"]].isna().all()
    assert table["subjects"].tolist() == [3, 3]


def test_real_walks_are_judged_worse_when_they_are_worse(real_kinect_zip, tmp_path):
    walks = gaitlib.load_trials(real_kinect_zip)[::4]
    runs = Runs([leave_one_out("trees", TREES, walks, tmp_path)], walks)
    found = robustness(runs)
    stored = runs.per_subject()["trees"][LOSO].to_dict()
    for name, own in found.groupby("perturbation"):
        first = own[own["level"] == own["level"].iloc[0]]
        assert first.set_index("subject")["accuracy"].to_dict() == stored, name
    table = robustness_table(found).set_index(["perturbation", "level"])["accuracy"]
    assert table["noise", 0.0] > 0.7
    assert table["noise", 0.05] < table["noise", 0.0] - 0.2
    assert set(found["perturbation"]) == set(PERTURBATIONS) - {"missing modality"}
