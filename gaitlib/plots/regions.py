"""Shares of the regions of the body, class by class, beside those of a prior."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.plots.house_style import PALETTE, label, style

SPREAD = 0.62  # of a row, over which its classes lie
HALF_ROW = 0.42
MARKERS = "osD^vP"


def region_shares(table, title: str = ""):
    """Shares of regions with their intervals over people, a row a region, a colour and marker a class.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`gaitlib.explain.regions_beside_prior`.
    title : str
        Which data and explanation, such as ``f"{trials.name}: attention"``.

    Returns
    -------
    matplotlib.figure.Figure
    """
    regions, classes = (list(dict.fromkeys(table[column])) for column in ("region", "label"))
    offsets = np.linspace(-0.5, 0.5, len(classes)) * SPREAD if len(classes) > 1 else [0.0]
    row = {region: i for i, region in enumerate(regions)}
    with style():
        figure, axis = plt.subplots(figsize=(8.5, 1.2 + 0.62 * len(regions)))
        for i in range(0, len(regions), 2):
            axis.axhspan(i - 0.5, i + 0.5, color="0.955", linewidth=0, zorder=0)
        one = table.drop_duplicates("region")
        y = one["region"].map(row)
        for name, colour, line, told in (("prior", "black", "-", "prior"), ("alike", "0.45", ":", "all joints alike")):
            axis.vlines(100 * one[name], y - HALF_ROW, y + HALF_ROW, colour, line, linewidth=1.8, label=told, zorder=2)
        for k, (name, offset) in enumerate(zip(classes, offsets, strict=True)):
            own = table[table["label"] == name]
            at, colour = own["region"].map(row) + offset, PALETTE[k % len(PALETTE)]
            axis.hlines(at, 100 * own["low"], 100 * own["high"], colour, linewidth=1.4, zorder=3)
            marker = MARKERS[k % len(MARKERS)]
            axis.plot(100 * own["share"], at, marker, color=colour, markersize=5, label=label(str(name)), zorder=4)
        axis.set_yticks(range(len(regions)), regions)
        axis.set(ylim=(len(regions) - 0.5, -0.5), xlabel="% of all weight (mean and 95 % interval over people)")
        figure.legend(loc="outside right center", fontsize=9)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure
