"""Secure aggregation by pairwise masks, and the two ways in which a server gets round it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.gradients.fixed_point import FLOAT32, FLOAT64, Format, carry, decode, encode
from course_lib.gradients.gradient import Gradient, client_gradient, linear_layers, require_finite

_CHUNK = 1 << 14  # numbers masked at a time: all users' limbs stay in the cache


def mask_updates(updates: Sequence[Gradient], seed: int = 0) -> tuple[np.ndarray, ...]:
    """The clients' side of secure aggregation: what each of them uploads.

    y_u = x_u + sum over v > u of m_uv - sum over v < u of m_vu (mod 2^k), where the mask m_uv, known to the
    users u and v alone, is uniform on the whole numbers below 2^k. So each y_u by itself is uniform too,
    whatever x_u is, and so are any n - 1 of them together. The users' x_u are the numbers of all weight and
    bias gradients in order of the layers, in fixed point: a float32 is a whole multiple of 2^-149 and k is
    320; a float64 is one of 2^-1074 and k is 2144. Nothing is rounded. A deployed protocol rounds to fewer
    bits, agrees on the masks by a key exchange and survives users who drop out; ours does none of these.

    Parameters
    ----------
    updates : gradients of at least two users, alike in shapes and dtype.
    seed : of the masks; stands for the keys that the users share pairwise.

    Returns
    -------
    tuple of (k / 32, n_values) uint32 arrays, one for each user, lowest 32 bits first.

    Raises
    ------
    ValueError
        for fewer than two updates, updates that differ in shapes or dtype, a number that is not finite,
        or a negative seed.

    References
    ----------
    Bonawitz et al. (2017), "Practical Secure Aggregation for Privacy-Preserving Machine Learning", section 4.

    Examples
    --------
    >>> model = nn.Linear(2, 1)
    >>> updates = [client_gradient(model, torch.rand(1, 2), torch.zeros(1), lambda out, y: out.sum())] * 2
    >>> [upload.shape for upload in mask_updates(updates)]
    [(10, 3), (10, 3)]
    """
    chunks = [chunk.astype(np.uint32) for chunk in _masked_chunks(*_vectors(updates), seed)]
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*chunks, strict=True))


def secure_sum(updates: Sequence[Gradient], seed: int = 0) -> Gradient:
    """What the server gets from secure aggregation: the sum of the updates, and nothing about one of them.

    sum_u y_u = sum_u x_u (mod 2^k): each mask is added once and subtracted once. The sum is exact and is
    rounded once, at the end, to the nearest float of the updates' dtype (twice for half precision, by way of
    float32). So when all updates but one are zero, the sum is that one, bit by bit; a negative zero comes back
    as zero, as in any sum with zero.

    Parameters
    ----------
    updates : gradients of at least two users, alike in shapes and dtype.
    seed : of the masks. The sum does not depend on it.

    Returns
    -------
    :class:`Gradient`, the sum, not the mean, on the device of the first update. Its `weights`, `biases` and
    `modules` are the first update's: they do not go through the protocol, the server sent them.

    Raises
    ------
    ValueError
        as :func:`mask_updates`, and if the sum is too large for the dtype.

    References
    ----------
    Bonawitz et al. (2017), "Practical Secure Aggregation for Privacy-Preserving Machine Learning", section 4.

    Examples
    --------
    >>> model = nn.Linear(2, 1)
    >>> one = client_gradient(model, torch.tensor([[0.1, 0.2]]), torch.zeros(1), lambda out, y: out.sum())
    >>> secure_sum([one, one, one]).bias_grads[0].item()
    3.0
    """
    vectors, form = _vectors(updates)
    parts = []
    for masked in _masked_chunks(vectors, form, seed):
        parts.append(decode(carry(masked.sum(axis=0)), form))  # all the server computes
    total = np.concatenate(parts)
    if not np.isfinite(total).all():
        raise ValueError(f"the sum is beyond the largest {np.dtype(form.dtype).name}: scale the updates down")
    return _with_numbers(torch.from_numpy(total), updates[0])


def _masked_chunks(vectors: list[np.ndarray], form: Format, seed: int) -> Iterator[np.ndarray]:
    """The uploads, some numbers at a time: (n_users, n_limbs, chunk) int64 in [0, 2^32)."""
    if seed < 0:
        raise ValueError(f"seed {seed}: give a whole number from 0 upwards")
    pairs = list(itertools.combinations(range(len(vectors)), 2))
    shared = [np.random.default_rng((seed, u, v)) for u, v in pairs]
    for start in range(0, len(vectors[0]), _CHUNK):
        uploads = np.stack([encode(vector[start : start + _CHUNK], form) for vector in vectors])
        for (u, v), generator in zip(pairs, shared, strict=True):
            mask = generator.integers(0, 1 << 32, uploads.shape[1:], dtype=np.uint32)
            uploads[u] += mask
            uploads[v] -= mask
        for upload in uploads:
            carry(upload)
        yield uploads


def _vectors(updates: Sequence[Gradient]) -> tuple[list[np.ndarray], Format]:
    """Each user's numbers in one row, and the format that holds them."""
    if len(updates) < 2:
        raise ValueError(f"{len(updates)} update(s): masks need at least two users, or nothing is hidden")
    tensors = [_tensors(update) for update in updates]
    if not tensors[0]:
        raise ValueError("update 0 holds no gradient: there is nothing to sum")
    for user, parts in enumerate(tensors):
        if [(n, t.shape, t.dtype) for n, t in parts] != [(n, t.shape, t.dtype) for n, t in tensors[0]]:
            raise ValueError(f"update {user} differs from update 0 in layers, shapes or dtype: they cannot be added")
        for name, tensor in parts:
            require_finite(tensor, f"{name} of update {user}")
    form = FLOAT64 if tensors[0][0][1].dtype == torch.float64 else FLOAT32
    vectors = [torch.cat([t.detach().reshape(-1) for _, t in parts]) for parts in tensors]
    return [v.to("cpu", torch.float64 if form is FLOAT64 else torch.float32).numpy() for v in vectors], form


def _tensors(update: Gradient) -> list[tuple[str, Tensor]]:
    """The tensors of one update by name, in the order in which they are sent."""
    named = []
    for i, (weight_grad, bias_grad) in enumerate(zip(update.weight_grads, update.bias_grads, strict=True)):
        named += [(f"weight_grads[{i}]", weight_grad)]
        named += [(f"bias_grads[{i}]", bias_grad)] if bias_grad is not None else []
    return named


def _with_numbers(vector: Tensor, like: Gradient) -> Gradient:
    """The update `like` with other gradients, given as one row of numbers."""
    parts = _tensors(like)
    pieces = vector.split([t.numel() for _, t in parts])
    found = {name: piece.reshape(t.shape).to(t) for (name, t), piece in zip(parts, pieces, strict=True)}
    layers = range(len(like.weights))
    return replace(
        like,
        weight_grads=tuple(found[f"weight_grads[{i}]"] for i in layers),
        bias_grads=tuple(found.get(f"bias_grads[{i}]") for i in layers),
    )


def sybil_round(
    model: nn.Module, clients: Sequence[tuple[Tensor, Tensor]], n_sybils: int, seed: int = 0
) -> Gradient:
    """One round of secure aggregation in which some of the users are the server itself.

    The honest users send their gradients, the sybils send zeros: the sum is the honest users' alone. With one
    honest user it is that user's update, bit by bit.

    Parameters
    ----------
    model : what the server sends to everybody.
    clients : (inputs, labels) of each honest user, at least one.
    n_sybils : users played by the server.
    seed : of the masks.

    Returns
    -------
    :class:`Gradient`, the sum that the server decrypts.

    Raises
    ------
    ValueError
        if there is no honest user, a negative number of sybils, or fewer than two users altogether.

    References
    ----------
    Boenisch et al. (2023), "When the Curious Abandon Honesty: Federated Learning Is Not Private", section 6.

    Examples
    --------
    >>> model, batch = nn.Linear(4, 2), (torch.rand(3, 4), torch.tensor([0, 1, 1]))
    >>> seen = sybil_round(model, [batch], n_sybils=9)
    >>> torch.equal(seen.weight_grads[0], client_gradient(model, *batch).weight_grads[0])
    True
    """
    if not clients:
        raise ValueError("no honest user: there is nothing to attack")
    if n_sybils < 0:
        raise ValueError(f"{n_sybils} sybils: give a whole number from 0 upwards")
    honest = [client_gradient(model, inputs, labels) for inputs, labels in clients]
    return secure_sum([*honest, *[zero_update(honest[0])] * n_sybils], seed)


def zero_update(like: Gradient) -> Gradient:
    """What a sybil sends: zeros where an honest user sends its update.

    Parameters
    ----------
    like : an update of an honest user; its shapes and dtypes are kept.

    Examples
    --------
    >>> sent = client_gradient(nn.Linear(3, 2), torch.rand(4, 3), torch.tensor([0, 1, 1, 0]))
    >>> zero_update(sent).bias_grads[0].tolist()
    [0.0, 0.0]
    """
    return _with_numbers(torch.zeros(sum(t.numel() for _, t in _tensors(like))), like)


def silence_relus(model: nn.Module, low: float = 0.0, high: float = 1.0) -> nn.Module:
    """A model in which no neuron of the first layer ever fires, whatever the picture.

    b_i = -max over x in [low, high]^d of w_i . x - 1, and a little less for rounding: each pre-activation is at
    most -1, each ReLU is dead and all gradients of the first linear layer are exactly zero.

    Parameters
    ----------
    model : with a linear layer that has a bias and a ReLU after it; left as it is. A convolution before it must
        hand on values between `low` and `high`.
    low, high : the range of the layer's inputs.

    Returns
    -------
    A copy of the model with other biases in its first linear layer.

    Raises
    ------
    ValueError
        if there is no linear layer, it has no bias, no ReLU stands after it, or `low` is not below `high`.

    References
    ----------
    Pasquini, Francati and Ateniese (2022), "Eluding Secure Aggregation in Federated Learning via Model
    Inconsistency", section 4.

    Examples
    --------
    >>> dead = silence_relus(nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)))
    >>> client_gradient(dead, torch.rand(5, 3), torch.tensor([0, 1, 0, 1, 1])).weight_grads[0].abs().max().item()
    0.0
    """
    if not low < high:
        raise ValueError(f"low is {low} and high {high}: the range of the inputs needs low < high")
    leaves = [module for module in model.modules() if not any(module.children())]
    place = next((i for i, module in enumerate(leaves) if isinstance(module, nn.Linear)), None)
    if place is None:
        raise ValueError(f"{type(model).__name__} has no linear layer to silence")
    if leaves[place].bias is None:
        raise ValueError("the first linear layer has no bias: its ReLUs cannot be silenced for every input")
    if place + 1 == len(leaves) or not isinstance(leaves[place + 1], nn.ReLU):
        raise ValueError("no ReLU follows the first linear layer: a negative pre-activation would pass")
    silent = copy.deepcopy(model)
    layer = next(iter(linear_layers(silent).values()))
    with torch.no_grad():
        largest = (high * layer.weight.clamp(min=0) + low * layer.weight.clamp(max=0)).sum(dim=1)
        rounding = layer.in_features * torch.finfo(layer.weight.dtype).eps * layer.weight.abs().sum(dim=1)
        layer.bias.copy_(-largest - 1 - rounding * max(abs(low), abs(high)))
    return silent


def inconsistent_round(
    model: nn.Module, clients: Sequence[tuple[Tensor, Tensor]], target: int, seed: int = 0
) -> Gradient:
    """One round of secure aggregation in which the users hold different models.

    The target gets `model`, everybody else :func:`silence_relus` of it. Their first layer sends zeros, and hands on
    zeros. So in the sum the first layer's gradient is the target's alone, bit by bit, and so is the gradient of the
    next layer's weight; from that layer's bias on, gradients are everybody's. The honest crowd is no protection, and
    the server needs no sybils. Users who compare digests of their models (:func:`commit`) notice.

    Parameters
    ----------
    model : what the target gets.
    clients : (inputs, labels) of each user, at least two.
    target : place of the user under attack.
    seed : of the masks.

    Returns
    -------
    :class:`Gradient`, the sum, with the weights of the target's model.

    Raises
    ------
    ValueError
        if `target` is no client, there are fewer than two, or the model cannot be silenced.

    References
    ----------
    Pasquini, Francati and Ateniese (2022), "Eluding Secure Aggregation in Federated Learning via Model
    Inconsistency", section 4.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> clients = [(torch.rand(5, 3), torch.tensor([0, 1, 0, 1, 1])) for _ in range(4)]
    >>> seen, own = inconsistent_round(model, clients, target=2), client_gradient(model, *clients[2])
    >>> torch.equal(seen.weight_grads[0], own.weight_grads[0])
    True
    """
    if not 0 <= target < len(clients):
        raise ValueError(f"target {target}: there are clients 0 to {len(clients) - 1}")
    silent = silence_relus(model)
    updates = [client_gradient(model if user == target else silent, *batch) for user, batch in enumerate(clients)]
    own = updates[target]
    return replace(secure_sum(updates, seed), weights=own.weights, biases=own.biases)
