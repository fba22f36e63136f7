"""How near an extracted picture is to the truth."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def psnr(truth: Tensor, estimate: Tensor, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in decibels: 20 dB more is an error ten times smaller.

    10 log10(peak^2 / mean((truth - estimate)^2)), computed in float64.

    Parameters
    ----------
    truth, estimate : tensors or arrays of one shape.
    peak : the largest value that a pixel may take, above 0.

    Returns
    -------
    float in dB; infinity where the two are equal.

    Raises
    ------
    ValueError
        if the shapes differ or are empty, `peak` is not above 0, or a value is NaN or infinite.

    Examples
    --------
    >>> round(psnr(torch.zeros(4), torch.full((4,), 0.1)), 2)
    20.0
    """
    truth, estimate = (torch.as_tensor(x).detach().cpu().double() for x in (truth, estimate))
    if truth.shape != estimate.shape or not truth.numel():
        raise ValueError(
            f"shapes {tuple(truth.shape)} and {tuple(estimate.shape)}; two equal ones are needed, not empty"
        )
    if not (math.isfinite(peak) and peak > 0):
        raise ValueError(f"peak is {peak:g}; a finite number above 0 is needed")
    error = float(((truth - estimate) ** 2).mean())
    if not math.isfinite(error):
        raise ValueError("a picture holds NaN or infinity: it has no distance to another")
    return math.inf if error == 0 else 10 * math.log10(peak**2 / error)
