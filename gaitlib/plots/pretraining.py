"""Figures of a masked autoencoder: what it makes of hidden spans, and how it learnt."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import CONTRAST, HONEST, PALETTE, label, style

COLUMNS = 3
CURVES = {"loss": "loss", "correlation": "correlation with the original"}


def reconstruction(original, reconstructed, hidden, rate_hz, channels, unit, interpolated=None, title=""):
    """A recording beside what a masked autoencoder makes of it, a panel a channel; hidden spans are shaded.

    Parameters
    ----------
    original, reconstructed : array (n_frames, n_channels)
    hidden : array of bool (n_frames,)
        Frames that the autoencoder did not see.
    rate_hz : float
    channels : sequence of str
    unit : str or sequence of str
        Of all channels, or of each.
    interpolated : array (n_frames, n_channels), optional
        Straight lines across the hidden spans, as the simplest reconstruction; drawn there only.
    title : str
        What is shown: data, trial, model.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If the arrays do not fit each other.
    """
    original, reconstructed, hidden = np.asarray(original), np.asarray(reconstructed), np.asarray(hidden, dtype=bool)
    _require_fit(original, reconstructed, hidden, channels, interpolated)
    time_s, half = np.arange(len(original)) / rate_hz, 0.5 / rate_hz
    units = [unit] * len(channels) if isinstance(unit, str) else list(unit)
    edges = np.flatnonzero(np.diff(np.pad(hidden.astype(int), 1))).reshape(-1, 2)  # first hidden, first seen again
    n_columns = min(COLUMNS, len(channels))
    n_rows = -(-len(channels) // n_columns)
    with style():
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=(max(5, 3.7 * n_columns), 1.6 + 1.9 * n_rows), sharex=True, squeeze=False
        )
        for axis in axes.flat[len(channels) :]:
            axis.set_axis_off()
        for c, (axis, channel) in enumerate(zip(axes.flat, channels, strict=False)):
            for start, end in edges:
                axis.axvspan(time_s[start] - half, time_s[end - 1] + half, color="0.88", linewidth=0, zorder=0)
            axis.plot(time_s, original[:, c], color="0.25", linewidth=1.4, label="original")
            if interpolated is not None:
                straight = np.where(_with_neighbours(hidden), np.asarray(interpolated)[:, c], np.nan)
                axis.plot(time_s, straight, ":", color=CONTRAST, linewidth=1.4, label="linear interpolation")
            axis.plot(time_s, reconstructed[:, c], color=PALETTE[0], linewidth=1.2, label="reconstruction")
            axis.set(title=label(channel), ylabel=units[c], xlim=(time_s[0] - half, time_s[-1] + half))
        for axis in axes[-1]:
            axis.set_xlabel("time (s)")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        what = f"shaded: hidden from the model ({hidden.mean():.0%} of {len(hidden)} frames)"
        figure.suptitle(f"{title}\n{what}" if title else what, x=0.01, ha="left")
    return figure


def _require_fit(original, reconstructed, hidden, channels, interpolated) -> None:
    shapes = {"reconstructed": reconstructed.shape}
    if interpolated is not None:
        shapes["interpolated"] = np.shape(interpolated)
    expected = (len(hidden), len(channels))
    for name, shape in ({"original": original.shape} | shapes).items():
        if shape != expected:
            raise GaitDataError(
                f"{name} is of shape {shape}, not {expected}: frames (a value of hidden each) by channels (a name each)"
            )


def _with_neighbours(hidden) -> np.ndarray:
    """The hidden frames and the seen ones beside them, from which straight lines start."""
    padded = np.pad(hidden, 1)
    return padded[:-2] | hidden | padded[2:]


def pretraining_curves(history, title=""):
    """Loss and correlation over epochs, of people learnt from and held out, and the learning rate.

    Parameters
    ----------
    history : pandas.DataFrame
        One row an epoch: ``epoch``, ``loss``, ``correlation``, ``learning_rate``; ``val_loss`` and ``val_correlation``
        where people were held out.
    title : str
        What was pretrained on what.

    Returns
    -------
    matplotlib.figure.Figure
    """
    watched = "val_loss" in history and history["val_loss"].notna().any()
    with style():
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.5), width_ratios=(3, 3, 2))
        for axis, (name, words) in zip(axes, CURVES.items(), strict=False):
            axis.plot(history["epoch"], history[name], color=PALETTE[0], label="people learnt from")
            if watched:
                axis.plot(history["epoch"], history[f"val_{name}"], "--", color=PALETTE[1], label="people held out")
            axis.set_ylabel(words)
        if watched:
            best = history.loc[history["val_loss"].idxmin(), "epoch"]
            axes[0].axvline(
                best, color="0.6", linewidth=1, linestyle=":", label=f"lowest loss of people held out: epoch {best:g}"
            )
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        axes[0].set_ylim(bottom=0)
        axes[1].set_ylim(min(0, axes[1].get_ylim()[0]), 1)
        axes[2].plot(history["epoch"], history["learning_rate"], color=HONEST)
        axes[2].set_ylabel("learning rate")
        axes[2].set_ylim(bottom=0)
        for axis in axes:
            axis.set_xlabel("epoch")
        figure.suptitle(title, x=0.01, ha="left")
    return figure
