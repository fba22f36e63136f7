"""Noise and clipping on gradients, and where in a protocol the noise is added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, sqrt
from typing import Literal

import torch
from torch import Tensor, nn

from course_lib.gradients.gradient import Gradient
from course_lib.gradients.per_example import clipped_mean
from course_lib.gradients.secure_sum import secure_sum, zero_update


def add_noise(gradient: Gradient, std: float, seed: int) -> Gradient:
    """The gradient with independent Gaussian noise N(0, std^2) on each of its numbers.

    A picture read from one row, (dL/dw + e) / (dL/db + e'), is then off by about std / abs(dL/db) times
    sqrt(1 + x^2) a pixel: ten times the noise costs 20 dB.

    Parameters
    ----------
    gradient : left as it is.
    std : standard deviation, in the unit of the gradient; at least 0.
    seed : of the noise.

    Returns
    -------
    :class:`Gradient` with other `weight_grads` and `bias_grads`, in their dtype and on their device.

    Raises
    ------
    ValueError
        if `std` is negative, NaN or infinite.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient
    >>> sent = client_gradient(nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0]))
    >>> noisy = add_noise(sent, std=0.5, seed=0)
    >>> torch.equal(noisy.bias_grads[0], sent.bias_grads[0]), torch.equal(noisy.weights[0], sent.weights[0])
    (False, True)
    """
    _require_at_least_0("std", std)
    generator = torch.Generator().manual_seed(seed)

    def noisy(tensor: Tensor | None) -> Tensor | None:
        if tensor is None:
            return None
        # Drawn on the CPU: the same noise on every device.
        return tensor + std * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype).to(tensor.device)

    return replace(
        gradient,
        weight_grads=tuple(noisy(tensor) for tensor in gradient.weight_grads),
        bias_grads=tuple(noisy(tensor) for tensor in gradient.bias_grads),
    )


def clip_and_noise(
    model: nn.Module, inputs: Tensor, labels: Tensor, clip: float, noise_multiplier: float, seed: int
) -> Gradient:
    """The gradient of a client that trains with differential privacy: clipped for each picture, then noised.

    (1/B) (sum_m g_m min(1, C / norm(g_m)) + z N(0, C^2)), with the gradient g_m of picture m alone, the clipping
    norm C and the noise multiplier z (Abadi et al. 2016, Algorithm 1). With z = 0 the rows of the first layer are
    still multiples of single pictures: clipping changes the factor, and the attacks divide by it.

    Norms come from :func:`per_example_norms`, which needs no gradient of its own for each picture.

    Parameters
    ----------
    model : any module with a linear layer, without batch normalisation.
    inputs : (batch, ...) as the model takes them.
    labels : (batch,) int64 classes.
    clip : C, above 0.
    noise_multiplier : z, at least 0; the noise of the mean has standard deviation z C / B.
    seed : of the noise.

    Returns
    -------
    :class:`Gradient` with the layers of :func:`client_gradient`.

    Raises
    ------
    ValueError
        if `clip` is not above 0 or `noise_multiplier` below 0, for an empty batch, or a model in which one picture's
        gradient depends on the others.

    References
    ----------
    Abadi et al. (2016), "Deep Learning with Differential Privacy", Algorithm 1.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient
    >>> model, inputs, labels = nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0])
    >>> mild = clip_and_noise(model, inputs, labels, clip=1e6, noise_multiplier=0, seed=0)
    >>> torch.allclose(mild.weight_grads[0], client_gradient(model, inputs, labels).weight_grads[0])
    True
    """
    _require_at_least_0("noise_multiplier", noise_multiplier)
    if not (isfinite(clip) and clip > 0):
        raise ValueError(f"clip is {clip!r}; a finite number above 0 is needed")
    clipped = clipped_mean(model, inputs, labels, clip)
    return add_noise(clipped, noise_multiplier * clip / len(inputs), seed)


def private_round(
    model: nn.Module,
    clients: Sequence[tuple[Tensor, Tensor]],
    clip: float,
    noise_multiplier: float,
    placement: Literal["central", "local", "distributed"],
    n_sybils: int = 0,
    honest_server: bool = True,
    seed: int = 0,
) -> Gradient:
    """One round of secure aggregation with differential privacy: what the server holds at its end.

    All users clip. With N users, sybils included, and s = z C / B for a user's batch of B, the noise is added

    * "central": by the server, N(0, s^2), to the decrypted sum, if it is honest;
    * "local": by every user, N(0, s^2) each, so the sum of N honest ones has N times the variance;
    * "distributed": by every user, N(0, s^2 / N) each, so the sum of N honest ones has variance s^2.

    Sybils send zeros and add nothing. Beside N - 1 of them the target's update carries no noise (central, a
    dishonest server), s^2 (local) or s^2 / N (distributed).

    Parameters
    ----------
    model : what the server sends to everybody.
    clients : (inputs, labels) of each honest user, at least one; batches of one size.
    clip, noise_multiplier : C and z of :func:`clip_and_noise`.
    placement : who adds the noise.
    n_sybils : users played by the server.
    honest_server : whether the server adds the noise that is its to add; without effect on the other two.
    seed : of noise and masks.

    Returns
    -------
    :class:`Gradient`, the sum over users.

    Raises
    ------
    ValueError
        for another placement, no honest user, batches of different sizes, a negative number of sybils, and as
        :func:`clip_and_noise` and :func:`secure_sum`.

    References
    ----------
    Boenisch et al. (2023), "When the Curious Abandon Honesty: Federated Learning Is Not Private", section 7.

    Examples
    --------
    >>> from course_lib.gradients import client_gradient
    >>> model, batch = nn.Linear(3, 2), (torch.rand(4, 3), torch.tensor([0, 1, 1, 0]))
    >>> seen = private_round(model, [batch], 1e6, 0.1, "central", n_sybils=9, honest_server=False)
    >>> torch.allclose(seen.weight_grads[0], client_gradient(model, *batch).weight_grads[0])
    True
    """
    if placement not in ("central", "local", "distributed"):
        raise ValueError(f"placement {placement!r}: it is 'central', 'local' or 'distributed'")
    sizes = {len(inputs) for inputs, _ in clients}
    if len(sizes) != 1:
        said = f"batches of {sorted(sizes)} pictures" if sizes else "no honest user"
        raise ValueError(f"{said}: users with batches of one size are needed")
    if n_sybils < 0:
        raise ValueError(f"{n_sybils} sybils: give a whole number from 0 upwards")
    n_users = len(clients) + n_sybils
    own = {"central": 0.0, "local": 1.0, "distributed": 1 / sqrt(n_users)}[placement] * noise_multiplier
    seeds = torch.randint(2**62, (len(clients) + 1,), generator=torch.Generator().manual_seed(seed)).tolist()
    updates = [clip_and_noise(model, *batch, clip, own, seeds[u]) for u, batch in enumerate(clients)]
    total = secure_sum([*updates, *[zero_update(updates[0])] * n_sybils], seed)
    if placement == "central" and honest_server:
        return add_noise(total, noise_multiplier * clip / sizes.pop(), seeds[-1])
    return total


def _require_at_least_0(name: str, value: float) -> None:
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{name} is {value!r}; a finite number from 0 upwards is needed")
