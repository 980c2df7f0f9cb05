"""Weights of joints on the body: what is drawn is what was told."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import gaitlib
from gaitlib import plots
from gaitlib.explain import Relevance
from gaitlib.recipes import pose_steps

POSE = gaitlib.project_to_pose(gaitlib.synthetic_trials(n_subjects=1, n_walks=1)[:2])


def explained(trials):
    m = trials.modality("pose")
    values = [np.zeros(v.shape, np.float32) for v in m.values]
    knee = m.channels.index("left_knee_x")
    for v in values:
        v[:, knee : knee + 3] = -1 / 3  # all weight on one joint, whatever its sign
    table = pd.DataFrame({"trial": trials.ids, "label": trials.labels, "predicted": trials.labels})
    return Relevance({"pose": values}, {"pose": m.channels}, table, trials, "attention")


def test_the_weight_lies_on_the_joint_and_the_caveat_in_the_title():
    trials = POSE
    for _, step in pose_steps(POSE.modality("pose")):
        trials = step.fit(trials).transform(trials)
    figure = plots.joint_attention(explained(trials), 1, n_figures=3)
    body, over_time = figure.axes[:2]
    assert len(body.collections) == 3
    for areas in body.collections:
        assert sorted(areas.get_sizes())[-2:] == [0, 420]
    drawn = over_time.collections[0].get_array()
    names = [tick.get_text() for tick in over_time.get_yticklabels()]
    frames = len(trials.modality("pose").values[1])
    np.testing.assert_allclose(drawn[names.index("left knee")], 100 / frames, rtol=1e-5)
    assert drawn.sum() == pytest.approx(100, rel=1e-5) and not [n for n in names if "eye" in n or "ear" in n]
    title = figure.get_suptitle()
    assert trials.ids[1] in title and "SYNTHETIC" in title and "no proof" in title
    plt.close(figure)


def test_pixels_are_refused():
    with pytest.raises(gaitlib.GaitDataError, match="is in 'px'; normalise it first"):
        plots.joint_attention(explained(POSE))
