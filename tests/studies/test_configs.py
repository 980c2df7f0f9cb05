"""Files in ``configs/`` and notebooks share their settings: what a file says is what the study chooses."""

from pathlib import Path

import pytest

from gaitlib.studies import base, gait_recognition, gait_signatures, imu_pretraining, pathological_gait, physiology
from gaitlib.study_file import read_study

CONFIGS = Path(__file__).parents[2] / "configs"
DEFAULT = base.profile("default")


def told(classifiers) -> dict:
    """Network and training of each model."""
    training = {name: model.training.get_params() for name, model in classifiers.items()}
    return {n: (m.builder().name, m.builder().parameters, training[n]) for n, m in classifiers.items()}


def config(name):
    study = read_study(CONFIGS / f"{name}.yaml")
    return study, told(study.classifiers(None))


@pytest.mark.parametrize("name", ["gait_recognition", "which_model"])
def test_walks(name, tiny_trials):
    study, models = config(name)
    chosen = told(gait_recognition.contenders(gait_recognition.classifiers(DEFAULT, tiny_trials)))
    assert set(models) == set(chosen)
    assert models["compact_gru"] == chosen["compact_gru"]  # classical models do not train by these settings
    assert {n: m[:2] for n, m in models.items()} == {n: m[:2] for n, m in chosen.items()}
    assert study.data == DEFAULT.synthetic
    assert study.protocols[0].get_params() == gait_recognition.protocols(DEFAULT, tiny_trials)[0].get_params()


def test_pathological_gait(tiny_trials):
    study = read_study(CONFIGS / "pathological_gait_benchmark.yaml")
    models = study.classifiers(None)
    recipe = models.pop(pathological_gait.EITHER)
    chosen = pathological_gait.classifiers(DEFAULT)
    assert set(models) == set(chosen)
    for name in ("compact_gru", "multiscale_graph"):
        assert models[name].training.get_params() == chosen[name].training.get_params()
    assert recipe.affected_side == "right" and list(recipe.members) == ["directions"]
    assert study.protocols[0].get_params() == pathological_gait.protocol(DEFAULT).get_params()


def test_forces():
    study, models = config("gait_signatures")
    trials = study.trials()
    assert models == told(gait_signatures.classifiers(DEFAULT, trials))
    assert (study.data["n_subjects"], study.data["n_repetitions"]) == gait_signatures.SYNTHETIC["default"]
    assert study.protocols[0].get_params() == gait_signatures.new_people(DEFAULT, trials).get_params()


def test_inertial_recordings():
    study, models = config("imu_pretraining")
    chosen = told(imu_pretraining.networks_and_trees(DEFAULT, imu_pretraining.plan(DEFAULT), 384))
    for name, (model, parameters, training) in models.items():
        assert (model, parameters) == chosen[name][:2]
        assert training["class_weight"] == chosen[name][2]["class_weight"]
        if name.endswith("scratch"):
            assert training == chosen[name][2]
    assert study.data["n_subjects"] == imu_pretraining.EFFORTS["default"].synthetic["n_subjects"]
    assert study.protocols[0].get_params() == imu_pretraining.new_people(DEFAULT).get_params()


def test_signals_of_the_body():
    study, models = config("physiology")
    trials = read_study(CONFIGS / "physiology.yaml", ["data.n_subjects=1", "data.n_segments=[1]"]).trials()
    chosen = physiology.models(DEFAULT, trials)["network on signals"]
    assert models["network on signals"] == told({"it": chosen})["it"]
    n_people, n_segments, segment_s = physiology.SYNTHETIC["default"]
    assert study.data == {"n_subjects": n_people, "n_segments": list(n_segments), "segment_s": segment_s}
    heads = read_study(CONFIGS / "physiology.yaml").models["network on signals"]["heads"]
    assert sorted(heads) == sorted(chosen.heads)
    assert study.protocols[0].get_params() == physiology.new_people(DEFAULT).get_params()
