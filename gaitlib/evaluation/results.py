"""Read stored runs: tables, predictions, the model that never saw a subject. Computes nothing anew."""

import html
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from gaitlib.errors import GaitDataError
from gaitlib.evaluation.protocols import NEW_PERSON
from gaitlib.evaluation.store import FoldResult


@dataclass(frozen=True, eq=False)
class Run:
    """One model under one protocol."""

    model: str
    protocol: str
    claim: str
    folds: list[FoldResult]

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
    """

    def __init__(self, runs: list[Run], data: str, classes: list[str], custom_objects=None):
        self.runs = runs
        self.data = data
        self.classes = classes
        self._custom_objects = custom_objects

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
        return accuracy.unstack(["model", "protocol"]).sort_index()

    def per_class(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Precision, recall, F1 and number of test trials of every class."""
        table = self._of(model, protocol)
        scores = precision_recall_fscore_support(
            table["label"], table["predicted"], labels=self.classes, zero_division=0
        )
        return pd.DataFrame(dict(zip(("precision", "recall", "F1", "trials"), scores, strict=True)), index=self.classes)

    def confusion(self, model: str, protocol: str | None = None) -> pd.DataFrame:
        """Test trials by true (rows) and predicted class (columns)."""
        table = self._of(model, protocol)
        counts = confusion_matrix(table["label"], table["predicted"], labels=self.classes)
        return pd.DataFrame(counts, index=self.classes, columns=self.classes)

    def table(self, per: str = "trial") -> pd.DataFrame:
        """One row a model and protocol.

        Accuracy is the mean over subjects (SD over subjects, worst subject); macro F1 and loss (cross-entropy, nats)
        pool the test trials; seconds, memory and CPU use are those of fitting: sum, largest and mean over folds.
        """
        predictions, rows = self.predictions(per=per), []
        accuracies = self.per_subject(per=per)
        for run in self.runs:
            accuracy = accuracies[run.model, run.protocol].dropna()
            own = predictions[(predictions["model"] == run.model) & (predictions["protocol"] == run.protocol)]
            resources = pd.DataFrame([fold.resources for fold in run.folds])
            rows.append({
                "data": self.data,
                "model": run.model,
                "protocol": run.protocol,
                "claim": run.claim,
                "subjects": len(accuracy),
                f"{per}s": len(own),
                "accuracy": accuracy.mean(),
                "SD": accuracy.std(ddof=1),
                "worst subject": f"{accuracy.idxmin()} {accuracy.min():.3f}",
                "macro F1": f1_score(own["label"], own["predicted"], labels=self.classes, average="macro"),
                "loss": log_loss(own["label"], own[self.classes].to_numpy(), labels=self.classes),
                "parameters": resources["parameters"].max(),
                "epochs": resources["epochs"].mean(),
                "seconds": resources["seconds"].sum(),
                "memory (MB)": resources["peak_memory_mb"].max(),
                "CPU (%)": resources["cpu_percent"].mean(),
            })  # fmt: skip
        return pd.DataFrame(rows).astype({"parameters": "Int64"})

    def gap_in_words(self) -> str:
        """How much better each model looks where the test subjects are known, one sentence a model (Markdown)."""
        table, sentences = self.table(), []
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
        """Write table, accuracies by subject, results by class, confusions and predictions as CSV files."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        tables = {"models": self.table(), "predictions": self.predictions().assign(data=self.data)}
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

    def _of(self, model, protocol) -> pd.DataFrame:
        table = self.predictions()
        protocols = table.loc[table["model"] == model, "protocol"].unique()
        if len(protocols) == 0:
            raise GaitDataError(f"no model '{model}' here; there are {sorted(table['model'].unique())}")
        if protocol is None:
            protocol = protocols[0]
        if protocol not in protocols:
            raise GaitDataError(f"'{model}' has no protocol '{protocol}'; it has {list(protocols)}")
        return table[(table["model"] == model) & (table["protocol"] == protocol)]

    def __repr__(self) -> str:
        shown = self.table()[["model", "protocol", "subjects", "accuracy", "SD", "macro F1"]]
        return f"{self.data}\n{shown.to_string(index=False, float_format='%.3f')}"

    def _repr_html_(self) -> str:
        table = self.table().drop(columns="data").to_html(index=False, float_format="%.3f")
        return f"<p>{html.escape(self.data)}</p>{table}"
