"""The step that puts an encoder into a pipeline."""

from dataclasses import replace

import numpy as np

from gaitlib.encoders.origins import learnt
from gaitlib.encoders.pretrained import Encoder
from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import Step
from gaitlib.preprocessing.step import sequence
from gaitlib.trials.joining import stacked
from gaitlib.trials.modality import object_array

PER = ("window", "trial")


class Encode(Step):
    """Replace trials by the features that an encoder tells of their windows.

    Parameters
    ----------
    encoder : Encoder
        A fitted one stays as it is. One that is not learns inside the fold, from its training trials and, where this is
        the first step, from the unlabelled ones of the training side.
    per : {"window", "trial"}
        An entry a window, a sequence of one step; or an entry a trial, a sequence of one step a window, whose
        :class:`SummaryStatistics` describe the whole recording.

    Attributes
    ----------
    encoder_ : Encoder
    """

    def __init__(self, encoder, per="window"):
        self.encoder = encoder
        self.per = per

    @property
    def takes_unlabelled(self) -> bool:
        """Whether :meth:`fit` learns from trials without labels."""
        return not self.encoder.fitted

    def fit(self, trials, y=None, unlabelled=None):
        """Learn, where the encoder has not.

        Parameters
        ----------
        trials : TrialSet
        y : ignored
        unlabelled : TrialSet, optional
            Further trials of the training side.
        """
        return super().fit(trials if unlabelled is None else stacked(trials, unlabelled))

    def _learn(self, trials):
        self.encoder_ = learnt(self.encoder, trials, self.encoder.seed)
        self.fitted_on_, self.fitted_subjects_ = self.encoder_.fitted_on_, self.encoder_.fitted_subjects_

    def _transform(self, trials):
        if self.per not in PER:
            raise GaitDataError(f"Encode per='{self.per}' is none of {', '.join(PER)}")
        windows = self.encoder_.windows(trials)
        name = self.encoder_.modality_
        m = sequence(windows, name)
        present = m.present()
        first = m.select_frames([slice(0, 1)] * len(windows))
        values = np.full(len(windows), None, dtype=object)
        if present.any():
            values[present] = object_array(list(self.encoder_.encode(windows[present])[:, None]))
        width = max((v.shape[1] for v in values[present]), default=0)
        channels = tuple(f"code_{i:03d}" for i in range(width))
        coded = replace(first, values=values, channels=channels, unit="", max_frames=1)
        return _of_whole_trials(windows, name, coded) if self.per == "trial" else windows.with_modality(name, coded)

    def check_learnt(self):
        super().check_learnt()
        for each in (self.encoder, self.encoder_):
            if not isinstance(each, Encoder):
                raise GaitDataError(f"Encode holds a {type(each).__name__}, no encoder")
        self.encoder_.check_learnt()


def _of_whole_trials(windows, name, coded):
    """An entry a trial, with the steps of its windows one after the other."""
    _, starts = np.unique(windows.ids, return_index=True)
    starts = np.sort(starts)

    def joined(column):
        own = np.split(column, starts[1:])
        return object_array([None if v[0] is None else np.concatenate(v) for v in own])

    whole = {
        part: joined(getattr(coded, part))
        for part in ("values", "frames", "time_s")
        if getattr(coded, part) is not None
    }
    return windows[starts].with_modality(name, replace(coded, **whole, max_frames=None))
