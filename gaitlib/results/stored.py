"""Folds and runs as they lie on disk, checked against what was written and read without changing anything there.

Each JSON file of a run carries a checksum of its own content, and that of a fold those of the fold's other files and the
key of its run. So a change, a lost line, a file from another run are seen. It is no signature: who wants to deceive and
computes the checksums anew is not.
"""

import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.targets import classes_of

TEXT_COLUMNS = ("part", "trial", "subject", "walk", "label", "predicted")
RUN_COLUMNS = ("data", "model", "protocol", "fold")  # added where several runs stand in one table
FORMAT = 3  # of run.json: what open_runs needs stands in it, and checksums
UNKNOWN = " "  # no class is called so, as labels are stripped
UNCHECKED = 2  # as 3, before there were checksums


class DamagedError(GaitDataError):
    """Something on disk is not what was written."""


@dataclass(frozen=True)
class About:
    """What is known of the benchmarked trials without having them.

    Attributes
    ----------
    name, digest : str
    classes : list of str
    trials, walks, subjects : int
    modalities : list of str
    targets : dict of str to [str, str, list of str]
        Kind, unit and classes of what can be told of the trials besides the label.
    """

    name: str
    digest: str
    classes: list[str]
    trials: int
    walks: int
    subjects: int
    modalities: list[str]
    targets: dict[str, list] = field(default_factory=dict)

    @classmethod
    def of(cls, trials) -> "About":
        walks, subjects = (int(trials.table[c].nunique()) for c in ("walk", "subject"))
        declared = {name: trials.target(name) for name in trials.kinds}
        targets = {name: [target.kind, target.unit, classes_of(name, target)] for name, target in declared.items()}
        return cls(
            trials.name, trials.digest(), trials.classes, len(trials), walks, subjects, list(trials.modalities), targets
        )


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
    heads : dict of str to pandas.DataFrame
        The predictions of every head; of continuous targets label and predicted are numbers.
    """

    name: str
    predictions: pd.DataFrame
    history: pd.DataFrame
    resources: dict
    learnt: dict
    folder: Path
    heads: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def tested(self) -> pd.DataFrame:
        """The predictions of the test trials."""
        return self.predictions[self.predictions["part"] == "test"]

    def classifier(self, custom_objects=None):
        """The model that was fitted in this fold."""
        from gaitlib.estimator import GaitEstimator  # late: reading results needs no backend

        return GaitEstimator.load(self.folder / "classifier", custom_objects)


def read_fold(folder: Path, name: str, key: str | None) -> FoldResult:
    """A finished fold.

    Parameters
    ----------
    folder : Path
    name : str
    key : str or None
        Of its run; None where the run is from before there were checksums, and nothing can be compared.

    Raises
    ------
    DamagedError
        If it is not what was written for this fold of this run.
    GaitDataError
        If it may not be read.
    """
    try:
        kept = read_json(folder / "fold.json", checked=key is not None)
        if kept["fold"] != name or key not in (None, kept["key"]):
            raise ValueError("it belongs to another run or fold")
        # Runs from before there were heads have one, the label.
        told = kept.get("heads", [["label", "class", kept.get("rows")]])
        tables = {name: (folder / name).read_bytes() for name in head_files(told)}
        if key is not None:
            _compare(kept["files"], fold_checksums(tables, _classifier_files(folder)))
        heads = {
            name: _predictions(table, kind, rows)
            for (name, kind, rows), table in zip(told, tables.values(), strict=True)
        }
        learnt = kept["learnt"]
        learnt["steps"] = [(step, ids or learnt["fitted_on"], *people) for step, ids, *people in learnt["steps"]]
        first = next(iter(heads.values()))
        return FoldResult(name, first, pd.DataFrame(kept["history"]), kept["resources"], learnt, folder, heads)
    except PermissionError as error:
        raise GaitDataError(f"{folder}: finished, but it cannot be read ({error}); mend its rights") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"damaged, or changed since it was written ({error})") from error


def _predictions(content: bytes, kind: str, rows: int) -> pd.DataFrame:
    """The predictions of a head as they were."""
    table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
    if len(table) != rows or not set(TEXT_COLUMNS) <= set(table):
        raise ValueError("rows or columns are missing")
    numbers = [c for c in table if c not in TEXT_COLUMNS]
    if kind == "continuous":
        numbers += ["label", "predicted"]
        table[numbers] = table[numbers].replace(UNKNOWN, "nan")
    else:
        table["label"] = table["label"].where(table["label"] != UNKNOWN, None)
    table[numbers] = table[numbers].astype(float)  # exact, unlike read_csv's own parser
    return table


def head_files(heads) -> list[str]:
    """Where in a fold's folder the predictions of each head lie, the primary one first."""
    return ["predictions.csv", *(f"predictions-{i}.csv" for i in range(2, len(heads) + 1))]


def fold_checksums(predictions: dict[str, bytes], classifier: dict[str, bytes]) -> dict[str, str]:
    """The checksum of each file of a fold, by its place in the fold's folder.

    Parameters
    ----------
    predictions : dict of str to bytes
        By the names of :func:`head_files`.
    classifier : dict of str to bytes
        Files of the saved classifier, by their places in its folder.
    """
    files = predictions | {f"classifier/{name}": file for name, file in classifier.items()}
    return {name: _checksum(content) for name, content in files.items()}


def _classifier_files(folder: Path) -> dict[str, bytes]:
    found = {file.relative_to(folder / "classifier"): file for file in (folder / "classifier").rglob("*")}
    return {
        place.as_posix(): file.read_bytes()
        for place, file in found.items()
        if not file.is_dir() and not any(part.startswith(".") for part in place.parts)
    }


def _compare(written: dict, found: dict) -> None:
    if wrong := sorted(name for name in written.keys() | found.keys() if written.get(name) != found.get(name)):
        raise ValueError(f"{wrong[0]} is not what was written")


def as_json(content: dict) -> str:
    """JSON with a checksum of the content in it, as :func:`read_json` compares it."""
    content = json.loads(json.dumps(content))  # as it will be read
    return json.dumps(content | {"checksum": _checksum(_canonical(content))}, indent=1, sort_keys=True)


def read_json(file: Path, checked: bool = True) -> dict:
    """What a JSON file of a run holds.

    Parameters
    ----------
    file : Path
    checked : bool
        False for files from before there were checksums.

    Raises
    ------
    DamagedError
        If it is not what was written.
    PermissionError
        If it may not be read.
    """
    try:
        kept = json.loads(file.read_bytes())
        checksum = kept.pop("checksum", None)
        if checked and checksum != _checksum(_canonical(kept)):
            raise ValueError("its checksum does not fit")
        return kept
    except PermissionError:
        raise
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DamagedError(f"{file.name} is damaged: {error}") from error


def _canonical(content) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


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
