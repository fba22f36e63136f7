"""Two batches with one gradient; what dropping rows stops and what it does not."""

import pytest
import torch
from batches import batch

from course_lib.gradients import (
    ambiguous_batch,
    client_gradient,
    drop_exclusive_rows,
    exclusive_neurons,
    reconstruct_batch,
)

DOUBLE = torch.float64


def raised(bias, seed=0, kind="photos", size=8, neurons=512):
    of = batch(kind, size, seed, (neurons,), 5, DOUBLE)
    with torch.no_grad():
        of.model[0].bias += bias
    return of


def largest_difference(a, b):
    pairs = zip([*a.weight_grads, *a.bias_grads], [*b.weight_grads, *b.bias_grads], strict=True)
    return max(((p - q).abs().max() / p.abs().max()).item() for p, q in pairs)


@pytest.mark.parametrize(("seed", "neurons"), [(0, 512), *((seed, 128) for seed in range(1, 5))])
def test_two_visibly_different_batches_have_one_gradient(seed, neurons):
    of = raised(1.5, seed, neurons=neurons)
    other = ambiguous_batch(of.model, of.inputs, of.labels, seed)
    assert other.shape == of.inputs.shape and other.min() >= 0 and other.max() <= 1
    assert (other - of.inputs).abs().max() > 0.05
    assert largest_difference(of.gradient, client_gradient(of.model, other, of.labels)) < 1e-12
    found = reconstruct_batch(of.gradient)
    assert not found.complete  # nobody can


def test_seeds_give_different_batches_and_the_same_seed_the_same():
    of = raised(1.5, neurons=128)
    a, b, c = (ambiguous_batch(of.model, of.inputs, of.labels, seed) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c)


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_a_full_rank_has_no_second_batch_of_this_kind(bias):
    of = raised(bias)
    assert ambiguous_batch(of.model, of.inputs, of.labels) is None


def test_no_exclusive_neuron_does_not_mean_ambiguous():
    of = raised(0.5)
    assert (exclusive_neurons(of.pattern) < 0).all()
    assert ambiguous_batch(of.model, of.inputs, of.labels) is None


def test_more_neurons_than_pixels_leave_no_room():
    of = raised(1.5, kind="digits")  # 512 neurons see 64 pixels
    assert ambiguous_batch(of.model, of.inputs, of.labels) is None


def test_inputs_outside_the_unit_range_move_by_one_at_most():
    of = raised(1.5, neurons=128)
    shifted = of.inputs - 0.5
    other = ambiguous_batch(of.model, shifted, of.labels)
    assert other is not None and 0.5 < (other - shifted).abs().max() <= 1 + 1e-9


def test_dropping_rows_stops_this_attack_and_keeps_the_direction():
    of = batch("photos", 16, 0, (512,))
    sent = of.gradient
    kept = drop_exclusive_rows(sent, of.pattern)
    flat = [torch.cat([t.flatten() for t in (*g.weight_grads, *g.bias_grads)]) for g in (sent, kept)]
    assert torch.nn.functional.cosine_similarity(*flat, dim=0) >= 0.986
    assert len(reconstruct_batch(sent, levels=256)) == 16
    assert len(reconstruct_batch(kept, levels=256)) == 0
    assert torch.equal(sent.weight_grads[0], of.gradient.weight_grads[0])  # left as it was


def test_a_pattern_of_another_layer_is_refused():
    of = batch("digits", 4, 0, (16,))
    with pytest.raises(ValueError, match="a pattern of 5 neurons; the first layer has 16"):
        drop_exclusive_rows(of.gradient, torch.ones(4, 5))
