"""Architectures for victims, shadows and attack models, by name and by function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from math import prod

import torch
from torch import nn

from course_lib.membership.labels import whole_number


def mlp(input_shape: int | Sequence[int], n_classes: int, widths: Sequence[int] = (64,)) -> nn.Sequential:
    """A multilayer perceptron: ``h <- max(0, W h + b)`` for each width, then linear to the classes.

    Parameters
    ----------
    input_shape : of one record; records of more than one dimension are flattened.
    n_classes : numbers that come out, logits.
    widths : of the hidden layers; none gives a linear model.

    Returns
    -------
    nn.Sequential from (n, *input_shape) to (n, n_classes), with torch's own first weights.

    Raises
    ------
    ValueError
        if a side of the record, a width or ``n_classes`` is no whole number from 1.

    Examples
    --------
    >>> [tuple(p.shape) for p in mlp(100, 50).parameters()]
    [(64, 100), (64,), (50, 64), (50,)]
    """
    shape = _shape(input_shape)
    sizes = [prod(shape), *(whole_number("width", width) for width in widths)]
    layers = [nn.Flatten()] if len(shape) > 1 else []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], whole_number("n_classes", n_classes)))


def simple_cnn(input_shape: Sequence[int], n_classes: int, widths: Sequence[int] = (32, 64, 128)) -> nn.Sequential:
    """Convolutions of 3 x 3, each halving the image while it can, then one hidden layer.

    The shape that public implementations of the shadow-model attack train on CIFAR-10.

    Parameters
    ----------
    input_shape : (channels, height, width) of an image.
    n_classes : numbers that come out, logits.
    widths : channels of each convolution but the last entry, which is the hidden layer's; at least two.

    Returns
    -------
    nn.Sequential from (n, *input_shape) to (n, n_classes).

    Raises
    ------
    ValueError
        for records that are no images, or fewer than two widths.

    Examples
    --------
    >>> simple_cnn((3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    channels, height, width = _image(input_shape)
    *filters, hidden = _widths(widths, least=2)
    layers = []
    for n_filters in filters:
        layers += [nn.Conv2d(channels, n_filters, 3, padding=1), nn.ReLU()]
        if min(height, width) >= 2:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        channels = n_filters
    layers += [nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, whole_number("n_classes", n_classes)))


def lenet(input_shape: Sequence[int], n_classes: int, widths: Sequence[int] = (6, 16, 120, 84)) -> nn.Sequential:
    """Two convolutions of 5 x 5 with average pooling, two hidden layers, tanh throughout.

    After LeCun et al. 1998, with padding, so that small images keep their size until they are pooled.

    Parameters
    ----------
    input_shape : (channels, height, width), height and width at least 4.
    n_classes : numbers that come out, logits.
    widths : channels of both convolutions, then units of both hidden layers.

    Returns
    -------
    nn.Sequential from (n, *input_shape) to (n, n_classes).

    Raises
    ------
    ValueError
        for records that are no images of at least 4 x 4 pixels, or other than four widths.

    Examples
    --------
    >>> lenet((1, 8, 8), 10)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """
    channels, height, width = _image(input_shape, least=4)
    first, second, third, fourth = _widths(widths, exactly=4)
    flat = second * (height // 4) * (width // 4)
    return nn.Sequential(
        nn.Conv2d(channels, first, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(first, second, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(flat, third), nn.Tanh(),
        nn.Linear(third, fourth), nn.Tanh(), nn.Linear(fourth, whole_number("n_classes", n_classes)),
    )  # fmt: skip


def small_resnet(input_shape: Sequence[int], n_classes: int, widths: Sequence[int] = (16, 32, 64)) -> nn.Sequential:
    """Residual blocks ``x <- max(0, s(x) + f(x))``, one a width, then the mean over the image.

    After He et al. 2016, with group normalisation: it keeps no statistics of the training set beside the
    weights, and treats records one by one.

    Parameters
    ----------
    input_shape : (channels, height, width).
    n_classes : numbers that come out, logits.
    widths : channels of each block, multiples of 4; every block after the first halves the image.

    Returns
    -------
    nn.Sequential from (n, *input_shape) to (n, n_classes).

    Raises
    ------
    ValueError
        for records that are no images, no width, or one that is no multiple of 4.

    Examples
    --------
    >>> small_resnet((3, 32, 32), 10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    channels, *_ = _image(input_shape)
    blocks = []
    for place, width in enumerate(_widths(widths, multiple_of=4)):
        blocks.append(_Residual(channels, width, stride=2 if place else 1))
        channels = width
    head = nn.Linear(channels, whole_number("n_classes", n_classes))
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)


class _Residual(nn.Module):
    """One residual block; s is the identity, or a 1 x 1 convolution where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False), nn.GroupNorm(4, n_out), nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False), nn.GroupNorm(4, n_out),
        )  # fmt: skip
        same = n_in == n_out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.main(x))


NETWORKS = {"mlp": mlp, "simple_cnn": simple_cnn, "lenet": lenet, "small_resnet": small_resnet}


def network(
    name: str, input_shape: int | Sequence[int], n_classes: int, widths: Sequence[int] | None = None
) -> Callable[[], nn.Module]:
    """A function that returns fresh modules of a named architecture, as ``train_shadows`` wants it.

    Parameters
    ----------
    name : ``"mlp"``, ``"simple_cnn"``, ``"lenet"`` or ``"small_resnet"``.
    input_shape : of one record.
    n_classes : numbers that come out.
    widths : of the layers, smallest change to a larger or smaller model; None for the architecture's own.

    Returns
    -------
    function of no arguments; each call gives a module with fresh weights.

    Raises
    ------
    ValueError
        for an unknown name (with the nearest one), records that the architecture does not take, or widths
        that it has no place for; all before the first module is asked for.

    Examples
    --------
    >>> fresh = network("mlp", 100, 50, widths=(32, 32))
    >>> fresh() is fresh(), fresh()(torch.zeros(1, 100)).shape
    (False, torch.Size([1, 50]))
    """
    if name not in NETWORKS:
        near = get_close_matches(str(name), NETWORKS, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}" if near else ""
        raise ValueError(f"unknown architecture {name!r}{hint}; there are {', '.join(NETWORKS)}")
    options = {} if widths is None else {"widths": tuple(widths)}

    def fresh() -> nn.Module:
        return NETWORKS[name](input_shape, n_classes, **options)

    fresh()
    return fresh


def _shape(input_shape) -> tuple[int, ...]:
    sides = (input_shape,) if not isinstance(input_shape, Sequence) else tuple(input_shape)
    return tuple(whole_number("a side of input_shape", side) for side in sides)


def _image(input_shape, least: int = 1) -> tuple[int, int, int]:
    shape = _shape(input_shape)
    if len(shape) != 3 or min(shape[1:]) < least:
        raise ValueError(
            f"records are images (channels, height, width) of at least {least} x {least} pixels here, not {shape}; "
            "mlp takes any record"
        )
    return shape


def _widths(widths, least: int = 1, exactly: int | None = None, multiple_of: int = 1) -> list[int]:
    sizes = [whole_number("width", width) for width in widths]
    if len(sizes) < least or (exactly and len(sizes) != exactly):
        wanted = f"{exactly}" if exactly else f"at least {least}"
        raise ValueError(f"widths are {wanted} whole numbers here, not {tuple(widths)}")
    if any(size % multiple_of for size in sizes):
        raise ValueError(f"widths are multiples of {multiple_of} here, not {tuple(widths)}")
    return sizes
