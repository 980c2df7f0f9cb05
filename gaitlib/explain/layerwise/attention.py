"""Relevance through attention: the weights of the frames are taken as fixed, what they weigh takes all.

References
----------
Ali et al. 2022, XAI for transformers, https://arxiv.org/abs/2202.07304; Achtibat et al. 2024, AttnLRP,
https://arxiv.org/abs/2402.05602, which also hands relevance through the softmax.
"""

from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.layerwise.calls import handles, weight
from gaitlib.explain.layerwise.rules import Affine, Share, per_sample, stabilised
from gaitlib.models.attentive import AttentionPooling
from gaitlib.models.pose_attention import CrossAttention, Gated, GatedMean


@handles(AttentionPooling)
def attention_pooling(call, relevance):
    """Scores take none."""
    call.epsilon()
    affine = Affine(lambda v, kernel: call.run([v, *call.tensors[1:]]), None, ops.zeros(relevance.shape[-1:]))
    call.same(affine.output(call.x))
    return call.share(affine, call.x, relevance)


@handles(CrossAttention)
def cross_attention(call, relevance):
    """All goes to the values; keys, queries and the masks take none."""
    call.epsilon()
    attention = call.layer.attention(*call.tensors[1:4])
    affine = Affine(lambda v, kernel: ops.matmul(attention, v), None, ops.zeros(relevance.shape[-1:]))
    call.same(affine.output(call.x))
    return call.share(affine, call.x, relevance)


@handles(Gated)
def gated(call, relevance):
    """The signal takes all (Arras et al. 2017, https://doi.org/10.18653/v1/W17-5221)."""
    x, gate = call.tensors
    call.same(x * gate)
    return call.only(relevance)


@handles(GatedMean)
def gated_mean(call, relevance):
    """Two signals by what each added; the gate is taken as fixed."""
    x, other, gate = call.tensors
    call.same(x * gate + other * (1 - gate))
    share = relevance / stabilised(call.output, call.epsilon().epsilon)
    return Share(
        [x * gate * share, other * (1 - gate) * share, None],
        per_sample(0 * relevance),
        per_sample(relevance - call.output * share),
    )


@handles(layers.MultiHeadAttention)
def multi_head_attention(call, relevance):
    """Backwards through the output projection, the weighted mean and the projection of the values."""
    call.epsilon()
    layer, place = call.layer, call.place_of_value
    if getattr(layer, "_use_gate", False) or len(layer._attention_axes) != 1:
        raise GaitDataError(f"no rule for '{layer.name}': attention with a gate, or over several axes")
    value, scores = call.tensors[place], attention_scores(call)
    inner, outer = layer._value_dense, layer._output_dense
    own = _einsum(inner, "bsd,dhk->bshk")
    mixed = Affine(lambda v, kernel: ops.einsum("bhts,bshk->bthk", scores, v), None, ops.zeros((1,)))
    last = _einsum(outer, "bthk,hko->bto")
    projected = own.output(value)
    call.same(last.output(mixed.output(projected)))
    of_mixed = call.rule(last, mixed.output(projected), relevance)
    of_projected = call.rule(mixed, projected, of_mixed.relevance)
    of_value = call.rule(own, value, of_projected.relevance)
    parts = (of_mixed, of_projected, of_value)
    return call.only(of_value.relevance, sum(p.bias for p in parts), sum(p.stabiliser for p in parts), place)


def attention_scores(call):
    """Weights of the frames, (batch, heads, queries, keys).

    Of a query that may look at none, Keras hands out zeros; what it computes with, unless it drops out, are equal ones.
    """
    scores = call.run(call.tensors, return_attention_scores=True)[1]
    if call.layer.dropout > 0:
        return scores
    nowhere = ops.sum(scores, axis=-1, keepdims=True) == 0
    return ops.where(nowhere, 1.0 / scores.shape[-1], scores)


def _einsum(dense, equation) -> Affine:
    kernel = weight(dense.kernel)
    bias = ops.zeros(()) if dense.bias is None else weight(dense.bias)
    return Affine(lambda v, k: ops.einsum(equation, v, k), kernel, bias)
