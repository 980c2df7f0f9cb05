"""Check recipes on people never seen: each person left out once, their walks as recorded and in a mirror.

For whoever has the full set of Jun et al. 2020 (10 people, 6 cameras): nothing in the recipes was chosen on its other
four people and cameras. Finished folds are kept. Usage: python benchmarks/check_recipe.py DATA [RECIPE ...]
"""

import sys

import pandas as pd

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, Mirror
from gaitlib.ensemble_sides import OTHER
from gaitlib.recipes import NAMED
from gaitlib.results.calibration import predicted_class_error
from gaitlib.results.scores import cross_entropy

STORE = "results/check_recipe"


def checked(runs, trials) -> pd.DataFrame:
    """A row a person and way of looking: accuracy a file and a walk, and how often the side told was right."""
    rows = []
    for way, seen in {"as recorded": trials, "mirrored": Mirror()(trials)}.items():
        for person in sorted(set(trials.subjects)):
            own = seen[seen.subjects == person]
            model = runs.classifier_for(own[0])
            proba = pd.DataFrame(model.predict_proba(own), columns=model.classes_)
            by_walk = proba.groupby(own.walks).mean().idxmax(axis=1)
            label_of_walk = pd.Series(own.labels, own.walks).groupby(level=0).first()
            row = {"walks": way, "person": person, "file": (proba.idxmax(axis=1) == own.labels).mean()}
            row["walk"] = (by_walk == label_of_walk).mean()
            if model.affected_side:
                told = model.predict_side(own)["side"].to_numpy()
                side = model.affected_side if way == "as recorded" else OTHER[model.affected_side]
                row["side right"] = (told[told != "none"] == side).mean()
            rows.append(row)
    return pd.DataFrame(rows)


def main(data, names):
    trials = gaitlib.load_trials(data)
    for name in names or NAMED:
        model = GaitClassifier.from_recipe(name)
        runs = gaitlib.benchmark({name: model}, trials, [LeaveOneSubjectOut(validation=False)], STORE, n_jobs=2)
        predictions = runs.predictions()
        print(checked(runs, trials).pivot(index="person", columns="walks").round(3).to_string())
        print(
            runs.table()[["model", "protocol", "subjects", "accuracy", "low", "high"]].round(3).to_string(index=False)
        )
        error, loss = predicted_class_error(predictions, runs.classes), cross_entropy(predictions, runs.classes)
        print(f"calibration error {error:.3f}, log loss {loss:.3f}")
        print(runs.resources()[["fold", "seconds", "cpu_percent"]].round(0).to_string(index=False))
        print(runs.audit(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
