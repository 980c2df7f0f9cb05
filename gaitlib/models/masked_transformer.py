"""A masked autoencoder of movement signals, and the classifier that its encoder becomes."""

import keras
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import MeanPooling, StridedMask, ZeroPadding, add_heads, sequence_input
from gaitlib.models.patches import (
    BackInPlace,
    ClassMask,
    ClassToken,
    HideFrames,
    SinePositions,
    VisibleTokens,
    transformer_blocks,
)
from gaitlib.models.registry import register

MASKED_AUTOENCODERS = "He et al. 2022, https://doi.org/10.1109/CVPR52688.2022.01553"
ADAPTER_CHANNELS, ADAPTER_STEPS = 128, 4  # of each frame the adapter makes four steps of 128 channels

# Encoder: width, blocks, heads; patch in frames. Decoder beside it. "paper" is that of the reference, whose patches of
# four up-sampled steps are one frame of 20 ms.
PRESETS = {
    "tiny": {"patch": 8, "width": 64, "depth": 3, "n_heads": 4, "mlp_ratio": 2.0, "adapter": False},
    "small": {"patch": 8, "width": 96, "depth": 4, "n_heads": 4, "mlp_ratio": 2.0, "adapter": False},
    "paper": {"patch": 1, "width": 1024, "depth": 24, "n_heads": 16, "mlp_ratio": 1.0, "adapter": True},
}
DECODERS = {
    "tiny": {"width": 48, "depth": 1, "n_heads": 4},
    "small": {"width": 64, "depth": 1, "n_heads": 4},
    "paper": {"width": 512, "depth": 8, "n_heads": 16},
}
TESTED = {"preset": "tiny", "patch": 4, "width": 8, "depth": 1, "n_heads": 2}


@register("masked_autoencoder", MASKED_AUTOENCODERS, classifies=False, jit=True, tiny=TESTED)
def masked_autoencoder(inputs, heads=None, preset="small", decoder=None, **encoder):
    """A transformer that sees a quarter of the patches of a signal and tells the rest.

    Inputs: the sequence (frames, channels), and ``visible``, the numbers (n_visible,) of the patches that the encoder
    sees; the hidden ones are dropped before it. Outputs: ``reconstruction`` (frames, channels) and ``code``, the mean
    of the encoder's tokens. No classifier: :func:`gaitlib.pretrain` trains it.

    The target is the raw signal, not the output of an adapter that learns (the source's target, which would collapse).
    Its adapter convolves frames, so hidden ones are zeros before it: else their neighbours would tell them.

    Parameters
    ----------
    inputs : dict of str to tuple
        One sequence.
    heads : None
        It has none.
    preset : {"tiny", "small", "paper"}
    decoder : dict, optional
        ``width``, ``depth``, ``n_heads`` in place of the preset's.
    **encoder
        In place of the preset's: ``patch`` (frames), ``width``, ``depth``, ``n_heads``, ``mlp_ratio``, ``adapter``.
    """
    x, _ = sequence_input(inputs, "masked_autoencoder")
    settings, (frames, channels) = _settings(preset, encoder), x.shape[1:]
    visible = keras.Input((None,), dtype="int32", name="visible")
    tokens = _tokens(x, settings, visible)
    n_tokens, patch = tokens.shape[1], settings["patch"]
    h = _encoded(VisibleTokens(name="visible_tokens")(tokens, visible), settings)
    code = layers.GlobalAveragePooling1D(name="code")(h)
    own = {**DECODERS[preset], **(decoder or {})}
    h = layers.Dense(own["width"], name="decoder_embedding")(layers.Cropping1D((1, 0), name="without_class")(h))
    h = SinePositions(name="decoder_positions")(BackInPlace(n_tokens, name="back_in_place")(h, visible))
    h = transformer_blocks(h, "decoder", own["depth"], own["n_heads"], settings["mlp_ratio"])
    h = layers.Dense(patch * channels, dtype="float32", name="decoder_output")(h)
    h = layers.Reshape((n_tokens * patch, channels), name="frames")(h)
    h = layers.Cropping1D((0, n_tokens * patch - frames), name="reconstruction")(h)
    return keras.Model([x, visible], {"reconstruction": h, "code": code}, name="masked_autoencoder")


@register("patch_transformer", MASKED_AUTOENCODERS, jit=True, tiny=TESTED)
def patch_transformer(inputs, heads, preset="small", dropout=0.0, **encoder):
    """The encoder of :func:`masked_autoencoder` with all patches visible, the mean of its tokens, and heads.

    Its layers have the same names: ``Training(start=encoder)`` gives it what was learnt without labels.

    Parameters
    ----------
    inputs, heads
    preset : {"tiny", "small", "paper"}
    dropout : float
        Before the heads.
    **encoder
        As for :func:`masked_autoencoder`.
    """
    x, mask = sequence_input(inputs, "patch_transformer")
    settings = _settings(preset, encoder)
    tokens = _tokens(x, settings, mask=mask)
    mask = ClassMask(name="class_mask")(StridedMask(settings["patch"], name="patch_mask")(mask))
    h = MeanPooling(name="code")(_encoded(tokens, settings, mask), mask)
    h = layers.Dropout(dropout)(h) if dropout else h
    return keras.Model(x, add_heads(h, heads), name="patch_transformer")


def _settings(preset, encoder) -> dict:
    if preset not in PRESETS:
        raise GaitDataError(f"preset '{preset}' is none of {', '.join(PRESETS)}")
    if unknown := sorted(set(encoder) - set(PRESETS[preset])):
        raise GaitDataError(f"an encoder has no '{unknown[0]}'; it has {', '.join(PRESETS[preset])}")
    settings = {**PRESETS[preset], **encoder}
    if settings["width"] % settings["n_heads"] or settings["width"] % 2:
        raise GaitDataError(
            f"a width of {settings['width']} is not even or not a multiple of {settings['n_heads']} heads"
        )
    return settings


def _tokens(x, settings, visible=None, mask=None):
    """Patches as tokens with their places; where the convolutions of an adapter look around, what is hidden is 0."""
    patch = settings["patch"]
    x = layers.ZeroPadding1D((0, -x.shape[1] % patch), name="whole_patches")(x)
    if settings["adapter"]:
        x = x if visible is None else HideFrames(patch, name="hide")(x, visible)
        x = layers.Conv1D(ADAPTER_CHANNELS, 3, padding="same", activation="relu", name="adapter1")(x)
        x = x if mask is None or x.shape[1] != mask.shape[1] else ZeroPadding(name="zero_padding")(x, mask)
        x = layers.Conv1D(ADAPTER_CHANNELS, 3, padding="same", name="adapter2")(x)
        x = layers.UpSampling1D(ADAPTER_STEPS, name="up_sampled")(x)
        patch = patch * ADAPTER_STEPS
    x = layers.Conv1D(settings["width"], patch, strides=patch, name="patch_embedding")(x)
    return SinePositions(name="positions")(x)


def _encoded(tokens, settings, mask=None):
    h = ClassToken(name="class_token")(tokens)
    return transformer_blocks(h, "encoder", settings["depth"], settings["n_heads"], settings["mlp_ratio"], mask)
