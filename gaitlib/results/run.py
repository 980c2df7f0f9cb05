"""One model under one protocol, as it was stored."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from gaitlib.protocols.folds import Claim
from gaitlib.results import scores
from gaitlib.results.stored import FoldResult
from gaitlib.results.thresholds import predictions_after_thresholds

LABEL = "label"  # the only head where nothing else was asked for


@dataclass(frozen=True, eq=False)
class Run:
    """One model under one protocol.

    Attributes
    ----------
    model, protocol : str
    claim : Claim
    folds : list of FoldResult
        Those that ended well.
    failed : dict of str to str
        Names of folds that failed, with the reason.
    description : dict
        What is written of it beside its folds (``run.json``).
    heads : sequence of str
        What the model tells; the folds' own predictions are those of the first.
    """

    model: str
    protocol: str
    claim: Claim
    folds: list[FoldResult]
    failed: dict[str, str] = field(default_factory=dict)
    description: dict = field(default_factory=dict, repr=False)
    heads: Sequence[str] = (LABEL,)

    @property
    def on_new_people(self) -> bool:
        """Whether the test subjects are strangers to the model."""
        return "subject" in self.claim.disjoint

    @property
    def chance(self) -> float:
        """The accuracy of the best constant answer to the tested trials: :func:`gaitlib.results.scores.chance`."""
        return scores.chance(pd.concat([fold.tested for fold in self.folds])) if self.folds else np.nan

    def for_head(self, name: str) -> "Run":
        """The same run with the predictions of another head first."""
        if name == self.heads[0]:
            return self
        folds = [replace(fold, predictions=fold.heads[name]) for fold in self.folds]
        return replace(self, folds=folds, heads=[name, *(head for head in self.heads if head != name)])

    def folds_that_tested(self, column: str, values, once: bool = True) -> list:
        """Folds with the places of the values (of a column of their predictions) that they tested.

        Each value stands once, in the first fold; or in every fold that tested it, as repeated folds do.
        """
        folds, left = [], np.ones(len(values), bool)
        for fold in self.folds:
            places = np.flatnonzero(left & np.isin(np.asarray(values, dtype=str), fold.tested[column].astype(str)))
            left[places] = not once
            if len(places):
                folds.append((fold, places))
        return folds

    def called_by(self, thresholds: pd.DataFrame, classes) -> "Run":
        """The same run with the classes of a binary head called by the threshold of each fold."""
        folds = []
        for fold in self.folds:
            where = {"model": self.model, "protocol": self.protocol, "fold": fold.name}
            table = predictions_after_thresholds(fold.predictions.assign(**where), thresholds, classes)
            folds.append(replace(fold, predictions=table.drop(columns=[*where, "threshold"])))
        return replace(self, folds=folds)
