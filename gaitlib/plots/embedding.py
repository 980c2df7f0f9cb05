"""A map of an embedding, coloured by what it may know."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style

TOLD_APART = 10  # groups by colour and marker; of more the colours are a rainbow without a legend
MARKERS = "osD^vPX<>*"
MISSING = (0.8, 0.8, 0.8)


def embedding_map(coordinates, groups_by_name, shares=None, title=""):
    """Trials on a map, the same in every panel, coloured by one column each.

    Parameters
    ----------
    coordinates : array (n_trials, 2)
        From :func:`gaitlib.results.embedding_coordinates`.
    groups_by_name : dict of str to sequence, length n_trials
        As ``{"dataset": trials.table["dataset"], "subject": trials.subjects, "label": trials.labels}``. Trials without
        a group are grey.
    shares : pandas.DataFrame, optional
        From :func:`gaitlib.results.variance_explained`, for the titles: ``column``, ``within``, ``corrected share``.
    title : str
        Data, encoder and kind of map.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If the groups are not as many as the points.
    """
    coordinates = np.asarray(coordinates)
    for name, groups in groups_by_name.items():
        if len(groups) != len(coordinates):
            raise GaitDataError(f"'{name}' has {len(groups)} values for {len(coordinates)} points")
    order = np.random.default_rng(0).permutation(len(coordinates))  # so that no group lies above another
    with style():
        figure, axes = plt.subplots(
            1,
            len(groups_by_name),
            figsize=(0.6 + 4 * len(groups_by_name), 5.2),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for axis, (name, groups) in zip(axes.flat, groups_by_name.items(), strict=True):
            groups = pd.Series(groups).reset_index(drop=True)
            _panel(axis, coordinates, groups, order)
            n = groups.nunique()
            explained = "" if shares is None else f"\n{_explained(shares[shares['column'] == name])}"
            axis.set_title(f"{label(name)} ({n} group{'s' * (n != 1)}){explained}", loc="left")
            axis.set(xticks=[], yticks=[])
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _panel(axis, coordinates, groups, order) -> None:
    code, names = pd.factorize(groups, sort=True)  # -1 where it is missing
    few = len(names) <= TOLD_APART
    hues = np.random.default_rng(0).permutation(sns.color_palette("husl", len(names)))  # names beside each other differ
    colours = np.array([*(PALETTE[: len(names)] if few else hues), MISSING])
    marker = np.where(few & (code >= 0), code, 0)
    for kind in np.unique(marker):
        own = order[marker[order] == kind]
        axis.scatter(*coordinates[own].T, c=colours[code[own]], marker=MARKERS[kind], s=14, alpha=0.75, linewidth=0)
    if few:
        handles = [
            plt.Line2D([], [], linestyle="", marker=MARKERS[i], color=colours[i], label=label(str(name)))
            for i, name in enumerate(names)
        ]
        axis.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.02), ncols=2, fontsize=8)
    else:
        axis.text(0, -0.03, "too many for a legend: a colour each", transform=axis.transAxes, va="top", fontsize=8)


def _explained(rows) -> str:
    """What the column explains, in words."""
    if not rows["corrected share"].notna().any():
        return "what it explains cannot be told"
    row = rows.iloc[0]
    return f"explains {100 * max(row['corrected share'], 0):.0f} % beyond {row['within'] or 'chance'}"
