"""The networks of encoders: what they have in common, and the batches that they learn from."""

import warnings
import weakref
from dataclasses import dataclass

import keras
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.models import build
from gaitlib.preprocessing import Tensors
from gaitlib.preprocessing.step import sequence
from gaitlib.training.window_batches import Masks, SampleBatches, WindowBatches
from gaitlib.trials.joining import DATASET

CODE, RECONSTRUCTION, VISIBLE = "code", "reconstruction", "visible"  # layers and an input of the networks


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Windows and what a network made of them.

    Attributes
    ----------
    original, reconstructed : ndarray (n, frames, channels)
        In standard deviations of a channel.
    interpolated : ndarray (n, frames, channels)
        Straight lines across the hidden frames, and at the ends of a window what is nearest, in the same units.
    hidden, real : ndarray of bool (n, frames)
        Frames that the network did not see; frames that are no padding.
    trial : ndarray of str (n,)
    weight : ndarray (n,)
        Of a window in the loss that the network learnt by.
    """

    original: np.ndarray
    reconstructed: np.ndarray
    interpolated: np.ndarray
    hidden: np.ndarray
    real: np.ndarray
    trial: np.ndarray
    weight: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Mean squared error of each window (n,), over its hidden frames, or over all real ones where none is hidden.

        1 is the error of always giving the mean of the frames that were learnt from.
        """
        judged = self.hidden if self.hidden.any() else self.real
        squared = ((self.original - self.reconstructed) ** 2).mean(axis=2)
        return (squared * judged).sum(axis=1) / judged.sum(axis=1)


def network_of(builder, shapes):
    """A network that gives back what it reads, with a layer "code"."""
    return build(builder.model, shapes, n_classes=1, **builder.parameters)


@dataclass(frozen=True, eq=False)
class Made:
    """The network of a fitted encoder, and its parts that tell the code and give back what it reads."""

    network: keras.Model
    telling: keras.Model
    giving_back: keras.Model


_MADE = weakref.WeakKeyDictionary()  # so that a network is not traced anew at every call


def made(encoder) -> Made:
    """What a fitted encoder computes with."""
    if encoder not in _MADE:
        network = made_anew(encoder)
        _MADE[encoder] = Made(network, telling(network), giving_back(network))
    return _MADE[encoder]


def made_anew(encoder):
    """The network of an encoder with the weights that it holds."""
    network = network_of(encoder.builder(), {encoder.modality_: encoder.shape_})
    network.set_weights(encoder.weights_)
    return network


def is_masked(network) -> bool:
    """Whether it is told which patches are visible."""
    return any(x.name == VISIBLE for x in network.inputs)


def giving_back(network):
    """The network with its reconstruction as the only output."""
    output = network.output
    return keras.Model(network.inputs, output[RECONSTRUCTION]) if isinstance(output, dict) else network


def telling(network):
    """The part of the network that makes the code."""
    return keras.Model(network.inputs, network.get_layer(CODE).output)


def masks_of(network, settings) -> Masks:
    """Which patches of its windows are hidden."""
    frames, n_patches = network.inputs[0].shape[1], network.get_layer("patch_embedding").output.shape[1]
    return Masks(frames, -(-frames // n_patches), settings.hidden, settings.span)


def all_visible(network, n) -> np.ndarray:
    """Numbers of all patches, for n windows."""
    return np.tile(np.arange(network.get_layer("patch_embedding").output.shape[1], dtype=np.int32), (n, 1))


def real_frames(m, frames) -> np.ndarray:
    """1 on the frames of a sequence that are no padding, (n, frames)."""
    lengths = np.array([0 if v is None else len(v) for v in m.values])
    return (np.arange(frames) < lengths[:, None]).astype(np.float32)


def straight_lines(x, hidden) -> np.ndarray:
    """Windows (n, frames, channels) with straight lines in place of the hidden frames (n, frames)."""
    frames = np.arange(x.shape[1])
    before = np.maximum.accumulate(np.where(hidden, -1, frames), axis=1)
    after = np.minimum.accumulate(np.where(hidden, len(frames), frames)[:, ::-1], axis=1)[:, ::-1]
    before, after = np.where(before < 0, after, before), np.where(after == len(frames), before, after)
    share = ((frames - before) / np.maximum(after - before, 1))[..., None]
    rows = np.arange(len(x))[:, None]
    return (1 - share) * x[rows, before] + share * x[rows, after]


def whole_samples(builder, trials, name, parts, settings, seed):
    """A network for sequences as they are, and batches of each part of the trials; None of an empty one."""
    tensors = Tensors([name]).fit(trials[parts[0]])
    x = tensors.transform(trials).inputs[name]
    network = network_of(builder, {name: x.shape[1:]})
    if is_masked(network):
        raise GaitDataError("a masked autoencoder reads windows of one length: give frames=")
    real = real_frames(trials.modality(name), x.shape[1])
    return network, *(SampleBatches(x[i], real[i], settings, seed) if len(i) else None for i in parts)


def windows_of(builder, trials, name, frames, parts, scaler, settings, seed):
    """A network for windows of some frames, and batches of windows of each part of the trials; None of an empty one."""
    m = sequence(trials, name)
    network = network_of(builder, {name: (frames, len(m.channels))})
    if not is_masked(network):
        raise GaitDataError(f"'{builder.name}' reads sequences whole: give frames=None, and cut them before")
    groups = trials.table[DATASET].to_numpy(str) if DATASET in trials.table else np.full(len(trials), "")
    scale, masks = (scaler.transformer_.mean_, scaler.transformer_.scale_), masks_of(network, settings)
    long = [np.array([i for i in part if len(m.values[i]) >= frames], dtype=int) for part in parts]
    if (n_short := sum(map(len, parts)) - sum(map(len, long))) and len(long[0]):
        warnings.warn(
            f"{n_short} of {sum(map(len, parts))} recordings are shorter than a window of {frames} frames and left out",
            stacklevel=4,
        )
    if not len(long[0]):
        raise GaitDataError(f"no recording has {frames} frames to learn from; give a smaller frames=")
    made = [
        WindowBatches([m.values[i] for i in own], groups[own], masks, settings, scale, m.channels, seed)
        if len(own)
        else None
        for own in long
    ]
    return network, *made
