"""The choices of ``notebooks/physiology.ipynb``: recordings, heads, and what trees and a network read of them."""

import tempfile

from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from gaitlib.classifier import GaitClassifier, GaitRegressor
from gaitlib.datasets import load_amigos, load_trials, write_amigos
from gaitlib.datasets.synthetic import synthetic_physiology, synthetic_trials
from gaitlib.evaluation.optimism import UngroupedRandomSplit
from gaitlib.models import Builder
from gaitlib.preprocessing import (
    EcgFeatures,
    Frames,
    LevelFeatures,
    MovementFeatures,
    PulseFeatures,
    SkinConductanceFeatures,
    SummaryStatistics,
)
from gaitlib.protocols import LeaveOneSubjectOut
from gaitlib.studies import base
from gaitlib.studies.several_targets import with_speed_and_side
from gaitlib.training import Training
from gaitlib.trials import TrialSet

RECORDINGS, WALKS = "stress_predict", "kinect_v2_pathological"  # folders of the two sets, in the folder of all data
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
SYNTHETIC = {  # people, segments of the films, seconds of a segment
    "quick": (6, (2, 2, 2), 12.0),
    "default": (12, (4, 4, 4, 4), 12.0),
    "full": (37, (4,) * 16 + (40,) * 4, 20.0),
}
SHOWN = ("model", "trials", "AUROC", "PR-AUC", "Brier", "MAE", "MAE low", "MAE high", "R2", "beats its baselines")
PEOPLE = {"quick": 2, "default": 10, "full": None}  # that are left out, one by one
EPOCHS = {"quick": 1, "default": 8, "full": 50}


def open_recordings(chosen: base.Profile) -> TrialSet:
    """``stress_predict`` in the folder ``$GAIT_DATA`` (else ``data``), else synthetic files in the layout of AMIGOS."""
    if folder := base.data_folder(RECORDINGS):
        return load_trials(folder)
    n_subjects, n_segments, segment_s = SYNTHETIC[chosen.name]
    with tempfile.TemporaryDirectory() as folder:
        return load_amigos(write_amigos(synthetic_physiology(n_subjects, n_segments, segment_s), folder))


def open_walks(chosen: base.Profile) -> TrialSet:
    """Walks with three targets: ``kinect_v2_pathological`` of the same folder, else of the synthetic walker."""
    folder = base.data_folder(WALKS)
    return with_speed_and_side(load_trials(folder) if folder else synthetic_trials(**chosen.synthetic))


def heads(trials) -> list[str]:
    """What is told of these recordings: stress and two rates, or valence, arousal and transition."""
    return [name for name in (*WRISTBAND, *FILM) if name in trials.kinds]


def with_features(trials) -> TrialSet:
    """The trials with a static modality of numbers for each signal; none of the steps learns, so folds stay apart."""
    steps = [FEATURES[name](name) for name in trials.modalities if name in FEATURES]
    return make_pipeline(*steps).fit_transform(trials)


def models(chosen: base.Profile, trials) -> dict:
    """Trees on the features of the signals, and a network on the signals themselves, all heads each."""
    told = heads(trials)
    kind = GaitRegressor if trials.target(told[0]).kind == "continuous" else GaitClassifier
    features = [name for name in trials.modalities if name.endswith("_features")]
    impute = [(f"impute_{name}", _imputer(name)) for name in features]
    steps = Pipeline([*impute, ("statistics", SummaryStatistics(features))])
    training = Training(EPOCHS[chosen.name], 64, learning_rate=3e-3, patience=_patience(chosen))
    short = {} if chosen.thorough else {"width": 0.5, "stride_to": 64}  # a fifth of the time
    network = Builder("multimodal_lstm", form="one_layer", **short)
    return {
        "features and trees": kind("extra_trees", steps=steps, heads=told),
        "network on signals": kind(network, training=training, heads=told),
    }


def one_signal_each(chosen: base.Profile, trials, head) -> dict:
    """Trees that tell one head from the features of one signal, for each signal."""
    every = models(chosen, trials)["features and trees"]
    found = {}
    for name in [name for name in trials.modalities if name.endswith("_features")]:
        steps = Pipeline([("impute", _imputer(name)), ("statistics", SummaryStatistics([name]))])
        found[name.removesuffix("_features")] = GaitClassifier(every.model, steps, heads=[head])
    return found


def _patience(chosen):
    return 10 if chosen.watched else None


def _imputer(name) -> Frames:
    return Frames(SimpleImputer(keep_empty_features=True), name)


def new_people(chosen: base.Profile) -> LeaveOneSubjectOut:
    """Some people left out one by one, all of them in the full profile."""
    return LeaveOneSubjectOut(validation=chosen.watched, n_people=PEOPLE[chosen.name])


def random_windows(chosen: base.Profile) -> UngroupedRandomSplit:
    """The usual split, in which windows of one recording stand on both sides: only to be compared with."""
    return UngroupedRandomSplit(5 if chosen.thorough else 2, validation=chosen.watched)


def verdicts(table) -> list[str]:
    """Of a table of :meth:`gaitlib.results.Runs.against_baselines` a sentence a model."""
    own = table.dropna(subset="beats its baselines")
    return [f"**{model}**: {words}" for model, words in zip(own["model"], own["in words"], strict=True)]


def walkers(chosen: base.Profile) -> dict[str, GaitClassifier]:
    """The same network with the gait alone and with three targets, and trees fitted a target."""
    training = Training(chosen.epochs, 64, learning_rate=2e-3, patience=_patience(chosen))
    three = ["label", "speed", "mirrored"]
    return {
        "compact_gru, gait alone": GaitClassifier("compact_gru", training=training),
        "compact_gru, three targets": GaitClassifier("compact_gru", training=training, heads=three),
        "extra_trees": GaitClassifier("extra_trees", heads=three),
    }
