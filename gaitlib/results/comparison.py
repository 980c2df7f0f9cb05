"""What a comparison of models says: a table of pairs, and one plain sentence a pair."""

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVEL = 0.05
SURE = 0.95  # a posterior probability that settles the matter
TESTS = {"wilcoxon": "Wilcoxon signed-rank test, exact, Holm's correction", "nemenyi": "Nemenyi's test of mean ranks"}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Every pair of models under one protocol, paired over the subjects that both were tested on.

    Attributes
    ----------
    data, protocol, claim : str
    test : {"wilcoxon", "nemenyi"}
    rope : float
        Region of practical equivalence: scores that differ by no more are as good; of accuracies 0.02 is 2 points.
    accuracy : pandas.DataFrame
        Subjects by models, best mean first; of errors the negative.
    pairs : pandas.DataFrame
        One row a pair. ``model`` has the higher mean accuracy of the two, so ``difference`` to ``other``, a mean over
        ``subjects``, is never negative. ``low`` and ``high``: its 95 % t interval over subjects; for a repeated K-fold
        also ``folds_low`` and ``folds_high``, the interval of Nadeau and Bengio over folds; all are shares. ``p`` and
        ``p_holm``, or ``p_nemenyi``. ``p_better``, ``p_equivalent``, ``p_worse``: posterior probabilities that the
        model is better than the other by more than the rope, within it, or worse by more. ``p_best``: that the model
        is the best of the whole table. ``verdict``: "different", "equivalent", "undecided" (test, posterior and mean
        disagree), "no evidence" or "too few subjects". NaN where fewer than two subjects are common.
    score : {"accuracy", "Brier", "MAE"}
    unit : str
        Of the target, where the score is an error in it.
    """

    data: str
    protocol: str
    claim: str
    test: str
    rope: float
    accuracy: pd.DataFrame
    pairs: pd.DataFrame
    score: str = "accuracy"
    unit: str = ""

    @property
    def n_subjects(self) -> int:
        """Subjects that any of the models was tested on."""
        return len(self.accuracy)

    @property
    def p_corrected(self) -> pd.Series:
        """The p of each pair, corrected for the number of pairs."""
        return self.pairs["p_nemenyi" if self.test == "nemenyi" else "p_holm"]

    @property
    def told_apart(self) -> pd.Series:
        """Whether the test finds a difference, by pair."""
        return self.p_corrected < LEVEL

    @property
    def rope_in_words(self) -> str:
        """The region of practical equivalence, such as "2 points"."""
        if self.score == "accuracy":
            return f"{100 * self.rope:g} point{'s' * (self.rope != 0.01)}"
        return f"{self.rope:g} {self._unit}"

    @property
    def _unit(self) -> str:
        return "of the Brier score" if self.score == "Brier" else self.unit or "(mean absolute error)"

    def _amount(self, value) -> str:
        """A difference of scores, without its unit."""
        return f"{100 * value:.1f}" if self.score == "accuracy" else f"{value:.3g}"

    @property
    def title(self) -> str:
        """Data, protocol, claim, number of subjects and test, in two lines."""
        protocol = f"{self.protocol}{', repeated' * ('folds_low' in self.pairs)} ({self.claim})"
        return f"{self.data}\n{protocol}, {self.n_subjects} subjects: {TESTS[self.test]}"

    @property
    def note(self) -> str:
        """What the intervals do not hold."""
        if "folds_low" in self.pairs:
            return (
                "low and high hold other subjects, folds_low and folds_high hold other folds of these subjects; "
                "other seeds would move both."
            )
        return "low and high hold other subjects; other folds and other seeds would move them too."

    @property
    def out_of_reach(self) -> str:
        """Says so where there are too few subjects for any difference to be found, however clear; else empty.

        The smallest p of n subjects is 2 / 2^n, where the same model is better for all of them; Holm multiplies the
        smallest p by the number of pairs.
        """
        subjects = self.pairs.loc[self.p_corrected.notna(), "subjects"]
        if self.test == "nemenyi" or subjects.empty or len(subjects) * 2 / 2.0 ** subjects.max() < LEVEL:
            return ""
        return f"with {subjects.max()} subjects no pair can reach {LEVEL} after correction"

    def sentences(self) -> list[str]:
        """What can be said of each pair, in plain words."""
        rows = self.pairs.assign(p=self.p_corrected, told_apart=self.told_apart).itertuples()
        out_of_reach = f"; {self.out_of_reach}" if self.out_of_reach else ""
        return [self._sentence(pair, out_of_reach) for pair in rows]

    def _sentence(self, pair, out_of_reach) -> str:
        model, other, rope, n_models = pair.model, pair.other, self.rope_in_words, self.accuracy.shape[1]
        better = f"P({model} better by more than {rope}) = {pair.p_better:.2f}"
        p = f"p = {pair.p:.3f} after correction" if pair.p >= 0.001 else "p < 0.001 after correction"
        points = f"{self._amount(pair.difference)} {'points' if self.score == 'accuracy' else self._unit}"
        if pair.verdict == "too few subjects":
            n = pair.subjects
            return f"{model} and {other} cannot be compared: {n} subject{'s' * (n != 1)} tested by both, at least 2 needed"
        if pair.verdict == "equivalent":
            consistent = f"; the difference of {points} is small, but consistent ({p})" if pair.told_apart else ""
            equivalent = f"P(no more than {rope} apart) = {pair.p_equivalent:.2f}"
            return f"{model} and {other} are practically equivalent; {equivalent}{consistent}"
        if pair.verdict == "different":
            interval = "" if np.isnan(pair.low) else f", 95 % interval {self._amount(pair.low)} to {self._amount(pair.high)}"
            return f"{model} beats {other} by {points} over {pair.subjects} subjects ({p}{interval}); {better}"
        if pair.verdict == "undecided" and pair.told_apart:
            return f"{model} is better by {points} on average, but {other} for most subjects ({p}); {better}"
        if pair.verdict == "undecided":
            likely = pair.p_best >= SURE
            what = "is likely to beat" if likely else "is ahead of"
            but = "the test cannot confirm it" if likely else f"among {n_models} models some pair is by chance"
            best = f"P({model} best of all {n_models}) = {pair.p_best:.2f}"
            return f"{model} {what} {other}, but {but} ({p}); {better}, {best}{out_of_reach}"
        return f"no evidence that {model} beats {other}; {better}{out_of_reach}"

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"- {sentence}" for sentence in self.sentences()), self.note])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        title = html.escape(self.title).replace("\n", "<br>")
        sentences = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in self.sentences())
        table = self.pairs.to_html(index=False, float_format="%.3f")
        return f"<p>{title}</p><ul>{sentences}</ul>{table}<p>{html.escape(self.note)}</p>"
