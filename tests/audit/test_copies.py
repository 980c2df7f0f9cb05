"""Copies are found whatever was done to them, and none is invented where each trial is a recording of its own."""

import os
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import planted_trials
from scipy import stats
from scipy.io import loadmat

import gaitlib
from gaitlib import TrialSet
from gaitlib.audit.copies import _dimension, chance, find_copies, near_copies, shared_content
from gaitlib.audit.fingerprint import distances, fingerprints, parts, views
from gaitlib.trials.conventions import AZURE_KINECT_JOINTS, mirror_map, skeleton_channels

GRF = "clinical_grf/2021_acm_small_dataset_v3_aff-unaff-nonorm_{}_.mat"


def trials_of(values, subject=None, **options) -> TrialSet:
    """One trial a subject, where they are not given."""
    subject = range(len(values)) if subject is None else subject
    return TrialSet.from_arrays({"x": [np.asarray(v, np.float32) for v in values]}, subject=subject, **options)


def with_copies(trials, positions, change=np.array, each=1) -> TrialSet:
    """The trials, and changed copies of some as walks of a stranger, each after its original's name."""
    name = next(iter(trials.modalities))
    values = list(trials.modality(name).values)
    positions = [i for i in positions for _ in range(each)]
    return TrialSet.from_arrays(
        {name: values + [change(values[i]) for i in positions]},
        subject=[*trials.subjects, *["stranger"] * len(positions)],
        trial=[*trials.ids, *(f"{trials.ids[i]} copy{k}" for k, i in enumerate(positions))],
    )


def found_originals(table) -> list:
    """Of pairs that are a trial and its copy, the trial; fails on any other pair."""
    assert all(b.startswith(f"{a} copy") for a, b in zip(table["trial"], table["other"], strict=True))
    return table["trial"].tolist()


# -- exact copies ----------------------------------------------------------------------------------------


def share_by_brute_force(a, b, frames) -> float:
    blocks = [{v[k : k + frames].tobytes() for k in range(len(v) - frames + 1)} for v in (a, b)]
    return len(blocks[0] & blocks[1]) / min(map(len, blocks))


@given(
    channels=st.sampled_from([1, 2, 5, 16, 31, 32, 75]),
    cuts=st.lists(st.tuples(st.integers(0, 80), st.integers(40, 90)), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_shared_stretches_at_any_offset_are_those_of_brute_force(channels, cuts, seed):
    rng = np.random.default_rng(seed)
    recording, *others = rng.normal(size=(11, 180, channels)).astype(np.float32)
    values = [recording[start : start + length] for start, length in cuts] + others
    trials = trials_of(values)
    shares = {
        (trials.ids[i], trials.ids[j]): share_by_brute_force(values[i], values[j], 1 + -(-32 // channels))
        for i, j in combinations(range(len(values)), 2)
    }
    found = shared_content(trials).set_index(["trial", "other"])["share"].to_dict()
    assert found == pytest.approx({pair: share for pair, share in shares.items() if share})


def test_a_copy_under_another_name_is_found_whole_and_cut():
    trials = planted_trials(n_subjects=4, n_walks=2, seed=0)
    for change in (np.array, lambda v: v[5:-5], np.negative):
        found = shared_content(with_copies(trials, [3, 17, 40], change))
        if change is np.negative:
            assert found.empty  # another recording
        else:
            assert found_originals(found) == trials.ids[[3, 17, 40]].tolist()
            assert found["share"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("n_frames", [1, 9, 31, 32])
def test_trials_shorter_than_a_stretch_are_read(n_frames):
    rng = np.random.default_rng(0)
    values = [*rng.normal(size=(3, n_frames, 1)), rng.normal(size=(200, 1))]
    assert all(table.empty for table in find_copies(trials_of(values, list("abcd"))))


def test_missing_values_do_not_hide_a_copy():
    values = np.random.default_rng(0).normal(size=(4, 90, 3))
    values[0, 20:24, 1] = np.nan
    values[3] = values[0]
    assert shared_content(trials_of(values))["share"].tolist() == [1]


def test_the_sign_of_zero_does_not_hide_a_copy():
    values = np.random.default_rng(0).normal(size=(4, 90, 3))
    values[:, ::4] = 0
    values[3] = values[0]
    values[3, ::4] = -0.0
    assert shared_content(trials_of(values))["share"].tolist() == [1]


def clock(rng):
    return np.arange(rng.integers(60, 120))[:, None] / 30


CLEAN_SEQUENCES = {
    "constant": lambda rng: np.full((80, 3), 7),
    "padded with zeros": lambda rng: np.concatenate([rng.normal(size=(40, 6)), np.zeros((60, 6))]),
    "clock": clock,
    "clock beside a constant": lambda rng: np.hstack([time_s := clock(rng), np.ones_like(time_s)]),
    "ramps": lambda rng: np.outer(np.arange(100), [1, 2, 3]),
    "whole heart beats a minute": lambda rng: np.round(70 + rng.normal(0, 0.7, size=(200, 1)).cumsum(axis=0)),
    "switches": lambda rng: (np.arange(100) // rng.integers(5, 30) % 2)[:, None],
    "steps": lambda rng: np.isin(np.arange(100), rng.integers(5, 95, size=3)).cumsum()[:, None],
    "at rest, coarsely rounded": lambda rng: np.round(rng.normal(0, 0.6, size=(200, 6))),
    "noise": lambda rng: rng.normal(size=(rng.integers(60, 120), 3)),
    "sines": lambda rng: np.sin(rng.uniform(0.1, 0.3) * np.arange(100) + rng.uniform(0, 6))[:, None],
    "decays": lambda rng: np.exp(-np.arange(100) / rng.uniform(5, 80))[:, None],
    "random walks": lambda rng: rng.normal(size=(rng.integers(60, 120), 2)).cumsum(axis=0),
}


@pytest.mark.parametrize("kind", CLEAN_SEQUENCES)
def test_no_copy_is_invented_among_signals_of(kind):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        found = find_copies(trials_of([CLEAN_SEQUENCES[kind](rng) for _ in range(150)]))
        assert found.shared.empty
        assert found.near.empty


@pytest.mark.parametrize("n_channels", [1, 2, 10, 60])
def test_no_copy_is_invented_among_static_values(n_channels):
    rng = np.random.default_rng(0)
    measured = rng.normal(size=(150, n_channels)) if n_channels > 1 else rng.integers(20, 60, size=(150, 1))
    found = find_copies(trials_of(measured))
    assert found.shared.empty
    assert found.near.empty
    assert "static" in found.near.attrs["not_judged"]["x"]


@pytest.mark.parametrize("signature", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("n_walks", [1, 2, pytest.param(5, marks=pytest.mark.slow)])
def test_no_copy_is_invented_among_clones_or_like_walks_of_one_person(signature, n_walks):
    for seed in range(3):
        found = find_copies(planted_trials(n_subjects=12, n_walks=n_walks, signature=signature, seed=seed))
        assert found.shared.empty
        assert found.near.empty


def test_no_copy_is_invented_among_synthetic_walks_and_footprints(synthetic_walks):
    found = find_copies(synthetic_walks)
    assert found.shared.empty
    assert found.near.empty
    assert found.near.attrs["not_judged"] == {}


def test_no_copy_is_invented_among_the_kinect_recordings(real_kinect_zip):
    found = find_copies(gaitlib.load_trials(real_kinect_zip))
    assert found.shared.empty
    assert found.near.empty


def test_values_that_describe_a_person_are_no_copies_but_those_of_two_people_are():
    values = np.random.default_rng(0).normal(size=(3, 40))
    found = shared_content(trials_of(values[[0, 0, 1, 1, 2, 0]], subject=["a", "a", "b", "b", "c", "d"]))
    assert found[["trial", "other"]].to_numpy().tolist() == [["trial0", "trial5"], ["trial1", "trial5"]]


def test_images_are_compared_as_a_whole():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 200, size=(6, 30, 12))
    images[4] = images[1]
    images[[2, 5]] = 0  # empty
    found = shared_content(trials_of(images, kind="image"))
    assert found[["trial", "other"]].to_numpy().tolist() == [["trial1", "trial4"]]


def test_what_most_subjects_share_is_a_template():
    rng = np.random.default_rng(0)
    belt = rng.normal(size=(60, 2))
    own = rng.normal(size=(10, 60, 2))
    walks = [np.concatenate([belt, v]) for v in own]
    assert shared_content(trials_of(walks)).empty
    found = shared_content(trials_of([*walks[:4], *own[4:]]))  # four of ten
    assert len(found) == 6


# -- near copies -----------------------------------------------------------------------------------------


def resampled(values, share):
    """Fewer or more frames, by linear interpolation."""
    at = np.linspace(0, len(values) - 1, round(share * len(values)))
    return np.stack([np.interp(at, np.arange(len(values)), channel) for channel in values.T], axis=1)


def noisy(values, rng=np.random.default_rng(0)):  # noqa: B008  one stream for all copies
    return values + rng.normal(0, 0.01, values.shape) * values.std(axis=0)


CHANGES = {
    "noise of 1 % of the SD": noisy,
    "rounded to millimetres": lambda v: v.round(3),
    "half precision": lambda v: v.astype(np.float16),
    "centimetres": lambda v: 100 * v,
    "each channel in a unit of its own": lambda v: v * np.linspace(0.1, 10, v.shape[1]) + np.arange(v.shape[1]),
    "95 % of the frames": lambda v: resampled(v, 0.95),
    "25 instead of 30 Hz": lambda v: resampled(v, 25 / 30),
}
QUICK = "25 instead of 30 Hz"


@pytest.fixture(scope="module")
def synthetic_walks():
    return gaitlib.synthetic_trials(n_subjects=6, n_walks=3, seed=0)


@pytest.mark.parametrize("change", [QUICK, *(pytest.param(c, marks=pytest.mark.slow) for c in CHANGES if c != QUICK)])
def test_changed_copies_are_found(change, synthetic_walks):
    trials = synthetic_walks
    copied = [5, 20, 33, 60, 100]
    found = near_copies(with_copies(trials, copied, CHANGES[change]))
    assert found_originals(found) == trials.ids[copied].tolist()
    assert (found["ratio"] < 0.1).all()


@pytest.mark.parametrize("change", [c for c in CHANGES if "frames" not in c and "Hz" not in c])
def test_changed_copies_of_clones_are_found(change):
    trials = planted_trials(n_subjects=12, n_walks=5, signature=0.0, seed=0)
    copied = list(range(3, 360, 36))
    found = near_copies(with_copies(trials, copied, CHANGES[change]))
    assert len(found_originals(found)) >= 9


def turned(v, degrees=40):
    """About the vertical axis."""
    v = v.reshape(len(v), -1, 3).copy()
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    v[..., :2] = v[..., :2] @ np.array([[cos, sin], [-sin, cos]])
    return v.reshape(len(v), -1)


def mirrored(v):
    order, sign = mirror_map(skeleton_channels(AZURE_KINECT_JOINTS))
    return v[:, order] * sign


def centred_on_the_pelvis(v):
    v = v.reshape(len(v), -1, 3)
    return (v - v[:, :1]).reshape(len(v), -1)


def smoothed(v, frames=5):
    kernel = np.ones(frames) / frames
    return np.stack([np.convolve(channel, kernel, "valid") for channel in v.T], axis=1)


AUGMENTED = {
    "mirrored": mirrored,
    "an axis negated": lambda v: v * np.tile([-1, 1, 1], v.shape[1] // 3),
    "channels permuted": lambda v: v[:, np.random.default_rng(0).permutation(v.shape[1])],
    "turned": turned,
    "reversed in time": lambda v: v[::-1],
    "every second frame": lambda v: v[::2],
    "twice the frames": lambda v: resampled(v, 2),
    "smoothed": smoothed,
    "offset": lambda v: v + 5,
    "centred on the pelvis": centred_on_the_pelvis,
    "jitter of 1 cm": lambda v: v + np.random.default_rng(0).normal(0, 0.01, v.shape),
    "mirrored, turned and centred": lambda v: centred_on_the_pelvis(turned(mirrored(v))),
    "mirrored and reversed, with noise": lambda v: noisy(mirrored(v)[::-1]),
}


@pytest.mark.parametrize("change", AUGMENTED)
def test_augmented_copies_are_found(change, synthetic_walks):
    copied = list(range(2, 108, 12))
    found = near_copies(with_copies(synthetic_walks, copied, AUGMENTED[change]))
    assert found_originals(found) == synthetic_walks.ids[copied].tolist()


def stride(person, within, rng):
    """Of 101 points; a person varies by a part of the spread between people."""
    own, phase = np.random.default_rng(1000 + person), np.linspace(0, 2 * np.pi, 101)[:, None, None]
    order = np.arange(1, 6)
    size, start = own.normal(size=(6, 5)) / order, own.uniform(0, 6, size=(6, 5))
    size = size + within * rng.normal(size=size.shape) / order
    return (size * np.sin(order * phase + start)).sum(axis=2)


@pytest.mark.parametrize("each", [2, 5])
@pytest.mark.parametrize("within", [0.05, 0.1, 0.2, 0.3])
def test_like_strides_of_one_person_are_no_copies(within, each):
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(30), each)
    strides = [stride(person, within, rng) for person in people]
    assert near_copies(trials_of(strides, people)).empty
    copies = [2 * own[::-1] for own in strides[::15]]
    names = [f"trial{i:03d}" for i in range(len(strides))]
    named = [*names, *(f"{names[i]} copy" for i in range(0, len(strides), 15))]
    strangers = [f"stranger {i}" for i in range(len(copies))]
    found = near_copies(trials_of([*strides, *copies], [*people, *strangers], trial=named))
    pairs = set(zip(found["trial"], found["other"], strict=True))
    assert pairs >= {(own, f"{own} copy") for own in names[::15]}
    # What is like the copy besides is another stride of the person copied.
    assert all(int(a[5:8]) // each == int(b[5:8]) // each for a, b in pairs)


@pytest.mark.parametrize("change", ["every second frame", "smoothed", "mirrored"])
def test_copies_of_strides_are_found_beside_like_strides_of_the_same_person(change):
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(30), 5)
    trials = trials_of([stride(person, 0.2, rng) + 0.005 * rng.normal(size=(101, 6)) for person in people], people)
    change = AUGMENTED[change] if change != "mirrored" else lambda v: v * [-1, 1, 1, 1, 1, 1]
    copied = list(range(0, 150, 15))
    assert found_originals(near_copies(with_copies(trials, copied, change))) == trials.ids[copied].tolist()


@pytest.mark.parametrize(
    "change",
    [lambda v: v[2:-2], lambda v: smoothed(np.pad(v, ((1, 1), (0, 0)), mode="edge"), 3)],
    ids=["both ends cut", "smoothed"],
)
def test_the_distance_leaves_out_what_cuts_and_smoothing_explain(change):
    rng = np.random.default_rng(0)
    own = [stride(person, 0.2, rng) for person in range(20)]
    m = trials_of([*own, *map(change, own)]).modality("x")
    prints = fingerprints(parts(m, np.arange(40)), views(m)["as recorded"])
    plain = np.linalg.norm(prints.own[:20] - prints.own[20:], axis=1)
    assert (distances(prints, np.arange(20), np.arange(20, 40)[:, None])[:, 0] < 0.05 * plain).all()


def test_a_copy_among_the_strides_of_one_person_is_found():
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(30), 5)
    strides = [stride(person, 0.3, rng) for person in people]
    strides[7] = strides[5][::-1] * 2
    assert near_copies(trials_of(strides, people))[["trial", "other"]].to_numpy().tolist() == [["trial005", "trial007"]]


def periodic(rng, noise, same_start):
    """A person's five recordings of a wave whose period is whole frames."""
    shape, start, period = rng.normal(size=(2, 3)), rng.uniform(0, 6, size=(2, 3)), rng.integers(20, 40)
    at = [(np.arange(200) + (0 if same_start else rng.integers(period))) * 2 * np.pi / period for _ in range(5)]
    waves = [(shape * np.sin(np.arange(1, 4) * t[:, None, None] + start)).sum(axis=2) for t in at]
    return [np.float32(w) + noise * rng.normal(size=w.shape) for w in waves]


@pytest.mark.parametrize("same_start", [True, False])
@pytest.mark.parametrize("noise", [0, 1e-3, 0.05])
def test_clean_periodic_signals_are_no_copies(noise, same_start):
    rng = np.random.default_rng(0)
    waves = [wave for _ in range(20) for wave in periodic(rng, noise, same_start)]
    found = find_copies(trials_of(waves, np.repeat(np.arange(20), 5)))
    assert found.shared.empty
    assert found.near.empty


def test_changed_copies_of_kinect_recordings_are_found(real_kinect_zip):
    trials = gaitlib.load_trials(real_kinect_zip)
    copied = list(range(7, 1440, 120))
    kinds = [*CHANGES.values(), AUGMENTED["every second frame"], smoothed]
    change = iter([kinds[k % len(kinds)] for k in range(len(copied))])
    found = near_copies(with_copies(trials, copied, lambda v: next(change)(v)))
    assert len(found_originals(found)) >= 11


@pytest.mark.parametrize("each", [1, 3])
def test_copies_are_found_where_every_trial_has_some(each, synthetic_walks):
    trials = synthetic_walks
    found = near_copies(with_copies(trials, range(len(trials)), noisy, each=each))
    original = [{name.split(" ")[0] for name in pair} for pair in zip(found["trial"], found["other"], strict=True)]
    assert all(len(same) == 1 for same in original)
    assert set().union(*original) == set(trials.ids)


def test_footprints_with_noise_are_found(synthetic_walks):
    trials = synthetic_walks[::3]
    prints = list(trials.modality("pressure").values)
    changed = prints[7] * 3 + np.random.default_rng(0).normal(0, 0.01, prints[7].shape) * prints[7].std()
    found = near_copies(trials_of([*prints, changed], kind="image"))
    assert found[["trial", "other"]].to_numpy().tolist() == [["trial07", "trial36"]]


def test_views_of_one_walk_are_no_copies():
    trials = planted_trials(n_subjects=6, n_walks=2, seed=0)
    values = [v + off for v in trials.modality("skeleton").values for off in (0, 0.3)]
    subjects, walks = np.repeat(trials.subjects, 2), np.repeat(trials.ids, 2)
    assert near_copies(trials_of(values, subjects, walk=walks)).empty
    assert len(near_copies(trials_of(values, subjects))) > 0.9 * len(trials)


@pytest.mark.parametrize("n_channels", [1, 6, 60])
def test_two_like_walks_of_each_person_are_no_copies(n_channels):
    rng = np.random.default_rng(0)
    people = rng.normal(size=(100, 100, n_channels)).cumsum(axis=1)
    walks = np.repeat(people, 2, axis=0) + 0.3 * rng.normal(size=(200, 100, n_channels)).cumsum(axis=1)
    assert near_copies(trials_of(walks, np.repeat(np.arange(100), 2))).empty


def test_signals_of_few_dimensions_amid_richer_ones_are_no_copies():
    rng = np.random.default_rng(0)
    rich = [rng.normal(size=(100, 1)).cumsum(axis=0) for _ in range(300)]
    assert near_copies(trials_of(rich + [CLEAN_SEQUENCES["decays"](rng) for _ in range(60)])).empty


def test_the_chance_is_that_of_evenly_strewn_trials():
    rng = np.random.default_rng(0)
    for dimension in (1, 2, 5):
        strewn = rng.uniform(-1, 1, size=(2000, 400, dimension))
        distance = np.sort(np.linalg.norm(strewn, axis=2), axis=1)[:, :10]
        p = chance(distance[:, 0] / distance[:, -1], dimension)
        assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("dimension", [1, 3, 6])
def test_the_dimension_is_told_from_the_outer_neighbours(dimension):
    rng = np.random.default_rng(0)
    distance = np.sort(np.linalg.norm(rng.uniform(-1, 1, size=(1000, 2000, dimension)), axis=2), axis=1)[:, :10]
    distance[:, :4] *= 1e-3  # copies
    told = _dimension(distance / distance[:, -1:], rng.integers(1000, size=(1000, 10)))
    assert told.mean() == pytest.approx(dimension, rel=0.1)


def test_data_that_cannot_be_judged_are_named():
    rng = np.random.default_rng(0)
    arrays = {"emg": rng.normal(size=(12, 50, 2)), "age": rng.normal(size=(12, 1))}
    found = near_copies(TrialSet.from_arrays(arrays, subject=range(12)))
    assert found.empty
    assert found.attrs["not_judged"] == {
        "emg": "12 walks with 20 changing frames are too few; 20 are needed",
        "age": "static values are too few to tell a copy from a like person",
    }


# -- a published set that repeats trials -----------------------------------------------------------------


@pytest.fixture(scope="module")
def real_grf():
    """Features and classes of two files of the clinical set; both hold the healthy trials."""
    folder = os.environ.get("GAIT_REAL_DATA")
    files = [Path(folder or "", GRF.format(groups)) for groups in ("1-2", "1-3")]
    if not folder or not all(file.is_file() for file in files):
        pytest.skip("GAIT_REAL_DATA is not set to the folder of real recordings")
    return [loadmat(file) for file in files]


def test_published_trials_that_stand_in_two_files_are_found(real_grf):
    values, names, subjects = [], [], []
    for number, file in enumerate(real_grf):
        healthy = file["Target_Injury"][:, 0] == 1
        values += list(file["Feature"].transpose(0, 2, 1))
        subjects += [f"file{number} {s}" for s in file["Target_Subject"].argmax(axis=1)]
        counts = np.where(healthy, healthy.cumsum(), 0)
        names += [f"healthy{c} file{number}" if c else f"patient{i} file{number}" for i, c in enumerate(counts)]
    found = find_copies(trials_of(values, subjects, trial=names))
    for table in found:
        same = [(a.split()[0], b.split()[0]) for a, b in zip(table["trial"], table["other"], strict=True)]
        assert len(same) == 310
        assert all(a == b for a, b in same)
    (one_file, _) = (trials_of(f["Feature"].transpose(0, 2, 1)) for f in real_grf)
    assert all(table.empty for table in find_copies(one_file))
