"""Architectures: shapes, sizes counted by hand, and what is refused."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.membership import ShadowPlan, lenet, mlp, network, simple_cnn, small_resnet, train_shadows
from course_lib.membership.batched import layers_of
from course_lib.membership.networks import NETWORKS

SHAPES = [(1, 8, 8), (3, 32, 32), (3, 9, 13), (2, 4, 4)]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_images_become_logits(name, shape):
    fresh = network(name, shape, 7)
    records = torch.randn(5, *shape)
    logits = fresh()(records)
    assert logits.shape == (5, 7) and logits.isfinite().all() and logits.requires_grad
    assert (logits < 0).any()  # no softmax, sigmoid or rectifier at the end


def n_parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (mlp(100, 50), 100 * 64 + 64 + 64 * 50 + 50),
        (mlp((1, 8, 8), 10, widths=()), 64 * 10 + 10),
        (mlp(20, 2, widths=(8, 4)), 20 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2),
        # 32 x 32 halves to 16, then 8: 64 channels of 64 pixels enter the hidden layer
        (simple_cnn((3, 32, 32), 10), (27 + 1) * 32 + (288 + 1) * 64 + (64 * 64 + 1) * 128 + 129 * 10),
        (simple_cnn((1, 8, 8), 10, (4, 6)), (9 + 1) * 4 + (4 * 16 + 1) * 6 + 7 * 10),
        (lenet((1, 28, 28), 10), 26 * 6 + 151 * 16 + (16 * 49 + 1) * 120 + 121 * 84 + 85 * 10),
        # one block without a change of shape: two 3 x 3 convolutions, scale and shift of each normalisation
        (small_resnet((4, 8, 8), 3, (4,)), 2 * 9 * 16 + 4 * 4 + 5 * 3),
    ],
)
def test_sizes_counted_by_hand(model, expected):
    assert n_parameters(model) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_wider_is_larger_and_every_call_is_fresh(name):
    widths = {"mlp": (128,), "simple_cnn": (64, 128, 256), "lenet": (12, 32, 240, 168), "small_resnet": (32, 64, 128)}
    own, wide = network(name, (3, 16, 16), 4), network(name, (3, 16, 16), 4, widths[name])
    assert n_parameters(wide()) > 1.9 * n_parameters(own())
    first, second = own(), own()
    assert any((a != b).any() for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_an_mlp_computes_its_equation():
    model = mlp(3, 2, widths=(4,))
    first, second = model[0], model[2]
    x = torch.randn(6, 3)
    by_hand = torch.clamp(x @ first.weight.T + first.bias, min=0) @ second.weight.T + second.bias
    torch.testing.assert_close(model(x), by_hand)
    assert layers_of(model) and layers_of(mlp((1, 8, 8), 2))


def test_a_residual_block_with_silent_convolutions_is_a_rectifier():
    block = small_resnet((4, 6, 6), 2, (4,))[0]
    for norm in block.main:
        if isinstance(norm, nn.GroupNorm):
            nn.init.zeros_(norm.weight)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(x), torch.relu(x))


def test_records_do_not_look_at_each_other():
    """Predictions do not hang on the company a record is in, in training mode either."""
    for name in NETWORKS:
        model = network(name, (1, 8, 8), 3)().double()
        x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
        torch.testing.assert_close(model(x)[:1], model(x[:1]))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_architecture_is_stacked(name):
    X = np.random.default_rng(0).normal(size=(16, 1, 8, 8))
    y = np.arange(16) % 2
    model = network(name, (1, 8, 8), 2, {"simple_cnn": (4, 8), "small_resnet": (4, 8)}.get(name))
    plan = ShadowPlan.half_sampling(16, 2, seed=0)
    train = partial(train_shadows, X, y, plan, lambda: model().double(), partial(torch.optim.SGD, lr=0.1), 2, 4)
    bundle, expected = train(), train(engine="loop")
    assert bundle.details["engine"] == ("batched" if name == "mlp" else "vmap")
    np.testing.assert_allclose(bundle.logits, expected.logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("simplecn", (3, 8, 8), 2), "unknown architecture 'simplecn'; did you mean 'simple_cnn'; there are mlp"),
        (("vgg", (3, 8, 8), 2), "unknown architecture 'vgg'; there are mlp, simple_cnn, lenet, small_resnet"),
        (
            ("simple_cnn", 64, 2),
            "records are images (channels, height, width) of at least 1 x 1 pixels here, not (64,)",
        ),
        (("lenet", (1, 3, 8), 2), "of at least 4 x 4 pixels here, not (1, 3, 8); mlp takes any record"),
        (("mlp", 0, 2), "a side of input_shape is a whole number from 1, not 0"),
        (("mlp", 4, 0), "n_classes is a whole number from 1, not 0"),
        (("mlp", 4, 2, (0,)), "width is a whole number from 1, not 0"),
        (("mlp", 4, 2, (8.0,)), "width is a whole number from 1, not 8.0"),
        (("simple_cnn", (1, 8, 8), 2, (4,)), "widths are at least 2 whole numbers here, not (4,)"),
        (("lenet", (1, 8, 8), 2, (4, 8)), "widths are 4 whole numbers here, not (4, 8)"),
        (("small_resnet", (1, 8, 8), 2, (6,)), "widths are multiples of 4 here, not (6,)"),
        (("small_resnet", (1, 8, 8), 2, ()), "widths are at least 1 whole numbers here, not ()"),
    ],
)
def test_what_is_refused_before_any_training(arguments, words):
    with pytest.raises(ValueError) as error:
        network(*arguments)
    assert words in str(error.value)
