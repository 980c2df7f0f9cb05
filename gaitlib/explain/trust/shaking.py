"""Infidelity: does an explanation foretell how the logit changes when the input is shaken?"""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.explain.trust.parts import named_methods, parts_of, rows_of
from gaitlib.perturb.engine import side_by_side
from gaitlib.perturb.tables import level_table

SHUFFLED = ", shuffled"


def infidelity(classifier, inputs, methods="lrp", draws=50, sigma=0.2, seed=0, model=None) -> pd.DataFrame:
    """Mean squared difference between the fall of a logit that an explanation foretells and the fall that comes.

    Every value is taken away by a random share e of itself, gaussian of SD ``sigma``. An explanation R then foretells
    a fall of sum(R e); what comes is f(x) - f(x - e x). Relevance already holds the value (on a linear model it is
    value times weight, and the infidelity 0): so, departing from the source, which shakes all values alike and takes
    explanations for slopes, shares are drawn, and a value of 0 is never shaken.

    Parameters
    ----------
    classifier : GaitClassifier, keras.Model or Runs
        Of the runs of a benchmark, every network is asked about the trials that it never saw.
    inputs : TrialSet, or (for a keras.Model) dict of str to ndarray, or one ndarray
    methods : str, sequence of str, or dict of str to dict
        As in :func:`gaitlib.explain.trust.faithfulness.deletion`.
    draws : int
        Shakes of each sample, at least 2.
    sigma : float
        The source's 0.2.
    seed : int
    model : str, optional
        Which model of the runs; default the first.

    Returns
    -------
    pandas.DataFrame
        One row a method, and one for its values shuffled within each sample, the yardstick:

        - ``data``, ``method``;
        - ``infidelity``, in squared logits;
        - ``unexplained``: what is left of it when the explanation is brought to its best scale in each sample, as a
          share of the mean squared fall; 0 foretells all, 1 nothing. Attention, whose weights add up to 1 whatever
          the logit, can only be judged by this;
        - ``low``, ``high``: its 95 % t interval over subjects (samples where there are none), and ``over`` how many.

    Raises
    ------
    GaitDataError
        If there is no network or no sample, or fewer than two draws.

    References
    ----------
    Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, https://arxiv.org/abs/1901.09392
    """
    if draws < 2:
        raise GaitDataError(f"infidelity needs at least two draws, not {draws}")
    found = []
    for number, part in enumerate(parts_of(classifier, inputs, model)):
        rng, real = np.random.default_rng([seed, number]), part.real()
        relevance = {}
        for label, settings in named_methods(methods).items():
            relevance[label] = part.values(label, settings)
            relevance[label + SHUFFLED] = _shuffled(relevance[label], real, rng)
        foretold, falls = _shaken(part, relevance, draws, sigma, rng)
        for label, own in foretold.items():
            raw = np.mean((own - falls) ** 2, axis=0)
            scale = _ratio((own * falls).sum(axis=0), (own**2).sum(axis=0), 0)
            left = _ratio(np.mean((scale * own - falls) ** 2, axis=0), np.mean(falls**2, axis=0), np.nan)
            found.append(rows_of(part, number, method=label, infidelity=raw, unexplained=left))
    keys, samples = ["data", "method"], pd.concat(found)
    table = level_table(samples, keys, "unexplained", 0, 1)
    table.insert(2, "infidelity", level_table(samples, keys, "infidelity")["infidelity"])
    return table


def _shaken(part, relevance, draws, sigma, rng):
    """Falls foretold by every explanation, and those that come, (draws, n)."""
    x, rows = side_by_side(part.inputs), np.arange(len(part.target))
    full = part.logits(x)[rows, part.target]
    foretold, falls = {label: [] for label in relevance}, []
    for _ in range(draws):
        share = np.float32(sigma) * rng.standard_normal(x.shape, np.float32)
        falls.append(full - part.logits(x - share * x)[rows, part.target])
        for label, own in relevance.items():
            foretold[label].append(np.einsum("ij,ij->i", own, share, dtype=np.float64))
    return {label: np.array(own) for label, own in foretold.items()}, np.array(falls)


def _shuffled(values, real, rng):
    """Real values of each sample in another order."""
    out = np.zeros_like(values)
    for row, own, there in zip(out, values, real, strict=True):
        row[there] = rng.permutation(own[there])
    return out


def _ratio(a, b, otherwise):
    """a / b, or something else where b is 0."""
    return np.divide(a, b, out=np.full(len(b), otherwise, float), where=b > 0)
