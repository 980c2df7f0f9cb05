"""Single trials as images: skeletons joint by time, pressure under the feet."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import label, style
from gaitlib.plots.sticks import colour_of, one_walk
from gaitlib.trials.conventions import GAIT_JOINTS, PELVIS_NAMES, first_joint, joint_columns


def skeleton_heatmap(trial, modality: str = "skeleton"):
    """One trial as an image, joint by time: how far each joint is in front of the pelvis.

    Legs alternate in red (in front) and blue (behind), step length is depth of colour, uneven steps are uneven blocks,
    and a trunk that leans back is blue.

    Parameters
    ----------
    trial : TrialSet
        One trial of raw positions in metres, walking towards +y.
    modality : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    with style():
        figure, axis = plt.subplots(figsize=(11, 4))
        draw_skeleton(axis, trial, modality)
        figure.suptitle(f"{trial.name}\n{named(trial)}", x=0.01, ha="left")
    return figure


def pressure_maps(trials, modality: str = "pressure"):
    """One pressure image a class, of the first trial that has one, all on one colour scale.

    Cells are counted, not measured: the published sizes of the plate do not agree.

    Parameters
    ----------
    trials : TrialSet
        With raw images (rows along the walking direction).
    modality : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If no trial has a pressure image.
    """
    having = trials[trials.modality(modality).present()]
    if len(having) == 0:
        raise GaitDataError(f"no trial has '{modality}'; draw trials of which some have it")
    first = [int(np.flatnonzero(having.labels == name)[0]) for name in having.classes]
    highest = max(having.modality(modality).values[i].max() for i in first)
    with style():
        figure, axes = plt.subplots(1, len(first), figsize=(1.0 + 1.75 * len(first), 4.2), sharey=True, squeeze=False)
        for axis, i in zip(axes.flat, first, strict=True):
            image = draw_pressure(axis, having[i], modality, highest)
            axis.set_title(f"{label(having.labels[i])}\n({having.subjects[i]})", loc="left")
            axis.label_outer()
        figure.colorbar(image, ax=axes, label=f"pressure ({having.modality(modality).unit})", shrink=0.8)
        figure.suptitle(f"{trials.name}: pressure of one walk a class", x=0.01, ha="left")
    return figure


def named(trial) -> str:
    true = trial.labels[0]
    return f"{trial.ids[0]} ({trial.subjects[0]}), true class: {'not known' if pd.isna(true) else label(true)}"


def draw_skeleton(axis, trial, modality="skeleton") -> None:
    channels, values, time_s = one_walk(trial, modality)
    joints = [joint for joint in GAIT_JOINTS if f"{joint}_x" in channels]
    _, pelvis, _ = joint_columns(channels, first_joint(channels, PELVIS_NAMES))
    forward = [joint_columns(channels, joint)[1] for joint in joints]
    ahead = values[:, forward].T - values[:, pelvis]
    # Cells by their true times: where a frame is missing, its neighbour is drawn longer.
    mesh = axis.pcolormesh(time_s, np.arange(len(joints)), ahead, cmap="RdBu_r", vmin=-0.5, vmax=0.5, shading="nearest")
    axis.set_yticks(np.arange(len(joints)), [label(joint) for joint in joints])
    for tick, joint in zip(axis.get_yticklabels(), joints, strict=True):
        tick.set_color(colour_of(joint))
    axis.invert_yaxis()
    axis.set_xlabel("time (s)")
    axis.set_title("how far each joint is in front of the pelvis", loc="left")
    axis.figure.colorbar(mesh, ax=axis, label="in front of the pelvis (m)", extend="both", shrink=0.9, pad=0.01)


def draw_pressure(axis, trial, modality="pressure", highest=None):
    values = trial.modality(modality).values[0]
    image = axis.imshow(
        np.ma.masked_equal(values, 0), cmap="magma_r", vmin=0, vmax=highest, origin="lower", aspect="equal",
        interpolation="nearest",
    )  # fmt: skip
    axis.spines[:].set_visible(True)  # the edge of the plate
    axis.set(xlabel="column", ylabel="row (along the walk)")
    return image
