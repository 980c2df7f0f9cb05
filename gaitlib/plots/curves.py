"""Curves over levels with their intervals as bands, a panel a group: what all such figures share."""

from itertools import cycle

import matplotlib.pyplot as plt

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import PALETTE


def of_protocol(table, protocol: str | None):
    """The rows of a protocol, by default the first.

    Raises
    ------
    GaitDataError
        If there is no such protocol.
    """
    own = table[table["protocol"] == (protocol or table["protocol"].iloc[0])]
    if own.empty:
        raise GaitDataError(f"no protocol '{protocol}' here; there are {sorted(set(table['protocol']))}")
    return own


def colours(names) -> dict:
    """A colour for every name, in the order in which they first come."""
    return dict(zip(dict.fromkeys(names), cycle(PALETTE), strict=False))


def curve_panels(n: int, columns: int, size, y_label: str, width: float | None = None):
    """A figure with n empty panels that share their y axis.

    Parameters
    ----------
    n : int
    columns : int
        At most.
    size : (float, float)
        Width and height of a panel (inches).
    y_label : str
    width : float, optional
        Of the whole figure; default what its panels need.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
    """
    n_columns = min(columns, n)
    n_rows = -(-n // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, sharey=True, squeeze=False,
        figsize=(width or 2 + size[0] * n_columns, 1.2 + size[1] * n_rows),
    )  # fmt: skip
    for axis in axes[:, 0]:
        axis.set_ylabel(y_label)
    for axis in axes.flat[n:]:
        axis.remove()
    return figure, list(axes.flat[:n])


def draw_curve(axis, x, table, value: str, line: str = "-", opacity: float = 0.15, **look) -> None:
    """One line with its band.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    x : array (n,)
    table : pandas.DataFrame
        n rows: the value, ``low`` and ``high``.
    value : str
    line : str
        Of matplotlib.
    opacity : float
        Of the band; 0 leaves it out.
    **look
        Of the line; ``color`` is that of the band, too.
    """
    y, low, high = table[[value, "low", "high"]].to_numpy(float).T
    axis.plot(x, y, line, **look)
    if opacity:
        axis.fill_between(x, low, high, color=look["color"], alpha=opacity, linewidth=0)
