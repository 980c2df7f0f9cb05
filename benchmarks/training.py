"""Seconds an epoch: gaitlib's training against a plain ``keras.Model.fit`` on arrays with default settings, in one run.

Same network, same synthetic arrays (1000 trials of 40 to 100 frames, 96 channels, batch 32). Compilation is left out
of both: the first epoch is not counted. Usage: python benchmarks/training.py [MODEL ...]
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


def arrays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, FRAMES, CHANNELS)).astype(np.float32)
    for i, n in enumerate(rng.integers(40, FRAMES + 1, N)):
        x[i, n:] = 0
    return x, rng.integers(0, CLASSES, N).astype(np.int32)


def network(name):
    keras.utils.set_random_seed(0)
    return Builder(name).build_network({"skeleton": (FRAMES, CHANNELS)}, {"": Head("class", CLASSES)})


def plain(name, x, y) -> float:
    model = network(name)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(clipnorm=1.0), loss, metrics=["accuracy"])
    clock = Clock()
    model.fit({"skeleton": x}, y, batch_size=32, epochs=EPOCHS, verbose=0, callbacks=[clock])
    return (clock.ends[-1] - clock.ends[1]) / (EPOCHS - 1)


def ours(name, x, y) -> float:
    samples = LabelledSamples({"skeleton": x}, y, np.ones(N, np.float32))
    model, clock = network(name), Clock()
    fit = model.fit
    model.fit = lambda *a, callbacks, **k: fit(*a, callbacks=[*callbacks, clock], **k)
    train_network(model, samples, None, Training(epochs=EPOCHS, schedule=None), seed=0, jit=models.info(name).jit)
    return (clock.ends[-1] - clock.ends[1]) / (EPOCHS - 1)


def main(names):
    x, y = arrays()
    for name in names or [n for n in models.available() if models.info(n).kind != "classical"]:
        a, b = plain(name, x, y), ours(name, x, y)
        print(f"{name}: plain fit {a:.2f} s, gaitlib {b:.2f} s an epoch, ratio {b / a:.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
