"""The pressure image that two footprints leave on a plate, averaged over the recording."""

from dataclasses import dataclass

import numpy as np

from gaitlib.datasets.synthetic.body import SIDE
from gaitlib.datasets.synthetic.gait_styles import NORMAL

ROWS, COLUMNS, CELL_M = 128, 48, 0.01  # 1.28 m along the walk, 0.48 m across
SCALE = 15.0  # raw units of a usual peak
CELL_NOISE = 0.15  # share of a cell's value
REGION_NOISE = 0.08  # SD of the log of a region's load, step by step
SPIKES_A_PLATE = 0.5
ALONG_SPREAD_M, ACROSS_SPREAD_M = 0.025, 0.008  # of the plate against two footprints; along, a few are far off
LOADED = {"affected": 0.2, "other": 0.7}  # phase of the affected leg's cycle at which a foot carries most


@dataclass(frozen=True)
class Sole:
    """What a person's foot adds: length, load (1 is the usual weight), and shares of the regions."""

    length_m: float
    load: float
    arch: float  # how much of the outer midfoot touches the floor, 0..1
    forefoot: float  # more (above 1) or less load on forefoot and hallux


@dataclass(frozen=True)
class Footprint:
    """One stance on the plate.

    Attributes
    ----------
    side : int
        -1 left, 1 right.
    across_m, along_m : float
        Place of the ankle from the left edge and from the edge that is walked over first.
    toe_out_deg : float
    load : float
        Weight trusted to it times the share of the cycle that it stands, 1 usual.
    strike_pitch_deg, push_pitch_deg : float
        Pitch of the foot as it lands and leaves. One that lands toe first (negative) hardly loads its heel.
    lean_forward_deg, lean_outward_deg : float
        Of the trunk over the foot, against normal: where the weight goes.
    """

    side: int
    across_m: float
    along_m: float
    toe_out_deg: float
    load: float
    strike_pitch_deg: float
    push_pitch_deg: float
    lean_forward_deg: float
    lean_outward_deg: float

    def shares(self, sole) -> dict[str, float]:
        """Load of each region, 1 usual."""
        heel = 1.2 / (1 + np.exp(-(self.strike_pitch_deg - 2) / 5))
        push = np.clip(-self.push_pitch_deg / 60, 0.3, 1.3)
        ahead, outward = np.exp(self.lean_forward_deg / 12), np.exp(self.lean_outward_deg / 6)
        return {
            "heel": heel / ahead,
            "midfoot": sole.arch * (1.5 - 0.5 * heel) * outward,
            "forefoot": sole.forefoot * (0.5 + 0.5 * push) * ahead,
            "hallux": sole.forefoot * push * ahead / outward,
        }


# Centre (across to the outside, along from the ankle) and radii, in foot lengths, and the usual peak.
REGIONS = {
    "heel": (0.00, -0.12, 0.10, 0.13, 0.9),
    "midfoot": (0.08, 0.18, 0.07, 0.20, 0.3),
    "forefoot": (0.02, 0.44, 0.16, 0.10, 1.0),
    "hallux": (-0.10, 0.66, 0.06, 0.07, 0.7),
}


def footprints_on_plate(walker, middle_s, affected, rng) -> list[Footprint]:
    """Two consecutive footprints of a walk, left foot first, on a plate that lies about their middle.

    Parameters
    ----------
    walker : Walker
    middle_s : float
        About when the plate is walked over.
    affected : int
        Side of the affected foot: -1 left, 1 right.
    rng : numpy.random.Generator
    """
    steps, style = walker.steps, walker.style
    cycle = int(np.searchsorted(steps.strike_s["affected"], middle_s))
    cycles = {"affected": cycle, "other": cycle - (affected == 1)}
    place = {leg: steps.place_m[leg][k] for leg, k in cycles.items()}
    along = ROWS * CELL_M / 2 - np.mean(list(place.values())) + ALONG_SPREAD_M * rng.standard_t(2)
    across = COLUMNS * CELL_M / 2 + rng.normal(0, ACROSS_SPREAD_M)

    def lean_deg(name, leg):
        return float(style.curve(name, LOADED[leg]) - NORMAL.curve(name, LOADED[leg]))

    return [
        Footprint(
            side=affected * SIDE[leg],
            across_m=across + affected * SIDE[leg] * style.time("width_m") / 2,
            along_m=along + place[leg],
            toe_out_deg=style.time("toe_out_deg"),
            load=style.time(f"{leg}_load") * style.time(f"{leg}_stance") / NORMAL.time(f"{leg}_stance"),
            strike_pitch_deg=float(walker.pitch(0.0, leg)),
            push_pitch_deg=float(walker.pitch(0.6, leg)),
            lean_forward_deg=lean_deg("trunk_forward", leg),
            lean_outward_deg=lean_deg("trunk_side", leg) * SIDE[leg],
        )
        for leg in cycles
    ]


def pressure_image(footprints, sole, rng) -> np.ndarray:
    """Average pressure on the plate, in raw integer units.

    Row 0 is walked over first, column 0 lies to the left. What falls beyond the edge is cut off.

    Parameters
    ----------
    footprints : sequence of Footprint
    sole : Sole
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (128, 48) of float32
        Whole numbers, zero where nobody stood.
    """
    along, across = np.meshgrid((np.arange(ROWS) + 0.5) * CELL_M, (np.arange(COLUMNS) + 0.5) * CELL_M, indexing="ij")
    image = np.zeros((ROWS, COLUMNS))
    for foot in footprints:
        turn = np.radians(foot.toe_out_deg)
        out, ahead = foot.side * (across - foot.across_m), along - foot.along_m
        out, ahead = out * np.cos(turn) - ahead * np.sin(turn), out * np.sin(turn) + ahead * np.cos(turn)
        shares = foot.shares(sole)
        for name, (x, y, width, length, peak) in REGIONS.items():
            x, y = x + rng.normal(0, 0.01), y + rng.normal(0, 0.015)
            distance = ((out / sole.length_m - x) / width) ** 2 + ((ahead / sole.length_m - y) / length) ** 2
            load = SCALE * sole.load * foot.load * peak * shares[name] * rng.lognormal(0, REGION_NOISE)
            image += load * np.exp(-1.2 * distance**1.5)
    image *= rng.normal(1, CELL_NOISE, image.shape).clip(0)
    for _ in range(rng.poisson(SPIKES_A_PLATE)):
        image[rng.integers(ROWS), rng.integers(COLUMNS)] += rng.uniform(0.5, 1.5) * SCALE
    return np.floor(image).astype(np.float32)
