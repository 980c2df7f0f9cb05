"""The contract tests for a user's own parts: gaitlib's parts pass them, and faulty ones are told what is wrong."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers
from planted import planted_trials
from planted_inertial import fused, turning_sensor, two_walks
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import models, preprocessing
from gaitlib.errors import GaitDataError
from gaitlib.models import available, info
from gaitlib.preprocessing import Step
from gaitlib.testing import check_builder, check_step

STEPS = [thing for thing in map(preprocessing.__dict__.get, preprocessing.__all__) if inspect.isclass(thing)]
STEPS = [step for step in STEPS if issubclass(step, Step) and step is not Step]
STEPS.remove(preprocessing.ScalePerSubject)  # a trial alone is another thing to it, as it says: see its own tests
NEEDED = {
    "Frames": {"transformer": StandardScaler()},
    "LowPass": {"cutoff_hz": 6},
    "MeanCycle": {"channels": ["left_knee_z"]},
    "SelectJoints": {"joints": ["head", "left_knee"]},
}
BODY = ("acc", "bvp", "ecg", "eda", "eeg", "temperature")
NETWORKS = available(network=True, classifies=True)
SIZES = {"windows": (12, 6), "joints": (12, 45), "pose": (12, 51), "code": (1, 6), "whole": (24, 6)}


@pytest.fixture(scope="module")
def walks():
    return planted_trials(n_subjects=3, n_walks=1)[::4]


def readable_by(step, walks):
    """Walks, windows of one length, inertial sensors, signals of the body, or forces in newtons and a body mass."""
    if step.__name__ == "FuseSensors":
        return two_walks(2)
    if step.__name__ in ("MaskFace", "NormalisePose", "FillPose"):
        seen = gaitlib.project_to_pose(walks)
        return preprocessing.NormalisePose().fit_transform(seen) if step.__name__ == "FillPose" else seen
    modality = inspect.signature(step).parameters.get("modality")
    if modality is not None and modality.default == "imu":
        return fused([turning_sensor(8, swing_rad, 0.5, 3)[0] for swing_rad in (0.2, 0.4, 0.6)], gravity="")
    if modality is not None and modality.default in BODY:
        time_s = np.arange(20 * 128) / 128
        waves = [np.exp(4 * np.sin(2 * np.pi * hz * time_s)) for hz in (1.2, 0.9, 1.5)]
        return gaitlib.TrialSet.from_arrays(
            {modality.default: [wave[:, None] for wave in waves]}, rate_hz=128, subject=["a", "b", "c"]
        )
    if step.__name__ not in ("CutStride", "ScaleBodyWeight"):
        return walks
    stance = np.r_[np.zeros(5), np.full(10, 500.0), np.zeros(10)]
    forces = [np.column_stack([stance, np.roll(stance, shift)]) for shift in (5, 6)]
    return gaitlib.TrialSet.from_arrays(
        {"grf": forces}, channels=["right_vertical", "left_vertical"], unit="N", rate_hz=100, subject=["a", "b"],
        targets={"body_mass_kg": [70.0, 60.0]},
    )  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_gaitlib_passes(step, walks):
    check_step(step(**NEEDED.get(step.__name__, {})), readable_by(step, walks))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_gaitlib_passes(name):
    entry = info(name)
    inputs = entry.inputs(SIZES[entry.prepared], image=(20, 8))
    check_builder(name, inputs, padded=[m for m in inputs if m in ("skeleton", "pose") and entry.prepared != "code"])


class Halved(Step):
    """A sound step of one's own."""

    def __init__(self, modality="skeleton"):
        self.modality = modality

    def _transform(self, trials):
        return trials.with_modality(self.modality, trials.modality(self.modality).map(lambda v: v / 2))


class Renamed(Halved):
    def __init__(self, modality="skeleton"):
        self.modality = [modality]


class InPlace(Halved):
    def _transform(self, trials):
        for values in trials.modality(self.modality).values:
            values /= 2
        return trials


class OverEverybody(Halved):
    def _transform(self, trials):
        m = trials.modality(self.modality)
        mean = np.mean([v.mean() for v in m.values])
        return trials.with_modality(self.modality, m.map(lambda v: v - mean))


class Nameless(Halved):
    def _transform(self, trials):
        m = trials.modality(self.modality)
        return trials.with_modality(self.modality, m.map(lambda v: v[:, :3]))


class Backwards(Halved):
    def _transform(self, trials):
        return trials[::-1]


class Careless(Halved):
    def fit(self, trials, y=None):
        return self

    def transform(self, trials):
        return trials.with_modality(self.modality, trials.modality(self.modality))


class Forgetful(Halved):
    def __init__(self, modality="skeleton"):
        super().__init__(modality)

    def _learn(self, trials):
        self.kept_ = lambda: None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Renamed, "changes its parameter 'modality' in __init__"),
        (InPlace, "changes the trials that it is given"),
        (OverEverybody, "gives a trial another value alone than among others"),
        (Nameless, "3 channels and 75 names"),
        (Backwards, "changes the order of the trials"),
        (Careless, "Careless.fit takes what is not a TrialSet"),
        (Forgetful, "cannot be saved"),
    ],
)
def test_a_step_that_breaks_a_contract_is_told_which(step, reason):
    check_step(Halved(), planted_trials(1, 1)[:3])
    with pytest.raises(GaitDataError, match=reason):
        check_step(step(), planted_trials(1, 1)[:3])


def masked_mean(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    mask = models.layers.FrameMask()(x)
    return keras.Model(x, layers.Dense(heads["label"].size)(models.layers.MeanPooling()(x, mask)))


def plain_mean(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size)(layers.GlobalAveragePooling1D()(x)))


def other_name(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="walk")
    return keras.Model(x, layers.Dense(heads["label"].size)(layers.GlobalAveragePooling1D()(x)))


def probabilities(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size, "softmax")(layers.GlobalAveragePooling1D()(x)))


def every_point(inputs, heads):
    x = keras.Input(inputs["skeleton"], name="skeleton")
    return keras.Model(x, layers.Dense(heads["label"].size)(layers.Flatten()(x)))


def drawn_anew(inputs, heads, sizes=iter(range(2, 20))):  # noqa: B008  that it moves on is the point
    x = keras.Input(inputs["skeleton"], name="skeleton")
    h = layers.Dense(next(sizes))(layers.GlobalAveragePooling1D()(x))
    return keras.Model(x, layers.Dense(heads["label"].size)(h))


@pytest.mark.parametrize(
    ("builder", "reason"),
    [
        (plain_mean, "changes its prediction by .* when 'skeleton' is padded"),
        (other_name, r"names its inputs \['walk'\]; name them \['skeleton'\]"),
        (probabilities, "ends in softmax"),
        (drawn_anew, "builds another network each time"),
    ],
)
def test_a_builder_that_breaks_a_contract_is_told_which(builder, reason):
    with pytest.raises(GaitDataError, match=reason):
        check_builder(builder)


@pytest.mark.parametrize("builder", [masked_mean, every_point])
def test_a_sound_builder_of_ones_own_passes(builder):
    check_builder(builder)  # a network of fixed length is never padded
