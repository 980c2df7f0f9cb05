import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays
from sklearn.model_selection import GroupKFold, KFold
from sklearn.utils import _safe_indexing

from gaitlib import GaitDataError, TrialSet
from gaitlib.trials import HistoryEntry
from gaitlib.trials.checks import SENTINELS
from gaitlib.trials.modality import object_array
from gaitlib.trials.report import LoadReport

pytestmark = pytest.mark.filterwarnings("error")

N = 6
rng = np.random.default_rng(0)


def make(**changes) -> TrialSet:
    """6 trials of 3 people in a sequence (one missing), an image (one missing) and static values."""
    random = np.random.default_rng(1)
    emg = [random.normal(size=(5 + i, 2)) for i in range(N)]
    emg[4] = None
    pressure = [random.random((4, 3)) for _ in range(N)]
    pressure[0] = None
    arguments = {
        "arrays": {"emg": emg, "pressure": pressure, "body": random.normal(size=(N, 2))},
        "channels": {"emg": ["soleus", "tibialis"], "body": ["mass", "height"]},
        "rate_hz": {"emg": 100},
        "unit": {"emg": "mV", "pressure": "kPa"},
        "kind": {"pressure": "image"},
        "subject": ["ann", "ann", "bob", "bob", "eve", "eve"],
        "label": ["slow", "fast", "slow", None, "fast", np.nan],
        "walk": [1, 1, 1, 2, 1, 2],
        "targets": {"speed_mps": [0.9, 1.5, np.nan, 1.0, 1.4, 1 / 3], "age": list(range(30, 36))},
        "name": "three people",
    }
    return TrialSet.from_arrays(**(arguments | changes))


def walking(arrays, **options) -> TrialSet:
    """One modality 'emg' with a subject for each array."""
    subject = [f"s{i}" for i in range(len(arrays))]
    return TrialSet.from_arrays({"emg": arrays}, **({"subject": subject} | options))


def two(shape=(5, 2)) -> list[np.ndarray]:
    return [np.zeros(shape), np.ones(shape)]


# -- from_arrays -----------------------------------------------------------------------------------------


def test_from_arrays_keeps_values_as_float32_with_names_units_and_kinds():
    values = [rng.normal(size=(4, 2)), rng.normal(size=(7, 2))]
    m = walking(values, channels=["a", "b"], unit="mV").modality("emg")
    assert (m.kind, m.channels, m.unit) == ("sequence", ("a", "b"), "mV")
    for given_values, kept in zip(values, m.values, strict=True):
        assert kept.dtype == np.float32
        np.testing.assert_array_equal(kept, given_values.astype(np.float32))
    assert [f.tolist() for f in m.frames] == [list(range(4)), list(range(7))]


def test_kinds_follow_from_the_axes_unless_given():
    trials = make()
    assert {name: m.kind for name, m in trials.modalities.items()} == {
        "emg": "sequence",
        "pressure": "image",
        "body": "static",
    }
    assert trials.modality("pressure").frames is None
    assert trials.modality("body").time_s is None
    assert trials.modality("body").channels == ("mass", "height")
    assert trials.modality("pressure").channels == ("pressure_0", "pressure_1", "pressure_2")


def test_missing_modalities_stay_missing():
    trials = make()
    assert trials.modality("emg").present().tolist() == [True] * 4 + [False, True]
    assert trials.modality("pressure").present().tolist() == [False] + [True] * 5
    assert trials.modality("emg").time_s[4] is None
    assert trials.modality("emg").frames[4] is None


@pytest.mark.parametrize("as_type", [list, tuple, np.array, pd.Series, lambda v: pd.Series(v, index=[7, 3])])
def test_columns_may_be_any_sequence(as_type):
    trials = walking(
        two(),
        subject=as_type(["a", "b"]),
        label=as_type(["x", "y"]),
        walk=as_type([1, 2]),
        trial=as_type(["t1", "t2"]),
        targets={"age": as_type([30, 40])},
    )
    assert trials.table.values.tolist() == [["t1", "a", "a/1", "x", "", 30], ["t2", "b", "b/2", "y", "", 40]]


@pytest.mark.parametrize("as_type", [list, tuple, np.array, pd.Index, iter])
def test_channel_names_may_be_any_sequence(as_type):
    assert walking(two(), channels=as_type(["a", "b"])).modality("emg").channels == ("a", "b")


def test_arrays_may_be_one_block_or_nested_lists_or_tables():
    block = rng.normal(size=(2, 5, 3)).astype(np.float32)
    expected = walking(list(block)).digest()
    assert walking(block).digest() == expected
    assert walking(block.tolist()).digest() == expected
    assert walking([pd.DataFrame(v) for v in block]).digest() == expected


def test_times_come_from_rate_or_are_given_or_unknown():
    np.testing.assert_allclose(walking(two(), rate_hz=50).modality("emg").time_s[1], [0, 0.02, 0.04, 0.06, 0.08])
    given_times = [np.linspace(0, 1, 5), np.linspace(3, 5, 5)]
    m = walking(two(), rate_hz=50, time_s=given_times).modality("emg")
    assert [t.tolist() for t in m.time_s] == [t.tolist() for t in given_times]
    assert walking(two()).modality("emg").time_s.tolist() == [None, None]


def test_times_of_a_missing_trial_are_not_looked_at():
    m = walking([None, np.zeros((3, 2))], time_s=[None, [0, 1, 2]]).modality("emg")
    assert m.time_s[0] is None
    assert m.time_s[1].tolist() == [0, 1, 2]


def test_values_too_large_for_float32_become_inf_without_a_warning():
    assert walking([np.full((3, 1), 1e200)]).modality("emg").values[0].tolist() == [[np.inf]] * 3


def test_subjects_and_labels_are_text_and_unknown_labels_missing():
    trials = walking(two() + two(), subject=[1, 1, 2, 2], label=[3, 4, None, float("nan")])
    assert trials.subjects.tolist() == ["1", "1", "2", "2"]
    assert trials.classes == ["3", "4"]
    assert pd.isna(trials.labels[2:]).all()


def test_walks_are_counted_within_a_subject_and_default_to_the_trial():
    trials = walking(two() + two(), subject=["a", "a", "b", "b"], walk=[1, 2, 1, 1])
    assert trials.walks.tolist() == ["a/1", "a/2", "b/1", "b/1"]
    assert walking(two()).walks.tolist() == walking(two()).ids.tolist() == ["trial0", "trial1"]


def test_trial_ids_sort_in_their_order():
    ids = walking([np.zeros(1)] * 101).ids.tolist()
    assert ids == sorted(ids)
    assert len(set(ids)) == 101


A = np.zeros((5, 2))
BAD = {
    "no dict": ({"arrays": [A, A]}, "by modality name"),
    "no modality": ({"arrays": {}}, "by modality name"),
    "no trials": ({"arrays": {"emg": []}, "subject": []}, "no trials given"),
    "arrays too few": ({"arrays": {"emg": [A]}}, "modality 'emg' has 1 arrays for 2 trials"),
    "arrays too many": ({"arrays": {"emg": [A] * 3}}, "modality 'emg' has 3 arrays for 2 trials"),
    "all missing": ({"arrays": {"emg": [None, None]}}, "modality 'emg' is None in every trial"),
    "text": ({"arrays": {"emg": [A, [["a", "b"]]]}}, "modality 'emg', trial1: not an array of numbers"),
    "ragged": ({"arrays": {"emg": [A, [[1, 2], [3]]]}}, "modality 'emg', trial1: not an array of numbers"),
    "an object": ({"arrays": {"emg": [A, {"x": 1}]}}, "modality 'emg', trial1: not an array of numbers"),
    "single numbers": ({"arrays": {"emg": [1.0, 2.0]}}, r"modality 'emg', trial0: .*got \(\)"),
    "a single number": ({"arrays": {"emg": [A, 2.0]}}, r"modality 'emg', trial1: .*\(frames, 2 channels\), got \(\)"),
    "other axes": ({"arrays": {"emg": [A, A[0]]}}, r"modality 'emg', trial1: .*got \(2,\)"),
    "three axes": ({"arrays": {"emg": [A[None], A[None]]}}, r"modality 'emg', trial0: .*got \(1, 5, 2\)"),
    "other channels": ({"arrays": {"emg": [A, A[:, :1]]}}, r"modality 'emg', trial1: .*2 channels\), got \(5, 1\)"),
    "no frames": ({"arrays": {"emg": [A, A[:0]]}}, r"modality 'emg', trial1: expected a non-empty array.*\(0, 2\)"),
    "no channels": ({"arrays": {"emg": [A[:, :0], A]}}, "modality 'emg', trial0: expected a non-empty array"),
    "image shapes": ({"arrays": {"emg": [A, A[:4]]}, "kind": "image"}, r"modality 'emg', trial1: image \(4, 2\)"),
    "unknown kind": ({"kind": "video"}, "modality 'emg': kind 'video' is none of sequence, image, static"),
    "kind that does not fit": ({"kind": "static"}, r"modality 'emg', trial0: .*\(channels,\), got \(5, 2\)"),
    "channel count": ({"channels": ["a"]}, "modality 'emg': 2 different channel names needed"),
    "channel twice": ({"channels": ["a", "a"]}, "modality 'emg': 2 different channel names needed"),
    "no channel names": ({"channels": []}, "modality 'emg': 2 different channel names needed"),
    "rate 0": ({"rate_hz": 0}, "modality 'emg': rate_hz must be .*not 0"),
    "rate below 0": ({"rate_hz": -30}, "modality 'emg': rate_hz must be .*not -30"),
    "rate NaN": ({"rate_hz": np.nan}, "modality 'emg': rate_hz must be .*not nan"),
    "rate inf": ({"rate_hz": np.inf}, "modality 'emg': rate_hz must be .*not inf"),
    "rate in words": ({"rate_hz": "100"}, "modality 'emg': rate_hz must be .*not 100"),
    "times too few": ({"time_s": [range(5)]}, "modality 'emg': time_s has 1 entries for 2 trials"),
    "times of another length": ({"time_s": [range(5), range(4)]}, r"modality 'emg', trial1: 5 frames but .*\(4,\)"),
    "times missing": ({"time_s": [range(5), None]}, "modality 'emg', trial1: 5 frames but times"),
    "times in words": ({"time_s": [range(5), list("abcde")]}, "modality 'emg', trial1: times are no numbers"),
    "option for another": ({"channels": {"egm": ["a", "b"]}}, "'egm'.*there are emg"),
    "labels too few": ({"label": ["a"]}, "'label' has 1 entries for 2 trials"),
    "walks too many": ({"walk": [1, 2, 3]}, "'walk' has 3 entries for 2 trials"),
    "targets too few": ({"targets": {"age": [1]}}, "'age' has 1 entries for 2 trials"),
    "targets on a column": ({"targets": {"walk": [1, 2]}}, "target 'walk'.*another name"),
    "trial ids": ({"trial": ["a", "a"]}, "trial ids must be unique; 'a' is there twice"),
    "subject missing": ({"subject": ["a", None]}, "every trial needs a subject"),
    "subject NaN": ({"subject": [1.0, np.nan]}, "every trial needs a subject"),
    "subject in one word": ({"subject": "ab"}, "'subject' must be a sequence.*not 'ab'"),
    "subject in one number": ({"subject": 1}, "'subject' must be a sequence.*not 1"),
    "label in one word": ({"label": "ab"}, "'label' must be a sequence.*not 'ab'"),
    "walk missing": ({"walk": [1, None]}, "every trial needs a walk, or leave walk out"),
}


@pytest.mark.parametrize(("changes", "words"), BAD.values(), ids=BAD)
def test_from_arrays_refuses_what_does_not_fit_and_says_where(changes, words):
    arguments = {"arrays": {"emg": [A, A]}, "subject": ["a", "b"]} | changes
    with pytest.raises(GaitDataError, match=words):
        TrialSet.from_arrays(**arguments)


def test_options_of_several_modalities_must_be_given_by_name():
    with pytest.raises(GaitDataError, match="as a dict by modality"):
        make(rate_hz=100)


def test_errors_name_the_users_own_trial_ids():
    with pytest.raises(GaitDataError, match="modality 'emg', walk-b: expected"):
        walking([A, A[:0]], trial=["walk-a", "walk-b"])


def test_a_hand_made_set_whose_parts_do_not_fit_is_refused():
    trials = make()
    with pytest.raises(GaitDataError, match="modality 'emg' has 5 trials, not 6"):
        trials.with_modality("emg", trials[:5].modality("emg"))
    with pytest.raises(GaitDataError, match=r"lacks the columns \['subject', 'walk'\]"):
        replace(trials, table=trials.table.drop(columns=["subject", "walk"]))


# -- taking a part ---------------------------------------------------------------------------------------

INDEX = st.one_of(
    st.slices(N),
    st.integers(-N, N - 1),
    st.lists(st.integers(-N, N - 1)),
    st.lists(st.integers(-N, N - 1), min_size=1).map(np.array),
    numpy_arrays(bool, N),
    st.lists(st.booleans(), min_size=N, max_size=N),
    st.lists(st.booleans(), min_size=N, max_size=N).map(pd.Series),
)


@given(INDEX)
def test_rows_and_arrays_stay_together(index):
    trials = make()
    expected = np.atleast_1d(np.arange(N)[index])
    part = trials[index]
    assert len(part) == len(expected) == part.shape[0]
    assert part.ids.tolist() == trials.ids[expected].tolist()
    pd.testing.assert_frame_equal(part.table, trials.table.iloc[expected].reset_index(drop=True))
    for name, m in part.modalities.items():
        whole = trials.modality(name)
        for column in ("values", "frames", "time_s"):
            if getattr(whole, column) is not None:
                taken = getattr(m, column)
                assert all(taken[k] is getattr(whole, column)[j] for k, j in enumerate(expected))
    assert trials[(index, ...)].digest() == part.digest()
    assert (part.name, part.history) == (trials.name, trials.history)


def test_a_part_does_not_share_its_table():
    trials = make()
    part = trials[:3]
    part.table.loc[0, "label"] = "changed"
    assert trials.labels[0] == "slow"


def test_iterating_gives_single_trials():
    assert [t.ids.tolist() for t in make()] == [[i] for i in make().ids]


@pytest.mark.parametrize("index", [N, -N - 1, [0, N], np.ones(N + 1, bool), (0, 1), (0, 0, 0), "emg", 1.5])
def test_an_index_that_does_not_fit_is_an_index_error(index):
    with pytest.raises(IndexError):
        make()[index]


@pytest.mark.parametrize("index", [[0, 3], np.array([5, 1]), np.array([True, False] * 3), slice(1, 4)])
def test_scikit_learn_takes_the_same_parts(index):
    assert _safe_indexing(make(), index).digest() == make()[index].digest()


def test_scikit_learn_splits_trials(tiny_trials):
    seen = []
    for train, test in KFold(3, shuffle=True, random_state=0).split(tiny_trials):
        assert not set(tiny_trials[train].ids) & set(tiny_trials[test].ids)
        seen += tiny_trials[test].ids.tolist()
    assert sorted(seen) == sorted(tiny_trials.ids)
    for train, test in GroupKFold(4).split(tiny_trials, tiny_trials.labels, tiny_trials.subjects):
        assert set(tiny_trials[train].subjects).isdisjoint(tiny_trials[test].subjects)
        assert len(set(tiny_trials[test].subjects)) == 1


# -- parts of a modality ---------------------------------------------------------------------------------


def test_map_and_select_frames_leave_missing_trials_missing():
    m = make().modality("emg")
    doubled = m.map(lambda v: np.float64(2) * v, unit="V")
    assert (doubled.unit, doubled.channels, m.unit) == ("V", m.channels, "mV")
    assert doubled.values[4] is None
    assert doubled.values[0].dtype == np.float32
    np.testing.assert_array_equal(doubled.values[0], 2 * m.values[0])
    part = m.select_frames([[0, 2], slice(3), np.arange(7) > 4, [-1], None, [1]])
    assert [None if f is None else f.tolist() for f in part.frames] == [[0, 2], [0, 1, 2], [5, 6], [7], None, [1]]
    np.testing.assert_array_equal(part.values[0], m.values[0][[0, 2]])
    np.testing.assert_array_equal(part.time_s[2], [0.05, 0.06])
    assert len(m.values[0]) == 5


def test_an_unknown_modality_lists_those_that_there_are():
    with pytest.raises(GaitDataError, match="no modality 'ecg' here; there are emg, pressure, body"):
        make().modality("ecg")


def test_object_array_keeps_arrays_of_one_shape_apart():
    items = [np.zeros((2, 2)), np.ones((2, 2))]
    made = object_array(items)
    assert made.shape == (2,)
    assert made[1] is items[1]


# -- words for people ------------------------------------------------------------------------------------


def test_repr_says_what_there_is():
    assert repr(make()) == (
        "TrialSet 'three people': 6 trials, 5 walks, 3 subjects, 2 classes (fast, slow); "
        "emg (2 channels), pressure (3 channels), body (2 channels)"
    )
    assert "no labels" in repr(walking(two()))


def test_describe_has_a_row_a_modality():
    table = make().describe()
    assert table.loc["emg", ["kind", "channels", "unit", "trials"]].tolist() == ["sequence", 2, "mV", 5]
    assert table.loc["emg", "frames (min)":"rate (Hz)"].tolist() == [5, 7, 10, 100]
    assert table.loc["pressure", ["kind", "channels", "unit", "trials"]].tolist() == ["image", 3, "kPa", 5]
    assert pd.isna(table.loc["body", "rate (Hz)"])


def test_describe_without_times_or_trials():
    assert np.isnan(walking(two()).describe().loc["emg", "rate (Hz)"])
    assert walking([np.zeros((1, 1))], rate_hz=10).describe().loc["emg", "frames (max)"] == 1
    assert make()[[]].describe()["trials"].tolist() == [0, 0, 0]
    assert repr(make()[[]]).startswith("TrialSet 'three people': 0 trials, 0 walks, 0 subjects, no labels")


def test_counts_are_trials_by_subject_and_class():
    trials = walking([A] * 5, subject=list("aabbb"), label=["x", "y", "x", "x", "y"])
    assert trials.counts().to_dict("index") == {"a": {"x": 1, "y": 1}, "b": {"x": 2, "y": 1}}


def test_html_shows_the_table_and_escapes_names():
    html = make(name="<b>bold</b>")._repr_html_()
    assert "3 subjects" in html
    assert "soleus" not in html
    assert html.count("<table") == 2
    assert "<b>bold" not in html


# -- digest ----------------------------------------------------------------------------------------------


def change_value(trials):
    m = trials.modality("emg")
    values = m.values.copy()
    values[1] = values[1].copy()
    values[1][2, 1] = np.nextafter(values[1][2, 1], np.float32(9))
    return trials.with_modality("emg", replace(m, values=values))


def change_time(trials):
    m = trials.modality("emg")
    times = m.time_s.copy()
    times[5] = times[5] + 1e-9
    return trials.with_modality("emg", replace(m, time_s=times))


def change_frames(trials):
    m = trials.modality("emg")
    return trials.with_modality(
        "emg", replace(m, frames=object_array([None if f is None else f + 1 for f in m.frames]))
    )


def reshape_image(trials):
    m = trials.modality("pressure")
    turned = object_array([None if v is None else v.reshape(2, 6) for v in m.values])
    return trials.with_modality("pressure", replace(m, values=turned))


def lose_values(trials):
    m = trials.modality("body")
    return trials.with_modality("body", replace(m, values=object_array([None, *m.values[1:]])))


def swap_missing(trials):
    m = trials.modality("emg")
    return trials.with_modality("emg", m.take([0, 1, 2, 4, 3, 5]))


CHANGES = {
    "a value": change_value,
    "a time": change_time,
    "frame numbers": change_frames,
    "the shape": reshape_image,
    "a missing trial": lose_values,
    "which trial is missing": swap_missing,
    "a label": lambda t: replace(t, table=t.table.assign(label=["fast", *t.table["label"][1:]])),
    "a label gone": lambda t: replace(t, table=t.table.assign(label=[None, *t.table["label"][1:]])),
    "a subject": lambda t: replace(t, table=t.table.assign(subject=["zoe", *t.table["subject"][1:]])),
    "a walk": lambda t: replace(t, table=t.table.assign(walk=["ann/9", *t.table["walk"][1:]])),
    "an id": lambda t: replace(t, table=t.table.assign(trial=["new", *t.table["trial"][1:]])),
    "a target": lambda t: replace(t, table=t.table.assign(speed_mps=t.table["speed_mps"] + 1e-12)),
    "a target's name": lambda t: replace(t, table=t.table.rename(columns={"age": "years"})),
    "a channel name": lambda t: t.with_modality("emg", replace(t.modality("emg"), channels=("soleus", "x"))),
    "the unit": lambda t: t.with_modality("emg", replace(t.modality("emg"), unit="V")),
    "the longest length": lambda t: t.with_modality("emg", replace(t.modality("emg"), max_frames=99)),
    "the modality's name": lambda t: replace(t, modalities={f"{k}2": v for k, v in t.modalities.items()}),
    "a modality gone": lambda t: replace(t, modalities={k: v for k, v in t.modalities.items() if k != "body"}),
    "history": lambda t: t.with_history(HistoryEntry("CropEnds()")),
    "what a step had learnt from": lambda t: t.with_history(HistoryEntry("CropEnds()", ("trial0",))),
    "the order": lambda t: t[::-1],
    "fewer trials": lambda t: t[:-1],
}


def test_digest_changes_with_everything_that_a_result_can_depend_on():
    trials = make()
    digests = {name: change(trials).digest() for name, change in CHANGES.items()}
    assert trials.digest() not in digests.values()
    assert len(set(digests.values())) == len(digests)


def test_digest_does_not_depend_on_source_report_or_the_order_of_modalities():
    trials = make()
    moved = replace(trials, table=trials.table.assign(source="elsewhere.csv"), report=report())
    assert moved.digest() == trials.digest() == make().digest()
    turned = replace(trials, modalities=dict(reversed(trials.modalities.items())))
    assert turned.digest() == trials.digest()


@given(i=st.integers(0, 47), place=st.integers(0), bit=st.integers(0, 31))
def test_digest_changes_with_every_bit(tiny_trials, i, place, bit):
    m = tiny_trials.modality("skeleton")
    values = m.values.copy()
    bits = values[i].copy().view(np.uint32)
    bits.flat[place % bits.size] ^= np.uint32(1 << bit)
    values[i] = bits.view(np.float32)
    changed = tiny_trials.with_modality("skeleton", replace(m, values=values))
    assert changed.digest() != tiny_trials.digest()


# -- one file --------------------------------------------------------------------------------------------


def report() -> LoadReport:
    rows = [
        {"file": "a.csv", "status": "repaired", "frames_read": 30, "frames_kept": 28, "garbage": 2},
        {"file": "b.csv", "status": "skipped", "reason": "b.csv: the file is empty"},
    ]
    return LoadReport.from_rows(rows, ["notes.txt"], 0.25)


def plain(table: pd.DataFrame) -> dict:
    """What a table holds, whatever pandas calls missing text."""
    return table.astype(object).where(table.notna(), None).to_dict("list")


def assert_equal(a: TrialSet, b: TrialSet):
    assert plain(a.table) == plain(b.table)
    assert (a.name, a.history) == (b.name, b.history)
    assert list(a.modalities) == list(b.modalities)
    for name, m in a.modalities.items():
        other = b.modality(name)
        assert (m.kind, m.channels, m.unit, m.max_frames) == (other.kind, other.channels, other.unit, other.max_frames)
        for part in ("values", "frames", "time_s"):
            ours, theirs = getattr(m, part), getattr(other, part)
            assert (ours is None) == (theirs is None)
            for x, y in zip(() if ours is None else ours, () if theirs is None else theirs, strict=True):
                assert (x is None) == (y is None)
                if x is not None:
                    assert x.dtype == y.dtype
                    np.testing.assert_array_equal(x, y)
    assert a.digest() == b.digest()


def test_save_and_load_give_back_everything(tmp_path):
    trials = replace(make(), report=report())
    trials = trials.with_history(HistoryEntry("Scale(unit='m')", ("trial0", "trial5"))).with_history(
        HistoryEntry("X()")
    )
    trials = trials.with_modality("emg", replace(trials.modality("emg"), max_frames=12))
    file = trials.save(tmp_path / "deeper" / "trials.npz")
    loaded = TrialSet.load(file)
    assert_equal(loaded, trials)
    pd.testing.assert_frame_equal(loaded.report.files, trials.report.files)
    assert (loaded.report.ignored, loaded.report.seconds) == (["notes.txt"], 0.25)
    assert [p.name for p in (tmp_path / "deeper").iterdir()] == ["trials.npz"]


@given(INDEX)
def test_every_part_survives_saving(tmp_path_factory, index):
    part = make()[index]
    assert_equal(TrialSet.load(part.save(tmp_path_factory.getbasetemp() / "part.npz")), part)


@given(
    shapes=st.lists(st.one_of(st.none(), st.tuples(st.integers(1, 4), st.just(2))), min_size=1, max_size=5),
    data=st.data(),
)
def test_any_values_survive_saving(tmp_path_factory, shapes, data):
    if all(s is None for s in shapes):
        shapes[0] = (1, 2)
    floats = st.floats(width=32).filter(lambda v: v not in SENTINELS)
    values = [None if s is None else data.draw(numpy_arrays(np.float32, s, elements=floats)) for s in shapes]
    label = data.draw(st.lists(st.one_of(st.none(), st.text()), min_size=len(shapes), max_size=len(shapes)))
    target = data.draw(st.lists(st.floats(), min_size=len(shapes), max_size=len(shapes)))
    trials = walking(values, label=label, targets={"score": target}, name=data.draw(st.text()))
    assert_equal(TrialSet.load(trials.save(tmp_path_factory.getbasetemp() / "any.npz")), trials)


@pytest.mark.parametrize(
    "target",
    [[1, None], [np.int64(1), "a"], [np.nan, np.nan], [True, False], np.float32([0.1, 0.2]), ["x", None], [None, None]],
    ids=str,
)
def test_targets_of_any_type_survive_saving(tmp_path, target):
    trials = walking(two(), targets={"score": target})
    loaded = TrialSet.load(trials.save(tmp_path / "t.npz"))
    assert_equal(loaded, trials)
    assert loaded.table["score"].dtype.kind == trials.table["score"].dtype.kind


@pytest.mark.parametrize("target", [pd.to_datetime(["2024-01-01", "2024-01-02"]), [{1}, {2}], [1j, 2j]], ids=str)
def test_targets_that_no_file_can_hold_are_refused_by_name(tmp_path, target):
    trials = walking(two(), targets={"score": target})
    with pytest.raises(GaitDataError, match="column 'score'"):
        trials.save(tmp_path / "t.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given_name", "name"), [("a", "a.npz"), ("a.npz", "a.npz"), ("fold.0", "fold.0.npz"), ("a.NPZ", "a.NPZ.npz")]
)
def test_the_name_given_stays_and_ends_in_npz(tmp_path, given_name, name):
    assert make().save(tmp_path / given_name) == tmp_path / name
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_saving_again_replaces_the_file(tmp_path):
    make().save(tmp_path / "t.npz")
    make()[:2].save(str(tmp_path / "t.npz"))
    assert len(TrialSet.load(str(tmp_path / "t.npz"))) == 2


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    trials = make()
    trials.save(tmp_path / "t.npz")

    def full(archive, name, parts):
        archive.writestr(name, b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr("gaitlib.trials.file._write_array", full)
    with pytest.raises(GaitDataError, match=r"t.npz: cannot be written \(no space left on device\); free space"):
        trials[:2].save(tmp_path / "t.npz")
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]
    assert_equal(TrialSet.load(tmp_path / "t.npz"), trials)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> bytes:
    return make().save(tmp_path_factory.mktemp("saved") / "t.npz").read_bytes()


@given(data=st.data())
def test_a_damaged_file_is_refused_or_gives_the_same_trials(saved, tmp_path_factory, data):
    content = bytearray(saved)
    directory = content.index(b"PK\x01\x02")
    places = st.one_of(st.integers(0, len(content) - 1), st.integers(directory, len(content) - 1), st.integers(0, 200))
    if data.draw(st.booleans(), label="truncate"):
        content = content[: data.draw(places)]
    else:
        content[data.draw(places)] ^= 1 << data.draw(st.integers(0, 7))
    file = tmp_path_factory.getbasetemp() / "damaged.npz"
    file.write_bytes(content)
    try:
        loaded = TrialSet.load(file)
    except GaitDataError as error:
        assert str(file) in str(error)
    else:
        assert_equal(loaded, make())


class Trap:
    """Unpickling it makes a file 'opened'."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return Path.touch, (self.folder / "opened",)


def write_pickle(file):
    file.write_bytes(pickle.dumps(Trap(file.parent)))


def write_object_array(file):
    np.savez(file, meta=np.array([Trap(file.parent)], dtype=object))


def write_array(file):
    with open(file, "wb") as stream:
        np.save(stream, np.zeros(3))


def write_other_npz(file):
    np.savez(file, a=np.zeros(3))


def write_other_json(file):
    np.savez(file, meta=np.frombuffer(json.dumps({"format": 9}).encode(), np.uint8))


def write_zip(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("meta", "x")


@pytest.mark.parametrize(
    "write",
    [
        write_pickle,
        write_object_array,
        write_array,
        write_other_npz,
        write_other_json,
        write_zip,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_text("trial,subject"),
        lambda file: file.mkdir(),
    ],
)
def test_other_files_are_refused_and_no_pickle_is_opened(tmp_path, write):
    write(tmp_path / "t.npz")
    with pytest.raises(GaitDataError, match="t.npz: not a TrialSet file, or damaged"):
        TrialSet.load(tmp_path / "t.npz")
    assert not (tmp_path / "opened").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GaitDataError, match="t.npz: no such file"):
        TrialSet.load(tmp_path / "t.npz")


def test_array_sizes_that_do_not_add_up_are_refused(tmp_path):
    file = make().save(tmp_path / "t.npz")
    with np.load(file) as archive:
        arrays = dict(archive)
    for name in ("body/values/shapes", "emg/frames/shapes"):
        wrong = arrays[name].copy()
        wrong[0] += 1
        np.savez(file, **(arrays | {name: wrong}))
        with pytest.raises(GaitDataError, match="array sizes do not add up"):
            TrialSet.load(file)


def rewritten(file, meta=None, **changed):
    """The same file with another description or other arrays."""
    with np.load(file) as archive:
        arrays = dict(archive)
    described = json.loads(arrays["meta"].tobytes())
    if meta is not None:
        meta(described)
    arrays["meta"] = np.frombuffer(json.dumps(described).encode(), np.uint8)
    for name, change in changed.items():
        key = name.replace("__", "/")
        arrays[key] = change(arrays.get(key))
    np.savez(file, **arrays)


def put(*path, to):
    """A change of one place of a description."""

    def change(meta):
        *above, last = path
        for key in above:
            meta = meta[key]
        meta[last] = to

    return change


DESCRIBED = [
    (put("table", "subject", to=["a"]), "columns of the table of"),
    (put("table", "subject", 0, to=None), "column 'subject'"),
    (put("table", "trial", 0, to=3), "column 'trial'"),
    (put("table", "label", 0, to=3), "column 'label'"),
    (put("table", "trial", 0, to="trial5"), "'trial5' is the trial of two people"),
    (put("table", to={}), "columns of the table"),
    (put("modalities", "emg", 0, to="film"), "modality 'emg': a 'film'"),
    (put("modalities", "emg", 0, to="static"), "modality 'emg', trial.: .* as a static of 2 channels"),
    (put("modalities", "emg", 1, to=["a"]), "modality 'emg', trial.: .* of 1 channels"),
    (put("modalities", "emg", 1, to=["a", "a"]), "modality 'emg': .* 1 different channels"),
    (put("modalities", "emg", 1, to=[1, 2]), "modality 'emg', channels"),
    (put("modalities", "emg", 2, to=None), "modality 'emg', unit"),
    (put("modalities", "emg", 3, to=2), "modality 'emg', trial.: . frames, at most 2"),
    (put("modalities", "emg", 3, to="x"), "modality 'emg': at most 'x' frames"),
    (put("history", to=[["Step()", [1], []]]), "history"),
    (put("name", to=None), "name"),
    (put("format", to=2), "format 2"),
    (lambda meta: meta["modalities"].pop("emg"), "belongs to no modality"),
]


@pytest.mark.parametrize(("meta", "said"), DESCRIBED)
def test_descriptions_that_do_not_fit_the_arrays_are_refused_by_name(tmp_path, meta, said):
    file = make().save(tmp_path / "t.npz")
    rewritten(file, meta)
    with pytest.raises(GaitDataError, match=rf"t.npz: not a TrialSet file, or damaged \(.*{said}"):
        TrialSet.load(file)


def fewer_frames(shapes):
    """All in one trial less and another more."""
    shapes = shapes.copy()
    known = np.flatnonzero(shapes[:, 0] > 1)[:2]
    shapes[known, 0] += [-1, 1]
    return shapes


ARRAYS = {
    "emg__time_s__shapes": (fewer_frames, "modality 'emg', trial.: .* times"),
    "emg__frames__shapes": (fewer_frames, "modality 'emg', trial.: .* frame numbers"),
    "emg__values__shapes": (lambda shapes: shapes[:-1], "modality 'emg', values: .* for 6 trials"),
    "emg__time_s__data": (lambda data: data[::-1].copy(), "modality 'emg', trial.: the times do not advance"),
    "emg__frames__data": (lambda data: data.astype(float), "modality 'emg', trial.: float64 frame numbers"),
    "emg__values__data": (lambda data: data.astype("U8"), "modality 'emg', trial.: <U8"),
    "pressure__values__shapes": (lambda shapes: np.where(shapes > 0, -2, shapes), "'pressure', values: .* negative"),
    "body__values__shapes": (lambda shapes: np.where(shapes > 0, 2**62, shapes), "'body', values: array sizes"),
    "other__values__data": (lambda _: np.zeros(3), "belongs to no modality"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_do_not_fit_each_other_are_refused_by_name(tmp_path, name):
    change, said = ARRAYS[name]
    file = make().save(tmp_path / "t.npz")
    rewritten(file, **{name: change})
    with pytest.raises(GaitDataError, match=rf"t.npz: not a TrialSet file, or damaged \(.*{said}"):
        TrialSet.load(file)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_told(tmp_path, monkeypatch):
    full = zipfile.ZipFile("/dev/full", "w")
    monkeypatch.setattr("gaitlib.trials.file.zipfile.ZipFile", lambda *args: full)
    with pytest.raises(
        GaitDataError, match=r"t.npz: cannot be written \(.*No space left.*free space or save elsewhere"
    ):
        make().save(tmp_path / "t.npz")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GaitDataError, match="cannot be written"):
        make().save(tmp_path / "file" / "t.npz")
