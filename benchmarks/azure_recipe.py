"""Skeleton and plantar pressure as two members of an ensemble, beside each alone, on synthetic walks of new people.

The set that this is for (Jun et al. 2021, doi 10.21227/ev8a-wr16) is not open to all; nothing here was measured on a
person.
Usage: python benchmarks/azure_recipe.py [N_WALKS]
"""

import sys

import gaitlib
from gaitlib import Ensemble, GaitClassifier, LeaveOneSubjectOut
from gaitlib.results import paired_scores

RECIPE = "azure_pressure_best"


def main(n_walks=2):
    trials = gaitlib.synthetic_trials(n_subjects=12, n_walks=n_walks, seed=1)
    both = GaitClassifier.from_recipe(RECIPE, folds=3)
    models = {RECIPE: both, "default minirocket": GaitClassifier("minirocket")}
    models |= {name: Ensemble({name: member}, folds=3) for name, member in both.members.items()}
    protocols, store = [LeaveOneSubjectOut(validation=False)], "results/azure_recipe"
    runs = gaitlib.benchmark(models, trials, protocols, store=store, progress=False, n_jobs=2)
    print(
        runs.table()[["model", "protocol", "subjects", "accuracy", "low", "high", "calibration error"]].to_string(
            index=False
        )
    )
    shown = ["measure", "model", "score", "difference", "difference low", "difference high"]
    print(paired_scores(runs, "skeleton")[shown].round(3).to_string(index=False))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
