"""Which joints an explanation names: shares of joints, beside a prior, and how far two explanations agree on them."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.models.priors import AXES_A_JOINT, joints_of
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
    shares = share_of_joints(relevance, modality)
    if len(weights) != shares.shape[1]:
        raise GaitDataError(f"the prior has {len(weights)} weights, and there are {shares.shape[1]} joints")
    prior = dict(zip(shares.columns, np.asarray(weights, float) / np.sum(weights), strict=True))
    about = relevance.table[["label", "subject"]].to_numpy()
    long = shares.assign(label=about[:, 0], subject=about[:, 1]).melt(["label", "subject"], var_name="joint")
    people = long.groupby(["label", "joint", "subject"], sort=False)["value"].mean()
    rows = []
    for (label, joint), own in people.groupby(level=["label", "joint"], sort=False):
        low, high = subject_interval(own.dropna())
        rows.append((label, joint, prior[joint], own.mean(), low, high))
    return pd.DataFrame(rows, columns=["label", "joint", "prior", "share", "low", "high"])
