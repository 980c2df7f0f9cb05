"""Padding is what the network's own mask leaves out: it gets no relevance, and stays padding while values are moved."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from lrp_reference import randomised

from gaitlib.errors import GaitDataError
from gaitlib.explain import METHODS, deletion, insertion
from gaitlib.explain.padding import neutral, real_values
from gaitlib.models.layers import FrameMask

MOVING = ("integrated_gradients", "smooth_grad", "occlusion")
REAL = np.array(
    [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [0, 1, 0, 0, 1]], bool
)  # at the end, in front, both


def network_of(body, *names):
    x = [keras.Input((5, 2), name=name) for name in names or "x"]
    return randomised(keras.Model(x, layers.Dense(2)(body(*x))))


def sample(value, rows=slice(None)):
    x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype(np.float32)
    x[~REAL] = value
    return x[rows]


def masked(value):
    return lambda x: layers.GRU(3)(layers.Masking(value)(layers.Dropout(0.1)(x)))


@pytest.mark.parametrize("method", [m for m in METHODS if m != "attention"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_frames_that_a_masking_layer_leaves_out_get_none_wherever_they_are(value, method):
    found, account = METHODS[method](network_of(masked(value)), {"x": sample(value)}, np.zeros(4, int))
    assert not found["x"][~REAL].any()
    assert found["x"][REAL].all()
    for name in {"error", "completeness_error"} & set(account):
        assert np.abs(account[name]).max() < 1e-2


@pytest.mark.parametrize("method", ["lrp", "gradient_x_input", *MOVING])
def test_what_stands_in_for_nothing_in_masked_frames_changes_no_relevance(method):
    """Masking(-1) of frames of -1 is Masking(0) of frames of 0: the network sees the same frames."""
    one, other = network_of(masked(0.0)), network_of(masked(-1.0))
    a, b = (METHODS[method](n, {"x": sample(v)}, np.zeros(4, int))[0]["x"] for n, v in ((one, 0.0), (other, -1.0)))
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_mask_inside_a_model_or_of_one_input_of_two_is_found():
    part = keras.Sequential([keras.Input((5, 2)), layers.Masking(-1.0), layers.GRU(2)])
    network = network_of(lambda a, b: layers.Concatenate()([part(a), layers.Flatten()(b)]), "a", "b")
    real = real_values(network, {"a": sample(-1), "b": sample(-1)})
    np.testing.assert_array_equal(real["a"][..., 0], REAL)
    assert real["b"].all()
    nothing = neutral(network, {"a": sample(-1), "b": sample(-1)})["a"]
    np.testing.assert_array_equal(np.unique(nothing[REAL]), np.float32([1e-6]))
    np.testing.assert_array_equal(np.unique(nothing[~REAL]), [-1])


@pytest.mark.parametrize("test", [deletion, insertion])
def test_curves_leave_padding_as_it_is(test):
    """With every real value at its place the curve ends at the network's own logit, padding of -1 and all."""
    network, x = network_of(masked(-1.0)), sample(-1.0)
    curves = test(network, x, "gradient_x_input", shares=(0, 1))
    full = curves[(curves["share"] == (0 if test is deletion else 1)) & (curves["method"] != "random")]
    expected = ops.convert_to_numpy(network(x)).max(axis=1)
    np.testing.assert_allclose(full["logit"].to_numpy()[:4], expected, atol=1e-5)


def test_masks_that_differ_about_a_frame_are_refused():
    network = network_of(lambda x: layers.GRU(2, name="g")(layers.Masking(-1.0, name="m")(x), mask=FrameMask()(x)))
    with pytest.raises(GaitDataError, match="takes other frames of 'x' for padding than another layer"):
        real_values(network, {"x": sample(-1.0)})
    real_values(network, {"x": sample(-1.0, slice(0, 1))})


def by_a_function(x):
    return layers.GRU(2)(x, mask=ops.any(ops.not_equal(x, -1.0), axis=-1))


def behind_a_layer(x):
    return layers.GRU(2)(layers.Masking()(layers.Dense(2, "relu", use_bias=False)(x)))


def inside_a_model(x):
    return keras.Model(h := keras.Input((5, 2)), by_a_function(h))(x)


@pytest.mark.parametrize("method", MOVING)
@pytest.mark.parametrize("body", [by_a_function, inside_a_model])
def test_where_frames_come_and_go_as_values_are_moved_the_method_is_refused(body, method):
    with pytest.raises(GaitDataError, match=r"masks other frames .* zeros at the end and put Masking\(0\)"):
        METHODS[method](network_of(body), {"x": sample(-1.0)}, np.zeros(4, int))


def test_frames_that_a_hidden_layer_turns_off_are_refused_too():
    with pytest.raises(GaitDataError, match="masks other frames"):
        METHODS["occlusion"](network_of(behind_a_layer), {"x": sample(0.0)}, np.zeros(4, int))


def test_values_that_a_network_compares_are_no_mask():
    network = network_of(lambda x: layers.Flatten()(ops.where(x > 0.5, x, 0.0)))
    found, _ = METHODS["integrated_gradients"](network, {"x": sample(0.0)}, np.zeros(4, int))
    assert found["x"].any()
