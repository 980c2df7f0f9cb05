"""One look for every figure: colour-blind-safe colours, readable labels."""

from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns

PALETTE = sns.color_palette("colorblind")
LEFT, RIGHT, TRUNK = PALETTE[0], PALETTE[1], (0.35, 0.35, 0.35)
HONEST, CONTRAST = PALETTE[2], PALETTE[3]


def label(name: str) -> str:
    """A name for people: underscores become blanks."""
    return name.replace("_", " ")


@contextmanager
def style():
    """The house style, for the figures made inside the block."""
    settings = {
        "figure.dpi": 100,
        "savefig.dpi": 150,
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "legend.frameon": False,
    }
    with plt.rc_context(settings):
        yield


def save(figure, path):
    """Write a figure to a file and hand it on, so that a notebook shows it once.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        Such as ``results/figures/per_subject.png``; its folder is made.

    Returns
    -------
    matplotlib.figure.Figure
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return figure
