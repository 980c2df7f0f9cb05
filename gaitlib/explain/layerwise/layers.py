"""Relevance through layers without memory: dense and convolutional ones, pooling, sums, shapes, activations."""

import keras
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import vjp
from gaitlib.explain.layerwise.calls import Folded, handles, is_mask, weight
from gaitlib.explain.layerwise.rules import Affine, Share, per_sample, stabilised
from gaitlib.models.heatmaps import GaussianMaps
from gaitlib.models.layers import MeanAndMaxPooling, MeanPooling, ZeroPadding, _mean, real_frames
from gaitlib.models.patches import ClassToken, SinePositions
from gaitlib.models.pose_attention import JointPositions, JointWeights, LearntAverage, StepsOfJoints
from gaitlib.models.priors import AXES_A_JOINT
from gaitlib.models.skeleton_graph import HopsOfJoints

# Of a layer, or named in one: each passes relevance on as it is (Bach et al. 2015).
ACTIVATIONS = ("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "softplus", "tanh",
               "sigmoid")  # fmt: skip


@handles(layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)
def kernel_layer(call, relevance):
    """Any rule; the activation passes relevance on."""
    return _with_kernel(call, call.layer, relevance)


@handles(layers.TimeDistributed)
def time_distributed(call, relevance):
    inner = call.layer.layer
    if type(inner) is not layers.Dense:
        raise GaitDataError(
            f"no rule for TimeDistributed({type(inner).__name__}) '{call.layer.name}': only for a Dense layer in it"
        )
    return _with_kernel(call, inner, relevance)


def _with_kernel(call, layer, relevance):
    check_activation(call.layer, layer.activation)
    affine = _affine(call, layer)
    call.same(layer.activation(affine.output(call.x)))
    return call.share(affine, call.x, relevance)


def _affine(call, layer) -> Affine:
    """Kernel and bias of a dense or convolutional layer, with the batch normalisations around it."""
    apply = ops.matmul if isinstance(layer, layers.Dense) else _convolution(layer)
    kernel = weight(layer.kernel)
    bias = weight(layer.bias) if layer.use_bias else ops.zeros(kernel.shape[-1:])
    if call.before is not None:  # W (s x + t) + b = (W s) x + (W t + b)
        shifted = ops.broadcast_to(call.before.shift, ops.shape(call.x))[:1]
        bias = apply(shifted, kernel) + bias
        kernel = kernel * call.before.scale[:, None]
    if call.after is not None:
        kernel, bias = kernel * call.after.scale, bias * call.after.scale + call.after.shift
    return Affine(apply, kernel, bias)


def _convolution(layer):
    if layer.data_format != "channels_last":
        raise GaitDataError(f"'{layer.name}' has its channels first; relevance needs data_format='channels_last'")
    settings = {"strides": layer.strides, "dilation_rate": layer.dilation_rate}

    def apply(x, kernel):
        if layer.padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            return ops.conv(ops.pad(x, [[0, 0], [before, 0], [0, 0]]), kernel, padding="valid", **settings)
        return ops.conv(x, kernel, padding=layer.padding, **settings)

    return apply


@handles(layers.BatchNormalization)
def batch_normalisation(call, relevance):
    """Where it could not be folded into a neighbour: a weight and a bias a channel."""
    folded = normalisation(call.layer, len(call.x.shape))
    call.epsilon()
    return _affine_again(call, Affine(lambda x, kernel: x * kernel, folded.scale, folded.shift), relevance)


def normalisation(layer, ndim):
    """A batch normalisation as scale and shift, as it is when it predicts."""
    if layer.axis not in (-1, ndim - 1):
        raise GaitDataError(f"'{layer.name}' normalises axis {layer.axis}; relevance needs the last")
    scale = ops.rsqrt(weight(layer.moving_variance) + layer.epsilon)
    scale = scale * weight(layer.gamma) if layer.scale else scale
    shift = -weight(layer.moving_mean) * scale
    return Folded(scale, shift + weight(layer.beta) if layer.center else shift)


@handles(layers.LayerNormalization)
def layer_normalisation(call, relevance):
    """The spread is taken as fixed, what is left is affine (Ali et al. 2022, https://arxiv.org/abs/2202.07304)."""
    call.epsilon()
    layer, x = call.layer, call.x
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if axes not in ([-1], [len(x.shape) - 1]):
        raise GaitDataError(f"'{layer.name}' normalises the axes {axes}; relevance needs the last alone")
    inverse = ops.rsqrt(ops.var(x, axis=-1, keepdims=True) + layer.epsilon)
    scale = weight(layer.gamma) if layer.scale else ops.ones(x.shape[-1:])
    shift = weight(layer.beta) if layer.center else ops.zeros(x.shape[-1:])

    def apply(v, kernel):
        return (v - ops.mean(v, axis=-1, keepdims=True)) * inverse * kernel

    return _affine_again(call, Affine(apply, scale, shift), relevance)


def _affine_again(call, affine, relevance):
    call.same(affine.output(call.x))
    return call.share(affine, call.x, relevance)


# -- sums ----------------------------------------------------------------------------------------------------


@handles(
    layers.Add, layers.Average, "ops.Add", "ops.Mean", "ops.Sum",
    layers.AveragePooling1D, layers.AveragePooling2D, layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D,
    SinePositions, ClassToken, HopsOfJoints, JointPositions, JointWeights, LearntAverage,
)  # fmt: skip
def weighted_sum(call, relevance):
    """Every term by what it added to the sum; a constant one (``x + 1.0``, a place, a learnt token) is a bias."""
    z = ops.cast(call.output, "float32")
    call.same(call.run(call.tensors))
    constant = call.run([x if is_mask(x) else ops.zeros_like(x) for x in call.tensors])
    share = relevance / stabilised(z, call.epsilon().epsilon)
    terms = [None if b is None else x * b for x, b in zip(call.tensors, call.back(share), strict=True)]
    return Share(terms, per_sample(constant * share), per_sample(relevance - z * share))


@handles(GaussianMaps)
def drawn_maps(call, relevance):
    """Of each joint to its confidence, in which its map is linear; the place where it is drawn is taken as fixed.

    What x and y do, by moving the spot, is no sum: ask gradients or occlusion.
    """
    call.epsilon()
    x, layer = call.x, call.layer
    confidence = x[:, :, AXES_A_JOINT - 1 :: AXES_A_JOINT]
    affine = Affine(lambda v, kernel: layer.drawn(x, v), None, ops.zeros(relevance.shape[-1:]))
    call.same(affine.output(confidence))
    share = call.rule(affine, confidence, relevance)
    none = ops.zeros_like(share.relevance)
    of_joints = ops.reshape(ops.stack([none, none, share.relevance], axis=-1), ops.shape(x))
    return call.only(of_joints, share.bias, share.stabiliser)


@handles(MeanPooling)
def mean_over_frames(call, relevance):
    x, mask = call.tensors
    call.epsilon()
    return _affine_again(call, _fixed(lambda v: _mean(v, mask), relevance), relevance)


@handles(MeanAndMaxPooling)
def mean_and_highest(call, relevance):
    """The mean's relevance by contribution, the maximum's to the frame that has it."""
    x, mask = call.tensors
    call.epsilon()
    of_mean, of_highest = ops.split(relevance, 2, axis=-1)
    average = _fixed(lambda v: _mean(v, mask), of_mean)

    def highest(v):
        return ops.max(ops.where(mask[..., None], v, -1e9), axis=1)

    call.same(ops.concatenate([average.output(x), highest(x)], axis=-1))
    mean = call.rule(average, x, of_mean)
    return call.only(mean.relevance + vjp(highest, x, of_highest), mean.bias, mean.stabiliser)


def _fixed(function, relevance) -> Affine:
    """A sum with weights that are fixed: no kernel, no bias."""
    return Affine(lambda v, kernel: function(v), None, ops.zeros(relevance.shape[-1:]))


# -- what moves values and changes none ----------------------------------------------------------------------


@handles(
    layers.Reshape, layers.Flatten, layers.Permute, layers.Concatenate, layers.ZeroPadding1D, layers.ZeroPadding2D,
    layers.Cropping1D, layers.Cropping2D, layers.MaxPooling1D, layers.MaxPooling2D, layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D, "ops.Reshape", "ops.Transpose", "ops.Concatenate", "ops.GetItem", "ops.Squeeze",
    "ops.ExpandDims", StepsOfJoints,
)  # fmt: skip
def moved(call, relevance):
    """Relevance goes back to where each value came from; a maximum to the value that won."""
    call.same(call.run(call.tensors))
    return Share(call.back(relevance), per_sample(0 * relevance), per_sample(0 * relevance))


@handles(ZeroPadding)
def padding_cut(call, relevance):
    """Padding keeps none; only rules that look at no values (flat, w-squared, zB) give it any."""
    return _cut(call, real_frames(*call.tensors), relevance)


@handles(layers.Masking)
def masked(call, relevance):
    """As padding is cut."""
    return _cut(call, ops.any(ops.not_equal(call.x, call.layer.mask_value), axis=-1, keepdims=True), relevance)


def _cut(call, real, relevance):
    real = ops.cast(real, relevance.dtype)
    call.same(call.x * real)
    return call.only(relevance * real, stabiliser=per_sample(relevance * (1 - real)))


@handles(layers.Activation)
def activation(call, relevance):
    check_activation(call.layer, call.layer.activation)
    return call.only(relevance)


@handles(
    layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout,
    layers.ActivityRegularization, layers.Identity,
)  # fmt: skip
def unchanged(call, relevance):
    """What trains otherwise and predicts what it reads."""
    call.same(call.x)
    return call.only(relevance)


@handles(
    layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU, "ops.Relu", "ops.Tanh", "ops.Sigmoid", "ops.Elu",
    "ops.Gelu",
)  # fmt: skip
def passed_on(call, relevance):
    return call.only(relevance)


def check_activation(layer, function) -> None:
    """Refuse activations that mix values."""
    name = getattr(function, "__name__", type(function).__name__)
    if name not in ACTIVATIONS or getattr(keras.activations, name, None) is not function:
        raise GaitDataError(
            f"no rule for the activation '{name}' of the layer '{layer.name}'; there are rules for "
            f"{', '.join(ACTIVATIONS)}"
        )
