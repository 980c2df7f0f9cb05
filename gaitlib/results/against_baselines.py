"""Whether a model beats its baselines, over people, in words."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.results.baselines import KNOWS_THE_PERSON
from gaitlib.results.binary_scores import known
from gaitlib.results.intervals import subject_interval
from gaitlib.results.scores import trial_errors

ROUNDING = 1e-9  # of the largest error: predictions that are equal but for it are the same


def differences_to_baselines(predictions, baselines, classes=()) -> pd.DataFrame:
    """How much smaller the errors of each model are than those of each baseline, paired over people.

    The error of a person is the mean absolute error where the target is continuous, else the Brier score: the mean
    squared distance of the probabilities from the truth. Of the scores of probabilities it is taken because it exists
    for every person, also for one of a single class, as AUROC does not; because no constant or hedged answer can gain
    from it (it is proper, as accuracy and F1 are not); and because, unlike the log loss, one sure mistake of one person
    cannot outweigh everything.

    Parameters
    ----------
    predictions : pandas.DataFrame
        Of one or more models under one or more protocols: ``trial``, ``subject``, ``label``, ``predicted``, ``model``,
        ``protocol``, ``fold``, and one column a class.
    baselines : pandas.DataFrame
        From :func:`gaitlib.results.baselines.baseline_predictions`, in the same layout.
    classes : sequence of str
        Of the head; none where it is continuous.

    Returns
    -------
    pandas.DataFrame
        One row a model, protocol and baseline: ``score`` ("MAE" or "Brier"), ``people`` and ``trials`` that both said
        something of, ``error`` of the model, ``baseline error``, ``difference`` (below 0 where the model is better),
        ``low``, ``high`` (t interval over people), ``beats`` ("yes" where the interval lies below 0, "no" where it lies
        above, or nothing differs; else "unclear") and ``knows the person``, whether the baseline was told true values
        of the tested person.
    """
    rows = []
    for (protocol, model), own in predictions.groupby(["protocol", "model"], sort=False):
        others = baselines[baselines["protocol"] == protocol]
        for name, other in others.groupby("model", sort=False):
            pair = _error(own, classes).join(_error(other, classes)["error"], rsuffix=" of baseline", how="inner")
            people = pair.groupby("subject")[["error", "error of baseline"]].mean()
            change = (people["error"] - people["error of baseline"]).to_numpy()
            change = np.where(np.abs(change) <= ROUNDING * people.to_numpy().max(initial=0), 0, change)
            low, high = subject_interval(change)
            rows.append({
                "model": model,
                "protocol": protocol,
                "baseline": name,
                "score": "Brier" if len(classes) else "MAE",
                "people": len(people),
                "trials": len(pair),
                "error": people["error"].mean(),
                "baseline error": people["error of baseline"].mean(),
                "difference": change.mean() if len(change) else np.nan,
                "low": low,
                "high": high,
                "beats": "no" if len(change) and not change.any() else _beats(low, high),
                "knows the person": name.endswith(KNOWS_THE_PERSON),
            })  # fmt: skip
    return pd.DataFrame(rows)


def baseline_verdicts(predictions, baselines, classes=()) -> pd.DataFrame:
    """Whether each model beats its baselines, and by how much the best of them.

    A model beats its baselines where it beats every one that knows no more of the tested person than the model does,
    for each the interval of the paired difference lying below 0. Asking this of all needs no correction for their
    number. Baselines that are told true values of the person, "(known)" in their names, are shown beside it and not
    asked for: in a new person nobody knows them.

    Parameters
    ----------
    predictions, baselines, classes
        As in :func:`differences_to_baselines`.

    Returns
    -------
    pandas.DataFrame
        One row a model and protocol: ``score``, ``people``, ``error``, ``best baseline`` (of those asked for, the one
        with the smallest error), ``baseline error``, ``difference``, ``low``, ``high``, ``beats its baselines`` ("yes";
        "no" where one of them is better or nothing differs; "unclear") and ``in words``.

    Raises
    ------
    GaitDataError
        If a model has no baseline under its protocol.
    """
    every = differences_to_baselines(predictions, baselines, classes)
    rows = []
    for (protocol, model), own in predictions.groupby(["protocol", "model"], sort=False):
        pairs = every[(every["protocol"] == protocol) & (every["model"] == model)] if len(every) else every
        asked = pairs[~pairs["knows the person"]] if len(pairs) else pairs
        if not len(asked) or not len(own):
            raise GaitDataError(f"'{model}' has no baseline under {protocol}; make them with baseline_predictions")
        best = asked.loc[asked["baseline error"].idxmin()] if asked["baseline error"].notna().any() else asked.iloc[0]
        verdict = "yes" if (asked["beats"] == "yes").all() else "no" if (asked["beats"] == "no").any() else "unclear"
        row = {"model": model, "protocol": protocol, "score": best["score"], "people": best["people"]}
        row |= {"error": best["error"], "best baseline": best["baseline"]}
        row |= {name: best[name] for name in ("baseline error", "difference", "low", "high")}
        rows.append(row | {"beats its baselines": verdict, "in words": _words(verdict, asked, pairs)})
    return pd.DataFrame(rows)


def _error(predictions, classes) -> pd.DataFrame:
    """The error of each trial, by fold and trial."""
    scored = known(predictions).set_index(["fold", "trial"])
    return scored[["subject"]].assign(error=trial_errors(scored, classes))


def _beats(low, high) -> str:
    return "yes" if high < 0 else "no" if low > 0 else "unclear"


def _words(verdict, asked, pairs) -> str:
    """As "beats its baselines: unclear (mean of the training people: unclear); not asked for: ..."."""

    def each(table):
        return "; ".join(f"{row.baseline}: {row.beats}" for row in table.itertuples())

    shown = pairs[pairs["knows the person"]]
    beside = f"; beside these, told true values of the person, {each(shown)}" if len(shown) else ""
    return f"beats its baselines: {verdict} ({each(asked)}){beside}"
