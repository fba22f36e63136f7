"""The networks that the clients of this part train."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn


def mlp(
    sizes: Sequence[int], seed: int = 0, bias: bool = True, dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """A fully connected ReLU network with torch's default initialisation.

    x -> W_H relu(... relu(W_0 x + b_0) ...) + b_H, with logits at the end.

    Parameters
    ----------
    sizes : (n_features, n_hidden, ..., n_classes), at least two numbers.
    seed : of the weights; torch's own generator is left as it was.
    bias : whether the layers have one.
    dtype : of the weights.

    Returns
    -------
    ``nn.Sequential`` of Linear, ReLU, ..., Linear.

    Raises
    ------
    ValueError
        if fewer than two sizes are given, or one is less than 1.

    Examples
    --------
    >>> [type(m).__name__ for m in mlp([64, 512, 10])]
    ['Linear', 'ReLU', 'Linear']
    """
    sizes = tuple(sizes)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes {sizes}; at least two numbers from 1 upwards are needed")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b, bias=bias, dtype=dtype) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*[m for layer in layers for m in (layer, nn.ReLU())][:-1])


def conv_net(
    image_shape: tuple[int, int, int] = (3, 32, 32),
    channels: Sequence[int] = (8, 8),
    hidden: int = 1000,
    classes: int = 10,
    stride: int = 1,
    pool: bool = False,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> nn.Sequential:
    """Convolutions, then two linear layers, with torch's default initialisation.

    Each convolution is 3 x 3 with stride 1 and padding 1, so that it keeps height and width, and is followed
    by a ReLU. With `stride` s > 1 the last one is s x s with stride s and no padding.

    Parameters
    ----------
    image_shape : (channels, height, width) of the input.
    channels : filters of each convolution, at least one convolution.
    hidden : neurons of the first linear layer.
    classes : outputs.
    stride : of the last convolution; height and width must be multiples of it.
    pool : whether a 2 x 2 max-pool follows the convolutions.
    seed : of the weights; torch's own generator is left as it was.
    dtype : of the weights.

    Returns
    -------
    ``nn.Sequential`` of Conv2d, ReLU, ..., Flatten, Linear, ReLU, Linear.

    Raises
    ------
    ValueError
        if there is no convolution, or height and width are no multiples of the stride (and of 2 with a pool).

    Examples
    --------
    >>> model = conv_net((3, 8, 8), channels=(4, 12), hidden=20, stride=2)
    >>> model[:5](torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 192])
    """
    depth, *sides = image_shape
    shrink = stride * (2 if pool else 1)
    if not channels:
        raise ValueError("no convolution: give at least one number of channels, or use mlp")
    if stride < 1 or any(side % shrink for side in sides):
        raise ValueError(f"pictures of {sides[0]} x {sides[1]} cannot be cut into {shrink} x {shrink} fields")
    shape = {"kernel_size": 3, "padding": 1}
    last = shape if stride == 1 else {"kernel_size": stride, "stride": stride}
    features = channels[-1] * math.prod(side // shrink for side in sides)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for place, (a, b) in enumerate(itertools.pairwise((depth, *channels))):
            layers += [nn.Conv2d(a, b, dtype=dtype, **(last if place == len(channels) - 1 else shape)), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pool else []
        layers += [nn.Flatten(), nn.Linear(features, hidden, dtype=dtype), nn.ReLU()]
        layers += [nn.Linear(hidden, classes, dtype=dtype)]
    return nn.Sequential(*layers)
