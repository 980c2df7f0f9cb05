"""Modality: what one sensor gave over all trials."""

from dataclasses import dataclass, replace

import numpy as np

KINDS = ("sequence", "image", "static")


@dataclass(frozen=True)
class Modality:
    """What one sensor gave, over all trials.

    Attributes
    ----------
    kind : {"sequence", "image", "static"}
        Arrays are (frames, channels), (rows, channels) or (channels,).
    channels : tuple of str
        Names of the last axis.
    unit : str
        Unit of the values; channels in another unit carry it in their name.
    values : ndarray of object, shape (n_trials,)
        A float32 array a trial, or None where the trial lacks the modality.
    frames, time_s : ndarray of object, shape (n_trials,), or None
        Original frame numbers and times (seconds) of a sequence; the times of a trial are None where unknown.
    max_frames : int or None
        No trial is longer, now or in new data; set by the step that crops.
    """

    kind: str
    channels: tuple[str, ...]
    unit: str
    values: np.ndarray
    frames: np.ndarray | None = None
    time_s: np.ndarray | None = None
    max_frames: int | None = None

    def take(self, index) -> "Modality":
        def part(column):
            return None if column is None else column[index]

        return replace(self, values=self.values[index], frames=part(self.frames), time_s=part(self.time_s))

    def map(self, function, channels=None, unit=None) -> "Modality":
        """The same modality with ``function(values)`` of every trial that has it."""
        values = object_array([None if v is None else np.asarray(function(v), np.float32) for v in self.values])
        return replace(self, values=values, channels=tuple(channels or self.channels), unit=unit or self.unit)

    def select_frames(self, chosen) -> "Modality":
        """Keep the given frames (an index or mask a trial), with their numbers and times."""

        def part(column):
            pairs = zip(column, chosen, strict=True)
            return object_array([None if v is None else v[c] for v, c in pairs])

        return replace(self, values=part(self.values), frames=part(self.frames), time_s=part(self.time_s))

    def present(self) -> np.ndarray:
        """Which trials have this modality, bool (n_trials,)."""
        return np.array([v is not None for v in self.values], dtype=bool)


def object_array(items) -> np.ndarray:
    """A 1-D object array holding the items as they are, also where they are arrays of one shape."""
    out = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        out[i] = item
    return out
