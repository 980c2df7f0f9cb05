"""The start of a walk, and its length as a control: what a recording tells without any gait."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from sklearn.base import clone
from sklearn.pipeline import Pipeline

import gaitlib
from gaitlib.models import Builder
from gaitlib.preprocessing import Crop, SequenceLength
from gaitlib.trials.modality import object_array

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def emg(lengths, **more):
    values = [1000.0 * (i + 1) + np.arange(2 * n).reshape(n, 2) for i, n in enumerate(lengths)]
    return gaitlib.TrialSet.from_arrays({"emg": values}, subject=[f"s{i}" for i in range(len(lengths))], **more)


def without(trials, part, index):
    """The trials, one of which lacks its values or its times."""
    m = trials.modality("emg")
    column = getattr(m, part).copy()
    column[index] = None
    return trials.with_modality("emg", replace(m, **{part: column}))


def length_control():
    return gaitlib.GaitClassifier(Builder("extra_trees"), Pipeline([("length", SequenceLength())]))


# -- the start of a trial --------------------------------------------------------------------------------


@given(lengths=LENGTHS, frames=st.integers(1, 20))
def test_first_takes_the_start_of_each_trial(lengths, frames):
    trials = emg(lengths, rate_hz=100)
    after = Crop(frames, "first", modality="emg").fit_transform(trials).modality("emg")
    for before, value, kept in zip(trials.modality("emg").values, after.values, after.frames, strict=True):
        np.testing.assert_array_equal(value, before[:frames])
        np.testing.assert_array_equal(kept, np.arange(min(frames, len(before))))
    assert after.max_frames == frames


# -- SequenceLength --------------------------------------------------------------------------------------


@given(lengths=LENGTHS)
def test_frames_are_counted_and_seconds_measured(lengths):
    times = [5 + np.sort(np.random.default_rng(n).uniform(0, 2, n)) for n in lengths]
    trials = emg(lengths, time_s=times)
    samples = SequenceLength("emg").fit_transform(trials)
    assert samples.channels == {"length": ("frames", "seconds")}
    expected = np.array([[n, t.max() - t.min()] for n, t in zip(lengths, times, strict=True)])
    np.testing.assert_allclose(samples.inputs["length"], expected, rtol=1e-6)
    assert samples.trial.tolist() == trials.ids.tolist()


def test_without_times_only_frames_are_counted():
    samples = SequenceLength("emg").fit_transform(emg([4, 9]))
    assert samples.channels == {"length": ("frames",)}
    assert samples.inputs["length"].tolist() == [[4], [9]]


def test_the_training_trials_say_whether_seconds_are_read():
    timed, untimed = emg([4, 9], rate_hz=10), emg([5, 6])
    assert SequenceLength("emg").fit(untimed).transform(timed).inputs["length"].tolist() == [[4], [9]]
    assert SequenceLength("emg").fit(without(timed, "time_s", 0)).timed_ is False
    with pytest.raises(gaitlib.GaitDataError, match="trial1 has no times of 'emg'; leave such trials out"):
        SequenceLength("emg").fit(timed).transform(without(timed, "time_s", 1))


def test_a_trial_without_the_sequence_is_named():
    trials = emg([4, 9])
    with pytest.raises(gaitlib.GaitDataError, match="trial1 has no 'emg'; leave such trials out"):
        SequenceLength("emg").fit(trials).transform(without(trials, "values", 1))


def test_what_has_no_length_is_refused():
    age = gaitlib.TrialSet.from_arrays({"age": [[30.0], [40.0]]}, subject=["a", "b"])
    with pytest.raises(gaitlib.GaitDataError, match="'age' is of kind 'static'"):
        SequenceLength("age").fit(age)
    with pytest.raises(gaitlib.GaitDataError, match="no modality 'skeleton'"):
        SequenceLength().fit(emg([4, 9]))


def test_it_is_fitted_first():
    with pytest.raises(gaitlib.GaitDataError, match="not fitted"):
        SequenceLength("emg").transform(emg([4, 9]))
    with pytest.raises(gaitlib.GaitDataError, match="not fitted"):
        clone(SequenceLength("emg").fit(emg([4, 9]))).transform(emg([4, 9]))


# -- as a control ----------------------------------------------------------------------------------------


def test_the_control_finds_lengths_that_tell_the_class_and_saves(tiny_trials, tmp_path):
    order = {gait: i for i, gait in enumerate(tiny_trials.classes)}
    m = tiny_trials.modality("skeleton")
    cut = m.select_frames([slice(0, 20 + 6 * order[label]) for label in tiny_trials.labels])
    trials = tiny_trials.with_modality("skeleton", cut)
    known = trials.subjects != "s04"
    fitted = length_control().fit(trials[known])
    assert fitted.score(trials[~known]) == 1
    fitted.save(tmp_path / "length")
    loaded = gaitlib.GaitClassifier.load(tmp_path / "length")
    np.testing.assert_array_equal(loaded.predict_proba(trials), fitted.predict_proba(trials))


def test_the_control_sees_no_gait():
    trials = planted_trials(6, 4, signature=0.3)  # lengths by chance, gaits easily told
    known = np.isin(trials.subjects, ["s01", "s02", "s03", "s04"])
    assert length_control().fit(trials[known]).score(trials[~known]) < 0.4
    m = trials.modality("skeleton")
    still = trials.with_modality("skeleton", replace(m, values=object_array([np.zeros_like(v) for v in m.values])))
    of_walks, of_statues = (length_control().fit(t[known]).predict_proba(t) for t in (trials, still))
    np.testing.assert_array_equal(of_walks, of_statues)
