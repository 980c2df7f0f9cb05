"""Relevance through recurrent layers: GRU, LSTM, and both read in two directions.

Where a gate meets a signal the signal takes all (Arras et al. 2017, https://doi.org/10.18653/v1/W17-5221); sums, of the
old and the new state and inside the new one, are shared by the epsilon rule; tanh passes relevance on. The states are
computed anew, as Keras does not hand out those of the way.
"""

import keras
from keras import layers, ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.layerwise.calls import handles, weight
from gaitlib.explain.layerwise.layers import check_activation
from gaitlib.explain.layerwise.rules import per_sample, stabilised


@handles(layers.GRU, layers.LSTM)
def one_direction(call, relevance):
    output, *share = _through(call.layer, call, _frames_first(call.layer, relevance, call.x))
    call.same(output)
    return call.only(*share)


@handles(layers.Bidirectional)
def bidirectional(call, relevance):
    """Each direction takes the relevance of its own half of the output."""
    layer = call.layer
    if layer.merge_mode != "concat":
        raise GaitDataError(
            f"no rule for the Bidirectional layer '{layer.name}' with merge_mode='{layer.merge_mode}': use 'concat'"
        )
    outputs, total, bias, stabiliser = [], 0, 0, 0
    halves = ops.split(relevance, [layer.forward_layer.units], axis=-1)
    for inner, half in zip((layer.forward_layer, layer.backward_layer), halves, strict=True):
        if type(inner) not in _PARTS:
            raise GaitDataError(f"no rule for Bidirectional({type(inner).__name__}) '{layer.name}'")
        turned = inner is layer.backward_layer and inner.return_sequences  # Keras turns its frames, whatever it reads
        at_states = _frames_first(inner, half, call.x)
        output, *own = _through(inner, call, ops.flip(at_states, axis=0) if turned else at_states)
        outputs.append(ops.flip(output, axis=1) if turned else output)
        total, bias, stabiliser = total + own[0], bias + own[1], stabiliser + own[2]
    call.same(ops.concatenate(outputs, axis=-1))
    return call.only(total, bias, stabiliser)


def _frames_first(layer, relevance, x):
    """Relevance of the state after every frame, (frames, batch, units)."""
    if layer.return_sequences:
        return ops.transpose(relevance, (1, 0, 2))
    frames = x.shape[1]
    return ops.concatenate([ops.zeros((frames - 1, *ops.shape(relevance)), relevance.dtype), relevance[None]])


def _through(layer, call, relevance):
    """The output computed anew, relevance of the frames read, and what went to bias and stabiliser."""
    states, back = _PARTS[type(layer)]
    epsilon = call.epsilon().epsilon
    _check(layer)
    if any(x is not call.mask for x in call.tensors[1:]):
        raise GaitDataError(f"no rule for the first state that is given to '{layer.name}': let it start from zero")
    kernel, recurrent = weight(layer.cell.kernel), weight(layer.cell.recurrent_kernel)
    bias = weight(layer.cell.bias) if layer.use_bias else ops.zeros(kernel.shape[-1:])
    input_bias, recurrent_bias = (bias[0], bias[1]) if len(bias.shape) == 2 else (bias, ops.zeros_like(bias))
    if call.before is not None:
        input_bias, kernel = input_bias + ops.matmul(call.before.shift, kernel), kernel * call.before.scale[:, None]
    x = ops.transpose(call.x, (1, 0, 2))
    mask = ops.ones(ops.shape(x)[:2], "bool") if call.mask is None else ops.transpose(ops.cast(call.mask, "bool"))
    if layer.go_backwards:
        x, mask = ops.flip(x, axis=0), ops.flip(mask, axis=0)
    real, given = ops.cast(mask, x.dtype)[..., None], relevance
    if layer.zero_output_for_mask:  # as Bidirectional sets it: padding has no state to give relevance to
        relevance = given * real
    cut = ops.sum(given - relevance, axis=(0, 2))
    after, *steps = states(layer, ops.matmul(x, kernel) + input_bias, recurrent, recurrent_bias, real)
    output = after * real if layer.zero_output_for_mask else after
    shares, of_bias, of_stabiliser = back(layer, steps, recurrent, input_bias, recurrent_bias, real, relevance, epsilon)
    own = kernel[:, _new_state(layer)]
    total = x * ops.matmul(shares, ops.transpose(own))
    total = ops.flip(total, axis=0) if layer.go_backwards else total
    output = ops.transpose(output, (1, 0, 2)) if layer.return_sequences else output[-1]
    return output, ops.transpose(total, (1, 0, 2)), of_bias, of_stabiliser + cut


def _check(layer):
    if layer.stateful:
        raise GaitDataError(f"no rule for the stateful layer '{layer.name}'")
    check_activation(layer, layer.activation)
    if layer.recurrent_activation is not keras.activations.sigmoid:
        raise GaitDataError(f"'{layer.name}' has gates that are no sigmoids")


def _new_state(layer) -> slice:
    """Columns of a kernel that make the new state; the others make gates, which take no relevance."""
    n = layer.units
    return slice(2 * n, 3 * n)


# -- GRU: h = z h' + (1 - z) tanh(a) -------------------------------------------------------------------------


def _gru_states(layer, projected, recurrent, recurrent_bias, real):
    """New and old state, both gates and the sum a, of every step."""
    n = layer.units

    def step(carry, step_input):
        own, keep = step_input
        before = carry[0]
        if layer.reset_after:
            inner = ops.matmul(before, recurrent) + recurrent_bias
        else:
            inner = ops.matmul(before, recurrent[:, : 2 * n])
        z = ops.sigmoid(own[:, :n] + inner[:, :n])
        r = ops.sigmoid(own[:, n : 2 * n] + inner[:, n : 2 * n])
        if layer.reset_after:
            a = own[:, 2 * n :] + r * inner[:, 2 * n :]
        else:
            a = own[:, 2 * n :] + ops.matmul(r * before, recurrent[:, 2 * n :])
        after = z * before + (1 - z) * layer.activation(a)
        after = keep * after + (1 - keep) * before
        return (after, z, r, a), (after, z, r, a)

    zero = ops.zeros((ops.shape(projected)[1], n))
    after, z, r, a = ops.scan(step, (zero,) * 4, (projected, real))[1]
    before = ops.concatenate([zero[None], after[:-1]])
    return after, before, z, r, a


def _gru_back(layer, steps, recurrent, input_bias, recurrent_bias, real, relevance, epsilon):
    own = recurrent[:, _new_state(layer)]
    own_input_bias, own_recurrent_bias = input_bias[_new_state(layer)], recurrent_bias[_new_state(layer)]

    def step(carry, step_input):
        carried, _, bias, stabiliser = carry
        before, z, r, a, keep, given = step_input
        at_state = carried + given
        new = (1 - z) * layer.activation(a)
        h = z * before + new
        share = keep * at_state / stabilised(h, epsilon)
        at_sum = new * share
        share_of_sum = at_sum / stabilised(a, epsilon)
        if layer.reset_after:
            through = before * ops.matmul(r * share_of_sum, ops.transpose(own))
            own_bias = own_input_bias + r * own_recurrent_bias
        else:
            through = r * before * ops.matmul(share_of_sum, ops.transpose(own))
            own_bias = own_input_bias
        bias = bias + per_sample(own_bias * share_of_sum)
        stabiliser = stabiliser + per_sample(keep * at_state - h * share + at_sum - a * share_of_sum)
        after = z * before * share + through + (1 - keep) * at_state
        return (after, share_of_sum, bias, stabiliser), (after, share_of_sum, bias, stabiliser)

    zero = ops.zeros_like(relevance[0])
    none = per_sample(zero)
    (left, _, bias, stabiliser), outputs = ops.scan(
        step, (zero, zero, none, none), (*steps, real, relevance), reverse=True
    )
    return outputs[1], bias, stabiliser + per_sample(left)


# -- LSTM: c = f c' + i tanh(a), h = o tanh(c) ---------------------------------------------------------------


def _lstm_states(layer, projected, recurrent, recurrent_bias, real):
    """New state; old state, old memory, the gates i and f, and the sum a, of every step."""

    def step(carry, step_input):
        own, keep = step_input
        state, memory = carry[:2]
        i, f, a, o = ops.split(own + ops.matmul(state, recurrent), 4, axis=-1)
        i, f, o = ops.sigmoid(i), ops.sigmoid(f), ops.sigmoid(o)
        new_memory = f * memory + i * layer.activation(a)
        new_state = keep * o * layer.activation(new_memory) + (1 - keep) * state
        new_memory = keep * new_memory + (1 - keep) * memory
        made = (new_state, new_memory, i, f, a)
        return made, made

    zero = ops.zeros((ops.shape(projected)[1], layer.units))
    state, memory, i, f, a = ops.scan(step, (zero,) * 5, (projected, real))[1]
    before = [ops.concatenate([zero[None], v[:-1]]) for v in (state, memory)]
    return state, *before, i, f, a


def _lstm_back(layer, steps, recurrent, input_bias, recurrent_bias, real, relevance, epsilon):
    own, own_bias = recurrent[:, _new_state(layer)], input_bias[_new_state(layer)]

    def step(carry, step_input):
        at_state, at_memory, _, bias, stabiliser = carry
        state, memory, i, f, a, keep, given = step_input
        at_state = at_state + given
        arrived = keep * (at_memory + at_state)
        new = i * layer.activation(a)
        c = f * memory + new
        share = arrived / stabilised(c, epsilon)
        at_sum = new * share
        share_of_sum = at_sum / stabilised(a, epsilon)
        bias = bias + per_sample(own_bias * share_of_sum)
        stabiliser = stabiliser + per_sample(arrived - c * share + at_sum - a * share_of_sum)
        made = (
            state * ops.matmul(share_of_sum, ops.transpose(own)) + (1 - keep) * at_state,
            f * memory * share + (1 - keep) * at_memory,
            share_of_sum,
            bias,
            stabiliser,
        )
        return made, made

    zero = ops.zeros_like(relevance[0])
    none = per_sample(zero)
    (state, memory, _, bias, stabiliser), outputs = ops.scan(
        step, (zero, zero, zero, none, none), (*steps, real, relevance), reverse=True
    )
    return outputs[2], bias, stabiliser + per_sample(state + memory)


_PARTS = {layers.GRU: (_gru_states, _gru_back), layers.LSTM: (_lstm_states, _lstm_back)}
