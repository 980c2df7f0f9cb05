"""Networks that read a walk beside a prior: their contract, what guides the attention, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops

from gaitlib import GaitDataError
from gaitlib.models import Builder, build
from gaitlib.models.pose_attention import FUSIONS, CrossAttention
from gaitlib.testing import check_builder

PRIOR, SHAPE = (1.0, 0.5, 0.0), {"pose": (24, 9)}
SMALL = {"patch": 4, "width": 8}


@pytest.mark.parametrize(
    ("name", "settings"),
    [("pose_cross_attention", {})]
    + [pytest.param("pose_attention_fusion", {"fusion": f}, marks=pytest.mark.slow) for f in FUSIONS],
)
def test_with_a_prior_they_keep_the_contract_of_builders(name, settings):
    check_builder(Builder(name, prior=PRIOR, **SMALL, **settings), SHAPE)


def test_without_a_prior_there_is_no_second_stream():
    cross, fusion = (build(name, SHAPE, 2, **SMALL) for name in ("pose_cross_attention", "pose_attention_fusion"))
    assert (
        cross.count_params()
        == fusion.count_params()
        < build("pose_cross_attention", SHAPE, 2, prior=PRIOR, **SMALL).count_params()
    )
    assert "cross_attention" not in [layer.name for layer in cross.layers]


@pytest.mark.parametrize("name", ["pose_cross_attention", "pose_attention_fusion"])
def test_a_joint_without_weight_reaches_the_network_through_the_walk_alone(name):
    network = build(name, SHAPE, 2, prior=PRIOR, **SMALL)
    seen = keras.Model(network.inputs, network.get_layer("prior").output)
    x = np.random.default_rng(0).normal(size=(2, *SHAPE["pose"])).astype(np.float32)
    other = x.copy()
    other[..., 6:] = 5
    np.testing.assert_array_equal(seen.predict(x, verbose=0), seen.predict(other, verbose=0))
    told = seen.predict(x, verbose=0)
    np.testing.assert_allclose(told, x * np.repeat(PRIOR, 3), rtol=1e-6)
    if name == "pose_cross_attention":
        mask = keras.Model(network.inputs, network.get_layer("token_mask").output).predict({"pose": x}, verbose=0)
        np.testing.assert_array_equal(mask, [[True] * 12 + [False] * 6] * 2)


BAD_PRIORS = [(1.0, 0.5), (1.0, 0.5, -1.0), (0.0, 0.0, 0.0), (1.0, np.nan, 0.0), {"a": (1, 1, 1)}, np.ones((2, 3))]


@pytest.mark.parametrize("prior", BAD_PRIORS, ids=str)
def test_a_prior_that_is_not_one_weight_a_joint_is_refused(prior):
    with pytest.raises(GaitDataError, match="one weight from 0 up for each joint"):
        build("pose_cross_attention", SHAPE, 2, prior=prior, **SMALL)


def test_an_unknown_fusion_is_refused():
    with pytest.raises(GaitDataError, match="'mean' is none of gate"):
        build("pose_attention_fusion", SHAPE, 2, prior=PRIOR, fusion="mean", **SMALL)


def drawn(n=3, steps=4, joints=3, width=4):
    rng = np.random.default_rng(0)
    shapes = [(n, joints * steps, width)] * 2 + [(n, steps, width)]
    values, keys, queries = (rng.normal(size=s).astype(np.float32) for s in shapes)
    asks = np.arange(steps) < np.array([[4], [3], [2]])
    return values, keys, queries, np.tile(asks, (1, joints)), asks


def test_losses_of_attention_are_those_of_plain_loops():
    values, keys, queries, mask, asks = drawn()
    layer = CrossAttention(PRIOR, guidance=0.5, smoothness=0.25)
    layer(values, keys, queries, mask, asks)
    wanted, apart, change, n_changes = np.array(PRIOR) / 1.5, [], 0.0, 0
    for i in range(3):
        rows = []
        for q in np.flatnonzero(asks[i]):
            weight = np.exp(keys[i] @ queries[i, q] / 2) * mask[i]
            rows.append(weight / weight.sum())
            given = rows[-1].reshape(3, 4).sum(axis=1)
            apart.append(sum(w * np.log((w + 1e-7) / (g + 1e-7)) for w, g in zip(wanted, given, strict=True)))
        change += sum(np.abs(b - a).sum() for a, b in zip(rows, rows[1:], strict=False))
        n_changes += len(rows) - 1
    found = sorted(float(loss) for loss in layer.losses)
    np.testing.assert_allclose(found, sorted([0.5 * np.mean(apart), 0.25 * change / n_changes]), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_guidance_draws_the_attention_to_the_prior_and_nothing_else_does(guidance):
    keras.utils.set_random_seed(0)
    prior = np.array([0.8, 0.1, 0.1])  # far from equal shares
    network = build("pose_cross_attention", SHAPE, 2, prior=prior.tolist(), guidance=guidance, dropout=0.0, **SMALL)
    x = np.random.default_rng(0).normal(size=(32, *SHAPE["pose"])).astype(np.float32)
    network.compile(keras.optimizers.Adam(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(30):
        network.train_on_batch({"pose": x}, np.arange(32) % 2)
    layer = network.get_layer("cross_attention")
    asked = keras.Model(network.inputs, [network.get_layer(n).output for n in ("key", "query", "token_mask")])
    given = ops.convert_to_numpy(layer.attention(*asked({"pose": x})))
    shares = given.reshape(32, 6, 3, 6).sum(axis=3).mean(axis=(0, 1))
    apart = np.abs(shares - prior).max()
    assert apart < 0.1 if guidance else apart > 0.15, shares
