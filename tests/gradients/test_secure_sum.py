"""Secure aggregation: sums exact to the bit, uploads that say nothing, and two ways round the protocol."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import nn

from course_lib.gradients import (
    Gradient,
    client_gradient,
    commit,
    inconsistent_round,
    mask_updates,
    mlp,
    secure_sum,
    silence_relus,
    sybil_round,
)
from course_lib.gradients.fixed_point import FLOAT32, FLOAT64, carry, decode, encode

FORMATS = pytest.mark.parametrize("form", [FLOAT32, FLOAT64], ids=["float32", "float64"])


def batches(n, size=4, n_features=12, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.rand(size, n_features, generator=generator), torch.randint(classes, (size,), generator=generator))
        for _ in range(n)
    ]


def updates_of(n, dtype=torch.float32, **kwargs):
    model = mlp([12, 20, 3], dtype=dtype)
    return [client_gradient(model, *batch) for batch in batches(n, **kwargs)]


def numbers(gradient):
    return [t for pair in zip(gradient.weight_grads, gradient.bias_grads, strict=True) for t in pair if t is not None]


def same(left, right):
    return all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in zip(left, right, strict=True))


# Floats in fixed point.


@FORMATS
def test_every_float_comes_back_from_fixed_point(form):
    rng = np.random.default_rng(0)
    pattern = {np.float32: np.uint32, np.float64: np.uint64}[form.dtype]
    values = rng.integers(0, np.iinfo(pattern).max, 20_000, dtype=pattern).view(form.dtype)
    info = np.finfo(form.dtype)
    edges = [0, 1, info.max, info.tiny, info.smallest_subnormal, info.eps]
    values = np.concatenate([values[np.isfinite(values)], edges, np.negative(edges)]).astype(form.dtype)
    assert (np.abs(values) < info.tiny).sum() > 5  # subnormal ones are among them
    assert np.array_equal(decode(encode(values, form), form), values)


@FORMATS
@given(seed=st.integers(0, 2**32), n=st.integers(2, 9), spread=st.integers(0, 90))
@settings(max_examples=30, deadline=None)
def test_sums_are_exact_and_rounded_once(form, seed, n, spread):
    rng = np.random.default_rng(seed)
    values = np.ldexp(rng.normal(size=(n, 40)), rng.integers(-spread, spread + 1, (n, 40))).astype(form.dtype)
    found = decode(carry(sum(encode(row, form) for row in values)), form)
    for column, got in zip(values.T, found, strict=True):
        exact = sum(Fraction(float(v)) for v in column)
        near = [np.nextafter(got, form.dtype(-np.inf)), got, np.nextafter(got, form.dtype(np.inf))]
        distances = [abs(Fraction(float(v)) - exact) for v in near]
        assert distances[1] == min(distances)


def test_a_tie_goes_to_the_even_float():
    one, half_ulp = np.float32(1), np.float32(2.0**-24)
    limbs = carry(encode(np.array([one, np.nextafter(one, np.float32(2))]), FLOAT32) + encode(
        np.array([half_ulp, half_ulp]), FLOAT32))  # fmt: skip
    assert decode(limbs, FLOAT32).tolist() == [1, 1 + 2.0**-22]


# The protocol.


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_masks_cancel_and_the_sum_is_the_exact_one(dtype):
    updates = updates_of(5, dtype)
    total = secure_sum(updates, seed=3)
    for place, tensor in enumerate(numbers(total)):
        parts = [numbers(u)[place].double().reshape(-1).tolist() for u in updates]
        exact = [float(sum(map(Fraction, column))) for column in zip(*parts, strict=True)]
        assert torch.equal(tensor, torch.tensor(exact, dtype=torch.float64).to(dtype).reshape(tensor.shape))
    assert same(numbers(total), numbers(secure_sum(updates, seed=4)))  # the masks leave no trace


def test_uploads_add_up_to_the_plain_sum_modulo_2_to_the_k():
    updates = updates_of(4)
    uploads = mask_updates(updates, seed=1)
    decoded = decode(carry(sum(u.astype(np.int64) for u in uploads)), FLOAT32)
    flat = torch.cat([t.reshape(-1) for t in numbers(secure_sum(updates))])
    assert np.array_equal(decoded, flat.numpy())


def test_an_upload_is_uniform_whatever_the_update_is():
    """The control: the same test rejects the update that was not masked."""
    update = updates_of(1, n_features=12)[0]
    zero = replace(
        update,
        weight_grads=[torch.zeros_like(w) for w in update.weight_grads],
        bias_grads=[torch.zeros_like(b) for b in update.bias_grads],
    )
    plain = encode(torch.cat([t.reshape(-1) for t in numbers(update)]).numpy(), FLOAT32)
    for users in ([update, zero], [zero, update, zero]):
        for upload in mask_updates(users, seed=5):
            assert kstest(upload.reshape(-1) / 2**32, "uniform").pvalue > 1e-3
    assert kstest(plain.reshape(-1) / 2**32, "uniform").pvalue < 1e-9


def test_two_updates_under_the_same_masks_could_have_sent_the_same_upload():
    """Perfect hiding: for each other update there are masks that lead to the upload that was sent."""
    one, other, partner = updates_of(3)
    sent, _ = mask_updates([one, partner], seed=0)
    of_other, _ = mask_updates([other, partner], seed=0)
    shift = carry(sent.astype(np.int64) - of_other.astype(np.int64))  # the change of mask that hides the change
    assert shift.any()
    assert np.array_equal(carry(of_other + shift), sent)


def test_half_precision_and_layers_without_bias_go_through():
    model = mlp([12, 20, 3], bias=False)
    updates = [client_gradient(model, *batch) for batch in batches(2)]
    assert secure_sum(updates).bias_grads == (None, None)
    halves = [replace(u, weight_grads=[w.half() for w in u.weight_grads]) for u in updates]
    total = secure_sum(halves).weight_grads[0]
    assert total.dtype == torch.float16
    torch.testing.assert_close(total, halves[0].weight_grads[0] + halves[1].weight_grads[0])


def test_the_sum_keeps_the_weights_that_the_server_sent():
    updates = updates_of(2)
    total = secure_sum(updates)
    assert isinstance(total, Gradient) and total.modules == ("Linear", "ReLU", "Linear")
    assert same(total.weights, updates[0].weights)


def test_many_chunks_are_masked_as_one():
    model = mlp([700, 60, 3])
    updates = [client_gradient(model, *batch) for batch in batches(2, n_features=700)]
    total = secure_sum(updates).weight_grads[0]
    torch.testing.assert_close(total, updates[0].weight_grads[0] + updates[1].weight_grads[0], rtol=2e-7, atol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda u: u[:1], "1 update(s): masks need at least two users, or nothing is hidden"),
        (lambda u: [], "0 update(s): masks need at least two users, or nothing is hidden"),
        (
            lambda u: [u[0], client_gradient(mlp([12, 21, 3]), *batches(1)[0])],
            "update 1 differs from update 0 in layers, shapes or dtype: they cannot be added",
        ),
        (
            lambda u: [u[0], client_gradient(mlp([12, 20, 3], dtype=torch.float64), *batches(1)[0])],
            "update 1 differs from update 0 in layers, shapes or dtype: they cannot be added",
        ),
        (
            lambda u: [u[0], replace(u[1], bias_grads=[u[1].bias_grads[0], torch.full((3,), torch.nan)])],
            "bias_grads[1] of update 1 is not finite: it holds NaN or infinity, so nothing can be read from it",
        ),
        (
            lambda u: [replace(x, bias_grads=[torch.full((20,), 3e38), x.bias_grads[1]]) for x in u],
            "the sum is beyond the largest float32: scale the updates down",
        ),
    ],
)
def test_updates_that_cannot_be_summed_are_refused(change, said):
    with pytest.raises(ValueError) as error:
        secure_sum(change(updates_of(2)))
    assert str(error.value) == said


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed -1: give a whole number from 0 upwards"):
        secure_sum(updates_of(2), seed=-1)


# Sybils.


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_sybils", [1, 9])
def test_beside_sybils_the_sum_is_the_targets_update_bit_by_bit(dtype, n_sybils):
    model = mlp([12, 20, 3], dtype=dtype)
    (batch,) = batches(1)
    seen, own = sybil_round(model, [batch], n_sybils), client_gradient(model, *batch)
    assert all(torch.equal(a, b) for a, b in zip(numbers(seen), numbers(own), strict=True))


def test_with_a_second_honest_user_it_is_not():
    model = mlp([12, 20, 3])
    first, second = batches(2)
    seen, own = sybil_round(model, [first, second], 8), client_gradient(model, *first)
    assert not torch.equal(seen.weight_grads[0], own.weight_grads[0])


@pytest.mark.parametrize(
    ("clients", "n_sybils", "said"),
    [
        ([], 3, "no honest user: there is nothing to attack"),
        (batches(1), -1, "-1 sybils: give a whole number from 0 upwards"),
        (batches(1), 0, "1 update(s): masks need at least two users, or nothing is hidden"),
    ],
)
def test_rounds_without_sense_are_refused(clients, n_sybils, said):
    with pytest.raises(ValueError) as error:
        sybil_round(mlp([12, 20, 3]), clients, n_sybils)
    assert str(error.value) == said


# Models that differ between users.


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dead_relus_fire_for_no_input_of_the_range(dtype):
    model = mlp([12, 20, 3], dtype=dtype)
    silent = silence_relus(model, low=-1, high=2)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(500, 12, generator=generator, dtype=dtype) * 3 - 1
    worst = torch.where(model[0].weight > 0, 2.0, -1.0).to(dtype)  # the corner that each neuron likes best
    assert (silent[0](torch.cat([inputs, worst])) < 0).all()
    assert (model[0](inputs) > 0).any()  # the model itself is as it was
    assert silent[0](worst).diagonal().max() > -1.001  # and the bound is no looser than it says


@pytest.mark.parametrize("sizes", [[12, 20, 3], [12, 20, 8, 3]])
def test_the_sum_of_different_models_shows_the_targets_first_layer(sizes):
    model, clients = mlp(sizes), batches(6)
    for target in (0, 4):
        seen, own = inconsistent_round(model, clients, target), client_gradient(model, *clients[target])
        assert torch.equal(seen.weight_grads[0], own.weight_grads[0])
        assert torch.equal(seen.bias_grads[0], own.bias_grads[0])
        assert torch.equal(seen.weight_grads[1], own.weight_grads[1])  # the others hand on zeros
        assert same(seen.weights, own.weights) and same(seen.biases, own.biases)
        for mixed in (seen.bias_grads, own.bias_grads), (seen.weight_grads[1:], own.weight_grads[1:]):
            everybodys = [not torch.equal(a, b) for a, b in list(zip(*mixed, strict=True))[1:]]
            assert all(everybodys)
    honest = secure_sum([client_gradient(model, *batch) for batch in clients])
    assert not torch.equal(honest.weight_grads[0], own.weight_grads[0])


def test_digests_tell_the_users():
    model = mlp([12, 20, 3])
    assert commit(silence_relus(model)) != commit(model)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 3)), "Sequential has no linear layer to silence"),
        (mlp([4, 5, 2], bias=False), "the first linear layer has no bias: its ReLUs cannot be silenced"),
        (nn.Sequential(nn.Linear(4, 5), nn.Tanh()), "no ReLU follows the first linear layer"),
        (nn.Linear(4, 5), "no ReLU follows the first linear layer"),
    ],
)
def test_models_that_cannot_be_silenced_are_refused(model, said):
    with pytest.raises(ValueError) as error:
        silence_relus(model)
    assert str(error.value).startswith(said)


def test_an_empty_range_and_an_unknown_target_are_refused():
    with pytest.raises(ValueError, match="low is 1 and high 1.0: the range of the inputs needs low < high"):
        silence_relus(mlp([4, 5, 2]), low=1)
    with pytest.raises(ValueError, match="target 3: there are clients 0 to 2"):
        inconsistent_round(mlp([12, 20, 3]), batches(3), target=3)
