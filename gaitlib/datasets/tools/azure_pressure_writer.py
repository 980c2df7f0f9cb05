"""Write trials as the very files of the Azure Kinect and pressure layout."""

import re
from pathlib import Path

import numpy as np

from gaitlib.datasets import azure_pressure
from gaitlib.datasets.tools.written_folder import make_folder, new_folder
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import repair
from gaitlib.trials import TrialSet
from gaitlib.trials.conventions import GAITS

TRIAL_ID = re.compile(rf"subject(\d+)/({'|'.join(GAITS)})/(\d+)")
FIRST_ROW = np.datetime64("2020-09-01T11:38:38.411")
POSITIONS = ",%.6f" * len(azure_pressure.CHANNELS) + ",\n"
IMAGE = ("%d," * (azure_pressure.IMAGE_SHAPE[1] - 1) + "%d\n") * azure_pressure.IMAGE_SHAPE[0]


def write_azure_pressure(trials: TrialSet, folder) -> Path:
    """Write trials in the published layout: ``subject{S}/{gait}/trial{T}/skeleton.csv`` and ``pressure.csv``.

    :func:`gaitlib.load_trials` reads equal trials back, ids, frame numbers, times and values, where positions have
    6 decimals and times start at 0 and are in milliseconds; others are rounded, and times counted from the first row.
    As in the published files, a missing frame is the row before it once more, with its time. A file
    ``SYNTHETIC.txt`` marks trials whose name says that they are synthetic.

    Parameters
    ----------
    trials : TrialSet
        Modalities "skeleton" (32 Azure Kinect joints, metres, with frame numbers from 0 and times) and "pressure"
        (128, 48); a trial may lack one. Ids like ``subject01/stiff_legged/20``. Further columns of the table are
        not written.
    folder : str or Path
        A new or empty folder.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    GaitDataError
        If the folder holds something, or a trial does not fit the layout; then nothing is written.
    """
    folder = new_folder(folder)
    _check_modalities(trials)
    for trial in trials:
        _check_trial(trial)
    make_folder(folder, trials.name)
    for trial in trials:
        subject, gait, number = TRIAL_ID.fullmatch(trial.ids[0]).groups()
        place = folder / f"subject{int(subject)}" / gait.replace("_", "-") / f"trial{int(number)}"
        place.mkdir(parents=True)
        values, frames, time_s, image = _arrays(trial)
        if values is not None:
            (place / "skeleton.csv").write_text(_skeleton_text(values, frames, time_s), newline="")
        if image is not None:
            (place / "pressure.csv").write_text(IMAGE % tuple(image.ravel().tolist()), newline="")
    return folder


def _check_modalities(trials: TrialSet) -> None:
    channels = {"skeleton": azure_pressure.CHANNELS, "pressure": azure_pressure.IMAGE_CHANNELS}
    for name, modality in trials.modalities.items():
        if name not in channels:
            raise GaitDataError(f"the layout holds {' and '.join(channels)} only; leave the modality '{name}' out")
        if modality.channels != channels[name]:
            raise GaitDataError(
                f"modality '{name}': the layout needs the {len(channels[name])} channels {channels[name][0]} to "
                f"{channels[name][-1]}, not these {len(modality.channels)}; write trials before any step changes them"
            )
        if name == "skeleton" and modality.unit != "m":
            raise GaitDataError(f"'skeleton' is in '{modality.unit}', the layout in metres; write the raw trials")
    if trials.table["trial"].duplicated().any():
        raise GaitDataError("a trial id is there twice; a file can hold one of them only")


def _check_trial(trial: TrialSet) -> None:
    name = trial.ids[0]
    match = TRIAL_ID.fullmatch(name)
    expected = azure_pressure.trial_row(int(match[1]), match[2], int(match[3])) if match else {}
    if not match or trial.table.loc[0, list(expected)].to_dict() != expected:
        raise GaitDataError(
            f"{name}: the layout needs ids like subject01/normal/01, with subject 'subject01', label 'normal' and "
            f"the id itself as walk; here {trial.table.loc[0, ['subject', 'label', 'walk']].to_dict()}"
        )
    values, frames, time_s, image = _arrays(trial)
    if values is None and image is None:
        raise GaitDataError(f"{name}: neither skeleton nor pressure; leave the trial out")
    if image is not None:
        azure_pressure.check_image(name, image)
    if values is None:
        return
    if time_s is None:
        raise GaitDataError(f"{name}: the layout needs frame times; give rate_hz or time_s")
    if repair.garbage_frames(values, repair.LARGEST_COORDINATE_M).any():
        raise GaitDataError(f"{name}: values that are not finite, over 20 m, or a joint at exactly 0; repair them")
    if frames[0] != 0:
        raise GaitDataError(f"{name}: starts at frame {frames[0]}, the layout at 0; write trials before cropping them")
    usable = repair.usable_frames(name, np.round(time_s, 3)[_rows(frames)], {})
    if not np.array_equal(usable, frames):
        raise GaitDataError(f"{name}: times and frame numbers must advance from frame to frame, by at least 1 ms")


def _arrays(trial: TrialSet) -> tuple:
    """Positions, frame numbers, times and image of a trial, each None where it is not there."""
    skeleton, pressure = trial.modalities.get("skeleton"), trial.modalities.get("pressure")
    moving = (skeleton.values[0], skeleton.frames[0], skeleton.time_s[0]) if skeleton else (None, None, None)
    return *moving, pressure.values[0] if pressure else None


def _rows(frames: np.ndarray) -> np.ndarray:
    """For every row of the file the place of the frame that it shows: for a missing one, of the frame before."""
    return np.searchsorted(frames, np.arange(frames[-1] + 1), side="right") - 1


def _skeleton_text(values: np.ndarray, frames: np.ndarray, time_s: np.ndarray) -> str:
    stamps = np.datetime_as_string(FIRST_ROW + np.rint(time_s * 1000).astype("timedelta64[ms]"))
    times = [f"{t[:10].replace('-', '')}_{t[11:17]}-{t[17:]}" for t in stamps]  # the published stray minus
    lines = [t + POSITIONS % tuple(row) for t, row in zip(times, values.tolist(), strict=True)]
    return "".join(lines[r] for r in _rows(frames))
