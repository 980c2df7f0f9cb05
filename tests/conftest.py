"""Fixtures for all tests: a cache of their own, tiny synthetic trials, files in the Kinect v2 layout, real data."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from planted import planted_trials

settings.register_profile("gaitlib", deadline=None)
settings.load_profile("gaitlib")

REAL_KINECT = Path("kinect_v2_pathological", "Pathological_Gaits_6subjects_2kinects.zip")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """No test reads or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAITLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_trials():
    """4 synthetic subjects with 2 walks of each gait."""
    return planted_trials(n_subjects=4, n_walks=2, seed=0)


@pytest.fixture(scope="session")
def write_kinect_tree():
    """A function that writes trials in the layout of the Kinect v2 recordings."""
    return _write_kinect_tree


@pytest.fixture(scope="session")
def real_kinect_zip():
    """The published Kinect v2 recordings, where there is a copy."""
    folder = os.environ.get("GAIT_REAL_DATA")
    if not folder:
        pytest.skip("GAIT_REAL_DATA is not set to the folder of real recordings")
    path = Path(folder) / REAL_KINECT
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


def _write_kinect_tree(trials, folder, cameras=(1,), n_frames=None, start_s=10.0) -> list[Path]:
    """Write each trial once a camera (the second sees it 1 cm to the side, ...); returns the files in their order.

    A trial's id ends in ``<gait>/<walk number>``, its subject in the subject's number, as in planted_trials.
    """
    files = []
    skeleton = trials.modality("skeleton")
    rows = zip(trials.ids, trials.subjects, trials.labels, skeleton.values, skeleton.time_s, strict=True)
    for trial, subject, gait, values, time_s in rows:
        number = int(re.sub(r"\D", "", subject))
        walk = f"human{number}_{gait}{int(trial.rsplit('/')[-1])}"
        for camera in cameras:
            positions = (values[:n_frames] + np.float32(0.01 * (camera - 1))).reshape(-1, 25, 3)
            lines = []
            for second, joints in zip((start_s + time_s) % 60, positions, strict=False):
                cells = [f"{second:.3f}"]
                for number, (x, y, z) in enumerate(joints):
                    cells += [f"{number}.0", f"{x:.6g}", f"{y:.6g}", f"{z:.6g}"]
                lines.append("\t".join(cells) + "\n")
            file = Path(folder) / walk / f"{walk}_SkeletonData{camera}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes("".join(lines).encode())
            files.append(file)
    return files
