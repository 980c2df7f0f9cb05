import re
import shutil
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib import GaitDataError, TrialSet, datasets, load_trials
from gaitlib.datasets import azure_pressure, write_azure_pressure
from gaitlib.datasets.tools import number_tables
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, GAITS, KINECT_V2_JOINTS, joint_columns, skeleton_channels
from gaitlib.trials.modality import Modality, object_array

pytestmark = pytest.mark.filterwarnings("error")

CHANNELS = skeleton_channels(AZURE_KINECT_JOINTS)
COLUMNS = tuple(f"column_{c:02d}" for c in range(48))
N_ROWS = 20
SKELETON = "subject1/stiff-legged/trial2/skeleton.csv"
PRESSURE = "subject1/stiff-legged/trial2/pressure.csv"
FLAWS = ("garbage", "non_advancing", "cut_rows", "minute_wraps", "gaps")

# The published first row of subject1/normal/trial1, as far as it is known.
FIRST_ROW = {
    "pelvis": ("0.470502", "-0.548209", "0.829686"),
    "naval": ("0.468034", "-0.524083", "1.005471"),
    "left_hip": ("0.392954", "-0.594936", "0.83501"),
    "left_knee": ("0.238107", "-0.598222", "0.468174"),
    "left_foot": ("0.052279", "-0.549407", "-0.017217"),
    "right_hip": ("0.540430", "-0.506074", "0.824885"),
    "head": ("0.435138", "-0.449107", "1.435887"),
}


def make_trials(ids, frames=None, seed=0, scale_m=1.0, step_s=0.033) -> TrialSet:
    """Trials of random numbers with 6 decimals, every 5th frame missing, and random images with a few footprints."""
    rng = np.random.default_rng(seed)
    rows, values, images = [], [], []
    frames = np.array([f for f in range(N_ROWS) if f % 5 != 2]) if frames is None else np.asarray(frames)
    for trial in ids:
        subject, gait, _ = trial.split("/")
        rows.append({"trial": trial, "subject": subject, "walk": trial, "label": gait, "source": ""})
        values.append(np.round(rng.normal(0, scale_m, (len(frames), 96)).clip(-20, 20), 6).astype(np.float32))
        images.append((rng.poisson(3, (128, 48)) * rng.integers(0, 2, (128, 48))).astype(np.float32))
    time_s = [np.round(frames * step_s, 3) for _ in ids]
    skeleton = Modality(
        "sequence", CHANNELS, "m", object_array(values), object_array([frames] * len(ids)), object_array(time_s)
    )
    pressure = Modality("image", COLUMNS, "raw", object_array(images))
    return TrialSet(pd.DataFrame(rows), {"skeleton": skeleton, "pressure": pressure})


IDS = ["subject01/normal/01", "subject01/stiff_legged/02", "subject02/lurching/01"]


@pytest.fixture(scope="module")
def trials() -> TrialSet:
    return make_trials(IDS)


@pytest.fixture
def tree(trials, tmp_path) -> Path:
    return write_azure_pressure(trials, tmp_path / "tree")


def load(path, **options) -> TrialSet:
    return load_trials(path, use_cache=False, **options)


def change(tree: Path, name: str, function) -> None:
    """Change the bytes of a file."""
    (tree / name).write_bytes(function((tree / name).read_bytes()))


def change_cells(tree: Path, name: str, cells: dict) -> None:
    """Give cells (row, column) another text."""
    rows = [line.split(",") for line in (tree / name).read_text().splitlines()]
    for (r, c), text in cells.items():
        rows[r][c] = text
    (tree / name).write_text("".join(",".join(row) + "\n" for row in rows))


def set_times(tree: Path, name: str, times: list[str]) -> None:
    change_cells(tree, name, {(r, 0): text for r, text in enumerate(times)})


def part(trials, trial, name="skeleton", what="values"):
    column = getattr(trials.modality(name), what)
    return column[trials.ids.tolist().index(trial)]


def report_of(trials, name) -> dict:
    files = trials.report.files
    return files[files["file"] == name].iloc[0].to_dict()


def total(trials, words) -> int:
    return trials.report.summary().loc[words, "files"]


def assert_equal_trials(a: TrialSet, b: TrialSet):
    columns = ["trial", "subject", "walk", "label"]
    pd.testing.assert_frame_equal(a.table[columns], b.table[columns])
    assert list(a.modalities) == list(b.modalities)
    assert a.digest() == b.digest()


def assert_usable(trials: TrialSet):
    skeleton = trials.modality("skeleton")
    for values, frames, time_s in zip(skeleton.values, skeleton.frames, skeleton.time_s, strict=True):
        if values is not None:
            assert values.shape == (len(frames), 96) == (len(time_s), 96)
            assert (np.abs(values) <= 20).all()
            assert (np.diff(frames) > 0).all()
            assert (np.diff(time_s) > 0).all()
            assert time_s[0] == 0
    for image in trials.modality("pressure").values:
        if image is not None:
            assert image.shape == (128, 48)
            assert (image >= 0).all()
            assert (image == image.round()).all()


# -- written and loaded again ----------------------------------------------------------------------------


def test_written_trials_come_back_bit_by_bit(trials, tree):
    loaded = load(tree)
    assert_equal_trials(loaded, trials)
    for m in ("skeleton", "pressure"):
        a, b = loaded.modality(m), trials.modality(m)
        assert (a.kind, a.channels, a.unit) == (b.kind, b.channels, b.unit)
        assert {v.dtype for v in a.values} == {np.dtype(np.float32)}
    assert loaded.modality("skeleton").time_s[0].dtype == np.float64
    assert loaded.table["source"].tolist() == [
        "subject1/normal/trial1/skeleton.csv",
        SKELETON,
        "subject2/lurching/trial1/skeleton.csv",
    ]
    assert loaded.name == "Azure Kinect and pressure, simulated by healthy people, 2 subjects"


@given(data=st.data(), seed=st.integers(0, 10**6), scale_m=st.sampled_from([0.01, 1, 8, 20]))
def test_whatever_frames_are_missing_trials_come_back(tmp_path_factory, data, seed, scale_m):
    n = data.draw(st.integers(20, 60))
    inner = data.draw(st.sets(st.integers(1, n - 2), min_size=n // 2, max_size=n - 2))
    frames = np.array([0, *sorted(inner), n - 1])
    trials = make_trials(IDS, frames, seed, scale_m, step_s=data.draw(st.sampled_from([0.001, 0.033, 1 / 30, 7.0])))
    folder = tmp_path_factory.mktemp("tree", numbered=True)
    assert_equal_trials(load(write_azure_pressure(trials, folder)), trials)
    shutil.rmtree(folder)


def test_a_trial_may_lack_a_modality(trials, tmp_path):
    skeleton, pressure = trials.modality("skeleton"), trials.modality("pressure")
    without = [0, 2]
    columns = {what: getattr(skeleton, what).copy() for what in ("values", "frames", "time_s")}
    for column in columns.values():
        column[2] = None
    images = pressure.values.copy()
    images[0] = None
    some = replace(
        trials, modalities={"skeleton": replace(skeleton, **columns), "pressure": replace(pressure, values=images)}
    )
    loaded = load(write_azure_pressure(some, tmp_path / "some"))
    assert_equal_trials(loaded, some)
    assert loaded.modality("skeleton").present().tolist() == [True, True, False]
    assert loaded.modality("pressure").present().tolist() == [False, True, True]
    assert total(loaded, "files without their partner, used alone") == len(without)
    for name in ("skeleton", "pressure"):
        only = replace(trials, modalities={name: trials.modality(name)})
        assert_equal_trials(load(write_azure_pressure(only, tmp_path / name)), only)


def test_files_are_in_the_published_layout(trials, tree):
    assert sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*.*")) == [
        "subject1/normal/trial1/pressure.csv",
        "subject1/normal/trial1/skeleton.csv",
        PRESSURE,
        SKELETON,
        "subject2/lurching/trial1/pressure.csv",
        "subject2/lurching/trial1/skeleton.csv",
    ]
    lines = (tree / SKELETON).read_bytes().decode().split("\n")
    assert len(lines) == N_ROWS + 1
    assert lines[-1] == ""
    assert lines[0].startswith("20200901_11:38:-38.411,")
    for line in lines[:-1]:
        assert re.fullmatch(r"20200901_11:38:-\d\d\.\d{3},(-?\d+\.\d{6},){96}", line)
    table = pd.read_csv(tree / SKELETON, header=None)
    assert table.shape == (N_ROWS, 98)
    assert table[97].isna().all()
    repeats = [r for r in range(1, N_ROWS) if lines[r] == lines[r - 1]]
    assert repeats == [2, 7, 12, 17] == [r for r in range(N_ROWS) if lines[r][:22] == lines[r - 1][:22]]
    image = pd.read_csv(tree / PRESSURE, header=None)
    assert image.shape == (128, 48)
    assert set(image.dtypes) == {np.dtype(np.int64)}
    np.testing.assert_array_equal(image, part(trials, IDS[1], "pressure"))


def test_loading_equals_a_plain_read_number_by_number(tree):
    lines = (tree / SKELETON).read_text().splitlines()
    values, times, last = [], [], None
    for line in lines:
        cells = line.split(",")
        stamp = datetime.strptime(cells[0].replace("-", ""), "%Y%m%d_%H:%M:%S.%f")
        if last is None or stamp > last:
            values.append([np.float32(float(cell)) for cell in cells[1:97]])
            times.append(stamp)
            last = stamp
    loaded = load(tree)
    np.testing.assert_array_equal(part(loaded, IDS[1]), np.array(values))
    expected = [round((t - times[0]).total_seconds(), 3) for t in times]
    assert part(loaded, IDS[1], what="time_s").tolist() == expected


def test_synthetic_walks_come_back_and_stay_synthetic(tmp_path):
    trials = gaitlib.synthetic_trials(2, 1)
    loaded = load(write_azure_pressure(trials, tmp_path))
    assert_equal_trials(loaded, trials)
    assert loaded.name == trials.name == "SYNTHETIC walks, 2 subjects"
    assert loaded.report.ignored == []
    assert total(loaded, "non-advancing frames dropped") > 0


# -- what is read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("comma", ["", ","], ids=["97 columns", "98 columns"])
@pytest.mark.parametrize("minus", ["", "-"], ids=["plain seconds", "stray minus"])
def test_the_published_first_row_is_not_swallowed(tmp_path, comma, minus):
    joints = [FIRST_ROW.get(joint, ("0.123456", "-0.5", "1.0")) for joint in AZURE_KINECT_JOINTS]
    positions = ",".join(cell for joint in joints for cell in joint)
    rows = [f"20200901_11:38:{minus}{38.411 + k / 30:.3f},{positions}{comma}\n" for k in range(12)]
    image = np.zeros((128, 48), dtype=int)
    image[0, 0] = 21
    place = tmp_path / "subject1" / "normal" / "trial1"
    place.mkdir(parents=True)
    (place / "skeleton.csv").write_text("".join(rows))
    np.savetxt(place / "pressure.csv", image, fmt="%d", delimiter=",")
    loaded = load(tmp_path)
    assert loaded.ids.tolist() == ["subject01/normal/01"]
    first = part(loaded, "subject01/normal/01")[0]
    for joint, cells in FIRST_ROW.items():
        assert first[joint_columns(CHANNELS, joint)].tolist() == [np.float32(cell) for cell in cells]
    assert part(loaded, "subject01/normal/01", what="frames").tolist() == list(range(12))
    assert part(loaded, "subject01/normal/01", what="time_s")[:2].tolist() == [0, 0.033]
    assert part(loaded, "subject01/normal/01", "pressure")[0, 0] == 21  # nor is the first row of the image


def flatten(tree: Path, spell) -> None:
    for file in sorted(tree.rglob("*.csv")):
        file.rename(tree / spell("_".join(file.relative_to(tree).parts)))


def unpadded(line_change):
    def function(content: bytes) -> bytes:
        return b"".join(line_change(line) + b"\n" for line in content.splitlines())

    return function


def all_files(kind, function):
    def apply(tree):
        for file in tree.rglob(f"*{kind}.csv"):
            file.write_bytes(function(file.read_bytes()))

    return apply


HARMLESS = {
    "no comma at the end": all_files("skeleton", unpadded(lambda line: line.rstrip(b","))),
    "a comma at the end of image rows": all_files("pressure", unpadded(lambda line: line + b",")),
    "no stray minus": all_files("skeleton", lambda c: c.replace(b":-", b":")),
    "seconds with and without minus": all_files("skeleton", lambda c: c.replace(b":-39", b":39")),
    "no last line end": all_files("", lambda c: c.removesuffix(b"\n")),
    "CRLF": all_files("", lambda c: c.replace(b"\n", b"\r\n")),
    "byte order mark": all_files("", lambda c: b"\xef\xbb\xbf" + c),
    "blank lines": all_files("", lambda c: b"\n" + c + b"\n\n"),
    "blanks after commas": all_files("", lambda c: c.replace(b",", b", ").replace(b", \n", b",\n")),
    "images with decimals": all_files("pressure", lambda c: c.replace(b",", b".0,")),
    "flattened": lambda tree: flatten(tree, lambda n: n),
    "flattened, other spelling": lambda tree: flatten(tree, lambda n: n.replace("stiff-legged", "Stiff_Legged")),
    "zero padding": lambda tree: flatten(tree, lambda n: re.sub(r"(\d+)", r"00\1", n)),
    "capitals": lambda tree: flatten(tree, lambda n: n.replace("subject", "Subject").replace("skel", "Skel")),
}


@pytest.mark.parametrize("make_change", HARMLESS.values(), ids=HARMLESS)
def test_harmless_differences_change_nothing(trials, tree, make_change):
    make_change(tree)
    assert_equal_trials(load(tree), trials)


@pytest.mark.parametrize("prefix", ["", "K6A/data/"])
def test_zips_and_nested_folders(trials, tree, tmp_path, prefix):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in tree.rglob("*.csv"):
            archive.write(file, prefix + file.relative_to(tree).as_posix())
    assert_equal_trials(load(tmp_path / "x.zip"), trials)
    nested = tmp_path / "outer" / prefix
    nested.parent.mkdir(parents=True, exist_ok=True)
    tree.rename(nested)
    assert_equal_trials(load(tmp_path / "outer"), trials)


def test_trials_are_in_order_of_subject_gait_and_number(tmp_path):
    ids = [f"subject{s:02d}/{gait}/{t:02d}" for s in (2, 10) for gait in GAITS for t in (2, 10)]
    shuffled = np.random.default_rng(0).permutation(len(ids))
    loaded = load(write_azure_pressure(make_trials(ids)[shuffled], tmp_path))
    assert loaded.ids.tolist() == ids


def test_more_files_than_are_parsed_at_once(trials, tree, monkeypatch):
    monkeypatch.setattr(number_tables, "FILES_AT_ONCE", 2)
    assert_equal_trials(load(tree), trials)


# -- what is repaired ------------------------------------------------------------------------------------


def clock(ms: int, date="20200901", hour=11) -> str:
    return f"{date}_{hour}:59:-{ms // 1000:02d}.{ms % 1000:03d}"


REGULAR = [clock(1000 + 33 * r) for r in range(N_ROWS)]


def test_frames_whose_time_stands_or_goes_back_are_dropped_and_row_numbers_stay(tree):
    times = list(REGULAR)
    times[5] = times[4]
    times[9], times[10] = times[10], times[9]
    set_times(tree, SKELETON, times)
    loaded = load(tree)
    assert part(loaded, IDS[1], what="frames").tolist() == [r for r in range(N_ROWS) if r not in (5, 10)]
    plain = pd.read_csv(tree / SKELETON, header=None)
    np.testing.assert_array_equal(part(loaded, IDS[1]), plain.drop([5, 10]).loc[:, 1:96].astype(np.float32))
    row = report_of(loaded, SKELETON)
    assert {"status": "repaired", "non_advancing": 2, "frames_kept": N_ROWS - 2, "garbage": 0}.items() <= row.items()


@pytest.mark.parametrize("dates", [("20200901", "20200902"), ("20200930", "20201001"), ("20201231", "20210101")])
def test_time_goes_on_over_midnight(tree, dates):
    times = [f"{dates[0]}_23:59:-{59.5 + r / 20:.3f}" for r in range(10)]
    times += [f"{dates[1]}_0:0:-{r / 20:.3f}" for r in range(10)]
    set_times(tree, SKELETON, times)
    np.testing.assert_array_equal(part(load(tree), IDS[1], what="time_s"), [round(r / 20, 3) for r in range(N_ROWS)])


def test_a_gap_is_counted_and_keeps_its_true_time(tree):
    set_times(tree, SKELETON, [clock(1000 + 33 * r + 2000 * (r > 7)) for r in range(N_ROWS)])
    loaded = load(tree)
    assert part(loaded, IDS[1], what="time_s")[[7, 8]].tolist() == [0.231, 2.264]
    assert {"gaps": 1, "status": "ok"}.items() <= report_of(loaded, SKELETON).items()


NO_TIMES = ["20201301_11:59:-01.1", "20200230_11:59:-01.1", "0_0:0:0", "1_1:1:1e200", "20200901_25:59:-01.1"]
NO_TIMES += ["20200901_11:61:-01.1", "20200901_11:59:-75", "nan_nan:nan:nan", "1e300_1e300:1e300:1e300", "_::"]
NO_TIMES += ["20200901.5_11:59:-01.1", "20200901_-11:59:-01.1", "inf_inf:inf:inf"]


@pytest.mark.parametrize("text", NO_TIMES)
@pytest.mark.parametrize("row", [0, 7])
def test_a_frame_without_a_time_of_day_is_garbage_and_time_counts_from_the_first_usable_row(tree, text, row):
    set_times(tree, SKELETON, REGULAR[:row] + [text] + REGULAR[row + 1 :])
    loaded = load(tree)
    frames = part(loaded, IDS[1], what="frames")
    assert frames.tolist() == [r for r in range(N_ROWS) if r != row]
    np.testing.assert_array_equal(part(loaded, IDS[1], what="time_s"), np.round((frames - frames[0]) * 0.033, 3))
    assert {"garbage": 1, "non_advancing": 0, "frames_read": N_ROWS}.items() <= report_of(loaded, SKELETON).items()


@pytest.mark.parametrize("text", ["nan", "", "inf", "-inf", "20.01", "1e200", "1e999", "6.9e-310", "1.#QNAN"])
@pytest.mark.parametrize("column", [1, 50, 96])
def test_one_cell_of_garbage_drops_its_frame(tree, text, column):
    set_times(tree, SKELETON, REGULAR)
    change_cells(tree, SKELETON, {(7, column): text})
    loaded = load(tree)
    assert part(loaded, IDS[1], what="frames").tolist() == [r for r in range(N_ROWS) if r != 7]
    assert report_of(loaded, SKELETON)["garbage"] == 1


def test_a_joint_at_exact_zero_is_garbage_but_a_coordinate_of_zero_is_not(tree):
    set_times(tree, SKELETON, REGULAR)
    zero = "0.000000"
    change_cells(tree, SKELETON, {(3, c): zero for c in (4, 5, 6)} | {(4, 4): zero, (5, 5): zero, (6, 6): zero})
    change_cells(tree, SKELETON, {(8, c): zero for c in (5, 6, 7)})  # of two joints
    assert part(load(tree), IDS[1], what="frames").tolist() == [r for r in range(N_ROWS) if r != 3]


def test_a_last_row_that_may_be_cut_is_dropped_only_where_no_comma_closes_it(tree):
    set_times(tree, SKELETON, REGULAR)
    whole = load(tree)
    change(tree, SKELETON, lambda c: c.rstrip(b"\n"))
    assert_equal_trials(load(tree), whole)
    change(tree, SKELETON, lambda c: c.rstrip(b","))
    loaded = load(tree)
    np.testing.assert_array_equal(part(loaded, IDS[1]), part(whole, IDS[1])[:-1])
    assert {"cut_rows": 1, "frames_read": N_ROWS, "status": "repaired"}.items() <= report_of(loaded, SKELETON).items()


# -- pressure --------------------------------------------------------------------------------------------


def test_isolated_spikes_are_counted_and_stay(tree):
    image = np.zeros((128, 48), dtype=int)
    image[60:70, 10:20] = 12
    image[65, 15] = 21  # a peak, not far above its neighbours
    image[0, 0] = 50  # spikes: in a corner, at an edge, inside
    image[127, 30] = 11
    image[30, 30] = 900
    image[31, 31] = 7
    image[100, 40] = 10  # alone but small
    image[110:112, 40] = 500  # two beside each other
    np.savetxt(tree / PRESSURE, image, fmt="%d", delimiter=",")
    loaded = load(tree)
    np.testing.assert_array_equal(part(loaded, IDS[1], "pressure"), image)
    assert {"spikes": 3, "status": "ok"}.items() <= report_of(loaded, PRESSURE).items()
    assert total(loaded, "pressure images with spikes, kept") == 1


@pytest.mark.parametrize("missing", ["skeleton", "pressure"])
def test_a_missing_partner_is_counted_and_the_other_file_is_used(trials, tree, missing):
    (tree / f"subject1/stiff-legged/trial2/{missing}.csv").unlink()
    loaded = load(tree)
    assert loaded.ids.tolist() == IDS
    assert loaded.modality(missing).present().tolist() == [True, False, True]
    there = {"skeleton": "pressure", "pressure": "skeleton"}[missing]
    np.testing.assert_array_equal(part(loaded, IDS[1], there), part(trials, IDS[1], there))
    assert loaded.table["source"][1] == {"skeleton": PRESSURE, "pressure": SKELETON}[missing]
    assert total(loaded, "files without their partner, used alone") == 1
    assert report_of(loaded, loaded.table["source"][1])["without_partner"] == 1
    assert load(tree, skip_bad=True).digest() == loaded.digest()


# -- what is refused -------------------------------------------------------------------------------------


def cell(row, column, text):
    def apply(tree, name):
        change_cells(tree, name, {(row, column): text})

    return apply


def bytes_of(function):
    return lambda tree, name: change(tree, name, function)


def rows_of(function):
    return bytes_of(lambda c: b"".join(function(c.splitlines(keepends=True))))


SHOULD_HOLD = "the file should hold an image of 128 x 48 whole numbers"
BAD_PRESSURE = {
    "empty": (bytes_of(lambda c: b""), "the file is empty"),
    "127 rows": (rows_of(lambda rows: rows[1:]), "127 x 48 numbers; expected an image of 128 x 48 whole numbers"),
    "129 rows": (rows_of(lambda rows: rows + rows[:1]), "129 x 48 numbers; expected an image of 128 x 48"),
    "a header": (rows_of(lambda rows: [b",".join(b"%d" % c for c in range(48)) + b"\n"] + rows), "129 x 48 numbers"),
    "47 columns": (rows_of(lambda rows: [r[r.index(b",") + 1 :] for r in rows]), f"row 1: 47 columns.*{SHOULD_HOLD}"),
    "an index": (rows_of(lambda rows: [b"1," + r for r in rows]), f"row 1: 49 columns, expected 48; {SHOULD_HOLD}"),
    "a row too long": (cell(40, 3, "1,2"), f"row 41: 49 columns, expected 48; {SHOULD_HOLD}"),
    "half-written": (bytes_of(lambda c: c[:-40]), "columns, expected 48; the file looks half-written"),
    "negative": (cell(100, 7, "-3"), "row 101, column 8: -3; expected an image of 128 x 48 whole numbers"),
    "a fraction": (cell(0, 0, "1.5"), "row 1, column 1: 1.5; expected"),
    "no number": (cell(127, 47, "nan"), "row 128, column 48: nan; expected"),
    "blank": (cell(5, 5, ""), "row 6, column 6: nan; expected"),
    "infinite": (cell(5, 5, "inf"), "row 6, column 6: inf; expected"),
    "too large to keep": (cell(5, 5, "16777217"), "row 6, column 6: 16777217; expected"),
    "text": (cell(5, 6, "x"), "row 6, column 7: expected a number, got 'x'"),
    "quotes": (cell(5, 6, '"3"'), "row 6, column 7: expected a number, got"),
}


@pytest.mark.parametrize(("spoil", "words"), BAD_PRESSURE.values(), ids=BAD_PRESSURE)
def test_a_bad_image_is_refused_or_on_request_left_out_and_its_skeleton_stays(trials, tree, spoil, words):
    spoil(tree, PRESSURE)
    with pytest.raises(GaitDataError, match=f"^{PRESSURE}.*{words}.*; repair or remove the file, or .*skip_bad=True"):
        load(tree)
    loaded = load(tree, skip_bad=True)
    assert loaded.modality("pressure").present().tolist() == [True, False, True]
    whole = replace(loaded, modalities={"skeleton": loaded.modality("skeleton")})
    assert_equal_trials(whole, replace(trials, modalities={"skeleton": trials.modality("skeleton")}))
    skipped = loaded.report.skipped()
    assert skipped["file"].tolist() == [PRESSURE]
    assert skipped["reason"].str.contains(words).all()
    assert total(loaded, "files without their partner, used alone") == 0


BAD_TIME = "expected a time such as 20200901_11:38:38.411, got"
BAD_SKELETON = {
    "empty": (bytes_of(lambda c: b" \r\n"), "the file is empty"),
    "too short": (rows_of(lambda rows: rows[:9]), "7 usable frames of 9"),
    "half-written": (bytes_of(lambda c: c[:-300]), "row 20: .* columns, expected 97; the file looks half-written"),
    "a header": (rows_of(lambda rows: [b"time" + b",x" * 96 + b"\n", *rows]), f"row 1, column 1: {BAD_TIME} 'time'"),
    "an index": (rows_of(lambda rows: [b"0," + r for r in rows]), "row 1: 98 columns, expected 97"),
    "a full 98th column": (cell(3, 97, "1"), "row 4: 98 columns, expected 97; the file should hold time and x, y, z"),
    "two commas at the end": (rows_of(lambda rows: [r.replace(b",\n", b",,\n") for r in rows]), "row 1: 98 columns"),
    "a column less": (rows_of(lambda rows: [r.replace(b",", b" ", 1) for r in rows]), "row 1: 96 columns, expected 97"),
    "a cell moved a row down": (
        bytes_of(lambda c: c.replace(b",\n", b"\n,", 1)),
        "row 2: 98 columns, expected 97",
    ),
    "text": (cell(4, 6, "abc"), "row 5, column 7: expected a number, got 'abc'"),
    "underscore": (cell(4, 6, "1_0"), "row 5, column 7: expected a number, got '1_0'"),
    "a time in the wrong place": (cell(4, 6, "20200901_11:38:38.411"), "row 5, column 7: expected a number, got '2020"),
    "no time": (cell(4, 0, ""), f"row 5, column 1: {BAD_TIME} ''"),
    "seconds alone": (cell(4, 0, "38.411"), f"row 5, column 1: {BAD_TIME} '38.411'"),
    "another order": (cell(4, 0, "11:38:38.411_20200901"), f"row 5, column 1: {BAD_TIME} '11:38"),
    "another date": (cell(4, 0, "2020-09-01_11:38:38"), f"row 5, column 1: {BAD_TIME} '2020-09"),
    "a zero byte": (cell(4, 6, "1.5\x007"), "row 5, column 7: expected a number, got"),
    "mostly garbage": (rows_of(lambda rows: [r.replace(b",", b",nan", 1) for r in rows[:12]] + rows[12:]), "column 2"),
    "a clock that stands": (
        lambda tree, name: set_times(tree, name, [REGULAR[0]] * N_ROWS),
        r"1 usable frames of 20 \(0 garbage, 19 without a later time\)",
    ),
}


@pytest.mark.parametrize(("spoil", "words"), BAD_SKELETON.values(), ids=BAD_SKELETON)
def test_a_bad_skeleton_is_refused_or_on_request_left_out_and_its_pressure_stays(trials, tree, spoil, words):
    spoil(tree, SKELETON)
    with pytest.raises(GaitDataError, match=f"^{SKELETON}.*{words}"):
        load(tree)
    loaded = load(tree, skip_bad=True)
    assert loaded.modality("skeleton").present().tolist() == [True, False, True]
    whole = replace(loaded, modalities={"pressure": loaded.modality("pressure")})
    assert_equal_trials(whole, replace(trials, modalities={"pressure": trials.modality("pressure")}))
    assert loaded.report.skipped()["file"].tolist() == [SKELETON]


def test_a_trial_with_both_files_bad_is_gone_and_both_are_listed(trials, tree):
    for name in (SKELETON, PRESSURE):
        change(tree, name, lambda c: b"")
    loaded = load(tree, skip_bad=True)
    assert_equal_trials(loaded, trials[[0, 2]])
    assert sorted(loaded.report.skipped()["file"]) == [PRESSURE, SKELETON]


def test_a_file_that_is_alone_and_refused_is_listed_but_not_counted_as_used_alone(trials, tree):
    (tree / PRESSURE).unlink()
    change(tree, SKELETON, lambda c: b"")
    loaded = load(tree, skip_bad=True)
    assert_equal_trials(loaded, trials[[0, 2]])
    assert loaded.report.skipped()["file"].tolist() == [SKELETON]
    assert total(loaded, "files without their partner, used alone") == 0


def test_nothing_left_says_what_was_wrong(tree):
    for file in tree.rglob("*.csv"):
        file.write_text("")
    with pytest.raises(GaitDataError, match="no usable recording among 6 files.*skeleton.csv: the file is empty"):
        load(tree, skip_bad=True)


def test_an_unknown_gait_is_refused_or_listed(trials, tree):
    shutil.copytree(tree / "subject1/normal", tree / "subject1/moonwalk")
    with pytest.raises(GaitDataError, match="subject1/moonwalk/trial1/.*: unknown gait 'moonwalk'; known are normal,"):
        load(tree)
    loaded = load(tree, skip_bad=True)
    assert_equal_trials(loaded, trials)
    assert len(loaded.report.skipped()) == 2


@pytest.mark.parametrize(
    "again", ["copy/subject1/stiff-legged/trial2", "subject01/stiff_legged/trial02", "Subject1/Stiff-Legged/Trial2"]
)
@pytest.mark.parametrize("skip_bad", [False, True])
def test_the_same_recording_twice_is_refused(tree, again, skip_bad):
    shutil.copytree(tree / "subject1/stiff-legged/trial2", tree / again)
    with pytest.raises(GaitDataError, match="the same recording is in the tree twice; keep one copy"):
        load(tree, skip_bad=skip_bad)


def test_other_files_are_ignored_and_listed(trials, tree):
    (tree / "subject1/normal/trial1/notes.csv").write_text("1,2")
    (tree / "xsubject1_normal_trial1_skeleton.csv").write_text("1,2")
    (tree / "readme.txt").write_text("")
    loaded = load(tree)
    assert_equal_trials(loaded, trials)
    assert loaded.report.ignored == [
        "readme.txt",
        "subject1/normal/trial1/notes.csv",
        "xsubject1_normal_trial1_skeleton.csv",
    ]


def test_two_layouts_in_one_folder_and_none_are_refused(tree, tiny_trials, write_kinect_tree, tmp_path):
    write_kinect_tree(tiny_trials[:1], tree, n_frames=12)
    with pytest.raises(GaitDataError, match="holds recordings of Kinect v2 .* and of Azure Kinect and pressure; give"):
        load(tree)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "subject1.csv").write_text("1")
    with pytest.raises(GaitDataError, match="no known layout .* Known: Kinect v2 .*, Azure Kinect and pressure"):
        load(tmp_path / "none")


# -- what is not written ---------------------------------------------------------------------------------


def with_skeleton(trials, **columns):
    return trials.with_modality("skeleton", replace(trials.modality("skeleton"), **columns))


def with_arrays(what, function, name="skeleton"):
    def make(trials):
        modality = trials.modality(name)
        arrays = object_array([function(a.copy()) for a in getattr(modality, what)])
        return trials.with_modality(name, replace(modality, **{what: arrays}))

    return make


def put(index, value):
    def function(array):
        array[index] = value
        return array

    return function


def with_table(**columns):
    return lambda trials: replace(trials, table=trials.table.assign(**columns))


def without_both(trials):
    nothing = object_array([None] * len(trials))
    trials = with_skeleton(trials, values=nothing, frames=nothing, time_s=nothing)
    return trials.with_modality("pressure", replace(trials.modality("pressure"), values=nothing))


MISFITS = {
    "other joints": (
        lambda t: with_skeleton(t, channels=skeleton_channels(KINECT_V2_JOINTS)),
        "modality 'skeleton': the layout needs the 96 channels pelvis_x to right_ear_z, not these 75",
    ),
    "another unit": (lambda t: with_skeleton(t, unit="body lengths"), "in .body lengths., the layout in metres"),
    "another modality": (lambda t: t.with_modality("emg", t.modality("pressure")), "leave the modality 'emg' out"),
    "other columns": (
        lambda t: t.with_modality("pressure", replace(t.modality("pressure"), channels=("a", "b"))),
        "modality 'pressure': the layout needs the 48 channels column_00 to column_47, not these 2",
    ),
    "other ids": (with_table(trial=["a", "b", "c"]), "a: the layout needs ids like subject01/normal/01"),
    "another padding": (with_table(trial=[i.replace("t0", "t") for i in IDS]), "subject1/normal/01: the layout needs"),
    "another walk": (with_table(walk="w"), "subject01/normal/01: the layout needs ids .* 'walk': 'w'"),
    "another label": (with_table(label="lurching"), "subject01/normal/01: the layout needs ids .* 'label': 'lurching'"),
    "another subject": (with_table(subject="subject01"), "subject02/lurching/01: the layout needs ids"),
    "an id twice": (lambda t: t[[0, 0]], "a trial id is there twice"),
    "neither modality": (without_both, "subject01/normal/01: neither skeleton nor pressure"),
    "no times": (lambda t: with_skeleton(t, time_s=object_array([None] * 3)), "subject01/normal/01: .* frame times"),
    "not finite": (with_arrays("values", put((3, 5), np.nan)), "subject01/normal/01: values that are not finite"),
    "over 20 m": (with_arrays("values", put((3, 5), 20.5)), "subject01/normal/01: values .* over 20 m"),
    "a joint at 0": (with_arrays("values", put((3, slice(0, 3)), 0)), "subject01/normal/01: .* joint at exactly 0"),
    "first frame missing": (with_arrays("frames", lambda f: f + 1), "subject01/normal/01: starts at frame 1"),
    "frames that go back": (with_arrays("frames", put(3, 1)), "subject01/normal/01: times and frame numbers must"),
    "a time that stands": (with_arrays("time_s", put(2, 0.0334)), "subject01/normal/01: times and frame numbers must"),
    "a time that is missing": (with_arrays("time_s", put(3, np.nan)), "subject01/normal/01: times and frame numbers"),
    "an image of fractions": (with_arrays("values", lambda v: v / 2, "pressure"), "row 1, column .*whole numbers"),
    "another image": (with_arrays("values", lambda v: v[:100], "pressure"), "subject01/normal/01: 100 x 48 numbers"),
}


@pytest.mark.parametrize(("make_misfit", "words"), MISFITS.values(), ids=MISFITS)
def test_trials_that_do_not_fit_the_layout_are_refused_before_anything_is_written(trials, tmp_path, make_misfit, words):
    with pytest.raises(GaitDataError, match=words):
        write_azure_pressure(make_misfit(trials), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_left_alone(trials, tree):
    before = sorted(tree.rglob("*"))
    for path in (tree, tree / SKELETON):
        with pytest.raises(GaitDataError, match="there is something already; give a new or empty folder"):
            write_azure_pressure(trials[:1], path)
    assert sorted(tree.rglob("*")) == before


# -- whatever happens to a file --------------------------------------------------------------------------

PIECES = [b"", b",", b"\n", b"\r\n", b"_", b":", b"-", b"0", b"1e300", b"nan", b"\x00", b'"', b" ", b"\xff", b"x"]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 60), st.one_of(st.sampled_from(PIECES), st.binary(max_size=3))),
    min_size=1,
    max_size=4,
)


def edit(content: bytes, edits) -> bytes:
    for place, length, piece in edits:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + length :]
    return content


@pytest.mark.parametrize("kind", ["skeleton", "pressure"])
@given(edits=EDITS)
def test_whatever_happens_to_a_file_it_is_usable_or_refused_and_its_neighbours_do_not_matter(
    trials, tmp_path_factory, kind, edits
):
    folder = tmp_path_factory.mktemp("fuzz", numbered=True)
    write_azure_pressure(trials, folder)
    name = f"subject1/stiff-legged/trial2/{kind}.csv"
    change(folder, name, lambda content: edit(content, edits))
    try:
        loaded = load(folder)
        refused = []
    except GaitDataError as error:
        assert str(error).startswith(name)
        refused = [name]
    skipping = load(folder, skip_bad=True)
    assert_usable(skipping)
    assert skipping.report.skipped()["file"].tolist() == refused
    if not refused:
        assert_equal_trials(loaded, skipping)
    assert_equal_trials(skipping[[0, 2]], trials[[0, 2]])
    # A spoilt neighbour makes the whole batch be read line by line.
    change(folder, "subject1/normal/trial1/" + f"{kind}.csv", lambda content: content.replace(b",", b",x", 1))
    assert_equal_trials(load(folder, skip_bad=True)[[1, 2]], skipping[[1, 2]])
    shutil.rmtree(folder)


# -- the cache -------------------------------------------------------------------------------------------


def test_a_second_load_gives_the_same_without_parsing(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("gaitlib.datasets.tools.cache.TIME_STAMP_NS", 0)  # the files of a test are always new
    (tree / PRESSURE).unlink()
    change(tree, "subject2/lurching/trial1/skeleton.csv", lambda c: b"")
    first = load_trials(tree, skip_bad=True)
    monkeypatch.setattr(azure_pressure, "load", None)
    second = load_trials(tree, skip_bad=True)
    assert_equal_trials(first, second)
    assert second.name == first.name
    pd.testing.assert_frame_equal(second.report.files, first.report.files)
    pd.testing.assert_frame_equal(second.report.summary(), first.report.summary())
    assert second.modality("pressure").present().tolist() == [True, False, True]
    assert second.modality("skeleton").present().tolist() == [True, True, False]


def test_changed_loader_code_makes_caches_stale():
    code = datasets._loader_code()
    for module in (azure_pressure, number_tables):
        assert Path(module.__file__).read_bytes() in code
