"""A moving stick figure that any exported page still shows: SVG animated by SMIL, without a script."""

import base64
import html
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from gaitlib.errors import GaitDataError
from gaitlib.plots.house_style import LEFT, RIGHT, TRUNK, label
from gaitlib.plots.sticks import coloured_bones, middle_frames, one_walk
from gaitlib.preprocessing.step import require_finite
from gaitlib.trials.conventions import joint_columns

RATE_HZ = 15.0  # of the key frames; the browser draws what is between
VIEWS = (("from the side", 1, 1), ("from the front", 0, -1))  # the axis that runs to the right, and its sign
MARGIN_CM, HEADER_CM, FOOTER_CM = 30, 60, 30
BONE_CM, HEAD_CM = 3, 18  # widths of strokes


@dataclass(frozen=True)
class MovingFigure:
    """An animated SVG with its title.

    Attributes
    ----------
    svg : str
    title : str
    """

    svg: str = field(repr=False)
    title: str

    def _repr_html_(self) -> str:
        # As an image: notebooks that are not trusted strip SVG from HTML, but keep images.
        data = base64.b64encode(self.svg.encode()).decode()
        title = html.escape(self.title)
        return f'<img alt="moving stick figure: {title}" style="max-width:100%" src="data:image/svg+xml;base64,{data}">'

    def save(self, path) -> Path:
        """Write an ``.svg`` or ``.html`` file; its folder is made.

        Raises
        ------
        GaitDataError
            For another kind of file.
        """
        path = Path(path)
        if path.suffix not in (".svg", ".html"):
            raise GaitDataError(f"{path}: a moving figure is saved as .svg or .html")
        path.parent.mkdir(parents=True, exist_ok=True)
        page = f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.title)}</title>{self._repr_html_()}'
        path.write_text(self.svg if path.suffix == ".svg" else page, encoding="utf-8")
        return path


def moving_stick_figure(trial, seconds: float = 3.0, modality: str = "skeleton") -> MovingFigure:
    """The middle of a walk as a moving figure, from the side and from the front, in real time, over and over.

    Parameters
    ----------
    trial : TrialSet
        One trial of raw positions in metres.
    seconds : float
        Length shown; a shorter trial is shown whole.
    modality : str

    Returns
    -------
    MovingFigure
        Shown by a notebook as it is; ``save(path)`` writes it.

    Raises
    ------
    GaitDataError
        For several trials, fewer than two frames, or positions that are no numbers.
    """
    channels, values, time_s = one_walk(trial, modality)
    require_finite(trial, modality)
    first, last = middle_frames(time_s, seconds)
    if last <= first:
        raise GaitDataError(f"{trial.ids[0]}: at least two frames are needed to move")
    key_s = np.linspace(time_s[first], time_s[last], max(2, round((time_s[last] - time_s[first]) * RATE_HZ) + 1))
    walk_cm = 100 * np.stack([np.interp(key_s, time_s, column) for column in values.T], axis=1)
    true = trial.labels[0]
    title = f"{trial.name}: {trial.ids[0]}, {'class not known' if pd.isna(true) else label(true)}"
    return MovingFigure(_svg(walk_cm, channels, key_s[-1] - key_s[0], title), title)


def _svg(walk_cm, channels, duration_s, title) -> str:
    """Both views in one drawing whose unit is the centimetre; the lowest point of the walk stands on the floor."""
    bones = coloured_bones(channels)
    strokes = [(c, BONE_CM, [(a, b) for a, b, colour in bones if colour == c]) for c in (TRUNK, LEFT, RIGHT)]
    if "head_x" in channels:
        strokes.append((TRUNK, HEAD_CM, [(joint_columns(channels, "head"),) * 2]))  # a round cap makes a disc
    ends = np.array([end for a, b, _ in bones for end in (a, b)])
    lowest, highest = walk_cm[:, ends[:, 2]].min(), walk_cm[:, ends[:, 2]].max()
    floor = HEADER_CM + highest - lowest
    parts, start = [], MARGIN_CM
    for name, axis, sign in VIEWS:
        right = sign * walk_cm
        right, end = right - right[:, ends[:, axis]].min() + start, start + np.ptp(walk_cm[:, ends[:, axis]])
        parts += [_text(start, 40, name), _line(start - 15, end + 15, floor)]
        for colour, width, pairs in strokes:
            columns = [([a[axis], b[axis]], [a[2], b[2]]) for a, b in pairs]
            parts.append(_moving_path(right, floor + lowest - walk_cm, columns, colour, width, duration_s))
        start = end + 3 * MARGIN_CM
    parts += [_line(MARGIN_CM, MARGIN_CM + 50, floor + 14, 3), _text(MARGIN_CM + 56, floor + 18, "0.5 m")]
    for k, (name, colour) in enumerate((("left", LEFT), ("right", RIGHT), ("trunk", TRUNK))):
        parts.append(_text(MARGIN_CM + 110 + 40 * k, floor + 18, name, to_hex(colour)))
    width, height = max(end + MARGIN_CM, 2 * MARGIN_CM + 6.5 * len(title)), floor + FOOTER_CM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{1.6 * width:.0f}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{_text(MARGIN_CM, 18, html.escape(title))}{''.join(parts)}</svg>"
    )


def _text(x, y, text, colour="#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{text}</text>'


def _line(x1, x2, y, width=1) -> str:
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#888" stroke-width="{width}"/>'


def _moving_path(right, down, columns, colour, width, duration_s) -> str:
    """Line segments that all move; without animation (on paper) the first frame stays."""
    poses = [
        "".join("M{:.1f} {:.1f}L{:.1f} {:.1f}".format(*np.column_stack([r[h], d[v]]).flat) for h, v in columns)
        for r, d in zip(right, down, strict=True)
    ]
    return (
        f'<path d="{poses[0]}" fill="none" stroke="{to_hex(colour)}" stroke-width="{width}" stroke-linecap="round">'
        f'<animate attributeName="d" dur="{duration_s:.3f}s" repeatCount="indefinite" values="{";".join(poses)}"/>'
        "</path>"
    )
