"""Inputs that tell a target outright are found by name; honest inputs are not."""

import re

import numpy as np
import pytest

from gaitlib import LeaveOneSubjectOut, Target, TrialSet
from gaitlib.audit.target_leaks import input_leaks

RATE_HZ, SECONDS = 4, 30


def recorded(seed=0, n_people=6, n_trials=16, leak=None, gaps=0.0, steps=1):
    """Windows of 30 s: heart rate and stress drift within a person; ECG and skin conductance know a part of both.

    ``leak(heart, stress)`` gives a further channel from heart rate and stress at each sample of the whole recording.
    """
    rng = np.random.default_rng(seed)
    n = RATE_HZ * SECONDS
    ecg, hr, rates, stresses, person, starts = [], [], [], [], [], []
    for p in range(n_people):
        length = n * n_trials
        drift = 5 * np.sin(np.arange(length) * 2 * np.pi * rng.uniform(2, 4) / length + rng.uniform(0, 6))
        heart = 65 + 8 * rng.normal() + drift + 3 * np.repeat(rng.normal(size=n_trials * 3), n // 3)
        stress = np.repeat(rng.permutation(np.arange(n_trials) % 2), n)
        conductance = 2 * rng.lognormal() * (1 + 0.2 * stress + 0.3 * np.repeat(rng.normal(size=n_trials), n))
        signals = np.column_stack([heart + 4 * np.repeat(rng.normal(size=n_trials), n), conductance])
        signals += rng.normal(size=signals.shape)
        signals[rng.random(signals.shape) < gaps] = np.nan
        channel = leak(heart, stress) if leak else rng.normal(size=length)
        for t in range(n_trials):
            part = slice(t * n, (t + 1) * n)
            ecg.append(signals[part])
            hr.append(channel[part, None])
            rates.append(heart[part].mean())
            stresses.append(int(stress[part].mean() > 0.5))
            starts.append(t * SECONDS)
            person.append(p)
    order = np.random.default_rng(seed).permutation(len(person))
    take = lambda values: [values[i] for i in order]  # noqa: E731
    return TrialSet.from_arrays(
        {"wrist": take(ecg), "hr": take(hr)}, subject=take(person), walk=np.zeros(len(person), int),
        channels={"wrist": ["ecg", "eda"], "hr": ["hr"]}, rate_hz={"wrist": RATE_HZ, "hr": RATE_HZ},
        targets={
            "heart_rate": Target("continuous", take(rates), "1/min"), "stress": Target("binary", take(stresses)),
            "start_s": take(starts),
        },
    )  # fmt: skip


def found(trials):
    findings = input_leaks(trials, LeaveOneSubjectOut())
    return {f.check.split("(")[1][:-1]: (f.verdict, f.detail) for f in findings}


def shifted(heart, stress):
    """As HR.csv of Stress-Predict: one second late."""
    return np.roll(heart, RATE_HZ)


@pytest.mark.parametrize(
    ("leak", "how"),
    [
        (shifted, r"mean, r = (0\.99\d|1\.000) within people"),
        (lambda heart, stress: 60 / heart, r"mean, r = -0\.9\d\d within people"),  # the interval between beats
        (lambda heart, stress: np.roll(heart, RATE_HZ * SECONDS), "with the target of the trial before"),
        (lambda heart, stress: np.roll(heart, -RATE_HZ * SECONDS), "with the target of the trial after"),
        (
            lambda heart, stress: np.where(np.arange(len(heart)) % 7 == 0, np.nan, heart),
            r"mean, r = 1\.000 within people",
        ),
    ],
)
def test_a_channel_that_is_the_target_is_suspect_by_name(leak, how):
    told = found(recorded(leak=leak))
    verdict, detail = told["heart_rate"]
    assert verdict == "suspect"
    assert re.match(rf"'hr' tells 'heart_rate' \(.*{how}\): computed from the same signal\?", detail)
    assert told["stress"][0] == "ok"


def test_only_the_channel_that_tells_is_named():
    findings = input_leaks(recorded(leak=shifted, gaps=0.3), LeaveOneSubjectOut())
    suspects = [f for f in findings if f.verdict == "suspect"]
    assert len(suspects) == 1
    assert "r = 0.99" in suspects[0].detail or "r = 1.00" in suspects[0].detail
    assert (suspects[0].protocol, suspects[0].fold) == (LeaveOneSubjectOut.name, "")


@pytest.mark.parametrize("sign", [1, -1])
def test_a_channel_that_separates_the_classes_in_everybody_is_suspect(sign):
    noise = np.random.default_rng(0)
    told = found(recorded(leak=lambda h, s: sign * s + 0.3 * noise.normal(size=len(s))))
    assert told["stress"][0] == "suspect"
    assert "'hr' tells 'stress'" in told["stress"][1]
    assert "separates 'stress' from 'no stress' without a mistake in all 6 people" in told["stress"][1]
    assert told["heart_rate"][0] == "ok"


def test_opposite_directions_or_one_mistake_are_not_suspect():
    people = iter(range(99))
    other = found(recorded(leak=lambda h, s: s * (1.0 if next(people) % 2 else -1.0)))
    assert other["stress"][0] == "ok"
    trials = recorded(leak=lambda h, s: s.astype(float))
    stress = trials.target("stress").values.copy()
    stress[0] = 1 - stress[0]
    assert found(trials.with_target("stress", Target("binary", stress)))["stress"][0] == "ok"


@pytest.mark.parametrize("seed", range(12))
def test_honest_inputs_are_not_suspect(seed):
    trials = recorded(seed, n_people=3 + seed, n_trials=4 + 2 * seed, gaps=0.1 * (seed % 3))
    assert {verdict for verdict, _ in found(trials).values()} <= {"ok", "unseen"}


def test_few_trials_cannot_say():
    assert {verdict for verdict, _ in found(recorded(n_trials=4, n_people=2, leak=shifted)).values()} == {"unseen"}
    assert found(recorded(n_trials=9, n_people=1, leak=shifted))["heart_rate"][0] == "unseen"


def test_missing_values_constant_channels_and_missing_targets_say_nothing():
    trials = recorded(leak=shifted)
    rate, stress = (trials.target(name).values.astype(float) for name in ("heart_rate", "stress"))
    rate[::3], stress[::4] = np.nan, np.nan
    trials = trials.with_target("heart_rate", Target("continuous", rate)).with_target(
        "stress", Target("binary", stress)
    )
    wrist = trials.modality("wrist").values
    for i in range(len(wrist)):
        wrist[i][:, 0] = np.nan
        wrist[i][:, 1] = 7.1
    wrist[3] = None
    with np.errstate(all="raise"):
        told = found(trials)
    assert told["heart_rate"][0] == "suspect"
    assert "'hr' tells" in told["heart_rate"][1]
    assert told["stress"][0] == "ok"


def test_hundreds_of_trials_of_a_person_are_counted_too():
    """Of 240 trials there are more orders than a float has digits for."""
    told = found(recorded(n_people=2, n_trials=240, leak=lambda h, s: s.astype(float)))
    assert told["stress"][0] == "suspect"


def test_without_targets_or_signals_there_is_nothing_to_find(tiny_trials):
    assert input_leaks(tiny_trials, LeaveOneSubjectOut()) == []
    speed = {"speed": Target("continuous", range(20))}
    images = TrialSet.from_arrays({"foot": [np.ones((4, 3))] * 20}, subject=["a"] * 20, kind="image", targets=speed)
    assert input_leaks(images, LeaveOneSubjectOut()) == []
