"""Convolutional networks on one sequence or one image."""

import keras
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import HalfMask, MeanAndMaxPooling, ZeroPadding, add_heads, sequence_input
from gaitlib.models.recurrent import REFERENCE_STUDY
from gaitlib.models.registry import register

IMAGE_FILTERS = (8, 16, 32, 64, 64)


@register(
    "temporal_cnn",
    "Bai, Kolter, Koltun 2018, https://doi.org/10.48550/arXiv.1803.01271 (residual dilated convolutions)",
    jit=True,
    tiny={"filters": 8},
)
def temporal_cnn(inputs, heads, filters=64, kernel_size=5, dilations=(1, 2, 4), dropout=0.3):
    """A small residual network of dilated convolutions over time.

    Departs from the source: convolutions look both ways (a walk is classified when it is over), one convolution a
    block, LayerNorm instead of weight norm, and mean and maximum over the real frames instead of the last step.
    """
    x, mask = sequence_input(inputs, "temporal_cnn")
    zero = ZeroPadding(name="zero_padding")
    h = zero(layers.Dense(filters, name="project")(x), mask)
    for dilation in dilations:
        branch = layers.LayerNormalization()(h)
        branch = zero(branch, mask)  # normalised zeros are not zero
        branch = layers.Conv1D(filters, kernel_size, padding="same", dilation_rate=dilation, activation="relu")(branch)
        branch = layers.SpatialDropout1D(dropout)(branch)
        h = zero(layers.Add()([h, branch]), mask)
    h = MeanAndMaxPooling(name="pool")(h, mask)
    h = layers.Dropout(dropout)(layers.Dense(filters, activation="relu")(h))
    return keras.Model(x, add_heads(h, heads), name="temporal_cnn")


@register("cnn_lstm", REFERENCE_STUDY, parameters=164_622, tiny={"filters": (8, 8), "units": (8, 4), "dense": 8})
def cnn_lstm(inputs, heads, filters=(64, 128), units=(100, 50), dense=64, dropout=0.5):
    """Two convolutions over time, pooling by two, two LSTM layers; the first dropout is 0.2 below the other.

    Departs from the source: padded frames are set back to zero after each convolution and masked in the LSTM.
    """
    x, mask = sequence_input(inputs, "cnn_lstm")
    zero, h = ZeroPadding(name="zero_padding"), x
    for size in filters:
        h = zero(layers.Conv1D(size, 3, padding="same", activation="relu")(h), mask)
    h = layers.MaxPooling1D(2, padding="same")(h)
    mask = HalfMask(name="half_mask")(mask)
    h = layers.Dropout(max(0.0, dropout - 0.2))(h)
    h = layers.LSTM(units[0], return_sequences=True)(h, mask=mask)
    h = layers.LSTM(units[1])(h, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    return keras.Model(x, add_heads(h, heads), name="cnn_lstm")


@register("pressure_cnn", "small stand-in for the DenseNet of Jun et al. 2021", reads=("image",))
def pressure_cnn(inputs, heads, filters=IMAGE_FILTERS, dropout=0.4):
    """Five convolutions over a pressure image (rows, columns), each halving it, then mean and maximum over space.

    The source takes an ImageNet network of 18 million weights, which a few hundred footprints cannot train. Five
    layers let one place see both footprints, and so compare left with right.
    """
    if len(inputs) != 1 or len(next(iter(inputs.values()))) != 2:
        raise GaitDataError(
            f"'pressure_cnn' reads one image (rows, columns), got {inputs}; choose it with Tensors(modalities=[...])"
        )
    ((name, shape),) = inputs.items()
    x = keras.Input(shape, name=name)
    h = layers.Dropout(dropout)(image_features(x, filters))
    return keras.Model(x, add_heads(h, heads), name="pressure_cnn")


def image_features(x, filters):
    """Strided convolutions over an image, then mean and maximum over space: (batch, 2 * filters[-1])."""
    h = convolved(layers.Reshape((*x.shape[1:], 1))(x), filters)
    return layers.Concatenate()([layers.GlobalAveragePooling2D()(h), layers.GlobalMaxPooling2D()(h)])


def convolved(h, filters):
    """Convolutions, each halving rows and columns: (batch, rows, columns, filters[-1])."""
    for size in filters:
        h = layers.Conv2D(size, 5, strides=2, padding="same", use_bias=False)(h)
        h = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(h))  # few steps: a recording is one image
    return h
