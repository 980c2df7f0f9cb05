"""How far trials lie from what was learnt: 1 for that itself, more for what is unlike it, and where."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import gaitlib
from gaitlib.explain import distance_from_learnt
from gaitlib.preprocessing import Crop, Frames, SummaryStatistics
from gaitlib.trials import TrialSet


def trials(shift=0.0):
    rng = np.random.default_rng(0)
    values = [np.c_[rng.normal(5, 2, (50, 2)), np.full(50, 7.0)] + [0, shift, shift] for _ in range(4)]
    return TrialSet.from_arrays(
        {"emg": values},
        channels={"emg": ["a", "b", "still"]},
        subject=list("stuv"),
        label=list("xyxy"),
        rate_hz={"emg": 50},
    )


def test_what_was_learnt_lies_one_sd_away_and_what_is_shifted_further_by_the_shift():
    steps = make_pipeline(Frames(StandardScaler(), "emg"), Crop(20, "sliding", 20, "emg"), SummaryStatistics(["emg"]))
    model = gaitlib.GaitClassifier("extra_trees", steps=steps).fit(trials())
    own = distance_from_learnt(model, trials())
    assert np.sqrt((own["distance"] ** 2).mean()) == pytest.approx(1, abs=1e-4)
    far = distance_from_learnt(model, trials(20))
    pooled = np.concatenate(trials().modality("emg").values)[:, 1]
    expected = [
        np.sqrt(np.mean(((v[:, 1] - pooled.mean()) / pooled.std()) ** 2)) for v in trials(20).modality("emg").values
    ]
    np.testing.assert_allclose(far["furthest_distance"], expected, rtol=1e-4)
    assert set(far["furthest"]) == {"b"} and far["trial"].tolist() == trials().ids.tolist()


def test_a_model_that_scales_nothing_cannot_tell():
    model = gaitlib.GaitClassifier("extra_trees", steps=make_pipeline(SummaryStatistics(["emg"]))).fit(trials())
    with pytest.raises(gaitlib.GaitDataError, match="which would tell how far"):
        distance_from_learnt(model, trials())
