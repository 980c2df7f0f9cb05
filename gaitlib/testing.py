"""The contracts of steps and builders as checks: those that gaitlib's own parts pass, for parts of your own."""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.base import clone

from gaitlib import saving
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL, Builder, Head
from gaitlib.models.contract import check_network
from gaitlib.preprocessing import Samples
from gaitlib.training import predict_network
from gaitlib.trials import TrialSet

TOLERANCE = 1e-5  # of float32 sums in another order


def check_step(step, trials, custom_objects=None) -> None:
    """Check that a step may stand in a pipeline that is fitted inside folds.

    1. Parameters are stored as they are given, so that clones and grid searches work.
    2. Anything but a TrialSet is refused; the trials given are left as they were.
    3. What learns writes the ids that it was fitted on into the history, and no others.
    4. A trial comes out the same whether it is transformed alone or among others.
    5. Trials keep their order; channels have names, frames their numbers.
    6. Saved and loaded it does the same.

    Parameters
    ----------
    step : Step
        Not fitted.
    trials : TrialSet
        At least two trials that the step can read.
    custom_objects : dict, optional
        Your own functions or classes that the step holds, by name; the step's own class is known.

    Raises
    ------
    GaitDataError
        Names the contract that is broken, and what to do.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> from gaitlib.preprocessing import Crop
    >>> trials = TrialSet.from_arrays({"emg": [np.ones((9, 2))] * 3}, subject=["a", "b", "c"])
    >>> check_step(Crop(5, modality="emg"), trials)
    """
    name = type(step).__name__
    _check_parameters(step, name)
    step = clone(step)
    for call in ("fit", "transform"):
        own = step if call == "fit" else clone(step).fit(trials)
        _refuses(getattr(own, call), np.ones((3, 2)), f"{name}.{call}", "a TrialSet")
    before, learnt_from = trials.digest(), trials[: max(1, len(trials) - 1)]
    fitted = step.fit(learnt_from)
    made = fitted.transform(trials)
    _require(trials.digest() == before, name, "changes the trials that it is given; work on copies")
    if isinstance(made, TrialSet):
        entry = made.history[-1] if len(made.history) > len(trials.history) else None
        _require(entry is not None, name, "writes nothing into the history; derive from gaitlib.preprocessing.Step")
        strangers = set(entry.fitted_on) - set(learnt_from.ids)
        _require(
            not strangers, name, f"says that it learnt from {', '.join(sorted(strangers)[:3])}, which it never saw"
        )
        _check_layout(made, name)
    ids = made.ids if isinstance(made, TrialSet) else made.trial
    order = [list(trials.ids).index(i) for i in ids]
    _require(order == sorted(order), name, "changes the order of the trials")
    for i in (0, len(trials) - 1):
        alone, among = fitted.transform(trials[i : i + 1]), made
        _same(alone, _of_trial(among, trials.ids[i]), name, "gives a trial another value alone than among others")
    with tempfile.TemporaryDirectory() as folder:
        saving.save_state({"step": fitted}, Path(folder, "step"))
        loaded = saving.load_state(Path(folder, "step"), {name: type(step)} | (custom_objects or {}))["step"]
    _same(loaded.transform(trials), made, name, "does something else after it was saved and loaded")


def check_builder(builder, inputs=None, n_classes=3, padded=None) -> None:
    """Check that a builder makes a network that GaitClassifier can train, store and trust.

    1. Inputs bear the names of the modalities; the output is linear, one value a class.
    2. Built twice it is the same network but for its first weights; saved and loaded it predicts the same.
    3. A prediction does not change when padding (frames of zeros at the end) is added to a sequence.

    Parameters
    ----------
    builder : callable, str or Builder
        ``function(inputs, heads) -> keras.Model``, or what else GaitClassifier takes as a model.
    inputs : dict of str to tuple, optional
        Shapes without the batch, such as ``{"emg": (40, 8)}``; default a skeleton of 24 frames and 6 channels.
    n_classes : int
    padded : sequence of str, optional
        Which inputs are sequences that may end in padding; default all of two axes. A network with weights for every
        point of a sequence cannot be padded and is not asked.

    Raises
    ------
    GaitDataError
        Names the contract that is broken, and what to do.
    """
    import keras

    builder = builder if isinstance(builder, Builder) else Builder(builder)
    inputs, name, heads = inputs or {"skeleton": (24, 6)}, builder.name, {LABEL: Head("class", n_classes)}
    network, again = (builder.build_network(inputs, heads) for _ in range(2))
    names = [x.name for x in network.inputs]
    _require(set(names) == set(inputs), name, f"names its inputs {names}; name them {list(inputs)}, as the modalities")
    check_network(network, heads, name)
    shapes = [[w.shape for w in n.weights] for n in (network, again)]
    _require(shapes[0] == shapes[1], name, "builds another network each time; draw nothing outside the layers")
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(4, *shape)).astype(np.float32) for m, shape in inputs.items()}
    told = predict_network(network, x)
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder, "network.keras"))
        loaded = keras.saving.load_model(Path(folder, "network.keras"), compile=False, safe_mode=True)
    same = np.allclose(predict_network(loaded, x), told, atol=TOLERANCE)
    _require(same, name, "predicts something else after it was saved and loaded; register layers of your own")
    for modality in [m for m, shape in inputs.items() if len(shape) == 2] if padded is None else padded:
        if (longer := _longer(builder, inputs, heads, modality, network)) is not None:
            more = x | {modality: np.pad(x[modality], ((0, 0), (0, inputs[modality][0]), (0, 0)))}
            moved = np.abs(predict_network(longer, more) - told).max()
            _require(
                moved <= TOLERANCE, name,
                f"changes its prediction by {moved:.2g} when '{modality}' is padded; pool by a mask of the frames that "
                "are not all zero, as gaitlib.models.layers does",
            )  # fmt: skip


def _check_parameters(step, name):
    for key, value in step.get_params(deep=False).items():
        kept = type(step)(**{**step.get_params(deep=False), key: value}).get_params(deep=False)[key]
        _require(kept is value, name, f"changes its parameter '{key}' in __init__; store it as it is")


def _check_layout(made, name):
    for modality, m in made.modalities.items():
        for trial, values, frames in zip(
            made.ids, m.values, m.frames if m.frames is not None else m.values, strict=True
        ):
            if values is None:
                continue
            n = np.shape(values)[-1]
            named = len(m.channels) == n
            _require(named, name, f"gives '{modality}' of {trial} {n} channels and {len(m.channels)} names")
            numbered = m.kind != "sequence" or len(frames) == len(values)
            _require(
                numbered, name, f"gives '{modality}' of {trial} {len(values)} frames and {len(frames)} frame numbers"
            )


def _of_trial(made, trial):
    """The rows of one trial."""
    if isinstance(made, TrialSet):
        return made[made.ids == trial]
    rows = np.asarray(made.trial) == trial
    return Samples({m: x[rows] for m, x in made.inputs.items()}, made.trial[rows], made.channels)


def _same(ours, theirs, name, otherwise):
    """Refuse other values than before; a step may leave numbers out that it could not tell."""
    for a, b in zip(_arrays(ours), _arrays(theirs), strict=True):
        equal = (a is None) == (b is None) and (a is None or np.shape(a) == np.shape(b))
        equal = equal and (a is None or np.allclose(a, b, atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True))
        _require(equal, name, otherwise)


def _arrays(made) -> list:
    if isinstance(made, TrialSet):
        return [values for m in made.modalities.values() for values in m.values]
    return list(made.inputs.values())


def _longer(builder, inputs, heads, modality, network):
    """The same network for sequences of twice the length, None where a length is fixed in its weights."""
    longer = inputs | {modality: (2 * inputs[modality][0], inputs[modality][1])}
    try:
        built = builder.build_network(longer, heads)
        built.set_weights(network.get_weights())
    except ValueError:  # another number of weights: every point has its own
        return None
    return built


def _refuses(call, wrong, who, what):
    try:
        call(wrong)
    except GaitDataError:
        return
    except Exception as error:
        raise GaitDataError(f"{who} meets what is not {what} with {type(error).__name__}; refuse it") from error
    raise GaitDataError(f"{who} takes what is not {what}; refuse it")


def _require(kept, who, otherwise):
    if not kept:
        raise GaitDataError(f"{who} {otherwise}")
