"""What is left of a gradient once the samples found are taken out of it, and how wrong that may be."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from course_lib.gradients.fully_connected import ReluNetwork
from course_lib.gradients.gradient import Gradient

SAFETY = 8.0  # how many times its predicted error a value may be off


@dataclass(frozen=True)
class Samples:
    """Samples that were found, or may have been: one a place.

    Parameters
    ----------
    inputs, labels, weights, rounds : as in ``BatchReconstruction``, in float64.
    errors, weight_errors : (n,) float64, the predicted relative errors of inputs and weights.

    Examples
    --------
    >>> none = torch.zeros(2).double()
    >>> two = Samples(torch.rand(2, 4).double(), torch.tensor([5, 7]), none, none.long(), none, none)
    >>> len(two), two.at(torch.tensor([1])).labels.tolist()
    (2, [7])
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor
    rounds: Tensor
    errors: Tensor
    weight_errors: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Tensor) -> Samples:
        """Some of them: (k,) places, or (n,) bool."""
        return Samples(*(getattr(self, f.name)[places] for f in fields(self)))


def joined(parts: list[Samples]) -> Samples:
    """One after the other.

    Parameters
    ----------
    parts : at least one.

    Examples
    --------
    >>> one = Samples(torch.rand(1, 4), torch.tensor([5]), *[torch.ones(1)] * 4)
    >>> joined([one, one]).labels.tolist()
    [5, 5]
    """
    return Samples(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Samples)))


def no_samples(weight_grad: Tensor) -> Samples:
    """None yet.

    Parameters
    ----------
    weight_grad : (n_neurons, n_features); it gives the number of features and the device.

    Examples
    --------
    >>> no_samples(torch.zeros(3, 4)).inputs.shape
    torch.Size([0, 4])
    """
    none = torch.zeros(0, dtype=torch.float64, device=weight_grad.device)
    return Samples(none.new_zeros(0, weight_grad.shape[1]), none.long(), none, none.long(), none, none)


@dataclass(frozen=True)
class Residual:
    """G_l - sum_m w_m delta_l,m a_l-1,m^T for the first two layers, always from the gradient as it was sent.

    Subtracting round by round would pile up rounding errors. Rows of the first layer are computed when
    asked for, which keeps memory low.

    Parameters
    ----------
    sent : G_0 as it was sent, (N, n_features).
    found : the samples taken out.
    deltas : w_m delta_0,m, (n, N).
    bias : what is left of g_0, (N,).
    next_layer : what is left of G_1, (n_out, N).
    error : (N,) predicted error of `bias`, and of a row's entry where an input is 1.
    next_error : (N,) predicted length of the error of a column of `next_layer`.
    eps : relative step of the gradient's numbers.

    Examples
    --------
    See :func:`take_out`, which makes one.

    >>> from course_lib.gradients import client_gradient, mlp
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2].double()
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> left = take_out(relu_network(sent), sent, no_samples(sent.weight_grads[0]))
    >>> torch.equal(left.rows(torch.tensor([3])), sent.weight_grads[0][[3]])
    True
    """

    sent: Tensor
    found: Samples
    deltas: Tensor
    bias: Tensor
    next_layer: Tensor
    error: Tensor
    next_error: Tensor
    eps: float

    def rows(self, neurons: Tensor, pixels: Tensor | slice = slice(None)) -> Tensor:
        """What is left of these neurons' rows of G_0: (n_neurons, n_pixels)."""
        return self.sent[neurons][:, pixels].double() - self.deltas[:, neurons].T @ self.found.inputs[:, pixels]

    @property
    def relative_error(self) -> Tensor:
        """(N,): predicted error of the inputs that a neuron's row gives."""
        return self.error / self.bias.abs()


def take_out(network: ReluNetwork, gradient: Gradient, found: Samples, noise: float = 0.0) -> Residual:
    """What is left of a gradient without these samples.

    err_j = eps (r_j + S_j + 0.3 median S), with S_j = sum_m w_m abs(delta_0,mj): whatever takes part in the sum
    is rounded in proportion to its size, and a delta in proportion to the terms it is a sum of. Before
    anything is taken out S is zero, and a row of one sample is exact to eps. The errors of the samples
    themselves and the noise are added.

    Parameters
    ----------
    network, gradient : the network as the server knows it, and what was sent.
    found : samples to take out; none at first.
    noise : standard deviation of what was added to each entry of the gradient, 0 for none.

    Returns
    -------
    :class:`Residual`.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> from course_lib.gradients.fully_connected import relu_network
    >>> model, x = mlp([6, 64, 4], seed=0, dtype=torch.float64), torch.eye(6)[:2].double()
    >>> sent = client_gradient(model, x, torch.tensor([2, 0]))
    >>> half, none = torch.full((2,), 0.5).double(), torch.zeros(2).double()
    >>> found = Samples(x, torch.tensor([2, 0]), half, half, none, none)
    >>> left = take_out(relu_network(sent), sent, found)
    >>> bool((left.bias.abs() <= SAFETY * left.error).all())
    True
    """
    eps = relative_step(gradient)
    run = network.run(found.inputs)
    w = found.weights[:, None]
    wrong = (found.errors + found.weight_errors)[:, None]
    deltas, next_deltas = network.deltas(run, found.labels)[:2]
    bias = gradient.bias_grads[0].double() - (w * deltas).sum(0)
    next_layer = gradient.weight_grads[1].double() - (w * next_deltas).T @ run.below[1]
    terms = w * deltas.abs()
    lengths = w * next_deltas.norm(dim=1, keepdim=True)
    next_terms = lengths * run.below[1]
    # A small activation is the difference of larger numbers; such errors have either sign, so squares add up.
    activations = (lengths * network.rounding(run, 0) * (run.values[0] > 0)).square().sum(0).sqrt()

    def predicted(left: Tensor, terms: Tensor) -> Tensor:
        taken = terms.sum(0)
        return eps * (left + taken + 0.3 * taken.median()) + (wrong * terms).sum(0)

    error = predicted(bias.abs(), terms) + noise
    next_error = predicted(next_layer.norm(dim=0) + activations, next_terms) + noise * len(next_layer) ** 0.5
    return Residual(gradient.weight_grads[0], found, w * deltas, bias, next_layer, error, next_error, eps)


def at_round(samples: Samples, number: int) -> Samples:
    """The same samples, marked with the round in which they came off.

    Parameters
    ----------
    samples : any.
    number : of the round, from 1.

    Examples
    --------
    >>> one = Samples(torch.rand(1, 4), torch.tensor([5]), *[torch.ones(1)] * 4)
    >>> at_round(one, 3).rounds.tolist()
    [3]
    """
    return replace(samples, rounds=torch.full_like(samples.labels, number))


def relative_step(gradient: Gradient) -> float:
    """eps of the coarsest type that holds the gradient's numbers: it may have travelled as float16.

    Parameters
    ----------
    gradient : what was sent.

    Returns
    -------
    float: 2^-52, 2^-23, 2^-10 or 2^-7.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> sent = client_gradient(mlp([64, 512, 4], seed=0), torch.rand(2, 64), torch.tensor([2, 0]))
    >>> relative_step(sent) == torch.finfo(torch.float32).eps
    True
    """
    numbers = gradient.weight_grads[0].flatten()
    some = numbers[:: max(1, len(numbers) // 10_000)]
    for coarse in (torch.bfloat16, torch.float16, torch.float32):
        if some.count_nonzero() > 100 and torch.equal(some.to(coarse).to(some.dtype), some):
            return torch.finfo(coarse).eps
    return torch.finfo(numbers.dtype).eps
