"""EEG, ECG and skin conductance of people who watch film clips, with their affect rated by others (AMIGOS).

Layout: a MATLAB file a person, ``Data_Preprocessed_P01.mat`` to ``P40``, of cell arrays with a cell a video:
``joined_data`` (samples, 17) at 128 Hz, ``labels_ext_annotation`` (segments, 3) and, not always,
``labels_selfassessment`` (1, 12) and ``VideoIDs``. The set is given to researchers who sign its form.

References
----------
Miranda-Correa J. A., Abadi M. K., Sebe N., Patras I. (2021). AMIGOS: A dataset for affect, personality and mood
research on individuals and groups. IEEE Transactions on Affective Computing 12(2), 479-493.
https://doi.org/10.1109/TAFFC.2018.2884461
"""

import re
import time
from numbers import Real

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree, open_tree
from gaitlib.datasets.tools.matlab_files import read_variables
from gaitlib.datasets.tools.written_folder import synthetic_marks
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME, SYNTHETIC_NAME = "AMIGOS", "SYNTHETIC AMIGOS recordings"
FILE_NAME = re.compile(r"(?:^|/)Data_Preprocessed_P(\d+)\.mat$", re.IGNORECASE)
SIGNALS, RATINGS, SELF, VIDEOS = "joined_data", "labels_ext_annotation", "labels_selfassessment", "VideoIDs"
RATE_HZ = 128.0  # stated by the publication; the files do not say
# The columns of a file, in the published order
CHANNELS = {
    "eeg": ("AF3", "F7", "F3", "FC5", "T7", "P7", "O1", "O2", "P8", "T8", "FC6", "F4", "F8", "AF4"),
    "ecg": ("right_arm", "left_arm"),
    "gsr": ("gsr",),
}
UNITS = {"eeg": "uV", "ecg": "", "gsr": ""}  # the last two are not stated
N_COLUMNS = 17
RATED = ("valence", "arousal")  # after the number of the segment
SELF_RATED = tuple(f"self_{what}" for what in ("arousal", "valence", "dominance", "liking", "familiarity"))
N_SELF = 12  # seven basic emotions follow
TRANSITION_ABOVE = 0.1
LONGEST_GAP = 32  # samples, a quarter of a second
USUAL_SEGMENT_S = (10, 25)
LARGEST_DEVIATION = 2.0  # of a video's length of segments, as a factor of what is usual in the file


def load_amigos(path, transition_above: float = TRANSITION_ABOVE, skip_bad: bool = False) -> TrialSet:
    """Load AMIGOS recordings: a trial is a segment of a video that was rated as one.

    :func:`gaitlib.load_trials` does the same with the usual threshold, and keeps what it read in its cache.

    A video is cut into as many equal parts as it has rated segments (the published code does so), and no trial crosses
    from one video into the next. Columns are read by the published order: 14 EEG, 2 ECG, 1 skin conductance. In the
    recordings the order of the videos may differ from person to person: they are told apart by ``VideoIDs``; files
    without them are taken to be in one order, and the report says so.

    Samples that are NaN or infinite are filled by a straight line where a channel lacks at most 32 (0.25 s) in a row
    within a video; a segment with a longer gap lacks that modality. A segment that lacks all, a video without signals,
    without ratings or with ratings that do not fit it, and a person without any usable video are left out. All of it is
    counted, and people and videos are named, in ``trials.report.files``.

    Parameters
    ----------
    path : str or Path
        A folder, .zip or one file.
    transition_above : float
        Change of valence or of arousal from the segment before, above which the target "transition" is 1.
    skip_bad : bool
        Leave bad files out and list them in the report. By default the first bad file raises.

    Returns
    -------
    TrialSet
        Modalities "eeg" (14 channels, uV), "ecg" (2) and "gsr" (1; units of these two are not stated), 128 Hz, times
        from the start of the segment. Targets: "valence" and "arousal", rated by external annotators; "transition",
        unknown for the first segment of each video and where a rating is missing; where the files have them, the
        person's own ratings of the whole video, "self_arousal" to "self_familiarity". No label. The walk is a video
        watched by a person; further columns ``stimulus`` (the video), ``segment`` (its place in the video, from 0) and
        ``start_s`` (within the video). Named synthetic where a file ``SYNTHETIC.txt`` says so.

    Raises
    ------
    GaitDataError
        If a file is damaged or not of this layout, a person is there twice, or nothing usable is left.
    """
    return load(open_tree(path), skip_bad, transition_above)


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(FILE_NAME.search(name) for name in names)


def load(tree: FileTree, skip_bad: bool = False, transition_above: float = TRANSITION_ABOVE) -> TrialSet:
    """Read the files of a tree: :func:`load_amigos`."""
    if not isinstance(transition_above, Real) or not 0 <= transition_above < np.inf:
        raise GaitDataError(f"transition_above is a change of the rating from 0, such as 0.1; not {transition_above}")
    start = time.perf_counter()
    made, rows, ordered = [], [], {}
    for name in _one_a_person(tree):
        try:
            trials, row, ordered[name] = _read(tree, name, transition_above)
        except GaitDataError as error:
            if not skip_bad:
                raise
            trials, row = [], _row(name, "skipped", [str(error)])
        made += trials
        rows.append(row)
    if not made:
        raise GaitDataError(f"{tree.path}: no usable segment in {len(rows)} files; see what was wrong: {rows[0]}")
    if len(set(ordered.values())) > 1:
        lacking = next(name for name, known in ordered.items() if not known)
        raise GaitDataError(f"{lacking}: no '{VIDEOS}', which other files have, so nobody knows who watched the same")
    table = pd.DataFrame([row for row, _ in made])
    targets = [*RATED, "transition", *(t for t in SELF_RATED if table[t].notna().any())]
    table = table.drop(columns=[t for t in SELF_RATED if t not in targets])
    marks = synthetic_marks(tree.names)
    ignored = sorted(name for name in tree.names if name not in marks and not FILE_NAME.search(name))
    report = LoadReport.from_rows(rows, ignored, time.perf_counter() - start)
    modalities = _modalities([signals for _, signals in made])
    return TrialSet(table, modalities, SYNTHETIC_NAME if marks else NAME, report=report, kinds=kinds_of(targets))


def kinds_of(targets) -> dict[str, tuple[str, str]]:
    """Kind and unit of the layout's targets."""
    return {name: ("binary" if name == "transition" else "continuous", "") for name in targets}


def transitions(valence, arousal, above: float = TRANSITION_ABOVE) -> np.ndarray:
    """Whether a rating changes from one segment of a video to the next: 0, 1, or NaN where that is not known.

    Parameters
    ----------
    valence, arousal : array (segments,)
        Of one video, in their order.
    above : float
        A change must be larger.

    Examples
    --------
    >>> transitions([0.1, 0.1, 0.3, 0.3], [0.3, 0.4, 0.4, np.nan])
    array([nan,  0.,  1., nan])
    """
    change = np.abs(np.diff([valence, arousal], axis=1, prepend=np.nan)).round(9)  # 0.4 - 0.3 is no more than 0.1
    return np.where(np.isnan(change).any(axis=0), np.nan, (change > above).any(axis=0))


def borders_of(n_samples: int, n_segments: int) -> np.ndarray:
    """Samples at which the segments of a video start and, last, end: int (n_segments + 1,)."""
    return np.linspace(0, n_samples, n_segments + 1).round().astype(int)


def trial_row(person: int, stimulus: str, segment: int) -> dict:
    """Who, what and which part: the first columns of the table."""
    subject = f"p{person:02d}"
    walk = f"{subject}/{stimulus}"
    return {"trial": f"{walk}/{segment:02d}", "subject": subject, "walk": walk, "label": None}


def _one_a_person(tree: FileTree) -> list[str]:
    people = {}
    for name in sorted(name for name in tree.names if FILE_NAME.search(name)):
        person = int(FILE_NAME.search(name)[1])
        if person in people:
            raise GaitDataError(f"{name} and {people[person]} are of the same person; keep one")
        people[person] = name
    return [people[person] for person in sorted(people)]


def _read(tree: FileTree, name: str, transition_above: float) -> tuple[list, dict, bool]:
    """Rows and signals of a person's segments, a row for the report, and whether the file names its videos."""
    variables = read_variables(tree, name, [SIGNALS], [RATINGS, SELF, VIDEOS], numeric_cells=True)
    if RATINGS not in variables:
        return [], _row(name, "skipped", [f"no '{RATINGS}'"]), VIDEOS in variables
    cells = {key: _cells(name, key, variables[key], variables[SIGNALS].size) for key in variables}
    stimuli = _stimuli(name, cells)
    left_out, usable = {}, {}
    for i, stimulus in enumerate(stimuli):
        signals = _numbers(name, SIGNALS, stimulus, cells[SIGNALS][i], (N_COLUMNS, N_COLUMNS - 1))
        ratings = _numbers(name, RATINGS, stimulus, cells[RATINGS][i], (1 + len(RATED),))
        said = _numbers(name, SELF, stimulus, cells[SELF][i] if SELF in cells else None, (N_SELF,))
        if why := _unusable(signals, ratings):
            left_out[stimulus] = why
        else:
            usable[stimulus] = signals, ratings, said
    lengths_s = {s: len(signals) / len(ratings) / RATE_HZ for s, (signals, ratings, _) in usable.items()}
    usual_s = float(np.median(list(lengths_s.values()))) if lengths_s else np.nan
    for stimulus, length_s in lengths_s.items():
        if not 1 / LARGEST_DEVIATION <= length_s / usual_s <= LARGEST_DEVIATION:
            n = len(usable.pop(stimulus)[1])
            left_out[stimulus] = f"its {n} ratings do not fit its length: {length_s:.3g} s each, usually {usual_s:.3g}"
    made, filled, kept, lost = [], 0, 0, dict.fromkeys(CHANNELS, 0)
    person = int(FILE_NAME.search(name)[1])
    for stimulus, (signals, ratings, said) in usable.items():
        rows = _rows(person, name, stimulus, len(signals), ratings, said, transition_above)
        parts, n_filled = _cut(signals, len(ratings))
        filled += n_filled
        for row, part in zip(rows, parts, strict=True):
            for modality, values in part.items():
                lost[modality] += values is None
            if any(values is not None for values in part.values()):
                made.append((row, part))
                kept += max(len(values) for values in part.values() if values is not None)
    n_segments = sum(len(ratings) for _, ratings, _ in usable.values())
    notes = [f"{stimulus}: {why}" for stimulus, why in left_out.items()]
    notes += [f"{n} of {n_segments} segments without {modality}" for modality, n in lost.items() if n]
    notes += [f"{n_segments - len(made)} segments without any signal left out"] * (len(made) < n_segments)
    if short := [s for s, (signals, *_) in usable.items() if signals.shape[1] < N_COLUMNS]:
        notes.append(
            f"{', '.join(short)}: {N_COLUMNS - 1} columns, so no skin conductance (the last is the second ECG lead)"
        )
    if usable and not USUAL_SEGMENT_S[0] <= usual_s <= USUAL_SEGMENT_S[1]:
        notes.append(f"segments of {usual_s:.3g} s where the study has about 20; is the rate {RATE_HZ:g} Hz?")
    if VIDEOS not in variables:
        notes.append(f"no '{VIDEOS}': videos taken to be in the same order for everybody")
    notes += [f"{filled} missing values filled"] * (filled > 0)
    if not made:
        return [], _row(name, "skipped", ["no segment with ratings and signals", *notes]), VIDEOS in variables
    row = _row(name, "repaired" if filled else "ok", notes) | {
        "frames_read": sum(len(signals) for signals in cells[SIGNALS] if isinstance(signals, np.ndarray)),
        "frames_kept": kept,
        "filled_values": filled,
        "videos_left_out": len(left_out),
        "segments_left_out": n_segments - len(made),
        **{f"segments_without_{modality}": n for modality, n in lost.items()},
    }
    return made, row, VIDEOS in variables


def _row(name: str, status: str, notes: list[str]) -> dict:
    counts = ("filled_values", "videos_left_out", "segments_left_out", *(f"segments_without_{m}" for m in CHANNELS))
    return {"file": name, "status": status, "reason": "; ".join(notes), **dict.fromkeys(counts, 0)}


def _cells(name: str, key: str, cells: np.ndarray, n: int) -> np.ndarray:
    if cells.dtype != object or cells.size != n:
        raise GaitDataError(f"{name}: '{key}' is no cell array with a cell for each of the {n} videos of '{SIGNALS}'")
    return cells.ravel()


def _stimuli(name: str, cells: dict) -> list[str]:
    """What the videos of a file are called."""
    if VIDEOS not in cells:
        return [f"video{i + 1:02d}" for i in range(len(cells[SIGNALS]))]
    names = cells[VIDEOS].tolist()
    if odd := [text for text in names if not (isinstance(text, str) and re.fullmatch(r"\w+", text, re.ASCII))]:
        raise GaitDataError(f"{name}: '{VIDEOS}' holds {odd[0]!r}; expected names such as '10' or 'N1'")
    if twice := [text for text in names if names.count(text) > 1]:
        raise GaitDataError(f"{name}: '{VIDEOS}' names the video '{twice[0]}' twice")
    return [f"video{text}" for text in names]


def _numbers(name: str, key: str, stimulus: str, cell, widths) -> np.ndarray:
    """What is in a cell, float64 (rows, one of the widths); no rows where it is empty."""
    if cell is None or np.size(cell) == 0:
        return np.empty((0, widths[0]))
    shape = np.shape(cell)
    if isinstance(cell, str) or cell.dtype.kind not in "iuf" or len(shape) != 2 or shape[1] not in widths:
        expected = " or ".join(map(str, sorted(widths)))
        turned = "; turned on its side?" if len(shape) == 2 and shape[0] in widths else ""
        raise GaitDataError(
            f"{name}, {stimulus}: '{key}' holds {'text' if isinstance(cell, str) else cell.dtype} of shape {shape}; "
            f"expected numbers in {expected} columns{turned}"
        )
    return cell.astype(np.float64)


def _unusable(signals: np.ndarray, ratings: np.ndarray) -> str:
    """Why a video cannot be used, in words; empty where it can."""
    if not np.isfinite(ratings[:, 1:]).any():
        return "no ratings"
    if not np.isfinite(signals).any():
        return "no signals"
    steps = np.diff(ratings[:, 0])
    if not np.isfinite(ratings[:, 0]).all() or (steps <= 0).any() or len(set(steps)) > 1:
        return f"segments numbered {', '.join(f'{n:g}' for n in ratings[:5, 0])} ..., not one after the other"
    if len(signals) < len(ratings):
        return f"{len(ratings)} ratings of {len(signals)} samples"
    return ""


def _rows(person, name, stimulus, n_samples, ratings, said, transition_above) -> list[dict]:
    """The rows of the table of one video."""
    rated = dict(zip(RATED, np.where(np.isfinite(ratings), ratings, np.nan)[:, 1:].T, strict=True))
    rated["transition"] = transitions(*rated.values(), transition_above)
    said = np.where(np.isfinite(said[0]), said[0], np.nan) if len(said) else np.full(N_SELF, np.nan)
    said = dict(zip(SELF_RATED, said.tolist(), strict=False))
    starts = borders_of(n_samples, len(ratings))[:-1] / RATE_HZ
    return [
        trial_row(person, stimulus, segment)
        | {"source": name, "stimulus": stimulus, "segment": segment, "start_s": float(start_s)}
        | {target: float(values[segment]) for target, values in rated.items()}
        | said
        for segment, start_s in enumerate(starts)
    ]


def _cut(signals: np.ndarray, n_segments: int) -> tuple[list[dict], int]:
    """Each segment's values by modality (None where too many are missing), and how many missing ones were filled."""
    filled, n_filled = _fill_short_gaps(signals)
    borders, parts = borders_of(len(signals), n_segments), [{} for _ in range(n_segments)]
    first = 0
    for modality, channels in CHANNELS.items():
        columns = filled[:, first : first + len(channels)]
        first += len(channels)
        for part, start, stop in zip(parts, borders, borders[1:], strict=False):
            whole = columns.shape[1] and np.isfinite(columns[start:stop]).all()
            part[modality] = columns[start:stop].astype(np.float32, order="C") if whole else None
    return parts, n_filled


def _fill_short_gaps(signals: np.ndarray) -> tuple[np.ndarray, int]:
    """Straight lines through gaps of a channel that are short and end within the video; how many values that are."""
    signals, n_filled = signals.copy(), 0
    for channel in signals.T:
        missing = ~np.isfinite(channel)
        for start, stop in np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2):
            if start > 0 and stop < len(channel) and stop - start <= LONGEST_GAP:
                at = np.arange(start, stop)
                channel[at] = np.interp(at, [start - 1, stop], channel[[start - 1, stop]])
                n_filled += stop - start
    return signals, int(n_filled)


def _modalities(parts: list[dict]) -> dict[str, Modality]:
    """The modalities that at least one trial has; trials of one length share their times."""
    clocks, found = {}, {}
    for modality, channels in CHANNELS.items():
        values = [part[modality] for part in parts]
        for n in {len(v) for v in values if v is not None} - clocks.keys():
            clocks[n] = np.arange(n), np.arange(n) / RATE_HZ
        if any(v is not None for v in values):
            frames, times = zip(*((None, None) if v is None else clocks[len(v)] for v in values), strict=True)
            columns = map(object_array, (values, frames, times))
            found[modality] = Modality("sequence", channels, UNITS[modality], *columns)
    return found
