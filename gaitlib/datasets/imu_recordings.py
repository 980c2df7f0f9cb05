"""Recordings of inertial sensors, any number of datasets together.

Layout: a folder a dataset, ``<dataset>/<subject>_<session>.csv`` with a header (``acc_x`` to ``acc_z``, where there is
a gyroscope ``gyro_x`` to ``gyro_z``, and ``time_s``, in any order) and, where it is known, ``<dataset>/labels.csv``
(``file``, ``subject``, ``activity``, ``sampling_rate_hz``; further columns become those of the trial table). Also
``<dataset>/S.../*.csv``, a folder a subject, without a header: 6 columns (acceleration, rotation rate), or 7 with the
time in front. ``docs/imu_datasets.md`` says how published datasets are brought into it.

References
----------
Truong C. and others (2019). A data set for the study of human locomotion with inertial measurements units. Image
Processing On Line 9, 381-390. https://doi.org/10.5201/ipol.2019.265

Sucerquia A., Lopez J. D., Vargas-Bonilla J. F. (2017). SisFall: a fall and movement dataset. Sensors 17(1), 198.
https://doi.org/10.3390/s17010198
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.datasets import azure_pressure, empatica_e4, kinect_v2, pose
from gaitlib.datasets.tools.files import FileTree, open_tree
from gaitlib.datasets.tools.imu_files import (
    LABEL_COLUMNS,
    RECORDING,
    Headers,
    Spot,
    find_recordings,
    read_labels,
    told_of,
    with_subjects,
)
from gaitlib.datasets.tools.imu_signals import SENSORS, Recording, count_saturated, make_recording
from gaitlib.datasets.tools.imu_units import SCALE, UNITS, Found, check_told, find_units, refuse_other_unit
from gaitlib.datasets.tools.number_tables import REMEDY, load_files
from gaitlib.datasets.tools.written_folder import synthetic_marks
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import ACC_UNIT, GYRO_UNIT
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME, SYNTHETIC_NAME = "inertial recordings", "SYNTHETIC inertial recordings"
PLACES = {"ipol2019": "left foot", "sisfall": "waist", "weda_fall": "wrist"}
STANDARD = {"acc": ACC_UNIT, "gyro": GYRO_UNIT}


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout, or nothing but several archives, which may.

    Its names are loose: files of another layout are not claimed.
    """
    if any(layout.recognises(names) for layout in (kinect_v2, azure_pressure, empatica_e4, pose)):
        return False
    others = [name for name in names if name != "README.md"]
    if len(others) > 1 and all(name.lower().endswith(".zip") for name in others):
        return True
    return any(_looks_like_one(name) for name in names)


def _looks_like_one(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    in_subjects = folder.rpartition("/")[2].startswith("S") and file.lower().endswith(".csv")
    return in_subjects or bool(RECORDING.fullmatch(file))


def load_imu(path, units=None, places=None, skip_bad: bool = False) -> TrialSet:
    """Load recordings of accelerometers and gyroscopes; :func:`gaitlib.load_trials` does so without options.

    Units are told by the numbers of each dataset, which is likely right but not certain: ``trials.report`` says what
    was found and by what. Repaired and counted: times rounded until they repeat (replaced by even ones), single
    repeated times (dropped), missing values of up to 0.1 s (a straight line) and at the ends (cut). A gyroscope with a
    channel that never changes is left out of its recording. Counted and kept: gaps in time, frames at the end of the
    sensor's range.

    Parameters
    ----------
    path : str, Path or list of them
        A folder or .zip (read in place) with a folder a dataset, one dataset's folder alone, or a folder of such .zip.
    units : dict of str to (str, str), "detected" or None
        Units of acceleration ("g" or "m/s2") and rotation rate ("deg/s" or "rad/s") of datasets, by name; these are
        converted to m/s2 and rad/s, as are all with "detected". None converts nothing.
    places : dict of str to str, optional
        Where on the body the sensor was, by dataset. Known are those of ipol2019, sisfall and weda_fall. A column
        "place" of the label file wins.
    skip_bad : bool
        Leave bad files out and list them in the report. By default the first bad file raises.

    Returns
    -------
    TrialSet
        Modality "acc" and, where there is a gyroscope, "gyro", as recorded, each with its times. The trial is
        ``<dataset>/<file>`` and its own walk, the subject ``<dataset>/<subject>`` (by the label file, else the part of
        the file's name before the first "_", or its folder), the label the activity. Further columns: ``dataset``,
        ``place``, ``rate_hz``, ``gravity`` ("included", "removed", or "" where the numbers do not tell), and those of
        the label files.

    Raises
    ------
    GaitDataError
        For the first bad file, naming row and column; where datasets have different units and it is not told how to
        convert them; where a told unit is contradicted by the numbers; for a dataset that is not there.
    """
    paths = [path] if isinstance(path, str | Path) else list(path)
    return _load([open_tree(one) for one in paths], skip_bad, units, dict(places or {}))


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read the files of a tree: :func:`load_imu`."""
    return _load([tree], skip_bad, None, {})


@dataclass(frozen=True, eq=False)
class _Trial:
    name: str
    tree: FileTree
    spot: Spot
    recording: Recording
    told: pd.Series | None


def _load(trees, skip_bad, units, places) -> TrialSet:
    began = time.perf_counter()
    trials, rows, ignored, notes = [], [], [], []
    trees = [inner for tree in trees for inner in _with_archives(tree, skip_bad, rows, ignored)]
    where, marked = {}, False
    for tree in trees:
        found, read_rows, others, said = _read_tree(tree, skip_bad)
        for dataset in {trial.spot.dataset for trial in found}:
            if (other := where.setdefault(dataset, tree)) is not tree:
                raise GaitDataError(f"{other.path} and {tree.path} both hold a dataset '{dataset}'; rename one")
        marks = synthetic_marks(others)
        marked |= bool(marks)
        trials, rows, notes = trials + found, rows + read_rows, notes + said
        ignored += sorted(set(others) - marks)
    if not trials:
        why = next((row["reason"] for row in rows if row.get("reason")), "no <dataset>/<subject>_<session>.csv")
        raise GaitDataError(f"{', '.join(str(tree.path) for tree in trees)}: no usable recording; {why}")
    trials.sort(key=lambda trial: (trial.spot.dataset, trial.spot.stem))
    datasets = sorted(where)
    _refuse_unknown(datasets, units, places)
    found, kept = {}, []
    for dataset in datasets:
        own = [trial for trial in trials if trial.spot.dataset == dataset]
        found[dataset] = find_units([trial.recording for trial in own])
        own = _of_one_unit(own, found[dataset], skip_bad)
        count_saturated([trial.recording for trial in own])
        kept += own
    final = _convert(kept, found, units, notes)
    notes += _same_names(kept)
    table = _table(kept, found, PLACES | places)
    report = LoadReport.from_rows(rows, ignored, time.perf_counter() - began, tuple(notes))
    title = f"{SYNTHETIC_NAME if marked else NAME} ({', '.join(datasets)})"
    return TrialSet(table, _modalities(kept, final), title, report=report)


def _with_archives(tree: FileTree, skip_bad: bool, rows: list[dict], ignored: list[str]):
    """The tree, or the archives that a folder is made of."""
    archives = [name for name in tree.names if name.lower().endswith(".zip") and "/" not in name]
    if tree.archive is not None or not archives or find_recordings(tree)[0]:
        yield tree
        return
    ignored += sorted(set(tree.names) - set(archives))
    for name in archives:
        try:
            inner = open_tree(tree.path / name)
            if not recognises(inner.names):
                raise GaitDataError(
                    f"{inner.path}: holds no inertial recordings; give the folder or .zip of one dataset"
                )
            yield inner
        except GaitDataError as error:
            if not skip_bad:
                raise
            rows.append({"file": name, "status": "skipped", "reason": str(error)})


def _read_tree(tree: FileTree, skip_bad: bool) -> tuple[list[_Trial], list[dict], list[str], list[str]]:
    """The recordings of a tree, rows of the report, the other files, and what is to be said."""
    spots, label_files = find_recordings(tree)
    labels = {folder: read_labels(tree, name) for folder, name in label_files.items()}
    spots = with_subjects(spots, labels)
    told = {name: told_of(spot, name, labels) for name, spot in spots.items()}
    headers = Headers(spots)

    def make(name, table, row):
        rate_hz = np.nan if told[name] is None else told[name]["sampling_rate_hz"]
        first_row = 1 + headers.has_header[name]
        return make_recording(name, table, headers.columns[name], rate_hz, row, first_row)

    made, rows = load_files(tree, sorted(spots), headers.row_format, make, skip_bad)
    trials = [_Trial(name, tree, spots[name], recording, told[name]) for name, recording in made.items()]
    rows += [{"file": name, "status": "ok"} for name in label_files.values()]
    others = sorted(set(tree.names) - set(spots) - set(label_files.values()))
    return trials, rows, others, _said_of_files(spots, labels, told, headers)


def _said_of_files(spots, labels, told, headers) -> list[str]:
    """Labels without a recording, recordings without a label, headers where none are usual."""
    said = []
    for folder, table in labels.items():
        own = [name for name, spot in spots.items() if spot.folder == folder]
        dataset = spots[own[0]].dataset if own else folder
        named = {told[name].name for name in own if told[name] is not None}
        said += _listed(f"{dataset}: labels without a recording", [file for file in table.index if file not in named])
        said += _listed(f"{dataset}: recordings without a label", [name for name in own if told[name] is None])
    headed = [n for n, has in headers.has_header.items() if has and spots[n].headerless]
    return said + _listed("recordings in a subject's folder that have a header, which was read", headed)


def _listed(what: str, names: list[str]) -> list[str]:
    return [f"{len(names)} {what}: {', '.join(names[:10])}{' ...' * (len(names) > 10)}"] if names else []


def _refuse_unknown(datasets, units, places) -> None:
    if not (units is None or units == "detected" or isinstance(units, Mapping)):
        raise GaitDataError(f'units is "detected", or a dict as {{"ipol2019": ("g", "deg/s")}}; not {units!r}')
    for option, given in (("units", units if isinstance(units, Mapping) else {}), ("places", places)):
        if unknown := [name for name in given if name not in datasets]:
            raise GaitDataError(f"{option}: no dataset '{unknown[0]}' here; there are {', '.join(datasets)}")
    for dataset, pair in units.items() if isinstance(units, Mapping) else ():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or any(
            unit not in UNITS[sensor] for sensor, unit in zip(SENSORS, pair, strict=True)
        ):  # fmt: skip
            raise GaitDataError(
                f"units of '{dataset}': expected a pair of {' or '.join(UNITS['acc'])} and "
                f"{' or '.join(UNITS['gyro'])}, not {pair!r}"
            )


def _of_one_unit(trials: list[_Trial], found: Found, skip_bad: bool) -> list[_Trial]:
    kept = []
    for trial in trials:
        try:
            refuse_other_unit(trial.name, trial.recording, found)
            kept.append(trial)
        except GaitDataError as error:
            if not skip_bad:
                raise GaitDataError(f"{error}; {REMEDY}") from None
            trial.recording.row.update(status="skipped", reason=str(error), frames_kept=0)
    return kept


def _convert(trials: list[_Trial], found: dict[str, Found], units, notes: list[str]) -> dict[str, str]:
    """Convert what is to be converted; the unit of each sensor, which all datasets share."""
    final = {sensor: {} for sensor in SENSORS}
    for dataset, told_by_numbers in found.items():
        detected = told_by_numbers.units
        if units == "detected":
            now = detected
        else:
            given = (units or {}).get(dataset)
            now = None if given is None else {s: u for s, u in zip(SENSORS, given, strict=True) if s in detected}
        for sensor, unit in detected.items():
            likely = f"likely {unit}" if unit else "of a unit that they do not tell"
            notes.append(f"{dataset}: '{sensor}' is {likely} by its numbers ({told_by_numbers.evidence[sensor]})")
        notes.append(f"{dataset}: gravity {told_by_numbers.gravity or 'unknown: its numbers do not tell'}")
        if now is None:
            for sensor, unit in detected.items():
                final[sensor][dataset] = unit
            continue
        if unknown := [sensor for sensor, unit in now.items() if not unit]:
            raise GaitDataError(
                f"{dataset}: the numbers of '{unknown[0]}' do not tell their unit "
                f"({told_by_numbers.evidence[unknown[0]]}); give it: {_example(found)}"
            )
        check_told(dataset, now, told_by_numbers)
        own = [trial.recording for trial in trials if trial.spot.dataset == dataset]
        for sensor, unit in now.items():
            final[sensor][dataset] = STANDARD[sensor]
            if SCALE[unit] != 1:
                changed = [r for r in own if sensor in r.values]
                for recording in changed:
                    recording.values[sensor] = recording.values[sensor] * np.float32(SCALE[unit])
                    recording.row["converted"] = 1
                notes.append(
                    f"{dataset}: '{sensor}' of {len(changed)} files converted from {unit} to {STANDARD[sensor]}"
                )
    for sensor, by_dataset in final.items():
        if len(set(by_dataset.values())) > 1:
            listed = ", ".join(f"{name} {unit or 'unknown'}" for name, unit in by_dataset.items())
            raise GaitDataError(
                f"the datasets have '{sensor}' in different units, by their numbers ({listed}); say which to convert "
                f'with gaitlib.load_imu(path, {_example(found)}) or with units="detected"'
            )
    return {sensor: next(iter(by_dataset.values()), "") for sensor, by_dataset in final.items()}


def _example(found: dict[str, Found]) -> str:
    pairs = {
        name: (told.units["acc"] or "m/s2", told.units.get("gyro") or "rad/s")
        for name, told in found.items()
        if any(unit != STANDARD[sensor] for sensor, unit in told.units.items())
    }
    return f"units={pairs}"


def _same_names(trials: list[_Trial]) -> list[str]:
    people = pd.DataFrame([(t.spot.subject, t.spot.dataset) for t in trials], columns=["subject", "dataset"])
    several = people.groupby("subject")["dataset"].nunique()
    names = several.index[several > 1].tolist()
    return _listed("subjects' names stand in several datasets and are different people", names)


def _table(trials: list[_Trial], found, places) -> pd.DataFrame:
    rows = []
    for trial in trials:
        told = {} if trial.told is None else trial.told.drop(list(LABEL_COLUMNS[1:])).to_dict()
        ids = {
            "trial": f"{trial.spot.dataset}/{trial.spot.stem}",
            "subject": f"{trial.spot.dataset}/{trial.spot.subject}",
        }
        place = told.pop("place", "") or places.get(trial.spot.dataset, "")
        rows.append({
            **ids,
            "walk": ids["trial"],
            "label": None if trial.told is None else trial.told["activity"],
            "source": str(trial.tree.path / trial.name),
            "dataset": trial.spot.dataset,
            "place": place,
            "rate_hz": trial.recording.rate_hz,
            "gravity": found[trial.spot.dataset].gravity,
            **told,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    if (twice := table["trial"].duplicated()).any():
        raise GaitDataError(f"two recordings are called '{table['trial'][twice.idxmax()]}'; rename one")
    return table


def _modalities(trials: list[_Trial], units) -> dict[str, Modality]:
    made = {}
    for sensor, channels in SENSORS.items():
        there = [trial.recording if sensor in trial.recording.values else None for trial in trials]
        columns = [
            object_array([None if r is None else get(r) for r in there])
            for get in (lambda r, s=sensor: r.values[s], lambda r: r.frames, lambda r: r.time_s)
        ]
        if any(there):
            made[sensor] = Modality("sequence", channels, units[sensor], *columns)
    return made
