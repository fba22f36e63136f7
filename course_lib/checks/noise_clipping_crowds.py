"""Checks for the exercises of chapter 6, *Noise, clipping, crowds*."""

from __future__ import annotations

import random
from functools import cache
from math import ceil, log10, sqrt
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_number,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.datasets import digit_images
from course_lib.gradients import activation_pattern, clip_and_noise, mlp, plant

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]

CROWDS = (1, 2, 5, 10, 20, 40)
MULTIPLIERS = (0.1, 0.3, 1.0, 3.0, 10.0)
MOST = 0.05  # share of the target's pictures that exercise 5 allows to leak
LEAST = 0.8  # accuracy that exercise 6 asks for
SEEN = 20  # decibels from which exercise 4 counts a digit as read
_NEAR = 0.25  # dB: what rounding on the way costs, and less than any slip changes


def noisy_row(seed: int = 0) -> dict[str, float]:
    """What exercise 1 tells of a gradient: its noise, its bias gradient and the picture's mean square.

    >>> noisy_row()
    {'noise': 0.002, 'bias_gradient': 0.05, 'mean_square': 0.21}
    """
    generator = random.Random(f"row {seed}")
    if seed == 0:
        return {"noise": 0.002, "bias_gradient": 0.05, "mean_square": 0.21}
    return {
        "noise": generator.choice([0.0005, 0.001, 0.003, 0.004]),
        "bias_gradient": generator.choice([0.02, 0.03, 0.08, 0.1]),
        "mean_square": round(generator.uniform(0.15, 0.4), 2),
    }


@check("a number of decibels")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """The decibels of a picture read from one noisy row.

    >>> exercise_1(60).state
    'wrong'
    """
    given, row = as_number(answer), noisy_row(seed)
    error = row["noise"] / row["bias_gradient"]
    both = -20 * log10(error) - 10 * log10(1 + row["mean_square"])
    slips = {
        both: right(),
        -20 * log10(error): wrong("the bias gradient, which you divide by, is noisy as well."),
        both / 2: wrong("a decibel is a tenth of the logarithm of a *square*."),
        -both: wrong("the sign: a small error is many decibels."),
        -20 * log10(row["noise"]) - 10 * log10(1 + row["mean_square"]): wrong(
            "that is the noise on the gradient. What is it divided by?"
        ),
        -20 * log10(row["noise"]): wrong("that is the noise on the gradient. What is it divided by?"),
        -20 * log10(error) - 20 * log10(1 + row["mean_square"]): wrong(
            "nearly: of two independent errors the squares add up, not the errors."
        ),
    }
    return _nearest(given, slips, "first find the error of a pixel, then its decibels.")


def _nearest(given: float, slips: dict[float, Verdict], otherwise: str) -> Verdict:
    """The verdict that belongs to the first value that the answer is near to."""
    found = next((verdict for value, verdict in slips.items() if abs(given - value) <= _NEAR), None)
    return wrong(otherwise) if found is None else found


def clipped_picture(seed: int = 0) -> dict[str, float]:
    """What exercise 2 tells of a protocol: pixels, mean square of a pixel, clipping norm and multiplier.

    >>> clipped_picture()
    {'n_pixels': 3072, 'mean_square': 0.25, 'clip': 0.5, 'multiplier': 0.005}
    """
    if seed == 0:
        return {"n_pixels": 3072, "mean_square": 0.25, "clip": 0.5, "multiplier": 0.005}
    generator = random.Random(f"clipped {seed}")
    return {
        "n_pixels": generator.choice([784, 2352, 12288]),
        "mean_square": round(generator.uniform(0.15, 0.4), 2),
        "clip": generator.choice([0.1, 0.5, 2.0]),
        "multiplier": generator.choice([0.001, 0.002, 0.004]),
    }


@check("a number of decibels")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The best that a cheating server reads from one clipped and noisy gradient.

    >>> exercise_2(60).state
    'wrong'
    """
    given, told = as_number(answer), clipped_picture(seed)
    nu, squares = told["multiplier"], told["n_pixels"] * told["mean_square"]
    bound = -20 * log10(nu * sqrt(1 + squares))
    slips = {
        bound: right("The clipping norm has dropped out: it stands above and below the line."),
        bound - 10 * log10(1 + told["mean_square"]): right("With the noise of the divisor counted as well."),
        bound - 20 * log10(told["clip"]): wrong("the noise is a multiple of the clipping norm. Does that norm stay?"),
        -20 * log10(nu * (1 + squares)): wrong("the norm is the root of a sum of squares."),
        -20 * log10(nu * sqrt(1 + told["mean_square"])): wrong("take the norm of the whole picture, not of a pixel."),
        -20 * log10(nu): wrong("that is the noise over the whole gradient's norm. How much of that norm is the bias?"),
        bound / 2: wrong("a decibel is a tenth of the logarithm of a *square*."),
        -bound: wrong("the sign: a small error is many decibels."),
    }
    return _nearest(given, slips, "start from the largest bias gradient that clipping lets through.")


def _digest_tables(seed: int) -> list[tuple[list[list[str]], set[tuple[int, int]]]]:
    """Digests by round and client, and who was sent another model, for exercise 3."""
    generator = random.Random(f"digests {seed}")
    tables = []
    for n_rounds, n_clients, n_odd in ((1, 3, 0), (2, 5, 1), (4, 6, 3), (5, 9, 6)):
        usual = [f"{generator.getrandbits(64):016x}" for _ in range(n_rounds)]
        table = [[usual[r]] * n_clients for r in range(n_rounds)]
        odd: set[tuple[int, int]] = set()
        while len(odd) < n_odd:
            place = (generator.randrange(n_rounds), generator.randrange(n_clients))
            if sum(r == place[0] for r, _ in odd) < (n_clients - 1) // 2:
                odd.add(place)
        if n_rounds > 1:
            # The first client is cheated, and with the next round's own model.
            odd.add((0, 0))
        for r, c in odd:
            table[r][c] = usual[r + 1] if (r, c) == (0, 0) else f"{generator.getrandbits(64):016x}"
        tables.append((table, odd))
    return tables


@check("a function of a table of digests that returns (round, client) pairs")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """Who was sent another model than the others, by digests.

    >>> exercise_3(lambda digests: {(0, 0)}).state
    'wrong'
    """
    for table, odd in _digest_tables(seed):
        pairs = call(answer, [list(row) for row in table])
        if isinstance(pairs, dict | str):
            raise Unreadable
        found = {tuple(pair) for pair in pairs}
        if not all(len(pair) == 2 and all(type(n) is int for n in pair) for pair in found):
            return wrong("each pair is (round, client), two whole numbers counted from 0.")
        if found == odd:
            continue
        if not odd:
            return wrong("in a round in which all digests agree, somebody is accused.")
        if found == {(c, r) for r, c in odd}:
            return wrong("round and client have changed places.")
        everyone = {(r, c) for r, row in enumerate(table) for c in range(len(row))}
        if found == everyone - odd:
            return wrong("these are the clients who were sent what the most were sent.")
        if odd < found:
            return wrong("some clients are accused who hold what most of their round hold.")
        if (0, 0) in odd - found:
            return wrong("a client is missed. The first one may be the cheated one, and rounds have different models.")
        return wrong("for at least one table the pairs are not right. Each round has a model that most clients share.")
    return right("Who all got the same bad model never shows.")


def leaflet(seed: int = 0) -> tuple[nn.Module, Tensor, Tensor, float]:
    """The server's loud model, one digit with its label, and the leaflet's multiplier, for exercise 4.

    >>> model, digit, label, multiplier = leaflet()
    >>> digit.shape, multiplier
    (torch.Size([1, 64]), 0.1)
    """
    images, labels = digit_images(1, seed=seed)
    multiplier = 0.1 if seed == 0 else random.Random(f"leaflet {seed}").choice([0.08, 0.12, 0.15])
    return _loud_model(), torch.from_numpy(images).flatten(1), torch.from_numpy(labels), multiplier


def _loud_model() -> nn.Module:
    """Two equal neurons that cancel in the outputs: every class is as likely, and the gradient is large."""
    model = plant(mlp([64, 2, 10]), torch.full((2, 64), 1 / 64))
    weights = 1e4 * torch.randn(10, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model[2].weight.copy_(torch.stack([weights, -weights], dim=1))
        model[2].bias.zero_()
    return model


@check("a whole number of sybils")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """How many sybils it takes to read a digit under distributed noise.

    >>> exercise_4(0).state
    'wrong'
    """
    given = as_whole_number(answer)
    _, digit, _, multiplier = leaflet(seed)
    bound = -20 * log10(multiplier * sqrt(1 + digit.square().sum().item()))
    users = ceil(10 ** ((SEEN - bound) / 10))
    if given < 0:
        return wrong("a number of sybils is 0 or more.")
    if given == users - 1:
        return right("A deployed round has hundreds of users.")
    if given == users:
        return wrong("so many users must there be. How many of them are sybils?")
    if given == ceil(10 ** ((SEEN - bound) / 20)) - 1:
        return wrong("each user adds a share of the variance, not of the standard deviation.")
    return wrong("too few: the digit stays below the line." if given < users else "fewer are enough.")


def neurons(seed: int = 0) -> int:
    """How wide the first layer of exercise 5 is.

    >>> neurons()
    500
    """
    return 500 if seed == 0 else random.Random(f"crowd {seed}").choice([100, 1000, 2000])


@cache
def crowd_recall(n_users: int, n_neurons: int) -> float:
    """Share of the target's 20 digits that stand alone in a sum over users, on average over five crowds.

    >>> 0 <= crowd_recall(10, 200) < crowd_recall(1, 200) <= 1
    True
    """
    shares = []
    for seed in range(5):
        inputs = torch.from_numpy(digit_images(20 * n_users, seed=seed)[0]).flatten(1)
        pattern = activation_pattern(mlp([64, n_neurons, 10], seed=seed), inputs)
        shares.append(pattern[:20, pattern.sum(0) == 1].any(1).float().mean().item())
    return sum(shares) / len(shares)


@check("one of the numbers of honest users, such as 10")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The smallest crowd of honest users in which less than 5 % of the target's digits leak.

    >>> exercise_5(1).state
    'wrong'
    """
    n_users = as_whole_number(answer)
    if n_users not in CROWDS:
        return wrong("that is not one of the crowds to choose from.")
    enough = [k for k in CROWDS if crowd_recall(k, neurons(seed)) < MOST]
    if n_users == enough[0]:
        return right("And all of them must be honest, and alike.")
    if n_users in enough:
        return wrong("that is enough, and more than are needed.")
    return wrong("more than the allowed share of the target's digits still leaks in this crowd.")


def users(seed: int = 0) -> int:
    """How many users share the 100 digits of a step in exercise 6.

    >>> users()
    25
    """
    return 25 if seed == 0 else random.Random(f"users {seed}").choice([4, 50])


@cache
def local_accuracy(multiplier: float, n_users: int) -> float:
    """Share of right answers after training with local noise, on average over three trainings.

    Every user adds its own noise, so the mean over 100 digits has the square root of their number times what
    one server would add: a multiplier of multiplier * sqrt(n_users).

    >>> local_accuracy(10.0, 100) < 0.5
    True
    """
    images, labels = digit_images(seed=0)
    inputs, labels = torch.from_numpy(images).flatten(1), torch.from_numpy(labels)
    shares = []
    for seed in range(3):
        net = mlp([64, 50, 10], seed=seed)
        order = torch.Generator().manual_seed(seed)
        for number in range(60):
            k = torch.randperm(1400, generator=order)[:100]
            sent = clip_and_noise(net, inputs[k], labels[k], 1.0, multiplier * sqrt(n_users), seed=1000 * seed + number)
            grads = [g for pair in zip(sent.weight_grads, sent.bias_grads, strict=True) for g in pair]
            with torch.no_grad():
                for parameter, grad in zip(net.parameters(), grads, strict=True):
                    parameter -= grad
        shares.append((net(inputs[1400:]).argmax(1) == labels[1400:]).double().mean().item())
    return sum(shares) / len(shares)


@check("one of the multipliers, such as 0.1")
def exercise_6(answer: Any, seed: int = 0) -> Verdict:
    """The largest local noise with which training still gives 80 % right answers.

    >>> exercise_6(10.0).state
    'wrong'
    """
    given = as_number(answer)
    multiplier = next((z for z in MULTIPLIERS if abs(given - z) < 1e-9), None)
    if multiplier is None:
        return wrong("that is not one of the multipliers to choose from.")
    survives = [z for z in MULTIPLIERS if local_accuracy(z, users(seed)) >= LEAST]
    if multiplier == survives[-1]:
        return right("One trusted server's noise does this harm when larger by the root of the users' number.")
    if multiplier in survives:
        return wrong("training survives that, and more.")
    return wrong("with that noise from every user, training gives fewer right answers than are asked for.")
