"""Recordings of the Empatica E4: windows against brute force over whole ticks, every hazard of the layout."""

import os
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gaitlib
from gaitlib import GaitDataError, load_empatica_e4, load_trials
from gaitlib.datasets import state_changes

pytestmark = pytest.mark.filterwarnings("error")

T0 = 1_644_227_574
LABELS = "Processed_data/Improved_All_Combined_hr_rsp_binary.csv"
HEADER = "Participant,HR,respr,Time(sec),Label"
RATES = {"BVP": 64, "EDA": 4, "ACC": 32, "TEMP": 4, "HR": 1}
NAMES = {"BVP": "bvp", "EDA": "eda", "ACC": "acc", "TEMP": "temperature", "HR": "hr"}
REAL = Path("stress_predict", "Stress-Predict_24subjects.zip")


def samples(file, n, seed) -> np.ndarray:
    """Numbers as the device writes them: two decimals, whole ones for the acceleration."""
    shape = (n, 3) if file == "ACC" else (n, 1)
    drawn = np.random.default_rng([seed, len(file), n]).normal(20, 5, shape)
    return np.round(drawn) if file == "ACC" else np.round(drawn, 2)


def text(start, rate, values) -> str:
    row = ", ".join
    lines = [row([f"{start:.6f}"] * values.shape[1]), row([f"{rate:.6f}"] * values.shape[1])]
    return "\n".join([*lines, *(",".join(f"{v:g}" for v in sample) for sample in values)]) + "\n"


def write_person(folder, starts=(0, 0, 0, 0), lasts_s=40, files=("BVP", "EDA", "ACC", "TEMP"), seed=0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, start in zip(files, starts, strict=True):
        values = samples(file, int(lasts_s * RATES[file]), seed)
        (folder / f"{file}.csv").write_text(text(T0 + start, RATES[file], values))


def write_labels(tree, rows, header=HEADER) -> Path:
    """Rows of person, heart rate, respiratory rate, second (from T0), label."""
    file = tree / LABELS
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([header, *(f"{p},{hr},{rr},{T0 + s},{label}" for p, hr, rr, s, label in rows)]) + "\n")
    return file


def seconds(person, n=40, first=0, stress=lambda s: int(s >= 20)):
    return [(person, 60 + s, 10 + s / 10, s, stress(s)) for s in range(first, first + n)]


@pytest.fixture
def tree(tmp_path) -> Path:
    """Two people of 40 s, in stress from second 20 on."""
    for person in (2, 13):
        write_person(tmp_path / f"Raw_data/S{person:02d}", seed=person)
    write_labels(tmp_path, seconds(2) + seconds(13))
    (tmp_path / "Raw_data/S02/tags_S02.csv").write_text(f"{T0 + 20}\r\n")
    return tmp_path


def load(tree, window_s=10, **options):
    return load_empatica_e4(tree, window_s, **options)


def row_of(trials, file) -> dict:
    files = trials.report.files
    return files[files["file"].str.endswith(file)].iloc[0].to_dict()


# -- windows and targets -----------------------------------------------------------------------------------


TICKS = 6400  # a second: hundredths and all rates are whole numbers of them


def window_by_hand(file, start, n, values, w0, window_s):
    """Sample numbers, times and values of a window, by a look at every sample; None if one that it should hold is not
    there."""
    step, start, w0, lasts = TICKS // RATES[file], int(start * TICKS), int(w0 * TICKS), int(window_s * TICKS)
    inside = [i for i in range(-n, 3 * n) if w0 <= start + i * step < w0 + lasts]
    if not all(0 <= i < n for i in inside):
        return None
    scale = 1 / 64 if file == "ACC" else 1
    return inside, [(start + i * step - w0) / TICKS for i in inside], values[inside] * scale


HUNDREDTHS = st.integers(-300, 300).map(lambda n: Fraction(n, 100))


@given(
    starts=st.tuples(HUNDREDTHS, HUNDREDTHS),
    first=st.integers(-2, 4),
    window_s=st.sampled_from([Fraction(1), Fraction(5, 2), Fraction(4)]),
    hop_s=st.sampled_from([None, Fraction(1, 2), Fraction(7, 5)]),
)
def test_windows_are_those_of_brute_force(tmp_path_factory, starts, first, window_s, hop_s):
    tree, files, n_labels = tmp_path_factory.mktemp("tree"), ("EDA", "ACC"), 9
    write_person(tree / "S02", [float(s) for s in starts], 8, files)
    write_labels(tree, seconds(2, n_labels, first))
    wanted, k, hop = {}, 0, window_s if hop_s is None else hop_s
    while k * hop + window_s <= n_labels:
        wanted[f"S02_{k:04d}"] = [
            window_by_hand(file, start, 8 * RATES[file], samples(file, 8 * RATES[file], 0), first + k * hop, window_s)
            for file, start in zip(files, starts, strict=True)
        ]
        k += 1
    left_out = [trial for trial, cuts in wanted.items() if cuts == [None, None]]
    wanted = {trial: cuts for trial, cuts in wanted.items() if trial not in left_out}
    if not wanted:
        with pytest.raises(GaitDataError, match="no signal covers any|do not overlap"):
            load(tree, float(window_s))
        return
    trials = load(tree, float(window_s), hop_s=hop_s and float(hop_s))
    assert trials.ids.tolist() == list(wanted)
    assert row_of(trials, "EDA.csv")["left_out"] == len(left_out)
    for i, file in enumerate(files):
        cuts = [cut[i] for cut in wanted.values()]
        assert row_of(trials, f"{file}.csv")["uncovered"] == sum(cut is None for cut in cuts) + len(left_out)
        assert row_of(trials, f"{file}.csv")["frames_kept"] == len({n for cut in cuts if cut for n in cut[0]})
        if not any(cuts):
            assert NAMES[file] not in trials.modalities
            continue
        m = trials.modality(NAMES[file])
        for cut, values, frames, time_s in zip(cuts, m.values, m.frames, m.time_s, strict=True):
            assert (cut is None) == (values is None)
            if cut is not None:
                assert frames.tolist() == cut[0]
                np.testing.assert_allclose(time_s, cut[1], atol=1e-6)
                np.testing.assert_allclose(values, cut[2], rtol=1e-6)


TOLD = st.lists(st.tuples(st.sampled_from(["", "70", "81.5"]), st.sampled_from(["0", "1", ""])), min_size=8, max_size=8)


@given(told=TOLD, lost=st.sets(st.integers(1, 6), max_size=3))
def test_targets_are_those_of_brute_force(tmp_path_factory, told, lost):
    tree = tmp_path_factory.mktemp("tree")
    write_person(tree / "S02", [0], 8, ["EDA"])
    rows = [(2, hr, 12, s, label) for s, (hr, label) in enumerate(told) if s not in lost]
    write_labels(tree, rows)
    trials = load(tree, 4, hop_s=2)
    for start, stress, rate in zip(*trials.table[["start_s", "stress", "heart_rate"]].to_numpy().T, strict=True):
        inside = [(hr, label) for _, hr, _, s, label in rows if start <= s < start + 4]
        labels = [label for _, label in inside if label]
        rates = [float(hr) for hr, _ in inside if hr]
        assert np.isnan(stress) == (len(labels) < 2 or len(set(labels)) > 1)
        assert np.isnan(stress) or stress == float(labels[0])
        np.testing.assert_allclose(rate, np.mean(rates) if len(rates) >= 2 else np.nan)


def test_a_trial_is_a_window_and_its_walk_the_recording(tree):
    trials = load(tree)
    assert trials.ids.tolist() == [f"S{p:02d}_{k:04d}" for p in (2, 13) for k in range(4)]
    assert trials.subjects.tolist() == trials.walks.tolist() == ["S02"] * 4 + ["S13"] * 4
    assert trials.table["start_s"].tolist() == [0.0, 10.0, 20.0, 30.0] * 2
    assert trials.table["stress"].tolist() == [0, 0, 1, 1] * 2
    assert trials.table["heart_rate"].tolist() == [64.5, 74.5, 84.5, 94.5] * 2
    assert trials.kinds["respiratory_rate"] == ("continuous", "1/min") and trials.kinds["stress"] == ("binary", "")
    assert not trials.classes and "algorithm" in trials.name and trials.name.endswith("windows of 10 s, 2 subjects")
    assert {name: (len(m.channels), m.unit) for name, m in trials.modalities.items()} == {
        "bvp": (1, ""), "eda": (1, "uS"), "acc": (3, "g"), "temperature": (1, "degC"),
    }  # fmt: skip
    assert trials.describe()["rate (Hz)"].to_dict() == {"bvp": 64, "eda": 4, "acc": 32, "temperature": 4}


def test_load_trials_takes_a_minute_from_folder_zip_and_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GAITLIB_CACHE", str(tmp_path / "cache"))
    write_person(tmp_path / "tree/Raw_data/S02", lasts_s=130)
    write_labels(tmp_path / "tree", seconds(2, 130))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in (tmp_path / "tree").rglob("*.csv"):
            archive.write(file, file.relative_to(tmp_path / "tree").as_posix())
    folder, cached, zipped = (load_trials(tmp_path / name) for name in ("tree", "tree", "all.zip"))
    assert folder.table["start_s"].tolist() == [0.0, 60.0]
    assert folder.digest() == cached.digest() == zipped.digest() == load_empatica_e4(tmp_path / "tree").digest()
    assert folder.name == cached.name == load_empatica_e4(tmp_path / "tree").name
    assert cached.report.files.equals(folder.report.files)


def test_what_the_device_computed_is_read_only_where_it_is_asked_for(tree):
    values = np.array([[60 + s] for s in range(1, 40)])  # the target, shifted by one second
    (tree / "Raw_data/S02/HR.csv").write_text(text(T0 + 1, 1, values))
    (tree / "Raw_data/S02/IBI.csv").write_text(f"{T0}.000000, IBI\n12.5,0.875\n13.25,0.75\n34.0,1.0\n")
    plain, derived = load(tree), load(tree, derived=True)
    assert set(plain.modalities) == {"bvp", "eda", "acc", "temperature"}
    assert {"Raw_data/S02/HR.csv", "Raw_data/S02/IBI.csv"} <= set(plain.report.ignored)
    hr, ibi = derived.modality("hr"), derived.modality("ibi")
    assert [None if v is None else v.mean() for v in hr.values] == [None, 74.5, 84.5, 94.5, None, None, None, None]
    assert [None if v is None else v.ravel().tolist() for v in ibi.values[:4]] == [None, [0.875, 0.75], None, [1.0]]
    assert ibi.time_s[1].tolist() == [2.5, 3.25] and ibi.unit == "s"
    with pytest.raises(GaitDataError, match="IBI.csv, row 3.*not later"):
        (tree / "Raw_data/S02/IBI.csv").write_text(f"{T0}.000000, IBI\n12.5,0.8\n11,0.75\n")
        load(tree, derived=True)


@given(states=st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=12), two=st.booleans())
def test_changes_of_state_are_counted_within_a_walk(states, two):
    n = len(states)
    walk = ["w"] * n if not two else ["w"] * (n // 2) + ["v"] * (n - n // 2)
    trials = gaitlib.TrialSet.from_arrays(
        {"eda": [np.ones((3, 1))] * n}, subject=["a"] * n, walk=walk,
        targets={"stress": gaitlib.Target("binary", states), "start_s": [float(i) for i in range(n)]},
    )  # fmt: skip
    changes = 0
    for one in set(walk):
        known = [s for s, w in zip(states, walk, strict=True) if w == one and s is not None]
        changes += sum(a != b for a, b in zip(known, known[1:], strict=False))
    counts = state_changes(trials[np.random.default_rng(n).permutation(n)]).loc["a"].to_dict()
    told = [s for s in states if s is not None]
    assert counts == {"windows": n, "with_target": len(told), "positives": sum(told), "changes": changes}
    with pytest.raises(GaitDataError, match="continuous"):
        state_changes(trials.with_target("age", gaitlib.Target("continuous", [1.0] * n)), "age")


# -- hazards -----------------------------------------------------------------------------------------------


def put(tree, file, change) -> None:
    path = tree / file
    path.write_text(change(path.read_text()))


def replaced(line, by):
    def change(content):
        lines = content.split("\n")
        lines[line] = by
        return "\n".join(lines)

    return change


BAD = {
    "text": (replaced(6, "low"), "EDA.csv, row 7, column 1: expected a number, got 'low'"),
    "decimal comma": (replaced(6, "0,5"), "EDA.csv, row 7: 2 columns, expected 1"),
    "empty": (lambda _: "", "EDA.csv: the file is empty"),
    "header only": (lambda c: "\n".join(c.split("\n")[:2]) + "\n", "EDA.csv: 2 rows; .* the recording is empty"),
    "no rate": (replaced(1, "0.000"), "EDA.csv, row 2: expected one rate"),
    "rate NaN": (replaced(1, "nan"), "EDA.csv, row 2: expected one rate"),
    "milliseconds": (replaced(0, f"{T0}000.0"), "EDA.csv, row 1: .*milliseconds"),
    "no start": (replaced(0, ""), "EDA.csv, row 1: expected the start"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_by_name_and_row_or_left_out_and_listed(tree, case):
    sound, (change, message) = load(tree), BAD[case]
    put(tree, "Raw_data/S02/EDA.csv", change)
    with pytest.raises(GaitDataError, match=f"(?s)Raw_data/S02/{message}.*skip_bad"):
        load(tree)
    trials = load(tree, skip_bad=True)
    assert trials.report.skipped()["file"].tolist() == ["Raw_data/S02/EDA.csv"]
    assert trials.modality("eda").present().tolist() == [False] * 4 + [True] * 4
    assert row_of(trials, "S02/BVP.csv")["reason"] == "without EDA.csv beside it"
    np.testing.assert_array_equal(np.stack(trials.modality("bvp").values), np.stack(sound.modality("bvp").values))
    assert trials.table["stress"].equals(sound.table["stress"])


def test_axes_must_start_together(tree):
    put(tree, "Raw_data/S13/ACC.csv", replaced(0, f"{T0}, {T0 + 1}, {T0}"))
    with pytest.raises(GaitDataError, match=r"S13/ACC.csv, row 1: expected the start as one unix time"):
        load(tree)


def test_a_missing_file_is_a_missing_signal_and_said(tree):
    (tree / "Raw_data/S02/TEMP.csv").unlink()
    (tree / "Raw_data/S02/tags_S02.csv").unlink()
    trials = load(tree)
    assert trials.modality("temperature").present().tolist() == [False] * 4 + [True] * 4
    assert row_of(trials, "S02/ACC.csv")["reason"] == "without TEMP.csv beside it"
    assert trials.report.summary().loc["files without their partner, used alone", "files"] == 3


def test_another_rate_is_taken_from_the_file_and_said(tree):
    (tree / "Raw_data/S02/EDA.csv").write_text(text(T0, 8, samples("EDA", 320, 1)))
    trials = load(tree)
    assert [len(v) for v in trials.modality("eda").values] == [80] * 4 + [40] * 4
    assert row_of(trials, "S02/EDA.csv")["rate_hz"] == 8
    assert row_of(trials, "S02/EDA.csv")["reason"] == "8 Hz, where the device has 4 Hz"


@pytest.mark.parametrize("blank", ["nan", "", "inf"])
def test_missing_values_stay_in_their_place(tree, blank):
    sound = load(tree).modality("eda")
    lines = (tree / "Raw_data/S02/EDA.csv").read_text().split("\n")
    lines[2 + 5 : 2 + 8] = [blank] * 3  # of the first window
    lines[2 + 40 : 2 + 80] = [blank] * 40  # all of the second
    (tree / "Raw_data/S02/EDA.csv").write_text("\n".join(lines))
    trials = load(tree)
    eda = trials.modality("eda")
    assert eda.values[1] is None and np.flatnonzero(np.isnan(eda.values[0])).tolist() == [5, 6, 7]
    for i in (0, 2, 3):
        same = ~np.isnan(eda.values[i])
        np.testing.assert_array_equal(eda.values[i][same], sound.values[i][same])
    assert row_of(trials, "S02/EDA.csv")["missing"] == 43 and row_of(trials, "S02/EDA.csv")["uncovered"] == 1


def test_flat_windows_are_kept_and_counted(tree):
    lines = (tree / "Raw_data/S02/EDA.csv").read_text().split("\n")
    lines[2 + 40 : 2 + 80] = ["0.25"] * 40
    (tree / "Raw_data/S02/EDA.csv").write_text("\n".join(lines))
    trials = load(tree)
    assert (trials.modality("eda").values[1] == 0.25).all()
    assert row_of(trials, "S02/EDA.csv")["flat"] == 1 and row_of(trials, "S13/EDA.csv")["flat"] == 0


def test_a_last_row_without_its_end_is_dropped_and_counted(tree):
    put(tree, "Raw_data/S02/EDA.csv", lambda content: content.rstrip("\n")[:-1])
    trials = load(tree)
    assert trials.modality("eda").present().tolist() == [True] * 3 + [False] + [True] * 4
    assert row_of(trials, "S02/EDA.csv")["cut_rows"] == 1 and row_of(trials, "S02/EDA.csv")["status"] == "repaired"


def test_labels_of_another_time_zone_are_refused(tree):
    write_labels(tree, seconds(2, first=3600) + seconds(13))
    with pytest.raises(GaitDataError, match=r"S02: its labels start \+1.00 h .* another time zone.*skip_bad"):
        load(tree)
    trials = load(tree, skip_bad=True)
    assert set(trials.subjects) == {"S13"} and len(trials.report.skipped()) == 4


def test_who_has_but_one_of_labels_and_recording_is_named(tree):
    write_labels(tree, seconds(13) + seconds(7))
    trials = load(tree)
    assert trials.table["stress"].isna().tolist() == [True] * 4 + [False] * 4
    assert row_of(trials, LABELS)["reason"] == "labels without a recording: 7; recordings without labels: S02"


def test_labels_of_nobody_here_are_refused_and_those_of_who_is_left_out_are_nobodys(tree):
    write_labels(tree, seconds(7))
    with pytest.raises(GaitDataError, match="labels are of 7, the recordings of S02, S13: no number agrees"):
        load(tree)
    write_labels(tree, seconds(2, first=3600))
    trials = load(tree, skip_bad=True)
    assert trials.table["stress"].isna().all() and set(trials.subjects) == {"S13"} and "stress" in trials.kinds


def test_a_second_that_is_there_twice_is_taken_once_and_counted(tree):
    sound = load(tree)
    file = write_labels(tree, (seconds(2) + seconds(2)[5:8] + seconds(13))[::-1])
    trials = load(tree)
    assert trials.table.equals(sound.table)
    assert row_of(trials, LABELS)["non_advancing"] == 3 and row_of(trials, LABELS)["status"] == "repaired"
    assert row_of(trials, LABELS)["frames_kept"] == 80
    file.write_text(file.read_text() + f"2,99,10,{T0 + 5},0\n")
    with pytest.raises(GaitDataError, match=rf"row 85: second {T0 + 5} of participant 2 is there twice, with other"):
        load(tree, skip_bad=True)


BAD_LABELS = {
    "text": ((2, "high", 1, 3, 0), "row 82, column 'HR': expected a number, got 'high'"),
    "infinite": ((2, "inf", 1, 3, 0), "row 82, column 'HR': expected a number, got 'inf'"),
    "a third state": ((2, 70, 1, 3, 2), "row 82, column 'Label': expected 0 or 1, got '2'"),
    "nobody": (("", 70, 1, 3, 0), "row 82, column 'Participant': expected a number, got ''"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels_are_refused_by_row_and_column(tree, case):
    row, message = BAD_LABELS[case]
    write_labels(tree, [*seconds(2), *seconds(13), row])
    with pytest.raises(GaitDataError, match=message):
        load(tree, skip_bad=True)


@pytest.mark.parametrize(
    "content, message",
    [("", "no table"), (HEADER + "\n", "no rows"), ("Participant,HR\n2,70\n", "no column 'Time"), ("a\n1,2\n", "more")],
)
def test_a_label_file_without_a_table_is_refused(tree, content, message):
    (tree / LABELS).write_text(content)
    with pytest.raises(GaitDataError, match=f"binary.csv: .*{message}"):
        load(tree)


def test_two_label_files_or_people_of_one_number_are_refused(tree):
    (tree / "old_combined_hr_rsp_binary.csv").write_text((tree / LABELS).read_text())
    with pytest.raises(GaitDataError, match="keep one"):
        load(tree)
    (tree / "old_combined_hr_rsp_binary.csv").unlink()
    write_person(tree / "again/S02")
    with pytest.raises(GaitDataError, match="'Raw_data/S02' and 'again/S02' are both of 'S02'"):
        load(tree)
    (tree / "again/S02").rename(tree / "again/P2")
    with pytest.raises(GaitDataError, match="participant 2 may be those of 'P2' or of 'S02'"):
        load(tree)


def test_exports_without_labels_have_no_targets(tmp_path):
    write_person(tmp_path / "anna/1644227574_A00D12", (0, 0.5, 0, 0))
    write_person(tmp_path / "anna/1644229574_A00D12", lasts_s=25)
    write_person(tmp_path / "ben", (0, 0), files=("BVP", "HR"))
    trials = load(tmp_path)
    assert trials.subjects.tolist() == ["anna"] * 6 + ["ben"] * 4 and not trials.kinds and not trials.targets
    assert sorted(set(trials.walks)) == ["anna_1644227574_A00D12", "anna_1644229574_A00D12", "ben"]
    assert trials.name == "Empatica E4 wristband, windows of 10 s, 2 subjects"
    assert trials.modality("eda").present().tolist() == [False, True, True, True, True, True] + [False] * 4
    assert load(tmp_path / "ben").subjects.tolist() == ["ben"] * 4
    with pytest.raises(GaitDataError, match="named by the device.*person's id"):
        load(tmp_path / "anna")


def test_each_recording_of_a_person_has_its_own_labels(tmp_path):
    for k in (0, 1):
        write_person(tmp_path / f"S02/164422757{k}_A00D12", [100 * k] * 4)
    write_labels(tmp_path, seconds(2, 30, 5) + seconds(2, 20, 110))
    table = load(tmp_path).table
    assert table["start_s"].tolist() == [0.0, 10.0, 20.0, 0.0, 10.0]
    np.testing.assert_allclose(table["heart_rate"], [69.5, 79.5, 89.5, 174.5, 184.5])


def test_windows_that_cannot_be_are_refused(tree, tmp_path_factory):
    with pytest.raises(GaitDataError, match="S02: 40 s with labels, shorter than a window of 60 s"):
        load_empatica_e4(tree)
    for options in ({"window_s": 0.5}, {"window_s": np.nan}, {"window_s": "a"}, {"window_s": 10, "hop_s": 0}):
        with pytest.raises(GaitDataError, match="number of seconds"):
            load_empatica_e4(tree, **options)
    empty = tmp_path_factory.mktemp("empty")
    (empty / "notes.csv").write_text("1\n")
    with pytest.raises(GaitDataError, match="no recordings of an Empatica E4"):
        load_empatica_e4(empty)


# -- real --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    path = Path(os.environ.get("GAIT_REAL_DATA") or "nowhere", REAL)
    if not path.is_file():
        pytest.skip(f"{path} is not there: GAIT_REAL_DATA is to be the folder of real recordings")
    return load_empatica_e4(path, derived=True)


@pytest.mark.slow
def test_the_published_recordings(real):
    assert len(real) == 1316 and len(set(real.subjects)) == 24
    counts = state_changes(real)
    assert counts["with_target"].sum() == 1174 and counts["positives"].sum() == 366
    assert set(counts["changes"]) == {4, 6} and counts["windows"].between(50, 59).all()
    assert abs(real.table["heart_rate"].median() - 77.46) < 0.01
    assert abs(real.table["respiratory_rate"].median() - 12.95) < 0.01
    for name in ("bvp", "eda", "acc", "temperature"):
        assert real.modality(name).present().all()
    length = [np.linalg.norm(v, axis=1).mean() for v in real.modality("acc").values]
    assert 0.95 < np.median(length) < 1.05  # gravity
    assert (real.report.files["status"] == "ok").all()


@pytest.mark.slow
def test_the_heart_rate_of_the_device_is_the_target(real):
    """The leak that a table must not hold: read only where it is asked for."""
    mean = [np.nan if v is None else v.mean() for v in real.modality("hr").values]
    difference = np.abs(mean - real.table["heart_rate"])
    assert difference.notna().sum() > 1290 and difference.median() < 0.1 and difference.max() < 1.3
