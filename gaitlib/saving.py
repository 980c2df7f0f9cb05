"""Objects to JSON and arrays and back, without pickle; and objects to plain specs for hashing.

A fitted step, scikit-learn transformer or classical model is written as its class path, its attributes as JSON, and
its arrays in an ``.npz``. Loading makes objects of gaitlib's, scikit-learn's and the caller's own classes only, and
runs no code from the file.
"""

import hashlib
import importlib
import inspect
import json
import sys
import types
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.tree._tree import Tree
from sklearn.utils import Bunch

from gaitlib.errors import GaitDataError

ALLOWED_PACKAGES = ("gaitlib", "sklearn")
PLAIN = (type(None), bool, int, str)


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
        with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except FileNotFoundError as error:
        raise GaitDataError(f"{error.filename}: no such file; is this a folder written by save()?") from None
    except Exception as error:  # a damaged zip can raise nearly anything
        raise GaitDataError(f"{path}: damaged ({error})") from error
    try:
        return {name: _decode(value, arrays, custom_objects or {}) for name, value in encoded.items()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ImportError) as error:
        if isinstance(error, GaitDataError):
            raise
        raise GaitDataError(f"{path}: damaged or of another version ({error})") from error


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
    if isinstance(value, (type, types.FunctionType)):
        return {"name": _name(value, place)}
    if isinstance(value, BaseEstimator) or type(value).__module__.split(".")[0] in ALLOWED_PACKAGES:
        return {"object": _name(type(value), place), "state": _encode(vars(value), arrays, place)}
    raise GaitDataError(
        f"{place}: a {type(value).__name__} cannot be saved safely; use gaitlib's or scikit-learn's parts"
    )


def _keep(array, arrays) -> str:
    key = f"a{len(arrays)}"
    arrays[key] = array
    return key


def _name(thing, place) -> str:
    if "<" in thing.__qualname__:
        raise GaitDataError(f"{place}: '{thing.__qualname__}' cannot be saved; define it by name in a module")
    return public_path(thing)


def public_path(thing) -> str:
    """``module:qualname`` of a class or function, by the highest package that hands it on: files inside may move.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> public_path(StandardScaler)
    'sklearn.preprocessing:StandardScaler'
    """
    parts = thing.__module__.split(".")
    for n in range(1, len(parts)) if parts[0] in ALLOWED_PACKAGES else ():
        package = sys.modules.get(".".join(parts[:n]))
        if getattr(package, thing.__qualname__, None) is thing:
            return f"{package.__name__}:{thing.__qualname__}"
    return f"{thing.__module__}:{thing.__qualname__}"


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
            return _decode_tree(*_decode(content, arrays, custom))
        case "name":
            return _resolve(content, custom)
        case "object":
            cls = _resolve(content, custom)
            if not isinstance(cls, type):
                raise GaitDataError(f"'{content}' is no class")
            made = cls.__new__(cls)
            vars(made).update(_decode(value["state"], arrays, custom))
            return made
    raise GaitDataError(f"unknown entry '{kind}'")


def _decode_tree(n_features, n_classes, n_outputs, state) -> Tree:
    nodes = state["nodes"]
    children = np.concatenate([nodes["left_child"], nodes["right_child"]])
    inner = nodes["left_child"] >= 0
    if children.max() >= len(nodes) or children.min() < -1 or (nodes["feature"][inner] >= n_features).any():
        raise GaitDataError("a decision tree in the file points outside itself")
    tree = Tree(n_features, n_classes, n_outputs)
    tree.__setstate__(state)
    return tree


def _resolve(name, custom):
    """A class or function by ``module:qualname``, the caller's own first, else from the allowed packages."""
    module, _, qualname = name.partition(":")
    if qualname in custom:
        return custom[qualname]
    if module.split(".")[0] not in ALLOWED_PACKAGES:
        raise GaitDataError(
            f"the file asks for '{qualname}' of '{module}'; if it is yours, "
            f"load with custom_objects={{'{qualname}': {qualname}}}"
        )
    thing = _find(module, qualname)
    # An allowed module may have imported something that is not: look where the thing itself is from.
    if getattr(thing, "__module__", "").split(".")[0] not in ALLOWED_PACKAGES or not callable(thing):
        raise GaitDataError(f"'{name}' may not be loaded from a file")
    return thing


def _find(module, qualname):
    """What a path names; where the file has moved since, what the package above it hands on under that name."""
    try:
        thing = importlib.import_module(module)
        for part in qualname.split("."):
            thing = getattr(thing, part)
        return thing
    except (ImportError, AttributeError):
        if "." not in module:
            raise
        return _find(module.rpartition(".")[0], qualname)


# -- specs for hashing -----------------------------------------------------------------------------------


def spec(value, with_source=True):
    """A plain JSON description of settings: classes by path, functions with their source, arrays by digest.

    Two settings have the same spec if and only if they would do the same work. Without the source of a user's parts
    it can be told in a process that does not have their files, too.
    """

    def of(part):
        return spec(part, with_source)

    if isinstance(value, (*PLAIN, float)):
        return value if not isinstance(value, float) or np.isfinite(value) else repr(value)
    if isinstance(value, (list, tuple)):
        return [of(v) for v in value]
    if isinstance(value, dict):
        return {str(k): of(v) for k, v in sorted(value.items(), key=lambda pair: str(pair[0]))}
    if isinstance(value, np.generic):
        return of(value.item())
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype.hasobject else None
        digest = hashlib.blake2b(np.ascontiguousarray(value), digest_size=16).hexdigest() if content is None else None
        return {"array": [str(value.dtype), list(value.shape), digest or of(content)]}
    if isinstance(value, (type, types.FunctionType)):
        described = {"name": public_path(value)}
        return described | ({"source": _source(value)} if with_source else {})
    if hasattr(value, "get_params"):
        described = {"class": public_path(type(value))}
        if with_source and type(value).__module__.split(".")[0] not in ALLOWED_PACKAGES:
            described["source"] = _source(type(value))
        if isinstance(value, FrozenEstimator):  # what it has learnt is a setting
            described["fitted"] = of(vars(value.estimator))
        return described | {"params": of(value.get_params(deep=False))}
    if hasattr(value, "__dict__"):
        return {"class": public_path(type(value)), "state": of(vars(value))}
    raise GaitDataError(f"a {type(value).__name__} in the settings cannot be described; use plain values")


def _source(thing) -> str:
    """The source of a function or class and of its whole file, for the helpers that it calls."""
    try:
        file = inspect.getsourcefile(thing)
        helpers = Path(file).read_text() if file and Path(file).exists() else ""
        return inspect.getsource(thing) + helpers
    except (OSError, TypeError):
        raise GaitDataError(
            f"the source of '{thing.__qualname__}' cannot be read, so results with it cannot be kept apart from "
            "others; define it in a file or a notebook cell"
        ) from None


def digest(value, with_source=True) -> str:
    """Hash of the canonical JSON of :func:`spec`."""
    text = json.dumps(spec(value, with_source), sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
