"""The AMIGOS layout, written here as its publication describes it; the recordings are not in any checkout."""

import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import gaitlib
from gaitlib import GaitDataError, load_amigos
from gaitlib.datasets import amigos, write_amigos

N_SEGMENTS = (3, 2, 4)  # of each video
SEGMENT = 64  # samples
COLUMNS = {"eeg": slice(0, 14), "ecg": slice(14, 16), "gsr": slice(16, 17)}


def cells(items):
    made = np.empty((1, len(items)), dtype=object)
    made[0, :] = items
    return made


def variables_of(seed=0, ids=("10", "4", "N1"), n_segments=N_SEGMENTS):
    rng = np.random.default_rng(seed)
    return {
        "joined_data": cells([rng.normal(size=(SEGMENT * n, 17)) for n in n_segments]),
        "labels_ext_annotation": cells([
            np.column_stack([np.arange(n), rng.uniform(-0.4, 0.4, (n, 2))]) for n in n_segments
        ]),
        "labels_selfassessment": cells([rng.uniform(1, 9, (1, 12)) for _ in n_segments]),
        "VideoIDs": cells(list(ids)),
    }  # fmt: skip


def write(folder, *people):
    for person, variables in enumerate(people or (variables_of(),), start=1):
        savemat(folder / f"Data_Preprocessed_P{person:02d}.mat", variables)
    return folder


def edited(edit, **options):
    variables = variables_of(**options)
    edit(variables)
    return variables


def load(path, **options):
    return gaitlib.load_trials(path, use_cache=False, **options)


def only(trials, column="reason"):
    return trials.report.files[column].item()


# -- what is read ----------------------------------------------------------------------------------------


def test_a_trial_is_a_rated_part_of_a_video(tmp_path):
    variables = variables_of()
    trials = load(write(tmp_path, variables))
    assert len(trials) == sum(N_SEGMENTS)
    assert trials.walks.tolist() == ["p01/video10"] * 3 + ["p01/video4"] * 2 + ["p01/videoN1"] * 4
    assert trials.table["stimulus"].tolist() == ["video10"] * 3 + ["video4"] * 2 + ["videoN1"] * 4
    assert trials.table["segment"].tolist() == [0, 1, 2, 0, 1, 0, 1, 2, 3]
    assert trials.table["start_s"].tolist() == [0, 0.5, 1, 0, 0.5, 0, 0.5, 1, 1.5]
    assert trials.ids[4] == "p01/video4/01"
    assert trials.classes == []
    row = 0
    for video, n in enumerate(N_SEGMENTS):
        for segment in range(n):
            whole = variables["joined_data"][0, video][segment * SEGMENT : (segment + 1) * SEGMENT]
            for modality, columns in COLUMNS.items():
                np.testing.assert_array_equal(trials.modality(modality).values[row], whole[:, columns].astype("f4"))
            rated = variables["labels_ext_annotation"][0, video][segment, 1:]
            assert trials.table.loc[row, ["valence", "arousal"]].tolist() == rated.tolist()
            said = variables["labels_selfassessment"][0, video][0, :5]
            assert trials.table.loc[row, list(amigos.SELF_RATED)].tolist() == said.tolist()
            row += 1
    assert trials.report.files["status"].tolist() == ["ok"]
    assert trials.name == "AMIGOS, 1 subject"


def test_signals_have_the_published_names_and_rate(tmp_path):
    trials = load(write(tmp_path))
    channels = {name: m.channels for name, m in trials.modalities.items()}
    assert channels["eeg"][:3] == ("AF3", "F7", "F3")
    assert channels["ecg"] == ("right_arm", "left_arm")
    assert {name: len(names) for name, names in channels.items()} == {"eeg": 14, "ecg": 2, "gsr": 1}
    for m in trials.modalities.values():
        np.testing.assert_array_equal(m.time_s[1], np.arange(SEGMENT) / 128)
        np.testing.assert_array_equal(m.frames[1], np.arange(SEGMENT))
    assert [trials.target(t).kind for t in ("valence", "arousal", "transition")] == ["continuous"] * 2 + ["binary"]


def transitions_by_hand(ratings, above):
    """Segment by segment, as the rule is stated."""
    found = [np.nan]
    for before, now in zip(ratings, ratings[1:], strict=False):
        known = not np.isnan([before, now]).any()
        found.append(float(any(abs(a - b) > above for a, b in zip(before, now, strict=True))) if known else np.nan)
    return found


def steadier(variables):
    for ratings in variables["labels_ext_annotation"][0]:
        ratings[1:, 1:] = ratings[:1, 1:] + [0.04, 0.2]


@pytest.mark.parametrize("above", [0.05, 0.1, 0.3])
def test_a_transition_never_looks_across_a_video(tmp_path, above):
    variables = edited(steadier)
    variables["labels_ext_annotation"][0, 2][1, 2] = np.nan
    write(tmp_path, variables, variables_of(1))
    expected = [
        told
        for cell in (*variables["labels_ext_annotation"][0], *variables_of(1)["labels_ext_annotation"][0])
        for told in transitions_by_hand(cell[:, 1:], above)
    ]
    trials = load_amigos(tmp_path, transition_above=above)
    np.testing.assert_array_equal(trials.table["transition"], expected)
    assert {0.0, 1.0} <= set(expected)
    assert np.isnan(trials.table["arousal"][6])
    assert trials.table.loc[trials.table["segment"] == 0, "transition"].isna().all()


def test_a_change_of_just_the_threshold_is_none():
    assert amigos.transitions([0.1, 0.2, 0.3, 0.4], [0.3, 0.4, 0.3, 0.4])[1:].tolist() == [0, 0, 0]


def test_the_default_of_load_trials_is_that_of_load_amigos(tmp_path):
    write(tmp_path)
    pd.testing.assert_frame_equal(load(tmp_path).table, load_amigos(tmp_path).table)


@pytest.mark.parametrize("above", [-0.1, np.nan, np.inf, "0.1"])
def test_a_threshold_is_a_number(tmp_path, above):
    with pytest.raises(GaitDataError, match="transition_above is a change"):
        load_amigos(write(tmp_path), transition_above=above)


def test_videos_in_another_order_are_told_by_their_names(tmp_path):
    trials = load(write(tmp_path, variables_of(), variables_of(1, ("N1", "10", "4"), (4, 3, 2))))
    counts = trials.table.groupby(["stimulus", "subject"]).size().unstack()
    assert (counts["p01"] == counts["p02"]).all()


def test_without_names_videos_are_numbered_and_it_is_said(tmp_path):
    trials = load(write(tmp_path, edited(lambda v: v.pop("VideoIDs"))))
    assert sorted(set(trials.table["stimulus"])) == ["video01", "video02", "video03"]
    assert "same order for everybody" in only(trials)


def test_names_in_some_files_only_are_refused(tmp_path):
    write(tmp_path, variables_of(), edited(lambda v: v.pop("VideoIDs"), seed=1))
    with pytest.raises(GaitDataError, match=r"P02\.mat: no 'VideoIDs', which other files have"):
        load(tmp_path)


def test_parts_are_as_equal_as_samples_allow(tmp_path):
    def shorten(variables):
        variables["joined_data"][0, 2] = variables["joined_data"][0, 2][:-2]

    trials = load(write(tmp_path, edited(shorten)))
    last = trials.modality("eeg").values[-4:]
    assert sorted(map(len, last)) == [63, 63, 64, 64]
    whole = np.concatenate([trials.modality("gsr").values[i] for i in range(5, 9)])
    np.testing.assert_array_equal(whole[:, 0], edited(shorten)["joined_data"][0, 2][:, 16].astype("f4"))


def test_a_zip_and_a_single_file_are_read_too(tmp_path):
    file = write(tmp_path, variables_of()) / "Data_Preprocessed_P01.mat"
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(file, "Data_Preprocessed_P01/Data_Preprocessed_P01.mat")
    assert load(file).ids.tolist() == load(tmp_path / "all.zip").ids.tolist()
    assert load_amigos(file).ids.tolist() == load(file).ids.tolist()


# -- what is missing -------------------------------------------------------------------------------------


def put(key, video, value):
    return lambda variables: variables[key].__setitem__((0, video), value)


EMPTY = np.empty((0, 0))


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (put("joined_data", 1, EMPTY), "no signals"),
        (put("joined_data", 1, np.full((128, 17), np.nan)), "no signals"),
        (put("labels_ext_annotation", 1, EMPTY), "no ratings"),
        (put("labels_ext_annotation", 1, np.array([[1, np.nan, np.nan], [2, np.nan, np.nan]])), "no ratings"),
        (put("labels_ext_annotation", 1, np.array([[1, 0.1, 0.2], [2, 0.1, 0.2], [4, 0.1, 0.2]])), "numbered 1, 2, 4"),
        (put("labels_ext_annotation", 1, np.array([[2, 0.1, 0.2], [1, 0.1, 0.2]])), "segments numbered 2, 1"),
        (put("labels_ext_annotation", 1, np.array([[np.nan, 0.1, 0.2], [1, 0.1, 0.2]])), "segments numbered nan, 1"),
        (put("joined_data", 1, np.ones((1, 17))), "2 ratings of 1 samples"),
        (put("joined_data", 1, np.ones((SEGMENT * 5, 17))), "do not fit its length: 1.25 s each, usually 0.5"),
        (put("joined_data", 1, np.ones((SEGMENT - 2, 17))), "2 ratings do not fit its length: 0.242 s each"),
    ],
)
def test_a_video_that_cannot_be_used_is_left_out_by_name(tmp_path, edit, why):
    trials = load(write(tmp_path, edited(edit)))
    assert sorted(set(trials.table["stimulus"])) == ["video10", "videoN1"]
    assert "video4: " in only(trials)
    assert why in only(trials)
    assert only(trials, "videos_left_out") == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v.pop("labels_ext_annotation"),
        lambda v: v.update(labels_ext_annotation=cells([EMPTY] * 3)),
    ],
)
def test_a_person_without_ratings_is_left_out_by_name(tmp_path, edit):
    trials = load(write(tmp_path, variables_of(), edited(edit, seed=1)))
    assert set(trials.subjects) == {"p01"}
    assert trials.report.skipped()["file"].tolist() == ["Data_Preprocessed_P02.mat"]
    assert re.match("no 'labels_ext_annotation'|no segment with ratings", trials.report.skipped()["reason"].item())


def test_where_nobody_has_ratings_there_is_nothing(tmp_path):
    write(tmp_path, edited(lambda v: v.pop("labels_ext_annotation")))
    with pytest.raises(GaitDataError, match="no usable segment in 1 files.*no 'labels_ext_annotation'"):
        load(tmp_path)


def test_own_ratings_may_be_missing(tmp_path):
    some = edited(put("labels_selfassessment", 0, np.empty((1, 0))))
    none = edited(lambda v: v.pop("labels_selfassessment"), seed=1)
    trials = load(write(tmp_path, some, none))
    known = ~trials.table["self_liking"].isna()
    assert known.tolist() == [False] * 3 + [True] * 6 + [False] * 9
    (tmp_path / "Data_Preprocessed_P01.mat").unlink()
    alone = load(tmp_path)
    assert list(alone.targets) == ["valence", "arousal", "transition"]
    assert not [column for column in alone.table if column.startswith("self_")]


def test_without_the_last_column_the_second_ecg_lead_is_not_taken_for_skin_conductance(tmp_path):
    def cut(variables):
        variables["joined_data"][0, :] = [signals[:, :16] for signals in variables["joined_data"][0]]

    trials = load(write(tmp_path, edited(cut)))
    assert set(trials.modalities) == {"eeg", "ecg"}
    lead = variables_of()["joined_data"][0, 0][:SEGMENT, 15]
    np.testing.assert_array_equal(trials.modality("ecg").values[0][:, 1], lead.astype("f4"))
    assert "so no skin conductance" in only(trials)
    assert only(trials, "segments_without_gsr") == 9


def damaged(video, rows, columns, value=np.nan):
    def edit(variables):
        variables["joined_data"][0, video][rows, columns] = value

    return edit


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_short_gap_is_filled_by_a_straight_line_and_counted(tmp_path, value):
    trials = load(write(tmp_path, edited(damaged(0, slice(50, 82), 3, value))))  # over the border of two segments
    before = variables_of()["joined_data"][0, 0][:, 3]
    got = np.concatenate(trials.modality("eeg").values[:3].tolist())[:, 3]
    expected = before.copy()
    expected[49:83] = np.linspace(before[49], before[82], 34)
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert only(trials, "filled_values") == 32
    assert only(trials, "status") == "repaired"
    assert "32 missing values filled" in only(trials)


@pytest.mark.parametrize("rows", [slice(70, 103), slice(64, 128)])
def test_a_segment_with_a_longer_gap_lacks_that_modality_only(tmp_path, rows):
    trials = load(write(tmp_path, edited(damaged(0, rows, 15))))
    lacks = {name: np.flatnonzero(~m.present()).tolist() for name, m in trials.modalities.items()}
    assert lacks == {"eeg": [], "ecg": [1], "gsr": []}
    assert only(trials, "segments_without_ecg") == 1
    assert "1 of 9 segments without ecg" in only(trials)


@pytest.mark.parametrize("rows", [slice(0, 3), slice(189, 192)])
def test_nothing_is_made_up_beyond_the_ends_of_a_video(tmp_path, rows):
    trials = load(write(tmp_path, edited(damaged(0, rows, 16))))
    assert (~trials.modality("gsr").present()).sum() == 1


def test_a_segment_without_any_signal_is_left_out_and_counted(tmp_path):
    trials = load(write(tmp_path, edited(damaged(0, slice(64, 128), slice(None)))))
    assert trials.table["segment"].tolist() == [0, 2, 0, 1, 0, 1, 2, 3]
    assert only(trials, "segments_left_out") == 1
    ratings = variables_of()["labels_ext_annotation"][0, 0][:, 1:]
    assert trials.table["transition"][1] == transitions_by_hand(ratings, 0.1)[2]  # from the one that was left out
    assert only(trials, "frames_kept") == only(trials, "frames_read") - SEGMENT


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v.pop("joined_data"), "no variable 'joined_data'; it has labels_ext"),
        (lambda v: v.update(joined_data=np.ones((9, 17))), "'joined_data' is no cell array"),
        (lambda v: v.update(labels_ext_annotation=cells([np.ones((3, 3))])), "'labels_ext_annotation' is no cell"),
        (put("joined_data", 0, np.ones((192, 15))), r"video10: 'joined_data' holds float64 of shape \(192, 15\)"),
        (put("joined_data", 0, np.ones((17, 192))), "expected numbers in 16 or 17 columns; turned on its side"),
        (put("joined_data", 0, "text"), "holds text of shape"),
        (put("joined_data", 0, np.ones((192, 17)) * 1j), "holds complex128"),
        (put("labels_ext_annotation", 2, np.ones((4, 2))), r"videoN1: 'labels_ext_annotation' holds .* \(4, 2\)"),
        (put("labels_selfassessment", 0, np.ones((1, 9))), "expected numbers in 12 columns"),
        (put("VideoIDs", 0, "4"), "names the video '4' twice"),
        (put("VideoIDs", 0, "../4"), "'VideoIDs' holds '../4'; expected names"),
        (put("VideoIDs", 0, np.ones((1, 1))), "'VideoIDs' holds array"),
    ],
)
def test_another_layout_is_refused_or_skipped_by_name(tmp_path, edit, message):
    write(tmp_path, variables_of(), edited(edit, seed=1))
    with pytest.raises(GaitDataError, match=f"(?s)P02.mat.*{message}"):
        load(tmp_path)
    trials = load(tmp_path, skip_bad=True)
    assert set(trials.subjects) == {"p01"}
    assert trials.report.skipped()["file"].tolist() == ["Data_Preprocessed_P02.mat"]


def test_a_person_is_there_once(tmp_path):
    write(tmp_path)
    (tmp_path / "more").mkdir()
    write(tmp_path / "more")
    with pytest.raises(GaitDataError, match="are of the same person; keep one"):
        load(tmp_path)


def test_a_truncated_file_is_named(tmp_path):
    file = write(tmp_path) / "Data_Preprocessed_P01.mat"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(GaitDataError, match="P01.mat: not a readable MATLAB file"):
        load(tmp_path)


# -- what is written -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trials():
    return gaitlib.synthetic_physiology(n_subjects=3, n_segments=(2, 3), segment_s=0.5)


def same(loaded, trials):
    pd.testing.assert_frame_equal(loaded.table.drop(columns="source"), trials.table.drop(columns="source"))
    assert loaded.digest() == trials.digest()
    assert loaded.name == trials.name


def test_what_is_written_is_read_back(trials, tmp_path):
    loaded = load(write_amigos(trials, tmp_path / "new"))
    same(loaded, trials)
    assert "SYNTHETIC" in loaded.name
    assert loaded.report.ignored == []
    assert sorted(p.name for p in (tmp_path / "new").iterdir())[-1] == "SYNTHETIC.txt"
    shuffled = trials[np.random.default_rng(0).permutation(len(trials))]
    same(load(write_amigos(shuffled, tmp_path / "shuffled")), trials)


def test_real_trials_are_written_without_the_mark(tmp_path):
    (tmp_path / "old").mkdir()
    first = load(write(tmp_path / "old", variables_of(), edited(put("labels_selfassessment", 0, EMPTY), seed=1)))
    same(load(write_amigos(first, tmp_path / "new")), first)


def test_a_missing_modality_is_read_back_as_missing(trials, tmp_path):
    eeg = trials.modality("eeg")
    values, frames, times = eeg.values.copy(), eeg.frames.copy(), eeg.time_s.copy()
    values[1] = frames[1] = times[1] = None
    lacking = trials.with_modality("eeg", type(eeg)("sequence", eeg.channels, eeg.unit, values, frames, times))
    same(load(write_amigos(lacking, tmp_path / "new")), lacking)


def change(**columns):
    def edit(trials):
        return type(trials)(trials.table.assign(**columns), trials.modalities, trials.name, kinds=trials.kinds)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t[1:], r"p01/video01: the layout needs the segments 0 to 0"),
        (lambda t: t[[0, 0, 1]], "segments 0 to 2, each once"),
        (change(subject="anna"), "subjects like 'p01'"),
        (change(stimulus="the end"), "stimuli like 'video01'"),
        (change(walk="p01/video02"), "needs the id 'p01/video01/00'"),
        (change(self_liking=np.arange(15.0)), "rates a video as a whole"),
        (lambda t: gaitlib.synthetic_trials(1, 1), r"modality 'skeleton' with 96 channels in 'm'"),
        (lambda t: t.with_modality("eeg", t.modality("eeg").map(lambda v: v, unit="mV")), "'eeg' .* in 'mV'"),
        (
            lambda t: t.with_modality("gsr", t.modality("gsr").select_frames([slice(0, 9)] * len(t))),
            "signals of one length at 128 Hz",
        ),
        (
            lambda t: type(t)(
                t.table,
                {name: m.select_frames([slice(None, None, 2)] * len(t)) for name, m in t.modalities.items()},
                kinds=t.kinds,
            ),
            "signals of one length at 128 Hz",
        ),
        (
            lambda t: type(t)(t.table.drop(columns="stimulus"), t.modalities, kinds=t.kinds),
            "the trials have no 'stimulus'",
        ),
    ],
)
def test_what_does_not_fit_is_not_written(trials, tmp_path, edit, message):
    with pytest.raises(GaitDataError, match=message):
        write_amigos(edit(trials), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_lengths_than_equal_parts_are_not_written(trials, tmp_path):
    chosen = [slice(0, 40 if segment == 0 else 64) for segment in trials.table["segment"]]
    for name in trials.modalities:
        trials = trials.with_modality(name, trials.modality(name).select_frames(chosen))
    with pytest.raises(GaitDataError, match="equal parts"):
        write_amigos(trials, tmp_path / "new")


def test_nothing_is_written_over(trials, tmp_path):
    (tmp_path / "there").write_text("")
    with pytest.raises(GaitDataError, match="something already"):
        write_amigos(trials, tmp_path)
