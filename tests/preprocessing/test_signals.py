"""Bad frames and missing numbers, against brute force."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gaitlib
from gaitlib.preprocessing import AddVelocity, FillMissing, RepairFrames
from gaitlib.trials.conventions import skeleton_channels
from gaitlib.trials.modality import object_array


def skeleton(values, **options):
    channels = skeleton_channels(["spine_base", "head"])
    subject = ["a"] * len(values)
    return gaitlib.TrialSet.from_arrays({"skeleton": values}, channels=channels, subject=subject, **options)


def emg(values):
    return gaitlib.TrialSet.from_arrays({"emg": values}, subject=["a"] * len(values), rate_hz=100)


def good(n=6):
    return 1 + np.arange(n * 6, dtype=np.float32).reshape(n, 6) / 100


def with_times(trials, time_s):
    """As a loader may give them; ``from_arrays`` takes only times that advance."""
    m = trials.modality("skeleton")
    return trials.with_modality("skeleton", replace(m, time_s=object_array([time_s])))


# -- RepairFrames ----------------------------------------------------------------------------------------

BAD = st.sampled_from([np.nan, np.inf, -np.inf, 20.5, -300.0, 1e-40, -1e-42, "joint at zero", "time"])


@given(bad=st.dictionaries(st.integers(1, 7), st.tuples(BAD, st.integers(0, 5))))
def test_exactly_the_bad_frames_are_dropped(bad):
    values, time_s = good(8), np.arange(8.0)
    for frame, (what, column) in bad.items():
        if what == "joint at zero":
            values[frame, :3] = 0
        elif what == "time":
            time_s[frame] = -1
        else:
            values[frame, column] = what
    trials = with_times(skeleton([values]), time_s)
    m = RepairFrames().fit_transform(trials).modality("skeleton")
    kept = [i for i in range(8) if i not in bad]
    np.testing.assert_array_equal(m.frames[0], kept)
    np.testing.assert_array_equal(m.time_s[0], kept)
    np.testing.assert_array_equal(m.values[0], values[kept])


def test_a_single_zero_coordinate_is_no_garbage():
    values = good()
    values[2, 0] = 0
    assert len(RepairFrames().fit_transform(skeleton([values])).modality("skeleton").values[0]) == 6


def test_the_limit_is_a_parameter():
    values = good()
    values[2, 0] = 50
    assert len(RepairFrames(limit=60).fit_transform(skeleton([values])).modality("skeleton").values[0]) == 6


def test_a_bad_frame_does_not_hide_the_time_of_a_good_one():
    values, time_s = good(4), np.array([0.0, 9.0, 1.0, 2.0])  # the wild time belongs to a garbage frame
    values[1, 0] = np.nan
    m = RepairFrames().fit_transform(with_times(skeleton([values]), time_s)).modality("skeleton")
    assert m.frames[0].tolist() == [0, 2, 3]


def test_frames_without_times_are_repaired_too():
    values = good()
    values[0] = np.nan
    m = RepairFrames().fit_transform(skeleton([values])).modality("skeleton")
    assert m.frames[0].tolist() == [1, 2, 3, 4, 5]
    assert m.time_s[0] is None


def test_a_trial_without_a_good_frame_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="trial1.*'skeleton'.*no usable frame"):
        RepairFrames().fit_transform(skeleton([good(), np.full((3, 6), np.nan)]))


def test_repair_after_added_channels_is_refused():
    moving = AddVelocity().fit_transform(skeleton([good()], rate_hz=30))
    with pytest.raises(gaitlib.GaitDataError, match="before the steps that add channels"):
        RepairFrames().fit_transform(moving)


def test_repair_of_another_signal_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="positions"):
        RepairFrames(modality="emg").fit_transform(emg([np.ones((5, 2))]))


# -- FillMissing -----------------------------------------------------------------------------------------


def longest_run(missing):
    longest = run = 0
    for flag in missing:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


def filled_by_hand(column):
    """Interpolate one channel with plain loops."""
    known = [i for i, v in enumerate(column) if np.isfinite(v)]
    out = []
    for i, v in enumerate(column):
        before, after = [k for k in known if k < i], [k for k in known if k > i]
        if i in known:
            out.append(v)
        elif not before:
            out.append(column[after[0]])
        elif not after:
            out.append(column[before[-1]])
        else:
            a, b = before[-1], after[0]
            out.append(column[a] + (column[b] - column[a]) * (i - a) / (b - a))
    return out


@given(
    values=arrays(np.float32, (12, 2), elements=st.floats(-90, 90, width=32)),
    missing=arrays(bool, (12, 2)),
    gap=st.sampled_from([np.nan, np.inf, -np.inf]),
    longest=st.integers(1, 12),
)
def test_short_runs_are_interpolated_and_long_ones_refused(values, missing, gap, longest):
    values[missing] = gap
    runs = [longest_run(missing[:, c]) for c in range(2)]
    step = FillMissing("emg", longest=longest)
    if max(runs) > longest or missing.all(axis=0).any():
        with pytest.raises(gaitlib.GaitDataError, match="trial0.*'emg', channel 'emg_[01]'"):
            step.fit_transform(emg([values]))
        return
    after = step.fit_transform(emg([values])).modality("emg").values[0]
    expected = np.transpose([filled_by_hand(values[:, c].astype(float)) for c in range(2)])
    np.testing.assert_allclose(after, expected, atol=1e-4)
    np.testing.assert_array_equal(after[~missing], values[~missing])


def test_a_long_run_is_named_with_trial_channel_and_length():
    values = np.ones((20, 2))
    values[3:8, 1] = np.nan
    with pytest.raises(gaitlib.GaitDataError, match="trial1.*channel 'emg_1': 5 missing frames in a row, at most 4"):
        FillMissing("emg", longest=4).fit_transform(emg([np.ones((9, 2)), values]))


def test_a_channel_that_is_never_known_is_refused_as_such():
    values = np.ones((3, 2))
    values[:, 0] = np.nan
    with pytest.raises(gaitlib.GaitDataError, match="trial0.*channel 'emg_0'.*no finite value"):
        FillMissing("emg", longest=10).fit_transform(emg([values]))


def test_gaps_never_become_zero():
    values = np.full((9, 1), 5.0)
    values[[0, 3, 4, 8]] = np.nan
    np.testing.assert_array_equal(FillMissing("emg").fit_transform(emg([values])).modality("emg").values[0], 5)


def test_frames_and_times_stay():
    values = np.ones((5, 1))
    values[2] = np.nan
    before = emg([values]).modality("emg")
    after = FillMissing("emg").fit_transform(emg([values])).modality("emg")
    assert after.channels == before.channels
    np.testing.assert_array_equal(after.frames[0], before.frames[0])
    np.testing.assert_array_equal(after.time_s[0], before.time_s[0])


@pytest.mark.parametrize("step", [RepairFrames(), FillMissing()], ids=repr)
def test_the_input_is_not_changed_and_absent_trials_pass(step):
    values = good()
    values[2] = np.nan
    trials = skeleton([None, values], rate_hz=30)
    before = trials.digest()
    after = step.fit_transform(trials)
    assert trials.digest() == before
    assert after.modality("skeleton").values[0] is None
    assert np.isfinite(after.modality("skeleton").values[1]).all()
