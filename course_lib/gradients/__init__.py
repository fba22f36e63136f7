"""Gradients: pull the training pictures out of what a client of federated learning sends."""

from course_lib.gradients.ambiguity import ambiguous_batch, drop_exclusive_rows
from course_lib.gradients.batch_reconstruction import BatchReconstruction, Match, match_reconstruction
from course_lib.gradients.convolutions import carried_features, identity_convolutions, undo_convolutions
from course_lib.gradients.detection import detect_single
from course_lib.gradients.exclusivity import (
    Ray,
    exclusive_neurons,
    label_from_loss_vector,
    loss_vector_rays,
    pattern_bound,
)
from course_lib.gradients.extraction import (
    ExtractionScore,
    Rows,
    activation_pattern,
    extract_rows,
    extract_single,
    extraction_metrics,
    match_rows,
)
from course_lib.gradients.federated import FederatedHistory, commit, federated_rounds
from course_lib.gradients.gradient import Gradient, client_gradient
from course_lib.gradients.heads import FeatureInversion, invert_features, reconstruct_features
from course_lib.gradients.imprint import extract_imprint, imprint
from course_lib.gradients.inversion import Inversion, invert_gradient
from course_lib.gradients.measures import psnr
from course_lib.gradients.networks import conv_net, mlp
from course_lib.gradients.noise import add_noise, clip_and_noise, private_round
from course_lib.gradients.peeling import reconstruct_batch
from course_lib.gradients.per_example import per_example_gradients, per_example_norms
from course_lib.gradients.reproduction import label_from_ratios, ratio_groups
from course_lib.gradients.secure_sum import inconsistent_round, mask_updates, secure_sum, silence_relus, sybil_round
from course_lib.gradients.trap_weights import (
    gaussian_weights,
    plant,
    quantile_bias,
    trap_weights,
    tune_trap_scale,
)
from course_lib.gradients.two_exclusive import reconstruct_exclusive, subset_patterns

__all__ = [
    "BatchReconstruction",
    "ExtractionScore",
    "FeatureInversion",
    "FederatedHistory",
    "Gradient",
    "Inversion",
    "Match",
    "Ray",
    "Rows",
    "activation_pattern",
    "add_noise",
    "ambiguous_batch",
    "carried_features",
    "client_gradient",
    "clip_and_noise",
    "commit",
    "conv_net",
    "detect_single",
    "drop_exclusive_rows",
    "exclusive_neurons",
    "extract_imprint",
    "extract_rows",
    "extract_single",
    "extraction_metrics",
    "federated_rounds",
    "gaussian_weights",
    "identity_convolutions",
    "imprint",
    "inconsistent_round",
    "invert_features",
    "invert_gradient",
    "label_from_loss_vector",
    "label_from_ratios",
    "loss_vector_rays",
    "mask_updates",
    "match_reconstruction",
    "match_rows",
    "mlp",
    "pattern_bound",
    "per_example_gradients",
    "per_example_norms",
    "plant",
    "private_round",
    "psnr",
    "quantile_bias",
    "ratio_groups",
    "reconstruct_batch",
    "reconstruct_exclusive",
    "reconstruct_features",
    "secure_sum",
    "silence_relus",
    "subset_patterns",
    "sybil_round",
    "trap_weights",
    "tune_trap_scale",
    "undo_convolutions",
]
