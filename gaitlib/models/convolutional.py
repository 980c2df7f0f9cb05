"""Convolutional networks on one sequence."""

import keras
from keras import layers

from gaitlib.models.layers import MeanAndMaxPooling, ZeroPadding, add_heads, sequence_input
from gaitlib.models.registry import register


@register(
    "temporal_cnn",
    "sequence",
    "Bai, Kolter, Koltun 2018, https://doi.org/10.48550/arXiv.1803.01271 (residual dilated convolutions)",
    parameters=75_526,
    jit=True,
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
