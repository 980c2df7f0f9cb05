"""Figures of single trials and predictions: what is drawn is what is in the data, by a model that is a stranger."""

import base64
import re
import xml.etree.ElementTree as ET

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import layers
from matplotlib.colors import to_hex
from planted import planted_trials

import gaitlib
from gaitlib import GaitClassifier, SubjectHoldout, Training, TrialSet, plots
from gaitlib.errors import GaitDataError
from gaitlib.explain import prediction, zero_out
from gaitlib.explain.over_time import predict_over_time
from gaitlib.plots.house_style import LEFT
from gaitlib.trials.conventions import BONES, joint_columns
from gaitlib.trials.modality import Modality, object_array

SVG = "{http://www.w3.org/2000/svg}"


def network(inputs, heads):
    x = {name: keras.Input(shape, name=name) for name, shape in inputs.items()}
    means = [layers.GlobalAveragePooling1D()(t) for t in x.values()]
    joined = means[0] if len(means) == 1 else layers.Concatenate()(means)
    return keras.Model(x, layers.Dense(heads["label"].size)(joined))


@pytest.fixture(scope="module")
def skeletons():
    return planted_trials(n_subjects=3, n_walks=1)


@pytest.fixture(scope="module")
def trials(skeletons):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 20, (128, 48)).astype(np.float32) for _ in skeletons]
    pressure = Modality("image", tuple(f"column_{c:02d}" for c in range(48)), "raw", object_array(images))
    return skeletons.with_modality("pressure", pressure)


@pytest.fixture(scope="module")
def runs(trials, tmp_path_factory):
    models = {"own": GaitClassifier(network, training=Training(epochs=5, learning_rate=0.01)), "majority": "majority"}
    store = tmp_path_factory.mktemp("store")
    own = {"network": network}
    protocols = [SubjectHoldout(validation=False)]
    return gaitlib.benchmark(models, trials, protocols, store=store, progress=False, custom_objects=own)


@pytest.fixture(scope="module")
def tested(runs, trials):
    """One trial of the held-out subject."""
    return trials[trials.ids == runs.predictions()["trial"].iloc[2]]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def panel(figure, title):
    return next(axis for axis in figure.axes if axis.get_title(loc="left").startswith(title))


def test_the_heat_map_is_the_distance_in_front_of_the_pelvis(trials):
    axis = plots.skeleton_heatmap(trials[4]).axes[0]
    m = trials[4].modality("skeleton")
    shown = axis.collections[0].get_array().reshape(-1, len(m.values[0]))
    joints = [text.get_text().replace(" ", "_") for text in axis.get_yticklabels()]
    pelvis = m.values[0][:, m.channels.index("spine_base_y")]
    for row in ("head", "left_ankle", "right_foot"):
        expected = m.values[0][:, m.channels.index(f"{row}_y")] - pelvis
        np.testing.assert_allclose(shown[joints.index(row)], expected, atol=1e-6)
    assert axis.get_yticklabels()[joints.index("left_ankle")].get_color() == LEFT


def test_missing_frames_leave_the_times_of_the_others_in_place(trials):
    """Cells lie around the true times, not in a row of equal frames."""
    kept = np.r_[0:20, 40:60]
    m = trials[0].modality("skeleton").select_frames([kept])
    axis = plots.skeleton_heatmap(trials[0].with_modality("skeleton", m)).axes[0]
    edges = axis.collections[0].get_coordinates()[0, :, 0]
    assert np.all((edges[:-1] < m.time_s[0]) & (m.time_s[0] < edges[1:]))


def test_one_pressure_map_a_class_on_one_scale_as_recorded(trials):
    some = trials[trials.labels != "normal"]
    figure = plots.pressure_maps(some)
    images = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(images) == 5
    assert len({image.get_clim() for image in images}) == 1
    first = some[some.labels == some.classes[0]].modality("pressure").values[0]
    np.testing.assert_array_equal(images[0].get_array().filled(0), first)
    assert images[0].axes.get_aspect() == 1
    assert "SYNTHETIC" in figure.get_suptitle()


def test_a_trial_without_pressure_is_passed_over(trials):
    pressure = trials.modality("pressure")
    values = pressure.values.copy()
    values[:7] = None  # all of the first subject and one of the second
    some = trials.with_modality("pressure", Modality("image", pressure.channels, "raw", values))
    titles = [axis.get_title(loc="left") for axis in plots.pressure_maps(some).axes if axis.images]
    assert "s03" in titles[some.classes.index(trials.labels[6])]
    assert sum("s02" in title for title in titles) == 5
    with pytest.raises(GaitDataError, match="no trial has 'pressure'"):
        plots.pressure_maps(some[:7])


def test_bars_are_the_probabilities_with_the_true_class_marked(runs, tested):
    axis = plots.class_probabilities(prediction(runs, tested, "own")).axes[0]
    model = runs.classifier_for(tested, "own")
    proba = model.predict_proba(tested)[0]
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], proba, atol=1e-6)
    names = [text.get_text() for text in axis.get_yticklabels()]
    assert [name for name in names if name.startswith("true: ")] == [f"true: {tested.labels[0]}".replace("_", " ")]
    verdict = "right" if model.predict(tested)[0] == tested.labels[0] else "wrong"
    assert axis.get_title(loc="left").endswith(f"({verdict})")


def test_lines_and_importances_are_those_of_the_model_that_never_saw_the_subject(runs, tested):
    model = runs.classifier_for(tested, "own")
    assert not any(trial.startswith(tested.subjects[0]) for trial in model.fitted_on_)
    windows = predict_over_time(model, tested)
    lines = plots.prediction_over_time(prediction(runs, tested, "own")).axes[0].lines
    for line, name in zip(lines, model.classes_, strict=True):
        np.testing.assert_allclose(line.get_ydata(), windows[name], atol=1e-6)
    drawn = plots.importance(prediction(runs, tested, "own")).axes[0]
    widths = [bar.get_width() for bar in drawn.patches]
    table = zero_out(model, tested)
    by_name = table.set_index(["modality", "group"])["importance"]
    assert widths[:2] == pytest.approx(sorted(by_name[:, "whole modality"], reverse=True), abs=1e-6)
    assert widths[2:] == pytest.approx(table[table["group"] != "whole modality"]["importance"].head(10), abs=1e-6)


def test_the_dashboard_says_who_what_and_that_the_model_is_a_stranger(runs, tested):
    figure = plots.dashboard(prediction(runs, tested, "own"))
    title = figure.get_suptitle()
    subject = tested.subjects[0]
    assert "SYNTHETIC" in title
    assert f"{tested.ids[0]} ({subject})" in title
    assert f"own, which never saw {subject}" in title
    for start in ("from the side", "how far", "pressure", "prediction: ", "prediction over time", "what the"):
        assert panel(figure, start).has_data()


def test_panels_that_cannot_be_drawn_say_why(runs, tested):
    bare = TrialSet(tested.table, {"skeleton": tested.modality("skeleton")}, tested.name)
    said = " ".join(
        t.get_text() for axis in plots.dashboard(prediction(runs, bare, "majority")).axes for t in axis.texts
    )
    assert "no pressure\nrecorded" in said
    assert "classical models read the whole trial" in said
    assert "classical models have no neutral zero" in said


def test_subjects_that_the_models_know_are_refused(runs, trials, tested):
    known = trials[trials.subjects != tested.subjects[0]][0]
    with pytest.raises(GaitDataError, match="no subject-disjoint run tested subject"):
        prediction(runs, known)
    with pytest.raises(GaitDataError, match="one trial is needed, not 2"):
        prediction(runs, trials[:2])
    with pytest.raises(GaitDataError, match="one trial is needed, not 2"):
        plots.skeleton_heatmap(trials[:2])


def poses(svg, colour):
    """Points of all key frames of the paths of one colour, an array (frames, points, 2) for each path."""
    found = []
    for path in ET.fromstring(svg).iter(f"{SVG}path"):
        frames = path.find(f"{SVG}animate").get("values").split(";")
        assert path.get("d") == frames[0]
        if path.get("stroke") == to_hex(colour):
            found.append(np.array([re.findall(r"-?\d+\.\d", frame) for frame in frames], float))
    return [each.reshape(len(each), -1, 2) for each in found]


def test_the_moving_figure_moves_as_the_joints_do(trials):
    """Left bones of both views in centimetres: side view y and z, front view mirrored x and z."""
    trial = trials[3]
    figure = plots.moving_stick_figure(trial, seconds=1.0)
    m = trial.modality("skeleton")
    time_s, middle = m.time_s[0], m.time_s[0][len(m.time_s[0]) // 2]
    side, front = poses(figure.svg, LEFT)
    inside = time_s[(time_s >= middle - 0.5) & (time_s < middle + 0.5)]
    key_s = np.linspace(inside[0], inside[-1], len(side))
    left = [bone for bone in BONES if "left" in "".join(bone) and {f"{j}_x" for j in bone} <= set(m.channels)]
    joints = [joint_columns(m.channels, joint) for bone in left for joint in bone]
    x, y, z = (
        100 * np.stack([np.interp(key_s, time_s, m.values[0][:, j[axis]]) for j in joints], axis=1) for axis in range(3)
    )
    for drawn, across in ((side, y), (front, -x)):
        np.testing.assert_allclose(drawn[..., 0] - drawn[0, 0, 0], across - across[0, 0], atol=0.11)
        np.testing.assert_allclose(drawn[..., 1] - drawn[0, 0, 1], z[0, 0] - z, atol=0.11)
    root = ET.fromstring(figure.svg)
    floor = float(root.find(f"{SVG}line").get("y1"))
    assert max(p[..., 1].max() for p in poses(figure.svg, LEFT)) <= floor + 0.1
    animate = root.find(f".//{SVG}animate")
    assert float(animate.get("dur")[:-1]) == pytest.approx(key_s[-1] - key_s[0], abs=1e-3)
    assert animate.get("repeatCount") == "indefinite"


def test_the_moving_figure_needs_nothing_else_and_is_small(trials, tmp_path):
    figure = plots.moving_stick_figure(trials[0])
    assert len(figure._repr_html_()) < 150_000
    assert "script" not in figure.svg
    assert re.findall(r'(?:href|src|xmlns)="([^"]*)"', figure.svg) == ["http://www.w3.org/2000/svg"]
    data = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', figure._repr_html_())[1]
    assert base64.b64decode(data).decode() == figure.svg
    assert figure.save(tmp_path / "new" / "walk.svg").read_text() == figure.svg
    assert figure._repr_html_() in figure.save(tmp_path / "walk.html").read_text()
    with pytest.raises(GaitDataError, match="saved as .svg or .html"):
        figure.save(tmp_path / "walk.gif")


def test_names_are_no_markup(trials):
    odd = TrialSet(trials[0].table, {"skeleton": trials[0].modality("skeleton")}, "<b>a & b</b>")
    figure = plots.moving_stick_figure(odd)
    assert ET.fromstring(figure.svg).find(f"{SVG}text").text.startswith("<b>a & b</b>: ")
    assert "<b>" not in figure._repr_html_()


def test_what_cannot_move_is_refused(trials):
    m = trials[0].modality("skeleton")
    with pytest.raises(GaitDataError, match="at least two frames are needed to move"):
        plots.moving_stick_figure(trials[0].with_modality("skeleton", m.select_frames([slice(1)])))
    broken = m.map(lambda v: np.where(np.arange(v.shape[1]) == 4, np.nan, v))
    with pytest.raises(GaitDataError, match="not a finite number"):
        plots.moving_stick_figure(trials[0].with_modality("skeleton", broken))
    with pytest.raises(GaitDataError, match="one trial is needed"):
        plots.moving_stick_figure(trials[:2])
