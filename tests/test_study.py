"""The choices of the main notebook."""

import pytest
from planted import planted_trials

import gaitlib
from gaitlib import study
from gaitlib.errors import GaitDataError


def test_data_come_from_the_argument_the_environment_the_folder_or_are_synthetic(
    tiny_trials, write_kinect_tree, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAIT_DATA", raising=False)
    assert study.open_data().name.startswith("SYNTHETIC")
    for place in ("data", "other", "third"):
        (tmp_path / place).mkdir()
    (tmp_path / "data" / "README.md").write_text("put recordings here")
    assert study.open_data().name.startswith("SYNTHETIC")
    for n, place in enumerate(("data", "other", "third"), 1):
        write_kinect_tree(tiny_trials[: 6 * n], tmp_path / place)
    assert len(study.open_data()) == 6
    monkeypatch.setenv("GAIT_DATA", str(tmp_path / "other"))
    assert len(study.open_data()) == 12
    assert len(study.open_data(tmp_path / "third")) == 18
    assert study.open_data("synthetic").name.startswith("SYNTHETIC")


def test_profiles_have_known_names_and_models(monkeypatch):
    monkeypatch.setenv("GAIT_PROFILE", "quick")
    assert study.profile().name == "quick"
    for name in study.PROFILES:
        assert set(study.classifiers(study.profile(name))) <= set(gaitlib.models.available())
    with pytest.raises(GaitDataError, match="'fast' is none of quick, default, full"):
        study.profile("fast")


def test_validation_is_watched_on_other_subjects_where_there_are_enough():
    for n_subjects, unit in ((2, "walk"), (3, "subject"), (4, "subject")):
        trials = planted_trials(n_subjects, n_walks=3)
        protocol = study.watched_protocol(trials)
        (fold,) = protocol.folds(trials)
        assert protocol.unit == unit
        assert len(fold.validation)
