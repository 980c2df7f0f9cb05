"""What a network reads in one go, batch by batch."""

from dataclasses import dataclass, replace

import keras
import numpy as np


@dataclass(frozen=True, eq=False)
class LabelledSamples:
    """Inputs, targets and weights of the samples that a network learns from or is watched on.

    Target and weight are arrays, or dicts of them by head.
    """

    inputs: dict[str, np.ndarray]
    target: np.ndarray | dict[str, np.ndarray]
    weight: np.ndarray | dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def only(self, modality: str) -> "LabelledSamples":
        """The same samples with the input of one modality."""
        return replace(self, inputs={modality: self.inputs[modality]})


def concatenated(parts) -> LabelledSamples:
    """The samples of all parts, in their order."""
    inputs, target, weight = (
        keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *(getattr(p, what) for p in parts))
        for what in ("inputs", "target", "weight")
    )
    return LabelledSamples(inputs, target, weight)


def batches(samples: LabelledSamples, batch_size: int, shuffle_seed: int | None = None):
    """Batches for ``fit``: tf.data without autotune under TensorFlow, a PyDataset on other backends.

    Shuffled batches are all of one size; the few samples left over take part in another epoch.
    """
    shuffled = shuffle_seed is not None
    if keras.backend.backend() != "tensorflow":
        return _Batches(samples, batch_size, shuffle_seed)
    import tensorflow as tf

    parts = keras.tree.map_structure(tf.constant, (samples.inputs, samples.target, samples.weight))
    index = tf.data.Dataset.range(len(samples))
    if shuffled:
        index = index.shuffle(len(samples), seed=shuffle_seed, reshuffle_each_iteration=True)

    def gather(i):
        return keras.tree.map_structure(lambda x: tf.gather(x, i), parts)

    options = tf.data.Options()
    options.autotune.enabled = False  # its tear-down stalls for up to a second an epoch
    return index.batch(batch_size, drop_remainder=shuffled).map(gather).with_options(options)


class _Batches(keras.utils.PyDataset):
    def __init__(self, samples, batch_size, shuffle_seed):
        super().__init__()
        self.samples, self.batch_size = samples, batch_size
        self.rng = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        self.order = np.arange(len(samples))
        self.on_epoch_end()

    def on_epoch_end(self):
        if self.rng is not None:
            self.rng.shuffle(self.order)

    def __len__(self):
        n = len(self.samples)
        return n // self.batch_size if self.rng is not None else -(-n // self.batch_size)

    def __getitem__(self, k):
        i = self.order[k * self.batch_size : (k + 1) * self.batch_size]
        s = self.samples
        return keras.tree.map_structure(lambda x: x[i], (s.inputs, s.target, s.weight))
