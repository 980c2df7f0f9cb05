"""How accuracy falls when more and more of the values that a model reads are changed, and the area that it loses.

What is changed is read after all steps, scaled: another question than :mod:`gaitlib.perturb.recordings`, which
makes the recordings worse.
"""

import numpy as np
import pandas as pd
from scipy.integrate import trapezoid

from gaitlib.errors import GaitDataError
from gaitlib.perturb.engine import back_to_inputs, changed_step_by_step, places, recorded_values, side_by_side
from gaitlib.perturb.tables import accuracy_table
from gaitlib.preprocessing.samples import STAND_IN_FRAME, mean_over_samples
from gaitlib.results.intervals import subject_interval

PERCENT = np.arange(50)
BEST, WORST = 1.0, 50.0  # AOPC of accuracy 1 and of accuracy 0 everywhere: the curve ends at 49 %, not at 50
CONDITION = ["data", "model", "protocol", "claim", "noise", "order", "chance"]
VALUES_AT_ONCE = 2**21  # 8 MB of float32: more is slower
ADDED = "gaussian"
REPLACED = {  # by ``(rng, shape) -> values``
    # Not quite 0: networks take frames of zeros at the end for padding.
    "pepper": lambda rng, shape: np.full(shape, STAND_IN_FRAME, np.float32),
    "salt+": lambda rng, shape: np.ones(shape, np.float32),
    "salt-": lambda rng, shape: -np.ones(shape, np.float32),
    "shot": lambda rng, shape: 2 * rng.integers(2, size=shape, dtype=np.int8).astype(np.float32) - 1,
}


def aopc(accuracy) -> float | np.ndarray:
    """Area over the perturbation curve: 50 minus the area under the accuracy at 0, 1, ..., 49 % of values changed.

    The less, the more robust: 1 where every prediction stays right (the curve ends at 49 %), 50 where none ever was.
    The source does not print the formula; this one gives the seven values of its table 2 from the data of its figure 3.

    Parameters
    ----------
    accuracy : array (..., 50)
        Between 0 and 1.

    Returns
    -------
    float, or ndarray (...)

    Raises
    ------
    GaitDataError
        If there are not 50 shares.

    References
    ----------
    Horst et al. 2019, https://doi.org/10.1038/s41598-019-38748-8; for relevance orders Samek et al. 2017,
    https://doi.org/10.1109/TNNLS.2016.2599820

    Examples
    --------
    >>> float(aopc(np.ones(50))), float(aopc(np.full(50, 0.5)))
    (1.0, 25.5)
    """
    accuracy = np.asarray(accuracy, dtype=float)
    if accuracy.shape[-1:] != PERCENT.shape or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise GaitDataError(
            f"aopc needs shares between 0 and 1 at 0, 1, ..., 49 % in the last axis, got an array {accuracy.shape}; "
            "take accuracies from perturbation_curve"
        )
    return WORST - trapezoid(accuracy, dx=1, axis=-1)


def perturbation_curve(
    classifier, trials, noise="gaussian", sigma=1.0, order="random", repetitions=10, seed=0
) -> pd.DataFrame:
    """Accuracy of every subject while 0 to 49 % of what a classifier reads of each trial is changed.

    Each sample has an order of its own of all its values (real frames only, of all modalities it has). The first k %
    are changed; what is changed at k % stays changed, in the same way, at k + 1 %.

    Parameters
    ----------
    classifier : GaitClassifier
        Fitted.
    trials : TrialSet
        Test trials, with labels.
    noise : {"gaussian", "pepper", "salt+", "salt-", "shot"}
        Adds normal noise, or replaces by 0, 1, -1, or 1 and -1 at random.
    sigma : float
        SD of the gaussian noise, in the unit of the scaled values.
    order : "random" or callable
        ``(classifier, trials) -> relevance`` puts the most relevant values first: a dict of arrays of the shapes of
        ``classifier.steps_.transform(trials).inputs``. Values of equal relevance follow in random order.
    repetitions : int
        How often noise and random order are drawn anew.
    seed : int or sequence of int

    Returns
    -------
    pandas.DataFrame
        One row a subject and percentage: ``subject``, ``trials`` (number), ``percent``, ``accuracy`` (mean over trials
        and repetitions).

    Raises
    ------
    GaitDataError
        For an unknown noise or order, relevance of another shape, or trials without labels.

    Notes
    -----
    Replacing by -1, 0 and 1 means the least, middle and largest value only where the steps scale to -1..1, as in the
    source. There, "shot" always gives 1, as its coin is compared with 0, and equals "salt+": here it is truly either.
    Its runs of pepper and shot noise by relevance took the random order all the same, which is not repeated. "pepper"
    gives 1e-6, as a last frame of zeros would pass for padding. The source takes the mean over trials; over subjects
    it is the same where all have as many.

    Examples
    --------
    >>> import gaitlib
    >>> trials = gaitlib.synthetic_trials(n_subjects=3, n_walks=1)
    >>> model = gaitlib.GaitClassifier("majority").fit(trials[trials.subjects != "subject01"])
    >>> curve = perturbation_curve(model, trials[trials.subjects == "subject01"], repetitions=1)
    >>> len(curve), round(float(aopc(curve["accuracy"])), 2)  # always the same class: a sixth is right
    (50, 41.83)
    """
    right = _share_right(classifier, trials, noise, sigma, order, repetitions, seed)
    return _by_subject(trials.subjects, right)


def perturbation_curves(
    runs, noise="gaussian", sigma=1.0, order="random", repetitions=10, seed=0, model=None
) -> pd.DataFrame:
    """The curves of the models of a benchmark, each trial judged by the model of the fold that tested it.

    Nothing is trained. Models of the same folds that read values of the same shape meet the same changes.

    Parameters
    ----------
    runs : Runs
        Of every protocol: where people are told apart, they are known by design.
    noise, sigma, order, repetitions, seed
        As for :func:`perturbation_curve`.
    model : str, optional
        Default all.

    Returns
    -------
    pandas.DataFrame
        One row a subject and percentage: ``data``, ``model``, ``protocol``, ``claim``, ``noise``, ``order``,
        ``chance`` (the best constant answer, a mean over subjects as the accuracy), and the columns of
        :func:`perturbation_curve`.

    Raises
    ------
    GaitDataError
        Also if no fold ended well.
    """
    settings = (noise, sigma, order, repetitions)
    named = {"noise": f"{noise}, SD {sigma:g}" if noise == ADDED else noise}
    named["order"] = order if isinstance(order, str) else "relevance"
    runs.require_classes("accuracy that could fall")
    parts, trials = [], runs.judged_trials
    for run in runs.runs:
        if model not in (None, run.model) or not run.folds:
            continue
        subjects, right = [], []
        for fold, tested in run.folds_that_tested("trial", trials.ids, once=False):
            own = trials[tested]
            right.append(_share_right(runs.classifier_of(fold), own, *settings, [seed, *tested]))
            subjects.append(own.subjects)  # put together over folds: a subject may be tested in several
        condition = {"data": runs.data, "model": run.model, "protocol": run.protocol, "claim": str(run.claim)}
        condition |= named | {"chance": run.chance}
        parts.append(_by_subject(np.concatenate(subjects), np.concatenate(right)).assign(**condition))
    if not parts:
        raise GaitDataError(f"no finished fold{f' of {model}' if model else ''} here; see runs.failures()")
    table = pd.concat(parts, ignore_index=True)
    return table[[*CONDITION, "subject", "trials", "percent", "accuracy"]]


def perturbation_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy at every percentage, with its 95 % intervals over subjects.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`perturbation_curves`; several may stand in one table.

    Returns
    -------
    pandas.DataFrame
        One row a condition and percentage: the columns of :func:`perturbation_curves` up to ``chance``, ``percent``,
        ``accuracy``, the columns of :func:`gaitlib.results.interval_columns` and ``subjects``.
    """
    return accuracy_table(curves, [*CONDITION, "percent"])


def aopc_table(curves: pd.DataFrame) -> pd.DataFrame:
    """AOPC of every model, the mean over subjects with its 95 % t interval.

    Parameters
    ----------
    curves : pandas.DataFrame
        From :func:`perturbation_curves`; several may stand in one table.

    Returns
    -------
    pandas.DataFrame
        One row a model and condition: the columns of :func:`perturbation_curves` up to ``chance``, ``AOPC``, ``low``,
        ``high`` (NaN where all subjects are alike), ``SD`` over subjects, ``accuracy`` (of the values as they are),
        ``subjects``, ``trials``.
    """
    rows = []
    for condition, own in curves.groupby(CONDITION, sort=False):
        by_subject = own.pivot(index="subject", columns="percent", values="accuracy")
        values = aopc(by_subject)
        low, high = np.clip(subject_interval(values), BEST, WORST)
        n_trials = own.loc[own["percent"] == 0, "trials"].sum()
        found = {"AOPC": values.mean(), "low": low, "high": high, "SD": pd.Series(values).std()}
        found |= {"accuracy": by_subject[0].mean(), "subjects": len(by_subject), "trials": n_trials}
        rows.append(dict(zip(CONDITION, condition, strict=True)) | found)
    return pd.DataFrame(rows)


def _by_subject(subjects, right) -> pd.DataFrame:
    by_subject = pd.DataFrame(right).groupby(np.asarray(subjects, dtype=str))
    accuracy, n_trials = by_subject.mean(), by_subject.size()
    return pd.DataFrame({
        "subject": np.repeat(accuracy.index, len(PERCENT)),
        "trials": np.repeat(n_trials.to_numpy(), len(PERCENT)),
        "percent": np.tile(PERCENT, len(accuracy)),
        "accuracy": accuracy.to_numpy().ravel(),
    })  # fmt: skip


def _share_right(classifier, trials, noise, sigma, order, repetitions, seed) -> np.ndarray:
    """In how many of the repetitions each trial is classified correctly at each percentage, (n_trials, 50)."""
    if noise != ADDED and noise not in REPLACED:
        raise GaitDataError(f"noise '{noise}' is none of {', '.join([ADDED, *REPLACED])}")
    if not (sigma > 0 and repetitions >= 1):
        raise GaitDataError(f"sigma and repetitions must be above 0, got {sigma} and {repetitions}")
    if len(trials) == 0 or pd.isna(pd.Series(trials.labels)).any():
        raise GaitDataError("accuracy needs at least one trial, and a label of each; leave trials without one out")
    prepared, samples = classifier.prepare(trials)
    x, real = side_by_side(samples.inputs), side_by_side(recorded_values(prepared, samples))
    relevance = np.zeros(x.shape) if order == "random" else _relevance(order, classifier, trials, samples.inputs)
    parts = -(-x.size * len(PERCENT) // VALUES_AT_ONCE)
    rng, right = np.random.default_rng(seed), np.zeros((len(trials), len(PERCENT)))
    for _ in range(repetitions):
        place = places(relevance, real, rng)
        if noise == ADDED:
            changed = x + np.float32(sigma) * rng.standard_normal(x.shape, np.float32)
        else:
            changed = REPLACED[noise](rng, x.shape)
        steps = changed_step_by_step(x, changed, place, real, PERCENT / 100, parts)
        labels = np.concatenate([_predict(classifier, trials, samples, values) for values in steps], axis=1)
        right += labels == trials.labels.astype(str)[:, None]
    return right / repetitions


def _relevance(order, classifier, trials, inputs) -> np.ndarray:
    if not callable(order):
        raise GaitDataError(f"order '{order}' is neither 'random' nor a function (classifier, trials) -> relevance")
    found = order(classifier, trials)
    for name, x in inputs.items():
        if name not in found or np.shape(found[name]) != x.shape or not np.isfinite(found[name]).all():
            raise GaitDataError(f"order must give finite relevance of '{name}', an array {x.shape}")
    return side_by_side({name: np.asarray(found[name], dtype=float) for name in inputs})


def _predict(classifier, trials, samples, values) -> np.ndarray:
    """Predicted class of each trial at several levels, (n_trials, n_levels), from values (levels, samples, values)."""
    proba = classifier.predict_prepared(back_to_inputs(values, samples.inputs))
    proba = proba.reshape(*values.shape[:2], -1)
    if len(samples) != len(trials):
        proba = np.stack([mean_over_samples(p, samples, trials.ids) for p in proba])
    return classifier.classes_[proba.argmax(axis=2).T]
