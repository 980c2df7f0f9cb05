"""Does an explanation depend on what the network has learnt? Randomised weights, randomised labels, and one table."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import clone

from gaitlib.errors import GaitDataError
from gaitlib.evaluation.shuffling import shuffled_labels
from gaitlib.explain.trust.faithfulness import area_table, deletion
from gaitlib.explain.trust.parts import named_methods, parts_of, rows_of
from gaitlib.explain.trust.shaking import SHUFFLED, infidelity
from gaitlib.perturb.tables import level_table

METHODS = ("lrp", "gradient_x_input", "integrated_gradients", "smooth_grad")
AS_TRAINED = "as trained"


def cascading_randomisation(classifier, inputs, methods="lrp", seed=0, model=None) -> pd.DataFrame:
    """How alike explanations stay while the network forgets, layer by layer from the output down.

    An explanation that stays the same shows the input, not what the network learnt. Relevance is a value times
    something, so that large values stay likely to stand out: a similarity well below 1 is the sign, not one of 0.

    Parameters
    ----------
    classifier : GaitClassifier, keras.Model or Runs
        Not changed: a copy is. Of the runs of a benchmark, every network is asked about the trials that it never saw.
    inputs : TrialSet, or (for a keras.Model) dict of str to ndarray, or one ndarray
    methods : str, sequence of str, or dict of str to dict
        As in :func:`gaitlib.explain.trust.faithfulness.deletion`.
    seed : int
    model : str, optional
        Which model of the runs; default the first.

    Returns
    -------
    pandas.DataFrame
        One row a method and stage: ``data``, ``method``, ``stage`` (0 is as trained), ``layer`` (the last to forget),
        ``randomised`` (share of all weights), ``similarity`` (Spearman's correlation of the absolute relevance of all
        values that are no padding, mean over subjects; 0 where all relevance is alike) with its 95 % t interval
        ``low`` to ``high`` over subjects, or samples (``over``). The class explained stays the one that the trained
        network predicts.

    Raises
    ------
    GaitDataError
        If there is no network or no sample.

    Notes
    -----
    Departs from the source, which draws weights anew: the weights of each array change places, so that their
    distribution stays, and biases that are all zero stay so.

    References
    ----------
    Adebayo et al. 2018, Sanity checks for saliency maps, https://arxiv.org/abs/1810.03292
    """
    found = []
    for number, part in enumerate(parts_of(classifier, inputs, model)):
        real, rng = part.real(), np.random.default_rng([seed, number])
        network = keras.models.clone_model(part.network)
        network.set_weights(part.network.get_weights())
        forgetting = replace(part, network=network, _found={})
        learnt = [layer for layer in reversed(network.layers) if layer.weights]
        done, total = 0, sum(layer.count_params() for layer in learnt)
        for stage, layer in enumerate([None, *learnt]):
            if layer is not None:
                layer.set_weights([rng.permuted(w.ravel()).reshape(w.shape) for w in layer.get_weights()])
                done += layer.count_params()
            forgetting._found.clear()
            for label, settings in named_methods(methods).items():
                alike = similarity(part.values(label, settings), forgetting.values(label, settings), real)
                name = AS_TRAINED if layer is None else layer.name
                columns = {"method": label, "stage": stage, "layer": name, "randomised": done / total}
                found.append(rows_of(part, number, **columns, similarity=alike))
    keys = ["data", "method", "stage", "layer", "randomised"]
    return level_table(pd.concat(found, ignore_index=True), keys, "similarity", -1, 1)


def label_randomisation(classifier, train, test, methods="lrp", seed=0) -> pd.DataFrame:
    """How alike explanations are to those of the same classifier trained on shuffled labels
    (:func:`gaitlib.evaluation.shuffling.shuffled_labels`).

    The second classifier learns for all its epochs: with validation it would stop at once, as nothing can be learnt.
    Where ``accuracy on shuffled`` is no better than chance it has not even learnt by heart: train for longer.

    Parameters
    ----------
    classifier : GaitClassifier
        Fitted on ``train``; not changed.
    train, test : TrialSet
        ``test`` is explained.
    methods : str, sequence of str, or dict of str to dict
        As in :func:`gaitlib.explain.trust.faithfulness.deletion`.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row a method: ``data``, ``method``, ``accuracy on shuffled`` (of the second classifier on the labels that
        it was taught), ``similarity``, ``low``, ``high``, ``over`` as in :func:`cascading_randomisation`.

    Raises
    ------
    GaitDataError
        If there is no network, no sample, or the two classifiers do not read the same values.

    References
    ----------
    Adebayo et al. 2018, Sanity checks for saliency maps, https://arxiv.org/abs/1810.03292
    """
    (part,) = parts_of(classifier, test)
    shuffled, _ = shuffled_labels(train, seed)
    taught = clone(classifier).set_params(validation=None).fit(shuffled)
    (other,) = parts_of(taught, test)
    if other.real().shape != part.real().shape:
        raise GaitDataError("a step chose other values for the shuffled labels, so explanations cannot be compared")
    other = replace(other, target=part.target, _found={})
    found = []
    for label, settings in named_methods(methods).items():
        alike = similarity(part.values(label, settings), other.values(label, settings), part.real())
        found.append(rows_of(part, 0, method=label, similarity=alike))
    table = level_table(pd.concat(found, ignore_index=True), ["data", "method"], "similarity", -1, 1)
    table.insert(2, "accuracy on shuffled", taught.score(shuffled))
    return table


def similarity(a, b, real) -> np.ndarray:
    """Spearman's correlation of absolute values, sample by sample.

    Parameters
    ----------
    a, b : ndarray (n, n_values)
    real : ndarray of bool (n, n_values)
        Which values count.

    Returns
    -------
    ndarray (n,)
        0 where all values of one of them are alike.

    Examples
    --------
    >>> similarity(np.array([[1.0, -2, 3, 9]]), np.array([[10.0, 20, -30, 0]]), np.array([[True, True, True, False]]))
    array([1.])
    """
    found = []
    for row, other, there in zip(a, b, real, strict=True):
        ranks = [rankdata(np.abs(v[there])) for v in (row, other)]
        x, y = (rank - rank.mean() for rank in ranks)
        norm = np.sqrt((x @ x) * (y @ y))
        found.append(x @ y / norm if norm > 0 else 0.0)
    return np.array(found)


def sanity_table(classifier, inputs, methods=METHODS, seed=0, model=None) -> pd.DataFrame:
    """Which explanation to trust: every method put to every test that needs no training.

    Parameters
    ----------
    classifier, inputs, methods, seed, model
        As in :func:`cascading_randomisation`.

    Returns
    -------
    pandas.DataFrame
        One row a method, the largest gain first: ``data``, ``method``, ``error`` (largest absolute error of
        conservation, of integrated gradients that of completeness; NaN where a method claims neither), ``similarity``
        after all layers forgot (low is good), ``gain`` of deletion over random order (above 0 is good) with its
        interval ``low`` to ``high`` and what that is ``over``, ``unexplained`` share of the infidelity (low is good)
        and ``unexplained, shuffled``, its yardstick.

    Raises
    ------
    GaitDataError
        If there is no network or no sample.
    """
    parts, named = parts_of(classifier, inputs, model), named_methods(methods)
    alike = cascading_randomisation(parts, None, named, seed).groupby("method").last()["similarity"]
    areas = area_table(deletion(parts, None, named, seed=seed)).set_index("method")
    left = infidelity(parts, None, named, seed=seed).set_index("method")["unexplained"]
    rows = [
        {
            "data": parts[0].data,
            "method": label,
            "error": max(_error(part.relevance(label, settings).table) for part in parts),
            "similarity": alike[label],
            **areas.loc[label, ["gain", "low", "high", "over"]],
            "unexplained": left[label],
            "unexplained" + SHUFFLED: left[label + SHUFFLED],
        }
        for label, settings in named.items()
    ]
    return pd.DataFrame(rows).sort_values("gain", ascending=False, ignore_index=True)


def _error(table) -> float:
    """The largest error that a method accounts for."""
    column = next((c for c in ("error", "completeness_error") if c in table), None)
    return np.nan if column is None else table[column].abs().max()
