"""Transformers over patches of a sequence: the layers that masked pretraining and classification share."""

import keras
import numpy as np
from keras import layers, ops

SPAN = 10_000.0  # of the wavelengths of the positions, from 2 pi up (Vaswani et al. 2017)


@keras.saving.register_keras_serializable("gaitlib")
class SinePositions(layers.Layer):
    """Add to every token the sines and cosines of its place (Vaswani et al. 2017, https://arxiv.org/abs/1706.03762)."""

    def call(self, tokens):
        return tokens + ops.cast(sine_positions(*tokens.shape[1:]), tokens.dtype)

    def compute_output_spec(self, tokens):
        return keras.KerasTensor(tokens.shape, dtype=tokens.dtype)


def sine_positions(n_tokens: int, width: int) -> np.ndarray:
    """Sines, then cosines, of the places of tokens: float32 (n_tokens, width).

    Examples
    --------
    >>> sine_positions(3, 4)[:, ::2].astype(float).round(2).tolist()  # one wavelength of two: sine and cosine
    [[0.0, 1.0], [0.84, 0.54], [0.91, -0.42]]
    """
    half = width // 2
    angles = np.arange(n_tokens)[:, None] / SPAN ** (np.arange(half) / half)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


@keras.saving.register_keras_serializable("gaitlib")
class ClassToken(layers.Layer):
    """Put a learnt token before the others: (batch, 1 + tokens, width)."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]), initializer=keras.initializers.RandomNormal(stddev=0.02))

    def call(self, tokens):
        own = ops.broadcast_to(ops.cast(self.token, tokens.dtype), (ops.shape(tokens)[0], 1, tokens.shape[-1]))
        return ops.concatenate([own, tokens], axis=1)

    def compute_output_spec(self, tokens):
        n = tokens.shape[1]
        return keras.KerasTensor((tokens.shape[0], n and n + 1, tokens.shape[2]), dtype=tokens.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class ClassMask(layers.Layer):
    """The mask of tokens with the class token, which always counts, before them."""

    def call(self, mask):
        return ops.concatenate([ops.ones_like(mask[:, :1]), mask], axis=1)

    def compute_output_spec(self, mask):
        return keras.KerasTensor((mask.shape[0], mask.shape[1] + 1), dtype="bool")


@keras.saving.register_keras_serializable("gaitlib")
class VisibleTokens(layers.Layer):
    """Only the tokens of the given places (batch, n_visible): what is hidden costs the layers behind nothing."""

    def call(self, tokens, visible):
        chosen = ops.one_hot(visible, tokens.shape[1], dtype=tokens.dtype)
        return ops.matmul(chosen, tokens)

    def compute_output_spec(self, tokens, visible):
        return keras.KerasTensor((tokens.shape[0], visible.shape[1], tokens.shape[2]), dtype=tokens.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class HideFrames(layers.Layer):
    """Zeros in place of the frames of hidden patches, before a convolution that would look at its neighbours."""

    def __init__(self, patch, **settings):
        super().__init__(**settings)
        self.patch = patch

    def call(self, x, visible):
        shown = ops.max(ops.one_hot(visible, x.shape[1] // self.patch, dtype=x.dtype), axis=1)
        return x * ops.repeat(shown, self.patch, axis=1)[..., None]

    def compute_output_spec(self, x, visible):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "patch": self.patch}


@keras.saving.register_keras_serializable("gaitlib")
class BackInPlace(layers.Layer):
    """Tokens back at their places, a learnt token at all others: (batch, n_tokens, width)."""

    def __init__(self, n_tokens, **settings):
        super().__init__(**settings)
        self.n_tokens = n_tokens

    def build(self, tokens_shape, visible_shape):
        self.hidden = self.add_weight(
            shape=(1, 1, tokens_shape[-1]), initializer=keras.initializers.RandomNormal(stddev=0.02)
        )

    def call(self, tokens, visible):
        chosen = ops.one_hot(visible, self.n_tokens, dtype=tokens.dtype)
        empty = 1 - ops.max(chosen, axis=1)[..., None]
        return ops.matmul(ops.swapaxes(chosen, 1, 2), tokens) + empty * ops.cast(self.hidden, tokens.dtype)

    def compute_output_spec(self, tokens, visible):
        return keras.KerasTensor((tokens.shape[0], self.n_tokens, tokens.shape[2]), dtype=tokens.dtype)

    def get_config(self):
        return {**super().get_config(), "n_tokens": self.n_tokens}


def transformer_blocks(h, prefix, depth, n_heads, mlp_ratio, mask=None):
    """Blocks of self-attention and a dense layer, each normalised before and added to what came in; then a norm.

    Parameters
    ----------
    h : KerasTensor (batch, tokens, width)
    prefix : str
        Of the names of the layers, by which a pretrained encoder finds its place.
    depth, n_heads : int
    mlp_ratio : float
        Width of the dense layer over that of the tokens.
    mask : KerasTensor of bool (batch, tokens), optional
        Tokens that may be attended to.
    """
    width = h.shape[-1]
    for i in range(depth):
        name = f"{prefix}_block{i:02d}"
        normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm1")(h)
        attended = layers.MultiHeadAttention(n_heads, width // n_heads, name=f"{name}_attention")(
            normed, normed, **({} if mask is None else {"key_mask": mask, "value_mask": mask})
        )
        h = layers.Add(name=f"{name}_add1")([h, attended])
        normed = layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm2")(h)
        inner = layers.Dense(round(mlp_ratio * width), activation="gelu", name=f"{name}_dense1")(normed)
        h = layers.Add(name=f"{name}_add2")([h, layers.Dense(width, name=f"{name}_dense2")(inner)])
    return layers.LayerNormalization(epsilon=1e-6, name=f"{prefix}_norm")(h)
