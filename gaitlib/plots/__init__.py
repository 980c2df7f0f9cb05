"""Every figure: functions that take trials or stored results and return a matplotlib Figure."""

from gaitlib.plots.agreement import bland_altman
from gaitlib.plots.budget_curves import label_budget_curves
from gaitlib.plots.comparison import critical_difference
from gaitlib.plots.comparison import pairs as comparison_pairs
from gaitlib.plots.confidence import reliability
from gaitlib.plots.embedding import embedding_map
from gaitlib.plots.gait_cycle import events_over_time, gait_cycle_curves
from gaitlib.plots.gaps import optimism_gap
from gaitlib.plots.house_style import save
from gaitlib.plots.inertial import inertial_steps
from gaitlib.plots.joints import joint_attention
from gaitlib.plots.moving import MovingFigure, moving_stick_figure
from gaitlib.plots.on_video import attention_on_frames, shown_frames
from gaitlib.plots.perturbation import perturbation_curves
from gaitlib.plots.predictions import class_probabilities, dashboard, importance, prediction_over_time
from gaitlib.plots.pretraining import pretraining_curves, reconstruction
from gaitlib.plots.recording import body_signals, relevance_over_windows
from gaitlib.plots.regions import region_shares
from gaitlib.plots.relevance_maps import joint_phase, pressure_regions
from gaitlib.plots.results import confusion_matrices, differences, learning_curves, per_class, per_subject
from gaitlib.plots.samples import pressure_maps, skeleton_heatmap
from gaitlib.plots.sanity import deletion_curves, randomisation_curves
from gaitlib.plots.signatures import signature, signatures_of_models
from gaitlib.plots.skeletons import before_and_after, stick_figures, told_wrong
from gaitlib.plots.waveform_curves import waveforms
from gaitlib.plots.worse_recordings import robustness

__all__ = [
    "MovingFigure",
    "attention_on_frames",
    "before_and_after",
    "bland_altman",
    "body_signals",
    "class_probabilities",
    "comparison_pairs",
    "confusion_matrices",
    "critical_difference",
    "dashboard",
    "deletion_curves",
    "differences",
    "embedding_map",
    "events_over_time",
    "gait_cycle_curves",
    "importance",
    "inertial_steps",
    "joint_attention",
    "joint_phase",
    "label_budget_curves",
    "learning_curves",
    "moving_stick_figure",
    "optimism_gap",
    "per_class",
    "per_subject",
    "perturbation_curves",
    "prediction_over_time",
    "pressure_maps",
    "pressure_regions",
    "pretraining_curves",
    "randomisation_curves",
    "reconstruction",
    "region_shares",
    "relevance_over_windows",
    "reliability",
    "robustness",
    "save",
    "shown_frames",
    "signature",
    "signatures_of_models",
    "skeleton_heatmap",
    "stick_figures",
    "told_wrong",
    "waveforms",
]
