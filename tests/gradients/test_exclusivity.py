"""Exclusive neurons, loss vectors, and the published attack with its repairs."""

import pytest
import torch
from batches import batch, scaled
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.gradients import (
    activation_pattern,
    client_gradient,
    exclusive_neurons,
    label_from_loss_vector,
    label_from_ratios,
    loss_vector_rays,
    match_reconstruction,
    mlp,
    pattern_bound,
    ratio_groups,
    reconstruct_exclusive,
    subset_patterns,
)

DOUBLE = torch.float64
PATTERNS = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=n, max_size=n)
)


@given(PATTERNS)
@settings(max_examples=60, deadline=None)
def test_owners_agree_with_a_double_loop(rows):
    expected = []
    for column in zip(*rows, strict=True):
        active = [m for m, on in enumerate(column) if on]
        expected.append(active[0] if len(active) == 1 else -1)
    assert exclusive_neurons(torch.tensor(rows)).tolist() == expected


@given(PATTERNS)
@settings(max_examples=60, deadline=None)
def test_the_bound_agrees_with_taking_out_one_sample_at_a_time(rows):
    left = set(range(len(rows)))
    while True:  # any order frees the same samples
        alone = [[m for m in left if rows[m][j]] for j in range(5)]
        free = [who[0] for who in alone if len(who) == 1]
        if not free:
            break
        left.discard(free[0])
    assert pattern_bound(torch.tensor(rows)) == pytest.approx(1 - len(left) / len(rows))


def test_patterns_of_another_shape_are_refused():
    for function in (exclusive_neurons, pattern_bound):
        with pytest.raises(ValueError, match=r"shape \(3,\)"):
            function(torch.ones(3))
        with pytest.raises(ValueError, match="with a sample"):
            function(torch.ones(0, 4))


# --- B.1 and B.2 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", range(4))
def test_the_label_of_any_loss_vector(label):
    logits = torch.randn(4, generator=torch.Generator().manual_seed(label), requires_grad=True)
    nn.functional.cross_entropy(logits[None], torch.tensor([label])).backward()
    assert label_from_loss_vector(logits.grad) == label


@pytest.mark.parametrize("vector", [[1.0, 2.0], [-1.0, -1.0, 2.0], [0.0, 0.0]])
def test_what_is_no_loss_vector_is_refused(vector):
    with pytest.raises(ValueError, match="entries are negative"):
        label_from_loss_vector(torch.tensor(vector))


@pytest.mark.parametrize("dtype", [DOUBLE, torch.float32])
@pytest.mark.parametrize("seed", range(5))
def test_rays_are_the_samples_with_two_neurons(dtype, seed):
    of = batch("digits", 8, seed, dtype=dtype)
    owners = exclusive_neurons(of.pattern)
    expected = {m for m in range(8) if int((owners == m).sum()) >= 2}
    rays = loss_vector_rays(of.gradient.weight_grads[-1])
    found = {}
    for ray in rays:
        whose = set(owners[ray.neurons].tolist())
        if dtype == DOUBLE or len(whose - {-1}) == 1:  # float32 may group mixtures of one label
            found[whose.pop()] = ray
    assert set(found) - {-1} == expected
    for sample, ray in found.items():
        if sample >= 0:
            assert ray.label == of.labels[sample] and len(ray.neurons) == int((owners == sample).sum())
            assert ray.direction.norm().item() == pytest.approx(1)


def test_the_number_of_rays_is_not_the_batch_size():
    of = batch("photos", 16, 0, classes=5, dtype=DOUBLE)
    assert len(loss_vector_rays(of.gradient.weight_grads[-1])) < 16


def test_bad_gradients_have_no_rays():
    with pytest.raises(ValueError, match="with K of at least 2"):
        loss_vector_rays(torch.ones(1, 5))
    with pytest.raises(ValueError, match="min_neurons is 0"):
        loss_vector_rays(torch.ones(3, 5), min_neurons=0)
    with pytest.raises(ValueError, match="not finite"):
        loss_vector_rays(torch.full((3, 5), torch.nan))
    assert loss_vector_rays(torch.zeros(3, 5)) == []
    assert loss_vector_rays(torch.ones(3, 5)) == []  # no negative entry


# --- the ladder of a public reproduction --------------------------------------------------------------------


def test_a_small_absolute_tolerance_splits_one_sample():
    of = batch("photos", 1, 0, classes=5)
    last = of.gradient.weight_grads[-1][:, of.pattern[0]]
    ratio = (last[1] / last[0]).double()
    assert 1e-8 < (ratio - ratio[0]).abs().max() < 1e-5  # rounding of float32, wider than the tolerance
    assert len(ratio_groups(last)) > 1
    assert len(ratio_groups(last, atol=0, rtol=1e-5)) == 1
    assert len(loss_vector_rays(last)) == 1


def test_reshaping_is_not_transposing():
    grad = torch.tensor([[1.0, 2.0, 4.0], [3.0, 6.0, 12.0]])
    assert [g.tolist() for g in ratio_groups(grad)] == [[0, 1, 2]]
    assert [g.tolist() for g in ratio_groups(grad, reshape=True)] == [[0, 2], [1]]


def test_nan_ratios_equal_nothing():
    assert len(ratio_groups(torch.zeros(2, 3))) == 3
    assert len(ratio_groups(torch.zeros(2, 3), min_neurons=2)) == 0


def test_ratios_lose_the_sign_of_class_one():
    vector = torch.tensor([-0.75, 0.5, 0.25])
    assert label_from_ratios(vector / vector[0]) == 1 and label_from_loss_vector(vector) == 0


def test_a_softmax_before_the_loss_hides_the_batch():
    of = batch("photos", 8, 0, classes=5)
    twice = client_gradient(nn.Sequential(*of.model, nn.Softmax(1)), of.inputs, of.labels)
    with pytest.raises(ValueError, match="ends in Softmax"):
        reconstruct_exclusive(twice)


# --- B.3 ----------------------------------------------------------------------------------------------------


def owned_twice(kind, size, hidden, dtype, seeds, classes=10):
    """The first batches of which every sample owns two neurons of the last hidden layer, one of the others."""
    for seed in seeds:
        of = batch(kind, size, seed, hidden, classes, dtype)
        least = []
        for layer in range(len(hidden)):
            owners = exclusive_neurons(activation_pattern(of.model, of.inputs, layer))
            least.append(min(int((owners == m).sum()) for m in range(size)))
        if least[-1] >= 2 and all(count >= 1 for count in least[1:]):
            yield of


@pytest.mark.parametrize(("dtype", "least_db"), [(DOUBLE, 290), (torch.float32, 120)])
@pytest.mark.parametrize(
    ("kind", "size", "hidden", "classes"),
    [("photos", 4, (512,), 5), ("digits", 8, (512,), 10), ("photos", 3, (512, 300), 10)],
)
def test_two_neurons_each_give_the_batch(dtype, least_db, kind, size, hidden, classes):
    tried = 0
    for of in owned_twice(kind, size, hidden, dtype, range(12), classes):
        found = reconstruct_exclusive(of.gradient)
        match = match_reconstruction(of.inputs, of.labels, found)
        assert len(found) == size == found.batch_size and match.label_correct.all()
        assert match.psnr_db.min() >= least_db and found.complete == (dtype == DOUBLE)
        tried += 1
        if tried == 3:
            break
    assert tried >= 2


@pytest.mark.parametrize("seed", range(4))
def test_where_a_sample_owns_fewer_the_answer_is_empty(seed):
    of = batch("digits", 16, seed, (128,), dtype=DOUBLE)
    owners = exclusive_neurons(of.pattern)
    assert min(int((owners == m).sum()) for m in range(16)) < 2
    found = reconstruct_exclusive(of.gradient)
    assert len(found) == 0 and not found.complete and found.reason


def test_subsets_agree_with_brute_force():
    generator = torch.Generator().manual_seed(0)
    reach = torch.randn(5, 40, generator=generator, dtype=DOUBLE)
    active = torch.rand(5, 40, generator=generator) < 0.5
    assert torch.equal(subset_patterns(reach, (reach * active).sum(0), 1e-16), active)


def test_sets_that_cannot_be_told_are_refused():
    reach = torch.ones(2, 3, dtype=DOUBLE)
    with pytest.raises(ValueError, match="others own fewer than two"):
        subset_patterns(reach, torch.tensor([1.0, 2.0, 0.5]), 1e-16)
    with pytest.raises(ValueError, match=r"reach has shape \(2, 3\), bias \(2,\)"):
        subset_patterns(reach, torch.ones(2), 1e-16)
    for size in (0, 17):
        with pytest.raises(ValueError, match=f"{size} samples"):
            subset_patterns(torch.ones(size, 3, dtype=DOUBLE), torch.ones(3), 1e-16)


def test_zero_and_random_gradients_give_nothing():
    model = mlp([6, 32, 3], seed=0)
    sent = client_gradient(model, torch.rand(2, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1]))
    for change in (torch.zeros_like, lambda t: torch.randn(t.shape, generator=torch.Generator().manual_seed(1))):
        found = reconstruct_exclusive(scaled(sent, change))
        assert len(found) == 0 and found.reason
