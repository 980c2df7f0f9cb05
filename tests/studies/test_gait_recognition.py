"""The choices of the main notebook."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from planted import planted_trials

import gaitlib
from gaitlib.errors import GaitDataError
from gaitlib.studies import base, published
from gaitlib.studies import gait_recognition as study

# Of another study: they read sequences of one length, which walks of several seconds are not.
WAVEFORM_MODELS = set(gaitlib.models.available(prepared="whole"))
OTHER_STUDIES = WAVEFORM_MODELS | set(gaitlib.models.available(reads=("sequences",)))
OTHER_STUDIES |= {"patch_transformer", "pose_attention_fusion", "pose_cross_attention"}
OTHER_STUDIES |= {"heatmap_volume", "joint_time_transformer", "multiscale_graph", "skeleton_pressure_cross_attention"}


def test_data_come_from_the_argument_the_environment_the_folder_or_are_synthetic(
    tiny_trials, write_kinect_tree, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAIT_DATA", raising=False)
    monkeypatch.setenv("GAIT_PROFILE", "quick")
    assert base.open_data().name.startswith("SYNTHETIC")
    for place in ("data", "other", "third"):
        (tmp_path / place).mkdir()
    (tmp_path / "data" / "README.md").write_text("put recordings here")
    assert base.open_data().name.startswith("SYNTHETIC")
    for n, place in enumerate(("data", "other", "third"), 1):
        write_kinect_tree(tiny_trials[: 6 * n], tmp_path / place)
    assert len(base.open_data()) == 6
    monkeypatch.setenv("GAIT_DATA", str(tmp_path / "other"))
    assert len(base.open_data()) == 12
    assert len(base.open_data(tmp_path / "third")) == 18
    assert base.open_data("synthetic").name.startswith("SYNTHETIC")


def test_profiles_have_known_names(monkeypatch):
    monkeypatch.setenv("GAIT_PROFILE", "quick")
    assert base.profile().name == "quick"
    with pytest.raises(GaitDataError, match="'fast' is none of quick, default, full"):
        base.profile("fast")


def test_without_pressure_the_fusion_models_are_left_out_in_a_sentence(tiny_trials):
    every = study.classifiers(base.profile("quick"), tiny_trials)
    assert {gaitlib.models.info(name).reads for name in every} == {("sequence",), ("sequence", "static")}
    sentence = study.left_out(tiny_trials, base.profile("quick"))
    assert sentence.startswith("These recordings hold skeleton only, so ")
    assert set(sentence[len("These recordings hold skeleton only, so ") : -len(" are left out.")].split(", ")) == (
        set(gaitlib.models.available(classifies=True)) - set(every) - OTHER_STUDIES
    )
    assert set(study.feature_strategies(base.profile("quick"), tiny_trials, every)) == {"gru"}
    assert not study.fusion(every)


def test_trials_that_lack_a_modality_are_left_out_or_named(tmp_path):
    trials = gaitlib.synthetic_trials(3, 1)
    maps = trials.modality("pressure").values.copy()
    maps[4] = None
    lacking = trials.with_modality("pressure", replace(trials.modality("pressure"), values=maps))
    assert study.complete(lacking).ids.tolist() == np.delete(trials.ids, 4).tolist()
    assert study.complete(trials).digest() == trials.digest()
    with pytest.raises(GaitDataError, match=f"{trials.ids[4]} and 0 more trials have no 'pressure'; leave"):
        gaitlib.benchmark(["majority", "pressure_cnn"], lacking, store=tmp_path, progress=False)
    assert not list(tmp_path.iterdir())  # nothing was trained before it was found


def test_trials_of_ones_own_are_handed_on(tiny_trials):
    assert base.open_data(tiny_trials) is tiny_trials


def test_with_pressure_every_classifier_is_tried():
    trials = gaitlib.synthetic_trials(2, 1)
    tried = set(gaitlib.models.available(classifies=True)) - OTHER_STUDIES
    full = base.profile("full")
    assert set(study.classifiers(full, trials)) == tried
    assert study.left_out(trials, full) == ""
    every = study.feature_strategies(full, trials, study.classifiers(full, trials))
    assert all(len(own) == len(gaitlib.recipes.FEATURES) for own in every.values())
    assert len(study.slow_protocols(full, trials)) == 3


def test_the_shorter_profiles_leave_out_what_takes_longest_and_say_so():
    trials, chosen = gaitlib.synthetic_trials(2, 1), base.profile("default")
    every = study.classifiers(chosen, trials)
    assert set(study.classifiers(base.profile("full"), trials)) - set(every) == {"gru_cnn_fusion_encoded"}
    assert study.left_out(trials, chosen).startswith("gru_cnn_fusion_encoded is for the full profile")
    few = study.chosen_few(every)
    assert list(few) == ["majority", "spatiotemporal", "linear_svm", "extra_trees", "minirocket", "compact_gru"]
    assert set(study.contenders(few)) < set(few)
    assert list(study.fusion(every)) == ["gru_cnn_fusion"]
    claims = [str(p.claim) for p in study.slow_protocols(chosen, trials)]
    assert claims == ["a new person", "a new walk of a known person"]
    strategies = study.feature_strategies(chosen, trials, every)
    assert len(strategies["gru"]) == len(gaitlib.recipes.FEATURES) - 1  # directions of bones have a study of their own
    assert list(strategies["gru_cnn_fusion"]) == ["gru_cnn_fusion, positions", "gru_cnn_fusion"]
    assert strategies["gru_cnn_fusion"]["gru_cnn_fusion"] is every["gru_cnn_fusion"]  # its folds are in the store


def test_the_full_profile_is_the_published_size_and_watches_other_people():
    full = base.profile("full")
    assert (full.synthetic, full.epochs) == ({"n_subjects": 12, "n_walks": 20}, 100)
    assert all(protocol.validation for protocol in study.protocols(full, planted_trials(3, 1)))
    assert study.training(full, "fusion").patience == 10


def test_three_steps_train_each_encoder_before_the_whole():
    chosen = base.profile("quick")
    every = study.classifiers(chosen, gaitlib.synthetic_trials(2, 1))
    trainings = study.fusion_trainings(chosen, every)
    assert trainings["gru_cnn2d_fusion"] is every["gru_cnn2d_fusion"]  # its fold is in the store
    stages = trainings["gru_cnn2d_fusion, three steps"].training
    assert [stage.encoder for stage in stages] == ["skeleton", "pressure", None]
    assert stages[2].learning_rate < stages[0].learning_rate


def test_a_single_split_holds_subjects_out_where_there_are_enough():
    for n_subjects, unit in ((2, "walk"), (3, "walk"), (4, "subject"), (5, "subject")):
        trials = planted_trials(n_subjects, n_walks=3)
        protocol = study.once(trials, watched=True)
        (fold,) = protocol.folds(trials)
        assert protocol.unit == unit
        assert len(fold.validation)
        assert not len(study.once(trials, watched=False).folds(trials)[0].validation)


def test_claims_of_others_belong_to_the_skeleton_at_hand(tiny_trials):
    assert study.published_claims(tiny_trials).equals(published.claims(published.KINECT))
    synthetic = gaitlib.synthetic_trials(1, 1)
    assert study.published_claims(synthetic).equals(published.claims(published.AZURE))
    own = gaitlib.TrialSet.from_arrays({"emg": [[[1.0]], [[2.0]]]}, subject=["a", "b"])
    assert study.published_claims(own) is None


def test_folds_at_once_are_bound_by_cores_and_memory(monkeypatch):
    monkeypatch.setattr(base, "has_gpu", lambda: False)
    monkeypatch.setattr(base.psutil, "cpu_count", lambda logical=True: 8)
    for free_gb, expected in ((1, 1), (11, 4), (64, 8)):
        free = free_gb * 10**9
        monkeypatch.setattr(base.psutil, "virtual_memory", lambda free=free: SimpleNamespace(available=free))
        assert base.jobs() == expected
    monkeypatch.setattr(base, "has_gpu", lambda: True)
    assert base.jobs() == 1


def test_waveforms_are_read_by_the_models_of_the_signature_study():
    rng = np.random.default_rng(0)
    forces = gaitlib.TrialSet.from_arrays({"grf": list(rng.normal(size=(4, 101, 6)))}, subject=["a", "a", "b", "b"])
    assert set(study.classifiers(base.profile("quick"), forces)) >= set(gaitlib.models.available(prepared="whole"))
