"""Why a model predicts what it predicts. Read fitted classifiers; take them from ``runs.classifier_for``."""

from gaitlib.explain.zero_out import WHOLE, zero_out

__all__ = ["WHOLE", "zero_out"]
