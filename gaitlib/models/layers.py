"""Layers shared by the builders: inputs, the mask of real frames, heads."""

import keras
from keras import layers, ops

from gaitlib.errors import GaitDataError


@keras.saving.register_keras_serializable("gaitlib")
class FrameMask(layers.Layer):
    """Which frames are real: all up to the last one that is not all zero.

    Input (batch, frames, channels), output bool (batch, frames). A frame of zeros between real frames counts as
    real, so the mask is always right-padded, as cuDNN needs it.
    """

    def call(self, x):
        filled = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1), "int32")
        return ops.flip(ops.cumsum(ops.flip(filled, axis=1), axis=1), axis=1) > 0

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape[:2], dtype="bool")


@keras.saving.register_keras_serializable("gaitlib")
class ZeroPadding(layers.Layer):
    """Set padded frames back to zero: a convolution's bias has moved them. Input (batch, frames, ...)."""

    def call(self, x, frame_mask):
        return x * real_frames(x, frame_mask)

    def compute_output_spec(self, x, frame_mask):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


def real_frames(x, frame_mask):
    """1 for real frames, 0 for padding, (batch, frames, 1, ...) with as many axes as x."""
    return ops.cast(ops.reshape(frame_mask, (*ops.shape(frame_mask), *[1] * (len(x.shape) - 2))), x.dtype)


def _mean(x, frame_mask):
    real = ops.cast(frame_mask[..., None], x.dtype)
    return ops.sum(x * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1)


class FramePooling(layers.Layer):
    """A layer that takes the frames away, with the mask that Keras attaches to them."""

    supports_masking = True

    def compute_mask(self, *inputs, previous_mask=None):
        return None


@keras.saving.register_keras_serializable("gaitlib")
class MeanAndMaxPooling(FramePooling):
    """Mean and maximum over the real frames, side by side: (batch, 2 * channels)."""

    def call(self, x, frame_mask):
        highest = ops.max(ops.where(frame_mask[..., None], x, -1e9), axis=1)
        return ops.concatenate([_mean(x, frame_mask), highest], axis=-1)

    def compute_output_spec(self, x, frame_mask):
        return keras.KerasTensor((x.shape[0], 2 * x.shape[-1]), dtype=x.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class MeanPooling(FramePooling):
    """Mean over the real frames: (batch, channels)."""

    def call(self, x, frame_mask):
        return _mean(x, frame_mask)

    def compute_output_spec(self, x, frame_mask):
        return keras.KerasTensor((x.shape[0], x.shape[-1]), dtype=x.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class HalfMask(layers.Layer):
    """The mask after a pooling by two (padding "same"): a pair is real if its first frame is."""

    def call(self, frame_mask):
        return frame_mask[:, ::2]

    def compute_output_spec(self, frame_mask):
        frames = frame_mask.shape[1]
        return keras.KerasTensor((frame_mask.shape[0], frames and -(-frames // 2)), dtype="bool")


@keras.saving.register_keras_serializable("gaitlib")
class StridedMask(layers.Layer):
    """The mask after a convolution that starts a step every ``stride`` frames: a step is real if its first frame is."""

    def __init__(self, stride, **settings):
        super().__init__(**settings)
        self.stride = stride

    def call(self, frame_mask):
        return frame_mask[:, :: self.stride]

    def compute_output_spec(self, frame_mask):
        frames = frame_mask.shape[1]
        return keras.KerasTensor((frame_mask.shape[0], frames and -(-frames // self.stride)), dtype="bool")

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}


def sequence_input(inputs, model_name):
    """The input of a model that reads one sequence, and the mask of its real frames."""
    if len(inputs) != 1 or len(next(iter(inputs.values()))) != 2:
        raise GaitDataError(
            f"'{model_name}' reads one sequence (frames, channels), got {inputs}; choose it with "
            "Tensors(modalities=[...])"
        )
    ((name, shape),) = inputs.items()
    x = keras.Input(shape, name=name)
    return x, FrameMask(name="frame_mask")(x)


def two_inputs(inputs, model_name):
    """The inputs of a model that reads a sequence and, second, an image; and the mask of the sequence."""
    if len(inputs) != 2 or any(len(shape) != 2 for shape in inputs.values()):
        raise GaitDataError(
            f"'{model_name}' reads a sequence (frames, channels) and, after it, an image (rows, columns), got "
            f"{inputs}; choose them with Tensors(modalities=[...])"
        )
    sequence, image = (keras.Input(shape, name=name) for name, shape in inputs.items())
    return sequence, image, FrameMask(name="frame_mask")(sequence)


def output_name(head, heads) -> str:
    """``logits`` of the only head, else ``<head>_logits``."""
    return "logits" if len(heads) == 1 else f"{head}_logits"


def add_heads(features, heads, **settings):
    """A linear output a head, named by :func:`output_name`; always float32. ``settings`` are those of ``Dense``."""
    names = {name: output_name(name, heads) for name in heads}
    outputs = [layers.Dense(h.size, name=names[n], dtype="float32", **settings)(features) for n, h in heads.items()]
    return outputs[0] if len(outputs) == 1 else outputs
