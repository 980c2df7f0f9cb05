"""How trials become folds: pure functions of the trial table, each with the claim that it supports."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, StratifiedGroupKFold, train_test_split
from sklearn.utils import check_random_state

from gaitlib.errors import GaitDataError
from gaitlib.validation import cut_validation

NEW_PERSON = "a new person"
KNOWN_PERSON = "a new walk of a known person"


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the trials that are learnt from, watched by early stopping, and tested."""

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Protocol(BaseEstimator):
    """Base of all protocols.

    Attributes
    ----------
    name : str
        Said in full.
    claim : str
        What a good result shows.
    unit : {"subject", "walk"}
        What is never split; validation is cut by it too.
    """

    name = ""
    claim = ""
    unit = "subject"

    def folds(self, trials) -> list[Fold]:
        """The folds, with positions among the given trials.

        Raises
        ------
        GaitDataError
            If the data cannot support the protocol, with the reason.
        """
        _check_table(trials)
        try:
            test_sets = self._test_sets(trials)
        except GaitDataError:
            raise
        except ValueError as error:  # scikit-learn's, about shares and numbers of folds
            raise GaitDataError(f"{self.name}: {error}") from None
        folds = []
        for i, (name, test) in enumerate(test_sets):
            rest = np.setdiff1d(np.arange(len(trials)), test)
            for whole in {"walk", self.unit, "subject" if self.claim == NEW_PERSON else "walk"}:
                both = set(trials.table[whole].iloc[test]) & set(trials.table[whole].iloc[rest])
                if both:
                    raise GaitDataError(f"{self.name}, fold {name}: {whole} '{min(both)}' stands on both sides")
            missing = sorted(set(trials.labels) - set(trials.labels[rest]))
            if missing:
                raise GaitDataError(
                    f"{self.name}, fold {name}: no {', '.join(missing)} among the training trials; "
                    "record that class from more subjects, or leave it out"
                )
            unit = self.unit if self.validation else None
            train, validation = cut_validation(trials[rest], unit, self.seed + i)
            folds.append(Fold(name, rest[train], rest[validation], test))
        return folds

    def _test_sets(self, trials):
        raise NotImplementedError


class LeaveOneSubjectOut(Protocol):
    """Each subject is tested once by a model that learnt from all others.

    Parameters
    ----------
    validation : bool
        Hold back a fifth of the training subjects to stop training.
    seed : int
        For the choice of validation subjects.
    """

    name = "leave-one-subject-out"
    claim = NEW_PERSON

    def __init__(self, validation=True, seed=0):
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        subjects = trials.subjects
        _need(subjects, 2, self.name, "subjects")
        return [(str(s), np.flatnonzero(subjects == s)) for s in sorted(set(subjects))]


class SubjectKFold(Protocol):
    """Subjects are dealt into folds at random; each fold is tested once.

    Parameters
    ----------
    n_splits : int
    validation : bool
    seed : int
    repeats : int
        How often all subjects are dealt anew; each is then tested once a repeat.
    stratify : bool
        Deal the classes evenly too, as far as whole subjects allow. Needed where each subject has one class.
    """

    name = "subject K-fold"
    claim = NEW_PERSON

    def __init__(self, n_splits=5, validation=True, seed=0, repeats=1, stratify=False):
        self.n_splits = n_splits
        self.validation = validation
        self.seed = seed
        self.repeats = repeats
        self.stratify = stratify

    def _test_sets(self, trials):
        subjects = trials.subjects.astype(str)
        _need(subjects, self.n_splits, self.name, "subjects")
        if self.stratify:
            return _repeated(self, StratifiedGroupKFold, trials.labels.astype(str), subjects)
        return _repeated(self, GroupKFold, subjects, subjects)


class SubjectHoldout(Protocol):
    """One part of the subjects, drawn at random, is tested.

    Parameters
    ----------
    test : float
        Share of the subjects.
    validation : bool
    seed : int
    """

    name = "subject hold-out"
    claim = NEW_PERSON

    def __init__(self, test=0.25, validation=True, seed=0):
        self.test = test
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        subjects = trials.subjects.astype(str)
        _need(subjects, 2, self.name, "subjects")
        splitter = GroupShuffleSplit(1, test_size=self.test, random_state=self.seed)
        return [("holdout", test) for _, test in splitter.split(subjects, groups=subjects)]


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
        return _repeated(self, StratifiedGroupKFold, trials.labels.astype(str), trials.walks.astype(str))


class LeaveOneRepetitionOut(Protocol):
    """All first trials of everybody are tested by a model that learnt from the others, then all second ones, ...

    For telling the person, where every subject has the same few trials.

    Parameters
    ----------
    column : str
        Of the trial table: the number of a trial within its subject, or its session.
    validation : bool
        Hold back a fifth of the training walks to stop training.
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
        if self.column not in table:
            raise GaitDataError(f"{self.name}: the trial table has no column '{self.column}'")
        if table[self.column].isna().any():
            first = trials.ids[table[self.column].isna()][0]
            raise GaitDataError(f"{self.name}: {first} has no {self.column}; leave such trials out")
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
        _, tested = train_test_split(
            walks.index.to_numpy(dtype=str), test_size=self.test, stratify=walks, random_state=self.seed
        )
        return [("split", np.flatnonzero(np.isin(trials.walks.astype(str), tested)))]


def _repeated(protocol, splitter, y, groups) -> list:
    """Names and test sets; the repeats draw from one stream of random numbers, as scikit-learn's repeated folds do."""
    if protocol.repeats < 1:
        raise GaitDataError(f"{protocol.name} needs at least one repeat, not {protocol.repeats}")
    random_state = check_random_state(protocol.seed)
    test_sets = []
    for repeat in range(1, protocol.repeats + 1):
        split = splitter(protocol.n_splits, shuffle=True, random_state=random_state).split(y, y, groups)
        prefix = f"repeat{repeat}-" if protocol.repeats > 1 else ""
        test_sets += [(f"{prefix}fold{i}", test) for i, (_, test) in enumerate(split, start=1)]
    return test_sets


def _check_table(trials) -> None:
    if len(trials) == 0:
        raise GaitDataError("no trials to split")
    if trials.table["label"].isna().any():
        first = trials.ids[trials.table["label"].isna()][0]
        raise GaitDataError(f"{first} has no label; leave such trials out before evaluation")
    people = trials.table.groupby("walk")["subject"].nunique()
    if people.max() > 1:
        raise GaitDataError(f"walk '{people.idxmax()}' has trials of two subjects; a walk is one event of one person")
    if len(set(trials.labels)) < 2:
        raise GaitDataError(f"only the class '{trials.labels[0]}' is there; at least two are needed")


def _need(values, fewest, protocol, what) -> None:
    n = len(set(values))
    if n < fewest:
        raise GaitDataError(f"{protocol} needs at least {fewest} {what}, there {'is' if n == 1 else 'are'} {n}")


def _walks_of_each_class(trials, fewest, protocol) -> None:
    walks = trials.table.groupby("label")["walk"].nunique()
    if walks.min() < fewest:
        raise GaitDataError(
            f"{protocol} needs at least {fewest} walks of each class; '{walks.idxmin()}' has {walks.min()}"
        )
