"""Read stored runs: tables, predictions, the model that never saw a subject. Computes nothing anew."""

import copy
import html
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.audit.threshold_source import audit_thresholds
from gaitlib.errors import GaitDataError
from gaitlib.results import calibration, card, pairs, scores, tables
from gaitlib.results.intervals import limit_in_words
from gaitlib.results.run import LABEL, Run
from gaitlib.results.thresholds import fold_thresholds
from gaitlib.results.stored import TEXT_COLUMNS, About, FoldResult

class Runs:
    """Results of models under protocols, read from where they are kept. Nothing here trains or writes.

    Attributes
    ----------
    runs : list of Run
    about : About
        What is known of the trials: name, classes, how many.
    data : str
        Name of the data, for titles.
    head : str
        What is looked at: the first head of the runs, or that of :meth:`for_head`.
    kind, unit : str
        Of its target.
    classes : list of str
        Of its target; none where it is continuous.
    trials : TrialSet or None
        What was benchmarked; needed only to explain, perturb or show single trials.
    skipped : pandas.DataFrame
        ``place`` and ``reason`` of what was found on disk and could not be opened.
    """

    def __init__(self, runs, trials=None, custom_objects=None, receipt=None, about=None, skipped=()):
        self._stored = runs
        self.trials = trials
        self.about = about or About.of(trials)
        self.data = self.about.name
        self._look_at(runs[0].heads[0] if runs else LABEL)
        self.skipped = pd.DataFrame(list(skipped), columns=["place", "reason"])
        self._custom_objects = custom_objects
        self._receipt = receipt

    def _look_at(self, head) -> None:
        self.head = head
        self.runs = [run.for_head(head) for run in self._stored if head in run.heads]
        self.kind, self.unit, self.classes = self.about.targets.get(head, ("class", "", self.about.classes))

    def for_head(self, name: str) -> "Runs":
        """The same runs, asked about another head: all tables, figures and explanations are then of that one.

        Raises
        ------
        GaitDataError
            If no model has such a head.
        """
        known = dict.fromkeys(head for run in self._stored for head in run.heads)
        if name not in known:
            raise GaitDataError(f"no model has a head '{name}'; there are {', '.join(known)}")
        view = copy.copy(self)
        view._look_at(name)
        return view

    @property
    def judged_trials(self):
        """The benchmarked trials with the classes of the head as their labels, those of which it is known."""
        judged = self.trials.judged_by(self.head)
        return judged if self.head == LABEL else judged[judged.target(LABEL).known]

    def predictions(self, part: str = "test", per: str = "trial", head: str | None = None) -> pd.DataFrame:
        """One row a test (or validation) trial of which the truth is known.

        Parameters
        ----------
        part : {"test", "validation"}
        per : {"trial", "walk"}
            "walk" averages the probabilities, or the values, of the trials (views, windows) of each walk.
        head : str, optional
            Default the one that is looked at.

        Returns
        -------
        pandas.DataFrame
            ``label`` and ``predicted``: true and predicted class, then one column a class; or true and predicted value.
        """
        if head is not None:
            return self.for_head(head).predictions(part, per)
        parts = [
            fold.predictions.assign(model=run.model, protocol=run.protocol, fold=fold.name)
            for run in self.runs
            for fold in run.folds
        ]
        if not parts:  # every fold failed
            columns = [*TEXT_COLUMNS, *self.classes, "model", "protocol", "fold"]
            parts = [pd.DataFrame(columns=columns).astype(dict.fromkeys(self.classes, float))]
        table = pd.concat(parts, ignore_index=True)
        known = table["label"].notna() | (self.head == LABEL)
        table = table[(table["part"] == part) & known].drop(columns="part").reset_index(drop=True)
        if per == "trial":
            return table
        if per != "walk":
            raise GaitDataError(f"per '{per}' is neither 'trial' nor 'walk'")
        keys = ["model", "protocol", "fold", "subject", "walk"]
        if self.kind == "continuous":
            return table.groupby(keys, sort=False)[["label", "predicted"]].mean().reset_index()
        keys.append("label")
        table = table.groupby(keys, sort=False)[self.classes].mean().reset_index()
        return table.assign(predicted=np.array(self.classes)[table[self.classes].to_numpy().argmax(axis=1)])

    def per_subject(self, per: str = "trial") -> pd.DataFrame:
        """Accuracy of every subject (rows) for every model and protocol (columns); of numbers the mean absolute error."""
        table = self.predictions(per=per)
        right = table["label"] == table["predicted"]
        table["score"] = (table["label"] - table["predicted"]).abs() if self.kind == "continuous" else right
        accuracy = table.groupby(["model", "protocol", "subject"], sort=False)["score"].mean()
        every = pd.MultiIndex.from_tuples([(run.model, run.protocol) for run in self.runs], names=["model", "protocol"])
        return accuracy.unstack(["model", "protocol"]).reindex(columns=every).sort_index()

    def per_class(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Scores of every class.

        Sensitivity and specificity are means over subjects with their 95 % intervals over subjects ("sensitivity low",
        ... and "sensitivity t_low", ..., see :func:`gaitlib.results.interval_columns`); precision, F1 and number of
        trials are those of all test trials together. NaN where nothing can be said: the precision of a class that was
        never predicted, the sensitivity of one that was never tested.
        """
        self.require_classes("scores of classes")
        return scores.class_scores(self._of(model, protocol), self.classes)

    def confusion(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Test trials by true (rows) and predicted class (columns)."""
        self.require_classes("confusion matrix")
        table = self._of(model, protocol)
        counts = pd.crosstab(table["label"], table["predicted"])
        return counts.reindex(index=self.classes, columns=self.classes, fill_value=0)

    def table(self, per: str = "trial", head: str | None = None) -> pd.DataFrame:
        """One row a model and protocol.

        - accuracy: mean over subjects, with its 95 % interval over subjects (low, high) that asks for no distribution
          and holds with few people, the narrower t interval (t_low, t_high; NaN where all subjects are alike), SD, and
          the worst subject; see :func:`gaitlib.results.interval_columns`;
        - balanced accuracy and macro F1 (with a percentile bootstrap over people, low and high), loss (cross-entropy,
          nats) and expected calibration error: of all test trials together, so that a subject with many trials weighs
          more there than in the accuracy; of two classes also the AUROC;
        - what fitting cost: seconds (sum), memory (largest) and CPU use (mean over folds; 100 is one full core);
        - failed folds: their number; see :meth:`failures`. Scores are NaN where all failed;
        - "sensitivity <class>" and "specificity <class>": means over subjects; intervals are in :meth:`per_class`;
        - "accuracy <subject>": of every tested subject;
        - of a binary head also :func:`gaitlib.results.binary_scores.binary_head_scores`; of a continuous one only
          :func:`gaitlib.results.continuous_scores.continuous_head_scores`, and "MAE <subject>".

        Parameters
        ----------
        per : {"trial", "walk"}
        head : str, optional
            Default the one that is looked at.
        """
        return self.for_head(head).table(per) if head is not None else tables.models_table(self, per)

    def against_baselines(self, minutes: float | None = None) -> pd.DataFrame:
        """Models beside what can be said without any signal, on the same folds and trials, and a verdict in words.

        ``minutes`` adds the person's own mean of the first minutes, which then leave every row. One row a model or
        baseline (:func:`gaitlib.results.baselines.baseline_predictions`) and protocol, with the scores of
        :meth:`table`; of models also "beats its baselines" and "in words"
        (:func:`gaitlib.results.against_baselines.baseline_verdicts`). The trials are needed for their targets.
        """
        return tables.baselines_table(self, minutes)

    def thresholds(self, score: str = "balanced accuracy") -> pd.DataFrame:
        """The threshold of a binary head in each fold, chosen on its validation predictions, and where it came from:
        :func:`gaitlib.results.thresholds.fold_thresholds`."""
        if self.kind != "binary":
            raise GaitDataError(f"'{self.head}' is {self.kind}: only binary heads have a threshold")
        return fold_thresholds(self.predictions(), self.predictions("validation"), self.classes, score)

    def at_thresholds(self, thresholds: pd.DataFrame | None = None, score: str = "balanced accuracy") -> "Runs":
        """The same runs with the classes called by thresholds in place of 0.5; the audit says where these came from.

        Parameters
        ----------
        thresholds : pandas.DataFrame, optional
            ``model``, ``protocol``, ``fold``, ``threshold``; default :meth:`thresholds`.
        score : {"balanced accuracy", "F1"}
            What they maximise.
        """
        chosen = self.thresholds(score) if thresholds is None else thresholds
        found = audit_thresholds(chosen, self.predictions("validation"), self.predictions(), self.classes, score)
        view = copy.copy(self)
        view.runs = [run.called_by(chosen, self.classes) for run in self.runs]
        view._receipt = replace(self._receipt, findings=[*self._receipt.findings, *found])
        return view

    def failures(self) -> pd.DataFrame:
        """One row a fold that failed: model, protocol, fold, reason."""
        rows = [(run.model, run.protocol, fold, why) for run in self.runs for fold, why in run.failed.items()]
        return pd.DataFrame(rows, columns=["model", "protocol", "fold", "reason"])

    def gap_in_words(self) -> str:
        """How much better each model looks where the test subjects are known, one sentence a model (Markdown).

        In accuracy, of a binary head in AUROC, of a continuous one in mean absolute error.
        """
        return tables.gap_in_words(self)

    def save_tables(self, folder) -> Path:
        """Write table, accuracies by subject, results by class, confusions, predictions and failures as CSV files."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"models": self.table(), "predictions": self.predictions().assign(data=self.data)}
        tables["failures"] = self.failures().assign(data=self.data)
        tables["per_subject"] = self.per_subject().T.assign(data=self.data).reset_index()
        for part in ("per_class", "confusion") if self.classes else ():
            own = {(self.data, r.model, r.protocol): getattr(self, part)(r.model, r.protocol) for r in self.runs}
            tables[part] = pd.concat(own, names=["data", "model", "protocol", "class"]).reset_index()
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        return folder

    def histories(self) -> pd.DataFrame:
        """One row an epoch of every fold of every network."""
        parts = [
            fold.history.assign(model=run.model, protocol=run.protocol, fold=fold.name)
            for run in self.runs
            for fold in run.folds
            if len(fold.history)
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def resources(self) -> pd.DataFrame:
        """What fitting each fold cost."""
        return pd.DataFrame([
            {"model": run.model, "protocol": run.protocol, "fold": fold.name, **fold.resources}
            for run in self.runs
            for fold in run.folds
        ])  # fmt: skip

    def classifier_for(self, trial, model: str | None = None):
        """The fitted classifier that never saw the subject of a trial.

        Parameters
        ----------
        trial : str or TrialSet
            The id of a tested trial, or a TrialSet of one trial, which may be a new recording of a tested subject.
        model : str, optional
            Which model; default the first with a subject-disjoint run.

        Returns
        -------
        GaitClassifier

        Raises
        ------
        GaitDataError
            If no subject-disjoint run tested that trial.
        """
        if not isinstance(trial, str) and len(trial) != 1:
            raise GaitDataError(f"one trial is needed, not {len(trial)}; take trials[i]")
        one = trial if isinstance(trial, str) else trial.subjects[0]
        column = "trial" if isinstance(trial, str) else "subject"
        for run in self.runs:
            if run.on_new_people and model in (None, run.model):
                for fold, _ in run.folds_that_tested(column, [one]):
                    return self.classifier_of(fold)
        raise GaitDataError(
            f"no subject-disjoint run{f' of {model}' if model else ''} tested {column} '{one}'; "
            "add LeaveOneSubjectOut() to the protocols"
        )

    def folds_for(self, trials, model: str | None = None) -> list:
        """The folds that tested some trials, and which of them: the models that may be asked about these.

        Parameters
        ----------
        trials : TrialSet
            Where a subject-disjoint run of the model is there they are looked up by subject, so that a new recording
            of a tested subject meets the model that left the subject out; else by their ids.
        model : str, optional
            Default the first, subject-disjoint where there is one.

        Returns
        -------
        list of (FoldResult, ndarray of int)
            Each fold with the places of its trials.

        Raises
        ------
        GaitDataError
            If no fold tested one of the trials.
        """
        found = [run for run in self.runs if model in (None, run.model) and run.folds]
        found = [run for run in found if run.on_new_people] or found
        if not found:
            raise GaitDataError(f"no finished run{f' of {model}' if model else ''} here; there are "
                                f"{sorted({run.model for run in self.runs})}")  # fmt: skip
        run = found[0]
        column, own = ("subject", trials.subjects) if run.on_new_people else ("trial", trials.ids)
        folds = run.folds_that_tested(column, own)
        places = np.concatenate([places for _, places in folds]) if folds else np.empty(0, int)
        if len(places) < len(trials):
            left = np.setdiff1d(np.arange(len(trials)), places)
            raise GaitDataError(f"no fold of '{run.model}', {run.protocol}, tested {trials.ids[left[0]]}")
        return folds

    def classifier_of(self, fold: FoldResult):
        """The model that was fitted in a fold, of the head that is looked at."""
        return fold.classifier(self._custom_objects).for_head(self.head)

    def tested(self, per="trial"):
        """Every run with its test predictions, none where all of its folds failed."""
        table = self.predictions(per=per)
        for run in self.runs:
            yield run, table[(table["model"] == run.model) & (table["protocol"] == run.protocol)]

    # -- questions that have a file of their own ---------------------------------------------------------

    def audit(self, strict=False):
        """The receipt on leakage: every check, and what no check can see.

        Parameters
        ----------
        strict : bool
            Raise where there is a leak.

        Returns
        -------
        gaitlib.audit.Receipt
        """
        if strict:
            self._receipt.raise_leaks()
        return self._receipt

    def compare(self, protocol: str | None = None, rope=None, test="wilcoxon", score: str | None = None):
        """Which model is better, pair by pair over subjects: :func:`gaitlib.results.pairs.compare`."""
        return pairs.compare(self, protocol, rope, test, score)

    def calibration(self) -> pd.DataFrame:
        """Whether a model knows how sure it may be: :func:`gaitlib.results.calibration.calibration_table`."""
        self.require_classes("calibration")
        return calibration.calibration_table(self)

    def model_card(self, model: str) -> str:
        """One page on a model, in Markdown: :func:`gaitlib.results.card.model_card`."""
        return card.model_card(self, model)

    # -- helpers -----------------------------------------------------------------------------------------

    def require_classes(self, what) -> None:
        """Refuse a continuous head in the name of what it has not."""
        if not self.classes:
            raise GaitDataError(f"'{self.head}' is continuous: it has no {what}; see table() and for_head(name)")

    def _of(self, model, protocol) -> pd.DataFrame:
        protocols = [run.protocol for run in self.runs if run.model == model]
        if not protocols:
            raise GaitDataError(f"no model '{model}' here; there are {sorted({run.model for run in self.runs})}")
        if protocol is None:
            protocol = protocols[0]
        if protocol not in protocols:
            raise GaitDataError(f"'{model}' has no protocol '{protocol}'; it has {protocols}")
        return next(own for run, own in self.tested() if (run.model, run.protocol) == (model, protocol))

    def _compact(self) -> pd.DataFrame:
        table = self.table()
        shown = [column for column in tables.SHOWN[self.kind] if column in table]
        return table[[*shown, *(["failed folds"] if table["failed folds"].any() else [])]]

    def _limit(self, table) -> str:
        """What the number of people can show at all, of accuracies."""
        return limit_in_words(table["subjects"].max()) if self.kind == "class" else ""

    @property
    def title(self) -> str:
        """The data; of other heads than the label also which it is."""
        if self.head == LABEL:
            return self.data
        return f"{self.data}: {self.head} ({', '.join(filter(None, [self.kind, self.unit]))})"

    def __repr__(self) -> str:
        table = self._compact()
        return f"{self.title}\n{table.to_string(index=False, float_format='%.3f')}\n{self._limit(table)}"

    def _repr_html_(self) -> str:
        table = self._compact()
        shown = table.to_html(index=False, float_format="%.3f")
        return f"<p>{html.escape(self.title)}</p>{shown}<p>{self._limit(table)}</p>"
