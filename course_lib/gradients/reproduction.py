"""Algorithm B.1 as it was reproduced in public, each mistake a switch: what the repairs are measured against."""

from __future__ import annotations

import torch
from torch import Tensor


def ratio_groups(
    weight_grad: Tensor, atol: float = 1e-8, rtol: float = 0.0, reshape: bool = False, min_neurons: int = 1
) -> list[Tensor]:
    """Group neurons by the quotient of their column's first two entries, r_2 = G[2, j] / G[1, j].

    This is algorithm B.1 as the paper states it and a public reproduction coded it, NaN and infinite quotients
    included. The right call hands over the last layer's gradient and sets a relative tolerance; the
    reproduction handed over the first layer's, reshaped it and compared at 1e-8.

    Parameters
    ----------
    weight_grad : (K, d), gradient of a weight matrix with at least two rows.
    atol, rtol : quotients r and s are equal if abs(r - s) <= atol + rtol abs(s).
    reshape : whether the numbers are read as (d, K) row by row, instead of transposing: a mistake.
    min_neurons : how many neurons a group needs.

    Returns
    -------
    list of (n,) int64, neurons of one group each. A NaN equals nothing and is a group of its own; a neuron
    that is zero throughout has the quotient NaN.

    Raises
    ------
    ValueError
        if the gradient is no matrix of at least two rows.

    Examples
    --------
    >>> grad = torch.tensor([[0.5, 1.0, 0.25], [-1.0, -2.0, 0.75]])
    >>> [group.tolist() for group in ratio_groups(grad)]
    [[0, 1], [2]]
    """
    if weight_grad.ndim != 2 or len(weight_grad) < 2:
        raise ValueError(f"a gradient of shape {tuple(weight_grad.shape)}; (K, d) with K of at least 2 is needed")
    columns = weight_grad.reshape(weight_grad.shape[1], -1) if reshape else weight_grad.T
    ratio = columns[:, 1] / columns[:, 0]
    left, groups = torch.ones(len(ratio), dtype=torch.bool, device=ratio.device), []
    while left.any():
        first = int(left.int().argmax())
        equal = left & torch.isclose(ratio, ratio[first], atol=atol, rtol=rtol)
        equal[first] = True
        left &= ~equal
        groups.append(equal.nonzero()[:, 0])
    return [group for group in groups if len(group) >= min_neurons]


def label_from_ratios(ratios: Tensor) -> int:
    """The label as the paper's ratios give it: the only negative entry of (1, r_2, ..., r_K).

    That holds where the first entry of the loss vector is positive. If the label is the first class, it is
    negative, so are all ratios, and the answer is wrong: with K > 2 the rays of
    :func:`course_lib.gradients.loss_vector_rays` keep the sign and are right.

    Parameters
    ----------
    ratios : (K,) a loss vector over its first entry.

    Returns
    -------
    int in 0..K-1: the first negative entry, 0 if there is none.

    Examples
    --------
    >>> label_from_ratios(torch.tensor([1.0, -3.0, 2.0])), label_from_ratios(torch.tensor([1.0, -0.5, -0.5]))
    (1, 1)
    """
    return int((torch.as_tensor(ratios) < 0).int().argmax())
