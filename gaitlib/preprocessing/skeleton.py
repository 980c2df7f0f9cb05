"""Steps for 3D skeletons: x lateral, y forward, z up."""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, sequence
from gaitlib.trials.conventions import AXES, BONES, CHEST_NAMES, PELVIS_NAMES, first_joint, joint_columns

CLEARLY_UP = 2.0  # times as far along one axis as along the others


class _SkeletonStep(Step):
    """A step with one parameter, the name of the skeleton modality."""

    def __init__(self, modality="skeleton"):
        self.modality = modality


class SelectJoints(_SkeletonStep):
    """Keep the positions of some joints only.

    Parameters
    ----------
    joints : sequence of str
        Joint names, such as ``["left_knee", "right_knee"]``.
    modality : str
    """

    def __init__(self, joints, modality="skeleton"):
        self.joints = joints
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        if not len(self.joints):
            raise GaitDataError("SelectJoints needs at least one joint")
        columns = [c for joint in self.joints for c in joint_columns(m.channels, joint)]
        names = [m.channels[c] for c in columns]
        return trials.with_modality(self.modality, m.map(lambda v: v[:, columns], names))


class AlignHeading(_SkeletonStep):
    """Turn every trial about the vertical so that the pelvis walks along +y.

    The heading is the straight line from the pelvis' mean place in the first tenth of the frames to that in the
    last tenth. Comes before centring (which takes the path away) and before velocities.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        xs, ys, _ = joint_triples(m.channels, "AlignHeading").T
        pelvis = joint_columns(m.channels, first_joint(m.channels, PELVIS_NAMES))
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            tenth = max(1, len(values[i]) // 10)
            path = values[i][:, pelvis]
            dx, dy, _ = path[-tenth:].mean(axis=0) - path[:tenth].mean(axis=0)
            if not np.hypot(dx, dy) > 1e-3:
                raise GaitDataError(f"{trial}: the pelvis does not move, so there is no heading; align before centring")
            cos, sin = np.array([dy, dx]) / np.hypot(dx, dy)
            x, y = values[i][:, xs], values[i][:, ys]
            values[i] = values[i].copy()
            values[i][:, xs], values[i][:, ys] = x * cos - y * sin, x * sin + y * cos
        return trials.with_modality(self.modality, replace(m, values=values))


class CentrePelvis(_SkeletonStep):
    """Subtract the pelvis from every joint, frame by frame. Derived channels stay as they are."""

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        pelvis = joint_columns(m.channels, first_joint(m.channels, PELVIS_NAMES))
        columns = position_columns(m.channels)
        axis = [pelvis[AXES.index(m.channels[c][-1])] for c in columns]

        def centre(v):
            v = v.copy()
            v[:, columns] -= v[:, axis].copy()
            return v

        return trials.with_modality(self.modality, m.map(centre))


class ScaleStature(_SkeletonStep):
    """Divide positions by the body length of the trial, so that tall and short people look alike.

    The body length is the median over frames of trunk (pelvis to chest) + thigh + shank, legs averaged
    (report of the reference study). Each trial is measured by itself: nothing is learnt from other trials.
    Derived channels (velocities, angles) stay as they are.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        lengths = body_length_m(m)
        columns = position_columns(m.channels)
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is not None:
                if not lengths[i] > 0:
                    raise GaitDataError(f"{trial}: the body length is {lengths[i]}; remove this trial or repair it")
                values[i] = values[i].copy()
                values[i][:, columns] /= lengths[i]
        return trials.with_modality(self.modality, replace(m, values=values, unit="body lengths"))


class AddVelocity(_SkeletonStep):
    """Add the velocity of every position channel, from the true frame times.

    Central differences of second order on uneven steps (:func:`numpy.gradient`), not plain differences of
    frames. Channels end in ``_mps`` where positions are in metres, else in ``_per_s``. Placed before
    :class:`CentrePelvis` they are velocities in the room, after it relative to the pelvis.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        columns = position_columns(m.channels)
        suffix = "mps" if m.unit == "m" else "per_s"
        names = [f"{m.channels[c]}_{suffix}" for c in columns]
        if set(names) & set(m.channels):
            raise GaitDataError(f"'{self.modality}' has velocities already; use AddVelocity() once")
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            time_s = m.time_s[i]
            if time_s is None:
                raise GaitDataError(f"{trial}, '{self.modality}': velocities need times; give rate_hz= or time_s=")
            if len(time_s) < 3 or not (np.diff(time_s) > 0).all():
                raise GaitDataError(f"{trial}: velocities need 3 frames with advancing times; use RepairFrames() first")
            velocity = np.gradient(values[i][:, columns], time_s, axis=0, edge_order=2)
            values[i] = np.concatenate([values[i], velocity], axis=1, dtype=np.float32)
        return trials.with_modality(self.modality, replace(m, values=values, channels=(*m.channels, *names)))


class AddPelvisMotion(_SkeletonStep):
    """Add how the pelvis moves through the room, which :class:`CentrePelvis` takes away: put it before.

    ``pelvis_rise``: height above its median in this trial; ``pelvis_sway``: distance to the side of the straight line
    that fits its path best; both in the unit of the positions (after :class:`ScaleStature` in body lengths).
    ``pelvis_forward``: forward velocity, that unit a second.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        if set(PELVIS_MOTION) & set(m.channels):
            raise GaitDataError(f"'{self.modality}' has the motion of the pelvis already; use AddPelvisMotion() once")
        x, y, z = joint_columns(m.channels, first_joint(m.channels, PELVIS_NAMES))
        values = m.values.copy()
        for i, trial in enumerate(trials.ids):
            if values[i] is None:
                continue
            time_s, v = m.time_s[i], values[i].astype(float)
            if time_s is None or len(time_s) < 3 or not (np.diff(time_s) > 0).all():
                raise GaitDataError(f"{trial}: the motion of the pelvis needs 3 frames with advancing times")
            if not v[:, [x, y, z]].any():
                raise GaitDataError(f"{trial}: the pelvis does not move; AddPelvisMotion() comes before CentrePelvis()")
            sway = v[:, x] - np.polynomial.Polynomial.fit(time_s, v[:, x], 1)(time_s)
            motion = [v[:, z] - np.median(v[:, z]), sway, np.gradient(v[:, y], time_s)]
            values[i] = np.column_stack([v, *motion]).astype(np.float32)
        return trials.with_modality(self.modality, replace(m, values=values, channels=(*m.channels, *PELVIS_MOTION)))


PELVIS_MOTION = ("pelvis_rise", "pelvis_sway", "pelvis_forward")


class BoneDirections(_SkeletonStep):
    """Replace positions by the directions of the bones, so that nobody is told by the length of a limb.

    ``left_knee_x`` is then the lateral part of the unit vector along the bone that ends in the left knee, seen from the
    trunk: from the left hip. Bones of which a joint is missing are left out; one without a length (two joints in one
    place) has no direction, (0, 0, 0). Derived channels stay as they are; comes after steps that need positions.

    References
    ----------
    Shi et al. 2019, Two-stream adaptive graph convolutional networks, https://doi.org/10.1109/CVPR.2019.01230: bones
    beside joints, of their own length there.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        bones = [(a, b) for a, b in BONES if f"{a}_x" in m.channels and f"{b}_x" in m.channels]
        if not bones:
            raise GaitDataError(f"BoneDirections: '{self.modality}' has no two joints with a bone between them")
        start, end = (np.array([joint_columns(m.channels, b[k]) for b in bones]) for k in (0, 1))
        derived = sorted(set(range(len(m.channels))) - set(position_columns(m.channels)))
        names = [f"{joint}_{axis}" for _, joint in bones for axis in AXES] + [m.channels[c] for c in derived]

        def directions(v):
            along = v[:, end] - v[:, start]
            length = np.linalg.norm(along, axis=2, keepdims=True)
            unit = np.divide(along, length, out=np.zeros_like(along), where=length > 0)
            return np.concatenate([unit.reshape(len(v), -1), v[:, derived]], axis=1)

        return trials.with_modality(self.modality, m.map(directions, names))


ANGLES = {
    f"{side}_{joint}_deg": tuple(n.format(side=side) for n in ends)
    for joint, ends in {
        "knee": ("{side}_hip", "{side}_knee", "{side}_ankle"),
        "hip": ("chest", "{side}_hip", "{side}_knee"),
        "ankle": ("{side}_knee", "{side}_ankle", "{side}_foot"),
        "shoulder": ("{side}_elbow", "{side}_shoulder", "{side}_hip"),
    }.items()
    for side in ("left", "right")
}


class AddJointAngles(_SkeletonStep):
    """Add the included angles at knees, hips, ankles and shoulders, in degrees (180 = stretched).

    Knee: hip-knee-ankle; hip: chest-hip-knee; ankle: knee-ankle-foot; shoulder: elbow-shoulder-hip. They do not
    depend on centring, scaling or heading.
    """

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        chest = first_joint(m.channels, CHEST_NAMES)
        triples = [
            [joint_columns(m.channels, chest if j == "chest" else j) for j in joints] for joints in ANGLES.values()
        ]

        def add(v):
            return np.column_stack([v, *(included_angle_deg(v[:, a], v[:, b], v[:, c]) for a, b, c in triples)])

        return trials.with_modality(self.modality, m.map(add, (*m.channels, *ANGLES)))


def position_columns(channels) -> list[int]:
    """Columns that are joint positions, by their names."""
    return [i for i, name in enumerate(channels) if name[-2:] in ("_x", "_y", "_z")]


def joint_triples(channels, step) -> np.ndarray:
    """Columns of x, y and z of every joint, (joints, 3).

    Raises
    ------
    GaitDataError
        In the name of the step, where there are channels other than joint positions.
    """
    columns = np.array([joint_columns(channels, name[:-2]) for name in channels if name.endswith("_x")])
    if columns.size != len(channels):
        raise GaitDataError(f"{step} reads joint positions only: put it before the steps that add channels")
    return columns


def included_angle_deg(a, b, c) -> np.ndarray:
    """Angle at b between the directions to a and c; NaN where a direction has no length.

    Parameters
    ----------
    a, b, c : ndarray (frames, 3)

    Examples
    --------
    >>> included_angle_deg(np.array([[1.0, 0, 0]]), np.zeros((1, 3)), np.array([[0, 1.0, 0]])).round(3)
    array([90.])
    """
    u, v = a - b, c - b
    angle = np.degrees(np.arctan2(np.linalg.norm(np.cross(u, v), axis=1), (u * v).sum(axis=1)))
    return np.where((u != 0).any(axis=1) & (v != 0).any(axis=1), angle, np.nan)


def require_z_up(trials, name) -> None:
    """Refuse skeletons that stand along another axis than z.

    Raises
    ------
    GaitDataError
        If in the median of the trials the chest stands further from the pelvis along x or y, or below it. The message
        names the axis that points up.
    """
    m = trials.modality(name)
    try:
        low, high = (joint_columns(m.channels, first_joint(m.channels, n)) for n in (PELVIS_NAMES, CHEST_NAMES))
    except GaitDataError:
        return
    upwards = [np.median(v[:, high] - v[:, low], axis=0) for v in m.values if v is not None and len(v)]
    if not upwards:
        return
    up = np.median(upwards, axis=0)
    axis = np.abs(up).argmax()
    if (
        np.isfinite(up).all()
        and np.abs(up[axis]) > CLEARLY_UP * abs(up[2])
        or up[2] < -CLEARLY_UP * np.abs(up[:2]).max()
    ):
        way = AXES[axis] if up[axis] > 0 else f"-{AXES[axis]}"
        raise GaitDataError(
            f"'{name}': the chest stands above the pelvis along {way}; z must point up, x to the side, y forwards: "
            "turn the axes of all joints and name the channels so"
        )


def body_length_m(modality) -> np.ndarray:
    """Trunk + thigh + shank of each trial (median over frames, legs averaged), in the unit of the positions.

    Returns
    -------
    ndarray (n_trials,)
        NaN where the trial lacks the modality.
    """
    channels = modality.channels
    trunk = (first_joint(channels, PELVIS_NAMES), first_joint(channels, CHEST_NAMES))
    legs = [
        (f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    pairs = [[joint_columns(channels, j) for j in pair] for pair in (trunk, *legs)]
    weight = np.array([1, 0.5, 0.5, 0.5, 0.5])

    def length(v):
        segments = [np.median(np.linalg.norm(v[:, a] - v[:, b], axis=1)) for a, b in pairs]
        return np.dot(weight, segments)

    return np.array([np.nan if v is None else length(v) for v in modality.values])
