"""The checks of chapter 8 on right, blank and wrong answers, and what the chapter claims."""

from dataclasses import replace

import pytest
import torch
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import peeling_a_whole_batch as checks
from course_lib.datasets import fundus_crops, photo_crops
from course_lib.gradients import (
    activation_pattern,
    add_noise,
    ambiguous_batch,
    client_gradient,
    drop_exclusive_rows,
    exclusive_neurons,
    extraction_metrics,
    loss_vector_rays,
    match_reconstruction,
    mlp,
    pattern_bound,
    psnr,
    reconstruct_batch,
)


def told(seed):
    one = checks.one_neuron(seed)
    label = min(range(3), key=lambda k: one["column"][k])
    delta = [p - (k == label) for k, p in enumerate(one["probabilities"])]
    slope = sum(w * d for w, d in zip(one["outgoing weights"], delta, strict=True))
    return label, round(slope / one["bias gradient"])


def peel(pattern, start=1, in_turn=False, first_round_only=False):
    left, rounds, number = pattern.clone(), [0] * len(pattern), start
    while True:
        freed = left[:, left.sum(0) == 1].any(1).nonzero()[:, 0].tolist()[: 1 if in_turn else None]
        if not freed or (first_round_only and number > start):
            return rounds
        for picture in freed:
            rounds[picture] = number
        left[freed], number = False, number + 1


def impatient(pattern):
    rounds = peel(pattern)
    return [r or max(rounds) + 1 for r in rounds]


def careless(pattern):
    rounds = peel(pattern)
    pattern[:] = False
    return rounds


def largest(seed):
    pattern = checks.crowd(seed)
    return max(m for m in range(1, 101) if 0 not in peel(pattern[:m]))


def null_space(matrix):
    _, values, rows = torch.linalg.svd(matrix)
    return rows[int((values > 1e-10 * values[0]).sum()) :]


def second(seed, step=0.2, free=True):
    model, inputs, labels = checks.raised(seed)
    with torch.no_grad():
        off = model(inputs).softmax(1) - torch.eye(3)[labels]
        c = null_space((off @ model[2].weight).T)[0] if free else torch.ones(6).double()
        v = null_space(model[0].weight)[0]
    change = torch.outer(c, v)
    return inputs + step * change / change.abs().max()


def library_batch(seed):
    return ambiguous_batch(*checks.raised(seed), seed=3)


def seen_by_the_layer(seed):
    return (checks.raised(seed)[1] + 0.1).clamp(0, 1)


def defend(gradient, pattern):
    kept = drop_exclusive_rows(gradient, pattern)
    last = kept.weight_grads[-1] * (exclusive_neurons(pattern) < 0)
    return replace(kept, weight_grads=(*kept.weight_grads[:-1], last))


def nothing_sent(gradient, pattern):
    return replace(gradient, weight_grads=tuple(g.sign() for g in defend(gradient, pattern).weight_grads))


def in_place(gradient, pattern):
    gradient.weight_grads[0][exclusive_neurons(pattern) >= 0] = 0
    return gradient


def pair(seed):
    rows = checks.two_mixtures(seed)
    direction = rows[1] - rows[0]
    pixel = direction.abs().argmax()
    steps = (torch.arange(256).double() / 255 - rows[0, pixel]) / direction[pixel]
    places = 255 * (rows[0] + steps[:, None] * direction)
    return places[(places - places.round().clamp(0, 255)).abs().amax(1) < 1e-6] / 255


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[told(0), list(told(0)), torch.tensor(told(0))],
            wrong=[
                Because((20, 1), "comes first"),
                Because((2, 20), "counted from 0"),
                Because((0, 20), "negative entry"),
                Because((1, 10), "activation"),
                Because((1, 40), "1/w"),
                Because((1, 18.18), "whole number"),
                20,
            ],
        ),
        Examples(right=[told(2)], wrong=[told(0), (0, 100), (1, 40)], keywords={"seed": 2}),
    ],
    "exercise_2": [
        Examples(
            right=[peel, lambda p: tuple(peel(p)), lambda p: torch.tensor(peel(p))],
            wrong=[
                Because(lambda p: peel(p, start=0), "counted from 1"),
                Because(lambda p: peel(p, in_turn=True), "in the same round"),
                Because(lambda p: peel(p, first_round_only=True), "first round"),
                Because(impatient, "gets 0"),
                Because(careless, "changes the pattern"),
                Because(lambda p: peel(p)[1:], "rounds"),
                lambda p: 3,
                [1, 2, 3],
            ],
        ),
        Examples(right=[peel], wrong=[impatient, careless, 4], keywords={"seed": 3}),
    ],
    "exercise_3": [
        Examples(
            right=[largest(0), float(largest(0))],
            wrong=[
                Because(largest(0) + 1, "never comes off"),
                Because(largest(0) - 1, "a larger one"),
                Because(128, "from 1 to 100"),
                Because(0.5, "whole number"),
            ],
        ),
        Examples(right=[largest(1)], wrong=[largest(0), largest(1) + 1, [12]], keywords={"seed": 1}),
    ],
    "exercise_4": [
        Examples(
            right=[(second(0), 64), [second(0).tolist(), 64.0], (library_batch(0), 64)],
            wrong=[
                Because((second(0), 16), "count each by a rank"),
                Because((second(0, step=1e-4), 64), "the same batch"),
                Because((second(0, step=3.0), 64), "between 0 and 1"),
                Because((second(0, free=False), 64), "first layer's gradient changes"),
                Because((seen_by_the_layer(0), 64), "sees the change"),
                Because((second(0)[:3], 64), "shape"),
                64,
            ],
        ),
        Examples(right=[(second(2), 64)], wrong=[(second(0), 64), (second(2), 4), 3], keywords={"seed": 2}),
    ],
    "exercise_5": [
        Examples(
            right=[defend],
            wrong=[
                Because(lambda g, p: g, "row that one digit owns"),
                Because(drop_exclusive_rows, "still reads labels"),
                Because(nothing_sent, "nothing can be learnt"),
                Because(in_place, "changes the gradient"),
                Because(lambda g, p: 3, "returns something else"),
                3,
            ],
        ),
        Examples(right=[defend], wrong=[drop_exclusive_rows, lambda g, p: g, "x"], keywords={"seed": 4}),
    ],
    "exercise_6": [
        Examples(
            right=[pair(0), pair(0).flip(0), pair(0).tolist(), tuple(pair(0))],
            wrong=[
                Because(checks.two_mixtures(0), "no whole grey level"),
                Because(pair(0)[[0, 0]], "twice"),
                Because(pair(0).flip(1), "on the line"),
                Because(pair(0)[0], "shape"),
                Because(torch.full((2, 48), torch.nan), "NaN"),
                12,
            ],
        ),
        Examples(right=[pair(1)], wrong=[pair(0), checks.two_mixtures(1), 0.5], keywords={"seed": 1}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


@pytest.mark.parametrize("seed", range(6))
def test_every_seed_has_an_answer(seed):
    assert checks.exercise_1(told(seed), seed=seed).state == "right"
    assert checks.exercise_2(peel, seed=seed).state == "right"
    assert checks.exercise_3(largest(seed), seed=seed).state == "right"
    assert checks.exercise_4((second(seed), 64), seed=seed).state == "right"
    assert checks.exercise_5(defend, seed=seed).state == "right"
    assert checks.exercise_5(drop_exclusive_rows, seed=seed).state == "wrong"
    assert len(pair(seed)) == 2
    assert checks.exercise_6(pair(seed), seed=seed).state == "right"


# What the chapter claims ------------------------------------------------------------------------


def client(draw, size, neurons, seed, classes=10, dtype=torch.float32):
    images, labels = draw(size, 28, seed)
    inputs = torch.as_tensor(images).flatten(1).to(dtype)
    return mlp([2352, neurons, classes], seed=seed, dtype=dtype), inputs, torch.as_tensor(labels) % classes


SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 5))]


@pytest.mark.parametrize("seed", SEEDS)
def test_thirty_two_eyes_come_off_whole_though_most_own_no_neuron(seed):
    model, eyes, grades = client(fundus_crops, 32, 1000, seed, 5)
    assert extraction_metrics(activation_pattern(model, eyes)).recall < 0.5
    found = reconstruct_batch(client_gradient(model, eyes, grades), levels=256)
    match = match_reconstruction(eyes, grades, found)
    assert found.complete and found.batch_size == 32 and match.n_false == 0
    assert torch.equal(found.inputs[match.index], eyes) and match.label_correct.all()
    assert found.rounds.max() > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundred_photographs_come_off_whole(seed):
    model, photos, labels = client(photo_crops, 100, 1000, seed)
    found = reconstruct_batch(client_gradient(model, photos, labels), levels=256)
    match = match_reconstruction(photos, labels, found)
    assert found.complete and len(found) == found.batch_size == 100
    assert torch.equal(found.inputs[match.index], photos)


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_batches_and_then_a_collapse(seed):
    """In the pattern alone: 300 pictures through 1000 neurons, and their first hundred."""
    images, _ = photo_crops(300, 28, seed)
    pattern = activation_pattern(mlp([2352, 1000, 10], seed=seed), torch.from_numpy(images).flatten(1))
    assert pattern_bound(pattern[:100]) == 1
    assert extraction_metrics(pattern[:100]).recall < 0.4
    assert pattern_bound(pattern) < 0.4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundred_eyes_stall_and_the_library_says_so(seed):
    model, eyes, grades = client(fundus_crops, 100, 1000, seed, 5)
    found = reconstruct_batch(client_gradient(model, eyes, grades), levels=256)
    match = match_reconstruction(eyes, grades, found)
    assert not found.complete and len(found) < 30 and match.n_false == 0
    assert "of 100 samples" in found.reason


@pytest.mark.parametrize("neurons", [128, pytest.param(512, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", range(5))
def test_two_batches_have_one_gradient(seed, neurons):
    model, eyes, grades = client(fundus_crops, 8, neurons, seed, 5, torch.float64)
    with torch.no_grad():
        model[0].bias += 1.5
    other = ambiguous_batch(model, eyes, grades)
    ours, theirs = (client_gradient(model, x, grades) for x in (eyes, other))
    pairs = zip((*ours.weight_grads, *ours.bias_grads), (*theirs.weight_grads, *theirs.bias_grads), strict=True)
    assert max(((a - b).abs().max() / a.abs().max()).item() for a, b in pairs) < 1e-12
    assert (other - eyes).abs().max() > 0.05 and other.min() >= 0 and other.max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_noise_costs_twenty_decibels_a_decade(seed):
    model, photos, labels = client(photo_crops, 8, 250, seed, dtype=torch.float64)
    sent = client_gradient(model, photos, labels)
    largest_entry = max(g.abs().max().item() for g in sent.weight_grads)
    heights = []
    for exponent in (-12, -8):
        found = reconstruct_batch(add_noise(sent, 10.0**exponent * largest_entry, seed=seed))
        match = match_reconstruction(photos, labels, found)
        assert match.recovered().all()
        heights.append(match.psnr_db.median().item())
    assert (heights[0] - heights[1]) / 4 == pytest.approx(20, abs=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_dropping_rows_does_not_hide_two_patients(seed):
    model, eyes, grades = client(fundus_crops, 2, 512, seed, 5, torch.float64)
    sent = client_gradient(model, eyes, grades)
    kept = drop_exclusive_rows(sent, activation_pattern(model, eyes))
    flat = [torch.cat([t.flatten() for t in (*g.weight_grads, *g.bias_grads)]) for g in (sent, kept)]
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) > 0.9
    assert len(reconstruct_batch(kept)) == 0
    rays = loss_vector_rays(kept.weight_grads[1])
    assert [sorted(ray.label for ray in rays)] == [sorted(grades.tolist())]
    shared = kept.bias_grads[0] != 0
    reach = torch.stack([model[2].weight.detach().T @ ray.direction for ray in rays], 1)[shared]
    sigma = torch.linalg.lstsq(reach, kept.bias_grads[0][shared, None]).solution[:, 0]
    solved = torch.linalg.lstsq(reach * sigma, kept.weight_grads[0][shared]).solution
    assert min(max(psnr(eye, x) for x in solved) for eye in eyes) > 150
