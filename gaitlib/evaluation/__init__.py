"""What trains and writes: the runner that keeps folds honest, the store, and the questions that train."""

from gaitlib.evaluation.optimism import OptimismGap
from gaitlib.evaluation.reconstruction import masked_reconstruction, reconstruction_errors
from gaitlib.evaluation.runner import benchmark
from gaitlib.evaluation.trained import TrainedRuns

__all__ = [
    "TrainedRuns",
    "OptimismGap",
    "benchmark",
    "masked_reconstruction",
    "reconstruction_errors",
]
