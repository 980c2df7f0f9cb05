"""The slope plot: the same model on a new person and on people that it knows."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.plots.house_style import CONTRAST, HONEST, label, style

SHORT = {
    "leave-one-subject-out": "a new\nperson",
    "trial K-fold (subjects on both sides)": "a known\nperson",
    "ungrouped K-fold (walks and subjects on both sides)": "a known\nwalk",
}


def optimism_gap(gap):
    """One panel a model, one thin line a subject, the mean in bold, and the gap in points with its interval.

    Parameters
    ----------
    gap : OptimismGap
        From :meth:`gaitlib.results.Runs.optimism_gap`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    models = list(dict.fromkeys(gap.table["model"]))
    with style():
        figure, axes = plt.subplots(
            1, len(models), figsize=(max(8, 1.2 + 3 * len(models)), 4.8), sharey=True, squeeze=False
        )
        for axis, model in zip(axes.flat, models, strict=True):
            own = gap.table[gap.table["model"] == model].set_index("protocol")
            values = gap.per_subject[model][list(own.index)].dropna()
            for _, subject in values.iterrows():
                axis.plot(range(len(own)), subject, color="0.7", linewidth=1, zorder=1)
            axis.plot(range(len(own)), own["accuracy"], color=CONTRAST, linewidth=2.5, zorder=2)
            for k, row in enumerate(own.itertuples()):
                axis.plot(k, row.accuracy, "o", markersize=8, color=CONTRAST if k else HONEST, zorder=3)
                text = f"{row.accuracy:.2f}"
                if k:
                    text += f"\n{100 * row.gap:+.0f} points\n[{100 * row.low:.0f}, {100 * row.high:.0f}]"
                axis.annotate(
                    text, (k, row.accuracy), (5, -8) if k else (-8, 0), textcoords="offset points", fontsize=9,
                    ha="left" if k else "right", va="top" if k else "center",
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
                )  # fmt: skip
            axis.set_xticks(range(len(own)), [SHORT[p] for p in own.index])
            axis.set(xlim=(-0.5, len(own) - 0.2), title=label(model))
        lowest = gap.per_subject.min(axis=None)
        axes[0, 0].set(ylabel="accuracy (share of trials)", ylim=(max(0, np.floor(20 * lowest - 1) / 20) - 0.02, 1.02))
        figure.suptitle(
            f"{gap.data}\nleave-one-subject-out against K-folds of the same training size; {len(gap.per_subject)} "
            "subjects, one thin line each\ngap to the new person: mean, 95 % interval over subjects",
            x=0.01,
            ha="left",
        )
    return figure
