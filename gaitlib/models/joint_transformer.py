"""A transformer whose tokens are a joint in a stretch of frames."""

import keras
from keras import layers

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import MeanPooling, StridedMask, add_heads, sequence_input
from gaitlib.models.patches import transformer_blocks
from gaitlib.models.pose_attention import EachJoint, JointPositions, StepsOfJoints
from gaitlib.models.priors import AXES_A_JOINT
from gaitlib.models.registry import register


@register(
    "joint_time_transformer",
    "Dosovitskiy et al. 2021 (ViT), https://doi.org/10.48550/arXiv.2010.11929; here on joints and time",
    prepared="joints",
    tiny={"patch": 4, "width": 8, "depth": 1, "n_heads": 2},
)
def joint_time_transformer(inputs, heads, patch=8, width=48, depth=3, n_heads=4, mlp_ratio=2.0, dropout=0.3):
    """Every joint in every stretch of frames is a token that attends to all others; the mean of the tokens decides.

    A token knows its joint by a learnt vector and its time by sines and cosines. Departs from the source: the mean of
    the real tokens in place of a class token, and small.

    Parameters
    ----------
    inputs, heads
    patch : int
        Frames of a token.
    width, depth, n_heads : int
        The width is even and a multiple of the heads.
    mlp_ratio : float
        Width of the dense layers over that of the tokens.
    dropout : float
        Before the heads.
    """
    x, mask = sequence_input(inputs, "joint_time_transformer")
    n_joints, rest = divmod(x.shape[-1], AXES_A_JOINT)
    if rest:
        raise GaitDataError(f"'joint_time_transformer' reads three channels a joint, '{x.name}' has {x.shape[-1]}")
    if width % n_heads or width % 2:
        raise GaitDataError(f"a width of {width} is not even or not a multiple of {n_heads} heads")
    h = layers.ZeroPadding1D((0, -x.shape[1] % patch), name="whole_patches")(x)
    h = layers.Dense(width, name="embedding")(StepsOfJoints(patch, name="steps_of_joints")(h))
    h = JointPositions(n_joints, name="positions")(h)
    mask = EachJoint((1.0,) * n_joints, name="token_mask")(StridedMask(patch, name="steps")(mask))
    h = MeanPooling(name="pool")(transformer_blocks(h, "encoder", depth, n_heads, mlp_ratio, mask), mask)
    return keras.Model(x, add_heads(layers.Dropout(dropout)(h), heads), name="joint_time_transformer")
