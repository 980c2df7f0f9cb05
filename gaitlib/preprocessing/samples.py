"""The last steps: cut trials into samples and turn them into the arrays that a network reads."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, require_finite, require_trials

STAND_IN_FRAME = 1e-6  # next to nothing, yet no padding


@dataclass(frozen=True, eq=False)
class Samples:
    """What a model reads.

    Attributes
    ----------
    inputs : dict of str to ndarray
        One float32 array a modality, (n_samples, frames, channels), padded with zeros at the end.
    trial : ndarray of str (n_samples,)
        The trial that each sample was cut from.
    channels : dict of str to tuple of str
    """

    inputs: dict[str, np.ndarray]
    trial: np.ndarray
    channels: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.trial)


class Tensors(Step):
    """Turn a TrialSet into :class:`Samples`: one array a modality, sequences padded with zeros at the end.

    Sequences are padded to the length set by :class:`Crop`, else to the longest training trial. Models find the
    padding by its zeros, so the last real frame must not be all zero: this is checked, and scaling ensures it.

    Parameters
    ----------
    modalities : sequence of str, optional
        Which to keep; default all.
    allow_missing : bool
        Give a modality that a trial lacks its stand-in, as long as the trial has another. Only a network that was
        trained so (``Training(modality_dropout=...)``) knows what a stand-in means.
    pad : bool
        False refuses sequences that are shorter than the training trials, for models that take every point for itself.

    Attributes
    ----------
    stand_in_ : dict of str to ndarray
        What the network reads, by modality, where there is nothing: an image of zeros (after scaling to 0..1 a plate
        that nobody touched), static values of zero (after standardising those of the average person), a sequence of
        one frame of 1e-6 and padding behind it. A sequence of padding alone would have no frame to attend to or to
        average.

    Raises
    ------
    GaitDataError
        Where a number is not finite, a trial lacks a modality or is longer than the padded length, or a
        sequence ends in a frame of zeros.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> arrays = {"emg": [np.ones((3, 1)), None], "age": [None, np.ones(1)]}
    >>> samples = Tensors(allow_missing=True).fit_transform(TrialSet.from_arrays(arrays, subject=["a", "b"]))
    >>> samples.inputs["emg"][1].ravel().tolist(), samples.inputs["age"].ravel().tolist()
    ([9.99...e-07, 0.0, 0.0], [0.0, 1.0])
    """

    def __init__(self, modalities=None, allow_missing=False, pad=True):
        self.modalities = modalities
        self.allow_missing = allow_missing
        self.pad = pad

    def fit(self, trials, y=None):
        super().fit(trials)
        self.stand_in_ = {}
        for name in trials.modalities if self.modalities is None else self.modalities:
            m = trials.modality(name)
            present = m.values[m.present()]
            if len(present) == 0:
                raise GaitDataError(f"no training trial has '{name}', so there is nothing to learn from")
            shape = present[0].shape
            if m.kind == "sequence":
                shape = (m.max_frames or max(len(v) for v in present), len(m.channels))
            self.stand_in_[name] = np.zeros(shape, np.float32)
            if m.kind == "sequence":
                self.stand_in_[name][0] = STAND_IN_FRAME
        return self

    def transform(self, trials) -> Samples:
        require_trials(self, trials)
        if not hasattr(self, "stand_in_"):
            raise GaitDataError("Tensors is not fitted: call fit(training_trials) first")
        self._require_present(trials)
        inputs = {name: self._stack(trials, name) for name in self.stand_in_}
        return Samples(inputs, trials.ids, {name: trials.modality(name).channels for name in self.stand_in_})

    def check_learnt(self):
        super().check_learnt()
        for name, stand_in in self.stand_in_.items():
            if not isinstance(name, str) or stand_in.dtype != np.float32 or stand_in.ndim not in (1, 2):
                raise GaitDataError(f"what stands in for '{name}' is no array of a sample")

    def _require_present(self, trials):
        """Refuse trials that lack a modality or, where that is allowed, all of them."""
        present = {name: trials.modality(name).present() for name in self.stand_in_}
        if self.allow_missing:
            something = np.any(list(present.values()), axis=0)
            if not something.all():
                raise GaitDataError(f"{trials.ids[~something][0]} has none of {', '.join(present)}; leave it out")
            return
        for name, there in present.items():
            if not there.all():
                raise GaitDataError(
                    f"{trials.ids[~there][0]} has no '{name}'; leave such trials out, train without that modality, or "
                    "train a network to do without it: Training(modality_dropout=0.3)"
                )

    def _stack(self, trials, name):
        require_finite(trials, name)
        m, stand_in = trials.modality(name), self.stand_in_[name]
        if m.kind != "sequence":
            return np.stack([stand_in if values is None else values for values in m.values])
        out = np.zeros((len(trials), len(stand_in), len(m.channels)), np.float32)
        for i, (trial, values) in enumerate(zip(trials.ids, m.values, strict=True)):
            if values is None:
                out[i] = stand_in
                continue
            if len(values) > len(stand_in):
                raise GaitDataError(
                    f"{trial}, '{name}': {len(values)} frames, the model was made for {len(stand_in)}; "
                    "put Crop() before Tensors()"
                )
            if len(values) < len(stand_in) and not self.pad:
                raise GaitDataError(
                    f"{trial}, '{name}': {len(values)} frames, the model reads just {len(stand_in)}; bring all to "
                    f"one length with TimeNormalise({len(stand_in)}, '{name}')"
                )
            if self.pad and not values[-1].any():
                raise GaitDataError(
                    f"{trial}, '{name}': the last frame is all zero and would pass for padding; "
                    f"scale first with Frames(StandardScaler(), modality='{name}')"
                )
            out[i, : len(values)] = values
        return out


def mean_over_samples(values, samples: Samples, trial_ids) -> np.ndarray:
    """Average rows of samples that belong to the same trial, in the order of the given trial ids."""
    frame = pd.DataFrame(values).groupby(np.asarray(samples.trial, dtype=str)).mean()
    return frame.loc[[str(t) for t in trial_ids]].to_numpy()


def mean_of_trials(values, samples: Samples, trials) -> np.ndarray:
    """Mean over the samples of each trial, in the order of the trials."""
    if len(samples) == len(trials):
        return values
    mean = mean_over_samples(values, samples, trials.ids)
    return mean if values.ndim == 2 else mean[:, 0]
