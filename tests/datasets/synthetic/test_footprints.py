"""Pressure images of the synthetic walker."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gaitlib.datasets.synthetic.footprints import CELL_M, COLUMNS, ROWS, Footprint, Sole, pressure_image
from gaitlib.datasets.synthetic.walks import synthetic_trials, synthetic_walks

SOLE = Sole(length_m=0.26, load=1.0, arch=1.0, forefoot=1.0)
FOOT = Footprint(
    side=1, across_m=0.30, along_m=0.60, toe_out_deg=0, load=1.0, strike_pitch_deg=15, push_pitch_deg=-65,
    lean_forward_deg=0, lean_outward_deg=0,
)  # fmt: skip


def image(*footprints, sole=SOLE, n=8):
    """Mean over a few steps, so that noise does not decide."""
    return np.mean([pressure_image(footprints, sole, np.random.default_rng(i)) for i in range(n)], axis=0)


def regions(picture, foot=FOOT):
    """Load under heel, midfoot and forefoot, and in the outer half, of one foot."""
    along = (np.arange(ROWS) + 0.5) * CELL_M - foot.along_m
    across = foot.side * ((np.arange(COLUMNS) + 0.5) * CELL_M - foot.across_m)
    near = picture * ((along > -0.09) & (along < 0.22))[:, None]  # away from spikes
    near = near * (np.abs(across) < 0.07)
    return {
        "heel": near[along < 0.01].sum(),
        "midfoot": near[(along > 0.01) & (along < 0.085)].sum(),
        "forefoot": near[along > 0.085].sum(),
        "outer": near[:, across > 0].sum() / near.sum(),
        "all": near.sum(),
    }


@pytest.fixture(scope="module")
def trials():
    return synthetic_trials(n_subjects=12, n_walks=3, seed=0)


@pytest.fixture(scope="module")
def walks():
    return list(synthetic_walks(n_subjects=12, n_walks=3, seed=0))


def half_loads(trials):
    """Pressure in the left and right half of every plate, (n, 2)."""
    plates = np.stack(list(trials.modality("pressure").values))
    return np.stack([plates[:, :, :24].sum((1, 2)), plates[:, :, 24:].sum((1, 2))], axis=1)


def test_plates_hold_whole_numbers_as_large_as_the_published_ones(trials):
    plates = np.stack(list(trials.modality("pressure").values))
    assert plates.shape == (216, 128, 48) and plates.dtype == np.float32
    assert plates.min() == 0 and np.array_equal(plates, np.floor(plates))
    assert 15 < np.median(plates.max(axis=(1, 2))) < 40
    assert 0.9 < (plates == 0).mean() < 0.99


def test_the_left_foot_stands_in_the_left_half_before_the_right_one(trials):
    plates = np.stack(list(trials.modality("pressure").values))
    rows = np.arange(128)
    left, right = ((half.sum(2) @ rows) / half.sum((1, 2)) for half in (plates[:, :, :24], plates[:, :, 24:]))
    assert np.median(right - left) * CELL_M == pytest.approx(0.6, abs=0.15)
    assert (left < right).mean() > 0.99


def test_the_plate_shows_the_step_that_was_made(trials, walks):
    plates = trials.modality("pressure").values
    rows, steps = np.arange(128), np.array([w.step_length_m["right"] for w in walks])
    shown = [(p[:, 24:].sum(1) @ rows) / p[:, 24:].sum() - (p[:, :24].sum(1) @ rows) / p[:, :24].sum() for p in plates]
    assert np.corrcoef(shown, steps)[0, 1] > 0.6


def test_a_foot_on_the_edge_is_cut_off():
    whole, cut = (regions(image(foot), foot)["all"] for foot in (FOOT, replace(FOOT, along_m=ROWS * CELL_M - 0.02)))
    assert 0.1 * whole < cut < 0.8 * whole
    assert image(replace(FOOT, along_m=3.0)).sum() < 0.1 * whole  # only spikes


def test_a_foot_that_lands_toe_first_hardly_loads_its_heel():
    heel_first, toe_first = regions(image(FOOT)), regions(image(replace(FOOT, strike_pitch_deg=-15)))
    assert toe_first["heel"] < 0.4 * heel_first["heel"]
    assert toe_first["forefoot"] > 0.8 * heel_first["forefoot"]


def test_load_and_lean_shift_the_pressure_as_stated():
    usual = regions(image(FOOT))
    assert regions(image(replace(FOOT, load=0.5)))["all"] < 0.6 * usual["all"]
    back = regions(image(replace(FOOT, lean_forward_deg=-12)))
    assert back["heel"] / back["forefoot"] > 2 * usual["heel"] / usual["forefoot"]
    assert regions(image(replace(FOOT, lean_outward_deg=8)))["outer"] > usual["outer"] + 0.05
    assert regions(image(FOOT, sole=replace(SOLE, arch=2.5)))["midfoot"] > 1.4 * usual["midfoot"]


def test_antalgic_walks_spare_the_affected_side(trials, walks):
    loads = half_loads(trials)
    affected = np.array([w.affected_side == "right" for w in walks]).astype(int)
    rows = np.arange(len(walks))
    share = pd.Series(loads[rows, affected] / loads.sum(axis=1)).groupby([trials.labels, trials.subjects]).mean()
    assert (share["antalgic"] < share["normal"]).mean() > 0.8
    assert share["antalgic"].mean() < share["normal"].mean() - 0.08


def test_some_plates_are_cut_and_some_have_spikes(trials):
    plates = np.stack(list(trials.modality("pressure").values))
    assert 0 < (plates[:, [0, -1]].sum(axis=(1, 2)) > 0).sum() < len(plates) / 2
    around = np.pad(plates, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2))
    alone = (plates > 5) & (windows.sum(axis=(-2, -1)) == plates)
    assert 0.1 < alone.any(axis=(1, 2)).mean() < 0.8
