"""Objects to JSON and arrays and back, without pickle.

A fitted step, scikit-learn transformer or classical model is written as its class path, its attributes as JSON, and
its arrays in an ``.npz``. Loading makes objects of the classes that :mod:`gaitlib.saving.names` derives, and of the
caller's, and runs no code from the file.
"""

import json
import types

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree._tree import Tree
from sklearn.utils import Bunch

from gaitlib.errors import GaitDataError
from gaitlib.saving import names
from gaitlib.saving.compiled import check_compiled, make_tree
from gaitlib.trials.arrays import read_arrays

PLAIN = (type(None), bool, int, str)
NUMBERS = "biufSU"  # kinds of types that a file may name


def save_state(state: dict, path) -> None:
    """Write a dict of attributes to ``<path>.json`` and ``<path>.npz``.

    Raises
    ------
    GaitDataError
        For an attribute that cannot be saved safely, such as a lambda.
    """
    arrays: dict[str, np.ndarray] = {}
    encoded = {name: _encode(value, arrays, name) for name, value in state.items()}
    path.with_suffix(".json").write_text(json.dumps(encoded))
    np.savez(path.with_suffix(".npz"), **arrays)


def check_can_be_saved(state: dict) -> None:
    """Raise what :func:`save_state` would raise, before hours of training."""
    for name, value in state.items():
        _encode(value, {}, name)


def load_state(path, custom_objects=None) -> dict:
    """Read what :func:`save_state` wrote.

    Raises
    ------
    GaitDataError
        If a file is missing or damaged, or asks for an object that is neither gaitlib's, scikit-learn's nor in
        ``custom_objects``.
    """
    try:
        encoded = json.loads(path.with_suffix(".json").read_text())
        arrays = read_arrays(path.with_suffix(".npz"))
    except FileNotFoundError as error:
        raise GaitDataError(f"{error.filename}: no such file; is this a folder written by save()?") from None
    except Exception as error:  # a damaged zip can raise nearly anything
        raise GaitDataError(f"{path}: damaged ({error})") from error
    try:
        return {name: _decode(value, arrays, custom_objects or {}) for name, value in encoded.items()}
    except GaitDataError as error:
        raise GaitDataError(f"{path}: {error}") from error
    except Exception as error:  # what a file can hold is without end, and so is what that can raise
        raise GaitDataError(f"{path}: damaged or of another version ({type(error).__name__}: {error})") from error


def _encode(value, arrays, place):
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_encode(v, arrays, f"{place}[{i}]") for i, v in enumerate(value)]}
    if isinstance(value, dict):
        kind = "bunch" if isinstance(value, Bunch) else "dict"
        pairs = [[_encode(k, arrays, place), _encode(v, arrays, f"{place}[{k!r}]")] for k, v in value.items()]
        return {kind: pairs}
    if isinstance(value, np.generic):
        return {"scalar": _keep(np.asarray(value), arrays)}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return {"objects": [_encode(v, arrays, place) for v in value.ravel()], "shape": list(value.shape)}
        return {"array": _keep(value, arrays)}
    if isinstance(value, Tree):
        _, arguments, state = value.__reduce__()
        return {"tree": _encode([*arguments, state], arrays, place)}
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return {"dtype" if isinstance(value, np.dtype) else "number": np.dtype(value).str}
    if isinstance(value, types.FunctionType):
        return {"name": _name(value, place)}
    if isinstance(value, BaseEstimator):
        return {"object": _name(type(value), place), "state": _encode(_state(value, place), arrays, place)}
    raise GaitDataError(
        f"{place}: a {type(value).__name__} cannot be saved safely; use gaitlib's or scikit-learn's parts, such "
        'as neighbours found by algorithm="brute"'
    )


def _state(made, place) -> dict:
    """The attributes of an object, all of which may be loaded again."""
    try:
        _check_attributes(type(made), vars(made))
    except GaitDataError as error:
        raise GaitDataError(f"{place}: cannot be saved safely: {error}") from None
    return vars(made)


def _keep(array, arrays) -> str:
    key = f"a{len(arrays)}"
    arrays[key] = array
    return key


def _name(thing, place) -> str:
    if "<" in thing.__qualname__:
        raise GaitDataError(f"{place}: '{thing.__qualname__}' cannot be saved; define it by name in a module")
    return names.public_path(thing)


def _decode(value, arrays, custom):
    if isinstance(value, (*PLAIN, float)):
        return value
    kind, content = next(iter(value.items()))
    match kind:
        case "float":
            return float(content)
        case "list" | "tuple":
            items = [_decode(v, arrays, custom) for v in content]
            return items if kind == "list" else tuple(items)
        case "dict" | "bunch":
            pairs = {_decode(k, arrays, custom): _decode(v, arrays, custom) for k, v in content}
            return pairs if kind == "dict" else Bunch(**pairs)
        case "scalar":
            return arrays[content][()]
        case "array":
            return arrays[content]
        case "objects":
            out = np.empty(len(content), dtype=object)
            for i, item in enumerate(content):
                out[i] = _decode(item, arrays, custom)
            return out.reshape(value["shape"])
        case "tree":
            return make_tree(*_decode(content, arrays, custom))
        case "dtype":
            return _number_type(content)
        case "number":
            return _number_type(content).type
        case "name":
            return names.function_named(content, custom)
        case "object":
            return _make(names.class_named(content, custom), _decode(value["state"], arrays, custom))
    raise GaitDataError(f"unknown entry '{kind}'")


def _number_type(name) -> np.dtype:
    dtype = np.dtype(str(name))
    if dtype.kind not in NUMBERS:
        raise GaitDataError(f"'{name}' is no type of numbers")
    return dtype


def _make(cls, state):
    """An object with these attributes, as ``__init__`` and ``fit`` could have set them."""
    _check_attributes(cls, state)
    made = cls.__new__(cls)
    vars(made).update(state)
    check_compiled(made)
    return made


def _check_attributes(cls, state) -> None:
    if missing := [name for name in names.parameters(cls) if name not in state]:
        raise GaitDataError(f"a {cls.__name__} without '{missing[0]}'; install the versions that it was saved with")
    if cls.__module__.split(".")[0] not in names.ALLOWED_PACKAGES:  # the caller's: it may set what it likes
        foreign = [name for name in state if names.is_own_member(cls, name)]
    elif names.may_be_made(cls):
        foreign = sorted(state.keys() - names.attributes(cls))
    else:
        raise GaitDataError(f"{cls.__name__} is not among what a file may ask for")
    if "memory" in names.parameters(cls) and state["memory"] is not None:
        raise GaitDataError(f"a {cls.__name__} with memory= would unpickle what lies there; leave memory= out")
    if foreign:
        raise GaitDataError(f"'{foreign[0]}' is nothing that {cls.__name__} sets")
