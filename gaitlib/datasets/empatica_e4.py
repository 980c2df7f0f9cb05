"""Recordings of the Empatica E4 wristband, with the labels of Stress-Predict where they are there (Iqbal et al. 2022).

Layout: a folder a person with ``BVP.csv``, ``EDA.csv``, ``ACC.csv``, ``TEMP.csv`` as the device exports them; beside it
``..._Combined_hr_rsp_binary.csv`` with heart rate, respiratory rate and stress (a task, or rest) of every second.

**The rates are an algorithm's output**, not a measurement of their own: heart rate is what the device made of the pulse
wave (its own ``HR.csv``, shifted by one second), respiratory rate was computed from the pulse wave. So ``HR.csv`` and
``IBI.csv`` hold the answer and are no inputs, but where ``derived=True`` asks for them. ``tags.csv`` is not read.

References
----------
Iqbal T., Simpkin A. J., Roshan D., Glynn N., Killilea J., Walsh J., Molloy G., Ganly S., Ryman H., Coen E., Elahi A.,
Wijns W., Shahzad A. (2022). Stress monitoring using wearable sensors: a pilot study and Stress-Predict dataset. Sensors
22(21), 8135. https://doi.org/10.3390/s22218135
"""

import numbers
import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.e4_files import (
    BEATS,
    DERIVED,
    SIGNALS,
    Kind,
    Place,
    Signal,
    place_of,
    read_beats,
    read_seconds,
    read_signals,
)
from gaitlib.datasets.tools.files import FileTree, open_tree
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME = "Empatica E4 wristband"
LABELLED = "Stress-Predict (rates told from the pulse wave by an algorithm)"
LABEL_FILE = re.compile(r"(?:^|/)[^/]*combined_hr_rsp_binary\.csv$", re.IGNORECASE)
SIGNAL_FILE = re.compile(rf"(?:^|/)({'|'.join(kind.file for kind in SIGNALS)})\.csv$")
KINDS = {"stress": ("binary", ""), "heart_rate": ("continuous", "1/min"), "respiratory_rate": ("continuous", "1/min")}
KNOWN_SHARE = 0.5  # of a window's seconds must be known, else it lacks the target
ROUNDING_S = 1e-6


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(SIGNAL_FILE.search(name) for name in names)


def load_empatica_e4(path, window_s=60.0, hop_s=None, derived=False, skip_bad=False) -> TrialSet:
    """Load recordings of an Empatica E4 in windows of any length; :func:`gaitlib.load_trials` takes 60 s.

    Parameters
    ----------
    path : str or Path
        A folder or .zip (read in place): a folder a person, named by the person's id. A person's folder may hold
        several recordings in folders as the device names them (``1644227574_A00D12``).
    window_s : float
        Length of a window, at least 1 s.
    hop_s : float, optional
        From the start of a window to that of the next; default ``window_s``, so that they do not overlap.
    derived : bool
        Add what the device computed from the pulse wave, as the modalities "hr" (1 Hz) and "ibi" (the interval before
        each beat, in s). They hold the target ``heart_rate``: only to show what such a leak does.
    skip_bad : bool
        Leave refused files out and list them in the report, instead of raising; a person without a file lacks that
        signal. Labels are never skipped.

    Returns
    -------
    TrialSet
        As :func:`load` gives it.

    Raises
    ------
    GaitDataError
        As :func:`load`, and if there are no such recordings.
    """
    tree = open_tree(path)
    if not recognises(tree.names):
        files = ", ".join(f"{kind.file}.csv" for kind in SIGNALS)
        raise GaitDataError(f"{tree.path}: no recordings of an Empatica E4; expected a folder a person with {files}")
    loaded = load(tree, skip_bad, window_s, hop_s, derived)
    n_subjects = len(set(loaded.subjects))
    return replace(loaded, name=f"{loaded.name}, {n_subjects} subject{'s' * (n_subjects > 1)}")


def load(tree: FileTree, skip_bad: bool = False, window_s=60.0, hop_s=None, derived=False) -> TrialSet:
    """Cut the recordings of a tree into windows.

    Windows cover the labelled part of a recording, from its first labelled second on, or all of it where it has no
    labels. Signals start at different times and have different rates: each is cut by its own. A signal that
    does not cover a window, or has no number there, is missing in that trial; a window without any signal is left
    out. Both are counted in the report, as are missing values, which become NaN, and flat windows.

    ``stress`` is that of the window's seconds, unknown where they differ (a change of state). The rates are means over
    the seconds that are known, unknown where those are fewer than half.

    Parameters
    ----------
    tree : FileTree
    skip_bad, window_s, hop_s, derived
        See :func:`load_empatica_e4`.

    Returns
    -------
    TrialSet
        Modalities "bvp" (pulse wave, 64 Hz), "eda" (skin conductance, uS, 4 Hz), "acc" (x, y, z in g, 32 Hz) and
        "temperature" (of the skin, degC, 4 Hz), times relative to the window's start. ``walk`` is the recording, so
        that protocols which keep walks whole keep its windows together. Targets ``stress``, ``heart_rate`` and
        ``respiratory_rate`` (1/min) where there are labels. Further column ``start_s``: the window's start, in seconds
        from that of the first window.

    Raises
    ------
    GaitDataError
        For the first bad file, naming file, row and column; where labels and signals do not overlap in time (another
        time zone), or a recording is shorter than a window.
    """
    began = time.perf_counter()
    window_s, hop_s = _seconds("window_s", window_s, 1), _seconds("hop_s", window_s if hop_s is None else hop_s, 0)
    kinds = (*SIGNALS, *DERIVED, BEATS) if derived else SIGNALS
    recordings, rows, names = _read_recordings(tree, kinds, skip_bad)
    seconds, label_rows = _read_labels(tree)
    by_person = _labels_by_subject({place.subject for place in recordings}, seconds, label_rows)
    trials, many = [], pd.Series([place.subject for place in recordings]).value_counts()
    for place, signals in recordings.items():
        known = by_person.get(place.subject)
        try:
            trials += _cut(place, signals, known, many[place.subject] > 1, window_s, hop_s)
        except GaitDataError as error:
            if not skip_bad:
                raise GaitDataError(f"{error}, or leave it out with skip_bad=True") from None
            for signal in signals.values():
                signal.row.update(status="skipped", reason=str(error))
    if not trials:
        why = next((row["reason"] for row in rows if row["status"] == "skipped"), "")
        raise GaitDataError(f"{tree.path}: no window of any of {len(recordings)} recordings; see what was wrong: {why}")
    table = pd.DataFrame([row for row, _ in trials])
    if label_rows:
        told = (*KINDS, "labelled_seconds")  # of nobody, where all who have labels were left out
        table = table.assign(**{name: np.nan for name in told if name not in table})
        label_rows[0]["frames_kept"] = int(table.pop("labelled_seconds").sum())
    modalities = {kind.modality: _modality(kind, [cuts.get(kind.modality) for _, cuts in trials]) for kind in kinds}
    modalities = {name: m for name, m in modalities.items() if m.present().any()}
    ignored = sorted(set(tree.names) - set(names) - {row["file"] for row in label_rows})
    report = LoadReport.from_rows(rows + label_rows, ignored, time.perf_counter() - began)
    title = f"{LABELLED if label_rows else NAME}, windows of {window_s:g} s"
    return TrialSet(table, modalities, title, report=report, kinds=KINDS if label_rows else {})


def state_changes(trials: TrialSet, target: str = "stress") -> pd.DataFrame:
    """How much there is to learn a binary target from, a row a person: look at it before anything is trained.

    Hundreds of windows with a handful of changes of state are a handful of observations.

    Parameters
    ----------
    trials : TrialSet
    target : str
        A binary target.

    Returns
    -------
    pandas.DataFrame
        By subject: ``windows``, ``with_target``, ``positives`` and ``changes`` (from one window that has the target
        to the next of the same walk that has another).

    Raises
    ------
    GaitDataError
        If there is no such target, or it is not binary.

    Examples
    --------
    >>> from gaitlib import Target, TrialSet
    >>> trials = TrialSet.from_arrays({"emg": [np.ones((9, 1))] * 5}, subject=["a"] * 5, walk=["w"] * 5,
    ...                               targets={"stress": Target("binary", [0, 0, None, 1, 0])})
    >>> state_changes(trials).loc["a"].to_dict()
    {'windows': 5, 'with_target': 4, 'positives': 1, 'changes': 2}
    """
    told = trials.target(target)
    if told.kind != "binary":
        raise GaitDataError(f"changes of state are counted for a binary target; '{target}' is {told.kind}")
    table = trials.table.assign(value=told.values)
    if "start_s" in table:
        table = table.sort_values("start_s", kind="stable")
    known = table.dropna(subset="value")
    steps = known.groupby("walk")["value"].diff().abs()
    by = table.groupby("subject")["value"]
    counts = {"windows": by.size(), "with_target": by.count(), "positives": by.sum()}
    counts["changes"] = steps.groupby(known["subject"]).sum()
    return pd.DataFrame(counts).fillna(0).astype(int)


def _seconds(name: str, value, least: float) -> float:
    if not (isinstance(value, numbers.Real) and least <= value < np.inf and value > 0):
        raise GaitDataError(f"{name} is a number of seconds{f' from {least} on' if least else ' above 0'}, not {value}")
    return float(value)


def _read_recordings(tree, kinds: tuple[Kind, ...], skip_bad) -> tuple[dict[Place, dict[str, Signal]], list, list]:
    """The signals of every recording by modality, the rows of the report, and the names of their files."""
    places = {name: place_of(tree, name) for name in sorted(tree.names) if SIGNAL_FILE.search(name)}
    folders = {}
    for place in places.values():
        other = folders.setdefault(place.recording, place)
        if other.folder != place.folder:
            raise GaitDataError(
                f"{tree.path}: the folders '{other.folder}' and '{place.folder}' are both of '{place.recording}'; keep "
                "one, or give them the names of two people"
            )
    recordings, rows, read = {place: {} for place in sorted(folders.values(), key=_in_order)}, [], []
    for kind in kinds:
        files = {f"{place.folder}/{kind.file}.csv".lstrip("/"): place for place in recordings}
        names = [name for name in files if name in tree.sizes]
        read += names
        made, more = read_beats(tree, names, skip_bad) if kind is BEATS else read_signals(tree, kind, names, skip_bad)
        rows += more
        for name, signal in made.items():
            recordings[files[name]][kind.modality] = signal
    for signals in recordings.values():
        lacking = [f"{kind.file}.csv" for kind in SIGNALS if kind.modality not in signals]
        for signal in signals.values() if lacking else ():
            notes = [signal.row.get("reason"), f"without {', '.join(lacking)} beside it"]
            signal.row.update(without_partner=1, reason="; ".join(filter(None, notes)))
    return {place: signals for place, signals in recordings.items() if signals}, rows, read


def _in_order(place: Place) -> tuple:
    return int(_number(place.subject) or 0), place.recording


def _number(subject: str) -> str:
    return re.sub(r"\D", "", subject)


def _read_labels(tree) -> tuple[pd.DataFrame | None, list[dict]]:
    names = [name for name in tree.names if LABEL_FILE.search(name)]
    if len(names) > 1:
        raise GaitDataError(f"{tree.path}: labels in '{names[0]}' and in '{names[1]}'; keep one")
    if not names:
        return None, []
    seconds, row = read_seconds(tree, names[0])
    return seconds, [row]


def _labels_by_subject(subjects: set[str], seconds, label_rows) -> dict[str, pd.DataFrame]:
    """The labelled seconds of each person; who has but one of labels and recording is named in the report."""
    if seconds is None:
        return {}
    of_number = {}
    for subject in sorted(subjects):
        number = int(_number(subject) or -1)
        if (other := of_number.setdefault(number, subject)) != subject and number in set(seconds["person"]):
            raise GaitDataError(f"the labels of participant {number} may be those of '{other}' or of '{subject}'")
    known = {of_number[p]: part for p, part in seconds.groupby("person") if p in of_number}
    lost = [f"{p:g}" for p in seconds["person"].unique() if p not in of_number]
    without = sorted(subjects - set(known))
    if not known:
        raise GaitDataError(
            f"{label_rows[0]['file']}: the labels are of {', '.join(lost)}, the recordings of {', '.join(without)}: no "
            f"number agrees; name the folder of participant {lost[0]} 'S{lost[0]}', or take the labels away"
        )
    notes = [label_rows[0].get("reason", "")]
    notes += [f"labels without a recording: {', '.join(lost)}"] * bool(lost)
    notes += [f"recordings without labels: {', '.join(without)}"] * bool(without)
    label_rows[0]["reason"] = "; ".join(filter(None, notes))
    return known


def _cut(place, signals, seconds, one_of_several, window_s, hop_s) -> list[tuple[dict, dict]]:
    """Row of the table and signals of every window of a recording; counts go into the rows of the report."""
    even = [signal for signal in signals.values() if not np.isnan(signal.rate_hz)]
    if not even:
        raise GaitDataError(f"{place.recording}: none of its signals can be read; repair its files")
    start_s, end_s = min(s.start_s for s in even), max(s.end_s for s in even)
    if seconds is not None and one_of_several:
        seconds = seconds[seconds["second"].between(start_s, end_s, inclusive="left")]
    labelled = seconds is not None and len(seconds) > 0
    if labelled:
        first_s, last_s = seconds["second"].iloc[0], seconds["second"].iloc[-1] + 1
        if not (first_s < end_s and start_s < last_s):
            hours = (first_s - start_s) / 3600
            raise GaitDataError(
                f"{place.recording}: its labels start {hours:+.2f} h from its signals and do not overlap with them: "
                "another time zone, or those of another recording? Write both in UTC"
            )
        start_s, end_s = first_s, last_s
    offsets_s = hop_s * np.arange(max(0, int((end_s - start_s - window_s + ROUNDING_S) // hop_s) + 1))
    if not len(offsets_s):
        raise GaitDataError(
            f"{place.recording}: {end_s - start_s:g} s{' with labels' * labelled}, shorter than a window of "
            f"{window_s:g} s; give a shorter window_s to load_empatica_e4"
        )
    cuts = {name: _cut_signal(signal, start_s, offsets_s, window_s) for name, signal in signals.items()}
    covered = np.array([[cut is not None for cut in of_signal] for of_signal in cuts.values()]).any(axis=0)
    for signal in signals.values():
        signal.row["left_out"] = int((~covered).sum())
    if not covered.any():
        raise GaitDataError(f"{place.recording}: no signal covers any of {len(covered)} windows; repair its files")
    targets = _targets(seconds, start_s + offsets_s, window_s) if labelled else {}
    trials = []
    for i in np.flatnonzero(covered):
        row = {
            "trial": f"{place.recording}_{i:04d}",
            "subject": place.subject,
            "walk": place.recording,
            "label": None,
            "source": place.folder,
            "start_s": float(offsets_s[i]),
            **{name: values[i] for name, values in targets.items()},
        }
        trials.append((row, {name: of_signal[i] for name, of_signal in cuts.items()}))
    return trials


def _cut_signal(signal: Signal, start_s: float, offsets_s, window_s: float) -> list[tuple | None]:
    """Values, original sample numbers and times of every window, None where the signal does not cover it."""
    from_s = start_s - signal.start_s + offsets_s
    begin, end = (np.searchsorted(signal.time_s, edge - ROUNDING_S) for edge in (from_s, from_s + window_s))
    if np.isnan(signal.rate_hz):
        covers = end > begin
    else:  # no sample of its grid is missing at either end
        step_s = 1 / signal.rate_hz
        lasts_s = len(signal.values) * step_s
        covers = (from_s > ROUNDING_S - step_s) & (from_s + window_s < lasts_s + ROUNDING_S)
    cuts, numbers_of, shared = [], np.arange(len(signal.values)), {}
    flat = 0
    for first, last, at_s, whole in zip(begin, end, from_s, covers, strict=True):
        values = signal.values[first:last]
        if not whole or np.isnan(values).all():
            cuts.append(None)
            continue
        flat += bool((np.nanmin(values, axis=0) == np.nanmax(values, axis=0)).all()) and not np.isnan(signal.rate_hz)
        times_s = np.round(signal.time_s[first:last] - at_s, 9)
        times_s = shared.setdefault(times_s.tobytes(), times_s)  # of all windows that the grid meets alike
        cuts.append((values, numbers_of[first:last], times_s))
    kept = np.zeros(len(signal.values) + 1, int)
    used = np.array([cut is not None for cut in cuts])
    np.add.at(kept, begin[used], 1)
    np.add.at(kept, end[used], -1)
    n_kept = int((np.cumsum(kept)[:-1] > 0).sum())
    signal.row.update(frames_kept=n_kept, windows=len(cuts), uncovered=int((~used).sum()), flat=flat)
    return cuts


def _targets(seconds, starts_s, window_s) -> dict[str, np.ndarray]:
    """Targets of every window, and how many labelled seconds it holds that no earlier window held."""
    at_s = seconds["second"].to_numpy()
    begin, end = (np.searchsorted(at_s, edge - ROUNDING_S) for edge in (starts_s, starts_s + window_s))
    made = {name: np.full(len(begin), np.nan) for name in KINDS}
    for i, (first, last) in enumerate(zip(begin, end, strict=True)):
        for name in KINDS:
            values = seconds[name].to_numpy()[first:last]
            values = values[~np.isnan(values)]
            if len(values) and len(values) >= KNOWN_SHARE * window_s and (name != "stress" or np.ptp(values) == 0):
                made[name][i] = values.mean()
    return made | {"labelled_seconds": end - np.maximum(begin, np.concatenate([[0], end[:-1]]))}


def _modality(kind: Kind, cuts: list) -> Modality:
    parts = [object_array([None if cut is None else cut[part] for cut in cuts]) for part in range(3)]
    return Modality("sequence", kind.channels, kind.unit, *parts)
