"""Features through the head of a convolutional network, and pictures behind them."""

import pytest
import torch
from torch import nn

from course_lib.datasets import photo_crops, torchvision
from course_lib.gradients import (
    client_gradient,
    invert_features,
    match_reconstruction,
    reconstruct_batch,
    reconstruct_features,
)

DOUBLE = torch.float64


def network(body, hidden, seed=0, size=32, dtype=DOUBLE):
    """A body with a head on it, and what a batch of four pictures gives."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = body().to(dtype).eval()
        sizes = [body(torch.zeros(1, 3, size, size, dtype=dtype)).flatten(1).shape[1], *hidden]
        layers = [m for a, b in zip(sizes, hidden, strict=False) for m in (nn.Linear(a, b), nn.ReLU())]
        model = nn.Sequential(body, nn.Flatten(), *layers, nn.Linear(sizes[-1], 10)).to(dtype)
    pictures, labels = photo_crops(4, size, seed=seed)
    pictures, labels = torch.as_tensor(pictures).to(dtype), torch.as_tensor(labels)
    return model, body, pictures, labels, body(pictures).flatten(1).detach()


def convolutions(*channels, pool=False):
    steps = []
    for a, b in zip((3, *channels), channels, strict=False):
        steps += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()] + [nn.MaxPool2d(2)] * pool
    return nn.Sequential(*steps)


@pytest.mark.parametrize(
    "body",
    [
        lambda: convolutions(4),
        lambda: convolutions(8, 16, pool=True),
        pytest.param(lambda: torchvision().models.vgg13(weights=None).features, marks=pytest.mark.slow),
    ],
    ids=["one convolution", "two pools", "vgg13"],
)
def test_features_and_labels_are_exact(body):
    vgg = "vgg" in str(body.__code__.co_names)
    model, _, pictures, labels, features = network(body, (512, 512) if vgg else (512,))
    found = reconstruct_features(client_gradient(model, pictures, labels))
    match = match_reconstruction(features, labels, found, peak=features.abs().max().item())
    assert match.label_correct.all() and match.psnr_db.min() >= 250
    assert found.batch_size == 4 and found.complete


def test_a_whole_convolutional_network_is_no_head():
    model, _, pictures, labels, _ = network(lambda: convolutions(4), (64,), size=8)
    with pytest.raises(ValueError, match="Conv2d"):
        reconstruct_batch(client_gradient(model, pictures, labels))
    sent = client_gradient(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.rand(1, 4), labels[:1] * 0)
    object.__setattr__(sent, "modules", ("Conv2d",))
    with pytest.raises(ValueError, match="there is no head"):
        reconstruct_features(sent)


def pixel_psnr(body, steps, size=16):
    _, body, pictures, _, features = network(body, (8,), size=size)
    found = invert_features(nn.Sequential(body, nn.Flatten()), features, (3, size, size), steps)
    return -10 * (found.inputs - pictures).square().flatten(1).mean(1).log10()


def test_pictures_behind_one_convolution_come_back():
    assert pixel_psnr(lambda: convolutions(16), 120, size=12).min() > 40


def test_pictures_behind_two_pools_do_not():
    assert pixel_psnr(lambda: convolutions(16, 32, pool=True), 120, size=12).max() < 30


def test_features_of_another_size_are_refused():
    body = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    with pytest.raises(ValueError, match="gives 72 features"):
        invert_features(body, torch.zeros(1, 5), (3, 8, 8))
