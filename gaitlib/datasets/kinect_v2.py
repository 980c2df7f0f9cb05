"""Pathological gaits recorded by six Kinect v2 cameras (Jun et al. 2020).

Layout: ``human{S}_{gait}{T}/human{S}_{gait}{T}_SkeletonData{K}.csv``, tab separated, no header, 101 columns:
time, then 25 times (joint number, x, y, z) in metres. The gaits were simulated by healthy people.

References
----------
Jun K., Lee Y., Lee S., Lee D.-W., Kim M. S. (2020). Pathological gait classification using Kinect v2 and gated
recurrent neural networks. IEEE Access 8, 139881-139891. https://doi.org/10.1109/ACCESS.2020.3013029
"""

import re
import time

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.number_tables import RowFormat, load_files
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import repair
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import KINECT_V2_JOINTS, gait_name, skeleton_channels
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME = "Kinect v2 pathological gaits (simulated by healthy people)"
FILE_NAME = re.compile(r"human(\d+)_([A-Za-z_ -]+?)_?(\d+)_SkeletonData(\d+)\.csv$", re.IGNORECASE)
N_COLUMNS = 101
ROW = RowFormat(b"\t" * (N_COLUMNS - 1), "time and number, x, y, z of 25 joints")
JOINT_NUMBER_COLUMNS = slice(1, None, 4)
POSITION_COLUMNS = np.array([c for c in range(1, N_COLUMNS) if (c - 1) % 4])
LONGEST_MINUTE_S = 61  # the clock gives the second within the minute


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(FILE_NAME.search(name) for name in names)


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read every recording of a tree; the six views of a walk share its walk id.

    Numbered steps of the clean-up, each counted in the report:

    0. a last row without a line end is dropped: its last number may be cut;
    1. frames of uninitialised memory, non-finite or out-of-range values are dropped
       (:func:`gaitlib.preprocessing.repair.garbage_frames`, limit 20 m), and those whose time is no
       second of a minute;
    2. the clock, which gives the second within the minute, is unwrapped;
    3. frames whose time does not advance are dropped;
    4. gaps above 0.2 s are counted and stay, with their true time.

    A file is refused if its columns or joint numbers are not those of the layout, if a cell is no number, if
    its gait is unknown, or if under 10 frames are left.

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
    made, rows = load_files(tree, names, ROW, _make_trial, skip_bad)
    if not made:
        raise GaitDataError(f"{tree.path}: no usable recording among {len(names)} files; see what was wrong: {rows[0]}")
    table, values, times, frames = zip(*made.values(), strict=True)
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


def _make_trial(name: str, raw: np.ndarray, row: dict) -> tuple:
    return _describe_file(name), *_clean(name, raw[: len(raw) - row["cut_rows"]], row)


def _clean(name: str, raw: np.ndarray, row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (frames, 75) float32, times (s) and original frame numbers; counts go into ``row``."""
    positions = raw[:, POSITION_COLUMNS]
    on_the_clock = (raw[:, 0] >= 0) & (raw[:, 0] < LONGEST_MINUTE_S)
    good = ~repair.garbage_frames(positions, repair.LARGEST_COORDINATE_M) & on_the_clock
    time_s = np.full(len(raw), np.nan)
    time_s[good], row["minute_wraps"] = repair.unwrap_minute(raw[good, 0])
    frames = repair.usable_frames(name, time_s, row, lambda: _why_bad(positions, raw[:, 0], on_the_clock))
    wrong = (raw[frames, JOINT_NUMBER_COLUMNS] != np.arange(25)).any(axis=1)
    if wrong.any():
        raise GaitDataError(f"{name}, row {frames[wrong.argmax()] + 1}: the joint numbers are not 0 to 24 in order")
    return positions[frames].astype(np.float32), time_s[frames], frames


def _why_bad(positions, clock_s, on_the_clock) -> str:
    """What is wrong with most frames: their positions or their clock."""
    why = repair.why_garbage(positions, repair.LARGEST_COORDINATE_M, KINECT_V2_JOINTS)
    if not why and 2 * on_the_clock.sum() < len(clock_s):
        hint = "; it looks like milliseconds: divide it by 1000" if np.nanmedian(clock_s) > 1000 else ""
        return f"the clock of {(~on_the_clock).sum()} of {len(clock_s)} frames is no second of a minute{hint}"
    return why
