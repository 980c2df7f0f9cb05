"""Few labels: some training trials of another protocol keep theirs, the others may be learnt from without."""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.protocols.folds import Claim, Fold, Protocol


class LabelBudget(Protocol):
    """The folds of another protocol, in which only some of the training trials keep their labels.

    The others stand in ``fold.unlabelled``: an encoder that learns inside the fold learns from them too, and nothing
    sees their labels. The tested trials are those of the other protocol, so all budgets are tested on the same trials.

    Trials that have no label at all, as of another dataset, are never tested; where nothing of their people is tested
    they are unlabelled trials, too.

    With ``people`` the training subjects of each fold are put into a random order, and of each class the first so many
    who have it keep the labels of all their trials. Where everybody has all classes these are just so many people;
    where each person has one class they are so many of each; in between a person who was drawn for one class counts for
    the others, so that some class may have more people than asked for, never fewer.

    With ``share`` another question is asked: everybody may be labelled, but only a share of the walks. Of each class
    the walks are put into a random order in which everybody comes once before anybody comes twice, and the first of
    them keep their labels, at least one. Walks stay whole: one that was drawn for a class keeps the labels of all its
    trials.

    Larger budgets of the same draw contain the smaller ones. A draw depends on its number, the name of the fold and
    the names of the subjects or walks of that fold, not on the order of the trials.

    Parameters
    ----------
    protocol : Protocol
        With ``validation=False``: what early stopping watches would be labels beyond the budget.
    people : int, optional
        Of each class. Without it and without ``share`` all labels are kept.
    share : float, optional
        Of the walks of each class; above 0, up to 1.
    draw : int
        Number of the draw, from 0. Of no effect where all labels are kept.

    Raises
    ------
    GaitDataError
        From ``folds``: if the protocol watches trials, both ``people`` and ``share`` are given or are no such number,
        or a class has fewer people in a fold.

    Examples
    --------
    >>> from gaitlib import LabelBudget, SubjectKFold, synthetic_trials
    >>> trials = synthetic_trials(n_subjects=6, n_walks=1, seed=0)
    >>> made = LabelBudget(SubjectKFold(3, validation=False), people=2, draw=1)
    >>> made.name
    'subject K-fold, labels of 2 people a class, draw 1'
    >>> str(made.claim)
    'a new person, from the labels of 2 people a class'
    >>> [len(set(trials.subjects[fold.train])) for fold in made.folds(trials)]
    [2, 2, 2]
    """

    validation = False

    def __init__(self, protocol, people=None, share=None, draw=0):
        self.protocol = protocol
        self.people = people
        self.share = share
        self.draw = draw

    @property
    def name(self) -> str:
        """That of the protocol, with the budget and the number of the draw."""
        draw = "" if self.people is None and self.share is None else f", draw {self.draw}"
        return f"{self.protocol.name}, {self._budget}{draw}"

    @property
    def claim(self) -> Claim:
        """That of the protocol, from so few labels."""
        return Claim(f"{self.protocol.claim}, from the {self._budget}", self.protocol.claim.disjoint)

    @property
    def unit(self) -> str:
        """That of the protocol."""
        return self.protocol.unit

    @property
    def _budget(self) -> str:
        if self.people is not None:
            return f"labels of {self.people} {'person' if self.people == 1 else 'people'} a class"
        if self.share is not None:
            return f"labels of {100 * self.share:g} % of the walks of all people"
        return "labels of all people"

    def folds(self, trials) -> list[Fold]:
        """The folds of the protocol, with their training trials shared out.

        Raises
        ------
        GaitDataError
            If the data cannot support the protocol or the budget, with the reason.
        """
        self._check()
        has_label = trials.table["label"].notna().to_numpy()
        if trials.kinds or has_label.all() or not has_label.any():
            return [self._within(fold, trials) for fold in self.protocol.folds(trials)]
        known, others = np.flatnonzero(has_label), np.flatnonzero(~has_label)
        apart = dict.fromkeys(["walk", self.unit, *self.claim.disjoint])
        folds = []
        for fold in self.protocol.folds(trials[known]):
            parts = {part: known[getattr(fold, part)] for part in ("train", "validation", "test", "unlabelled")}
            tested = trials.table.iloc[parts["test"]]
            free = [~trials.table[unit].iloc[others].isin(tested[unit]).to_numpy() for unit in apart]
            parts["unlabelled"] = np.union1d(parts["unlabelled"], others[np.all(free, axis=0)])
            folds.append(self._within(replace(fold, **parts), trials))
        return folds

    def _check(self) -> None:
        if self.protocol.validation:
            raise GaitDataError(
                f"{self.name}: validation would watch labels beyond the budget; give the protocol validation=False, "
                "and train a fixed number of epochs"
            )
        if self.people is not None and self.share is not None:
            raise GaitDataError(f"{self.protocol.name}: give people= or share=, not both")
        if self.people is not None and not (_is_whole(self.people) and self.people >= 1):
            raise GaitDataError(f"{self.protocol.name}: people must be a whole number from 1, not {self.people!r}")
        if self.share is not None and not 0 < self.share <= 1:
            raise GaitDataError(f"{self.protocol.name}: share must be above 0 and up to 1, not {self.share!r}")
        if not (_is_whole(self.draw) and self.draw >= 0):
            raise GaitDataError(f"{self.protocol.name}: draw must be a whole number from 0, not {self.draw!r}")

    def _within(self, fold, trials) -> Fold:
        own = trials.table.iloc[fold.train]
        if self.people is not None:
            kept = self._of_people(own, fold.name)
        elif self.share is not None:
            kept = self._of_walks(own, fold.name)
        else:
            return fold
        unlabelled = np.union1d(fold.unlabelled, fold.train[~kept])
        return replace(fold, train=fold.train[kept], unlabelled=unlabelled)

    def _of_people(self, own, fold_name) -> np.ndarray:
        """Which trials are of the first people of each class."""
        place = self._in_random_order(own["subject"], fold_name)
        drawn = set()
        for label, of_class in _classes(own):
            having = np.unique(place[of_class])
            if len(having) < self.people:
                raise GaitDataError(
                    f"{self.name}, fold {fold_name}: {label} has {len(having)} training subject"
                    f"{'s' * (len(having) != 1)}, fewer than the budget; take fewer people, or people=None for all"
                )
            drawn |= set(having[: self.people])
        return np.isin(place, list(drawn))

    def _of_walks(self, own, fold_name) -> np.ndarray:
        """Which trials are of the first walks of each class, everybody's first ones before the second ones."""
        place = self._in_random_order(own["walk"], fold_name)
        subject = own["subject"].to_numpy()
        drawn = set()
        for _, of_class in _classes(own):
            walks = pd.Series(subject[of_class], index=place[of_class]).groupby(level=0).first()
            walks = walks.groupby(walks).cumcount().sort_values(kind="stable").index
            drawn |= set(walks[: max(1, round(self.share * len(walks)))])
        return np.isin(place, list(drawn))

    def _in_random_order(self, values, fold_name) -> np.ndarray:
        """The place of the value of each row in a random order of all values."""
        names, code = np.unique(values.to_numpy(dtype=str), return_inverse=True)
        rng = np.random.default_rng([self.draw, zlib.crc32(fold_name.encode())])
        return rng.permutation(len(names))[code]


def _classes(own) -> list:
    """Each class with whether a trial is of it; where no trial has a label (the target is a number) all are one."""
    labels = own["label"].to_numpy()
    known = sorted(set(own["label"].dropna()))
    return [(label, labels == label) for label in known] or [("the target", np.ones(len(own), dtype=bool))]


def _is_whole(number) -> bool:
    return isinstance(number, int | np.integer) and not isinstance(number, bool)
