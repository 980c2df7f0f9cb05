"""Settings to plain JSON, and that to a hash: what would do the same work has the same."""

import hashlib
import inspect
import json
import types
from pathlib import Path

import numpy as np
from sklearn.frozen import FrozenEstimator

from gaitlib.errors import GaitDataError
from gaitlib.saving.names import ALLOWED_PACKAGES, public_path

PLAIN = (type(None), bool, int, str)


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
        elif hasattr(value, "__sklearn_clone__") and value.__sklearn_clone__() is value:  # so it is here
            return described | {"fitted": of(vars(value))}
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
