"""Read numbers and texts of a MATLAB 5 file, believing nothing that it says of itself.

SciPy's reader follows what the file declares: one changed byte can end Python inside it, and a cell array of any
declared size is made. Here every array is a view of bytes that are really there, so that no file takes more memory than
it unpacks to, and that is limited.

References
----------
MathWorks. MAT-File Format (R2018b), chapter 1. https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.trials.arrays import LARGEST_RATIO

HEADER = 128  # bytes
LARGEST_UNPACKED = 2**30  # bytes; the largest published file has below 300 MB
MOST_CELLS = 10_000  # a name each; of the published ones at most 33
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
INT32, UINT32, MATRIX, COMPRESSED = 5, 6, 14, 15
CODECS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}  # of texts
CELL, CHAR, FIRST_NUMERIC, LAST_NUMERIC = 1, 4, 6, 15  # classes of arrays
CLASSES = {2: "struct", 3: "object", 5: "sparse matrix"}
COMPLEX = 0x0800  # in the flags of an array
LONGEST_NAME = 63  # of a variable, as MATLAB has it
MOST_DIMENSIONS = 32


def read_mat5(name: str, content: bytes, wanted, numeric_cells=False) -> tuple[list[str], dict[str, np.ndarray]]:
    """The variables of a MATLAB 5 to 7 file.

    Parameters
    ----------
    name : str
        The file, for the error.
    content : bytes
    wanted : collection of str
        Variables to read; others are passed over.
    numeric_cells : bool
        Whether the cells of a cell array may hold numbers, too.

    Returns
    -------
    names : list of str
        All variables.
    variables : dict of str to ndarray
        Numbers as they are stored; a cell array as objects, each a str, an ndarray where cells may hold numbers, or
        None where the cell is something else.

    Raises
    ------
    GaitDataError
        If it is no such file, ends early, holds something else than it declares, unpacks to over 200 times its size or
        1 GiB, or a wanted variable is neither an array of numbers nor a cell array.
    """
    mark = content[HEADER - 4 : HEADER]
    order = {b"IM": "<", b"MI": ">"}.get(mark[2:])
    if order and mark[:2] == (b"\0\x02" if order == "<" else b"\x02\0"):
        raise GaitDataError(f"{name}: a MATLAB 7.3 file; save it again with save(..., '-v7')")
    try:
        if order is None:
            raise ValueError("no header of one")
        return _variables(content[HEADER:], order, wanted, numeric_cells)
    except _Refused as error:
        raise GaitDataError(f"{name}: {error}") from None
    except (ValueError, zlib.error) as error:
        raise GaitDataError(f"{name}: not a readable MATLAB file ({error}); copy or download it again") from error


class _Refused(Exception):
    """Readable, but not what is read here."""


@dataclass
class _Reader:
    """Walks through the elements of some bytes: each a tag, with type and size, and data."""

    data: memoryview
    order: str
    at: int = 0

    def element(self) -> tuple[int, memoryview]:
        """Type and data of the next element."""
        small = self._integer(self.at)
        if small >> 16:  # up to four bytes lie within the tag
            kind, size, start, end = small & 0xFFFF, small >> 16, self.at + 4, self.at + 8
            if size > 4:
                raise ValueError(f"{size} bytes in a tag for 4")
        else:
            kind, size, start = small, self._integer(self.at + 4), self.at + 8
            end = start + size + (-size % 8 if kind != COMPRESSED else 0)
        if start + size > len(self.data):
            raise ValueError("it ends early")
        self.at = end
        return kind, self.data[start : start + size]

    def _integer(self, at) -> int:
        if at + 4 > len(self.data):
            raise ValueError("it ends early")
        return int.from_bytes(self.data[at : at + 4], "little" if self.order == "<" else "big")

    def integers(self, kind) -> list[int]:
        """The next element, which must be 32-bit integers of that type."""
        found, data = self.element()
        if found != kind:
            raise ValueError(f"an element of type {found} where type {kind} is expected")
        return self.numbers(found, data).tolist()

    def numbers(self, kind, data) -> np.ndarray:
        """Data as numbers of their type."""
        if kind not in NUMBERS:
            raise ValueError(f"no numbers of type {kind}")
        return np.frombuffer(data, self.order + NUMBERS[kind])


def _variables(content: bytes, order: str, wanted, numeric_cells: bool) -> tuple[list[str], dict]:
    file, names, read = _Reader(memoryview(content), order), [], {}
    room = min(LARGEST_RATIO * max(HEADER + len(content), 1000), LARGEST_UNPACKED)
    while file.at < len(content):
        kind, data = file.element()
        if kind == COMPRESSED:
            data = _unpacked(data, room)
            room -= len(data)
            kind, data = _Reader(memoryview(data), order).element()
        if kind != MATRIX:
            raise ValueError(f"a variable of type {kind}")
        array = _Reader(data, order)
        variable, array_class, shape, is_complex = _array_header(array)
        if variable in names:
            raise ValueError(f"'{variable}' is there twice")
        names.append(variable)
        if variable in wanted:
            if array_class == CELL:
                read[variable] = _cells(array, shape, numeric_cells)
            elif FIRST_NUMERIC <= array_class <= LAST_NUMERIC:
                read[variable] = _numeric(array, shape, is_complex)
            else:
                what = CLASSES.get(array_class, "text" if array_class == CHAR else f"class {array_class}")
                raise _Refused(f"'{variable}' is a {what}; expected numbers or a cell array of texts")
    return names, read


def _unpacked(data, room: int) -> bytes:
    """Decompressed, and its checksum compared."""
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(data, max(room, 1))
    if not unpacking.eof:
        if unpacking.unconsumed_tail or len(unpacked) >= room:
            raise _Refused(f"unpacks to over {LARGEST_RATIO} times its size, or to over 1 GiB: refused")
        raise ValueError("a compressed variable ends early")
    return unpacked


def _array_header(array: _Reader) -> tuple[str, int, list[int], bool]:
    """Name, class and shape of an array, and whether it is complex."""
    flags = array.integers(UINT32)
    shape = array.integers(INT32)
    _, name = array.element()
    if len(flags) != 2 or not 2 <= len(shape) <= MOST_DIMENSIONS or min(shape) < 0 or len(name) > LONGEST_NAME:
        raise ValueError("an array without flags, shape or name")
    return bytes(name).decode("ascii"), flags[0] & 0xFF, shape, bool(flags[0] & COMPLEX)


def _numeric(array: _Reader, shape, is_complex: bool) -> np.ndarray:
    values = array.numbers(*array.element())
    if is_complex:
        real, imaginary = values, array.numbers(*array.element())
        if len(real) != len(imaginary):
            raise ValueError(f"{len(real)} real and {len(imaginary)} imaginary parts")
        # Put together by parts: 1j times infinity would be no number.
        values = np.empty(len(real), (real[:0] + 1j * imaginary[:0]).dtype)
        values.real, values.imag = real, imaginary
    if len(values) != math.prod(shape):
        raise ValueError(f"{len(values)} numbers for the shape {tuple(shape)}")
    return values.reshape(shape, order="F")


def _cells(array: _Reader, shape, numeric: bool) -> np.ndarray:
    size = math.prod(shape)
    if size > MOST_CELLS:
        raise _Refused(f"{size} cells are declared; a layout has at most {MOST_CELLS}")
    cells = np.empty(size, dtype=object)
    for i in range(size):
        kind, data = array.element()
        if kind != MATRIX:
            raise ValueError(f"a cell of type {kind}")
        cells[i] = _content(_Reader(data, array.order), numeric) if len(data) else None
    return cells.reshape(shape, order="F")


def _content(cell: _Reader, numeric: bool) -> str | np.ndarray | None:
    """The text of a cell or, where they are asked for, its numbers; None where it holds something else."""
    _, array_class, shape, is_complex = _array_header(cell)
    if numeric and FIRST_NUMERIC <= array_class <= LAST_NUMERIC:
        return _numeric(cell, shape, is_complex)
    return _text(cell, array_class, shape)


def _text(cell: _Reader, array_class: int, shape) -> str | None:
    """The text of a cell; None where it holds something else than one line of it."""
    if array_class != CHAR or len(shape) != 2 or shape[0] != 1:
        return None
    kind, data = cell.element()
    if kind not in CODECS:
        raise ValueError(f"a text of type {kind}")
    codec = CODECS[kind]
    if codec in ("utf-16", "utf-32"):
        codec += "-le" if cell.order == "<" else "-be"
    text = bytes(data).decode(codec)
    if len(text) != shape[1]:
        raise ValueError(f"{len(text)} characters where {shape[1]} are declared")
    return text
