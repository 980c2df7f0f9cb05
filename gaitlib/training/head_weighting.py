"""How much the loss of each head counts: as said, or learnt as the noise of its target."""

import keras
from keras import ops

from gaitlib.errors import GaitDataError

UNCERTAINTY = "uncertainty"


def head_weights(weights, kinds) -> dict:
    """Fixed weights, 1 where nothing is said.

    Raises
    ------
    GaitDataError
        For an unknown head, a weight below 0, or only zeros.
    """
    weights = {} if weights in (None, UNCERTAINTY) else weights
    if not isinstance(weights, dict):
        raise GaitDataError(f"head_weights are a dict of numbers by head, or '{UNCERTAINTY}', not {weights!r}")
    if unknown := sorted(set(weights) - set(kinds)):
        raise GaitDataError(f"head_weights: no head '{unknown[0]}'; there are {', '.join(kinds)}")
    if not all(w >= 0 for w in weights.values()) or not any(weights.get(head, 1) for head in kinds):
        raise GaitDataError(f"head_weights={weights} must be 0 or more, and one of them above")
    return {head: weights.get(head, 1.0) for head in kinds}


class UncertaintyWeighted(keras.Model):
    """A network of several heads whose losses are weighed by a noise that is learnt with it, one a head.

    With s the log of the variance of a head, its loss L counts as exp(-s) L + s / 2, of a continuous target half of
    that: what cannot be told well weighs less. Used in training only; the network inside is what is kept.

    Parameters
    ----------
    network : keras.Model
        With a dict of outputs.
    kinds : dict of str to str
        Kind of the target of each head.
    losses : dict of str to keras.losses.Loss

    References
    ----------
    Kendall, Gal, Cipolla 2018, Multi-task learning using uncertainty to weigh losses for scene geometry and semantics,
    https://doi.org/10.1109/CVPR.2018.00781
    """

    def __init__(self, network, kinds, losses):
        super().__init__()
        self.network, self.kinds, self.head_losses = network, kinds, losses
        self.log_variance = {
            head: self.add_weight(name=f"{head}_log_variance", initializer="zeros", shape=()) for head in kinds
        }

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = sum(self.losses, ops.zeros(()))  # penalties of the network's weights
        for head, kind in self.kinds.items():
            loss = self.head_losses[head](y[head], y_pred[head], sample_weight=sample_weight[head])
            share = 0.5 if kind == "continuous" else 1.0
            total += share * ops.exp(-self.log_variance[head]) * loss + self.log_variance[head] / 2
        return total


class TellWeights(keras.callbacks.Callback):
    """Writes the learnt weight of each head into the history, as ``<head>_weight``."""

    def on_epoch_end(self, epoch, logs=None):
        for head, s in self.model.log_variance.items():
            logs[f"{head}_weight"] = float(ops.exp(-s))
