"""Inertial recordings: two layouts, any number of datasets, units told by numbers, and every fault that files have."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import gaitlib
from gaitlib import GaitDataError, load_imu
from gaitlib.datasets import LAYOUTS
from gaitlib.trials.conventions import ACC_CHANNELS, GYRO_CHANNELS

CHANNELS = [*ACC_CHANNELS, *GYRO_CHANNELS]
HEADER = ["time_s", *CHANNELS]
RATE_HZ, N = 50.0, 300


def walk(n=N, rate_hz=RATE_HZ, seed=0, gravity=9.81, move=4.0, turn=3.0, unit=1.0, gyro_unit=1.0):
    """A table of a moving sensor that rests in its first third; sizes in m/s2 and rad/s, units as given."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) / rate_hz
    moving = np.where(t < t[-1] / 3, 0.01, 1.0)[:, None]
    phase = 2 * np.pi * (1.5 * t[:, None] + rng.random(6))
    acc = move * moving * np.sin(phase[:, :3]) + gravity * np.array([0, 0.6, 0.8]) + rng.normal(0, 0.01, (n, 3))
    gyro = turn * moving * np.sin(phase[:, 3:]) + rng.normal(0, 0.001, (n, 3))
    return pd.DataFrame(np.column_stack([t, acc / unit, gyro / gyro_unit]).round(5), columns=HEADER)


def write(folder, name, table=None, header=True):
    file = Path(folder, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    (walk() if table is None else table).to_csv(file, index=False, header=header)
    return file


def write_labels(folder, **columns):
    Path(folder).mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(Path(folder, "labels.csv"), index=False)


def edit(change, **options):
    table = walk(**options)
    change(table)
    return table


def only(trials, column):
    return trials.report.files[column].iloc[0]


def notes(trials):
    return "\n".join(trials.report.notes)


G = {"unit": 9.80665, "gyro_unit": np.pi / 180}  # g and deg/s


# -- what is read ----------------------------------------------------------------------------------------


def test_a_file_is_a_trial_of_its_subject(tmp_path):
    tables = {"P1_a": walk(seed=1), "P1_b": walk(seed=2), "P2_a": walk(seed=3)}
    for name, table in tables.items():
        write(tmp_path, f"ours/{name}.csv", table)
    write_labels(tmp_path / "ours", file=["P1_a.csv", "P2_a.csv"], activity=["walk", "run"], sampling_rate_hz=[50, 50],
                 subject=["P1", "P2"], age=[30, 41], shoe=["soft", "hard"])  # fmt: skip
    trials = load_imu(tmp_path, places={"ours": "shank"})
    assert trials.ids.tolist() == ["ours/P1_a", "ours/P1_b", "ours/P2_a"] == trials.walks.tolist()
    assert trials.subjects.tolist() == ["ours/P1", "ours/P1", "ours/P2"]
    assert [None if pd.isna(label) else label for label in trials.labels] == ["walk", None, "run"]
    assert set(trials.table["dataset"]) == {"ours"} and set(trials.table["place"]) == {"shank"}
    assert set(trials.table["rate_hz"]) == {50.0} and set(trials.table["gravity"]) == {"included"}
    assert trials.table["age"].tolist()[::2] == [30, 41] and trials.table["shoe"].tolist()[::2] == ["soft", "hard"]
    assert not trials.kinds
    for sensor, channels, unit in (("acc", ACC_CHANNELS, "m/s2"), ("gyro", GYRO_CHANNELS, "rad/s")):
        modality = trials.modality(sensor)
        assert modality.channels == channels and modality.unit == unit
        for table, values, time_s in zip(tables.values(), modality.values, modality.time_s, strict=True):
            np.testing.assert_array_equal(values, table[list(channels)].to_numpy(np.float32))
            np.testing.assert_allclose(time_s, table["time_s"], atol=1e-9)
    assert "1 ours: recordings without a label: ours/P1_b.csv" in notes(trials)


def test_columns_may_be_in_any_order_and_case_and_others_are_not_read(tmp_path):
    table = walk()
    other = table.assign(mag_x=1.0)[["gyro_z", "mag_x", *HEADER[:-1]]]
    Path(tmp_path, "ours").mkdir()
    Path(tmp_path, "ours/P1_a.csv").write_text(other.to_csv(index=False).replace("acc_x,acc_y", '"ACC_X", Acc_Y ', 1))
    write(tmp_path, "ours/P2_a.csv", table)
    acc = load_imu(tmp_path).modality("acc").values
    np.testing.assert_array_equal(acc[0], acc[1])


def test_an_accelerometer_alone_and_a_rate_without_times(tmp_path):
    write(tmp_path, "ours/P1_a.csv", walk()[list(ACC_CHANNELS)])
    with pytest.raises(GaitDataError, match="P1_a.csv: no column 'time_s' and no rate; give 'sampling_rate_hz'"):
        load_imu(tmp_path)
    write_labels(tmp_path / "ours", file=["P1_a.csv"], sampling_rate_hz=[RATE_HZ])
    trials = load_imu(tmp_path)
    assert list(trials.modalities) == ["acc"]
    np.testing.assert_allclose(trials.modality("acc").time_s[0], np.arange(N) / RATE_HZ)


@pytest.mark.parametrize("with_time", [True, False])
def test_folders_of_subjects_have_no_header(tmp_path, with_time):
    table = walk() if with_time else walk()[CHANNELS]
    for subject in ("S1", "S2"):
        write(tmp_path, f"theirs/{subject}/1.csv", table, header=False)
    write(tmp_path, "theirs/Sam/1.csv", table, header=False)
    write_labels(tmp_path / "theirs", file=["S1/1.csv", "S2/1.csv", "Sam/1.csv"], sampling_rate_hz=[RATE_HZ] * 3,
                 activity=["walk", "run", "sit"])  # fmt: skip
    trials = load_imu(tmp_path)
    assert trials.ids.tolist() == ["theirs/S1/1", "theirs/S2/1", "theirs/Sam/1"]
    assert trials.subjects.tolist() == ["theirs/S1", "theirs/S2", "theirs/Sam"]
    assert trials.labels.tolist() == ["walk", "run", "sit"]
    np.testing.assert_array_equal(trials.modality("acc").values[1], walk()[list(ACC_CHANNELS)].to_numpy(np.float32))
    np.testing.assert_array_equal(trials.modality("gyro").values[2], walk()[list(GYRO_CHANNELS)].to_numpy(np.float32))
    assert "header" not in notes(trials)


def test_a_header_in_a_subjects_folder_is_read_and_said(tmp_path):
    write(tmp_path, "theirs/S1/1.csv")
    write(tmp_path, "theirs/S2/1.csv", header=False)
    trials = load_imu(tmp_path)
    np.testing.assert_array_equal(*trials.modality("acc").values)
    assert "1 recordings in a subject's folder that have a header, which was read: theirs/S1/1.csv" in notes(trials)


def test_a_dataset_whose_name_starts_with_s_is_no_subject(tmp_path):
    write(tmp_path, "SisFall/SA01_D01.csv")
    assert load_imu(tmp_path).ids.tolist() == ["SisFall/SA01_D01"]


@pytest.mark.parametrize("inner", ["", "ours/", "data/ours/"])
def test_a_dataset_in_an_archive_in_a_folder_or_alone(tmp_path, inner):
    write(tmp_path, "made/ours/P1_a.csv")
    made = tmp_path / "made/ours"
    whole = load_imu(made.parent)
    with zipfile.ZipFile(tmp_path / "ours.zip", "w") as archive:
        archive.write(made / "P1_a.csv", f"{inner}P1_a.csv")
    for path in (made, tmp_path / "ours.zip"):
        alone = load_imu(path)
        assert alone.ids.tolist() == ["ours/P1_a"]
        assert alone.digest() == whole.digest()


def test_several_archives_or_paths_are_datasets_side_by_side(tmp_path):
    for dataset in ("one", "two"):
        file = write(tmp_path / "made", f"{dataset}/P1_a.csv")
        Path(tmp_path, "zips").mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / f"zips/{dataset}.zip", "w") as archive:
            archive.write(file, f"{dataset}/P1_a.csv")
    together = load_imu(tmp_path / "made")
    assert together.subjects.tolist() == ["one/P1", "two/P1"]
    assert "1 subjects' names stand in several datasets and are different people: P1" in notes(together)
    assert load_imu(tmp_path / "zips").digest() == together.digest()
    assert load_imu([tmp_path / "made/one", tmp_path / "zips/two.zip"]).digest() == together.digest()
    assert gaitlib.load_trials(tmp_path / "zips", use_cache=False).digest() == together.digest()
    with pytest.raises(GaitDataError, match="both hold a dataset 'one'; rename one"):
        load_imu([tmp_path / "made/one", tmp_path / "zips/one.zip"])
    Path(tmp_path, "zips/README.md").write_text("about")
    assert gaitlib.load_trials(tmp_path / "zips", use_cache=False).report.ignored == ["README.md"]
    with zipfile.ZipFile(tmp_path / "zips/three.zip", "w") as archive:
        archive.writestr("human1_normal1/human1_normal1_SkeletonData1.csv", "1")
    with pytest.raises(GaitDataError, match="three.zip: holds no inertial recordings"):
        load_imu(tmp_path / "zips")
    Path(tmp_path, "zips/three.zip").unlink()
    Path(tmp_path, "zips/two.zip").write_bytes(b"no archive")
    with pytest.raises(GaitDataError, match="two.zip: not a readable .zip"):
        load_imu(tmp_path / "zips")
    assert load_imu(tmp_path / "zips", skip_bad=True).report.skipped()["file"].tolist() == ["two.zip"]


def test_two_folders_of_one_dataset_are_refused(tmp_path):
    write(tmp_path, "a/ours/P1_a.csv")
    write(tmp_path, "b/ours/P1_a.csv")
    with pytest.raises(GaitDataError, match="'a/ours' and 'b/ours' are both a dataset 'ours'"):
        load_imu(tmp_path)


def test_load_trials_knows_the_layout_and_leaves_others_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    write(tmp_path, "made/ours/P1_a.csv")
    Path(tmp_path, "made/README.txt").write_text("about")
    first, cached = (gaitlib.load_trials(tmp_path / "made") for _ in range(2))
    assert first.digest() == cached.digest() and first.name == "inertial recordings (ours), 1 subject"
    assert cached.report.notes == first.report.notes != ()
    assert "gravity included" in repr(cached.report) and "gravity included" in cached.report._repr_html_()
    assert first.report.ignored == ["README.txt"]
    e4, kinect = ["S02/ACC.csv", "S02/BVP.csv", "S02/IBI.csv"], ["g/human1_normal1/human1_normal1_SkeletonData1.csv"]
    for names in (e4, kinect, ["a.csv"], ["one.zip"], ["a/labels.csv"]):
        assert not LAYOUTS["inertial recordings"].recognises(names), names


# -- units -----------------------------------------------------------------------------------------------


KINDS = {
    "m/s2, rad/s": {},
    "g, deg/s": G,
    "g, rad/s": {"unit": 9.80665},
    "m/s2, deg/s": {"gyro_unit": np.pi / 180},
}
FOOT = {"gravity": 0.0, "move": 25.0, "turn": 6.0}  # without gravity, a foot


@pytest.mark.parametrize("gravity", ["included", "removed"])
@pytest.mark.parametrize("kind", KINDS)
def test_units_and_gravity_are_told_by_the_numbers(tmp_path, kind, gravity):
    write(tmp_path, "ours/P1_a.csv", walk(**KINDS[kind], **(FOOT if gravity == "removed" else {})))
    trials = load_imu(tmp_path)
    assert f"{trials.modality('acc').unit}, {trials.modality('gyro').unit}" == kind
    assert trials.table["gravity"].tolist() == [gravity]
    assert f"'acc' is likely {kind.split(', ')[0]} by its numbers (at rest its length is" in notes(trials)
    in_si = load_imu(tmp_path, units="detected")
    assert in_si.modality("acc").unit == "m/s2" and in_si.modality("gyro").unit == "rad/s"
    expected = walk(**(FOOT if gravity == "removed" else {}))
    np.testing.assert_allclose(in_si.modality("acc").values[0], expected[list(ACC_CHANNELS)], atol=1e-4)
    np.testing.assert_allclose(in_si.modality("gyro").values[0], expected[list(GYRO_CHANNELS)], atol=1e-4)
    assert ("converted" in in_si.report.files) == (kind != "m/s2, rad/s")
    told = load_imu(tmp_path, units={"ours": tuple(kind.split(", "))})
    assert told.digest() == in_si.digest()


def test_numbers_that_do_not_tell_are_said_to_be_so(tmp_path):
    write(tmp_path, "ours/P1_a.csv", walk(gravity=0, move=3)[["time_s", *ACC_CHANNELS]])
    trials = load_imu(tmp_path)
    assert trials.modality("acc").unit == "" and "do not tell" in notes(trials)
    with pytest.raises(GaitDataError, match=r"ours: the numbers of 'acc' do not tell .*peaks.*give it: units="):
        load_imu(tmp_path, units="detected")
    assert load_imu(tmp_path, units={"ours": ("m/s2", "rad/s")}).modality("acc").unit == "m/s2"


def test_datasets_of_different_units_ask_for_them(tmp_path):
    write(tmp_path, "ours/P1_a.csv", walk(**G))
    write(tmp_path, "theirs/P1_a.csv", walk())
    message = r"'acc' in different units.*ours g, theirs m/s2.*units=\{'ours': \('g', 'deg/s'\)\}"
    with pytest.raises(GaitDataError, match=message):
        load_imu(tmp_path)
    with pytest.raises(GaitDataError, match=message):
        gaitlib.load_trials(tmp_path, use_cache=False)
    trials = load_imu(tmp_path, units={"ours": ("g", "deg/s")})
    assert trials.modality("acc").unit == "m/s2"
    np.testing.assert_allclose(*trials.modality("acc").values, atol=1e-4)
    assert trials.report.files["converted"].sum() == 1
    assert "ours: 'gyro' of 1 files converted from deg/s to rad/s" in notes(trials)


@pytest.mark.parametrize(
    "made, told, message",
    [
        (G, ("m/s2", "deg/s"), "'m/s2' cannot be the unit of 'acc' .at rest its length is 1"),
        ({}, ("g", "rad/s"), "'g' cannot be the unit of 'acc' .at rest its length is 9.8.*look like 'm/s2'"),
        (FOOT | G, ("g", "rad/s"), "'rad/s' cannot be the unit of 'gyro' .peaks of"),
        ({}, ("m/s2", "deg/s"), "'deg/s' cannot be the unit of 'gyro'"),
    ],
)
def test_a_unit_that_the_numbers_contradict_is_refused(tmp_path, made, told, message):
    write(tmp_path, "ours/P1_a.csv", walk(**made))
    with pytest.raises(GaitDataError, match=message):
        load_imu(tmp_path, units={"ours": told})


def test_a_recording_in_another_unit_than_its_dataset_is_refused(tmp_path):
    for i in range(3):
        write(tmp_path, f"ours/P{i}_a.csv", walk(seed=i))
    write(tmp_path, "ours/P3_a.csv", walk(**G))
    with pytest.raises(GaitDataError, match=r"P3_a.csv: at rest .* a length of 1, where the dataset has 9.8"):
        load_imu(tmp_path)
    trials = load_imu(tmp_path, skip_bad=True)
    assert len(trials) == 3 and trials.report.skipped()["file"].tolist() == ["ours/P3_a.csv"]


@pytest.mark.parametrize(
    "options",
    [
        {"units": "g"},
        {"units": {"ours": "g"}},
        {"units": {"ours": ("g", "rpm")}},
        {"units": {"ours": ("g",)}},
        {"units": {"other": ("g", "deg/s")}},
        {"places": {"other": "waist"}},
    ],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options):
    write(tmp_path, "ours/P1_a.csv")
    with pytest.raises(GaitDataError, match="units|no dataset 'other' here; there are ours"):
        load_imu(tmp_path, **options)


# -- faults ----------------------------------------------------------------------------------------------


def text(table):
    return table.to_csv(index=False)


def goes_back(table):
    table.loc[200:, "time_s"] -= 1


def pairs_of_times(table):
    table["time_s"] = np.repeat(0.01 * np.arange(N // 2) ** 1.5, 2)


def stuck(channel):
    return lambda table: table.__setitem__(channel, 0.5)


def nan_block(first, n, column="acc_y"):
    return lambda table: table.__setitem__(column, table[column].mask(table.index.isin(range(first, first + n))))


BAD = {
    "missing column": (walk().drop(columns="acc_y"), "row 1: no column 'acc_y' among .*; expected acc_x"),
    "half a gyroscope": (walk().drop(columns="gyro_x"), "row 1: no column 'gyro_x'"),
    "column twice": (text(walk()).replace("gyro_x,gyro_y,gyro_z", "acc_x,b,c", 1), "two columns 'acc_x'"),
    "no header": (walk().to_csv(index=False, header=False), "row 1: numbers where a header should name the columns"),
    "empty": ("", "the file is empty"),
    "header alone": (",".join(HEADER) + "\n", "a header and no rows"),
    "one row": (walk(1), "1 rows; a recording has at least 8"),
    "semicolons": (text(walk()).replace(",", ";"), "no column 'acc_x' .*part the columns by commas"),
    "text": (text(walk()).replace("\n0.02,", "\nwalk,", 1), "row 3, column 1: expected a number, got 'walk'"),
    "ragged": (text(walk()) + "1,2\n", f"row {N + 2}: 2 columns, expected 7"),
    "binary": ("\0\1\2" * 100, "row 1: no column 'acc_x'"),
    "time back": (edit(goes_back), "row 202: time goes back from 3.98 to 3 s; sort"),
    "no time": (edit(nan_block(5, 1, "time_s")), "row 7, column 'time_s': not a time"),
    "time stands": (edit(stuck("time_s")), "the time is 0.5 in all rows"),
    "times repeat": (edit(pairs_of_times), "is there again, as"),
    "long block": (edit(nan_block(50, 20)), "rows 52 to 71, column 'acc_y': no number for longer than 0.1 s; split"),
    "nothing": (edit(nan_block(0, N)), "column 'acc_y' has the same value, or none, in all rows"),
    "stuck": (edit(stuck("acc_z")), "column 'acc_z' has the same value"),
    "garbage": (edit(lambda t: t.__setitem__("acc_x", 1e30)), "column 'acc_x' has the same value, or none"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_with_its_place_or_skipped(tmp_path, fault):
    table, message = BAD[fault]
    for name in ("P1_a", "P2_a"):
        write(tmp_path, f"ours/{name}.csv")
    file = tmp_path / "ours/P1_b.csv"
    file.write_text(table if isinstance(table, str) else text(table))
    with pytest.raises(GaitDataError, match=f"ours/P1_b.csv(:|, ).*{message}.*skip_bad=True"):
        load_imu(tmp_path)
    trials = load_imu(tmp_path, skip_bad=True)
    assert trials.ids.tolist() == ["ours/P1_a", "ours/P2_a"]
    assert trials.report.skipped()["file"].tolist() == ["ours/P1_b.csv"]


def test_a_rate_that_does_not_fit_the_times_is_refused(tmp_path):
    write_labels(tmp_path / "ours", file=["P1_a.csv"], sampling_rate_hz=[100])
    write(tmp_path, "ours/P1_a.csv")
    with pytest.raises(GaitDataError, match="labels.csv tells 100 Hz, the times 50 Hz; correct"):
        load_imu(tmp_path)
    write(tmp_path, "ours/P1_a.csv", walk(rate_hz=100).assign(time_s=np.arange(N) * 10.0))
    with pytest.raises(GaitDataError, match="tells 100 Hz, the times 0.1 Hz; the times look like milliseconds"):
        load_imu(tmp_path)


def test_times_that_are_no_seconds_are_refused(tmp_path):
    with pytest.raises(GaitDataError, match="by its times it was recorded at 0.05 Hz; they are to be seconds"):
        one(tmp_path, edit(lambda t: t.__setitem__("time_s", np.arange(N) * 20.0)))


def one(tmp_path, table):
    write(tmp_path, "ours/P1_a.csv", table)
    return load_imu(tmp_path)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("rate_hz, digits", [(200.0, 2), (128.0, 2)])
def test_rounded_times_become_those_of_an_even_clock(tmp_path, rate_hz, digits, told):
    if told:
        write_labels(tmp_path / "ours", file=["P1_a.csv"], sampling_rate_hz=[rate_hz])
    table = walk(3000, rate_hz)
    trials = one(tmp_path, table.round({"time_s": digits}))
    np.testing.assert_allclose(trials.modality("acc").time_s[0], table["time_s"], atol=1e-4 if told else 10**-digits)
    assert only(trials, "rounded_times") > 500 and only(trials, "status") == "repaired"
    assert trials.table["rate_hz"][0] == pytest.approx(rate_hz, rel=1e-9 if told else 1e-3)
    assert "repeated times, replaced" in repr(trials.report)


def test_times_rounded_to_four_digits_as_the_published_ones(tmp_path):
    """Steps are right below 100 s, and ten in one after it."""
    table = walk(12000, 100)
    table["time_s"] = [float(f"{t:.4g}") for t in table["time_s"]]
    trials = one(tmp_path, table)
    np.testing.assert_allclose(trials.modality("acc").time_s[0], np.arange(12000) / 100, atol=1e-9)
    assert trials.table["rate_hz"].tolist() == [100.0]


def test_a_repeated_time_is_dropped_and_counted(tmp_path):
    table = walk()
    table = pd.concat([table[:150], table[149:150], table[150:]])
    trials = one(tmp_path, table)
    assert only(trials, "non_advancing") == 1 and only(trials, "status") == "repaired"
    np.testing.assert_array_equal(trials.modality("acc").values[0], walk()[list(ACC_CHANNELS)].to_numpy(np.float32))
    assert trials.modality("acc").frames[0].tolist() == [*range(150), *range(151, 301)]


def test_a_gap_in_time_is_counted_and_kept(tmp_path):
    trials = one(tmp_path, walk().drop(index=range(100, 160)))
    assert only(trials, "gaps") == 1 and only(trials, "status") == "ok"
    assert np.diff(trials.modality("acc").time_s[0]).max() == pytest.approx(61 / RATE_HZ)
    assert trials.table["rate_hz"].tolist() == [RATE_HZ]


@settings(max_examples=10, deadline=None)
@given(st.integers(10, 200), st.integers(1, 5), st.sampled_from(CHANNELS))
def test_short_gaps_in_values_are_filled_by_a_straight_line(tmp_path_factory, first, n, column):
    trials = one(tmp_path_factory.mktemp("made"), edit(nan_block(first, n, column)))
    expected = walk()
    expected.loc[first : first + n - 1, column] = np.nan
    expected = expected.interpolate("linear")[column].to_numpy(np.float32)
    sensor = column.split("_")[0]
    found = trials.modality(sensor).values[0][:, trials.modality(sensor).channels.index(column)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert only(trials, "filled") == n and only(trials, "status") == "repaired"


@pytest.mark.parametrize("garbage", [np.inf, 1e30, -2e6])
def test_what_no_sensor_measures_is_no_number(tmp_path, garbage):
    table = walk()
    table.loc[100, "acc_x"] = garbage
    trials = one(tmp_path, table)
    around = walk()["acc_x"][[99, 101]].mean()
    assert trials.modality("acc").values[0][100, 0] == pytest.approx(around, abs=1e-5) and only(trials, "filled") == 1


def test_ends_without_numbers_are_cut_and_counted(tmp_path):
    table = walk()
    table.loc[:29, "acc_x"], table.loc[280:, "gyro_z"] = np.nan, np.inf
    trials = one(tmp_path, table)
    assert only(trials, "garbage") == 50 and only(trials, "frames_kept") == 250
    assert trials.modality("acc").frames[0].tolist() == list(range(30, 280))
    np.testing.assert_array_equal(trials.modality("gyro").values[0], walk()[list(GYRO_CHANNELS)][30:280].astype("f4"))


@pytest.mark.parametrize("how", [stuck("gyro_y"), nan_block(0, N, "gyro_x")])
def test_a_dead_gyroscope_is_left_out_and_counted(tmp_path, how):
    write(tmp_path, "ours/P1_b.csv")
    trials = one(tmp_path, edit(how))
    assert trials.modality("gyro").present().tolist() == [False, True]
    assert trials.modality("acc").present().all()
    assert only(trials, "dead_gyroscope") == 1 and "gyroscope is dead" in repr(trials.report)


def test_a_saturated_sensor_is_counted_and_kept(tmp_path):
    table = walk(move=40)
    clipped = table.assign(**{c: table[c].clip(-30, 30) for c in ACC_CHANNELS})
    trials = one(tmp_path, clipped)
    high = clipped[list(ACC_CHANNELS)].abs() >= 29.98
    runs = sum((len(r) for c in ACC_CHANNELS for _, r in high[c][high[c]].groupby((~high[c]).cumsum()) if len(r) >= 3))
    assert only(trials, "saturated") == runs > 50
    np.testing.assert_array_equal(trials.modality("acc").values[0], clipped[list(ACC_CHANNELS)].to_numpy(np.float32))
    assert "end of the sensor's range, kept" in repr(trials.report)
    assert not one(tmp_path, table).report.files.get("saturated", pd.Series([0])).iloc[0]


def test_labels_and_recordings_without_each_other_are_listed(tmp_path):
    write(tmp_path, "ours/P1_a.csv")
    write(tmp_path, "ours/P1_b.csv")
    write_labels(tmp_path / "ours", file=["P1_a.csv", "P9_a.csv"], activity=["walk", "run"])
    trials = load_imu(tmp_path)
    assert "1 ours: labels without a recording: P9_a.csv" in notes(trials)
    assert "1 ours: recordings without a label: ours/P1_b.csv" in notes(trials)
    assert trials.classes == ["walk"]


def test_files_of_another_kind_are_ignored_and_listed(tmp_path):
    write(tmp_path, "ours/P1_a.csv")
    for name in ("notes.txt", "summary.csv", "P1_a.mat"):
        Path(tmp_path, "ours", name).write_bytes(b"\x89other")
    assert load_imu(tmp_path).report.ignored == ["ours/P1_a.mat", "ours/notes.txt", "ours/summary.csv"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "no table with a header"),
        ("name,subject\na,b\n", "expected the columns file"),
        ("file,subject\nP1_a.csv,a\nP1_a.csv,b\n", "row 3: 'P1_a.csv' is there twice, with other entries"),
        ("file,sampling_rate_hz\nP1_a.csv,fast\n", "row 2, column 'sampling_rate_hz': expected a rate .* got 'fast'"),
        ("file,walk\nP1_a.csv,1\n", "a column 'walk' would replace that of the trial table"),
        ("file,subject\nP1_a.csv,a,b\n", "more columns than the header"),
    ],
)  # fmt: skip
def test_a_bad_label_file_is_refused(tmp_path, content, message):
    write(tmp_path, "ours/P1_a.csv")
    Path(tmp_path, "ours/labels.csv").write_text(content)
    with pytest.raises(GaitDataError, match=f"ours/labels.csv(:|, ).*{message}"):
        load_imu(tmp_path)


def test_whose_a_recording_is_must_be_known(tmp_path):
    write(tmp_path, "ours/first.csv")
    write_labels(tmp_path / "ours", file=["first.csv"], subject=[""])
    with pytest.raises(GaitDataError, match="ours/first.csv: says not whose it is; name it <subject>_<session>.csv"):
        load_imu(tmp_path)
    write_labels(tmp_path / "ours", file=["first.csv"], subject=["P1"])
    assert load_imu(tmp_path).subjects.tolist() == ["ours/P1"]
    write(tmp_path, "ours/p01_a.csv")
    with pytest.raises(
        GaitDataError, match="ours: the subjects 'P1' and 'p01' differ only in the way they are written"
    ):
        load_imu(tmp_path)


def test_nothing_to_read_is_said(tmp_path):
    with pytest.raises(GaitDataError, match="no usable recording; no <dataset>/<subject>_<session>.csv"):
        load_imu(tmp_path)
    write(tmp_path, "ours/P1_a.csv", walk(2))
    with pytest.raises(GaitDataError, match="no usable recording; ours/P1_a.csv: 2 rows"):
        load_imu(tmp_path, skip_bad=True)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_happens_to_a_file_trials_are_sound_or_it_is_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("made")
    content = text(walk(40)).encode()
    first = data.draw(st.integers(0, len(content)))
    junk = data.draw(st.text('0123456789.,-e\nnax \t\r"\0', max_size=12)).encode()
    write(folder, "ours/P2_a.csv")
    Path(folder, "ours/P1_a.csv").write_bytes(content[:first] + junk + content[first + data.draw(st.integers(0, 30)) :])
    trials = load_imu(folder, skip_bad=True)
    assert trials.ids.tolist()[-1] == "ours/P2_a" and len(trials.report.files) == 2
    for m in trials.modalities.values():
        for values, time_s in zip(m.values, m.time_s, strict=True):
            assert values is None or (np.isfinite(values).all() and len(values) == len(time_s) and values.shape[1] == 3)
            assert values is None or (np.diff(time_s) > 0).all()
    assert (trials.table["rate_hz"] > 0).all()


# -- real ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    path = Path(os.environ.get("GAIT_REAL_DATA") or "nowhere", "imu")
    if not path.is_dir():
        pytest.skip(f"{path} is not there: GAIT_REAL_DATA is to be the folder of real recordings")
    return load_imu(path, units="detected")


@pytest.mark.slow
def test_the_published_recordings(real):
    table = real.table
    assert table.groupby("dataset").size().to_dict() == {"ipol2019": 353, "sisfall": 523, "weda_fall": 692}
    assert table.groupby("dataset")["subject"].nunique().to_dict() == {"ipol2019": 80, "sisfall": 18, "weda_fall": 18}
    known = table.groupby("dataset")[["place", "rate_hz", "gravity"]].agg(lambda c: c.unique().tolist())
    assert known.loc["ipol2019"].tolist() == [["left foot"], [100.0], ["removed"]]
    assert known.loc["sisfall"].tolist() == [["waist"], [200.0], ["included"]]
    assert known.loc["weda_fall"].tolist() == [["wrist"], [50.0], ["included"]]
    files = real.report.files
    assert not (files["status"] == "skipped").any() and files["converted"].sum() == 353
    assert (files["rounded_times"] > 0).sum() == 525  # four digits were written: all of sisfall from 10 s on
    for modality in real.modalities.values():
        assert modality.present().all() and all(np.isfinite(v).all() for v in modality.values)
        for time_s, rate_hz in zip(modality.time_s, table["rate_hz"], strict=True):
            np.testing.assert_allclose(np.diff(time_s), 1 / rate_hz, atol=1e-6)
    assert "ipol2019: 'acc' is likely g" in notes(real) and "ipol2019: 'gyro' is likely deg/s" in notes(real)


@pytest.mark.slow
def test_feet_walk_as_far_as_feet_do_in_the_units_that_were_found(real):
    """What was found for ipol2019 against mechanics: a swing of the foot, integrated twice, is a stride long."""
    strides = []
    for i in np.flatnonzero((real.table["dataset"] == "ipol2019").to_numpy())[::20]:
        acc, gyro = (real.modality(m).values[i].astype(float) for m in ("acc", "gyro"))
        still = np.convolve(np.linalg.norm(gyro, axis=1) < 0.5, np.ones(8) / 8, "same") > 0.9
        change = np.flatnonzero(np.diff(still.astype(int), prepend=1, append=1))
        for start, end in change.reshape(-1, 2):
            if 20 < end - start < 150:
                turned = [Rotation.identity()]
                for rate in gyro[start : end - 1]:
                    turned.append(turned[-1] * Rotation.from_rotvec(rate / 100))
                velocity = np.cumsum(Rotation.concatenate(turned).apply(acc[start:end]), axis=0) / 100
                velocity -= np.linspace(0, 1, len(velocity))[:, None] * velocity[-1]  # still at both ends
                strides.append(np.linalg.norm(velocity.sum(axis=0) / 100))
    assert len(strides) > 100 and 0.6 < np.median(strides) < 1.4  # m; as m/s2 they would be 0.08
