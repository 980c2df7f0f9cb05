"""Accuracy over how bad the trials are."""

from numbers import Real

import matplotlib.pyplot as plt

from gaitlib.plots.curves import colours, curve_panels, draw_curve, of_protocol
from gaitlib.plots.house_style import label, style


def robustness(table, protocol: str | None = None):
    """Accuracy at every level of every perturbation, one panel a perturbation, one colour a model.

    There is no band where all subjects are alike: nothing tells how much people differ there.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`gaitlib.perturb.robustness_table`.
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
    own = of_protocol(table, protocol)
    first = own.iloc[0]
    panels = list(own.groupby("perturbation", sort=False))
    colour_of = colours(own["model"])
    with style():
        figure, axes = curve_panels(len(panels), 3, (3, 2.9), "accuracy", width=11)
        for axis, (perturbation, panel) in zip(axes, panels, strict=True):
            _panel(axis, panel, colour_of)
            unit = panel["unit"].iloc[0]
            axis.set(ylim=(-0.03, 1.03), xlabel=f"{perturbation} ({unit})" if unit else perturbation)
            axis.axhline(panel["chance"].iloc[0], color="0.6", linewidth=1, linestyle=":")
        handles = [plt.Line2D([], [], color=colour, marker="o", markersize=4) for colour in colour_of.values()]
        figure.legend(handles, [label(m) for m in colour_of], loc="outside lower center", ncols=5)
        figure.suptitle(
            f"{first['data']}\n{first['protocol']}, {own['subjects'].max()} test subjects: mean accuracy on worse "
            "trials, each by a model that never saw the subject;\nbands and bars: 95 % interval over subjects, dotted: "
            "chance",
            x=0.01,
            ha="left",
        )
    return figure


def _panel(axis, panel, colour_of):
    """Curves over numbers, dots over words."""
    levels = list(panel["level"].unique())
    numbers = all(isinstance(level, Real) for level in levels)
    place = dict(zip(levels, levels if numbers else range(len(levels)), strict=True))
    models = list(panel.groupby("model", sort=False))
    for k, (model, own) in enumerate(models):
        x, colour = own["level"].map(place).to_numpy(float), colour_of[model]
        if numbers:
            draw_curve(axis, x, own, "accuracy", "o-", color=colour, markersize=4)
        else:
            x = x + 0.1 * (k - (len(models) - 1) / 2)  # side by side
            y, low, high = own[["accuracy", "low", "high"]].to_numpy(float).T
            axis.vlines(x, low, high, color=colour, linewidth=2, alpha=0.5)
            axis.plot(x, y, "o", color=colour, markersize=5)
    if not numbers:
        axis.set_xticks(range(len(levels)), levels)
        axis.set_xlim(-0.5, len(levels) - 0.5)
    elif levels[0] > levels[-1]:
        axis.invert_xaxis()  # to the right it always gets worse
