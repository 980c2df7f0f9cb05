"""Read many text tables of numbers in few calls; where one is not as expected, name its row and column."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.errors import GaitDataError
from gaitlib.trials.report import REPAIRS

FILES_AT_ONCE = 32  # one read_csv call for many files is four times faster than a call a file
NO_NUMBER = ("", "nan", "NaN", "-nan", "-NaN", "nan(ind)", "-nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # what Excel calls Unicode text
REMEDY = "repair or remove the file, or leave it out with skip_bad=True"


@dataclass(frozen=True)
class RowFormat:
    """How the rows of a file are written.

    Attributes
    ----------
    separators : bytes
        What stands between the numbers of a row, in order. The last one parts columns; others part the numbers
        within a column, as in a time text. Nothing where a row is one number: an empty row is then a missing one.
    holds : str
        What the file should hold, in words.
    first_column : str
        What the first column holds, in words.
    may_close : bool
        Whether rows may end with one more separator.
    header : bool
        Whether the first row names the columns; it is no part of the table.
    """

    separators: bytes
    holds: str
    first_column: str = "a number"
    may_close: bool = False
    header: bool = False

    @property
    def comma(self) -> bytes:
        return self.separators[-1:] or b","

    @property
    def n_columns(self) -> int:
        return self.separators.count(self.comma) + 1


def load_files(
    tree: FileTree, names: list[str], row_format: RowFormat | Callable, make: Callable, skip_bad: bool
) -> tuple[dict, list[dict]]:
    """Make something of each file.

    Parameters
    ----------
    tree : FileTree
    names : list of str
    row_format : RowFormat or callable
        One for all files, or what gives that of a file from its name and its first row (bytes); it raises GaitDataError
        to refuse the file.
    make : callable
        Gets the file's name, its table (rows, numbers in a row) and its row of the report, to which it adds
        counts; raises GaitDataError to refuse the file. ``row["cut_rows"]`` is 1 where no line end follows the
        last row, whose last number may have lost digits.
    skip_bad : bool
        List refused files instead of raising.

    Returns
    -------
    made : dict
        By file name, without those refused.
    rows : list of dict
        The report, a row a file.

    Raises
    ------
    GaitDataError
        For the first refused file, naming file, row and column.
    """
    made, rows = {}, []
    for first in range(0, len(names), FILES_AT_ONCE):
        for name, table, cut_rows in _read_tables(tree, names[first : first + FILES_AT_ONCE], row_format):
            row = {"file": name, "cut_rows": cut_rows}
            try:
                if isinstance(table, GaitDataError):
                    raise table
                made[name] = make(name, table, row)
                row["status"] = "repaired" if any(row.get(count) for count in REPAIRS) else "ok"
            except GaitDataError as error:
                if not skip_bad:
                    raise GaitDataError(f"{error}; {REMEDY}") from None
                row |= {"status": "skipped", "reason": str(error)}
            rows.append(row)
    return made, rows


def _read_tables(tree: FileTree, names: list[str], row_format: RowFormat | Callable) -> Iterator[tuple]:
    """Yield (name, float64 table or the GaitDataError that refuses it, cut last rows) for each name."""
    contents: dict[str, bytes | GaitDataError] = {}
    formats: dict[str, RowFormat] = {}
    for name in names:
        try:
            content = _plain_lines(tree.read(name))
            formats[name] = row_format(name, content.partition(b"\n")[0]) if callable(row_format) else row_format
            contents[name] = _tidy(content, formats[name])
        except GaitDataError as error:
            contents[name] = error
    tables = {}
    for one in dict.fromkeys(formats.values()):
        tables |= _parse_at_once({n: c for n, c in contents.items() if formats.get(n) == one}, one)
    for name, content in contents.items():
        if isinstance(content, bytes) and name not in tables:
            try:
                yield name, _parse_lines(name, content, formats[name]), int(not content.rstrip(b" \r").endswith(b"\n"))
            except GaitDataError as error:
                yield name, error, 0
        else:
            yield name, tables.get(name, content), 0


def _parse_at_once(contents: dict[str, bytes | GaitDataError], row_format: RowFormat) -> dict[str, np.ndarray]:
    """The tables of all files that are as they should be; none where one that looks so is not."""
    sound = {n: c for n, c in contents.items() if isinstance(c, bytes) and _looks_sound(c, row_format)}
    try:
        whole = _parse(b"".join(sound.values()), row_format) if sound else None
    except ValueError:
        return {}  # some file holds text: each is read line by line, which finds the place
    ends = np.cumsum([content.count(b"\n") for content in sound.values()])
    if not sound or len(whole) != ends[-1]:
        return {}
    return dict(zip(sound, np.split(whole, ends[:-1]), strict=True))


def _plain_lines(content: bytes) -> bytes:
    """The content with the line ends of Unix, and no mark of its encoding."""
    if content.startswith(UTF_16):
        content = content.decode("utf-16", errors="replace").encode()
    content = content.removeprefix(BYTE_ORDER_MARK)
    if b"\r" not in content:
        return content
    content = content.replace(b"\r\n", b"\n")
    return content if b"\n" in content else content.replace(b"\r", b"\n")  # line ends of old Macintoshes


def _tidy(content: bytes, row_format: RowFormat) -> bytes:
    """The rows of the table, without a header and closing separators."""
    if row_format.header:
        content = content.partition(b"\n")[2]
    if not row_format.may_close:
        return content
    if content.endswith(row_format.comma):  # the row is complete, only its line end is missing
        content += b"\n"
    return content.replace(row_format.comma + b"\n", b"\n")


def _looks_sound(content: bytes, row_format: RowFormat) -> bool:
    """Whether every row has the separators that it should have, in their order."""
    if not content.endswith(b"\n") or b"\0" in content:  # some versions of pandas end a number at a zero byte
        return False
    row = row_format.separators + b"\n"
    others = bytes(set(range(256)) - set(row))
    return content.translate(None, others) == row * content.count(b"\n")


def _parse(content: bytes, row_format: RowFormat) -> np.ndarray:
    comma = row_format.comma
    if len(set(row_format.separators)) > 1:
        content = content.translate(bytes.maketrans(row_format.separators, comma * len(row_format.separators)))
    table = pd.read_csv(
        io.BytesIO(content),
        sep=comma.decode(),
        header=None,
        dtype=np.float64,
        quoting=csv.QUOTE_NONE,
        na_values=list(NO_NUMBER),
        keep_default_na=False,
    )
    if table.shape[1] != len(row_format.separators) + 1:
        raise ValueError("wrong number of columns")
    return table.to_numpy()


def _parse_lines(name: str, content: bytes, row_format: RowFormat) -> np.ndarray:
    """The slow way, for a file that the fast way did not take: it names row and column of what is wrong."""
    if not content.strip():
        raise GaitDataError(f"{name}: " + ("a header and no rows" if row_format.header else "the file is empty"))
    comma, n_columns = row_format.comma.decode(), row_format.n_columns
    within_columns = row_format.separators.decode().split(comma)
    numbered = enumerate(content.decode("latin-1").rstrip().split("\n"), start=1 + row_format.header)
    lines = [(number, line.strip(" \r")) for number, line in numbered if line.strip(" \r") or n_columns == 1]
    table = []
    for number, line in lines:
        columns = line.split(comma)
        if len(columns) != n_columns:
            half = "; the file looks half-written" if number == lines[-1][0] and len(columns) < n_columns else ""
            raise GaitDataError(
                f"{name}, row {number}: {len(columns)} columns, expected {n_columns}{half}; "
                f"the file should hold {row_format.holds}"
            )
        row = []
        for c, (column, separators) in enumerate(zip(columns, within_columns, strict=True)):
            try:
                row.extend(_numbers(column, separators))
            except ValueError:
                expected = row_format.first_column if c == 0 else "a number"
                decimal = "; write decimal points, not commas" if re.fullmatch(r"-?\d+,\d+", column.strip()) else ""
                raise GaitDataError(
                    f"{name}, row {number}, column {c + 1}: expected {expected}, got {column.strip()!r}{decimal}"
                ) from None
        table.append(row)
    return np.array(table)


def _numbers(column: str, separators: str) -> Iterator[float]:
    for separator in separators:
        cell, found, column = column.partition(separator)
        if not found:
            raise ValueError
        yield _number(cell)
    yield _number(column)


def _number(cell: str) -> float:
    cell = cell.strip()
    if "_" in cell:  # Python's float reads 1_0 as 10
        raise ValueError
    return np.nan if cell in NO_NUMBER else float(cell)
