"""Both optimisers find what they should, tell when they did not, and are given a fair chance."""

import pytest
import torch
from torch import nn

from course_lib.datasets import digit_images
from course_lib.gradients import Gradient, client_gradient, conv_net, invert_gradient, mlp, psnr
from course_lib.gradients.inversion import _variation


def digits(n, seed=0, dtype=torch.float32):
    images, labels = digit_images(n, seed=seed)
    return torch.from_numpy(images).flatten(1).to(dtype), torch.from_numpy(labels)


def small(n=1, labels=(1,), dtype=torch.float32, seed=0):
    """A tiny network and its gradient: milliseconds to invert."""
    model = mlp([6, 12, 3], seed=seed, dtype=dtype)
    inputs = torch.rand(n, 6, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return model, inputs, client_gradient(model, inputs, torch.tensor(labels))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("method", "steps", "decibels"), [("dlg", 300, 60), ("cosine", 400, 35)])
def test_a_digit_and_its_label_are_found(seed, method, steps, decibels):
    model, (picture, label) = mlp([64, 100, 10], seed), digits(1, seed)
    found = invert_gradient(model, client_gradient(model, picture, label), method, steps=steps, seed=seed)
    assert psnr(picture, found.inputs) > decibels
    assert found.labels.tolist() == label.tolist()
    assert found.seconds > 0 and found.loss_history[-1] < 0.01 < found.loss_history[0]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dlg", "cosine"])
def test_a_single_start_succeeds_in_nine_of_twelve(method):
    better = 0
    for seed in range(12):
        model, (picture, label) = mlp([64, 100, 10], seed), digits(1, seed)
        found = invert_gradient(model, client_gradient(model, picture, label), method, seed=seed, restarts=1)
        better += psnr(picture, found.inputs) > 60
    assert better >= 9


@pytest.mark.parametrize("seed", range(2))
def test_a_batch_of_digits_is_found_when_labels_are_given(seed):
    pictures, labels = digits(40, seed)
    chosen = [labels.tolist().index(digit) for digit in (7, 0, 4)]  # different labels: the order is known
    pictures, labels = pictures[chosen], labels[chosen]
    model = mlp([64, 200, 10], seed)
    sent = client_gradient(model, pictures, labels)
    found = invert_gradient(model, sent, "cosine", labels, steps=600, restarts=2, seed=seed)
    assert psnr(pictures, found.inputs) > 30


def test_the_gradient_of_what_was_found_is_the_one_that_was_sent():
    model, _, sent = small()
    found = invert_gradient(model, sent)
    again = client_gradient(model, found.inputs, found.labels)
    for ours, theirs in zip(again.weight_grads + again.bias_grads, sent.weight_grads + sent.bias_grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", ["dlg", "cosine"])
def test_the_dtype_is_kept_and_the_seed_decides(dtype, method):
    model, _, sent = small(dtype=dtype)
    torch.manual_seed(1)
    first = invert_gradient(model, sent, method, steps=20, restarts=1)
    torch.manual_seed(2)
    again, other = (invert_gradient(model, sent, method, steps=20, restarts=1, seed=seed) for seed in (0, 1))
    assert first.inputs.dtype == dtype and first.inputs.shape == (1, 6)
    assert torch.equal(first.inputs, again.inputs) and not torch.equal(first.inputs, other.inputs)
    assert not any(p.requires_grad is False or p.grad is not None for p in model.parameters())  # left as it was


def test_more_starts_are_tried_only_where_one_fails_and_the_best_is_kept():
    """A start of one step fails; of several, the closest is returned."""
    model, _, sent = small()
    losses = [invert_gradient(model, sent, steps=1, restarts=n).loss_history[-1] for n in (1, 3, 9)]
    assert losses[0] >= losses[1] >= losses[2] and losses[0] > losses[2]
    one, four = (invert_gradient(model, sent, restarts=n) for n in (1, 4))
    assert one.loss_history[-1] < 1e-10  # the first start succeeds,
    assert torch.equal(one.inputs, four.inputs)  # so the others are not tried


def test_noise_on_the_gradient_keeps_the_distance_large():
    """The attack must fail here: no picture has this gradient, and the history says so."""
    model, picture, sent = small()
    generator = torch.Generator().manual_seed(0)
    noise = [0.3 * torch.randn(w.shape, generator=generator) for w in sent.weight_grads]
    wrong = Gradient(sent.weights, sent.biases, noise, sent.bias_grads, sent.modules)
    for method in ("dlg", "cosine"):
        found = invert_gradient(model, wrong, method, labels=torch.tensor([1]), steps=100)
        assert found.loss_history[-1] > 1e-2 and psnr(picture, found.inputs) < 40


def test_labels_are_read_off_the_signs_where_all_differ():
    model, pictures, sent = small(3, (2, 0, 1))
    with pytest.raises(ValueError) as error:  # the sum of p - onehot over the classes is 0: never all negative
        invert_gradient(model, sent, "cosine", batch_size=3)
    assert str(error.value).endswith("the batch holds 3: the labels cannot be read off; give them")
    model, pictures = mlp([6, 40, 8], seed=1), torch.rand(3, 6, generator=torch.Generator().manual_seed(1))
    sent = client_gradient(model, pictures, torch.tensor([5, 0, 3]))
    found = invert_gradient(model, sent, "cosine", batch_size=3, steps=5, restarts=1)
    assert found.labels.tolist() == [0, 3, 5]


@pytest.mark.parametrize("method", ["dlg", "cosine"])
def test_given_labels_are_kept_in_their_order(method):
    model, _, sent = small(2, (2, 0))
    found = invert_gradient(model, sent, method, torch.tensor([2, 0]), steps=5, restarts=1)
    assert found.labels.tolist() == [2, 0] and found.inputs.shape == (2, 6)


def test_a_layer_without_bias_goes_through():
    model = mlp([6, 12, 3], bias=False)
    sent = client_gradient(model, torch.rand(1, 6, generator=torch.Generator().manual_seed(0)), torch.tensor([1]))
    for method in ("dlg", "cosine"):
        assert invert_gradient(model, sent, method, steps=5, restarts=1).labels.shape == (1,)


def test_half_precision_is_refused():
    model = mlp([6, 12, 3], dtype=torch.float16)
    sent = client_gradient(model, torch.rand(1, 6), torch.tensor([1]))
    with pytest.raises(ValueError, match="the model is in torch.float16: its steps are too coarse to descend"):
        invert_gradient(model, sent, "cosine", steps=5)


def test_the_total_variation_of_a_slope_is_its_step():
    slope = torch.arange(4.0).reshape(1, 1, 4).expand(2, 3, 4)
    assert _variation(slope).item() == 1 and _variation(torch.ones(1, 2, 2)).item() == 0


def test_total_variation_smooths():
    model, (picture, label) = mlp([64, 100, 10]), digits(1)
    sent = client_gradient(model, picture, label)
    rough, smooth = (
        invert_gradient(model, sent, "cosine", steps=200, restarts=1, image_shape=(8, 8), total_variation=tv)
        for tv in (0.0, 0.1)
    )
    variation = [_variation(found.inputs.reshape(1, 8, 8)) for found in (rough, smooth)]
    assert variation[1] < 0.9 * variation[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": "adam"}, "method 'adam': it is 'dlg' or 'cosine'"),
        ({"steps": 0}, "steps is a whole number from 1 upwards, not 0"),
        ({"restarts": 0}, "restarts is a whole number from 1 upwards, not 0"),
        ({"batch_size": 0}, "batch_size is a whole number from 1 upwards, not 0"),
        ({"labels": torch.tensor([], dtype=torch.int64)}, "batch_size is a whole number from 1 upwards, not 0"),
        ({"labels": torch.tensor([1]), "batch_size": 2}, "batch_size is 2, but there are 1 labels"),
        ({"labels": torch.tensor([3])}, "labels must be (batch,) whole numbers from 0 to 2"),
        ({"labels": torch.tensor([1.0])}, "labels must be (batch,) whole numbers from 0 to 2"),
        ({"total_variation": 0.1, "method": "cosine"}, "total_variation 0.1: give a number from 0 upwards"),
        ({"total_variation": 0.1, "image_shape": (2, 3)}, "total_variation 0.1: give a number from 0 upwards"),
        ({"total_variation": float("nan")}, "total_variation nan: give a number from 0 upwards"),
        ({"model": mlp([6, 11, 3])}, "the model's layers have other shapes than the gradient's"),
        ({"model": mlp([6, 12, 3], bias=False)}, "the model's layers have other shapes than the gradient's"),
        ({"model": mlp([6, 12, 3], seed=1)}, "the gradient was computed with other weights than the model's"),
        ({"model": conv_net((1, 4, 4), (2,), 5)}, "0.weight is no parameter of a linear layer"),
    ],
)
def test_bad_input_is_refused(change, said):
    model, _, sent = small()
    with pytest.raises(ValueError) as error:
        invert_gradient(**({"model": model, "gradient": sent} | change))
    assert str(error.value).startswith(said)


def test_gradients_that_say_nothing_are_refused():
    model, _, sent = small()
    zeros = [[torch.zeros_like(t) for t in grads] for grads in (sent.weight_grads, sent.bias_grads)]
    with pytest.raises(ValueError, match="the gradient is zero: every picture that the model is sure of"):
        invert_gradient(model, Gradient(sent.weights, sent.biases, *zeros, sent.modules))
    zeros[1][0][2] = torch.nan
    with pytest.raises(ValueError, match="the gradient of 0.bias is not finite"):
        invert_gradient(model, Gradient(sent.weights, sent.biases, *zeros, sent.modules))


def test_a_model_with_frozen_weights_goes_through():
    model, picture, sent = small()
    frozen = nn.Sequential(*model).requires_grad_(False)
    assert psnr(picture, invert_gradient(frozen, sent).inputs) > 60
