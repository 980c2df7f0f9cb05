"""A network that learns to do without a modality."""

import keras
from keras import ops


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


def with_modality_dropout(network, rate, stand_in, seed):
    """The network behind a layer that drops modalities; its weights are those of the network."""
    inputs = {x.name: keras.Input(x.shape[1:], name=x.name) for x in network.inputs}
    return keras.Model(inputs, network(ModalityDropout(rate, stand_in, seed)(inputs)))
