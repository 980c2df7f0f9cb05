"""Where inertial recordings lie in a tree, the columns of their files, and the labels beside them."""

import io
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.number_tables import RowFormat
from gaitlib.errors import GaitDataError
from gaitlib.trials.columns import alike, label_text
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

LABELS = "labels.csv"
RECORDING = re.compile(r"([^_/]+)_[^/]+\.csv", re.IGNORECASE)  # <subject>_<session>.csv
NUMBERED = re.compile(r"S[A-Za-z]*[ _-]?\d+")  # a folder that is a subject's, whatever its files look like
TIME = "time_s"
HEADERLESS = {6: (*ACC_CHANNELS, *GYRO_CHANNELS), 7: (TIME, *ACC_CHANNELS, *GYRO_CHANNELS)}
LABEL_COLUMNS = ("file", "subject", "activity", "sampling_rate_hz")
OWN_COLUMNS = ("trial", "walk", "label", "source", "dataset", "rate_hz", "gravity")  # of the trial table
EXPECTED = f"{', '.join(ACC_CHANNELS)}, where there is a gyroscope {', '.join(GYRO_CHANNELS)}, and {TIME}"


@dataclass(frozen=True)
class Spot:
    """Whose recording a file is.

    Attributes
    ----------
    dataset, subject : str
    stem : str
        Of the trial's id, after the dataset.
    folder : str
        Of the dataset in its tree, "" for the top.
    headerless : bool
        Whether the file may lack a header (its folder is a subject's).
    """

    dataset: str
    subject: str
    stem: str
    folder: str
    headerless: bool = False


def find_recordings(tree: FileTree) -> tuple[dict[str, Spot], dict[str, str]]:
    """All recordings of a tree by file name, and the label file of each dataset's folder.

    Two layouts: ``<dataset>/<subject>_<session>.csv``, and ``<dataset>/<subject>/<any>.csv`` where the subject's folder
    starts with "S": one with a number (S1, Sub_02), or one whose files have no header. A dataset at the top of
    the tree has the name of the folder or .zip.
    """
    csv = [name for name in tree.names if name.lower().endswith(".csv")]
    labels = {name.rpartition("/")[0]: name for name in csv if name.rpartition("/")[2].lower() == LABELS}
    spots, of_subject = {}, {}
    for name in sorted(set(csv) - set(labels.values())):
        folder, _, file = name.rpartition("/")
        if folder not in of_subject:
            of_subject[folder] = folder not in labels and _is_subjects(tree, folder, name)
        stem = file[: -len(".csv")]
        if of_subject[folder]:
            above, _, subject = folder.rpartition("/")
            subject = subject or tree.path.stem
            dataset = _folder_name(tree, above) if folder else tree.path.parent.name
            spots[name] = Spot(dataset, subject, f"{subject}/{stem}", above, headerless=True)
        elif folder in labels or RECORDING.fullmatch(file):
            subject = RECORDING.fullmatch(file)
            spots[name] = Spot(_folder_name(tree, folder), subject[1] if subject else "", stem, folder)
    return spots, labels


def _folder_name(tree: FileTree, folder: str) -> str:
    return folder.rpartition("/")[2] or (tree.path.name if tree.path.is_dir() else tree.path.stem)


def _is_subjects(tree: FileTree, folder: str, name: str) -> bool:
    called = _folder_name(tree, folder)
    if not called.startswith("S"):
        return False
    if NUMBERED.fullmatch(called):
        return True
    try:
        return all(_is_number(cell) for cell in cells_of(tree.read(name).partition(b"\n")[0]))
    except GaitDataError:
        return False


class Headers:
    """The columns of each file, learnt from its first row while the tables are read.

    Attributes
    ----------
    columns : dict of str to tuple of str
        By file, in its order, in lower case.
    """

    def __init__(self, spots: dict[str, Spot]):
        self.spots = spots
        self.columns: dict[str, tuple[str, ...]] = {}
        self.has_header: dict[str, bool] = {}

    def row_format(self, name: str, first_row: bytes) -> RowFormat:
        """What :func:`gaitlib.datasets.tools.number_tables.load_files` asks of each file."""
        cells = cells_of(first_row)
        if cells == ("",):
            raise GaitDataError(f"{name}: the file is empty, or its first row is")
        header = not all(_is_number(cell) for cell in cells)
        if header:
            columns = tuple(cell.lower() for cell in cells)
            self._check(name, columns)
        elif not self.spots[name].headerless:
            raise GaitDataError(
                f"{name}, row 1: numbers where a header should name the columns; write one above them ({EXPECTED})"
            )
        elif len(cells) not in HEADERLESS:
            raise GaitDataError(
                f"{name}: {len(cells)} columns without a header; expected 6 (acceleration, then rotation rate) or 7 "
                f"(with the time in front); for others write a header ({EXPECTED})"
            )
        else:
            columns = HEADERLESS[len(cells)]
        self.columns[name], self.has_header[name] = columns, header
        holds = f"{len(columns)} numbers a row: {', '.join(columns)}"
        return RowFormat(b"," * (len(columns) - 1), holds, header=header)

    @staticmethod
    def _check(name: str, columns: tuple[str, ...]) -> None:
        needed = ACC_CHANNELS if not set(columns) & set(GYRO_CHANNELS) else (*ACC_CHANNELS, *GYRO_CHANNELS)
        if lost := [channel for channel in needed if channel not in columns]:
            parted = "; part the columns by commas" if len(columns) == 1 else ""
            raise GaitDataError(
                f"{name}, row 1: no column '{lost[0]}' among {', '.join(columns)}; expected {EXPECTED}{parted}"
            )
        if twice := [c for c in (*needed, TIME) if columns.count(c) > 1]:
            raise GaitDataError(f"{name}, row 1: two columns '{twice[0]}'; keep one")


def cells_of(row: bytes) -> tuple[str, ...]:
    return tuple(cell.strip().strip('"').strip() for cell in row.decode("latin-1").split(","))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_labels(tree: FileTree, name: str) -> pd.DataFrame:
    """The rows of a label file by the recording's file name (text).

    Returns
    -------
    pandas.DataFrame
        ``subject`` and ``activity`` (None where unknown), ``sampling_rate_hz`` (NaN where unknown), and further columns
        as they are, numbers where all of a column are.

    Raises
    ------
    GaitDataError
        Naming file, row and column.
    """
    try:
        table = pd.read_csv(io.BytesIO(tree.read(name)), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:
        raise GaitDataError(f"{name}: no table with a header ({error})") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise GaitDataError(f"{name}: rows of more columns than the header names")
    table = table.rename(columns=lambda c: c.strip().lower() if c.strip().lower() in LABEL_COLUMNS else c.strip())
    table = table.apply(lambda column: column.str.strip())
    if "file" not in table or not table.columns.is_unique:
        raise GaitDataError(
            f"{name}, row 1: expected the columns {', '.join(LABEL_COLUMNS)} (only 'file' is a must), each once; got "
            f"{', '.join(table.columns)}"
        )
    if clash := [c for c in table if c in OWN_COLUMNS]:
        raise GaitDataError(f"{name}, row 1: a column '{clash[0]}' would replace that of the trial table; rename it")
    table = table[table["file"] != ""].drop_duplicates()
    if (twice := table["file"].duplicated()).any():
        row = twice.idxmax()
        raise GaitDataError(f"{name}, row {row + 2}: '{table['file'][row]}' is there twice, with other entries")
    rates = pd.Series(np.nan, table.index)
    for row, text in table.get("sampling_rate_hz", pd.Series(dtype=str)).items():
        rates[row] = _rate(name, row + 2, text)
    known = {c: numbers_or_text(table[c]) for c in table if c not in LABEL_COLUMNS}
    names = {c: [label_text(v or None) for v in table.get(c, pd.Series("", table.index))] for c in LABEL_COLUMNS[1:3]}
    names["subject"] = table.get("subject", pd.Series("", table.index)).to_numpy()
    return pd.DataFrame({**names, "sampling_rate_hz": rates, **known}, table.index).set_index(table["file"])


def _rate(name: str, row: int, text: str) -> float:
    if text in ("", "nan", "NaN"):
        return np.nan
    if not _is_number(text) or not 0 < float(text) < 1e5:
        raise GaitDataError(f"{name}, row {row}, column 'sampling_rate_hz': expected a rate in Hz, got '{text}'")
    return float(text)


def numbers_or_text(column: pd.Series) -> pd.Series:
    """A column of text as numbers where all of it are (NaN where it is empty), else as it is."""
    numbers = pd.to_numeric(column.replace("", np.nan), errors="coerce")
    return numbers if (numbers.notna() == (column != "")).all() else column


def with_subjects(spots: dict[str, Spot], labels: dict[str, pd.DataFrame]) -> dict[str, Spot]:
    """The spots with the subjects that the label files name; those win over the names of files and folders.

    Raises
    ------
    GaitDataError
        If a file says not whose it is, two folders are of one dataset, or subjects differ only in how they are written.
    """
    made, folders, written = {}, {}, {}
    for name, spot in spots.items():
        told = told_of(spot, name, labels)
        subject = spot.subject if told is None or not told["subject"] else told["subject"]
        if not subject:
            raise GaitDataError(
                f"{name}: says not whose it is; name it <subject>_<session>.csv or give the subject in {LABELS}"
            )
        if (other := folders.setdefault(spot.dataset, spot.folder)) != spot.folder:
            raise GaitDataError(
                f"'{other}' and '{spot.folder}' are both a dataset '{spot.dataset}'; rename one of the folders"
            )
        if (same := written.setdefault((spot.dataset, alike(subject)), subject)) != subject:
            raise GaitDataError(
                f"{spot.dataset}: the subjects '{same}' and '{subject}' differ only in the way they are written; write "
                f"one name in {LABELS}"
            )
        made[name] = replace(spot, subject=subject)
    return made


def told_of(spot: Spot, name: str, labels: dict[str, pd.DataFrame]) -> pd.Series | None:
    """The row of a recording in the label file of its dataset; None where there is none."""
    table = labels.get(spot.folder)
    if table is None:
        return None
    within = name[len(spot.folder) :].lstrip("/")
    return next((table.loc[key] for key in (within, within.rpartition("/")[2]) if key in table.index), None)
