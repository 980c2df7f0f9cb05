"""Every figure: functions that take trials or stored results and return a matplotlib Figure."""

from gaitlib.plots.gait_cycle import events_over_time, gait_cycle_curves
from gaitlib.plots.moving import MovingFigure, moving_stick_figure
from gaitlib.plots.predictions import class_probabilities, dashboard, importance, prediction_over_time
from gaitlib.plots.results import confusion_matrices, differences, learning_curves, per_class, per_subject
from gaitlib.plots.samples import pressure_maps, skeleton_heatmap
from gaitlib.plots.skeletons import before_and_after, stick_figures
from gaitlib.plots.style import save

__all__ = [
    "MovingFigure",
    "before_and_after",
    "class_probabilities",
    "confusion_matrices",
    "dashboard",
    "differences",
    "events_over_time",
    "gait_cycle_curves",
    "importance",
    "learning_curves",
    "moving_stick_figure",
    "per_class",
    "per_subject",
    "prediction_over_time",
    "pressure_maps",
    "save",
    "skeleton_heatmap",
    "stick_figures",
]
