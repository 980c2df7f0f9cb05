"""Training: what is learnt, what is frozen, when it stops, and that both backends read the same batches."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import gaitlib
from gaitlib import Mirror, Training
from gaitlib.errors import GaitDataError
from gaitlib.training import LabelledSamples, ResourceMonitor, _Batches, batches, predict_network, train_network


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="features")
    h = layers.Dense(8, activation="relu", name="hidden")(x)
    return keras.Model({"features": x}, layers.Dense(2, name="logits")(h))


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 4)).astype(np.float32)
    return LabelledSamples({"features": x}, (x[:, 0] > 0).astype(np.int32), np.ones(70, np.float32))


def test_learns_a_simple_rule(network, samples):
    history = train_network(network, samples, None, Training(epochs=40, learning_rate=0.02, batch_size=16), seed=0)
    assert history["accuracy"].iloc[-1] > 0.95
    assert list(history["epoch"]) == list(range(1, 41))


def test_shuffled_batches_are_of_one_size_and_differ_between_epochs(samples):
    for make in (batches, _Batches):
        data = make(samples, 16, 3)
        epochs = []
        for _ in range(2):
            batch_list = [data[i] for i in range(len(data))] if isinstance(data, _Batches) else list(data)
            x = [np.asarray(inputs["features"]) for inputs, _, _ in batch_list]
            assert [len(b) for b in x] == [16] * 4
            epochs.append(np.concatenate(x))
            if isinstance(data, _Batches):
                data.on_epoch_end()
        assert len(np.unique(epochs[0], axis=0)) == 64
        assert not np.array_equal(epochs[0], epochs[1])


def test_unshuffled_batches_keep_order_and_every_sample(samples):
    for make in (batches, _Batches):
        data = make(samples, 16, None)
        batch_list = [data[i] for i in range(len(data))] if isinstance(data, _Batches) else list(data)
        seen = np.concatenate([np.asarray(inputs["features"]) for inputs, _, _ in batch_list])
        np.testing.assert_array_equal(seen, samples.inputs["features"])


def test_a_stage_trains_only_the_layers_it_names(network, samples):
    before = [w.numpy().copy() for w in network.get_layer("hidden").weights]
    last = network.get_layer("logits").weights[0].numpy().copy()
    train_network(network, samples, None, Training(epochs=2, trainable=["logits"]), seed=0)
    for old, new in zip(before, network.get_layer("hidden").weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert np.abs(network.get_layer("logits").weights[0].numpy() - last).max() > 0
    with pytest.raises(GaitDataError, match="no layer starts with.*hidden"):
        train_network(network, samples, None, Training(epochs=1, trainable=["nothing"]), seed=0)


def test_l2_shrinks_the_kernels(network, samples):
    start = network.get_weights()
    sizes = {}
    for l2 in (0.0, 0.1):
        network.set_weights(start)
        train_network(network, samples, None, Training(epochs=20, l2=l2, learning_rate=0.01), seed=0)
        sizes[l2] = np.linalg.norm(network.get_layer("hidden").kernel.numpy())
    assert sizes[0.1] < 0.7 * sizes[0.0]


def test_early_stopping_keeps_the_best_weights(network, samples):
    watched = LabelledSamples(samples.inputs, 1 - samples.target, samples.weight)  # learning makes these worse
    history = train_network(network, samples, watched, Training(epochs=50, patience=4, learning_rate=0.02), seed=0)
    best = history["val_loss"].idxmin()
    assert len(history) == best + 1 + 4
    proba = predict_network(network, watched.inputs)
    loss = -np.log(proba[np.arange(70), watched.target]).mean()
    assert loss == pytest.approx(history["val_loss"].min(), rel=1e-4)


def test_plateau_and_cosine_lower_the_rate(network, samples):
    watched = LabelledSamples(samples.inputs, 1 - samples.target, samples.weight)
    plateau = train_network(network, samples, watched, Training(epochs=12, patience=4, learning_rate=0.02), seed=0)
    assert plateau["learning_rate"].min() < 0.02
    train_network(network, samples, None, Training(epochs=5, schedule="cosine", learning_rate=0.02), seed=0)
    assert float(network.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)
    with pytest.raises(GaitDataError, match="none of plateau, cosine, None"):
        train_network(network, samples, None, Training(schedule="linear"), seed=0)


def test_a_loss_that_is_no_number_ends_with_a_remedy(network, samples):
    network.get_layer("logits").kernel.assign(np.full((8, 2), np.nan))
    with pytest.raises(GaitDataError, match="epoch 1: lower the learning rate"):
        train_network(network, samples, None, Training(epochs=3), seed=0)


def test_sample_weights_count(network, samples):
    """Trials of weight 0 are not learnt from."""
    confusing = LabelledSamples(
        {"features": np.concatenate([samples.inputs["features"]] * 2)},
        np.concatenate([samples.target, 1 - samples.target]),
        np.concatenate([np.full(70, 2.0), np.zeros(70)]).astype(np.float32),
    )
    train_network(network, confusing, None, Training(epochs=60, learning_rate=0.02), seed=0)
    predicted = predict_network(network, samples.inputs).argmax(axis=1)
    assert (predicted == samples.target).mean() > 0.9


def test_predictions_do_not_depend_on_the_batch(network, samples):
    whole = predict_network(network, samples.inputs)
    single = np.concatenate(
        [predict_network(network, {"features": samples.inputs["features"][[i]]}) for i in range(70)]
    )
    np.testing.assert_allclose(whole, single, atol=1e-6)
    np.testing.assert_allclose(whole.sum(axis=1), 1)


def test_mirroring_twice_gives_the_walk_back(tiny_trials):
    mirrored = Mirror()(tiny_trials)
    again = Mirror()(mirrored)
    values = tiny_trials.modality("skeleton").values
    channels = tiny_trials.modality("skeleton").channels
    for a, b, c in zip(values, mirrored.modality("skeleton").values, again.modality("skeleton").values, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b[:, channels.index("left_knee_x")], -a[:, channels.index("right_knee_x")])
        np.testing.assert_array_equal(b[:, channels.index("left_knee_z")], a[:, channels.index("right_knee_z")])


def test_resources_are_measured():
    with ResourceMonitor() as monitor:
        block = np.ones(30_000_000)  # 240 MB
        block.sum()
    assert monitor.used["seconds"] > 0
    assert monitor.used["peak_memory_mb"] > 240
    assert monitor.used["cpu_percent"] > 0


def test_the_mirror_turns_the_footprints_too():
    trials = gaitlib.synthetic_trials(1, 1)
    mirrored = Mirror()(trials)
    before, after = (x.modality("pressure").values[0] for x in (trials, mirrored))
    np.testing.assert_array_equal(after, before[:, ::-1])
    assert Mirror()(mirrored).modality("pressure").values[0].tolist() == before.tolist()


def test_importing_gaitlib_loads_no_backend():
    use = "import sys, gaitlib; gaitlib.TrialSet; gaitlib.load_trials; gaitlib.synthetic_trials; gaitlib.plots"
    code = f"{use}; print([m for m in ('tensorflow', 'keras', 'jax') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


JAX_RUN = """
import sys
sys.modules["tensorflow"] = None  # importing it raises ImportError
import keras, gaitlib
trials = gaitlib.synthetic_trials(n_subjects=3, n_walks=2, seed=0)
model = gaitlib.GaitClassifier("compact_gru", training=gaitlib.Training(epochs=2), seed=1).fit(trials)
assert keras.backend.backend() == "jax"
print(len(model.history_), model.predict_proba(trials).shape)
"""


def test_trains_on_jax_where_tensorflow_cannot_be_imported():
    pytest.importorskip("jax", reason="the test extra brings JAX")
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    out = subprocess.run([sys.executable, "-c", JAX_RUN], capture_output=True, text=True, env=env)
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == "2 (36, 6)"


def test_unknown_names_of_the_package_list_the_known_ones():
    with pytest.raises(AttributeError, match="gaitlib has no 'benchmrk'; it has"):
        gaitlib.benchmrk  # noqa: B018
