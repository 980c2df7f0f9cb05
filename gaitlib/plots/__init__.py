"""Every figure: functions that take trials or stored results and return a matplotlib Figure."""

from gaitlib.plots.results import confusion_matrices, learning_curves, per_class, per_subject
from gaitlib.plots.skeletons import before_and_after, stick_figures
from gaitlib.plots.style import save

__all__ = [
    "before_and_after",
    "confusion_matrices",
    "learning_curves",
    "per_class",
    "per_subject",
    "save",
    "stick_figures",
]
