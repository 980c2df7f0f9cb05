"""Recurrent networks on one sequence.

None is compiled with XLA: on a CPU it gains nothing for one layer and makes two layers 2.5 times slower
(``benchmarks/training.py``).
"""

import keras
from keras import layers

from gaitlib.models.layers import add_heads, sequence_input
from gaitlib.models.registry import register

REFERENCE_STUDY = "nglguarino/gait-recognition (2025), notebook"


@register("compact_gru", "sequence", "nglguarino/gait-recognition (2025), report.pdf", parameters=87_366)
def compact_gru(inputs, heads, units=128, dense=64, dropout=0.5):
    """GRU, Dense, dropout: the final model of the reference study's report (95,430 weights at 96 channels).

    Its L2 of 0.01 is a training setting here: ``Training(l2=0.01)``.
    """
    x, mask = sequence_input(inputs, "compact_gru")
    h = layers.GRU(units)(x, mask=mask)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="compact_gru")


@register("gru", "sequence", REFERENCE_STUDY, parameters=120_518)
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


@register("baseline", "sequence", REFERENCE_STUDY, parameters=113_094)
def baseline(inputs, heads, units=128, dense=64, dropout=0.5):
    """One LSTM and a dense layer."""
    x, mask = sequence_input(inputs, "baseline")
    h = layers.LSTM(units)(x, mask=mask)
    h = layers.Dropout(dropout)(h)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="baseline")
