"""What is told of signals of the body: planted rates are found, bad windows give NaN, neurokit2 is the reference."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

import gaitlib
from gaitlib import GaitDataError, TrialSet
from gaitlib.preprocessing import (
    EcgFeatures,
    Frames,
    LevelFeatures,
    MovementFeatures,
    PulseFeatures,
    ScalePerSubject,
    SkinConductanceFeatures,
    SummaryStatistics,
    channel_quality,
    heartbeats,
    inverted,
    physiology,
    quality_table,
)
from gaitlib.testing import check_step

pytestmark = pytest.mark.filterwarnings("error")  # not one warning of neurokit2 comes through
RNG = np.random.default_rng(0)
nk = physiology.neurokit()


def simulated(call, **options) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(call(random_state=0, **options))


def trials_of(signals, modality, rate_hz, subject=None) -> TrialSet:
    signals = [None if s is None else np.asarray(s).reshape(len(s), -1) for s in signals]
    return TrialSet.from_arrays({modality: signals}, rate_hz=rate_hz, subject=subject or ["a"] * len(signals))


def told(step, signals, rate_hz) -> list[dict]:
    """Features by name of each signal."""
    m = step.fit_transform(trials_of(signals, step.modality, rate_hz)).modality(f"{step.modality}_features")
    return [None if v is None else dict(zip(m.channels, v.tolist(), strict=True)) for v in m.values]


@pytest.fixture(scope="module")
def pulses():
    """Half a minute of a pulse wave at three heart rates, 64 Hz."""
    return [pulse(rate, 64) for rate in (55, 75, 110)]


def pulse(heart_rate, rate_hz):
    steady = {"frequency_modulation": 0.05, "ibi_randomness": 0.05}
    return simulated(nk.ppg_simulate, duration=30, sampling_rate=rate_hz, heart_rate=heart_rate, **steady)


@pytest.fixture(scope="module")
def hearts():
    """Half a minute of an electrocardiogram at three heart rates, 128 Hz."""
    return [simulated(nk.ecg_simulate, duration=30, sampling_rate=128, heart_rate=r) for r in (55, 75, 110)]


# -- beats -------------------------------------------------------------------------------------------------


def test_the_heart_rate_is_found(pulses, hearts):
    for step, signals, rate_hz in ((PulseFeatures(), pulses, 64), (EcgFeatures(), hearts, 128)):
        for planted, numbers in zip((55, 75, 110), told(step, signals, rate_hz), strict=True):
            assert abs(numbers["heart_rate"] - planted) < 1
            assert numbers["mean_nn_ms"] == pytest.approx(60000 / numbers["heart_rate"], rel=1e-5)
            assert numbers["beats_share"] > 0.9


def test_mains_hum_moves_the_rate_by_less_than_one(pulses, hearts):
    """Sampled at 64 Hz it folds down to 4 Hz, into the pulse, where no filter takes it away: a tenth is borne."""
    fast = [pulse(rate, 128) for rate in (55, 75, 110)]
    cases = ((PulseFeatures(), pulses, 64, 0.1), (PulseFeatures(), fast, 128, 0.5), (EcgFeatures(), hearts, 128, 0.5))
    for step, signals, rate_hz, share in cases:
        hum = np.sin(2 * np.pi * 60 * np.arange(len(signals[0])) / rate_hz)
        humming = [s + share * np.ptp(s) / 2 * hum for s in signals]
        for a, b in zip(told(step, signals, rate_hz), told(step, humming, rate_hz), strict=True):
            assert abs(a["heart_rate"] - b["heart_rate"]) < 1


def test_an_electrocardiogram_on_its_head_is_turned_and_counted(hearts):
    upright, turned = told(EcgFeatures(), hearts, 128), told(EcgFeatures(), [-s for s in hearts], 128)
    for a, b in zip(upright, turned, strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    signals = [hearts[0], -hearts[0], -hearts[1], np.zeros(640), None]
    assert inverted(trials_of(signals, "ecg", 128)).tolist() == [False, True, True, False, False]


def tell(nn_s):
    values = heartbeats._tell_beats(np.cumsum([1.0, *nn_s]), 100.0)
    return None if values is None else dict(zip(PulseFeatures.features, values, strict=True))


@settings(max_examples=8)  # neurokit2 takes 60 ms each
@example(nn_ms=[750, 800, 850, 750, 750])
@given(nn_ms=st.lists(st.integers(750, 900), min_size=5, max_size=30))
def test_variability_is_that_of_neurokit(nn_ms):
    numbers = tell(np.array(nn_ms) / 1000)
    beats_ms = np.cumsum([0, *nn_ms])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = nk.hrv_time(beats_ms, sampling_rate=1000).iloc[0]
    assert numbers["mean_nn_ms"] == pytest.approx(reference["HRV_MeanNN"])
    assert numbers["sdnn_ms"] == pytest.approx(reference["HRV_SDNN"], abs=1e-6)
    assert numbers["rmssd_ms"] == pytest.approx(np.sqrt(np.mean(np.diff(nn_ms) ** 2)), abs=1e-6)
    assert numbers["pnn50_percent"] == pytest.approx(100 * np.mean(np.abs(np.diff(nn_ms)) > 50))
    assert numbers["beats_share"] == pytest.approx(sum(nn_ms) / 100_000)


def test_implausible_intervals_are_left_out_with_the_steps_to_them():
    nn_s = [0.8, 0.9, 0.8, 1.6, 0.9, 0.8, 0.2, 0.8, 0.9]  # a beat missed, a beat too many
    numbers = tell(nn_s)
    kept = [1000 * n for n in nn_s if n not in (1.6, 0.2)]
    assert numbers["mean_nn_ms"] == pytest.approx(np.mean(kept))
    assert numbers["sdnn_ms"] == pytest.approx(np.std(kept, ddof=1))
    assert numbers["rmssd_ms"] == pytest.approx(100)  # each of the plausible neighbours differs by 100 ms
    assert numbers["beats_share"] == pytest.approx(sum(kept) / 100_000)
    assert tell([0.8, 0.8, 0.8, 2.4, 0.2]) is None and tell([]) is None
    lonely = tell([0.8, 1.6, 0.8, 1.6, 0.8, 1.6, 0.8, 0.2, 0.8])
    assert np.isnan(lonely["rmssd_ms"]) and lonely["heart_rate"] == pytest.approx(75)


@pytest.mark.parametrize("breaths_per_min", [9, 15, 21])
def test_breaths_are_found_in_the_rhythm_of_the_heart(breaths_per_min):
    beats_s = [0.0]
    while beats_s[-1] < 60:
        beats_s.append(beats_s[-1] + 0.8 + 0.06 * np.sin(2 * np.pi * breaths_per_min / 60 * beats_s[-1]))
    found = dict(zip(PulseFeatures.features, heartbeats._tell_beats(np.array(beats_s), 60), strict=True))
    assert abs(found["respiratory_rate"] - breaths_per_min) < 1
    short = heartbeats._tell_beats(np.array(beats_s[:12]), 10)
    assert np.isnan(short[5]) and np.isfinite(short[:5]).all()


# -- skin, movement, level ---------------------------------------------------------------------------------


def test_skin_responses_are_those_planted():
    eda = simulated(nk.eda_simulate, duration=60, sampling_rate=8, scr_number=6, drift=0.1, noise=0)
    numbers = told(SkinConductanceFeatures(smallest=0.05), [eda, 3 + np.arange(480) / 480], 8)
    assert numbers[0]["responses_per_min"] == pytest.approx(6)
    assert numbers[0]["level"] == pytest.approx(eda.mean(), rel=1e-5) and numbers[0]["response_amplitude"] > 0.3
    assert numbers[1] == pytest.approx(
        {"level": 3.5, "slope_per_min": 1, "responses_per_min": 0, "response_amplitude": 0}, abs=2e-3
    )


@settings(max_examples=8)
@given(seed=st.integers(0, 99))
def test_rises_are_the_amplitudes_of_neurokit(seed):
    phasic = np.convolve(np.random.default_rng(seed).normal(size=130), np.ones(8) / 8, mode="valid")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = nk.eda_peaks(phasic, sampling_rate=4, amplitude_min=0)[1]["SCR_Amplitude"]
    ours = physiology._rises(phasic)
    floor = 0.05
    np.testing.assert_allclose(ours[ours > floor], reference[reference > floor])


def test_movement_and_level_are_those_planted():
    time_s = np.arange(320) / 32
    axis = 1 + 0.2 * np.sin(2 * np.pi * 2.5 * time_s)
    acc = np.column_stack([axis, 0 * axis, 0 * axis])
    moved, still = told(MovementFeatures(), [acc, np.ones((320, 3))], 32)
    assert moved["dominant_hz"] == pytest.approx(2.5) and moved["length_mean"] == pytest.approx(1)
    assert moved["length_sd"] == pytest.approx(np.std(axis), rel=1e-5) and moved["acc_1_sd"] == 0
    assert np.isnan(still["dominant_hz"]) and still["length_mean"] == pytest.approx(np.sqrt(3))
    warmer, flat = told(LevelFeatures(), [30 + np.arange(240) / 480, np.full(240, 31.5)], 4)
    assert list(warmer.values()) == pytest.approx([30 + 239 / 960, np.std(np.arange(240) / 480), 0.5], rel=1e-4)
    assert list(flat.values()) == [31.5, 0, 0]


# -- bad windows -------------------------------------------------------------------------------------------

GOOD = {"bvp": lambda t: np.exp(2 * np.sin(2 * np.pi * 1.2 * t)), "ecg": lambda t: np.exp(20 * np.sin(7 * t) - 20)}
BAD = {
    "flat": lambda v: np.ones_like(v),
    "zero": lambda v: np.zeros_like(v),
    "short": lambda v: v[:12],
    "one sample": lambda v: v[:1],
    "NaN": lambda v: np.full_like(v, np.nan),
    "a fifth is NaN": lambda v: np.where(np.arange(len(v)) < len(v) / 5, np.nan, v),
    "infinite": lambda v: np.full_like(v, np.inf),
    "straight line": lambda v: np.linspace(0, 1, len(v)),
    "step": lambda v: (np.arange(len(v)) > len(v) / 2) * 1.0,
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("step", [PulseFeatures(), EcgFeatures(), SkinConductanceFeatures()], ids=lambda s: s.modality)
def test_a_bad_window_gives_nan_and_is_counted_never_a_crash(step, bad):
    good = GOOD.get(step.modality, GOOD["bvp"])(np.arange(30 * 64) / 64)
    signals = [good, BAD[bad](good), None]
    trials = step.fit_transform(trials_of(signals, step.modality, 64, ["a", "b", "c"]))
    name = f"{step.modality}_features"
    sound, broken, nothing = trials.modality(name).values
    assert np.isfinite(sound).all() and nothing is None
    if step.modality != "eda" or bad not in ("straight line", "step"):  # which a skin conductance may well be
        assert np.isnan(broken).all()
        counts = {"trials": 3, "lacking": 1, "without_numbers": 1, "partly": 0, "subjects": 2}
        assert quality_table(trials).loc[name].to_dict() == counts


@settings(max_examples=10)
@given(seed=st.integers(0, 999), n=st.integers(1, 200), scale=st.sampled_from([1e-30, 1e-3, 1.0, 1e6, 1e38]))
@example(seed=0, n=16, scale=1e-30)
def test_noise_of_any_length_and_size_never_crashes(seed, n, scale):
    noise = np.random.default_rng(seed).normal(size=(n, 1)) * scale
    for step in (PulseFeatures(), EcgFeatures(), SkinConductanceFeatures(), MovementFeatures(), LevelFeatures()):
        assert not np.isinf(list(told(step, [noise], 32)[0].values())).any()


def test_a_rate_too_low_for_a_pulse_gives_nan_without_a_warning():
    (numbers,) = told(PulseFeatures(), [RNG.normal(size=300)], 10)  # neurokit2 warns, then refuses
    assert np.isnan(list(numbers.values())).all()


def test_few_missing_samples_change_little(pulses):
    holes = pulses[1].copy()
    holes[100:110] = np.nan
    (whole,), (repaired,) = told(PulseFeatures(), [pulses[1]], 64), told(PulseFeatures(), [holes], 64)
    assert abs(whole["heart_rate"] - repaired["heart_rate"]) < 1


def test_an_imputer_fills_what_could_not_be_told(pulses):
    trials = PulseFeatures().fit_transform(trials_of([*pulses, np.ones(640)], "bvp", 64))
    filled = Frames(SimpleImputer(), "bvp_features").fit_transform(trials)
    rows = np.stack(filled.modality("bvp_features").values)
    np.testing.assert_allclose(rows[3], np.mean(rows[:3], axis=0), rtol=1e-5)
    assert SummaryStatistics(["bvp_features"]).fit_transform(filled).inputs["statistics"].shape == (4, 7)


def test_what_is_missing_is_said_with_its_remedy(pulses, monkeypatch):
    trials = TrialSet.from_arrays({"bvp": [pulses[0][:, None]]}, subject=["a"])
    with pytest.raises(GaitDataError, match="trial0, modality 'bvp': has no times; give rate_hz="):
        PulseFeatures().fit_transform(trials)
    with pytest.raises(GaitDataError, match="no channel 'lead II'; there are bvp_0"):
        PulseFeatures(channel="lead II").fit_transform(trials_of(pulses, "bvp", 64))
    monkeypatch.setitem(sys.modules, "neurokit2", None)
    with pytest.raises(GaitDataError, match=r"pip install 'gaitlib\[physiology\]'"):
        PulseFeatures().fit_transform(trials_of(pulses, "bvp", 64))


def test_the_second_lead_is_read_where_it_is_named(hearts):
    two = TrialSet.from_arrays(
        {"ecg": [np.column_stack(hearts[:2])]}, channels=["lead_1", "lead_2"], rate_hz=128, subject=["a"]
    )
    for channel, planted in ((None, 55), ("lead_1", 55), ("lead_2", 75)):
        m = EcgFeatures(channel=channel).fit_transform(two).modality("ecg_features")
        assert abs(m.values[0][0] - planted) < 1


# -- per person, and channels of an electroencephalogram -----------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 2), (2,)], ids=["sequence", "static"])
def test_scaling_per_subject_is_that_of_each_person(shape):
    values = [RNG.normal(10 * (i % 2), 1 + i % 2, shape) for i in range(8)]
    values[3][..., 1] = np.nan
    trials = TrialSet.from_arrays({"x": values}, subject=["a", "b"] * 4)
    scaled = ScalePerSubject("x").fit_transform(trials)
    for subject in "ab":
        own = np.concatenate([np.atleast_2d(v) for v in trials[trials.subjects == subject].modality("x").values])
        wanted = (own - np.nanmean(own, axis=0)) / np.nanstd(own, axis=0)
        made = np.concatenate([np.atleast_2d(v) for v in scaled[trials.subjects == subject].modality("x").values])
        np.testing.assert_allclose(made, wanted, atol=1e-5)


def test_scaling_per_subject_says_what_it_assumes():
    trials = TrialSet.from_arrays({"x": [np.full(2, 3.0), np.array([3.0, 4]), None]}, subject=["a", "a", "b"])
    assert ScalePerSubject("x").fit_transform(trials).modality("x").values[1].tolist() == [0, 1]
    with pytest.raises(GaitDataError, match="a has 'x' in a single trial: ScalePerSubject needs several"):
        ScalePerSubject("x").fit_transform(trials[:1])
    several = TrialSet.from_arrays({"x": list(RNG.normal(size=(9, 4, 2)))}, subject=[*"aaabbbccc"])
    with pytest.raises(GaitDataError, match="ScalePerSubject"):
        check_step(ScalePerSubject("x"), several)


def test_bad_channels_and_artefacts_are_counted():
    eeg = RNG.normal(0, 10, (640, 6))
    eeg[:, 1] = 4.0  # flat
    eeg[:, 2] = np.nan
    eeg[100, 3] = 150  # beyond 100 uV, and one rare peak
    eeg[50:60, 4] = 85  # rare and large, within 100 uV
    eeg[7, 5] = np.nan  # one sample is no bad channel
    trials = TrialSet.from_arrays(
        {"eeg": [eeg, RNG.normal(0, 10, (640, 6)), None]}, rate_hz=128, subject=["a", "b", "c"]
    )
    table = channel_quality(trials)
    assert table.drop(columns=["trial", "subject"]).to_numpy().tolist() == [[1, 1, 1, 2, 4], [0] * 5]
    assert table["trial"].tolist() == ["trial0", "trial1"]


def test_the_band_of_an_electroencephalogram_is_refused_where_it_cannot_be():
    trials = trials_of([RNG.normal(size=640)], "eeg", 128)
    for options, message in (
        ({"high_hz": 64}, "must be lower"), ({"low_hz": 50}, "a low and a higher"), ({"order": 0}, "whole number"),
        ({"low_hz": 0.1}, "too short"), ({"low_hz": "a"}, "a low and a higher"),
    ):  # fmt: skip
        with pytest.raises(GaitDataError, match=message):
            gaitlib.preprocessing.BandPass(**options).fit_transform(trials)
