"""Waveforms as they were recorded: curves of one length, class by class."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style
from gaitlib.preprocessing.step import sequence

COLUMNS = 3


def waveforms(trials, modality: str, phase_of: str = "stance"):
    """Every channel over its phase: mean over subjects and their SD as a band, one colour a class.

    Trials are averaged within a subject first, so everybody weighs the same.

    Parameters
    ----------
    trials : TrialSet
        With labels; all trials have the same number of points.
    modality : str
    phase_of : str
        What 0 to 100 % are of: "stance", "gait cycle".

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If trials have several lengths.
    """
    m = sequence(trials, modality)
    lengths = {len(v) for v in m.values if v is not None}
    if len(lengths) != 1:
        raise GaitDataError(f"'{modality}' has trials of {len(lengths)} lengths; use TimeNormalise() first")
    percent = np.linspace(0, 100, lengths.pop())
    present = m.present()
    values, table = np.stack(m.values[present]), trials.table[present].reset_index(drop=True)
    n_rows = -(-len(m.channels) // COLUMNS)
    with style():
        figure, axes = plt.subplots(n_rows, COLUMNS, figsize=(11, 2.8 * n_rows), squeeze=False, sharex=True)
        for c, (axis, channel) in enumerate(zip(axes.flat, m.channels, strict=False)):
            for colour, name in zip(PALETTE, trials.classes, strict=False):
                by_subject = table[table["label"] == name].groupby("subject").groups.values()
                curves = np.array([values[rows, :, c].mean(axis=0) for rows in by_subject])
                mean, sd = curves.mean(axis=0), curves.std(axis=0, ddof=min(1, len(curves) - 1))
                axis.plot(percent, mean, color=colour, linewidth=1.6, label=f"{label(name)} ({len(curves)} subjects)")
                axis.fill_between(percent, mean - sd, mean + sd, color=colour, alpha=0.12, linewidth=0)
            axis.set(title=label(channel), xlim=(0, 100))
        for axis in axes.flat[len(m.channels) :]:
            axis.set_axis_off()
        for axis in axes[-1]:
            axis.set_xlabel(f"{phase_of} (%)")
        for axis in axes[:, 0]:
            axis.set_ylabel(m.unit or "value")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        figure.suptitle(f"{trials.name}\nmean and SD over subjects", x=0.01, ha="left")
    return figure
