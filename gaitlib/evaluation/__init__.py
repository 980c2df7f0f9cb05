"""Protocols, the runner that keeps folds honest, the store, and the results."""

from gaitlib.evaluation.over_time import predict_over_time
from gaitlib.evaluation.protocols import (
    Fold,
    LeaveOneSubjectOut,
    Protocol,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    TrialKFold,
)
from gaitlib.evaluation.reconstruction import reconstruction_errors
from gaitlib.evaluation.results import Run, Runs
from gaitlib.evaluation.runner import benchmark
from gaitlib.evaluation.statistics import differences, subject_interval

__all__ = [
    "Fold", "LeaveOneSubjectOut", "Protocol", "RandomTrialSplit", "Run", "Runs", "SubjectHoldout", "SubjectKFold",
    "TrialKFold", "benchmark", "differences", "predict_over_time", "reconstruction_errors", "subject_interval",
]  # fmt: skip
