"""gaitlib: multimodal gait classification that can be believed.

Importing gaitlib loads no deep-learning backend; names below are fetched when first used.
"""

import importlib

__version__ = "0.1.0"

_WHERE = {
    "GaitDataError": "gaitlib.errors",
    "Target": "gaitlib.targets",
    "TrialSet": "gaitlib.trials",
    "concat": "gaitlib.trials",
    "load_amigos": "gaitlib.datasets",
    "load_imu": "gaitlib.datasets",
    "load_pose": "gaitlib.datasets",
    "load_trials": "gaitlib.datasets",
    "load_empatica_e4": "gaitlib.datasets",
    "pose_from_video": "gaitlib.datasets",
    "project_to_pose": "gaitlib.datasets",
    "synthetic_imu": "gaitlib.datasets.synthetic",
    "synthetic_physiology": "gaitlib.datasets.synthetic",
    "synthetic_trials": "gaitlib.datasets.synthetic",
    "Encode": "gaitlib.encoders",
    "Encoder": "gaitlib.encoders",
    "pretrain": "gaitlib.encoders",
    "GaitClassifier": "gaitlib.classifier",
    "GaitRegressor": "gaitlib.classifier",
    "Ensemble": "gaitlib.ensemble",
    "Pretraining": "gaitlib.training",
    "Training": "gaitlib.training",
    "Mirror": "gaitlib.training",
    "device_name": "gaitlib.training.device",
    "set_device": "gaitlib.training.device",
    "Demo": "gaitlib.demo",
    "benchmark": "gaitlib.evaluation",
    "open_runs": "gaitlib.results",
    "GroupKFold": "gaitlib.protocols",
    "LabelBudget": "gaitlib.protocols",
    "LeaveOneGroupOut": "gaitlib.protocols",
    "LeaveOneRepetitionOut": "gaitlib.protocols",
    "LeaveOneSubjectOut": "gaitlib.protocols",
    "RandomTrialSplit": "gaitlib.protocols",
    "SubjectAndStimulusKFold": "gaitlib.protocols",
    "SubjectHoldout": "gaitlib.protocols",
    "SubjectKFold": "gaitlib.protocols",
    "TrialKFold": "gaitlib.protocols",
}
_ROOMS = (
    "audit", "datasets", "encoders", "evaluation", "explain", "models", "perturb", "plots", "preprocessing",
    "protocols", "recipes", "results", "studies", "targets", "training", "trials",
)  # fmt: skip

__all__ = [*_WHERE, *_ROOMS]


def __getattr__(name):
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"gaitlib.{name}")
    raise AttributeError(f"gaitlib has no '{name}'; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
