"""Recipes by name, as data: which models are pooled, and what each reads. ``GaitClassifier.from_recipe`` makes them.

How they were chosen, and what they reach on people never seen: docs/choosing_settings.md.
"""

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from gaitlib.errors import GaitDataError
from gaitlib.preprocessing import (
    AddJointAngles,
    CentrePelvis,
    Crop,
    Frames,
    ScaleStature,
    SelectJoints,
    Tensors,
)
from gaitlib.recipes.modality_steps import direction_steps
from gaitlib.trials.conventions import GAIT_JOINTS, KINECT_V2_JOINTS

OPENING = 100  # frames at 30 Hz: three gait cycles
START = {"model": "minirocket", "features": "directions", "position": "first"}
NAMED = {
    "kinect_v2_best": {
        "about": "walks before a Kinect v2, the right leg affected in training, told for either leg; three draws",
        "members": {"first draw": START, "second draw": START, "third draw": START},  # a name brings a seed
        "affected_side": "right",
    },
    "either_side": {
        "about": "one draw of the same, at a third of the cost",
        "members": {"directions": START},
        "affected_side": "right",
    },
    "azure_pressure_best": {
        "about": "Azure Kinect skeletons and plantar pressure; tried on synthetic walks alone, of either side",
        "members": {
            "skeleton": START,
            "pressure": {
                "model": "pressure_cnn",
                "training": {"epochs": 28, "batch_size": 16, "learning_rate": 3e-3, "schedule": "cosine"},
            },
        },
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
    ['directions']
    """
    if name not in NAMED:
        raise GaitDataError(f"no recipe '{name}'; there are {', '.join(NAMED)}")
    return NAMED[name]


def member_steps(read: dict) -> Pipeline | None:
    """What a member of a recipe reads of a skeleton at 30 Hz: 100 frames from one end of the walk, standardised.

    None, the defaults of its model, where the recipe names no features.

    Parameters
    ----------
    read : dict
        ``features``: "directions" or "angles", see :data:`gaitlib.recipes.FEATURES`, of the joints of a Kinect v2;
        ``position``: "first" or "last".
    """
    if "features" not in read:
        return None
    joints = [joint for joint in GAIT_JOINTS if joint in KINECT_V2_JOINTS]
    features = {
        "directions": [step for _, step in direction_steps()],
        "angles": [CentrePelvis(), ScaleStature(), SelectJoints(joints), AddJointAngles()],
    }[read["features"]]
    return make_pipeline(*features, Frames(StandardScaler()), Crop(OPENING, read["position"]), Tensors(["skeleton"]))
