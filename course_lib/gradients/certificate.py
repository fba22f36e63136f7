"""Whether the samples found are the whole batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.gradients.fully_connected import ReluNetwork, Run
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.picture_grid import Grid
from course_lib.gradients.residual import SAFETY, Samples, relative_step

ROWS_AT_ONCE = 256
RELATIVE = 1e-12  # largest part of a float64 gradient that may stay unexplained


@dataclass(frozen=True)
class Explanation:
    """The largest unexplained entry over its layer's largest entry, and whether all of it is rounding and noise.

    Examples
    --------
    >>> Explanation(residual=2e-16, to_rounding=True).to_rounding
    True
    """

    residual: float
    to_rounding: bool


def explain(network: ReluNetwork, gradient: Gradient, found: Samples, grid: Grid | None, noise: float) -> Explanation:
    """Compute the gradient that these samples would have given, and compare every layer with what was sent.

    An entry may be off by SAFETY eps times the sum of the absolute terms in it. With a grid, the inputs that fit
    best must round to the same pictures, and surely so.

    Parameters
    ----------
    network, gradient : the network as the server knows it, and what was sent.
    found : samples that may be the whole batch.
    grid : of pictures with whole grey levels, or None.
    noise : standard deviation of what was added to each entry of the gradient, 0 for none.

    Returns
    -------
    :class:`Explanation`.

    Examples
    --------
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> from course_lib.gradients import client_gradient, mlp
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2]
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> half, none = torch.full((2,), 0.5).double(), torch.zeros(2).double()
    >>> found = Samples(x.double(), torch.tensor([2, 0]), half, half, none, none)
    >>> explain(relu_network(sent), sent, found, None, 0.0).to_rounding
    True
    >>> explain(relu_network(sent), sent, found.at(torch.tensor([0])), None, 0.0).to_rounding
    False
    """
    eps = relative_step(gradient)
    run = network.run(found.inputs)
    deltas = network.deltas(run, found.labels)
    delta_errors = network.delta_rounding(run, deltas)
    asked = ~_undecided(network, run, eps)
    worst, to_rounding = 0.0, True
    for layer, (rows, bias) in enumerate(zip(gradient.weight_grads, gradient.bias_grads, strict=True)):
        scaled = found.weights[:, None] * deltas[layer]
        sizes = found.weights[:, None] * (deltas[layer].abs() + delta_errors[layer])
        below, terms = run.below[layer], run.below[layer].abs()
        if layer:
            terms = terms + network.rounding(run, layer - 1) * (terms > 0)
        solve = torch.linalg.pinv(scaled[:, asked].T, rtol=1e-9) if layer == 0 and grid is not None else None
        neurons = (asked if layer == 0 else torch.ones_like(rows[:, 0])).nonzero()[:, 0]
        moved, largest = torch.zeros_like(below), rows.abs().max()
        for some, places in _in_parts(neurons):
            left = rows[some].double() - scaled[:, some].T @ below
            worst = max(worst, float(left.abs().max() / largest))
            to_rounding &= bool((left.abs() <= SAFETY * (eps * (sizes[:, some].T @ terms) + noise)).all())
            if solve is not None:
                moved += solve[:, places] @ left
        if bias is not None and len(neurons):
            left = (bias.double() - scaled.sum(0))[neurons].abs()
            worst = max(worst, float(left.max() / largest))
            to_rounding &= bool((left <= SAFETY * (eps * sizes.sum(0)[neurons] + noise)).all())
        if solve is not None:
            error = eps * sizes.sum(0)[neurons] * terms.max() + noise
            to_rounding &= _rounds_to_itself(moved, solve, error, grid)
    return Explanation(worst, to_rounding)


def _in_parts(neurons: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """A few neurons at a time, which keeps the peak of memory low, and their places among all."""
    for start in range(0, len(neurons), ROWS_AT_ONCE):
        places = slice(start, start + ROWS_AT_ONCE)
        yield neurons[places], places


def _rounds_to_itself(moved: Tensor, solve: Tensor, error: Tensor, grid: Grid) -> bool:
    """Whether least squares over all rows would move no pixel by a quarter of a grey level, nor could by a half."""
    doubt = SAFETY * (solve.square() @ error.square()).sqrt()
    return bool((moved.abs().amax(1) < grid.step / 4).all() and (doubt < grid.step / 2).all())


def _undecided(network: ReluNetwork, run: Run, eps: float) -> Tensor:
    """(N,) bool: neurons of the first layer that rounding may have switched on or off for some sample.

    Their rows prove nothing, so they are not asked.
    """
    return (run.values[0].abs() <= SAFETY * eps * network.rounding(run, 0)).any(0)
