"""Skeletons in space as a camera and a detector of pose would see them in a picture.

The camera is a pin-hole at rest, 4 m before the place where the pelvis comes nearest to it, at the height of the pelvis
and opposite the middle of the walk, 1000 px for a metre at a metre, its middle at (960, 540), y downwards. So somebody
who passes is seen obliquely at both ends of the way and somebody who approaches grows, as in a video; an orthographic
camera, which would be simpler still, shows neither. Joints beyond the edges of a picture of 1920 x 1080 are kept.

The noise is a model of a detector, not a measurement of one: white jitter, joints that are missing for short spells,
legs taken for each other. What real detectors do besides (smoothing over frames, systematic shifts) is not in it.
"""

import functools
import hashlib
import numbers
from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import AlignHeading
from gaitlib.preprocessing.pose import body_height
from gaitlib.preprocessing.skeleton import require_z_up
from gaitlib.preprocessing.step import require_finite, sequence
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import (
    COCO_JOINTS,
    FACE_JOINTS,
    PELVIS_NAMES,
    PICTURE_UNIT,
    first_joint,
    joint_columns,
    pose_channels,
)
from gaitlib.trials.joining import stacked
from gaitlib.trials.modality import object_array

VIEWS = {"front": 0.0, "side": 90.0}
CAMERA_M, FOCAL_PX, MIDDLE_PX = 4.0, 1000.0, (960.0, 540.0)
NOISE = 0.01  # body heights, SD of the jitter of a joint in plain sight, for which the rates below hold
SHOWN = [COCO_JOINTS.index(joint) for joint in COCO_JOINTS if joint not in FACE_JOINTS]
LEFT_LEG, RIGHT_LEG = (
    [SHOWN.index(COCO_JOINTS.index(f"{side}_{joint}")) for joint in ("hip", "knee", "ankle")]
    for side in ("left", "right")
)
FAR_M = 0.2  # behind the middle of the hips: a joint of the far side
BEFORE_M, HIDDEN = 0.1, 0.05  # a joint is hidden by one that is nearer by so much, within so many body heights
DOUBT = 0.05  # body heights of jitter at which confidence has fallen to 1 / e
SPELL_S, MISSING_PER_S, SWAPPED_PER_S = 0.15, 0.1, 0.05  # mean length; how often a joint in plain sight, the legs


def project_to_pose(trials, view="side", noise=NOISE, seed=0) -> TrialSet:
    """Walks of skeletons as the pose of a picture: what a video of them would have given.

    Twelve joints of the limbs and the nose (the head where a skeleton has no nose) are shown. Eyes and ears are missing
    throughout; :class:`gaitlib.preprocessing.MaskFace` takes them out of real videos, too.

    With noise n, in body heights (:func:`gaitlib.preprocessing.pose.body_height`), a joint in plain sight jitters with
    an SD of n in x and in y, one of the far side or hidden behind another with up to 2 n, one that is both with up to
    3 n. Confidence is exp(-jitter / 0.05 body heights). Joints are missing for spells of 0.15 s in the mean, in plain
    sight once in 10 s at n = 0.01, and the legs are taken for each other for as long, once in 20 s; how often both
    happen goes with n.

    Parameters
    ----------
    trials : TrialSet
        Modality "skeleton" in metres, z up, before centring.
    view : {"side", "front"}, float, or several of them
        Where the camera stands, seen from somebody who walks: degrees from straight ahead (0, "front") to the right
        (90, "side": the walk goes to the right of the picture) and on; the left side is -90. The heading is that of
        :class:`gaitlib.preprocessing.AlignHeading`. Of several views each gives trials of its own, which stay one walk
        of one person (what :func:`gaitlib.concat` puts together it takes for different people).
    noise : float
        0 gives the exact projection.
    seed : int
        With the id of the trial and the view it decides all that is drawn.

    Returns
    -------
    TrialSet
        Modality "pose" in pixels (17 joints of COCO, x, y, confidence) in place of the skeleton. Trials are called
        ``<trial>/<view>`` and have a column ``view``; subject, walk, label, frames and times are those of the
        skeletons.

    Raises
    ------
    GaitDataError
        For an unknown view or one that is given twice, a negative noise, and skeletons that lack a joint, do not move
        or have no metres or times.

    Examples
    --------
    >>> import gaitlib
    >>> pose = project_to_pose(gaitlib.synthetic_trials(n_subjects=1, n_walks=1), "front")
    >>> pose.table.loc[0, "view"], pose.modality("pose").values[0].shape[1]
    ('front', 51)
    """
    several = isinstance(view, list | tuple)
    views = dict(map(_view, view if several else [view]))
    if not views or several and len(views) < len(view):
        raise GaitDataError(f"view is one or several different ones, not {view!r}")
    if not (isinstance(noise, numbers.Real) and 0 <= noise < np.inf):
        raise GaitDataError(f"noise is an SD in body heights, 0 or more, not {noise!r}")
    m = sequence(trials, "skeleton")
    require_finite(trials, "skeleton")
    if m.unit != "m":
        raise GaitDataError(f"a projection needs positions in metres, 'skeleton' is in '{m.unit}'; use the raw trials")
    require_z_up(trials, "skeleton")
    nose = first_joint(m.channels, ("nose", "head"))
    joints = [nose, *(COCO_JOINTS[place] for place in SHOWN[1:]), first_joint(m.channels, PELVIS_NAMES)]
    columns = [joint_columns(m.channels, joint) for joint in joints]
    aligned = AlignHeading().fit_transform(trials).modality("skeleton").values
    points = [None if values is None else values[:, columns].astype(float) for values in aligned]
    seen = [_seen_from(trials, points, name, np.radians(angle), noise, seed) for name, angle in views.items()]
    return replace(functools.reduce(stacked, seen), name=f"{trials.name}, seen as pose ({', '.join(views)})")


def _seen_from(trials, points, view, angle_rad, noise, seed) -> TrialSet:
    """The trials as one camera sees them, from joints (frames, joints, 3) that walk along +y."""
    skeleton, values = trials.modality("skeleton"), []
    ids = [f"{trial}/{view}" for trial in trials.ids]
    for trial, joints, time_s in zip(ids, points, skeleton.time_s, strict=True):
        if joints is None:
            values.append(None)
            continue
        shown, depth_m = _picture(joints, angle_rad)
        if noise:
            if time_s is None:
                raise GaitDataError(f"{trial}: a detector's noise needs times; give rate_hz= or time_s=, or noise=0")
            _disturb(shown, depth_m, time_s, noise, _rng(seed, trial))
        pose = np.full((len(shown), len(COCO_JOINTS), 3), (np.nan, np.nan, 0), np.float32)
        pose[:, SHOWN] = shown
        values.append(pose.reshape(len(pose), -1))
    pose = replace(skeleton, values=object_array(values), channels=pose_channels(), unit=PICTURE_UNIT)
    others = {name: other for name, other in trials.modalities.items() if name != "skeleton"}
    table = trials.table.assign(trial=ids, view=view)
    return replace(trials, table=table, modalities=others | {"pose": pose})


def _view(view) -> tuple[str, float]:
    """Name and angle (degrees)."""
    if isinstance(view, str) and view in VIEWS:
        return view, VIEWS[view]
    if isinstance(view, bool) or not isinstance(view, numbers.Real) or not np.isfinite(view):
        raise GaitDataError(f"view is {' or '.join(map(repr, VIEWS))} or an angle in degrees, not {view!r}")
    return next((name for name, angle in VIEWS.items() if angle == view), f"{view:g}"), float(view)


def _rng(seed, trial) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(hashlib.blake2b(trial.encode(), digest_size=8).digest())])


def _picture(points, angle_rad) -> tuple[np.ndarray, np.ndarray]:
    """What the camera sees of joints (frames, joints, 3), the pelvis last, of somebody who walks along +y.

    Returns
    -------
    shown : ndarray (frames, joints - 1, 3)
        x, y (px) and confidence 1.
    depth_m : ndarray (frames, joints - 1)
    """
    x, y, z = np.moveaxis(points, 2, 0)
    sin, cos = np.sin(angle_rad), np.cos(angle_rad)
    across, towards = y * sin - x * cos, x * sin + y * cos
    depth_m = CAMERA_M + towards[:, -1].max() - towards
    per_m = FOCAL_PX / depth_m
    middle = (across[:, -1].min() + across[:, -1].max()) / 2
    right, down = MIDDLE_PX[0] + per_m * (across - middle), MIDDLE_PX[1] - per_m * (z - np.median(z[:, -1]))
    return np.stack([right, down, np.ones_like(down)], axis=2)[:, :-1], depth_m[:, :-1]


def _disturb(shown, depth_m, time_s, noise, rng) -> None:
    """Put a detector's noise on what is shown, in place."""
    whole = np.full((len(shown), len(COCO_JOINTS), 3), np.nan)
    whole[:, SHOWN] = shown
    height = body_height(whole.reshape(len(shown), -1), pose_channels())
    difficulty = 1 + _far(depth_m) + _hidden(shown, depth_m, height)
    jitter = rng.normal(size=(*difficulty.shape, 2)) * noise * difficulty[:, :, None]
    shown[:, :, :2] += jitter * height
    shown[:, :, 2] = np.exp(-np.linalg.norm(jitter, axis=2) / DOUBT)
    often = noise / NOISE
    swapped = _spells(time_s, [SWAPPED_PER_S * often], rng)
    shown[:, LEFT_LEG + RIGHT_LEG] = np.where(
        swapped[:, :, None], shown[:, RIGHT_LEG + LEFT_LEG], shown[:, LEFT_LEG + RIGHT_LEG]
    )
    missing = _spells(time_s, MISSING_PER_S * often * difficulty.mean(axis=0), rng)
    shown[missing] = (np.nan, np.nan, 0)


def _far(depth_m) -> np.ndarray:
    """How far joints are on the far side of the body, 0 to 1, (frames, joints)."""
    hips = [LEFT_LEG[0], RIGHT_LEG[0]]
    return np.clip((depth_m - depth_m[:, hips].mean(axis=1, keepdims=True)) / FAR_M, 0, 1)


def _hidden(shown, depth_m, height) -> np.ndarray:
    """How much joints are hidden behind another joint, 0 to 1, (frames, joints)."""
    apart = np.linalg.norm(shown[:, :, None, :2] - shown[:, None, :, :2], axis=3) / height
    nearer = depth_m[:, None, :] < depth_m[:, :, None] - BEFORE_M
    return np.exp(-0.5 * (np.where(nearer, apart, np.inf).min(axis=2) / HIDDEN) ** 2)


def _spells(time_s, often_per_s, rng) -> np.ndarray:
    """Frames that lie in a spell, bool (frames, one column a rate)."""
    inside = np.zeros((len(time_s), len(often_per_s)), bool)
    for column, n in enumerate(rng.poisson(np.asarray(often_per_s) * (time_s[-1] - time_s[0]))):
        start_s = rng.uniform(time_s[0], time_s[-1], n)
        end_s = start_s + rng.exponential(SPELL_S, n)
        inside[:, column] = ((time_s[:, None] >= start_s) & (time_s[:, None] < end_s)).any(axis=1)
    return inside
