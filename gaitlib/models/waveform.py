"""Networks on a waveform: one sequence of one fixed length, such as forces at 0 to 100 % of stance.

They weigh every point at its own place, so that relevance can be read point by point; and padding would move their
predictions, so they read no sequences of several lengths. Weights start as N(0, 1 / m), with m inputs to a unit, and
biases at zero, as in the source. ``use_bias=False`` leaves all biases out: the relevance of the inputs then sums to
the logit.

References
----------
Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8
Slijepcevic et al. 2021, https://doi.org/10.1145/3474121
"""

import keras
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import add_heads, sequence_input
from gaitlib.models.registry import register

HORST_2019 = "Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8"
SLIJEPCEVIC_2021 = "Slijepcevic et al. 2021, https://doi.org/10.1145/3474121"


@register("linear", f"{HORST_2019} (Linear)", prepared="whole")
def linear(inputs, heads, use_bias=True):
    """One linear layer; the source's "Linear (SGD)", with ``Training(optimizer="sgd", loss="squared_error")``."""
    x, _ = sequence_input(inputs, "linear")
    return keras.Model(x, _logits(x, heads, use_bias), name="linear")


@register("mlp", f"{HORST_2019} (MLP)", prepared="whole", tiny={"units": 8})
def mlp(inputs, heads, n_layers=3, units=256, use_bias=True):
    """Hidden ReLU layers of one size and a linear one: ``n_layers`` counts all of them.

    The source has 2 and 3 layers and 64 to 1024 units; the successor on clinical forces 3 layers of 768.
    """
    x, _ = sequence_input(inputs, "mlp")
    h = layers.Flatten(name="flatten")(x)
    for _ in range(n_layers - 1):
        h = layers.Dense(units, activation="relu", **_start(use_bias))(h)
    return keras.Model(x, _logits(h, heads, use_bias), name="mlp")


@register("cnn_a", f"{HORST_2019} (CNN-A)", prepared="whole")
def cnn_a(inputs, heads, use_bias=True):
    """One convolution over all channels and as many points."""
    x, h, channels = _plane(inputs, "cnn_a")
    h = _convolve(h, _first_filters(channels), (channels, channels), use_bias)
    return keras.Model(x, _logits(h, heads, use_bias), name="cnn_a")


@register("cnn_a3", f"{HORST_2019} (CNN-A3)", prepared="whole")
def cnn_a3(inputs, heads, use_bias=True):
    """A convolution over all channels and 3 points, then one over 3 points."""
    return _all_channels(inputs, heads, use_bias, 3, "cnn_a3")


@register("cnn_a6", f"{HORST_2019} (CNN-A6)", prepared="whole")
def cnn_a6(inputs, heads, use_bias=True):
    """A convolution over all channels and 6 points, then one over 6 points."""
    return _all_channels(inputs, heads, use_bias, 6, "cnn_a6")


@register("cnn_c3", f"{HORST_2019} (CNN-C3)", prepared="whole")
def cnn_c3(inputs, heads, use_bias=True):
    """Three convolutions over 3 points and 3 channels."""
    x, h, channels = _plane(inputs, "cnn_c3")
    for filters in (32, 32, _last_filters(channels)):
        h = _square(h, filters, 3, use_bias)
    return keras.Model(x, _logits(h, heads, use_bias), name="cnn_c3")


@register("cnn_c6", f"{HORST_2019} (CNN-C6)", prepared="whole")
def cnn_c6(inputs, heads, use_bias=True):
    """Three convolutions over 6 points and 6 channels; over 6, 3 and 3 where fewer than 16 channels leave no room.

    Six channels leave room for the first only, which makes it ``cnn_a``.
    """
    x, h, channels = _plane(inputs, "cnn_c6")
    sizes = (6, 6, 6) if channels >= 16 else (6, 3, 3)
    for filters, size in zip((32, 32, _last_filters(channels)), sizes, strict=True):
        h = _square(h, filters, size, use_bias)
    return keras.Model(x, _logits(h, heads, use_bias), name="cnn_c6")


@register("cnn_c3_3", f"{HORST_2019} (CNN-C3-3)", prepared="whole")
def cnn_c3_3(inputs, heads, use_bias=True):
    """A convolution over 3 points and 3 channels in steps of 3, then two in steps of 1.

    As many points of zero are appended as make a multiple of 3: one to 101. The source has it for 33 and 18 channels;
    fewer than 15 leave no room for its last convolutions, which then shrink as those of ``cnn_c3`` do.
    """
    x, h, _ = _plane(inputs, "cnn_c3_3")
    h = layers.ZeroPadding2D(((0, -h.shape[1] % 3), (0, 0)))(h)
    for filters, stride in ((64, 3), (64, 1), (32, 1)):
        h = _square(h, filters, 3, use_bias, stride)
    return keras.Model(x, _logits(h, heads, use_bias), name="cnn_c3_3")


@register("cnn1d_c8", f"{SLIJEPCEVIC_2021} (Cnn1DC8)", prepared="whole")
def cnn1d_c8(inputs, heads, use_bias=True):
    """Three convolutions along all channels strung together, one after the other, as if they were one signal."""
    x, _ = sequence_input(inputs, "cnn1d_c8")
    frames, channels = x.shape[1:]
    h = layers.Reshape((frames * channels, 1, 1))(layers.Permute((2, 1))(x))
    for filters, size, stride in ((24, 8, 2), (32, 8, 2), (48, 6, 3)):
        h = _convolve(h, filters, (size, 1), use_bias, (stride, 1))
    return keras.Model(x, _logits(h, heads, use_bias), name="cnn1d_c8")


def _all_channels(inputs, heads, use_bias, points, name):
    x, h, channels = _plane(inputs, name)
    h = _convolve(h, _first_filters(channels), (points, channels), use_bias)
    h = _convolve(h, 32, (points, 1), use_bias)
    return keras.Model(x, _logits(h, heads, use_bias), name=name)


# The source's tables, for 6, 10, 18 and 33 channels.
def _first_filters(channels):
    return 32 if channels <= 10 else 64


def _last_filters(channels):
    return 32 if channels <= 10 else 16


def _plane(inputs, name):
    """The input, the same as an image (frames, channels, 1), and the number of channels."""
    x, _ = sequence_input(inputs, name)
    if x.shape[2] < 2:
        raise GaitDataError(f"'{name}' looks across channels and the waveform has one only; take 'mlp' or 'cnn1d_c8'")
    return x, layers.Reshape((*x.shape[1:], 1))(x), x.shape[2]


def _square(h, filters, size, use_bias, stride=1):
    """A square convolution, no wider than the channels that are left; none where a single one is."""
    size = min(size, h.shape[2])
    return h if size == 1 else _convolve(h, filters, (size, size), use_bias, min(size, stride))


def _convolve(h, filters, kernel, use_bias, strides=1):
    if h.shape[1] < kernel[0]:
        raise GaitDataError(
            f"a convolution reads {kernel[0]} points and only {h.shape[1]} are left; waveforms have "
            "TimeNormalise(n_points=101) points in the source, take more points or another network"
        )
    return layers.Conv2D(filters, kernel, strides, activation="relu", **_start(use_bias))(h)


def _start(use_bias):
    """Settings of a layer before training; a new initialiser each, since one gives equal shapes equal weights."""
    return {
        "use_bias": use_bias,
        "kernel_initializer": keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal"),
    }


def _logits(h, heads, use_bias):
    return add_heads(h if len(h.shape) == 2 else layers.Flatten(name="flatten")(h), heads, **_start(use_bias))
