"""Who walks how: periodic curves and step timing of a walk, as normal gait + marker + person + gait of that person.

A style is linear in its parts, so that every part can be set to nothing. All curves run over one gait cycle; those of
a leg or arm start at the heel strike of their own side, those of pelvis and trunk at that of the affected side.

The thigh (against the vertical), knee and ankle curves go through the values that Perry and Burnfield give at the
phases of the cycle (Gait Analysis: Normal and Pathological Function, 2nd ed., SLACK 2010, ISBN 978-1-55642-766-4).
Departures: points between those phases are chosen so that a leg that is closed on the floor stays near the curve, and
the peak of plantar flexion is 18 degrees. The markers follow the same book's pathological gaits in kind; their size is
chosen.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

# The knobs of difficulty.
PERSON_SPREAD = 1.0  # how much people differ whatever gait they walk, in units of CURVE_SD and TIMING
GAIT_OF_PERSON_SPREAD = 1.0  # how much a person's way of one gait differs from the marker, same units
WALK_SPREAD = 0.9  # how much the walks of one person and gait differ, same units
MARKER_STRENGTH_SD = 0.3  # how strongly people show a marker; the mean is 1
MARKER_STRENGTH_RANGE = (0.35, 1.6)

PHASE = np.arange(100) / 100
TOE_OFF, OTHER_TOE_OFF, OTHER_STRIKE = 0.62, 0.12, 0.5  # phases of the events, in every gait (time is warped to them)

PERRY_DEG = {  # phase (percent): angle, flexion and dorsiflexion positive
    "thigh": {0: 20, 12: 19, 31: 0, 50: -20, 62: -10, 75: 15, 87: 25},
    "knee": {0: 5, 12: 20, 31: 6, 40: 5, 50: 9, 62: 40, 72: 61, 80: 48, 87: 25, 96: 3},
    "ankle": {0: 0, 6: -5, 31: 5, 45: 10, 50: 6, 62: -18, 73: -5, 80: 2, 87: 1},
}
CURVE_SD = {
    "affected_thigh": 3, "affected_knee": 4, "affected_ankle": 3, "affected_arc_m": 0.006,
    "other_thigh": 3, "other_knee": 4, "other_ankle": 3, "other_arc_m": 0.006,
    "sway_m": 0.005, "pelvis_drop": 1.2, "pelvis_turn": 1.5,
    "trunk_forward": 2.5, "trunk_side": 1.5, "trunk_turn": 2,
    "affected_shoulder": 5, "affected_elbow": 6, "other_shoulder": 5, "other_elbow": 6,
}  # fmt: skip
TIMING = {  # of a normal walk: value and SD between people
    "stride_s": (1.12, 0.06),
    "other_strike": (0.5, 0.005),  # share of the stride at which the other foot strikes
    "affected_stance": (0.62, 0.01),  # share of the stride
    "other_stance": (0.62, 0.01),
    "affected_step": (0.78, 0.04),  # leg lengths
    "other_step": (0.78, 0.04),
    "width_m": (0.11, 0.012),
    "toe_out_deg": (7.0, 2.5),
    "affected_load": (1.0, 0.05),  # trust in the leg: share of the usual pressure
    "other_load": (1.0, 0.05),
}
CURVES = tuple(CURVE_SD)
_CURVE_SD = np.array(list(CURVE_SD.values()))[:, None]
_TIMING = np.array(list(TIMING.values()))


@dataclass(frozen=True)
class Style:
    """Curves (18, 100) over the cycle, in degrees or metres, and the timing of the steps (10,)."""

    curves: np.ndarray
    timing: np.ndarray

    def curve(self, name, phase) -> np.ndarray:
        """A curve at some phases; 1 is a full cycle."""
        return np.interp(phase, PHASE, self.curves[CURVES.index(name)], period=1)

    def time(self, name) -> float:
        return float(self.timing[list(TIMING).index(name)])

    def __add__(self, other):
        return Style(self.curves + other.curves, self.timing + other.timing)

    def __rmul__(self, factor):
        return Style(factor * self.curves, factor * self.timing)


def perry_deg(joint) -> np.ndarray:
    """A normal curve, (100,), degrees."""
    points = PERRY_DEG[joint]
    spline = CubicSpline([p / 100 for p in (*points, 100)], [*points.values(), points[0]], bc_type="periodic")
    return spline(PHASE)


def bump(centre, width) -> np.ndarray:
    """A smooth periodic pulse of height 1, (100,); ``width`` is its full width at half height, both in cycles."""
    distance = (PHASE - centre + 0.5) % 1 - 0.5
    return np.exp(-4 * np.log(2) * (distance / width) ** 2)


def _style(timing=None, **curves) -> Style:
    """A style from what is not zero."""
    return Style(
        np.stack([np.broadcast_to(np.asarray(curves.get(name, 0.0), float), PHASE.shape) for name in CURVES]),
        np.array([(timing or {}).get(name, 0.0) for name in TIMING]),
    )


_TURN = 2 * np.pi * PHASE
_SWING = bump(0.8, 0.3)  # of the own leg
_STANCE = bump(0.27, 0.45)
_leg = {joint: perry_deg(joint) for joint in PERRY_DEG}

NORMAL = _style(
    timing={name: value for name, (value, _) in TIMING.items()},
    **{f"{leg}_{joint}": curve for leg in ("affected", "other") for joint, curve in _leg.items()},
    sway_m=0.02 * np.cos(_TURN - 0.6 * np.pi),
    pelvis_drop=4 * np.sin(_TURN + 0.2 * np.pi),
    pelvis_turn=5 * np.cos(_TURN),
    trunk_forward=4 + np.cos(2 * _TURN),
    trunk_side=1.5 * np.sin(_TURN),
    trunk_turn=-4 * np.cos(_TURN),
    **{f"{arm}_shoulder": 3 - 18 * np.cos(_TURN) for arm in ("affected", "other")},
    **{f"{arm}_elbow": 25 - 10 * np.cos(_TURN) for arm in ("affected", "other")},
)

# What each gait adds at strength 1.
MARKERS = {
    "normal": _style(),
    # Short stance on the painful side, and so a short step of the other; the weight is put down with care.
    "antalgic": _style(
        timing={"stride_s": 0.10, "other_strike": -0.045, "affected_stance": -0.06, "other_stance": 0.045,
                "affected_step": -0.06, "other_step": -0.20, "affected_load": -0.45},
        affected_knee=4 * _STANCE, trunk_forward=2.0, trunk_side=3 * _STANCE,
        affected_shoulder=4 * np.cos(_TURN), other_shoulder=2 * np.cos(_TURN),
    ),
    # The knee stays stretched; the leg is brought forward by an outward arc and a hike of the pelvis.
    "stiff_legged": _style(
        timing={"stride_s": 0.12, "affected_step": -0.12, "other_step": -0.16, "width_m": 0.03},
        affected_knee=-0.75 * (_leg["knee"] - 5), affected_thigh=-9 * bump(0.66, 0.25),
        affected_ankle=-9 * bump(0.6, 0.12) + 14 * bump(0.71, 0.14), other_knee=-8 * bump(0.2, 0.2),
        affected_arc_m=0.09 * _SWING, pelvis_drop=9 * _SWING, trunk_side=-4 * _SWING,
    ),
    # Weak gluteus maximus: the trunk is thrown back at heel strike and held there over the stance leg.
    "lurching": _style(
        timing={"stride_s": 0.08, "affected_step": -0.05, "other_step": -0.07},
        trunk_forward=-15 * bump(0.08, 0.4), affected_thigh=-2.0, affected_shoulder=-6 * bump(0.1, 0.4),
        other_shoulder=-6 * bump(0.6, 0.4),
    ),
    # Weak tibialis anterior: the foot drops, and hip and knee lift it clear of the floor; the forefoot lands first.
    "steppage": _style(
        timing={"stride_s": 0.06, "affected_step": -0.05, "other_step": -0.05},
        affected_thigh=18 * bump(0.82, 0.26), affected_knee=24 * bump(0.8, 0.28),
        affected_ankle=-22 * (bump(0.84, 0.32) + 0.9 * bump(0.99, 0.1)),
    ),
    # Weak hip abductors: the other side of the pelvis drops in stance, and the trunk leans over the stance leg.
    "trendelenburg": _style(
        timing={"stride_s": 0.05, "affected_step": -0.03, "other_step": -0.06, "affected_stance": -0.01},
        pelvis_drop=8 * _STANCE, trunk_side=8 * _STANCE, sway_m=0.015 * _STANCE,
    ),
}  # fmt: skip


def deviation(rng, spread) -> Style:
    """A random departure: a smooth periodic one of every curve (mean and two harmonics), and one of the timing."""
    harmonics = np.stack([np.ones_like(_TURN), *(f(k * _TURN) for k in (1, 2) for f in (np.cos, np.sin))])
    weights = rng.normal(size=(len(CURVES), 5)) * [0.6, 0.5, 0.5, 0.3, 0.3]
    timing = rng.normal(size=len(TIMING))
    return Style(spread * _CURVE_SD * (weights @ harmonics), spread * _TIMING[:, 1] * timing)


def own_style(rng, signature) -> Style:
    """What a person adds to every gait."""
    return signature * deviation(rng, PERSON_SPREAD)


def gait_style(gait, rng, signature, class_effect) -> Style:
    """What a gait adds in the way of one person: the marker, more or less strongly, and a departure of their own."""
    strength = np.clip(1 + signature * rng.normal(0, MARKER_STRENGTH_SD), *MARKER_STRENGTH_RANGE)
    return class_effect * strength * MARKERS[gait] + signature * deviation(rng, GAIT_OF_PERSON_SPREAD)
