"""What stored runs say: tables, intervals, comparisons. It trains nothing and needs no Keras."""

from gaitlib.results.calibration import calibration_error, fit_temperature
from gaitlib.results.comparison import Comparison
from gaitlib.results.intervals import corrected_interval, differences, signed_rank_p, subject_interval
from gaitlib.results.opening import open_runs
from gaitlib.results.runs import Run, Runs

__all__ = [
    "Comparison",
    "Run",
    "Runs",
    "calibration_error",
    "corrected_interval",
    "differences",
    "fit_temperature",
    "open_runs",
    "signed_rank_p",
    "subject_interval",
]
