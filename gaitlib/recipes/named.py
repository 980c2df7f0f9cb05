"""Recipes by name, as data: which models are pooled, and what each reads. ``GaitClassifier.from_recipe`` makes them.

How they were chosen, and what they reach on people never seen: docs/choosing_settings.md.
"""

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import (
    AddJointAngles,
    AddPelvisMotion,
    BoneDirections,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    Tensors,
)
from gaitlib.trials.conventions import GAIT_JOINTS, KINECT_V2_JOINTS

OPENING = 100  # frames at 30 Hz: three gait cycles
START = {"model": "minirocket", "features": "directions", "position": "first"}
NAMED = {
    "kinect_v2_best": {
        "about": "skeletons of a Kinect v2, the affected leg on the side where it was in training",
        "members": {
            "directions, start": START,
            "positions, start": START | {"features": "angles"},
            "positions, end": START | {"features": "angles", "position": "last"},
        },
    },
    "either_side": {
        "about": "skeletons of walks with the right leg affected in training, told for either leg",
        "members": {"directions, start": START},
        "affected_side": "right",
    },
}


def named_recipe(name: str) -> dict:
    """A recipe by its name.

    Returns
    -------
    dict
        ``about``, in words; ``members``: what each reads, by its name; perhaps ``affected_side``.

    Raises
    ------
    GaitDataError
        If there is none of that name; the message lists those that are.

    Examples
    --------
    >>> list(named_recipe("either_side")["members"])
    ['directions, start']
    """
    if name not in NAMED:
        raise GaitDataError(f"no recipe '{name}'; there are {', '.join(NAMED)}")
    return NAMED[name]


def member_steps(features: str, position: str, model: str = "minirocket") -> Pipeline:
    """What a member of a recipe reads of a skeleton at 30 Hz: 100 frames from one end of the walk.

    Parameters
    ----------
    features : {"directions", "angles"}
        See :data:`gaitlib.recipes.FEATURES`; positions are those of the joints of a Kinect v2.
    position : {"first", "last"}
    model : str
        Of the member; all read the same way.
    """
    stature, angles, centre = ScaleStature(), AddJointAngles(), CentrePelvis()
    joints = SelectJoints([joint for joint in GAIT_JOINTS if joint in KINECT_V2_JOINTS])
    read = {
        "directions": [stature, AddPelvisMotion(), centre, angles, BoneDirections()],
        "angles": [centre, stature, joints, angles],
    }[features]
    steps = [*read, Frames(StandardScaler()), Crop(OPENING, position), Tensors(["skeleton"])]
    return Pipeline([(type(step).__name__.lower(), step) for step in steps])
