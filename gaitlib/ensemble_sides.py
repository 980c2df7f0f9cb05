"""Either side: walks beside their mirror images, and what becomes of class and side in the mirror."""

from dataclasses import replace

import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.training import Mirror
from gaitlib.trials import TrialSet
from gaitlib.trials.joining import stacked

OTHER = {"left": "right", "right": "left"}
NO_SIDE = "none"
MIRRORED = " (mirrored)"  # end of the ids of mirror images
SKELETON = "skeleton"


def told_apart(classes, affected_side=None, symmetric=()) -> pd.DataFrame:
    """What the members of an ensemble tell apart.

    Parameters
    ----------
    classes : sequence of str
    affected_side : {"left", "right"} or None
        None where sides do not matter.
    symmetric : sequence of str
        Classes without an affected side.

    Returns
    -------
    pandas.DataFrame
        By name: its ``class``, ``side`` ("left", "right" or "none"), and the name of what is ``mirrored``.

    Examples
    --------
    >>> told_apart(["limp", "normal"], "right", ["normal"])
                   class   side     mirrored
    limp, left      limp   left  limp, right
    limp, right     limp  right   limp, left
    normal        normal   none       normal
    """
    rows = []
    for c in classes:
        if affected_side is None or c in symmetric:
            rows.append((c, c, NO_SIDE, c))
        else:
            rows += [(_on(c, side), c, side, _on(c, other)) for side, other in OTHER.items()]
    return pd.DataFrame(rows, columns=["", "class", "side", "mirrored"]).set_index("").rename_axis(None)


def mirrored(trials) -> TrialSet:
    """Mirror images of the trials, with ids of their own.

    Raises
    ------
    GaitDataError
        If the trials have no skeleton.
    """
    if SKELETON not in trials.modalities:
        raise GaitDataError(
            f"affected_side= needs a modality '{SKELETON}' to mirror, here are {', '.join(trials.modalities)}; "
            "leave affected_side= out"
        )
    seen = Mirror(SKELETON)(trials)
    return replace(seen, table=seen.table.assign(trial=seen.table["trial"] + MIRRORED))


def beside_mirror_images(trials, affected_side, symmetric) -> TrialSet:
    """Training trials, then their mirror images, labelled by class and side.

    Raises
    ------
    GaitDataError
        If a trial has no skeleton, an id ends as those of mirror images do, or a class is called as one with its side.
    """
    images = mirrored(trials)
    if not (present := trials.modality(SKELETON).present()).all():
        raise GaitDataError(f"{trials.ids[~present][0]} has no '{SKELETON}' to mirror; leave such trials out")
    if clash := [i for i in trials.ids if i.endswith(MIRRORED)]:
        raise GaitDataError(f"{clash[0]}: ids that end in '{MIRRORED}' are those of mirror images; give it another")
    told = told_apart(trials.classes, affected_side, symmetric)
    if told.index.has_duplicates:
        raise GaitDataError(f"the class '{told.index[told.index.duplicated()][0]}' is called as another with its side")
    sides = told[told["side"].isin([NO_SIDE, affected_side])].reset_index(names="name").set_index("class")
    own, other = (trials.table["label"].map(sides[column]) for column in ("name", "mirrored"))
    return stacked(
        replace(trials, table=trials.table.assign(label=own)), replace(images, table=images.table.assign(label=other))
    )


def recorded_ids(ids) -> tuple[str, ...]:
    """Ids of trials for those of their mirror images, each once."""
    return tuple(dict.fromkeys(i.removesuffix(MIRRORED) for i in ids))


def _on(name, side) -> str:
    return f"{name}, {side}"
