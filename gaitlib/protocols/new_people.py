"""A new person: no tested subject is learnt from."""

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, StratifiedGroupKFold

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import codes_of
from gaitlib.protocols.folds import NEW_PERSON, Protocol, need, repeated


class _NameWithNumber:
    """The name of :class:`LeaveOneSubjectOut`: of the class without a number, of an object with that of its people."""

    def __get__(self, made, owner) -> str:
        asked = made is not None and made.n_people is not None
        return "leave-one-subject-out" + (f" ({made.n_people} people)" if asked else "")


class LeaveOneSubjectOut(Protocol):
    """Each subject is tested once by a model that learnt from all others.

    Parameters
    ----------
    validation : bool
        Hold back a fifth of the training subjects to stop models that have a patience (``Training(patience=10)``);
        others learn from all.
    seed : int
        For the choice of validation subjects, and of the people.
    n_people : int, optional
        Test that many subjects, drawn at random, instead of all, where all take too long; the folds bear their names.
        Each model still learns from all others.

    Raises
    ------
    GaitDataError
        From ``folds``: if there are fewer subjects than that.

    Examples
    --------
    >>> from gaitlib import LeaveOneSubjectOut, synthetic_trials
    >>> trials = synthetic_trials(n_subjects=5, n_walks=1, seed=0)
    >>> made = LeaveOneSubjectOut(n_people=2, seed=1)
    >>> made.name, [fold.name for fold in made.folds(trials)]
    ('leave-one-subject-out (2 people)', ['subject02', 'subject03'])
    """

    name = _NameWithNumber()
    claim = NEW_PERSON

    def __init__(self, validation=True, seed=0, n_people=None):
        self.validation = validation
        self.seed = seed
        self.n_people = n_people

    def _test_sets(self, trials):
        need(trials.subjects, 2, self.name, "subjects")
        test_sets = [(str(s), test) for s, test in sorted(trials.table.groupby("subject").indices.items())]
        if self.n_people is None:
            return test_sets
        if self.n_people not in range(1, len(test_sets) + 1):
            raise GaitDataError(
                f"{self.name}: n_people must be a whole number from 1 to {len(test_sets)}, the number of subjects, not "
                f"{self.n_people!r}"
            )
        drawn = np.random.default_rng(self.seed).choice(len(test_sets), self.n_people, replace=False)
        return [test_sets[i] for i in sorted(drawn)]


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
        need(subjects, self.n_splits, self.name, "subjects")
        if self.stratify:
            return repeated(self, StratifiedGroupKFold, codes_of(trials, "label"), subjects)
        return repeated(self, GroupKFold, subjects, subjects)


class SubjectHoldout(Protocol):
    """One part of the subjects, drawn at random or named, is tested.

    Parameters
    ----------
    test : float
        Share of the subjects.
    validation : bool
    seed : int
    people : sequence of str, optional
        Test just these subjects.
    n_people : int, optional
        Test that many subjects instead of a share.

    Raises
    ------
    GaitDataError
        From ``folds``: if a named subject is not there, nobody is tested or nobody is left to learn from, or both
        ``people`` and ``n_people`` are given.

    Examples
    --------
    >>> from gaitlib import SubjectHoldout, synthetic_trials
    >>> trials = synthetic_trials(n_subjects=4, n_walks=1, seed=0)
    >>> (fold,) = SubjectHoldout(people=["subject02"]).folds(trials)
    >>> set(trials.subjects[fold.test])
    {'subject02'}
    """

    name = "subject hold-out"
    claim = NEW_PERSON

    def __init__(self, test=0.25, validation=True, seed=0, people=None, n_people=None):
        self.test = test
        self.validation = validation
        self.seed = seed
        self.people = people
        self.n_people = n_people

    def _test_sets(self, trials):
        subjects = trials.subjects.astype(str)
        need(subjects, 2, self.name, "subjects")
        if self.people is not None:
            return [("holdout", np.flatnonzero(np.isin(subjects, self._named(subjects))))]
        n_subjects = len(set(subjects))
        if self.n_people is not None and self.n_people not in range(1, n_subjects):
            raise GaitDataError(
                f"{self.name}: n_people must be a whole number from 1 to {n_subjects - 1} where there are {n_subjects} "
                f"subjects, not {self.n_people!r}"
            )
        splitter = GroupShuffleSplit(1, test_size=self.n_people or self.test, random_state=self.seed)
        return [("holdout", test) for _, test in splitter.split(subjects, groups=subjects)]

    def _named(self, subjects) -> list[str]:
        """The named people, who must be some of the subjects, but not all."""
        if self.n_people is not None:
            raise GaitDataError(f"{self.name}: give people= or n_people=, not both")
        people = [self.people] if isinstance(self.people, str) else [str(name) for name in self.people]
        known = sorted(set(subjects))
        if unknown := [name for name in people if name not in known]:
            raise GaitDataError(f"{self.name}: no subject '{unknown[0]}' here; there are {', '.join(known)}")
        if not 0 < len(set(people)) < len(known):
            raise GaitDataError(
                f"{self.name}: people= names {len(set(people))} of {len(known)} subjects; name one at least, and leave "
                "some to learn from"
            )
        return people
