"""Prediction over time: windows of the trained length, at the right times, by the fitted steps."""

import keras
import numpy as np
import pytest
from keras import layers
from planted import planted_trials
from planted_waves import whole
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib import Encode, GaitClassifier, Training, TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.explain.over_time import predict_over_time
from gaitlib.preprocessing import CentrePelvis, Crop, Frames, Tensors

FAST = {"training": Training(epochs=2, batch_size=16), "validation": None}
FRAMES = 30


def network(inputs, heads):
    """Small, and not blind to the order of frames."""
    ((name, shape),) = inputs.items()
    x = keras.Input(shape, name=name)
    return keras.Model(
        x, layers.Dense(heads["label"].size)(layers.Flatten()(layers.Conv1D(4, 3, activation="tanh")(x)))
    )


def classifier(crop):
    steps = make_pipeline(CentrePelvis(), Frames(StandardScaler()), crop, Tensors())
    return GaitClassifier(network, steps=steps, **FAST)


@pytest.fixture(scope="module")
def trials():
    return planted_trials(n_subjects=2, n_walks=1)


@pytest.fixture(scope="module")
def fitted(trials):
    """Learnt from the last frames only."""
    return classifier(Crop(FRAMES, "last")).fit(trials)


def part(trial, start):
    m = trial.modality("skeleton")
    return trial.with_modality("skeleton", m.select_frames([slice(start, start + FRAMES)]))


@pytest.mark.parametrize("hop", [1, 7, 30])
def test_every_window_is_predicted_as_if_it_were_the_trial(fitted, trials, hop):
    trial = trials[2]
    table = predict_over_time(fitted, trial, hop)
    time_s = trial.modality("skeleton").time_s[0]
    starts = [*range(0, len(time_s) - FRAMES, hop), len(time_s) - FRAMES]
    np.testing.assert_array_equal(table["start_s"], time_s[starts])
    np.testing.assert_array_equal(table["end_s"], time_s[np.array(starts) + FRAMES - 1])
    assert list(table.columns) == ["start_s", "end_s", *fitted.classes_]
    for row, start in list(enumerate(starts))[::5]:
        alone = fitted.predict_proba(part(trial, start))[0]
        np.testing.assert_allclose(table.loc[row, fitted.classes_].to_numpy(float), alone, atol=1e-5)


def test_the_last_window_is_what_a_model_of_last_frames_says(fitted, trials):
    last = predict_over_time(fitted, trials[0]).iloc[-1]
    np.testing.assert_allclose(last[fitted.classes_].to_numpy(float), fitted.predict_proba(trials[0])[0], atol=1e-5)


def test_with_the_hop_of_training_it_is_the_series_of_samples(trials):
    model = classifier(Crop(FRAMES, "sliding", 11)).fit(trials)
    series, table = model.predict_samples(trials[1]), predict_over_time(model, trials[1], hop=11)
    np.testing.assert_allclose(table[model.classes_], series[model.classes_], atol=1e-6)
    before = model.predict_proba(trials)
    predict_over_time(model, trials[1], hop=1)
    np.testing.assert_array_equal(model.predict_proba(trials), before)  # its own Crop stays as it was


def test_a_change_of_gait_is_seen_where_it_happens():
    """Half a minute at 10 Hz whose first half is of one class and whose second half of the other."""
    rng = np.random.default_rng(0)
    labels = ["low", "high"] * 10
    signal = [(1 if y == "high" else -1) + rng.normal(0, 0.3, (FRAMES, 1)) for y in labels]
    made = {"channels": ["level"], "rate_hz": 10}
    trials = TrialSet.from_arrays({"emg": signal}, subject=labels, label=labels, **made)
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Crop(FRAMES, modality="emg"), Tensors())
    settings = {"training": Training(epochs=20, learning_rate=1e-2, batch_size=10), "validation": None}
    model = GaitClassifier(network, steps=steps, **settings).fit(trials)
    changing = TrialSet.from_arrays(
        {"emg": [np.repeat([-1.0, 1.0], 150)[:, None]]}, subject=["new"], label=["high"], **made
    )
    table = predict_over_time(model, changing)
    assert (table.loc[table["end_s"] < 15, "low"] > 0.8).all()
    assert (table.loc[table["start_s"] >= 15, "high"] > 0.8).all()
    assert len(table) == 55


def test_what_has_no_windows_is_refused_with_a_reason(fitted, trials):
    with pytest.raises(GaitDataError, match="one trial is needed, not 2"):
        predict_over_time(fitted, trials[:2])
    with pytest.raises(GaitDataError, match="classical models read the whole trial"):
        predict_over_time(GaitClassifier("majority").fit(trials), trials[0])
    with pytest.raises(GaitDataError, match=r"needs one Crop\(\) among the steps, not 0"):
        whole = GaitClassifier(network, steps=make_pipeline(Tensors()), **FAST)
        predict_over_time(whole.fit(trials), trials[0])
    with pytest.raises(GaitDataError, match="a hop of 31 would lose frames"):
        predict_over_time(fitted, trials[0], hop=31)


def test_without_frame_times_there_is_no_prediction_over_time():
    trials = TrialSet.from_arrays(
        {"emg": list(np.random.default_rng(0).normal(size=(4, 40, 2)))}, subject=list("aabb"), label=list("xyxy")
    )
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Crop(20, modality="emg"), Tensors())
    model = GaitClassifier(network, steps=steps, **FAST).fit(trials)
    with pytest.raises(GaitDataError, match="no frame times; give rate_hz= or time_s="):
        predict_over_time(model, trials[0])


@pytest.mark.slow
def test_a_code_of_windows_has_the_times_of_the_windows(trials):
    steps = make_pipeline(CentrePelvis(), Crop(FRAMES), Encode(whole()), Tensors())
    table = predict_over_time(GaitClassifier("encoded_gru", steps=steps, **FAST).fit(trials), trials[0], hop=10)
    time_s = trials.modality("skeleton").time_s[0]
    assert table["start_s"].tolist()[:2] == [time_s[0], time_s[10]]
    assert table["end_s"].tolist()[:2] == [time_s[FRAMES - 1], time_s[FRAMES + 9]]
