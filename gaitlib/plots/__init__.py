"""Every figure: functions that take trials or stored results and return a matplotlib Figure."""

from gaitlib.plots.calibration import reliability
from gaitlib.plots.comparison import critical_difference
from gaitlib.plots.comparison import pairs as comparison_pairs
from gaitlib.plots.gait_cycle import events_over_time, gait_cycle_curves
from gaitlib.plots.moving import MovingFigure, moving_stick_figure
from gaitlib.plots.optimism import optimism_gap
from gaitlib.plots.predictions import class_probabilities, dashboard, importance, prediction_over_time
from gaitlib.plots.results import confusion_matrices, differences, learning_curves, per_class, per_subject
from gaitlib.plots.robustness import robustness
from gaitlib.plots.samples import pressure_maps, skeleton_heatmap
from gaitlib.plots.skeletons import before_and_after, stick_figures
from gaitlib.plots.style import save

__all__ = [
    "MovingFigure",
    "before_and_after",
    "class_probabilities",
    "comparison_pairs",
    "confusion_matrices",
    "critical_difference",
    "dashboard",
    "differences",
    "events_over_time",
    "gait_cycle_curves",
    "importance",
    "learning_curves",
    "moving_stick_figure",
    "optimism_gap",
    "per_class",
    "per_subject",
    "prediction_over_time",
    "pressure_maps",
    "reliability",
    "robustness",
    "save",
    "skeleton_heatmap",
    "stick_figures",
]
