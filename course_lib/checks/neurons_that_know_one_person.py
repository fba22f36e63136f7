"""Checks for the exercises of chapter 7, *Neurons that know one person*."""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import cache
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from course_lib.checks.answers import (
    Blank,
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
from course_lib.datasets import digit_images
from course_lib.gradients import (
    Gradient,
    activation_pattern,
    client_gradient,
    exclusive_neurons,
    loss_vector_rays,
    mlp,
)

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5"]

_STEP = 0.05  # of the shift in exercise 5
_MOST_STEPS = 60

_OWNERS = ("first", "first", "second", "second", "third", None)  # None: shared by the first and the second


@cache
def _columns(seed: int) -> tuple[tuple[tuple[int, ...], ...], tuple[str | None, ...], dict[str, int]]:
    """Columns of whole numbers, who owns each, and each owner's label (from 1), of exercise 1."""
    generator = random.Random(f"columns {seed}")
    while True:
        labels = [1, *generator.sample([1, 2, 3], 2)]
        vectors = {}
        for name, label in zip(("first", "second", "third"), labels, strict=True):
            others = [generator.randint(1, 4), generator.randint(1, 4)]
            others.insert(label - 1, -sum(others))
            vectors[name] = others
        owners = generator.sample(_OWNERS, len(_OWNERS))
        times = iter(generator.sample([1, 2, 3], 2) + generator.sample([1, 2, 4], 2))
        of_owner = {name: [next(times), next(times)] for name in ("first", "second")} | {"third": [1]}
        columns = []
        for name in owners:
            if name is None:
                columns.append(tuple(2 * a + b for a, b in zip(vectors["first"], vectors["second"], strict=True)))
            else:
                factor = of_owner[name].pop()
                columns.append(tuple(factor * value for value in vectors[name]))
        unit = {tuple(round(v / max(map(abs, c)), 9) for v in c) for c in columns}
        shared = columns[owners.index(None)]
        # The mixture must show itself by its signs, and no two owners may point one way.
        if len(unit) == 4 and sum(v < 0 for v in shared) == 2 and labels[1] != 1:
            return tuple(columns), tuple(owners), dict(zip(vectors, labels, strict=True))


def columns(seed: int = 0) -> pd.DataFrame:
    """The table of exercise 1: classes 1 to 3, neurons 1 to 6.

    >>> columns().shape, int(columns().sum().abs().max())
    ((3, 6), 0)
    """
    rows = list(zip(*_columns(seed)[0], strict=True))
    table = pd.DataFrame(rows, index=[f"class {k}" for k in (1, 2, 3)], columns=range(1, 7))
    return table.rename_axis("neuron", axis=1)


def _as_groups(answer: Any) -> dict[frozenset[int], int]:
    if not isinstance(answer, dict):
        raise Unreadable
    groups = {}
    for neurons, label in answer.items():
        members = neurons if isinstance(neurons, Iterable) and not isinstance(neurons, str) else (neurons,)
        if label is ... or label is None:
            raise Blank
        groups[frozenset(as_whole_number(neuron) for neuron in members)] = as_whole_number(label)
    return groups


@check("a dictionary such as {(1, 2): 3}, neurons and their label")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """The groups of neurons that own a column each way, with their labels.

    >>> exercise_1({(1, 2, 3, 4, 5, 6): 1}).state
    'wrong'
    """
    given = _as_groups(answer)
    _, owners, labels = _columns(seed)
    place = {name: frozenset(j for j, owner in enumerate(owners, 1) if owner == name) for name in set(owners)}
    truth = {place[name]: labels[name] for name in ("first", "second")}
    if any(not neurons <= set(range(1, 7)) or not neurons for neurons in given):
        return wrong("neurons have the numbers 1 to 6.")
    if any(place[None] & neurons for neurons in given):
        return wrong("one neuron of yours has two negative entries: more than one sample activates it.")
    if any(len(neurons) == 1 for neurons in given):
        return wrong("one neuron alone is no group: nothing shows that its column is not a mixture.")
    if any(neurons not in truth for neurons in given):
        return wrong("in one group the columns are not multiples of each other.")
    if len(given) < 2:
        return wrong("this group is right, and there is another.")
    for neurons, label in given.items():
        if label not in (1, 2, 3):
            return wrong("labels are the classes 1 to 3.")
        if label != truth[neurons]:
            first = truth[neurons] == 1
            return wrong("the groups are right, a label is not."
                         + (" Did you divide by a negative entry?" if first else " Which entry is negative?"))
    return right("The single neuron may be a third sample's, and one column cannot show it.")


@cache
def _gradients_to_group(seed: int) -> tuple[tuple[Tensor, frozenset[frozenset[int]]], ...]:
    """Last-layer gradients in float32 and their groups, for exercise 2."""
    cases = []
    for number, n_classes in enumerate((3, 5, 10)):
        generator = torch.Generator().manual_seed(10 * seed + number)
        directions = torch.rand(3, n_classes, generator=generator, dtype=torch.float64) + 0.1
        directions[torch.arange(3), torch.tensor([0, 1, 0])] = 0
        directions[2] = directions[0] + 1e-3 * torch.rand(n_classes, generator=generator, dtype=torch.float64)
        directions[2, 0] = 0
        for k, label in enumerate((0, 1, 0)):
            directions[k, label] = -directions[k].sum()
        owner = torch.tensor([0, 1, 2, 0, -1, 1, 2, 0, -2, 1])[torch.randperm(10, generator=generator)]
        grad = torch.zeros(n_classes, 10, dtype=torch.float64)
        for j, name in enumerate(owner.tolist()):
            size = 10.0 ** float(-4 * torch.rand(1, generator=generator))
            if name >= 0:
                grad[:, j] = size * directions[name]
            elif name == -2:
                grad[:, j] = -size * directions[1]  # a mixture may point the other way
        step = 1 + 1e-7 * (2 * torch.rand(grad.shape, generator=generator, dtype=torch.float64) - 1)
        groups = frozenset(frozenset((owner == k).nonzero().flatten().tolist()) for k in range(3))
        cases.append(((grad * step).float(), groups))
    return tuple(cases)


def _as_neuron_sets(found: Any) -> list[frozenset[int]]:
    if isinstance(found, str | bytes) or not isinstance(found, Iterable):
        raise Unreadable("your function returns no list of groups.")
    groups = []
    for group in found:
        if isinstance(group, str | bytes) or not isinstance(group, Iterable):
            raise Unreadable("a group is no list of neurons.")
        groups.append(frozenset(int(neuron) for neuron in group))
    return groups


@check("a function of a gradient (K, d) and a tolerance that returns lists of neurons")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """Group the columns of a gradient by direction, with a relative tolerance.

    >>> exercise_2(lambda grad, rtol: []).state
    'wrong'
    """
    for grad, truth in _gradients_to_group(seed):
        found = _as_neuron_sets(call(answer, grad.clone(), 1e-5))
        silent = set((grad == 0).all(0).nonzero().flatten().tolist())
        if any(silent & group for group in found):
            return wrong("a silent neuron, whose column is zero, has no direction and belongs to no group.")
        if any(len(group) < 2 for group in found):
            return wrong("a group needs two neurons at least.")
        if sum(map(len, found)) > len(set().union(*found)):
            return wrong("a neuron stands in two groups.")
        if set(found) == truth:
            continue
        if any(sum(bool(group & other) for other in truth) > 1 for group in found):
            return wrong("one of your groups joins two samples whose directions differ by a thousandth.")
        if any(group - set().union(*truth) for group in found):
            return wrong("one of your groups holds a column that points exactly the other way.")
        return wrong("a sample is split or missing. Columns differ in length by a factor of thousands: what stays?")
    return right("Run it with rtol=1e-9 to see float32 split a sample.")


def _owned(seed: int) -> tuple[nn.Module, Gradient, Tensor, Tensor]:
    """A network, the gradient of a batch of digits, its inputs and labels, for exercise 3."""
    size = (5, 6, 7, 9, 10, 11)[seed % 6]
    model = mlp([64, 512, 10], seed=seed, dtype=torch.float64)
    images, labels = digit_images(size, seed=seed)
    inputs, labels = torch.from_numpy(images).flatten(1).double(), torch.from_numpy(labels)
    return model, client_gradient(model, inputs, labels), inputs, labels


def one_owner(seed: int = 0) -> tuple[nn.Module, Gradient, int, int]:
    """A network, a gradient, a neuron that one sample owns, and that sample's label.

    >>> model, gradient, neuron, label = one_owner()
    >>> gradient.weight_grads[0].shape, 0 <= label < 10
    (torch.Size([512, 64]), True)
    """
    model, gradient, inputs, labels = _owned(seed)
    owners = exclusive_neurons(activation_pattern(model, inputs))
    loudest = torch.where(owners >= 0, gradient.bias_grads[0].abs(), -1).argmax()
    return model, gradient, int(loudest), int(labels[owners[loudest]])


@check("a whole number, the size of the batch")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """The batch size, from one recovered sample.

    >>> exercise_3(0.2).state
    'wrong'
    """
    _, gradient, inputs, _ = _owned(seed)
    size, given = len(inputs), as_number(answer)
    if abs(given - size) < 1e-3:
        return right()
    if abs(given * size - 1) < 1e-3:
        return wrong("that is the sample's share of the mean. What is its inverse?")
    if abs(given + size) < 1e-3:
        return wrong("the sign is wrong: the label's entry of p - onehot is negative.")
    if given == len(loss_vector_rays(gradient.weight_grads[1])):
        return wrong("you counted groups. They are the samples that own two neurons, not the batch.")
    return wrong("compare g[j] with what one sample alone would give: W[:, j] . (p - onehot).")


def two_classes(seed: int = 0) -> tuple[nn.Module, Gradient]:
    """A network with two classes and the gradient of a batch of six digits, even or odd.

    >>> two_classes()[1].weight_grads[1].shape
    torch.Size([2, 256])
    """
    return _two_classes(seed)[:2]


@cache
def _two_classes(seed: int) -> tuple[nn.Module, Gradient, Tensor]:
    model = mlp([64, 256, 2], seed=seed, dtype=torch.float64)
    images, labels = digit_images(6, seed=seed)
    inputs = torch.from_numpy(images).flatten(1).double()
    return model, client_gradient(model, inputs, torch.from_numpy(labels) % 2), inputs


def passes(gradient: Gradient, neuron: int, picture: Any, rtol: float = 1e-8) -> bool:
    """Whether a picture passes the last layer's test at one neuron, with one label and a positive share.

    With d = p - onehot(y) and w = g_0[j] / (W_1[:, j] . d), the test asks whether G_1[:, j] = w d a_j.

    >>> model, gradient, neuron, label = one_owner()
    >>> row = gradient.weight_grads[0][neuron] / gradient.bias_grads[0][neuron]
    >>> passes(gradient, neuron, row), passes(gradient, neuron, 0.9 * row)
    (True, False)
    """
    x = torch.as_tensor(picture, dtype=torch.float64)
    (W0, W1), (b0, b1) = gradient.weights, gradient.biases
    hidden = torch.relu(W0 @ x + b0)
    p = torch.softmax(W1 @ hidden + b1, dim=0)
    column = gradient.weight_grads[1][:, neuron]
    for y in range(len(p)):
        d = p.clone()
        d[y] -= 1
        share = gradient.bias_grads[0][neuron] / (W1[:, neuron] @ d)
        if share > 0 and (column - share * d * hidden[neuron]).abs().max() <= rtol * column.abs().max():
            return True
    return False


@check("a picture of 64 numbers")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """A row of numbers that passes the test for two classes and is no sample.

    >>> exercise_4([0.5] * 64).state
    'wrong'
    """
    given = torch.tensor(as_numbers(answer, count=64), dtype=torch.float64)
    _, gradient, inputs = _two_classes(seed)
    active = (gradient.bias_grads[0] != 0).nonzero().flatten().tolist()
    rows = gradient.weight_grads[0][active] / gradient.bias_grads[0][active][:, None]
    near = (rows - given).abs().amax(1) <= 1e-9 * rows.abs().amax(1)
    if ((inputs - given).abs().amax(1) < 1e-6).any():
        return wrong("this is a picture of the batch. We ask for one that passes the test and is nobody's.")
    if not near.any():
        return wrong("this is no row of the gradient over its bias gradient, so the attack would not try it.")
    if not any(passes(gradient, active[k], given) for k in near.nonzero().flatten().tolist()):
        return wrong("this row does not pass the test at its neuron. Is the neuron active for what the row shows?")
    return right("With two classes the test is an identity: mixtures pass it as pictures do.")


def digits_to_protect(seed: int = 0) -> tuple[nn.Module, Tensor]:
    """A fresh network and a batch of digits for exercise 5.

    >>> model, inputs = digits_to_protect()
    >>> model[0].bias.shape, inputs.shape
    (torch.Size([512]), torch.Size([8, 64]))
    """
    size = (8, 6, 7)[seed % 3]
    images, _ = digit_images(size, seed=seed)
    return mlp([64, 512, 10], seed=seed, dtype=torch.float64), torch.from_numpy(images).flatten(1).double()


@cache
def _owners_of(count: int, step: int, seed: int) -> int:
    """How many digits own at least `count` neurons after so many steps of the shift."""
    model, inputs = digits_to_protect(seed)
    with torch.no_grad():
        model[0].bias += step * _STEP
    owners = exclusive_neurons(activation_pattern(model, inputs))
    return int((torch.bincount(owners[owners >= 0], minlength=len(inputs)) >= count).sum())


def _smallest(count: int, seed: int) -> int:
    return next(step for step in range(_MOST_STEPS) if not _owners_of(count, step, seed))


@check("a number, the shift")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """The smallest shift of all biases at which no digit owns two neurons.

    >>> exercise_5(0.0).state
    'wrong'
    """
    steps = as_number(answer) / _STEP
    if steps < 0:
        return wrong("a lower bias silences neurons, and a neuron that fewer activate tells more of each.")
    if abs(steps - round(steps)) > 1e-6:
        return wrong("the shift goes in steps of 0.05.")
    smallest, steps = _smallest(2, seed), round(steps)
    if steps == smallest:
        return right("The groups are gone. Who owns one neuron can still be read from its row.")
    if steps < smallest:
        return wrong(f"at this shift {_owners_of(2, steps, seed)} of the digits own two neurons or more.")
    if steps == _smallest(1, seed):
        return wrong("from this shift on nobody owns any neuron. A group needs two: less is enough.")
    return wrong("nobody owns two neurons at this shift, nor at a smaller one.")
