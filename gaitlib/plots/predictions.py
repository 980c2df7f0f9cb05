"""What a model that never saw the subject makes of single trials."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from gaitlib.plots.house_style import PALETTE, label, style
from gaitlib.plots.samples import draw_pressure, draw_skeleton, named
from gaitlib.plots.sticks import colour_of, draw_walk

WHOLE = "whole modality"  # as gaitlib.explain.zero_out says it; not imported, as drawing needs no deep-learning backend


def class_probabilities(prediction):
    """Class probabilities of one trial, with the true class marked.

    Parameters
    ----------
    prediction : Prediction
        From :func:`gaitlib.explain.prediction`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _of_prediction(_draw_probabilities, prediction, (7, 3.2))


def prediction_over_time(prediction):
    """Class probabilities of windows along one trial.

    Parameters
    ----------
    prediction : Prediction
        From :func:`gaitlib.explain.prediction`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _of_prediction(_draw_over_time, prediction, (11, 3.2))


def importance(prediction):
    """Zero-out importance of modalities and joints for one prediction.

    Parameters
    ----------
    prediction : Prediction
        From :func:`gaitlib.explain.prediction`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _of_prediction(_draw_importance, prediction, (7, 4.2))


def dashboard(prediction):
    """All about one prediction: the walk, what the model reads, what it says, when, and why.

    A panel that cannot be drawn (no pressure recorded, a classical model) says so.

    Parameters
    ----------
    prediction : Prediction
        From :func:`gaitlib.explain.prediction`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    trial, panels = prediction.trial, [["walk", "pressure", "probabilities"], ["skeleton", "pressure", "over time"]]
    panels.append(["skeleton", "pressure", "importance"])
    with style():
        figure, axes = plt.subplot_mosaic(panels, figsize=(15, 9), width_ratios=[3, 1.15, 2.1])
        draw_walk(axes["walk"], trial, n_figures=7, seconds=2.0)
        axes["walk"].set_title("from the side", loc="left")
        axes["walk"].set_ylabel("height (m)")
        draw_skeleton(axes["skeleton"], trial)
        if "pressure" in trial.modalities and trial.modality("pressure").present()[0]:
            image = draw_pressure(axes["pressure"], trial)
            axes["pressure"].set_title("pressure under the feet", loc="left")
            unit = trial.modality("pressure").unit
            figure.colorbar(image, ax=axes["pressure"], label=f"pressure ({unit})", shrink=0.5)
        else:
            _say(axes["pressure"], "no pressure\nrecorded")
        for name, draw in (
            ("probabilities", _draw_probabilities),
            ("over time", _draw_over_time),
            ("importance", _draw_importance),
        ):
            draw(axes[name], prediction)
        figure.suptitle(_title(prediction), x=0.01, ha="left")
    return figure


# -- one panel each --------------------------------------------------------------------------------------


def _of_prediction(draw, prediction, size):
    with style():
        figure, axis = plt.subplots(figsize=size)
        draw(axis, prediction)
        figure.suptitle(_title(prediction), x=0.01, ha="left")
    return figure


def _title(prediction) -> str:
    trial = prediction.trial
    return f"{trial.name}\n{named(trial)}; {label(prediction.model)}, which never saw {trial.subjects[0]}"


def _say(axis, text) -> None:
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", wrap=True, color="0.4")


def _colours(prediction) -> dict:
    return {name: PALETTE[k % len(PALETTE)] for k, name in enumerate(prediction.probabilities.index)}


def _draw_probabilities(axis, prediction) -> None:
    proba, true = prediction.probabilities, prediction.trial.labels[0]
    names = [f"true: {label(name)}" if name == true else label(name) for name in proba.index]
    bars = axis.barh(names, proba, color=_colours(prediction).values())
    axis.bar_label(bars, fmt="%.2f", padding=3)
    for tick, name in zip(axis.get_yticklabels(), proba.index, strict=True):
        tick.set_fontweight("bold" if name == true else "normal")
    axis.invert_yaxis()
    axis.set(xlim=(0, 1.12), xticks=np.linspace(0, 1, 6), xlabel="probability (of the whole trial)")
    verdict = "" if pd.isna(true) else " (right)" if prediction.predicted == true else " (wrong)"
    axis.set_title(f"prediction: {label(prediction.predicted)}{verdict}", loc="left")


def _draw_over_time(axis, prediction) -> None:
    windows, true = prediction.over_time, prediction.trial.labels[0]
    if isinstance(windows, str):
        _say(axis, windows)
        return
    middle_s = windows[["start_s", "end_s"]].mean(axis=1)
    for name, colour in _colours(prediction).items():
        axis.plot(
            middle_s, windows[name], ".-", color=colour, linewidth=2.5 if name == true else 1.2,
            label=f"true: {label(name)}" if name == true else label(name),
        )  # fmt: skip
    length_s = (windows["end_s"] - windows["start_s"]).median()
    axis.set(xlim=(windows["start_s"].min(), windows["end_s"].max()), xlabel=f"middle of a {length_s:.1f} s window (s)")
    axis.set(ylim=(-0.03, 1.03), ylabel="probability")
    axis.set_title("prediction over time", loc="left")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def _draw_importance(axis, prediction) -> None:
    table = prediction.importance
    if isinstance(table, str):
        _say(axis, table)
        return
    whole = table[table["group"] == WHOLE]
    parts = table[table["group"] != WHOLE].head(10)
    names = [f"all of {label(name)}" for name in whole["modality"]] + [label(name) for name in parts["group"]]
    colours = ["0.75"] * len(whole) + [colour_of(group) for group in parts["group"]]
    axis.barh(np.arange(len(names)), [*whole["importance"], *parts["importance"]], color=colours)
    axis.set_yticks(np.arange(len(names)), names, fontsize=8)
    axis.set_xlim(min(0, *axis.get_xlim()), max(0.1, *axis.get_xlim()))  # a fall that is next to nothing looks so
    axis.axvline(0, color="0.3", linewidth=0.8)
    axis.invert_yaxis()
    axis.set_xlabel(f"fall of the probability of {label(prediction.predicted)} without it")
    axis.set_title("what the prediction rests on", loc="left")
