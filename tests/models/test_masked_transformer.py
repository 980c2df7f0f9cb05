"""What the masked autoencoder may see, and that its encoder is the classifier's."""

import keras
import numpy as np
import pytest

from gaitlib.errors import GaitDataError
from gaitlib.models import build

FRAMES, CHANNELS, PATCH = 30, 6, 4  # the last patch is not whole
TOKENS = 8
SMALL = {"preset": "tiny", "width": 8, "depth": 2, "n_heads": 2}


def network(**settings):
    keras.utils.set_random_seed(0)
    made = build(
        "masked_autoencoder", {"imu": (FRAMES, CHANNELS)}, n_classes=1, **{**SMALL, "patch": PATCH, **settings}
    )
    rng = np.random.default_rng(0)
    made.set_weights([w + rng.normal(0, 0.2, w.shape) for w in made.get_weights()])
    return made


def reconstructed(made, x, visible):
    return keras.ops.convert_to_numpy(made({"imu": x, "visible": visible})["reconstruction"])


@pytest.mark.parametrize("settings", [{}, {"adapter": True}, {"adapter": True, "patch": 1}])
def test_hidden_patches_change_nothing_and_visible_ones_do(settings):
    made, rng = network(**settings), np.random.default_rng(1)
    patch = settings.get("patch", PATCH)
    n = -(-FRAMES // patch)
    x = rng.normal(size=(3, FRAMES, CHANNELS)).astype(np.float32)
    visible = np.stack([rng.permutation(n)[:2] for _ in x]).astype(np.int32)
    others, seen = x.copy(), x.copy()
    for i, shown in enumerate(visible):
        frame_shown = np.isin(np.arange(FRAMES) // patch, shown)
        others[i, ~frame_shown] = 9
        seen[i, frame_shown] += 1
    told = reconstructed(made, x, visible)
    np.testing.assert_array_equal(told, reconstructed(made, others, visible))
    assert np.abs(told - reconstructed(made, seen, visible)).max() > 1e-3
    assert told.shape == x.shape


def test_the_order_in_which_visible_patches_are_named_does_not_matter():
    made, x = network(), np.random.default_rng(1).normal(size=(2, FRAMES, CHANNELS)).astype(np.float32)
    one, other = (np.tile(np.array(order, np.int32), (2, 1)) for order in ([0, 5, 7], [7, 0, 5]))
    np.testing.assert_allclose(reconstructed(made, x, one), reconstructed(made, x, other), atol=1e-5)
    assert np.abs(reconstructed(made, x, one) - reconstructed(made, x, one - [[0, 1, 0]])).max() > 1e-3


@pytest.mark.parametrize("settings", [{}, {"adapter": True, "patch": 1}])
def test_its_encoder_is_that_of_the_classifier_layer_by_layer(settings):
    made, x = network(**settings), np.random.default_rng(1).normal(size=(2, FRAMES, CHANNELS)).astype(np.float32)
    classifier = build(
        "patch_transformer", {"imu": (FRAMES, CHANNELS)}, n_classes=3, **{**SMALL, "patch": PATCH, **settings}
    )
    for layer in classifier.layers:
        if layer.weights and layer.name != "logits":
            layer.set_weights(made.get_layer(layer.name).get_weights())
    n = -(-FRAMES // settings.get("patch", PATCH))
    visible = np.tile(np.arange(n, dtype=np.int32), (2, 1))
    code = keras.Model(classifier.inputs, classifier.get_layer("code").output)([x])
    np.testing.assert_allclose(code, made({"imu": x, "visible": visible})["code"], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "huge"}, "none of tiny, small, paper"),
        ({"blocks": 3}, "it has patch, width"),
        ({"width": 9}, "heads"),
    ],
)
def test_a_setting_that_is_none_is_named(settings, said):
    with pytest.raises(GaitDataError, match=said):
        network(**settings)
