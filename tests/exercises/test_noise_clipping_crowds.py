"""The checks of chapter 6, and what the chapter claims."""

from collections import Counter
from math import ceil, log10, sqrt
from statistics import mean

import pytest
import torch
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import noise_clipping_crowds as checks
from course_lib.datasets import fundus_crops, photo_crops
from course_lib.gradients import (
    activation_pattern,
    add_noise,
    client_gradient,
    clip_and_noise,
    extract_rows,
    extract_single,
    federated_rounds,
    inconsistent_round,
    match_rows,
    mlp,
    plant,
    private_round,
    psnr,
    sybil_round,
    trap_weights,
)


def row_decibels(seed):
    told = checks.noisy_row(seed)
    return -20 * log10(told["noise"] / told["bias_gradient"]) - 10 * log10(1 + told["mean_square"])


def bound_decibels(seed):
    told = checks.clipped_picture(seed)
    return -20 * log10(told["multiplier"] * sqrt(1 + told["n_pixels"] * told["mean_square"]))


def cheated(digests):
    usual = [Counter(sent).most_common(1)[0][0] for sent in digests]
    return {(r, c) for r, sent in enumerate(digests) for c, digest in enumerate(sent) if digest != usual[r]}


def unlike_the_first(digests):
    return [(r, c) for r, sent in enumerate(digests) for c, digest in enumerate(sent) if digest != sent[0]]


def unlike_any_round(digests):
    usual = {Counter(sent).most_common(1)[0][0] for sent in digests}
    return [(r, c) for r, sent in enumerate(digests) for c, digest in enumerate(sent) if digest not in usual]


def one_too_many(digests):
    return cheated(digests) and cheated(digests) | {(0, 1)}


def sybils(seed):
    _, digit, _, multiplier = checks.leaflet(seed)
    own = -20 * log10(multiplier * sqrt(1 + digit.square().sum().item()))
    return ceil(10 ** ((20 - own) / 10)) - 1


def crowd(seed):
    return next(k for k in checks.CROWDS if checks.crowd_recall(k, checks.neurons(seed)) < checks.MOST)


def most_noise(seed):
    return max(z for z in checks.MULTIPLIERS if checks.local_accuracy(z, checks.users(seed)) >= checks.LEAST)


BOUND = bound_decibels(0)
EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[row_decibels(0), 27.1, 27],
            wrong=[
                Because(27.96, "noisy as well"),
                Because(13.6, "of a *square*"),
                Because(-27.1, "the sign"),
                Because(53.1, "divided by"),
                Because(26.3, "squares add up"),
                Because(30, "error of a pixel"),
                "27 dB",
            ],
        ),
        Examples(right=[row_decibels(3)], wrong=[row_decibels(0), 0, [1]], keywords={"seed": 3}),
    ],
    "exercise_2": [
        Examples(
            right=[BOUND, 17.2, 16.2],
            wrong=[
                Because(BOUND + 20 * log10(2), "Does that norm stay"),
                Because(-20 * log10(0.005 * 769), "root"),
                Because(-20 * log10(0.005 * sqrt(1.25)), "of a pixel"),
                Because(46.0, "How much of that norm"),
                Because(BOUND / 2, "of a *square*"),
                Because(-BOUND, "the sign"),
                Because(25, "largest bias gradient"),
                (17.2,),
            ],
        ),
        Examples(right=[bound_decibels(2)], wrong=[BOUND, 0, "x"], keywords={"seed": 2}),
    ],
    "exercise_3": [
        Examples(
            right=[cheated, lambda digests: sorted(cheated(digests))],
            wrong=[
                Because(unlike_the_first, "a client is missed"),
                Because(unlike_any_round, "a client is missed"),
                Because(lambda digests: {(c, r) for r, c in cheated(digests)}, "changed places"),
                Because(lambda digests: [(r + 1, c + 1) for r, c in cheated(digests)], "a client is missed"),
                Because(lambda digests: [], "missed"),
                Because(one_too_many, "some clients are accused"),
                Because(lambda digests: [(0, 0)], "all digests agree"),
                Because(lambda digests: [(r, f"{c}") for r, c in cheated(digests)] or [("a", 0)], "whole numbers"),
                Because(lambda digests: digests[9], "IndexError"),
                {(0, 1)},
            ],
        ),
        Examples(right=[cheated], wrong=[unlike_the_first, unlike_any_round, 3], keywords={"seed": 4}),
    ],
    "exercise_4": [
        Examples(
            right=[sybils(0), float(sybils(0))],
            wrong=[
                Because(sybils(0) + 1, "How many of them"),
                Because(sybils(0) - 1, "too few"),
                Because(sybils(0) + 30, "fewer are enough"),
                Because(-3, "0 or more"),
                Because(2.5, "fraction"),
                "many",
            ],
        ),
        Examples(right=[sybils(1)], wrong=[sybils(1) + 1, 0, [3]], keywords={"seed": 1}),
    ],
    "exercise_5": [
        Examples(
            right=[20, 20.0],
            wrong=[
                Because(10, "still leaks"),
                Because(40, "more than are needed"),
                Because(15, "not one of"),
                Because(0.05, "whole number"),
                "all",
            ],
        ),
        Examples(right=[crowd(2)], wrong=[1, 3, [20]], keywords={"seed": 2}),
    ],
    "exercise_6": [
        Examples(
            right=[0.3],
            wrong=[
                Because(1.0, "fewer right answers"),
                Because(0.1, "and more"),
                Because(0.5, "not one of"),
                Because(1.5, "not one of"),
                "0.3",
            ],
        ),
        Examples(right=[most_noise(1)], wrong=[10, 2, [0.3]], keywords={"seed": 1}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (0, 2, 3, 4, 5))])
def test_every_seed_has_an_answer(seed):
    assert checks.exercise_1(row_decibels(seed), seed=seed).state == "right"
    assert checks.exercise_2(bound_decibels(seed), seed=seed).state == "right"
    assert checks.exercise_3(cheated, seed=seed).state == "right"
    assert sybils(seed) > 2
    assert checks.exercise_4(sybils(seed), seed=seed).state == "right"
    assert [checks.exercise_5(k, seed=seed).state for k in checks.CROWDS].count("right") == 1
    assert checks.exercise_6(most_noise(seed), seed=seed).state == "right"


@pytest.mark.parametrize("n_neurons", [100, 500, 1000, 2000])
def test_no_crowd_lies_on_the_line(n_neurons):
    assert all(abs(checks.crowd_recall(k, n_neurons) - checks.MOST) >= 0.01 for k in checks.CROWDS)


@pytest.mark.parametrize("n_users", [4, 25, 50])
def test_no_accuracy_lies_on_the_line(n_users):
    assert all(abs(checks.local_accuracy(z, n_users) - checks.LEAST) >= 0.03 for z in checks.MULTIPLIERS)


# What the chapter claims ------------------------------------------------------------------------


def the_eye(seed):
    images, labels = fundus_crops(1, size=32, seed=seed)
    return torch.from_numpy(images).flatten(1), torch.from_numpy(labels)


def crops(n, seed):
    return torch.from_numpy(photo_crops(n, seed=seed)[0]).flatten(1)


def loud(gain, classes=5):
    model = plant(mlp([3072, 2, classes]), torch.full((2, 3072), 1 / 3072))
    weights = gain * torch.randn(classes, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model[2].weight.copy_(torch.stack([weights, -weights], dim=1))
        model[2].bias.zero_()
    return model


def rank_one(sent):
    table = torch.column_stack([sent.weight_grads[0], sent.bias_grads[0]])
    row = torch.linalg.eigh(table @ table.T).eigenvectors[:, -1] @ table
    return row[:-1] / row[-1]


def bound(picture, multiplier):
    return -20 * log10(multiplier * sqrt(1 + picture.square().sum().item()))


@pytest.mark.parametrize("seed", range(5))
def test_all_rows_are_better_than_one_while_noise_is_small(seed):
    eye, label = the_eye(seed)
    sent = client_gradient(mlp([3072, 512, 5], seed=seed), eye, label)
    row = sent.bias_grads[0].abs().argmax()
    for std in (1e-6, 1e-4):
        noisy = [add_noise(sent, std, 10 * seed + draw) for draw in range(5)]
        one = [psnr(eye[0], n.weight_grads[0][row] / n.bias_grads[0][row]) for n in noisy]
        assert 12 < mean(psnr(eye[0], extract_single(n)) for n in noisy) - mean(one) < 24


@pytest.mark.parametrize("seed", range(5))
def test_a_loud_model_outshouts_noise_but_not_clipped_noise(seed):
    eye, label = the_eye(seed)
    heard = [psnr(eye[0], rank_one(add_noise(client_gradient(loud(g), eye, label), 0.1, seed))) for g in (1e2, 1e4)]
    assert heard[1] > 60 and abs(heard[1] - heard[0] - 40) < 4
    for multiplier in (1e-4, 1e-3):
        runs = [clip_and_noise(loud(1e4), eye, label, 1.0, multiplier, 10 * seed + draw) for draw in range(5)]
        assert -4 < mean(psnr(eye[0], rank_one(sent)) for sent in runs) - bound(eye, multiplier) < 1


@pytest.mark.parametrize("seed", range(5))
def test_all_rows_of_an_honest_model_come_to_the_bound_where_one_row_shows_nothing(seed):
    eye, label = the_eye(seed)
    model = mlp([3072, 512, 5], seed=seed)
    runs = [clip_and_noise(model, eye, label, 1.0, 1e-3, 10 * seed + draw) for draw in range(5)]
    rows = [sent.weight_grads[0] / sent.bias_grads[0][:, None] for sent in runs]
    loudest = [sent.bias_grads[0].abs().argmax() for sent in runs]
    assert mean(psnr(eye[0], row[i]) for row, i in zip(rows, loudest, strict=True)) < 15
    # Below the bound by the noise of the divisor, which all pixels share, and by the later layer's part of the norm.
    assert -5 < mean(psnr(eye[0], rank_one(sent)) for sent in runs) - bound(eye, 1e-3) < 1


@pytest.mark.parametrize("seed", range(5))
def test_a_sum_with_sybils_is_the_targets_update(seed):
    model, batch = mlp([3072, 30, 10], seed=seed), (crops(20, seed), torch.arange(20) % 10)
    seen, own = sybil_round(model, [batch], n_sybils=9, seed=seed), client_gradient(model, *batch)
    assert torch.equal(seen.weight_grads[0], own.weight_grads[0])
    assert torch.equal(seen.bias_grads[0], own.bias_grads[0])


@pytest.mark.parametrize("seed", range(5))
def test_different_models_leave_the_target_alone_in_the_first_layer(seed):
    model = mlp([3072, 30, 10], seed=seed)
    clients = [(x, torch.arange(20) % 10) for x in crops(100, seed).split(20)]
    seen, own = inconsistent_round(model, clients, 3, seed), client_gradient(model, *clients[3])
    assert torch.equal(seen.weight_grads[0], own.weight_grads[0])
    assert torch.equal(seen.bias_grads[0], own.bias_grads[0])
    assert not torch.equal(seen.bias_grads[1], own.bias_grads[1])


@pytest.mark.parametrize("seed", range(5))
def test_sybils_leave_one_share_of_distributed_noise(seed):
    eye, label = the_eye(seed)

    def read(placement, runs=5):
        seen = [private_round(loud(1e4), [(eye, label)], 1.0, 1e-3, placement, 9, False, 10 * seed + r)
                for r in range(runs)]  # fmt: skip
        return mean(psnr(eye[0], rank_one(s)) for s in seen)

    assert read("central", 1) > 100
    assert abs(read("distributed") - bound(eye, 1e-3) - 10) < 4
    assert abs(read("local") - bound(eye, 1e-3)) < 4


def recalled(inputs, seed, target=slice(None), weights=None, dropout=0.0):
    model = mlp([3072, 500, 10], seed=seed)
    model = model if weights is None else plant(model, weights)
    pattern = activation_pattern(model, inputs)
    kept = torch.rand(pattern.shape, generator=torch.Generator().manual_seed(seed)) >= dropout
    pattern = pattern & kept
    return pattern[target, pattern.sum(0) == 1].any(1).float().mean().item()


def test_a_crowd_hides_those_who_resemble_it():
    """Means over three crowds, none of which is the chapter's."""
    found = {"alone": 0.0, "crowd": 0.0, "outsider": 0.0, "dropout": 0.0, "trap": 0.0}
    eyes = torch.from_numpy(fundus_crops(180, size=32, seed=10)[0]).flatten(1)
    for seed in range(10, 13):
        inputs = crops(200, seed)
        found["alone"] += recalled(inputs[:20], seed, slice(20)) / 3
        found["crowd"] += recalled(inputs, seed) / 3
        found["outsider"] += recalled(torch.cat([inputs[:20], eyes]), seed, slice(20)) / 3
        found["dropout"] += recalled(inputs, seed, dropout=0.5) / 3
        found["trap"] += recalled(inputs, seed, weights=trap_weights(500, 3072, 0.93, seed=seed)) / 3
    assert 0.35 < found["alone"] < 0.75 and found["crowd"] < 0.15
    assert found["outsider"] > found["crowd"] + 0.15
    assert found["dropout"] > found["crowd"]
    assert found["trap"] > 2 * found["crowd"]


def test_dropout_exposes_more_in_real_gradients():
    shares = {0.0: [], 0.5: []}
    for seed in range(5):
        inputs, labels = crops(60, seed), torch.arange(60) % 10
        first, relu, last = mlp([3072, 300, 10], seed=seed)
        for share, found in shares.items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                sent = client_gradient(torch.nn.Sequential(first, relu, torch.nn.Dropout(share), last), inputs, labels)
            found.append(len(set(match_rows(extract_rows(sent), inputs).tolist()) - {-1}) / 60)
    assert mean(shares[0.5]) > mean(shares[0.0]) + 0.03


@pytest.mark.parametrize("seed", range(5))
def test_dropout_in_front_leaves_holes_that_rounds_fill(seed):
    eye, label = the_eye(seed)
    holes = torch.nn.Sequential(torch.nn.Dropout(0.5), *loud(1e4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sent = [client_gradient(holes, eye, label) for _ in range(10)]
    found = torch.stack([extract_single(g.weight_grads[0], g.bias_grads[0]) / 2 for g in sent])
    assert psnr(eye[0], found[0]) < 15 and psnr(eye[0], found.max(0).values) > 25


@pytest.mark.parametrize("seed", range(5))
def test_the_error_of_returned_weights_is_their_size_over_the_step(seed):
    inputs, labels = crops(20, seed), torch.arange(20) % 10
    initial = mlp([3072, 200, 10], seed=seed)
    trap = plant(initial, trap_weights(200, 3072, 0.97, seed=seed))

    def error(model, rate):
        history = federated_rounds(model, [(inputs, labels)], 1, learning_rate=rate, keep_uploads=True)
        sent = history.uploads[0, 0]
        pattern = activation_pattern(model, inputs)
        single = pattern.sum(0) == 1
        truth = inputs[pattern[:, single].float().argmax(0)]
        rows = sent.weight_grads[0][single] / sent.bias_grads[0][single][:, None]
        return ((rows - truth).norm(dim=1) / truth.norm(dim=1)).nanmedian().item()

    for model in (initial, trap):
        assert 6 < error(model, 0.01) / error(model, 0.1) < 15
    assert error(trap, 0.1) > 10 * error(initial, 0.1)


@pytest.mark.parametrize("seed", range(5))
def test_clipping_alone_keeps_every_exact_picture(seed):
    inputs, labels = crops(20, seed), torch.arange(20) % 10
    model = mlp([3072, 300, 10], seed=seed)
    sent = client_gradient(model, inputs, labels), clip_and_noise(model, inputs, labels, 0.01, 0, seed)
    exact = [set(match_rows(extract_rows(g), inputs).tolist()) - {-1} for g in sent]
    assert exact[0] == exact[1] and len(exact[0]) >= 4
