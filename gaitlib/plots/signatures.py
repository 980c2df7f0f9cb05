"""Gait signatures: what was measured, coloured by what a model read in it.

Relevance is black near 0, red to yellow where it supports the class explained, blue to cyan where it speaks against
it; scales are symmetric about 0.
"""

import re
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import label, style
from gaitlib.plots.relevance_maps import MOST, counted, half_width, head, unit_of

COLD_TO_HOT = LinearSegmentedColormap.from_list(
    "cold to hot", ["#00c8f0", "#0078ff", "#0028b0", "black", "#b01000", "#ff5000", "#ffb400"]
)
MEANING = "hot: supports, cold: contradicts, black: near 0"


def signature(signature, title: str = "", stance_percent=None):
    """Mean curves coloured by relevance: a row a channel, a column a class or subject.

    Grey: SD over subjects (by class) or trials (by subject). A circle marks the highest relevance above 0 on each
    side of the body. One colour scale for all panels.

    Parameters
    ----------
    signature : Signature
        Of waveforms or gait phase, with 12 channels and groups at most: choose with ``signature.select(...)``.
    title : str
        What the figure stands for, such as the model and "a known person".
    stance_percent : (float, float), optional
        Stance of waveforms, where it is known. Of skeletons gait events tell it.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        For images, summed joints, or more than can be read.
    """
    groups, channels, phase = signature.groups, signature.channels, signature.phase
    if phase is None:
        raise GaitDataError("images have no phase; draw them with plots.pressure_regions")
    if signature.signal is None:
        raise GaitDataError("joints have no one signal; draw them with plots.joint_phase")
    if max(len(groups), len(channels)) > MOST:
        raise GaitDataError(
            f"{len(channels)} channels and {len(groups)} groups are too many to read: take up to {MOST} of each with "
            "signature.select(groups=, channels=)"
        )
    best = signature.highest().query("relevance > 0")
    size = half_width(signature.relevance)
    with style():
        figure, axes = plt.subplots(
            len(channels), len(groups), figsize=(max(7, 1 + 2.6 * len(groups)), 1.9 + 1.35 * len(channels)),
            sharex=True, sharey="row", squeeze=False,
        )  # fmt: skip
        for g, group in enumerate(groups):
            stance = stance_percent
            if signature.stance_percent is not None:
                stance = (0, signature.stance_percent[g])
            for c, channel in enumerate(channels):
                axis = axes[c, g]
                mean, sd = signature.signal[g, :, c], signature.spread[g, :, c]
                if stance is not None:
                    axis.axvspan(*stance, color="0.95", linewidth=0, zorder=0)
                axis.fill_between(phase, mean - sd, mean + sd, color="0.82", linewidth=0, zorder=1)
                lines = _coloured_line(axis, phase, mean, signature.relevance[g, :, c], size)
                for at in best.loc[(best["group"] == group) & (best["channel"] == channel), "phase_percent"]:
                    _circle(axis, at, np.interp(at, phase, mean))
                axis.margins(x=0.02)
                if g == 0:
                    axis.set_ylabel(_wrapped(channel), fontsize=9)
            axes[0, g].set_title(counted(signature, g), loc="left", fontsize=9)
            axes[-1, g].set_xlabel(f"{signature.phase_of} (%)")
        figure.align_ylabels(axes[:, 0])
        figure.colorbar(
            lines, ax=axes, label=f"relevance ({unit_of(signature)})\n{MEANING}", shrink=0.8, pad=0.02, aspect=40
        )
        spread = "subjects" if signature.by == "class" else "trials"
        stance = "; shaded: stance" if stance is not None else ""
        shown = f"mean {label(signature.modality)} ({signature.unit})\ngrey: SD of {spread}{stance}"
        head(figure, signature, title, f"{shown}\ncircle: highest relevance of a side")
    return figure


def signatures_of_models(signatures, relevances, title: str = ""):
    """One subject, a row a model: mean curve coloured by relevance, and the relevance of each trial as a thin line.

    Lines that lie on each other show an explanation that repeats itself over the trials. Channels stand side by side;
    each curve is drawn on its channel's own scale, each model's relevance on its own scale.

    Parameters
    ----------
    signatures : dict of str to Signature
        By name of the model: of one subject, ``explain.signature(relevance, "subject").select(groups=[subject])``.
    relevances : dict of str to Relevance
        By name of the model: what the signatures are means of.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If a signature is of several groups.
    """
    for name, own in signatures.items():
        if own.by != "subject" or len(own.groups) != 1:
            raise GaitDataError(f"{name}: one subject is drawn: signature(..., 'subject').select(groups=[subject])")
    with style():
        figure, axes = plt.subplots(
            len(signatures), 2, figsize=(13, 1.7 + 1.35 * len(signatures)), sharex=True, squeeze=False
        )
        for (name, own), (left, right) in zip(signatures.items(), axes, strict=True):
            (subject,), relevance = own.groups, relevances[name]
            best, size = own.highest().query("relevance > 0"), half_width(own.relevance)
            chosen = np.flatnonzero(relevance.table["subject"] == subject)
            columns = [relevance.channels[own.modality].index(c) for c in own.channels]
            trials = [relevance.values[own.modality][i] for i in chosen]
            trials = np.stack([v[:, columns] for v in trials if v is not None])
            for c, channel in enumerate(own.channels):
                x = c + 0.96 * own.phase / 100
                low, span = own.signal[0, :, c].min(), max(np.ptp(own.signal[0, :, c]), 1e-12)
                curve, sd = (own.signal[0, :, c] - low) / span, own.spread[0, :, c] / span
                left.fill_between(x, curve - sd, curve + sd, color="0.85", linewidth=0)
                lines = _coloured_line(left, x, curve, own.relevance[0, :, c], size)
                for at in best.loc[best["channel"] == channel, "phase_percent"]:
                    at = c + 0.96 * at / 100
                    _circle(left, at, np.interp(at, x, curve))
                right.plot(x, trials[:, :, c].T, color="black", linewidth=0.5, alpha=0.5)
            left.set(ylabel=_wrapped(name), yticks=[])
            right.axhline(0, color="0.6", linewidth=0.8)
            right.set_ylabel("relevance\n(logit)", fontsize=8)
            figure.colorbar(lines, ax=left, pad=0.01).ax.tick_params(labelsize=8)
        names = [_wrapped(c) for c in own.channels]
        for axis in axes.flat:
            axis.set_xlim(-0.02, len(names))
            axis.set_xticks(np.arange(len(names)) + 0.48, names, fontsize=8)
            axis.tick_params(axis="x", length=0)
            for c in range(1, len(names)):
                axis.axvline(c - 0.02, color="0.8", linewidth=0.8)
        axes[0, 0].set_title("mean curve coloured by relevance (logit)\n" + MEANING, loc="left", fontsize=9)
        axes[0, 1].set_title("relevance of each trial, a line each", loc="left", fontsize=9)
        n = len(trials)
        shown = f"{subject}, {n} trial{'s' * (n > 1)}; each channel over {own.phase_of} (0 to 100 %), on its own scale"
        head(figure, own, title, f"{shown}; circle: highest relevance of a side")
    return figure


def _coloured_line(axis, x, y, relevance, size):
    """A curve whose pieces, each about its point, have the colour of the relevance there."""
    middle = np.stack([x, y], axis=1)
    ends = (middle[:-1] + middle[1:]) / 2
    ends = np.concatenate([middle[:1], ends, middle[-1:]])
    pieces = np.stack([ends[:-1], middle, ends[1:]], axis=1)
    lines = LineCollection(pieces, cmap=COLD_TO_HOT, norm=Normalize(-size, size), linewidth=2.4, zorder=3)
    lines.set_array(relevance)
    return axis.add_collection(lines)


def _circle(axis, x, y) -> None:
    axis.plot(x, y, "o", markersize=11, markerfacecolor="none", markeredgecolor="black", zorder=4, clip_on=False)


def _wrapped(channel) -> str:
    return fill(label(re.sub("_deg$", "_angle", channel)), 12)
