"""Clinical ground-reaction forces of healthy people and of patients (Slijepcevic et al. 2021).

Layout: MATLAB files ``..._aff-unaff-<normalisation>_<classes>_.mat``, each with the trials of some classes
("1-3": healthy and knee). Those of one normalisation belong together: their healthy trials are the same.

References
----------
Slijepcevic D., Horst F., Lapuschkin S., Horsak B., Raberger A.-M., Kranzl A., Samek W., Breiteneder C.,
Schoellhorn W. I., Zeppelzauer M. (2021). Explaining machine learning models for clinical gait analysis. ACM
Transactions on Computing for Healthcare 3(2), 14. https://doi.org/10.1145/3474121
"""

import re
import time

import numpy as np
import pandas as pd

from gaitlib.datasets.tools.files import FileTree
from gaitlib.datasets.tools.matlab_files import numbers, one_hot, read_variables, texts
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport

NAME = "clinical ground-reaction forces"
FILE_NAME = re.compile(r"(?:^|/)([^/]*aff-unaff-[A-Za-z]+)_(\d(?:-\d)*)_((?:shearzero_)?)\.mat$", re.IGNORECASE)
VARIABLES = ("Feature", "Feature_GRF_AV_Label", "Target_Injury", "Target_Subject")
CLASSES = ("healthy", "ankle", "knee", "hip")  # 1 to 4 in file names
N_FRAMES = 101
FEET = ("affected", "unaffected")
CHANNELS = tuple(f"{foot}_{force}" for foot in FEET for force in ("fore_aft", "medio_lateral", "vertical"))
FILE_CHANNELS = tuple(
    f"ground reaction force - {foot} foot - {force}"
    for foot in FEET
    for force in ("fore-aft shear force", "medial-lateral shear force", "vertical force")
)
SHEAR_OF_FEET = ((0, 1), (3, 4))  # channels; the two labels of each foot may be swapped
LARGEST_FORCE = 3.0  # body weights; walking stays below 1.5
ROUNDING = 5e-5  # between the copies of a healthy trial


def recognises(names: list[str]) -> bool:
    """Whether a tree holds files of this layout."""
    return any(FILE_NAME.search(name) for name in names)


def load(tree: FileTree, skip_bad: bool = False) -> TrialSet:
    """Read the files of one variant and put them together; a trial that several files hold is taken once.

    Without normalisation the forces are in body weights, and that variant is read where a folder holds several;
    give the path of a single file for another ("MM": scaled to 0 to 1; "shearzero": shear set to 0).

    The files' labels of the two shear forces are swapped in the published set. They are told by the mean curve of
    each file: fore-aft brakes, then propels (odd about mid-stance), medio-lateral keeps its sign (even). The
    channels carry the name of what they are; the report says where that differs from the file's label. Where the
    shear was set to 0 the order of the published files is taken.

    Parameters
    ----------
    tree : FileTree
    skip_bad : bool
        Leave refused files out and list them in the report, instead of raising.

    Returns
    -------
    TrialSet
        Modality "grf", (101, 6): 0 to 100 % of the stance of the affected and of the unaffected foot; of healthy
        people both are healthy. Fore-aft is negative while braking; medio-lateral is positive for most of stance on
        both sides. Label "healthy", "ankle", "knee" or "hip"; further columns ``repetition`` (the trial's number
        within its subject, as ordered in the file, from 1) and ``disorder`` ("healthy" or "disorder").

    Raises
    ------
    GaitDataError
        If variables, shapes or values are not those of the layout, two files disagree on a trial, or it is not
        clear which variant is meant.
    """
    start = time.perf_counter()
    names = _one_variant(tree)
    made, rows = {}, []
    for name in names:
        row = {"file": name}
        try:
            trials, notes = _read(tree, name)
            repeated = _check_repeated(name, trials, made)
        except GaitDataError as error:
            if not skip_bad:
                raise
            rows.append(row | {"status": "skipped", "reason": str(error)})
            continue
        made = trials | made
        notes += [f"{repeated} trials are in an earlier file too"] * (repeated > 0)
        row |= {"frames_read": N_FRAMES * len(trials), "frames_kept": N_FRAMES * (len(trials) - repeated)}
        rows.append(row | {"status": "repaired" if notes else "ok", "reason": "; ".join(notes)})
    if not made:
        raise GaitDataError(f"{tree.path}: no usable file among {len(names)}; see what was wrong: {rows[0]}")
    made = sorted(made.values(), key=lambda trial: trial[0]["trial"])
    report = LoadReport.from_rows(rows, sorted(set(tree.names) - set(names)), time.perf_counter() - start)
    table = pd.DataFrame([row for row, _ in made])
    grf = Modality(
        "sequence",
        CHANNELS,
        "body weights" if _is_body_weights(names[0]) else "scaled",
        object_array([values.astype(np.float32) for _, values in made]),
        object_array([np.arange(N_FRAMES) for _ in made]),
        object_array([None for _ in made]),  # percent of stance, not seconds
    )
    return TrialSet(table, {"grf": grf}, NAME, report=report)


def _is_body_weights(name: str) -> bool:
    return FILE_NAME.search(name)[1].endswith("-nonorm")


def _one_variant(tree: FileTree) -> list[str]:
    """The files that belong together: the forces in body weights with their shear, else the only variant."""
    variants = {}
    for name in sorted(name for name in tree.names if FILE_NAME.search(name)):
        what, _, shear = FILE_NAME.search(name).groups()
        variants.setdefault((what, shear), []).append(name)
    plain = [files for (_, shear), files in variants.items() if _is_body_weights(files[0]) and not shear]
    chosen = plain or list(variants.values())
    if len(chosen) > 1:
        found = ", ".join(files[0] for files in chosen)
        raise GaitDataError(f"{tree.path}: holds several variants ({found}); give the path of one file")
    return chosen[0]


def _read(tree: FileTree, name: str) -> tuple[dict, list[str]]:
    """Row of the table and forces (101, 6) of every trial, by subject and repetition; and what was repaired."""
    variables = read_variables(tree, name, VARIABLES)
    forces = numbers(name, variables, "Feature", (None, len(CHANNELS), N_FRAMES))
    classes = one_hot(name, variables, "Target_Injury", (len(forces), len(CLASSES)))
    subjects = one_hot(name, variables, "Target_Subject", (len(forces), None))
    labels = texts(name, variables, "Feature_GRF_AV_Label", len(CHANNELS))
    if wrong := [label for label, known in zip(labels, FILE_CHANNELS, strict=True) if label != known]:
        raise GaitDataError(f"{name}: unknown channel '{wrong[0]}'; expected {'; '.join(FILE_CHANNELS)}")
    held = "-".join(str(number + 1) for number in sorted(set(classes)))
    if held != FILE_NAME.search(name)[2]:
        raise GaitDataError(f"{name}: holds the classes {held}, its name says {FILE_NAME.search(name)[2]}")
    if _is_body_weights(name) and np.abs(forces).max() > LARGEST_FORCE:
        trial = np.abs(forces).max(axis=(1, 2)).argmax()
        raise GaitDataError(
            f"{name}: trial {trial + 1} reaches {np.abs(forces[trial]).max():.3g} body weights; "
            f"expected at most {LARGEST_FORCE:g}: not scaled to body weight?"
        )
    table = pd.DataFrame({"subject": subjects + 1, "class": classes})
    held = table.groupby("subject")["class"].nunique()
    if held.max() > 1:
        raise GaitDataError(f"{name}: subject {held.idxmax()} has trials of two classes")
    order, notes = _shear_order(name, forces)
    repetitions = table.groupby("subject").cumcount() + 1
    trials = {}
    for subject, repetition, number, values in zip(table["subject"], repetitions, classes, forces, strict=True):
        trial = f"s{subject:03d}/{repetition}"
        row = {
            "trial": trial,
            "subject": f"s{subject:03d}",
            "walk": trial,
            "label": CLASSES[number],
            "source": name,
            "repetition": repetition,
            "disorder": "disorder" if number else "healthy",
        }
        trials[trial] = row, values[order].T
    return trials, notes


def _shear_order(name: str, forces) -> tuple[list[int], list[str]]:
    """Which rows of the file are the channels in our order; and what to say where its labels are swapped."""
    order, swapped = list(range(len(CHANNELS))), []
    for foot, pair in zip(FEET, SHEAR_OF_FEET, strict=True):
        odd = [_odd_share(forces[:, row].mean(axis=0)) for row in pair]
        if np.isnan(odd).all():  # set to 0: both rows are alike
            continue
        if not min(odd) < 0.5 < max(odd):
            raise GaitDataError(
                f"{name}: the two shear forces of the {foot} foot cannot be told by their mean curves (odd about "
                f"mid-stance by {odd[0]:.2f} and {odd[1]:.2f}; expected one below and one above 0.5)"
            )
        if odd[0] < odd[1]:
            order[pair[0]], order[pair[1]] = pair[::-1]
            swapped.append(foot)
    return order, [f"labels of the two shear forces swapped ({' and '.join(swapped)} foot)"] * bool(swapped)


def _odd_share(curve) -> float:
    """How much of a curve's variance is odd about its middle: 1 for a full sine, 0 for half of one; NaN if flat.

    Examples
    --------
    >>> stance = np.linspace(0, np.pi, 101)
    >>> bool(_odd_share(np.sin(2 * stance)) > 0.999), bool(_odd_share(np.sin(stance)) < 0.001)
    (True, True)
    """
    curve = curve - curve.mean()
    power = curve @ curve
    return float(np.square(curve - curve[::-1]).sum() / 4 / power) if power else np.nan


def _check_repeated(name: str, trials: dict, earlier: dict) -> int:
    """How many trials were read before; by subject and order, as copies may differ by rounding."""
    repeated = trials.keys() & earlier.keys()
    for trial in sorted(repeated):
        (row, values), (other, known) = trials[trial], earlier[trial]
        difference = np.abs(values - known).max()
        if row["label"] != other["label"] or difference >= ROUNDING:
            raise GaitDataError(
                f"{name}: trial {trial} ({row['label']}) is not the one of {other['source']} ({other['label']}): "
                f"they differ by {difference:.2g}, expected below {ROUNDING:g}; give files of one edition"
            )
    return len(repeated)
