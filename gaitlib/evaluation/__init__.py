"""Protocols, the runner that keeps folds honest, the store, and the results."""

from gaitlib.evaluation.protocols import (
    Fold,
    LeaveOneSubjectOut,
    Protocol,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    TrialKFold,
)
from gaitlib.evaluation.results import Run, Runs
from gaitlib.evaluation.runner import benchmark

__all__ = [
    "Fold", "LeaveOneSubjectOut", "Protocol", "RandomTrialSplit", "Run", "Runs", "SubjectHoldout", "SubjectKFold",
    "TrialKFold", "benchmark",
]  # fmt: skip
