"""Read stored runs: tables, predictions, the model that never saw a subject. Computes nothing anew."""

import html
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.protocols.folds import Claim
from gaitlib.results import calibration, card, pairs, scores
from gaitlib.results.intervals import limit_in_words
from gaitlib.results.stored import TEXT_COLUMNS, About, FoldResult

SCORES = ("accuracy", "low", "high", "t_low", "t_high", "SD", "worst subject", "macro F1", "loss", "calibration error")
RESOURCES = {  # of a fold: name in the table, and how folds are put together
    "parameters": ("parameters", "max"),
    "epochs": ("epochs", "mean"),
    "seconds": ("seconds", "sum"),
    "peak_memory_mb": ("memory (MB)", "max"),
    "cpu_percent": ("CPU (%)", "mean"),
}
SHOWN = (  # of the table, where it is only looked at
    "model", "protocol", "subjects", "accuracy", "low", "high", "t_low", "t_high", "worst subject", "macro F1",
    "calibration error", "seconds",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """One model under one protocol.

    Attributes
    ----------
    model, protocol : str
    claim : Claim
    folds : list of FoldResult
        Those that ended well.
    failed : dict of str to str
        Names of folds that failed, with the reason.
    description : dict
        What is written of it beside its folds (``run.json``).
    """

    model: str
    protocol: str
    claim: Claim
    folds: list[FoldResult]
    failed: dict[str, str] = field(default_factory=dict)
    description: dict = field(default_factory=dict, repr=False)

    @property
    def on_new_people(self) -> bool:
        """Whether the test subjects are strangers to the model."""
        return "subject" in self.claim.disjoint

    @property
    def chance(self) -> float:
        """The accuracy of the best constant answer to the tested trials: :func:`gaitlib.results.scores.chance`."""
        return scores.chance(pd.concat([fold.tested for fold in self.folds])) if self.folds else np.nan

    def folds_that_tested(self, column: str, values, once: bool = True) -> list:
        """Folds with the places of the values (of a column of their predictions) that they tested.

        Each value stands once, in the first fold; or in every fold that tested it, as repeated folds do.
        """
        folds, left = [], np.ones(len(values), bool)
        for fold in self.folds:
            places = np.flatnonzero(left & np.isin(np.asarray(values, dtype=str), fold.tested[column].astype(str)))
            left[places] = not once
            if len(places):
                folds.append((fold, places))
        return folds


class Runs:
    """Results of models under protocols, read from where they are kept. Nothing here trains or writes.

    Attributes
    ----------
    runs : list of Run
    about : About
        What is known of the trials: name, classes, how many.
    data : str
        Name of the data, for titles.
    classes : list of str
    trials : TrialSet or None
        What was benchmarked; needed only to explain, perturb or show single trials.
    skipped : pandas.DataFrame
        ``place`` and ``reason`` of what was found on disk and could not be opened.
    """

    def __init__(self, runs, trials=None, custom_objects=None, receipt=None, about=None, skipped=()):
        self.runs = runs
        self.trials = trials
        self.about = about or About.of(trials)
        self.data = self.about.name
        self.classes = self.about.classes
        self.skipped = pd.DataFrame(list(skipped), columns=["place", "reason"])
        self._custom_objects = custom_objects
        self._receipt = receipt

    def predictions(self, part: str = "test", per: str = "trial") -> pd.DataFrame:
        """One row a test (or validation) trial: true and predicted class and the probabilities.

        Parameters
        ----------
        part : {"test", "validation"}
        per : {"trial", "walk"}
            "walk" averages the probabilities of the trials (views) of each walk.
        """
        parts = [
            fold.predictions.assign(model=run.model, protocol=run.protocol, fold=fold.name)
            for run in self.runs
            for fold in run.folds
        ]
        if not parts:  # every fold failed
            columns = [*TEXT_COLUMNS, *self.classes, "model", "protocol", "fold"]
            parts = [pd.DataFrame(columns=columns).astype(dict.fromkeys(self.classes, float))]
        table = pd.concat(parts, ignore_index=True)
        table = table[table["part"] == part].drop(columns="part").reset_index(drop=True)
        if per == "trial":
            return table
        if per != "walk":
            raise GaitDataError(f"per '{per}' is neither 'trial' nor 'walk'")
        keys = ["model", "protocol", "fold", "subject", "walk", "label"]
        table = table.groupby(keys, sort=False)[self.classes].mean().reset_index()
        return table.assign(predicted=np.array(self.classes)[table[self.classes].to_numpy().argmax(axis=1)])

    def per_subject(self, per: str = "trial") -> pd.DataFrame:
        """Accuracy of every subject (rows) for every model and protocol (columns)."""
        table = self.predictions(per=per)
        table["correct"] = table["label"] == table["predicted"]
        accuracy = table.groupby(["model", "protocol", "subject"], sort=False)["correct"].mean()
        every = pd.MultiIndex.from_tuples([(run.model, run.protocol) for run in self.runs], names=["model", "protocol"])
        return accuracy.unstack(["model", "protocol"]).reindex(columns=every).sort_index()

    def per_class(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Scores of every class.

        Sensitivity and specificity are means over subjects with their 95 % intervals over subjects ("sensitivity low",
        ... and "sensitivity t_low", ..., see :func:`gaitlib.results.interval_columns`); precision, F1 and number of
        trials are those of all test trials together. NaN where nothing can be said: the precision of a class that was
        never predicted, the sensitivity of one that was never tested.
        """
        return scores.class_scores(self._of(model, protocol), self.classes)

    def confusion(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Test trials by true (rows) and predicted class (columns)."""
        table = self._of(model, protocol)
        counts = pd.crosstab(table["label"], table["predicted"])
        return counts.reindex(index=self.classes, columns=self.classes, fill_value=0)

    def table(self, per: str = "trial") -> pd.DataFrame:
        """One row a model and protocol.

        - accuracy: mean over subjects, with its 95 % interval over subjects (low, high) that asks for no distribution
          and holds with few people, the narrower t interval (t_low, t_high; NaN where all subjects are alike), SD, and
          the worst subject; see :func:`gaitlib.results.interval_columns`;
        - macro F1, loss (cross-entropy, nats) and expected calibration error: of all test trials together, so that a
          subject with many trials weighs more there than in the accuracy;
        - what fitting cost: seconds (sum), memory (largest) and CPU use (mean over folds; 100 is one full core);
        - failed folds: their number; see :meth:`failures`. Scores are NaN where all failed;
        - "sensitivity <class>" and "specificity <class>": means over subjects; intervals are in :meth:`per_class`;
        - "accuracy <subject>": of every tested subject.
        """
        rows, subjects = [], set()
        for run, own in self._tested(per):
            row = {"data": self.data, "model": run.model, "protocol": run.protocol, "claim": str(run.claim)}
            row |= {"subjects": own["subject"].nunique(), f"{per}s": len(own), "failed folds": len(run.failed)}
            if len(own):
                resources = pd.DataFrame([fold.resources for fold in run.folds])
                row |= {name: resources[key].agg(how) for key, (name, how) in RESOURCES.items()}
                row |= scores.overall_scores(own, self.classes)
                row["calibration error"] = calibration.predicted_class_error(own, self.classes)
                subjects |= set(own["subject"])
            rows.append(row)
        wide = [f"{score} {c}" for score in ("sensitivity", "specificity") for c in self.classes]
        wide += [f"accuracy {s}" for s in sorted(subjects)]
        columns = ["data", "model", "protocol", "claim", "subjects", f"{per}s", *SCORES]
        columns += [*(name for name, _ in RESOURCES.values()), "failed folds", *wide]
        return pd.DataFrame(rows, columns=columns).astype({"parameters": "Int64"})

    def failures(self) -> pd.DataFrame:
        """One row a fold that failed: model, protocol, fold, reason."""
        rows = [(run.model, run.protocol, fold, why) for run in self.runs for fold, why in run.failed.items()]
        return pd.DataFrame(rows, columns=["model", "protocol", "fold", "reason"])

    def gap_in_words(self) -> str:
        """How much better each model looks where the test subjects are known, one sentence a model (Markdown)."""
        table, sentences = self.table().dropna(subset="accuracy"), []
        of_strangers = {run.protocol for run in self.runs if run.on_new_people}
        for model, own in table.groupby("model", sort=False):
            is_new = own["protocol"].isin(of_strangers)
            new, known = own[is_new], own[~is_new]
            for (_, a), (_, b) in itertools.product(new.iterrows(), known.iterrows()):
                points = 100 * (b["accuracy"] - a["accuracy"])
                more = "more" if points >= 0 else "less"
                sentences.append(
                    f"- **{model}** is right on {a['accuracy']:.1%} of the trials of {a['claim']} ({a['protocol']}, "
                    f"{a['subjects']} subjects, SD {a['SD']:.3f}, worst subject {a['worst subject']}). "
                    f"The {b['protocol']} says {b['accuracy']:.1%}: {abs(points):.1f} points {more}."
                )
        if not sentences:
            return "Nothing to compare: only one kind of protocol was run."
        return "\n".join([f"{self.data}:", "", *sentences])

    def save_tables(self, folder) -> Path:
        """Write table, accuracies by subject, results by class, confusions, predictions and failures as CSV files."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"models": self.table(), "predictions": self.predictions().assign(data=self.data)}
        tables["failures"] = self.failures().assign(data=self.data)
        tables["per_subject"] = self.per_subject().T.assign(data=self.data).reset_index()
        for part in ("per_class", "confusion"):
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
        """The classifier that was fitted in a fold."""
        return fold.classifier(self._custom_objects)

    def _tested(self, per="trial"):
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

    def compare(self, protocol: str | None = None, rope=0.02, test="wilcoxon"):
        """Which model is better, pair by pair over subjects: :func:`gaitlib.results.pairs.compare`."""
        return pairs.compare(self, protocol, rope, test)

    def calibration(self) -> pd.DataFrame:
        """Whether a model knows how sure it may be: :func:`gaitlib.results.calibration.calibration_table`."""
        return calibration.calibration_table(self)

    def model_card(self, model: str) -> str:
        """One page on a model, in Markdown: :func:`gaitlib.results.card.model_card`."""
        return card.model_card(self, model)

    # -- helpers -----------------------------------------------------------------------------------------

    def _of(self, model, protocol) -> pd.DataFrame:
        protocols = [run.protocol for run in self.runs if run.model == model]
        if not protocols:
            raise GaitDataError(f"no model '{model}' here; there are {sorted({run.model for run in self.runs})}")
        if protocol is None:
            protocol = protocols[0]
        if protocol not in protocols:
            raise GaitDataError(f"'{model}' has no protocol '{protocol}'; it has {protocols}")
        return next(own for run, own in self._tested() if (run.model, run.protocol) == (model, protocol))

    def _compact(self) -> pd.DataFrame:
        table = self.table()
        return table[[*SHOWN, *(["failed folds"] if table["failed folds"].any() else [])]]

    def __repr__(self) -> str:
        table = self._compact()
        limit = limit_in_words(table["subjects"].max())
        return f"{self.data}\n{table.to_string(index=False, float_format='%.3f')}\n{limit}"

    def _repr_html_(self) -> str:
        table = self._compact()
        limit = limit_in_words(table["subjects"].max())
        return f"<p>{html.escape(self.data)}</p>{table.to_html(index=False, float_format='%.3f')}<p>{limit}</p>"
