"""A new walk of a known person: no tested walk is learnt from, but its subject is."""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import codes_of, units_of
from gaitlib.protocols.folds import KNOWN_PERSON, Protocol, repeated


class TrialKFold(Protocol):
    """Walks are dealt into folds at random, stratified by class: every subject is in training and test.

    Parameters
    ----------
    n_splits : int
    validation : bool
    seed : int
    repeats : int
        How often all walks are dealt anew; each is then tested once a repeat.
    """

    name = "trial K-fold (subjects on both sides)"
    claim = KNOWN_PERSON
    unit = "walk"

    def __init__(self, n_splits=5, validation=True, seed=0, repeats=1):
        self.n_splits = n_splits
        self.validation = validation
        self.seed = seed
        self.repeats = repeats

    def _test_sets(self, trials):
        _walks_of_each_class(trials, self.n_splits, self.name)
        return repeated(self, StratifiedGroupKFold, codes_of(trials, "label"), trials.walks.astype(str))


class LeaveOneRepetitionOut(Protocol):
    """All first trials of everybody are tested by a model that learnt from the others, then all second ones, ...

    For telling the person, where every subject has the same few trials.

    Parameters
    ----------
    column : str
        Of the trial table: the number of a trial within its subject, or its session.
    validation : bool
        Hold back a fifth of the training walks to stop models that have a patience.
    seed : int
        For the choice of validation walks.
    """

    name = "leave-one-repetition-out (subjects on both sides)"
    claim = KNOWN_PERSON
    unit = "walk"

    def __init__(self, column="repetition", validation=True, seed=0):
        self.column = column
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        table = trials.table
        units_of(trials, self.column, self.name)
        numbers = table.groupby("subject")[self.column].nunique()
        if numbers.min() < 2:
            raise GaitDataError(
                f"{self.name}: all trials of {numbers.idxmin()} have the same {self.column}, so that person would not "
                "be known; leave them out"
            )
        return [(str(value), test) for value, test in table.groupby(self.column, sort=True).indices.items()]


class RandomTrialSplit(Protocol):
    """Part of the walks, drawn at random within each class, is tested: the field's usual split, as the contrast.

    All views of a walk stay on one side; the subjects stand on both.

    Parameters
    ----------
    test : float
        Share of the walks.
    validation : bool
    seed : int
    """

    name = "random trial split (subjects on both sides)"
    claim = KNOWN_PERSON
    unit = "walk"

    def __init__(self, test=0.2, validation=True, seed=0):
        self.test = test
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        _walks_of_each_class(trials, 2, self.name)
        walks = trials.table.groupby("walk", sort=True)["label"].first()
        stratum = pd.factorize(walks, sort=True)[0]
        if (stratum < 0).sum() == 1:  # a stratum of one walk cannot be split: it goes with the first
            stratum = np.maximum(stratum, 0)
        _, tested = train_test_split(
            walks.index.to_numpy(dtype=str), test_size=self.test, stratify=stratum, random_state=self.seed
        )
        return [("split", np.flatnonzero(np.isin(trials.walks.astype(str), tested)))]


def _walks_of_each_class(trials, fewest, protocol) -> None:
    walks = trials.table.groupby("label")["walk"].nunique()
    if walks.min() < fewest:
        raise GaitDataError(
            f"{protocol} needs at least {fewest} walks of each class; '{walks.idxmin()}' has {walks.min()}"
        )
