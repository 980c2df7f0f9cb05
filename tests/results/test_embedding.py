"""Planted shares of variance are found, noise explains nothing, and people count where labels are theirs."""

import numpy as np
import pandas as pd
import pytest

from gaitlib.errors import GaitDataError
from gaitlib.results.embedding import embedding_coordinates, variance_explained

F = 24


def people(n_people=40, n_walks=6, n_datasets=4, labels="xyz"):
    """Everybody in one dataset, with walks of all labels."""
    person, walk = np.divmod(np.arange(n_people * n_walks), n_walks)
    table = pd.DataFrame({"subject": person, "walk": np.arange(len(person)), "dataset": person % n_datasets})
    return table.assign(label=np.array(list(labels))[walk % len(labels)])


def planted(table, seed=0, **variances):
    """An effect of each named column with its variance, besides noise of variance 1."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(len(table), F))
    for column, variance in variances.items():
        group = pd.factorize(table[column])[0]
        effect = rng.normal(size=(group.max() + 1, F))
        effect = (effect - effect.mean(axis=0)) / effect.std(axis=0, ddof=0)
        features += np.sqrt(variance) * effect[group]
    return features


def shares(features, table, columns=("dataset", "subject", "label"), of="corrected share"):
    return variance_explained(features, table, columns).set_index("column")[of]


@pytest.mark.parametrize("n_people", [20, 80])
def test_planted_shares_are_found(n_people):
    table = people(n_people)
    found = shares(planted(table, dataset=1, subject=2, label=0.5), table)
    within = (n_people - 4) / (n_people - 1)  # of what differs between people, the means of the datasets are not theirs
    np.testing.assert_allclose(found, [1 / 4.5, within * 2 / 4.5, 0.5 / 4.5], atol=0.04)


@pytest.mark.parametrize("seed", range(4))
def test_noise_explains_nothing_after_correction(seed):
    table = people(20)
    found = variance_explained(planted(table, seed), table).set_index("column")
    assert (found["corrected share"].abs() < 0.03).all()
    assert found.loc["subject", "share"] > 0.1, "twenty people explain much of any numbers"
    np.testing.assert_allclose(found.loc["subject", "chance share"], 16 / 119, atol=0.01)  # of 120 walks in 4 sets


def test_a_label_of_the_person_is_dealt_among_people_not_among_walks():
    """People differ and labels do not: among walks any label of the person would look important."""
    table = people(12, 20)
    table["label"] = np.where(table["subject"] % 2, "sick", "healthy")
    found = [variance_explained(planted(table, seed, subject=4), table, ("label",)).iloc[0] for seed in range(10)]
    assert {(one["dealt"], one["units"]) for one in found} == {("subject", 12)}
    assert np.mean([one["share"] for one in found]) > 0.05
    assert abs(np.mean([one["corrected share"] for one in found])) < 0.02
    own = planted(table, label=2, subject=1)
    assert abs(shares(own, table, ("label",))["label"] - 2 / 4) < 0.08


def test_the_subject_is_said_to_be_nested_and_what_lies_above_it_is_not_counted_twice():
    table = people(20)
    features = planted(table, dataset=5)
    found = variance_explained(features, table).set_index("column")
    assert found["within"].to_dict() == {"dataset": "", "subject": "dataset", "label": ""}
    assert found["groups"].to_dict() == {"dataset": 4, "subject": 20, "label": 3}
    assert found["dealt"].to_dict() == {"dataset": "subject", "subject": "walk", "label": "walk"}
    assert found.loc["dataset", "corrected share"] > 0.8
    assert abs(found.loc["subject", "corrected share"]) < 0.02
    alone = shares(features, table, ("subject",))
    assert alone["subject"] > 0.8, "without the dataset beside it the subject has its share"
    table["label"] = np.where(table["subject"] % 3, "sick", "healthy")
    assert variance_explained(features, table).set_index("column")["within"]["subject"] == "dataset, label"


def test_shares_are_those_of_the_sums_of_squares():
    table = people(9, 4, 3)
    features = planted(table, subject=1)
    total = ((features - features.mean(axis=0)) ** 2).sum()

    def between(column):
        groups = [features[table[column].to_numpy() == g] for g in table[column].unique()]
        return sum(len(g) * ((g.mean(axis=0) - features.mean(axis=0)) ** 2).sum() for g in groups) / total

    found = shares(features, table, of="share")
    np.testing.assert_allclose(found["label"], between("label"))
    np.testing.assert_allclose(found["subject"], between("subject") - between("dataset"))


@pytest.mark.parametrize("seed", range(4))
def test_unequal_people_and_windows_of_a_walk(seed):
    """Windows of one walk are alike: dealt apart they would make any label look important."""
    rng = np.random.default_rng(seed)
    table = people(15, 6)
    table = table.loc[table.index.repeat(rng.integers(1, 9, len(table)))].reset_index(drop=True)
    found = variance_explained(planted(table, seed, walk=4), table).set_index("column")
    assert found["dealt"].to_dict() == {"dataset": "subject", "subject": "walk", "label": "walk"}
    assert (found["corrected share"].abs() < 0.12).all()


def test_the_order_and_the_scale_change_nothing():
    table, moved = people(12), np.random.default_rng(0).permutation(72)
    features = planted(table, subject=1, label=1)
    first = variance_explained(features, table)
    again = variance_explained(7 + 3 * features[moved], table.iloc[moved])
    np.testing.assert_allclose(again["share"], first["share"])
    np.testing.assert_allclose(again["corrected share"], first["corrected share"], atol=0.02)


def test_where_each_group_is_one_unit_nothing_can_be_said():
    table = people(2, 10)
    table["label"] = np.where(table["subject"] == 0, "sick", "healthy")
    found = variance_explained(planted(table, label=4), table, ("label", "subject")).set_index("column")
    assert np.isnan(found.loc["label", "corrected share"])
    assert found.loc["subject", "corrected share"] > 0.5
    single = people(12, 1)
    assert np.isnan(shares(planted(single), single, ("subject",))["subject"])
    assert np.isnan(shares(planted(table), table.assign(trial=table.index), ("trial",))["trial"])
    one = people(12, 4, n_datasets=1)
    found = variance_explained(planted(one, subject=1), one).set_index("column")
    assert abs(found.loc["dataset", "corrected share"]) < 1e-12
    assert found.loc["subject", "within"] == ""


def test_trials_without_a_value_are_left_out():
    table = people(12)
    features = planted(table, label=1)
    table["label"] = table["label"].where(table.index >= 6)
    features[:6] = 1e6
    found = variance_explained(features, table)
    assert set(found["trials"]) == {66}
    pd.testing.assert_frame_equal(found, variance_explained(features[6:], table.iloc[6:]))


@pytest.mark.parametrize(
    ("features", "columns", "words"),
    [
        (np.ones((71, 2)), ["label"], r"features of shape \(71, 2\) do not fit 72 rows"),
        (np.ones(72), ["label"], "one row a trial is needed"),
        (np.ones((72, 2)), ["clinic"], "no column 'clinic'; it has subject, walk"),
        (np.ones((72, 2)), ["label"], "does not vary"),
        (np.where(np.arange(144).reshape(72, 2) == 9, np.nan, 1), ["label"], "feature 1 of row 4 is no finite number"),
    ],
)
def test_what_cannot_be_is_refused(features, columns, words):
    with pytest.raises(GaitDataError, match=words):
        variance_explained(features, people(12), columns)


# -- a map -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_map_keeps_groups_apart_and_is_the_same_again(method):
    table = people(6, 5)
    features = planted(table, subject=400)
    found = embedding_coordinates(features, method, seed=1)
    assert found.shape == (30, 2)
    np.testing.assert_array_equal(found, embedding_coordinates(features, method, seed=1))
    centres = np.array([found[table["subject"] == s].mean(axis=0) for s in range(6)])
    nearest = ((found[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == table["subject"]).mean() > 0.9


def test_the_map_of_two_directions_is_the_plane_of_largest_variance():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 5)) * [9, 4, 0.1, 0.1, 0.1]
    found = embedding_coordinates(features)
    distances = [np.linalg.norm(v[:, None] - v, axis=2) for v in (features, found)]
    np.testing.assert_allclose(*distances, atol=0.2)


@pytest.mark.parametrize(
    ("features", "method", "words"),
    [
        (np.ones((3, 5)), "pca", "a map needs 4 trials and 2 features"),
        (np.ones((9, 1)), "pca", "a map needs 4 trials and 2 features"),
        (np.full((9, 3), np.inf), "pca", "feature 0 is no finite number"),
        (np.eye(9), "umap", "'umap' is neither 'pca' nor 'tsne'"),
    ],
)
def test_maps_that_cannot_be_are_refused(features, method, words):
    with pytest.raises(GaitDataError, match=words):
        embedding_coordinates(features, method)


def test_four_trials_have_a_map_of_neighbours():
    assert np.isfinite(embedding_coordinates(np.eye(4), "tsne")).all()
