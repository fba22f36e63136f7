"""Membership inference: was this record among those the model was trained on?

Shadow models, attacks from a threshold to likelihood ratios, measures at few false alarms, defences.
"""

from course_lib.membership.accounting import noise_for_epsilon, rdp_epsilon
from course_lib.membership.audit import bootstrap_interval, dp_tpr_bound, epsilon_lower_bound
from course_lib.membership.bundle import ShadowBundle
from course_lib.membership.classifiers import train_classifiers
from course_lib.membership.dp import PrivateTraining, train_dp
from course_lib.membership.job import predict_logits
from course_lib.membership.lira import LiRA, scaled_confidence
from course_lib.membership.metrics import (
    ClassReport,
    Roc,
    advantage,
    auc,
    balanced_accuracy,
    best_threshold,
    per_class_report,
    precision_recall,
    roc,
    tpr_at_fpr,
)
from course_lib.membership.networks import lenet, mlp, network, simple_cnn, small_resnet
from course_lib.membership.plans import ShadowPlan, Split, equal_rows, split_victim_shadow, warn_of_equal_rows
from course_lib.membership.posteriors import (
    log_posteriors,
    round_posteriors,
    smoothed_cross_entropy,
    temperature,
    top_k,
)
from course_lib.membership.rmia import RMIA
from course_lib.membership.run import RunReport, run_recipe
from course_lib.membership.settings import Settings, resolve_settings
from course_lib.membership.shadow_attack import ShadowAttack
from course_lib.membership.simple_attacks import Confidence, Entropy, GapAttack, LossThreshold, ModifiedEntropy
from course_lib.membership.synthesis import Synthesis, hill_climb_synthesis, noisy_copies
from course_lib.membership.training import train_shadows

__all__ = [
    "ClassReport",
    "Confidence",
    "Entropy",
    "GapAttack",
    "LiRA",
    "LossThreshold",
    "ModifiedEntropy",
    "PrivateTraining",
    "RMIA",
    "Roc",
    "RunReport",
    "Settings",
    "ShadowAttack",
    "ShadowBundle",
    "ShadowPlan",
    "Split",
    "Synthesis",
    "advantage",
    "auc",
    "balanced_accuracy",
    "best_threshold",
    "bootstrap_interval",
    "dp_tpr_bound",
    "epsilon_lower_bound",
    "equal_rows",
    "lenet",
    "hill_climb_synthesis",
    "log_posteriors",
    "mlp",
    "network",
    "noise_for_epsilon",
    "noisy_copies",
    "per_class_report",
    "precision_recall",
    "predict_logits",
    "rdp_epsilon",
    "resolve_settings",
    "roc",
    "round_posteriors",
    "run_recipe",
    "scaled_confidence",
    "simple_cnn",
    "small_resnet",
    "smoothed_cross_entropy",
    "split_victim_shadow",
    "temperature",
    "top_k",
    "tpr_at_fpr",
    "train_classifiers",
    "train_dp",
    "train_shadows",
    "warn_of_equal_rows",
]
