"""Does a prediction hang on what an explanation says? Deletion, insertion, infidelity."""

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid
from scipy.special import softmax

from gaitlib.explain.trust.parts import named_methods, parts_of, rows_of
from gaitlib.perturb.engine import changed_step_by_step, places, side_by_side
from gaitlib.perturb.tables import level_table, mean_over_people

SHARES = np.linspace(0, 1, 21)
RANDOM_ORDERS = 5
MOST, LEAST, RANDOM = "most relevant first", "least relevant first", "random"


def deletion(classifier, inputs, methods="lrp", shares=SHARES, seed=0, model=None) -> pd.DataFrame:
    """How the prediction falls as values are set to neutral, in the order of their relevance.

    Neutral is zero: after ``StandardScaler`` the training mean. An explanation is worth something where the most
    relevant values, taken first, bring the prediction down faster than values in a random order (mean of five).

    Parameters
    ----------
    classifier : GaitClassifier, keras.Model or Runs
        Of the runs of a benchmark, every network is asked about the trials that it never saw.
    inputs : TrialSet, or (for a keras.Model) dict of str to ndarray, or one ndarray
    methods : str, sequence of str, or dict of str to dict
        Names of methods; or labels with the settings of :func:`gaitlib.explain.attribution`, such as
        ``{"LRP, alpha 2": {"method": "lrp", "rules": "alpha2"}}``.
    shares : sequence of float
        Of the values that are no padding, from 0 to 1.
    seed : int
        Of the random orders; values of equal relevance stand in a random order, too.
    model : str, optional
        Which model of the runs; default the first.

    Returns
    -------
    pandas.DataFrame
        One row a sample, method (or "random"), order and share: ``sample``, ``subject``, ``data``, ``test``,
        ``method``, ``order``, ``share``, ``probability`` and ``logit`` of the class that is predicted for the whole
        sample. See :func:`curve_table` and :func:`area_table`.

    Raises
    ------
    GaitDataError
        If there is no network or no sample.

    References
    ----------
    Samek et al. 2017, https://doi.org/10.1109/TNNLS.2016.2599820; Petsiuk et al. 2018, RISE,
    https://arxiv.org/abs/1806.07421 (the areas).
    """
    return _curves("deletion", parts_of(classifier, inputs, model), methods, shares, seed)


def insertion(classifier, inputs, methods="lrp", shares=SHARES, seed=0, model=None) -> pd.DataFrame:
    """How the prediction comes back as values return to a neutral input, in the order of their relevance.

    Parameters and table are those of :func:`deletion`. The logit that a network gives to nothing at all is no
    prediction of "nothing": where it favours the class already, the curve starts high.
    """
    return _curves("insertion", parts_of(classifier, inputs, model), methods, shares, seed)


def _curves(test, parts, methods, shares, seed) -> pd.DataFrame:
    found = []
    for number, part in enumerate(parts):
        rng = np.random.default_rng([seed, number])
        random = [_curve(test, part, rng.random(part.real().shape), shares, rng) for _ in range(RANDOM_ORDERS)]
        curves = {("random", RANDOM): np.mean(random, axis=0)}
        for label, settings in named_methods(methods).items():
            values = part.values(label, settings)
            curves[label, MOST] = _curve(test, part, values, shares, rng)
            if test == "deletion":
                curves[label, LEAST] = _curve(test, part, -values, shares, rng)
        for (label, order), (probability, logit) in curves.items():
            found += [
                rows_of(part, number, test=test, method=label, order=order, share=s, probability=p, logit=z)
                for s, p, z in zip(shares, probability, logit, strict=True)
            ]
    return pd.concat(found, ignore_index=True)


def _curve(test, part, relevance, shares, rng) -> np.ndarray:
    """Probability and logit of the target, (2, n_shares, n), with the largest relevance first."""
    real, rows, curve = part.real(), np.arange(len(part.target)), []
    full, nothing = side_by_side(part.inputs), part.nothing()
    start, end = (full, nothing) if test == "deletion" else (nothing, full)
    for values in changed_step_by_step(start, end, places(relevance, real, rng), real, shares):
        logits = part.logits(values)
        curve.append((softmax(logits, axis=1)[rows, part.target], logits[rows, part.target]))
    return np.array(curve).transpose(1, 0, 2)


def curve_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean probability at every share, with a 95 % t interval over subjects (over samples where there are none).

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`deletion` or :func:`insertion`.

    Returns
    -------
    pandas.DataFrame
        ``data``, ``test``, ``method``, ``order``, ``share``, ``probability``, ``low``, ``high``, ``over`` (such as
        "6 subjects"), ``logit``.
    """
    keys = ["data", "test", "method", "order", "share"]
    return level_table(curves, keys, "probability", 0, 1).assign(logit=level_table(curves, keys, "logit")["logit"])


def area_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Area between the curve of each method and that of random order.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`deletion` or :func:`insertion`, or both together.

    Returns
    -------
    pandas.DataFrame
        One row a data set, test and method: ``area`` under the curve of the most relevant first (a mean probability),
        ``random area``, ``gain`` (what the method is better than random order: in deletion random less area, in
        insertion area less random) with its 95 % t interval ``low`` to ``high`` and what that is ``over``; and
        ``least less most``, the area between the two ends of the order (NaN in insertion).
    """
    rows = []
    for (data, test), own in curves.groupby(["data", "test"], sort=False):
        areas = {key: _areas(curve) for key, curve in own.groupby(["method", "order"], sort=False)}
        random = areas["random", RANDOM]
        for method in (m for m, order in areas if order == MOST):
            most, least = areas[method, MOST], areas.get((method, LEAST))
            better = (1 if test == "deletion" else -1) * (random["area"] - most["area"])
            row = {"data": data, "test": test, "method": method, "area": mean_over_people(most, "area")["area"]}
            row |= {"random area": mean_over_people(random, "area")["area"]}
            row |= mean_over_people(most.assign(gain=better), "gain")
            between = np.nan if least is None else mean_over_people(least, "area")["area"] - row["area"]
            rows.append(row | {"least less most": between})
    return pd.DataFrame(rows)


def _areas(curve) -> pd.DataFrame:
    """Area under the curve of each sample."""
    wide = curve.pivot(index="sample", columns="share", values="probability")
    subject = curve.drop_duplicates("sample").set_index("sample")["subject"]
    area = trapezoid(wide.to_numpy(), wide.columns.to_numpy(float), axis=1)
    return pd.DataFrame({"sample": wide.index, "subject": subject[wide.index].to_numpy(), "area": area})
