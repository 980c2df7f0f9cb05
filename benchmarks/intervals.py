"""Coverage and width of 95 % intervals over few people, and how often equal models are called "likely" better.

First, of simulated accuracies of 6, 10 and 12 people: the t interval (cut at 0 and 1; where all people are alike there
is none, which counts as not covered), the interval of ``bounded_interval``, and two with a proof of their coverage:
that of Anderson 1969 and the betting ("hedged capital") of Waudby-Smith and Ramdas 2024,
https://doi.org/10.1093/jrsssb/qkad009.
Then, of tables of equal models, each with binomial accuracies about those of the same people: in how many a posterior
of one pair alone is 95 % sure (what "likely to beat" stood on), in how many the word is said, in how many a pair is
told apart by the test.

Usage: python benchmarks/intervals.py [SAMPLES] [TABLES]
"""

import sys

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib import LeaveOneSubjectOut, TrialSet
from gaitlib.results import Run, Runs, interval_columns
from gaitlib.results.pairs import compare
from gaitlib.results.stored import FoldResult

PEOPLE, N_TRIALS, ALPHA = (6, 10, 12), 20, 0.05
MEANS = np.linspace(0.0005, 0.9995, 1000)  # at which the betting interval is looked at


def unbalanced(rng, n):
    """Between 4 and 300 trials of each."""
    n_trials = rng.choice([4, 10, 40, 300], n)
    return rng.binomial(n_trials, rng.beta(8, 2, n)) / n_trials


SCENARIOS = {  # accuracies of n people, and their mean in the population
    "spread, beta(8, 2)": (lambda rng, n: rng.beta(8, 2, n), 0.8),
    "ceiling, beta(30, 1)": (lambda rng, n: rng.beta(30, 1, n), 30 / 31),
    "one person in ten fails": (
        lambda rng, n: rng.binomial(N_TRIALS, np.where(rng.random(n) < 0.1, 0.3, 0.95)) / N_TRIALS,
        0.885,
    ),
    "unbalanced trials": (unbalanced, 0.8),
    "all alike (1.0)": (lambda rng, n: np.ones(n), 1.0),
}


def anderson(values):
    """From the band of Kolmogorov and Smirnov about the distribution, its two sides at half the error each."""
    n = len(values)
    band = stats.ksone.ppf(1 - ALPHA / 2, n)

    def upper(x):
        return 1 - np.diff(np.append(np.sort(x), 1)) @ np.maximum(np.arange(1, n + 1) / n - band, 0)

    return 1 - upper(1 - values), upper(values)


def betting(values):
    """Means against which no bettor on these values, in this order, has won 40 times the stake."""
    t = np.arange(1, len(values) + 1)
    mean = (0.5 + np.cumsum(values)) / (t + 1)
    variance = np.append(0.25, (0.25 + np.cumsum((values - mean) ** 2)) / (t + 1))[:-1]
    stake = np.sqrt(2 * np.log(2 / ALPHA) / (len(values) * variance))
    above = np.cumprod(1 + np.minimum(stake, 0.75 / MEANS[:, None]) * (values - MEANS[:, None]), axis=1)
    below = np.cumprod(1 - np.minimum(stake, 0.75 / (1 - MEANS[:, None])) * (values - MEANS[:, None]), axis=1)
    left = MEANS[np.maximum(above, below).max(axis=1) < 2 / ALPHA]
    step = MEANS[1] - MEANS[0]
    return max(0, left[0] - step), min(1, left[-1] + step)


def coverage(samples):
    rng = np.random.default_rng(0)
    for name, (draw, mean) in SCENARIOS.items():
        for n in PEOPLE:
            found = {"t": [], "bounded": [], "Anderson": [], "betting": []}
            for _ in range(samples):
                values = draw(rng, n)
                row = interval_columns(values)
                found["t"].append((row["t_low"], row["t_high"]))
                found["bounded"].append((row["low"], row["high"]))
                found["Anderson"].append(anderson(values))
                found["betting"].append(betting(values))
            said = []
            for method, ends in found.items():
                low, high = np.array(ends).T
                covers = np.mean((low <= mean + 1e-6) & (mean - 1e-6 <= high))
                width = "none" if np.isnan(low).all() else f"{np.nanmean(high - low):.3f}"
                said.append(f"{method} {covers:.3f} width {width}")
            print(f"{name}, {n} people: {'; '.join(said)}", flush=True)


def table_of_equal_models(rng, n, n_models) -> Runs:
    """Stored runs of models that are equally good on every person."""
    label, proba = np.tile(["limping", "normal"], n * N_TRIALS // 2), [0.5, 0.5]
    subject = np.repeat([f"s{k}" for k in range(n)], N_TRIALS)
    trials = TrialSet.from_arrays({"x": [np.zeros(1)] * len(label)}, subject=subject, label=label, name="equal models")
    other = np.where(label == "normal", "limping", "normal")
    skill, protocol, runs = rng.beta(8, 2, n), LeaveOneSubjectOut(validation=False), []
    for k in range(n_models):
        predicted = np.where(rng.random(len(label)) < np.repeat(skill, N_TRIALS), label, other)
        table = trials.table[["trial", "subject", "walk", "label"]].assign(part="test", predicted=predicted)
        table[["limping", "normal"]] = proba
        folds = [
            FoldResult(fold.name, table.iloc[fold.test].reset_index(drop=True), pd.DataFrame(), {}, {}, None)
            for fold in protocol.folds(trials)
        ]
        runs.append(Run(f"m{k}", protocol.name, protocol.claim, folds))
    return Runs(runs, trials)


def words(tables):
    rng = np.random.default_rng(0)
    for n_models in (4, 2):
        for n in PEOPLE:
            said = np.zeros(3, int)
            for _ in range(tables):
                found = compare(table_of_equal_models(rng, n, n_models))
                sure = ((found.pairs["verdict"] == "undecided") & (found.pairs["p_better"] > 0.95)).any()
                likely = any("likely" in sentence for sentence in found.sentences())
                said += np.array([sure, likely, found.told_apart.any()])
            before, now, apart = said / tables
            print(
                f'{n_models} equal models, {n} people, {tables} tables: a pair is "likely" by itself in {before:.3f}, '
                f"in the whole table in {now:.3f}; told apart by the test in {apart:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[1:]]
    coverage(given[0] if given else 2000)
    words(given[1] if len(given) > 1 else 200)
