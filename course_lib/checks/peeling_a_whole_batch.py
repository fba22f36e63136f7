"""Checks for the exercises of chapter 8, *Peeling a whole batch*."""

from __future__ import annotations

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
    exclusive_neurons,
    loss_vector_rays,
    mlp,
    reconstruct_batch,
)

__all__ = ["exercise_1", "exercise_2", "exercise_3", "exercise_4", "exercise_5", "exercise_6"]

_SEEN = 0.01  # how far a pixel of another batch must move to be another batch
_COSINE = 0.95  # how near the defended gradient must stay to the true one


def one_neuron(seed: int = 0) -> dict[str, Any]:
    """What exercise 1 gives: one neuron that hears one patient, in numbers that a pencil can handle.

    >>> one = one_neuron()
    >>> one["probabilities"], one["bias gradient"]
    ((0.5, 0.3, 0.2), -0.055)
    """
    generator = torch.Generator().manual_seed(seed)
    choices = [((0.5, 0.3, 0.2), (1, 2, -1)), ((0.2, 0.5, 0.3), (2, -1, 1)), ((0.4, 0.4, 0.2), (-1, 2, 2))]
    p, weights = choices[0] if seed == 0 else choices[int(torch.randint(3, (), generator=generator))]
    label, size = (1, 20) if seed == 0 else (
        int(torch.randint(3, (), generator=generator)),
        int((10, 20, 30, 40, 50)[int(torch.randint(5, (), generator=generator))]),
    )
    loss_vector = [q - (k == label) for k, q in enumerate(p)]
    activation = 2.0
    return {
        "probabilities": p,
        "outgoing weights": weights,
        "activation": activation,
        "bias gradient": round(sum(w * d for w, d in zip(weights, loss_vector, strict=True)) / size, 6),
        "column": tuple(round(activation * d / size, 6) for d in loss_vector),
    }


@check("a label and a number of patients, in this order")
def exercise_1(answer: Any, seed: int = 0) -> Verdict:
    """The label and the batch size that one neuron tells.

    >>> exercise_1((0, 10)).state
    'wrong'
    """
    label, size = (as_whole_number(value) for value in as_numbers(answer, count=2))
    one = one_neuron(seed)
    column, p = one["column"], one["probabilities"]
    true_label = min(range(3), key=lambda k: column[k])
    true_size = round(one["activation"] * p[(true_label + 1) % 3] / column[(true_label + 1) % 3])
    if label == true_size and size == true_label:
        return wrong("the label comes first, then the number of patients.")
    if label == true_label + 1:
        return wrong("labels are counted from 0.")
    if label != true_label:
        return wrong("the column of that label would have its negative entry elsewhere.")
    if size == round(true_size / one["activation"]):
        return wrong("the label is right. The column holds the activation as well as the weight.")
    if size != true_size:
        return wrong("the label is right. The number of patients is 1/w, with w from the bias gradient.")
    return right("From one patient's row.")


def _rounds(pattern: Tensor) -> list[int]:
    left = pattern.bool().clone()
    rounds, number = [0] * len(pattern), 0
    while True:
        number += 1
        alone = left.sum(0) == 1
        freed = left[:, alone].any(1).nonzero()[:, 0].tolist()
        if not freed:
            return rounds
        for place in freed:
            rounds[place] = number
        left[freed] = False


@cache
def _patterns(seed: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(11 + seed)
    steps = torch.tensor([[1, 1, 0, 1], [0, 1, 1, 1], [0, 0, 1, 1]]).bool()
    stuck = torch.tensor([[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0]]).bool()
    silent = torch.tensor([[0, 0, 0], [0, 1, 1], [0, 0, 1]]).bool()
    crowds = [torch.rand(n, m, generator=generator) < share for n, m, share in ((12, 40, 0.3), (20, 30, 0.5))]
    return steps, stuck, silent, *crowds


@check("a function of a pattern that returns a round for each picture")
def exercise_2(answer: Any, seed: int = 0) -> Verdict:
    """The round in which each picture comes off, 0 for one that never does.

    >>> exercise_2(lambda pattern: [1] * len(pattern)).state
    'wrong'
    """
    for pattern in _patterns(seed):
        given = pattern.clone()
        found = call(answer, given)
        if not torch.equal(given, pattern):
            return wrong("your function changes the pattern that it was given: copy it first.")
        found = [as_whole_number(v) for v in as_numbers(found.tolist() if torch.is_tensor(found) else found)]
        if len(found) != len(pattern):
            return wrong(f"a pattern of {len(pattern)} pictures gives {len(found)} rounds.")
        expected = _rounds(pattern)
        if found == expected:
            continue
        if [max(r - 1, -1) for r in expected] == found or [r - 1 for r in expected] == found:
            return wrong("rounds are counted from 1, and 0 means never.")
        if [min(r, 1) for r in expected] == found or all(r in (0, 1) for r in found):
            return wrong("that stops after the first round: who is alone once those are gone?")
        if sorted(found) == list(range(1, len(found) + 1)):
            return wrong("all pictures that are alone come off in the same round.")
        if 0 in expected and 0 not in found:
            return wrong("a picture that never comes off gets 0.")
        return wrong("for at least one pattern a picture comes off in another round.")
    return right()


@cache
def crowd(seed: int = 0) -> Tensor:
    """The activation pattern of exercise 3: 100 digits, 128 neurons.

    >>> crowd().shape
    torch.Size([100, 128])
    """
    images, _ = digit_images(100, seed=seed)
    return activation_pattern(mlp([64, 128, 10], seed=seed), torch.from_numpy(images).flatten(1))


@cache
def _largest(seed: int) -> int:
    pattern = crowd(seed)
    return max(size for size in range(1, len(pattern)) if 0 not in _rounds(pattern[:size]))


@check("a whole number of digits")
def exercise_3(answer: Any, seed: int = 0) -> Verdict:
    """The largest B for which the first B digits come off whole.

    >>> exercise_3(1).state
    'wrong'
    """
    size = as_whole_number(answer)
    if not 1 <= size <= 100:
        return wrong("the pattern has 100 digits: a number from 1 to 100 is asked for.")
    pattern = crowd(seed)
    if size == _largest(seed):
        return right("Every smaller batch of these comes off whole as well. Why?")
    if 0 in _rounds(pattern[:size]):
        return wrong("in a batch of that size, somebody never comes off.")
    return wrong("that batch comes off whole, and so does a larger one.")


@cache
def raised(seed: int = 0) -> tuple[nn.Sequential, Tensor, Tensor]:
    """A network, a batch and its labels for exercise 4: every neuron hears every sample.

    >>> model, inputs, labels = raised()
    >>> inputs.shape, model[0].weight.shape
    (torch.Size([6, 40]), torch.Size([24, 40]))
    """
    generator = torch.Generator().manual_seed(5 + seed)
    model = mlp([40, 24, 3], seed=seed, dtype=torch.float64)
    with torch.no_grad():
        model[0].bias += 2
    inputs = 0.25 + 0.5 * torch.rand(6, 40, generator=generator, dtype=torch.float64)
    return model, inputs, torch.arange(6) % 3


def _difference(a: Gradient, b: Gradient) -> float:
    pairs = zip((*a.weight_grads, *a.bias_grads), (*b.weight_grads, *b.bias_grads), strict=True)
    return max(((p - q).abs().max() / p.abs().max()).item() for p, q in pairs)


def _dimensions(seed: int) -> int:
    model, inputs, labels = raised(seed)
    with torch.no_grad():
        off = model(inputs).softmax(1) - torch.eye(3, dtype=torch.float64)[labels]
        table = (off @ model[2].weight) * activation_pattern(model, inputs)
        rank = [int(torch.linalg.matrix_rank(m)) for m in (table, model[0].weight)]
    return (len(inputs) - rank[0]) * (inputs.shape[1] - rank[1])


@check("a second batch and a number of dimensions, in this order")
def exercise_4(answer: Any, seed: int = 0) -> Verdict:
    """Another batch with the same gradient, and how many dimensions there are of them.

    >>> exercise_4((raised()[1], 5)).state
    'wrong'
    """
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise Unreadable
    model, inputs, labels = raised(seed)
    other = _as_tensor(answer[0], tuple(inputs.shape))
    dimensions = as_whole_number(answer[1])
    if not torch.isfinite(other).all() or other.min() < 0 or other.max() > 1:
        return wrong("pixels lie between 0 and 1: move less far.")
    if (other - inputs).abs().max() < _SEEN:
        return wrong("that is the same batch, or nearly so.")
    off = _difference(client_gradient(model, inputs, labels), client_gradient(model, other, labels))
    if off > 1e-9:
        with torch.no_grad():
            moved = ((other - inputs) @ model[0].weight.T).abs().max()
        layer = "the first layer sees the change" if moved > 1e-9 else "the first layer's gradient changes"
        return wrong(f"the gradients differ by {off:.1g}: {layer}.")
    if dimensions == _dimensions(seed):
        return right("And the gradient speaks for none of them.")
    return wrong("the batch is right. The dimensions are choices of c times choices of v: count each by a rank.")


@cache
def clinic(seed: int = 0) -> tuple[Gradient, Tensor]:
    """A gradient of 16 digits and its activation pattern, for exercise 5.

    >>> gradient, pattern = clinic()
    >>> gradient.weight_grads[0].shape, pattern.shape
    (torch.Size([512, 64]), torch.Size([16, 512]))
    """
    images, labels = digit_images(16, seed=seed)
    inputs = torch.from_numpy(images).flatten(1)
    model = mlp([64, 512, 10], seed=seed)
    return client_gradient(model, inputs, torch.from_numpy(labels)), activation_pattern(model, inputs)


def _flat(gradient: Gradient) -> Tensor:
    return torch.cat([t.flatten() for t in (*gradient.weight_grads, *gradient.bias_grads)]).double()


@check("a function of a gradient and a pattern that returns a gradient")
def exercise_5(answer: Any, seed: int = 0) -> Verdict:
    """A defence after which neither pictures nor labels can be read.

    >>> exercise_5(lambda gradient, pattern: gradient).state
    'wrong'
    """
    for offset in range(3):
        gradient, pattern = clinic(seed + offset)
        before = _flat(gradient)
        kept = call(answer, gradient, pattern)
        if not torch.equal(before, _flat(gradient)):
            clinic.cache_clear()
            return wrong("your function changes the gradient that it was given: put new tensors into a copy.")
        if not isinstance(kept, Gradient):
            raise Unreadable
        if _flat(kept).shape != before.shape or not torch.isfinite(_flat(kept)).all():
            return wrong("a tensor has another shape than before, or holds NaN.")
        cosine = torch.nn.functional.cosine_similarity(before, _flat(kept), dim=0)
        if cosine < _COSINE:
            return wrong(f"nothing can be learnt from this: its cosine to the true gradient is {cosine:.2f}.")
        owned = exclusive_neurons(pattern) >= 0
        if kept.weight_grads[0][owned].any() or kept.bias_grads[0][owned].any():
            return wrong("a row that one digit owns is still there.")
        if len(reconstruct_batch(kept, levels=17)):
            return wrong("peeling still reads a digit.")
        if loss_vector_rays(kept.weight_grads[-1]) or kept.weight_grads[-1][:, owned].any():
            return wrong("no digit is left. But loss_vector_rays still reads labels: of which columns?")
    return right("Two patients would still fall to exercise 6.")


@cache
def _pair(seed: int) -> tuple[Tensor, Tensor]:
    """Two pictures of 8 bits and two rows that mix them."""
    generator = torch.Generator().manual_seed(31 + seed)
    truth = torch.randint(256, (2, 48), generator=generator).double() / 255
    parts = torch.tensor([0.3, 0.8]) + 0.1 * torch.rand(2, generator=generator)
    if seed % 2:
        parts[1] = -parts[1]  # weights of a mixture may be negative
    rows = torch.stack([t * truth[0] + (1 - t) * truth[1] for t in parts.double()])
    return rows, truth


def two_mixtures(seed: int = 0) -> Tensor:
    """Quotients of two neurons that hear the same two pictures, for exercise 6.

    >>> two_mixtures().shape
    torch.Size([2, 48])
    """
    return _pair(seed)[0].clone()


@check("a table of two pictures, one a row")
def exercise_6(answer: Any, seed: int = 0) -> Verdict:
    """Two pictures that no neuron hears alone.

    >>> exercise_6(two_mixtures()).state
    'wrong'
    """
    rows, truth = _pair(seed)
    given = _as_tensor(answer, tuple(truth.shape))
    if not torch.isfinite(given).all():
        return wrong("this holds NaN or infinity.")
    both = any(torch.allclose(given, order, rtol=0, atol=1e-4) for order in (truth, truth.flip(0)))
    if both:
        return right("Eight bits a pixel made the line give way.")
    direction = rows[1] - rows[0]
    for picture in given:
        step = (picture - rows[0]) @ direction / (direction @ direction)
        if (picture - rows[0] - step * direction).abs().max() > 1e-3:
            return wrong("a picture does not lie on the line through the two rows.")
    places = given * 255
    if (places - places.round()).abs().max() > 1e-2:
        return wrong("both lie on the line. But a pixel is no whole grey level.")
    return wrong("one picture stands there twice." if torch.allclose(given[0], given[1], atol=1e-3)
                 else "a point on the line is in range and on the grid in some pixels only: look at all pixels.")


def _as_tensor(value: Any, shape: tuple[int, ...]) -> Tensor:
    """A tensor of numbers, of the shape asked for."""
    if isinstance(value, str | bytes | dict | set) or callable(value):
        raise Unreadable
    try:
        if isinstance(value, tuple | list) and value and torch.is_tensor(value[0]):
            value = torch.stack(list(value))
        tensor = value.detach().cpu() if torch.is_tensor(value) else torch.as_tensor(value, dtype=torch.float64)
        tensor = torch.empty(0) if tensor.is_complex() or tensor.dtype == torch.bool else tensor.double()
    except Exception:
        raise Unreadable("this is no table of numbers.") from None
    if tuple(tensor.shape) != shape:
        raise Unreadable(f"we asked for the shape {shape}, this has {tuple(tensor.shape)}.")
    return tensor
