"""Synthetic physiology: signals show the responses that they are made from, which tell of ratings as much as is set."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.signal import find_peaks
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib import GaitDataError, synthetic_physiology
from gaitlib.datasets.amigos import transitions
from gaitlib.datasets.synthetic.physiology import synthetic_responses

FELT = {"effect": 1.0, "stimulus_effect": 0.0}
FILM = {"effect": 0.0, "stimulus_effect": 1.0}
NOTHING = {"effect": 0.0, "stimulus_effect": 0.0}
TINY = {"n_subjects": 2, "n_segments": (2, 3), "segment_s": 0.5}


@pytest.fixture(scope="module")
def long():
    """Whole segments of three people, and what their bodies did."""
    settings = {"n_subjects": 3, "n_segments": (6, 6), "seed": 1} | FELT
    return synthetic_physiology(**settings), synthetic_responses(**settings)


def amplitude(values, low, high):
    """Root of the power in a band of hertz, by channel."""
    spectrum = np.abs(np.fft.rfft(values, axis=0)) ** 2
    hertz = np.fft.rfftfreq(len(values), 1 / 128)
    return np.sqrt(spectrum[(hertz >= low) & (hertz <= high)].mean(axis=0))


# -- what is made ----------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_trials():
    trials = synthetic_physiology(**TINY)
    assert trials.digest() == synthetic_physiology(**TINY).digest()
    assert trials.digest() != synthetic_physiology(**TINY, seed=1).digest()
    assert trials.name.startswith("SYNTHETIC")
    pd.testing.assert_frame_equal(trials.table, synthetic_responses(**TINY)[trials.table.columns])


def test_a_smaller_set_is_a_part_of_a_larger_one():
    small, large = synthetic_physiology(**TINY), synthetic_physiology(3, (2, 3, 1), 0.5)
    part = large[np.isin(large.ids, small.ids)]
    pd.testing.assert_frame_equal(part.table, small.table)
    for name, modality in small.modalities.items():
        np.testing.assert_array_equal(np.stack(part.modality(name).values), np.stack(modality.values))


def test_transitions_follow_from_the_ratings():
    table = synthetic_physiology(**TINY).table
    for _, video in table.groupby("walk"):
        np.testing.assert_array_equal(video["transition"], transitions(video["valence"], video["arousal"]))


def test_ratings_are_as_spread_as_the_real_ones_and_change_seldom():
    table = synthetic_responses(60, **FELT)
    for target in ("valence", "arousal"):
        assert table[target].std() == pytest.approx(0.15, abs=0.02)
    assert 0.05 < table["transition"].mean() < 0.2
    assert table.loc[:, "self_arousal":"self_familiarity"].isin(np.arange(1, 9.01, 0.1).round(1)).all(axis=None)
    assert table.groupby("walk")["self_valence"].nunique().eq(1).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_subjects": 0},
        {"n_segments": ()},
        {"n_segments": (3, 0)},
        {"segment_s": 0},
        {"segment_s": 0.01},
        {"effect": -1},
        {"stimulus_effect": 1.1},
    ],
)
def test_what_cannot_be_made_is_refused(wrong):
    with pytest.raises(GaitDataError):
        synthetic_physiology(**{**TINY, **wrong})


def test_without_neurokit_the_way_to_install_it_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "neurokit2", None)
    with pytest.raises(GaitDataError, match=r"pip install 'gaitlib\[physiology\]'"):
        synthetic_physiology(**TINY)


# -- signals show the responses --------------------------------------------------------------------------


def test_beats_come_at_the_heart_rate(long):
    trials, truth = long
    for values, bpm in zip(trials.modality("ecg").values, truth["heart_rate_bpm"], strict=True):
        peaks, _ = find_peaks(values[:, 0], height=0.5, distance=40)
        assert 60 * 128 / np.diff(peaks).mean() == pytest.approx(bpm, rel=0.03)


def test_bands_of_the_eeg_are_as_strong_as_they_are_told_to_be(long):
    trials, truth = long
    alpha = [np.log(amplitude(values, 8, 12)).mean() for values in trials.modality("eeg").values]
    beta = [np.log(amplitude(values, 15, 25)).mean() for values in trials.modality("eeg").values]
    assert np.corrcoef(alpha, truth["log_alpha"])[0, 1] > 0.9
    assert np.corrcoef(beta, truth["log_alpha"])[0, 1] < 0.5


def test_skin_conductance_has_its_level_and_its_responses(long):
    trials, truth = long
    gsr = [values[:, 0] for values in trials.modality("gsr").values]
    assert np.corrcoef([np.median(v) for v in gsr], truth["skin_conductance_us"])[0, 1] > 0.9
    rises = [np.clip(np.diff(v[::32]), 0.03, None).sum() for v in gsr]
    assert np.corrcoef(rises, truth["responses_per_min"])[0, 1] > 0.4


# -- what they tell of ratings ---------------------------------------------------------------------------


def told(table, feature, target):
    """R2 of a rating, or AUROC of transitions, by a linear model on one true response, for people never seen."""
    table = table.dropna(subset=[target])
    x, y = table[[feature]], table[target]
    if feature == "responses_per_min":
        x = np.log(x)
    model, method = (LogisticRegression(), "predict_proba") if target == "transition" else (RidgeCV(), "predict")
    found = cross_val_predict(model, x, y, groups=table["subject"], cv=GroupKFold(5), method=method)
    return roc_auc_score(y, found[:, 1]) if target == "transition" else r2_score(y, found)


SHOWN = {"log_alpha": "valence", "heart_rate_bpm": "arousal", "skin_conductance_us": "arousal"}


def test_effect_1_is_the_size_at_which_the_true_response_tells_transitions_with_an_auroc_of_75():
    tables = [synthetic_responses(60, seed=seed, **FELT) for seed in range(4)]
    found = [told(table, "responses_per_min", "transition") for table in tables]
    assert np.mean(found) == pytest.approx(0.75, abs=0.02)
    assert all(told(tables[0], feature, target) > 0.03 for feature, target in SHOWN.items())


@pytest.mark.parametrize("effects", [NOTHING, FILM])
def test_without_the_effect_the_true_responses_tell_nothing(effects):
    table = synthetic_responses(60, **effects)
    assert told(table, "responses_per_min", "transition") == pytest.approx(0.5, abs=0.06)
    if effects == NOTHING:
        assert all(told(table, feature, target) < 0.02 for feature, target in SHOWN.items())


def test_the_stimulus_effect_is_the_share_of_the_ratings_that_is_common():
    for share in (0.0, 0.5, 1.0):
        table = synthetic_responses(20, (2,) * 40, effect=1.0, stimulus_effect=share)
        by_segment = table.groupby(["stimulus", "segment"])["valence"]
        others = (by_segment.transform("sum") - table["valence"]) / (by_segment.transform("size") - 1)
        within = 1 - np.square(table["valence"] - others).sum() / np.square(table["valence"]).sum()
        assert within == pytest.approx(share, abs=0.12)


def test_with_the_film_alone_a_film_seen_before_is_recognised_and_a_new_one_is_not():
    trials = synthetic_physiology(8, (3,) * 12, 2.0, **FILM)
    x = np.log([amplitude(values, 15, 25) for values in trials.modality("eeg").values])
    y, film = trials.table["valence"].to_numpy(), trials.table["stimulus"].to_numpy()
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 3, 9)))
    new_person = cross_val_predict(model, x, y, groups=trials.subjects, cv=GroupKFold(8))
    both = np.full(len(y), np.nan)
    for person in set(trials.subjects):
        for name in set(film):
            tested = (trials.subjects == person) & (film == name)
            learnt = (trials.subjects != person) & (film != name)
            both[tested] = model.fit(x[learnt], y[learnt]).predict(x[tested])
    assert r2_score(y, new_person) > 0.3
    assert r2_score(y, both) < 0.05
