"""Figures that put explanations to the test."""

from gaitlib.plots.curves import colours, curve_panels, draw_curve
from gaitlib.plots.house_style import label, style

RANDOM_COLOUR = "0.45"
# As the tables of gaitlib.explain say it; not imported, as drawing needs no deep-learning backend.
MOST, LEAST, RANDOM = "most relevant first", "least relevant first", "random"


def deletion_curves(table, areas):
    """Probability of the predicted class while values go (or come back) in the order of their relevance.

    One panel a test; one colour a method: solid with the most relevant values first, dashed with the least; grey is
    random order. Bands are 95 % intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`gaitlib.explain.curve_table`, of deletion, insertion, or both together.
    areas : pandas.DataFrame
        From :func:`gaitlib.explain.area_table`, of the same curves.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels, gain = list(table.groupby("test", sort=False)), areas.set_index(["test", "method"])["gain"]
    with style():
        figure, axes = curve_panels(len(panels), len(panels), (4.8, 4.2), "probability of the predicted class")
        for axis, (test, own) in zip(axes, panels, strict=True):
            colour_of = {"random": RANDOM_COLOUR} | colours(own.loc[own["order"] == MOST, "method"])
            for (method, order), curve in own.groupby(["method", "order"], sort=False):
                named = {RANDOM: "random order", LEAST: None}
                name = named[order] if order in named else f"{label(method)}: {gain[test, method]:+.3f}"
                least = {"line": "--", "opacity": 0} if order == LEAST else {}
                share = 100 * curve["share"]
                draw_curve(axis, share, curve, "probability", color=colour_of[method], label=name, **least)
            away = "set to neutral" if test == "deletion" else "brought back"
            axis.set(xlim=(0, 100), ylim=(-0.02, 1.02), xlabel=f"values {away} (%)", title=test)
            axis.legend(
                fontsize=8, title="area better than random order", title_fontsize=8, ncols=2,
                loc="upper center", bbox_to_anchor=(0.5, -0.14),
            )  # fmt: skip
        dashed = "; dashed: least relevant first" if (table["order"] == LEAST).any() else ""
        figure.suptitle(
            f"{_data(table)}\ndoes the prediction hang on what is relevant?\n"
            f"solid: most relevant values first{dashed}\nbands: 95 % interval, {table['over'].iloc[0]}",
            x=0.01,
            ha="left",
        )
    return figure


def randomisation_curves(table):
    """Similarity of explanations with those of the trained network, layer by layer that forgets.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`gaitlib.explain.cascading_randomisation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    colour_of, width = colours(table["method"]), max(7.5, 2.5 + 0.8 * table["stage"].max())
    with style():
        figure, (axis,) = curve_panels(1, 1, (5.5, 3.8), "similarity (Spearman's correlation)", width)
        for method, own in table.groupby("method", sort=False):
            look = {"color": colour_of[method], "markersize": 4, "label": label(method)}
            draw_curve(axis, own["stage"], own, "similarity", "o-", **look)
        stages = table.drop_duplicates("stage")
        names = [
            f"{layer}\n{100 * share:.0f} %" for layer, share in zip(stages["layer"], stages["randomised"], strict=True)
        ]
        axis.set_xticks(stages["stage"], names, rotation=30, ha="right", rotation_mode="anchor")
        axis.axhline(0, color="0.6", linewidth=1, linestyle=":")
        axis.set(ylim=(min(-0.05, table["similarity"].min() - 0.05), 1.03))
        axis.set_xlabel("last layer with shuffled weights, from the output down; share of all weights")
        axis.legend(fontsize=8)
        figure.suptitle(
            f"{_data(table)}\ndoes the explanation change as the network forgets?\n"
            f"bands: 95 % interval, {table['over'].iloc[0]}",
            x=0.01,
            ha="left",
        )
    return figure


def _data(table) -> str:
    return ", ".join(dict.fromkeys(table["data"]))
