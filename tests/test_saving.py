"""Saving without pickle: what goes in comes out, and files cannot name what they like."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC

from gaitlib import Mirror, Training, saving
from gaitlib.errors import GaitDataError
from gaitlib.models import Builder
from gaitlib.preprocessing import Frames, variance_score

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(80, 6)), RNG.integers(0, 3, 80)


def round_trip(value, tmp_path, **custom):
    saving.save_state({"value": value}, tmp_path / "state")
    return saving.load_state(tmp_path / "state", custom)["value"]


@pytest.mark.parametrize(
    "estimator",
    [
        StandardScaler(),
        MinMaxScaler(),
        RobustScaler(),
        PCA(3, random_state=0),
        SelectKBest(variance_score, k=2),
        make_pipeline(StandardScaler(), PCA(2)),
    ],
    ids=lambda e: type(e).__name__,
)
def test_fitted_transformers_come_back_the_same(estimator, tmp_path):
    estimator.fit(X, Y)
    np.testing.assert_array_equal(round_trip(estimator, tmp_path).transform(X), estimator.transform(X))


@pytest.mark.parametrize(
    "estimator",
    [ExtraTreesClassifier(20, random_state=0), DummyClassifier(), LinearSVC(random_state=0), RidgeClassifierCV()],
    ids=lambda e: type(e).__name__,
)
def test_fitted_classifiers_come_back_the_same(estimator, tmp_path):
    estimator.fit(X, Y)
    loaded = round_trip(estimator, tmp_path)
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=8,
)


@given(
    value=json_like, array=hnp.arrays(st.sampled_from([np.float32, np.int64, bool, "U3"]), hnp.array_shapes(max_dims=3))
)
def test_plain_values_and_arrays_come_back_the_same(value, array, tmp_path_factory):
    loaded, again = round_trip((value, array), tmp_path_factory.mktemp("state"))
    assert loaded == value
    assert type(loaded) is type(value)
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype


def test_lambdas_are_refused_when_saving(tmp_path):
    with pytest.raises(GaitDataError, match="define it by name"):
        round_trip(SelectKBest(lambda x, y: x.var(axis=0)), tmp_path)


def own_score(X, y=None):
    return X.mean(axis=0)


def test_own_functions_load_only_when_given(tmp_path):
    selector = SelectKBest(own_score, k=1).fit(X, Y)
    with pytest.raises(GaitDataError, match="custom_objects={'own_score': own_score}"):
        round_trip(selector, tmp_path)
    loaded = round_trip(selector, tmp_path, own_score=own_score)
    np.testing.assert_array_equal(loaded.transform(X), selector.transform(X))


def test_files_name_public_paths_so_that_a_move_breaks_none(tmp_path):
    step = Frames(StandardScaler())
    saving.save_state({"value": [step, Builder("gru"), Mirror()]}, tmp_path / "state")
    text = (tmp_path / "state.json").read_text()
    for path in ("gaitlib.preprocessing:Frames", "sklearn.preprocessing:StandardScaler", "gaitlib:Mirror"):
        assert f'"{path}"' in text
    moved = text.replace("gaitlib.preprocessing:Frames", "gaitlib.preprocessing.where_it_was:Frames")
    (tmp_path / "state.json").write_text(moved)
    assert type(saving.load_state(tmp_path / "state")["value"][0]) is Frames


@pytest.mark.parametrize(
    "name",
    ["os:system", "builtins:eval", "sklearn.utils.fixes:np.load", "sklearn.utils:os.system", "subprocess:Popen"],
)
def test_files_cannot_name_what_they_like(name, tmp_path):
    saving.save_state({"value": 1}, tmp_path / "state")
    for entry in ({"name": name}, {"object": name, "state": {"dict": []}}):
        (tmp_path / "state.json").write_text(json.dumps({"value": entry}))
        with pytest.raises(GaitDataError):
            saving.load_state(tmp_path / "state")


def test_a_tree_that_points_outside_itself_is_refused(tmp_path):
    saving.save_state({"value": ExtraTreesClassifier(1, random_state=0).fit(X, Y)}, tmp_path / "state")
    with np.load(tmp_path / "state.npz") as file:
        arrays = dict(file)
    for array in arrays.values():
        if array.dtype.names:
            array["left_child"][0] = 10_000
    np.savez(tmp_path / "state.npz", **arrays)
    with pytest.raises(GaitDataError, match="points outside itself"):
        saving.load_state(tmp_path / "state")


@pytest.mark.parametrize("file", ["state.json", "state.npz"])
def test_damaged_or_missing_files_are_refused(file, tmp_path):
    saving.save_state({"value": StandardScaler().fit(X)}, tmp_path / "state")
    content = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(GaitDataError, match="damaged"):
        saving.load_state(tmp_path / "state")
    (tmp_path / file).unlink()
    with pytest.raises(GaitDataError, match="no such file"):
        saving.load_state(tmp_path / "state")


def test_digest_changes_with_what_matters_only():
    settings = Training(epochs=5, augment=(Mirror(),))
    assert saving.digest(settings) == saving.digest(Training(epochs=5, augment=(Mirror(),)))
    changed = [
        Training(epochs=6, augment=(Mirror(),)),
        Training(epochs=5),
        Training(epochs=5, augment=(Mirror("other"),)),
        Builder("gru", units=3),
        Builder("gru", units=4),
        SelectKBest(own_score),
        SelectKBest(variance_score),
        np.arange(3),
        np.arange(4),
    ]
    assert len({saving.digest(v) for v in [settings, *changed]}) == len(changed) + 1


def test_digest_of_a_function_covers_its_source():
    def score(a):
        return a + 1

    first = saving.digest(score)

    def score(a):
        return a + 2

    assert saving.digest(score) != first
