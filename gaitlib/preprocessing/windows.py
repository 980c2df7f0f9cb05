"""Cut sequences to windows: samples that point to their trial."""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing.step import Step, sequence


class Crop(Step):
    """Cut sequences to a number of frames; shorter trials stay as they are.

    Parameters
    ----------
    frames : int
    position : {"first", "last", "centre", "sliding"}
        "first": the start of the walk; "last": its end; "centre": its middle; "sliding": windows over all of it, each a
        sample that points to its trial. The last window ends with the last frame, so no frame is lost.
    hop : int
        Frames from one sliding window to the next, at most ``frames``.
    modality : str
        The sequence that is cut; others are left as they are.
    """

    def __init__(self, frames=100, position="last", hop=25, modality="skeleton"):
        self.frames = frames
        self.position = position
        self.hop = hop
        self.modality = modality

    def _transform(self, trials):
        m = sequence(trials, self.modality)
        if self.frames < 1 or self.hop < 1:
            raise GaitDataError(f"Crop needs at least 1 frame and hop, got {self.frames} and {self.hop}")
        lengths = [0 if v is None else len(v) for v in m.values]
        if self.position == "first":
            starts = [[0] for _ in lengths]
        elif self.position == "last":
            starts = [[max(0, n - self.frames)] for n in lengths]
        elif self.position == "centre":
            starts = [[max(0, n - self.frames) // 2] for n in lengths]
        elif self.position == "sliding":
            if self.hop > self.frames:
                raise GaitDataError(f"Crop: a hop of {self.hop} would lose frames between windows of {self.frames}")
            ends = [max(0, n - self.frames) for n in lengths]
            starts = [[*range(0, end, self.hop), end] for end in ends]
        else:
            raise GaitDataError(f"Crop position '{self.position}' is none of first, last, centre, sliding")
        windows = trials[np.repeat(np.arange(len(trials)), [len(s) for s in starts])]
        chosen = [slice(start, start + self.frames) for own in starts for start in own]
        cut = windows.modality(self.modality).select_frames(chosen)
        return windows.with_modality(self.modality, replace(cut, max_frames=self.frames))
