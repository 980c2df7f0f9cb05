"""Networks that read a walk beside what clinicians look at: a weight a joint, the same for everybody."""

import keras
import numpy as np
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.models.layers import MeanPooling, StridedMask, ZeroPadding, add_heads, output_name, sequence_input
from gaitlib.models.patches import sine_positions
from gaitlib.models.priors import AXES_A_JOINT
from gaitlib.models.registry import register

CLINICAL_PRIORS = "Chen et al., ClinicalGait-CrossAttention (2025), code; here on joints in place of video"
FUSIONS = ("gate", "squeeze", "add", "multiply", "concatenate", "late")
TESTED = {"patch": 4, "width": 8}
GATE_BIAS = 2.0  # the gate starts open for the movement, as in the source
TINY = 1e-7


@keras.saving.register_keras_serializable("gaitlib")
class JointWeights(layers.Layer):
    """Multiply what each joint shows by its weight: (batch, frames, joints * 3)."""

    def __init__(self, weights, **settings):
        super().__init__(**settings)
        self.weights_of_joints = tuple(float(w) for w in weights)

    def call(self, x):
        return x * ops.cast(np.repeat(self.weights_of_joints, AXES_A_JOINT), x.dtype)

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "weights": self.weights_of_joints}


@keras.saving.register_keras_serializable("gaitlib")
class StepsOfJoints(layers.Layer):
    """One token a joint and stretch of frames, joint after joint: (batch, joints * steps, patch * 3)."""

    def __init__(self, patch, **settings):
        super().__init__(**settings)
        self.patch = patch

    def call(self, x):
        steps, joints = x.shape[1] // self.patch, x.shape[2] // AXES_A_JOINT
        x = ops.reshape(x, (-1, steps, self.patch, joints, AXES_A_JOINT))
        return ops.reshape(ops.transpose(x, (0, 3, 1, 2, 4)), (-1, joints * steps, self.patch * AXES_A_JOINT))

    def compute_output_spec(self, x):
        steps, joints = x.shape[1] // self.patch, x.shape[2] // AXES_A_JOINT
        return keras.KerasTensor((x.shape[0], joints * steps, self.patch * AXES_A_JOINT), dtype=x.dtype)

    def get_config(self):
        return {**super().get_config(), "patch": self.patch}


@keras.saving.register_keras_serializable("gaitlib")
class JointPositions(layers.Layer):
    """Add to tokens of joints a learnt vector of the joint, and the sines and cosines of the place in time."""

    def __init__(self, joints, **settings):
        super().__init__(**settings)
        self.joints = joints

    def build(self, shape):
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.joint = self.add_weight(shape=(self.joints, 1, shape[-1]), initializer=normal, name="joint")

    def call(self, tokens):
        n, width = tokens.shape[1:]
        places = self.joint + sine_positions(n // self.joints, width)
        return tokens + ops.cast(ops.reshape(places, (1, n, width)), tokens.dtype)

    def compute_output_spec(self, tokens):
        return keras.KerasTensor(tokens.shape, dtype=tokens.dtype)

    def get_config(self):
        return {**super().get_config(), "joints": self.joints}


@keras.saving.register_keras_serializable("gaitlib")
class CrossAttention(layers.Layer):
    """What a second stream shows, weighed by what the first asks for: softmax(Q K^T / sqrt(width)) V.

    Called with values and keys (batch, tokens, width), queries (batch, steps, width), the mask of the tokens (batch,
    tokens) and that of the steps. In training it adds two losses: ``guidance`` times the Kullback-Leibler divergence
    from the shares of ``prior`` to those that the joints get, mean over the real steps that ask; and ``smoothness``
    times the mean absolute change of the attention from step to step.

    Parameters
    ----------
    prior : sequence of float or None
        Share of each joint; tokens are those of the first joint, then of the second, and so on.
    guidance, smoothness : float
    """

    def __init__(self, prior=None, guidance=0.0, smoothness=0.0, **settings):
        super().__init__(**settings)
        self.prior = None if prior is None else tuple(float(p) for p in prior)
        self.guidance = guidance
        self.smoothness = smoothness

    def call(self, values, keys, queries, mask, asks):
        attention = self.attention(keys, queries, mask)
        asks = ops.cast(asks, attention.dtype)
        if self.guidance and self.prior:
            self.add_loss(self.guidance * _divergence(attention, self.prior, asks))
        if self.smoothness:
            change = ops.sum(ops.abs(attention[:, 1:] - attention[:, :-1]), axis=-1) * asks[:, 1:]
            self.add_loss(self.smoothness * ops.sum(change) / ops.maximum(ops.sum(asks[:, 1:]), 1.0))
        return ops.matmul(attention, values)

    def attention(self, keys, queries, mask):
        """Weights (batch, steps, tokens)."""
        scores = ops.matmul(queries, ops.swapaxes(keys, 1, 2)) / float(np.sqrt(keys.shape[-1]))
        return ops.softmax(ops.where(mask[:, None, :], scores, ops.cast(-1e9, scores.dtype)), axis=-1)

    def compute_output_spec(self, values, keys, queries, mask, asks):
        return keras.KerasTensor((*queries.shape[:2], values.shape[-1]), dtype=values.dtype)

    def get_config(self):
        own = {"prior": self.prior, "guidance": self.guidance, "smoothness": self.smoothness}
        return {**super().get_config(), **own}


def _divergence(attention, prior, asks):
    """Of the shares of the joints from those of the prior, mean over the real steps."""
    share = np.asarray(prior, np.float32) / np.sum(prior)
    given = ops.sum(ops.reshape(attention, (*ops.shape(attention)[:2], len(prior), -1)), axis=-1)
    wanted = ops.convert_to_tensor(share, dtype=attention.dtype)
    apart = ops.sum(wanted * (ops.log(wanted + TINY) - ops.log(given + TINY)), axis=-1)
    return ops.sum(apart * asks) / ops.maximum(ops.sum(asks), 1.0)


@register("pose_cross_attention", CLINICAL_PRIORS, tiny=TESTED)
def pose_cross_attention(inputs, heads, prior=None, patch=8, width=48, guidance=0.0, smoothness=0.0, dropout=0.3):
    """A temporal encoder asks, joints weighted by the prior answer; what they say is added to the features.

    Departs from the source: joints in place of a video and of drawn regions, so one token a joint and stretch of
    frames; attention is guided by divergence, where the source compares its side maps with the drawn region.

    Parameters
    ----------
    inputs, heads
    prior : sequence of float, optional
        A weight a joint, in the order of the channels (:meth:`gaitlib.models.Prior.weights_for`); joints without weight
        are not attended to. None: no second stream and no attention, the temporal encoder alone.
    patch : int
        Frames of a step.
    width : int
    guidance : float
        Weight of the loss that draws the attention to the prior.
    smoothness : float
        Weight of the loss on changes of the attention in time.
    dropout : float
    """
    x, mask = sequence_input(inputs, "pose_cross_attention")
    h, asks = step_features(x, mask, patch, width)
    if prior is not None:
        prior = checked_prior(prior, x)
        tokens, seen = _tokens(x, mask, prior, patch, width)
        query, key, value = (
            layers.Dense(width, name=name)(of) for name, of in (("query", h), ("key", tokens), ("value", tokens))
        )
        attend = CrossAttention(prior, guidance, smoothness, name="cross_attention")
        h = layers.LayerNormalization(name="norm")(layers.Add(name="add")([h, attend(value, key, query, seen, asks)]))
    h = layers.Dropout(dropout)(MeanPooling(name="pool")(h, asks))
    return keras.Model(x, add_heads(h, heads), name="pose_cross_attention")


@register("pose_attention_fusion", CLINICAL_PRIORS, tiny=TESTED)
def pose_attention_fusion(inputs, heads, prior=None, fusion="gate", patch=8, width=48, dropout=0.3):
    """Features of the walk joined, step by step, with those of the joints weighted by the prior.

    "gate" is the source's best: g x + (1 - g) a + x, normalised, where the gate g of both starts open for the walk;
    "squeeze" weighs the channels of the walk by those of the prior (squeeze and excitation), and adds; "add",
    "multiply" and "concatenate" join both; "late" averages the logits of both with a weight that is learnt from 0.5.

    Parameters
    ----------
    inputs, heads
    prior : sequence of float, optional
        As for :func:`pose_cross_attention`; None: the temporal encoder alone.
    fusion : {"gate", "squeeze", "add", "multiply", "concatenate", "late"}
    patch, width : int
    dropout : float
    """
    if fusion not in FUSIONS:
        raise GaitDataError(f"fusion '{fusion}' is none of {', '.join(FUSIONS)}")
    x, mask = sequence_input(inputs, "pose_attention_fusion")
    h, asks = step_features(x, mask, patch, width)
    if prior is None:
        h = layers.Dropout(dropout)(MeanPooling(name="pool")(h, asks))
        return keras.Model(x, add_heads(h, heads), name="pose_attention_fusion")
    weighted = JointWeights(checked_prior(prior, x), name="prior")(x)
    a, _ = step_features(weighted, mask, patch, width, prefix="prior_")
    if fusion == "late":
        h, a = (MeanPooling(name=name)(each, asks) for name, each in (("pool", h), ("prior_pool", a)))
        own = {name: [layers.Dense(head.size)(each) for each in (h, a)] for name, head in heads.items()}
        outputs = [LearntAverage(name=output_name(n, heads), dtype="float32")(*both) for n, both in own.items()]
        return keras.Model(x, outputs[0] if len(outputs) == 1 else outputs, name="pose_attention_fusion")
    h = layers.LayerNormalization(name="norm")(_joined(h, a, fusion, width))
    h = layers.Dropout(dropout)(MeanPooling(name="pool")(h, asks))
    return keras.Model(x, add_heads(h, heads), name="pose_attention_fusion")


@keras.saving.register_keras_serializable("gaitlib")
class Gated(layers.Layer):
    """A signal times its gate."""

    def call(self, x, gate):
        return x * gate

    def compute_output_spec(self, x, gate):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class GatedMean(layers.Layer):
    """A signal times its gate, another times what the gate leaves."""

    def call(self, x, other, gate):
        return x * gate + other * (1 - gate)

    def compute_output_spec(self, x, other, gate):
        return keras.KerasTensor(x.shape, dtype=x.dtype)


@keras.saving.register_keras_serializable("gaitlib")
class LearntAverage(layers.Layer):
    """Weighted mean of two tensors; the weight is learnt and starts at one half."""

    def build(self, *shapes):
        self.score = self.add_weight(shape=(), initializer="zeros", name="score")

    def call(self, first, second):
        share = ops.sigmoid(self.score)
        return share * first + (1 - share) * second

    def compute_output_spec(self, first, second):
        return keras.KerasTensor(first.shape, dtype=self.compute_dtype)


def _joined(h, a, fusion, width):
    if fusion == "add":
        return layers.Add(name="join")([h, a])
    if fusion == "multiply":
        return layers.Multiply(name="join")([h, a])
    both = layers.Concatenate(name="both")([h, a])
    if fusion == "concatenate":
        return layers.Dense(width, name="join")(both)
    if fusion == "squeeze":
        squeezed = layers.Dense(max(1, width // 8), activation="relu", name="squeeze")(a)
        gate = layers.Dense(width, activation="sigmoid", name="excite")(squeezed)
        return layers.Add(name="join")([Gated(name="gated")(h, gate), h])
    inner = layers.ReLU(name="gate_relu")(layers.LayerNormalization(name="gate_norm")(both))
    bias = keras.initializers.Constant(GATE_BIAS)
    gate = layers.Dense(width, activation="sigmoid", bias_initializer=bias, name="gate")(inner)
    return layers.Add(name="join")([GatedMean(name="gated")(h, a, gate), h])


def step_features(x, mask, patch, width, prefix=""):
    """One vector a step of ``patch`` frames, and which steps are real."""
    h = layers.Conv1D(width, 5, padding="same", activation="relu", name=f"{prefix}conv1")(x)
    h = ZeroPadding(name=f"{prefix}padding1")(h, mask)
    h = layers.ZeroPadding1D((0, -x.shape[1] % patch), name=f"{prefix}whole_patches")(h)
    h = layers.Conv1D(width, patch, strides=patch, activation="relu", name=f"{prefix}conv2")(h)
    steps = StridedMask(patch, name=f"{prefix}steps")(mask)
    h = ZeroPadding(name=f"{prefix}padding2")(h, steps)
    return layers.Conv1D(width, 3, padding="same", name=f"{prefix}conv3")(h), steps


def _tokens(x, mask, prior, patch, width):
    """Tokens of the joints that the prior weighs, and which of them are real."""
    whole = layers.ZeroPadding1D((0, -x.shape[1] % patch), name="whole_clip")(x)
    tokens = StepsOfJoints(patch, name="steps_of_joints")(JointWeights(prior, name="prior")(whole))
    tokens = JointPositions(len(prior), name="positions")(layers.Dense(width, name="embedding")(tokens))
    steps = StridedMask(patch, name="token_steps")(mask)
    return tokens, EachJoint(prior, name="token_mask")(steps)


@keras.saving.register_keras_serializable("gaitlib")
class EachJoint(layers.Layer):
    """A mask of steps once for each joint, False for joints that weigh nothing: (batch, joints * steps)."""

    def __init__(self, weights, **settings):
        super().__init__(**settings)
        self.weights_of_joints = tuple(float(w) for w in weights)

    def call(self, mask):
        weighs = np.repeat(np.greater(self.weights_of_joints, 0), mask.shape[1])
        return ops.logical_and(ops.tile(mask, (1, len(self.weights_of_joints))), weighs)

    def compute_output_spec(self, mask):
        return keras.KerasTensor((mask.shape[0], len(self.weights_of_joints) * mask.shape[1]), dtype="bool")

    def get_config(self):
        return {**super().get_config(), "weights": self.weights_of_joints}


def checked_prior(prior, x) -> tuple:
    """The weights of a prior, one a joint."""
    n_joints, rest = divmod(x.shape[-1], AXES_A_JOINT)
    weights = np.asarray(prior, dtype=float) if not isinstance(prior, dict) else np.empty(0)
    right = weights.shape == (n_joints,) and not rest and np.isfinite(weights).all() and (weights >= 0).all()
    if not (right and weights.any()):
        raise GaitDataError(
            f"a prior is one weight from 0 up for each joint of {AXES_A_JOINT} channels, and '{x.name}' has "
            f"{x.shape[-1]} channels; got {prior!r}. See gaitlib.models.Prior.weights_for; one that differs between "
            "classes or people would tell the label"
        )
    return tuple(weights.tolist())
