"""Scores over the number of labels that were learnt, a line a model."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style

MARKERS = "osD^vPX"
LINES = ("-", "--", ":", "-.")
LETTERS_AN_INCH = 10  # of a title
SPREAD = 0.5  # of the models beside each other, in steps between two budgets


def label_budget_curves(table, of: str = "labelled people a class", title: str = ""):
    """Score over labels, a line a model with its interval over people; the budgets are evenly spaced.

    Models stand a little beside each other, so that their intervals can be told apart.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a model and budget: ``model``, ``budget``, ``score``, ``low``, ``high``, in the order in which they are
        drawn, as from :func:`gaitlib.results.budget_table`. Of ``chance``, ``measure``, ``data``, ``people`` and
        ``draws`` what is there is shown, too.
    of : str
        What the budgets count.
    title : str
        Default the data.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If a model has two rows for one budget.
    """
    if (twice := table.duplicated(["model", "budget"])).any():
        model, budget = table.loc[twice, ["model", "budget"]].iloc[0]
        raise GaitDataError(
            f"'{model}' has two rows for the budget {budget}: take those of one protocol and kind of budget"
        )
    budgets = {budget: i for i, budget in enumerate(dict.fromkeys(table["budget"]))}
    models = list(dict.fromkeys(table["model"]))
    beside = SPREAD * (np.arange(len(models)) - (len(models) - 1) / 2) / max(len(models) - 1, 1)
    with style():
        width = 3.2 + 1.7 * max(len(budgets), 2)
        figure, axis = plt.subplots(figsize=(width, 4.4))
        if "chance" in table:
            axis.axhline(table["chance"].iloc[0], color="0.6", linewidth=1, linestyle=":")
        for i, model in enumerate(models):
            own = table[table["model"] == model]
            x, look = own["budget"].map(budgets) + beside[i], {"color": PALETTE[i % len(PALETTE)]}
            axis.vlines(x, own["low"], own["high"], linewidth=1.6, alpha=0.75, **look)
            line, marker = LINES[i // len(MARKERS) % len(LINES)], MARKERS[i % len(MARKERS)]
            axis.plot(x, own["score"], line, marker=marker, markersize=6, linewidth=1, label=label(model), **look)
        axis.set_xticks(range(len(budgets)), list(budgets))
        axis.set(xlabel=of, xlim=(-0.5, len(budgets) - 0.5), ylabel=_only(table, "measure") or "score")
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), title="model")
        told = filter(None, [title or _only(table, "data"), _how(table)])
        figure.suptitle("\n".join(fill(one, round(LETTERS_AN_INCH * width)) for one in told), x=0.01, ha="left")
    return figure


def _only(table, column) -> str:
    return str(table[column].iloc[0]) if column in table else ""


def _how(table) -> str:
    """What the lines and points are."""
    people = f" ({table['people'].max():g} tested)" if "people" in table else ""
    draws = f"mean over up to {table['draws'].max():g} draws of labels, " if "draws" in table else ""
    return f"{draws}95 % interval over people{people}{', dotted: chance' * ('chance' in table)}"
