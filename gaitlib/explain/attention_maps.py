"""A network's own attention: how much each frame weighs."""

import inspect

import keras
import numpy as np
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, in_batches
from gaitlib.explain.inputs import checked
from gaitlib.explain.keras_internals import graph_of, maker_of, nodes_of, once_a_network
from gaitlib.explain.padding import real_values
from gaitlib.models.attentive import AttentionPooling
from gaitlib.models.pose_attention import CrossAttention, StepsOfJoints
from gaitlib.models.priors import AXES_A_JOINT

INSTEAD = 'use another method, such as "lrp" or "integrated_gradients"'


def attention_weights(network, inputs, target):
    """Weight of each frame in the attention of the network, divided equally among its channels.

    Of attention to joints (``pose_cross_attention``) it is the weight of each joint in each step, mean over the real
    steps that ask, divided equally among the step's real frames and the joint's channels. Of self-attention it is the
    mean over heads and over the real frames that ask. The weights of a sample add up to 1;
    what an attention without a mask spends on padding is left out. They say where the network looked, not what for:
    they are the same for every class and never negative, and a recurrent layer beneath has already carried what a
    frame shows to its neighbours.

    Parameters
    ----------
    network : keras.Model
        Functional, with one ``keras.layers.MultiHeadAttention``, ``AttentionPooling`` or ``CrossAttention``.
    inputs : dict of str to ndarray
        By the names of the network's inputs, samples first.
    target : ndarray of int (n,)
        Not used: attention knows no class.

    Returns
    -------
    relevance : dict of str to ndarray
        float32, of the shapes of the inputs; zero on padding, and in inputs that the attention does not look at.
    account : dict
        Empty.

    Raises
    ------
    GaitDataError
        If the network has no attention layer, or several, or it does not look at the frames of one of the inputs.

    References
    ----------
    Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; Jain, Wallace 2019, Attention is not explanation,
    https://doi.org/10.18653/v1/N19-1357
    """
    inputs, _ = checked(network, inputs, target)
    node = _attention(network)
    if isinstance(node.operation, CrossAttention) and len(inputs) > 1:
        raise GaitDataError(f"'{node.operation.name}' looks at places of an image, not at frames or joints; {INSTEAD}")
    weights = in_batches(_compiled(network), inputs)
    if isinstance(node.operation, CrossAttention):
        return _of_joints(network, inputs, weights), {}
    looked_at = [
        x.name
        for x in network.inputs
        if len(x.shape) == 3
        and weights.ndim == 3
        and inputs[x.name].shape[1] == weights.shape[2]
        and _feeds(x, node.arguments.keras_tensors)
    ]
    if len(looked_at) != 1:
        raise GaitDataError(f"'{node.operation.name}' does not look at the frames of one input; {INSTEAD}")
    (name,) = looked_at
    real = real_values(network, inputs)[name][:, :, 0]
    asks = real if weights.shape[1] == real.shape[1] else np.ones(weights.shape[:2])
    of_frame = real * np.einsum("nqk,nq->nk", weights, asks / asks.sum(axis=1, keepdims=True))
    relevance = {key: np.zeros_like(x) for key, x in inputs.items()}
    relevance[name] += of_frame[:, :, None] / inputs[name].shape[2]
    return relevance, {}


def _of_joints(network, inputs, weights):
    """Weights (n, steps, joints * steps) at the frames and channels of the only input."""
    ((name, x),) = inputs.items()
    real, steps = real_values(network, inputs)[name][:, :, 0].astype(float), weights.shape[1]
    joints = weights.shape[2] // steps
    (patch,) = (layer.patch for layer in network.layers if isinstance(layer, StepsOfJoints))
    asks = real[:, ::patch]
    told = np.einsum("nqk,nq->nk", weights, asks / asks.sum(axis=1, keepdims=True)).reshape(-1, joints, steps)
    step_of = np.arange(x.shape[1]) // patch
    frames = np.add.reduceat(real, np.arange(0, x.shape[1], patch), axis=1)
    of_frame = told[:, :, step_of] * (real / np.maximum(frames, 1)[:, step_of])[:, None]
    return {name: np.repeat(of_frame.swapaxes(1, 2) / AXES_A_JOINT, AXES_A_JOINT, axis=2).astype(np.float32)}


def _attention(network):
    """The one call of an attention layer in the graph of a network."""
    found = [
        node
        for node in nodes_of(graph_of(network))
        if isinstance(node.operation, layers.MultiHeadAttention | AttentionPooling | CrossAttention)
    ]
    if len(found) != 1:
        raise GaitDataError(
            f"'{network.name}' has {len(found) or 'no'} attention layer{'s' if found else ''}; the weights of exactly "
            f"one can be read; {INSTEAD}"
        )
    return found[0]


def _feeds(x, symbols) -> bool:
    """Whether some tensors of a graph are computed from an input."""
    todo, done = list(symbols), set()
    while todo:
        symbol = todo.pop()
        if symbol is x:
            return True
        if id(symbol) not in done:
            done.add(id(symbol))
            todo += maker_of(symbol).input_tensors
    return False


@once_a_network
def _compiled(network):
    """From inputs to weights, (batch, queries, keys); one query where frames are pooled."""
    node = _attention(network)
    layer, symbols = node.operation, node.arguments.keras_tensors
    below = keras.Model(network.inputs, symbols)

    def weights(inputs):
        tensors = below([inputs[x.name] for x in network.inputs], training=False)
        arguments, named = node.arguments.fill_in(dict(zip(map(id, symbols), tensors, strict=True)))
        given = inspect.signature(layer.call).bind(*arguments, **named).arguments
        if isinstance(layer, AttentionPooling):
            one_hot = ops.eye(given["x"].shape[1])[None]  # the weighted mean of these frames is the weights
            return layer(**given | {"x": one_hot})[:, None]
        if isinstance(layer, CrossAttention):
            return layer.attention(given["keys"], given["queries"], given["mask"])
        scores = layer(**given | {"return_attention_scores": True, "training": False})[1]
        return ops.mean(scores, axis=1)

    return compiled(weights, network)
