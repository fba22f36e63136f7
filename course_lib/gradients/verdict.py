"""What may be said about the samples that peeling found."""

from __future__ import annotations

import math

import torch

from course_lib.gradients.batch_reconstruction import BatchReconstruction, empty_reconstruction
from course_lib.gradients.batch_size import common_batch_size, settle_weights
from course_lib.gradients.certificate import RELATIVE, Explanation, explain
from course_lib.gradients.fully_connected import ReluNetwork
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.picture_grid import Grid
from course_lib.gradients.residual import SAFETY, Samples
from course_lib.gradients.sharpen import sharpen

NOTHING = (
    "no row of this gradient holds one sample alone: each neuron is active for several samples or for none, or "
    "this is not the mean cross-entropy gradient of these weights"
)
IN_NOISE = NOTHING + ", or the noise is so large that mixtures of several samples would pass for one as well"


def verdict(
    network: ReluNetwork, gradient: Gradient, found: Samples, grid: Grid | None, noise: float
) -> BatchReconstruction:
    """Weigh the samples found: refuse what is no average, sharpen, and say whether they are the whole batch.

    Parameters
    ----------
    network, gradient : the network as the server knows it, and what was sent.
    found : samples with labels and weights.
    grid : of pictures with whole grey levels, or None.
    noise : as for ``take_out``.

    Returns
    -------
    :class:`BatchReconstruction`; empty, with the reason, where no sample is left or weights are no shares.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2].double()
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> half, none = torch.full((2,), 0.5).double(), torch.zeros(2).double()
    >>> both = Samples(x, torch.tensor([2, 0]), half, half, none + 1e-15, none + 1e-15)
    >>> said = verdict(relu_network(sent), sent, both, None, 0.0)
    >>> said.batch_size, said.complete
    (2, True)
    >>> verdict(relu_network(sent), sent, both.at(torch.tensor([0])), None, 0.0).complete
    False
    """
    if not len(found):
        return empty_reconstruction(gradient.weight_grads[0], IN_NOISE if noise else NOTHING)
    batch_size = common_batch_size(found.weights, found.weight_errors)
    found = settle_weights(found, batch_size)
    certain = grid is not None or (_is_double(gradient) and not noise)
    if why := _not_averaged(found, batch_size, certain):
        return empty_reconstruction(gradient.weight_grads[0], why)
    if grid is None:
        found = sharpen(network, gradient, _within_one(found), noise=noise)
    shown = explain(network, gradient, found, grid, noise)
    complete, reason = _whole_batch(gradient, found, batch_size, shown, grid, certain)
    return BatchReconstruction(
        found.inputs.to(gradient.weights[0].dtype),
        found.labels,
        found.weights,
        found.rounds,
        batch_size,
        shown.residual,
        complete,
        reason,
    )


def _not_averaged(found: Samples, batch_size: int | None, certain: bool) -> str | None:
    """Why the weights cannot be shares of one mean, if so: a sum over 1, or all of them multiples of k/M."""
    total = float(found.weights.sum())
    doubt = SAFETY * float((found.weights * found.weight_errors).sum()) + 1e-9
    if total > 1 + (doubt if certain else 0.5):
        return f"the samples' weights sum to {total:.4g}, more than 1: this gradient is not the mean over a batch"
    counts = [] if batch_size is None else [round(c) for c in (found.weights * batch_size).tolist()]
    if len(counts) > 2 and math.gcd(*counts) > 1:
        times = math.gcd(*counts)
        return f"all weights are multiples of {times}/{batch_size}: this gradient is {times} times a mean over a batch"
    return None


def _within_one(found: Samples) -> Samples:
    """Without the least sure samples whose weights go beyond a sum of 1: they cannot all be in the batch."""
    order = (found.errors + found.weight_errors).argsort()
    kept = order[found.weights[order].cumsum(0) < 1 + 1e-6]
    return found.at(kept.sort().values)


def _whole_batch(
    gradient: Gradient,
    found: Samples,
    batch_size: int | None,
    shown: Explanation,
    grid: Grid | None,
    certain: bool,
) -> tuple[bool, str]:
    """Whether these samples are the whole batch, and the sentence that says why or why not."""
    total = float(found.weights.sum())
    if batch_size is None:
        return False, f"the weights of {len(found)} samples are not shares of one batch size"
    sums_to_one = abs(total - 1) < 1e-9
    if not sums_to_one and shown.to_rounding:
        return False, f"the gradient is explained, yet the weights sum to {total:.4g}: the rest left no gradient"
    inexact = grid is None and _is_double(gradient) and shown.residual > RELATIVE
    if not sums_to_one or not shown.to_rounding or inexact:
        if sums_to_one:
            return False, "the weights sum to 1, but an entry of the gradient is off by more than rounding error"
        count = round(total * batch_size)
        return False, f"{count} of {batch_size} samples: no neuron that is left belongs to one sample alone"
    if not certain:
        return False, "explained up to near-duplicates: without levels, two samples that nearly agree pass for one"
    return True, "the weights sum to 1 and every entry of the gradient is explained to rounding error"


def _is_double(gradient: Gradient) -> bool:
    return gradient.weight_grads[0].dtype == torch.float64
