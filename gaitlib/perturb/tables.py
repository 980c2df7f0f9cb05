"""Curves as tables: the mean at every level with its interval over people."""

import numpy as np
import pandas as pd

from gaitlib.results.intervals import interval_columns, subject_interval


def mean_over_people(table, value: str, least=-np.inf, most=np.inf) -> dict:
    """Mean of a column with its 95 % t interval over subjects; over samples where no subjects are known.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a sample (or subject): ``subject``, the value and, where subjects are not known, ``sample``.
    value : str
    least, most : float
        Where the interval is cut.

    Returns
    -------
    dict
        The value by its name, ``low``, ``high`` (NaN where all are alike) and ``over``, such as "6 subjects".
    """
    unit = "subject" if table["subject"].notna().all() else "sample"
    means = table.groupby(unit, sort=False)[value].mean().dropna()
    low, high = np.clip(subject_interval(means), least, most)
    return {value: means.mean(), "low": low, "high": high, "over": f"{len(means)} {unit}{'s' * (len(means) != 1)}"}


def level_table(table, keys, value: str, least=-np.inf, most=np.inf) -> pd.DataFrame:
    """One row a level: the columns ``keys``, that name it, and what :func:`mean_over_people` says of its rows."""
    return pd.DataFrame([
        dict(zip(keys, key, strict=True)) | mean_over_people(own, value, least, most)
        for key, own in table.groupby(keys, sort=False)
    ])  # fmt: skip


def accuracy_table(table, keys) -> pd.DataFrame:
    """One row a level: the columns ``keys``, that name it, and the mean accuracy over subjects.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a subject and level, with ``accuracy``.
    keys : list of str

    Returns
    -------
    pandas.DataFrame
        ``keys``, ``accuracy``, its intervals over subjects (:func:`gaitlib.results.interval_columns`), ``subjects``.
    """
    rows = []
    for key, own in table.groupby(keys, sort=False)["accuracy"]:
        found = {"accuracy": own.mean(), **interval_columns(own), "subjects": own.count()}
        rows.append(dict(zip(keys, key, strict=True)) | found)
    return pd.DataFrame(rows)
