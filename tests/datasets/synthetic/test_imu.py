"""Synthetic inertial recordings: sensors obey mechanics, labels can be told on new people, and are written as read."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold, cross_val_score

from gaitlib import GaitDataError, load_imu, synthetic_imu
from gaitlib.datasets import write_imu

TINY = {"n_subjects": 2, "n_recordings": 1, "seconds": 3}


def test_the_same_seed_gives_the_same_trials():
    trials = synthetic_imu(**TINY)
    assert trials.digest() == synthetic_imu(**TINY).digest() != synthetic_imu(**TINY, seed=1).digest()
    assert trials.name.startswith("SYNTHETIC")
    assert trials.subjects.tolist() == [trial.rpartition("_")[0] for trial in trials.ids]
    table = trials.table.drop_duplicates("dataset").set_index("dataset")
    assert table["place"].tolist() == ["left foot", "waist", "wrist"]
    assert table["rate_hz"].tolist() == [100, 200, 50]
    assert table["gravity"].tolist() == ["removed", "included", "included"]
    for name, unit in (("acc", "m/s2"), ("gyro", "rad/s")):
        modality = trials.modality(name)
        assert modality.unit == unit
        assert [len(v) for v in modality.values] == (3 * trials.table["rate_hz"]).tolist()


def test_a_smaller_set_is_a_part_of_a_larger_one():
    small = synthetic_imu(**TINY, datasets=["synthetic_wrist"], activities=["running", "standing"])
    large = synthetic_imu(n_subjects=3, n_recordings=2, seconds=3)
    part = large[np.isin(large.ids, small.ids)]
    pd.testing.assert_frame_equal(part.table, small.table)
    for name, modality in small.modalities.items():
        np.testing.assert_array_equal(np.stack(part.modality(name).values), np.stack(modality.values))


def test_a_person_is_healthy_or_impaired():
    trials = synthetic_imu(4, ["synthetic_wrist"], ["healthy", "walking", "impaired"], 1, 1)
    by_person = trials.table.groupby("subject")["label"].agg(sorted).tolist()
    assert by_person == [["impaired", "walking"], ["healthy", "walking"]] * 2


def in_first_frame(trials, i):
    """Acceleration seen from where the sensor was at the start, by its own gyroscope."""
    acc, gyro = (trials.modality(m).values[i].astype(float) for m in ("acc", "gyro"))
    turned = [Rotation.identity()]
    for rate in gyro[:-1]:
        turned.append(turned[-1] * Rotation.from_rotvec(rate / trials.table["rate_hz"][i]))
    return Rotation.concatenate(turned).apply(acc)


def test_what_the_gyroscope_tells_leaves_gravity_where_it_is():
    trials = synthetic_imu(2, activities=["walking", "running"], n_recordings=1, seconds=3)
    for i in range(len(trials)):
        whole = in_first_frame(trials, i)
        turned = np.abs(trials.modality("gyro").values[i]).max() > 0.5
        halves = whole[: len(whole) // 2].mean(axis=0), whole[len(whole) // 2 :].mean(axis=0)
        if trials.table["gravity"][i] == "included":
            assert turned and np.linalg.norm(whole.mean(axis=0)) == pytest.approx(9.81, abs=1.0)
            angle = np.degrees(np.arccos(np.dot(*halves) / np.prod(np.linalg.norm(halves, axis=1))))
            assert angle < 15
        else:
            assert np.linalg.norm(whole.mean(axis=0)) < 3


def features(trials):
    """Sizes that do not depend on how the sensor is turned, and spectra of them."""
    rows = []
    for acc, gyro in zip(trials.modality("acc").values, trials.modality("gyro").values, strict=True):
        length = np.stack([np.linalg.norm(acc, axis=1), np.linalg.norm(gyro, axis=1)])
        spectrum = np.abs(np.fft.rfft(length - length.mean(axis=1, keepdims=True)))[:, 1:60]
        rows.append(np.concatenate([*np.quantile(length, [0.1, 0.5, 0.9, 0.99], axis=1), *np.log1p(spectrum)]))
    return np.array(rows)


def told(**options):
    trials = synthetic_imu(n_recordings=1, seconds=5, **options)
    trees = ExtraTreesClassifier(60, random_state=0)
    folds = GroupKFold(4)
    return cross_val_score(trees, features(trials), trials.labels, groups=trials.subjects, cv=folds).mean()


TASKS = (("walking", "running", "stairs", "standing"), 12), (("healthy", "impaired"), 48)


@pytest.mark.parametrize("activities, n", [TASKS[0], pytest.param(*TASKS[1], marks=pytest.mark.slow)])
def test_labels_can_be_told_on_new_people_but_not_surely(activities, n):
    options = {"n_subjects": n, "datasets": ["synthetic_wrist"], "activities": activities}
    assert 1 / len(activities) + 0.15 < told(**options) < 0.97
    assert told(**options, class_effect=0) < 1 / len(activities) + 0.12


def test_people_differ_by_their_signature():
    def spread(signature):
        trials = synthetic_imu(8, ["synthetic_wrist"], ["walking"], 2, 5, signature=signature)
        x = features(trials)[:, :8]
        return np.var([x[trials.subjects == s].mean(axis=0) for s in sorted(set(trials.subjects))], axis=0).sum()

    assert spread(1.0) > 3 * spread(0.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_subjects": 0},
        {"n_recordings": 0},
        {"seconds": 0.5},
        {"datasets": ["ipol2019"]},
        {"datasets": "synthetic_foot"},
        {"activities": ["swim"]},
        {"activities": []},
        {"activities": ["walking", "walking"]},
    ],
)
def test_what_cannot_be_made_is_refused(wrong):
    with pytest.raises(GaitDataError):
        synthetic_imu(**{**TINY, **wrong})


# -- written and read ------------------------------------------------------------------------------------


def test_what_is_written_is_read_back_digit_by_digit(tmp_path):
    trials = synthetic_imu(**TINY)
    trials = trials[np.random.default_rng(0).permutation(len(trials))]
    trials = replace(trials, table=trials.table.assign(age=30.5, shoe="soft"))
    back = load_imu(write_imu(trials, tmp_path / "new"))
    order = np.argsort(trials.ids)
    pd.testing.assert_frame_equal(
        back.table.drop(columns="source"), trials[order].table.drop(columns="source"), check_like=True
    )
    for name, modality in trials[order].modalities.items():
        read = back.modality(name)
        assert (read.channels, read.unit) == (modality.channels, modality.unit)
        for i in range(len(back)):
            np.testing.assert_array_equal(read.values[i], modality.values[i])
            np.testing.assert_allclose(read.time_s[i], modality.time_s[i], rtol=0, atol=1e-12)
            np.testing.assert_array_equal(read.frames[i], modality.frames[i])
    assert back.name == trials.name and (back.report.files["status"] == "ok").all()
    assert load_imu(tmp_path / "new/synthetic_wrist").name.startswith("SYNTHETIC")


def test_a_missing_gyroscope_and_a_missing_label_come_back_missing(tmp_path):
    trials = synthetic_imu(**TINY, datasets=["synthetic_wrist"])
    gyro = trials.modality("gyro")
    gyro = replace(gyro, **{column: getattr(gyro, column).copy() for column in ("values", "time_s", "frames")})
    gyro.values[1] = gyro.time_s[1] = gyro.frames[1] = None
    labels = trials.table["label"].astype(object)
    labels[2] = None
    trials = replace(trials.with_modality("gyro", gyro), table=trials.table.assign(label=labels), name="mine")
    back = load_imu(write_imu(trials, tmp_path / "new"))
    assert back.modality("gyro").present().tolist() == gyro.present().tolist()
    assert pd.isna(back.labels).tolist() == [i == 2 for i in range(len(back))]
    assert back.name == "inertial recordings (synthetic_wrist)"


def test_trials_of_another_layout_are_refused_and_nothing_is_written(tmp_path):
    trials = synthetic_imu(**TINY, datasets=["synthetic_wrist"])
    slow = replace(trials.modality("gyro"), time_s=trials.modality("acc").time_s * 2)
    wrong = {
        "no column 'dataset'": replace(trials, table=trials.table.drop(columns="dataset")),
        "layout needs the subject": replace(trials, table=trials.table.assign(subject="p01")),
        "layout needs the trial": replace(trials, table=trials.table.assign(trial="synthetic_wrist/../x")),
        "holds 'acc' and 'gyro'": trials.with_modality("imu", trials.modality("acc")),
        "one clock": trials.with_modality("gyro", slow),
    }
    for message, bad in wrong.items():
        with pytest.raises(GaitDataError, match=message):
            write_imu(bad, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine.txt").write_text("kept")
    with pytest.raises(GaitDataError, match="there is something already"):
        write_imu(trials, tmp_path / "new")
