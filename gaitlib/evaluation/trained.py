"""What a benchmark returns: stored runs that can also train more, to answer questions that need it."""

from dataclasses import replace

import pandas as pd

from gaitlib.errors import GaitDataError
from gaitlib.evaluation import controls, optimism, shuffling
from gaitlib.results.run import LABEL
from gaitlib.results.runs import Runs


class TrainedRuns(Runs):
    """The runs of a benchmark that has just been asked for.

    Attributes
    ----------
    protocols : list of Protocol
    """

    def __init__(self, runs, trials, custom_objects=None, receipt=None, benchmark=None, protocols=(), skipped=()):
        super().__init__(runs, trials, custom_objects, receipt, skipped=skipped)
        self.protocols = list(protocols)
        self._benchmark = benchmark

    def again(self, **changes) -> "TrainedRuns":
        """The same benchmark with other arguments, such as ``protocols=[...]``; what is in the store is read.

        Parameters
        ----------
        **changes
            Arguments of :func:`gaitlib.benchmark`.
        """
        return self._benchmark(**changes)

    def audit(self, strict=False, permutations=0):
        """The receipt on leakage: every check, and what no check can see.

        Parameters
        ----------
        strict : bool
            Raise where there is a leak.
        permutations : int
            Train every model this often on labels that were shuffled at the level at which they vary, among people or
            among walks: whoever then does better than chance has another source than the gait, such as who walks.

        Returns
        -------
        gaitlib.audit.Receipt
        """
        receipt = super().audit(strict)
        if permutations and self.head != LABEL:
            raise GaitDataError(f"labels are shuffled, and '{self.head}' is none: leave permutations= out")
        if permutations:
            receipt = replace(receipt, findings=[*receipt.findings, *shuffling.permuted_labels(self, permutations)])
        return receipt

    def optimism_gap(self) -> optimism.OptimismGap:
        """What the usual split would have claimed: :func:`gaitlib.evaluation.optimism.optimism_gap`."""
        return optimism.optimism_gap(self)

    def controls(self) -> pd.DataFrame:
        """What length alone tells, how well people are told: :func:`gaitlib.evaluation.controls.control_table`."""
        return controls.control_table(self)
