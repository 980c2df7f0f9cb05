"""The encoder that ships: small, synthetic, works at once, and is found where it met who is tested."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import Encode, GaitClassifier, GaitDataError, LabelBudget, SubjectKFold, Training
from gaitlib.encoders import ready, shipped_encoder
from gaitlib.preprocessing import Frames, Tensors

LEARNT = {"n_recordings": 1, "seconds": 20.0, "seed": 1717}  # as benchmarks/tiny_encoder.py made its people


@pytest.fixture(scope="module")
def shipped():
    pytest.importorskip("vqf")
    return shipped_encoder()


def test_it_is_below_a_megabyte_and_part_of_the_package():
    files = sorted(ready.SHIPPED.glob("*"))
    assert [f.name for f in files] == ["encoder.json", "encoder.npz"]
    assert sum(f.stat().st_size for f in files) < 1_000_000


def test_a_built_package_carries_it():
    project = ready.SHIPPED.parents[2] / "pyproject.toml"
    if not project.exists():
        pytest.skip("installed without its project")
    declared = tomllib.loads(project.read_text())["tool"]["setuptools"]["package-data"]
    building = build_py(Distribution({"packages": ["gaitlib.encoders"], "package_data": declared}))
    building.ensure_finalized()
    building.manifest_files = {}  # what a version control would add
    carried = building.find_data_files("gaitlib.encoders", str(ready.SHIPPED.parent))
    assert sorted(Path(file) for file in carried) == sorted(ready.SHIPPED.glob("*"))


def test_it_has_learnt_from_synthetic_people_only(shipped):
    made = gaitlib.synthetic_imu(24, seed=1717, n_recordings=1, seconds=1.0)
    named = {s.replace("/", "/seed1717_") for s in made.subjects}
    assert set(shipped.fitted_subjects_) == named
    assert all(d.startswith("synthetic_") for d in shipped.learnt_["datasets"])


def test_it_encodes_recordings_with_another_rate_and_length(shipped):
    walks = gaitlib.synthetic_imu(1, ["synthetic_waist"], ["walking", "running"], n_recordings=1, seconds=7)
    windows = shipped.windows(walks)
    codes = shipped.encode(windows)
    assert codes.shape == (len(windows), 64) and np.isfinite(codes).all()
    assert len(windows) == 2 * 5  # 350 frames at 50 Hz
    assert np.ptp(codes, axis=0).max() > 0


def probe(shipped):
    steps = Pipeline(
        [("encode", Encode(shipped)), ("scale", Frames(StandardScaler(), "imu")), ("tensors", Tensors(["imu"]))]
    )
    return GaitClassifier("linear", steps, Training(epochs=1))


@pytest.mark.slow
def test_people_whom_it_met_are_found_under_any_name_and_others_are_not(shipped, tmp_path):
    protocol = [LabelBudget(SubjectKFold(2, validation=False))]
    met = gaitlib.synthetic_imu(4, ["synthetic_foot"], ["running", "standing"], **LEARNT)
    with pytest.raises(GaitDataError, match="an encoder has learnt from the recordings synthetic_foot/p0"):
        gaitlib.benchmark({"probe": probe(shipped)}, met, protocol, tmp_path, progress=False)
    renamed = {c: met.table[c].str.replace("/", "/seed1717_") for c in ("trial", "subject", "walk")}
    under_its_names = replace(met, table=met.table.assign(**renamed))
    with pytest.raises(GaitDataError, match="seed1717_p0"):
        gaitlib.benchmark({"probe": probe(shipped)}, under_its_names, protocol, tmp_path, progress=False)
    new = gaitlib.synthetic_imu(4, ["synthetic_foot"], ["running", "standing"], **{**LEARNT, "seed": 0})
    runs = gaitlib.benchmark({"probe": probe(shipped)}, new, protocol, tmp_path, progress=False)
    assert not runs.audit().leaks
