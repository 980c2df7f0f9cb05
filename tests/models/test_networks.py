"""What every registered network must keep: linear logits, named inputs, and a mask that padding cannot move."""

import keras
import numpy as np
import pytest

import gaitlib
from gaitlib.models import Head, available, build, info
from gaitlib.models.attentive import AttentionPooling
from gaitlib.models.layers import FrameMask, HalfMask, MeanAndMaxPooling, MeanPooling, ZeroPadding

NETWORKS = available(network=True, classifies=True)
SEQUENCE = {"network": True, "classifies": True, "reads": ("sequence",), "prepared": "windows"}
FUSION = SEQUENCE | {"reads": ("sequence", "image")}
# One step long, so never padded; an image is never padded either, nor is a waveform, whose trials have one length.
WAVEFORMS = (
    "cnn1d_c8", "cnn_a", "cnn_a3", "cnn_a6", "cnn_c3", "cnn_c3_3", "cnn_c6", "linear", "mlp",
)  # fmt: skip
NOT_PADDED = ("encoded_gru", "gru_cnn_fusion_encoded", "pressure_cnn", *WAVEFORMS)
PADDED = [name for name in NETWORKS if name not in NOT_PADDED]
ONE_SEQUENCE = [n for how in ("windows", "joints", "pose") for n in available(**SEQUENCE | {"prepared": how})]
FRAMES, CHANNELS, CLASSES = 12, 6, 3
JOINT_CHANNELS = {"joints": 45, "pose": 51}
WAVE = 24  # frames of a waveform
LENGTHS = (12, 8, 5, 1)
IMAGE = (20, 8)


def small_inputs(name, frames=FRAMES):
    length = {"code": 1, "whole": WAVE}.get(info(name).prepared, frames)
    return info(name).inputs((length, JOINT_CHANNELS.get(info(name).prepared, CHANNELS)), IMAGE)


def small_network(name, frames=FRAMES, **outputs):
    """A small network whose biases are not zero, as after training; the same at every call."""
    keras.utils.set_random_seed(0)
    network = build(name, small_inputs(name, frames), **(outputs or {"n_classes": CLASSES}), **info(name).tiny)
    rng = np.random.default_rng(0)
    network.set_weights([w + rng.normal(0, 0.1, w.shape) for w in network.get_weights()])
    return network


def logits(network, x):
    x = x[0] if isinstance(x, list) and len(x) == 1 else x
    return keras.ops.convert_to_numpy(network(x, training=False))


def is_linear(layer):
    """A late fusion ends in the mean of its branches, each of which must be linear."""
    if isinstance(layer, keras.layers.Average):
        return all(is_linear(branch._keras_history.operation) for branch in layer.input)
    return layer.activation is keras.activations.linear


def padded(name, lengths=LENGTHS, frames=FRAMES):
    """Inputs in their order, sequences padded with zeros."""
    rng = np.random.default_rng(1)
    shapes = small_inputs(name, frames).values()
    inputs = [rng.normal(size=(len(lengths), *shape)).astype(np.float32) for shape in shapes]
    for row, n in zip(inputs[0] if name in PADDED else [], lengths, strict=False):
        row[n:] = 0
    return inputs


@pytest.fixture(scope="module", params=NETWORKS)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=PADDED)
def padded_name(request):
    return request.param


@pytest.fixture(scope="module")
def network(name):
    return small_network(name)


def test_networks_are_uncompiled_with_named_inputs(name, network):
    assert not network.compiled
    assert [x.name for x in network.inputs] == list(small_inputs(name))


def test_outputs_are_linear_logits(name, network):
    assert network.output_names == ["logits"]
    assert network.output_shape == (None, CLASSES)
    assert is_linear(network.get_layer("logits"))
    sums = logits(network, padded(name)).sum(axis=1)
    assert not np.allclose(sums, 1)


def test_predictions_tell_trials_apart(name, network):
    assert np.ptp(logits(network, padded(name)), axis=0).max() > 1e-2


def test_only_codes_images_and_waveforms_are_exempt_from_padding():
    exempt = [n for n in NETWORKS if info(n).prepared in ("code", "whole") or info(n).reads == ("image",)]
    assert sorted(NOT_PADDED) == exempt


def test_prediction_does_not_change_when_padding_is_added(padded_name):
    x, network = padded(padded_name), small_network(padded_name)
    together = logits(network, x)
    for i, n in enumerate(LENGTHS):
        alone = build(padded_name, small_inputs(padded_name, n), n_classes=CLASSES, **info(padded_name).tiny)
        alone.set_weights(network.get_weights())
        short = [x[0][i : i + 1, :n], *(image[i : i + 1] for image in x[1:])]
        np.testing.assert_allclose(logits(alone, short)[0], together[i], atol=1e-5)


def test_padding_does_not_move_the_batch_statistics(padded_name):
    x, twice = padded(padded_name), padded(padded_name)
    twice[0] = np.concatenate([twice[0], np.zeros_like(twice[0])], axis=1)
    networks = [small_network(padded_name, frames) for frames in (FRAMES, 2 * FRAMES)]
    for network, given in zip(networks, (x, twice), strict=True):
        network(given, training=True)
    for a, b in zip(*(n.non_trainable_variables for n in networks), strict=True):
        if a.name.startswith("moving"):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_frame_of_zeros_in_the_middle_counts_as_real(padded_name):
    network, x = small_network(padded_name), padded(padded_name, (10,))
    x[0][0, 6] = 0
    mask = keras.Model(network.inputs[0], network.get_layer("frame_mask").output)
    assert logits(mask, x[0])[0].tolist() == [True] * 10 + [False] * 2
    earlier = [x[0].copy(), *x[1:]]
    earlier[0][0, 2:6] += 1
    assert np.abs(logits(network, earlier) - logits(network, x)).max() > 1e-4


def test_gradients_are_finite_on_padded_batches(name):
    network = small_network(name)
    network.compile(
        keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True
    )
    before = network.get_weights()
    network.train_on_batch(padded(name), np.arange(len(LENGTHS)) % CLASSES)
    gradients = [b - a for b, a in zip(before, network.get_weights(), strict=True)]
    assert all(np.isfinite(g).all() for g in gradients)
    assert any(g.any() for g in gradients)


def test_a_saved_network_loads_in_safe_mode_and_predicts_the_same(name, network, tmp_path):
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(logits(loaded, padded(name)), logits(network, padded(name)), atol=1e-6)


def test_n_classes_is_short_for_one_class_head(name, network):
    same = small_network(name, heads={"label": Head("class", CLASSES)})
    assert same.output_names == network.output_names
    np.testing.assert_allclose(logits(same, padded(name)), logits(network, padded(name)), atol=1e-6)


def test_several_heads_give_an_output_each(name):
    network = build(name, small_inputs(name), heads={"gait": Head("class", 4), "speed": Head("continuous", 1)})
    assert network.output_names == ["gait_logits", "speed_logits"]
    assert [shape[-1] for shape in network.output_shape] == [4, 1]
    assert all(is_linear(network.get_layer(n)) for n in network.output_names)


def test_the_only_head_ends_in_plain_logits_whatever_its_name(name):
    assert build(name, small_inputs(name), heads={"gait": Head("class", 2)}).output_names == ["logits"]


@pytest.mark.parametrize("name", available(**FUSION))
def test_every_encoder_of_a_fusion_ends_in_a_layer_of_its_name(name):
    network = small_network(name)
    for modality in small_inputs(name):
        encoder = keras.Model(network.inputs, network.get_layer(f"{modality}_features").output)
        x, moved = padded(name), padded(name)
        other = 1 - [x.name for x in network.inputs].index(modality)
        moved[other] = moved[other] + 1
        np.testing.assert_array_equal(logits(encoder, x), logits(encoder, moved))  # reads its own modality only


@pytest.mark.parametrize("name", available(**FUSION))
def test_both_inputs_of_a_fusion_move_the_prediction(name):
    network, x = small_network(name), padded(name)
    for i in range(2):
        moved = [part + (k == i) for k, part in enumerate(x)]
        assert np.abs(logits(network, moved) - logits(network, x)).max() > 1e-4


def test_the_scores_of_a_late_fusion_are_averaged():
    network, x = small_network("score_fusion"), padded("score_fusion")
    branches = [keras.Model(network.inputs, part) for part in network.get_layer("logits").input]
    np.testing.assert_allclose(sum(logits(b, x) for b in branches) / 2, logits(network, x), atol=1e-6)


@pytest.mark.parametrize("frames", [16, 40, 150])
def test_the_autoencoder_gives_back_the_shape_it_reads(frames):
    network = build("autoencoder", {"skeleton": (frames, CHANNELS)}, n_classes=1, code=8)
    assert network.output_shape == (None, frames, CHANNELS)
    assert network.get_layer("code").output.shape == (None, 8)


def test_the_autoencoder_refuses_what_it_cannot_halve_four_times():
    with pytest.raises(gaitlib.GaitDataError, match="at least 16, got 15"):
        build("autoencoder", {"skeleton": (15, CHANNELS)}, n_classes=1)


@pytest.mark.parametrize("name", available(**FUSION))
@pytest.mark.parametrize("inputs", [{"skeleton": (24, 6)}, {"skeleton": (24, 6), "age": (3,)}], ids=str)
def test_anything_but_a_sequence_and_an_image_is_refused(name, inputs):
    with pytest.raises(gaitlib.GaitDataError, match=f"'{name}' reads a sequence"):
        build(name, inputs, n_classes=3)


@pytest.mark.parametrize("name", ONE_SEQUENCE)
@pytest.mark.parametrize(
    "inputs", [{"pressure": (16, 8, 1)}, {"age": (3,)}, {"skeleton": (24, 6), "emg": (24, 2)}, {}], ids=str
)
def test_anything_but_one_sequence_is_refused(name, inputs):
    with pytest.raises(gaitlib.GaitDataError, match=f"'{name}' reads one sequence"):
        build(name, inputs, n_classes=3)


@pytest.mark.parametrize("name", available(**SEQUENCE))
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


def test_mean_pooling_reads_real_frames_only():
    x = np.array([[[1.0, -4], [3, -2], [100, 100]]], np.float32)
    pooled = MeanPooling()(x, np.array([[True, True, False]]))
    assert keras.ops.convert_to_numpy(pooled).tolist() == [[2, -3]]


def test_attention_pooling_weighs_real_frames_by_their_scores():
    x = np.array([[[1.0], [3], [100]]], np.float32)
    score = np.log(np.array([[[1.0], [3], [50]]], np.float32))
    pooled = AttentionPooling()(x, score, np.array([[True, True, False]]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(pooled), [[0.25 * 1 + 0.75 * 3]], rtol=1e-6)


@pytest.mark.parametrize("frames", [4, 5])
def test_half_a_mask_keeps_a_pair_whose_first_frame_is_real(frames):
    mask = np.arange(frames) < np.arange(frames + 1)[:, None]
    half = keras.ops.convert_to_numpy(HalfMask()(mask))
    assert half.sum(axis=1).tolist() == [-(-n // 2) for n in range(frames + 1)]


@pytest.mark.parametrize("layer", [FrameMask, ZeroPadding, MeanAndMaxPooling, MeanPooling, HalfMask, AttentionPooling])
def test_layers_are_registered_for_saving(layer):
    assert keras.saving.get_registered_object(f"gaitlib>{layer.__name__}") is layer
