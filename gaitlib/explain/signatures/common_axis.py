"""The relevance of single trials on an axis that all trials share: phase of a movement, or place on a plate.

Each function gives a list, for every trial a dict of arrays ("signal", "relevance" and more) or None where it cannot be
put there.
"""

from dataclasses import replace

import numpy as np

from gaitlib.errors import GaitDataError
from gaitlib.explain.signatures.regions import region_sums
from gaitlib.preprocessing.events import SIDES
from gaitlib.preprocessing.gait_cycle import cycles
from gaitlib.trials.modality import object_array

N_POINTS = 101
BODY_SIDES = (*SIDES, "affected", "unaffected")


def side_of(channel: str) -> str:
    """The side of the body in the name of a channel; "trunk" where there is none."""
    side = channel.partition("_")[0]
    return side if side in BODY_SIDES else "trunk"


def images(known, relevance) -> list:
    """Images as they are, and both summed over the regions of the feet: "regions" (6, 2), relevance and signal."""
    parts = []
    for image, values in zip(known.values, relevance, strict=True):
        sums = None if values is None else (region_sums(image, values), region_sums(image, image))
        parts.append(None)
        if sums is not None and sums[1] is not None:
            parts[-1] = {"signal": image, "relevance": values, "regions": np.stack(sums, axis=1)}
    return parts


def waveforms(relevance, name, channels, wanted) -> tuple[list, str]:
    """Sequences of one length as they are, and the unit of their signal."""
    values, known = relevance.values[name], relevance.trials.modalities.get(name)
    lengths = sorted({len(v) for v in values if v is not None})
    if len(lengths) != 1:
        raise GaitDataError(
            f"the trials of '{name}' have {lengths[0]} to {lengths[-1]} frames: cut them to one movement of one length "
            "first, or explain skeletons, whose gait events are known"
            if lengths
            else f"no trial has '{name}'"
        )
    if known is not None and set(channels) <= set(known.channels):
        unit, columns, signal = known.unit, [known.channels.index(c) for c in channels], known.values
    else:
        unit, columns, signal = "as read by the model", wanted, relevance.read.modality(name).values
    parts = [
        None if v is None else {"signal": s[:, columns], "relevance": v[:, wanted]}
        for s, v in zip(signal, values, strict=True)
    ]
    return parts, unit


def gait_cycles(relevance, name, channels, wanted) -> list:
    """Signal and relevance over phase, mean over the cycles of a trial; NaN on a side that has none."""
    is_right = np.array([side_of(c) == "right" for c in channels])
    known, read = relevance.trials.modality(name), relevance.read.modality(name)
    labels = [f"{what} {c}" for what in ("signal", "relevance") for c in channels] + ["frame read"]
    parts = []
    for i, values in enumerate(relevance.values[name]):
        parts.append(None)
        if values is None:
            continue
        seen = read.values[i].any(axis=1, keepdims=True)  # a frame that was read is never all zero
        columns = np.column_stack([known.values[i], read.values[i][:, wanted], values[:, wanted], seen])
        both = replace(known.take([i]), values=object_array([columns]), channels=(*known.channels, *labels))
        curves, table = cycles(relevance.trials[i].with_modality(name, both), labels, N_POINTS, name)
        whole = curves[:, :, -1].min(axis=1, initial=1) > 1 - 1e-6
        of_side = [whole & (table["side"] == side).to_numpy() for side in SIDES]
        if not whole.any():
            continue
        starts, ends = (np.searchsorted(known.time_s[i], table[c]) for c in ("start_s", "end_s"))
        frames_per_percent = (ends - starts)[:, None, None] / 100
        signal, share = np.split(curves[:, :, :-1], 2, axis=2)
        curves = {"signal": signal, "relevance": share * frames_per_percent}
        left, right = ({k: v[own].mean(axis=0) if own.any() else np.nan for k, v in curves.items()} for own in of_side)
        parts[-1] = {key: np.where(is_right, right[key], left[key]) for key in curves}
        parts[-1]["stance"] = 100 * table["stance_share"][whole].mean()
    return parts
