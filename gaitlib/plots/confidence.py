"""Are the probabilities what they say?"""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style
from gaitlib.results.calibration import N_BINS, calibration_error, predictions_after_temperature, reliability_curve

A_ROW = 4  # models


def reliability(runs, protocol: str | None = None):
    """Share correct against confidence, one panel a model, with a histogram of the confidences beneath.

    The test trials of all subjects stand together: one subject's are too few for a curve.

    Parameters
    ----------
    runs : Runs
    protocol : str, optional
        Default the first subject-disjoint one.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there are no predictions under that protocol.
    """
    runs.require_classes("reliability")
    protocol = protocol or next((run.protocol for run in runs.runs if run.on_new_people), runs.runs[0].protocol)
    before, after = (t[t["protocol"] == protocol] for t in (runs.predictions(), predictions_after_temperature(runs)))
    models = before["model"].unique()
    if len(models) == 0:
        raise GaitDataError(f"no predictions under '{protocol}'; see runs.table() and runs.failures()")
    n_columns = min(A_ROW, len(models))
    n_rows = -(-len(models) // n_columns)
    with style():
        figure, axes = plt.subplots(
            2 * n_rows,
            n_columns,
            figsize=(max(7, 1.5 + 2.9 * n_columns), 1.4 + 3.8 * n_rows),
            sharex=True,
            sharey="row",
            height_ratios=[3, 1] * n_rows,
            squeeze=False,
        )
        pairs = list(zip(axes[::2].flat, axes[1::2].flat, strict=True))
        for (curve, histogram), model in zip(pairs, models, strict=False):
            curve.set_title(label(model))
            curve.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
            _draw(curve, histogram, before[before["model"] == model], runs.classes, "as predicted", PALETTE[1], "o-")
            own = after[after["model"] == model]
            if own["temperature"].notna().any():
                _draw(curve, histogram, own, runs.classes, "after temperature", PALETTE[0], "s--")
            curve.legend(title="calibration error", fontsize=8, title_fontsize=8)
            histogram.set_xlabel("confidence")
            histogram.tick_params(labelbottom=True)
        for curve, histogram in pairs[len(models) :]:
            curve.set_axis_off()
            histogram.set_axis_off()
        for curve, histogram in zip(axes[::2, 0], axes[1::2, 0], strict=True):
            curve.set(xlim=(0, 1), ylim=(-0.03, 1.03), ylabel="share correct")
            histogram.set_ylabel("share of trials")
        n = before["subject"].nunique()
        what = "how often predictions are right, by confidence"
        figure.suptitle(f"{runs.data}\n{protocol}, {n} test subjects\n{what}", x=0.01, ha="left")
    return figure


def _draw(curve, histogram, predictions, classes, name, colour, line):
    confidence, correct = predictions[classes].max(axis=1), predictions["label"] == predictions["predicted"]
    bins = reliability_curve(confidence, correct)
    error = calibration_error(confidence, correct)
    curve.plot(bins["confidence"], bins["share correct"], line, color=colour, markersize=4, label=f"{error:.3f} {name}")
    weights = np.full(len(confidence), 1 / len(confidence))
    histogram.hist(confidence, np.linspace(0, 1, N_BINS + 1), weights=weights, histtype="step", color=colour)
