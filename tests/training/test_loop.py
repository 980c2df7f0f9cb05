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
from gaitlib.training import (
    LabelledSamples,
    ModalityDropout,
    ResourceMonitor,
    Turn,
    batches,
    predict_network,
    train_network,
)
from gaitlib.training.batching import _Batches


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
        train_network(network, samples, None, Training(epochs=20, l2=l2, learning_rate=0.01, schedule=None), seed=0)
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


def test_without_a_patience_all_epochs_are_run(network, samples):
    watched = LabelledSamples(samples.inputs, 1 - samples.target, samples.weight)
    history = train_network(network, samples, watched, Training(epochs=12, learning_rate=0.02), seed=0)
    assert len(history) == 12 and history["val_loss"].iloc[-1] > history["val_loss"].min()


def test_plateau_and_cosine_lower_the_rate(network, samples):
    watched = LabelledSamples(samples.inputs, 1 - samples.target, samples.weight)
    settings = Training(epochs=12, schedule="plateau", patience=4, learning_rate=0.02)
    plateau = train_network(network, samples, watched, settings, seed=0)
    assert plateau["learning_rate"].min() < 0.02
    train_network(network, samples, None, Training(epochs=5, schedule="cosine", learning_rate=0.02), seed=0)
    assert float(network.optimizer.learning_rate) == pytest.approx(0, abs=1e-6)
    with pytest.raises(GaitDataError, match="none of plateau, cosine, None"):
        train_network(network, samples, None, Training(schedule="linear"), seed=0)
    with pytest.raises(GaitDataError, match="'plateau' waits for half the patience: give patience=10"):
        train_network(network, samples, None, Training(schedule="plateau"), seed=0)


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


def test_a_turned_walker_keeps_heights_and_lengths_and_turns_each_walk_by_its_own_angle(tiny_trials):
    turned = Turn(20, seed=1)(tiny_trials)
    angles = []
    for before, after in zip(*(t.modality("skeleton").values for t in (tiny_trials, turned)), strict=True):
        before, after = (v.reshape(len(v), -1, 3) for v in (before, after))
        np.testing.assert_array_equal(after[..., 2], before[..., 2])
        np.testing.assert_allclose(np.hypot(*after[..., :2].T), np.hypot(*before[..., :2].T), rtol=1e-5)
        angle = np.degrees(np.angle(complex(*after[0, 5, :2]) / complex(*before[0, 5, :2])))
        angles.append(angle)
    assert np.abs(angles).max() <= 20 + 1e-3 and len(set(np.round(angles, 3))) == len(angles)


# -- gradient descent and the loss -----------------------------------------------------------------------


def one_step(network, samples, **settings):
    """What one batch of all samples changes: weights before and after, in the order of ``get_weights``."""
    before = network.get_weights()
    plain = Training(1, batch_size=len(samples), schedule=None, clip_norm=None, learning_rate=0.1, **settings)
    history = train_network(network, samples, None, plain, seed=0)
    return before, network.get_weights(), history


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_plain_gradient_descent_takes_the_step_written_out(loss, samples):
    x = keras.Input((4,), name="features")
    network = keras.Model({"features": x}, layers.Dense(3, name="logits")(x))
    weight = np.linspace(0.5, 1.5, 70).astype(np.float32)
    weighted = LabelledSamples(samples.inputs, samples.target, weight)
    (kernel, bias), after, history = one_step(network, weighted, optimizer="sgd", loss=loss)
    f, one_hot = samples.inputs["features"], np.eye(3)[samples.target]
    out = f @ kernel + bias
    if loss == "squared_error":
        error = out - one_hot
        value = (error**2).sum(axis=1) / 2
    else:
        p = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
        error = p - one_hot
        value = -np.log((p * one_hot).sum(axis=1))
    error = error * weight[:, None] / 70
    np.testing.assert_allclose(after[0], kernel - 0.1 * f.T @ error, atol=1e-6)
    np.testing.assert_allclose(after[1], bias - 0.1 * error.sum(axis=0), atol=1e-6)
    assert history["loss"].iloc[0] == pytest.approx((value * weight).mean(), rel=1e-4)


def test_a_gradient_is_clipped_under_gradient_descent_too(network, samples):
    before = network.get_weights()
    settings = Training(1, batch_size=70, schedule=None, clip_norm=1e-3, learning_rate=1.0, optimizer="sgd")
    train_network(network, samples, None, settings, seed=0)
    steps = [np.linalg.norm(a - b) for a, b in zip(before, network.get_weights(), strict=True)]
    np.testing.assert_allclose(steps, 1e-3, rtol=1e-2)


def test_the_squared_error_tells_the_classes_and_can_be_watched(network, samples):
    settings = Training(60, batch_size=16, learning_rate=0.05, optimizer="sgd", loss="squared_error", patience=60)
    history = train_network(network, samples, samples, settings, seed=0)
    assert (predict_network(network, samples.inputs).argmax(axis=1) == samples.target).mean() > 0.9
    outputs = keras.ops.convert_to_numpy(network(samples.inputs))
    distance = ((outputs - np.eye(2)[samples.target]) ** 2).sum(axis=1).mean() / 2
    assert distance == pytest.approx(history["val_loss"].min(), rel=1e-4)


def test_a_network_trained_on_the_squared_error_saves_and_loads(tiny_trials, tmp_path):
    training = Training(1, optimizer="sgd", loss="squared_error")
    light = gaitlib.models.Builder("light", units=4)
    fitted = gaitlib.GaitClassifier(light, training=training, validation=None).fit(tiny_trials[:12])
    loaded = gaitlib.GaitClassifier.load(fitted.save(tmp_path))
    np.testing.assert_allclose(loaded.predict_proba(tiny_trials), fitted.predict_proba(tiny_trials), atol=1e-6)


@pytest.mark.parametrize(("what", "known"), [("optimizer", "adam, sgd"), ("loss", "cross_entropy, squared_error")])
def test_an_unknown_optimizer_or_loss_lists_the_known(what, known, network, samples):
    with pytest.raises(GaitDataError, match=f"{what} 'best' is none of {known}"):
        train_network(network, samples, None, Training(epochs=1, **{what: "best"}), seed=0)


# -- modality dropout ----------------------------------------------------------------------------------------

STAND_IN = {"emg": np.array([[1e-6] * 2, [0] * 2, [0] * 2], np.float32), "image": np.zeros((4, 3), np.float32)}
STAND_IN["age"] = np.zeros(1, np.float32)


def drop(rate, inputs, seed=0):
    layer = ModalityDropout(rate, STAND_IN, seed)
    after = layer({name: keras.ops.convert_to_tensor(x) for name, x in inputs.items()}, training=True)
    return {name: keras.ops.convert_to_numpy(x) for name, x in after.items()}


def random_inputs(n, names=tuple(STAND_IN)):
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=(n, *STAND_IN[name].shape)).astype(np.float32) for name in names}


def lost(before, after):
    """Which samples (rows) lost which modality (columns); each must be whole or the stand-in."""
    flags = []
    for name, x in before.items():
        axes = tuple(range(1, x.ndim))
        kept, gone = (after[name] == x).all(axis=axes), (after[name] == STAND_IN[name]).all(axis=axes)
        assert (kept | gone).all()
        flags.append(gone & ~kept)
    return np.stack(flags, axis=1)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_of_two_modalities_each_is_lost_as_often_as_said_and_never_both(rate):
    before = random_inputs(20_000, ("emg", "image"))
    gone = lost(before, drop(rate, before))
    np.testing.assert_allclose(gone.mean(axis=0), rate - rate**2 / 2, atol=0.015)
    assert not gone.all(axis=1).any()


def test_at_rate_1_one_modality_drawn_evenly_is_left():
    before = random_inputs(9000)
    gone = lost(before, drop(1.0, before))
    assert (gone.sum(axis=1) == 2).all()
    np.testing.assert_allclose(gone.mean(axis=0), 2 / 3, atol=0.02)


def test_a_sample_that_lacks_a_modality_keeps_the_other():
    before = random_inputs(600, ("emg", "image"))
    before["emg"][:200], before["image"][200:400] = STAND_IN["emg"], STAND_IN["image"]
    after = drop(0.9, before)
    np.testing.assert_array_equal(after["image"][:200], before["image"][:200])
    np.testing.assert_array_equal(after["emg"][200:400], before["emg"][200:400])
    assert lost(before, after)[400:].any(axis=1).mean() > 0.8


def test_modalities_are_lost_by_the_seed_and_in_training_only():
    before = random_inputs(50)
    first, again, other = (lost(before, drop(0.5, before, seed)) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    layer = ModalityDropout(0.5, STAND_IN, 3)
    tensors = {name: keras.ops.convert_to_tensor(x) for name, x in before.items()}
    draws = [lost(before, {n: np.asarray(x) for n, x in layer(tensors, training=True).items()}) for _ in range(2)]
    assert (draws[0] == first).all()
    assert (draws[1] != draws[0]).any()  # anew in every batch
    for untouched in (layer(tensors), layer(tensors, training=False)):
        assert all(np.array_equal(untouched[name], x) for name, x in before.items())


def two_inputs(seed=0):
    keras.utils.set_random_seed(seed)
    x = {name: keras.Input(STAND_IN[name].shape, name=name) for name in ("emg", "image")}
    pooled = layers.Concatenate()([layers.GlobalAveragePooling1D()(t) for t in x.values()])
    return keras.Model(x, layers.Dense(2, name="logits")(layers.Dense(8, activation="relu", name="hidden")(pooled)))


@pytest.fixture
def pairs():
    """The class is in either modality."""
    inputs, target = random_inputs(80, ("emg", "image")), np.arange(80) % 2
    for x in inputs.values():
        x += (2 * target - 1)[:, None, None]
    return LabelledSamples(inputs, target.astype(np.int32), np.ones(80, np.float32))


def test_the_network_itself_is_trained_behind_the_dropout(pairs):
    """Its weights are those that early stopping chose, and it takes whole and halved samples alone."""
    network = two_inputs()
    names, before = [layer.name for layer in network.layers], network.get_weights()
    settings = Training(epochs=30, learning_rate=0.02, batch_size=16, modality_dropout=0.5, patience=5)
    watched = LabelledSamples(pairs.inputs, 1 - pairs.target, pairs.weight)  # learning makes these worse
    history = train_network(network, pairs, watched, settings, seed=0, stand_in=STAND_IN)
    assert [layer.name for layer in network.layers] == names
    assert all((a != b).any() for a, b in zip(before[::2], network.get_weights()[::2], strict=True))
    proba = predict_network(network, watched.inputs)  # whole: watched samples lose nothing
    assert -np.log(proba[np.arange(80), watched.target]).mean() == pytest.approx(history["val_loss"].min(), rel=1e-4)


def test_trained_with_dropout_either_modality_is_enough(pairs):
    network = two_inputs()
    settings = Training(epochs=40, learning_rate=0.02, batch_size=16, modality_dropout=0.5)
    train_network(network, pairs, None, settings, seed=0, stand_in=STAND_IN)
    for lost_one in ("emg", "image"):
        given = pairs.inputs | {lost_one: np.repeat(STAND_IN[lost_one][None], 80, axis=0)}
        assert (predict_network(network, given).argmax(axis=1) == pairs.target).mean() > 0.9


def test_penalties_and_frozen_layers_hold_behind_the_dropout(pairs):
    sizes = {}
    for l2 in (0.0, 0.1):
        network = two_inputs()
        hidden = network.get_layer("hidden").get_weights()
        settings = Training(epochs=15, l2=l2, learning_rate=0.02, modality_dropout=0.5, trainable=["logits"])
        train_network(network, pairs, None, settings, seed=0, stand_in=STAND_IN)
        assert all(np.array_equal(a, b) for a, b in zip(hidden, network.get_layer("hidden").get_weights(), strict=True))
        sizes[l2] = np.linalg.norm(network.get_layer("logits").kernel)
    assert sizes[0.1] < 0.7 * sizes[0.0]


def test_a_network_of_one_modality_has_none_to_lose(network, samples):
    before = network.get_weights()
    results = []
    for rate in (0.0, 0.5):
        network.set_weights(before)
        train_network(network, samples, None, Training(epochs=2, modality_dropout=rate), seed=0)
        results.append(network.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_share_that_is_none_is_refused(pairs, rate):
    with pytest.raises(GaitDataError, match="modality_dropout is a share from 0 to 1"):
        train_network(two_inputs(), pairs, None, Training(modality_dropout=rate), seed=0, stand_in=STAND_IN)


# -- what it costs, and where it runs ------------------------------------------------------------------------


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
fusion = gaitlib.models.Builder("gru_cnn2d_fusion", units=4, dense=4, filters=(2, 2))
model = gaitlib.GaitClassifier(fusion, training=gaitlib.Training(epochs=1, modality_dropout=0.5), seed=1).fit(trials)
print(model.predict_proba(trials).shape, bool(model.history_["loss"].notna().all()))
"""


@pytest.mark.slow
def test_trains_on_jax_where_tensorflow_cannot_be_imported():
    pytest.importorskip("jax", reason="the test extra brings JAX")
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    out = subprocess.run([sys.executable, "-c", JAX_RUN], capture_output=True, text=True, env=env)
    assert out.returncode == 0, out.stderr
    assert out.stdout.splitlines() == ["2 (36, 6)", "(36, 6) True"]


def test_unknown_names_of_the_package_list_the_known_ones():
    with pytest.raises(AttributeError, match="gaitlib has no 'benchmrk'; it has"):
        gaitlib.benchmrk  # noqa: B018
