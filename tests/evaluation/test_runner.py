"""The runner: nothing leaks, what is finished stays, and planted truths are found."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from planted import planted_trials
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, SubjectHoldout, Training, TrialKFold
from gaitlib.audit import Receipt
from gaitlib.errors import GaitDataError
from gaitlib.evaluation.fold import fold_seed
from gaitlib.evaluation.key import _canonical, _code, describe
from gaitlib.models import Builder, info
from gaitlib.preprocessing import CentrePelvis, Crop, FillMissing, Frames, Step, SummaryStatistics, Tensors
from gaitlib.results.stored import About
from gaitlib.saving import digest

TREES = GaitClassifier(Builder("extra_trees", n_estimators=30))
WITH_PLANTED = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
LOSO, RANDOM = LeaveOneSubjectOut.name, RandomTrialSplit.name


def tiny_network(inputs, heads):
    """Quick to build, so that many folds can be run."""
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(layers.GlobalAveragePooling1D()(x)))


def other_network(inputs, heads):
    return gaitlib.models.build("compact_gru", inputs, heads=heads, units=3)


OWN = {"tiny_network": tiny_network, "other_network": other_network}


def tiny(**training):
    return GaitClassifier(
        tiny_network, training=Training(**({"epochs": 2, "batch_size": 16, "patience": 10} | training))
    )


def bench(models, trials, store, protocols=None, custom_objects=OWN, **options):
    return gaitlib.benchmark(
        models, trials, protocols, store=store, progress=False, custom_objects=custom_objects, **options
    )


# -- planted truths ------------------------------------------------------------------------------------------


def accuracies(tmp_path, **planted):
    trials = planted_trials(n_subjects=8, n_walks=5, seed=3, **planted)
    runs = bench({"trees": TREES}, trials, tmp_path, [LeaveOneSubjectOut(), RandomTrialSplit()])
    return runs.table().set_index("protocol")["accuracy"]


def test_signature_without_class_effect_fools_only_the_random_split(tmp_path):
    accuracy = accuracies(tmp_path, signature=1.0, class_effect=0.0)
    assert accuracy[RANDOM] > 0.6
    assert accuracy[LOSO] < 0.33  # chance is 0.17 and subjects are few


def test_class_effect_is_found_by_both(tmp_path):
    accuracy = accuracies(tmp_path, signature=0.0, class_effect=1.0)
    assert accuracy[RANDOM] > 0.9
    assert accuracy[LOSO] > 0.9


@pytest.mark.slow
def test_nothing_planted_nothing_found(tmp_path):
    accuracy = accuracies(tmp_path, signature=0.0, class_effect=0.0)
    assert accuracy[RANDOM] < 0.4
    assert accuracy[LOSO] < 0.33


# -- nothing leaks -------------------------------------------------------------------------------------------


def test_every_step_and_network_saw_training_subjects_only(tiny_trials, tmp_path):
    runs = bench({"net": tiny()}, tiny_trials, tmp_path)
    subject_of = dict(zip(tiny_trials.ids, tiny_trials.subjects, strict=True))
    for fold in runs.runs[0].folds:
        model = fold.classifier(OWN)
        learnt = {subject_of[t] for t in model.fitted_on_}
        watched = {subject_of[t] for t in model.watched_}
        assert fold.name not in learnt | watched
        assert not learnt & watched
        scaled = model.steps_[:-1].transform(tiny_trials)
        fitted_on = {t for entry in scaled.history for t in entry.fitted_on}
        assert fitted_on == set(model.fitted_on_)


class Cheat(Step):
    """Writes down whom it is shown in fit, one file a call: it runs in processes of its own."""

    def __init__(self, folder):
        self.folder = folder

    def _learn(self, trials):
        descriptor, _ = tempfile.mkstemp(dir=self.folder)
        with open(descriptor, "w") as file:
            file.write("\n".join(sorted(set(trials.subjects))))

    def _transform(self, trials):
        return trials


def test_a_step_is_never_shown_a_test_subject_in_fit(tiny_trials, tmp_path):
    (tmp_path / "seen").mkdir()
    steps = make_pipeline(Cheat(str(tmp_path / "seen")), Frames(StandardScaler()), Crop(30), Tensors())
    model = GaitClassifier(tiny_network, steps=steps, training=Training(epochs=1))
    bench({"cheat": model}, tiny_trials, tmp_path / "store")
    seen = [set(file.read_text().split()) for file in (tmp_path / "seen").iterdir()]
    assert len(seen) >= 4
    assert all(len(subjects) <= 3 for subjects in seen)
    assert set.union(*seen) == set(tiny_trials.subjects)


def test_test_trials_do_not_move_a_prediction(tiny_trials, tmp_path):
    """Destroying the tested subject's recordings changes nothing that was learnt."""
    spoilt = tiny_trials.modality("skeleton")
    values = spoilt.values.copy()
    for i in np.flatnonzero(tiny_trials.subjects == "s01"):
        values[i] = values[i] * 3 + 1
    other = tiny_trials.with_modality("skeleton", replace(spoilt, values=values))
    models = [
        bench({"net": tiny()}, data, tmp_path / str(k)).runs[0].folds[0].classifier(OWN)
        for k, data in enumerate((tiny_trials, other))
    ]
    probe = tiny_trials[tiny_trials.subjects == "s02"]
    np.testing.assert_array_equal(models[0].predict_proba(probe), models[1].predict_proba(probe))


def test_classifier_for_never_saw_the_subject(tiny_trials, tmp_path):
    runs = bench({"net": tiny()}, tiny_trials, tmp_path, [RandomTrialSplit(), LeaveOneSubjectOut()])
    for trial in (tiny_trials[0], tiny_trials.ids[-1]):
        model = runs.classifier_for(trial)
        subject = (trial if isinstance(trial, str) else trial.ids[0])[:3]
        assert subject not in {t[:3] for t in model.fitted_on_ + model.watched_}
        own = tiny_trials[tiny_trials.subjects == subject]
        stored = runs.predictions().query("protocol == @LOSO and subject == @subject").set_index("trial")
        np.testing.assert_allclose(model.predict_proba(own), stored.loc[own.ids, own.classes].to_numpy(), atol=1e-6)
    only_random = bench({"net": tiny()}, tiny_trials, tmp_path, [RandomTrialSplit()])
    with pytest.raises(GaitDataError, match="no subject-disjoint run tested"):
        only_random.classifier_for(tiny_trials[0])


# -- the store -----------------------------------------------------------------------------------------------


def test_finished_folds_are_read_not_trained_again(tiny_trials, tmp_path, monkeypatch):
    first = bench({"net": tiny()}, tiny_trials, tmp_path)
    monkeypatch.setattr(GaitClassifier, "fit", lambda *a, **k: pytest.fail("trained again"))
    second = bench({"net": tiny()}, tiny_trials, tmp_path)
    pd.testing.assert_frame_equal(first.predictions(), second.predictions())
    pd.testing.assert_frame_equal(first.table(), second.table())


KILLED = """
import os, signal, sys
import gaitlib, keras
from gaitlib.evaluation.store import RunStore
from planted import planted_trials

def tiny_network(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    h = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling1D()(x))
    return keras.Model(x, keras.layers.Dense(heads["label"].size)(h))

trials = planted_trials(n_subjects=4, n_walks=2, seed=0)
model = gaitlib.GaitClassifier(tiny_network, training=gaitlib.Training(epochs=2))
if sys.argv[2] == "die":
    write = RunStore.write
    def write_and_die(self, fold, *rest):
        if fold == "s03":
            os.kill(os.getpid(), signal.SIGKILL)
        return write(self, fold, *rest)
    RunStore.write = write_and_die
runs = gaitlib.benchmark({"net": model}, trials, store=sys.argv[1], progress=False)
columns = [c for c in runs.table() if c not in ("seconds", "memory (MB)", "CPU (%)")]
print(runs.table()[columns].to_json(double_precision=15))
print(runs.predictions().to_json(double_precision=15))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_gives_the_same_table(tmp_path):
    (tmp_path / "study.py").write_text(KILLED)

    def run(store, how):
        command = [sys.executable, tmp_path / "study.py", tmp_path / store, how]
        return subprocess.run(command, capture_output=True, text=True, env=WITH_PLANTED)

    assert run("killed", "die").returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "killed").iterdir()
    finished = {f.name: f.stat().st_mtime_ns for f in folder.iterdir() if f.is_dir() and f.name[0] != "."}
    assert set(finished) == {"s01", "s02"}
    resumed, whole = run("killed", "live"), run("whole", "live")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout
    assert {name: (folder / name).stat().st_mtime_ns for name in finished} == finished


def test_odd_subject_names_stay_inside_the_store(tiny_trials, tmp_path):
    odd = {"s01": "../a", "s02": "a/b", "s03": "a_b", "s04": "."}
    table = tiny_trials.table.assign(subject=[odd[s] for s in tiny_trials.subjects])
    runs = bench("majority", replace(tiny_trials, table=table), tmp_path / "store")
    assert [fold.name for fold in runs.runs[0].folds] == sorted(odd.values())
    assert len({fold.folder for fold in runs.runs[0].folds}) == 4
    assert all(fold.folder.parent.parent == tmp_path / "store" for fold in runs.runs[0].folds)


def test_names_that_could_not_be_told_apart_are_refused(tiny_trials, tmp_path):
    with pytest.raises(GaitDataError, match="two protocols of the same name"):
        bench("majority", tiny_trials, tmp_path, [LeaveOneSubjectOut(), LeaveOneSubjectOut(validation=False)])
    clash = tiny_trials.table.assign(label=["walk" if y == "normal" else y for y in tiny_trials.labels])
    with pytest.raises(GaitDataError, match="may not be called walk"):
        bench("majority", replace(tiny_trials, table=clash), tmp_path)


def test_data_scaled_on_everybody_before_the_benchmark_are_refused(tiny_trials, tmp_path):
    scaled = Frames(StandardScaler()).fit_transform(tiny_trials)
    with pytest.raises(GaitDataError, match="fold s01: earlier steps: Frames.*which are tested; give the raw trials"):
        bench("majority", scaled, tmp_path)
    others = tiny_trials[tiny_trials.subjects != "s01"]
    honest = Frames(StandardScaler()).fit(others).transform(tiny_trials)
    with pytest.raises(GaitDataError, match="fold s02"):  # s01 is clean, the others are not
        bench("majority", honest, tmp_path)


def test_an_encoder_pretrained_on_a_tested_person_is_found(tiny_trials, tmp_path):
    protocol = SubjectHoldout(validation=False)
    (fold,) = protocol.folds(tiny_trials)

    def pretrained_on(index):
        frozen = FrozenEstimator(Frames(StandardScaler()).fit(tiny_trials[index]))
        return {"trees": TREES.__class__(TREES.model, steps=make_pipeline(frozen, SummaryStatistics()))}

    with pytest.raises(GaitDataError, match="trees, subject hold-out, fold holdout: steps: .*which are tested"):
        bench(pretrained_on(slice(None)), tiny_trials, tmp_path, [protocol])
    runs = bench(pretrained_on(slice(None)), tiny_trials, tmp_path, [protocol], strict=False)
    assert [(f.check, f.model) for f in runs.audit().leaks] == [("steps", "trees")]
    with pytest.raises(GaitDataError, match="fit the step inside the fold"):
        runs.audit(strict=True)
    one_walk = fold.test[:1]
    assert bench(pretrained_on(one_walk), tiny_trials, tmp_path, [protocol], strict=False).audit().leaks
    assert not bench(pretrained_on(fold.train), tiny_trials, tmp_path, [protocol]).audit().leaks
    assert len(list(tmp_path.iterdir())) == 3  # what a frozen step has learnt is part of the key


def test_the_receipt_is_kept_with_the_run(tiny_trials, tmp_path):
    runs = bench("majority", tiny_trials, tmp_path)
    (kept,) = tmp_path.glob("*/audit.json")
    assert Receipt.from_dict(json.loads(kept.read_text())) == runs.audit()
    assert {f.verdict for f in runs.audit().findings} == {"ok"}


class Everybody(LeaveOneSubjectOut):
    """Claims a new person and tests known ones."""

    def _test_sets(self, trials):
        return [("half", np.arange(len(trials))[::2])]


def test_a_protocol_that_breaks_its_claim_is_refused(tiny_trials, tmp_path):
    with pytest.raises(GaitDataError, match="subject 's01' stands on both sides"):
        bench("majority", tiny_trials, tmp_path, [Everybody()])


def test_a_mistake_in_the_last_model_is_found_before_the_first_is_trained(tiny_trials, tmp_path):
    broken = GaitClassifier(tiny_network, steps=make_pipeline(Frames(StandardScaler(), "emg"), Tensors()))
    with pytest.raises(GaitDataError, match="broken, leave-one-subject-out: cannot be built.*no modality 'emg'"):
        bench({"first": "majority", "broken": broken}, tiny_trials, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_step_that_needs_many_rows_passes(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.tile(["a", "b"], 60)
    trials = gaitlib.TrialSet.from_arrays(
        {"spectrum": list(rng.normal(size=(120, 30)))}, subject=np.repeat(list("wxyz"), 30), label=labels
    )
    steps = make_pipeline(Frames(PCA(20), "spectrum"), SummaryStatistics())
    runs = bench({"trees": GaitClassifier(Builder("extra_trees", n_estimators=5), steps=steps)}, trials, tmp_path)
    assert len(runs.predictions()) == 120


def test_models_of_one_name_and_own_builders_are_told_apart(tiny_trials, tmp_path):
    with pytest.raises(GaitDataError, match="two models of the same name"):
        bench([TREES, GaitClassifier("extra_trees")], tiny_trials, tmp_path)
    runs = bench([TREES, tiny_network], tiny_trials, tmp_path, [SubjectHoldout()])
    assert runs.table()["model"].tolist() == ["extra_trees", "tiny_network"]


def test_a_new_recording_of_a_tested_person_gets_the_stranger(tiny_trials, tmp_path):
    """Ids of other data may be the same by chance: a whole trial is looked up by its subject."""
    runs = bench({"net": tiny()}, tiny_trials, tmp_path)
    table = tiny_trials.table.assign(subject="s03", trial=[f"new{i}" for i in range(len(tiny_trials))])
    model = runs.classifier_for(replace(tiny_trials, table=table)[0])
    assert "s03" not in {t[:3] for t in model.fitted_on_ + model.watched_}
    with pytest.raises(GaitDataError, match="one trial is needed, not 48"):
        runs.classifier_for(tiny_trials)


def test_every_table_says_that_it_is_synthetic(tiny_trials, tmp_path):
    runs = bench("majority", tiny_trials, tmp_path / "store")
    assert runs.table()["data"].str.contains("SYNTHETIC").all()
    assert runs.gap_in_words() == "Nothing to compare: only one kind of protocol was run."
    for file in runs.save_tables(tmp_path / "tables").iterdir():
        assert pd.read_csv(file)["data"].str.contains("SYNTHETIC").all()
    both = bench("majority", tiny_trials, tmp_path / "store", [LeaveOneSubjectOut(), RandomTrialSplit()])
    assert both.gap_in_words().startswith("SYNTHETIC planted walks, 4 subjects:")


LAYER = """
import sys, keras, gaitlib
from planted import planted_trials

@keras.saving.register_keras_serializable("own")
class Scale(keras.layers.Layer):
    def call(self, x):
        return x * FACTOR

def network(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, keras.layers.Dense(heads["label"].size)(Scale()(keras.layers.GlobalAveragePooling1D()(x))))

trials = planted_trials(n_subjects=3, n_walks=1)
model = gaitlib.GaitClassifier(network, training=gaitlib.Training(epochs=1))
gaitlib.benchmark({"net": model}, trials, [gaitlib.SubjectHoldout()], store=sys.argv[1], progress=False)
"""


@pytest.mark.slow
def test_a_changed_layer_of_ones_own_is_another_run(tmp_path):
    for factor in ("1", "100", "1"):
        (tmp_path / "study.py").write_text(LAYER.replace("FACTOR", factor))
        command = [sys.executable, tmp_path / "study.py", tmp_path / "store"]
        subprocess.run(command, check=True, capture_output=True, env=WITH_PLANTED)
    assert len(list((tmp_path / "store").iterdir())) == 2


# -- bad days ------------------------------------------------------------------------------------------------

FULL = """
import resource, sys
import gaitlib
from planted import planted_trials

trials = planted_trials(n_subjects=4, n_walks=2, seed=0)
store, n_trees, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
trees = gaitlib.GaitClassifier(gaitlib.models.Builder("extra_trees", n_estimators=n_trees))
gaitlib.benchmark("majority", trials, store=store, progress=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
gaitlib.benchmark(trees, trials, store=store, progress=False)
"""


@pytest.mark.slow
def test_a_full_disk_is_told_and_what_is_finished_stays(tmp_path):
    """A limit on the size of a file gives the same error in the middle of writing as a full disk."""
    command = [sys.executable, "-c", FULL, tmp_path / "store", "60", "50000"]
    done = subprocess.run(command, capture_output=True, text=True, env=WITH_PLANTED)
    assert done.returncode == 1
    assert "fold s01 cannot be written" in done.stderr
    assert "free space or give another store=" in done.stderr
    assert len(list(tmp_path.glob("store/majority-*/s0*"))) == 4
    assert [p.name for p in tmp_path.glob("store/extra_trees-*/*")] == ["run.json"]  # nothing half written


@pytest.mark.slow
def test_two_programs_may_fill_one_store(tmp_path):
    (tmp_path / "study.py").write_text(KILLED)
    command = [sys.executable, tmp_path / "study.py", tmp_path / "store", "live"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=WITH_PLANTED) for _ in "ab"]
    first, second = (program.communicate()[0] for program in both)
    assert [program.returncode for program in both] == [0, 0]
    assert first == second
    (folder,) = (tmp_path / "store").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["audit.json", "run.json", "s01", "s02", "s03", "s04"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_store_without_rights_says_so(tiny_trials, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)
    with pytest.raises(GaitDataError, match="results cannot be written.*give another store="):
        bench("majority", tiny_trials, tmp_path / "store")


@pytest.mark.parametrize("file", ["predictions.csv", "fold.json"])
def test_a_damaged_fold_is_trained_again(tiny_trials, tmp_path, file):
    before = bench("majority", tiny_trials, tmp_path)
    damaged = before.runs[0].folds[1].folder / file
    damaged.write_text("{")
    again = bench("majority", tiny_trials, tmp_path)
    pd.testing.assert_frame_equal(before.predictions(), again.predictions())
    assert damaged.read_text() != "{"


def test_the_key_changes_with_everything_that_matters(tiny_trials):
    def key(model=None, trials=tiny_trials, protocol=None, seed=0):
        protocol = protocol or SubjectHoldout()
        return digest(
            describe("net", model or tiny(), trials, About.of(trials), protocol, protocol.folds(trials), seed, 1)
        )

    relabelled = tiny_trials.table.assign(label=np.roll(tiny_trials.labels, 1))
    cases = {
        "as it is": key(),
        "training": key(tiny(l2=0.1)),
        "other split": key(protocol=SubjectHoldout(seed=1)),
        "nothing watched": key(protocol=SubjectHoldout(validation=False)),
        "seed of the benchmark": key(seed=1),
        "seed of the model": key(tiny().set_params(seed=1)),
        "labels": key(trials=replace(tiny_trials, table=relabelled)),
        "recordings": key(trials=CentrePelvis().fit_transform(tiny_trials)),
        "network": key(GaitClassifier(other_network, training=Training(epochs=2, batch_size=16))),
    }
    assert len(set(cases.values())) == len(cases), cases
    assert key() == cases["as it is"]  # built later, so its layers are numbered on


@pytest.mark.parametrize(
    ("file", "trains_anew"),
    [
        ("plots/house_style.py", False),
        ("explain/gradients.py", False),
        ("results/runs.py", False),
        ("studies/base.py", False),
        ("preprocessing/skeleton.py", True),
        ("models/layers.py", True),
        ("training/loop.py", True),
        ("trials/trialset.py", True),
        ("recipes/defaults.py", True),
    ],
)
def test_the_edit_of_what_computes_trains_anew_and_no_other(tmp_path, monkeypatch, file, trains_anew):
    package = shutil.copytree(Path(gaitlib.__file__).parent, tmp_path / "gaitlib")
    monkeypatch.setattr(gaitlib, "__file__", str(package / "__init__.py"))
    before = _code()
    (package / file).write_text((package / file).read_text() + "# edited\n")
    assert (_code() != before) == trains_anew


def test_the_fold_seed_depends_on_seeds_and_fold_alone():
    seeds = {fold_seed(s, m, f) for s in (0, 1) for m in (0, 1) for f in ("s01", "s02")}
    assert len(seeds) == 8
    assert fold_seed(0, 0, "s01") == fold_seed(0, 0, "s01")
    assert all(0 <= s < 2**31 for s in seeds)


def test_a_read_only_store_says_so(tiny_trials, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GaitDataError, match="results cannot be written"):
        bench("majority", tiny_trials, tmp_path / "file")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failing_fold_is_recorded_and_the_others_go_on(tiny_trials, tmp_path, n_jobs):
    hot = tiny(learning_rate=1e38, clip_norm=None, epochs=10)
    with pytest.warns(UserWarning, match="4 folds failed.*hot, leave-one-subject-out, fold s0.: the loss is no longer"):
        runs = bench({"hot": hot, "majority": "majority"}, tiny_trials, tmp_path, n_jobs=n_jobs)
    assert runs.failures()["fold"].tolist() == ["s01", "s02", "s03", "s04"]
    table = runs.table().set_index("model")
    assert table["failed folds"].to_dict() == {"hot": 4, "majority": 0}
    assert np.isnan(table.loc["hot", "accuracy"])
    assert table.loc["majority", "subjects"] == 4
    assert len(list(tmp_path.glob("hot-*/s0*.failed.txt"))) == 4
    assert runs.failures()["reason"].str.startswith("not tried, as the first 3 folds failed: the loss").sum() <= 1


def test_a_model_that_cannot_be_trained_stops_and_where_none_can_it_is_said(tmp_path):
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(30, 2)) for _ in range(24)]
    values[0][3, 0] = np.nan
    trials = gaitlib.TrialSet.from_arrays(
        {"e": values}, subject=[f"s{i // 3}" for i in range(24)], label=["x", "y"] * 12, rate_hz=30
    )
    words = "no fold of any model could be trained; the first: trial00, modality 'e', frame 3, .*not a finite number"
    with pytest.raises(GaitDataError, match=words):
        bench(["majority", "extra_trees"], trials, tmp_path / "none")
    fills = make_pipeline(FillMissing("e"), SummaryStatistics())
    models = {"careless": GaitClassifier("majority"), "careful": GaitClassifier("majority", fills)}
    with pytest.warns(UserWarning, match="8 folds failed"):
        runs = bench(models, trials, tmp_path / "one")
    reasons = runs.failures()["reason"]
    assert reasons.str.startswith("not tried, as the first 3 folds failed: trial00").sum() >= 3
    assert len(runs.runs[1].folds) == 8


class DiesOn(Step):
    """Kills its process in the fold that tests one subject, as long as there is a file."""

    def __init__(self, subject, file):
        self.subject = subject
        self.file = file

    def _learn(self, trials):
        if self.subject not in set(trials.subjects) and Path(self.file).exists() and len(trials) > 24:
            os.kill(os.getpid(), signal.SIGKILL)

    def _transform(self, trials):
        return trials


@pytest.mark.slow
@pytest.mark.own_processes
def test_a_killed_fold_is_recorded_and_tried_again(tiny_trials, tmp_path):
    (tmp_path / "deadly").write_text("")
    steps = make_pipeline(DiesOn("s02", str(tmp_path / "deadly")), SummaryStatistics())
    model = {"trees": GaitClassifier(Builder("extra_trees", n_estimators=5), steps=steps)}
    with pytest.warns(UserWarning, match="1 folds failed.*fold s02: its process was killed"):
        runs = bench(model, tiny_trials, tmp_path / "store", n_jobs=2)
    assert [fold.name for fold in runs.runs[0].folds] == ["s01", "s03", "s04"]
    (tmp_path / "deadly").unlink()
    written = {p: p.stat().st_mtime_ns for p in tmp_path.glob("store/*/s0*/fold.json")}
    again = bench(model, tiny_trials, tmp_path / "store")
    assert again.failures().empty
    assert not list(tmp_path.glob("store/*/*.failed.txt"))
    assert {p: p.stat().st_mtime_ns for p in written} == written
    assert len(again.runs[0].folds) == 4


def test_impossible_protocols_are_refused_before_any_training(tiny_trials, tmp_path):
    with pytest.raises(GaitDataError, match="at least 2 subjects, there is 1"):
        bench("majority", tiny_trials[tiny_trials.subjects == "s01"], tmp_path)
    with pytest.raises(GaitDataError, match="did you mean extra_trees"):
        bench("extra_tree", tiny_trials, tmp_path)
    with pytest.raises(GaitDataError, match="cannot be saved; define it by name"):
        bench({"net": GaitClassifier(lambda inputs, heads: None)}, tiny_trials, tmp_path)
    assert not list(tmp_path.iterdir())


# -- the tables ----------------------------------------------------------------------------------------------


def test_tables_agree_with_the_predictions(tiny_trials, tmp_path):
    runs = bench({"trees": TREES, "majority": "majority"}, tiny_trials, tmp_path, [LeaveOneSubjectOut(), TrialKFold(2)])
    predictions = runs.predictions()
    assert len(predictions) == 4 * len(tiny_trials)
    for _, row in runs.table().iterrows():
        own = predictions[(predictions["model"] == row["model"]) & (predictions["protocol"] == row["protocol"])]
        by_subject = [(g["label"] == g["predicted"]).mean() for _, g in own.groupby("subject")]
        assert row["accuracy"] == pytest.approx(np.mean(by_subject))
        assert row["SD"] == pytest.approx(np.std(by_subject, ddof=1))
        assert float(row["worst subject"].split()[1]) == pytest.approx(min(by_subject), abs=5e-4)
        assert row["macro F1"] == pytest.approx(f1_score(own["label"], own["predicted"], average="macro"))
        confusion = runs.confusion(row["model"], row["protocol"])
        assert confusion.to_numpy().sum() == len(own)
        assert np.trace(confusion) == (own["label"] == own["predicted"]).sum()
        recall = runs.per_class(row["model"], row["protocol"])["sensitivity"]
        np.testing.assert_allclose(recall, np.diag(confusion) / confusion.sum(axis=1))
    with pytest.raises(GaitDataError, match="no model 'gru' here"):
        runs.confusion("gru")


def test_views_of_a_walk_are_averaged_on_request(tmp_path):
    trials = planted_trials(n_subjects=3, n_walks=2, seed=0)
    walk = trials.table.groupby(["subject", "label"]).ngroup().astype(str)  # two views each
    trials = replace(trials, table=trials.table.assign(walk=walk))
    runs = bench({"trees": TREES}, trials, tmp_path)
    per_walk = runs.predictions(per="walk").set_index("walk")
    for walk_id, views in runs.predictions().groupby("walk"):
        np.testing.assert_allclose(per_walk.loc[walk_id, trials.classes].astype(float), views[trials.classes].mean())
    assert runs.table(per="walk")["walks"].iloc[0] == 18


def test_what_a_fold_cost_and_its_history_are_kept(tiny_trials, tmp_path):
    runs = bench({"net": tiny()}, tiny_trials, tmp_path, [SubjectHoldout()])
    (resources,) = runs.resources().to_dict(orient="records")
    assert resources["epochs"] == 2
    assert resources["parameters"] == runs.runs[0].folds[0].classifier(OWN).network_.count_params()
    assert resources["seconds"] > 0
    assert resources["threads"] >= 1
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(runs.histories())
    validation = runs.predictions("validation")
    assert not set(validation["subject"]) & set(runs.predictions()["subject"])
    described = json.loads(next(tmp_path.glob("*/run.json")).read_text())
    assert described["data"]["name"] == "SYNTHETIC planted walks, 4 subjects"
    assert {"gaitlib", "keras", "numpy"} <= set(described["versions"])


@pytest.mark.parametrize("name", gaitlib.models.available(network=True))
def test_a_network_built_again_is_the_same_network(name):
    first, second = (_canonical(gaitlib.models.build(name, info(name).inputs(), n_classes=6)) for _ in "ab")
    assert first == second
    other = gaitlib.models.build(name, info(name).inputs(), n_classes=5)
    assert not info(name).classifies or _canonical(other) != first


# -- folds in processes ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.own_processes
def test_folds_at_once_give_the_numbers_of_one_after_the_other_to_the_last_bit(tmp_path):
    trials = gaitlib.synthetic_trials(n_subjects=3, n_walks=1)
    fusion = Builder("gru_cnn_fusion", project=32, units=(16, 8))
    models = {"fusion": GaitClassifier(fusion, training=Training(epochs=1)), "trees": "extra_trees"}
    serial, parallel = (
        bench(models, trials, tmp_path / str(n), [LeaveOneSubjectOut(validation=False)], n_jobs=n) for n in (1, 2)
    )
    pd.testing.assert_frame_equal(serial.predictions(), parallel.predictions(), check_exact=True)
    assert set(serial.resources()["threads"]) == {1}
    keys = [sorted(p.name for p in (tmp_path / str(n)).iterdir()) for n in (1, 2)]
    assert keys[0] == keys[1]
    two = bench({"trees": "extra_trees"}, trials, tmp_path / "1", [LeaveOneSubjectOut(validation=False)], n_threads=2)
    assert set(two.resources()["threads"]) == {2}
    assert len(list((tmp_path / "1").iterdir())) == 3  # another number of threads is another run
