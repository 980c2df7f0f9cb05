"""Networks that weigh the frames of a recurrent layer by attention."""

import keras
from keras import layers, ops

from gaitlib.models.layers import FramePooling, MeanPooling, add_heads, sequence_input
from gaitlib.models.recurrent import REFERENCE_STUDY
from gaitlib.models.registry import register


@keras.saving.register_keras_serializable("gaitlib")
class AttentionPooling(FramePooling):
    """Mean over the real frames, each weighted by a softmax of its score: (batch, channels).

    Called with the frames (batch, frames, channels), their scores (batch, frames, 1) and the mask (batch, frames).
    """

    def call(self, x, score, frame_mask):
        score = ops.where(frame_mask[..., None], score, -1e9)
        return ops.sum(x * ops.softmax(score, axis=1), axis=1)

    def compute_output_spec(self, x, score, frame_mask):
        return keras.KerasTensor((x.shape[0], x.shape[-1]), dtype=x.dtype)


@register("attention", REFERENCE_STUDY, parameters=179_142, tiny={"units": 8, "n_heads": 2, "key_size": 4, "dense": 8})
def attention(inputs, heads, units=128, n_heads=4, key_size=32, dense=64, dropout=0.5):
    """LSTM, self-attention over its frames (no residual, no LayerNorm, as in the source), mean, dense layer.

    Departs from the source: padded frames are neither attended to nor part of the mean. The first dropout is 0.2
    below the last.
    """
    x, mask = sequence_input(inputs, "attention")
    h = layers.LSTM(units, return_sequences=True)(x, mask=mask)
    h = layers.Dropout(max(0.0, dropout - 0.2))(h)
    attended = layers.MultiHeadAttention(n_heads, key_size, name="self_attention")
    h = attended(h, h, key_mask=mask, value_mask=mask)
    h = MeanPooling(name="pool")(h, mask)
    h = layers.Dense(dense, activation="relu")(h)
    h = layers.Dropout(dropout)(h)
    return keras.Model(x, add_heads(h, heads), name="attention")


@register(
    "gru_attention",
    "Yang et al. 2016, https://doi.org/10.18653/v1/N16-1174 (attention pooling)",
    tiny={"units": 8, "dense": 8},
)
def gru_attention(inputs, heads, units=128, dense=64, dropout=0.5):
    """GRU whose frames are averaged with learnt weights: they say when in the walk the class was decided.

    Departs from the source, which pools words and sentences in two levels: one level, over frames.
    """
    x, mask = sequence_input(inputs, "gru_attention")
    h = layers.GRU(units, return_sequences=True)(x, mask=mask)
    score = layers.Dense(1, use_bias=False, name="score")(layers.Dense(dense, activation="tanh")(h))
    h = AttentionPooling(name="pool")(h, score, mask)
    h = layers.Dropout(dropout)(layers.Dense(dense, activation="relu")(h))
    return keras.Model(x, add_heads(h, heads), name="gru_attention")
