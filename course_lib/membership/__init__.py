"""Membership inference: was this record among those the model was trained on?

Shadow models, attacks from a threshold to likelihood ratios, measures at few false alarms, defences.
"""

from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.job import predict_logits
from course_lib.membership.plans import ShadowPlan, Split, equal_rows, split_victim_shadow, warn_of_equal_rows
from course_lib.membership.training import train_shadows

__all__ = [
    "ShadowBundle",
    "ShadowPlan",
    "Split",
    "equal_rows",
    "predict_logits",
    "split_victim_shadow",
    "train_shadows",
    "warn_of_equal_rows",
]
