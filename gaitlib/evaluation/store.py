"""Results on disk: a folder a run, a folder a fold, written the moment it ends; what does not fit is set aside."""

import itertools
import os
import shutil
import tempfile
import warnings
from pathlib import Path

from gaitlib.errors import GaitDataError
from gaitlib.evaluation.fold import FoldOutcome
from gaitlib.results.stored import (
    FORMAT,
    UNKNOWN,
    DamagedError,
    FoldResult,
    as_json,
    failure_note,
    fold_checksums,
    fold_folder,
    head_files,
    read_fold,
    read_json,
)


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

    Attributes
    ----------
    set_aside : list of (str, str)
        What lay in the folder and did not fit: where it is now, and why.
    """

    def __init__(self, root, name, key, description, run):
        self.key = key
        self.set_aside = []
        self.folder = Path(root) / f"{name}-{key}"
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            self._set_aside(self.folder, "a file where the folder of a run should be")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error
        self._check_description()
        self.description = {"format": FORMAT, "key": key, "run": run, **description}
        self._write("run.json", as_json(self.description))

    def _check_description(self) -> None:
        """Set another run's or a changed description aside; words of ours in it may differ, and are written anew."""
        file = self.folder / "run.json"
        if not os.path.lexists(file):
            return
        try:
            if read_json(file).get("key") != self.key:
                raise DamagedError("run.json belongs to another run")
        except (DamagedError, PermissionError) as error:
            self._set_aside(file, str(error))

    def read(self, fold_name: str) -> FoldResult | None:
        """A finished fold, or None. What is not what was written is set aside, to be trained again."""
        place = fold_folder(self.folder, fold_name)
        if not os.path.lexists(place):
            return None
        try:
            return read_fold(place, fold_name, self.key)
        except DamagedError as error:
            self._set_aside(place, str(error))
            return None

    def write(self, fold_name: str, outcome: FoldOutcome) -> None:
        """Keep a finished fold: everything goes into a hidden folder that is renamed when it is whole."""
        place = fold_folder(self.folder, fold_name)
        try:
            partial = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=self.folder))
            try:
                self._fill(partial, fold_name, outcome)
                if self.read(fold_name) is None:  # what came there in the meantime and does not fit is set aside
                    os.rename(partial, place)
            except OSError:
                if self.read(fold_name) is None:  # else another process finished the same fold first
                    raise
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self._make_room(failure_note(self.folder, fold_name)).unlink(missing_ok=True)
        except OSError as error:
            raise GaitDataError(
                f"{self.folder}: fold {fold_name} cannot be written ({error}); free space or give another store=; "
                "finished folds are kept"
            ) from error

    def _fill(self, partial, fold_name, outcome):
        tables = {
            file: table.to_csv(index=False, lineterminator="\n", na_rep=UNKNOWN).encode()
            for file, (_, table) in zip(head_files(outcome.heads), outcome.heads.values(), strict=True)
        }
        kept = {
            "fold": fold_name,
            "key": self.key,
            "files": fold_checksums(tables, outcome.files),
            "heads": [[name, kind, len(table)] for name, (kind, table) in outcome.heads.items()],
            "history": outcome.history,
            "resources": outcome.resources,
            "learnt": outcome.learnt,
        }
        for name, table in tables.items():
            (partial / name).write_bytes(table)
        (partial / "fold.json").write_text(as_json(kept))
        for name, content in outcome.files.items():
            file = partial / "classifier" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        os.chmod(partial, 0o755)

    def keep_audit(self, receipt: dict) -> None:
        """Write the receipt of the audit beside the folds."""
        self._write("audit.json", as_json(receipt | {"key": self.key}))

    def note_failure(self, fold_name: str, reason: str) -> None:
        """Write down why a fold failed; the note goes when the fold succeeds."""
        self._write(failure_note(self.folder, fold_name).name, f"{fold_name}: {reason}\n")

    def _write(self, name, text):
        try:
            _write_atomically(self._make_room(self.folder / name), text)
        except OSError as error:
            raise GaitDataError(f"{self.folder}: results cannot be written ({error}); give another store=") from error

    def _make_room(self, file: Path) -> Path:
        if file.is_dir():
            self._set_aside(file, "a folder where a file should be")
        return file

    def _set_aside(self, path: Path, reason: str) -> None:
        """Rename what does not fit, so that it can be looked at, and say so."""
        others = (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))
        other = next(other for other in others if not os.path.lexists(other))
        try:
            os.rename(path, other)
        except FileNotFoundError:  # another program has done it
            return
        except OSError as error:
            raise GaitDataError(f"{path}: {reason}, and cannot be set aside ({error}); move it away") from error
        self.set_aside.append((str(other), reason))
        warnings.warn(f"{path}: {reason}; set aside as {other.name} and made anew", stacklevel=4)


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    os.replace(partial, path)
