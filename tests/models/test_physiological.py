"""A branch a signal: the published sizes, any number of signals, and a strided convolution that padding cannot move."""

import keras
import numpy as np
import pytest

import gaitlib
from gaitlib import GaitClassifier, GaitDataError, Training, TrialSet, recipes
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.models import Builder, Head, build
from gaitlib.models.layers import StridedMask
from gaitlib.testing import check_builder

AMIGOS = {"eeg": (2048, 14), "ecg": (2048, 2), "gsr": (2048, 1)}
HEADS = {"valence": Head("continuous", 1), "arousal": Head("continuous", 1), "transition": Head("binary", 1)}
FIVE = {"acc": (20, 3), "bvp": (30, 1), "eda": (12, 1), "emg": (20, 3), "temp": (7, 1)}
THREE = {name: (20, channels) for name, (_, channels) in AMIGOS.items()}
TINY = {"width": 0.25, "form": "one_layer"}


def model(inputs, heads=HEADS, **settings):
    return build("multimodal_lstm", inputs, heads=heads, **settings)


def units(network, kind):
    return [layer.units for layer in network.layers if isinstance(layer, kind)]


def small(inputs, **settings):
    """A small network whose biases are not zero; the same at every call."""
    keras.utils.set_random_seed(0)
    network = build("multimodal_lstm", inputs, n_classes=3, **TINY | settings)
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.normal(0, 0.2, w.shape) for w in network.get_weights()])
    return network


def said(network, x):
    x = [x[i.name] for i in network.inputs]
    return keras.ops.convert_to_numpy(network(x[0] if len(x) == 1 else x, training=False))


def drawn(inputs, n=4):
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=(n, *shape)).astype(np.float32) for name, shape in inputs.items()}


# -- sizes -----------------------------------------------------------------------------------------------


def test_the_maximum_form_has_the_layers_of_the_source():
    network = model(AMIGOS, stride_to=None)
    assert sorted(units(network, keras.layers.LSTM)) == [16, 16, 32, 32, 32, 64]
    assert sorted(units(network, keras.layers.Dense)) == sorted([48, 24, 20, 12, 20, 12, 64, 32, 16, 1, 1, 1])
    recurrent = [layer for layer in network.layers if isinstance(layer, keras.layers.LSTM)]
    assert {(layer.dropout, layer.recurrent_dropout) for layer in recurrent} == {(0.3, 0.3)}
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers) == 4
    assert network.count_params() == 58_091


def test_the_one_layer_form_has_as_many_weights_before_the_fusion_as_the_source():
    network = model(AMIGOS | {"ecg": (2048, 1)}, form="one_layer", stride_to=None)  # the source reads one lead
    fused = next(layer for layer in network.layers if isinstance(layer, keras.layers.Concatenate))
    assert keras.Model(network.inputs, fused.output).count_params() == 20_760
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    assert sorted(units(network, keras.layers.LSTM)) == [24, 24, 48]


@pytest.mark.parametrize("form", ["maximum", "one_layer"])
def test_the_width_is_a_factor_of_every_layer_but_the_outputs(form):
    whole, half = (model(AMIGOS, form=form, width=width, stride_to=None) for width in (1, 0.5))
    for kind in (keras.layers.LSTM, keras.layers.Dense):
        expected = [n if n == 1 else round(n / 2) for n in units(whole, kind)]
        assert units(half, kind) == expected


@pytest.mark.parametrize(
    ("inputs", "largest"),
    [
        (THREE, "eeg"),
        (dict(reversed(THREE.items())), "eeg"),
        (FIVE, "acc"),  # as many channels as emg, and before it
        ({"ecg": (20, 2)}, "ecg"),
    ],
)
def test_the_signal_with_the_most_channels_gets_the_larger_branch(inputs, largest):
    network = model(inputs)
    sizes = {name: network.get_layer(f"{name}_features").units for name in inputs}
    assert sizes == {name: 24 if name == largest else 12 for name in inputs}
    assert [x.name for x in network.inputs] == list(inputs)


@pytest.mark.parametrize(
    "wrong", [{"form": "minimum"}, {"width": 0}, {"stride_to": 0}, {"inputs": {}}, {"inputs": {"age": (3,)}}], ids=str
)
def test_what_cannot_be_built_is_refused(wrong):
    with pytest.raises(GaitDataError, match="'multimodal_lstm' (has the forms|reads sequences)"):
        model(**{"inputs": THREE, **wrong})


# -- the contract ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_network_keeps_the_contract():
    check_builder(Builder("multimodal_lstm", **TINY, stride_to=None), THREE)


def test_padding_before_the_strided_convolution_does_not_change_a_prediction():
    frames, inputs = 13, {"eeg": (13, 4), "ecg": (13, 2)}
    x = drawn(inputs)
    for row, n in enumerate((frames, 10, 5, 1)):
        for values in x.values():
            values[row, n:] = 0
    network = small(inputs, width=1, stride_to=4)
    longer = small({name: (2 * frames, channels) for name, (_, channels) in inputs.items()}, width=1, stride_to=7)
    longer.set_weights(network.get_weights())
    padded = {name: np.pad(values, ((0, 0), (0, frames), (0, 0))) for name, values in x.items()}
    np.testing.assert_allclose(said(longer, padded), said(network, x), atol=1e-6)
    moved = {name: values.copy() for name, values in x.items()}
    for values in moved.values():
        values[:2, 9] += 9  # the last frame of the second
    assert (np.abs(said(network, moved) - said(network, x)).max(axis=1) > 1e-4).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("frames", "stride_to"), [(300, 7), (129, 128), (128, 128), (5, 1), (2048, 128), (150, 128)])
def test_no_more_steps_are_left_than_asked_for(frames, stride_to):
    network = model({"gsr": (frames, 1)}, stride_to=stride_to, width=0.1, form="one_layer")
    lstm = next(layer for layer in network.layers if isinstance(layer, keras.layers.LSTM))
    reads = lstm._inbound_nodes[0].arguments.keras_tensors  # what it reads, and the mask of that
    (steps,) = {x.shape[1] for x in reads}
    assert stride_to / 2 <= steps <= stride_to
    convolved = any(isinstance(layer, keras.layers.Conv1D) for layer in network.layers)
    assert convolved == (frames > stride_to)


def test_a_step_is_real_if_its_first_frame_is():
    mask = np.arange(7) < np.arange(8)[:, None]
    strided = keras.ops.convert_to_numpy(StridedMask(3)(mask))
    assert strided.sum(axis=1).tolist() == [-(-n // 3) for n in range(8)]
    assert keras.saving.get_registered_object("gaitlib>StridedMask") is StridedMask


def test_a_branch_reads_its_own_signal_only():
    inputs = {"eeg": (3, 4), "ecg": (3, 2)}
    network, x = small(inputs, width=1), drawn(inputs)
    for name in inputs:
        branch = keras.Model(network.inputs, network.get_layer(f"{name}_features").output)
        others = {other: values + (other != name) for other, values in x.items()}
        np.testing.assert_array_equal(said(branch, x), said(branch, others))
        assert np.abs(said(network, x | {name: x[name] + 1}) - said(network, x)).max() > 1e-4


@pytest.mark.slow
def test_relevance_goes_through_the_strided_convolution():
    inputs = {"eeg": (40, 4), "ecg": (40, 2)}
    network, x = small(inputs, width=1, stride_to=10), drawn(inputs)
    for values in x.values():
        values[1, 30:] = 0
    relevance, account = lrp(network, x, np.zeros(4, int))
    assert np.abs(account["error"]).max() < 1e-3
    assert all(of[0].any() and not of[1, 30:].any() for of in relevance.values())


# -- as a classifier -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trials():
    trials = gaitlib.synthetic_physiology(n_subjects=4, n_segments=(3, 3), segment_s=0.25)
    calm = np.where(trials.table["arousal"] < trials.table["arousal"].median(), "calm", "aroused")
    return TrialSet(trials.table.assign(label=calm), trials.modalities, trials.name, kinds=trials.kinds)


def test_by_default_it_reads_every_sequence(trials):
    tensors = recipes.steps_for(trials, "multimodal_lstm").fit(trials).transform(trials)
    assert {name: x.shape[1:] for name, x in tensors.inputs.items()} == {
        "eeg": (32, 14),
        "ecg": (32, 2),
        "gsr": (32, 1),
    }
    assert "multimodal_lstm" in recipes.readable(trials)
    walks = gaitlib.synthetic_trials(2, 1)
    assert set(recipes.steps_for(walks, "multimodal_lstm")[-1].modalities) == {"skeleton"}


def test_without_a_sequence_there_is_nothing_to_read():
    images = TrialSet.from_arrays({"p": [np.ones((9, 4))] * 2}, subject=["a", "b"], label=["x", "y"], kind="image")
    with pytest.raises(GaitDataError, match=r"reads sequences, and these trials have p \(image\)"):
        recipes.steps_for(images, "multimodal_lstm")
    assert "multimodal_lstm" not in recipes.readable(images)


@pytest.mark.slow
def test_it_learns_to_do_without_a_signal(trials):
    two = {name: trials.modality(name) for name in ("eeg", "ecg")}
    trials = TrialSet(trials.table, two, trials.name)
    settings = Training(epochs=1, modality_dropout=0.3)
    fitted = GaitClassifier(Builder("multimodal_lstm", **TINY, stride_to=8), training=settings, validation=None)
    fitted.fit(trials)
    eeg, empty = trials.modality("eeg"), np.full(len(trials), None)
    gone = trials.with_modality("eeg", type(eeg)("sequence", eeg.channels, eeg.unit, empty, empty, empty))
    told = fitted.predict_proba(gone)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-6)
    assert np.abs(told - fitted.predict_proba(trials)).max() > 1e-4
