"""Linear models of scikit-learn: relevance is value times weight, exactly."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC

import gaitlib
from gaitlib.explain.linear_models import linear

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)) * [1, 2, 3, 4, 5, 6]


def labels(n_classes):
    return np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5][: n_classes - 1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_relevance_and_intercept_add_up_to_the_decision_value(n_classes):
    model = LinearSVC(C=0.1).fit(X, labels(n_classes))
    for target in range(n_classes):
        relevance, account = linear(model, {"x": X}, np.full(60, target))
        score = model.decision_function(X)
        score = score[:, target] if n_classes > 2 else (2 * target - 1) * score
        np.testing.assert_allclose(account["score"], score, rtol=1e-9)
        sign = 1 if n_classes > 2 else 2 * target - 1
        weights = model.coef_[target if n_classes > 2 else 0] * sign
        np.testing.assert_allclose(relevance["x"], X * weights, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(relevance["x"].sum(axis=1) + account["bias"], score, atol=1e-5)
        assert np.abs(account["error"]).max() < 1e-5
        np.testing.assert_array_equal(account["stabiliser"], 0)


def test_every_sample_has_its_own_target():
    model, target = LinearSVC().fit(X, labels(3)), np.arange(60) % 3
    relevance, _ = linear(model, {"x": X}, target)
    np.testing.assert_allclose(relevance["x"], X * model.coef_[target], rtol=1e-5, atol=1e-8)


def test_of_a_pipeline_the_scaled_values_are_explained_in_the_shape_that_was_given():
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(X, labels(3))
    relevance, account = linear(model, {"x": X}, np.full(60, 2))
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    np.testing.assert_allclose(relevance["x"], scaled * model[-1].coef_[2], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(account["score"], model.decision_function(X)[:, 2], rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (ExtraTreesClassifier(n_estimators=2), "ExtraTreesClassifier"),
        (make_pipeline(PolynomialFeatures(), LinearSVC()), "LinearSVC"),
    ],
)
def test_what_is_not_linear_in_its_input_is_refused_with_a_remedy(model, name):
    with pytest.raises(gaitlib.GaitDataError, match=f"{name} is not linear.*explain a network or a linear SVM"):
        linear(model.fit(X, labels(3)), {"x": X}, np.zeros(60, int))


def test_of_three_classes_told_apart_in_pairs_the_pairs_are_not_taken_for_classes():
    """Of two classes there is one pair, and it is right."""
    with pytest.raises(gaitlib.GaitDataError, match="decides between pairs of classes.*explain LinearSVC"):
        linear(SVC(kernel="linear").fit(X, labels(3)), {"x": X}, np.zeros(60, int))
    model = SVC(kernel="linear").fit(X, labels(2))
    _, account = linear(model, {"x": X}, np.ones(60, int))
    np.testing.assert_allclose(account["score"], model.decision_function(X), rtol=1e-6)


@pytest.mark.parametrize("mixes", [PCA(6), Normalizer()], ids=["PCA", "Normalizer"])
def test_a_transformer_that_mixes_values_is_refused_by_name(mixes):
    with pytest.raises(gaitlib.GaitDataError, match=f"{type(mixes).__name__} mixes the values of 'x'"):
        linear(make_pipeline(mixes, LinearSVC()).fit(X, labels(3)), {"x": X}, np.zeros(60, int))


@pytest.mark.parametrize(
    ("x", "target"),
    [(X * np.nan, np.zeros(60, int)), (X[:0], np.zeros(0, int)), (X[0], 0), (X, np.full(60, 3)), (X, np.full(60, 1.7))],
    ids=["NaN", "no sample", "no batch axis", "no such class", "half a class"],
)
def test_what_is_no_input_of_a_linear_model_is_refused(x, target):
    with pytest.raises(gaitlib.GaitDataError, match="finite values|one class number a sample"):
        linear(LinearSVC().fit(X, labels(3)), {"x": x}, target)
