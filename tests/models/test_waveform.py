"""The networks of the gait-signature study: their layouts, their start, and what they learn."""

import keras
import numpy as np
import pytest

import gaitlib
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder, available, build

NAMES = available(prepared="whole", network=True)
# The size of the flattened layer, as published, at 101 points and 6, 33, 18 and 10 channels.
FLATTENED = {
    "linear": {6: 606, 33: 3333, 18: 1818, 10: 1010},
    "mlp": {6: 606, 33: 3333, 18: 1818, 10: 1010},
    "cnn_a": {6: 3072, 33: 4416, 18: 5376, 10: 2944},
    "cnn_a3": {6: 3104, 33: 3104, 18: 3104, 10: 3104},
    "cnn_a6": {6: 2912, 33: 2912, 18: 2912, 10: 2912},
    "cnn_c3": {6: 3072, 33: 41040, 18: 18240, 10: 12160},
    "cnn_c6": {6: 3072, 33: 24768, 18: 4128, 10: 2944},
    "cnn_c3_3": {33: 6720, 18: 1920},
    "cnn1d_c8": {6: 2304},
}
# Kernels and filters (time, channel, in, out), as published; several networks share a flattened size.
KERNELS = {
    ("cnn_a", 6): [(6, 6, 1, 32)],
    ("cnn_a", 33): [(33, 33, 1, 64)],
    ("cnn_a3", 6): [(3, 6, 1, 32), (3, 1, 32, 32)],
    ("cnn_a3", 18): [(3, 18, 1, 64), (3, 1, 64, 32)],
    ("cnn_a6", 10): [(6, 10, 1, 32), (6, 1, 32, 32)],
    ("cnn_c3", 6): [(3, 3, 1, 32), (3, 3, 32, 32), (2, 2, 32, 32)],
    ("cnn_c3", 33): [(3, 3, 1, 32), (3, 3, 32, 32), (3, 3, 32, 16)],
    ("cnn_c6", 6): [(6, 6, 1, 32)],
    ("cnn_c6", 10): [(6, 6, 1, 32), (3, 3, 32, 32), (3, 3, 32, 32)],
    ("cnn_c6", 18): [(6, 6, 1, 32), (6, 6, 32, 32), (6, 6, 32, 16)],
    ("cnn_c3_3", 33): [(3, 3, 1, 64), (3, 3, 64, 64), (3, 3, 64, 32)],
    ("cnn1d_c8", 6): [(8, 1, 1, 24), (8, 1, 24, 32), (6, 1, 32, 48)],
}


def waves(n=40, frames=30, channels=6, seed=0):
    """Trials of one length on a common curve; the second class is higher in the middle, in one channel."""
    rng = np.random.default_rng(seed)
    second = np.arange(n) % 2 == 1
    values = np.sin(np.linspace(0, np.pi, frames))[None, :, None] + rng.normal(0, 0.2, (n, frames, channels))
    values[second, 10:15, 2] += 0.8
    return gaitlib.TrialSet.from_arrays(
        {"grf": list(values)},
        subject=[f"s{i // 4}" for i in range(n)],
        label=np.where(second, "high", "low").tolist(),
    )


def logits(network, x):
    return keras.ops.convert_to_numpy(network(x, training=False))


# -- layouts ---------------------------------------------------------------------------------------------


def test_every_network_is_checked_against_its_published_size():
    assert sorted(FLATTENED) == NAMES


@pytest.mark.parametrize(
    ("name", "channels", "size"), [(n, c, size) for n, sizes in FLATTENED.items() for c, size in sizes.items()]
)
def test_the_flattened_layer_has_its_published_size(name, channels, size):
    network = build(name, {"grf": (101, channels)}, n_classes=4)
    assert network.get_layer("flatten").output.shape == (None, size)


@pytest.mark.parametrize(("name", "channels"), KERNELS)
def test_the_convolutions_are_the_published_ones(name, channels):
    network = build(name, {"grf": (101, channels)}, n_classes=4)
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [tuple(layer.kernel.shape) for layer in convolutions] == KERNELS[name, channels]
    assert all(layer.activation is keras.activations.relu and layer.padding == "valid" for layer in convolutions)


@pytest.mark.parametrize(("n_layers", "units"), [(2, 64), (3, 64), (3, 768)])
def test_an_mlp_counts_all_its_layers(n_layers, units):
    network = build("mlp", {"grf": (101, 6)}, n_classes=57, n_layers=n_layers, units=units)
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [units] * (n_layers - 1) + [57]
    assert [layer.activation.__name__ for layer in dense] == ["relu"] * (n_layers - 1) + ["linear"]


def test_six_channels_make_cnn_c6_the_same_as_cnn_a():
    a, c6 = (build(name, {"grf": (101, 6)}, n_classes=4) for name in ("cnn_a", "cnn_c6"))
    c6.set_weights(a.get_weights())
    x = np.random.default_rng(0).normal(size=(3, 101, 6)).astype(np.float32)
    np.testing.assert_array_equal(logits(c6, x), logits(a, x))


def test_cnn1d_c8_reads_channel_after_channel():
    """The first convolution of the signal as the source flattens it, written out."""
    network = build("cnn1d_c8", {"grf": (101, 6)}, n_classes=2)
    first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
    x = np.random.default_rng(0).normal(size=(1, 101, 6)).astype(np.float32)
    strung = x[0].T.ravel()  # 606 values: the first channel, then the second, ...
    windows = np.stack([strung[i : i + 8] for i in range(0, 606 - 7, 2)])
    expected = np.maximum(windows @ keras.ops.convert_to_numpy(first.kernel)[:, 0, 0], 0)
    out = logits(keras.Model(network.inputs, first.output), x)[0, :, 0]
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_cnn_c3_3_appends_one_point_of_zero():
    network = build("cnn_c3_3", {"grf": (101, 18)}, n_classes=2)
    appended = next(layer for layer in network.layers if isinstance(layer, keras.layers.ZeroPadding2D))
    x = np.ones((1, 101, 18), np.float32)
    out = logits(keras.Model(network.inputs, appended.output), x)[0, :, :, 0]
    assert out.shape == (102, 18)
    assert out[:101].all()
    assert not out[101].any()


# -- weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_without_biases_there_is_none_and_nothing_gives_nothing(name):
    network = build(name, {"grf": (101, 18)}, n_classes=3, use_bias=False)
    assert [w.name for w in network.weights if w.name != "kernel"] == []
    assert not logits(network, np.zeros((1, 101, 18), np.float32)).any()
    assert any(w.name == "bias" for w in build(name, {"grf": (101, 18)}, n_classes=3).weights)


@pytest.mark.parametrize("name", NAMES)
def test_weights_start_normal_with_one_over_the_inputs_and_biases_at_zero(name):
    keras.utils.set_random_seed(0)
    for w in build(name, {"grf": (101, 18)}, n_classes=20).weights:
        values = keras.ops.convert_to_numpy(w)
        if w.name == "bias":
            assert not values.any()
            continue
        scaled = values * np.sqrt(np.prod(values.shape[:-1]))
        assert np.std(scaled) == pytest.approx(1, abs=6 / np.sqrt(2 * values.size))
        if values.size > 2000:
            assert np.abs(scaled).max() > 2.5  # not truncated


def test_equal_layers_start_with_different_weights():
    network = build("mlp", {"grf": (8, 2)}, n_classes=16, units=16)
    kernels = [keras.ops.convert_to_numpy(w) for w in network.weights if w.name == "kernel"]
    assert all(k.shape == (16, 16) for k in kernels)
    assert not any(np.array_equal(a, b) for a, b in zip(kernels, kernels[1:], strict=False))


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inputs", [{"image": (8, 8, 1)}, {"grf": (30, 6), "emg": (30, 2)}], ids=str)
def test_anything_but_one_sequence_is_refused(name, inputs):
    with pytest.raises(GaitDataError, match=f"'{name}' reads one sequence"):
        build(name, inputs, n_classes=3)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("linear", "mlp")])
def test_a_waveform_that_is_too_short_is_refused(name):
    with pytest.raises(GaitDataError, match=r"points and only \d+ are left; .*TimeNormalise"):
        build(name, {"grf": (1, 6)}, n_classes=3)


def test_a_single_channel_has_no_channels_to_look_across():
    with pytest.raises(GaitDataError, match="'cnn_c3' looks across channels .* take 'mlp'"):
        build("cnn_c3", {"grf": (101, 1)}, n_classes=3)
    assert build("cnn1d_c8", {"grf": (101, 1)}, n_classes=3).output_shape == (None, 3)


# -- learning --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", Builder("mlp", units=16), "cnn_a", "cnn_c3", "cnn1d_c8"], ids=str)
def test_they_find_what_is_planted_in_people_never_seen(model, tmp_path):
    trials = waves()
    training = gaitlib.Training(40, batch_size=8, learning_rate=5e-3, schedule="cosine")
    fitted = gaitlib.GaitClassifier(model, training=training, validation=None).fit(trials[:32])
    assert fitted.score(trials[32:]) >= 7 / 8
    fitted.save(tmp_path)
    np.testing.assert_allclose(
        gaitlib.GaitClassifier.load(tmp_path).predict_proba(trials), fitted.predict_proba(trials), atol=1e-6
    )


def test_all_of_them_are_benchmarked_by_name(tmp_path):
    trials, names = waves(16), ["linear", "waveform_svm"]
    protocols = [gaitlib.SubjectKFold(2, validation=False)]
    models = {n: gaitlib.GaitClassifier(n, training=gaitlib.Training(epochs=1)) for n in names}
    runs = gaitlib.benchmark(models, trials, protocols=protocols, store=tmp_path, progress=False)
    assert set(runs.predictions()["model"]) == set(names)
    assert runs.predictions()["trial"].nunique() == 16
