"""Loaders: one file a published layout. :func:`load_trials` tells them apart."""

from dataclasses import replace
from pathlib import Path

from gaitlib import conventions, modality, trials
from gaitlib.datasets import cache, files, kinect_v2, repair, report
from gaitlib.datasets.report import LoadReport
from gaitlib.errors import GaitDataError
from gaitlib.trials import TrialSet

LAYOUTS = {"Kinect v2 pathological gaits": kinect_v2}

__all__ = ["LoadReport", "load_trials"]


def load_trials(path, skip_bad: bool = False, use_cache: bool = True) -> TrialSet:
    """Load the recordings in a folder or .zip (read in place, never extracted).

    Parameters
    ----------
    path : str or Path
        A folder, a .zip, or a folder that holds just one .zip.
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
        If nothing is there, no layout is recognised, or a file is bad; it names file, row and what was expected.
    """
    path = files.resolve(path)
    file = cache.cache_file(path, (files.fingerprint(path), skip_bad, _loader_code())) if use_cache else None
    cached = cache.read(file) if use_cache else None
    if cached is not None:
        return cached
    tree = files.open_tree(path)
    for layout in LAYOUTS.values():
        if layout.recognises(tree.names):
            loaded = layout.load(tree, skip_bad)
            break
    else:
        seen = ", ".join(tree.names[:3]) or "nothing"
        raise GaitDataError(
            f"{path}: no known layout among its {len(tree.names)} files ({seen} ...). Known: {', '.join(LAYOUTS)}. "
            "For other data use gaitlib.TrialSet.from_arrays."
        )
    n_subjects = len(set(loaded.subjects))
    loaded = replace(loaded, name=f"{loaded.name}, {n_subjects} subject{'s' * (n_subjects > 1)}")
    if use_cache:
        cache.write(file, loaded)
    return loaded


def _loader_code() -> tuple[bytes, ...]:
    """The source of the loaders: a changed loader, or another name for a gait or joint, makes old caches stale."""
    modules = (kinect_v2, repair, files, report, conventions, trials, modality)
    return tuple(Path(module.__file__).read_bytes() for module in modules)
