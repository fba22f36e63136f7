"""The published attack on batches of which every sample owns two neurons, with its scale made exact."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.gradients.batch_reconstruction import BatchReconstruction, empty_reconstruction
from course_lib.gradients.exclusivity import Ray, exclusive_neurons, loss_vector_rays
from course_lib.gradients.fully_connected import ReluNetwork, relu_network
from course_lib.gradients.gradient import Gradient
from course_lib.gradients.residual import SAFETY, Samples, relative_step
from course_lib.gradients.verdict import verdict

MOST_SAMPLES = 16  # step B.3 tries 2^M sets of samples for each neuron


class PatternUnknown(ValueError):
    """A layer in which the attack cannot tell who activates what, and why.

    :func:`subset_patterns` raises it; :func:`reconstruct_exclusive` gives its words as the reason for an empty result.

    Examples
    --------
    >>> reach = torch.ones(1, 1, dtype=torch.float64)
    >>> subset_patterns(reach, torch.tensor([0.5]), eps=1e-7)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    course_lib.gradients.two_exclusive.PatternUnknown: no set of the samples found explains a neuron's bias: ...
    """


def reconstruct_exclusive(gradient: Gradient) -> BatchReconstruction:
    """Algorithms B.1 to B.3 of Pan et al. (2022): every sample must own two neurons of the last hidden layer.

    B.1 groups the columns of G_H by direction: a group is a sample, its direction the loss vector g of length 1.
    B.2 reads the label. Where the paper guesses the loss vector's length, sigma = gb[j] / (W_H[:, j] . g) at an
    owned neuron j gives it exactly, and all its neurons must agree. B.3 finds who activates which neuron, layer
    by layer, runs the loss vectors back to the first layer and solves G_0 = Delta^T X for the inputs.

    Parameters
    ----------
    gradient : of the mean cross-entropy of at most 16 samples, for a network Linear, ReLU, ..., Linear with a
        bias in each hidden layer. Each sample must own two neurons of the last hidden layer, and one of every
        other hidden layer but the first.

    Returns
    -------
    :class:`BatchReconstruction`; empty, with the reason, where the assumption does not hold.

    Raises
    ------
    ValueError
        for a network of another kind, or values that are not finite.

    References
    ----------
    Pan et al., "Exploring the Security Boundary of Data Reconstruction via Neuron Exclusivity Analysis", USENIX
    Security 2022, algorithms B.1 to B.3.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient, mlp
    >>> model = mlp([6, 256, 5], seed=0, dtype=torch.float64)
    >>> sent = client_gradient(model, torch.eye(6)[:3], torch.tensor([4, 0, 2]))
    >>> found = reconstruct_exclusive(sent)
    >>> found.batch_size, sorted(found.labels.tolist()), found.complete
    (3, [0, 2, 4], True)
    """
    network = relu_network(gradient)
    rows = gradient.weight_grads[0]
    if gradient.bias_grads[-2] is None:
        return empty_reconstruction(rows, "the last hidden layer has no bias: the loss vectors' length stays unknown")
    scaled = [(ray, _exact_scale(network, gradient, ray)) for ray in loss_vector_rays(gradient.weight_grads[-1])]
    rays = [ray for ray, sigma in scaled if sigma]
    if not 0 < len(rays) <= MOST_SAMPLES:
        return empty_reconstruction(rows, f"{len(rays)} samples own two neurons each; 1 to {MOST_SAMPLES} are needed")
    loss_vectors = torch.stack([sigma * ray.direction for ray, sigma in scaled if sigma])
    try:
        deltas = _first_deltas(network, gradient, loss_vectors)
    except PatternUnknown as unknown:
        return empty_reconstruction(rows, str(unknown))
    inputs = torch.linalg.pinv(deltas.T) @ rows.double()
    probabilities = network.run(inputs).probabilities
    labels = torch.tensor([ray.label for ray in rays], device=rows.device)
    true_length = probabilities - torch.eye(network.n_classes, dtype=torch.float64, device=rows.device)[labels]
    weights = (loss_vectors * true_length).sum(1) / true_length.square().sum(1)
    errors = torch.full_like(weights, relative_step(gradient) * float(torch.linalg.cond(deltas)))
    found = Samples(inputs, labels, weights, torch.ones_like(labels), errors, 4 * errors)
    result = verdict(network, gradient, found, None, 0.0)
    left_out = result.batch_size is None or abs(float(result.weights.sum()) - 1) > 1e-6
    if left_out or result.residual > 1e-3:
        return empty_reconstruction(rows, f"{len(rays)} samples own two neurons each, and they are not the whole batch")
    return result


def _exact_scale(network: ReluNetwork, gradient: Gradient, ray: Ray) -> float | None:
    """sigma with w (p - onehot(y)) = sigma * direction, from the biases of the sample's own neurons.

    None if they do not agree: then they belong to several samples whose loss vectors are nearly the same.
    """
    along = network.weights[-1][:, ray.neurons].T @ ray.direction
    scales = gradient.bias_grads[-2][ray.neurons].double() / along
    surest = scales[along.abs().argmax()]
    steps = 1 + network.weights[-1].norm(dim=0)[ray.neurons] / along.abs()
    agree = (scales / surest - 1).abs() <= 100 * SAFETY * relative_step(gradient) * steps
    return float(surest) if surest > 0 and agree.all() else None


def _first_deltas(network: ReluNetwork, gradient: Gradient, loss_vectors: Tensor) -> Tensor:
    """w_m delta_0,m for all samples, (M, N): algorithm B.3, from the last hidden layer down to the first."""
    layer = len(network.weights) - 2
    reach = loss_vectors @ network.weights[-1]  # the delta of each neuron, were it active
    active = subset_patterns(reach, gradient.bias_grads[layer], relative_step(gradient))
    while layer:
        deltas = reach * active
        owners = exclusive_neurons(active)
        below = [_pattern_below(gradient.weight_grads[layer], owners == m, m) for m in range(len(active))]
        reach, active, layer = deltas @ network.weights[layer], torch.stack(below), layer - 1
    return reach * active


def _pattern_below(rows: Tensor, owned: Tensor, sample: int) -> Tensor:
    """The row of a neuron that a sample owns is a multiple of what the layer below hands on for that sample."""
    if not owned.any():
        raise PatternUnknown(f"sample {sample} owns no neuron of a hidden layer, so the layer below stays hidden")
    return rows[owned].ne(0).any(0)


def subset_patterns(reach: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Which samples activate each neuron: the set whose deltas sum to the bias gradient (algorithm B.3).

    gb[j] = sum over m in S_j of reach[m, j]; all 2^M sets are tried.

    Parameters
    ----------
    reach : (M, d) float64, the delta of each neuron for each sample, were it active; M from 1 to 16.
    bias : (d,) gradient of the layer's bias.
    eps : relative step of the gradient's numbers, 1e-7 for float32.

    Returns
    -------
    (M, d) bool: the samples in rows, the neurons in columns.

    Raises
    ------
    ValueError
        if no set fits some neuron, so that samples are missing; if the shapes do not fit; or if M is out of range.

    References
    ----------
    Pan et al., USENIX Security 2022, algorithm B.3.

    Examples
    --------
    >>> reach = torch.tensor([[1.0, 1.0], [0.5, -2.0]], dtype=torch.float64)
    >>> subset_patterns(reach, torch.tensor([1.5, -2.0]), 1e-7).int().tolist()
    [[1, 0], [1, 1]]
    """
    if reach.ndim != 2 or bias.shape != reach.shape[1:]:
        raise ValueError(f"reach has shape {tuple(reach.shape)}, bias {tuple(bias.shape)}: (M, d) and (d,) are needed")
    n_samples = len(reach)
    if not 0 < n_samples <= MOST_SAMPLES:
        raise ValueError(f"{n_samples} samples: 1 to {MOST_SAMPLES} can be told apart, for all sets of them are tried")
    codes = torch.arange(2**n_samples, device=reach.device)
    members = (codes[:, None] >> torch.arange(n_samples, device=reach.device)) & 1
    allowed = 100 * SAFETY * eps * reach.abs().sum(0)
    chosen = []
    for some in torch.arange(reach.shape[1], device=reach.device).split(32):
        misfit = (members.double() @ reach[:, some] - bias[some].double()).abs()
        least, code = misfit.min(0)
        if (least > allowed[some]).any():
            raise PatternUnknown("no set of the samples found explains a neuron's bias: others own fewer than two")
        chosen.append(members[code].bool())
    return torch.cat(chosen).T
