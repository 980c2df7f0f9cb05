"""What a recording looks like whoever is said to have walked, from whatever side, in whatever unit."""

import math
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy import sparse

BINS = 20  # a recording is described by the means of so many equal parts
CUT = 0.02  # of the duration (two frames at most), to see what a recording cut a little would look like
BLOCK_MB = 64
PAIRS = np.triu_indices(BINS)
WEIGHTS = np.where(PAIRS[0] == PAIRS[1], 1, math.sqrt(2)).astype(np.float32)  # so that distances are those of matrices
NUMBER = np.zeros((BINS, BINS), dtype=int)
NUMBER[PAIRS] = np.arange(len(PAIRS[0]))
NUMBER = np.maximum(NUMBER, NUMBER.T)
BACKWARDS = NUMBER[BINS - 1 - PAIRS[0], BINS - 1 - PAIRS[1]]  # of a fingerprint, in the order of the reversed recording


class Fingerprints(NamedTuple):
    """Of some trials in one view.

    Attributes
    ----------
    own : ndarray, shape (n, 210)
        Less the mean of all, forwards and backwards.
    changes : ndarray, shape (4, n, 210)
        How they change where two frames (at most a fiftieth) are cut from the start, from the end, from both, and where
        the recording is smoothed over three frames.
    """

    own: np.ndarray
    changes: np.ndarray


def views(m) -> dict:
    """The ways to look at a modality, as functions of the binned values (n, 20, channels), centred over time.

    As recorded, for copies that were turned, mirrored, permuted or moved; each channel in units of its own SD, for
    copies in other units; less the mean of all points on each axis, for copies that were centred on a point of the
    body. Where channel names do not end in ``_x``, ``_y`` or ``_z``, every third channel is taken for one axis.
    """
    if m.kind == "image":
        return {"as recorded": lambda x: x}
    ways = {"as recorded": lambda x: x, "each channel by its SD": _standardised}
    ends = [name.rsplit("_", 1)[-1] for name in m.channels]
    n = len(ends)
    axis = np.array(ends) if set(ends) <= {"x", "y", "z"} else np.arange(n) % 3 if n % 3 == 0 else np.arange(n)
    same = (axis[:, None] == axis).astype(np.float32)
    if same[0].sum() > 1 and len(set(axis.tolist())) < n:
        ways["less the mean of all points"] = lambda x: x - x @ (same / same.sum(axis=0))
    return ways


def changing(m) -> np.ndarray:
    """Positions of the trials that have 20 frames (or rows) and change often enough to be told apart."""
    index = []
    for i in np.flatnonzero(m.present()) if m.kind != "static" else ():
        v = m.values[i]
        if len(v) >= BINS and np.count_nonzero(np.diff(np.nan_to_num(v, posinf=0, neginf=0), axis=0)) >= BINS:
            index.append(i)
    return np.array(index, dtype=int)


def parts(m, index) -> np.ndarray:
    """The means of 20 equal parts of each recording, as it is and as it would be if changed a little.

    Parts of what lies on straight lines between the frames, so that they do not depend on how many frames there are.

    Parameters
    ----------
    m : Modality
    index : ndarray of int, shape (n,)
        Trials that have at least 20 frames.

    Returns
    -------
    ndarray, shape (5, n, 20, channels)
        As it is; with two frames (at most a fiftieth) cut from the start, from the end, from both; smoothed over three
        frames. Centred over time; a channel that changes by rounding only is zero.
    """
    means = np.zeros((5, len(index), BINS, len(m.channels)), dtype=np.float32)
    lengths = np.array([len(m.values[i]) for i in index])
    for length in np.unique(lengths):
        weights = _weights(int(length))
        (same,) = np.nonzero(lengths == length)
        per_block = max(1, BLOCK_MB * 2**20 // (8 * int(length) * len(m.channels)))
        for start in range(0, len(same), per_block):
            part = same[start : start + per_block]
            values = _filled(np.stack([m.values[index[k]] for k in part], axis=1).astype(float), m.kind)
            own = (weights @ values.reshape(length, -1)).reshape(5, BINS, *values.shape[1:])
            own -= own.mean(axis=1, keepdims=True)
            steady = own.std(axis=1, keepdims=True) <= 1e-6 * np.abs(values).max(axis=(0, 2))[:, None]
            means[:, part] = np.where(steady, 0, own).swapaxes(1, 2)
    return means


def _filled(values, kind) -> np.ndarray:
    """Centred over time (an image as a whole), missing values at the mean; (frames, n, channels)."""
    axis = (0, 2) if kind == "image" else 0
    finite = np.isfinite(values)
    values = np.where(finite, values, 0)
    mean = values.sum(axis=axis, keepdims=True) / np.maximum(finite.sum(axis=axis, keepdims=True), 1)
    return np.where(finite, values - mean, 0)


def _weights(length) -> sparse.csr_array:
    """Of the frames in the parts of :func:`parts`, (100, frames)."""
    cut = min(CUT, 2 / (length - 1))
    as_it_is, *cuts = (_of_equal_parts(length, *ends) for ends in ((0, 1), (cut, 1), (0, 1 - cut), (cut, 1 - cut)))
    smooth = sparse.diags_array([0.25, 0.5, 0.25], offsets=[-1, 0, 1], shape=(length, length)).tolil()
    smooth[0, 0] = smooth[-1, -1] = 0.75
    return sparse.csr_array(sparse.vstack([as_it_is, *cuts, as_it_is @ smooth.tocsr()]))


def _of_equal_parts(length, start, end) -> sparse.csr_array:
    """What each frame counts in the integral of each part, (20, frames), from one share of the duration to another."""
    last = length - 1
    to_edge = last * np.linspace(start, end, BINS + 1)[:, None] - np.arange(length)
    before, after = np.clip(to_edge, -1, 0), np.clip(to_edge, 0, 1)
    weights = np.diff((before + 1) ** 2 / 2 + after - after**2 / 2, axis=0)
    return sparse.csr_array(weights * BINS / (last * (end - start)))


def fingerprints(means, view) -> Fingerprints:
    """The inner products of all pairs of 20 equal parts of a recording, over all channels.

    They stay what they are under every rotation, reflection and permutation of the channels and do not depend on the
    number of frames; divided by their trace, nor on unit; of values centred over time, nor on offset. Backwards they
    are the same numbers in another order.

    Parameters
    ----------
    means : ndarray, shape (5, n, 20, channels)
        Of :func:`parts`.
    view : callable
        One of :func:`views`.

    Returns
    -------
    Fingerprints
    """
    own, *changes = map(_products, means, repeat(view))
    centre = own.mean(axis=0)
    return Fingerprints(own - (centre + centre[BACKWARDS]) / 2, np.stack([changed - own for changed in changes]))


def _products(means, view) -> np.ndarray:
    x = view(means)
    products = x @ x.swapaxes(1, 2)
    trace = np.trace(products, axis1=1, axis2=2)[:, None, None]
    return (products / np.where(trace > 0, trace, 1))[:, PAIRS[0], PAIRS[1]] * WEIGHTS


def _standardised(x) -> np.ndarray:
    spread = x.std(axis=1, keepdims=True)
    return x / np.where(spread > 0, spread, 1)


def distances(prints: Fingerprints, these, those) -> np.ndarray:
    """Between recordings, forwards or backwards, however the first was cut a little or smoothed.

    The difference less what small cuts and smoothing explain, to the first order: the tangent distance [1]_, of one
    side. Leaving out frames is smoothing, too, to the first order.

    Parameters
    ----------
    prints : Fingerprints
    these : ndarray of int, shape (n,)
    those : ndarray of int, shape (n, k)
        The recordings that each is compared with.

    Returns
    -------
    ndarray, shape (n, k)

    References
    ----------
    .. [1] Simard, P. et al. (1998). Transformation invariance in pattern recognition: tangent distance and tangent
       propagation. Neural Networks: Tricks of the Trade, doi 10.1007/3-540-49430-8_13.
    """
    own, other = prints.own[these][:, None], prints.own[those]
    ways = [own[:, 0]]
    for change in prints.changes[:, these]:
        for way in ways[1:]:
            change = change - (way * change).sum(axis=1, keepdims=True) * way
        ways.append(_unit(change))
    ways = np.stack(ways, axis=1)  # (n, 5, 210)
    both = np.concatenate([ways, ways[..., BACKWARDS]], axis=1)
    along = (other @ both.swapaxes(1, 2)).reshape(*those.shape, 2, -1)  # forwards and backwards
    explained = along[..., 1:] - (ways[:, 1:] @ ways[:, 0, :, None])[:, None, None, :, 0]
    sizes = np.einsum("nkp,nkp->nk", other, other) + np.square(own).sum(axis=2)
    square = sizes[..., None] - 2 * along[..., 0] - np.square(explained).sum(axis=3)
    return np.sqrt(np.maximum(square.min(axis=2), 0))


def _unit(rows) -> np.ndarray:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(size > 1e-6, size, np.inf)
