"""Clinical ground-reaction forces: files written in their layout, and the real ones."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import gaitlib
from gaitlib import GaitDataError
from gaitlib.datasets.clinical_grf import FILE_CHANNELS

CLASS_OF = (4, 1, 2, 1, 3, 2, 4, 3)  # of subjects 1 to 8
N_TRIALS = 3
CHANNELS = tuple(
    f"{foot}_{force}" for foot in ("affected", "unaffected") for force in ("fore_aft", "medio_lateral", "vertical")
)
STANCE = np.linspace(0, np.pi, 101)
SHAPES = (-0.2 * np.sin(2 * STANCE), 0.05 * np.sin(STANCE), np.sin(STANCE))  # fore-aft, medio-lateral, vertical


def forces_of(subject, swapped=True):
    """(trials, 6, 101): the shapes, scaled by subject and trial so that every curve can be told."""
    scale = 1 + 0.01 * subject + 0.001 * np.arange(N_TRIALS)[:, None, None]
    fore_aft, medio_lateral, vertical = SHAPES
    shear = [medio_lateral, fore_aft] if swapped else [fore_aft, medio_lateral]
    return scale * np.array([*shear, vertical, *(0.9 * np.array([*shear, vertical]))])


def variables_of(classes, swapped=True):
    subjects = [s for s, c in enumerate(CLASS_OF, start=1) if c in classes]
    each = np.repeat(subjects, N_TRIALS)
    return {
        "Feature": np.concatenate([forces_of(s, swapped) for s in subjects]),
        "Feature_GRF_AV_Label": np.array(FILE_CHANNELS, dtype=object).reshape(1, 1, 6),
        "Target_Injury": np.eye(4, dtype="uint8")[np.array(CLASS_OF)[each - 1] - 1],
        "Target_Subject": np.eye(len(CLASS_OF), dtype="uint8")[each - 1],
    }


def write(folder, classes, variables=None, norm="nonorm", shear=""):
    name = f"2021_acm_small_dataset_v3_aff-unaff-{norm}_{'-'.join(map(str, classes))}_{shear}.mat"
    savemat(folder / name, variables or variables_of(classes))
    return folder / name


@pytest.fixture
def folder(tmp_path):
    for classes in ((1, 2), (1, 3), (1, 4)):
        write(tmp_path, classes)
    return tmp_path


def load(path, **settings):
    return gaitlib.load_trials(path, use_cache=False, **settings)


# -- what is read ----------------------------------------------------------------------------------------


def test_three_files_give_every_trial_once(folder):
    trials = load(folder)
    names = {1: "healthy", 2: "ankle", 3: "knee", 4: "hip"}
    expected = [(f"s{s:03d}", r, names[c]) for s, c in enumerate(CLASS_OF, start=1) for r in range(1, N_TRIALS + 1)]
    table = trials.table
    assert list(zip(table["subject"], table["repetition"], table["label"], strict=True)) == expected
    assert trials.ids.tolist() == [f"{s}/{r}" for s, r, _ in expected] == trials.walks.tolist()
    assert table["disorder"].tolist() == ["healthy" if c == "healthy" else "disorder" for *_, c in expected]
    assert trials.name == "clinical ground-reaction forces, 8 subjects"
    assert trials.report.files["frames_kept"].sum() == 101 * len(trials)


@pytest.mark.parametrize("swapped", [True, False])
def test_a_channel_is_what_its_curve_is_whatever_the_file_calls_it(tmp_path, swapped):
    write(tmp_path, (1, 2), variables_of((1, 2), swapped))
    trials = load(tmp_path)
    grf = trials.modality("grf")
    assert (grf.kind, grf.unit, grf.channels) == ("sequence", "body weights", CHANNELS)
    for subject, values in zip(trials.subjects[::N_TRIALS], grf.values[::N_TRIALS], strict=True):
        assert values.shape == (101, 6)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values.T, forces_of(int(subject[1:]), swapped=False)[0], atol=1e-6)
    (row,) = trials.report.files.itertuples()
    assert ("labels of the two shear forces swapped" in row.reason) == swapped
    assert row.status == ("repaired" if swapped else "ok")


def test_only_one_foot_may_be_swapped(tmp_path):
    variables = variables_of((1, 2), swapped=False)
    variables["Feature"] = variables["Feature"][:, [0, 1, 2, 4, 3, 5]]
    write(tmp_path, (1, 2), variables)
    trials = load(tmp_path)
    np.testing.assert_allclose(trials.modality("grf").values[0].T, forces_of(2, swapped=False)[0], atol=1e-6)
    assert "(unaffected foot)" in trials.report.files["reason"][0]


def test_rounding_apart_copies_are_one_trial_and_the_first_is_kept(folder):
    variables = variables_of((1, 3))
    variables["Feature"] += 4e-5
    write(folder, (1, 3), variables)
    healthy = load(folder)[3]
    assert healthy.labels == ["healthy"]
    np.testing.assert_allclose(healthy.modality("grf").values[0].T, forces_of(2, swapped=False)[0], atol=1e-6)


def test_of_several_variants_body_weights_with_shear_are_read(folder):
    others = [write(folder, (1, 2), norm="atMM"), write(folder, (1, 2), shear="shearzero_")]
    trials = load(folder)
    assert len(trials) == N_TRIALS * len(CLASS_OF)
    assert trials.report.ignored == sorted(path.name for path in others)


def test_one_file_can_be_read_alone_and_from_a_zip(folder):
    alone = load(folder / "2021_acm_small_dataset_v3_aff-unaff-nonorm_1-3_.mat")
    assert alone.classes == ["healthy", "knee"]
    scaled = load(write(folder, (1, 2), norm="atMM"))
    assert (scaled.classes, scaled.modality("grf").unit) == (["ankle", "healthy"], "scaled")
    (path,) = folder.glob("*nonorm_1-3_.mat")
    with zipfile.ZipFile(folder.parent / "forces.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, f"forces/{path.name}")
    assert load(folder.parent / "forces.zip").ids.tolist() == alone.ids.tolist()


def test_shear_that_was_set_to_zero_is_read(tmp_path):
    variables = variables_of((1, 2))
    variables["Feature"][:, [0, 1, 3, 4]] = 0
    trials = load(write(tmp_path, (1, 2), variables, shear="shearzero_"))
    assert not trials.modality("grf").values[0][:, [0, 1, 3, 4]].any()
    assert trials.report.files["status"].tolist() == ["ok"]


def test_trials_can_be_labelled_by_another_column(folder):
    trials = load(folder)
    healthy = trials.labelled_by("disorder")
    assert healthy.labels.tolist() == trials.table["disorder"].tolist()
    assert healthy.name == f"{trials.name}, labelled by disorder"
    assert healthy.modality("grf") is trials.modality("grf")
    assert trials.classes == ["ankle", "healthy", "hip", "knee"]
    trials.table["session"] = [1, None] * (len(trials) // 2)
    assert trials.labelled_by("session").classes == ["1.0"]
    assert trials.labelled_by("session").table["label"].isna().tolist() == [False, True] * (len(trials) // 2)
    with pytest.raises(GaitDataError, match="no column 'who' to label the trials by; there are trial, subject, "):
        trials.labelled_by("who")


def test_a_second_load_comes_from_the_cache(folder):
    first = gaitlib.load_trials(folder)
    second = gaitlib.load_trials(folder)
    assert first.digest() == second.digest()
    assert second.report.files["reason"].tolist() == first.report.files["reason"].tolist()


# -- what is refused -------------------------------------------------------------------------------------


def changed(key, index, value):
    def change(variables):
        variables[key][index] = value

    return change


def without(key):
    return lambda variables: variables.pop(key)


def put(key, value):
    return lambda variables: variables.update({key: value})


BAD = {
    "no variable 'Target_Subject'; it has Feature": without("Target_Subject"),
    r"'Feature' has the shape \(12, 6, 50\); expected \(any, 6, 101\)": put("Feature", np.ones((12, 6, 50))),
    r"'Feature' is not finite at \(3, 2, 5\)": changed("Feature", (2, 1, 4), np.nan),
    "'Feature' holds complex128, no real numbers": put("Feature", np.full((12, 6, 101), 1j)),
    "row 2 of 'Target_Injury' is not one 1 among zeros": changed("Target_Injury", (1, 3), 1),
    "row 4 of 'Target_Subject' is not one 1 among zeros": changed("Target_Subject", (3, slice(None)), 0),
    r"'Target_Subject' has the shape \(2, 8\)": put("Target_Subject", np.eye(8)[:2]),
    "'Feature_GRF_AV_Label' holds 2 texts in 2 cells": put("Feature_GRF_AV_Label", np.array(["a", "bc"], dtype=object)),
    "unknown channel 'torque'": changed("Feature_GRF_AV_Label", (0, 0, 2), "torque"),
    "subject 2 has trials of two classes": changed("Target_Injury", 0, [0, 1, 0, 0]),
    "holds the classes 1, its name says 1-2": changed("Target_Injury", slice(None), [1, 0, 0, 0]),
    "trial 5 reaches 700 body weights": changed("Feature", (4, 2, 50), 700),
    "shear forces of the unaffected foot cannot be told": changed("Feature", (slice(None), 4), SHAPES[1]),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_file_is_refused_by_name_or_skipped(tmp_path, message):
    variables = variables_of((1, 2))
    BAD[message](variables)
    path = write(tmp_path, (1, 2), variables)
    with pytest.raises(GaitDataError, match=f"{path.name}: .*{message}"):
        load(tmp_path)
    with pytest.raises(GaitDataError, match="no usable file among 1"):
        load(tmp_path, skip_bad=True)
    write(tmp_path, (1, 3))
    trials = load(tmp_path, skip_bad=True)
    assert trials.classes == ["healthy", "knee"]
    assert trials.report.skipped()["file"].tolist() == [path.name]


def test_files_that_disagree_on_a_trial_are_refused(folder):
    variables = variables_of((1, 4))
    variables["Feature"][N_TRIALS + 1, 2, 7] += 6e-5  # of subject 2, who is healthy
    path = write(folder, (1, 4), variables)
    with pytest.raises(GaitDataError, match=f"{path.name}: trial s002/2 .* they differ by 6e-05, expected below 5e-05"):
        load(folder)
    assert load(folder, skip_bad=True).classes == ["ankle", "healthy", "knee"]


def test_files_that_disagree_on_a_class_are_refused(folder):
    variables = variables_of((1, 3))
    variables["Target_Injury"] = variables["Target_Injury"][:, [2, 1, 0, 3]]
    write(folder, (1, 3), variables)
    with pytest.raises(GaitDataError, match=r"trial s002/1 \(knee\) is not the one of .*1-2_.mat \(healthy\)"):
        load(folder)


def test_a_file_that_is_no_matlab_file_or_too_new_is_refused(tmp_path):
    path = write(tmp_path, (1, 2))
    path.write_bytes(b"not MATLAB " * 100)
    with pytest.raises(GaitDataError, match=f"{path.name}: not a readable MATLAB file"):
        load(path)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n" + bytes(512))
    with pytest.raises(GaitDataError, match=f"{path.name}: a MATLAB 7.3 file; save it again"):
        load(path)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path):
    path = write(tmp_path, (1, 2))
    savemat(path, variables_of((1, 2)) | {"Feature": np.zeros((5000, 6, 101))}, do_compression=True)
    with pytest.raises(GaitDataError, match="unpacks to over 200 times its size"):
        load(path)


def test_variants_that_cannot_be_chosen_from_are_refused(tmp_path):
    write(tmp_path, (1, 2), norm="atMM")
    assert len(load(tmp_path)) == N_TRIALS * 4
    write(tmp_path, (1, 2), norm="atzetMM")
    with pytest.raises(GaitDataError, match="several variants .*atMM.*atzetMM.*; give the path of one file"):
        load(tmp_path)


def test_another_matlab_file_has_no_known_layout(tmp_path):
    savemat(tmp_path / "mine.mat", {"x": np.ones(3)})
    with pytest.raises(GaitDataError, match="no known layout .*mine.mat.*clinical ground-reaction forces"):
        load(tmp_path / "mine.mat")


# -- the real files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    if not os.environ.get("GAIT_REAL_DATA"):
        pytest.skip("GAIT_REAL_DATA is not set to the folder of real recordings")
    folder = Path(os.environ["GAIT_REAL_DATA"], "clinical_grf")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def test_the_real_files_hold_the_published_trials(real):
    trials = load(real)
    assert trials.table["label"].value_counts().to_dict() == {"healthy": 310, "ankle": 215, "knee": 260, "hip": 185}
    people = trials.table.drop_duplicates("subject")["label"].value_counts().to_dict()
    assert people == {"healthy": 62, "ankle": 43, "knee": 52, "hip": 37}
    assert (trials.table.groupby("repetition").size() == 194).all()
    assert trials.report.files["reason"].str.contains("swapped .affected and unaffected").all()
    assert [name for name in trials.report.ignored if name.endswith(".mat")] == [
        "2021_acm_small_dataset_v3_aff-unaff-nonorm_1-2-3-4_shearzero_.mat"
    ]


def test_real_forces_look_like_forces_of_walking(real):
    """Brakes by about a fifth of body weight, then propels; medio-lateral small and of one sign; vertical about 1."""
    trials = load(real)
    mean = np.mean(list(trials.modality("grf").values), axis=0)
    for foot in (0, 3):
        fore_aft, medio_lateral, vertical = mean[:, foot : foot + 3].T
        assert fore_aft[10:40].max() < 0 < fore_aft[60:95].min()
        assert 0.1 < -fore_aft.min() < 0.25
        assert 0.1 < fore_aft.max() < 0.25
        assert medio_lateral[15:90].min() > 0
        assert 0.03 < medio_lateral.max() < 0.08
        assert 1 < vertical.max() < 1.2


def test_seven_real_healthy_trials_differ_by_rounding(real):
    first, *others = (loadmat(path)["Feature"][:310] for path in sorted(real.glob("*nonorm_1-[234]_.mat")))
    differences = np.max([np.abs(first - other).max(axis=(1, 2)) for other in others], axis=0)
    assert (differences > 0).sum() == 7
    assert differences.max() < 5e-5


def test_the_real_set_without_shear_is_the_same_set(real):
    (path,) = real.glob("*shearzero_.mat")
    zero, whole = load(path), load(real)
    assert zero.ids.tolist() == whole.ids.tolist()
    assert zero.labels.tolist() == whole.labels.tolist()
    a, b = (np.stack(list(t.modality("grf").values)) for t in (zero, whole))
    assert not a[:, :, [0, 1, 3, 4]].any()
    np.testing.assert_allclose(a[:, :, [2, 5]], b[:, :, [2, 5]], atol=5e-5)
