"""What is hidden, how windows are drawn, and that each step's draw depends on seed and step alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitlib.training import Pretraining
from gaitlib.training.window_batches import QUIET, Masks, SampleBatches, WindowBatches


@given(
    frames=st.integers(8, 70), patch=st.integers(1, 9), hidden=st.floats(0.05, 0.95), span=st.integers(1, 4),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_every_window_shows_the_same_number_of_different_patches(frames, patch, hidden, span, seed):
    masks = Masks(frames, patch, hidden, span)
    if masks.n_patches < 2:
        return
    visible = masks.draw(5, np.random.default_rng(seed))
    assert visible.shape == (5, masks.n_visible)
    assert 1 <= masks.n_visible < masks.n_patches
    assert (np.diff(visible, axis=1) > 0).all()
    assert visible.min() >= 0
    assert visible.max() < masks.n_patches
    shown = ~masks.hidden_frames(visible)
    for i in range(5):
        expected = np.isin(np.arange(frames) // patch, visible[i])
        np.testing.assert_array_equal(shown[i], expected)


def test_single_patches_are_hidden_alike_and_spans_in_stretches():
    rng = np.random.default_rng(0)
    share = [np.eye(16)[Masks(128, 8, 0.75, span).draw(4000, rng)].sum(axis=1).mean(axis=0) for span in (1, 4)]
    np.testing.assert_allclose(share, 0.25, atol=0.05)
    runs = {
        span: np.mean([np.diff(np.flatnonzero(np.diff(np.r_[0, h, 0]))).max() for h in hidden])
        for span in (1, 4)
        for hidden in [Masks(128, 8, 0.5, span).hidden_frames(Masks(128, 8, 0.5, span).draw(500, rng)).astype(int)]
    }
    assert runs[4] > 1.5 * runs[1]


def drawn(balance=0.5, seed=0, lengths=(400, 400, 3200), groups=("a", "a", "b"), batch_size=32):
    recordings = [np.full((n, 2), i) + np.arange(n)[:, None] / 1e4 for i, n in enumerate(lengths)]
    scale = (np.zeros(2), np.ones(2))
    settings = Pretraining(batch_size=batch_size, balance=balance, compared_in="recordings")
    return WindowBatches(recordings, groups, Masks(40, 8, 0.75), settings, scale, ("x", "y"), seed)


def test_windows_stay_inside_one_recording_and_reach_all_of_it():
    batches = drawn(lengths=(40, 41, 90))
    starts = []
    for step in range(300):
        (x, _), target, weight = batches.batch(0, step)
        assert (np.floor(x + 1e-6).min(axis=(1, 2)) == np.floor(x + 1e-6).max(axis=(1, 2))).all()
        np.testing.assert_allclose(np.diff(x[:, :, 0], axis=1), 1e-4, atol=1e-6)
        np.testing.assert_array_equal(x, target)
        np.testing.assert_allclose(weight.mean(axis=1), 1, rtol=1e-5)
        starts += [(int(s // 1), round((s % 1) * 1e4)) for s in x[:, 0, 0].astype(float)]
    assert {s for r, s in starts if r == 0} == {0}
    assert {s for r, s in starts if r == 1} == {0, 1}
    assert {s for r, s in starts if r == 2} == set(range(51))


@pytest.mark.parametrize(("balance", "share"), [(1.0, 0.2), (0.5, 1 / 3), (0.0, 0.5)])
def test_the_largest_set_does_not_drown_the_rest(balance, share):
    batches = drawn(balance)
    which = np.concatenate([batches.batch(0, step)[0][0][:, 0, 0] for step in range(100)])
    assert np.mean(which < 1.9) == pytest.approx(share, abs=0.03)
    assert np.mean(which < 0.9) == pytest.approx(share / 2, abs=0.03)


def test_a_batch_depends_on_seed_epoch_and_step_alone():
    first, second, other = drawn(), drawn(), drawn(seed=1)
    second.batch(5, 1)
    for (x, v), (y, w) in [(first.batch(2, 3)[0], second.batch(2, 3)[0])]:
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(v, w)
    assert not np.array_equal(first.batch(2, 3)[0][0], other.batch(2, 3)[0][0])
    assert not np.array_equal(first.batch(2, 3)[0][0], first.batch(2, 2)[0][0])
    for (a, *_), (b, *_) in zip(first.fixed(), first.fixed(), strict=True):
        np.testing.assert_array_equal(a[1], b[1])


def test_those_watched_are_all_windows_side_by_side():
    starts = np.concatenate([x[:, 0, 0] for (x, _), _, _ in drawn().fixed()])
    assert len(starts) == 10 + 10 + 80
    assert len(set(starts.tolist())) == 100


def test_augmented_windows_are_changed_before_they_are_scaled():
    class Ten:
        def apply(self, x, rng, channels):
            assert channels == ("x", "y")
            return x + 10

    batches = drawn()
    plain = batches.batch(0, 0)[0][0]
    batches.settings.augment, batches.scale = (Ten(),), (np.array([10.0, 10.0]), np.array([2.0, 2.0]))
    np.testing.assert_allclose(batches.batch(0, 0)[0][0], plain / 2, rtol=1e-5)


def test_windows_count_alike_or_patches_are_told_in_their_own_unit():
    x = np.random.default_rng(0).normal(3, 2, (4, 40, 2)) * np.array([1, 5, 0.01, 1])[:, None, None]
    masks = Masks(40, 8, 0.6)
    mean, sd, weight = masks.compared(x, "window")
    assert (mean, sd) == (0, 1)
    for i in range(4):
        assert weight[i, 0] == pytest.approx(1 / (x[i].var(axis=0).mean() + QUIET))
    mean, sd, weight = masks.compared(x, "patch")
    patches = ((x - mean) / sd)[[0, 1, 3]].reshape(3, 5, 16)
    np.testing.assert_allclose(patches.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(patches.std(axis=2), 1, rtol=0.02)
    assert ((x - mean) / sd)[2].std() < 0.3  # next to nothing is not blown up
    assert (weight == 1).all()
    mean, sd, weight = masks.compared(x, "recordings")
    assert (mean, sd) == (0, 1) and (weight == 1).all()


def test_the_loss_of_a_window_is_weighed_by_its_variance():
    batches = drawn(lengths=(80, 80, 80))
    batches.settings.compared_in = "window"
    (x, visible), target, weight = batches.batch(0, 0)
    np.testing.assert_array_equal(x, target)
    hidden = batches.masks.hidden_frames(visible)
    of_window = batches.masks.compared(x, "window")[2]
    np.testing.assert_allclose(weight, hidden / hidden.mean(axis=1, keepdims=True) * of_window, rtol=1e-4)


def test_samples_come_once_an_epoch_in_another_order():
    x = np.arange(10.0)[:, None, None] * np.ones((1, 4, 2))
    batches = SampleBatches(x, np.ones((10, 4)), Pretraining(batch_size=5), seed=0)
    orders = [np.concatenate([batches.batch(e, s)[0][:, 0, 0] for s in range(2)]).tolist() for e in range(2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
