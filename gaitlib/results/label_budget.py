"""Models by number of labels: scores over draws of a label budget, with intervals over people."""

import numpy as np
import pandas as pd

from gaitlib import saving
from gaitlib.errors import GaitDataError
from gaitlib.protocols import LabelBudget
from gaitlib.results.confusions import confusion_score, confusions_of_people
from gaitlib.results.intervals import people_drawn, percentile_interval

SCORES = ("accuracy", "macro F1")
ALL = "all"


def budget_table(runs, score: str = "accuracy") -> pd.DataFrame:
    """One row a model and label budget: the mean over its draws, with an interval over people.

    The score is that of all tested trials of a draw together, so that each recording weighs the same. The interval is a
    percentile bootstrap over people, 2000 samples with a fixed seed: whoever is drawn comes with all trials in all
    draws. It speaks of other people, tested with these draws of labels, these folds and these seeds; how much the draws
    move the score is the SD over draws. With a dozen people it is somewhat narrow
    (:func:`gaitlib.results.subject_interval` says how much).

    Parameters
    ----------
    runs : Runs
        Of which those under a :class:`gaitlib.LabelBudget` count.
    score : {"accuracy", "macro F1"}
        F1 is the mean over the classes that were tested.

    Returns
    -------
    pandas.DataFrame
        ``data``; ``model``; ``protocol``, in full without the number of the draw; ``budget``: people a class ("2") or
        share of the walks ("5 %") whose labels are learnt, or "all"; ``measure``; ``score``, ``low``, ``high``;
        ``SD over draws`` (NaN of one draw); ``draws``; ``people`` and ``trials`` that were tested; ``chance``: the
        score of the best constant answer; ``failed folds``, of which nothing is in the scores (NaN where all failed).

    Raises
    ------
    GaitDataError
        If there is no such score, or no run has a label budget.
    """
    rows = []
    for budget, of_models in _budgets(runs, score).items():
        for model, draws in of_models.items():
            row = _named(runs, model, budget, score)
            row["failed folds"] = sum(len(run.failed) for run in draws.values())
            tested = [_tested(run) for run in draws.values() if run.folds]
            if not tested:
                rows.append(row)
                continue
            counts = _Counts(tested, runs.classes)
            rows.append({
                **row,
                **_interval(lambda weights, own=counts: own.by_draw(score, weights), counts, "score"),
                "people": counts.n_people,
                "trials": pd.concat(tested)["trial"].nunique(),
                "chance": counts.chance(score),
            })  # fmt: skip
    return pd.DataFrame(rows)


def budget_differences(runs, against: str, score: str = "accuracy") -> pd.DataFrame:
    """How much better each model is than another with the same labels, paired over folds, draws and people.

    Only trials that both models were tested on in the same fold of the same draw count. The interval is that of
    :func:`budget_table`, of the difference: both models are asked about the same sample of people.

    Parameters
    ----------
    runs : Runs
    against : str
        The model that the others are compared with, as one from scratch.
    score : {"accuracy", "macro F1"}

    Returns
    -------
    pandas.DataFrame
        One row a model and label budget that both were run under: as in :func:`budget_table`, with ``against`` and
        ``difference`` in place of ``score``; ``draws ahead``, in how many draws the model is the better one.

    Raises
    ------
    GaitDataError
        As :func:`budget_table`; also if no other model was run under a budget of that one.
    """
    rows = []
    for budget, of_models in _budgets(runs, score).items():
        other = of_models.get(against, {})
        for model, draws in of_models.items():
            common = [draw for draw in draws if draw in other and draws[draw].folds and other[draw].folds]
            if model == against or not common:
                continue
            pairs = [_common(_tested(draws[draw]), _tested(other[draw])) for draw in common]
            people = sorted(set(pd.concat([one for one, _ in pairs])["subject"]))
            one, two = (_Counts(list(tables), runs.classes, people) for tables in zip(*pairs, strict=True))

            def ahead(weights, one=one, two=two):
                return one.by_draw(score, weights) - two.by_draw(score, weights)

            rows.append({
                **_named(runs, model, budget, score),
                "against": against,
                **_interval(ahead, one, "difference"),
                "draws ahead": int((ahead(one.everybody) > 0).sum()),
                "people": one.n_people,
                "trials": pd.concat([table for table, _ in pairs])["trial"].nunique(),
            })  # fmt: skip
    if not rows:
        raise GaitDataError(f"no model was run under a label budget of '{against}'; see budget_table(runs)")
    return pd.DataFrame(rows)


class _Counts:
    """What each person was called in each draw: from these the scores of any mixture of people."""

    def __init__(self, tested, classes, people=None):
        people = sorted(set(pd.concat(tested)["subject"])) if people is None else people
        self.n_people, self.n_classes = len(people), len(classes)
        self.everybody = np.ones((1, self.n_people))
        self._confusions = np.array([confusions_of_people(table, classes, people) for table in tested])

    def by_draw(self, score, weights) -> np.ndarray:
        """The score of each draw (columns) under each row of weights of the people."""
        return confusion_score(np.einsum("wp,dpkl->wdkl", weights, self._confusions, optimize=True), score)

    def chance(self, score) -> float:
        """The score of the best constant answer, over the draws together."""
        of_classes = self._confusions.sum(axis=(0, 1, 3))
        answers = np.eye(self.n_classes)[:, None, :] * of_classes[:, None]
        return float(confusion_score(answers, score).max())


def _interval(scores_of, counts, name) -> dict:
    """The mean over draws with its interval over people, and how much the draws differ."""
    own = scores_of(counts.everybody)[0]
    n = counts.n_people
    # Nobody of a sample may have been tested in some draw of which folds failed.
    low, high = percentile_interval(np.nanmean(scores_of(people_drawn(n)), axis=1)) if n >= 2 else (np.nan, np.nan)
    spread = own.std(ddof=1) if len(own) > 1 else np.nan
    return {name: own.mean(), "low": low, "high": high, "SD over draws": spread, "draws": len(own)}


def _budgets(runs, score) -> dict:
    """By protocol and budget the models, and of each the run of each draw; the smallest budgets first.

    Raises
    ------
    GaitDataError
        If there is no such score, or no run has a budget.
    """
    runs.require_classes("accuracy by label budget")
    if score not in SCORES:
        raise GaitDataError(f"score '{score}' is none of {', '.join(SCORES)}")
    found = {}
    for run in runs.runs:
        made = run.description.get("protocol", {})
        if made.get("class") != saving.public_path(LabelBudget):
            continue
        people, share, draw = (made["params"][name] for name in ("people", "share", "draw"))
        words = str(people) if people else f"{100 * share:g} %" if share else ALL
        place = (1, people) if people else (2, share) if share else (3, 0)
        key = place, run.protocol.removesuffix(f", draw {draw}"), words
        found.setdefault(key, {}).setdefault(run.model, {})[draw] = run
    if not found:
        raise GaitDataError("no run has a label budget; run LabelBudget(protocol, people=...) protocols")
    return {tuple(key[1:]): found[key] for key in sorted(found)}


def _named(runs, model, budget, score) -> dict:
    protocol, words = budget
    return {"data": runs.data, "model": model, "protocol": protocol, "budget": words, "measure": score}


def _tested(run) -> pd.DataFrame:
    """The test predictions of a run whose truth is known, with their fold."""
    table = pd.concat([fold.tested.assign(fold=fold.name) for fold in run.folds], ignore_index=True)
    return table[table["label"].notna()]


def _common(one, two) -> list[pd.DataFrame]:
    """The rows of both that are of the same trials in the same folds."""
    keys = pd.merge(one[["fold", "trial"]], two[["fold", "trial"]])
    return [table.merge(keys) for table in (one, two)]
