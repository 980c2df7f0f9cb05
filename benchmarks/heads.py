"""What heads cost: seconds of an epoch with one head and with three, side by side in one process.

    python benchmarks/heads.py

The same network on the same samples, trained in turns; CPU seconds, of which the quickest of several turns counts. The
naive way, a network a target, costs as many epochs as there are targets.
"""

import time

import keras
import numpy as np

from gaitlib.models import Builder, Head
from gaitlib.training import LabelledSamples, Training, train_network

N, FRAMES, CHANNELS, CLASSES, ROUNDS = 2048, 40, 49, 6, 6
KINDS = {"label": ("class", CLASSES), "speed": ("continuous", 1), "side": ("binary", 1)}


def samples(heads) -> LabelledSamples:
    """Random walks with random targets of the heads."""
    rng = np.random.default_rng(0)
    x = {"skeleton": rng.normal(size=(N, FRAMES, CHANNELS)).astype(np.float32)}
    targets = {
        "label": rng.integers(CLASSES, size=N).astype(np.int32),
        "speed": rng.normal(size=(N, 1)).astype(np.float32),
        "side": rng.integers(2, size=(N, 1)).astype(np.float32),
    }
    targets, weights = {h: targets[h] for h in heads}, {h: np.ones(N, np.float32) for h in heads}
    if len(heads) == 1:
        (targets,), (weights,) = targets.values(), weights.values()
    return LabelledSamples(x, targets, weights)


def network(heads):
    keras.utils.set_random_seed(0)
    made = {name: Head(*KINDS[name]) for name in heads}
    return Builder("compact_gru").build_network({"skeleton": (FRAMES, CHANNELS)}, made)


def epoch_seconds(net, train, heads) -> float:
    """Of an epoch after the first, which compiles."""
    kinds = {name: KINDS[name][0] for name in heads}
    times = []
    for epochs in (1, 4):
        start = time.process_time()
        train_network(net, train, None, Training(epochs=epochs, batch_size=64, schedule=None), seed=0, kinds=kinds)
        times.append(time.process_time() - start)
    return (times[1] - times[0]) / 3


def main():
    cases = {"one head": ["label"], "three heads": list(KINDS)}
    nets = {name: (network(heads), samples(heads), heads) for name, heads in cases.items()}
    best = dict.fromkeys(cases, np.inf)
    for _ in range(ROUNDS):
        for name, case in nets.items():
            best[name] = min(best[name], epoch_seconds(*case))
    for name, seconds in best.items():
        print(f"{name}: {seconds:.2f} CPU s an epoch of {N} samples, {seconds / best['one head']:.2f} x one head")


if __name__ == "__main__":
    main()
