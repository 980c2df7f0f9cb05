"""Trials that are copies of each other, found by what was recorded, whatever their names say."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import KDTree
from sklearn.decomposition import PCA

from gaitlib.audit.exact import shared_content
from gaitlib.audit.fingerprint import BACKWARDS, BINS, changing, distances, fingerprints, parts, views
from gaitlib.audit.periodic import repeats_itself

NEIGHBOURS = 10
FIRST_SPACING = 5  # the dimension is told from the fifth neighbour on: nearer ones may be copies
NEARER = 0.25
CHANCE, OWN_CHANCE = 0.01, 1e-9  # of walks of two people, of one person
SAME = 1e-3  # of a fingerprint, whose numbers have a square sum of at most one
FEWEST_WALKS = 20
FEWEST_PAIRS = 20  # of walks of one person
CANDIDATES, MOST_CANDIDATES = 32, 512  # are looked up for each trial, by so many numbers:
COMPONENTS = 8
PAIRS_AT_ONCE = 2**15


class Copies(NamedTuple):
    """What :func:`shared_content` and :func:`near_copies` found among the same trials."""

    shared: pd.DataFrame
    near: pd.DataFrame


def find_copies(trials) -> Copies:
    """Both tables, for :func:`gaitlib.audit.checks.audit_split`."""
    return Copies(shared_content(trials), near_copies(trials))


def near_copies(trials) -> pd.DataFrame:
    """Pairs of trials of different walks that are too alike to be two recordings.

    Finds copies that were mirrored, turned, reversed in time, resampled, smoothed a little, moved, centred on a point
    of the body, permuted, in other units, rounded, or with a little noise, and mixtures of these: what
    :func:`gaitlib.audit.fingerprint.fingerprints` do not see, or hardly. Not those that were both cut by a tenth and
    changed, velocities of the original, those warped in time, and mixtures of two recordings.

    A near copy is four times nearer than the tenth nearest walk of other people, and nearer than chance allows: were
    trials strewn evenly over ``D`` dimensions, the nearest would be nearer than a share ``r`` of the distance to the
    tenth with probability ``1 - (1 - r**D)**9``, which times the number of trials must be below 0.01. ``D`` is told
    from the spacings of the fifth to the tenth neighbour [1]_, averaged over a trial and its neighbours; departing from
    [1]_, nearer neighbours are not used, so that up to three copies of every trial do not hide each other. Five do.

    Walks of one person lie closer together than that. Two of them are judged in the same way among all walks, and must
    also be nearer than walks of one person are: the squares of their ratios are taken for chi-square of as many degrees
    of freedom as their quartiles tell, which they are only nearly, and so near a pair must be expected less than 1e-9
    times, or be the same but for rounding. Where one person's walks lie closer than those of others, so that they are
    all alike, its own median counts.

    Parameters
    ----------
    trials : TrialSet

    Returns
    -------
    pandas.DataFrame
        One row a pair and modality: ``trial``, ``other``, ``modality`` and ``ratio``, their distance over that to the
        tenth nearest walk. ``attrs["not_judged"]`` says by modality why there is no verdict: static values, data of
        fewer than 20 walks with 20 frames (or rows) that change, and walks of one person where there are few pairs.

    References
    ----------
    .. [1] Levina, E. and Bickel, P. (2004). Maximum likelihood estimation of intrinsic dimension. Advances in Neural
       Information Processing Systems 17. The ratio of spacings: Facco, E. et al. (2017). Estimating the intrinsic
       dimension of datasets by a minimal neighborhood information. Scientific Reports 7:12140,
       doi 10.1038/s41598-017-11873-y.
    """
    found, not_judged = {}, {}
    for name, m in trials.modalities.items():
        index = changing(m)
        walks = len(set(trials.walks[index]))
        if m.kind == "static":
            not_judged[name] = "static values are too few to tell a copy from a like person"
        elif walks < FEWEST_WALKS:
            not_judged[name] = f"{walks} walks with {BINS} changing frames are too few; {FEWEST_WALKS} are needed"
        else:
            pairs, reasons = _near_of_any_view(trials, m, index)
            found |= {(i, j, name): ratio for (i, j), ratio in pairs.items()}
            if reasons:
                not_judged[name] = "; ".join(reasons)
    rows = [(trials.ids[i], trials.ids[j], name, found[i, j, name]) for i, j, name in sorted(found)]
    table = pd.DataFrame(rows, columns=["trial", "other", "modality", "ratio"])
    table.attrs["not_judged"] = not_judged
    return table


def _near_of_any_view(trials, m, index) -> tuple[dict, list]:
    """Ratios of pairs that are near in one view at least, and what is not judged."""
    pairs, reasons = {}, []
    means = parts(m, index)
    for view in views(m).values():
        near, few = _near(trials.walks[index], trials.subjects[index], fingerprints(means, view))
        for i, j, ratio in near:
            pair = tuple(sorted((index[i], index[j])))
            pairs[pair] = min(ratio, pairs.get(pair, np.inf))
        if few:
            reasons = [f"{few} pairs of walks of one person are too few to judge such pairs; {FEWEST_PAIRS} are needed"]
    if m.kind == "sequence":
        regular = {i: repeats_itself(m.values[i]) for i in set().union(*pairs)}
        pairs = {(i, j): ratio for (i, j), ratio in pairs.items() if not (regular[i] and regular[j])}
        if n := sum(regular.values()):
            reasons.append(f"{n} trials repeat themselves so well that two recordings may hold the same numbers")
    return pairs, reasons


def _near(walks, subjects, prints) -> tuple[list, int]:
    """Pairs with their ratios, and how many pairs of one person there are, if they are too few to be judged."""
    if np.abs(prints.own).max() < SAME:  # all alike, as clocks
        return [], 0
    walk, subject = pd.factorize(walks)[0], pd.factorize(subjects)[0]
    nearest, of_others = _nearest_walks(walk, subject, prints)
    near = (of_others.ratio < NEARER) & _unlikely(of_others)
    pairs = [(i, of_others.trial[i, k], of_others.ratio[i, k]) for i, k in np.argwhere(near)]
    own = (subject[nearest.trial] == subject[:, None]) & np.isfinite(nearest.ratio)
    if own.sum() < FEWEST_PAIRS:
        return pairs, int(own.sum())
    near = _unlikely(nearest) & (_nearer_than_own(nearest.ratio, own, subject) | (nearest.distance < SAME))
    own &= (nearest.ratio < NEARER) & near
    return pairs + [(i, nearest.trial[i, k], nearest.ratio[i, k]) for i, k in np.argwhere(own)], 0


class _Nearest(NamedTuple):
    """The nearest trials of the ten nearest walks of each trial, (n, 10), in order."""

    distance: np.ndarray
    trial: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        """Distance over that to the tenth; NaN where even that is the same, as among clocks."""
        return self.distance / np.where(self.distance[:, -1:] > SAME, self.distance[:, -1:], np.nan)


def _nearest_walks(walk, subject, prints) -> tuple[_Nearest, _Nearest]:
    """Among all other walks, and among the walks of other people.

    Candidates are near in the first components of what is the same backwards. Where there are too few, the last one
    stands in the places of the others.
    """
    both_ways = (prints.own + prints.own[:, BACKWARDS]) / 2
    places = PCA(min(COMPONENTS, *both_ways.shape), svd_solver="covariance_eigh").fit_transform(both_ways)
    tree = KDTree(places)
    distance = np.full((2, len(walk), NEIGHBOURS), np.nan)
    other = np.zeros(distance.shape, dtype=int)
    rows, k = np.arange(len(walk)), CANDIDATES
    while len(rows):
        k = min(k, len(walk))
        lacking = []
        for part in np.array_split(rows, max(1, len(rows) * k // PAIRS_AT_ONCE)):
            near = tree.query(places[part], k, workers=-1)[1]
            d = distances(prints, part, near)
            d[walk[near] == walk[part][:, None]] = np.inf
            distance[0, part], other[0, part], _ = _ten_walks(walk, near, d)
            d[subject[near] == subject[part][:, None]] = np.inf
            distance[1, part], other[1, part], n_found = _ten_walks(walk, near, d)
            lacking.append(part[n_found < NEIGHBOURS])
        rows = np.concatenate(lacking) if k < min(MOST_CANDIDATES, len(walk)) else []
        k *= 4
    distance[~np.isfinite(distance)] = np.nan
    return tuple(map(_Nearest, distance, other))


def _ten_walks(walk, near, d):
    """The nearest trial of each walk: distances and trials, and how many were found."""
    order = np.argsort(d, axis=1)
    near, d = np.take_along_axis(near, order, axis=1), np.take_along_axis(d, order, axis=1)
    # The first trial of each walk: its place is the least among those of that walk.
    by_walk = np.argsort(walk[near], axis=1, kind="stable")
    sorted_walk = np.take_along_axis(walk[near], by_walk, axis=1)
    again = np.zeros(near.shape, dtype=bool)
    np.put_along_axis(again, by_walk[:, 1:], sorted_walk[:, 1:] == sorted_walk[:, :-1], axis=1)
    d[again] = np.inf
    order = np.argsort(d, axis=1, kind="stable")[:, :NEIGHBOURS]
    near, d = np.take_along_axis(near, order, axis=1), np.take_along_axis(d, order, axis=1)
    n_found = np.isfinite(d).sum(axis=1)
    last = np.minimum(np.arange(NEIGHBOURS), n_found[:, None] - 1)
    return np.take_along_axis(d, last, axis=1), np.take_along_axis(near, last, axis=1), n_found


def _nearer_than_own(ratio, own, subject) -> np.ndarray:
    """Which of the nearest walks, if of the same person, are nearer than walks of one person are by chance."""
    ratios = pd.DataFrame({"ratio": ratio[own], "subject": subject[np.nonzero(own)[0]]}).dropna()
    # Copies are the nearer half at most.
    half, quarter = np.maximum(ratios["ratio"].quantile([0.5, 0.75]), 1e-9)
    freedom = np.geomspace(0.5, 500, 200)
    spread = np.sqrt(stats.chi2.ppf(0.75, freedom) / stats.chi2.ppf(0.5, freedom))
    degrees = np.interp(-quarter / half, -spread, freedom)
    walks_alike = ratios.groupby("subject")["ratio"].agg(["median", "size"])
    tight = walks_alike["median"].where(walks_alike["size"] > 2, half).clip(1e-9, half)
    scaled = ratio * (half / tight).reindex(subject).fillna(1).to_numpy()[:, None]
    square = (scaled / quarter) ** 2 * stats.chi2.ppf(0.75, degrees)
    return len(ratios) * stats.chi2.cdf(square, degrees) < OWN_CHANCE


def _unlikely(nearest) -> np.ndarray:
    """Which of the nearest are nearer than chance allows among so many trials."""
    return len(nearest.ratio) * chance(nearest.ratio, _dimension(nearest.ratio, nearest.trial)) < CHANCE


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
