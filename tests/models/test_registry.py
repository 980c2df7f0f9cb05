"""The list of models and the Builder that scikit-learn can search over."""

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.base import clone

import gaitlib
from gaitlib.models import Builder, Head, available, build, info, summary
from gaitlib.models.registry import PREPARATIONS, register

NETWORKS = available(network=True)
ESTIMATORS = available(network=False)
SMALL = {"skeleton": (12, 6)}
GAIT = {"label": Head("class", 3)}


def own_network(inputs, heads, units=4):
    ((name, shape),) = inputs.items()
    x = keras.Input(shape, name=name)
    h = layers.Dense(units, activation="relu")(layers.Flatten()(x))
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(h), name="own")


# -- completeness ----------------------------------------------------------------------------------------


def test_there_are_networks_and_classical_models():
    assert "compact_gru" in NETWORKS
    assert available(prepared="statistics") == ["extra_trees", "linear_svm", "majority"]
    assert available(prepared="opening") == ["minirocket"]
    assert available(prepared="whole", network=False) == ["waveform_svm"]


def test_available_splits_by_what_is_wanted():
    assert sorted(name for how in PREPARATIONS for name in available(prepared=how)) == available()


@pytest.mark.parametrize("name", available())
def test_every_model_says_what_it_is_and_where_it_is_from(name):
    model = info(name)
    assert model.name == name
    assert set(model.reads) <= {"sequence", "sequences", "image", "static"}
    assert len(model.reference) > 10
    assert model.build.__doc__


PUBLISHED = {
    "gru_cnn_fusion": 551_014,
    "cnn_lstm": 164_622,
    "attention": 179_142,
    "gru": 120_518,
    "dual_lstm": 158_406,
    "deep_dense": 131_494,
    "baseline": 113_094,
    "bilstm": 117_446,
    "gru_cnn_fusion_encoded": 510_054,
    "light": 38_118,
    "encoded_gru": 843_398,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_models_of_the_reference_study_have_their_published_size(name):
    assert build(name, info(name).inputs(), n_classes=6).count_params() == PUBLISHED[name]
    assert info(name).parameters == PUBLISHED[name]


@pytest.mark.parametrize("name", [name for name in NETWORKS if info(name).parameters])
def test_the_stated_number_of_weights_is_that_of_the_built_network(name):
    assert build(name, info(name).inputs(), n_classes=6).count_params() == info(name).parameters


@pytest.mark.parametrize("name", [name for name in available() if info(name).tiny])
def test_tiny_settings_make_a_smaller_model(name):
    entry = info(name)
    if entry.network:
        assert build(name, entry.inputs(), n_classes=6, **entry.tiny).count_params() < (
            build(name, entry.inputs(), n_classes=6).count_params() / 2
        )
    else:
        assert entry.build(0, **entry.tiny).get_params() | entry.tiny == entry.build(0, **entry.tiny).get_params()


def test_compact_gru_is_as_large_as_in_the_reference_study():
    assert build("compact_gru", {"skeleton": (100, 96)}, n_classes=6).count_params() == 95_430


def test_summary_has_a_row_a_model_with_its_weights():
    table = summary()
    assert table.index.tolist() == available()
    stated = {n: info(n).parameters for n in NETWORKS if info(n).parameters}
    assert {name: table.loc[name, "parameters"] for name in stated} == stated
    assert table.loc[NETWORKS, "parameters"].gt(0).all()
    assert table.loc[ESTIMATORS, "parameters"].isna().all()
    assert table["reference"].tolist() == [info(name).reference for name in available()]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_classical_models_learn_and_give_probabilities(name, tiny_trials):
    if info(name).prepared == "whole":  # they read sequences of one length
        first = tiny_trials.modality("skeleton").select_frames([slice(30)] * len(tiny_trials))
        tiny_trials = tiny_trials.with_modality("skeleton", first)
    proba = gaitlib.GaitClassifier(name).fit(tiny_trials).predict_proba(tiny_trials)
    assert proba.shape == (len(tiny_trials), 6)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_extra_trees_is_repeatable_by_its_seed():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)), np.arange(40) % 2
    new = rng.normal(size=(40, 4))
    same, again, other = (info("extra_trees").build(s, n_estimators=5).fit(x, y).predict_proba(new) for s in (0, 0, 1))
    np.testing.assert_array_equal(same, again)
    assert not np.array_equal(same, other)


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", [info, lambda name: build(name, SMALL, n_classes=3), lambda name: Builder(name).info])
def test_an_unknown_name_lists_near_names_and_all(ask):
    with pytest.raises(gaitlib.GaitDataError) as error:
        ask("compct_gru")
    near, everything = str(error.value).split("Known: ")
    assert "did you mean compact_gru" in near
    assert everything == ", ".join(available())


def test_a_name_like_no_other_lists_all():
    with pytest.raises(gaitlib.GaitDataError, match="'zzzz'; Known: .*compact_gru"):
        info("zzzz")


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_classical_model_is_no_network(name):
    with pytest.raises(gaitlib.GaitDataError, match="no network"):
        build(name, SMALL, n_classes=3)


@pytest.mark.parametrize("outputs", [{}, {"n_classes": 3, "heads": GAIT}])
def test_either_classes_or_heads_are_given(outputs):
    with pytest.raises(gaitlib.GaitDataError, match="either n_classes= or heads="):
        build("compact_gru", SMALL, **outputs)


def test_an_unknown_preparation_is_not_registered():
    with pytest.raises(ValueError, match="telepathic"):
        register("new_model", "nobody", prepared="telepathic")
    assert "new_model" not in available()


def test_an_autoencoder_is_no_classifier():
    with pytest.raises(gaitlib.GaitDataError, match="no classifier: gaitlib.pretrain trains it"):
        Builder("autoencoder").build_network(SMALL, GAIT)


# -- Builder ---------------------------------------------------------------------------------------------


def test_builder_parameters_can_be_read_set_and_cloned():
    builder = Builder("gru", units=64).set_params(units=32, dropout=0.1)
    assert builder.get_params() == {"model": "gru", "units": 32, "dropout": 0.1}
    copy = clone(builder)
    assert copy is not builder
    assert copy.get_params() == builder.get_params()
    copy.set_params(units=8)
    assert builder.get_params()["units"] == 32
    assert repr(builder) == "Builder(gru, units=32, dropout=0.1)"


def test_the_model_itself_can_be_set():
    assert Builder("gru").set_params(model="baseline").get_params() == {"model": "baseline"}


def test_builder_parameters_reach_the_network():
    small, large = (Builder("compact_gru", units=units).build_network(SMALL, GAIT) for units in (4, 8))
    assert small.count_params() < large.count_params()


def test_a_builder_knows_its_model():
    builder = Builder("compact_gru")
    assert (builder.name, builder.info, builder.jit) == ("compact_gru", info("compact_gru"), info("compact_gru").jit)


@pytest.mark.parametrize("model", ["compact_gru", own_network])
def test_a_built_network_reads_a_dict_by_modality(model):
    network = Builder(model).build_network({"emg": (12, 6)}, GAIT)
    assert list(network.input) == ["emg"]
    x = np.random.default_rng(0).normal(size=(2, 12, 6)).astype(np.float32)
    assert network.predict({"emg": x}, verbose=0).shape == (2, 3)


def test_a_users_own_function_is_a_model():
    builder = clone(Builder(own_network, units=5))
    assert builder.get_params() == {"model": own_network, "units": 5}
    assert (builder.name, builder.info, builder.jit) == ("own_network", None, False)
    assert repr(builder) == "Builder(own_network, units=5)"
    assert builder.build_network(SMALL, GAIT).count_params() == (12 * 6 + 1) * 5 + 6 * 3


def test_a_classical_builder_hands_its_parameters_on():
    assert Builder("extra_trees", n_estimators=7).build_classical(seed=3).get_params()["n_estimators"] == 7
