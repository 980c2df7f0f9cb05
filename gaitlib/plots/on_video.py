"""Where a network looked, on the frames of the video that it was shown."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import label, style
from gaitlib.plots.joints import ACROSS, CAVEAT, LIMBS
from gaitlib.plots.sticks import colour_of, middle_frames
from gaitlib.trials.conventions import FACE_JOINTS, PICTURE_UNIT, POSE_PARTS, joint_columns

MARGIN = 0.25  # body boxes around the body
SHOWN_S = 1.6  # more than a stride
CMAP = "plasma"
LARGEST = 260  # area of the joint with the largest share, points squared


def shown_frames(trial, n: int = 6, modality: str = "pose") -> np.ndarray:
    """Frame numbers, evenly spaced over 1.6 s in the middle of those that show most of the body."""
    m = trial.modality(modality)
    seen = np.isfinite(m.values[0][:, :: len(POSE_PARTS)]).mean(axis=1)
    whole = np.flatnonzero(seen >= np.median(seen))
    first, last = middle_frames(m.time_s[0][whole], SHOWN_S)
    return m.frames[0][whole[np.unique(np.linspace(first, last, n).astype(int))]]


def attention_on_frames(relevance, pictures, probabilities, i: int = 0, modality: str = "pose", note: str = CAVEAT):
    """Shares of the joints in an attention or relevance, drawn on the body in frames of the video.

    Parameters
    ----------
    relevance : Relevance
        Of trials of :func:`gaitlib.pose_from_video`, by any method; of a signed one the sizes are shown.
    pictures : dict of int to ndarray (height, width, 3)
        Frames by their numbers, RGB, as ``gaitlib.datasets.frames_at(video, shown_frames(trial))`` gives them.
    probabilities : pandas.Series
        Of the trial, by class.
    i : int
        Which trial.
    modality : str
    note : str
        What is not to be read into it.

    Returns
    -------
    matplotlib.figure.Figure
        The whole picture with the one who walks, the body at each moment, the probabilities, and the share of each
        joint over the whole clip.

    Raises
    ------
    GaitDataError
        If the modality is no pose in a picture, or a picture is not of the trial.
    """
    m = relevance.trials.modality(modality)
    if m.unit != PICTURE_UNIT:
        raise GaitDataError(f"'{modality}' is in '{m.unit}', and a picture has px; give the trials of pose_from_video")
    if not pictures or not set(pictures) <= set(m.frames[i].tolist()):
        raise GaitDataError("give pictures by the numbers of frames that the trial has, as shown_frames names them")
    joints = [c[: -len("_x")] for c in m.channels if c.endswith("_x")]
    joints = [joint for joint in joints if joint not in FACE_JOINTS]
    columns = np.array([joint_columns(m.channels, joint, POSE_PARTS) for joint in joints])
    weights = np.abs(relevance.values[modality][i])[:, columns].sum(axis=2)
    rows = np.searchsorted(m.frames[i], sorted(pictures))
    bodies = [dict(zip(joints, m.values[i][row][columns[:, :2]], strict=True)) for row in rows]
    shares = [weights[row] / max(weights[row].sum(), 1e-12) for row in rows]
    scale = Normalize(0, 100 * max(map(np.max, shares)))
    half = np.max([np.ptp(_known(places), axis=0) for places in map(_places, bodies)], axis=0) * (0.5 + MARGIN)
    with style():
        figure = plt.figure(figsize=(13, 9.5))
        above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1])
        axes = above.subplot_mosaic(
            [["whole", "probabilities"], ["whole", "joints"]], width_ratios=[2.2, 1], height_ratios=[1, 1.9]
        )
        middle = len(rows) // 2
        way = [_middle(places) for places in m.values[i][:, columns[:, :2]] if np.isfinite(places).all(axis=1).any()]
        whole = pictures[m.frames[i][rows[middle]]]
        _draw_whole(axes["whole"], whole, np.array(way), _middle(_places(bodies[middle])), half)
        _draw_bars(axes["probabilities"], probabilities, "probability", "0.6", "%.2f")
        total = 100 * weights.sum(axis=0) / max(weights.sum(), 1e-12)
        title = "% of all weight in the clip (blue: left, orange: right)"
        _draw_bars(axes["joints"], dict(zip(joints, total, strict=True)), title, list(map(colour_of, joints)), "%.0f")
        moments = below.subplots(1, len(rows), squeeze=False)[0]
        for axis, row, body, share in zip(moments, rows, bodies, shares, strict=True):
            _draw_moment(axis, pictures[m.frames[i][row]], body, 100 * share, half, scale)
            axis.set_title(f"{m.time_s[i][row]:.1f} s", fontsize=10)
        mapping = ScalarMappable(scale, CMAP)
        below.colorbar(mapping, ax=list(moments), label="% of the weight at that moment", shrink=0.8, pad=0.01)
        about = relevance.table.iloc[i]
        told = f"{about['trial']}, told to be {label(str(about['predicted']))} ({probabilities.max():.2f})"
        figure.suptitle(f"{told}; {relevance.method}\n{note}", x=0.01, ha="left", fontsize=10)
    return figure


def _places(body) -> np.ndarray:
    return np.array(list(body.values()))


def _known(places) -> np.ndarray:
    """Those of the joints that were seen, (joints, 2)."""
    return places[np.isfinite(places).all(axis=1)]


def _middle(places) -> np.ndarray:
    """Of the box around what was seen."""
    known = _known(places)
    return (known.min(axis=0) + known.max(axis=0)) / 2


def _draw_whole(axis, picture, way, middle, half) -> None:
    axis.imshow(picture)
    axis.plot(*way.T, color="white", linewidth=1)
    axis.add_patch(Rectangle(middle - half, *(2 * half), fill=False, color="white", linewidth=1.5))
    axis.set_title("who is taken to walk, and the way", loc="left", fontsize=10)
    axis.set(xlim=(0, picture.shape[1]), ylim=(picture.shape[0], 0))
    axis.set_axis_off()


def _draw_moment(axis, picture, body, share, half, scale) -> None:
    axis.imshow(picture)
    for side in ("left", "right"):
        for a, b in LIMBS:
            _line(axis, body[f"{side}_{a}"], body[f"{side}_{b}"], colour_of(side))
    for joint in ACROSS:
        _line(axis, body[f"left_{joint}"], body[f"right_{joint}"], "white")
    _line(axis, (body["left_shoulder"] + body["right_shoulder"]) / 2, body["nose"], "white")
    places = _places(body)
    area = LARGEST * share / max(scale.vmax, 1e-12)
    axis.scatter(*places.T, s=area, c=share, cmap=CMAP, norm=scale, edgecolors="white", linewidths=0.7, zorder=3)
    (x, y), (w, h) = _middle(places), half
    axis.set(xlim=(x - w, x + w), ylim=(y + h, y - h), facecolor="0.9", xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _line(axis, a, b, colour) -> None:
    axis.plot(*np.transpose([a, b]), color=colour, linewidth=1.8, solid_capstyle="round")


def _draw_bars(axis, values, title, colour, form) -> None:
    bars = axis.barh([label(str(name)) for name in dict(values)], list(dict(values).values()), color=colour)
    axis.bar_label(bars, fmt=form, padding=3, fontsize=8)
    axis.invert_yaxis()
    axis.tick_params(labelsize=8)
    axis.margins(x=0.12)
    axis.set_title(title, loc="left", fontsize=10)
