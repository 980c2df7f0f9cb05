"""Stick figures, drawn by every figure that shows a body."""

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import LEFT, RIGHT, TRUNK
from gaitlib.preprocessing.step import sequence
from gaitlib.trials.conventions import BONES, joint_columns


def coloured_bones(channels) -> list[tuple[list[int], list[int], tuple]]:
    """Columns (x, y, z) of both ends and the colour of every bone that a skeleton has."""
    present = {name[:-2] for name in channels if name.endswith("_x")}
    return [
        (joint_columns(channels, a), joint_columns(channels, b), colour_of(a + b))
        for a, b in BONES
        if present.issuperset((a, b))
    ]


def colour_of(name: str) -> tuple:
    """The colour of a body part, by the side in its name."""
    return LEFT if "left" in name else RIGHT if "right" in name else TRUNK


def middle_frames(time_s, seconds: float) -> tuple[int, int]:
    """First and last frame of so many seconds from the middle of a trial."""
    middle = time_s[len(time_s) // 2]
    first, end = np.searchsorted(time_s, [middle - seconds / 2, middle + seconds / 2])
    return int(first), int(max(first, end - 1))


def one_walk(trial, modality: str) -> tuple:
    """Channels, values and frame times of the one trial that a figure shows.

    Raises
    ------
    GaitDataError
        For several trials, or one without that modality or its times.
    """
    if len(trial) != 1:
        raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
    m = sequence(trial, modality)
    if m.values[0] is None or m.time_s is None or m.time_s[0] is None:
        raise GaitDataError(f"{trial.ids[0]} has no '{modality}' with frame times to draw")
    return m.channels, m.values[0], m.time_s[0]


def draw_walk(axis, trial, n_figures: int, seconds: float, modality: str = "skeleton") -> None:
    """Draw one trial from the side as a row of stick figures, 0.25 m added from each to the next."""
    channels, values, time_s = one_walk(trial, modality)
    bones = coloured_bones(channels)
    shown = np.linspace(*middle_frames(time_s, seconds), n_figures).astype(int)
    for k, frame in enumerate(shown):
        for a, b, colour in bones:
            _, y, z = np.stack([values[frame, a], values[frame, b]], axis=-1)
            axis.plot(y + 0.25 * k, z, color=colour, linewidth=1.6, solid_capstyle="round")
    axis.set_aspect("equal")
    step_ms = 1000 * seconds / (n_figures - 1)
    axis.set_xlabel(f"walking direction, {step_ms:.0f} ms and 0.25 m added a figure (m)")
