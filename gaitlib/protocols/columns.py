"""Columns of the trial table by which trials are kept together."""

import numpy as np

from gaitlib.errors import GaitDataError


def units_of(trials, column: str, who: str) -> np.ndarray:
    """The unit of each trial, as text.

    Raises
    ------
    GaitDataError
        In the name of ``who`` asks, if there is no such column or a trial has no value in it.
    """
    if column not in trials.table:
        raise GaitDataError(f"{who}: the trial table has no column '{column}'; it has {', '.join(trials.table)}")
    missing = trials.table[column].isna().to_numpy()
    if missing.any():
        raise GaitDataError(f"{who}: {trials.ids[missing][0]} has no {column}; leave such trials out")
    return trials.table[column].to_numpy(dtype=str)


def codes_of(trials, column: str, who: str = "") -> np.ndarray:
    """The unit of each trial as a number, in the order of their text; -1 where it is missing.

    Raises
    ------
    GaitDataError
        In the name of ``who`` asks, if there is no such column.
    """
    if column not in trials.table:
        units_of(trials, column, who)
    values = trials.table[column]
    codes = np.full(len(values), -1)
    known = values.notna().to_numpy()
    codes[known] = np.unique(values[known].to_numpy(dtype=str), return_inverse=True)[1]
    return codes


def any_split(whole, groups) -> bool:
    """Whether trials of one whole (their numbers) stand in two groups (theirs)."""
    group_of = np.zeros(whole.max() + 1, dtype=int)
    group_of[whole] = groups
    return bool((group_of[whole] != groups).any())


def first_split(trials, whole: str, column: str) -> str | None:
    """The first subject (or walk: ``whole``) with trials in two groups of a column, or None."""
    groups = trials.table.groupby(whole)[column].nunique()
    return groups.idxmax() if groups.max() > 1 else None
