"""Which extracted rows are pictures, without the pictures at hand."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.gradients.extraction import Rows

_NEAR = 0.02  # of a grey level


def detect_single(rows: Rows | Tensor, levels: int = 256) -> Tensor:
    """Which rows hold one sample only, told by the grid of its pixel values.

    A picture of k grey levels has values 0, 1/(k-1), ..., 1. A row is taken for one where (k-1) x lies
    within 0.02 of a whole number and in 0..k-1 for every value x. A mean of different pictures lies off
    that grid. The published attack asks for the truth here; this needs none.

    Parameters
    ----------
    rows : :class:`Rows`, or (n_rows, n_features).
    levels : number of grey levels: 256 for 8 bits, 17 for scikit-learn's digits.

    Returns
    -------
    (n_rows,) bool.

    Raises
    ------
    ValueError
        if the rows are no table, or there are fewer than two levels, or so many that the rows' dtype cannot tell
        them apart.

    Examples
    --------
    >>> detect_single(torch.tensor([[51 / 255, 1.0], [51.4 / 255, 1.0], [-1 / 255, 1.0]])).tolist()
    [True, False, False]
    """
    values = rows.inputs if isinstance(rows, Rows) else rows
    if values.ndim != 2:
        raise ValueError(f"rows of shape {tuple(values.shape)}; (n_rows, n_features) is needed")
    if levels < 2:
        raise ValueError(f"levels is {levels}; a picture has at least 2")
    if (levels - 1) * torch.finfo(values.dtype).eps > _NEAR:
        raise ValueError(f"{values.dtype} cannot tell {levels} levels apart: extract in float32 or float64")
    steps = values * (levels - 1)
    whole = steps.round()
    off = steps.sub_(whole).abs_()
    return ((off <= _NEAR) & (whole >= 0) & (whole <= levels - 1)).all(dim=1)
