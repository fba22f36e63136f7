"""The batch size, read off the weights of the samples found."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from course_lib.gradients.residual import SAFETY, Samples

LARGEST = 4096  # batch size looked for
MOST = 0.95  # share of the surest weights that must fit


def common_batch_size(weights: Tensor, errors: Tensor) -> int | None:
    """The smallest M for which the surest weights are whole numbers of M-ths, up to their errors.

    A sample that stands in the batch k times has weight k/M. One clean weight is enough; weights that are
    less sure by a factor of ten are not asked. Of neighbouring sizes that fit, the one that fits best counts.

    Parameters
    ----------
    weights, errors : (n,) float64, and their predicted relative errors.

    Returns
    -------
    M from 1 to 4096, or None where none fits or no weight is sure enough to tell.

    Examples
    --------
    >>> common_batch_size(torch.tensor([1 / 8, 2 / 8]), torch.tensor([1e-6, 1e-6]))
    8
    >>> common_batch_size(torch.tensor([2 / 7]), torch.tensor([1e-6]))
    7
    """
    if not len(weights):
        return None
    sizes = torch.arange(1, LARGEST + 1, device=weights.device)
    surest = errors <= 10 * errors.min()
    shares = weights[surest] * sizes[:, None]
    counts = shares.round().clamp(min=1)
    misfit = (shares - counts).abs() / counts
    fits = (misfit <= (SAFETY * errors[surest]).clamp(min=1e-12)) & (errors[surest] * counts < 0.1)
    fits = fits.double().mean(1) >= MOST
    if not fits.any():
        return None
    smallest = sizes[fits][0]
    near = fits & (sizes < 2 * smallest) & (errors.min() * sizes < 0.5)
    return int(sizes[misfit.square().sum(1).where(near, torch.inf).argmin()]) if near.any() else None


def settle_weights(found: Samples, batch_size: int | None) -> Samples:
    """Weights that are k/M up to their error become k/M, without error."""
    if batch_size is None:
        return found
    counts = (found.weights * batch_size).round().clamp(min=1)
    allowed = (SAFETY * found.weight_errors * counts).clamp(min=1e-12, max=0.3)
    is_share = (found.weights * batch_size - counts).abs() <= allowed
    return replace(
        found,
        weights=torch.where(is_share, counts / batch_size, found.weights),
        weight_errors=torch.where(is_share, 0.0, found.weight_errors),
    )
