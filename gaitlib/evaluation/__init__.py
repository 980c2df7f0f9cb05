"""Protocols, the runner that keeps folds honest, the store, and the results with all questions to them."""

from gaitlib.evaluation.aopc import aopc, aopc_table, perturbation_curve, perturbation_curves
from gaitlib.evaluation.audit import Finding, Receipt
from gaitlib.evaluation.calibration import calibration_error, fit_temperature
from gaitlib.evaluation.comparison import Comparison
from gaitlib.evaluation.duplicates import near_copies, shared_content
from gaitlib.evaluation.optimism import OptimismGap
from gaitlib.evaluation.over_time import predict_over_time
from gaitlib.evaluation.protocols import (
    Fold,
    LeaveOneRepetitionOut,
    LeaveOneSubjectOut,
    Protocol,
    RandomTrialSplit,
    SubjectHoldout,
    SubjectKFold,
    TrialKFold,
)
from gaitlib.evaluation.reconstruction import reconstruction_errors
from gaitlib.evaluation.results import Run, Runs
from gaitlib.evaluation.robustness import PERTURBATIONS, Perturbation, robustness, robustness_table
from gaitlib.evaluation.runner import benchmark
from gaitlib.evaluation.statistics import corrected_interval, differences, signed_rank_p, subject_interval

__all__ = [
    "Comparison",
    "Finding",
    "Fold",
    "LeaveOneRepetitionOut",
    "LeaveOneSubjectOut",
    "OptimismGap",
    "PERTURBATIONS",
    "Perturbation",
    "Protocol",
    "RandomTrialSplit",
    "Receipt",
    "Run",
    "Runs",
    "SubjectHoldout",
    "SubjectKFold",
    "TrialKFold",
    "aopc",
    "aopc_table",
    "benchmark",
    "calibration_error",
    "corrected_interval",
    "differences",
    "fit_temperature",
    "near_copies",
    "perturbation_curve",
    "perturbation_curves",
    "predict_over_time",
    "reconstruction_errors",
    "robustness",
    "robustness_table",
    "shared_content",
    "signed_rank_p",
    "subject_interval",
]
