import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib import GaitDataError, datasets, load_trials
from gaitlib.datasets import kinect_v2
from gaitlib.datasets.tools import files, number_tables
from gaitlib.preprocessing import repair
from gaitlib.trials import conventions

pytestmark = pytest.mark.filterwarnings("error")

N_FRAMES = 30
NAME = "human1_normal1/human1_normal1_SkeletonData1.csv"
POSITION_COLUMNS = [c for c in range(1, 101) if c % 4 != 1]


@pytest.fixture(scope="module")
def sound(tiny_trials, write_kinect_tree, tmp_path_factory) -> bytes:
    """The text of one recording in which nothing is wrong: 30 frames from 10 s on."""
    return write_kinect_tree(tiny_trials[:1], tmp_path_factory.mktemp("sound"), n_frames=N_FRAMES)[0].read_bytes()


@pytest.fixture
def tree(tiny_trials, write_kinect_tree, tmp_path) -> Path:
    """3 walks of 2 people, seen by 2 cameras."""
    trials = tiny_trials[[0, 4, 13]]
    write_kinect_tree(trials, tmp_path / "tree", cameras=(1, 2), n_frames=N_FRAMES)
    return tmp_path / "tree"


def put(folder: Path, content: bytes, name: str = NAME) -> Path:
    """Write one recording into a tree."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def to_rows(content: bytes) -> list[list[str]]:
    return [line.split("\t") for line in content.decode().splitlines()]


def to_bytes(rows: list[list[str]]) -> bytes:
    return "".join("\t".join(row) + "\n" for row in rows).encode()


def set_times(content: bytes, times) -> bytes:
    rows = to_rows(content)
    assert len(rows) == len(times)
    return to_bytes([[f"{t:.3f}", *row[1:]] for t, row in zip(times, rows, strict=True)])


def zipped(tree: Path, file: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.rglob("*.csv")):
            archive.write(path, prefix + path.relative_to(tree).as_posix())
    return file


def load(path, **options):
    return load_trials(path, use_cache=False, **options)


def skeleton(trials, i=0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m = trials.modality("skeleton")
    return m.values[i], m.time_s[i], m.frames[i]


def counts(trials, i=0) -> dict:
    return trials.report.files.iloc[i].to_dict()


def assert_same_trials(a, b):
    pd.testing.assert_frame_equal(a.table, b.table)
    assert a.digest() == b.digest()


def assert_usable(trials):
    for values, time_s, frames in zip(*(getattr(trials.modality("skeleton"), p) for p in PARTS), strict=True):
        assert values.shape == (len(time_s), 75) == (len(frames), 75)
        assert np.isfinite(values).all()
        assert (np.abs(values) <= 20).all()
        assert (np.diff(time_s) > 0).all()
        assert (np.diff(frames) > 0).all()


PARTS = ("values", "time_s", "frames")


# -- what is read ----------------------------------------------------------------------------------------


def test_values_times_and_frames_equal_a_plain_read_of_the_file(tmp_path, sound):
    plain = pd.read_csv(put(tmp_path, sound), sep="\t", header=None)
    values, time_s, frames = skeleton(load(tmp_path))
    assert plain.shape == (N_FRAMES, 101)
    np.testing.assert_array_equal(values, plain[POSITION_COLUMNS].to_numpy(np.float32))
    np.testing.assert_array_equal(time_s, plain[0])
    assert frames.tolist() == list(range(N_FRAMES))  # the first row too: there is no header


def test_the_table_says_who_walked_how_and_which_camera_saw_it(tree):
    trials = load(tree)
    assert trials.table[["trial", "subject", "walk", "label", "camera"]].values.tolist() == [
        ["human01/normal/01/kinect1", "human01", "human01/normal/01", "normal", 1],
        ["human01/normal/01/kinect2", "human01", "human01/normal/01", "normal", 2],
        ["human01/stiff_legged/01/kinect1", "human01", "human01/stiff_legged/01", "stiff_legged", 1],
        ["human01/stiff_legged/01/kinect2", "human01", "human01/stiff_legged/01", "stiff_legged", 2],
        ["human02/normal/02/kinect1", "human02", "human02/normal/02", "normal", 1],
        ["human02/normal/02/kinect2", "human02", "human02/normal/02", "normal", 2],
    ]
    assert all((tree / source).is_file() for source in trials.table["source"])
    assert "simulated by healthy people), 2 subjects" in trials.name


def test_views_of_a_walk_share_the_walk_and_the_same_walk_number_of_others_does_not(tree):
    trials = load(tree)
    assert trials.table.groupby("walk").size().tolist() == [2, 2, 2]
    assert trials.table.groupby("walk")["subject"].nunique().max() == 1


def test_trials_are_in_order_of_number_not_of_text(tmp_path, sound):
    for subject, walk in ((10, 1), (2, 10), (2, 9)):
        put(tmp_path, sound, f"a/human{subject}_normal{walk}_SkeletonData1.csv")
    assert load(tmp_path).walks.tolist() == ["human02/normal/09", "human02/normal/10", "human10/normal/01"]


@pytest.mark.parametrize(
    ("spelling", "label"),
    [
        ("lurch", "lurching"),
        ("lurching", "lurching"),
        ("stiff_legged", "stiff_legged"),
        ("stiff-legged", "stiff_legged"),
        ("stiff legged", "stiff_legged"),
        ("Stiff_Legged_", "stiff_legged"),
        ("Steppage", "steppage"),
    ],
)
def test_spellings_of_a_gait(tmp_path, sound, spelling, label):
    put(tmp_path, sound, f"human3_{spelling}12/human3_{spelling}12_SkeletonData5.csv")
    assert load(tmp_path).ids.tolist() == [f"human03/{label}/12/kinect5"]


def test_sound_files_are_reported_as_read_in_full(tree):
    report = load(tree).report
    assert report.files["status"].tolist() == ["ok"] * 6
    assert report.files["frames_read"].tolist() == report.files["frames_kept"].tolist() == [N_FRAMES] * 6
    assert not report.files[["garbage", "non_advancing", "minute_wraps", "gaps"]].any(axis=None)
    assert report.ignored == []
    assert len(report.skipped()) == 0


def test_other_files_are_ignored_and_listed(tree):
    (tree / "notes.txt").write_text("recorded in March")
    (tree / "human1_normal1" / "human1_normal1_ColorData1.csv").write_text("0,0")
    (tree / ".hidden").write_text("")
    report = load(tree).report
    assert report.ignored == ["human1_normal1/human1_normal1_ColorData1.csv", "notes.txt"]
    assert report.summary().loc["files ignored (not of this layout)", "files"] == 2


def test_more_files_than_are_parsed_at_once(tmp_path, sound, monkeypatch):
    monkeypatch.setattr(number_tables, "FILES_AT_ONCE", 3)
    for walk in range(1, 8):
        rows = to_rows(sound)[: 20 + walk]
        rows[0][2] = f"0.{walk}"
        put(tmp_path, to_bytes(rows), f"human1_normal{walk}_SkeletonData1.csv")
    trials = load(tmp_path)
    assert [len(v) for v in trials.modality("skeleton").values] == [20 + walk for walk in range(1, 8)]
    assert [v[0, 0] for v in trials.modality("skeleton").values] == [np.float32(f"0.{w}") for w in range(1, 8)]


def test_folder_and_zip_give_equal_trials(tree, tmp_path):
    trials = load(tree)
    archive = zipped(tree, tmp_path / "recordings.zip")
    assert_same_trials(trials, load(archive))
    below = load(zipped(tree, tmp_path / "below.ZIP", "Pathological_Gaits/"))
    assert below.digest() == trials.digest()


def test_a_folder_with_nothing_but_a_zip_is_that_zip(tree, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "README.md").write_text("put recordings here")
    zipped(tree, tmp_path / "data" / "recordings.zip")
    assert_same_trials(load(tree), load(tmp_path / "data"))


def test_hidden_files_of_an_archive_are_left_alone_as_in_a_folder(tree, tmp_path):
    archive = zipped(tree, tmp_path / "mac.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("__MACOSX/human1_normal1/._human1_normal1_SkeletonData1.csv", b"\x00\x05\x16\x07")
        file.writestr(".DS_Store", b"\x00")
    trials = load(archive)
    assert_same_trials(load(tree), trials)
    assert trials.report.ignored == []


# -- what is repaired ------------------------------------------------------------------------------------

TIMES = 10 + np.arange(N_FRAMES) / 30


def test_the_minute_is_unwrapped(tmp_path, sound):
    true = 59.5 + np.arange(N_FRAMES) / 30
    put(tmp_path, set_times(sound, true % 60))
    trials = load(tmp_path)
    values, time_s, frames = skeleton(trials)
    assert (true % 60)[-1] < 1
    np.testing.assert_allclose(time_s, true, rtol=0, atol=0.0006)
    assert len(values) == N_FRAMES
    expected = {"status": "repaired", "minute_wraps": 1, "garbage": 0, "non_advancing": 0, "gaps": 0}
    assert expected.items() <= counts(trials).items()


@pytest.mark.parametrize("time_s", [TIMES[4], TIMES[3], TIMES[0] - 5])
def test_a_frame_whose_time_stands_or_goes_back_is_dropped(tmp_path, sound, time_s):
    times = TIMES.copy()
    times[5] = time_s
    put(tmp_path, set_times(sound, times))
    trials = load(tmp_path)
    values, kept, frames = skeleton(trials)
    expected = [i for i in range(N_FRAMES) if i != 5]
    assert frames.tolist() == expected
    np.testing.assert_allclose(kept, TIMES[expected], rtol=0, atol=0.0006)
    assert {"status": "repaired", "non_advancing": 1, "frames_kept": 29, "garbage": 0}.items() <= counts(trials).items()


def test_a_gap_is_counted_and_keeps_its_true_time(tmp_path, sound):
    times = TIMES + 1.5 * (np.arange(N_FRAMES) >= 20)
    put(tmp_path, set_times(sound, times))
    trials = load(tmp_path)
    np.testing.assert_allclose(skeleton(trials)[1], times, rtol=0, atol=0.0006)
    assert {"status": "ok", "gaps": 1, "frames_kept": N_FRAMES}.items() <= counts(trials).items()


GARBAGE = ["nan", "-nan", "-nan(ind)", "1.#QNAN", "", "inf", "-inf", "1e31", "1e200", "-1e267", "1e999", "20.01"]
GARBAGE += ["6.9e-310", "-6.9e-310", "1e-40", "5e-324"]


@pytest.mark.parametrize("text", GARBAGE)
def test_one_cell_of_garbage_drops_its_frame(tmp_path, sound, text):
    rows = to_rows(sound)
    rows[7][50] = text
    put(tmp_path, to_bytes(rows))
    trials = load(tmp_path)
    values, time_s, frames = skeleton(trials)
    plain = pd.read_csv(tmp_path / NAME, sep="\t", header=None)
    expected = [i for i in range(N_FRAMES) if i != 7]
    assert frames.tolist() == expected
    np.testing.assert_array_equal(values, plain.loc[expected, POSITION_COLUMNS].astype(np.float32))
    assert {"status": "repaired", "garbage": 1, "frames_kept": 29, "non_advancing": 0}.items() <= counts(trials).items()


@pytest.mark.parametrize("text", ["nan", "1e200", "6.9e-310", "0.0", "0"])
def test_a_tail_of_garbage_is_dropped(tmp_path, sound, text):
    rows = to_rows(sound)
    for row in rows[-4:]:
        for c in POSITION_COLUMNS:
            row[c] = text
    put(tmp_path, to_bytes(rows))
    trials = load(tmp_path)
    assert skeleton(trials)[2].tolist() == list(range(N_FRAMES - 4))
    assert {"garbage": 4, "frames_read": 30, "frames_kept": 26}.items() <= counts(trials).items()


def test_joint_numbers_of_garbage_frames_do_not_matter(tmp_path, sound):
    rows = to_rows(sound)
    rows[-1] = [rows[-1][0], *["6.9e-310"] * 100]
    put(tmp_path, to_bytes(rows))
    assert counts(load(tmp_path))["garbage"] == 1


def test_one_joint_at_exact_zero_is_garbage_but_a_coordinate_of_zero_is_not(tmp_path, sound):
    rows = to_rows(sound)
    rows[3][2:5] = ["0", "-0.0", "0.0"]
    for r in (4, 5, 6):
        rows[r][r - 2] = "0"
    put(tmp_path, to_bytes(rows))
    trials = load(tmp_path)
    assert skeleton(trials)[2].tolist() == [i for i in range(N_FRAMES) if i != 3]
    assert counts(trials)["garbage"] == 1


@pytest.mark.parametrize("text", ["nan", "inf", "1e200", "-1e200", "75.0", "-0.5"])
@pytest.mark.parametrize("row", [0, 7, N_FRAMES - 1])
def test_a_time_that_is_no_second_of_a_minute_is_garbage(tmp_path, sound, text, row):
    rows = to_rows(sound)
    rows[row][0] = text
    put(tmp_path, to_bytes(rows))
    trials = load(tmp_path)
    _, time_s, frames = skeleton(trials)
    expected = [i for i in range(N_FRAMES) if i != row]
    assert frames.tolist() == expected
    np.testing.assert_allclose(time_s, TIMES[expected], rtol=0, atol=0.0006)
    assert {"garbage": 1, "non_advancing": 0, "minute_wraps": 0, "gaps": 0}.items() <= counts(trials).items()


def test_repairs_add_up_in_the_summary(tmp_path, sound):
    rows = to_rows(sound)
    rows[-1][2] = rows[-2][2] = "nan"
    put(tmp_path, to_bytes(rows))
    put(tmp_path, set_times(sound, [*TIMES[:-1], TIMES[3]]), "human1_normal2_SkeletonData1.csv")
    put(tmp_path, set_times(sound, (TIMES + 49.7) % 60), "human1_normal3_SkeletonData1.csv")
    summary = load(tmp_path).report.summary()
    assert summary.to_dict("index") == {
        "files read": {"files": 3, "frames": 90},
        "files used": {"files": 3, "frames": 87},
        "files skipped": {"files": 0, "frames": 0},
        "cut last rows dropped": {"files": 0, "frames": 0},
        "garbage frames dropped": {"files": 1, "frames": 2},
        "non-advancing frames dropped": {"files": 1, "frames": 1},
        "minute wraps undone": {"files": 1, "frames": 1},
        "gaps kept, with their true time": {"files": 0, "frames": 0},
        "files ignored (not of this layout)": {"files": 0, "frames": 0},
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.replace(b"\n", b"\r\n"),
        lambda c: c + b"\n\n",
        lambda c: c + b"   ",
        lambda c: b"\n" + c,
        lambda c: b"\xef\xbb\xbf" + c,
        lambda c: c.replace(b"\t", b" \t "),
    ],
    ids=["CRLF", "blank lines at the end", "blanks at the end", "blank first line", "byte order mark", "padded cells"],
)
def test_harmless_differences_of_text_change_nothing(tree, change):
    expected = load(tree).digest()
    for name in ("human1_normal1/human1_normal1_SkeletonData2.csv", "human2_normal2/human2_normal2_SkeletonData1.csv"):
        put(tree, change((tree / name).read_bytes()), name)
    assert load(tree).digest() == expected


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_an_unterminated_last_line_is_dropped_as_its_last_number_may_be_cut(tmp_path, sound, cut):
    put(tmp_path, sound[:-cut])
    trials = load(tmp_path)
    assert skeleton(trials)[2].tolist() == list(range(N_FRAMES - 1))
    assert skeleton(trials)[0].shape == (N_FRAMES - 1, 75)
    assert trials.report.files[["status", "cut_rows", "frames_read"]].iloc[0].tolist() == ["repaired", 1, N_FRAMES]


# -- what is refused -------------------------------------------------------------------------------------


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(GaitDataError, match="nowhere: no such folder or .zip"):
        load(tmp_path / "nowhere")


def test_an_empty_folder_and_one_of_other_files_have_no_known_layout(tmp_path):
    with pytest.raises(GaitDataError, match=r"no known layout among its 0 files.*Kinect v2.*from_arrays"):
        load(tmp_path)
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "human1_normal1_SkeletonData1.txt").write_text("1\t2")
    with pytest.raises(GaitDataError, match=r"no known layout among its 2 files \(.*a.csv"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything can be listed here")
@pytest.mark.parametrize("place", [".", "human1_normal1"])
def test_a_folder_that_cannot_be_listed_is_named(tree, place):
    (tree / place).chmod(0)
    with pytest.raises(GaitDataError, match=f"{tree}: cannot be listed .*{place.strip('.')}"):
        load(tree)
    (tree / place).chmod(0o700)


def test_a_single_recording_is_no_folder(tmp_path, sound):
    with pytest.raises(GaitDataError, match="expected a folder or a .zip"):
        load(put(tmp_path, sound))


def change_cell(row, column, text):
    def change(content):
        rows = to_rows(content)
        rows[row][column] = text
        return to_bytes(rows)

    return change


def change_rows(function):
    def change(content):
        rows = to_rows(content)
        function(rows)
        return to_bytes(rows)

    return change


def shift_joint_numbers(content):
    rows = to_rows(content)
    for row in rows:
        for joint in range(25):
            row[1 + 4 * joint] = str(joint + 1)
    return to_bytes(rows)


def swap_joints(rows):
    rows[12][1:5], rows[12][5:9] = rows[12][5:9], rows[12][1:5]


def swap_joints_after_garbage(rows):
    rows[2][2] = rows[3][2] = "nan"
    swap_joints(rows)


def spoil_most(rows):
    for row in rows[9:]:
        row[2] = "nan"


def scale(factor, columns):
    """All numbers of some columns times a factor."""

    def change(rows):
        for row in rows:
            for c in columns:
                row[c] = f"{float(row[c]) * factor:.6f}"

    return change_rows(change)


def lose_a_joint(rows):
    for row in rows:
        row[98:101] = ["0"] * 3


POSITIONS = [c for c in range(1, 101) if (c - 1) % 4]


def move_a_cell(rows):
    rows[8].append(rows[9].pop())


def move_a_cell_up(rows):
    rows[9].append(rows[8].pop())


REFUSALS = {
    "empty": (lambda c: b"", "the file is empty"),
    "blank": (lambda c: b" \n\r\n", "the file is empty"),
    "one unterminated line": (lambda c: c.split(b"\n")[0], "0 usable frames of 0"),
    "too short": (lambda c: b"\n".join(c.split(b"\n")[:9]) + b"\n", "9 usable frames of 9"),
    "half-written": (lambda c: c[:-300], "row 30: .* columns, expected 101; the file looks half-written"),
    "a column too many": (change_rows(lambda rows: [r.append("1") for r in rows]), "row 1: 102 columns"),
    "a column too few": (change_rows(lambda rows: [r.pop() for r in rows]), "row 1: 100 columns, expected 101"),
    "102 then 100 columns": (change_rows(move_a_cell), "row 9: 102 columns, expected 101"),
    "100 then 102 columns": (change_rows(move_a_cell_up), "row 9: 100 columns, expected 101"),
    "commas": (lambda c: c.replace(b"\t", b","), "row 1: 1 columns, expected 101"),
    "text": (change_cell(4, 6, "abc"), "row 5, column 7: expected a number, got 'abc'"),
    "missing in words": (change_cell(4, 6, "NA"), "row 5, column 7: expected a number, got 'NA'"),
    "truth": (change_cell(4, 6, "True"), "row 5, column 7: expected a number, got 'True'"),
    "decimal comma": (change_cell(0, 2, "0,5"), "row 1, column 3: expected a number, got '0,5'; write decimal points"),
    "underscore": (change_cell(29, 100, "1_0"), "row 30, column 101: expected a number, got '1_0'"),
    "quotes": (change_cell(2, 0, '"10.067"'), "row 3, column 1: expected a number, got"),
    "one open quote": (change_cell(2, 3, '"0.1'), "row 3, column 4: expected a number, got"),
    "a zero byte": (change_cell(2, 3, "1.5\x007"), "row 3, column 4: expected a number, got"),
    "a carriage return in a cell": (change_cell(4, 6, "0.1\r5"), "row 5, column 7: expected a number, got"),
    "after a blank line": (lambda c: b"\n" + change_cell(4, 6, "abc")(c), "row 6, column 7: expected a number"),
    "joint numbers shifted": (shift_joint_numbers, "row 1: the joint numbers are not 0 to 24 in order"),
    "two joints swapped": (change_rows(swap_joints), "row 13: the joint numbers are not 0 to 24 in order"),
    "two joints swapped after garbage": (change_rows(swap_joints_after_garbage), "row 13: the joint numbers are not"),
    "a joint number missing": (change_cell(6, 1, "nan"), "row 7: the joint numbers are not 0 to 24 in order"),
    "nearly all garbage": (
        change_rows(spoil_most),
        r"9 usable frames of 30 \(21 garbage.*21 of 30 frames are not finite",
    ),
    "millimetres": (scale(1000, POSITIONS), "30 of 30 frames are beyond 20; the positions look like millimetres"),
    "centimetres": (scale(100, POSITIONS), "30 of 30 frames are beyond 20; the positions look like centimetres"),
    "milliseconds": (scale(1000, [0]), "the clock of 30 of 30 frames is no second of a minute; it looks like milli"),
    "a joint never seen": (change_rows(lose_a_joint), "30 of 30 frames have a joint at exactly .*'right_thumb'"),
    "a clock that stands": (lambda c: set_times(c, [10] * 30), r"1 usable frames of 30 \(0 garbage, 29 without"),
    "a header": (lambda c: b"\t".join([b"h"] * 101) + b"\n" + c, "row 1, column 1: expected a number, got 'h'"),
    "another kind of file": (lambda c: b"PK\x03\x04" + bytes(range(256)) * 4, "columns, expected 101"),
}


@pytest.mark.parametrize(("change", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_bad_file_is_refused_or_on_request_skipped_and_nothing_else_is_lost(tree, change, words):
    good = load(tree)
    bad = "human1_stiff_legged1/human1_stiff_legged1_SkeletonData2.csv"
    put(tree, change((tree / bad).read_bytes()), bad)
    with pytest.raises(GaitDataError, match=f"^{bad}.*{words}"):
        load(tree)
    trials = load(tree, skip_bad=True)
    assert_same_trials(trials, good[good.table["source"] != bad])
    skipped = trials.report.skipped()
    assert skipped["file"].tolist() == [bad]
    assert skipped["reason"].str.contains(words).all()
    used = trials.report.summary().loc["files used"]
    assert used.tolist() == [5, 5 * N_FRAMES]


def test_enough_usable_frames_are_kept_whatever_share_they_are(tmp_path, sound):
    rows = to_rows(sound)
    garbage = [[*row[:2], "nan", *row[3:]] for row in rows] * 3
    put(tmp_path / "mostly", to_bytes([*rows, *garbage]))
    put(tmp_path / "whole", sound)
    trials = load(tmp_path / "mostly")
    assert_same_trials(trials, load(tmp_path / "whole"))
    row = counts(trials)
    assert (row["frames_read"], row["garbage"], row["frames_kept"]) == (4 * len(rows), 3 * len(rows), len(rows))


@pytest.mark.parametrize(
    "write",
    [
        lambda c: c.decode().encode("utf-16"), lambda c: c.decode().encode("utf-8-sig"),
        lambda c: c.replace(b"\n", b"\r"),
    ],
    ids=["UTF-16", "UTF-8 with its mark", "line ends of old Macintoshes"],
)  # fmt: skip
def test_other_ways_to_write_text_are_read(tree, write):
    good, name = load(tree), "human1_stiff_legged1/human1_stiff_legged1_SkeletonData2.csv"
    put(tree, write((tree / name).read_bytes()), name)
    assert_same_trials(load(tree), good)


def test_an_unknown_gait_is_refused_with_the_known_ones(tree, sound):
    good = load(tree)
    put(tree, sound, "human1_moonwalk3/human1_moonwalk3_SkeletonData1.csv")
    with pytest.raises(
        GaitDataError, match="human1_moonwalk3_SkeletonData1.csv: unknown gait 'moonwalk'; known are normal,"
    ):
        load(tree)
    trials = load(tree, skip_bad=True)
    assert_same_trials(trials, good)
    assert trials.report.skipped()["file"].tolist() == ["human1_moonwalk3/human1_moonwalk3_SkeletonData1.csv"]


@pytest.mark.parametrize("again", ["copy/human1_normal1_SkeletonData1.csv", "human01_Normal_1_SkeletonData1.csv"])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_the_same_recording_twice_is_refused(tree, sound, again, skip_bad):
    put(tree, sound, again)
    with pytest.raises(
        GaitDataError, match="human1_normal1_SkeletonData1.csv: the same recording is in the tree twice"
    ):
        load(tree, skip_bad=skip_bad)


def test_nothing_left_after_skipping_says_what_was_wrong(tmp_path):
    put(tmp_path, b"")
    with pytest.raises(GaitDataError, match=f"no usable recording among 1 files.*{NAME}: the file is empty"):
        load(tmp_path, skip_bad=True)


def test_an_oversized_file_is_refused_unread(tree, monkeypatch):
    big = "human1_normal1/human1_normal1_SkeletonData2.csv"
    monkeypatch.setattr("gaitlib.datasets.tools.files.LARGEST_FILE", (tree / big).stat().st_size - 1)
    others = [p for p in tree.rglob("*.csv") if p != tree / big]
    for path in others:
        path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:12]) + b"\n")
    with pytest.raises(GaitDataError, match=f"{big}: .* bytes; a recording has at most"):
        load(tree)
    assert len(load(tree, skip_bad=True)) == 5


# -- archives --------------------------------------------------------------------------------------------


def test_a_zip_bomb_is_refused(tree, tmp_path):
    archive = zipped(tree, tmp_path / "bomb.zip")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("human9_normal1_SkeletonData1.csv", b"0" * 5_000_000)
    with pytest.raises(GaitDataError, match=r"bomb.zip: 'human9_normal1_SkeletonData1.csv' unpacks to over 200 times"):
        load(archive, skip_bad=True)


@pytest.mark.parametrize(
    "name", ["../human9_normal1_SkeletonData1.csv", "/human9_normal1_SkeletonData1.csv", "a/../../b"]
)
def test_an_archive_with_paths_out_of_it_is_refused(tree, tmp_path, sound, name):
    archive = zipped(tree, tmp_path / "escape.zip")
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, sound)
    with pytest.raises(GaitDataError, match=f"escape.zip: the archive holds '{name}', a path that leads outside"):
        load(archive)


def test_an_encrypted_archive_is_refused(tree, tmp_path):
    archive = zipped(tree, tmp_path / "secret.zip")
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(GaitDataError, match="secret.zip: 'human2_normal2.*' is encrypted; unpack it"):
        load(archive)


def test_a_damaged_member_is_refused_or_skipped_and_nothing_else_is_lost(tree, tmp_path):
    archive = zipped(tree, tmp_path / "damaged.zip")
    bad = "human1_normal1/human1_normal1_SkeletonData2.csv"
    with zipfile.ZipFile(archive) as file:
        member = file.getinfo(bad)
    content = bytearray(archive.read_bytes())
    content[member.header_offset + 30 + len(bad) + member.compress_size // 2] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(GaitDataError, match=f"^{bad}: .*copy or download it again"):
        load(archive)
    trials = load(archive, skip_bad=True)
    assert trials.report.skipped()["file"].tolist() == [bad]
    good = load(tree)
    assert_same_trials(trials, good[good.table["source"] != bad])


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(17)], ids=["empty", "text", "cut"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(GaitDataError, match="x.zip: not a readable .zip"):
        load(tmp_path / "x.zip")


@pytest.fixture(scope="module")
def small_archive(tiny_trials, write_kinect_tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    write_kinect_tree(tiny_trials[[0, 2]], folder / "tree", n_frames=12)
    return zipped(folder / "tree", folder / "small.zip").read_bytes(), load(folder / "tree")


@given(data=st.data())
def test_whatever_happens_to_an_archive_it_loads_right_or_is_refused(small_archive, tmp_path_factory, data):
    content, good = small_archive
    directory = content.index(b"PK\x01\x02")  # the list of members at the end is where damage is worst
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(directory, len(content) - 1), st.integers(0, 60))
    changed = bytearray(content)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        changed[place] = byte
    if data.draw(st.booleans()):
        changed = changed[: data.draw(places)]
    file = tmp_path_factory.mktemp("zip", numbered=True) / "x.zip"
    file.write_bytes(changed)
    for skip_bad in (False, True):
        try:
            trials = load(file, skip_bad=skip_bad)
        except GaitDataError:
            continue
        digests = {good[i].digest() for i in range(len(good))}
        same_names = [t for t in trials if t.ids[0] in set(good.ids)]
        assert all(t.digest() in digests for t in same_names)


# -- whatever happens to a file --------------------------------------------------------------------------

PIECES = st.one_of(
    st.binary(min_size=1, max_size=4),
    st.sampled_from(
        [b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b"\x00", b'"', b"'", b"#", b"-", b"e", b"nan", b"NA", b"inf", b"1e308"]
        + [
            b"1e-320",
            b"1e400",
            b"\xef\xbb\xbf",
            b"\xff",
            b"\xa0",
            b" ",
            b",",
            b"\x1a",
            b"0",
            b"9" * 30,
            b"\t" * 100 + b"\n",
        ]
    ),
)
PLACE = st.floats(0, 1, exclude_max=True)
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), PLACE, PIECES),
        st.tuples(st.just("replace"), PLACE, PIECES),
        st.tuples(st.just("delete"), PLACE, st.integers(1, 300)),
        st.tuples(st.just("duplicate"), PLACE, st.integers(1, 300)),
        st.tuples(st.just("truncate"), PLACE, st.none()),
        st.tuples(st.just("delete line"), PLACE, st.none()),
        st.tuples(st.just("duplicate line"), PLACE, st.none()),
        st.tuples(st.just("replace cell"), PLACE, PIECES),
        st.tuples(st.just("move tab"), PLACE, PLACE),
    ),
    min_size=1,
    max_size=4,
)


def mutate(content: bytes, changes) -> bytes:
    for kind, place, what in changes:
        at = int(place * len(content))
        lines = content.split(b"\n")
        line = int(place * len(lines))
        if kind == "insert":
            content = content[:at] + what + content[at:]
        elif kind == "replace":
            content = content[:at] + what + content[at + len(what) :]
        elif kind == "delete":
            content = content[:at] + content[at + what :]
        elif kind == "duplicate":
            content = content[: at + what] + content[at:]
        elif kind == "truncate":
            content = content[:at]
        elif kind == "delete line":
            content = b"\n".join(lines[:line] + lines[line + 1 :])
        elif kind == "duplicate line":
            content = b"\n".join(lines[: line + 1] + lines[line:])
        elif kind == "replace cell":
            cells = content.split(b"\t")
            cells[int(place * len(cells))] = what
            content = b"\t".join(cells)
        elif kind == "move tab":
            cells = content.split(b"\t")
            if len(cells) > 2:
                content = b"\t".join(cells[:-1]) + cells[-1]
                other = int(what * len(content))
                content = content[:other] + b"\t" + content[other:]
    return content


@pytest.fixture(scope="module")
def mutable(tiny_trials, write_kinect_tree, tmp_path_factory):
    """A tree of 3 recordings, the middle one's name and bytes, and the trials of the other two."""
    folder = tmp_path_factory.mktemp("mutable")
    files = write_kinect_tree(tiny_trials[[0, 2, 4]], folder, n_frames=12)
    trials = load(folder)
    bad = "human1_antalgic1/human1_antalgic1_SkeletonData1.csv"
    assert (folder / bad) in files
    return folder, bad, (folder / bad).read_bytes(), trials[trials.table["source"] != bad]


@given(changes=CHANGES)
def test_whatever_happens_to_a_file_trials_are_finite_or_it_is_refused(mutable, changes):
    folder, bad, content, others = mutable
    (folder / bad).write_bytes(mutate(content, changes))
    try:
        trials = load(folder)
        assert_usable(trials)
        assert len(trials) == 3
    except GaitDataError as error:
        assert str(error).startswith(bad)
        trials = None
    skipping = load(folder, skip_bad=True)
    assert_same_trials(skipping[skipping.table["source"] != bad], others)
    assert skipping.report.skipped()["file"].tolist() == ([bad] if trials is None else [])
    if trials is not None:
        assert_same_trials(skipping, trials)


@given(changes=CHANGES)
def test_what_becomes_of_a_file_does_not_depend_on_its_neighbours(mutable, tmp_path_factory, changes):
    folder, bad, content, _ = mutable
    content = mutate(content, changes)
    (folder / bad).write_bytes(content)
    beside = load(folder, skip_bad=True)
    spoilt = put(folder, b"x\n", "human1_antalgic2_SkeletonData1.csv")  # makes the whole batch be read with care
    beside_bad = load(folder, skip_bad=True)
    spoilt.unlink()
    alone = tmp_path_factory.mktemp("alone", numbered=True)
    put(alone, content, bad)
    assert_same_trials(beside, beside_bad)
    if bad in beside.report.skipped()["file"].tolist():
        with pytest.raises(GaitDataError):
            load(alone)
    else:
        assert_same_trials(load(alone), beside[beside.table["source"] == bad])


# -- the cache -------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("gaitlib.datasets.tools.cache.TIME_STAMP_NS", 0)  # the files of a test are always new
    return tmp_path / "cache"


@pytest.fixture
def no_parsing(monkeypatch):
    """Calling the fixture makes any further parsing fail."""

    def fail(*_):
        raise AssertionError("the files were parsed again")

    return lambda: monkeypatch.setattr(kinect_v2, "load", fail)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_second_load_does_not_parse_and_gives_the_same(tree, tmp_path, cache, no_parsing, kind):
    path = tree if kind == "folder" else zipped(tree, tmp_path / "x.zip")
    first = load_trials(path)
    no_parsing()
    second = load_trials(path)
    assert_same_trials(first, second)
    assert second.name == first.name
    pd.testing.assert_frame_equal(second.report.files, first.report.files)
    assert len(list(cache.iterdir())) == 1


def test_without_cache_nothing_is_kept(tree, cache):
    load(tree)
    assert not cache.exists()


def change_size(tree, sound):
    put(tree, (tree / NAME).read_bytes() + set_times(sound, TIMES + 20))


def add_file(tree, sound):
    put(tree, sound, "human7_normal1_SkeletonData1.csv")


def remove_file(tree, sound):
    (tree / NAME).unlink()


def change_values_and_time(tree, sound):
    file = tree / NAME
    stat = file.stat()
    file.write_bytes(change_cell(3, 2, "0.123456")(file.read_bytes())[: stat.st_size])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000))


def change_values_alone(tree, sound):
    """As an editor that restores the time of the file."""
    stat = (tree / NAME).stat()
    content = (tree / NAME).read_bytes()
    cell = to_rows(content)[3][2]
    (tree / NAME).write_bytes(change_cell(3, 2, ("1" if cell[0] != "1" else "2") + cell[1:])(content)[: stat.st_size])
    os.utime(tree / NAME, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("change", [change_size, add_file, remove_file, change_values_and_time, change_values_alone])
def test_a_changed_tree_is_read_again_and_the_stale_cache_goes(tree, cache, sound, change):
    before = load_trials(tree)
    change(tree, sound)
    after = load_trials(tree)
    assert after.digest() != before.digest()
    assert_same_trials(after, load(tree))
    assert len(list(cache.iterdir())) == 1


def test_a_file_that_was_new_when_it_was_read_is_read_again(tree, cache, no_parsing, monkeypatch):
    """It may have changed within its time stamp."""
    load_trials(tree)
    monkeypatch.setattr("gaitlib.datasets.tools.cache.TIME_STAMP_NS", 10**12)
    no_parsing()
    with pytest.raises(AssertionError, match="parsed again"):
        load_trials(tree)


def test_linked_folders_are_read_once_wherever_they_lead(tree, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "first").symlink_to(tree)
    (tmp_path / "links" / "second").symlink_to(tree)
    (tree / "circle").symlink_to(tmp_path / "links")
    assert load(tmp_path / "links").digest() == load(tree).digest()
    assert len(load(tmp_path / "links")) == 6


def test_a_name_twice_in_an_archive_is_refused(tmp_path, sound):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr(NAME, sound)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(NAME, sound[:-100])
    with pytest.raises(GaitDataError, match=f"'{NAME}' is in the archive twice; keep one"):
        load(tmp_path / "twice.zip")


def test_stale_caches_go_also_where_the_folder_has_a_pattern_in_its_name(tree, cache, sound):
    odd = tree.rename(tree.parent / "tree [v2]*")
    load_trials(odd)
    add_file(odd, sound)
    load_trials(odd)
    assert len(list(cache.iterdir())) == 1


def test_a_touched_file_makes_the_cache_stale(tree, cache, no_parsing):
    load_trials(tree)
    os.utime(tree / NAME, ns=(1, 1))
    no_parsing()
    with pytest.raises(AssertionError, match="parsed again"):
        load_trials(tree)


def test_changed_code_makes_the_cache_stale(tree, cache, monkeypatch, no_parsing):
    load_trials(tree)
    code = datasets._loader_code()
    for module in (kinect_v2, number_tables, repair, files, conventions):
        assert Path(module.__file__).read_bytes() in code
    monkeypatch.setattr(datasets, "_loader_code", lambda: (*code[:-1], b"GAITS = ()"))
    no_parsing()
    with pytest.raises(AssertionError, match="parsed again"):
        load_trials(tree)


def test_trees_of_one_name_do_not_share_a_cache(tree, tmp_path, cache, sound, no_parsing):
    put(tmp_path / "other" / "tree", sound)
    first, second = load_trials(tree), load_trials(tmp_path / "other" / "tree")
    no_parsing()
    assert (
        (len(load_trials(tree)), len(load_trials(tmp_path / "other" / "tree"))) == (len(first), len(second)) == (6, 1)
    )


def test_skipping_and_not_skipping_do_not_share_a_cache(tree, cache):
    put(tree, b"", "human7_normal1_SkeletonData1.csv")
    assert len(load_trials(tree, skip_bad=True)) == 6
    with pytest.raises(GaitDataError, match="the file is empty"):
        load_trials(tree)
    assert load_trials(tree, skip_bad=True).report.skipped()["file"].tolist() == ["human7_normal1_SkeletonData1.csv"]


@pytest.mark.parametrize("place", [0.0, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_a_damaged_cache_is_built_again(tree, cache, damage, place):
    expected = load_trials(tree)
    (file,) = cache.iterdir()
    content = bytearray(file.read_bytes())
    at = int(place * len(content))
    content[at] ^= 0x55
    file.write_bytes(content[:at] if damage == "truncated" else content)
    assert_same_trials(load_trials(tree), expected)
    assert_same_trials(load_trials(tree), expected)


@pytest.mark.parametrize("blocked", ["cache", "cache/deeper"])
def test_a_cache_folder_that_cannot_be_written_costs_speed_only(tree, tmp_path, monkeypatch, blocked):
    (tmp_path / "cache").write_text("a file where a folder is needed")
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / blocked))
    assert_same_trials(load_trials(tree), load(tree))


@pytest.mark.parametrize("name", ["x" * 250, "ö" * 120, "größe 1.5 m", os.fsdecode(b"caf\xe9")], ids=range(4))
def test_odd_folder_names_load_and_are_cached(tree, cache, no_parsing, name):
    cache.mkdir()
    odd = tree.rename(tree.parent / name)
    load_trials(odd)
    no_parsing()
    assert len(load_trials(odd)) == 6


# -- the published recordings ----------------------------------------------------------------------------


def test_the_published_recordings(real_kinect_zip):
    trials = load(real_kinect_zip)
    summary = trials.report.summary()
    assert (len(trials), len(set(trials.walks)), len(set(trials.subjects))) == (1440, 720, 6)
    assert (trials.counts() == 40).all(axis=None)
    assert trials.counts().shape == (6, 6)
    assert summary.loc["files read"].tolist() == [1440, 174505]
    assert summary.loc["files used"].tolist() == [1440, 174505 - 152 - 8]
    assert summary.loc["garbage frames dropped"].tolist() == [57, 152]
    assert summary.loc["non-advancing frames dropped", "frames"] == 8
    assert summary.loc["minute wraps undone", "frames"] == 107
    assert_usable(trials)
    assert (trials.table.groupby("walk").size() == 2).all()
