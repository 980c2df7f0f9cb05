"""Shares of joints: counted by hand, beside a prior, and agreement by ranks."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from gaitlib import GaitDataError
from gaitlib.explain import Relevance, beside_prior, rank_agreement, regions_beside_prior, share_of_joints
from gaitlib.results import subject_interval

JOINTS = ["nose", "left_hip", "right_hip", "left_knee"]
CHANNELS = tuple(f"{joint}_{axis}" for joint in JOINTS for axis in ("x", "y", "confidence"))


def explained(seed=0, n=8, values=None):
    """Relevance of trials of four people and two classes, of three to six frames."""
    rng = np.random.default_rng(seed)
    values = values or [rng.normal(size=(3 + i % 4, 12)).astype(np.float32) for i in range(n)]
    table = pd.DataFrame({
        "trial": [f"t{i}" for i in range(len(values))], "subject": [f"s{i // 2}" for i in range(len(values))],
        "label": ["a", "b"] * (len(values) // 2),
    })  # fmt: skip
    return Relevance({"pose": values}, {"pose": CHANNELS}, table, None, "lrp")


def by_hand(relevance):
    return [
        [np.abs(v[:, 3 * j : 3 * j + 3]).sum() / np.abs(v).sum() for j in range(4)] for v in relevance.values["pose"]
    ]


def test_a_share_is_the_size_of_what_lies_on_a_joint_over_that_on_all():
    relevance = explained()
    shares = share_of_joints(relevance, "pose")
    assert list(shares.columns) == JOINTS and shares.index.tolist() == relevance.table["trial"].tolist()
    np.testing.assert_allclose(shares, by_hand(relevance), rtol=1e-5)


def test_where_nothing_is_relevant_nothing_is_said():
    assert share_of_joints(explained(values=[np.zeros((3, 12))] * 2), "pose").isna().all(axis=None)
    with pytest.raises(GaitDataError, match="t1 has no 'pose'"):
        share_of_joints(explained(values=[np.ones((3, 12)), None]), "pose")


def test_agreement_is_the_rank_correlation_of_each_trial_mean_over_people():
    one, other = explained(0), explained(1)
    for relevance in (one, other):
        for v in relevance.values["pose"]:
            v[:, :3] = 0  # a joint that is never seen
    table = rank_agreement(one, other, "pose")
    each = [spearmanr(a[1:], b[1:]).statistic for a, b in zip(by_hand(one), by_hand(other), strict=True)]
    people = np.reshape(each, (4, 2)).mean(axis=1)
    np.testing.assert_allclose(table["correlation"], [*people, people.mean()])
    assert table["subject"].tolist() == ["s0", "s1", "s2", "s3", "mean over subjects"]
    np.testing.assert_allclose(table.iloc[-1][["low", "high"]].astype(float), subject_interval(people))
    assert table["trials"].tolist() == [2, 2, 2, 2, 8]
    same = rank_agreement(one, one, "pose")
    np.testing.assert_allclose(same["correlation"], 1)


def test_other_trials_and_other_joints_are_refused():
    with pytest.raises(GaitDataError, match="other trials"):
        rank_agreement(explained(), explained(n=6), "pose")
    other = explained()
    other.channels["pose"] = (*CHANNELS[3:], *CHANNELS[:3])
    with pytest.raises(GaitDataError, match="other joints"):
        rank_agreement(explained(), other, "pose")


def test_shares_of_a_class_stand_beside_those_of_the_prior():
    relevance = explained()
    table = beside_prior(relevance, "pose", (0.0, 1.0, 1.0, 2.0))
    assert len(table) == 8 and table.groupby("joint")["prior"].first()[JOINTS].tolist() == [0, 0.25, 0.25, 0.5]
    shares = np.array(by_hand(relevance))
    for _, row in table.iterrows():
        own = shares[["a", "b"].index(row["label"]) :: 2, JOINTS.index(row["joint"])]
        assert row["share"] == pytest.approx(own.mean(), rel=1e-5)
        np.testing.assert_allclose(row[["low", "high"]].astype(float), subject_interval(own), rtol=1e-4)
    with pytest.raises(GaitDataError, match="3 weights, and there are 4 joints"):
        beside_prior(relevance, "pose", (1, 1, 1))


def test_shares_of_regions_are_those_of_their_joints():
    relevance, weights = explained(), (0.0, 1.0, 1.0, 2.0)
    table = regions_beside_prior(relevance, "pose", weights).set_index(["region", "label"])
    joints = beside_prior(relevance, "pose", weights).set_index(["joint", "label"])
    assert list(dict.fromkeys(table.index.get_level_values(0))) == ["head", "lumbar, pelvis, hip", "knee"]
    shares = np.array(by_hand(relevance))
    for k, label in enumerate("ab"):
        hip = table.loc[("lumbar, pelvis, hip", label)]
        own = shares[k::2, 1:3].sum(axis=1)
        assert hip["share"] == pytest.approx(own.mean(), rel=1e-5)
        np.testing.assert_allclose(hip[["low", "high"]].astype(float), subject_interval(own), rtol=1e-4)
        assert (hip["prior"], hip["alike"]) == (0.5, 0.5)
        assert table.loc[("knee", label), "share"] == pytest.approx(joints.loc[("left_knee", label), "share"])
    np.testing.assert_allclose(table.groupby("label")[["prior", "alike", "share"]].sum(), 1)
    with pytest.raises(GaitDataError, match="3 weights, and there are 4 joints"):
        regions_beside_prior(relevance, "pose", (1, 1, 1))
