"""How often "beats its baselines" is said of useless models, and how often limits of agreement hold, by simulation.

    python benchmarks/verdicts.py [seeds]

No model is trained: predictions are drawn. Useless are constants of the training people (mean, median, what lies
between), noise about their mean, and a drawn level for each person; targets are normal or skewed (log-normal), mostly
between people.
Each verdict is asked with the baselines of the package and, the naive way, with the mean of the training people alone.
"""

import sys

import numpy as np
import pandas as pd

from gaitlib import Target, TrialSet
from gaitlib.results.against_baselines import baseline_verdicts, differences_to_baselines
from gaitlib.results.baselines import TRAINING_MEAN, baseline_predictions
from gaitlib.results.continuous_scores import limits_of_agreement

TRIALS, MODELS = 20, ("mean", "median", "between", "noise", "level")


def people(n_people, skewed, rng) -> np.ndarray:
    """True values (people, trials)."""
    values = rng.normal(size=(n_people, 1)) + 0.5 * rng.normal(size=(n_people, TRIALS))
    return np.exp(values) if skewed else values


def said(model, values, rng) -> np.ndarray:
    """Predictions (people, trials) from the values of all others."""
    others = [np.delete(values, i, axis=0) for i in range(len(values))]
    mean, median = (np.array([what(own) for own in others])[:, None] for what in (np.mean, np.median))
    centre = {"median": median, "between": (mean + median) / 2}.get(model, mean)
    drawn = rng.normal(size={"noise": values.shape, "level": centre.shape}.get(model, ()))
    return np.broadcast_to(centre + 0.3 * values.std() * drawn * (model in ("noise", "level")), values.shape)


def verdict(model, n_people, skewed, seed) -> tuple[bool, bool]:
    """Whether it is said to beat its baselines, and to beat the mean."""
    rng = np.random.default_rng([seed, n_people, skewed, MODELS.index(model)])
    values = people(n_people, skewed, rng)
    subject = np.repeat([f"p{i:02d}" for i in range(n_people)], TRIALS)
    trials = TrialSet.from_arrays(
        {"x": [np.zeros((1, 1))] * len(subject)}, subject=subject, targets={"y": Target("continuous", values.ravel())}
    )
    table = trials.table[["trial", "subject", "walk"]].assign(
        label=values.ravel(), predicted=said(model, values, rng).ravel(), model=model, protocol="drawn", fold=subject
    )
    training = {p: trials.ids[subject != p].tolist() for p in dict.fromkeys(subject)}
    baselines = baseline_predictions(trials, "y", table, training)
    pairs = differences_to_baselines(table, baselines).set_index("baseline")
    beats = baseline_verdicts(table, baselines)["beats its baselines"].iloc[0]
    return beats == "yes", pairs.loc[TRAINING_MEAN, "beats"] == "yes"


def held(n_people, rng) -> float:
    """Share of the differences of new people within the limits; people differ twice as much as their trials."""
    difference = 2 * rng.normal(size=(n_people, 1)) + rng.normal(size=(n_people, TRIALS))
    found = limits_of_agreement(difference.ravel(), np.repeat(np.arange(n_people), TRIALS))
    new = 2 * rng.normal(size=10_000) + rng.normal(size=10_000)
    return ((new > found["limit low"]) & (new < found["limit high"])).mean()


def main(seeds=100):
    rows = []
    for skewed in (False, True):
        for n_people in (10, 24):
            for model in MODELS:
                every = np.array([verdict(model, n_people, skewed, seed) for seed in range(seeds)])
                rows.append((f"{'skewed' if skewed else 'normal'}, {n_people} people", model, *every.mean(axis=0)))
    table = pd.DataFrame(rows, columns=["target", "useless model", "beats its baselines", "beats the mean alone"])
    print(table.to_string(index=False))
    rng = np.random.default_rng(0)
    for n_people in (12, 30):
        print(f"limits of agreement of {n_people} people hold {np.mean([held(n_people, rng) for _ in range(500)]):.3f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
