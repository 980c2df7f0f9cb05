import numpy as np
import pytest
from planted import NOISE_M, RATE_HZ, planted_trials

from gaitlib.errors import GaitDataError
from gaitlib.trials.conventions import BONES, GAITS, KINECT_V2_JOINTS, joint_columns, skeleton_channels

OWN_BONES = [bone for bone in BONES if set(bone) <= set(KINECT_V2_JOINTS)]
THIGH = OWN_BONES.index(("left_hip", "left_knee"))


def bone_lengths_m(trials) -> np.ndarray:
    """Mean length of each bone in each trial (trials, bones)."""
    m = trials.modality("skeleton")
    ends = [(joint_columns(m.channels, a), joint_columns(m.channels, b)) for a, b in OWN_BONES]
    return np.array([[np.linalg.norm(v[:, a] - v[:, b], axis=1).mean() for a, b in ends] for v in m.values])


def swing_m(trials) -> np.ndarray:
    """How far each other joint moves about the pelvis (trials, joints): a gait in one number a joint."""
    m = trials.modality("skeleton")
    moved = [(v.reshape(len(v), 25, 3)[:, 1:] - v[:, None, :3]).std(axis=0) for v in m.values]
    return np.linalg.norm(moved, axis=2)


def speed_mps(trials) -> np.ndarray:
    """How fast each trial goes forward (trials, 1)."""
    m = trials.modality("skeleton")
    forward = m.channels.index("spine_base_y")
    return np.array([[(v[-1, forward] - v[0, forward]) / t[-1]] for v, t in zip(m.values, m.time_s, strict=True)])


def spread(features, groups) -> float:
    """Variance between the means of groups over the variance within them, averaged over features."""
    parts = [features[groups == g] for g in np.unique(groups)]
    between = np.var([p.mean(axis=0) for p in parts], axis=0, ddof=1) * len(parts[0])
    within = np.mean([p.var(axis=0, ddof=1) for p in parts], axis=0)
    return float(np.mean(between / within))


def test_the_same_seed_gives_the_same_trials_and_another_seed_others():
    one, again, other = (planted_trials(2, 1, seed=seed) for seed in (3, 3, 4))
    assert one.digest() == again.digest() != other.digest()


def test_the_layout_is_that_of_the_published_skeletons(tiny_trials):
    m = tiny_trials.modality("skeleton")
    assert m.channels == skeleton_channels(KINECT_V2_JOINTS)
    assert (m.kind, m.unit) == ("sequence", "m")
    assert (tiny_trials.counts() == 2).all(axis=None)
    assert tiny_trials.counts().shape == (4, len(GAITS))
    assert len(set(tiny_trials.ids)) == len(set(tiny_trials.walks)) == len(tiny_trials) == 48
    for values, time_s, frames in zip(m.values, m.time_s, m.frames, strict=True):
        assert 60 <= len(values) <= 110
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert np.allclose(np.diff(time_s), 1 / RATE_HZ)
        assert frames.tolist() == list(range(len(values)))


def test_the_name_says_synthetic(tiny_trials):
    assert tiny_trials.name.startswith("SYNTHETIC")
    assert "SYNTHETIC" in repr(tiny_trials)


def test_people_walk_forward_head_up_with_the_left_side_at_negative_x(tiny_trials):
    m = tiny_trials.modality("skeleton")

    def mean(joint):
        return np.mean([v[:, joint_columns(m.channels, joint)].mean(axis=0) for v in m.values], axis=0)

    assert mean("left_hip")[0] < mean("spine_base")[0] < mean("right_hip")[0]
    assert mean("left_foot")[2] < mean("left_knee")[2] < mean("spine_base")[2] < mean("head")[2]
    forward = m.channels.index("spine_base_y")
    assert all(v[-5:, forward].mean() > v[:5, forward].mean() + 0.5 for v in m.values)


def test_bones_keep_their_length_within_the_noise(tiny_trials):
    m = tiny_trials.modality("skeleton")
    for a, b in OWN_BONES:
        columns = joint_columns(m.channels, a), joint_columns(m.channels, b)
        for values in m.values:
            length = np.linalg.norm(values[:, columns[0]] - values[:, columns[1]], axis=1)
            assert length.std() < 2 * NOISE_M, (a, b)


def test_one_person_has_one_build_and_people_differ(tiny_trials):
    lengths = bone_lengths_m(tiny_trials)[:, THIGH]
    people = [lengths[tiny_trials.subjects == s] for s in np.unique(tiny_trials.subjects)]
    assert max(np.ptp(p) for p in people) < NOISE_M
    assert np.ptp([p.mean() for p in people]) > 2 * NOISE_M


def test_without_signature_people_are_clones():
    clones = planted_trials(n_subjects=4, n_walks=4, signature=0, class_effect=0, seed=1)
    assert np.ptp(bone_lengths_m(clones)[:, THIGH]) < NOISE_M
    assert spread(swing_m(clones), clones.subjects) < 2
    assert spread(speed_mps(clones), clones.subjects) < 2.5


def test_with_signature_people_differ():
    people = planted_trials(n_subjects=4, n_walks=4, signature=1, class_effect=0, seed=1)
    assert spread(swing_m(people), people.subjects) > 5
    assert spread(speed_mps(people), people.subjects) > 5


def test_class_effect_is_the_same_for_everybody_and_0_plants_none():
    planted = planted_trials(n_subjects=4, n_walks=4, signature=0, class_effect=1, seed=2)
    empty = planted_trials(n_subjects=4, n_walks=4, signature=0, class_effect=0, seed=2)
    assert spread(swing_m(planted), planted.labels) > 10
    assert spread(swing_m(empty), empty.labels) < 2


def test_without_class_effect_a_gait_means_another_thing_for_each_person():
    # Each person's way of performing each gait is a signature: it tells gaits apart within a person only.
    trials = planted_trials(n_subjects=12, n_walks=2, signature=1, class_effect=0, seed=0)
    features = swing_m(trials)
    one = trials.subjects == "s01"
    assert spread(features[one], trials.labels[one]) > 3
    assert spread(features, trials.labels) < 2


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 5)])
def test_nobody_walking_is_refused(sizes):
    with pytest.raises(GaitDataError, match="at least one subject and one walk"):
        planted_trials(*sizes)
