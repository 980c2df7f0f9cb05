"""Skeletons as stick figures, and what preparation does to a channel."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.plots.house_style import LEFT, PALETTE, RIGHT, TRUNK, label, style
from gaitlib.plots.sticks import draw_walk


def stick_figures(trials, n_figures: int = 7, seconds: float = 2.0, modality: str = "skeleton"):
    """One walk a class, seen from the side, as a row of stick figures.

    Parameters
    ----------
    trials : TrialSet
        Raw positions in metres; the first trial of each class is drawn.
    n_figures : int
        Figures a row.
    seconds : float
        Length of walking shown, from the middle of the trial.
    modality : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    first = [int(np.flatnonzero(trials.labels == name)[0]) for name in trials.classes]
    titles = [f"{label(name)} ({trials.subjects[i]})" for name, i in zip(trials.classes, first, strict=True)]
    return _walks(trials, first, titles, "one walk a class", n_figures, seconds, modality)


def told_wrong(trials, predictions, n_figures: int = 7, seconds: float = 2.0, modality: str = "skeleton"):
    """Walks and what was told of them, seen from the side, as rows of stick figures.

    Parameters
    ----------
    trials : TrialSet
        Raw positions in metres.
    predictions : pandas.DataFrame
        A row a walk to draw: ``trial``, ``subject``, ``label``, ``predicted``, as
        :meth:`gaitlib.results.Runs.predictions` gives them.
    n_figures : int
        Figures a row.
    seconds : float
        Length of walking shown, from the middle of the trial.
    modality : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    places = [int(np.flatnonzero(trials.ids == trial)[0]) for trial in predictions["trial"]]
    titles = [f"{r.subject}: {label(r.label)}, told {label(r.predicted)}" for r in predictions.itertuples()]
    return _walks(trials, places, titles, "walks told wrong", n_figures, seconds, modality)


def _walks(trials, places, titles, what, n_figures, seconds, modality):
    """Two walks a row, from the side."""
    n_rows = max(1, -(-len(places) // 2))
    with style():
        figure, axes = plt.subplots(n_rows, 2, figsize=(11, 2.3 * n_rows), sharey=True, squeeze=False)
        for axis, i, title in zip(axes.flat, places, titles, strict=False):
            draw_walk(axis, trials[i], n_figures, seconds, modality)
            axis.set_title(title, loc="left")
        for axis in axes[:, 0]:
            axis.set_ylabel("height (m)")
        for axis in axes.flat[len(places) :]:
            axis.set_axis_off()
        handles = [plt.Line2D([], [], color=c, linewidth=2) for c in (LEFT, RIGHT, TRUNK)]
        figure.legend(handles, ["left", "right", "trunk"], loc="outside lower center", ncols=3)
        figure.suptitle(f"{trials.name}: {what}, from the side", x=0.01, ha="left")
    return figure


def before_and_after(before, after, channel: str, label_shown: str, n_subjects: int = 4, modality: str = "skeleton"):
    """One channel of one class, raw and prepared, one walk for each of a few subjects.

    Parameters
    ----------
    before, after : TrialSet
        The same trials before and after preparation.
    channel : str
        Such as "left_knee_y".
    label_shown : str
        The class.
    n_subjects : int
    modality : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    chosen = [
        int(np.flatnonzero((before.subjects == s) & (before.labels == label_shown))[0])
        for s in sorted(set(before.subjects[before.labels == label_shown]))[:n_subjects]
    ]
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(11, 3.2))
        for axis, trials, title in zip(axes, (before, after), ("as recorded", "prepared"), strict=True):
            m = trials.modality(modality)
            column = m.channels.index(channel)
            for k, i in enumerate(chosen):
                time_s = m.time_s[i] - m.time_s[i][0]
                axis.plot(time_s, m.values[i][:, column], color=PALETTE[k], label=trials.subjects[i], linewidth=1.3)
            axis.set_title(title, loc="left")
            axis.set_xlabel("time (s)")
            axis.set_ylabel(f"{label(channel)} ({m.unit})")
        axes[1].legend(title="subject", loc="center left", bbox_to_anchor=(1, 0.5))
        figure.suptitle(f"{before.name}: {label(channel)}, {label(label_shown)} walks", x=0.01, ha="left")
    return figure
