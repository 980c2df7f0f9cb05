"""Several classifiers as one: each has its say by a weight that was learnt on people whom it had not seen."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.model_selection import GroupKFold
from tqdm.auto import tqdm

from gaitlib.classifier import GaitClassifier
from gaitlib.ensemble_file import write_ensemble
from gaitlib.ensemble_sides import OTHER, beside_mirror_images, mirrored, told_apart
from gaitlib.errors import GaitDataError
from gaitlib.models import LABEL
from gaitlib.pooling import SMALLEST, geometric_mean, pool_weights, pooled
from gaitlib.targets import LearntTarget
from gaitlib.training import ResourceMonitor
from gaitlib.trials import TrialSet


class Ensemble(GaitClassifier):
    """Classifiers that are pooled: softmax of the weighted sum of their log probabilities, the weights learnt.

    The people of the training trials are dealt into ``folds`` groups. Each member is fitted on the other groups and
    asked about the group left out, so that there are probabilities of every training trial from a model that never saw
    the person. The weights are those under which these pooled probabilities make the true classes most likely; then all
    members are fitted once more, on all trials. So every member is trained ``folds`` + 1 times.

    The weights need not sum to 1: they also make the pool as sure as it is right. With one member that is a
    temperature of 1 / weight, fitted without any trial that is held back: ``Ensemble(["minirocket"])`` is MiniRocket
    with calibrated probabilities.

    Parameters
    ----------
    members : dict of str to GaitClassifier, or list
        By name; a list holds registered names or classifiers, which are called by their models. All tell the label
        alone. A network keeps its own ``validation``: it holds back people of those that it gets.
    folds : int
        As many as there are people, where these are fewer.
    affected_side : {"left", "right"}, optional
        The side of the affected leg in the training walks, where walks of either side are to be told. Each member then
        learns from the walks and their mirror images, which are other classes ("antalgic, right" and "antalgic, left"),
        and is asked about a trial and its mirror image, whose mean in log probability counts: the answer to a mirrored
        walk is the same with the sides swapped. Modality "skeleton" is mirrored and images are; other modalities are
        not, and should not be read by the members.
    symmetric : sequence of str
        Classes without an affected side.
    seed : int
        The members' seeds come from this one, their own and their names.
    progress : str or bool
        Show a bar over the trainings, under this title.

    Attributes
    ----------
    members_ : dict of str to GaitClassifier
        Fitted on all trials; explain one of these.
    weights_ : pandas.Series
        By member, 0 to 10.
    out_of_fold_ : pandas.DataFrame
        What each member said of each training trial when it had not seen the person: rows by ``member`` and ``trial``,
        one column a class (and side). It is not saved.
    classes_, heads_, resources_ : as of :class:`gaitlib.GaitClassifier`
        ``resources_`` of all trainings together, weights and epochs of the members in ``members_``.
    history_ : pandas.DataFrame
        Empty; see those of the members.
    fitted_on_, watched_, fitted_subjects_ : tuple of str
        Of all members; nothing is watched, as what stopped one member was learnt by others, or by the weights.

    References
    ----------
    Weights from out-of-fold predictions: Wolpert 1992, Stacked generalization, doi 10.1016/S0893-6080(05)80023-1. The
    weighted geometric mean is the logarithmic opinion pool, see Genest and Zidek 1986, Combining probability
    distributions, doi 10.1214/ss/1177013825, whose weights sum to 1; here their sum is free. One member: temperature
    scaling, Guo et al. 2017, doi 10.48550/arXiv.1706.04599.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=4, n_walks=1, seed=0)
    >>> model = Ensemble(["extra_trees", "majority"], folds=2).fit(trials[trials.subjects != "subject01"])
    >>> model.predict_proba(trials[:2]).shape, model.weights_.index.tolist()
    ((2, 6), ['extra_trees', 'majority'])
    """

    heads = None  # the label alone

    def __init__(self, members, folds=5, affected_side=None, symmetric=("normal",), seed=0, progress=False):
        self.members = members
        self.folds = folds
        self.affected_side = affected_side
        self.symmetric = symmetric
        self.seed = seed
        self.progress = progress

    def get_params(self, deep=True):
        """As in scikit-learn; ``<member>__seed`` and the like, too, where members are given as a dict."""
        params = super().get_params(deep=False)
        if deep and isinstance(self.members, dict):
            for name, member in self.members.items():
                params |= {name: member} | {f"{name}__{key}": v for key, v in member.get_params(deep=True).items()}
        return params

    # -- learning ----------------------------------------------------------------------------------------

    def fit(self, trials: TrialSet, y=None, validation: TrialSet | None = None, unlabelled: TrialSet | None = None):
        """Learn the weights of the members, then the members.

        Parameters
        ----------
        trials : TrialSet
            Labelled, of two people at least.
        y : array, optional
            For scikit-learn; must equal the labels.
        validation : None
            Give such trials with the others: each is asked about by models that have not seen the person.
        unlabelled : TrialSet, optional
            For encoders that have not learnt yet, as in :meth:`GaitClassifier.fit`.

        Raises
        ------
        GaitDataError
            If members, settings or labels do not fit, if there are less than two people, or a member cannot learn.
        """
        self._check(trials, y)
        if validation is not None:
            raise GaitDataError("an Ensemble watches no trials: give the validation trials with the training trials")
        members, people = self._seeded(), len(set(trials.subjects))
        if people < 2:
            raise GaitDataError(f"an Ensemble asks about people left out, but all trials are of {trials.subjects[0]}")
        self.heads_ = {LABEL: LearntTarget.of(LABEL, trials.target(LABEL))}
        self.classes_ = np.array(self.heads_[LABEL].classes)
        self.fitted_on_, self.watched_, self.history_ = tuple(trials.ids), (), pd.DataFrame()
        taught = self._taught(trials)  # before anything is trained, as it may be refused
        folds = GroupKFold(min(self.folds, people)).split(trials.ids, groups=trials.subjects)
        title = self.progress if isinstance(self.progress, str) else "ensemble"
        rounds = (min(self.folds, people) + 1) * len(members)
        with ResourceMonitor() as monitor, tqdm(total=rounds, desc=title, disable=not self.progress) as bar:
            log_proba, can_know = self._asked_out_of_fold(members, trials, folds, unlabelled, bar)
            told = self._told()
            self.out_of_fold_ = pd.concat(
                {n: pd.DataFrame(np.exp(log_proba[i]), trials.ids, told.index) for i, n in enumerate(members)},
                names=["member", "trial"],
            )
            labels = np.searchsorted(self.classes_, trials.labels[can_know].astype(str))
            weights = pool_weights(log_proba[:, can_know], labels, self._of_class(told))
            self.weights_ = pd.Series(weights, list(members), name="weight")
            self.members_ = {n: self._fitted(n, m, taught, unlabelled, bar) for n, m in members.items()}
        whose = [person for member in self.members_.values() for person in member.fitted_subjects_]
        self.fitted_subjects_ = tuple(dict.fromkeys([*trials.subjects, *whose]))
        used = pd.DataFrame([m.resources_ for m in self.members_.values()])[["parameters", "epochs"]].astype(float)
        parameters = used["parameters"].sum(min_count=1)  # of networks, where there are any
        self.resources_ = monitor.used | {
            "parameters": None if np.isnan(parameters) else int(parameters), "epochs": int(used["epochs"].sum()),
        }  # fmt: skip
        return self

    def _asked_out_of_fold(self, members, trials, folds, unlabelled, bar):
        """Log probabilities (members, n, columns) by models that had not seen the person, and whose class they knew."""
        n_columns = len(self._told())
        log_proba, can_know = np.empty((len(members), len(trials), n_columns)), np.zeros(len(trials), bool)
        for learnt, asked in folds:
            others = None if unlabelled is None else unlabelled[~np.isin(unlabelled.subjects, trials.subjects[asked])]
            taught = self._taught(trials[learnt])
            can_know[asked] = np.isin(trials.labels[asked], trials.labels[learnt])
            for i, (name, member) in enumerate(members.items()):
                fitted = self._fitted(name, clone(member), taught, others, bar)
                log_proba[i, asked] = self._log_proba(fitted, trials[asked])
        return log_proba, can_know

    def _fitted(self, name, member, taught, unlabelled, bar):
        try:
            member.fit(taught, unlabelled=unlabelled)
        except GaitDataError as error:
            whose = ", ".join(dict.fromkeys(taught.subjects))
            raise GaitDataError(f"member '{name}', learning from {whose}: {error}") from error
        bar.update()
        return member

    def _taught(self, trials) -> TrialSet:
        """What a member learns from."""
        if self.affected_side is None:
            return trials
        return beside_mirror_images(trials, self.affected_side, self.symmetric)

    # -- predicting --------------------------------------------------------------------------------------

    def predict_proba(self, trials: TrialSet) -> np.ndarray:
        """Class probabilities, one row a trial in the order given, (n, n_classes); of either side together."""
        return pooled(self._asked(trials), self.weights_.to_numpy(), self._of_class(self._told()))

    def predict_side(self, trials: TrialSet) -> pd.DataFrame:
        """Which side is the affected one.

        Returns
        -------
        pandas.DataFrame
            One row a trial: ``trial``, ``side`` ("left" or "right", the more probable given the predicted class;
            "none" where that has none), and its ``probability`` given the class.

        Raises
        ------
        GaitDataError
            If the ensemble learnt no sides.
        """
        if self.affected_side is None:
            raise GaitDataError(
                "this Ensemble learnt no sides: give affected_side=, where the affected leg is, and fit"
            )
        log_proba, weights, told = self._asked(trials), self.weights_.to_numpy(), self._told()
        of_class = self._of_class(told)
        predicted = pooled(log_proba, weights, of_class).argmax(axis=1)
        sides = np.where(of_class.T[predicted], weights.sum() * geometric_mean(log_proba, weights), -np.inf)
        best, probability = sides.argmax(axis=1), softmax(sides, axis=1).max(axis=1)
        return pd.DataFrame({"trial": trials.ids, "side": told["side"].to_numpy()[best], "probability": probability})

    def predict_heads(self, trials: TrialSet) -> dict[str, np.ndarray]:
        """Probabilities by the name of the only head, as :meth:`GaitClassifier.predict_heads`."""
        return {LABEL: self.predict_proba(trials)}

    def _asked(self, trials) -> np.ndarray:
        """Log probabilities (members, n, columns) of every class and side."""
        if not hasattr(self, "members_"):
            raise GaitDataError("this Ensemble is not fitted: call fit(training_trials) first")
        return np.stack([self._log_proba(member, trials) for member in self.members_.values()])

    def _told(self) -> pd.DataFrame:
        return told_apart(self.classes_, self.affected_side, self.symmetric)

    def _of_class(self, told) -> np.ndarray:
        return told["class"].to_numpy()[:, None] == self.classes_

    def _log_proba(self, member, trials) -> np.ndarray:
        """What a member says of trials, of either side about their mirror images, too; (n, columns)."""
        told = self._told()
        said = _log(member, trials, told.index)
        if self.affected_side is None:
            return said
        return log_softmax((said + _log(member, mirrored(trials), told["mirrored"])) / 2, axis=1)

    # -- what only a member has --------------------------------------------------------------------------

    def prepare(self, trials):
        """Refused: each member reads something of its own."""
        raise self._refusal("inputs")

    def predict_prepared(self, inputs):
        """Refused: each member reads something of its own."""
        raise self._refusal("inputs")

    @property
    def steps_(self):
        """Refused, as are ``network_`` and ``estimator_``: explain a member."""
        raise self._refusal("steps")

    @property
    def network_(self):
        raise self._refusal("network")

    @property
    def estimator_(self):
        raise self._refusal("classical model")

    def _refusal(self, what):
        first = next(iter(self._named()))
        return GaitDataError(
            f"an Ensemble has no {what} of its own: explain one of its members, model.members_['{first}']"
        )

    # -- for those who run, store and audit it ------------------------------------------------------------

    def builder(self) -> "Pool":
        """What tables and cards say in place of a model."""
        return Pool(f"weighted geometric mean of {', '.join(self._named())}; doi 10.1016/S0893-6080(05)80023-1")

    def parts(self, trials) -> dict:
        """The members, with what they would learn from these training trials."""
        taught = self._taught(trials)
        return {name: (member, taught) for name, member in self._seeded().items()}

    @property
    def fitted_parts(self) -> dict[str, GaitClassifier]:
        """The fitted members."""
        return self.members_

    def save(self, folder) -> Path:
        """Save into a folder: weights, and each member in a folder of its own; checksums, no pickle."""
        if not hasattr(self, "members_"):
            raise GaitDataError("this Ensemble is not fitted: nothing to save")
        return write_ensemble(self, {name: member.seed for name, member in self._named().items()}, folder)

    def _named(self) -> dict[str, GaitClassifier]:
        """The members as they were given, by name."""
        given = self.members
        if not isinstance(given, dict | list | tuple) or not given:
            raise GaitDataError(f"members={given!r}: give a dict of GaitClassifiers by name, or a list of models")
        if not isinstance(given, dict):
            made = [GaitClassifier(m) if isinstance(m, str) else m for m in given]
            given = {m.builder().name if isinstance(m, GaitClassifier) else str(i): m for i, m in enumerate(made)}
            if len(given) < len(made):
                raise GaitDataError(f"two members of the same name in {list(given)}; give a dict that names them")
        for name, member in given.items():
            if not isinstance(name, str) or not name or "__" in name or name in super().get_params(deep=False):
                raise GaitDataError(
                    f"a member cannot be called {name!r}: give a text without '__', no parameter's name"
                )
            if not isinstance(member, GaitClassifier) or isinstance(member, Ensemble) or member.head_names != [LABEL]:
                raise GaitDataError(f"member '{name}' is no GaitClassifier of the label alone: {str(member)[:60]}")
        return given

    def _seeded(self) -> dict[str, GaitClassifier]:
        """Copies of the members to be fitted, and the settings checked."""
        if self.affected_side not in (None, *OTHER):
            raise GaitDataError(f"affected_side={self.affected_side!r} is neither None nor one of {', '.join(OTHER)}")
        if self.folds < 2:
            raise GaitDataError(f"folds={self.folds}: people are left out in two folds at least")
        if isinstance(self.symmetric, str):
            raise GaitDataError(f"symmetric={self.symmetric!r}: give a sequence of classes, as ({self.symmetric!r},)")
        copies = {}
        for name, member in self._named().items():
            drawn = np.random.SeedSequence([self.seed, member.seed, *name.encode()]).generate_state(1)[0]
            copies[name] = clone(member).set_params(seed=int(drawn >> 1), progress=False)
        return copies


@dataclass(frozen=True)
class Pool:
    """What stands for the builder of an ensemble: nothing of it is built but its members."""

    what: str
    name: str = "ensemble"
    classical: bool = True  # no trial is watched
    info: None = None


def _log(member, trials, names) -> np.ndarray:
    """Log probabilities of a member in columns of these names; it may not know a class that nobody showed it."""
    said = pd.DataFrame(member.predict_proba(trials), columns=member.classes_).reindex(columns=names, fill_value=0)
    return np.log(np.maximum(said.to_numpy(float), SMALLEST))
