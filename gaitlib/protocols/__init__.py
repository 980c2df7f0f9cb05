"""How trials become folds: pure functions of the trial table, each with the claim that it supports."""

from gaitlib.protocols.folds import KNOWN_PERSON, NEW_PERSON, Claim, Fold, Protocol
from gaitlib.protocols.groups import GroupKFold, LeaveOneGroupOut
from gaitlib.protocols.known_people import LeaveOneRepetitionOut, RandomTrialSplit, TrialKFold
from gaitlib.protocols.label_budget import LabelBudget
from gaitlib.protocols.new_people import LeaveOneSubjectOut, SubjectHoldout, SubjectKFold
from gaitlib.protocols.new_stimuli import SubjectAndStimulusKFold

__all__ = [
    "Claim",
    "Fold",
    "GroupKFold",
    "KNOWN_PERSON",
    "LabelBudget",
    "LeaveOneGroupOut",
    "LeaveOneRepetitionOut",
    "LeaveOneSubjectOut",
    "NEW_PERSON",
    "Protocol",
    "RandomTrialSplit",
    "SubjectAndStimulusKFold",
    "SubjectHoldout",
    "SubjectKFold",
    "TrialKFold",
]
