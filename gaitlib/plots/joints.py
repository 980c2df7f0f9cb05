"""Weights of joints on the body that moves: where an attention or a relevance lies, and when."""

import matplotlib.pyplot as plt
import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import label, style
from gaitlib.plots.sticks import colour_of
from gaitlib.trials.conventions import BODY_UNIT, FACE_JOINTS, POSE_PARTS, joint_columns

LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("shoulder", "hip"))
ACROSS = ("shoulder", "hip")
LARGEST = 420  # area of a joint with all the weight of its moment, points squared
APART = 0.8  # body heights from one figure to the next
CAVEAT = "where the network looked: the same for every class, and no proof that the joint decided anything"


def joint_attention(relevance, i: int = 0, modality: str = "pose", n_figures: int = 6, note: str = CAVEAT):
    """Weights of the joints of one trial on its body at some moments, and over all of its time.

    Parameters
    ----------
    relevance : Relevance
        Of trials with a normalised pose, as ``gaitlib.explain.relevance(runs, trials, method="attention")``.
    i : int
        Which trial.
    modality : str
    n_figures : int
        Moments, evenly spaced.
    note : str
        What is not to be read into it; of a signed relevance the sizes are shown.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GaitDataError
        If the modality is not a normalised pose.
    """
    m = relevance.trials.modality(modality)
    if m.unit != BODY_UNIT:
        raise GaitDataError(f"'{modality}' is in '{m.unit}'; normalise it first with preprocessing.NormalisePose")
    values, time_s = m.values[i], m.time_s[i]
    joints = [c[: -len("_x")] for c in m.channels if c.endswith("_x")]
    joints = [joint for joint in joints if joint not in FACE_JOINTS]
    columns = np.array([joint_columns(m.channels, joint, POSE_PARTS) for joint in joints])
    weights = np.abs(relevance.values[modality][i])[:, columns].sum(axis=2)
    moments = np.linspace(0, len(values) - 1, n_figures + 2).astype(int)[1:-1]
    with style():
        figure, (body, over_time) = plt.subplots(2, 1, figsize=(10, 6.4), height_ratios=[1.25, 1])
        for k, frame in enumerate(moments):
            places = dict(zip(joints, values[frame][columns[:, :2]] + [APART * k, 0], strict=True))
            _draw_body(body, places)
            share = weights[frame] / max(weights[frame].sum(), 1e-12)
            xy = np.array(list(places.values()))
            body.scatter(*xy.T, s=LARGEST * share, color="black", alpha=0.45, linewidths=0, zorder=3)
            body.text(APART * k, -0.65, f"{time_s[frame]:.1f} s", ha="center", va="top", fontsize=9)
        body.set_aspect("equal")
        body.set(ylabel="height over the hips\n(body heights)", xticks=[], yticks=(-0.5, 0, 0.5), ylim=(-0.8, 0.7))
        body.set_title("area of a joint: its share of the weight at that moment", loc="left", fontsize=10)
        mesh = over_time.pcolormesh(
            time_s,
            np.arange(len(joints)),
            100 * weights.T / max(weights.sum(), 1e-12),
            cmap="viridis",
            shading="nearest",
        )
        over_time.set_yticks(np.arange(len(joints)), [label(joint) for joint in joints], fontsize=8)
        for tick, joint in zip(over_time.get_yticklabels(), joints, strict=True):
            tick.set_color(colour_of(joint))
        over_time.invert_yaxis()
        over_time.set_xlabel("time (s)")
        figure.colorbar(mesh, ax=over_time, label="% of all weight,\na joint and frame")
        about = relevance.table.iloc[i]
        told = f"{about['trial']}: {label(str(about['label']))}, told to be {label(str(about['predicted']))}"
        figure.suptitle(f"{relevance.trials.name}\n{told}; {relevance.method}\n{note}", x=0.01, ha="left", fontsize=10)
    return figure


def _draw_body(axis, places) -> None:
    for side in ("left", "right"):
        for a, b in LIMBS:
            _line(axis, places[f"{side}_{a}"], places[f"{side}_{b}"], colour_of(side))
    for joint in ACROSS:
        _line(axis, places[f"left_{joint}"], places[f"right_{joint}"], colour_of("trunk"))
    neck = (places["left_shoulder"] + places["right_shoulder"]) / 2
    _line(axis, neck, places["nose"], colour_of("trunk"))


def _line(axis, a, b, colour) -> None:
    axis.plot(*np.transpose([a, b]), color=colour, linewidth=1.5, solid_capstyle="round")
