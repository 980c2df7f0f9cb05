"""A study in a file: what is read is what is run, and what is wrong is told with its line and what was meant."""

from pathlib import Path

import numpy as np
import pytest

from gaitlib import GaitDataError, GroupKFold, LeaveOneSubjectOut, SubjectKFold, TrialSet
from gaitlib.models import Prior
from gaitlib.study_file import PROTOCOLS, read_study
from gaitlib.training import Training

CONFIGS = Path(__file__).parents[1] / "configs"
GOOD = """\
data:
  loader: synthetic_trials
  n_subjects: 3
models:
  trees:
    model: extra_trees
    parameters:
      n_estimators: 5
  compact_gru:
    training: {epochs: 2}
protocols:
  - SubjectKFold: {n_splits: 3, validation: false}
  - LeaveOneSubjectOut
training:
  epochs: 9
  batch_size: 16
seed: 4
"""


def written(tmp_path, text=GOOD):
    file = tmp_path / "my_study.yaml"
    file.write_text(text)
    return file


def test_a_file_says_all_that_is_run(tmp_path):
    study = read_study(written(tmp_path))
    assert (study.name, study.seed, study.n_jobs, study.results) == ("my_study", 4, 1, Path("results/my_study"))
    assert (study.loader, study.data) == ("synthetic_trials", {"n_subjects": 3})
    kfold, each = study.protocols
    assert isinstance(kfold, SubjectKFold) and kfold.get_params()["n_splits"] == 3 and not kfold.validation
    assert isinstance(each, LeaveOneSubjectOut)
    made = study.classifiers(None)
    assert list(made) == ["trees", "compact_gru"]
    assert made["trees"].builder().name == "extra_trees"
    assert made["trees"].builder().parameters == {"n_estimators": 5}
    assert made["trees"].training.get_params() == Training(epochs=9, batch_size=16).get_params()
    assert made["compact_gru"].training.get_params() == Training(epochs=2, batch_size=16).get_params()


def test_names_of_models_may_be_a_list_and_leave_one_subject_out_is_the_default(tmp_path):
    study = read_study(written(tmp_path, "data: {path: here}\nmodels: [linear_svm, compact_gru]\n"))
    assert list(study.models) == ["linear_svm", "compact_gru"]
    assert [type(p) for p in study.protocols] == [LeaveOneSubjectOut]
    assert study.data == {"path": "here"}


def test_a_change_replaces_adds_and_makes_what_holds_it(tmp_path):
    changes = ["training.epochs=5", "models.trees.heads=[label, speed]", "n_jobs=2", "models.linear_svm.seed="]
    study = read_study(written(tmp_path), changes[:3])
    assert study.models["trees"]["training"].epochs == 5
    assert study.models["trees"]["heads"] == ["label", "speed"] and study.n_jobs == 2
    with pytest.raises(GaitDataError, match=r"my_study.yaml, --set: 'seed' is no key of a model"):
        read_study(written(tmp_path), changes)
    for change in ("epochs", "=3", "training.=3", "seed.epochs=3", "training.epochs=["):
        with pytest.raises(GaitDataError, match="--set"):
            read_study(written(tmp_path), [change])


WRONG = {
    "top": ("seed: 4", "sed: 4", r"line 17: 'sed' is no key of a study; did you mean seed\? There are data, heads"),
    "loader": ("synthetic_trials", "synthetic_trial", r"line 2: loader 'synthetic_trial' .* mean synthetic_trials"),
    "data": ("n_subjects: 3", "n_subject: 3", r"line 3: 'n_subject' is no key of synthetic_trials; .* n_subjects"),
    "model": ("extra_trees", "extra_tree", r"line 6: model 'extra_tree' is not known; did you mean extra_trees"),
    "model by its name": ("compact_gru", "compact_grru", r"line 9: model 'compact_grru' .* compact_gru"),
    "model key": ("parameters:", "parameter:", r"line 7: 'parameter' is no key of a model; did you mean parameters"),
    "parameter": ("n_estimators", "n_estimator", r"line 8: 'n_estimator' is no key of extra_trees"),
    "own training": ("{epochs: 2}", "{epoch: 2}", r"line 10: 'epoch' is no key of training; did you mean epochs"),
    "training": ("epochs: 9", "epochz: 9", r"line 15: 'epochz' is no key of training"),
    "protocol": (
        "SubjectKFold",
        "SubjectKfold",
        r"line 12: protocol 'SubjectKfold' is not known; did you mean Subject",
    ),
    "protocol key": ("n_splits", "n_split", r"line 12: 'n_split' is no key of SubjectKFold"),
    "no number": ("seed: 4", "seed: four", r"line 17: 'seed' is a whole number from 0, not 'four'"),
    "twice": ("seed: 4", "models: 4", r"line 17: 'models' stands here and in line 4"),
    "no model": (GOOD[GOOD.index("  trees") : GOOD.index("protocols")], "", r"line 4: expected keys"),
    "no data": (GOOD[: GOOD.index("models")], "", "'data' is missing"),
    "no keys": (GOOD, "- a\n- b\n", "expected keys such as name"),
    "no YAML": ("{epochs: 2}", "{epochs: 2", "no YAML"),
}


@pytest.mark.parametrize(("right", "wrong", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line_and_what_is_near(right, wrong, told, tmp_path):
    assert right in GOOD
    with pytest.raises(GaitDataError, match=told) as error:
        read_study(written(tmp_path, GOOD.replace(right, wrong, 1)))
    assert "my_study.yaml" in str(error.value)


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(GaitDataError, match="nowhere.yaml: cannot be read"):
        read_study(tmp_path / "nowhere.yaml")


def test_what_a_loader_needs_must_be_given(tmp_path):
    with pytest.raises(GaitDataError, match=r"line 1: load_trials: missing .*'path'"):
        read_study(written(tmp_path, "data: {}\nmodels: [linear_svm]\n"))
    with pytest.raises(GaitDataError, match=r"line 3: GroupKFold: .*'column'"):
        read_study(written(tmp_path, "data: {path: a}\nmodels: [linear_svm]\nprotocols: [GroupKFold]\n"))
    one = read_study(
        written(tmp_path, "data: {path: a}\nmodels: [linear_svm]\nprotocols:\n- GroupKFold: {column: a}\n")
    )
    assert isinstance(one.protocols[0], GroupKFold)
    assert "LabelBudget" not in PROTOCOLS


def test_a_prior_is_told_for_the_joints_of_the_trials(tmp_path):
    channels = [f"{joint}_{axis}" for joint in ("head", "left_hip", "right_hip") for axis in "xyz"]
    trials = TrialSet.from_arrays({"skeleton": [np.ones((9, 9))]}, channels={"skeleton": channels}, subject=["a"])
    text = "data: {path: a}\nmodels:\n  pose_cross_attention:\n    prior: "
    for prior in ("{pelvis: 1.0}", "clinic.yaml"):
        (tmp_path / "clinic.yaml").write_text("pelvis: 1.0\n")
        study = read_study(written(tmp_path, text + prior + "\n"))
        assert isinstance(study.models["pose_cross_attention"]["prior"], Prior)
        (model,) = study.classifiers(trials).values()
        assert model.builder().parameters == {"prior": (0.0, 1.0, 1.0)}
    with pytest.raises(GaitDataError, match=r"line 4: .*same for every class"):
        read_study(written(tmp_path, text + "{normal: {pelvis: 1}}\n"))


def test_a_prior_brings_its_controls(tmp_path):
    channels = [f"{joint}_{axis}" for joint in ("head", "left_hip", "right_hip") for axis in "xyz"]
    trials = TrialSet.from_arrays({"skeleton": [np.ones((9, 9))]}, channels={"skeleton": channels}, subject=["a"])
    text = "data: {path: a}\nmodels:\n  clinic:\n    model: pose_cross_attention\n    controls: 1\n"
    made = read_study(written(tmp_path, text + "    prior: {pelvis: 1.0}\n")).classifiers(trials)
    priors = {name: model.builder().parameters["prior"] for name, model in made.items()}
    assert priors["clinic"] == (0, 1, 1) and priors["clinic, off"] is None
    assert priors["clinic, wrong region"] == priors["clinic, shuffle 1"] == (2, 0, 0)
    assert priors["clinic, uniform"] == pytest.approx((2 / 3,) * 3) and len(made) == 5
    with pytest.raises(GaitDataError, match="line 5: 'controls' are those of a prior"):
        read_study(written(tmp_path, text))
    with pytest.raises(GaitDataError, match="line 5: 'controls' is a whole number from 0"):
        read_study(written(tmp_path, text.replace("1", "none") + "    prior: {pelvis: 1.0}\n"))


def test_skeletons_may_be_seen_as_a_pose(tmp_path):
    file = written(tmp_path, GOOD + "pose: {view: [side, front], noise: 0}\n")
    trials = read_study(file, ["data.n_subjects=1", "data.n_walks=1"]).trials()
    assert set(trials.table["view"]) == {"side", "front"} and "skeleton" not in trials.modalities
    with pytest.raises(GaitDataError, match="line 18: 'viw' is no key of project_to_pose; did you mean view"):
        read_study(written(tmp_path, GOOD + "pose: {viw: side}\n"))


def test_modalities_may_be_left_out(tmp_path):
    file = written(tmp_path, GOOD + "modalities: [pressure]\n")
    assert list(read_study(file, ["data.n_subjects=1", "data.n_walks=1"]).trials().modalities) == ["pressure"]
    with pytest.raises(GaitDataError, match=r"line 18: expected a list of names such as \[skeleton\], got 'pressure'"):
        read_study(written(tmp_path, GOOD + "modalities: pressure\n"))
    with pytest.raises(GaitDataError, match="emg"):
        read_study(file, ["data.n_subjects=1", "data.n_walks=1", "modalities=[emg]"]).trials()


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_study_that_ships_can_be_read(file):
    assert read_study(file).models


def test_a_model_may_be_a_recipe_and_nothing_beside_it(tmp_path):
    recipe = "data: {path: here}\nmodels:\n  mine:\n    recipe: either_side\n"
    made = read_study(written(tmp_path, recipe)).classifiers(None)
    assert list(made["mine"].members) == ["directions"]
    with pytest.raises(GaitDataError, match="line 5: 'training' is no key of a model by recipe"):
        read_study(written(tmp_path, recipe + "    training: {epochs: 2}\n"))
    with pytest.raises(GaitDataError, match="line 4: recipe 'either_sides' is not known; did you mean either_side"):
        read_study(written(tmp_path, recipe.replace("either_side", "either_sides")))
