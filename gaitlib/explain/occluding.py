"""Occlusion: how far the logit falls when a part of the input is covered."""

import itertools

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.explain.backend import BATCH
from gaitlib.explain.inputs import checked, logits_of
from gaitlib.explain.padding import check_same_frames, neutral, real_values

WINDOW = (10, 1)  # frames, channels


def occlusion(network, inputs, target, window=WINDOW):
    """Fall of the logit when a window of the input is set to its neutral value.

    Windows lie side by side. The fall is spread evenly over the real values of its window, so that sums over whole
    windows are falls. Parts that stand in for each other each seem to matter little: falls do not add up to the logit.

    Parameters
    ----------
    network : keras.Model
        Ends in linear logits.
    inputs : dict of str to ndarray
        By the names of the network's inputs, samples first.
    target : ndarray of int (n,)
        The class of each sample whose logit is watched.
    window : (int, int), or dict of str to (int, int)
        Frames and channels of a window, for an image rows and columns; by input where they differ, such as
        ``{"pressure": (16, 12)}``, all others then keeping 10 frames of one channel. Static values are covered one by
        one. The network runs once a window: 1,125 times a sample for 150 frames of 75 channels.

    Returns
    -------
    relevance : dict of str to ndarray
        float32, of the shapes of the inputs; zero on padding.
    account : dict
        Empty.

    Raises
    ------
    GaitDataError
        If a window has no size, or is for an input that there is not; or where the network would read other frames
        with some covered.

    Notes
    -----
    Neutral is 0: after ``StandardScaler`` the training mean; on real frames 1e-6, so that a covered one still counts
    as a frame. Departs from the source, which slides a grey square over images with overlaps.

    References
    ----------
    Zeiler, Fergus 2014, https://doi.org/10.1007/978-3-319-10590-1_53
    """
    inputs, target = checked(network, inputs, target)
    windows, n = _windows(window, inputs), len(target)
    nothing, real = neutral(network, inputs), real_values(network, inputs)
    check_same_frames(network, inputs, nothing)
    full = _logits(network, inputs, target, 1)
    relevance = {name: np.zeros_like(x) for name, x in inputs.items()}
    at_once = max(1, BATCH // n)  # windows: few samples share a batch
    for name, x in inputs.items():
        places = [place for place in _places(x.shape[1:], windows[name]) if real[name][place].any()]
        for i in range(0, len(places), at_once):
            some = places[i : i + at_once]
            covered = np.repeat(x[None], len(some), axis=0)
            for copy, place in zip(covered, some, strict=True):
                copy[place] = nothing[name][place]
            repeated = {other: np.concatenate([y] * len(some)) for other, y in inputs.items()}
            changed = repeated | {name: covered.reshape(-1, *x.shape[1:])}
            for place, fall in zip(some, full - _logits(network, changed, target, len(some)), strict=True):
                own = real[name][place]
                n_real = own.sum(axis=tuple(range(1, own.ndim)), keepdims=True)
                relevance[name][place] = own * fall.reshape(n_real.shape) / np.maximum(n_real, 1)
    return relevance, {}


def _windows(window, inputs) -> dict[str, tuple[int, int]]:
    by_input = window if isinstance(window, dict) else dict.fromkeys(inputs, window)
    unknown = [name for name in by_input if name not in inputs]
    if unknown:
        raise GaitDataError(f"a window is for '{unknown[0]}'; the inputs are {', '.join(inputs)}")
    windows = {name: by_input.get(name, WINDOW) for name in inputs}
    for name, size in windows.items():
        if np.shape(size) != (2,) or min(size) < 1:
            raise GaitDataError(f"the window of '{name}' is {size!r}; give frames and channels, such as {WINDOW}")
    return windows


def _places(shape, window) -> list[tuple[slice, ...]]:
    """Slices of every window, all samples first."""
    sizes = window if len(shape) > 1 else (1,)
    axes = [[slice(i, i + size) for i in range(0, n, size)] for n, size in zip(shape, sizes, strict=False)]
    return [(slice(None), *place) for place in itertools.product(*axes)]


def _logits(network, inputs, target, copies) -> np.ndarray:
    """The target's logit of every sample in each of several copies that follow each other, (copies, n)."""
    logits = logits_of(network, inputs)
    return logits[np.arange(len(logits)), np.tile(target, copies)].reshape(copies, -1)
