"""What every registered network must keep: linear logits, named inputs, and a mask that padding cannot move."""

import keras
import numpy as np
import pytest

import gaitlib
from gaitlib.models import Head, available, build, info
from gaitlib.models.layers import FrameMask, MeanAndMaxPooling, ZeroPadding
from gaitlib.models.registry import REFERENCE_INPUTS

NETWORKS = [name for name in available() if info(name).kind != "classical"]
FRAMES, CHANNELS, CLASSES = 24, 6, 3
LENGTHS = (24, 16, 9, 5, 1)


def small_inputs(name, frames=FRAMES):
    return dict.fromkeys(REFERENCE_INPUTS[info(name).kind], (frames, CHANNELS))


def small_network(name, frames=FRAMES, **outputs):
    """A small network whose biases are not zero, as after training; the same at every call."""
    keras.utils.set_random_seed(0)
    network = build(name, small_inputs(name, frames), **(outputs or {"n_classes": CLASSES}))
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.normal(0, 0.1, w.shape) for w in network.get_weights()])
    return network


def logits(network, x):
    return keras.ops.convert_to_numpy(network(x, training=False))


def padded(lengths=LENGTHS, frames=FRAMES):
    x = np.random.default_rng(1).normal(size=(len(lengths), frames, CHANNELS)).astype(np.float32)
    for row, n in zip(x, lengths, strict=True):
        row[n:] = 0
    return x


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    return small_network(name)


def test_networks_are_uncompiled_with_named_inputs(name, network):
    assert not network.compiled
    assert [x.name for x in network.inputs] == list(small_inputs(name))


def test_outputs_are_linear_logits(network):
    assert network.output_names == ["logits"]
    assert network.output_shape == (None, CLASSES)
    assert network.get_layer("logits").activation is keras.activations.linear
    sums = logits(network, padded()).sum(axis=1)
    assert not np.allclose(sums, 1)


def test_predictions_tell_trials_apart(network):
    assert np.ptp(logits(network, padded()), axis=0).max() > 1e-2


def test_prediction_does_not_change_when_padding_is_added(name, network):
    x = padded()
    together = logits(network, x)
    for row, expected, n in zip(x, together, LENGTHS, strict=True):
        alone = build(name, small_inputs(name, n), n_classes=CLASSES)
        alone.set_weights(network.get_weights())
        np.testing.assert_allclose(logits(alone, row[None, :n])[0], expected, atol=1e-5)


def test_a_frame_of_zeros_in_the_middle_counts_as_real(network):
    x = padded((20,))
    x[0, 10] = 0
    mask = keras.Model(network.inputs[0], network.get_layer("frame_mask").output)
    assert logits(mask, x)[0].tolist() == [True] * 20 + [False] * 4
    earlier = x.copy()
    earlier[0, 3:10] += 1
    assert np.abs(logits(network, earlier) - logits(network, x)).max() > 1e-4


def test_gradients_are_finite_on_padded_batches(name):
    network = small_network(name)
    network.compile(
        keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True
    )
    before = network.get_weights()
    network.train_on_batch(padded(), np.arange(len(LENGTHS)) % CLASSES)
    gradients = [b - a for b, a in zip(before, network.get_weights(), strict=True)]
    assert all(np.isfinite(g).all() for g in gradients)
    assert any(g.any() for g in gradients)


def test_a_saved_network_loads_in_safe_mode_and_predicts_the_same(network, tmp_path):
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(logits(loaded, padded()), logits(network, padded()), atol=1e-6)


def test_n_classes_is_short_for_one_class_head(name, network):
    same = small_network(name, heads={"": Head("class", CLASSES)})
    assert same.output_names == network.output_names
    np.testing.assert_allclose(logits(same, padded()), logits(network, padded()), atol=1e-6)


def test_several_heads_give_an_output_each(name):
    network = build(name, small_inputs(name), heads={"gait": Head("class", 4), "speed": Head("continuous", 1)})
    assert network.output_names == ["gait_logits", "speed_logits"]
    assert [shape[-1] for shape in network.output_shape] == [4, 1]
    assert all(network.get_layer(n).activation is keras.activations.linear for n in network.output_names)


def test_a_single_named_head_keeps_its_name(name):
    assert build(name, small_inputs(name), heads={"gait": Head("class", 2)}).output_names == ["gait_logits"]


@pytest.mark.parametrize("name", available("sequence"))
@pytest.mark.parametrize(
    "inputs", [{"pressure": (16, 8, 1)}, {"age": (3,)}, {"skeleton": (24, 6), "emg": (24, 2)}, {}], ids=str
)
def test_anything_but_one_sequence_is_refused(name, inputs):
    with pytest.raises(gaitlib.GaitDataError, match=f"'{name}' reads one sequence"):
        build(name, inputs, n_classes=3)


@pytest.mark.parametrize("name", available("sequence"))
def test_the_input_takes_the_name_of_the_modality(name):
    assert build(name, {"emg": (10, 2)}, n_classes=2).inputs[0].name == "emg"


# -- shared layers ---------------------------------------------------------------------------------------


def test_the_mask_ends_with_the_last_filled_frame():
    x = np.zeros((3, 5, 2), np.float32)
    x[0, 3, 1] = -2.0  # only one channel, after zeros
    x[1, 0, 0] = 1e-20
    mask = keras.ops.convert_to_numpy(FrameMask()(x))
    assert mask.tolist() == [[True] * 4 + [False], [True] + [False] * 4, [False] * 5]


def test_padding_is_set_back_to_zero():
    mask = np.array([[True, True, False]])
    x = keras.ops.convert_to_numpy(ZeroPadding()(np.full((1, 3, 2), 7, np.float32), mask))
    assert x[0].tolist() == [[7, 7], [7, 7], [0, 0]]


def test_pooling_reads_real_frames_only():
    x = np.array([[[1.0, -4], [3, -2], [100, 100]]], np.float32)
    pooled = MeanAndMaxPooling()(x, np.array([[True, True, False]]))
    assert keras.ops.convert_to_numpy(pooled).tolist() == [[2, -3, 3, -2]]


@pytest.mark.parametrize("layer", [FrameMask, ZeroPadding, MeanAndMaxPooling])
def test_layers_are_registered_for_saving(layer):
    assert keras.saving.get_registered_object(f"gaitlib>{layer.__name__}") is layer
