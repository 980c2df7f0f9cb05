"""Trials that are copies of each other, found by what was recorded, whatever their names say."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse
from sklearn.metrics import pairwise_distances_chunked

NUMBERS = 32  # a block of frames holds at least so many changes from frame to frame,
DIFFERENT = 16  # of which more than so many differ: less may be alike by chance
BINS = 20  # a recording is described by the means of so many equal parts
NEIGHBOURS = 10
FIRST_SPACING = 5  # the dimension is told from the fifth neighbour on: nearer ones may be copies
NEARER = 0.1
CHANCE = 0.001
FEWEST_WALKS = 20
MEMORY_MB = 64


class Copies(NamedTuple):
    """What :func:`shared_content` and :func:`near_copies` found among the same trials."""

    shared: pd.DataFrame
    near: pd.DataFrame


def find_copies(trials) -> Copies:
    """Both tables, for :func:`gaitlib.audit.checks.audit_split`."""
    return Copies(shared_content(trials), near_copies(trials))


# -- exact copies ----------------------------------------------------------------------------------------


def shared_content(trials) -> pd.DataFrame:
    """Pairs of trials that hold the same numbers: copies, and stretches of one recording at any offset.

    Sequences are compared by every block of consecutive frames that holds 32 changes from frame to frame, images and
    static values as a whole. A block counts where more than 16 of its changes (for images and static values: of its
    numbers) differ, so that constant, padded or coarsely rounded signals and clocks are never copies by chance. What
    stands in trials of more than half of the subjects (three at least) is taken for a stimulus, a template or
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
    tables = [_shared(trials, name) for name in trials.modalities]
    return pd.concat(tables, ignore_index=True)


def _shared(trials, name) -> pd.DataFrame:
    m = trials.modalities[name]
    frames = 1 + math.ceil(NUMBERS / len(m.channels)) if m.kind == "sequence" else None
    owner = np.flatnonzero(m.present())
    hashes = [_block_hashes(m.values[i], frames) for i in owner]
    block = pd.factorize(np.concatenate([np.zeros(0, np.int64), *hashes]))[0]
    found = pd.DataFrame({"trial": np.repeat(owner, [len(h) for h in hashes]), "block": block})
    # Only trials that share a block at all need the closer look.
    once = found.drop_duplicates()
    suspects = set(once.loc[once.duplicated("block", keep=False), "trial"])
    found = found[found["trial"].isin(suspects)]
    telling = [_telling(m.values[i], frames) for i in owner if i in suspects]
    found = found[np.concatenate([np.zeros(0, bool), *telling])].drop_duplicates()
    subjects = pd.Series(trials.subjects)
    of_subjects = found.assign(subject=found["trial"].map(subjects)).groupby("block")["subject"].nunique()
    common = of_subjects.index[of_subjects > max(2, subjects.nunique() / 2)]
    found = found[~found["block"].isin(common)]

    total = np.bincount(found["trial"], minlength=len(trials))
    shape = (len(trials), 1 + found["block"].max() if len(found) else 1)
    holds = sparse.csr_array((np.ones(len(found)), (found["trial"], found["block"])), shape)
    both = sparse.triu(holds @ holds.T, k=1).tocoo()
    share = both.data / np.minimum(total[both.row], total[both.col])
    pairs = pd.DataFrame(
        {"trial": trials.ids[both.row], "other": trials.ids[both.col], "modality": name, "share": share}
    )
    if m.kind == "static":
        pairs = pairs[trials.subjects[both.row] != trials.subjects[both.col]]
    return pairs


def _block_hashes(values, frames) -> np.ndarray:
    """A hash of every block of so many frames, at each frame; of the whole array without a number."""
    content = (values + 0.0).tobytes()  # -0.0 becomes 0.0
    if frames is None:
        return np.array([hash(content)])
    step = values.itemsize * values.shape[1]
    starts = range(0, len(content) - (frames - 1) * step, step)
    return np.array([hash(content[s : s + frames * step]) for s in starts], dtype=np.int64)


def _telling(values, frames) -> np.ndarray:
    """Which blocks hold enough different numbers to be one recording only."""
    values = np.nan_to_num(values, posinf=0, neginf=0)
    if frames is None:
        return np.array([len(np.unique(values)) > DIFFERENT])
    if len(values) < frames:
        return np.zeros(0, bool)
    with np.errstate(over="ignore"):
        changes = sliding_window_view(np.diff(values, axis=0), frames - 1, axis=0)
    changes = np.sort(changes.reshape(len(changes), -1), axis=1)
    return (changes[:, 1:] != changes[:, :-1]).sum(axis=1) >= DIFFERENT


# -- near copies -----------------------------------------------------------------------------------------


def near_copies(trials) -> pd.DataFrame:
    """Pairs of trials of different walks that are too alike to be two recordings.

    Finds copies with a little noise, rounded, in another unit, with another offset, or slightly resampled; not those
    that were both cut and changed. Each channel is standardised over the time of its trial and averaged in 20 equal
    parts; an image is standardised as a whole. A near copy is ten times nearer than the tenth nearest walk, and nearer
    than chance allows: were trials strewn evenly over ``D`` dimensions, the nearest would be nearer than a share ``r``
    of the distance to the tenth with probability ``1 - (1 - r**D)**9``, which times the number of trials must be below
    0.001. ``D`` is told from the spacings of the fifth to the tenth neighbour [1]_, averaged over a trial and its
    neighbours; departing from [1]_, nearer neighbours are not used, so that up to three copies of every trial do not
    hide each other. Five do.

    Evenly strewn trials are not enough: walks of one person lie close together. Hence the tenth. Among clean
    recordings of six kinds (Kinect, ground reaction force, three sets of inertial sensors, synthetic walks) no pair of
    walks came nearer than 0.3 of the tenth; noise of 1 % of the SD came below 0.05.

    Parameters
    ----------
    trials : TrialSet

    Returns
    -------
    pandas.DataFrame
        One row a pair and modality: ``trial``, ``other``, ``modality`` and ``ratio``, their distance over that to the
        tenth nearest walk. ``attrs["not_judged"]`` says by modality why there is no verdict: static values, and data of
        fewer than 20 walks with 20 frames (or rows) that change.

    References
    ----------
    .. [1] Levina, E. and Bickel, P. (2004). Maximum likelihood estimation of intrinsic dimension. Advances in Neural
       Information Processing Systems 17. The ratio of spacings: Facco, E. et al. (2017). Estimating the intrinsic
       dimension of datasets by a minimal neighborhood information. Scientific Reports 7:12140,
       doi 10.1038/s41598-017-11873-y.
    """
    tables, not_judged = [], {}
    for name, m in trials.modalities.items():
        index, described = _describe(m)
        walks = len(set(trials.walks[index]))
        if m.kind == "static":
            not_judged[name] = "static values are too few to tell a copy from a like person"
        elif walks < FEWEST_WALKS:
            not_judged[name] = f"{walks} walks with {BINS} changing frames are too few; {FEWEST_WALKS} are needed"
        else:
            tables.append(_near(trials, name, index, described))
    columns = ["trial", "other", "modality", "ratio"]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    table.attrs["not_judged"] = not_judged
    return table


def _describe(m) -> tuple[np.ndarray, np.ndarray]:
    """Which trials change enough to be told apart, and one row of numbers for each."""
    axis = 0 if m.kind == "sequence" else None
    index, rows = [], []
    for i in np.flatnonzero(m.present()) if m.kind != "static" else ():
        values = np.ma.masked_invalid(m.values[i].astype(float))
        if len(values) < BINS or np.count_nonzero(np.diff(values.filled(0), axis=0)) < BINS:
            continue
        means = _bin_means((values - values.mean(axis=axis)).filled(0))
        spread = means.std(axis=axis)
        steady = spread <= 1e-6 * np.abs(values).max()
        if not np.all(steady):
            index.append(i)
            rows.append((means / np.where(steady, np.inf, spread)).ravel())
    return np.array(index, dtype=int), np.array(rows, dtype=np.float32)


def _bin_means(values) -> np.ndarray:
    """Means over equal parts of the rows, which may end between two rows."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    ends = np.linspace(0, len(values), BINS + 1)
    row = np.minimum(ends.astype(int), len(values) - 1)
    part = (ends - row)[:, None]
    return np.diff(sums[row] * (1 - part) + sums[row + 1] * part, axis=0) * BINS / len(values)


def _near(trials, name, index, described) -> pd.DataFrame:
    order = np.argsort(trials.walks[index].astype(str), kind="stable")
    index, described = index[order], described[order]
    walk = pd.factorize(trials.walks[index])[0]
    first = np.flatnonzero(np.diff(walk, prepend=-1))  # the first trial of each walk

    def nearest_walks(distance, start):
        """Distances to the nearest trial of the nearest other walks, and which walks."""
        rows = np.arange(len(distance))
        of_walk = np.minimum.reduceat(distance, first, axis=1)
        of_walk[rows, walk[start + rows]] = np.inf
        nearest = np.argpartition(of_walk, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        near = np.take_along_axis(of_walk, nearest, axis=1)
        order = np.argsort(near, axis=1)
        return np.take_along_axis(near, order, axis=1), np.take_along_axis(nearest, order, axis=1)

    chunks = pairwise_distances_chunked(described, reduce_func=nearest_walks, working_memory=MEMORY_MB)
    distance, near_walk = (np.concatenate(part) for part in zip(*chunks, strict=True))
    # Where even the tenth is the same within a hundredth, as among clocks, nearness tells nothing.
    floor = 1e-2 * np.linalg.norm(described, axis=1, keepdims=True)
    ratio = distance / np.where(distance[:, -1:] > floor, distance[:, -1:], np.nan)
    judged = (ratio < NEARER) & (len(ratio) * chance(ratio, _dimension(ratio, first[near_walk])) < CHANCE)
    pairs = {}
    for i, k in np.argwhere(judged):
        members = np.flatnonzero(walk == near_walk[i, k])
        j = members[((described[members] - described[i]) ** 2).sum(axis=1).argmin()]
        pair = tuple(sorted((index[i], index[j])))
        pairs[pair] = min(ratio[i, k], pairs.get(pair, 1))
    trial, other = np.array(sorted(pairs), dtype=int).reshape(-1, 2).T
    ratios = [pairs[pair] for pair in sorted(pairs)]
    return pd.DataFrame({"trial": trials.ids[trial], "other": trials.ids[other], "modality": name, "ratio": ratios})


def chance(ratio, dimension) -> np.ndarray:
    """The probability that evenly strewn trials come so near: the nearest, as a part of the distance to the tenth.

    Examples
    --------
    >>> float(chance(0.1, 1.0).round(3))  # nine trials on a line, each nearer than a tenth with probability 0.1
    0.613
    """
    with np.errstate(divide="ignore"):
        return -np.expm1((NEIGHBOURS - 1) * np.log1p(-(np.asarray(ratio) ** dimension)))


def _dimension(ratio, neighbours) -> np.ndarray:
    """Of how many dimensions the trials around each trial are, (n, 1); ratios are NaN where they tell nothing.

    In ``D`` dimensions ``k D log(d[k + 1] / d[k])`` has an exponential distribution of mean 1, for each k by itself.
    """
    spacings = np.diff(np.log(np.maximum(ratio[:, FIRST_SPACING - 1 :], 1e-9)), axis=1)
    inverse = (spacings * np.arange(FIRST_SPACING, NEIGHBOURS)).mean(axis=1)
    around = np.column_stack([inverse, inverse[neighbours]])
    known = np.isfinite(around)
    mean = np.where(known, around, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return 1 / np.maximum(mean, 1e-9)[:, None]
