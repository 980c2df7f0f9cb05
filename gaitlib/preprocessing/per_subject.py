"""Scaling by a person's own recordings, which assumes that there are several."""

from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step


class ScalePerSubject(Step):
    """Subtract from every channel the person's own mean and divide by the person's own standard deviation.

    **What it assumes:** that several recordings of the tested person are there, if without labels, when the first of
    them is judged, and that they hold the same mixture of states as everybody's. It is no step for a single new
    recording, so mean and deviation are those of the trials given, not of the training trials: a trial comes out
    otherwise among other trials of its person (what :func:`gaitlib.testing.check_step` refuses, rightly, of every
    other step). A table made with it claims "a new person of whom unlabelled recordings are there".

    NaN stays NaN. A channel that does not change in a person becomes 0.

    Parameters
    ----------
    modality : str
        Frames of a sequence and rows of an image are pooled, of static values the trials.

    Raises
    ------
    GaitDataError
        On ``transform``, where a person has the modality in a single trial.
    """

    def __init__(self, modality):
        self.modality = modality

    def _transform(self, trials):
        m = trials.modality(self.modality)
        values = m.values.copy()
        for subject in dict.fromkeys(trials.subjects):
            own = np.flatnonzero((trials.subjects == subject) & m.present())
            if len(own) == 1:
                raise GaitDataError(
                    f"{subject} has '{self.modality}' in a single trial: ScalePerSubject needs several recordings of "
                    "each person; transform them together, or scale with Frames(StandardScaler())"
                )
            if len(own):
                mean, sd = _mean_and_sd(np.concatenate([np.atleast_2d(values[i]) for i in own]))
                for i in own:
                    values[i] = ((values[i] - mean) / sd).astype(np.float32)
        return trials.with_modality(self.modality, replace(m, values=values, unit=""))


def _mean_and_sd(pooled) -> tuple[np.ndarray, np.ndarray]:
    """Of every channel in double precision, over what is known; 1 for a deviation of 0."""
    table = pd.DataFrame(pooled.astype(np.float64))
    sd = table.std(ddof=0).to_numpy()
    return table.mean().to_numpy(), np.where(table.nunique().to_numpy() > 1, sd, 1.0)
