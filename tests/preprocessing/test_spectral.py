"""Spectral statistics, against tones of which the truth is known and a spectrum by hand."""

import numpy as np
import pytest

import gaitlib
from gaitlib.preprocessing import Crop, SpectralStatistics, SummaryStatistics
from gaitlib.preprocessing.statistics import OCTAVES_HZ, STATISTICS

RNG = np.random.default_rng(0)
AXES = ("acc_x", "acc_y", "acc_z")


def told(values, rate_hz=50, channels=AXES, step=None):
    trials = gaitlib.TrialSet.from_arrays({"imu": [values]}, channels=channels, rate_hz=rate_hz, subject=["a"])
    samples = (step or SpectralStatistics()).fit_transform(trials)
    assert samples.inputs["statistics"].dtype == np.float32
    return dict(zip(samples.channels["statistics"], samples.inputs["statistics"][0].tolist(), strict=True))


def tone(hz, seconds=20.48, rate_hz=50):
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.column_stack([3 + 2 * np.sin(2 * np.pi * hz * time_s + k) for k in range(3)])


@pytest.mark.parametrize(("hz", "octave"), [(0.7, 0), (1.5, 1), (3, 2), (6, 3), (12, 4)])
@pytest.mark.parametrize("rate_hz", [50, 100])
def test_a_tone_is_found_in_its_octave_at_any_rate(hz, octave, rate_hz):
    row = told(tone(hz, rate_hz=rate_hz), rate_hz)
    assert row["acc_x dominant Hz"] == pytest.approx(hz, abs=0.1)
    shares = [row[f"acc_x share {low:g}-{high:g} Hz"] for low, high in OCTAVES_HZ]
    assert np.argmax(shares) == octave
    assert shares[octave] > 0.9
    assert row["acc_x spectral entropy"] < 0.35


def test_noise_has_an_entropy_next_to_one_and_a_tone_does_not_change_with_its_length():
    noise = told(RNG.normal(size=(5000, 3)))
    assert noise["acc_x spectral entropy"] > 0.95
    short, long = told(tone(2, 10.24)), told(tone(2, 40.96))
    spectral = [name for name in short if not any(name.endswith(f" {s}") for s in STATISTICS)]
    assert len(spectral) == 7 * 4 + 3
    for name in spectral:
        assert short[name] == pytest.approx(long[name], abs=2e-3), name


def test_the_spectrum_of_one_window_by_hand():
    values = RNG.normal(5, 1, size=(100, 3))
    row = told(values)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(100) / 100)
    x = (values[:, 1] - values[:, 1].mean()) * hann
    hz = np.arange(129) * 50 / 256
    power = np.array([np.abs(np.sum(x * np.exp(-2j * np.pi * f * np.arange(100) / 50))) ** 2 for f in hz])
    power[-1] /= 2  # half of the rate has no partner among the negative frequencies
    share = power[1:] / power[1:].sum()
    for low, high in OCTAVES_HZ:
        expected = share[(hz[1:] >= low) & (hz[1:] < high)].sum()
        assert row[f"acc_y share {low:g}-{high:g} Hz"] == pytest.approx(expected, rel=1e-4)
    assert row["acc_y dominant Hz"] == pytest.approx(hz[1 + share.argmax()])
    assert row["acc_y spectral entropy"] == pytest.approx(-(share * np.log(share)).sum() / np.log(128), rel=1e-4)


def test_a_vector_has_a_length_and_axes_that_go_together():
    values = RNG.normal(size=(300, 4))
    values[:, 1] += values[:, 0]
    row = told(values, channels=(*AXES, "temperature"))
    length = np.linalg.norm(values[:, :3], axis=1)
    assert row["acc_length sd"] == pytest.approx(length.std(), rel=1e-5)
    between = np.corrcoef(values[:, :3].T)
    found = [row[f"acc {pair} correlation"] for pair in ("x-y", "x-z", "y-z")]
    np.testing.assert_allclose(found, between[[0, 0, 1], [1, 2, 2]], atol=1e-6)
    assert not any("temperature_length" in name for name in row)


def test_all_of_the_summary_is_there_and_the_same():
    values = RNG.normal(size=(300, 3))
    plain = told(values, step=SummaryStatistics())
    row = told(values)
    assert {name: row[name] for name in plain} == plain
    assert len(row) == 4 * (8 + 7) + 3


def test_a_channel_that_does_not_change_has_zeros():
    values = RNG.normal(size=(300, 3))
    values[:, 1] = 0.1
    row = told(values)
    assert np.isfinite(list(row.values())).all()
    names = [
        name for name in row if name.startswith("acc_y") and ("share" in name or "Hz" in name or "entropy" in name)
    ]
    assert len(names) == 7
    assert [row[name] for name in (*names, "acc x-y correlation", "acc y-z correlation")] == [0] * 9


def test_a_vector_that_does_not_change_has_a_length_with_zeros():
    row = told(np.tile([0.1, 0.2, 0.3], (99, 1)))  # whose length is no short binary number, so that sums of it round
    assert row["acc_length mean"] == pytest.approx(np.sqrt(0.14))
    assert [v for name, v in row.items() if name.startswith("acc_length ") and name.endswith(("Hz", "entropy"))] == [
        0
    ] * 7


def test_windows_have_a_row_each():
    trials = gaitlib.TrialSet.from_arrays({"imu": [tone(2, 6)] * 2}, channels=AXES, rate_hz=50, subject=["a", "b"])
    samples = SpectralStatistics().fit_transform(Crop(128, "sliding", 64, "imu").fit_transform(trials))
    assert samples.inputs["statistics"].shape == (8, 63)
    assert samples.trial.tolist() == ["trial0"] * 4 + ["trial1"] * 4


def test_a_spectrum_needs_times():
    trials = gaitlib.TrialSet.from_arrays({"imu": [tone(2, 6)]}, channels=AXES, subject=["a"])
    with pytest.raises(gaitlib.GaitDataError, match="trial0, modality 'imu': a spectrum needs .* times or more"):
        SpectralStatistics().fit_transform(trials)
