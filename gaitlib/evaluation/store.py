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
    folder : Path
        Where the fitted classifier lies too.
    """

    name: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    resources: dict
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
            _write_atomically(self.folder / "run.json", json.dumps(description, indent=1, sort_keys=True))
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error

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
            whole = kept["fold"] == fold_name and kept["rows"] == len(predictions)
            if not whole or not set(TEXT_COLUMNS) <= set(predictions):
                raise ValueError("not what was written")
        except PermissionError as error:
            raise GaitDataError(f"{folder}: finished, but it cannot be read ({error}); mend its rights") from error
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            shutil.rmtree(folder, ignore_errors=True)
            return None
        return FoldResult(fold_name, predictions, pd.DataFrame(kept["history"]), kept["resources"], folder)

    def write(self, fold_name: str, predictions, classifier: GaitClassifier, resources: dict) -> None:
        """Keep a finished fold: everything goes into a hidden folder that is renamed when it is whole."""
        place = self._place(fold_name)
        partial = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=self.folder))
        try:
            predictions.to_csv(partial / "predictions.csv", index=False)
            history = classifier.history_.to_dict(orient="list")
            kept = {"fold": fold_name, "rows": len(predictions), "history": history, "resources": resources}
            (partial / "fold.json").write_text(json.dumps(kept, indent=1))
            classifier.save(partial / "classifier")
            os.chmod(partial, 0o755)
            try:
                os.rename(partial, place)
            except OSError:
                if not place.exists():  # else another process finished the same fold first
                    raise
        except OSError as error:
            raise GaitDataError(
                f"{self.folder}: fold {fold_name} cannot be written ({error}); free space or give another store="
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

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
