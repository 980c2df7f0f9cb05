"""Results on disk: a folder a run, a folder a fold, written the moment the fold ends."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from gaitlib.errors import GaitDataError
from gaitlib.evaluation.fold import FoldOutcome
from gaitlib.results.stored import FORMAT, DamagedFoldError, FoldResult, failure_note, fold_folder, read_fold


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
    run : dict
        What :func:`gaitlib.open_runs` needs to know besides: model, protocol, claim, folds, data.
    """

    def __init__(self, root, name, key, description, run):
        self.folder = Path(root) / f"{name}-{key}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error
        self.description = {"format": FORMAT, "run": run, **description}
        self._write("run.json", json.dumps(self.description, indent=1, sort_keys=True))

    def read(self, fold_name: str) -> FoldResult | None:
        """A finished fold, or None. A damaged one is removed, to be trained again."""
        folder = fold_folder(self.folder, fold_name)
        if not folder.exists():
            return None
        try:
            return read_fold(folder, fold_name)
        except DamagedFoldError:
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def write(self, fold_name: str, outcome: FoldOutcome) -> None:
        """Keep a finished fold: everything goes into a hidden folder that is renamed when it is whole."""
        place = fold_folder(self.folder, fold_name)
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
            failure_note(self.folder, fold_name).unlink(missing_ok=True)
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
        self._write(failure_note(self.folder, fold_name).name, f"{fold_name}: {reason}\n")

    def _write(self, name, text):
        try:
            _write_atomically(self.folder / name, text)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)
