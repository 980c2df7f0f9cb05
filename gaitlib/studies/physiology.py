"""The choices of the physiological study: which recordings, which heads, what trees and networks read of them."""

from sklearn.pipeline import make_pipeline

from gaitlib.preprocessing import (
    EcgFeatures,
    LevelFeatures,
    MovementFeatures,
    PulseFeatures,
    SkinConductanceFeatures,
)
from gaitlib.trials import TrialSet

WRISTBAND = ("stress", "heart_rate", "respiratory_rate")
FILM = ("valence", "arousal", "transition")
FEATURES = {  # what a window of a signal says in a few numbers
    "bvp": PulseFeatures,
    "ecg": EcgFeatures,
    "eda": SkinConductanceFeatures,
    "gsr": SkinConductanceFeatures,
    "acc": MovementFeatures,
    "temperature": LevelFeatures,
    "eeg": LevelFeatures,
}


def heads(trials) -> list[str]:
    """What is told of these trials: stress and two rates, or valence, arousal and transition."""
    return [name for name in (*WRISTBAND, *FILM) if name in trials.kinds]


def with_features(trials) -> TrialSet:
    """The trials with a static modality of numbers for each signal; none of the steps learns, so folds stay apart."""
    steps = [FEATURES[name](name) for name in trials.modalities if name in FEATURES]
    return make_pipeline(*steps).fit_transform(trials)
