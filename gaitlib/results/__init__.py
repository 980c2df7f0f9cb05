"""What stored runs say: tables, intervals, comparisons. It trains nothing and needs no Keras."""

from gaitlib.results.calibration import calibration_error, fit_temperature
from gaitlib.results.comparison import Comparison
from gaitlib.results.intervals import (
    bounded_interval,
    corrected_interval,
    differences,
    interval_columns,
    signed_rank_p,
    subject_interval,
)
from gaitlib.results.embedding import embedding_coordinates, variance_explained
from gaitlib.results.label_budget import budget_differences, budget_table
from gaitlib.results.against_rest import one_against_rest
from gaitlib.results.opening import open_runs
from gaitlib.results.score_differences import paired_scores
from gaitlib.results.runs import Run, Runs

__all__ = [
    "Comparison",
    "Run",
    "Runs",
    "bounded_interval",
    "budget_differences",
    "budget_table",
    "calibration_error",
    "corrected_interval",
    "differences",
    "embedding_coordinates",
    "fit_temperature",
    "interval_columns",
    "one_against_rest",
    "open_runs",
    "paired_scores",
    "signed_rank_p",
    "subject_interval",
    "variance_explained",
]
