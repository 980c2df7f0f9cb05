"""Why a model predicts what it predicts, and how far to trust that answer.

Read fitted classifiers; take them from ``runs.classifier_for``, or hand in the runs.
"""

from gaitlib.explain.attribution import METHODS, Relevance, relevance
from gaitlib.explain.importance import WHOLE, zero_out
from gaitlib.explain.joint_shares import beside_prior, rank_agreement, regions_beside_prior, share_of_joints
from gaitlib.explain.layerwise.propagation import lrp
from gaitlib.explain.layerwise.rules import (
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
from gaitlib.explain.one_trial import Prediction, prediction
from gaitlib.explain.over_time import predict_over_time
from gaitlib.explain.signatures.averages import Signature, signature
from gaitlib.explain.trust.faithfulness import area_table, curve_table, deletion, insertion
from gaitlib.explain.trust.sanity import cascading_randomisation, label_randomisation, sanity_table
from gaitlib.explain.trust.shaking import infidelity
from gaitlib.explain.trust.variation import coefficient_of_variation, repeatability
from gaitlib.explain.unlike import distance_from_learnt

__all__ = [
    "METHODS",
    "PRESETS",
    "WHOLE",
    "AlphaBeta",
    "Composite",
    "Epsilon",
    "Flat",
    "Gamma",
    "Prediction",
    "Relevance",
    "Signature",
    "WSquare",
    "ZBox",
    "ZPlus",
    "area_table",
    "beside_prior",
    "cascading_randomisation",
    "coefficient_of_variation",
    "curve_table",
    "deletion",
    "distance_from_learnt",
    "infidelity",
    "insertion",
    "label_randomisation",
    "lrp",
    "predict_over_time",
    "prediction",
    "rank_agreement",
    "regions_beside_prior",
    "relevance",
    "repeatability",
    "sanity_table",
    "share_of_joints",
    "signature",
    "zero_out",
]
