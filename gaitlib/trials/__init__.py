"""TrialSet, the one data container, and what it is made of."""

from gaitlib.trials.joining import concat
from gaitlib.trials.modality import Modality, object_array
from gaitlib.trials.report import LoadReport
from gaitlib.trials.trialset import HistoryEntry, TrialSet

__all__ = [
    "HistoryEntry",
    "LoadReport",
    "Modality",
    "TrialSet",
    "concat",
    "object_array",
]
