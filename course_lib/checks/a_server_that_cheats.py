"""Checks for the exercises of chapter 5, *A server that cheats*."""

from __future__ import annotations

import copy
import math
import random
import re
import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.checks.answers import (
    Unreadable,
    Verdict,
    as_number,
    as_numbers,
    as_whole_number,
    call,
    check,
    right,
    wrong,
)
from course_lib.datasets import photo_crops
from course_lib.gradients import extraction_metrics, mlp, trap_weights

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

SCALES = (0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
CLOSE = 0.95  # a scale with this share of the best recall is as good as the best
ENOUGH = 0.12  # share of photographs that exercise 4 asks to leak; plain they leak none
_N_NEURONS = 1000


def trap_row(seed: int = 0) -> tuple[tuple[int, ...], tuple[float, ...], float]:
    """Negative places (from 0), their magnitudes and the scale for exercise 1; the row has eight places.

    >>> places, magnitudes, scale = trap_row()
    >>> len(places), len(magnitudes), 0 < scale < 1
    (4, 4, True)
    """
    generator = random.Random(f"trap row {seed}")
    places = tuple(sorted(generator.sample(range(8), 4)))
    magnitudes = tuple(k / 10 for k in generator.sample(range(1, 11), 4))
    return places, magnitudes, generator.choice([0.5, 0.8])


@check("a row of eight numbers")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """One row of trap weights: any order of the positive half will do.

    >>> exercise_1([0] * 8).state
    'wrong'
    """
    places, magnitudes, scale = trap_row(seed)
    row = as_numbers(answer, count=8)

    def same(given: Any, wanted: Any) -> bool:
        return all(abs(a - b) < 1e-6 for a, b in zip(given, wanted, strict=True))

    negative = [row[place] for place in places]
    positive = [number for place, number in enumerate(row) if place not in places]
    if max(negative) >= 0 or min(positive) <= 0:
        return wrong("look at the signs: a number below 0 stands at each of the given places, and nowhere else.")
    if not same(negative, [-m for m in magnitudes]):
        return wrong("the negative half is not the given magnitudes with a minus, in the given order.")
    if same(sorted(positive), sorted(magnitudes)):
        return wrong("this row sums to 0: a picture that is equally bright everywhere is on the edge. Where is s?")
    if same(sorted(positive), sorted(m / scale for m in magnitudes)):
        return wrong("the positive half outweighs the negative one: nearly every picture would wake the neuron.")
    if not same(sorted(positive), sorted(scale * m for m in magnitudes)):
        return wrong("the positive half holds the same magnitudes as the negative one, each once, times s.")
    if same(positive, [scale * m for m in magnitudes]) and len(set(magnitudes)) > 1:
        return right("Shuffle the positive half, too: here the order is that of the negative one.")
    return right()


def bins_wanted(seed: int = 0) -> tuple[int, float]:
    """Batch size and share of pictures that are to be alone, for exercise 2.

    >>> bins_wanted()
    (64, 0.9)
    """
    if seed == 0:
        return 64, 0.9
    generator = random.Random(f"bins {seed}")
    return generator.choice([16, 32, 128, 256]), generator.choice([0.8, 0.9, 0.95])


def _fewest_bins(batch_size: int, share: float) -> int:
    """The smallest number of bins N with (1 - 1/N)^(B - 1) at least the share."""
    guess = max(2, math.floor(1 / (1 - share ** (1 / (batch_size - 1)))) - 2)
    while (1 - 1 / guess) ** (batch_size - 1) < share:
        guess += 1
    return guess


@check("a whole number of bins")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The smallest number of equally likely bins in which enough pictures of a batch are alone.

    >>> exercise_2(64).state
    'wrong'
    """
    batch_size, share = bins_wanted(seed)
    given, fewest = as_whole_number(answer), _fewest_bins(batch_size, share)
    if given == fewest:
        return right("Bins are thousands of times cheaper than people.")
    if given < 2:
        return wrong("with fewer than two bins nobody is alone.")
    if given == _fewest_bins(batch_size + 1, share):
        return wrong("how many pictures must miss yours? Yours is one of the batch.")
    if given == fewest - 1:
        return wrong("with so many bins the share is still a little too small. Rounded down?")
    if (1 - 1 / given) ** (batch_size - 1) < share:
        return wrong("with so many bins too few pictures are alone.")
    return wrong("with so many bins enough pictures are alone, but fewer bins would do.")


def batch_size(seed: int = 0) -> int:
    """How many pictures the user of exercise 3 averages over.

    >>> batch_size()
    40
    """
    return 40 if seed == 0 else random.Random(f"batch size {seed}").choice([15, 30, 70, 150, 250])


def servers_pictures(seed: int = 0) -> Tensor:
    """The server's own photographs for exercise 3, one a row.

    >>> servers_pictures().shape
    torch.Size([600, 3072])
    """
    return torch.from_numpy(photo_crops(600, seed=10_000 + seed)[0]).flatten(1)


@cache
def _recalls(seed: int) -> dict[float, float]:
    """Recall of each scale on the user's pictures, which the reader does not have."""
    size = batch_size(seed)
    users = torch.from_numpy(photo_crops(600, seed=20_000 + seed)[0]).flatten(1)
    half = trap_weights(_N_NEURONS, users.shape[1], 0.5, seed=seed)
    dark, bright = users @ half.clamp(max=0).T, 2 * users @ half.clamp(min=0).T
    batches = [slice(k, k + size) for k in range(0, len(users) - size + 1, size)]
    return {
        s: sum(extraction_metrics(dark[b] + s * bright[b] > 0).recall for b in batches) / len(batches) for s in SCALES
    }


@check("one of the scales, such as 0.95")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """A scale that is about as good as the best, on pictures of the user.

    >>> exercise_3(1.5).state
    'wrong'
    """
    scale = as_number(answer)
    recalls = _recalls(seed)
    near = min(recalls, key=lambda s: abs(s - scale))
    if abs(near - scale) > 1e-6:
        return wrong("that is not one of the scales to choose from.")
    best = max(recalls.values())
    if recalls[near] >= CLOSE * best:
        return right(f"On pictures of the user it exposes {recalls[near]:.2f}, the best scale {best:.2f}.")
    if near < max(recalls, key=recalls.get):
        return wrong("too many neurons stay asleep at this scale.")
    return wrong("too many neurons hear several pictures at this scale.")


@cache
def users_pictures(seed: int = 0) -> Tensor:
    """A batch of 100 photographs for exercise 4, one a row.

    >>> users_pictures().shape
    torch.Size([100, 3072])
    """
    return torch.from_numpy(photo_crops(100, seed=30_000 + seed)[0]).flatten(1)


@cache
def balanced_rows(seed: int = 0) -> Tensor:
    """A thousand trap rows with s = 1, for exercise 4.

    >>> float(balanced_rows().sum(1).abs().max()) < 1e-3
    True
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return trap_weights(_N_NEURONS, 3072, 1.0, seed=seed)


@check("a picture of 3072 numbers from 0 to 1")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """A picture which, laid over all others, makes them leak at s = 1.

    >>> exercise_4([0.5] * 3072).state
    'wrong'
    """
    overlay = _as_picture(answer)
    mixed = (users_pictures(seed) + overlay) / 2
    leak = extraction_metrics(mixed @ balanced_rows(seed).T > 0).recall
    if leak >= ENOUGH:
        return right(f"A share of {leak:.2f} leaks: what all pictures share moves the neurons off their middle.")
    if float(overlay.max() - overlay.min()) < 1e-3:
        return wrong("a row that sums to 0 does not see a picture that is equally bright everywhere.")
    return wrong(f"a share of {leak:.2f} leaks: it moves the neurons too little. What do these rows see best?")


def _as_picture(answer: Any) -> Tensor:
    if isinstance(answer, str | bytes | dict | set) or callable(answer) or not hasattr(answer, "__len__"):
        raise Unreadable
    try:
        picture = torch.as_tensor(answer)
        picture = torch.empty(0) if picture.is_complex() else picture.detach().cpu().float()
    except Exception:
        raise Unreadable("this is no table of numbers.") from None
    if picture.numel() != 3072:
        raise Unreadable(f"we asked for 3072 numbers, this holds {picture.numel()}.")
    if not ((picture >= 0) & (picture <= 1)).all():  # NaN fails this too
        raise Unreadable("a picture holds numbers from 0 to 1.")
    return picture.flatten()


def _other_models(seed: int) -> dict[str, tuple[nn.Module, nn.Module]]:
    """Pairs of models that are not the same, by what a digest that misses it has done."""
    model = mlp([4, 3, 2], seed=seed)

    def changed(change: Any) -> nn.Module:
        other = copy.deepcopy(model)
        with torch.no_grad():
            change(other)
        return other

    def nudge(tensor: Tensor) -> None:
        flat = tensor.view(-1)
        flat[0] = torch.nextafter(flat[0], torch.tensor(math.inf))

    def exchange(tensor: Tensor) -> None:
        flat = tensor.view(-1)
        flat[[0, 1]] = flat[[1, 0]].clone()

    def negate(tensor: Tensor) -> None:
        tensor[0].neg_()

    bell = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))
    rung = copy.deepcopy(bell)
    rung[1].running_mean += 1
    return {
        "two weights have changed places: a sum or a mean of weights does not tell": (
            model, changed(lambda other: exchange(other[0].weight))),
        "a row has changed its sign: a norm does not tell": (model, changed(lambda other: negate(other[0].weight))),
        "a bias differs": (model, changed(lambda other: other[0].bias.add_(1))),
        "a later layer differs": (model, changed(lambda other: other[2].weight.add_(1))),
        "one weight differs in its last bit: do not round": (model, changed(lambda other: nudge(other[0].weight))),
        "a buffer differs, which is no parameter and is used all the same": (bell, rung),
        "the numbers are the same, and the layers have other shapes": (_flat(4, 3), _flat(3, 4)),
    }


def _flat(n_in: int, n_out: int) -> nn.Module:
    """A layer without bias whose numbers in order are 0 to 11, whatever its shape."""
    layer = nn.Linear(n_in, n_out, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0).reshape(n_out, n_in))
    return layer


@check("a function of a model that returns a text")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """A digest: equal for equal models, different for all others.

    >>> exercise_5(lambda model: "always").state
    'wrong'
    """

    def digest(model: nn.Module) -> str:
        found = call(answer, copy.deepcopy(model))
        if not isinstance(found, str):
            raise Unreadable("we asked for a text: hexdigest() gives one.")
        return found

    model = mlp([4, 3, 2], seed=seed)
    if digest(model) != digest(model):
        return wrong("two copies of one model have different digests: an address or a time is no part of a model.")
    if len(digest(mlp([40, 30, 2]))) != len(digest(model)):
        return wrong("a larger model has a longer digest: it must stay short enough to compare by eye.")
    for reason, (one, other) in _other_models(seed).items():
        if digest(one) == digest(other):
            return wrong(f"two models have the same digest, though {reason}.")
    if not re.fullmatch(r"[0-9a-fA-F]{64,}", digest(model)):
        return wrong("a digest that a server cannot match by trying has at least 64 hexadecimal digits.")
    return right("Compare it over a channel that does not run through the server.")
