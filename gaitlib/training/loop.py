"""Train a network: settings, batches, callbacks, seeds, and what it cost."""

import logging
from functools import partial

import keras
import numpy as np
import pandas as pd
from keras import ops
from tqdm.auto import tqdm

from gaitlib.errors import GaitDataError
from gaitlib.training.batching import batches
from gaitlib.training.device import has_gpu
from gaitlib.training.head_weighting import UNCERTAINTY, TellWeights, UncertaintyWeighted, head_weights
from gaitlib.training.modality_dropout import with_modality_dropout

STEPS_FOR_JIT = 300  # compiling takes about three seconds, which a shorter training does not win back


# A fold builds a network of its own, which TensorFlow must trace once; its warning is for one network traced often.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


def train_network(
    network, train, validation, settings, seed, jit=False, progress=None, stand_in=None, kinds=None
) -> pd.DataFrame:
    """Run one training stage.

    Parameters
    ----------
    network : keras.Model
        With one linear output, or a dict of them by head; changed in place.
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
    kinds : dict of str to str, optional
        Kind of the target of each head; default one class.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: loss, accuracy (of continuous targets the absolute error, in SD), their validation values,
        learning rate; with several heads those of each under its name too.

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
        rate = keras.optimizers.schedules.CosineDecay(rate, max(1, n_steps))
    elif settings.schedule not in ("plateau", None):
        raise GaitDataError(f"schedule '{settings.schedule}' is none of plateau, cosine, None")
    elif settings.schedule == "plateau" and settings.patience is None:
        raise GaitDataError("schedule 'plateau' waits for half the patience: give patience=10, or schedule='cosine'")
    if not 0 <= settings.modality_dropout <= 1:
        raise GaitDataError(f"modality_dropout is a share from 0 to 1, not {settings.modality_dropout}")
    optimizer, kinds = _named(OPTIMIZERS, settings.optimizer, "optimizer"), kinds or {"": "class"}
    losses = {head: _loss(kind, settings.loss)() for head, kind in kinds.items()}
    metrics = {head: [METRICS[kind]()] for head, kind in kinds.items()}
    weights = head_weights(settings.head_weights, kinds)
    learnt = settings.head_weights == UNCERTAINTY and len(kinds) > 1
    if len(kinds) == 1:  # one output without a name
        (losses,), (metrics,), weights = losses.values(), metrics.values(), None
    if settings.modality_dropout and len(network.inputs) > 1:
        network = with_modality_dropout(network, settings.modality_dropout, stand_in, seed)
    if learnt:
        network, losses, weights = UncertaintyWeighted(network, kinds, losses), None, None
    network.compile(
        optimizer=optimizer(rate, clipnorm=settings.clip_norm),
        loss=losses,
        loss_weights=weights,
        weighted_metrics=metrics,
        jit_compile=True if jit and n_steps >= STEPS_FOR_JIT and not has_gpu() else "auto",
    )
    monitor = "loss" if validation is None else "val_loss"
    callbacks = [_Watch(settings.epochs, progress, monitor), *([TellWeights()] if learnt else [])]
    if settings.schedule == "plateau":
        patience = max(1, settings.patience // 2)
        callbacks.append(keras.callbacks.ReduceLROnPlateau(monitor, factor=0.5, patience=patience, min_lr=1e-6))
    if validation is not None:
        if settings.patience is not None:
            stop = keras.callbacks.EarlyStopping(monitor, patience=settings.patience, restore_best_weights=True)
            callbacks.append(stop)
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


class SquaredError(keras.losses.Loss):
    """Half the squared distance of the outputs from the one-hot target, summed over the classes."""

    def call(self, y_true, y_pred):
        target = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), y_pred.shape[-1])
        return ops.sum(ops.square(y_pred - target), axis=-1) / 2


OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
LOSSES = {
    "cross_entropy": {
        "class": partial(keras.losses.SparseCategoricalCrossentropy, from_logits=True),
        "binary": partial(keras.losses.BinaryCrossentropy, from_logits=True),
        "continuous": keras.losses.MeanSquaredError,
    },
    "squared_error": {"class": SquaredError, "continuous": keras.losses.MeanSquaredError},
}
METRICS = {
    "class": partial(keras.metrics.SparseCategoricalAccuracy, name="accuracy"),
    "binary": partial(keras.metrics.BinaryAccuracy, threshold=0.0, name="accuracy"),
    "continuous": partial(keras.metrics.MeanAbsoluteError, name="error"),
}


def _loss(kind, name):
    of_kind = _named(LOSSES, name, "loss")
    if kind not in of_kind:
        raise GaitDataError(f"loss '{name}' is not for {kind} targets; use loss='cross_entropy'")
    return of_kind[kind]


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
    features, heads = network.get_layer(encoders[modality]).output, network.output
    if not isinstance(heads, dict):
        return keras.Model({modality: x}, keras.layers.Dense(heads.shape[-1], name=f"{modality}_logits")(features))
    made = {head: keras.layers.Dense(y.shape[-1], name=f"{modality}_{head}")(features) for head, y in heads.items()}
    return keras.Model({modality: x}, made)


def _set_l2(network, l2):
    if l2 is None:
        return
    for variable in network.trainable_variables:
        if variable.name.endswith("kernel"):
            variable.regularizer = keras.regularizers.L2(l2) if l2 else None
