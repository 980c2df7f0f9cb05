"""The gait cycle: curves against its phase, and the events found in one walk."""

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import LEFT, PALETTE, RIGHT, label, style
from gaitlib.preprocessing.events import SIDES, gait_events
from gaitlib.preprocessing.gait_cycle import cycles
from gaitlib.preprocessing.skeleton import AlignHeading, SelectJoints
from gaitlib.trials.conventions import PELVIS_NAMES, first_joint

N_POINTS = 101
COLUMNS = 3


def gait_cycle_curves(trials, channels=("left_hip_deg", "left_knee_deg", "left_ankle_deg"), modality="skeleton"):
    """Channels over the gait cycle: mean over subjects, their SD as a band, one colour a class.

    A channel of the left or right side is read on the cycles of that side, any other on all of them. Cycles are
    averaged within a subject first, so everybody weighs the same. A dot marks the mean end of stance.

    Parameters
    ----------
    trials : TrialSet
        Raw positions with the channels, such as ``AddJointAngles().fit_transform(trials)``.
    channels : sequence of str
    modality : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there is no such channel, the positions are not raw, or no walk has a full cycle.
    """
    values, table = cycles(trials, channels, N_POINTS, modality)
    if not len(table):
        raise GaitDataError(f"{trials.name}: no walk has a full gait cycle to draw")
    table = table.merge(trials.table[["trial", "subject", "label"]], on="trial")
    phase = np.linspace(0, 100, N_POINTS)
    n_rows = -(-len(channels) // COLUMNS)
    with style():
        figure, axes = plt.subplots(n_rows, COLUMNS, figsize=(11, 3.6 * n_rows), squeeze=False)
        for c, (axis, channel) in enumerate(zip(axes.flat, channels, strict=False)):
            side = channel.partition("_")[0]
            on_side = (table["side"] == side) | (side not in SIDES)
            for colour, name in zip(PALETTE, trials.classes, strict=False):
                own = table[on_side & (table["label"] == name)]
                if not len(own):
                    continue
                by_subject = own.groupby("subject").groups.values()
                curves = np.array([values[rows, :, c].mean(axis=0) for rows in by_subject])
                mean, sd = curves.mean(axis=0), curves.std(axis=0, ddof=min(1, len(curves) - 1))
                axis.plot(phase, mean, color=colour, linewidth=1.6, label=label(name))
                axis.fill_between(phase, mean - sd, mean + sd, color=colour, alpha=0.12, linewidth=0)
                end = 100 * own.groupby("subject")["stance_share"].mean().mean()
                axis.plot(end, np.interp(end, phase, mean), "o", color=colour, markeredgecolor="white", markersize=7)
            axis.set(xlim=(0, 100), xlabel="gait cycle (%)", ylabel=label(re.sub("_deg$", " (degrees)", channel)))
        for axis in axes.flat[len(channels) :]:
            axis.set_axis_off()
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        n = table["subject"].nunique()
        shown = f"over the gait cycle, mean and SD of {n} subject{'s' * (n > 1)}; dot: end of stance"
        figure.suptitle(f"{trials.name}\n{shown}", x=0.01, ha="left")
    return figure


def events_over_time(trial, modality="skeleton"):
    """How far ankles and feet are in front of the pelvis during one walk, and the events found there.

    Parameters
    ----------
    trial : TrialSet
        A single trial, such as ``trials[3]``, with raw positions.
    modality : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If it is not a single trial.
    """
    if len(trial) != 1:
        raise GaitDataError(f"events_over_time draws one trial, not {len(trial)}; take one with trials[0]")
    events = gait_events(trial, modality)
    pelvis = first_joint(trial.modality(modality).channels, PELVIS_NAMES)
    joints = [pelvis, *(f"{side}_{joint}" for side in SIDES for joint in ("ankle", "foot"))]
    aligned = make_pipeline(SelectJoints(joints, modality), AlignHeading(modality)).fit_transform(trial)
    m = aligned.modality(modality)
    values, time_s = m.values[0], m.time_s[0] - m.time_s[0][0]
    forward = dict(zip(joints, values[:, 1::3].T, strict=True))
    with style():
        figure, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True, sharey=True)
        for axis, side, colour in zip(axes, SIDES, (LEFT, RIGHT), strict=True):
            for joint, line, event, marker in (("ankle", "-", "heel_strike", "v"), ("foot", ":", "toe_off", "^")):
                curve = forward[f"{side}_{joint}"] - forward[pelvis]
                axis.plot(time_s, curve, line, color=colour, linewidth=1.4, label=joint)
                at = events.loc[(events["side"] == side) & (events["event"] == event), "frame"]
                axis.plot(time_s[at], curve[at], marker, color="black", markersize=7, label=label(event))
            axis.set(title=side, ylabel="in front of the pelvis (m)")
        axes[1].set_xlabel("time (s)")
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4)
        figure.suptitle(f"{trial.name}\n{trial.ids[0]}: gait events", x=0.01, ha="left")
    return figure
