"""Inputs that tell a target of the same trial outright: perhaps both were computed from one signal."""

import numpy as np
import pandas as pd
from scipy.special import gammaln

from gaitlib.audit.receipt import Finding
from gaitlib.targets import as_labels, binary_classes

CHECK = "inputs that tell targets"
SURE = 0.98  # correlation within a person
FEWEST_TRIALS = 8  # of a person: of fewer, correlations near 1 are met by chance
FEWEST_PEOPLE = 2
CHANCE = 1e-3  # of all channels together, that one separates the classes of everybody
SHIFTS = (0, -1, 1)  # trials, within a walk


def input_leaks(trials, protocol) -> list[Finding]:
    """Find channels whose level tells a target nearly exactly within people.

    Of every channel of every modality the mean, the first and the last value of each trial are looked at. A continuous
    target is told where one of them correlates with it by more than 0.98 (or below -0.98) within more than half of the
    people of whom eight trials or more are known; also after a shift by one trial within the walk, as targets that were
    computed from a signal may be late. A binary target is told where a value separates its two classes without a
    mistake in everybody who has both, in the same direction, and that is no chance: the orders of trials that would
    do so are counted.

    Whether that is a leak nobody can tell from numbers: a good sensor of the very thing does it as well. So it is
    "suspect", with the names of both.

    Parameters
    ----------
    trials : TrialSet
        With targets.
    protocol : Protocol
        For the name in the findings.

    Returns
    -------
    list of Finding
        One a continuous or binary target and channel that tells it, "suspect"; one "ok" for each target that none
        tells; "unseen" where too few trials of a person have it.
    """
    if not any(kind != "class" for kind, _ in trials.kinds.values()):
        return []
    levels, names = _levels(trials)
    if not names:  # images only
        return []
    person = pd.factorize(trials.subjects)[0]
    before = _neighbours(trials)
    findings = []
    for head, target in trials.targets.items():
        if target.kind == "class":
            continue
        check = f"{CHECK} ({head})"
        if target.kind == "continuous":
            told = _correlated(levels, np.asarray(target.values, dtype=float), person, before)
        else:
            told = _separated(levels, as_labels(head, target), binary_classes(head), person)
        if told is None:
            detail = f"too few trials of a person with '{head}' to say whether an input tells it"
            findings.append(Finding(check, protocol.name, "", "unseen", detail))
            continue
        suspects = {}
        for k in sorted(told, key=lambda k: -abs(told[k][0])):  # the clearest of each channel
            suspects.setdefault(names[k][0], f"{names[k][1]}{told[k][1]}")
        for channel, how in suspects.items():
            detail = f"'{channel}' tells '{head}' ({how}): computed from the same signal? leave it out of the inputs"
            findings.append(Finding(check, protocol.name, "", "suspect", detail))
        if not suspects:
            detail = f"no channel tells '{head}' by its mean, first or last value"
            findings.append(Finding(check, protocol.name, "", "ok", detail))
    return findings


def _levels(trials) -> tuple[np.ndarray, list]:
    """Mean, first and last value of each channel, (n_trials, n), NaN where missing; and their names."""
    columns, names = [], []
    for modality, m in trials.modalities.items():
        if m.kind == "image":
            continue
        means, firsts, lasts = np.full((3, len(trials), len(m.channels)), np.nan)
        for i, values in enumerate(m.values):
            if values is None or not np.size(values):
                continue
            values = np.atleast_2d(np.asarray(values, dtype=float))
            known = ~np.isnan(values)
            n = known.sum(axis=0)
            means[i] = np.where(n > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(n, 1), np.nan)
            firsts[i], lasts[i] = values[0], values[-1]
        channels = [c if c.lower() == modality.lower() else f"{modality} {c}" for c in m.channels]
        for what, found in (("mean, ", means), ("first value, ", firsts), ("last value, ", lasts)):
            if what == "mean, " or m.kind == "sequence":
                columns.append(found)
                names += [(channel, what) for channel in channels]
    return np.concatenate([np.empty((len(trials), 0)), *columns], axis=1), names


def _neighbours(trials) -> dict:
    """For each shift the position of the trial so many before in its walk; -1 where there is none."""
    start = trials.table["start_s"].to_numpy(float) if "start_s" in trials.table else np.arange(len(trials))
    order = pd.Series(np.argsort(start, kind="stable"))
    walks = pd.Series(trials.walks[order])
    return {k: order.groupby(walks).shift(k, fill_value=-1)[np.argsort(order)].to_numpy() for k in SHIFTS}


def _correlated(levels, target, person, neighbours) -> dict | None:
    """By column the strongest median correlation within people, in words, where most people have one that is sure."""
    told, asked = {}, False
    for shift, before in neighbours.items():
        moved = np.where(before >= 0, target[before], np.nan)
        each = []
        for p in range(person.max() + 1):
            own = (person == p) & ~np.isnan(moved)
            each.append(_correlations(levels[own], moved[own]))
        each = np.array(each)
        n = (~np.isnan(each)).sum(axis=0)
        asked |= (n >= FEWEST_PEOPLE).any()
        for k in np.flatnonzero((n >= FEWEST_PEOPLE) & ((np.abs(each) > SURE).sum(axis=0) > n / 2)):
            r = float(np.nanmedian(each[:, k]))
            if k not in told or abs(r) > abs(told[k][0]):
                moved_by = f" with the target of the trial {'before' if shift > 0 else 'after'}" if shift else ""
                told[k] = r, f"r = {r:.3f} within people{moved_by}"
    return told if asked else None


def _correlations(levels, target) -> np.ndarray:
    """Of each column with the target over the trials that have both, NaN where they are too few or do not vary."""
    known = ~np.isnan(levels)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(known, levels - np.where(known, levels, 0).sum(axis=0) / n, 0)
        y = np.where(known, target[:, None] - np.where(known, target[:, None], 0).sum(axis=0) / n, 0)
        xx, yy = (x**2).sum(axis=0), (y**2).sum(axis=0)
        scale = np.array([np.abs(levels[known[:, k], k]).max(initial=0) for k in range(levels.shape[1])])
        varies = (xx > n * (1e-6 * scale) ** 2) & (yy > n * (1e-6 * np.abs(target).max(initial=0)) ** 2)
        return np.where((n >= FEWEST_TRIALS) & varies, (x * y).sum(axis=0) / np.sqrt(xx * yy), np.nan)


def _separated(levels, labels, classes, person) -> dict | None:
    """Columns in which all trials of one class lie above all of the other in everybody; None where it says nothing."""
    up, down, log_chance, asked = (np.full(levels.shape[1], v) for v in (True, True, np.log(2.0), 0))
    is_yes, is_known = labels == classes[1], np.isin(labels, classes)
    for p in range(person.max() + 1):
        own = levels[(person == p) & is_known]
        yes, no = own[is_yes[(person == p) & is_known]], own[~is_yes[(person == p) & is_known]]
        n_yes, n_no = (~np.isnan(yes)).sum(axis=0), (~np.isnan(no)).sum(axis=0)
        both = (n_yes > 0) & (n_no > 0)
        least, most = (np.where(np.isnan(v), fill, v) for v, fill in ((yes, np.inf), (yes, -np.inf)))
        below, above = (np.where(np.isnan(v), fill, v) for v, fill in ((no, np.inf), (no, -np.inf)))
        up &= ~both | (least.min(axis=0, initial=np.inf) > above.max(axis=0, initial=-np.inf))
        down &= ~both | (most.max(axis=0, initial=-np.inf) < below.min(axis=0, initial=np.inf))
        log_chance -= gammaln(n_yes + n_no + 1) - gammaln(n_yes + 1) - gammaln(n_no + 1)  # ways to choose the yes
        asked += both
    possible = (asked >= FEWEST_PEOPLE) & (log_chance < np.log(CHANCE / levels.shape[1]))
    if not possible.any():
        return None
    return {
        k: (1.0, f"separates '{classes[1]}' from '{classes[0]}' without a mistake in all {asked[k]} people")
        for k in np.flatnonzero(possible & (up | down))
    }
