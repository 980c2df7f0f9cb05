"""Figures of stored runs."""

from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import CONTRAST, HONEST, PALETTE, label, style

A_ROW = 4  # models
CHARACTERS_AN_INCH = 9  # of a title
MARKERS = (("o", 7), ("s", 5), ("D", 7), ("^", 7), ("v", 7))  # and sizes, one a protocol


def learning_curves(runs, model: str, protocol: str | None = None):
    """Loss and accuracy over epochs, one line a fold, learnt and watched trials.

    Parameters
    ----------
    runs : Runs
    model : str
    protocol : str, optional
        Default the first of that model.

    Returns
    -------
    matplotlib.figure.Figure
    """
    history = runs.histories()
    if history.empty or model not in set(history["model"]):
        raise GaitDataError(
            f"'{model}' has no epochs to draw; networks with some: {sorted(set(history.get('model', [])))}"
        )
    history = history[history["model"] == model]
    protocol = protocol or history["protocol"].iloc[0]
    history = history[history["protocol"] == protocol]
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), sharex=True)
        for axis, quantity, unit in zip(
            axes, ("loss", "accuracy"), ("cross-entropy (nats)", "share correct"), strict=True
        ):
            for _, fold in history.groupby("fold", sort=False):
                axis.plot(fold["epoch"], fold[quantity], color=PALETTE[0], linewidth=1, alpha=0.8)
                if f"val_{quantity}" in fold:
                    axis.plot(fold["epoch"], fold[f"val_{quantity}"], color=PALETTE[1], linewidth=1, alpha=0.8)
            axis.set(xlabel="epoch", ylabel=f"{quantity} ({unit})")
        axes[0].set_ylim(bottom=0)
        axes[1].set_ylim(0, 1.02)
        handles = [plt.Line2D([], [], color=PALETTE[k]) for k in (0, 1)]
        watched = "val_loss" in history and history["val_loss"].notna().any()
        names = ["learnt from", "watched (validation)"] if watched else ["learnt from"]
        axes[1].legend(handles[: len(names)], names, title="trials", loc="center left", bbox_to_anchor=(1, 0.5))
        n_folds = history["fold"].nunique()
        title = f"{model}, {protocol}, {n_folds} fold{'s' * (n_folds > 1)}, one line each"
        figure.suptitle(f"{runs.data}\n{title}", x=0.01, ha="left")
    return figure


def confusion_matrices(runs, model: str):
    """Confusion matrices of a model, one panel a protocol: share of each true class, number of trials below.

    Parameters
    ----------
    runs : Runs
    model : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    own = [run for run in runs.runs if run.model == model]
    with style():
        figure, axes = plt.subplots(1, len(own), figsize=(0.5 + 4.6 * len(own), 5.0), squeeze=False)
        for axis, run in zip(axes.flat, own, strict=True):
            counts = runs.confusion(model, run.protocol)
            share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
            text = np.array(
                [f"{s:.2f}\n{c}" for s, c in zip(share.to_numpy().flat, counts.to_numpy().flat, strict=True)]
            )
            names = [label(c) for c in counts.index]
            sns.heatmap(
                share, ax=axis, vmin=0, vmax=1, cmap="Blues", square=True, cbar=False, linewidths=0.5,
                annot=text.reshape(share.shape), fmt="", annot_kws={"size": 8}, xticklabels=names, yticklabels=names,
            )  # fmt: skip
            axis.set(xlabel="predicted gait", ylabel="true gait")
            axis.tick_params(axis="x", rotation=40)
            plt.setp(axis.get_xticklabels(), ha="right")
            axis.set_title(f"{run.protocol}\nclaim: {run.claim}", loc="left")
        data = fill(runs.data, int(CHARACTERS_AN_INCH * figure.get_figwidth()))
        figure.suptitle(f"{data}\n{model}: share of each true gait, number of trials below", x=0.01, ha="left")
    return figure


def per_subject(runs):
    """Accuracy of every subject under every protocol, one panel a model.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    matplotlib.figure.Figure
    """
    accuracy = runs.per_subject()
    models = list(dict.fromkeys(run.model for run in runs.runs))
    on_new_people = {run.protocol: run.on_new_people for run in runs.runs}
    markers = dict(zip(sorted(on_new_people, key=lambda p: not on_new_people[p]), MARKERS, strict=False))
    with style():
        n_columns = min(A_ROW, len(models))
        n_rows = -(-len(models) // n_columns)
        size = (1.5 + 3.1 * n_columns, 1.2 + 3.4 * n_rows)
        figure, axes = plt.subplots(n_rows, n_columns, figsize=size, sharey=True, squeeze=False)
        for axis in axes.flat[len(models) :]:
            axis.set_visible(False)
        for axis, model in zip(axes.flat, models, strict=False):
            for protocol in accuracy[model].columns:
                values = accuracy[model][protocol].dropna()
                marker, size = markers[protocol]
                colour, filled, line = (HONEST, HONEST, "-") if on_new_people[protocol] else (CONTRAST, "none", "--")
                axis.plot(
                    values, values.index, marker, color=colour, markerfacecolor=filled, markersize=size, label=protocol,
                    alpha=0.8,
                )  # fmt: skip
                axis.axvline(values.mean(), color=colour, linewidth=1, linestyle=line)
            chance = next(run.chance for run in runs.runs if run.model == model)
            axis.axvline(chance, color="0.6", linewidth=1, linestyle=":")
            axis.set(xlim=(-0.03, 1.03), xlabel="accuracy", title=label(model))
        axes[0, 0].invert_yaxis()
        for axis in axes[:, 0]:
            axis.set_ylabel("subject")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        figure.suptitle(
            f"{runs.data}\naccuracy by subject; lines: mean over subjects, dotted: chance", x=0.01, ha="left"
        )
    return figure


def per_class(runs, protocol: str | None = None):
    """Sensitivity and specificity of every class for every model under one protocol, with intervals over subjects.

    Parameters
    ----------
    runs : Runs
    protocol : str, optional
        Default the first subject-disjoint one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    protocol = protocol or next((run.protocol for run in runs.runs if run.on_new_people), runs.runs[0].protocol)
    models = [run.model for run in runs.runs if run.protocol == protocol and run.folds]
    with style():
        figure, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True)
        classes = np.arange(len(runs.classes))
        for k, model in enumerate(models):
            place, colour = classes + 0.7 * ((k + 0.5) / len(models) - 0.5), PALETTE[k % len(PALETTE)]
            scores = runs.per_class(model, protocol)
            for axis, name in zip(axes, ("sensitivity", "specificity"), strict=True):
                axis.vlines(place, scores[f"{name} low"], scores[f"{name} high"], color=colour, linewidth=1.5)
                axis.plot(place, scores[name], "o", color=colour, markersize=5, label=label(model))
                axis.set(ylim=(-0.03, 1.03), ylabel=name)
        axes[1].set_xticks(classes, [label(c) for c in runs.classes])
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", title="model")
        n = runs.predictions().query("protocol == @protocol")["subject"].nunique()
        what = "sensitivity and specificity by gait, mean and 95 % interval over subjects"
        figure.suptitle(f"{runs.data}\n{protocol}, {n} test subjects\n{what}", x=0.01, ha="left")
    return figure


def differences(table, what: str):
    """How much better or worse each row is than the reference, with its interval over subjects.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`gaitlib.results.differences`; the reference is the row whose difference is exactly 0.
    what : str
        What is compared, for the title.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure, axis = plt.subplots(figsize=(11, 1.2 + 0.34 * len(table)))
        place = np.arange(len(table))[::-1]
        points = 100 * table[["difference", "low", "high"]].to_numpy()
        axis.axvline(0, color="0.6", linewidth=1)
        axis.hlines(place, points[:, 1], points[:, 2], color=HONEST, linewidth=2)
        axis.plot(points[:, 0], place, "o", color=HONEST)
        axis.set_yticks(place, [f"{label(name)}  ({a:.3f})" for name, a in table["accuracy"].items()])
        axis.set_xlabel("accuracy minus that of the reference (points), mean and 95 % interval over subjects")
        data, protocol, n = table.iloc[0][["data", "protocol", "subjects"]]
        figure.suptitle(f"{data}\n{protocol}, {n} subjects: {what}", x=0.01, ha="left")
    return figure
