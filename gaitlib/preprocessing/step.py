"""What every step is: a scikit-learn transformer from TrialSet to TrialSet."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from gaitlib import saving
from gaitlib.errors import GaitDataError
from gaitlib.trials import HistoryEntry, TrialSet
from gaitlib.trials.modality import Modality


class Step(TransformerMixin, BaseEstimator):
    """Base of all steps. A subclass writes ``_transform(trials)`` and, if it learns, ``_learn(trials)``.

    A step that learns remembers the ids of the trials it was fitted on (``fitted_on_``) and whose they are
    (``fitted_subjects_``), and writes both into the history of every TrialSet that it transforms.
    """

    at_any_rate = False  # whether what follows is the same for recordings of another frame rate

    def fit(self, trials: TrialSet, y=None) -> "Step":
        """Learn from the given trials only; steps without state learn nothing."""
        require_trials(self, trials)
        self.fitted_on_, self.fitted_subjects_ = (), ()
        if type(self)._learn is not Step._learn:
            self.fitted_on_ = tuple(dict.fromkeys(trials.ids))
            self.fitted_subjects_ = tuple(dict.fromkeys(trials.subjects))
            self._learn(trials)
        return self

    def transform(self, trials: TrialSet) -> TrialSet:
        """The same trials, changed; the input is left as it was."""
        require_trials(self, trials)
        fitted_on = getattr(self, "fitted_on_", ())
        if type(self)._learn is not Step._learn and not fitted_on:
            raise GaitDataError(f"{type(self).__name__} is not fitted: call fit(training_trials) first")
        entry = HistoryEntry(self._label(), fitted_on, getattr(self, "fitted_subjects_", ()))
        return self._transform(trials).with_history(entry)

    def check_learnt(self) -> None:
        """Refuse what a file gave this step in place of what ``fit`` gives it.

        A subclass adds what it can tell of its own; whatever it raises refuses the file.

        Raises
        ------
        GaitDataError
            If something is missing, or of another type.
        """
        own = [cls for cls in type(self).__mro__ if cls is not Step]
        if missing := sorted(saving.learnt(own) - set(vars(self))):
            raise GaitDataError(f"the step {type(self).__name__} is not fitted: '{missing[0]}' is missing")
        for name in ("fitted_on_", "fitted_subjects_"):
            ids = getattr(self, name, ())
            if not isinstance(ids, tuple) or not all(isinstance(one, str) for one in ids):
                raise GaitDataError(f"the step {type(self).__name__} was fitted on {str(ids)[:100]}, which are no ids")

    def _label(self) -> str:
        """Name, settings and their digest; unlike repr it is the same in every process."""
        params = self.get_params(deep=False).values()
        shown = (type(v).__name__ if hasattr(v, "get_params") else getattr(v, "__name__", str(v)) for v in params)
        return f"{type(self).__name__}({', '.join(shown)}) {saving.digest(self, with_source=False)}"

    def _learn(self, trials: TrialSet) -> None:
        """Nothing to learn."""

    def _transform(self, trials: TrialSet) -> TrialSet:
        raise NotImplementedError


def require_trials(step, trials) -> None:
    """Refuse anything but a TrialSet, in the name of the step."""
    if not isinstance(trials, TrialSet):
        raise GaitDataError(
            f"{type(step).__name__} works on a TrialSet, not {type(trials).__name__}; "
            "make one with gaitlib.load_trials or gaitlib.TrialSet.from_arrays"
        )


def sequence(trials: TrialSet, name: str) -> Modality:
    """A modality that must be a sequence."""
    modality = trials.modality(name)
    if modality.kind != "sequence":
        raise GaitDataError(f"modality '{name}' is of kind '{modality.kind}'; this step needs a sequence")
    return modality


def require_finite(trials: TrialSet, name: str, nan: bool = True) -> None:
    """Refuse inf and, where asked, NaN, naming the first place.

    Raises
    ------
    GaitDataError
        With trial, frame and channel.
    """
    modality = trials.modality(name)
    for trial, values in zip(trials.ids, modality.values, strict=True):
        if values is None:
            continue
        bad = ~np.isfinite(values) if nan else np.isinf(values)
        if bad.any():
            place = tuple(np.argwhere(bad)[0])
            frame = f", frame {place[0]}" if len(place) > 1 else ""
            raise GaitDataError(
                f"{trial}, modality '{name}'{frame}, channel '{modality.channels[place[-1]]}': not a finite number; "
                + _remedy(modality.kind, name)
            )


def _remedy(kind, name) -> str:
    if kind == "sequence":
        return "drop such frames with RepairFrames() or interpolate them with FillMissing() before this step"
    return f"impute it in the folds with Frames(SimpleImputer(), '{name}') as the first step, or leave the trial out"
