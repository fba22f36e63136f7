"""The checks of chapter 4 on right, blank and wrong answers, and what the chapter claims."""

import pytest
import torch
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import one_image_from_one_gradient as checks
from course_lib.datasets import digit_images, fundus_crops, pictures
from course_lib.gradients import (
    activation_pattern,
    client_gradient,
    detect_single,
    extract_rows,
    extraction_metrics,
    invert_gradient,
    match_rows,
    mlp,
    psnr,
)


def shares(seed):
    score = extraction_metrics(checks.pattern(seed))
    return score.active, score.precision, score.recall


def quotient(layer, x, loss, neuron=None, sign=1.0):
    grads = torch.autograd.grad(loss(layer(x)), [layer.weight, layer.bias])
    i = grads[1].abs().argmax() if neuron is None else neuron
    return sign * grads[0][i] / grads[1][i]


def upside_down(layer, x, loss):
    grads = torch.autograd.grad(loss(layer(x)), [layer.weight, layer.bias])
    i = grads[1].abs().argmax()
    return grads[1][i] / grads[0][i]


def least_squares(layer, x, loss):
    G, g = torch.autograd.grad(loss(layer(x)), [layer.weight, layer.bias])
    return (g @ G / (g @ g)).tolist()


def moving(layer, x, loss):
    found = quotient(layer, x, loss)
    with torch.no_grad():
        layer.weight.add_(1.0)
    return found


def rows_of(G, g):
    return G[g != 0] / g[g != 0][:, None]


def unmasked(seed):
    gradient, mean, std = checks.standardised_batch(seed)
    rows = extract_rows(gradient).inputs * std + mean
    return rows[detect_single(rows, levels=17)]


def standardised(seed):
    _, mean, std = checks.standardised_batch(seed)
    return (unmasked(seed) - mean) / std


def every_row(seed):
    gradient, mean, std = checks.standardised_batch(seed)
    return extract_rows(gradient).inputs * std + mean


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[(5 / 6, 4 / 5, 1 / 2), [0.83, 0.8, 0.5], torch.tensor([5 / 6, 0.8, 0.5])],
            wrong=[
                Because((5 / 6, 4 / 6, 1 / 2), "active neurons"),
                Because((5 / 6, 4 / 5, 1.0), "counts pictures"),
                Because((6 / 24, 4 / 5, 1 / 2), "cells"),
                Because((5 / 6, 1 / 2, 4 / 5), "changed places"),
                Because((5 / 6, 3 / 5, 1 / 2), "look at P"),
                Because((5, 4, 2), "between 0 and 1"),
                (5 / 6, 4 / 5),
                0.5,
            ],
        ),
        Examples(right=[shares(1)], wrong=[(5 / 6, 4 / 5, 1 / 2), (0, 0, 0), (1, 1, 1)], keywords={"seed": 1}),
    ],
    "exercise_2": [
        Examples(
            right=[quotient, least_squares],
            wrong=[
                Because(lambda layer, x, loss: x, "never asks for the loss"),
                Because(lambda layer, x, loss: (loss(layer(x)), x)[1], "never asks for a gradient"),
                Because(lambda *given: quotient(*given, neuron=0), "is the neuron"),
                Because(lambda *given: quotient(*given, sign=-1.0), "wrong sign"),
                Because(upside_down, "above the line"),
                Because(moving, "changes the layer"),
                Because(lambda layer, x: x, "TypeError"),
                Because(lambda layer, x, loss: quotient(layer, x, loss)[:2], "shape"),
                torch.ones(4),
            ],
        ),
        Examples(right=[quotient], wrong=[upside_down, 4, "x"], keywords={"seed": 2}),
    ],
    "exercise_3": [
        Examples(
            right=[rows_of, lambda G, g: torch.stack([G[i] / g[i] for i in range(len(g)) if g[i]])],
            wrong=[
                Because(lambda G, g: G / g[:, None], "NaN"),
                Because(lambda G, g: torch.nan_to_num(G / g[:, None]), "silent"),
                Because(lambda G, g: G[g > 0] / g[g > 0][:, None], "below 0"),
                Because(lambda G, g: G[g.abs() > 1e-3] / g[g.abs() > 1e-3][:, None], "smallest"),
                Because(lambda G, g: G[g != 0] / g[g != 0].abs()[:, None], "their values"),
                Because(lambda G, g: rows_of(G, g).double(), "dtype"),
                Because(lambda G, g: rows_of(G, g).T, "shape"),
                7,
            ],
        ),
        Examples(right=[rows_of], wrong=[lambda G, g: G, lambda G, g: g, 3], keywords={"seed": 3}),
    ],
    "exercise_4": [
        Examples(
            right=[unmasked(0), unmasked(0).tolist()],
            wrong=[
                Because(standardised(0), "still standardised"),
                Because(every_row(0), "mixtures"),
                Because(unmasked(0)[:3], "at least one more"),
                Because(torch.rand(3, 64), "no row is one"),
                Because(unmasked(0)[0], "shape"),
                Because(torch.full((2, 64), float("nan")), "NaN"),
                12,
            ],
        ),
        Examples(right=[unmasked(3)], wrong=[unmasked(0), standardised(3), every_row(3)], keywords={"seed": 3}),
    ],
    "exercise_5": [
        Examples(
            right=[200, 200.0],
            wrong=[
                Because(100, "still leaks"),
                Because(400, "larger than it needs"),
                Because(150, "not one of"),
                Because(0.5, "whole number"),
                "large",
            ],
        ),
        Examples(right=[400], wrong=[200, 800, [400]], keywords={"seed": 1}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


@pytest.mark.parametrize("seed", range(6))
def test_every_seed_has_an_answer(seed):
    assert checks.exercise_1(shares(seed), seed=seed).state == "right"
    assert checks.exercise_2(quotient, seed=seed).state == "right"
    assert checks.exercise_3(rows_of, seed=seed).state == "right"
    assert checks.exercise_4(unmasked(seed), seed=seed).state == "right"
    assert [checks.exercise_5(b, seed=seed).state for b in checks.BATCH_SIZES].count("right") == 1


# What the chapter claims ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_one_picture_is_extracted_up_to_rounding(seed):
    images, labels = fundus_crops(1, seed=seed)
    x = torch.from_numpy(images).flatten(1)
    sent = client_gradient(mlp([2352, 512, 5], seed=seed), x, torch.from_numpy(labels))
    i = sent.bias_grads[0].abs().argmax()
    row = sent.weight_grads[0][i] / sent.bias_grads[0][i]
    assert (row - x[0]).norm() / x.norm() < 2e-7


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("source", ["digits", "photos"])
def test_a_passive_server_reads_some_of_a_hundred_pictures(source, seed):
    images, labels = pictures(source, n=100, seed=seed)
    x = torch.from_numpy(images).flatten(1)
    model = mlp([x.shape[1], 1000, 10], seed=seed)
    sent = extract_rows(client_gradient(model, x, torch.from_numpy(labels)))
    places = match_rows(sent, x)
    exact = set(places[places >= 0].tolist())
    score = extraction_metrics(activation_pattern(model, x))
    assert len(exact) == round(100 * score.recall)  # counted in the pattern and in the gradient
    assert 0.1 <= score.recall <= 0.32
    if source == "photos":
        assert torch.equal(detect_single(sent), places >= 0)


@pytest.mark.parametrize("seed", range(5))
def test_standardised_crops_stay_hidden(seed):
    images, _ = pictures("photos", n=100, seed=seed)
    x = torch.from_numpy(images).flatten(1)
    model = mlp([x.shape[1], 1000, 10], seed=seed)
    assert extraction_metrics(activation_pattern(model, (x - x.mean()) / x.std())).recall <= 0.01


@pytest.mark.parametrize("seed", range(5))
def test_the_optimiser_finds_the_one_picture_too(seed):
    images, labels = digit_images(1, seed=seed)
    x = torch.from_numpy(images).flatten(1)
    model = mlp([64, 100, 10], seed=seed)
    sent = client_gradient(model, x, torch.from_numpy(labels))
    found = invert_gradient(model, sent, "dlg", labels=torch.from_numpy(labels), restarts=2, seed=seed)
    divided = min(psnr(x[0], row) for row in extract_rows(sent).inputs)
    assert divided > 120
    assert psnr(x[0], found.inputs[0]) >= 35
