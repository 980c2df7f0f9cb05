"""Pathological gaits recorded by Azure Kinects and a pressure mat (Jun et al. 2021).

Layout: ``subject{S}/{gait}/trial{T}/skeleton.csv`` and ``pressure.csv`` beside it, or the same names joined by ``_``
into one (``subject1_normal_trial1_skeleton.csv``); comma separated, no header. The gaits were simulated by healthy
people.

- skeleton: time text and 32 times (x, y, z) in metres, with or without a comma at the end of the row. The time is
  ``20200901_11:38:38.411``, mostly with a stray minus before the seconds.
- pressure: one image of 128 x 48 integers, averaged over the walk. The rows lie along the walking direction; which
  end was stepped on first is not published.

References
----------
Jun K., Lee S., Lee D.-W., Kim M. S. (2021). Deep learning-based multimodal abnormal gait classification using a 3D
skeleton and plantar foot pressure. IEEE Access 9. https://doi.org/10.1109/ACCESS.2021.3131613
Data: https://doi.org/10.21227/ev8a-wr16
"""

import re
import time
from datetime import datetime

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.number_tables import REMEDY, RowFormat, load_files
from gaitlib.datasets.tools.written_folder import synthetic_marks
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import repair
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, GAITS, gait_name, skeleton_channels
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME = "Azure Kinect and pressure, simulated by healthy people"
SYNTHETIC_NAME = "SYNTHETIC walks"
FILE_NAME = re.compile(r"(?:^|/)subject(\d+)[/_]([a-z_ -]+)[/_]trial(\d+)[/_](skeleton|pressure)\.csv$", re.IGNORECASE)
CHANNELS = skeleton_channels(AZURE_KINECT_JOINTS)
SKELETON_ROW = RowFormat(
    separators=b"_::" + b"," * len(CHANNELS),
    holds="time and x, y, z of 32 joints",
    first_column="a time such as 20200901_11:38:38.411",
    may_close=True,
)
IMAGE_SHAPE = (128, 48)
IMAGE_ROW = RowFormat(b"," * (IMAGE_SHAPE[1] - 1), "an image of 128 x 48 whole numbers", may_close=True)
IMAGE_CHANNELS = tuple(f"column_{c:02d}" for c in range(IMAGE_SHAPE[1]))
LARGEST_PRESSURE = 2**24  # whole numbers up to here are exact in float32
SPIKE_RATIO = 10
NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=bool)


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(FILE_NAME.search(name) for name in names)


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read every trial of a tree, in order of subject, gait (as in ``conventions.GAITS``) and number.

    Steps of the clean-up of a skeleton, each counted in the report:

    0. a last row without comma and line end is dropped: its last number may be cut;
    1. frames of uninitialised memory, non-finite or out-of-range values are dropped
       (:func:`gaitlib.preprocessing.repair.garbage_frames`, limit 20 m), and those whose time is no date
       and time of day;
    2. frames whose time does not advance are dropped: the files repeat a row for a frame that the sensor missed;
    3. gaps above 0.2 s are counted and stay, with their true time.

    Pressure is never changed: cells above 10 (n + 1), where n is the largest of their 8 neighbours, are counted as
    spikes and stay. A trial whose other file is missing (counted) or refused (listed) has one modality alone.

    A file is refused if its columns are not those of the layout, if a cell is no number, if its gait is unknown, if
    under 10 frames are left, or if the pressure is not 128 x 48 whole numbers from 0.

    Parameters
    ----------
    tree : FileTree
    skip_bad : bool
        Leave refused files out and list them in the report, instead of raising.

    Returns
    -------
    TrialSet
        Modality "skeleton": 96 channels in metres, x lateral, y forward, z up; ``time_s`` counts from the first
        usable row, in milliseconds; ``frames`` are rows of the file. Modality "pressure": images (128, 48), raw.
        Named synthetic where a file ``SYNTHETIC.txt`` says so.

    Raises
    ------
    GaitDataError
        For the first refused file, naming file, row and column; or if no file is left.
    """
    start = time.perf_counter()
    recordings, rows = _pair_files(tree.names, skip_bad)
    pairs = recordings.values()
    names = {kind: [pair[kind] for pair in pairs if kind in pair] for kind in ("skeleton", "pressure")}
    skeletons, of_skeletons = load_files(tree, names["skeleton"], SKELETON_ROW, _clean_skeleton, skip_bad)
    images, of_images = load_files(tree, names["pressure"], IMAGE_ROW, _check_pressure, skip_bad)
    alone = {name for pair in pairs if len(pair) == 1 for name in pair.values()}
    for row in of_skeletons + of_images:
        row["without_partner"] = int(row["file"] in alone and row["status"] != "skipped")
    rows += of_skeletons + of_images
    if not skeletons and not images:
        raise GaitDataError(f"{tree.path}: no usable recording among {len(rows)} files; see what was wrong: {rows[0]}")

    table, moving, still = [], [], []
    for trial, pair in recordings.items():
        values, frames, times = skeletons.get(pair.get("skeleton"), (None, None, None))
        image = images.get(pair.get("pressure"))
        if values is not None or image is not None:
            table.append(trial_row(*trial) | {"source": pair.get("skeleton") or pair["pressure"]})
            moving.append((values, frames, times))
            still.append(image)
    modalities = {}
    if skeletons:
        modalities["skeleton"] = Modality("sequence", CHANNELS, "m", *map(object_array, zip(*moving, strict=True)))
    if images:
        modalities["pressure"] = Modality("image", IMAGE_CHANNELS, "raw", object_array(still))
    marks = synthetic_marks(tree.names)
    ignored = sorted(name for name in tree.names if name not in marks and not FILE_NAME.search(name))
    report = LoadReport.from_rows(rows, ignored, time.perf_counter() - start)
    return TrialSet(pd.DataFrame(table), modalities, SYNTHETIC_NAME if marks else NAME, report=report)


def trial_row(subject: int, gait: str, number: int) -> dict:
    """What the table says of a trial."""
    name = f"subject{subject:02d}"
    trial = f"{name}/{gait}/{number:02d}"
    return {"trial": trial, "subject": name, "walk": trial, "label": gait}


def check_image(name: str, image: np.ndarray) -> None:
    """Raise GaitDataError for a pressure image that is not 128 x 48 whole numbers from 0."""
    if image.shape != IMAGE_SHAPE:
        raise GaitDataError(f"{name}: {image.shape[0]} x {image.shape[1]} numbers; expected {IMAGE_ROW.holds}")
    wrong = ~((image >= 0) & (image <= LARGEST_PRESSURE) & (image == np.floor(image)))
    if wrong.any():
        r, c = np.argwhere(wrong)[0]
        raise GaitDataError(
            f"{name}, row {r + 1}, column {c + 1}: {image[r, c]:.10g}; expected {IMAGE_ROW.holds}, "
            f"each from 0 to {LARGEST_PRESSURE}"
        )


def _pair_files(names: list[str], skip_bad: bool) -> tuple[dict, list[dict]]:
    """The files by kind of every trial (subject, gait, number), in their order; report rows of unknown gaits."""
    recordings, rows = {}, []
    for name in names:
        if match := FILE_NAME.search(name):
            subject, gait, number, kind = match.groups()
            try:
                trial = int(subject), gait_name(gait), int(number)
            except GaitDataError as error:
                if not skip_bad:
                    raise GaitDataError(f"{name}: {error}; {REMEDY}") from None
                rows.append({"file": name, "status": "skipped", "reason": f"{name}: {error}"})
                continue
            pair = recordings.setdefault(trial, {})
            if pair.setdefault(kind.lower(), name) != name:
                raise GaitDataError(f"{name}: the same recording is in the tree twice; keep one copy")
    in_order = sorted(recordings.items(), key=lambda item: (item[0][0], GAITS.index(item[0][1]), item[0][2]))
    return dict(in_order), rows


def _clean_skeleton(name: str, raw: np.ndarray, row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (frames, 96) float32, row numbers and times (s); counts go into ``row``."""
    raw = raw[: len(raw) - row["cut_rows"]]
    positions, clock_s = raw[:, 4:], _clock_s(raw[:, :4])
    clock_s[repair.garbage_frames(positions, repair.LARGEST_COORDINATE_M)] = np.nan
    first = next(iter(clock_s[np.isfinite(clock_s)]), np.nan)
    time_s = np.round(clock_s - first, 3)
    frames = repair.usable_frames(
        name, time_s, row, lambda: repair.why_garbage(positions, repair.LARGEST_COORDINATE_M, AZURE_KINECT_JOINTS)
    )
    return positions[frames].astype(np.float32), frames, time_s[frames]


def _clock_s(stamps: np.ndarray) -> np.ndarray:
    """Seconds from (date, hour, minute, second), NaN where that is no date and time of day."""
    second = np.abs(stamps[:, 3])  # mostly written with a stray minus
    hour, minute = stamps[:, 1], stamps[:, 2]
    valid = (hour >= 0) & (hour < 24) & (minute >= 0) & (minute < 60) & (second < 61)
    dates, which = np.unique(stamps[:, 0], return_inverse=True)
    day = np.array([_day(date) for date in dates])[which]
    clock_s = np.full(len(stamps), np.nan)
    clock_s[valid] = ((day[valid] * 24 + hour[valid]) * 60 + minute[valid]) * 60 + second[valid]
    return clock_s


def _day(date: float) -> float:
    try:
        return datetime.strptime(f"{date:.10g}", "%Y%m%d").toordinal()
    except ValueError:
        return np.nan


def _check_pressure(name: str, image: np.ndarray, row: dict) -> np.ndarray:
    """The image (128, 48) float32; its spikes are counted in ``row``."""
    row["cut_rows"] = 0  # a number that had lost digits cannot be told, and the image needs its last row
    check_image(name, image)
    around = maximum_filter(image, footprint=NEIGHBOURS, mode="constant")
    row["spikes"] = int((image > SPIKE_RATIO * (around + 1)).sum())
    return image.astype(np.float32)
