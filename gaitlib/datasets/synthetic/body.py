"""The body of a synthetic walker: its lengths, and all of it above the hips."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

SIDE = {"affected": 1, "other": -1}  # x; the affected side is the right one until the walk is mirrored


@dataclass(frozen=True)
class Body:
    """Lengths in metres; shares of stature after Winter 2009 (Biomechanics and Motor Control of Human Movement).

    Departures: ankle, hip and shoulder joints stand where a Kinect puts them, not at the bony landmarks.
    """

    thigh: float
    shank: float
    ankle: float  # height over the floor
    heel: float  # from the ankle back
    toe: float  # from the ankle forward to the foot joint
    hip: float  # half the distance of the hips
    spine: float  # pelvis to neck
    head: float  # neck to head
    shoulder: float  # half the width
    upper_arm: float
    forearm: float
    hand: float

    @classmethod
    def of(cls, stature_m, proportions=1.0):
        """A body of some stature; ``proportions`` (12,) multiply the usual shares."""
        shares = np.array([0.245, 0.246, 0.050, 0.030, 0.098, 0.052, 0.288, 0.085, 0.105, 0.172, 0.146, 0.055])
        return cls(*(stature_m * shares * proportions))

    @property
    def leg(self) -> float:
        return self.thigh + self.shank


def upper_body(body, style, phases, pelvis) -> dict[str, np.ndarray]:
    """Trunk, head and arms by forward kinematics.

    Parameters
    ----------
    body : Body
    style : Style
    phases : dict of str to ndarray (n,)
        Phase of each leg.
    pelvis : ndarray (n, 3)

    Returns
    -------
    dict of str to ndarray (n, 3)
        By the names of the Azure Kinect joints.
    """
    lean, side, turn = (style.curve(f"trunk_{name}", phases["affected"]) for name in ("forward", "side", "turn"))
    trunk = Rotation.from_euler("ZYX", np.stack([turn, side, -lean], -1), degrees=True)
    head = Rotation.from_euler("YX", np.stack([side, -lean], -1) / 3, degrees=True)  # held nearly upright
    joint = {
        name: pelvis + trunk.apply([0, 0, share * body.spine])
        for name, share in (("naval", 0.36), ("chest", 0.64), ("neck", 1.0))
    }
    joint["head"] = joint["neck"] + head.apply([0, 0.15 * body.head, body.head])
    joint["nose"] = joint["head"] + head.apply([0, 0.11, 0.02])
    for name, leg in (("right", "affected"), ("left", "other")):
        sign = SIDE[leg]
        joint[f"{name}_eye"] = joint["head"] + head.apply([sign * 0.033, 0.09, 0.055])
        joint[f"{name}_ear"] = joint["head"] + head.apply([sign * 0.075, 0.0, 0.03])
        joint[f"{name}_clavicle"] = joint["neck"] + trunk.apply([sign * 0.03, 0, -0.03])
        joint[f"{name}_shoulder"] = joint["neck"] + trunk.apply([sign * body.shoulder, 0, -0.05])
        swing, bend = (style.curve(f"{leg}_{part}", phases[leg]) for part in ("shoulder", "elbow"))
        hang = np.stack([np.full_like(swing, -10 * sign), swing + lean], -1)  # 10 degrees away from the trunk
        upper = trunk * Rotation.from_euler("YX", hang, degrees=True)
        fore = upper * Rotation.from_euler("X", bend[:, None], degrees=True)
        joint[f"{name}_elbow"] = joint[f"{name}_shoulder"] + upper.apply([0, 0, -body.upper_arm])
        for part, share in (("wrist", 0.0), ("hand", 1.0), ("hand_tip", 2.0)):
            joint[f"{name}_{part}"] = joint[f"{name}_elbow"] + fore.apply([0, 0, -body.forearm - share * body.hand])
        joint[f"{name}_thumb"] = joint[f"{name}_wrist"] + fore.apply([-sign * 0.02, 0.04, -0.8 * body.hand])
    return joint
