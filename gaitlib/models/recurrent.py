"""Recurrent networks on one sequence.

None is compiled with XLA: on a CPU it gains nothing for one layer and makes two layers 2.5 times slower
(``benchmarks/training.py``). Names, layers and numbers of weights are those of their sources; all read the mask of
real frames, which the sources lost where they padded before scaling.
"""

import keras
from keras import layers

from gaitlib.models.layers import add_heads, sequence_input
from gaitlib.models.registry import register

REFERENCE_STUDY = "nglguarino/gait-recognition (2025), notebook"
JUN_2020 = "Jun et al. 2020, https://doi.org/10.1109/ACCESS.2020.3013029"


@register(
    "compact_gru", "nglguarino/gait-recognition (2025), report.pdf", parameters=87_366, tiny={"units": 8, "dense": 8}
)
def compact_gru(inputs, heads, units=128, dense=64, dropout=0.5):
    """GRU, Dense, dropout: the final model of the reference study's report (95,430 weights at 96 channels).

    Its L2 of 0.01 is a training setting here: ``Training(l2=0.01)``.
    """
    x, mask = sequence_input(inputs, "compact_gru")
    h = layers.GRU(units)(x, mask=mask)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="compact_gru")


@register("gru", REFERENCE_STUDY, parameters=120_518, tiny={"units": 8, "second_units": 4, "dense": 8})
def gru(inputs, heads, units=128, second_units=64, dense=64, dropout=0.4):
    """Two GRU layers and a dense one; the first dropout is 0.1 below the others, as in the source."""
    x, mask = sequence_input(inputs, "gru")
    h = layers.GRU(units, return_sequences=True)(x, mask=mask)
    h = layers.Dropout(max(0.0, dropout - 0.1))(h)
    h = layers.GRU(second_units)(h, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="gru")


@register("baseline", REFERENCE_STUDY, parameters=113_094, tiny={"units": 8, "dense": 8})
def baseline(inputs, heads, units=128, dense=64, dropout=0.5):
    """One LSTM and a dense layer."""
    x, mask = sequence_input(inputs, "baseline")
    h = layers.LSTM(units)(x, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="baseline")


@register("dual_lstm", REFERENCE_STUDY, parameters=158_406, tiny={"units": 8, "second_units": 4, "dense": 8})
def dual_lstm(inputs, heads, units=128, second_units=64, dense=64, dropout=0.5):
    """Two LSTM layers and a dense one; the first dropout is 0.2 below the others, as in the source."""
    x, mask = sequence_input(inputs, "dual_lstm")
    h = layers.LSTM(units, return_sequences=True)(x, mask=mask)
    h = layers.Dropout(max(0.0, dropout - 0.2))(h)
    h = layers.LSTM(second_units)(h, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="dual_lstm")


@register("bilstm", REFERENCE_STUDY, parameters=117_446, tiny={"units": 8, "second_units": 4, "dense": 8})
def bilstm(inputs, heads, units=64, second_units=32, dense=64, dropout=0.4):
    """Two LSTM layers that read the walk forwards and backwards; the last dropout is 0.1 below the others."""
    x, mask = sequence_input(inputs, "bilstm")
    h = layers.Bidirectional(layers.LSTM(units, return_sequences=True))(x, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Bidirectional(layers.LSTM(second_units))(h, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(max(0.0, dropout - 0.1))(h)
    return keras.Model(x, add_heads(h, heads), name="bilstm")


@register("light", REFERENCE_STUDY, parameters=38_118, tiny={"units": 8, "dense": 8})
def light(inputs, heads, units=64, dense=32, dropout=0.4):
    """A small LSTM and a small dense layer."""
    x, mask = sequence_input(inputs, "light")
    h = layers.LSTM(units)(x, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="light")


@register("deep_dense", REFERENCE_STUDY, parameters=131_494, tiny={"units": 8, "dense": (8, 8, 4)})
def deep_dense(inputs, heads, units=128, dense=(128, 64, 32), dropouts=(0.5, 0.4, 0.3)):
    """One LSTM and three dense layers, a dropout before each."""
    x, mask = sequence_input(inputs, "deep_dense")
    h = layers.LSTM(units)(x, mask=mask)
    for size, dropout in zip(dense, dropouts, strict=True):
        h = layers.Dropout(dropout)(h)
        h = layers.Dense(size, activation="relu")(h)
    return keras.Model(x, add_heads(h, heads), name="deep_dense")


@register("stacked_gru", JUN_2020, tiny={"units": 8})
def stacked_gru(inputs, heads, units=125, n_layers=4, dropout=0.5):
    """Four GRU layers of 125 units, the network of the Kinect v2 set's authors."""
    x, mask = sequence_input(inputs, "stacked_gru")
    h = x
    for i in range(n_layers):
        h = layers.GRU(units, return_sequences=i < n_layers - 1)(h, mask=mask)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="stacked_gru")
