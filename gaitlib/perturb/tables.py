"""Curves as tables: the mean at every level with its interval over people."""

import numpy as np
import pandas as pd

from gaitlib.results.intervals import subject_interval


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


def subject_table(table, keys, value: str, least=-np.inf, most=np.inf) -> pd.DataFrame:
    """As :func:`level_table` where all subjects are known, with their number, ``subjects``, in place of ``over``."""
    subjects = table.groupby(keys, sort=False)["subject"].nunique()
    return level_table(table, keys, value, least, most).drop(columns="over").assign(subjects=subjects.to_numpy())
