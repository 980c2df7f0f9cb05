"""What every explanation asks for: a network that ends in logits, the arrays that it reads, a class for each sample."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import compiled, in_batches
from gaitlib.explain.keras_internals import graph_of, is_quantised, layers_of, maker_of, once_a_network
from gaitlib.models.contract import as_read, ends_in_probabilities


def checked(network, inputs, target):
    """What an explanation starts from.

    Parameters
    ----------
    network : keras.Model
    inputs : dict of str to ndarray
        By the names of the network's inputs, samples first.
    target : int, or sequence of int (n,)

    Returns
    -------
    inputs : dict of str to ndarray
        float32, in the order of the network's inputs.
    target : ndarray of int (n,)

    Raises
    ------
    GaitDataError
        For a network that does not end in logits, or whose predictions are no function of a trial alone (stateful
        layers) or have no gradient (quantised ones); for arrays that it does not read; for classes that there are not.
    """
    _check_graph(network)
    inputs, n = _arrays(network, inputs)
    if _ends_in_probabilities(network, tuple((name, x.shape[1:]) for name, x in inputs.items())):
        raise GaitDataError(
            f"'{network.name}' ends in probabilities (softmax or sigmoid in a nested model, a function or a layer "
            "before the last), which mix the classes: explain the logits, from a model that ends in a Dense layer "
            "without activation (apply softmax outside)"
        )
    return inputs, _classes(target, n, network.output_shape[-1])


def by_name(network, inputs) -> dict:
    """Arrays by the names of the network's inputs; the only one may be given as it is."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    _check_graph(network)
    return {network.inputs[0].name: inputs}


def _check_graph(network) -> None:
    """Refuse a network that cannot be explained, whatever it reads."""
    if graph_of(network) is None:
        raise GaitDataError(
            f"'{network.name}' is no functional model: relevance needs its graph; build it as keras.Model(x, y)"
        )
    if len(network.outputs) != 1:
        raise GaitDataError(
            f"'{network.name}' has {len(network.outputs)} outputs; explain one: keras.Model(network.inputs, "
            "network.outputs[0])"
        )
    last = maker_of(network.outputs[0]).operation
    function = getattr(last, "activation", None)
    ends = None if function in (None, keras.activations.linear) else getattr(function, "__name__", str(function))
    if ends or type(last).__name__ in ("Softmax", "Sigmoid"):
        raise GaitDataError(
            f"'{network.name}' ends in {ends or type(last).__name__}, which mixes the classes: explain the logits, "
            "from a model that ends in a Dense layer without activation (apply softmax outside)"
        )
    if len(network.output_shape) != 2:
        raise GaitDataError(f"'{network.name}' gives {network.output_shape}; relevance needs (samples, classes)")
    for layer in layers_of(network):
        if getattr(layer, "stateful", False):
            raise GaitDataError(
                f"'{layer.name}' is stateful: what it says of a trial hangs on the trials before; build it with "
                "stateful=False and give it the same weights"
            )
        if is_quantised(layer):
            raise GaitDataError(
                f"'{layer.name}' is quantised ({layer.quantization_mode}): its steps have no gradient and no "
                "relevance; explain the network as it was before quantize()"
            )
    for x in network.inputs:
        if not keras.backend.is_float_dtype(x.dtype):
            raise GaitDataError(f"'{network.name}' reads '{x.name}' as {x.dtype}: relevance is of float values")


def _arrays(network, inputs) -> tuple[dict[str, np.ndarray], int]:
    """The arrays, where they are what the network reads, and the number of samples."""
    names = [x.name for x in network.inputs]
    wrong = [name for name in names if name not in inputs] or [name for name in inputs if name not in names]
    if wrong:
        what = "too" if wrong[0] in names else "no more"
        raise GaitDataError(f"the network reads {', '.join(names)}; give '{wrong[0]}' {what}")
    found = {}
    for x in network.inputs:
        try:
            array = np.asarray(inputs[x.name], np.float32)
        except (TypeError, ValueError) as error:
            raise GaitDataError(f"'{x.name}' is no array of numbers ({error}); pad samples to one length") from error
        shape = x.shape[1:]
        fits = array.ndim == 1 + len(shape) and all(b in (None, a) for a, b in zip(array.shape[1:], shape, strict=True))
        if not fits:
            whole = ", ".join("any" if n is None else str(n) for n in shape)
            alone = "; one sample alone needs its axis: x[None]" if array.ndim == len(shape) else ""
            raise GaitDataError(f"'{x.name}' has the shape {array.shape}; the network reads (samples, {whole}){alone}")
        if not np.isfinite(array).all():
            raise GaitDataError(f"'{x.name}': a number is not finite; fill or drop it before")
        found[x.name] = array
    sizes = {len(x) for x in found.values()}
    if len(sizes) > 1 or 0 in sizes:
        raise GaitDataError(f"the inputs hold {sorted(sizes)} samples; give at least one, and as many of each")
    return found, sizes.pop()


def _classes(target, n, n_classes) -> np.ndarray:
    """A class number for each sample."""
    if isinstance(target, str):
        raise GaitDataError(f"target '{target}': a plain network knows no class names; give class numbers")
    numbers = np.asarray(target)
    if numbers.dtype.kind not in "iuf" or numbers.ndim > 1 or not np.array_equal(numbers, np.rint(numbers)):
        raise GaitDataError(f"target {target}: class numbers are whole, one a sample or one for all")
    if numbers.ndim and len(numbers) != n:
        raise GaitDataError(f"{len(numbers)} classes for {n} samples; give one a sample, or one for all")
    numbers = np.broadcast_to(numbers.astype(int), n)
    unknown = numbers[(numbers < 0) | (numbers >= n_classes)]
    if len(unknown):
        raise GaitDataError(f"class {unknown[0]} of a network with {n_classes} classes")
    return numbers


@once_a_network
def _ends_in_probabilities(network, shapes) -> bool:
    return ends_in_probabilities(network, dict(shapes))


def check_trials(trials) -> None:
    """Refuse no trials, and a trial that is there twice: its windows would be taken for those of one trial.

    Raises
    ------
    GaitDataError
        Naming the trial.
    """
    if len(trials) == 0:
        raise GaitDataError("no trials to explain")
    ids, counts = np.unique(trials.ids, return_counts=True)
    if counts.max() > 1:
        raise GaitDataError(f"{ids[counts.argmax()]} is there {counts.max()} times; explain each trial once")


def check_finite(network, logits) -> None:
    """Refuse samples of which a network says nothing.

    Raises
    ------
    GaitDataError
        Naming the first.
    """
    finite = np.isfinite(logits).reshape(len(logits), -1).all(axis=1)
    if not finite.all():
        raise GaitDataError(
            f"'{network.name}' gives no finite logit for sample {np.argmin(finite)}; is it all padding, or far from "
            "what the network learnt? Leave it out"
        )


def all_logits(network, inputs):
    """Logits of a batch as the network predicts, (batch, n_classes); to be called inside a compiled function."""
    return network(as_read(network, inputs), training=False)


def target_logit(network, inputs, target):
    """The logit of the target class of each sample, (batch,); to be called inside a compiled function."""
    logits = ops.cast(all_logits(network, inputs), "float32")
    return ops.sum(logits * ops.one_hot(target, logits.shape[-1], dtype="float32"), axis=1)


def logits_of(network, inputs) -> np.ndarray:
    """Logits of all samples, (n, n_classes), float64."""
    return in_batches(_forward(network), inputs).astype(np.float64)


@once_a_network
def _forward(network):
    return compiled(lambda inputs: all_logits(network, inputs), network)
