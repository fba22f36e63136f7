"""Gradients: pull the training pictures out of what a client of federated learning sends."""

from course_lib.gradients.convolutions import carried_features, identity_convolutions, undo_convolutions
from course_lib.gradients.detection import detect_single
from course_lib.gradients.extraction import (
    ExtractionScore,
    Rows,
    activation_pattern,
    extract_rows,
    extract_single,
    extraction_metrics,
    match_rows,
)
from course_lib.gradients.gradient import Gradient, client_gradient
from course_lib.gradients.imprint import extract_imprint, imprint
from course_lib.gradients.measures import psnr
from course_lib.gradients.networks import conv_net, mlp
from course_lib.gradients.trap_weights import (
    gaussian_weights,
    plant,
    quantile_bias,
    trap_weights,
    tune_trap_scale,
)

__all__ = [
    "ExtractionScore",
    "Gradient",
    "Rows",
    "activation_pattern",
    "carried_features",
    "client_gradient",
    "conv_net",
    "detect_single",
    "extract_imprint",
    "extract_rows",
    "extract_single",
    "extraction_metrics",
    "gaussian_weights",
    "identity_convolutions",
    "imprint",
    "match_rows",
    "mlp",
    "plant",
    "psnr",
    "quantile_bias",
    "trap_weights",
    "tune_trap_scale",
    "undo_convolutions",
]
