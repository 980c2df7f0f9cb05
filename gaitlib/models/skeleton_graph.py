"""A graph network over the joints of a body: which joint hangs on which is known, not learnt."""

import keras
import numpy as np
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import MeanAndMaxPooling, StridedMask, ZeroPadding, add_heads, sequence_input
from gaitlib.models.priors import AXES_A_JOINT
from gaitlib.models.registry import register
from gaitlib.trials.conventions import (
    AZURE_KINECT_JOINTS,
    BONES,
    COCO_BONES,
    COCO_JOINTS,
    GAIT_JOINTS,
    HAND_AND_FACE_BONES,
    KINECT_V2_JOINTS,
)

# Bodies, each with its bones. A joint that was left out is a way between those that are there.
BODIES = (
    (COCO_JOINTS, COCO_BONES),  # before the Azure Kinect, which has all of its joints
    (KINECT_V2_JOINTS, BONES + HAND_AND_FACE_BONES),
    (AZURE_KINECT_JOINTS, BONES + HAND_AND_FACE_BONES),
)
# What gaitlib.recipes leaves of a skeleton; the trunk of an Azure Kinect has other names, at these places.
GAIT_BODY = tuple(joint for joint in GAIT_JOINTS if joint in KINECT_V2_JOINTS)
BY_NUMBER = {len(joints): joints for joints in (KINECT_V2_JOINTS, AZURE_KINECT_JOINTS, COCO_JOINTS, GAIT_BODY)}


def bones_between(joints) -> tuple[tuple[int, int], ...]:
    """Pairs of joints, by their places, that hang together: by a bone, or by bones over joints that are not there.

    Parameters
    ----------
    joints : sequence of str
        Of a Kinect v2, an Azure Kinect or COCO, all or some.

    Raises
    ------
    GaitDataError
        If no one body has all of them.

    Examples
    --------
    >>> bones_between(["left_hip", "left_ankle", "head"])  # over the knee; the head, over trunk and neck
    ((0, 1), (0, 2))
    """
    body = next(((own, bones) for own, bones in BODIES if set(joints) <= set(own)), None)
    if body is None or len(set(joints)) != len(joints):
        raise GaitDataError(
            f"no body has the joints {', '.join(joints)}, each once; known are those of a Kinect v2, an Azure Kinect "
            "and COCO, see gaitlib.trials.conventions"
        )
    next_to = {joint: [] for joint in body[0]}
    for a, b in body[1]:
        if {a, b} <= set(body[0]):
            next_to[a].append(b)
            next_to[b].append(a)
    found = set()
    for i, joint in enumerate(joints):
        todo, seen = list(next_to[joint]), {joint}
        while todo:
            other = todo.pop()
            if other in joints:
                found.add(tuple(sorted((i, joints.index(other)))))
            elif other not in seen:
                todo += next_to[other]
            seen.add(other)
    return tuple(sorted(pair for pair in found if pair[0] != pair[1]))


def hop_graphs(bones, n_joints, scales) -> np.ndarray:
    """A matrix a scale, (scales, joints, joints): the joint itself and those exactly k bones away, normalised.

    That is D^-1/2 A D^-1/2 with A of 1 where a joint is k bones away or the same; scale 0 is each joint alone.

    Parameters
    ----------
    bones : sequence of (int, int)
    n_joints, scales : int

    Examples
    --------
    >>> hop_graphs([(0, 1), (1, 2)], 3, 3)[2].tolist()  # two bones from end to end
    [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]]
    """
    one = np.eye(n_joints, dtype=int)
    for a, b in bones:
        one[a, b] = one[b, a] = 1
    within = [np.linalg.matrix_power(one, k) > 0 for k in range(scales)]
    graphs = [np.eye(n_joints)]
    graphs += [np.eye(n_joints) + (far & ~near) for near, far in zip(within, within[1:], strict=False)]
    degree = [graph.sum(axis=1) ** -0.5 for graph in graphs]
    return np.stack([d[:, None] * graph * d for d, graph in zip(degree, graphs, strict=True)]).astype(np.float32)


@keras.saving.register_keras_serializable("gaitlib")
class HopsOfJoints(layers.Layer):
    """What each joint shows, and the joints 1, 2, ... bones away, side by side.

    Input (batch, steps, joints, channels), output (batch, steps, joints, scales * channels). To each matrix of
    :func:`hop_graphs` a learnt one is added, which starts next to zero.

    Parameters
    ----------
    bones : sequence of (int, int)
    scales : int
        One more than the bones to the joints furthest away.
    """

    def __init__(self, bones, scales, **settings):
        super().__init__(**settings)
        self.bones = tuple(tuple(pair) for pair in bones)
        self.scales = scales

    def build(self, shape):
        self.graphs = hop_graphs(self.bones, shape[2], self.scales)
        self.learnt = self.add_weight(
            shape=self.graphs.shape, initializer=keras.initializers.RandomUniform(-1e-6, 1e-6), name="learnt"
        )

    def call(self, x):
        n_joints, channels = x.shape[2:]
        mixing = ops.reshape(ops.cast(self.learnt + self.graphs, x.dtype), (self.scales * n_joints, n_joints))
        mixed = ops.reshape(ops.matmul(mixing, x), (-1, x.shape[1], self.scales, n_joints, channels))
        return ops.reshape(ops.transpose(mixed, (0, 1, 3, 2, 4)), (-1, x.shape[1], n_joints, self.scales * channels))

    def compute_output_spec(self, x):
        return keras.KerasTensor((*x.shape[:3], self.scales * x.shape[3]), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "bones": self.bones, "scales": self.scales}


@register(
    "multiscale_graph",
    "Liu et al. 2020 (MS-G3D), https://doi.org/10.1109/CVPR42600.2020.00022",
    prepared="joints",
    tiny={"filters": 8, "blocks": 1, "scales": 2, "dense": 8},
)
def multiscale_graph(
    inputs, heads, joints=None, patch=2, filters=32, blocks=3, scales=4, dilations=(1, 2), dense=64, dropout=0.3
):
    """Blocks that mix joints some bones apart, each distance by itself, and then convolve each joint over time.

    Departs from the source: small, for hundreds of walks; without its windows over space and time at once (G3D); steps
    of ``patch`` frames; LayerNorm, which padding cannot move, for batch norm; two dilations for its six branches; the
    joints stay apart until the dense layer, where the source averages them.

    Parameters
    ----------
    inputs, heads
    joints : sequence of str, optional
        Of the channels in their order, three each. By default told by their number: 25 of a Kinect v2, 32 of an Azure
        Kinect, 17 of COCO, or the 15 that :mod:`gaitlib.recipes` leaves of a skeleton.
    patch : int
        Frames of a step.
    filters : int
    blocks : int
    scales : int
        Distances, in bones, from 0 up.
    dilations : sequence of int
        Of the convolutions over three steps, side by side.
    dense : int
    dropout : float
    """
    x, mask = sequence_input(inputs, "multiscale_graph")
    joints = joints_read(x, joints, "multiscale_graph")
    bones, zero = bones_between(joints), ZeroPadding(name="zero_padding")
    h = layers.ZeroPadding1D((0, -x.shape[1] % patch), name="whole_steps")(x)
    h = layers.Reshape((h.shape[1], len(joints), AXES_A_JOINT), name="joints")(h)
    h = layers.Conv2D(filters, (patch, 1), strides=(patch, 1), name="embedding")(h)
    mask = StridedMask(patch, name="steps")(mask)
    for i in range(blocks):
        g = HopsOfJoints(bones, scales, name=f"hops{i}")(layers.LayerNormalization(name=f"norm{i}")(h))
        g = zero(layers.Dense(filters, activation="relu", name=f"mixed{i}")(g), mask)
        g = [
            layers.Conv2D(
                filters, (3, 1), padding="same", dilation_rate=(d, 1), activation="relu", name=f"time{i}_{d}"
            )(g)
            for d in dilations
        ]
        g = layers.Dropout(dropout)(layers.Average(name=f"times{i}")(g) if len(g) > 1 else g[0])
        h = layers.Add(name=f"add{i}")([h, g])
    h = layers.LayerNormalization(name="norm")(h)
    h = layers.Reshape((h.shape[1], len(joints) * filters), name="body")(h)
    h = layers.Dense(dense, activation="relu", name="dense")(h)
    h = layers.Dropout(dropout)(MeanAndMaxPooling(name="pool")(h, mask))
    return keras.Model(x, add_heads(h, heads), name="multiscale_graph")


def joints_read(x, joints, name) -> tuple[str, ...]:
    """The joints of an input, as given or told by its channels.

    Raises
    ------
    GaitDataError
        If they cannot be told, or are not as many as the channels say.
    """
    n_joints, rest = divmod(x.shape[-1], AXES_A_JOINT)
    joints = BY_NUMBER.get(n_joints) if joints is None else tuple(joints)
    if rest or joints is None or len(joints) != n_joints:
        given = "" if joints is None else f", not {len(joints)} joints"
        raise GaitDataError(
            f"'{name}' reads three channels a joint, and '{x.name}' has {x.shape[-1]} channels{given}; "
            f"{', '.join(map(str, sorted(BY_NUMBER)))} joints are known by their number, others need joints=[...]. "
            "Steps must add no channels: recipes.steps_for(trials, model) leaves positions only"
        )
    return joints
