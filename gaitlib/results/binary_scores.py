"""Scores of a binary head: over people where people have both classes, else pooled with a bootstrap over people."""

import numpy as np
import pandas as pd

from gaitlib.results.intervals import interval_columns, people_drawn, percentile_interval

AT_ONCE = 250  # draws: they are as wide as there are different probabilities
SCORES = ("AUROC", "PR-AUC", "share positive", "F1", "sensitivity", "specificity", "balanced accuracy")
OVER_PEOPLE, POOLED = "people", "pooled, bootstrap over people"


def known(predictions) -> pd.DataFrame:
    """The rows of a head's predictions that can be scored: those whose target is known and that were predicted."""
    return predictions[predictions["label"].notna() & predictions["predicted"].notna()]


def binary_head_scores(predictions, classes) -> dict:
    """Scores of a binary head of one model under one protocol, for one row of a table.

    Where both classes are known of at least two people and of half of all, every score is that of each such person, and
    the mean over them stands in the table (``over``: "people"). Elsewhere, as where each person has one class, it is
    that of all trials together, with a percentile bootstrap over people ("pooled, bootstrap over people"): 2000 draws
    of as many people, fixed seed. With a dozen people that interval is somewhat narrow
    (:func:`gaitlib.results.subject_interval` says how much). The Brier score exists for every person, so it is always
    a mean over all of them.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One row a trial with ``subject``, ``label``, ``predicted`` and one column a class. Rows without a label are not
        scored.
    classes : list of str
        The negative class, then the positive one (:func:`gaitlib.targets.binary_classes`).

    Returns
    -------
    dict
        ``over``; ``people``; ``people with both classes``; ``trials``; ``without target``, trials that are not scored;
        ``AUROC``; ``PR-AUC``, the average precision, and beside it ``share positive``, which is its level by chance;
        ``F1``, ``sensitivity``, ``specificity`` and ``balanced accuracy`` of what was called positive; ``Brier``.
        Each but the share with ``<score> low`` and ``high``; means over people also with ``t_low`` and ``t_high``
        (:func:`gaitlib.results.interval_columns`). NaN where a score does not exist.

    Examples
    --------
    >>> table = pd.DataFrame({"subject": list("aabb"), "label": ["no", "yes"] * 2, "yes": [0.1, 0.8, 0.7, 0.6]})
    >>> table = table.assign(no=1 - table["yes"], predicted=["no", "yes", "yes", "yes"])
    >>> row = binary_head_scores(table, ["no", "yes"])
    >>> row["over"], row["AUROC"], row["sensitivity"], round(row["Brier"], 3)
    ('people', 0.5, 1.0, 0.175)
    """
    scored = known(predictions)
    table = BinaryCounts(scored, classes)
    row = {
        "over": OVER_PEOPLE if table.over_people else POOLED,
        "people": table.n_people,
        "people with both classes": int(table.both.sum()),
        "trials": len(scored),
        "without target": int(predictions["label"].isna().sum()),
    }
    if table.over_people:
        for name, values in table.each.items():
            row |= _mean(name, values[table.both])
    else:
        pooled = table.of_mixtures(np.ones((1, table.n_people)))
        drawn = table.of_mixtures(people_drawn(table.n_people)) if table.n_people >= 2 else pooled
        for name, value in pooled.items():
            row[name] = float(value[0])
            row |= dict(zip((f"{name} low", f"{name} high"), percentile_interval(drawn[name]), strict=True))
    positive = scored["label"] == classes[1]
    squared = (scored[classes[1]] - positive) ** 2
    return _without_share(row) | _mean("Brier", squared.groupby(scored["subject"]).mean().to_numpy())


def _mean(name, values) -> dict:
    mean = float(values.mean()) if len(values) else np.nan
    return {name: mean} | {f"{name} {end}": value for end, value in interval_columns(values).items()}


def _without_share(row) -> dict:
    """The share of positives is a fact of the data; its interval would be read as one of the model."""
    return {name: value for name, value in row.items() if not name.startswith("share positive ")}


class BinaryCounts:
    """How often each person has each probability, positive or not: from these all scores of any mixture of people.

    Attributes
    ----------
    n_people : int
    each : dict of str to ndarray (n_people,)
        Scores of each person, in the order in which the table names them; NaN where they do not exist.
    both : ndarray (n_people,)
        Who has both classes.
    over_people : bool
        Whether scores are means over those people: at least two, and half of all.
    """

    def __init__(self, predictions, classes):
        positive, called = ((predictions[c] == classes[1]).to_numpy() for c in ("label", "predicted"))
        probability = predictions[classes[1]]
        person, people = pd.factorize(predictions["subject"])
        self.n_people = len(people)
        levels, level = np.unique(-np.asarray(probability), return_inverse=True)  # the surest first
        self._positive, self._negative = np.zeros((2, self.n_people, len(levels)))
        np.add.at(self._positive, (person[positive], level[positive]), 1)
        np.add.at(self._negative, (person[~positive], level[~positive]), 1)
        self._hits, self._false = (
            np.bincount(person[of & called], minlength=self.n_people).astype(float) for of in (positive, ~positive)
        )

        self.each = self._pooled(np.eye(self.n_people))
        self.both = ~np.isnan(self.each["AUROC"])
        self.over_people = bool(self.both.sum() >= 2 and self.both.mean() >= 0.5)

    def of_mixtures(self, weights) -> dict[str, np.ndarray]:
        """Every score under each row of weights of the people, (n, n_people); NaN where it does not exist."""
        if self.over_people:
            own = weights[:, self.both]
            with np.errstate(invalid="ignore"):
                return {name: own @ values[self.both] / own.sum(axis=1) for name, values in self.each.items()}
        parts = [self._pooled(weights[i : i + AT_ONCE]) for i in range(0, len(weights), AT_ONCE)]
        return {name: np.concatenate([part[name] for part in parts]) for name in SCORES}

    def _pooled(self, weights) -> dict[str, np.ndarray]:
        """Scores of all trials of a mixture together."""
        positive, negative = weights @ self._positive, weights @ self._negative
        n, m = positive.sum(axis=1), negative.sum(axis=1)
        above, false_above = positive.cumsum(axis=1), negative.cumsum(axis=1)
        hits, false = weights @ self._hits, weights @ self._false
        with np.errstate(invalid="ignore", divide="ignore"):
            beaten = (positive * (m[:, None] - false_above + negative / 2)).sum(axis=1)  # a tie is half a win
            precision = np.nan_to_num(above / (above + false_above))
            sensitivity, specificity = hits / n, 1 - false / m
            found = {
                "AUROC": beaten / (n * m),
                "PR-AUC": (positive * precision).sum(axis=1) / n,
                "share positive": n / (n + m),
                "F1": 2 * hits / (n + hits + false),
                "sensitivity": sensitivity,
                "specificity": specificity,
                "balanced accuracy": (sensitivity + specificity) / 2,
            }
        return {name: found[name] for name in SCORES}
