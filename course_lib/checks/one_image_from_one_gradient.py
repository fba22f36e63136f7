"""Checks for the exercises of chapter 4, *One image from one gradient*."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.datasets import digit_images
from course_lib.gradients import (
    Gradient,
    activation_pattern,
    client_gradient,
    extract_rows,
    extraction_metrics,
    match_rows,
    mlp,
)

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

BATCH_SIZES = (25, 50, 100, 200, 400, 800)
_NEAR = 5e-3  # a mixture that is one digit but for a trace of another passes for that digit
MOST = 0.05  # share of a batch that exercise 5 allows to leak


def _shares(table: tuple[tuple[int, ...], ...]) -> dict[str, tuple[float, ...]]:
    """A, P and R of a table of zeros and ones, and what common slips make of them."""
    sums = [sum(column) for column in zip(*table, strict=True)]
    active, alone = sum(s > 0 for s in sums), sum(s == 1 for s in sums)
    own = sum(any(cell and s == 1 for cell, s in zip(row, sums, strict=True)) for row in table)
    n_rows, n_neurons = len(table), len(sums)
    a, p, r = active / n_neurons, alone / active if active else 0.0, own / n_rows
    return {
        "right": (a, p, r),
        "all neurons": (a, alone / n_neurons, r),
        "rows": (a, p, alone / n_rows),
        "cells": (sum(sums) / (n_rows * n_neurons), p, r),
    }


def pattern(seed: int = 0) -> Tensor:
    """The activation pattern of exercise 1: four pictures, six neurons.

    >>> pattern().shape
    torch.Size([4, 6])
    """
    generator = random.Random(f"pattern {seed}")
    while True:
        table = tuple(tuple(int(generator.random() < 0.4) for _ in range(6)) for _ in range(4))
        found = _shares(table)
        # Every slip must show, and no two of the three shares may be the same.
        if len(set(found.values())) == len(found) and len(set(found["right"])) == 3 and min(found["right"]) > 0:
            return torch.tensor(table, dtype=torch.bool)


@check("three shares, A, P and R in this order")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """A, P and R of a table of four pictures and six neurons.

    >>> exercise_1((1, 1, 1)).state
    'wrong'
    """
    given = as_numbers(answer, count=3)
    if not all(0 <= share <= 1 for share in given):
        return wrong("shares lie between 0 and 1.")
    found = _shares(tuple(tuple(row) for row in pattern(seed).int().tolist()))

    def near(expected: tuple[float, ...]) -> bool:
        return all(abs(a - b) < 0.006 for a, b in zip(given, expected, strict=True))

    if near(found["right"]):
        return right()
    if near(found["all neurons"]):
        return wrong("A and R are right. P is a share of the active neurons, not of all.")
    if near(found["rows"]):
        return wrong("A and P are right. R counts pictures: two neurons may give the same one.")
    if near(found["cells"]):
        return wrong("P and R are right. A counts neurons, not cells of the table.")
    if near((found["right"][0], found["right"][2], found["right"][1])):
        return wrong("P and R have changed places.")
    first = next(i for i, (a, b) in enumerate(zip(given, found["right"], strict=True)) if abs(a - b) >= 0.006)
    return wrong(f"look at {'APR'[first]} again: write under each neuron how many pictures activate it.")


def _layers(seed: int) -> list[tuple[nn.Linear, Tensor, Any]]:
    """Layers, inputs and losses for exercise 2; the first neuron of each is silent."""
    cases = []
    for number, n_neurons in enumerate((2, 5, 8)):
        generator = torch.Generator().manual_seed(100 * seed + number)
        layer = nn.Linear(4, n_neurons, dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(n_neurons, 4, generator=generator, dtype=torch.float64))
            layer.bias.fill_(0.0)
            layer.bias[0], layer.bias[1] = -100.0, 100.0
        weights = torch.randn(n_neurons, generator=generator, dtype=torch.float64)

        def loss(values: Tensor, weights: Tensor = weights) -> Tensor:
            return (torch.relu(values) * weights).sum()

        cases.append((layer, torch.rand(4, generator=generator, dtype=torch.float64), loss))
    return cases


def _as_tensor(value: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """A tensor of finite numbers, of a shape where one is asked for."""
    if isinstance(value, str | bytes | dict | set) or callable(value):
        raise Unreadable
    try:
        tensor = value.detach().cpu() if torch.is_tensor(value) else torch.as_tensor(value, dtype=torch.float64)
        tensor = torch.empty(0) if tensor.is_complex() or tensor.dtype == torch.bool else tensor.double()
    except Exception:
        raise Unreadable("this is no table of numbers.") from None
    if shape is not None and tuple(tensor.shape) != shape:
        raise Unreadable(f"we asked for the shape {shape}, this has {tuple(tensor.shape)}.")
    return tensor


@check("a function of a layer, an input and a loss that returns the input's numbers")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The input of a layer, from the gradient of its weights and of its biases.

    >>> exercise_2(lambda layer, x, loss: layer.weight[0]).state
    'wrong'
    """
    for layer, x, loss in _layers(seed):
        weight_before = layer.weight.detach().clone()
        found = call(answer, layer, x, _counted(loss, calls := [], derived := []))
        found = _as_tensor(found, (4,))
        if not calls:
            return wrong("your function never asks for the loss: it must work with the gradient alone.")
        if not derived:
            return wrong("your function never asks for a gradient: the server has nothing else.")
        if not torch.equal(weight_before, layer.weight.detach()):
            return wrong("your function changes the layer's weights.")
        if torch.isnan(found).any() or torch.isinf(found).any():
            return wrong("nought was divided by nought: is the neuron that you chose active?")
        if not torch.allclose(found, x, rtol=1e-9, atol=1e-12):
            if torch.allclose(found, -x, rtol=1e-9, atol=1e-12):
                return wrong("every number has the wrong sign: divide by the bias gradient, not by its size.")
            return wrong("for at least one layer the result is not the input. Which gradient stands above the line?")
    return right("Least squares over all rows would do it too.")


def _counted(loss: Any, calls: list, derived: list) -> Any:
    """The loss, noting each call and each time that a gradient comes back through it to the layer."""

    def counting(values: Tensor) -> Tensor:
        calls.append(values)
        if values.requires_grad:
            values.register_hook(lambda gradient: derived.append(True))
        return loss(values)

    return counting


def _gradient_tables(seed: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Weight gradients, bias gradients and the rows that belong to them, for exercise 3."""
    tables = []
    for number, (n_neurons, n_features) in enumerate(((5, 3), (4, 4), (6, 2))):
        generator = torch.Generator().manual_seed(7 + 100 * seed + number)
        rows = torch.rand(n_neurons, n_features, generator=generator) + 0.1
        bias_grad = torch.rand(n_neurons, generator=generator) + 0.5
        bias_grad[:2] = -bias_grad[:2]
        bias_grad[2] = 0
        bias_grad[3] = 1e-7 * (1 + number)  # small, and still a gradient
        tables.append((bias_grad[:, None] * rows, bias_grad, rows[bias_grad != 0]))
    return tables


@check("a function of a weight gradient and a bias gradient that returns the rows")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """The rows of a gradient, each divided by the gradient of its bias.

    >>> exercise_3(lambda weight_grad, bias_grad: weight_grad).state
    'wrong'
    """
    for weight_grad, bias_grad, rows in _gradient_tables(seed):
        found = call(answer, weight_grad.clone(), bias_grad.clone())
        if torch.is_tensor(found) and found.dtype != weight_grad.dtype:
            return wrong("the rows have another dtype than the gradient.")
        found = _as_tensor(found)
        if found.ndim != 2 or found.shape[1] != rows.shape[1]:
            return wrong(f"rows of {rows.shape[1]} numbers are asked for; yours have the shape {tuple(found.shape)}.")
        if torch.isnan(found).any():
            return wrong("a row holds NaN: a silent neuron was divided by nought.")
        if len(found) == len(bias_grad):
            return wrong("there is a row for every neuron, though one of them is silent.")
        if len(found) < len(rows):
            negative = len(found) == int((bias_grad > 0).sum())
            return wrong("a gradient below 0 is a gradient too." if negative
                         else "a row is missing: the smallest gradient counts, as long as it is not 0.")
        if found.shape != rows.shape or not torch.allclose(found, rows.double(), rtol=1e-5):
            return wrong("the number of rows is right, their values are not: row i belongs to bias i.")
    return right()


@cache
def _standardised(seed: int) -> tuple[Gradient, Tensor, float, float]:
    images, labels = digit_images(20, seed=seed)
    truth = torch.from_numpy(images).flatten(1)
    mean, std = 0.305, 0.376
    sent = client_gradient(mlp([64, 500, 10], seed=seed), (truth - mean) / std, torch.from_numpy(labels))
    return sent, truth, mean, std


def standardised_batch(seed: int = 0) -> tuple[Gradient, float, float]:
    """Gradient of 20 standardised digits for exercise 4, with the mean and the deviation that were used.

    >>> gradient, mean, std = standardised_batch()
    >>> [tuple(grad.shape) for grad in gradient.weight_grads], mean, std
    ([(500, 64), (10, 500)], 0.305, 0.376)
    """
    sent, _, mean, std = _standardised(seed)
    return sent, mean, std


@cache
def _unmasked(seed: int) -> frozenset[int]:
    """Which of the 20 digits stand in the gradient exactly."""
    sent, truth, mean, std = _standardised(seed)
    return frozenset(match_rows(extract_rows(sent).inputs * std + mean, truth, rtol=1e-4).tolist()) - {-1}


@check("a table of pictures, one a row, with values from 0 to 1")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """The digits that a standardised batch gives away.

    >>> exercise_4([[0.5] * 64]).state
    'wrong'
    """
    _, truth, mean, std = _standardised(seed)
    given = _as_tensor(answer)
    if given.ndim != 2 or given.shape[1] != truth.shape[1] or not len(given):
        return wrong(f"pictures of {truth.shape[1]} numbers are asked for; this has the shape {tuple(given.shape)}.")
    if len(given) > 10_000 or not torch.isfinite(given).all():
        return wrong("this holds NaN, infinity, or far more rows than there are neurons.")
    places = match_rows(given.float(), truth, rtol=_NEAR)
    if (places < 0).all():
        still = (match_rows((given * std + mean).float(), truth, rtol=_NEAR) >= 0).any()
        return wrong("these rows are still standardised." if still else "no row is one of the clinic's pictures.")
    if (places < 0).any():
        return wrong("some rows are pictures of the batch, and others are mixtures. What tells them apart?")
    if not _unmasked(seed) <= frozenset(places.tolist()):
        return wrong("all of these are pictures of the batch, and at least one more can be found.")
    return right("Standardising is not secret: its two numbers stand in the training code.")


def neurons(seed: int = 0) -> int:
    """How wide the first layer of exercise 5 is.

    >>> neurons()
    500
    """
    return 500 if seed == 0 else random.Random(f"neurons {seed}").choice([300, 1000, 2000])


@cache
def mean_recall(batch_size: int, n_neurons: int) -> float:
    """Share of a batch of digits that a layer gives away, on average over five batches.

    >>> 0 <= mean_recall(400, 300) < mean_recall(25, 300) <= 1
    True
    """
    recalls = []
    for seed in range(5):
        images, _ = digit_images(batch_size, seed=seed)
        score = extraction_metrics(activation_pattern(mlp([64, n_neurons, 10], seed=seed), _flat(images)))
        recalls.append(score.recall)
    return sum(recalls) / len(recalls)


def _flat(images: Any) -> Tensor:
    return torch.from_numpy(images).flatten(1)


@check("one of the batch sizes, such as 25")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The smallest batch size with which at most 5 % of the digits leak.

    >>> exercise_5(25).state
    'wrong'
    """
    size = as_whole_number(answer)
    if size not in BATCH_SIZES:
        return wrong("that is not one of the batch sizes that the clinic can choose from.")
    enough = [b for b in BATCH_SIZES if mean_recall(b, neurons(seed)) <= MOST]
    if size == enough[0]:
        return right("And a picture is sent again in every epoch.")
    if size in enough:
        return wrong("that is safe enough, and larger than it needs to be.")
    return wrong("more than the allowed share still leaks at this size.")
