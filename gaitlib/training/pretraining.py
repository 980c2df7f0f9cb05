"""Train a network to give back what it read, whole or in part: the one loop of all that learns without labels."""

import keras
import numpy as np
import pandas as pd
from keras import ops
from sklearn.base import BaseEstimator
from tqdm.auto import tqdm

from gaitlib.errors import GaitDataError
from gaitlib.training.device import has_gpu
from gaitlib.training.loop import STEPS_FOR_JIT

UNITS = ("window", "recordings", "patch")
STEPS_TO_TRACE = 4  # tracing takes seconds, which so short a training does not win back
NOT_DECAYED = ("bias", "gamma", "beta", "token", "hidden")


class Pretraining(BaseEstimator):
    """Settings of learning without labels.

    Defaults are those of the masked autoencoder of He et al. 2022 (https://doi.org/10.1109/CVPR52688.2022.01553) at the
    size of movement data. AdamW; the rate rises over a share of all steps, then falls as a half cosine to zero.

    Parameters
    ----------
    epochs : int
        Most epochs; one has as many windows as fit side by side into the recordings.
    batch_size : int
    learning_rate : float
        The highest.
    warm_up : float
        Share of all steps over which the rate rises.
    weight_decay : float
        Of kernels, not of biases, norms and learnt tokens.
    beta_2 : float
        Of Adam.
    clip_norm : float or None
        Largest norm of a weight's gradient.
    hidden : float
        Share of the patches that are hidden.
    span : int
        Patches that are hidden together, from 1.
    compared_in : {"window", "recordings", "patch"}
        Unit of the squared error. The variance of each window: violent and quiet ones count alike. That of all
        recordings, as in the source of the IMU encoder: a few violent windows make the loss. Or that of each patch,
        after its mean was taken off (He et al.): its shape is told, without its size.
    augment : sequence
        Changes of the training windows before they are standardised, such as :class:`gaitlib.training.RotateSensor`.
    balance : float
        How often windows are drawn from a dataset: by its size to this power. 1 lets the largest drown the rest, at 0
        all count the same.
    held_out : float
        Share of the subjects (at least two where there are six or more) that are watched and not learnt from; training
        stops where their loss no longer falls. 0 trains all epochs.
    patience : int
        Epochs without a better loss of those watched; the best weights are kept.
    """

    def __init__(
        self,
        epochs=100,
        batch_size=128,
        learning_rate=1e-3,
        warm_up=0.1,
        weight_decay=0.05,
        beta_2=0.95,
        clip_norm=1.0,
        hidden=0.75,
        span=1,
        compared_in="window",
        augment=(),
        balance=0.5,
        held_out=0.2,
        patience=20,
    ):
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warm_up = warm_up
        self.weight_decay = weight_decay
        self.beta_2 = beta_2
        self.clip_norm = clip_norm
        self.hidden = hidden
        self.span = span
        self.compared_in = compared_in
        self.augment = augment
        self.balance = balance
        self.held_out = held_out
        self.patience = patience

    def check(self) -> None:
        """Refuse settings that mean nothing.

        Raises
        ------
        GaitDataError
        """
        if not 0 < self.hidden < 1:
            raise GaitDataError(f"hidden is a share between 0 and 1, not {self.hidden}")
        for name in ("warm_up", "balance", "held_out"):
            if not 0 <= getattr(self, name) <= 1:
                raise GaitDataError(f"{name} is a share from 0 to 1, not {getattr(self, name)}")
        if self.compared_in not in UNITS:
            raise GaitDataError(f"compared_in '{self.compared_in}' is none of {', '.join(UNITS)}")
        for name in ("epochs", "batch_size", "span", "patience"):
            if getattr(self, name) < 1:
                raise GaitDataError(f"{name} is at least 1, not {getattr(self, name)}")


def pretrain_network(network, batches, watched, settings, seed, jit=False, checkpoints=None, progress=None):
    """Train a network to give back what it read.

    Parameters
    ----------
    network : keras.Model
        With one output of the shape of its target; changed in place.
    batches : WindowBatches or SampleBatches
    watched : the same, or None
    settings : Pretraining
    seed : int
    jit : bool
        Compile with XLA on a CPU, where training is long enough to win the compilation back.
    checkpoints : Checkpoints or None
        Where to go on from, and to leave what is needed to go on.
    progress : str or None
        Title of a bar with the loss and the correlation over all channels.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: ``loss`` (mean squared error, of hidden frames where some are hidden), ``correlation`` (of
        these, mean over channels), ``learning_rate`` and, of those watched, ``val_loss`` and ``val_correlation``.

    Raises
    ------
    GaitDataError
        If the loss is no longer a finite number.
    """
    n_steps = settings.epochs * batches.n_steps
    warm_up = min(round(settings.warm_up * n_steps), n_steps - 1)
    falling, highest = max(1, n_steps - warm_up), settings.learning_rate
    decay = keras.optimizers.schedules.CosineDecay
    rate = decay(0.0, falling, warmup_target=highest, warmup_steps=warm_up) if warm_up else decay(highest, falling)
    optimizer = keras.optimizers.Adam(
        rate, beta_2=settings.beta_2, weight_decay=settings.weight_decay or None, clipnorm=settings.clip_norm
    )
    optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
    network.compile(
        optimizer=optimizer,
        loss="mse",
        weighted_metrics=[Correlation(network.output_shape[-1])],
        jit_compile=True if jit and n_steps >= STEPS_FOR_JIT and not has_gpu() else "auto",
        run_eagerly=n_steps < STEPS_TO_TRACE,
    )
    network.optimizer.build(network.trainable_variables)  # in mixed precision it is wrapped in one that scales the loss
    state = _State(network)
    if checkpoints is not None:
        checkpoints.restore(state)
    fixed = [] if watched is None else watched.fixed()
    n_done = len(state.history)
    with tqdm(total=settings.epochs, initial=n_done, desc=progress, disable=not progress, leave=False) as bar:
        while len(state.history) < settings.epochs and not state.patience_lost(settings.patience):
            state.add(_epoch(network, batches, fixed, len(state.history)), watch="val_loss" if fixed else None)
            if checkpoints is not None:
                checkpoints.keep(state)
            row = state.history[-1]
            shown = [name for name in ("loss", "correlation", "val_loss") if name in row]
            bar.set_postfix({name: f"{row[name]:.3f}" for name in shown}, refresh=False)
            bar.update()
    state.take_best()
    return pd.DataFrame(state.history).assign(epoch=lambda h: np.arange(1, len(h) + 1))


def _epoch(network, batches, fixed, epoch) -> dict[str, float]:
    network.reset_metrics()
    for step in range(batches.n_steps):
        logs = network.train_on_batch(*batches.batch(epoch, step), return_dict=True)
    row = {k: float(v) for k, v in logs.items()}
    row["learning_rate"] = float(ops.convert_to_numpy(network.optimizer.learning_rate))
    if fixed:
        network.reset_metrics()
        for batch in fixed:
            logs = network.test_on_batch(*batch, return_dict=True)
        row |= {f"val_{k}": float(v) for k, v in logs.items()}
    if not np.isfinite([row["loss"], row.get("val_loss", 0)]).all():
        raise GaitDataError(
            f"the loss is no longer a finite number in epoch {epoch + 1}: lower the learning rate, set clip_norm, or "
            "look for extreme values in the recordings"
        )
    return row


class _State:
    """All that a training needs to go on: weights, those of the optimizer, the best so far, and the history."""

    def __init__(self, network):
        self.network, self.optimizer = network, network.optimizer
        self.history, self.best, self.best_epoch = [], None, 0

    def add(self, row, watch) -> None:
        self.history.append(row)
        seen = [h[watch] for h in self.history] if watch else []
        if not watch or seen[-1] <= min(seen):
            self.best_epoch = len(self.history)
            self.best = self.network.get_weights() if watch else None  # else the last

    def patience_lost(self, patience) -> bool:
        return len(self.history) - self.best_epoch >= patience

    def take_best(self) -> None:
        if self.best is not None:
            self.network.set_weights(self.best)

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays by name, and what fits into JSON."""
        now = {"network": self.network.get_weights(), "best": self.best or []}
        now["optimizer"] = [ops.convert_to_numpy(v) for v in self.optimizer.variables]
        arrays = {f"{kind}{i}": a for kind, own in now.items() for i, a in enumerate(own)}
        return arrays, {"history": self.history, "best_epoch": self.best_epoch}

    def from_arrays(self, arrays, rest) -> None:
        """Go back to what :meth:`to_arrays` told."""

        def of(kind):
            return [arrays[f"{kind}{i}"] for i in range(sum(name.startswith(kind) for name in arrays))]

        self.network.set_weights(of("network"))
        for variable, value in zip(self.optimizer.variables, of("optimizer"), strict=True):
            variable.assign(value)
        self.best = of("best") or None
        self.history, self.best_epoch = rest["history"], rest["best_epoch"]


class Correlation(keras.metrics.Metric):
    """Pearson's correlation of target and output over all frames that weigh something, mean over the channels."""

    def __init__(self, n_channels, name="correlation", **settings):
        super().__init__(name=name, **settings)
        self.sums = self.add_variable((6, n_channels), "zeros", name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        x, y = (ops.cast(ops.reshape(v, (-1, v.shape[-1])), "float32") for v in (y_true, y_pred))
        w = ops.ones_like(x[:, :1]) if sample_weight is None else ops.cast(sample_weight, "float32")
        w = ops.cast(ops.reshape(w, (-1, 1)) > 0, "float32")
        terms = (ops.ones_like(x), x, y, x * x, y * y, x * y)
        self.sums.assign_add(ops.stack([ops.sum(w * t, axis=0) for t in terms]))

    def result(self):
        n, x, y, xx, yy, xy = (self.sums[i] for i in range(6))
        n = ops.maximum(n, 1.0)
        spread = ops.sqrt(ops.maximum((xx - x * x / n) * (yy - y * y / n), 1e-12))
        return ops.mean((xy - x * y / n) / spread)
