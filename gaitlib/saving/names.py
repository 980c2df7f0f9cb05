"""What a saved file may name, and which attributes it may set. Both are derived; no module is imported at its word.

**Classes** are those of gaitlib's rooms that a classifier is made of, and those of scikit-learn's ``all_estimators()``,
less those that look up what a text names when they predict (:func:`looks_up_code`): such a text is code.

**Functions** are those that gaitlib registered (:func:`nameable`). It is the value of a parameter that counts, not that
it could be a function: ``ExtraTreesClassifier``, ``RidgeClassifierCV`` and ``SelectKBest`` of our own recipes have such
parameters, too. A kernel, a metric or the function of a ``FunctionTransformer`` is registered, the caller's or refused.

**Attributes** are those that the methods of the class set (:func:`attributes`), and none that it has itself: a file
cannot put something in the place of a method.
"""

import dis
import functools
import importlib
import inspect
import sys
import types

import sklearn
from sklearn.base import BaseEstimator
from sklearn.feature_selection import f_classif

from gaitlib.errors import GaitDataError

ALLOWED_PACKAGES = ("gaitlib", "sklearn")
ROOMS = ("preprocessing", "models", "training", "encoders")  # of gaitlib, whose classes a classifier is made of
SET_BY_HELPERS = ("n_features_in_", "feature_names_in_", "classes_")  # by functions of scikit-learn, on any estimator
METHODS = {"predict", "predict_proba", "decision_function"}
LOOKED_UP = ("_getter", "method_")  # ends of names whose text scikit-learn hands to getattr

_FUNCTIONS: dict[tuple[str, str], types.FunctionType] = {("sklearn", "f_classif"): f_classif}  # a default there


def nameable(function):
    """Decorator: a function of gaitlib's that a saved file may name, such as the score of a selection."""
    _FUNCTIONS[function.__module__.split(".")[0], function.__qualname__] = function
    return function


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


def function_named(path, custom) -> object:
    """What the caller gave under this name, else a registered function.

    Raises
    ------
    GaitDataError
        If it is neither.
    """
    return _named(path, custom, lambda module, name: _FUNCTIONS.get((module[0], name)))


def class_named(path, custom) -> type:
    """The caller's class of this name, else one that :func:`may_be_made`.

    Raises
    ------
    GaitDataError
        If it is neither.
    """
    found = _named(path, custom, lambda module, name: (_ours if module[0] == "gaitlib" else _of_sklearn)(module, name))
    if not isinstance(found, type):
        raise GaitDataError(f"'{path}' is no class")
    return found


@functools.cache
def may_be_made(cls) -> bool:
    """Whether a file may ask for objects of this class without the caller giving it.

    Examples
    --------
    >>> from sklearn.feature_selection import SelectFromModel, SelectKBest
    >>> may_be_made(SelectKBest), may_be_made(SelectFromModel)
    (True, False)
    """
    module = cls.__module__.split(".")
    if not issubclass(cls, BaseEstimator) or cls.__name__.startswith("_") or inspect.isabstract(cls):
        return False
    if module[0] == "gaitlib":
        return module[1] in ROOMS
    return module[0] == "sklearn" and not looks_up_code(cls)


@functools.cache
def looks_up_code(cls) -> bool:
    """Whether a text in a parameter or attribute names a method, an attribute or a function that prediction looks up.

    Told by scikit-learn's own constraints: a parameter that is any text or else a function, or one of several methods;
    and by the names of what is kept of them, ``importance_getter``, ``stack_method_``.
    """
    for constraints in getattr(cls, "_parameter_constraints", {}).values():
        choices = constraints if isinstance(constraints, list) else []
        if (str in choices and callable in choices) or any(METHODS & set(getattr(c, "options", ())) for c in choices):
            return True
    return any(name.endswith(LOOKED_UP) for name in attributes(cls))


@functools.cache
def attributes(cls) -> frozenset[str]:
    """Names that the methods of a class set, without those of its own methods, properties and the like."""
    names = {*SET_BY_HELPERS, *parameters(cls)}
    for base in cls.__mro__[:-1]:
        for member in vars(base).values():
            for function in _functions_of(member):
                names |= _set_in(function.__code__)
    return frozenset(name for name in names if not is_own_member(cls, name))


def learnt(classes) -> set[str]:
    """Names ending in ``_`` that the ``fit`` and ``_learn`` of these classes set, without those of their bases."""
    own = [vars(cls).get(name) for cls in classes for name in ("fit", "_learn")]
    found = set().union(*(_set_in(function.__code__) for member in own for function in _functions_of(member)))
    return {name for name in found if name.endswith("_")}


@functools.cache
def parameters(cls) -> tuple[str, ...]:
    """Names of the parameters of ``__init__``, without those that take any."""
    taken = inspect.signature(cls.__init__).parameters.values()
    return tuple(p.name for p in list(taken)[1:] if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))


def is_own_member(cls, name) -> bool:
    """Whether a class has a method, property or another descriptor of this name, which a file must not replace."""
    member = inspect.getattr_static(cls, name, None)
    return (name.startswith("__") and name.endswith("__")) or callable(member) or hasattr(type(member), "__get__")


def _named(path, custom, find):
    module, _, name = path.partition(":")
    if name in custom:
        return custom[name]
    if module.split(".")[0] not in ALLOWED_PACKAGES:
        raise GaitDataError(
            f"the file asks for '{name}' of '{module}'; if it is yours, load with custom_objects={{'{name}': {name}}}"
        )
    found = find(module.split("."), name)
    if found is None:
        raise GaitDataError(
            f"'{path}' may not be loaded from a file: it is no step, estimator or registered function of this version; "
            "learn again what an earlier version saved, else ask who made the file what it is for"
        )
    return found


def _ours(module, name) -> type | None:
    """A class of gaitlib by its name, wherever in the rooms its file lies by now."""
    return _our_classes().get(name)


@functools.cache
def _our_classes() -> dict[str, type]:
    for room in ROOMS:  # late: they are below this one
        importlib.import_module(f"gaitlib.{room}")
    found, pending = {}, [BaseEstimator]
    while pending:
        pending += (below := pending.pop().__subclasses__())
        found |= {cls.__qualname__: cls for cls in below if cls.__module__.startswith("gaitlib.") and may_be_made(cls)}
    return found


def _of_sklearn(module, name) -> type | None:
    """A class that a public package of scikit-learn hands on, or a module of it that it has imported itself."""
    if len(module) < 2 or module[1] not in sklearn.__all__:
        return None
    package = importlib.import_module(f"sklearn.{module[1]}")
    found = functools.reduce(lambda place, part: getattr(place, part, None), [*module[2:], name], package)
    of_it = isinstance(found, type) and found.__module__.startswith(package.__name__)
    return found if of_it and may_be_made(found) else None


def _functions_of(member):
    """The plain functions behind a method, property or a decorated method of a class."""
    parts = [member, *(getattr(member, name, None) for name in ("__func__", "fget", "fset", "func", "fn"))]
    return [f for f in map(inspect.unwrap, filter(callable, parts)) if isinstance(f, types.FunctionType)]


def _set_in(code) -> set[str]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"}
    return names.union(*(_set_in(part) for part in code.co_consts if isinstance(part, types.CodeType)))
