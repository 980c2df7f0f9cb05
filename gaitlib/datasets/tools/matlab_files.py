"""Read the variables of a MATLAB file and check that they are what a layout says."""

import re

import numpy as np

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.mat5 import read_mat5
from gaitlib.errors import GaitDataError


def read_variables(tree: FileTree, name: str, required=(), optional=(), numeric_cells=False) -> dict[str, np.ndarray]:
    """The named variables of a MATLAB file (version 5 to 7).

    Parameters
    ----------
    tree : FileTree
    name : str
        The file.
    required, optional : sequence of str
        Names of variables; others are not read.
    numeric_cells : bool
        Whether the cells of a cell array may hold numbers, too.

    Returns
    -------
    dict of str to ndarray
        An optional variable that is absent is left out.

    Raises
    ------
    GaitDataError
        If the file cannot be read, is of version 7.3, unpacks to over 200 times its size, or lacks a variable; see
        :func:`gaitlib.datasets.tools.mat5.read_mat5`.
    """
    names, read = read_mat5(name, tree.read(name), {*required, *optional}, numeric_cells)
    if missing := [variable for variable in required if variable not in read]:
        raise GaitDataError(f"{name}: no variable '{missing[0]}'; it has {', '.join(names) or 'none'}")
    return read


def numbers(name: str, variables: dict, key: str, shape: tuple) -> np.ndarray:
    """A variable as finite numbers.

    Parameters
    ----------
    name : str
        The file, for the error.
    variables : dict of str to ndarray
    key : str
    shape : tuple
        What is expected; None where any size will do.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    GaitDataError
        For another shape, something else than numbers, or values that are not finite; names the first.

    Examples
    --------
    >>> numbers("a.mat", {"force": np.ones((2, 3), "uint8")}, "force", (None, 3)).shape
    (2, 3)
    """
    array = variables[key]
    fits = array.ndim == len(shape) and all(s in (None, n) for s, n in zip(shape, array.shape, strict=True))
    if not fits or array.size == 0:
        expected = ", ".join("any" if s is None else str(s) for s in shape)
        raise GaitDataError(f"{name}: '{key}' has the shape {array.shape}; expected ({expected})")
    if array.dtype.kind not in "iufb":
        raise GaitDataError(f"{name}: '{key}' holds {array.dtype}, no real numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        place = ", ".join(str(i + 1) for i in np.argwhere(~np.isfinite(array))[0])
        raise GaitDataError(f"{name}: '{key}' is not finite at ({place}), counted from 1")
    return array


def one_hot(name: str, variables: dict, key: str, shape: tuple) -> np.ndarray:
    """The position of the single 1 in each row, int (rows,); see :func:`numbers` for the parameters.

    Raises
    ------
    GaitDataError
        If a row is anything else than zeros and one 1.

    Examples
    --------
    >>> one_hot("a.mat", {"who": np.eye(3)[[0, 2]]}, "who", (2, 3))
    array([0, 2])
    """
    array = numbers(name, variables, key, shape)
    wrong = ~np.isin(array, (0, 1)).all(axis=1) | (array.sum(axis=1) != 1)
    if wrong.any():
        raise GaitDataError(f"{name}: row {wrong.argmax() + 1} of '{key}' is not one 1 among zeros")
    return array.argmax(axis=1)


def texts(name: str, variables: dict, key: str, n: int) -> list[str]:
    """The texts of a cell array of any shape; see :func:`numbers` for the parameters.

    Raises
    ------
    GaitDataError
        If there are not ``n`` texts, or one is no name in plain characters.
    """
    cells = variables[key].ravel()
    found = [cell.strip() for cell in cells if isinstance(cell, str)]
    if len(found) != n or len(cells) != n:
        raise GaitDataError(f"{name}: '{key}' holds {len(found)} texts in {len(cells)} cells; expected {n} of each")
    if odd := [text for text in found if not (text.isascii() and text.isprintable() and identifier(text))]:
        raise GaitDataError(f"{name}: '{key}' holds {odd[0]!r}, no name of a channel; copy or download it again")
    return found


def identifier(text: str) -> str:
    """A text as a channel name.

    Examples
    --------
    >>> identifier("Knee angle - left (flexion)")
    'knee_angle_left_flexion'
    """
    return re.sub(r"\W+", "_", text.lower()).strip("_")
