"""Convolutions that hand their input on, so that the linear layer behind them gives it away."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

_PASSES_POSITIVE = (nn.ReLU, nn.LeakyReLU, nn.Identity, nn.Flatten)
_LOSES = (nn.MaxPool2d, nn.AvgPool2d, nn.Dropout, nn.Dropout2d)


def identity_convolutions(model: nn.Module, constants_seed: int | None = None, lossy: bool = False) -> nn.Module:
    """A copy of the model whose convolutions pass its input on to the first linear layer.

    With an odd kernel, stride 1 and same padding, one filter a channel has a one in its centre and zeros elsewhere.
    With a stride of the kernel's width k, k^2 filters a channel pick one pixel each of every k x k field. Filters that
    transmit nothing stay as they are, which hides the others among them, except at the last convolution, where they
    are silenced (Boenisch et al. 2023, section 5.3). The input must not be negative: a ReLU stands behind each.

    Parameters
    ----------
    model : convolutions, ReLUs and a Flatten, then a linear layer; left as it is.
    constants_seed : None for ones; a seed puts random constants between 0.5 and 1.5 in their place, which look less
        odd. :func:`undo_convolutions` divides them out.
    lossy : whether to accept pooling and dropout, which keep a part of the values.

    Returns
    -------
    A copy of `model`, on its device and in its dtype.

    Raises
    ------
    ValueError
        if there is no convolution, a stack of feature maps holds fewer values than the input, or a layer before the
        first linear one cannot transmit. The message names the layer.

    Examples
    --------
    >>> from course_lib.gradients import conv_net
    >>> model = identity_convolutions(conv_net((3, 8, 8), channels=(4, 3), hidden=10))
    >>> picture = torch.rand(1, 3, 8, 8)
    >>> torch.equal(model[:5](picture), picture.flatten(1))
    True
    """
    sent = copy.deepcopy(model)
    stack = _before_linear(sent, lossy)
    convolutions = [(name, module) for name, module in stack if isinstance(module, nn.Conv2d)]
    if not convolutions:
        raise ValueError("the model has no convolution before its first linear layer: extract from it as it is")
    generator = None if constants_seed is None else torch.Generator().manual_seed(constants_seed)
    carried = convolutions[0][1].in_channels
    for place, (name, convolution) in enumerate(convolutions):
        last = place == len(convolutions) - 1
        carried = _transmit(name, convolution, carried, last, generator)
    return sent


def undo_convolutions(model: nn.Module, rows: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
    """Pictures from the rows extracted behind identity convolutions: in place, without the constants.

    The server knows its model. It learns from two pictures of its own which feature carries which pixel, and times
    what: an all-white one and a ramp. Behind a pool of p x p one value stands for p x p pixels.

    Parameters
    ----------
    model : from :func:`identity_convolutions`.
    rows : (n_rows, n_features of the first linear layer), as extracted.
    image_shape : (channels, height, width) of the pictures.

    Returns
    -------
    (n_rows, channels, height, width), in the rows' dtype and on their device.

    Raises
    ------
    ValueError
        if the model does not hand on pictures of this shape, or the number of features is another.

    Examples
    --------
    >>> from course_lib.gradients import conv_net
    >>> model = identity_convolutions(conv_net((3, 8, 8), (4, 12), hidden=10, stride=2), constants_seed=1)
    >>> pictures = torch.rand(2, 3, 8, 8)
    >>> rows = model[:5](pictures).detach()
    >>> torch.allclose(undo_convolutions(model, rows, (3, 8, 8)), pictures)
    True
    """
    carrier = _carrier(model, image_shape)
    if rows.ndim != 2 or rows.shape[1] != carrier.n_features:
        raise ValueError(f"rows of shape {tuple(rows.shape)}; (n_rows, {carrier.n_features}) is needed")
    values = rows[:, carrier.features.to(rows.device)] / carrier.constants.to(rows)
    return interpolate(values.reshape(-1, *carrier.shape), size=tuple(image_shape[1:]))


def carried_features(model: nn.Module, image_shape: tuple[int, int, int]) -> Tensor:
    """Which feature of the first linear layer carries which value of the picture.

    A server that plants trap weights behind identity convolutions puts them into these columns, and zeros
    into those of silenced filters.

    Parameters
    ----------
    model : from :func:`identity_convolutions`.
    image_shape : (channels, height, width) of the pictures.

    Returns
    -------
    (channels * height * width,) int64, one feature for each value of a flattened picture, or fewer behind a pool.

    Raises
    ------
    ValueError
        if the model does not hand on pictures of this shape.

    Examples
    --------
    >>> from course_lib.gradients import conv_net
    >>> model = identity_convolutions(conv_net((1, 2, 2), (2, 3), hidden=5))
    >>> carried_features(model, (1, 2, 2)).tolist()
    [0, 1, 2, 3]
    """
    return _carrier(model, image_shape).features


@dataclass(frozen=True)
class _Carrier:
    """Feature and constant of each value of a picture of this shape, flattened."""

    features: Tensor
    constants: Tensor
    n_features: int
    shape: tuple[int, int, int]


def _carrier(model: nn.Module, image_shape: tuple[int, int, int]) -> _Carrier:
    front = nn.Sequential(*[module for _, module in _before_linear(copy.deepcopy(model), lossy=True)])
    front = front.double().cpu().eval()  # without dropout
    (channels, height, width), total = image_shape, math.prod(image_shape)
    with torch.no_grad():
        constants = front(torch.ones(1, *image_shape, dtype=torch.float64)).flatten()
        carrying = torch.nonzero(constants).squeeze(1)
        count = len(carrying)
        shrink = math.isqrt(total // count) if count else 0
        if not shrink or count * shrink**2 != total or height % shrink or width % shrink:
            raise ValueError(f"{count} features carry pictures of {total} values: these are no identity convolutions")
        coarse = (channels, height // shrink, width // shrink)
        ramp = 1 + torch.arange(count, dtype=torch.float64).reshape(1, *coarse)
        value = front(interpolate(ramp, size=(height, width))).flatten()[carrying] / constants[carrying] - 1
    place = value.round().long()
    if (value - place).abs().max() > 1e-6 or not torch.equal(place.sort().values, torch.arange(count)):
        raise ValueError("the features mix pixels: these are no identity convolutions")
    features = carrying[place.argsort()]
    return _Carrier(features, constants[features], len(constants), coarse)


def _before_linear(model: nn.Module, lossy: bool) -> list[tuple[str, nn.Module]]:
    """The leaf modules before the first linear layer, each of which can transmit."""
    stack = []
    for name, module in model.named_modules():
        if any(module.children()):
            continue
        if isinstance(module, nn.Linear):
            return stack
        if isinstance(module, _LOSES) and not lossy:
            raise ValueError(
                f"layer {name!r} ({type(module).__name__}) drops values, so its stack holds fewer than the input: pass "
                "lossy=True to transmit what it keeps"
            )
        if not isinstance(module, (nn.Conv2d, *_PASSES_POSITIVE, *_LOSES)):
            raise ValueError(f"layer {name!r} ({type(module).__name__}) cannot hand its input on unchanged")
        stack.append((name, module))
    raise ValueError("the model has no linear layer: there is nothing to extract from")


def _transmit(name: str, conv: nn.Conv2d, carried: int, last: bool, generator: torch.Generator | None) -> int:
    """Make a convolution transmit its first `carried` channels; return how many carry the input behind it."""
    (height, width), stride, padding = conv.kernel_size, conv.stride, conv.padding
    same = ("same", (height // 2, width // 2)) if height % 2 and width % 2 else ()
    if stride == (1, 1) and padding in same:
        offsets = [(height // 2, width // 2)]
    elif stride == (height, width) and padding in ("valid", (0, 0)):
        offsets = [(row, column) for row in range(height) for column in range(width)]
    else:
        offsets = []
    if not offsets or conv.groups != 1 or conv.dilation != (1, 1):
        raise ValueError(
            f"convolution {name!r} cannot transmit: it needs an odd kernel with stride 1 and same padding, or a "
            "stride of its kernel's width without padding, in one group and undilated"
        )
    needed = carried * len(offsets)
    if conv.out_channels < needed:
        raise ValueError(
            f"convolution {name!r} gives {conv.out_channels} channels where {needed} are needed: its stack of "
            "feature maps holds fewer values than the input"
        )
    with torch.no_grad():
        silenced = conv.out_channels if last else needed
        conv.weight[:silenced] = 0
        if conv.bias is not None:
            conv.bias[:silenced] = 0
        for channel in range(carried):
            for k, (row, column) in enumerate(offsets):
                value = 1.0 if generator is None else 0.5 + float(torch.rand((), generator=generator))
                conv.weight[channel * len(offsets) + k, channel, row, column] = value
    return needed
