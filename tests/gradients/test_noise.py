"""Noise and clipping: their amounts, what one row then shows, and who adds the noise."""

from math import log10, sqrt

import pytest
import torch
from torch import nn

from course_lib.datasets import digit_images
from course_lib.gradients import (
    add_noise,
    client_gradient,
    clip_and_noise,
    conv_net,
    extract_rows,
    match_rows,
    mlp,
    per_example_gradients,
    per_example_norms,
    plant,
    private_round,
    psnr,
)


def digits(n, seed=0, dtype=torch.float32):
    images, labels = digit_images(n, seed=seed)
    return torch.from_numpy(images).flatten(1).to(dtype), torch.from_numpy(labels)


def numbers(gradient):
    pairs = zip(gradient.weight_grads, gradient.bias_grads, strict=True)
    return torch.cat([t.reshape(-1) for pair in pairs for t in pair if t is not None])


def one_by_one(model, inputs, labels):
    """The oracle: a client of its own for every picture."""
    return [client_gradient(model, inputs[m : m + 1], labels[m : m + 1]) for m in range(len(inputs))]


# Noise.


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_normal_independent_and_of_the_amount_asked_for(dtype):
    sent = client_gradient(mlp([64, 200, 10], dtype=dtype), *digits(4))
    noise = numbers(add_noise(sent, std=0.3, seed=1)) - numbers(sent)
    assert noise.dtype == dtype
    assert noise.mean().abs() < 5 * 0.3 / sqrt(len(noise))
    assert noise.std() / 0.3 == pytest.approx(1, abs=5 / sqrt(2 * len(noise)))
    assert (noise.abs() < 0.3).float().mean().item() == pytest.approx(0.6827, abs=0.02)
    assert torch.corrcoef(torch.stack([noise[:-1], noise[1:]]))[0, 1].abs() < 5 / sqrt(len(noise))


def test_noise_follows_the_seed_and_not_the_global_state():
    sent = client_gradient(mlp([64, 20, 10]), *digits(4))
    torch.manual_seed(1)
    first = add_noise(sent, 0.1, seed=5)
    torch.manual_seed(2)
    assert torch.equal(numbers(first), numbers(add_noise(sent, 0.1, seed=5)))
    assert not torch.equal(numbers(first), numbers(add_noise(sent, 0.1, seed=6)))
    assert torch.equal(numbers(add_noise(sent, 0.0, seed=5)), numbers(sent))


def test_a_layer_without_bias_stays_without():
    sent = client_gradient(mlp([64, 20, 10], bias=False), *digits(4))
    assert add_noise(sent, 0.1, seed=0).bias_grads == (None, None)


@pytest.mark.parametrize("seed", range(5))
def test_ten_times_the_noise_costs_20_decibels(seed):
    picture, label = digits(1, seed, torch.float64)
    sent = client_gradient(mlp([64, 100, 10], seed, dtype=torch.float64), picture, label)
    row = sent.bias_grads[0].abs().argmax()
    levels = []
    for std in (1e-6, 1e-5, 1e-4):
        noisy = add_noise(sent, std, seed)
        found = noisy.weight_grads[0][row] / noisy.bias_grads[0][row]
        levels.append(psnr(picture[0], found))
        # e and e' of dL/dw + e and dL/db + e' both pass: error std / |dL/db| sqrt(1 + x^2) a pixel.
        error = std / sent.bias_grads[0][row].abs() * (1 + picture.square().mean()).sqrt()
        assert levels[-1] == pytest.approx(-20 * log10(error), abs=3)
    assert levels[0] - levels[1] == pytest.approx(20, abs=0.1)
    assert levels[1] - levels[2] == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize("std", [-1e-9, float("nan"), float("inf")])
def test_an_amount_of_noise_that_is_none_is_refused(std):
    sent = client_gradient(mlp([64, 20, 10]), *digits(2))
    with pytest.raises(ValueError) as error:
        add_noise(sent, std, seed=0)
    assert str(error.value) == f"std is {std!r}; a finite number from 0 upwards is needed"


# The gradient of each picture.

INPLACE = nn.Sequential(nn.Linear(64, 30), nn.ReLU(inplace=True), nn.Linear(30, 10))
MODELS = {
    "fully connected": mlp([64, 30, 20, 10], dtype=torch.float64),
    "without bias": mlp([64, 30, 10], bias=False, dtype=torch.float64),
    "in place": INPLACE.double(),
    "one layer": nn.Linear(64, 10).double(),
    "convolutions": nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *conv_net((1, 8, 8), (2,), 12, dtype=torch.float64)),
    "layer norm": nn.Sequential(nn.Linear(64, 30), nn.LayerNorm(30), nn.ReLU(), nn.Linear(30, 10)).double(),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_gradients_and_norms_equal_those_of_single_pictures(model):
    inputs, labels = digits(7, dtype=torch.float64)
    grads = per_example_gradients(model, inputs, labels)
    alone = [
        torch.autograd.grad(nn.functional.cross_entropy(model(x[None]), y[None]), list(model.parameters()))
        for x, y in zip(inputs, labels, strict=True)
    ]
    for grad, *single in zip(grads.values(), *alone, strict=True):
        torch.testing.assert_close(grad, torch.stack(single), rtol=0, atol=1e-14)
    norms = torch.stack([torch.cat([g.reshape(-1) for g in single]).norm() for single in alone])
    torch.testing.assert_close(per_example_norms(model, inputs, labels), norms, rtol=1e-12, atol=0)


def test_a_layer_on_more_than_one_vector_a_picture_or_used_twice_is_not_taken_for_a_ghost():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.last = nn.Linear(8, 8).double(), nn.Linear(8, 3).double()

        def forward(self, x):
            return self.last(self.layer(self.layer(x).relu()).relu())

    class Rows(Twice):
        def forward(self, x):
            return self.last(self.layer(x.reshape(-1, 2, 8)).relu().sum(1))

    labels = torch.tensor([0, 1, 2])
    for model, width in ((Twice(), 8), (Rows(), 16)):
        inputs = torch.linspace(0, 1, 3 * width, dtype=torch.float64).reshape(3, width)
        grads = per_example_gradients(model, inputs, labels).values()
        slow = sum(g.flatten(1).square().sum(1) for g in grads).sqrt()
        torch.testing.assert_close(per_example_norms(model, inputs, labels), slow)


def test_a_wide_layer_is_refused_by_gradients_but_not_by_norms():
    model, inputs, labels = mlp([3072, 1000, 10]), torch.rand(100, 3072), torch.arange(100) % 10
    with pytest.raises(ValueError) as error:
        per_example_gradients(model, inputs, labels)
    assert str(error.value) == (
        "100 gradients need 1176 MiB, the limit is 256: take smaller batches, raise max_bytes, or use "
        "per_example_norms, which needs a fraction for linear layers"
    )
    assert per_example_norms(model, inputs, labels).shape == (100,)
    clipped = clip_and_noise(model, inputs, labels, clip=1, noise_multiplier=0, seed=0)
    assert numbers(clipped).norm() <= 1


@pytest.mark.parametrize(
    ("model", "inputs", "labels", "said"),
    [
        (nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), torch.rand(2, 4), torch.zeros(2), "1 is BatchNorm1d: "),
        (nn.Sequential(nn.Linear(4, 4), nn.Dropout()), torch.rand(2, 4), torch.zeros(2), "1 is Dropout: put the"),
        (nn.ReLU(), torch.rand(2, 4), torch.zeros(2), "ReLU has no parameters: there is no gradient"),
        (nn.Linear(4, 4), torch.rand(0, 4), torch.zeros(0), "the batch is empty: at least one input is needed"),
        (nn.Linear(4, 4), torch.rand(2, 4), torch.zeros(3), "2 inputs but 3 labels"),
        (nn.Linear(4, 4), torch.full((2, 4), torch.nan), torch.zeros(2), "inputs is not finite: it holds NaN"),
    ],
)
def test_batches_and_models_without_single_gradients_are_refused(model, inputs, labels, said):
    for call in (per_example_gradients, per_example_norms):
        with pytest.raises(ValueError) as error:
            call(model, inputs, labels.long())
        assert str(error.value).startswith(said)


def test_batch_normalisation_in_eval_mode_mixes_nothing():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval()
    assert per_example_norms(model, torch.rand(2, 4), torch.tensor([0, 1])).shape == (2,)


# Clipping.


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("clip", [0.05, 2.0, 1e9])
def test_clipping_scales_each_picture_by_itself(model, clip):
    inputs, labels = digits(6, dtype=torch.float64)
    norms = per_example_norms(model, inputs, labels)
    factors = [min(1, clip / norm) for norm in norms.tolist()]
    alone = one_by_one(model, inputs, labels)
    expected = sum(f * numbers(g) for f, g in zip(factors, alone, strict=True)) / 6
    found = clip_and_noise(model, inputs, labels, clip, noise_multiplier=0, seed=0)
    torch.testing.assert_close(numbers(found), expected, rtol=0, atol=1e-14)
    assert found.modules == client_gradient(model, inputs, labels).modules


@pytest.mark.parametrize("seed", range(5))
def test_clipping_alone_protects_nobody(seed):
    model, batch = mlp([64, 300, 10], seed, dtype=torch.float64), digits(10, seed, torch.float64)
    plain, clipped = client_gradient(model, *batch), clip_and_noise(model, *batch, 0.1, 0, seed)
    recalled = [set(match_rows(extract_rows(g), batch[0]).tolist()) - {-1} for g in (plain, clipped)]
    assert recalled[0] == recalled[1] and len(recalled[0]) >= 5


@pytest.mark.parametrize("seed", range(5))
def test_a_thousandth_of_noise_leaves_nothing_beside_clipping(seed):
    model, batch = mlp([64, 300, 10], seed), digits(10, seed)
    noisy = clip_and_noise(model, *batch, clip=1, noise_multiplier=1e-3, seed=seed)
    assert (match_rows(extract_rows(noisy), batch[0], rtol=1e-2) == -1).all()


def test_the_noise_is_calibrated_to_the_clip_and_the_batch():
    model, batch = mlp([64, 300, 10]), digits(8)
    exact, noisy = (clip_and_noise(model, *batch, 0.5, z, seed=1) for z in (0, 2))
    assert (numbers(noisy) - numbers(exact)).std() / (2 * 0.5 / 8) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise_multiplier", [1e-2, 1e-4])
def test_an_adaptive_server_reaches_its_bound_but_not_more(seed, noise_multiplier):
    """One neuron carries the whole clipped gradient: PSNR = -20 log10(z sqrt(1 + |x|^2)), the factor of the bias."""
    picture, _ = digits(1, seed, torch.float64)
    model = mlp([64, 2, 10], dtype=torch.float64)
    label = model[2].weight[:, :1].argmin(0)  # not the class that the model is sure of: its gradient would be zero
    weight = torch.stack([torch.ones(64), -torch.ones(64)]).double()  # the second never fires
    model = plant(model, weight, torch.zeros(2, dtype=torch.float64))
    model[2].weight.data.mul_(1e6)  # the first layer's share of the norm is all of it
    noisy = clip_and_noise(model, picture, label, 1.0, noise_multiplier, seed)
    found = noisy.weight_grads[0][0] / noisy.bias_grads[0][0]
    bound = -20 * log10(noise_multiplier * sqrt(1 + picture.square().sum()))
    assert psnr(picture[0], found) == pytest.approx(bound, abs=3)


@pytest.mark.parametrize(
    ("clip", "noise_multiplier", "said"),
    [
        (0.0, 1.0, "clip is 0.0; a finite number above 0 is needed"),
        (float("nan"), 1.0, "clip is nan; a finite number above 0 is needed"),
        (float("inf"), 1.0, "clip is inf; a finite number above 0 is needed"),
        (1.0, -1.0, "noise_multiplier is -1.0; a finite number from 0 upwards is needed"),
    ],
)
def test_clips_and_multipliers_that_are_none_are_refused(clip, noise_multiplier, said):
    with pytest.raises(ValueError) as error:
        clip_and_noise(mlp([64, 20, 10]), *digits(2), clip, noise_multiplier, seed=0)
    assert str(error.value) == said


# Who adds the noise.


def noise_of(placement, n_honest, n_sybils, honest_server=True):
    """Variance of the noise in the server's sum, as a multiple of (z C / B)^2."""
    model, batches = mlp([64, 300, 10]), [digits(5, seed=u) for u in range(n_honest)]
    exact, noisy = (
        private_round(model, batches, 0.5, z, placement, n_sybils, honest_server, seed=1) for z in (0, 2.0)
    )
    return ((numbers(noisy) - numbers(exact)).square().mean() / (2 * 0.5 / 5) ** 2).item()


@pytest.mark.parametrize(
    ("placement", "n_honest", "n_sybils", "honest_server", "variance"),
    [
        ("central", 4, 0, True, 1),
        ("central", 4, 0, False, 0),
        ("central", 1, 9, False, 0),
        ("local", 4, 0, False, 4),
        ("local", 1, 9, False, 1),
        ("distributed", 4, 0, False, 1),
        ("distributed", 1, 9, False, 1 / 10),
        ("distributed", 2, 6, False, 2 / 8),
    ],
)
def test_the_noise_that_is_left_is_that_of_the_honest(placement, n_honest, n_sybils, honest_server, variance):
    assert noise_of(placement, n_honest, n_sybils, honest_server) == pytest.approx(variance, rel=0.05, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"placement": "everywhere"}, "placement 'everywhere': it is 'central', 'local' or 'distributed'"),
        ({"clients": []}, "no honest user: users with batches of one size are needed"),
        ({"clients": [digits(2), digits(3)]}, "batches of [2, 3] pictures: users with batches of one size are needed"),
        ({"n_sybils": -1}, "-1 sybils: give a whole number from 0 upwards"),
        ({"clients": [digits(2)]}, "1 update(s): masks need at least two users, or nothing is hidden"),
    ],
)
def test_rounds_without_sense_are_refused(change, said):
    settings = {"clients": [digits(2)] * 2, "clip": 1.0, "noise_multiplier": 1.0, "placement": "local"} | change
    with pytest.raises(ValueError) as error:
        private_round(mlp([64, 20, 10]), **settings)
    assert str(error.value) == said
