"""Planted targets: a head beats its baselines where the body tells of it, and hardly ever where it does not.

Prints, of openly synthetic people who watch films, how many of the seeds each head beats its baselines in, without the
effect and with that at which a linear model on the true response has an AUROC of .75 for transitions (people never
seen, subject K-fold); then, with what a film evokes in everybody alone, how well trees on the EEG tell valence of new
people on known films, and on new films.

Usage: python benchmarks/planted_targets.py [SEEDS [SEEDS OF FILMS]]
"""

import sys
import tempfile
import time

import numpy as np
import pandas as pd

import gaitlib
from gaitlib import GaitRegressor, LeaveOneSubjectOut, SubjectAndStimulusKFold, SubjectKFold, Target, TrialSet
from gaitlib.datasets.synthetic.physiology import synthetic_responses
from gaitlib.evaluation import runner
from gaitlib.models import Builder
from gaitlib.studies.physiology import FILM as HEADS

PEOPLE, PEOPLE_OF_FILMS, FILMS = 40, 8, (3,) * 12
RESPONSES = ["heart_rate_bpm", "skin_conductance_us", "responses_per_min", "log_alpha", "log_beta"]


class InThisProcess:
    """In place of a fresh process for each fold, which would cost a hundred times what these trees do."""

    def run(self, function, *args, threads):
        return function(*args)

    def end_all(self):
        pass


def as_trials(table, features) -> TrialSet:
    """Trials of one static modality, with three targets and what shared-stimulus baselines need."""
    kinds = {"transition": "binary"}
    targets = {head: Target(kinds.get(head, "continuous"), table[head]) for head in HEADS}
    columns = {name: table[name] for name in ("stimulus", "segment", "start_s")}
    return TrialSet.from_arrays(
        {"body": list(features)},
        subject=table["subject"],
        walk=table["walk"],
        trial=table["trial"],
        targets=targets | columns,
        name="SYNTHETIC responses",
    )


def benchmarked(trials, heads, protocols, min_samples_leaf):
    model = GaitRegressor(Builder("extra_trees", n_estimators=30, min_samples_leaf=min_samples_leaf), heads=heads)
    with tempfile.TemporaryDirectory() as store:
        return gaitlib.benchmark({"trees": model}, trials, protocols, store, progress=False)


def verdicts(effect, seed, people=PEOPLE) -> pd.DataFrame:
    """Of each head whether trees on the true responses beat its baselines, where nothing is common to a film."""
    table = synthetic_responses(people, effect=effect, stimulus_effect=0, seed=seed)
    trials = as_trials(table, table[RESPONSES].to_numpy())
    # One trial in ten is a transition: small leaves would make probabilities that no Brier score forgives.
    runs = benchmarked(trials, HEADS, [SubjectKFold(4, validation=False)], min_samples_leaf=20)
    rows = {head: runs.for_head(head).against_baselines().set_index("model").loc["trees"] for head in HEADS}
    return pd.DataFrame(rows).T[["beats its baselines", "in words"]]


def on_films(seed, people=PEOPLE_OF_FILMS) -> pd.DataFrame:
    """Models and baselines of valence, where signals tell the film and nothing else."""
    trials = gaitlib.synthetic_physiology(people, FILMS, 2.0, effect=0, stimulus_effect=1, seed=seed)
    beta = np.log([amplitude(values, 15, 25) for values in trials.modality("eeg").values])
    protocols = [
        LeaveOneSubjectOut(validation=False),
        SubjectAndStimulusKFold(n_splits=4, n_stimulus_splits=3, validation=False),
    ]
    runs = benchmarked(as_trials(trials.table, beta), ["valence"], protocols, min_samples_leaf=5)
    return runs.against_baselines().assign(seed=seed)


def amplitude(values, low, high) -> np.ndarray:
    """Root of the power of a signal of 128 Hz in a band of hertz, by channel."""
    power = np.abs(np.fft.rfft(values, axis=0)) ** 2
    hertz = np.fft.rfftfreq(len(values), 1 / 128)
    return np.sqrt(power[(hertz >= low) & (hertz <= high)].mean(axis=0))


def main(seeds=20, seeds_of_films=10):
    runner.NURSERY = InThisProcess()
    for effect in (0, 1):
        start = time.process_time()
        found = {seed: verdicts(effect, seed)["beats its baselines"] == "yes" for seed in range(int(seeds))}
        beaten = pd.DataFrame(found).T
        counts = ", ".join(f"{head} {n}" for head, n in beaten.sum().items())
        print(f"SYNTHETIC, effect {effect}, {PEOPLE} people: of {seeds} seeds its baselines are beaten in by {counts}, "
              f"any head {beaten.any(axis=1).sum()} ({time.process_time() - start:.0f} CPU s)", flush=True)  # fmt: skip
    start = time.process_time()
    films = pd.concat([on_films(seed) for seed in range(int(seeds_of_films))])
    print(f"\nSYNTHETIC, the stimulus effect alone, valence, {PEOPLE_OF_FILMS} people, {len(FILMS)} films, "
          f"{seeds_of_films} seeds ({time.process_time() - start:.0f} CPU s)")  # fmt: skip
    by_model = films.groupby(["protocol", "model"], sort=False)
    print(by_model[["R2", "MAE"]].agg(["mean", "min", "max"]).round(3).to_string())
    print(films.groupby("protocol", sort=False)["beats its baselines"].value_counts().to_string())
    print("\n".join(films.groupby("protocol")["in words"].first()))


if __name__ == "__main__":
    main(*sys.argv[1:])
