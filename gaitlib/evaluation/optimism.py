"""What the usual split would have claimed: the same models, the same training size, three ways to split."""

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from gaitlib.errors import GaitDataError
from gaitlib.protocols.folds import Claim, Fold, Protocol
from gaitlib.protocols.known_people import TrialKFold
from gaitlib.protocols.new_people import LeaveOneSubjectOut
from gaitlib.protocols.validation import FRACTION
from gaitlib.results.intervals import subject_interval


class UngroupedRandomSplit(Protocol):
    """Trials are dealt into folds at random, views and windows of one walk on both sides: the wrong way.

    Only :func:`optimism_gap` uses it, to show what it would have claimed.

    Parameters
    ----------
    n_splits : int
    validation : bool
        Hold back a fifth of the training trials, drawn as carelessly.
    seed : int
    """

    name = "ungrouped K-fold (walks and subjects on both sides)"
    claim = Claim("nothing: other views of the tested walks were learnt", ())
    unit = "trial"

    def __init__(self, n_splits=5, validation=True, seed=0):
        self.n_splits = n_splits
        self.validation = validation
        self.seed = seed

    def folds(self, trials) -> list[Fold]:
        splitter = StratifiedKFold(self.n_splits, shuffle=True, random_state=self.seed)
        folds = []
        for i, (rest, test) in enumerate(splitter.split(trials.labels, trials.labels.astype(str))):
            train, watched = rest, rest[:0]
            if self.validation:
                train, watched = train_test_split(rest, test_size=FRACTION, random_state=self.seed + i)
            folds.append(Fold(f"fold{i + 1}", np.sort(train), np.sort(watched), test))
        return folds


@dataclass(frozen=True, eq=False, repr=False)
class OptimismGap:
    """How much better models look where they know the people.

    Attributes
    ----------
    data : str
    table : pandas.DataFrame
        One row a model and way to split: accuracy (of continuous heads MAE; mean over subjects), gap
        to leave-one-subject-out on the same
        subjects (mean, 95 % t interval over subjects), subjects.
    per_subject : pandas.DataFrame
        Accuracy of every subject (rows) for every model and way to split (columns).
    """

    data: str
    table: pd.DataFrame
    per_subject: pd.DataFrame

    def __str__(self) -> str:
        shown = self.table.drop(columns=["data", "claim"])
        return f"{self.data}\n{shown.to_string(index=False, float_format='%.3f')}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        shown = self.table.drop(columns="data").to_html(index=False, float_format="%.3f")
        return f"<p>{html.escape(self.data)}</p>{shown}"


def optimism_gap(runs) -> OptimismGap:
    """Run the same models with as many training trials where the subjects are known, and take the difference.

    Leave-one-subject-out is set against a K-fold over walks with as many folds as there are subjects, so that each
    model learns from the same share of the trials. Where a walk was recorded more than once (camera views, windows),
    a K-fold over single trials is added: the wrong way, openly. What is not in the store yet is trained now.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    OptimismGap

    Raises
    ------
    GaitDataError
        If the trials are too few for as many folds as subjects.

    References
    ----------
    Saeb et al. 2017, The need to approximate the use-case in clinical machine learning, GigaScience 6(5),
    https://doi.org/10.1093/gigascience/gix019
    """
    trials = runs.trials
    own = next((p for p in runs.protocols if isinstance(p, LeaveOneSubjectOut)), LeaveOneSubjectOut())
    n_subjects = len(set(trials.subjects))
    settings = {"n_splits": n_subjects, "validation": own.validation, "seed": own.seed}
    splits = [own, TrialKFold(**settings)]
    if trials.table["walk"].nunique() < len(trials):
        splits.append(UngroupedRandomSplit(**settings))
    accuracy = runs.again(protocols=splits, strict=False).for_head(runs.head).per_subject()
    score = "MAE" if runs.kind == "continuous" else "accuracy"
    rows = []
    for model in accuracy.columns.unique("model"):
        if own.name not in accuracy[model]:
            continue
        honest = accuracy[model, own.name]
        for split in splits:
            if split.name not in accuracy[model]:
                continue
            pair = pd.DataFrame({"honest": honest, "other": accuracy[model, split.name]}).dropna()
            gap = pair["other"] - pair["honest"]
            low, high = subject_interval(gap)
            rows.append({
                "data": runs.data,
                "model": model,
                "protocol": split.name,
                "claim": str(split.claim),
                score: pair["other"].mean(),
                "gap": gap.mean(),
                "low": low,
                "high": high,
                "subjects": len(pair),
            })  # fmt: skip
    if not rows:
        raise GaitDataError("no model could be tested on new people; runs.failures() tells why")
    return OptimismGap(runs.data, pd.DataFrame(rows), accuracy)
