"""The device is chosen by one call, in a process of its own here: it must be the first one."""

import subprocess
import sys

import pytest

import gaitlib
from gaitlib.training import device
from gaitlib.training.device import has_gpu

MIXED = """
import numpy as np, keras, gaitlib
gaitlib.set_device(DEVICE, mixed_precision=True)
assert gaitlib.device_name().endswith("cores)")
for name in ("compact_gru", "gru_cnn_fusion", "attention"):
    inputs = gaitlib.models.info(name).inputs((40, 9))
    network = gaitlib.models.build(name, inputs, n_classes=3)
    out = network({k: np.ones((2, *v), "float32") for k, v in inputs.items()})
    print(name, keras.backend.standardize_dtype(out.dtype), network.weights[0].dtype, network.layers[-2].compute_dtype)
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.slow
def test_mixed_precision_computes_in_float16_and_answers_in_float32():
    done = run(MIXED.replace("DEVICE", "'cpu'"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == [
        f"{name} float32 float32 float16" for name in ("compact_gru", "gru_cnn_fusion", "attention")
    ]


def test_too_late_a_choice_says_so(monkeypatch):
    def refuse(device):
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(device, "_set_tensorflow", refuse)
    before = device.chosen_device()
    with pytest.raises(gaitlib.GaitDataError, match="before anything is computed.*restart"):
        gaitlib.set_device("cpu", mixed_precision=True)
    assert device.chosen_device() == before


@pytest.mark.slow
def test_a_precision_that_the_folds_would_not_know_is_refused():
    late = "import keras; keras.config.set_dtype_policy('mixed_float16')"
    done = run(f"{late}; from gaitlib.training.device import chosen_device; chosen_device()")
    assert "choose the precision by gaitlib.set_device" in done.stderr


@pytest.mark.skipif(has_gpu(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_missed():
    with pytest.raises(gaitlib.GaitDataError, match="no GPU is seen"):
        gaitlib.set_device("gpu")
    with pytest.raises(gaitlib.GaitDataError, match="'tpu' is none of"):
        gaitlib.set_device("tpu")
