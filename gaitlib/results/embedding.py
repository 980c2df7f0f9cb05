"""What an embedding knows: how much of its variance datasets, people and labels explain, and a map of it."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from gaitlib.errors import GaitDataError

DEALS = 200  # of the groups of a column, for what they explain by chance
UNITS = ("subject", "walk", "trial")  # the largest first
FEWEST = 4  # trials on a map
PERPLEXITY = 30  # of t-SNE, less where there are few trials


def variance_explained(features, table, columns=("dataset", "subject", "label")) -> pd.DataFrame:
    """The share of the variance of an embedding that each column of the trial table explains.

    The share is the sum of squares between the groups of a column over the total one, all features together. Eighty
    people explain much of any numbers, so what the groups explain by chance is taken off: the mean share of 200 deals
    of the groups among whole units, which are subjects where all trials of a subject are in one group, else walks, else
    trials. (A label that belongs to the person is dealt among people; among trials it would look important wherever
    people differ.) The rest is scaled so that 0 is expected where a column tells nothing and 1 where it tells all, as
    in an adjusted R squared; below 0 is less than chance.

    A column whose groups lie within those of another of the columns is nested in it, as the subject in its dataset. Its
    share is what it explains beyond that, dealt within it. The other shares overlap where columns go together, as
    datasets with other labels: they need not add up. Labels that mean something else in each dataset are best named
    apart (``dataset + "/" + label``): they are nested in it then.

    Parameters
    ----------
    features : array (n_trials, n_features)
        Of one unit, as they are: a feature with large values weighs more.
    table : pandas.DataFrame
        Their rows of ``trials.table``: ``subject``, ``walk`` and the columns. A trial that lacks a value in one of the
        columns is left out.
    columns : sequence of str

    Returns
    -------
    pandas.DataFrame
        One row a column: ``column``; ``within``, the columns that it is nested in; ``groups``; ``dealt``, the unit, and
        ``units``, how many there are; ``share``; ``chance share``; ``corrected share``, NaN where each group is one
        unit; ``trials``.

    Raises
    ------
    GaitDataError
        If there is no such column, the rows are not those of the features, a feature is no finite number, or the
        features do not vary.

    References
    ----------
    Anderson 2001, A new method for non-parametric multivariate analysis of variance,
    https://doi.org/10.1111/j.1442-9993.2001.01070.pp.x

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> person = np.repeat(np.arange(40), 5)
    >>> table = pd.DataFrame({"subject": person, "walk": np.arange(200), "label": list("xy") * 100})
    >>> features = rng.normal(size=(40, 8))[person] + rng.normal(size=(200, 8))  # half of it is the person
    >>> variance_explained(features, table, ("subject", "label")).set_index("column")["corrected share"].round(1).abs()
    column
    subject    0.5
    label      0.0
    Name: corrected share, dtype: float64
    """
    columns = list(columns)
    features, table = _checked(features, table, columns)
    centred = features - features.mean(axis=0)
    total = (centred**2).sum()
    if not total > 0:
        raise GaitDataError("the embedding does not vary: all trials have the same features")
    table = table.assign(trial=np.arange(len(table)))
    code = {name: pd.factorize(table[name])[0] for name in dict.fromkeys([*columns, *UNITS])}
    n_groups = {name: groups.max() + 1 for name, groups in code.items()}
    rows = []
    for name in columns:
        above = [o for o in columns if 1 < n_groups[o] < n_groups[name] and _holds(code[name], code[o])]
        block = pd.factorize(pd.MultiIndex.from_arrays([code[a] for a in above]))[0] if above else 0 * code[name]
        unit = next((u for u in UNITS if u != name and _holds(code[u], code[name])), "trial")
        unit_of, group = code[unit], code[name]
        first = np.unique(unit_of, return_index=True)[1]
        sums, sizes = _sums(centred, unit_of), np.bincount(unit_of)
        outer = _between(_sums(centred, block), np.bincount(block)) / total
        share, *dealt = (
            _between(_sums(sums, g), np.bincount(g, sizes)) / total - outer
            for g in (group[first], *_deals(group[first], block[first]))
        )
        chance, most = np.mean(dealt), _between(sums, sizes) / total - outer
        told = most > 0 and chance < most * (1 - 1e-9)
        rows.append({
            "column": name,
            "within": ", ".join(above),
            "groups": n_groups[name],
            "dealt": unit,
            "units": len(first),
            "share": share,
            "chance share": chance,
            "corrected share": (share - chance) / (1 - chance / most) if told else np.nan,
            "trials": len(table),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _checked(features, table, columns) -> tuple[np.ndarray, pd.DataFrame]:
    """Features (n, n_features) and the rows of the table, without trials that lack a value in a column."""
    features = np.asarray(features, dtype=float)
    if features.ndim != 2 or len(features) != len(table):
        raise GaitDataError(
            f"features of shape {features.shape} do not fit {len(table)} rows of the table: one row a trial is needed"
        )
    if missing := [name for name in dict.fromkeys([*columns, "subject", "walk"]) if name not in table]:
        raise GaitDataError(f"the table has no column '{missing[0]}'; it has {', '.join(table)}")
    if (bad := ~np.isfinite(features)).any():
        row, feature = np.argwhere(bad)[0]
        raise GaitDataError(f"feature {feature} of row {row} is no finite number; leave such trials out")
    known = table[columns].notna().all(axis=1).to_numpy()
    if not known.any():
        raise GaitDataError(f"no trial has a value in all of {', '.join(columns)}")
    return features[known], table[known].reset_index(drop=True)


def _holds(inner, outer) -> bool:
    """Whether each of the inner groups lies within one of the outer ones."""
    return len(set(zip(inner, outer, strict=True))) == inner.max() + 1


def _sums(values, group) -> np.ndarray:
    """Sum of the rows of each group."""
    n = len(group)
    return csr_array((np.ones(n), group, np.arange(n + 1))).T @ values


def _between(sums, sizes) -> float:
    """Sum of squares between groups about 0, the mean of all."""
    return float((sums**2 / sizes[:, None]).sum())


def _deals(group, block):
    """The groups of the units, dealt anew within each block."""
    rng = np.random.default_rng(0)
    in_blocks = np.argsort(block, kind="stable")
    for _ in range(DEALS):
        dealt = np.empty_like(group)
        dealt[in_blocks] = group[np.lexsort((rng.random(len(block)), block))]
        yield dealt


def embedding_coordinates(features, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Two coordinates a trial, for a map of an embedding.

    Parameters
    ----------
    features : array (n_trials, n_features)
    method : {"pca", "tsne"}
        The two directions of largest variance, in which distances mean something; or scikit-learn's t-SNE, which keeps
        neighbours together and whose distances and sizes of clusters mean nothing.
    seed : int
        Of t-SNE.

    Returns
    -------
    ndarray (n_trials, 2)

    Raises
    ------
    GaitDataError
        If there is no such method, there are fewer than four trials or two features, or one is no finite number.
    """
    features = np.asarray(features, dtype=float)
    if features.ndim != 2 or len(features) < FEWEST or features.shape[1] < 2:
        raise GaitDataError(f"a map needs {FEWEST} trials and 2 features or more, not an array of {features.shape}")
    if not np.isfinite(features).all():
        raise GaitDataError(f"feature {np.argwhere(~np.isfinite(features))[0, 1]} is no finite number in some trial")
    if method == "pca":
        return PCA(2, svd_solver="full").fit_transform(features)
    if method == "tsne":
        perplexity = min(PERPLEXITY, (len(features) - 1) / 3)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(features)
    raise GaitDataError(f"method '{method}' is neither 'pca' nor 'tsne'")
