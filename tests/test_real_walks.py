"""The whole path on real recordings: files, preparation, leave-one-subject-out, scikit-learn's own searches."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib import GaitClassifier, LeaveOneSubjectOut, RandomTrialSplit, Training
from gaitlib.models import Builder
from gaitlib.preprocessing import CentrePelvis, Crop, Frames, Tensors


@pytest.fixture(scope="module")
def walks(real_kinect_zip):
    return gaitlib.load_trials(real_kinect_zip)


def test_a_new_person_is_harder_than_a_known_one(walks, tmp_path):
    """ExtraTrees: 0.92 against 1.00 was measured on these six subjects by others."""
    protocols = [LeaveOneSubjectOut(), RandomTrialSplit()]
    trees = GaitClassifier(Builder("extra_trees", n_estimators=100))
    runs = gaitlib.benchmark({"trees": trees}, walks, protocols, store=tmp_path, progress=False)
    accuracy = runs.table().set_index("claim")["accuracy"]
    assert 0.85 < accuracy["a new person"] < 0.97
    assert accuracy["a new walk of a known person"] > 0.98
    assert len(runs.per_subject()) == 6


def test_cross_val_score_and_grid_search_on_real_trials(walks):
    some = walks[::6]
    steps = [
        ("centre", CentrePelvis()),
        ("scale", Frames(StandardScaler())),
        ("crop", Crop(40)),
        ("tensors", Tensors()),
    ]
    model = GaitClassifier("compact_gru", steps=Pipeline(steps), training=Training(epochs=1))
    folds = GroupKFold(3)
    scores = cross_val_score(model, some, some.labels, groups=some.subjects, cv=folds, scoring="f1_macro")
    assert np.isfinite(scores).all()
    grid = {"steps__crop__frames": [20, 40], "model__units": [8], "training__learning_rate": [3e-3]}
    search = GridSearchCV(model, grid, cv=folds, error_score="raise").fit(some, some.labels, groups=some.subjects)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
