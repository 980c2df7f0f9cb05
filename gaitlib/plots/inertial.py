"""Figures of inertial recordings."""

import matplotlib.pyplot as plt

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, style

LONGEST_S = 6.0


def inertial_steps(recorded, prepared, trials, modality: str = "imu"):
    """Accelerations as they were recorded and as a network reads them, a row a trial.

    Parameters
    ----------
    recorded : TrialSet
        With a modality "acc".
    prepared : TrialSet
        The same trials after :func:`gaitlib.recipes.imu_steps`.
    trials : sequence of str
        Ids. Of long recordings the middle 6 s are shown.
    modality : str
        Of the prepared ones.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there is no such trial.
    """
    sides = (("as recorded", recorded, "acc"), ("as a network reads it", prepared, modality))
    with style():
        figure, axes = plt.subplots(
            len(trials), 2, figsize=(11, 0.8 + 2 * len(trials)), sharex="row", sharey="row", squeeze=False
        )
        for own, trial in zip(axes, trials, strict=True):
            for axis, (how, side, name) in zip(own, sides, strict=True):
                if trial not in side.ids:
                    raise GaitDataError(f"no trial '{trial}' among those {how}")
                _draw(axis, side[list(side.ids).index(trial)], name)
                axis.set_title(f"{trial}, {how}", loc="left", fontsize=9)
        for axis in axes[-1]:
            axis.set_xlabel("time (s)")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle(recorded.name, x=0.01, ha="left")
    return figure


def _draw(axis, trial, name) -> None:
    m = trial.modality(name)
    time_s, values = m.time_s[0], m.values[0]
    middle_s = (time_s[0] + time_s[-1]) / 2
    shown = abs(time_s - middle_s) <= LONGEST_S / 2
    for channel, colour in zip((c for c in m.channels if c.startswith("acc")), PALETTE, strict=False):
        axis.plot(time_s[shown], values[shown, m.channels.index(channel)], color=colour, linewidth=1, label=channel)
    axis.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    unit, rate_hz = m.unit.split(" and ")[0], (len(time_s) - 1) / (time_s[-1] - time_s[0])
    axis.set_ylabel(f"{unit} at {rate_hz:.0f} Hz")
