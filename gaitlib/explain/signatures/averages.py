"""The gait signature: where in the gait cycle, and where under the foot, the relevance of a class or a person lies.

References
----------
Horst F., Lapuschkin S., Samek W., Mueller K.-R., Schoellhorn W. I. (2019). Explaining the unique nature of individual
gait patterns with deep learning. Scientific Reports 9, 2391. https://doi.org/10.1038/s41598-019-38748-8
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.explain.importance import _OF_A_JOINT
from gaitlib.explain.signatures.common_axis import N_POINTS, gait_cycles, images, side_of, waveforms
from gaitlib.explain.signatures.regions import REGIONS

GROUPED_BY = {"class": ("label", "subject"), "subject": ("subject", "trial")}  # the groups, and what is averaged


@dataclass(frozen=True, eq=False)
class Signature:
    """Relevance and signal, averaged over the trials of each group.

    Attributes
    ----------
    data, modality, method : str
        Name of the trials, of the modality and of the explanation.
    unit : str
        Of the signal.
    by : {"class", "subject"}
        What a group is.
    counts : pandas.DataFrame
        One row a group: ``group``, ``target`` (the class whose logit is explained), ``subjects``, ``trials``,
        ``left_out`` (trials that could not be used).
    channels : tuple of str
        Names of the last axis of the arrays.
    phase : ndarray (n_points,), or None for images
        Per cent of ``phase_of``.
    phase_of : str
        "gait cycle", "stance" or another movement; "" for images.
    relevance : ndarray (n_groups, n_points or n_rows, n_channels)
        Mean relevance, logits.
    signal, spread : ndarray like relevance, or None
        Mean signal and its SD over subjects (by class) or trials (by subject). None where channels were summed.
    stance_percent : ndarray (n_groups,), or None
        Mean end of stance, where gait events tell it.
    regions : pandas.DataFrame or None
        Of images: ``group``, ``side``, ``region``, and ``relevance`` and ``signal`` summed over the region.
    """

    data: str
    modality: str
    method: str
    unit: str
    by: str
    counts: pd.DataFrame
    channels: tuple[str, ...]
    phase: np.ndarray | None
    phase_of: str
    relevance: np.ndarray
    signal: np.ndarray | None
    spread: np.ndarray | None
    stance_percent: np.ndarray | None = None
    regions: pd.DataFrame | None = None

    @property
    def groups(self) -> list:
        """Names of the first axis of the arrays."""
        return list(self.counts["group"])

    def highest(self) -> pd.DataFrame:
        """Where the highest relevance of every group lies, on each side of the body.

        Returns
        -------
        pandas.DataFrame
            ``group``, ``side`` ("left", "right", "affected", "unaffected"; "trunk" for channels of no side),
            ``channel``, ``phase_percent``, ``relevance``. For images ``group``, ``side``, ``region``, ``relevance``,
            ``signal``.
        """
        if self.regions is not None:
            best = self.regions.groupby(["group", "side"], sort=False)["relevance"].idxmax()
            return self.regions.loc[best].reset_index(drop=True)
        sides = np.array([side_of(channel) for channel in self.channels])
        rows = []
        for group, values in zip(self.groups, self.relevance, strict=True):
            for side in dict.fromkeys(sides.tolist()):
                columns = np.flatnonzero(sides == side)
                own = np.where(np.isnan(values[:, columns]), -np.inf, values[:, columns])
                point, c = np.unravel_index(own.argmax(), own.shape)
                if np.isneginf(own[point, c]):
                    continue
                found = (self.channels[columns[c]], self.phase[point], values[point, columns[c]])
                rows.append((group, side, *found))
        return pd.DataFrame(rows, columns=["group", "side", "channel", "phase_percent", "relevance"])

    def select(self, groups=None, channels=None) -> "Signature":
        """Some groups and channels only, in the given order; of an image all columns."""
        g = _positions(groups, self.groups, "group")
        c = _positions(channels, self.channels, "channel")
        arrays = {name: getattr(self, name) for name in ("relevance", "signal", "spread")}
        arrays = {name: None if array is None else array[g][:, :, c] for name, array in arrays.items()}
        return replace(
            self, **arrays, counts=self.counts.iloc[g].reset_index(drop=True),
            channels=tuple(self.channels[i] for i in c),
            stance_percent=None if self.stance_percent is None else self.stance_percent[g],
            regions=None if self.regions is None else self.regions.set_index("group").loc[groups or self.groups]
            .reset_index(),
        )  # fmt: skip

    def joints(self) -> "Signature":
        """Relevance summed over what is known of a joint (x, y, z, velocities, angle), which has no one signal."""
        joint_of = np.array([_OF_A_JOINT.sub("", channel) for channel in self.channels])
        joints = tuple(dict.fromkeys(joint_of.tolist()))
        summed = np.stack([self.relevance[:, :, joint_of == joint].sum(axis=2) for joint in joints], axis=2)
        return replace(self, channels=joints, relevance=summed, signal=None, spread=None)


def signature(relevance, by="class", modality=None, phase_of="gait cycle") -> Signature:
    """Relevance averaged per class or subject, over phase or place.

    By class, the trials of a subject are averaged first and then the subjects, so that everybody weighs the same; by
    subject every trial weighs the same, as in the source. Channels that the model did not read are left out.

    - Waveforms (sequences of one length, such as forces over stance) are averaged point by point. The signal is in
      the unit of the trials; of channels that steps have made, as the model read it.
    - Skeletons are put on gait phase, from a heel strike (0 %) to the next of the same side (100 %): channels of the
      right side by right cycles, all others, the trunk's too, by left cycles. Only cycles count that the model read in
      full; a trial needs one, on either side, and NaN is left where a group has none on a side. Relevance is per 1 %
      of a cycle: its sum over phase is what lies in a cycle, however long that takes. The signal is as the model read
      it. ``joints()`` sums to joint x gait phase.
    - Pressure images (rows along the walk) are averaged cell by cell. Regions are found and summed trial by trial, by
      the rule and within the limits of :func:`gaitlib.explain.signatures.regions.foot_regions`.

    Parameters
    ----------
    relevance : Relevance
        Of a TrialSet. For gait phase its trials are raw: positions in metres, with times.
    by : {"class", "subject"}
        Class is the true label; trials without one are not used.
    modality : str, optional
        Needed where several were explained.
    phase_of : str
        What 0 to 100 % of a waveform is, such as "stance".

    Returns
    -------
    Signature

    Raises
    ------
    GaitDataError
        If a group mixes explanations of several classes, sequences are neither skeletons nor of one length, values
        have neither phase nor place, or no trial can be used.

    Examples
    --------
    >>> from gaitlib import TrialSet
    >>> from gaitlib.explain.attribution import Relevance
    >>> force = [np.array([[1.0], [2.0], [0.5]]), np.array([[1.0], [4.0], [0.5]])]
    >>> trials = TrialSet.from_arrays({"grf": force}, channels=["left_vertical"], unit="body weights", rate_hz=100,
    ...                               subject=["a", "b"], label=["slow"] * 2)
    >>> values, channels = {"grf": [0.5 * f for f in force]}, {"grf": ("left_vertical",)}
    >>> explained = Relevance(values, channels, trials.table.assign(target="slow"), trials, "lrp", trials)
    >>> signature(explained, phase_of="stance").highest()
      group  side        channel  phase_percent  relevance
    0  slow  left  left_vertical           50.0        1.5
    """
    name = _check(relevance, by, modality)
    read = relevance.read.modality(name)
    stacked = [np.atleast_2d(v).any(axis=0) for v in read.values if v is not None]
    wanted = np.any(stacked, axis=0) if stacked and read.kind != "image" else np.ones(len(read.channels), bool)
    channels = tuple(c for c, own in zip(relevance.channels[name], wanted, strict=True) if own)
    phase = np.linspace(0, 100, N_POINTS)
    if read.kind == "image":
        known = relevance.trials.modality(name)
        parts, unit, phase, phase_of = images(known, relevance.values[name]), known.unit, None, ""
    elif "left_ankle_x" in read.channels:
        parts, unit, phase_of = gait_cycles(relevance, name, channels, wanted), "as read by the model", "gait cycle"
    else:
        parts, unit = waveforms(relevance, name, channels, wanted)
        phase = np.linspace(0, 100, len(next(p["signal"] for p in parts if p is not None)))
    counts, mean, spread = _averaged(parts, relevance.table, by)
    regions = None
    if "regions" in mean:
        rows = [(group, *region) for group in counts["group"] for region in REGIONS]
        regions = pd.DataFrame(rows, columns=["group", "side", "region"])
        regions[["relevance", "signal"]] = mean["regions"].reshape(-1, 2)
    return Signature(
        relevance.trials.name, name, relevance.method, unit, by, counts, channels, phase, phase_of, mean["relevance"],
        mean["signal"], spread["signal"], mean.get("stance"), regions,
    )  # fmt: skip


def _check(relevance, by, modality) -> str:
    """The modality to use, where everything needed is there."""
    if by not in GROUPED_BY:
        raise GaitDataError(f"by={by!r} is unknown; use 'class' or 'subject'")
    if relevance.trials is None:
        raise GaitDataError("a signature needs subjects and labels: explain a TrialSet, not plain arrays")
    if modality is None and len(relevance.values) > 1:
        raise GaitDataError(f"several modalities were explained: say modality= one of {', '.join(relevance.values)}")
    name = modality or next(iter(relevance.values))
    if name not in relevance.values:
        raise GaitDataError(f"modality '{name}' was not explained; explained are {', '.join(relevance.values)}")
    if relevance.read.modality(name).kind == "static":
        raise GaitDataError(f"'{name}' has neither phase nor place; relevance.values['{name}'] is all there is")
    return name


def _averaged(parts, table, by) -> tuple[pd.DataFrame, dict, dict]:
    """Counts, mean and SD over the units of every group."""
    column, unit = GROUPED_BY[by]
    used = np.array([p is not None for p in parts])
    counts, means, spreads = [], [], []
    for group, own in table.reset_index(drop=True).groupby(column):
        rows = own[used[own.index]]
        if rows.empty:
            continue
        targets = rows["target"].unique()
        if len(targets) > 1:
            raise GaitDataError(
                f"{by} '{group}' mixes explanations of {' and '.join(sorted(map(str, targets)))}: "
                "explain target='true' or one class, of trials that belong together"
            )
        left_out = len(own) - len(rows)
        counts.append((group, targets[0], rows["subject"].nunique(), len(rows), left_out))
        units = rows.groupby(unit).groups.values()
        keys = parts[rows.index[0]]
        stacks = {key: np.stack([_mean([parts[i][key] for i in u]) for u in units]) for key in keys}
        means.append({key: _mean(stack) for key, stack in stacks.items()})
        spreads.append({key: _sd(stack) for key, stack in stacks.items()})
    if not counts:
        raise GaitDataError(f"no trial can be used: with a {column}, and of a skeleton a full cycle that was read")
    counts = pd.DataFrame(counts, columns=["group", "target", "subjects", "trials", "left_out"])
    return counts, *({key: np.stack([m[key] for m in each]) for key in each[0]} for each in (means, spreads))


def _mean(arrays) -> np.ndarray:
    """Mean of what there is: a walk may have a cycle on one side only."""
    return np.ma.filled(np.ma.masked_invalid(arrays).mean(axis=0), np.nan)


def _sd(arrays) -> np.ndarray:
    """SD of what there is, 0 for a single one."""
    known = np.ma.masked_invalid(arrays)
    n = np.maximum(known.count(axis=0), 1)
    return np.sqrt(np.ma.filled(known.var(axis=0), np.nan) * n / np.maximum(n - 1, 1))


def _positions(names, known, what) -> list[int]:
    unknown = [n for n in (known if names is None else names) if n not in known]
    if unknown:
        raise GaitDataError(f"no {what} '{unknown[0]}' here; there are {', '.join(map(str, known))}")
    return [list(known).index(n) for n in (known if names is None else names)]
