"""Neurons that one sample has for itself, and the attack that needs two of them for every sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.gradients.gradient import require_finite


def exclusive_neurons(pattern: Tensor) -> Tensor:
    """Which sample owns each neuron: the only one in the batch that activates it (Pan et al. 2022).

    Neuron j is exclusive to sample m if P[m, j] = 1 and P[k, j] = 0 for all other k.

    Parameters
    ----------
    pattern : (batch, neurons) bool, which sample activates which neuron.

    Returns
    -------
    (neurons,) int64: the sample, or -1 where none or several activate the neuron.

    Raises
    ------
    ValueError
        if the pattern has not two axes or no sample.

    Examples
    --------
    >>> exclusive_neurons(torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0]])).tolist()
    [0, -1, 1, -1]
    """
    active = _as_pattern(pattern)
    return torch.where(active.sum(0) == 1, active.int().argmax(0), -1)


def pattern_bound(pattern: Tensor) -> float:
    """The share of a batch that peeling frees if nothing is lost to rounding.

    Take out every sample that owns a neuron; neurons that it shared with one other sample now belong to
    that one; repeat.

    Parameters
    ----------
    pattern : (batch, neurons) bool, of the first layer.

    Returns
    -------
    float in [0, 1].

    Raises
    ------
    ValueError
        if the pattern has not two axes or no sample.

    Examples
    --------
    >>> pattern_bound(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]])) == 2 / 3
    True
    """
    left = _as_pattern(pattern)
    while True:
        owners = exclusive_neurons(left) if len(left) else torch.tensor([-1])
        owners = owners[owners >= 0].unique()
        if not len(owners):
            return (len(pattern) - len(left)) / len(pattern)
        stays = torch.ones(len(left), dtype=torch.bool, device=left.device)
        stays[owners] = False
        left = left[stays]


@dataclass(frozen=True)
class Ray:
    """Neurons whose columns of the last gradient point one way: one sample owns them all.

    Parameters
    ----------
    neurons : (n,) int64, places in the last hidden layer.
    direction : (K,) of length 1, the sample's loss vector p - onehot(y) up to its length.
    label : y, the place of its only negative entry.

    Examples
    --------
    >>> Ray(torch.tensor([0, 2]), torch.tensor([0.6, -0.8]), 1).label
    1
    """

    neurons: Tensor
    direction: Tensor
    label: int


def label_from_loss_vector(vector: Tensor) -> int:
    """The label of a sample: the only negative entry of its loss vector p - onehot(y) (algorithm B.2).

    Parameters
    ----------
    vector : (K,) the loss vector, or any positive multiple of it.

    Returns
    -------
    int in 0..K-1.

    Raises
    ------
    ValueError
        if not exactly one entry is negative: then this is no loss vector of one sample.

    Examples
    --------
    >>> label_from_loss_vector(torch.tensor([0.25, -0.75, 0.5]))
    1
    """
    negative = (torch.as_tensor(vector) < 0).nonzero().flatten().tolist()
    if len(negative) != 1:
        raise ValueError(f"{len(negative)} entries are negative: the loss vector of one sample has one, at its label")
    return negative[0]


def loss_vector_rays(last_weight_grad: Tensor, rtol: float | None = None, min_neurons: int = 2) -> list[Ray]:
    """Group neurons of the last hidden layer by the direction of their columns (algorithm B.1).

    The column of a neuron that sample m owns is a_j w (p_m - onehot(y_m)) with a_j > 0: all its neurons point
    one way. Where the paper compares quotients of entries, which may be negative or infinite, we compare
    columns of length 1. Groups are samples only if they hold two neurons.

    Parameters
    ----------
    last_weight_grad : (K, d), gradient of the last weight matrix.
    rtol : largest difference of two unit columns that count as one, entry by entry; by default 8 times the
        relative step of the type (1e-6 in float32), at least 1e-12.
    min_neurons : how many neurons a group needs.

    Returns
    -------
    list of :class:`Ray`, the most neurons first. Groups that are no loss vector are left out.

    Raises
    ------
    ValueError
        if the gradient is no matrix of at least two rows, is not finite, or ``min_neurons`` is less than 1.

    Examples
    --------
    >>> column = torch.tensor([0.25, -0.75, 0.5])
    >>> [ray] = loss_vector_rays(torch.stack([column, 0 * column, 3 * column], dim=1))
    >>> ray.neurons.tolist(), ray.label
    ([0, 2], 1)
    """
    if last_weight_grad.ndim != 2 or len(last_weight_grad) < 2:
        raise ValueError(f"a gradient of shape {tuple(last_weight_grad.shape)}; (K, d) with K of at least 2 is needed")
    if min_neurons < 1:
        raise ValueError(f"min_neurons is {min_neurons}; a group holds at least 1")
    require_finite(last_weight_grad, "last_weight_grad")
    if rtol is None:
        rtol = max(1e-12, 8 * torch.finfo(last_weight_grad.dtype).eps)
    columns = last_weight_grad.double().T
    left = columns.any(1)
    unit = torch.nn.functional.normalize(columns, dim=1, eps=torch.finfo(torch.float64).tiny)
    rays = []
    while left.any():
        first = int(left.int().argmax())
        group = left & ((unit - unit[first]).abs().amax(1) <= rtol)
        left &= ~group
        if int(group.sum()) >= min_neurons and int((unit[first] < 0).sum()) == 1:
            rays.append(Ray(group.nonzero()[:, 0], unit[first], label_from_loss_vector(unit[first])))
    return sorted(rays, key=lambda ray: -len(ray.neurons))


def _as_pattern(pattern: Tensor) -> Tensor:
    active = torch.as_tensor(pattern).bool()
    if active.ndim != 2 or not len(active):
        raise ValueError(f"a pattern of shape {tuple(active.shape)}; (batch, neurons) with a sample is needed")
    return active
