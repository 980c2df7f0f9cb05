"""Why a model predicts what it predicts, and how far to trust that answer.

Read fitted classifiers; take them from ``runs.classifier_for``, or hand in the runs.
"""

from gaitlib.explain.faithfulness import area_table, curve_table, deletion, insertion
from gaitlib.explain.infidelity import infidelity
from gaitlib.explain.lrp import lrp
from gaitlib.explain.relevance import METHODS, Relevance, relevance
from gaitlib.explain.reliability import coefficient_of_variation, reliability
from gaitlib.explain.rules import (
    PRESETS,
    AlphaBeta,
    Composite,
    Epsilon,
    Flat,
    Gamma,
    WSquare,
    ZBox,
    ZPlus,
)
from gaitlib.explain.sanity import cascading_randomisation, label_randomisation, sanity_table
from gaitlib.explain.signature import Signature, highest, signature
from gaitlib.explain.zero_out import WHOLE, zero_out

__all__ = [
    "METHODS",
    "PRESETS",
    "WHOLE",
    "AlphaBeta",
    "Composite",
    "Epsilon",
    "Flat",
    "Gamma",
    "Relevance",
    "Signature",
    "WSquare",
    "ZBox",
    "ZPlus",
    "area_table",
    "cascading_randomisation",
    "coefficient_of_variation",
    "curve_table",
    "deletion",
    "highest",
    "infidelity",
    "insertion",
    "label_randomisation",
    "lrp",
    "relevance",
    "reliability",
    "sanity_table",
    "signature",
    "zero_out",
]
