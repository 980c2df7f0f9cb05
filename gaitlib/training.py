"""Train a network: settings, batches, callbacks, seeds, and what it cost."""

import logging
import threading
import time
from dataclasses import dataclass, replace
from functools import partial

import keras
import numpy as np
import pandas as pd
import psutil
from keras import ops
from scipy.special import softmax
from sklearn.base import BaseEstimator
from tqdm.auto import tqdm

from gaitlib.conventions import mirror_map
from gaitlib.device import has_gpu, thread_count
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet

PREDICT_BATCH = 256
STEPS_FOR_JIT = 300  # compiling takes about three seconds, which a shorter training does not win back

# A fold builds a network of its own, which TensorFlow must trace once; its warning is for one network traced often.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


class Training(BaseEstimator):
    """Settings of one training stage; a list of them trains stage after stage on the same weights.

    Parameters
    ----------
    epochs : int
        Most epochs.
    batch_size : int
    learning_rate : float
    schedule : {"plateau", "cosine"} or None
        "plateau" halves the rate after half the patience without a better validation loss; "cosine" falls to zero
        over all epochs, batch by batch.
    patience : int
        Epochs without a better validation loss before training stops; the best weights are kept. Without validation
        trials all epochs are run and the last weights are kept.
    l2 : float or None
        Penalty on all kernels. None keeps those that the model brings along.
    clip_norm : float or None
        Largest norm of a weight's gradient.
    class_weight : {"balanced"} or None
        "balanced" lets every class weigh the same.
    augment : sequence of callable
        Each makes changed copies of the training trials (``trials -> trials``), which are learnt beside the
        originals. Steps are fitted on the originals only; validation and test trials are never changed.
    trainable : sequence of str or None
        Names (or beginnings of names) of the layers that this stage trains; None trains all.
    encoder : str or None
        Train only the encoder of this modality, under a passing head of its own, such as "skeleton" before the stage
        that trains the whole (the three steps of Jun et al. 2021). The model ends this encoder in a layer named
        ``<modality>_features``.
    modality_dropout : float
        Share of the training samples that lose each modality, drawn anew in every batch: the network learns to do with
        what is left, and the classifier then takes trials that lack a modality, to learn from and to predict (ModDrop,
        Neverova et al. 2016, https://doi.org/10.1109/TPAMI.2015.2461544). A lost modality becomes its stand-in (see
        :class:`gaitlib.preprocessing.Tensors`). Departs from the source: no sample loses everything, so of two
        modalities each is lost a little less often, with p - p^2 / 2; features are not rescaled. Watched trials stay
        whole.
    optimizer : {"adam", "sgd"}
        "sgd" is plain gradient descent, without momentum.
    loss : {"cross_entropy", "squared_error"}
        "cross_entropy" of the softmax of the outputs. "squared_error" is half the squared distance of the outputs from
        the one-hot target, without softmax; its gradient is output minus target, as in the linear network of Horst et
        al. 2019, https://doi.org/10.1038/s41598-019-38748-8. Classes are then told as well, but the probabilities of
        ``predict_proba``, a softmax all the same, are not calibrated.
    """

    def __init__(
        self,
        epochs=100,
        batch_size=32,
        learning_rate=1e-3,
        schedule="plateau",
        patience=10,
        l2=None,
        clip_norm=1.0,
        class_weight=None,
        augment=(),
        trainable=None,
        encoder=None,
        modality_dropout=0.0,
        optimizer="adam",
        loss="cross_entropy",
    ):
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.patience = patience
        self.l2 = l2
        self.clip_norm = clip_norm
        self.class_weight = class_weight
        self.augment = augment
        self.trainable = trainable
        self.encoder = encoder
        self.modality_dropout = modality_dropout
        self.optimizer = optimizer
        self.loss = loss


class Mirror(BaseEstimator):
    """Augmentation: the walk seen in a mirror. Left and right joints swap, lateral coordinates change sign.

    Images are turned left to right too: one walk, one mirror.

    Parameters
    ----------
    modality : str
        A skeleton of raw positions (and velocities).
    """

    def __init__(self, modality="skeleton"):
        self.modality = modality

    def __call__(self, trials: TrialSet) -> TrialSet:
        m = trials.modality(self.modality)
        order, sign = mirror_map(m.channels)
        for name, other in trials.modalities.items():
            if other.kind == "image":
                trials = trials.with_modality(name, other.map(lambda v: v[:, ::-1]))
        return trials.with_modality(self.modality, m.map(lambda v: v[:, order] * sign))


@dataclass(frozen=True, eq=False)
class LabelledSamples:
    """Inputs, class numbers and weights of the samples that a network learns from or is watched on."""

    inputs: dict[str, np.ndarray]
    target: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def only(self, modality: str) -> "LabelledSamples":
        """The same samples with the input of one modality."""
        return replace(self, inputs={modality: self.inputs[modality]})


def train_network(network, train, validation, settings, seed, jit=False, progress=None, stand_in=None) -> pd.DataFrame:
    """Run one training stage.

    Parameters
    ----------
    network : keras.Model
        With one linear class output; changed in place.
    train, validation : LabelledSamples
        ``validation`` may be None.
    settings : Training
    seed : int
    jit : bool
        Compile with XLA on a CPU, where training is long enough to win the compilation back.
    progress : str or None
        Title of a progress bar with epoch, loss and accuracy; None for none.
    stand_in : dict of str to ndarray, optional
        What stands for a modality that a sample loses (``Tensors.stand_in_``); needed for modality dropout.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: loss, accuracy, their validation values, learning rate.

    Raises
    ------
    GaitDataError
        If the loss is no longer a finite number, or a setting is not known.
    """
    _set_trainable(network, settings.trainable)
    _set_l2(network, settings.l2)
    batch_size = min(settings.batch_size, len(train))
    n_steps = settings.epochs * (len(train) // batch_size)
    rate = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, n_steps)
    elif settings.schedule not in ("plateau", None):
        raise GaitDataError(f"schedule '{settings.schedule}' is none of plateau, cosine, None")
    if not 0 <= settings.modality_dropout <= 1:
        raise GaitDataError(f"modality_dropout is a share from 0 to 1, not {settings.modality_dropout}")
    optimizer, loss = _named(OPTIMIZERS, settings.optimizer, "optimizer"), _named(LOSSES, settings.loss, "loss")
    if settings.modality_dropout and len(network.inputs) > 1:
        network = _with_modality_dropout(network, settings.modality_dropout, stand_in, seed)
    network.compile(
        optimizer=optimizer(rate, clipnorm=settings.clip_norm),
        loss=loss(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=True if jit and n_steps >= STEPS_FOR_JIT and not has_gpu() else "auto",
    )
    monitor = "loss" if validation is None else "val_loss"
    callbacks = [_Watch(settings.epochs, progress, monitor)]
    if settings.schedule == "plateau":
        patience = max(1, settings.patience // 2)
        callbacks.append(keras.callbacks.ReduceLROnPlateau(monitor, factor=0.5, patience=patience, min_lr=1e-6))
    if validation is not None:
        callbacks.append(keras.callbacks.EarlyStopping(monitor, patience=settings.patience, restore_best_weights=True))
        # Equal batches: a smaller last one would compile again and weigh too much in the mean.
        n_batches = -(-len(validation) // 512)
        validation = batches(validation, -(-len(validation) // n_batches))
    history = network.fit(
        batches(train, batch_size, shuffle_seed=seed),
        validation_data=validation,
        epochs=settings.epochs,
        verbose=0,
        callbacks=callbacks,
        shuffle=False,
    )
    return pd.DataFrame(history.history).assign(epoch=lambda h: np.arange(1, len(h) + 1))


def batches(samples: LabelledSamples, batch_size: int, shuffle_seed: int | None = None):
    """Batches for ``fit``: tf.data without autotune under TensorFlow, a PyDataset on other backends.

    Shuffled batches are all of one size; the few samples left over take part in another epoch.
    """
    shuffled = shuffle_seed is not None
    if keras.backend.backend() != "tensorflow":
        return _Batches(samples, batch_size, shuffle_seed)
    import tensorflow as tf

    inputs = {name: tf.constant(x) for name, x in samples.inputs.items()}
    target, weight = tf.constant(samples.target), tf.constant(samples.weight)
    index = tf.data.Dataset.range(len(samples))
    if shuffled:
        index = index.shuffle(len(samples), seed=shuffle_seed, reshuffle_each_iteration=True)

    def gather(i):
        return {name: tf.gather(x, i) for name, x in inputs.items()}, tf.gather(target, i), tf.gather(weight, i)

    options = tf.data.Options()
    options.autotune.enabled = False  # its tear-down stalls for up to a second an epoch
    return index.batch(batch_size, drop_remainder=shuffled).map(gather).with_options(options)


class _Batches(keras.utils.PyDataset):
    def __init__(self, samples, batch_size, shuffle_seed):
        super().__init__()
        self.samples, self.batch_size = samples, batch_size
        self.rng = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        self.order = np.arange(len(samples))
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.rng is not None:
            self.rng.shuffle(self.order)

    def __len__(self):
        n = len(self.samples)
        return n // self.batch_size if self.rng is not None else -(-n // self.batch_size)

    def __getitem__(self, k):
        i = self.order[k * self.batch_size : (k + 1) * self.batch_size]
        s = self.samples
        return {name: x[i] for name, x in s.inputs.items()}, s.target[i], s.weight[i]


def predict_network(network, inputs) -> np.ndarray:
    """Class probabilities of samples, (n_samples, n_classes)."""
    n = len(next(iter(inputs.values())))
    if n == 0:
        return np.empty((0, network.output_shape[-1]))
    # Whole batches only: each new batch shape would be compiled anew.
    batch_size = PREDICT_BATCH if n > 32 else 32
    rows = np.minimum(np.arange(-(-n // batch_size) * batch_size), n - 1)
    logits = [
        keras.ops.convert_to_numpy(network.predict_on_batch({name: x[part] for name, x in inputs.items()}))
        for part in np.split(rows, len(rows) // batch_size)
    ]
    return softmax(np.concatenate(logits)[:n].astype(np.float64), axis=1)


class SquaredError(keras.losses.Loss):
    """Half the squared distance of the outputs from the one-hot target, summed over the classes."""

    def call(self, y_true, y_pred):
        target = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1])
        return ops.sum(ops.square(y_pred - target), axis=-1) / 2


OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
LOSSES = {
    "cross_entropy": partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
    "squared_error": SquaredError,
}


def _named(known, name, what):
    if name not in known:
        raise GaitDataError(f"{what} '{name}' is none of {', '.join(known)}")
    return known[name]


class _Watch(keras.callbacks.Callback):
    """Progress bar, and a clear end where the loss is no number."""

    def __init__(self, epochs, title, monitor):
        super().__init__()
        self.bar = None if title is None else tqdm(total=epochs, desc=title, unit="epoch", leave=False)
        self.monitor = monitor

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not np.isfinite([logs.get("loss", 0), logs.get(self.monitor, 0)]).all():
            self.on_train_end()
            raise GaitDataError(
                f"the loss is no longer a finite number in epoch {epoch + 1}: lower the learning rate, "
                "set clip_norm, or look for extreme values after the last step"
            )
        if self.bar is not None:
            shown = {k: f"{logs[k]:.3f}" for k in ("loss", "accuracy", "val_loss", "val_accuracy") if k in logs}
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update()

    def on_train_end(self, logs=None):
        if self.bar is not None:
            self.bar.close()


def _set_trainable(network, names):
    for layer in network.layers:
        layer.trainable = names is None or layer.name.startswith(tuple(names))
    if not network.trainable_variables:
        raise GaitDataError(f"no layer starts with {names}; layers are {[layer.name for layer in network.layers]}")


def encoder_network(network, modality: str):
    """The encoder of one modality under a new head of the network's size; its layers are those of the network.

    Raises
    ------
    GaitDataError
        If the network has no encoder of that modality.
    """
    encoders = {x.name: f"{x.name}_features" for x in network.inputs}
    known = [name for name, end in encoders.items() if end in {layer.name for layer in network.layers}]
    if modality not in known:
        raise GaitDataError(
            f"'{network.name}' has no encoder of '{modality}' that could be trained alone; it has {known or 'none'}"
        )
    (x,) = (x for x in network.inputs if x.name == modality)
    head = keras.layers.Dense(network.output_shape[-1], name=f"{modality}_logits")
    return keras.Model({modality: x}, head(network.get_layer(encoders[modality]).output))


class ModalityDropout(keras.layers.Layer):
    """Replace modalities by their stand-ins at random, in training only; every sample keeps one that it has.

    Parameters
    ----------
    rate : float
    stand_in : dict of str to ndarray
        One sample of each input, in their order.
    seed : int
    """

    def __init__(self, rate, stand_in, seed):
        super().__init__()
        self.rate, self.stand_in = rate, stand_in
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        if not training:
            return inputs
        nothing = [ops.convert_to_tensor(self.stand_in[name], x.dtype) for name, x in inputs.items()]
        there = [_somewhere(ops.not_equal(x, n)) for x, n in zip(inputs.values(), nothing, strict=True)]
        draw = keras.random.uniform((ops.shape(there[0])[0], len(inputs)), seed=self.seed_generator)
        draw = ops.where(ops.stack(there, axis=1), draw, -1.0)
        # The highest draw is kept whatever the rate: one that is there.
        kept = ops.logical_or(draw >= self.rate, draw == ops.max(draw, axis=1, keepdims=True))
        return {
            name: ops.where(ops.reshape(kept[:, i], (-1,) + (1,) * (len(x.shape) - 1)), x, nothing[i])
            for i, (name, x) in enumerate(inputs.items())
        }


def _somewhere(flags):
    """Whether any value of each sample is true, (batch,)."""
    return ops.any(flags, axis=tuple(range(1, len(flags.shape))))


def _with_modality_dropout(network, rate, stand_in, seed):
    """The network behind a layer that drops modalities; its weights are those of the network."""
    inputs = {x.name: keras.Input(x.shape[1:], name=x.name) for x in network.inputs}
    return keras.Model(inputs, network(ModalityDropout(rate, stand_in, seed)(inputs)))


def _set_l2(network, l2):
    if l2 is None:
        return
    for variable in network.trainable_variables:
        if variable.name.endswith("kernel"):
            variable.regularizer = keras.regularizers.L2(l2) if l2 else None


class ResourceMonitor:
    """Seconds, peak memory and CPU use of this process inside a ``with`` block.

    Attributes
    ----------
    used : dict
        After the block: ``seconds``, ``peak_memory_mb``, ``cpu_percent`` (100 is one full core).
    """

    def __enter__(self):
        self._process = psutil.Process()
        self._start, self._cpu = time.perf_counter(), sum(self._process.cpu_times()[:2])
        self._peak, self._done = self._process.memory_info().rss, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self):
        while not self._done.wait(0.1):
            self._peak = max(self._peak, self._process.memory_info().rss)

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()
        seconds = time.perf_counter() - self._start
        cpu = sum(self._process.cpu_times()[:2]) - self._cpu
        peak = max(self._peak, self._process.memory_info().rss)
        self.used = {
            "seconds": round(seconds, 3),
            "peak_memory_mb": round(peak / 2**20, 1),
            "cpu_percent": round(100 * cpu / seconds, 1),
            "threads": thread_count(),
        }
