"""Worse recordings and changed values: how accuracy falls."""

from gaitlib.perturb.recordings import PERTURBATIONS, Perturbation, robustness, robustness_table
from gaitlib.perturb.values import aopc, aopc_table, perturbation_curve, perturbation_curves, perturbation_table

__all__ = [
    "PERTURBATIONS",
    "Perturbation",
    "aopc",
    "aopc_table",
    "perturbation_curve",
    "perturbation_curves",
    "perturbation_table",
    "robustness",
    "robustness_table",
]
