"""Masked pretraining: a step with three quarters hidden against one without, memory, one step of the paper's size.

The step without masking encodes all patches; the rest is the same. Memory is that of a training on ten hours of noise
in a process of its own, drawing windows one by one, for few and for ten times as many windows; beside it that of
cutting windows beforehand (50 % and 95 % overlap).

Usage: python benchmarks/masked_pretraining.py [steps | memory | paper]
"""

import subprocess
import sys
import time

import keras
import numpy as np
import psutil

from gaitlib.encoders.networks import giving_back, masks_of, network_of
from gaitlib.models import Builder
from gaitlib.training import Pretraining
from gaitlib.training.pretraining import pretrain_network
from gaitlib.training.window_batches import WindowBatches

FRAMES, CHANNELS, BATCH = 128, 6, 128
REPEATS, STEPS = 5, 20
HOURS, RATE_HZ = 10, 50
SCALE = (np.zeros(CHANNELS), np.ones(CHANNELS))


def batches_of(network, settings, n_recordings=8, frames=20_000):
    """Windows of noise, which cost as much as any."""
    rng = np.random.default_rng(0)
    recordings = [rng.normal(size=(frames, CHANNELS)).astype(np.float32) for _ in range(n_recordings)]
    names = [f"channel{i}" for i in range(CHANNELS)]
    return WindowBatches(recordings, [""] * n_recordings, masks_of(network, settings), settings, SCALE, names, seed=0)


def seconds_a_step(network, batches, jit) -> float:
    """CPU seconds (user and system) of a training step, best of a few runs, after compiling."""
    trained = giving_back(network)
    trained.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=jit)
    ready = [batches.batch(0, k) for k in range(STEPS)]
    for batch in ready[:2]:
        trained.train_on_batch(*batch)
    best = np.inf
    for _ in range(REPEATS):
        began = time.process_time()
        for batch in ready:
            trained.train_on_batch(*batch)
        best = min(best, (time.process_time() - began) / STEPS)
    return best


def steps() -> None:
    print("CPU ms a step of 128 windows (128 x 6)   hidden 75 %   hidden none   ratio", flush=True)
    for preset in ("tiny", "small"):
        for jit in (True, False):
            took = []
            for hidden in (0.75, 1e-9):
                network = network_of(Builder("masked_autoencoder", preset=preset), {"imu": (FRAMES, CHANNELS)})
                batches = batches_of(network, Pretraining(batch_size=BATCH, hidden=hidden))
                if hidden < 0.5:
                    batches = _everything_visible(batches)
                took.append(seconds_a_step(network, batches, jit))
            how = "XLA" if jit else "plain"
            print(
                f"{preset:<6} {how:<34} {1e3 * took[0]:8.1f} {1e3 * took[1]:13.1f} {took[0] / took[1]:11.2f}",
                flush=True,
            )


class _everything_visible:
    def __init__(self, batches):
        self.batches = batches

    def batch(self, epoch, step):
        (x, _), target, weight = self.batches.batch(epoch, step)
        n_patches = self.batches.masks.n_patches
        return [x, np.tile(np.arange(n_patches, dtype=np.int32), (len(x), 1))], target, np.ones_like(weight)


def memory() -> None:
    for how in ("ours few", "ours many", "naive few", "naive many"):
        subprocess.run([sys.executable, __file__, how], check=True)


def memory_of(how) -> None:
    """Peak of this process: windows on the fly for 100 or 1000 steps, or cut beforehand at a hop of 64 or 6 frames."""
    settings = Pretraining(epochs=1, batch_size=BATCH, held_out=0.0)
    network = network_of(Builder("masked_autoencoder", preset="tiny"), {"imu": (FRAMES, CHANNELS)})
    n_recordings = HOURS * 6
    frames = 600 * RATE_HZ  # ten minutes each
    batches = batches_of(network, settings, n_recordings, frames)
    batches.n_steps = 100
    many = how.endswith("many")
    if how.startswith("naive"):
        hop = 6 if many else 64
        windows = [
            batches._values[start : start + FRAMES]
            for first in batches._first
            for start in range(first, first + frames - FRAMES + 1, hop)
        ]
        n_windows, kept = len(windows), np.stack(windows)  # kept: held while it trains
        del windows
        assert len(kept) == n_windows
    else:
        batches.n_steps *= 10 if many else 1
        n_windows = batches.n_steps * BATCH
    pretrain_network(giving_back(network), batches, None, settings, seed=0)
    peak = psutil.Process().memory_info()
    import resource

    print(f"{how:<10} {n_windows:8d} windows: peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MB "
          f"(at the end {peak.rss / 2**20:.0f})", flush=True)  # fmt: skip


def paper() -> None:
    batch_size = 8
    network = network_of(Builder("masked_autoencoder", preset="paper"), {"imu": (FRAMES, CHANNELS)})
    counts = {"adapter": 0, "encoder": 0, "decoder": 0}
    for layer in network.layers:
        name = layer.name.split("_")[0].rstrip("12")
        part = "adapter" if name == "adapter" else "decoder" if name in ("decoder", "back") else "encoder"
        counts[part] += layer.count_params()
    print(", ".join(f"{part} {n:,}" for part, n in counts.items()), "weights", flush=True)
    batches = batches_of(network, Pretraining(batch_size=batch_size))
    trained = giving_back(network)
    trained.compile(keras.optimizers.Adam(1e-4), loss="mse")
    for _ in range(3):
        cpu, wall = time.process_time(), time.perf_counter()
        loss = trained.train_on_batch(*batches.batch(0, 0))
        took = f"{time.process_time() - cpu:.1f} CPU s, {time.perf_counter() - wall:.1f} s"
        print(f"a step of {batch_size} windows: {took}, loss {float(loss):.3f}", flush=True)
    import resource

    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB")


if __name__ == "__main__":
    asked = " ".join(sys.argv[1:])
    if asked.startswith(("ours", "naive")):
        memory_of(asked)
    else:
        for name in [asked] if asked else ["steps", "memory", "paper"]:
            {"steps": steps, "memory": memory, "paper": paper}[name]()
