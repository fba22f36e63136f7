"""Imprint bins: how many samples are alone in theirs, and that the subtraction gives them."""

import pytest
import torch
from torch import nn

from course_lib.datasets import digit_images, photo_crops
from course_lib.gradients import (
    activation_pattern,
    client_gradient,
    detect_single,
    extract_imprint,
    extract_rows,
    imprint,
    match_rows,
    mlp,
)


def crops(n, seed):
    images, labels = photo_crops(n, 32, seed)
    return torch.from_numpy(images).flatten(1), torch.from_numpy(labels)


def digits(n, seed):
    images, labels = (torch.from_numpy(a) for a in digit_images(seed=seed))
    x = images.flatten(1)
    return x[:n], labels[:n], x[n:]


def recall(model, x, y):
    match = match_rows(extract_imprint(client_gradient(model, x, y)), x, rtol=1e-4)
    return len(set(match[match >= 0].tolist())) / len(x)


def alone(model, x):
    """Share of samples with a bin of their own, read off the pattern."""
    bins = activation_pattern(model, x).sum(1)
    return (torch.bincount(bins)[bins] == 1).float().mean().item()


@pytest.fixture(scope="module")
def surrogate():
    return crops(1000, 10**6)[0]


def test_recall_is_within_a_twelfth_of_the_ideal_on_photographs(surrogate):
    """Ten seeds gave .88 at B = 64, where (1 - 1/K)^(B - 1) is .939."""
    for n_bins, seeds in ((256, range(3)), (1000, range(3))):
        found = []
        for seed in seeds:
            x, y = crops(64, seed)
            found.append(recall(imprint(mlp([3072, n_bins, 10], seed=seed), surrogate, seed), x, y))
        assert abs(sum(found) / len(found) - (1 - 1 / n_bins) ** 63) < 0.08


@pytest.mark.parametrize(("batch_size", "bar"), [(64, 0.83), (128, 0.74), (256, 0.6)])
def test_recall_falls_with_the_batch_on_digits(batch_size, bar):
    """20 seeds gave .91, .84 and .70 in the mean; a plain mean of the pixels has ties and gives .60, .38, .15."""
    found, counted = [], []
    for seed in range(3):
        x, y, others = digits(batch_size, seed)
        model = imprint(mlp([64, 1000, 10], seed=seed), others, seed)
        found.append(recall(model, x, y))
        counted.append(alone(model, x))
    assert sum(found) / 3 > bar
    assert sum(found) >= 0.97 * sum(counted)  # what the subtraction loses to rounding


@pytest.mark.slow
@pytest.mark.parametrize(("batch_size", "bar"), [(64, 0.86), (128, 0.79), (256, 0.66)])
def test_recall_on_photographs_over_ten_seeds(surrogate, batch_size, bar):
    found = []
    for seed in range(10):
        x, y = crops(batch_size, seed)
        found.append(recall(imprint(mlp([3072, 1000, 10], seed=seed), surrogate, seed), x, y))
    assert sum(found) / 10 >= bar


def test_double_precision_gives_exactly_the_samples_that_are_alone(surrogate):
    x, y = crops(64, 1)
    model = imprint(mlp([3072, 500, 10], dtype=torch.float64), surrogate)
    rows = extract_imprint(client_gradient(model, x, y))
    match = match_rows(rows, x, rtol=1e-9)
    bins = activation_pattern(model, x).sum(1)
    lonely = {m for m in range(64) if (bins == bins[m]).sum() == 1}
    assert set(match[match >= 0].tolist()) == lonely and len(lonely) > 40
    assert len(rows.neurons) == len(set(bins.tolist()))  # empty bins give no row
    assert torch.equal(detect_single(rows), match >= 0)
    for row, place in zip(rows.neurons.tolist(), match.tolist(), strict=True):
        assert place < 0 or bins[place] == row + 1


def test_without_the_subtraction_nothing_but_the_brightest_is_found(surrogate):
    x, y = crops(64, 1)
    sent = client_gradient(imprint(mlp([3072, 500, 10], dtype=torch.float64), surrogate), x, y)
    match = match_rows(extract_rows(sent), x)
    assert len(set(match[match >= 0].tolist())) <= 1


def test_thresholds_rise_and_the_model_is_left_as_it_is(surrogate):
    honest = mlp([3072, 40, 10])
    before = honest[0].weight.clone()
    planted = imprint(honest, surrogate)
    assert torch.equal(honest[0].weight, before)
    assert (planted[0].bias.diff() <= 0).all()
    assert torch.equal(planted[0].weight[0], planted[0].weight[-1])
    assert torch.equal(planted[2].weight[:, 0], planted[2].weight[:, -1])
    # Darker than everything the server has seen: still in the first bin.
    assert activation_pattern(planted, torch.zeros(1, 3072)).sum() == 1


def test_no_sample_in_any_bin_warns():
    with pytest.warns(UserWarning, match="every bin is empty: no neuron was active"):
        rows = extract_imprint(torch.zeros(4, 3), torch.zeros(4))
    assert rows.inputs.shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: imprint(mlp([4, 3]), torch.rand(9, 4)), "imprint needs two linear layers"),
        (lambda: imprint(mlp([4, 3, 2]), torch.rand(9, 5)), r"surrogate_inputs of shape \(9, 5\); \(n, 4\) is needed"),
        (lambda: imprint(mlp([4, 3, 2]), torch.rand(0, 4)), r"surrogate_inputs of shape \(0, 4\)"),
        (lambda: imprint(mlp([4, 3, 2]), torch.rand(2, 4) / 0), "surrogate_inputs is not finite"),
        (lambda: imprint(mlp([4, 3, 2], bias=False), torch.rand(9, 4)), "no linear layer with a bias"),
        (lambda: imprint(nn.ReLU(), torch.rand(9, 4)), "imprint needs two linear layers"),
        (lambda: extract_imprint(torch.rand(4, 3), None), "the layer has no bias"),
        (lambda: extract_imprint(torch.rand(4, 3), torch.rand(5)), r"weight_grad has shape \(4, 3\)"),
        (lambda: extract_imprint(torch.rand(4, 3) / 0, torch.rand(4)), "weight_grad is not finite"),
    ],
)
def test_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
