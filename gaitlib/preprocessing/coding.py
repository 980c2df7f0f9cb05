"""The code of an autoencoder as features, learnt inside the fold."""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.samples import Tensors
from gaitlib.preprocessing.step import Step, sequence
from gaitlib.trials.modality import object_array


class AutoencoderCode(Step):
    """Replace a sequence by the code that a convolutional autoencoder makes of it: one step of ``code`` channels.

    The network is :func:`gaitlib.models.autoencoders.autoencoder`. Comes after scaling and :class:`Crop`. Departs
    from the reference study: it learns from training trials only, for a fixed number of epochs at a falling rate (no
    trials are watched), and padded frames count neither in its loss nor in the error.

    Parameters
    ----------
    code : int
    epochs, batch_size : int
    learning_rate : float
    seed : int
    modality : str

    Attributes
    ----------
    shape_ : tuple of int
        (frames, channels) that it reads.
    weights_ : list of ndarray
        Of the trained network.
    """

    def __init__(self, code=512, epochs=30, batch_size=64, learning_rate=1e-3, seed=0, modality="skeleton"):
        self.code = code
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.modality = modality

    def _learn(self, trials):
        import keras

        from gaitlib.training import LabelledSamples, batches

        own = trials[sequence(trials, self.modality).present()]
        self.tensors_ = Tensors([self.modality]).fit(own)
        x, real = self._tensors(own)
        self.shape_ = x.shape[1:]
        keras.utils.set_random_seed(self.seed)
        network = self._build()
        batch_size = min(self.batch_size, len(x))
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, self.epochs * (len(x) // batch_size))
        network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss="mse")
        samples = LabelledSamples({self.modality: x}, x, real)
        network.fit(batches(samples, batch_size, self.seed), epochs=self.epochs, verbose=0, shuffle=False)
        self.weights_ = network.get_weights()

    def _transform(self, trials):
        import keras

        m = sequence(trials, self.modality)
        present = m.present()
        values = np.full(len(trials), None, dtype=object)
        if present.any():
            x, _ = self._tensors(trials[present])
            if x.shape[1:] != self.shape_:
                raise GaitDataError(f"the autoencoder learnt from {self.shape_}, these are {x.shape[1:]} per sample")
            network = self._trained()
            encoder = keras.Model(network.input, network.get_layer("code").output)
            codes = encoder.predict({self.modality: x}, batch_size=256, verbose=0)
            values[present] = object_array(list(codes[:, None]))
        first = [slice(0, 1)] * len(trials)
        coded = replace(
            m.select_frames(first),
            values=values,
            channels=tuple(f"code_{i:03d}" for i in range(self.code)),
            unit="",
            max_frames=1,
        )
        return trials.with_modality(self.modality, coded)

    def reconstruction_error(self, trials) -> np.ndarray:
        """Mean squared error over real frames and channels, of each trial (or window) given.

        Parameters
        ----------
        trials : TrialSet
            As this step gets them in its pipeline: scaled and cut.

        Returns
        -------
        ndarray (n,)
            After standardising, 1 is the error of always giving the mean of the training frames.
        """
        x, real = self._tensors(trials)
        again = self._trained().predict({self.modality: x}, batch_size=256, verbose=0)
        return (((again - x) ** 2).mean(axis=2) * real).sum(axis=1) / real.sum(axis=1)

    def check_learnt(self):
        super().check_learnt()
        self.tensors_.check_learnt()
        self._trained()  # weights that do not fit it are refused

    def _tensors(self, trials):
        """Padded sequences, and 1 on their real frames: (n, frames, channels) and (n, frames)."""
        x = self.tensors_.transform(trials).inputs[self.modality]
        lengths = np.array([len(v) for v in trials.modality(self.modality).values])
        return x, (np.arange(x.shape[1]) < lengths[:, None]).astype(np.float32)

    def _build(self):
        import keras

        from gaitlib.models import build

        network = build("autoencoder", {self.modality: self.shape_}, n_classes=1, code=self.code)
        return keras.Model({self.modality: network.inputs[0]}, network.output)

    def _trained(self):
        network = self._build()
        network.set_weights(self.weights_)
        return network
