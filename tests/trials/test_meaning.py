"""What a user's own data mean: who is who, which class, channel and time; or a message that says what to do."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib import GaitDataError, TrialSet
from gaitlib.trials.columns import alike
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, KINECT_V2_JOINTS, skeleton_channels, standard_channels

N = 4


def trials(arrays=None, subject=("a", "b", "c", "d"), **options):
    return TrialSet.from_arrays(
        {"imu": [np.ones((5, 2))] * N if arrays is None else arrays}, subject=subject, **options
    )


# -- who is who ------------------------------------------------------------------------------------------

ONE_PERSON = [
    ("S01", "S01 "), ("S01", "s01"), ("S01", "S1"), ("1", "01"), ("01", 1.0), ("1.0", 1), ("Ｓ０１", "S01"),
    ("straße", "STRASSE"), ("s01", b"S01"), ("p1v02", "P01V2"),
]  # fmt: skip
TWO_PEOPLE = [("S1", "S11"), ("S1", "S10"), ("a1b2", "a12b"), ("S-1", "S1"), (1.5, 1.05), ("anna", "anne")]


@pytest.mark.parametrize(("one", "other"), ONE_PERSON)
def test_ids_that_look_like_one_person_are_refused_joined_or_left_apart(one, other):
    subject = [one, other, "x", "y"]
    with pytest.raises(GaitDataError, match='differ only in the way they are written; .*if_alike="join"'):
        trials(subject=subject)
    joined = trials(subject=subject, if_alike="join").subjects
    assert joined[0] == joined[1]
    assert len(set(joined)) == 3
    assert len(set(trials(subject=subject, if_alike="apart").subjects)) == 4


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, "1"), ("S01", b"S01"), (np.float32(7), 7)])
def test_one_id_in_several_types_is_one_person(one, other):
    assert trials(subject=[one, other, "x", "y"]).table["subject"].nunique() == 3


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE)
def test_ids_of_two_people_stay_two(one, other):
    assert len(set(trials(subject=[one, other, "x", "y"]).subjects)) == 4


@given(st.text(max_size=8))
def test_what_is_left_of_an_id_is_left_of_its_other_ways_to_be_written(identifier):
    for other in (f" {identifier}\n", identifier.lower(), alike(identifier)):
        assert alike(other) == alike(identifier)


def test_walks_of_one_subject_are_compared_as_subjects_are():
    with pytest.raises(GaitDataError, match="the walks 'a/1' and 'a/01' differ only in the way they are written"):
        trials(subject=["a", "a", "b", "b"], walk=["1", "01", "1", "2"])
    assert len(set(trials(subject=["a", "a", "b", "b"], walk=["1", "2", "1", "01"], if_alike="join").walks)) == 3
    assert len(set(trials(subject=["a"] * 4, walk=[1.5, 1.05, 2, 3]).walks)) == 4


@pytest.mark.parametrize("column", [{"a", "b", "c", "d"}, dict.fromkeys("abcd"), dict.fromkeys("abcd").keys()])
def test_an_order_that_nobody_gave_is_not_taken(column):
    if isinstance(column, (set, dict)):
        with pytest.raises(GaitDataError, match="'subject' is a (set|dict), which does not say which entry"):
            trials(subject=column)
    with pytest.raises(GaitDataError, match="give a list"):
        trials(label=set(column))


# -- which class -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label", [[1, 0, 1, 0], [1.0, 0.0, 1.0, 0.0], ["1", "0.0", "1.0", "0"], np.array([[1], [0], [1], [0]]),
              pd.DataFrame({"y": [1, 0, 1, 0]}), [b"1", b"0", b"1", b"0"], np.ma.array([1, 0, 1, 0])],
    ids=["int", "float", "text", "column", "frame", "bytes", "masked"],
)  # fmt: skip
def test_labels_that_are_equal_as_numbers_are_one_class(label):
    assert trials(label=label).labels.tolist() == ["1", "0", "1", "0"]


def test_a_masked_label_is_a_missing_one_and_a_masked_subject_is_refused():
    masked = np.ma.array(["x", "y", "x", "y"], mask=[0, 0, 1, 0])
    assert pd.isna(trials(label=masked).table["label"]).tolist() == [False, False, True, False]
    with pytest.raises(GaitDataError, match="every trial needs a subject"):
        trials(subject=masked)


def test_one_hot_labels_are_refused_with_the_remedy():
    with pytest.raises(GaitDataError, match=r"'label' has the shape \(4, 2\); .*onehot.argmax\(axis=1\)"):
        trials(label=np.eye(2)[[0, 1, 0, 1]])
    with pytest.raises(GaitDataError, match="one value a trial"):
        trials(label=[[1, 0]] * 4)


# -- what an array means ---------------------------------------------------------------------------------


def test_columns_of_data_frames_are_aligned_by_name():
    first = pd.DataFrame(np.arange(10.0).reshape(5, 2), columns=["ax", "ay"])
    m = trials([first, first[["ay", "ax"]], None, first]).modality("imu")
    assert m.channels == ("ax", "ay")
    np.testing.assert_array_equal(m.values[0], m.values[1])
    other = trials([first] * N, channels=["ay", "ax"]).modality("imu")
    np.testing.assert_array_equal(other.values[0], first[["ay", "ax"]])


@pytest.mark.parametrize("second", [pd.DataFrame(np.ones((5, 2)), columns=["ax", "gx"]), np.ones((5, 2))])
def test_other_columns_or_none_are_refused(second):
    first = pd.DataFrame(np.ones((5, 2)), columns=["ax", "ay"])
    with pytest.raises(GaitDataError, match="trial1: has (the columns ax, gx, expected ax, ay|no channel names)"):
        trials([first, second, first, first])


def test_series_of_static_values_are_aligned_too():
    one = pd.Series({"age": 30.0, "mass_kg": 70.0})
    m = trials([one, one[::-1], one, one]).modality("imu")
    assert m.channels == ("age", "mass_kg")
    assert m.values[1].tolist() == [30, 70]


def test_missing_numbers_of_pandas_and_masked_values_become_nan():
    frame = pd.DataFrame({"x": pd.array([1, None, 3, 4, 5], dtype="Int64")})
    masked = np.ma.array(np.ones((5, 1)), mask=[[0], [1], [0], [0], [0]])
    for value in (frame, masked):
        stored = trials([value] * N).modality("imu").values[0]
        assert np.isnan(stored).ravel().tolist() == [False, True, False, False, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_what_the_caller_does_with_his_memory_changes_nothing(dtype):
    buffer, times = np.ones((5, 2), dtype), np.arange(5.0)
    kept = trials([buffer] * N, time_s=[times] * N)
    before = kept.digest()
    buffer += 7
    times += 1
    assert kept.digest() == before


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.ones((5, 2))}, "modality 'imu' is one dict; give a list"),
        (pd.DataFrame(np.ones((4, 2))), "modality 'imu' is one DataFrame; give a list"),
        ([np.ones((2, 5)), np.ones((2, 6)), np.ones((2, 5)), np.ones((2, 5))], "trial1: .*give array.T"),
        ([np.ones((5, 2, 3))] * N, r"expected a non-empty array \(frames, channels\).*reshape\(len\(array\), -1\)"),
        ([np.ones((5, 2)) + 1j] * N, "trial0: not an array of numbers .complex"),
        ([np.full((5, 2), np.datetime64("2024-01-01"))] * N, "trial0: not an array of numbers .dates"),
    ],
)
def test_arrays_that_mean_something_else_are_refused_with_a_hint(arrays, words):
    with pytest.raises(GaitDataError, match=words):
        trials(arrays)


def test_named_channels_tell_an_array_that_lies_on_its_side():
    with pytest.raises(GaitDataError, match="5 different channel names needed.*give array.T"):
        trials([np.ones((2, 5))] * N, channels=["x", "y"])


@pytest.mark.parametrize("code", [-9999, -999, 9999, -99])
def test_a_code_for_a_missing_value_is_refused_where_it_stands_far_from_all_others(code):
    values = np.random.default_rng(0).normal(size=(50, 2))
    values[7, 1] = code
    with pytest.raises(GaitDataError, match=rf"trial0, channel 'imu_1': {code} stands far .*write NaN instead"):
        trials([values] * N)
    spread = values * 200  # here it may have been measured
    spread[7, 1] = code
    if abs(code) < 1000:
        assert len(trials([spread] * N)) == N
    with pytest.raises(GaitDataError, match="channel 'imu_0': .* looks like a code"):
        trials([np.array([30.0]), np.array([float(code)]), np.array([50.0]), np.array([41.0])])


# -- which time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([0, 0, 0, 0, 0], "trial0, all times are the same"),
        ([0, 1, np.nan, 3, 4], "trial0, frame 2: the time is no number"),
        ([4, 3, 2, 1, 0], "trial0, frame 1: the time does not advance"),
        ([0, 0.1, 0.2, 0.2, 0.3], "trial0, frame 3: the time does not advance"),
        ([0, 10, 20, 30, 40], "trial0: 10 s from frame to frame; .*milliseconds: divide them by 1000"),
        (np.arange(5) * 1e4, "look like microseconds: divide them by 1e.06"),
        (np.arange(5) * 1e7, "look like nanoseconds: divide them by 1e.09"),
    ],
)
def test_times_that_are_none_are_refused_where_they_enter(times, words):
    with pytest.raises(GaitDataError, match=words):
        trials(time_s=[times] * N)


def test_dates_become_seconds_and_slow_signals_have_a_way_in():
    stamps = pd.date_range("2024-01-01", periods=5, freq="20ms")
    np.testing.assert_allclose(trials(time_s=[stamps] * N).modality("imu").time_s[0], np.arange(5) / 50)
    assert trials(rate_hz=0.1).modality("imu").time_s[0][1] == 10


def test_the_description_shows_the_range_of_rates():
    rates = trials(time_s=[np.arange(5) / rate for rate in (50, 50, 100, 100)]).describe()
    assert rates.loc["imu", ["slowest (Hz)", "fastest (Hz)"]].tolist() == [50, 100]


# -- joints ----------------------------------------------------------------------------------------------


def _as_microsoft_writes(joint):
    side, _, rest = joint.partition("_")
    rest = rest.replace("hand_tip", "handtip")
    return f"{rest}_{side}".upper() if side in ("left", "right") else joint.upper()


@pytest.mark.parametrize("joints", [KINECT_V2_JOINTS, AZURE_KINECT_JOINTS])
def test_joints_in_the_spelling_of_the_cameras_programs_are_known(joints):
    expected = skeleton_channels(joints)
    capitals = [f"{_as_microsoft_writes(j)}_{axis}" for j in joints for axis in "xyz"]
    camel = ["".join(p.capitalize() for p in c[:-2].split("_")) + c[-2:].upper() for c in capitals]
    for written in (capitals, camel, [c.upper() for c in expected], expected):
        assert standard_channels(written) == expected
    values = [np.random.default_rng(0).normal(size=(5, len(expected)))] * N
    assert trials(values, channels=capitals).modality("imu").channels == expected


def test_other_channels_keep_their_names():
    for names in (("acc_x", "acc_y"), ("head_x", "marker7_x"), ("EMG",), ("left_knee_deg",)):
        assert standard_channels(names) == names
