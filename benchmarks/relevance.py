"""Seconds for the relevance of 1000 trials (LRP, epsilon rule) against a plain gradient x input, in one run.

Both compiled, in the same batches, compilation left out (timed apart); the gradient also without compilation. Same
untrained networks, same synthetic arrays: sequences of 100 frames of 75 channels padded from 40 frames on, pressure
images of 128 x 48, waveforms of 101 points of 6 channels. Memory is the highest of the process.
Usage: python benchmarks/relevance.py [MODEL ...]
"""

import resource
import sys
import time

import keras
import numpy as np

from gaitlib.explain.backend import gradient, in_batches
from gaitlib.explain.gradients import gradient_x_input
from gaitlib.explain.inputs import target_logit
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.models import build, info

N, CLASSES, REPEATS = 1000, 6, 3
MODELS = ("compact_gru", "gru_cnn_fusion", "cnn_a3")


def arrays(shapes):
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(N, *shape)).astype(np.float32) for m, shape in shapes.items()}
    for i, n in enumerate(rng.integers(40, 101, N)):
        if "skeleton" in x:
            x["skeleton"][i, n:] = 0
    return x


def uncompiled(network, x, target):
    """Gradient x input without compilation."""
    found = in_batches(lambda v, t: gradient(lambda u: target_logit(network, u, t), v), x, target)
    return {m: found[m] * x[m] for m in x}


def seconds(function, *arguments, repeats=REPEATS):
    """The first call, with compilation, and the fastest of the others."""
    times = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return times[0], min(times[1:])


def main(names):
    for name in names or MODELS:
        keras.utils.set_random_seed(0)
        shapes = info(name).inputs((100, 75) if info(name).prepared == "windows" else None)
        x, target = arrays(shapes), np.arange(N, dtype=np.int32) % CLASSES
        network = build(name, shapes, n_classes=CLASSES)
        slow = seconds(uncompiled, network, x, target, repeats=1)[1]
        first_plain, plain = seconds(gradient_x_input, network, x, target)
        first, ours = seconds(lrp, network, x, target)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{name}: relevance {ours:.2f} s (first call {first:.1f}), gradient x input {plain:.2f} (first call "
            f"{first_plain:.1f}), uncompiled {slow:.2f}; ratio {ours / plain:.2f}, to uncompiled {ours / slow:.2f}; "
            f"peak memory {peak_mb:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
