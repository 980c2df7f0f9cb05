"""Figures of models compared: all at once by average rank, and pair by pair in points of accuracy."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import HONEST, PALETTE, label, style

UNCLEAR = "0.45"
COLUMNS = (0.0, 0.2, 0.4, 0.61)  # places of the text beside the axes


def critical_difference(comparison):
    """Average rank of every model; a bar joins models that the test cannot tell apart.

    The rank is taken for each subject anew: 1 is the best of the models, equal ones share their ranks. It depends on
    which models are there. The dots on a bar are the models that it joins, as models between two others in average
    rank may be told apart from one of them.

    Parameters
    ----------
    comparison : Comparison
        From :func:`gaitlib.results.pairs`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If no subject was tested by all models, or scikit-posthocs is missing.
    """
    try:
        from scikit_posthocs import critical_difference_diagram
    except ImportError as error:
        raise GaitDataError("this figure needs scikit_posthocs: pip install 'gaitlib[statistics]'") from error
    accuracy = comparison.accuracy.dropna()
    if accuracy.empty:
        raise GaitDataError("no subject was tested by all models, so there are no ranks; compare fewer models")
    ranks = accuracy.rank(axis=1, ascending=False).mean()
    p = pd.DataFrame(1, index=ranks.index, columns=ranks.index)
    for pair in comparison.pairs[comparison.told_apart].itertuples():
        p.loc[pair.model, pair.other] = p.loc[pair.other, pair.model] = 0
    names = {model: label(model) for model in ranks.index}
    margin = 0.02 * np.ptp(ranks)
    with style():
        figure, axis = plt.subplots(figsize=(11, 2.0 + 0.3 * len(ranks)))
        critical_difference_diagram(
            ranks.rename(names), p.rename(index=names, columns=names), ax=axis, text_h_margin=margin,
            label_fmt_left="{label}  ({rank:.2f}) ", label_fmt_right=" ({rank:.2f})  {label}",
            color_palette=dict.fromkeys(names.values(), "0.15"), elbow_props={"linewidth": 1},
            crossbar_props={"color": HONEST, "linewidth": 3, "marker": "o"},
        )  # fmt: skip
        axis.spines["top"].set_visible(True)
        axis.set_xlabel("average rank over subjects (1: the best of these models for every subject)")
        axis.xaxis.set_label_position("top")
        what = f"average rank over subjects that all models were tested on ({len(accuracy)}); joined: not told apart"
        figure.suptitle(f"{comparison.title}\n{what}", x=0.01, ha="left")
    return figure


def pairs(comparison):
    """How much better the first of each pair is, in points, with its intervals and the posterior probabilities.

    The band is the region of practical equivalence. Pairs that the test tells apart are coloured.

    Parameters
    ----------
    comparison : Comparison
        From :func:`gaitlib.results.pairs`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table, rope = comparison.pairs, comparison.rope
    place = np.arange(len(table))[::-1]
    points = 100 * table.filter(["difference", "low", "high", "folds_low", "folds_high"])
    colours = np.where(comparison.told_apart, to_hex(HONEST), UNCLEAR)
    with style():
        figure, (axis, beside) = plt.subplots(
            1, 2, sharey=True, width_ratios=(3, 2), figsize=(11, 2.2 + 0.34 * len(table))
        )
        axis.axvspan(-100 * rope, 100 * rope, color="0.9", linewidth=0)
        axis.axvline(0, color="0.6", linewidth=1)
        axis.hlines(place, points["low"], points["high"], color=colours, linewidth=2)
        axis.scatter(points["difference"], place, color=colours, zorder=3)
        xlabel = "difference in accuracy (points): mean, 95 % interval over subjects"
        if "folds_low" in points:
            axis.hlines(place - 0.2, points["folds_low"], points["folds_high"], color=PALETTE[0], linewidth=1)
            xlabel += "\nthin: over folds (Nadeau-Bengio)"
        axis.set_xlabel(xlabel)
        names = zip(table["model"], table["other"], strict=True)
        axis.set_yticks(place, [f"{label(model)} minus {label(other)}" for model, other in names])
        axis.set_ylim(-0.7, len(table) + 0.5)
        shown = table[["p_worse", "p_equivalent", "p_better"]].map("{:.2f}".format, na_action="ignore").fillna("-")
        heads = ["P(worse)", f"P(within\n{comparison.rope_in_words})", "P(better)", "verdict"]
        for x, head, texts in zip(COLUMNS, heads, [*shown.to_numpy().T, table["verdict"]], strict=True):
            for row, text in zip([len(table) - 0.2, *place], [head, *texts], strict=True):
                beside.text(x, row, text, va="center")
        beside.axis("off")
        what = f"grey: no more than {comparison.rope_in_words} apart; coloured: told apart by the test"
        figure.suptitle(f"{comparison.title}\n{what}", x=0.01, ha="left")
    return figure
