"""How far predictions of a number lie from the truth, trial by trial."""

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import CONTRAST, label, style
from gaitlib.results.binary_scores import known
from gaitlib.results.continuous_scores import limits_of_agreement

TOLD_APART = 10  # people by colour and marker; more are grey


def bland_altman(predictions, head: str, unit: str = "", data: str = ""):
    """Difference of predicted and true value against their mean, with bias and 95 % limits of agreement.

    Each point is a trial; people are told apart by colour and marker where they are ten or fewer. The limits allow for
    several trials of each person (:func:`gaitlib.results.continuous_scores.limits_of_agreement`).

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one model under one protocol: ``subject``, ``label``, ``predicted``, ``model``, ``protocol``.
    head : str
        Name of the target.
    unit : str
        Of the target.
    data : str
        Name of the data, for the title.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there are predictions of several models or protocols, or none with a true value.

    References
    ----------
    Bland, Altman 2007, Agreement between methods of measurement with multiple observations per individual,
    https://doi.org/10.1080/10543400701329422
    """
    scored = known(predictions)
    shown = scored[["model", "protocol"]].drop_duplicates()
    if len(shown) != 1:
        raise GaitDataError(f"'{head}': one model under one protocol with true values is shown, not {len(shown)}")
    (model, protocol), people = shown.iloc[0], scored["subject"].nunique()
    truth, predicted = scored["label"].to_numpy(dtype=float), scored["predicted"].to_numpy(dtype=float)
    middle, difference = (truth + predicted) / 2, predicted - truth
    found = limits_of_agreement(difference, scored["subject"].to_numpy(dtype=str))
    with style():
        figure, axis = plt.subplots(figsize=(7, 4.6))
        of_people = people <= TOLD_APART
        sns.scatterplot(
            x=middle,
            y=difference,
            hue=scored["subject"].astype(str).to_numpy() if of_people else None,
            style=scored["subject"].astype(str).to_numpy() if of_people else None,
            color=None if of_people else "0.45",
            palette=sns.color_palette("colorblind", people) if of_people else None,
            s=22,
            alpha=0.7,
            linewidth=0,
            ax=axis,
        )
        lines = {"bias": "-", "limit high": "--", "limit low": "--"}
        names = {"bias": "bias", "limit high": "upper limit", "limit low": "lower limit"}
        for name, line in lines.items():
            if not np.isnan(found[name]):
                axis.axhline(found[name], color="0.1" if name == "bias" else CONTRAST, linestyle=line, linewidth=1.2)
                words = f"{names[name]} {found[name]:.3g}"
                axis.annotate(
                    words, (1.01, found[name]), xycoords=("axes fraction", "data"), va="center", fontsize=9
                )  # fmt: skip
        if not np.isnan(found["bias low"]):
            axis.axhspan(found["bias low"], found["bias high"], color="0.5", alpha=0.15, linewidth=0)
        axis.axhline(0, color="0.6", linewidth=0.8, linestyle=":")
        in_unit = f" ({unit})" if unit else ""
        axis.set(xlabel=f"mean of predicted and true {label(head)}{in_unit}", ylabel=f"predicted - true{in_unit}")
        if of_people:
            sns.move_legend(axis, "upper left", bbox_to_anchor=(1.22, 1), title="person", fontsize=8, title_fontsize=8)
        figure.suptitle(
            f"{data}\n{label(head)} by {label(model)}: {protocol}, {people} people, {len(scored)} trials\n"
            "bias (grey: its 95 % interval over people) and 95 % limits of agreement",
            x=0.01,
            ha="left",
            fontsize=10,
        )
    return figure
