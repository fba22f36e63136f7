"""The grid that pictures of whole grey levels lie on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.gradients.residual import SAFETY, Residual

WIDEST = 0.25  # grey levels that one pixel may be off: a half would say nothing
ROWS_AT_ONCE = 256
BLURRED = 0.17  # root mean square over all pixels; chance gives 0.29


@dataclass(frozen=True)
class Grid:
    """Pixels k / (levels - 1) with whole k, then standardised: (pixel - mean) / std.

    Parameters
    ----------
    levels : number of grey levels, 256 for 8 bits.
    mean, std : (n_features,) float64, what the client subtracted and divided by.
    dtype : what the client computed in. Pictures read as float32 and widened later are known as well.

    Examples
    --------
    >>> grid = picture_grid(17, 0.5, 0.25, torch.zeros(1, 2))
    >>> grid.snap(torch.tensor([[-1.99, 2.001]], dtype=torch.float64)).tolist()
    [[-2.0, 2.0]]
    """

    levels: int
    mean: Tensor
    std: Tensor
    dtype: torch.dtype

    @property
    def unit(self) -> float:
        """How many grey levels the largest standardised value is worth."""
        return float(torch.maximum(self.mean.abs(), (1 - self.mean).abs()).max()) * (self.levels - 1)

    @property
    def step(self) -> float:
        """The least distance of two grey levels in what enters the network."""
        return 1 / ((self.levels - 1) * float(self.std.max()))

    def places(self, inputs: Tensor, pixels: Tensor | slice = slice(None)) -> Tensor:
        """Inputs in grey levels, 0 to levels - 1 for a picture, undoing the standardisation; (n, n_pixels) stays."""
        return (inputs * self.std[pixels] + self.mean[pixels]) * (self.levels - 1)

    def distances(self, inputs: Tensor, pixels: Tensor | slice = slice(None)) -> tuple[Tensor, Tensor]:
        """(n,) each: the largest distance to an allowed grey level, and the root mean square."""
        places = self.places(inputs, pixels)
        distance = (places - places.round().clamp(0, self.levels - 1)).abs()
        return distance.amax(1), distance.square().mean(1).sqrt()

    def snap(self, inputs: Tensor) -> Tensor:
        """The nearest pictures, standardised again in the client's own arithmetic: (n, n_features) float64."""
        whole = self.places(inputs).round().clamp(0, self.levels - 1)
        own, single = (self._standardised(whole, dtype) for dtype in (self.dtype, torch.float32))
        nearer = (single - inputs).norm(dim=1) < (own - inputs).norm(dim=1)
        return torch.where(nearer[:, None], single, own)

    def _standardised(self, whole: Tensor, dtype: torch.dtype) -> Tensor:
        pixels = whole.to(dtype) / (self.levels - 1)
        return ((pixels - self.mean.to(dtype)) / self.std.to(dtype)).double()

    def rows_on_grid(self, left: Residual, neurons: Tensor) -> tuple[Tensor, Tensor]:
        """The neurons whose row is a picture up to its predicted error; 64 pixels are looked at before all.

        Where that error is too wide for one pixel to tell, all pixels together do. Returned beside the neurons is
        how far their snapped pictures may be wrong, as a root mean square: 0 if every pixel told.
        """
        read = torch.finfo(torch.float32).eps  # rounding of pictures that were read as float32
        typical = self.unit * (left.relative_error + read)
        neurons = neurons[typical[neurons] < 0.5]
        n_features = left.sent.shape[1]
        some = torch.arange(0, n_features, max(1, n_features // 64), device=neurons.device)
        for pixels in (some, slice(None)):
            largest, mean = self._of_rows(left, neurons, pixels)
            wide = SAFETY * typical[neurons]
            sharp = largest <= wide.clamp(max=WIDEST)
            blurred = (wide > WIDEST) & (mean <= (1.5 * typical[neurons]).clamp(max=BLURRED))
            neurons, sharp = neurons[sharp | blurred], sharp[sharp | blurred]
        return neurons, torch.where(sharp, 0.0, BLURRED * self.step)

    def _of_rows(self, left: Residual, neurons: Tensor, pixels: Tensor | slice) -> tuple[Tensor, Tensor]:
        """The distances of rows over their bias gradient, a few rows at a time to keep the peak of memory low."""
        parts = neurons.split(ROWS_AT_ONCE)
        found = [self.distances(left.rows(some, pixels) / left.bias[some, None], pixels) for some in parts]
        largest, mean = zip(*found, strict=True)
        return torch.cat(largest), torch.cat(mean)


def picture_grid(levels: int, mean: float | Sequence[float], std: float | Sequence[float], like: Tensor) -> Grid:
    """A grid for rows like these; mean and std are one number, one a channel or one a feature.

    Parameters
    ----------
    levels : number of grey levels, from 2; 256 for 8 bits.
    mean, std : what the client subtracted from pixels in 0..1 and divided by, std above 0.
    like : (..., n_features) floating, rows as the client sent them; their dtype and device are kept.

    Returns
    -------
    :class:`Grid`, its mean and std as (n_features,) float64.

    Raises
    ------
    ValueError
        for fewer than two levels, a std that is not positive, or numbers that do not fit the features.

    Examples
    --------
    >>> grid = picture_grid(256, mean=[0.5, 0.25], std=0.5, like=torch.zeros(1, 4))  # two channels of two pixels
    >>> grid.mean.tolist(), grid.unit
    ([0.5, 0.5, 0.25, 0.25], 191.25)
    """
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 2:
        raise ValueError(f"levels is {levels!r}: a whole number from 2 is needed, 256 for 8-bit pictures")
    spread = {}
    for name, given in {"mean": mean, "std": std}.items():
        values = torch.as_tensor(given, dtype=torch.float64, device=like.device).flatten()
        if not len(values) or like.shape[1] % len(values) or not torch.isfinite(values).all():
            raise ValueError(f"{name} holds {len(values)} numbers for {like.shape[1]} features: give one a channel")
        spread[name] = values.repeat_interleave(like.shape[1] // len(values))
    if (spread["std"] <= 0).any():
        raise ValueError(f"std is {std}; it must be above 0")
    return Grid(levels, spread["mean"], spread["std"], like.dtype)
