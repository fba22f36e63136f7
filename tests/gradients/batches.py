"""Batches, networks and gradients for the tests of exclusive neurons and peeling."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from course_lib.datasets import digit_images, fundus_crops, photo_crops
from course_lib.gradients import (
    BatchReconstruction,
    Gradient,
    Match,
    activation_pattern,
    client_gradient,
    exclusive_neurons,
    match_reconstruction,
    mlp,
    reconstruct_batch,
)

LEVELS = {"digits": 17, "photos": 256, "fundus": 256}


@dataclass
class Batch:
    """What a client has, what it sends, and how many grey levels its pictures have."""

    model: nn.Sequential
    inputs: Tensor
    labels: Tensor
    levels: int

    @property
    def gradient(self) -> Gradient:
        return client_gradient(self.model, self.inputs, self.labels)

    @property
    def pattern(self) -> Tensor:
        return activation_pattern(self.model, self.inputs)

    @property
    def owners(self) -> set[int]:
        return set(exclusive_neurons(self.pattern).tolist()) - {-1}

    def attack(self, gradient=None, **options) -> tuple[BatchReconstruction, Match]:
        found = reconstruct_batch(self.gradient if gradient is None else gradient, **options)
        return found, match_reconstruction(self.inputs, self.labels, found)


def batch(kind, size, seed, hidden=(512,), classes=10, dtype=torch.float32) -> Batch:
    draw = {"digits": digit_images, "photos": photo_crops, "fundus": fundus_crops}[kind]
    pictures, labels = draw(size, seed=seed) if kind == "digits" else draw(size, 28, seed)
    inputs = torch.as_tensor(pictures).flatten(1).to(dtype)
    model = mlp([inputs.shape[1], *hidden, classes], seed=seed, dtype=dtype)
    return Batch(model, inputs, torch.as_tensor(labels) % classes, LEVELS[kind])


def with_near_duplicates(of: Batch, seed: int, n_pixels: int, same_label: bool) -> Batch:
    """Every second of the first half becomes its neighbour with a few pixels one grey level off."""
    generator = torch.Generator().manual_seed(seed)
    levels = (of.inputs * (of.levels - 1)).round()
    labels = of.labels.clone()
    for first in range(0, len(levels) // 2, 2):
        levels[first + 1] = levels[first]
        pixels = torch.randperm(levels.shape[1], generator=generator)[:n_pixels]
        up = levels[first, pixels] < (of.levels - 1) / 2
        levels[first + 1, pixels] += torch.where(up, 1.0, -1.0).to(levels)
        labels[first + 1] = labels[first] if same_label else (labels[first] + 1) % len(of.model[-1].bias)
    return replace(of, inputs=levels / (of.levels - 1), labels=labels)


def scaled(gradient: Gradient, change) -> Gradient:
    """The gradient with `change` applied to each of its tensors."""
    return replace(
        gradient,
        weight_grads=[change(t) for t in gradient.weight_grads],
        bias_grads=[change(t) for t in gradient.bias_grads],
    )
