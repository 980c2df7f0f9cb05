"""Read a network from a ``.keras`` file that somebody else may have written."""

import functools
import json
import zipfile

import keras

from gaitlib.errors import GaitDataError

# Where a class of Keras may be from: no Lambda, no layer that opens a file or wraps another library
ROOMS_OF_KERAS = (
    "activations", "backend", "constraints", "dtype_policies", "initializers", "layers", "models", "ops",
    "regularizers",
)  # fmt: skip
REFUSED = ("layers.core.lambda_layer", "layers.preprocessing", "layers.core.wrapper")
CODE = ("__lambda__", "__typespec__")


def load_network(file, custom_objects=None):
    """A network of the layers of Keras, of gaitlib and of the caller, which runs nothing else.

    Keras' safe mode refuses code in the file; here every class that the file names is looked up, too, before Keras
    makes anything.

    Raises
    ------
    GaitDataError
        If the file is damaged, holds no network, or names another class.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
        for entry in _entries({**config, "compile_config": None}):  # how it was trained is not read
            _check_entry(entry, custom_objects or {})
        network = keras.saving.load_model(file, custom_objects=custom_objects, compile=False, safe_mode=True)
    except GaitDataError as error:
        raise GaitDataError(f"{file}: {error}") from None
    except Exception as error:  # a damaged archive can raise nearly anything
        raise GaitDataError(
            f"{file} is damaged, or holds layers of your own that must be given in custom_objects= ({error})"
        ) from error
    if not isinstance(network, keras.Model):
        raise GaitDataError(f"{file} is damaged: it holds a {type(network).__name__}, no network")
    return network


def _entries(value):
    """Every object that a configuration describes."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        value = value.values()
    if not isinstance(value, str):
        for part in value if hasattr(value, "__iter__") else ():
            yield from _entries(part)


def _check_entry(entry, custom) -> None:
    name, module = entry["class_name"], entry.get("module")
    known_as = entry.get("config") if name == "function" else entry.get("registered_name") or name
    if isinstance(known_as, str) and keras.saving.get_registered_object(known_as, custom_objects=custom) is not None:
        return
    if module in (None, "builtins") and name not in CODE:  # an activation, a shape: Keras looks among its own only
        return
    found = _of_keras(str(module), str(known_as if name == "function" else name))
    home = getattr(found, "__module__", "").removeprefix("keras.src.")
    if not home.startswith(ROOMS_OF_KERAS) or home.startswith(REFUSED):
        raise GaitDataError(
            f"the network holds '{name}' of '{module}', which may not be loaded from a file; if it is yours, give it "
            "in custom_objects="
        )


def _of_keras(module, name):
    """What Keras hands on under a name, without importing anything."""
    first, *inner = module.split(".")
    try:
        return functools.reduce(getattr, [*inner, name], keras) if first == "keras" else None
    except AttributeError:
        return None
