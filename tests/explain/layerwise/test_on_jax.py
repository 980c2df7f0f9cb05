"""Relevance on JAX, where TensorFlow cannot even be imported, is that of TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from lrp_reference import randomised

from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.models import build

pytestmark = pytest.mark.slow
SIZES = {
    "gru_cnn_fusion": {"skeleton": (6, 4), "pressure": (14, 5)},
    "attention": {"skeleton": (6, 4)},
    "bilstm": {"skeleton": (6, 4)},
    "cnn_a3": {"grf": (12, 4)},
}
EXPLAIN = """
import sys
sys.modules["tensorflow"] = None
import keras, numpy as np
from gaitlib.explain.layerwise.propagation import lrp
assert keras.backend.backend() == "jax"
for name in sys.argv[2:]:
    network = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras", compile=False)
    x = dict(np.load(f"{sys.argv[1]}/{name}.npz"))
    found, account = lrp(network, x, np.array([0, 1, 2]))
    weights = network.get_weights()
    network.set_weights([w * 0 for w in weights])
    assert not np.any(lrp(network, x, np.array([0, 1, 2]))[1]["score"])
    network.set_weights(weights)
    np.savez(f"{sys.argv[1]}/{name}_jax.npz", **found, **account)
"""


def test_relevance_on_jax_is_that_of_tensorflow(tmp_path):
    pytest.importorskip("jax", reason="needs jax: pip install 'gaitlib[jax]'")
    rng = np.random.default_rng(0)
    expected = {}
    for name, sizes in SIZES.items():
        network = randomised(build(name, sizes, n_classes=3))
        x = {m: rng.normal(size=(3, *shape)).astype(np.float32) for m, shape in sizes.items()}
        if "skeleton" in x:
            x["skeleton"][1, 4:] = 0
        network.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", **x)
        expected[name] = lrp(network, x, np.array([0, 1, 2]))
    assert keras.backend.backend() == "tensorflow"
    command = [sys.executable, "-c", EXPLAIN, str(tmp_path), *SIZES]
    env = os.environ | {"KERAS_BACKEND": "jax"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    for name, (relevance, account) in expected.items():
        found = np.load(tmp_path / f"{name}_jax.npz")
        assert np.abs(found["error"]).max() < 1e-3
        np.testing.assert_allclose(found["score"], account["score"], atol=1e-4)
        for m, values in relevance.items():
            np.testing.assert_allclose(found[m], values, atol=2e-3 * np.abs(values).max())
