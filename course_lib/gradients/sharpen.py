"""Least squares over all rows of the first layer: better inputs than one row gives."""

from __future__ import annotations

from dataclasses import replace

import torch

from course_lib.gradients.fully_connected import ReluNetwork
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.picture_grid import Grid
from course_lib.gradients.residual import SAFETY, Samples, take_out

STEPS = 5


def sharpen(
    network: ReluNetwork, gradient: Gradient, found: Samples, grid: Grid | None = None, noise: float = 0.0
) -> Samples:
    """Inputs that fit all the rows that these samples explain: G_0 = sum_m w_m delta_0,m x_m^T.

    The deltas hang on the inputs, so the step is repeated while what is left becomes smaller. With a grid the
    inputs are snapped to it.

    Parameters
    ----------
    network, gradient : the network as the server knows it, and what was sent.
    found : samples to improve, labels and weights as they are.
    grid : of pictures with whole grey levels, or None.
    noise : as for ``take_out``.

    Returns
    -------
    Samples with other inputs; the same where no step makes what is left smaller.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2].double()
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> half, none = torch.full((2,), 0.5).double(), torch.zeros(2).double()
    >>> found = Samples(x + 1e-6, torch.tensor([2, 0]), half, half, none + 1e-5, none)
    >>> better = sharpen(relu_network(sent), sent, found)
    >>> bool((better.inputs - x).abs().max() < 1e-10)
    True
    """
    left = take_out(network, gradient, found, noise)
    for _ in range(STEPS):
        neurons = (left.bias.abs() <= SAFETY * left.error).nonzero()[:, 0]
        rows = left.rows(neurons)  # small biases may be sums of large ones: the rows must be small as well
        small = rows.square().mean(1).sqrt() <= SAFETY / 2 * left.error[neurons]
        neurons, rows = neurons[small], rows[small]
        inputs = found.inputs + torch.linalg.pinv(left.deltas[:, neurons].T, rtol=1e-9) @ rows
        better = replace(found, inputs=inputs if grid is None else grid.snap(inputs))
        after = take_out(network, gradient, better, noise)
        gain = 0.9 if grid is None else 1.0  # on the grid, one pixel put right is worth a step
        if not after.rows(neurons).norm() < gain * rows.norm():
            break
        found, left = better, after
    return found
