"""Gradients: pull the training pictures out of what a client of federated learning sends."""

from course_lib.gradients.gradient import Gradient, client_gradient
from course_lib.gradients.networks import conv_net, mlp

__all__ = [
    "Gradient",
    "client_gradient",
    "conv_net",
    "mlp",
]
