"""Planted targets, by few of the seeds of benchmarks/planted_targets.py: found where they are, and only there."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "planted_targets.py"
SEEDS, PEOPLE = range(3), 24

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def planted():
    return runpy.run_path(str(SCRIPT))


def seeds_that_beat(planted, effect) -> int:
    """Seeds in which any head beats its baselines."""
    return sum("yes" in set(planted["verdicts"](effect, s, PEOPLE)["beats its baselines"]) for s in SEEDS)


def test_without_an_effect_hardly_a_head_beats_its_baselines(planted):
    assert seeds_that_beat(planted, 0) <= 1


def test_with_the_effect_heads_beat_their_baselines(planted):
    assert seeds_that_beat(planted, 1) == len(SEEDS)


def test_what_a_film_evokes_looks_good_on_known_films_and_not_on_new_ones(planted):
    table = planted["on_films"](0, people=6)
    known, new = (own.set_index("model") for _, own in table.groupby("protocol", sort=False))
    assert known.loc["trees", "R2"] > 0.3
    assert known.loc["trees", "MAE"] < 0.8 * known.loc["mean of the training people", "MAE"]
    assert new.loc["trees", "R2"] < 0
    # The film's own mean, which tells all here, says so beside the good figure.
    assert known.loc["same stimulus segment, training people", "MAE"] == pytest.approx(0, abs=1e-6)
    assert [own.loc["trees", "beats its baselines"] == "yes" for own in (known, new)] == [False, False]
