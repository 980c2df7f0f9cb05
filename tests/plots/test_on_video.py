"""Shares of joints on the frames of a video: what is drawn is what was told, where the body is."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import gaitlib
from gaitlib import plots
from gaitlib.explain import Relevance

POSE = gaitlib.project_to_pose(gaitlib.synthetic_trials(n_subjects=1, n_walks=1)[:1], noise=0)
KNEE = POSE.modality("pose").channels.index("left_knee_x")


def explained(trials):
    m = trials.modality("pose")
    values = [np.zeros(v.shape, np.float32) for v in m.values]
    for v in values:
        v[:, KNEE : KNEE + 3] = -1 / 3  # all weight on one joint, whatever its sign
    table = pd.DataFrame({"trial": trials.ids, "label": trials.labels, "predicted": trials.labels})
    return Relevance({"pose": values}, {"pose": m.channels}, table, trials, "attention")


def test_the_weight_lies_on_the_joint_in_each_picture_and_the_caveat_in_the_title():
    numbers = plots.shown_frames(POSE, 3)
    assert len(numbers) == 3 and set(numbers) <= set(POSE.modality("pose").frames[0])
    pictures = {n: np.zeros((1080, 1920, 3), np.uint8) for n in numbers}
    figure = plots.attention_on_frames(explained(POSE), pictures, pd.Series({"normal": 0.7, "antalgic": 0.3}))
    moments = [axis for axis in figure.axes if axis.collections and axis.images]
    assert len(moments) == 3
    for axis, number in zip(moments, numbers, strict=True):
        (joints,) = axis.collections
        heaviest = joints.get_array().argmax()
        assert joints.get_array()[heaviest] == pytest.approx(100) and joints.get_array().sum() == pytest.approx(100)
        row = np.searchsorted(POSE.modality("pose").frames[0], number)
        place = POSE.modality("pose").values[0][row, KNEE : KNEE + 2]
        np.testing.assert_allclose(joints.get_offsets()[heaviest], place)
        (left, right), (below, above) = axis.get_xlim(), axis.get_ylim()
        assert left < place[0] < right and above < place[1] < below
    title = figure.get_suptitle()
    assert POSE.ids[0] in title and "(0.70)" in title and "no proof" in title
    plt.close(figure)


def test_other_pictures_and_normalised_poses_are_refused():
    picture = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(gaitlib.GaitDataError, match="by the numbers of frames that the trial has"):
        plots.attention_on_frames(explained(POSE), {10**6: picture}, pd.Series({"normal": 1.0}))
    normal = gaitlib.preprocessing.NormalisePose().fit_transform(POSE)
    with pytest.raises(gaitlib.GaitDataError, match="a picture has px"):
        plots.attention_on_frames(explained(normal), {0: picture}, pd.Series({"normal": 1.0}))
