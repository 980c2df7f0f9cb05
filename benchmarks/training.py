"""Seconds an epoch: gaitlib's training against a plain ``keras.Model.fit`` on arrays with default settings, in one run.

Same network, same synthetic arrays (1000 trials of 40 to 100 frames, 96 channels, pressure images of 128 x 48, batch
32), with XLA and without. Compilation is left out: the first epoch is not counted.
Usage: python benchmarks/training.py [MODEL ...]
"""

import sys
import time

import keras
import numpy as np

from gaitlib import models
from gaitlib.models import Builder, Head
from gaitlib.training import LabelledSamples, Training, train_network

N, FRAMES, CHANNELS, CLASSES, EPOCHS = 1000, 100, 96, 6, 11


class Clock(keras.callbacks.Callback):
    """Time of every epoch, with whatever happens between them."""

    def on_train_begin(self, logs=None):
        self.ends = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.ends.append(time.perf_counter())


def arrays(entry):
    """Inputs of a network, sequences padded at the end, and labels."""
    rng = np.random.default_rng(0)
    shapes = entry.inputs((FRAMES, CHANNELS) if entry.prepared == "windows" else None)
    x = {m: rng.normal(size=(N, *shape)).astype(np.float32) for m, shape in shapes.items()}
    for i, n in enumerate(rng.integers(40, FRAMES + 1, N)):
        if "skeleton" in x:
            x["skeleton"][i, n:] = 0
    return x, rng.integers(0, CLASSES, N).astype(np.int32)


def network(name, x):
    keras.utils.set_random_seed(0)
    return Builder(name).build_network({m: v.shape[1:] for m, v in x.items()}, {"label": Head("class", CLASSES)})


def plain(name, x, y) -> float:
    model = network(name, x)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(clipnorm=1.0), loss, metrics=["accuracy"])
    clock = Clock()
    model.fit(x, y, batch_size=32, epochs=EPOCHS, verbose=0, callbacks=[clock])
    return (clock.ends[-1] - clock.ends[1]) / (EPOCHS - 1)


def ours(name, x, y, jit) -> float:
    samples = LabelledSamples(x, y, np.ones(N, np.float32))
    model, clock = network(name, x), Clock()
    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, clock], **k)
    train_network(model, samples, None, Training(epochs=EPOCHS, schedule=None), seed=0, jit=jit)
    return (clock.ends[-1] - clock.ends[1]) / (EPOCHS - 1)


def main(names):
    for name in names or models.available(network=True, classifies=True):
        info = models.info(name)
        x, y = arrays(info)
        a, (off, on) = plain(name, x, y), (ours(name, x, y, jit) for jit in (False, True))
        chosen = on if info.jit else off
        print(
            f"{name}: plain fit {a:.2f}, gaitlib {off:.2f} without XLA, {on:.2f} with; chosen "
            f"{'with' if info.jit else 'without'}, ratio {chosen / a:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
