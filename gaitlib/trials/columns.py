"""What a user's own columns mean: ids of people and walks, labels, targets."""

import re
import unicodedata
from collections.abc import Mapping, Set

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.targets import Target, numbers_of

TABLE_COLUMNS = ("trial", "subject", "walk", "label", "source")
IF_ALIKE = ("refuse", "join", "apart")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def make_table(subject, walk, label, targets, trial, if_alike="refuse") -> pd.DataFrame:
    """The trial table of :meth:`TrialSet.from_arrays`."""
    if if_alike not in IF_ALIKE:
        raise GaitDataError(f"if_alike='{if_alike}' is none of {', '.join(IF_ALIKE)}")
    targets = dict(targets or {})
    for name in TABLE_COLUMNS:
        if name in targets:
            raise GaitDataError(f"a target '{name}' would replace that column of the trial table; give it another name")
    given = {"subject": subject, "walk": walk, "label": label, "trial": trial}
    given = {name: column for name, column in given.items() if column is not None or name == "subject"}
    declared = {name: target for name, target in targets.items() if isinstance(target, Target)}
    targets |= {name: target.values for name, target in declared.items()}
    columns = {name: _column(name, column) for name, column in {**given, **targets}.items()}
    n = len(columns["subject"])
    for name, column in columns.items():
        if len(column) != n:
            raise GaitDataError(f"'{name}' has {len(column)} entries for {n} trials")
    if n == 0:
        raise GaitDataError("no trials given")
    if any(_is_missing(s) for s in columns["subject"]):
        raise GaitDataError("every trial needs a subject: without it no split can keep people apart")
    if any(_is_missing(w) for w in columns.get("walk", ())):
        raise GaitDataError("every trial needs a walk, or leave walk out if each trial is its own")
    people = [_text(s) for s in columns["subject"]]
    subject = _told_apart("subject", people, [alike(s) for s in people], if_alike)
    ids = [_text(t) for t in columns.get("trial", [f"trial{i:0{len(str(n))}d}" for i in range(n)])]
    if len(set(ids)) != n:
        repeated = pd.Series(ids)[pd.Series(ids).duplicated()].iloc[0]
        raise GaitDataError(f"trial ids must be unique; '{repeated}' is there twice")
    # A walk number usually counts within a subject.
    walks = ids
    if "walk" in columns:
        pairs = list(zip(subject, map(_text, columns["walk"]), strict=True))
        walks = _told_apart("walk", [f"{s}/{w}" for s, w in pairs], [f"{s}/{alike(w)}" for s, w in pairs], if_alike)
    labels = [label_text(v) for v in columns.get("label", [None] * n)]
    table = pd.DataFrame({"trial": ids, "subject": subject, "walk": walks, "label": labels, "source": ""})
    for name, target in declared.items():
        values = columns[name]
        classes = target.kind == "class"
        columns[name] = [label_text(v) for v in values] if classes else numbers_of(name, target.kind, values)
    return table.assign(**{str(name): columns[name] for name in targets})


def label_text(value) -> str | None:
    """A label as text; None where it is missing. Labels that are equal as numbers are one class.

    Examples
    --------
    >>> [label_text(v) for v in (1, 1.0, "1.0", " slow ", b"slow", None)]
    ['1', '1', '1', 'slow', 'slow', None]
    """
    if _is_missing(value):
        return None
    text = _text(value).strip()
    if not NUMBER.fullmatch(text):
        return text
    number = float(text)
    return str(int(text.split(".")[0])) if number == int(number) else repr(number)


def alike(identifier) -> str:
    """What is left of an id when ways of writing it are taken away: two ids that agree in it look like one person's.

    Blanks around it, upper and lower case, other forms of the same letter (NFKC) and leading zeros of numbers do not
    count, nor does .0 behind a number.

    Examples
    --------
    >>> [alike(i) for i in ("S01", " s1", "S11", 1, 1.0, "01")]
    ['s1', 's1', 's11', '1', '1', '1']
    """
    text = unicodedata.normalize("NFKC", _text(identifier)).strip().casefold()
    if NUMBER.fullmatch(text):
        number = float(text)
        return str(int(text.split(".")[0])) if number == int(number) else repr(number)
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), text)


def _told_apart(what, ids, reduced, if_alike) -> list[str]:
    """Ids that agree but for the way they are written: refused, joined under the first, or left apart."""
    if if_alike == "apart":
        return ids
    first = {}
    for identifier, form in zip(ids, reduced, strict=True):
        known = first.setdefault(form, identifier)
        if known != identifier and if_alike == "refuse":
            raise GaitDataError(
                f"the {what}s '{known}' and '{identifier}' differ only in the way they are written; if they are one "
                'say if_alike="join", if they are two say if_alike="apart"'
            )
    return [first[form] for form in reduced]


def _column(name, column) -> list:
    """The entries of a column, one a trial, in their order."""
    if isinstance(column, (Mapping, Set)):
        raise GaitDataError(
            f"'{name}' is a {type(column).__name__}, which does not say which entry belongs to which trial; give a list"
        )
    if isinstance(column, (str, bytes)) or not hasattr(column, "__len__"):
        raise GaitDataError(f"'{name}' must be a sequence with an entry for each trial, not {column!r}")
    shape = getattr(column, "shape", (len(column),))
    if len(shape) == 2 and shape[1] == 1:
        column = np.ma.asanyarray(column).reshape(-1) if not isinstance(column, pd.DataFrame) else column.iloc[:, 0]
    elif len(shape) != 1:
        raise GaitDataError(
            f"'{name}' has the shape {tuple(shape)}; give one entry a trial (of one-hot labels: onehot.argmax(axis=1))"
        )
    if isinstance(column, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(column)
        return [None if gone else value for value, gone in zip(column.data.tolist(), masked, strict=True)]
    return list(column)


def _is_missing(value) -> bool:
    return value is np.ma.masked or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _text(value) -> str:
    if isinstance(value, (list, tuple, Set, Mapping)) or getattr(value, "ndim", 0):
        raise GaitDataError(f"an id or a label is one value a trial, not {value!r}")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))  # pandas turns whole numbers into floats where one is missing
    return str(value)
