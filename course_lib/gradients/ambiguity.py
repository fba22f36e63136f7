"""Two batches with one gradient, and the defence that withholds what neurons know about one person."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from course_lib.gradients.exclusivity import exclusive_neurons
from course_lib.gradients.fully_connected import relu_network
from course_lib.gradients.gradient import Gradient, client_gradient

RANK = 1e-10  # singular values below this part of the largest count as zero


def ambiguous_batch(model: nn.Module, inputs: Tensor, labels: Tensor, seed: int = 0) -> Tensor | None:
    """A second batch with the same labels and the same gradient, or None if there is none of this kind.

    X' = X + c v^T with A c = 0 and W_0 v = 0, where A (d x M) holds the first layer's deltas. Since W_0 v = 0 the
    forward pass stays; G_0 = A X / M changes by (A c) v^T / M = 0. So no attack can tell X from X'. The family
    has (M - rank A)(n_features - rank W_0) dimensions.

    Parameters
    ----------
    model : Linear, ReLU, ..., Linear; float64, or the two gradients agree to float32's rounding only.
    inputs : (batch, ...); if all lie in [0, 1], so do those of the second batch.
    labels : (batch,) int64.
    seed : of the directions c and v.

    Returns
    -------
    Tensor like `inputs`, moved as far as the range allows (by 1 at most where there is no range), or None where
    A has full column rank or W_0 no null space. A pixel that is 0 or 1 somewhere in the batch stays.

    Raises
    ------
    ValueError
        for a network of another kind.

    References
    ----------
    Pan et al., USENIX Security 2022, on the secure boundary; the explicit family is ours.

    Examples
    --------
    >>> from course_lib.gradients import mlp
    >>> model = mlp([20, 4, 3], seed=0, dtype=torch.float64)
    >>> x, y = torch.full((6, 20), 0.5, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])
    >>> other = ambiguous_batch(model, x, y)
    >>> a, b = (client_gradient(model, batch, y).weight_grads[0] for batch in (x, other))
    >>> bool((other - x).abs().max() > 0.1), bool((a - b).abs().max() < 1e-15)
    (True, True)
    """
    batch = client_gradient(model, inputs, labels)
    network = relu_network(batch)
    flat = inputs.detach().flatten(1).double().to(network.weights[0].device)
    deltas = network.deltas(network.run(flat), torch.as_tensor(labels).to(flat.device))[0]
    generator = torch.Generator().manual_seed(seed)
    c = _null_vector(deltas.T, generator)
    if c is None:
        return None
    bounded = bool((flat >= 0).all() and (flat <= 1).all())
    room = torch.minimum(flat, 1 - flat)[c != 0].amin(0) if bounded else torch.ones_like(flat[0])
    free = room > 0  # v is sought as room * u, so that the pixels with most room move most
    u = _null_vector(network.weights[0][:, free] * room[free], generator)
    if u is None:
        return None
    v = torch.zeros_like(room)
    v[free] = room[free] * u
    return (flat + c[:, None] * v).reshape(inputs.shape).to(inputs)


def _null_vector(matrix: Tensor, generator: torch.Generator) -> Tensor | None:
    """A random vector that the matrix takes to zero, of largest entry 1; None if there is none but zero."""
    n = matrix.shape[1]
    if not n:
        return None
    _, values, right = torch.linalg.svd(matrix, full_matrices=False)
    kept = right[values > RANK * values.max()] if values.max() > 0 else right[:0]
    if len(kept) == n:
        return None
    signs = 2.0 * torch.randint(2, (n,), generator=generator) - 1  # of one size, so that no entry stands out
    start = signs.double().to(matrix.device)
    for _ in range(2):  # the second pass takes out what rounding left of the first
        start = start - kept.T @ (kept @ start)
    return start / start.abs().max()


def drop_exclusive_rows(gradient: Gradient, pattern: Tensor) -> Gradient:
    """The gradient without the first-layer rows that show one sample alone: a client's defence.

    Parameters
    ----------
    gradient : as the client computed it; left as it is.
    pattern : (batch, N) bool, which sample activates which neuron of the first layer; the client knows it.

    Returns
    -------
    :class:`Gradient` with weight and bias gradient zero for each neuron that one sample owns.

    Raises
    ------
    ValueError
        if the pattern has not one column for each neuron of the first layer.

    Examples
    --------
    >>> from course_lib.gradients import activation_pattern, mlp
    >>> model, x = mlp([4, 8, 3], seed=0), torch.eye(4)
    >>> pattern = activation_pattern(model, x)
    >>> kept = drop_exclusive_rows(client_gradient(model, x, torch.tensor([0, 1, 2, 0])), pattern)
    >>> bool(kept.weight_grads[0][exclusive_neurons(pattern) >= 0].any())
    False
    """
    owners = exclusive_neurons(pattern)
    if len(owners) != len(gradient.weight_grads[0]):
        raise ValueError(f"a pattern of {len(owners)} neurons; the first layer has {len(gradient.weight_grads[0])}")
    kept = (owners < 0).to(gradient.weight_grads[0].device)
    bias = gradient.bias_grads[0]
    return replace(
        gradient,
        weight_grads=(gradient.weight_grads[0] * kept[:, None], *gradient.weight_grads[1:]),
        bias_grads=(None if bias is None else bias * kept, *gradient.bias_grads[1:]),
    )
