"""A network that sees a pose as a film: each joint a spot on a small picture of the body."""

import keras
import numpy as np
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import MeanAndMaxPooling, StridedMask, ZeroPadding, add_heads, sequence_input
from gaitlib.models.pose_attention import checked_prior
from gaitlib.models.priors import AXES_A_JOINT
from gaitlib.models.registry import register

REACH = 0.7  # body heights from the mid hip to the edges of the picture


@keras.saving.register_keras_serializable("gaitlib")
class GaussianMaps(layers.Layer):
    """Draw the joints of a normalised pose: a Gaussian at the place of each, as high as its confidence.

    Input (batch, frames, joints * 3) of x, y and confidence, output (batch, drawn frames, size, size, maps): rows from
    the feet up, columns along the way. A joint without confidence, as one that was not seen, has an empty map. Nothing
    is learnt.

    Parameters
    ----------
    size : int
        Pixels along each side; the picture reaches ``REACH`` body heights from the mid hip.
    sigma : float
        Body heights.
    prior : sequence of float or None
        A weight a joint, for one more map behind those of the joints: their mean, so weighted.
    alone : bool
        Whether the map of the prior is the only one.
    every : int
        Frames from one that is drawn to the next.
    """

    def __init__(self, size, sigma, prior=None, alone=False, every=1, **settings):
        super().__init__(**settings)
        self.size, self.sigma, self.alone, self.every = size, sigma, alone, every
        self.prior = None if prior is None else tuple(float(p) for p in prior)

    def call(self, x):
        return self.drawn(x, x[:, :, AXES_A_JOINT - 1 :: AXES_A_JOINT])

    def drawn(self, x, confidence):
        """Maps of joints at the places of x, as high as ``confidence`` (batch, frames, joints)."""
        x, confidence = x[:, :: self.every], confidence[:, :: self.every]
        middles = REACH * ((2 * np.arange(self.size, dtype=np.float32) + 1) / self.size - 1)
        columns, rows = (
            ops.exp(-0.5 * ops.square((x[:, :, axis::AXES_A_JOINT][:, :, None] - middles[:, None]) / self.sigma))
            for axis in (0, 1)
        )
        maps = (rows * confidence[:, :, None])[:, :, :, None] * columns[:, :, None]
        if self.prior is None:
            return maps
        share = np.asarray(self.prior, np.float32) / np.sum(self.prior)
        own = ops.sum(maps * ops.cast(share, x.dtype), axis=-1, keepdims=True)
        return own if self.alone else ops.concatenate([maps, own], axis=-1)

    def compute_output_spec(self, x):
        n_joints = x.shape[2] // AXES_A_JOINT
        n_maps = 1 if self.alone else n_joints + (self.prior is not None)
        n_frames = -(-x.shape[1] // self.every)
        return keras.KerasTensor((x.shape[0], n_frames, self.size, self.size, n_maps), dtype=x.dtype)

    def get_config(self):
        own = {name: getattr(self, name) for name in ("size", "sigma", "prior", "alone", "every")}
        return {**super().get_config(), **own}


@register(
    "heatmap_volume",
    "Duan et al. 2022 (PoseConv3D), https://doi.org/10.1109/CVPR52688.2022.00298",
    prepared="pose",
    tiny={"size": 8, "sigma": 0.15, "filters": (4, 4), "width": 8},
)
def heatmap_volume(
    inputs, heads, prior=None, alone=False, size=24, sigma=0.06, every=2, filters=(16, 32), width=48, dropout=0.3
):
    """Maps of the joints in every second frame, convolved in space, then over time; what is nearest to reading a video.

    Departs from the source: pictures of the body, not of the room, 24 pixels wide; convolutions over space and over
    time one after the other; a dense layer that knows the places in the picture between them; small. The prior as a map
    of Gaussians is that of :func:`gaitlib.models.pose_attention.pose_cross_attention`'s source, from given weights in
    place of a mark on the video of each patient.

    Parameters
    ----------
    inputs, heads
        A normalised pose with x, y and confidence of each joint, as it is: not scaled.
    prior : sequence of float, optional
        A weight a joint, in the order of the channels (:meth:`gaitlib.models.Prior.weights_for`): one more map.
    alone : bool
        The map of the prior is all that is read: the pose of those joints, the control of what a prior adds.
    size : int
        Pixels of a map along each side.
    sigma : float
        Width of a joint, in body heights.
    every : int
        Frames from one that is drawn to the next.
    filters : sequence of int
        Of convolutions that halve the maps.
    width : int
        Features of a frame.
    dropout : float
    """
    x, mask = sequence_input(inputs, "heatmap_volume")
    if x.shape[-1] % AXES_A_JOINT:
        raise GaitDataError(
            f"'heatmap_volume' reads x, y and confidence of joints, and '{x.name}' has {x.shape[-1]} channels"
        )
    if alone and prior is None:
        raise GaitDataError("the map of a prior alone needs prior=, a weight a joint")
    prior, zero = None if prior is None else checked_prior(prior, x), ZeroPadding(name="zero_padding")
    mask = StridedMask(every, name="drawn_frames")(mask)
    h = GaussianMaps(size, sigma, prior, alone, every, name="maps")(x)
    for i, n in enumerate(filters):  # of each frame by itself
        h = layers.Conv3D(n, (1, 3, 3), (1, 2, 2), padding="same", activation="relu", name=f"space{i}")(h)
    h = layers.Reshape((h.shape[1], h.shape[2] * h.shape[3] * h.shape[4]), name="pictures")(h)
    h = zero(layers.Dense(width, activation="relu", name="frames")(layers.Dropout(dropout)(h)), mask)
    h = layers.Conv1D(width, 5, padding="same", activation="relu", name="time")(h)
    h = layers.Dropout(dropout)(MeanAndMaxPooling(name="pool")(h, mask))
    return keras.Model(x, add_heads(h, heads), name="heatmap_volume")
