"""Loaders: one file a published layout. :func:`load_trials` tells them apart."""

import time
from dataclasses import replace
from pathlib import Path

from gaitlib import trials
from gaitlib.datasets import (
    amigos,
    azure_pressure,
    clinical_grf,
    empatica_e4,
    gait_signature,
    imu_recordings,
    kinect_v2,
    pose,
    tools,
)
from gaitlib.datasets.amigos import load_amigos
from gaitlib.datasets.empatica_e4 import load_empatica_e4, state_changes
from gaitlib.datasets.imu_recordings import load_imu
from gaitlib.datasets.pose import load_pose
from gaitlib.datasets.pose_projection import project_to_pose
from gaitlib.datasets.tools import cache, files
from gaitlib.datasets.tools.amigos_writer import write_amigos
from gaitlib.datasets.tools.azure_pressure_writer import write_azure_pressure
from gaitlib.datasets.tools.imu_writer import write_imu
from gaitlib.datasets.tools.video_frames import frames_at
from gaitlib.datasets.video import pose_from_video
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import repair
from gaitlib.trials import TrialSet
from gaitlib.trials.report import LoadReport

LAYOUTS = {
    "Kinect v2 pathological gaits": kinect_v2,
    "Azure Kinect and pressure": azure_pressure,
    "clinical ground-reaction forces": clinical_grf,
    "gait signatures": gait_signature,
    "Empatica E4 wristband": empatica_e4,
    "AMIGOS": amigos,
    "inertial recordings": imu_recordings,
    "pose clips": pose,
}

__all__ = [
    "LoadReport", "frames_at", "load_amigos", "load_empatica_e4", "load_imu", "load_pose", "load_trials",
    "pose_from_video", "project_to_pose", "state_changes", "write_amigos", "write_azure_pressure", "write_imu",
]  # fmt: skip


def load_trials(path, skip_bad: bool = False, use_cache: bool = True) -> TrialSet:
    """Load the recordings in a folder, .zip (read in place, never extracted) or .mat.

    Parameters
    ----------
    path : str or Path
        A folder, a .zip, a folder that holds just one .zip, or a single .mat file of a published study.
    skip_bad : bool
        Leave bad files out and list them in ``trials.report.skipped()``. By default the first bad file raises.
    use_cache : bool
        Keep the parsed trials in ``$GAITLIB_CACHE`` (default ``~/.cache/gaitlib``), keyed by the names, sizes and
        times of the files and the loader's own code. A stale or damaged cache is rebuilt.

    Returns
    -------
    TrialSet
        With ``trials.report`` saying what was repaired, skipped or ignored.

    Raises
    ------
    GaitDataError
        If nothing is there, not just one layout is recognised, or a file is bad; it names file, row and what was
        expected.
    """
    path = files.resolve(path)
    started_ns, seen = time.time_ns(), files.fingerprint(path)
    file = cache.cache_file(path, (seen, skip_bad, _loader_code())) if use_cache else None
    cached = cache.read(file, max((newest for *_, newest in seen), default=0)) if use_cache else None
    if cached is not None:
        return cached
    tree = files.open_tree(path)
    found = [name for name, layout in LAYOUTS.items() if layout.recognises(tree.names)]
    if len(found) > 1:
        raise GaitDataError(f"{path}: holds recordings of {' and of '.join(found)}; give the folder of one of them")
    if not found:
        seen = ", ".join(tree.names[:3]) or "nothing"
        raise GaitDataError(
            f"{path}: no known layout among its {len(tree.names)} files ({seen} ...). Known: {', '.join(LAYOUTS)}. "
            "For other data use gaitlib.TrialSet.from_arrays."
        )
    loaded = LAYOUTS[found[0]].load(tree, skip_bad)
    n_subjects = len(set(loaded.subjects))
    loaded = replace(loaded, name=f"{loaded.name}, {n_subjects} subject{'s' * (n_subjects > 1)}")
    if use_cache:
        cache.write(file, loaded, started_ns)
    return loaded


def _loader_code() -> tuple[bytes, ...]:
    """The source of the loaders: a changed loader, or another name for a gait or joint, makes old caches stale."""
    folders = [Path(room.__file__).parent for room in (tools, trials)]
    sources = [Path(module.__file__) for module in (*LAYOUTS.values(), repair)]
    sources += [source for folder in folders for source in folder.glob("*.py")]
    return tuple(source.read_bytes() for source in sorted(sources))
