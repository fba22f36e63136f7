"""The checks of chapter 7 on right, blank and wrong answers, and what the chapter claims."""

from copy import deepcopy

import pytest
import torch
from verdicts import Because, Examples, verdict_tests

from course_lib.checks import neurons_that_know_one_person as checks
from course_lib.datasets import digit_images, fundus_crops, photo_crops
from course_lib.gradients import (
    activation_pattern,
    client_gradient,
    conv_net,
    drop_exclusive_rows,
    exclusive_neurons,
    invert_features,
    invert_gradient,
    label_from_ratios,
    loss_vector_rays,
    match_reconstruction,
    mlp,
    psnr,
    ratio_groups,
    reconstruct_batch,
    reconstruct_exclusive,
)


def groups(seed):
    _, owners, labels = checks._columns(seed)
    return {
        tuple(j for j, owner in enumerate(owners, 1) if owner == name): labels[name] for name in ("first", "second")
    }


def grouped(grad, rtol, min_neurons=2):
    return [ray.neurons for ray in loss_vector_rays(grad, rtol, min_neurons)]


def with_singles(grad, rtol):
    found = grouped(grad, rtol)
    alone = set(grad.any(0).nonzero().flatten().tolist()) - set(torch.cat(found).tolist())
    return [*found, *([j] for j in alone)]


def by_ratio(grad, rtol):
    return ratio_groups(grad, atol=0, rtol=rtol, min_neurons=2)


def by_either_sign(grad, rtol):
    unit = torch.nn.functional.normalize(grad.double(), dim=0)
    left, found = grad.any(0).nonzero().flatten(), []
    while len(left):
        near = 1 - (unit[:, left].T @ unit[:, left[0]]).abs() < rtol
        found.append(left[near].tolist())
        left = left[~near]
    return [members for members in found if len(members) > 1]


def size(seed):
    return len(checks._owned(seed)[2])


def mixture(seed):
    _, gradient, inputs = checks._two_classes(seed)
    for j in (gradient.bias_grads[0] != 0).nonzero().flatten().tolist():
        row = gradient.weight_grads[0][j] / gradient.bias_grads[0][j]
        if checks.passes(gradient, j, row) and (inputs - row).abs().amax(1).min() > 0.05:
            return row
    raise AssertionError("no mixture passes")


def n_owned(model, inputs):
    owners = exclusive_neurons(activation_pattern(model, inputs))
    return torch.bincount(owners[owners >= 0], minlength=len(inputs))


def shift(seed, count=2):
    model, inputs = checks.digits_to_protect(seed)
    for step in range(60):
        raised = deepcopy(model)
        raised[0].bias.data += step / 20
        if (n_owned(raised, inputs) < count).all():
            return step / 20


EXAMPLES = {
    "exercise_1": [
        Examples(
            right=[{(1, 4): 3, (3, 5): 1}, {(5, 3): 1, (4, 1): 3.0}, {frozenset({1, 4}): 3, (3, 5): 1}],
            wrong=[
                Because({(1, 4): 3, (3, 5): 2}, "divide by a negative"),
                Because({(1, 4): 1, (3, 5): 1}, "Which entry"),
                Because({(1, 4): 3}, "there is another"),
                Because({(1, 4): 3, (3, 5): 1, (6,): 1}, "alone is no group"),
                Because({(1, 4): 3, (3, 5): 1, 6: 1}, "alone is no group"),
                Because({(1, 4): 3, (3, 5, 2): 1}, "two negative"),
                Because({(1, 3): 3, (4, 5): 1}, "not multiples"),
                Because({(0, 3): 3, (2, 4): 1}, "numbers 1 to 6"),
                [(1, 4), (3, 5)],
                3,
            ],
        ),
        Examples(right=[groups(3)], wrong=[{(1, 2): 1}, {}, "1 and 4"], keywords={"seed": 3}),
    ],
    "exercise_2": [
        Examples(
            right=[grouped, lambda grad, rtol: [g.tolist() for g in grouped(grad, rtol)]],
            wrong=[
                Because(lambda grad, rtol: ratio_groups(grad, min_neurons=2), "other way"),
                Because(by_either_sign, "joins two samples"),
                Because(by_ratio, "other way"),
                Because(lambda grad, rtol: [*grouped(grad, rtol), (grad == 0).all(0).nonzero().flatten()], "silent"),
                Because(with_singles, "two neurons at least"),
                Because(lambda grad, rtol: grouped(grad, rtol) * 2, "in two groups"),
                Because(lambda grad, rtol: grouped(grad, 1e-2), "joins two samples"),
                Because(lambda grad, rtol: grouped(grad, 1e-9), "split"),
                Because(lambda grad: [], "TypeError"),
                Because(lambda grad, rtol: 3, "no list"),
            ],
        ),
        Examples(right=[grouped], wrong=[by_ratio, lambda grad, rtol: [], [[0, 1]]], keywords={"seed": 4}),
    ],
    "exercise_3": [
        Examples(
            right=[5, 5.0, 5.0000001],
            wrong=[
                Because(0.2, "share"),
                Because(-5, "sign"),
                Because(4, "groups"),
                Because(10, "alone would give"),
                "five",
            ],
        ),
        Examples(right=[size(4)], wrong=[size(4) - 1, 1 / size(4), [size(4)]], keywords={"seed": 4}),
    ],
    "exercise_4": [
        Examples(
            right=[mixture(0), mixture(0).tolist()],
            wrong=[
                Because(checks._two_classes(0)[2][0], "picture of the batch"),
                Because([0.5] * 64, "no row"),
                Because(mixture(0)[:10], "64 numbers"),
                Because(0.9 * mixture(0), "no row"),
                4,
            ],
        ),
        Examples(right=[mixture(2)], wrong=[mixture(0), torch.zeros(64), "x"], keywords={"seed": 2}),
    ],
    "exercise_5": [
        Examples(
            right=[shift(0), torch.tensor(shift(0))],
            wrong=[
                Because(shift(0) - 0.05, "own two neurons"),
                Because(0, "own two neurons"),
                Because(shift(0, count=1), "less is enough"),
                Because(2.5, "nor at a smaller"),
                Because(-0.2, "lower bias"),
                Because(0.333, "steps of 0.05"),
                "some",
            ],
        ),
        Examples(right=[shift(2)], wrong=[shift(2) + 0.05, shift(2) - 0.05, [1, 2]], keywords={"seed": 2}),
    ],
}

test_right, test_wrong, test_blank, test_any, test_silent = verdict_tests(checks, EXAMPLES)


@pytest.mark.parametrize("seed", range(6))
def test_every_seed_has_an_answer(seed):
    assert checks.exercise_1(groups(seed), seed=seed).state == "right"
    assert checks.exercise_2(grouped, seed=seed).state == "right"
    assert checks.exercise_3(size(seed), seed=seed).state == "right"
    assert checks.exercise_4(mixture(seed), seed=seed).state == "right"
    assert checks.exercise_5(shift(seed), seed=seed).state == "right"


@pytest.mark.parametrize("seed", range(6))
def test_the_given_neuron_gives_the_size_and_no_group_count_does(seed):
    model, gradient, j, label = checks.one_owner(seed)
    picture = gradient.weight_grads[0][j] / gradient.bias_grads[0][j]
    d = model(picture).softmax(0).detach() - torch.eye(10)[label]
    assert float((gradient.weights[1][:, j] @ d) / gradient.bias_grads[0][j]) == pytest.approx(size(seed), rel=1e-9)


# What the chapter claims ------------------------------------------------------------------------


def batch(draw, n, seed, classes=5, dtype=torch.float32):
    images, labels = draw(n, seed=seed)
    inputs, labels = torch.from_numpy(images).flatten(1).to(dtype), torch.from_numpy(labels) % classes
    return mlp([inputs.shape[1], 512, classes], seed=seed).to(dtype), inputs, labels


def crops(n, seed):
    return photo_crops(n, 28, seed)


@pytest.mark.parametrize("draw", [crops, fundus_crops, digit_images])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_directions_count_the_samples_that_own_two_neurons(draw, dtype):
    surplus = []
    for seed in range(5):
        model, inputs, labels = batch(draw, 8, seed, dtype=dtype)
        rays = loss_vector_rays(client_gradient(model, inputs, labels).weight_grads[1])
        surplus.append(len(rays) - int((n_owned(model, inputs) >= 2).sum()))
    # Two neurons that the same two samples share may point one way to float32's precision.
    assert min(surplus) == 0 and sum(surplus) <= (1 if dtype == torch.float32 else 0)


def test_the_ladder_climbs_from_the_published_groups_to_the_truth():
    published, truth, at_the_right_layer = [], [], []
    for seed in range(5):
        model, inputs, labels = batch(crops, 8, seed)
        twice = client_gradient(torch.nn.Sequential(*model, torch.nn.Softmax(1)), inputs, labels).weight_grads
        published.append(len(ratio_groups(twice[0], reshape=True, min_neurons=2)))
        at_the_right_layer.append(len(ratio_groups(twice[1], min_neurons=2)))
        truth.append(int((n_owned(model, inputs) >= 2).sum()))
    assert all(p > t for p, t in zip(published, truth, strict=True)) and max(published) > 20
    assert sum(at_the_right_layer) > sum(truth) and max(at_the_right_layer) < max(published)


def test_ratios_read_a_wrong_label_for_the_first_class_alone():
    wrong, first = 0, 0
    for seed in range(6):
        model, inputs, labels = batch(crops, 8, seed)
        for ray in loss_vector_rays(client_gradient(model, inputs, labels).weight_grads[1]):
            bad = label_from_ratios(ray.direction / ray.direction[0]) != ray.label
            assert bad == (ray.label == 0)
            wrong, first = wrong + bad, first + (ray.label == 0)
    assert wrong == first > 0


@pytest.mark.parametrize("seed", range(5))
def test_one_patients_share_gives_the_batch_size_where_groups_do_not(seed):
    model, inputs, labels = batch(fundus_crops, 8, seed, dtype=torch.float64)
    sent = client_gradient(model, inputs, labels)
    found = reconstruct_batch(sent, peel=False)
    assert found.batch_size == 8 and len(found) == (n_owned(model, inputs) >= 1).sum()
    assert len(loss_vector_rays(sent.weight_grads[1])) < 8
    assert len(reconstruct_exclusive(sent)) == 0


@pytest.mark.parametrize("seed", [5, 15, 21])
def test_four_eyes_are_rebuilt_and_the_guessed_length_is_too_short(seed):
    images, labels = map(torch.from_numpy, fundus_crops(4, seed=seed))
    inputs = images.flatten(1).double()
    model = mlp([2352, 512, 5], seed=0).double()
    found = reconstruct_exclusive(client_gradient(model, inputs, labels))
    match = match_reconstruction(inputs, labels, found)
    assert found.complete and found.batch_size == 4
    assert match.label_correct.all() and match.psnr_db.min() > 250
    probability = model(inputs).softmax(1)[torch.arange(4), labels]
    assert ((2 / 3 / (1 - probability) - 1) < -0.1).all()


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (16, 23))])
def test_eight_photographs_in_closed_form_and_by_optimisation(seed):
    images, labels = map(torch.from_numpy, crops(8, seed))
    inputs, labels, model = images.flatten(1), labels % 5, mlp([2352, 512, 5])
    sent = client_gradient(model, inputs, labels)
    guessed = invert_gradient(model, sent, "cosine", labels=labels, steps=15, restarts=1).inputs
    found = reconstruct_exclusive(client_gradient(model.double(), inputs, labels))
    match = match_reconstruction(inputs, labels, found)
    assert found.complete and match.label_correct.all() and match.psnr_db.min() > 250
    assert all(max(psnr(x, g) for g in guessed) < match.psnr_db.min() - 100 for x in inputs)


def test_few_batches_of_eight_photographs_meet_the_assumption():
    met = []
    for seed in range(20):
        model, inputs, _ = batch(crops, 8, seed)
        met.append(bool((n_owned(model, inputs) >= 2).all()))
    assert sum(met) >= 1 and all(sum(met[k : k + 5]) <= 2 for k in range(0, 20, 5))


@pytest.mark.parametrize("draw", [crops, fundus_crops, digit_images])
def test_no_batch_of_sixteen_meets_the_assumption(draw):
    for seed in range(5):
        model, inputs, _ = batch(draw, 16, seed)
        assert (n_owned(model, inputs) < 2).any()


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_put_all_neurons_on_two_rays(seed):
    model, inputs, labels = batch(fundus_crops, 4, seed, classes=2, dtype=torch.float64)
    sent = client_gradient(model, inputs, labels)
    rays = loss_vector_rays(sent.weight_grads[1])
    assert len(rays) <= 2 and sum(len(ray.neurons) for ray in rays) > 200
    assert len(reconstruct_batch(sent)) == 0 and "two classes" in reconstruct_batch(sent).reason


def test_with_eight_filters_pixels_depend_on_the_weights():
    picture = torch.from_numpy(fundus_crops(1, 16, seed=0)[0]).double()
    decibels = []
    for seed in range(3):
        body = conv_net((3, 16, 16), (8, 8), hidden=8, classes=5, seed=seed).double()[:5]
        found = invert_features(body, body(picture).detach(), (3, 16, 16), steps=100)
        decibels.append(psnr(picture, found.inputs))
    assert min(decibels) < 30 and max(decibels) > 45


@pytest.mark.parametrize("draw", [crops, fundus_crops])
def test_dropping_rows_hardly_turns_the_gradient_and_keeps_the_labels(draw):
    def flat(gradient):
        return torch.cat([part.flatten() for part in (*gradient.weight_grads, *gradient.bias_grads)])

    for seed in range(5):
        model, inputs, labels = batch(draw, 8, seed, dtype=torch.float64)
        sent, pattern = client_gradient(model, inputs, labels), activation_pattern(model, inputs)
        kept = drop_exclusive_rows(sent, pattern)
        assert torch.cosine_similarity(flat(sent), flat(kept), dim=0) >= 0.986
        assert len(reconstruct_batch(kept, peel=False)) == len(reconstruct_exclusive(kept)) == 0
        assert len(loss_vector_rays(kept.weight_grads[1])) == len(loss_vector_rays(sent.weight_grads[1]))
