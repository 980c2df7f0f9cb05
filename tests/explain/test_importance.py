"""Zero-out importance: what a network reads, and nothing else, is important."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from planted import planted_trials
from scipy.special import softmax
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from gaitlib import GaitClassifier, Training, TrialSet
from gaitlib.errors import GaitDataError
from gaitlib.explain import WHOLE, zero_out
from gaitlib.models.layers import FrameMask
from gaitlib.preprocessing import AddJointAngles, AddVelocity, CentrePelvis, Crop, Frames, Tensors
from gaitlib.trials.modality import Modality, object_array

FIT = {"training": Training(epochs=1), "validation": None}


@pytest.fixture(scope="module")
def trials():
    """Two subjects with a skeleton and a small pressure image."""
    skeletons = planted_trials(n_subjects=2, n_walks=1)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 20, (8, 6)).astype(np.float32) for _ in skeletons]
    pressure = Modality("image", tuple(f"column_{c:02d}" for c in range(6)), "raw", object_array(images))
    return skeletons.with_modality("pressure", pressure)


def mean_network(inputs, heads):
    """Logits are linear in the mean over frames of every channel: pressure columns first, then the skeleton."""
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    means = [layers.GlobalAveragePooling1D()(x[name]) for name in ("pressure", "skeleton")]
    return keras.Model(x, layers.Dense(heads["label"].size, name="logits")(layers.Concatenate()(means)))


@pytest.fixture(scope="module")
def fitted(trials):
    steps = make_pipeline(
        AddVelocity(), AddJointAngles(), CentrePelvis(), Frames(StandardScaler()),
        Frames(MinMaxScaler(), modality="pressure"), Crop(30, "sliding", 20), Tensors(),
    )  # fmt: skip
    return GaitClassifier(mean_network, steps=steps, **FIT).fit(trials)


def reading_only(fitted, trials, wanted):
    """The fitted classifier with weights on some channels (all alike), zero on all others."""
    channels = fitted.steps_.transform(trials[:1]).channels
    names = [*channels["pressure"], *channels["skeleton"]]
    kernel, bias = fitted.network_.get_layer("logits").get_weights()
    strength = np.random.default_rng(1).normal(0, 5, kernel.shape[1])
    kernel = np.array([strength if wanted(name) else 0 * strength for name in names])
    fitted.network_.get_layer("logits").set_weights([kernel, bias])
    return fitted


def proba(model, inputs):
    return softmax(np.asarray(model.network_(inputs), dtype=float), axis=1)


def of(table, modality, group):
    return table.set_index(["modality", "group"])["importance"][modality, group]


def test_the_one_joint_that_a_network_reads_is_all_that_is_important(fitted, trials):
    """Positions, velocities and the angle of a joint go together; what is not read has no importance."""
    table = zero_out(reading_only(fitted, trials, lambda name: name.startswith("left_knee")), trials[3])
    knee = of(table, "skeleton", "left_knee")
    assert knee > 0.02
    assert of(table, "skeleton", WHOLE) == pytest.approx(knee, abs=1e-4)
    others = table[~table["group"].isin(["left_knee", WHOLE])]
    assert len(others) == 24
    assert others["importance"].abs().max() < 1e-4
    assert abs(of(table, "pressure", WHOLE)) < 1e-9


def test_the_one_modality_that_a_network_reads_is_all_that_is_important(fitted, trials):
    table = zero_out(reading_only(fitted, trials, lambda name: name.startswith("column")), trials[3])
    assert table.loc[0, ["modality", "group"]].tolist() == ["pressure", WHOLE]
    assert table.loc[0, "importance"] > 0.02
    assert table.loc[1:, "importance"].abs().max() < 1e-4
    assert (table["modality"] == "pressure").sum() == 1


@pytest.mark.parametrize("target", [None, "steppage"])
def test_importance_is_the_fall_of_probability_computed_one_by_one(fitted, trials, target):
    model, trial = reading_only(fitted, trials, lambda name: True), trials[5]
    table = zero_out(model, trial, target)
    column = list(model.classes_).index(target or model.predict(trial)[0])
    samples = model.steps_.transform(trial)
    assert len(samples) > 1
    full = model.predict_proba(trial)[0, column]
    for joint in ("head", "right_foot", "left_hip"):
        own = [name.startswith(f"{joint}_") for name in samples.channels["skeleton"]]
        changed = {name: x.copy() for name, x in samples.inputs.items()}
        changed["skeleton"][:, :, own] = 0
        fall = full - proba(model, changed)[:, column].mean()
        assert of(table, "skeleton", joint) == pytest.approx(fall, abs=1e-4)


def length_network(inputs, heads):
    """Reads nothing but how many frames are real."""
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    real = ops.sum(ops.cast(FrameMask()(x["skeleton"]), "float32"), axis=1, keepdims=True)
    return keras.Model(x, layers.Dense(heads["label"].size)(real))


def test_a_sequence_without_content_keeps_its_length(trials):
    """Frames of zeros would pass for padding: the fall would then be that of an empty walk."""
    trials = TrialSet(trials.table, {"skeleton": trials.modality("skeleton")})
    model = GaitClassifier(length_network, steps=make_pipeline(Frames(StandardScaler()), Tensors()), **FIT).fit(trials)
    model.network_.layers[-1].set_weights([np.linspace(-0.05, 0.05, 6)[None], np.zeros(6)])
    shortest = trials[int(np.argmin([len(v) for v in trials.modality("skeleton").values]))]
    samples = model.steps_.transform(shortest).inputs
    assert not samples["skeleton"][0, -1].any()  # there is padding
    empty = proba(model, {"skeleton": 0 * samples["skeleton"]})
    assert np.abs(empty - model.predict_proba(shortest)).max() > 0.1
    assert zero_out(model, shortest)["importance"].abs().max() == 0


def test_channels_of_no_joint_are_groups_of_their_own():
    rng = np.random.default_rng(0)
    emg = [rng.normal(size=(20, 2)) for _ in range(4)]
    trials = TrialSet.from_arrays(
        {"emg": emg, "body": [[1.6], [1.7], [1.8], [1.9]]}, subject=list("aabb"), label=["slow", "fast"] * 2,
        channels={"emg": ["soleus", "tibialis"], "body": ["stature_m"]}, rate_hz={"emg": 100},
    )  # fmt: skip

    def network(inputs, heads):
        x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
        joined = layers.Concatenate()([layers.GlobalAveragePooling1D()(x["emg"]), x["body"]])
        return keras.Model(x, layers.Dense(heads["label"].size)(joined))

    steps = make_pipeline(Frames(StandardScaler(), "emg"), Frames(StandardScaler(), "body"), Tensors())
    model = GaitClassifier(network, steps=steps, **FIT).fit(trials)
    table = zero_out(model, trials[0])
    assert sorted(table.loc[table["modality"] == "emg", "group"]) == ["soleus", "tibialis", WHOLE]
    assert of(table, "body", "stature_m") == of(table, "body", WHOLE) != 0


def test_what_cannot_be_explained_is_refused_with_a_reason(fitted, trials):
    with pytest.raises(GaitDataError, match="one trial is needed, not 2"):
        zero_out(fitted, trials[:2])
    with pytest.raises(GaitDataError, match="knows no class 'limping'; it knows antalgic, "):
        zero_out(fitted, trials[0], target="limping")
    with pytest.raises(GaitDataError, match="classical models have no neutral zero"):
        zero_out(GaitClassifier("majority").fit(trials), trials[0])
