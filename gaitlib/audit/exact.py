"""Trials that hold the same numbers."""

import math

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

from gaitlib.audit.periodic import repeats_itself

NUMBERS = 32  # a block of frames holds at least so many changes from frame to frame,
DIFFERENT = 16  # of which more than so many differ: less may be alike by chance
AT_ONCE = 2**21  # blocks
FACTOR = 0x9E3779B97F4A7C15  # odd, for hashes modulo 2**64


def shared_content(trials) -> pd.DataFrame:
    """Pairs of trials of different walks that hold the same numbers: copies, and stretches at any offset.

    Sequences are compared by every block of consecutive frames that holds 32 changes from frame to frame, images and
    static values as a whole. A block counts where more than 16 of its changes (for images and static values: of its
    numbers) differ, so that constant, padded or coarsely rounded signals and clocks are never copies by chance; and
    where it stands once in each trial, in trials that do not repeat themselves all along
    (:func:`gaitlib.audit.periodic.repeats_itself`): a clean periodic signal gives the same numbers in two recordings.
    What stands in trials of more than half of the subjects (three at least) is taken for a stimulus, a template or
    filled-in values, not for a recording. Static values may describe the subject: only pairs of two subjects count.
    Sequences shorter than a block are not compared.

    Parameters
    ----------
    trials : TrialSet

    Returns
    -------
    pandas.DataFrame
        One row a pair and modality: ``trial``, ``other``, ``modality`` and ``share``, the part of the blocks of the
        trial with fewer blocks that stands in the other too.

    Examples
    --------
    >>> import gaitlib
    >>> emg = np.random.default_rng(0).normal(size=(3, 100, 2))
    >>> emg[2, :60] = emg[0, 40:]
    >>> trials = gaitlib.TrialSet.from_arrays({"emg": emg}, subject=["a", "b", "c"])
    >>> shared_content(trials).round(2).to_numpy().tolist()
    [['trial0', 'trial2', 'emg', 0.52]]
    """
    return pd.concat([_shared(trials, name) for name in trials.modalities], ignore_index=True)


def _shared(trials, name) -> pd.DataFrame:
    m = trials.modalities[name]
    frames = 1 + math.ceil(NUMBERS / len(m.channels)) if m.kind == "sequence" else None
    hashes = [np.zeros(0, np.uint64) if v is None else _block_hashes(v, frames) for v in m.values]
    starts = np.concatenate([[0], np.cumsum([len(h) for h in hashes])])
    hashes = np.concatenate(hashes)
    subject = pd.factorize(trials.subjects)[0]
    telling, looked_at = np.zeros(len(hashes), dtype=bool), np.zeros(len(trials), dtype=bool)
    n_both = sparse.csr_array((len(trials), len(trials)), dtype=int)
    n_parts = max(1, len(hashes) // AT_ONCE)
    for part in range(n_parts):  # equal blocks are in one part
        where = np.flatnonzero(hashes % np.uint64(n_parts) == part)
        block, n_same = np.unique(hashes[where], return_inverse=True, return_counts=True)[1:]
        again = n_same[block] > 1
        where, block = where[again], block[again]
        trial = np.searchsorted(starts, where, side="right") - 1
        for i in set(trial[~looked_at[trial]].tolist()):
            telling[starts[i] : starts[i + 1]] = _telling(m.values[i], frames)
            looked_at[i] = True
        told = telling[where]
        where, block, trial = where[told], block[told], trial[told]
        counts = _of_few_people(block, subject[trial], len(set(subject))) & _once(block, trial)
        telling[where[~counts]] = False
        n_both = n_both + _common_blocks(block[counts], trial[counts], len(trials))
    n_both = n_both.tocoo()
    pairs = pd.DataFrame({"a": n_both.row, "b": n_both.col, "both": n_both.data})
    pairs = pairs[trials.walks[pairs["a"]] != trials.walks[pairs["b"]]]
    if m.kind == "static":
        pairs = pairs[subject[pairs["a"]] != subject[pairs["b"]]]
    if frames:
        regular = {i: repeats_itself(m.values[i]) for i in {*pairs["a"], *pairs["b"]}}
        same = [
            not (regular[a] and regular[b]) and _share_a_block(m.values[a], m.values[b], frames)
            for a, b in zip(pairs["a"], pairs["b"], strict=True)
        ]
        pairs = pairs[np.array(same, dtype=bool)]
    total = np.diff(np.concatenate([[0], np.cumsum(telling)])[starts])
    a, b = pairs["a"].to_numpy(), pairs["b"].to_numpy()
    share = pairs["both"].to_numpy() / np.minimum(total[a], total[b])
    return pd.DataFrame({"trial": trials.ids[a], "other": trials.ids[b], "modality": name, "share": share})


def _of_few_people(block, subject, n_subjects) -> np.ndarray:
    """Which blocks are of half of the subjects at most, or of two."""
    pairs = np.unique(np.stack([block, subject]), axis=1)
    return (np.bincount(pairs[0], minlength=block.max(initial=0) + 1) <= max(2, n_subjects / 2))[block]


def _once(block, trial) -> np.ndarray:
    """Which blocks stand in no trial twice."""
    again = block[pd.DataFrame({"block": block, "trial": trial}).duplicated().to_numpy()]
    return ~np.isin(block, again)


def _common_blocks(block, trial, n_trials) -> sparse.csr_array:
    """How many blocks two trials have in common, (n_trials, n_trials), above the diagonal."""
    column = pd.factorize(block)[0]
    shape = (n_trials, column.max(initial=0) + 1)
    holds = sparse.csr_array((np.ones(len(block), dtype=int), (trial, column)), shape)
    return sparse.csr_array(sparse.triu(holds @ holds.T, k=1))


def _block_hashes(values, frames) -> np.ndarray:
    """A hash of every block of so many frames, at each frame; of the whole array without a number.

    Rolling: a polynomial in a fixed odd number over the hashes of the frames, modulo 2**64.
    """
    bits = (np.atleast_2d(values) + np.float32(0)).view(np.uint32).astype(np.uint64)  # -0.0 becomes 0.0
    if frames is None:
        bits = bits.reshape(1, -1)
    with np.errstate(over="ignore"):
        factors = np.random.default_rng(0).integers(2**63, size=bits.shape[1], dtype=np.uint64) | np.uint64(1)
        of_frame = _mixed((bits * factors).sum(axis=1, dtype=np.uint64))
        if frames is None:
            return of_frame
        powers = np.multiply.accumulate(np.full(len(bits), FACTOR, np.uint64))
        back = np.multiply.accumulate(np.full(len(bits), pow(FACTOR, -1, 2**64), np.uint64))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(of_frame * powers, dtype=np.uint64)])
        return _mixed((sums[frames:] - sums[:-frames]) * back[: max(0, len(sums) - frames)])  # a trial may be shorter


def _mixed(hashes) -> np.ndarray:
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(FACTOR)
    return hashes ^ (hashes >> np.uint64(29))


def _telling(values, frames) -> np.ndarray:
    """Which blocks hold enough different numbers to be one recording only."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    if frames is None:
        return np.array([len(np.unique(values)) > DIFFERENT])
    if len(values) < frames:
        return np.zeros(0, bool)
    with np.errstate(over="ignore"):
        changes = np.diff(values, axis=0) + np.float32(0)
    # At least as many differ as bits are set, where each change sets one of 64: most blocks need no closer look.
    bit = np.uint64(1) << (_mixed(changes.view(np.uint32).astype(np.uint64)) >> np.uint64(58))
    of_frame = np.bitwise_or.reduce(bit, axis=1)
    of_block = np.bitwise_or.reduce(sliding_window_view(of_frame, frames - 1), axis=1)
    enough = np.bitwise_count(of_block) > DIFFERENT
    (rest,) = np.nonzero(~enough)
    blocks = sliding_window_view(changes, frames - 1, axis=0)
    for part in np.array_split(rest, 1 + len(rest) // 2**15):
        sorted_changes = np.sort(blocks[part].reshape(len(part), blocks[0].size), axis=1)
        enough[part] = (np.diff(sorted_changes, axis=1) != 0).sum(axis=1) >= DIFFERENT
    return enough


def _share_a_block(one, other, frames) -> bool:
    """Whether two trials of which blocks have the same hash do hold the same numbers."""
    _, a, b = np.intersect1d(_block_hashes(one, frames), _block_hashes(other, frames), return_indices=True)
    return bool(len(a)) and np.array_equal(one[a[0] : a[0] + frames], other[b[0] : b[0] + frames], equal_nan=True)
