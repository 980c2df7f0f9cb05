"""Accuracy over how bad the trials are."""

from itertools import cycle
from numbers import Real

import matplotlib.pyplot as plt

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style

COLUMNS = 3


def robustness(accuracies, protocol: str | None = None):
    """Accuracy at every level of every perturbation, one panel a perturbation, one colour a model.

    There is no band where all subjects are alike: nothing tells how much people differ there.

    Parameters
    ----------
    accuracies : pandas.DataFrame
        From :func:`gaitlib.perturb.recordings`.
    protocol : str, optional
        Default the first.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there is no such protocol.
    """
    from gaitlib.perturb.recordings import robustness_table  # late: drawing needs no deep-learning backend

    protocol = protocol or accuracies["protocol"].iloc[0]
    own = accuracies[accuracies["protocol"] == protocol]
    if own.empty:
        raise GaitDataError(f"no protocol '{protocol}' here; there are {sorted(set(accuracies['protocol']))}")
    table = robustness_table(own)
    panels = list(table.groupby("perturbation", sort=False))
    colours = dict(zip(table["model"].unique(), cycle(PALETTE), strict=False))
    n_columns = min(COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    with style():
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(11, 1.2 + 2.9 * n_rows), sharey=True, squeeze=False,
            subplot_kw={"visible": False},
        )  # fmt: skip
        for axis, (perturbation, panel) in zip(axes.flat, panels, strict=False):
            axis.set_visible(True)
            _panel(axis, panel, colours)
            unit = panel["unit"].iloc[0]
            axis.set(ylim=(-0.03, 1.03), xlabel=f"{perturbation} ({unit})" if unit else perturbation)
            axis.axhline(panel["chance"].iloc[0], color="0.6", linewidth=1, linestyle=":")
        for axis in axes[:, 0]:
            axis.set_ylabel("accuracy")
        handles = [plt.Line2D([], [], color=colour, marker="o", markersize=4) for colour in colours.values()]
        figure.legend(handles, [label(m) for m in colours], loc="outside lower center", ncols=5)
        data, n = own["data"].iloc[0], own["subject"].nunique()
        figure.suptitle(
            f"{data}\n{protocol}, {n} test subjects: mean accuracy on worse trials, each by a model that never saw "
            "the subject;\nbands and bars: 95 % interval over subjects, dotted: chance",
            x=0.01,
            ha="left",
        )
    return figure


def _panel(axis, panel, colours):
    """Curves over numbers, dots over words."""
    levels = list(panel["level"].unique())
    numbers = all(isinstance(level, Real) for level in levels)
    place = dict(zip(levels, levels if numbers else range(len(levels)), strict=True))
    models = list(panel.groupby("model", sort=False))
    for k, (model, own) in enumerate(models):
        x, colour = own["level"].map(place).to_numpy(float), colours[model]
        y, low, high = own[["accuracy", "low", "high"]].to_numpy(float).T
        if numbers:
            axis.plot(x, y, "o-", color=colour, markersize=4)
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        else:
            x = x + 0.1 * (k - (len(models) - 1) / 2)  # side by side
            axis.vlines(x, low, high, color=colour, linewidth=2, alpha=0.5)
            axis.plot(x, y, "o", color=colour, markersize=5)
    if not numbers:
        axis.set_xticks(range(len(levels)), levels)
        axis.set_xlim(-0.5, len(levels) - 0.5)
    elif levels[0] > levels[-1]:
        axis.invert_xaxis()  # to the right it always gets worse
