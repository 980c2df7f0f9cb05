"""Folds and runs as they lie on disk, read without changing anything there."""

import json
import re
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gaitlib.errors import GaitDataError

TEXT_COLUMNS = ("part", "trial", "subject", "walk", "label", "predicted")
RUN_COLUMNS = ("data", "model", "protocol", "fold")  # added where several runs stand in one table
FORMAT = 2  # of run.json: what open_runs needs stands in it


class DamagedFoldError(GaitDataError):
    """A fold on disk is not what was written."""


@dataclass(frozen=True)
class About:
    """What is known of the benchmarked trials without having them.

    Attributes
    ----------
    name, digest : str
    classes : list of str
    trials, walks, subjects : int
    modalities : list of str
    """

    name: str
    digest: str
    classes: list[str]
    trials: int
    walks: int
    subjects: int
    modalities: list[str]

    @classmethod
    def of(cls, trials) -> "About":
        walks, subjects = (int(trials.table[c].nunique()) for c in ("walk", "subject"))
        return cls(trials.name, trials.digest(), trials.classes, len(trials), walks, subjects, list(trials.modalities))


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What is kept of one fold.

    Attributes
    ----------
    name : str
    predictions : pandas.DataFrame
        One row a test or validation trial: ``part``, trial, subject, walk, label, predicted, one column a class.
    history : pandas.DataFrame
        One row an epoch.
    resources : dict
        Seconds, peak memory, CPU use, parameters, epochs, seed.
    learnt : dict
        Ids of trials: ``fitted_on``, ``watched``, and ``steps``, a list of (step, ids that it was fitted on, their subjects).
    folder : Path
        Where the fitted classifier lies too.
    """

    name: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    resources: dict
    learnt: dict
    folder: Path

    @property
    def tested(self) -> pd.DataFrame:
        """The predictions of the test trials."""
        return self.predictions[self.predictions["part"] == "test"]

    def classifier(self, custom_objects=None):
        """The classifier that was fitted in this fold."""
        from gaitlib.classifier import GaitClassifier  # late: reading results needs no backend

        return GaitClassifier.load(self.folder / "classifier", custom_objects)


def read_fold(folder: Path, name: str) -> FoldResult:
    """A finished fold.

    Raises
    ------
    DamagedFoldError
        If it is not what was written.
    GaitDataError
        If it may not be read.
    """
    try:
        predictions = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
        classes = [c for c in predictions if c not in TEXT_COLUMNS]
        predictions[classes] = predictions[classes].astype(float)  # exact, unlike read_csv's own parser
        kept = json.loads((folder / "fold.json").read_text())
        whole = kept["fold"] == name and kept["rows"] == len(predictions) and "learnt" in kept
        if not whole or not set(TEXT_COLUMNS) <= set(predictions):
            raise ValueError("not what was written")
        learnt = kept["learnt"]
        learnt["steps"] = [(step, ids or learnt["fitted_on"], *people) for step, ids, *people in learnt["steps"]]
        return FoldResult(name, predictions, pd.DataFrame(kept["history"]), kept["resources"], learnt, folder)
    except PermissionError as error:
        raise GaitDataError(f"{folder}: finished, but it cannot be read ({error}); mend its rights") from error
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFoldError(f"{folder}: damaged ({error})") from error


def fold_folder(run_folder: Path, fold_name: str) -> Path:
    """The folder of a fold: its name, made safe with a hash where it holds odd characters or capitals.

    Capitals, because on some disks two names that differ in them alone are one.
    """
    safe = re.sub(r"[^a-z0-9_+-]", "_", fold_name.lower())[:80]
    if safe != fold_name:
        safe += "-" + hashlib.blake2b(fold_name.encode(), digest_size=4).hexdigest()
    return run_folder / safe


def failure_note(run_folder: Path, fold_name: str) -> Path:
    """The file that says why a fold failed."""
    place = fold_folder(run_folder, fold_name)
    return place.with_name(f"{place.name}.failed.txt")
