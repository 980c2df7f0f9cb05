"""Which joints an explanation names: shares of joints, beside a prior, and how far two explanations agree on them."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.models.priors import AXES_A_JOINT, FACE, joints_of, regions_of, without_side
from gaitlib.results.intervals import subject_interval


def share_of_joints(relevance, modality: str) -> pd.DataFrame:
    """How much of the relevance of each trial lies on each joint, whatever its sign.

    Parameters
    ----------
    relevance : Relevance
        Of any method, ``method="attention"`` included.
    modality : str
        With three channels a joint.

    Returns
    -------
    pandas.DataFrame
        One row a trial (index: its id), one column a joint; a row adds up to 1, or is NaN where nothing was relevant.

    Raises
    ------
    GaitDataError
        If a trial lacks the modality, or its channels are not three a joint.
    """
    joints, rows = joints_of(relevance.channels[modality]), []
    for trial, values in zip(relevance.table["trial"], relevance.values[modality], strict=True):
        if values is None:
            raise GaitDataError(f"{trial} has no '{modality}'; leave such trials out")
        of_joint = np.abs(values).reshape(len(values), len(joints), AXES_A_JOINT).sum(axis=(0, 2), dtype=float)
        total = of_joint.sum()
        rows.append(of_joint / total if total else np.full(len(joints), np.nan))
    return pd.DataFrame(np.array(rows), index=pd.Index(relevance.table["trial"], name="trial"), columns=joints)


def rank_agreement(one, other, modality: str) -> pd.DataFrame:
    """Whether two explanations of the same trials name the same joints: Spearman's correlation of their shares.

    Parameters
    ----------
    one, other : Relevance
        Of the same trials in the same order.
    modality : str

    Returns
    -------
    pandas.DataFrame
        One row a subject and last the mean over subjects with its 95 % t interval: ``subject``, ``correlation``,
        ``low``, ``high``, ``trials``. Joints that neither names, as those that are never seen, are left out.

    Raises
    ------
    GaitDataError
        If they explain other trials or have other joints.
    """
    if one.table["trial"].tolist() != other.table["trial"].tolist():
        raise GaitDataError("the two explanations are of other trials, or in another order")
    shares = [share_of_joints(each, modality) for each in (one, other)]
    if list(shares[0].columns) != list(shares[1].columns):
        raise GaitDataError("the two explanations are of other joints")
    named = (shares[0].sum() + shares[1].sum()) > 0
    correlation = shares[0].loc[:, named].corrwith(shares[1].loc[:, named], axis=1, method="spearman")
    told = one.table[["subject"]].assign(correlation=correlation.to_numpy())
    table = told.groupby("subject")["correlation"].agg(["mean", "count"]).reset_index()
    table = table.rename(columns={"mean": "correlation", "count": "trials"})
    low, high = subject_interval(table["correlation"].dropna())
    last = {"subject": "mean over subjects", "correlation": table["correlation"].mean(), "low": low, "high": high}
    return pd.concat([table, pd.DataFrame([last | {"trials": table["trials"].sum()}])], ignore_index=True)[
        ["subject", "correlation", "low", "high", "trials"]
    ]


def beside_prior(relevance, modality: str, weights) -> pd.DataFrame:
    """Shares of joints by class beside those of a prior.

    Attention that follows a prior shows that the network was built to do so, not that the joints matter: whether it is
    worth anything, the predictions under the prior's controls say (:meth:`gaitlib.models.Prior.controls`).

    Parameters
    ----------
    relevance : Relevance
    modality : str
    weights : sequence of float
        Of the prior, one a joint.

    Returns
    -------
    pandas.DataFrame
        One row a class and joint: ``label``, ``joint``, ``prior`` (its share), ``share`` (mean over subjects), ``low``,
        ``high`` (95 % t interval over subjects).
    """
    shares, prior = share_of_joints(relevance, modality), _shares_of(weights, relevance, modality)
    return _by_class(shares, relevance, "joint").assign(prior=lambda table: table["joint"].map(prior))[
        ["label", "joint", "prior", "share", "low", "high"]
    ]


def regions_beside_prior(relevance, modality: str, weights) -> pd.DataFrame:
    """Shares of the named regions of the body by class, beside those of a prior and of a look at all joints alike.

    What :func:`beside_prior` says of attention that follows a prior holds here, too. A region of many joints has a
    large share for that alone: hence ``alike``.

    Parameters
    ----------
    relevance : Relevance
    modality : str
    weights : sequence of float
        Of the prior, one a joint.

    Returns
    -------
    pandas.DataFrame
        One row a class and region (:func:`gaitlib.models.priors.regions_of`: regions that the layout cannot tell apart
        are one; joints of none are "elsewhere"): ``label``, ``region``, ``prior`` and ``alike`` (its share in the prior
        and where all joints but eyes and ears weigh the same), ``share`` (mean over subjects), ``low``, ``high`` (95 %
        t interval over subjects). The shares of a class add up to 1.

    Raises
    ------
    GaitDataError
        As :func:`beside_prior`.
    """
    shares, prior = share_of_joints(relevance, modality), _shares_of(weights, relevance, modality)
    alike = pd.Series([float(without_side(joint) not in FACE) for joint in shares], shares.columns)
    regions = regions_of(list(shares.columns))
    told = pd.DataFrame({region: shares[own].sum(axis=1, min_count=1) for region, own in regions.items()})
    beside = pd.DataFrame({
        name: {region: each[own].sum() / each.sum() for region, own in regions.items()}
        for name, each in (("prior", prior), ("alike", alike))
    })  # fmt: skip
    return _by_class(told, relevance, "region").join(beside, on="region")[
        ["label", "region", "prior", "alike", "share", "low", "high"]
    ]


def _shares_of(weights, relevance, modality) -> pd.Series:
    """What each joint has of a prior, by joint."""
    joints = joints_of(relevance.channels[modality])
    if len(weights) != len(joints):
        raise GaitDataError(f"the prior has {len(weights)} weights, and there are {len(joints)} joints")
    return pd.Series(np.asarray(weights, float) / np.sum(weights), joints)


def _by_class(shares, relevance, part) -> pd.DataFrame:
    """One row a class and part of the body: the mean share over subjects with its interval."""
    about = relevance.table[["label", "subject"]].to_numpy()
    long = shares.assign(label=about[:, 0], subject=about[:, 1]).melt(["label", "subject"], var_name=part)
    people = long.groupby(["label", part, "subject"], sort=False)["value"].mean()
    rows = []
    for (label, name), own in people.groupby(level=["label", part], sort=False):
        rows.append((label, name, own.mean(), *subject_interval(own.dropna())))
    return pd.DataFrame(rows, columns=["label", part, "share", "low", "high"])
