"""GaitClassifier and GaitRegressor: what they predict of their first head, as scikit-learn asks for it."""

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score

from gaitlib.errors import GaitDataError
from gaitlib.estimator import GaitEstimator
from gaitlib.preprocessing.samples import mean_of_trials
from gaitlib.recipes import member_steps, named_recipe
from gaitlib.targets import as_labels
from gaitlib.training import Training
from gaitlib.trials import TrialSet
from gaitlib.trials.columns import label_text


class GaitClassifier(ClassifierMixin, GaitEstimator):
    """A gait classifier that learns from whole trials and predicts one row a trial.

    Parameters
    ----------
    model : str, callable or Builder
        A registered name, your own ``function(inputs, heads) -> keras.Model``, or ``Builder(name, units=64)``.
    steps : sklearn.pipeline.Pipeline, optional
        Ends in ``Tensors()`` (networks) or ``SummaryStatistics()`` (classical models). Default:
        :func:`gaitlib.recipes.steps_for` the training trials. All steps are fitted on training trials only.
    training : Training or list of Training, optional
        Settings of one stage, or of several that follow each other.
    validation : str or None
        What ``fit`` holds back to stop training, where a stage has a patience and no validation trials are given: a
        fifth of the subjects ("subject"), of the walks ("walk"), of the units of any column of the table, or nothing.
    seed : int
        Also given to steps that have a ``seed``.
    progress : str or bool
        Show a progress bar, under this title.
    heads : sequence of str, optional
        Targets that the model tells, "label" or those of ``trials.targets``; default the label. The first, a class or
        binary, is the primary one. A network tells all from the same features; of a classical model one is fitted a
        head.

    Attributes
    ----------
    classes_ : ndarray of str
        Of the first head; "no <name>" and "<name>" where it is binary.
    heads_ : dict of str to LearntTarget
        What it knows of each target.
    steps_ : the fitted pipeline
    network_ : keras.Model, or ``estimator_``, the fitted classical model
    history_ : pandas.DataFrame
        One row an epoch; empty for classical models.
    resources_ : dict
        Seconds, peak memory, CPU use, parameters, epochs.
    fitted_on_, watched_ : tuple of str
        Ids of the trials that it learnt from and of those that stopped it.
    fitted_subjects_ : tuple of str
        Whose these are.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=2, seed=0)
    >>> model = GaitClassifier("extra_trees").fit(trials[trials.subjects != "subject01"])
    >>> model.predict_proba(trials[:2]).shape
    (2, 6)
    """

    @classmethod
    def from_recipe(cls, name: str, **changes):
        """An untrained classifier by the name of a recipe, whose settings are data: ``gaitlib.recipes.NAMED``.

        Parameters
        ----------
        name : str
            Such as "kinect_v2_best" or "either_side".
        **changes
            Parameters of :class:`gaitlib.Ensemble`, as ``seed=1``.

        Returns
        -------
        gaitlib.Ensemble
            Its members are weighed, and made as sure as they are right, by people left out of the training trials.

        Raises
        ------
        GaitDataError
            If there is no such recipe.

        Examples
        --------
        >>> list(GaitClassifier.from_recipe("either_side").members)
        ['directions']
        """
        from gaitlib.ensemble import Ensemble  # late: it is made of classifiers

        recipe, members = named_recipe(name), {}
        for own, read in recipe["members"].items():
            training = Training(**read["training"]) if "training" in read else None
            members[own] = cls(read["model"], member_steps(read), training, validation=None)
        return Ensemble(members, **{"affected_side": recipe.get("affected_side")} | changes)

    def predict_samples(self, trials: TrialSet) -> pd.DataFrame:
        """Class probabilities of every sample (window), in the order they were cut.

        Returns
        -------
        pandas.DataFrame
            ``trial`` and one column a class.
        """
        _, samples = self.prepare(trials)
        proba = self.predict_prepared(samples.inputs)
        return pd.DataFrame(proba, columns=self.classes_).assign(trial=samples.trial)

    def predict_proba(self, trials: TrialSet) -> np.ndarray:
        """Class probabilities, one row a trial in the order given (mean over its samples), (n, n_classes)."""
        _, samples = self.prepare(trials)
        return mean_of_trials(self.predict_prepared(samples.inputs), samples, trials)

    def predict(self, trials: TrialSet) -> np.ndarray:
        """The most probable class of each trial."""
        best = self.predict_proba(trials).argmax(axis=1)
        return self.classes_[best]

    def score(self, trials: TrialSet, y=None) -> float:
        """Share of trials classified correctly, of those of which the class is known."""
        labels = as_labels(self.primary, trials.target(self.primary)) if y is None else [label_text(v) for v in y]
        known = pd.notna(np.asarray(labels, dtype=object))
        return float(accuracy_score(np.asarray(labels, dtype=str)[known], self.predict(trials)[known]))

    def _check_primary(self, target, y) -> None:
        if target.kind == "continuous":
            raise GaitDataError(f"'{self.primary}' is continuous: use GaitRegressor, or name a class first in heads=")
        labels = as_labels(self.primary, target)
        if y is not None and not _same_labels(y, labels):
            raise GaitDataError("y differs from the labels of the trials; a TrialSet brings its own labels")


class GaitRegressor(RegressorMixin, GaitEstimator):
    """A model of walking whose first head is a number: parameters and attributes of :class:`GaitClassifier`.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=1, seed=0)
    >>> seconds = [t[-1] - t[0] for t in trials.modality("skeleton").time_s]
    >>> trials = trials.with_target("duration", gaitlib.Target("continuous", seconds, "s"))
    >>> model = GaitRegressor("extra_trees", heads=["duration"]).fit(trials[trials.subjects != "subject01"])
    >>> model.predict(trials[:2]).shape
    (2,)
    """

    def predict(self, trials: TrialSet) -> np.ndarray:
        """The value of each trial in the unit of the target (mean over its samples), (n,)."""
        _, samples = self.prepare(trials)
        return mean_of_trials(self.predict_prepared(samples.inputs), samples, trials)

    def score(self, trials: TrialSet, y=None) -> float:
        """Share of the variance that is explained (R2), over trials of which the value is known."""
        values = np.asarray(trials.target(self.primary).values if y is None else y, dtype=float)
        known = ~np.isnan(values)
        return float(r2_score(values[known], self.predict(trials)[known]))

    def _check_primary(self, target, y) -> None:
        if target.kind != "continuous":
            raise GaitDataError(f"'{self.primary}' is {target.kind}: use GaitClassifier, or name a number first")
        if y is not None and not np.array_equal(np.asarray(y, dtype=float), target.values, equal_nan=True):
            raise GaitDataError("y differs from the target of the trials; a TrialSet brings its own targets")


def _same_labels(y, labels) -> bool:
    """Whether y says what the labels say, also by the numbers that scikit-learn gives to classes."""
    if len(y) != len(labels):
        return False
    if [label_text(value) for value in y] == list(labels):
        return True
    pairs = {(value, label) for value, label in zip(np.asarray(y).tolist(), labels, strict=True)}
    in_order = [label for _, label in sorted(pairs)] if np.asarray(y).dtype.kind in "iu" else [None]
    return in_order == sorted(set(labels))
