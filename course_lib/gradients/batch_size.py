"""The batch size, read off the weights of the samples found, and held against the counts of the labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.gradients.fully_connected import ReluNetwork
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.residual import SAFETY, Residual, Samples

LARGEST = 4096  # batch size looked for
MOST = 0.95  # share of the surest weights that must fit
SOME_ROWS = 256  # rows that show what the model makes of inputs
NOT_WHOLE = 0.25  # a count further than this from a whole number is none
ENOUGH_LABELS = 5  # in a batch; the counts of fewer may all be multiples of 2 by chance
TOO_VAGUE = 0.25  # doubt of a count from which on it says nothing


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
    """Weights that are k/M up to their error become k/M, without error.

    Parameters
    ----------
    found : samples with the predicted errors of their weights.
    batch_size : M, or None where it is unknown: then nothing changes.

    Returns
    -------
    the same samples, with other weights and errors.

    Examples
    --------
    >>> weights, error, none = torch.tensor([0.2500001, 0.3]), torch.full((2,), 1e-6), torch.zeros(2)
    >>> found = Samples(torch.eye(2), none.long(), weights, none.long(), none, error)
    >>> settle_weights(found, 4).weights.tolist() == [0.25, weights[1].item()]
    True
    """
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


@dataclass(frozen=True)
class LabelCounts:
    """How often each label would stand in a batch of a size that is tried.

    Parameters
    ----------
    counts : (n_classes,) float64, whole numbers if the size is right.
    doubt : how far the least sure of them may be off, typically.
    spread : how far apart the model's probabilities for two inputs lie, typically.

    Examples
    --------
    >>> LabelCounts(torch.tensor([1.01, 0.52, 0.51]), 0.02, 0.03).refuted
    True
    >>> LabelCounts(torch.tensor([1.01, 1.98, 0.02]), 0.02, 0.03).decisive  # truly 2 and 4?
    False
    """

    counts: Tensor
    doubt: float
    spread: float

    @property
    def decisive(self) -> bool:
        """Whether the counts are sure enough to tell: not of a few labels, whose true counts may all be even."""
        return self.doubt < TOO_VAGUE and int((self.counts > NOT_WHOLE).sum()) >= ENOUGH_LABELS

    @property
    def refuted(self) -> bool:
        """Whether a count is surely no whole number."""
        return self.doubt < TOO_VAGUE and bool(((self.counts - self.counts.round()).abs() > NOT_WHOLE).any())


def label_counts(network: ReluNetwork, gradient: Gradient, left: Residual, batch_size: int) -> LabelCounts:
    """n_c = M (mean p_c - gb_H[c]), because the last bias gradient is the mean of p - onehot(y).

    Before training, k samples of one label have nearly the same loss vector. Where the tolerance is wider than the
    difference, a mixture of them passes for one sample of weight k/M; if nothing else is read, the batch seems k times
    smaller than it is. Then all counts are k times too small, and those of rare labels are no whole numbers. The
    mean of p comes from rows of the first layer, mixtures though they are.

    Parameters
    ----------
    network, gradient : the network as the server knows it, and what was sent.
    left : what is left of the gradient once the samples found are taken out.
    batch_size : M, the size that is tried.

    Returns
    -------
    :class:`LabelCounts`; with infinite doubt where no neuron or no bias is left to count by.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> from course_lib.gradients.residual import no_samples, take_out
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:4]
    >>> sent = client_gradient(model, x, torch.tensor([2, 0, 2, 1]))
    >>> network = relu_network(sent)
    >>> left = take_out(network, sent, no_samples(sent.weight_grads[0]))
    >>> [label_counts(network, sent, left, size).counts.mul(2).round().div(2).abs().tolist() for size in (4, 2)]
    [[1.0, 1.0, 2.0, 0.0], [0.5, 0.5, 1.0, 0.0]]
    """
    neurons = (left.bias.abs() > SAFETY * left.error).nonzero()[:, 0]
    neurons = neurons[:: max(1, len(neurons) // SOME_ROWS)]
    p = network.run(left.rows(neurons) / left.bias[neurons, None]).probabilities
    if not len(p):
        return LabelCounts(p.new_zeros(network.n_classes), torch.inf, 0.0)
    middle, last = p.median(0).values, gradient.bias_grads[-1]
    if last is None:  # nothing to count by
        return LabelCounts(torch.zeros_like(middle), torch.inf, float((p - middle).norm(dim=1).median()))
    counts = batch_size * (middle - last.double())
    doubt = batch_size * (p - middle).abs().median(0).values.max()
    return LabelCounts(counts, float(doubt), float((p - middle).norm(dim=1).median()))
