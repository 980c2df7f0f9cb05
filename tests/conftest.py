"""Fixtures for all tests: tiny synthetic trials, files in the Kinect v2 layout, real data."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from planted import planted_trials

pytest_plugins = ["suite"]

REAL_KINECT = Path("kinect_v2_pathological", "Pathological_Gaits_6subjects_2kinects.zip")


@pytest.fixture(scope="session")
def tiny_trials():
    """4 synthetic subjects with 2 walks of each gait."""
    return planted_trials(n_subjects=4, n_walks=2, seed=0)


@pytest.fixture(scope="session")
def write_kinect_tree():
    """A function that writes trials in the layout of the Kinect v2 recordings."""
    return _write_kinect_tree


def pytest_collection_modifyitems(items):
    """Real recordings take their time to read, whatever is asked of them."""
    for item in items:
        if "real_kinect_zip" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


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
