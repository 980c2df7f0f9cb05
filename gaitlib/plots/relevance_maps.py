"""Relevance as maps: joint by gait phase, and the plate under the feet."""

import re

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import label, style
from gaitlib.plots.sticks import colour_of

MOST = 12  # panels across or down that can be read


def joint_phase(signature, title: str = ""):
    """Relevance by joint and gait phase, a panel a class or subject, on one scale; dashed: mean end of stance.

    Parameters
    ----------
    signature : Signature
        Of skeletons on gait phase, or waveforms of joints.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        For images, or more groups than can be read.
    """
    if signature.phase is None:
        raise GaitDataError("images have no phase; draw them with plots.pressure_regions")
    n = len(signature.groups)
    if n > MOST:
        raise GaitDataError(f"{n} groups are too many to read; take up to {MOST} with signature.select(groups=)")
    own = signature.joints()
    size, columns = half_width(own.relevance), min(3, n)
    rows = -(-n // columns)
    with style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(max(7, 2.4 + 3 * columns), 1.6 + rows * (0.7 + 0.16 * len(own.channels))),
            sharex=True, sharey=True, squeeze=False,
        )  # fmt: skip
        for g, axis in enumerate(axes.flat):
            if g >= n:
                axis.set_axis_off()
                continue
            mesh = axis.pcolormesh(
                own.phase, np.arange(len(own.channels)), own.relevance[g].T, cmap="RdBu_r", vmin=-size, vmax=size,
                shading="nearest",
            )  # fmt: skip
            if own.stance_percent is not None:
                axis.axvline(own.stance_percent[g], color="black", linewidth=1, linestyle="--")
            axis.set_title(counted(own, g), loc="left", fontsize=9)
            if g + columns >= n:
                axis.set_xlabel(f"{own.phase_of} (%)")
                axis.tick_params(labelbottom=True)
        axes[0, 0].invert_yaxis()
        for axis in axes[:, 0]:
            axis.set_yticks(np.arange(len(own.channels)), [label(c) for c in own.channels], fontsize=8)
            for tick, joint in zip(axis.get_yticklabels(), own.channels, strict=True):
                tick.set_color(colour_of(joint))
        figure.colorbar(mesh, ax=axes, label=f"relevance ({unit_of(own)})\nred: supports", shrink=0.8)
        shown = "relevance by joint"
        if own.stance_percent is not None:
            shown = "right joints over the cycle of the right leg, all others of the left; dashed: end of stance"
        head(figure, own, title, shown)
    return figure


def pressure_regions(signature, title: str = ""):
    """Relevance on the plate over lines of mean pressure, and its sum over the regions of both feet.

    Parameters
    ----------
    signature : Signature
        Of pressure images.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If there are no regions, or more groups than can be read.
    """
    n = len(signature.groups)
    if signature.regions is None or n > MOST:
        raise GaitDataError(f"regions need a signature of pressure images, of {MOST} groups at most")
    sums = signature.regions.pivot_table("relevance", ["group", "region"], "side", sort=False)
    sums = sums.to_numpy().reshape(n, 3, 2)[:, ::-1]  # the forefoot above
    size, largest = half_width(signature.relevance), half_width(sums)
    with style():
        figure, axes = plt.subplots(
            2, n, figsize=(max(6.5, 2.2 + 1.75 * n), 7.4), height_ratios=[3.2, 1], sharey="row", squeeze=False
        )
        for g, (plate, table) in enumerate(axes.T):
            image = plate.imshow(
                signature.relevance[g], cmap="RdBu_r", vmin=-size, vmax=size, origin="lower", interpolation="nearest"
            )
            mean = signature.signal[g]
            plate.contour(mean, levels=mean.max() * np.array([0.1, 0.5]), colors="0.35", linewidths=0.6)
            plate.spines[:].set_visible(True)
            plate.set_title(counted(signature, g), loc="left", fontsize=9)
            plate.set_xlabel("column")
            cells = table.imshow(sums[g], cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto")
            for (row, column), value in np.ndenumerate(sums[g]):
                shade = "white" if abs(value) > 0.6 * largest else "black"
                table.text(column, row, f"{value:.2g}", ha="center", va="center", color=shade, fontsize=9)
            table.set_xticks([0, 1], ["left", "right"])
            table.set_yticks([0, 1, 2], ["forefoot", "midfoot", "heel"])
            table.tick_params(length=0)
        axes[0, 0].set_ylabel("row (along the walk)")
        figure.colorbar(image, ax=axes[0], label="relevance (logit), red: supports", shrink=0.8)
        figure.colorbar(cells, ax=axes[1], label="sum (logit)")
        lines = f"lines: 10 and 50 % of the highest mean pressure ({signature.unit})"
        head(figure, signature, title, f"{lines}\nbelow: relevance summed over the thirds of each footprint")
    return figure


def unit_of(signature) -> str:
    """The unit of relevance: gait phase shares it out over the cycle."""
    return "logit" if signature.stance_percent is None else "logit per 1 % of the cycle"


def half_width(values) -> float:
    """Half the width of a symmetric scale."""
    return float(np.nanmax(np.abs(values), initial=0)) or 1.0


def counted(signature, g) -> str:
    row = signature.counts.iloc[g]
    people = f"{row['subjects']} subjects, " if row["subjects"] > 1 else ""
    explained = "" if row["target"] == row["group"] else f"\nexplained: {label(str(row['target']))}"
    return f"{label(str(row['group']))}{explained}\n{people}{row['trials']} trial{'s' * int(row['trials'] > 1)}"


def head(figure, signature, title, shown) -> None:
    method = re.sub("^lrp$", "LRP", signature.method)
    lines = [signature.data, *([title] if title else []), f"{label(method)}: {shown}"]
    figure.suptitle("\n".join(lines), x=0.01, ha="left")
