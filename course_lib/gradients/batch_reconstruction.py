"""What is recovered of a batch, and how it compares with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BatchReconstruction:
    """The samples that the average gradient of a batch gave away.

    Parameters
    ----------
    inputs : (n, n_features) in the gradient's dtype: what entered the first layer.
    labels : (n,) int64.
    weights : (n,) float64, a sample's share of the mean: 1/M, or k/M for one that stands in the batch k times.
    rounds : (n,) int64: the round in which the sample came off, from 1.
    batch_size : M, read off the weights; None where they are not shares of one M.
    residual : the largest unexplained entry of the gradient over the largest entry of its layer.
    complete : whether the samples are shown to be the whole batch; False means "not shown".
    reason : why not, or what shows it.

    Examples
    --------
    >>> nothing = empty_reconstruction(torch.zeros(3, 4), "the gradient is zero")
    >>> len(nothing), nothing.batch_size, nothing.reason
    (0, None, 'the gradient is zero')
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor
    rounds: Tensor
    batch_size: int | None
    residual: float
    complete: bool
    reason: str

    def __len__(self) -> int:
        return len(self.labels)


def empty_reconstruction(weight_grad: Tensor, reason: str) -> BatchReconstruction:
    """No sample, and the reason.

    Parameters
    ----------
    weight_grad : (n_neurons, n_features) of the first layer; its device and dtype are kept.
    reason : why nothing was found.

    Examples
    --------
    >>> nothing = empty_reconstruction(torch.ones(3, 4), "every neuron is active for all samples")
    >>> nothing.inputs.shape, nothing.complete, nothing.reason
    (torch.Size([0, 4]), False, 'every neuron is active for all samples')
    """
    none = torch.zeros(0, dtype=torch.int64, device=weight_grad.device)
    inputs = weight_grad.new_zeros(0, weight_grad.shape[1])
    return BatchReconstruction(inputs, none, none.double(), none, None, 1.0, False, reason)


@dataclass(frozen=True)
class Match:
    """For each true sample, the recovered one that is nearest.

    Parameters
    ----------
    index : (batch,) int64, its place in the reconstruction; -1 where nothing was recovered.
    psnr_db : (batch,) float64, in decibels; infinite for equal pictures, minus infinite beside index -1.
    label_correct : (batch,) bool.
    n_false : how many recovered samples are no sample of the batch, not even at 60 dB.

    Examples
    --------
    >>> match = Match(torch.tensor([0, -1]), torch.tensor([140.0, -torch.inf]), torch.tensor([True, False]), 0)
    >>> match.recovered().tolist()
    [True, False]
    """

    index: Tensor
    psnr_db: Tensor
    label_correct: Tensor
    n_false: int

    def recovered(self, threshold_db: float = 60.0) -> Tensor:
        """Samples recovered with their label, at this many decibels or more.

        Parameters
        ----------
        threshold_db : in decibels; at 60 dB the root mean square error is a thousandth of the peak.

        Returns
        -------
        (batch,) bool.

        Examples
        --------
        >>> match = Match(torch.tensor([0, 1]), torch.tensor([70.0, 50.0]), torch.tensor([True, True]), 0)
        >>> match.recovered().tolist(), match.recovered(threshold_db=40).tolist()
        ([True, False], [True, True])
        """
        return (self.psnr_db >= threshold_db) & self.label_correct


def match_reconstruction(
    inputs: Tensor, labels: Tensor, reconstruction: BatchReconstruction, peak: float = 1.0
) -> Match:
    """Hold a reconstruction against the truth, which the attacker does not have.

    PSNR = -10 log10(mean (x - x')^2 / peak^2). Of recovered samples that agree to 120 dB, one with the right
    label counts.

    Parameters
    ----------
    inputs : (batch, ...) the true inputs; each is flattened.
    labels : (batch,) int64.
    reconstruction : what an attack returned.
    peak : range of the inputs, 1 for pictures in [0, 1].

    Returns
    -------
    :class:`Match`. A sample that stands in the batch twice is matched twice to the same place.

    Raises
    ------
    ValueError
        if the numbers of inputs, labels or features do not fit.

    Examples
    --------
    >>> half, first = torch.full((2,), 0.5), torch.ones(2)
    >>> found = BatchReconstruction(torch.eye(2), torch.tensor([1, 0]), half, first, 2, 0.0, True, "")
    >>> match = match_reconstruction(torch.eye(2).flip(0), torch.tensor([0, 0]), found)
    >>> match.index.tolist(), match.psnr_db.tolist(), match.label_correct.tolist(), match.n_false
    ([1, 0], [inf, inf], [True, False], 0)
    """
    truth = torch.as_tensor(inputs).flatten(1).double()
    labels = torch.as_tensor(labels).to(reconstruction.labels.device)
    found = reconstruction.inputs.double()
    if len(labels) != len(truth):
        raise ValueError(f"{len(truth)} inputs but {len(labels)} labels")
    if truth.shape[1] != found.shape[1]:
        raise ValueError(f"the inputs have {truth.shape[1]} features, the reconstruction {found.shape[1]}")
    truth = truth.to(found.device)
    if not len(found):
        nowhere = torch.full_like(labels, -1)
        return Match(nowhere, nowhere.double() * torch.inf, nowhere > 0, 0)
    error = torch.stack([(found - x).square().mean(1) for x in truth]) / peak**2
    right = labels[:, None] == reconstruction.labels
    nearest = error <= (100 * error.min(1, keepdim=True).values).clamp(min=1e-12)
    index = torch.where((nearest & right).any(1), torch.where(right, error, torch.inf).argmin(1), error.argmin(1))
    here = torch.arange(len(truth), device=index.device)
    n_false = int((error.min(0).values > 1e-6).sum())
    return Match(index, -10 * error[here, index].log10(), right[here, index], n_false)
