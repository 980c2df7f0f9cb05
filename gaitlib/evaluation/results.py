"""Read stored runs: tables, predictions, the model that never saw a subject. Computes nothing anew."""

import html
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.evaluation import calibration, compare, controls, metrics, model_card, optimism
from gaitlib.evaluation.protocols import NEW_PERSON
from gaitlib.evaluation.store import TEXT_COLUMNS, FoldResult

SCORES = ("accuracy", "low", "high", "SD", "worst subject", "macro F1", "loss", "calibration error")
RESOURCES = {  # of a fold: name in the table, and how folds are put together
    "parameters": ("parameters", "max"),
    "epochs": ("epochs", "mean"),
    "seconds": ("seconds", "sum"),
    "peak_memory_mb": ("memory (MB)", "max"),
    "cpu_percent": ("CPU (%)", "mean"),
}
SHOWN = (  # of the table, where it is only looked at
    "model", "protocol", "subjects", "accuracy", "low", "high", "worst subject", "macro F1", "calibration error",
    "seconds",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """One model under one protocol.

    Attributes
    ----------
    model, protocol, claim : str
    folds : list of FoldResult
        Those that ended well.
    failed : dict of str to str
        Names of folds that failed, with the reason.
    """

    model: str
    protocol: str
    claim: str
    folds: list[FoldResult]
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def on_new_people(self) -> bool:
        """Whether the test subjects are strangers to the model."""
        return self.claim == NEW_PERSON


class Runs:
    """The results of a benchmark.

    Attributes
    ----------
    runs : list of Run
    data : str
        Name of the data, for titles.
    classes : list of str
    trials : TrialSet
        What was benchmarked.
    protocols : list of Protocol
    """

    def __init__(self, runs, trials, custom_objects=None, benchmark=None, protocols=(), receipt=None):
        self.runs = runs
        self.trials = trials
        self.data = trials.name
        self.classes = trials.classes
        self.protocols = list(protocols)
        self._custom_objects = custom_objects
        self._benchmark = benchmark
        self._receipt = receipt

    def again(self, **changes) -> "Runs":
        """The same benchmark with other arguments, such as ``protocols=[...]``; what is in the store is read.

        Parameters
        ----------
        **changes
            Arguments of :func:`gaitlib.benchmark`.

        Returns
        -------
        Runs
        """
        return self._benchmark(**changes)

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

        Sensitivity and specificity are means over subjects with 95 % t intervals over subjects ("sensitivity low",
        ...); precision, F1 and number of trials are those of all test trials together. NaN where nothing can be said:
        the precision of a class that was never predicted, the sensitivity of one that was never tested.
        """
        return metrics.class_scores(self._of(model, protocol), self.classes)

    def confusion(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Test trials by true (rows) and predicted class (columns)."""
        table = self._of(model, protocol)
        counts = pd.crosstab(table["label"], table["predicted"])
        return counts.reindex(index=self.classes, columns=self.classes, fill_value=0)

    def table(self, per: str = "trial") -> pd.DataFrame:
        """One row a model and protocol.

        - accuracy: mean over subjects, with its 95 % t interval over subjects (low, high), SD, and the worst subject;
        - macro F1, loss (cross-entropy, nats) and expected calibration error of all test trials together;
        - what fitting cost: seconds (sum), memory (largest) and CPU use (mean over folds; 100 is one full core);
        - failed folds: their number; see :meth:`failures`. Scores are NaN where all failed;
        - "sensitivity <class>" and "specificity <class>": means over subjects; intervals are in :meth:`per_class`;
        - "accuracy <subject>": of every tested subject.
        """
        rows, subjects = [], set()
        for run, own in self._tested(per):
            row = {"data": self.data, "model": run.model, "protocol": run.protocol, "claim": run.claim}
            row |= {"subjects": own["subject"].nunique(), f"{per}s": len(own), "failed folds": len(run.failed)}
            if len(own):
                resources = pd.DataFrame([fold.resources for fold in run.folds])
                row |= {name: resources[key].agg(how) for key, (name, how) in RESOURCES.items()}
                row |= metrics.scores(own, self.classes)
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
        for model, own in table.groupby("model", sort=False):
            new, known = own[own["claim"] == NEW_PERSON], own[own["claim"] != NEW_PERSON]
            for (_, a), (_, b) in itertools.product(new.iterrows(), known.iterrows()):
                points = 100 * (b["accuracy"] - a["accuracy"])
                more = "more" if points >= 0 else "less"
                sentences.append(
                    f"- **{model}** is right on {a['accuracy']:.1%} of the trials of a new person ({a['protocol']}, "
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
        # A whole trial is looked up by its subject: ids of other data may be the same by chance.
        column, sought = ("trial", trial) if isinstance(trial, str) else ("subject", trial.subjects[0])
        for run in self.runs:
            if run.on_new_people and model in (None, run.model):
                for fold in run.folds:
                    tested = fold.predictions.loc[fold.predictions["part"] == "test", column]
                    if (tested == sought).any():
                        return self.classifier_of(fold)
        raise GaitDataError(
            f"no subject-disjoint run{f' of {model}' if model else ''} tested {column} '{sought}'; "
            "add LeaveOneSubjectOut() to the protocols"
        )

    def classifier_of(self, fold: FoldResult):
        """The classifier that was fitted in a fold."""
        return fold.classifier(self._custom_objects)

    def _tested(self, per="trial"):
        """Every run with its test predictions, none where all of its folds failed."""
        table = self.predictions(per=per)
        for run in self.runs:
            yield run, table[(table["model"] == run.model) & (table["protocol"] == run.protocol)]

    # -- questions that have a file of their own ---------------------------------------------------------

    def audit(self, strict=False, permutations=0):
        """The receipt on leakage: every check, and what no check can see.

        Parameters
        ----------
        strict : bool
            Raise where there is a leak.
        permutations : int
            Train every model this often on labels that were shuffled among all walks: whoever then does better than
            chance has another source than the gait.

        Returns
        -------
        gaitlib.evaluation.audit.Receipt
        """
        receipt = self._receipt
        if permutations:
            receipt = replace(receipt, findings=[*receipt.findings, *controls.permuted_labels(self, permutations)])
        if strict:
            receipt.raise_leaks()
        return receipt

    def optimism_gap(self):
        """What the usual split would have claimed: :func:`gaitlib.evaluation.optimism.optimism_gap`."""
        return optimism.optimism_gap(self)

    def compare(self, protocol: str | None = None, rope=0.02, test="wilcoxon"):
        """Which model is better, pair by pair over subjects: :func:`gaitlib.evaluation.compare.compare`."""
        return compare.compare(self, protocol, rope, test)

    def controls(self) -> pd.DataFrame:
        """What length alone tells, how well the person can be told: :func:`gaitlib.evaluation.controls.controls`."""
        return controls.controls(self)

    def calibration(self) -> pd.DataFrame:
        """Whether a model knows how sure it may be: :func:`gaitlib.evaluation.calibration.calibration`."""
        return calibration.calibration(self)

    def model_card(self, model: str) -> str:
        """One page on a model, in Markdown: :func:`gaitlib.evaluation.model_card.model_card`."""
        return model_card.model_card(self, model)

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
        return f"{self.data}\n{self._compact().to_string(index=False, float_format='%.3f')}"

    def _repr_html_(self) -> str:
        table = self._compact().to_html(index=False, float_format="%.3f")
        return f"<p>{html.escape(self.data)}</p>{table}"
