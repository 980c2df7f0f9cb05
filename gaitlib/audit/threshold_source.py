"""Where the thresholds of a binary head came from: each fold's validation predictions, never its test fold."""

import numpy as np

from gaitlib.audit.receipt import Finding
from gaitlib.errors import GaitDataError

DEFAULT = 0.5
CHECK = "thresholds"
SCORES = ("balanced accuracy", "F1")


def best_threshold(probability, positive, score: str = "balanced accuracy") -> tuple[float, float]:
    """The threshold from which on trials are called positive that has the highest score on some predictions.

    All that differ are tried: 0, and the middle between each two neighbouring probabilities. Of those that are best,
    the one nearest to 0.5.

    Parameters
    ----------
    probability : array (n,)
    positive : array of bool (n,)
    score : {"balanced accuracy", "F1"}

    Returns
    -------
    threshold, score : float
        NaN where there is only one class.

    Examples
    --------
    >>> best_threshold([0.1, 0.2, 0.3, 0.4], [False, False, True, True])
    (0.25, 1.0)
    """
    if score not in SCORES:
        raise GaitDataError(f"a threshold maximises {' or '.join(SCORES)}, not '{score}'")
    probability, positive = np.asarray(probability, dtype=float), np.asarray(positive, dtype=bool)
    if positive.all() or not positive.any():
        return np.nan, np.nan
    levels, level = np.unique(probability, return_inverse=True)
    tried = np.append(0.0, (levels[:-1] + levels[1:]) / 2)
    hits, false = (np.bincount(level[of], minlength=len(levels))[::-1].cumsum()[::-1] for of in (positive, ~positive))
    reached = _scored(hits, false, positive, score)
    best = np.flatnonzero(np.isclose(reached, reached.max(), rtol=0, atol=1e-12))
    chosen = best[np.argmin(np.abs(tried[best] - DEFAULT))]
    return float(tried[chosen]), float(reached[chosen])


def audit_thresholds(thresholds, validation, tested, classes, score: str = "balanced accuracy") -> list[Finding]:
    """Say where each threshold came from, and find those that came from the test fold.

    Parameters
    ----------
    thresholds : pandas.DataFrame
        Those that were used: ``model``, ``protocol``, ``fold``, ``threshold``.
    validation, tested : pandas.DataFrame
        Predictions of the head in that layout: ``subject``, ``label``, ``model``, ``protocol``, ``fold`` and one column
        a class.
    classes : list of str
        The negative class, then the positive one.
    score : {"balanced accuracy", "F1"}
        What the thresholds are said to maximise.

    Returns
    -------
    list of Finding
        One a threshold. "ok": it is the best one on the fold's validation predictions, or 0.5, which is chosen from no
        predictions. "leak": it is not, but no other does better on the test predictions of its fold, or on those of
        all folds together. "unseen": it comes from neither, so nobody knows. One that is best on both is not told
        apart from an honest one, and does no harm.
    """
    findings = []
    for row in thresholds.itertuples():
        watched, own, pooled = (
            _of(validation, row, classes, row.fold), _of(tested, row, classes, row.fold), _of(tested, row, classes)
        )  # fmt: skip
        honest, _ = best_threshold(watched["p"], watched["positive"], score)
        said = f"{row.threshold:.4g}"
        if np.isclose(row.threshold, honest, rtol=0, atol=1e-9):
            verdict, people = "ok", watched["subject"].nunique()
            detail = f"{said} from the validation predictions of the fold: {len(watched)} trials of {people} people"
        elif row.threshold == DEFAULT:
            verdict, detail = "ok", f"{said}, chosen from no predictions"
        elif _is_best(row.threshold, own, score):
            verdict, detail = "leak", f"{said} is the best on the test predictions of the fold, and not on validation"
        elif _is_best(row.threshold, pooled, score):
            verdict, detail = "leak", f"{said} is the best on all test predictions together, and not on validation"
        else:
            verdict, detail = "unseen", f"{said} is best neither on validation nor on test predictions"
        findings.append(Finding(CHECK, row.protocol, row.fold, verdict, detail, row.model))
    return findings


def _of(predictions, row, classes, fold=None):
    """Subject, probability and truth of the known trials of a model and protocol, of one fold or all."""
    own = predictions[(predictions["model"] == row.model) & (predictions["protocol"] == row.protocol)]
    own = own[own["label"].notna() & ((own["fold"] == fold) | (fold is None))]
    return own[["subject"]].assign(p=own[classes[1]], positive=own["label"] == classes[1])


def _is_best(threshold, known, score) -> bool:
    """Whether no threshold has a higher score."""
    _, best = best_threshold(known["p"], known["positive"], score)
    called, positive = known["p"] >= threshold, known["positive"]
    reached = _scored(float((called & positive).sum()), (called & ~positive).sum(), positive, score)
    return bool(np.isclose(reached, best, rtol=0, atol=1e-12))  # NaN is not close


def _scored(hits, false, positive, score):
    """The score where so many positive and so many other trials are called positive."""
    n, m = positive.sum(), (~positive).sum()
    if n == 0 or m == 0:
        return np.nan
    return 2 * hits / (n + hits + false) if score == "F1" else (hits / n + 1 - false / m) / 2
