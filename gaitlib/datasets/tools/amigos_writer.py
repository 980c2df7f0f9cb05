"""Write trials as the very files of the AMIGOS layout."""

import re
from pathlib import Path

import numpy as np
from scipy.io import savemat

from gaitlib.datasets import amigos
from gaitlib.datasets.tools.written_folder import make_folder, new_folder
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet

SUBJECT = re.compile(r"p(\d\d+)")
STIMULUS = re.compile(r"video(\w+)", re.ASCII)


def write_amigos(trials: TrialSet, folder) -> Path:
    """Write trials in the AMIGOS layout: a file ``Data_Preprocessed_P01.mat`` a person.

    :func:`gaitlib.load_trials` reads equal trials back. A modality that a trial lacks becomes NaN. The seven basic
    emotions of the self-assessment, which are not read, are written as 0. A file ``SYNTHETIC.txt`` marks trials whose
    name says that they are synthetic.

    Parameters
    ----------
    trials : TrialSet
        As :func:`gaitlib.datasets.load_amigos` and :func:`gaitlib.synthetic_physiology` give them, in any order, with
        every segment of each video. Other columns of the table are not written.
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
    _check(trials)
    files = {}
    for subject in sorted(set(trials.subjects)):
        of_person = trials[trials.subjects == subject]
        stimuli = sorted(set(of_person.table["stimulus"]))
        videos = [_video(of_person[(of_person.table["stimulus"] == s).to_numpy()]) for s in stimuli]
        variables = dict(zip((amigos.SIGNALS, amigos.RATINGS, amigos.SELF), zip(*videos, strict=True), strict=True))
        variables[amigos.VIDEOS] = [STIMULUS.fullmatch(stimulus)[1] for stimulus in stimuli]
        files[f"Data_Preprocessed_P{SUBJECT.fullmatch(subject)[1]}.mat"] = {k: _row(v) for k, v in variables.items()}
    make_folder(folder, trials.name)
    for name, variables in files.items():
        savemat(folder / name, variables, do_compression=True)
    return folder


def _row(cells) -> np.ndarray:
    """A cell array (1, n)."""
    made = np.empty((1, len(cells)), dtype=object)
    for i, cell in enumerate(cells):
        made[0, i] = cell
    return made


def _check(trials: TrialSet) -> None:
    for name, modality in trials.modalities.items():
        if amigos.CHANNELS.get(name) != modality.channels or amigos.UNITS[name] != modality.unit:
            raise GaitDataError(
                f"modality '{name}' with {len(modality.channels)} channels in '{modality.unit}': the layout holds "
                f"{', '.join(f'{m} ({len(c)} channels)' for m, c in amigos.CHANNELS.items())} as loaded; write trials "
                "before any step changes them"
            )
    if lacking := [c for c in ("stimulus", "segment", *amigos.RATED) if c not in trials.table]:
        raise GaitDataError(f"the trials have no '{lacking[0]}', which the layout needs")
    for _, row in trials.table.iterrows():
        if not SUBJECT.fullmatch(str(row["subject"])) or not STIMULUS.fullmatch(str(row["stimulus"])):
            raise GaitDataError(
                f"{row['trial']}: the layout needs subjects like 'p01' and stimuli like 'video01', not "
                f"'{row['subject']}' and '{row['stimulus']}'"
            )
        expected = amigos.trial_row(int(row["subject"][1:]), row["stimulus"], int(row["segment"]))
        if any(row[column] != expected[column] for column in ("trial", "subject", "walk")):
            raise GaitDataError(f"{row['trial']}: the layout needs the id '{expected['trial']}', as loaded")


def _video(trials: TrialSet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signals, ratings and self-assessment of one video watched by one person."""
    trials = trials[np.argsort(trials.table["segment"])]
    table, walk = trials.table, trials.walks[0]
    if table["segment"].tolist() != list(range(len(table))):
        raise GaitDataError(f"{walk}: the layout needs the segments 0 to {len(table) - 1}, each once")
    ratings = np.column_stack([np.arange(1, len(table) + 1), *(table[target] for target in amigos.RATED)])
    said = table.reindex(columns=amigos.SELF_RATED)
    if said.nunique(dropna=False).max() > 1:
        raise GaitDataError(f"{walk}: the person rates a video as a whole; here segments differ in it")
    signals = np.concatenate([_signals(trial) for trial in trials])
    borders = amigos.borders_of(len(signals), len(table))
    if [_length(trial) for trial in trials] != np.diff(borders).tolist():
        raise GaitDataError(f"{walk}: the layout cuts a video into equal parts; these are of other lengths")
    if said.isna().all(axis=None):
        return signals, ratings, np.empty((1, 0))
    return signals, ratings, np.pad(said.to_numpy(float)[:1], [(0, 0), (0, amigos.N_SELF - said.shape[1])])


def _length(trial: TrialSet) -> int:
    """Samples of a trial, the same in all its modalities."""
    lengths = {len(m.values[0]) for m in trial.modalities.values() if m.values[0] is not None}
    rates = {
        float(np.round(1 / np.median(np.diff(m.time_s[0])), 3)) if m.time_s[0] is not None else None
        for m in trial.modalities.values()
        if m.values[0] is not None and len(m.values[0]) > 1
    }
    if len(lengths) != 1 or not rates <= {amigos.RATE_HZ}:
        raise GaitDataError(f"{trial.ids[0]}: the layout needs signals of one length at {amigos.RATE_HZ:g} Hz")
    return lengths.pop()


def _signals(trial: TrialSet) -> np.ndarray:
    """The columns of the file (samples, 17)."""
    missing = {m: np.full((_length(trial), len(channels)), np.nan) for m, channels in amigos.CHANNELS.items()}
    there = {m: modality.values[0] for m, modality in trial.modalities.items() if modality.values[0] is not None}
    return np.concatenate(list((missing | there).values()), axis=1)
