"""Figures that put explanations to the test."""

from itertools import cycle

import matplotlib.pyplot as plt

from gaitlib.plots.house_style import PALETTE, label, style

RANDOM_COLOUR = "0.45"


def deletion_curves(curves):
    """Probability of the predicted class while values go (or come back) in the order of their relevance.

    One panel a test; one colour a method: solid with the most relevant values first, dashed with the least; grey is
    random order. Bands are 95 % intervals.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`gaitlib.explain.deletion` or :func:`gaitlib.explain.insertion`, or both together.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from gaitlib.explain.trust.faithfulness import LEAST, MOST, RANDOM, area_table, curve_table  # late: needs a backend

    table, areas = curve_table(curves), area_table(curves).set_index(["test", "method"])
    tests = table["test"].unique()
    with style():
        figure, axes = plt.subplots(
            1, len(tests), figsize=(2 + 4.8 * len(tests), 5.4), sharey=True, squeeze=False
        )  # fmt: skip
        for axis, test in zip(axes[0], tests, strict=True):
            own = table[table["test"] == test]
            looks = {"random": RANDOM_COLOUR} | _colours(own.loc[own["order"] == MOST, "method"])
            for (method, order), curve in own.groupby(["method", "order"], sort=False):
                x, mean, low, high = curve[["share", "probability", "low", "high"]].to_numpy(float).T
                gain = f"{label(method)}: {areas.loc[(test, method), 'gain']:+.3f}" if order == MOST else None
                name = "random order" if order == RANDOM else gain
                axis.plot(100 * x, mean, "--" if order == LEAST else "-", color=looks[method], label=name)
                if order != LEAST:
                    axis.fill_between(100 * x, low, high, color=looks[method], alpha=0.15, linewidth=0)
            away = "set to neutral" if test == "deletion" else "brought back"
            axis.set(xlim=(0, 100), ylim=(-0.02, 1.02), xlabel=f"values {away} (%)", title=test)
            axis.legend(
                fontsize=8, title="area better than random order", title_fontsize=8, ncols=2,
                loc="upper center", bbox_to_anchor=(0.5, -0.14),
            )  # fmt: skip
        axes[0, 0].set_ylabel("probability of the predicted class")
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
    colours = _colours(table["method"])
    with style():
        figure, axis = plt.subplots(figsize=(max(7.5, 2.5 + 0.8 * table["stage"].max()), 5))
        for method, own in table.groupby("method", sort=False):
            x, mean, low, high = own[["stage", "similarity", "low", "high"]].to_numpy(float).T
            axis.plot(x, mean, "o-", color=colours[method], markersize=4, label=label(method))
            axis.fill_between(x, low, high, color=colours[method], alpha=0.15, linewidth=0)
        stages = table.drop_duplicates("stage")
        names = [
            f"{layer}\n{100 * share:.0f} %" for layer, share in zip(stages["layer"], stages["randomised"], strict=True)
        ]
        axis.set_xticks(stages["stage"], names, rotation=30, ha="right", rotation_mode="anchor")
        axis.axhline(0, color="0.6", linewidth=1, linestyle=":")
        axis.set(
            ylim=(min(-0.05, table["similarity"].min() - 0.05), 1.03), ylabel="similarity (Spearman's correlation)"
        )
        axis.set_xlabel("last layer with shuffled weights, from the output down; share of all weights")
        axis.legend(fontsize=8)
        figure.suptitle(
            f"{_data(table)}\ndoes the explanation change as the network forgets?\n"
            f"bands: 95 % interval, {table['over'].iloc[0]}",
            x=0.01,
            ha="left",
        )
    return figure


def _colours(methods) -> dict:
    return dict(zip(dict.fromkeys(methods), cycle(PALETTE), strict=False))


def _data(table) -> str:
    return ", ".join(dict.fromkeys(table["data"]))
