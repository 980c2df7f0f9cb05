"""Kinematics of one walk: a style and a body give 32 joints over time, with feet that stand still on the floor.

Steps are planned first: when and where each foot stands. A standing foot rolls over heel and toe at its place. The
pelvis goes where the legs have their wanted knee angle; two-link inverse kinematics then closes each leg exactly, so
all bones keep their length. The affected side is the right one here; the caller mirrors.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from gaitlib.datasets.synthetic.body import SIDE, upper_body
from gaitlib.datasets.synthetic.gait_styles import OTHER_STRIKE, OTHER_TOE_OFF, TOE_OFF
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS

TOE_HEIGHT_M = 0.02  # of the foot joint over the floor
CLEARANCE_M = 0.012  # of the swinging toe, at least
REACH = 0.999  # of the leg's length: a knee is never quite stretched
LEAST_BOTH = 0.04  # share of the stride that both feet stand, each time
TAKE_OVER = 0.06  # phase in which a landed foot takes over the weight
GRID_S, SMOOTH_S = 0.01, 0.02  # of the pelvis' height: weight passes from leg to leg without a jerk


@dataclass(frozen=True)
class Steps:
    """When and where the feet stand: one row a cycle.

    Attributes
    ----------
    event_s : ndarray (cycles, 4)
        Heel strike of the affected foot, toe off of the other, heel strike of the other, toe off of the affected.
    place_m : dict of str to ndarray (cycles,)
        Forward place of the flat foot's ankle.
    """

    event_s: np.ndarray
    place_m: dict[str, np.ndarray]

    @property
    def strike_s(self):
        return {"affected": self.event_s[:, 0], "other": self.event_s[:, 2]}

    @property
    def off_s(self):
        """Toe off that ends the stance of the same row."""
        return {"affected": self.event_s[:-1, 3], "other": self.event_s[1:, 1]}


def plan_steps(style, body, duration_s, rng) -> Steps:
    """Steps from well before to well after the recording, with small variation from step to step."""
    stride_s, strike = style.time("stride_s"), style.time("other_strike")
    n = int(np.ceil(duration_s / stride_s)) + 6
    starts = np.cumsum(stride_s * rng.normal(1, 0.012, n)) - stride_s * (3 + rng.uniform())
    both = np.maximum([strike + style.time("other_stance") - 1, style.time("affected_stance") - strike], LEAST_BOTH)
    shares = np.array([0, both[0], strike, strike + both[1]])  # of a walk, never of a run
    steps = np.array([style.time("affected_step"), style.time("other_step")]) * body.leg
    places = np.cumsum(np.tile(steps, n) * rng.normal(1, 0.015, 2 * n)) - steps[0]
    return Steps(starts[:, None] + stride_s * shares, {"affected": places[::2], "other": places[1::2]})


class Walker:
    """One walk: a style, a body and planned steps.

    A phase counts cycles from the heel strike of a leg; a cycle numbers the rows of the steps; angles are in degrees.
    """

    def __init__(self, style, body, steps):
        self.style, self.body, self.steps = style, body, steps
        phases = np.arange(len(steps.event_s))[:, None] + [0, OTHER_TOE_OFF, OTHER_STRIKE, TOE_OFF]
        self._phase = PchipInterpolator(steps.event_s.ravel(), phases.ravel())
        knots = np.sort(np.concatenate(list(steps.strike_s.values())))
        self._forward = CubicSpline(knots[1:], self._pelvis_at_strikes())
        self._grid_s = np.arange(steps.event_s[1, 0], steps.event_s[-1, 0], GRID_S)
        wanted, reached = self._heights(self._grid_s)
        self._height = np.minimum(gaussian_filter1d(np.minimum(wanted, reached), SMOOTH_S / GRID_S), reached)

    # -- phases ----------------------------------------------------------------------------------------------

    def phase(self, time_s, leg="affected") -> np.ndarray:
        """Cycles since the first heel strike of a leg."""
        return self._phase(time_s) - (0 if leg == "affected" else OTHER_STRIKE)

    def pitch(self, phase, leg) -> np.ndarray:
        """Pitch of the foot, toe up positive, degrees; flat on the floor in mid stance."""
        thigh, knee, ankle = (self.style.curve(f"{leg}_{joint}", phase) for joint in ("thigh", "knee", "ankle"))
        phase = phase % 1
        free = 1 - _smooth((phase - 0.02) / 0.08) + _smooth((phase - 0.28) / 0.10)
        pitch = (thigh - knee + ankle) * free
        return np.where((phase > 0.2) & (phase < TOE_OFF), np.minimum(pitch, 0), pitch)

    # -- feet ------------------------------------------------------------------------------------------------

    def foot_turn(self, phase, leg) -> Rotation:
        toe_out = np.full(np.shape(phase), -SIDE[leg] * self.style.time("toe_out_deg"))
        return Rotation.from_euler("ZX", np.stack([toe_out, self.pitch(phase, leg)], -1), degrees=True)

    def standing_ankle(self, phase, leg, cycle) -> np.ndarray:
        """Ankle of a foot that stands at the place of a cycle: it turns about the heel, later about the toe."""
        flat = Rotation.from_euler("Z", -SIDE[leg] * self.style.time("toe_out_deg"), degrees=True)
        place = self.steps.place_m[leg][cycle]
        x = np.full(np.shape(place), SIDE[leg] * self.style.time("width_m") / 2)
        ankle = np.stack([x, place, np.full(np.shape(place), self.body.ankle)], -1)
        heel = np.array([0, -self.body.heel, -self.body.ankle])
        pivot = np.where(self.pitch(phase, leg)[..., None] > 0, heel, self.toe)
        return ankle + flat.apply(pivot) - self.foot_turn(phase, leg).apply(pivot)

    @property
    def toe(self) -> np.ndarray:
        """Foot joint from the ankle of a flat foot that points forward."""
        return np.array([0, self.body.toe, TOE_HEIGHT_M - self.body.ankle])

    # -- pelvis ----------------------------------------------------------------------------------------------

    def pelvis_turn(self, time_s) -> Rotation:
        phase = self.phase(time_s)
        turn, drop = self.style.curve("pelvis_turn", phase), self.style.curve("pelvis_drop", phase)
        return Rotation.from_euler("ZY", np.stack([turn, -drop], -1), degrees=True)

    def hip_offset(self, time_s, leg) -> np.ndarray:
        return self.pelvis_turn(time_s).apply([SIDE[leg] * self.body.hip, 0, 0])

    def span(self, phase, leg) -> np.ndarray:
        """Distance of hip and ankle at the wanted knee angle."""
        thigh, shank = self.body.thigh, self.body.shank
        knee = np.radians(np.maximum(self.style.curve(f"{leg}_knee", phase), 0))
        return np.minimum(np.sqrt(thigh**2 + shank**2 + 2 * thigh * shank * np.cos(knee)), REACH * self.body.leg)

    def _pelvis_at_strikes(self) -> np.ndarray:
        """Forward place of the pelvis at every heel strike but the first.

        Both legs have their wanted knee angle there: the upper crossing of two circles about the ankles.
        """
        places = np.empty(2 * len(self.steps.event_s))
        cycles = np.arange(len(self.steps.event_s))
        for leading, trailing, rows in (("other", "affected", cycles), ("affected", "other", cycles[1:])):
            strike_s = self.steps.strike_s[leading][rows]
            last = rows if leading == "other" else rows - 1
            centre, radius = [], []
            for leg, phase, cycle in ((trailing, 0.5, last), (leading, 0.0, rows)):
                phase = np.full(len(rows), phase)
                offset = self.standing_ankle(phase, leg, cycle) - self.hip_offset(strike_s, leg)
                centre.append(offset[:, 1:])
                radius.append(self.span(phase, leg))
            between = centre[1] - centre[0]
            distance = np.linalg.norm(between, axis=1)
            along = (distance**2 + radius[0] ** 2 - radius[1] ** 2) / (2 * distance)
            height = np.sqrt(np.maximum(radius[0] ** 2 - along**2, 0))
            y = centre[0][:, 0] + (along * between[:, 0] - height * between[:, 1]) / distance
            places[2 * rows + (leading == "other")] = y
        return places[1:]

    def pelvis(self, time_s) -> np.ndarray:
        """Pelvis (n, 3)."""
        x = self.style.curve("sway_m", self.phase(time_s))
        return np.stack([x, self._forward(time_s), np.interp(time_s, self._grid_s, self._height)], -1)

    def _heights(self, time_s) -> tuple[np.ndarray, np.ndarray]:
        """Height of the pelvis that the loaded legs want, and the highest that standing legs reach."""
        x = self.style.curve("sway_m", self.phase(time_s))
        floor = np.stack([x, self._forward(time_s), np.zeros_like(x)], -1)
        wanted, limit, load = [], [], []
        for leg in SIDE:
            phase = self.phase(time_s, leg)
            cycle, phase = np.floor(phase).astype(int), phase % 1
            offset = self.standing_ankle(phase, leg, cycle) - floor - self.hip_offset(time_s, leg)
            beside = (offset[:, :2] ** 2).sum(axis=1)

            def height(span, beside=beside, offset=offset):
                return offset[:, 2] + np.sqrt(np.maximum(span**2 - beside, 0))

            wanted.append(height(self.span(phase, leg)))
            limit.append(np.where(phase <= TOE_OFF, height(REACH * self.body.leg), np.inf))
            load.append(_smooth(phase / TAKE_OVER) - _smooth((phase - OTHER_STRIKE) / TAKE_OVER))
        return np.average(wanted, axis=0, weights=load), np.min(limit, axis=0)

    # -- legs ------------------------------------------------------------------------------------------------

    def leg(self, time_s, pelvis, leg) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hip, knee, ankle and foot joint, each (n, 3)."""
        phase = self.phase(time_s, leg)
        cycle, share = np.floor(phase).astype(int), phase % 1
        hip = pelvis + self.hip_offset(time_s, leg)
        turn = self.foot_turn(share, leg)
        swing = (share - TOE_OFF) / (1 - TOE_OFF)
        flying = self._swinging_ankle(hip, share, leg, cycle, turn, swing)
        ankle = np.where(swing[:, None] > 0, flying, self.standing_ankle(share, leg, cycle))
        knee, ankle = self._close_leg(hip, ankle, leg)
        return hip, knee, ankle, ankle + turn.apply(self.toe)

    def _hanging(self, phase, leg) -> np.ndarray:
        """Ankle from the hip by the wanted angles alone."""
        thigh, knee = (np.radians(self.style.curve(f"{leg}_{joint}", phase)) for joint in ("thigh", "knee"))
        down = [self.body.thigh * f(thigh) + self.body.shank * f(thigh - knee) for f in (np.sin, np.cos)]
        return np.stack([np.zeros_like(thigh), down[0], -down[1]], -1)

    def _swinging_ankle(self, hip, share, leg, cycle, turn, swing) -> np.ndarray:
        """The wanted path, bent so that it starts and ends at the places of the foot, and kept clear of the floor."""
        gap = {}
        for end, times, phase, rows in (
            ("start", self.steps.off_s[leg], TOE_OFF, np.arange(len(self.steps.off_s[leg]))),
            ("end", self.steps.strike_s[leg][1:], 0.0, np.arange(1, len(self.steps.strike_s[leg]))),
        ):
            phase = np.full(len(rows), phase)
            at = self.pelvis(times) + self.hip_offset(times, leg)
            gap[end] = self.standing_ankle(phase, leg, rows) - at - self._hanging(phase, leg)
        blend = _smooth(swing)[:, None]
        ankle = hip + self._hanging(share, leg) + (1 - blend) * gap["start"][cycle] + blend * gap["end"][cycle]
        rise = np.sin(np.pi * np.clip(swing, 0, 1))
        ankle[:, 0] += SIDE[leg] * rise * self.style.curve(f"{leg}_arc_m", share)
        heel = turn.apply([0, -self.body.heel, -self.body.ankle])[:, 2]
        lowest = np.minimum(turn.apply(self.toe)[:, 2] - TOE_HEIGHT_M, heel) + ankle[:, 2]
        ankle[:, 2] += np.maximum(CLEARANCE_M * rise - lowest, 0)
        return ankle

    def _close_leg(self, hip, ankle, leg) -> tuple[np.ndarray, np.ndarray]:
        """Knee (bent forward) and ankle so that thigh and shank have exactly their lengths."""
        thigh, shank = self.body.thigh, self.body.shank
        down = ankle - hip
        span = np.linalg.norm(down, axis=1, keepdims=True)
        down = down / span
        span = np.minimum(span, REACH * self.body.leg)
        cosine = np.clip((thigh**2 + span**2 - shank**2) / (2 * thigh * span), -1, 1)
        out = np.radians(self.style.time("toe_out_deg")) / 2
        ahead = np.array([SIDE[leg] * np.sin(out), np.cos(out), 0])
        ahead = ahead - (down @ ahead)[:, None] * down
        ahead = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
        return hip + thigh * (cosine * down + np.sqrt(1 - cosine**2) * ahead), hip + span * down

    # -- the whole body --------------------------------------------------------------------------------------

    def positions(self, time_s) -> np.ndarray:
        """All joints (n, 32, 3) in the order of the Azure Kinect; the affected leg is the right one."""
        pelvis = self.pelvis(time_s)
        phases = {leg: self.phase(time_s, leg) for leg in SIDE}
        joint = {"pelvis": pelvis, **upper_body(self.body, self.style, phases, pelvis)}
        for side, leg in (("right", "affected"), ("left", "other")):
            for name, place in zip(("hip", "knee", "ankle", "foot"), self.leg(time_s, pelvis, leg), strict=True):
                joint[f"{side}_{name}"] = place
        return np.stack([joint[name] for name in AZURE_KINECT_JOINTS], axis=1)


def _smooth(share) -> np.ndarray:
    """From 0 to 1 without a corner, constant outside."""
    share = np.clip(share, 0, 1)
    return share**2 * (3 - 2 * share)
