"""A new person on a new stimulus: neither the tested people nor what they saw or heard is learnt from."""

import numpy as np
from sklearn.model_selection import GroupKFold

from gaitlib.protocols.columns import units_of
from gaitlib.protocols.folds import Claim, Protocol, need


class SubjectAndStimulusKFold(Protocol):
    """Subjects are dealt into groups and stimuli too; each fold tests one group of people on one group of stimuli.

    Where everybody sees the same films, a model that recognises the film knows what people felt, and does well on new
    people. Here it learns from other people on other films only. What the tested people did on other stimuli, and what
    others did on the tested ones, stands in no part of that fold. Every trial is tested once.

    Parameters
    ----------
    column : str
        Of the trial table: what was shown or asked, as "video".
    n_splits : int
        Groups of subjects.
    n_stimulus_splits : int
        Groups of stimuli.
    validation : bool
        Hold back a fifth of the training subjects to stop training. They are watched on the stimuli that are learnt
        from, never on the tested ones: early stopping, and thresholds, see new people on known stimuli.
    seed : int

    Raises
    ------
    GaitDataError
        From ``folds``: if there is no such column, a trial has no stimulus, or there are fewer subjects or stimuli than
        groups.

    Examples
    --------
    >>> import numpy as np
    >>> from gaitlib import SubjectAndStimulusKFold, TrialSet
    >>> trials = TrialSet.from_arrays({"ecg": [np.ones((9, 1))] * 6}, subject=list("aabbcc"), label=["x", "y"] * 3,
    ...                               targets={"video": [1, 2, 1, 2, 1, 2]})
    >>> made = SubjectAndStimulusKFold("video", n_splits=3, n_stimulus_splits=2, validation=False)
    >>> made.name, str(made.claim), made.claim.disjoint
    ('subject and stimulus K-fold (video)', 'a new person on a new video', ('subject', 'video'))
    """

    def __init__(self, column="stimulus", n_splits=5, n_stimulus_splits=4, validation=True, seed=0):
        self.column = column
        self.n_splits = n_splits
        self.n_stimulus_splits = n_stimulus_splits
        self.validation = validation
        self.seed = seed

    @property
    def name(self) -> str:
        """Said in full, with the column."""
        return f"subject and stimulus K-fold ({self.column})"

    @property
    def claim(self) -> Claim:
        """What a good result shows."""
        return Claim(f"a new person on a new {self.column}", ("subject", self.column))

    def _test_sets(self, trials):
        stimuli = units_of(trials, self.column, self.name)
        need(trials.subjects, self.n_splits, self.name, "subjects")
        need(stimuli, self.n_stimulus_splits, self.name, f"values of {self.column}")
        people, shown = (
            [test for _, test in GroupKFold(n, shuffle=True, random_state=self.seed).split(units, groups=units)]
            for units, n in ((trials.subjects.astype(str), self.n_splits), (stimuli, self.n_stimulus_splits))
        )
        cells = {
            f"people{i}-{self.column}{j}": np.intersect1d(own, seen)
            for i, own in enumerate(people, start=1)
            for j, seen in enumerate(shown, start=1)
        }
        return [(name, test) for name, test in cells.items() if len(test)]  # perhaps nobody of a group saw any of these

    def _rest(self, trials, test) -> np.ndarray:
        columns = (trials.subjects, units_of(trials, self.column, self.name))
        of_tested = [np.isin(column, column[test]) for column in columns]
        return np.flatnonzero(~np.any(of_tested, axis=0))
