"""A new group of people: no tested dataset, clinic or whatever a column says is learnt from."""

import numpy as np
from sklearn import model_selection

from gaitlib.errors import GaitDataError
from gaitlib.protocols.columns import first_split, units_of
from gaitlib.protocols.folds import NEW_PERSON, Claim, Protocol, need, repeated


class _Groups(Protocol):
    """Whole groups of a column are tested, and with them whole subjects."""

    title = ""

    @property
    def name(self) -> str:
        """Said in full, with the column."""
        return f"{self.title} ({self.column})"

    @property
    def claim(self) -> Claim:
        """What a good result shows; the tested people are new too."""
        return NEW_PERSON if self.column == "subject" else Claim(f"a new {self.column}", ("subject", self.column))

    @property
    def unit(self) -> str:
        """The column."""
        return self.column

    def _groups(self, trials, fewest) -> np.ndarray:
        groups = units_of(trials, self.column, self.name)
        if subject := first_split(trials, "subject", self.column):
            own = sorted(set(groups[trials.subjects == subject]))
            raise GaitDataError(
                f"{self.name}: subject '{subject}' has trials in {len(own)} groups ({', '.join(own[:3])}), and would "
                f"be tested and learnt from; give all trials of a subject one {self.column}, or test known people with "
                f"LeaveOneRepetitionOut('{self.column}')"
            )
        need(groups, fewest, self.name, f"groups of {self.column}")
        return groups


class LeaveOneGroupOut(_Groups):
    """Each group of a column is tested once by a model that learnt from all others.

    Parameters
    ----------
    column : str
        Of the trial table, as "dataset"; all trials of a subject stand in one group.
    validation : bool or str
        Hold back a fifth of the training groups to stop training or, where few groups train, a fifth of the units of
        another column, as "subject".
    seed : int
        For the choice of validation groups.

    Raises
    ------
    GaitDataError
        From ``folds``: if there is no such column, a trial has no group, a subject stands in two groups, or there is
        one group only.

    Examples
    --------
    >>> import numpy as np
    >>> from gaitlib import LeaveOneGroupOut, TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.ones((9, 1))] * 8}, subject=list("aabbccdd"), label=["x", "y"] * 4,
    ...                               targets={"clinic": ["north"] * 4 + ["south"] * 4})
    >>> made = LeaveOneGroupOut("clinic", validation="subject")
    >>> made.name, str(made.claim), [(fold.name, fold.test.tolist()) for fold in made.folds(trials)]
    ('leave-one-group-out (clinic)', 'a new clinic', [('north', [0, 1, 2, 3]), ('south', [4, 5, 6, 7])])
    """

    title = "leave-one-group-out"

    def __init__(self, column, validation=True, seed=0):
        self.column = column
        self.validation = validation
        self.seed = seed

    def _test_sets(self, trials):
        groups = self._groups(trials, 2)
        return [(str(group), np.flatnonzero(groups == group)) for group in np.unique(groups)]


class GroupKFold(_Groups):
    """Groups of a column are dealt into folds at random; each fold is tested once.

    Parameters
    ----------
    column : str
        Of the trial table; all trials of a subject stand in one group.
    n_splits : int
    validation : bool or str
        As in :class:`LeaveOneGroupOut`.
    seed : int
    repeats : int
        How often all groups are dealt anew; each is then tested once a repeat.

    Raises
    ------
    GaitDataError
        From ``folds``, as :class:`LeaveOneGroupOut`; also if there are fewer groups than folds.
    """

    title = "group K-fold"

    def __init__(self, column, n_splits=5, validation=True, seed=0, repeats=1):
        self.column = column
        self.n_splits = n_splits
        self.validation = validation
        self.seed = seed
        self.repeats = repeats

    def _test_sets(self, trials):
        groups = self._groups(trials, self.n_splits)
        return repeated(self, model_selection.GroupKFold, groups, groups)
