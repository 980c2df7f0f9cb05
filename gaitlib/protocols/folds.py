"""How trials become folds: pure functions of the trial table, each with the claim that it supports."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import any_split, codes_of, first_split
from gaitlib.protocols.validation import ValidationCut


@dataclass(frozen=True)
class Claim:
    """What a good result shows.

    Attributes
    ----------
    words : str
        As "a new person"; ``str(claim)``.
    disjoint : tuple of str
        Columns of the trial table of which no value is both tested and learnt from or watched.
    """

    words: str
    disjoint: tuple[str, ...] = ("subject",)

    def __str__(self) -> str:
        return self.words


NEW_PERSON = Claim("a new person")
KNOWN_PERSON = Claim("a new walk of a known person", ("walk",))


@dataclass(frozen=True, eq=False)
class Fold:
    """Positions of the trials of each part; others stand in no part.

    Attributes
    ----------
    name : str
    train : ndarray of int
        Learnt from.
    validation : ndarray of int
        Watched by early stopping.
    test : ndarray of int
    unlabelled : ndarray of int
        Of the training side, too: may be learnt from, but not their labels.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    unlabelled: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))


class Protocol(BaseEstimator):
    """Base of all protocols.

    Attributes
    ----------
    name : str
        Said in full.
    claim : Claim
        What a good result shows.
    unit : str
        The column of the trial table of which no value is split; validation is cut by it too, unless ``validation``
        names another.
    """

    name = ""
    claim = Claim("nothing", ())
    unit = "subject"

    @property
    def watched_unit(self) -> str:
        """The column of which validation splits no value."""
        return self.validation if isinstance(self.validation, str) else self.unit

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
        unit = self.watched_unit if self.validation else None
        people_watched = unit and "subject" in self.claim.disjoint
        cut = ValidationCut(trials, unit)
        wholes = {whole: codes_of(trials, whole) for whole in dict.fromkeys(["walk", self.unit, *self.claim.disjoint])}
        label, labels = pd.factorize(trials.labels, sort=True)  # -1 where it is missing
        folds = []
        for i, (name, test) in enumerate(test_sets):
            rest = self._rest(trials, test)
            for whole, codes in wholes.items():
                both = test[np.isin(codes[test], codes[rest])]
                if len(both):
                    value = min(trials.table[whole].iloc[both])
                    raise GaitDataError(f"{self.name}, fold {name}: {whole} '{value}' stands on both sides")
            missing = np.delete(labels, np.unique(label[rest][label[rest] >= 0]))
            if len(missing):
                raise GaitDataError(
                    f"{self.name}, fold {name}: no {', '.join(missing)} among the training trials; "
                    "record that class from more subjects, or leave it out"
                )
            train, validation = cut.among(rest, self.seed + i)
            if people_watched and any_split(wholes["subject"], codes_of(trials, unit)):
                raise GaitDataError(
                    f"{self.name}: validation by {unit} would watch people who are learnt from, as "
                    f"'{first_split(trials, 'subject', unit)}'; use validation='subject'"
                )
            folds.append(Fold(name, rest[train], rest[validation], test))
        return folds

    def _test_sets(self, trials):
        raise NotImplementedError

    def _rest(self, trials, test) -> np.ndarray:
        """Trials that may be learnt from or watched where some are tested: all others, unless a protocol says less."""
        return np.setdiff1d(np.arange(len(trials)), test, assume_unique=True)


def repeated(protocol, splitter, y, groups) -> list:
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
    unlabelled = trials.table["label"].isna().to_numpy()
    if unlabelled.any() and not trials.kinds:  # where targets are declared, each may be missing
        raise GaitDataError(f"{trials.ids[unlabelled][0]} has no label; leave such trials out before evaluation")
    people = trials.table.groupby("walk")["subject"].nunique()
    if people.max() > 1:
        raise GaitDataError(f"walk '{people.idxmax()}' has trials of two subjects; a walk is one event of one person")
    if len(trials.classes) == 1:
        raise GaitDataError(f"only the class '{trials.classes[0]}' is there; at least two are needed")


def need(values, fewest, protocol, what) -> None:
    n = len(set(values))
    if n < fewest:
        raise GaitDataError(f"{protocol} needs at least {fewest} {what}, there {'is' if n == 1 else 'are'} {n}")
