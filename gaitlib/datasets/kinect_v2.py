"""Pathological gaits recorded by six Kinect v2 cameras (Jun et al. 2020).

Layout: ``human{S}_{gait}{T}/human{S}_{gait}{T}_SkeletonData{K}.csv``, tab separated, no header, 101 columns:
time, then 25 times (joint number, x, y, z) in metres. The gaits were simulated by healthy people.

References
----------
Jun K., Lee Y., Lee S., Lee D.-W., Kim M. S. (2020). Pathological gait classification using Kinect v2 and gated
recurrent neural networks. IEEE Access 8, 139881-139891. https://doi.org/10.1109/ACCESS.2020.3013029
"""

import csv
import io
import re
import time

import numpy as np
import pandas as pd

from gaitlib.conventions import KINECT_V2_JOINTS, gait_name, skeleton_channels
from gaitlib.datasets import repair
from gaitlib.datasets.files import FileTree
from gaitlib.datasets.report import LoadReport
from gaitlib.errors import GaitDataError
from gaitlib.modality import Modality, object_array
from gaitlib.trials import TrialSet

NAME = "Kinect v2 pathological gaits (simulated by healthy people)"
FILE_NAME = re.compile(r"human(\d+)_([A-Za-z_ -]+?)_?(\d+)_SkeletonData(\d+)\.csv$")
N_COLUMNS = 101
JOINT_NUMBER_COLUMNS = slice(1, None, 4)
POSITION_COLUMNS = np.array([c for c in range(1, N_COLUMNS) if (c - 1) % 4])
LARGEST_COORDINATE_M = 20.0
FEWEST_FRAMES = 10
FILES_AT_ONCE = 32  # one read_csv call for many files is four times faster than a call a file
LONGEST_MINUTE_S = 61  # the clock gives the second within the minute
NO_NUMBER = ("", "nan", "NaN", "-nan", "-NaN", "nan(ind)", "-nan(ind)", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(FILE_NAME.search(name) for name in names)


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read every recording of a tree; the six views of a walk share its walk id.

    Numbered steps of the clean-up, each counted in the report:

    0. a last row without a line end is dropped: its last number may be cut;
    1. frames of uninitialised memory, non-finite or out-of-range values are dropped
       (:func:`gaitlib.datasets.repair.garbage_frames`, limit 20 m), and those whose time is no second of a minute;
    2. the clock, which gives the second within the minute, is unwrapped;
    3. frames whose time does not advance are dropped;
    4. gaps above 0.2 s are counted and stay, with their true time.

    A file is refused if its columns or joint numbers are not those of the layout, if a cell is no number, if
    its gait is unknown, or if under 10 frames or under half of its frames are left.

    Parameters
    ----------
    tree : FileTree
    skip_bad : bool
        Leave refused files out and list them in the report, instead of raising.

    Returns
    -------
    TrialSet
        Modality "skeleton", 75 channels in metres, x lateral, y forward, z up.

    Raises
    ------
    GaitDataError
        For the first refused file, naming file, row and column; or if no file is left.
    """
    start = time.perf_counter()
    recordings = sorted((_sort_key(n), n) for n in tree.names if FILE_NAME.search(n))
    names = [name for _, name in recordings]
    ignored = sorted(set(tree.names) - set(names))
    rows, kept = [], []
    for first in range(0, len(names), FILES_AT_ONCE):
        for name, raw, cut_rows in _read_tables(tree, names[first : first + FILES_AT_ONCE]):
            row = {"file": name, "cut_rows": cut_rows}
            try:
                if isinstance(raw, GaitDataError):
                    raise raw
                kept.append((name, _describe_file(name), *_clean(name, raw, row)))
                repairs = cut_rows + row["garbage"] + row["non_advancing"] + row["minute_wraps"]
                row["status"] = "repaired" if repairs else "ok"
            except GaitDataError as error:
                if not skip_bad:
                    raise
                row |= {"status": "skipped", "reason": str(error)}
            rows.append(row)
    if not kept:
        raise GaitDataError(f"{tree.path}: no usable recording among {len(names)} files; see what was wrong: {rows[0]}")
    _, table, values, times, frames = zip(*kept, strict=True)
    table = pd.DataFrame(table)
    if table["trial"].duplicated().any():
        twice = table.loc[table["trial"].duplicated(), "source"].iloc[0]
        raise GaitDataError(f"{twice}: the same recording is in the tree twice; keep one copy")
    skeleton = Modality(
        "sequence",
        skeleton_channels(KINECT_V2_JOINTS),
        "m",
        object_array(values),
        object_array(frames),
        object_array(times),
    )
    report = LoadReport.from_rows(rows, ignored, time.perf_counter() - start)
    return TrialSet(table, {"skeleton": skeleton}, NAME, report=report)


def _sort_key(name: str) -> tuple:
    subject, gait, walk, camera = FILE_NAME.search(name).groups()
    return int(subject), gait, int(walk), int(camera), name


def _describe_file(name: str) -> dict:
    subject, gait, walk, camera = FILE_NAME.search(name).groups()
    try:
        label = gait_name(gait)
    except GaitDataError as error:
        raise GaitDataError(f"{name}: {error}") from None
    walk_id = f"human{int(subject):02d}/{label}/{int(walk):02d}"
    return {
        "trial": f"{walk_id}/kinect{camera}",
        "subject": f"human{int(subject):02d}",
        "walk": walk_id,
        "label": label,
        "source": name,
        "camera": int(camera),
    }


def _read_tables(tree: FileTree, names: list[str]):
    """Yield (name, float64 table or the GaitDataError that refuses it, cut last rows) for each name."""
    contents: dict[str, bytes | GaitDataError] = {}
    for name in names:
        try:
            contents[name] = tree.read(name).removeprefix(BYTE_ORDER_MARK)
        except GaitDataError as error:
            contents[name] = error
    sound = {n: c for n, c in contents.items() if isinstance(c, bytes) and _looks_sound(c)}
    tables = {}
    try:
        whole = _parse(b"".join(sound.values())) if sound else None
        ends = np.cumsum([content.count(b"\n") for content in sound.values()])
        if sound and len(whole) == ends[-1]:
            tables = dict(zip(sound, np.split(whole, ends[:-1]), strict=True))
    except ValueError:
        pass  # some file holds text: each is read line by line below, which finds the place
    for name, content in contents.items():
        if isinstance(content, bytes) and name not in tables:
            try:
                table = _parse_lines(name, content)
                cut = int(not content.rstrip(b" \r").endswith(b"\n"))  # its last number may have lost digits
                yield name, table[: len(table) - cut], cut
            except GaitDataError as error:
                yield name, error, 0
        else:
            yield name, tables.get(name, content), 0


def _looks_sound(content: bytes) -> bool:
    lines = content.count(b"\n")
    if not content.endswith(b"\n") or b"\0" in content:  # some versions of pandas end a number at a zero byte
        return False
    return content.count(b"\t") == lines * (N_COLUMNS - 1)


def _parse(content: bytes) -> np.ndarray:
    table = pd.read_csv(
        io.BytesIO(content),
        sep="\t",
        header=None,
        dtype=np.float64,
        quoting=csv.QUOTE_NONE,
        na_values=list(NO_NUMBER),
        keep_default_na=False,
    )
    if table.shape[1] != N_COLUMNS:
        raise ValueError("wrong number of columns")
    return table.to_numpy()


def _parse_lines(name: str, content: bytes) -> np.ndarray:
    """The slow way, for a file that the fast way did not take: it names row and column of what is wrong."""
    if not content.strip():
        raise GaitDataError(f"{name}: the file is empty")
    numbered = enumerate(content.decode("latin-1").split("\n"), start=1)
    lines = [(number, line.strip(" \r")) for number, line in numbered if line.strip(" \r")]
    table = np.empty((len(lines), N_COLUMNS))
    for r, (number, line) in enumerate(lines):
        cells = line.split("\t")
        if len(cells) != N_COLUMNS:
            half = "; the file looks half-written" if r == len(lines) - 1 and len(cells) < N_COLUMNS else ""
            raise GaitDataError(f"{name}, row {number}: {len(cells)} columns, expected {N_COLUMNS}{half}")
        for c, cell in enumerate(cells):
            cell = cell.strip()
            try:
                table[r, c] = np.nan if cell in NO_NUMBER else float(cell if "_" not in cell else "not a number")
            except ValueError:
                raise GaitDataError(f"{name}, row {number}, column {c + 1}: expected a number, got {cell!r}") from None
    return table


def _clean(name: str, raw: np.ndarray, row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (frames, 75) float32, times (s) and original frame numbers; counts go into ``row``."""
    positions = raw[:, POSITION_COLUMNS]
    on_the_clock = (raw[:, 0] >= 0) & (raw[:, 0] < LONGEST_MINUTE_S)
    good = ~repair.garbage_frames(positions, LARGEST_COORDINATE_M) & on_the_clock
    frames = np.flatnonzero(good)
    row |= {"frames_read": len(raw) + row.get("cut_rows", 0), "garbage": len(raw) - len(frames)}
    times, row["minute_wraps"] = repair.unwrap_minute(raw[frames, 0])
    advancing = repair.advancing_frames(times)
    row["non_advancing"] = int((~advancing).sum())
    frames, times = frames[advancing], times[advancing]
    row |= {"frames_kept": len(frames), "gaps": repair.count_gaps(times)}
    if len(frames) < max(FEWEST_FRAMES, len(raw) / 2):
        raise GaitDataError(
            f"{name}: {len(frames)} usable frames of {len(raw)} ({row['garbage']} garbage, "
            f"{row['non_advancing']} without a later time); expected at least {FEWEST_FRAMES} and half of them"
        )
    wrong = (raw[frames, JOINT_NUMBER_COLUMNS] != np.arange(25)).any(axis=1)
    if wrong.any():
        raise GaitDataError(f"{name}, row {frames[wrong.argmax()] + 1}: the joint numbers are not 0 to 24 in order")
    return positions[frames].astype(np.float32), times, frames
