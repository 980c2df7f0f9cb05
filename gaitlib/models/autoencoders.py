"""The convolutional autoencoder of skeleton sequences, and the networks that read its code."""

import keras
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import add_heads, sequence_input
from gaitlib.models.recurrent import REFERENCE_STUDY
from gaitlib.models.registry import register

FILTERS = (32, 64, 128, 256)
SHORTEST = 2 ** len(FILTERS)  # frames; every convolution is followed by a pooling by two


@register("autoencoder", REFERENCE_STUDY, classifies=False, tiny={"code": 8})
def autoencoder(inputs, heads=None, code=512):
    """Four convolutions, each halving the frames, down to a code, and the mirror image back to the frames.

    Input and output (frames, channels); the layer "code" gives (code,). No classifier: it has no heads.
    :class:`gaitlib.encoders.Encode` trains it inside the fold. Where the number of frames is no
    multiple of 16, the end is filled with zeros, as in the source.
    """
    x, _ = sequence_input(inputs, "autoencoder")
    frames, channels = x.shape[1:]
    if frames < SHORTEST:
        raise GaitDataError(f"the autoencoder halves the frames four times and needs at least {SHORTEST}, got {frames}")
    h = x
    for size in FILTERS:
        h = layers.MaxPooling1D(2)(layers.Conv1D(size, 3, padding="same", activation="elu")(h))
    short = h.shape[1]
    h = layers.Dense(code, name="code")(layers.Flatten()(h))
    h = layers.Dense(short * FILTERS[-1], activation="elu")(h)
    h = layers.Reshape((short, FILTERS[-1]))(h)
    for size in FILTERS[-2::-1]:
        h = layers.Conv1DTranspose(size, 3, strides=2, padding="same", activation="elu")(h)
    h = layers.Conv1DTranspose(channels, 3, strides=2, padding="same")(h)
    h = layers.ZeroPadding1D((0, frames - SHORTEST * short), name="reconstruction")(h)
    return keras.Model(x, h, name="autoencoder")


@register(
    "encoded_gru",
    REFERENCE_STUDY,
    prepared="code",
    parameters=843_398,
    tiny={"project": 16, "units": (8, 8, 4), "dense": 8},
)
def encoded_gru(inputs, heads, project=512, units=(192, 128, 64), dense=128, dropout=0.5):
    """Three GRU layers on the code of an autoencoder, which is a sequence of one step.

    The dropouts after the GRU layers are 0.1 below the last one, as in the source.
    """
    x, mask = sequence_input(inputs, "encoded_gru")
    h = layers.TimeDistributed(layers.Dense(project, activation="relu"))(x)
    h = layers.BatchNormalization()(h)
    for i, size in enumerate(units):
        h = layers.GRU(size, return_sequences=i < len(units) - 1)(h, mask=mask)
        h = layers.Dropout(max(0.0, dropout - 0.1))(layers.BatchNormalization()(h))
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(layers.BatchNormalization()(h))
    return keras.Model(x, add_heads(h, heads), name="encoded_gru")
