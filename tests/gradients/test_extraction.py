"""Extraction against autograd, by hand, and where it must fail."""

import warnings

import pytest
import torch
from torch import nn

from course_lib.datasets import digit_images, photo_crops
from course_lib.gradients import (
    ExtractionScore,
    Gradient,
    activation_pattern,
    client_gradient,
    conv_net,
    extract_rows,
    extract_single,
    extraction_metrics,
    match_rows,
    mlp,
)


def photos(n, size=28, seed=0, dtype=torch.float32):
    images, labels = photo_crops(n, size, seed)
    return torch.from_numpy(images).flatten(1).to(dtype), torch.from_numpy(labels)


def digits(n, seed=0, dtype=torch.float32):
    images, labels = digit_images(n, seed)
    return torch.from_numpy(images).flatten(1).to(dtype), torch.from_numpy(labels)


def linear_gradient(weight_grad, bias_grad, modules=("Linear", "ReLU", "Linear")):
    return Gradient([weight_grad], [bias_grad], [weight_grad], [bias_grad], modules)


# One sample ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "bar"), [(torch.float32, 2e-7), (torch.float64, 4e-16)])
def test_one_sample_is_extracted_to_rounding(dtype, bar):
    for seed in range(5):
        x, y = photos(1, seed=seed, dtype=dtype)
        sent = client_gradient(mlp([2352, 512, 10], seed=seed, dtype=dtype), x, y)
        assert (extract_single(sent) - x[0]).norm() / x.norm() < bar
        rows = extract_rows(sent)
        assert len(rows.neurons) > 100
        assert (match_rows(rows, x, rtol=bar) == 0).float().mean() > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_one_sample_is_extracted_whatever_the_activation(seed):
    """With one sample nothing is mixed; only the warning differs."""
    x, y = digits(1, seed, torch.float64)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(64, 30), nn.Tanh(), nn.Linear(30, 10)).double()
    sent = client_gradient(model, x, y)
    with pytest.warns(UserWarning, match="the model has Tanh, which is never off: every row mixes all samples"):
        assert torch.allclose(extract_single(sent), x[0], atol=1e-14)


def test_least_squares_over_the_rows_gains_on_noise():
    """About 20 dB for 512 neurons: the noise of the active rows is averaged."""
    x, y = photos(1, dtype=torch.float64)
    sent = client_gradient(mlp([2352, 512, 10], dtype=torch.float64), x, y)
    noise = [torch.randn(g.shape, generator=torch.Generator().manual_seed(1), dtype=g.dtype) * 1e-5
             for g in (sent.weight_grads[0], sent.bias_grads[0])]  # fmt: skip
    weight_grad, bias_grad = (g + e for g, e in zip((sent.weight_grads[0], sent.bias_grads[0]), noise, strict=True))
    best = extract_rows(weight_grad, bias_grad).inputs[bias_grad.abs().argmax()]
    error = [float((e - x[0]).norm()) for e in (best, extract_single(weight_grad, bias_grad))]
    assert error[1] < error[0] / 3


def test_tiny_gradients_do_not_vanish_in_squares():
    x = torch.tensor([0.25, 1.0])
    g = torch.tensor([1e-30, -3e-30])
    assert torch.allclose(extract_single(torch.outer(g, x), g), x, rtol=1e-6)


# A batch ---------------------------------------------------------------------------------------


def exact_neurons(sent, x, rtol):
    rows = extract_rows(sent)
    return {int(n) for n, m in zip(rows.neurons, match_rows(rows, x, rtol), strict=True) if m >= 0}


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("data", [digits, photos])
@pytest.mark.parametrize("seed", range(3))
def test_the_pattern_counts_the_exact_rows_of_the_real_gradient(data, seed, dtype, rtol):
    x, y = data(50, seed=seed, dtype=dtype)
    model = mlp([x.shape[1], 200, 10], seed=seed, dtype=dtype)
    sent = client_gradient(model, x, y)
    pattern = activation_pattern(model, x)
    alone = pattern.sum(0) == 1
    assert exact_neurons(sent, x, rtol) == set(torch.nonzero(alone).flatten().tolist())
    # The rows say whose they are, and the score is the share that autograd's rows hold.
    rows = extract_rows(sent)
    match = match_rows(rows, x, rtol)
    for neuron, place in zip(rows.neurons.tolist(), match.tolist(), strict=True):
        assert place == (int(pattern[:, neuron].int().argmax()) if alone[neuron] else -1)
    score = extraction_metrics(pattern)
    assert score.recall == len(set(match[match >= 0].tolist())) / len(x)
    assert score.precision == pytest.approx(int((match >= 0).sum()) / len(rows.neurons))


def test_a_cell_of_the_grid_is_the_count_of_the_gradient():
    """N = 1000, B = 100 on crops, float32: what the chapter's grid reads off a forward pass."""
    x, y = photos(100, size=32)
    model = mlp([3072, 1000, 10])
    sent = client_gradient(model, x, y)
    assert len(exact_neurons(sent, x, 1e-5)) == int((activation_pattern(model, x).sum(0) == 1).sum())


def test_recall_grows_with_neurons_and_falls_with_the_batch():
    grid = {}
    for seed in range(5):
        x, _ = photos(200, size=8, seed=seed)
        pattern = activation_pattern(mlp([x.shape[1], 3000, 10], seed=seed), x)
        for b in (20, 50, 100, 200):
            for n in (200, 500, 1000, 3000):
                grid[n, b] = grid.get((n, b), 0) + extraction_metrics(pattern[:b, :n]).recall / 5
    for b in (20, 50, 100, 200):
        recalls = [grid[n, b] for n in (200, 500, 1000, 3000)]
        assert recalls == sorted(recalls) and recalls[-1] > 1.5 * recalls[0]
    for n in (200, 500, 1000, 3000):
        recalls = [grid[n, b] for b in (20, 50, 100, 200)]
        assert recalls == sorted(recalls, reverse=True)


def test_scores_of_a_table_done_by_hand():
    """Four samples, six neurons: neurons 0, 1, 4 fire for one sample, 2 for two, 3 for all, 5 for none."""
    pattern = torch.tensor([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0]]).bool()
    assert extraction_metrics(pattern) == ExtractionScore(active=5 / 6, precision=3 / 5, recall=2 / 4)
    nobody = extraction_metrics(torch.zeros(3, 4, dtype=torch.bool))
    assert nobody == ExtractionScore(0.0, 0.0, 0.0)


def test_the_pattern_of_a_deeper_layer_and_of_a_network_of_pictures():
    model, (x, _) = mlp([64, 20, 9, 5]), digits(7)
    hidden = model[:2](x)
    assert torch.equal(activation_pattern(model, x, layer=1), model[2](hidden) > 0)
    assert torch.equal(activation_pattern(model[2], hidden), model[2](hidden) > 0)
    cnn, images = conv_net((3, 8, 8), (4,), hidden=6), torch.rand(2, 3, 8, 8)
    assert torch.equal(activation_pattern(cnn, images), cnn[:4](images) > 0)
    assert not cnn[3]._forward_hooks


# Where it must fail ----------------------------------------------------------------------------


def test_every_sample_on_every_neuron_gives_nothing():
    model, (x, y) = mlp([64, 50, 10], dtype=torch.float64), digits(20, dtype=torch.float64)
    with torch.no_grad():
        model[0].bias.fill_(100.0)
    sent = client_gradient(model, x, y)
    assert extraction_metrics(activation_pattern(model, x)) == ExtractionScore(1.0, 0.0, 0.0)
    assert (match_rows(extract_rows(sent), x) == -1).all()


@pytest.mark.parametrize("activation", [nn.GELU, nn.LeakyReLU, nn.Sigmoid, nn.SiLU])
def test_an_activation_that_is_never_off_mixes_the_batch_and_warns(activation):
    x, y = digits(20, dtype=torch.float64)
    base = mlp([64, 200, 10], dtype=torch.float64)
    sent = client_gradient(nn.Sequential(base[0], activation(), base[2]), x, y)
    with pytest.warns(UserWarning, match=f"the model has {activation.__name__}, which is never off"):
        rows = extract_rows(sent)
    assert (match_rows(rows, x) == -1).all()


def test_no_active_neuron_warns_and_gives_no_rows():
    model, (x, y) = mlp([64, 50, 10]), digits(3)
    with torch.no_grad():
        model[0].bias.fill_(-100.0)
    with pytest.warns(UserWarning, match="every bias gradient is zero: no neuron was active"):
        rows = extract_rows(client_gradient(model, x, y))
    assert rows.inputs.shape == (0, 64) and rows.neurons.shape == (0,)
    assert match_rows(rows, x).shape == (0,)
    with pytest.raises(ValueError, match="every bias gradient is zero: no neuron was active, so no input is there"):
        extract_single(client_gradient(model, x, y))


# Edges -----------------------------------------------------------------------------------------


def test_zero_rows_are_skipped_and_a_threshold_skips_more():
    weight_grad = torch.tensor([[0.0, 0.0], [0.1, 0.3], [1e-9, 0.0]])
    bias_grad = torch.tensor([0.0, 0.5, 1e-9])
    assert extract_rows(weight_grad, bias_grad).neurons.tolist() == [1, 2]
    assert extract_rows(weight_grad, bias_grad, eps=1e-6).neurons.tolist() == [1]


def test_a_quotient_beyond_the_largest_number_is_no_row():
    rows = extract_rows(torch.tensor([[1.0, 1.0], [0.5, 0.5]]), torch.tensor([1e-44, 1.0]))
    assert rows.neurons.tolist() == [1] and torch.isfinite(rows.inputs).all()


@pytest.mark.parametrize(("dtype", "error"), [(torch.float16, 2e-3), (torch.bfloat16, 2e-2)])
def test_half_precision_matches_within_its_own_rounding(dtype, error):
    model, (x, y) = mlp([64, 512, 10]), digits(10)
    sent = client_gradient(model, x, y)
    rows = extract_rows(sent.weight_grads[0].to(dtype), sent.bias_grads[0].to(dtype))
    assert rows.inputs.dtype == dtype
    alone = {int(n) for n in torch.nonzero(activation_pattern(model, x).sum(0) == 1)}
    found = {int(n) for n, m in zip(rows.neurons, match_rows(rows, x), strict=True) if m >= 0}
    assert len(alone) > 20 and len(alone - found) < 0.05 * len(alone)
    single = client_gradient(model, x[:1], y[:1])
    estimate = extract_single(single.weight_grads[0].to(dtype), single.bias_grads[0].to(dtype))
    assert estimate.dtype == dtype and (estimate.float() - x[0]).norm() / x[0].norm() < error


def test_an_eps_above_all_bias_gradients_is_told_from_silence():
    with pytest.warns(UserWarning, match="every bias gradient is at most 2, lower eps, so there are no rows"):
        assert not len(extract_rows(torch.ones(2, 3), torch.ones(2), eps=2.0).neurons)


def test_a_picture_that_stands_in_the_batch_twice_is_exact_and_counted_by_no_neuron():
    x, y = photos(3, size=8)
    x, y = torch.cat([x, x]), torch.cat([y, y])
    model = mlp([x.shape[1], 200, 10])
    assert extraction_metrics(activation_pattern(model, x)).recall == 0
    found = match_rows(extract_rows(client_gradient(model, x, y)), x)
    assert set(found.tolist()) - {-1}


def test_two_like_samples_are_told_apart_and_a_black_one_is_found():
    x = torch.stack([torch.zeros(8), torch.full((8,), 0.5), torch.full((8,), 0.5 + 1e-3)])
    assert match_rows(x.flip(0), x).tolist() == [2, 1, 0]
    assert match_rows(x[1:2] + 1e-5, x).tolist() == [-1]
    assert match_rows(x[1:2] + 1e-5, x, rtol=1e-4).tolist() == [1]


def test_the_first_layer_may_stand_behind_layers_that_hand_on():
    base = mlp([64, 30, 10])
    images, labels = digit_images(1)
    model = nn.Sequential(nn.Flatten(), nn.Identity(), *base)
    sent = client_gradient(model, torch.from_numpy(images), torch.from_numpy(labels))
    assert torch.allclose(extract_single(sent), torch.from_numpy(images).flatten(), atol=1e-6)


# Bad input -------------------------------------------------------------------------------------

FINE = torch.ones(3, 2), torch.ones(3)


@pytest.mark.parametrize("extract", [extract_rows, extract_single])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((FINE[0], None), r"the layer has no bias: its rows are known only up to scale"),
        ((linear_gradient(FINE[0], None),), r"the layer has no bias: its rows are known only up to scale"),
        ((FINE[0], torch.ones(2)), r"weight_grad has shape \(3, 2\) and bias_grad \(2,\)"),
        ((torch.ones(3), torch.ones(3)), r"weight_grad has shape \(3,\)"),
        ((FINE[0] * float("nan"), FINE[1]), "weight_grad is not finite: it holds NaN or infinity"),
        ((FINE[0], FINE[1] * float("inf")), "bias_grad is not finite"),
        ((linear_gradient(FINE[0] * float("nan"), FINE[1]),), r"weight_grads\[0\] is not finite"),
        ((linear_gradient(FINE[0], FINE[1] * float("inf")),), r"bias_grads\[0\] is not finite"),
        (
            (linear_gradient(*FINE, modules=("Flatten", "Conv2d", "ReLU", "Linear")),),
            "the first layer is Conv2d, not Linear: .* see identity_convolutions",
        ),
        ((Gradient([], [], [], []),), "the gradient has no linear layer"),
    ],
)
def test_what_cannot_be_extracted_from_is_refused(extract, given, said):
    with pytest.raises(ValueError, match=said):
        extract(*given)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: extract_rows(*FINE, eps=-1.0), "eps is -1; it is a size, at least 0"),
        (lambda: extract_rows(*FINE, eps=float("nan")), "eps is nan; it is a size, at least 0"),
        (lambda: match_rows(FINE[0], FINE[0], rtol=float("nan")), "rtol is nan; it must be above 0"),
        (lambda: activation_pattern(mlp([2, 3]), torch.rand(1, 2), layer=1), "no linear layer 1: the model has 1"),
        (lambda: activation_pattern(mlp([2, 3]), torch.rand(1, 2), layer=-1), "no linear layer -1"),
        (lambda: activation_pattern(nn.ReLU(), torch.rand(1, 2)), "no linear layer 0: the model has 0"),
        (lambda: activation_pattern(mlp([2, 3]), torch.rand(0, 2)), "the batch is empty"),
        (lambda: extraction_metrics(torch.ones(3)), r"the pattern has shape \(3,\)"),
        (lambda: extraction_metrics(torch.ones(0, 3)), r"the pattern has shape \(0, 3\)"),
        (lambda: match_rows(FINE[0], torch.rand(2, 5)), r"rows of shape \(3, 2\) against inputs of 5 features"),
        (lambda: match_rows(FINE[0], torch.rand(0, 2)), "the batch is empty"),
        (lambda: match_rows(FINE[0], torch.rand(2, 2), rtol=0), "rtol is 0; it must be above 0"),
    ],
)
def test_other_bad_input_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_a_relu_network_does_not_warn():
    x, y = digits(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extract_rows(client_gradient(mlp([64, 50, 10]), x, y))
