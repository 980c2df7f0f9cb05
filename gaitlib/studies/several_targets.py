"""One network, several targets of a walk: which gait, how fast, and whether it was mirrored."""

from dataclasses import replace

import numpy as np

from gaitlib.preprocessing import gait_parameters
from gaitlib.targets import Target
from gaitlib.training import Mirror
from gaitlib.trials import TrialSet

HEADS = ("label", "speed", "mirrored")
NORMAL = "normal"


def with_speed_and_side(trials, seed=0, modality="skeleton") -> TrialSet:
    """The walks with two more targets, half of each person's walks of every impaired gait mirrored.

    - ``speed``: metres a second, from the path of the pelvis between the first and the last heel strike
      (:func:`gaitlib.preprocessing.gait_parameters`). It is read before walks are centred on the pelvis; a network that
      reads centred joints must tell it from the way the legs move.
    - ``mirrored``: whether the walk was mirrored. In each of the impaired gaits of these sets one leg is the affected
      one, so this says which; a normal walk has no affected side, and lacks the target.

    Parameters
    ----------
    trials : TrialSet
        With labels, of which "normal" is the one without an affected side, and a raw skeleton.
    seed : int
        Which walks are mirrored; all views of a walk are.
    modality : str

    Returns
    -------
    TrialSet
        Its name says that walks were mirrored.
    """
    table, rng = trials.table, np.random.default_rng(seed)
    mirrored = set()
    for _, own in table[table["label"] != NORMAL].groupby(["subject", "label"]):
        walks = rng.permutation(own["walk"].unique())
        mirrored |= set(walks[: len(walks) // 2])
    is_mirrored = table["walk"].isin(mirrored).to_numpy()
    speed = gait_parameters(trials, modality)["speed_mps"].to_numpy()
    changed = Mirror(modality)(trials)
    for name in trials.modalities:
        values = trials.modality(name).values.copy()
        values[is_mirrored] = changed.modality(name).values[is_mirrored]
        trials = trials.with_modality(name, replace(trials.modality(name), values=values))
    side = np.where(table["label"] == NORMAL, np.nan, is_mirrored.astype(float))
    trials = trials.with_target("speed", Target("continuous", speed, "m/s"))
    trials = trials.with_target("mirrored", Target("binary", side))
    return replace(trials, name=f"{trials.name}, half of the impaired walks mirrored")
