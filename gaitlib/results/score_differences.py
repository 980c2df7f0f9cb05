"""AUROC, balanced accuracy and macro F1 of every model and how far it is ahead of another, with intervals over people."""

import numpy as np
import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.results.binary_scores import BinaryCounts, known
from gaitlib.results.confusions import confusion_score, confusions_of_people
from gaitlib.results.intervals import people_drawn, percentile_interval

MEASURES = ("balanced accuracy", "macro F1")
OF_TWO = ("AUROC", *MEASURES)


def paired_scores(runs, against: str, protocol: str | None = None) -> pd.DataFrame:
    """Scores of the models of a protocol, each beside its difference to one of them, paired over people.

    The scores are those of :meth:`gaitlib.results.Runs.table`: balanced accuracy and macro F1, of two classes also the
    AUROC (with :func:`gaitlib.results.one_against_rest` of one class against all others). Intervals are those of a
    percentile bootstrap over people, 2000 samples with a fixed seed, the same for both models of a pair: whoever is
    drawn comes with all trials. They speak of other people, asked with these folds and seeds, and of many comparisons
    some exclude zero by chance. With a dozen people they are somewhat narrow
    (:func:`gaitlib.results.subject_interval` says how much), with half a dozen more so.

    Parameters
    ----------
    runs : Runs
        Of a head with classes.
    against : str
        The model that the others are compared with.
    protocol : str, optional
        Default the first of that model, subject-disjoint where there is one.

    Returns
    -------
    pandas.DataFrame
        One row a measure and model: ``data``, ``protocol``, ``measure``, ``model``, ``score``, ``low``, ``high``;
        ``against``, ``difference``, ``difference low``, ``difference high``, ``better in`` (the share of samples in
        which the model is ahead) of the trials that both were tested on; ``people`` and ``trials`` of these. The model
        itself has no difference.

    Raises
    ------
    GaitDataError
        If the head has no classes, or there is no such model or protocol.
    """
    runs.require_classes("AUROC, balanced accuracy and macro F1")
    tested = {(run.model, run.protocol): own for run, own in runs.tested() if len(own)}
    of_it = [run for run in runs.runs if run.model == against and (run.model, run.protocol) in tested]
    if not of_it:
        raise GaitDataError(f"no model '{against}' was tested here; there are {sorted({m for m, _ in tested})}")
    protocol = protocol or min(of_it, key=lambda run: not run.on_new_people).protocol
    if (against, protocol) not in tested:
        raise GaitDataError(f"'{against}' was not run under {protocol}, but {[run.protocol for run in of_it]}")
    other, rows = tested[against, protocol], []
    for measure in OF_TWO if len(runs.classes) == 2 else MEASURES:
        for model in dict.fromkeys(model for model, name in tested if name == protocol):
            own = tested[model, protocol]
            score = _Scored(own, runs.classes, measure)
            row = {"data": runs.data, "protocol": protocol, "measure": measure, "model": model, "score": score.all}
            row |= dict(zip(("low", "high"), percentile_interval(score.drawn), strict=True))
            if model != against:
                row |= {"against": against, **_ahead(own, other, runs.classes, measure)}
            rows.append(row)
    return pd.DataFrame(rows)


class _Scored:
    """A measure of one table of predictions, and of samples of its people, who are in the order of their names."""

    def __init__(self, predictions, classes, measure):
        table = known(predictions).sort_values("subject", kind="stable")
        self.n_people = table["subject"].nunique()
        if len(classes) == 2 and measure != "macro F1":
            counts = BinaryCounts(table, classes)
            self._of = lambda weights: counts.of_mixtures(weights)[measure]
        else:
            of_people = confusions_of_people(table, classes, list(table["subject"].unique()))
            self._of = lambda weights: confusion_score(np.tensordot(weights, of_people, 1), measure)
        self.all = float(self._of(np.ones((1, self.n_people)))[0])
        self.drawn = self._of(people_drawn(self.n_people))


def _ahead(own, other, classes, measure) -> dict:
    keys = ["fold", "trial"]
    both = own[keys].merge(other[keys])
    one, two = (_Scored(table.merge(both), classes, measure) for table in (own, other))
    change = one.drawn - two.drawn
    low, high = percentile_interval(change)
    return {
        "difference": one.all - two.all,
        "difference low": low,
        "difference high": high,
        "better in": float(np.mean(change > 0)),
        "people": one.n_people,
        "trials": len(both),
    }
