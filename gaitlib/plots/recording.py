"""One person's recording from window to window: signals, targets, and what a model makes of them."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE, label, style

SHOWN_S = 20  # of the raw signals
SLOW_HZ = 8
SHADE = {"color": "0.88", "lw": 0}


def body_signals(trials, subject: str, targets=None):
    """Each signal of a person, raw for some seconds and in one number a window, and the targets below.

    The number is the mean of what changes slowly, and the standard deviation of what is recorded faster than 8 Hz, as
    a pulse or an electroencephalogram. Windows in which a binary target holds are shaded.

    Parameters
    ----------
    trials : TrialSet
        Windows of recordings, with ``start_s`` in the table and targets.
    subject : str
    targets : sequence of str, optional
        The continuous targets that are drawn; default all.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If the person or the sequences are not there.
    """
    own = _windows_of(trials, subject)
    signals = [name for name, m in own.modalities.items() if m.kind == "sequence"]
    asked = own.kinds if targets is None else targets
    numbers = [name for name, (kind, _) in own.kinds.items() if kind == "continuous" and name in asked]
    if not signals:
        raise GaitDataError(f"the windows of '{subject}' hold no signals over time")
    at, what = _positions(own)
    with style():
        figure, axes = plt.subplots(len(signals) + 1, 2, figsize=(9, 1.5 * (len(signals) + 1)), squeeze=False)
        for row, name in zip(axes, signals, strict=False):
            m = own.modality(name)
            middle = np.flatnonzero(m.present())[m.present().sum() // 2]
            time_s, values = m.time_s[middle] - m.time_s[middle][0], m.values[middle]
            shown = time_s <= SHOWN_S
            row[0].plot(time_s[shown], values[shown], lw=0.7)
            fast = len(time_s) > 1 and 1 / np.median(np.diff(time_s)) > SLOW_HZ
            nothing, tell = np.full(len(m.channels), np.nan), np.nanstd if fast else np.nanmean
            row[1].plot(at, np.array([nothing if v is None else tell(v, axis=0) for v in m.values]), lw=1)
            row[1].set_ylabel("SD" if fast else "mean")
            row[0].set_ylabel(f"{label(name)}\n({m.unit or 'no unit'})")
        axes[-2, 0].set_xlabel("time in one window (s)")
        axes[-1, 0].set_axis_off()
        for colour, name in zip(PALETTE, numbers, strict=False):
            target = own.target(name)
            axes[-1, 1].plot(
                at,
                target.values,
                color=colour,
                lw=1,
                label=f"{label(name)} ({target.unit})" if target.unit else label(name),
            )
        axes[-1, 0].legend(*axes[-1, 1].get_legend_handles_labels(), fontsize=9, loc="center right")
        axes[-1, 1].set_xlabel(what)
        for axis in axes[:, 1]:
            _shade(axis, own, at)
        held = [label(name) for name, (kind, _) in own.kinds.items() if kind == "binary"]
        figure.suptitle(f"{trials.name}\n{subject}: left raw, right a number a window; shaded: {', '.join(held)}",
                        fontsize=9)  # fmt: skip
    return figure


def relevance_over_windows(trials, relevance, truth=None):
    """What a model says of each window of a person, and which signal it says it from.

    Parameters
    ----------
    trials : TrialSet
        The windows of one person that were explained.
    relevance : gaitlib.explain.Relevance
        Of one head, for the same trials in the same order.
    truth : array (n_trials,), optional
        The true values, drawn beside those of a continuous head.

    Returns
    -------
    matplotlib.figure.Figure
        Above the score that is explained, below the share of each signal in the sum of absolute relevance; windows in
        which a binary target holds are shaded.
    """
    own = trials[trials.subjects == trials.subjects[0]]
    if len(own) != len(trials) or list(relevance.table["trial"]) != list(trials.ids):
        raise GaitDataError("give the windows of one person, and the relevance of just these")
    at, what = _positions(trials)
    sums = np.array(
        [[np.abs(v).sum() if v is not None else 0.0 for v in values] for values in relevance.values.values()]
    )
    share = sums / np.maximum(sums.sum(axis=0), np.finfo(float).tiny)
    order = np.argsort(at, kind="stable")
    with style():
        figure, (above, below) = plt.subplots(2, 1, figsize=(8, 4.4), sharex=True)
        _shade(above, trials, at)
        above.plot(at[order], relevance.table["score"].to_numpy()[order], color="0.2")
        if truth is not None:
            above.plot(at[order], np.asarray(truth, float)[order], color=PALETTE[3], ls="--", label="truth")
            above.legend(fontsize=8)
        above.set_ylabel(f"score of\n{label(str(relevance.table['target'].iloc[0]))}")
        names = [label(name) for name in relevance.values]
        below.stackplot(at[order], share[:, order], labels=names, colors=PALETTE, lw=0)
        below.set(ylim=(0, 1), ylabel="share of relevance", xlabel=what)
        below.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.suptitle(f"{trials.name}\n{trials.subjects[0]}, {relevance.method}", fontsize=9)
    return figure


def _windows_of(trials, subject):
    own = trials[trials.subjects == subject]
    if len(own) == 0:
        raise GaitDataError(f"no windows of '{subject}'; there are {', '.join(sorted(set(trials.subjects))[:5])}")
    if "start_s" not in own.table:
        raise GaitDataError("the windows have no column 'start_s': seconds since the start of the recording")
    return own


def _positions(own) -> tuple[np.ndarray, str]:
    """Minutes of one recording; of several the number of the window."""
    if own.table["walk"].nunique() == 1:
        return own.table["start_s"].to_numpy(dtype=float) / 60, "time in the recording (min)"
    return np.arange(len(own), dtype=float), "window (recordings one after another)"


def _shade(axis, own, at) -> None:
    """Windows in which the first binary target holds."""
    binary = [name for name, (kind, _) in own.kinds.items() if kind == "binary"][:1]
    width = np.median(np.diff(np.sort(at))) if len(at) > 1 else 1.0
    for name in binary:
        for place in at[own.target(name).values == 1]:
            axis.axvspan(place - width / 2, place + width / 2, zorder=0, **SHADE)
