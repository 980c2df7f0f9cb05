"""Any scikit-learn transformer on the pooled frames of the training trials."""

import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

import gaitlib
from gaitlib.preprocessing import Frames, SummaryStatistics, variance_score

TRANSFORMERS = [StandardScaler(), MinMaxScaler(), RobustScaler(), PCA(2), SelectKBest(variance_score, k=2)]
KINDS = ("sequence", "image", "static")
CHANNELS = ["a", "b", "c", "d"]


def make(kind, seed=0, n=6, absent=()):
    rng = np.random.default_rng(seed)
    shape = {"sequence": lambda: (rng.integers(3, 9), 4), "image": lambda: (5, 4), "static": lambda: (4,)}[kind]
    values = [rng.normal([0, 5, -3, 1], [1, 4, 2, 3], size=shape()) for _ in range(n)]
    values = [None if i in absent else v for i, v in enumerate(values)]
    ids = [f"{kind}{seed}-{i}" for i in range(n)]
    return gaitlib.TrialSet.from_arrays(
        {"m": values}, channels={"m": CHANNELS}, kind={"m": kind}, subject=["a"] * n, trial=ids
    )


def pooled(trials):
    return np.concatenate([np.atleast_2d(v) for v in trials.modality("m").values if v is not None])


def learnt(transformer):
    return {k: np.array(v) for k, v in vars(transformer).items() if k.endswith("_")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda transformer: type(transformer).__name__)
def test_equals_the_transformer_on_the_pooled_frames(transformer, kind):
    train, test = make(kind, seed=0), make(kind, seed=1)
    after = Frames(transformer, "m").fit(train).transform(test).modality("m")
    expected = sklearn.clone(transformer).fit(pooled(train))
    for before, value in zip(test.modality("m").values, after.values, strict=True):
        assert value.ndim == before.ndim
        assert value.dtype == np.float32
        by_hand = expected.transform(np.atleast_2d(before)).reshape(value.shape)
        np.testing.assert_allclose(value, by_hand, rtol=1e-5, atol=1e-5)
    assert after.channels == tuple(expected.get_feature_names_out(CHANNELS))


def test_selection_keeps_the_channels_of_greatest_variance_and_their_names():
    train = make("sequence")
    variance = [np.mean((column - column.mean()) ** 2) for column in pooled(train).T]
    best = sorted(np.argsort(variance)[-2:])
    after = Frames(SelectKBest(variance_score, k=2), "m").fit_transform(train).modality("m")
    assert after.channels == tuple(CHANNELS[i] for i in best)
    np.testing.assert_array_equal(after.values[0], train.modality("m").values[0][:, best])


def test_scaling_pools_frames_not_trials():
    long, short = np.zeros((9, 1)), np.full((1, 1), 10.0)
    trials = gaitlib.TrialSet.from_arrays({"m": [long, short]}, subject=["a", "b"])
    assert Frames(StandardScaler(), "m").fit(trials).transformer_.mean_ == pytest.approx(1.0)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda transformer: type(transformer).__name__)
def test_extreme_test_trials_do_not_move_what_was_learnt(transformer):
    train, extreme = make("sequence"), make("sequence", seed=1)
    m = extreme.modality("m")
    extreme = extreme.with_modality("m", m.map(lambda v: 1e6 * v + 1e7))
    step = Frames(transformer, "m").fit(train)
    before = learnt(step.transformer_)
    step.transform(extreme)
    after = learnt(step.transformer_)
    assert before.keys() == after.keys()
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_the_history_names_exactly_the_training_trials():
    train, test = make("sequence"), make("sequence", seed=1)
    after = Frames(StandardScaler(), "m").fit(train).transform(test)
    (entry,) = after.history
    assert entry.fitted_on == tuple(train.ids)
    assert "StandardScaler" in entry.step
    assert not set(entry.fitted_on) & set(test.ids)


def test_in_a_pipeline_each_learning_step_writes_its_own_history():
    train, test = make("sequence"), make("sequence", seed=1)
    steps = make_pipeline(Frames(StandardScaler(), "m"), Frames(PCA(2), "m"))
    history = steps.fit(train).transform(test).history
    assert [entry.fitted_on for entry in history] == [tuple(train.ids)] * 2


def test_a_leak_would_show_in_the_history():
    everything = make("sequence")
    leaky = Frames(StandardScaler(), "m").fit(everything).transform(everything[4:])
    assert set(leaky.ids) <= set(leaky.history[0].fitted_on)


@pytest.mark.parametrize("kind", KINDS)
def test_trials_without_the_modality_pass(kind):
    gappy = make(kind, absent=(0, 3))
    after = Frames(StandardScaler(), "m").fit_transform(gappy)
    assert after.modality("m").present().tolist() == [False, True, True, False, True, True]
    np.testing.assert_allclose(pooled(after), StandardScaler().fit_transform(pooled(gappy)), atol=1e-5)


def test_test_trials_may_all_lack_the_modality():
    full, gappy = make("sequence"), make("sequence", absent=(0,))[[0]]
    assert Frames(StandardScaler(), "m").fit(full).transform(gappy).modality("m").values[0] is None


def test_training_trials_may_not_all_lack_the_modality():
    gappy = make("sequence", absent=(0, 1))[[0, 1]]
    with pytest.raises(gaitlib.GaitDataError, match="no training trial has 'm'"):
        Frames(StandardScaler(), "m").fit(gappy)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("when", ["fit", "transform"])
def test_a_missing_number_is_refused_with_its_place(bad, when):
    trials = make("sequence")
    m = trials.modality("m")
    broken = m.map(lambda v: v.copy())
    broken.values[4][2, 1] = bad
    broken = trials.with_modality("m", broken)
    step = Frames(StandardScaler(), "m")
    with pytest.raises(gaitlib.GaitDataError, match="sequence0-4, modality 'm', frame 2, channel 'b'"):
        step.fit(broken) if when == "fit" else step.fit(trials).transform(broken)


def test_transform_before_fit_is_refused():
    with pytest.raises(gaitlib.GaitDataError, match="Frames is not fitted"):
        Frames(StandardScaler(), "m").transform(make("sequence"))


def test_other_channels_than_learnt_are_refused():
    train = make("sequence")
    m = train.modality("m")
    swapped = train.with_modality("m", m.map(lambda v: v[:, ::-1], CHANNELS[::-1]))
    with pytest.raises(gaitlib.GaitDataError, match="channels"):
        Frames(StandardScaler(), "m").fit(train).transform(swapped)


def test_the_users_transformer_and_trials_stay_as_they_were():
    own, trials = StandardScaler(), make("sequence")
    before = trials.digest()
    Frames(own, "m").fit_transform(trials)
    assert not hasattr(own, "mean_")
    assert trials.digest() == before


def test_pandas_output_of_scikit_learn_makes_no_difference():
    trials = make("sequence")
    plain = Frames(StandardScaler(), "m").fit_transform(trials).modality("m").values
    with sklearn.config_context(transform_output="pandas"):
        tabular = Frames(StandardScaler(), "m").fit_transform(trials).modality("m").values
    for a, b in zip(plain, tabular, strict=True):
        assert type(b) is np.ndarray
        np.testing.assert_array_equal(a, b)


def test_frame_numbers_and_times_stay():
    trials = make("sequence")
    after = Frames(PCA(2), "m").fit_transform(trials).modality("m")
    for a, b in zip(after.frames, trials.modality("m").frames, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_imputer_learns_in_the_fold_and_its_medians_are_those_of_the_training_trials():
    values = [[1.0, 2.0], [np.nan, 3.0], [2.0, 1.0], [7.0, np.nan]]
    trials = gaitlib.TrialSet.from_arrays({"age": values}, subject=list("abcd"), label=["x", "y"] * 2)
    step = Frames(SimpleImputer(strategy="median"), "age").fit(trials[:3])
    filled = np.stack(list(step.transform(trials).modality("age").values))
    np.testing.assert_allclose(filled, [[1, 2], [1.5, 3], [2, 1], [7, 2]])
    steps = make_pipeline(Frames(SimpleImputer(), "age"), SummaryStatistics())
    assert gaitlib.GaitClassifier("extra_trees", steps).fit(trials).predict(trials).shape == (4,)
    with pytest.raises(gaitlib.GaitDataError, match=r"trial1, modality 'age', channel 'age_0'.*Frames\(SimpleImputer"):
        gaitlib.GaitClassifier("extra_trees").fit(trials)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_only_lets_missing_numbers_through_refuses_them(bad):
    trials = gaitlib.TrialSet.from_arrays({"age": [[1.0], [bad], [3.0]]}, subject=list("abc"))
    for transformer in (StandardScaler(), PCA(1)):
        with pytest.raises(gaitlib.GaitDataError, match="trial1, modality 'age', channel 'age_0': not a finite"):
            Frames(transformer, "age").fit(trials)
        with pytest.raises(gaitlib.GaitDataError, match="trial1, modality 'age', channel 'age_0': not a finite"):
            Frames(transformer, "age").fit(trials[[0, 2]]).transform(trials)
    with pytest.raises(gaitlib.GaitDataError, match="not a finite"):
        Frames(SimpleImputer(), "age").fit(
            trials.with_modality("age", trials.modality("age").map(lambda v: v + np.inf))
        )
