"""Copies under another person's name that the audit finds, and honest recordings that it takes for copies.

Prints two tables: of planted copies of each kind the share that is found, and of honest sets the pairs that are called
copies, per trial. With ``GAIT_REAL_DATA`` the published sets there are judged too.

Usage: python benchmarks/copies.py
"""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

import gaitlib
from gaitlib import TrialSet
from gaitlib.audit.copies import near_copies, shared_content
from gaitlib.datasets.synthetic import synthetic_forces

COPIES = 20  # planted of each kind
MOST_TRIALS = 400  # of a published set, among which they are planted
PHASE = np.linspace(0, 2 * np.pi, 101)


# -- what is done to a copy; channels are x, y, z of point after point, the left half before the right half ------


def turned(v, degrees=40):
    """About the vertical axis."""
    v = v.reshape(len(v), -1, 3).copy()
    a = np.radians(degrees)
    v[..., :2] = v[..., :2] @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return v.reshape(len(v), -1)


def mirrored(v):
    v = np.roll(v.reshape(len(v), -1, 3), v.shape[1] // 6, axis=1)
    return (v * [-1, 1, 1]).reshape(len(v), -1)


def resampled(v, share):
    at = np.linspace(0, len(v) - 1, round(share * len(v)))
    return np.stack([np.interp(at, np.arange(len(v)), channel) for channel in v.T], axis=1)


def smoothed(v, frames=5):
    kernel = np.ones(frames) / frames
    return np.stack([np.convolve(channel, kernel, "valid") for channel in v.T], axis=1)


def root_centred(v):
    v = v.reshape(len(v), -1, 3)
    return (v - v[:, :1]).reshape(len(v), -1)


def noisy(v, share, rng):
    return v + share * v.std(axis=0) * rng.normal(size=v.shape)


KINDS = {
    "exact": lambda v, rng: v,
    "cut": lambda v, rng: v[len(v) // 10 :],
    "mirrored": lambda v, rng: mirrored(v),
    "an axis negated": lambda v, rng: v * np.tile([-1, 1, 1], v.shape[1] // 3),
    "sides swapped": lambda v, rng: np.roll(v, v.shape[1] // 2 // 3 * 3, axis=1),
    "channels permuted": lambda v, rng: v[:, rng.permutation(v.shape[1])],
    "turned by 5 degrees": lambda v, rng: turned(v, 5),
    "turned by 40 degrees": lambda v, rng: turned(v, 40),
    "turned by 90 degrees": lambda v, rng: turned(v, 90),
    "every second frame": lambda v, rng: v[::2],
    "83 % of the frames": lambda v, rng: resampled(v, 0.83),
    "twice the frames": lambda v, rng: resampled(v, 2),
    "smoothed": lambda v, rng: smoothed(v),
    "offset": lambda v, rng: v + rng.normal(0, 10, v.shape[1]),
    "root-centred": lambda v, rng: root_centred(v),
    "reversed in time": lambda v, rng: v[::-1],
    "another unit": lambda v, rng: 1000 * v,
    "a unit for each channel": lambda v, rng: v * rng.uniform(0.1, 10, v.shape[1]),
    "jitter of 1 % of the SD": lambda v, rng: noisy(v, 0.01, rng),
    "jitter of 5 % of the SD": lambda v, rng: noisy(v, 0.05, rng),
    "half precision": lambda v, rng: v.astype(np.float16),
    "mirrored, turned, every second frame": lambda v, rng: turned(mirrored(v), 40)[::2],
    "mirrored, reversed, jitter of 1 %": lambda v, rng: noisy(mirrored(v)[::-1], 0.01, rng),
    "velocities": lambda v, rng: np.diff(v, axis=0),
    "time warped": lambda v, rng: warped(v),
    "halves of two": None,
}


def warped(v):
    """Up to a tenth of the duration early or late in the middle."""
    at = np.linspace(0, 1, len(v))
    at = (at + 0.1 * np.sin(np.pi * at)) * (len(v) - 1)
    return np.stack([np.interp(np.minimum(at, len(v) - 1), np.arange(len(v)), c) for c in v.T], axis=1)


def with_copies(trials, modality, kind, seed=0) -> tuple[TrialSet, set]:
    """The trials with changed copies of some under a stranger's name, and the pairs that are to be found."""
    rng = np.random.default_rng(seed)
    values = list(trials.modality(modality).values)
    chosen = rng.choice(len(values), min(COPIES, len(values) // 3), replace=False)
    if kind == "halves of two":
        others = rng.permutation(chosen)
        new = [
            np.concatenate([values[i][: len(values[i]) // 2], values[j][len(values[j]) // 2 :]])
            for i, j in zip(chosen, others, strict=True)
        ]
    else:
        new = [KINDS[kind](values[i].astype(float), rng) for i in chosen]
    names = [f"copy{i}" for i in chosen]
    made = TrialSet.from_arrays(
        {modality: values + new},
        subject=[*trials.subjects, *["stranger"] * len(new)],
        walk=[*trials.walks, *names],
        trial=[*trials.ids, *names],
    )
    return made, {(trials.ids[i], f"copy{i}") for i in chosen}


def found_pairs(trials) -> set:
    tables = [shared_content(trials), near_copies(trials)]
    return {pair for t in tables for pair in zip(t["trial"], t["other"], strict=True)}


# -- honest sets ---------------------------------------------------------------------------------------------


def strides(within, each, people=30, seed=1, noise=0.0) -> TrialSet:
    """Strides of 101 points of six channels; a person varies by a part of the spread between people."""
    rng = np.random.default_rng(seed)

    def stride(person):
        own = np.random.default_rng(1000 + person)
        a, f = own.normal(size=(6, 5)) / np.arange(1, 6), own.uniform(0, 6, (6, 5))
        a = a + within * rng.normal(size=a.shape) / np.arange(1, 6)
        curve = [sum(a[i, k] * np.sin((k + 1) * PHASE + f[i, k]) for k in range(5)) for i in range(6)]
        return np.stack(curve, 1) + noise * rng.normal(size=(101, 6))

    return of_people([[stride(person) for _ in range(each)] for person in range(people)])


def of_people(recordings, name="x") -> TrialSet:
    subjects = [person for person, own in enumerate(recordings) for _ in own]
    return TrialSet.from_arrays({name: [v for own in recordings for v in own]}, subject=subjects)


def treadmill(varies, people=20, each=5, seed=0) -> TrialSet:
    """Many cycles of one shape a person; amplitudes and lengths of cycles vary by so much from cycle to cycle."""
    rng = np.random.default_rng(seed)

    def walk(shape, period, phase):
        lengths = period * (1 + varies * rng.normal(size=30))
        at = np.interp(np.arange(400), np.concatenate([[0], np.cumsum(lengths)]), np.arange(31)) + phase
        scale = 1 + varies * rng.normal(size=(400 // 20 + 2, 6))
        grown = np.stack([np.interp(np.arange(400) / 20, np.arange(len(scale)), c) for c in scale.T], axis=1)
        k = np.arange(1, 5)
        wave = (shape[0] * np.sin(2 * np.pi * at[:, None, None] * k + shape[1])).sum(axis=2)
        return wave * grown + 0.02 * varies * rng.normal(size=(400, 6))

    made = []
    for _ in range(people):
        shape = rng.normal(size=(6, 4)) / np.arange(1, 5), rng.uniform(0, 6.3, size=(6, 4))
        period = rng.uniform(28, 36)
        made.append([walk(shape, period, rng.uniform()) for _ in range(each)])
    return of_people(made)


def periodic(noise, same_phase, people=20, each=5, seed=0) -> TrialSet:
    """A wave of three harmonics, of a person's own rate and shape, and next to no noise."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(people):
        shape, phases = rng.normal(size=(2, 3)), rng.uniform(0, 6.3, size=(2, 3))
        period = rng.integers(20, 40)
        own = []
        for _ in range(each):
            start = 0 if same_phase else rng.integers(period)
            at = 2 * np.pi * ((start + np.arange(200)) % period) / period
            wave = sum(shape[:, k] * np.sin((k + 1) * at[:, None] + phases[:, k]) for k in range(3))
            own.append(wave + noise * rng.normal(size=wave.shape))
        made.append(own)
    return of_people(made)


def heart(people=20, each=5, seed=0, whole_beats=False) -> TrialSet:
    """A clean heart trace: bumps at a person's rate, which varies a little from beat to beat, or not at all."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(people):
        rate, width, tall = rng.uniform(50, 90), rng.uniform(1, 2), rng.uniform(0.1, 0.4, size=2)
        own = []
        for _ in range(each):
            gaps = np.full(30, round(rate)) if whole_beats else rate * (1 + 0.03 * rng.normal(size=30))
            at = np.arange(500)[:, None] + rng.integers(round(rate)) - np.cumsum(gaps) + gaps[0]
            bump = lambda centre, w: np.exp(-(((at - centre) / w) ** 2)).sum(axis=1)  # noqa: B023, E731
            own.append((bump(0, width) + tall[0] * bump(-12, 4) + tall[1] * bump(18, 7))[:, None])
        made.append(own)
    return of_people(made)


def standing(drift, people=20, each=5, seed=0) -> TrialSet:
    rng = np.random.default_rng(seed)
    place = rng.normal(size=(people, 1, 1, 6))
    sway = drift * rng.normal(size=(people, each, 200, 6)).cumsum(axis=2)
    return of_people(list(place + sway + 0.01 * rng.normal(size=(people, each, 200, 6))))


HONEST = {
    **{
        f"strides, within {w:.0%} of between, {n} a person": (lambda w=w, n=n: strides(w, n))
        for w in (0.05, 0.1, 0.2, 0.3)
        for n in (2, 5)
    },
    "strides, within 10 %, 20 a person": lambda: strides(0.1, 20),
    "mean strides, within 1 %, 3 a person": lambda: strides(0.01, 3, people=40),
    "strides, within 10 %, 5 a person, noise": lambda: strides(0.1, 5, noise=0.02),
    "treadmill, cycles vary by 3 %": lambda: treadmill(0.03),
    "treadmill, cycles vary by 0.5 %": lambda: treadmill(0.005),
    "treadmill, 20 walks each of 6": lambda: treadmill(0.02, 6, 20),
    "standing still": lambda: standing(0.0),
    "standing and swaying": lambda: standing(0.01),
    "clean heart trace": heart,
    "clean heart trace of whole beats": lambda: heart(whole_beats=True),
    "periodic, no noise": lambda: periodic(0, False),
    "periodic, no noise, one phase": lambda: periodic(0, True),
    "periodic, noise of 0.1 %": lambda: periodic(1e-3, False),
    "periodic, noise of 0.1 %, one phase": lambda: periodic(1e-3, True),
    "periodic, noise of 5 %, one phase": lambda: periodic(0.05, True),
    "synthetic walks": lambda: gaitlib.synthetic_trials(n_subjects=6, n_walks=3, seed=0),
    "synthetic forces": lambda: synthetic_forces(n_subjects=40),
}


def real_sets() -> dict:
    """The published sets, by name."""
    folder = Path(os.environ.get("GAIT_REAL_DATA", "absent"))
    if not folder.is_dir():
        return {}
    sets = {"Kinect walks": gaitlib.load_trials(next(folder.glob("kinect*/*.zip")))}
    sets["clinical forces"] = gaitlib.load_trials(folder / "clinical_grf")
    for path in sorted((folder / "imu").glob("*.zip")):
        with zipfile.ZipFile(path) as files:
            labels = pd.read_csv(files.open(f"{path.stem}/labels.csv"))
            tables = [pd.read_csv(files.open(f"{path.stem}/{name}")) for name in labels["file"]]
        sets[path.stem] = TrialSet.from_arrays(
            {"imu": [table.to_numpy()[:, 1:7] for table in tables]},
            subject=labels["subject"],
            label=labels["activity"],
        )
    return sets


def main():
    real = real_sets()
    rng = np.random.default_rng(0)
    some = {name: t[np.sort(rng.permutation(len(t))[:MOST_TRIALS])] for name, t in real.items()}
    bases = {
        "synthetic walks": (HONEST["synthetic walks"](), "skeleton"),
        "strides": (strides(0.2, 5, noise=0.005), "x"),
        "treadmill": (treadmill(0.03), "x"),
        **{name: (trials, next(iter(trials.modalities))) for name, trials in some.items()},
    }
    rows = {}
    for kind in KINDS:
        for name, (trials, modality) in bases.items():
            made, wanted = with_copies(trials, modality, kind)
            rows.setdefault(kind, {})[name] = len(wanted & found_pairs(made)) / len(wanted)
    print("Copies found, by what was done to them", pd.DataFrame(rows).T.to_string(float_format="%.2f"), sep="\n")
    print("\nHonest pairs called copies")
    for name, make in {**HONEST, **{k: (lambda v=v: v) for k, v in real.items()}}.items():
        trials = make()
        exact, near = len(shared_content(trials)), len(near_copies(trials))
        print(f"{name:42s} {len(trials):5d} trials  exact {exact:5d}  near {near:5d}", flush=True)


if __name__ == "__main__":
    main()
