"""Choose the recipe for a new person on either side, without ever asking the person who is tested.

Every pair of people is left out once, and every person. For the tested person s, what was trained without s *and*
without v tells v: these predictions of the other people weigh the parts of a recipe, set how sure it is, and choose
among the recipes; the chosen one, trained without s, is then asked about s. The list below was written before anything
was trained; what came later stands in ``LATER`` and ``EITHER_SIDE``. Trained folds are kept and not trained again.
Usage: python benchmarks/choose_recipe.py DATA [PART ...]   trains and judges; without parts only judges what is stored
"""

import sys
import warnings

import numpy as np
import pandas as pd
from choose_settings import JOINTS, LeavePairOut
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, Training
from gaitlib.ensemble_sides import MIRRORED, beside_mirror_images, told_apart
from gaitlib.pooling import SMALLEST, pool_weights, pooled
from gaitlib.preprocessing import (
    AddJointAngles,
    AddVelocity,
    BoneDirections,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    StandardiseTrial,
    SummaryStatistics,
    Tensors,
)
from gaitlib.recipes import direction_steps
from gaitlib.results.calibration import calibration_error
from gaitlib.training import Turn

STORE = "results/choose_recipe"
POSITIONS = [CentrePelvis(), ScaleStature(), SelectJoints(JOINTS)]
ANGLES = [*POSITIONS, AddJointAngles()]
MOVEMENT = [*ANGLES, StandardiseTrial(with_std=False)]
DIRECTIONS = [step for _, step in direction_steps()]
WITH_VELOCITY = [CentrePelvis(), ScaleStature(), AddVelocity(), AddJointAngles(), BoneDirections()]


def statistics(model, features):
    return GaitClassifier(model, make_pipeline(*features, SummaryStatistics()))


def rocket(features, *crop, seed=0):
    steps = make_pipeline(*features, Frames(StandardScaler()), Crop(*crop or (100, "first")), Tensors())
    return GaitClassifier("minirocket", steps, seed=seed)


def network(model, features, frames=40, hop=15, **training):
    training = {"epochs": 15, "batch_size": 64, "schedule": "cosine"} | training
    steps = make_pipeline(*features, Frames(StandardScaler()), Crop(frames, "sliding", hop), Tensors())
    return GaitClassifier(model, steps, Training(**training))


PARTS = {
    "trees": statistics("extra_trees", ANGLES),  # the default
    "trees_directions": statistics("extra_trees", DIRECTIONS),
    "svm": statistics("linear_svm", ANGLES),  # the default
    "svm_directions": statistics("linear_svm", DIRECTIONS),
    "rocket": rocket(ANGLES),  # the default
    "rocket_last": rocket(ANGLES, 100, "last"),
    "rocket_windows": rocket(ANGLES, 60, "sliding", 30),
    "rocket_velocity": rocket(WITH_VELOCITY),
    "rocket_directions": rocket(DIRECTIONS),
    "rocket_directions_windows": rocket(DIRECTIONS, 60, "sliding", 30),
    "gru": network("compact_gru", ANGLES),  # the default, but a fixed number of epochs
    "gru_directions": network("compact_gru", DIRECTIONS),
    "gru_turned": network("compact_gru", ANGLES, epochs=8, augment=[Turn(15)]),
    "cnn": network("temporal_cnn", ANGLES),
    "cnn_directions": network("temporal_cnn", DIRECTIONS),
    "cnn_directions_long": network("temporal_cnn", DIRECTIONS, 80, 30),
    "graph": network("multiscale_graph", POSITIONS, 48, 24),
}
LATER = {"rocket_directions_last": rocket(DIRECTIONS, 100, "last")}
LATER |= {f"rocket_directions_draw{i}": rocket(DIRECTIONS, seed=i) for i in (1, 2)}
LATER_NETWORKS = {"gru_movement": network("compact_gru", MOVEMENT), "cnn_movement": network("temporal_cnn", MOVEMENT)}
# Later, too: parts that learn from walks and their mirror images, which are classes of their own.
EITHER_SIDE = {name: (PARTS | LATER)[name] for name in ("rocket", "rocket_directions", *LATER)}
AFFECTED, SYMMETRIC = "right", ("normal",)
RECIPES = {  # parts that are joined; every part alone is a recipe, too
    "rockets": ("rocket", "rocket_directions", "rocket_velocity"),
    "rocket_trees": ("rocket", "trees"),
    "rockets_trees": ("rocket", "rocket_directions", "trees_directions"),
    "networks": ("gru", "cnn", "gru_directions", "cnn_directions"),
    "networks_graph": ("gru", "cnn", "cnn_directions", "graph"),
    "rockets_networks": ("rocket", "rocket_directions", "gru", "cnn_directions"),
    "one_of_each": ("rocket", "trees", "gru", "cnn"),
    "all_directions": ("rocket_directions", "trees_directions", "gru_directions", "cnn_directions"),
}
DRAWS = ("rocket_directions", "rocket_directions_draw1", "rocket_directions_draw2")
EITHER_DRAWS = tuple(f"either {part}" for part in DRAWS)
LATER_RECIPES = {
    "both_ends": ("rocket_directions", "rocket_last"),
    "three_rockets": ("rocket", "rocket_directions", "rocket_last"),
    "cnn_and_rocket": ("rocket_directions", "cnn_directions"),
    "either_rockets": ("either rocket", "either rocket_directions"),
    "either_both_ends": ("either rocket_directions", "either rocket_directions_last"),
    "either_three": ("either rocket", "either rocket_directions", "either rocket_directions_last"),
    "draws": DRAWS,
    "either_draws": EITHER_DRAWS,
    "either_draws_and_positions": (*EITHER_DRAWS, "either rocket"),
}


def trained(trials, parts):
    """The runs of parts with every pair and every person left out."""
    protocols = [LeavePairOut(), LeaveOneSubjectOut(validation=False)]
    return gaitlib.benchmark(parts, trials, protocols, store=STORE, progress=False, n_jobs=2)


class Told:
    """What the parts said: log probabilities by part, person left out and person asked, columns as told apart."""

    def __init__(self, predictions, classes):
        self.said, self.own, self.walks, self.labels, self.classes = {}, {}, {}, {}, classes
        for (part, _), table in predictions.groupby(["model", "protocol"]):
            either = part.startswith("either ")
            told = told_apart(classes, AFFECTED if either else None, SYMMETRIC)
            for fold, asked in table.groupby("fold"):
                for person, own in asked.groupby("subject"):
                    (out,) = set(fold.split("+")) - {person} or {person}
                    own = own.set_index("trial").sort_index()
                    log_proba = np.log(np.maximum(own[told.index], SMALLEST))
                    if either:
                        image = own.index.str.endswith(MIRRORED)
                        swapped = log_proba[image][told["mirrored"]].to_numpy()
                        own, log_proba = own[~image], log_proba[~image] + swapped
                        log_proba = log_proba / 2 - np.log(np.exp(log_proba / 2).sum(axis=1)).to_numpy()[:, None]
                    self.said[part, out, person] = log_proba.to_numpy()
                    self.walks[person] = own["walk"].to_numpy()
                    self.labels[person] = own["label"].str.split(",").str[0].to_numpy()
            self.own[part] = told["class"].to_numpy()[:, None] == np.array(classes)
        self.people = sorted(self.walks)
        n_folds = len(self.people) ** 2
        counts = pd.Series([part for part, *_ in self.said]).value_counts()
        self.parts = sorted(counts.index[counts == n_folds])

    def weights(self, parts, out, people):
        """Those of a recipe for the person left out, by what was said of other people."""
        log_proba = np.concatenate([[self.said[p, out, v] for p in parts] for v in people], axis=1)
        labels = np.concatenate([self.labels[v] for v in people])
        return pool_weights(log_proba, np.searchsorted(self.classes, labels), self.own[parts[0]])

    def proba(self, parts, weights, out, person) -> pd.DataFrame:
        """Probabilities of the classes of one person's trials."""
        log_proba = np.stack([self.said[p, out, person] for p in parts])
        return pd.DataFrame(pooled(log_proba, weights, self.own[parts[0]]), columns=self.classes)

    def accuracy(self, proba, person, per_walk=False):
        labels, walks = pd.Series(self.labels[person]), self.walks[person]
        if per_walk:
            proba, labels = proba.groupby(walks).mean(), labels.groupby(walks).first()
        return (proba.idxmax(axis=1) == labels).mean()


def judged(told, recipes):
    """A row a recipe; and, by tested person and recipe, how it does on others and on this person."""
    rows, inner, outer, walks = {}, {}, {}, {}
    for name, parts in recipes.items():
        final = {}
        for s in told.people:
            others = [v for v in told.people if v != s]
            on_others = []
            for v in others:
                weights = told.weights(parts, s, [u for u in others if u != v])
                on_others.append(told.accuracy(told.proba(parts, weights, s, v), v))
            inner[s, name] = np.mean(on_others)
            final[s] = told.proba(parts, told.weights(parts, s, others), s, s)
            outer[s, name] = told.accuracy(final[s], s)
            walks[s, name] = told.accuracy(final[s], s, per_walk=True)
        alike = {s: told.proba(parts, np.full(len(parts), 1 / len(parts)), s, s) for s in told.people}
        of = [np.array([d[s, name] for s in told.people]) for d in (inner, outer, walks)]
        rows[name] = {"others": of[0].mean(), "file": of[1].mean(), "worst": of[1].min()}
        rows[name] |= {"walk": of[2].mean(), "worst walk": of[2].min()}
        labels = np.concatenate([told.labels[s] for s in told.people])
        for when, tables in (("before", alike), ("after", final)):
            table = pd.concat(tables.values(), ignore_index=True)
            true = table.to_numpy()[np.arange(len(table)), pd.Index(told.classes).get_indexer(labels)]
            rows[name][f"calibration {when}"] = calibration_error(table.max(axis=1), table.idxmax(axis=1) == labels)
            rows[name][f"loss {when}"] = -np.log(np.maximum(true, SMALLEST)).mean()
    return pd.DataFrame.from_dict(rows, orient="index"), *(pd.Series(d).unstack() for d in (inner, outer, walks))


def judge(classes, *asked):
    """Print every recipe that is trained, and what is chosen for each person by the others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that are not finished
        told = Told(pd.concat([gaitlib.open_runs(STORE, trials).predictions() for trials in asked]), classes)
    recipes = {part: (part,) for part in told.parts}
    recipes |= {name: parts for name, parts in (RECIPES | LATER_RECIPES).items() if set(parts) <= set(told.parts)}
    table, inner, outer, walks = judged(told, recipes)
    print(table.sort_values("others").round(3).to_string())
    first = [name for name in recipes if name in PARTS | RECIPES]
    for which, names in {"the first list": first, "all": list(recipes)}.items():
        chosen = inner[names].idxmax(axis=1)
        own, own_walks = (pd.Series({s: d.loc[s, chosen[s]] for s in told.people}) for d in (outer, walks))
        print(f"\nof {which} chosen by the other people:")
        print(pd.DataFrame({"recipe": chosen, "file": own, "walk": own_walks}).round(3).to_string())
        print(f"mean: {own.mean():.4f} a file, {own_walks.mean():.4f} a walk", flush=True)


def main(data, names):
    trials = gaitlib.load_trials(data)
    either = beside_mirror_images(trials, AFFECTED, SYMMETRIC)
    for name in names:
        part = name.removeprefix("either ")
        part = (PARTS | LATER | LATER_NETWORKS)[part]
        trained(either if name in [f"either {n}" for n in EITHER_SIDE] else trials, {name: part})
    judge(sorted(trials.classes), trials, either)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
