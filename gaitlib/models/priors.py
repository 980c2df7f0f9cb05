"""What clinicians look at, as data: a weight a joint, the same for every class and person."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from gaitlib.errors import GaitDataError

AXES_A_JOINT = 3  # x, y, z, or x, y and confidence
TRIES = 20  # for each shuffle, to find one that is new
SIDES = ("left_", "right_")

# Joints of a region by their names without the side, in layouts that have them; else what stands nearest.
REGIONS = {
    "head": (("head", "nose"),),
    "shoulder": (("shoulder",),),
    "lumbar": (("spine_mid", "naval"), ("hip",)),
    "pelvis": (("pelvis", "spine_base"), ("hip",)),
    "hip": (("hip",),),
    "knee": (("knee",),),
    "ankle": (("ankle",),),
    "foot": (("foot", "heel", "foot_index"), ("ankle",)),
}
FACE = (
    "eye",
    "ear",
    "eye_inner",
    "eye_outer",
    "mouth_left",
    "mouth_right",
)  # masked everywhere: they tell the camera, not the walk


@dataclass(frozen=True)
class Prior:
    """Weights of regions or joints.

    Parameters
    ----------
    weights : dict of str to float
        By region (head, shoulder, lumbar, pelvis, hip, knee, ankle, foot) or joint, from 0 up; all others weigh 0. A
        joint in two regions has the higher weight, a joint that is named has its own.
    name : str

    Raises
    ------
    GaitDataError
        If it is not one number a name: weights that differ between classes or people would tell the label.

    Examples
    --------
    >>> channels = [f"{joint}_{axis}" for joint in ("nose", "left_hip", "right_hip", "left_knee") for axis in "xyz"]
    >>> Prior({"pelvis": 1.0, "left_knee": 0.5}).weights_for(channels)
    (0.0, 1.0, 1.0, 0.5)
    """

    weights: Mapping[str, float]
    name: str = "prior"

    def __post_init__(self):
        if not isinstance(self.weights, Mapping) or not self.weights:
            raise GaitDataError(f"a prior is a weight a region or joint, such as {{'pelvis': 1}}, not {self.weights!r}")
        for region, weight in self.weights.items():
            if isinstance(weight, Mapping | list | tuple):
                raise GaitDataError(
                    f"prior '{self.name}': '{region}' has several weights, {weight!r}; a prior is the same for every "
                    "class and person, else it would tell the label"
                )
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < np.inf:
                raise GaitDataError(
                    f"prior '{self.name}': the weight of '{region}' is {weight!r}, not a number from 0 up"
                )
        if not any(self.weights.values()):
            raise GaitDataError(f"prior '{self.name}' weighs nothing; give one region or joint more than 0")

    @classmethod
    def read(cls, path) -> "Prior":
        """From a YAML file of a line a region or joint, such as ``pelvis: 1.0``; its name is that of the file.

        Raises
        ------
        GaitDataError
            If the file is no such YAML.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise GaitDataError(
                f"{path}: no prior can be read ({error}); expected lines such as 'pelvis: 1.0'"
            ) from error
        try:
            return cls(content, path.stem)
        except GaitDataError as error:
            raise GaitDataError(f"{path}: {error}") from error

    def weights_for(self, channels) -> tuple[float, ...]:
        """A weight a joint, in the order of the channels.

        Parameters
        ----------
        channels : sequence of str
            Three a joint, ``<joint>_<axis>``, as a skeleton or a pose has them.

        Raises
        ------
        GaitDataError
            If channels are not three a joint, or a region or joint is not there.
        """
        joints = joints_of(channels)
        of_regions, own = {}, {}
        for name, weight in self.weights.items():
            if name in joints:
                own[name] = float(weight)
            elif name in REGIONS:
                for joint in _region(name, joints):
                    of_regions[joint] = max(float(weight), of_regions.get(joint, 0.0))
            else:
                raise GaitDataError(
                    f"prior '{self.name}': '{name}' is no region ({', '.join(REGIONS)}) and none of the joints "
                    f"{', '.join(joints)}"
                )
        weights = of_regions | own
        return tuple(weights.get(joint, 0.0) for joint in joints)

    def controls(self, channels, n_shuffles=20, seed=0) -> dict[str, tuple | None]:
        """What a prior must beat before it is believed: weights for the same channels, by name.

        "off" (None: no prior at all), "uniform" (all joints alike), "wrong region" (the joints that the prior leaves
        out), and shuffles, in which the weights are dealt anew to pairs of joints, left and right together, so that a
        shuffle looks like a prior. Eyes and ears take no part. Each weighs as much as the prior in all.
        """
        joints, prior = joints_of(channels), np.array(self.weights_for(channels))
        units = _pairs([joint for joint in joints if without_side(joint) not in FACE])
        at = {joint: i for i, joint in enumerate(joints)}
        heights = [np.mean([prior[at[joint]] for joint in unit]) for unit in units]

        def dealt(given):
            weights = np.zeros(len(joints))
            for unit, height in zip(units, given, strict=True):
                weights[[at[joint] for joint in unit]] = height
            total = weights.sum()
            return tuple((weights * prior.sum() / total).tolist()) if total else None

        made = {self.name: tuple(prior.tolist()), "off": None, "uniform": dealt(np.ones(len(units)))}
        if (wrong := dealt(np.equal(heights, 0).astype(float))) is not None:
            made["wrong region"] = wrong
        rng, shuffles = np.random.default_rng(seed), {}
        for _ in range(TRIES * n_shuffles):  # those that are like the prior or another one do not count
            if len(shuffles) < n_shuffles and (order := tuple(rng.permutation(heights))) != tuple(heights):
                shuffles.setdefault(order, dealt(order))
        return made | {f"shuffle {i}": weights for i, weights in enumerate(shuffles.values(), 1)}


def joints_of(channels) -> list[str]:
    """Names of the joints, three channels each, in their order.

    Raises
    ------
    GaitDataError
        If channels are not three a joint.

    Examples
    --------
    >>> joints_of(["nose_x", "nose_y", "nose_confidence", "left_hip_x", "left_hip_y", "left_hip_confidence"])
    ['nose', 'left_hip']
    """
    names = [str(channel).rpartition("_")[0] for channel in channels]
    joints = names[::AXES_A_JOINT]
    if len(names) % AXES_A_JOINT or [j for j in joints for _ in range(AXES_A_JOINT)] != names or "" in joints:
        raise GaitDataError(
            f"expected three channels a joint, such as nose_x, nose_y, nose_z; got {', '.join(channels)}"
        )
    return joints


def regions_of(joints) -> dict[str, list[str]]:
    """The joints of each region; each joint is in one.

    Regions that a layout cannot tell apart, as COCO has the hips for lumbar, pelvis and hip, are one, under all their
    names. Joints of no region are "elsewhere".

    Examples
    --------
    >>> regions_of(["nose", "left_wrist", "left_hip", "left_knee", "left_ankle"])
    {'head': ['nose'], 'lumbar, pelvis, hip': ['left_hip'], 'knee': ['left_knee'], 'ankle, foot': ['left_ankle'],
     'elsewhere': ['left_wrist']}
    """
    names = {}
    for region, choices in REGIONS.items():
        if any(without_side(joint) in choice for choice in choices for joint in joints):
            names.setdefault(tuple(_region(region, joints)), []).append(region)
    found = {", ".join(regions): list(own) for own, regions in names.items()}
    left = [joint for joint in joints if not any(joint in own for own in found.values())]
    return found | ({"elsewhere": left} if left else {})


def _region(name, joints) -> list[str]:
    for choice in REGIONS[name]:
        if found := [joint for joint in joints if without_side(joint) in choice]:
            return found
    raise GaitDataError(f"no joint of the region '{name}' is there; the joints are {', '.join(joints)}")


def without_side(joint) -> str:
    """The name of a joint that both sides have."""
    return joint.removeprefix(SIDES[0]).removeprefix(SIDES[1])


def _pairs(joints) -> list[list[str]]:
    units = {}
    for joint in joints:
        units.setdefault(without_side(joint), []).append(joint)
    return list(units.values())
