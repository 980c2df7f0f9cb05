"""Results on disk: a folder a run, a folder a fold, written the moment the fold ends."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gaitlib.classifier import GaitClassifier
from gaitlib.errors import GaitDataError
from gaitlib.evaluation.fold import FoldOutcome

TEXT_COLUMNS = ("part", "trial", "subject", "walk", "label", "predicted")
RUN_COLUMNS = ("data", "model", "protocol", "fold")  # added where several runs stand in one table


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
        Ids of trials: ``fitted_on``, ``watched``, and ``steps``, a list of (step, ids that it was fitted on).
    folder : Path
        Where the fitted classifier lies too.
    """

    name: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    resources: dict
    learnt: dict
    folder: Path

    def classifier(self, custom_objects=None) -> GaitClassifier:
        """The classifier that was fitted in this fold."""
        return GaitClassifier.load(self.folder / "classifier", custom_objects)


class RunStore:
    """The folder of one run: one model, one protocol, one seed on one TrialSet.

    Parameters
    ----------
    root : path
        The store.
    name : str
        For people; beginning of the folder's name.
    key : str
        Hash of everything the result depends on; end of the folder's name.
    description : dict
        What the key was made of, written beside the folds.
    """

    def __init__(self, root, name, key, description):
        self.folder = Path(root) / f"{name}-{key}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error
        self._write("run.json", json.dumps(description, indent=1, sort_keys=True))

    def read(self, fold_name: str) -> FoldResult | None:
        """A finished fold, or None. A damaged one is removed, to be trained again."""
        folder = self._place(fold_name)
        if not folder.exists():
            return None
        try:
            predictions = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
            classes = [c for c in predictions if c not in TEXT_COLUMNS]
            predictions[classes] = predictions[classes].astype(float)  # exact, unlike read_csv's own parser
            kept = json.loads((folder / "fold.json").read_text())
            whole = kept["fold"] == fold_name and kept["rows"] == len(predictions) and "learnt" in kept
            if not whole or not set(TEXT_COLUMNS) <= set(predictions):
                raise ValueError("not what was written")
        except PermissionError as error:
            raise GaitDataError(f"{folder}: finished, but it cannot be read ({error}); mend its rights") from error
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            shutil.rmtree(folder, ignore_errors=True)
            return None
        learnt = kept["learnt"]
        learnt["steps"] = [(step, ids or learnt["fitted_on"]) for step, ids in learnt["steps"]]
        return FoldResult(fold_name, predictions, pd.DataFrame(kept["history"]), kept["resources"], learnt, folder)

    def write(self, fold_name: str, outcome: FoldOutcome) -> None:
        """Keep a finished fold: everything goes into a hidden folder that is renamed when it is whole."""
        place = self._place(fold_name)
        try:
            partial = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=self.folder))
            try:
                self._fill(partial, fold_name, outcome)
                os.rename(partial, place)
            except OSError:
                if self.read(fold_name) is None:  # else another process finished the same fold first
                    raise
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self._failure(fold_name).unlink(missing_ok=True)
        except OSError as error:
            raise GaitDataError(
                f"{self.folder}: fold {fold_name} cannot be written ({error}); free space or give another store=; "
                "finished folds are kept"
            ) from error

    def _fill(self, partial, fold_name, outcome):
        outcome.predictions.to_csv(partial / "predictions.csv", index=False)
        kept = {
            "fold": fold_name,
            "rows": len(outcome.predictions),
            "history": outcome.history,
            "resources": outcome.resources,
            "learnt": outcome.learnt,
        }
        (partial / "fold.json").write_text(json.dumps(kept))
        (partial / "classifier").mkdir()
        for name, content in outcome.files.items():
            (partial / "classifier" / name).write_bytes(content)
        os.chmod(partial, 0o755)

    def keep_audit(self, receipt: dict) -> None:
        """Write the receipt of the audit beside the folds."""
        self._write("audit.json", json.dumps(receipt, indent=1))

    def note_failure(self, fold_name: str, reason: str) -> None:
        """Write down why a fold failed; the note goes when the fold succeeds."""
        self._write(self._failure(fold_name).name, f"{fold_name}: {reason}\n")

    def _write(self, name, text):
        try:
            _write_atomically(self.folder / name, text)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error

    def _failure(self, fold_name) -> Path:
        place = self._place(fold_name)
        return place.with_name(f"{place.name}.failed.txt")

    def _place(self, fold_name: str) -> Path:
        """The folder of a fold: its name, made safe with a hash where it holds odd characters or capitals.

        Capitals, because on some disks two names that differ in them alone are one.
        """
        safe = re.sub(r"[^a-z0-9_+-]", "_", fold_name.lower())[:80]
        if safe != fold_name:
            safe += "-" + hashlib.blake2b(fold_name.encode(), digest_size=4).hexdigest()
        return self.folder / safe


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)
